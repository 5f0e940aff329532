#include "steering/steer-vector-dict.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "steering/steer-sae-folder.h"
#include "steering/steer-vector-library.h"
#include "tensor/steer-archive.h"
#include "tensor/steer-torch-writer.h"
#include "test-util.h"

#define WIDTH 8

static SteerVectorSource *
open_source (const char *file, const SteerSourceHints *hints)
{
  g_autofree char *relative = g_build_filename ("steering", file, NULL);
  g_autofree char *path = test_fixture_path (relative);
  g_autoptr (GError) error = NULL;
  SteerVectorSource *source = steer_vector_source_open (path, hints, NULL, &error);

  g_assert_no_error (error);
  return source;
}

static void
assert_refused (const char *file, const SteerSourceHints *hints, int code, const char *word)
{
  g_autofree char *relative = g_build_filename ("steering", file, NULL);
  g_autofree char *path = test_fixture_path (relative);
  g_autoptr (GError) error = NULL;

  g_assert_null (steer_vector_source_open (path, hints, NULL, &error));
  g_assert_error (error, STEER_STEERING_ERROR, code);
  if (strstr (error->message, word) == NULL)
    g_error ("\"%s\" does not mention \"%s\"", error->message, word);
}

/* The source has the vectors that the fixture's script wrote under @name, and no more than @n. */
static void
assert_vectors (SteerVectorSource *source, const char *name, guint n)
{
  g_autofree char *path = test_fixture_path ("steering/dicts/expected.safetensors");
  g_autoptr (SteerArchive) expected = steer_archive_open (path, NULL, NULL);
  g_autoptr (GPtrArray) infos = steer_vector_source_list_infos (source);
  g_autofree char *prefix = g_strconcat (name, ".", NULL);
  guint n_found = 0;

  g_assert_nonnull (expected);
  g_assert_cmpuint (infos->len, ==, n);
  for (guint i = 0; i < steer_archive_get_n_tensors (expected); i++)
    {
      const SteerTensor *tensor = steer_archive_get_tensor (expected, i);
      g_autoptr (GBytes) vector = NULL;
      g_autoptr (GError) error = NULL;
      float values[WIDTH];
      guint layer;
      guint64 index;

      if (!g_str_has_prefix (tensor->name, prefix))
        continue;
      g_assert_cmpint (sscanf (tensor->name + strlen (prefix), "%u.%" G_GUINT64_FORMAT, &layer, &index), ==, 2);
      g_assert_true (steer_vector_source_has_vector (source, layer, index));
      vector = steer_vector_source_load_vector (source, layer, index, NULL, &error);
      g_assert_no_error (error);
      steer_tensor_read_f32 (tensor, 0, WIDTH, values);
      g_assert_cmpuint (g_bytes_get_size (vector), ==, sizeof values);
      g_assert_cmpfloat (test_max_relative_error (g_bytes_get_data (vector, NULL), values, WIDTH), <, 2e-7);
      n_found++;
    }
  g_assert_cmpuint (n_found, ==, n);
}

static void
test_demo (void)
{
  g_autoptr (SteerVectorSource) source = open_source ("dicts/steering_vectors.pt", NULL);

  g_assert_true (STEER_IS_VECTOR_LIBRARY (source));
  assert_vectors (source, "steering_vectors", 2);
}

static void
test_numbers (void)
{
  g_autoptr (SteerVectorSource) source = open_source ("dicts/by-number.pt", NULL);
  g_autoptr (SteerFeatureInfo) info = steer_vector_source_dup_info (source, 2, 0);

  g_assert_true (STEER_IS_VECTOR_DICT (source));
  assert_vectors (source, "by-number", 2);
  /* Used at the strength that is its length, the vector is the one in the file. */
  g_assert_cmpfloat (info->recommended, >, 3.0);
}

static void
test_names (void)
{
  g_autoptr (SteerVectorSource) source = open_source ("dicts/by-name.safetensors", NULL);

  assert_vectors (source, "by-name", 2);
}

static void
test_bare (void)
{
  g_autoptr (SteerVectorSource) source = NULL;
  SteerSourceHints hints;

  steer_source_hints_init (&hints);
  assert_refused ("dicts/bare.pt", &hints, STEER_STEERING_ERROR_INVALID, "layer=");
  hints.layer = 3;
  source = open_source ("dicts/bare.pt", &hints);
  assert_vectors (source, "bare", 1);
}

