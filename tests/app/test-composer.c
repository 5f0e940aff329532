#include "steer-composer.h"

#include "app-test-util.h"
#include "steer-context-gauge.h"
#include "test-util.h"

typedef struct
{
  char *dir;
  GSettings *settings;
  SteerWorkspace *workspace;
  SteerChat *chat;
  GtkWidget *composer;
  GtkWindow *window;
} Fixture;

static void
set_up (Fixture *f, gconstpointer max_tokens)
{
  f->dir = test_make_dir ();
  f->settings = app_test_settings ();
  f->workspace = max_tokens != NULL ? app_test_workspace (f->settings, f->dir, GPOINTER_TO_UINT (max_tokens))
                                    : steer_workspace_new (f->settings, f->dir);
  f->chat = steer_chat_new (f->workspace);
  f->composer = steer_composer_new (f->chat);
  f->window = app_test_show (f->composer, 600, 200);
}

static gboolean
is_idle (gpointer chat)
{
  return !steer_chat_get_writing (chat);
}

static void
tear_down (Fixture *f, gconstpointer max_tokens)
{
  if (f->window != NULL)
    gtk_window_destroy (f->window);
  steer_chat_stop_all (f->chat);
  test_wait_until (is_idle, f->chat, 30);
  app_test_settle ();
  test_assert_finalizes (f->chat);
  test_assert_finalizes (f->workspace);
  g_clear_object (&f->settings);
  test_remove_dir (f->dir);
}

static GtkTextBuffer *
get_buffer (Fixture *f)
{
  return gtk_text_view_get_buffer (GTK_TEXT_VIEW (app_test_find (f->composer, GTK_TYPE_TEXT_VIEW, NULL, NULL)));
}

static void
assert_text (Fixture *f, const char *expected)
{
  GtkTextIter start, end;
  g_autofree char *text = NULL;

  gtk_text_buffer_get_bounds (get_buffer (f), &start, &end);
  text = gtk_text_buffer_get_text (get_buffer (f), &start, &end, FALSE);
  g_assert_cmpstr (text, ==, expected);
}

static GtkWidget *
get_button (Fixture *f, const char *tooltip)
{
  GtkWidget *button = app_test_find (f->composer, GTK_TYPE_BUTTON, "tooltip-text", tooltip);

  g_assert_nonnull (button);
  return button;
}

static gboolean
is_draft_kept (gpointer chat)
{
  return *steer_conversation_get_draft (steer_chat_get_conversation (chat)) != '\0';
}

static void
test_send (Fixture *f, gconstpointer data)
{
  SteerConversation *conversation = steer_chat_get_conversation (f->chat);
  g_autoptr (SteerMessage) message = NULL;

  g_assert_false (gtk_widget_get_sensitive (get_button (f, "Send (Enter)")));
  gtk_text_buffer_set_text (get_buffer (f), "  \n ", -1);
  g_assert_false (gtk_widget_get_sensitive (get_button (f, "Send (Enter)")));
  gtk_text_buffer_set_text (get_buffer (f), "Hello\nthere", -1);
  g_assert_true (gtk_widget_get_sensitive (get_button (f, "Send (Enter)")));
  g_assert_true (gtk_widget_activate_action (f->composer, "composer.send", NULL));
  message = g_list_model_get_item (G_LIST_MODEL (conversation), 0);
  g_assert_cmpstr (steer_message_get_text (message), ==, "Hello\nthere");
  assert_text (f, "");
  g_assert_cmpstr (steer_conversation_get_draft (conversation), ==, "");
}

static void
test_stop (Fixture *f, gconstpointer data)
{
  GtkWidget *stop = get_button (f, "Stop (Escape)");

  g_assert_false (gtk_widget_get_sensitive (stop));
  steer_composer_set_text (STEER_COMPOSER (f->composer), "Hello");
  gtk_widget_activate_action (f->composer, "composer.send", NULL);
  g_assert_true (gtk_widget_get_child_visible (stop));
  g_assert_true (gtk_widget_get_sensitive (stop));
  gtk_widget_activate_action (f->composer, "composer.stop", NULL);
  test_wait_until (is_idle, f->chat, 30);
  g_assert_false (gtk_widget_get_sensitive (stop));
}

