#include "cpu/steer-cpu-attention.h"

#include <math.h>
#include <string.h>

#include "cpu-kernel-list.h"
#include "cpu/steer-cpu-work.h"
#include "test-util.h"

/* Attention over caches of each type, against float64 over what the cache's type keeps of keys and values. */

#define N_KV_HEADS 2
#define GROUP 3
#define N_HEADS (N_KV_HEADS * GROUP)
#define N_CONTEXT 1152
#define LAYER 1

typedef struct
{
  SteerCpuContext context;
  SteerModelConfig config;
  float *keys;   /* [N_CONTEXT, N_KV_HEADS, head_dim], as the cache's type keeps them */
  float *values; /* the same */
} Fixture;

/* x, as a group of 32 with a scale of F16 and 8 bits an element keeps it. */
static void
round_to_bytes (float *x, guint n)
{
  for (guint first = 0; first < n; first += 32)
    {
      guint end = MIN (first + 32, n);
      float largest = 0.0f, scale;

      for (guint i = first; i < end; i++)
        largest = MAX (largest, fabsf (x[i]));
      scale = steer_f16_to_f32 (steer_f32_to_f16 (largest / 127.0f));
      for (guint i = first; i < end; i++)
        x[i] = scale * (float) CLAMP (lrint ((double) (x[i] * (1.0f / scale))), -127, 127);
    }
}

static void
round_to (SteerDtype dtype, float *x, guint n)
{
  if (dtype == STEER_DTYPE_Q8_0)
    round_to_bytes (x, n);
  else if (dtype == STEER_DTYPE_F16)
    for (guint i = 0; i < n; i++)
      x[i] = steer_f16_to_f32 (steer_f32_to_f16 (x[i]));
}

/* @n_written positions are written; the rest of the cache holds what no number should meet. */
static void
fixture_init (Fixture *self,
              const SteerCpuKernels *kernels,
              SteerDtype dtype,
              guint head_dim,
              guint n_written,
              guint n_threads)
{
  const gsize n = (gsize) N_CONTEXT * N_KV_HEADS * head_dim;

  memset (self, 0, sizeof *self);
  self->config = (SteerModelConfig){ .n_layers = 2,
                                     .d_model = 64,
                                     .n_heads = N_HEADS,
                                     .n_kv_heads = N_KV_HEADS,
                                     .head_dim = head_dim,
                                     .d_ff = 64,
                                     .n_vocab = 8 };
  self->context.kernels = kernels;
  self->context.config = &self->config;
  self->context.pool = steer_thread_pool_new (n_threads);
  g_assert_true (steer_cpu_work_measure (&self->context.work, &self->config, STEER_CPU_CHUNK, N_CONTEXT, n_threads));
  g_assert_true (steer_cpu_work_allocate (&self->context.work, &self->config, N_CONTEXT, n_threads));
  g_assert_true (steer_cpu_cache_measure (&self->context.cache, dtype, 2, 1, N_CONTEXT, N_KV_HEADS, head_dim));
  g_assert_true (steer_cpu_cache_allocate (&self->context.cache));
  memset (self->context.cache.data, 0xff, self->context.cache.n_bytes);
  self->keys = g_new (float, n);
  self->values = g_new (float, n);
  test_fill_random (self->keys, n, 1.0);
  test_fill_random (self->values, n, 1.0);
  for (gsize i = 0; i < n; i++)
    {
      float size = 1.0f / (float) (1 + i / head_dim * 7 % 5);

      self->keys[i] *= size;
      self->values[i] *= size;
    }
  for (guint position = 0; position < n_written; position++)
    for (guint head = 0; head < N_KV_HEADS; head++)
      {
        float *key = self->keys + ((gsize) position * N_KV_HEADS + head) * head_dim;
        float *value = self->values + ((gsize) position * N_KV_HEADS + head) * head_dim;

        steer_cpu_cache_write (&self->context.cache, kernels, LAYER, 0, position, head, key, value);
        round_to (dtype, key, head_dim);
        round_to (dtype, value, head_dim);
      }
}

static void
fixture_clear (Fixture *self)
{
  steer_thread_pool_free (self->context.pool);
  steer_cpu_work_clear (&self->context.work);
  steer_cpu_cache_clear (&self->context.cache);
  steer_cpu_attention_clear (&self->context);
  g_free (self->keys);
  g_free (self->values);
}

