#include "tensor-test-util.h"
#include "test-util.h"

#include <glib/gstdio.h>
#include <string.h>

#define INDEX "model.safetensors.index.json"
#define ONE "model-00001-of-00002.safetensors"
#define TWO "model-00002-of-00002.safetensors"

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

static void
write_safetensors (Fixture *fixture, const char *name, const char *header, gsize data_size)
{
  g_free (test_write_safetensors (fixture->dir, name, header, data_size));
}

static void
write_text (Fixture *fixture, const char *name, const char *text)
{
  g_free (test_write_text (fixture->dir, name, text));
}

/* Tensors a and b in the first shard, c in the second. */
static void
write_good_folder (Fixture *fixture)
{
  write_safetensors (fixture, ONE,
                     "{\"__metadata__\":{\"format\":\"pt\",\"x\":\"a\"},"
                     "\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
                     "\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[2,5]}}",
                     5);
  write_safetensors (fixture, TWO,
                     "{\"__metadata__\":{\"format\":\"np\",\"y\":\"c\"},"
                     "\"c\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}",
                     4);
  write_text (fixture, INDEX,
              "{\"metadata\":{\"total_size\":9},\"weight_map\":{\"a\":\"" ONE "\",\"b\":\"" ONE "\",\"c\":\"" TWO
              "\"}}");
}

static SteerArchive *
open_ok (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;
  SteerArchive *archive = steer_archive_open (fixture->dir, NULL, &error);

  g_assert_no_error (error);
  return archive;
}

static void
test_shards (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SteerArchive) archive = NULL;
  const SteerTensor *b, *c;

  write_good_folder (fixture);
  archive = open_ok (fixture);
  g_assert_cmpstr (steer_archive_get_format (archive), ==, "safetensors shards");
  g_assert_cmpstr (steer_archive_get_path (archive), ==, fixture->dir);
  g_assert_cmpuint (steer_archive_get_n_tensors (archive), ==, 3);
  g_assert_cmpstr (steer_archive_get_tensor (archive, 0)->name, ==, "a");
  b = steer_archive_find (archive, "b");
  c = steer_archive_find (archive, "c");
  g_assert_cmpuint (b->data[0], ==, 2);
  g_assert_cmpuint (c->data[3], ==, 3);
  g_assert_true (g_str_has_suffix (steer_archive_get_tensor_file (archive, b), ONE));
  g_assert_true (g_str_has_suffix (steer_archive_get_tensor_file (archive, c), TWO));
  g_assert_cmpuint (steer_archive_get_file_size (archive), >, 9 + 16);

  /* Of two shards' metadata the first one speaks, and the aliases of both hold. */
  g_assert_cmpstr (steer_archive_get_metadata (archive, "format"), ==, "pt");
  g_assert_true (steer_archive_find (archive, "x") == steer_archive_find (archive, "a"));
  g_assert_true (steer_archive_find (archive, "y") == c);
}

static void
test_single_file (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SteerArchive) archive = NULL;

  write_good_folder (fixture);
  write_safetensors (fixture, "model.safetensors", "{\"z\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}", 1);
  archive = open_ok (fixture);
  g_assert_cmpstr (steer_archive_get_format (archive), ==, "safetensors");
  g_assert_cmpuint (steer_archive_get_n_tensors (archive), ==, 1);
}

static void
test_lone_file (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SteerArchive) archive = NULL;

  write_text (fixture, "cfg.json", "{}");
  write_safetensors (fixture, "sae_weights.safetensors",
                     "{\"z\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}", 1);
  archive = open_ok (fixture);
  g_assert_nonnull (steer_archive_find (archive, "z"));

  write_safetensors (fixture, "other.safetensors", "{}", 0);
  test_assert_refused (fixture->dir, STEER_TENSOR_ERROR_NOT_FOUND, fixture->dir, "neither model.safetensors nor", NULL);
}

static void
test_empty_folder (Fixture *fixture, gconstpointer data)
{
  test_assert_refused (fixture->dir, STEER_TENSOR_ERROR_NOT_FOUND, fixture->dir, "neither model.safetensors nor", NULL);
}

static void
test_missing_shard (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->dir, TWO, NULL);

  write_good_folder (fixture);
  g_remove (path);
  test_assert_refused (fixture->dir, STEER_TENSOR_ERROR_NOT_FOUND, INDEX, TWO, "missing", "download", NULL);
}

static void
test_missing_tensor (Fixture *fixture, gconstpointer data)
{
  write_good_folder (fixture);
  write_text (fixture, INDEX, "{\"weight_map\":{\"a\":\"" ONE "\",\"d\":\"" TWO "\"}}");
  test_assert_refused (fixture->dir, STEER_TENSOR_ERROR_NOT_FOUND, INDEX, "\"d\"", TWO, NULL);
}

static void
test_tensor_in_wrong_shard (Fixture *fixture, gconstpointer data)
{
  write_good_folder (fixture);
  write_text (fixture, INDEX, "{\"weight_map\":{\"a\":\"" TWO "\",\"b\":\"" ONE "\"}}");
  test_assert_refused (fixture->dir, STEER_TENSOR_ERROR_NOT_FOUND, INDEX, "\"a\"", TWO, NULL);
}

