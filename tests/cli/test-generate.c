#include <signal.h>
#include <string.h>

#include "cli-test-util.h"
#include "test-util.h"

#define GREEDY "--temperature", "0"

static void
test_contract (void)
{
  static const char *const names[] = { "text", "ids", "prompt_ids", "stop_reason", "device", "steering", "timings" };
  static const char *const timings[] = { "load_s", "prefill_s", "prefill_tokens", "decode_s", "decode_tokens" };
  g_auto (CliResult) result = { 0 };
  g_autoptr (JsonObject) object = NULL;
  JsonObject *times;

  CLI_RUN (&result, NULL, "generate", "--model", cli_model (), "--prompt", "Hello", GREEDY, "-n", "8", "--json");
  object = cli_parse (&result);
  g_assert_cmpuint (json_object_get_size (object), ==, G_N_ELEMENTS (names));
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    g_assert_true (json_object_has_member (object, names[i]));
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (object, "ids")), ==, 8);
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (object, "steering")), ==, 0);
  g_assert_cmpstr (json_object_get_string_member (object, "stop_reason"), ==, "length");
  g_assert_cmpstr (json_object_get_string_member (object, "device"), ==, "cpu");
  times = json_object_get_object_member (object, "timings");
  g_assert_cmpuint (json_object_get_size (times), ==, G_N_ELEMENTS (timings));
  for (guint i = 0; i < G_N_ELEMENTS (timings); i++)
    g_assert_cmpfloat (json_object_get_double_member (times, timings[i]), >=, 0.0);
  g_assert_cmpint (json_object_get_int_member (times, "prefill_tokens"), ==, 24);
  g_assert_cmpint (json_object_get_int_member (times, "decode_tokens"), ==, 7);
  /* One object and a newline, nothing else. */
  g_assert_cmpuint (strcspn (result.out, "\n"), ==, result.out_length - 1);
}

static void
test_reference (void)
{
  g_autoptr (JsonObject) expected = cli_load_expected ();
  g_autoptr (GArray) expected_prompt = cli_get_ids (expected, "prompt_ids");
  JsonArray *cases = json_object_get_array_member (expected, "cases");

  g_assert_cmpuint (json_array_get_length (cases), >=, 3);
  for (guint i = 0; i < json_array_get_length (cases); i++)
    {
      JsonObject *example = json_array_get_object_element (cases, i);
      JsonArray *steer = json_object_get_array_member (example, "steer");
      g_autoptr (GPtrArray) args = g_ptr_array_new ();
      const char *const common[] = { "generate",
                                     "--model",
                                     cli_model (),
                                     "--vectors",
                                     cli_vectors (),
                                     "--prompt",
                                     json_object_get_string_member (expected, "prompt"),
                                     GREEDY,
                                     "-n",
                                     "24",
                                     "--json" };
      g_auto (CliResult) result = { 0 };
      g_autoptr (JsonObject) object = NULL;
      g_autoptr (GArray) ids = NULL;
      g_autoptr (GArray) prompt = NULL;
      g_autoptr (GArray) expected_ids = cli_get_ids (example, "ids");

      for (guint j = 0; j < G_N_ELEMENTS (common); j++)
        g_ptr_array_add (args, (gpointer) common[j]);
      for (guint j = 0; j < json_array_get_length (steer); j++)
        {
          g_ptr_array_add (args, (gpointer) "--steer");
          g_ptr_array_add (args, (gpointer) json_array_get_string_element (steer, j));
        }
      g_ptr_array_add (args, NULL);
      cli_run (&result, NULL, (const char *const *) args->pdata);
      object = cli_parse (&result);
      prompt = cli_get_ids (object, "prompt_ids");
      ids = cli_get_ids (object, "ids");
      cli_assert_ids_equal (prompt, expected_prompt);
      cli_assert_ids_equal (ids, expected_ids);
      g_assert_cmpuint (json_array_get_length (json_object_get_array_member (object, "steering")), ==,
                        json_array_get_length (steer));
    }
}

/* The ids that a greedy run of 24 tokens gives under up to four more arguments. */
static GArray *
generate_ids (const char *a, const char *b, const char *c, const char *d)
{
  g_auto (CliResult) result = { 0 };
  g_autoptr (JsonObject) object = NULL;

  CLI_RUN (&result, NULL, "generate", "--model", cli_model (), "--vectors", cli_vectors (), "--prompt", "Hello", "-n",
           "24", "--json", GREEDY, a, b, c, d);
  object = cli_parse (&result);
  return cli_get_ids (object, "ids");
}

