#pragma once

#include "cuda_runtime.h"
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

/* Gives back what is still allocated on the devices. */
void steer_shim_free_all ();
