#include "steer-cli-terminal.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "steer-cli-output.h"
#include "steer-cli-thought.h"
#include "steer-line-editor.h"

#define READ_SIZE 4096

#define PROMPT "> "
#define PROMPT_COLUMNS 2

#define BRACKETED_PASTE_ON "\033[?2004h"
#define BRACKETED_PASTE_OFF "\033[?2004l"

struct _SteerCliTerminal
{
  SteerCliTerminalEvents events;
  gpointer data;

  gboolean interactive;
  gboolean note_colors;
  gboolean reply_colors;
  guint source; /* 0: not reading */
  gboolean ended;
  gboolean busy;

  GString *pending; /* bytes of a line that is not complete; without an editor */
  gboolean waiting; /* whole lines may be in pending: an idle call is to look */

  SteerLineEditor *editor; /* nullable: lines are taken as they come */
  gboolean prompt_shown;   /* the editor's line stands on the screen */
  gboolean status_shown;   /* a line of steer_cli_terminal_set_status() does */
  GString *held;           /* a reply's text that waits for the line being typed */

  gboolean at_line_start; /* the screen's cursor */
  gboolean reply_begun;   /* something of the current reply was written */
  gboolean reply_open;    /* and its last line has no newline yet */
  SteerCliThought thought;
};

/* For the way back at exit and for a process that was stopped and goes on. */
static struct termios cooked;
static struct termios raw;
static volatile sig_atomic_t is_raw;

static void
leave_raw (void)
{
  if (!is_raw)
    return;
  is_raw = 0;
  tcsetattr (STDIN_FILENO, TCSADRAIN, &cooked);
  if (write (STDERR_FILENO, BRACKETED_PASTE_OFF, strlen (BRACKETED_PASTE_OFF)) < 0)
    return;
}

/* The shell has set its own ways in the meantime. Only async-signal-safe calls. */
static void
on_continue (int number)
{
  int kept = errno;

  if (is_raw)
    tcsetattr (STDIN_FILENO, TCSADRAIN, &raw);
  errno = kept;
}

static gboolean
enter_raw (void)
{
  static gboolean registered = FALSE;
  struct sigaction action = { .sa_handler = on_continue, .sa_flags = SA_RESTART };

  if (tcgetattr (STDIN_FILENO, &cooked) != 0)
    return FALSE;
  raw = cooked;
  /* Signals stay with the terminal: Ctrl+C arrives as SIGINT whatever this program does. */
  raw.c_lflag &= ~(tcflag_t) (ICANON | ECHO | IEXTEN);
  raw.c_iflag &= ~(tcflag_t) (IXON | INLCR | IGNCR);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  if (tcsetattr (STDIN_FILENO, TCSADRAIN, &raw) != 0)
    return FALSE;
  is_raw = 1;
  sigaction (SIGCONT, &action, NULL);
  if (!registered)
    atexit (leave_raw);
  registered = TRUE;
  return TRUE;
}

static void
write_screen (const char *text)
{
  gsize length = strlen (text);

  while (length > 0)
    {
      ssize_t n = write (STDERR_FILENO, text, length);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return;
      text += n;
      length -= (gsize) n;
    }
}