static void
test_refused (Fixture *f, gconstpointer data)
{
  steer_composer_set_text (STEER_COMPOSER (f->composer), "Hello");
  g_assert_false (gtk_widget_get_sensitive (get_button (f, "Send (Enter)")));
  gtk_widget_activate_action (f->composer, "composer.send", NULL);
  assert_text (f, "Hello");
}

static void
test_draft (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerConversation) first = g_object_ref (steer_chat_get_conversation (f->chat));
  g_autoptr (SteerConversation) second = steer_conversation_new ();

  gtk_text_buffer_set_text (get_buffer (f), "half a thought", -1);
  test_wait_until (is_draft_kept, f->chat, 5);
  g_assert_cmpstr (steer_conversation_get_draft (first), ==, "half a thought");
  /* Another conversation has its own, and what was typed a moment ago is not lost by going there. */
  gtk_text_buffer_set_text (get_buffer (f), "a whole thought", -1);
  steer_chat_set_conversation (f->chat, second);
  assert_text (f, "");
  g_assert_cmpstr (steer_conversation_get_draft (first), ==, "a whole thought");
  steer_chat_set_conversation (f->chat, first);
  assert_text (f, "a whole thought");
  g_assert_cmpstr (steer_conversation_get_draft (second), ==, "");
}

/* The padding of the entry is not of its height. */
static gboolean
is_draft_whole (gpointer entry)
{
  int needed;

  gtk_widget_measure (entry, GTK_ORIENTATION_VERTICAL, gtk_widget_get_width (entry), NULL, &needed, NULL, NULL);
  return gtk_widget_get_height (gtk_widget_get_parent (entry)) >= needed;
}

/* What is there before the first frame as well as what comes between two of them. */
static void
test_draft_is_whole (Fixture *f, gconstpointer data)
{
  steer_conversation_set_draft (steer_chat_get_conversation (f->chat), "half a thought, typing");
  for (guint n_before = 0; n_before < 12; n_before++)
    {
      gtk_window_destroy (f->window);
      f->composer = steer_composer_new (f->chat);
      gtk_widget_set_valign (f->composer, GTK_ALIGN_END);
      f->window = app_test_show (f->composer, 600, 200);
      test_wait_until (is_draft_whole, app_test_find (f->composer, GTK_TYPE_TEXT_VIEW, NULL, NULL), 5);
    }
}

static void
test_draft_at_the_end (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerConversation) conversation = g_object_ref (steer_chat_get_conversation (f->chat));

  gtk_text_buffer_set_text (get_buffer (f), "last words", -1);
  gtk_window_destroy (g_steal_pointer (&f->window));
  app_test_settle ();
  g_assert_cmpstr (steer_conversation_get_draft (conversation), ==, "last words");
}

