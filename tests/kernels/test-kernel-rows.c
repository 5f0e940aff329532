#include "kernel-test.h"

#include <math.h>
#include <string.h>

#include "tensor/steer-dequantize.h"

/* What lies between the matrix products of a prefill, and the forms of weights, against float64. */

static const SteerCudaType plain_types[] = { STEER_CUDA_F32, STEER_CUDA_F16, STEER_CUDA_BF16 };
/* Half a unit in the last place, and what float32 loses on the way. */
static double
get_tolerance (SteerCudaType type)
{
  return type == STEER_CUDA_F32 ? 1e-5 : type == STEER_CUDA_F16 ? 6e-4 : 4.1e-3;
}

static void
compare_stored (const char *what, SteerCudaType type, gconstpointer device, const double *exact, gsize n)
{
  g_autofree gpointer stored = g_malloc (n * kernel_test_get_bytes (type));
  g_autofree float *values = g_new (float, n);

  kernel_test_download (device, stored, n * kernel_test_get_bytes (type));
  kernel_test_load (type, stored, n, values);
  kernel_test_compare (what, values, exact, n, get_tolerance (type));
}

static void
check_embed (SteerCudaType type, int d_model, int head_dim, int n_turns, int n_tokens)
{
  /* Every other one by chance is scaled. */
  SteerCudaShape shape = { .d_model = d_model,
                           .head_dim = head_dim,
                           .n_vocab = 23,
                           .embed_scale = g_test_rand_bit () ? sqrtf ((float) d_model) : 0.0f };
  double scale = shape.embed_scale > 0.0f ? (double) shape.embed_scale : 1.0;
  int half = head_dim / 2;
  KernelTestMatrix embed;
  g_autofree SteerCudaToken *tokens = g_new0 (SteerCudaToken, n_tokens);
  g_autofree float *inv_freq = kernel_test_random ((gsize) (n_turns * half), 1.0);
  g_autofree double *exact = g_new (double, n_tokens *d_model);
  g_autofree double *exact_turns = g_new (double, n_turns *n_tokens *head_dim);
  float *device_inv_freq = kernel_test_upload (inv_freq, (gsize) (n_turns * half) * sizeof (float));
  float *residual = kernel_test_alloc ((gsize) (n_tokens * d_model) * sizeof (float));
  float *turns = kernel_test_alloc ((gsize) (n_turns * n_tokens * head_dim) * sizeof (float));
  SteerCudaToken *device_tokens;

  kernel_test_matrix_init (&embed, type, shape.n_vocab, d_model, FALSE);
  for (int t = 0; t < n_tokens; t++)
    {
      tokens[t].token = g_test_rand_int_range (0, shape.n_vocab);
      tokens[t].position = g_test_rand_int_range (0, 131072);
      for (int i = 0; i < d_model; i++)
        exact[t * d_model + i] = (double) embed.values[tokens[t].token * d_model + i] * scale;
      for (int i = 0; i < n_turns * half; i++)
        {
          float angle = (float) tokens[t].position * inv_freq[i];
          double *turn = exact_turns + ((i / half * n_tokens + t) * half + i % half) * 2;

          turn[0] = cos ((double) angle);
          turn[1] = sin ((double) angle);
        }
    }
  device_tokens = kernel_test_upload (tokens, (gsize) n_tokens * sizeof *tokens);
  kernel_test_check (steer_cuda_embed (kernel_test_get_queue (), &shape, &embed.matrix, device_inv_freq, n_turns,
                                       device_tokens, n_tokens, residual, turns));
  compare_stored ("residual", STEER_CUDA_F32, residual, exact, (gsize) (n_tokens * d_model));
  compare_stored ("turns", STEER_CUDA_F32, turns, exact_turns, (gsize) (n_turns * n_tokens * head_dim));
  kernel_test_matrix_clear (&embed);
  cudaFree (device_inv_freq);
  cudaFree (residual);
  cudaFree (turns);
  cudaFree (device_tokens);
}

static void
test_embed (void)
{
  for (guint t = 0; t < KERNEL_TEST_N_TYPES; t++)
    {
      check_embed (kernel_test_types[t], kernel_test_fit_columns (kernel_test_types[t], 32), 8, 1, 1);
      check_embed (kernel_test_types[t], kernel_test_fit_columns (kernel_test_types[t], 1048), 128, 2, 5);
    }
}

