/* A block of threads as fibers of one CPU thread. A fiber runs until it waits for others, at a barrier of its block or
 * at an exchange within its warp, or until it ends; nothing else interrupts it. */

#include "shim-block.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <random>
#include <sys/mman.h>
#include <vector>

#ifndef __x86_64__
#include <ucontext.h>
#endif

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#define WARP 32

/* What the functions need that a fiber is still in when it ends; they never return, so nobody else tells
 * AddressSanitizer that their frames are gone. */
#define LAST_FRAMES_BYTES 4096

uint3 threadIdx;
uint3 blockIdx;
dim3 blockDim;
dim3 gridDim;

namespace
{

enum class State
{
  ready,
  in_exchange,
  at_barrier,
  ended,
};

struct Stack
{
#ifdef __x86_64__
  void *top; /* where the registers of a stopped fiber lie */
#else
  ucontext_t context;
#endif
  void *bottom = nullptr;
  size_t size = 0;
  void *fake = nullptr; /* AddressSanitizer's */
};

struct Fiber
{
  Stack stack;
  State state;
  uint3 index;
};

struct Warp
{
  unsigned order[WARP];
  unsigned next[WARP]; /* the lane that comes after a lane in this order; after the last one, the first */
  unsigned mask;       /* of the exchange that is under way */
  unsigned size;
  unsigned arrived;
  unsigned generation; /* exchanges that were completed */

