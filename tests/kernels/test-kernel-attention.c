#include "kernel-test.h"

#include <math.h>
#include <string.h>

#include "steer-shim.h"

/* Attention over the cache, a token at a time and many together, against float64. */

typedef struct
{
  SteerCudaShape shape;
  SteerCudaCache cache;
  gsize n_plane;
  float *keys;   /* [n_slots, n_kv_heads, n_context, head_dim] */
  float *values; /* the same */
} Fixture;

/* Positions n_written[slot] .. n_context - 1 stay poisoned: nothing may read them. */
static float *
fill_plane (Fixture *self, const int *n_written, gpointer *device)
{
  float *plane = kernel_test_random (self->n_plane, 1.0);
  guint16 *stored = kernel_test_store (self->cache.type, plane, self->n_plane);
  gsize i = 0;

  for (int slot = 0; slot < self->cache.n_slots; slot++)
    for (int head = 0; head < self->shape.n_kv_heads; head++)
      for (int position = 0; position < self->cache.n_context; position++)
        for (int element = 0; element < self->shape.head_dim; element++, i++)
          if (position >= n_written[slot])
            stored[i] = 0xffff;
  kernel_test_load (self->cache.type, stored, self->n_plane, plane);
  *device = kernel_test_upload (stored, self->n_plane * 2);
  g_free (stored);
  return plane;
}

static void
fixture_init (Fixture *self,
              SteerCudaType type,
              int head_dim,
              int n_heads,
              int n_kv_heads,
              int n_context,
              int window,
              const int *n_written,
              int n_slots)
{
  self->shape
    = (SteerCudaShape){ .n_heads = n_heads, .n_kv_heads = n_kv_heads, .head_dim = head_dim, .sliding_window = window };
  /* Every other one by chance with a soft limit that scores come near to, and with a scale of their own. */
  if (g_test_rand_bit ())
    {
      self->shape.attention_softcap = (float) g_test_rand_double_range (1.0, 5.0);
      self->shape.query_scalar = (float) g_test_rand_double_range (0.5, 2.0) * (float) head_dim;
    }
  self->cache = (SteerCudaCache){ .type = type, .n_slots = n_slots, .n_context = n_context };
  self->n_plane = (gsize) (n_slots * n_kv_heads * n_context * head_dim);
  self->keys = fill_plane (self, n_written, &self->cache.keys);
  self->values = fill_plane (self, n_written, &self->cache.values);
}

static void
fixture_clear (Fixture *self)
{
  g_free (self->keys);
  g_free (self->values);
  cudaFree (self->cache.keys);
  cudaFree (self->cache.values);
}

/* What a score is multiplied with. */
static double
get_scale (const Fixture *self)
{
  return 1.0 / sqrt (self->shape.query_scalar > 0.0f ? (double) self->shape.query_scalar : self->shape.head_dim);
}

/* query: [head_dim], before scaling; out: [head_dim]. */
static void
attend (const Fixture *self, int slot, int position, int head, const float *query, double *out)
{
  int n = self->shape.head_dim;
  int kv_head = head / (self->shape.n_heads / self->shape.n_kv_heads);
  int window = self->shape.sliding_window;
  int first = window > 0 && position >= window ? position - window + 1 : 0;
  gsize plane = (gsize) ((slot * self->shape.n_kv_heads + kv_head) * self->cache.n_context * n);
  g_autofree double *scores = g_new (double, position + 1);
  double cap = (double) self->shape.attention_softcap;
  double max = -INFINITY;
  double sum = 0.0;

  for (int p = first; p <= position; p++)
    {
      scores[p] = 0.0;
      for (int i = 0; i < n; i++)
        scores[p] += (double) query[i] * (double) self->keys[plane + (gsize) (p * n + i)] * get_scale (self);
      if (cap > 0.0)
        scores[p] = cap * tanh (scores[p] / cap);
      max = MAX (max, scores[p]);
    }
  memset (out, 0, (gsize) n * sizeof (double));
  for (int p = first; p <= position; p++)
    {
      double weight = exp (scores[p] - max);

      sum += weight;
      for (int i = 0; i < n; i++)
        out[i] += weight * (double) self->values[plane + (gsize) (p * n + i)];
    }
  for (int i = 0; i < n; i++)
    out[i] /= sum;
}

