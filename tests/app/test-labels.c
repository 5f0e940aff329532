/* What features are called: imported labels, tied to the autoencoder that they are of, and the user's own. */
#include <sqlite3.h>

#include "app-test-util.h"
#include "steer-add-feature-dialog.h"
#include "steer-firing-dialog.h"
#include "steer-sources-page.h"
#include "steer-steering-panel.h"
#include "steer-feature-row.h"
#include "test-util.h"

#include "steering/steer-sae-folder.h"

typedef struct
{
  char *dir;
  GSettings *settings;
  SteerWorkspace *workspace;
  SteerLabelBook *book; /* of the workspace */
  char *sae;            /* the id of its source */
} Fixture;

static void
copy_file (const char *from, const char *to)
{
  g_autofree char *folder = g_path_get_dirname (to), *bytes = NULL;
  gsize length;

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  g_assert_true (g_file_get_contents (from, &bytes, &length, NULL));
  g_assert_true (g_file_set_contents (to, bytes, (gssize) length, NULL));
}

static gboolean
has_sae (gpointer data)
{
  Fixture *f = data;
  g_autoptr (GPtrArray) sources = steer_library_list_sources (steer_workspace_get_library (f->workspace));

  return sources->len == 2;
}

/* The autoencoder of the tests lies in a folder that is called as its labels are; its own labels are left behind. */
static void
open_workspace (Fixture *f)
{
  g_autofree char *weights = test_fixture_path ("cli/sae/resid_post_layer_2/trainer_0/ae.pt");
  g_autofree char *config = test_fixture_path ("cli/sae/resid_post_layer_2/trainer_0/config.json");
  g_autofree char *folder = g_build_filename (f->dir, "2-resid-post-tiny", NULL);
  g_autofree char *to_weights = g_build_filename (folder, "ae.pt", NULL);
  g_autofree char *to_config = g_build_filename (folder, "config.json", NULL);
  g_autoptr (GPtrArray) sources = NULL;

  copy_file (weights, to_weights);
  copy_file (config, to_config);
  f->workspace = app_test_workspace (f->settings, f->dir, 16);
  f->book = steer_workspace_get_labels (f->workspace);
  steer_workspace_add_source (f->workspace, folder);
  test_wait_until (has_sae, f, 20);
  sources = steer_library_list_sources (steer_workspace_get_library (f->workspace));
  g_free (f->sae);
  f->sae = g_strdup (steer_vector_source_get_id (g_ptr_array_index (sources, 1)));
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->dir = test_make_dir ();
  f->settings = app_test_settings ();
  open_workspace (f);
}

static void
close_workspace (Fixture *f)
{
  g_object_run_dispose (G_OBJECT (f->workspace));
  test_assert_finalizes (f->workspace);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  app_test_settle ();
  close_workspace (f);
  g_clear_object (&f->settings);
  g_free (f->sae);
  test_remove_dir (f->dir);
}

/* {"layer": "2-@name", "index": 97, "description": "..."}, ... @pairs: index, label, ..., 0, NULL. */
static char *
write_labels (Fixture *f, const char *file, const char *name, ...)
{
  g_autoptr (GString) text = g_string_new (NULL);
  char *path = g_build_filename (f->dir, file, NULL);
  va_list pairs;

  va_start (pairs, name);
  for (;;)
    {
      guint index = va_arg (pairs, guint);
      const char *label = va_arg (pairs, const char *);

      if (label == NULL)
        break;
      g_string_append (text, "{");
      if (name != NULL)
        g_string_append_printf (text, "\"modelId\": \"tiny\", \"layer\": \"%s\", ", name);
      g_string_append_printf (text, "\"index\": %u, \"description\": \"%s\"}\n", index, label);
    }
  va_end (pairs);
  g_assert_true (g_file_set_contents (path, text->str, -1, NULL));
  return path;
}

