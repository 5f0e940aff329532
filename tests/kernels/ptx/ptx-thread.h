#pragma once

/* A thread of a translated kernel, as it sees memory and its block, and the tables that a translated file gives.
 *
 * Every access is held against what CUDA asks for, and the first that breaks a rule ends the program with the kernel,
 * the thread and the line of the source:
 *
 * - a multiple of its size, and within one allocation or the launch's shared memory;
 * - no two threads use the same bytes of shared memory between two barriers when one of them writes (what nobody wrote
 *   holds the shim's poison);
 * - what cp.async copies is not there before it was waited for;
 * - a kernel that may begin before the one before it has ended (its launch says so) neither reads what a kernel wrote
 *   nor writes at all before griddepcontrol.wait, and every block waits;
 * - ld.global.nc reads nothing that the same launch writes, before or after;
 * - no two blocks of a launch use the same bytes of device memory when one of them writes: unless both do so by atomic
 *   operations, or one does behind such an operation and a fence, and the other had a fence behind what it wrote.
 */

#include "cuda_runtime.h"

#include <cstddef>
#include <cstdint>
#include <vector>

struct PtxPlace
{
  uint32_t file;
  uint32_t line;
};

struct PtxGlobalCell;

class PtxThread
{
public:
  /* --- Memory: of @n bytes, where they lie on the CPU --- */

  const unsigned char *read_global (uint64_t address, unsigned n);
  const unsigned char *read_constant (uint64_t address, unsigned n); /* ld.global.nc */
  unsigned char *write_global (uint64_t address, unsigned n);
  unsigned char *change_global (uint64_t address, unsigned n); /* atomically */
  const unsigned char *read_shared (uint64_t offset, unsigned n);
  unsigned char *write_shared (uint64_t offset, unsigned n);
  unsigned char *change_shared (uint64_t offset, unsigned n);
  const unsigned char *read_generic (uint64_t address, unsigned n);
  unsigned char *write_generic (uint64_t address, unsigned n);
  uint64_t shared_to_generic (uint64_t offset);
  uint64_t generic_to_shared (uint64_t address);

  /* Parameters and local memory, which no other thread sees. */
  static const unsigned char *
  read_own (uint64_t address, unsigned)
  {
    return (const unsigned char *) address;
  }
  static unsigned char *
  write_own (uint64_t address, unsigned)
  {
    return (unsigned char *) address;
  }

  /* --- Together with others --- */

  void wait_for_block ();
  void wait_for_previous ();
  void fence ();
  void copy_async (uint64_t to_shared, uint64_t from_global, uint32_t n_bytes);
  void finish_copies ();

  /* ldmatrix.x4 */
  void load_matrices (uint32_t *fragments, uint64_t row, bool transposed);

  PtxPlace place = { 0, 0 }; /* in the source, of the instruction that is next */
  unsigned instruction = 0;  /* number of the access that is next */

private:
  struct Copy
  {
    uint64_t to;
    unsigned char bytes[16];
  };

  const unsigned char *see_global (uint64_t address, unsigned n, bool constant);
  unsigned char *touch_global (uint64_t address, unsigned n, bool atomically);
  unsigned char *touch_shared (uint64_t offset, unsigned n, bool atomically);
  PtxGlobalCell *find_cells (uint64_t address, unsigned n, const char *use) const;
  bool has_acquired () const;
  void check_shared (uint64_t offset, unsigned n, const char *use) const;
  void mark_shared_read (uint64_t offset, unsigned n);
  bool is_own (uint64_t address) const;
  [[noreturn]] __attribute__ ((format (printf, 2, 3))) void fail (const char *format, ...) const;

  std::vector<Copy> copies;
  uint32_t now = 1; /* barriers passed, and one */
  uint16_t n_fences = 0;
  bool waited = false;
  bool acquired = false; /* by a fence of its own */
};

/* --- What a translated file has --- */

struct PtxParameter
{
  unsigned size;
  unsigned alignment;
};

struct PtxEntry
{
  const char *name;
  void (*run) (PtxThread &thread, unsigned char *const *parameters, unsigned char *returned);
  const PtxParameter *parameters;
  unsigned n_parameters;
  unsigned max_threads;
};

struct PtxConstant
{
  const unsigned char *bytes;
  size_t n_bytes;
};

struct PtxModule
{
  const char *name;
  const PtxEntry *entries; /* the last without a name */
  const PtxConstant *constants;
  const char *const *files; /* [file of a PtxPlace] */
};

/* Has the shim run a module's kernels in place of those that were compiled for the CPU. */
class PtxRegistration
{
public:
  explicit PtxRegistration (const PtxModule *module);
};
