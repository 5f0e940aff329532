#include "kernel-test.h"

#include <math.h>
#include <string.h>

#include "steer-shim.h"
#include "tensor/steer-dtype.h"

/* The products of decoding, with all that is folded into them, against float64. */

#define EPS 1e-5
/* Of sums of a thousand products; rounding adds up as the root of their number. */
#define TOLERANCE 2e-5
#define TOLERANCE_OF(depth) (TOLERANCE * sqrt (MAX (1.0, (depth) / 1024.0)))

/* A width that a matrix of this type may have. */
static int
pick_depth (SteerCudaType type)
{
  static const int depths[] = { 8, 64, 88, 256, 264, 1000, 1032, 2048 };

  return kernel_test_fit_columns (type, kernel_test_pick (depths));
}

static void
widen (const float *x, gsize n, double *out)
{
  for (gsize i = 0; i < n; i++)
    out[i] = (double) x[i];
}

/* [n_columns, d_model] normalised, in float64. */
static double *
normalise (const float *residual, const float *norm, int n_columns, int d_model)
{
  double *out = g_new (double, n_columns *d_model);

  for (int c = 0; c < n_columns; c++)
    {
      double *row = out + c * d_model;

      widen (residual + c * d_model, (gsize) d_model, row);
      kernel_test_norm (row, norm, d_model, EPS, row);
    }
  return out;
}

static void
check_add (SteerCudaType type, int n_rows, int depth, int n_columns, gboolean with_bias)
{
  KernelTestMatrix w;
  gsize n = (gsize) (n_rows * n_columns);
  g_autofree float *x = kernel_test_random ((gsize) (depth * n_columns), 1.0);
  g_autofree float *residual = kernel_test_random (n, 1.0);
  g_autofree double *exact = g_new (double, n);
  g_autofree double *wide = g_new (double, depth);
  float *device_x = kernel_test_upload (x, (gsize) (depth * n_columns) * sizeof (float));
  float *device_residual = kernel_test_upload (residual, n * sizeof (float));

  kernel_test_matrix_init (&w, type, n_rows, depth, with_bias);
  for (int c = 0; c < n_columns; c++)
    {
      widen (x + c * depth, (gsize) depth, wide);
      for (int r = 0; r < n_rows; r++)
        exact[c * n_rows + r] = (double) residual[c * n_rows + r] + kernel_test_matrix_dot (&w, r, wide);
    }
  kernel_test_check (steer_cuda_decode_add (kernel_test_get_queue (), &w.matrix, device_x, n_columns, device_residual));
  kernel_test_download (device_residual, residual, n * sizeof (float));
  kernel_test_compare ("residual", residual, exact, n, TOLERANCE_OF (depth));
  kernel_test_matrix_clear (&w);
  cudaFree (device_x);
  cudaFree (device_residual);
}

static void
test_add (void)
{
  static const int rows[] = { 1, 2, 7, 16, 33, 64 };

  for (guint t = 0; t < KERNEL_TEST_N_TYPES; t++)
    for (int n_columns = 1; n_columns <= STEER_CUDA_MAX_COLUMNS; n_columns++)
      for (int with_bias = 0; with_bias < 2; with_bias++)
        check_add (kernel_test_types[t], kernel_test_pick (rows), pick_depth (kernel_test_types[t]), n_columns,
                   with_bias);
}

/* Activations that do not fit into a tile are staged in several. */
static void
test_add_deep (void)
{
  for (guint t = 0; t < KERNEL_TEST_N_TYPES; t++)
    {
      check_add (kernel_test_types[t], 50, kernel_test_fit_columns (kernel_test_types[t], 8224), 1, FALSE);
      check_add (kernel_test_types[t], 50, kernel_test_fit_columns (kernel_test_types[t], 6112), 4, TRUE);
    }
}

