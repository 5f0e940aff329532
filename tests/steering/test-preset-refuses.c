#include "steer-preset.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "steer-yaml.h"
#include "test-util.h"

typedef struct
{
  const char *test;
  const char *yaml;
  const char *message; /* a piece of the error, its place included */
} Refusal;

#define FEATURE "version: 1\nfeatures:\n- layer: 15\n  index: 3\n"

static const Refusal refusals[] = {
  { "an empty file", "", "p.yaml:1:1: expected a preset, found an empty file" },
  { "a file of comments", "# nothing\n", "found an empty file" },
  { "a list", "- 1\n- 2\n", "p.yaml:1:1: expected a preset (lines of 'key: value'), found a list" },
  { "a word", "steer", "found \"steer\"" },
  { "a mapping of something else", "apple: 1\n", "expected a preset with 'version: 1' and 'features', found neither" },
  { "broken YAML", "version: 1\nname: [a, b\n", "p.yaml:3:1: " },
  { "a tab for indentation", "version: 1\nfeatures:\n\t- layer: 1\n", "p.yaml:3:1: " },
  { "a newer version", "version: 2\nfeatures: []\n", "p.yaml:1:10: expected version 1, found version 2" },
  { "version 0", "version: 0\nfeatures: []\n", "p.yaml:1:10: expected version 1, found version 0" },
  { "a version that is a word", "version: new\n", "p.yaml:1:10: expected a whole number" },
  { "features that are no list", "version: 1\nfeatures: {layer: 1}\n",
    "p.yaml:2:11: expected a list for 'features', found a mapping" },
  { "a feature that is a number", "version: 1\nfeatures: [3]\n", "p.yaml:2:12: expected a feature" },
  { "a feature without a layer", "version: 1\nfeatures:\n- index: 3\n  strength: 1\n",
    "p.yaml:3:3: expected a feature with 'layer', 'index' and 'strength', found none called 'layer'" },
  { "a feature without an index", "version: 1\nfeatures:\n- layer: 3\n  strength: 1\n", "none called 'index'" },
  { "a misspelt strength", FEATURE "  strenght: 8.5\n", "none called 'strength'" },
  { "a strength that is a word", FEATURE "  strength: strong\n",
    "p.yaml:5:13: expected a number from -1e+09 to 1e+09 for 'strength', found \"strong\"" },
  { "a strength in quotes", FEATURE "  strength: '8.5'\n", "found the quoted text \"8.5\"" },
  { "a strength of nothing", FEATURE "  strength:\n", "for 'strength', found nothing" },
  { "a strength that is NaN", FEATURE "  strength: .nan\n", "found \".nan\"" },
  { "a strength spelt nan", FEATURE "  strength: nan\n", "found \"nan\"" },
  { "an infinite strength", FEATURE "  strength: -.inf\n", "found \"-.inf\"" },
  { "a strength beyond double", FEATURE "  strength: 1e999\n", "found \"1e999\"" },
  { "a strength beyond reason", FEATURE "  strength: 2e9\n", "found \"2e9\"" },
  { "a hexadecimal strength", FEATURE "  strength: 0x10\n", "found \"0x10\"" },
  { "a strength with a comma", FEATURE "  strength: 8,5\n", "found \"8,5\"" },
  { "a strength with an empty exponent", FEATURE "  strength: 8e\n", "found \"8e\"" },
  { "a fractional layer", "version: 1\nfeatures:\n- layer: 1.5\n",
    "p.yaml:3:10: expected a whole number from 0 to 65535 for 'layer', found \"1.5\"" },
  { "a negative index", "version: 1\nfeatures:\n- layer: 1\n  index: -1\n", "found \"-1\"" },
  { "a layer beyond every model", "version: 1\nfeatures:\n- layer: 65536\n", "found \"65536\"" },
  { "an index beyond 64 bits", "version: 1\nfeatures:\n- layer: 1\n  index: 18446744073709551616\n",
    "found \"18446744073709551616\"" },
  { "a label that is a list", FEATURE "  label: [a]\n", "p.yaml:5:10: expected text for 'label', found a list" },
  { "a clamp of 1", FEATURE "  strength: 1\n  clamp: 1\n",
    "p.yaml:6:10: expected true or false for 'clamp', found \"1\"" },
  { "a clamp in quotes", FEATURE "  strength: 1\n  clamp: 'true'\n", "expected true or false" },
  { "a mode that is none", FEATURE "  strength: 1\n  mode: Clamp\n",
    "p.yaml:6:9: expected add, clamp, minimum, maximum, orthogonal, cap or sae-clamp for 'mode', found \"Clamp\"" },
  { "a condition that is none", FEATURE "  strength: 1\n  when: activation > much\n",
    "p.yaml:6:9: expected a condition such as 'activation > 2'" },
  { "a condition that is a number", FEATURE "  strength: 1\n  when: 3\n", "found '3'" },
  { "a condition that is a list", FEATURE "  strength: 1\n  when: [a]\n", "p.yaml:6:9: expected text for 'when'" },
  { "a mode against clamp", FEATURE "  strength: 1\n  clamp: true\n  mode: cap\n", "leave 'clamp' out" },
  { "a multiplier above 2", "version: 1\nmaster_multiplier: 2.5\n",
    "expected a number from 0 to 2 for 'master_multiplier'" },
  { "sampling that is a list", "version: 1\nsampling: [0.5]\n",
    "p.yaml:2:11: expected a mapping for 'sampling', found a list" },
  { "a negative temperature", "version: 1\nsampling: {temperature: -0.1}\n",
    "p.yaml:2:25: expected a number from 0 to 5" },
  { "top_p of zero", "version: 1\nsampling: {top_p: 0}\n", "for 'top_p'" },
  { "min_p above one", "version: 1\nsampling: {min_p: 1.1}\n", "for 'min_p'" },
  { "a penalty of zero", "version: 1\nsampling: {repetition_penalty: 0}\n", "for 'repetition_penalty'" },
  { "a negative seed", "version: 1\nsampling: {seed: -1}\n", "for 'seed'" },
  { "a key twice", "version: 1\nname: a\nname: b\n", "p.yaml:3:1: expected each key once, found \"name\" again" },
  { "a key twice in a feature", FEATURE "  layer: 2\n", "p.yaml:5:3: expected each key once" },
  { "an unknown key twice", "version: 1\nx: {y: 1, y: 2}\n", "p.yaml:2:11: expected each key once" },
  { "a key that is a list", "version: 1\n? [a, b]\n: c\n", "p.yaml:2:3: expected a key that is plain text" },
  { "an alias", "version: 1\nname: &n A\ndescription: *n\n", "p.yaml:3:14: expected a value, found an alias" },
  { "an alias as a key", "version: 1\nname: &n A\n*n : b\n", "found an alias" },
  { "a second document", "version: 1\n---\nversion: 1\n", "p.yaml:2:1: expected one document, found a second one" },
  { "a NUL in a text", "version: 1\nname: \"a\\0b\"\n", "p.yaml:2:7: expected text, found text with a NUL" },
};

