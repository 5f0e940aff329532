/* The chat as a person meets it: on a pseudo-terminal. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "cli-test-util.h"
#include "test-util.h"

/* Under a sanitizer, on a machine that does other things too. */
#define PATIENCE_SECONDS 60

typedef struct
{
  GSubprocess *process;
  int master;
  int slave;             /* kept open, so that its modes can be looked at afterwards */
  struct termios before; /* its modes when the program began */
  GString *screen;       /* everything the program wrote */
  gsize seen;            /* how much of it earlier expectations have used */
} Terminal;

/* In the child: the terminal becomes its own, so that Ctrl+C reaches it as a signal. */
static void
take_terminal (gpointer data)
{
  setsid ();
  ioctl (STDIN_FILENO, TIOCSCTTY, 0);
}

static void
terminal_init (Terminal *self, const char *name, const char *no_color, const char *const *args)
{
  g_autoptr (GSubprocessLauncher) launcher = cli_launcher_new (G_SUBPROCESS_FLAGS_NONE);
  struct winsize size = { .ws_row = 24, .ws_col = 80 };

  self->master = posix_openpt (O_RDWR | O_NOCTTY | O_CLOEXEC);
  g_assert_cmpint (self->master, >=, 0);
  g_assert_cmpint (grantpt (self->master), ==, 0);
  g_assert_cmpint (unlockpt (self->master), ==, 0);
  self->slave = open (ptsname (self->master), O_RDWR | O_NOCTTY | O_CLOEXEC);
  g_assert_cmpint (self->slave, >=, 0);
  g_assert_cmpint (ioctl (self->slave, TIOCSWINSZ, &size), ==, 0);
  g_assert_cmpint (tcgetattr (self->slave, &self->before), ==, 0);
  self->screen = g_string_new (NULL);
  self->seen = 0;

  g_subprocess_launcher_take_stdin_fd (launcher, dup (self->slave));
  g_subprocess_launcher_take_stdout_fd (launcher, dup (self->slave));
  g_subprocess_launcher_take_stderr_fd (launcher, dup (self->slave));
  g_subprocess_launcher_setenv (launcher, "TERM", name, TRUE);
  if (no_color != NULL)
    g_subprocess_launcher_setenv (launcher, "NO_COLOR", no_color, TRUE);
  g_subprocess_launcher_set_child_setup (launcher, take_terminal, NULL, NULL);
  self->process = cli_spawn (launcher, args);
}

static void
terminal_clear (Terminal *self)
{
  if (self->process != NULL)
    g_subprocess_force_exit (self->process);
  g_clear_object (&self->process);
  close (self->master);
  close (self->slave);
  g_string_free (self->screen, TRUE);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Terminal, terminal_clear)

static void
start_chat (Terminal *self, const char *name, const char *no_color)
{
  const char *const args[]
    = { "chat",          "--model", cli_model (), "--vectors", cli_vectors (), "--steer", "2:97=80",
        "--temperature", "0",       "-n",         "0",         "--context",    "100000",  NULL };

  terminal_init (self, name, no_color, args);
}

static void
press (Terminal *self, const char *keys)
{
  g_assert_cmpint (write (self->master, keys, strlen (keys)), ==, (gssize) strlen (keys));
}

/* Reads what is there within @milliseconds; FALSE when nothing came. */
static gboolean
read_more (Terminal *self, int milliseconds)
{
  struct pollfd wait = { .fd = self->master, .events = POLLIN };
  char buffer[4096];
  ssize_t n;

  if (poll (&wait, 1, milliseconds) <= 0)
    return FALSE;
  n = read (self->master, buffer, sizeof buffer);
  if (n <= 0)
    return FALSE;
  g_string_append_len (self->screen, buffer, n);
  return TRUE;
}

/* Waits until the program has written @text, after what was expected before. */
static void
expect (Terminal *self, const char *text)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE_SECONDS * G_TIME_SPAN_SECOND;
  const char *hit;

  while ((hit = strstr (self->screen->str + self->seen, text)) == NULL)
    {
      read_more (self, 100);
      if (g_get_monotonic_time () > deadline)
        {
          g_autofree char *shown = g_strescape (self->screen->str + self->seen, NULL);

          g_error ("\"%s\" never came; on the screen is %.2000s", text, shown);
        }
    }
  self->seen = (gsize) (hit - self->screen->str) + strlen (text);
}

/* Reads all there is until nothing comes for a while. */
static void
drain (Terminal *self)
{
  while (read_more (self, 300))
    ;
}

static void
expect_end (Terminal *self, int status)
{
  drain (self);
  g_assert_true (g_subprocess_wait (self->process, NULL, NULL));
  g_assert_true (g_subprocess_get_if_exited (self->process));
  g_assert_cmpint (g_subprocess_get_exit_status (self->process), ==, status);
}

