#include "steer-preset-private.h"

#include <math.h>

#include "steer-feature-private.h"

struct _SteerPreset
{
  GObject parent_instance;

  GPtrArray *features; /* (element-type SteerFeature) */
  char *name;
  char *description;
  char *model_hint;
  char *system_prompt;
  gboolean master_enabled;
  double master_multiplier;
  gboolean steer_prompt;
  gboolean skip_special;
  gboolean default_clamp;
  SteerSampling sampling;
  SteerSamplingFields sampling_fields;
  GPtrArray *extras;
  GPtrArray *sampling_extras;
  guint n_held; /* while it is not 0, `changed` waits: several members are being set as one change */
};

enum
{
  PROP_0,
  PROP_NAME,
  PROP_DESCRIPTION,
  PROP_MODEL_HINT,
  PROP_SYSTEM_PROMPT,
  PROP_MASTER_ENABLED,
  PROP_MASTER_MULTIPLIER,
  PROP_STEER_PROMPT,
  PROP_SKIP_SPECIAL,
  PROP_DEFAULT_CLAMP,
  N_PROPS,
};

static GParamSpec *properties[N_PROPS];
static guint changed_signal;

static void steer_preset_list_model_init (GListModelInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (SteerPreset,
                               steer_preset,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL, steer_preset_list_model_init))

static void on_feature_notify (SteerFeature *feature, GParamSpec *pspec, SteerPreset *self);

static GType
get_item_type (GListModel *model)
{
  return STEER_TYPE_FEATURE;
}

static guint
get_n_items (GListModel *model)
{
  return STEER_PRESET (model)->features->len;
}

static gpointer
get_item (GListModel *model, guint position)
{
  SteerPreset *self = STEER_PRESET (model);

  return position < self->features->len ? g_object_ref (g_ptr_array_index (self->features, position)) : NULL;
}

static void
steer_preset_list_model_init (GListModelInterface *iface)
{
  iface->get_item_type = get_item_type;
  iface->get_n_items = get_n_items;
  iface->get_item = get_item;
}

static void
steer_preset_finalize (GObject *object)
{
  SteerPreset *self = STEER_PRESET (object);

  for (guint i = 0; i < self->features->len; i++)
    g_signal_handlers_disconnect_by_func (g_ptr_array_index (self->features, i), on_feature_notify, self);
  g_ptr_array_unref (self->features);
  g_free (self->name);
  g_free (self->description);
  g_free (self->model_hint);
  g_free (self->system_prompt);
  g_clear_pointer (&self->extras, g_ptr_array_unref);
  g_clear_pointer (&self->sampling_extras, g_ptr_array_unref);
  G_OBJECT_CLASS (steer_preset_parent_class)->finalize (object);
}

