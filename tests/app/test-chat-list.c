/* The list of chats: opening, searching, renaming, deleting, importing. */
#include "app-test-util.h"
#include "test-util.h"

#include "app/steer-chat-list.h"
#include "app/steer-chat-row.h"

typedef struct
{
  char *dir;
  GSettings *settings;
  SteerWorkspace *workspace;
  SteerStore *store;
  SteerChat *chat;
  GtkWidget *list;
  GtkWindow *window;
  AdwToast *toast; /* the last one */
} Fixture;

static void
on_toast (SteerChatList *list, AdwToast *toast, Fixture *f)
{
  g_set_object (&f->toast, toast);
}

/* (transfer none) by then: the store's list holds the entry, the caller the conversation. */
static SteerConversation *
add_chat (Fixture *f, const char *question, const char *answer)
{
  SteerConversation *conversation = steer_store_create (f->store);

  steer_conversation_append (conversation, STEER_ROLE_USER, question);
  steer_conversation_append (conversation, STEER_ROLE_ASSISTANT, answer);
  return conversation;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerConversation) bread = NULL, pirate = NULL;

  f->dir = test_make_dir ();
  f->settings = app_test_settings ();
  f->workspace = steer_workspace_new (f->settings, f->dir);
  f->store = steer_workspace_get_store (f->workspace);
  g_assert_nonnull (f->store);
  if (data != NULL)
    {
      bread = add_chat (f, "Bread for beginners", "Warm water, flour, patience");
      pirate = add_chat (f, "The sea, as a pirate", "Arr, the salt be in me beard");
    }
  f->chat = steer_chat_new (f->workspace);
  f->list = steer_chat_list_new (f->chat);
  g_signal_connect (f->list, "toast", G_CALLBACK (on_toast), f);
  f->window = app_test_show (f->list, 260, 600);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_clear_object (&f->toast);
  gtk_window_destroy (f->window);
  app_test_settle ();
  test_assert_finalizes (f->chat);
  test_assert_finalizes (f->workspace);
  g_clear_object (&f->settings);
  test_remove_dir (f->dir);
}

static GtkWidget *
find_row (Fixture *f, const char *title)
{
  GtkWidget *label = app_test_find (f->list, GTK_TYPE_LABEL, "label", title);

  return label != NULL && gtk_widget_get_mapped (label) ? gtk_widget_get_ancestor (label, STEER_TYPE_CHAT_ROW) : NULL;
}

static gboolean
is_pirate_open (gpointer data)
{
  Fixture *f = data;

  return g_strcmp0 (steer_conversation_get_title (steer_chat_get_conversation (f->chat)), "The sea, as a pirate") == 0;
}

static gboolean
is_bread_open (gpointer data)
{
  Fixture *f = data;

  return g_strcmp0 (steer_conversation_get_title (steer_chat_get_conversation (f->chat)), "Bread for beginners") == 0;
}

static void
test_shows (Fixture *f, gconstpointer data)
{
  g_assert_nonnull (find_row (f, "Bread for beginners"));
  g_assert_nonnull (app_test_find (f->list, GTK_TYPE_LABEL, "label", "Warm water, flour, patience"));
  g_assert_nonnull (find_row (f, "The sea, as a pirate"));
}

static void
test_opens (Fixture *f, gconstpointer data)
{
  /* Newest first: a step forward from none is the newest. */
  steer_chat_list_step (STEER_CHAT_LIST (f->list), +1);
  test_wait_until (is_pirate_open, f, 10);
  steer_chat_list_step (STEER_CHAT_LIST (f->list), +1);
  test_wait_until (is_bread_open, f, 10);
  steer_chat_list_step (STEER_CHAT_LIST (f->list), +1);
  app_test_settle ();
  g_assert_true (is_bread_open (f));
}

static void
test_tab_comes_to_the_open_chat (Fixture *f, gconstpointer data)
{
  GtkWidget *search = app_test_find (f->list, GTK_TYPE_SEARCH_ENTRY, NULL, NULL);
  GtkWidget *row = find_row (f, "Bread for beginners");

  steer_chat_list_step (STEER_CHAT_LIST (f->list), +1);
  test_wait_until (is_pirate_open, f, 10);
  steer_chat_list_step (STEER_CHAT_LIST (f->list), +1);
  test_wait_until (is_bread_open, f, 10);
  app_test_settle ();
  gtk_widget_grab_focus (search);
  gtk_widget_child_focus (f->list, GTK_DIR_TAB_FORWARD);
  g_assert_true (gtk_window_get_focus (f->window) == gtk_widget_get_parent (row));
  g_assert_true (is_bread_open (f));
  /* The next one leaves the list. */
  g_assert_false (gtk_widget_child_focus (f->list, GTK_DIR_TAB_FORWARD));
}

static gboolean
is_searching (gpointer data)
{
  gboolean searching;

  g_object_get (((Fixture *) data)->list, "searching", &searching, NULL);
  return searching;
}

static gboolean
is_not_searching (gpointer data)
{
  return !is_searching (data);
}

