#include "kernel-test.h"

#include "ptx-traffic.h"

#include <cstdio>
#include <cstring>

/* How near to the least it comes what the kernels ask of memory: all that can be told of their speed without a GPU.
 * With --table: every place of the source. */

static gboolean with_table;

#define DEPTH 4096
#define N_ROWS 48 /* a tile of gate and up for each of two blocks of three multiprocessors */

/* A GPU as small as these products, so that staging the columns weighs as little as it does on a large one. */
static const SteerCudaQueue *
get_queue ()
{
  static SteerCudaQueue queue;

  queue = *kernel_test_get_queue ();
  queue.n_processors = 3;
  return &queue;
}

/* All kernels of the last call, by kind of memory. */
static void
assert_traffic (const char *what, double most_sectors, double most_passes)
{
  guint64 n_passes[2] = { 0, 0 }, n_least[2] = { 0, 0 };
  const double most[2] = { most_sectors, most_passes };
  const char *const names[2] = { "sectors of device memory", "passes over shared memory" };

  for (const PtxTraffic &traffic : ptx_traffic_get ())
    {
      n_passes[traffic.shared] += traffic.n_passes;
      n_least[traffic.shared] += traffic.n_least;
      if (with_table)
        std::printf (
          "# %-22s %-30s %s %-6s %2u %9" G_GUINT64_FORMAT " %10" G_GUINT64_FORMAT " %10" G_GUINT64_FORMAT " %6.2f\n",
          what, traffic.place.c_str (), traffic.writes ? "writes" : "reads ", traffic.shared ? "shared" : "device",
          traffic.n_bytes, (guint64) traffic.n_requests, (guint64) traffic.n_passes, (guint64) traffic.n_least,
          (double) traffic.n_passes / (double) traffic.n_least);
    }
  for (int shared = 0; shared < 2; shared++)
    {
      g_test_message ("%s: %" G_GUINT64_FORMAT " %s, at least %" G_GUINT64_FORMAT, what, n_passes[shared],
                      names[shared], n_least[shared]);
      g_assert_cmpuint (n_least[shared], >, 0);
      if (n_passes[shared] > most[shared] * n_least[shared])
        g_error ("%s: %.2f times as many %s as there need be", what, (double) n_passes[shared] / n_least[shared],
                 names[shared]);
    }
}

/* Gate and up, with a norm before them, of one and of two columns. */
static void
test_products (gconstpointer data)
{
  static const char *const names[]
    = { "f32", "f16", "bf16", "q8", "q8_1", "q4_0", "iq4_nl", "q2_k", "q3_k", "q4_k", "q5_k", "q6_k", "iq4_xs" };
  SteerCudaType type = (SteerCudaType) GPOINTER_TO_INT (data);
  g_autofree float *x = kernel_test_random (2 * DEPTH, 1.0);
  float *residual = (float *) kernel_test_upload (x, 2 * DEPTH * sizeof (float));
  float *norm = (float *) kernel_test_upload (x, DEPTH * sizeof (float));
  float *hidden = (float *) kernel_test_alloc (2 * N_ROWS * sizeof (float));
  SteerCudaShape shape = {};
  KernelTestMatrix gate, up;

  shape.d_model = DEPTH;
  shape.d_ff = N_ROWS;
  shape.rms_norm_eps = 1e-5f;
  kernel_test_matrix_init (&gate, type, N_ROWS, DEPTH, FALSE);
  kernel_test_matrix_init (&up, type, N_ROWS, DEPTH, FALSE);
  for (int n_columns = 1; n_columns <= 2; n_columns++)
    {
      g_autofree char *what = g_strdup_printf ("%s, %d columns", names[type], n_columns);

      ptx_traffic_count (true);
      kernel_test_check (
        steer_cuda_decode_gate_up (get_queue (), &shape, &gate.matrix, &up.matrix, norm, residual, n_columns, hidden));
      /* A unit's scales lie apart; where they or its quants are few, this counts for more. */
      assert_traffic (what, type == STEER_CUDA_Q2_K || type == STEER_CUDA_IQ4_XS ? 1.35 : 1.25, 1.45);
    }
  ptx_traffic_count (false);
  kernel_test_matrix_clear (&gate);
  kernel_test_matrix_clear (&up);
  cudaFree (residual);
  cudaFree (norm);
  cudaFree (hidden);
}