static void
check_gate_up (SteerCudaType type, SteerCudaGate kind, int n_columns, gboolean with_bias)
{
  static const int widths[] = { 8, 24, 56, 128 };
  SteerCudaShape shape
    = { .d_model = pick_depth (type), .d_ff = kernel_test_pick (widths), .rms_norm_eps = (float) EPS, .gate = kind };
  int d = shape.d_model;
  KernelTestMatrix gate, up;
  g_autofree float *norm = kernel_test_random ((gsize) d, 1.0);
  g_autofree float *residual = kernel_test_random ((gsize) (d * n_columns), 1.0);
  g_autofree double *normed = normalise (residual, norm, n_columns, d);
  gsize n = (gsize) (shape.d_ff * n_columns);
  g_autofree double *exact = g_new (double, n);
  g_autofree double *sizes = g_new (double, n); /* of the errors, as those of both factors come through */
  g_autofree float *hidden = g_new (float, n);
  float *device_norm = kernel_test_upload (norm, (gsize) d * sizeof (float));
  float *device_residual = kernel_test_upload (residual, (gsize) (d * n_columns) * sizeof (float));
  float *device_hidden = kernel_test_alloc (n * sizeof (float));

  kernel_test_matrix_init (&gate, type, shape.d_ff, d, with_bias);
  kernel_test_matrix_init (&up, type, shape.d_ff, d, with_bias);
  for (int c = 0; c < n_columns; c++)
    for (int r = 0; r < shape.d_ff; r++)
      {
        double g = kernel_test_matrix_dot (&gate, r, normed + c * d);
        double u = kernel_test_matrix_dot (&up, r, normed + c * d);
        double slope;
        double activated = kernel_test_activate (kind, g, &slope);

        exact[c * shape.d_ff + r] = activated * u;
        sizes[c * shape.d_ff + r] = 1.0 + fabs (slope * u) * (1.0 + fabs (g)) + fabs (activated) * (1.0 + fabs (u));
      }
  kernel_test_check (steer_cuda_decode_gate_up (kernel_test_get_queue (), &shape, &gate.matrix, &up.matrix, device_norm,
                                                device_residual, n_columns, device_hidden));
  kernel_test_download (device_hidden, hidden, n * sizeof (float));
  kernel_test_compare_sized ("hidden", hidden, exact, sizes, n, TOLERANCE_OF (d));
  kernel_test_matrix_clear (&gate);
  kernel_test_matrix_clear (&up);
  cudaFree (device_norm);
  cudaFree (device_residual);
  cudaFree (device_hidden);
}

static void
test_gate_up (void)
{
  for (guint t = 0; t < KERNEL_TEST_N_TYPES; t++)
    for (int n_columns = 1; n_columns <= STEER_CUDA_MAX_COLUMNS; n_columns++)
      check_gate_up (kernel_test_types[t], n_columns / 2 % 2 == 0 ? STEER_CUDA_SILU : STEER_CUDA_GELU, n_columns,
                     n_columns % 2);
}

