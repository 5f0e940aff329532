/* usage: steer-ladder [--small] */

#include "ladder.cuh"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#define N_RUNS 21
#define N_THREADS 256

/* --- Memory --- */

void
ladder_check (cudaError_t error)
{
  if (error == cudaSuccess)
    return;
  std::fprintf (stderr, "steer-ladder: %s: %s\n", cudaGetErrorName (error), cudaGetErrorString (error));
  std::exit (2);
}

DeviceBuffer::DeviceBuffer (size_t n_bytes) : data (nullptr), size (n_bytes)
{
  ladder_check (cudaMalloc (&data, n_bytes));
}

DeviceBuffer::~DeviceBuffer ()
{
  cudaFree (data);
}

void
DeviceBuffer::clear ()
{
  ladder_check (cudaMemset (data, 0, size));
}

void
DeviceBuffer::upload (const void *bytes, size_t n_bytes)
{
  ladder_check (cudaMemcpy (data, bytes, n_bytes, cudaMemcpyHostToDevice));
}

void
DeviceBuffer::download (void *bytes, size_t offset, size_t n_bytes) const
{
  ladder_check (cudaDeviceSynchronize ());
  ladder_check (cudaMemcpy (bytes, static_cast<const char *> (data) + offset, n_bytes, cudaMemcpyDeviceToHost));
}

static __global__ void
fill (SteerCudaType type, void *to, size_t n, float scale, unsigned seed)
{
  size_t stride = (size_t) gridDim.x * blockDim.x;

  steer_wait_for_previous ();
  for (size_t i = (size_t) blockIdx.x * blockDim.x + threadIdx.x; i < n; i += stride)
    {
      /* SplitMix64's finish. */
      uint64_t z = (i + 1) * 0x9e3779b97f4a7c15u + seed * 0xd1342543de82ef95u;

      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
      z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
      steer_store (type, to, i, scale * ((float) (unsigned) (z >> 40) * 0x1p-23f - 1.0f));
    }
}

void
ladder_fill (Ladder *ladder, SteerCudaType type, void *to, size_t n, float scale, unsigned seed)
{
  size_t n_blocks = std::min<size_t> ((n + N_THREADS - 1) / N_THREADS, 4096);

  ladder_check (
    steer_launch (&ladder->queue, fill, dim3 ((unsigned) n_blocks), N_THREADS, 0, type, to, n, scale, seed));
  /* Weights are read as memory that nothing writes while a kernel runs, and a kernel may begin before the one before it
   * has ended. */
  ladder_check (cudaDeviceSynchronize ());
}

std::vector<float>
ladder_read (SteerCudaType type, const DeviceBuffer &buffer, size_t offset, size_t n)
{
  std::vector<float> values (n);
  std::vector<uint16_t> stored (n);

  if (type == STEER_CUDA_F32)
    {
      buffer.download (values.data (), offset * 4, n * 4);
      return values;
    }
  buffer.download (stored.data (), offset * 2, n * 2);
  for (size_t i = 0; i < n; i++)
    {
      __half half;
      unsigned bits = (unsigned) stored[i] << 16;

      std::memcpy (&half, &stored[i], 2);
      std::memcpy (&values[i], &bits, 4);
      if (type == STEER_CUDA_F16)
        values[i] = __half2float (half);
    }
  return values;
}

/* --- Timing and telling --- */

double
ladder_time (Ladder *ladder, const std::function<cudaError_t ()> &run)
{
  std::vector<float> times;
  cudaEvent_t begin, end;

  ladder_check (run ());
  ladder_check (cudaDeviceSynchronize ());
  if (ladder->small)
    return 0.0;
  ladder_check (cudaEventCreate (&begin));
  ladder_check (cudaEventCreate (&end));
  for (int i = 0; i < N_RUNS; i++)
    {
      float milliseconds;

      ladder_check (cudaEventRecord (begin, ladder->queue.stream));
      ladder_check (run ());
      ladder_check (cudaEventRecord (end, ladder->queue.stream));
      ladder_check (cudaEventSynchronize (end));
      ladder_check (cudaEventElapsedTime (&milliseconds, begin, end));
      times.push_back (milliseconds);
    }
  cudaEventDestroy (begin);
  cudaEventDestroy (end);
  std::sort (times.begin (), times.end ());
  return times[N_RUNS / 2] * 1e-3;
}

