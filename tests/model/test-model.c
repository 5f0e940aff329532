#include "model-test-util.h"
#include "model/steer-gguf-export.h"
#include "tensor-test-util.h"
#include "test-util.h"

#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <string.h>

#define SMALL TEST_SMALL_CONFIG ("")

static SteerModel *
open_ok (TestModel *files)
{
  g_autoptr (GError) error = NULL;
  SteerModel *model;

  test_model_write (files);
  model = steer_model_open (files->dir, NULL, &error);
  g_assert_no_error (error);
  return model;
}

/* Opening must fail with this code and a message that holds each of the words. */
static void G_GNUC_NULL_TERMINATED
assert_refused (const char *path, GQuark domain, int code, ...)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerModel) model = steer_model_open (path, NULL, &error);
  const char *word;
  va_list words;

  g_assert_null (model);
  g_assert_error (error, domain, code);
  va_start (words, code);
  while ((word = va_arg (words, const char *)) != NULL)
    if (strstr (error->message, word) == NULL)
      g_error ("\"%s\" does not say \"%s\"", error->message, word);
  va_end (words);
}

static void
assert_named (const SteerTensor *tensor, const char *name)
{
  g_assert_nonnull (tensor);
  g_assert_cmpstr (tensor->name, ==, name);
}

static void
test_roles (void)
{
  g_autoptr (TestModel) files = test_model_new (&test_small_sizes, "model.", SMALL);
  g_autoptr (SteerModel) model = open_ok (files);
  const SteerWeights *weights = steer_model_get_weights (model);
  const SteerLayerWeights *layer = &weights->layers[1];
  g_autofree char *name = g_path_get_basename (files->dir);

  g_assert_cmpstr (steer_model_get_name (model), ==, name);
  g_assert_cmpstr (steer_model_get_path (model), ==, files->dir);
  g_assert_cmpstr (steer_archive_get_format (steer_model_get_archive (model)), ==, "safetensors");
  g_assert_cmpuint (steer_model_get_config (model)->n_vocab, ==, 100);
  assert_named (weights->embed, "model.embed_tokens.weight");
  assert_named (weights->final_norm, "model.norm.weight");
  assert_named (weights->output, "lm_head.weight");
  assert_named (layer->attn_norm, "model.layers.1.input_layernorm.weight");
  assert_named (layer->q, "model.layers.1.self_attn.q_proj.weight");
  assert_named (layer->k, "model.layers.1.self_attn.k_proj.weight");
  assert_named (layer->v, "model.layers.1.self_attn.v_proj.weight");
  assert_named (layer->o, "model.layers.1.self_attn.o_proj.weight");
  assert_named (layer->mlp_norm, "model.layers.1.post_attention_layernorm.weight");
  assert_named (layer->gate, "model.layers.1.mlp.gate_proj.weight");
  assert_named (layer->up, "model.layers.1.mlp.up_proj.weight");
  assert_named (layer->down, "model.layers.1.mlp.down_proj.weight");
  g_assert_true (layer->q_bias == NULL && layer->k_bias == NULL && layer->v_bias == NULL && layer->o_bias == NULL);
  g_assert_true (layer->gate_bias == NULL && layer->up_bias == NULL && layer->down_bias == NULL);
}

