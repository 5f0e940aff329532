#include "steer-yaml-writer.h"

#include <math.h>
#include <string.h>
#include <yaml.h>

struct _SteerYamlWriter
{
  yaml_emitter_t emitter;
  GString *text;
  GPtrArray *open; /* (element-type GPtrArray) (nullable elements): extras of the mappings that are open */
};

static int
append (void *data, unsigned char *buffer, size_t size)
{
  g_string_append_len (data, (const char *) buffer, (gssize) size);
  return 1;
}

/* libyaml fails here only without memory, where GLib would have stopped already. */
static void
emit (SteerYamlWriter *self, yaml_event_t *event)
{
  if (!yaml_emitter_emit (&self->emitter, event))
    g_critical ("cannot write YAML: %s", self->emitter.problem != NULL ? self->emitter.problem : "no memory");
}

static void
emit_scalar (SteerYamlWriter *self, const char *tag, const char *value, gboolean plain, gboolean quoted, int style)
{
  yaml_event_t event;

  yaml_scalar_event_initialize (&event, NULL, (const yaml_char_t *) tag, (const yaml_char_t *) value,
                                (int) strlen (value), plain, quoted, (yaml_scalar_style_t) style);
  emit (self, &event);
}

SteerYamlWriter *
steer_yaml_writer_new (void)
{
  SteerYamlWriter *self = g_new0 (SteerYamlWriter, 1);
  yaml_event_t event;

  self->text = g_string_new (NULL);
  self->open = g_ptr_array_new ();
  yaml_emitter_initialize (&self->emitter);
  yaml_emitter_set_output (&self->emitter, append, self->text);
  yaml_emitter_set_unicode (&self->emitter, 1);
  yaml_emitter_set_width (&self->emitter, -1);
  yaml_stream_start_event_initialize (&event, YAML_UTF8_ENCODING);
  emit (self, &event);
  yaml_document_start_event_initialize (&event, NULL, NULL, NULL, 1);
  emit (self, &event);
  return self;
}

char *
steer_yaml_writer_end (SteerYamlWriter *self)
{
  yaml_event_t event;
  char *text;

  yaml_document_end_event_initialize (&event, 1);
  emit (self, &event);
  yaml_stream_end_event_initialize (&event);
  emit (self, &event);
  yaml_emitter_delete (&self->emitter);
  g_ptr_array_unref (self->open);
  text = g_string_free (self->text, FALSE);
  g_free (self);
  return text;
}

/* libyaml would quote an unquoted 12:30 inside brackets, and quotes make text of it. */
static gboolean
breaks_in_flow (SteerYaml *node)
{
  if (node->kind == STEER_YAML_SCALAR)
    return node->style == YAML_PLAIN_SCALAR_STYLE && strpbrk (node->value, ":?,[]{}") != NULL;
  for (guint i = 0; i < node->children->len; i++)
    if (breaks_in_flow (g_ptr_array_index (node->children, i)))
      return TRUE;
  return FALSE;
}

/* A value that was kept as the file had it. */
static void
emit_node (SteerYamlWriter *self, SteerYaml *node)
{
  const yaml_char_t *tag = (const yaml_char_t *) node->tag;
  gboolean implicit = tag == NULL;
  yaml_event_t event;

  if (node->kind == STEER_YAML_SCALAR)
    {
      emit_scalar (self, node->tag, node->value, implicit, implicit, node->style);
      return;
    }
  if (node->kind == STEER_YAML_SEQUENCE)
    yaml_sequence_start_event_initialize (&event, NULL, tag, implicit,
                                          breaks_in_flow (node) ? YAML_BLOCK_SEQUENCE_STYLE
                                                                : (yaml_sequence_style_t) node->style);
  else
    yaml_mapping_start_event_initialize (&event, NULL, tag, implicit,
                                         breaks_in_flow (node) ? YAML_BLOCK_MAPPING_STYLE
                                                               : (yaml_mapping_style_t) node->style);
  emit (self, &event);
  for (guint i = 0; i < node->children->len; i++)
    emit_node (self, g_ptr_array_index (node->children, i));
  if (node->kind == STEER_YAML_SEQUENCE)
    yaml_sequence_end_event_initialize (&event);
  else
    yaml_mapping_end_event_initialize (&event);
  emit (self, &event);
}

void
steer_yaml_writer_extras_after (SteerYamlWriter *self, const char *key)
{
  GPtrArray *extras = g_ptr_array_index (self->open, self->open->len - 1);

  for (guint i = 0; extras != NULL && i < extras->len; i++)
    {
      SteerYamlExtra *extra = g_ptr_array_index (extras, i);

      if (g_strcmp0 (extra->after, key) != 0)
        continue;
      emit_node (self, extra->key);
      emit_node (self, extra->value);
    }
}

void
steer_yaml_writer_begin_mapping (SteerYamlWriter *self, GPtrArray *extras)
{
  yaml_event_t event;

  yaml_mapping_start_event_initialize (&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE);
  emit (self, &event);
  g_ptr_array_add (self->open, extras);
  steer_yaml_writer_extras_after (self, NULL);
}

