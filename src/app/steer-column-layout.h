#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define STEER_TYPE_COLUMN_LAYOUT (steer_column_layout_get_type ())

/**
 * SteerColumnLayout: one child, in a viewport that scrolls up and down. What wants to know its height says for which
 * width; without one it is 0. GTK's scrolled windows ask without one before every layout and ignore the answer, for
 * which each label would lay out its text twice.
 */
G_DECLARE_FINAL_TYPE (SteerColumnLayout, steer_column_layout, STEER, COLUMN_LAYOUT, GtkLayoutManager)

G_END_DECLS
