#pragma once

#include "steer-model-config.h"

G_BEGIN_DECLS

/**
 * SteerGgufConfig:
 *
 * Typed access to the keys of a GGUF file's metadata that begin with its architecture. A @name is a key without that
 * beginning. Every error is STEER_MODEL_ERROR and names file and key.
 */
typedef struct
{
  SteerArchive *archive;
  const char *arch; /* general.architecture */
  const char *file; /* for messages */
} SteerGgufConfig;

/* Returns FALSE. */
gboolean steer_gguf_config_fail (const SteerGgufConfig *self, int code, GError **error, const char *format, ...)
  G_GNUC_PRINTF (4, 5);

/* "llama.block_count" of "block_count". Free with g_free(). */
char *steer_gguf_config_dup_key (const SteerGgufConfig *self, const char *name);

/* An absent key leaves *value alone. FALSE: present, but no number, or outside the range. A list with one number a
 * layer is that number where all are equal. */
gboolean steer_gguf_config_get_uint (const SteerGgufConfig *self,
                                     const char *name,
                                     guint min,
                                     guint max,
                                     guint *value,
                                     GError **error);

/* Finite and above @above. */
gboolean steer_gguf_config_get_double (const SteerGgufConfig *self,
                                       const char *name,
                                       double above,
                                       double *value,
                                       GError **error);

/* The same from 1 to @max, and FALSE where the key is absent. */
gboolean
steer_gguf_config_require_uint (const SteerGgufConfig *self, const char *name, guint max, guint *value, GError **error);

G_END_DECLS
