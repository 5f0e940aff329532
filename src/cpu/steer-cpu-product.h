#pragma once

#include "steer-cpu-context.h"

G_BEGIN_DECLS

/* What happens to a product with the weights, bias added. */
typedef enum
{
  STEER_CPU_STORE,    /* out = product */
  STEER_CPU_ADD,      /* out += product: the residual stream */
  STEER_CPU_SILU_MUL, /* two products of one shape, gate and up: out of the first = silu(gate) * up */
  STEER_CPU_GELU_MUL, /* the same with the tanh formula of GELU */
  STEER_CPU_SOFTCAP,  /* out = cap * tanh (product / cap), by the model's logit_softcap */
} SteerCpuEpilogue;

typedef struct
{
  const SteerCpuMatrix *matrix;
  const float *bias; /* [matrix->n_rows] (nullable) */
  float *out;        /* [n_tokens, out_stride], the first n_rows of each row are written */
  gsize out_stride;
} SteerCpuProduct;

#define STEER_CPU_MAX_PRODUCTS 3

/**
 * steer_cpu_multiply:
 * @x: [n_tokens, x_stride], the first matrix->n_columns of each row are read
 * @short_run: multiply row by row with the weights as they are stored, at most STEER_CPU_SHORT_TOKENS tokens; else
 *   unpack the weights panel by panel for up to a chunk of tokens. The two differ in rounding, but not for packed
 *   weights
 * @products: [n_products] of the same @x, computed in one go by all threads
 *
 * An element's value depends on nothing but its row of weights, its token's row of @x, @short_run, and whether all
 * plain weights of the call are of BF16.
 */
void steer_cpu_multiply (SteerCpuContext *self,
                         const float *x,
                         gsize x_stride,
                         guint n_tokens,
                         gboolean short_run,
                         SteerCpuEpilogue epilogue,
                         const SteerCpuProduct *products,
                         guint n_products);

G_END_DECLS
