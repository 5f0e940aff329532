#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define STEER_TYPE_SEEN_BOX (steer_seen_box_get_type ())

/**
 * SteerSeenBox: a box that draws only those of its children that are seen in the viewport around it.
 *
 * GTK draws what is beyond a viewport's edges, too: it makes its nodes, compares them with those of the frame before
 * and has cairo find that each is outside. It looks upwards and downwards only; without a viewport around it, the box
 * draws all children.
 */
G_DECLARE_FINAL_TYPE (SteerSeenBox, steer_seen_box, STEER, SEEN_BOX, GtkBox)

G_END_DECLS