static gboolean
are_equal (const GArray *a, const GArray *b)
{
  return a->len == b->len && memcmp (a->data, b->data, a->len * sizeof (gint32)) == 0;
}

static void
test_strength_0 (void)
{
  g_autoptr (GArray) plain = generate_ids (NULL, NULL, NULL, NULL);
  g_autoptr (GArray) zero = generate_ids ("--steer", "1:97=0", NULL, NULL);
  g_autoptr (GArray) steered = generate_ids ("--steer", "1:97=2.5", NULL, NULL);

  cli_assert_ids_equal (plain, zero);
  g_assert_false (are_equal (plain, steered));
}

/* A gate that is never open leaves every token as it was, one that always is as if there were none. */
static void
test_conditions (void)
{
  g_autoptr (GArray) plain = generate_ids (NULL, NULL, NULL, NULL);
  g_autoptr (GArray) steered = generate_ids ("--steer", "1:97=2.5", NULL, NULL);
  g_autoptr (GArray) shut = generate_ids ("--steer", "1:97=2.5,projection > 1e6", NULL, NULL);
  g_autoptr (GArray) open = generate_ids ("--steer", "1:97=2.5,add,projection(98) <= 1e6", NULL, NULL);

  cli_assert_ids_equal (plain, shut);
  cli_assert_ids_equal (steered, open);
}

static void
test_tells_conditions (void)
{
  static const struct
  {
    const char *typed, *mode, *when;
  } cases[] = {
    { "1:97=2.5", "add", NULL },
    { "1:97=2.5,clamp", "clamp", NULL },
    { "1:97=2.5,projection>1", "add", "projection > 1.0" },
    { "1:97=2.5,clamp,projection(98) <= -1", "clamp", "projection(98) <= -1.0" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_auto (CliResult) result = { 0 };
      g_autoptr (JsonObject) object = NULL;
      JsonObject *feature;

      CLI_RUN (&result, NULL, "generate", "--model", cli_model (), "--vectors", cli_vectors (), "--prompt", "Hello",
               "-n", "1", "--json", GREEDY, "--steer", cases[i].typed);
      object = cli_parse (&result);
      feature = json_array_get_object_element (json_object_get_array_member (object, "steering"), 0);
      g_assert_cmpstr (json_object_get_string_member (feature, "mode"), ==, cases[i].mode);
      g_assert_cmpstr (json_object_get_string_member_with_default (feature, "when", NULL), ==, cases[i].when);
    }
}

static void
test_steer_prompt (void)
{
  g_autoptr (GArray) both = generate_ids ("--steer", "1:97=8", NULL, NULL);
  g_autoptr (GArray) yes = generate_ids ("--steer", "1:97=8", "--steer-prompt", "yes");
  g_autoptr (GArray) no = generate_ids ("--steer", "1:97=8", "--steer-prompt", "no");
  g_autoptr (GArray) special = generate_ids ("--steer", "1:97=8", "--skip-special", "yes");

  cli_assert_ids_equal (both, yes);
  g_assert_false (are_equal (both, no));
  g_assert_false (are_equal (both, special));
}

/* As files are called, with and without their number, and as the window shows them, in whatever case. */
static void
test_preset_names (void)
{
  static const char *const names[] = { "01-eiffel-tower", "eiffel-tower", "Eiffel Tower", "eiffel tower" };
  g_autofree char *model = g_build_filename (g_getenv ("STEER_TEST_DEMO"), "model", NULL);
  g_auto (CliResult) unknown = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_auto (CliResult) result = { 0 };

      CLI_RUN (&result, NULL, "generate", "--model", model, "-p", "Hello", "-n", "1", "--json", "--preset", names[i]);
      g_assert_cmpint (result.status, ==, 0);
      g_assert_nonnull (strstr (result.out, "the Eiffel Tower"));
    }
  CLI_RUN (&unknown, NULL, "generate", "--model", model, "-p", "Hello", "--preset", "Eifel");
  g_assert_cmpint (unknown.status, ==, 1);
  g_assert_nonnull (strstr (unknown.err, "known by name: eiffel-tower, pirate-at-sea, "));
}

static void
test_preset_changed (void)
{
  g_auto (CliResult) result = { 0 };

  /* The preset's feature gets another strength, and another feature joins. */
  CLI_RUN (&result, NULL, "generate", "--model", cli_model (), "--vectors", cli_vectors (), "--preset", cli_calm (),
           "--prompt", "Hello");
  g_assert_cmpstr (result.out, ==, "aaaaaaaaaaaaaaaa\n");
  CLI_RUN (&result, NULL, "generate", "--model", cli_model (), "--vectors", cli_vectors (), "--preset", cli_calm (),
           "--prompt", "Hello", "--steer", "2:97=0", "--steer", "2:98=80", "-n", "4");
  g_assert_cmpstr (result.out, ==, "bbbb\n");
}

