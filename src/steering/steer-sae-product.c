/* The product of an encoder, tile by tile. A few accumulators of some tokens times some features stay in registers
 * while the depth is walked; each number of the tile is then used once for each of these tokens. */

#include "steer-sae-product.h"

#include <string.h>

#define WIDTH STEER_SAE_TILE_FEATURES

/* Rows that the file has contiguous are transposed through a strip that fits in the nearest cache. */
static void
load_rows (const SteerTensor *matrix, gint64 feature, guint n_features, gint64 depth, guint n_depth, float *tile)
{
  gint64 d_model = matrix->shape[1];
  float row[STEER_SAE_TILE_DEPTH];

  for (guint f = 0; f < n_features; f++)
    {
      steer_tensor_read_f32 (matrix, (feature + f) * d_model + depth, n_depth, row);
      for (guint k = 0; k < n_depth; k++)
        tile[k * WIDTH + f] = row[k];
    }
}

static void
load_columns (const SteerTensor *matrix, gint64 feature, guint n_features, gint64 depth, guint n_depth, float *tile)
{
  SteerTensor turned = *matrix; /* [d_model, n_features], as it lies in the file */

  turned.shape[0] = matrix->shape[1];
  turned.shape[1] = matrix->shape[0];
  turned.stride[0] = matrix->stride[1];
  turned.stride[1] = matrix->stride[0];
  for (guint k = 0; k < n_depth; k++)
    steer_tensor_read_f32 (&turned, (depth + k) * turned.shape[1] + feature, n_features, tile + k * WIDTH);
}

void
steer_sae_load_tile (const SteerTensor *matrix,
                     gint64 feature,
                     guint n_features,
                     gint64 depth,
                     guint n_depth,
                     float *tile)
{
  if (n_features < WIDTH)
    memset (tile, 0, (gsize) n_depth * WIDTH * sizeof (float));
  if (matrix->stride[0] == 1 && matrix->stride[1] != 1)
    load_columns (matrix, feature, n_features, depth, n_depth, tile);
  else
    load_rows (matrix, feature, n_features, depth, n_depth, tile);
}

/* TOKENS tokens times two vectors of VECTOR. */
#define DEFINE_PRODUCT(name, attributes, VECTOR, TOKENS)                                                               \
  attributes static void name (const float *input, gsize input_stride, guint n_tokens, const float *tile,              \
                               guint n_depth, float *out)                                                              \
  {                                                                                                                    \
    enum                                                                                                               \
    {                                                                                                                  \
      LANES = sizeof (VECTOR) / sizeof (float)                                                                         \
    };                                                                                                                 \
                                                                                                                       \
    for (guint t = 0; t < n_tokens; t += TOKENS)                                                                       \
      {                                                                                                                \
        guint n = MIN (TOKENS, n_tokens - t);                                                                          \
        const float *rows[TOKENS];                                                                                     \
                                                                                                                       \
        /* The last group repeats its last token, whose surplus is not stored. */                                      \
        for (guint i = 0; i < TOKENS; i++)                                                                             \
          rows[i] = input + (t + MIN (i, n - 1)) * input_stride;                                                       \
        for (guint f = 0; f < WIDTH; f += 2 * LANES)                                                                   \
          {                                                                                                            \
            VECTOR low[TOKENS];                                                                                        \
            VECTOR high[TOKENS];                                                                                       \
                                                                                                                       \
            for (guint i = 0; i < TOKENS; i++)                                                                         \
              {                                                                                                        \
                memcpy (&low[i], out + (t + MIN (i, n - 1)) * WIDTH + f, sizeof (VECTOR));                             \
                memcpy (&high[i], out + (t + MIN (i, n - 1)) * WIDTH + f + LANES, sizeof (VECTOR));                    \
              }                                                                                                        \
            for (guint k = 0; k < n_depth; k++)                                                                        \
              {                                                                                                        \
                VECTOR w_low;                                                                                          \
                VECTOR w_high;                                                                                         \
                                                                                                                       \
                memcpy (&w_low, tile + k * WIDTH + f, sizeof (VECTOR));                                                \
                memcpy (&w_high, tile + k * WIDTH + f + LANES, sizeof (VECTOR));                                       \
                for (guint i = 0; i < TOKENS; i++)                                                                     \
                  {                                                                                                    \
                    low[i] += rows[i][k] * w_low;                                                                      \
                    high[i] += rows[i][k] * w_high;                                                                    \
                  }                                                                                                    \
              }                                                                                                        \
            for (guint i = 0; i < n; i++)                                                                              \
              {                                                                                                        \
                memcpy (out + (t + i) * WIDTH + f, &low[i], sizeof (VECTOR));                                          \
                memcpy (out + (t + i) * WIDTH + f + LANES, &high[i], sizeof (VECTOR));                                 \
              }                                                                                                        \
          }                                                                                                            \
      }                                                                                                                \
  }

typedef float Vector4 __attribute__ ((vector_size (16)));
typedef float Vector8 __attribute__ ((vector_size (32)));
typedef float Vector16 __attribute__ ((vector_size (64)));

/* The loops over tokens must be unrolled, or the accumulators would live in memory. */
#ifdef __clang__
#define UNROLLED
#else
#define UNROLLED __attribute__ ((optimize ("O3")))
#endif

DEFINE_PRODUCT (add_product_plain, UNROLLED, Vector4, 4)

#if defined(__x86_64__)
DEFINE_PRODUCT (add_product_avx2, UNROLLED __attribute__ ((target ("avx2,fma"))), Vector8, 6)
DEFINE_PRODUCT (add_product_avx512, UNROLLED __attribute__ ((target ("avx512f"))), Vector16, 12)
#endif

const SteerSaeProduct *
steer_sae_list_products (void)
{
#if defined(__x86_64__)
  static const SteerSaeProduct all[] = { add_product_avx512, add_product_avx2, add_product_plain, NULL };

  if (__builtin_cpu_supports ("avx512f"))
    return all;
  if (__builtin_cpu_supports ("avx2") && __builtin_cpu_supports ("fma"))
    return all + 1;
  return all + 2;
#else
  static const SteerSaeProduct all[] = { add_product_plain, NULL };

  return all;
#endif
}
