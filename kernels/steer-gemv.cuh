#pragma once

/* The products of decoding: one kernel for all of a layer's, since they differ only in what comes before and after.
 *
 * A warp computes two rows at a time, a pair, because pairs are what the ends of the products want: the two elements
 * that rotate with each other, a row of gate with its row of up. A lane asks for several pieces of both rows before it
 * uses the first. The activations lie in shared memory, in the order in which the lanes read them. */

#include "steer-hook.cuh"
#include "steer-weights.cuh"

#define STEER_GEMV_WARPS 8
#define STEER_GEMV_THREADS (STEER_GEMV_WARPS * STEER_WARP)

/* Bytes of activations that a block keeps when they need not be there whole. Fewer bytes, more blocks at a time. */
#define STEER_GEMV_TILE_BYTES (32 * 1024)

/* Bytes of a row that are asked for while the kernel before still runs. */
#define STEER_GEMV_AHEAD 8192

enum SteerGemvEnd
{
  STEER_GEMV_STORE,   /* out[c, row] = y */
  STEER_GEMV_ADD,     /* out[c, row] += y */
  STEER_GEMV_GATE_UP, /* out[c, row] = silu (y of gate) * y of up */
  STEER_GEMV_QKV,     /* rotate; out is the query, keys and values go to the cache */
};

struct SteerGemv
{
  SteerGemvEnd end;
  SteerCudaMatrix matrices[3]; /* STORE, ADD: [1]; GATE_UP: gate, up; QKV: q, k, v */
  int n_pairs[3];              /* of each matrix; GATE_UP: of both together */
  int n_columns;               /* of activations: tokens */
  int depth;                   /* inner dimension */

  const float *x;    /* [n_columns, depth] */
  const float *norm; /* (nullable): [depth]: x is normalised first */
  float eps;
  const SteerCudaToken *tokens; /* with steer_layer >= 0 or QKV: [n_columns] */
  int steer_layer;              /* whose steering comes before the norm; -1: none */
  float *steered;               /* (nullable): out: [n_columns, depth]: x after steering */

  float *out;
  const float *turns; /* QKV: [n_columns, head_dim / 2, 2] */
  SteerCudaCache cache;
  int n_kv_heads;
  int head_dim;
  int interleaved;
};

/* Which rows a pair is. */
struct SteerPair
{
  int part;   /* of QKV: 0, 1, 2; else 0 */
  int index;  /* of the pair within its part */
  int row[2]; /* of matrices[part]; GATE_UP: of gate and of up */
  int n;      /* 1 when the last row has no partner */
};

static __device__ __forceinline__ SteerPair
steer_find_pair (const SteerGemv &job, int p)
{
  SteerPair pair = { 0, p, { 2 * p, 2 * p + 1 }, 2 };

  if (job.end == STEER_GEMV_GATE_UP)
    pair.row[0] = pair.row[1] = p;
  else if (job.end == STEER_GEMV_QKV)
    {
      int half = job.head_dim / 2;

      while (pair.part < 2 && pair.index >= job.n_pairs[pair.part])
        pair.index -= job.n_pairs[pair.part++];
      pair.row[0] = 2 * pair.index;
      pair.row[1] = pair.row[0] + 1;
      if (pair.part < 2 && !job.interleaved)
        {
          pair.row[0] = pair.index / half * job.head_dim + pair.index % half;
          pair.row[1] = pair.row[0] + half;
        }
    }
  else if (pair.row[1] >= job.matrices[0].n_rows)
    {
      pair.row[1] = pair.row[0];
      pair.n = 1;
    }
  return pair;
}

static __device__ __forceinline__ const SteerCudaMatrix &
steer_get_matrix (const SteerGemv &job, const SteerPair &pair, int r)
{
  return job.matrices[job.end == STEER_GEMV_GATE_UP ? r : pair.part];
}