static void
check_norm (SteerCudaType out_type, int d_model, int n_tokens)
{
  SteerCudaShape shape = { .d_model = d_model, .rms_norm_eps = 1e-5f };
  gsize n = (gsize) (n_tokens * d_model);
  g_autofree float *residual = kernel_test_random (n, 3.0);
  g_autofree float *weight = kernel_test_random ((gsize) d_model, 1.0);
  g_autofree double *exact = g_new (double, n);
  float *device_residual = kernel_test_upload (residual, n * sizeof (float));
  float *device_weight = kernel_test_upload (weight, (gsize) d_model * sizeof (float));
  gpointer out = kernel_test_alloc (n * kernel_test_get_bytes (out_type));

  for (gsize i = 0; i < n; i++)
    exact[i] = (double) residual[i];
  for (int t = 0; t < n_tokens; t++)
    kernel_test_norm (exact + t * d_model, weight, d_model, 1e-5, exact + t * d_model);
  kernel_test_check (
    steer_cuda_norm_rows (kernel_test_get_queue (), &shape, device_residual, device_weight, n_tokens, out_type, out));
  compare_stored ("normed", out_type, out, exact, n);
  cudaFree (device_residual);
  cudaFree (device_weight);
  cudaFree (out);
}

static void
check_add_normed (int d_model, int n_tokens)
{
  SteerCudaShape shape = { .d_model = d_model, .rms_norm_eps = 1e-5f };
  gsize n = (gsize) (n_tokens * d_model);
  g_autofree float *rows = kernel_test_random (n, 3.0);
  g_autofree float *residual = kernel_test_random (n, 3.0);
  g_autofree float *weight = kernel_test_random ((gsize) d_model, 1.0);
  g_autofree double *exact = g_new (double, n);
  float *device_rows = kernel_test_upload (rows, n * sizeof (float));
  float *device_residual = kernel_test_upload (residual, n * sizeof (float));
  float *device_weight = kernel_test_upload (weight, (gsize) d_model * sizeof (float));

  for (gsize i = 0; i < n; i++)
    exact[i] = (double) rows[i];
  for (int t = 0; t < n_tokens; t++)
    kernel_test_norm (exact + t * d_model, weight, d_model, 1e-5, exact + t * d_model);
  for (gsize i = 0; i < n; i++)
    exact[i] += (double) residual[i];
  kernel_test_check (steer_cuda_add_normed_rows (kernel_test_get_queue (), &shape, device_rows, device_weight, n_tokens,
                                                 device_residual));
  compare_stored ("residual", STEER_CUDA_F32, device_residual, exact, n);
  cudaFree (device_rows);
  cudaFree (device_residual);
  cudaFree (device_weight);
}

static void
test_add_normed (void)
{
  check_add_normed (8, 3);
  check_add_normed (264, 1);
  check_add_normed (2304, 2);
}

/* Small ones hardly change, large ones go no further than the cap. */
static void
test_cap (void)
{
  enum
  {
    n = 1000,
  };
  static const double scales[] = { 1e-3, 1.0, 30.0, 1e4 };
  const double cap = 30.0;

  for (guint s = 0; s < G_N_ELEMENTS (scales); s++)
    {
      g_autofree float *logits = kernel_test_random (n, scales[s]);
      float *device = kernel_test_upload (logits, n * sizeof (float));
      double exact[n];
      float capped[n];

      for (guint i = 0; i < n; i++)
        exact[i] = cap * tanh ((double) logits[i] / cap);
      kernel_test_check (steer_cuda_cap (kernel_test_get_queue (), (float) cap, n, device));
      kernel_test_download (device, capped, sizeof capped);
      kernel_test_compare ("logits", capped, exact, n, 1e-5);
      cudaFree (device);
    }
}

static void
test_norm (void)
{
  for (guint t = 0; t < G_N_ELEMENTS (plain_types); t++)
    {
      check_norm (plain_types[t], 8, 3);
      check_norm (plain_types[t], 264, 1);
      check_norm (plain_types[t], 2056, 2);
    }
}

