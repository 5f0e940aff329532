#include "steer-decoder.h"

#include "steer-byte-alphabet.h"
#include "steer-regex.h"
#include "steer-text-limits.h"
#include "steer-unicode.h"

#include <string.h>

typedef enum
{
  STEP_BYTE_FALLBACK,
  STEP_REPLACE,
  STEP_STRIP,
  STEP_METASPACE,
  STEP_FUSE,
  STEP_BYTE_LEVEL,
  STEP_JOIN,
} StepKind;

typedef struct
{
  StepKind kind;
  char *literal;
  GRegex *regex;
  char *content;
  gunichar character; /* STEP_STRIP, STEP_METASPACE */
  guint start, stop;  /* STEP_STRIP */
  gboolean drop_first;
  gboolean fused; /* the step sees one text, not tokens */
} Step;

struct _SteerDecoder
{
  GArray *steps; /* of Step */
};

/* What a step remembers from token to token. */
typedef struct
{
  GString *held;   /* bytes of a run or of an unfinished character; characters that may have to be stripped */
  gsize n_tokens;  /* that the step has seen */
  gsize n_removed; /* STEP_STRIP on fused text: taken from the start so far */
  gboolean inside; /* STEP_STRIP on fused text: the start is behind us */
} StepState;

struct _SteerDecodeState
{
  const SteerDecoder *decoder;
  StepState *steps; /* [decoder's steps] */
};

static void
step_clear (gpointer data)
{
  Step *step = data;

  g_free (step->literal);
  g_free (step->content);
  g_clear_pointer (&step->regex, g_regex_unref);
}

SteerDecoder *
steer_decoder_new (void)
{
  SteerDecoder *self = g_new0 (SteerDecoder, 1);

  self->steps = g_array_new (FALSE, FALSE, sizeof (Step));
  g_array_set_clear_func (self->steps, step_clear);
  return self;
}

void
steer_decoder_free (SteerDecoder *self)
{
  if (self == NULL)
    return;
  g_array_unref (self->steps);
  g_free (self);
}

static void
add_step (SteerDecoder *self, Step step)
{
  step.fused = steer_decoder_is_fused (self);
  g_array_append_val (self->steps, step);
}

void
steer_decoder_add_byte_fallback (SteerDecoder *self)
{
  add_step (self, (Step){ .kind = STEP_BYTE_FALLBACK });
}

void
steer_decoder_add_replace (SteerDecoder *self, const char *literal, GRegex *regex, const char *content)
{
  add_step (
    self, (Step){ .kind = STEP_REPLACE, .literal = g_strdup (literal), .regex = regex, .content = g_strdup (content) });
}

void
steer_decoder_add_strip (SteerDecoder *self, gunichar character, guint start, guint stop)
{
  add_step (self, (Step){ .kind = STEP_STRIP, .character = character, .start = start, .stop = stop });
}

void
steer_decoder_add_metaspace (SteerDecoder *self, gunichar mark, gboolean drop_first)
{
  add_step (self, (Step){ .kind = STEP_METASPACE, .character = mark, .drop_first = drop_first });
}

void
steer_decoder_add_fuse (SteerDecoder *self)
{
  add_step (self, (Step){ .kind = STEP_FUSE });
}

void
steer_decoder_add_byte_level (SteerDecoder *self)
{
  add_step (self, (Step){ .kind = STEP_BYTE_LEVEL });
}

void
steer_decoder_add_join (SteerDecoder *self)
{
  add_step (self, (Step){ .kind = STEP_JOIN });
}

guint
steer_decoder_get_n_steps (const SteerDecoder *self)
{
  return self->steps->len;
}

gboolean
steer_decoder_is_fused (const SteerDecoder *self)
{
  for (guint i = 0; i < self->steps->len; i++)
    {
      StepKind kind = g_array_index (self->steps, Step, i).kind;

      if (kind == STEP_FUSE || kind == STEP_BYTE_LEVEL)
        return TRUE;
    }
  return FALSE;
}

SteerDecodeState *
steer_decode_state_new (const SteerDecoder *decoder)
{
  SteerDecodeState *state = g_new0 (SteerDecodeState, 1);

  state->decoder = decoder;
  state->steps = g_new0 (StepState, MAX (decoder->steps->len, 1));
  for (guint i = 0; i < decoder->steps->len; i++)
    state->steps[i].held = g_string_new (NULL);
  return state;
}

