#pragma once

#include "steer-cpu-packed.h"

G_BEGIN_DECLS

/**
 * SteerCpuKernels:
 *
 * The inner loops of a forward pass, one table an instruction set, chosen at run time. Activations are float32;
 * weights are read as they are stored, at any alignment.
 *
 * Every kernel computes an element by the same operations in the same order whatever else is computed in the same
 * call: how rows and columns are dealt out to calls and to threads never changes a result. No product is fused with a
 * sum except where a kernel says so by a fused multiply-add, hence compilers do not change results either.
 */

typedef enum
{
  STEER_CPU_ISA_PLAIN,
  STEER_CPU_ISA_NEON,       /* with dot products, of ARM */
  STEER_CPU_ISA_AVX2,       /* with FMA and F16C */
  STEER_CPU_ISA_AVXVNNI,    /* AVX2 with dot products */
  STEER_CPU_ISA_AVX512,     /* F, BW, DQ and VL */
  STEER_CPU_ISA_AVX512VNNI, /* the same with dot products */
  STEER_CPU_ISA_AMX,        /* the same with tiles of bytes and of BF16 */
  STEER_CPU_N_ISAS
} SteerCpuIsa;

/* Columns of activations that a gemv call takes at most. */
#define STEER_CPU_GEMV_COLUMNS 4

/* Longest inner dimension of one tile call, and the distance in floats between the rows of its left operand. A
 * constant distance lets a kernel address all rows from one pointer; being an odd number of cache lines, it spreads
 * them over the cache's sets. */
#define STEER_CPU_TILE_DEPTH 512
#define STEER_CPU_TILE_STRIDE 528

/* What a tile computes at most, over all instruction sets. */
#define STEER_CPU_MAX_TILE_ROWS 14
#define STEER_CPU_MAX_TILE_COLUMNS 32
#define STEER_CPU_MAX_PANEL_ROWS 16

/* Kernels of one storage type of weights; all NULL for a type that an instruction set cannot multiply. Rows of
 * weights lie @row_bytes apart. */
typedef struct
{
  /* y[c * y_stride + r] = sum over i of w[r][i] * x[c * x_stride + i], r < n_rows, i < depth,
   * c < n_columns <= STEER_CPU_GEMV_COLUMNS. */
  void (*gemv) (const guint8 *w,
                gsize row_bytes,
                gsize n_rows,
                gsize depth,
                const float *x,
                gsize x_stride,
                guint n_columns,
                float *y,
                gsize y_stride);

  /* The right operand of a tile: panel[i * tile_columns + r] = w[r][i], zero for n_rows <= r < tile_columns. */
  void (*pack) (const guint8 *w, gsize row_bytes, gsize n_rows, gsize depth, float *panel);

  /* out[i] = w[i], exactly. */
  void (*expand) (const guint8 *w, gsize n, float *out);
} SteerCpuWeightKernels;

/* Products of BF16 weights on a machine that multiplies matrices of BF16; all NULL elsewhere. A float32 number is the
 * sum of STEER_CPU_PARTS numbers of BF16 to its last bit, so the product is as exact as one of floats. */
typedef struct
{
  /* A left operand's row: parts[p * STEER_CPU_TILE_DEPTH + i], p < STEER_CPU_PARTS, is part p of x[i], the largest
   * first; i < n <= STEER_CPU_TILE_DEPTH, and zeros up to a multiple of 32. */
  void (*split) (const float *x, gsize n, guint16 *parts);

  /* The right operand, from STEER_CPU_MAX_TILE_COLUMNS rows of weights, of which n_rows are there and others zero: at
   * most as many bytes as those rows have. */
  void (*pack) (const guint8 *w, gsize row_bytes, gsize n_rows, gsize depth, guint8 *panel);

  /* c[r * c_stride + j] (+)= row r of @a times column j of @b, r < n_rows <= STEER_CPU_PARTS_ROWS,
   * j < STEER_CPU_MAX_TILE_COLUMNS. a: [n_rows, STEER_CPU_PARTS_STRIDE]. */
  void (*tile) (guint n_rows,
                gsize depth,
                const guint16 *a,
                const guint8 *b,
                float *c,
                gsize c_stride,
                gboolean accumulate);
} SteerCpuPartsKernels;

#define STEER_CPU_PARTS 3
#define STEER_CPU_PARTS_ROWS 32

/* An odd number of cache lines, as STEER_CPU_TILE_STRIDE, in numbers of 16 bits. */
#define STEER_CPU_PARTS_STRIDE 1568

/* A block of 32 quantised activations: x = scale * p, p from -127 to 127. */
typedef struct
{
  float scale;
  float sum;      /* of the p */
  gint32 sums[2]; /* of the first and the last 16 p */
} SteerCpuQuantBlock;

/* Rows of quantised activations. */
typedef struct
{
  const gint8 *bytes;               /* [n_tokens, stride] */
  const gint16 *words;              /* [n_tokens, stride], the same numbers; only tiles use them */
  const SteerCpuQuantBlock *blocks; /* [n_tokens, stride / 32] */
  gsize stride;                     /* a multiple of 32 */
} SteerCpuQuantRows;

