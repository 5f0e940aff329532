#include "steer-transcript-closures.h"

#include <glib/gi18n.h>
#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

#include "steer-steering-closures.h"

/* Longer JSON is not ours. */
#define MAX_STEERING_BYTES (1 << 20)

char *
steer_transcript_dup_tokens (gpointer self, guint n_tokens)
{
  if (n_tokens == 0)
    return g_strdup ("");
  return g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%'u token", "%'u tokens", n_tokens), n_tokens);
}

char *
steer_transcript_dup_rate (gpointer self, double tokens_per_second)
{
  if (!(tokens_per_second > 0.0))
    return g_strdup ("");
  return g_strdup_printf (tokens_per_second < 9.95 ? _ ("%.1f tokens/s") : _ ("%.0f tokens/s"), tokens_per_second);
}

char *
steer_transcript_dup_alternative (gpointer self, guint alternative, guint n_alternatives)
{
  return g_strdup_printf ("%u/%u", alternative + 1, n_alternatives);
}

char *
steer_transcript_dup_stop_note (gpointer self, int reason, gboolean complete)
{
  if (!complete)
    return g_strdup ("");
  switch ((SteerStopReason) reason)
    {
    case STEER_STOP_LENGTH:
      return g_strdup (_ ("Longest length reached"));
    case STEER_STOP_CONTEXT:
      return g_strdup (_ ("Context full"));
    case STEER_STOP_CANCELLED:
      return g_strdup (_ ("Stopped"));
    case STEER_STOP_ERROR:
      return g_strdup (_ ("Ended by an error"));
    case STEER_STOP_NONE:
    case STEER_STOP_EOS:
    case STEER_STOP_STRING:
    default:
      return g_strdup ("");
    }
}

char *
steer_transcript_dup_context (gpointer self, guint used, guint size)
{
  return g_strdup_printf (_ ("%'u of %'u tokens of context used"), used, size);
}

gboolean
steer_transcript_has_steering (const char *steering)
{
  return steering != NULL && *steering != '\0' && strcmp (steering, "[]") != 0;
}

char *
steer_transcript_dup_steering (const char *preset_name, const GArray *runs)
{
  gboolean any = FALSE, changed = FALSE;
  const char *first = NULL;
  const char *name = preset_name != NULL && *preset_name != '\0' ? preset_name : _ ("Steered");
  guint n_runs = runs != NULL ? runs->len : 0;

  for (guint i = 0; i < n_runs; i++)
    {
      const SteerTextRun *run = &g_array_index (runs, SteerTextRun, i);
      const char *steering = steer_transcript_has_steering (run->steering) ? run->steering : NULL;

      any |= steering != NULL;
      if (i > 0 && g_strcmp0 (first, steering) != 0)
        changed = TRUE;
      if (i == 0)
        first = steering;
    }
  if (!any)
    return NULL;
  return changed ? g_strdup_printf (_ ("%s · changed in reply"), name) : g_strdup (name);
}

static void
strength_clear (gpointer data)
{
  g_free (((SteerStrength *) data)->label);
  g_free (((SteerStrength *) data)->when);
}

static double
get_number (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) != G_TYPE_STRING
           ? json_node_get_double (node)
           : 0.0;
}

static const char *
get_text (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);
  const char *text = node != NULL && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING
                       ? json_node_get_string (node)
                       : NULL;

  return text != NULL ? text : "";
}

GArray *
steer_transcript_parse_strengths (const char *steering)
{
  GArray *strengths = g_array_new (FALSE, FALSE, sizeof (SteerStrength));
  g_autoptr (JsonNode) root = NULL;
  JsonArray *array;

  g_array_set_clear_func (strengths, strength_clear);
  if (!steer_transcript_has_steering (steering) || strlen (steering) > MAX_STEERING_BYTES)
    return strengths;
  root = json_from_string (steering, NULL);
  if (root == NULL || !JSON_NODE_HOLDS_ARRAY (root))
    return strengths;
  array = json_node_get_array (root);
  for (guint i = 0; i < json_array_get_length (array); i++)
    {
      JsonNode *node = json_array_get_element (array, i);
      JsonObject *object = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
      double strength = object != NULL ? get_number (object, "strength") : NAN;
      SteerStrength entry;

      if (!isfinite (strength))
        continue;
      entry = (SteerStrength){
        .layer = (guint) CLAMP (get_number (object, "layer"), 0, G_MAXINT),
        .index = (guint64) CLAMP (get_number (object, "index"), 0, 9e15),
        .strength = strength,
        .mode = STEER_MODE_ADD,
        .label = g_strdup (get_text (object, "label")),
        .when = json_object_has_member (object, "when") ? g_strdup (get_text (object, "when")) : NULL,
      };
      steer_mode_from_name (get_text (object, "mode"), &entry.mode);
      g_array_append_val (strengths, entry);
    }
  return strengths;
}

