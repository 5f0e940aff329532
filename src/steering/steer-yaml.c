#include "steer-yaml.h"

#include <string.h>
#include <yaml.h>

#include "steer-vector-source.h"

typedef struct
{
  yaml_parser_t *parser;
  const char *name;
  guint n_nodes;
} Loader;

SteerYaml *
steer_yaml_ref (SteerYaml *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
steer_yaml_unref (SteerYaml *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_clear_pointer (&self->children, g_ptr_array_unref);
  g_free (self->value);
  g_free (self->tag);
  g_free (self);
}

static SteerYaml *
node_new (SteerYamlKind kind, const yaml_event_t *event)
{
  SteerYaml *self = g_new0 (SteerYaml, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->kind = kind;
  self->line = (guint) event->start_mark.line + 1;
  self->column = (guint) event->start_mark.column + 1;
  if (kind != STEER_YAML_SCALAR)
    self->children = g_ptr_array_new_with_free_func ((GDestroyNotify) steer_yaml_unref);
  return self;
}

static gboolean
fail_at (const char *name, gsize line, gsize column, GError **error, const char *message)
{
  g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID,
               "%s:%" G_GSIZE_FORMAT ":%" G_GSIZE_FORMAT ": %s", name, line, column, message);
  return FALSE;
}

static gboolean
next_event (Loader *loader, yaml_event_t *event, GError **error)
{
  yaml_parser_t *parser = loader->parser;
  g_autofree char *message = NULL;

  if (yaml_parser_parse (parser, event))
    return TRUE;
  message = g_strdup_printf ("%s%s%s; this is not well-formed YAML", parser->context != NULL ? parser->context : "",
                             parser->context != NULL ? ", " : "",
                             parser->problem != NULL ? parser->problem : "the text cannot be read");
  return fail_at (loader->name, parser->problem_mark.line + 1, parser->problem_mark.column + 1, error, message);
}

static gboolean
fail_event (Loader *loader, const yaml_event_t *event, GError **error, const char *message)
{
  return fail_at (loader->name, event->start_mark.line + 1, event->start_mark.column + 1, error, message);
}

static SteerYaml *load_node (Loader *loader, yaml_event_t *event, guint depth, GError **error);

static SteerYaml *
load_scalar (Loader *loader, const yaml_event_t *event, GError **error)
{
  g_autoptr (SteerYaml) self = node_new (STEER_YAML_SCALAR, event);

  if (memchr (event->data.scalar.value, 0, event->data.scalar.length) != NULL)
    {
      fail_event (loader, event, error, "expected text, found text with a NUL character in it");
      return NULL;
    }
  self->value = g_strndup ((const char *) event->data.scalar.value, event->data.scalar.length);
  self->style = event->data.scalar.style;
  self->tag = g_strdup ((const char *) event->data.scalar.tag);
  if (g_strcmp0 (self->tag, "!") == 0) /* "no other type than text", which is what quotes say */
    {
      g_clear_pointer (&self->tag, g_free);
      if (self->style == YAML_PLAIN_SCALAR_STYLE)
        self->style = YAML_SINGLE_QUOTED_SCALAR_STYLE;
    }
  return g_steal_pointer (&self);
}

/* Items up to @end; for a mapping, keys and values in turn. */
static gboolean
load_children (Loader *loader, SteerYaml *self, yaml_event_type_t end, guint depth, GError **error)
{
  g_autoptr (GHashTable) keys = g_hash_table_new (g_str_hash, g_str_equal); /* borrowed from children */

  while (TRUE)
    {
      yaml_event_t event;
      g_autoptr (SteerYaml) child = NULL;
      gboolean is_key = self->kind == STEER_YAML_MAPPING && self->children->len % 2 == 0;

      if (!next_event (loader, &event, error))
        return FALSE;
      if (event.type == end)
        {
          yaml_event_delete (&event);
          return TRUE;
        }
      child = load_node (loader, &event, depth, error);
      yaml_event_delete (&event);
      if (child == NULL)
        return FALSE;
      if (is_key && child->kind != STEER_YAML_SCALAR)
        return steer_yaml_fail (child, loader->name, error, "expected a key that is plain text, found a nested value");
      if (is_key && !g_hash_table_add (keys, child->value))
        {
          g_autofree char *found = steer_yaml_describe (child);

          return steer_yaml_fail (child, loader->name, error, "expected each key once, found %s again", found);
        }
      g_ptr_array_add (self->children, g_steal_pointer (&child));
    }
}

static SteerYaml *
load_collection (Loader *loader, const yaml_event_t *event, guint depth, GError **error)
{
  gboolean is_mapping = event->type == YAML_MAPPING_START_EVENT;
  g_autoptr (SteerYaml) self = node_new (is_mapping ? STEER_YAML_MAPPING : STEER_YAML_SEQUENCE, event);
  yaml_event_type_t end = is_mapping ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;

  if (is_mapping)
    {
      self->style = event->data.mapping_start.style;
      self->tag = g_strdup ((const char *) event->data.mapping_start.tag);
    }
  else
    {
      self->style = event->data.sequence_start.style;
      self->tag = g_strdup ((const char *) event->data.sequence_start.tag);
    }
  if (!load_children (loader, self, end, depth + 1, error))
    return NULL;
  return g_steal_pointer (&self);
}

static SteerYaml *
load_node (Loader *loader, yaml_event_t *event, guint depth, GError **error)
{
  if (depth > STEER_YAML_MAX_DEPTH)
    fail_event (loader, event, error, "expected at most 32 levels of nesting, found more");
  else if (++loader->n_nodes > STEER_YAML_MAX_NODES)
    fail_event (loader, event, error, "expected at most 100000 values, found more");
  else if (event->type == YAML_ALIAS_EVENT)
    fail_event (loader, event, error, "expected a value, found an alias ('*name'); write the value out instead");
  else if (event->type == YAML_SCALAR_EVENT)
    return load_scalar (loader, event, error);
  else
    return load_collection (loader, event, depth, error);
  return NULL;
}

/* The stream's root; NULL without an error for a file that holds nothing. */
static SteerYaml *
load_document (Loader *loader, GError **error)
{
  g_autoptr (SteerYaml) root = NULL;

  while (TRUE)
    {
      yaml_event_t event;
      yaml_event_type_t type;
      gboolean ok = TRUE;

      if (!next_event (loader, &event, error))
        return NULL;
      type = event.type;
      if (type == YAML_DOCUMENT_START_EVENT && root != NULL)
        ok = fail_event (loader, &event, error, "expected one document, found a second one");
      else if (type == YAML_SCALAR_EVENT || type == YAML_ALIAS_EVENT || type == YAML_SEQUENCE_START_EVENT
               || type == YAML_MAPPING_START_EVENT)
        ok = (root = load_node (loader, &event, 0, error)) != NULL;
      yaml_event_delete (&event);
      if (!ok)
        return NULL;
      if (type == YAML_STREAM_END_EVENT)
        break;
    }
  if (root == NULL)
    fail_at (loader->name, 1, 1, error, "expected a preset, found an empty file");
  return g_steal_pointer (&root);
}

/* libyaml counts an unfinished character as the end of its text, and other encodings are not worth a guess. */
static gboolean
check_text (const char *text, gsize length, const char *name, GError **error)
{
  const char *end;
  gsize line = 1;
  gsize column = 1;

  if (length > STEER_YAML_MAX_BYTES)
    {
      g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID,
                   "%s: expected a preset of at most 4 MiB, found %" G_GSIZE_FORMAT
                   " bytes; is this another kind of file?",
                   name, length);
      return FALSE;
    }
  if (g_utf8_validate_len (text, length, &end))
    return TRUE;
  for (const char *p = text; p < end; p = g_utf8_next_char (p))
    {
      column = *p == '\n' ? 1 : column + 1;
      line += *p == '\n';
    }
  return fail_at (name, line, column, error, "expected UTF-8 text, found a byte that is not");
}

