/* `steer sweep`, as a script sees it. */
#include <string.h>

#include "cli-test-util.h"
#include "test-util.h"

#define SWEEP "sweep", "--model", cli_model (), "--vectors", cli_vectors (), "--temperature", "0"

static JsonObject *
get_point (JsonObject *object, guint number)
{
  return json_array_get_object_element (json_object_get_array_member (object, "points"), number);
}

static const char *
get_reply (JsonObject *point, guint prompt)
{
  return json_array_get_string_element (json_object_get_array_member (point, "replies"), prompt);
}

static void
test_points_are_told_as_json (void)
{
  g_auto (CliResult) result = { 0 };
  g_autoptr (JsonObject) object = NULL;
  JsonObject *without, *strong;

  CLI_RUN (&result, NULL, SWEEP, "--feature", "2:97", "--strengths", "20,80", "--prompt", "Hello!", "--prompt",
           "Towers?", "--max-tokens", "10", "--json");
  object = cli_parse (&result);
  g_assert_cmpint (json_object_get_int_member (object, "layer"), ==, 2);
  g_assert_cmpint (json_object_get_int_member (object, "index"), ==, 97);
  g_assert_cmpstr (json_object_get_string_member (object, "mode"), ==, "add");
  g_assert_cmpfloat (json_object_get_double_member (object, "typical_norm"), >, 0.0);
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (object, "prompts")), ==, 2);
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (object, "points")), ==, 3);
  without = get_point (object, 0);
  strong = get_point (object, 2);
  g_assert_cmpfloat (json_object_get_double_member (without, "strength"), ==, 0.0);
  g_assert_cmpfloat (json_object_get_double_member (without, "gain"), ==, 0.0);
  g_assert_cmpfloat (json_object_get_double_member (strong, "strength"), ==, 80.0);
  g_assert_cmpstr (get_reply (strong, 1), ==, "aaaaaaaaaa");
  g_assert_cmpstr (get_reply (without, 1), !=, "aaaaaaaaaa");
  g_assert_cmpfloat (json_object_get_double_member (strong, "repetition"), ==, 1.0 - 1.0 / 8.0);
  g_assert_false (json_object_get_boolean_member (strong, "holds"));
}

/* The replies are those of `steer generate`. */
static void
test_replies_are_those_of_generate (void)
{
  g_auto (CliResult) result = { 0 }, generated = { 0 };
  g_autoptr (JsonObject) object = NULL, reply = NULL;

  CLI_RUN (&result, NULL, SWEEP, "--feature", "2:98", "--steer", "1:97=20", "--strengths", "30", "--prompt", "Hello!",
           "--max-tokens", "12", "--mode", "clamp", "--system", "Towers.", "--stop", "q", "--json");
  object = cli_parse (&result);
  CLI_RUN (&generated, NULL, "generate", "--model", cli_model (), "--vectors", cli_vectors (), "--temperature", "0",
           "--steer", "1:97=20", "--steer", "2:98=30,clamp", "--prompt", "Hello!", "--max-tokens", "12", "--system",
           "Towers.", "--stop", "q", "--json");
  reply = cli_parse (&generated);
  g_assert_cmpstr (get_reply (get_point (object, 1), 0), ==, json_object_get_string_member (reply, "text"));
}

static void
test_a_table_is_for_people (void)
{
  g_auto (CliResult) result = { 0 };
  g_auto (GStrv) lines = NULL;

  CLI_RUN (&result, NULL, SWEEP, "--feature", "the letter a", "--to", "-40", "--steps", "4", "--max-tokens", "6",
           "--prompt", "Hello!", "--replies");
  g_assert_cmpint (result.status, ==, 0);
  g_assert_true (cli_is_safe (result.out));
  lines = g_strsplit (result.out, "\n", -1);
  g_assert_true (g_str_has_prefix (lines[0], "strength"));
  g_assert_true (g_str_has_prefix (lines[1], " without"));
  g_assert_nonnull (strstr (result.out, "\n     -10  "));
  g_assert_nonnull (strstr (result.out, "\n     -40  "));
  g_assert_nonnull (strstr (result.out, "\n> Hello!\n"));
}

static void
test_strengths_go_up_to_a_share_of_the_norm (void)
{
  g_auto (CliResult) result = { 0 };
  g_autoptr (JsonObject) object = NULL;
  double norm;

  CLI_RUN (&result, NULL, SWEEP, "--feature", "2:97", "--prompt", "Hello!", "--max-tokens", "1", "--json");
  object = cli_parse (&result);
  norm = json_object_get_double_member (object, "typical_norm");
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (object, "points")), ==, 9);
  g_assert_cmpfloat_with_epsilon (json_object_get_double_member (get_point (object, 1), "strength"), 0.1 * norm, 1e-9);
  g_assert_cmpfloat_with_epsilon (json_object_get_double_member (get_point (object, 8), "strength"), 0.8 * norm, 1e-9);
}

