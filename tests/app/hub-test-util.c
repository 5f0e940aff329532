#include "hub-test-util.h"

#include <string.h>

#include "app-test-util.h"
#include "app/steer-hub-dialog.h"
#include "test-util.h"

void
hub_test_add_file (HubTest *f, const char *repo_id, const char *path, gsize length)
{
  g_autofree char *bytes = g_strnfill (length, (char) ('a' + g_str_hash (path) % 26));
  gsize n = MIN (strlen (path), length);

  memcpy (bytes, path, n);
  hub_fake_add_file (f->hub, repo_id, path, bytes, length, TRUE);
}

static void
add_repositories (HubTest *f)
{
  static const char *const files[] = { "config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors" };
  g_autofree char *vectors = test_fixture_path ("cli/vectors.safetensors");

  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *inside = g_strconcat ("cli/model/", files[i], NULL), *file = test_fixture_path (inside);

      hub_fake_add_path (f->hub, HUB_TEST_MODEL, files[i], file, g_str_has_suffix (files[i], ".safetensors"));
    }
  hub_fake_add_path (f->hub, HUB_TEST_FEATURES, "vectors.safetensors", vectors, TRUE);
  hub_test_add_file (f, HUB_TEST_GGUF, "small-Q2_K.gguf", 20000);
  hub_test_add_file (f, HUB_TEST_GGUF, "small-Q4_K_M.gguf", 40000);
  hub_test_add_file (f, HUB_TEST_GGUF, "small-Q8_0.gguf", 80000);
  hub_fake_set_info (f->hub, HUB_TEST_GGUF,
                     "{\"gguf\": {\"architecture\": \"llama\"}, \"cardData\": {\"license\": \"a <b>licence</b>\"}}");
}

void
hub_test_set_up (HubTest *f, gconstpointer data)
{
  steer_init ();
  f->dir = test_make_dir ();
  f->cache = test_make_dir ();
  f->hub = hub_fake_new ();
  add_repositories (f);
  g_setenv ("HF_ENDPOINT", hub_fake_get_endpoint (f->hub), TRUE);
  g_setenv ("HF_HUB_CACHE", f->cache, TRUE);
  g_setenv ("HF_TOKEN_PATH", "/nowhere", TRUE);
  g_unsetenv ("HF_TOKEN");
  f->settings = app_test_settings ();
  f->workspace = g_strcmp0 (data, "with a model") == 0 ? app_test_workspace (f->settings, f->dir, 8)
                                                       : steer_workspace_new (f->settings, f->dir);
  g_settings_set_string (f->settings, "device", "cpu");
  g_settings_set_uint (f->settings, "threads", 1);
  f->window = app_test_show (gtk_label_new ("parent"), 700, 700);
}

void
hub_test_tear_down (HubTest *f, gconstpointer data)
{
  if (f->dialog != NULL)
    hub_test_close_dialog (f);
  if (f->window != NULL)
    gtk_window_destroy (f->window);
  app_test_settle ();
  test_assert_finalizes (g_steal_pointer (&f->workspace));
  g_object_unref (f->settings);
  hub_fake_free (f->hub);
  test_remove_dir (f->dir);
  test_remove_dir (f->cache);
}

void
hub_test_open_dialog (HubTest *f)
{
  f->dialog = steer_hub_dialog_new (f->window, f->workspace);
  g_object_add_weak_pointer (G_OBJECT (f->dialog), (gpointer *) &f->dialog);
  gtk_window_present (GTK_WINDOW (f->dialog));
  app_test_settle ();
}

static gboolean
is_closed (gpointer data)
{
  return ((HubTest *) data)->dialog == NULL;
}

void
hub_test_close_dialog (HubTest *f)
{
  gtk_window_close (GTK_WINDOW (f->dialog));
  test_wait_until (is_closed, f, 20);
}

GtkWidget *
hub_test_get_shown (HubTest *f)
{
  return adw_leaflet_get_visible_child (ADW_LEAFLET (app_test_find (f->dialog, ADW_TYPE_LEAFLET, NULL, NULL)));
}

