#include "steer-long-words.h"

#include <string.h>

/* Letters. No language has such words, and nearly no address is so long. */
#define LONG 400

/* From here on are the scripts of East Asia, which need no spaces to be broken. */
#define FIRST_EAST_ASIAN 0x2e80

PangoWrapMode
steer_long_words_choose_wrap (const char *text, gsize length)
{
  const char *end = text + length;
  guint n = 0;

  for (const char *p = text; p < end; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      n = c >= FIRST_EAST_ASIAN || g_unichar_isspace (c) ? 0 : n + 1;
      if (n > LONG)
        return PANGO_WRAP_CHAR;
    }
  return PANGO_WRAP_WORD_CHAR;
}

static void
on_changed (GtkTextBuffer *buffer, GtkTextView *view)
{
  g_autofree char *text = NULL;
  GtkWrapMode mode;

  g_object_get (buffer, "text", &text, NULL);
  mode = steer_long_words_choose_wrap (text, strlen (text)) == PANGO_WRAP_CHAR ? GTK_WRAP_CHAR : GTK_WRAP_WORD_CHAR;
  if (gtk_text_view_get_wrap_mode (view) != mode)
    gtk_text_view_set_wrap_mode (view, mode);
}

void
steer_long_words_follow (GtkTextView *view)
{
  GtkTextBuffer *buffer = gtk_text_view_get_buffer (view);

  g_return_if_fail (GTK_IS_TEXT_VIEW (view));

  g_signal_connect_object (buffer, "changed", G_CALLBACK (on_changed), view, 0);
  on_changed (buffer, view);
}
