/* The bundled model written as GGUF files by `steer quantize`: what is lost of it, and that it is steered as before. */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "cli-test-util.h"
#include "model/steer-model-config.h"
#include "steering/steer-preset.h"
#include "tensor/steer-archive.h"
#include "test-util.h"

#define WIDTH 256
#define N_VOCAB 4096

/* It clamps one feature. */
#define PRESET "01-eiffel-tower.yaml"
#define TOPIC "Eiffel|Paris|Seine|tower"

static const struct
{
  const char *type;
  const char *stored; /* as `steer info` counts the tensors */
  double error;       /* of the logits, as a share of their spread, in the mean over tokens */
  double margin;      /* of the likeliest token before the next, in logits, above which it stays the likeliest */
} types[] = {
  { "bf16", "BF16", 1e-5, 1e-3 }, { "f16", "F16", 1e-5, 1e-3 },  { "q8_0", "Q8_0", 0.05, 0.5 },
  { "q4_k_m", "Q4_K", 0.2, 2.0 }, { "q4_0", "Q4_0", 0.25, 3.0 },
};

static char *dir;

static char *
get_demo_path (const char *first, const char *second)
{
  return g_build_filename (g_getenv ("STEER_TEST_DEMO"), first, second, NULL);
}

/* The model as a file of that type; made once. */
static char *
get_file (const char *type)
{
  g_autofree char *name = g_strdup_printf ("demo-%s.gguf", type);
  g_autofree char *demo = get_demo_path ("model", NULL);
  char *path = g_build_filename (dir, name, NULL);
  g_auto (CliResult) result = { 0 };

  if (g_file_test (path, G_FILE_TEST_EXISTS))
    return path;
  CLI_RUN (&result, NULL, "quantize", demo, "--type", type, "-o", path);
  g_assert_cmpstr (result.err, ==, "");
  g_assert_cmpint (result.status, ==, 0);
  return path;
}

/* Runs a subcommand on a model of the bundled one's features; @steered: under the preset. */
static void
run (CliResult *result, const char *model, gboolean steered, const char *const *command)
{
  g_autofree char *sae = get_demo_path ("sae", NULL);
  g_autofree char *vectors = g_strdup_printf ("%s,id=demo", sae);
  g_autofree char *preset = get_demo_path ("../presets", PRESET);
  g_autoptr (GPtrArray) args = g_ptr_array_new ();

  for (; *command != NULL; command++)
    g_ptr_array_add (args, (gpointer) *command);
  g_ptr_array_add (args, (gpointer) "--model");
  g_ptr_array_add (args, (gpointer) model);
  if (steered)
    {
      g_ptr_array_add (args, (gpointer) "--vectors");
      g_ptr_array_add (args, vectors);
      g_ptr_array_add (args, (gpointer) "--preset");
      g_ptr_array_add (args, preset);
    }
  g_ptr_array_add (args, NULL);
  cli_run (result, NULL, (const char *const *) args->pdata);
  if (result->status != 0)
    g_error ("%s: %s", model, result->err);
}

/* Logits and the residual streams of one conversation. */
static SteerArchive *
trace (const char *model, const char *option, const char *value)
{
  g_autofree char *path = g_build_filename (dir, "trace.safetensors", NULL);
  const char *const command[] = { "trace",
                                  "-o",
                                  path,
                                  "--prompt",
                                  "Tell me a story about the sea, what it sang to the moon, and what you would eat.",
                                  option,
                                  value,
                                  NULL };
  g_auto (CliResult) result = { 0 };
  g_autoptr (GError) error = NULL;
  SteerArchive *archive;

  run (&result, model, TRUE, command);
  archive = steer_archive_open (path, NULL, &error);
  g_assert_no_error (error);
  g_unlink (path);
  return archive;
}

/* [*n_rows, columns]; free with g_free(). */
static float *
read_matrix (SteerArchive *archive, const char *name, guint columns, guint *n_rows)
{
  const SteerTensor *tensor = steer_archive_find (archive, name);
  float *values;

  g_assert_nonnull (tensor);
  g_assert_cmpint (tensor->shape[1], ==, columns);
  *n_rows = (guint) tensor->shape[0];
  values = g_new (float, (gsize) *n_rows *columns);
  steer_tensor_read_f32 (tensor, 0, (gint64) *n_rows * columns, values);
  return values;
}

