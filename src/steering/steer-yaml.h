#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * YAML as this room needs it: a small immutable tree that knows where each value stood in the file, typed readers
 * whose errors name that place, and the values of keys that nobody here knows, kept so that they can be written again.
 *
 * Files come from strangers. Aliases are refused (they make a small file a huge tree), so are nesting below
 * STEER_YAML_MAX_DEPTH, more than STEER_YAML_MAX_NODES values, a second document, keys that are not text, repeated
 * keys, text that is not UTF-8 and text with a NUL in it.
 */

#define STEER_YAML_MAX_BYTES (4 * 1024 * 1024)
#define STEER_YAML_MAX_DEPTH 32
#define STEER_YAML_MAX_NODES 100000

typedef enum
{
  STEER_YAML_SCALAR,
  STEER_YAML_SEQUENCE,
  STEER_YAML_MAPPING,
} SteerYamlKind;

/* One value of the tree. Read-only and reference-counted, so copies of a preset share the values they keep. */
typedef struct
{
  gatomicrefcount ref_count;
  SteerYamlKind kind;
  guint line;          /* from 1 */
  guint column;        /* from 1, in characters */
  int style;           /* libyaml's style of this kind of node */
  char *tag;           /* (nullable): the tag that the file wrote */
  char *value;         /* SCALAR: UTF-8 */
  GPtrArray *children; /* (element-type SteerYaml): SEQUENCE: items; MAPPING: key, value, key, value, ... */
} SteerYaml;

/* @name: the file's name, for errors. Errors: STEER_STEERING_ERROR_INVALID "name:line:column: ...". */
SteerYaml *steer_yaml_parse (const char *text, gsize length, const char *name, GError **error);
SteerYaml *steer_yaml_ref (SteerYaml *self);
void steer_yaml_unref (SteerYaml *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerYaml, steer_yaml_unref)

/* Value of @key in a mapping, or NULL. */
SteerYaml *steer_yaml_lookup (SteerYaml *self, const char *key);

/* An unquoted null, `~` or nothing at all. */
gboolean steer_yaml_is_null (SteerYaml *self);

/* "a mapping", "the number 3", "the text \"abc\"": what stands there, for a message; shortened, one line. */
char *steer_yaml_describe (SteerYaml *self);

/* Sets "name:line:column: " and the message; returns FALSE. @self: (nullable): no place. */
gboolean steer_yaml_fail (SteerYaml *self, const char *name, GError **error, const char *format, ...)
  G_GNUC_PRINTF (4, 5);

/*
 * Typed readers. Each looks up @key in the mapping @self; where the key is missing *out stays as it was and the result
 * is TRUE; *found, where given, tells. A value of another type or outside the range fails with its place, what was
 * expected and what was found.
 */
typedef struct
{
  SteerYaml *mapping;
  const char *name; /* of the file */
} SteerYamlReader;

gboolean steer_yaml_read_double (const SteerYamlReader *reader,
                                 const char *key,
                                 double minimum,
                                 double maximum,
                                 double *out,
                                 gboolean *found,
                                 GError **error);
gboolean steer_yaml_read_uint64 (const SteerYamlReader *reader,
                                 const char *key,
                                 guint64 maximum,
                                 guint64 *out,
                                 gboolean *found,
                                 GError **error);
gboolean steer_yaml_read_uint (const SteerYamlReader *reader,
                               const char *key,
                               guint maximum,
                               guint *out,
                               gboolean *found,
                               GError **error);
gboolean steer_yaml_read_boolean (const SteerYamlReader *reader, const char *key, gboolean *out, GError **error);
/* Replaces *out; null gives NULL. */
gboolean steer_yaml_read_string (const SteerYamlReader *reader, const char *key, char **out, GError **error);

/* The same for a value at hand, such as an item of a sequence. @what names it in the message. */
gboolean steer_yaml_to_double (SteerYaml *self,
                               const char *name,
                               const char *what,
                               double minimum,
                               double maximum,
                               double *out,
                               GError **error);
gboolean steer_yaml_to_uint64 (SteerYaml *self,
                               const char *name,
                               const char *what,
                               guint64 maximum,
                               guint64 *out,
                               GError **error);

/* A key that is not ours, and the key of ours that it followed (NULL: it came first). */
typedef struct
{
  const char *after; /* static */
  SteerYaml *key;
  SteerYaml *value;
} SteerYamlExtra;

/* (element-type SteerYamlExtra), immutable: share it with g_ptr_array_ref(). @known ends with NULL and must be static.
 * NULL when the mapping has no unknown key. */
GPtrArray *steer_yaml_collect_extras (SteerYaml *mapping, const char *const *known);

G_END_DECLS