static void
test_biases (void)
{
  SteerModelConfig sizes = test_small_sizes;
  g_autoptr (TestModel) llama = NULL;
  g_autoptr (TestModel) qwen = NULL;
  g_autoptr (SteerModel) model = NULL;
  const SteerLayerWeights *layer;

  sizes.qkv_bias = sizes.output_bias = sizes.mlp_bias = TRUE;
  llama = test_model_new (&sizes, "model.", TEST_SMALL_CONFIG (",\"attention_bias\":true,\"mlp_bias\":true"));
  model = open_ok (llama);
  layer = &steer_model_get_weights (model)->layers[0];
  assert_named (layer->q_bias, "model.layers.0.self_attn.q_proj.bias");
  assert_named (layer->k_bias, "model.layers.0.self_attn.k_proj.bias");
  assert_named (layer->v_bias, "model.layers.0.self_attn.v_proj.bias");
  assert_named (layer->o_bias, "model.layers.0.self_attn.o_proj.bias");
  assert_named (layer->gate_bias, "model.layers.0.mlp.gate_proj.bias");
  assert_named (layer->up_bias, "model.layers.0.mlp.up_proj.bias");
  assert_named (layer->down_bias, "model.layers.0.mlp.down_proj.bias");
  g_clear_object (&model);

  g_hash_table_remove (llama->tensors, "model.layers.1.mlp.up_proj.bias");
  test_model_write (llama);
  assert_refused (llama->dir, STEER_MODEL_ERROR, STEER_MODEL_ERROR_MISSING, "model.layers.1.mlp.up_proj.bias", NULL);

  sizes.output_bias = sizes.mlp_bias = FALSE;
  qwen = test_model_new (&sizes, "model.", TEST_SMALL_CONFIG (",\"architectures\":[\"Qwen2ForCausalLM\"]"));
  model = open_ok (qwen);
  layer = &steer_model_get_weights (model)->layers[0];
  assert_named (layer->v_bias, "model.layers.0.self_attn.v_proj.bias");
  g_assert_true (layer->o_bias == NULL && layer->up_bias == NULL);
}

static void
test_no_prefix (void)
{
  g_autoptr (TestModel) files = test_model_new (&test_small_sizes, "", SMALL);
  g_autoptr (SteerModel) model = open_ok (files);

  assert_named (steer_model_get_weights (model)->embed, "embed_tokens.weight");
  assert_named (steer_model_get_weights (model)->layers[0].q, "layers.0.self_attn.q_proj.weight");
}

/* The text of a model that also sees pictures, whose other tensors are passed over. */
static void
test_pictures (void)
{
  static const char *const prefixes[] = { "language_model.model.", "model.language_model." };
  SteerModelConfig sizes = test_small_sizes;

  sizes.tie_embeddings = sizes.branch_norms = sizes.qk_norm = TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (prefixes); i++)
    {
      g_autoptr (TestModel) files = test_model_new (
        &sizes, prefixes[i],
        "{\"architectures\":[\"Gemma3ForConditionalGeneration\"],\"vision_config\":{\"hidden_size\":8},\"text_config\":"
        "{\"hidden_size\":32,\"intermediate_size\":48,\"num_hidden_layers\":2,\"num_attention_heads\":4,"
        "\"num_key_value_heads\":2,\"head_dim\":8,\"vocab_size\":100}}");
      g_autofree char *embed = g_strconcat (prefixes[i], "embed_tokens.weight", NULL);
      g_autofree char *norm = g_strconcat (prefixes[i], "layers.1.pre_feedforward_layernorm.weight", NULL);
      g_autofree char *branch = g_strconcat (prefixes[i], "layers.1.post_attention_layernorm.weight", NULL);
      g_autofree char *head_norm = g_strconcat (prefixes[i], "layers.1.self_attn.k_norm.weight", NULL);
      g_autoptr (SteerModel) model = NULL;
      const SteerWeights *weights;

      test_model_set (files, "vision_tower.vision_model.embeddings.patch_embedding.bias", "BF16 [7]");
      model = open_ok (files);
      weights = steer_model_get_weights (model);
      assert_named (weights->embed, embed);
      g_assert_true (weights->output == weights->embed);
      assert_named (weights->layers[1].mlp_norm, norm);
      assert_named (weights->layers[1].attn_branch_norm, branch);
      assert_named (weights->layers[1].k_norm, head_norm);
    }
}

static void
test_tied (void)
{
  static const char *const configs[] = { TEST_SMALL_CONFIG (",\"tie_word_embeddings\":true") };
  static const char *const embed = "model.embed_tokens.weight";
  static const char *const head = "lm_head.weight";
  g_autoptr (TestModel) files = test_model_new (&test_small_sizes, "model.", configs[0]);
  g_autoptr (SteerModel) model = NULL;
  const SteerWeights *weights;

  /* Both are stored: the embedding counts. */
  model = open_ok (files);
  weights = steer_model_get_weights (model);
  assert_named (weights->output, embed);
  g_assert_true (weights->output == weights->embed);
  g_clear_object (&model);

  /* Only the head. */
  g_hash_table_remove (files->tensors, embed);
  model = open_ok (files);
  weights = steer_model_get_weights (model);
  assert_named (weights->embed, head);
  g_assert_true (weights->output == weights->embed);
  g_clear_object (&model);

  /* Only the embedding. */
  g_hash_table_remove (files->tensors, head);
  test_model_set (files, embed, "BF16 [100,32]");
  model = open_ok (files);
  weights = steer_model_get_weights (model);
  assert_named (weights->output, embed);
  g_clear_object (&model);

  /* Neither. */
  g_hash_table_remove (files->tensors, embed);
  test_model_write (files);
  assert_refused (files->dir, STEER_MODEL_ERROR, STEER_MODEL_ERROR_MISSING, embed, NULL);
}

