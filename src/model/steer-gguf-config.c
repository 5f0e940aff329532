#include "steer-gguf-config.h"

#include <math.h>

gboolean
steer_gguf_config_fail (const SteerGgufConfig *self, int code, GError **error, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, STEER_MODEL_ERROR, code, "%s: %s", self->file, what);
  return FALSE;
}

char *
steer_gguf_config_dup_key (const SteerGgufConfig *self, const char *name)
{
  return g_strconcat (self->arch, ".", name, NULL);
}

/* A list with one number a layer is that number where all are equal. */
static gboolean
get_common (const SteerGgufConfig *self, const char *key, guint64 *value, GError **error)
{
  gsize n;
  g_autofree gint64 *list = steer_archive_get_int_array (self->archive, key, &n);

  if (list == NULL || n == 0 || list[0] < 0)
    return steer_gguf_config_fail (self, STEER_MODEL_ERROR_INVALID, error, "the key \"%s\" is not a number", key);
  for (gsize i = 1; i < n; i++)
    if (list[i] != list[0])
      return steer_gguf_config_fail (self, STEER_MODEL_ERROR_UNSUPPORTED, error,
                                     "the key \"%s\" differs from layer to layer, which is not supported", key);
  *value = (guint64) list[0];
  return TRUE;
}

gboolean
steer_gguf_config_get_uint (const SteerGgufConfig *self,
                            const char *name,
                            guint min,
                            guint max,
                            guint *value,
                            GError **error)
{
  g_autofree char *key = steer_gguf_config_dup_key (self, name);
  guint64 found;

  if (steer_archive_get_metadata (self->archive, key) == NULL)
    return TRUE;
  if (!steer_archive_get_uint (self->archive, key, &found) && !get_common (self, key, &found, error))
    return FALSE;
  if (found < min || found > max)
    return steer_gguf_config_fail (self, STEER_MODEL_ERROR_INVALID, error,
                                   "the key \"%s\" is %" G_GUINT64_FORMAT ", but must be from %u to %u", key, found,
                                   min, max);
  *value = (guint) found;
  return TRUE;
}

gboolean
steer_gguf_config_require_uint (const SteerGgufConfig *self, const char *name, guint max, guint *value, GError **error)
{
  g_autofree char *key = steer_gguf_config_dup_key (self, name);

  if (steer_archive_get_metadata (self->archive, key) == NULL)
    return steer_gguf_config_fail (self, STEER_MODEL_ERROR_INVALID, error, "the key \"%s\" is missing", key);
  return steer_gguf_config_get_uint (self, name, 1, max, value, error);
}

gboolean
steer_gguf_config_get_double (const SteerGgufConfig *self,
                              const char *name,
                              double above,
                              double *value,
                              GError **error)
{
  g_autofree char *key = steer_gguf_config_dup_key (self, name);
  double found;

  if (steer_archive_get_metadata (self->archive, key) == NULL)
    return TRUE;
  if (!steer_archive_get_double (self->archive, key, &found))
    return steer_gguf_config_fail (self, STEER_MODEL_ERROR_INVALID, error, "the key \"%s\" is not a number", key);
  if (!isfinite (found) || found <= above)
    return steer_gguf_config_fail (self, STEER_MODEL_ERROR_INVALID, error, "the key \"%s\" is %g, but must be above %g",
                                   key, found, above);
  *value = found;
  return TRUE;
}