void
steer_decode_state_free (SteerDecodeState *state)
{
  if (state == NULL)
    return;
  for (guint i = 0; i < state->decoder->steps->len; i++)
    g_string_free (state->steps[i].held, TRUE);
  g_free (state->steps);
  g_free (state);
}

/* --- the steps: each hands what it makes to the next --- */

static void push (SteerDecodeState *state, guint i, const char *token, gsize length, GString *text);

/* The byte of "<0xE2>", or -1; as lax as the reference, which allows a sign. */
static int
byte_of_token (const char *token, gsize length)
{
  int high, low;

  if (length != 6 || memcmp (token, "<0x", 3) != 0 || token[5] != '>')
    return -1;
  high = token[3] == '+' ? 0 : g_ascii_xdigit_value (token[3]);
  low = g_ascii_xdigit_value (token[4]);
  return high < 0 || low < 0 ? -1 : high << 4 | low;
}

static void
end_byte_run (SteerDecodeState *state, guint i, GString *text)
{
  GString *run = state->steps[i].held;

  if (run->len == 0)
    return;
  if (steer_utf8_is_valid (run->str, run->len))
    push (state, i + 1, run->str, run->len, text);
  else
    for (gsize k = 0; k < run->len; k++)
      push (state, i + 1, "\357\277\275", 3, text);
  g_string_truncate (run, 0);
}

static void
push_byte_fallback (SteerDecodeState *state, guint i, const char *token, gsize length, GString *text)
{
  int byte = byte_of_token (token, length);

  if (byte >= 0)
    {
      g_string_append_c (state->steps[i].held, (char) byte);
      return;
    }
  end_byte_run (state, i, text);
  push (state, i + 1, token, length, text);
}

static void
push_replace (SteerDecodeState *state, guint i, const char *token, gsize length, GString *text)
{
  const Step *step = &g_array_index (state->decoder->steps, Step, i);
  g_autoptr (GArray) matches = g_array_new (FALSE, FALSE, sizeof (SteerMatch));
  g_autoptr (GString) replaced = NULL;
  gsize done = 0;

  /* a token is short: a regular expression that gives up on it is one that matches nothing */
  if (step->regex == NULL)
    steer_literal_find_all (step->literal, strlen (step->literal), token, length, matches);
  else if (!steer_regex_find_all (step->regex, token, length, matches, NULL))
    g_array_set_size (matches, 0);
  if (matches->len == 0 || length + matches->len * strlen (step->content) > MAX (STEER_MAX_TOKEN_TEXT, length))
    {
      push (state, i + 1, token, length, text);
      return;
    }
  replaced = g_string_sized_new (length + 8);
  for (guint k = 0; k < matches->len; k++)
    {
      SteerMatch match = g_array_index (matches, SteerMatch, k);

      g_string_append_len (replaced, token + done, (gssize) (match.start - done));
      g_string_append (replaced, step->content);
      done = match.end;
    }
  g_string_append_len (replaced, token + done, (gssize) (length - done));
  push (state, i + 1, replaced->str, replaced->len, text);
}

static void
push_strip (SteerDecodeState *state, guint i, const char *token, gsize length, GString *text)
{
  const Step *step = &g_array_index (state->decoder->steps, Step, i);
  gsize start = 0, end = length;
  guint size;

  for (guint k = 0; k < step->start && start < end && steer_utf8_get (token + start, &size) == step->character; k++)
    start += size;
  for (guint k = 0; k < step->stop && end > start; k++)
    {
      gsize last = end - 1;

      while (steer_utf8_is_continuation (token[last]))
        last--;
      if (steer_utf8_get (token + last, &size) != step->character)
        break;
      end = last;
    }
  push (state, i + 1, token + start, end - start, text);
}

