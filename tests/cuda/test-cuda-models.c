#include "cuda-model.h"

#include <string.h>

#include "model/steer-gguf-export.h"

/* The tiny models of tests/fixtures/cpu on the CUDA backend, against what the CPU backend computes from them. */

static const struct
{
  const char *name;
  double prefill; /* tolerance: products of a prompt round their left operand to the weights' type */
  gboolean brief; /* what it alone has is computed by the plain passes */

  /* The models differ in what the host computes of their configuration; every kernel has run after those that nothing
   * stands for, of which gemma2 and gemma3 have those of heads with norms, of branches with norms and of limits. */
  gboolean steering_stood_for;
  gboolean all_stood_for;
} models[] = {
  { "llama-gqa", CUDA_TOLERANCE, FALSE, FALSE, FALSE },
  { "llama-biases-linear-rope", CUDA_TOLERANCE, FALSE, TRUE, FALSE },
  { "mistral-window", 5e-3, FALSE, TRUE, FALSE },
  { "llama-llama3-rope", 3e-2, FALSE, TRUE, TRUE },
  { "qwen2", 3e-2, FALSE, TRUE, TRUE },
  { "qwen3", 3e-2, TRUE, FALSE, FALSE },
  { "gemma2", 3e-2, TRUE, FALSE, FALSE },
  { "gemma3", 3e-2, FALSE, TRUE, FALSE },
};

typedef struct
{
  float *logits; /* [n_tokens, n_vocab] */
  float *taps;   /* [n_layers, n_tokens, d_model] */
} Result;

static void
result_clear (Result *self)
{
  g_free (self->logits);
  g_free (self->taps);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Result, result_clear)

/* Tokens in pieces of @piece, every layer tapped. */
static void
run (Result *result, SteerContext *context, CpuModel *model, guint piece, SteerPlan *plan)
{
  gsize n_vocab = model->config->n_vocab;
  gsize d_model = model->config->d_model;
  guint n_layers = model->config->n_layers;
  g_autofree guint *layers = g_new (guint, n_layers);

  result->logits = g_new0 (float, model->n_tokens *n_vocab);
  result->taps = g_new0 (float, n_layers * model->n_tokens * d_model);
  for (guint layer = 0; layer < n_layers; layer++)
    layers[layer] = layer;
  for (guint first = 0; first < model->n_tokens; first += piece)
    {
      guint n = MIN (piece, model->n_tokens - first);
      g_autofree float *taps = g_new0 (float, n_layers *n *d_model);
      g_autoptr (GError) error = NULL;
      SteerRun one = {
        .position = first,
        .tokens = model->tokens + first,
        .n_tokens = n,
        .plan = plan,
        .want = STEER_WANT_ALL_LOGITS,
        .logits = result->logits + first * n_vocab,
        .tap_layers = layers,
        .n_taps = n_layers,
        .taps = taps,
      };

      steer_context_forward (context, &one, 1, NULL, &error);
      g_assert_no_error (error);
      for (guint layer = 0; layer < n_layers; layer++)
        memcpy (result->taps + (layer * model->n_tokens + first) * d_model, taps + layer * n * d_model,
                n * d_model * sizeof (float));
    }
}

static void
assert_same (CpuModel *model, const Result *actual, const Result *expected, double tolerance)
{
  gsize n_taps = (gsize) model->n_tokens * model->config->d_model;

  for (guint layer = 0; layer < model->config->n_layers; layer++)
    assert_near (actual->taps + layer * n_taps, expected->taps + layer * n_taps, n_taps, tolerance);
  assert_near (actual->logits, expected->logits, (gsize) model->n_tokens * model->config->n_vocab, tolerance);
}

/* Enough for what is computed token by token; only a whole prompt has to be longer than a chunk. */
#define N_TOKENS_IN_PIECES 48

static void
compare (const char *name, guint piece, const char *plan_text, SteerDtype weight_type, double tolerance)
{
  g_autoptr (CpuModel) model = cpu_model_load (name);
  g_autoptr (SteerPlan) plan = plan_text != NULL ? cpu_model_make_plan (model, plan_text) : NULL;
  g_autoptr (SteerContext) gpu = cuda_context_open (model->model, 1, STEER_DTYPE_F16, weight_type);
  g_autoptr (SteerContext) cpu = cpu_context_open (model->model, 1, STEER_DTYPE_F16, 2);
  g_auto (Result) actual = { 0 };
  g_auto (Result) expected = { 0 };

  if (piece < model->n_tokens)
    model->n_tokens = MIN (model->n_tokens, N_TOKENS_IN_PIECES);
  run (&actual, gpu, model, piece, plan);
  run (&expected, cpu, model, model->n_tokens, plan);
  assert_same (model, &actual, &expected, tolerance);
}

static double
get_prefill_tolerance (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (models); i++)
    if (g_str_equal (models[i].name, name))
      return models[i].prefill;
  g_assert_not_reached ();
}

static void
test_decode (gconstpointer name)
{
  compare (name, 1, NULL, 0, CUDA_TOLERANCE);
}

