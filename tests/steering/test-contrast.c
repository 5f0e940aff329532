/* A direction between two lists of examples, against the same in float64 done another way; and the file it is kept in.
 */
#include "steering/steer-contrast.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "steering/steer-made-feature.h"
#include "steering/steer-vector-library-writer.h"
#include "steering/steer-vector-library.h"
#include "tensor/steer-tensor.h"
#include "test-util.h"

#define N_LAYERS 4
#define D_MODEL 24
#define N_WITH 5
#define N_WITHOUT 4
#define MAX_TOKENS 9

typedef struct
{
  float h[N_WITH + N_WITHOUT][N_LAYERS][MAX_TOKENS][D_MODEL];
  guint n_tokens[N_WITH + N_WITHOUT];
  guint n_skipped[N_WITH + N_WITHOUT];
} Stream;

/* Noise, and what the lists have of their own, which is more in later layers. */
static void
fill_stream (Stream *stream)
{
  for (guint e = 0; e < N_WITH + N_WITHOUT; e++)
    {
      stream->n_tokens[e] = (guint) g_test_rand_int_range (3, MAX_TOKENS + 1);
      stream->n_skipped[e] = (guint) g_test_rand_int_range (0, 3);
      for (guint layer = 0; layer < N_LAYERS; layer++)
        for (guint t = 0; t < MAX_TOKENS; t++)
          for (guint i = 0; i < D_MODEL; i++)
            stream->h[e][layer][t][i]
              = (float) g_test_rand_double_range (-2.0, 2.0) + (e < N_WITH && i < 3 ? 0.3f * (float) layer : 0.0f);
    }
}

/* In pieces of at most @piece tokens. */
static SteerContrast *
make_contrast (const Stream *stream, guint piece)
{
  g_autoptr (GError) error = NULL;
  SteerContrast *contrast = steer_contrast_new (N_LAYERS, D_MODEL, N_WITH, N_WITHOUT, &error);

  g_assert_no_error (error);
  for (guint e = 0; e < N_WITH + N_WITHOUT; e++)
    {
      for (guint first = 0; first < stream->n_tokens[e]; first += piece)
        {
          guint n = MIN (piece, stream->n_tokens[e] - first);
          guint skipped = stream->n_skipped[e] > first ? MIN (stream->n_skipped[e] - first, n) : 0;
          g_autofree float *residual = g_new (float, N_LAYERS *n *D_MODEL);

          for (guint layer = 0; layer < N_LAYERS; layer++)
            memcpy (residual + layer * n * D_MODEL, stream->h[e][layer][first], n * D_MODEL * sizeof (float));
          steer_contrast_add_tokens (contrast, residual, n, skipped);
        }
      steer_contrast_end_example (contrast);
    }
  steer_contrast_finish (contrast);
  return contrast;
}

static double
get_mean (const Stream *stream, guint e, guint layer, guint i)
{
  double sum = 0.0;

  for (guint t = stream->n_skipped[e]; t < stream->n_tokens[e]; t++)
    sum += (double) stream->h[e][layer][t][i];
  return sum / (stream->n_tokens[e] - stream->n_skipped[e]);
}

/* Of the examples @first to @end - 1, without @left_out. */
static double
get_list_mean (const Stream *stream, guint first, guint end, guint left_out, guint layer, guint i)
{
  double sum = 0.0;
  guint n = 0;

  for (guint e = first; e < end; e++)
    if (e != left_out)
      {
        sum += get_mean (stream, e, layer, i);
        n++;
      }
  return sum / n;
}

#define NONE G_MAXUINT

