#include "steer-cuda-pass.h"

#include <string.h>

/* A step that takes longer than this is slept through for the most part; spinning would heat a core for nothing. */
#define SLEEP_FROM_US 400

/* Looks at the mapped tokens between two questions to the driver. */
#define SPINS 2000

SteerWant
steer_cuda_column_get_want (const SteerCudaColumn *column)
{
  const SteerRun *run = column->run;

  if (run->want == STEER_WANT_ALL_LOGITS || column->index + 1 == run->n_tokens)
    return run->want;
  return STEER_WANT_NOTHING;
}

SteerCudaToken
steer_cuda_make_token (const SteerCudaContext *self, const SteerRun *run, guint index)
{
  return (SteerCudaToken){
    .token = run->tokens[index],
    .position = (int32_t) (run->position + index),
    .slot = (int32_t) run->slot,
    .plan = steer_cuda_steering_get_plan (&self->steering, run, index),
  };
}

cudaError_t
steer_cuda_set_choice (SteerCudaContext *self, guint index, const SteerRun *run)
{
  const SteerSampling *sampling = run->sampling;
  gsize n_words = ((gsize) self->config->n_vocab + 31) / 32;
  gboolean penalised = sampling->repetition_penalty != 1.0;
  guint32 *seen = self->work.seen + run->slot * n_words;

  self->steering.host.choices[index] = (SteerCudaChoice){
    .temperature = sampling->temperature,
    .top_p = sampling->top_p,
    .min_p = sampling->min_p,
    .repetition_penalty = sampling->repetition_penalty,
    .uniform = run->uniform,
    .seen = penalised ? seen : NULL,
    .top_k = sampling->top_k,
    .stamp = self->stamp,
  };
  if (!penalised)
    return cudaSuccess;
  memcpy (self->host.seen + run->slot * n_words, run->seen, n_words * sizeof (guint32));
  return cudaMemcpyAsync (seen, self->host.seen + run->slot * n_words, n_words * sizeof (guint32),
                          cudaMemcpyHostToDevice, self->queue.stream);
}

cudaError_t
steer_cuda_launch_choice (SteerCudaContext *self, guint n_columns)
{
  return steer_cuda_choose (&self->queue, self->work.logits, self->shape.n_vocab, self->steering.device.choices,
                            (int) n_columns, self->work.choose_scratch, self->host.chosen_device);
}

SteerCudaShape
steer_cuda_get_attention_shape (const SteerCudaContext *self, guint index)
{
  SteerCudaShape shape = self->shape;

  if (!steer_model_config_is_local_layer (self->config, index))
    shape.sliding_window = 0;
  return shape;
}

const float *
steer_cuda_get_turns (const SteerCudaContext *self, guint index, int n_tokens)
{
  gboolean is_second = self->weights.n_turns > 1 && steer_model_config_is_local_layer (self->config, index);

  return self->work.turns + (is_second ? (gsize) n_tokens * self->config->head_dim : 0);
}

cudaError_t
steer_cuda_cap_logits (SteerCudaContext *self, int n_rows)
{
  float cap = (float) self->config->logit_softcap;

  if (cap == 0.0f)
    return cudaSuccess;
  return steer_cuda_cap (&self->queue, cap, (gsize) n_rows * self->config->n_vocab, self->work.logits);
}

static gboolean
have_arrived (const SteerCudaContext *self, guint n_columns)
{
  const volatile guint64 *chosen = self->host.chosen;

  for (guint i = 0; i < n_columns; i++)
    if (chosen[i] >> 32 != self->stamp)
      return FALSE;
  return TRUE;
}

gboolean
steer_cuda_wait_for_tokens (SteerCudaContext *self, guint n_columns, GError **error)
{
  gint64 begin = g_get_monotonic_time ();
  gboolean ended = FALSE;
  gboolean overslept = FALSE;

  if (self->step_us > SLEEP_FROM_US)
    {
      g_usleep ((gulong) (self->step_us * 6 / 10));
      overslept = have_arrived (self, n_columns);
    }
  while (!have_arrived (self, n_columns))
    {
      cudaError_t status;

      for (guint i = 0; i < SPINS && !have_arrived (self, n_columns); i++)
        __asm__ volatile("" ::: "memory");
      if (have_arrived (self, n_columns))
        break;
      if (ended)
        return steer_cuda_context_check (self, cudaErrorUnknown, "choosing a token", error);
      /* What the device wrote before it ended is there once it has ended: look once more. */
      status = cudaStreamQuery (self->queue.stream);
      ended = status == cudaSuccess;
      if (status != cudaSuccess && status != cudaErrorNotReady)
        return steer_cuda_context_check (self, status, "computing a token", error);
    }
  /* A step that was slept through has only told how long the sleep was; the next one is measured awake. Else a single
   * stall would be slept off over many steps. */
  self->step_us = overslept ? 0 : g_get_monotonic_time () - begin;
  return TRUE;
}

cudaError_t
steer_cuda_call_hook (SteerCudaContext *self,
                      const SteerRun *run,
                      guint first,
                      guint n_tokens,
                      guint layer,
                      float *rows)
{
  gsize d_model = self->config->d_model;
  gsize n_bytes = n_tokens * d_model * sizeof (float);
  g_autofree float *here = NULL;
  cudaError_t status;

  if (!steer_run_has_hook (run, layer))
    return cudaSuccess;
  here = g_try_malloc (n_bytes);
  if (here == NULL)
    return cudaErrorMemoryAllocation;
  status = cudaMemcpyAsync (here, rows, n_bytes, cudaMemcpyDeviceToHost, self->queue.stream);
  if (status == cudaSuccess)
    status = cudaStreamSynchronize (self->queue.stream);
  if (status != cudaSuccess)
    return status;
  run->hook (layer, first, n_tokens, here, d_model, run->hook_data);
  status = cudaMemcpyAsync (rows, here, n_bytes, cudaMemcpyHostToDevice, self->queue.stream);
  return status == cudaSuccess ? cudaStreamSynchronize (self->queue.stream) : status;
}

cudaError_t
steer_cuda_copy_taps (SteerCudaContext *self,
                      const SteerRun *run,
                      guint first,
                      guint n_tokens,
                      guint layer,
                      const float *rows)
{
  gsize d_model = self->config->d_model;

  for (guint i = 0; i < run->n_taps; i++)
    {
      float *to = run->taps + ((gsize) i * run->n_tokens + first) * d_model;
      cudaError_t status;

      if (run->tap_layers[i] != layer)
        continue;
      status
        = cudaMemcpyAsync (to, rows, n_tokens * d_model * sizeof (float), cudaMemcpyDeviceToHost, self->queue.stream);
      if (status != cudaSuccess)
        return status;
    }
  return cudaSuccess;
}