/* An odd vocabulary: the last row has no partner. */
static void
check_logits (SteerCudaType type, int d_model, int n_columns)
{
  SteerCudaShape shape = { .d_model = d_model, .n_vocab = 67, .rms_norm_eps = (float) EPS };
  gsize n_residual = (gsize) (d_model * n_columns);
  gsize n = (gsize) (shape.n_vocab * n_columns);
  KernelTestMatrix output;
  g_autofree float *norm = kernel_test_random ((gsize) d_model, 1.0);
  g_autofree float *residual = kernel_test_random (n_residual, 1.0);
  g_autofree double *normed = normalise (residual, norm, n_columns, d_model);
  g_autofree double *exact = g_new (double, n);
  g_autofree float *logits = g_new (float, n);
  g_autofree float *after = g_new (float, n_residual);
  SteerCudaToken tokens[STEER_CUDA_MAX_COLUMNS] = { 0 };
  float *device_norm = kernel_test_upload (norm, (gsize) d_model * sizeof (float));
  float *device_in = kernel_test_upload (residual, n_residual * sizeof (float));
  float *device_out = kernel_test_alloc (n_residual * sizeof (float));
  float *device_logits = kernel_test_alloc (n * sizeof (float));
  SteerCudaToken *device_tokens = kernel_test_upload (tokens, sizeof tokens);

  kernel_test_matrix_init (&output, type, shape.n_vocab, d_model, FALSE);
  for (int c = 0; c < n_columns; c++)
    for (int r = 0; r < shape.n_vocab; r++)
      exact[c * shape.n_vocab + r] = kernel_test_matrix_dot (&output, r, normed + c * d_model);
  kernel_test_check (steer_cuda_decode_logits (kernel_test_get_queue (), &shape, 3, &output.matrix, device_norm,
                                               device_tokens, n_columns, device_in, device_out, device_logits));
  kernel_test_download (device_logits, logits, n * sizeof (float));
  kernel_test_download (device_out, after, n_residual * sizeof (float));
  kernel_test_compare ("logits", logits, exact, n, 5 * TOLERANCE);
  g_assert_cmpmem (after, n_residual * sizeof (float), residual, n_residual * sizeof (float));
  kernel_test_matrix_clear (&output);
  cudaFree (device_norm);
  cudaFree (device_in);
  cudaFree (device_out);
  cudaFree (device_logits);
  cudaFree (device_tokens);
}

static void
test_logits (void)
{
  for (guint t = 0; t < KERNEL_TEST_N_TYPES; t++)
    for (int n_columns = 1; n_columns <= STEER_CUDA_MAX_COLUMNS; n_columns++)
      check_logits (kernel_test_types[t], pick_depth (kernel_test_types[t]), n_columns);
}

/* Four columns of such a width do not fit into shared memory together. */
static void
test_logits_wide (void)
{
  check_logits (STEER_CUDA_BF16, 8192, 4);
  check_logits (STEER_CUDA_Q8, 12288, 3);
  check_logits (STEER_CUDA_Q6_K, 8192, 2);
  check_logits (STEER_CUDA_Q6_K, STEER_CUDA_MAX_D_MODEL, 1);
}

typedef struct
{
  SteerCudaShape shape;
  SteerCudaCache cache;
  SteerCudaToken tokens[STEER_CUDA_MAX_COLUMNS];
  int n_columns;
  int half;
  float *turns; /* [n_columns, half, 2] */
  double *normed;
} Qkv;

/* y: [n_heads * head_dim], turned by column c's angles. */
static void
rotate (const Qkv *qkv, int c, int n_heads, double *y)
{
  int n = qkv->shape.head_dim;

  for (int head = 0; head < n_heads; head++)
    for (int i = 0; i < qkv->half; i++)
      {
        double *a = y + head * n + (qkv->shape.rope_interleaved ? 2 * i : i);
        double *b = qkv->shape.rope_interleaved ? a + 1 : a + qkv->half;
        double cosine = (double) qkv->turns[(c * qkv->half + i) * 2];
        double sine = (double) qkv->turns[(c * qkv->half + i) * 2 + 1];
        double turned = *a * cosine - *b * sine;

        *b = *b * cosine + *a * sine;
        *a = turned;
      }
}

static double *
project (const Qkv *qkv, const KernelTestMatrix *w, int c)
{
  double *y = g_new (double, w->matrix.n_rows);

  for (int r = 0; r < w->matrix.n_rows; r++)
    y[r] = kernel_test_matrix_dot (w, r, qkv->normed + c * qkv->shape.d_model);
  return y;
}