static guint
find_likeliest (const float *logits, double *margin)
{
  guint first = 0;
  float second = -INFINITY;

  for (guint i = 1; i < N_VOCAB; i++)
    first = logits[i] > logits[first] ? i : first;
  for (guint i = 0; i < N_VOCAB; i++)
    second = i != first ? MAX (second, logits[i]) : second;
  *margin = (double) logits[first] - second;
  return first;
}

/* Distance of two rows of logits, over the first one's distance from its own mean. */
static double
measure_error (const float *expected, const float *actual)
{
  double mean = 0.0, distance = 0.0, spread = 0.0;

  for (guint i = 0; i < N_VOCAB; i++)
    mean += expected[i] / (double) N_VOCAB;
  for (guint i = 0; i < N_VOCAB; i++)
    {
      distance += ((double) actual[i] - expected[i]) * ((double) actual[i] - expected[i]);
      spread += (expected[i] - mean) * (expected[i] - mean);
    }
  return sqrt (distance / spread);
}

static void
compare_logits (SteerArchive *expected_archive, SteerArchive *actual_archive, double bound, double safe_margin)
{
  guint n_rows, n_other, n_safe = 0;
  g_autofree float *expected = read_matrix (expected_archive, "logits", N_VOCAB, &n_rows);
  g_autofree float *actual = read_matrix (actual_archive, "logits", N_VOCAB, &n_other);
  double error = 0.0;

  g_assert_cmpuint (n_rows, ==, n_other);
  for (guint row = 0; row < n_rows; row++)
    {
      double margin, other_margin;
      guint wanted = find_likeliest (expected + row * N_VOCAB, &margin);
      guint got = find_likeliest (actual + row * N_VOCAB, &other_margin);

      error += measure_error (expected + row * N_VOCAB, actual + row * N_VOCAB) / n_rows;
      if (margin < safe_margin)
        continue;
      g_assert_cmpuint (got, ==, wanted);
      n_safe++;
    }
  g_test_message ("error %g of %g, %u of %u tokens compared", error, bound, n_safe, n_rows);
  g_assert_cmpfloat (error, <=, bound);
  g_assert_cmpuint (n_safe, >=, 2);
}

static void
test_logits (gconstpointer data)
{
  guint i = GPOINTER_TO_UINT (data);
  g_autofree char *demo = get_demo_path ("model", NULL);
  g_autofree char *file = get_file (types[i].type);
  g_autoptr (SteerArchive) expected = trace (demo, "--kv", "f32");
  g_autoptr (SteerArchive) actual = trace (file, "--kv", "f32");
  g_auto (CliResult) info = { 0 };

  compare_logits (expected, actual, types[i].error, types[i].margin);
  CLI_RUN (&info, NULL, "info", file);
  g_assert_nonnull (strstr (info.out, types[i].stored));
}

/* Weights and cache that are quantised while a folder is loaded, and in use. */
static void
test_advice (void)
{
  g_autofree char *demo = get_demo_path ("model", NULL);
  g_autofree char *file = get_file ("q8_0");
  g_autoptr (GError) error = NULL;
  SteerModelConfig config, expected;

  steer_model_config_read (&expected, demo, &error);
  g_assert_no_error (error);
  steer_model_config_read (&config, file, &error);
  g_assert_no_error (error);
  g_assert_cmpint (config.sampling_fields, !=, 0);
  g_assert_cmpint (config.sampling_fields, ==, expected.sampling_fields);
  g_assert_true (steer_sampling_equal (&config.sampling, &expected.sampling));
}

static void
test_in_memory (void)
{
  g_autofree char *demo = get_demo_path ("model", NULL);
  g_autofree char *file = get_file ("q8_0");
  g_autoptr (SteerArchive) expected = trace (demo, "--kv", "f32");
  g_autoptr (SteerArchive) weights = trace (demo, "--quantize", "q8_0");
  g_autoptr (SteerArchive) cache = trace (demo, "--kv", "q8_0");
  g_autoptr (SteerArchive) both = trace (file, "--kv", "q8_0");

  compare_logits (expected, weights, 0.05, 0.5);
  compare_logits (expected, cache, 0.03, 0.3);
  compare_logits (expected, both, 0.06, 0.5);
}