static void
test_during_reply (void)
{
  g_auto (Terminal) terminal = { 0 };

  start_chat (&terminal, "xterm", NULL);
  expect (&terminal, "/help lists the commands");
  press (&terminal, "Hello\r");
  expect (&terminal, "aaaa");
  press (&terminal, "/set 1 0\r");
  expect (&terminal, "2:97  the letter a  0");
  press (&terminal, "/add 2:98 80\r");
  expect (&terminal, "2:98  the letter b  80");
  expect (&terminal, "bbbb");
  press (&terminal, "/quit\r");
  expect_end (&terminal, 0);
}

static void
test_typing (void)
{
  g_auto (Terminal) terminal = { 0 };
  const char *after;

  start_chat (&terminal, "xterm", NULL);
  press (&terminal, "Hello\r");
  expect (&terminal, "aaaa");
  press (&terminal, "x");
  expect (&terminal, "> \033[0mx\033[K");
  drain (&terminal);
  /* The reply waits while something is being typed, and goes on where it was. */
  g_assert_cmpstr (terminal.screen->str + terminal.seen, ==, "\r\033[3C");
  terminal.seen = terminal.screen->len;
  press (&terminal, "\177");
  expect (&terminal, "aaaa");
  after = terminal.screen->str + terminal.seen;
  g_assert_null (strstr (after, "> "));
  press (&terminal, "\003");
  expect (&terminal, "[stopped]");
  press (&terminal, "\004");
  expect_end (&terminal, 0);
}

static void
test_interrupt (void)
{
  g_auto (Terminal) terminal = { 0 };

  start_chat (&terminal, "xterm", NULL);
  press (&terminal, "Hello\r");
  expect (&terminal, "aaaa");
  press (&terminal, "\003");
  expect (&terminal, "[stopped]");
  expect (&terminal, "> ");
  press (&terminal, "\003");
  expect (&terminal, "[Ctrl+D or /quit ends the chat]");
  press (&terminal, "Again\r");
  expect (&terminal, "aaaa");
  press (&terminal, "\003");
  expect (&terminal, "[stopped]");
  press (&terminal, "/stats\r");
  expect (&terminal, "last reply: ");
  press (&terminal, "\004");
  expect_end (&terminal, 0);
}

static void
test_modes (void)
{
  g_auto (Terminal) terminal = { 0 };
  struct termios during, after;

  start_chat (&terminal, "xterm", NULL);
  expect (&terminal, "> ");
  g_assert_cmpint (tcgetattr (terminal.slave, &during), ==, 0);
  g_assert_true ((during.c_lflag & (ICANON | ECHO)) == 0);
  g_assert_true ((during.c_lflag & ISIG) != 0);
  press (&terminal, "\004");
  expect (&terminal, "\033[?2004l");
  expect_end (&terminal, 0);
  g_assert_cmpint (tcgetattr (terminal.slave, &after), ==, 0);
  g_assert_cmpuint (after.c_lflag, ==, terminal.before.c_lflag);
  g_assert_cmpuint (after.c_iflag, ==, terminal.before.c_iflag);
}

static void
test_terminate (void)
{
  g_auto (Terminal) terminal = { 0 };
  struct termios after;

  start_chat (&terminal, "xterm", NULL);
  press (&terminal, "Hello\r");
  expect (&terminal, "aaaa");
  g_subprocess_send_signal (terminal.process, SIGTERM);
  expect_end (&terminal, 1);
  g_assert_cmpint (tcgetattr (terminal.slave, &after), ==, 0);
  g_assert_cmpuint (after.c_lflag, ==, terminal.before.c_lflag);
}

static void
test_progress (void)
{
  g_auto (Terminal) terminal = { 0 };
  g_autofree char *question = g_strnfill (20000, 'x');

  start_chat (&terminal, "xterm", NULL);
  expect (&terminal, "> ");
  press (&terminal, question);
  press (&terminal, "\r");
  expect (&terminal, "reading: ");
  expect (&terminal, " of 20019 tokens");
  press (&terminal, "\003");
  expect (&terminal, "[stopped]");
  press (&terminal, "\004");
  expect_end (&terminal, 0);
}

/* Any thread of the program may be the one that the signal interrupts, so this may take a moment. */
static void
expect_raw (Terminal *self)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE_SECONDS * G_TIME_SPAN_SECOND;
  struct termios modes;

  do
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      read_more (self, 5);
      g_assert_cmpint (tcgetattr (self->slave, &modes), ==, 0);
    }
  while ((modes.c_lflag & (ICANON | ECHO)) != 0);
}

static void
test_continue (void)
{
  g_auto (Terminal) terminal = { 0 };

  start_chat (&terminal, "xterm", NULL);
  expect (&terminal, "> ");
  /* As a shell does when it gets the terminal back and gives it again. */
  g_assert_cmpint (tcsetattr (terminal.slave, TCSANOW, &terminal.before), ==, 0);
  g_subprocess_send_signal (terminal.process, SIGCONT);
  expect_raw (&terminal);
  press (&terminal, "/features\r");
  expect (&terminal, "the letter a");
  press (&terminal, "\004");
  expect_end (&terminal, 0);
}