static void
check_gate (SteerCudaType out_type, SteerCudaGate kind, int d_ff, int n_tokens, gboolean with_bias)
{
  SteerCudaShape shape = { .d_ff = d_ff, .gate = kind };
  gsize n = (gsize) (n_tokens * d_ff);
  g_autofree float *gate = kernel_test_random (n, 9.0);
  g_autofree float *up = kernel_test_random (n, 2.0);
  g_autofree float *gate_bias = kernel_test_random ((gsize) d_ff, 1.0);
  g_autofree float *up_bias = kernel_test_random ((gsize) d_ff, 1.0);
  g_autofree double *exact = g_new (double, n);
  float *device_gate = kernel_test_upload (gate, n * sizeof (float));
  float *device_up = kernel_test_upload (up, n * sizeof (float));
  float *device_gate_bias = with_bias ? kernel_test_upload (gate_bias, (gsize) d_ff * sizeof (float)) : NULL;
  float *device_up_bias = with_bias ? kernel_test_upload (up_bias, (gsize) d_ff * sizeof (float)) : NULL;
  gpointer out = kernel_test_alloc (n * kernel_test_get_bytes (out_type));

  for (gsize i = 0; i < n; i++)
    {
      double g = (double) gate[i] + (with_bias ? (double) gate_bias[i % (gsize) d_ff] : 0.0);
      double u = (double) up[i] + (with_bias ? (double) up_bias[i % (gsize) d_ff] : 0.0);

      exact[i] = kernel_test_activate (kind, g, NULL) * u;
    }
  kernel_test_check (steer_cuda_gate_rows (kernel_test_get_queue (), &shape, device_gate, device_up, device_gate_bias,
                                           device_up_bias, n_tokens, out_type, out));
  compare_stored ("hidden", out_type, out, exact, n);
  cudaFree (device_gate);
  cudaFree (device_up);
  cudaFree (device_gate_bias);
  cudaFree (device_up_bias);
  cudaFree (out);
}

static void
test_gate (void)
{
  for (guint t = 0; t < G_N_ELEMENTS (plain_types); t++)
    {
      check_gate (plain_types[t], STEER_CUDA_SILU, 8, 2, FALSE);
      check_gate (plain_types[t], STEER_CUDA_SILU, 1048, 3, TRUE);
      check_gate (plain_types[t], STEER_CUDA_GELU, 1048, 2, FALSE);
    }
}

static void
test_bias (void)
{
  enum
  {
    n = 300,
    n_tokens = 3,
  };
  g_autofree float *rows = kernel_test_random (n * n_tokens, 1.0);
  g_autofree float *bias = kernel_test_random (n, 1.0);
  double exact[n * n_tokens];
  float *device_rows = kernel_test_upload (rows, n * n_tokens * sizeof (float));
  float *device_bias = kernel_test_upload (bias, n * sizeof (float));

  for (guint i = 0; i < n * n_tokens; i++)
    exact[i] = (double) rows[i] + (double) bias[i % n];
  kernel_test_check (steer_cuda_add_bias_rows (kernel_test_get_queue (), device_bias, n, n_tokens, device_rows));
  compare_stored ("rows", STEER_CUDA_F32, device_rows, exact, n * n_tokens);
  cudaFree (device_rows);
  cudaFree (device_bias);
}

/* --- Rotation --- */

typedef struct
{
  SteerCudaShape shape;
  SteerCudaCache cache;
  int n_tokens;
  SteerCudaToken *tokens; /* [n_tokens] */
  float *turns;           /* [n_tokens, head_dim / 2, 2] */
} Rotation;

