#pragma once

#include "cuda_runtime.h"
#include "shim-block.h"
#include "steer-shim.h"

#include <functional>

/* What the parts of the shim's runtime tell each other. */

/* Puts work on a stream, or into the graph that the stream is captured into. */
cudaError_t steer_shim_enqueue (cudaStream_t stream, std::function<void ()> work);

/* Until everything that was put on any stream is done. */
cudaError_t steer_shim_drain ();

/* Remembers @error for cudaGetLastError() and returns it; a sticky error takes precedence. */
cudaError_t steer_shim_report (cudaError_t error);

/* The bytes lie in memory from cudaHostAlloc(), or on the device. */
bool steer_shim_is_pinned (const void *pointer);
bool steer_shim_is_device (const void *pointer);

/* The allocation in which @address lies. @serial: no other one has it, nor had. */
typedef struct SteerShimAllocation
{
  uint64_t serial;
  const char *start;
  size_t n_bytes;
} SteerShimAllocation;

bool steer_shim_find_allocation (const void *address, SteerShimAllocation *allocation);

/* A launch when its turn has come. */
typedef struct SteerShimLaunch
{
  const void *kernel;
  dim3 grid;
  dim3 block;
  size_t n_shared;
  bool overlaps; /* may begin before the kernel before it has ended */
  const unsigned char *parameters;
  size_t n_parameter_bytes;
  uint64_t operation; /* which one of all on any stream; a graph counts as one more than its parts */
  uint64_t seed;
} SteerShimLaunch;

/* What does a launch in place of the kernels that were compiled for the CPU; NULL: those do. */
extern void (*steer_shim_run_instead) (const SteerShimLaunch *launch);

/* Gives back what is still allocated on the devices. */
void steer_shim_free_all ();
