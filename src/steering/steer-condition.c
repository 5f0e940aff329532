#include "steer-condition.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "steer-feature.h"
#include "steer-vector-source.h"
#include "steer-yaml-writer.h"

static const char *
skip_space (const char *text)
{
  while (g_ascii_isspace (*text))
    text++;
  return text;
}

/* What follows @word; NULL where the text does not begin with it. */
static const char *
skip_word (const char *text, const char *word)
{
  return g_str_has_prefix (text, word) ? skip_space (text + strlen (word)) : NULL;
}

/* "(17)", or nothing. */
static const char *
read_index (const char *text, SteerCondition *condition)
{
  char *end = NULL;

  if (*text != '(')
    return text;
  text = skip_space (text + 1);
  if (!g_ascii_isdigit (*text))
    return NULL;
  condition->other = TRUE;
  errno = 0;
  condition->index = g_ascii_strtoull (text, &end, 10);
  if (errno != 0)
    return NULL;
  return skip_word (skip_space (end), ")");
}

static const char *
read_measure (const char *text, SteerCondition *condition)
{
  const char *rest = skip_word (text, "activation");

  if (rest == NULL)
    {
      rest = skip_word (text, "projection");
      condition->projection = TRUE;
    }
  return rest != NULL ? read_index (rest, condition) : NULL;
}

static const char *
read_comparison (const char *text, SteerCondition *condition)
{
  const char *rest = skip_word (text, ">");

  condition->above = rest != NULL;
  if (rest == NULL)
    rest = skip_word (text, "<=");
  return rest;
}

/* Hexadecimal numbers and "infinity" are for strtod() alone. */
static const char *
read_bound (const char *text, SteerCondition *condition)
{
  char *end = NULL;

  condition->bound = g_ascii_strtod (text, &end);
  if (end == text || strspn (text, "+-.0123456789eE") < (gsize) (end - text) || !isfinite (condition->bound)
      || fabs (condition->bound) > STEER_FEATURE_MAX_STRENGTH)
    return NULL;
  return skip_space (end);
}

gboolean
steer_condition_parse (const char *text, SteerCondition *condition, GError **error)
{
  SteerCondition read = { 0 };
  const char *rest = read_measure (skip_space (text), &read);

  if (rest != NULL)
    rest = read_comparison (rest, &read);
  if (rest != NULL)
    rest = read_bound (rest, &read);
  if (rest != NULL && *rest == '\0')
    {
      *condition = read;
      return TRUE;
    }
  g_set_error (
    error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID,
    "expected a condition such as 'activation > 2', 'activation(4711) > 2' or 'projection(4711) <= 0.5', with a "
    "bound of up to %g, found '%s'",
    STEER_FEATURE_MAX_STRENGTH, text);
  return FALSE;
}

char *
steer_condition_to_string (const SteerCondition *self)
{
  GString *text = g_string_new (self->projection ? "projection" : "activation");
  g_autofree char *bound = steer_yaml_format_double (self->bound);

  if (self->other)
    g_string_append_printf (text, "(%" G_GUINT64_FORMAT ")", self->index);
  g_string_append_printf (text, " %s %s", self->above ? ">" : "<=", bound);
  return g_string_free (text, FALSE);
}

gboolean
steer_condition_equal (const SteerCondition *a, const SteerCondition *b)
{
  if (a == NULL || b == NULL)
    return a == b;
  return !a->projection == !b->projection && !a->other == !b->other && (!a->other || a->index == b->index)
         && !a->above == !b->above && a->bound == b->bound;
}
