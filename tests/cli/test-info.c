#include <string.h>

#include "cli-test-util.h"
#include "tensor/steer-safetensors-writer.h"
#include "test-util.h"

static JsonObject *
info_json (const char *path)
{
  g_auto (CliResult) result = { 0 };

  CLI_RUN (&result, NULL, "info", "--json", path);
  return cli_parse (&result);
}

static void
test_model (void)
{
  g_autoptr (JsonObject) object = info_json (cli_model ());
  g_auto (CliResult) text = { 0 };
  JsonObject *config = json_object_get_object_member (object, "config");

  g_assert_cmpstr (json_object_get_string_member (object, "kind"), ==, "model");
  g_assert_cmpint (json_object_get_int_member (config, "n_layers"), ==, 3);
  g_assert_cmpint (json_object_get_int_member (config, "d_model"), ==, 32);
  g_assert_cmpint (json_object_get_int_member (object, "tokenizer_tokens"), ==, 259);
  g_assert_cmpstr (json_object_get_string_member (object, "template"), ==, "chatml");
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (object, "tensors")), ==, 30);
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (object, "lacks")), ==, 0);

  CLI_RUN (&text, NULL, "info", cli_model ());
  g_assert_cmpint (text.status, ==, 0);
  g_assert_nonnull (strstr (text.out, "model.layers.*.mlp.up_proj.weight  (3)"));
  g_assert_null (strstr (text.out, "lacks"));
  CLI_RUN (&text, NULL, "info", "--tensors", cli_model ());
  g_assert_nonnull (strstr (text.out, "model.layers.1.mlp.up_proj.weight\n"));
}

/* The bundled model's authors have an opinion. */
static void
test_sampling (void)
{
  g_autofree char *demo = g_build_filename (g_getenv ("STEER_TEST_DEMO"), "model", NULL);
  g_autoptr (JsonObject) object = info_json (demo);
  g_autoptr (JsonObject) silent = info_json (cli_model ());
  JsonObject *sampling = json_object_get_object_member (json_object_get_object_member (object, "config"), "sampling");
  g_auto (CliResult) text = { 0 };

  g_assert_cmpuint (json_object_get_size (sampling), ==, 3);
  g_assert_cmpfloat (json_object_get_double_member (sampling, "temperature"), ==, 0.5);
  g_assert_cmpfloat (json_object_get_double_member (sampling, "repetition_penalty"), ==, 1.1);
  sampling = json_object_get_object_member (json_object_get_object_member (silent, "config"), "sampling");
  g_assert_cmpuint (json_object_get_size (sampling), ==, 0);

  CLI_RUN (&text, NULL, "info", demo);
  g_assert_nonnull (strstr (text.out, "\nits authors advise temperature 0.5, top_p 0.95, repetition_penalty 1.1\n"));
}

