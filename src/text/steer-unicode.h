#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What the regular expressions of tokenizers distinguish. */
typedef enum
{
  STEER_CHAR_OTHER,
  STEER_CHAR_LETTER, /* \p{L} */
  STEER_CHAR_NUMBER, /* \p{N} */
  STEER_CHAR_SPACE,  /* \s */
} SteerCharClass;

/* Class of a valid code point, by the tables of steer-unicode-tables.h. Any thread. */
SteerCharClass steer_unicode_classify (gunichar character);

/* The same for many characters: the packed table, four characters a byte, and how to read it. */
const guint8 *steer_unicode_get_classes (void);

static inline SteerCharClass
steer_unicode_class_in (const guint8 *classes, gunichar character)
{
  return (SteerCharClass) (classes[character >> 2] >> ((character & 3) * 2) & 3);
}

/* \w: what counts as part of a word beside an added token that wants to be a word of its own. */
gboolean steer_unicode_is_word (gunichar character);

/* Came into Unicode after version 9.0, or never: the reference's normalization forms leave such a character alone and
 * see the end of a text in it. */
gboolean steer_unicode_is_late (gunichar character);

/* The character at @text, which must be valid UTF-8 with at least one character left; its size in bytes in @size. */
static inline gunichar
steer_utf8_get (const char *text, guint *size)
{
  const guint8 *bytes = (const guint8 *) text;

  if (bytes[0] < 0x80)
    {
      *size = 1;
      return bytes[0];
    }
  if (bytes[0] < 0xe0)
    {
      *size = 2;
      return (bytes[0] & 0x1fu) << 6 | (bytes[1] & 0x3fu);
    }
  if (bytes[0] < 0xf0)
    {
      *size = 3;
      return (bytes[0] & 0x0fu) << 12 | (bytes[1] & 0x3fu) << 6 | (bytes[2] & 0x3fu);
    }
  *size = 4;
  return (bytes[0] & 0x07u) << 18 | (bytes[1] & 0x3fu) << 12 | (bytes[2] & 0x3fu) << 6 | (bytes[3] & 0x3fu);
}

static inline gboolean
steer_utf8_is_continuation (char byte)
{
  return ((guint8) byte & 0xc0) == 0x80;
}

/* Unlike g_utf8_validate(), NUL is a character like others. */
gboolean steer_utf8_is_valid (const char *bytes, gsize length);

/* The beginning of @text (UTF-8) for a message: a few words of it, never half a character. Free with g_free(). */
char *steer_utf8_excerpt (const char *text, gsize length);

/* Appends @bytes ([length]) to @text; each maximal ill-formed part becomes one U+FFFD (Unicode 15, section 3.9, as
 * Rust's from_utf8_lossy and Python's "replace" do). Unless @final is set, an incomplete but so far well-formed
 * sequence at the end is left alone. Returns how many bytes were used. */
gsize steer_utf8_append_lossy (GString *text, const char *bytes, gsize length, gboolean final);

G_END_DECLS
