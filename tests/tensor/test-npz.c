#include "tensor-test-util.h"
#include "test-util.h"
#include "zip-builder.h"

#include <string.h>

static const float numbers[6] = { 1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f };

/* An array of version 1.0 with this header's text and the six numbers. */
static GByteArray *
make_array (const char *header, gsize n_data)
{
  GByteArray *array = g_byte_array_new ();
  guint8 start[10] = { 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (guint8) strlen (header), 0 };

  g_byte_array_append (array, start, sizeof start);
  g_byte_array_append (array, (const guint8 *) header, (guint) strlen (header));
  g_byte_array_append (array, (const guint8 *) numbers, (guint) n_data);
  return array;
}

static char *
write_array (const char *dir, const char *header, gsize n_data)
{
  g_autoptr (GByteArray) array = make_array (header, n_data);

  return test_write_file (dir, "x.npy", array->data, array->len);
}

static void
test_single (void)
{
  g_autofree char *dir = test_make_dir ();
  g_autofree char *path = write_array (dir, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }   \n", 24);
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerArchive) archive = steer_archive_open (path, NULL, &error);
  const SteerTensor *tensor;
  float values[6];
  const float expected[6] = { 1.0f, 3.0f, 5.0f, 2.0f, 4.0f, 6.0f };

  g_assert_no_error (error);
  tensor = steer_archive_find (archive, "tensor");
  g_assert_nonnull (tensor);
  g_assert_cmpint (tensor->shape[0], ==, 2);
  steer_tensor_read_f32 (tensor, 0, 6, values);
  g_assert_cmpmem (values, sizeof values, expected, sizeof expected);
  test_remove_dir (g_steal_pointer (&dir));
}

static void
test_headers (void)
{
  static const struct
  {
    const char *header;
    int code;
    const char *word;
  } cases[] = {
    { "{'descr': '|O', 'fortran_order': False, 'shape': (6,), }", STEER_TENSOR_ERROR_UNSUPPORTED, "Python objects" },
    { "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6,), }", STEER_TENSOR_ERROR_UNSUPPORTED, "records" },
    { "{'descr': '<f4', 'fortran_order': False, 'shape': (7,), }", STEER_TENSOR_ERROR_TRUNCATED, "28 bytes" },
    { "{'descr': '<f4', 'fortran_order': False, 'shape': (5,), }", STEER_TENSOR_ERROR_INVALID, "20 bytes" },
    { "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }", STEER_TENSOR_ERROR_INVALID,
      "overflow" },
    { "{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999999999999,), }", STEER_TENSOR_ERROR_INVALID,
      "header" },
    { "{'descr': '<f4', 'fortran_order': False, 'shape': (-6,), }", STEER_TENSOR_ERROR_INVALID, "header" },
    { "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,6), }", STEER_TENSOR_ERROR_UNSUPPORTED,
      "dimensions" },
    { "{'descr': '<f4', 'fortran_order': False, }", STEER_TENSOR_ERROR_INVALID, "header" },
    { "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (6,), }", STEER_TENSOR_ERROR_INVALID,
      "header" },
    { "{'descr': '<f4', 'fortran_order': __import__('os'), 'shape': (6,), }", STEER_TENSOR_ERROR_INVALID, "header" },
    { "{'descr': '<f4', 'fortran_order': False, 'shape': (6,), 'x': 1 }", STEER_TENSOR_ERROR_INVALID, "header" },
    { "{'descr': '<f4', 'fortran_order': False, 'shape': (6,), } x", STEER_TENSOR_ERROR_INVALID, "header" },
    { "", STEER_TENSOR_ERROR_INVALID, "header" },
  };
  g_autofree char *dir = test_make_dir ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = write_array (dir, cases[i].header, 24);

      test_assert_refused (path, cases[i].code, path, cases[i].word, NULL);
    }
  test_remove_dir (g_steal_pointer (&dir));
}

static void
test_other_types (void)
{
  g_autofree char *dir = test_make_dir ();
  g_autofree char *path = write_array (dir, "{'descr': '>f4', 'fortran_order': False, 'shape': (6,), }", 24);
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerArchive) archive = steer_archive_open (path, NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (steer_archive_get_n_tensors (archive), ==, 0);
  g_assert_cmpstr (steer_archive_find_opaque (archive, "tensor")->type, ==, ">f4");
  test_remove_dir (g_steal_pointer (&dir));
}

