/* Choosing a token, with the result of src/chat/steer-sampler.c, which is the definition: repetition penalty,
 * temperature, top-k, top-p, min-p, then the token whose interval of the cumulative distribution holds the uniform
 * number, in the order of falling logit and rising id.
 *
 * Nothing is sorted as a whole. All that is asked of the order is where a count or a sum of weights is reached, so the
 * tokens are dealt into bins of falling logit, the bin where it is reached is found, and within that bin the token,
 * digit by digit of its place in the order. Weights are summed as whole numbers, so the order in which threads add them
 * does not matter.
 *
 * 1. prepare: penalty and temperature; the first of the largest logits
 * 2. weigh: every token's weight and bin
 * 3. deal: tokens into their bins
 * 4. choose: one block a column */

#include "steer-device.cuh"

#include <math.h>

#define N_THREADS 256
#define N_BINS 2048

/* Bins are so many a unit of logit. A token in the last bin or beyond is less likely than the first by e^-32, which is
 * less than a weight can say. */
#define BINS_A_UNIT 64.0f

/* Tokens that a thread of the first three kernels takes. */
#define TOKENS_A_THREAD 8

#define N_DIGITS 256

static_assert (N_DIGITS == N_THREADS, "a thread a digit");

typedef unsigned long long Weight;

/* A token's place in the order: a larger key comes first. */
typedef unsigned long long Key;

struct Entry
{
  Key key;
  Weight weight;
};

/* Of one column; zero between two calls. */
struct State
{
  Key best;
  Weight total;
  unsigned n_likely; /* tokens not less likely than min-p times the first */
  unsigned unused;
  unsigned counts[N_BINS];
  unsigned taken[N_BINS]; /* places of a bin that were given away */
  Weight weights[N_BINS];
};

struct ChooseJob
{
  float *logits;
  int n_vocab;
  double one; /* the weight of the most likely token: a power of two, so that the sum of all fits */
  const SteerCudaChoice *choices;
  State *states;    /* [n_columns] */
  Weight *weighed;  /* [n_columns, n_vocab] */
  Entry *entries;   /* [n_columns, n_vocab], bin by bin */
  uint64_t *chosen; /* [n_columns] */
};

/* Both zeros are one number. */
static __device__ __forceinline__ Key
make_key (float logit, int id)
{
  unsigned bits = __float_as_uint (logit == 0.0f ? 0.0f : logit);
  unsigned ordered = bits >> 31 != 0 ? ~bits : bits | 0x80000000u;

  return (Key) ordered << 32 | (0xffffffffu - (unsigned) id);
}

static __device__ __forceinline__ int
get_id (Key key)
{
  return (int) (0xffffffffu - (unsigned) key);
}

static __device__ __forceinline__ float
get_logit (Key key)
{
  unsigned ordered = (unsigned) (key >> 32);

  return __uint_as_float (ordered >> 31 != 0 ? ordered & 0x7fffffffu : ~ordered);
}

static __device__ __forceinline__ int
get_bin (float logit, float max)
{
  float distance = (max - logit) * BINS_A_UNIT;

  return distance < (float) (N_BINS - 1) ? (int) distance : N_BINS - 1;
}

/* The first token is certain: greedy, or there is no distribution. */
static __device__ __forceinline__ bool
is_certain (const SteerCudaChoice &choice, float max)
{
  return choice.temperature <= 0.0 || max == INFINITY || max == -INFINITY;
}

static __device__ __forceinline__ float
prepare_logit (const SteerCudaChoice &choice, float logit, int id)
{
  float penalty = (float) choice.repetition_penalty;

  if (choice.seen != nullptr && choice.repetition_penalty != 1.0 && (choice.seen[id / 32] >> (id % 32) & 1) != 0)
    logit = logit < 0.0f ? logit * penalty : logit / penalty;
  if (isnan (logit))
    logit = -INFINITY;
  if (choice.temperature > 0.0)
    logit = (float) ((double) logit / choice.temperature);
  /* A logit of 0 over a temperature of 0 does not come here; infinity over one stays what it is. */
  return logit;
}