GtkWidget *
hub_test_find (HubTest *f, GType type, const char *property, const char *value)
{
  GtkWidget *found = app_test_find (hub_test_get_shown (f), type, property, value);

  g_assert_nonnull (found);
  return found;
}

const char *
hub_test_get_page (HubTest *f)
{
  GtkWidget *stack = hub_test_find (f, GTK_TYPE_STACK, NULL, NULL);
  const char *page = gtk_stack_get_visible_child_name (GTK_STACK (stack));

  if (g_strcmp0 (page, "results") != 0)
    return page;
  stack = app_test_find (gtk_stack_get_visible_child (GTK_STACK (stack)), GTK_TYPE_STACK, NULL, NULL);
  return gtk_stack_get_visible_child_name (GTK_STACK (stack));
}

typedef struct
{
  HubTest *f;
  const char *title; /* of a row */
  const char *wanted;
} Wish;

static gboolean
is_page (gpointer data)
{
  Wish *wish = data;

  return g_strcmp0 (hub_test_get_page (wish->f), wish->wanted) == 0;
}

void
hub_test_wait_for_page (HubTest *f, const char *page)
{
  test_wait_until (is_page, &(Wish){ f, NULL, page }, 20);
  app_test_settle ();
}

static gboolean
is_read (gpointer data)
{
  return g_strcmp0 (hub_test_get_page (data), "reading") != 0;
}

void
hub_test_open_repo (HubTest *f, const char *text)
{
  gtk_widget_activate_action (f->dialog, "hub.open", "s", text);
  test_wait_until (is_read, f, 20);
  app_test_settle ();
}

void
hub_test_type (HubTest *f, const char *text)
{
  gtk_editable_set_text (GTK_EDITABLE (hub_test_find (f, GTK_TYPE_SEARCH_ENTRY, NULL, NULL)), text);
}

GtkWidget *
hub_test_find_row (HubTest *f, const char *title)
{
  return hub_test_find (f, STEER_TYPE_HUB_ROW, "title", title);
}

const char *
hub_test_get_detail (HubTest *f, const char *title)
{
  GtkWidget *row = hub_test_find_row (f, title);

  for (GtkWidget *label = app_test_find (row, GTK_TYPE_LABEL, NULL, NULL); label != NULL;
       label = gtk_widget_get_next_sibling (label))
    if (GTK_IS_LABEL (label) && gtk_widget_has_css_class (label, "subtitle"))
      return gtk_label_get_text (GTK_LABEL (label));
  return NULL;
}

/* The last of the row; the one before leads to the repository's page. */
static GtkButton *
find_button (HubTest *f, const char *title)
{
  GtkWidget *first = app_test_find (hub_test_find_row (f, title), GTK_TYPE_BUTTON, NULL, NULL);

  return GTK_BUTTON (gtk_widget_get_last_child (gtk_widget_get_parent (first)));
}

const char *
hub_test_get_label (HubTest *f, const char *title)
{
  return gtk_button_get_label (find_button (f, title));
}

static gboolean
has_label (gpointer data)
{
  Wish *wish = data;

  return g_strcmp0 (hub_test_get_label (wish->f, wish->title), wish->wanted) == 0;
}

void
hub_test_wait_for_label (HubTest *f, const char *title, const char *label)
{
  test_wait_until (has_label, &(Wish){ f, title, label }, 30);
}

void
hub_test_press (HubTest *f, const char *title, const char *label, const char *then)
{
  GtkButton *button = find_button (f, title);

  g_assert_cmpstr (gtk_button_get_label (button), ==, label);
  g_assert_true (gtk_widget_is_sensitive (GTK_WIDGET (button)) && gtk_widget_get_mapped (GTK_WIDGET (button)));
  g_signal_emit_by_name (button, "clicked");
  if (then != NULL)
    hub_test_wait_for_label (f, title, then);
}

SteerDownload *
hub_test_get_download (HubTest *f)
{
  GListModel *list = steer_downloads_get_list (steer_workspace_get_downloads (f->workspace));
  g_autoptr (SteerDownload) download = g_list_model_get_item (list, 0);

  return download; /* the list holds it */
}
