#include "tensor-test-util.h"
#include "tensor/steer-safetensors-writer.h"
#include "test-util.h"

#include <glib/gstdio.h>
#include <string.h>

typedef struct
{
  char *dir;
  char *path;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->dir = test_make_dir ();
  fixture->path = g_build_filename (fixture->dir, "out.safetensors", NULL);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  test_remove_dir (fixture->dir);
  g_free (fixture->path);
}

static const float numbers[6] = { 1, 2, 3, 4, 5, 6 };
static const guint8 bytes[3] = { 7, 8, 9 };
static const gint64 big = 1234567890123;

static SteerTensor
make_matrix (const char *name)
{
  return (SteerTensor){ .name = name,
                        .dtype = STEER_DTYPE_F32,
                        .n_dims = 2,
                        .shape = { 2, 3 },
                        .stride = { 3, 1 },
                        .data = (const guint8 *) numbers,
                        .n_bytes = sizeof numbers };
}

static SteerTensor
make_bytes (const char *name)
{
  return (SteerTensor){ .name = name,
                        .dtype = STEER_DTYPE_U8,
                        .n_dims = 1,
                        .shape = { 3 },
                        .stride = { 1 },
                        .data = bytes,
                        .n_bytes = sizeof bytes };
}

static guint
count_files (const char *dir)
{
  g_autoptr (GDir) listing = g_dir_open (dir, 0, NULL);
  guint n = 0;

  while (g_dir_read_name (listing) != NULL)
    n++;
  return n;
}

static void
test_round_trip (Fixture *fixture, gconstpointer data)
{
  SteerTensor tensors[4]
    = { make_bytes ("z"),
        make_matrix ("quote\" back\\slash\ttab \u20ac"),
        make_bytes ("a"),
        { .name = "scalar", .dtype = STEER_DTYPE_I64, .data = (const guint8 *) &big, .n_bytes = sizeof big } };
  g_autoptr (GHashTable) metadata = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (SteerArchive) archive = NULL;
  g_autoptr (GError) error = NULL;
  float values[6];

  g_hash_table_insert (metadata, (gpointer) "label", (gpointer) "line\nbreak \"q\" \x01");
  g_hash_table_insert (metadata, (gpointer) "version", (gpointer) "1");
  g_assert_true (steer_safetensors_write (fixture->path, tensors, 4, metadata, NULL, &error));
  g_assert_no_error (error);

  archive = steer_archive_open (fixture->path, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (steer_archive_get_n_tensors (archive), ==, 4);
  g_assert_cmpstr (steer_archive_get_metadata (archive, "label"), ==, "line\nbreak \"q\" \x01");
  g_assert_cmpstr (steer_archive_get_metadata (archive, "version"), ==, "1");
  for (guint i = 0; i < 4; i++)
    {
      const SteerTensor *found = steer_archive_find (archive, tensors[i].name);

      g_assert_nonnull (found);
      g_assert_cmpint (found->dtype, ==, tensors[i].dtype);
      g_assert_cmpuint (found->n_dims, ==, tensors[i].n_dims);
      g_assert_cmpmem (found->data, found->n_bytes, tensors[i].data, tensors[i].n_bytes);
    }
  steer_tensor_read_f32 (steer_archive_find (archive, tensors[1].name), 0, 6, values);
  g_assert_cmpmem (values, sizeof values, numbers, sizeof numbers);
}

static void
test_order_and_alignment (Fixture *fixture, gconstpointer data)
{
  SteerTensor tensors[4] = { make_bytes ("z"), make_matrix ("m"), make_bytes ("a"), make_matrix ("b") };
  g_autoptr (SteerArchive) archive = NULL;
  g_autoptr (GError) error = NULL;
  const char *const expected[] = { "b", "m", "a", "z" };

  g_assert_true (steer_safetensors_write (fixture->path, tensors, 4, NULL, NULL, &error));
  archive = steer_archive_open (fixture->path, NULL, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < 4; i++)
    {
      const SteerTensor *tensor = steer_archive_get_tensor (archive, i);

      g_assert_cmpstr (tensor->name, ==, expected[i]);
      g_assert_cmpuint ((gsize) tensor->data % steer_dtype_get_block_bytes (tensor->dtype), ==, 0);
    }
  g_assert_cmpuint ((gsize) steer_archive_get_tensor (archive, 0)->data % 8, ==, 0);
}

static void
test_same_bytes (Fixture *fixture, gconstpointer data)
{
  SteerTensor tensors[2] = { make_bytes ("z"), make_matrix ("m") };
  SteerTensor reversed[2] = { tensors[1], tensors[0] };
  g_autoptr (GHashTable) metadata = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree char *first = NULL;
  g_autofree char *second = NULL;
  gsize first_length, second_length;

  for (guint i = 0; i < 26; i++)
    g_hash_table_insert (metadata, g_strdup_printf ("%c", 'a' + (int) i), (gpointer) "v");
  g_assert_true (steer_safetensors_write (fixture->path, tensors, 2, metadata, NULL, NULL));
  g_assert_true (g_file_get_contents (fixture->path, &first, &first_length, NULL));
  g_assert_true (steer_safetensors_write (fixture->path, reversed, 2, metadata, NULL, NULL));
  g_assert_true (g_file_get_contents (fixture->path, &second, &second_length, NULL));
  g_assert_cmpmem (first, first_length, second, second_length);
  g_assert_nonnull (strstr (first + 8, "\"a\":\"v\",\"b\":\"v\",\"c\""));
  g_assert_cmpuint (count_files (fixture->dir), ==, 1);
}

static void
test_empty (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SteerArchive) archive = NULL;
  g_autoptr (GError) error = NULL;
  SteerTensor none = make_bytes ("none");

  none.shape[0] = 0;
  none.data = NULL;
  none.n_bytes = 0;
  g_assert_true (steer_safetensors_write (fixture->path, &none, 1, NULL, NULL, &error));
  archive = steer_archive_open (fixture->path, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (steer_archive_get_tensor (archive, 0)->shape[0], ==, 0);

  g_clear_object (&archive);
  g_assert_true (steer_safetensors_write (fixture->path, NULL, 0, NULL, NULL, &error));
  archive = steer_archive_open (fixture->path, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (steer_archive_get_n_tensors (archive), ==, 0);
}

/* Writing must fail, leave the old file alone and no other file behind. */
static void
assert_not_written (Fixture *fixture, const SteerTensor *tensors, guint n, GHashTable *metadata, const char *word)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  g_free (test_write_text (fixture->dir, "out.safetensors", "the old file"));
  g_assert_false (steer_safetensors_write (fixture->path, tensors, n, metadata, NULL, &error));
  g_assert_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_INVALID);
  g_assert_nonnull (strstr (error->message, fixture->path));
  g_assert_nonnull (strstr (error->message, word));
  g_assert_true (g_file_get_contents (fixture->path, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "the old file");
  g_assert_cmpuint (count_files (fixture->dir), ==, 1);
}

static void
test_refusals (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GHashTable) metadata = g_hash_table_new (g_str_hash, g_str_equal);
  SteerTensor tensors[2] = { make_bytes ("a"), make_bytes ("a") };

  assert_not_written (fixture, tensors, 2, NULL, "\"a\"");
  tensors[1].name = "";
  assert_not_written (fixture, tensors, 2, NULL, "no usable name");
  tensors[1].name = "\xff";
  assert_not_written (fixture, tensors, 2, NULL, "no usable name");
  tensors[1].name = "__metadata__";
  assert_not_written (fixture, tensors, 2, NULL, "no usable name");
  tensors[1] = make_matrix ("m");
  tensors[1].stride[0] = 1;
  tensors[1].stride[1] = 2;
  assert_not_written (fixture, tensors, 2, NULL, "\"m\" is not contiguous");
  tensors[1] = make_bytes ("q");
  tensors[1].dtype = STEER_DTYPE_Q4_0;
  assert_not_written (fixture, tensors, 2, NULL, "Q4_0");
  g_hash_table_insert (metadata, (gpointer) "k", (gpointer) "\xff");
  assert_not_written (fixture, tensors, 1, metadata, "UTF-8");
}