  /* Two, because a lane may leave its part of the next exchange before another has read this one's. */
  alignas (16) unsigned char slots[2][WARP * STEER_SHIM_SLOT];
};

struct Block
{
  std::vector<Fiber> fibers;
  std::vector<Warp> warps;
  unsigned n_threads;
  unsigned n_live;
  unsigned n_at_barrier;
  Stack scheduler;
  Fiber *running;
  const std::function<void ()> *thread;
  unsigned char *shared;
};

Block the_block;

[[noreturn]] void
fail (const char *what)
{
  std::fprintf (stderr, "shim: block (%u, %u, %u), thread %u: %s\n", blockIdx.x, blockIdx.y, blockIdx.z, threadIdx.x,
                what);
  std::abort ();
}

/* --- Switching stacks --- */

#ifdef __x86_64__

/* What a called function must preserve is pushed on the old stack and popped from the new one. */
extern "C" void steer_shim_switch_stack (void **old_top, void *new_top);
__asm__(".text\n"
        ".type steer_shim_switch_stack, @function\n"
        "steer_shim_switch_stack:\n"
        "  pushq %rbp\n"
        "  pushq %rbx\n"
        "  pushq %r12\n"
        "  pushq %r13\n"
        "  pushq %r14\n"
        "  pushq %r15\n"
        "  movq %rsp, (%rdi)\n"
        "  movq %rsi, %rsp\n"
        "  popq %r15\n"
        "  popq %r14\n"
        "  popq %r13\n"
        "  popq %r12\n"
        "  popq %rbx\n"
        "  popq %rbp\n"
        "  ret\n"
        ".size steer_shim_switch_stack, . - steer_shim_switch_stack\n");

void
switch_stack (Stack *from, Stack *to)
{
  steer_shim_switch_stack (&from->top, to->top);
}

void
prepare_stack (Stack *stack, void (*entry) ())
{
  void **top = (void **) ((char *) stack->bottom + stack->size);

  *--top = nullptr; /* where a return address would be: a function begins 8 bytes off a multiple of 16 */
  *--top = (void *) entry;
  for (int i = 0; i < 6; i++)
    *--top = nullptr;
  stack->top = top;
}

#else

void
switch_stack (Stack *from, Stack *to)
{
  swapcontext (&from->context, &to->context);
}

void
prepare_stack (Stack *stack, void (*entry) ())
{
  getcontext (&stack->context);
  stack->context.uc_stack.ss_sp = stack->bottom;
  stack->context.uc_stack.ss_size = stack->size;
  stack->context.uc_link = nullptr;
  makecontext (&stack->context, entry, 0);
}

#endif

void
switch_to (Stack *from, Stack *to, [[maybe_unused]] bool for_good)
{
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_start_switch_fiber (for_good ? nullptr : &from->fake, to->bottom, to->size);
#endif
  switch_stack (from, to);
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber (from->fake, nullptr, nullptr);
#endif
}

void
begin_fiber ()
{
#ifdef __SANITIZE_ADDRESS__
  const void *bottom;
  size_t size;

  __sanitizer_finish_switch_fiber (nullptr, &bottom, &size);
  /* A grid's first fiber comes from the scheduler, later ones may come from another fiber. */
  if (the_block.scheduler.bottom == nullptr)
    {
      the_block.scheduler.bottom = const_cast<void *> (bottom);
      the_block.scheduler.size = size;
    }
#endif
  (*the_block.thread) ();
  the_block.running->state = State::ended;
  switch_to (&the_block.running->stack, &the_block.scheduler, true);
}

/* The next lane of the warp goes on at once, if it can: a warp's exchange costs one switch a lane and not two. */
void
wait_for_others (State state)
{
  Fiber *self = the_block.running;
  Fiber *lanes = &the_block.fibers[self->index.x / WARP * WARP];
  const unsigned *next = the_block.warps[self->index.x / WARP].next;
  unsigned lane = next[self->index.x % WARP];

  self->state = state;
  while (&lanes[lane] != self && lanes[lane].state != State::ready)
    lane = next[lane];
  if (&lanes[lane] == self)
    {
      switch_to (&self->stack, &the_block.scheduler, false);
      return;
    }
  the_block.running = &lanes[lane];
  threadIdx = lanes[lane].index;
  switch_to (&self->stack, &lanes[lane].stack, false);
}

/* --- Running a block --- */

void
release_barrier ()
{
  if (the_block.n_at_barrier == 0 || the_block.n_at_barrier < the_block.n_live)
    return;
  for (unsigned i = 0; i < the_block.n_threads; i++)
    if (the_block.fibers[i].state == State::at_barrier)
      the_block.fibers[i].state = State::ready;
  the_block.n_at_barrier = 0;
}

/* Until it, or one that it gave its turn to, finds no other of its warp to go on. */
void
run_fiber (Fiber *fiber)
{
  the_block.running = fiber;
  threadIdx = fiber->index;
  switch_to (&the_block.scheduler, &fiber->stack, false);
  if (the_block.running->state != State::ended)
    return;
  the_block.n_live--;
  release_barrier ();
}

/* A warp runs as far as it gets alone. */
bool
run_warp (unsigned w)
{
  bool ran_any = false;

  for (bool ran = true; ran;)
    {
      ran = false;
      for (unsigned lane : the_block.warps[w].order)
        {
          Fiber *fiber = &the_block.fibers[w * WARP + lane];

          if (fiber->state == State::ready)
            {
              run_fiber (fiber);
              ran = ran_any = true;
            }
        }
    }
  return ran_any;
}

void
prepare_block (dim3 block, std::mt19937_64 *random, std::vector<unsigned> *order)
{
  the_block.n_threads = block.x;
  the_block.n_live = block.x;
  the_block.n_at_barrier = 0;
  while (the_block.fibers.size () < block.x)
    {
      Fiber fiber{};

      fiber.stack.size = STEER_SHIM_STACK_BYTES;
      fiber.stack.bottom = mmap (nullptr, STEER_SHIM_STACK_BYTES, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (fiber.stack.bottom == MAP_FAILED)
        fail ("no memory for its stack");
      the_block.fibers.push_back (fiber);
    }
  for (unsigned i = 0; i < block.x; i++)
    {
      the_block.fibers[i].state = State::ready;
      the_block.fibers[i].index = { i, 0, 0 };
#ifdef __SANITIZE_ADDRESS__
      ASAN_UNPOISON_MEMORY_REGION (
        (char *) the_block.fibers[i].stack.bottom + STEER_SHIM_STACK_BYTES - LAST_FRAMES_BYTES, LAST_FRAMES_BYTES);
#endif
      prepare_stack (&the_block.fibers[i].stack, begin_fiber);
    }
  the_block.warps.resize (block.x / WARP);
  order->resize (block.x / WARP);
  std::iota (order->begin (), order->end (), 0);
  if (random != nullptr)
    std::shuffle (order->begin (), order->end (), *random);
  for (Warp &warp : the_block.warps)
    {
      warp.arrived = 0;
      warp.generation = 0;
      std::iota (warp.order, warp.order + WARP, 0);
      if (random != nullptr)
        std::shuffle (warp.order, warp.order + WARP, *random);
      for (unsigned i = 0; i < WARP; i++)
        warp.next[warp.order[i]] = warp.order[(i + 1) % WARP];
    }
}

void
run_block (const std::vector<unsigned> &order)
{
  while (the_block.n_live > 0)
    {
      bool ran = false;

      for (unsigned w : order)
        ran |= run_warp (w);
      if (!ran)
        fail ("its threads wait for each other for ever: a barrier or an exchange that not all of them reach");
    }
}

} // namespace

void
__syncthreads ()
{
  the_block.n_at_barrier++;
  if (the_block.n_at_barrier == the_block.n_live)
    release_barrier ();
  else
    wait_for_others (State::at_barrier);
}

const unsigned char *
steer_shim_share (unsigned mask, const void *data, unsigned size)
{
  Fiber *self = the_block.running;
  unsigned lane = self->index.x % WARP;
  Warp *warp = &the_block.warps[self->index.x / WARP];
  unsigned char *slots = warp->slots[warp->generation % 2];

  if ((mask >> lane & 1) == 0)
    fail ("takes part in an exchange whose mask leaves it out");
  if (size > STEER_SHIM_SLOT)
    fail ("too many bytes in an exchange");
  if (warp->arrived == 0)
    {
      warp->mask = mask;
      warp->size = size;
    }
  else if (warp->mask != mask || warp->size != size)
    fail ("lanes of a warp meet in different exchanges");
  if (size > 0)
    std::memcpy (slots + lane * STEER_SHIM_SLOT, data, size);
  warp->arrived |= 1u << lane;
  if (warp->arrived != mask)
    {
      wait_for_others (State::in_exchange);
      return slots;
    }
  warp->arrived = 0;
  warp->generation++;
  for (unsigned i = 0; i < WARP; i++)
    {
      Fiber *other = &the_block.fibers[self->index.x / WARP * WARP + i];

      if (other->state == State::in_exchange)
        other->state = State::ready;
    }
  return slots;
}

unsigned char *
steer_shim_get_shared ()
{
  return the_block.shared;
}

void
steer_shim_run_grid (dim3 grid, dim3 block, size_t n_shared, const std::function<void ()> &thread, uint64_t seed)
{
  std::mt19937_64 random (seed);
  std::vector<unsigned> order; /* of a block's warps */
  std::vector<size_t> blocks;  /* in their order */
  /* Of exactly the size that was asked for, so that AddressSanitizer sees an access beyond it. */
  std::unique_ptr<void, decltype (&std::free)> shared (nullptr, std::free);
  void *memory = nullptr;

  if (block.x % WARP != 0 || block.y != 1 || block.z != 1)
    fail ("blocks must be rows of whole warps");
  if (n_shared > 0 && posix_memalign (&memory, 128, n_shared) != 0)
    fail ("no memory for shared memory");
  shared.reset (memory);
  the_block.shared = (unsigned char *) memory;
  the_block.thread = &thread;
  the_block.scheduler.bottom = nullptr;
  gridDim = grid;
  blockDim = block;
  blocks.resize ((size_t) grid.x * grid.y * grid.z);
  std::iota (blocks.begin (), blocks.end (), 0);
  if (seed != 0)
    std::shuffle (blocks.begin (), blocks.end (), random);
  for (size_t block_number : blocks)
    {
      blockIdx.x = (unsigned) (block_number % grid.x);
      blockIdx.y = (unsigned) (block_number / grid.x % grid.y);
      blockIdx.z = (unsigned) (block_number / grid.x / grid.y);
      if (n_shared > 0)
        std::memset (memory, 0xff, n_shared);
      prepare_block (block, seed != 0 ? &random : nullptr, &order);
      run_block (order);
    }
}
