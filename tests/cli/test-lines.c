#include <string.h>

#include "cli-test-util.h"
#include "test-util.h"

/* Runs the command over @input and gives the lines of its output; free with g_strfreev(). */
static char **
run_lines (const char *const *args, const char *input, int status)
{
  g_auto (CliResult) result = { 0 };

  cli_run (&result, input, args);
  if (result.status != status)
    g_error ("%s: status %d: %s", args[0], result.status, result.err);
  return g_strsplit (result.out, "\n", -1);
}

static void
test_tokenize (void)
{
  const char *const encode[] = { "tokenize", "--model", cli_model (), NULL };
  const char *const decode[] = { "tokenize", "--model", cli_model (), "--decode", NULL };
  g_auto (GStrv) ids = run_lines (encode,
                                  "{\"text\":\"Hi\"}\n{\"other\":{\"text\":1},\"text\":\"\\u0000\\n\\u001b\\\"\"}\r\n"
                                  "{\"text\":\"é\"}",
                                  0);
  g_auto (GStrv) texts
    = run_lines (decode, "{\"ids\":[72,105]}\n{\"ids\":[0,10,27,34,92]}\n{\"ids\":[195,169,195]}\n{\"ids\":[]}\n", 0);

  g_assert_cmpuint (g_strv_length (ids), ==, 4);
  g_assert_cmpstr (ids[0], ==, "{\"ids\":[72,105]}");
  g_assert_cmpstr (ids[1], ==, "{\"ids\":[0,10,27,34]}");
  g_assert_cmpstr (ids[2], ==, "{\"ids\":[195,169]}");
  g_assert_cmpuint (g_strv_length (texts), ==, 5);
  g_assert_cmpstr (texts[0], ==, "{\"text\":\"Hi\"}");
  g_assert_cmpstr (texts[1], ==, "{\"text\":\"\\u0000\\n\\u001b\\\"\\\\\"}");
  g_assert_cmpstr (texts[2], ==, "{\"text\":\"é\357\277\275\"}");
  g_assert_cmpstr (texts[3], ==, "{\"text\":\"\"}");
}

static void
test_special (void)
{
  const char *const plain[] = { "tokenize", "--model", cli_model (), NULL };
  const char *const special[] = { "tokenize", "--model", cli_model (), "--special", NULL };
  const char *const decode[] = { "tokenize", "--model", cli_model (), "--decode", NULL };
  const char *const skip[] = { "tokenize", "--model", cli_model (), "--decode", "--skip-special", NULL };
  const char *text = "{\"text\":\"<|im_end|>\"}\n";
  const char *ids = "{\"ids\":[72,258]}\n";
  g_auto (GStrv) as_text = run_lines (plain, text, 0);
  g_auto (GStrv) as_token = run_lines (special, text, 0);
  g_auto (GStrv) kept = run_lines (decode, ids, 0);
  g_auto (GStrv) skipped = run_lines (skip, ids, 0);

  g_assert_cmpstr (as_text[0], ==, "{\"ids\":[60,124,105,109,95,101,110,100,124,62]}");
  g_assert_cmpstr (as_token[0], ==, "{\"ids\":[258]}");
  g_assert_cmpstr (kept[0], ==, "{\"text\":\"H<|im_end|>\"}");
  g_assert_cmpstr (skipped[0], ==, "{\"text\":\"H\"}");
}

static void
test_bad_lines (void)
{
  static const char *const bad[]
    = { "", "3", "{", "{}", "{\"text\":3}", "{\"text\":\"\\ud800\"}", "{\"text\":\"a\"} x" };
  const char *const encode[] = { "tokenize", "--model", cli_model (), NULL };
  const char *const decode[] = { "tokenize", "--model", cli_model (), "--decode", NULL };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *input = g_strdup_printf ("{\"text\":\"a\"}\n%s\n{\"text\":\"b\"}\n", bad[i]);
      g_auto (GStrv) lines = run_lines (encode, input, 1);

      g_assert_cmpuint (g_strv_length (lines), ==, 4);
      g_assert_cmpstr (lines[0], ==, "{\"ids\":[97]}");
      g_assert_true (g_str_has_prefix (lines[1], "{\"error\":\""));
      g_assert_cmpstr (lines[2], ==, "{\"ids\":[98]}");
    }
  for (guint i = 0; i < 4; i++)
    {
      static const char *const ids[] = { "[-1]", "[1.5]", "[99999]", "{}" };
      g_autofree char *input = g_strdup_printf ("{\"ids\":%s}\n", ids[i]);
      g_auto (GStrv) lines = run_lines (decode, input, 1);

      g_assert_true (g_str_has_prefix (lines[0], "{\"error\":\""));
    }
}

