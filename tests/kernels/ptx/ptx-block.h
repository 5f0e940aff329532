#pragma once

/* The launch that runs and its block, as the threads' checks see them: who used which bytes last. The shim runs one
 * launch at a time, and its blocks one after the other. */

#include "ptx-thread.h"
#include "shim-device.h"

#include <vector>

#define PTX_MANY_THREADS 0xffff
#define PTX_MANY_BLOCKS 0x7fffffffu

/* Two bytes of shared memory. Times are counted in barriers that a thread has passed, and one. */
struct PtxSharedCell
{
  uint64_t block; /* serial number of the one that used it last; if it is another, nobody of this one has */
  uint32_t written;
  uint32_t read;
  uint16_t writer; /* or PTX_MANY_THREADS */
  uint16_t reader; /* or PTX_MANY_THREADS */
  bool atomically; /* every time at that time */
};

/* Two bytes of device memory. */
struct PtxGlobalCell
{
  uint32_t launch;         /* that wrote it last; 0: none has */
  uint32_t block : 31;     /* of that launch */
  uint32_t atomically : 1; /* every time in that launch */
  uint32_t written;        /* time in that block */
  uint16_t writer;
  uint16_t n_fences;        /* that the writer had had before */
  uint32_t read_launch;     /* that read it last */
  uint32_t reader : 31;     /* block of that launch, or PTX_MANY_BLOCKS */
  uint32_t as_constant : 1; /* at least once with ld.global.nc */
};

/* A block's fences: what a thread wrote is to be seen by others behind one of its own, or behind another's when there
 * is a barrier between. */
struct PtxFences
{
  uint32_t last;                /* time of the last one; 0: none */
  std::vector<uint16_t> counts; /* [threads], or empty */
};

struct PtxAllocation
{
  uint64_t serial;
  const char *start;
  size_t n_bytes;
  PtxGlobalCell *cells; /* [n_bytes / 2, up]; memory that is only there where it was touched */
};

struct PtxLaunch
{
  const PtxModule *module;
  const PtxEntry *entry;
  const SteerShimLaunch *shim;
  unsigned char *const *parameters;
  uint32_t number;      /* from 1 on */
  uint32_t n_unordered; /* launches right before it that it may overlap */
};

struct PtxBlock
{
  uint64_t serial;
  uint32_t number; /* in the launch, from 0 on */
  bool waited;
  uint32_t changed;  /* time of its last atomic operation on device memory; 0: none */
  uint32_t changer;  /* thread */
  uint32_t acquired; /* time of the first fence behind such an operation; 0: none */
  std::vector<PtxSharedCell> shared;
  std::vector<PtxFences> fences; /* of all blocks of the launch so far, by number */
};

extern PtxLaunch ptx_launch;
extern PtxBlock ptx_block;

/* The allocation in which @address lies, or NULL. */
PtxAllocation *ptx_find_allocation (uint64_t address);

/* Name of the function at @address as the linker knows it, or NULL. */
const char *ptx_find_symbol (const void *address);