static void
test_alias (void)
{
  g_autoptr (TestModel) files = test_model_new (&test_small_sizes, "model.", SMALL);
  g_autoptr (SteerModel) model = NULL;
  const SteerWeights *weights;

  g_hash_table_remove (files->tensors, "lm_head.weight");
  test_model_write (files);
  assert_refused (files->dir, STEER_MODEL_ERROR, STEER_MODEL_ERROR_MISSING, files->dir, "\"lm_head.weight\"", NULL);

  g_hash_table_insert (files->metadata, g_strdup ("lm_head.weight"), g_strdup ("model.embed_tokens.weight"));
  model = open_ok (files);
  weights = steer_model_get_weights (model);
  g_assert_true (weights->output == weights->embed);
}

/* Each tensor in turn is left out, and then given another shape. */
static void
check_every_tensor (TestModel *files, guint n_tensors)
{
  g_autoptr (GList) names = g_hash_table_get_keys (files->tensors);

  g_assert_cmpuint (g_list_length (names), ==, n_tensors);
  for (GList *item = names; item != NULL; item = item->next)
    {
      g_autofree char *name = g_strdup (item->data);
      g_autofree char *text = g_strdup (g_hash_table_lookup (files->tensors, name));
      g_autofree char *quoted = g_strdup_printf ("\"%s\"", name);
      gboolean is_matrix = strchr (text, ',') != NULL;

      g_hash_table_remove (files->tensors, name); /* frees what item->data points to */
      test_model_write (files);
      assert_refused (files->dir, STEER_MODEL_ERROR, STEER_MODEL_ERROR_MISSING, quoted, NULL);

      test_model_set (files, name, is_matrix ? "BF16 [100,33]" : "BF16 [31]");
      test_model_write (files);
      assert_refused (files->dir, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID, "model.safetensors", quoted,
                      is_matrix ? "[100, 33]" : "[31]", NULL);
      test_model_set (files, name, is_matrix ? "BF16 [32]" : "BF16 [1,32]");
      test_model_write (files);
      assert_refused (files->dir, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID, quoted, NULL);

      test_model_set (files, name, text);
    }
  test_model_write (files);
  {
    g_autoptr (SteerModel) model = open_ok (files);
    g_assert_nonnull (model);
  }
}

static void
test_every_tensor (void)
{
  SteerModelConfig sizes = test_small_sizes;
  g_autoptr (TestModel) llama = NULL;
  g_autoptr (TestModel) qwen = NULL;
  g_autoptr (TestModel) gemma = NULL;

  sizes.qkv_bias = sizes.output_bias = sizes.mlp_bias = TRUE;
  llama = test_model_new (&sizes, "model.", TEST_SMALL_CONFIG (",\"attention_bias\":true,\"mlp_bias\":true"));
  check_every_tensor (llama, 3 + 2 * 16);

  sizes = test_small_sizes;
  sizes.qk_norm = TRUE;
  qwen
    = test_model_new (&sizes, "model.", TEST_SMALL_CONFIG (",\"architectures\":[\"Qwen3ForCausalLM\"],\"head_dim\":8"));
  check_every_tensor (qwen, 3 + 2 * 11);

  sizes = test_small_sizes;
  sizes.branch_norms = TRUE;
  gemma = test_model_new (&sizes, "model.",
                          TEST_SMALL_CONFIG (",\"architectures\":[\"Gemma2ForCausalLM\"],\"head_dim\":8,"
                                             "\"tie_word_embeddings\":false"));
  check_every_tensor (gemma, 3 + 2 * 11);
}

