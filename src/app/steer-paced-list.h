#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define STEER_TYPE_PACED_LIST (steer_paced_list_get_type ())

/**
 * SteerPacedList: a list whose items' widgets are expensive. Where many come at once, a few are there at once and a few
 * more with each frame of a widget, until it is the whole of the other list; what comes singly is there at once.
 */
G_DECLARE_FINAL_TYPE (SteerPacedList, steer_paced_list, STEER, PACED_LIST, GObject)

/* @widget: must outlive the list. @n_a_frame: at least 1. */
SteerPacedList *steer_paced_list_new (GListModel *model, GtkWidget *widget, guint n_a_frame);

/* Item @position of the other list is needed now. */
void steer_paced_list_reach (SteerPacedList *self, guint position);

G_END_DECLS