static void
test_searches (Fixture *f, gconstpointer data)
{
  GtkWidget *search = app_test_find (f->list, GTK_TYPE_SEARCH_ENTRY, NULL, NULL);
  guint n_items;

  gtk_editable_set_text (GTK_EDITABLE (search), "bear");
  test_wait_until (is_searching, f, 10);
  app_test_settle ();
  g_object_get (f->list, "n-items", &n_items, NULL);
  g_assert_cmpuint (n_items, ==, 1);
  g_assert_nonnull (find_row (f, "The sea, as a pirate"));
  g_assert_nonnull (app_test_find (f->list, GTK_TYPE_LABEL, "label", "Arr, the salt be in me <b>beard</b>"));

  gtk_editable_set_text (GTK_EDITABLE (search), "");
  test_wait_until (is_not_searching, f, 10);
  g_object_get (f->list, "n-items", &n_items, NULL);
  g_assert_cmpuint (n_items, ==, 2);
}

static void
test_nothing_found (Fixture *f, gconstpointer data)
{
  GtkWidget *search = app_test_find (f->list, GTK_TYPE_SEARCH_ENTRY, NULL, NULL);
  GtkWidget *title;

  gtk_editable_set_text (GTK_EDITABLE (search), "xylophone");
  test_wait_until (is_searching, f, 10);
  app_test_settle ();
  title = app_test_find (f->list, GTK_TYPE_LABEL, "label", "Nothing Found");
  g_assert_nonnull (title);
  g_assert_true (gtk_widget_get_mapped (title));
}

static void
test_empty (Fixture *f, gconstpointer data)
{
  GtkWidget *title = app_test_find (f->list, GTK_TYPE_LABEL, "label", "No Chats Yet");

  g_assert_nonnull (title);
  g_assert_true (gtk_widget_get_mapped (title));
}

static void
test_deletes (Fixture *f, gconstpointer data)
{
  SteerChatRow *row = STEER_CHAT_ROW (find_row (f, "The sea, as a pirate"));
  AdwToast *toast;

  steer_chat_list_step (STEER_CHAT_LIST (f->list), +1);
  test_wait_until (is_pirate_open, f, 10);
  gtk_widget_activate_action (GTK_WIDGET (row), "row.delete", NULL);
  toast = f->toast;
  /* A key that repeats finds the row still there. */
  gtk_widget_activate_action (GTK_WIDGET (row), "row.delete", NULL);
  g_assert_true (f->toast == toast);
  app_test_settle ();
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (f->store)), ==, 1);
  g_assert_null (find_row (f, "The sea, as a pirate"));
  /* Nobody goes on writing into what is deleted. */
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (steer_chat_get_conversation (f->chat))), ==, 0);
  g_assert_cmpstr (adw_toast_get_button_label (f->toast), ==, "_Undo");

  g_signal_emit_by_name (f->toast, "button-clicked");
  test_wait_until (is_pirate_open, f, 10);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (f->store)), ==, 2);
}

static gboolean
has_toast (gpointer data)
{
  return ((Fixture *) data)->toast != NULL;
}

static void
test_imports_no_file_without_end (Fixture *f, gconstpointer data)
{
  g_autoptr (GFile) zeros = g_file_new_for_path ("/dev/zero");

  steer_chat_list_import (STEER_CHAT_LIST (f->list), zeros);
  test_wait_until (has_toast, f, 20);
  g_assert_nonnull (strstr (adw_toast_get_title (f->toast), "larger than 256 MiB"));
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (f->store)), ==, 0);
}

static guint
count_rows (Fixture *f)
{
  guint n_items;

  g_object_get (f->list, "n-items", &n_items, NULL);
  return n_items;
}

static gboolean
has_one_row (gpointer data)
{
  return is_searching (data) && count_rows (data) == 1;
}

static gboolean
has_no_row (gpointer data)
{
  return is_searching (data) && count_rows (data) == 0;
}

static void
search_for (Fixture *f, const char *words)
{
  gtk_editable_set_text (GTK_EDITABLE (app_test_find (f->list, GTK_TYPE_SEARCH_ENTRY, NULL, NULL)), words);
}

static void
test_deletes_in_search (Fixture *f, gconstpointer data)
{
  search_for (f, "bear");
  test_wait_until (has_one_row, f, 10);
  app_test_settle ();
  gtk_widget_activate_action (find_row (f, "The sea, as a pirate"), "row.delete", NULL);
  g_assert_cmpuint (count_rows (f), ==, 0);
  g_assert_true (is_searching (f));
  app_test_settle ();
  g_assert_null (find_row (f, "The sea, as a pirate"));

  g_signal_emit_by_name (f->toast, "button-clicked");
  g_assert_cmpuint (count_rows (f), ==, 1);
  app_test_settle ();
  g_assert_nonnull (find_row (f, "The sea, as a pirate"));
}

/* What was looked for meanwhile. */
static void
test_undo_in_later_search (Fixture *f, gconstpointer data)
{
  gtk_widget_activate_action (find_row (f, "The sea, as a pirate"), "row.delete", NULL);
  search_for (f, "bear");
  test_wait_until (has_no_row, f, 10);
  g_signal_emit_by_name (f->toast, "button-clicked");
  test_wait_until (has_one_row, f, 10);
}