static void
test_dialogue (void)
{
  g_autoptr (GSubprocessLauncher) launcher
    = cli_launcher_new (G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  const char *const args[] = { "tokenize", "--model", cli_model (), NULL };
  g_autoptr (GSubprocess) process = cli_spawn (launcher, args);
  g_autoptr (GDataInputStream) out = g_data_input_stream_new (g_subprocess_get_stdout_pipe (process));
  GOutputStream *in = g_subprocess_get_stdin_pipe (process);

  /* Each answer comes before the next line is asked. */
  for (guint i = 0; i < 3; i++)
    {
      const char *line = "{\"text\":\"z\"}\n";
      g_autofree char *answer = NULL;

      g_assert_true (g_output_stream_write_all (in, line, strlen (line), NULL, NULL, NULL));
      answer = g_data_input_stream_read_line (out, NULL, NULL, NULL);
      g_assert_cmpstr (answer, ==, "{\"ids\":[122]}");
    }
  g_assert_true (g_output_stream_close (in, NULL, NULL));
  g_assert_true (g_subprocess_wait_check (process, NULL, NULL));
}

static void
test_template (void)
{
  const char *const args[] = { "template", "--model", cli_model (), NULL };
  g_auto (GStrv) lines = run_lines (
    args,
    "{\"messages\":[{\"role\":\"user\",\"content\":\"<|im_end|>\"}]}\n"
    "{\"add_generation_prompt\":true,\"date_string\":null,\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}\n",
    0);

  /* What a person types is never a special token. */
  g_assert_cmpstr (
    lines[0], ==,
    "{\"text\":\"<|im_start|>user\\n<|im_end|><|im_end|>\\n\",\"ids\":[257,117,115,101,114,10,60,124,105,"
    "109,95,101,110,100,124,62,258,10]}");
  g_assert_cmpstr (
    lines[1], ==,
    "{\"text\":\"<|im_start|>user\\na<|im_end|>\\n<|im_start|>assistant\\n\",\"ids\":[257,117,115,101,114,"
    "10,97,258,10,257,97,115,115,105,115,116,97,110,116,10]}");
}

static void
test_without_weights (void)
{
  static const char *const without[] = { "model.safetensors", "config.json", NULL };
  g_autofree char *model = cli_copy_model (without);
  const char *const tokenize[] = { "tokenize", "--model", model, NULL };
  const char *const template[] = { "template", "--model", model, NULL };
  const char *const by_family[] = { "template", "--model", model, "--template", "zephyr", NULL };
  g_auto (GStrv) ids = run_lines (tokenize, "{\"text\":\"a\"}\n", 0);
  g_auto (GStrv) own = run_lines (template, "{\"messages\":[{\"role\":\"user\",\"content\":\"\"}]}\n", 0);
  g_auto (GStrv) zephyr = run_lines (by_family, "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}\n", 0);

  g_assert_cmpstr (ids[0], ==, "{\"ids\":[97]}");
  g_assert_cmpstr (own[0], ==,
                   "{\"text\":\"<|im_start|>user\\n<|im_end|>\\n\",\"ids\":[257,117,115,101,114,10,258,10]}");
  g_assert_nonnull (strstr (zephyr[0], "<|user|>"));
  test_remove_dir (g_steal_pointer (&model));
}

/* The lines of a gzip file, joined again as they are; NUL-terminated. */
static char *
read_gzip (const char *path)
{
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GFileInputStream) raw = g_file_read (file, NULL, NULL);
  g_autoptr (GZlibDecompressor) decompressor = g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP);
  g_autoptr (GInputStream) in = g_converter_input_stream_new (G_INPUT_STREAM (raw), G_CONVERTER (decompressor));
  g_autoptr (GOutputStream) out = g_memory_output_stream_new_resizable ();

  g_assert_cmpint (g_output_stream_splice (out, in, G_OUTPUT_STREAM_SPLICE_NONE, NULL, NULL), >, 0);
  g_assert_true (g_output_stream_write_all (out, "", 1, NULL, NULL, NULL));
  g_assert_true (g_output_stream_close (out, NULL, NULL));
  return g_memory_output_stream_steal_data (G_MEMORY_OUTPUT_STREAM (out));
}

