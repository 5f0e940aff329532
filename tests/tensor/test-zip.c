#include "tensor-test-util.h"
#include "test-util.h"
#include "zip-builder.h"

#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

/* A dict {"a": tensor[3]} over the storage data/0 of three float32. */
#define PICKLE                                                                                                         \
  "\x80\x02}X\1\0\0\0actorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"            \
  "0X\3\0\0\0cpuK\3tQK\0K\3\x85K\1\x85\x89"                                                                            \
  "ccollections\nOrderedDict\n)RtRs."

static const float storage[3] = { 1.0f, 2.0f, 4.0f };

typedef struct
{
  char *dir;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->dir = test_make_dir ();
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  test_remove_dir (fixture->dir);
}

static ZipBuilder *
start (void)
{
  ZipBuilder *zip = zip_builder_new ();

  zip_builder_add (zip, "x/data.pkl", PICKLE, sizeof PICKLE - 1);
  return zip;
}

static char *
finish (Fixture *fixture, ZipBuilder *zip)
{
  g_autoptr (GBytes) bytes = zip_builder_end (zip);

  return test_write_file (fixture->dir, "x.pt", g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
}

static SteerArchive *
open_ok (const char *path)
{
  g_autoptr (GError) error = NULL;
  SteerArchive *archive = steer_archive_open (path, NULL, &error);

  g_assert_no_error (error);
  return archive;
}

static void
assert_storage (const char *path)
{
  g_autoptr (SteerArchive) archive = open_ok (path);
  const SteerTensor *tensor = steer_archive_find (archive, "a");
  float values[3];

  g_assert_cmpuint (steer_archive_get_n_tensors (archive), ==, 1);
  g_assert_nonnull (tensor);
  steer_tensor_read_f32 (tensor, 0, 3, values);
  g_assert_cmpmem (values, sizeof values, storage, sizeof storage);
}

static void
test_plain (Fixture *fixture, gconstpointer data)
{
  ZipBuilder *zip = start ();
  g_autofree char *path = NULL;

  zip->zip64 = GPOINTER_TO_INT (data);
  zip_builder_add (zip, "x/data/0", storage, sizeof storage);
  path = finish (fixture, zip);
  assert_storage (path);
}

/* What a record of the directory can say that is not so, and what the refusal must mention. */
typedef enum
{
  DEFLATED,
  UNKNOWN_METHOD,
  ENCRYPTED,
  SIZES_DIFFER,
  PAST_THE_END,
  HUGE_OFFSET,
  WRONG_HEADER,
  OVERLAP,
  TWICE,
  STORAGE_TOO_SHORT,
  STORAGE_MISSING,
  BIG_ENDIAN_DATA,
} Lie;

typedef struct
{
  Lie lie;
  const char *name;
  int code;
  const char *word;
} LieCase;

static const LieCase lies[] = {
  { DEFLATED, "a-compressed-storage", STEER_TENSOR_ERROR_UNSUPPORTED, "x/data/0" },
  { UNKNOWN_METHOD, "an-unknown-method", STEER_TENSOR_ERROR_UNSUPPORTED, "method 12" },
  { ENCRYPTED, "an-encrypted-member", STEER_TENSOR_ERROR_UNSUPPORTED, "encrypted" },
  { SIZES_DIFFER, "sizes-that-differ", STEER_TENSOR_ERROR_INVALID, "sizes" },
  { PAST_THE_END, "a-member-that-is-longer-than-the-file", STEER_TENSOR_ERROR_INVALID, "x/data/0" },
  { HUGE_OFFSET, "an-offset-past-the-file", STEER_TENSOR_ERROR_INVALID, "x/data/0" },
  { WRONG_HEADER, "a-header-of-another-member", STEER_TENSOR_ERROR_INVALID, "names another one" },
  { OVERLAP, "members-that-overlap", STEER_TENSOR_ERROR_INVALID, "overlap" },
  { TWICE, "a-name-that-is-given-twice", STEER_TENSOR_ERROR_INVALID, "two members" },
  { STORAGE_TOO_SHORT, "a-storage-of-another-size", STEER_TENSOR_ERROR_INVALID, "x/data/0" },
  { STORAGE_MISSING, "a-storage-that-is-missing", STEER_TENSOR_ERROR_INVALID, "x/data/0" },
  { BIG_ENDIAN_DATA, "another-byte-order", STEER_TENSOR_ERROR_UNSUPPORTED, "byte order" },
};

static void
tell_lie (ZipBuilder *zip, Lie lie)
{
  ZipBuilderMember *member
    = zip_builder_add (zip, "x/data/0", storage, sizeof storage - (lie == STORAGE_TOO_SHORT ? 4 : 0));

  switch (lie)
    {
    case DEFLATED:
      member->method = 8;
      break;
    case UNKNOWN_METHOD:
      member->method = 12;
      break;
    case ENCRYPTED:
      member->flags |= 1;
      break;
    case SIZES_DIFFER:
      member->size += 1;
      break;
    case PAST_THE_END:
      member->size = member->stored_size = (guint64) 1 << 40;
      break;
    case HUGE_OFFSET:
      member->offset = G_MAXUINT64 - 16;
      break;
    case WRONG_HEADER:
      member->offset = 0;
      break;
    case OVERLAP:
      /* The pickle's data reaches into the storage's. */
      member = &g_array_index (zip->members, ZipBuilderMember, 0);
      member->size = member->stored_size = zip->file->len - 4 - 30 - strlen ("x/data.pkl");
      break;
    case TWICE:
      zip_builder_add (zip, "x/data/0", storage, sizeof storage);
      break;
    case STORAGE_MISSING:
      g_array_set_size (zip->members, 1);
      break;
    case BIG_ENDIAN_DATA:
      zip_builder_add (zip, "x/byteorder", "big", 3);
      break;
    case STORAGE_TOO_SHORT:
    default:
      break;
    }
}

static void
test_lie (Fixture *fixture, gconstpointer data)
{
  const LieCase *lie = data;

  for (guint zip64 = lie->lie == PAST_THE_END || lie->lie == HUGE_OFFSET; zip64 < 2; zip64++)
    {
      ZipBuilder *zip = start ();
      g_autofree char *path = NULL;

      zip->zip64 = zip64 != 0;
      tell_lie (zip, lie->lie);
      path = finish (fixture, zip);
      test_assert_refused (path, lie->code, path, lie->word, NULL);
    }
}

/* Every beginning of the file is refused, and no change of one byte does harm. */
static void
test_damaged (Fixture *fixture, gconstpointer data)
{
  ZipBuilder *zip = start ();
  g_autoptr (GBytes) bytes = NULL;
  gsize size;
  const guint8 *whole;
  g_autofree guint8 *damaged = NULL;

  zip->zip64 = GPOINTER_TO_INT (data);
  zip_builder_add (zip, "x/data/0", storage, sizeof storage);
  bytes = zip_builder_end (zip);
  whole = g_bytes_get_data (bytes, &size);
  for (gsize length = 0; length < size; length++)
    {
      g_autofree char *path = test_write_file (fixture->dir, "x.pt", whole, length);
      g_autoptr (SteerArchive) archive = steer_archive_open (path, NULL, NULL);

      g_assert_null (archive);
    }
  for (gsize at = 0; at < size; at++)
    for (guint change = 0; change < 3; change++)
      {
        static const guint8 masks[3] = { 0x01, 0x80, 0xff };
        g_autofree char *path = NULL;
        g_autoptr (SteerArchive) archive = NULL;

        g_free (damaged);
        damaged = g_memdup2 (whole, size);
        damaged[at] ^= masks[change];
        path = test_write_file (fixture->dir, "x.pt", damaged, size);
        archive = steer_archive_open (path, NULL, NULL);
        for (guint i = 0; archive != NULL && i < steer_archive_get_n_tensors (archive); i++)
          {
            const SteerTensor *tensor = steer_archive_get_tensor (archive, i);
            g_autofree float *values = g_new (float, steer_tensor_get_n_elements (tensor) + 1);

            steer_tensor_read_f32 (tensor, 0, steer_tensor_get_n_elements (tensor), values);
          }
      }
}

static void
test_other_zips (Fixture *fixture, gconstpointer data)
{
  ZipBuilder *zip = zip_builder_new ();
  g_autofree char *path = NULL;

  zip_builder_add (zip, "readme.txt", "hello", 5);
  path = finish (fixture, zip);
  test_assert_refused (path, STEER_TENSOR_ERROR_UNSUPPORTED, path, "data.pkl", NULL);
}

/* The tensors of @path are those of the fixture that PyTorch or NumPy made, read back element by element. */
static void
assert_same (const char *file, const char *expected_file)
{
  g_autofree char *path = test_fixture_path (file);
  g_autofree char *expected_path = test_fixture_path (expected_file);
  g_autoptr (SteerArchive) archive = open_ok (path);
  g_autoptr (SteerArchive) expected = open_ok (expected_path);

  g_assert_cmpuint (steer_archive_get_n_tensors (archive), ==, steer_archive_get_n_tensors (expected));
  for (guint i = 0; i < steer_archive_get_n_tensors (expected); i++)
    {
      const SteerTensor *wanted = steer_archive_get_tensor (expected, i);
      const SteerTensor *tensor = steer_archive_find (archive, wanted->name);
      gint64 n = steer_tensor_get_n_elements (wanted);
      g_autofree char *wanted_shape = steer_tensor_dup_shape_string (wanted);
      g_autofree char *shape = NULL;
      g_autofree float *a = g_new (float, n + 1);
      g_autofree float *b = g_new (float, n + 1);

      if (tensor == NULL)
        g_error ("there is no tensor \"%s\"", wanted->name);
      shape = steer_tensor_dup_shape_string (tensor);
      g_assert_cmpint (tensor->dtype, ==, wanted->dtype);
      g_assert_cmpstr (shape, ==, wanted_shape);
      steer_tensor_read_f32 (tensor, 0, n, a);
      steer_tensor_read_f32 (wanted, 0, n, b);
      g_assert_cmpmem (a, (gsize) n * sizeof (float), b, (gsize) n * sizeof (float));
    }
}

static void
test_torch_values (Fixture *fixture, gconstpointer data)
{
  assert_same ("tensor/torch.pt", "tensor/torch-expected.safetensors");
}

static void
test_torch_numbers (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = test_fixture_path ("tensor/torch.pt");
  g_autoptr (SteerArchive) archive = open_ok (path);
  guint64 k = 0;
  gint64 big = 0;
  double share = 0.0;
  gboolean yes = FALSE;

  g_assert_true (steer_archive_get_uint (archive, "cfg.k", &k));
  g_assert_cmpuint (k, ==, 64);
  g_assert_true (steer_archive_get_int (archive, "cfg.big", &big));
  g_assert_cmpint (big, ==, -((gint64) 1 << 40));
  g_assert_true (steer_archive_get_double (archive, "cfg.share", &share));
  g_assert_cmpfloat (share, ==, 0.5);
  g_assert_true (steer_archive_get_bool (archive, "cfg.yes", &yes));
  g_assert_true (yes);
  g_assert_cmpstr (steer_archive_get_string (archive, "cfg.name"), ==, "tiny é");
  g_assert_cmpstr (steer_archive_get_metadata (archive, "cfg.dims.1"), ==, "3");
  g_assert_null (steer_archive_get_metadata (archive, "cfg.none"));
}

static void
test_numpy_values (Fixture *fixture, gconstpointer data)
{
  assert_same ("tensor/arrays.npz", "tensor/arrays-expected.safetensors");
  assert_same ("tensor/packed.npz", "tensor/arrays-expected.safetensors");
}

/* PyTorch's and NumPy's names of types. */
static const char *
get_dtype_name (SteerDtype dtype)
{
  switch (dtype)
    {
    case STEER_DTYPE_BF16:
      return "bfloat16";
    case STEER_DTYPE_F64:
      return "float64";
    case STEER_DTYPE_I64:
      return "int64";
    default:
      return "?";
    }
}

static void
assert_described (const SteerTensor *tensor, JsonObject *described)
{
  JsonArray *shape = json_object_get_array_member (described, "shape");
  gint64 n = steer_tensor_get_n_elements (tensor);
  g_autofree float *values = g_new (float, n + 1);
  double sum = 0.0, weighted = 0.0, size = 0.0;

  g_assert_cmpstr (get_dtype_name (tensor->dtype), ==, json_object_get_string_member (described, "dtype"));
  g_assert_cmpuint (tensor->n_dims, ==, json_array_get_length (shape));
  for (guint i = 0; i < tensor->n_dims; i++)
    g_assert_cmpint (tensor->shape[i], ==, json_array_get_int_element (shape, i));
  steer_tensor_read_f32 (tensor, 0, n, values);
  for (gint64 i = 0; i < n; i++)
    {
      sum += (double) values[i];
      weighted += (double) values[i] * (double) (1 + i % 7);
      size += fabs ((double) values[i]) * 7.0;
    }
  /* float64 values are read as float32. */
  g_assert_cmpfloat_with_epsilon (sum, json_object_get_double_member (described, "sum"), 1e-7 * size);
  g_assert_cmpfloat_with_epsilon (weighted, json_object_get_double_member (described, "weighted"), 1e-7 * size);
}

static void
test_outside_values (Fixture *fixture, gconstpointer data)
{
  g_autofree char *folder = test_shared_path ("torch-pt");
  g_autofree char *json = test_fixture_path ("tensor/torch-pt.json");
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GList) files = NULL;
  JsonObject *root;

  if (folder == NULL)
    return;
  g_assert_true (json_parser_load_from_file (parser, json, NULL));
  root = json_node_get_object (json_parser_get_root (parser));
  files = json_object_get_members (root);
  g_assert_cmpuint (g_list_length (files), ==, 8);
  for (GList *file = files; file != NULL; file = file->next)
    {
      JsonObject *tensors = json_object_get_object_member (root, file->data);
      g_autofree char *path = g_build_filename (folder, file->data, NULL);
      g_autoptr (SteerArchive) archive = open_ok (path);

      g_assert_cmpuint (steer_archive_get_n_tensors (archive), ==, json_object_get_size (tensors));
      for (guint i = 0; i < steer_archive_get_n_tensors (archive); i++)
        {
          const SteerTensor *tensor = steer_archive_get_tensor (archive, i);

          assert_described (tensor, json_object_get_object_member (tensors, tensor->name));
        }
    }
}

