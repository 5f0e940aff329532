/* Compiled once for all kernels; each of them includes what it needs all the same. */
#include "cuda_bf16.h"
#include "cuda_fp16.h"
#include "cuda_runtime.h"
