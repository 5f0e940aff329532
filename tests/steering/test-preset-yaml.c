#include "steer-preset.h"

#include <float.h>
#include <glib/gstdio.h>
#include <locale.h>
#include <math.h>
#include <string.h>

#include "steer-yaml-writer.h"
#include "test-util.h"

static SteerPreset *
read_yaml (const char *yaml)
{
  g_autoptr (GError) error = NULL;
  SteerPreset *preset = steer_preset_new_from_yaml (yaml, strlen (yaml), "some/where/Preset.yaml", &error);

  g_assert_no_error (error);
  return preset;
}

static SteerPreset *
open_fixture (void)
{
  g_autofree char *path = test_fixture_path ("steering/every-key.yaml");
  g_autoptr (GError) error = NULL;
  SteerPreset *preset = steer_preset_new_from_file (path, &error);

  g_assert_no_error (error);
  return preset;
}

static void
test_reads_every_key (void)
{
  g_autoptr (SteerPreset) preset = open_fixture ();
  g_autoptr (SteerFeature) first = g_list_model_get_item (G_LIST_MODEL (preset), 0);
  g_autoptr (SteerFeature) second = g_list_model_get_item (G_LIST_MODEL (preset), 1);
  const SteerSampling *sampling = steer_preset_get_sampling (preset);

  g_assert_cmpstr (steer_preset_get_name (preset), ==, "Eiffel Tower");
  g_assert_cmpstr (steer_preset_get_description (preset), ==,
                   "Speaks of the tower.\n  An indented line — and an empty one:\n\nThe end.");
  g_assert_cmpstr (steer_preset_get_model_hint (preset), ==, "meta-llama/Llama-3.1-8B-Instruct");
  g_assert_cmpstr (steer_preset_get_system_prompt (preset), ==, "You are a \"tower\": tall, \t and iron.");
  g_assert_false (steer_preset_get_steer_prompt (preset));
  g_assert_true (steer_preset_get_skip_special (preset));
  g_assert_true (steer_preset_get_default_clamp (preset));
  g_assert_false (steer_preset_get_master_enabled (preset));
  g_assert_cmpfloat (steer_preset_get_master_multiplier (preset), ==, 1.25);

  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (preset)), ==, 2);
  g_assert_cmpuint (steer_feature_get_layer (first), ==, 15);
  g_assert_cmpuint (steer_feature_get_index (first), ==, 21576);
  g_assert_cmpstr (steer_feature_get_source (first), ==, "demo");
  g_assert_cmpstr (steer_feature_get_label (first), ==, "Eiffel Tower: <i>plain</i> text");
  g_assert_cmpfloat (steer_feature_get_strength (first), ==, 8.5);
  g_assert_false (steer_feature_get_clamp (first));
  g_assert_true (steer_feature_get_enabled (first));
  g_assert_null (steer_feature_get_when (first));
  g_assert_cmpuint (steer_feature_get_index (second), ==, G_MAXUINT64);
  g_assert_cmpstr (steer_feature_get_label (second), ==, "12");
  g_assert_cmpfloat (steer_feature_get_strength (second), ==, -2.8100000000000005);
  g_assert_true (steer_feature_get_clamp (second));
  g_assert_cmpstr (steer_feature_get_when (second), ==, "activation(21576) <= 2.5");
  g_assert_false (steer_feature_get_enabled (second));

  g_assert_cmpuint (steer_preset_get_sampling_fields (preset), ==, STEER_SAMPLING_ALL);
  g_assert_cmpfloat (sampling->temperature, ==, 0.5);
  g_assert_cmpuint (sampling->top_k, ==, 40);
  g_assert_cmpfloat (sampling->top_p, ==, 0.9);
  g_assert_cmpfloat (sampling->min_p, ==, 0.05);
  g_assert_cmpfloat (sampling->repetition_penalty, ==, 1.2);
  g_assert_cmpuint (sampling->seed, ==, G_MAXUINT64);
  g_assert_cmpuint (sampling->max_tokens, ==, 256);
}

static void
test_writes_a_file_in_our_order_as_it_was (void)
{
  g_autoptr (SteerPreset) preset = open_fixture ();
  g_autofree char *path = test_fixture_path ("steering/every-key.yaml");
  g_autofree char *yaml = steer_preset_to_yaml (preset);
  g_autofree char *original = NULL;

  /* The fixture holds every key, unknown ones at every level, in the writer's own style: not a byte may differ. */
  g_assert_true (g_file_get_contents (path, &original, NULL, NULL));
  g_assert_cmpstr (yaml, ==, original);
}

