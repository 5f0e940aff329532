/* A chunk of a prompt: some hundred tokens of one sequence through all layers, as matrix products. */
#include "steer-cuda-pass.h"

#include <string.h>

/* Rows of a matrix that is expanded piece by piece are a multiple of this in each. */
#define PIECE_ROWS 128

typedef struct
{
  SteerRun *run;
  guint first;
  int n_tokens;
} Chunk;

/* Tokens of a chunk: all that a layer computes, or, in the last layer, those that somebody asks for. */
typedef struct
{
  int first;
  int n;
} Rows;

/* What the left operand of a product with @matrix is rounded to: the matrix's own type, since the products want both
 * alike. A quantised matrix is expanded to bf16, whose range no activation leaves; so is one of f16 where activations
 * are known to leave that range. */
static SteerCudaType
get_operand_type (const SteerCudaContext *self, const SteerCudaMatrix *matrix)
{
  if (matrix->type == STEER_CUDA_F16 && steer_cuda_has_large_activations (self->config))
    return STEER_CUDA_BF16;
  return matrix->type == STEER_CUDA_F32 || matrix->type == STEER_CUDA_F16 ? matrix->type : STEER_CUDA_BF16;
}

/* An expanded piece at a time. */
static cudaError_t
multiply_expanded (SteerCudaContext *self,
                   const SteerCudaMatrix *matrix,
                   const void *x,
                   int n_tokens,
                   gboolean add,
                   float *y)
{
  gsize row_bytes = (gsize) matrix->n_columns * sizeof (guint16);
  int n_at_once = (int) MIN (MAX (STEER_CUDA_EXPAND_BYTES / row_bytes, 1), (gsize) matrix->n_rows);

  /* Where the pieces' products begin is to be aligned: cuBLAS has fast kernels for that. */
  if (n_at_once > PIECE_ROWS)
    n_at_once -= n_at_once % PIECE_ROWS;
  for (int row = 0; row < matrix->n_rows; row += n_at_once)
    {
      int n = MIN (n_at_once, matrix->n_rows - row);

      TRY (steer_cuda_expand (&self->queue, matrix, row, n, STEER_CUDA_BF16, self->work.expanded));
      TRY (steer_cuda_blas_multiply (self->blas, STEER_CUDA_BF16, self->work.expanded, n, matrix->n_columns, x,
                                     n_tokens, add, y + row, matrix->n_rows));
    }
  return cudaSuccess;
}

/* y = x matrix^T, or y += it; without the bias. */
static cudaError_t
multiply (SteerCudaContext *self, const SteerCudaMatrix *matrix, const void *x, int n_tokens, gboolean add, float *y)
{
  if (get_operand_type (self, matrix) != matrix->type)
    return multiply_expanded (self, matrix, x, n_tokens, add, y);
  return steer_cuda_blas_multiply (self->blas, matrix->type, matrix->data, matrix->n_rows, matrix->n_columns, x,
                                   n_tokens, add, y, matrix->n_rows);
}

static float *
get_residual (const SteerCudaContext *self, int row)
{
  return self->work.residual[0] + (gsize) row * self->config->d_model;
}

/* By way of the branch's norm where it has one. */
static cudaError_t
multiply_into_residual (SteerCudaContext *self,
                        const SteerCudaMatrix *matrix,
                        const float *norm,
                        const void *x,
                        const Rows *rows)
{
  float *residual = get_residual (self, rows->first);
  float *y = norm != NULL ? self->work.branch : residual;

  TRY (multiply (self, matrix, x, rows->n, norm == NULL, y));
  if (matrix->bias != NULL)
    TRY (steer_cuda_add_bias_rows (&self->queue, matrix->bias, matrix->n_rows, rows->n, y));
  if (norm == NULL)
    return cudaSuccess;
  return steer_cuda_add_normed_rows (&self->queue, &self->shape, y, norm, rows->n, residual);
}

/* Norms, then multiplies by several matrices; where these are of different types, the norm is written for each. */
static cudaError_t
multiply_normed (SteerCudaContext *self,
                 const float *norm,
                 const SteerCudaMatrix *const *matrices,
                 float *const *results,
                 guint n_matrices,
                 const Rows *rows)
{
  for (guint i = 0; i < n_matrices; i++)
    {
      SteerCudaType type = get_operand_type (self, matrices[i]);

      if (i == 0 || type != get_operand_type (self, matrices[i - 1]))
        TRY (steer_cuda_norm_rows (&self->queue, &self->shape, get_residual (self, rows->first), norm, rows->n, type,
                                   self->work.normed));
      TRY (multiply (self, matrices[i], self->work.normed, rows->n, FALSE, results[i]));
    }
  return cudaSuccess;
}

