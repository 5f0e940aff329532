#pragma once

#include "steer-cli.h"

#include "tensor/steer-json-scanner.h"

G_BEGIN_DECLS

/**
 * SteerCliMessages:
 *
 * A conversation as JSON tells it: an array of {"role", "content"}, or an object with such an array as "messages".
 * "content" is a string, or an array of {"type": "text", "text"} whose texts are joined.
 */
typedef struct
{
  GArray *turns; /* SteerTurn, their contents owned */
  gboolean add_generation_prompt;
  char *date_string; /* nullable */
} SteerCliMessages;

void steer_cli_messages_clear (SteerCliMessages *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SteerCliMessages, steer_cli_messages_clear)

/* @self: cleared or zero. @json: [length]; @name stands for it in messages. Errors: STEER_TEXT_ERROR_INVALID. */
gboolean
steer_cli_messages_parse (SteerCliMessages *self, const char *json, gsize length, const char *name, GError **error);

/* The same from a file; "-": standard input. */
gboolean steer_cli_messages_read (SteerCliMessages *self, const char *path, GError **error);

void steer_cli_messages_append (SteerCliMessages *self, SteerRole role, const char *content);

/* Puts a system prompt first; the one that is there is replaced. */
void steer_cli_messages_set_system (SteerCliMessages *self, const char *content);

/* Everything on @fd up to its end, NUL-terminated; NULL with G_FILE_ERROR. */
char *steer_cli_read_all (int fd, const char *name, gsize *length, GError **error);

/* @more: another whole line is already at hand, so an answer to this one may wait for company. */
typedef gboolean (*SteerCliLineFunc) (const char *text, gsize length, guint64 number, gboolean more, gpointer data);

/* Reads lines from @fd and calls @line for each, without its newline; a last line without one counts too. Only a
 * newline ends a line. Stops when @line returns FALSE. FALSE with an error when reading failed. */
gboolean steer_cli_each_line (int fd, SteerCliLineFunc line, gpointer data, GError **error);

G_END_DECLS
