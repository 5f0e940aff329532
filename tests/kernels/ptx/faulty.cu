#include "faulty.h"

#include "steer-device.cuh"
#include "steer-tensor-core.cuh"

static __global__ void
faulty_fill (float *in)
{
  steer_let_next_begin ();
  steer_wait_for_previous ();
  in[blockIdx.x * blockDim.x + threadIdx.x] = (float) (blockIdx.x * blockDim.x + threadIdx.x);
}

static __global__ void
__launch_bounds__ (FAULTY_N) faulty_turn (int fault, float *in, float *out)
{
  STEER_SHARED (float, room);
  int i = threadIdx.x;
  float early = 0.0f;

  if (fault == FAULTY_EARLY_READ)
    early = in[i];
  if (fault == FAULTY_EARLY_WRITE)
    out[i] = 0.0f;
  steer_wait_for_previous ();

  if (fault == FAULTY_ALIGNMENT || fault == FAULTY_ACROSS_END)
    {
      float4 four = *reinterpret_cast<const float4 *> (in + i / 4 * 4 + (fault == FAULTY_ALIGNMENT ? 1 : 4));

      early = four.x + four.y + four.z + four.w;
    }
  if (fault == FAULTY_END)
    early = in[i + 2];
  if (fault == FAULTY_WRITE_ALIGNMENT)
    *reinterpret_cast<float2 *> (out + 1) = make_float2 (0.0f, 0.0f);
  if (fault == FAULTY_WRITE_END)
    out[FAULTY_N + i] = 0.0f;
  if (fault == FAULTY_CONSTANT_BEFORE)
    {
      early = __ldg (in + i);
      in[i] = early + 1.0f;
    }

  if (fault == FAULTY_COPY)
    {
      if (i < FAULTY_N / 4)
        steer_copy_async (room + 4 * i, in + 4 * i, true);
    }
  else
    room[i] = in[i];
  if (fault == FAULTY_SHARED_ALIGNMENT)
    *reinterpret_cast<float2 *> (room + 1) = make_float2 (early, early);
  if (fault == FAULTY_SHARED_END)
    room[FAULTY_N + i] = 0.0f;
  if (fault == FAULTY_SHARED_ATOMIC)
    atomicAdd (reinterpret_cast<unsigned *> (room), 1u); /* what thread 0 wrote above */
  if (fault == FAULTY_MATRICES)
    {
      unsigned fragments[4];

      steer_load_matrices<false> (fragments, room + i % 8 * 4);
      early = __uint_as_float (fragments[0]);
    }
  if (fault == FAULTY_SHARED_OVERWRITE)
    room[i / 2 * 2] = in[i];
  if (fault != FAULTY_SHARED_READ)
    __syncthreads ();

  float mine = room[FAULTY_N - 1 - i];

  /* That a warp's lanes have met orders nothing of memory. */
  if (fault == FAULTY_SHARED_WRITE)
    {
      mine = __shfl_sync (STEER_ALL_LANES, mine, i % STEER_WARP);
      room[(FAULTY_N - 1 - i) ^ 1] = 0.0f;
    }
  if (fault == FAULTY_MEMBERS && i < 16)
    mine += __shfl_xor_sync (STEER_ALL_LANES, mine, 1) * 0.0f;
  if (fault == FAULTY_CONSTANT)
    {
      in[i] = mine;
      early = __ldg (in + i);
    }
  out[i] = mine + early * 0.0f;
}

/* Two blocks that nothing orders. */
static __global__ void
faulty_meet (int fault, float *in, float *out)
{
  int i = threadIdx.x;
  bool first = blockIdx.x == 0;

  steer_wait_for_previous ();
  if (first)
    out[i] = in[FAULTY_N - 1 - i];
  else if (fault == FAULTY_OTHER_BLOCK_WROTE)
    in[i] = *const_cast<volatile float *> (out + i);
  else if (fault == FAULTY_OTHER_BLOCK_READS)
    in[i] = 0.0f;
  else
    out[i] = 0.0f;
}

/* Two blocks, of which the one that comes last takes what the other wrote. */
static __global__ void
faulty_gather (int fault, float *in, float *out, unsigned *n_ended)
{
  STEER_SHARED (unsigned, place);
  int i = threadIdx.x;

  steer_wait_for_previous ();
  if (blockIdx.x == 0)
    out[i] = in[FAULTY_N - 1 - i];
  if (fault == FAULTY_OTHER_BLOCK_FENCED || fault == FAULTY_OTHER_BLOCK_UNACQUIRED
      || (fault == FAULTY_OTHER_BLOCK_FENCED_BY_ONE && i == FAULTY_N - 1))
    __threadfence ();
  __syncthreads ();
  if (i == 0)
    *place = atomicAdd (n_ended, 1u);
  __syncthreads ();
  if (*place == 0)
    return;
  if (fault != FAULTY_OTHER_BLOCK_UNACQUIRED)
    __threadfence ();
  in[i] = *const_cast<volatile float *> (out + i);
}

static __global__ void
faulty_pass ()
{
}

cudaError_t
faulty_launch (Faulty fault, float *in, float *out, unsigned *n_ended)
{
  SteerCudaQueue queue = {};
  int n_threads = fault == FAULTY_BOUNDS ? 2 * FAULTY_N : FAULTY_N;
  cudaError_t error;

  queue.overlap = 1;
  error = steer_launch (&queue, faulty_fill, dim3 (2), FAULTY_N / 2, 0, in);
  if (error != cudaSuccess)
    return error;
  if (fault == FAULTY_NO_WAIT)
    return steer_launch (&queue, faulty_pass, dim3 (1), FAULTY_N, 0);
  if (fault >= FAULTY_OTHER_BLOCK_WROTE && fault <= FAULTY_OTHER_BLOCK_OVERWRITES)
    return steer_launch (&queue, faulty_meet, dim3 (2), FAULTY_N, 0, (int) fault, in, out);
  if (fault >= FAULTY_OTHER_BLOCK_FENCED && fault <= FAULTY_OTHER_BLOCK_UNACQUIRED)
    return steer_launch (&queue, faulty_gather, dim3 (2), FAULTY_N, sizeof (unsigned), (int) fault, in, out, n_ended);
  return steer_launch (&queue, faulty_turn, dim3 (1), n_threads, FAULTY_N * sizeof (float), (int) fault, in, out);
}