static void
test_columns (gconstpointer name)
{
  compare (name, 3, NULL, 0, CUDA_TOLERANCE);
}

static void
test_prefill (gconstpointer name)
{
  compare (name, G_MAXUINT, NULL, 0, get_prefill_tolerance (name));
}

static void
test_pieces (gconstpointer name)
{
  compare (name, 7, NULL, 0, get_prefill_tolerance (name));
}

static void
test_steered (gconstpointer name)
{
  static const char *const plans[] = { "1:1:clamp:-3.0", "0:0:add:2.5 0:1:clamp:1.5 1:0:add:-2.0" };

  for (guint i = 0; i < G_N_ELEMENTS (plans); i++)
    {
      compare (name, 1, plans[i], 0, CUDA_TOLERANCE);
      compare (name, G_MAXUINT, plans[i], 0, get_prefill_tolerance (name));
    }
}

/* GGUF keeps the rows of Llama's queries and keys in another order, and turns other pairs. */
static void
test_gguf (gconstpointer name)
{
  g_autoptr (CpuModel) model = cpu_model_load (name);
  g_autofree char *relative = g_build_filename ("cpu", name, "model.gguf", NULL);
  g_autofree char *path = test_fixture_path (relative);
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerModel) gguf = steer_model_open (path, NULL, &error);
  g_autoptr (SteerContext) gpu = NULL;
  g_autoptr (SteerContext) cpu = NULL;

  g_assert_no_error (error);
  gpu = cuda_context_open (gguf, 1, STEER_DTYPE_F16, 0);
  cpu = cpu_context_open (gguf, 1, STEER_DTYPE_F16, 2);
  for (guint piece = 1; piece <= model->n_tokens; piece += model->n_tokens - 1)
    {
      g_auto (Result) actual = { 0 };
      g_auto (Result) expected = { 0 };

      run (&actual, gpu, model, piece, NULL);
      run (&expected, cpu, model, piece, NULL);
      assert_same (model, &actual, &expected, 3e-2);
    }
}