static void
test_a_direction_is_the_difference_of_the_means (void)
{
  Stream *stream = g_new0 (Stream, 1);
  g_autoptr (SteerContrast) contrast = NULL;
  g_autoptr (SteerContrast) pieces = NULL;

  fill_stream (stream);
  contrast = make_contrast (stream, MAX_TOKENS);
  pieces = make_contrast (stream, 2);
  for (guint layer = 0; layer < N_LAYERS; layer++)
    {
      const float *direction = steer_contrast_get_direction (contrast, layer);
      double d[D_MODEL];
      double squares = 0.0;

      for (guint i = 0; i < D_MODEL; i++)
        {
          d[i] = get_list_mean (stream, 0, N_WITH, NONE, layer, i)
                 - get_list_mean (stream, N_WITH, N_WITH + N_WITHOUT, NONE, layer, i);
          squares += d[i] * d[i];
        }
      g_assert_cmpfloat_with_epsilon (steer_contrast_get_layer (contrast, layer)->distance, sqrt (squares), 1e-6);
      for (guint i = 0; i < D_MODEL; i++)
        g_assert_cmpfloat_with_epsilon ((double) direction[i], d[i] / sqrt (squares), 1e-6);
      g_assert_cmpmem (direction, D_MODEL * sizeof (float), steer_contrast_get_direction (pieces, layer),
                       D_MODEL * sizeof (float));
    }
  g_free (stream);
}

static void
test_examples_are_judged_by_the_others (void)
{
  Stream *stream = g_new0 (Stream, 1);
  g_autoptr (SteerContrast) contrast = NULL;

  fill_stream (stream);
  contrast = make_contrast (stream, 4);
  for (guint layer = 0; layer < N_LAYERS; layer++)
    {
      const SteerContrastLayer *told = steer_contrast_get_layer (contrast, layer);
      double places[N_WITH + N_WITHOUT];
      double mean = 0.0, variance = 0.0;
      guint n_right = 0;

      for (guint e = 0; e < N_WITH + N_WITHOUT; e++)
        {
          double to_with = 0.0, to_without = 0.0, between = 0.0;

          for (guint i = 0; i < D_MODEL; i++)
            {
              double x = get_mean (stream, e, layer, i);
              double with = get_list_mean (stream, 0, N_WITH, e, layer, i);
              double without = get_list_mean (stream, N_WITH, N_WITH + N_WITHOUT, e, layer, i);

              to_with += (x - with) * (x - with);
              to_without += (x - without) * (x - without);
              between += (with - without) * (with - without);
            }
          /* The nearer mean is that of its side: (b - a) / |v|^2 is twice the place along v from the middle. */
          places[e] = (e < N_WITH ? to_without - to_with : to_with - to_without) / between;
          n_right += places[e] > 0.0;
          mean += places[e] / (N_WITH + N_WITHOUT);
        }
      for (guint e = 0; e < N_WITH + N_WITHOUT; e++)
        variance += (places[e] - mean) * (places[e] - mean) / (N_WITH + N_WITHOUT);
      g_assert_cmpuint (told->n_judged, ==, N_WITH + N_WITHOUT);
      g_assert_cmpuint (told->n_right, ==, n_right);
      g_assert_cmpfloat_with_epsilon (told->margin, mean / sqrt (variance), 1e-5);
    }
  g_free (stream);
}

/* One token an example: @with and @without say what their first number is in each layer. */
static SteerContrast *
make_small (guint n_layers, guint n_each, const float *with, const float *without)
{
  g_autoptr (GError) error = NULL;
  SteerContrast *contrast = steer_contrast_new (n_layers, 2, n_each, n_each, &error);
  g_autofree float *residual = g_new (float, 2 * n_layers);

  g_assert_no_error (error);
  for (guint e = 0; e < 2 * n_each; e++)
    {
      for (guint layer = 0; layer < n_layers; layer++)
        {
          residual[2 * layer] = e < n_each ? with[layer] : without[layer];
          residual[2 * layer + 1] = (float) e / 8.0f; /* which is not of the list */
        }
      steer_contrast_add_tokens (contrast, residual, 1, 0);
      steer_contrast_end_example (contrast);
    }
  steer_contrast_finish (contrast);
  return contrast;
}

static void
test_the_best_layer_is_before_the_middle (void)
{
  static const float zeros[8] = { 0.0f };
  static const float rising[8] = { 9.0f, 8.0f, 3.0f, 4.0f, 6.0f, 7.0f, 20.0f, 40.0f };
  g_autoptr (SteerContrast) eight = make_small (8, 3, rising, zeros);
  g_autoptr (SteerContrast) one = make_small (1, 3, rising, zeros);

  /* The widest margin of the layers 2 to 4. */
  g_assert_cmpuint (steer_contrast_get_best_layer (eight), ==, 4);
  g_assert_cmpuint (steer_contrast_get_best_layer (one), ==, 0);
  for (guint n = 1; n <= 8; n++)
    {
      g_autoptr (SteerContrast) some = make_small (n, 2, rising, zeros);

      g_assert_cmpuint (steer_contrast_get_best_layer (some), <, n);
    }
}

