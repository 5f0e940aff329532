#include "steer-preset.h"

#include <string.h>

#include "test-util.h"

static SteerPreset *
open_demo (void)
{
  g_autofree char *path = test_fixture_path ("steering/demo.yaml");
  g_autoptr (GError) error = NULL;
  SteerPreset *preset = steer_preset_new_from_file (path, &error);

  g_assert_no_error (error);
  return preset;
}

static void
test_reads_the_published_file (void)
{
  /* strength in the file times the layer */
  static const struct
  {
    guint layer;
    guint64 index;
    double strength;
  } expected[] = { { 11, 74457, 1.408 }, { 11, 18894, 2.805 },   { 11, 61463, 1.452 }, { 15, 21576, 1.545 },
                   { 19, 93, 8.721 },    { 23, 111898, 10.718 }, { 23, 40788, 5.244 }, { 23, 21334, 0.989 } };
  g_autoptr (SteerPreset) preset = open_demo ();
  const SteerSampling *sampling = steer_preset_get_sampling (preset);

  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (preset)), ==, G_N_ELEMENTS (expected));
  for (guint i = 0; i < G_N_ELEMENTS (expected); i++)
    {
      g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (preset), i);

      g_assert_cmpuint (steer_feature_get_layer (feature), ==, expected[i].layer);
      g_assert_cmpuint (steer_feature_get_index (feature), ==, expected[i].index);
      g_assert_cmpfloat_with_epsilon (steer_feature_get_strength (feature), expected[i].strength, 1e-12);
      g_assert_false (steer_feature_get_clamp (feature));
      g_assert_true (steer_feature_get_enabled (feature));
      g_assert_null (steer_feature_get_source (feature));
    }
  g_assert_cmpstr (steer_preset_get_name (preset), ==, "demo");
  g_assert_cmpstr (steer_preset_get_model_hint (preset), ==, "meta-llama/Llama-3.1-8B-Instruct");
  g_assert_cmpstr (steer_preset_get_system_prompt (preset), ==, "You are a helpful assistant.");
  g_assert_cmpfloat (sampling->temperature, ==, 0.5);
  g_assert_cmpuint (sampling->seed, ==, 16);
  g_assert_cmpuint (sampling->max_tokens, ==, 256);
  g_assert_cmpfloat (sampling->repetition_penalty, ==, 1.2);
  g_assert_cmpuint (steer_preset_get_sampling_fields (preset), ==,
                    STEER_SAMPLING_TEMPERATURE | STEER_SAMPLING_SEED | STEER_SAMPLING_MAX_TOKENS
                      | STEER_SAMPLING_REPETITION_PENALTY);
}

static void
test_becomes_our_schema_when_written (void)
{
  g_autoptr (SteerPreset) preset = open_demo ();
  g_autofree char *yaml = steer_preset_to_yaml (preset);
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerPreset) again = steer_preset_new_from_yaml (yaml, strlen (yaml), "x.yaml", &error);

  g_assert_no_error (error);
  g_assert_true (steer_preset_equal (preset, again));
  g_assert_true (g_str_has_prefix (yaml, "version: 1\nname: demo\nmodel: meta-llama/Llama-3.1-8B-Instruct\n"
                                         "sae_path: andyrdt/saes-llama-3.1-8b-instruct\n"));
}

static SteerPreset *
read_yaml (const char *yaml, GError **error)
{
  return steer_preset_new_from_yaml (yaml, strlen (yaml), "demo.yaml", error);
}

static void
test_takes_raw_strengths_and_clamps_every_row (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerPreset) preset
    = read_yaml ("reduced_strengths: false\nclamp_intensity: true\nfeatures: [[15, 1, 8.5], [3, 2, -4]]\n", &error);

  g_assert_no_error (error);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (preset), i);

      g_assert_cmpfloat (steer_feature_get_strength (feature), ==, i == 0 ? 8.5 : -4.0);
      g_assert_true (steer_feature_get_clamp (feature));
    }
}

/* Found by the fuzzer: our own `name` and the file's were both written. */
static void
test_writes_no_key_twice (void)
{
  const char *text = "name: Tower\nmodel: x\nsae_path: y\nreduced_strengths: false\nfeatures: []\n";
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerPreset) preset = read_yaml (text, &error);
  g_autoptr (SteerPreset) again = NULL;
  g_autofree char *yaml = NULL;

  g_assert_no_error (error);
  yaml = steer_preset_to_yaml (preset);
  g_assert_nonnull (strstr (yaml, "sae_path: y"));
  again = read_yaml (yaml, &error);
  g_assert_no_error (error);
  g_assert_true (steer_preset_equal (preset, again));
}

typedef struct
{
  const char *test;
  const char *yaml;
  const char *message;
} Refusal;

static const Refusal refusals[] = {
  { "/demo preset/refuses a feature of two numbers", "features:\n- [1, 2, 3]\n- [1, 2]\n",
    "demo.yaml:3:3: expected [layer, feature, strength], found a list of another length" },
  { "/demo preset/refuses a negative layer", "features: [[-1, 2, 3]]",
    "demo.yaml:1:13: expected a whole number from 0 to 65535 for a feature's layer, found \"-1\"" },
  { "/demo preset/refuses an infinite strength", "features: [[1, 2, .inf]]", "found \".inf\"" },
  { "/demo preset/refuses a word for a switch", "reduced_strengths: perhaps\nfeatures: []",
    "demo.yaml:1:20: expected true or false for 'reduced_strengths', found \"perhaps\"" },
  { "/demo preset/refuses a file without features", "reduced_strengths: true\n", "for 'features', found none" },
};

static void
test_refuses (gconstpointer data)
{
  const Refusal *refusal = data;
  g_autoptr (GError) error = NULL;

  g_assert_null (read_yaml (refusal->yaml, &error));
  g_assert_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID);
  if (strstr (error->message, refusal->message) == NULL)
    g_error ("expected '%s' in '%s'", refusal->message, error->message);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/demo preset/is read as it was published", test_reads_the_published_file);
  g_test_add_func ("/demo preset/is written in our schema, its hints kept", test_becomes_our_schema_when_written);
  g_test_add_func ("/demo preset/writes no key twice", test_writes_no_key_twice);
  g_test_add_func ("/demo preset/may hold raw strengths, and clamp every row",
                   test_takes_raw_strengths_and_clamps_every_row);
  for (guint i = 0; i < G_N_ELEMENTS (refusals); i++)
    g_test_add_data_func (refusals[i].test, &refusals[i], test_refuses);
  return g_test_run ();
}
