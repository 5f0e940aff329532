#pragma once

#include "steer-tokenizer-private.h"

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* Reading the parts of a tokenizer.json: what all parts need. @name stands for the file, @part for the part, in
 * messages. */

/* The object's member, or NULL (@fallback, FALSE) when it is missing, null, or of another type. */
const char *steer_part_get_string (JsonObject *object, const char *member);
/* The one character that the member is; 0 when it is anything else. */
gunichar steer_part_get_character (JsonObject *object, const char *member);
gboolean steer_part_get_boolean (JsonObject *object, const char *member, gboolean fallback);
gboolean steer_part_get_integer (JsonObject *object, const char *member, gint64 *value);
JsonObject *steer_part_get_object (JsonObject *object, const char *member);
JsonArray *steer_part_get_array (JsonObject *object, const char *member);

/* TRUE for NULL and null. */
gboolean steer_part_is_absent (JsonNode *node);

/* Both return FALSE. */
gboolean steer_part_fail_invalid (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);
gboolean
steer_part_fail_unsupported (const char *name, const char *part, const char *type, const char *known, GError **error);

/* The object of a part and its "type". */
JsonObject *steer_part_open (JsonNode *node, const char *name, const char *part, const char **type, GError **error);

typedef gboolean (
  *SteerPartFunc) (SteerTokenizer *tokenizer, JsonNode *node, const char *name, gpointer user_data, GError **error);

/* A "Sequence": each of the parts in @member. */
gboolean steer_part_read_sequence (SteerTokenizer *tokenizer,
                                   JsonObject *object,
                                   const char *member,
                                   const char *name,
                                   SteerPartFunc func,
                                   gpointer user_data,
                                   GError **error);

/* {"String": ...} or {"Regex": ...}: one of the two is set. */
gboolean steer_part_read_pattern (JsonObject *object,
                                  const char *name,
                                  const char *part,
                                  const char **literal,
                                  const char **expression,
                                  GError **error);

gboolean steer_part_read_prepend_scheme (JsonObject *object,
                                         const char *name,
                                         const char *part,
                                         SteerPrependScheme *scheme,
                                         GError **error);

G_END_DECLS