/* [n_tokens, n_heads, head_dim] with bias, normalised with @norm, turned where @turn says so. */
static double *
rotate (const Rotation *self, const float *rows, const float *bias, const float *norm, int n_heads, gboolean turn)
{
  int n = self->shape.head_dim;
  double *out = g_new (double, self->n_tokens *n_heads *n);

  for (int i = 0; i < self->n_tokens * n_heads * n; i++)
    out[i] = (double) rows[i] + (bias != NULL ? (double) bias[i % (n_heads * n)] : 0.0);
  for (int row = 0; norm != NULL && row < self->n_tokens * n_heads; row++)
    kernel_test_norm (out + row * n, norm, n, 1e-5, out + row * n);
  for (int row = 0; turn && row < self->n_tokens * n_heads; row++)
    for (int i = 0; i < n / 2; i++)
      {
        double *a = out + row * n + (self->shape.rope_interleaved ? 2 * i : i);
        double *b = self->shape.rope_interleaved ? a + 1 : a + n / 2;
        const float *angle = self->turns + (row / n_heads * (n / 2) + i) * 2;
        double turned = *a * (double) angle[0] - *b * (double) angle[1];

        *b = *b * (double) angle[0] + *a * (double) angle[1];
        *a = turned;
      }
  return out;
}

static void
check_plane (const Rotation *self, const char *what, gconstpointer plane, const double *exact)
{
  int n_kv_heads = self->shape.n_kv_heads;
  int n = self->shape.head_dim;
  gsize n_plane = (gsize) (self->cache.n_slots * n_kv_heads * self->cache.n_context * n);
  g_autofree guint16 *stored = g_new (guint16, n_plane);
  g_autofree float *values = g_new (float, n_plane);
  gsize n_written = 0;

  kernel_test_download (plane, stored, n_plane * 2);
  kernel_test_load (self->cache.type, stored, n_plane, values);
  for (int t = 0; t < self->n_tokens; t++)
    for (int head = 0; head < n_kv_heads; head++)
      {
        int row = (self->tokens[t].slot * n_kv_heads + head) * self->cache.n_context + self->tokens[t].position;

        kernel_test_compare (what, values + row * n, exact + (t * n_kv_heads + head) * n, (gsize) n,
                             get_tolerance (self->cache.type));
      }
  for (gsize i = 0; i < n_plane; i++)
    n_written += stored[i] != 0xffff;
  g_assert_cmpuint (n_written, ==, self->n_tokens * n_kv_heads * n);
}

static gpointer
upload_floats (const float *values, int n)
{
  return kernel_test_upload (values, (gsize) n * sizeof (float));
}

static void
check_rotate (SteerCudaType type,
              SteerCudaType query_type,
              int head_dim,
              int n_heads,
              int n_kv_heads,
              gboolean interleaved,
              gboolean with_bias,
              gboolean with_norm)
{
  enum
  {
    n_tokens = 6,
  };
  Rotation self = {
    .shape = { .n_heads = n_heads,
               .n_kv_heads = n_kv_heads,
               .head_dim = head_dim,
               .rope_interleaved = interleaved,
               .rms_norm_eps = 1e-5f,
               .query_scalar = with_norm ? 31.0f : 0.0f },
    .cache = { .type = type, .n_slots = 2, .n_context = 9 },
    .n_tokens = n_tokens,
  };
  int n_query = n_heads * head_dim;
  int n_kv = n_kv_heads * head_dim;
  gsize n_plane = (gsize) (2 * n_kv_heads * 9 * head_dim) * 2;
  g_autofree float *q = kernel_test_random ((gsize) (n_tokens * n_query), 1.0);
  g_autofree float *k = kernel_test_random ((gsize) (n_tokens * n_kv), 1.0);
  g_autofree float *v = kernel_test_random ((gsize) (n_tokens * n_kv), 1.0);
  g_autofree float *bias = with_bias ? kernel_test_random ((gsize) n_query, 1.0) : NULL;
  g_autofree float *norms = with_norm ? kernel_test_random ((gsize) (2 * head_dim), 1.0) : NULL;
  g_autofree double *exact_q = NULL;
  g_autofree double *exact_k = NULL;
  g_autofree double *exact_v = NULL;
  gpointer device[8];
  SteerCudaHeads heads[3];

  self.tokens = g_new0 (SteerCudaToken, n_tokens);
  for (int t = 0; t < n_tokens; t++)
    self.tokens[t] = (SteerCudaToken){ .slot = t / 4, .position = t };
  self.turns = kernel_test_random ((gsize) (n_tokens * head_dim), 1.0);
  exact_q = rotate (&self, q, bias, norms, n_heads, TRUE);
  exact_k = rotate (&self, k, bias, with_norm ? norms + head_dim : NULL, n_kv_heads, TRUE);
  exact_v = rotate (&self, v, bias, NULL, n_kv_heads, FALSE);
  for (int i = 0; query_type != STEER_CUDA_F32 && i < n_tokens * n_query; i++)
    exact_q[i] *= 1.4426950408889634 / sqrt (with_norm ? 31.0 : head_dim);

  self.cache.keys = kernel_test_alloc (n_plane);
  self.cache.values = kernel_test_alloc (n_plane);
  device[0] = upload_floats (q, n_tokens * n_query);
  device[1] = upload_floats (k, n_tokens * n_kv);
  device[2] = upload_floats (v, n_tokens * n_kv);
  device[3] = with_bias ? upload_floats (bias, n_query) : NULL;
  device[4] = kernel_test_upload (self.tokens, n_tokens * sizeof (SteerCudaToken));
  device[5] = upload_floats (self.turns, n_tokens * head_dim);
  device[6] = kernel_test_alloc ((gsize) (n_tokens * n_query) * kernel_test_get_bytes (query_type));
  device[7] = with_norm ? upload_floats (norms, 2 * head_dim) : NULL;
  for (guint i = 0; i < 3; i++)
    heads[i] = (SteerCudaHeads){ .rows = device[i], .stride = i == 0 ? n_query : n_kv, .bias = device[3] };
  if (with_norm)
    {
      heads[0].norm = device[7];
      heads[1].norm = (const float *) device[7] + head_dim;
    }
  kernel_test_check (steer_cuda_rotate_rows (kernel_test_get_queue (), &self.shape, &heads[0], &heads[1], &heads[2],
                                             device[4], n_tokens, device[5], query_type, device[6], &self.cache));
  compare_stored ("query", query_type, device[6], exact_q, (gsize) (n_tokens * n_query));
  check_plane (&self, "keys", self.cache.keys, exact_k);
  check_plane (&self, "values", self.cache.values, exact_v);

  for (guint i = 0; i < G_N_ELEMENTS (device); i++)
    cudaFree (device[i]);
  cudaFree (self.cache.keys);
  cudaFree (self.cache.values);
  g_free (self.tokens);
  g_free (self.turns);
}

