#include "steer-accessible.h"

#include <glib/gi18n.h>

/* GTK takes a button's label for its name only where it made the label itself. */
static const char *
find_text (GtkWidget *widget)
{
  const char *text = GTK_IS_LABEL (widget) ? gtk_label_get_text (GTK_LABEL (widget)) : NULL;

  if (text != NULL && *text == '\0')
    text = NULL;
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child != NULL && text == NULL;
       child = gtk_widget_get_next_sibling (child))
    text = find_text (child);
  return text;
}

static const char *
find_icon (GtkButton *button)
{
  GtkWidget *child = gtk_button_get_child (button);

  return GTK_IS_IMAGE (child) ? gtk_image_get_icon_name (GTK_IMAGE (child)) : gtk_button_get_icon_name (button);
}

static const char *
find_name (GtkWidget *widget)
{
  static const struct
  {
    const char *icon;
    const char *name;
  } names[] = {
    { "edit-find-symbolic", N_ ("Search") },
    { "go-previous-symbolic", N_ ("Back") },
    { "window-close-symbolic", N_ ("Close") },
  };
  const char *icon = GTK_IS_BUTTON (widget) ? find_icon (GTK_BUTTON (widget)) : NULL;

  if (GTK_IS_SEARCH_ENTRY (widget))
    return _ ("Search");
  if (GTK_IS_TEXT_VIEW (widget) && !gtk_text_view_get_editable (GTK_TEXT_VIEW (widget)))
    return _ ("Text");
  for (guint i = 0; icon != NULL && i < G_N_ELEMENTS (names); i++)
    if (g_str_equal (icon, names[i].icon))
      return _ (names[i].name);
  /* The title of GTK's window of shortcuts, where there is only one section to choose. */
  if (GTK_IS_MENU_BUTTON (widget) && find_text (widget) == NULL)
    return _ ("Sections");
  return (GTK_IS_BUTTON (widget) || GTK_IS_MENU_BUTTON (widget)) && icon == NULL ? find_text (widget) : NULL;
}

void
steer_accessible_set_name (GtkWidget *widget, const char *name)
{
  gtk_accessible_update_property (GTK_ACCESSIBLE (widget), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
  /* GTK 4.8 would say the label that it made after the name, and newer ones in its place. */
  gtk_accessible_reset_relation (GTK_ACCESSIBLE (widget), GTK_ACCESSIBLE_RELATION_LABELLED_BY);
}

void
steer_accessible_name_mnemonics (GtkWidget *root)
{
  if (GTK_IS_BUTTON (root) && gtk_button_get_use_underline (GTK_BUTTON (root)) && find_text (root) != NULL)
    steer_accessible_set_name (root, find_text (root));
  for (GtkWidget *child = gtk_widget_get_first_child (root); child != NULL; child = gtk_widget_get_next_sibling (child))
    steer_accessible_name_mnemonics (child);
}

void
steer_accessible_name_inner (GtkWidget *root)
{
  const char *name = find_name (root);

  if (name != NULL)
    steer_accessible_set_name (root, name);
  for (GtkWidget *child = gtk_widget_get_first_child (root); child != NULL; child = gtk_widget_get_next_sibling (child))
    steer_accessible_name_inner (child);
}