static void
expect_refusal (const char *yaml, gsize length, const char *message)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerPreset) preset = steer_preset_new_from_yaml (yaml, length, "p.yaml", &error);

  g_assert_null (preset);
  g_assert_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID);
  g_assert_true (g_str_has_prefix (error->message, "p.yaml:"));
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  if (strstr (error->message, message) == NULL)
    g_error ("expected '%s' in '%s'", message, error->message);
}

static void
test_refuses (gconstpointer data)
{
  const Refusal *refusal = data;

  expect_refusal (refusal->yaml, strlen (refusal->yaml), refusal->message);
}

static void
test_refuses_what_is_not_utf8 (void)
{
  static const char latin1[] = "version: 1\nname: caf\xe9\n";
  static const char utf16[] = "\xff\xfev\0e\0r\0";
  static const char nul[] = "version: 1\nname: a\0b\n";

  expect_refusal (latin1, sizeof latin1 - 1, "p.yaml:2:10: expected UTF-8 text");
  expect_refusal (utf16, sizeof utf16 - 1, "p.yaml:1:1: expected UTF-8 text");
  expect_refusal (nul, sizeof nul - 1, "p.yaml:2:8: expected UTF-8 text");
}

static void
test_refuses_deep_nesting (void)
{
  g_autoptr (GString) flow = g_string_new ("version: 1\nx: ");
  g_autoptr (GString) block = g_string_new ("version: 1\nx:\n");

  for (guint i = 0; i < 100000; i++)
    g_string_append_c (flow, '[');
  expect_refusal (flow->str, flow->len, "at most 32 levels of nesting");
  for (guint i = 0; i < 1000; i++)
    g_string_append (block, "- ");
  expect_refusal (block->str, block->len, "at most 32 levels of nesting");
}

