/* Memory of the device and of the host, allocated byte for byte, so that AddressSanitizer sees what goes beyond it. */

#include "shim-device.h"

#include <cstdlib>
#include <map>
#include <mutex>
#include <vector>

#define POISON 0xff
#define MAX_DEVICES 4

namespace
{

struct Block
{
  size_t size;
  int device; /* -1: pinned host memory */
  uint64_t serial;
};

std::mutex lock;
std::map<const char *, Block> blocks; /* by address */
size_t total_bytes = (size_t) 1 << 30;
size_t used[MAX_DEVICES];
uint64_t n_allocations;
int n_before_failure = -1;

bool
find (const void *pointer, bool device)
{
  std::lock_guard<std::mutex> guard (lock);
  auto next = blocks.upper_bound ((const char *) pointer);

  if (next == blocks.begin ())
    return false;
  --next;
  return (const char *) pointer < next->first + next->second.size && (next->second.device >= 0) == device;
}

cudaError_t
allocate (void **pointer, size_t size, int device)
{
  std::lock_guard<std::mutex> guard (lock);

  *pointer = nullptr;
  if (size == 0)
    return cudaSuccess;
  if (n_before_failure == 0)
    {
      n_before_failure = -1;
      return cudaErrorMemoryAllocation;
    }
  if (n_before_failure > 0)
    n_before_failure--;
  if (device >= 0 && size > total_bytes - used[device])
    return cudaErrorMemoryAllocation;
  if (posix_memalign (pointer, 256, size) != 0)
    return cudaErrorMemoryAllocation;
  if (device >= 0)
    used[device] += size;
  std::memset (*pointer, POISON, size);
  blocks[(const char *) *pointer] = { size, device, ++n_allocations };
  return cudaSuccess;
}

cudaError_t
release (void *pointer, bool device)
{
  std::lock_guard<std::mutex> guard (lock);
  auto block = blocks.find ((const char *) pointer);

  if (pointer == nullptr)
    return cudaSuccess;
  if (block == blocks.end () || (block->second.device >= 0) != device)
    return cudaErrorInvalidValue;
  if (device)
    used[block->second.device] -= block->second.size;
  blocks.erase (block);
  std::free (pointer);
  return cudaSuccess;
}

} // namespace

bool
steer_shim_is_pinned (const void *pointer)
{
  return find (pointer, false);
}

bool
steer_shim_is_device (const void *pointer)
{
  return find (pointer, true);
}

bool
steer_shim_find_allocation (const void *address, SteerShimAllocation *allocation)
{
  std::lock_guard<std::mutex> guard (lock);
  auto next = blocks.upper_bound ((const char *) address);

  if (next == blocks.begin ())
    return false;
  --next;
  *allocation = { next->second.serial, next->first, next->second.size };
  return (const char *) address < next->first + next->second.size;
}

void
steer_shim_free_all ()
{
  std::lock_guard<std::mutex> guard (lock);

  for (auto block = blocks.begin (); block != blocks.end ();)
    {
      if (block->second.device < 0)
        {
          ++block;
          continue;
        }
      used[block->second.device] -= block->second.size;
      std::free (const_cast<char *> (block->first));
      block = blocks.erase (block);
    }
}

cudaError_t
cudaMalloc (void **pointer, size_t size)
{
  cudaError_t error = steer_shim_report (cudaSuccess);
  int device;

  if (error != cudaSuccess)
    return error;
  cudaGetDevice (&device);
  return steer_shim_report (allocate (pointer, size, device));
}

/* As on a device, where memory is not taken from under a running kernel. */
cudaError_t
cudaFree (void *pointer)
{
  steer_shim_drain ();
  return steer_shim_report (release (pointer, true));
}

cudaError_t
cudaHostAlloc (void **pointer, size_t size, unsigned)
{
  cudaError_t error = steer_shim_report (cudaSuccess);

  return error != cudaSuccess ? error : steer_shim_report (allocate (pointer, size, -1));
}

cudaError_t
cudaMallocHost (void **pointer, size_t size)
{
  return cudaHostAlloc (pointer, size, cudaHostAllocDefault);
}

cudaError_t
cudaHostGetDevicePointer (void **device, void *host, unsigned)
{
  *device = host;
  return steer_shim_report (steer_shim_is_pinned (host) ? cudaSuccess : cudaErrorInvalidValue);
}

cudaError_t
cudaFreeHost (void *pointer)
{
  steer_shim_drain ();
  return steer_shim_report (release (pointer, false));
}

cudaError_t
cudaMemGetInfo (size_t *free, size_t *total)
{
  int device;

  cudaGetDevice (&device);
  *total = total_bytes;
  *free = total_bytes - used[device];
  return steer_shim_report (cudaSuccess);
}

/* What lies in pageable memory is taken at once, as a caller may rely on; it must not be captured. */
cudaError_t
cudaMemcpyAsync (void *to, const void *from, size_t size, cudaMemcpyKind kind, cudaStream_t stream)
{
  bool from_pageable = !steer_shim_is_pinned (from) && !steer_shim_is_device (from);
  bool to_pageable = !steer_shim_is_pinned (to) && !steer_shim_is_device (to);
  cudaStreamCaptureStatus status;
  cudaError_t error;

  if (size == 0)
    return steer_shim_report (cudaSuccess);
  if ((kind == cudaMemcpyDeviceToHost && steer_shim_is_device (to))
      || (kind == cudaMemcpyHostToDevice && steer_shim_is_device (from))
      || (kind == cudaMemcpyDeviceToDevice && (from_pageable || to_pageable)))
    return steer_shim_report (cudaErrorInvalidValue);
  cudaStreamIsCapturing (stream, &status);
  if (status == cudaStreamCaptureStatusActive)
    return from_pageable || to_pageable ? steer_shim_report (cudaErrorStreamCaptureUnsupported)
                                        : steer_shim_enqueue (stream, [=] { std::memcpy (to, from, size); });
  if (!from_pageable)
    error = steer_shim_enqueue (stream, [=] { std::memcpy (to, from, size); });
  else
    error
      = steer_shim_enqueue (stream, [to, bytes = std::vector<char> ((const char *) from, (const char *) from + size)] {
          std::memcpy (to, bytes.data (), bytes.size ());
        });
  if (error == cudaSuccess && to_pageable)
    error = cudaStreamSynchronize (stream);
  return error;
}

cudaError_t
cudaMemcpy (void *to, const void *from, size_t size, cudaMemcpyKind kind)
{
  cudaError_t error = cudaMemcpyAsync (to, from, size, kind, nullptr);

  return error != cudaSuccess ? error : steer_shim_drain ();
}

cudaError_t
cudaMemsetAsync (void *to, int value, size_t size, cudaStream_t stream)
{
  return size == 0 ? steer_shim_report (cudaSuccess)
                   : steer_shim_enqueue (stream, [=] { std::memset (to, value, size); });
}

cudaError_t
cudaMemset (void *to, int value, size_t size)
{
  return cudaMemsetAsync (to, value, size, nullptr);
}

void
steer_shim_set_memory (size_t bytes)
{
  total_bytes = bytes;
}

size_t
steer_shim_get_memory_used ()
{
  std::lock_guard<std::mutex> guard (lock);
  size_t sum = 0;

  for (size_t bytes : used)
    sum += bytes;
  return sum;
}

void
steer_shim_fail_allocation_after (int n)
{
  std::lock_guard<std::mutex> guard (lock);

  n_before_failure = n;
}