static void
test_reads_and_writes_every_mode (void)
{
  for (guint i = 0; i < STEER_N_MODES; i++)
    {
      g_autofree char *line = g_strdup_printf ("  mode: %s\n", steer_mode_get_name ((SteerMode) i));
      g_autofree char *yaml
        = g_strconcat ("version: 1\nfeatures:\n- layer: 1\n  index: 2\n  strength: 3\n", line, NULL);
      g_autoptr (SteerPreset) preset = read_yaml (yaml);
      g_autofree char *written = steer_preset_to_yaml (preset);
      g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (preset), 0);

      g_assert_cmpint (steer_feature_get_mode (feature), ==, (SteerMode) i);
      g_assert_nonnull (strstr (written, line));
    }
}

static void
test_writes_a_condition_in_one_way (void)
{
  g_autoptr (SteerPreset) preset
    = read_yaml ("version: 1\nfeatures:\n- {layer: 1, index: 2, when: 'projection( 7 )>1e1', strength: 3}\n"
                 "- {layer: 1, index: 3, strength: 3, when: ~}\n");
  g_autofree char *yaml = steer_preset_to_yaml (preset);

  g_assert_nonnull (strstr (yaml, "  when: projection(7) > 10.0\n"));
  g_assert_nonnull (strstr (yaml, "- layer: 1\n  index: 3\n  strength: 3.0\n  mode: add\n  enabled: true\n"));
}

static void
test_reads_clamp_of_older_files_and_writes_mode (void)
{
  g_autoptr (SteerPreset) preset = read_yaml ("version: 1\nfeatures:\n- {layer: 1, index: 2, strength: 3, clamp: true, "
                                              "note: here}\n- {layer: 1, index: 3, strength: 3, clamp: false}\n");
  g_autofree char *yaml = steer_preset_to_yaml (preset);

  g_assert_nonnull (
    strstr (yaml, "- layer: 1\n  index: 2\n  strength: 3.0\n  mode: clamp\n  note: here\n  enabled: true\n"));
  g_assert_nonnull (strstr (yaml, "- layer: 1\n  index: 3\n  strength: 3.0\n  mode: add\n  enabled: true\n"));
}

static void
test_keeps_unknown_keys_through_changes (void)
{
  g_autoptr (SteerPreset) preset = open_fixture ();
  g_autoptr (SteerPreset) copy = NULL;
  g_autofree char *yaml = NULL;

  steer_preset_move (preset, 1, 0);
  steer_preset_set_sampling (preset, NULL);
  copy = steer_preset_copy (preset);
  yaml = steer_preset_to_yaml (copy);
  g_assert_nonnull (strstr (yaml, "colour: blue\nversion: 1\n"));
  g_assert_nonnull (strstr (yaml, "\nauthor: {name: Somebody, since: 2024-05-01}\n"));
  g_assert_nonnull (strstr (yaml, "\n  tags: [a, 'b', \"c\", {deep: [1, 2.50, ~]}]\n"));
  g_assert_nonnull (strstr (yaml, "\n  note: found by search\n"));
  g_assert_nonnull (strstr (yaml, "sampling:\n  mirostat: off\n  stop:\n  - \"\\n\\n\"\nafter: the end\n"));
  g_assert_cmpint (strstr (yaml, "tags:") - yaml, <, strstr (yaml, "note:") - yaml);
}

static void
test_keeps_the_type_of_unknown_values (void)
{
  g_autoptr (SteerPreset) preset
    = read_yaml ("version: 1\nopens: [12:30, {at: 18:00}]\nnumber: ! 12\nshape: !circle {r: 1}\nword: !!str yes\n");
  g_autofree char *yaml = steer_preset_to_yaml (preset);

  g_assert_nonnull (strstr (yaml, "opens:\n- 12:30\n- at: 18:00\n"));
  g_assert_nonnull (strstr (yaml, "\nnumber: '12'\n"));
  g_assert_nonnull (strstr (yaml, "\nshape: !circle {r: 1}\n"));
  g_assert_nonnull (strstr (yaml, "\nword: !!str yes\n"));
}

static void
test_writes_the_smallest_file_for_a_new_preset (void)
{
  g_autoptr (SteerPreset) preset = steer_preset_new ();
  g_autofree char *yaml = steer_preset_to_yaml (preset);

  g_assert_cmpstr (yaml, ==, "version: 1\nsteer_prompt: true\nskip_special_tokens: false\nfeatures: []\n");
}

static void
test_is_called_after_its_file_when_nameless (void)
{
  g_autoptr (SteerPreset) preset = read_yaml ("version: 1\n");
  g_autoptr (SteerPreset) named = read_yaml ("version: 1\nname: Sea\n");

  g_assert_cmpstr (steer_preset_get_name (preset), ==, "Preset");
  g_assert_cmpstr (steer_preset_get_name (named), ==, "Sea");
}