/* Steering and RMS norm of whole rows. */
static __device__ STEER_NOINLINE void
steer_stage_normed (const SteerGemv &job, float4 *staged, int stride, int parts, double *room)
{
  const float4 *norm = reinterpret_cast<const float4 *> (job.norm);
  int n_vectors = job.depth / 4;
  float squares[STEER_CUDA_MAX_COLUMNS] = {};

#pragma unroll
  for (int c = 0; c < STEER_CUDA_MAX_COLUMNS; c++)
    {
      const float4 *x = reinterpret_cast<const float4 *> (job.x + (size_t) c * job.depth);
      SteerRow row = { staged + c * stride, parts };

      if (c >= job.n_columns)
        break;
      for (int i = threadIdx.x; i < n_vectors; i += STEER_GEMV_THREADS)
        row.at (i) = x[i];
      if (job.steer_layer >= 0)
        steer_apply_plan (row, n_vectors, job.tokens[c].plan, job.steer_layer, room);
      for (int i = threadIdx.x; i < n_vectors; i += STEER_GEMV_THREADS)
        {
          float4 h = row.at (i);

          squares[c] += h.x * h.x + h.y * h.y + (h.z * h.z + h.w * h.w);
          if (job.steered != nullptr && blockIdx.x == 0)
            reinterpret_cast<float4 *> (job.steered + (size_t) c * job.depth)[i] = h;
        }
    }
  steer_sum_block<STEER_CUDA_MAX_COLUMNS> (squares, reinterpret_cast<float *> (room));
#pragma unroll
  for (int c = 0; c < STEER_CUDA_MAX_COLUMNS; c++)
    {
      float factor = 1.0f / sqrtf (squares[c] / (float) job.depth + job.eps);
      SteerRow row = { staged + c * stride, parts };

      if (c >= job.n_columns)
        break;
      for (int i = threadIdx.x; i < n_vectors; i += STEER_GEMV_THREADS)
        {
          float4 h = row.at (i);
          float4 w = __ldg (norm + i);

          row.at (i)
            = make_float4 (w.x * (h.x * factor), w.y * (h.y * factor), w.z * (h.z * factor), w.w * (h.w * factor));
        }
    }
}

/* Elements first .. first + depth - 1 as they are. */
static __device__ STEER_NOINLINE void
steer_stage_plain (const SteerGemv &job, int first, int depth, float4 *staged, int stride, int parts)
{
  for (int c = 0; c < job.n_columns; c++)
    {
      const float4 *x = reinterpret_cast<const float4 *> (job.x + (size_t) c * job.depth + first);
      SteerRow row = { staged + c * stride, parts };

      for (int i = threadIdx.x; i < depth / 4; i += STEER_GEMV_THREADS)
        row.at (i) = x[i];
    }
}

