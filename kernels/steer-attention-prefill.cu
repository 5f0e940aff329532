/* Attention of many tokens of one sequence, on tensor cores ("flash attention", Dao 2023). A block takes 64 tokens of
 * one head, a warp 16 of them; keys and values come in tiles of 64 positions, one tile of values on the way while
 * scores are computed from the keys, the next tile of keys while the values are summed. */

#include "steer-tensor-core.cuh"

#define N_WARPS 4
#define N_THREADS (N_WARPS * STEER_WARP)
#define WARP_ROWS 16
#define BLOCK_ROWS (N_WARPS * WARP_ROWS)
#define TILE 64

/* Elements between the ends of rows in shared memory, so that eight rows lie in different banks. */
#define PAD 8

struct AttendJob
{
  SteerCudaCache cache;
  const void *query; /* [n_tokens, n_heads * head_dim] of the cache's type, scaled */
  void *out;         /* [n_tokens, n_heads * head_dim] */
  SteerCudaType out_type;
  int slot;
  int position; /* of the first token */
  int n_tokens;
  int n_heads;
  int n_kv_heads;
  int head_dim;
  int window;
  float cap; /* of scores in base 2; 0: none */
};

/* A tile of rows of 16-bit elements in shared memory, width elements each, zero where there is none. */
template <int width> struct Tile
{
  uint16_t *elements;

  __device__ __forceinline__ uint16_t *
  at (int row, int column) const
  {
    return elements + row * (width + PAD) + column;
  }

  /* Rows first .. first + TILE - 1 of [n_rows, stride], of which columns 0 .. n_columns - 1 are taken. */
  __device__ __forceinline__ void
  load (const uint16_t *rows, size_t stride, int first, int n_rows, int n_columns) const
  {
    const int pieces = width / 8;

    for (int i = threadIdx.x; i < TILE * pieces; i += N_THREADS)
      {
        int row = i / pieces;
        int column = i % pieces * 8;
        bool inside = first + row < n_rows && column < n_columns;

        steer_copy_async (at (row, column), inside ? rows + (first + row) * stride + column : rows, inside);
      }
  }
};

/* What a warp knows of its 16 tokens; a lane of rows lane / 4 and 8 further. */
template <int width> struct Rows
{
  unsigned query[width / 16][4];
  float values[width / 8][4];
  float max[2];
  float sum[2];
};

template <SteerCudaType type, int width>
static __device__ __forceinline__ void
score_tile (const Rows<width> *rows, const Tile<width> &keys, float (*scores)[4])
{
  int lane = threadIdx.x % STEER_WARP;

#pragma unroll
  for (int n = 0; n < TILE / 8; n++)
#pragma unroll
    for (int i = 0; i < 4; i++)
      scores[n][i] = 0.0f;
#pragma unroll
  for (int k = 0; k < width / 16; k++)
#pragma unroll
    for (int n = 0; n < TILE / 8; n += 2)
      {
        unsigned b[4];

        steer_load_matrices<false> (b, keys.at (n * 8 + lane / 16 * 8 + lane % 8, k * 16 + lane / 8 % 2 * 8));
        steer_multiply_fragments<type> (scores[n], rows->query[k], b[0], b[1]);
        steer_multiply_fragments<type> (scores[n + 1], rows->query[k], b[2], b[3]);
      }
}

static __device__ __forceinline__ void
cap_tile (float cap, float (*scores)[4])
{
#pragma unroll
  for (int n = 0; n < TILE / 8; n++)
#pragma unroll
    for (int i = 0; i < 4; i++)
      scores[n][i] = steer_cap (scores[n][i], cap);
}

