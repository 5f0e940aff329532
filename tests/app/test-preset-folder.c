#include "steer-preset-folder.h"

#include <glib/gstdio.h>
#include <string.h>

#include "app-test-util.h"
#include "test-util.h"

typedef struct
{
  char *dir;
  char *bundled;
  char *user;
  SteerPresetFolder *folder;
} Fixture;

static void
write_file (const char *dir, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (dir, name, NULL);

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->dir = test_make_dir ();
  fixture->bundled = g_build_filename (fixture->dir, "bundled", NULL);
  fixture->user = g_build_filename (fixture->dir, "data", "presets", NULL);
  g_assert_cmpint (g_mkdir (fixture->bundled, 0755), ==, 0);
  write_file (fixture->bundled, "zoo.yaml", "version: 1\nname: Zoo\n");
  write_file (fixture->bundled, "README.md", "not a preset");
  fixture->folder = steer_preset_folder_new (fixture->bundled, fixture->user);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_assert_finalize_object (fixture->folder);
  g_free (fixture->bundled);
  g_free (fixture->user);
  test_remove_dir (fixture->dir);
}

static SteerPresetEntry *
get (Fixture *fixture, guint position)
{
  SteerPresetEntry *entry = g_list_model_get_item (G_LIST_MODEL (fixture->folder), position);

  g_assert_nonnull (entry);
  g_object_unref (entry);
  return entry;
}

static void
assert_names (Fixture *fixture, const char *expected)
{
  g_autoptr (GString) names = g_string_new (NULL);

  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (fixture->folder)); i++)
    g_string_append_printf (names, "%s%s", i > 0 ? "|" : "", steer_preset_entry_get_name (get (fixture, i)));
  g_assert_cmpstr (names->str, ==, expected);
}

static char *
save (Fixture *fixture, const char *name)
{
  g_autoptr (SteerPreset) preset = steer_preset_new ();

  steer_preset_set_name (preset, name);
  return app_test_keep_preset (fixture->folder, preset);
}

static void
test_lists_own_then_bundled_by_name (Fixture *fixture, gconstpointer data)
{
  g_free (save (fixture, "Sea"));
  g_free (save (fixture, "apple"));
  assert_names (fixture, "apple|Sea|Zoo");
  g_assert_false (steer_preset_entry_get_bundled (get (fixture, 0)));
  g_assert_true (steer_preset_entry_get_bundled (get (fixture, 2)));
}

static gboolean
has_two (gpointer folder)
{
  return g_list_model_get_n_items (folder) == 2;
}

static gboolean
has_one (gpointer folder)
{
  return g_list_model_get_n_items (folder) == 1;
}

static gboolean
is_renamed (gpointer entry)
{
  return g_str_equal (steer_preset_entry_get_name (entry), "Ocean");
}

static void
test_sees_files_change_on_disk (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->user, "by-hand.yaml", NULL);

  write_file (fixture->user, "by-hand.yaml", "version: 1\nname: Sea\n");
  test_wait_until (has_two, fixture->folder, 10);
  assert_names (fixture, "Sea|Zoo");
  write_file (fixture->user, "by-hand.yaml", "version: 1\nname: Ocean\n");
  test_wait_until (is_renamed, get (fixture, 0), 10);
  g_assert_cmpint (g_unlink (path), ==, 0);
  test_wait_until (has_one, fixture->folder, 10);
}

static void
test_lists_a_broken_file_with_its_reason (Fixture *fixture, gconstpointer data)
{
  write_file (fixture->user, "broken.yaml", "version: 1\nfeatures: 7\n");
  steer_preset_folder_refresh (fixture->folder);
  assert_names (fixture, "broken|Zoo");
  g_assert_nonnull (strstr (steer_preset_entry_get_error (get (fixture, 0)), "broken.yaml:2:11"));
  g_assert_null (steer_preset_entry_get_error (get (fixture, 1)));
}

static void
on_items_changed (GListModel *model, guint position, guint removed, guint added, guint *n)
{
  *n = *n - removed + added;
  g_assert_cmpuint (*n, ==, g_list_model_get_n_items (model));
}

static void
test_keeps_entries_and_tells_what_changed (Fixture *fixture, gconstpointer data)
{
  SteerPresetEntry *zoo = get (fixture, 0);
  guint n = 1;

  g_signal_connect (fixture->folder, "items-changed", G_CALLBACK (on_items_changed), &n);
  g_free (save (fixture, "b"));
  g_free (save (fixture, "a"));
  g_free (save (fixture, "c"));
  g_assert_cmpuint (n, ==, 4);
  g_assert_true (get (fixture, 3) == zoo);
  steer_preset_folder_refresh (fixture->folder);
  g_assert_cmpuint (n, ==, 4);
}