/* What is left out is named; the rest is told all the same. */
static void
test_lacks (void)
{
  static const struct
  {
    const char *file;
    const char *complaint;
  } cases[] = {
    { "config.json", "config.json" },
    { "model.safetensors", "safetensors" },
    { "tokenizer.json", "tokenizer.json" },
    { "tokenizer_config.json", "--template" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const char *const without[] = { cases[i].file, NULL };
      g_autofree char *model = cli_copy_model (without);
      g_autoptr (JsonObject) object = info_json (model);
      JsonArray *lacks = json_object_get_array_member (object, "lacks");

      g_assert_cmpuint (json_array_get_length (lacks), >=, 1);
      g_assert_nonnull (strstr (json_array_get_string_element (lacks, 0), cases[i].complaint));
      g_assert_true (json_object_has_member (object, "config") == (i != 0));
      g_assert_true (json_object_has_member (object, "tensors") == (i != 1));
      test_remove_dir (g_steal_pointer (&model));
    }
}

static void
test_vectors (void)
{
  g_autoptr (JsonObject) object = info_json (cli_vectors ());
  JsonArray *features = json_object_get_array_member (object, "features");
  g_auto (CliResult) text = { 0 };

  g_assert_cmpstr (json_object_get_string_member (object, "kind"), ==, "vectors");
  g_assert_cmpint (json_object_get_int_member (object, "d_model"), ==, 32);
  g_assert_cmpuint (json_array_get_length (features), ==, 8);
  g_assert_cmpstr (json_object_get_string_member (json_array_get_object_element (features, 2), "label"), ==,
                   "the letter a");
  CLI_RUN (&text, NULL, "info", cli_vectors ());
  g_assert_nonnull (strstr (text.out, "the letter a"));
  g_assert_nonnull (strstr (text.out, "(strength 60, range 0 … 100)"));
}

static void
test_preset (void)
{
  g_autoptr (JsonObject) object = info_json (cli_calm ());
  JsonObject *feature = json_array_get_object_element (json_object_get_array_member (object, "features"), 0);

  g_assert_cmpstr (json_object_get_string_member (object, "kind"), ==, "preset");
  g_assert_cmpstr (json_object_get_string_member (object, "name"), ==, "calm");
  g_assert_cmpint (json_object_get_int_member (feature, "index"), ==, 97);
  g_assert_cmpfloat (json_object_get_double_member (feature, "strength"), ==, 80.0);
  g_assert_false (json_object_has_member (feature, "when"));
}

static void
test_condition (void)
{
  g_autofree char *path = test_fixture_path ("steering/every-key.yaml");
  g_autoptr (JsonObject) object = info_json (path);
  JsonObject *feature = json_array_get_object_element (json_object_get_array_member (object, "features"), 1);
  g_auto (CliResult) text = { 0 };

  g_assert_cmpstr (json_object_get_string_member (feature, "when"), ==, "activation(21576) <= 2.5");
  CLI_RUN (&text, NULL, "info", path);
  g_assert_nonnull (strstr (text.out, "  -2.81 clamp where activation(21576) <= 2.5 (off)\n"));
}

static void
test_tokenizer (void)
{
  g_autofree char *path = g_build_filename (cli_model (), "tokenizer.json", NULL);
  g_autoptr (JsonObject) object = info_json (path);

  g_assert_cmpstr (json_object_get_string_member (object, "kind"), ==, "tokenizer");
  g_assert_cmpint (json_object_get_int_member (object, "tokenizer_tokens"), ==, 259);
}

/* A stranger's file must not speak to the terminal. */
static void
test_escapes (void)
{
  static const float values[4] = { 1, 2, 3, 4 };
  const SteerTensor tensors[] = {
    { .name = "1.5",
      .dtype = STEER_DTYPE_F32,
      .n_dims = 1,
      .shape = { 4 },
      .stride = { 1 },
      .data = (const guint8 *) values,
      .n_bytes = sizeof values },
  };
  const SteerTensor odd[] = {
    { .name = "weight\033]0;evil\007\302\233",
      .dtype = STEER_DTYPE_F32,
      .n_dims = 1,
      .shape = { 4 },
      .stride = { 1 },
      .data = (const guint8 *) values,
      .n_bytes = sizeof values },
  };
  g_autofree char *dir = test_make_dir ();
  g_autofree char *path = g_build_filename (dir, "evil\033[2J.safetensors", NULL);
  g_autoptr (GHashTable) metadata = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GError) error = NULL;
  g_auto (CliResult) result = { 0 };

  g_hash_table_insert (metadata, (gpointer) "label.1.5", (gpointer) "evil\033]0;title\007\302\233");
  steer_safetensors_write (path, tensors, 1, metadata, NULL, &error);
  g_assert_no_error (error);
  CLI_RUN (&result, NULL, "info", path);
  g_assert_cmpint (result.status, ==, 0);
  g_assert_true (cli_is_safe (result.out));
  g_assert_nonnull (strstr (result.out, "evil\\x1b]0;title\\x07\\x9b"));
  CLI_RUN (&result, NULL, "info", "--json", path);
  g_assert_true (cli_is_safe (result.out));

  steer_safetensors_write (path, odd, 1, metadata, NULL, &error);
  g_assert_no_error (error);
  CLI_RUN (&result, NULL, "info", path);
  g_assert_cmpint (result.status, ==, 0);
  g_assert_true (cli_is_safe (result.out));
  CLI_RUN (&result, NULL, "info", "--json", path);
  g_assert_true (cli_is_safe (result.out));
  test_remove_dir (g_steal_pointer (&dir));
}