/* Scores become weights under the rows' running maxima. */
template <int width>
static __device__ __forceinline__ void
weigh_tile (const AttendJob &job, Rows<width> *rows, int first_position, int row_position, float (*scores)[4])
{
  int lane = threadIdx.x % STEER_WARP;

#pragma unroll
  for (int r = 0; r < 2; r++)
    {
      int position = row_position + 8 * r; /* of the row's token */
      int first_seen = job.window > 0 ? position - job.window + 1 : 0;
      float new_max = rows->max[r];
      float sum = 0.0f;
      float factor;

#pragma unroll
      for (int n = 0; n < TILE / 8; n++)
#pragma unroll
        for (int i = 0; i < 2; i++)
          {
            int p = first_position + n * 8 + 2 * (lane % 4) + i;
            float *score = &scores[n][2 * r + i];

            if (p > position || p < first_seen)
              *score = -INFINITY;
            new_max = fmaxf (new_max, *score);
          }
      new_max = fmaxf (new_max, __shfl_xor_sync (STEER_ALL_LANES, new_max, 1));
      new_max = fmaxf (new_max, __shfl_xor_sync (STEER_ALL_LANES, new_max, 2));
      factor = rows->max[r] == -INFINITY ? 0.0f : exp2f (rows->max[r] - new_max);
#pragma unroll
      for (int n = 0; n < TILE / 8; n++)
#pragma unroll
        for (int i = 0; i < 2; i++)
          {
            float *score = &scores[n][2 * r + i];

            *score = *score == -INFINITY ? 0.0f : exp2f (*score - new_max);
            sum += *score;
          }
      rows->sum[r] = rows->sum[r] * factor + sum; /* of this lane's columns; joined at the end */
      rows->max[r] = new_max;
#pragma unroll
      for (int n = 0; n < width / 8; n++)
        {
          rows->values[n][2 * r] *= factor;
          rows->values[n][2 * r + 1] *= factor;
        }
    }
}

/* The weights are left operands as they lie: two columns of eight are one of sixteen. */
template <SteerCudaType type, int width>
static __device__ __forceinline__ void
sum_tile (Rows<width> *rows, const Tile<width> &values, const float (*weights)[4])
{
  int lane = threadIdx.x % STEER_WARP;

#pragma unroll
  for (int k = 0; k < TILE / 16; k++)
    {
      const float *low = weights[2 * k];
      const float *high = weights[2 * k + 1];
      unsigned a[4]
        = { SteerNumber<type>::narrow_pair (low[0], low[1]), SteerNumber<type>::narrow_pair (low[2], low[3]),
            SteerNumber<type>::narrow_pair (high[0], high[1]), SteerNumber<type>::narrow_pair (high[2], high[3]) };

#pragma unroll
      for (int n = 0; n < width / 8; n += 2)
        {
          unsigned b[4];

          steer_load_matrices<true> (b, values.at (k * 16 + lane / 8 % 2 * 8 + lane % 8, n * 8 + lane / 16 * 8));
          steer_multiply_fragments<type> (rows->values[n], a, b[0], b[1]);
          steer_multiply_fragments<type> (rows->values[n + 1], a, b[2], b[3]);
        }
    }
}

template <int width>
static __device__ __forceinline__ void
store_rows (const AttendJob &job, Rows<width> *rows, int first_token, int head)
{
  int lane = threadIdx.x % STEER_WARP;

#pragma unroll
  for (int r = 0; r < 2; r++)
    {
      int token = first_token + 8 * r;
      size_t at = ((size_t) token * job.n_heads + head) * job.head_dim;
      float sum = rows->sum[r];

      sum += __shfl_xor_sync (STEER_ALL_LANES, sum, 1);
      sum += __shfl_xor_sync (STEER_ALL_LANES, sum, 2);
      if (token >= job.n_tokens)
        continue;
#pragma unroll
      for (int n = 0; n < width / 8; n++)
        if (n * 8 < job.head_dim)
          {
            size_t i = at + n * 8 + 2 * (lane % 4);
            float x = rows->values[n][2 * r] / sum;
            float y = rows->values[n][2 * r + 1] / sum;

            if (job.out_type == STEER_CUDA_F32)
              *reinterpret_cast<float2 *> (static_cast<float *> (job.out) + i) = make_float2 (x, y);
            else
              static_cast<unsigned *> (job.out)[i / 2] = job.out_type == STEER_CUDA_F16
                                                           ? SteerNumber<STEER_CUDA_F16>::narrow_pair (x, y)
                                                           : SteerNumber<STEER_CUDA_BF16>::narrow_pair (x, y);
          }
    }
}

template <int width>
static __host__ __device__ constexpr size_t
get_tile_bytes ()
{
  return TILE * (width + PAD) * sizeof (uint16_t);
}

/* grid: blocks of tokens, the last of which, with most to do, come first; heads. shared memory: a tile of keys, which
 * holds the queries at first, and one of values. */