static void
test_schedule (void)
{
  g_autofree char *at_6_loud = g_strdup_printf ("6:%s", cli_loud ());
  g_autofree char *at_3_calm = g_strdup_printf ("3:%s", cli_calm ());
  g_auto (CliResult) result = { 0 };
  g_autoptr (GArray) plain = generate_ids (NULL, NULL, NULL, NULL);
  g_autoptr (GArray) steered = generate_ids ("--steer", "1:97=2.5", NULL, NULL);
  g_autoptr (GArray) switched = generate_ids ("--steer", "1:97=2.5", "--steer-at", "10:off");
  g_autoptr (GArray) at_once = generate_ids ("--steer", "1:97=2.5", "--steer-at", "0:off");

  CLI_RUN (&result, NULL, "generate", "--model", cli_model (), "--vectors", cli_vectors (), "--preset", cli_calm (),
           "--prompt", "Hello", "-n", "10", "--steer-at", "4:off", "--steer-at", at_6_loud);
  g_assert_cmpint (strncmp (result.out, "aaaa", 4), ==, 0);
  g_assert_cmpstr (result.out + result.out_length - 5, ==, "bbbb\n");

  CLI_RUN (&result, NULL, "generate", "--model", cli_model (), "--vectors", cli_vectors (), "--preset", cli_loud (),
           "--prompt", "Hello", "-n", "6", "--steer-at", at_3_calm);
  g_assert_cmpstr (result.out, ==, "bbbaaa\n");

  /* Off from the start is no steering; off later leaves what is written, and its traces in the cache. */
  cli_assert_ids_equal (plain, at_once);
  g_assert_cmpmem (switched->data, 10 * sizeof (gint32), steered->data, 10 * sizeof (gint32));
  g_assert_false (are_equal (switched, steered));
  g_assert_false (are_equal (switched, plain));
}

static void
test_seed (void)
{
  g_auto (CliResult) first = { 0 };
  g_auto (CliResult) second = { 0 };
  g_auto (CliResult) other = { 0 };
  g_auto (CliResult) one_thread = { 0 };
  const char *seed = "18446744073709551615";

  CLI_RUN (&first, NULL, "generate", "--model", cli_model (), "--prompt", "Hello", "-n", "20", "--seed", seed,
           "--temperature", "1");
  CLI_RUN (&second, NULL, "generate", "--model", cli_model (), "--prompt", "Hello", "-n", "20", "--seed", seed,
           "--temperature", "1");
  CLI_RUN (&one_thread, NULL, "generate", "--model", cli_model (), "--prompt", "Hello", "-n", "20", "--seed", seed,
           "--temperature", "1", "--threads", "1");
  CLI_RUN (&other, NULL, "generate", "--model", cli_model (), "--prompt", "Hello", "-n", "20", "--seed", "3",
           "--temperature", "1");
  g_assert_cmpint (first.status, ==, 0);
  g_assert_cmpmem (first.out, first.out_length, second.out, second.out_length);
  g_assert_cmpmem (first.out, first.out_length, one_thread.out, one_thread.out_length);
  g_assert_cmpstr (first.out, !=, other.out);
}

/* A model whose authors want the likeliest token, and who is asked. */
static void
test_advice (void)
{
  const char *const all[] = { NULL };
  g_autofree char *model = cli_copy_model (all);
  g_autofree char *preset = g_build_filename (model, "hot.yaml", NULL);
  g_autofree char *advice = g_build_filename (model, "generation_config.json", NULL);
  g_auto (CliResult) greedy = { 0 }, advised = { 0 }, asked = { 0 }, by_preset = { 0 }, both = { 0 };

#define HELLO "generate", "--model", model, "--prompt", "Hello", "-n", "20", "--seed", "3"
  g_assert_true (g_file_set_contents (preset, "version: 1\nsampling:\n  temperature: 2\n", -1, NULL));
  g_assert_true (g_file_set_contents (advice, "{\"do_sample\": true, \"temperature\": 0}", -1, NULL));
  CLI_RUN (&greedy, NULL, HELLO, GREEDY);
  CLI_RUN (&advised, NULL, HELLO);
  CLI_RUN (&asked, NULL, HELLO, "--temperature", "2");
  CLI_RUN (&by_preset, NULL, HELLO, "--preset", preset);
  CLI_RUN (&both, NULL, HELLO, "--preset", preset, GREEDY);
#undef HELLO
  g_assert_cmpint (advised.status, ==, 0);
  g_assert_cmpstr (advised.out, ==, greedy.out);
  g_assert_cmpstr (asked.out, !=, greedy.out);
  g_assert_cmpstr (by_preset.out, ==, asked.out);
  g_assert_cmpstr (both.out, ==, greedy.out);
  test_remove_dir (g_steal_pointer (&model));
}

