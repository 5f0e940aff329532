#pragma once

/* The launch that runs and its block, as the threads' checks see them: who used which bytes last. The shim runs one
 * launch at a time, and its blocks one after the other. */

#include "ptx-thread.h"
#include "shim-device.h"

#include <map>
#include <vector>

/* Two bytes of shared memory. Times are counted in barriers that a thread has passed. */
struct PtxSharedCell
{
  uint64_t block; /* serial number of the one that used it last; if it is another, nobody of this one has */
  uint32_t written;
  uint32_t read;
  uint16_t writer;
  uint16_t reader;
  bool atomically;
  bool by_many; /* read by more threads than the reader */
};

/* Two bytes of device memory. */
struct PtxGlobalCell
{
  uint32_t launch;     /* that wrote it last; 0: none has */
  uint32_t block : 31; /* of that launch */
  uint32_t atomically : 1;
  uint32_t read_launch; /* that read it last */
  uint32_t reader;      /* block of that launch, or PTX_MANY_BLOCKS */
};

#define PTX_MANY_BLOCKS 0xffffffffu

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
  bool has_acquired; /* an atomic operation on device memory, and a fence after it */
  bool has_changed;
  bool is_unfenced;                 /* it wrote to device memory and had no fence since then */
  std::vector<bool> ended_unfenced; /* by number: the blocks before it in this launch */
  std::vector<PtxSharedCell> shared;
};

extern PtxLaunch ptx_launch;
extern PtxBlock ptx_block;

/* The allocation in which @address lies, or NULL. */
PtxAllocation *ptx_find_allocation (uint64_t address);

/* Name of the function at @address as the linker knows it, or NULL. */
const char *ptx_find_symbol (const void *address);
