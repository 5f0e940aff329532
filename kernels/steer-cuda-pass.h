#pragma once

#include "steer-cuda-context.h"

G_BEGIN_DECLS

/* One token of a run, as a column of a decode step. */
typedef struct
{
  SteerRun *run;
  guint index; /* of the run's tokens */
} SteerCudaColumn;

/* What a column wants of the logits; NOTHING but for a run's last token, unless all are wanted. */
SteerWant steer_cuda_column_get_want (const SteerCudaColumn *column);

/* Takes up to STEER_CUDA_MAX_COLUMNS tokens through all layers and hands out what their runs want. The columns of one
 * run follow each other. */
gboolean
steer_cuda_decode_step (SteerCudaContext *self, const SteerCudaColumn *columns, guint n_columns, GError **error);

/* The same for tokens first .. first + n_tokens - 1 of one run, at most STEER_CUDA_CHUNK. Needs self->blas. */
gboolean steer_cuda_prefill_chunk (SteerCudaContext *self,
                                   SteerRun *run,
                                   guint first,
                                   guint n_tokens,
                                   GCancellable *cancellable,
                                   GError **error);

/* --- Parts of both --- */

/* Returns from the function with the first error. */
#define TRY(call)                                                                                                      \
  do                                                                                                                   \
    {                                                                                                                  \
      cudaError_t try_status = (call);                                                                                 \
      if (try_status != cudaSuccess)                                                                                   \
        return try_status;                                                                                             \
    }                                                                                                                  \
  while (0)

SteerCudaToken steer_cuda_make_token (const SteerCudaContext *self, const SteerRun *run, guint index);

/* Tells the device how to choose the token of column @index for @run; to be sent with the block. */
cudaError_t steer_cuda_set_choice (SteerCudaContext *self, guint index, const SteerRun *run);

/* Chooses from work.logits, [n_columns, n_vocab]. */
cudaError_t steer_cuda_launch_choice (SteerCudaContext *self, guint n_columns);

/* What attention sees of layer @index: the model's shape, without the window where the layer has none. */
SteerCudaShape steer_cuda_get_attention_shape (const SteerCudaContext *self, guint index);

/* How the heads of layer @index turn, of @n_tokens that go through the layers together. */
const float *steer_cuda_get_turns (const SteerCudaContext *self, guint index, int n_tokens);

/* Logits of @n_rows that are computed, with the limit that the model may put on them. */
cudaError_t steer_cuda_cap_logits (SteerCudaContext *self, int n_rows);

/* Waits until the device has written the tokens of this stamp. */
gboolean steer_cuda_wait_for_tokens (SteerCudaContext *self, guint n_columns, GError **error);

/* Has the run's hook, if it is called for @layer, change that layer's output: the rows come here and go back, and the
 * device waits. @n_tokens: of the run, from @first on; @rows: device, [n_tokens, d_model]. */
cudaError_t steer_cuda_call_hook (SteerCudaContext *self,
                                  const SteerRun *run,
                                  guint first,
                                  guint n_tokens,
                                  guint layer,
                                  float *rows);

/* The residual of tokens after @layer to the run's taps. @rows: device, [n_tokens, d_model]. */
cudaError_t steer_cuda_copy_taps (SteerCudaContext *self,
                                  const SteerRun *run,
                                  guint first,
                                  guint n_tokens,
                                  guint layer,
                                  const float *rows);

G_END_DECLS
