/* A block of code: its language, a button that copies it, and the code, which scrolls sideways and never wraps. */
#include "steer-markdown-private.h"

#include <glib/gi18n.h>
#include <string.h>

/* "python title=..." is Python. Longer names are not names. */
#define MAX_LANGUAGE_BYTES 24

#define COPIED_MS 1500

static gboolean
show_copy_again (gpointer data)
{
  gtk_button_set_icon_name (data, "edit-copy-symbolic");
  return G_SOURCE_REMOVE;
}

static void
on_copy (GtkButton *button, const char *code)
{
  gdk_clipboard_set_text (gtk_widget_get_clipboard (GTK_WIDGET (button)), code);
  gtk_button_set_icon_name (button, "object-select-symbolic");
  g_timeout_add_full (G_PRIORITY_DEFAULT, COPIED_MS, show_copy_again, g_object_ref (button), g_object_unref);
}

static GtkWidget *
make_header (const char *code, gsize length, const char *language)
{
  GtkWidget *header = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);
  gsize name_length = language != NULL ? strcspn (language, " \t\r\n{,") : 0;
  g_autofree char *name = name_length <= MAX_LANGUAGE_BYTES ? g_strndup (language, name_length) : g_strdup ("");
  GtkWidget *label = gtk_label_new (name);
  GtkWidget *button = gtk_button_new_from_icon_name ("edit-copy-symbolic");

  gtk_widget_add_css_class (header, "code-header");
  gtk_widget_add_css_class (label, "dim-label");
  gtk_widget_add_css_class (label, "caption");
  gtk_widget_set_hexpand (label, TRUE);
  gtk_label_set_xalign (GTK_LABEL (label), 0.0f);
  gtk_label_set_ellipsize (GTK_LABEL (label), PANGO_ELLIPSIZE_END);
  gtk_widget_add_css_class (button, "flat");
  gtk_widget_add_css_class (button, "message-action");
  gtk_widget_set_tooltip_text (button, _ ("Copy Code"));
  gtk_accessible_update_property (GTK_ACCESSIBLE (button), GTK_ACCESSIBLE_PROPERTY_LABEL, _ ("Copy Code"), -1);
  g_signal_connect_data (button, "clicked", G_CALLBACK (on_copy), g_strndup (code, length), (GClosureNotify) g_free, 0);
  gtk_box_append (GTK_BOX (header), label);
  gtk_box_append (GTK_BOX (header), button);
  return header;
}

GtkWidget *
steer_code_block_new (const char *code,
                      gsize length,
                      const char *language,
                      gsize source,
                      gboolean literal,
                      SteerTextStyle *style)
{
  GtkWidget *block = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);
  GtkWidget *scrolled = gtk_scrolled_window_new ();
  GArray *segments = steer_rich_text_new ();
  GtkWidget *label;

  if (length > 0)
    steer_rich_text_append (segments, code, length, 0, NULL, source, literal);
  label = steer_rich_label_new (segments, style);
  gtk_label_set_wrap (GTK_LABEL (label), FALSE);
  gtk_label_set_width_chars (GTK_LABEL (label), -1);
  gtk_widget_add_css_class (label, "code-text");
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scrolled), GTK_POLICY_AUTOMATIC, GTK_POLICY_NEVER);
  gtk_scrolled_window_set_propagate_natural_height (GTK_SCROLLED_WINDOW (scrolled), TRUE);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scrolled), label);
  gtk_widget_add_css_class (block, "code-block");
  gtk_box_append (GTK_BOX (block), make_header (code != NULL ? code : "", length, language));
  gtk_box_append (GTK_BOX (block), scrolled);
  return block;
}