static void
test_stop (void)
{
  g_auto (CliResult) result = { 0 };
  g_autoptr (JsonObject) object = NULL;

  CLI_RUN (&result, NULL, "generate", "--model", cli_model (), "--vectors", cli_vectors (), "--preset", cli_calm (),
           "--prompt", "Hello", "--steer-at", "5:off", "--stop", "xyz", "--stop", "aaa", "--json");
  object = cli_parse (&result);
  g_assert_cmpstr (json_object_get_string_member (object, "text"), ==, "");
  g_assert_cmpstr (json_object_get_string_member (object, "stop_reason"), ==, "stop");
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (object, "ids")), ==, 3);

  /* The beginning of one is held back, and given out when it comes to nothing. */
  CLI_RUN (&result, NULL, "generate", "--model", cli_model (), "--vectors", cli_vectors (), "--preset", cli_calm (),
           "--prompt", "Hello", "-n", "4", "--stop", "aaaab");
  g_assert_cmpstr (result.out, ==, "aaaa\n");
}

static void
test_messages (void)
{
  const char *plain = "[{\"role\":\"system\",\"content\":\"Be brief\"},{\"role\":\"user\",\"content\":\"Hi\"}]";
  const char *object = "{\"messages\":[{\"content\":[{\"type\":\"text\",\"text\":\"Be \"},{\"text\":\"brief\"}],"
                       "\"role\":\"system\"},{\"role\":\"user\",\"content\":\"Hi\"}],\"other\":[1,{}]}";
  g_auto (CliResult) by_system = { 0 };
  g_auto (CliResult) by_array = { 0 };
  g_auto (CliResult) by_object = { 0 };
  g_autoptr (JsonObject) first = NULL;
  g_autoptr (JsonObject) second = NULL;
  g_autoptr (JsonObject) third = NULL;
  g_autoptr (GArray) expected = NULL;
  g_autoptr (GArray) from_array = NULL;
  g_autoptr (GArray) from_object = NULL;

  CLI_RUN (&by_system, NULL, "generate", "--model", cli_model (), "--system", "Be brief", "--prompt", "Hi", "-n", "1",
           "--json");
  CLI_RUN (&by_array, plain, "generate", "--model", cli_model (), "--messages", "-", "-n", "1", "--json");
  CLI_RUN (&by_object, object, "generate", "--model", cli_model (), "--messages", "-", "-n", "1", "--json");
  first = cli_parse (&by_system);
  second = cli_parse (&by_array);
  third = cli_parse (&by_object);
  expected = cli_get_ids (first, "prompt_ids");
  from_array = cli_get_ids (second, "prompt_ids");
  from_object = cli_get_ids (third, "prompt_ids");
  cli_assert_ids_equal (expected, from_array);
  cli_assert_ids_equal (expected, from_object);
  g_assert_cmpint (g_array_index (expected, gint32, 0), ==, 257);
}