/* The same on a text that comes in pieces: characters that the end may turn out to strip are held back. */
static void
push_strip_fused (SteerDecodeState *state, guint i, const char *piece, gsize length, GString *text)
{
  const Step *step = &g_array_index (state->decoder->steps, Step, i);
  StepState *memory = &state->steps[i];
  char character[6];
  gsize character_size = (gsize) g_unichar_to_utf8 (step->character, character);
  gsize start = 0, keep;
  guint size;

  while (!memory->inside && start < length)
    if (memory->n_removed < step->start && steer_utf8_get (piece + start, &size) == step->character)
      {
        start += size;
        memory->n_removed++;
      }
    else
      memory->inside = TRUE;
  g_string_append_len (memory->held, piece + start, (gssize) (length - start));

  keep = memory->held->len;
  for (guint k = 0; k < step->stop && keep >= character_size
                    && memcmp (memory->held->str + keep - character_size, character, character_size) == 0;
       k++)
    keep -= character_size;
  if (keep > 0)
    {
      g_autofree char *certain = g_memdup2 (memory->held->str, keep);

      g_string_erase (memory->held, 0, (gssize) keep);
      push (state, i + 1, certain, keep, text);
    }
}

static void
push_metaspace (SteerDecodeState *state, guint i, const char *token, gsize length, GString *text)
{
  const Step *step = &g_array_index (state->decoder->steps, Step, i);
  gboolean first = state->steps[i].n_tokens++ == 0;
  g_autoptr (GString) spaced = g_string_sized_new (length + 1);
  guint size;

  for (gsize at = 0; at < length; at += size)
    if (steer_utf8_get (token + at, &size) != step->character)
      g_string_append_len (spaced, token + at, size);
    else if (!first || !step->drop_first)
      g_string_append_c (spaced, ' ');
  push (state, i + 1, spaced->str, spaced->len, text);
}

static void
push_byte_level (SteerDecodeState *state, guint i, const char *token, gsize length, GString *text)
{
  GString *held = state->steps[i].held;
  g_autoptr (GString) whole = g_string_sized_new (length + 4);
  gsize old = held->len;
  gssize n;

  /* a token outside the alphabet (an added one) stands for its own text */
  g_string_set_size (held, old + length);
  n = steer_byte_alphabet_read (token, length, held->str + old);
  if (n < 0)
    memcpy (held->str + old, token, length);
  else
    g_string_truncate (held, old + (gsize) n);
  g_string_erase (held, 0, (gssize) steer_utf8_append_lossy (whole, held->str, held->len, FALSE));
  push (state, i + 1, whole->str, whole->len, text);
}

static void
push (SteerDecodeState *state, guint i, const char *token, gsize length, GString *text)
{
  const Step *step;

  if (i == state->decoder->steps->len)
    {
      g_string_append_len (text, token, (gssize) length);
      return;
    }
  step = &g_array_index (state->decoder->steps, Step, i);
  switch (step->kind)
    {
    case STEP_BYTE_FALLBACK:
      push_byte_fallback (state, i, token, length, text);
      break;
    case STEP_REPLACE:
      push_replace (state, i, token, length, text);
      break;
    case STEP_STRIP:
      (step->fused ? push_strip_fused : push_strip) (state, i, token, length, text);
      break;
    case STEP_METASPACE:
      push_metaspace (state, i, token, length, text);
      break;
    case STEP_BYTE_LEVEL:
      push_byte_level (state, i, token, length, text);
      break;
    case STEP_JOIN:
      if (state->steps[i].n_tokens++ > 0)
        push (state, i + 1, " ", 1, text);
      push (state, i + 1, token, length, text);
      break;
    case STEP_FUSE:
    default:
      push (state, i + 1, token, length, text);
      break;
    }
}

void
steer_decode_state_push (SteerDecodeState *state, const char *content, gsize length, GString *text)
{
  push (state, 0, content, length, text);
}

void
steer_decode_state_finish (SteerDecodeState *state, GString *text)
{
  for (guint i = 0; i < state->decoder->steps->len; i++)
    {
      const Step *step = &g_array_index (state->decoder->steps, Step, i);
      StepState *memory = &state->steps[i];

      if (step->kind == STEP_BYTE_FALLBACK)
        end_byte_run (state, i, text);
      else if (step->kind == STEP_BYTE_LEVEL && memory->held->len > 0)
        {
          g_autoptr (GString) rest = g_string_new (NULL);

          steer_utf8_append_lossy (rest, memory->held->str, memory->held->len, TRUE);
          push (state, i + 1, rest->str, rest->len, text);
        }
      /* what STEP_STRIP still holds is exactly what it strips */
      g_string_truncate (memory->held, 0);
      memory->n_tokens = 0;
      memory->n_removed = 0;
      memory->inside = FALSE;
    }
}
