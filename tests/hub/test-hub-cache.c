/* The cache's layout, as other programs expect it, and what of it is whole. */
#include "hub/steer-hub-cache.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test-util.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define OTHER "89abcdef0123456789abcdef0123456789abcdef"

/* Puts a blob of @size bytes there and links it. */
static void
add (const char *cache, const char *repo_id, const char *commit, const char *path, gsize size)
{
  g_autofree char *sum = g_compute_checksum_for_string (G_CHECKSUM_SHA256, path, -1);
  g_autofree char *blob = steer_hub_cache_dup_blob_path (cache, repo_id, sum), *folder = g_path_get_dirname (blob);
  g_autofree char *bytes = g_strnfill (size, 'x');
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_mkdir_with_parents (folder, 0777), ==, 0);
  g_assert_true (g_file_set_contents (blob, bytes, (gssize) size, &error));
  g_assert_true (steer_hub_cache_link (cache, repo_id, commit, path, sum, &error));
  g_assert_no_error (error);
}

static void
set_ref (const char *cache, const char *repo_id, const char *revision, const char *commit)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (steer_hub_cache_set_ref (cache, repo_id, revision, commit, &error));
  g_assert_no_error (error);
}

/* "REPO:NAME" of each, joined. */
static char *
list (const char *cache)
{
  g_autoptr (GPtrArray) held = steer_hub_cache_list (cache, NULL);
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < held->len; i++)
    {
      const SteerHubHeld *one = g_ptr_array_index (held, i);

      g_assert_true (g_file_test (one->path, G_FILE_TEST_EXISTS));
      g_string_append_printf (text, "%s%s:%s", i > 0 ? " " : "", one->repo_id, one->name);
    }
  return g_strdup (text->str);
}

/* Read from huggingface_hub, which made such a folder. */
static void
test_layout (void)
{
  g_autofree char *cache = test_make_dir ();
  g_autofree char *blob = steer_hub_cache_dup_blob_path (cache, "o/n", "abc");
  g_autofree char *lock = steer_hub_cache_dup_lock_path (cache, "o/n", "abc");
  g_autofree char *link_path = g_build_filename (cache, "models--o--n/snapshots", COMMIT, "a/b.pt", NULL);
  g_autofree char *ref_path = g_build_filename (cache, "models--o--n/refs/main", NULL), *text = NULL, *ref = NULL;
  g_autofree char *pr_path = g_build_filename (cache, "models--o--n/refs/refs/pr/7", NULL);

  g_assert_true (g_str_has_prefix (blob, cache));
  g_assert_cmpstr (blob + strlen (cache), ==, "/models--o--n/blobs/abc");
  g_assert_cmpstr (lock + strlen (cache), ==, "/.locks/models--o--n/abc.lock");
  add (cache, "o/n", COMMIT, "a/b.pt", 3);
  text = g_file_read_link (link_path, NULL);
  g_assert_true (g_str_has_prefix (text, "../../../blobs/"));
  set_ref (cache, "o/n", "main", COMMIT);
  g_assert_true (g_file_get_contents (ref_path, &ref, NULL, NULL));
  g_assert_cmpstr (ref, ==, COMMIT);
  set_ref (cache, "o/n", "refs/pr/7", COMMIT);
  g_assert_true (g_file_test (pr_path, G_FILE_TEST_IS_REGULAR));
  test_remove_dir (g_steal_pointer (&cache));
}

static void
test_default_path (void)
{
  if (g_test_subprocess ())
    {
      g_autofree char *path = steer_hub_cache_dup_default_path ();

      g_print ("%s\n", path);
      return;
    }
  {
    g_autofree char *in_home = g_strdup_printf ("*%s/c\n*", g_get_home_dir ());
    const struct
    {
      const char *cache;
      const char *home;
      const char *expected;
    } cases[] = {
      { "/c", "/h", "*/c\n*" },   { NULL, "/h", "*/h/hub\n*" },
      { "", "/h", "*/h/hub\n*" }, { "$XDG_CACHE_HOME/${HF_HOME}/c$", "h", "*/x/h/c$\n*" },
      { "~/c", NULL, in_home },   { NULL, NULL, "*/x/huggingface/hub\n*" },
    };

    for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
      {
        g_unsetenv ("HUGGINGFACE_HUB_CACHE");
        if (cases[i].cache != NULL)
          g_setenv ("HF_HUB_CACHE", cases[i].cache, TRUE);
        else
          g_unsetenv ("HF_HUB_CACHE");
        if (cases[i].home != NULL)
          g_setenv ("HF_HOME", cases[i].home, TRUE);
        else
          g_unsetenv ("HF_HOME");
        g_setenv ("XDG_CACHE_HOME", "/x", TRUE);
        g_test_trap_subprocess (NULL, 0, 0);
        g_test_trap_assert_passed ();
        g_test_trap_assert_stdout (cases[i].expected);
      }
  }
}