/* What a tile multiplies: tokens with two expanded panels. */
typedef struct
{
  guint n_tokens;
  gboolean accumulate;  /* onto c; else c is set */
  gsize n_blocks;       /* at most STEER_CPU_TILE_DEPTH / 32 */
  SteerCpuQuantRows x;  /* beginning with the tile's first token and block */
  const guint8 *panels; /* [2, panel_bytes] */
  gsize panel_bytes;
  float *c; /* [n_tokens, c_stride], 2 * panel_rows of each row are written */
  gsize c_stride;
} SteerCpuQuantTile;

/* Kernels of one quantised type, over packed weights (steer-cpu-packed.h), whose arithmetic is described there: gemv
 * and tile give the same bits. */
typedef struct
{
  /* y[c * y_stride + r] = row r of the panels times activations c, r < n_panels * panel_rows, c < n_columns <=
   * STEER_CPU_GEMV_COLUMNS. */
  void (*gemv) (const guint8 *panels,
                gsize panel_bytes,
                gsize n_panels,
                gsize depth,
                const SteerCpuQuantRows *x,
                guint n_columns,
                float *y,
                gsize y_stride);

  /* Writes the first n_blocks, at most STEER_CPU_TILE_DEPTH / 32, of a panel from one of its units on as the tile
   * reads them, into STEER_CPU_EXPANDED_BYTES (panel_rows) bytes. */
  void (*expand) (const guint8 *panel, gsize n_blocks, guint8 *out);
  void (*tile) (const SteerCpuQuantTile *tile);
} SteerCpuQuantKernels;

/* A few rows times a block of keys or values as a cache of floats has it (steer-cpu-cache.h). */
typedef struct
{
  guint n_rows;    /* at most STEER_CPU_CACHE_ROWS and tile_rows */
  gsize depth;     /* rows of b */
  const float *a;  /* [n_rows, STEER_CPU_TILE_STRIDE], the first depth of each row */
  const guint8 *b; /* [depth, b_stride], the first tile_columns of each row */
  gsize b_stride;  /* in elements */
  float *c;        /* [n_rows, c_stride] */
  gsize c_stride;
  gboolean accumulate;
  const guint8 *next; /* what is needed afterwards: as many bytes of it are asked for as are read of b */
} SteerCpuCacheTile;

#define STEER_CPU_CACHE_ROWS 8

/* For __builtin_prefetch(): what lies ahead in the cache is asked for into the second level. Of x86's two hints for
 * that the one for the third is several percent faster (docs/benchmarks.md); on ARM that one is taken at its word. */
#if defined(__x86_64__)
#define STEER_CPU_CACHE_LOCALITY 1
#else
#define STEER_CPU_CACHE_LOCALITY 2
#endif

/* Positions in a block of the cache. */
#define STEER_CPU_BLOCK 64

/* The same where the cache is of bytes: rows of words, with a scale a group, times a whole block. */
typedef struct
{
  guint n_rows;        /* at most STEER_CPU_CACHE_ROWS and tile_rows */
  guint n_groups;      /* of a head */
  guint n_positions;   /* of values: those there are */
  const gint16 *words; /* keys [n_rows, n_groups, 16, 2], values [n_rows, n_groups, STEER_CPU_BLOCK / 2, 2] */
  const float *scales; /* [n_rows, n_groups]: x = scale * word */
  const guint8 *block; /* as the cache has it, of whose scales those of values are in the words */
  float *c;            /* [n_rows, c_stride], the first STEER_CPU_BLOCK of keys, 32 * n_groups of values */
  gsize c_stride;
  const guint8 *next; /* the block that is needed afterwards: all of it is asked for */
} SteerCpuCacheBytes;

typedef struct
{
  /* The words of a query, x [n_groups, 32]: to 15 bits of a group's largest element. */
  void (*query) (const float *x, guint n_groups, gint16 *words, float *scales);

  /* What weights() wants of the scales of a block's values, [n_groups, STEER_CPU_BLOCK], of which the first
   * @n_positions of each group count. factors: [n_groups, STEER_CPU_BLOCK]; scales: [n_groups]. */
  void (*factors) (const guint16 *block_scales, guint n_groups, guint n_positions, float *factors, float *scales);

  /* softmax_block() of STEER_CPU_BLOCK scores, which stay as they are: the weights times the values' scales become
   * words, to 15 bits of the product of the largest of each, with their scales. */
  float (*weights) (const float *scores,
                    const float *factors,
                    const float *factor_scales,
                    guint n_groups,
                    float *max,
                    float *sum,
                    gint16 *words,
                    float *scales);

  /* c[r * c_stride + j] = of keys, += of values, the sum over groups, in their order, of the scale, times the column's,
   * times the integer that the group's words give with the block's bytes. The same bits on every instruction set. */
  void (*keys) (const SteerCpuCacheBytes *tile);
  void (*values) (const SteerCpuCacheBytes *tile);
} SteerCpuCacheBytesKernels;

