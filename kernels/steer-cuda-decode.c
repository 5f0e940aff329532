/* A step of decoding: one to four tokens through all layers. */
#include "steer-cuda-pass.h"

#include <string.h>

/* What a step is asked for; the same for all its columns. */
typedef struct
{
  const SteerCudaColumn *columns;
  guint n_columns;
  gboolean any_taps;
  gboolean any_hooks;
  gboolean any_logits; /* on the host */
  gboolean any_token;
} Step;

static cudaError_t
copy_taps (SteerCudaContext *self, const Step *step, guint layer, const float *residual)
{
  for (guint i = 0; i < step->n_columns; i++)
    TRY (steer_cuda_copy_taps (self, step->columns[i].run, step->columns[i].index, 1, layer,
                               residual + (gsize) i * self->config->d_model));
  return cudaSuccess;
}

/* Queries that are ready for attention; keys and values go to the cache. @steered: whether @in, the output of the layer
 * before, has been steered. */
static cudaError_t
enqueue_heads (SteerCudaContext *self,
               int n,
               guint index,
               gboolean steered,
               const float *in,
               float *out,
               const float **query)
{
  const SteerCudaLayer *layer = &self->weights.layers[index];
  const SteerCudaToken *tokens = self->steering.device.tokens;
  SteerCudaWork *work = &self->work;
  int n_query = layer->q.n_rows, n_kv = layer->k.n_rows;
  int stride = n_query + 2 * n_kv;
  const SteerCudaHeads q = { .rows = work->q, .stride = stride, .norm = layer->q_norm };
  const SteerCudaHeads k = { .rows = work->q + n_query, .stride = stride, .norm = layer->k_norm };
  const SteerCudaHeads v = { .rows = work->q + n_query + n_kv, .stride = stride };
  const float *turns = steer_cuda_get_turns (self, index, n);
  gboolean normed = layer->q_norm != NULL;

  TRY (steer_cuda_decode_qkv (&self->queue, &self->shape, steered ? 0 : (int) index, &layer->q, &layer->k, &layer->v,
                              layer->attn_norm, tokens, n, turns, in, out, work->q, normed ? work->q : NULL,
                              &self->caches[index]));
  *query = normed ? work->query : work->q;
  if (!normed)
    return cudaSuccess;
  return steer_cuda_rotate_rows (&self->queue, &self->shape, &q, &k, &v, tokens, n, turns, STEER_CUDA_F32, work->query,
                                 &self->caches[index]);
}

/* residual += matrix x, by way of the branch's norm where it has one. */
static cudaError_t
enqueue_branch (SteerCudaContext *self,
                int n,
                const SteerCudaMatrix *matrix,
                const float *norm,
                const float *x,
                float *residual)
{
  if (norm == NULL)
    return steer_cuda_decode_add (&self->queue, matrix, x, n, residual);
  TRY (steer_cuda_decode_multiply (&self->queue, &self->shape, matrix, NULL, x, n, self->work.branch));
  return steer_cuda_add_normed_rows (&self->queue, &self->shape, self->work.branch, norm, n, residual);
}

/* In one kernel, which takes a row of each together, where both are of one type. */
static cudaError_t
enqueue_gate_and_up (SteerCudaContext *self, int n, const SteerCudaLayer *layer, const float *residual)
{
  SteerCudaWork *work = &self->work;

  if (layer->gate.type == layer->up.type)
    return steer_cuda_decode_gate_up (&self->queue, &self->shape, &layer->gate, &layer->up, layer->mlp_norm, residual,
                                      n, work->hidden);
  TRY (steer_cuda_decode_multiply (&self->queue, &self->shape, &layer->gate, layer->mlp_norm, residual, n, work->gate));
  TRY (steer_cuda_decode_multiply (&self->queue, &self->shape, &layer->up, layer->mlp_norm, residual, n, work->up));
  return steer_cuda_gate_rows (&self->queue, &self->shape, work->gate, work->up, NULL, NULL, n, STEER_CUDA_F32,
                               work->hidden);
}

/* Of a layer's output, which steering and hooks change in place. @steered: out: whether that was done; if not, what
 * follows steers. */
static cudaError_t
call_hooks (SteerCudaContext *self, const Step *step, guint layer, float *residual, gboolean *steered)
{
  *steered = FALSE;
  for (guint i = 0; i < step->n_columns && !*steered; i++)
    *steered = steer_run_has_hook (step->columns[i].run, layer);
  if (!*steered)
    return cudaSuccess;
  TRY (steer_cuda_steer_rows (&self->queue, &self->shape, (int) layer, self->steering.device.tokens,
                              (int) step->n_columns, residual));
  for (guint i = 0; i < step->n_columns; i++)
    TRY (steer_cuda_call_hook (self, step->columns[i].run, step->columns[i].index, 1, layer,
                               residual + (gsize) i * self->config->d_model));
  return cudaSuccess;
}