/* sums[r][c] += row r . x[c] over elements first .. first + depth - 1 of the rows. */
template <SteerCudaType type, int columns>
static __device__ __forceinline__ void
steer_multiply_pair (const SteerGemv &job,
                     const SteerPair &pair,
                     int first,
                     int depth,
                     const float4 *staged,
                     int stride,
                     float (*sums)[columns])
{
  typedef SteerFormat<type> Format;
  const int parts = Format::n / 4;
  const int step = STEER_WARP * Format::n;
  const bool has_offset = Format::base != 0 || Format::has_minimum;
  const SteerCudaMatrix &matrix0 = steer_get_matrix (job, pair, 0);
  const SteerCudaMatrix &matrix1 = steer_get_matrix (job, pair, 1);
  int lane = threadIdx.x % STEER_WARP;

  for (int k = lane * Format::n; k < depth; k += step * Format::unroll, staged += Format::unroll * parts * STEER_WARP)
    {
      typename Format::Raw raw[Format::unroll][2];

#pragma unroll
      for (int u = 0; u < Format::unroll; u++)
        if (k + u * step < depth)
          {
            raw[u][0] = Format::load (matrix0, pair.row[0], first + k + u * step);
            raw[u][1] = Format::load (matrix1, pair.row[1], first + k + u * step);
          }
#pragma unroll
      for (int u = 0; u < Format::unroll; u++)
        if (k + u * step < depth)
          {
            float w[2][Format::n];

            Format::expand (raw[u][0], w[0]);
            Format::expand (raw[u][1], w[1]);
#pragma unroll
            for (int c = 0; c < columns; c++)
              {
                float dots[2] = { 0.0f, 0.0f };
                float total = 0.0f; /* of the activations, for what is taken off each weight */

#pragma unroll
                for (int p = 0; p < parts; p++)
                  {
                    float4 x = staged[c * stride + (u * parts + p) * STEER_WARP + lane];

                    if (has_offset)
                      total += (x.x + x.y) + (x.z + x.w);
#pragma unroll
                    for (int r = 0; r < 2; r++)
                      {
                        dots[r] = __fmaf_rn (w[r][4 * p], x.x, dots[r]);
                        dots[r] = __fmaf_rn (w[r][4 * p + 1], x.y, dots[r]);
                        dots[r] = __fmaf_rn (w[r][4 * p + 2], x.z, dots[r]);
                        dots[r] = __fmaf_rn (w[r][4 * p + 3], x.w, dots[r]);
                      }
                    if ((p + 1) % (parts / Format::n_scales) != 0)
                      continue;
#pragma unroll
                    for (int r = 0; r < 2; r++)
                      {
                        SteerScale scale = Format::scale (raw[u][r], p / (parts / Format::n_scales));

                        if (has_offset)
                          dots[r] = __fmaf_rn (-(float) Format::base, total, dots[r]);
                        if (Format::has_minimum)
                          sums[r][c] = __fmaf_rn (-scale.minimum, total, sums[r][c]);
                        sums[r][c] = __fmaf_rn (dots[r], scale.factor, sums[r][c]);
                        dots[r] = 0.0f;
                      }
                    total = 0.0f;
                  }
              }
          }
    }
}

/* Column c of a finished pair, by one lane. */
static __device__ __forceinline__ void
steer_end_qkv (const SteerGemv &job, const SteerPair &pair, int c, float a, float b)
{
  int head = pair.row[0] / job.head_dim;
  int in_head[2] = { pair.row[0] % job.head_dim, pair.row[1] % job.head_dim };

  if (pair.part < 2)
    {
      int half = job.head_dim / 2;
      float2 turn = reinterpret_cast<const float2 *> (job.turns)[c * half + pair.index % half];
      float turned = a * turn.x - b * turn.y;

      b = b * turn.x + a * turn.y;
      a = turned;
    }
  if (pair.part == 0)
    {
      float *query = job.out + (size_t) c * job.matrices[0].n_rows;

      query[pair.row[0]] = a;
      query[pair.row[1]] = b;
    }
  else
    {
      SteerCudaToken token = job.tokens[c];
      size_t i = (((size_t) token.slot * job.n_kv_heads + head) * job.cache.n_context + token.position) * job.head_dim;
      void *plane = pair.part == 1 ? job.cache.keys : job.cache.values;

      steer_store (job.cache.type, plane, i + in_head[0], a);
      steer_store (job.cache.type, plane, i + in_head[1], b);
    }
}

static __device__ STEER_NOINLINE void
steer_end_pair (const SteerGemv &job, const SteerPair &pair, int c, float a, float b)
{
  const float *bias0 = steer_get_matrix (job, pair, 0).bias;
  const float *bias1 = steer_get_matrix (job, pair, 1).bias;
  float *out = job.out + (size_t) c * job.matrices[0].n_rows;

  if (bias0 != nullptr)
    a += bias0[pair.row[0]];
  if (bias1 != nullptr)
    b += bias1[pair.row[1]];
  switch (job.end)
    {
    case STEER_GEMV_STORE:
      out[pair.row[0]] = a;
      if (pair.n > 1)
        out[pair.row[1]] = b;
      break;
    case STEER_GEMV_ADD:
      out[pair.row[0]] += a;
      if (pair.n > 1)
        out[pair.row[1]] += b;
      break;
    case STEER_GEMV_GATE_UP:
      out[pair.row[0]] = a / (1.0f + expf (-a)) * b;
      break;
    case STEER_GEMV_QKV:
      steer_end_qkv (job, pair, c, a, b);
      break;
    }
}