static void
test_prompts_come_from_a_file (void)
{
  g_autofree char *dir = test_make_dir ();
  g_autofree char *path = g_build_filename (dir, "prompts.txt", NULL);
  g_auto (CliResult) result = { 0 };
  g_autoptr (JsonObject) object = NULL;

  g_assert_true (g_file_set_contents (path, "One?\n\n  Two? \n", -1, NULL));
  CLI_RUN (&result, NULL, SWEEP, "--feature", "2:97", "--strengths", "1", "--prompts", path, "--max-tokens", "1",
           "--json");
  object = cli_parse (&result);
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (object, "prompts")), ==, 2);
  g_assert_cmpstr (json_array_get_string_element (json_object_get_array_member (object, "prompts"), 1), ==, "Two?");
  test_remove_dir (g_steal_pointer (&dir));
}

static void
test_the_suggestion_is_an_option (void)
{
  g_auto (CliResult) result = { 0 }, generated = { 0 };
  g_auto (GStrv) words = NULL;

  /* One prompt has no error, and a little more is heard. */
  CLI_RUN (&result, NULL, SWEEP, "--feature", "2:97", "--strengths", "1,2,3,4", "--mode", "minimum", "--prompt",
           "Hello!", "--max-tokens", "12");
  g_assert_cmpint (result.status, ==, 0);
  g_assert_nonnull (strstr (result.err, "--steer "));
  words = g_strsplit (g_strstrip (strstr (result.err, "--steer ")), " ", -1);
  g_assert_true (g_str_has_suffix (words[1], ",minimum"));
  CLI_RUN (&generated, NULL, "generate", "--model", cli_model (), "--vectors", cli_vectors (), "--steer", words[1],
           "--prompt", "Hello!", "--max-tokens", "2");
  g_assert_cmpint (generated.status, ==, 0);
}

static void
test_mistakes_are_told (void)
{
  static const char *const mistakes[][7] = {
    { NULL },
    { "--feature", "2:97,x", NULL },
    { "--feature", "no such thing", NULL },
    { "--feature", "3:97", NULL },
    { "--feature", "2:97", "--mode", "louder", NULL },
    { "--feature", "2:97", "--to", "0", NULL },
    { "--feature", "2:97", "--to", "nan", NULL },
    { "--feature", "2:97", "--steps", "0", NULL },
    { "--feature", "2:97", "--strengths", "1,,2", NULL },
    { "--feature", "2:97", "--strengths", "1", "--to", "2", NULL },
    { "--feature", "2:97", "--max-tokens", "0", NULL },
    { "--feature", "2:97", "--prompt", "a", "--prompts", "b", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (mistakes); i++)
    {
      const char *args[14] = { SWEEP, NULL };
      g_auto (CliResult) result = { 0 };

      for (guint j = 0; mistakes[i][j] != NULL; j++)
        args[7 + j] = mistakes[i][j];
      cli_run (&result, NULL, args);
      g_assert_cmpint (result.status, ==, 2);
      g_assert_cmpstr (result.out, ==, "");
      g_assert_true (g_str_has_prefix (result.err, "steer sweep: "));
    }
}

static void
test_what_is_missing_is_named (void)
{
  g_auto (CliResult) file = { 0 }, vector = { 0 };

  CLI_RUN (&file, NULL, SWEEP, "--feature", "2:97", "--prompts", "/nowhere/prompts");
  g_assert_cmpint (file.status, ==, 1);
  g_assert_nonnull (strstr (file.err, "/nowhere/prompts"));
  CLI_RUN (&vector, NULL, SWEEP, "--feature", "2:12345");
  g_assert_cmpint (vector.status, ==, 1);
  g_assert_nonnull (strstr (vector.err, "12345"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add_func ("/cli sweep/" name, func)
  ADD ("points are told as JSON", test_points_are_told_as_json);
  ADD ("replies are those of generate", test_replies_are_those_of_generate);
  ADD ("a table is for people", test_a_table_is_for_people);
  ADD ("strengths go up to a share of the norm", test_strengths_go_up_to_a_share_of_the_norm);
  ADD ("prompts come from a file", test_prompts_come_from_a_file);
  ADD ("the suggestion is an option", test_the_suggestion_is_an_option);
  ADD ("mistakes are told", test_mistakes_are_told);
  ADD ("what is missing is named", test_what_is_missing_is_named);
  return g_test_run ();
}