static void
test_a_single_example_judges_nothing (void)
{
  static const float with[] = { 3.0f, 3.0f };
  static const float without[] = { 1.0f, 1.0f };
  g_autoptr (SteerContrast) contrast = make_small (2, 1, with, without);

  g_assert_nonnull (steer_contrast_get_direction (contrast, 1));
  g_assert_cmpuint (steer_contrast_get_layer (contrast, 1)->n_judged, ==, 0);
  g_assert_cmpfloat (steer_contrast_get_layer (contrast, 1)->margin, ==, 0.0);
}

static void
test_equal_lists_have_no_direction (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerContrast) contrast = steer_contrast_new (1, 3, 2, 2, &error);
  static const float h[] = { 1.0f, 2.0f, 3.0f };
  char *labels[] = { (char *) "a", NULL };
  SteerMadeFeature made = { .layer = 0, .label = (char *) "nothing", .with = labels };

  g_assert_no_error (error);
  for (guint e = 0; e < 4; e++)
    {
      steer_contrast_add_tokens (contrast, h, 1, 0);
      steer_contrast_end_example (contrast);
    }
  steer_contrast_finish (contrast);
  g_assert_null (steer_contrast_get_direction (contrast, 0));
  g_assert_cmpuint (steer_contrast_get_layer (contrast, 0)->n_right, ==, 0);
  g_assert_cmpuint (steer_contrast_get_best_layer (contrast), ==, 0);
  g_assert_false (steer_made_feature_write (&made, contrast, 0.0, "/nowhere/x.safetensors", NULL, &error));
  g_assert_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID);
}

static void
test_what_is_too_large_is_refused (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (steer_contrast_new (G_MAXUINT, G_MAXUINT, G_MAXUINT, G_MAXUINT, &error));
  g_assert_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_NO_MEMORY);
}

static void
test_strengths_are_a_share_of_the_norm (void)
{
  static const float with[] = { 3.0f, 25.0f, 100.0f };
  static const float without[] = { 1.0f, 1.0f, 1.0f };
  g_autoptr (SteerContrast) contrast = make_small (3, 2, with, without);

  g_assert_cmpfloat_with_epsilon (steer_contrast_suggest_strength (contrast, 1, 60.0),
                                  1.25 * steer_contrast_get_layer (contrast, 1)->distance, 1e-9);
  g_assert_cmpfloat_with_epsilon (steer_contrast_suggest_strength (contrast, 0, 60.0), 19.8, 1e-9);
  g_assert_cmpfloat_with_epsilon (steer_contrast_suggest_strength (contrast, 2, 60.0), 36.0, 1e-9);
}