/* Keys and values of the whole chunk into the cache. */
static cudaError_t
project (SteerCudaContext *self, const Chunk *chunk, guint index)
{
  const SteerCudaLayer *layer = &self->weights.layers[index];
  const SteerCudaMatrix *const matrices[] = { &layer->q, &layer->k, &layer->v };
  const Rows all = { 0, chunk->n_tokens };
  SteerCudaWork *work = &self->work;
  float *const results[] = { work->q, work->k, work->v };
  const SteerCudaHeads q = { .rows = work->q, .stride = layer->q.n_rows, .bias = layer->q.bias, .norm = layer->q_norm };
  const SteerCudaHeads k = { .rows = work->k, .stride = layer->k.n_rows, .bias = layer->k.bias, .norm = layer->k_norm };
  const SteerCudaHeads v = { .rows = work->v, .stride = layer->v.n_rows, .bias = layer->v.bias };

  TRY (multiply_normed (self, layer->attn_norm, matrices, results, G_N_ELEMENTS (matrices), &all));
  return steer_cuda_rotate_rows (&self->queue, &self->shape, &q, &k, &v, work->tokens, chunk->n_tokens,
                                 steer_cuda_get_turns (self, index, chunk->n_tokens), self->caches[index].type,
                                 work->query, &self->caches[index]);
}

static cudaError_t
attend (SteerCudaContext *self, const Chunk *chunk, guint index, const Rows *rows)
{
  const SteerCudaLayer *layer = &self->weights.layers[index];
  const SteerCudaCache *cache = &self->caches[index];
  const SteerCudaShape shape = steer_cuda_get_attention_shape (self, index);
  gsize row_bytes = (gsize) self->config->n_heads * self->config->head_dim * sizeof (guint16);
  SteerCudaWork *work = &self->work;

  TRY (steer_cuda_attend_rows (&self->queue, &shape, cache, (int) chunk->run->slot,
                               (int) (chunk->run->position + chunk->first) + rows->first,
                               (const guint8 *) work->query + (gsize) rows->first * row_bytes, rows->n,
                               get_operand_type (self, &layer->o), work->attended));
  return multiply_into_residual (self, &layer->o, layer->attn_branch_norm, work->attended, rows);
}

static cudaError_t
think (SteerCudaContext *self, guint index, const Rows *rows)
{
  const SteerCudaLayer *layer = &self->weights.layers[index];
  const SteerCudaMatrix *const matrices[] = { &layer->gate, &layer->up };
  SteerCudaWork *work = &self->work;
  float *const results[] = { work->gate, work->up };

  TRY (multiply_normed (self, layer->mlp_norm, matrices, results, G_N_ELEMENTS (matrices), rows));
  TRY (steer_cuda_gate_rows (&self->queue, &self->shape, work->gate, work->up, layer->gate.bias, layer->up.bias,
                             rows->n, get_operand_type (self, &layer->down), work->hidden));
  return multiply_into_residual (self, &layer->down, layer->mlp_branch_norm, work->hidden, rows);
}

static gboolean
is_last_chunk (const Chunk *chunk)
{
  return chunk->first + (guint) chunk->n_tokens == chunk->run->n_tokens;
}

/* What the last layer makes of a token, but for its key and value, is wanted for its logits and by a tap, and by nobody
 * else: most of it is left out. */
static Rows
get_wanted_rows (const SteerCudaContext *self, const Chunk *chunk, guint layer)
{
  const SteerRun *run = chunk->run;
  gboolean all = layer + 1 < self->config->n_layers || run->want == STEER_WANT_ALL_LOGITS;

  for (guint i = 0; i < run->n_taps; i++)
    all |= run->tap_layers[i] == layer;
  all |= steer_run_has_hook (run, layer);
  if (all)
    return (Rows){ 0, chunk->n_tokens };
  return (Rows){ chunk->n_tokens - 1, is_last_chunk (chunk) && run->want != STEER_WANT_NOTHING ? 1 : 0 };
}

static cudaError_t
run_layer (SteerCudaContext *self, const Chunk *chunk, guint index)
{
  const Rows rows = get_wanted_rows (self, chunk, index);
  guint n_ops = 0;

  TRY (project (self, chunk, index));
  if (rows.n == 0)
    return cudaSuccess;
  TRY (attend (self, chunk, index, &rows));
  TRY (think (self, index, &rows));
  steer_plan_get_layer_ops (chunk->run->plan, index, &n_ops);
  if (n_ops > 0)
    TRY (steer_cuda_steer_rows (&self->queue, &self->shape, (int) index, self->work.tokens + rows.first, rows.n,
                                get_residual (self, rows.first)));
  TRY (steer_cuda_call_hook (self, chunk->run, chunk->first, (guint) chunk->n_tokens, index, self->work.residual[0]));
  return steer_cuda_copy_taps (self, chunk->run, chunk->first, (guint) chunk->n_tokens, index, self->work.residual[0]);
}

static cudaError_t
begin (SteerCudaContext *self, const Chunk *chunk)
{
  /* The table of the chunk before may still be on its way. */
  TRY (cudaEventSynchronize (self->table_copied));
  for (int i = 0; i < chunk->n_tokens; i++)
    self->host.tokens[i] = steer_cuda_make_token (self, chunk->run, chunk->first + (guint) i);
  TRY (cudaMemcpyAsync (self->work.tokens, self->host.tokens, (gsize) chunk->n_tokens * sizeof (SteerCudaToken),
                        cudaMemcpyHostToDevice, self->queue.stream));
  TRY (cudaEventRecord (self->table_copied, self->queue.stream));
  TRY (steer_cuda_steering_send (&self->steering, self->queue.stream));
  return steer_cuda_embed (&self->queue, &self->shape, &self->weights.embed, self->weights.inv_freq,
                           self->weights.n_turns, self->work.tokens, chunk->n_tokens, self->work.residual[0],
                           self->work.turns);
}