static void
test_errors (void)
{
  g_autofree char *dir = test_make_dir ();
  g_autofree char *garbage = g_build_filename (dir, "garbage\033[31m", NULL);
  g_auto (CliResult) result = { 0 };

  g_assert_true (g_file_set_contents (garbage, "version https://git-lfs\033[31m", -1, NULL));
  CLI_RUN (&result, NULL, "info", garbage);
  g_assert_cmpint (result.status, ==, 1);
  g_assert_true (cli_is_safe (result.err));
  CLI_RUN (&result, NULL, "info", dir);
  g_assert_cmpint (result.status, ==, 1);
  CLI_RUN (&result, NULL, "info", "/nonexistent.yaml");
  g_assert_cmpint (result.status, ==, 1);
  g_assert_nonnull (strstr (result.err, "/nonexistent.yaml"));
  test_remove_dir (g_steal_pointer (&dir));
}

static void
test_devices (void)
{
  g_auto (CliResult) result = { 0 };
  g_autoptr (JsonNode) node = NULL;
  gboolean found = FALSE;

  CLI_RUN (&result, NULL, "devices", "--json");
  g_assert_cmpint (result.status, ==, 0);
  node = json_from_string (result.out, NULL);
  g_assert_nonnull (node);
  for (guint i = 0; i < json_array_get_length (json_node_get_array (node)); i++)
    {
      JsonObject *device = json_array_get_object_element (json_node_get_array (node), i);

      if (strcmp (json_object_get_string_member (device, "id"), "cpu") != 0)
        continue;
      found = TRUE;
      g_assert_true (json_object_get_boolean_member (device, "usable"));
      g_assert_cmpint (json_object_get_int_member (device, "memory_total"), >, 0);
    }
  g_assert_true (found);
  CLI_RUN (&result, NULL, "devices");
  g_assert_nonnull (strstr (result.out, "cpu "));
}

/* Nothing in it is undefined, and it finds that there is no GPU, or one. */
static void
test_cuda_module (void)
{
  const char *module = g_getenv ("STEER_TEST_CUDA_MODULE");
  g_auto (CliResult) result = { 0 };

  if (module == NULL)
    {
      g_test_skip ("built without nvcc");
      return;
    }
  g_setenv ("STEER_CUDA_MODULE", module, TRUE);
  CLI_RUN (&result, NULL, "devices");
  g_unsetenv ("STEER_CUDA_MODULE");
  g_assert_cmpint (result.status, ==, 0);
  g_assert_nonnull (strstr (result.out, "cuda"));
  g_assert_null (strstr (result.out, "cannot be opened"));
}

static void
test_bench (void)
{
  static const char *const names[]
    = { "prefill_tokens_per_s", "decode_tokens_per_s", "bytes_per_token", "read_bandwidth", "bandwidth_fraction" };
  g_auto (CliResult) result = { 0 };
  g_autoptr (JsonObject) object = NULL;
  JsonObject *steering;

  CLI_RUN (&result, NULL, "bench", "--model", cli_model (), "--prompt-tokens", "16", "--gen-tokens", "4", "--json");
  object = cli_parse (&result);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    g_assert_cmpfloat (json_object_get_double_member (object, names[i]), >, 0.0);
  steering = json_object_get_object_member (object, "steering");
  g_assert_cmpint (json_object_get_int_member (steering, "features"), ==, 8);
  /* Four layers were wanted, and the model has three. */
  g_assert_cmpint (json_object_get_int_member (steering, "layers"), ==, 3);
  g_assert_true (json_object_has_member (steering, "decode_cost"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cli/info/a model is described", test_model);
  g_test_add_func ("/cli/info/the advice of a model's authors is told", test_sampling);
  g_test_add_func ("/cli/info/what a model lacks is named", test_lacks);
  g_test_add_func ("/cli/info/a library of vectors tells its features", test_vectors);
  g_test_add_func ("/cli/info/a preset tells its features", test_preset);
  g_test_add_func ("/cli/info/a preset tells where a feature acts", test_condition);
  g_test_add_func ("/cli/info/a tokenizer is recognised", test_tokenizer);
  g_test_add_func ("/cli/info/names and labels cannot act on the terminal", test_escapes);
  g_test_add_func ("/cli/info/what is nothing known is refused", test_errors);
  g_test_add_func ("/cli/devices/the processor is listed with its memory", test_devices);
  g_test_add_func ("/cli/devices/the CUDA module of this build opens", test_cuda_module);
  g_test_add_func ("/cli/bench/speed, memory and the cost of steering are measured", test_bench);
  return g_test_run ();
}