static void
test_outside_refused (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = test_shared_path ("torch-pt/must-refuse-sklearn-globals.pt");

  if (path != NULL)
    test_assert_refused (path, STEER_TENSOR_ERROR_UNSUPPORTED, path, "sklearn.decomposition._pca.PCA", NULL);
}

#define ADD(name, data, function) g_test_add ("/zip/" name, Fixture, data, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("a-stored-tensor-is-read", NULL, test_plain);
  ADD ("a-zip64-file-is-read", GINT_TO_POINTER (TRUE), test_plain);
  for (guint i = 0; i < G_N_ELEMENTS (lies); i++)
    {
      g_autofree char *name = g_strdup_printf ("/zip/%s-is-refused", lies[i].name);

      g_test_add (name, Fixture, &lies[i], set_up, test_lie, tear_down);
    }
  ADD ("damage-at-any-byte-does-no-harm", NULL, test_damaged);
  ADD ("damage-at-any-byte-of-zip64-does-no-harm", GINT_TO_POINTER (TRUE), test_damaged);
  ADD ("a-zip-without-tensors-is-refused", NULL, test_other_zips);
  ADD ("tensors-are-those-of-pytorch", NULL, test_torch_values);
  ADD ("numbers-among-tensors-are-metadata", NULL, test_torch_numbers);
  ADD ("arrays-are-those-of-numpy", NULL, test_numpy_values);
  ADD ("real-files-have-pytorch's-values", NULL, test_outside_values);
  ADD ("a-real-file-with-code-is-refused-by-name", NULL, test_outside_refused);
  return g_test_run ();
}
