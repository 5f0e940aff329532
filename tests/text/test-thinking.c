#include <string.h>

#include "test-util.h"
#include "text/steer-thinking.h"

/* What is found must be the same however the reply arrived. */
static void
read_in_pieces (SteerThinking *thinking, const char *reply, gsize piece)
{
  gsize length = strlen (reply);

  for (gsize i = piece; i < length; i += piece)
    {
      g_autofree char *begin = g_strndup (reply, i);

      steer_thinking_read (thinking, begin, i, FALSE);
    }
  steer_thinking_read (thinking, reply, length, TRUE);
}

/* @thought: (nullable) */
static void
assert_parts (const char *reply, const char *thought, const char *answer)
{
  for (gsize piece = 1; piece <= strlen (reply) + 1; piece++)
    {
      SteerThinking thinking = { 0 };
      g_autofree char *found = NULL;

      read_in_pieces (&thinking, reply, piece);
      g_assert_cmpstr (reply + thinking.answer, ==, answer);
      g_assert_true (steer_thinking_has_thought (&thinking) == (thought != NULL));
      if (thought == NULL)
        continue;
      g_assert_cmpint (thinking.state, ==, STEER_THINKING_ENDED);
      found = g_strndup (reply + thinking.start, thinking.end - thinking.start);
      g_assert_cmpstr (found, ==, thought);
    }
}

static void
test_parts (void)
{
  assert_parts ("<think>\nHm.\n\nYes.\n</think>\n\nPi is 3.", "Hm.\n\nYes.", "Pi is 3.");
  assert_parts (" \n<think>Hm.</think>Pi", "Hm.", "Pi");
  assert_parts ("<think> Hm. </think> Pi\n", "Hm.", "Pi\n");
  assert_parts ("<think>\nHm", "Hm", "");
  assert_parts ("<think>\nHm.\n</think>\n\n", "Hm.", "");
}

static void
test_empty (void)
{
  assert_parts ("<think>\n\n</think>\n\nPi", NULL, "Pi");
  assert_parts ("<think></think>", NULL, "");
  assert_parts ("<think>\n ", NULL, "");
}

/* Only at the beginning, and only as it is written. */
static void
test_none (void)
{
  assert_parts ("", NULL, "");
  assert_parts (" \n", NULL, " \n");
  assert_parts ("Pi", NULL, "Pi");
  assert_parts ("It says <think>so</think>.", NULL, "It says <think>so</think>.");
  assert_parts ("<thin", NULL, "<thin");
  assert_parts ("<Think>Hm</think>Pi", NULL, "<Think>Hm</think>Pi");
  assert_parts ("</think>Pi", NULL, "</think>Pi");
}

/* The indentation of a line is Markdown. */
static void
test_indentation (void)
{
  assert_parts ("<think>\n \n    code\n</think>\n\n    more", "    code", "    more");
}

/* Whatever is open in it, and whatever looks like its end. */
static void
test_end (void)
{
  assert_parts ("<think>\n```\nx\n</think>\n\nPi", "```\nx", "Pi");
  assert_parts ("<think>a</thi</think>b</think>c", "a</thi", "b</think>c");
  assert_parts ("<think>a<think>b</think>c", "a<think>b", "c");
  assert_parts ("<think>a < b </th", "a < b </th", "");
}

static void
assert_state (const char *reply, SteerThinkingState state, const char *thought)
{
  SteerThinking thinking = { 0 };
  g_autofree char *found = NULL;

  steer_thinking_read (&thinking, reply, strlen (reply), FALSE);
  g_assert_cmpint (thinking.state, ==, state);
  found = g_strndup (reply + thinking.start, thinking.end - thinking.start);
  g_assert_cmpstr (found, ==, thought);
}

/* Half a tag is never taken for text. */
static void
test_unfinished (void)
{
  assert_state ("", STEER_THINKING_POSSIBLE, "");
  assert_state ("\n<thin", STEER_THINKING_POSSIBLE, "");
  assert_state ("<thing", STEER_THINKING_NONE, "");
  assert_state ("<think>\n</", STEER_THINKING_OPEN, "");
  assert_state ("<think>\nHm.\n</think", STEER_THINKING_OPEN, "Hm.\n");
  assert_state ("<think>\nHm.\n</thing", STEER_THINKING_OPEN, "Hm.\n</thing");
  assert_state ("<think>\nHm.\n</think>", STEER_THINKING_ENDED, "Hm.");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/thinking/a-reply-is-a-thought-and-an-answer", test_parts);
  g_test_add_func ("/thinking/an-empty-thought-is-none", test_empty);
  g_test_add_func ("/thinking/it-counts-at-the-beginning-only", test_none);
  g_test_add_func ("/thinking/the-indentation-of-a-line-is-kept", test_indentation);
  g_test_add_func ("/thinking/it-ends-with-the-first-end", test_end);
  g_test_add_func ("/thinking/half-a-tag-is-no-text", test_unfinished);
  return g_test_run ();
}
