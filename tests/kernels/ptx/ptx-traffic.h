#pragma once

/* What warps ask of memory at once, counted as a GPU does: requests for device memory in sectors of 32 bytes, those for
 * shared memory in passes over its 32 banks of 4 bytes. The least are those that the bytes would need if they lay best.
 * Not of prefetches, nor of what the caches spare. */

#include "ptx-thread.h"

#include <cstdint>
#include <string>
#include <vector>

struct PtxTraffic
{
  std::string kernel; /* its name without template arguments and parameters */
  std::string place;  /* file:line */
  bool shared;
  bool writes;
  unsigned n_bytes;    /* of a lane */
  uint64_t n_requests; /* of warps */
  uint64_t n_passes;   /* sectors, or passes over the banks */
  uint64_t n_least;
};

/* From now on, or no more; what was counted before is forgotten. */
void ptx_traffic_count (bool count);

/* A line of the source, a width and a way: an entry, in the order of the names. */
std::vector<PtxTraffic> ptx_traffic_get ();

/* --- For ptx-thread.cc and ptx-launch.cc --- */

extern bool ptx_traffic_counts;

/* An access of the running thread. @instruction: no other of its file has this number. */
void ptx_traffic_note (unsigned instruction, PtxPlace place, bool shared, bool writes, uint64_t address, unsigned n);
void ptx_traffic_end_block ();
