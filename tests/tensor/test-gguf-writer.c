#include "tensor-test-util.h"
#include "test-util.h"

#include "tensor/steer-gguf-writer.h"

#include <string.h>

static guint
count_files (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

static void
write_all (const char *path)
{
  static const char *const strings[] = { "a", "", "\342\202\254" };
  static const gint32 ints[] = { 1, -2, 3 };
  static const float floats[] = { 0.5f, -1.5f };
  static const gint64 shape[] = { 3, 5 };
  static const gint64 blocks[] = { 2, 32 };
  g_autoptr (SteerGgufWriter) writer = steer_gguf_writer_new (path);
  g_autoptr (GError) error = NULL;
  float values[15];
  guint8 quants[68];

  for (guint i = 0; i < 15; i++)
    values[i] = (float) i / 4.0f;
  for (guint i = 0; i < 68; i++)
    quants[i] = (guint8) i;
  steer_gguf_writer_add_string (writer, "general.architecture", "llama");
  steer_gguf_writer_add_uint (writer, "t.uint", 4000000000u);
  steer_gguf_writer_add_float (writer, "t.float", 0.1f);
  steer_gguf_writer_add_bool (writer, "t.bool", TRUE);
  steer_gguf_writer_add_string_list (writer, "t.strings", strings, 3);
  steer_gguf_writer_add_int_list (writer, "t.ints", ints, 3);
  steer_gguf_writer_add_float_list (writer, "t.floats", floats, 2);
  steer_gguf_writer_add_tensor (writer, "plain", STEER_DTYPE_F32, 2, shape);
  steer_gguf_writer_add_tensor (writer, "q8", STEER_DTYPE_Q8_0, 2, blocks);
  g_assert_true (steer_gguf_writer_begin (writer, &error));
  g_assert_true (steer_gguf_writer_write (writer, (const guint8 *) values, 20, &error));
  g_assert_true (steer_gguf_writer_write (writer, (const guint8 *) values + 20, 40, &error));
  g_assert_true (steer_gguf_writer_write (writer, quants, 68, &error));
  g_assert_true (steer_gguf_writer_end (writer, &error));
  g_assert_no_error (error);
}

static void
check_all (SteerArchive *archive)
{
  const SteerTensor *plain = steer_archive_find (archive, "plain");
  const SteerTensor *q8 = steer_archive_find (archive, "q8");
  g_autofree SteerArchiveString *strings = NULL;
  g_autofree gint64 *ints = NULL;
  g_autofree double *floats = NULL;
  guint64 number;
  double real;
  gboolean flag = FALSE;
  gsize n;
  float values[15];

  g_assert_cmpstr (steer_archive_get_format (archive), ==, "GGUF v3");
  g_assert_cmpstr (steer_archive_get_string (archive, "general.architecture"), ==, "llama");
  g_assert_true (steer_archive_get_uint (archive, "t.uint", &number));
  g_assert_cmpuint (number, ==, 4000000000u);
  g_assert_true (steer_archive_get_double (archive, "t.float", &real));
  g_assert_cmpfloat (real, ==, (double) 0.1f);
  g_assert_true (steer_archive_get_bool (archive, "t.bool", &flag) && flag);
  strings = steer_archive_get_string_array (archive, "t.strings", &n);
  g_assert_cmpuint (n, ==, 3);
  g_assert_cmpmem (strings[2].bytes, strings[2].length, "\342\202\254", 3);
  ints = steer_archive_get_int_array (archive, "t.ints", &n);
  g_assert_true (n == 3 && ints[0] == 1 && ints[1] == -2 && ints[2] == 3);
  floats = steer_archive_get_double_array (archive, "t.floats", &n);
  g_assert_true (n == 2 && floats[0] == 0.5 && floats[1] == -1.5);

  g_assert_true (plain->n_dims == 2 && plain->shape[0] == 3 && plain->shape[1] == 5);
  steer_tensor_read_f32 (plain, 0, 15, values);
  for (guint i = 0; i < 15; i++)
    g_assert_cmpfloat (values[i], ==, (float) i / 4.0f);
  g_assert_true (q8->dtype == STEER_DTYPE_Q8_0 && q8->shape[0] == 2 && q8->n_bytes == 68);
  for (guint i = 0; i < 68; i++)
    g_assert_cmpuint (q8->data[i], ==, i);
}

static void
test_round_trip (void)
{
  g_autofree char *folder = test_make_dir ();
  g_autofree char *path = g_build_filename (folder, "a.gguf", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerArchive) archive = NULL;

  write_all (path);
  g_assert_cmpuint (count_files (folder), ==, 1);
  archive = steer_archive_open (path, NULL, &error);
  g_assert_no_error (error);
  check_all (archive);
  test_remove_dir (g_steal_pointer (&folder));
}

/* Every key of a file of another program arrives with its type. */
static void
test_copied_keys (void)
{
  g_autofree char *folder = test_make_dir ();
  g_autofree char *path = g_build_filename (folder, "a.gguf", NULL);
  g_autofree char *small = test_fixture_path ("tensor/small.gguf");
  g_autoptr (SteerArchive) from = steer_archive_open (small, NULL, NULL);
  g_autoptr (SteerGgufWriter) writer = steer_gguf_writer_new (path);
  g_autofree const char **keys = steer_archive_list_metadata (from);
  g_autoptr (SteerArchive) to = NULL;
  g_autofree const char **found = NULL;
  g_autoptr (GError) error = NULL;
  guint n = 0;

  for (; keys[n] != NULL; n++)
    g_assert_true (steer_gguf_writer_copy_key (writer, from, keys[n]));
  g_assert_false (steer_gguf_writer_copy_key (writer, from, "no.such.key"));
  g_assert_true (steer_gguf_writer_begin (writer, &error) && steer_gguf_writer_end (writer, &error));
  g_assert_no_error (error);
  to = steer_archive_open (path, NULL, &error);
  g_assert_no_error (error);
  found = steer_archive_list_metadata (to);
  g_assert_cmpuint (g_strv_length ((char **) found), ==, n);
  for (guint i = 0; i < n; i++)
    g_assert_cmpstr (steer_archive_get_metadata (to, keys[i]), ==, steer_archive_get_metadata (from, keys[i]));
  test_remove_dir (g_steal_pointer (&folder));
}

static void
assert_refused (void (*fill) (SteerGgufWriter *writer), const char *part)
{
  g_autofree char *folder = test_make_dir ();
  g_autofree char *path = g_build_filename (folder, "a.gguf", NULL);
  SteerGgufWriter *writer = steer_gguf_writer_new (path);
  g_autoptr (GError) error = NULL;

  fill (writer);
  g_assert_false (steer_gguf_writer_begin (writer, &error));
  g_assert_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_INVALID);
  if (strstr (error->message, part) == NULL)
    g_error ("\"%s\" does not say \"%s\"", error->message, part);
  steer_gguf_writer_free (writer);
  g_assert_cmpuint (count_files (folder), ==, 0);
  test_remove_dir (g_steal_pointer (&folder));
}