/* grid: parts of the vocabulary, columns */
static __global__ void
steer_choose_prepare (const ChooseJob job)
{
  float *logits = job.logits + (size_t) blockIdx.y * job.n_vocab;
  Key best = 0;

  steer_let_next_begin ();
  steer_wait_for_previous ();
  SteerCudaChoice choice = job.choices[blockIdx.y];

  for (int id = blockIdx.x * N_THREADS + threadIdx.x; id < job.n_vocab; id += gridDim.x * N_THREADS)
    {
      float logit = prepare_logit (choice, logits[id], id);

      logits[id] = logit;
      best = max (best, make_key (logit, id));
    }
  for (int offset = STEER_WARP / 2; offset > 0; offset /= 2)
    best = max (best, __shfl_xor_sync (STEER_ALL_LANES, best, offset));
  if (threadIdx.x % STEER_WARP == 0)
    atomicMax (&job.states[blockIdx.y].best, best);
}

struct Bins
{
  Weight weights[N_BINS];
  unsigned counts[N_BINS];
};

/* grid: parts of the vocabulary, columns. shared memory: Bins */
static __global__ void
steer_choose_weigh (const ChooseJob job)
{
  STEER_SHARED (Bins, bins);
  const float *logits = job.logits + (size_t) blockIdx.y * job.n_vocab;
  State *state = &job.states[blockIdx.y];
  Weight total = 0;
  unsigned n_likely = 0;

  steer_let_next_begin ();
  steer_wait_for_previous ();
  SteerCudaChoice choice = job.choices[blockIdx.y];
  float max = get_logit (state->best);

  if (is_certain (choice, max))
    return;
  for (int i = threadIdx.x; i < N_BINS; i += N_THREADS)
    {
      bins->weights[i] = 0;
      bins->counts[i] = 0;
    }
  __syncthreads ();
  for (int id = blockIdx.x * N_THREADS + threadIdx.x; id < job.n_vocab; id += gridDim.x * N_THREADS)
    {
      double likelihood = exp ((double) logits[id] - (double) max);
      Weight weight = (Weight) (likelihood * job.one + 0.5);

      if (logits[id] == -INFINITY)
        continue;
      job.weighed[(size_t) blockIdx.y * job.n_vocab + id] = weight;
      atomicAdd (&bins->weights[get_bin (logits[id], max)], weight);
      atomicAdd (&bins->counts[get_bin (logits[id], max)], 1u);
      total += weight;
      n_likely += likelihood >= choice.min_p;
    }
  total = steer_sum_lanes (total);
  n_likely = steer_sum_lanes (n_likely);
  if (threadIdx.x % STEER_WARP == 0)
    {
      atomicAdd (&state->total, total);
      atomicAdd (&state->n_likely, n_likely);
    }
  __syncthreads ();
  for (int i = threadIdx.x; i < N_BINS; i += N_THREADS)
    if (bins->counts[i] > 0)
      {
        atomicAdd (&state->weights[i], bins->weights[i]);
        atomicAdd (&state->counts[i], bins->counts[i]);
      }
}

/* The sum of what the threads before this one have. room: [warps of the block] */
template <typename T>
static __device__ __forceinline__ T
sum_before (T value, T *room)
{
  int lane = threadIdx.x % STEER_WARP;
  int warp = threadIdx.x / STEER_WARP;
  T inclusive = value;

  for (int offset = 1; offset < STEER_WARP; offset *= 2)
    {
      T other = __shfl_up_sync (STEER_ALL_LANES, inclusive, offset);

      if (lane >= offset)
        inclusive += other;
    }
  __syncthreads ();
  if (lane == STEER_WARP - 1)
    room[warp] = inclusive;
  __syncthreads ();
  for (int w = 0; w < warp; w++)
    inclusive += room[w];
  return inclusive - value;
}

struct Dealing
{
  unsigned places[N_BINS]; /* where the next token of a bin goes */
  unsigned counts[N_BINS];
  unsigned room[N_THREADS / STEER_WARP];
};

