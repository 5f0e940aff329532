#pragma once

#include <json-glib/json-glib.h>

#include "steer-model-config.h"

G_BEGIN_DECLS

/**
 * SteerJsonConfig:
 *
 * Typed access to the members of a configuration file. A member that is null counts as absent, as it does in
 * transformers. Every error is STEER_MODEL_ERROR_INVALID and names file and key.
 */
typedef struct
{
  JsonObject *object; /* owned reference */
  char *name;         /* of the file and, for a nested object, its key: for messages */
} SteerJsonConfig;

/* Errors also: STEER_MODEL_ERROR_MISSING when there is no such file. */
SteerJsonConfig *steer_json_config_read (const char *path, GError **error);
void steer_json_config_free (SteerJsonConfig *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerJsonConfig, steer_json_config_free)

gboolean steer_json_config_has (const SteerJsonConfig *self, const char *key);

/* The file says `"key": null`, which for some keys is not the same as saying nothing. */
gboolean steer_json_config_is_null (const SteerJsonConfig *self, const char *key);

/* An absent member leaves *value alone. FALSE: present, but of another type or outside the range. */
gboolean steer_json_config_get_uint (const SteerJsonConfig *self,
                                     const char *key,
                                     guint min,
                                     guint max,
                                     guint *value,
                                     GError **error);
gboolean steer_json_config_get_bool (const SteerJsonConfig *self, const char *key, gboolean *value, GError **error);

/* Finite and above @above. */
gboolean steer_json_config_get_double (const SteerJsonConfig *self,
                                       const char *key,
                                       double above,
                                       double *value,
                                       GError **error);

/* The string belongs to the file's tree. */
gboolean
steer_json_config_get_string (const SteerJsonConfig *self, const char *key, const char **value, GError **error);

/* An integer or a list of integers as an array of gint64; NULL when absent. */
gboolean steer_json_config_get_ids (const SteerJsonConfig *self, const char *key, GArray **ids, GError **error);

/* A nested object; NULL when absent. */
gboolean
steer_json_config_get_object (const SteerJsonConfig *self, const char *key, SteerJsonConfig **object, GError **error);

/* FALSE and an error when the member is absent. */
gboolean steer_json_config_require (const SteerJsonConfig *self, const char *key, GError **error);

G_END_DECLS
