#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/steer-cpu-attention.h"
#include "cpu/steer-cpu-product.h"
#include "cpu/steer-cpu-work.h"
#include "cpu/steer-cpu.h"

/* Measures the CPU backend's products and attention against what the machine gives: read bandwidth for decoding,
 * floating-point rate for prompts. Each figure is the median of several runs, after one that warms up.
 *
 *   bench-cpu [THREADS [ROWS COLUMNS [TYPE...]]]
 *
 * ROWS and COLUMNS must be multiples of 16 and 256. TYPE is a type of weights, or "attention"; without one all are
 * measured.
 */

#define N_RUNS 9
#define N_HEADS 32
#define N_KV_HEADS 8
#define HEAD_DIM 128
#define N_POSITIONS 8192

/* Weights, and keys and values, rotate through more than a cache holds, as the layers of a model do. */
#define WEIGHT_BYTES ((gsize) 700 << 20)

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  double difference = *(const double *) a - *(const double *) b;

  return difference < 0.0 ? -1 : difference > 0.0;
}

/* Seconds of one call. */
static double
measure (void (*func) (gpointer data), gpointer data)
{
  double seconds[N_RUNS];

  func (data);
  for (guint i = 0; i < N_RUNS; i++)
    {
      gint64 start = g_get_monotonic_time ();

      func (data);
      seconds[i] = (double) (g_get_monotonic_time () - start) / G_USEC_PER_SEC;
    }
  qsort (seconds, N_RUNS, sizeof *seconds, compare_doubles);
  return seconds[N_RUNS / 2];
}

/* A context as far as products and attention use it, without a model. */
static void
context_init (SteerCpuContext *self, const SteerCpuKernels *kernels, SteerModelConfig *config, guint n_threads)
{
  memset (self, 0, sizeof *self);
  self->kernels = kernels;
  self->config = config;
  self->pool = steer_thread_pool_new (n_threads);
  n_threads = steer_thread_pool_get_n_threads (self->pool);
  if (!steer_cpu_work_measure (&self->work, config, STEER_CPU_CHUNK, N_POSITIONS, n_threads)
      || !steer_cpu_work_allocate (&self->work, config, N_POSITIONS, n_threads))
    g_error ("no memory");
}

static void
context_clear (SteerCpuContext *self)
{
  steer_thread_pool_free (self->pool);
  steer_cpu_work_clear (&self->work);
  steer_cpu_cache_clear (&self->cache);
  steer_cpu_attention_clear (self);
}

static void
fill (float *values, gsize n, GRand *rand)
{
  for (gsize i = 0; i < n; i++)
    values[i] = (float) g_rand_double_range (rand, -1.0, 1.0);
}

typedef struct
{
  SteerCpuContext *context;
  SteerCpuMatrix *matrices; /* [n_matrices] */
  guint n_matrices;
  guint next;
  guint n_tokens;
  gboolean short_run;
  const float *x; /* [n_tokens, columns] */
  float *out;     /* [n_tokens, rows] */
} Product;

static void
multiply (gpointer data)
{
  Product *self = data;
  const SteerCpuMatrix *matrix = &self->matrices[self->next++ % self->n_matrices];
  const SteerCpuProduct product = { matrix, NULL, self->out, matrix->n_rows };

  steer_cpu_multiply (self->context, self->x, matrix->n_columns, self->n_tokens, self->short_run, STEER_CPU_STORE,
                      &product, 1);
}

static guint8 *
make_weights (SteerDtype dtype, gsize n_bytes, GRand *rand)
{
  gsize size = steer_dtype_get_block_bytes (dtype);
  guint8 *weights = g_malloc (n_bytes);
  const gsize pattern = 65536;

  /* Random numbers of the type; a repeated stretch of them is as good for measuring and quick to make. */
  for (gsize i = 0; i < MIN (pattern, n_bytes / size); i++)
    {
      float value = (float) g_rand_double_range (rand, -1.0, 1.0);
      guint16 half = dtype == STEER_DTYPE_F16 ? steer_f32_to_f16 (value) : steer_f32_to_bf16 (value);

      memcpy (weights + i * size, dtype == STEER_DTYPE_F32 ? (gconstpointer) &value : (gconstpointer) &half, size);
    }
  for (gsize i = pattern * size; i < n_bytes; i += pattern * size)
    memcpy (weights + i, weights, MIN (pattern * size, n_bytes - i));
  return weights;
}