/* @from as a GGUF file of @type in @folder. */
static SteerModel *
convert (SteerModel *from, SteerExportType type, const char *folder)
{
  g_autofree char *path = g_build_filename (folder, steer_export_type_get_name (type), NULL);
  g_autoptr (SteerGgufWriter) writer = steer_gguf_writer_new (path);
  g_autoptr (GError) error = NULL;
  SteerModel *model;

  steer_model_export_gguf (from, type, writer, 2, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  model = steer_model_open (path, NULL, &error);
  g_assert_no_error (error);
  return model;
}

/* Q4_K, Q6_K and Q5_0 in one model, whose numbers the device keeps to the bit: it computes what the CPU does with the
 * same numbers in float32. */
static void
test_q4_k_m (void)
{
  static gint32 tokens[] = { 17, 4000, 3, 801, 2999, 42 };
  g_autofree char *folder = test_make_dir ();
  g_autofree char *path = g_build_filename (g_getenv ("STEER_TEST_DEMO"), "model", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerModel) demo = steer_model_open (path, NULL, &error);
  g_autoptr (SteerModel) blocks = NULL;
  g_autoptr (SteerModel) numbers = NULL;
  g_autoptr (SteerContext) gpu = NULL;
  g_autoptr (SteerContext) cpu = NULL;

  g_assert_no_error (error);
  blocks = convert (demo, STEER_EXPORT_Q4_K_M, folder);
  numbers = convert (blocks, STEER_EXPORT_F32, folder);
  gpu = cuda_context_open (blocks, 1, STEER_DTYPE_F16, 0);
  cpu = cpu_context_open (numbers, 1, STEER_DTYPE_F16, 2);
  for (guint piece = 1; piece <= G_N_ELEMENTS (tokens); piece += G_N_ELEMENTS (tokens) - 1)
    {
      CpuModel model
        = { .config = steer_model_get_config (blocks), .tokens = tokens, .n_tokens = G_N_ELEMENTS (tokens) };
      g_auto (Result) actual = { 0 };
      g_auto (Result) expected = { 0 };

      run (&actual, gpu, &model, piece, NULL);
      run (&expected, cpu, &model, piece, NULL);
      assert_same (&model, &actual, &expected, piece == 1 ? CUDA_TOLERANCE : 3e-2);
    }
}

/* A copy of *tensor, of float32, as 16 bits times @scale in its place. Free the numbers with g_free(). */
static guint16 *
narrow (const SteerTensor **tensor, SteerTensor *copy, SteerDtype dtype, float scale)
{
  gsize n = (gsize) steer_tensor_get_n_elements (*tensor);
  g_autofree float *values = g_new (float, n);
  guint16 *halves = g_new (guint16, n);

  steer_tensor_read_f32 (*tensor, 0, (gint64) n, values);
  for (gsize i = 0; i < n; i++)
    halves[i] = dtype == STEER_DTYPE_F16 ? steer_f32_to_f16 (values[i] * scale) : steer_f32_to_bf16 (values[i] * scale);
  *copy = **tensor;
  copy->dtype = dtype;
  copy->data = (const guint8 *) halves;
  copy->n_bytes = n * sizeof *halves;
  *tensor = copy;
  return halves;
}

/* Files may mix them: then they are two products, and no number is another one. */
static void
test_gate_and_up_of_two_types (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-gqa");
  SteerLayerWeights *layer = &((SteerWeights *) steer_model_get_weights (model->model))->layers[1];
  SteerTensor up;
  g_autofree guint16 *halves = NULL;
  g_autoptr (SteerContext) gpu = NULL;
  g_autoptr (SteerContext) cpu = NULL;
  g_auto (Result) actual = { 0 };
  g_auto (Result) expected = { 0 };

  g_assert_cmpint (layer->gate->dtype, ==, STEER_DTYPE_F32);
  halves = narrow (&layer->up, &up, STEER_DTYPE_BF16, 1.0f);
  gpu = cuda_context_open (model->model, 1, STEER_DTYPE_F16, 0);
  cpu = cpu_context_open (model->model, 1, STEER_DTYPE_F16, 2);
  model->n_tokens = MIN (model->n_tokens, N_TOKENS_IN_PIECES);
  run (&actual, gpu, model, 3, NULL);
  run (&expected, cpu, model, 3, NULL);
  assert_same (model, &actual, &expected, CUDA_TOLERANCE);
}

/* Gemma's weights may be of f16 although what they are multiplied with is not. */
static void
test_large_activations (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("gemma2");
  SteerLayerWeights *layer = &((SteerWeights *) steer_model_get_weights (model->model))->layers[0];
  SteerTensor gate, up, down;
  g_autofree guint16 *gate_halves = narrow (&layer->gate, &gate, STEER_DTYPE_F16, 1024.0f);
  g_autofree guint16 *up_halves = narrow (&layer->up, &up, STEER_DTYPE_F16, 1024.0f);
  g_autofree guint16 *down_halves = narrow (&layer->down, &down, STEER_DTYPE_F16, 1.0f);
  g_autoptr (SteerContext) gpu = cuda_context_open (model->model, 1, STEER_DTYPE_F16, 0);
  g_autoptr (SteerContext) cpu = cpu_context_open (model->model, 1, STEER_DTYPE_F16, 2);
  g_auto (Result) actual = { 0 };
  g_auto (Result) expected = { 0 };

  run (&actual, gpu, model, G_MAXUINT, NULL);
  run (&expected, cpu, model, G_MAXUINT, NULL);
  assert_same (model, &actual, &expected, 3e-2);
}

/* 8 bits are no more than near: decode and prefill of one quantised model agree far better. */
static void
test_quantised (gconstpointer name)
{
  g_autoptr (CpuModel) model = cpu_model_load (name);
  g_autoptr (SteerContext) context = cuda_context_open (model->model, 1, STEER_DTYPE_F16, STEER_DTYPE_Q8_0);
  g_auto (Result) decoded = { 0 };
  g_auto (Result) prefilled = { 0 };

  compare (name, 1, NULL, STEER_DTYPE_Q8_0, 0.1);
  model->n_tokens = MIN (model->n_tokens, N_TOKENS_IN_PIECES);
  run (&decoded, context, model, 1, NULL);
  run (&prefilled, context, model, G_MAXUINT, NULL);
  assert_same (model, &prefilled, &decoded, 2e-2);
}

static void
add (const char *name, gboolean stood_for, const char *sentence, GTestDataFunc func)
{
  g_autofree char *path = g_strdup_printf ("/cuda/models/%s/%s", name, sentence);

  if (test_part_has (stood_for))
    g_test_add_data_func (path, name, func);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (models); i++)
    {
      const char *name = models[i].name;
      gboolean all = models[i].all_stood_for;
      gboolean steering = models[i].steering_stood_for;

      add (name, all, "token by token as the CPU computes it", test_decode);
      add (name, all, "a whole prompt as the CPU computes it", test_prefill);
      if (models[i].brief)
        continue;
      add (name, all, "three columns of one sequence as the CPU computes them", test_columns);
      add (name, all, "a prompt in small pieces as the CPU computes it", test_pieces);
      add (name, steering, "steered as the CPU steers", test_steered);
      add (name, steering, "quantised to 8 bits while loading it stays near", test_quantised);
    }
  add ("llama-gqa", FALSE, "as a GGUF file", test_gguf);
  add ("qwen2", TRUE, "as a GGUF file", test_gguf);
  add ("gemma2", TRUE, "as a GGUF file", test_gguf);
  add ("gemma3", FALSE, "as a GGUF file", test_gguf);
  if (test_part_has (FALSE))
    {
      g_test_add_func ("/cuda/models/gate and up of two types", test_gate_and_up_of_two_types);
      g_test_add_func ("/cuda/models/activations that f16 does not hold", test_large_activations);
    }
  if (test_part_has (TRUE))
    g_test_add_func ("/cuda/models/q4_k_m/the numbers of its blocks as the CPU computes with them", test_q4_k_m);
  return g_test_run ();
}
