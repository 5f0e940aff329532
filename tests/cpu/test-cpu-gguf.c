#include "cpu-model.h"

#include <string.h>

#include "model/steer-gguf-export.h"

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
  { "qwen3", "model.gguf" },
  { "gemma", "model.gguf" },
  { "gemma2", "model.gguf" },
  { "gemma3", "model.gguf" },
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

static char *export(SteerModel *model, SteerExportType type, const char *folder, guint n_threads)
{
  g_autofree char *name = g_strdup_printf ("%s-%u.gguf", steer_export_type_get_name (type), n_threads);
  char *path = g_build_filename (folder, name, NULL);
  g_autoptr (SteerGgufWriter) writer = steer_gguf_writer_new (path);
  g_autoptr (GError) error = NULL;

  steer_model_export_gguf (model, type, writer, n_threads, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  return path;
}

/* Our own writer against the independent one: the same rows in the same places, to the bit. */
static void
test_export (gconstpointer data)
{
  guint i = GPOINTER_TO_UINT (data);
  g_autoptr (CpuModel) folder = cpu_model_load (cases[i].name);
  g_autoptr (SteerModel) expected = open_gguf (cases[i].name, cases[i].file);
  g_autofree char *dir = test_make_dir ();
  g_autofree char *path = export(folder->model, STEER_EXPORT_F32, dir, 3);
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerModel) model = steer_model_open (path, NULL, &error);
  SteerArchive *archive;
  gsize n = (gsize) folder->n_tokens * folder->config->n_vocab;
  g_autofree float *logits = NULL;
  g_autofree float *actual = NULL;

  g_assert_no_error (error);
  archive = steer_model_get_archive (expected);
  for (guint t = 0; t < steer_archive_get_n_tensors (archive); t++)
    {
      const SteerTensor *one = steer_archive_get_tensor (archive, t);
      const SteerTensor *other = steer_archive_find (steer_model_get_archive (model), one->name);
      gint64 count = steer_tensor_get_n_elements (one);
      g_autofree float *a = g_new (float, count);
      g_autofree float *b = g_new (float, count);

      g_assert_nonnull (other);
      g_assert_cmpint (steer_tensor_get_n_elements (other), ==, count);
      steer_tensor_read_f32 (one, 0, count, a);
      steer_tensor_read_f32 (other, 0, count, b);
      if (g_str_equal (one->name, "rope_freqs.weight"))
        assert_near (b, a, (gsize) count, 1e-6);
      else
        g_assert_cmpmem (a, (gsize) count * sizeof (float), b, (gsize) count * sizeof (float));
    }
  logits = run (folder->model, folder, FALSE);
  actual = run (model, folder, FALSE);
  assert_near (actual, logits, n, TOLERANCE);
  test_remove_dir (g_steal_pointer (&dir));
}

/* Threads do not change a byte, and a file made of a file is the same as one made of the folder. */
static void
test_export_is_stable (void)
{
  g_autoptr (CpuModel) folder = cpu_model_load ("llama-gqa");
  g_autofree char *dir = test_make_dir ();

  for (guint type = 0; type < STEER_N_EXPORTS; type++)
    {
      g_autofree char *one = export(folder->model, (SteerExportType) type, dir, 1);
      g_autofree char *many = export(folder->model, (SteerExportType) type, dir, 5);
      g_autofree char *first = NULL, *second = NULL;
      gsize first_size, second_size;

      g_assert_true (g_file_get_contents (one, &first, &first_size, NULL));
      g_assert_true (g_file_get_contents (many, &second, &second_size, NULL));
      g_assert_cmpmem (first, first_size, second, second_size);
    }
  test_remove_dir (g_steal_pointer (&dir));
}

static void
test_requantized (void)
{
  g_autoptr (CpuModel) folder = cpu_model_load ("llama-gqa");
  g_autofree char *dir = test_make_dir ();
  g_autofree char *path = export(folder->model, STEER_EXPORT_F32, dir, 1);
  g_autoptr (SteerModel) file = steer_model_open (path, NULL, NULL);
  g_autofree char *direct_path = export(folder->model, STEER_EXPORT_Q8_0, dir, 1);
  g_autofree char *twice_path = export(file, STEER_EXPORT_Q8_0, dir, 2);
  g_autoptr (SteerArchive) direct = steer_archive_open (direct_path, NULL, NULL);
  g_autoptr (SteerArchive) twice = steer_archive_open (twice_path, NULL, NULL);

  g_assert_cmpuint (steer_archive_get_n_tensors (direct), ==, steer_archive_get_n_tensors (twice));
  for (guint i = 0; i < steer_archive_get_n_tensors (direct); i++)
    {
      const SteerTensor *one = steer_archive_get_tensor (direct, i);
      const SteerTensor *other = steer_archive_find (twice, one->name);

      g_assert_nonnull (other);
      g_assert_cmpint (one->dtype, ==, other->dtype);
      g_assert_cmpmem (one->data, one->n_bytes, other->data, other->n_bytes);
    }
  test_remove_dir (g_steal_pointer (&dir));
}

