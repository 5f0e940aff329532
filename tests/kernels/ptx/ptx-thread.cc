/* What a thread does with memory and with others, and the rules that are checked. */

#include "ptx-thread.h"
#include "ptx-arithmetic.h"
#include "ptx-block.h"
#include "ptx-traffic.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>

void
PtxThread::fail (const char *format, ...) const
{
  va_list arguments;

  std::fflush (stdout);
  std::fprintf (stderr, "%s, %s, block (%u, %u, %u), thread %u, %s:%u: ", ptx_launch.module->name,
                ptx_launch.entry->name, blockIdx.x, blockIdx.y, blockIdx.z, threadIdx.x,
                ptx_launch.module->files[place.file], place.line);
  va_start (arguments, format);
  std::vfprintf (stderr, format, arguments);
  va_end (arguments);
  std::fputc ('\n', stderr);
  std::abort ();
}

/* --- Device memory --- */

/* The thread's own variables lie on its fiber's stack, parameters and constants where nothing else is. */
bool
PtxThread::is_own (uint64_t address) const
{
  uint64_t self = (uint64_t) this;
  uint64_t parameters = (uint64_t) ptx_launch.shim->parameters;

  if (address <= self && self - address < STEER_SHIM_STACK_BYTES)
    return true;
  if (address - parameters < ptx_launch.shim->n_parameter_bytes)
    return true;
  for (const PtxConstant *constant = ptx_launch.module->constants; constant->bytes != nullptr; constant++)
    if (address - (uint64_t) constant->bytes < constant->n_bytes)
      return true;
  return false;
}

/* What is known of the bytes; NULL: they are the thread's own. */
PtxGlobalCell *
PtxThread::find_cells (uint64_t address, unsigned n, const char *use) const
{
  PtxAllocation *allocation;

  if (address % n != 0)
    fail ("%s %u bytes at an address that is no multiple of it", use, n);
  allocation = ptx_find_allocation (address);
  if (allocation == nullptr && is_own (address))
    return nullptr;
  if (allocation == nullptr)
    fail ("%s %u bytes where nothing is allocated", use, n);
  if (address + n > (uint64_t) allocation->start + allocation->n_bytes)
    fail ("%s %u bytes at byte %zu of an allocation of %zu", use, n, (size_t) (address - (uint64_t) allocation->start),
          allocation->n_bytes);
  return allocation->cells + (address - (uint64_t) allocation->start) / 2;
}

/* What other blocks wrote before an atomic operation of this one may be used. */
bool
PtxThread::has_acquired () const
{
  return acquired || (ptx_block.acquired != 0 && now > ptx_block.acquired);
}

static bool
has_fence_behind (const PtxGlobalCell &cell)
{
  const PtxFences &fences = ptx_block.fences[cell.block];

  return fences.last > cell.written
         || (cell.writer < fences.counts.size () && fences.counts[cell.writer] > cell.n_fences);
}

const unsigned char *
PtxThread::see_global (uint64_t address, unsigned n, bool constant)
{
  PtxGlobalCell *cells = find_cells (address, n, "reads");

  if (cells == nullptr)
    return (const unsigned char *) address;
  if (ptx_traffic_counts)
    ptx_traffic_note (instruction, place, false, false, address, n);
  for (unsigned i = 0; i < (n + 1) / 2; i++)
    {
      PtxGlobalCell *cell = &cells[i];
      uint32_t before = ptx_launch.number - cell->launch;
      bool of_other_block = cell->launch != 0 && before == 0 && cell->block != ptx_block.number;

      if (cell->read_launch != ptx_launch.number)
        {
          cell->reader = ptx_block.number;
          cell->as_constant = false;
        }
      else if (cell->reader != ptx_block.number)
        cell->reader = PTX_MANY_BLOCKS;
      cell->read_launch = ptx_launch.number;
      cell->as_constant |= constant;
      if (cell->launch == 0)
        continue;
      if (before == 0 && constant)
        fail ("reads with ld.global.nc what the same launch writes");
      if (of_other_block && !has_acquired ())
        fail ("reads what block %u of the same launch wrote, without an atomic operation and a fence before",
              cell->block);
      if (of_other_block && !cell->atomically && !has_fence_behind (*cell))
        fail ("reads what thread %u of block %u of the same launch wrote, which had no fence behind it", cell->writer,
              cell->block);
      if (before > 0 && before <= ptx_launch.n_unordered && !waited)
        fail ("reads before griddepcontrol.wait what the launch %u before wrote", before);
    }
  return (const unsigned char *) address;
}

