#include "steer-cpu-step.h"

#include <math.h>
#include <string.h>

#include "steer-cpu-attention.h"
#include "steer-cpu-product.h"
#include "steer-cpu-steer.h"
#include "tensor/steer-dequantize.h"

/* The stages of a step through the layers. Its tokens are columns 0 .. n_tokens - 1 of the work areas. */

typedef struct
{
  SteerCpuContext *self;
  const SteerCpuStep *step;
  guint layer;
  const float *weight; /* of a norm, [d_model] */
} Job;

/* Long steps share work by tokens; a short step's few tokens are not worth waking anybody. */
static void
for_each_token (SteerCpuContext *self, const SteerCpuStep *step, SteerThreadFunc func, Job *job)
{
  if (!step->short_run)
    {
      steer_thread_pool_run (self->pool, step->n_tokens, func, job);
      return;
    }
  for (guint t = 0; t < step->n_tokens; t++)
    func (job, t, 0);
}

static void
embed_token (gpointer data, guint column, guint thread)
{
  const Job *job = data;
  SteerCpuContext *self = job->self;
  const SteerCpuSegment *segment = steer_cpu_step_find_segment (job->step, column);
  gint32 token = segment->run->tokens[segment->first + column - segment->column];

  const guint8 *row = self->embed.data + (gsize) token * self->embed.row_bytes;
  float *residual = self->work.residual + column * self->work.model_stride;

  if (self->embed.kernels != NULL)
    self->embed.kernels->expand (row, self->config->d_model, residual);
  else
    steer_dequantize (self->embed.dtype, row,
                      self->config->d_model / steer_dtype_get_block_elements (self->embed.dtype), residual);
  /* transformers rounds the root to the type that it computes in, which here is float32, whatever the weights' is. */
  if (self->config->scales_embedding)
    self->kernels->scale (residual, self->config->d_model, (float) sqrt ((double) self->config->d_model));
}

/* The angle is a float32 product, as in transformers: at large positions its rounding matters more than the sine's. */
static void
turn_token (gpointer data, guint column, guint thread)
{
  const Job *job = data;
  SteerCpuContext *self = job->self;
  const SteerCpuSegment *segment = steer_cpu_step_find_segment (job->step, column);
  guint position = segment->run->position + segment->first + column - segment->column;
  guint half = self->config->head_dim / 2;

  for (guint turn = 0; turn < self->n_turns; turn++)
    {
      gsize first = ((gsize) turn * self->work.chunk + column) * half;

      for (guint i = 0; i < half; i++)
        {
          float angle = (float) position * self->inv_freq[turn * half + i];

          self->work.cosine[first + i] = (float) cos ((double) angle);
          self->work.sine[first + i] = (float) sin ((double) angle);
        }
    }
}

static void
embed (SteerCpuContext *self, const SteerCpuStep *step)
{
  Job job = { self, step, 0, NULL };

  for_each_token (self, step, embed_token, &job);
  for_each_token (self, step, turn_token, &job);
}

static void
norm_token (gpointer data, guint column, guint thread)
{
  const Job *job = data;
  SteerCpuWork *work = &job->self->work;
  const SteerModelConfig *config = job->self->config;

  job->self->kernels->rms_norm (work->residual + column * work->model_stride, job->weight, config->d_model,
                                (float) config->rms_norm_eps, work->normed + column * work->model_stride);
}

static void
normalise (SteerCpuContext *self, const SteerCpuStep *step, const float *weight)
{
  Job job = { self, step, 0, weight };

  for_each_token (self, step, norm_token, &job);
}

static void
project_query_key_value (SteerCpuContext *self, const SteerCpuStep *step, const SteerCpuLayer *layer)
{
  SteerCpuWork *work = &self->work;
  const SteerCpuProduct products[] = {
    { &layer->q, layer->q_bias, work->query, work->query_stride },
    { &layer->k, layer->k_bias, work->key, work->kv_stride },
    { &layer->v, layer->v_bias, work->value, work->kv_stride },
  };

  steer_cpu_multiply (self, work->normed, work->model_stride, step->n_tokens, step->short_run, STEER_CPU_STORE,
                      products, G_N_ELEMENTS (products));
}