/* A packed member whose directory says another size than what it unpacks to. */
static void
test_packed_lies (void)
{
  g_autofree char *fixture = test_fixture_path ("tensor/packed.npz");
  g_autofree char *dir = test_make_dir ();
  g_autofree char *bytes = NULL;
  gsize length = 0;

  g_assert_true (g_file_get_contents (fixture, &bytes, &length, NULL));
  for (gsize at = 0; at < length; at++)
    {
      g_autofree char *path = NULL;
      g_autoptr (SteerArchive) archive = NULL;

      bytes[at] ^= 0x11;
      path = test_write_file (dir, "x.npz", bytes, length);
      archive = steer_archive_open (path, NULL, NULL);
      bytes[at] ^= 0x11;
    }
  for (gsize cut = 0; cut < length; cut += 7)
    {
      g_autofree char *path = test_write_file (dir, "x.npz", bytes, cut);
      g_autoptr (SteerArchive) archive = steer_archive_open (path, NULL, NULL);

      g_assert_null (archive);
    }
  test_remove_dir (g_steal_pointer (&dir));
}

static void
test_bomb (void)
{
  static const char packed[] = "\x03\x00"; /* an empty deflate stream */
  ZipBuilder *zip = zip_builder_new ();
  ZipBuilderMember *member = zip_builder_add (zip, "x.npy", packed, 2);
  g_autofree char *dir = test_make_dir ();
  g_autoptr (GBytes) bytes = NULL;
  g_autofree char *path = NULL;

  zip->zip64 = TRUE;
  member->method = 8;
  member->size = (guint64) 1 << 40;
  bytes = zip_builder_end (zip);
  path = test_write_file (dir, "x.npz", g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  test_assert_refused (path, STEER_TENSOR_ERROR_INVALID, "cannot hold", NULL);
  test_remove_dir (g_steal_pointer (&dir));
}

static void
test_wrong_size (gconstpointer data)
{
  static const char packed[] = "\x03\x00";
  ZipBuilder *zip = zip_builder_new ();
  ZipBuilderMember *member = zip_builder_add (zip, "x.npy", packed, 2);
  g_autofree char *dir = test_make_dir ();
  g_autoptr (GBytes) bytes = NULL;
  g_autofree char *path = NULL;

  member->method = 8;
  member->size = GPOINTER_TO_UINT (data);
  bytes = zip_builder_end (zip);
  path = test_write_file (dir, "x.npz", g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  test_assert_refused (path, STEER_TENSOR_ERROR_INVALID, "damaged", NULL);
  test_remove_dir (g_steal_pointer (&dir));
}

static void
test_other_members (void)
{
  g_autoptr (GByteArray) array = make_array ("{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }", 24);
  ZipBuilder *zip = zip_builder_new ();
  g_autofree char *dir = test_make_dir ();
  g_autoptr (GBytes) bytes = NULL;
  g_autofree char *path = NULL;

  zip_builder_add (zip, "x.npy", array->data, array->len);
  zip_builder_add (zip, "evil.pkl", "N.", 2);
  bytes = zip_builder_end (zip);
  path = test_write_file (dir, "x.npz", g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  test_assert_refused (path, STEER_TENSOR_ERROR_UNSUPPORTED, "evil.pkl", NULL);
  test_remove_dir (g_steal_pointer (&dir));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/npz/a-single-array-is-read", test_single);
  g_test_add_func ("/npz/headers-that-do-not-fit-are-refused", test_headers);
  g_test_add_func ("/npz/arrays-of-other-types-are-told-and-not-read", test_other_types);
  g_test_add_func ("/npz/damage-at-any-byte-does-no-harm", test_packed_lies);
  g_test_add_func ("/npz/a-member-that-claims-too-much-is-refused-before-memory-is-taken", test_bomb);
  g_test_add_data_func ("/npz/a-member-shorter-than-it-says-is-refused", GUINT_TO_POINTER (100), test_wrong_size);
  g_test_add_func ("/npz/a-member-that-is-no-array-is-refused", test_other_members);
  return g_test_run ();
}
