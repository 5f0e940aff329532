#include "steer-cli-messages.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define READ_SIZE (64 * 1024)

static void
turn_clear (gpointer data)
{
  SteerTurn *turn = data;

  g_free ((char *) turn->content);
}

static GArray *
turns_new (void)
{
  GArray *turns = g_array_new (FALSE, FALSE, sizeof (SteerTurn));

  g_array_set_clear_func (turns, turn_clear);
  return turns;
}

void
steer_cli_messages_clear (SteerCliMessages *self)
{
  g_clear_pointer (&self->turns, g_array_unref);
  g_free (self->date_string);
  *self = (SteerCliMessages){ 0 };
}

void
steer_cli_messages_append (SteerCliMessages *self, SteerRole role, const char *content)
{
  SteerTurn turn = { role, g_strdup (content) };

  if (self->turns == NULL)
    self->turns = turns_new ();
  g_array_append_val (self->turns, turn);
}

void
steer_cli_messages_set_system (SteerCliMessages *self, const char *content)
{
  SteerTurn turn = { STEER_ROLE_SYSTEM, g_strdup (content) };

  if (self->turns == NULL)
    self->turns = turns_new ();
  if (self->turns->len > 0 && g_array_index (self->turns, SteerTurn, 0).role == STEER_ROLE_SYSTEM)
    g_array_remove_index (self->turns, 0);
  g_array_prepend_val (self->turns, turn);
}

/* A scanner with the name that its complaints begin with. */
typedef struct
{
  SteerJsonScanner *scanner;
  const char *name;
} Reader;

static gboolean
complain (Reader *reader, const char *message, GError **error)
{
  g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_INVALID, "%s: byte %zu: %s", reader->name,
               steer_json_scanner_get_offset (reader->scanner), message);
  return FALSE;
}

/* The next token; where it is not @wanted, an error: the scanner's own, or @message. */
static gboolean
expect (Reader *reader, SteerJsonToken wanted, const char *message, GError **error)
{
  SteerJsonToken token = steer_json_scanner_next (reader->scanner, error);

  if (token == wanted)
    return TRUE;
  return token == STEER_JSON_ERROR ? FALSE : complain (reader, message, error);
}

/* The string just read, appended to @text. Templates and requests take C strings, so NUL cannot be passed on. */
static gboolean
take_string (Reader *reader, GString *text, GError **error)
{
  gsize length;
  const char *string = steer_json_scanner_get_string (reader->scanner, &length);

  if (memchr (string, '\0', length) != NULL)
    return complain (reader, "a message must not hold the character U+0000", error);
  g_string_append_len (text, string, (gssize) length);
  return TRUE;
}

/* One part of a content array; the scanner stands behind its "{". */
static gboolean
read_part (Reader *reader, GString *text, GError **error)
{
  SteerJsonToken token;
  gboolean is_text = FALSE;

  while ((token = steer_json_scanner_next (reader->scanner, error)) == STEER_JSON_KEY)
    {
      if (strcmp (steer_json_scanner_get_string (reader->scanner, NULL), "text") == 0)
        {
          if (!expect (reader, STEER_JSON_STRING, "\"text\" must be a string", error)
              || !take_string (reader, text, error))
            return FALSE;
          is_text = TRUE;
        }
      else if (!steer_json_scanner_skip (reader->scanner, error))
        return FALSE;
    }
  if (token == STEER_JSON_ERROR)
    return FALSE;
  return is_text || complain (reader, "only parts of type \"text\" are understood", error);
}

static gboolean
read_content (Reader *reader, GString *text, GError **error)
{
  SteerJsonToken token = steer_json_scanner_next (reader->scanner, error);

  if (token == STEER_JSON_STRING)
    return take_string (reader, text, error);
  if (token == STEER_JSON_ARRAY_BEGIN)
    {
      while ((token = steer_json_scanner_next (reader->scanner, error)) == STEER_JSON_OBJECT_BEGIN)
        {
          if (!read_part (reader, text, error))
            return FALSE;
        }
      if (token == STEER_JSON_ARRAY_END)
        return TRUE;
    }
  return token == STEER_JSON_ERROR ? FALSE
                                   : complain (reader, "\"content\" must be a string or an array of text parts", error);
}

