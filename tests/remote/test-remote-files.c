#include "remote/steer-remote-files.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#include "model/steer-gguf-export.h"
#include "test-model.h"
#include "test-util.h"

/* A model, and the folder that a borrower keeps of it. */
typedef struct
{
  char *lender;
  char *parent;
  char *borrower;
  SteerModel *model;
  GVariant *files; /* nullable: as the lender described them last */
  guint n_fetched;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autofree char *template = NULL;

  f->lender = test_make_dir ();
  f->parent = test_make_dir ();
  f->borrower = g_build_filename (f->parent, "remote", "sum", NULL);
  test_write_model (f->lender, &(TestModelShape){ .seed = 3 });
  template = g_build_filename (f->lender, "chat_template.jinja", NULL);
  g_assert_true (g_file_set_contents (template, "{{ messages }}", -1, NULL));
  f->model = steer_model_open (f->lender, NULL, NULL);
  g_assert_nonnull (f->model);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_object_unref (f->model);
  g_clear_pointer (&f->files, g_variant_unref);
  test_remove_dir (f->lender);
  test_remove_dir (f->parent);
  g_free (f->borrower);
}

static GVariant *
fetch (guint index, gsize max_length, gpointer data, GError **error)
{
  Fixture *f = data;
  GVariant *pieces = steer_remote_files_read_head (f->model, f->files, index, error);

  f->n_fetched++;
  g_assert_cmpuint (g_variant_get_size (pieces), <=, max_length);
  return pieces != NULL ? g_variant_ref_sink (pieces) : NULL;
}

/* The borrower's path. */
static char *
store (Fixture *f)
{
  g_autoptr (GError) error = NULL;
  GVariant *files = steer_remote_files_describe (f->model, &error);
  char *path;

  g_assert_no_error (error);
  g_clear_pointer (&f->files, g_variant_unref);
  f->files = g_variant_ref_sink (files);
  f->n_fetched = 0;
  path = steer_remote_files_store (f->files, f->borrower, fetch, f, &error);
  g_assert_no_error (error);
  return path;
}

static void
assert_same_config (SteerModel *model, SteerModel *expected)
{
  g_assert_cmpmem (steer_model_get_config (model), sizeof (SteerModelConfig), steer_model_get_config (expected),
                   sizeof (SteerModelConfig));
  g_assert_cmpuint (steer_archive_get_n_tensors (steer_model_get_archive (model)), ==,
                    steer_archive_get_n_tensors (steer_model_get_archive (expected)));
}

/* Blocks on the disk, in bytes. */
static guint64
get_allocated (const char *path)
{
  struct stat info;

  g_assert_cmpint (stat (path, &info), ==, 0);
  return (guint64) info.st_blocks * 512;
}

static void
test_folder (Fixture *f, gconstpointer data)
{
  g_autofree char *path = store (f);
  g_autofree char *weights = g_build_filename (path, "model.safetensors", NULL);
  g_autofree char *template = g_build_filename (path, "chat_template.jinja", NULL);
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerModel) model = steer_model_open (path, NULL, &error);
  const SteerTensor *embed, *expected;

  g_assert_no_error (error);
  assert_same_config (model, f->model);
  g_assert_true (g_file_get_contents (template, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "{{ messages }}");

  embed = steer_model_get_weights (model)->embed;
  expected = steer_model_get_weights (f->model)->embed;
  g_assert_cmpuint (embed->n_bytes, ==, expected->n_bytes);
  g_assert_cmpint (memcmp (embed->data, expected->data, embed->n_bytes), !=, 0);
  g_assert_cmpuint (get_allocated (weights), <, steer_archive_get_file_size (steer_model_get_archive (f->model)) / 2);
}