static SteerLabelEntry *
get_entry (Fixture *f, guint position)
{
  g_autoptr (SteerLabelEntry) entry = g_list_model_get_item (steer_label_book_get_entries (f->book), position);

  return entry; /* the list keeps it */
}

/* No import is under way. */
static gboolean
is_settled (gpointer data)
{
  Fixture *f = data;
  guint n = g_list_model_get_n_items (steer_label_book_get_entries (f->book));
  SteerLabelEntry *last = n > 0 ? get_entry (f, n - 1) : NULL;

  return last != NULL && (steer_label_entry_get_id (last) != 0 || steer_label_entry_get_error (last) != NULL);
}

static void
import (Fixture *f, const char *path)
{
  steer_label_book_import (f->book, path, NULL);
  test_wait_until (is_settled, f, 20);
}

static char *
get_label (Fixture *f, guint64 index)
{
  gboolean by_user;

  return steer_label_book_dup_label (f->book, f->sae, 2, index, &by_user);
}

#define assert_label(f, index, expected)                                                                               \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    g_autofree char *label_ = get_label (f, index);                                                                    \
                                                                                                                       \
    g_assert_cmpstr (label_, ==, expected);                                                                            \
  }                                                                                                                    \
  G_STMT_END

/* (transfer none): kept by the preset. */
static SteerFeature *
use_feature (Fixture *f, guint64 index, const char *label)
{
  g_autoptr (SteerPreset) preset = app_test_preset ("Test", index, 4);
  g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (preset), 0);

  steer_feature_set_source (feature, f->sae);
  steer_feature_set_label (feature, label);
  steer_workspace_set_preset (f->workspace, preset);
  return feature;
}

static void
test_names_tell_what_labels_are_of (Fixture *f, gconstpointer data)
{
  g_autofree char *path = write_labels (f, "export.jsonl", "2-resid-post-tiny", 5, "rivers", 6, "mountains", 0, NULL);
  SteerFeature *feature = use_feature (f, 5, NULL), *named;
  SteerLabelEntry *entry;

  g_assert_cmpstr (steer_feature_get_label (feature), ==, NULL);
  import (f, path);
  entry = get_entry (f, 0);
  g_assert_true (steer_label_entry_is_known (entry));
  g_assert_cmpint (steer_label_entry_get_chosen (entry), ==, 0);
  g_assert_nonnull (strstr (steer_label_entry_get_detail (entry), "2"));
  assert_label (f, 6, "mountains");
  assert_label (f, 7, NULL);

  /* Rows without a label have one at once; a preset's own stays. */
  g_assert_cmpstr (steer_feature_get_label (feature), ==, "rivers");
  g_assert_false (steer_workspace_get_preset_modified (f->workspace));
  named = use_feature (f, 5, "streams");
  g_assert_cmpstr (steer_feature_get_label (named), ==, "streams");

  steer_label_book_remove (f->book, entry);
  while (g_list_model_get_n_items (steer_label_book_get_entries (f->book)) > 0)
    g_main_context_iteration (NULL, TRUE);
  assert_label (f, 6, NULL);
}

static void
test_what_nobody_knows_is_asked (Fixture *f, gconstpointer data)
{
  g_autofree char *path = write_labels (f, "other.jsonl", "2-some-other", 5, "rivers", 0, NULL);
  g_autofree char *elsewhere = write_labels (f, "elsewhere.jsonl", "3-some-other", 5, "brooks", 0, NULL);
  const char *title;
  guint layer;

  import (f, path);
  g_assert_false (steer_label_entry_is_known (get_entry (f, 0)));
  g_assert_cmpint (steer_label_entry_get_chosen (get_entry (f, 0)), ==, -1);
  g_assert_cmpuint (steer_label_entry_get_n_places (get_entry (f, 0)), ==, 1);
  g_assert_cmpstr (steer_label_entry_get_place (get_entry (f, 0), 0, &layer, &title), ==, f->sae);
  g_assert_cmpuint (layer, ==, 2);
  assert_label (f, 5, NULL);

  steer_label_book_choose (f->book, get_entry (f, 0), 0);
  assert_label (f, 5, "rivers");
  import (f, elsewhere);
  g_assert_cmpuint (steer_label_entry_get_n_places (get_entry (f, 1)), ==, 0);

  /* The answer is remembered. */
  close_workspace (f);
  open_workspace (f);
  test_wait_until (is_settled, f, 20);
  g_assert_true (steer_label_entry_is_known (get_entry (f, 0)));
  assert_label (f, 5, "rivers");
  steer_label_book_choose (f->book, get_entry (f, 0), -1);
  assert_label (f, 5, NULL);
  g_assert_true (steer_label_entry_is_known (get_entry (f, 0)));
}