/* The mix of a Q4_K_M file of 32 layers: 33 matrices in Q6_K, and where rows do not fit, the next type that does. */
static void
test_mix (void)
{
  guint n_large = 0;

  for (guint layer = 0; layer < 32; layer++)
    {
      n_large
        += steer_export_type_choose (STEER_EXPORT_Q4_K_M, STEER_EXPORT_ROLE_VALUE, layer, 32, 4096) == STEER_DTYPE_Q6_K;
      n_large
        += steer_export_type_choose (STEER_EXPORT_Q4_K_M, STEER_EXPORT_ROLE_DOWN, layer, 32, 14336) == STEER_DTYPE_Q6_K;
      g_assert_cmpint (steer_export_type_choose (STEER_EXPORT_Q4_K_M, STEER_EXPORT_ROLE_OTHER, layer, 32, 4096), ==,
                       STEER_DTYPE_Q4_K);
    }
  n_large += steer_export_type_choose (STEER_EXPORT_Q4_K_M, STEER_EXPORT_ROLE_OUTPUT, 0, 32, 4096) == STEER_DTYPE_Q6_K;
  g_assert_cmpuint (n_large, ==, 33);
  g_assert_cmpint (steer_export_type_choose (STEER_EXPORT_Q4_K_M, STEER_EXPORT_ROLE_OTHER, 0, 32, 64), ==,
                   STEER_DTYPE_Q5_0);
  g_assert_cmpint (steer_export_type_choose (STEER_EXPORT_Q4_K_M, STEER_EXPORT_ROLE_OUTPUT, 0, 32, 64), ==,
                   STEER_DTYPE_Q8_0);
  g_assert_cmpint (steer_export_type_choose (STEER_EXPORT_Q8_0, STEER_EXPORT_ROLE_OTHER, 0, 32, 33), ==,
                   STEER_DTYPE_F16);
}

/* The folder of a fixture with other words in its config.json. */
static SteerModel *
open_changed (const char *name, const char *const *changes, const char *folder)
{
  g_autofree char *relative = g_build_filename ("cpu", name, NULL);
  g_autofree char *fixture = test_fixture_path (relative);
  g_autofree char *config = g_build_filename (fixture, "config.json", NULL);
  g_autofree char *path = g_build_filename (folder, "config.json", NULL);
  g_autoptr (GFile) weights = g_file_new_build_filename (fixture, "model.safetensors", NULL);
  g_autoptr (GFile) copy = g_file_new_build_filename (folder, "model.safetensors", NULL);
  g_autofree char *contents = NULL;
  g_autoptr (GString) text = NULL;
  g_autoptr (GError) error = NULL;
  SteerModel *model;

  g_assert_true (g_file_get_contents (config, &contents, NULL, NULL));
  text = g_string_new (contents);
  for (; *changes != NULL; changes += 2)
    g_assert_cmpuint (g_string_replace (text, changes[0], changes[1], 0), ==, 1);
  g_assert_true (g_file_set_contents (path, text->str, -1, NULL));
  g_file_copy (weights, copy, G_FILE_COPY_OVERWRITE, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  model = steer_model_open (folder, NULL, &error);
  g_assert_no_error (error);
  return model;
}

/* Readers of a Gemma 2 that does not tell its window take that of the published ones. */
static void
test_no_window (void)
{
  static const char *const changes[]
    = { "\"sliding_window\": 8", "\"sliding_window\": null", "\"max_position_embeddings\": 1024",
        "\"max_position_embeddings\": 8192", NULL };
  g_autofree char *dir = test_make_dir ();
  g_autoptr (SteerModel) folder = open_changed ("gemma2", changes, dir);
  g_autofree char *path = export(folder, STEER_EXPORT_F32, dir, 1);
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerModel) file = steer_model_open (path, NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (steer_model_get_config (folder)->sliding_window, ==, 0);
  g_assert_cmpuint (steer_model_get_config (file)->sliding_window, ==, 0);
  test_remove_dir (g_steal_pointer (&dir));
}

/* Other programs divide by the limits of a Gemma 2, whatever a file says. */
static void
test_no_limit (void)
{
  static const char *const changes[] = { "\"attn_logit_softcapping\": 3.0", "\"attn_logit_softcapping\": null", NULL };
  g_autofree char *dir = test_make_dir ();
  g_autoptr (SteerModel) folder = open_changed ("gemma2", changes, dir);
  g_autofree char *path = g_build_filename (dir, "a.gguf", NULL);
  SteerGgufWriter *writer = steer_gguf_writer_new (path);
  g_autoptr (GError) error = NULL;

  g_assert_false (steer_model_export_gguf (folder, STEER_EXPORT_F32, writer, 1, NULL, NULL, NULL, &error));
  g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, "attn_logit_softcapping"));
  steer_gguf_writer_free (writer);
  test_remove_dir (g_steal_pointer (&dir));
}