/* Logits of a few rows that are normed in float32, with the kernel that decodes: their precision does not depend on how
 * a token came to be computed. */
static cudaError_t
compute_logits (SteerCudaContext *self, const float *normed, int n_rows)
{
  TRY (steer_cuda_decode_multiply (&self->queue, &self->shape, &self->weights.output, NULL, normed, n_rows,
                                   self->work.logits));
  return steer_cuda_cap_logits (self, n_rows);
}

static cudaError_t
write_all_logits (SteerCudaContext *self, const Chunk *chunk)
{
  gsize n_vocab = self->config->n_vocab;
  const float *normed = self->work.normed;

  TRY (steer_cuda_norm_rows (&self->queue, &self->shape, self->work.residual[0], self->weights.final_norm,
                             chunk->n_tokens, STEER_CUDA_F32, self->work.normed));
  for (int row = 0; row < chunk->n_tokens; row += STEER_CUDA_MAX_COLUMNS)
    {
      int n = MIN (STEER_CUDA_MAX_COLUMNS, chunk->n_tokens - row);

      TRY (compute_logits (self, normed + (gsize) row * self->config->d_model, n));
      TRY (cudaMemcpyAsync (chunk->run->logits + ((gsize) chunk->first + (gsize) row) * n_vocab, self->work.logits,
                            (gsize) n * n_vocab * sizeof (float), cudaMemcpyDeviceToHost, self->queue.stream));
    }
  return cudaSuccess;
}

static cudaError_t
compute_last_logits (SteerCudaContext *self, const Chunk *chunk)
{
  TRY (steer_cuda_norm_rows (&self->queue, &self->shape, get_residual (self, chunk->n_tokens - 1),
                             self->weights.final_norm, 1, STEER_CUDA_F32, self->work.normed));
  return compute_logits (self, self->work.normed, 1);
}

static cudaError_t
choose (SteerCudaContext *self, const SteerRun *run)
{
  self->stamp++;
  TRY (steer_cuda_set_choice (self, 0, run));
  TRY (steer_cuda_steering_send (&self->steering, self->queue.stream));
  return steer_cuda_launch_choice (self, 1);
}

static gboolean
finish (SteerCudaContext *self, const Chunk *chunk, GError **error)
{
  SteerRun *run = chunk->run;
  gboolean is_last = is_last_chunk (chunk);
  cudaError_t status = cudaSuccess;

  if (run->want == STEER_WANT_ALL_LOGITS)
    status = write_all_logits (self, chunk);
  else if (is_last && run->want != STEER_WANT_NOTHING)
    status = compute_last_logits (self, chunk);
  if (status == cudaSuccess && is_last && run->want == STEER_WANT_LAST_LOGITS)
    status = cudaMemcpyAsync (self->host.logits, self->work.logits, self->config->n_vocab * sizeof (float),
                              cudaMemcpyDeviceToHost, self->queue.stream);
  if (status == cudaSuccess && is_last && run->want == STEER_WANT_TOKEN)
    status = choose (self, run);
  /* The end of a run is waited for; the next chunk of it follows without a gap. */
  if (status == cudaSuccess && (is_last || run->want == STEER_WANT_ALL_LOGITS))
    status = cudaStreamSynchronize (self->queue.stream);
  if (!steer_cuda_context_check (self, status, "computing a prompt", error))
    return FALSE;

  if (is_last && run->want == STEER_WANT_LAST_LOGITS)
    memcpy (run->logits, self->host.logits, self->config->n_vocab * sizeof (float));
  if (is_last && run->want == STEER_WANT_TOKEN)
    run->token = (gint32) (guint32) self->host.chosen[0];
  return TRUE;
}

gboolean
steer_cuda_prefill_chunk (SteerCudaContext *self,
                          SteerRun *run,
                          guint first,
                          guint n_tokens,
                          GCancellable *cancellable,
                          GError **error)
{
  const Chunk chunk = { run, first, (int) n_tokens };

  if (!steer_cuda_context_check (self, begin (self, &chunk), "beginning a prompt", error))
    return FALSE;
  for (guint layer = 0; layer < self->config->n_layers; layer++)
    {
      cudaEvent_t done = self->layer_done[layer % G_N_ELEMENTS (self->layer_done)];

      /* Not further ahead of the device than two layers, so that a cancel is seen in time. */
      if (!steer_cuda_context_check (self, cudaEventSynchronize (done), "computing a prompt", error)
          || g_cancellable_set_error_if_cancelled (cancellable, error)
          || !steer_cuda_context_check (self, run_layer (self, &chunk, layer), "computing a prompt", error)
          || !steer_cuda_context_check (self, cudaEventRecord (done, self->queue.stream), "computing a prompt", error))
        return FALSE;
    }
  return finish (self, &chunk, error);
}