static void
test_makes_safe_file_names (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *name;
    const char *stem;
  } cases[] = { { "Eiffel Tower", "Eiffel Tower" },
                { "../../etc/passwd", "-.-..-etc-passwd" },
                { ".hidden", "-hidden" },
                { "a/b\\c:d*e?f\"g<h>i|j\nk", "a-b-c-d-e-f-g-h-i-j-k" },
                { "  ", "preset" },
                { "", "preset" },
                { NULL, "preset" },
                { "Türme 塔", "Türme 塔" } };
  g_autofree char *path = save (fixture, "../out");
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *repeated = g_strnfill (5000, 'x');
  g_autofree char *cut = steer_preset_folder_make_stem (repeated);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *stem = steer_preset_folder_make_stem (cases[i].name);

      g_assert_cmpstr (stem, ==, cases[i].stem);
    }
  g_assert_cmpstr (folder, ==, fixture->user);
  g_assert_cmpuint (strlen (cut), <, 200);
}

static void
test_renames_file_and_preset (Fixture *fixture, gconstpointer data)
{
  g_autofree char *old = save (fixture, "Sea");
  g_autoptr (GError) error = NULL;

  g_free (save (fixture, "Zebra"));
  g_assert_true (steer_preset_folder_rename (fixture->folder, get (fixture, 0), "Ocean", &error));
  assert_names (fixture, "Ocean|Zebra|Zoo");
  g_assert_false (g_file_test (old, G_FILE_TEST_EXISTS));
  g_assert_false (steer_preset_folder_rename (fixture->folder, get (fixture, 0), "Zebra", &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_EXIST);
  g_clear_error (&error);
  g_assert_false (steer_preset_folder_rename (fixture->folder, get (fixture, 2), "Mine", &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_READ_ONLY);
  assert_names (fixture, "Ocean|Zebra|Zoo");
}

static void
test_deletes_and_brings_back (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = save (fixture, "Sea");
  g_autofree char *token = NULL;
  g_autoptr (GError) error = NULL;

  token = steer_preset_folder_delete (fixture->folder, get (fixture, 0), &error);
  g_assert_no_error (error);
  assert_names (fixture, "Zoo");
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  g_assert_true (steer_preset_folder_undelete (fixture->folder, token, &error));
  assert_names (fixture, "Sea|Zoo");
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
  g_assert_false (steer_preset_folder_undelete (fixture->folder, token, &error));
  g_assert_nonnull (error);
  g_clear_error (&error);
  g_assert_null (steer_preset_folder_delete (fixture->folder, get (fixture, 1), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_READ_ONLY);
}

static void
test_brings_back_beside_a_newer_one (Fixture *fixture, gconstpointer data)
{
  g_autofree char *token = NULL;

  g_free (save (fixture, "Sea"));
  token = steer_preset_folder_delete (fixture->folder, get (fixture, 0), NULL);
  g_free (save (fixture, "Sea"));
  g_assert_true (steer_preset_folder_undelete (fixture->folder, token, NULL));
  assert_names (fixture, "Sea|Sea|Zoo");
}

static void
test_imports_under_a_free_name (Fixture *fixture, gconstpointer data)
{
  g_autofree char *outside = g_build_filename (fixture->dir, "demo.yaml", NULL);
  g_autofree char *first = NULL, *second = NULL;
  g_autoptr (GError) error = NULL;

  write_file (fixture->dir, "demo.yaml", "reduced_strengths: true\nfeatures: [[15, 21576, 0.5]]\n");
  first = steer_preset_folder_import (fixture->folder, outside, &error);
  second = steer_preset_folder_import (fixture->folder, outside, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (first, !=, second);
  assert_names (fixture, "demo|demo 2|Zoo");
  g_assert_true (steer_preset_folder_find (fixture->folder, second) == get (fixture, 1));
  write_file (fixture->dir, "demo.yaml", "[");
  g_assert_null (steer_preset_folder_import (fixture->folder, outside, &error));
  g_assert_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID);
}

static void
test_works_without_bundled_presets (void)
{
  char *dir = test_make_dir ();
  g_autoptr (SteerPresetFolder) folder = steer_preset_folder_new (NULL, dir);

  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (folder)), ==, 0);
  test_remove_dir (dir);
}

#define ADD(name, function) g_test_add ("/preset folder/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  ADD ("lists the user's presets, then the bundled ones, by name", test_lists_own_then_bundled_by_name);
  ADD ("sees files change on disk", test_sees_files_change_on_disk);
  ADD ("lists a broken file with its reason", test_lists_a_broken_file_with_its_reason);
  ADD ("keeps its entries and tells what changed", test_keeps_entries_and_tells_what_changed);
  ADD ("makes safe file names", test_makes_safe_file_names);
  ADD ("renames file and preset, but no bundled one", test_renames_file_and_preset);
  ADD ("deletes and brings back, but no bundled one", test_deletes_and_brings_back);
  ADD ("brings back beside a newer one of that name", test_brings_back_beside_a_newer_one);
  ADD ("imports under a name that is free", test_imports_under_a_free_name);
  g_test_add_func ("/preset folder/works without bundled presets", test_works_without_bundled_presets);
  return g_test_run ();
}
