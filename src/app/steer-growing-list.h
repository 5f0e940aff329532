#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/**
 * steer_growing_list_new:
 * @model: (nullable) (transfer none)
 * @scrolled: what shows the list
 *
 * The first items of @model, and more of them as the end of what @scrolled shows comes near. A list makes a widget for
 * every item that it is given, or for two hundred of them, and all at once: with a thousand chats that takes as long as
 * starting the program. Lives as long as its last reference; @scrolled may go before.
 */
GtkSliceListModel *steer_growing_list_new (GListModel *model, GtkScrolledWindow *scrolled);

/* Shows the item at @position, and some behind it, without waiting for the end to come near. */
void steer_growing_list_reach (GtkSliceListModel *self, guint position);

/* Shows another model from its beginning. */
void steer_growing_list_set_model (GtkSliceListModel *self, GListModel *model);

G_END_DECLS