static void
test_rotate (void)
{
  for (int interleaved = 0; interleaved < 2; interleaved++)
    {
      check_rotate (STEER_CUDA_F16, STEER_CUDA_F16, 8, 3, 1, interleaved, FALSE, FALSE);
      check_rotate (STEER_CUDA_BF16, STEER_CUDA_BF16, 24, 4, 2, interleaved, TRUE, FALSE);
      check_rotate (STEER_CUDA_F16, STEER_CUDA_F16, 128, 4, 4, interleaved, TRUE, FALSE);
    }
}

/* Each head of queries and keys by itself, before it turns. As float32, queries are left without a scale. */
static void
test_rotate_normed (void)
{
  for (int interleaved = 0; interleaved < 2; interleaved++)
    {
      check_rotate (STEER_CUDA_F16, STEER_CUDA_F16, 24, 3, 1, interleaved, FALSE, TRUE);
      check_rotate (STEER_CUDA_BF16, STEER_CUDA_F32, 128, 9, 2, interleaved, FALSE, TRUE);
      check_rotate (STEER_CUDA_F16, STEER_CUDA_F32, 256, 4, 4, interleaved, TRUE, TRUE);
    }
}

/* --- Weights --- */

static void
check_expand (SteerCudaType type, SteerCudaType out_type)
{
  int n_columns = kernel_test_fit_columns (type, 96);
  gsize n = 4 * (gsize) n_columns;
  KernelTestMatrix w;
  g_autofree double *exact = g_new (double, n);
  gpointer out = kernel_test_alloc (n * sizeof (float));

  kernel_test_matrix_init (&w, type, 7, n_columns, FALSE);
  for (gsize i = 0; i < n; i++)
    exact[i] = (double) w.values[2 * n_columns + (int) i];
  kernel_test_check (steer_cuda_expand (kernel_test_get_queue (), &w.matrix, 2, 4, out_type, out));
  compare_stored ("expanded", out_type, out, exact, n);
  if (out_type == STEER_CUDA_F32)
    {
      g_autofree float *values = g_new (float, n);

      kernel_test_download (out, values, n * sizeof (float));
      g_assert_cmpmem (values, n * sizeof (float), w.values + 2 * n_columns, n * sizeof (float));
    }
  kernel_test_matrix_clear (&w);
  cudaFree (out);
}