/* The heads of queries and keys, each by itself. */
static void
norm_heads_of_token (gpointer data, guint column, guint thread)
{
  const Job *job = data;
  SteerCpuContext *self = job->self;
  const SteerCpuLayer *layer = &self->layers[job->layer];
  gsize n = self->config->head_dim;
  float eps = (float) self->config->rms_norm_eps;
  float *query = self->work.query + column * self->work.query_stride;
  float *key = self->work.key + column * self->work.kv_stride;

  for (guint head = 0; head < self->config->n_heads; head++)
    self->kernels->rms_norm (query + head * n, layer->q_norm, n, eps, query + head * n);
  for (guint head = 0; head < self->config->n_kv_heads; head++)
    self->kernels->rms_norm (key + head * n, layer->k_norm, n, eps, key + head * n);
}

static void
normalise_heads (SteerCpuContext *self, const SteerCpuStep *step, guint layer)
{
  Job job = { self, step, layer, NULL };

  for_each_token (self, step, norm_heads_of_token, &job);
}

/* One key/value head of all tokens, with its query heads: two threads never write to one block of the cache. */
static void
cache_head (gpointer data, guint kv_head, guint thread)
{
  const Job *job = data;
  SteerCpuContext *self = job->self;
  SteerCpuWork *work = &self->work;
  gsize n = self->config->head_dim;
  guint group = self->config->n_heads / self->config->n_kv_heads;
  gboolean is_other = self->n_turns > 1 && steer_model_config_is_local_layer (self->config, job->layer);
  gsize first_turn = is_other ? work->chunk : 0;
  void (*rope) (float *x, const float *cosine, const float *sine, gsize n)
    = self->config->rope_interleaved ? self->kernels->rope_interleaved : self->kernels->rope;

  for (guint s = 0; s < job->step->n_segments; s++)
    {
      const SteerCpuSegment *segment = &job->step->segments[s];

      for (guint t = 0; t < segment->n; t++)
        {
          gsize column = segment->column + t;
          const float *cosine = work->cosine + (first_turn + column) * (n / 2);
          const float *sine = work->sine + (first_turn + column) * (n / 2);
          float *query = work->query + column * work->query_stride + (gsize) kv_head * group * n;
          float *key = work->key + column * work->kv_stride + kv_head * n;
          const float *value = work->value + column * work->kv_stride + kv_head * n;

          for (guint head = 0; head < group; head++)
            rope (query + head * n, cosine, sine, n);
          rope (key, cosine, sine, n);
          steer_cpu_cache_write (&self->cache, self->kernels, job->layer, segment->run->slot,
                                 segment->run->position + segment->first + t, kv_head, key, value);
        }
    }
}

static void
rotate_and_cache (SteerCpuContext *self, const SteerCpuStep *step, guint layer)
{
  Job job = { self, step, layer, NULL };

  if (!step->short_run)
    {
      steer_thread_pool_run (self->pool, self->config->n_kv_heads, cache_head, &job);
      return;
    }
  for (guint kv_head = 0; kv_head < self->config->n_kv_heads; kv_head++)
    cache_head (&job, kv_head, 0);
}

static void
add_normed_token (gpointer data, guint column, guint thread)
{
  const Job *job = data;
  SteerCpuWork *work = &job->self->work;
  const SteerModelConfig *config = job->self->config;
  float *branch = work->normed + column * work->model_stride;

  job->self->kernels->rms_norm (branch, job->weight, config->d_model, (float) config->rms_norm_eps, branch);
  job->self->kernels->axpy (1.0f, branch, config->d_model, work->residual + column * work->model_stride);
}

/* Onto the residual stream, by way of work.normed where the branch has a norm of its own: nobody reads the layer's
 * input there any more. */
static void
add_branch (SteerCpuContext *self,
            const SteerCpuStep *step,
            const SteerCpuMatrix *matrix,
            const float *bias,
            const float *norm,
            const float *x,
            gsize x_stride)
{
  SteerCpuWork *work = &self->work;
  const SteerCpuProduct product = { matrix, bias, norm != NULL ? work->normed : work->residual, work->model_stride };
  Job job = { self, step, 0, norm };

  steer_cpu_multiply (self, x, x_stride, step->n_tokens, step->short_run,
                      norm != NULL ? STEER_CPU_STORE : STEER_CPU_ADD, &product, 1);
  if (norm != NULL)
    for_each_token (self, step, add_normed_token, &job);
}

static void
add_attention_output (SteerCpuContext *self, const SteerCpuStep *step, const SteerCpuLayer *layer)
{
  add_branch (self, step, &layer->o, layer->o_bias, layer->attn_branch_norm, self->work.attended,
              self->work.query_stride);
}

