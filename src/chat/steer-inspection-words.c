/* Where a feature fires, as words to read. */
#include "steer-inspection.h"

#include <string.h>

#include "text/steer-unicode.h"

/* Characters to one side of a token. What goes on for longer is no word; the token stands for itself. */
#define LONGEST_REACH 24

typedef struct
{
  guint token;
  float value;
} Place;

static int
compare_places (gconstpointer a, gconstpointer b)
{
  const Place *x = a;
  const Place *y = b;

  if (x->value != y->value)
    return x->value > y->value ? -1 : 1;
  return x->token < y->token ? -1 : x->token > y->token;
}

static gboolean
is_word (const char *p)
{
  return steer_unicode_is_word (g_utf8_get_char (p));
}

/* Scripts that put no spaces between words: a token of theirs is nearer to a word than what stands between two stops.
 */
static gboolean
is_unspaced (const char *p)
{
  switch (g_unichar_get_script (g_utf8_get_char (p)))
    {
    case G_UNICODE_SCRIPT_HAN:
    case G_UNICODE_SCRIPT_HIRAGANA:
    case G_UNICODE_SCRIPT_KATAKANA:
    case G_UNICODE_SCRIPT_THAI:
    case G_UNICODE_SCRIPT_LAO:
    case G_UNICODE_SCRIPT_KHMER:
    case G_UNICODE_SCRIPT_MYANMAR:
      return TRUE;
    default:
      return FALSE;
    }
}

static gboolean
is_spaced_word (const char *p)
{
  return is_word (p) && !is_unspaced (p);
}

/* "don't" is one word. */
static gboolean
is_apostrophe (const char *p)
{
  return *p == '\'' || g_utf8_get_char (p) == 0x2019;
}

static gboolean
goes_on_before (const char *text, const char *p)
{
  const char *before = p > text ? g_utf8_prev_char (p) : p;

  if (before == p)
    return FALSE;
  return is_spaced_word (before)
         || (is_apostrophe (before) && before > text && is_spaced_word (g_utf8_prev_char (before)));
}

static gboolean
goes_on_at (const char *p)
{
  return is_spaced_word (p) || (is_apostrophe (p) && is_spaced_word (g_utf8_next_char (p)));
}

static gboolean
is_inside_word (const char *text, const char *p)
{
  return is_word (p) || (goes_on_at (p) && p > text && is_spaced_word (g_utf8_prev_char (p)));
}

/* The word that a token at @begin up to @end is of; else what there is between its spaces. */
static char *
dup_word (const char *text, const char *begin, const char *end)
{
  const char *middle = begin;
  const char *from, *to;
  guint n_before = 0, n_after = 0;

  while (middle < end && !is_inside_word (text, middle))
    middle = g_utf8_next_char (middle);
  if (middle == end)
    return g_strstrip (g_strndup (begin, (gsize) (end - begin)));
  if (is_unspaced (middle))
    return g_strstrip (g_strndup (middle, (gsize) (end - middle)));
  for (from = middle; n_before < LONGEST_REACH && goes_on_before (text, from); n_before++)
    from = g_utf8_prev_char (from);
  for (to = middle; n_after < LONGEST_REACH && goes_on_at (to); n_after++)
    to = g_utf8_next_char (to);
  if (n_before == LONGEST_REACH || n_after == LONGEST_REACH)
    return g_strstrip (g_strndup (middle, (gsize) (end - middle)));
  return g_strndup (from, (gsize) (to - from));
}

static gboolean
has_word (GPtrArray *words, const char *word)
{
  g_autofree char *folded = g_utf8_casefold (word, -1);

  for (guint i = 0; i < words->len; i++)
    {
      g_autofree char *other = g_utf8_casefold (g_ptr_array_index (words, i), -1);

      if (g_str_equal (folded, other))
        return TRUE;
    }
  return FALSE;
}

char **
steer_inspection_dup_words (SteerInspection *self, const SteerFiring *firing, guint first, guint n_tokens, guint n_top)
{
  g_autoptr (GArray) places = g_array_new (FALSE, FALSE, sizeof (Place));
  GPtrArray *words = g_ptr_array_new ();
  const char *text = steer_inspection_get_text (self);

  for (guint t = first; t < first + n_tokens; t++)
    {
      Place place = { t, steer_inspection_get_value (self, t, firing->sae, firing->feature) };

      if (place.value > 0.0f)
        g_array_append_val (places, place);
    }
  g_array_sort (places, compare_places);
  for (guint i = 0; i < places->len && words->len < n_top; i++)
    {
      g_autofree char *word = NULL;
      gsize begin, end;

      steer_inspection_get_place (self, g_array_index (places, Place, i).token, &begin, &end);
      /* The beginning of a character that a later token completes. */
      if (begin == end && text[begin] != '\0')
        end = (gsize) (g_utf8_next_char (text + begin) - text);
      word = dup_word (text, text + begin, text + end);
      if (*word != '\0' && !has_word (words, word))
        g_ptr_array_add (words, g_steal_pointer (&word));
    }
  g_ptr_array_add (words, NULL);
  return (char **) g_ptr_array_free (words, FALSE);
}