/* query: [n_tokens, N_HEADS, head_dim]. The result, of the same shape, is the caller's. */
static float *
attend (Fixture *self, const float *query, guint position, guint n_tokens)
{
  SteerCpuWork *work = &self->context.work;
  gsize n = (gsize) N_HEADS * self->config.head_dim;
  float *out = g_new (float, n_tokens *n);
  SteerRun run = { .position = position, .n_tokens = n_tokens };
  SteerCpuStep step = {
    .segments = { { &run, 0, n_tokens, 0 } },
    .n_segments = 1,
    .n_tokens = n_tokens,
    .short_run = n_tokens <= STEER_CPU_SHORT_RUN,
  };

  for (guint t = 0; t < n_tokens; t++)
    memcpy (work->query + t * work->query_stride, query + t * n, n * sizeof (float));
  steer_cpu_attention_plan (&self->context, &step);
  steer_cpu_attention_run (&self->context, &step, LAYER);
  for (guint t = 0; t < n_tokens; t++)
    memcpy (out + t * n, work->attended + t * work->query_stride, n * sizeof (float));
  return out;
}

/* One head of one token. The query is multiplied with a cache of bytes as words, which turns a score by @slack at
 * most. */
static void
attend_in_double (const Fixture *self, const float *query, guint head, guint position, double *out, double *slack)
{
  const guint n = self->config.head_dim;
  const double scalar = self->config.query_scalar > 0.0 ? self->config.query_scalar : (double) n;
  const double cap = self->config.attention_softcap;
  const guint window = steer_model_config_is_local_layer (&self->config, LAYER) ? self->config.sliding_window : 0;
  const guint first = window > 0 && position >= window ? position - window + 1 : 0;
  g_autofree double *scores = g_new (double, position + 1);
  double max = -INFINITY, sum = 0.0;

  *slack = 0.0;
  for (guint p = first; p <= position; p++)
    {
      const float *key = self->keys + ((gsize) p * N_KV_HEADS + head / GROUP) * n;
      double magnitude = 0.0;

      scores[p] = 0.0;
      for (guint i = 0; i < n; i++)
        {
          scores[p] += (double) query[i] * (double) key[i];
          magnitude += fabs ((double) key[i]);
        }
      scores[p] /= sqrt (scalar);
      *slack = MAX (*slack, magnitude / sqrt (scalar));
      if (cap > 0.0)
        scores[p] = cap * tanh (scores[p] / cap);
      max = MAX (max, scores[p]);
    }
  memset (out, 0, n * sizeof (double));
  for (guint p = first; p <= position; p++)
    {
      const float *value = self->values + ((gsize) p * N_KV_HEADS + head / GROUP) * n;
      double weight = exp (scores[p] - max);

      sum += weight;
      for (guint i = 0; i < n; i++)
        out[i] += weight * (double) value[i];
    }
  for (guint i = 0; i < n; i++)
    out[i] /= sum;
}

/* What some models do beside: a limit of the scores, another factor, a window, and layers without it. */
typedef struct
{
  double query_scalar;
  double softcap;
  guint window;
  guint full_period;
} Extras;

static void
check_attention (const SteerCpuKernels *kernels,
                 const Extras *extras,
                 SteerDtype dtype,
                 guint head_dim,
                 guint position,
                 guint n_tokens,
                 double size)
{
  const gsize n = (gsize) N_HEADS * head_dim;
  g_autofree float *query = g_new (float, n_tokens *n);
  g_autofree float *out = NULL;
  g_autofree double *expected = g_new (double, head_dim);
  Fixture fixture;

  fixture_init (&fixture, kernels, dtype, head_dim, position + n_tokens, 1);
  fixture.config.query_scalar = extras->query_scalar;
  fixture.config.attention_softcap = extras->softcap;
  fixture.config.sliding_window = extras->window;
  fixture.config.full_period = extras->full_period;
  test_fill_random (query, n_tokens * n, size);
  out = attend (&fixture, query, position, n_tokens);
  for (guint t = 0; t < n_tokens; t += MAX (n_tokens / 3, 1))
    for (guint head = 0; head < N_HEADS; head++)
      {
        const gsize at = t * n + (gsize) head * head_dim;
        double slack;

        attend_in_double (&fixture, query + at, head, position + t, expected, &slack);
        /* Values are below 1. A word is off by half of 1/32767 of the largest; by chance, not all to one side. */
        slack = dtype == STEER_DTYPE_Q8_0 ? slack * size / 32767 + 1.0 / 32767 : 0.0;
        for (guint i = 0; i < head_dim; i++)
          g_assert_cmpfloat (fabs ((double) out[at + i] - expected[i]), <=, 5e-6 * MAX (size, 1.0) + slack);
      }
  fixture_clear (&fixture);
}