static void
test_the_row_asks (Fixture *f, gconstpointer data)
{
  g_autofree char *path = write_labels (f, "other.jsonl", "2-some-other", 5, "rivers", 0, NULL);
  g_autoptr (GFile) file = g_file_new_for_path (path);
  GtkWidget *page = g_object_new (STEER_TYPE_SOURCES_PAGE, NULL), *row;
  GtkWindow *window;

  steer_sources_page_set_workspace (STEER_SOURCES_PAGE (page), f->workspace);
  window = app_test_show (page, 600, 700);
  steer_sources_page_import (STEER_SOURCES_PAGE (page), file);
  test_wait_until (is_settled, f, 20);
  row = app_test_find (page, ADW_TYPE_COMBO_ROW, NULL, NULL);
  g_assert_nonnull (row);
  g_assert_nonnull (app_test_find (row, GTK_TYPE_IMAGE, "icon-name", "dialog-warning-symbolic"));
  adw_combo_row_set_selected (ADW_COMBO_ROW (row), 1);
  app_test_settle ();
  assert_label (f, 5, "rivers");
  row = app_test_find (page, ADW_TYPE_COMBO_ROW, NULL, NULL);
  g_assert_null (app_test_find (row, GTK_TYPE_IMAGE, "icon-name", "dialog-warning-symbolic"));
  gtk_window_destroy (window);
}

static void
test_errors_are_told (Fixture *f, gconstpointer data)
{
  g_autofree char *broken = g_build_filename (f->dir, "broken.jsonl", NULL);
  g_autofree char *nameless = write_labels (f, "nameless.jsonl", NULL, 5, "rivers", 0, NULL);
  g_autofree char *named = write_labels (f, "2-resid-post-tiny.v1.jsonl", NULL, 6, "mountains", 0, NULL);

  g_assert_true (g_file_set_contents (broken, "{\"index\": 1}\n[]\n", -1, NULL));
  import (f, broken);
  g_assert_nonnull (strstr (steer_label_entry_get_error (get_entry (f, 0)), "broken.jsonl:2"));
  steer_label_book_remove (f->book, get_entry (f, 0));
  g_assert_cmpuint (g_list_model_get_n_items (steer_label_book_get_entries (f->book)), ==, 0);

  /* Labels that do not say what they are of: the file's name may, else it is asked for. */
  import (f, nameless);
  g_assert_true (steer_label_entry_is_nameless (get_entry (f, 0)));
  steer_label_book_remove (f->book, get_entry (f, 0));
  steer_label_book_import (f->book, nameless, "2-resid-post-tiny");
  test_wait_until (is_settled, f, 20);
  assert_label (f, 5, "rivers");
  import (f, named);
  assert_label (f, 6, "mountains");
}

static void
test_the_users_label_wins (Fixture *f, gconstpointer data)
{
  g_autofree char *path = write_labels (f, "export.jsonl", "2-resid-post-tiny", 5, "rivers", 6, "mountains", 0, NULL);
  SteerFeature *feature;

  import (f, path);
  feature = use_feature (f, 5, NULL);
  steer_feature_set_label (feature, "the Loire");
  steer_label_book_name (f->book, feature);
  assert_label (f, 5, "the Loire"); /* before it is written */

  close_workspace (f);
  open_workspace (f);
  test_wait_until (is_settled, f, 20);
  assert_label (f, 5, "the Loire");
  assert_label (f, 6, "mountains");
  feature = use_feature (f, 5, "what a file calls it");
  g_assert_cmpstr (steer_feature_get_label (feature), ==, "the Loire");

  steer_feature_set_label (feature, NULL);
  steer_label_book_name (f->book, feature);
  g_assert_cmpstr (steer_feature_get_label (feature), ==, "rivers");
}

