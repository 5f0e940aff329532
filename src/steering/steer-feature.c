#include "steer-feature-private.h"

#include <math.h>
#include <string.h>

struct _SteerFeature
{
  GObject parent_instance;

  guint layer;
  guint64 index;
  char *source;
  char *label;
  double strength;
  SteerMode mode;
  SteerCondition *condition; /* nullable */
  char *when;                /* the same as text */
  gboolean enabled;
  double recommended;
  double minimum;
  double maximum;
  double layer_norm;
  GPtrArray *extras;
};

enum
{
  PROP_0,
  PROP_LAYER,
  PROP_INDEX,
  PROP_SOURCE,
  PROP_LABEL,
  PROP_STRENGTH,
  PROP_MODE,
  PROP_CLAMP,
  PROP_WHEN,
  PROP_ENABLED,
  PROP_RECOMMENDED,
  PROP_MINIMUM,
  PROP_MAXIMUM,
  PROP_LAYER_NORM,
  N_PROPS,
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (SteerFeature, steer_feature, G_TYPE_OBJECT)

const char *const steer_feature_keys[]
  = { "layer", "index", "source", "label", "strength", "mode", "clamp", "when", "enabled", NULL };

gboolean
steer_feature_property_is_saved (const char *name)
{
  /* "clamp" says nothing that "mode" does not. */
  return g_strv_contains (steer_feature_keys, name) && strcmp (name, "clamp") != 0;
}

static void
steer_feature_finalize (GObject *object)
{
  SteerFeature *self = STEER_FEATURE (object);

  g_free (self->source);
  g_free (self->label);
  g_free (self->condition);
  g_free (self->when);
  g_clear_pointer (&self->extras, g_ptr_array_unref);
  G_OBJECT_CLASS (steer_feature_parent_class)->finalize (object);
}

static void
steer_feature_get_property (GObject *object, guint prop_id, GValue *value, GParamSpec *pspec)
{
  SteerFeature *self = STEER_FEATURE (object);

  switch (prop_id)
    {
    case PROP_LAYER:
      g_value_set_uint (value, self->layer);
      break;
    case PROP_INDEX:
      g_value_set_uint64 (value, self->index);
      break;
    case PROP_SOURCE:
      g_value_set_string (value, self->source);
      break;
    case PROP_LABEL:
      g_value_set_string (value, self->label);
      break;
    case PROP_STRENGTH:
      g_value_set_double (value, self->strength);
      break;
    case PROP_MODE:
      g_value_set_enum (value, (int) self->mode);
      break;
    case PROP_CLAMP:
      g_value_set_boolean (value, steer_feature_get_clamp (self));
      break;
    case PROP_WHEN:
      g_value_set_string (value, self->when);
      break;
    case PROP_ENABLED:
      g_value_set_boolean (value, self->enabled);
      break;
    case PROP_RECOMMENDED:
      g_value_set_double (value, self->recommended);
      break;
    case PROP_MINIMUM:
      g_value_set_double (value, self->minimum);
      break;
    case PROP_MAXIMUM:
      g_value_set_double (value, self->maximum);
      break;
    case PROP_LAYER_NORM:
      g_value_set_double (value, self->layer_norm);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
steer_feature_set_property (GObject *object, guint prop_id, const GValue *value, GParamSpec *pspec)
{
  SteerFeature *self = STEER_FEATURE (object);

  switch (prop_id)
    {
    case PROP_LAYER:
      self->layer = g_value_get_uint (value);
      break;
    case PROP_INDEX:
      self->index = g_value_get_uint64 (value);
      break;
    case PROP_SOURCE:
      steer_feature_set_source (self, g_value_get_string (value));
      break;
    case PROP_LABEL:
      steer_feature_set_label (self, g_value_get_string (value));
      break;
    case PROP_STRENGTH:
      steer_feature_set_strength (self, g_value_get_double (value));
      break;
    case PROP_MODE:
      steer_feature_set_mode (self, (SteerMode) g_value_get_enum (value));
      break;
    case PROP_CLAMP:
      steer_feature_set_clamp (self, g_value_get_boolean (value));
      break;
    case PROP_ENABLED:
      steer_feature_set_enabled (self, g_value_get_boolean (value));
      break;
    case PROP_RECOMMENDED:
      steer_feature_set_range (self, g_value_get_double (value), self->minimum, self->maximum);
      break;
    case PROP_MINIMUM:
      steer_feature_set_range (self, self->recommended, g_value_get_double (value), self->maximum);
      break;
    case PROP_MAXIMUM:
      steer_feature_set_range (self, self->recommended, self->minimum, g_value_get_double (value));
      break;
    case PROP_LAYER_NORM:
      steer_feature_set_layer_norm (self, g_value_get_double (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
steer_feature_class_init (SteerFeatureClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags plain = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;
  GParamFlags once = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_CONSTRUCT_ONLY;

  object_class->finalize = steer_feature_finalize;
  object_class->get_property = steer_feature_get_property;
  object_class->set_property = steer_feature_set_property;

  properties[PROP_LAYER] = g_param_spec_uint ("layer", NULL, NULL, 0, STEER_FEATURE_MAX_LAYER, 0, once);
  properties[PROP_INDEX] = g_param_spec_uint64 ("index", NULL, NULL, 0, G_MAXUINT64, 0, once);
  properties[PROP_SOURCE] = g_param_spec_string ("source", NULL, NULL, NULL, plain);
  properties[PROP_LABEL] = g_param_spec_string ("label", NULL, NULL, NULL, plain);
  properties[PROP_STRENGTH]
    = g_param_spec_double ("strength", NULL, NULL, -STEER_FEATURE_MAX_STRENGTH, STEER_FEATURE_MAX_STRENGTH, 0.0, plain);
  properties[PROP_MODE] = g_param_spec_enum ("mode", NULL, NULL, STEER_TYPE_MODE, STEER_MODE_ADD, plain);
  properties[PROP_CLAMP] = g_param_spec_boolean ("clamp", NULL, NULL, FALSE, plain);
  properties[PROP_WHEN] = g_param_spec_string ("when", NULL, NULL, NULL,
                                               G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);
  properties[PROP_ENABLED] = g_param_spec_boolean ("enabled", NULL, NULL, TRUE, plain);
  properties[PROP_RECOMMENDED] = g_param_spec_double ("recommended", NULL, NULL, -G_MAXDOUBLE, G_MAXDOUBLE, 0.0, plain);
  properties[PROP_MINIMUM] = g_param_spec_double ("minimum", NULL, NULL, -G_MAXDOUBLE, G_MAXDOUBLE, 0.0, plain);
  properties[PROP_MAXIMUM] = g_param_spec_double ("maximum", NULL, NULL, -G_MAXDOUBLE, G_MAXDOUBLE, 0.0, plain);
  properties[PROP_LAYER_NORM] = g_param_spec_double ("layer-norm", NULL, NULL, 0.0, G_MAXDOUBLE, 0.0, plain);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
steer_feature_init (SteerFeature *self)
{
  self->enabled = TRUE;
}

SteerFeature *
steer_feature_new (guint layer, guint64 index)
{
  return g_object_new (STEER_TYPE_FEATURE, "layer", MIN (layer, STEER_FEATURE_MAX_LAYER), "index", index, NULL);
}

SteerFeature *
steer_feature_copy (SteerFeature *self)
{
  SteerFeature *copy = steer_feature_new (self->layer, self->index);

  copy->source = g_strdup (self->source);
  copy->label = g_strdup (self->label);
  copy->strength = self->strength;
  copy->mode = self->mode;
  steer_feature_set_condition (copy, self->condition);
  copy->enabled = self->enabled;
  copy->recommended = self->recommended;
  copy->minimum = self->minimum;
  copy->maximum = self->maximum;
  copy->layer_norm = self->layer_norm;
  steer_feature_set_extras (copy, self->extras);
  return copy;
}

/* Text that is not UTF-8 could not be written to a preset; an empty text means none. */
static void
set_text (SteerFeature *self, char **member, const char *text, guint prop_id)
{
  g_autofree char *valid = text != NULL && *text != '\0' ? g_utf8_make_valid (text, -1) : NULL;

  if (g_strcmp0 (*member, valid) == 0)
    return;
  g_free (*member);
  *member = g_steal_pointer (&valid);
  g_object_notify_by_pspec (G_OBJECT (self), properties[prop_id]);
}

static void
set_double (SteerFeature *self, double *member, double value, guint prop_id)
{
  if (!isfinite (value) || *member == value)
    return;
  *member = value;
  g_object_notify_by_pspec (G_OBJECT (self), properties[prop_id]);
}

static void
set_boolean (SteerFeature *self, gboolean *member, gboolean value, guint prop_id)
{
  if (*member == !!value)
    return;
  *member = !!value;
  g_object_notify_by_pspec (G_OBJECT (self), properties[prop_id]);
}

guint
steer_feature_get_layer (SteerFeature *self)
{
  g_return_val_if_fail (STEER_IS_FEATURE (self), 0);
  return self->layer;
}

guint64
steer_feature_get_index (SteerFeature *self)
{
  g_return_val_if_fail (STEER_IS_FEATURE (self), 0);
  return self->index;
}

const char *
steer_feature_get_source (SteerFeature *self)
{
  g_return_val_if_fail (STEER_IS_FEATURE (self), NULL);
  return self->source;
}

void
steer_feature_set_source (SteerFeature *self, const char *source)
{
  g_return_if_fail (STEER_IS_FEATURE (self));
  set_text (self, &self->source, source, PROP_SOURCE);
}

const char *
steer_feature_get_label (SteerFeature *self)
{
  g_return_val_if_fail (STEER_IS_FEATURE (self), NULL);
  return self->label;
}

void
steer_feature_set_label (SteerFeature *self, const char *label)
{
  g_return_if_fail (STEER_IS_FEATURE (self));
  set_text (self, &self->label, label, PROP_LABEL);
}

double
steer_feature_get_strength (SteerFeature *self)
{
  g_return_val_if_fail (STEER_IS_FEATURE (self), 0.0);
  return self->strength;
}

void
steer_feature_set_strength (SteerFeature *self, double strength)
{
  g_return_if_fail (STEER_IS_FEATURE (self));
  set_double (self, &self->strength, CLAMP (strength, -STEER_FEATURE_MAX_STRENGTH, STEER_FEATURE_MAX_STRENGTH),
              PROP_STRENGTH);
}

SteerMode
steer_feature_get_mode (SteerFeature *self)
{
  g_return_val_if_fail (STEER_IS_FEATURE (self), STEER_MODE_ADD);
  return self->mode;
}

void
steer_feature_set_mode (SteerFeature *self, SteerMode mode)
{
  gboolean clamped;

  g_return_if_fail (STEER_IS_FEATURE (self));
  g_return_if_fail ((guint) mode < STEER_N_MODES);

  if (self->mode == mode)
    return;
  clamped = self->mode == STEER_MODE_CLAMP;
  self->mode = mode;
  g_object_freeze_notify (G_OBJECT (self));
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_MODE]);
  if (clamped != (mode == STEER_MODE_CLAMP))
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_CLAMP]);
  g_object_thaw_notify (G_OBJECT (self));
}

gboolean
steer_feature_get_clamp (SteerFeature *self)
{
  g_return_val_if_fail (STEER_IS_FEATURE (self), FALSE);
  return self->mode == STEER_MODE_CLAMP;
}

void
steer_feature_set_clamp (SteerFeature *self, gboolean clamp)
{
  g_return_if_fail (STEER_IS_FEATURE (self));
  if (clamp)
    steer_feature_set_mode (self, STEER_MODE_CLAMP);
  else if (self->mode == STEER_MODE_CLAMP)
    steer_feature_set_mode (self, STEER_MODE_ADD);
}

const SteerCondition *
steer_feature_get_condition (SteerFeature *self)
{
  g_return_val_if_fail (STEER_IS_FEATURE (self), NULL);
  return self->condition;
}

void
steer_feature_set_condition (SteerFeature *self, const SteerCondition *condition)
{
  g_autofree SteerCondition *old = NULL;

  g_return_if_fail (STEER_IS_FEATURE (self));
  if (steer_condition_equal (self->condition, condition))
    return;
  old = g_steal_pointer (&self->condition); /* which may be @condition */
  self->condition = condition != NULL ? g_memdup2 (condition, sizeof *condition) : NULL;
  g_free (self->when);
  self->when = condition != NULL ? steer_condition_to_string (condition) : NULL;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_WHEN]);
}

const char *
steer_feature_get_when (SteerFeature *self)
{
  g_return_val_if_fail (STEER_IS_FEATURE (self), NULL);
  return self->when;
}

gboolean
steer_feature_get_enabled (SteerFeature *self)
{
  g_return_val_if_fail (STEER_IS_FEATURE (self), FALSE);
  return self->enabled;
}

void
steer_feature_set_enabled (SteerFeature *self, gboolean enabled)
{
  g_return_if_fail (STEER_IS_FEATURE (self));
  set_boolean (self, &self->enabled, enabled, PROP_ENABLED);
}

double
steer_feature_get_recommended (SteerFeature *self)
{
  g_return_val_if_fail (STEER_IS_FEATURE (self), 0.0);
  return self->recommended;
}

double
steer_feature_get_minimum (SteerFeature *self)
{
  g_return_val_if_fail (STEER_IS_FEATURE (self), 0.0);
  return self->minimum;
}

double
steer_feature_get_maximum (SteerFeature *self)
{
  g_return_val_if_fail (STEER_IS_FEATURE (self), 0.0);
  return self->maximum;
}

double
steer_feature_get_layer_norm (SteerFeature *self)
{
  g_return_val_if_fail (STEER_IS_FEATURE (self), 0.0);
  return self->layer_norm;
}

void
steer_feature_set_range (SteerFeature *self, double recommended, double minimum, double maximum)
{
  g_return_if_fail (STEER_IS_FEATURE (self));
  g_object_freeze_notify (G_OBJECT (self));
  set_double (self, &self->recommended, recommended, PROP_RECOMMENDED);
  set_double (self, &self->minimum, minimum, PROP_MINIMUM);
  set_double (self, &self->maximum, maximum, PROP_MAXIMUM);
  g_object_thaw_notify (G_OBJECT (self));
}

void
steer_feature_set_layer_norm (SteerFeature *self, double layer_norm)
{
  g_return_if_fail (STEER_IS_FEATURE (self));
  set_double (self, &self->layer_norm, MAX (layer_norm, 0.0), PROP_LAYER_NORM);
}

GPtrArray *
steer_feature_get_extras (SteerFeature *self)
{
  return self->extras;
}

void
steer_feature_set_extras (SteerFeature *self, GPtrArray *extras)
{
  if (extras != NULL)
    g_ptr_array_ref (extras);
  g_clear_pointer (&self->extras, g_ptr_array_unref);
  self->extras = extras;
}
