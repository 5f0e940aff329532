#include "steer-cpu-attention.h"

#include <math.h>
#include <string.h>

#include "steer-cpu-cache-product.h"
#include "steer-cpu-work.h"

/* Softmax over a long row in pieces ("flash attention"): a span of positions gives its largest score, the sum of
 * exp(score - largest), and the values weighted by them; two spans are joined by bringing both to the larger maximum.
 * Spans begin at fixed positions and are joined in their order, so a token's result does not depend on how the work
 * is cut. All heads that share keys and values are computed together, so the cache is read once. */

/* Some tokens of a segment with the query heads of one key/value head. */
typedef struct
{
  const SteerCpuSegment *segment;
  guint first; /* of the segment's tokens */
  guint n;
  guint window; /* 0: none */
  guint kv_head;
  guint first_span;
  guint n_spans;
  gsize first_partial; /* row in work.partials; used when the spans are separate items */
  gint n_open;         /* spans not yet computed; atomic */
} Unit;

/* All of a unit, or one span of it. */
typedef struct
{
  guint unit;
  gint span; /* -1: all */
} Item;

typedef struct
{
  SteerCpuContext *self;
  guint layer;
  Unit *units;
  const Item *items;
  guint n_items;
} Job;

static guint
get_position (const Unit *unit, guint token)
{
  return unit->segment->run->position + unit->segment->first + unit->first + token;
}

static guint
get_first_visible (const Unit *unit, guint position)
{
  return unit->window > 0 && position >= unit->window ? position - unit->window + 1 : 0;
}

/* The unit of each head of keys and values for @n tokens of @segment from @first on. */
static void
add_units (SteerCpuContext *self,
           SteerCpuAttentionPlan *plan,
           guint window,
           const SteerCpuStep *step,
           const SteerCpuSegment *segment,
           guint first,
           guint n,
           gsize *n_partial_rows)
{
  guint group = self->config->n_heads / self->config->n_kv_heads;
  Unit unit = { .segment = segment, .first = first, .n = n, .window = window };
  guint index = plan->units->len;
  guint last = get_position (&unit, n - 1) / STEER_CPU_SPAN;
  gboolean by_span;

  unit.first_span = get_first_visible (&unit, get_position (&unit, 0)) / STEER_CPU_SPAN;
  unit.n_spans = last - unit.first_span + 1;
  unit.n_open = (gint) unit.n_spans;
  by_span = step->short_run && unit.n_spans > 1;
  for (unit.kv_head = 0; unit.kv_head < self->config->n_kv_heads; unit.kv_head++)
    {
      unit.first_partial = *n_partial_rows;
      if (by_span)
        *n_partial_rows += (gsize) unit.n_spans * n * group;
      g_array_append_val (plan->units, unit);
    }
  /* In the order of memory. */
  for (guint span = 0; span < (by_span ? unit.n_spans : 1); span++)
    for (guint head = 0; head < self->config->n_kv_heads; head++)
      {
        Item item = { index + head, by_span ? (gint) span : -1 };

        g_array_append_val (plan->items, item);
      }
}

static void
make_plan (SteerCpuContext *self, SteerCpuAttentionPlan *plan, guint window, const SteerCpuStep *step)
{
  guint group = self->config->n_heads / self->config->n_kv_heads;
  guint n_together = MAX (STEER_CPU_QUERY_ROWS / group, 1);
  gsize n_partial_rows = 0;

  if (plan->units == NULL)
    {
      plan->units = g_array_new (FALSE, FALSE, sizeof (Unit));
      plan->items = g_array_new (FALSE, FALSE, sizeof (Item));
    }
  g_array_set_size (plan->units, 0);
  g_array_set_size (plan->items, 0);

  for (guint s = 0; s < step->n_segments; s++)
    {
      const SteerCpuSegment *segment = &step->segments[s];
      guint n_blocks = (segment->n + n_together - 1) / n_together;

      /* The last tokens see most, and the longest work is best begun first. */
      for (guint block = n_blocks; block-- > 0;)
        {
          guint first = block * n_together;

          add_units (self, plan, window, step, segment, first, MIN (n_together, segment->n - first), &n_partial_rows);
        }
    }
  g_assert (n_partial_rows <= self->work.n_partial_rows);
}

void
steer_cpu_attention_plan (SteerCpuContext *self, const SteerCpuStep *step)
{
  make_plan (self, &self->attention[0], self->config->sliding_window, step);
  if (self->config->full_period > 0)
    make_plan (self, &self->attention[1], 0, step);
}

void
steer_cpu_attention_clear (SteerCpuContext *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (self->attention); i++)
    {
      g_clear_pointer (&self->attention[i].units, g_array_unref);
      g_clear_pointer (&self->attention[i].items, g_array_unref);
    }
}

