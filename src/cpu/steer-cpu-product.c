#include "steer-cpu-product.h"

#include <string.h>

/* Bytes of weights in an item of a short run: long enough for the prefetcher, short enough that threads end together.
 */
#define SHORT_ITEM_BYTES (128 * 1024)
#define SHORT_ITEM_BYTES_MIN (16 * 1024)
#define SHORT_ITEMS_A_THREAD 8

/* A short run's item shares the room for a chunk's. */
#define SHORT_ITEM_ROWS (STEER_CPU_CHUNK / STEER_CPU_SHORT_TOKENS * STEER_CPU_ITEM_ROWS)

typedef struct
{
  SteerCpuContext *self;
  const float *x; /* [n_tokens, x_stride] */
  gsize x_stride;
  gsize depth;
  guint n_tokens;
  gboolean short_run;
  gboolean any_plain; /* among the products' matrices */
  gboolean any_quant;
  gboolean in_parts; /* a chunk whose plain matrices are all of BF16, on a machine that multiplies those */
  SteerCpuEpilogue epilogue;
  const SteerCpuProduct *products; /* [n_products] */
  guint n_parts;                   /* products that are dealt out; gate and up go together */
  gsize item_rows;
  guint first_item[STEER_CPU_MAX_PRODUCTS + 1]; /* [n_parts + 1] */
} Job;

/* A token's row of one depth block as the left operand of tiles: [depth block][token][STEER_CPU_TILE_STRIDE], or
 * [depth block][token][STEER_CPU_PARTS_STRIDE] of parts. */
static float *
get_staged (const Job *job, gsize block, guint token)
{
  return job->self->work.staged + (block * job->n_tokens + token) * STEER_CPU_TILE_STRIDE;
}

static guint16 *
get_staged_parts (const Job *job, gsize block, guint token)
{
  return (guint16 *) (gpointer) job->self->work.staged + (block * job->n_tokens + token) * STEER_CPU_PARTS_STRIDE;
}

static void
stage_plain (const Job *job, guint token)
{
  const float *x = job->x + token * job->x_stride;

  for (gsize i = 0; i < job->depth; i += STEER_CPU_TILE_DEPTH)
    {
      gsize n = MIN (STEER_CPU_TILE_DEPTH, job->depth - i);
      gsize block = i / STEER_CPU_TILE_DEPTH;

      if (job->in_parts)
        job->self->kernels->parts.split (x + i, n, get_staged_parts (job, block, token));
      else
        memcpy (get_staged (job, block, token), x + i, n * sizeof (float));
    }
}

static void
stage_quantised (const Job *job, guint token)
{
  SteerCpuWork *work = &job->self->work;
  gsize first = token * work->quant_stride;

  job->self->kernels->quantize (job->x + token * job->x_stride, job->depth, work->quant_bytes + first,
                                job->short_run ? NULL : work->quant_words + first,
                                work->quant_blocks + first / STEER_CPU_QUANT_BLOCK);
}

static void
stage_token (gpointer data, guint token, guint thread)
{
  const Job *job = data;

  if (job->any_plain && !job->short_run)
    stage_plain (job, token);
  if (job->any_quant)
    stage_quantised (job, token);
}

static SteerCpuQuantRows
get_quantised (const Job *job, guint token, gsize column)
{
  const SteerCpuWork *work = &job->self->work;
  gsize first = token * work->quant_stride + column;

  return (SteerCpuQuantRows){
    .bytes = work->quant_bytes + first,
    .words = work->quant_words + first,
    .blocks = work->quant_blocks + first / STEER_CPU_QUANT_BLOCK,
    .stride = work->quant_stride,
  };
}

/* The first row of an item begins a panel. */
static const guint8 *
get_panel (const Job *job, const SteerCpuMatrix *matrix, gsize row)
{
  return matrix->data + row / job->self->kernels->panel_rows * matrix->panel_bytes;
}

static gsize
count_panels (const Job *job, gsize n_rows)
{
  guint panel_rows = job->self->kernels->panel_rows;

  return (n_rows + panel_rows - 1) / panel_rows;
}

