#include "steer-normalizer.h"

#include "steer-regex.h"
#include "steer-text-limits.h"
#include "steer-tokenizer.h"
#include "steer-unicode.h"

#include <string.h>

typedef enum
{
  STEP_PREPEND,
  STEP_REPLACE,
  STEP_REPLACE_REGEX,
  STEP_FORM,
  STEP_STRIP,
} StepKind;

typedef struct
{
  StepKind kind;
  char *pattern; /* STEP_REPLACE */
  char *content; /* STEP_PREPEND, STEP_REPLACE* */
  GRegex *regex;
  GNormalizeMode mode;
  gboolean left, right; /* STEP_STRIP */
} Step;

struct _SteerNormalizer
{
  GArray *steps; /* of Step */
};

static void
step_clear (gpointer data)
{
  Step *step = data;

  g_free (step->pattern);
  g_free (step->content);
  g_clear_pointer (&step->regex, g_regex_unref);
}

SteerNormalizer *
steer_normalizer_new (void)
{
  SteerNormalizer *self = g_new0 (SteerNormalizer, 1);

  self->steps = g_array_new (FALSE, FALSE, sizeof (Step));
  g_array_set_clear_func (self->steps, step_clear);
  return self;
}

void
steer_normalizer_free (SteerNormalizer *self)
{
  if (self == NULL)
    return;
  g_array_unref (self->steps);
  g_free (self);
}

static void
add_step (SteerNormalizer *self, Step step)
{
  g_array_append_val (self->steps, step);
}

void
steer_normalizer_add_prepend (SteerNormalizer *self, const char *prefix)
{
  add_step (self, (Step){ .kind = STEP_PREPEND, .content = g_strdup (prefix) });
}

void
steer_normalizer_add_replace (SteerNormalizer *self, const char *literal, const char *content)
{
  add_step (self, (Step){ .kind = STEP_REPLACE, .pattern = g_strdup (literal), .content = g_strdup (content) });
}

void
steer_normalizer_add_replace_regex (SteerNormalizer *self, GRegex *regex, const char *content)
{
  add_step (self, (Step){ .kind = STEP_REPLACE_REGEX, .regex = regex, .content = g_strdup (content) });
}

void
steer_normalizer_add_form (SteerNormalizer *self, GNormalizeMode mode)
{
  add_step (self, (Step){ .kind = STEP_FORM, .mode = mode });
}

void
steer_normalizer_add_strip (SteerNormalizer *self, gboolean left, gboolean right)
{
  add_step (self, (Step){ .kind = STEP_STRIP, .left = left, .right = right });
}

gboolean
steer_normalizer_is_empty (const SteerNormalizer *self)
{
  return self->steps->len == 0;
}

static gboolean
step_equal (const Step *a, const Step *b)
{
  return a->kind == b->kind && g_strcmp0 (a->pattern, b->pattern) == 0 && g_strcmp0 (a->content, b->content) == 0
         && (a->regex == NULL) == (b->regex == NULL)
         && (a->regex == NULL || strcmp (g_regex_get_pattern (a->regex), g_regex_get_pattern (b->regex)) == 0)
         && a->mode == b->mode && a->left == b->left && a->right == b->right;
}

gboolean
steer_normalizer_equal (const SteerNormalizer *self, const SteerNormalizer *other)
{
  gboolean equal = self->steps->len == other->steps->len;

  for (guint i = 0; equal && i < self->steps->len; i++)
    equal = step_equal (&g_array_index (self->steps, Step, i), &g_array_index (other->steps, Step, i));
  return equal;
}

guint
steer_normalizer_get_n_steps (const SteerNormalizer *self)
{
  return self->steps->len;
}

/* Whether a text may have @length bytes. */
static gboolean
allows (gsize length, gsize limit, GError **error)
{
  if (length <= limit)
    return TRUE;
  g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_UNSUPPORTED,
               "the tokenizer's normalizer makes a text many times as long as it is (%" G_GSIZE_FORMAT " bytes)",
               length);
  return FALSE;
}

/* --- the steps; each replaces @text and, where it is there, @trust --- */

static gboolean
all_trusted (const GString *trust, gsize start, gsize end)
{
  return memchr (trust->str + start, 0, end - start) == NULL;
}

static void
append_trust (GString *trust, gboolean trusted, gsize n)
{
  gsize old = trust->len;

  g_string_set_size (trust, old + n);
  memset (trust->str + old, trusted ? 1 : 0, n);
}

static gboolean
prepend (const Step *step, GString *text, GString *trust, gsize limit, GError **error)
{
  if (text->len == 0)
    return TRUE;
  if (!allows (text->len + strlen (step->content), limit, error))
    return FALSE;
  g_string_prepend (text, step->content);
  if (trust != NULL)
    {
      g_autofree char *prefix = g_malloc (strlen (step->content) + 1);

      /* the prefix is the tokenizer's own and belongs to what it stands before */
      memset (prefix, trust->str[0], strlen (step->content));
      g_string_prepend_len (trust, prefix, (gssize) strlen (step->content));
    }
  return TRUE;
}

