#include "steer-split-scanner.h"

#include "steer-unicode.h"

#include <string.h>

static const char *const patterns[STEER_N_SPLITS] = {
  [STEER_SPLIT_GPT2] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
  [STEER_SPLIT_LLAMA3] = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"
                         " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  [STEER_SPLIT_QWEN2] = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|"
                        " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
};

const char *
steer_split_kind_get_pattern (SteerSplitKind kind)
{
  return patterns[kind];
}

gboolean
steer_split_kind_from_pattern (const char *pattern, SteerSplitKind *kind)
{
  for (guint i = 0; i < STEER_N_SPLITS; i++)
    if (strcmp (pattern, patterns[i]) == 0)
      {
        *kind = (SteerSplitKind) i;
        return TRUE;
      }
  return FALSE;
}

typedef struct
{
  const guint8 *classes;
  const char *text; /* [length] */
  gsize length;
} Scanner;

static inline SteerCharClass
class_at (const Scanner *scanner, gsize position, guint *size)
{
  return steer_unicode_class_in (scanner->classes, steer_utf8_get (scanner->text + position, size));
}

/* End of the run of @class that begins at @position, of at most @max_characters. */
static inline gsize
run_end (const Scanner *scanner, gsize position, SteerCharClass class, guint max_characters)
{
  while (position < scanner->length && max_characters > 0)
    {
      guint size;

      if (class_at (scanner, position, &size) != class)
        break;
      position += size;
      max_characters--;
    }
  return position;
}

/* 's|'t|'re|'ve|'m|'ll|'d at the apostrophe at @position; the end, or 0. */
static gsize
contraction_end (const Scanner *scanner, gsize position, gboolean any_case)
{
  const char *at = scanner->text + position + 1;
  gsize left = scanner->length - position - 1;
  char first, second;

  if (left == 0)
    return 0;
  /* U+017F folds to s */
  if (any_case && left >= 2 && (guint8) at[0] == 0xc5 && (guint8) at[1] == 0xbf)
    return position + 3;

  first = any_case ? g_ascii_tolower (at[0]) : at[0];
  second = left < 2 ? '\0' : any_case ? g_ascii_tolower (at[1]) : at[1];
  if (first == 's' || first == 't' || first == 'm' || first == 'd')
    return position + 2;
  if ((first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l'))
    return position + 3;
  return 0;
}

/* \s+(?!\S)|\s+ : a run of white space leaves its last character to the word that follows. With @newlines, before
 * that, \s*[\r\n]+ : up to the run's last line break. */
static gsize
space_end (const Scanner *scanner, gsize position, gboolean newlines)
{
  gsize end = position;
  gsize last = position; /* start of the run's last character */
  gsize line_end = 0;

  while (end < scanner->length)
    {
      guint size;

      if (class_at (scanner, end, &size) != STEER_CHAR_SPACE)
        break;
      last = end;
      end += size;
      if (scanner->text[last] == '\n' || scanner->text[last] == '\r')
        line_end = end;
    }
  if (newlines && line_end > 0)
    return line_end;
  if (end == scanner->length || last == position)
    return end;
  return last;
}

static gsize
next_gpt2 (const Scanner *scanner, gsize position)
{
  gsize start = position;
  guint size;
  SteerCharClass class;

  if (scanner->text[position] == '\'')
    {
      gsize end = contraction_end (scanner, position, FALSE);

      if (end > 0)
        return end;
    }
  if (scanner->text[position] == ' ' && position + 1 < scanner->length)
    start++;
  class = class_at (scanner, start, &size);
  if (class != STEER_CHAR_SPACE)
    return run_end (scanner, start + size, class, G_MAXUINT);
  return space_end (scanner, position, FALSE);
}

static gsize
next_llama3 (const Scanner *scanner, gsize position, guint max_digits)
{
  char byte = scanner->text[position];
  gsize start = position;
  guint size, next_size;
  SteerCharClass class = class_at (scanner, position, &size);

  if (class == STEER_CHAR_LETTER)
    return run_end (scanner, position + size, STEER_CHAR_LETTER, G_MAXUINT);
  if (class == STEER_CHAR_NUMBER)
    return run_end (scanner, position + size, STEER_CHAR_NUMBER, max_digits - 1);
  if (byte == '\'')
    {
      gsize end = contraction_end (scanner, position, TRUE);

      if (end > 0)
        return end;
    }
  if (byte != '\r' && byte != '\n' && position + size < scanner->length
      && class_at (scanner, position + size, &next_size) == STEER_CHAR_LETTER)
    return run_end (scanner, position + size + next_size, STEER_CHAR_LETTER, G_MAXUINT);

  if (byte == ' ' && position + 1 < scanner->length)
    start++;
  if (class_at (scanner, start, &size) == STEER_CHAR_OTHER)
    {
      gsize end = run_end (scanner, start + size, STEER_CHAR_OTHER, G_MAXUINT);

      while (end < scanner->length && (scanner->text[end] == '\r' || scanner->text[end] == '\n'))
        end++;
      return end;
    }
  return space_end (scanner, position, TRUE);
}

gsize
steer_split_next (SteerSplitKind kind, const char *text, gsize length, gsize position)
{
  Scanner scanner = { steer_unicode_get_classes (), text, length };

  switch (kind)
    {
    case STEER_SPLIT_GPT2:
      return next_gpt2 (&scanner, position);
    case STEER_SPLIT_LLAMA3:
      return next_llama3 (&scanner, position, 3);
    case STEER_SPLIT_QWEN2:
      return next_llama3 (&scanner, position, 1);
    case STEER_N_SPLITS:
    default:
      g_return_val_if_reached (length);
    }
}
