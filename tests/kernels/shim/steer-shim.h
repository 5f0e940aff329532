#pragma once

#include "cuda_runtime_api.h"

#ifdef __cplusplus
extern "C"
{
#endif

  /* What a test can ask of the shim beyond CUDA's own functions. Not thread-safe against running kernels. */

  /* Devices in the machine, 0 .. 4; 1 at first. */
  void steer_shim_set_n_devices (int n_devices);

  /* What the driver says when it is asked for devices at all: cudaErrorNoDevice, cudaErrorInsufficientDriver. */
  void steer_shim_set_driver_error (cudaError_t error);

  /* Bytes of memory of every device; 1 GiB at first. Allocations beyond it fail as on a device. */
  void steer_shim_set_memory (size_t bytes);
  size_t steer_shim_get_memory_used (void);

  /* Allocations, pinned memory included, that succeed from now on before one fails for want of memory; -1: none fails.
   */
  void steer_shim_fail_allocation_after (int n);

  /* Operations on streams (a graph counts its parts) that are done from now on before the device is lost with @error:
   * the operation is not done, every call until cudaDeviceReset() returns the error. -1: never. */
  void steer_shim_lose_device_after (int n, cudaError_t error);

  /* Blocks, and the threads of each, run in a shuffled order that follows from the seed; 0 is the order of their
   * numbers. A kernel that lacks a barrier gives other results, or poison, under some seed. */
  void steer_shim_set_seed (uint64_t seed);

  /* Kernels launched so far, those of graphs included. */
  uint64_t steer_shim_get_n_launches (void);

#ifdef __cplusplus
}
#endif