/* One column's keys or values in the cache, and nothing else in its plane but poison: @n_written counts. */
static void
check_plane (const Qkv *qkv, const char *what, gconstpointer plane, int c, const double *exact, gsize *n_written)
{
  gsize n = (gsize) (qkv->cache.n_slots * qkv->shape.n_kv_heads * qkv->cache.n_context * qkv->shape.head_dim);
  g_autofree guint16 *stored = g_new (guint16, n);
  g_autofree float *values = g_new (float, n);

  kernel_test_download (plane, stored, n * 2);
  kernel_test_load (qkv->cache.type, stored, n, values);
  for (int head = 0; head < qkv->shape.n_kv_heads; head++)
    {
      int row = (qkv->tokens[c].slot * qkv->shape.n_kv_heads + head) * qkv->cache.n_context + qkv->tokens[c].position;

      kernel_test_compare (what, values + row * qkv->shape.head_dim, exact + head * qkv->shape.head_dim,
                           (gsize) qkv->shape.head_dim, qkv->cache.type == STEER_CUDA_F16 ? 1e-3 : 8e-3);
    }
  *n_written = 0;
  for (gsize i = 0; i < n; i++)
    *n_written += stored[i] != 0xffff;
}

static void
check_qkv (SteerCudaType q_type,
           SteerCudaType v_type,
           SteerCudaType cache_type,
           int head_dim,
           int n_heads,
           int n_kv_heads,
           int n_columns,
           gboolean interleaved,
           gboolean with_bias)
{
  Qkv qkv = {
    .shape = { .d_model = pick_depth (MAX (q_type, v_type)),
               .n_heads = n_heads,
               .n_kv_heads = n_kv_heads,
               .head_dim = head_dim,
               .rope_interleaved = interleaved,
               .rms_norm_eps = (float) EPS },
    .cache = { .type = cache_type, .n_slots = 5, .n_context = 13 },
    .n_columns = n_columns,
    .half = head_dim / 2,
  };
  int d = qkv.shape.d_model;
  int n_query = n_heads * head_dim;
  gsize n_plane = (gsize) (qkv.cache.n_slots * n_kv_heads * qkv.cache.n_context * head_dim);
  KernelTestMatrix q, k, v;
  g_autofree float *norm = kernel_test_random ((gsize) d, 1.0);
  g_autofree float *residual = kernel_test_random ((gsize) (d * n_columns), 1.0);
  g_autofree float *query = g_new (float, n_query *n_columns);
  float *device_norm = kernel_test_upload (norm, (gsize) d * sizeof (float));
  float *device_in = kernel_test_upload (residual, (gsize) (d * n_columns) * sizeof (float));
  float *device_out = kernel_test_alloc ((gsize) (d * n_columns) * sizeof (float));
  float *device_query = kernel_test_alloc ((gsize) (n_query * n_columns) * sizeof (float));
  float *device_turns;
  SteerCudaToken *device_tokens;

  kernel_test_matrix_init (&q, q_type, n_query, d, with_bias);
  kernel_test_matrix_init (&k, q_type, n_kv_heads * head_dim, d, with_bias);
  kernel_test_matrix_init (&v, v_type, n_kv_heads * head_dim, d, with_bias);
  qkv.turns = kernel_test_random ((gsize) (n_columns * head_dim), 1.0);
  device_turns = kernel_test_upload (qkv.turns, (gsize) (n_columns * head_dim) * sizeof (float));
  qkv.cache.keys = kernel_test_alloc (n_plane * 2);
  qkv.cache.values = kernel_test_alloc (n_plane * 2);
  for (int c = 0; c < n_columns; c++)
    qkv.tokens[c] = (SteerCudaToken){ .slot = 4 - c, .position = g_test_rand_int_range (0, 13) };
  device_tokens = kernel_test_upload (qkv.tokens, sizeof qkv.tokens);
  qkv.normed = normalise (residual, norm, n_columns, d);

  kernel_test_check (steer_cuda_decode_qkv (kernel_test_get_queue (), &qkv.shape, 0, &q.matrix, &k.matrix, &v.matrix,
                                            device_norm, device_tokens, n_columns, device_turns, device_in, device_out,
                                            device_query, NULL, &qkv.cache));
  kernel_test_download (device_query, query, (gsize) (n_query * n_columns) * sizeof (float));
  for (int c = 0; c < n_columns; c++)
    {
      g_autofree double *exact_q = project (&qkv, &q, c);
      g_autofree double *exact_k = project (&qkv, &k, c);
      g_autofree double *exact_v = project (&qkv, &v, c);
      gsize n_keys, n_values;

      rotate (&qkv, c, n_heads, exact_q);
      rotate (&qkv, c, n_kv_heads, exact_k);
      kernel_test_compare ("query", query + c * n_query, exact_q, (gsize) n_query, 5 * TOLERANCE);
      check_plane (&qkv, "keys", qkv.cache.keys, c, exact_k, &n_keys);
      check_plane (&qkv, "values", qkv.cache.values, c, exact_v, &n_values);
      g_assert_cmpuint (n_keys, ==, n_columns * n_kv_heads * head_dim);
      g_assert_cmpuint (n_values, ==, n_columns * n_kv_heads * head_dim);
    }
  g_free (qkv.turns);
  g_free (qkv.normed);
  kernel_test_matrix_clear (&q);
  kernel_test_matrix_clear (&k);
  kernel_test_matrix_clear (&v);
  cudaFree (qkv.cache.keys);
  cudaFree (qkv.cache.values);
  cudaFree (device_norm);
  cudaFree (device_in);
  cudaFree (device_out);
  cudaFree (device_query);
  cudaFree (device_turns);
  cudaFree (device_tokens);
}