/* A copy of the model whose template is that of Qwen3. Free with g_free(). */
static char *
copy_thinking_model (void)
{
  char *model = cli_copy_model ((const char *const[]){ NULL });
  g_autofree char *fixture = test_fixture_path ("text/qwen-3.jinja");
  g_autoptr (GFile) from = g_file_new_for_path (fixture);
  g_autoptr (GFile) to = g_file_new_build_filename (model, "chat_template.jinja", NULL);
  g_autoptr (GError) error = NULL;

  g_file_copy (from, to, G_FILE_COPY_NONE, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  return model;
}

/* Where it is left, the prompt says that the thought is over; a model that cannot be told so is not asked. */
static void
test_thinking (void)
{
  g_autofree char *model = copy_thinking_model ();
  const char *const by_default[] = { "template", "--model", model, NULL };
  const char *const left[] = { "template", "--model", model, "--thinking", "no", NULL };
  const char *input = "{\"add_generation_prompt\":true,\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}\n";
  g_auto (GStrv) thinking = run_lines (by_default, input, 0);
  g_auto (GStrv) answering = run_lines (left, input, 0);
  g_auto (CliResult) generated = { 0 };
  g_auto (CliResult) refused = { 0 };
  g_autoptr (JsonObject) reply = NULL;
  g_autoptr (GArray) prompt = NULL;
  g_autoptr (JsonNode) line = json_from_string (answering[0], NULL);
  g_autoptr (GArray) ids = cli_get_ids (json_node_get_object (line), "ids");

  g_assert_nonnull (strstr (thinking[0], "<|im_start|>assistant\\n\""));
  g_assert_nonnull (strstr (answering[0], "<|im_start|>assistant\\n<think>\\n\\n</think>\\n\\n\""));
  CLI_RUN (&generated, NULL, "generate", "--model", model, "--prompt", "a", "--thinking", "no", "-n", "1", "--json");
  reply = cli_parse (&generated);
  prompt = cli_get_ids (reply, "prompt_ids");
  cli_assert_ids_equal (prompt, ids);

  CLI_RUN (&refused, NULL, "generate", "--model", cli_model (), "--prompt", "a", "--thinking", "no");
  g_assert_cmpint (refused.status, ==, 2);
  g_assert_nonnull (strstr (refused.err, "--thinking"));
  /* Where there is no template, there is nothing to tell it. */
  CLI_RUN (&refused, NULL, "generate", "--model", cli_model (), "--prompt", "a", "--raw", "--thinking", "no", "-n",
           "1");
  g_assert_cmpint (refused.status, ==, 0);
  CLI_RUN (&refused, NULL, "tokenize", "--model", cli_model (), "--thinking", "no");
  g_assert_cmpint (refused.status, ==, 2);
  test_remove_dir (g_steal_pointer (&model));
}

static void
assert_member_equal (const char *case_line, const char *result_line, const char *member)
{
  g_autoptr (JsonNode) expected = json_from_string (case_line, NULL);
  g_autoptr (JsonNode) result = json_from_string (result_line, NULL);
  JsonNode *a, *b;

  g_assert_nonnull (expected);
  g_assert_nonnull (result);
  a = json_object_get_member (json_node_get_object (expected), member);
  b = json_object_get_member (json_node_get_object (result), member);
  if (b == NULL || !json_node_equal (a, b))
    g_error ("%s: %s", case_line, result_line);
}

/* One line in ten: that all of them agree is for the tokenizer's own tests to say. */
static char *
thin_out (const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  GString *kept = g_string_new (NULL);

  for (guint i = 0; lines[i] != NULL; i++)
    {
      if (i % 10 == 0 && *lines[i] != '\0')
        g_string_append_printf (kept, "%s\n", lines[i]);
    }
  return g_string_free (kept, FALSE);
}

static void
test_shared_tokenizer (void)
{
  g_autofree char *model = test_shared_path ("llama-3.1-8b-instruct");
  g_autofree char *path = model != NULL ? test_shared_path ("tokenizer/llama3-cases.jsonl.gz") : NULL;
  g_autofree char *all = path != NULL ? read_gzip (path) : NULL;
  g_autofree char *input = all != NULL ? thin_out (all) : NULL;
  const char *const encode[] = { "tokenize", "--model", model, NULL };
  const char *const decode[] = { "tokenize", "--model", model, "--decode", NULL };
  g_auto (GStrv) cases = NULL;
  g_auto (GStrv) ids = NULL;
  g_auto (GStrv) texts = NULL;

  if (input == NULL)
    return;
  cases = g_strsplit (input, "\n", -1);
  ids = run_lines (encode, input, 0);
  texts = run_lines (decode, input, 0);
  g_assert_cmpuint (g_strv_length (ids), ==, g_strv_length (cases));
  g_assert_cmpuint (g_strv_length (texts), ==, g_strv_length (cases));
  for (guint i = 0; *cases[i] != '\0'; i++)
    {
      assert_member_equal (cases[i], ids[i], "ids");
      assert_member_equal (cases[i], texts[i], "text");
    }
}

static void
test_shared_template (void)
{
  g_autofree char *model = test_shared_path ("llama-3.1-8b-instruct");
  g_autofree char *path = model != NULL ? test_shared_path ("chat/llama-3.1-cases.jsonl") : NULL;
  const char *const args[] = { "template", "--model", model, NULL };
  g_autofree char *input = NULL;
  g_auto (CliResult) result = { 0 };
  g_auto (GStrv) cases = NULL;
  g_auto (GStrv) lines = NULL;
  guint n = 0;

  if (path == NULL)
    return;
  g_assert_true (g_file_get_contents (path, &input, NULL, NULL));
  cli_run (&result, input, args);
  cases = g_strsplit (input, "\n", -1);
  lines = g_strsplit (result.out, "\n", -1);
  g_assert_cmpuint (g_strv_length (lines), ==, g_strv_length (cases));
  for (guint i = 0; *cases[i] != '\0'; i++)
    {
      /* A few lines of the collection are pieces of broken ones. */
      if (*cases[i] != '{')
        {
          g_assert_true (g_str_has_prefix (lines[i], "{\"error\""));
          continue;
        }
      assert_member_equal (cases[i], lines[i], "text");
      assert_member_equal (cases[i], lines[i], "ids");
      n++;
    }
  g_assert_cmpuint (n, >=, 190);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cli/tokenize/text becomes ids and back, nul included", test_tokenize);
  g_test_add_func ("/cli/tokenize/special tokens are parsed and left out on demand only", test_special);
  g_test_add_func ("/cli/tokenize/a bad line gives an error in its place", test_bad_lines);
  g_test_add_func ("/cli/tokenize/each line is answered before the next is read", test_dialogue);
  g_test_add_func ("/cli/template/messages become the prompt's text and ids", test_template);
  g_test_add_func ("/cli/template/no weights are needed", test_without_weights);
  g_test_add_func ("/cli/template/thoughts are left out on demand, where the model may", test_thinking);
  g_test_add_func ("/cli/tokenize/the collected cases of llama 3 agree", test_shared_tokenizer);
  g_test_add_func ("/cli/template/the collected conversations of llama 3 agree", test_shared_template);
  return g_test_run ();
}