static void
test_a_feature_is_kept_with_its_examples (void)
{
  Stream *stream = g_new0 (Stream, 1);
  g_autoptr (SteerContrast) contrast = NULL;
  char *folder = test_make_dir ();
  g_autofree char *path = g_build_filename (folder, "joy.safetensors", NULL);
  char *with[] = { (char *) "How \"lovely\"!", (char *) "Für Élise", NULL };
  char *without[] = { (char *) "Rain.", NULL };
  SteerMadeFeature made = { 2, 7, (char *) "Joy", 3.5, with, without, STEER_EXAMPLES_AS_TEXT, (char *) "Tiny" };
  g_autoptr (SteerMadeFeature) read = NULL;
  g_autoptr (SteerVectorLibrary) library = NULL;
  g_autoptr (SteerFeatureInfo) info = NULL;
  g_autoptr (GBytes) vector = NULL;
  g_autoptr (GError) error = NULL;

  fill_stream (stream);
  contrast = make_contrast (stream, 4);
  g_assert_true (steer_made_feature_write (&made, contrast, 12.0, path, NULL, &error));
  g_assert_no_error (error);

  read = steer_made_feature_read (path, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (read->layer, ==, 2);
  g_assert_cmpuint (read->index, ==, 7);
  g_assert_cmpstr (read->label, ==, "Joy");
  g_assert_cmpstr (read->model, ==, "Tiny");
  g_assert_cmpfloat (read->strength, ==, 3.5);
  g_assert_cmpstrv (read->with, with);
  g_assert_cmpstrv (read->without, without);
  g_assert_cmpint (read->form, ==, STEER_EXAMPLES_AS_TEXT);

  library = steer_vector_library_open (path, NULL, &error);
  g_assert_no_error (error);
  vector = steer_vector_source_load_vector (STEER_VECTOR_SOURCE (library), 2, 7, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (
    test_max_relative_error (g_bytes_get_data (vector, NULL), steer_contrast_get_direction (contrast, 2), D_MODEL), <,
    1e-6);
  info = steer_vector_source_dup_info (STEER_VECTOR_SOURCE (library), 2, 7);
  g_assert_cmpstr (info->label, ==, "Joy");
  g_assert_cmpfloat (info->recommended, ==, 3.5);
  g_assert_cmpfloat (steer_vector_source_get_layer_norm (STEER_VECTOR_SOURCE (library), 2), ==, 12.0);
  g_free (stream);
  test_remove_dir (folder);
}

/* A library with one vector and this as its examples; NULL: none. */
static void
write_library (const char *path, const char *examples)
{
  static const float values[] = { 1.0f, 0.0f };
  SteerLibraryVector vector = { .layer = 1, .index = 2, .vector = values };
  g_autoptr (GHashTable) more = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GError) error = NULL;

  if (examples != NULL)
    g_hash_table_insert (more, (gpointer) "examples.1.2", (gpointer) examples);
  steer_vector_library_write (path, &vector, 1, 2, more, NULL, &error);
  g_assert_no_error (error);
}

static void
test_examples_that_break_the_rules_are_refused (void)
{
  static const char *const broken[] = {
    NULL,
    "",
    "[]",
    "null",
    "{",
    "{\"with\": [\"a\"]}",
    "{\"with\": \"a\", \"without\": []}",
    "{\"with\": [1], \"without\": []}",
    "{\"with\": [[\"a\"]], \"without\": []}",
    "{\"with\": [\"\\ud800\"], \"without\": []}",
    "{\"with\": [\"\\377\"], \"without\": []}",
    "{\"with\": [\"a\"], \"without\": []} []",
  };
  char *folder = test_make_dir ();
  g_autofree char *path = g_build_filename (folder, "x.safetensors", NULL);
  g_autoptr (SteerMadeFeature) whole = NULL;
  g_autofree char *deep = g_strnfill (1000000, '[');
  g_autoptr (GError) error = NULL;

  write_library (path, deep);
  g_assert_null (steer_made_feature_read (path, NULL, &error));
  g_assert_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID);
  g_clear_error (&error);
  for (guint i = 0; i < G_N_ELEMENTS (broken); i++)
    {
      write_library (path, broken[i]);
      g_assert_null (steer_made_feature_read (path, NULL, &error));
      g_assert_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID);
      g_assert_nonnull (strstr (error->message, path));
      g_clear_error (&error);
    }
  /* What is not known of them is no reason. */
  write_library (path, "{\"with\": [], \"without\": [\"b\"], \"form\": {}, \"more\": 1}");
  whole = steer_made_feature_read (path, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (whole->form, ==, STEER_EXAMPLES_AS_REPLIES);
  g_assert_cmpstr (whole->without[0], ==, "b");
  test_remove_dir (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add_func ("/contrast/" name, func)
  ADD ("a direction is the difference of the means", test_a_direction_is_the_difference_of_the_means);
  ADD ("examples are judged by the others", test_examples_are_judged_by_the_others);
  ADD ("the best layer is one before the middle", test_the_best_layer_is_before_the_middle);
  ADD ("a single example judges nothing", test_a_single_example_judges_nothing);
  ADD ("equal lists have no direction", test_equal_lists_have_no_direction);
  ADD ("what is too large is refused", test_what_is_too_large_is_refused);
  ADD ("strengths are a share of the norm", test_strengths_are_a_share_of_the_norm);
  ADD ("a feature is kept with its examples", test_a_feature_is_kept_with_its_examples);
  ADD ("examples that break the rules are refused", test_examples_that_break_the_rules_are_refused);
  return g_test_run ();
}