typedef struct
{
  guint n;
  char *message; /* the last one */
} Failures;

static void
on_failed (SteerLabelBook *book, const GError *error, Failures *failures)
{
  failures->n++;
  g_free (failures->message);
  failures->message = g_strdup (error->message);
}

static gboolean
has_failed (gpointer data)
{
  return ((Failures *) data)->n > 0;
}

static void
call (Fixture *f, guint64 index, const char *label)
{
  SteerFeature *feature = use_feature (f, index, NULL);

  steer_feature_set_label (feature, label);
  steer_label_book_name (f->book, feature);
}

/* SQLite takes the file beside it away then. Before, it would find a whole database in that. */
static gboolean
is_closed (gpointer path)
{
  g_autofree char *log = g_strconcat (path, "-wal", NULL);

  return !g_file_test (log, G_FILE_TEST_EXISTS);
}

static void
test_a_database_that_does_not_open_is_told (Fixture *f, gconstpointer data)
{
  g_autofree char *path = g_build_filename (f->dir, "labels.sqlite", NULL);
  Failures failures = { 0, NULL };

  close_workspace (f);
  test_wait_until (is_closed, path, 20);
  g_assert_true (g_file_set_contents (path, "no database, and longer than the header of one", -1, NULL));
  open_workspace (f);
  g_signal_connect (f->book, "failed", G_CALLBACK (on_failed), &failures);
  call (f, 5, "the Loire");
  test_wait_until (has_failed, &failures, 20);
  g_assert_nonnull (strstr (failures.message, "labels.sqlite"));
  /* It is called so as long as the program runs. */
  assert_label (f, 5, "the Loire");
  g_free (failures.message);
}

static gboolean
has_label (gpointer data)
{
  g_autofree char *label = get_label (data, 7);

  return label != NULL;
}

static void
change_database (Fixture *f, const char *sql)
{
  g_autofree char *path = g_build_filename (f->dir, "labels.sqlite", NULL);
  sqlite3 *db;
  char *message = NULL;

  g_assert_cmpint (sqlite3_open (path, &db), ==, SQLITE_OK);
  sqlite3_busy_timeout (db, 10000);
  sqlite3_exec (db, sql, NULL, NULL, &message);
  g_assert_cmpstr (message, ==, NULL);
  sqlite3_close (db);
}

static void
test_a_label_that_is_not_kept_is_tried_again (Fixture *f, gconstpointer data)
{
  Failures failures = { 0, NULL };

  g_signal_connect (f->book, "failed", G_CALLBACK (on_failed), &failures);
  call (f, 4, "kept");
  close_workspace (f); /* which waits until it is written */
  open_workspace (f);
  g_signal_connect (f->book, "failed", G_CALLBACK (on_failed), &failures);
  change_database (f, "CREATE TRIGGER full BEFORE INSERT ON own BEGIN SELECT RAISE (ABORT, 'no room'); END");
  call (f, 5, "the Loire");
  test_wait_until (has_failed, &failures, 20);
  g_assert_nonnull (strstr (failures.message, "no room"));
  call (f, 6, "the Alps");
  call (f, 5, "the Seine");
  assert_label (f, 5, "the Seine");
  assert_label (f, 6, "the Alps");
  app_test_settle ();
  /* Told once, not at every try. */
  g_assert_cmpuint (failures.n, ==, 1);

  change_database (f, "DROP TRIGGER full");
  call (f, 7, "the Po");
  close_workspace (f);
  open_workspace (f);
  test_wait_until (has_label, f, 20);
  assert_label (f, 4, "kept");
  assert_label (f, 5, "the Seine");
  assert_label (f, 6, "the Alps");
  assert_label (f, 7, "the Po");
  g_free (failures.message);
}