/* The steering of a layer is the first thing that the next one does, so the residual changes its buffer there. @seen:
 * (nullable): the step whose hooks are called and taps are copied; never inside a graph. @steered: out: whether the
 * last layer's output has been steered. */
static cudaError_t
enqueue_layers (SteerCudaContext *self, int n, const Step *seen, float **residual, gboolean *steered)
{
  SteerCudaWork *work = &self->work;
  const SteerCudaToken *tokens = self->steering.device.tokens;
  float *in = work->residual[0];
  float *out = work->residual[1];

  *steered = FALSE;
  TRY (steer_cuda_embed (&self->queue, &self->shape, &self->weights.embed, self->weights.inv_freq,
                         self->weights.n_turns, tokens, n, in, work->turns));
  for (guint i = 0; i < self->config->n_layers; i++)
    {
      const SteerCudaLayer *layer = &self->weights.layers[i];
      SteerCudaShape shape = steer_cuda_get_attention_shape (self, i);
      const float *query;
      float *swap = in;

      TRY (enqueue_heads (self, n, i, *steered, in, out, &query));
      if (seen != NULL && i > 0)
        TRY (copy_taps (self, seen, i - 1, out));
      TRY (steer_cuda_decode_attention (&self->queue, &shape, &self->caches[i], tokens, n, query,
                                        work->attention_scratch, work->attended));
      TRY (enqueue_branch (self, n, &layer->o, layer->attn_branch_norm, work->attended, out));
      TRY (enqueue_gate_and_up (self, n, layer, out));
      TRY (enqueue_branch (self, n, &layer->down, layer->mlp_branch_norm, work->hidden, out));
      if (seen != NULL && seen->any_hooks)
        TRY (call_hooks (self, seen, i, out, steered));
      in = out;
      out = swap;
    }
  residual[0] = in;
  residual[1] = out;
  return cudaSuccess;
}

static cudaError_t
enqueue_logits (SteerCudaContext *self, int n, float *const *residual, gboolean steered)
{
  TRY (steer_cuda_decode_logits (&self->queue, &self->shape, steered ? 0 : (int) self->config->n_layers,
                                 &self->weights.output, self->weights.final_norm, self->steering.device.tokens, n,
                                 residual[0], residual[1], self->work.logits));
  return steer_cuda_cap_logits (self, n);
}

static cudaError_t
enqueue_step (SteerCudaContext *self, guint n, gboolean choosing)
{
  float *residual[2];
  gboolean steered;

  TRY (enqueue_layers (self, (int) n, NULL, residual, &steered));
  TRY (enqueue_logits (self, (int) n, residual, steered));
  return choosing ? steer_cuda_launch_choice (self, n) : cudaSuccess;
}

/* NULL when it does not work, with nothing left in the stream; the reason is logged. */
static cudaGraphExec_t
capture (SteerCudaContext *self, guint n, gboolean choosing)
{
  cudaGraph_t graph = NULL;
  cudaGraphExec_t exec = NULL;
  cudaError_t status;

  status = cudaStreamBeginCapture (self->queue.stream, cudaStreamCaptureModeThreadLocal);
  if (status == cudaSuccess)
    {
      cudaError_t ended;

      status = enqueue_step (self, n, choosing);
      ended = cudaStreamEndCapture (self->queue.stream, &graph);
      if (status == cudaSuccess)
        status = ended;
    }
  if (status == cudaSuccess)
    status = cudaGraphInstantiate (&exec, graph, 0);
  if (graph != NULL)
    cudaGraphDestroy (graph);
  if (status == cudaSuccess)
    return exec;
  g_message ("The steps of decoding could not be captured and are launched kernel by kernel: %s",
             cudaGetErrorString (status));
  return NULL;
}

/* As a graph, which is captured at the second such step; kernel by kernel where that does not work. The first step has
 * the driver load, or compile, what it has not yet: that may be more than a capture allows. */
static cudaError_t
launch_step (SteerCudaContext *self, guint n, gboolean choosing)
{
  SteerCudaGraphs *graphs = &self->graphs[n - 1];
  SteerCudaGraph *graph = choosing ? &graphs->choosing : &graphs->step;

  if (graph->exec == NULL && graph->has_run && !self->graphs_fail)
    {
      graph->exec = capture (self, n, choosing);
      self->graphs_fail = graph->exec == NULL;
      cudaGetLastError ();
    }
  graph->has_run = TRUE;
  return graph->exec != NULL ? cudaGraphLaunch (graph->exec, self->queue.stream) : enqueue_step (self, n, choosing);
}