static const char *const mode_texts[STEER_N_MODES] = {
  [STEER_MODE_ADD] = "",
  [STEER_MODE_CLAMP] = N_ (", clamped"),
  [STEER_MODE_MINIMUM] = N_ (", at least"),
  [STEER_MODE_MAXIMUM] = N_ (", at most"),
  [STEER_MODE_ORTHOGONAL] = N_ (", clamped, length kept"),
  [STEER_MODE_CAP] = N_ (", capped"),
  [STEER_MODE_SAE_CLAMP] = N_ (", activation clamped"),
};

static void
append_when (GString *text, const char *when)
{
  g_autofree char *sentence = steer_steering_dup_when (NULL, when);

  if (*sentence != '\0')
    g_string_append_printf (text, "\n    %s", sentence);
}

char *
steer_transcript_dup_strengths (const char *steering)
{
  g_autoptr (GArray) strengths = steer_transcript_parse_strengths (steering);
  GString *text;

  if (strengths->len == 0)
    return g_strdup (_ ("No steering"));
  text = g_string_new (NULL);
  for (guint i = 0; i < strengths->len; i++)
    {
      const SteerStrength *strength = &g_array_index (strengths, SteerStrength, i);

      if (i > 0)
        g_string_append_c (text, '\n');
      if (*strength->label != '\0')
        g_string_append (text, strength->label);
      else
        g_string_append_printf (text, _ ("Layer %u, feature %llu"), strength->layer,
                                (unsigned long long) strength->index);
      /* A minus sign, not a hyphen: it is as wide as the plus. */
      g_string_append_printf (text, "  %s%.4g", strength->strength < 0 ? "−" : "+", fabs (strength->strength));
      g_string_append (text, *mode_texts[strength->mode] != '\0' ? _ (mode_texts[strength->mode]) : "");
      append_when (text, strength->when);
    }
  return g_string_free (text, FALSE);
}

guint
steer_transcript_get_level (double shares)
{
  static const double limits[] = { 0.25, 0.5, 0.75, 1.05 };
  guint level = 1;

  if (!(shares > 0.0))
    return 0;
  for (guint i = 0; i < G_N_ELEMENTS (limits) && shares > limits[i]; i++)
    level++;
  return level;
}

gboolean
steer_transcript_is_safe_uri (const char *uri)
{
  g_autofree char *scheme = NULL;

  if (uri == NULL || strlen (uri) > 4096 || !g_utf8_validate (uri, -1, NULL))
    return FALSE;
  /* Spaces, control characters and direction marks make an address look like another one. */
  for (const char *p = uri; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      if (!g_unichar_isgraph (c) || g_unichar_type (c) == G_UNICODE_FORMAT)
        return FALSE;
    }
  scheme = g_uri_parse_scheme (uri);
  if (scheme == NULL)
    return FALSE;
  if (g_ascii_strcasecmp (scheme, "mailto") == 0)
    return uri[strlen (scheme) + 1] != '\0';
  if (g_ascii_strcasecmp (scheme, "http") != 0 && g_ascii_strcasecmp (scheme, "https") != 0)
    return FALSE;
  {
    g_autoptr (GUri) parsed = g_uri_parse (uri, G_URI_FLAGS_PARSE_RELAXED, NULL);

    /* "https://bank.example@evil.example" is not what it reads as. */
    return parsed != NULL && g_uri_get_host (parsed) != NULL && *g_uri_get_host (parsed) != '\0'
           && g_uri_get_userinfo (parsed) == NULL;
  }
}
