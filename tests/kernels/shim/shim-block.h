#pragma once

#include "cuda_runtime.h"

/* What a thread has for its calls and local variables. */
#define STEER_SHIM_STACK_BYTES (256 * 1024)

/* Runs every block of a grid, one after the other, on the calling thread; one caller at a time. @seed: of the order of
 * blocks and of their threads; 0: that of their numbers. */
void steer_shim_run_grid (dim3 grid, dim3 block, size_t n_shared, const std::function<void ()> &thread, uint64_t seed);