static void
test_against_float64 (gconstpointer data)
{
  const SteerCpuKernels *kernels = data;
  static const SteerDtype dtypes[] = { STEER_DTYPE_F32, STEER_DTYPE_F16, STEER_DTYPE_Q8_0 };
  static const guint head_dims[] = { 64, 80, 8 };
  static const Extras none = { 0 };

  for (guint d = 0; d < G_N_ELEMENTS (dtypes); d++)
    for (guint h = 0; h < G_N_ELEMENTS (head_dims); h++)
      {
        check_attention (kernels, &none, dtypes[d], head_dims[h], 0, 1, 1.0);
        check_attention (kernels, &none, dtypes[d], head_dims[h], 64, 1, 4.0);
        check_attention (kernels, &none, dtypes[d], head_dims[h], 700 + h, 2, 30.0);
        check_attention (kernels, &none, dtypes[d], head_dims[h], 3, 45, 4.0);
      }
}

static void
test_extras (gconstpointer data)
{
  const SteerCpuKernels *kernels = data;
  static const SteerDtype dtypes[] = { STEER_DTYPE_F32, STEER_DTYPE_F16, STEER_DTYPE_Q8_0 };
  static const Extras extras[] = {
    { 144.0, 5.0, 0, 0 },
    { 0.0, 2.0, 70, 0 },
    { 20.0, 3.0, 70, 3 }, /* the second layer is with the window, and without it here: */
    { 20.0, 3.0, 70, 2 },
  };

  for (guint d = 0; d < G_N_ELEMENTS (dtypes); d++)
    for (guint e = 0; e < G_N_ELEMENTS (extras); e++)
      {
        check_attention (kernels, &extras[e], dtypes[d], 64, 700, 2, 4.0);
        check_attention (kernels, &extras[e], dtypes[d], 80, 30, 45, 4.0);
      }
}

/* One token decoded, a few, and many read as a prompt. */
static void
test_same_bits (gconstpointer data)
{
  const SteerCpuKernels *kernels = data;
  static const SteerDtype dtypes[] = { STEER_DTYPE_F32, STEER_DTYPE_F16, STEER_DTYPE_Q8_0 };
  const guint head_dim = 64, position = 600, n_tokens = 20;
  const gsize n = (gsize) N_HEADS * head_dim;

  for (guint d = 0; d < G_N_ELEMENTS (dtypes); d++)
    {
      g_autofree float *query = g_new (float, n_tokens *n);
      g_autofree float *together = NULL;
      Fixture fixture;

      fixture_init (&fixture, kernels, dtypes[d], head_dim, position + n_tokens, 3);
      test_fill_random (query, n_tokens * n, 3.0);
      together = attend (&fixture, query, position, n_tokens);
      for (guint t = 0; t < n_tokens; t += 3)
        {
          guint count = MIN (t % 4 + 1, n_tokens - t);
          g_autofree float *alone = attend (&fixture, query + t * n, position + t, count);

          g_assert_cmpmem (alone, count * n * sizeof (float), together + t * n, count * n * sizeof (float));
        }
      fixture_clear (&fixture);
    }
}

int
main (int argc, char *argv[])
{
  const SteerCpuKernels *tables[CPU_KERNEL_LIST_MAX];
  const char *names[CPU_KERNEL_LIST_MAX];
  guint n;

  g_test_init (&argc, &argv, NULL);
  n = cpu_kernel_list (tables, names);
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *exact
        = g_strdup_printf ("/cpu/attention/%s/what the cache keeps is attended to as in float64", names[i]);
      g_autofree char *extras
        = g_strdup_printf ("/cpu/attention/%s/a limit, a factor and a window count as in float64", names[i]);
      g_autofree char *same
        = g_strdup_printf ("/cpu/attention/%s/a token gets the bits it gets among others", names[i]);

      g_test_add_data_func (exact, tables[i], test_against_float64);
      g_test_add_data_func (extras, tables[i], test_extras);
      g_test_add_data_func (same, tables[i], test_same_bits);
    }
  return g_test_run ();
}
