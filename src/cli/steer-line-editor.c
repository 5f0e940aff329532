#include "steer-line-editor.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_HISTORY 1000

/* An escape sequence or a character that is longer than this is none of ours. */
#define MAX_PENDING 32

#define CTRL(letter) ((letter) &0x1f)
#define ESCAPE 0x1b

struct _SteerLineEditor
{
  GArray *text; /* gunichar */
  guint cursor; /* 0 .. text->len */

  char *history_path; /* nullable */
  GPtrArray *history; /* char *, the oldest first */
  guint browsing;     /* index in history of what is shown; history->len: the line being typed */
  char *typed;        /* nullable: the line that was typed before browsing began */

  char pending[MAX_PENDING]; /* [n_pending]: the beginning of a character or an escape sequence */
  gsize n_pending;
  gboolean pasting;
};

/* A line of the history file: a newline inside an entry is written as \n, a backslash doubled. */
static char *
encode_entry (const char *text)
{
  GString *line = g_string_new (NULL);

  for (; *text != '\0'; text++)
    {
      if (*text == '\n')
        g_string_append (line, "\\n");
      else if (*text == '\\')
        g_string_append (line, "\\\\");
      else
        g_string_append_c (line, *text);
    }
  return g_string_free (line, FALSE);
}

static char *
decode_entry (const char *line)
{
  GString *text = g_string_new (NULL);

  for (; *line != '\0'; line++)
    {
      if (*line == '\\' && line[1] != '\0')
        g_string_append_c (text, *++line == 'n' ? '\n' : *line);
      else
        g_string_append_c (text, *line);
    }
  return g_string_free (text, FALSE);
}

static void
load_history (SteerLineEditor *self)
{
  g_autofree char *contents = NULL;
  g_auto (GStrv) lines = NULL;
  guint n;

  if (self->history_path == NULL || !g_file_get_contents (self->history_path, &contents, NULL, NULL))
    return;
  lines = g_strsplit (contents, "\n", -1);
  n = g_strv_length (lines);
  for (guint i = n > MAX_HISTORY ? n - MAX_HISTORY : 0; i < n; i++)
    {
      if (*lines[i] != '\0' && g_utf8_validate (lines[i], -1, NULL))
        g_ptr_array_add (self->history, decode_entry (lines[i]));
    }
  /* It grows by appending; now and then it is cut. */
  if (n > 2 * MAX_HISTORY)
    {
      g_autofree char *kept = g_strjoinv ("\n", lines + n - MAX_HISTORY);

      g_file_set_contents_full (self->history_path, kept, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL);
    }
}

SteerLineEditor *
steer_line_editor_new (const char *history)
{
  SteerLineEditor *self = g_new0 (SteerLineEditor, 1);

  self->text = g_array_new (FALSE, FALSE, sizeof (gunichar));
  self->history = g_ptr_array_new_with_free_func (g_free);
  self->history_path = g_strdup (history);
  load_history (self);
  self->browsing = self->history->len;
  return self;
}

void
steer_line_editor_free (SteerLineEditor *self)
{
  if (self == NULL)
    return;
  g_array_unref (self->text);
  g_ptr_array_unref (self->history);
  g_free (self->history_path);
  g_free (self->typed);
  g_free (self);
}

gboolean
steer_line_editor_is_empty (SteerLineEditor *self)
{
  return self->text->len == 0;
}

static char *
dup_text (SteerLineEditor *self)
{
  return g_ucs4_to_utf8 ((const gunichar *) (gpointer) self->text->data, self->text->len, NULL, NULL, NULL);
}

static void
set_text (SteerLineEditor *self, const char *text)
{
  g_array_set_size (self->text, 0);
  for (; *text != '\0'; text = g_utf8_next_char (text))
    {
      gunichar c = g_utf8_get_char (text);

      g_array_append_val (self->text, c);
    }
  self->cursor = self->text->len;
}