/* One token a column, each at its own position of its own slot. The scratch area is shared by two calls. */
static void
check_decode (SteerCudaType type, int head_dim, int n_heads, int n_kv_heads, int window, const int *positions, int n)
{
  Fixture fixture;
  int n_written[STEER_CUDA_MAX_COLUMNS];
  int n_context = 0;
  gsize n_query = (gsize) (n_heads * head_dim);
  g_autofree float *query = kernel_test_random (n_query * (gsize) n, 2.0);
  g_autofree double *exact = g_new (double, n_query *(gsize) n);
  g_autofree float *attended = g_new (float, n_query *(gsize) n);
  SteerCudaToken tokens[STEER_CUDA_MAX_COLUMNS] = { 0 };
  float *device_query, *device_out;
  SteerCudaToken *device_tokens;
  gpointer scratch;
  gsize n_scratch;

  for (int c = 0; c < n; c++)
    {
      tokens[c] = (SteerCudaToken){ .slot = n - 1 - c, .position = positions[c] };
      n_written[n - 1 - c] = positions[c] + 1;
      n_context = MAX (n_context, positions[c] + 3);
    }
  fixture_init (&fixture, type, head_dim, n_heads, n_kv_heads, n_context, window, n_written, n);
  for (int c = 0; c < n; c++)
    for (int head = 0; head < n_heads; head++)
      {
        gsize at = (gsize) c * n_query + (gsize) (head * head_dim);

        attend (&fixture, tokens[c].slot, tokens[c].position, head, query + at, exact + at);
      }
  device_query = kernel_test_upload (query, n_query * (gsize) n * sizeof (float));
  device_out = kernel_test_alloc (n_query * (gsize) n * sizeof (float));
  device_tokens = kernel_test_upload (tokens, sizeof tokens);
  n_scratch = steer_cuda_decode_attention_get_scratch (&fixture.shape, n);
  scratch = kernel_test_alloc (n_scratch);
  kernel_test_check (cudaMemset (scratch, 0, n_scratch));

  kernel_test_check (steer_cuda_decode_attention (kernel_test_get_queue (), &fixture.shape, &fixture.cache,
                                                  device_tokens, 1, device_query, scratch, device_out));
  kernel_test_check (steer_cuda_decode_attention (kernel_test_get_queue (), &fixture.shape, &fixture.cache,
                                                  device_tokens, n, device_query, scratch, device_out));
  kernel_test_download (device_out, attended, n_query * (gsize) n * sizeof (float));
  kernel_test_compare ("attended", attended, exact, n_query * (gsize) n, 1e-5);

  cudaFree (device_query);
  cudaFree (device_out);
  cudaFree (device_tokens);
  cudaFree (scratch);
  fixture_clear (&fixture);
}

static void
test_decode_shapes (void)
{
  static const int head_dims[] = { 8, 16, 24, 64, 80, 96, 128, 256 };
  static const int groups[] = { 1, 2, 3, 4, 7, 8 };

  for (guint i = 0; i < G_N_ELEMENTS (head_dims); i++)
    for (guint j = 0; j < G_N_ELEMENTS (groups); j++)
      {
        int n_kv_heads = g_test_rand_int_range (1, 4);
        int position = g_test_rand_int_range (0, 90);

        check_decode ((i + j) % 2 == 0 ? STEER_CUDA_F16 : STEER_CUDA_BF16, head_dims[i], groups[j] * n_kv_heads,
                      n_kv_heads, 0, &position, 1);
      }
}

/* Around the ends of spans: one span, just two, as many as there can be, and longer ones. A span has as many positions
 * as a block takes at a time, which follows from the heads' width. */