static void
test_bad_messages (void)
{
  static const struct
  {
    const char *json;
    const char *complaint;
  } cases[] = {
    { "", "standard input" },
    { "[", "standard input" },
    { "3", "an array of" },
    { "{\"messages\":3}", "must be an array" },
    { "{}", "there is no \"messages\"" },
    { "[3]", "a message must be an object" },
    { "[{\"role\":\"user\"}]", "needs \"role\" and \"content\"" },
    { "[{\"role\":\"pirate\",\"content\":\"x\"}]", "system, user or assistant" },
    { "[{\"role\":\"user\",\"content\":3}]", "must be a string or an array" },
    { "[{\"role\":\"user\",\"content\":[{\"type\":\"image\"}]}]", "only parts of type \"text\"" },
    { "[{\"role\":\"user\",\"content\":\"a\\u0000b\"}]", "U+0000" },
    { "[] []", "standard input" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_auto (CliResult) result = { 0 };

      CLI_RUN (&result, cases[i].json, "generate", "--model", cli_model (), "--messages", "-");
      g_assert_cmpint (result.status, ==, 1);
      g_assert_cmpstr (result.out, ==, "");
      if (strstr (result.err, cases[i].complaint) == NULL)
        g_error ("%s: %s", cases[i].json, result.err);
    }
}

static void
test_ids (void)
{
  static const char *const without[] = { "tokenizer.json", NULL };
  g_autofree char *model = cli_copy_model (without);
  g_auto (CliResult) with_text = { 0 };
  g_auto (CliResult) with_ids = { 0 };
  g_auto (CliResult) result = { 0 };
  g_autoptr (JsonObject) object = NULL;
  g_autoptr (JsonObject) reference = NULL;
  g_autoptr (GArray) ids = NULL;
  g_autoptr (GArray) expected = NULL;

  CLI_RUN (&with_ids, NULL, "generate", "--model", model, "--ids", "72, 105", GREEDY, "-n", "5", "--json");
  object = cli_parse (&with_ids);
  CLI_RUN (&with_text, NULL, "generate", "--model", cli_model (), "--prompt", "Hi", "--raw", GREEDY, "-n", "5",
           "--json");
  reference = cli_parse (&with_text);
  ids = cli_get_ids (object, "ids");
  expected = cli_get_ids (reference, "ids");
  cli_assert_ids_equal (ids, expected);
  g_assert_cmpstr (json_object_get_string_member (object, "text"), ==, "");

  CLI_RUN (&result, NULL, "generate", "--model", model, "--prompt", "Hi");
  g_assert_cmpint (result.status, ==, 1);
  g_assert_nonnull (strstr (result.err, "tokenizer.json"));
  CLI_RUN (&result, NULL, "generate", "--model", model, "--ids", "9999");
  g_assert_cmpint (result.status, ==, 1);
  g_assert_nonnull (strstr (result.err, "9999"));
  test_remove_dir (g_steal_pointer (&model));
}

static void
test_no_template (void)
{
  static const char *const without[] = { "tokenizer_config.json", NULL };
  g_autofree char *model = cli_copy_model (without);
  g_auto (CliResult) own = { 0 };
  g_auto (CliResult) result = { 0 };

  CLI_RUN (&result, NULL, "generate", "--model", model, "--prompt", "Hi");
  g_assert_cmpint (result.status, ==, 1);
  g_assert_nonnull (strstr (result.err, "--template"));

  CLI_RUN (&own, NULL, "generate", "--model", cli_model (), "--prompt", "Hi", GREEDY, "-n", "6");
  CLI_RUN (&result, NULL, "generate", "--model", model, "--template", "chatml", "--prompt", "Hi", GREEDY, "-n", "6");
  g_assert_cmpint (result.status, ==, 0);
  g_assert_cmpmem (result.out, result.out_length, own.out, own.out_length);
  test_remove_dir (g_steal_pointer (&model));
}

/* Of a model that cannot but think, the prompt has written how a thought begins: to those who read the reply it is a
 * part of it. */
static void
test_written_by_template (void)
{
  g_auto (CliResult) thinking = { 0 };
  g_auto (CliResult) plain = { 0 };
  g_auto (CliResult) raw = { 0 };
  g_autoptr (JsonObject) reply = NULL;
  g_autoptr (GArray) ids = NULL;

  CLI_RUN (&thinking, NULL, "generate", "--template", "deepseek", "--prompt", "Hi", "--stop", "\n", "--seed", "1", "-n",
           "3", "--json", "--model", cli_model ());
  reply = cli_parse (&thinking);
  ids = cli_get_ids (reply, "ids");
  g_assert_true (g_str_has_prefix (json_object_get_string_member (reply, "text"), "<think>\n"));
  g_assert_cmpuint (ids->len, ==, 3);
  CLI_RUN (&plain, NULL, "generate", "--template", "chatml", "--prompt", "Hi", "-n", "3", "--model", cli_model ());
  g_assert_null (strstr (plain.out, "<think>"));
  CLI_RUN (&raw, NULL, "generate", "--template", "deepseek", "--prompt", "Hi", "--raw", "-n", "3", "--model",
           cli_model ());
  g_assert_null (strstr (raw.out, "<think>"));
}

static void
test_missing (void)
{
  g_autofree char *dir = test_make_dir ();
  g_autofree char *nowhere = g_build_filename (dir, "nowhere\033[31m", NULL);
  g_autofree char *vectors = g_build_filename (dir, "none.safetensors", NULL);
  g_auto (CliResult) result = { 0 };

  CLI_RUN (&result, NULL, "generate", "--model", nowhere, "--prompt", "Hi");
  g_assert_cmpint (result.status, ==, 1);
  g_assert_nonnull (strstr (result.err, "--model takes a folder with config.json"));
  g_assert_nonnull (strstr (result.err, "nowhere\\x1b[31m"));
  g_assert_true (cli_is_safe (result.err));

  CLI_RUN (&result, NULL, "generate", "--model", dir, "--prompt", "Hi");
  g_assert_cmpint (result.status, ==, 1);
  g_assert_nonnull (strstr (result.err, "config.json"));

  CLI_RUN (&result, NULL, "generate", "--model", cli_model (), "--prompt", "Hi", "--vectors", vectors);
  g_assert_cmpint (result.status, ==, 1);
  g_assert_nonnull (strstr (result.err, "none.safetensors"));

  CLI_RUN (&result, NULL, "generate", "--model", cli_model (), "--prompt", "Hi", "--steer", "1:97=2");
  g_assert_cmpint (result.status, ==, 1);
  g_assert_nonnull (strstr (result.err, "--vectors FILE"));

  CLI_RUN (&result, NULL, "generate", "--model", cli_model (), "--prompt", "Hi", "--vectors", cli_vectors (), "--steer",
           "1:5=2");
  g_assert_cmpint (result.status, ==, 1);
  g_assert_nonnull (strstr (result.err, "feature 5"));
  test_remove_dir (g_steal_pointer (&dir));
}

static void
test_negative_number (void)
{
  g_auto (CliResult) result = { 0 };

  CLI_RUN (&result, NULL, "generate", "--model", cli_model (), "-p", "Hello", "-n", "-3");
  g_assert_cmpint (result.status, ==, 2);
  g_assert_nonnull (strstr (result.err, "--max-tokens must not be negative, as -3 is\n"));
}

/* Microseconds were measured, and no binary fractions of them; what stands in texts is no number. */
static void
test_numbers_have_their_digits (void)
{
  g_auto (CliResult) result = { 0 };

  CLI_RUN (&result, NULL, "generate", "--model", cli_model (), "-p", "0.10000000000000001 \\\" 1.5", "-n", "2",
           "--json", "--vectors", cli_vectors (), "--steer", "2:97=0.1");
  g_assert_cmpint (result.status, ==, 0);
  g_assert_false (g_regex_match_simple ("_s\":[0-9]+\\.[0-9]{7,}", result.out, 0, 0));
  g_assert_true (g_regex_match_simple ("\"load_s\":[0-9]+\\.[0-9]+", result.out, 0, 0));
}

static void
test_usage (void)
{
  static const char *const cases[][6] = {
    { "nonsense" },
    { "generate" },
    { "generate", "--prompt", "a", "--ids", "1" },
    { "generate", "--prompt", "a", "--bogus" },
    { "generate", "--prompt", "a", "rest" },
    { "generate", "--prompt", "a", "--temperature", "hot" },
    { "generate", "--prompt", "a", "--temperature", "-1" },
    { "generate", "--prompt", "a", "--temperature", "nan" },
    { "generate", "--prompt", "a", "--top-p", "0" },
    { "generate", "--prompt", "a", "--seed", "-1" },
    { "generate", "--prompt", "a", "--max-tokens", "1.5" },
    { "generate", "--prompt", "a", "--steer", "1:2" },
    { "generate", "--prompt", "a", "--steer", "1:2=inf" },
    { "generate", "--prompt", "a", "--steer", "1:2=3,pin" },
    { "generate", "--prompt", "a", "--steer", "1:2=3,clamp,often" },
    { "generate", "--prompt", "a", "--steer", "1:2=3,activation > x" },
    { "generate", "--prompt", "a", "--steer", "1:2=3,activation > 1,clamp" },
    { "generate", "--prompt", "a", "--steer", "1:2=3,activation > 1,projection > 2" },
    { "generate", "--prompt", "a", "--steer", "1:2=3,activation > 1e10" },
    { "generate", "--prompt", "a", "--steer", ":2=3" },
    { "generate", "--prompt", "a", "--steer", "99999999999:2=3" },
    { "generate", "--prompt", "a", "--steer-prompt", "maybe" },
    { "generate", "--prompt", "a", "--steer-at", "off" },
    { "generate", "--prompt", "a", "--steer-at", "x:off" },
    { "generate", "--prompt", "a", "--kv", "f64" },
    { "generate", "--prompt", "a", "--template", "jinja" },
    { "generate", "--prompt", "a", "--stop", "" },
    { "generate", "--ids", "1,,2" },
    { "generate", "--ids", "1", "--raw" },
    { "trace", "--ids", "1" },
    { "info" },
    { "info", "a", "b" },
    { "chat", "question" },
    { "bench", "--gen-tokens", "0" },
  };
  g_auto (CliResult) result = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      cli_run (&result, NULL, cases[i]);
      if (result.status != 2)
        g_error ("%s %s %s: status %d", cases[i][0], cases[i][3], cases[i][4], result.status);
      g_assert_cmpstr (result.out, ==, "");
      g_assert_nonnull (strstr (result.err, "--help"));
    }
  CLI_RUN (&result, NULL, NULL);
  g_assert_cmpint (result.status, ==, 2);
}