/* Another autoencoder has another feature of this number. */
static void
test_the_users_label_is_of_one_source (Fixture *f, gconstpointer data)
{
  SteerFeature *feature = use_feature (f, 97, NULL);
  g_autofree char *other = NULL;
  gboolean by_user;

  steer_feature_set_label (feature, "mine");
  steer_label_book_name (f->book, feature);
  assert_label (f, 97, "mine");
  other = steer_label_book_dup_label (f->book, "letters", 2, 97, &by_user);
  g_assert_cmpstr (other, ==, NULL);
}

static gboolean
is_over (gpointer data)
{
  return g_get_monotonic_time () > *(gint64 *) data;
}

/* GTK's editable label looks a tenth of a second after it lost the focus whether it has got it back, and must live
 * until then. */
static void
let_editing_end (void)
{
  gint64 end = g_get_monotonic_time () + 300 * G_TIME_SPAN_MILLISECOND;

  test_wait_until (is_over, &end, 10);
}

static void
test_a_row_that_is_renamed_names_the_feature (Fixture *f, gconstpointer data)
{
  GtkWidget *panel = steer_steering_panel_new (f->workspace), *row, *title;
  GtkWindow *window = app_test_show (panel, 344, 700);

  use_feature (f, 5, NULL);
  app_test_settle ();
  row = app_test_find (panel, STEER_TYPE_FEATURE_ROW, NULL, NULL);
  title = app_test_find (row, GTK_TYPE_EDITABLE_LABEL, NULL, NULL);
  steer_feature_row_rename (STEER_FEATURE_ROW (row));
  gtk_editable_set_text (GTK_EDITABLE (title), "Rivers of France");
  assert_label (f, 5, NULL);
  gtk_editable_label_stop_editing (GTK_EDITABLE_LABEL (title), TRUE);
  assert_label (f, 5, "Rivers of France");

  gtk_window_set_focus (window, NULL);
  let_editing_end ();
  gtk_window_destroy (window);
}

static GListModel *
get_found (GtkWidget *dialog)
{
  GtkWidget *list = app_test_find (dialog, GTK_TYPE_LIST_VIEW, NULL, NULL);

  return G_LIST_MODEL (gtk_list_view_get_model (GTK_LIST_VIEW (list)));
}

/* "5 97": the indices of what is found for @text, in order. */
static char *
search (GtkWidget *dialog, const char *text)
{
  GtkWidget *entry = app_test_find (dialog, GTK_TYPE_SEARCH_ENTRY, NULL, NULL);
  g_autoptr (GString) found = g_string_new (NULL);

  gtk_editable_set_text (GTK_EDITABLE (entry), text);
  g_signal_emit_by_name (entry, "search-changed");
  app_test_settle ();
  for (guint i = 0; i < g_list_model_get_n_items (get_found (dialog)); i++)
    {
      g_autoptr (SteerFeature) feature = g_list_model_get_item (get_found (dialog), i);

      g_string_append_printf (found, "%s%" G_GUINT64_FORMAT, i > 0 ? " " : "", steer_feature_get_index (feature));
    }
  return g_string_free (g_steal_pointer (&found), FALSE);
}

#define assert_finds(dialog, text, expected)                                                                           \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    g_autofree char *found_ = search (dialog, text);                                                                   \
                                                                                                                       \
    g_assert_cmpstr (found_, ==, expected);                                                                            \
  }                                                                                                                    \
  G_STMT_END

static gboolean
can_add (gpointer dialog)
{
  return gtk_widget_get_sensitive (app_test_find (dialog, GTK_TYPE_BUTTON, "label", "_Add"));
}