/* Whatever lies in the place of a file that names a commit. */
static void
test_read_ref (void)
{
  g_autofree char *cache = test_make_dir (), *path = g_build_filename (cache, "main", NULL), *found = NULL;
  g_autofree char *long_text = g_strnfill (1000, 'a');

  g_assert_null (steer_hub_cache_read_ref (path));
  g_assert_true (g_file_set_contents (path, COMMIT "\n", -1, NULL));
  found = steer_hub_cache_read_ref (path);
  g_assert_cmpstr (found, ==, COMMIT);
  g_assert_true (g_file_set_contents (path, long_text, -1, NULL));
  g_assert_null (steer_hub_cache_read_ref (path));
  g_assert_cmpint (g_unlink (path), ==, 0);
  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  g_assert_null (steer_hub_cache_read_ref (path)); /* and waits for nobody */
  g_assert_cmpint (g_unlink (path), ==, 0);
  g_assert_cmpint (symlink ("/dev/zero", path), ==, 0);
  g_assert_null (steer_hub_cache_read_ref (path));
  test_remove_dir (g_steal_pointer (&cache));
}

static void
test_list (void)
{
  g_autofree char *cache = test_make_dir (), *found = NULL, *blob = NULL, *sum = NULL;

  found = list (cache);
  g_assert_cmpstr (found, ==, "");
  add (cache, "o/model", COMMIT, "config.json", 3);
  add (cache, "o/model", COMMIT, "tokenizer.json", 3);
  add (cache, "o/model", COMMIT, "model.safetensors", 30);
  set_ref (cache, "o/model", "main", COMMIT);
  add (cache, "o/sae", COMMIT, "layer_7/ae.pt", 30); /* no revision: all snapshots */
  add (cache, "O/gguf", COMMIT, "m-q4.gguf", 30);
  g_clear_pointer (&found, g_free);
  found = list (cache);
  g_assert_cmpstr (found, ==, "O/gguf:m-q4 o/model:safetensors o/sae:layer_7");

  /* a link whose blob is not there yet */
  sum = g_compute_checksum_for_string (G_CHECKSUM_SHA256, "model.safetensors", -1);
  blob = steer_hub_cache_dup_blob_path (cache, "o/model", sum);
  g_assert_cmpint (g_unlink (blob), ==, 0);
  g_clear_pointer (&found, g_free);
  found = list (cache);
  g_assert_cmpstr (found, ==, "O/gguf:m-q4 o/sae:layer_7");
  test_remove_dir (g_steal_pointer (&cache));
}

/* What a commit brought that no revision is at any more is there all the same; of two of a name the revision's counts.
 */
static void
test_list_old (void)
{
  g_autofree char *cache = test_make_dir (), *found = NULL;
  g_autoptr (GPtrArray) held = NULL;

  add (cache, "o/n", COMMIT, "old.gguf", 3);
  add (cache, "o/n", COMMIT, "both.gguf", 3);
  add (cache, "o/n", OTHER, "both.gguf", 3);
  set_ref (cache, "o/n", "main", OTHER);
  found = list (cache);
  g_assert_cmpstr (found, ==, "o/n:both o/n:old");
  held = steer_hub_cache_list (cache, NULL);
  g_assert_nonnull (strstr (((SteerHubHeld *) g_ptr_array_index (held, 0))->path, OTHER));
  test_remove_dir (g_steal_pointer (&cache));
}

/* Whatever else lies there, a loop of links included. */
static void
test_list_strange (void)
{
  g_autofree char *cache = test_make_dir (), *found = NULL, *loop = NULL, *file = NULL, *folder = NULL;

  add (cache, "o/n", COMMIT, "m.gguf", 3);
  loop = g_build_filename (cache, "models--o--n/snapshots", COMMIT, "loop", NULL);
  g_assert_cmpint (symlink (".", loop), ==, 0);
  folder = g_build_filename (cache, "models--..--x", "snapshots", COMMIT, NULL);
  g_assert_cmpint (g_mkdir_with_parents (folder, 0777), ==, 0);
  file = g_build_filename (cache, "models--a--b", NULL);
  g_assert_true (g_file_set_contents (file, "x", 1, NULL));
  found = list (cache);
  g_assert_cmpstr (found, ==, "o/n:m");
  test_remove_dir (g_steal_pointer (&cache));
}

/* A link that says something else is replaced, as is a file in its place. */
static void
test_relink (void)
{
  g_autofree char *cache = test_make_dir (), *snapshot = steer_hub_cache_dup_snapshot_path (cache, "o/n", COMMIT);
  g_autofree char *path = g_build_filename (snapshot, "m.gguf", NULL), *text = NULL;
  g_autoptr (GError) error = NULL;

  add (cache, "o/n", COMMIT, "m.gguf", 3);
  g_assert_cmpint (g_unlink (path), ==, 0);
  g_assert_true (g_file_set_contents (path, "x", 1, NULL));
  add (cache, "o/n", COMMIT, "m.gguf", 3);
  text = g_file_read_link (path, NULL);
  g_assert_nonnull (text);

  /* a folder cannot be */
  g_assert_cmpint (g_unlink (path), ==, 0);
  g_assert_cmpint (g_mkdir (path, 0777), ==, 0);
  g_assert_false (steer_hub_cache_link (cache, "o/n", COMMIT, "m.gguf", "abc", &error));
  g_assert_cmpuint (error->domain, ==, G_FILE_ERROR);
  test_remove_dir (g_steal_pointer (&cache));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/hub/cache/layout", test_layout);
  g_test_add_func ("/hub/cache/default-path", test_default_path);
  g_test_add_func ("/hub/cache/read-ref", test_read_ref);
  g_test_add_func ("/hub/cache/list", test_list);
  g_test_add_func ("/hub/cache/list-old", test_list_old);
  g_test_add_func ("/hub/cache/list-strange", test_list_strange);
  g_test_add_func ("/hub/cache/relink", test_relink);
  return g_test_run ();
}
