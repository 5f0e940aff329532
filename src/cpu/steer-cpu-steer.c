/* What an operation of a plan does to one position; the definition is in steer-plan.h. Every mode is h = s*h + c*v with
 * numbers s and c that come from sums over h, which are float64. */

#include "steer-cpu-steer.h"

#include <math.h>

/* Below this share of |h|^2 what is orthogonal to v is rounding. */
#define NO_REST 1e-4

static void
make_orthogonal (const SteerCpuKernels *kernels, const SteerPlanOp *op, gsize n, float *h)
{
  double a = (double) op->strength;
  double p = kernels->dot (h, op->vector, n);
  double squares = kernels->dot (h, h, n);
  double rest = squares - p * p;
  double s = rest > NO_REST * squares ? sqrt (MAX (squares - a * a, 0.0) / rest) : 0.0;

  kernels->scale (h, n, (float) s);
  kernels->axpy ((float) (a - s * p), op->vector, n, h);
}

/* f(h). The sums that the encoder's input does not need are left out. */
static double
activate (const SteerCpuKernels *kernels, const SteerEncoder *encoder, gsize n, const float *h, double *scale)
{
  double squares = encoder->input != STEER_ENCODER_PLAIN ? kernels->dot (h, h, n) : 0.0;
  double sum = 0.0;
  double pre;

  for (gsize i = 0; encoder->input == STEER_ENCODER_LAYER_NORM && i < n; i++)
    sum += (double) h[i];
  *scale = steer_encoder_get_scale (encoder, squares, sum);
  pre = *scale * kernels->dot (h, encoder->weights, n) + (double) encoder->bias;
  return pre > (double) encoder->threshold ? pre : 0.0;
}

static double
measure_sae_clamp (const SteerCpuKernels *kernels, const SteerPlanOp *op, gsize n, const float *h)
{
  double scale;
  double activation = activate (kernels, op->encoder, n, h, &scale);

  return ((double) op->strength - activation) * (double) op->encoder->gain / scale;
}

static gboolean
is_open (const SteerCpuKernels *kernels, const SteerPlanGate *gate, gsize n, const float *h)
{
  double scale, measured;

  if (gate->when == STEER_WHEN_ALWAYS)
    return TRUE;
  measured
    = gate->encoder != NULL ? activate (kernels, gate->encoder, n, h, &scale) : kernels->dot (h, gate->vector, n);
  return (measured > (double) gate->bound) == (gate->when == STEER_WHEN_ABOVE);
}

/* What is added along v. */
static double
measure (const SteerCpuKernels *kernels, const SteerPlanOp *op, gsize n, const float *h)
{
  double a = (double) op->strength;
  double p;

  if (op->mode == STEER_MODE_ADD)
    return a;
  if (op->mode == STEER_MODE_SAE_CLAMP)
    return measure_sae_clamp (kernels, op, n, h);
  p = kernels->dot (h, op->vector, n);
  switch (op->mode)
    {
    case STEER_MODE_MINIMUM:
      return MAX (a - p, 0.0);
    case STEER_MODE_MAXIMUM:
      return MIN (a - p, 0.0);
    case STEER_MODE_CAP:
      return CLAMP (p, -fabs (a), fabs (a)) - p;
    case STEER_MODE_ADD:
    case STEER_MODE_CLAMP:
    case STEER_MODE_ORTHOGONAL:
    case STEER_MODE_SAE_CLAMP:
    default:
      return a - p;
    }
}

void
steer_cpu_apply_op (const SteerCpuKernels *kernels, const SteerPlanOp *op, gsize d_model, float *h)
{
  float amount;

  if (!is_open (kernels, &op->gate, d_model, h))
    return;
  if (op->mode == STEER_MODE_ORTHOGONAL)
    {
      make_orthogonal (kernels, op, d_model, h);
      return;
    }
  amount = (float) measure (kernels, op, d_model, h);
  if (amount != 0.0f)
    kernels->axpy (amount, op->vector, d_model, h);
}