static void
test_features_are_found_as_one_types (Fixture *f, gconstpointer data)
{
  g_autofree char *path
    = write_labels (f, "export.jsonl", "2-resid-post-tiny", 5, "the Eiffel Tower", 6, "a tower built by Eiffel", 7,
                    "towering heights", 8, "a lighthouse", 4000, "a tower that no source has", 0, NULL);
  g_autofree char *elsewhere = write_labels (f, "elsewhere.jsonl", "3-other", 5, "tower of Pisa", 0, NULL);
  GtkWidget *dialog;
  g_autoptr (SteerFeature) first = NULL;
  SteerFeature *lighthouse;

  import (f, path);
  import (f, elsewhere);
  dialog = steer_add_feature_dialog_new (NULL, steer_workspace_get_library (f->workspace), f->book);
  gtk_window_present (GTK_WINDOW (dialog));
  /* Before anything is asked for, the numbers name a feature that there is. */
  test_wait_until (can_add, dialog, 10);
  assert_finds (dialog, "eiffel tower", "5 6");
  assert_finds (dialog, "EIFF", "5 6");
  assert_finds (dialog, "\"tower built\"", "6");
  assert_finds (dialog, "\"built tower\"", "");
  assert_finds (dialog, "tow", "7 5 6"); /* what begins with it first, then the shorter */
  assert_finds (dialog, "pisa", "");     /* of an autoencoder that is not loaded */
  assert_finds (dialog, "2:97", "97");   /* the sources' own lists are searched too, and by number */

  /* What the user calls it wins, in the list and in its order. */
  lighthouse = use_feature (f, 8, NULL);
  steer_feature_set_label (lighthouse, "My Tower");
  steer_label_book_name (f->book, lighthouse);
  assert_finds (dialog, "tower", "8 7 5 6");
  assert_finds (dialog, "lighthouse", "");
  assert_finds (dialog, "my tow", "8");
  first = g_list_model_get_item (get_found (dialog), 0);
  g_assert_cmpstr (steer_feature_get_label (first), ==, "My Tower");
  g_assert_cmpstr (steer_feature_get_source (first), ==, f->sae);
  gtk_window_destroy (GTK_WINDOW (dialog));
  app_test_settle ();
}

static void
test_what_fires_is_called_by_its_label (Fixture *f, gconstpointer data)
{
  g_autofree char *path = write_labels (f, "export.jsonl", "2-resid-post-tiny", 5, "rivers", 0, NULL);
  g_autoptr (GPtrArray) sources = steer_library_list_sources (steer_workspace_get_library (f->workspace));
  SteerSae *sae = steer_sae_find (g_ptr_array_index (sources, 1), 2);
  g_autoptr (SteerFeature) feature = NULL;

  import (f, path);
  g_assert_nonnull (sae);
  feature = steer_inspector_make_feature (steer_workspace_get_inspector (f->workspace), sae, 5);
  g_assert_cmpstr (steer_feature_get_label (feature), ==, "rivers");
}

#define ADD(name, function) g_test_add ("/labels/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  app_test_init (&argc, &argv);
  ADD ("names tell what labels are of", test_names_tell_what_labels_are_of);
  ADD ("what nobody knows is asked, and the answer remembered", test_what_nobody_knows_is_asked);
  ADD ("a row of the sources asks what labels are of", test_the_row_asks);
  ADD ("what is wrong with a file is told", test_errors_are_told);
  ADD ("the user's label wins", test_the_users_label_wins);
  ADD ("the user's label is of one source", test_the_users_label_is_of_one_source);
  ADD ("a database that does not open is told when the user names a feature",
       test_a_database_that_does_not_open_is_told);
  ADD ("a label that could not be kept is told once and tried again", test_a_label_that_is_not_kept_is_tried_again);
  ADD ("a row that is renamed names the feature", test_a_row_that_is_renamed_names_the_feature);
  ADD ("features are found as one types", test_features_are_found_as_one_types);
  ADD ("what fires is called by its label", test_what_fires_is_called_by_its_label);
  return g_test_run ();
}
