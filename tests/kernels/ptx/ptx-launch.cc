/* Launches of translated kernels: which of them a launch means, with which parameters, and what must be true of its
 * blocks. */

#include "ptx-block.h"
#include "ptx-traffic.h"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <sys/mman.h>
#include <unordered_map>

PtxLaunch ptx_launch;
PtxBlock ptx_block;

namespace
{

struct Found
{
  const PtxModule *module = nullptr;
  const PtxEntry *entry = nullptr;
};

/* Filled before main(). */
std::vector<const PtxModule *> &
modules ()
{
  static std::vector<const PtxModule *> all;

  return all;
}

std::map<const char *, PtxAllocation> allocations; /* by start */
PtxAllocation *last_found;
uint32_t n_launches;
uint32_t n_in_a_row; /* launches since the last other operation, each of which may overlap the one before */
uint64_t last_operation;
uint64_t n_blocks;

[[noreturn]] void
fail_launch (const char *kernel, const char *what)
{
  std::fprintf (stderr, "%s: %s\n", kernel, what);
  std::abort ();
}

/* The compiler of the CPU's code marks what is static, nvcc does not. */
std::string
plain_name (const char *symbol)
{
  std::string name (symbol);

  if (name.compare (0, 3, "_ZL") == 0)
    name.erase (2, 1);
  return name;
}

Found
find_entry (const void *kernel)
{
  static std::unordered_map<const void *, Found> known;
  auto found = known.find (kernel);
  const char *symbol;

  if (found != known.end ())
    return found->second;
  symbol = ptx_find_symbol (kernel);
  if (symbol == nullptr)
    fail_launch ("a kernel", "the program has no symbol for it");
  for (const PtxModule *module : modules ())
    for (const PtxEntry *entry = module->entries; entry->name != nullptr; entry++)
      if (plain_name (symbol) == entry->name)
        return known[kernel] = { module, entry };
  fail_launch (symbol, "no translated file has this kernel");
}

void
end_block ()
{
  if (ptx_launch.shim->overlaps && !ptx_block.waited)
    fail_launch (ptx_launch.entry->name, "a block ended without griddepcontrol.wait");
  if (ptx_traffic_counts)
    ptx_traffic_end_block ();
}

uint32_t
get_block_number ()
{
  return blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
}

void
begin_block ()
{
  if (ptx_block.number != PTX_MANY_BLOCKS)
    end_block ();
  ptx_block.serial = ++n_blocks;
  ptx_block.number = get_block_number ();
  ptx_block.waited = false;
  ptx_block.changed = 0;
  ptx_block.acquired = 0;
}

void
run_thread ()
{
  PtxThread thread;

  if (ptx_block.number != get_block_number ())
    begin_block ();
  ptx_launch.entry->run (thread, ptx_launch.parameters, nullptr);
}

void
run_launch (const SteerShimLaunch *launch)
{
  Found found = find_entry (launch->kernel);
  std::vector<unsigned char *> parameters;
  size_t offset = 0;

  for (unsigned i = 0; i < found.entry->n_parameters; i++)
    {
      const PtxParameter *parameter = &found.entry->parameters[i];

      offset = (offset + parameter->alignment - 1) / parameter->alignment * parameter->alignment;
      parameters.push_back (const_cast<unsigned char *> (launch->parameters) + offset);
      offset += parameter->size;
    }
  if (offset > launch->n_parameter_bytes)
    fail_launch (found.entry->name, "nvcc and the CPU's compiler disagree on its parameters");
  if (launch->block.x > found.entry->max_threads)
    fail_launch (found.entry->name, "more threads than its launch bounds say");
  n_in_a_row = launch->operation == last_operation + 1 && launch->overlaps ? n_in_a_row + 1 : 0;
  last_operation = launch->operation;
  ptx_launch = { found.module, found.entry, launch, parameters.data (), ++n_launches, n_in_a_row };
  if (ptx_block.shared.size () < launch->n_shared / 2 + 1)
    ptx_block.shared.resize (launch->n_shared / 2 + 1);
  last_found = nullptr;
  ptx_block.fences.assign ((size_t) launch->grid.x * launch->grid.y * launch->grid.z, {});
  ptx_block.number = PTX_MANY_BLOCKS; /* none has begun */
  steer_shim_run_grid (launch->grid, launch->block, launch->n_shared, run_thread, launch->seed);
  end_block ();
}

} // namespace

PtxAllocation *
ptx_find_allocation (uint64_t address)
{
  SteerShimAllocation now;

  if (last_found != nullptr && address - (uint64_t) last_found->start < last_found->n_bytes)
    return last_found;
  if (!steer_shim_find_allocation ((const void *) address, &now))
    return nullptr;
  PtxAllocation &known = allocations[now.start];
  if (known.serial != now.serial)
    {
      size_t n_bytes = (now.n_bytes / 2 + 1) * sizeof *known.cells;
      void *cells;

      if (known.cells != nullptr)
        munmap (known.cells, (known.n_bytes / 2 + 1) * sizeof *known.cells);
      cells = mmap (nullptr, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (cells == MAP_FAILED)
        fail_launch (ptx_launch.entry->name, "no memory for what is known of an allocation");
      known = { now.serial, now.start, now.n_bytes, (PtxGlobalCell *) cells };
    }
  return last_found = &known;
}

PtxRegistration::PtxRegistration (const PtxModule *module)
{
  modules ().push_back (module);
  steer_shim_run_instead = run_launch;
}