static void
test_failures_of_the_disk (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->dir, "no", "such", "folder", NULL);
  g_autofree char *folder = g_build_filename (fixture->dir, "folder", NULL);
  g_autofree char *inside = g_build_filename (folder, "file", NULL);
  g_autoptr (GError) error = NULL;
  SteerTensor tensor = make_bytes ("a");

  g_assert_false (steer_safetensors_write (path, &tensor, 1, NULL, NULL, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
  g_clear_error (&error);

  /* A folder stands in the way: the rename fails after everything was written. */
  g_assert_cmpint (g_mkdir_with_parents (inside, 0700), ==, 0);
  g_assert_false (steer_safetensors_write (folder, &tensor, 1, NULL, NULL, &error));
  g_assert_true (error != NULL && error->domain == G_FILE_ERROR);
  g_assert_cmpuint (count_files (fixture->dir), ==, 1);
}

static void
test_cancelled (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  SteerTensor tensor = make_bytes ("a");

  g_free (test_write_text (fixture->dir, "out.safetensors", "the old file"));
  g_cancellable_cancel (cancellable);
  g_assert_false (steer_safetensors_write (fixture->path, &tensor, 1, NULL, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_true (g_file_get_contents (fixture->path, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "the old file");
  g_assert_cmpuint (count_files (fixture->dir), ==, 1);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define ADD(name, function) g_test_add ("/safetensors-writer/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("what-is-written-is-read-back", test_round_trip);
  ADD ("tensors-are-ordered-and-aligned-to-their-elements", test_order_and_alignment);
  ADD ("the-same-contents-give-the-same-bytes", test_same_bytes);
  ADD ("empty-tensors-and-empty-files-are-written", test_empty);
  ADD ("what-the-format-cannot-hold-is-refused-and-the-old-file-stays", test_refusals);
  ADD ("a-failing-disk-leaves-nothing-behind", test_failures_of_the_disk);
  ADD ("a-cancelled-write-leaves-the-old-file", test_cancelled);
  return g_test_run ();
}