/* The scanner stands behind the "{" of a message. */
static gboolean
read_message (Reader *reader, SteerCliMessages *self, GError **error)
{
  g_autoptr (GString) content = g_string_new (NULL);
  SteerRole role = STEER_ROLE_USER;
  gboolean has_role = FALSE;
  gboolean has_content = FALSE;
  SteerJsonToken token;

  while ((token = steer_json_scanner_next (reader->scanner, error)) == STEER_JSON_KEY)
    {
      const char *key = steer_json_scanner_get_string (reader->scanner, NULL);

      if (strcmp (key, "role") == 0)
        {
          if (!expect (reader, STEER_JSON_STRING, "\"role\" must be a string", error))
            return FALSE;
          if (!steer_role_from_name (steer_json_scanner_get_string (reader->scanner, NULL), &role))
            return complain (reader, "\"role\" must be system, user or assistant", error);
          has_role = TRUE;
        }
      else if (strcmp (key, "content") == 0)
        {
          g_string_truncate (content, 0);
          if (!read_content (reader, content, error))
            return FALSE;
          has_content = TRUE;
        }
      else if (!steer_json_scanner_skip (reader->scanner, error))
        return FALSE;
    }
  if (token == STEER_JSON_ERROR)
    return FALSE;
  if (!has_role || !has_content)
    return complain (reader, "a message needs \"role\" and \"content\"", error);
  steer_cli_messages_append (self, role, content->str);
  return TRUE;
}

/* The scanner stands behind the "[". */
static gboolean
read_turns (Reader *reader, SteerCliMessages *self, GError **error)
{
  SteerJsonToken token;

  g_clear_pointer (&self->turns, g_array_unref);
  self->turns = turns_new ();
  while ((token = steer_json_scanner_next (reader->scanner, error)) == STEER_JSON_OBJECT_BEGIN)
    {
      if (!read_message (reader, self, error))
        return FALSE;
    }
  if (token == STEER_JSON_ERROR)
    return FALSE;
  return token == STEER_JSON_ARRAY_END || complain (reader, "a message must be an object", error);
}

static gboolean
read_date (Reader *reader, SteerCliMessages *self, GError **error)
{
  g_autoptr (GString) date = g_string_new (NULL);
  SteerJsonToken token = steer_json_scanner_next (reader->scanner, error);

  if (token == STEER_JSON_NULL)
    return TRUE;
  if (token != STEER_JSON_STRING)
    return token == STEER_JSON_ERROR ? FALSE : complain (reader, "\"date_string\" must be a string", error);
  if (!take_string (reader, date, error))
    return FALSE;
  /* Collections of cases mark a date that was left to the template in this way; it is not one to be told. */
  if (g_str_has_suffix (date->str, "(template default)"))
    return TRUE;
  g_free (self->date_string);
  self->date_string = g_strdup (date->str);
  return TRUE;
}

/* The scanner stands behind the "{" of the whole. */
static gboolean
read_object (Reader *reader, SteerCliMessages *self, GError **error)
{
  SteerJsonToken token;

  while ((token = steer_json_scanner_next (reader->scanner, error)) == STEER_JSON_KEY)
    {
      const char *key = steer_json_scanner_get_string (reader->scanner, NULL);

      if (strcmp (key, "messages") == 0)
        {
          if (!expect (reader, STEER_JSON_ARRAY_BEGIN, "\"messages\" must be an array", error)
              || !read_turns (reader, self, error))
            return FALSE;
        }
      else if (strcmp (key, "date_string") == 0)
        {
          if (!read_date (reader, self, error))
            return FALSE;
        }
      else if (strcmp (key, "add_generation_prompt") == 0)
        {
          token = steer_json_scanner_next (reader->scanner, error);
          if (token != STEER_JSON_TRUE && token != STEER_JSON_FALSE)
            return token == STEER_JSON_ERROR
                     ? FALSE
                     : complain (reader, "\"add_generation_prompt\" must be true or false", error);
          self->add_generation_prompt = token == STEER_JSON_TRUE;
        }
      else if (!steer_json_scanner_skip (reader->scanner, error))
        return FALSE;
    }
  if (token == STEER_JSON_ERROR)
    return FALSE;
  return self->turns != NULL || complain (reader, "there is no \"messages\"", error);
}