void
steer_line_editor_clear (SteerLineEditor *self)
{
  g_array_set_size (self->text, 0);
  self->cursor = 0;
  self->n_pending = 0;
  self->browsing = self->history->len;
  g_clear_pointer (&self->typed, g_free);
}

/* History is a convenience: what cannot be written is not worth a complaint. */
static void
append_to_file (SteerLineEditor *self, const char *text)
{
  g_autofree char *folder = NULL;
  g_autofree char *entry = NULL;
  g_autofree char *line = NULL;
  int fd;

  if (self->history_path == NULL)
    return;
  folder = g_path_get_dirname (self->history_path);
  g_mkdir_with_parents (folder, 0700);
  fd = g_open (self->history_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0)
    return;
  entry = encode_entry (text);
  line = g_strconcat (entry, "\n", NULL);
  if (write (fd, line, strlen (line)) < 0)
    g_debug ("%s: %s", self->history_path, g_strerror (errno));
  g_close (fd, NULL);
}

char *
steer_line_editor_take (SteerLineEditor *self)
{
  char *text = dup_text (self);
  const char *last = self->history->len > 0 ? g_ptr_array_index (self->history, self->history->len - 1) : NULL;

  if (*text != '\0' && g_strcmp0 (text, last) != 0)
    {
      g_ptr_array_add (self->history, g_strdup (text));
      append_to_file (self, text);
      if (self->history->len > MAX_HISTORY)
        g_ptr_array_remove_index (self->history, 0);
    }
  steer_line_editor_clear (self);
  return text;
}

static void
insert (SteerLineEditor *self, gunichar c)
{
  g_array_insert_val (self->text, self->cursor, c);
  self->cursor++;
}

static void
erase (SteerLineEditor *self, guint from, guint to)
{
  if (from < to)
    g_array_remove_range (self->text, from, to - from);
  self->cursor = from;
}

/* Marks that combine with the character before them move along with it. */
static gboolean
is_mark (SteerLineEditor *self, guint position)
{
  return position < self->text->len && g_unichar_iszerowidth (g_array_index (self->text, gunichar, position));
}

static guint
find_left (SteerLineEditor *self)
{
  guint position = self->cursor > 0 ? self->cursor - 1 : 0;

  while (position > 0 && is_mark (self, position))
    position--;
  return position;
}

static guint
find_right (SteerLineEditor *self)
{
  guint position = MIN (self->cursor + 1, self->text->len);

  while (is_mark (self, position))
    position++;
  return position;
}

static gboolean
is_word (SteerLineEditor *self, guint position)
{
  gunichar c = g_array_index (self->text, gunichar, position);

  return g_unichar_isalnum (c) || g_unichar_ismark (c);
}

static guint
find_word_left (SteerLineEditor *self)
{
  guint position = self->cursor;

  while (position > 0 && !is_word (self, position - 1))
    position--;
  while (position > 0 && is_word (self, position - 1))
    position--;
  return position;
}

static guint
find_word_right (SteerLineEditor *self)
{
  guint position = self->cursor;

  while (position < self->text->len && !is_word (self, position))
    position++;
  while (position < self->text->len && is_word (self, position))
    position++;
  return position;
}

/* As shells do: back to white space. */
static guint
find_blank_left (SteerLineEditor *self)
{
  guint position = self->cursor;

  while (position > 0 && g_unichar_isspace (g_array_index (self->text, gunichar, position - 1)))
    position--;
  while (position > 0 && !g_unichar_isspace (g_array_index (self->text, gunichar, position - 1)))
    position--;
  return position;
}

static void
browse (SteerLineEditor *self, int step)
{
  if ((step < 0 && self->browsing == 0) || (step > 0 && self->browsing == self->history->len))
    return;
  if (self->browsing == self->history->len)
    {
      g_free (self->typed);
      self->typed = dup_text (self);
    }
  self->browsing += (guint) step;
  set_text (self,
            self->browsing == self->history->len ? self->typed : g_ptr_array_index (self->history, self->browsing));
}

