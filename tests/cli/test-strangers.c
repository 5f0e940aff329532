/* Files from strangers: what they hold is shown and does nothing. No escape sequence reaches the terminal, and nothing
 * outside the file's own folder is read. */
#include <glib/gstdio.h>
#include <string.h>

#include "cli-test-util.h"
#include "tensor/steer-safetensors-writer.h"
#include "test-util.h"

/* Sets a terminal's title, clears its screen, and the C1 form of the same; markup for a label. */
#define EVIL "\033]0;evil\007\033[2J\302\233\302\205<b>&"
#define EVIL_JSON "\\u001b]0;evil\\u0007\\u001b[2J\\u009b\\u0085<b>&"

static void
assert_harmless (const CliResult *result)
{
  g_test_message ("%d: %s%s", result->status, result->out, result->err);
  g_assert_true (cli_is_safe (result->out));
  g_assert_true (cli_is_safe (result->err));
}

static char *
write_file (const char *dir, const char *name, const char *text)
{
  char *path = g_build_filename (dir, name, NULL);

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  return path;
}

static char *
write_preset (const char *dir)
{
  return write_file (
    dir, "evil" EVIL ".yaml",
    "version: 1\nname: \"\\e]0;evil\\a\\e[2J\\x9b<b>&\"\ndescription: \"\\e[31m\"\nmodel: \"\\e[31m\"\n"
    "features:\n- {layer: 2, index: 97, strength: 5, label: \"\\e[31m<b>\"}\n");
}

static void
test_presets (void)
{
  char *dir = test_make_dir ();
  g_autofree char *preset = write_preset (dir);
  g_autofree char *broken = write_file (dir, "broken" EVIL ".yaml", "version: 1\nfeatures: \"\\e[31m\"\n");
  const char *const files[] = { preset, broken };

  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_auto (CliResult) info = { 0 };
      g_auto (CliResult) chat = { 0 };

      CLI_RUN (&info, NULL, "info", files[i]);
      assert_harmless (&info);
      CLI_RUN (&chat, "/features\n/presets\n/help\n", "chat", "--model", cli_model (), "--vectors", cli_vectors (),
               "--preset", files[i], "-n", "2", "-t", "0");
      assert_harmless (&chat);
      g_assert_cmpint (chat.status, ==, i == 0 ? 0 : 1);
    }
  test_remove_dir (dir);
}

static void
test_model_folders (void)
{
  static const char *const configs[] = {
    "{\"architectures\": [\"" EVIL_JSON "\"]}",
    "{\"model_type\": \"" EVIL_JSON "\"}",
    "{\"architectures\": [\"LlamaForCausalLM\"], \"hidden_size\": \"" EVIL_JSON "\"}",
    EVIL,
    "{\"" EVIL_JSON "\": " EVIL "}",
  };
  char *dir = test_make_dir ();
  g_autofree char *model = g_build_filename (dir, "model" EVIL, NULL);

  g_assert_cmpint (g_mkdir (model, 0700), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (configs); i++)
    {
      g_autofree char *config = write_file (model, "config.json", configs[i]);
      g_autofree char *template = write_file (model, "chat_template.jinja", "{{ '" EVIL "' }}");
      g_autofree char *tokenizer = write_file (model, "tokenizer.json", configs[i]);
      g_auto (CliResult) info = { 0 };
      g_auto (CliResult) chat = { 0 };

      CLI_RUN (&info, NULL, "info", model);
      assert_harmless (&info);
      CLI_RUN (&chat, "Hi\n", "chat", "--model", model);
      assert_harmless (&chat);
      g_assert_cmpint (chat.status, ==, 1);
    }
  test_remove_dir (dir);
}