static void
test_gauge (Fixture *f, gconstpointer data)
{
  GtkWidget *gauge = steer_context_gauge_new ();
  g_autoptr (GtkTooltip) tooltip = g_object_new (GTK_TYPE_TOOLTIP, NULL);
  gboolean tells = FALSE;
  GtkWindow *window;

  g_assert_false (gtk_widget_get_visible (gauge));
  g_object_set (gauge, "size", 1000, "used", 850, NULL);
  window = app_test_show (gauge, 100, 100);
  gtk_test_accessible_assert_role (GTK_ACCESSIBLE (gauge), GTK_ACCESSIBLE_ROLE_METER);
  gtk_test_accessible_assert_property (GTK_ACCESSIBLE (gauge), GTK_ACCESSIBLE_PROPERTY_VALUE_NOW, 850.0);
  gtk_test_accessible_assert_property (GTK_ACCESSIBLE (gauge), GTK_ACCESSIBLE_PROPERTY_VALUE_MAX, 1000.0);
  gtk_test_accessible_assert_property (GTK_ACCESSIBLE (gauge), GTK_ACCESSIBLE_PROPERTY_VALUE_TEXT,
                                       "850 of 1000 tokens of context used");
  g_signal_emit_by_name (gauge, "query-tooltip", 0, 0, FALSE, tooltip, &tells);
  g_assert_true (gtk_widget_get_has_tooltip (gauge));
  g_assert_true (tells);
  g_assert_true (gtk_widget_has_css_class (gauge, "warning"));
  g_object_set (gauge, "used", 2000, NULL);
  g_assert_true (gtk_widget_has_css_class (gauge, "error"));
  g_assert_false (gtk_widget_has_css_class (gauge, "warning"));
  gtk_test_accessible_assert_property (GTK_ACCESSIBLE (gauge), GTK_ACCESSIBLE_PROPERTY_VALUE_NOW, 1000.0);
  gtk_window_destroy (window);
}

static void
test_names (Fixture *f, gconstpointer data)
{
  GtkWidget *entry = app_test_find (f->composer, GTK_TYPE_TEXT_VIEW, NULL, NULL);

  gtk_test_accessible_assert_property (GTK_ACCESSIBLE (entry), GTK_ACCESSIBLE_PROPERTY_LABEL, "Message");
  gtk_test_accessible_assert_property (GTK_ACCESSIBLE (get_button (f, "Send (Enter)")), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                       "Send");
  gtk_test_accessible_assert_property (GTK_ACCESSIBLE (get_button (f, "Stop (Escape)")), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                       "Stop");
}

/* The hint that is seen; none of it is cut off, whatever the width. (transfer none) */
static const char *
get_hint (Fixture *f, int width)
{
  AdwSqueezer *squeezer = ADW_SQUEEZER (app_test_find (f->composer, ADW_TYPE_SQUEEZER, NULL, NULL));
  GtkWidget *shown;

  gtk_window_set_default_size (f->window, width, 200);
  app_test_settle ();
  shown = adw_squeezer_get_visible_child (squeezer);
  g_assert_cmpint (gtk_widget_get_width (shown), <=, gtk_widget_get_width (GTK_WIDGET (squeezer)));
  return gtk_label_get_text (GTK_LABEL (shown));
}

static void
test_hint (Fixture *f, gconstpointer max_tokens)
{
  g_assert_nonnull (strstr (get_hint (f, 800), "Shift+Enter"));
  g_assert_null (strstr (get_hint (f, 360), "Shift"));
  g_assert_true (g_str_has_prefix (get_hint (f, 360), "Message"));
  g_assert_nonnull (strstr (get_hint (f, 800), "Shift+Enter"));
}

/* @tokens: the longest reply; 0: without a model */
#define ADD(name, tokens, function)                                                                                    \
  g_test_add ("/composer/" name, Fixture, GUINT_TO_POINTER (tokens), set_up, function, tear_down)

int
main (int argc, char **argv)
{
  app_test_init (&argc, &argv);
  ADD ("what-is-sent-leaves-the-entry", 20, test_send);
  ADD ("a-running-reply-can-be-stopped", 8000, test_stop);
  ADD ("what-cannot-be-sent-stays", 0, test_refused);
  ADD ("each-conversation-has-its-draft", 0, test_draft);
  ADD ("a-draft-that-comes-back-is-seen-whole", 0, test_draft_is_whole);
  ADD ("closing-keeps-the-draft", 0, test_draft_at_the_end);
  ADD ("the-gauge-tells-its-value", 0, test_gauge);
  ADD ("the-hint-fits", 0, test_hint);
  ADD ("everything-has-a-name", 0, test_names);
  return g_test_run ();
}