/* Panels of random codes under scales that are ordinary numbers; one panel is as good for measuring as many. */
static guint8 *
make_panels (SteerDtype dtype, guint panel_rows, gsize columns, gsize n_panels, GRand *rand)
{
  gsize n_blocks = columns / steer_dtype_get_block_elements (dtype);
  gsize block_bytes = steer_dtype_get_block_bytes (dtype);
  gsize panel_bytes = steer_cpu_packed_get_panel_bytes (dtype, panel_rows, columns);
  g_autofree guint8 *rows = g_malloc (panel_rows * n_blocks * block_bytes);
  guint8 *panels = g_malloc (n_panels * panel_bytes);
  const guint16 half = steer_f32_to_f16 (0.001f);

  for (gsize i = 0; i < panel_rows * n_blocks * block_bytes; i++)
    rows[i] = (guint8) g_rand_int_range (rand, 0, 256);
  for (gsize i = 0; i < panel_rows * n_blocks; i++)
    {
      memcpy (rows + i * block_bytes + (dtype == STEER_DTYPE_Q6_K ? 208 : 0), &half, sizeof half);
      if (dtype == STEER_DTYPE_Q4_K || dtype == STEER_DTYPE_Q5_K)
        memcpy (rows + i * block_bytes + 2, &half, sizeof half);
    }
  steer_cpu_pack_panel (dtype, rows, n_blocks * block_bytes, panel_rows, columns, panel_rows, panels);
  for (gsize p = 1; p < n_panels; p++)
    memcpy (panels + p * panel_bytes, panels, panel_bytes);
  return panels;
}

static void
bench_products (SteerCpuContext *context, SteerDtype dtype, gsize rows, gsize columns, double bandwidth, GRand *rand)
{
  static const guint tokens[] = { 1, 2, 4, 8, 32, 256 };
  gboolean quantised = steer_dtype_is_quantized (dtype);
  guint panel_rows = context->kernels->panel_rows;
  gsize panel_bytes = quantised ? steer_cpu_packed_get_panel_bytes (dtype, panel_rows, columns) : 0;
  gsize row_bytes = quantised ? panel_bytes / panel_rows : columns * steer_dtype_get_block_bytes (dtype);
  guint n_matrices = (guint) MAX (WEIGHT_BYTES / (rows * row_bytes), 1);
  g_autofree guint8 *weights = quantised
                                 ? make_panels (dtype, panel_rows, columns, n_matrices * rows / panel_rows, rand)
                                 : make_weights (dtype, n_matrices * rows * row_bytes, rand);
  g_autofree SteerCpuMatrix *matrices = g_new0 (SteerCpuMatrix, n_matrices);
  g_autofree float *x = g_new (float, STEER_CPU_CHUNK *columns);
  g_autofree float *out = g_new (float, STEER_CPU_CHUNK *rows);

  fill (x, STEER_CPU_CHUNK * columns, rand);
  for (guint i = 0; i < n_matrices; i++)
    matrices[i] = (SteerCpuMatrix){
      .dtype = dtype,
      .kernels = quantised ? NULL : &context->kernels->weights[dtype],
      .quant = quantised ? &context->kernels->quant[dtype] : NULL,
      .data = weights + i * rows * row_bytes,
      .n_rows = rows,
      .n_columns = columns,
      .row_bytes = row_bytes,
      .panel_bytes = panel_bytes,
    };
  for (guint i = 0; i < G_N_ELEMENTS (tokens); i++)
    {
      Product product = { context, matrices, n_matrices, 0, tokens[i], tokens[i] <= STEER_CPU_SHORT_RUN, x, out };
      double seconds = measure (multiply, &product);
      double n_bytes = (double) (rows * row_bytes);

      printf ("  %-5s %4u %s %8.2f ms  %6.1f GB/s  %5.1f %%  %7.1f GFLOP/s\n", steer_dtype_get_name (dtype), tokens[i],
              tokens[i] == 1 ? "token " : "tokens", seconds * 1e3, n_bytes / seconds / 1e9,
              n_bytes / seconds / bandwidth * 100.0, 2.0 * (double) (rows * columns) * tokens[i] / seconds / 1e9);
    }
}

typedef struct
{
  SteerCpuContext *context;
  SteerCpuStep step;
} Attention;

static void
attend (gpointer data)
{
  Attention *self = data;

  for (guint layer = 0; layer < self->context->cache.n_layers; layer++)
    steer_cpu_attention_run (self->context, &self->step, layer);
}

