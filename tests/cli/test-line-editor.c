#include <glib/gstdio.h>
#include <string.h>

#include "steer-line-editor.h"
#include "test-util.h"

/* Types @keys; the event that ended it. */
static SteerLineEvent
type (SteerLineEditor *editor, const char *keys)
{
  gsize used;

  return steer_line_editor_feed (editor, keys, strlen (keys), &used);
}

static void
assert_line (const char *keys, const char *expected)
{
  g_autoptr (SteerLineEditor) editor = steer_line_editor_new (NULL);
  g_autofree char *line = NULL;

  g_assert_cmpint (type (editor, keys), ==, STEER_LINE_DONE);
  line = steer_line_editor_take (editor);
  g_assert_cmpstr (line, ==, expected);
  g_assert_true (steer_line_editor_is_empty (editor));
}

static void
test_keys (void)
{
  assert_line ("hello\r", "hello");
  assert_line ("hello\n", "hello");
  assert_line ("helo\033[Dl\r", "hello");
  assert_line ("ello\001h\005!\r", "hello!");
  assert_line ("hellx\177o\r", "hello");
  assert_line ("hhello\033[H\033[3~\r", "hello");
  assert_line ("hello\033OH-\033OF-\r", "-hello-");
  assert_line ("hello world\027\r", "hello ");
  assert_line ("hello world\033b\013\r", "hello ");
  assert_line ("junk\025hello\r", "hello");
  assert_line ("ehllo\033[1;5D\006\024\r", "hello");
  assert_line ("a b c\033[1;5D\033[1;5DX\r", "a Xb c");
  assert_line ("\033[5~hello\033[99;99u\r", "hello");
}

static void
test_utf8 (void)
{
  g_autoptr (SteerLineEditor) editor = steer_line_editor_new (NULL);
  const char *text = "né🦙";
  g_autofree char *line = NULL;

  /* Byte by byte, as a slow line may bring it. */
  for (const char *p = text; *p != '\0'; p++)
    {
      char byte[2] = { *p, '\0' };

      g_assert_cmpint (type (editor, byte), ==, STEER_LINE_NONE);
    }
  g_assert_cmpint (type (editor, "\177\r"), ==, STEER_LINE_DONE);
  line = steer_line_editor_take (editor);
  g_assert_cmpstr (line, ==, "né");

  assert_line ("e\314\201x\033[D\177o\r", "ox");
  assert_line ("a\377b\r", "a\357\277\275b");
}

static void
test_controls (void)
{
  /* C1 controls and stray C0 ones are not text. */
  assert_line ("a\302\233b\007c\r", "abc");
}

static void
test_paste (void)
{
  assert_line ("\033[200~one\rtwo\tthree\033[201~\r", "one\ntwo\tthree");
}

static void
test_end (void)
{
  g_autoptr (SteerLineEditor) editor = steer_line_editor_new (NULL);

  g_assert_cmpint (type (editor, "a\004"), ==, STEER_LINE_NONE);
  g_assert_cmpint (type (editor, "\177\004"), ==, STEER_LINE_END);
}

static void
test_rest (void)
{
  g_autoptr (SteerLineEditor) editor = steer_line_editor_new (NULL);
  gsize used;

  g_assert_cmpint (steer_line_editor_feed (editor, "ab\rcd", 5, &used), ==, STEER_LINE_DONE);
  g_assert_cmpuint (used, ==, 3);
}

static void
assert_take (SteerLineEditor *editor, const char *keys, const char *expected)
{
  g_autofree char *line = NULL;

  g_assert_cmpint (type (editor, keys), ==, STEER_LINE_DONE);
  line = steer_line_editor_take (editor);
  g_assert_cmpstr (line, ==, expected);
}

static void
test_history (void)
{
  g_autofree char *dir = test_make_dir ();
  g_autofree char *path = g_build_filename (dir, "new", "history", NULL);
  SteerLineEditor *editor = steer_line_editor_new (path);
  GStatBuf status;

  assert_take (editor, "first\r", "first");
  assert_take (editor, "\033[200~a\nb\\n\033[201~\r", "a\nb\\n");
  assert_take (editor, "typed\033[A\033[A\033[B\033[B!\r", "typed!");
  assert_take (editor, "\033[A\r", "typed!");
  steer_line_editor_free (editor);

  g_assert_cmpint (g_stat (path, &status), ==, 0);
  g_assert_cmpint (status.st_mode & 0777, ==, 0600);
  editor = steer_line_editor_new (path);
  /* A line that repeats the one before is there once. */
  assert_take (editor, "\020\020\r", "a\nb\\n");
  steer_line_editor_free (editor);
  test_remove_dir (g_steal_pointer (&dir));
}

static void
assert_drawing (SteerLineEditor *editor, guint columns, const char *expected)
{
  g_autofree char *drawing = steer_line_editor_draw (editor, "> ", 2, columns);

  g_assert_cmpstr (drawing, ==, expected);
}

static void
test_drawing (void)
{
  g_autoptr (SteerLineEditor) editor = steer_line_editor_new (NULL);

  assert_drawing (editor, 80, "\r> \033[K\r\033[2C");
  type (editor, "日本\033[D");
  assert_drawing (editor, 80, "\r> 日本\033[K\r\033[4C");
  type (editor, "\033[200~\r\033[201~");
  assert_drawing (editor, 80, "\r> 日⏎本\033[K\r\033[5C");
}

static void
test_long_line (void)
{
  g_autoptr (SteerLineEditor) editor = steer_line_editor_new (NULL);

  type (editor, "0123456789abcdef");
  /* Never a full row, which would wrap. */
  assert_drawing (editor, 10, "\r> 9abcdef\033[K\r\033[9C");
  type (editor, "\001");
  assert_drawing (editor, 10, "\r> 0123456\033[K\r\033[2C");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/line-editor/keys edit the line", test_keys);
  g_test_add_func ("/line-editor/characters of several bytes are one", test_utf8);
  g_test_add_func ("/line-editor/control characters are not inserted", test_controls);
  g_test_add_func ("/line-editor/pasted newlines stay in the line", test_paste);
  g_test_add_func ("/line-editor/ctrl d ends an empty line only", test_end);
  g_test_add_func ("/line-editor/what follows a line is left for the next", test_rest);
  g_test_add_func ("/line-editor/history is kept privately and browsed", test_history);
  g_test_add_func ("/line-editor/the cursor stands where wide characters put it", test_drawing);
  g_test_add_func ("/line-editor/a long line is shown around the cursor", test_long_line);
  return g_test_run ();
}
