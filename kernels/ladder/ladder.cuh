#pragma once

/* The ladder: every kernel by itself, tested and timed, from the plainest way to the one in use. Needs nothing but the
 * kernels and the CUDA runtime, so that it runs on a machine that has only a GPU. */

#include "steer-numbers.cuh"

#include <functional>
#include <vector>

struct Ladder
{
  SteerCudaQueue queue;
  bool small;       /* shapes that a CPU can play through; nothing is timed */
  double bandwidth; /* bytes a second that the device reads at best, measured; 0 when small */
  int n_failed;
};

/* Device memory, given back at the end of its scope. Ends the program when there is none. */
class DeviceBuffer
{
public:
  explicit DeviceBuffer (size_t n_bytes);
  ~DeviceBuffer ();
  DeviceBuffer (const DeviceBuffer &) = delete;
  DeviceBuffer &operator= (const DeviceBuffer &) = delete;

  void clear ();
  void upload (const void *bytes, size_t n_bytes);
  void download (void *bytes, size_t offset, size_t n_bytes) const;

  template <typename T>
  T *
  as () const
  {
    return static_cast<T *> (data);
  }

private:
  void *data;
  size_t size;
};

/* Ends the program with the error's name when there is one. */
void ladder_check (cudaError_t error);

/* Numbers in -scale .. scale that follow from their index and the seed: [n] of F32, F16 or BF16. */
void ladder_fill (Ladder *ladder, SteerCudaType type, void *to, size_t n, float scale, unsigned seed);

/* [n] from @offset on of what was filled, or computed, as numbers. */
std::vector<float> ladder_read (SteerCudaType type, const DeviceBuffer &buffer, size_t offset, size_t n);

/* The median of some runs in seconds, after a warm-up; 0 when small, after one run. */
double ladder_time (Ladder *ladder, const std::function<cudaError_t ()> &run);

/* A rung: its error beside what is allowed, its time, and how much of the device's bandwidth its @n_bytes make. With
 * @n_operations, their rate as well. Counts a failure. */
void ladder_report (Ladder *ladder,
                    const char *name,
                    double error,
                    double tolerance,
                    double seconds,
                    double n_bytes,
                    double n_operations = 0.0);

/* max |actual - exact| / (1 + max |exact|) */
double ladder_compare (const std::vector<float> &actual, const std::vector<double> &exact);

void ladder_gemv (Ladder *ladder);
void ladder_attention (Ladder *ladder);
void ladder_rows (Ladder *ladder);
void ladder_choose (Ladder *ladder);
