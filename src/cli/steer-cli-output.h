#pragma once

#include <json-glib/json-glib.h>

#include "steer-cli.h"

G_BEGIN_DECLS

/**
 * steer_cli_append_safe:
 * @text: [length] bytes of any origin
 *
 * Appends @text so that a terminal shows it and does nothing else: control characters (C0 but newline and tab, DEL,
 * C1) and bytes that are not UTF-8 appear as \x1b. Model output, labels and file names all pass through here.
 */
void steer_cli_append_safe (GString *out, const char *text, gsize length);

/* A safe copy; free with g_free(). */
char *steer_cli_dup_safe (const char *text);

/* Writes to standard output, all of it. Once the reader has gone (a closed pipe), or the disk is full, it returns FALSE
 * and so does every later call; the first failure other than a closed pipe is told on standard error. */
gboolean steer_cli_write (const char *text, gsize length);
gboolean steer_cli_print (const char *format, ...) G_GNUC_PRINTF (1, 2);
/* FALSE once a write has failed. */
gboolean steer_cli_output_works (void);

/* Text for people, on standard error, made safe. */
void steer_cli_note (const char *format, ...) G_GNUC_PRINTF (1, 2);

/* "steer generate: what is wrong", with the way to the help where the command line is at fault. Returns the status that
 * belongs to @error. */
SteerCliStatus steer_cli_fail (const char *command, const GError *error);

/* Whether escape sequences for colours may go to @fd: a terminal that is not dumb, and NO_COLOR not set. */
gboolean steer_cli_has_colors (int fd);

/* "s" behind a noun, but for one of them. */
const char *steer_cli_plural (guint64 n);

/* One JSON document and a newline on standard output; @pretty: indented, for people. Numbers have the fewest digits
 * that read as the same number. */
gboolean steer_cli_print_json (JsonNode *node, gboolean pretty);

/* Appends a JSON string in quotes. @text: [length]; bytes that are not UTF-8 become U+FFFD; NUL is kept (\u0000). */
void steer_cli_append_json_string (GString *out, const char *text, gsize length);

G_END_DECLS
