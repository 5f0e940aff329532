#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define STEER_TYPE_LINES_EDIT (steer_lines_edit_get_type ())

/**
 * SteerLinesEdit:
 *
 * A card in which one writes a list: examples, prompts, one a line. It grows with what is in it, up to a height.
 *
 * Properties: label (string: what assistive technology calls it). Signal: `changed`.
 */
G_DECLARE_FINAL_TYPE (SteerLinesEdit, steer_lines_edit, STEER, LINES_EDIT, GtkWidget)

/* @lines: (nullable), NULL-terminated. */
void steer_lines_edit_set_lines (SteerLinesEdit *self, const char *const *lines);

/* The lines that say something, without space around them. NULL-terminated; free with g_strfreev(). */
char **steer_lines_edit_dup_lines (SteerLinesEdit *self);

/* One writes there from now on. */
void steer_lines_edit_focus (SteerLinesEdit *self);

G_END_DECLS