/* Scales and minimums of every block, and its codes in words. */
#define STEER_CPU_EXPANDED_BYTES(panel_rows)                                                                           \
  ((gsize) 4 * (panel_rows) * (3 * STEER_CPU_TILE_DEPTH / STEER_CPU_QUANT_BLOCK + STEER_CPU_TILE_DEPTH / 2))

typedef struct
{
  SteerCpuIsa isa;
  const char *name; /* "AVX-512", for people */
  guint tile_rows;
  guint tile_columns; /* divides 32 */

  SteerCpuWeightKernels weights[STEER_N_DTYPES];
  SteerCpuPartsKernels parts;

  guint panel_rows; /* rows of a panel of packed weights: 4, 8 or 16 */
  SteerCpuQuantKernels quant[STEER_N_DTYPES];

  /* n, a multiple of 32, activations; words may be NULL. Rounds to nearest even. */
  void (*quantize) (const float *x, gsize n, gint8 *bytes, gint16 *words, SteerCpuQuantBlock *blocks);

  /* c[r * c_stride + j] (+)= sum over i of a[r * STEER_CPU_TILE_STRIDE + i] * b[i * b_stride + j], in the order of i,
   * r < n_rows <= tile_rows, j < tile_columns, i < depth; starts from c when @accumulate, from 0 when not. */
  void (*tile) (guint n_rows,
                gsize depth,
                const float *a,
                const float *b,
                gsize b_stride,
                float *c,
                gsize c_stride,
                gboolean accumulate);

  /* The same, and with the same bits, where b is in the cache. */
  void (*cache_tile_f16) (const SteerCpuCacheTile *tile);
  void (*cache_tile_f32) (const SteerCpuCacheTile *tile);
  SteerCpuCacheBytesKernels cache_bytes;

  /* out = weight * (x * 1/sqrt(mean(x^2) + eps)); the order of Hugging Face's LlamaRMSNorm. @out may
   * be @x. */
  void (*rms_norm) (const float *x, const float *weight, gsize n, float eps, float *out);

  /* Rotary embedding of one head, in place, as transformers' rotate_half: element i turns with element i + n / 2.
   * cosine, sine: [n / 2]. */
  void (*rope) (float *x, const float *cosine, const float *sine, gsize n);

  /* The same where element 2i turns with element 2i + 1: SteerModelConfig.rope_interleaved. */
  void (*rope_interleaved) (float *x, const float *cosine, const float *sine, gsize n);

  /* out = gate / (1 + exp(-gate)) * up; out may be gate. */
  void (*silu_mul) (const float *gate, const float *up, gsize n, float *out);

  /* out = gate * 0.5 * (1 + tanh (sqrt (2 / pi) * (gate + 0.044715 * gate^3))) * up; out may be gate. */
  void (*gelu_mul) (const float *gate, const float *up, gsize n, float *out);

  /* out = cap * tanh (x / cap); out may be x. */
  void (*softcap) (const float *x, gsize n, float cap, float *out);

  /* One block of an online softmax: raises *max to the largest score, replaces each score by exp(score - max), adds
   * their sum to *sum, and returns the factor that brings what was summed under the old maximum to the new one (also
   * applied to *sum). A score of -INFINITY counts nothing. n is a multiple of 16. */
  float (*softmax_block) (float *scores, gsize n, float *max, float *sum);

  /* x *= factor */
  void (*scale) (float *x, gsize n, float factor);

  /* y += a * x, the product rounded first, as h + a*v in PyTorch. */
  void (*axpy) (float a, const float *x, gsize n, float *y);

  /* Exact products summed in float64, the same bits on every instruction set. */
  double (*dot) (const float *x, const float *y, gsize n);

  /* Index of the largest element, the first of equals; elements that are not a number never win unless all are. */
  gsize (*argmax) (const float *x, gsize n);

  /* Rounds to nearest even. */
  void (*narrow_f16) (const float *x, gsize n, guint16 *out);
} SteerCpuKernels;

/* NULL when the program was built without that instruction set or the machine lacks it. */
const SteerCpuKernels *steer_cpu_kernels_get (SteerCpuIsa isa);

/* The best the machine has, or what the environment variable STEER_CPU_ISA names. Errors:
 * STEER_MODEL_ERROR_DEVICE when that name is unknown or the machine lacks it. */
const SteerCpuKernels *steer_cpu_kernels_choose (GError **error);

/* The tables themselves; only steer-cpu-kernels.c may use them, after asking the machine. */
extern const SteerCpuKernels steer_cpu_kernels_plain;
extern const SteerCpuKernels steer_cpu_kernels_avx2;
extern const SteerCpuKernels steer_cpu_kernels_avx512;
extern const SteerCpuKernels steer_cpu_kernels_neon;

/* Those of the set before, with what another one does better in their places; AMX goes on from what is in @self, the
 * table of AVX-512 VNNI. */
void steer_cpu_kernels_make_avxvnni (SteerCpuKernels *self);
void steer_cpu_kernels_make_avx512vnni (SteerCpuKernels *self);
void steer_cpu_kernels_make_amx (SteerCpuKernels *self);

G_END_DECLS
