#pragma once

#include <json-glib/json-glib.h>

/* Calls @func with each line of a file of JSON lines (compressed when its name ends in .gz); an unreadable line fails
 * the test. Returns how many lines there were. */
guint json_lines_foreach (const char *path, void (*func) (JsonObject *line, gpointer data), gpointer data);

/* The same, where a line that is no JSON object goes to @broken. */
guint json_lines_foreach_lenient (const char *path,
                                  void (*func) (JsonObject *line, gpointer data),
                                  void (*broken) (const char *line, gpointer data),
                                  gpointer data);

/* The list @member as an array of gint32. */
GArray *json_lines_get_ids (JsonObject *line, const char *member);

/* The string @member, or fails the test. */
const char *json_lines_get_text (JsonObject *line, const char *member);

/* Fails with @text and the first difference when the lists are not the same. */
void json_lines_assert_ids (const char *text, const GArray *ids, const GArray *expected);

/* A whole file. */
char *json_lines_read_file (const char *path, gsize *length);