/* As float32 they are what GGUF's definition says, to the bit. */
static void
test_expand (void)
{
  for (guint t = 0; t < KERNEL_TEST_N_TYPES; t++)
    for (guint o = 0; o < G_N_ELEMENTS (plain_types); o++)
      check_expand (kernel_test_types[t], plain_types[o]);
}

/* Rows of blocks in the middle of a matrix. */
static void
check_split (SteerDtype dtype, int n_columns)
{
  enum
  {
    n_rows = 6,
    first = 1,
    n_split = 4,
  };
  gsize row_bytes = (gsize) n_columns / steer_dtype_get_block_elements (dtype) * steer_dtype_get_block_bytes (dtype);
  gsize n = (gsize) n_split * (gsize) n_columns;
  gsize n_blocks = n / steer_dtype_get_block_elements (dtype);
  g_autofree guint8 *blocks = kernel_test_random_blocks (dtype, n_blocks);
  g_autofree float *exact = g_new (float, n);
  g_autofree float *values = g_new (float, n);
  SteerCudaMatrix matrix = { .n_rows = n_rows, .n_columns = n_columns };
  const void *const *planes[] = { &matrix.data, &matrix.scales, &matrix.high, &matrix.supers };
  gpointer device_blocks = kernel_test_upload (blocks, n_split * row_bytes);
  float *expanded = kernel_test_alloc (n * sizeof (float));
  const SteerCudaPlanes *sizes;
  SteerCudaBlocks kind;

  g_assert_true (steer_cuda_planes_find (dtype, &kind, &matrix.type));
  kernel_test_alloc_planes (&matrix);
  kernel_test_check (steer_cuda_split (kernel_test_get_queue (), kind, device_blocks, &matrix, first, n_split));
  kernel_test_check (steer_cuda_expand (kernel_test_get_queue (), &matrix, first, n_split, STEER_CUDA_F32, expanded));
  kernel_test_download (expanded, values, n * sizeof (float));
  steer_dequantize (dtype, blocks, n_blocks, exact);
  g_assert_cmpmem (values, n * sizeof (float), exact, n * sizeof (float));

  sizes = steer_cuda_planes_get (matrix.type);
  for (guint i = 0; i < G_N_ELEMENTS (planes); i++)
    {
      gsize row = (gsize) (n_columns / sizes->n_columns) * sizes->n_bytes[i];
      g_autofree guint8 *bytes = g_malloc (n_rows * row);

      if (row > 0)
        kernel_test_download (*planes[i], bytes, n_rows * row);
      for (gsize j = 0; j < row; j++)
        {
          g_assert_cmpuint (bytes[j], ==, 0xff);
          g_assert_cmpuint (bytes[(first + n_split) * row + j], ==, 0xff);
        }
    }
  kernel_test_free_planes (&matrix);
  cudaFree (device_blocks);
  cudaFree (expanded);
}

/* What the planes hold is what GGUF's definition says of the blocks, to the bit, and no other row is touched. Groups at
 * the ends of rows are whole, or have a piece or more too few. */
static void
test_split (void)
{
  static const SteerDtype small[]
    = { STEER_DTYPE_Q8_0, STEER_DTYPE_Q5_0, STEER_DTYPE_Q5_1, STEER_DTYPE_Q4_1, STEER_DTYPE_Q4_0, STEER_DTYPE_IQ4_NL };
  static const SteerDtype large[]
    = { STEER_DTYPE_Q2_K, STEER_DTYPE_Q3_K, STEER_DTYPE_Q4_K, STEER_DTYPE_Q5_K, STEER_DTYPE_Q6_K, STEER_DTYPE_IQ4_XS };

  for (guint i = 0; i < G_N_ELEMENTS (small); i++)
    for (int n_columns = 32; n_columns <= 288; n_columns += 32)
      check_split (small[i], n_columns);
  for (guint i = 0; i < G_N_ELEMENTS (large); i++)
    for (int n_columns = 256; n_columns <= 768; n_columns += 256)
      check_split (large[i], n_columns);
}

