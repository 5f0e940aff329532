#include "cpu-model.h"

/* The same model as a Hugging Face folder and as a GGUF file that an independent program wrote. */

#define TOLERANCE 1e-5

static const struct
{
  const char *name;
  const char *file;
} cases[] = {
  { "llama-gqa", "model.gguf" },
  { "llama-tied-wide-heads", "model.gguf" },
  { "llama-biases-linear-rope", "model.gguf" },
  { "llama-llama3-rope", "model.gguf" },
  { "mistral-window", "model-00001-of-00003.gguf" },
  { "qwen2", "model.gguf" },
};

static SteerModel *
open_gguf (const char *name, const char *file)
{
  g_autofree char *relative = g_build_filename ("cpu", name, file, NULL);
  g_autofree char *path = test_fixture_path (relative);
  g_autoptr (GError) error = NULL;
  SteerModel *model = steer_model_open (path, NULL, &error);

  g_assert_no_error (error);
  return model;
}

/* A prompt, or the same token by token. */
static float *
run (SteerModel *files, CpuModel *folder, gboolean stepwise)
{
  g_autoptr (SteerContext) context = cpu_context_open (files, 1, STEER_DTYPE_F32, 2);
  gsize n_vocab = folder->config->n_vocab;
  float *logits = NULL;

  if (!stepwise)
    return cpu_context_run (context, folder, 0, 0, folder->n_tokens, NULL);
  logits = g_new (float, folder->n_tokens *n_vocab);
  for (guint i = 0; i < folder->n_tokens; i++)
    {
      g_autofree float *last = cpu_context_run_last (context, folder, 0, i, 1, NULL);

      memcpy (logits + i * n_vocab, last, n_vocab * sizeof (float));
    }
  return logits;
}

static void
test_logits (gconstpointer data)
{
  guint i = GPOINTER_TO_UINT (data);
  g_autoptr (CpuModel) folder = cpu_model_load (cases[i].name);
  g_autoptr (SteerModel) gguf = open_gguf (cases[i].name, cases[i].file);
  gsize n = (gsize) folder->n_tokens * folder->config->n_vocab;

  for (guint stepwise = 0; stepwise < 2; stepwise++)
    {
      g_autofree float *expected = run (folder->model, folder, stepwise != 0);
      g_autofree float *actual = run (gguf, folder, stepwise != 0);

      assert_near (actual, expected, n, TOLERANCE);
    }
}

/* What the two kinds of files say of the model; the frequencies are rounded to float32 in another place. */
static void
test_config (gconstpointer data)
{
  guint i = GPOINTER_TO_UINT (data);
  g_autoptr (CpuModel) folder = cpu_model_load (cases[i].name);
  g_autoptr (SteerModel) model = open_gguf (cases[i].name, cases[i].file);
  const SteerModelConfig *gguf = steer_model_get_config (model);
  const SteerModelConfig *hf = folder->config;
  g_autofree float *expected = g_new (float, hf->head_dim / 2);
  g_autofree float *actual = g_new (float, hf->head_dim / 2);

  g_assert_cmpstr (steer_model_get_name (model), ==, "model");
  g_assert_cmpuint (gguf->arch, ==, hf->arch == STEER_ARCH_MISTRAL ? STEER_ARCH_LLAMA : hf->arch);
  g_assert_cmpint (gguf->rope_interleaved, ==, hf->arch != STEER_ARCH_QWEN2);
  g_assert_cmpuint (gguf->n_layers, ==, hf->n_layers);
  g_assert_cmpuint (gguf->d_model, ==, hf->d_model);
  g_assert_cmpuint (gguf->n_heads, ==, hf->n_heads);
  g_assert_cmpuint (gguf->n_kv_heads, ==, hf->n_kv_heads);
  g_assert_cmpuint (gguf->head_dim, ==, hf->head_dim);
  g_assert_cmpuint (gguf->d_ff, ==, hf->d_ff);
  g_assert_cmpuint (gguf->n_vocab, ==, hf->n_vocab);
  g_assert_cmpuint (gguf->n_context, ==, hf->n_context);
  g_assert_cmpuint (gguf->sliding_window, ==, hf->sliding_window);
  g_assert_cmpfloat_with_epsilon (gguf->rms_norm_eps, hf->rms_norm_eps, 1e-12);
  g_assert_cmpint (gguf->tie_embeddings, ==, hf->tie_embeddings);
  g_assert_cmpint (gguf->qkv_bias, ==, hf->qkv_bias);
  g_assert_cmpint (gguf->output_bias, ==, hf->output_bias);
  g_assert_cmpint (gguf->mlp_bias, ==, hf->mlp_bias);
  g_assert_cmpint (gguf->bos_id, ==, hf->bos_id);
  g_assert_cmpuint (gguf->n_eos_ids, ==, 1);
  g_assert_cmpint (gguf->eos_ids[0], ==, hf->eos_ids[0]);

  steer_model_config_get_inv_freq (hf, expected);
  steer_model_config_get_inv_freq (gguf, actual);
  for (guint j = 0; j < hf->head_dim / 2; j++)
    g_assert_cmpfloat_with_epsilon (actual[j] / expected[j], 1.0f, 2e-7f);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *logits = g_strdup_printf ("/cpu/gguf/%s/its logits equal those of the folder", cases[i].name);
      g_autofree char *config
        = g_strdup_printf ("/cpu/gguf/%s/its hyper-parameters equal those of the folder", cases[i].name);

      g_test_add_data_func (logits, GUINT_TO_POINTER (i), test_logits);
      g_test_add_data_func (config, GUINT_TO_POINTER (i), test_config);
    }
  return g_test_run ();
}