static void
load_query (const SteerCpuContext *self, const Unit *unit, SteerCpuScratch *scratch)
{
  guint group = self->config->n_heads / self->config->n_kv_heads;
  guint n = self->config->head_dim;
  double scalar = self->config->query_scalar > 0.0 ? self->config->query_scalar : (double) n;
  float factor = (float) (1.0 / sqrt (scalar));

  for (guint r = 0; r < unit->n * group; r++)
    {
      gsize column = unit->segment->column + unit->first + r / group;
      gsize head = (gsize) unit->kv_head * group + r % group;
      float *to = scratch->query + (gsize) r * STEER_CPU_TILE_STRIDE;

      memcpy (to, self->work.query + column * self->work.query_stride + head * n, n * sizeof (float));
      self->kernels->scale (to, n, factor);
    }
  steer_cpu_cache_load_query (self, unit->n * group, scratch);
}

static void
clear_rows (const SteerCpuWork *work, float *rows, guint n_rows)
{
  for (guint r = 0; r < n_rows; r++)
    {
      float *row = rows + r * work->span_stride;

      memset (row, 0, work->head_stride * sizeof (float));
      *steer_cpu_work_row_max (work, row) = -INFINITY;
      *steer_cpu_work_row_sum (work, row) = 0.0f;
    }
}

static void
mask_scores (const Unit *unit, guint position, guint block_start, float *scores)
{
  guint first = get_first_visible (unit, position);

  if (first <= block_start && block_start + STEER_CPU_BLOCK <= position + 1)
    return;
  for (guint j = 0; j < STEER_CPU_BLOCK; j++)
    if (block_start + j > position || block_start + j < first)
      scores[j] = -INFINITY;
}

static void
cap_scores (const SteerCpuContext *self, guint n_rows, SteerCpuScratch *scratch)
{
  float cap = (float) self->config->attention_softcap;

  for (guint r = 0; r < n_rows; r++)
    {
      float *scores = scratch->scores + (gsize) r * STEER_CPU_TILE_STRIDE;

      self->kernels->softcap (scores, STEER_CPU_BLOCK, cap, scores);
    }
}

static SteerCpuCacheBlock
get_place (const Unit *unit, guint layer, guint block)
{
  return (SteerCpuCacheBlock){ layer, unit->segment->run->slot, block, unit->kv_head };
}

static void
attend_block (const SteerCpuContext *self,
              const Unit *unit,
              const SteerCpuCacheBlock *place,
              const SteerCpuCacheBlock *next,
              SteerCpuScratch *scratch,
              float *rows)
{
  guint group = self->config->n_heads / self->config->n_kv_heads;
  guint n_rows = unit->n * group;
  guint start = place->block * STEER_CPU_BLOCK;

  steer_cpu_cache_score (self, place, next, n_rows, scratch);
  if (self->config->attention_softcap > 0.0)
    cap_scores (self, n_rows, scratch);
  for (guint r = 0; r < n_rows; r++)
    mask_scores (unit, get_position (unit, r / group), start, scratch->scores + (gsize) r * STEER_CPU_TILE_STRIDE);
  steer_cpu_cache_weigh (self, place, next, n_rows, get_position (unit, 0), scratch, rows);
}

static guint
get_first_block (const Unit *unit, guint span)
{
  guint start = (unit->first_span + span) * STEER_CPU_SPAN;

  return MAX (start, get_first_visible (unit, get_position (unit, 0))) / STEER_CPU_BLOCK;
}

static guint
get_last_block (const Unit *unit, guint span)
{
  guint start = (unit->first_span + span) * STEER_CPU_SPAN;

  return MIN (start + STEER_CPU_SPAN - 1, get_position (unit, unit->n - 1)) / STEER_CPU_BLOCK;
}

/* The partial result of one span, from nothing. @after: where this thread likely goes on. */
static void
attend_span (const SteerCpuContext *self,
             const Unit *unit,
             guint layer,
             guint span,
             const SteerCpuCacheBlock *after,
             SteerCpuScratch *scratch,
             float *rows)
{
  guint group = self->config->n_heads / self->config->n_kv_heads;
  guint last = get_last_block (unit, span);

  clear_rows (&self->work, rows, unit->n * group);
  for (guint block = get_first_block (unit, span); block <= last; block++)
    {
      SteerCpuCacheBlock place = get_place (unit, layer, block);
      SteerCpuCacheBlock next = block < last ? get_place (unit, layer, block + 1) : *after;

      attend_block (self, unit, &place, &next, scratch, rows);
    }
}