static cudaError_t
launch_watched (SteerCudaContext *self, const Step *step)
{
  float *residual[2];
  gboolean steered;

  TRY (
    enqueue_layers (self, (int) step->n_columns, step->any_taps || step->any_hooks ? step : NULL, residual, &steered));
  if (!step->any_taps && !step->any_logits && !step->any_token)
    return cudaSuccess;
  TRY (enqueue_logits (self, (int) step->n_columns, residual, steered));
  return step->any_taps ? copy_taps (self, step, self->config->n_layers - 1, residual[1]) : cudaSuccess;
}

static cudaError_t
fill_block (SteerCudaContext *self, const Step *step)
{
  /* A column without a choice is given the cheapest one; a batch is chosen for as a whole. */
  const SteerCudaChoice greedy = { .top_p = 1.0, .repetition_penalty = 1.0, .stamp = ++self->stamp };

  for (guint i = 0; i < step->n_columns; i++)
    {
      const SteerCudaColumn *column = &step->columns[i];

      self->steering.host.tokens[i] = steer_cuda_make_token (self, column->run, column->index);
      self->steering.host.choices[i] = greedy;
      if (steer_cuda_column_get_want (column) == STEER_WANT_TOKEN)
        TRY (steer_cuda_set_choice (self, i, column->run));
    }
  return steer_cuda_steering_send (&self->steering, self->queue.stream);
}

static Step
look_at (const SteerCudaColumn *columns, guint n_columns)
{
  Step step = { .columns = columns, .n_columns = n_columns };

  for (guint i = 0; i < n_columns; i++)
    {
      SteerWant want = steer_cuda_column_get_want (&columns[i]);

      step.any_taps |= columns[i].run->n_taps > 0;
      step.any_hooks |= columns[i].run->n_hooks > 0;
      step.any_token |= want == STEER_WANT_TOKEN;
      step.any_logits |= want == STEER_WANT_LAST_LOGITS || want == STEER_WANT_ALL_LOGITS;
    }
  return step;
}

static gboolean
take_logits (SteerCudaContext *self, const Step *step, GError **error)
{
  gsize n_vocab = self->config->n_vocab;

  if (!steer_cuda_context_check (self,
                                 cudaMemcpyAsync (self->host.logits, self->work.logits,
                                                  step->n_columns * n_vocab * sizeof (float), cudaMemcpyDeviceToHost,
                                                  self->queue.stream),
                                 "copying logits", error)
      || !steer_cuda_context_check (self, cudaStreamSynchronize (self->queue.stream), "computing logits", error))
    return FALSE;
  for (guint i = 0; i < step->n_columns; i++)
    {
      const SteerCudaColumn *column = &step->columns[i];
      SteerWant want = steer_cuda_column_get_want (column);
      gsize row = want == STEER_WANT_ALL_LOGITS ? column->index : 0;

      if (want == STEER_WANT_ALL_LOGITS || want == STEER_WANT_LAST_LOGITS)
        memcpy (column->run->logits + row * n_vocab, self->host.logits + i * n_vocab, n_vocab * sizeof (float));
    }
  return TRUE;
}

static gboolean
take_tokens (SteerCudaContext *self, const Step *step, GError **error)
{
  if (!steer_cuda_wait_for_tokens (self, step->n_columns, error))
    return FALSE;
  for (guint i = 0; i < step->n_columns; i++)
    if (steer_cuda_column_get_want (&step->columns[i]) == STEER_WANT_TOKEN)
      step->columns[i].run->token = (gint32) (guint32) self->host.chosen[i];
  return TRUE;
}

gboolean
steer_cuda_decode_step (SteerCudaContext *self, const SteerCudaColumn *columns, guint n_columns, GError **error)
{
  const Step step = look_at (columns, n_columns);
  gboolean watched = step.any_taps || step.any_hooks;
  gboolean choosing = step.any_token && !step.any_logits && !watched;
  gboolean plain = !watched && (step.any_logits || step.any_token);

  if (!steer_cuda_context_check (self, fill_block (self, &step), "sending a token", error)
      || !steer_cuda_context_check (self,
                                    plain ? launch_step (self, n_columns, choosing) : launch_watched (self, &step),
                                    "computing a token", error))
    return FALSE;
  if (choosing)
    return take_tokens (self, &step, error);

  /* Choosing changes the logits, so it waits until they were copied. */
  if (step.any_logits && !take_logits (self, &step, error))
    return FALSE;
  if (step.any_token)
    return steer_cuda_context_check (self, steer_cuda_launch_choice (self, n_columns), "choosing a token", error)
           && take_tokens (self, &step, error);
  return step.any_logits
         || steer_cuda_context_check (self, cudaStreamSynchronize (self->queue.stream), "computing a token", error);
}
