#pragma once

/* Steering of one position by a whole block. The definition of the modes is in src/steering/steer-plan.h; the CPU's
 * src/cpu/steer-cpu-steer.c is the reference. Every mode is h = s*h + c*v with numbers s and c that come from sums over
 * h. The products are rounded before they are added, as in the reference. */

#include "steer-row.cuh"

/* SteerMode, SteerEncoderInput and SteerWhen, whose headers are not for a GPU's compiler; a test compares the numbers.
 */
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

enum
{
  STEER_HOOK_ALWAYS,
  STEER_HOOK_ABOVE,
  STEER_HOOK_BELOW,
};

/* Of SAELens' layer_norm. */
#define STEER_HOOK_LAYER_NORM_EPSILON 1e-5

/* Below this share of |h|^2 what is orthogonal to v is rounding. */
#define STEER_HOOK_NO_REST 1e-6

/* Doubles of room that steer_apply_ops() needs in shared memory. */
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

    add (product, __fmaf_rn (a, b, -product));
  }

  /* A number and what its rounding lost. */
  __device__ __forceinline__ void
  add (float value, float rest)
  {
    float sum = __fadd_rn (high, value);
    float part = __fadd_rn (sum, -high);
    float lost = __fadd_rn (__fadd_rn (high, -__fadd_rn (sum, -part)), __fadd_rn (value, -part));

    low = __fadd_rn (low, __fadd_rn (lost, rest));
    high = sum;
  }

  /* The lanes' sums, of which lane 0 has the whole one. */
  __device__ __forceinline__ void
  add_lanes ()
  {
    for (int offset = STEER_WARP / 2; offset > 0; offset /= 2)
      add (__shfl_down_sync (STEER_ALL_LANES, high, offset), __shfl_down_sync (STEER_ALL_LANES, low, offset));
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

/* Whether a mode asks for more than the projection. */
static __device__ __forceinline__ bool
steer_needs_squares (const SteerCudaOp &op)
{
  return op.mode == STEER_HOOK_ORTHOGONAL || (op.mode == STEER_HOOK_SAE_CLAMP && op.encoder.input != STEER_HOOK_PLAIN);
}

/* The block's sums, of which its first thread has the whole ones. room: [n, warps of the block] */
template <int n>
static __device__ __forceinline__ void
steer_sum_exactly (SteerExactSum *sums, float2 *room)
{
  int n_warps = blockDim.x / STEER_WARP;
  int warp = threadIdx.x / STEER_WARP;
  int lane = threadIdx.x % STEER_WARP;

  __syncthreads (); /* the room may still be read from the last time */
#pragma unroll
  for (int i = 0; i < n; i++)
    {
      sums[i].add_lanes ();
      if (lane == 0)
        room[i * n_warps + warp] = make_float2 (sums[i].high, sums[i].low);
    }
  __syncthreads ();
  if (warp > 0)
    return;
#pragma unroll
  for (int i = 0; i < n; i++)
    {
      float2 part = lane < n_warps ? room[i * n_warps + lane] : make_float2 (0.0f, 0.0f);

      sums[i].high = part.x;
      sums[i].low = part.y;
      sums[i].add_lanes ();
    }
}

/* row: the residual of one position; thread t of the block owns vectors t, t + blockDim.x, ... of it. The block's first
 * thread gets the sums. */
template <bool squares, unsigned parts>
static __device__ __forceinline__ SteerHookSums
steer_measure (SteerRow<parts> row, int n_vectors, const float *direction, double *room)
{
  const float4 *vectors = reinterpret_cast<const float4 *> (direction);
  SteerExactSum sums[squares ? 3 : 1];

  for (int i = threadIdx.x; i < n_vectors; i += blockDim.x)
    {
      float4 h = row.at (i);
      float4 v = __ldg (vectors + i);

      sums[0].add_product (h.x, v.x);
      sums[0].add_product (h.y, v.y);
      sums[0].add_product (h.z, v.z);
      sums[0].add_product (h.w, v.w);
      if (!squares)
        continue;
      sums[1].add_product (h.x, h.x);
      sums[1].add_product (h.y, h.y);
      sums[1].add_product (h.z, h.z);
      sums[1].add_product (h.w, h.w);
      sums[2].add (h.x, 0.0f);
      sums[2].add (h.y, 0.0f);
      sums[2].add (h.z, 0.0f);
      sums[2].add (h.w, 0.0f);
    }
  steer_sum_exactly<squares ? 3 : 1> (sums, reinterpret_cast<float2 *> (room));
  return { sums[0].get (), squares ? sums[1].get () : 0.0, squares ? sums[2].get () : 0.0 };
}

static __device__ __forceinline__ double
steer_get_encoder_scale (const SteerCudaEncoder &encoder, const SteerHookSums &sums, double n)
{
  double variance;

  if (encoder.input == STEER_HOOK_CONSTANT_NORM)
    return sums.squares > 0.0 ? sqrt (n / sums.squares) : 1.0;
  if (encoder.input != STEER_HOOK_LAYER_NORM)
    return 1.0;
  variance = fmax (sums.squares - sums.sum * sums.sum / n, 0.0) / fmax (n - 1.0, 1.0);
  return 1.0 / (sqrt (variance) + STEER_HOOK_LAYER_NORM_EPSILON);
}

/* f(h) */
static __device__ __forceinline__ double
steer_get_activation (const SteerCudaEncoder &encoder, const SteerHookSums &sums, double scale)
{
  double pre = scale * sums.projection + (double) encoder.bias;

  return pre > (double) encoder.threshold ? pre : 0.0;
}

/* What is added along v; every mode but ORTHOGONAL and ADD. */
static __device__ __forceinline__ double
steer_get_amount (const SteerCudaOp &op, const SteerHookSums &sums, double n)
{
  double a = (double) op.strength;
  double p = sums.projection;
  double scale;

  switch (op.mode)
    {
    case STEER_HOOK_MINIMUM:
      return fmax (a - p, 0.0);
    case STEER_HOOK_MAXIMUM:
      return fmin (a - p, 0.0);
    case STEER_HOOK_CAP:
      return fmin (fmax (p, -fabs (a)), fabs (a)) - p;
    case STEER_HOOK_SAE_CLAMP:
      scale = steer_get_encoder_scale (op.encoder, sums, n);
      return (a - steer_get_activation (op.encoder, sums, scale)) * (double) op.encoder.gain / scale;
    default:
      return a - p;
    }
}

/* h = numbers.x * h + numbers.y * v */
static __device__ __forceinline__ float2
steer_get_numbers (const SteerCudaOp &op, const SteerHookSums &sums, double n)
{
  double a = (double) op.strength;
  double rest = sums.squares - sums.projection * sums.projection;
  double s;

  if (op.mode != STEER_HOOK_ORTHOGONAL)
    return make_float2 (1.0f, (float) steer_get_amount (op, sums, n));
  s = rest > STEER_HOOK_NO_REST * sums.squares ? sqrt (fmax (sums.squares - a * a, 0.0) / rest) : 0.0;
  return make_float2 ((float) s, (float) (a - s * sums.projection));
}

/* What thread 0 finds and tells the others lies behind the sums. */
template <typename T>
static __device__ __forceinline__ T *
steer_get_result (double *room)
{
  return reinterpret_cast<T *> (room + 3 * (blockDim.x / STEER_WARP));
}

template <unsigned parts>
static __device__ __forceinline__ SteerHookSums
steer_measure_some (SteerRow<parts> row, int n_vectors, const float *direction, bool squares, double *room)
{
  return squares ? steer_measure<true> (row, n_vectors, direction, room)
                 : steer_measure<false> (row, n_vectors, direction, room);
}

/* The same, of which each thread has its part of h. By one thread, which tells the others: of float64 many GPUs can do
 * little. */
template <unsigned parts>
static __device__ __forceinline__ float2
steer_find_numbers (SteerRow<parts> row, int n_vectors, const SteerCudaOp &op, double *room)
{
  const float *direction = op.mode == STEER_HOOK_SAE_CLAMP ? op.encoder.weights : op.vector;
  float2 *result = steer_get_result<float2> (room);
  SteerHookSums sums = steer_measure_some (row, n_vectors, direction, steer_needs_squares (op), room);

  if (threadIdx.x == 0)
    *result = steer_get_numbers (op, sums, 4.0 * n_vectors);
  __syncthreads ();
  return *result;
}

/* Whether the operation acts on this h: every thread gets the same answer. */
template <unsigned parts>
static __device__ __forceinline__ bool
steer_is_open (SteerRow<parts> row, int n_vectors, const SteerCudaOp &op, double *room)
{
  int *result = steer_get_result<int> (room);
  SteerHookSums sums = steer_measure_some (row, n_vectors, op.gate.weights, op.gate.input != STEER_HOOK_PLAIN, room);
  double scale;

  if (threadIdx.x == 0)
    {
      scale = steer_get_encoder_scale (op.gate, sums, 4.0 * n_vectors);
      *result = (steer_get_activation (op.gate, sums, scale) > (double) op.bound) == (op.when == STEER_HOOK_ABOVE);
    }
  __syncthreads ();
  return *result != 0;
}

template <unsigned parts>
static __device__ __forceinline__ void
steer_apply_op (SteerRow<parts> row, int n_vectors, const SteerCudaOp &op, double *room)
{
  const float4 *vectors = reinterpret_cast<const float4 *> (op.vector);

  if (op.when != STEER_HOOK_ALWAYS && !steer_is_open (row, n_vectors, op, room))
    return;

  float2 numbers
    = op.mode == STEER_HOOK_ADD ? make_float2 (1.0f, op.strength) : steer_find_numbers (row, n_vectors, op, room);
  float factor = numbers.x;
  float amount = numbers.y;

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