static void
gate_and_up (SteerCpuContext *self, const SteerCpuStep *step, const SteerCpuLayer *layer)
{
  SteerCpuWork *work = &self->work;
  const SteerCpuProduct products[] = {
    { &layer->gate, layer->gate_bias, work->hidden, work->ff_stride },
    { &layer->up, layer->up_bias, work->hidden, work->ff_stride },
  };

  steer_cpu_multiply (self, work->normed, work->model_stride, step->n_tokens, step->short_run,
                      self->config->gate == STEER_GATE_GELU ? STEER_CPU_GELU_MUL : STEER_CPU_SILU_MUL, products,
                      G_N_ELEMENTS (products));
}

static void
add_mlp_output (SteerCpuContext *self, const SteerCpuStep *step, const SteerCpuLayer *layer)
{
  add_branch (self, step, &layer->down, layer->down_bias, layer->mlp_branch_norm, self->work.hidden,
              self->work.ff_stride);
}

static void
steer_token (gpointer data, guint column, guint thread)
{
  const Job *job = data;
  SteerCpuContext *self = job->self;
  const SteerCpuSegment *segment = steer_cpu_step_find_segment (job->step, column);
  const SteerRun *run = segment->run;
  const SteerPlanOp *ops;
  guint n_ops;

  if (run->steer_mask != NULL && run->steer_mask[segment->first + column - segment->column] == 0)
    return;
  ops = steer_plan_get_layer_ops (run->plan, job->layer, &n_ops);
  for (guint i = 0; i < n_ops; i++)
    steer_cpu_apply_op (self->kernels, &ops[i], self->config->d_model,
                        self->work.residual + column * self->work.model_stride);
}

static void
steer (SteerCpuContext *self, const SteerCpuStep *step, guint layer)
{
  Job job = { self, step, layer, NULL };
  guint n_ops = 0;

  for (guint s = 0; s < step->n_segments && n_ops == 0; s++)
    steer_plan_get_layer_ops (step->segments[s].run->plan, layer, &n_ops);
  if (n_ops > 0)
    for_each_token (self, step, steer_token, &job);
}

static void
call_hooks (SteerCpuContext *self, const SteerCpuStep *step, guint layer)
{
  for (guint s = 0; s < step->n_segments; s++)
    {
      const SteerCpuSegment *segment = &step->segments[s];
      const SteerRun *run = segment->run;

      if (steer_run_has_hook (run, layer))
        run->hook (layer, segment->first, segment->n, self->work.residual + segment->column * self->work.model_stride,
                   self->work.model_stride, run->hook_data);
    }
}

static void
tap (SteerCpuContext *self, const SteerCpuStep *step, guint layer)
{
  gsize d_model = self->config->d_model;

  for (guint s = 0; s < step->n_segments; s++)
    {
      const SteerCpuSegment *segment = &step->segments[s];
      const SteerRun *run = segment->run;

      for (guint i = 0; i < run->n_taps; i++)
        if (run->tap_layers[i] == layer)
          for (guint t = 0; t < segment->n; t++)
            memcpy (run->taps + ((gsize) i * run->n_tokens + segment->first + t) * d_model,
                    self->work.residual + (segment->column + t) * self->work.model_stride, d_model * sizeof (float));
    }
}

/* Up to the cached keys and values, for which a later token may ask. */
static void
run_layer_input (SteerCpuContext *self, const SteerCpuStep *step, guint index)
{
  normalise (self, step, self->layers[index].attn_norm);
  project_query_key_value (self, step, &self->layers[index]);
  if (self->config->qk_norm)
    normalise_heads (self, step, index);
  rotate_and_cache (self, step, index);
}

static void
run_layer_rest (SteerCpuContext *self, const SteerCpuStep *step, guint index)
{
  const SteerCpuLayer *layer = &self->layers[index];

  steer_cpu_attention_run (self, step, index);
  add_attention_output (self, step, layer);
  normalise (self, step, layer->mlp_norm);
  gate_and_up (self, step, layer);
  add_mlp_output (self, step, layer);
  steer (self, step, index);
  call_hooks (self, step, index);
  tap (self, step, index);
}

/* What the last layer makes of a token is wanted for its logits and by a tap, and by nobody else. Of a long step whose
 * runs ask for neither but at their end, @last gets the ends as columns 0, 1, ..., and what the rest of the layer
 * reads of them is moved there. */
