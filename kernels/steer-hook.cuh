#pragma once

/* Steering of one position by a whole block. The definition of the modes is in src/steering/steer-plan.h; the CPU's
 * src/cpu/steer-cpu-steer.c is the reference. Every mode is h = s*h + c*v with numbers s and c that come from sums over
 * h. The products are rounded before they are added, as in the reference. */

#include "steer-row.cuh"

/* SteerMode and SteerEncoderInput, whose headers are not for a GPU's compiler; a test compares the numbers. */
enum
{
  STEER_HOOK_ADD,
  STEER_HOOK_CLAMP,
  STEER_HOOK_MINIMUM,
  STEER_HOOK_MAXIMUM,
  STEER_HOOK_ORTHOGONAL,
  STEER_HOOK_CAP,
  STEER_HOOK_SAE_CLAMP,
};

enum
{
  STEER_HOOK_PLAIN,
  STEER_HOOK_CONSTANT_NORM,
  STEER_HOOK_LAYER_NORM,
};

/* Of SAELens' layer_norm. */
#define STEER_HOOK_LAYER_NORM_EPSILON 1e-5

/* Below this share of |h|^2 what is orthogonal to v is rounding. */
#define STEER_HOOK_NO_REST 1e-6

/* Doubles of room that steer_apply_plan() needs in shared memory. */
#define STEER_HOOK_ROOM(n_threads) (4 * (n_threads) / STEER_WARP)

/* A sum of exact products whose roundings are summed beside it: as good as float64, which many GPUs have only for show.
 */
struct SteerExactSum
{
  float high = 0.0f;
  float low = 0.0f;

  __device__ __forceinline__ void
  add_product (float a, float b)
  {
    float product = __fmul_rn (a, b);
    float sum = __fadd_rn (high, product);
    float part = __fadd_rn (sum, -high);
    float lost = __fadd_rn (__fadd_rn (high, -__fadd_rn (sum, -part)), __fadd_rn (product, -part));

    low = __fadd_rn (low, __fadd_rn (lost, __fmaf_rn (a, b, -product)));
    high = sum;
  }

  __device__ __forceinline__ double
  get () const
  {
    return (double) high + (double) low;
  }
};

/* What the formulas need of h. */
struct SteerHookSums
{
  double projection; /* h.v, for SAE_CLAMP h.w */
  double squares;
  double sum;
};

/* row: the residual of one position; thread t of the block owns vectors t, t + blockDim.x, ... of it. */
template <unsigned parts>
static __device__ __forceinline__ SteerHookSums
steer_measure (SteerRow<parts> row, int n_vectors, const float *direction, double *room)
{
  const float4 *vectors = reinterpret_cast<const float4 *> (direction);
  SteerExactSum projection, squares, plain;

  for (int i = threadIdx.x; i < n_vectors; i += blockDim.x)
    {
      float4 h = row.at (i);
      float4 v = __ldg (vectors + i);

      projection.add_product (h.x, v.x);
      projection.add_product (h.y, v.y);
      projection.add_product (h.z, v.z);
      projection.add_product (h.w, v.w);
      squares.add_product (h.x, h.x);
      squares.add_product (h.y, h.y);
      squares.add_product (h.z, h.z);
      squares.add_product (h.w, h.w);
      plain.add_product (h.x, 1.0f);
      plain.add_product (h.y, 1.0f);
      plain.add_product (h.z, 1.0f);
      plain.add_product (h.w, 1.0f);
    }

  double sums[3] = { projection.get (), squares.get (), plain.get () };

  steer_sum_block<3> (sums, room);
  return { sums[0], sums[1], sums[2] };
}

static __device__ __forceinline__ double
steer_get_encoder_scale (const SteerCudaOp &op, const SteerHookSums &sums, double n)
{
  double variance;

  if (op.input == STEER_HOOK_CONSTANT_NORM)
    return sums.squares > 0.0 ? sqrt (n / sums.squares) : 1.0;
  if (op.input != STEER_HOOK_LAYER_NORM)
    return 1.0;
  variance = fmax (sums.squares - sums.sum * sums.sum / n, 0.0) / fmax (n - 1.0, 1.0);
  return 1.0 / (sqrt (variance) + STEER_HOOK_LAYER_NORM_EPSILON);
}