template <SteerCudaType type, int width>
static __global__ void
__launch_bounds__ (N_THREADS) steer_attention_prefill (const __grid_constant__ AttendJob job)
{
  STEER_SHARED (unsigned char, shared);
  Tile<width> keys = { reinterpret_cast<uint16_t *> (shared) };
  Tile<width> values = { reinterpret_cast<uint16_t *> (shared + get_tile_bytes<width> ()) };
  int first_token = (int) (gridDim.x - 1 - blockIdx.x) * BLOCK_ROWS;
  int head = blockIdx.y;
  int kv_head = head / (job.n_heads / job.n_kv_heads);
  int warp_row = threadIdx.x / STEER_WARP * WARP_ROWS;
  int lane = threadIdx.x % STEER_WARP;
  int row_position = job.position + first_token + warp_row + lane / 4;
  int n_positions = job.position + min (first_token + BLOCK_ROWS, job.n_tokens); /* that this block sees */
  int first_seen = job.window > 0 ? max (job.position + first_token - job.window + 1, 0) : 0;
  size_t plane = ((size_t) job.slot * job.n_kv_heads + kv_head) * job.cache.n_context * job.head_dim;
  const uint16_t *all_keys = static_cast<const uint16_t *> (job.cache.keys) + plane;
  const uint16_t *all_values = static_cast<const uint16_t *> (job.cache.values) + plane;
  Rows<width> rows;

  steer_let_next_begin ();
  steer_wait_for_previous ();

  keys.load (static_cast<const uint16_t *> (job.query) + (size_t) head * job.head_dim,
             (size_t) job.n_heads * job.head_dim, first_token, job.n_tokens, job.head_dim);
  steer_wait_for_copies ();
  __syncthreads ();
#pragma unroll
  for (int k = 0; k < width / 16; k++)
    steer_load_matrices<false> (rows.query[k],
                                keys.at (warp_row + lane / 8 % 2 * 8 + lane % 8, k * 16 + lane / 16 * 8));
#pragma unroll
  for (int n = 0; n < width / 8; n++)
#pragma unroll
    for (int i = 0; i < 4; i++)
      rows.values[n][i] = 0.0f;
  rows.max[0] = rows.max[1] = -INFINITY;
  rows.sum[0] = rows.sum[1] = 0.0f;
  __syncthreads ();

  int first = first_seen / TILE * TILE;

  keys.load (all_keys, job.head_dim, first, n_positions, job.head_dim);
  for (; first < n_positions; first += TILE)
    {
      float scores[TILE / 8][4];

      steer_wait_for_copies ();
      __syncthreads (); /* the keys are here, and the values of the tile before are used */
      values.load (all_values, job.head_dim, first, n_positions, job.head_dim);
      score_tile<type, width> (&rows, keys, scores);
      if (job.cap > 0.0f)
        cap_tile (job.cap, scores);
      weigh_tile<width> (job, &rows, first, row_position, scores);
      steer_wait_for_copies ();
      __syncthreads (); /* the values are here, and the keys are used */
      if (first + TILE < n_positions)
        keys.load (all_keys, job.head_dim, first + TILE, n_positions, job.head_dim);
      sum_tile<type, width> (&rows, values, scores);
    }
  store_rows<width> (job, &rows, first_token + warp_row + lane / 4, head);
}

template <SteerCudaType type, int width>
static cudaError_t
launch (const SteerCudaQueue *queue, const AttendJob &job)
{
  return steer_launch (queue, steer_attention_prefill<type, width>,
                       dim3 (steer_divide_up (job.n_tokens, BLOCK_ROWS), job.n_heads), N_THREADS,
                       2 * get_tile_bytes<width> (), job);
}

template <SteerCudaType type>
static cudaError_t
launch_width (const SteerCudaQueue *queue, const AttendJob &job)
{
  return job.head_dim <= 64    ? launch<type, 64> (queue, job)
         : job.head_dim <= 128 ? launch<type, 128> (queue, job)
                               : launch<type, 256> (queue, job);
}

cudaError_t
steer_cuda_attend_rows (const SteerCudaQueue *queue,
                        const SteerCudaShape *shape,
                        const SteerCudaCache *cache,
                        int slot,
                        int position,
                        const void *query,
                        int n_tokens,
                        SteerCudaType out_type,
                        void *out)
{
  AttendJob job = {};

  job.cache = *cache;
  job.query = query;
  job.out = out;
  job.out_type = out_type;
  job.slot = slot;
  job.position = position;
  job.n_tokens = n_tokens;
  job.n_heads = shape->n_heads;
  job.n_kv_heads = shape->n_kv_heads;
  job.head_dim = shape->head_dim;
  job.window = shape->sliding_window;
  job.cap = STEER_LOG2_E * shape->attention_softcap;
  return cache->type == STEER_CUDA_F16 ? launch_width<STEER_CUDA_F16> (queue, job)
                                       : launch_width<STEER_CUDA_BF16> (queue, job);
}