static void
transpose (SteerLineEditor *self)
{
  guint at = MIN (self->cursor, self->text->len - 1);
  gunichar *text = (gunichar *) (gpointer) self->text->data;
  gunichar kept;

  if (self->text->len < 2 || at == 0)
    return;
  kept = text[at];
  text[at] = text[at - 1];
  text[at - 1] = kept;
  self->cursor = at + 1;
}

/* A control character that is typed. */
static SteerLineEvent
press (SteerLineEditor *self, guint8 key)
{
  switch (key)
    {
    case '\r':
    case '\n':
      return STEER_LINE_DONE;
    case CTRL ('D'):
      if (self->text->len == 0)
        return STEER_LINE_END;
      erase (self, self->cursor, find_right (self));
      break;
    case CTRL ('H'):
    case 0x7f:
      erase (self, find_left (self), self->cursor);
      break;
    case CTRL ('A'):
      self->cursor = 0;
      break;
    case CTRL ('E'):
      self->cursor = self->text->len;
      break;
    case CTRL ('B'):
      self->cursor = find_left (self);
      break;
    case CTRL ('F'):
      self->cursor = find_right (self);
      break;
    case CTRL ('K'):
      erase (self, self->cursor, self->text->len);
      break;
    case CTRL ('U'):
      erase (self, 0, self->cursor);
      break;
    case CTRL ('W'):
      erase (self, find_blank_left (self), self->cursor);
      break;
    case CTRL ('P'):
      browse (self, -1);
      break;
    case CTRL ('N'):
      browse (self, 1);
      break;
    case CTRL ('T'):
      transpose (self);
      break;
    case CTRL ('L'):
      return STEER_LINE_REDRAW;
    default:
      break;
    }
  return STEER_LINE_NONE;
}

/* What follows "ESC [": parameters and a final byte. */
static void
press_sequence (SteerLineEditor *self, const char *parameters, char final)
{
  gboolean with_ctrl = g_str_has_suffix (parameters, ";5") || g_str_has_suffix (parameters, ";3");

  switch (final)
    {
    case 'A':
      browse (self, -1);
      break;
    case 'B':
      browse (self, 1);
      break;
    case 'C':
      self->cursor = with_ctrl ? find_word_right (self) : find_right (self);
      break;
    case 'D':
      self->cursor = with_ctrl ? find_word_left (self) : find_left (self);
      break;
    case 'H':
      self->cursor = 0;
      break;
    case 'F':
      self->cursor = self->text->len;
      break;
    case '~':
      if (strcmp (parameters, "1") == 0 || strcmp (parameters, "7") == 0)
        self->cursor = 0;
      else if (strcmp (parameters, "4") == 0 || strcmp (parameters, "8") == 0)
        self->cursor = self->text->len;
      else if (strcmp (parameters, "3") == 0)
        erase (self, self->cursor, find_right (self));
      else if (strcmp (parameters, "200") == 0)
        self->pasting = TRUE;
      else if (strcmp (parameters, "201") == 0)
        self->pasting = FALSE;
      break;
    default:
      break;
    }
}

static void
press_alt (SteerLineEditor *self, char letter)
{
  if (letter == 'b')
    self->cursor = find_word_left (self);
  else if (letter == 'f')
    self->cursor = find_word_right (self);
  else if (letter == 'd')
    erase (self, self->cursor, find_word_right (self));
  else if (letter == 0x7f)
    erase (self, find_word_left (self), self->cursor);
}

/* Whether @pending is a whole escape sequence; if so it is obeyed. */
static gboolean
finish_escape (SteerLineEditor *self)
{
  char *p = self->pending;
  gsize n = self->n_pending;
  g_autofree char *parameters = NULL;

  if (n < 2)
    return FALSE;
  if (p[1] != '[' && p[1] != 'O')
    {
      press_alt (self, p[1]);
      return TRUE;
    }
  if (n < 3 || p[n - 1] < 0x40 || p[n - 1] > 0x7e)
    return FALSE;
  parameters = g_strndup (p + 2, n - 3);
  press_sequence (self, parameters, p[n - 1]);
  return TRUE;
}

