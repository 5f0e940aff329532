/* Devices, streams, events and graphs. One thread does what was put on the streams, in that order, which is one of the
 * orders that CUDA allows. */

#include "shim-device.h"

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

using Work = std::function<void ()>;
using Clock = std::chrono::steady_clock;

#define MAX_SHARED_OPT_IN (96 * 1024)
#define MAX_SHARED (48 * 1024)

struct CUstream_st
{
  uint64_t last = 0; /* ticket of the work that was put on it last */
  bool capturing = false;
  std::vector<Work> captured;
};

struct CUevent_st
{
  uint64_t ticket = 0;
  bool timed = true;
  Clock::time_point time;
};

struct CUgraph_st
{
  std::vector<Work> works;
};

struct CUgraphExec_st
{
  std::vector<Work> works;
};

void (*steer_shim_run_instead) (const SteerShimLaunch *launch);

namespace
{

struct Machine
{
  std::mutex lock;
  std::condition_variable changed;
  std::deque<Work> queue;
  uint64_t n_queued = 0; /* tickets handed out */
  uint64_t n_done = 0;
  std::thread thread;
  bool stopping = false;

  int n_devices = 1;
  cudaError_t driver_error = cudaSuccess;
  cudaError_t sticky = cudaSuccess;
  int n_before_loss = -1;
  cudaError_t loss = cudaSuccess;
  uint64_t seed = 0;
  uint64_t n_launches = 0;
  uint64_t n_operations = 0; /* only the device's thread counts them */
  CUstream_st default_stream;
  std::map<const void *, int> max_shared;

  ~Machine ();
};

Machine machine;
thread_local cudaError_t last_error = cudaSuccess;
thread_local int current_device = 0;

/* An operation on a stream, or a part of a graph. */
void
do_work (const Work &work)
{
  {
    std::lock_guard<std::mutex> guard (machine.lock);

    if (machine.sticky != cudaSuccess)
      return;
    if (machine.n_before_loss == 0)
      {
        machine.sticky = machine.loss;
        machine.n_before_loss = -1;
        return;
      }
    if (machine.n_before_loss > 0)
      machine.n_before_loss--;
  }
  machine.n_operations++;
  work ();
}

void
run_device ()
{
  std::unique_lock<std::mutex> guard (machine.lock);

  for (;;)
    {
      machine.changed.wait (guard, [] { return machine.stopping || !machine.queue.empty (); });
      if (machine.queue.empty ())
        return;
      Work work = std::move (machine.queue.front ());

      machine.queue.pop_front ();
      guard.unlock ();
      work ();
      work = nullptr;
      guard.lock ();
      machine.n_done++;
      machine.changed.notify_all ();
    }
}

Machine::~Machine ()
{
  {
    std::lock_guard<std::mutex> guard (lock);

    stopping = true;
    changed.notify_all ();
  }
  if (thread.joinable ())
    thread.join ();
}

cudaStream_t
resolve (cudaStream_t stream)
{
  return stream != nullptr ? stream : &machine.default_stream;
}

/* With the lock held. Work that cannot be lost, such as the record of an event, is not counted as an operation. */
uint64_t
push (Work work)
{
  if (!machine.thread.joinable ())
    machine.thread = std::thread (run_device);
  machine.queue.push_back (std::move (work));
  machine.changed.notify_all ();
  return ++machine.n_queued;
}

void
wait_until (std::unique_lock<std::mutex> *guard, uint64_t ticket)
{
  machine.changed.wait (*guard, [ticket] { return machine.n_done >= ticket; });
}

} // namespace

/* --- Errors --- */

cudaError_t
steer_shim_report (cudaError_t error)
{
  std::lock_guard<std::mutex> guard (machine.lock);

  if (machine.sticky != cudaSuccess)
    error = machine.sticky;
  if (error != cudaSuccess && error != cudaErrorNotReady)
    last_error = error;
  return error;
}