static void
test_rows (void)
{
  g_autoptr (SteerVectorSource) by_model = NULL;
  g_autoptr (SteerVectorSource) by_hint = NULL;
  g_autoptr (SteerVectorSource) features = NULL;
  SteerSourceHints hints;

  steer_source_hints_init (&hints);
  assert_refused ("dicts/rows.npy", &hints, STEER_STEERING_ERROR_INVALID, "rows=layers");
  hints.n_layers = 5;
  by_model = open_source ("dicts/rows.npy", &hints);
  assert_vectors (by_model, "rows", 5);
  steer_source_hints_init (&hints);
  hints.rows = STEER_ROWS_ARE_LAYERS;
  by_hint = open_source ("dicts/rows.npy", &hints);
  assert_vectors (by_hint, "rows", 5);
  steer_source_hints_init (&hints);
  hints.layer = 9;
  features = open_source ("dicts/rows.npy", &hints);
  g_assert_true (steer_vector_source_has_vector (features, 9, 4));
  g_assert_false (steer_vector_source_has_vector (features, 4, 0));
}

static void
test_mismatch (void)
{
  SteerSourceHints hints;

  steer_source_hints_init (&hints);
  hints.d_model = 4096;
  assert_refused ("dicts/steering_vectors.pt", &hints, STEER_STEERING_ERROR_MISMATCH, "4096");
  assert_refused ("dicts/by-number.pt", &hints, STEER_STEERING_ERROR_MISMATCH, "4096");
}

static void
test_folder (void)
{
  g_autoptr (SteerVectorSource) source = open_source ("sae/resid_post_layer_15/trainer_1", NULL);

  g_assert_true (STEER_IS_SAE (source));
  g_assert_cmpstr (steer_vector_source_get_id (source), ==, "resid_post_layer_15-trainer_1");
}

static void
test_folder_of_layers (void)
{
  g_autofree char *dir = test_make_dir ();
  g_autoptr (SteerVectorSource) source = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) vector = NULL;
  SteerSourceHints hints;
  static const char *const names[] = { "resid_post_layer_15", "resid_post_layer_3" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *relative = g_build_filename ("steering/sae", names[i], NULL);
      g_autofree char *target = test_fixture_path (relative);
      g_autofree char *absolute = g_canonicalize_filename (target, NULL);
      g_autofree char *link = g_build_filename (dir, names[i], NULL);

      g_assert_cmpint (symlink (absolute, link), ==, 0);
    }
  source = steer_vector_source_open (dir, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (STEER_IS_SAE_FOLDER (source));
  g_assert_true (steer_vector_source_has_vector (source, 3, 69));
  g_assert_true (steer_vector_source_has_vector (source, 15, 0));
  g_assert_false (steer_vector_source_has_vector (source, 4, 0));
  vector = steer_vector_source_load_vector (source, 15, 7, NULL, &error);
  g_assert_no_error (error);
  g_assert_null (steer_vector_source_load_vector (source, 4, 7, NULL, &error));
  g_assert_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_NOT_FOUND);
  g_clear_error (&error);
  steer_source_hints_init (&hints);
  hints.n_layers = 10;
  g_assert_null (steer_vector_source_open (dir, &hints, NULL, &error));
  g_assert_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_MISMATCH);
  test_remove_dir (g_steal_pointer (&dir));
}

static void
test_folder_refused (void)
{
  g_autofree char *dir = test_make_dir ();
  g_autoptr (GError) error = NULL;

  assert_refused ("sae", NULL, STEER_STEERING_ERROR_INVALID, "name the one you want");
  g_assert_null (steer_vector_source_open (dir, NULL, NULL, &error));
  g_assert_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID);
  test_remove_dir (g_steal_pointer (&dir));
}

static void
test_model (void)
{
  g_autofree char *path = test_fixture_path ("cli/model/model.safetensors");
  g_autoptr (GError) error = NULL;

  g_assert_null (steer_vector_source_open (path, NULL, NULL, &error));
  g_assert_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID);
  g_assert_nonnull (strstr (error->message, "language model"));
}