static void
test_refuses_an_alias_bomb (void)
{
  g_autoptr (GString) bomb = g_string_new ("version: 1\na0: &a0 [x, x, x, x, x, x, x, x, x]\n");

  for (guint i = 1; i < 20; i++)
    g_string_append_printf (bomb, "a%u: &a%u [*a%u, *a%u, *a%u, *a%u, *a%u, *a%u, *a%u, *a%u, *a%u]\n", i, i, i - 1,
                            i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
  expect_refusal (bomb->str, bomb->len, "p.yaml:3:10: expected a value, found an alias");
}

static void
test_refuses_too_many_values (void)
{
  g_autoptr (GString) many = g_string_new ("version: 1\nx: [");

  for (guint i = 0; i < 200000; i++)
    g_string_append (many, "1,");
  g_string_append (many, "1]\n");
  expect_refusal (many->str, many->len, "at most 100000 values");
}

static void
test_quotes_little_of_a_strangers_file (void)
{
  g_autoptr (GString) text = g_string_new (FEATURE "  strength: \"");
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 5000; i++)
    g_string_append (text, "\\e[31m…");
  g_string_append (text, "\"\n");
  g_assert_null (steer_preset_new_from_yaml (text->str, text->len, "p.yaml", &error));
  g_assert_cmpuint (strlen (error->message), <, 300);
  g_assert_null (strchr (error->message, '\033'));
}

static void
expect_file_refusal (const char *path, GQuark domain, const char *message)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (steer_preset_new_from_file (path, &error));
  g_assert_nonnull (error);
  g_assert_true (error->domain == domain);
  g_assert_nonnull (strstr (error->message, path));
  g_assert_nonnull (strstr (error->message, message));
}

static void
test_refuses_what_is_no_preset_file (void)
{
  char *dir = test_make_dir ();
  g_autofree char *huge = g_build_filename (dir, "huge.yaml", NULL);
  g_autofree char *pipe = g_build_filename (dir, "pipe.yaml", NULL);
  g_autofree char *none = g_build_filename (dir, "none.yaml", NULL);

  g_assert_true (g_file_set_contents (huge, "version: 1\n", -1, NULL));
  g_assert_cmpint (truncate (huge, 100 * 1000 * 1000), ==, 0);
  g_assert_cmpint (mkfifo (pipe, 0600), ==, 0);
  expect_file_refusal (huge, STEER_STEERING_ERROR, "at most 4 MiB, found 100000000 bytes");
  expect_file_refusal (pipe, STEER_STEERING_ERROR, "found a folder or a device");
  expect_file_refusal (dir, STEER_STEERING_ERROR, "found a folder or a device");
  expect_file_refusal (none, G_FILE_ERROR, "cannot be read");
  test_remove_dir (dir);
}

