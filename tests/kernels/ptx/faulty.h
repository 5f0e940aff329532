#pragma once

#include <cuda_runtime_api.h>

#ifdef __cplusplus
extern "C"
{
#endif

  /* Kernels that each break one rule of ptx-thread.h, lest a rule be there that nothing can break. */
  typedef enum
  {
    FAULTY_NOTHING, /* keeps them all */
    FAULTY_ALIGNMENT,
    FAULTY_END,
    FAULTY_ACROSS_END,
    FAULTY_WRITE_ALIGNMENT,
    FAULTY_WRITE_END,
    FAULTY_SHARED_ALIGNMENT,
    FAULTY_SHARED_END,
    FAULTY_SHARED_READ,
    FAULTY_SHARED_WRITE,
    FAULTY_SHARED_OVERWRITE,
    FAULTY_SHARED_ATOMIC,
    FAULTY_MATRICES,
    FAULTY_COPY,
    FAULTY_EARLY_READ,
    FAULTY_EARLY_WRITE,
    FAULTY_NO_WAIT,
    FAULTY_CONSTANT,
    FAULTY_CONSTANT_BEFORE,
    FAULTY_OTHER_BLOCK_WROTE,
    FAULTY_OTHER_BLOCK_READS,
    FAULTY_OTHER_BLOCK_OVERWRITES,
    FAULTY_OTHER_BLOCK_FENCED, /* keeps the rules too */
    FAULTY_OTHER_BLOCK_UNFENCED,
    FAULTY_OTHER_BLOCK_FENCED_BY_ONE,
    FAULTY_OTHER_BLOCK_UNACQUIRED,
    FAULTY_BOUNDS,
    FAULTY_MEMBERS,
  } Faulty;

#define FAULTY_N 64

  /* Two launches after one another. @in: [FAULTY_N + 1] on the device; the first writes @in[i] = i, but not the last
   * one. @out: [FAULTY_N]; the second writes @out[i] = @in[FAULTY_N - 1 - i], if it ends. @n_ended: 0 */
  cudaError_t faulty_launch (Faulty fault, float *in, float *out, unsigned *n_ended);

#ifdef __cplusplus
}
#endif
