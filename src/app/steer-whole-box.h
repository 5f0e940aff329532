#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define STEER_TYPE_WHOLE_BOX (steer_whole_box_get_type ())

/**
 * SteerWholeBox: a box that is painted as a whole when anything in it changes.
 *
 * GSK compares a frame with the one before and paints what differs, but beyond 30 rectangles it gives up and paints
 * the pane around them, or the window, which takes cairo 10 ms. Rectangles beside each other are cut at each height at
 * which one begins or ends, so that a few parts of different heights are many. For what is small, or changes in most of
 * its parts at once.
 */
G_DECLARE_FINAL_TYPE (SteerWholeBox, steer_whole_box, STEER, WHOLE_BOX, GtkBox)

/* A box around @child. */
GtkWidget *steer_whole_box_new (GtkWidget *child);

G_END_DECLS