/* result: [n_tokens, item_rows]; rows up to the end of the last panel are written. */
static void
multiply_short_quantised (const Job *job, const SteerCpuMatrix *matrix, gsize row, gsize n_rows, float *result)
{
  for (guint t = 0; t < job->n_tokens; t += STEER_CPU_GEMV_COLUMNS)
    {
      SteerCpuQuantRows x = get_quantised (job, t, 0);

      matrix->quant->gemv (get_panel (job, matrix, row), matrix->panel_bytes, count_panels (job, n_rows), job->depth,
                           &x, MIN (STEER_CPU_GEMV_COLUMNS, job->n_tokens - t), result + t * job->item_rows,
                           job->item_rows);
    }
}

/* result: [n_tokens, item_rows] */
static void
multiply_short (const Job *job, const SteerCpuMatrix *matrix, gsize row, gsize n_rows, float *result)
{
  const guint8 *w = matrix->data + row * matrix->row_bytes;

  /* From the second group of tokens on, the rows come from the cache. */
  for (guint t = 0; t < job->n_tokens; t += STEER_CPU_GEMV_COLUMNS)
    matrix->kernels->gemv (w, matrix->row_bytes, n_rows, job->depth, job->x + t * job->x_stride, job->x_stride,
                           MIN (STEER_CPU_GEMV_COLUMNS, job->n_tokens - t), result + t * job->item_rows,
                           job->item_rows);
}

static void
pack_panels (const Job *job,
             const SteerCpuMatrix *matrix,
             gsize row,
             gsize n_rows,
             gsize column,
             gsize depth,
             float *panels)
{
  const SteerCpuKernels *kernels = job->self->kernels;
  guint width = job->in_parts ? STEER_CPU_MAX_TILE_COLUMNS : kernels->tile_columns;

  for (gsize p = 0; p < n_rows; p += width)
    {
      const guint8 *w = matrix->data + steer_cpu_matrix_get_offset (matrix, row + p, column);
      float *panel = panels + p * STEER_CPU_TILE_DEPTH;

      if (job->in_parts)
        kernels->parts.pack (w, matrix->row_bytes, MIN (width, n_rows - p), depth, (guint8 *) panel);
      else
        matrix->kernels->pack (w, matrix->row_bytes, MIN (width, n_rows - p), depth, panel);
    }
}

/* Some tokens times all panels of an item. */
static void
multiply_tiles (const Job *job, gsize column, guint first, guint n, gsize n_rows, const float *panels, float *result)
{
  const SteerCpuKernels *kernels = job->self->kernels;
  gsize depth = MIN (STEER_CPU_TILE_DEPTH, job->depth - column);
  gsize block = column / STEER_CPU_TILE_DEPTH;
  float *c = result + first * job->item_rows;

  if (job->in_parts)
    for (gsize p = 0; p < n_rows; p += STEER_CPU_MAX_TILE_COLUMNS)
      kernels->parts.tile (n, depth, get_staged_parts (job, block, first),
                           (const guint8 *) (panels + p * STEER_CPU_TILE_DEPTH), c + p, job->item_rows, column > 0);
  else
    for (gsize p = 0; p < n_rows; p += kernels->tile_columns)
      kernels->tile (n, depth, get_staged (job, block, first), panels + p * STEER_CPU_TILE_DEPTH, kernels->tile_columns,
                     c + p, job->item_rows, column > 0);
}

/* result: [n_tokens, item_rows]. Rows beyond n_rows, up to the width of a tile, are zero. */
static void
multiply_chunk (const Job *job, const SteerCpuMatrix *matrix, gsize row, gsize n_rows, float *panels, float *result)
{
  guint tile_rows = job->in_parts ? STEER_CPU_PARTS_ROWS : job->self->kernels->tile_rows;
  guint n_groups = (job->n_tokens + tile_rows - 1) / tile_rows;

  for (gsize column = 0; column < job->depth; column += STEER_CPU_TILE_DEPTH)
    {
      pack_panels (job, matrix, row, n_rows, column, MIN (STEER_CPU_TILE_DEPTH, job->depth - column), panels);
      for (guint group = 0; group < n_groups; group++)
        {
          guint first = group * job->n_tokens / n_groups;

          multiply_tiles (job, column, first, (group + 1) * job->n_tokens / n_groups - first, n_rows, panels, result);
        }
    }
}

/* All tokens times the pair of expanded panels from @p on. Of an odd number of panels the last is its own partner, and
 * the partner's results fall behind the item's rows. */
