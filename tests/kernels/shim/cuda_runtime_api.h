#pragma once

/**
 * SECTION: the part of the CUDA runtime that the backend uses, on the CPU
 *
 * For tests only. Same names, signatures and rules as NVIDIA's header, so that the backend's sources compile against
 * either. Device memory is host memory, filled with 0xff (floats that are not numbers) when it is allocated. A thread
 * of the shim's own works through everything that was put on any stream, in the order in which it was put there: as on
 * a device, what was launched has happened only after a synchronisation, or when it shows in mapped memory.
 * steer-shim.h has what a test can ask of it beyond CUDA.
 */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C"
{
#endif

#define CUDART_VERSION 13000
#define CUDART_CB

  typedef enum cudaError
  {
    cudaSuccess = 0,
    cudaErrorInvalidValue = 1,
    cudaErrorMemoryAllocation = 2,
    cudaErrorInsufficientDriver = 35,
    cudaErrorDevicesUnavailable = 46,
    cudaErrorNoDevice = 100,
    cudaErrorInvalidDevice = 101,
    cudaErrorECCUncorrectable = 214,
    cudaErrorInvalidResourceHandle = 400,
    cudaErrorNotReady = 600,
    cudaErrorIllegalAddress = 700,
    cudaErrorLaunchFailure = 719,
    cudaErrorNotSupported = 801,
    cudaErrorStreamCaptureUnsupported = 900,
    cudaErrorStreamCaptureInvalidated = 901,
    cudaErrorUnknown = 999,
  } cudaError_t;

  const char *cudaGetErrorName (cudaError_t error);
  const char *cudaGetErrorString (cudaError_t error);
  cudaError_t cudaGetLastError (void);
  cudaError_t cudaPeekAtLastError (void);

  /* --- Devices --- */

  typedef struct cudaDeviceProp
  {
    char name[256];
    size_t totalGlobalMem;
    size_t sharedMemPerBlock;
    int warpSize;
    int maxThreadsPerBlock;
    int major;
    int minor;
    int multiProcessorCount;
    int integrated;
    int canMapHostMemory;
    int pciBusID;
    int pciDeviceID;
    int pciDomainID;
    int unifiedAddressing;
    int memoryBusWidth;
    int l2CacheSize;
    size_t sharedMemPerMultiprocessor;
    size_t sharedMemPerBlockOptin;
  } cudaDeviceProp;

  typedef enum cudaDeviceAttr
  {
    cudaDevAttrMaxSharedMemoryPerBlock = 8,
    cudaDevAttrClockRate = 13,
    cudaDevAttrMultiProcessorCount = 16,
    cudaDevAttrMemoryClockRate = 36,
    cudaDevAttrGlobalMemoryBusWidth = 37,
    cudaDevAttrL2CacheSize = 38,
    cudaDevAttrComputeCapabilityMajor = 75,
    cudaDevAttrComputeCapabilityMinor = 76,
    cudaDevAttrMaxSharedMemoryPerBlockOptin = 97,
  } cudaDeviceAttr;

#define cudaDeviceScheduleAuto 0x00
#define cudaDeviceScheduleSpin 0x01
#define cudaDeviceScheduleYield 0x02
#define cudaDeviceScheduleBlockingSync 0x04
#define cudaDeviceMapHost 0x08

  cudaError_t cudaDriverGetVersion (int *version);
  cudaError_t cudaRuntimeGetVersion (int *version);
  cudaError_t cudaGetDeviceCount (int *count);
  cudaError_t cudaGetDevice (int *device);
  cudaError_t cudaSetDevice (int device);
  cudaError_t cudaInitDevice (int device, unsigned int device_flags, unsigned int flags);
  cudaError_t cudaSetDeviceFlags (unsigned int flags);
  cudaError_t cudaGetDeviceProperties (cudaDeviceProp *properties, int device);
  cudaError_t cudaDeviceGetAttribute (int *value, cudaDeviceAttr attribute, int device);
  cudaError_t cudaDeviceSynchronize (void);

  /* Clears a sticky error too, as a new process would on a device. */
  cudaError_t cudaDeviceReset (void);

  /* --- Streams and events --- */

  typedef struct CUstream_st *cudaStream_t;
  typedef struct CUevent_st *cudaEvent_t;
  typedef void (*cudaHostFn_t) (void *data);

#define cudaStreamDefault 0x00
#define cudaStreamNonBlocking 0x01
#define cudaEventDefault 0x00
#define cudaEventBlockingSync 0x01
#define cudaEventDisableTiming 0x02
#define cudaEventWaitDefault 0x00

  cudaError_t cudaStreamCreate (cudaStream_t *stream);
  cudaError_t cudaStreamCreateWithFlags (cudaStream_t *stream, unsigned int flags);
  cudaError_t cudaStreamDestroy (cudaStream_t stream);
  cudaError_t cudaStreamSynchronize (cudaStream_t stream);
  cudaError_t cudaStreamQuery (cudaStream_t stream);
  cudaError_t cudaStreamWaitEvent (cudaStream_t stream, cudaEvent_t event, unsigned int flags);
  cudaError_t cudaLaunchHostFunc (cudaStream_t stream, cudaHostFn_t func, void *data);
  cudaError_t cudaEventCreate (cudaEvent_t *event);
  cudaError_t cudaEventCreateWithFlags (cudaEvent_t *event, unsigned int flags);
  cudaError_t cudaEventDestroy (cudaEvent_t event);
  cudaError_t cudaEventRecord (cudaEvent_t event, cudaStream_t stream);
  cudaError_t cudaEventSynchronize (cudaEvent_t event);
  cudaError_t cudaEventQuery (cudaEvent_t event);
  cudaError_t cudaEventElapsedTime (float *milliseconds, cudaEvent_t start, cudaEvent_t end);

  /* --- Memory --- */

  typedef enum cudaMemcpyKind
  {
    cudaMemcpyHostToHost,
    cudaMemcpyHostToDevice,
    cudaMemcpyDeviceToHost,
    cudaMemcpyDeviceToDevice,
    cudaMemcpyDefault,
  } cudaMemcpyKind;

#define cudaHostAllocDefault 0x00
#define cudaHostAllocPortable 0x01
#define cudaHostAllocMapped 0x02
#define cudaHostAllocWriteCombined 0x04

  cudaError_t cudaMalloc (void **pointer, size_t size);
  cudaError_t cudaFree (void *pointer);
  cudaError_t cudaMallocHost (void **pointer, size_t size);
  cudaError_t cudaHostAlloc (void **pointer, size_t size, unsigned int flags);
  cudaError_t cudaHostGetDevicePointer (void **device, void *host, unsigned int flags);
  cudaError_t cudaFreeHost (void *pointer);
  cudaError_t cudaMemGetInfo (size_t *free, size_t *total);
  cudaError_t cudaMemcpy (void *to, const void *from, size_t size, cudaMemcpyKind kind);
  cudaError_t cudaMemcpyAsync (void *to, const void *from, size_t size, cudaMemcpyKind kind, cudaStream_t stream);
  cudaError_t cudaMemset (void *to, int value, size_t size);
  cudaError_t cudaMemsetAsync (void *to, int value, size_t size, cudaStream_t stream);

  /* --- Graphs: a recorded list of what was put on one stream --- */

  typedef struct CUgraph_st *cudaGraph_t;
  typedef struct CUgraphExec_st *cudaGraphExec_t;

  typedef enum cudaStreamCaptureMode
  {
    cudaStreamCaptureModeGlobal,
    cudaStreamCaptureModeThreadLocal,
    cudaStreamCaptureModeRelaxed,
  } cudaStreamCaptureMode;

  typedef enum cudaStreamCaptureStatus
  {
    cudaStreamCaptureStatusNone,
    cudaStreamCaptureStatusActive,
    cudaStreamCaptureStatusInvalidated,
  } cudaStreamCaptureStatus;

  cudaError_t cudaStreamBeginCapture (cudaStream_t stream, cudaStreamCaptureMode mode);
  cudaError_t cudaStreamEndCapture (cudaStream_t stream, cudaGraph_t *graph);
  cudaError_t cudaStreamIsCapturing (cudaStream_t stream, cudaStreamCaptureStatus *status);
  cudaError_t cudaGraphInstantiate (cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long flags);
  cudaError_t cudaGraphUpload (cudaGraphExec_t exec, cudaStream_t stream);
  cudaError_t cudaGraphLaunch (cudaGraphExec_t exec, cudaStream_t stream);
  cudaError_t cudaGraphDestroy (cudaGraph_t graph);
  cudaError_t cudaGraphExecDestroy (cudaGraphExec_t exec);

#ifdef __cplusplus
}
#endif
