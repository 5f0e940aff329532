#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define STEER_TYPE_WRAP_LAYOUT (steer_wrap_layout_get_type ())

/**
 * SteerWrapLayout: children in a row that goes on in the next line where the width ends, as words do.
 * Properties: spacing (int), align-end (boolean: lines end at the right side instead of beginning at the left).
 */
G_DECLARE_FINAL_TYPE (SteerWrapLayout, steer_wrap_layout, STEER, WRAP_LAYOUT, GtkLayoutManager)

G_END_DECLS