cudaError_t
cudaGetLastError ()
{
  cudaError_t error = steer_shim_report (cudaSuccess);

  if (error == cudaSuccess)
    error = last_error;
  last_error = cudaSuccess;
  return error;
}

cudaError_t
cudaPeekAtLastError ()
{
  cudaError_t error = steer_shim_report (cudaSuccess);

  return error == cudaSuccess ? last_error : error;
}

#define ERRORS(ERROR)                                                                                                  \
  ERROR (cudaSuccess, "no error")                                                                                      \
  ERROR (cudaErrorInvalidValue, "invalid argument")                                                                    \
  ERROR (cudaErrorMemoryAllocation, "out of memory")                                                                   \
  ERROR (cudaErrorInsufficientDriver, "CUDA driver version is insufficient for CUDA runtime version")                  \
  ERROR (cudaErrorDevicesUnavailable, "CUDA-capable device(s) is/are busy or unavailable")                             \
  ERROR (cudaErrorNoDevice, "no CUDA-capable device is detected")                                                      \
  ERROR (cudaErrorInvalidDevice, "invalid device ordinal")                                                             \
  ERROR (cudaErrorECCUncorrectable, "uncorrectable ECC error encountered")                                             \
  ERROR (cudaErrorInvalidResourceHandle, "invalid resource handle")                                                    \
  ERROR (cudaErrorNotReady, "device not ready")                                                                        \
  ERROR (cudaErrorIllegalAddress, "an illegal memory access was encountered")                                          \
  ERROR (cudaErrorLaunchFailure, "unspecified launch failure")                                                         \
  ERROR (cudaErrorNotSupported, "operation not supported")                                                             \
  ERROR (cudaErrorStreamCaptureUnsupported, "operation not permitted when stream is capturing")                        \
  ERROR (cudaErrorStreamCaptureInvalidated, "operation failed due to a previous error during capture")                 \
  ERROR (cudaErrorUnknown, "unknown error")

const char *
cudaGetErrorName (cudaError_t error)
{
  switch (error)
    {
#define NAME(name, text)                                                                                               \
  case name:                                                                                                           \
    return #name;
      ERRORS (NAME)
    default:
      return "unrecognized error code";
    }
}

const char *
cudaGetErrorString (cudaError_t error)
{
  switch (error)
    {
#define TEXT(name, text)                                                                                               \
  case name:                                                                                                           \
    return text;
      ERRORS (TEXT)
    default:
      return "unrecognized error code";
    }
}

/* --- Devices --- */