static void
test_decode_lengths (void)
{
  static const struct
  {
    int head_dim;
    int n_span;
  } heads[] = { { 64, 64 }, { 128, 32 }, { 256, 16 } };

  for (guint h = 0; h < G_N_ELEMENTS (heads); h++)
    {
      int n = heads[h].n_span;
      const int positions[] = { 0, 1, n - 2, n - 1, n, 2 * n - 1, 2 * n, 11 * n - 4, 32 * n - 1, 32 * n, 36 * n - 4 };

      for (guint i = 0; i < G_N_ELEMENTS (positions); i++)
        check_decode (STEER_CUDA_F16, heads[h].head_dim, 4, 2, 0, &positions[i], 1);
    }
}

static void
test_decode_columns (void)
{
  static const int positions[] = { 300, 5, 64, 0 };

  for (int n = 1; n <= STEER_CUDA_MAX_COLUMNS; n++)
    check_decode (STEER_CUDA_BF16, 32, 6, 2, 0, positions, n);
}

/* A window shorter than a span, one that begins inside a span, and one that is not full yet. */
static void
test_decode_window (void)
{
  static const int positions[] = { 300, 150, 64, 20 };

  check_decode (STEER_CUDA_F16, 64, 4, 1, 10, positions, 4);
  check_decode (STEER_CUDA_F16, 64, 4, 1, 100, positions, 4);
  check_decode (STEER_CUDA_F16, 64, 4, 1, 1, positions, 4);
}

/* A sequence gets the same bits whatever runs beside it, and in whatever order threads run. */
static void
test_decode_alone_and_beside (void)
{
  enum
  {
    n_query = 4 * 32,
  };
  static const int n_written[] = { 200, 200 };
  Fixture fixture;
  SteerCudaToken tokens[2] = { { .position = 180 }, { .position = 77, .slot = 1 } };
  g_autofree float *query = kernel_test_random (2 * n_query, 2.0);
  float alone[n_query], beside[n_query];
  float *device_query = kernel_test_upload (query, 2 * n_query * sizeof (float));
  float *device_out = kernel_test_alloc (2 * n_query * sizeof (float));
  SteerCudaToken *device_tokens = kernel_test_upload (tokens, sizeof tokens);
  gpointer scratch;
  gsize n_scratch;

  fixture_init (&fixture, STEER_CUDA_F16, 32, 4, 2, 200, 0, n_written, 2);
  n_scratch = steer_cuda_decode_attention_get_scratch (&fixture.shape, 2);
  scratch = kernel_test_alloc (n_scratch);
  kernel_test_check (cudaMemset (scratch, 0, n_scratch));
  for (int n = 1; n <= 2; n++)
    {
      const SteerCudaQueue *queue = kernel_test_get_queue ();

      steer_shim_set_seed ((guint64) n);
      kernel_test_check (steer_cuda_decode_attention (queue, &fixture.shape, &fixture.cache, device_tokens, n,
                                                      device_query, scratch, device_out));
      kernel_test_download (device_out, n == 1 ? alone : beside, sizeof alone);
    }
  steer_shim_set_seed ((guint64) g_test_rand_int ());
  g_assert_cmpmem (alone, sizeof alone, beside, sizeof beside);
  cudaFree (device_query);
  cudaFree (device_out);
  cudaFree (device_tokens);
  cudaFree (scratch);
  fixture_clear (&fixture);
}