/* grid: parts of the vocabulary, columns. shared memory: Dealing */
static __global__ void
steer_choose_deal (const ChooseJob job)
{
  STEER_SHARED (Dealing, dealing);
  const float *logits = job.logits + (size_t) blockIdx.y * job.n_vocab;
  size_t column = (size_t) blockIdx.y * job.n_vocab;
  State *state = &job.states[blockIdx.y];
  const int bins_a_thread = N_BINS / N_THREADS;
  unsigned before = 0;

  steer_let_next_begin ();
  steer_wait_for_previous ();
  SteerCudaChoice choice = job.choices[blockIdx.y];
  float max = get_logit (state->best);

  if (is_certain (choice, max))
    return;
  for (int i = 0; i < bins_a_thread; i++)
    {
      dealing->counts[threadIdx.x * bins_a_thread + i] = 0;
      before += state->counts[threadIdx.x * bins_a_thread + i];
    }
  before = sum_before (before, dealing->room);
  for (int i = 0; i < bins_a_thread; i++)
    {
      dealing->places[threadIdx.x * bins_a_thread + i] = before;
      before += state->counts[threadIdx.x * bins_a_thread + i];
    }
  __syncthreads ();
  for (int id = blockIdx.x * N_THREADS + threadIdx.x; id < job.n_vocab; id += gridDim.x * N_THREADS)
    if (logits[id] > -INFINITY)
      atomicAdd (&dealing->counts[get_bin (logits[id], max)], 1u);
  __syncthreads ();
  for (int i = threadIdx.x; i < N_BINS; i += N_THREADS)
    if (dealing->counts[i] > 0)
      dealing->places[i] += atomicAdd (&state->taken[i], dealing->counts[i]);
  __syncthreads ();
  for (int id = blockIdx.x * N_THREADS + threadIdx.x; id < job.n_vocab; id += gridDim.x * N_THREADS)
    if (logits[id] > -INFINITY)
      job.entries[column + atomicAdd (&dealing->places[get_bin (logits[id], max)], 1u)]
        = { make_key (logits[id], id), job.weighed[column + id] };
}

/* The first tokens of the order, up to and with one of them. */
struct Prefix
{
  Key last;
  unsigned count;
  Weight weight;
};

/* When a prefix is long enough. */
struct Goal
{
  unsigned count; /* so many tokens; 0: not asked for */
  double weight;  /* a sum of weights of this, or above it */
  bool above;
};

static __device__ __forceinline__ bool
is_reached (const Goal &goal, unsigned count, Weight weight)
{
  if (goal.count > 0)
    return count >= goal.count;
  return goal.above ? (double) weight > goal.weight : (double) weight >= goal.weight;
}

struct Search
{
  Weight digit_weights[N_DIGITS];
  unsigned digit_counts[N_DIGITS];
  Weight weight_room[N_THREADS / STEER_WARP];
  Key all_ones;
  Key all_zeros;
  unsigned count_room[N_THREADS / STEER_WARP];
  int found;      /* a bin or a digit; -1: none */
  unsigned begin; /* of the entries of the bin that was searched last, and their number */
  unsigned n;
  Prefix prefix;
  Weight before_weight; /* of what comes before the bin or the digit */
  unsigned before_count;
};

/* Threads hold successive pieces of the order; finds the one where the goal is reached. before: what came before the
 * first piece. Every thread gets the result; -1 when it is not reached. */
static __device__ __forceinline__ bool
find_piece (Search *search, const Goal &goal, unsigned *count, Weight *weight, unsigned in_count, Weight in_weight)
{
  *count += sum_before (in_count, search->count_room);
  *weight += sum_before (in_weight, search->weight_room);
  return in_count > 0 && !is_reached (goal, *count, *weight)
         && is_reached (goal, *count + in_count, *weight + in_weight);
}

