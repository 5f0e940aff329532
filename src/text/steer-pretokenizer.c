#include "steer-pretokenizer.h"

#include "steer-regex.h"
#include "steer-text-limits.h"
#include "steer-tokenizer.h"
#include "steer-unicode.h"

#include <string.h>

typedef enum
{
  STEP_SCAN,
  STEP_PATTERN, /* a regular expression, a literal or digits */
  STEP_PREFIX_SPACE,
  STEP_METASPACE,
} StepKind;

typedef struct
{
  StepKind kind;
  SteerSplitKind scan;
  GRegex *regex; /* STEP_PATTERN; NULL: literal, or digits when that is NULL too */
  char *literal; /* STEP_PATTERN, or the mark of STEP_METASPACE */
  SteerSplitBehavior behavior;
  gboolean invert;
  SteerPrependScheme scheme;
  gboolean split;
} Step;

struct _SteerPretokenizer
{
  GArray *steps; /* of Step */
};

/* One run: the pieces of step i go to step i + 1, those of the last to the caller. */
typedef struct
{
  const SteerPretokenizer *self;
  SteerPieceFunc func;
  gpointer user_data;
  gsize room; /* bytes that steps may still add */
} Run;

static void
step_clear (gpointer data)
{
  Step *step = data;

  g_free (step->literal);
  g_clear_pointer (&step->regex, g_regex_unref);
}

SteerPretokenizer *
steer_pretokenizer_new (void)
{
  SteerPretokenizer *self = g_new0 (SteerPretokenizer, 1);

  self->steps = g_array_new (FALSE, FALSE, sizeof (Step));
  g_array_set_clear_func (self->steps, step_clear);
  return self;
}

void
steer_pretokenizer_free (SteerPretokenizer *self)
{
  if (self == NULL)
    return;
  g_array_unref (self->steps);
  g_free (self);
}

static void
add_step (SteerPretokenizer *self, Step step)
{
  g_array_append_val (self->steps, step);
}

void
steer_pretokenizer_add_scan (SteerPretokenizer *self, SteerSplitKind kind)
{
  add_step (self, (Step){ .kind = STEP_SCAN, .scan = kind });
}

void
steer_pretokenizer_add_regex (SteerPretokenizer *self, GRegex *regex, SteerSplitBehavior behavior, gboolean invert)
{
  add_step (self, (Step){ .kind = STEP_PATTERN, .regex = regex, .behavior = behavior, .invert = invert });
}

void
steer_pretokenizer_add_literal (SteerPretokenizer *self,
                                const char *literal,
                                SteerSplitBehavior behavior,
                                gboolean invert)
{
  add_step (self,
            (Step){ .kind = STEP_PATTERN, .literal = g_strdup (literal), .behavior = behavior, .invert = invert });
}

void
steer_pretokenizer_add_digits (SteerPretokenizer *self, gboolean individual)
{
  add_step (self,
            (Step){ .kind = STEP_PATTERN, .behavior = individual ? STEER_SPLIT_ISOLATED : STEER_SPLIT_CONTIGUOUS });
}

void
steer_pretokenizer_add_prefix_space (SteerPretokenizer *self)
{
  add_step (self, (Step){ .kind = STEP_PREFIX_SPACE });
}

void
steer_pretokenizer_add_metaspace (SteerPretokenizer *self, const char *mark, SteerPrependScheme scheme, gboolean split)
{
  add_step (self, (Step){ .kind = STEP_METASPACE, .literal = g_strdup (mark), .scheme = scheme, .split = split });
}

static gboolean
step_equal (const Step *a, const Step *b)
{
  return a->kind == b->kind && a->scan == b->scan && g_strcmp0 (a->literal, b->literal) == 0
         && (a->regex == NULL) == (b->regex == NULL)
         && (a->regex == NULL || strcmp (g_regex_get_pattern (a->regex), g_regex_get_pattern (b->regex)) == 0)
         && a->behavior == b->behavior && a->invert == b->invert && a->scheme == b->scheme && a->split == b->split;
}

guint
steer_pretokenizer_get_n_steps (const SteerPretokenizer *self)
{
  return self->steps->len;
}