static void
test_shape_message (void)
{
  g_autoptr (TestModel) files = test_model_new (&test_small_sizes, "model.", SMALL);

  test_model_set (files, "model.layers.1.self_attn.k_proj.weight", "BF16 [32,32]");
  test_model_write (files);
  assert_refused (
    files->dir, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID,
    "model.safetensors: tensor \"model.layers.1.self_attn.k_proj.weight\" has the shape [32, 32], but the "
    "configuration asks for [16, 32]",
    NULL);
}

static void
test_dtypes (void)
{
  g_autoptr (TestModel) files = test_model_new (&test_small_sizes, "model.", SMALL);
  g_autoptr (SteerModel) model = NULL;

  test_model_set (files, "model.norm.weight", "F32 [32]");
  test_model_set (files, "lm_head.weight", "F16 [100,32]");
  model = open_ok (files);
  g_assert_nonnull (model);
  g_clear_object (&model);

  test_model_set (files, "lm_head.weight", "I8 [100,32]");
  test_model_write (files);
  assert_refused (files->dir, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED, "\"lm_head.weight\"", "I8", "BF16",
                  NULL);
  test_model_set (files, "lm_head.weight", "F64 [100,32]");
  test_model_write (files);
  assert_refused (files->dir, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED, "F64", NULL);
}

static void
test_other_paths (void)
{
  g_autoptr (TestModel) files = test_model_new (&test_small_sizes, "model.", SMALL);
  g_autofree char *file = g_build_filename (files->dir, "config.json", NULL);
  g_autofree char *missing = g_build_filename (files->dir, "missing", NULL);

  assert_refused (file, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID, file, "folder with config.json", NULL);
  assert_refused (missing, STEER_MODEL_ERROR, STEER_MODEL_ERROR_MISSING, missing, NULL);
  assert_refused (files->dir, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_NOT_FOUND, files->dir, "model.safetensors", NULL);
  g_free (test_write_text (files->dir, "pytorch_model.bin", "x"));
  assert_refused (files->dir, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED, "pytorch_model.bin", "safetensors",
                  NULL);
  g_remove (file);
  assert_refused (files->dir, STEER_MODEL_ERROR, STEER_MODEL_ERROR_MISSING, file, NULL);
}

static void
test_hub_name (void)
{
  g_autoptr (TestModel) files = test_model_new (&test_small_sizes, "model.", SMALL);
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerModel) model = NULL;
  g_autofree char *repository = g_build_filename (files->dir, "models--org--Some-Model", "snapshots", NULL);
  g_autofree char *revision = g_build_filename (repository, "0123abcd", NULL);

  test_model_write (files);
  g_assert_cmpint (g_mkdir_with_parents (repository, 0700), ==, 0);
  g_assert_true (g_file_test (repository, G_FILE_TEST_IS_DIR));
  {
    g_autoptr (GFile) link = g_file_new_for_path (revision);
    g_assert_true (g_file_make_symbolic_link (link, files->dir, NULL, NULL));
  }
  model = steer_model_open (revision, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (steer_model_get_name (model), ==, "Some-Model");
}

/* In a GGUF file of Gemma 2, the output is the embedding; who reads one looks for nothing else. */
static void
test_untied_export (void)
{
  SteerModelConfig sizes = test_small_sizes;
  g_autoptr (TestModel) files = NULL;
  g_autoptr (SteerModel) model = NULL;
  g_autoptr (SteerGgufWriter) writer = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;

  sizes.branch_norms = TRUE;
  files = test_model_new (&sizes, "model.",
                          TEST_SMALL_CONFIG (",\"architectures\":[\"Gemma2ForCausalLM\"],\"head_dim\":8,"
                                             "\"query_pre_attn_scalar\":8,\"tie_word_embeddings\":false"));
  model = open_ok (files);
  path = g_build_filename (files->dir, "model.gguf", NULL);
  writer = steer_gguf_writer_new (path);
  g_assert_false (steer_model_export_gguf (model, STEER_EXPORT_F16, writer, 1, NULL, NULL, NULL, &error));
  g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, "\"lm_head.weight\" is not the embedding's"));
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
}