cudaError_t
cudaDriverGetVersion (int *version)
{
  *version = machine.driver_error == cudaErrorNoDevice ? 0 : CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t
cudaRuntimeGetVersion (int *version)
{
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t
cudaGetDeviceCount (int *count)
{
  *count = 0;
  if (machine.driver_error != cudaSuccess)
    return steer_shim_report (machine.driver_error);
  if (machine.n_devices == 0)
    return steer_shim_report (cudaErrorNoDevice);
  *count = machine.n_devices;
  return steer_shim_report (cudaSuccess);
}

cudaError_t
cudaGetDevice (int *device)
{
  *device = current_device;
  return steer_shim_report (cudaSuccess);
}

cudaError_t
cudaSetDevice (int device)
{
  if (device < 0 || device >= machine.n_devices)
    return steer_shim_report (cudaErrorInvalidDevice);
  current_device = device;
  return steer_shim_report (machine.driver_error);
}

cudaError_t
cudaInitDevice (int device, unsigned, unsigned)
{
  return cudaSetDevice (device);
}

cudaError_t
cudaSetDeviceFlags (unsigned)
{
  return steer_shim_report (cudaSuccess);
}

cudaError_t
cudaGetDeviceProperties (cudaDeviceProp *properties, int device)
{
  size_t free_bytes, total;

  if (device < 0 || device >= machine.n_devices)
    return steer_shim_report (cudaErrorInvalidDevice);
  cudaMemGetInfo (&free_bytes, &total);
  *properties = cudaDeviceProp{};
  std::snprintf (properties->name, sizeof properties->name, "Shim %d", device);
  properties->totalGlobalMem = total;
  properties->sharedMemPerBlock = MAX_SHARED;
  properties->sharedMemPerBlockOptin = MAX_SHARED_OPT_IN;
  properties->sharedMemPerMultiprocessor = MAX_SHARED_OPT_IN;
  properties->warpSize = 32;
  properties->maxThreadsPerBlock = 1024;
  properties->major = 9;
  properties->multiProcessorCount = 3;
  properties->canMapHostMemory = 1;
  properties->unifiedAddressing = 1;
  properties->pciBusID = device + 1;
  properties->memoryBusWidth = 64;
  properties->l2CacheSize = 512 * 1024;
  return steer_shim_report (cudaSuccess);
}

cudaError_t
cudaDeviceGetAttribute (int *value, cudaDeviceAttr attribute, int device)
{
  cudaDeviceProp properties;
  cudaError_t error = cudaGetDeviceProperties (&properties, device);

  if (error != cudaSuccess)
    return error;
  switch (attribute)
    {
    case cudaDevAttrMaxSharedMemoryPerBlock:
      *value = (int) properties.sharedMemPerBlock;
      break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = (int) properties.sharedMemPerBlockOptin;
      break;
    case cudaDevAttrMultiProcessorCount:
      *value = properties.multiProcessorCount;
      break;
    case cudaDevAttrComputeCapabilityMajor:
      *value = properties.major;
      break;
    case cudaDevAttrComputeCapabilityMinor:
      *value = properties.minor;
      break;
    case cudaDevAttrL2CacheSize:
      *value = properties.l2CacheSize;
      break;
    case cudaDevAttrGlobalMemoryBusWidth:
      *value = properties.memoryBusWidth;
      break;
    case cudaDevAttrClockRate:
    case cudaDevAttrMemoryClockRate:
    default:
      *value = 1000000;
      break;
    }
  return cudaSuccess;
}

cudaError_t
cudaDeviceSynchronize ()
{
  return steer_shim_drain ();
}

cudaError_t
cudaDeviceReset ()
{
  steer_shim_drain ();
  steer_shim_free_all ();
  machine.sticky = cudaSuccess;
  last_error = cudaSuccess;
  return cudaSuccess;
}

/* --- Streams --- */

cudaError_t
steer_shim_enqueue (cudaStream_t stream, Work work)
{
  cudaError_t error = steer_shim_report (cudaSuccess);
  std::lock_guard<std::mutex> guard (machine.lock);

  if (error != cudaSuccess)
    return error;
  stream = resolve (stream);
  if (stream->capturing)
    stream->captured.push_back (std::move (work));
  else
    stream->last = push ([work = std::move (work)] { do_work (work); });
  return cudaSuccess;
}

cudaError_t
steer_shim_drain ()
{
  {
    std::unique_lock<std::mutex> guard (machine.lock);

    wait_until (&guard, machine.n_queued);
  }
  return steer_shim_report (cudaSuccess);
}

cudaError_t
cudaStreamCreateWithFlags (cudaStream_t *stream, unsigned)
{
  cudaError_t error = steer_shim_report (machine.driver_error);

  if (error == cudaSuccess)
    *stream = new CUstream_st;
  return error;
}

cudaError_t
cudaStreamCreate (cudaStream_t *stream)
{
  return cudaStreamCreateWithFlags (stream, cudaStreamDefault);
}

cudaError_t
cudaStreamDestroy (cudaStream_t stream)
{
  cudaError_t error = stream != nullptr ? cudaStreamSynchronize (stream) : cudaErrorInvalidResourceHandle;

  delete stream;
  return steer_shim_report (error);
}

cudaError_t
cudaStreamSynchronize (cudaStream_t stream)
{
  {
    std::unique_lock<std::mutex> guard (machine.lock);

    wait_until (&guard, resolve (stream)->last);
  }
  return steer_shim_report (resolve (stream)->capturing ? cudaErrorStreamCaptureUnsupported : cudaSuccess);
}

cudaError_t
cudaStreamQuery (cudaStream_t stream)
{
  bool done;

  {
    std::lock_guard<std::mutex> guard (machine.lock);

    done = machine.n_done >= resolve (stream)->last;
  }
  return steer_shim_report (done ? cudaSuccess : cudaErrorNotReady);
}

/* Everything is done in the order in which it was asked for. */
cudaError_t
cudaStreamWaitEvent (cudaStream_t, cudaEvent_t, unsigned)
{
  return steer_shim_report (cudaSuccess);
}

cudaError_t
cudaLaunchHostFunc (cudaStream_t stream, cudaHostFn_t func, void *data)
{
  return steer_shim_enqueue (stream, [func, data] { func (data); });
}

/* --- Events --- */

cudaError_t
cudaEventCreateWithFlags (cudaEvent_t *event, unsigned flags)
{
  *event = new CUevent_st;
  (*event)->timed = (flags & cudaEventDisableTiming) == 0;
  return steer_shim_report (cudaSuccess);
}

cudaError_t
cudaEventCreate (cudaEvent_t *event)
{
  return cudaEventCreateWithFlags (event, cudaEventDefault);
}

cudaError_t
cudaEventDestroy (cudaEvent_t event)
{
  cudaEventSynchronize (event);
  delete event;
  return steer_shim_report (cudaSuccess);
}

cudaError_t
cudaEventRecord (cudaEvent_t event, cudaStream_t stream)
{
  cudaError_t error = steer_shim_report (cudaSuccess);
  std::lock_guard<std::mutex> guard (machine.lock);

  if (error != cudaSuccess)
    return error;
  event->ticket = push ([event] { event->time = Clock::now (); });
  resolve (stream)->last = event->ticket;
  return cudaSuccess;
}

cudaError_t
cudaEventSynchronize (cudaEvent_t event)
{
  {
    std::unique_lock<std::mutex> guard (machine.lock);

    wait_until (&guard, event->ticket);
  }
  return steer_shim_report (cudaSuccess);
}

cudaError_t
cudaEventQuery (cudaEvent_t event)
{
  bool done;

  {
    std::lock_guard<std::mutex> guard (machine.lock);

    done = machine.n_done >= event->ticket;
  }
  return steer_shim_report (done ? cudaSuccess : cudaErrorNotReady);
}

cudaError_t
cudaEventElapsedTime (float *milliseconds, cudaEvent_t start, cudaEvent_t end)
{
  cudaError_t error = cudaEventQuery (end);

  if (error == cudaSuccess && (!start->timed || !end->timed))
    error = cudaErrorInvalidResourceHandle;
  if (error == cudaSuccess)
    *milliseconds = std::chrono::duration<float, std::milli> (end->time - start->time).count ();
  return steer_shim_report (error);
}

/* --- Graphs --- */

cudaError_t
cudaStreamBeginCapture (cudaStream_t stream, cudaStreamCaptureMode)
{
  if (stream == nullptr || stream->capturing)
    return steer_shim_report (cudaErrorStreamCaptureUnsupported);
  stream->capturing = true;
  stream->captured.clear ();
  return steer_shim_report (cudaSuccess);
}

cudaError_t
cudaStreamEndCapture (cudaStream_t stream, cudaGraph_t *graph)
{
  *graph = nullptr;
  if (stream == nullptr || !stream->capturing)
    return steer_shim_report (cudaErrorInvalidValue);
  stream->capturing = false;
  cudaError_t status = steer_shim_report (cudaSuccess);
  if (status == cudaSuccess)
    *graph = new CUgraph_st{ std::move (stream->captured) };
  return status;
}

cudaError_t
cudaStreamIsCapturing (cudaStream_t stream, cudaStreamCaptureStatus *status)
{
  *status = resolve (stream)->capturing ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
  return steer_shim_report (cudaSuccess);
}

cudaError_t
cudaGraphInstantiate (cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long)
{
  cudaError_t status = steer_shim_report (cudaSuccess);

  *exec = status == cudaSuccess ? new CUgraphExec_st{ graph->works } : nullptr;
  return status;
}

cudaError_t
cudaGraphUpload (cudaGraphExec_t, cudaStream_t)
{
  return steer_shim_report (cudaSuccess);
}

cudaError_t
cudaGraphLaunch (cudaGraphExec_t exec, cudaStream_t stream)
{
  cudaError_t error = steer_shim_report (cudaSuccess);
  std::lock_guard<std::mutex> guard (machine.lock);

  if (error != cudaSuccess)
    return error;
  resolve (stream)->last = push ([works = exec->works] {
    machine.n_operations++;
    for (const Work &work : works)
      do_work (work);
  });
  return cudaSuccess;
}

cudaError_t
cudaGraphDestroy (cudaGraph_t graph)
{
  delete graph;
  return steer_shim_report (cudaSuccess);
}

cudaError_t
cudaGraphExecDestroy (cudaGraphExec_t exec)
{
  delete exec;
  return steer_shim_report (cudaSuccess);
}

/* --- Kernels --- */

cudaError_t
steer_shim_set_max_shared (const void *kernel, int bytes)
{
  std::lock_guard<std::mutex> guard (machine.lock);

  if (bytes > MAX_SHARED_OPT_IN)
    return cudaErrorInvalidValue;
  machine.max_shared[kernel] = bytes;
  return cudaSuccess;
}

cudaError_t
steer_shim_launch (const cudaLaunchConfig_t *config,
                   const void *kernel,
                   const std::function<void ()> &thread,
                   std::vector<unsigned char> parameters)
{
  dim3 grid = config->gridDim;
  dim3 block = config->blockDim;
  size_t n_shared = config->dynamicSmemBytes;
  bool overlaps = false;
  size_t max_shared = MAX_SHARED;
  auto found = machine.max_shared.find (kernel);

  for (unsigned i = 0; i < config->numAttrs; i++)
    overlaps |= config->attrs[i].id == cudaLaunchAttributeProgrammaticStreamSerialization
                && config->attrs[i].val.programmaticStreamSerializationAllowed != 0;
  if (found != machine.max_shared.end ())
    max_shared = (size_t) found->second > max_shared ? (size_t) found->second : max_shared;
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > 0x7fffffff || grid.y > 65535 || grid.z > 65535
      || block.x == 0 || block.x > 1024 || n_shared > max_shared)
    return steer_shim_report (cudaErrorInvalidValue);
  return steer_shim_enqueue (config->stream, [=] {
    uint64_t seed = machine.seed != 0 ? machine.seed + machine.n_launches + 1 : machine.seed;

    machine.n_launches++;
    if (steer_shim_run_instead != nullptr)
      {
        SteerShimLaunch launch = {
          kernel, grid, block, n_shared, overlaps, parameters.data (), parameters.size (), machine.n_operations, seed,
        };

        steer_shim_run_instead (&launch);
      }
    else
      steer_shim_run_grid (grid, block, n_shared, thread, seed);
  });
}

/* --- What tests ask for --- */

void
steer_shim_set_n_devices (int n_devices)
{
  machine.n_devices = n_devices;
}

void
steer_shim_set_driver_error (cudaError_t error)
{
  machine.driver_error = error;
}

void
steer_shim_lose_device_after (int n, cudaError_t error)
{
  std::lock_guard<std::mutex> guard (machine.lock);

  machine.n_before_loss = n;
  machine.loss = error;
}

void
steer_shim_set_seed (uint64_t seed)
{
  steer_shim_drain ();
  machine.seed = seed;
}

uint64_t
steer_shim_get_n_launches ()
{
  steer_shim_drain ();
  return machine.n_launches;
}