gboolean
steer_pretokenizer_equal (const SteerPretokenizer *self, const SteerPretokenizer *other)
{
  gboolean equal = self->steps->len == other->steps->len;

  for (guint i = 0; equal && i < self->steps->len; i++)
    equal = step_equal (&g_array_index (self->steps, Step, i), &g_array_index (other->steps, Step, i));
  return equal;
}

static gboolean run_step (Run *run, guint i, const char *text, gsize length, gboolean at_start, GError **error);

/* --- cutting by a pattern --- */

typedef struct
{
  gsize start;
  gsize end;
  gboolean matches;
} Part;

static void
find_digits (const char *text, gsize length, GArray *matches)
{
  const guint8 *classes = steer_unicode_get_classes ();
  guint size;

  for (gsize at = 0; at < length; at += size)
    if (steer_unicode_class_in (classes, steer_utf8_get (text + at, &size)) == STEER_CHAR_NUMBER)
      {
        SteerMatch match = { at, at + size };

        g_array_append_val (matches, match);
      }
}

/* Matches and what is between them, in order, without gaps: of Part. */
static GArray *
make_parts (const GArray *matches, gsize length, gboolean invert)
{
  GArray *parts = g_array_new (FALSE, FALSE, sizeof (Part));
  gsize done = 0;

  for (guint i = 0; i < matches->len; i++)
    {
      SteerMatch match = g_array_index (matches, SteerMatch, i);
      Part between = { done, match.start, invert };
      Part part = { match.start, match.end, !invert };

      if (between.end > between.start)
        g_array_append_val (parts, between);
      g_array_append_val (parts, part);
      done = match.end;
    }
  if (done < length)
    {
      Part rest = { done, length, invert };

      g_array_append_val (parts, rest);
    }
  return parts;
}

/* TRUE when part @i is one with the part before it. */
static gboolean
joins_previous (const GArray *parts, guint i, SteerSplitBehavior behavior)
{
  const Part *part = &g_array_index (parts, Part, i);
  gboolean previous = i > 0 && part[-1].matches;

  switch (behavior)
    {
    case STEER_SPLIT_CONTIGUOUS:
      return i > 0 && part->matches == previous;
    case STEER_SPLIT_MERGED_WITH_PREVIOUS:
      return i > 0 && part->matches && !previous;
    case STEER_SPLIT_MERGED_WITH_NEXT:
      return previous && !part->matches;
    case STEER_SPLIT_REMOVED:
    case STEER_SPLIT_ISOLATED:
    default:
      return FALSE;
    }
}

static gboolean
run_pattern (Run *run, guint i, const char *text, gsize length, gboolean at_start, GError **error)
{
  const Step *step = &g_array_index (run->self->steps, Step, i);
  g_autoptr (GArray) matches = g_array_new (FALSE, FALSE, sizeof (SteerMatch));
  g_autoptr (GArray) parts = NULL;

  if (step->regex != NULL)
    {
      if (!steer_regex_find_all (step->regex, text, length, matches, error))
        return FALSE;
    }
  else if (step->literal != NULL)
    steer_literal_find_all (step->literal, strlen (step->literal), text, length, matches);
  else
    find_digits (text, length, matches);

  parts = make_parts (matches, length, step->invert);
  for (guint k = 0; k < parts->len; k++)
    {
      Part part = g_array_index (parts, Part, k);

      if (part.matches && step->behavior == STEER_SPLIT_REMOVED)
        continue;
      while (k + 1 < parts->len && joins_previous (parts, k + 1, step->behavior))
        part.end = g_array_index (parts, Part, ++k).end;
      if (!run_step (run, i + 1, text + part.start, part.end - part.start, at_start && part.start == 0, error))
        return FALSE;
    }
  return TRUE;
}

/* --- the other steps --- */

/* Before @n bytes are added to a piece. */
static gboolean
take_room (Run *run, gsize n, GError **error)
{
  if (n > run->room)
    {
      g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_UNSUPPORTED,
                   "the tokenizer's pre-tokenizer makes a text many times as long as it is");
      return FALSE;
    }
  run->room -= n;
  return TRUE;
}