/* rope_freqs.weight is part of its configuration. */
static void
test_gguf (Fixture *f, gconstpointer data)
{
  g_autofree char *fixture = test_fixture_path ("cpu/llama-llama3-rope");
  g_autofree char *gguf = g_build_filename (f->lender, "tiny.gguf", NULL), *path = NULL;
  g_autoptr (SteerModel) folder = steer_model_open (fixture, NULL, NULL), model = NULL;
  g_autoptr (SteerGgufWriter) writer = steer_gguf_writer_new (gguf);
  g_autoptr (GError) error = NULL;

  steer_model_export_gguf (folder, STEER_EXPORT_F32, writer, 1, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_clear_object (&f->model);
  f->model = steer_model_open (gguf, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (steer_model_get_config (f->model)->rope_type, ==, STEER_ROPE_FACTORS);

  path = store (f);
  g_assert_true (g_str_has_suffix (path, "/tiny.gguf"));
  g_assert_cmpuint (f->n_fetched, ==, 1);
  model = steer_model_open (path, NULL, &error);
  g_assert_no_error (error);
  assert_same_config (model, f->model);
}

static void
test_once (Fixture *f, gconstpointer data)
{
  g_autofree char *first = store (f);
  guint n = f->n_fetched;
  g_autofree char *second = store (f);

  g_assert_cmpuint (n, ==, 3);
  g_assert_cmpuint (f->n_fetched, ==, 0);
  g_assert_cmpstr (first, ==, second);
}

static void
test_changed (Fixture *f, gconstpointer data)
{
  g_autofree char *first = store (f), *second = NULL;
  g_autofree char *template = g_build_filename (f->lender, "chat_template.jinja", NULL);
  g_autofree char *copy = g_build_filename (f->borrower, "chat_template.jinja", NULL), *text = NULL;

  g_assert_true (g_file_set_contents (template, "{{ message }}!", -1, NULL));
  second = store (f);
  g_assert_cmpuint (f->n_fetched, ==, 1);
  g_assert_true (g_file_get_contents (copy, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "{{ message }}!");
}

static void
make_file (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);

  g_assert_true (g_file_set_contents (path, "x", 1, NULL));
}

static gboolean
has_file (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);

  return g_file_test (path, G_FILE_TEST_EXISTS);
}

/* What the lender has no longer is not read here either. What is being written at this moment may be another program's.
 */
static void
test_gone (Fixture *f, gconstpointer data)
{
  g_autofree char *first = store (f), *second = NULL;
  g_autofree char *template = g_build_filename (f->lender, "chat_template.jinja", NULL);

  make_file (f->borrower, "model-00001-of-00002.safetensors");
  make_file (f->borrower, ".config.json.a1b2c3");
  g_assert_cmpint (g_unlink (template), ==, 0);
  second = store (f);
  g_assert_false (has_file (f->borrower, "chat_template.jinja"));
  g_assert_false (has_file (f->borrower, "model-00001-of-00002.safetensors"));
  g_assert_true (has_file (f->borrower, ".config.json.a1b2c3"));
  g_assert_true (has_file (f->borrower, "config.json"));
}

/* A folder has all kinds of things in it. */
static void
test_odd_files (Fixture *f, gconstpointer data)
{
  g_autofree char *folder = g_build_filename (f->lender, "tokenizer.json", NULL), *path = NULL;

  make_file (f->lender, "._config.json");
  make_file (f->lender, "trainer_state.json");
  g_assert_cmpint (g_mkdir (folder, 0700), ==, 0);
  path = store (f);
  g_assert_cmpuint (f->n_fetched, ==, 3);
  g_assert_false (has_file (f->borrower, "trainer_state.json"));
}

/* What the lender says of its files, in the words of the wire, is refused, and nothing is fetched. */
static void
assert_refused (Fixture *f, const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) files = g_variant_parse (G_VARIANT_TYPE ("(ssa(sttt))"), text, NULL, NULL, &error);
  g_autofree char *path = NULL;

  g_assert_no_error (error);
  f->n_fetched = 0;
  path = steer_remote_files_store (files, f->borrower, fetch, f, &error);
  g_assert_null (path);
  g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID);
  g_assert_cmpuint (f->n_fetched, ==, 0);
}

static void
test_refused (Fixture *f, gconstpointer data)
{
  assert_refused (f, "('m', '', [])");
  assert_refused (f, "('m', '', [('../config.json', 10, 1, 10)])");
  assert_refused (f, "('m', '', [('/etc/passwd', 10, 1, 10)])");
  assert_refused (f, "('m', '', [('a/b', 10, 1, 10)])");
  assert_refused (f, "('m', '', [('..', 10, 1, 10)])");
  assert_refused (f, "('m', '', [('.bashrc', 10, 1, 10)])");
  assert_refused (f, "('m', '', [('', 10, 1, 10)])");
  assert_refused (f, "('m', '', [('a.json', 10, 1, 11)])");
  assert_refused (f, "('m', '', [('a.json', 0xffffffffffffffff, 1, 10)])");
  assert_refused (f, "('m', '', [('a.json', 0xfffffffffff, 1, 0xffffffffff)])");
  assert_refused (f, "('m', '', [('a.json', 10, 1, 10), ('a.json', 10, 1, 10)])");
  assert_refused (f, "('m', 'other.gguf', [('a.gguf', 10, 1, 10)])");
}

static GVariant *
fetch_beyond (guint index, gsize max_length, gpointer data, GError **error)
{
  const char *const pieces[] = { "[(8, [byte 1, 2, 3])]", "[(0xffffffffffffffff, [byte 1, 2, 3])]" };

  return g_variant_parse (G_VARIANT_TYPE ("a(tay)"), pieces[GPOINTER_TO_UINT (data)], NULL, NULL, NULL);
}

/* Nothing is left of a file that did not become whole. */
static void
test_piece_outside (Fixture *f, gconstpointer data)
{
  g_autoptr (GVariant) files
    = g_variant_parse (G_VARIANT_TYPE ("(ssa(sttt))"), "('m', '', [('a.json', 10, 1, 10)])", NULL, NULL, NULL);

  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GDir) dir = NULL;

      g_assert_null (steer_remote_files_store (files, f->borrower, fetch_beyond, GUINT_TO_POINTER (i), &error));
      g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID);
      dir = g_dir_open (f->borrower, 0, NULL);
      g_assert_null (g_dir_read_name (dir));
    }
}

static void
test_no_such_file (Fixture *f, gconstpointer data)
{
  g_autofree char *path = store (f);
  g_autoptr (GError) error = NULL;

  g_assert_null (steer_remote_files_read_head (f->model, f->files, 3, &error));
  g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_MISSING);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD(name, function) g_test_add ("/remote-files/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("a folder arrives with holes for its weights", test_folder);
  ADD ("so does a GGUF file, with what its configuration needs", test_gguf);
  ADD ("what is there is not fetched again", test_once);
  ADD ("what has changed is", test_changed);
  ADD ("what is gone there goes here", test_gone);
  ADD ("only what is read of a folder is lent", test_odd_files);
  ADD ("names and lengths that cannot be are refused", test_refused);
  ADD ("a piece outside its file is refused", test_piece_outside);
  ADD ("the lender has no more files than it told of", test_no_such_file);
#undef ADD

  return g_test_run ();
}
