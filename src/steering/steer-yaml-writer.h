#pragma once

#include "steer-yaml.h"

G_BEGIN_DECLS

/*
 * Writes block-style YAML that any YAML 1.1 or 1.2 reader understands the same way: text that could be taken for
 * something else is quoted, numbers never depend on the locale and are the shortest that read back to the same value.
 *
 * The put functions write "key: value" inside the open mapping, or nothing where the value is absent, and then the
 * mapping's extras that stood behind that key, so that an unknown key stays near its neighbour.
 */
typedef struct _SteerYamlWriter SteerYamlWriter;

SteerYamlWriter *steer_yaml_writer_new (void);
/* Ends the document and frees the writer. Never NULL: text was checked to be UTF-8 before it got here. */
char *steer_yaml_writer_end (SteerYamlWriter *self);

/* @extras: (nullable): kept until the mapping ends. Mappings may nest. */
void steer_yaml_writer_begin_mapping (SteerYamlWriter *self, GPtrArray *extras);
void steer_yaml_writer_end_mapping (SteerYamlWriter *self);

/* An empty sequence is written as []. */
void steer_yaml_writer_begin_sequence (SteerYamlWriter *self, gboolean is_empty);
void steer_yaml_writer_end_sequence (SteerYamlWriter *self);

void steer_yaml_writer_key (SteerYamlWriter *self, const char *key);
/* The extras behind @key, where the value was not written by a put function. */
void steer_yaml_writer_extras_after (SteerYamlWriter *self, const char *key);

void steer_yaml_writer_put_string (SteerYamlWriter *self, const char *key, const char *value);
void steer_yaml_writer_put_double (SteerYamlWriter *self, const char *key, gboolean present, double value);
void steer_yaml_writer_put_uint64 (SteerYamlWriter *self, const char *key, gboolean present, guint64 value);
void steer_yaml_writer_put_boolean (SteerYamlWriter *self, const char *key, gboolean present, gboolean value);

/* Shortest decimal that reads back to @value, with a point so that every reader takes it for a real number. */
char *steer_yaml_format_double (double value);

G_END_DECLS