static guint
get_screen_columns (void)
{
  struct winsize size;

  return ioctl (STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* Begins a new line unless the cursor stands at one. */
static void
break_line (SteerCliTerminal *self)
{
  if (!self->at_line_start)
    write_screen ("\n");
  self->at_line_start = TRUE;
}

static void
erase_status (SteerCliTerminal *self)
{
  if (self->status_shown)
    write_screen ("\r\033[K");
  self->status_shown = FALSE;
}

static void
draw_prompt (SteerCliTerminal *self)
{
  g_autofree char *drawing = NULL;

  erase_status (self);
  if (!self->prompt_shown)
    break_line (self);
  self->prompt_shown = TRUE;
  drawing = steer_line_editor_draw (self->editor, self->note_colors ? "\033[1;32m" PROMPT "\033[0m" : PROMPT,
                                    PROMPT_COLUMNS, get_screen_columns ());
  write_screen (drawing);
}

static void
erase_prompt (SteerCliTerminal *self)
{
  if (!self->prompt_shown)
    return;
  write_screen ("\r\033[K");
  self->prompt_shown = FALSE;
}

static void
write_reply (SteerCliTerminal *self, const char *text, gsize length)
{
  g_autoptr (GString) colored = g_string_new (NULL);

  if (length == 0)
    return;
  erase_status (self);
  if (self->reply_colors)
    steer_cli_thought_append (&self->thought, colored, text, length);
  else
    g_string_append_len (colored, text, (gssize) length);
  steer_cli_write (colored->str, colored->len);
  self->reply_begun = TRUE;
  self->reply_open = text[length - 1] != '\n';
  if (isatty (STDOUT_FILENO))
    self->at_line_start = !self->reply_open;
}

static void
end_thought (SteerCliTerminal *self)
{
  g_autoptr (GString) colored = g_string_new (NULL);

  steer_cli_thought_end (&self->thought, colored);
  steer_cli_write (colored->str, colored->len);
}

static void
release_held (SteerCliTerminal *self)
{
  write_reply (self, self->held->str, self->held->len);
  g_string_truncate (self->held, 0);
}

/* Brings the screen into the state that belongs to what is typed and whether a reply is being written. */
static void
settle (SteerCliTerminal *self)
{
  if (self->editor == NULL || self->ended)
    return;
  if (!self->busy || !steer_line_editor_is_empty (self->editor))
    {
      draw_prompt (self);
      return;
    }
  erase_prompt (self);
  release_held (self);
}

/* The line stays on the screen as it was entered, also when its keys came faster than they could be shown. */
static void
enter_line (SteerCliTerminal *self)
{
  g_autofree char *text = NULL;

  draw_prompt (self);
  text = steer_line_editor_take (self->editor);
  write_screen ("\n");
  self->prompt_shown = FALSE;
  self->events.line (text, self->data);
}

static void
end_input (SteerCliTerminal *self)
{
  if (self->ended)
    return;
  self->ended = TRUE;
  steer_cli_terminal_set_reading (self, FALSE);
  erase_prompt (self);
  release_held (self);
  self->events.end (self->data);
}

static void
type (SteerCliTerminal *self, const char *bytes, gsize length)
{
  while (length > 0 && !self->ended)
    {
      gsize used;

      switch (steer_line_editor_feed (self->editor, bytes, length, &used))
        {
        case STEER_LINE_DONE:
          enter_line (self);
          break;
        case STEER_LINE_END:
          end_input (self);
          break;
        case STEER_LINE_REDRAW:
          write_screen ("\033[H\033[2J");
          break;
        case STEER_LINE_NONE:
        default:
          break;
        }
      bytes += used;
      length -= used;
    }
  settle (self);
}

/* Where there is no editor but somebody who types. */
static void
show_plain_prompt (SteerCliTerminal *self)
{
  if (self->editor != NULL || !self->interactive || self->busy || self->ended || self->source == 0)
    return;
  break_line (self);
  write_screen (PROMPT);
  self->at_line_start = FALSE;
}

/* NUL and bytes that are not UTF-8 become U+FFFD. */
static void
deliver_line (SteerCliTerminal *self, const char *bytes, gsize length)
{
  g_autofree char *text = NULL;

  if (length > 0 && bytes[length - 1] == '\r')
    length--;
  text = g_utf8_make_valid (bytes, (gssize) length);
  /* A terminal has shown the line as it was typed. */
  if (self->interactive)
    self->at_line_start = TRUE;
  self->events.line (text, self->data);
  show_plain_prompt (self);
}

/* One line of what has been read; FALSE when there is none or nobody wants it now. */
static gboolean
deliver_pending (SteerCliTerminal *self)
{
  const char *newline;
  g_autofree char *line = NULL;
  gsize length;

  if (self->source == 0)
    return FALSE;
  newline = memchr (self->pending->str, '\n', self->pending->len);
  if (newline == NULL)
    return FALSE;
  length = (gsize) (newline - self->pending->str);
  line = g_memdup2 (self->pending->str, length + 1);
  g_string_erase (self->pending, 0, (gssize) length + 1);
  deliver_line (self, line, length);
  return TRUE;
}

/* What stands before the end of the input without a newline. */
static void
take_last_line (SteerCliTerminal *self)
{
  g_autofree char *line = g_memdup2 (self->pending->str, self->pending->len + 1);
  gsize length = self->pending->len;

  g_string_truncate (self->pending, 0);
  if (length > 0)
    deliver_line (self, line, length);
}

static gboolean
on_input (int fd, GIOCondition condition, gpointer data)
{
  SteerCliTerminal *self = data;
  char buffer[READ_SIZE];
  ssize_t n = read (fd, buffer, sizeof buffer);

  if (n < 0 && (errno == EINTR || errno == EAGAIN))
    return G_SOURCE_CONTINUE;
  if (n > 0 && self->editor != NULL)
    type (self, buffer, (gsize) n);
  else if (n > 0)
    {
      g_string_append_len (self->pending, buffer, n);
      while (deliver_pending (self))
        ;
    }
  else
    {
      while (deliver_pending (self))
        ;
      /* Not wanted now: the end is found again when reading goes on. */
      if (self->source == 0)
        return G_SOURCE_CONTINUE;
      take_last_line (self);
      end_input (self);
    }
  /* Whoever stopped the reading has removed this source. */
  return G_SOURCE_CONTINUE;
}

/* Lines that were read together with an earlier one. */
static gboolean
look_at_pending (gpointer data)
{
  SteerCliTerminal *self = data;

  self->waiting = FALSE;
  while (deliver_pending (self))
    ;
  return G_SOURCE_REMOVE;
}

static gboolean
on_resize (gpointer data)
{
  SteerCliTerminal *self = data;

  if (self->prompt_shown)
    draw_prompt (self);
  return G_SOURCE_CONTINUE;
}

static gboolean
can_edit (void)
{
  const char *term = g_getenv ("TERM");

  return isatty (STDIN_FILENO) && isatty (STDERR_FILENO) && term != NULL && *term != '\0' && strcmp (term, "dumb") != 0;
}

SteerCliTerminal *
steer_cli_terminal_new (const SteerCliTerminalEvents *events, gpointer data)
{
  SteerCliTerminal *self = g_new0 (SteerCliTerminal, 1);

  self->events = *events;
  self->data = data;
  self->interactive = isatty (STDIN_FILENO);
  self->note_colors = steer_cli_has_colors (STDERR_FILENO);
  self->reply_colors = steer_cli_has_colors (STDOUT_FILENO);
  self->busy = TRUE;
  self->at_line_start = TRUE;
  self->pending = g_string_new (NULL);
  self->held = g_string_new (NULL);
  if (can_edit () && enter_raw ())
    {
      g_autofree char *history = g_build_filename (g_get_user_state_dir (), "steer-chat", "history", NULL);

      self->editor = steer_line_editor_new (history);
      write_screen (BRACKETED_PASTE_ON);
      g_unix_signal_add (SIGWINCH, on_resize, self);
    }
  return self;
}

void
steer_cli_terminal_free (SteerCliTerminal *self)
{
  if (self == NULL)
    return;
  steer_cli_terminal_set_reading (self, FALSE);
  while (g_source_remove_by_user_data (self))
    ;
  if (self->editor != NULL)
    {
      erase_prompt (self);
      erase_status (self);
      release_held (self);
      break_line (self);
      leave_raw ();
    }
  g_clear_pointer (&self->editor, steer_line_editor_free);
  end_thought (self);
  g_string_free (self->pending, TRUE);
  g_string_free (self->held, TRUE);
  g_free (self);
}

gboolean
steer_cli_terminal_is_interactive (SteerCliTerminal *self)
{
  return self->interactive;
}

void
steer_cli_terminal_set_reading (SteerCliTerminal *self, gboolean reading)
{
  if (reading && self->source == 0 && !self->ended)
    {
      self->source = g_unix_fd_add (STDIN_FILENO, G_IO_IN | G_IO_HUP | G_IO_ERR | G_IO_NVAL, on_input, self);
      if (!self->waiting)
        g_idle_add (look_at_pending, self);
      self->waiting = TRUE;
    }
  else if (!reading && self->source != 0)
    {
      g_source_remove (self->source);
      self->source = 0;
    }
}

void
steer_cli_terminal_set_busy (SteerCliTerminal *self, gboolean busy)
{
  self->busy = busy;
  if (self->editor != NULL)
    settle (self);
  else
    show_plain_prompt (self);
}

gboolean
steer_cli_terminal_write (SteerCliTerminal *self, const char *text, gsize length)
{
  steer_cli_append_safe (self->held, text, length);
  if (!self->prompt_shown)
    release_held (self);
  return steer_cli_output_works ();
}

void
steer_cli_terminal_end_reply (SteerCliTerminal *self)
{
  gboolean shown = self->prompt_shown;

  erase_prompt (self);
  erase_status (self);
  release_held (self);
  end_thought (self);
  /* Elsewhere than on a screen an empty answer is a line too, so that answers can be counted. */
  if (self->reply_open || (!self->reply_begun && !self->interactive))
    {
      steer_cli_write ("\n", 1);
      if (isatty (STDOUT_FILENO))
        self->at_line_start = TRUE;
    }
  self->reply_begun = self->reply_open = FALSE;
  if (shown)
    draw_prompt (self);
}

void
steer_cli_terminal_set_status (SteerCliTerminal *self, const char *text)
{
  g_autofree char *safe = steer_cli_dup_safe (text);
  g_autofree char *line = NULL;

  if (self->editor == NULL || self->prompt_shown)
    return;
  break_line (self);
  line = self->note_colors ? g_strconcat ("\r\033[2m", safe, "\033[0m\033[K", NULL)
                           : g_strconcat ("\r", safe, "\033[K", NULL);
  write_screen (line);
  self->status_shown = TRUE;
}

static void
print_lines (SteerCliTerminal *self, const char *color, const char *text)
{
  g_autofree char *safe = steer_cli_dup_safe (text);
  g_autofree char *lines = NULL;
  gboolean shown = self->prompt_shown;

  erase_prompt (self);
  erase_status (self);
  break_line (self);
  lines = self->note_colors ? g_strconcat (color, safe, "\033[0m\n", NULL) : g_strconcat (safe, "\n", NULL);
  write_screen (lines);
  if (shown)
    draw_prompt (self);
}

void
steer_cli_terminal_note (SteerCliTerminal *self, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  print_lines (self, "\033[2m", text);
}

void
steer_cli_terminal_complain (SteerCliTerminal *self, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  print_lines (self, "\033[31m", text);
}

gboolean
steer_cli_terminal_clear_line (SteerCliTerminal *self)
{
  if (self->editor == NULL || steer_line_editor_is_empty (self->editor))
    return FALSE;
  steer_line_editor_clear (self->editor);
  settle (self);
  return TRUE;
}
