#include "steer-steering-closures.h"

#include <glib/gi18n.h>
#include <math.h>
#include <string.h>

#include "steering/steer-made-feature.h"

#define UNKNOWN_RANGE 20.0      /* either way, where nothing is known */
#define NORM_RANGE 1.5          /* times the layer's typical norm */
#define ROOM_BEYOND 0.2         /* of the useful range, on either side */
#define ROOM_FOR_STRENGTH 1.1   /* so that a knob does not sit at the very end */
#define STEPS_OF_A_SLIDER 200.0 /* at least this many arrow keys from end to end */
#define STEPS_OF_A_PAGE 10.0
#define MAX_DECIMALS 6

/* U+2212; a hyphen before a digit is too short to be seen. */
#define MINUS "\342\210\222"

static void
widen (SteerStrengthRange *self, double value)
{
  if (value > self->upper)
    self->upper = value * ROOM_FOR_STRENGTH;
  if (value < self->lower)
    self->lower = value * ROOM_FOR_STRENGTH;
}

/* Sources try features in one direction; as much is useful in the other, for whoever wants less of a feature. */
static gboolean
is_of_other_sign (double minimum, double maximum, double strength)
{
  return (minimum >= 0.0 && strength < 0.0) || (maximum <= 0.0 && strength > 0.0);
}

void
steer_strength_range_init (SteerStrengthRange *self,
                           double minimum,
                           double maximum,
                           double recommended,
                           double layer_norm,
                           double strength)
{
  gboolean is_known = minimum < maximum;
  double room = ROOM_BEYOND * (maximum - minimum);
  gboolean is_symmetric;
  double span;

  if (is_known && is_of_other_sign (minimum, maximum, strength))
    {
      maximum = MAX (maximum, -minimum);
      minimum = -maximum;
    }
  is_symmetric = !is_known || minimum == -maximum;
  if (is_known)
    {
      self->useful_lower = MIN (minimum, 0.0);
      self->useful_upper = MAX (maximum, 0.0);
      self->lower = minimum < 0.0 ? minimum - room : 0.0;
      self->upper = maximum > 0.0 ? maximum + room : 0.0;
    }
  else
    {
      self->useful_upper = layer_norm > 0.0 ? layer_norm : UNKNOWN_RANGE;
      self->upper = layer_norm > 0.0 ? NORM_RANGE * layer_norm : UNKNOWN_RANGE;
      self->useful_lower = -self->useful_upper;
      self->lower = -self->upper;
    }
  widen (self, recommended);
  widen (self, strength);
  if (is_symmetric)
    {
      self->upper = MAX (self->upper, -self->lower);
      self->lower = -self->upper;
    }
  if (!is_known && layer_norm <= 0.0)
    {
      self->useful_lower = self->lower;
      self->useful_upper = self->upper;
    }

  span = self->upper - self->lower;
  self->step = pow (10.0, floor (log10 (span / STEPS_OF_A_SLIDER) + 1e-9));
  self->page = STEPS_OF_A_PAGE * self->step;
  self->digits = CLAMP ((int) lround (-log10 (self->step)) + 1, 0, MAX_DECIMALS);
}

static gboolean
is_of_stream (SteerFeature *feature)
{
  return steer_feature_get_mode (feature) != STEER_MODE_SAE_CLAMP;
}

double
steer_steering_get_recommended (SteerFeature *feature)
{
  return is_of_stream (feature) ? steer_feature_get_recommended (feature) : 0.0;
}

double
steer_steering_get_layer_norm (SteerFeature *feature)
{
  return is_of_stream (feature) ? steer_feature_get_layer_norm (feature) : 0.0;
}

void
steer_strength_range_init_for_feature (SteerStrengthRange *self, SteerFeature *feature, double strength)
{
  gboolean known = is_of_stream (feature);

  steer_strength_range_init (
    self, known ? steer_feature_get_minimum (feature) : 0.0, known ? steer_feature_get_maximum (feature) : 0.0,
    steer_steering_get_recommended (feature), steer_steering_get_layer_norm (feature), strength);
}

gboolean
steer_strength_range_holds (const SteerStrengthRange *self, double strength)
{
  return strength >= self->lower && strength <= self->upper;
}