/* Whether @pending is a whole character, or can become none any more; then it is inserted. */
static gboolean
finish_character (SteerLineEditor *self)
{
  gunichar c = g_utf8_get_char_validated (self->pending, (gssize) self->n_pending);

  if (c == (gunichar) -2)
    return FALSE;
  /* C1 controls are nothing that one types. */
  if (c == (gunichar) -1)
    insert (self, 0xfffd);
  else if (c >= 0xa0)
    insert (self, c);
  return TRUE;
}

static SteerLineEvent
feed_pending (SteerLineEditor *self, char byte)
{
  gboolean is_escape = self->n_pending > 0 ? *self->pending == ESCAPE : byte == ESCAPE;

  self->pending[self->n_pending++] = byte;
  if ((is_escape ? finish_escape (self) : finish_character (self)) || self->n_pending == MAX_PENDING)
    self->n_pending = 0;
  return STEER_LINE_NONE;
}

static SteerLineEvent
feed_byte (SteerLineEditor *self, char byte)
{
  /* A character that breaks off does not swallow what comes next. */
  if (self->n_pending > 0 && *self->pending != ESCAPE && ((guint8) byte & 0xc0) != 0x80)
    {
      self->n_pending = 0;
      insert (self, 0xfffd);
    }
  if (self->n_pending > 0 || byte == ESCAPE || (guint8) byte >= 0x80)
    return feed_pending (self, byte);
  if (self->pasting && (byte == '\r' || byte == '\n' || byte == '\t'))
    insert (self, byte == '\t' ? '\t' : '\n');
  else if ((guint8) byte < 0x20 || byte == 0x7f)
    return self->pasting ? STEER_LINE_NONE : press (self, (guint8) byte);
  else
    insert (self, (gunichar) byte);
  return STEER_LINE_NONE;
}

SteerLineEvent
steer_line_editor_feed (SteerLineEditor *self, const char *bytes, gsize length, gsize *used)
{
  SteerLineEvent event = STEER_LINE_NONE;

  for (*used = 0; *used < length && event == STEER_LINE_NONE; (*used)++)
    event = feed_byte (self, bytes[*used]);
  /* A terminal sends a sequence in one piece, so an ESC at the end is the key itself, which does nothing. */
  if (*used == length && self->n_pending == 1 && *self->pending == ESCAPE)
    self->n_pending = 0;
  return event;
}

/* As it is drawn: no control character reaches the terminal. */
static gunichar
get_glyph (gunichar c)
{
  if (c == '\n')
    return 0x23ce; /* ⏎ */
  return g_unichar_iscntrl (c) ? ' ' : c;
}

static guint
get_columns (gunichar c)
{
  if (g_unichar_iszerowidth (c))
    return 0;
  return g_unichar_iswide (c) ? 2 : 1;
}

char *
steer_line_editor_draw (SteerLineEditor *self, const char *prompt, guint prompt_columns, guint columns)
{
  GString *drawing = g_string_new ("\r");
  guint room = columns > prompt_columns + 2 ? columns - prompt_columns - 1 : 1;
  guint before = 0;
  guint shown = 0;
  guint first;

  /* As much as fits before the cursor. */
  for (first = self->cursor; first > 0; first--)
    {
      guint width = get_columns (get_glyph (g_array_index (self->text, gunichar, first - 1)));

      if (before + width > room)
        break;
      before += width;
    }
  g_string_append (drawing, prompt);
  for (guint i = first; i < self->text->len; i++)
    {
      gunichar glyph = get_glyph (g_array_index (self->text, gunichar, i));

      if (shown + get_columns (glyph) > room)
        break;
      shown += get_columns (glyph);
      g_string_append_unichar (drawing, glyph);
    }
  g_string_append (drawing, "\033[K\r");
  if (prompt_columns + before > 0)
    g_string_append_printf (drawing, "\033[%uC", prompt_columns + before);
  return g_string_free (drawing, FALSE);
}
