/* One line of a file of labels. Neuronpedia exports explanations, features and activations as rows of the same kind,
 * told apart by what they have; unknown members are passed over. */
#include "steer-label-private.h"

#include <math.h>
#include <string.h>

#include "tensor/steer-json-scanner.h"

/* Of an example, to either side of the strongest token. */
#define TOKENS_BEFORE 16
#define TOKENS_AFTER 8
#define MAX_TOKENS 65536

void
steer_label_row_clear (SteerLabelRow *self)
{
  g_free (self->model);
  g_free (self->source);
  g_free (self->label);
  g_free (self->example);
}

/* A copy of at most @most bytes, cut between characters, with white space at the ends taken off. */
static char *
dup_text (const char *text, gsize most)
{
  g_autofree char *valid = g_utf8_make_valid (text, (gssize) strnlen (text, most));
  gsize length = strlen (valid);

  /* A character that the cut has broken is U+FFFD now. */
  if (strlen (text) > most)
    while (length > 0 && g_str_has_suffix (valid, "\357\277\275"))
      valid[length -= 3] = '\0';
  g_strstrip (valid);
  return g_steal_pointer (&valid);
}

static void
set_text (char **member, const char *text, gsize most)
{
  g_free (*member);
  *member = dup_text (text, most);
}

static void
take_string (SteerLabelRow *self, const char *key, const char *text)
{
  if (strcmp (key, "modelId") == 0)
    set_text (&self->model, text, 256);
  else if (strcmp (key, "layer") == 0 || strcmp (key, "sourceId") == 0)
    set_text (&self->source, text, 256);
  else if (strcmp (key, "index") == 0)
    self->has_index = g_ascii_string_to_unsigned (text, 10, 0, STEER_LABEL_MAX_FEATURE, &self->index, NULL);
  else if (strcmp (key, "description") == 0)
    set_text (&self->label, text, STEER_LABEL_MAX_BYTES);
}

static void
take_number (SteerLabelRow *self, const char *key, SteerJsonScanner *json)
{
  double number = steer_json_scanner_get_double (json);
  gint64 integer;

  if (!isfinite (number))
    return;
  if (strcmp (key, "index") == 0)
    {
      self->has_index
        = steer_json_scanner_get_int64 (json, &integer) && integer >= 0 && integer <= STEER_LABEL_MAX_FEATURE;
      self->index = self->has_index ? (guint64) integer : 0;
    }
  else if (strcmp (key, "layer") == 0 && steer_json_scanner_get_int64 (json, &integer) && integer >= 0)
    {
      g_free (self->source);
      self->source = g_strdup_printf ("%" G_GINT64_FORMAT, integer);
    }
  else if (strcmp (key, "frac_nonzero") == 0 && number >= 0.0 && number <= 1.0)
    self->density = number;
  else if (strcmp (key, "maxActApprox") == 0 && number > 0.0)
    self->activation = number;
}

/* @strings (element-type utf8) or @numbers (element-type double), whichever is wanted; other elements are passed over
 * but keep their place. */
static gboolean
read_array (SteerJsonScanner *json, GPtrArray *strings, GArray *numbers, GError **error)
{
  SteerJsonToken token;

  while ((token = steer_json_scanner_next (json, error)) != STEER_JSON_ARRAY_END)
    {
      double number = token == STEER_JSON_NUMBER ? steer_json_scanner_get_double (json) : 0.0;

      if (strings != NULL && strings->len < MAX_TOKENS)
        g_ptr_array_add (strings,
                         g_strdup (token == STEER_JSON_STRING ? steer_json_scanner_get_string (json, NULL) : ""));
      if (numbers != NULL && numbers->len < MAX_TOKENS)
        g_array_append_val (numbers, number);
      if (!steer_json_scanner_skip (json, error))
        return FALSE;
    }
  return TRUE;
}

/* The tokens around the strongest, with it in brackets. */
static void
make_example (SteerLabelRow *self, GPtrArray *tokens, GArray *values)
{
  guint n = MIN (tokens->len, values->len);
  g_autoptr (GString) text = g_string_new (NULL);
  guint peak = 0;

  for (guint i = 1; i < n; i++)
    if (g_array_index (values, double, i) > g_array_index (values, double, peak))
      peak = i;
  if (n == 0 || !(g_array_index (values, double, peak) > 0.0) || !isfinite (g_array_index (values, double, peak)))
    return;
  for (guint i = peak > TOKENS_BEFORE ? peak - TOKENS_BEFORE : 0; i < n && i <= peak + TOKENS_AFTER; i++)
    {
      if (i == peak)
        g_string_append (text, "⟦");
      g_string_append (text, g_ptr_array_index (tokens, i));
      if (i == peak)
        g_string_append (text, "⟧");
    }
  /* How SentencePiece and byte-level vocabularies write a space and a line's end. */
  g_string_replace (text, "▁", " ", 0);
  g_string_replace (text, "Ġ", " ", 0);
  g_string_replace (text, "Ċ", "\n", 0);
  set_text (&self->example, text->str, STEER_LABEL_MAX_BYTES);
  self->value = g_array_index (values, double, peak);
}

gboolean
steer_label_row_read (SteerLabelRow *self, const char *line, gsize length, const char *name, GError **error)
{
  g_autoptr (SteerJsonScanner) json = steer_json_scanner_new (line, length, name);
  g_autoptr (GPtrArray) tokens = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GArray) values = g_array_new (FALSE, FALSE, sizeof (double));
  SteerJsonToken token = steer_json_scanner_next (json, error);

  self->density = -1.0;
  if (token != STEER_JSON_OBJECT_BEGIN)
    {
      if (token != STEER_JSON_ERROR)
        g_set_error (error, STEER_LABEL_ERROR, STEER_LABEL_ERROR_INVALID, "%s: expected a JSON object", name);
      return FALSE;
    }
  while ((token = steer_json_scanner_next (json, error)) == STEER_JSON_KEY)
    {
      g_autofree char *key = g_strdup (steer_json_scanner_get_string (json, NULL));
      gboolean read = TRUE;

      token = steer_json_scanner_next (json, error);
      if (token == STEER_JSON_ERROR)
        return FALSE;
      if (token == STEER_JSON_STRING)
        take_string (self, key, steer_json_scanner_get_string (json, NULL));
      else if (token == STEER_JSON_NUMBER)
        take_number (self, key, json);
      else if (token == STEER_JSON_ARRAY_BEGIN && strcmp (key, "tokens") == 0 && tokens->len == 0)
        read = read_array (json, tokens, NULL, error);
      else if (token == STEER_JSON_ARRAY_BEGIN && strcmp (key, "values") == 0 && values->len == 0)
        read = read_array (json, NULL, values, error);
      else
        read = steer_json_scanner_skip (json, error);
      if (!read)
        return FALSE;
    }
  make_example (self, tokens, values);
  return token == STEER_JSON_OBJECT_END && steer_json_scanner_next (json, error) == STEER_JSON_END;
}
