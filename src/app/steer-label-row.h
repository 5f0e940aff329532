#pragma once

#include <adwaita.h>

#include "steer-label-book.h"

G_BEGIN_DECLS

/* A row of the list of labels: what was imported, with the choice of what it belongs to and a button to remove it, or
 * an import under way or gone wrong. */
GtkWidget *steer_label_row_new (SteerLabelBook *book, SteerLabelEntry *entry);

G_END_DECLS
