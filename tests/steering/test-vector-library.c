#include "steer-vector-library.h"

#include <math.h>
#include <string.h>

#include "steer-vector-source-open.h"
#include "tensor/steer-archive.h"
#include "tensor/steer-safetensors-writer.h"
#include "test-util.h"

#define D_MODEL 16

static SteerVectorSource *
open_fixture (void)
{
  g_autofree char *path = test_fixture_path ("steering/vectors.safetensors");
  g_autoptr (GError) error = NULL;
  SteerVectorLibrary *library = steer_vector_library_open (path, NULL, &error);

  g_assert_no_error (error);
  return STEER_VECTOR_SOURCE (library);
}

static void
test_is_called_after_its_file (void)
{
  g_autoptr (SteerVectorSource) source = open_fixture ();

  g_assert_cmpstr (steer_vector_source_get_id (source), ==, "vectors");
  g_assert_cmpuint (steer_vector_source_get_d_model (source), ==, D_MODEL);
}

/* However it was opened, by the hint that gives every kind of source its name. */
static void
test_is_called_what_presets_call_it (void)
{
  g_autofree char *path = test_fixture_path ("steering/vectors.safetensors");
  g_autoptr (SteerVectorSource) source = NULL;
  g_autoptr (GError) error = NULL;
  SteerSourceHints hints;

  steer_source_hints_init (&hints);
  hints.id = "mine";
  source = steer_vector_source_open (path, &hints, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (steer_vector_source_get_id (source), ==, "mine");
}

static void
test_hands_out_the_unit_vectors_of_pytorch (void)
{
  static const struct
  {
    guint layer;
    guint64 index;
    const char *name;
  } cases[] = { { 2, 5, "2.5" }, { 2, 11, "2.11" }, { 7, 3, "7.3" }, { 15, 21576, "15.21576" } };
  g_autoptr (SteerVectorSource) source = open_fixture ();
  g_autofree char *path = test_fixture_path ("steering/vectors-unit.safetensors");
  g_autoptr (SteerArchive) expected = steer_archive_open (path, NULL, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GBytes) vector = NULL;
      const float *got;
      float want[D_MODEL];
      double sum = 0.0;

      g_assert_true (steer_vector_source_has_vector (source, cases[i].layer, cases[i].index));
      vector = steer_vector_source_load_vector (source, cases[i].layer, cases[i].index, NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (g_bytes_get_size (vector), ==, sizeof want);
      got = g_bytes_get_data (vector, NULL);
      steer_tensor_read_f32 (steer_archive_find (expected, cases[i].name), 0, D_MODEL, want);
      g_assert_cmpfloat (test_max_relative_error (got, want, D_MODEL), <, 2e-7);
      for (guint k = 0; k < D_MODEL; k++)
        sum += (double) got[k] * got[k];
      g_assert_cmpfloat_with_epsilon (sqrt (sum), 1.0, 1e-6);
    }
}

static void
test_tells_what_its_metadata_tells (void)
{
  g_autoptr (SteerVectorSource) source = open_fixture ();
  g_autoptr (SteerFeatureInfo) known = steer_vector_source_dup_info (source, 15, 21576);
  g_autoptr (SteerFeatureInfo) bare = steer_vector_source_dup_info (source, 7, 3);

  g_assert_cmpstr (known->label, ==, "Eiffel Tower — Turm");
  g_assert_cmpfloat (known->recommended, ==, 8.5);
  g_assert_cmpfloat (known->minimum, ==, -16.0);
  g_assert_cmpfloat (known->maximum, ==, 16.0);
  g_assert_null (bare->label);
  g_assert_cmpfloat (bare->recommended, ==, 0.0);
  g_assert_null (steer_vector_source_dup_info (source, 7, 4));
  g_assert_cmpfloat (steer_vector_source_get_layer_norm (source, 15), ==, 10.8);
  g_assert_cmpfloat (steer_vector_source_get_layer_norm (source, 7), ==, 0.0);
}

static void
test_lists_by_layer_and_index (void)
{
  static const guint64 expected[][2] = { { 2, 5 }, { 2, 11 }, { 7, 3 }, { 15, 21576 } };
  g_autoptr (SteerVectorSource) source = open_fixture ();
  g_autoptr (GPtrArray) infos = steer_vector_source_list_infos (source);

  g_assert_cmpuint (infos->len, ==, G_N_ELEMENTS (expected));
  for (guint i = 0; i < infos->len; i++)
    {
      SteerFeatureInfo *info = g_ptr_array_index (infos, i);

      g_assert_cmpuint (info->layer, ==, expected[i][0]);
      g_assert_cmpuint (info->index, ==, expected[i][1]);
    }
}

static void
test_names_the_feature_it_lacks (void)
{
  g_autoptr (SteerVectorSource) source = open_fixture ();
  g_autoptr (GError) error = NULL;

  g_assert_false (steer_vector_source_has_vector (source, 2, 6));
  g_assert_null (steer_vector_source_load_vector (source, 2, 6, NULL, &error));
  g_assert_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "layer 2, feature 6"));
}

