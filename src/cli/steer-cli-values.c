/* Values as they are written on a command line and in the chat's commands. */
#include "steer-cli-options.h"

#include <errno.h>
#include <math.h>
#include <string.h>

G_GNUC_PRINTF (2, 3)
static gboolean
fail (GError **error, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_propagate_error (error, g_error_new_valist (STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE, format, args));
  va_end (args);
  return FALSE;
}

gboolean
steer_cli_parse_double (const char *text,
                        const char *what,
                        double minimum,
                        double maximum,
                        double *value,
                        GError **error)
{
  char *end;
  double parsed = g_ascii_strtod (text, &end);

  if (end == text || *end != '\0' || !isfinite (parsed))
    return fail (error, "%s takes a number, not \"%s\"", what, text);
  if (parsed < minimum || parsed > maximum)
    return fail (error, "%s must lie between %g and %g, not at %g", what, minimum, maximum, parsed);
  *value = parsed;
  return TRUE;
}

gboolean
steer_cli_parse_uint (const char *text,
                      const char *what,
                      guint64 minimum,
                      guint64 maximum,
                      guint64 *value,
                      GError **error)
{
  g_autoptr (GError) local = NULL;

  if (g_ascii_string_to_unsigned (text, 10, minimum, maximum, value, &local))
    return TRUE;
  if (g_error_matches (local, G_NUMBER_PARSER_ERROR, G_NUMBER_PARSER_ERROR_OUT_OF_BOUNDS))
    return fail (error, "%s must lie between %" G_GUINT64_FORMAT " and %" G_GUINT64_FORMAT ", not at %s", what, minimum,
                 maximum, text);
  if (*text == '-' && g_ascii_isdigit (text[1]) && text[1 + strspn (text + 1, "0123456789")] == '\0')
    return fail (error, "%s must not be negative, as %s is", what, text);
  return fail (error, "%s takes a whole number, not \"%s\"", what, text);
}

gboolean
steer_cli_parse_switch (const char *text, const char *what, SteerCliSwitch *value, GError **error)
{
  static const char *const words[][2] = { { "yes", "no" }, { "on", "off" }, { "true", "false" }, { "1", "0" } };

  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    {
      if (strcmp (text, words[i][0]) == 0)
        *value = STEER_CLI_YES;
      else if (strcmp (text, words[i][1]) == 0)
        *value = STEER_CLI_NO;
      else
        continue;
      return TRUE;
    }
  return fail (error, "%s takes yes or no, not \"%s\"", what, text);
}

/* The digits at *@text, which is moved behind them. */
static gboolean
take_number (const char **text, guint64 maximum, guint64 *value)
{
  char *end;

  if (!g_ascii_isdigit (**text))
    return FALSE;
  errno = 0;
  *value = g_ascii_strtoull (*text, &end, 10);
  *text = end;
  return errno == 0 && *value <= maximum;
}

gboolean
steer_cli_parse_address (const char *text, guint *layer, guint64 *index, const char **end)
{
  guint64 number;

  if (!take_number (&text, G_MAXUINT, &number) || *text++ != ':' || !take_number (&text, G_MAXUINT64, index))
    return FALSE;
  *layer = (guint) number;
  *end = text;
  return TRUE;
}

gboolean
steer_cli_parse_condition (const char *text, gboolean *has_condition, SteerCondition *condition, GError **error)
{
  g_autoptr (GError) local = NULL;

  *has_condition = strcmp (text, "always") != 0;
  if (!*has_condition || steer_condition_parse (text, condition, &local))
    return TRUE;
  return fail (error, "%s", local->message);
}

gboolean
steer_cli_parse_feature (const char *text, SteerCliFeature *feature, GError **error)
{
  g_auto (GStrv) words = NULL;
  const char *p;

  if (!steer_cli_parse_address (text, &feature->layer, &feature->index, &p) || *p++ != '=')
    return fail (error, "a feature is written LAYER:INDEX=STRENGTH[,MODE][,CONDITION], as in 15:21576=8.5, not \"%s\"",
                 text);
  words = g_strsplit (p, ",", 3);
  if (!steer_cli_parse_double (*p != '\0' ? words[0] : "", "a strength", -G_MAXFLOAT, G_MAXFLOAT, &feature->strength,
                               error))
    return FALSE;
  feature->mode = STEER_MODE_ADD;
  feature->has_condition = FALSE;
  for (guint i = 1; words[0] != NULL && words[i] != NULL; i++)
    if (i == 1 && steer_mode_from_name (words[i], &feature->mode))
      continue;
    else if (feature->has_condition || strpbrk (words[i], "<>") == NULL)
      return fail (error, "after a strength come a comma and %s, a comma and a condition, or both, not \"%s\"",
                   steer_mode_list_names (), words[i]);
    else if (!steer_cli_parse_condition (words[i], &feature->has_condition, &feature->condition, error))
      return FALSE;
  return TRUE;
}

gboolean
steer_cli_parse_seed (const char *text, guint64 *seed, GError **error)
{
  if (strcmp (text, "random") == 0)
    {
      /* Short enough to be typed again. */
      *seed = g_random_int ();
      return TRUE;
    }
  return steer_cli_parse_uint (text, "a seed", 0, G_MAXUINT64, seed, error);
}