const unsigned char *
PtxThread::read_global (uint64_t address, unsigned n)
{
  return see_global (address, n, false);
}

const unsigned char *
PtxThread::read_constant (uint64_t address, unsigned n)
{
  return see_global (address, n, true);
}

unsigned char *
PtxThread::touch_global (uint64_t address, unsigned n, bool atomically)
{
  PtxGlobalCell *cells = find_cells (address, n, "writes");

  if (cells == nullptr)
    fail ("writes %u bytes to what must not change", n);
  if (ptx_traffic_counts)
    ptx_traffic_note (instruction, place, false, true, address, n);
  if (ptx_launch.shim->overlaps && !waited)
    fail ("writes before griddepcontrol.wait");
  for (unsigned i = 0; i < (n + 1) / 2; i++)
    {
      PtxGlobalCell *cell = &cells[i];
      bool again = cell->launch == ptx_launch.number;

      if (again && cell->block != ptx_block.number && !(cell->atomically && atomically) && !has_acquired ())
        fail ("writes what block %u of the same launch wrote", cell->block);
      if (cell->read_launch == ptx_launch.number && cell->reader != ptx_block.number && !has_acquired ())
        fail ("writes what another block of the same launch reads");
      if (cell->read_launch == ptx_launch.number && cell->as_constant)
        fail ("writes what the same launch reads with ld.global.nc");
      cell->atomically = atomically && (!again || cell->atomically);
      cell->launch = ptx_launch.number;
      cell->block = ptx_block.number;
      cell->written = now;
      cell->writer = (uint16_t) threadIdx.x;
      cell->n_fences = n_fences;
    }
  return (unsigned char *) address;
}

unsigned char *
PtxThread::write_global (uint64_t address, unsigned n)
{
  return touch_global (address, n, false);
}

unsigned char *
PtxThread::change_global (uint64_t address, unsigned n)
{
  ptx_block.changed = now;
  ptx_block.changer = threadIdx.x;
  return touch_global (address, n, true);
}

/* --- Shared memory --- */

static PtxSharedCell *
find_shared (uint64_t offset)
{
  return &ptx_block.shared[offset / 2];
}

static void
begin_cell (PtxSharedCell *cell)
{
  if (cell->block == ptx_block.serial)
    return;
  *cell = {};
  cell->block = ptx_block.serial;
}

void
PtxThread::check_shared (uint64_t offset, unsigned n, const char *use) const
{
  if (offset % n != 0)
    fail ("%s %u bytes of shared memory at an address that is no multiple of it", use, n);
  if (offset > ptx_launch.shim->n_shared || n > ptx_launch.shim->n_shared - offset)
    fail ("%s %u bytes at byte %zu of %zu of shared memory", use, n, (size_t) offset, ptx_launch.shim->n_shared);
}

void
PtxThread::mark_shared_read (uint64_t offset, unsigned n)
{
  for (PtxSharedCell *cell = find_shared (offset); cell < find_shared (offset) + (n + 1) / 2; cell++)
    {
      begin_cell (cell);
      if (cell->written == now && cell->writer != threadIdx.x)
        fail ("reads shared memory that another thread writes, without a barrier between them, %u bytes at byte %zu", n,
              (size_t) offset);
      cell->reader = (uint16_t) (cell->read == now && cell->reader != threadIdx.x ? PTX_MANY_THREADS : threadIdx.x);
      cell->read = now;
    }
}

const unsigned char *
PtxThread::read_shared (uint64_t offset, unsigned n)
{
  check_shared (offset, n, "reads");
  if (ptx_traffic_counts)
    ptx_traffic_note (instruction, place, true, false, offset, n);
  mark_shared_read (offset, n);
  return steer_shim_get_shared () + offset;
}

unsigned char *
PtxThread::touch_shared (uint64_t offset, unsigned n, bool atomically)
{
  check_shared (offset, n, "writes");
  for (PtxSharedCell *cell = find_shared (offset); cell < find_shared (offset) + (n + 1) / 2; cell++)
    {
      bool again, by_other;

      begin_cell (cell);
      again = cell->written == now;
      by_other = again && cell->writer != threadIdx.x;
      if (by_other && !(cell->atomically && atomically))
        fail ("writes shared memory that another thread writes, without a barrier between them, %u bytes at byte %zu",
              n, (size_t) offset);
      if (cell->read == now && cell->reader != threadIdx.x)
        fail ("writes shared memory that another thread reads, without a barrier between them, %u bytes at byte %zu", n,
              (size_t) offset);
      cell->writer = (uint16_t) (by_other ? PTX_MANY_THREADS : threadIdx.x);
      cell->atomically = atomically && (!again || cell->atomically);
      cell->written = now;
    }
  return steer_shim_get_shared () + offset;
}