static void
bench_attention (SteerCpuContext *context, SteerDtype dtype, guint n_tokens, double bandwidth, GRand *rand)
{
  guint n_layers;
  SteerRun run = { .position = N_POSITIONS - n_tokens, .n_tokens = n_tokens };
  Attention attention = { .context = context };
  g_autofree float *vector = g_new (float, HEAD_DIM);
  double seconds, n_bytes;

  /* As many bytes as weights, which is more than a cache holds; a prompt's time is not that of reading them. */
  if (!steer_cpu_cache_measure (&context->cache, dtype, 1, 1, N_POSITIONS, N_KV_HEADS, HEAD_DIM))
    g_error ("too large");
  n_layers = n_tokens == 1 ? (guint) (WEIGHT_BYTES / context->cache.n_bytes) : 4;
  if (!steer_cpu_cache_measure (&context->cache, dtype, n_layers, 1, N_POSITIONS, N_KV_HEADS, HEAD_DIM)
      || !steer_cpu_cache_allocate (&context->cache))
    g_error ("no memory");
  fill (vector, HEAD_DIM, rand);
  for (guint layer = 0; layer < n_layers; layer++)
    for (guint position = 0; position < N_POSITIONS; position++)
      for (guint head = 0; head < N_KV_HEADS; head++)
        {
          vector[position % HEAD_DIM] += 0.01f;
          steer_cpu_cache_write (&context->cache, context->kernels, layer, 0, position, head, vector, vector);
        }
  fill (context->work.query, n_tokens * context->work.query_stride, rand);
  attention.step.segments[0] = (SteerCpuSegment){ &run, 0, n_tokens, 0 };
  attention.step.n_segments = 1;
  attention.step.n_tokens = n_tokens;
  attention.step.short_run = n_tokens <= STEER_CPU_SHORT_RUN;
  steer_cpu_attention_plan (context, &attention.step);
  seconds = measure (attend, &attention) / n_layers;
  n_bytes = (double) context->cache.n_bytes / n_layers;
  printf ("  %-5s %4u %s %8.2f ms  %6.1f GB/s  %5.1f %%  %7.1f GFLOP/s\n", steer_dtype_get_name (dtype), n_tokens,
          n_tokens == 1 ? "token " : "tokens", seconds * 1e3, n_bytes / seconds / 1e9,
          n_bytes / seconds / bandwidth * 100.0,
          4.0 * N_HEADS * HEAD_DIM * (double) N_POSITIONS * n_tokens / seconds / 1e9);
  steer_cpu_cache_clear (&context->cache);
}

static void
bench_attentions (SteerCpuContext *context, double bandwidth, GRand *rand)
{
  static const SteerDtype dtypes[] = { STEER_DTYPE_F16, STEER_DTYPE_F32, STEER_DTYPE_Q8_0 };

  printf ("attention, %d positions, %d heads of %d, %d key/value heads\n", N_POSITIONS, N_HEADS, HEAD_DIM, N_KV_HEADS);
  for (guint i = 0; i < G_N_ELEMENTS (dtypes); i++)
    {
      bench_attention (context, dtypes[i], 1, bandwidth, rand);
      bench_attention (context, dtypes[i], 256, bandwidth, rand);
    }
}

static gboolean
is_wanted (const char *name, int argc, char *argv[])
{
  gboolean found = argc <= 4;

  for (int i = 4; i < argc; i++)
    found |= g_ascii_strcasecmp (argv[i], name) == 0;
  return found;
}

int
main (int argc, char *argv[])
{
  static const SteerDtype dtypes[] = {
    STEER_DTYPE_BF16, STEER_DTYPE_F16,  STEER_DTYPE_F32,  STEER_DTYPE_Q8_0,
    STEER_DTYPE_Q4_0, STEER_DTYPE_Q4_K, STEER_DTYPE_Q5_K, STEER_DTYPE_Q6_K,
  };
  guint n_threads = argc > 1 ? (guint) strtoul (argv[1], NULL, 10) : 0;
  gsize rows = argc > 3 ? strtoul (argv[2], NULL, 10) : 14336;
  gsize columns = argc > 3 ? strtoul (argv[3], NULL, 10) : 4096;
  SteerModelConfig config = { .n_layers = 1,
                              .d_model = (guint) columns,
                              .n_heads = N_HEADS,
                              .n_kv_heads = N_KV_HEADS,
                              .head_dim = HEAD_DIM,
                              .d_ff = (guint) rows,
                              .n_vocab = 32 };
  g_autoptr (GError) error = NULL;
  const SteerCpuKernels *kernels = steer_cpu_kernels_choose (&error);
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  g_autofree char *name = NULL;
  SteerCpuContext context;
  double bandwidth;

  if (kernels == NULL)
    {
      fprintf (stderr, "%s\n", error->message);
      return 1;
    }
  name = steer_cpu_context_dup_device_name (kernels);
  bandwidth = steer_cpu_measure_bandwidth (n_threads);
  context_init (&context, kernels, &config, n_threads);
  printf ("%s; %u threads\nread bandwidth %.1f GB/s\n", name, steer_thread_pool_get_n_threads (context.pool),
          bandwidth / 1e9);
  printf ("product, weights [%" G_GSIZE_FORMAT ", %" G_GSIZE_FORMAT "]\n", rows, columns);
  for (guint i = 0; i < G_N_ELEMENTS (dtypes); i++)
    if (is_wanted (steer_dtype_get_name (dtypes[i]), argc, argv))
      bench_products (&context, dtypes[i], rows, columns, bandwidth, rand);
  if (is_wanted ("attention", argc, argv))
    bench_attentions (&context, bandwidth, rand);
  context_clear (&context);
  return 0;
}
