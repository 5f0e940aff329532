/* What a person types, as the full-text index understands it. */
#include "steer-label-private.h"

/* More are passed over; nobody types as many. */
#define MAX_WORDS 16

static gboolean
is_word (const char *text)
{
  for (const char *p = text; *p != '\0'; p = g_utf8_next_char (p))
    if (g_unichar_isalnum (g_utf8_get_char (p)))
      return TRUE;
  return FALSE;
}

static void
append_quoted (GString *out, const char *text)
{
  g_string_append_c (out, '"');
  for (const char *p = text; *p != '\0'; p++)
    {
      if (*p == '"')
        g_string_append_c (out, '"');
      g_string_append_c (out, *p);
    }
  g_string_append_c (out, '"');
}

void
steer_label_query_clear (SteerLabelQuery *self)
{
  g_clear_pointer (&self->parts, g_ptr_array_unref);
}

static void
add_part (SteerLabelQuery *self, GString *part)
{
  if (is_word (part->str) && self->parts->len < MAX_WORDS)
    g_ptr_array_add (self->parts, g_strdup (part->str));
  g_string_set_size (part, 0);
}

void
steer_label_query_init (SteerLabelQuery *self, const char *text)
{
  g_autoptr (GString) part = g_string_new (NULL);
  gboolean quoted = FALSE;

  *self = (SteerLabelQuery){ .parts = g_ptr_array_new_with_free_func (g_free) };
  for (const char *p = text; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      if (c == '"')
        {
          add_part (self, part);
          quoted = !quoted;
          self->has_phrases = TRUE;
        }
      else if (!quoted && g_unichar_isspace (c))
        add_part (self, part);
      else
        g_string_append_unichar (part, c);
    }
  self->is_open
    = part->len > 0 && !quoted && g_unichar_isalnum (g_utf8_get_char (g_utf8_prev_char (part->str + part->len)));
  add_part (self, part);
}

char *
steer_label_query_make_phrase (const SteerLabelQuery *query, gboolean open)
{
  g_autofree char *words = NULL;
  GString *out = g_string_new (NULL);

  g_ptr_array_add (query->parts, NULL);
  words = g_strjoinv (" ", (char **) query->parts->pdata);
  g_ptr_array_set_size (query->parts, (int) query->parts->len - 1);
  append_quoted (out, words);
  if (open)
    g_string_append (out, " *");
  return g_string_free (out, FALSE);
}

char *
steer_label_query_make_words (const SteerLabelQuery *query)
{
  GString *out = g_string_new (NULL);

  for (guint i = 0; i < query->parts->len; i++)
    {
      if (i > 0)
        g_string_append (out, " AND ");
      append_quoted (out, g_ptr_array_index (query->parts, i));
      if (i + 1 == query->parts->len && query->is_open)
        g_string_append (out, " *");
    }
  return g_string_free (out, FALSE);
}