static void
multiply_pair (const Job *job, const SteerCpuMatrix *matrix, gsize column, gsize p, gsize n, guint8 *expanded, float *c)
{
  const SteerCpuKernels *kernels = job->self->kernels;
  gsize bytes = STEER_CPU_EXPANDED_BYTES (kernels->panel_rows);
  SteerCpuQuantTile tile = {
    .n_tokens = job->n_tokens,
    .accumulate = column > 0,
    .n_blocks = MIN (STEER_CPU_TILE_DEPTH, job->depth - column) / STEER_CPU_QUANT_BLOCK,
    .x = get_quantised (job, 0, column),
    .panels = expanded + p * bytes,
    .panel_bytes = p + 1 < n ? bytes : 0,
    .c = c + p * kernels->panel_rows,
    .c_stride = job->item_rows,
  };

  matrix->quant->tile (&tile);
}

/* result: [n_tokens, item_rows]; rows beyond n_rows may be written. */
static void
multiply_chunk_quantised (const Job *job,
                          const SteerCpuMatrix *matrix,
                          gsize row,
                          gsize n_rows,
                          guint8 *expanded,
                          float *result)
{
  guint panel_rows = job->self->kernels->panel_rows;
  gsize bytes = STEER_CPU_EXPANDED_BYTES (panel_rows);
  gsize n_panels = count_panels (job, n_rows);

  for (gsize column = 0; column < job->depth; column += STEER_CPU_TILE_DEPTH)
    {
      gsize offset = steer_cpu_packed_get_panel_bytes (matrix->dtype, panel_rows, column);
      gsize n_blocks = MIN (STEER_CPU_TILE_DEPTH, job->depth - column) / STEER_CPU_QUANT_BLOCK;

      for (gsize p = 0; p < n_panels; p++)
        matrix->quant->expand (get_panel (job, matrix, row) + p * matrix->panel_bytes + offset, n_blocks,
                               expanded + p * bytes);
      for (gsize p = 0; p < n_panels; p += 2)
        multiply_pair (job, matrix, column, p, n_panels, expanded, result);
    }
}

/* Two products make one result. */
static gboolean
is_gated (SteerCpuEpilogue epilogue)
{
  return epilogue == STEER_CPU_SILU_MUL || epilogue == STEER_CPU_GELU_MUL;
}

static void
add_bias (const Job *job, const SteerCpuProduct *product, gsize row, gsize n_rows, float *result)
{
  if (product->bias == NULL)
    return;
  for (guint t = 0; t < job->n_tokens; t++)
    for (gsize r = 0; r < n_rows; r++)
      result[t * job->item_rows + r] += product->bias[row + r];
}

static void
finish (const Job *job, const SteerCpuProduct *product, gsize row, gsize n_rows, const float *result, const float *up)
{
  for (guint t = 0; t < job->n_tokens; t++)
    {
      const float *from = result + t * job->item_rows;
      float *out = product->out + t * product->out_stride + row;

      switch (job->epilogue)
        {
        case STEER_CPU_STORE:
          memcpy (out, from, n_rows * sizeof (float));
          break;
        case STEER_CPU_ADD:
          job->self->kernels->axpy (1.0f, from, n_rows, out);
          break;
        case STEER_CPU_SILU_MUL:
          job->self->kernels->silu_mul (from, up + t * job->item_rows, n_rows, out);
          break;
        case STEER_CPU_GELU_MUL:
          job->self->kernels->gelu_mul (from, up + t * job->item_rows, n_rows, out);
          break;
        case STEER_CPU_SOFTCAP:
          job->self->kernels->softcap (from, n_rows, (float) job->self->config->logit_softcap, out);
          break;
        default:
          g_assert_not_reached ();
        }
    }
}

static void
multiply_rows (const Job *job,
               const SteerCpuProduct *product,
               gsize row,
               gsize n_rows,
               SteerCpuScratch *scratch,
               float *result)
{
  const SteerCpuMatrix *matrix = product->matrix;

  if (job->short_run && matrix->quant != NULL)
    multiply_short_quantised (job, matrix, row, n_rows, result);
  else if (job->short_run)
    multiply_short (job, matrix, row, n_rows, result);
  else if (matrix->quant != NULL)
    multiply_chunk_quantised (job, matrix, row, n_rows, (guint8 *) scratch->panels, result);
  else
    multiply_chunk (job, matrix, row, n_rows, scratch->panels, result);
  add_bias (job, product, row, n_rows, result);
}

