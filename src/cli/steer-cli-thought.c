#include "steer-cli-thought.h"

#define DIM "\033[2m"
#define PLAIN "\033[0m"

static void
show_up_to (SteerCliThought *self, GString *out, gsize end, gboolean dim)
{
  if (end <= self->shown)
    return;
  g_string_append (out, dim ? DIM : "");
  g_string_append_len (out, self->reply->str + self->shown, (gssize) (end - self->shown));
  g_string_append (out, dim ? PLAIN : "");
  self->shown = end;
}

static void
show (SteerCliThought *self, GString *out)
{
  if (self->thinking.state == STEER_THINKING_POSSIBLE)
    return;
  if (self->thinking.state != STEER_THINKING_NONE)
    show_up_to (self, out, self->thinking.close, TRUE);
  show_up_to (self, out, self->reply->len, FALSE);
}

static gboolean
is_past_it (SteerCliThought *self)
{
  return self->thinking.state == STEER_THINKING_NONE || self->thinking.state == STEER_THINKING_ENDED;
}

void
steer_cli_thought_append (SteerCliThought *self, GString *out, const char *text, gsize length)
{
  if (is_past_it (self))
    {
      g_string_append_len (out, text, (gssize) length);
      return;
    }
  if (self->reply == NULL)
    self->reply = g_string_new (NULL);
  g_string_append_len (self->reply, text, (gssize) length);
  steer_thinking_read (&self->thinking, self->reply->str, self->reply->len, FALSE);
  show (self, out);
}

void
steer_cli_thought_end (SteerCliThought *self, GString *out)
{
  if (self->reply != NULL)
    {
      steer_thinking_read (&self->thinking, self->reply->str, self->reply->len, TRUE);
      show (self, out);
      g_string_free (self->reply, TRUE);
    }
  *self = (SteerCliThought){ 0 };
}