static void
steer_preset_get_property (GObject *object, guint prop_id, GValue *value, GParamSpec *pspec)
{
  SteerPreset *self = STEER_PRESET (object);

  switch (prop_id)
    {
    case PROP_NAME:
      g_value_set_string (value, self->name);
      break;
    case PROP_DESCRIPTION:
      g_value_set_string (value, self->description);
      break;
    case PROP_MODEL_HINT:
      g_value_set_string (value, self->model_hint);
      break;
    case PROP_SYSTEM_PROMPT:
      g_value_set_string (value, self->system_prompt);
      break;
    case PROP_MASTER_ENABLED:
      g_value_set_boolean (value, self->master_enabled);
      break;
    case PROP_MASTER_MULTIPLIER:
      g_value_set_double (value, self->master_multiplier);
      break;
    case PROP_STEER_PROMPT:
      g_value_set_boolean (value, self->steer_prompt);
      break;
    case PROP_SKIP_SPECIAL:
      g_value_set_boolean (value, self->skip_special);
      break;
    case PROP_DEFAULT_CLAMP:
      g_value_set_boolean (value, self->default_clamp);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
steer_preset_set_property (GObject *object, guint prop_id, const GValue *value, GParamSpec *pspec)
{
  SteerPreset *self = STEER_PRESET (object);

  switch (prop_id)
    {
    case PROP_NAME:
      steer_preset_set_name (self, g_value_get_string (value));
      break;
    case PROP_DESCRIPTION:
      steer_preset_set_description (self, g_value_get_string (value));
      break;
    case PROP_MODEL_HINT:
      steer_preset_set_model_hint (self, g_value_get_string (value));
      break;
    case PROP_SYSTEM_PROMPT:
      steer_preset_set_system_prompt (self, g_value_get_string (value));
      break;
    case PROP_MASTER_ENABLED:
      steer_preset_set_master_enabled (self, g_value_get_boolean (value));
      break;
    case PROP_MASTER_MULTIPLIER:
      steer_preset_set_master_multiplier (self, g_value_get_double (value));
      break;
    case PROP_STEER_PROMPT:
      steer_preset_set_steer_prompt (self, g_value_get_boolean (value));
      break;
    case PROP_SKIP_SPECIAL:
      steer_preset_set_skip_special (self, g_value_get_boolean (value));
      break;
    case PROP_DEFAULT_CLAMP:
      steer_preset_set_default_clamp (self, g_value_get_boolean (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
steer_preset_class_init (SteerPresetClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->finalize = steer_preset_finalize;
  object_class->get_property = steer_preset_get_property;
  object_class->set_property = steer_preset_set_property;

  properties[PROP_NAME] = g_param_spec_string ("name", NULL, NULL, NULL, flags);
  properties[PROP_DESCRIPTION] = g_param_spec_string ("description", NULL, NULL, NULL, flags);
  properties[PROP_MODEL_HINT] = g_param_spec_string ("model-hint", NULL, NULL, NULL, flags);
  properties[PROP_SYSTEM_PROMPT] = g_param_spec_string ("system-prompt", NULL, NULL, NULL, flags);
  properties[PROP_MASTER_ENABLED] = g_param_spec_boolean ("master-enabled", NULL, NULL, TRUE, flags);
  properties[PROP_MASTER_MULTIPLIER]
    = g_param_spec_double ("master-multiplier", NULL, NULL, 0.0, STEER_PRESET_MAX_MULTIPLIER, 1.0, flags);
  properties[PROP_STEER_PROMPT] = g_param_spec_boolean ("steer-prompt", NULL, NULL, TRUE, flags);
  properties[PROP_SKIP_SPECIAL] = g_param_spec_boolean ("skip-special", NULL, NULL, FALSE, flags);
  properties[PROP_DEFAULT_CLAMP] = g_param_spec_boolean ("default-clamp", NULL, NULL, FALSE, flags);
  g_object_class_install_properties (object_class, N_PROPS, properties);

  changed_signal
    = g_signal_new ("changed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
steer_preset_init (SteerPreset *self)
{
  self->features = g_ptr_array_new_with_free_func (g_object_unref);
  self->master_enabled = TRUE;
  self->master_multiplier = 1.0;
  self->steer_prompt = TRUE;
  steer_sampling_init (&self->sampling);
}

SteerPreset *
steer_preset_new (void)
{
  return g_object_new (STEER_TYPE_PRESET, NULL);
}

static void
emit_changed (SteerPreset *self)
{
  if (self->n_held == 0)
    g_signal_emit (self, changed_signal, 0);
}

SteerPreset *
steer_preset_copy (SteerPreset *self)
{
  SteerPreset *copy = steer_preset_new ();

  g_return_val_if_fail (STEER_IS_PRESET (self), copy);
  steer_preset_assign (copy, self);
  return copy;
}

static void
replace_features (SteerPreset *self, SteerPreset *from)
{
  guint n_old = self->features->len;

  for (guint i = 0; i < n_old; i++)
    g_signal_handlers_disconnect_by_func (g_ptr_array_index (self->features, i), on_feature_notify, self);
  g_ptr_array_set_size (self->features, 0);
  for (guint i = 0; i < from->features->len; i++)
    {
      SteerFeature *feature = steer_feature_copy (g_ptr_array_index (from->features, i));

      g_signal_connect (feature, "notify", G_CALLBACK (on_feature_notify), self);
      g_ptr_array_add (self->features, feature);
    }
  if (n_old > 0 || self->features->len > 0)
    g_list_model_items_changed (G_LIST_MODEL (self), 0, n_old, self->features->len);
}

void
steer_preset_assign (SteerPreset *self, SteerPreset *from)
{
  g_return_if_fail (STEER_IS_PRESET (self));
  g_return_if_fail (STEER_IS_PRESET (from));

  if (self == from || steer_preset_equal (self, from))
    return;
  self->n_held++;
  replace_features (self, from);
  steer_preset_set_name (self, from->name);
  steer_preset_set_description (self, from->description);
  steer_preset_set_model_hint (self, from->model_hint);
  steer_preset_set_system_prompt (self, from->system_prompt);
  steer_preset_set_master_enabled (self, from->master_enabled);
  steer_preset_set_master_multiplier (self, from->master_multiplier);
  steer_preset_set_steer_prompt (self, from->steer_prompt);
  steer_preset_set_skip_special (self, from->skip_special);
  steer_preset_set_default_clamp (self, from->default_clamp);
  steer_preset_set_sampling_fields (self, &from->sampling, from->sampling_fields);
  steer_preset_set_extras (self, from->extras);
  steer_preset_set_sampling_extras (self, from->sampling_extras);
  self->n_held--;
  emit_changed (self);
}

gboolean
steer_preset_equal (SteerPreset *a, SteerPreset *b)
{
  g_autofree char *left = steer_preset_to_yaml (a);
  g_autofree char *right = steer_preset_to_yaml (b);

  return g_str_equal (left, right);
}

static void
on_feature_notify (SteerFeature *feature, GParamSpec *pspec, SteerPreset *self)
{
  if (steer_feature_property_is_saved (pspec->name))
    emit_changed (self);
}

void
steer_preset_insert (SteerPreset *self, guint position, SteerFeature *feature)
{
  g_return_if_fail (STEER_IS_PRESET (self));
  g_return_if_fail (STEER_IS_FEATURE (feature));
  g_return_if_fail (!g_ptr_array_find (self->features, feature, NULL));

  position = MIN (position, self->features->len);
  g_ptr_array_insert (self->features, (int) position, g_object_ref (feature));
  g_signal_connect (feature, "notify", G_CALLBACK (on_feature_notify), self);
  g_list_model_items_changed (G_LIST_MODEL (self), position, 0, 1);
  emit_changed (self);
}

void
steer_preset_append (SteerPreset *self, SteerFeature *feature)
{
  steer_preset_insert (self, G_MAXUINT, feature);
}

void
steer_preset_remove (SteerPreset *self, guint position)
{
  g_autoptr (SteerFeature) feature = NULL;

  g_return_if_fail (STEER_IS_PRESET (self));
  g_return_if_fail (position < self->features->len);

  feature = g_object_ref (g_ptr_array_index (self->features, position));
  g_signal_handlers_disconnect_by_func (feature, on_feature_notify, self);
  g_ptr_array_remove_index (self->features, position);
  g_list_model_items_changed (G_LIST_MODEL (self), position, 1, 0);
  emit_changed (self);
}

/* Told as a removal and an insertion, each with the list in the state it describes, so that a view makes one row
 * anew and leaves those between alone. */
void
steer_preset_move (SteerPreset *self, guint from, guint to)
{
  gpointer feature;

  g_return_if_fail (STEER_IS_PRESET (self));
  g_return_if_fail (from < self->features->len && to < self->features->len);

  if (from == to)
    return;
  feature = g_ptr_array_steal_index (self->features, from);
  g_list_model_items_changed (G_LIST_MODEL (self), from, 1, 0);
  g_ptr_array_insert (self->features, (int) to, feature);
  g_list_model_items_changed (G_LIST_MODEL (self), to, 0, 1);
  emit_changed (self);
}

static void
set_text (SteerPreset *self, char **member, const char *text, guint prop_id)
{
  g_autofree char *valid = text != NULL ? g_utf8_make_valid (text, -1) : NULL;

  if (g_strcmp0 (*member, valid) == 0)
    return;
  g_free (*member);
  *member = g_steal_pointer (&valid);
  g_object_notify_by_pspec (G_OBJECT (self), properties[prop_id]);
  emit_changed (self);
}

static void
set_boolean (SteerPreset *self, gboolean *member, gboolean value, guint prop_id)
{
  if (*member == !!value)
    return;
  *member = !!value;
  g_object_notify_by_pspec (G_OBJECT (self), properties[prop_id]);
  emit_changed (self);
}

const char *
steer_preset_get_name (SteerPreset *self)
{
  g_return_val_if_fail (STEER_IS_PRESET (self), NULL);
  return self->name;
}

void
steer_preset_set_name (SteerPreset *self, const char *name)
{
  g_return_if_fail (STEER_IS_PRESET (self));
  set_text (self, &self->name, name, PROP_NAME);
}

const char *
steer_preset_get_description (SteerPreset *self)
{
  g_return_val_if_fail (STEER_IS_PRESET (self), NULL);
  return self->description;
}

void
steer_preset_set_description (SteerPreset *self, const char *description)
{
  g_return_if_fail (STEER_IS_PRESET (self));
  set_text (self, &self->description, description, PROP_DESCRIPTION);
}

const char *
steer_preset_get_model_hint (SteerPreset *self)
{
  g_return_val_if_fail (STEER_IS_PRESET (self), NULL);
  return self->model_hint;
}

void
steer_preset_set_model_hint (SteerPreset *self, const char *model_hint)
{
  g_return_if_fail (STEER_IS_PRESET (self));
  set_text (self, &self->model_hint, model_hint, PROP_MODEL_HINT);
}

const char *
steer_preset_get_system_prompt (SteerPreset *self)
{
  g_return_val_if_fail (STEER_IS_PRESET (self), NULL);
  return self->system_prompt;
}

void
steer_preset_set_system_prompt (SteerPreset *self, const char *system_prompt)
{
  g_return_if_fail (STEER_IS_PRESET (self));
  set_text (self, &self->system_prompt, system_prompt, PROP_SYSTEM_PROMPT);
}

gboolean
steer_preset_get_master_enabled (SteerPreset *self)
{
  g_return_val_if_fail (STEER_IS_PRESET (self), FALSE);
  return self->master_enabled;
}

void
steer_preset_set_master_enabled (SteerPreset *self, gboolean enabled)
{
  g_return_if_fail (STEER_IS_PRESET (self));
  set_boolean (self, &self->master_enabled, enabled, PROP_MASTER_ENABLED);
}

double
steer_preset_get_master_multiplier (SteerPreset *self)
{
  g_return_val_if_fail (STEER_IS_PRESET (self), 1.0);
  return self->master_multiplier;
}

void
steer_preset_set_master_multiplier (SteerPreset *self, double multiplier)
{
  g_return_if_fail (STEER_IS_PRESET (self));
  multiplier = CLAMP (multiplier, 0.0, STEER_PRESET_MAX_MULTIPLIER);
  if (!isfinite (multiplier) || self->master_multiplier == multiplier)
    return;
  self->master_multiplier = multiplier;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_MASTER_MULTIPLIER]);
  emit_changed (self);
}

gboolean
steer_preset_get_steer_prompt (SteerPreset *self)
{
  g_return_val_if_fail (STEER_IS_PRESET (self), TRUE);
  return self->steer_prompt;
}

void
steer_preset_set_steer_prompt (SteerPreset *self, gboolean steer_prompt)
{
  g_return_if_fail (STEER_IS_PRESET (self));
  set_boolean (self, &self->steer_prompt, steer_prompt, PROP_STEER_PROMPT);
}

gboolean
steer_preset_get_skip_special (SteerPreset *self)
{
  g_return_val_if_fail (STEER_IS_PRESET (self), FALSE);
  return self->skip_special;
}

void
steer_preset_set_skip_special (SteerPreset *self, gboolean skip_special)
{
  g_return_if_fail (STEER_IS_PRESET (self));
  set_boolean (self, &self->skip_special, skip_special, PROP_SKIP_SPECIAL);
}

gboolean
steer_preset_get_default_clamp (SteerPreset *self)
{
  g_return_val_if_fail (STEER_IS_PRESET (self), FALSE);
  return self->default_clamp;
}

void
steer_preset_set_default_clamp (SteerPreset *self, gboolean default_clamp)
{
  g_return_if_fail (STEER_IS_PRESET (self));
  set_boolean (self, &self->default_clamp, default_clamp, PROP_DEFAULT_CLAMP);
}

const SteerSampling *
steer_preset_get_sampling (SteerPreset *self)
{
  g_return_val_if_fail (STEER_IS_PRESET (self), NULL);
  return &self->sampling;
}

void
steer_preset_set_sampling (SteerPreset *self, const SteerSampling *sampling)
{
  steer_preset_set_sampling_fields (self, sampling, sampling != NULL ? STEER_SAMPLING_ALL : 0);
}

SteerSamplingFields
steer_preset_get_sampling_fields (SteerPreset *self)
{
  g_return_val_if_fail (STEER_IS_PRESET (self), 0);
  return self->sampling_fields;
}

void
steer_preset_set_sampling_fields (SteerPreset *self, const SteerSampling *sampling, SteerSamplingFields fields)
{
  SteerSampling merged;

  g_return_if_fail (STEER_IS_PRESET (self));
  g_return_if_fail (sampling != NULL || fields == 0);
  steer_sampling_init (&merged);
  if (sampling != NULL)
    steer_sampling_merge (&merged, sampling, fields);
  if (fields == self->sampling_fields && steer_sampling_equal (&merged, &self->sampling))
    return;
  self->sampling = merged;
  self->sampling_fields = fields;
  emit_changed (self);
}

static void
replace_extras (GPtrArray **member, GPtrArray *extras)
{
  if (extras != NULL)
    g_ptr_array_ref (extras);
  g_clear_pointer (member, g_ptr_array_unref);
  *member = extras;
}

GPtrArray *
steer_preset_get_extras (SteerPreset *self)
{
  return self->extras;
}

void
steer_preset_set_extras (SteerPreset *self, GPtrArray *extras)
{
  replace_extras (&self->extras, extras);
}

GPtrArray *
steer_preset_get_sampling_extras (SteerPreset *self)
{
  return self->sampling_extras;
}

void
steer_preset_set_sampling_extras (SteerPreset *self, GPtrArray *extras)
{
  replace_extras (&self->sampling_extras, extras);
}
