#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

#define STEER_TYPE_TAB_STOP (steer_tab_stop_get_type ())

/**
 * SteerTabStop: a bin around a list that Tab comes to and leaves again at once. In a GtkListView of GTK before 4.18 Tab
 * goes through all rows, which may be thousands; arrows still do. Tab comes to the selected row, where the list has a
 * widget for it; GtkListView would take its first row, or the one that had the focus last.
 */
G_DECLARE_FINAL_TYPE (SteerTabStop, steer_tab_stop, STEER, TAB_STOP, AdwBin)

G_END_DECLS