/* Digit by digit within a bin: entries [n], after before_count tokens that weigh before_weight. */
static __device__ STEER_NOINLINE void
search_bin (Search *search, const Goal goal, const Entry *entries, unsigned n)
{
  Key mask = 0; /* of the digits that are known */
  Key known = 0;
  int shift;

  if (threadIdx.x == 0)
    {
      search->all_ones = 0;
      search->all_zeros = 0;
    }
  __syncthreads ();
  for (unsigned i = threadIdx.x; i < n; i += N_THREADS)
    {
      atomicOr (&search->all_ones, entries[i].key);
      atomicOr (&search->all_zeros, ~entries[i].key);
    }
  __syncthreads ();
  /* The highest bit in which two keys differ is the highest of the first digit. */
  Key differing = search->all_ones & search->all_zeros;

  for (shift = 63; shift > 7 && (differing >> shift & 1) == 0; shift--)
    ;
  shift -= 7;
  mask = shift + 8 < 64 ? ~(Key) 0 << (shift + 8) : 0;
  known = search->all_ones & mask;
  for (;;)
    {
      int digit = N_DIGITS - 1 - (int) threadIdx.x; /* falling keys */
      unsigned count;
      Weight weight;

      __syncthreads ();
      search->digit_counts[threadIdx.x] = 0;
      search->digit_weights[threadIdx.x] = 0;
      __syncthreads ();
      for (unsigned i = threadIdx.x; i < n; i += N_THREADS)
        if ((entries[i].key & mask) == known)
          {
            atomicAdd (&search->digit_counts[entries[i].key >> shift & (N_DIGITS - 1)], 1u);
            atomicAdd (&search->digit_weights[entries[i].key >> shift & (N_DIGITS - 1)], entries[i].weight);
          }
      __syncthreads ();
      count = search->before_count;
      weight = search->before_weight;
      __syncthreads ();
      if (find_piece (search, goal, &count, &weight, search->digit_counts[digit], search->digit_weights[digit]))
        {
          search->found = digit;
          search->before_count = count;
          search->before_weight = weight;
        }
      __syncthreads ();
      mask |= (Key) (N_DIGITS - 1) << shift;
      known = (known & ~((Key) (N_DIGITS - 1) << shift)) | (Key) search->found << shift;
      if (search->digit_counts[search->found] == 1 || shift == 0)
        break;
      shift = shift > 8 ? shift - 8 : 0;
    }
  for (unsigned i = threadIdx.x; i < n; i += N_THREADS)
    if ((entries[i].key & mask) == known)
      search->prefix = { entries[i].key, search->before_count + 1, search->before_weight + entries[i].weight };
  __syncthreads ();
}

/* The shortest prefix that reaches the goal; all tokens when none does. */
static __device__ STEER_NOINLINE Prefix
find_prefix (Search *search, const State *state, const Entry *entries, Goal goal)
{
  const int bins_a_thread = N_BINS / N_THREADS;
  int first = threadIdx.x * bins_a_thread;
  unsigned counts = 0;
  Weight weights = 0;
  unsigned count = 0;
  Weight weight = 0;

  for (int i = 0; i < bins_a_thread; i++)
    {
      counts += state->counts[first + i];
      weights += state->weights[first + i];
    }
  if (threadIdx.x == 0)
    search->found = -1;
  /* Rounding may leave the goal just out of reach; then the last token reaches it. */
  for (int attempt = 0; attempt < 2; attempt++)
    {
      count = 0;
      weight = 0;
      if (find_piece (search, goal, &count, &weight, counts, weights))
        {
          int i = 0;

          while (!is_reached (goal, count + state->counts[first + i], weight + state->weights[first + i]))
            {
              count += state->counts[first + i];
              weight += state->weights[first + i];
              i++;
            }
          search->found = first + i;
          search->before_count = count;
          search->before_weight = weight;
        }
      if (threadIdx.x == N_THREADS - 1)
        search->prefix.count = count + counts;
      __syncthreads ();
      if (search->found >= 0)
        break;
      goal.count = search->prefix.count;
    }
  if (threadIdx.x == 0)
    {
      search->begin = search->before_count;
      search->n = state->counts[search->found];
    }
  __syncthreads ();
  search_bin (search, goal, entries + search->begin, search->n);
  return search->prefix;
}

/* Tokens that tie with the last of a prefix belong to it too: the prefix is as long as the number of keys that are not
 * below the smallest key of that logit. */
static __device__ STEER_NOINLINE Prefix
add_ties (Search *search, const Entry *entries, const Prefix prefix)
{
  Key lowest = prefix.last >> 32 << 32;
  unsigned counts = 0;
  Weight weights = 0;

  for (unsigned i = search->begin + threadIdx.x; i < search->begin + search->n; i += N_THREADS)
    if (entries[i].key >= lowest && entries[i].key < prefix.last)
      {
        counts++;
        weights += entries[i].weight;
      }
  counts = sum_before (counts, search->count_room) + counts;
  weights = sum_before (weights, search->weight_room) + weights;
  if (threadIdx.x == N_THREADS - 1)
    search->prefix = { lowest, prefix.count + counts, prefix.weight + weights };
  __syncthreads ();
  return search->prefix;
}