/* Where a norm of heads comes next: rows as the products give them, and nothing in the cache. */
static void
check_raw_qkv (SteerCudaType q_type, SteerCudaType v_type, int n_columns)
{
  enum
  {
    head_dim = 64,
    n_heads = 4,
    n_kv_heads = 2,
  };
  static const int n_rows[] = { n_heads * head_dim, n_kv_heads * head_dim, n_kv_heads * head_dim };
  const SteerCudaType all_types[] = { q_type, q_type, v_type };
  int d = pick_depth (MAX (q_type, v_type));
  Qkv qkv = {
    .shape
    = { .d_model = d, .n_heads = n_heads, .n_kv_heads = n_kv_heads, .head_dim = head_dim, .rms_norm_eps = (float) EPS },
    .cache = { .type = STEER_CUDA_F16, .n_slots = 1, .n_context = 8 },
  };
  SteerCudaToken tokens[STEER_CUDA_MAX_COLUMNS] = { 0 };
  gsize n_plane = (gsize) n_kv_heads * 8 * head_dim * 2;
  g_autofree guint8 *plane = g_malloc (n_plane);
  g_autofree float *norm = kernel_test_random ((gsize) d, 1.0);
  g_autofree float *residual = kernel_test_random ((gsize) (d * n_columns), 1.0);
  float *device_norm = kernel_test_upload (norm, (gsize) d * sizeof (float));
  float *device_in = kernel_test_upload (residual, (gsize) (d * n_columns) * sizeof (float));
  float *device_out = kernel_test_alloc ((gsize) (d * n_columns) * sizeof (float));
  SteerCudaToken *device_tokens = kernel_test_upload (tokens, sizeof tokens);
  KernelTestMatrix w[3];
  int stride = n_rows[0] + n_rows[1] + n_rows[2];
  g_autofree float *values = g_new (float, stride *n_columns);
  float *rows = kernel_test_alloc ((gsize) (stride * n_columns) * sizeof (float));

  for (guint i = 0; i < 3; i++)
    kernel_test_matrix_init (&w[i], all_types[i], n_rows[i], d, TRUE);
  qkv.cache.keys = kernel_test_alloc (n_plane);
  qkv.cache.values = kernel_test_alloc (n_plane);
  qkv.normed = normalise (residual, norm, n_columns, d);
  kernel_test_check (steer_cuda_decode_qkv (kernel_test_get_queue (), &qkv.shape, 0, &w[0].matrix, &w[1].matrix,
                                            &w[2].matrix, device_norm, device_tokens, n_columns, NULL, device_in,
                                            device_out, NULL, rows, &qkv.cache));
  kernel_test_download (rows, values, (gsize) (stride * n_columns) * sizeof (float));
  for (int c = 0; c < n_columns; c++)
    for (int i = 0, first = 0; i < 3; first += n_rows[i++])
      {
        g_autofree double *exact = project (&qkv, &w[i], c);

        kernel_test_compare ("rows", values + c * stride + first, exact, (gsize) n_rows[i], 5 * TOLERANCE);
      }
  for (guint i = 0; i < 2; i++)
    {
      kernel_test_download (i == 0 ? qkv.cache.keys : qkv.cache.values, plane, n_plane);
      for (gsize j = 0; j < n_plane; j++)
        g_assert_cmpuint (plane[j], ==, 0xff);
    }
  for (guint i = 0; i < 3; i++)
    kernel_test_matrix_clear (&w[i]);
  g_free (qkv.normed);
  cudaFree (rows);
  cudaFree (qkv.cache.keys);
  cudaFree (qkv.cache.values);
  cudaFree (device_norm);
  cudaFree (device_in);
  cudaFree (device_out);
  cudaFree (device_tokens);
}