/* Tokens position .. position + n_tokens - 1 of slot 1. */
static void
check_prefill (SteerCudaType type,
               SteerCudaType out_type,
               int head_dim,
               int n_heads,
               int n_kv_heads,
               int window,
               int position,
               int n_tokens)
{
  const int n_written[] = { 0, position + n_tokens };
  const double tolerance = type == STEER_CUDA_F16 && out_type != STEER_CUDA_BF16 ? 2e-3 : 1.2e-2;
  Fixture fixture;
  gsize n = (gsize) (n_tokens * n_heads * head_dim);
  float factor;
  g_autofree float *query = kernel_test_random (n, 2.0);
  g_autofree float *scaled = g_new (float, n);
  g_autofree gpointer stored = NULL;
  g_autofree double *exact = g_new (double, n);
  g_autofree gpointer out = g_malloc (n * kernel_test_get_bytes (out_type));
  g_autofree float *attended = g_new (float, n);
  gpointer device_query, device_out;

  fixture_init (&fixture, type, head_dim, n_heads, n_kv_heads, position + n_tokens + 5, window, n_written, 2);
  factor = (float) (1.4426950408889634 * get_scale (&fixture));
  for (gsize i = 0; i < n; i++)
    {
      scaled[i] = kernel_test_round (type, query[i] * factor);
      query[i] = scaled[i] / factor;
    }
  stored = kernel_test_store (type, scaled, n);
  for (int t = 0; t < n_tokens; t++)
    for (int head = 0; head < n_heads; head++)
      {
        gsize at = (gsize) ((t * n_heads + head) * head_dim);

        attend (&fixture, 1, position + t, head, query + at, exact + at);
      }
  device_query = kernel_test_upload (stored, n * 2);
  device_out = kernel_test_alloc (n * kernel_test_get_bytes (out_type));
  kernel_test_check (steer_cuda_attend_rows (kernel_test_get_queue (), &fixture.shape, &fixture.cache, 1, position,
                                             device_query, n_tokens, out_type, device_out));
  kernel_test_download (device_out, out, n * kernel_test_get_bytes (out_type));
  kernel_test_load (out_type, out, n, attended);
  kernel_test_compare ("attended", attended, exact, n, tolerance);
  cudaFree (device_query);
  cudaFree (device_out);
  fixture_clear (&fixture);
}

static void
test_prefill_shapes (void)
{
  static const int head_dims[] = { 8, 16, 24, 64, 80, 128, 256 };

  for (guint i = 0; i < G_N_ELEMENTS (head_dims); i++)
    {
      check_prefill (STEER_CUDA_F16, STEER_CUDA_F16, head_dims[i], 2, 1, 0, 3, 21);
      check_prefill (STEER_CUDA_BF16, STEER_CUDA_BF16, head_dims[i], 3, 3, 0, 0, 17);
      check_prefill (STEER_CUDA_F16, STEER_CUDA_F32, head_dims[i], 1, 1, 0, 40, 2);
    }
}

/* Ends of tiles of tokens and of positions. */
static void
test_prefill_lengths (void)
{
  static const int lengths[] = { 1, 15, 16, 17, 63, 64, 65, 130 };
  static const int positions[] = { 0, 1, 63, 64, 65, 200 };

  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    check_prefill (STEER_CUDA_F16, STEER_CUDA_F32, 16, 2, 1, 0, kernel_test_pick (positions), lengths[i]);
}

static void
test_prefill_window (void)
{
  static const int windows[] = { 1, 5, 64, 100 };

  for (guint i = 0; i < G_N_ELEMENTS (windows); i++)
    check_prefill (STEER_CUDA_BF16, STEER_CUDA_F32, 16, 2, 2, windows[i], 90, 80);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/kernels/attention/decode/shapes", test_decode_shapes);
  g_test_add_func ("/kernels/attention/decode/lengths", test_decode_lengths);
  g_test_add_func ("/kernels/attention/decode/columns", test_decode_columns);
  g_test_add_func ("/kernels/attention/decode/window", test_decode_window);
  g_test_add_func ("/kernels/attention/decode/alone-and-beside", test_decode_alone_and_beside);
  g_test_add_func ("/kernels/attention/prefill/shapes", test_prefill_shapes);
  g_test_add_func ("/kernels/attention/prefill/lengths", test_prefill_lengths);
  g_test_add_func ("/kernels/attention/prefill/window", test_prefill_window);
  return g_test_run ();
}
