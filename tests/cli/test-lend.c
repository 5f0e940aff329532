/* Models of another computer in the terminal; there it is `steer lend` that has them. */
#include <string.h>

#include "cli-test-util.h"
#include "lend-test-util.h"
#include "test-util.h"

#define TINY "ssh://anna@box/~/models/tiny"

static void
test_computer (void)
{
  g_auto (CliResult) text = { 0 }, result = { 0 };
  g_autoptr (JsonObject) object = NULL;
  JsonArray *models, *devices;
  JsonObject *model;

  CLI_RUN (&text, NULL, "info", "ssh://anna@box");
  g_assert_cmpint (text.status, ==, 0);
  g_assert_nonnull (strstr (text.out, "\ncpu "));
  g_assert_nonnull (strstr (text.out, "\ntiny, "));
  g_assert_nonnull (strstr (text.out, "\n  ssh://anna@box/"));

  CLI_RUN (&result, NULL, "info", "--json", "ssh://anna@box");
  object = cli_parse (&result);
  models = json_object_get_array_member (object, "models");
  devices = json_object_get_array_member (object, "devices");
  g_assert_cmpuint (json_array_get_length (models), ==, 1);
  model = json_array_get_object_element (models, 0);
  g_assert_cmpstr (json_object_get_string_member (model, "name"), ==, "tiny");
  g_assert_true (g_str_has_suffix (json_object_get_string_member (model, "address"), "/models/tiny"));
  g_assert_cmpint (json_object_get_int_member (model, "bytes"), >, 100000);
  g_assert_cmpuint (json_array_get_length (devices), >=, 1);
}

/* Told as it is of the folder itself. */
static void
test_model (void)
{
  g_auto (CliResult) here = { 0 }, there = { 0 };
  const char *rest_here, *rest_there;

  CLI_RUN (&here, NULL, "info", cli_model ());
  CLI_RUN (&there, NULL, "info", TINY);
  g_assert_cmpint (there.status, ==, 0);
  g_assert_true (g_str_has_prefix (there.out, TINY ": a model\n"));
  rest_here = strchr (here.out, '\n');
  rest_there = strchr (there.out, '\n');
  g_assert_cmpstr (rest_there, ==, rest_here);
}

static JsonObject *
generate (const char *model)
{
  g_auto (CliResult) result = { 0 };

  CLI_RUN (&result, NULL, "generate", "--model", model, "--vectors", cli_vectors (), "--preset", cli_calm (),
           "--prompt", "Hello", "--seed", "5", "-n", "12", "--threads", "1", "--json");
  return cli_parse (&result);
}

static void
test_generate (void)
{
  g_autoptr (JsonObject) here = generate (cli_model ()), there = generate (TINY);
  g_autoptr (GArray) ids_here = cli_get_ids (here, "ids"), ids_there = cli_get_ids (there, "ids");

  cli_assert_ids_equal (ids_there, ids_here);
  g_assert_cmpuint (ids_there->len, >, 0);
  g_assert_cmpstr (json_object_get_string_member (there, "device"), ==, "remote:cpu");
}

/* Lines that need the files alone. */
static void
test_lines (void)
{
  static const char *const commands[] = { "tokenize", "template" };
  static const char *const lines[]
    = { "{\"text\":\"Good morning\"}\n", "{\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}\n" };

  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    {
      g_auto (CliResult) here = { 0 }, there = { 0 };

      CLI_RUN (&here, lines[i], commands[i], "--model", cli_model ());
      CLI_RUN (&there, lines[i], commands[i], "--model", TINY);
      g_assert_cmpint (there.status, ==, 0);
      g_assert_cmpuint (here.out_length, >, 2);
      g_assert_cmpstr (there.out, ==, here.out);
    }
}

static void
assert_fails (const char *address, int status, const char *part)
{
  g_auto (CliResult) result = { 0 };

  CLI_RUN (&result, NULL, "generate", "--model", address, "--prompt", "Hello");
  g_assert_cmpint (result.status, ==, status);
  g_assert_nonnull (strstr (result.err, part));
  g_assert_true (cli_is_safe (result.err));
}

static void
test_failures (void)
{
  assert_fails ("ssh://box/~/models/other", 1, "models/other: there is no such folder or file");
  assert_fails ("ssh://box", 1, "steer info ssh://box");
  assert_fails ("ssh://-oX/m", 1, "names no computer");
  g_setenv ("STEER_TEST_SSH", "refused", TRUE);
  assert_fails (TINY, 1, "Permission denied");
  g_unsetenv ("STEER_TEST_SSH");
}

/* The weights are not here. */
static void
test_quantize (void)
{
  g_auto (CliResult) result = { 0 };
  g_autofree char *dir = test_make_dir (), *path = g_build_filename (dir, "out.gguf", NULL);

  CLI_RUN (&result, NULL, "quantize", TINY, "--type", "q8_0", "-o", path);
  g_assert_cmpint (result.status, ==, 1);
  g_assert_nonnull (strstr (result.err, "the weights are on another computer"));
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  test_remove_dir (g_steal_pointer (&dir));
}

/* Nobody types it: whoever does is told. */
static void
test_noise (void)
{
  g_auto (CliResult) ended = { 0 }, noise = { 0 };

  CLI_RUN (&ended, "", "lend");
  g_assert_cmpint (ended.status, ==, 0);
  g_assert_true (g_str_has_prefix (ended.out, "\nsteer-lend "));
  CLI_RUN (&noise, "hello, is anybody there?\n", "lend");
  g_assert_cmpint (noise.status, ==, 1);
  g_assert_nonnull (strstr (noise.err, "not understood"));
}

int
main (int argc, char **argv)
{
  g_autofree char *home = NULL;
  int status;

  g_test_init (&argc, &argv, NULL);
  home = test_make_dir ();
  test_lend (home);

  g_test_add_func ("/cli/lend/a computer tells what it has", test_computer);
  g_test_add_func ("/cli/lend/a model is told as it is there", test_model);
  g_test_add_func ("/cli/lend/a steered reply is the one that it is there", test_generate);
  g_test_add_func ("/cli/lend/lines need its files alone", test_lines);
  g_test_add_func ("/cli/lend/what keeps from it is told", test_failures);
  g_test_add_func ("/cli/lend/holes are not written to a file", test_quantize);
  g_test_add_func ("/cli/lend/what is no question ends it", test_noise);

  status = g_test_run ();
  test_remove_dir (g_steal_pointer (&home));
  return status;
}