static void
test_raw_qkv (void)
{
  for (int n_columns = 1; n_columns <= STEER_CUDA_MAX_COLUMNS; n_columns++)
    {
      check_raw_qkv (STEER_CUDA_BF16, STEER_CUDA_BF16, n_columns);
      check_raw_qkv (STEER_CUDA_Q4_K, STEER_CUDA_Q6_K, n_columns);
      check_raw_qkv (STEER_CUDA_Q8, STEER_CUDA_F16, n_columns);
    }
}

static void
test_qkv (void)
{
  for (int interleaved = 0; interleaved < 2; interleaved++)
    for (int n_columns = 1; n_columns <= STEER_CUDA_MAX_COLUMNS; n_columns++)
      {
        check_qkv (STEER_CUDA_BF16, STEER_CUDA_BF16, STEER_CUDA_BF16, 16, 3, 1, n_columns, interleaved, TRUE);
        check_qkv (STEER_CUDA_F16, STEER_CUDA_F16, STEER_CUDA_F16, 24, 4, 2, n_columns, interleaved, FALSE);
        check_qkv (STEER_CUDA_F32, STEER_CUDA_F32, STEER_CUDA_F16, 8, 8, 8, n_columns, interleaved, FALSE);
        check_qkv (STEER_CUDA_Q8, STEER_CUDA_Q8, STEER_CUDA_F16, 64, 2, 1, n_columns, interleaved, TRUE);
        /* The rows of one tile are of several matrices. */
        check_qkv (STEER_CUDA_Q4_K, STEER_CUDA_Q4_K, STEER_CUDA_F16, 24, 3, 1, n_columns, interleaved, TRUE);
      }
}

/* GGUF files store the three in different types. Values of Q6_K beside Q4_K or Q5_K share a launch, unless a tile of
 * rows would be of both. */
static void
test_qkv_of_mixed_types (void)
{
  check_qkv (STEER_CUDA_Q8, STEER_CUDA_F16, STEER_CUDA_F16, 16, 2, 1, 2, FALSE, TRUE);
  check_qkv (STEER_CUDA_BF16, STEER_CUDA_Q8, STEER_CUDA_BF16, 16, 2, 1, 1, TRUE, FALSE);
  check_qkv (STEER_CUDA_Q4_K, STEER_CUDA_Q6_K, STEER_CUDA_F16, 64, 2, 1, 2, TRUE, FALSE);
  check_qkv (STEER_CUDA_Q4_K, STEER_CUDA_Q6_K, STEER_CUDA_F16, 64, 8, 2, 1, FALSE, FALSE);
  check_qkv (STEER_CUDA_Q5_K, STEER_CUDA_Q6_K, STEER_CUDA_BF16, 64, 4, 2, 3, FALSE, TRUE);
  check_qkv (STEER_CUDA_Q4_K, STEER_CUDA_Q6_K, STEER_CUDA_F16, 8, 2, 1, 2, FALSE, FALSE);
}

