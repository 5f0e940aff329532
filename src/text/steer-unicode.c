#include "steer-unicode.h"

#include "steer-unicode-tables.h"
#include "tensor/steer-utf8.h"

#define N_CODE_POINTS 0x110000

static guint8 classes[N_CODE_POINTS / 4]; /* two bits a character; written once, in steer_unicode_get_classes() */

static void
set_class (const guint32 (*ranges)[2], gsize n_ranges, SteerCharClass class)
{
  for (gsize i = 0; i < n_ranges; i++)
    for (guint32 c = ranges[i][0]; c <= ranges[i][1]; c++)
      classes[c >> 2] |= (guint8) (class << ((c & 3) * 2));
}

const guint8 *
steer_unicode_get_classes (void)
{
  static gsize done = 0;

  if (g_once_init_enter (&done))
    {
      set_class (steer_unicode_letters, G_N_ELEMENTS (steer_unicode_letters), STEER_CHAR_LETTER);
      set_class (steer_unicode_numbers, G_N_ELEMENTS (steer_unicode_numbers), STEER_CHAR_NUMBER);
      set_class (steer_unicode_spaces, G_N_ELEMENTS (steer_unicode_spaces), STEER_CHAR_SPACE);
      g_once_init_leave (&done, 1);
    }
  return classes;
}

SteerCharClass
steer_unicode_classify (gunichar character)
{
  if (character >= N_CODE_POINTS)
    return STEER_CHAR_OTHER;
  return steer_unicode_class_in (steer_unicode_get_classes (), character);
}

gboolean
steer_unicode_is_word (gunichar character)
{
  switch (g_unichar_type (character))
    {
    case G_UNICODE_LOWERCASE_LETTER:
    case G_UNICODE_UPPERCASE_LETTER:
    case G_UNICODE_TITLECASE_LETTER:
    case G_UNICODE_MODIFIER_LETTER:
    case G_UNICODE_OTHER_LETTER:
    case G_UNICODE_NON_SPACING_MARK:
    case G_UNICODE_SPACING_MARK:
    case G_UNICODE_ENCLOSING_MARK:
    case G_UNICODE_DECIMAL_NUMBER:
    case G_UNICODE_LETTER_NUMBER:
    case G_UNICODE_CONNECT_PUNCTUATION:
      return TRUE;
    default:
      /* Join_Control, and the circled letters that are Other_Alphabetic */
      return character == 0x200c || character == 0x200d || (character >= 0x24b6 && character <= 0x24e9);
    }
}

gboolean
steer_unicode_is_late (gunichar character)
{
  gsize low = 0, high = G_N_ELEMENTS (steer_unicode_late);

  while (low < high)
    {
      gsize middle = low + (high - low) / 2;

      if (steer_unicode_late[middle][1] < character)
        low = middle + 1;
      else
        high = middle;
    }
  return low < G_N_ELEMENTS (steer_unicode_late) && steer_unicode_late[low][0] <= character;
}

gboolean
steer_utf8_is_valid (const char *bytes, gsize length)
{
  const char *bad;

  while (!g_utf8_validate_len (bytes, length, &bad))
    {
      if ((gsize) (bad - bytes) == length || *bad != '\0')
        return FALSE;
      length -= (gsize) (bad + 1 - bytes);
      bytes = bad + 1;
    }
  return TRUE;
}

#define EXCERPT 64 /* bytes */

char *
steer_utf8_excerpt (const char *text, gsize length)
{
  gsize end = MIN (length, EXCERPT);
  g_autofree char *valid = NULL;

  while (end < length && end > 0 && steer_utf8_is_continuation (text[end]))
    end--;
  valid = g_utf8_make_valid (text, (gssize) end);
  return g_strconcat (valid, end < length ? "\342\200\246" : "", NULL);
}

gsize
steer_utf8_append_lossy (GString *text, const char *bytes, gsize length, gboolean final)
{
  gsize position = 0;
  gsize good = 0; /* start of the well-formed run that has not been appended yet */

  while (position < length)
    {
      gboolean complete;
      gsize size = steer_utf8_scan ((const guint8 *) bytes + position, length - position, &complete);

      if (complete)
        {
          position += size;
          continue;
        }
      g_string_append_len (text, bytes + good, (gssize) (position - good));
      good = position;
      if (size > 0 && position + size == length && !final)
        return position;
      g_string_append (text, "\357\277\275");
      position += MAX (size, 1);
      good = position;
    }
  g_string_append_len (text, bytes + good, (gssize) (position - good));
  return position;
}