/* GGUF: one key of each name and one text of each kind, then no tensors. */
static void
test_gguf (void)
{
  const char text[] = EVIL;
  guint64 length = sizeof text - 1;
  guint64 counts[2] = { 0, 1 };
  guint32 version = 3, type = 8;
  char *dir = test_make_dir ();
  g_autofree char *path = g_build_filename (dir, "evil" EVIL ".gguf", NULL);
  g_autoptr (GByteArray) file = g_byte_array_new ();
  g_auto (CliResult) result = { 0 };

#define APPEND(value) g_byte_array_append (file, (const guint8 *) &(value), sizeof (value))
  g_byte_array_append (file, (const guint8 *) "GGUF", 4);
  APPEND (version);
  APPEND (counts);
  for (guint i = 0; i < 2; i++)
    {
      APPEND (length);
      g_byte_array_append (file, (const guint8 *) text, (guint) length);
      if (i == 0)
        APPEND (type);
    }
#undef APPEND
  g_assert_true (g_file_set_contents (path, (const char *) file->data, file->len, NULL));
  CLI_RUN (&result, NULL, "info", path);
  assert_harmless (&result);
  g_assert_cmpint (result.status, ==, 0);
  g_assert_nonnull (strstr (result.out, "evil"));
  test_remove_dir (dir);
}

static void
test_labels (void)
{
  char *dir = test_make_dir ();
  g_autofree char *folder = g_build_filename (dir, "resid_post_layer_2", "trainer_0", NULL);
  g_autofree char *labels = NULL;
  const char *const names[] = { "ae.pt", "config.json" };
  g_auto (CliResult) result = { 0 };

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *relative = g_build_filename ("cli/sae/resid_post_layer_2/trainer_0", names[i], NULL);
      g_autofree char *source = test_fixture_path (relative);
      g_autofree char *target = g_build_filename (folder, names[i], NULL);
      g_autofree char *data = NULL;
      gsize size;

      g_assert_true (g_file_get_contents (source, &data, &size, NULL));
      g_assert_true (g_file_set_contents (target, data, (gssize) size, NULL));
    }
  labels = write_file (dir, "labels.jsonl",
                       "{\"layer\": 2, \"index\": \"97\", \"description\": \"" EVIL_JSON "\"}\n"
                       "{\"layer\": 2, \"index\": \"98\", \"description\": \"" EVIL_JSON "\"}\n");
  CLI_RUN (&result, NULL, "inspect", "--model", cli_model (), "--sae", dir, "-p", "abab", "--raw");
  assert_harmless (&result);
  g_assert_cmpint (result.status, ==, 0);
  g_assert_nonnull (strstr (result.out, "evil"));
  test_remove_dir (dir);
}

/* A model's index names its shards; one that lies elsewhere is refused by its name and not opened. */
static void
test_paths_upwards (void)
{
  static const char *const shards[]
    = { "../secret.safetensors", "/etc/hostname", "sub/../../secret.safetensors", ".." };

  for (guint i = 0; i < G_N_ELEMENTS (shards); i++)
    {
      const char *const without[] = { "model.safetensors", NULL };
      g_autofree char *model = cli_copy_model (without);
      g_autofree char *text = g_strdup_printf ("{\"weight_map\": {\"model.embed_tokens.weight\": \"%s\"}}", shards[i]);
      g_autofree char *index = write_file (model, "model.safetensors.index.json", text);
      g_auto (CliResult) result = { 0 };

      CLI_RUN (&result, "Hi\n", "chat", "--model", model);
      assert_harmless (&result);
      g_assert_cmpint (result.status, ==, 1);
      g_assert_nonnull (strstr (result.err, shards[i]));
      test_remove_dir (g_steal_pointer (&model));
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/strangers/presets cannot speak to the terminal", test_presets);
  g_test_add_func ("/strangers/model folders cannot speak to the terminal", test_model_folders);
  g_test_add_func ("/strangers/GGUF keys cannot speak to the terminal", test_gguf);
  g_test_add_func ("/strangers/labels cannot speak to the terminal", test_labels);
  g_test_add_func ("/strangers/an index cannot name files outside its folder", test_paths_upwards);
  return g_test_run ();
}