static void
keep_last_tokens (SteerCpuContext *self, const SteerCpuStep *step, SteerCpuStep *last)
{
  SteerCpuWork *work = &self->work;

  *last = (SteerCpuStep){ .short_run = TRUE };
  for (guint s = 0; s < step->n_segments; s++)
    {
      const SteerCpuSegment *segment = &step->segments[s];
      gsize column = segment->column + segment->n - 1;

      if (segment->run->want != STEER_WANT_LAST_LOGITS || segment->first + segment->n < segment->run->n_tokens)
        continue;
      /* Segments are in the order of columns, so a row moves only to a place that is no longer needed. */
      memmove (work->residual + last->n_tokens * work->model_stride, work->residual + column * work->model_stride,
               self->config->d_model * sizeof (float));
      memmove (work->query + last->n_tokens * work->query_stride, work->query + column * work->query_stride,
               work->query_stride * sizeof (float));
      last->segments[last->n_segments++]
        = (SteerCpuSegment){ segment->run, segment->run->n_tokens - 1, 1, last->n_tokens };
      last->n_tokens++;
    }
}

static void
write_logits (SteerCpuContext *self, const float *normed, guint n_tokens, gboolean short_run, float *logits)
{
  const SteerCpuProduct product = { &self->output, NULL, logits, self->config->n_vocab };

  steer_cpu_multiply (self, normed, self->work.model_stride, n_tokens, short_run,
                      self->config->logit_softcap > 0.0 ? STEER_CPU_SOFTCAP : STEER_CPU_STORE, &product, 1);
}

/* The last tokens of several runs are multiplied together, so that a batch reads the output matrix once. */
static void
write_last_logits (SteerCpuContext *self, const SteerCpuStep *step)
{
  SteerCpuWork *work = &self->work;
  const SteerCpuSegment *ending[STEER_MAX_SLOTS];
  guint n_ending = 0;

  for (guint s = 0; s < step->n_segments; s++)
    {
      const SteerCpuSegment *segment = &step->segments[s];

      if (segment->run->want == STEER_WANT_LAST_LOGITS && segment->first + segment->n == segment->run->n_tokens)
        ending[n_ending++] = segment;
    }
  /* Segments are in the order of columns, so a row moves only to a place that is no longer needed. */
  for (guint i = 0; i < n_ending; i++)
    memmove (work->normed + i * work->model_stride,
             work->normed + (ending[i]->column + ending[i]->n - 1) * work->model_stride,
             self->config->d_model * sizeof (float));
  if (n_ending == 1)
    write_logits (self, work->normed, 1, TRUE, ending[0]->run->logits);
  else if (n_ending > 1)
    {
      write_logits (self, work->normed, n_ending, TRUE, work->logits);
      for (guint i = 0; i < n_ending; i++)
        memcpy (ending[i]->run->logits, work->logits + (gsize) i * self->config->n_vocab,
                self->config->n_vocab * sizeof (float));
    }
}

static void
write_all_logits (SteerCpuContext *self, const SteerCpuStep *step)
{
  for (guint s = 0; s < step->n_segments; s++)
    {
      const SteerCpuSegment *segment = &step->segments[s];

      if (segment->run->want == STEER_WANT_ALL_LOGITS)
        write_logits (self, self->work.normed + segment->column * self->work.model_stride, segment->n, step->short_run,
                      segment->run->logits + (gsize) segment->first * self->config->n_vocab);
    }
}

/* Returns the step whose columns hold the result: @step, or @last where the rest is left out. NULL: cancelled. */
static const SteerCpuStep *
run_layers (SteerCpuContext *self,
            const SteerCpuStep *step,
            SteerCpuStep *last,
            GCancellable *cancellable,
            GError **error)
{
  guint n_layers = self->config->n_layers;

  for (guint layer = 0; layer < n_layers; layer++)
    {
      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return NULL;
      run_layer_input (self, step, layer);
      if (layer + 1 == n_layers && step->ends_only)
        {
          keep_last_tokens (self, step, last);
          steer_cpu_attention_plan (self, last);
          step = last;
        }
      run_layer_rest (self, step, layer);
    }
  return step;
}

gboolean
steer_cpu_step_run (SteerCpuContext *self, const SteerCpuStep *step, GCancellable *cancellable, GError **error)
{
  SteerCpuStep last;
  const SteerCpuStep *result;
  gboolean done = FALSE;

  self->cancellable = cancellable;
  steer_cpu_attention_plan (self, step);
  embed (self, step);
  result = run_layers (self, step, &last, cancellable, error);
  if (result != NULL)
    {
      normalise (self, result, self->final_norm);
      write_all_logits (self, result);
      write_last_logits (self, result);
      /* What was left out after a cancel is in the results, and must not be taken for them. */
      done = !g_cancellable_set_error_if_cancelled (cancellable, error);
    }
  self->cancellable = NULL;
  return done;
}
