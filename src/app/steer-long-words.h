#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* Text with a word of hundreds of letters, such as an encoded picture, is broken at any letter. Pango, which looks for
 * the ends of words first, shapes all the rest of such a word anew for each of its lines: 20,000 letters take it 210 ms
 * in place of 20, whenever a width is tried. */

/* PANGO_WRAP_WORD_CHAR, or PANGO_WRAP_CHAR for text with such a word. Scripts that are broken between any two of their
 * letters have none. @text: [length] UTF-8 */
PangoWrapMode steer_long_words_choose_wrap (const char *text, gsize length);

/* From now on @view wraps so, whatever is typed into its buffer. */
void steer_long_words_follow (GtkTextView *view);

G_END_DECLS
