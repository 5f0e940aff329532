#include "steer-cpu-work.h"

#include <string.h>

#include "steer-cpu-memory.h"

#define LINE_FLOATS 16

/* Deals out pieces of one allocation. The first pass has no memory and only adds up; the second hands out the same
 * pieces, so the two cannot disagree. */
typedef struct
{
  float *memory; /* nullable */
  gsize n_floats;
  gboolean overflow;
} Dealer;

static float *
deal (Dealer *dealer, gsize rows, gsize columns)
{
  float *piece = dealer->memory != NULL ? dealer->memory + dealer->n_floats : NULL;
  gsize n = 0;

  if (!g_size_checked_mul (&n, rows, columns) || !g_size_checked_add (&n, n, LINE_FLOATS - 1)
      || !g_size_checked_add (&dealer->n_floats, dealer->n_floats, n / LINE_FLOATS * LINE_FLOATS)
      || dealer->n_floats > G_MAXSSIZE / sizeof (float))
    {
      dealer->overflow = TRUE;
      dealer->n_floats = 0;
    }
  return piece;
}

static gsize
round_up (gsize n, gsize unit)
{
  return (n + unit - 1) / unit * unit;
}

/* The smallest odd number of cache lines that holds @n floats. */
static gsize
odd_lines (gsize n)
{
  return ((n + LINE_FLOATS - 1) / LINE_FLOATS | 1) * LINE_FLOATS;
}

static void
deal_scratch (SteerCpuWork *self, Dealer *dealer, const SteerModelConfig *config, guint n_threads)
{
  gsize n_groups = self->head_stride / STEER_CPU_QUANT_BLOCK;

  for (guint i = 0; i < n_threads; i++)
    {
      SteerCpuScratch scratch;

      scratch.panels = deal (dealer, STEER_CPU_ITEM_ROWS, STEER_CPU_TILE_DEPTH);
      scratch.result = deal (dealer, 2 * STEER_CPU_CHUNK, STEER_CPU_ITEM_ROWS);
      scratch.query = deal (dealer, self->n_query_rows, STEER_CPU_TILE_STRIDE);
      scratch.scores = deal (dealer, self->n_query_rows, STEER_CPU_TILE_STRIDE);
      scratch.keys = deal (dealer, config->head_dim, STEER_CPU_BLOCK);
      scratch.values = deal (dealer, STEER_CPU_BLOCK, self->head_stride);
      scratch.query_words = (gpointer) deal (dealer, self->n_query_rows, n_groups * STEER_CPU_QUANT_BLOCK / 2);
      scratch.query_scales = deal (dealer, self->n_query_rows, n_groups);
      scratch.score_words = (gpointer) deal (dealer, STEER_CPU_CACHE_ROWS, n_groups * STEER_CPU_BLOCK / 2);
      scratch.score_scales = deal (dealer, STEER_CPU_CACHE_ROWS, n_groups);
      scratch.span = deal (dealer, self->n_query_rows, self->span_stride);
      scratch.total = deal (dealer, self->n_query_rows, self->span_stride);
      /* Threads must not write to one cache line, nor to the line that is fetched along with it. */
      deal (dealer, 1, 4 * LINE_FLOATS);
      if (dealer->memory != NULL)
        self->scratch[i] = scratch;
    }
}

static void
deal_all (SteerCpuWork *self, Dealer *dealer, const SteerModelConfig *config, guint n_context, guint n_threads)
{
  gsize n_query = (gsize) config->n_heads * config->head_dim;
  gsize n_kv = (gsize) config->n_kv_heads * config->head_dim;
  gsize deepest = MAX (MAX (config->d_model, config->d_ff), n_query);
  gsize n_depth_blocks = (deepest + STEER_CPU_TILE_DEPTH - 1) / STEER_CPU_TILE_DEPTH;
  gsize n_spans = n_context / STEER_CPU_SPAN + 1;
  gsize n_turns = config->rope_local_theta > 0.0 ? 2 : 1;

  self->model_stride = odd_lines (config->d_model);
  self->query_stride = odd_lines (n_query);
  self->kv_stride = odd_lines (n_kv);
  self->ff_stride = odd_lines (config->d_ff);
  self->quant_stride = ((deepest + 63) / 64 | 1) * 64;
  self->head_stride = round_up (config->head_dim, STEER_CPU_MAX_TILE_COLUMNS);
  self->span_stride = self->head_stride + LINE_FLOATS;
  self->n_query_rows = MAX (STEER_CPU_QUERY_ROWS, config->n_heads / config->n_kv_heads);
  self->n_partial_rows = n_spans * STEER_CPU_SHORT_TOKENS * config->n_heads;

  self->residual = deal (dealer, self->chunk, self->model_stride);
  self->normed = deal (dealer, self->chunk, self->model_stride);
  self->query = deal (dealer, self->chunk, self->query_stride);
  self->key = deal (dealer, self->chunk, self->kv_stride);
  self->value = deal (dealer, self->chunk, self->kv_stride);
  self->attended = deal (dealer, self->chunk, self->query_stride);
  self->hidden = deal (dealer, self->chunk, self->ff_stride);
  self->staged = deal (dealer, n_depth_blocks * self->chunk, MAX (STEER_CPU_TILE_STRIDE, STEER_CPU_PARTS_STRIDE / 2));
  self->quant_blocks = (gpointer) deal (dealer, (gsize) self->chunk * (self->quant_stride / STEER_CPU_QUANT_BLOCK),
                                        sizeof (SteerCpuQuantBlock) / sizeof (float));
  self->quant_words = (gpointer) deal (dealer, self->chunk, self->quant_stride / 2);
  self->quant_bytes = (gpointer) deal (dealer, self->chunk, self->quant_stride / 4);
  self->cosine = deal (dealer, n_turns * self->chunk, config->head_dim / 2);
  self->sine = deal (dealer, n_turns * self->chunk, config->head_dim / 2);
  self->logits = deal (dealer, STEER_MAX_SLOTS, config->n_vocab);
  self->partials = deal (dealer, self->n_partial_rows, self->span_stride);
  deal_scratch (self, dealer, config, n_threads);
}

gboolean
steer_cpu_work_measure (SteerCpuWork *self,
                        const SteerModelConfig *config,
                        guint chunk,
                        guint n_context,
                        guint n_threads)
{
  Dealer dealer = { NULL, 0, FALSE };

  g_assert (chunk <= STEER_CPU_CHUNK);
  memset (self, 0, sizeof *self);
  self->chunk = chunk;
  deal_all (self, &dealer, config, n_context, n_threads);
  self->n_bytes = dealer.n_floats * sizeof (float);
  return !dealer.overflow;
}

gboolean
steer_cpu_work_allocate (SteerCpuWork *self, const SteerModelConfig *config, guint n_context, guint n_threads)
{
  Dealer dealer = { NULL, 0, FALSE };

  self->memory = steer_cpu_memory_reserve (self->n_bytes);
  self->scratch = g_try_new0 (SteerCpuScratch, n_threads);
  if (self->memory == NULL || self->scratch == NULL)
    return FALSE;
  dealer.memory = self->memory;
  deal_all (self, &dealer, config, n_context, n_threads);
  return TRUE;
}

void
steer_cpu_work_clear (SteerCpuWork *self)
{
  steer_cpu_memory_release (self->memory, self->n_bytes);
  self->memory = NULL;
  g_clear_pointer (&self->scratch, g_free);
}
