#include "cpu-model.h"

#include <string.h>

#include "cpu/steer-cpu-kernels.h"

/* Tiny random models, one a configuration switch, against transformers in float32 with forward hooks. */

#define TOLERANCE 1e-5

static const char *const names[] = {
  "llama-gqa",
  "llama-tied-wide-heads",
  "llama-biases-linear-rope",
  "llama-linear-rope-new-key",
  "llama-llama3-rope",
  "llama-llama3-rope-old-key",
  "llama-odd-sizes",
  "llama-long",
  "mistral-window",
  "mistral-long-window",
  "mistral-no-window",
  "qwen2",
  "qwen3",
  "qwen3-biases",
  "gemma",
  "gemma2",
  "gemma2-long",
  "gemma3",
  "gemma3-long",
};

static const struct
{
  SteerCpuIsa isa;
  const char *name;
} isas[] = {
  { STEER_CPU_ISA_PLAIN, "plain" },           { STEER_CPU_ISA_AVX2, "avx2" },
  { STEER_CPU_ISA_AVXVNNI, "avxvnni" },       { STEER_CPU_ISA_AVX512, "avx512" },
  { STEER_CPU_ISA_AVX512VNNI, "avx512vnni" }, { STEER_CPU_ISA_AMX, "amx" },
};

typedef struct
{
  const char *isa;
  const char *name;
} Case;

static void
check_tensor (CpuModel *model, const char *prefix, const char *name, const float *actual)
{
  g_autofree char *full = g_strconcat (prefix, name, NULL);
  const SteerTensor *tensor = steer_archive_find (model->expected, full);
  gint64 n;
  g_autofree float *expected = NULL;

  g_assert_nonnull (tensor);
  n = steer_tensor_get_n_elements (tensor);
  expected = g_new (float, n);
  steer_tensor_read_f32 (tensor, 0, n, expected);
  assert_near (actual, expected, (gsize) n, TOLERANCE);
}

/* All tokens as one prompt, every layer tapped. @prefix: "" or "steered.NAME." */
static void
check_run (CpuModel *model, SteerContext *context, SteerPlan *plan, const char *prefix)
{
  g_autoptr (GError) error = NULL;
  gsize n_vocab = model->config->n_vocab;
  gsize d_model = model->config->d_model;
  guint skipped = model->n_tokens - model->n_rows;
  g_autofree float *logits = g_new0 (float, model->n_tokens *n_vocab);
  g_autofree float *taps = g_new0 (float, model->config->n_layers * model->n_tokens * d_model);
  g_autofree guint *layers = g_new (guint, model->config->n_layers);
  SteerRun run = {
    .tokens = model->tokens,
    .n_tokens = model->n_tokens,
    .plan = plan,
    .want = STEER_WANT_ALL_LOGITS,
    .logits = logits,
    .tap_layers = layers,
    .n_taps = model->config->n_layers,
    .taps = taps,
  };

  for (guint layer = 0; layer < model->config->n_layers; layer++)
    layers[layer] = layer;
  steer_context_forward (context, &run, 1, NULL, &error);
  g_assert_no_error (error);
  check_tensor (model, prefix, "logits", logits + skipped * n_vocab);
  for (guint layer = 0; layer < model->config->n_layers; layer++)
    {
      g_autofree char *name = g_strdup_printf ("resid.%u", layer);

      check_tensor (model, prefix, name, taps + (layer * model->n_tokens + skipped) * d_model);
    }
}

static void
test_prompt (gconstpointer data)
{
  const Case *one = data;
  g_autoptr (CpuModel) model = cpu_model_load (one->name);
  g_autoptr (SteerContext) context = NULL;

  g_setenv ("STEER_CPU_ISA", one->isa, TRUE);
  context = cpu_context_open (model->model, 1, STEER_DTYPE_F32, 2);
  check_run (model, context, NULL, "");
}

static void
test_decoding (gconstpointer data)
{
  const Case *one = data;
  g_autoptr (CpuModel) model = cpu_model_load (one->name);
  g_autoptr (SteerContext) context = NULL;
  g_autofree float *all = g_new (float, model->n_rows * model->config->n_vocab);
  guint skipped = model->n_tokens - model->n_rows;

  g_setenv ("STEER_CPU_ISA", one->isa, TRUE);
  context = cpu_context_open (model->model, 1, STEER_DTYPE_F32, 2);
  for (guint i = 0; i < model->n_tokens; i++)
    {
      g_autofree float *logits = cpu_context_run_last (context, model, 0, i, 1, NULL);

      if (i >= skipped)
        memcpy (all + (i - skipped) * model->config->n_vocab, logits, model->config->n_vocab * sizeof (float));
    }
  check_tensor (model, "", "logits", all);
}

static void
test_steering (gconstpointer data)
{
  const Case *one = data;
  g_autoptr (CpuModel) model = cpu_model_load (one->name);
  g_autoptr (SteerContext) context = NULL;
  g_autofree const char **keys = steer_archive_list_metadata (model->expected);
  guint n_plans = 0;

  g_setenv ("STEER_CPU_ISA", one->isa, TRUE);
  context = cpu_context_open (model->model, 1, STEER_DTYPE_F32, 2);
  for (guint i = 0; keys[i] != NULL; i++)
    {
      g_autoptr (SteerPlan) plan = NULL;
      g_autofree char *prefix = g_strconcat (keys[i], ".", NULL);

      if (!g_str_has_prefix (keys[i], "steered."))
        continue;
      plan = cpu_model_make_plan (model, steer_archive_get_metadata (model->expected, keys[i]));
      check_run (model, context, plan, prefix);
      n_plans++;
    }
  g_assert_cmpuint (n_plans, >, 0);
}

static void
add (const Case *one, const char *sentence, GTestDataFunc func)
{
  g_autofree char *path = g_strdup_printf ("/cpu/models/%s/%s/%s", one->isa, one->name, sentence);

  g_test_add_data_func_full (path, g_memdup2 (one, sizeof *one), func, g_free);
}

int
main (int argc, char *argv[])
{
  static const char *const steered[] = {
    "llama-gqa", "llama-tied-wide-heads", "llama-llama3-rope", "mistral-window", "qwen2", "qwen3", "gemma2", "gemma3",
    NULL
  };

  g_test_init (&argc, &argv, NULL);
  for (guint isa = 0; isa < G_N_ELEMENTS (isas); isa++)
    for (guint i = 0; i < G_N_ELEMENTS (names); i++)
      {
        Case one = { isas[isa].name, names[i] };

        if (steer_cpu_kernels_get (isas[isa].isa) == NULL)
          continue;
        add (&one, "a prompt's logits and residuals equal those of transformers", test_prompt);
        add (&one, "token by token the logits equal those of transformers", test_decoding);
        if (g_strv_contains (steered, names[i]))
          add (&one, "steered logits and residuals equal those of forward hooks", test_steering);
      }
  return g_test_run ();
}