/* residual: out: [n_columns, n_rows]: what the product with columns @first .. of @x adds to nothing. */
static void
multiply (const KernelTestMatrix *w, const float *device_x, int first, int n_columns, float *out)
{
  gsize n_bytes = (gsize) (w->matrix.n_rows * n_columns) * sizeof (float);
  float *device_out = kernel_test_alloc (n_bytes);

  kernel_test_check (cudaMemset (device_out, 0, n_bytes));
  kernel_test_check (steer_cuda_decode_add (kernel_test_get_queue (), &w->matrix,
                                            device_x + first * w->matrix.n_columns, n_columns, device_out));
  kernel_test_download (device_out, out, n_bytes);
  cudaFree (device_out);
}

/* Every order in which the threads of a block may run gives the same bits. */
static void
test_order_of_threads (void)
{
  enum
  {
    n_rows = 40,
  };

  for (guint t = 0; t < KERNEL_TEST_N_TYPES; t++)
    {
      int depth = kernel_test_fit_columns (kernel_test_types[t], 5000);
      g_autofree float *x = kernel_test_random ((gsize) depth * STEER_CUDA_MAX_COLUMNS, 1.0);
      float *device_x = kernel_test_upload (x, (gsize) depth * STEER_CUDA_MAX_COLUMNS * sizeof (float));
      float first[n_rows * STEER_CUDA_MAX_COLUMNS], other[n_rows * STEER_CUDA_MAX_COLUMNS];
      KernelTestMatrix w;

      kernel_test_matrix_init (&w, kernel_test_types[t], n_rows, depth, FALSE);
      multiply (&w, device_x, 0, STEER_CUDA_MAX_COLUMNS, first);
      for (guint64 seed = 1; seed < 4; seed++)
        {
          steer_shim_set_seed (seed);
          multiply (&w, device_x, 0, STEER_CUDA_MAX_COLUMNS, other);
          g_assert_cmpmem (first, sizeof first, other, sizeof other);
        }
      steer_shim_set_seed ((guint64) g_test_rand_int ());
      kernel_test_matrix_clear (&w);
      cudaFree (device_x);
    }
}

/* A column gets the bits that it gets alone, whatever is computed beside it. */
static void
test_columns (void)
{
  enum
  {
    n_rows = 21,
  };

  for (guint t = 0; t < KERNEL_TEST_N_TYPES; t++)
    for (int n_columns = 2; n_columns <= STEER_CUDA_MAX_COLUMNS; n_columns++)
      {
        /* Also one that is taken in several spans. */
        int depth
          = n_columns == 3 ? kernel_test_fit_columns (kernel_test_types[t], 6112) : pick_depth (kernel_test_types[t]);
        g_autofree float *x = kernel_test_random ((gsize) (depth * n_columns), 1.0);
        float *device_x = kernel_test_upload (x, (gsize) (depth * n_columns) * sizeof (float));
        float together[n_rows * STEER_CUDA_MAX_COLUMNS], alone[n_rows];
        KernelTestMatrix w;

        kernel_test_matrix_init (&w, kernel_test_types[t], n_rows, depth, FALSE);
        multiply (&w, device_x, 0, n_columns, together);
        for (int c = 0; c < n_columns; c++)
          {
            multiply (&w, device_x, c, 1, alone);
            g_assert_cmpmem (alone, sizeof alone, together + c * n_rows, sizeof alone);
          }
        kernel_test_matrix_clear (&w);
        cudaFree (device_x);
      }
}

/* An activation a million times as large as the others, as models have them, costs no more than some roundings of
 * float32 of its product with the row's largest weight. */
