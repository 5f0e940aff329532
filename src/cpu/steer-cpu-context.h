#pragma once

#include "steer-cpu-cache.h"
#include "steer-cpu-limits.h"
#include "steer-thread-pool.h"

G_BEGIN_DECLS

/* A weight matrix as it lies in the file, or, quantised, packed for the kernels. */
typedef struct
{
  SteerDtype dtype;
  const SteerCpuWeightKernels *kernels; /* of a plain type, else NULL */
  const SteerCpuQuantKernels *quant;    /* of a packed one, else NULL */
  const guint8 *data; /* plain: [n_rows, n_columns], in the file's mapping, at any alignment; packed: panels */
  gsize n_rows;
  gsize n_columns;
  gsize row_bytes;   /* a packed row's share of its panel */
  gsize panel_bytes; /* packed */
} SteerCpuMatrix;

/* The embedding, of which a step reads a few rows, as it lies in the file. */
typedef struct
{
  SteerDtype dtype;
  const SteerCpuWeightKernels *kernels; /* NULL for a quantised type */
  const guint8 *data;                   /* [n_vocab, row_bytes] */
  gsize row_bytes;
} SteerCpuEmbedding;

/* Vectors are float32 copies, in the context's `vectors`; a bias is NULL where there is none. */
typedef struct
{
  SteerCpuMatrix q, k, v, o;
  SteerCpuMatrix gate, up, down;
  const float *attn_norm;        /* [d_model] */
  const float *mlp_norm;         /* [d_model] */
  const float *attn_branch_norm; /* [d_model], or NULL */
  const float *mlp_branch_norm;  /* [d_model], or NULL */
  const float *q_norm;           /* [head_dim], or NULL */
  const float *k_norm;           /* [head_dim], or NULL */
  const float *q_bias;           /* [n_heads * head_dim] */
  const float *k_bias;           /* [n_kv_heads * head_dim] */
  const float *v_bias;           /* [n_kv_heads * head_dim] */
  const float *o_bias;           /* [d_model] */
  const float *gate_bias;        /* [d_ff] */
  const float *up_bias;          /* [d_ff] */
  const float *down_bias;        /* [d_model] */
} SteerCpuLayer;

/* What one thread works in. */
typedef struct
{
  float *panels;       /* [STEER_CPU_ITEM_ROWS, STEER_CPU_TILE_DEPTH]: weights as tiles read them */
  float *result;       /* [2, STEER_CPU_CHUNK, STEER_CPU_ITEM_ROWS]: a product, or gate and up */
  float *query;        /* [n_query_rows, STEER_CPU_TILE_STRIDE] */
  float *scores;       /* [n_query_rows, STEER_CPU_TILE_STRIDE], the first STEER_CPU_BLOCK of each row in use */
  float *keys;         /* [head_dim, STEER_CPU_BLOCK] */
  float *values;       /* [STEER_CPU_BLOCK, head_stride] */
  gint16 *query_words; /* [n_query_rows, n_groups, 32]: the query as a cache of bytes is multiplied with it */
  float *query_scales; /* [n_query_rows, n_groups] */
  gint16 *score_words; /* [STEER_CPU_CACHE_ROWS, n_groups, STEER_CPU_BLOCK]: the same of scores */
  float *score_scales; /* [STEER_CPU_CACHE_ROWS, n_groups] */
  float *span;         /* [n_query_rows, span_stride]: the partial result of one span */
  float *total;        /* [n_query_rows, span_stride]: of all spans so far */
} SteerCpuScratch;

/* Activations of the tokens that go through the layers together. Strides are odd numbers of cache lines, so that the
 * rows of a power of two of elements do not fall on the same sets of the cache. */
