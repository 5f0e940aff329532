#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define STEER_TYPE_ASIDE_LAYOUT (steer_aside_layout_get_type ())

/**
 * SteerAsideLayout: the first and the last child in a row. The last is at its end, as wide as it likes as far as there
 * is room, or all of it where it is to expand; the first, which is narrow, has what is left and is centred in the
 * height. A GtkBox would do the same, but to learn how high a box in a row is it tries many heights for the width of a
 * text.
 */
G_DECLARE_FINAL_TYPE (SteerAsideLayout, steer_aside_layout, STEER, ASIDE_LAYOUT, GtkLayoutManager)

G_END_DECLS