static void
test_help (void)
{
  static const char *const commands[]
    = { "chat", "generate", "trace", "tokenize", "template", "bench", "info", "devices", "extract" };
  g_auto (CliResult) result = { 0 };

  CLI_RUN (&result, NULL, "--help");
  g_assert_cmpint (result.status, ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    {
      g_auto (CliResult) help = { 0 };
      g_auto (CliResult) same = { 0 };
      g_autofree char *example = g_strdup_printf ("steer %s", commands[i]);

      g_assert_nonnull (strstr (result.out, commands[i]));
      CLI_RUN (&help, NULL, commands[i], "--help");
      g_assert_cmpint (help.status, ==, 0);
      g_assert_cmpstr (help.err, ==, "");
      g_assert_nonnull (strstr (help.out, "Examples:\n"));
      g_assert_nonnull (strstr (strstr (help.out, "Examples:\n"), example));
      CLI_RUN (&same, NULL, "help", commands[i]);
      g_assert_cmpstr (help.out, ==, same.out);
    }
}

static void
test_version (void)
{
  static const char *const libraries[] = { "steer ", "GLib ", "json-glib ", "libyaml ", "SQLite " };
  g_auto (CliResult) result = { 0 };

  CLI_RUN (&result, NULL, "--version");
  g_assert_cmpint (result.status, ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (libraries); i++)
    g_assert_nonnull (strstr (result.out, libraries[i]));
}

/* A reply that would go on for minutes, its output on a pipe. */
static GSubprocess *
spawn_long (const char *more)
{
  g_autoptr (GSubprocessLauncher) launcher
    = cli_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
  const char *const args[]
    = { "generate", "--model", cli_model (), "--vectors", cli_vectors (), "--steer", "2:97=80", GREEDY,
        "-n",       "0",       "--context",  "100000",    "--prompt",     "Hello",   more,      NULL };

  return cli_spawn (launcher, args);
}

static void
test_closed_output (void)
{
  g_autoptr (GSubprocess) process = spawn_long (NULL);
  GInputStream *out = g_subprocess_get_stdout_pipe (process);
  g_autoptr (GError) error = NULL;
  char buffer[4];

  g_assert_true (g_input_stream_read_all (out, buffer, sizeof buffer, NULL, NULL, &error));
  g_assert_cmpmem (buffer, sizeof buffer, "aaaa", 4);
  g_assert_true (g_input_stream_close (out, NULL, &error));
  g_assert_true (g_subprocess_wait (process, NULL, &error));
  g_assert_true (g_subprocess_get_if_exited (process));
  g_assert_cmpint (g_subprocess_get_exit_status (process), ==, 1);
}

static void
test_interrupt (void)
{
  g_autoptr (GSubprocess) process = spawn_long ("--stop=zz");
  GInputStream *out = g_subprocess_get_stdout_pipe (process);
  g_autoptr (GError) error = NULL;
  char buffer[4];

  g_assert_true (g_input_stream_read_all (out, buffer, sizeof buffer, NULL, NULL, &error));
  g_subprocess_send_signal (process, SIGINT);
  g_assert_true (g_subprocess_communicate (process, NULL, NULL, NULL, NULL, &error));
  g_assert_true (g_subprocess_get_if_exited (process));
  g_assert_cmpint (g_subprocess_get_exit_status (process), ==, 1);
}

static void
test_raw_bytes (void)
{
  g_auto (CliResult) result = { 0 };

  /* A pipe gets what the model says, byte by byte; JSON escapes it. */
  CLI_RUN (&result, NULL, "generate", "--model", cli_model (), "--vectors", cli_vectors (), "--prompt", "Hi", "--steer",
           "2:27=80", GREEDY, "-n", "3");
  g_assert_cmpstr (result.out, ==, "\033\033\033\n");
  CLI_RUN (&result, NULL, "generate", "--model", cli_model (), "--vectors", cli_vectors (), "--prompt", "Hi", "--steer",
           "2:27=80", GREEDY, "-n", "3", "--json");
  g_assert_true (cli_is_safe (result.out));
  g_assert_nonnull (strstr (result.out, "\\u001b\\u001b\\u001b"));
}

static void
test_context (void)
{
  g_auto (CliResult) result = { 0 };
  g_autoptr (JsonObject) object = NULL;

  CLI_RUN (&result, NULL, "generate", "--model", cli_model (), "--context", "20", "--prompt", "Hello");
  g_assert_cmpint (result.status, ==, 1);
  g_assert_nonnull (strstr (result.err, "24 tokens"));
  CLI_RUN (&result, NULL, "generate", "--model", cli_model (), "--context", "30", "--prompt", "Hello", "-n", "0",
           "--json");
  object = cli_parse (&result);
  g_assert_cmpstr (json_object_get_string_member (object, "stop_reason"), ==, "context");
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (object, "ids")), ==, 6);
}