gboolean
steer_strength_range_is_beyond (const SteerStrengthRange *self, double strength)
{
  return strength < self->useful_lower || strength > self->useful_upper;
}

static char *
format_decimals (double value, int decimals)
{
  char format[] = "%.0f";
  char buffer[512]; /* 1e9 and six decimals are short; any double fits */

  format[2] = (char) ('0' + decimals);
  g_ascii_formatd (buffer, sizeof buffer, format, fabs (value));
  return g_strdup (buffer);
}

static char *
format_number (double value, int least)
{
  g_autofree char *digits = NULL;
  gboolean is_zero;

  for (int decimals = least; decimals <= MAX_DECIMALS; decimals++)
    {
      g_free (digits);
      digits = format_decimals (value, decimals);
      if (fabs (g_ascii_strtod (digits, NULL) - fabs (value)) <= 1e-9 * MAX (1.0, fabs (value)))
        break;
    }
  is_zero = g_ascii_strtod (digits, NULL) == 0.0;
  return g_strconcat (value < 0.0 && !is_zero ? MINUS : "", digits, NULL);
}

char *
steer_steering_dup_strength (gpointer self, double strength)
{
  return format_number (strength, 2);
}

char *
steer_steering_dup_rounded (gpointer self, double strength, int decimals)
{
  g_autofree char *digits = format_decimals (strength, CLAMP (decimals, 2, MAX_DECIMALS));

  return g_strconcat (strength < 0.0 && g_ascii_strtod (digits, NULL) != 0.0 ? MINUS : "", digits, NULL);
}

gboolean
steer_steering_parse_strength (const char *text, double *strength)
{
  g_autofree char *plain = g_strstrip (g_strdup (text));
  g_autoptr (GString) ascii = g_string_new (NULL);
  double value;
  char *end;

  for (const char *p = plain; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      g_string_append_unichar (ascii, c == 0x2212 || c == 0x2013 ? '-' : c == ',' ? '.' : c);
    }
  if (ascii->len == 0 || strspn (ascii->str, "+-.0123456789eE") != ascii->len)
    return FALSE;
  value = g_ascii_strtod (ascii->str, &end);
  if (*end != '\0' || !isfinite (value))
    return FALSE;
  *strength = value;
  return TRUE;
}

char *
steer_steering_dup_place (gpointer self, guint layer, guint64 index)
{
  /* Its number is a date and tells nobody anything. */
  if (index >= STEER_MADE_FEATURE_FIRST)
    return g_strdup_printf (_ ("layer %u · made from examples"), layer);
  return g_strdup_printf (_ ("layer %u · feature %llu"), layer, (unsigned long long) index);
}

static char *
dup_measured (const SteerCondition *condition)
{
  if (!condition->other)
    return g_strdup (condition->projection ? _ ("its projection") : _ ("its activation"));
  return g_strdup_printf (condition->projection ? _ ("the projection of feature %llu")
                                                : _ ("the activation of feature %llu"),
                          (unsigned long long) condition->index);
}

char *
steer_steering_dup_when (gpointer self, const char *when)
{
  g_autofree char *measured = NULL;
  g_autofree char *bound = NULL;
  SteerCondition condition;

  if (when == NULL || !steer_condition_parse (when, &condition, NULL))
    return g_strdup ("");
  measured = dup_measured (&condition);
  bound = steer_steering_dup_strength (self, condition.bound);
  /* Translators: "Only where the activation of feature 21576 is above 2.50" */
  return g_strdup_printf (condition.above ? _ ("Only where %s is above %s") : _ ("Only where %s is at most %s"),
                          measured, bound);
}

char *
steer_steering_dup_title (gpointer self, const char *label, guint64 index)
{
  char capital[8] = "";

  if (label == NULL || *label == '\0')
    return g_strdup_printf (_ ("Feature %llu"), (unsigned long long) index);
  /* Labels are written as the ends of sentences: "references to the sea". */
  capital[g_unichar_to_utf8 (g_unichar_totitle (g_utf8_get_char (label)), capital)] = '\0';
  return g_strconcat (capital, g_utf8_next_char (label), NULL);
}