typedef struct
{
  const char *test;
  const char *name; /* of the one tensor */
  SteerDtype dtype;
  guint n_dims;
  float first;     /* of its 4 numbers; the others are 0 */
  const char *key; /* metadata */
  const char *value;
  const char *message;       /* a piece of the error */
  gboolean only_when_loaded; /* the file opens, the vector does not load */
} Refusal;

static const Refusal refusals[] = {
  { "/vector library/refuses a tensor with another name", "encoder", STEER_DTYPE_F32, 1, 1, NULL, NULL, "'encoder'",
    FALSE },
  { "/vector library/refuses a number with leading zeros", "02.5", STEER_DTYPE_F32, 1, 1, NULL, NULL, "'02.5'", FALSE },
  { "/vector library/refuses a layer no model has", "70000.5", STEER_DTYPE_F32, 1, 1, NULL, NULL, "'70000.5'", FALSE },
  { "/vector library/refuses an index beyond 64 bits", "1.99999999999999999999", STEER_DTYPE_F32, 1, 1, NULL, NULL,
    "'1.9999", FALSE },
  { "/vector library/refuses three numbers", "1.2.3", STEER_DTYPE_F32, 1, 1, NULL, NULL, "'1.2.3'", FALSE },
  { "/vector library/refuses whole numbers", "1.2", STEER_DTYPE_I32, 1, 1, NULL, NULL, "I32", FALSE },
  { "/vector library/refuses a matrix", "1.2", STEER_DTYPE_F32, 2, 1, NULL, NULL, "[2, 2]", FALSE },
  { "/vector library/refuses a wrong d_model", "1.2", STEER_DTYPE_F32, 1, 1, "d_model", "5", "'d_model' is 5", FALSE },
  { "/vector library/refuses another format", "1.2", STEER_DTYPE_F32, 1, 1, "format", "steer-cakes", "steer-cakes",
    FALSE },
  { "/vector library/refuses a strength that is no number", "1.2", STEER_DTYPE_F32, 1, 1, "strength.1.2", "strong",
    "strong", FALSE },
  { "/vector library/refuses an infinite strength", "1.2", STEER_DTYPE_F32, 1, 1, "strength.1.2", "inf", "inf", FALSE },
  { "/vector library/refuses a range that is upside down", "1.2", STEER_DTYPE_F32, 1, 1, "min.1.2", "3", "min.1.2",
    FALSE },
  { "/vector library/refuses a negative norm", "1.2", STEER_DTYPE_F32, 1, 1, "layer_norm.1", "-1", "layer_norm.1",
    FALSE },
  { "/vector library/refuses the norm of no layer", "1.2", STEER_DTYPE_F32, 1, 1, "layer_norm.x", "1", "layer_norm.x",
    FALSE },
  { "/vector library/gives no direction for zeros", "1.2", STEER_DTYPE_F32, 1, 0, NULL, NULL, "'1.2' has no direction",
    TRUE },
  { "/vector library/gives no direction for NaN", "1.2", STEER_DTYPE_F32, 1, NAN, NULL, NULL, "'1.2' has no direction",
    TRUE },
  { "/vector library/gives no direction for infinity", "1.2", STEER_DTYPE_F32, 1, INFINITY, NULL, NULL,
    "'1.2' has no direction", TRUE },
};