unsigned char *
PtxThread::write_shared (uint64_t offset, unsigned n)
{
  if (ptx_traffic_counts)
    ptx_traffic_note (instruction, place, true, true, offset, n);
  return touch_shared (offset, n, false);
}

/* Others may change it at the same time, if they do so atomically. */
unsigned char *
PtxThread::change_shared (uint64_t offset, unsigned n)
{
  if (ptx_traffic_counts)
    ptx_traffic_note (instruction, place, true, true, offset, n);
  return touch_shared (offset, n, true);
}

uint64_t
PtxThread::shared_to_generic (uint64_t offset)
{
  return (uint64_t) steer_shim_get_shared () + offset;
}

uint64_t
PtxThread::generic_to_shared (uint64_t address)
{
  uint64_t offset = address - (uint64_t) steer_shim_get_shared ();

  if (offset > ptx_launch.shim->n_shared)
    fail ("takes an address for one of shared memory");
  return offset;
}

/* --- Memory of any kind --- */

const unsigned char *
PtxThread::read_generic (uint64_t address, unsigned n)
{
  uint64_t offset = address - (uint64_t) steer_shim_get_shared ();

  return offset < ptx_launch.shim->n_shared ? read_shared (offset, n) : read_global (address, n);
}

unsigned char *
PtxThread::write_generic (uint64_t address, unsigned n)
{
  uint64_t offset = address - (uint64_t) steer_shim_get_shared ();

  if (offset < ptx_launch.shim->n_shared)
    return write_shared (offset, n);
  if (address <= (uint64_t) this && (uint64_t) this - address < STEER_SHIM_STACK_BYTES)
    return (unsigned char *) address;
  return write_global (address, n);
}

/* --- Together with others --- */

void
PtxThread::wait_for_block ()
{
  now++;
  __syncthreads ();
}

void
PtxThread::wait_for_previous ()
{
  waited = true;
  ptx_block.waited = true;
}

void
PtxThread::fence ()
{
  PtxFences *fences = &ptx_block.fences[ptx_block.number];

  if (fences->counts.empty ())
    fences->counts.resize (blockDim.x);
  fences->counts[threadIdx.x] = ++n_fences;
  fences->last = now;
  if (ptx_block.changed != 0 && (ptx_block.changer == threadIdx.x || ptx_block.changed < now))
    {
      acquired = true;
      if (ptx_block.acquired == 0)
        ptx_block.acquired = now;
    }
}

/* The bytes are on their way, in no order: until they are waited for, others are there. */
void
PtxThread::copy_async (uint64_t to_shared, uint64_t from_global, uint32_t n_bytes)
{
  Copy copy = { to_shared, {} };

  if (n_bytes != 0 && n_bytes != 16)
    fail ("copies %u bytes", n_bytes);
  if (n_bytes != 0)
    std::memcpy (copy.bytes, read_global (from_global, 16), 16);
  std::memset (write_shared (to_shared, 16), 0xa5, 16);
  copies.push_back (copy);
}

void
PtxThread::finish_copies ()
{
  for (const Copy &copy : copies)
    std::memcpy (touch_shared (copy.to, 16, false), copy.bytes, 16);
  copies.clear ();
}

void
PtxThread::load_matrices (uint32_t *fragments, uint64_t row, bool transposed)
{
  const unsigned char *rows;
  uint32_t lane = threadIdx.x % 32;

  check_shared (row, 16, "reads");
  if (ptx_traffic_counts)
    ptx_traffic_note (instruction, place, true, false, row, 16);
  rows = steer_shim_share (0xffffffffu, &row, sizeof row);
  for (uint32_t matrix = 0; matrix < 4; matrix++)
    {
      fragments[matrix] = 0;
      for (uint32_t i = 0; i < 2; i++)
        {
          uint32_t r = transposed ? 2 * (lane % 4) + i : lane / 4;
          uint32_t c = transposed ? lane / 4 : 2 * (lane % 4) + i;
          uint64_t from = ptx_read<uint64_t> (rows + (8 * matrix + r) * STEER_SHIM_SLOT) + 2 * c;

          mark_shared_read (from, 2);
          fragments[matrix] |= (uint32_t) ptx_read<uint16_t> (steer_shim_get_shared () + from) << (16 * i);
        }
    }
}
