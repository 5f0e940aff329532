#pragma once

#include <gtk/gtk.h>

#include "steer-workspace.h"

G_BEGIN_DECLS

/* A list box of the presets on disk, under headings; the one in use has a mark, and one that cannot be read says why.
 * Activating a row activates `steering.load` with its path. */

/* Fills @list; it follows the folder and the preset in use. */
void steer_preset_menu_fill (GtkListBox *list, SteerWorkspace *workspace);

/* A popover with such a list in it. */
GtkWidget *steer_preset_menu_new (SteerWorkspace *workspace);

G_END_DECLS
