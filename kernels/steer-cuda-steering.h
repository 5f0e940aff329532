#pragma once

#include "model/steer-backend.h"

#include "steer-cuda-arena.h"
#include "steer-cuda-kernels.h"

G_BEGIN_DECLS

/* Operations of one plan. */
#define STEER_CUDA_MAX_OPS 1024

/* Vectors on the device to begin with. */
#define STEER_CUDA_N_VECTORS 128

/**
 * SteerCudaBlock:
 *
 * What a decode step reads beside weights and cache, as one piece of memory: first what changes at every step, behind
 * it what changes when a slider moves. The host fills one in pinned memory, and one copy brings the part that changed
 * to its twin on the device; a graph that was captured reads the twin and needs no new capture.
 */
typedef struct
{
  SteerCudaToken *tokens;   /* [STEER_CUDA_MAX_COLUMNS] */
  SteerCudaChoice *choices; /* [STEER_CUDA_MAX_COLUMNS] */
  SteerCudaPlan *plans;     /* [n_slots] */
  gint32 *first;            /* [n_slots, n_layers + 1] */
  SteerCudaOp *ops;         /* [n_slots * STEER_CUDA_MAX_OPS]: the slots' one after the other */
} SteerCudaBlock;

/**
 * SteerCudaSteering:
 *
 * The plans of the slots on the device. Vectors stay there once they were copied, so that a slider costs the table and
 * nothing else; a plan that is held keeps the address of its vectors from being used for others.
 */
typedef struct
{
  guint n_slots;
  guint n_layers;
  gsize d_model;
  SteerCudaBlock host;
  SteerCudaBlock device;
  gsize step_bytes;                  /* of the block: tokens and choices */
  gsize used_bytes;                  /* of the block, up to the last operation */
  gboolean changed;                  /* the device's plans are old */
  SteerPlan *plans[STEER_MAX_SLOTS]; /* nullable: what the block says of the slot */

  float *vectors;       /* device, [n_vectors, d_model] */
  gboolean own_vectors; /* they outgrew the arena */
  guint n_vectors;
  GArray *entries;    /* [n_vectors]: what lies in each place */
  GHashTable *places; /* host address of a vector -> its place + 1 */
} SteerCudaSteering;

/* Takes memory for both blocks and the vectors; see SteerCudaArena. */
void steer_cuda_steering_lay_out (SteerCudaSteering *self,
                                  const SteerModelConfig *config,
                                  guint n_slots,
                                  SteerCudaArena *host,
                                  SteerCudaArena *device);

/* After laying out with memory. */
void steer_cuda_steering_init (SteerCudaSteering *self);
void steer_cuda_steering_clear (SteerCudaSteering *self);

/* Makes the slots' plans those of the runs: copies vectors that are new, fills the host's table. Nothing is running on
 * the stream. Errors: STEER_MODEL_ERROR_NO_MEMORY, _INVALID for too many operations, _DEVICE; then the slots have no
 * plan, and the next call begins anew. */
gboolean steer_cuda_steering_prepare (SteerCudaSteering *self,
                                      cudaStream_t stream,
                                      const SteerRun *runs,
                                      guint n_runs,
                                      GError **error);

/* Brings the block to the device: tokens and choices, and the plans where they changed. One asynchronous copy. */
cudaError_t steer_cuda_steering_send (SteerCudaSteering *self, cudaStream_t stream);

/* The plan of a token, as the device calls it: NULL where it is not steered. @index: of the run's tokens. */
const SteerCudaPlan *steer_cuda_steering_get_plan (const SteerCudaSteering *self, const SteerRun *run, guint index);

G_END_DECLS
