/* What models write between <think> and </think> before they answer, as the templates of Qwen3 and DeepSeek treat it.
 * Reference: those templates; str.split(), str.strip() and str.startswith() of Python. */

#include "steer-template-private.h"

#include <string.h>

#define OPEN "<think>"
#define CLOSE "</think>"

static const char *
skip_line_ends (const char *text)
{
  return text + strspn (text, "\n");
}

const char *
steer_thought_find_answer (const char *reply)
{
  const char *answer = reply;

  for (const char *p; (p = strstr (answer, CLOSE)) != NULL;)
    answer = p + strlen (CLOSE);
  return answer;
}

/* Thoughts that are opened or closed more than once: the answer follows the last end, and the thought is what stands
 * before the first, from the last opening there on. */
SteerThought
steer_thought_split (const char *reply)
{
  const char *first = strstr (reply, CLOSE);
  const char *start = reply;
  const char *end = first;

  if (first == NULL)
    return (SteerThought){ reply, 0, reply };
  while (end > reply && end[-1] == '\n')
    end--;
  for (const char *p; (p = g_strstr_len (start, end - start, OPEN)) != NULL;)
    start = p + strlen (OPEN);
  start = MIN (skip_line_ends (start), end);
  return (SteerThought){ start, (gsize) (end - start), skip_line_ends (steer_thought_find_answer (reply)) };
}

/* What a tool answered is no question, though it is told as the user's. */
guint
steer_thought_find_last_question (const SteerTurn *turns, guint n_turns)
{
  for (guint i = n_turns; i-- > 0;)
    if (turns[i].role == STEER_ROLE_USER
        && !(g_str_has_prefix (turns[i].content, "<tool_response>")
             && g_str_has_suffix (turns[i].content, "</tool_response>")))
      return i;
  return n_turns - 1;
}
