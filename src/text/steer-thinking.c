#include "steer-thinking.h"

#include <string.h>

#define OPEN "<think>"
#define CLOSE "</think>"

/* Behind blank lines and what is left blank of the first one; the indentation of a line belongs to it. @end where there
 * is nothing else. */
static gsize
skip_blank (const char *text, gsize start, gsize end)
{
  gboolean first_line = TRUE;
  gsize i = start;

  for (; i < end && g_ascii_isspace (text[i]); i++)
    {
      first_line &= text[i] != '\n';
      if (first_line || text[i] == '\n')
        start = i + 1;
    }
  return i == end ? end : start;
}

static gsize
trim_end (const char *text, gsize start, gsize end)
{
  while (end > start && g_ascii_isspace (text[end - 1]))
    end--;
  return end;
}

/* The end of @text without what may become the closing tag. */
static gsize
hold_tag_back (const char *text, gsize start, gsize length)
{
  for (gsize n = MIN (strlen (CLOSE) - 1, length - start); n > 0; n--)
    {
      if (memcmp (text + length - n, CLOSE, n) == 0)
        return length - n;
    }
  return length;
}

static void
look_for_begin (SteerThinking *self, const char *reply, gsize length)
{
  gsize i = 0, n;

  while (i < length && g_ascii_isspace (reply[i]))
    i++;
  n = MIN (length - i, strlen (OPEN));
  if (memcmp (reply + i, OPEN, n) != 0)
    {
      self->state = STEER_THINKING_NONE;
      self->answer = 0;
      return;
    }
  self->answer = length;
  if (n < strlen (OPEN))
    return;
  self->state = STEER_THINKING_OPEN;
  self->open = self->searched = i + n;
}

static void
look_for_end (SteerThinking *self, const char *reply, gsize length)
{
  const char *found = g_strstr_len (reply + self->searched, (gssize) (length - self->searched), CLOSE);

  self->end = found != NULL ? (gsize) (found - reply) : hold_tag_back (reply, self->searched, length);
  self->start = skip_blank (reply, self->open, self->end);
  self->close = self->answer = length;
  if (found == NULL)
    {
      self->searched = MAX (self->searched, length - MIN (length, strlen (CLOSE) - 1));
      return;
    }
  self->state = STEER_THINKING_ENDED;
  self->end = trim_end (reply, self->start, self->end);
  self->close = (gsize) (found - reply) + strlen (CLOSE);
}

/* What has begun and not ended is what it looks like. */
static void
give_up (SteerThinking *self, const char *reply, gsize length)
{
  if (self->state == STEER_THINKING_POSSIBLE)
    {
      self->state = STEER_THINKING_NONE;
      self->answer = 0;
    }
  else if (self->state == STEER_THINKING_OPEN)
    {
      self->state = STEER_THINKING_ENDED;
      self->start = skip_blank (reply, self->open, length);
      self->end = trim_end (reply, self->start, length);
    }
}

void
steer_thinking_read (SteerThinking *self, const char *reply, gsize length, gboolean complete)
{
  if (self->state == STEER_THINKING_POSSIBLE)
    look_for_begin (self, reply, length);
  if (self->state == STEER_THINKING_OPEN)
    look_for_end (self, reply, length);
  if (complete)
    give_up (self, reply, length);
  if (self->state == STEER_THINKING_ENDED)
    self->answer = skip_blank (reply, self->close, length);
}

gboolean
steer_thinking_has_thought (const SteerThinking *self)
{
  return self->end > self->start;
}