void
steer_yaml_writer_end_mapping (SteerYamlWriter *self)
{
  yaml_event_t event;

  g_ptr_array_set_size (self->open, (int) self->open->len - 1);
  yaml_mapping_end_event_initialize (&event);
  emit (self, &event);
}

void
steer_yaml_writer_begin_sequence (SteerYamlWriter *self, gboolean is_empty)
{
  yaml_event_t event;

  yaml_sequence_start_event_initialize (&event, NULL, NULL, 1,
                                        is_empty ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE);
  emit (self, &event);
}

void
steer_yaml_writer_end_sequence (SteerYamlWriter *self)
{
  yaml_event_t event;

  yaml_sequence_end_event_initialize (&event);
  emit (self, &event);
}

/* Could some reader take the unquoted word for a number, a boolean, null or a date? */
static gboolean
is_safe_unquoted (const char *text)
{
  static const char *const words[] = { "null", "true", "false", "yes", "no", "on", "off", "y", "n", NULL };
  g_autofree char *lower = g_ascii_strdown (text, -1);

  return (g_ascii_isalpha (text[0]) || (guchar) text[0] >= 0x80) && !g_strv_contains (words, lower);
}

/* A block of lines reads better than one long line of escapes, but only text without odd white space survives it. */
static gboolean
is_clean_block (const char *text)
{
  gboolean has_break = FALSE;

  if (g_ascii_isspace (text[0]))
    return FALSE;
  for (const char *p = text; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      has_break |= c == '\n';
      if (c == '\n' && p[1] == '\n' && p[2] == '\0')
        return FALSE;
      if (c == ' ' && (p[1] == '\n' || p[1] == '\0'))
        return FALSE;
      if (c != '\n' && (g_unichar_iscntrl (c) || c == 0x2028 || c == 0x2029 || c == 0xFEFF || c > 0xFFFF))
        return FALSE;
    }
  return has_break;
}

static void
emit_string (SteerYamlWriter *self, const char *value)
{
  yaml_scalar_style_t style = YAML_SINGLE_QUOTED_SCALAR_STYLE;

  if (is_clean_block (value))
    style = YAML_LITERAL_SCALAR_STYLE;
  else if (strpbrk (value, "\n\r\t") != NULL)
    style = YAML_DOUBLE_QUOTED_SCALAR_STYLE;
  else if (is_safe_unquoted (value))
    style = YAML_PLAIN_SCALAR_STYLE;
  emit_scalar (self, NULL, value, 1, 1, style);
}

static void
emit_word (SteerYamlWriter *self, const char *word)
{
  emit_scalar (self, NULL, word, 1, 0, YAML_PLAIN_SCALAR_STYLE);
}

void
steer_yaml_writer_key (SteerYamlWriter *self, const char *key)
{
  emit_word (self, key);
}

void
steer_yaml_writer_put_string (SteerYamlWriter *self, const char *key, const char *value)
{
  if (value != NULL)
    {
      emit_word (self, key);
      emit_string (self, value);
    }
  steer_yaml_writer_extras_after (self, key);
}

static void
put_word (SteerYamlWriter *self, const char *key, gboolean present, const char *word)
{
  if (present)
    {
      emit_word (self, key);
      emit_word (self, word);
    }
  steer_yaml_writer_extras_after (self, key);
}

static void
format_digits (char *buffer, double value, int digits)
{
  char format[] = "%.00g";

  format[2] = (char) ('0' + digits / 10);
  format[3] = (char) ('0' + digits % 10);
  g_ascii_formatd (buffer, G_ASCII_DTOSTR_BUF_SIZE, format, value);
}

char *
steer_yaml_format_double (double value)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];
  const char *exponent;
  int digits = 1;

  for (format_digits (buffer, value, digits); digits < 17 && g_ascii_strtod (buffer, NULL) != value;)
    format_digits (buffer, value, ++digits);
  /* "10", not "1e+01" */
  while (digits < 15 && strstr (buffer, "e+") != NULL && fabs (value) < 1e15)
    format_digits (buffer, value, ++digits);
  if (strchr (buffer, '.') != NULL)
    return g_strdup (buffer);
  exponent = strchr (buffer, 'e');
  if (exponent == NULL)
    return g_strconcat (buffer, ".0", NULL);
  return g_strdup_printf ("%.*s.0%s", (int) (exponent - buffer), buffer, exponent);
}

void
steer_yaml_writer_put_double (SteerYamlWriter *self, const char *key, gboolean present, double value)
{
  g_autofree char *word = steer_yaml_format_double (value);

  put_word (self, key, present, word);
}

void
steer_yaml_writer_put_uint64 (SteerYamlWriter *self, const char *key, gboolean present, guint64 value)
{
  g_autofree char *word = g_strdup_printf ("%" G_GUINT64_FORMAT, value);

  put_word (self, key, present, word);
}

void
steer_yaml_writer_put_boolean (SteerYamlWriter *self, const char *key, gboolean present, gboolean value)
{
  put_word (self, key, present, value ? "true" : "false");
}