static void
test_shared_models (void)
{
  g_autofree char *stories = test_shared_path ("models/stories260k");
  g_autofree char *expected = stories != NULL ? g_build_filename (stories, "expected-greedy-ids.json", NULL) : NULL;
  g_autofree char *text = NULL;
  g_auto (CliResult) result = { 0 };
  g_autoptr (JsonObject) object = NULL;
  g_autoptr (JsonNode) node = NULL;
  g_autoptr (GArray) ids = NULL;

  if (stories == NULL)
    return;
  CLI_RUN (&result, NULL, "generate", "--model", stories, "--ids", "1", GREEDY, "-n", "200", "--json");
  object = cli_parse (&result);
  ids = cli_get_ids (object, "ids");
  g_assert_true (g_file_get_contents (expected, &text, NULL, NULL));
  node = json_from_string (text, NULL);
  g_assert_cmpuint (ids->len, ==, 200);
  /* The file begins with the prompt's one id. */
  for (guint i = 0; i < ids->len; i++)
    g_assert_cmpint (g_array_index (ids, gint32, i), ==,
                     json_array_get_int_element (json_node_get_array (node), i + 1));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cli/generate/json is one object with the promised members", test_contract);
  g_test_add_func ("/cli/generate/greedy ids are the reference's, steered and not", test_reference);
  g_test_add_func ("/cli/generate/strength 0 is no steering", test_strength_0);
  g_test_add_func ("/cli/generate/a condition opens and shuts", test_conditions);
  g_test_add_func ("/cli/generate/tells a feature's mode and condition", test_tells_conditions);
  g_test_add_func ("/cli/generate/the prompt and special tokens are left alone on demand", test_steer_prompt);
  g_test_add_func ("/cli/generate/a preset answers to its names", test_preset_names);
  g_test_add_func ("/cli/generate/the command line changes and extends a preset", test_preset_changed);
  g_test_add_func ("/cli/generate/steering switches at the steps that were named", test_schedule);
  g_test_add_func ("/cli/generate/a seed gives the same reply again", test_seed);
  g_test_add_func ("/cli/generate/the authors' advice counts where nothing else is said", test_advice);
  g_test_add_func ("/cli/generate/a stop string ends the reply before it", test_stop);
  g_test_add_func ("/cli/generate/messages come as an array or an object", test_messages);
  g_test_add_func ("/cli/generate/malformed messages are refused with the reason", test_bad_messages);
  g_test_add_func ("/cli/generate/ids need no tokenizer", test_ids);
  g_test_add_func ("/cli/generate/a model without a template takes one by name", test_no_template);
  g_test_add_func ("/cli/generate/what the template writes of a reply is told with it", test_written_by_template);
  g_test_add_func ("/cli/generate/what is missing is named with the remedy", test_missing);
  g_test_add_func ("/cli/generate/a context that is full ends the reply", test_context);
  g_test_add_func ("/cli/generate/a reader that goes away is no crash", test_closed_output);
  g_test_add_func ("/cli/generate/an interrupt stops the reply", test_interrupt);
  g_test_add_func ("/cli/generate/a pipe gets the reply as it is", test_raw_bytes);
  g_test_add_func ("/cli/generate/a published model says what its makers recorded", test_shared_models);
  g_test_add_func ("/cli/usage/a negative number is told as one", test_negative_number);
  g_test_add_func ("/cli/generate/numbers have as many digits as they need", test_numbers_have_their_digits);
  g_test_add_func ("/cli/usage/a wrong command line ends with status 2", test_usage);
  g_test_add_func ("/cli/usage/every command explains itself with an example", test_help);
  g_test_add_func ("/cli/usage/the versions of the libraries are told", test_version);
  return g_test_run ();
}