static void
test_refuses (gconstpointer data)
{
  const Refusal *refusal = data;
  char *dir = test_make_dir ();
  g_autofree char *path = g_build_filename (dir, "some.safetensors", NULL);
  float numbers[4] = { refusal->first, 0, 0, 0 };
  SteerTensor tensor
    = { refusal->name, refusal->dtype, refusal->n_dims, { 4 }, { 1 }, (guint8 *) numbers, sizeof numbers };
  g_autoptr (GHashTable) metadata = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (SteerVectorLibrary) library = NULL;
  g_autoptr (GBytes) vector = NULL;
  g_autoptr (GError) error = NULL;

  if (refusal->n_dims == 2)
    {
      tensor.shape[0] = tensor.shape[1] = tensor.stride[0] = 2;
      tensor.stride[1] = 1;
    }
  if (refusal->key != NULL)
    g_hash_table_insert (metadata, (char *) refusal->key, (char *) refusal->value);
  g_assert_true (steer_safetensors_write (path, &tensor, 1, metadata, NULL, &error));
  g_assert_no_error (error);
  library = steer_vector_library_open (path, NULL, &error);
  if (refusal->only_when_loaded)
    {
      g_assert_no_error (error);
      vector = steer_vector_source_load_vector (STEER_VECTOR_SOURCE (library), 1, 2, NULL, &error);
      g_assert_null (vector);
    }
  else
    g_assert_null (library);
  g_assert_nonnull (error);
  g_assert_true (error->domain == STEER_STEERING_ERROR);
  g_assert_nonnull (strstr (error->message, "some.safetensors"));
  g_assert_nonnull (strstr (error->message, refusal->message));
  test_remove_dir (dir);
}

static void
test_refuses_vectors_of_two_widths (void)
{
  char *dir = test_make_dir ();
  g_autofree char *path = g_build_filename (dir, "some.safetensors", NULL);
  float numbers[4] = { 1, 0, 0, 0 };
  SteerTensor tensors[] = { { "1.2", STEER_DTYPE_F32, 1, { 4 }, { 1 }, (guint8 *) numbers, 16 },
                            { "1.3", STEER_DTYPE_F32, 1, { 3 }, { 1 }, (guint8 *) numbers, 12 } };
  g_autoptr (GError) error = NULL;

  g_assert_true (steer_safetensors_write (path, tensors, 2, NULL, NULL, NULL));
  g_assert_null (steer_vector_library_open (path, NULL, &error));
  g_assert_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_MISMATCH);
  test_remove_dir (dir);
}

static void
test_refuses_an_empty_library (void)
{
  char *dir = test_make_dir ();
  g_autofree char *path = g_build_filename (dir, "some.safetensors", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_true (steer_safetensors_write (path, NULL, 0, NULL, NULL, NULL));
  g_assert_null (steer_vector_library_open (path, NULL, &error));
  g_assert_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID);
  test_remove_dir (dir);
}

static void
test_reports_a_missing_file (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (steer_vector_library_open ("/nonexistent/vectors.safetensors", NULL, &error));
  g_assert_nonnull (error);
}

static void
test_obeys_a_cancellable (void)
{
  g_autoptr (SteerVectorSource) source = open_fixture ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  g_cancellable_cancel (cancellable);
  g_assert_null (steer_vector_source_load_vector (source, 2, 5, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/vector library/is called after its file", test_is_called_after_its_file);
  g_test_add_func ("/vector library/is called what presets call it", test_is_called_what_presets_call_it);
  g_test_add_func ("/vector library/hands out the unit vectors of PyTorch", test_hands_out_the_unit_vectors_of_pytorch);
  g_test_add_func ("/vector library/tells what its metadata tells", test_tells_what_its_metadata_tells);
  g_test_add_func ("/vector library/lists by layer and then by index", test_lists_by_layer_and_index);
  g_test_add_func ("/vector library/names the feature that it lacks", test_names_the_feature_it_lacks);
  g_test_add_func ("/vector library/refuses vectors of two widths", test_refuses_vectors_of_two_widths);
  g_test_add_func ("/vector library/refuses an empty library", test_refuses_an_empty_library);
  g_test_add_func ("/vector library/reports a missing file", test_reports_a_missing_file);
  g_test_add_func ("/vector library/obeys a cancellable", test_obeys_a_cancellable);
  for (guint i = 0; i < G_N_ELEMENTS (refusals); i++)
    g_test_add_data_func (refusals[i].test, &refusals[i], test_refuses);
  return g_test_run ();
}
