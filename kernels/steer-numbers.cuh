#pragma once

/* Numbers as they are stored, to and from float32. */

#include "steer-device.cuh"

/* The same bits as another type. */
template <typename To, typename From>
static __device__ __forceinline__ To
steer_cast_bits (From from)
{
  To to;

  static_assert (sizeof to == sizeof from, "types of one size");
  memcpy (&to, &from, sizeof to);
  return to;
}

/* Storage of activations, keys and values. */
template <SteerCudaType type> struct SteerNumber;

template <> struct SteerNumber<STEER_CUDA_F32>
{
  typedef float Storage;

  static __device__ __forceinline__ float
  narrow (float x)
  {
    return x;
  }
};

template <> struct SteerNumber<STEER_CUDA_F16>
{
  typedef __half Storage;

  static __device__ __forceinline__ __half
  narrow (float x)
  {
    return __float2half_rn (x);
  }

  /* Two numbers that lie in 32 bits. */
  static __device__ __forceinline__ float2
  widen (unsigned pair)
  {
    return __half22float2 (steer_cast_bits<__half2> (pair));
  }

  static __device__ __forceinline__ unsigned
  narrow_pair (float x, float y)
  {
    return steer_cast_bits<unsigned> (__floats2half2_rn (x, y));
  }
};

template <> struct SteerNumber<STEER_CUDA_BF16>
{
  typedef __nv_bfloat16 Storage;

  static __device__ __forceinline__ __nv_bfloat16
  narrow (float x)
  {
    return __float2bfloat16_rn (x);
  }

  static __device__ __forceinline__ float2
  widen (unsigned pair)
  {
    return make_float2 (__uint_as_float (pair << 16), __uint_as_float (pair & 0xffff0000u));
  }

  static __device__ __forceinline__ unsigned
  narrow_pair (float x, float y)
  {
    return steer_cast_bits<unsigned> (__floats2bfloat162_rn (x, y));
  }
};

/* Eight 16-bit numbers. */
template <SteerCudaType type>
static __device__ __forceinline__ void
steer_widen8 (uint4 raw, float *out)
{
  const unsigned pairs[4] = { raw.x, raw.y, raw.z, raw.w };

#pragma unroll
  for (int i = 0; i < 4; i++)
    {
      float2 two = SteerNumber<type>::widen (pairs[i]);

      out[2 * i] = two.x;
      out[2 * i + 1] = two.y;
    }
}

static __device__ __forceinline__ float
steer_load_half (const void *halves, size_t i)
{
  return __half2float (static_cast<const __half *> (halves)[i]);
}

/* Stores x[0 .. 3] to elements i .. i + 3; i is a multiple of 4. */
static __device__ __forceinline__ void
steer_store4 (SteerCudaType type, void *out, size_t i, float4 x)
{
  if (type == STEER_CUDA_F32)
    static_cast<float4 *> (out)[i / 4] = x;
  else if (type == STEER_CUDA_F16)
    static_cast<uint2 *> (out)[i / 4] = make_uint2 (SteerNumber<STEER_CUDA_F16>::narrow_pair (x.x, x.y),
                                                    SteerNumber<STEER_CUDA_F16>::narrow_pair (x.z, x.w));
  else
    static_cast<uint2 *> (out)[i / 4] = make_uint2 (SteerNumber<STEER_CUDA_BF16>::narrow_pair (x.x, x.y),
                                                    SteerNumber<STEER_CUDA_BF16>::narrow_pair (x.z, x.w));
}

static __device__ __forceinline__ void
steer_store (SteerCudaType type, void *out, size_t i, float x)
{
  if (type == STEER_CUDA_F32)
    static_cast<float *> (out)[i] = x;
  else if (type == STEER_CUDA_F16)
    static_cast<__half *> (out)[i] = __float2half_rn (x);
  else
    static_cast<__nv_bfloat16 *> (out)[i] = __float2bfloat16_rn (x);
}

/* What a score is multiplied with, so that 2^score is wanted and not e^score. */
#define STEER_LOG2_E 1.4426950408889634f

static inline float
steer_get_score_scale (const SteerCudaShape *shape)
{
  return 1.0f / sqrtf (shape->query_scalar > 0.0f ? shape->query_scalar : (float) shape->head_dim);
}

/* cap * tanh (x / cap), to some 2^-24 of the cap. */
static __device__ __forceinline__ float
steer_cap (float x, float cap)
{
  return cap - 2.0f * cap / (1.0f + exp2f (x * (2.8853900817779268f / cap)));
}

/* As SteerCudaGate; by the tanh formula GELU is gate * sigmoid (2 u). */
static __device__ __forceinline__ float
steer_activate (SteerCudaGate kind, float gate)
{
  float x = gate;

  if (kind == STEER_CUDA_GELU)
    x = 1.5957691216057308f * __fmaf_rn (0.044715f * gate * gate, gate, gate);
  return gate / (1.0f + expf (-x));
}

/* The levels of GGUF's IQ4 types, of which four bits tell one: those of the four numbers in the lower half of @codes,
 * the first in the lowest bits. */
static __device__ __forceinline__ unsigned
steer_find_levels (unsigned codes)
{
  unsigned which = codes & 0x7777u;
  unsigned below = __byte_perm (0xbfad9881u, 0xf6eaddcfu, which); /* -127 -104 -83 -65, -49 -35 -22 -10 */
  unsigned above = __byte_perm (0x26190d01u, 0x71594535u, which); /* 1 13 25 38, 53 69 89 113 */

  return __byte_perm (below, above, (codes >> 1 & 0x4444u) | 0x3210u);
}