double
ladder_compare (const std::vector<float> &actual, const std::vector<double> &exact)
{
  double scale = 0.0;
  double worst = 0.0;

  for (size_t i = 0; i < exact.size (); i++)
    {
      double difference = std::fabs ((double) actual[i] - exact[i]);

      scale = std::max (scale, std::fabs (exact[i]));
      worst = std::isfinite (difference) ? std::max (worst, difference) : INFINITY;
    }
  return worst / (1.0 + scale);
}

void
ladder_report (Ladder *ladder,
               const char *name,
               double error,
               double tolerance,
               double seconds,
               double n_bytes,
               double n_operations)
{
  bool failed = !(error <= tolerance);

  ladder->n_failed += failed;
  std::printf ("%-4s %-44s error %.1e of %.0e", failed ? "FAIL" : "ok", name, error, tolerance);
  if (seconds > 0.0)
    std::printf ("  %9.1f us  %7.0f GB/s  %3.0f %%", seconds * 1e6, n_bytes / seconds * 1e-9,
                 100.0 * n_bytes / seconds / ladder->bandwidth);
  if (seconds > 0.0 && n_operations > 0.0)
    std::printf ("  %6.1f TFLOP/s", n_operations / seconds * 1e-12);
  std::printf ("\n");
}

/* --- The measure of all: reading --- */

static __global__ void
read_all (const uint4 *from, size_t n, unsigned *sink)
{
  size_t stride = (size_t) gridDim.x * blockDim.x;
  unsigned sum = 0;

  steer_wait_for_previous ();
  for (size_t i = (size_t) blockIdx.x * blockDim.x + threadIdx.x; i < n; i += 4 * stride)
    {
      uint4 raw[4] = {};

#pragma unroll
      for (int u = 0; u < 4; u++)
        if (i + u * stride < n)
          raw[u] = __ldg (from + i + u * stride);
#pragma unroll
      for (int u = 0; u < 4; u++)
        sum += raw[u].x ^ raw[u].y ^ raw[u].z ^ raw[u].w;
    }
  if (sum == 0x12345678u) /* hardly ever: only so that the loads are not left out */
    *sink = sum;
}

static void
measure_bandwidth (Ladder *ladder)
{
  size_t n_bytes = (size_t) 2 << 30;
  DeviceBuffer from (n_bytes);
  DeviceBuffer sink (16);
  double seconds;

  ladder_fill (ladder, STEER_CUDA_F32, from.as<void> (), n_bytes / 4, 1.0f, 1);
  seconds = ladder_time (ladder, [&] {
    return steer_launch (&ladder->queue, read_all, dim3 (ladder->queue.n_processors * 8), N_THREADS, 0,
                         from.as<const uint4> (), n_bytes / 16, sink.as<unsigned> ());
  });
  ladder->bandwidth = n_bytes / seconds;
  std::printf ("reads %.0f GB/s: what the percentages are of\n", ladder->bandwidth * 1e-9);
}

int
main (int argc, char **argv)
{
  Ladder ladder = {};
  cudaDeviceProp properties;

  ladder.small = argc > 1 && std::strcmp (argv[1], "--small") == 0;
  if (argc > 2 || (argc > 1 && !ladder.small))
    {
      std::fprintf (stderr, "usage: steer-ladder [--small]\n");
      return 2;
    }
  ladder_check (cudaGetDeviceProperties (&properties, 0));
  ladder_check (steer_cuda_queue_init (&ladder.queue, nullptr));
  std::printf ("%s, %d multiprocessors, compute capability %d.%d\n", properties.name, properties.multiProcessorCount,
               properties.major, properties.minor);
  if (!ladder.small)
    measure_bandwidth (&ladder);
  ladder_gemv (&ladder);
  ladder_attention (&ladder);
  ladder_rows (&ladder);
  ladder_choose (&ladder);
  return ladder.n_failed == 0 ? 0 : 1;
}
