#pragma once

#include "model/steer-backend.h"

#include "steer-cuda-arena.h"
#include "steer-cuda-planes.h"

G_BEGIN_DECLS

typedef struct
{
  SteerCudaMatrix q, k, v, o;
  SteerCudaMatrix gate, up, down;
  const float *attn_norm;        /* [d_model] */
  const float *mlp_norm;         /* [d_model] */
  const float *attn_branch_norm; /* [d_model] (nullable): of what attention gives */
  const float *mlp_branch_norm;  /* [d_model] (nullable): of what the MLP gives */
  const float *q_norm;           /* [head_dim] (nullable) */
  const float *k_norm;           /* [head_dim] (nullable) */
} SteerCudaLayer;

/* Weights in device memory. */
typedef struct
{
  SteerCudaMatrix embed;
  SteerCudaMatrix output;  /* the same memory as embed when tied */
  const float *final_norm; /* [d_model] */
  int n_turns;             /* 2 where layers with the window turn in their own way, which then is the second; else 1 */
  float *inv_freq;         /* [n_turns, head_dim / 2] */
  SteerCudaLayer *layers;  /* [n_layers], owned */
  gboolean any_f32;        /* some matrix is F32, some is quantised */
  gboolean any_quantised;
} SteerCudaWeights;

/**
 * SteerCudaForm: how the bytes of a file become those of the device
 * @STEER_CUDA_COPY: as they are
 * @STEER_CUDA_QUANTISE: copied, then quantised to 8 bits on the device
 * @STEER_CUDA_SPLIT: GGUF's blocks, whose numbers a type holds to the bit; copied, then taken apart on the device
 * @STEER_CUDA_VECTOR: a norm or a bias, to float32
 */
typedef enum
{
  STEER_CUDA_COPY,
  STEER_CUDA_QUANTISE,
  STEER_CUDA_SPLIT,
  STEER_CUDA_VECTOR,
} SteerCudaForm;

/* One tensor on its way to the device. */
typedef struct
{
  const SteerTensor *tensor;
  SteerCudaForm form;
  SteerCudaType type;     /* what it becomes */
  SteerCudaBlocks blocks; /* of SPLIT */
  gboolean add_one;       /* of VECTOR: to each number */
  gsize n_rows;           /* 1 for a vector */
  gsize n_columns;
  guint8 *planes[STEER_CUDA_N_PLANES]; /* device; those that the type has */
} SteerCudaTransfer;

/**
 * steer_cuda_weights_lay_out:
 * @weight_type: Q8_0 quantises every matrix to 8 bits whose rows allow it; anything else leaves them as stored
 * @arena: counts or takes
 * @transfers: (element-type SteerCudaTransfer): what must be copied; appended to
 *
 * Fills @self, which steer_cuda_weights_clear() frees. Errors: STEER_MODEL_ERROR_UNSUPPORTED, _NO_MEMORY.
 */
gboolean steer_cuda_weights_lay_out (SteerCudaWeights *self,
                                     SteerModel *model,
                                     SteerDtype weight_type,
                                     SteerCudaArena *arena,
                                     GArray *transfers,
                                     GError **error);
void steer_cuda_weights_clear (SteerCudaWeights *self);

G_END_DECLS