/* What is added along v; every mode but ORTHOGONAL and ADD. */
static __device__ __forceinline__ double
steer_get_amount (const SteerCudaOp &op, const SteerHookSums &sums, double n)
{
  double a = (double) op.strength;
  double p = sums.projection;
  double scale, pre;

  switch (op.mode)
    {
    case STEER_HOOK_MINIMUM:
      return fmax (a - p, 0.0);
    case STEER_HOOK_MAXIMUM:
      return fmin (a - p, 0.0);
    case STEER_HOOK_CAP:
      return fmin (fmax (p, -fabs (a)), fabs (a)) - p;
    case STEER_HOOK_SAE_CLAMP:
      scale = steer_get_encoder_scale (op, sums, n);
      pre = scale * p + (double) op.bias;
      return (a - (pre > (double) op.threshold ? pre : 0.0)) * (double) op.gain / scale;
    default:
      return a - p;
    }
}

template <unsigned parts>
static __device__ __forceinline__ void
steer_apply_op (SteerRow<parts> row, int n_vectors, const SteerCudaOp &op, double *room)
{
  const float4 *vectors = reinterpret_cast<const float4 *> (op.vector);
  float amount = op.strength;
  float factor = 1.0f;

  if (op.mode != STEER_HOOK_ADD)
    {
      const float *direction = op.mode == STEER_HOOK_SAE_CLAMP ? op.encoder : op.vector;
      SteerHookSums sums = steer_measure (row, n_vectors, direction, room);

      if (op.mode == STEER_HOOK_ORTHOGONAL)
        {
          double a = (double) op.strength;
          double rest = sums.squares - sums.projection * sums.projection;
          double s = rest > STEER_HOOK_NO_REST * sums.squares ? sqrt (fmax (sums.squares - a * a, 0.0) / rest) : 0.0;

          factor = (float) s;
          amount = (float) (a - s * sums.projection);
        }
      else
        amount = (float) steer_get_amount (op, sums, 4.0 * n_vectors);
    }
  if (amount == 0.0f && op.mode != STEER_HOOK_ORTHOGONAL)
    return;
  for (int i = threadIdx.x; i < n_vectors; i += blockDim.x)
    {
      float4 h = row.at (i);
      float4 v = __ldg (vectors + i);

      if (op.mode == STEER_HOOK_ORTHOGONAL)
        h = make_float4 (__fmul_rn (h.x, factor), __fmul_rn (h.y, factor), __fmul_rn (h.z, factor),
                         __fmul_rn (h.w, factor));
      h.x = __fadd_rn (h.x, __fmul_rn (amount, v.x));
      h.y = __fadd_rn (h.y, __fmul_rn (amount, v.y));
      h.z = __fadd_rn (h.z, __fmul_rn (amount, v.z));
      h.w = __fadd_rn (h.w, __fmul_rn (amount, v.w));
      row.at (i) = h;
    }
}

/* The operations of a layer, in their order. */
struct SteerHookOps
{
  const SteerCudaOp *ops;
  int n;
};

/* @plan: (nullable) */
static __device__ __forceinline__ SteerHookOps
steer_find_ops (const SteerCudaPlan *plan, int layer)
{
  if (plan == nullptr)
    return { nullptr, 0 };

  int first = plan->first[layer];

  return { plan->ops + first, plan->first[layer + 1] - first };
}

/* Every thread of the block must call it. room: [STEER_HOOK_ROOM] in shared memory. */
template <unsigned parts>
static __device__ STEER_NOINLINE void
steer_apply_ops (SteerRow<parts> row, int n_vectors, SteerHookOps ops, double *room)
{
  for (int i = 0; i < ops.n; i++)
    steer_apply_op (row, n_vectors, ops.ops[i], room);
}