static void
test_queue (void)
{
  g_auto (Terminal) terminal = { 0 };

  start_chat (&terminal, "xterm", NULL);
  press (&terminal, "Hello\r");
  expect (&terminal, "aaaa");
  press (&terminal, "And then?\r");
  expect (&terminal, "[asked when this reply is done");
  press (&terminal, "/set 1 0\r/add 2:98 80\r");
  expect (&terminal, "bbbb");
  press (&terminal, "\003");
  expect (&terminal, "[stopped]");
  expect (&terminal, "bbbb");
  press (&terminal, "\003");
  expect (&terminal, "[stopped]");
  press (&terminal, "\004");
  expect_end (&terminal, 0);
}

static void
test_colors (void)
{
  g_auto (Terminal) colored = { 0 };
  g_auto (Terminal) plain = { 0 };
  g_auto (Terminal) empty = { 0 };

  start_chat (&colored, "xterm", NULL);
  expect (&colored, "\033[1;32m> \033[0m");
  press (&colored, "\004");
  expect_end (&colored, 0);

  start_chat (&plain, "xterm", "1");
  expect (&plain, "> ");
  press (&plain, "/help\r");
  expect (&plain, "/regenerate");
  press (&plain, "\004");
  expect_end (&plain, 0);
  g_assert_null (strstr (plain.screen->str, "\033[0m"));
  g_assert_null (strstr (plain.screen->str, "\033[1;32m"));

  /* An empty value asks for nothing. */
  start_chat (&empty, "xterm", "");
  expect (&empty, "\033[1;32m> \033[0m");
  press (&empty, "\004");
  expect_end (&empty, 0);
}

static void
test_dumb (void)
{
  g_auto (Terminal) terminal = { 0 };

  start_chat (&terminal, "dumb", NULL);
  expect (&terminal, "> ");
  press (&terminal, "Hello\n");
  expect (&terminal, "aaaa");
  press (&terminal, "/set 1 0\n/add 2:98 80\n");
  expect (&terminal, "bbbb");
  press (&terminal, "\003");
  expect (&terminal, "[stopped]");
  expect (&terminal, "> ");
  press (&terminal, "/features\n");
  expect (&terminal, "2:98  the letter b  80");
  expect (&terminal, "> ");
  press (&terminal, "\004");
  expect_end (&terminal, 0);
  g_assert_null (strchr (terminal.screen->str, '\033'));
}

static void
test_history (void)
{
  g_auto (Terminal) first = { 0 };
  g_auto (Terminal) second = { 0 };

  start_chat (&first, "xterm", NULL);
  press (&first, "/features\r");
  expect (&first, "the letter a");
  press (&first, "/off\r");
  expect (&first, "steering is off");
  press (&first, "\004");
  expect_end (&first, 0);

  start_chat (&second, "xterm", NULL);
  expect (&second, "> ");
  press (&second, "\033[A\033[A\r");
  expect (&second, "> \033[0m/features");
  expect (&second, "the letter a");
  press (&second, "\004");
  expect_end (&second, 0);
}

/* What a model says must not act on a terminal, whatever command shows it. */
static void
test_escapes (void)
{
  const char *const chat[]
    = { "chat", "--model", cli_model (), "--vectors", cli_vectors (), "--steer", "2:27=80", "--temperature",
        "0",    "-n",      "3",          NULL };
  const char *const generate[]
    = { "generate",      "--model", cli_model (), "--vectors", cli_vectors (), "--steer", "2:27=80",
        "--temperature", "0",       "-n",         "3",         "--prompt",     "Hi",      NULL };
  g_auto (Terminal) talking = { 0 };
  g_auto (Terminal) generating = { 0 };

  terminal_init (&talking, "dumb", NULL, chat);
  expect (&talking, "> ");
  press (&talking, "Hello\n");
  expect (&talking, "\\x1b\\x1b\\x1b");
  press (&talking, "\004");
  expect_end (&talking, 0);
  g_assert_null (strchr (talking.screen->str, '\033'));

  terminal_init (&generating, "xterm", NULL, generate);
  expect (&generating, "\\x1b\\x1b\\x1b");
  expect_end (&generating, 0);
  g_assert_null (strchr (generating.screen->str, '\033'));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cli/terminal/steering changes while a reply is written", test_during_reply);
  g_test_add_func ("/cli/terminal/a reply waits while something is typed", test_typing);
  g_test_add_func ("/cli/terminal/ctrl c stops the reply and not the chat", test_interrupt);
  g_test_add_func ("/cli/terminal/a question waits for the reply to end", test_queue);
  g_test_add_func ("/cli/terminal/the terminal is given back as it was", test_modes);
  g_test_add_func ("/cli/terminal/a termination gives it back too", test_terminate);
  g_test_add_func ("/cli/terminal/a long prompt shows how far it is read", test_progress);
  g_test_add_func ("/cli/terminal/a stopped chat goes on as it was", test_continue);
  g_test_add_func ("/cli/terminal/colours yield to NO_COLOR", test_colors);
  g_test_add_func ("/cli/terminal/a dumb terminal gets no escape sequence", test_dumb);
  g_test_add_func ("/cli/terminal/lines of an earlier chat come back", test_history);
  g_test_add_func ("/cli/terminal/escape sequences of a model are shown and not sent", test_escapes);
  return g_test_run ();
}