static const struct
{
  const char *label;
  const char *text;
} modes[STEER_N_MODES] = {
  [STEER_MODE_ADD]
  = { N_ ("Clamp"), N_ ("Adds the strength to what is there. Press to hold the feature at it instead.") },
  [STEER_MODE_CLAMP]
  = { N_ ("Clamp"), N_ ("Holds the feature at this strength, instead of adding to what is there. Features "
                        "of one layer apply in the order of the list.") },
  [STEER_MODE_MINIMUM] = { N_ ("Minimum"), N_ ("Raises the feature to this strength where there is less of it.") },
  [STEER_MODE_MAXIMUM] = { N_ ("Maximum"), N_ ("Lowers the feature to this strength where there is more of it.") },
  [STEER_MODE_ORTHOGONAL]
  = { N_ ("Orthogonal"), N_ ("Holds the feature at this strength and shrinks or stretches the rest, so that the "
                             "length stays.") },
  [STEER_MODE_CAP] = { N_ ("Cap"), N_ ("Limits the feature to this strength, either way.") },
  [STEER_MODE_SAE_CLAMP]
  = { N_ ("SAE clamp"), N_ ("Holds the feature’s activation, as its autoencoder measures it, at this value.") },
};

char *
steer_steering_dup_mode_label (gpointer self, SteerMode mode)
{
  return g_strdup (_ (modes[mode < STEER_N_MODES ? mode : STEER_MODE_ADD].label));
}

char *
steer_steering_dup_mode_text (gpointer self, SteerMode mode)
{
  return g_strdup (_ (modes[mode < STEER_N_MODES ? mode : STEER_MODE_ADD].text));
}

static char *
format_share (double strength, double layer_norm)
{
  double share = round (strength / layer_norm * 100.0) / 100.0;

  return format_number (share, 2);
}

char *
steer_steering_dup_share (gpointer self, double strength, double layer_norm, gboolean beyond)
{
  g_autofree char *share = NULL;

  if (layer_norm <= 0.0)
    return g_strdup (beyond ? _ ("Beyond the useful range") : "");
  share = format_share (strength, layer_norm);
  if (beyond)
    return g_strdup_printf (_ ("%s × the typical norm: beyond the useful range"), share);
  return g_strdup_printf (_ ("%s × the layer’s typical norm"), share);
}

char *
steer_steering_dup_measure (gpointer self, double strength, double layer_norm, gboolean beyond, SteerMode mode)
{
  if (mode == STEER_MODE_SAE_CLAMP)
    return g_strdup (_ ("in units of its activation"));
  return steer_steering_dup_share (self, strength, layer_norm, beyond);
}

char *
steer_steering_dup_value_text (gpointer self, double strength, double layer_norm, gboolean beyond)
{
  g_autofree char *number = steer_steering_dup_strength (NULL, strength);
  g_autoptr (GString) text = g_string_new (number);

  if (layer_norm > 0.0)
    {
      g_autofree char *share = format_share (strength, layer_norm);

      g_string_append_printf (text, _ (", %s times the layer’s typical norm"), share);
    }
  if (beyond)
    g_string_append (text, _ (", beyond the useful range"));
  return g_string_free (g_steal_pointer (&text), FALSE);
}

char *
steer_steering_dup_multiplier (gpointer self, double multiplier)
{
  g_autofree char *number = format_decimals (multiplier, 2);

  return g_strconcat ("× ", number, NULL);
}

char *
steer_steering_dup_preset_name (gpointer self, const char *name)
{
  return g_strdup (name != NULL && *name != '\0' ? name : _ ("Untitled"));
}

char **
steer_steering_dup_row_classes (gpointer self, gboolean enabled, gboolean beyond)
{
  const char *const classes[] = { "feature-card", enabled ? "on" : "off", beyond ? "beyond" : NULL, NULL };

  return g_strdupv ((char **) classes);
}

char **
steer_steering_dup_list_classes (gpointer self, gboolean master_enabled)
{
  const char *const classes[] = { "feature-list", master_enabled ? "on" : "off", NULL };

  return g_strdupv ((char **) classes);
}

char *
steer_steering_dup_page (gpointer self, gboolean empty)
{
  return g_strdup (empty ? "empty" : "list");
}

gboolean
steer_steering_is_text (gpointer self, const char *text)
{
  return text != NULL && *text != '\0';
}
