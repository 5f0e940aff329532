#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * SteerJsonScanner:
 *
 * A pull reader of JSON text: one token a call, no tree, no allocation but one growing buffer that holds the string
 * just read. It exists beside json-glib for two files that json-glib does not serve: a safetensors header, where
 * duplicate keys must be seen, and a tokenizer.json of 9 MB, which must load in a fraction of a second.
 *
 * The text is untrusted: UTF-8 is validated, nesting is limited, numbers are checked. After an error every further
 * call returns STEER_JSON_ERROR and the first error stands.
 */
typedef struct _SteerJsonScanner SteerJsonScanner;

typedef enum
{
  STEER_JSON_ERROR,
  STEER_JSON_END, /* the whole text was read, nothing but white space followed */
  STEER_JSON_OBJECT_BEGIN,
  STEER_JSON_OBJECT_END,
  STEER_JSON_ARRAY_BEGIN,
  STEER_JSON_ARRAY_END,
  STEER_JSON_KEY, /* a member's name; its value follows */
  STEER_JSON_STRING,
  STEER_JSON_NUMBER,
  STEER_JSON_TRUE,
  STEER_JSON_FALSE,
  STEER_JSON_NULL,
} SteerJsonToken;

/* @text is not copied and must outlive the scanner; @name is used in error messages. */
SteerJsonScanner *steer_json_scanner_new (const char *text, gsize length, const char *name);
void steer_json_scanner_free (SteerJsonScanner *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerJsonScanner, steer_json_scanner_free)

SteerJsonToken steer_json_scanner_next (SteerJsonScanner *self, GError **error);

/* After KEY or STRING: the unescaped UTF-8 bytes, NUL-terminated, which may hold NUL themselves when a file writes
 * \u0000. Valid until the next call. */
const char *steer_json_scanner_get_string (SteerJsonScanner *self, gsize *length);

/* After NUMBER. The double is the nearest to the text, infinite when it is too large for any. The integer form fails
 * for fractions, exponents and values outside int64. */
double steer_json_scanner_get_double (SteerJsonScanner *self);
gboolean steer_json_scanner_get_int64 (SteerJsonScanner *self, gint64 *value);

/* Skips the value that begins with the token just returned (a whole object or array, or nothing for a scalar); after
 * KEY, the whole value that follows. FALSE means an error, also when the token just returned was one. */
gboolean steer_json_scanner_skip (SteerJsonScanner *self, GError **error);

/* Whether the whole text may be given to json-glib, which calls itself for every level without a limit, ends the
 * program at half of a character outside of the first 65,536 and where memory ends, loses what follows a NUL in a
 * string, and makes another number of an integer that an int64 does not hold: all of these are errors, and more than
 * @max_tokens tokens. */
gboolean steer_json_check (const char *text, gsize length, guint max_tokens, const char *name, GError **error);

/* Byte offset of the token just returned, for messages. */
gsize steer_json_scanner_get_offset (SteerJsonScanner *self);

G_END_DECLS