/* A file could not tell that its queries are divided by another number than those of the published models. */
static void
test_not_told (void)
{
  g_autoptr (CpuModel) folder = cpu_model_load ("gemma2-long");
  g_autofree char *dir = test_make_dir ();
  g_autofree char *path = g_build_filename (dir, "a.gguf", NULL);
  SteerGgufWriter *writer = steer_gguf_writer_new (path);
  g_autoptr (GDir) listing = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_false (steer_model_export_gguf (folder->model, STEER_EXPORT_Q8_0, writer, 1, NULL, NULL, NULL, &error));
  g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, "\"query_pre_attn_scalar\" is 40"));
  steer_gguf_writer_free (writer);
  listing = g_dir_open (dir, 0, NULL);
  g_assert_null (g_dir_read_name (listing));
  test_remove_dir (g_steal_pointer (&dir));
}

static void
test_cancelled (void)
{
  g_autoptr (CpuModel) folder = cpu_model_load ("llama-gqa");
  g_autofree char *dir = test_make_dir ();
  g_autofree char *path = g_build_filename (dir, "a.gguf", NULL);
  SteerGgufWriter *writer = steer_gguf_writer_new (path);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GDir) listing = NULL;
  g_autoptr (GError) error = NULL;

  g_cancellable_cancel (cancellable);
  g_assert_false (
    steer_model_export_gguf (folder->model, STEER_EXPORT_Q8_0, writer, 1, NULL, NULL, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  steer_gguf_writer_free (writer);
  listing = g_dir_open (dir, 0, NULL);
  g_assert_null (g_dir_read_name (listing));
  test_remove_dir (g_steal_pointer (&dir));
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
  g_assert_cmpint (gguf->rope_interleaved, ==, hf->arch == STEER_ARCH_LLAMA || hf->arch == STEER_ARCH_MISTRAL);
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
  g_assert_cmpint (gguf->qk_norm, ==, hf->qk_norm);
  g_assert_cmpint (gguf->gate, ==, hf->gate);
  g_assert_cmpint (gguf->scales_embedding, ==, hf->scales_embedding);
  g_assert_cmpint (gguf->branch_norms, ==, hf->branch_norms);
  g_assert_cmpuint (gguf->full_period, ==, hf->full_period);
  g_assert_cmpfloat (gguf->query_scalar, ==, hf->query_scalar);
  g_assert_cmpfloat (gguf->rope_local_theta, ==, hf->rope_local_theta);
  g_assert_cmpfloat (gguf->attention_softcap, ==, hf->attention_softcap);
  g_assert_cmpfloat (gguf->logit_softcap, ==, hf->logit_softcap);
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
      g_autofree char *exported = g_strdup_printf ("/cpu/gguf/%s/written by us it is the same", cases[i].name);

      g_test_add_data_func (config, GUINT_TO_POINTER (i), test_config);
      g_test_add_data_func (exported, GUINT_TO_POINTER (i), test_export);
    }
  g_test_add_func ("/cpu/gguf/export/threads do not change a byte", test_export_is_stable);
  g_test_add_func ("/cpu/gguf/export/a file made of a file is as one made of the folder", test_requantized);
  g_test_add_func ("/cpu/gguf/export/q4_k_m mixes as llama.cpp does", test_mix);
  g_test_add_func ("/cpu/gguf/export/what a file cannot tell is refused", test_not_told);
  g_test_add_func ("/cpu/gguf/export/a model without a window has none as a file", test_no_window);
  g_test_add_func ("/cpu/gguf/export/a model without limits is refused where others would divide by them",
                   test_no_limit);
  g_test_add_func ("/cpu/gguf/export/a cancel leaves nothing", test_cancelled);
  return g_test_run ();
}