static gboolean
replace (const Step *step, GString *text, GString *trust, gsize limit, GError **error)
{
  g_autoptr (GArray) matches = g_array_new (FALSE, FALSE, sizeof (SteerMatch));
  g_autoptr (GString) new_text = NULL;
  g_autoptr (GString) new_trust = NULL;
  gsize content_length = strlen (step->content);
  gsize done = 0, new_length;

  if (step->kind == STEP_REPLACE)
    steer_literal_find_all (step->pattern, strlen (step->pattern), text->str, text->len, matches);
  else if (!steer_regex_find_all (step->regex, text->str, text->len, matches, error))
    return FALSE;
  if (matches->len == 0)
    return TRUE;
  new_length = text->len + matches->len * content_length;
  for (guint i = 0; i < matches->len; i++)
    new_length -= g_array_index (matches, SteerMatch, i).end - g_array_index (matches, SteerMatch, i).start;
  if (!allows (new_length, limit, error))
    return FALSE;

  new_text = g_string_sized_new (new_length);
  new_trust = trust != NULL ? g_string_sized_new (new_text->allocated_len) : NULL;
  for (guint i = 0; i < matches->len; i++)
    {
      SteerMatch match = g_array_index (matches, SteerMatch, i);

      g_string_append_len (new_text, text->str + done, (gssize) (match.start - done));
      g_string_append_len (new_text, step->content, (gssize) content_length);
      if (trust != NULL)
        {
          g_string_append_len (new_trust, trust->str + done, (gssize) (match.start - done));
          append_trust (new_trust, all_trusted (trust, match.start, match.end), content_length);
        }
      done = match.end;
    }
  g_string_append_len (new_text, text->str + done, (gssize) (text->len - done));
  if (trust != NULL)
    {
      g_string_append_len (new_trust, trust->str + done, (gssize) (trust->len - done));
      g_string_truncate (trust, 0);
      g_string_append_len (trust, new_trust->str, (gssize) new_trust->len);
    }
  g_string_truncate (text, 0);
  g_string_append_len (text, new_text->str, (gssize) new_text->len);
  return TRUE;
}

/* End of what can be normalized by itself from @at on. No form changes ASCII text, and no character composes with an
 * ASCII character after it: so an ASCII character with what is not ASCII behind it stands alone. So does NUL, where
 * g_utf8_normalize() would stop, and a character that the reference's Unicode does not know, which it leaves alone:
 * the result then does not depend on the Unicode of the GLib at hand, for what is in a version never changes. */
static gsize
segment_end (const GString *text, gsize at, gboolean *plain)
{
  gsize end = at;
  guint size;

  *plain = TRUE;
  while (end < text->len && (guint8) text->str[end] < 0x80)
    end++;
  if (end == text->len)
    return end;
  /* the last of a run of ASCII may compose with what follows */
  if (end > at + 1)
    return end - 1;
  if (end > at && (text->str[at] == '\0' || steer_unicode_is_late (steer_utf8_get (text->str + end, &size))))
    return end;
  if (end == at && steer_unicode_is_late (steer_utf8_get (text->str + at, &size)))
    return at + size;

  *plain = FALSE;
  while (end < text->len && (guint8) text->str[end] >= 0x80
         && !steer_unicode_is_late (steer_utf8_get (text->str + end, &size)))
    end += size;
  return end;
}

static void
apply_form (const Step *step, GString *text, GString *trust)
{
  g_autoptr (GString) new_text = NULL;
  g_autoptr (GString) new_trust = NULL;
  gboolean plain;
  gsize end;

  if (segment_end (text, 0, &plain) == text->len && plain)
    return;
  new_text = g_string_sized_new (text->len);
  new_trust = trust != NULL ? g_string_sized_new (text->len) : NULL;
  for (gsize at = 0; at < text->len; at = end)
    {
      g_autofree char *normal = NULL;

      end = segment_end (text, at, &plain);
      if (!plain)
        normal = g_utf8_normalize (text->str + at, (gssize) (end - at), step->mode);
      if (normal == NULL)
        {
          g_string_append_len (new_text, text->str + at, (gssize) (end - at));
          if (trust != NULL)
            g_string_append_len (new_trust, trust->str + at, (gssize) (end - at));
        }
      else
        {
          g_string_append (new_text, normal);
          if (trust != NULL)
            append_trust (new_trust, all_trusted (trust, at, end), strlen (normal));
        }
    }
  g_string_truncate (text, 0);
  g_string_append_len (text, new_text->str, (gssize) new_text->len);
  if (trust != NULL)
    {
      g_string_truncate (trust, 0);
      g_string_append_len (trust, new_trust->str, (gssize) new_trust->len);
    }
}

static void
strip (const Step *step, GString *text, GString *trust)
{
  gsize start = 0;
  gsize end = text->len;
  guint size;

  while (step->left && start < end
         && steer_unicode_classify (steer_utf8_get (text->str + start, &size)) == STEER_CHAR_SPACE)
    start += size;
  while (step->right && end > start)
    {
      gsize last = end - 1;

      while (steer_utf8_is_continuation (text->str[last]))
        last--;
      if (steer_unicode_classify (steer_utf8_get (text->str + last, &size)) != STEER_CHAR_SPACE)
        break;
      end = last;
    }
  g_string_truncate (text, end);
  g_string_erase (text, 0, (gssize) start);
  if (trust != NULL)
    {
      g_string_truncate (trust, end);
      g_string_erase (trust, 0, (gssize) start);
    }
}

gboolean
steer_normalizer_apply (const SteerNormalizer *self, GString *text, GString *trust, GError **error)
{
  gsize limit = steer_text_get_limit (text->len);

  for (guint i = 0; i < self->steps->len; i++)
    {
      const Step *step = &g_array_index (self->steps, Step, i);

      switch (step->kind)
        {
        case STEP_PREPEND:
          if (!prepend (step, text, trust, limit, error))
            return FALSE;
          break;
        case STEP_REPLACE:
        case STEP_REPLACE_REGEX:
          if (!replace (step, text, trust, limit, error))
            return FALSE;
          break;
        case STEP_FORM:
          apply_form (step, text, trust);
          if (!allows (text->len, limit, error))
            return FALSE;
          break;
        case STEP_STRIP:
          strip (step, text, trust);
          break;
        default:
          g_assert_not_reached ();
        }
    }
  return TRUE;
}