static gboolean
is_refused (gpointer data)
{
  return g_str_has_prefix (adw_toast_get_title (((Fixture *) data)->toast), "The chat could not be opened");
}

/* Whoever was quicker than its row. */
static void
test_deleted_does_not_open (Fixture *f, gconstpointer data)
{
  gtk_widget_activate_action (find_row (f, "The sea, as a pirate"), "row.delete", NULL);
  steer_chat_list_step (STEER_CHAT_LIST (f->list), +1);
  test_wait_until (is_refused, f, 10);
  g_assert_false (is_pirate_open (f));
}

static void
test_selection (Fixture *f, gconstpointer data)
{
  GtkWidget *view = app_test_find (f->list, GTK_TYPE_LIST_VIEW, NULL, NULL);
  GtkSingleSelection *selection = GTK_SINGLE_SELECTION (gtk_list_view_get_model (GTK_LIST_VIEW (view)));
  SteerChatEntry *entry;

  g_assert_null (gtk_single_selection_get_selected_item (selection));
  steer_chat_list_step (STEER_CHAT_LIST (f->list), +1);
  steer_chat_list_step (STEER_CHAT_LIST (f->list), +1);
  test_wait_until (is_bread_open, f, 10);
  /* What is written to moves to the top, and the selection with it. */
  steer_conversation_append (steer_chat_get_conversation (f->chat), STEER_ROLE_USER, "And rolls?");
  app_test_settle ();
  entry = gtk_single_selection_get_selected_item (selection);
  g_assert_nonnull (entry);
  g_assert_cmpstr (steer_chat_entry_get_title (entry), ==, "Bread for beginners");
  g_assert_cmpuint (gtk_single_selection_get_selected (selection), ==, 0);

  steer_chat_start_new (f->chat);
  g_assert_null (gtk_single_selection_get_selected_item (selection));
}

static void
test_accessible (Fixture *f, gconstpointer data)
{
  GtkWidget *search = app_test_find (f->list, GTK_TYPE_SEARCH_ENTRY, NULL, NULL);
  GtkWidget *view = app_test_find (f->list, GTK_TYPE_LIST_VIEW, NULL, NULL);

  gtk_test_accessible_assert_property (GTK_ACCESSIBLE (search), GTK_ACCESSIBLE_PROPERTY_LABEL, "Search chats");
  gtk_test_accessible_assert_property (GTK_ACCESSIBLE (view), GTK_ACCESSIBLE_PROPERTY_LABEL, "Chats");
  g_assert_cmpint (gtk_accessible_get_accessible_role (GTK_ACCESSIBLE (view)), ==, GTK_ACCESSIBLE_ROLE_LIST);
}

static void
test_rows_are_told_apart (Fixture *f, gconstpointer data)
{
  GtkWidget *row = find_row (f, "Bread for beginners");
  GtkWidget *menu = app_test_find (row, GTK_TYPE_MENU_BUTTON, NULL, NULL);

  gtk_test_accessible_assert_property (GTK_ACCESSIBLE (gtk_widget_get_parent (row)), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                       "Bread for beginners");
  gtk_test_accessible_assert_property (GTK_ACCESSIBLE (menu), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                       "Menu of Bread for beginners");
  /* Enter on a row opens it: nothing inside takes the focus away from it. */
  g_assert_true (gtk_widget_grab_focus (gtk_widget_get_parent (row)));
  g_assert_true (gtk_window_get_focus (f->window) == gtk_widget_get_parent (row));
}

#define ADD(path, chats, function) g_test_add (path, Fixture, GINT_TO_POINTER (chats), set_up, function, tear_down)

int
main (int argc, char **argv)
{
  app_test_init (&argc, &argv);

  ADD ("/chat-list/each chat shows its title and how it ends", TRUE, test_shows);
  ADD ("/chat-list/stepping opens the chats in their order", TRUE, test_opens);
  ADD ("/chat-list/tab comes to the open chat", TRUE, test_tab_comes_to_the_open_chat);
  ADD ("/chat-list/a search shows the hit emphasised and an empty one all chats", TRUE, test_searches);
  ADD ("/chat-list/a search without a hit says so", TRUE, test_nothing_found);
  ADD ("/chat-list/without chats it says so", FALSE, test_empty);
  ADD ("/chat-list/a deleted chat comes back with undo", TRUE, test_deletes);
  ADD ("/chat-list/a file without end is refused once it is too large", FALSE, test_imports_no_file_without_end);
  ADD ("/chat-list/a deleted chat leaves what was found and comes back with undo", TRUE, test_deletes_in_search);
  ADD ("/chat-list/undo brings a chat into a search made without it", TRUE, test_undo_in_later_search);
  ADD ("/chat-list/a deleted chat does not open", TRUE, test_deleted_does_not_open);
  ADD ("/chat-list/the selected row is the chat that is open wherever it moves", TRUE, test_selection);
  ADD ("/chat-list/its controls have names", TRUE, test_accessible);
  ADD ("/chat-list/its rows are told apart, and take the focus", TRUE, test_rows_are_told_apart);
  return g_test_run ();
}
