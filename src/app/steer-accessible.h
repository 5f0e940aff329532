#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* What assistive technology calls a widget, whatever label it shows. */
void steer_accessible_set_name (GtkWidget *widget, const char *name);

/* Gives names to the icon buttons and search entries inside of widgets that are not ours: those of libadwaita have
 * none, and assistive technology would call them by their class. Widgets with an icon it does not know stay as they
 * are. */
void steer_accessible_name_inner (GtkWidget *root);

/* Names the buttons at and below @root that have a mnemonic: GTK 4.8 says their label twice, once with its underline.
 */
void steer_accessible_name_mnemonics (GtkWidget *root);

G_END_DECLS