static void
add_key_twice (SteerGgufWriter *writer)
{
  steer_gguf_writer_add_bool (writer, "a", TRUE);
  steer_gguf_writer_add_uint (writer, "a", 1);
}

static void
add_tensor_twice (SteerGgufWriter *writer)
{
  const gint64 shape = 4;

  steer_gguf_writer_add_tensor (writer, "t", STEER_DTYPE_F32, 1, &shape);
  steer_gguf_writer_add_tensor (writer, "t", STEER_DTYPE_F32, 1, &shape);
}

static void
add_odd_row (SteerGgufWriter *writer)
{
  const gint64 shape[] = { 2, 48 };

  steer_gguf_writer_add_tensor (writer, "t", STEER_DTYPE_Q8_0, 2, shape);
}

static void
add_long_name (SteerGgufWriter *writer)
{
  const gint64 shape = 4;
  g_autofree char *name = g_strnfill (64, 'n');

  steer_gguf_writer_add_tensor (writer, name, STEER_DTYPE_F32, 1, &shape);
}

static void
add_bad_text (SteerGgufWriter *writer)
{
  steer_gguf_writer_add_string (writer, "a", "\377");
}

static void
test_mistakes (void)
{
  assert_refused (add_key_twice, "\"a\" is there twice");
  assert_refused (add_tensor_twice, "\"t\" is there twice");
  assert_refused (add_odd_row, "multiple of 32");
  assert_refused (add_long_name, "63 bytes");
  assert_refused (add_bad_text, "UTF-8");
}

/* A file that was there is still the old one, and no half of a new one lies beside it. */
static void
test_broken_off (void)
{
  g_autofree char *folder = test_make_dir ();
  g_autofree char *path = test_write_file (folder, "a.gguf", "old", 3);
  SteerGgufWriter *writer = steer_gguf_writer_new (path);
  const gint64 shape = 4;
  const guint8 bytes[17] = { 0 };
  g_autoptr (GError) error = NULL;
  g_autofree char *contents = NULL;

  steer_gguf_writer_add_tensor (writer, "t", STEER_DTYPE_F32, 1, &shape);
  g_assert_true (steer_gguf_writer_begin (writer, &error));
  g_assert_cmpuint (count_files (folder), ==, 2);
  g_assert_false (steer_gguf_writer_write (writer, bytes, 17, &error));
  g_assert_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_true (steer_gguf_writer_write (writer, bytes, 8, &error));
  g_assert_false (steer_gguf_writer_end (writer, &error));
  g_assert_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_INVALID);
  steer_gguf_writer_free (writer);
  g_assert_cmpuint (count_files (folder), ==, 1);
  g_assert_true (g_file_get_contents (path, &contents, NULL, NULL));
  g_assert_cmpstr (contents, ==, "old");
  test_remove_dir (g_steal_pointer (&folder));
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/gguf-writer/what-is-written-is-read", test_round_trip);
  g_test_add_func ("/gguf-writer/keys-of-every-type-are-copied", test_copied_keys);
  g_test_add_func ("/gguf-writer/mistakes-are-refused-and-leave-nothing", test_mistakes);
  g_test_add_func ("/gguf-writer/a-file-that-is-broken-off-leaves-the-old-one", test_broken_off);
  return g_test_run ();
}