SteerYaml *
steer_yaml_parse (const char *text, gsize length, const char *name, GError **error)
{
  yaml_parser_t parser;
  Loader loader = { &parser, name, 0 };
  SteerYaml *root;

  if (!check_text (text, length, name, error))
    return NULL;
  if (!yaml_parser_initialize (&parser))
    {
      g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID, "%s: not enough memory to read it", name);
      return NULL;
    }
  yaml_parser_set_encoding (&parser, YAML_UTF8_ENCODING);
  /* A mapped file without bytes has no address. */
  yaml_parser_set_input_string (&parser, (const unsigned char *) (length > 0 ? text : ""), length);
  root = load_document (&loader, error);
  yaml_parser_delete (&parser);
  return root;
}

SteerYaml *
steer_yaml_lookup (SteerYaml *self, const char *key)
{
  if (self->kind != STEER_YAML_MAPPING)
    return NULL;
  for (guint i = 0; i + 1 < self->children->len; i += 2)
    {
      SteerYaml *candidate = g_ptr_array_index (self->children, i);

      if (g_str_equal (candidate->value, key))
        return g_ptr_array_index (self->children, i + 1);
    }
  return NULL;
}

static void
extra_free (gpointer data)
{
  SteerYamlExtra *extra = data;

  steer_yaml_unref (extra->key);
  steer_yaml_unref (extra->value);
  g_free (extra);
}

static const char *
find_known (const char *const *known, const char *key)
{
  for (guint i = 0; known[i] != NULL; i++)
    if (g_str_equal (known[i], key))
      return known[i];
  return NULL;
}

GPtrArray *
steer_yaml_collect_extras (SteerYaml *mapping, const char *const *known)
{
  g_autoptr (GPtrArray) extras = NULL;
  const char *after = NULL;

  for (guint i = 0; i + 1 < mapping->children->len; i += 2)
    {
      SteerYaml *key = g_ptr_array_index (mapping->children, i);
      const char *ours = find_known (known, key->value);
      SteerYamlExtra *extra;

      if (ours != NULL)
        {
          after = ours;
          continue;
        }
      extra = g_new0 (SteerYamlExtra, 1);
      extra->after = after;
      extra->key = steer_yaml_ref (key);
      extra->value = steer_yaml_ref (g_ptr_array_index (mapping->children, i + 1));
      if (extras == NULL)
        extras = g_ptr_array_new_with_free_func (extra_free);
      g_ptr_array_add (extras, extra);
    }
  return g_steal_pointer (&extras);
}