static void
test_large_activations (void)
{
  enum
  {
    n_rows = 16,
    large = 77,
  };

  for (guint t = 0; t < KERNEL_TEST_N_TYPES; t++)
    {
      int depth = kernel_test_fit_columns (kernel_test_types[t], 256);
      g_autofree float *x = kernel_test_random ((gsize) depth, 1.0);
      g_autofree double *wide = g_new (double, depth);
      float *device_x;
      float out[n_rows];
      double exact[n_rows], sizes[n_rows];
      KernelTestMatrix w;

      kernel_test_matrix_init (&w, kernel_test_types[t], n_rows, depth, FALSE);
      x[large] *= 1e6f;
      device_x = kernel_test_upload (x, (gsize) depth * sizeof (float));
      widen (x, (gsize) depth, wide);
      for (int r = 0; r < n_rows; r++)
        {
          float largest = 0.0f;

          for (int i = 0; i < depth; i++)
            largest = MAX (largest, fabsf (w.values[r * depth + i]));
          exact[r] = kernel_test_matrix_dot (&w, r, wide);
          sizes[r] = 10.0 + fabs ((double) largest * wide[large]);
        }
      multiply (&w, device_x, 0, 1, out);
      kernel_test_compare_sized ("products", out, exact, sizes, n_rows, TOLERANCE / 5.0);
      kernel_test_matrix_clear (&w);
      cudaFree (device_x);
    }
}

/* Activations of any size are multiplied alike, zeros give zeros, and what is no number is none afterwards. */
static void
test_sizes (void)
{
  enum
  {
    n_rows = 16,
  };
  static const float sizes[] = { 0.0f, 1e-30f, 1e-20f, 1e20f, INFINITY, NAN };

  for (guint t = 0; t < KERNEL_TEST_N_TYPES; t++)
    for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
      {
        int depth = kernel_test_fit_columns (kernel_test_types[t], 256);
        g_autofree float *x = kernel_test_random ((gsize) depth, 1.0);
        float *device_x = kernel_test_upload (x, (gsize) depth * sizeof (float));
        float as_is[n_rows], out[n_rows];
        KernelTestMatrix w;

        kernel_test_matrix_init (&w, kernel_test_types[t], n_rows, depth, FALSE);
        multiply (&w, device_x, 0, 1, as_is);
        cudaFree (device_x);
        for (int k = 0; k < depth; k++)
          x[k] = isfinite (sizes[i]) ? x[k] * sizes[i] : k == 99 ? sizes[i] : x[k];
        device_x = kernel_test_upload (x, (gsize) depth * sizeof (float));
        multiply (&w, device_x, 0, 1, out);
        for (int r = 0; r < n_rows; r++)
          if (isfinite (sizes[i]))
            g_assert_cmpfloat (fabs ((double) out[r] - (double) as_is[r] * (double) sizes[i]), <=,
                               1e-5 * (double) sizes[i]);
          else
            g_assert_false (isfinite (out[r]));
        kernel_test_matrix_clear (&w);
        cudaFree (device_x);
      }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/kernels/decode/add", test_add);
  g_test_add_func ("/kernels/decode/add/deep", test_add_deep);
  g_test_add_func ("/kernels/decode/gate-up", test_gate_up);
  g_test_add_func ("/kernels/decode/logits", test_logits);
  g_test_add_func ("/kernels/decode/logits/wide", test_logits_wide);
  g_test_add_func ("/kernels/decode/qkv", test_qkv);
  g_test_add_func ("/kernels/decode/qkv/mixed-types", test_qkv_of_mixed_types);
  g_test_add_func ("/kernels/decode/qkv/raw", test_raw_qkv);
  g_test_add_func ("/kernels/decode/order-of-threads", test_order_of_threads);
  g_test_add_func ("/kernels/decode/columns", test_columns);
  g_test_add_func ("/kernels/decode/large-activations", test_large_activations);
  g_test_add_func ("/kernels/decode/sizes", test_sizes);
  return g_test_run ();
}
