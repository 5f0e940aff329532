#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define STEER_TYPE_ASIDE_LAYOUT (steer_aside_layout_get_type ())

/**
 * SteerAsideLayout: the first and the last child in a row, which are as high as the higher of them. The last is at the
 * row's end and as wide as it likes, as far as there is room, or takes all of it where it is to expand; the first has
 * what is left. A GtkBox would do the same, but to learn its height where a text wraps in it, it tries many heights for
 * the width of that text.
 */
G_DECLARE_FINAL_TYPE (SteerAsideLayout, steer_aside_layout, STEER, ASIDE_LAYOUT, GtkLayoutManager)

G_END_DECLS
