#include "steer-label-row.h"

#include <glib/gi18n.h>

#include "steer-accessible.h"
#include "steer-dialogs.h"

/* What the handlers of a row need; lives as long as it. */
typedef struct
{
  SteerLabelBook *book;
  SteerLabelEntry *entry;
} Subject;

static void
subject_free (gpointer data)
{
  Subject *subject = data;

  g_object_unref (subject->book);
  g_object_unref (subject->entry);
  g_free (subject);
}

static Subject *
subject_copy (const Subject *subject)
{
  Subject *copy = g_new0 (Subject, 1);

  copy->book = g_object_ref (subject->book);
  copy->entry = g_object_ref (subject->entry);
  return copy;
}

static Subject *
get_subject (gpointer row)
{
  return g_object_get_data (row, "steer-subject");
}

static void
on_confirmed (GObject *source, GAsyncResult *result, gpointer data)
{
  Subject *subject = data;

  if (steer_dialog_confirm_finish (result, NULL))
    steer_label_book_remove (subject->book, subject->entry);
  subject_free (subject);
}

static void
on_remove (GtkButton *button, GtkWidget *row)
{
  Subject *subject = get_subject (row);
  g_autofree char *heading = NULL;

  if (steer_label_entry_get_id (subject->entry) == 0)
    {
      steer_label_book_remove (subject->book, subject->entry);
      return;
    }
  heading = g_strdup_printf (_ ("Remove the Labels “%s”?"), steer_label_entry_get_title (subject->entry));
  steer_dialog_confirm_async (GTK_WINDOW (gtk_widget_get_root (row)), heading,
                              _ ("Those that you gave yourself stay. The file can be imported again."), _ ("_Remove"),
                              TRUE, on_confirmed, subject_copy (subject));
}

static gboolean
choose_selected (gpointer row)
{
  Subject *subject = get_subject (row);
  int place = (int) adw_combo_row_get_selected (row) - 1;

  if (place != steer_label_entry_get_chosen (subject->entry))
    steer_label_book_choose (subject->book, subject->entry, place);
  return G_SOURCE_REMOVE;
}

/* Later: the choice makes the list anew, and the row is not to go while its own popover tells of it. */
static void
on_selected (GtkWidget *row)
{
  g_idle_add_full (G_PRIORITY_DEFAULT, choose_selected, g_object_ref (row), g_object_unref);
}

/* Where nobody can know, the first line asks. */
static GListModel *
list_places (SteerLabelEntry *entry)
{
  GtkStringList *list = gtk_string_list_new (NULL);

  gtk_string_list_append (list, steer_label_entry_is_known (entry) ? _ ("Not used") : _ ("Choose what they are of…"));
  for (guint i = 0; i < steer_label_entry_get_n_places (entry); i++)
    {
      const char *title;

      steer_label_entry_get_place (entry, i, NULL, &title);
      gtk_string_list_append (list, title);
    }
  return G_LIST_MODEL (list);
}

static GtkWidget *
make_combo (SteerLabelEntry *entry)
{
  GtkWidget *row = adw_combo_row_new ();
  g_autoptr (GListModel) places = list_places (entry);

  adw_combo_row_set_model (ADW_COMBO_ROW (row), places);
  adw_combo_row_set_selected (ADW_COMBO_ROW (row), (guint) (steer_label_entry_get_chosen (entry) + 1));
  g_signal_connect (row, "notify::selected", G_CALLBACK (on_selected), NULL);
  return row;
}

static void
on_named (GObject *source, GAsyncResult *result, gpointer data)
{
  Subject *subject = data;
  g_autofree char *name = steer_dialog_ask_text_finish (result, NULL);

  if (name != NULL)
    {
      steer_label_book_remove (subject->book, subject->entry);
      steer_label_book_import (subject->book, steer_label_entry_get_path (subject->entry), name);
    }
  subject_free (subject);
}

static void
on_name (GtkButton *button, GtkWidget *row)
{
  steer_dialog_ask_text_async (GTK_WINDOW (gtk_widget_get_root (row)), _ ("Which Autoencoder Are They Of?"),
                               _ ("Its layer and a name, as in “15-resid-post-aa”"), NULL, _ ("_Import"), on_named,
                               subject_copy (get_subject (row)));
}

/* Of labels that do not say what they are of. */
static void
add_name_button (GtkWidget *row)
{
  GtkWidget *button = gtk_button_new_with_mnemonic (_ ("_Tell…"));

  gtk_widget_set_valign (button, GTK_ALIGN_CENTER);
  g_signal_connect_object (button, "clicked", G_CALLBACK (on_name), row, 0);
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), button);
}

static void
add_warning (GtkWidget *row)
{
  GtkWidget *warning = gtk_image_new_from_icon_name ("dialog-warning-symbolic");

  gtk_widget_add_css_class (warning, "warning");
  adw_action_row_add_prefix (ADW_ACTION_ROW (row), warning);
}

static void
show (GtkWidget *row, SteerLabelEntry *entry, gboolean is_unused)
{
  const char *error = steer_label_entry_get_error (entry);
  const char *detail = steer_label_entry_get_detail (entry);
  g_autofree char *unused
    = is_unused ? g_strdup_printf (_ ("%s · no loaded autoencoder is of this layer"), detail) : NULL;
  g_autofree char *subtitle = g_markup_escape_text (error != NULL ? error : unused != NULL ? unused : detail, -1);

  adw_action_row_set_subtitle (ADW_ACTION_ROW (row), subtitle);
}

static void
on_entry_notify (SteerLabelEntry *entry, GParamSpec *pspec, GtkWidget *row)
{
  show (row, entry, FALSE);
  if (!g_str_equal (pspec->name, "error"))
    return;
  add_warning (row);
  if (steer_label_entry_is_nameless (entry))
    add_name_button (row);
}

GtkWidget *
steer_label_row_new (SteerLabelBook *book, SteerLabelEntry *entry)
{
  gboolean has_places = steer_label_entry_get_n_places (entry) > 0;
  GtkWidget *row = has_places ? make_combo (entry) : adw_action_row_new ();
  GtkWidget *button = gtk_button_new_from_icon_name ("user-trash-symbolic");
  g_autofree char *title = g_markup_escape_text (steer_label_entry_get_title (entry), -1);
  g_autofree char *name = g_strdup_printf (_ ("Remove %s"), steer_label_entry_get_title (entry));
  Subject *subject = g_new0 (Subject, 1);

  subject->book = g_object_ref (book);
  subject->entry = g_object_ref (entry);
  g_object_set_data_full (G_OBJECT (row), "steer-subject", subject, subject_free);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), title);
  show (row, entry, !has_places && steer_label_entry_get_id (entry) != 0);
  if (steer_label_entry_get_error (entry) != NULL || (has_places && !steer_label_entry_is_known (entry)))
    add_warning (row);
  if (steer_label_entry_is_nameless (entry))
    add_name_button (row);
  g_signal_connect_object (entry, "notify::detail", G_CALLBACK (on_entry_notify), row, 0);
  g_signal_connect_object (entry, "notify::error", G_CALLBACK (on_entry_notify), row, 0);

  gtk_widget_set_valign (button, GTK_ALIGN_CENTER);
  gtk_widget_set_tooltip_text (button, _ ("Remove"));
  gtk_widget_add_css_class (button, "flat");
  steer_accessible_set_name (GTK_WIDGET (button), name);
  g_signal_connect_object (button, "clicked", G_CALLBACK (on_remove), row, 0);
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), button);
  return row;
}