/* Every beginning of a file either loads or is refused, and what loads can be written and loaded again. */
static void
check_truncations (const char *fixture)
{
  g_autofree char *path = test_fixture_path (fixture);
  g_autofree char *yaml = NULL;
  gsize length;
  guint n_loaded = 0;
  guint n_refused = 0;

  g_assert_true (g_file_get_contents (path, &yaml, &length, NULL));
  for (gsize n = 0; n < length; n++)
    {
      g_autofree char *part = g_memdup2 (yaml, MAX (n, 1)); /* exactly n bytes, so that reading on is seen */
      g_autoptr (GError) error = NULL;
      g_autoptr (SteerPreset) preset = steer_preset_new_from_yaml (part, n, "p.yaml", &error);
      g_autofree char *written = preset != NULL ? steer_preset_to_yaml (preset) : NULL;
      g_autoptr (SteerPreset) again = NULL;

      g_assert_true ((preset == NULL) == (error != NULL));
      n_loaded += preset != NULL;
      n_refused += preset == NULL;
      if (preset == NULL)
        continue;
      again = steer_preset_new_from_yaml (written, strlen (written), "p.yaml", &error);
      g_assert_no_error (error);
      g_assert_true (steer_preset_equal (preset, again));
    }
  g_assert_cmpuint (n_loaded, >, 10);
  g_assert_cmpuint (n_refused, >, 10);
}

static void
test_survives_every_truncation (void)
{
  check_truncations ("steering/every-key.yaml");
  check_truncations ("steering/demo.yaml");
}

/* Random damage, from a fixed seed: an error or a load, never a crash. */
static void
test_survives_damage (void)
{
  static const char alphabet[] = "[]{}:,-#&*!|>'\"%@`~? \n\t0.e\\\xc3\xa9";
  g_autofree char *path = test_fixture_path ("steering/every-key.yaml");
  g_autoptr (GRand) rand = g_rand_new_with_seed (20);
  g_autofree char *yaml = NULL;
  gsize length;

  g_assert_true (g_file_get_contents (path, &yaml, &length, NULL));
  for (guint i = 0; i < 4000; i++)
    {
      g_autofree char *damaged = g_memdup2 (yaml, length);
      g_autoptr (SteerPreset) preset = NULL;
      guint n = (guint) g_rand_int_range (rand, 1, 5);

      for (guint k = 0; k < n; k++)
        damaged[g_rand_int_range (rand, 0, (gint32) length)]
          = alphabet[g_rand_int_range (rand, 0, sizeof alphabet - 1)];
      preset = steer_preset_new_from_yaml (damaged, length, "p.yaml", NULL);
      if (preset != NULL)
        {
          g_autofree char *written = steer_preset_to_yaml (preset);
          g_autoptr (GError) error = NULL;
          g_autoptr (SteerPreset) again = steer_preset_new_from_yaml (written, strlen (written), "p.yaml", &error);

          g_assert_no_error (error);
          g_assert_true (steer_preset_equal (preset, again));
        }
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (refusals); i++)
    {
      g_autofree char *path = g_strconcat ("/preset/refuses ", refusals[i].test, NULL);

      g_test_add_data_func (path, &refusals[i], test_refuses);
    }
  g_test_add_func ("/preset/refuses what is not UTF-8, and says where", test_refuses_what_is_not_utf8);
  g_test_add_func ("/preset/refuses deep nesting", test_refuses_deep_nesting);
  g_test_add_func ("/preset/refuses an alias bomb", test_refuses_an_alias_bomb);
  g_test_add_func ("/preset/refuses too many values", test_refuses_too_many_values);
  g_test_add_func ("/preset/quotes little of a stranger's file, and no control characters",
                   test_quotes_little_of_a_strangers_file);
  g_test_add_func ("/preset/refuses a huge file, a pipe, a folder and nothing at all",
                   test_refuses_what_is_no_preset_file);
  g_test_add_func ("/preset/survives every truncation", test_survives_every_truncation);
  g_test_add_func ("/preset/survives damage", test_survives_damage);
  return g_test_run ();
}
