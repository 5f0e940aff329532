#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Compiles a regular expression of a tokenizer.json, written for Oniguruma, for GRegex (with JIT). Where the two
 * engines differ the pattern is rewritten (\s is Unicode's White_Space), and where that is not possible it is refused.
 * Errors: STEER_TEXT_ERROR_UNSUPPORTED with the pattern and @name, which stands for the file. */
GRegex *steer_regex_new (const char *pattern, const char *name, GError **error);

/* A place in a text, in bytes. */
typedef struct
{
  gsize start;
  gsize end;
} SteerMatch;

/* Appends every match of @regex in @text (valid UTF-8) to @matches (of SteerMatch), in order; empty ones are left
 * out. Errors: STEER_TEXT_ERROR_UNSUPPORTED when the engine gives up on the text. */
gboolean steer_regex_find_all (GRegex *regex, const char *text, gsize length, GArray *matches, GError **error);

/* The same for a literal @needle, which is not empty. */
void steer_literal_find_all (const char *needle, gsize needle_length, const char *text, gsize length, GArray *matches);

G_END_DECLS
