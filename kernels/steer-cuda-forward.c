/* A call of forward cut into chunks of prompts and steps of decoding. */
#include "steer-cuda-device.h"
#include "steer-cuda-pass.h"

/* Up to so many tokens the kernels that decode are quicker than matrix products. */
#define SHORT_RUN STEER_CUDA_MAX_COLUMNS

/* Steps are waited for; the work that a cancelled chunk leaves behind is not used and must not meet the next call. */
static gboolean
fail (SteerCudaContext *self)
{
  if (!self->lost)
    cudaStreamSynchronize (self->queue.stream);
  return FALSE;
}

static gboolean
prefill (SteerCudaContext *self, SteerRun *run, GCancellable *cancellable, GError **error)
{
  for (guint first = 0; first < run->n_tokens; first += STEER_CUDA_CHUNK)
    if (!steer_cuda_prefill_chunk (self, run, first, MIN (STEER_CUDA_CHUNK, run->n_tokens - first), cancellable, error))
      return FALSE;
  return TRUE;
}

static gboolean
is_prefilled (const SteerCudaContext *self, const SteerRun *run)
{
  return self->blas != NULL && run->n_tokens > SHORT_RUN;
}

/* Fills steps with the tokens of all short runs, one run after the other; so runs of one token each are one step. */
static gboolean
decode (SteerCudaContext *self, SteerRun *runs, guint n_runs, GCancellable *cancellable, GError **error)
{
  SteerCudaColumn columns[STEER_CUDA_MAX_COLUMNS];
  guint n = 0;

  for (guint i = 0; i < n_runs; i++)
    {
      if (is_prefilled (self, &runs[i]))
        continue;
      for (guint index = 0; index < runs[i].n_tokens; index++)
        {
          columns[n++] = (SteerCudaColumn){ &runs[i], index };
          if (n < STEER_CUDA_MAX_COLUMNS)
            continue;
          if (g_cancellable_set_error_if_cancelled (cancellable, error)
              || !steer_cuda_decode_step (self, columns, n, error))
            return FALSE;
          n = 0;
        }
    }
  return n == 0 || steer_cuda_decode_step (self, columns, n, error);
}

gboolean
steer_cuda_context_forward (SteerContext *context,
                            SteerRun *runs,
                            guint n_runs,
                            GCancellable *cancellable,
                            GError **error)
{
  SteerCudaContext *self = (SteerCudaContext *) context;
  g_autoptr (GError) local_error = NULL;

  if (self->lost)
    {
      g_set_error_literal (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE,
                           "the GPU has failed and cannot be used any more: start the program again, or use the CPU");
      return FALSE;
    }
  if (!steer_cuda_device_select (self->ordinal, error))
    return FALSE;
  if (!steer_cuda_steering_prepare (&self->steering, self->queue.stream, runs, n_runs, &local_error))
    {
      self->lost |= g_error_matches (local_error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE);
      g_propagate_error (error, g_steal_pointer (&local_error));
      return fail (self);
    }
  for (guint i = 0; i < n_runs; i++)
    if (is_prefilled (self, &runs[i]) && !prefill (self, &runs[i], cancellable, error))
      return fail (self);
  return decode (self, runs, n_runs, cancellable, error) || fail (self);
}
