/* `steer contrast`, as a script sees it. */
#include <string.h>

#include "cli-test-util.h"
#include "steering/steer-made-feature.h"
#include "test-util.h"

typedef struct
{
  char *dir;
  char *with;
  char *without;
  char *output;
} Fixture;

static void
write_file (const char *path, const char *text)
{
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->dir = test_make_dir ();
  f->with = g_build_filename (f->dir, "with.txt", NULL);
  f->without = g_build_filename (f->dir, "without.txt", NULL);
  f->output = g_build_filename (f->dir, "towers.safetensors", NULL);
  write_file (f->with, "The tower is tall.\n\n  A tower of iron. \nTowers, towers!\n");
  write_file (f->without, "The kettle sings.\nShe eats beans.\n");
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_free (f->with);
  g_free (f->without);
  g_free (f->output);
  test_remove_dir (f->dir);
}

static void
test_layers_are_told_as_json (Fixture *f, gconstpointer data)
{
  g_auto (CliResult) result = { 0 };
  g_autoptr (JsonObject) object = NULL;
  JsonArray *layers;

  CLI_RUN (&result, NULL, "contrast", "--model", cli_model (), "--with", f->with, "--without", f->without, "--json");
  object = cli_parse (&result);
  layers = json_object_get_array_member (object, "layers");
  g_assert_cmpuint (json_array_get_length (layers), ==, 3);
  g_assert_cmpint (json_object_get_int_member (object, "layer"), ==, 1);
  for (guint i = 0; i < 3; i++)
    {
      JsonObject *layer = json_array_get_object_element (layers, i);

      g_assert_cmpint (json_object_get_int_member (layer, "layer"), ==, i);
      g_assert_cmpint (json_object_get_int_member (layer, "judged"), ==, 5);
      g_assert_cmpfloat (json_object_get_double_member (layer, "distance"), >, 0.0);
      g_assert_cmpfloat (json_object_get_double_member (layer, "strength"), >, 0.0);
    }
}

static void
test_the_file_steers (Fixture *f, gconstpointer data)
{
  g_auto (CliResult) made = { 0 };
  g_auto (CliResult) plain = { 0 };
  g_auto (CliResult) steered = { 0 };
  g_autoptr (SteerMadeFeature) feature = NULL;
  g_autoptr (GError) error = NULL;

  CLI_RUN (&made, NULL, "contrast", "--model", cli_model (), "--with", f->with, "--as", "text", "--layer", "2",
           "--index", "9", "-o", f->output);
  g_assert_cmpint (made.status, ==, 0);
  g_assert_true (cli_is_safe (made.out));
  g_assert_nonnull (strstr (made.err, "--steer 2:9="));
  feature = steer_made_feature_read (f->output, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (feature->label, ==, "towers");
  g_assert_cmpstr (feature->with[1], ==, "A tower of iron.");
  g_assert_cmpuint (g_strv_length (feature->with), ==, 3);
  g_assert_cmpuint (g_strv_length (feature->without), ==, 0);
  g_assert_cmpint (feature->form, ==, STEER_EXAMPLES_AS_TEXT);

  CLI_RUN (&plain, NULL, "generate", "--model", cli_model (), "--ids", "72,101", "--max-tokens", "12");
  CLI_RUN (&steered, NULL, "generate", "--model", cli_model (), "--ids", "72,101", "--max-tokens", "12", "--vectors",
           f->output, "--steer", "2:9=60");
  g_assert_cmpint (steered.status, ==, 0);
  g_assert_cmpstr (plain.out, !=, steered.out);
}

/* As what the window has made. */
static void
test_what_was_made_is_known (Fixture *f, gconstpointer data)
{
  g_autofree char *made = g_build_filename (f->dir, "steer-chat", "made", NULL);
  g_autofree char *path = g_build_filename (made, "Towers.safetensors", NULL);
  g_autofree char *broken = g_build_filename (made, "broken.safetensors", NULL);
  const char *const generate[]
    = { "generate", "--model", cli_model (), "--ids", "72,101", "--max-tokens", "4", "--steer", "2:9=60", NULL };
  g_autoptr (GSubprocessLauncher) launcher = cli_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_SILENCE);
  g_autoptr (GSubprocess) known = NULL;
  g_auto (CliResult) result = { 0 }, unknown = { 0 };

  g_assert_cmpint (g_mkdir_with_parents (made, 0700), ==, 0);
  write_file (broken, "not a library");
  CLI_RUN (&result, NULL, "contrast", "--model", cli_model (), "--with", f->with, "--layer", "2", "--index", "9", "-o",
           path);
  g_assert_cmpint (result.status, ==, 0);
  cli_run (&unknown, NULL, generate);
  g_assert_cmpint (unknown.status, !=, 0);
  g_subprocess_launcher_setenv (launcher, "XDG_DATA_HOME", f->dir, TRUE);
  known = cli_spawn (launcher, generate);
  g_assert_true (g_subprocess_wait_check (known, NULL, NULL));
}

