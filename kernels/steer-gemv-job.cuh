#pragma once

/* A product of decoding, with all that is folded into it, for whoever launches it. */

#include "steer-cuda-kernels.h"

enum SteerGemvEnd
{
  STEER_GEMV_STORE,   /* out[c, row] = y */
  STEER_GEMV_ADD,     /* out[c, row] += y */
  STEER_GEMV_GATE_UP, /* out[c, row] = f (y of gate) * y of up */
  STEER_GEMV_QKV,     /* rotate; out is the query, keys and values go to the cache */
};

struct SteerGemv
{
  SteerGemvEnd end;
  SteerCudaMatrix matrices[3]; /* STORE, ADD: [1]; GATE_UP: gate, up; QKV: q, k, v */
  int n_pairs[3];              /* of each matrix; GATE_UP: of both together */
  int n_columns;               /* of activations: tokens */
  int depth;                   /* inner dimension */

  const float *x;    /* [n_columns, depth] */
  const float *norm; /* (nullable): [depth]: x is normalised first */
  float eps;
  const SteerCudaToken *tokens; /* with steer_layer >= 0 or QKV: [n_columns] */
  int steer_layer;              /* whose steering comes before the norm; -1: none */
  float *steered;               /* (nullable): out: [n_columns, depth]: x after steering */

  float *out;
  int n_raw;          /* QKV: 0; else nothing is rotated, and out is rows of so many: queries, keys, values */
  int first_raw[3];   /* where each of them begins in a row */
  SteerCudaGate gate; /* GATE_UP */
  const float *turns; /* QKV: [n_columns, head_dim / 2, 2] */
  SteerCudaCache cache;
  int n_kv_heads;
  int head_dim;
  int interleaved;
};

/* Launches the kernel for the job's number of columns, several times when the columns' activations do not fit into
 * shared memory together. All matrices that have pairs are of this type. The files that define it share the types among
 * them, so that a compiler works on them side by side: they are the longest of the module. */
template <SteerCudaType type> cudaError_t steer_gemv_launch (const SteerCudaQueue *queue, const SteerGemv *job);

/* Whether one kernel can compute all of a QKV job although values have another type than queries and keys: what files
 * of mixed types do in many layers. The job has all three matrices. */
bool steer_gemv_can_mix (const SteerGemv *job);
cudaError_t steer_gemv_launch_mixed (const SteerCudaQueue *queue, const SteerGemv *job);