/* Weights do not depend on the kernel before. */
static __device__ STEER_NOINLINE void
steer_prefetch_pair (const SteerGemv &job, const SteerPair &pair, size_t row_bytes)
{
  size_t n = row_bytes < STEER_GEMV_AHEAD ? row_bytes : STEER_GEMV_AHEAD;

  for (int r = 0; r < pair.n; r++)
    {
      const char *row = static_cast<const char *> (steer_get_matrix (job, pair, r).data) + pair.row[r] * row_bytes;

      for (size_t i = threadIdx.x % STEER_WARP * 128; i < n; i += STEER_WARP * 128)
        steer_prefetch (row + i);
    }
}

/**
 * tile: elements of a row that are staged at a time; all of them when there is a norm
 * shared memory: double room[STEER_GEMV_ROOM], then the staged activations
 */
#define STEER_GEMV_ROOM STEER_HOOK_ROOM (STEER_GEMV_THREADS)

template <SteerCudaType type, int columns>
__global__ void
__launch_bounds__ (STEER_GEMV_THREADS) steer_gemv (const __grid_constant__ SteerGemv job, int tile)
{
  const int parts = SteerFormat<type>::n / 4;
  STEER_SHARED (double, room);
  float4 *staged = reinterpret_cast<float4 *> (room + STEER_GEMV_ROOM);
  int stride = steer_get_staged_vectors (tile, parts);
  int warp = threadIdx.x / STEER_WARP;
  int lane = threadIdx.x % STEER_WARP;
  int n_pairs = job.n_pairs[0] + job.n_pairs[1] + job.n_pairs[2];

  steer_let_next_begin ();
  if ((int) blockIdx.x * STEER_GEMV_WARPS + warp < n_pairs)
    steer_prefetch_pair (job, steer_find_pair (job, blockIdx.x * STEER_GEMV_WARPS + warp),
                         steer_row_bytes (type, job.depth));
  steer_wait_for_previous ();

  if (job.norm != nullptr)
    steer_stage_normed (job, staged, stride, parts, room);
  else if (tile >= job.depth)
    steer_stage_plain (job, 0, job.depth, staged, stride, parts);
  __syncthreads ();

  for (int begin = blockIdx.x * STEER_GEMV_WARPS; begin < n_pairs; begin += gridDim.x * STEER_GEMV_WARPS)
    {
      bool active = begin + warp < n_pairs;
      SteerPair pair = steer_find_pair (job, active ? begin + warp : 0);
      float sums[2][columns] = {};

      for (int first = 0; first < job.depth; first += tile)
        {
          int depth = min (tile, job.depth - first);

          if (tile < job.depth)
            {
              __syncthreads (); /* the tile before may still be read */
              steer_stage_plain (job, first, depth, staged, stride, parts);
              __syncthreads ();
            }
          if (active)
            steer_multiply_pair<type, columns> (job, pair, first, depth, staged, stride, sums);
        }
      if (!active)
        continue;
#pragma unroll
      for (int c = 0; c < columns; c++)
        {
          float a = steer_sum_lanes (sums[0][c]);
          float b = steer_sum_lanes (sums[1][c]);

          if (lane == c && c < job.n_columns)
            steer_end_pair (job, pair, c, a, b);
        }
    }
}

/* Launches the kernel for the job's number of columns, several times when the columns' activations do not fit into
 * shared memory together. All matrices that have pairs are of this type. */
template <SteerCudaType type> cudaError_t steer_gemv_launch (const SteerCudaQueue *queue, const SteerGemv *job);
