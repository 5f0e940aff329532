#pragma once

#include "steer-device.cuh"

/**
 * SteerRow:
 *
 * A row of activations, as vectors of four floats. In shared memory it may be staged for products: @parts, a power of
 * two, is how many vectors of it a lane multiplies with one piece of the weights, and the vectors lie so that the lanes
 * of a warp, each at its own piece, read neighbours. With one part they lie in their own order.
 */
template <unsigned parts> struct SteerRow
{
  float4 *vectors;

  __device__ __forceinline__ float4 &
  at (unsigned i) const
  {
    unsigned chunk = i / (STEER_WARP * parts);
    unsigned rest = i % (STEER_WARP * parts);

    return vectors[(chunk * parts + rest % parts) * STEER_WARP + rest / parts];
  }
};

/* Vectors that a staged row of @depth elements takes. */
static __host__ __device__ __forceinline__ int
steer_get_staged_vectors (int depth, int parts)
{
  int chunk = STEER_WARP * parts;

  return (depth / 4 + chunk - 1) / chunk * chunk;
}