static void
test_has_defaults_for_what_a_file_leaves_out (void)
{
  g_autoptr (SteerPreset) preset
    = read_yaml ("features:\n- {layer: 1, index: 2, strength: 3, label: ~}\nsampling: {top_k: 5}\n");
  g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (preset), 0);

  g_assert_true (steer_feature_get_enabled (feature));
  g_assert_false (steer_feature_get_clamp (feature));
  g_assert_null (steer_feature_get_label (feature));
  g_assert_true (steer_preset_get_steer_prompt (preset));
  g_assert_true (steer_preset_get_master_enabled (preset));
  g_assert_cmpfloat (steer_preset_get_master_multiplier (preset), ==, 1.0);
  g_assert_null (steer_preset_get_system_prompt (preset));
  g_assert_cmpuint (steer_preset_get_sampling_fields (preset), ==, STEER_SAMPLING_TOP_K);
}

static void
test_tells_no_system_prompt_from_an_empty_one (void)
{
  g_autoptr (SteerPreset) preset = steer_preset_new ();
  g_autofree char *yaml = NULL;
  g_autoptr (SteerPreset) again = NULL;

  steer_preset_set_system_prompt (preset, "");
  yaml = steer_preset_to_yaml (preset);
  again = read_yaml (yaml);
  g_assert_cmpstr (steer_preset_get_system_prompt (again), ==, "");
}

static void
expect_round_trip (const char *text)
{
  g_autoptr (SteerPreset) preset = steer_preset_new ();
  g_autoptr (SteerFeature) feature = steer_feature_new (1, 2);
  g_autoptr (SteerPreset) again = NULL;
  g_autoptr (SteerFeature) got = NULL;
  g_autofree char *yaml = NULL;

  steer_preset_set_system_prompt (preset, text);
  steer_feature_set_label (feature, text);
  steer_preset_append (preset, feature);
  yaml = steer_preset_to_yaml (preset);
  again = read_yaml (yaml);
  got = g_list_model_get_item (G_LIST_MODEL (again), 0);
  g_assert_cmpstr (steer_preset_get_system_prompt (again), ==, text);
  g_assert_cmpstr (steer_feature_get_label (got), ==, *text != '\0' ? text : NULL);
}

static void
test_gives_every_text_back (void)
{
  static const char *const texts[] = {
    "",
    " ",
    "~",
    "null",
    "Null",
    "true",
    "NO",
    "y",
    "12",
    "-1.5",
    "0x10",
    ".inf",
    "1:30",
    "2024-01-01",
    "=",
    "<<",
    "- a",
    "? a",
    ": a",
    "a: b",
    "a:",
    "a #b",
    "#a",
    "&a",
    "*a",
    "!a",
    "|",
    ">",
    "%a",
    "@a",
    "`a",
    "'a'",
    "\"a\"",
    "{a}",
    "[a]",
    ",",
    "a ",
    " a",
    "a\n",
    "\na",
    "a\n\n",
    "a\n b\n",
    " a\nb",
    "a \nb",
    "a\n\n\nb",
    "\n",
    "\n\n",
    "a\tb",
    "\t",
    "a\r\nb",
    "\r",
    "\\",
    "a\\nb",
    "é",
    "日本語",
    "\"'\\",
    "😀",
    "a 😀\nb",
    "\xef\xbb\xbf"
    "a",
    "a\xc2\x85"
    "b",
    "a\xe2\x80\xa8"
    "b",
    "\x01\x1b[31m",
    "\x7f",
    "---",
    "...",
    "--- a",
    "a\n--- b\n",
    "a\n...\n",
    "key: |\n  x",
    "<b>&amp;</b>",
    "%s%n",
    "a\n#b",
  };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    expect_round_trip (texts[i]);
}

static void
test_gives_random_text_back (void)
{
  static const char *const pieces[] = { " ", "\n", "\t", "a", "b:", "- ", "#", "'",  "\"",  "\\",
                                        "é", "😀",  "\r", "0", "~",  "|",  ">", "  ", "...", "\xc2\xa0" };
  g_autoptr (GRand) rand = g_rand_new_with_seed (3);

  for (guint i = 0; i < 3000; i++)
    {
      g_autoptr (GString) text = g_string_new (NULL);
      guint n = (guint) g_rand_int_range (rand, 1, 12);

      for (guint k = 0; k < n; k++)
        g_string_append (text, pieces[g_rand_int_range (rand, 0, G_N_ELEMENTS (pieces))]);
      expect_round_trip (text->str);
    }
}