static void
run_item (gpointer data, guint item, guint thread)
{
  const Job *job = data;
  SteerCpuScratch *scratch = &job->self->work.scratch[thread];
  float *up = scratch->result + STEER_CPU_CHUNK * STEER_CPU_ITEM_ROWS;
  const SteerCpuProduct *product;
  gsize row, n_rows;
  guint part = 0;

  if (steer_cpu_context_is_cancelled (job->self))
    return;
  while (item >= job->first_item[part + 1])
    part++;
  product = &job->products[part];
  row = (item - job->first_item[part]) * job->item_rows;
  n_rows = MIN (job->item_rows, product->matrix->n_rows - row);

  multiply_rows (job, product, row, n_rows, scratch, scratch->result);
  if (is_gated (job->epilogue))
    multiply_rows (job, &job->products[1], row, n_rows, scratch, up);
  finish (job, product, row, n_rows, scratch->result, up);
}

G_STATIC_ASSERT (STEER_CPU_ITEM_ROWS % (2 * STEER_CPU_MAX_PANEL_ROWS) == 0);
G_STATIC_ASSERT (STEER_CPU_ITEM_ROWS / STEER_CPU_MAX_PANEL_ROWS * STEER_CPU_EXPANDED_BYTES (STEER_CPU_MAX_PANEL_ROWS)
                 <= STEER_CPU_ITEM_ROWS * STEER_CPU_TILE_DEPTH * sizeof (float));

static gsize
choose_item_rows (const Job *job)
{
  /* A multiple of the rows that a kernel takes at once. */
  const gsize step = job->any_quant ? STEER_CPU_MAX_PANEL_ROWS : 4;
  gsize row_bytes = job->products[0].matrix->row_bytes;
  gsize n_bytes = 0;
  gsize share, rows;

  if (!job->short_run)
    return STEER_CPU_ITEM_ROWS;
  for (guint i = 0; i < job->n_parts; i++)
    n_bytes += job->products[i].matrix->n_rows * job->products[i].matrix->row_bytes;
  share = n_bytes / (SHORT_ITEMS_A_THREAD * steer_thread_pool_get_n_threads (job->self->pool));
  rows = CLAMP (share, SHORT_ITEM_BYTES_MIN, SHORT_ITEM_BYTES) / row_bytes;
  return CLAMP (rows / step * step, step, SHORT_ITEM_ROWS);
}

void
steer_cpu_multiply (SteerCpuContext *self,
                    const float *x,
                    gsize x_stride,
                    guint n_tokens,
                    gboolean short_run,
                    SteerCpuEpilogue epilogue,
                    const SteerCpuProduct *products,
                    guint n_products)
{
  Job job = {
    .self = self,
    .x = x,
    .x_stride = x_stride,
    .depth = products[0].matrix->n_columns,
    .n_tokens = n_tokens,
    .short_run = short_run,
    .in_parts = !short_run && self->kernels->parts.tile != NULL,
    .epilogue = epilogue,
    .products = products,
    .n_parts = is_gated (epilogue) ? 1 : n_products,
  };

  g_assert (n_products <= STEER_CPU_MAX_PRODUCTS);
  g_assert (n_tokens <= (short_run ? STEER_CPU_SHORT_TOKENS : self->work.chunk));
  for (guint i = 0; i < n_products; i++)
    {
      job.any_quant |= products[i].matrix->quant != NULL;
      job.any_plain |= products[i].matrix->quant == NULL;
      job.in_parts &= products[i].matrix->quant != NULL || products[i].matrix->dtype == STEER_DTYPE_BF16;
    }
  job.item_rows = choose_item_rows (&job);
  for (guint i = 0; i < job.n_parts; i++)
    job.first_item[i + 1]
      = job.first_item[i] + (guint) ((products[i].matrix->n_rows + job.item_rows - 1) / job.item_rows);

  if (short_run)
    for (guint t = 0; t < n_tokens; t++)
      stage_token (&job, t, 0);
  else
    steer_thread_pool_run (self->pool, n_tokens, stage_token, &job);
  steer_thread_pool_run (self->pool, job.first_item[job.n_parts], run_item, &job);
}
