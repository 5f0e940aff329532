#pragma once

#include "steer-cuda-blas.h"
#include "steer-cuda-steering.h"
#include "steer-cuda-weights.h"

G_BEGIN_DECLS

/* Tokens of a prompt that go through the layers together: enough to keep the tensor cores busy, and a cancel waits for
 * no more than two layers of them. Tests take few, so that their short prompts have several chunks. */
#ifndef STEER_CUDA_CHUNK
#define STEER_CUDA_CHUNK 1024
#endif

/* Bytes of weights that are expanded at once from a quantised type for a matrix product. */
#define STEER_CUDA_EXPAND_BYTES ((gsize) 32 << 20)

/* What cuBLAS may use; given to it, so that it is counted before anything is allocated. */
#define STEER_CUDA_BLAS_BYTES ((gsize) 32 << 20)

/* Device memory that a pass works in. Decode and prefill never run at once, so they share what they can. */
typedef struct
{
  SteerCudaToken *tokens; /* [STEER_CUDA_CHUNK]: of a prefill chunk; a decode step has its own in the step block */
  float *turns;           /* [n_turns, tokens of the chunk or step, head_dim / 2, 2] */
  float *residual[2];     /* [STEER_CUDA_CHUNK, d_model], [STEER_CUDA_MAX_COLUMNS, d_model] */
  float
    *q; /* [STEER_CUDA_CHUNK, n_heads * head_dim]; in decode rotated, or what is still to be normalised, of all heads */
  float *k;      /* [STEER_CUDA_CHUNK, n_kv_heads * head_dim] */
  float *v;      /* [STEER_CUDA_CHUNK, n_kv_heads * head_dim] */
  float *gate;   /* [STEER_CUDA_CHUNK, d_ff] */
  float *up;     /* [STEER_CUDA_CHUNK, d_ff] */
  float *branch; /* [STEER_CUDA_CHUNK, d_model]; NULL where branches have no norms of their own */
  float *logits; /* [STEER_CUDA_MAX_COLUMNS, n_vocab] */

  /* The left operands of the products, of at most 4 bytes an element; in decode float32. */
  void *normed;   /* [STEER_CUDA_CHUNK, d_model] */
  void *query;    /* [STEER_CUDA_CHUNK, n_heads * head_dim] of the cache's type; in decode what a norm of heads gave */
  void *attended; /* [STEER_CUDA_CHUNK, n_heads * head_dim] */
  void *hidden;   /* [STEER_CUDA_CHUNK, d_ff] */

  void *expanded; /* [STEER_CUDA_EXPAND_BYTES], or one row where that is more; NULL where no weights are expanded */
  void *blas;     /* [STEER_CUDA_BLAS_BYTES] */
  void *attention_scratch; /* zeroed once */
  void *choose_scratch;    /* zeroed once */
  guint32 *seen;           /* [n_slots, (n_vocab + 31) / 32] */
} SteerCudaWork;

/* Host memory that the device sees: pinned, so that copies are asynchronous. */
typedef struct
{
  SteerCudaToken *tokens; /* [STEER_CUDA_CHUNK] */
  float *logits;          /* [STEER_CUDA_MAX_COLUMNS, n_vocab] */
  guint32 *seen;          /* [n_slots, (n_vocab + 31) / 32] */
  guint64 *chosen;        /* [STEER_CUDA_MAX_COLUMNS]: written by the device */
  guint64 *chosen_device; /* the same, as the device calls it */
} SteerCudaHost;

/* One step of decoding as a graph. */
typedef struct
{
  cudaGraphExec_t exec; /* NULL: not captured yet */
  gboolean has_run;
} SteerCudaGraph;

typedef struct
{
  SteerCudaGraph step;     /* up to the logits */
  SteerCudaGraph choosing; /* and the choice of a token */
} SteerCudaGraphs;

typedef struct
{
  SteerContext parent;
  const SteerModelConfig *config; /* the model's */
  int ordinal;
  SteerCudaShape shape;
  SteerCudaQueue queue;
  SteerCudaBlas *blas; /* nullable: cuBLAS is not there, and prompts go through the decode kernels */

  SteerCudaWeights weights;
  SteerCudaCache *caches; /* [n_layers] */
  SteerCudaWork work;
  SteerCudaHost host;
  SteerCudaSteering steering;
  gpointer weights_memory; /* device; what weights, caches, work and host point into */
  gpointer cache_memory;
  gpointer work_memory;
  gpointer host_memory;

  SteerCudaGraphs graphs[STEER_CUDA_MAX_COLUMNS]; /* of 1, 2, ... columns */
  gboolean graphs_fail;                           /* capturing did not work: kernels are launched one by one */
  guint32 stamp;                                  /* of the newest step */
  gint64 step_us; /* how long the last step took: a waiting host sleeps for most of it */

  cudaEvent_t layer_done[2]; /* in turn, so that the host runs at most two layers ahead */
  cudaEvent_t table_copied;  /* host.tokens may be written again */

  gboolean lost; /* the device has failed: nothing works any more */
} SteerCudaContext;

/* Gemma's activations may be larger than f16 holds. */
static inline gboolean
steer_cuda_has_large_activations (const SteerModelConfig *config)
{
  return config->gate == STEER_GATE_GELU;
}

/* What opening would take. Zeros in the options are replaced by what will be used. */
gboolean steer_cuda_context_estimate (SteerModel *model,
                                      const char *device_id,
                                      const SteerContextOptions *options,
                                      SteerMemoryEstimate *estimate,
                                      GError **error);
SteerContext *steer_cuda_context_open (SteerModel *model,
                                       const char *device_id,
                                       const SteerContextOptions *options,
                                       SteerProgressFunc progress,
                                       gpointer progress_data,
                                       GCancellable *cancellable,
                                       GError **error);
void steer_cuda_context_close (SteerContext *context);
gboolean steer_cuda_context_forward (SteerContext *context,
                                     SteerRun *runs,
                                     guint n_runs,
                                     GCancellable *cancellable,
                                     GError **error);

/* steer_cuda_check(), which also remembers that the device was lost. */
gboolean steer_cuda_context_check (SteerCudaContext *self, cudaError_t status, const char *doing, GError **error);

G_END_DECLS