gboolean
steer_cli_messages_parse (SteerCliMessages *self, const char *json, gsize length, const char *name, GError **error)
{
  g_autoptr (SteerJsonScanner) scanner = steer_json_scanner_new (json, length, name);
  Reader reader = { scanner, name };
  SteerJsonToken token = steer_json_scanner_next (scanner, error);

  if (token == STEER_JSON_ERROR)
    return FALSE;
  if (token == STEER_JSON_ARRAY_BEGIN)
    {
      if (!read_turns (&reader, self, error))
        return FALSE;
    }
  else if (token != STEER_JSON_OBJECT_BEGIN)
    return complain (&reader, "messages are an array of {\"role\", \"content\"}, or an object with it", error);
  else if (!read_object (&reader, self, error))
    return FALSE;
  return expect (&reader, STEER_JSON_END, "nothing may follow", error);
}

char *
steer_cli_read_all (int fd, const char *name, gsize *length, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (;;)
    {
      char buffer[READ_SIZE];
      ssize_t n = read (fd, buffer, sizeof buffer);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        {
          int code = errno;

          g_set_error (error, G_FILE_ERROR, (gint) g_file_error_from_errno (code), "%s cannot be read: %s", name,
                       g_strerror (code));
          return NULL;
        }
      if (n == 0)
        break;
      g_string_append_len (text, buffer, n);
    }
  *length = text->len;
  return g_string_free (g_steal_pointer (&text), FALSE);
}

gboolean
steer_cli_messages_read (SteerCliMessages *self, const char *path, GError **error)
{
  gboolean is_stdin = strcmp (path, "-") == 0;
  const char *name = is_stdin ? "standard input" : path;
  g_autofree char *json = NULL;
  gsize length;

  if (is_stdin)
    json = steer_cli_read_all (STDIN_FILENO, name, &length, error);
  else
    g_file_get_contents (path, &json, &length, error);
  return json != NULL && steer_cli_messages_parse (self, json, length, name, error);
}

gboolean
steer_cli_each_line (int fd, SteerCliLineFunc line, gpointer data, GError **error)
{
  g_autoptr (GString) pending = g_string_new (NULL);
  guint64 number = 0;

  for (;;)
    {
      char buffer[READ_SIZE];
      ssize_t n = read (fd, buffer, sizeof buffer);
      gsize searched = pending->len;
      gsize start = 0;
      const char *newline;

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        {
          int code = errno;

          g_set_error (error, G_FILE_ERROR, (gint) g_file_error_from_errno (code), "standard input cannot be read: %s",
                       g_strerror (code));
          return FALSE;
        }
      if (n == 0)
        break;
      g_string_append_len (pending, buffer, n);
      while ((newline = memchr (pending->str + searched, '\n', pending->len - searched)) != NULL)
        {
          gsize end = (gsize) (newline - pending->str);

          gboolean more = memchr (newline + 1, '\n', pending->len - end - 1) != NULL;

          if (!line (pending->str + start, end - start, ++number, more, data))
            return TRUE;
          start = searched = end + 1;
        }
      g_string_erase (pending, 0, (gssize) start);
    }
  if (pending->len > 0)
    line (pending->str, pending->len, ++number, FALSE, data);
  return TRUE;
}