/* Where the thread that does @item likely goes on when it is done: the others meanwhile claim one item each. */
static SteerCpuCacheBlock
get_place_after (const Job *job, guint item)
{
  const SteerCpuContext *self = job->self;
  const Item *items = job->items;
  guint next = item + steer_thread_pool_get_n_threads (self->pool);
  const Unit *unit;

  if (next >= job->n_items)
    next = item;
  unit = &job->units[items[next].unit];
  return get_place (unit, job->layer, get_first_block (unit, (guint) MAX (items[next].span, 0)));
}

static void
join (const SteerCpuContext *self, guint n_rows, float *rows, float *total)
{
  const SteerCpuWork *work = &self->work;
  gsize stride = work->span_stride;

  for (guint r = 0; r < n_rows; r++)
    {
      float *from = rows + r * stride;
      float *to = total + r * stride;
      float max = MAX (*steer_cpu_work_row_max (work, from), *steer_cpu_work_row_max (work, to));
      float from_factor, to_factor;

      from_factor
        = *steer_cpu_work_row_max (work, from) == max ? 1.0f : expf (*steer_cpu_work_row_max (work, from) - max);
      to_factor = *steer_cpu_work_row_max (work, to) == max ? 1.0f : expf (*steer_cpu_work_row_max (work, to) - max);
      if (to_factor != 1.0f)
        self->kernels->scale (to, work->head_stride, to_factor);
      self->kernels->axpy (from_factor, from, work->head_stride, to);
      *steer_cpu_work_row_sum (work, to)
        = *steer_cpu_work_row_sum (work, to) * to_factor + *steer_cpu_work_row_sum (work, from) * from_factor;
      *steer_cpu_work_row_max (work, to) = max;
    }
}

static void
store (const SteerCpuContext *self, const Unit *unit, float *total)
{
  const SteerCpuWork *work = &self->work;
  guint group = self->config->n_heads / self->config->n_kv_heads;
  guint n = self->config->head_dim;

  for (guint r = 0; r < unit->n * group; r++)
    {
      gsize column = unit->segment->column + unit->first + r / group;
      gsize head = (gsize) unit->kv_head * group + r % group;
      float *row = total + r * work->span_stride;

      self->kernels->scale (row, n, 1.0f / *steer_cpu_work_row_sum (work, row));
      memcpy (work->attended + column * work->query_stride + head * n, row, n * sizeof (float));
    }
}

static void
run_item (gpointer data, guint item, guint thread)
{
  const Job *job = data;
  SteerCpuContext *self = job->self;
  Unit *unit = &job->units[job->items[item].unit];
  gint span = job->items[item].span;
  SteerCpuScratch *scratch = &self->work.scratch[thread];
  guint n_rows = unit->n * (self->config->n_heads / self->config->n_kv_heads);
  gsize stride = self->work.span_stride;
  float *partials = self->work.partials + unit->first_partial * stride;
  SteerCpuCacheBlock after = get_place_after (job, item);

  if (steer_cpu_context_is_cancelled (self))
    return;
  load_query (self, unit, scratch);
  if (span < 0)
    {
      clear_rows (&self->work, scratch->total, n_rows);
      for (guint i = 0; i < unit->n_spans; i++)
        {
          SteerCpuCacheBlock next
            = i + 1 < unit->n_spans ? get_place (unit, job->layer, get_first_block (unit, i + 1)) : after;

          attend_span (self, unit, job->layer, i, &next, scratch, scratch->span);
          join (self, n_rows, scratch->span, scratch->total);
        }
      store (self, unit, scratch->total);
      return;
    }
  attend_span (self, unit, job->layer, (guint) span, &after, scratch, partials + (gsize) span * n_rows * stride);
  /* Who computes the last span joins them all. */
  if (!g_atomic_int_dec_and_test (&unit->n_open))
    return;
  g_atomic_int_set (&unit->n_open, (gint) unit->n_spans); /* for the next layer */
  clear_rows (&self->work, scratch->total, n_rows);
  for (guint i = 0; i < unit->n_spans; i++)
    join (self, n_rows, partials + (gsize) i * n_rows * stride, scratch->total);
  store (self, unit, scratch->total);
}

void
steer_cpu_attention_run (SteerCpuContext *self, const SteerCpuStep *step, guint layer)
{
  const SteerCpuAttentionPlan *plan = &self->attention[steer_model_config_is_local_layer (self->config, layer) ? 0 : 1];
  Job job = {
    .self = self,
    .layer = layer,
    .units = (Unit *) (gpointer) plan->units->data,
    .items = (const Item *) (gpointer) plan->items->data,
    .n_items = plan->items->len,
  };

  steer_thread_pool_run (self->pool, job.n_items, run_item, &job);
}