typedef struct
{
  SteerCudaShape shape;
  SteerCudaCache cache;
  float *query;
  void *device_query;
  void *out;
} Attention;

#define N_CONTEXT 300

static void
attention_init (Attention *self, int head_dim)
{
  gsize n_cached = (gsize) (2 * N_CONTEXT * head_dim);
  gsize n_query = (gsize) (8 * N_CONTEXT * head_dim);
  g_autofree float *numbers = kernel_test_random (n_cached, 1.0);
  g_autofree void *stored = kernel_test_store (STEER_CUDA_BF16, numbers, n_cached);

  *self = {};
  self->shape.n_heads = 8;
  self->shape.n_kv_heads = 2;
  self->shape.head_dim = head_dim;
  self->cache.type = STEER_CUDA_BF16;
  self->cache.n_slots = 1;
  self->cache.n_context = N_CONTEXT;
  self->cache.keys = kernel_test_upload (stored, n_cached * 2);
  self->cache.values = kernel_test_upload (stored, n_cached * 2);
  self->query = kernel_test_random (n_query, 1.0);
  self->out = kernel_test_alloc (n_query * sizeof (float));
}

static void
attention_clear (Attention *self)
{
  cudaFree (self->cache.keys);
  cudaFree (self->cache.values);
  cudaFree (self->device_query);
  cudaFree (self->out);
  g_free (self->query);
}

static void
test_attention_of_one (gconstpointer data)
{
  int head_dim = GPOINTER_TO_INT (data);
  SteerCudaToken token = {};
  SteerCudaToken *device_token;
  Attention attention;
  void *scratch;
  gsize n_scratch;

  attention_init (&attention, head_dim);
  attention.device_query = kernel_test_upload (attention.query, (gsize) (8 * head_dim) * sizeof (float));
  token.position = N_CONTEXT - 1;
  device_token = (SteerCudaToken *) kernel_test_upload (&token, sizeof token);
  n_scratch = steer_cuda_decode_attention_get_scratch (&attention.shape, 1);
  scratch = kernel_test_alloc (n_scratch);
  kernel_test_check (cudaMemset (scratch, 0, n_scratch));
  ptx_traffic_count (true);
  kernel_test_check (steer_cuda_decode_attention (get_queue (), &attention.shape, &attention.cache, device_token, 1,
                                                  (const float *) attention.device_query, scratch,
                                                  (float *) attention.out));
  assert_traffic ("attention of a token", 1.5, 1.7);
  ptx_traffic_count (false);
  cudaFree (device_token);
  cudaFree (scratch);
  attention_clear (&attention);
}

static void
test_attention_of_many (gconstpointer data)
{
  int head_dim = GPOINTER_TO_INT (data);
  const int n_tokens = 100;
  Attention attention;
  g_autofree void *stored = NULL;

  attention_init (&attention, head_dim);
  stored = kernel_test_store (STEER_CUDA_BF16, attention.query, (gsize) (8 * n_tokens * head_dim));
  attention.device_query = kernel_test_upload (stored, (gsize) (8 * n_tokens * head_dim) * 2);
  ptx_traffic_count (true);
  kernel_test_check (steer_cuda_attend_rows (get_queue (), &attention.shape, &attention.cache, 0, 0,
                                             attention.device_query, n_tokens, STEER_CUDA_BF16, attention.out));
  assert_traffic ("attention of a prompt", 1.4, 1.0);
  ptx_traffic_count (false);
  attention_clear (&attention);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  with_table = argc > 1 && std::strcmp (argv[1], "--table") == 0;
  for (int type = STEER_CUDA_F16; type < KERNEL_TEST_N_TYPES; type++)
    {
      g_autofree char *path = g_strdup_printf ("/ptx/traffic/products/%d", type);

      g_test_add_data_func (path, GINT_TO_POINTER (type), test_products);
    }
  for (int head_dim = 64; head_dim <= 256; head_dim *= 2)
    {
      g_autofree char *of_one = g_strdup_printf ("/ptx/traffic/attention-of-a-token/%d", head_dim);
      g_autofree char *of_many = g_strdup_printf ("/ptx/traffic/attention-of-a-prompt/%d", head_dim);

      g_test_add_data_func (of_one, GINT_TO_POINTER (head_dim), test_attention_of_one);
      g_test_add_data_func (of_many, GINT_TO_POINTER (head_dim), test_attention_of_many);
    }
  return g_test_run ();
}