static void
test_index_decides (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SteerArchive) archive = NULL;

  write_good_folder (fixture);
  write_safetensors (fixture, TWO,
                     "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                     "\"c\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[1,5]}}",
                     5);
  archive = open_ok (fixture);
  g_assert_cmpint (steer_archive_find (archive, "a")->shape[0], ==, 2);

  /* Without the index's word, two tensors of one name are one too many; one of an unknown name is taken. */
  write_text (fixture, INDEX, "{\"weight_map\":{\"b\":\"" ONE "\",\"c\":\"" TWO "\"}}");
  test_assert_refused (fixture->dir, STEER_TENSOR_ERROR_INVALID, TWO, "\"a\"", "another shard", NULL);
  write_safetensors (fixture, TWO, "{\"c\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4);
  g_clear_object (&archive);
  archive = open_ok (fixture);
  g_assert_nonnull (steer_archive_find (archive, "a"));
}

static void
test_names_that_lead_out (Fixture *fixture, gconstpointer data)
{
  const char *const names[] = { "../x.safetensors",     "/etc/passwd",         "sub/x.safetensors", "..", ".", "",
                                "sub\\\\x.safetensors", "x\\u0000.safetensors" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *index = g_strdup_printf ("{\"weight_map\":{\"a\":\"%s\"}}", names[i]);

      write_good_folder (fixture);
      write_text (fixture, INDEX, index);
      test_assert_refused (fixture->dir, STEER_TENSOR_ERROR_INVALID, INDEX, "same folder", NULL);
    }
}

static void
test_lfs_pointers (Fixture *fixture, gconstpointer data)
{
  const char *pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 4976698672\n";

  write_good_folder (fixture);
  write_text (fixture, ONE, pointer);
  test_assert_refused (fixture->dir, STEER_TENSOR_ERROR_POINTER, ONE, "git lfs pull", NULL);
  write_text (fixture, INDEX, pointer);
  test_assert_refused (fixture->dir, STEER_TENSOR_ERROR_POINTER, INDEX, "git lfs pull", NULL);
}

static void
test_truncated_shard (Fixture *fixture, gconstpointer data)
{
  write_good_folder (fixture);
  write_safetensors (fixture, TWO, "{\"c\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}", 3);
  test_assert_refused (fixture->dir, STEER_TENSOR_ERROR_TRUNCATED, TWO, "download it again", NULL);
  write_text (fixture, TWO, "");
  test_assert_refused (fixture->dir, STEER_TENSOR_ERROR_TRUNCATED, TWO, NULL);
}

static void
test_broken_index (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *text;
    const char *word;
  } cases[] = {
    { "", "too early" },
    { "[]", "weight_map" },
    { "{}", "missing" },
    { "{\"weight_map\":[]}", "not an object" },
    { "{\"weight_map\":{\"a\":1}}", "\"a\"" },
    { "{\"weight_map\":{\"a\":\"" ONE "\",\"a\":\"" ONE "\"}}", "twice" },
    { "{\"weight_map\":{},\"weight_map\":{}}", "twice" },
    { "{\"weight_map\":{}} x", "end of the text" },
    { "{\"weight_map\":{\"a\\u0000\":\"" ONE "\"}}", "NUL" },
  };

  write_good_folder (fixture);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      write_text (fixture, INDEX, cases[i].text);
      test_assert_refused (fixture->dir, STEER_TENSOR_ERROR_INVALID, INDEX, cases[i].word, NULL);
    }
}

static void
test_every_truncated_index (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->dir, INDEX, NULL);
  g_autofree char *text = NULL;
  gsize length;

  write_good_folder (fixture);
  g_assert_true (g_file_get_contents (path, &text, &length, NULL));
  for (gsize i = 0; i < length; i++)
    {
      g_autofree char *part = g_strndup (text, i);

      write_text (fixture, INDEX, part);
      test_assert_refused (fixture->dir, STEER_TENSOR_ERROR_INVALID, INDEX, NULL);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define ADD(name, function) g_test_add ("/safetensors-shards/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("the-tensors-of-all-shards-are-found", test_shards);
  ADD ("a-single-file-goes-before-an-index", test_single_file);
  ADD ("one-lone-file-of-another-name-is-taken", test_lone_file);
  ADD ("a-folder-without-weights-is-refused", test_empty_folder);
  ADD ("a-missing-shard-is-named", test_missing_shard);
  ADD ("a-missing-tensor-is-named-with-its-shard", test_missing_tensor);
  ADD ("a-tensor-in-another-shard-than-the-index-says-is-missing", test_tensor_in_wrong_shard);
  ADD ("the-index-decides-which-of-two-tensors-counts", test_index_decides);
  ADD ("a-shard-name-never-leads-out-of-the-folder", test_names_that_lead_out);
  ADD ("lfs-pointers-are-named-with-their-remedy", test_lfs_pointers);
  ADD ("a-truncated-shard-is-named", test_truncated_shard);
  ADD ("a-broken-index-is-refused-with-a-reason", test_broken_index);
  ADD ("every-truncation-of-the-index-is-refused", test_every_truncated_index);
  return g_test_run ();
}