static void
test_control_vectors (void)
{
  static const struct
  {
    const char *file;
    guint d_model, first, last;
  } files[] = { { "control-vectors/llama-3-8b-creative.gguf", 4096, 0, 31 },
                { "control-vectors/happy-diffmean.gguf", 1536, 0, 27 } };

  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *path = test_shared_path (files[i].file);
      g_autoptr (SteerVectorSource) source = NULL;
      g_autoptr (SteerArchive) archive = NULL;
      g_autoptr (GError) error = NULL;
      SteerSourceHints hints;

      if (path == NULL)
        return;
      archive = steer_archive_open (path, NULL, NULL);
      steer_source_hints_init (&hints);
      hints.d_model = files[i].d_model;
      source = steer_vector_source_open (path, &hints, NULL, &error);
      g_assert_no_error (error);
      for (guint layer = files[i].first; layer <= files[i].last; layer++)
        {
          g_autofree char *name = g_strdup_printf ("direction.%u", layer);
          const SteerTensor *tensor = steer_archive_find (archive, name);
          g_autoptr (SteerFeatureInfo) info = NULL;
          g_autoptr (GBytes) vector = NULL;
          g_autofree float *raw = g_new (float, files[i].d_model);
          const float *unit;

          g_assert_cmpint (steer_vector_source_has_vector (source, layer, 0), ==, tensor != NULL);
          if (tensor == NULL)
            continue;
          info = steer_vector_source_dup_info (source, layer, 0);
          vector = steer_vector_source_load_vector (source, layer, 0, NULL, &error);
          g_assert_no_error (error);
          unit = g_bytes_get_data (vector, NULL);
          steer_tensor_read_f32 (tensor, 0, files[i].d_model, raw);
          for (guint k = 0; k < files[i].d_model; k++)
            g_assert_cmpfloat_with_epsilon (info->recommended * (double) unit[k], (double) raw[k],
                                            1e-6 * info->recommended);
        }
    }
}

/* What is written for PyTorch is read again with the same numbers. */
static void
test_written (void)
{
  const float values[3][4] = { { 1.0f, 0.0f, 0.0f, 0.0f }, { 0.0f, -0.6f, 0.8f, 0.0f }, { 0.5f, 0.5f, 0.5f, 0.5f } };
  const SteerTorchVector vectors[]
    = { { 15, 21576, values[0] }, { 3, (guint64) 1 << 40, values[1] }, { 0, 0, values[2] } };
  g_autofree char *dir = test_make_dir ();
  g_autofree char *path = g_build_filename (dir, "steering_vectors.pt", NULL);
  g_autoptr (SteerArchive) archive = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  static const char *const names[] = { "15.21576", "3.1099511627776", "0.0" };

  steer_torch_write_vectors (path, vectors, 3, 4, NULL, &error);
  g_assert_no_error (error);
  archive = steer_archive_open (path, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (steer_archive_get_n_tensors (archive), ==, 3);
  for (guint i = 0; i < 3; i++)
    {
      const SteerTensor *tensor = steer_archive_find (archive, names[i]);

      g_assert_nonnull (tensor);
      g_assert_cmpmem (tensor->data, tensor->n_bytes, values[i], sizeof values[i]);
      /* PyTorch maps storages in place, so they are aligned in the file. */
      g_assert_cmpuint ((guintptr) tensor->data % 64, ==, 0);
    }
  g_cancellable_cancel (cancellable);
  g_free (path);
  path = g_build_filename (dir, "other.pt", NULL);
  g_assert_false (steer_torch_write_vectors (path, vectors, 3, 4, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  test_remove_dir (g_steal_pointer (&dir));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/vector-dict/the-demo's-vectors-are-a-library", test_demo);
  g_test_add_func ("/vector-dict/a-key-that-is-a-number-is-a-layer", test_numbers);
  g_test_add_func ("/vector-dict/a-name-with-a-number-tells-the-layer", test_names);
  g_test_add_func ("/vector-dict/a-bare-vector's-layer-is-asked-for", test_bare);
  g_test_add_func ("/vector-dict/rows-are-layers-when-there-are-as-many-or-one-says-so", test_rows);
  g_test_add_func ("/vector-dict/another-model's-vectors-are-told", test_mismatch);
  g_test_add_func ("/vector-dict/an-sae's-folder-is-an-sae", test_folder);
  g_test_add_func ("/vector-dict/a-folder-of-saes-covers-their-layers", test_folder_of_layers);
  g_test_add_func ("/vector-dict/several-saes-of-a-layer-are-asked-about", test_folder_refused);
  g_test_add_func ("/vector-dict/a-language-model-is-no-source", test_model);
  g_test_add_func ("/vector-dict/a-control-vector-is-a-feature-a-layer-with-its-own-scale", test_control_vectors);
  g_test_add_func ("/vector-dict/what-is-written-for-pytorch-is-read-again", test_written);
  return g_test_run ();
}