static void
test_info_tells_the_examples (Fixture *f, gconstpointer data)
{
  g_auto (CliResult) made = { 0 }, text = { 0 }, json = { 0 };
  g_autoptr (JsonObject) object = NULL;
  JsonObject *told;

  CLI_RUN (&made, NULL, "contrast", "--model", cli_model (), "--with", f->with, "--without", f->without, "-o",
           f->output);
  CLI_RUN (&text, NULL, "info", f->output);
  g_assert_cmpint (text.status, ==, 0);
  g_assert_nonnull (strstr (text.out, "of replies like\n  The tower is tall.\n"));
  g_assert_nonnull (strstr (text.out, "and unlike\n  The kettle sings.\n"));
  CLI_RUN (&json, NULL, "info", "--json", f->output);
  object = cli_parse (&json);
  told = json_object_get_object_member (object, "made");
  g_assert_cmpstr (json_object_get_string_member (told, "form"), ==, "reply");
  g_assert_cmpstr (json_array_get_string_element (json_object_get_array_member (told, "without"), 1), ==,
                   "She eats beans.");
}

static void
test_mistakes_are_told (Fixture *f, gconstpointer data)
{
  g_autofree char *blank = g_build_filename (f->dir, "blank.txt", NULL);
  g_autofree char *bytes = g_build_filename (f->dir, "bytes.txt", NULL);
  const char *const mistakes[][6] = {
    { NULL },
    { "--with", blank, NULL },
    { "--with", bytes, NULL },
    { "--with", f->with, "--as", "song", NULL },
    { "--with", f->with, "--layer", "3", NULL },
    { "--with", f->with, "-o", "x.pt", NULL },
  };

  write_file (blank, "\n  \n");
  write_file (bytes, "tower \xff\n");
  for (guint i = 0; i < G_N_ELEMENTS (mistakes); i++)
    {
      const char *args[10] = { "contrast", "--model", cli_model (), NULL };
      g_auto (CliResult) result = { 0 };

      for (guint j = 0; mistakes[i][j] != NULL; j++)
        args[3 + j] = mistakes[i][j];
      cli_run (&result, NULL, args);
      g_assert_cmpint (result.status, ==, 2);
      g_assert_cmpstr (result.out, ==, "");
      g_assert_true (g_str_has_prefix (result.err, "steer contrast: "));
    }
}

static void
test_a_missing_file_is_named (Fixture *f, gconstpointer data)
{
  g_autofree char *missing = g_build_filename (f->dir, "missing.txt", NULL);
  g_auto (CliResult) result = { 0 };

  CLI_RUN (&result, NULL, "contrast", "--model", cli_model (), "--with", missing);
  g_assert_cmpint (result.status, ==, 1);
  g_assert_nonnull (strstr (result.err, missing));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/contrast/" name, Fixture, NULL, set_up, func, tear_down)
  ADD ("layers are told as JSON", test_layers_are_told_as_json);
  ADD ("the file steers", test_the_file_steers);
  ADD ("what was made in the window is known", test_what_was_made_is_known);
  ADD ("steer info tells the examples", test_info_tells_the_examples);
  ADD ("mistakes are told", test_mistakes_are_told);
  ADD ("a missing file is named", test_a_missing_file_is_named);
  return g_test_run ();
}
