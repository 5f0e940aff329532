#include "steer-added-tokens.h"

#include "steer-unicode.h"

#include <string.h>

static void
token_clear (gpointer data)
{
  g_free (((SteerAddedToken *) data)->text);
}

void
steer_added_set_init (SteerAddedSet *self)
{
  *self = (SteerAddedSet){ .tokens = g_array_new (FALSE, FALSE, sizeof (SteerAddedToken)) };
  g_array_set_clear_func (self->tokens, token_clear);
}

void
steer_added_set_clear (SteerAddedSet *self)
{
  g_clear_pointer (&self->tokens, g_array_unref);
}

void
steer_added_set_add (SteerAddedSet *self, SteerAddedToken token)
{
  if (token.length == 0)
    {
      g_free (token.text);
      return;
    }
  self->can_begin[(guint8) token.text[0]] = TRUE;
  g_array_append_val (self->tokens, token);
}

static gint
compare_tokens (gconstpointer left, gconstpointer right)
{
  const SteerAddedToken *a = left;
  const SteerAddedToken *b = right;
  int order = memcmp (a->text, b->text, MIN (a->length, b->length));

  return order != 0 ? order : (a->length > b->length) - (a->length < b->length);
}

void
steer_added_set_finish (SteerAddedSet *self)
{
  g_array_sort (self->tokens, compare_tokens);
}

typedef enum
{
  TRUSTED,
  UNTRUSTED,
  MIXED,
} Trust;

static Trust
get_trust (const SteerTrust *trust, gsize start, gsize end)
{
  if (trust->bytes == NULL)
    return trust->all ? TRUSTED : UNTRUSTED;
  if (memchr (trust->bytes + start, 0, end - start) == NULL)
    return TRUSTED;
  return memchr (trust->bytes + start, 1, end - start) == NULL ? UNTRUSTED : MIXED;
}

/* The first token of [low, high) whose byte at @depth is at least @byte; all of them have more than @depth bytes. */
static guint
lower_bound (const SteerAddedSet *self, guint low, guint high, gsize depth, guint byte)
{
  while (low < high)
    {
      guint middle = low + (high - low) / 2;

      if ((guint8) g_array_index (self->tokens, SteerAddedToken, middle).text[depth] < byte)
        low = middle + 1;
      else
        high = middle;
    }
  return low;
}

/* The longest token that begins at @at, by walking down the sorted list. A control token in text that nobody vouches
 * for is found too, so that it is passed over as a whole and no shorter token is seen inside of it, as the reference
 * does. One that lies partly in trusted text does not exist: otherwise text before a template's own token could
 * swallow it. */
static const SteerAddedToken *
longest_at (const SteerAddedSet *self,
            const char *text,
            gsize length,
            const SteerTrust *trust,
            gsize at,
            gboolean *usable)
{
  const SteerAddedToken *best = NULL;
  guint low = 0, high = self->tokens->len;

  for (gsize depth = 0; low < high; depth++)
    {
      const SteerAddedToken *token = &g_array_index (self->tokens, SteerAddedToken, low);
      guint byte;

      if (token->length == depth)
        {
          Trust trusted = token->control ? get_trust (trust, at + token->lead, at + depth) : TRUSTED;

          if (trusted != MIXED)
            {
              best = token;
              *usable = trusted == TRUSTED;
            }
          while (low < high && g_array_index (self->tokens, SteerAddedToken, low).length == depth)
            low++;
        }
      if (at + depth >= length)
        break;
      byte = (guint8) text[at + depth];
      low = lower_bound (self, low, high, depth, byte);
      high = lower_bound (self, low, high, depth, byte + 1);
    }
  return best;
}

static gboolean
is_inside_word (const char *text, gsize length, gsize start, gsize end)
{
  guint size;
  gsize before = start;

  if (end < length && steer_unicode_is_word (steer_utf8_get (text + end, &size)))
    return TRUE;
  if (start == 0)
    return FALSE;
  do
    before--;
  while (steer_utf8_is_continuation (text[before]));
  return steer_unicode_is_word (steer_utf8_get (text + before, &size));
}

static gsize
take_space_before (const char *text, gsize start, gsize from)
{
  while (start > from)
    {
      gsize before = start - 1;
      guint size;

      while (steer_utf8_is_continuation (text[before]))
        before--;
      if (before < from || steer_unicode_classify (steer_utf8_get (text + before, &size)) != STEER_CHAR_SPACE)
        break;
      start = before;
    }
  return start;
}

static gsize
take_space_after (const char *text, gsize length, gsize end)
{
  guint size;

  while (end < length && steer_unicode_classify (steer_utf8_get (text + end, &size)) == STEER_CHAR_SPACE)
    end += size;
  return end;
}

const SteerAddedToken *
steer_added_set_find (const SteerAddedSet *self,
                      const char *text,
                      gsize length,
                      const SteerTrust *trust,
                      gsize from,
                      gsize *start,
                      gsize *end)
{
  if (self->tokens->len == 0)
    return NULL;
  for (gsize at = from; at < length; at++)
    {
      const SteerAddedToken *token;
      gboolean usable = FALSE;

      if (!self->can_begin[(guint8) text[at]])
        continue;
      token = longest_at (self, text, length, trust, at, &usable);
      if (token == NULL)
        continue;
      if (!usable || (token->single_word && is_inside_word (text, length, at, at + token->length)))
        {
          at += token->length - 1;
          continue;
        }
      *start = token->left_strip ? take_space_before (text, at, from) : at;
      *end = at + token->length;
      if (token->right_strip)
        *end = take_space_after (text, length, *end);
      return token;
    }
  return NULL;
}