static void
test_writes_the_shortest_number_that_reads_back (void)
{
  static const struct
  {
    double value;
    const char *text;
  } cases[] = {
    { 0.0, "0.0" },
    { -0.0, "-0.0" },
    { 1.0, "1.0" },
    { 8.5, "8.5" },
    { 10.0, "10.0" },
    { 100.0, "100.0" },
    { 0.1, "0.1" },
    { 0.1 + 0.2, "0.30000000000000004" },
    { -2.81, "-2.81" },
    { 1e9, "1000000000.0" },
    { 123456789.0, "123456789.0" },
    { 1e-7, "1.0e-07" },
    { 1e22, "1.0e+22" },
    { 5e-324, "5.0e-324" },
    { 1.0 / 3.0, "0.3333333333333333" },
    { DBL_MAX, "1.7976931348623157e+308" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = steer_yaml_format_double (cases[i].value);

      g_assert_cmpstr (text, ==, cases[i].text);
    }
}

static void
test_gives_every_number_back (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (4);

  for (guint i = 0; i < 100000; i++)
    {
      guint64 bits = ((guint64) g_rand_int (rand) << 32) | g_rand_int (rand);
      double value;
      double back;
      g_autofree char *text = NULL;

      memcpy (&value, &bits, sizeof value);
      if (!isfinite (value))
        continue;
      text = steer_yaml_format_double (value);
      back = g_ascii_strtod (text, NULL);
      g_assert_cmpmem (&back, sizeof back, &value, sizeof value);
    }
}

static void
test_does_not_depend_on_the_locale (void)
{
  g_autoptr (SteerPreset) preset = open_fixture ();
  g_autofree char *before = steer_preset_to_yaml (preset);
  g_autofree char *after = NULL;
  g_autoptr (SteerPreset) again = NULL;

  if (setlocale (LC_ALL, "de_DE.UTF-8") == NULL && setlocale (LC_ALL, "fr_FR.UTF-8") == NULL)
    {
      g_test_skip ("there is no locale here with a decimal comma");
      return;
    }
  after = steer_preset_to_yaml (preset);
  again = open_fixture ();
  setlocale (LC_ALL, "C.UTF-8");
  g_assert_cmpstr (after, ==, before);
  g_assert_true (steer_preset_equal (preset, again));
}

static void
test_saves_whole_files (void)
{
  char *dir = test_make_dir ();
  g_autofree char *path = g_build_filename (dir, "p.yaml", NULL);
  g_autofree char *nowhere = g_build_filename (dir, "no", "such", "folder.yaml", NULL);
  g_autoptr (SteerPreset) preset = open_fixture ();
  g_autoptr (SteerPreset) again = NULL;
  g_autoptr (GDir) listing = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (steer_preset_save (preset, path, &error));
  g_assert_true (steer_preset_save (preset, path, &error));
  again = steer_preset_new_from_file (path, &error);
  g_assert_no_error (error);
  g_assert_true (steer_preset_equal (preset, again));
  listing = g_dir_open (dir, 0, NULL);
  g_assert_cmpstr (g_dir_read_name (listing), ==, "p.yaml");
  g_assert_null (g_dir_read_name (listing));
  g_assert_false (steer_preset_save (preset, nowhere, &error));
  g_assert_nonnull (error);
  test_remove_dir (dir);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/preset file/reads every key", test_reads_every_key);
  g_test_add_func ("/preset file/is written as it was, to the byte", test_writes_a_file_in_our_order_as_it_was);
  g_test_add_func ("/preset file/reads and writes every mode", test_reads_and_writes_every_mode);
  g_test_add_func ("/preset file/writes a condition in one way", test_writes_a_condition_in_one_way);
  g_test_add_func ("/preset file/reads clamp of older files and writes mode",
                   test_reads_clamp_of_older_files_and_writes_mode);
  g_test_add_func ("/preset file/keeps unknown keys through changes and copies",
                   test_keeps_unknown_keys_through_changes);
  g_test_add_func ("/preset file/keeps the type of unknown values", test_keeps_the_type_of_unknown_values);
  g_test_add_func ("/preset file/is small for a new preset", test_writes_the_smallest_file_for_a_new_preset);
  g_test_add_func ("/preset file/names a nameless preset after itself", test_is_called_after_its_file_when_nameless);
  g_test_add_func ("/preset file/has defaults for what it leaves out", test_has_defaults_for_what_a_file_leaves_out);
  g_test_add_func ("/preset file/tells no system prompt from an empty one",
                   test_tells_no_system_prompt_from_an_empty_one);
  g_test_add_func ("/preset file/gives every text back", test_gives_every_text_back);
  g_test_add_func ("/preset file/gives random text back", test_gives_random_text_back);
  g_test_add_func ("/preset file/writes the shortest number that reads back",
                   test_writes_the_shortest_number_that_reads_back);
  g_test_add_func ("/preset file/gives every number back, to the bit", test_gives_every_number_back);
  g_test_add_func ("/preset file/does not depend on the locale", test_does_not_depend_on_the_locale);
  g_test_add_func ("/preset file/is saved whole or not at all", test_saves_whole_files);
  return g_test_run ();
}