/* The direction, of unit length, of the preset's feature. */
static void
read_direction (SteerFeature *feature, float direction[WIDTH])
{
  g_autofree char *path = get_demo_path ("sae", "vectors.safetensors");
  g_autofree char *name
    = g_strdup_printf ("%u.%" G_GUINT64_FORMAT, steer_feature_get_layer (feature), steer_feature_get_index (feature));
  g_autoptr (SteerArchive) vectors = steer_archive_open (path, NULL, NULL);
  double norm = 0.0;

  g_assert_nonnull (vectors);
  g_assert_nonnull (steer_archive_find (vectors, name));
  steer_tensor_read_f32 (steer_archive_find (vectors, name), 0, WIDTH, direction);
  for (guint i = 0; i < WIDTH; i++)
    norm += (double) direction[i] * direction[i];
  for (guint i = 0; i < WIDTH; i++)
    direction[i] = (float) (direction[i] / sqrt (norm));
}

/* The residual stream after the steered layer has the strength along the feature's direction, whatever the weights. */
static void
test_steering_is_exact (void)
{
  g_autofree char *path = get_demo_path ("../presets", PRESET);
  g_autoptr (SteerPreset) preset = steer_preset_new_from_file (path, NULL);
  g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (preset), 0);
  g_autofree char *layer = g_strdup_printf ("%u", steer_feature_get_layer (feature));
  g_autofree char *name = g_strdup_printf ("resid.%s", layer);
  float direction[WIDTH];

  g_assert_true (steer_feature_get_clamp (feature));
  read_direction (feature, direction);
  for (guint type = 0; type < G_N_ELEMENTS (types); type++)
    {
      g_autofree char *file = get_file (types[type].type);
      g_autoptr (SteerArchive) archive = trace (file, "--layers", layer);
      guint n_rows;
      g_autofree float *residual = read_matrix (archive, name, WIDTH, &n_rows);

      for (guint row = 0; row < n_rows; row++)
        {
          double along = 0.0;

          for (guint i = 0; i < WIDTH; i++)
            along += (double) residual[row * WIDTH + i] * direction[i];
          g_assert_cmpfloat_with_epsilon (along, steer_feature_get_strength (feature), 1e-4);
        }
    }
}

static void
test_replies (gconstpointer data)
{
  guint i = GPOINTER_TO_UINT (data);
  static const char *const prompts[] = {
    "Tell me a story.",
    "Tell me something.",
    "Give me some advice.",
    "Any news?",
  };
  g_autofree char *file = get_file (types[i].type);
  g_autoptr (GRegex) topic = g_regex_new (TOPIC, G_REGEX_CASELESS, 0, NULL);

  guint n_plain = 0, n_steered = 0;

  for (guint p = 0; p < G_N_ELEMENTS (prompts); p++)
    {
      const char *const command[] = { "generate", "--prompt", prompts[p], "-t", "0", "-n", "32", NULL };
      g_auto (CliResult) plain = { 0 }, steered = { 0 };

      run (&plain, file, FALSE, command);
      run (&steered, file, TRUE, command);
      g_test_message ("%s: %s / %s", prompts[p], plain.out, steered.out);
      g_assert_cmpuint (strlen (plain.out), >, 20);
      n_plain += g_regex_match (topic, plain.out, 0, NULL);
      n_steered += g_regex_match (topic, steered.out, 0, NULL);
    }
  /* Chance may bring one reply to the topic, or keep one from it. */
  g_assert_cmpuint (n_plain, <=, 1);
  g_assert_cmpuint (n_steered, >=, 3);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  dir = test_make_dir ();
  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    {
      g_autofree char *logits = g_strdup_printf ("/gguf/%s/its-logits-are-those-of-the-folder", types[i].type);
      g_autofree char *replies = g_strdup_printf ("/gguf/%s/its-replies-follow-a-preset", types[i].type);

      g_test_add_data_func (logits, GUINT_TO_POINTER (i), test_logits);
      g_test_add_data_func (replies, GUINT_TO_POINTER (i), test_replies);
    }
  g_test_add_func ("/gguf/its-authors'-advice-on-sampling-is-that-of-the-folder", test_advice);
  g_test_add_func ("/gguf/weights-and-cache-quantised-in-memory", test_in_memory);
  g_test_add_func ("/gguf/steering-is-exact-in-every-type", test_steering_is_exact);
  status = g_test_run ();
  test_remove_dir (dir);
  return status;
}