typedef struct
{
  float *residual;                  /* [chunk, model_stride] */
  float *normed;                    /* [chunk, model_stride] */
  float *query;                     /* [chunk, query_stride] */
  float *key;                       /* [chunk, kv_stride] */
  float *value;                     /* [chunk, kv_stride] */
  float *attended;                  /* [chunk, query_stride] */
  float *hidden;                    /* [chunk, ff_stride] */
  float *staged;                    /* left operand of the tiles; see steer-cpu-product.c */
  SteerCpuQuantBlock *quant_blocks; /* [chunk, quant_stride / 32]: quantised activations */
  gint16 *quant_words;              /* [chunk, quant_stride] */
  gint8 *quant_bytes;               /* [chunk, quant_stride] */
  float *cosine;                    /* [n_turns, chunk, head_dim / 2] */
  float *sine;                      /* [n_turns, chunk, head_dim / 2] */
  float *logits;                    /* [STEER_MAX_SLOTS, n_vocab] */
  float *partials;                  /* [n_partial_rows, span_stride] */
  SteerCpuScratch *scratch;         /* [n_threads] */
  guint chunk;                      /* tokens of a step, at most; no more than STEER_CPU_CHUNK */
  gsize model_stride;
  gsize query_stride;
  gsize kv_stride;
  gsize ff_stride;
  gsize quant_stride; /* the deepest product's, a multiple of 64 but not of 128 */
  gsize head_stride;  /* head_dim rounded up to STEER_CPU_MAX_TILE_COLUMNS */
  gsize span_stride;  /* head_stride and a cache line, whose first two floats are a partial result's maximum and sum */
  gsize n_query_rows; /* STEER_CPU_QUERY_ROWS, or the size of a group of heads where that is more */
  gsize n_partial_rows;
  gsize n_bytes;
  float *memory; /* [n_bytes], owned: all of the above */
} SteerCpuWork;

/* See steer-cpu-attention.c; kept to save allocations. */
typedef struct
{
  GArray *units;
  GArray *items;
} SteerCpuAttentionPlan;

typedef struct
{
  SteerContext parent;
  const SteerModelConfig *config; /* the model's */
  const SteerCpuKernels *kernels;
  SteerThreadPool *pool;
  SteerCpuEmbedding embed;
  SteerCpuMatrix output;
  SteerCpuLayer *layers;   /* [n_layers] */
  const float *final_norm; /* [d_model] */
  float *vectors;          /* norms and biases as float32 */
  guint8 *packed;          /* [n_packed] bytes: all packed matrices, owned */
  gsize n_packed;
  guint n_turns;   /* 2 where layers with the window turn in their own way, which then is the second; else 1 */
  float *inv_freq; /* [n_turns, head_dim / 2] */
  SteerCpuCache cache;
  SteerCpuWork work;
  SteerCpuAttentionPlan attention[2]; /* of layers with the window and, where there are both kinds, without */
  GCancellable *cancellable;          /* (nullable): of the step that is under way, not owned */
} SteerCpuContext;

/* Whether the results of the step under way are wanted no more, so that what is left of a layer need not be computed: a
 * layer of a large model takes a prompt most of a second. Any thread. */
static inline gboolean
steer_cpu_context_is_cancelled (const SteerCpuContext *self)
{
  return g_cancellable_is_cancelled (self->cancellable);
}

gboolean steer_cpu_context_estimate (SteerModel *model,
                                     const char *device_id,
                                     const SteerContextOptions *options,
                                     SteerMemoryEstimate *estimate,
                                     GError **error);
SteerContext *steer_cpu_context_open (SteerModel *model,
                                      const char *device_id,
                                      const SteerContextOptions *options,
                                      SteerProgressFunc progress,
                                      gpointer progress_data,
                                      GCancellable *cancellable,
                                      GError **error);
void steer_cpu_context_close (SteerContext *context);
gboolean steer_cpu_context_forward (SteerContext *context,
                                    SteerRun *runs,
                                    guint n_runs,
                                    GCancellable *cancellable,
                                    GError **error);

/* "Intel(R) Xeon(R) Processor, 2 cores, AVX-512". Free with g_free(). */
char *steer_cpu_context_dup_device_name (const SteerCpuKernels *kernels);

/* Bytes from the matrix's data to element [@row, @column]; the column begins a block of its type. */
gsize steer_cpu_matrix_get_offset (const SteerCpuMatrix *self, gsize row, gsize column);

G_END_DECLS