static gboolean
run_scan (Run *run, guint i, const char *text, gsize length, gboolean at_start, GError **error)
{
  SteerSplitKind kind = g_array_index (run->self->steps, Step, i).scan;
  gboolean last = i + 1 == run->self->steps->len;
  gsize end;

  for (gsize at = 0; at < length; at = end)
    {
      end = steer_split_next (kind, text, length, at);
      if (!(last ? run->func (text + at, end - at, run->user_data, error)
                 : run_step (run, i + 1, text + at, end - at, at_start && at == 0, error)))
        return FALSE;
    }
  return TRUE;
}

static gboolean
run_prefix_space (Run *run, guint i, const char *text, gsize length, gboolean at_start, GError **error)
{
  g_autofree char *spaced = NULL;

  if (text[0] == ' ')
    return run_step (run, i + 1, text, length, at_start, error);
  if (!take_room (run, 1, error))
    return FALSE;
  spaced = g_malloc (length + 1);
  spaced[0] = ' ';
  memcpy (spaced + 1, text, length);
  return run_step (run, i + 1, spaced, length + 1, at_start, error);
}

static gboolean
starts_with (const char *text, gsize length, const char *mark, gsize mark_length)
{
  return length >= mark_length && memcmp (text, mark, mark_length) == 0;
}

static gboolean
run_metaspace (Run *run, guint i, const char *text, gsize length, gboolean at_start, GError **error)
{
  const Step *step = &g_array_index (run->self->steps, Step, i);
  g_autoptr (GString) marked = g_string_sized_new (length + length / 2);
  gsize mark_length = strlen (step->literal);
  gboolean wants_mark = step->scheme == STEER_PREPEND_ALWAYS || (step->scheme == STEER_PREPEND_FIRST && at_start);

  if (wants_mark && text[0] != ' ' && !starts_with (text, length, step->literal, mark_length))
    g_string_append (marked, step->literal);
  for (gsize done = 0; done < length;)
    {
      const char *space = memchr (text + done, ' ', length - done);
      gsize end = space != NULL ? (gsize) (space - text) : length;

      g_string_append_len (marked, text + done, (gssize) (end - done));
      if (space != NULL)
        g_string_append (marked, step->literal);
      done = end + 1;
    }
  if (marked->len > length && !take_room (run, marked->len - length, error))
    return FALSE;
  if (!step->split)
    return run_step (run, i + 1, marked->str, marked->len, at_start, error);

  /* every mark begins a piece */
  for (gsize at = 0; at < marked->len;)
    {
      gsize from
        = at + (starts_with (marked->str + at, marked->len - at, step->literal, mark_length) ? mark_length : 1);
      const char *next = memmem (marked->str + from, marked->len - from, step->literal, mark_length);
      gsize end = next != NULL ? (gsize) (next - marked->str) : marked->len;

      if (!run_step (run, i + 1, marked->str + at, end - at, at_start && at == 0, error))
        return FALSE;
      at = end;
    }
  return TRUE;
}

static gboolean
run_step (Run *run, guint i, const char *text, gsize length, gboolean at_start, GError **error)
{
  if (length == 0)
    return TRUE;
  if (i == run->self->steps->len)
    return run->func (text, length, run->user_data, error);
  switch (g_array_index (run->self->steps, Step, i).kind)
    {
    case STEP_SCAN:
      return run_scan (run, i, text, length, at_start, error);
    case STEP_PATTERN:
      return run_pattern (run, i, text, length, at_start, error);
    case STEP_PREFIX_SPACE:
      return run_prefix_space (run, i, text, length, at_start, error);
    case STEP_METASPACE:
      return run_metaspace (run, i, text, length, at_start, error);
    default:
      g_assert_not_reached ();
    }
}

gboolean
steer_pretokenizer_run (const SteerPretokenizer *self,
                        const char *text,
                        gsize length,
                        gboolean at_start,
                        SteerPieceFunc func,
                        gpointer user_data,
                        GError **error)
{
  Run run = { self, func, user_data, steer_text_get_limit (length) };

  return run_step (&run, 0, text, length, at_start, error);
}