static void
test_decode_bytes (void)
{
  g_autoptr (TestModel) files = test_model_new (&test_small_sizes, "model.", SMALL);
  g_autoptr (SteerModel) model = open_ok (files);
  guint64 layer = 2 * 32 + 2 * 32 * 32 + 2 * 16 * 32 + 3 * 48 * 32;

  g_assert_cmpuint (steer_model_get_decode_bytes (model), ==, 2 * (2 * layer + 32 + 100 * 32));
}

static void
test_cancelled (void)
{
  g_autoptr (TestModel) files = test_model_new (&test_small_sizes, "model.", SMALL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  test_model_write (files);
  g_cancellable_cancel (cancellable);
  g_assert_null (steer_model_open (files->dir, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
test_real_models (void)
{
  static const struct
  {
    const char *path;
    const char *summary;
  } models[] = {
    { "models/tinystories-656k", "Llama, 2 layers, d 128, 656 K parameters" },
    { "models/stories260k", "Llama, 5 layers, d 64, 260 K parameters" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (models); i++)
    {
      g_autofree char *path = test_shared_path (models[i].path);
      g_autofree char *summary = NULL;
      g_autoptr (SteerModel) model = NULL;
      g_autoptr (GError) error = NULL;

      if (path == NULL)
        return;
      model = steer_model_open (path, NULL, &error);
      g_assert_no_error (error);
      summary = steer_model_config_dup_summary (steer_model_get_config (model));
      g_assert_cmpstr (summary, ==, models[i].summary);
      g_assert_true (steer_model_get_weights (model)->output == steer_model_get_weights (model)->embed);
    }
}

/* The shape of a tensor of Llama 3.1 8B. */
static const char *
get_8b_shape (const char *name)
{
  if (strstr (name, "norm") != NULL)
    return "[4096]";
  if (g_str_has_prefix (name, "lm_head") || strstr (name, "embed_tokens") != NULL)
    return "[128256,4096]";
  if (strstr (name, "k_proj") != NULL || strstr (name, "v_proj") != NULL)
    return "[1024,4096]";
  if (strstr (name, "gate_proj") != NULL || strstr (name, "up_proj") != NULL)
    return "[14336,4096]";
  return strstr (name, "down_proj") != NULL ? "[4096,14336]" : "[4096,4096]";
}

static guint64
get_n_bytes (const char *shape)
{
  guint64 rows = g_ascii_strtoull (shape + 1, NULL, 10);
  const char *comma = strchr (shape, ',');

  return 2 * rows * (comma != NULL ? g_ascii_strtoull (comma + 1, NULL, 10) : 1);
}

/* One shard of the official size: its header is padded with spaces to the official length. */
static void
write_8b_shard (const char *dir, const char *shard, JsonObject *weight_map, guint64 payload, guint64 file_size)
{
  g_autoptr (GString) header = g_string_new ("{\"__metadata__\":{\"format\":\"pt\"}");
  g_autoptr (GList) names = json_object_get_members (weight_map);
  guint64 position = 0;

  for (GList *name = names; name != NULL; name = name->next)
    {
      const char *shape = get_8b_shape (name->data);

      if (strcmp (json_object_get_string_member (weight_map, name->data), shard) != 0)
        continue;
      g_string_append_printf (header,
                              ",\"%s\":{\"dtype\":\"BF16\",\"shape\":%s,\"data_offsets\":[%" G_GUINT64_FORMAT
                              ",%" G_GUINT64_FORMAT "]}",
                              (char *) name->data, shape, position, position + get_n_bytes (shape));
      position += get_n_bytes (shape);
    }
  g_string_append_c (header, '}');
  g_assert_cmpuint (position, ==, payload);
  g_assert_cmpuint (8 + header->len + payload, <=, file_size);
  while (8 + header->len + payload < file_size)
    g_string_append_c (header, ' ');
  g_free (test_write_sparse_safetensors (dir, shard, header->str, payload));
}

static void
test_true_shape_8b (void)
{
  static const guint64 payloads[] = { 4976689152, 4999790592, 4915904512, 1168138240 };
  static const guint64 file_sizes[] = { 4976698672, 4999802720, 4915916176, 1168138808 };
  g_autofree char *source = test_shared_path ("llama-3.1-8b-instruct");
  g_autofree char *dir = NULL;
  g_autofree char *index = NULL;
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (SteerModel) model = NULL;
  g_autoptr (GError) error = NULL;
  const SteerWeights *weights;
  gint64 start;

  if (source == NULL)
    return;
  dir = test_make_dir ();
  for (guint i = 0; i < 3; i++)
    {
      static const char *const names[] = { "config.json", "generation_config.json", "model.safetensors.index.json" };
      g_autofree char *from = g_build_filename (source, names[i], NULL);
      g_autofree char *text = NULL;

      g_assert_true (g_file_get_contents (from, &text, NULL, NULL));
      g_free (test_write_text (dir, names[i], text));
    }
  index = g_build_filename (dir, "model.safetensors.index.json", NULL);
  g_assert_true (json_parser_load_from_file (parser, index, NULL));
  for (guint i = 0; i < 4; i++)
    {
      g_autofree char *shard = g_strdup_printf ("model-0000%u-of-00004.safetensors", i + 1);
      JsonObject *root = json_node_get_object (json_parser_get_root (parser));

      write_8b_shard (dir, shard, json_object_get_object_member (root, "weight_map"), payloads[i], file_sizes[i]);
    }

  start = g_get_monotonic_time ();
  model = steer_model_open (dir, NULL, &error);
  g_test_message ("opened in %.1f ms", (double) (g_get_monotonic_time () - start) / 1000.0);
  g_assert_no_error (error);
  g_assert_cmpint (g_get_monotonic_time () - start, <, 5 * G_USEC_PER_SEC);

  weights = steer_model_get_weights (model);
  g_assert_cmpuint (steer_model_get_config (model)->n_layers, ==, 32);
  g_assert_cmpuint (steer_archive_get_n_tensors (steer_model_get_archive (model)), ==, 291);
  g_assert_cmpuint (steer_archive_get_file_size (steer_model_get_archive (model)), >, 16060522496);
  g_assert_cmpint (weights->embed->shape[0], ==, 128256);
  g_assert_cmpint (weights->output->shape[1], ==, 4096);
  g_assert_cmpint (weights->layers[31].k->shape[0], ==, 1024);
  g_assert_cmpint (weights->layers[31].down->shape[1], ==, 14336);
  g_assert_cmpuint (steer_model_get_decode_bytes (model), ==, 16060522496 - (guint64) 128256 * 4096 * 2);
  g_clear_object (&model);
  test_remove_dir (g_steal_pointer (&dir));
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/model/weights-are-found-by-role", test_roles);
  g_test_add_func ("/model/biases-are-found-where-the-configuration-has-them", test_biases);
  g_test_add_func ("/model/names-without-prefix-are-found", test_no_prefix);
  g_test_add_func ("/model/names-of-a-model-that-sees-pictures-are-found", test_pictures);
  g_test_add_func ("/model/tied-embeddings-may-be-stored-under-either-name", test_tied);
  g_test_add_func ("/model/an-alias-in-the-file-ties-too", test_alias);
  g_test_add_func ("/model/each-missing-or-misshapen-tensor-is-named", test_every_tensor);
  g_test_add_func ("/model/a-wrong-shape-is-told-beside-the-right-one", test_shape_message);
  g_test_add_func ("/model/only-float-weights-are-taken", test_dtypes);
  g_test_add_func ("/model/paths-that-are-no-model-are-refused-with-advice", test_other_paths);
  g_test_add_func ("/model/a-model-in-the-hub's-cache-has-its-repository's-name", test_hub_name);
  g_test_add_func ("/model/an-output-that-a-gguf-file-cannot-tell-is-refused", test_untied_export);
  g_test_add_func ("/model/a-decode-step-reads-all-but-the-embedding", test_decode_bytes);
  g_test_add_func ("/model/a-cancelled-open-says-so", test_cancelled);
  g_test_add_func ("/model/real-small-models-open", test_real_models);
  g_test_add_func ("/model/a-model-of-the-true-shape-of-llama-3.1-8b-opens", test_true_shape_8b);
  return g_test_run ();
}