static __device__ int
choose_by_chance (const ChooseJob &job, const SteerCudaChoice &choice, const State *state, Search *search)
{
  const Entry *entries = job.entries + (size_t) blockIdx.x * job.n_vocab;
  Weight total = state->total;
  Weight kept;

  if (choice.top_k > 0)
    {
      Prefix prefix = find_prefix (search, state, entries, { choice.top_k, 0.0, false });

      total = add_ties (search, entries, prefix).weight;
    }
  kept = total;
  if (choice.top_p < 1.0)
    kept = min (kept, find_prefix (search, state, entries, { 0, choice.top_p * (double) total, false }).weight);
  if (choice.min_p > 0.0)
    kept = min (kept, find_prefix (search, state, entries, { max (state->n_likely, 1u), 0.0, false }).weight);
  return get_id (find_prefix (search, state, entries, { 0, choice.uniform * (double) kept, true }).last);
}

/* grid: columns. shared memory: Search */
static __global__ void
__launch_bounds__ (N_THREADS) steer_choose (const __grid_constant__ ChooseJob job)
{
  STEER_SHARED (Search, search);
  State *state = &job.states[blockIdx.x];
  unsigned *words = reinterpret_cast<unsigned *> (state);
  int token;

  steer_let_next_begin ();
  steer_wait_for_previous ();
  SteerCudaChoice choice = job.choices[blockIdx.x];
  float max = get_logit (state->best);

  if (max == -INFINITY)
    token = 0;
  else if (is_certain (choice, max))
    token = get_id (state->best);
  else
    token = choose_by_chance (job, choice, state, search);
  if (threadIdx.x == 0)
    {
      *const_cast<volatile uint64_t *> (job.chosen + blockIdx.x) = (uint64_t) choice.stamp << 32 | (unsigned) token;
      __threadfence_system ();
    }
  __syncthreads ();
  for (size_t i = threadIdx.x; i < sizeof *state / sizeof *words; i += N_THREADS)
    words[i] = 0;
}

static size_t
get_states_bytes (int n_columns)
{
  return (size_t) n_columns * sizeof (State);
}

size_t
steer_cuda_choose_get_scratch (int n_vocab, int n_columns)
{
  return get_states_bytes (STEER_CUDA_MAX_COLUMNS) + (size_t) n_columns * n_vocab * (sizeof (Weight) + sizeof (Entry));
}

cudaError_t
steer_cuda_choose (const SteerCudaQueue *queue,
                   float *logits,
                   int n_vocab,
                   const SteerCudaChoice *choices,
                   int n_columns,
                   void *scratch,
                   uint64_t *chosen)
{
  dim3 grid (steer_divide_up (n_vocab, N_THREADS * TOKENS_A_THREAD), n_columns);
  size_t n = (size_t) n_columns * n_vocab;
  ChooseJob job = {};
  cudaError_t error;
  int bits = 0;

  while (1 << bits < n_vocab)
    bits++;
  job.logits = logits;
  job.n_vocab = n_vocab;
  job.one = ldexp (1.0, 62 - bits);
  job.choices = choices;
  job.states = static_cast<State *> (scratch);
  job.entries = reinterpret_cast<Entry *> (job.states + STEER_CUDA_MAX_COLUMNS);
  job.weighed = reinterpret_cast<Weight *> (job.entries + n);
  job.chosen = chosen;
  error = steer_launch (queue, steer_choose_prepare, grid, N_THREADS, 0, job);
  if (error == cudaSuccess)
    error = steer_launch (queue, steer_choose_weigh, grid, N_THREADS, sizeof (Bins), job);
  if (error == cudaSuccess)
    error = steer_launch (queue, steer_choose_deal, grid, N_THREADS, sizeof (Dealing), job);
  if (error == cudaSuccess)
    error = steer_launch (queue, steer_choose, dim3 (n_columns), N_THREADS, sizeof (Search), job);
  return error;
}
