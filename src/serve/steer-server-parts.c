/* What of a reply is thought and what is answer, as it becomes certain: a tag may be half written, and white space at a
 * thought's end is none of it. */
#include "steer-server-private.h"

static gsize
trim_end (const char *text, gsize start, gsize end)
{
  while (end > start && g_ascii_isspace (text[end - 1]))
    end--;
  return end;
}

/* What of [@start, @end) was not told before. */
static void
tell (gsize *told, const char *text, gsize start, gsize end, GString *out)
{
  start = MAX (start, *told);
  if (start >= end)
    return;
  g_string_append_len (out, text + start, (gssize) (end - start));
  *told = end;
}

void
steer_server_parts_read (SteerServerParts *self,
                         const GString *reply,
                         gboolean complete,
                         GString *thought,
                         GString *answer)
{
  SteerThinking *thinking = &self->thinking;

  steer_thinking_read (thinking, reply->str, reply->len, complete);
  if (thinking->state == STEER_THINKING_OPEN || thinking->state == STEER_THINKING_ENDED)
    tell (&self->thought_told, reply->str, thinking->start, trim_end (reply->str, thinking->start, thinking->end),
          thought);
  if (thinking->state == STEER_THINKING_NONE || thinking->state == STEER_THINKING_ENDED)
    tell (&self->answer_told, reply->str, thinking->answer, reply->len, answer);
}
