#include <string.h>

#include "steer-cli-thought.h"
#include "test-util.h"

/* What the screen shows of the pieces, "|" between one and the next. */
static char *
show (const char *pieces)
{
  g_auto (GStrv) parts = g_strsplit (pieces, "|", -1);
  SteerCliThought thought = { 0 };
  GString *out = g_string_new (NULL);

  for (guint i = 0; parts[i] != NULL; i++)
    {
      steer_cli_thought_append (&thought, out, parts[i], strlen (parts[i]));
      g_string_append_c (out, '|');
    }
  steer_cli_thought_end (&thought, out);
  return g_string_free (out, FALSE);
}

static void
assert_shown (const char *pieces, const char *expected)
{
  g_autofree char *shown = show (pieces);

  g_assert_cmpstr (shown, ==, expected);
}

#define DIM(text) "\033[2m" text "\033[0m"

/* A note between two pieces would end what one of them has begun. */
static void
test_pieces (void)
{
  assert_shown ("<think>\nHm|, so.\n</think>\n\nPi|.", DIM ("<think>\nHm") "|" DIM (", so.\n</think>") "\n\nPi|.|");
  assert_shown ("<think>\nHm", DIM ("<think>\nHm") "|");
  assert_shown ("<think>\n\n</think>\n\nPi", DIM ("<think>\n\n</think>") "\n\nPi|");
}

static void
test_tags_in_pieces (void)
{
  assert_shown ("<th|ink>Hm</|think>Pi", "|" DIM ("<think>Hm</") "|" DIM ("think>") "Pi|");
  assert_shown ("\n<t|d>", "|\n<td>|");
  assert_shown ("<thi", "|<thi");
}

static void
test_plain (void)
{
  assert_shown ("Pi. <think>|Hm</think>", "Pi. <think>|Hm</think>|");
  assert_shown ("|", "||");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cli/thought/every piece of it is dim for itself", test_pieces);
  g_test_add_func ("/cli/thought/half a tag waits for the rest", test_tags_in_pieces);
  g_test_add_func ("/cli/thought/what is no thought is not dim", test_plain);
  return g_test_run ();
}