/* No weight is further from its number than half a step, but for what rounding the step itself costs at the ends. */
static void
test_quantise (void)
{
  enum
  {
    n_rows = 5,
    n_columns = 96,
    n = n_rows * n_columns,
  };

  for (guint t = 0; t < G_N_ELEMENTS (plain_types); t++)
    {
      KernelTestMatrix w;
      float values[n];
      guint16 scales[n / 32];
      gint8 *device_quants = kernel_test_alloc (n);
      gpointer device_scales = kernel_test_alloc (sizeof scales);
      float *device_values = kernel_test_alloc (sizeof values);
      SteerCudaMatrix quantised = {
        .type = STEER_CUDA_Q8, .data = device_quants, .scales = device_scales, .n_rows = n_rows, .n_columns = n_columns
      };

      kernel_test_matrix_init (&w, plain_types[t], n_rows, n_columns, FALSE);
      /* A block of zeros. */
      for (guint i = 32; i < 64; i++)
        w.values[i] = 0.0f;
      kernel_test_check (cudaMemset ((char *) w.matrix.data + 32 * kernel_test_get_bytes (plain_types[t]), 0,
                                     32 * kernel_test_get_bytes (plain_types[t])));
      kernel_test_check (steer_cuda_quantise (kernel_test_get_queue (), plain_types[t], w.matrix.data, n_rows,
                                              n_columns, device_quants, device_scales));
      kernel_test_check (
        steer_cuda_expand (kernel_test_get_queue (), &quantised, 0, n_rows, STEER_CUDA_F32, device_values));
      kernel_test_download (device_values, values, sizeof values);
      kernel_test_download (device_scales, scales, sizeof scales);
      for (guint block = 0; block < n / 32; block++)
        {
          double scale = (double) steer_f16_to_f32 (scales[block]);
          double largest = 0.0;

          for (guint i = block * 32; i < block * 32 + 32; i++)
            {
              largest = MAX (largest, fabs ((double) w.values[i]));
              g_assert_cmpfloat (fabs ((double) values[i] - (double) w.values[i]), <=, scale * 0.5625);
            }
          g_assert_cmpfloat (fabs (scale - largest / 127.0), <=, largest / 127.0 / 1024.0);
        }
      kernel_test_matrix_clear (&w);
      cudaFree (device_quants);
      cudaFree (device_scales);
      cudaFree (device_values);
    }
}

/* Shapes that the kernels cannot run are refused with the reason. */
static void
test_shapes (void)
{
  const SteerCudaShape good = { .d_model = 4096,
                                .n_heads = 32,
                                .n_kv_heads = 8,
                                .head_dim = 128,
                                .d_ff = 14336,
                                .n_vocab = 128256,
                                .rms_norm_eps = 1e-5f };
  SteerCudaShape shape = good;

  g_assert_null (steer_cuda_check_shape (&shape));
  shape.d_model = 4100;
  g_assert_nonnull (steer_cuda_check_shape (&shape));
  shape = good;
  shape.head_dim = 264;
  g_assert_nonnull (steer_cuda_check_shape (&shape));
  shape = good;
  shape.n_kv_heads = 5;
  g_assert_nonnull (steer_cuda_check_shape (&shape));
  shape = good;
  shape.d_ff = 12;
  g_assert_nonnull (steer_cuda_check_shape (&shape));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/kernels/rows/embed", test_embed);
  g_test_add_func ("/kernels/rows/norm", test_norm);
  g_test_add_func ("/kernels/rows/norm/added", test_add_normed);
  g_test_add_func ("/kernels/rows/cap", test_cap);
  g_test_add_func ("/kernels/rows/gate", test_gate);
  g_test_add_func ("/kernels/rows/bias", test_bias);
  g_test_add_func ("/kernels/rows/rotate", test_rotate);
  g_test_add_func ("/kernels/rows/rotate/normed", test_rotate_normed);
  g_test_add_func ("/kernels/rows/expand", test_expand);
  g_test_add_func ("/kernels/rows/split", test_split);
  g_test_add_func ("/kernels/rows/quantise", test_quantise);
  g_test_add_func ("/kernels/rows/shapes", test_shapes);
  return g_test_run ();
}
