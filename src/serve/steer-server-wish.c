#include "steer-server-wish.h"

#include "steer-server-private.h"

#define MAX_FEATURES 1000

#define OF_FEATURE                                                                                                     \
  (STEER_SERVER_WISH_STRENGTH | STEER_SERVER_WISH_FEATURE_ENABLED | STEER_SERVER_WISH_MODE | STEER_SERVER_WISH_WHEN)

void
steer_server_wish_free (SteerServerWish *self)
{
  g_clear_object (&self->preset);
  g_clear_pointer (&self->features, g_ptr_array_unref);
  g_clear_object (&self->feature);
  g_free (self);
}

/* "when": a condition; an empty text takes one away. */
static gboolean
read_condition (JsonObject *object, SteerFeature *feature, SteerServerWishFields *fields, GError **error)
{
  g_autoptr (GError) local = NULL;
  const char *when = NULL;
  SteerCondition condition;

  if (!steer_server_read_string (object, "when", &when, error))
    return FALSE;
  if (when == NULL)
    return TRUE;
  *fields |= STEER_SERVER_WISH_WHEN;
  if (*when == '\0')
    return TRUE;
  if (!steer_condition_parse (when, &condition, &local))
    return steer_server_fail (error, "\"when\": %s", local->message);
  steer_feature_set_condition (feature, &condition);
  return TRUE;
}

/* @fields: out: which of strength, enabled, mode and when @object has. */
static SteerFeature *
read_feature (JsonObject *object, SteerServerWishFields *fields, GError **error)
{
  g_autoptr (SteerFeature) feature = NULL;
  guint64 layer = G_MAXUINT64, index = G_MAXUINT64;
  const char *source = NULL, *label = NULL, *mode_name = NULL;
  gboolean enabled = TRUE;
  double strength = 0.0;
  SteerMode mode = STEER_MODE_ADD;

  if (!steer_server_read_uint (object, "layer", &layer, error)
      || !steer_server_read_uint (object, "index", &index, error)
      || !steer_server_read_double (object, "strength", &strength, error)
      || !steer_server_read_string (object, "source", &source, error)
      || !steer_server_read_string (object, "label", &label, error)
      || !steer_server_read_string (object, "mode", &mode_name, error)
      || !steer_server_read_boolean (object, "enabled", &enabled, error))
    return NULL;
  if (layer > STEER_FEATURE_MAX_LAYER || index > G_MAXINT64)
    {
      steer_server_fail (error, "a feature needs \"layer\" (0 to %u) and \"index\"", STEER_FEATURE_MAX_LAYER);
      return NULL;
    }
  if (mode_name != NULL && !steer_mode_from_name (mode_name, &mode))
    {
      steer_server_fail (error, "\"mode\" must be %s", steer_mode_list_names ());
      return NULL;
    }
  feature = steer_feature_new ((guint) layer, index);
  steer_feature_set_source (feature, source);
  steer_feature_set_label (feature, label);
  steer_feature_set_strength (feature, strength);
  steer_feature_set_mode (feature, mode);
  steer_feature_set_enabled (feature, enabled);
  if (!read_condition (object, feature, fields, error))
    return NULL;
  *fields |= steer_server_has (object, "strength") ? STEER_SERVER_WISH_STRENGTH : 0;
  *fields |= steer_server_has (object, "enabled") ? STEER_SERVER_WISH_FEATURE_ENABLED : 0;
  *fields |= mode_name != NULL ? STEER_SERVER_WISH_MODE : 0;
  return g_steal_pointer (&feature);
}

static gboolean
read_features (SteerServerWish *self, JsonObject *body, GError **error)
{
  JsonArray *features = NULL;
  SteerServerWishFields unused = 0;

  if (!steer_server_read_array (body, "features", &features, error))
    return FALSE;
  if (features == NULL)
    return TRUE;
  if (json_array_get_length (features) > MAX_FEATURES)
    return steer_server_fail (error, "\"features\" may have up to %u", MAX_FEATURES);
  self->features = g_ptr_array_new_with_free_func (g_object_unref);
  for (guint i = 0; i < json_array_get_length (features); i++)
    {
      JsonNode *node = json_array_get_element (features, i);
      SteerFeature *feature;

      if (!JSON_NODE_HOLDS_OBJECT (node))
        return steer_server_fail (error, "\"features\" must be objects");
      feature = read_feature (json_node_get_object (node), &unused, error);
      if (feature == NULL)
        return FALSE;
      g_ptr_array_add (self->features, feature);
    }
  return TRUE;
}

static gboolean
read_preset (SteerServerWish *self, JsonObject *body, SteerServerOpenFunc open, GError **error)
{
  g_autoptr (GError) local = NULL;
  const char *name = NULL;

  if (!steer_server_read_string (body, "preset", &name, error))
    return FALSE;
  if (name == NULL)
    return TRUE;
  self->preset = open != NULL ? open (name, &local) : NULL;
  /* Why not may name files, which are nothing to a stranger. */
  if (local != NULL)
    g_debug ("%s", local->message);
  return self->preset != NULL
         || steer_server_fail (error, "there is no preset \"%s\" that can be opened: /v1/presets lists them", name);
}

/* What only PUT takes: whoever sends it wants more than would be done. */
static gboolean
refuse_whole (JsonObject *body, GError **error)
{
  static const char *const refused[] = { "preset", "features" };

  for (guint i = 0; i < G_N_ELEMENTS (refused); i++)
    if (steer_server_has (body, refused[i]))
      return steer_server_fail (error, "PATCH has no \"%s\": PUT takes it", refused[i]);
  return TRUE;
}

static gboolean
read_one (SteerServerWish *self, JsonObject *body, GError **error)
{
  static const struct
  {
    const char *name;
    SteerServerWishKind kind;
  } kinds[] = { { "change", STEER_SERVER_WISH_CHANGE },
                { "add", STEER_SERVER_WISH_ADD },
                { "remove", STEER_SERVER_WISH_REMOVE } };
  JsonObject *object = NULL;
  guint64 occurrence = 0, position = G_MAXUINT;

  self->kind = STEER_SERVER_WISH_CHANGE;
  if (!refuse_whole (body, error))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      JsonObject *found = NULL;

      if (!steer_server_read_object (body, kinds[i].name, &found, error))
        return FALSE;
      if (found == NULL)
        continue;
      if (object != NULL)
        return steer_server_fail (error, "only one of \"change\", \"add\" and \"remove\" is done at a time");
      object = found;
      self->kind = kinds[i].kind;
    }
  if (object == NULL)
    return TRUE;
  self->feature = read_feature (object, &self->fields, error);
  if (self->feature == NULL || !steer_server_read_uint (object, "occurrence", &occurrence, error)
      || !steer_server_read_uint (object, "position", &position, error))
    return FALSE;
  self->occurrence = (guint) MIN (occurrence, G_MAXUINT);
  self->position = (guint) MIN (position, G_MAXUINT);
  return TRUE;
}

static gboolean
read_master (SteerServerWish *self, JsonObject *body, GError **error)
{
  self->multiplier = 1.0;
  if (!steer_server_read_boolean (body, "enabled", &self->enabled, error)
      || !steer_server_read_double (body, "multiplier", &self->multiplier, error))
    return FALSE;
  if (self->multiplier < 0.0 || self->multiplier > STEER_PRESET_MAX_MULTIPLIER)
    return steer_server_fail (error, "\"multiplier\" must be from 0 to %g", STEER_PRESET_MAX_MULTIPLIER);
  self->fields |= steer_server_has (body, "enabled") ? STEER_SERVER_WISH_ENABLED : 0;
  self->fields |= steer_server_has (body, "multiplier") ? STEER_SERVER_WISH_MULTIPLIER : 0;
  return TRUE;
}

SteerServerWish *
steer_server_wish_new (JsonObject *body, gboolean patch, SteerServerOpenFunc open, GError **error)
{
  g_autoptr (SteerServerWish) self = g_new0 (SteerServerWish, 1);

  if (!read_master (self, body, error)
      || !(patch ? read_one (self, body, error)
                 : read_preset (self, body, open, error) && read_features (self, body, error)))
    return NULL;
  return g_steal_pointer (&self);
}

/* Position in @preset; -1: not there. */
static int
find_feature (SteerServerWish *self, SteerPreset *preset)
{
  guint seen = 0;

  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (preset)); i++)
    {
      g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (preset), i);

      if (steer_feature_get_layer (feature) == steer_feature_get_layer (self->feature)
          && steer_feature_get_index (feature) == steer_feature_get_index (self->feature) && seen++ == self->occurrence)
        return (int) i;
    }
  return -1;
}

static gboolean
change_feature (SteerServerWish *self, SteerPreset *preset, GError **error)
{
  int position = find_feature (self, preset);
  g_autoptr (SteerFeature) feature = NULL;

  if (position < 0)
    {
      g_set_error (error, STEER_SERVER_ERROR, STEER_SERVER_ERROR_NOT_FOUND,
                   "layer %u, feature %" G_GUINT64_FORMAT " is not in the list%s: GET /v1/steering tells what is",
                   steer_feature_get_layer (self->feature), steer_feature_get_index (self->feature),
                   self->occurrence > 0 ? " that often" : "");
      return FALSE;
    }
  if (self->kind == STEER_SERVER_WISH_REMOVE)
    {
      steer_preset_remove (preset, (guint) position);
      return TRUE;
    }
  feature = g_list_model_get_item (G_LIST_MODEL (preset), (guint) position);
  if (self->fields & STEER_SERVER_WISH_STRENGTH)
    steer_feature_set_strength (feature, steer_feature_get_strength (self->feature));
  if (self->fields & STEER_SERVER_WISH_FEATURE_ENABLED)
    steer_feature_set_enabled (feature, steer_feature_get_enabled (self->feature));
  if (self->fields & STEER_SERVER_WISH_MODE)
    steer_feature_set_mode (feature, steer_feature_get_mode (self->feature));
  if (self->fields & STEER_SERVER_WISH_WHEN)
    steer_feature_set_condition (feature, steer_feature_get_condition (self->feature));
  return TRUE;
}

static gboolean
add_feature (SteerServerWish *self, SteerPreset *preset, GError **error)
{
  g_autoptr (SteerFeature) feature = steer_feature_copy (self->feature);

  if (g_list_model_get_n_items (G_LIST_MODEL (preset)) >= MAX_FEATURES)
    return steer_server_fail (error, "the list has %u features, and may not have more", MAX_FEATURES);
  steer_preset_insert (preset, self->position, feature);
  return TRUE;
}

static void
replace_features (SteerServerWish *self, SteerPreset *preset)
{
  while (g_list_model_get_n_items (G_LIST_MODEL (preset)) > 0)
    steer_preset_remove (preset, g_list_model_get_n_items (G_LIST_MODEL (preset)) - 1);
  for (guint i = 0; i < self->features->len; i++)
    {
      g_autoptr (SteerFeature) feature = steer_feature_copy (g_ptr_array_index (self->features, i));

      steer_preset_append (preset, feature);
    }
}

gboolean
steer_server_wish_apply (SteerServerWish *self, SteerPreset *preset, GError **error)
{
  if (self->feature != NULL
      && !(self->kind == STEER_SERVER_WISH_ADD ? add_feature (self, preset, error)
                                               : change_feature (self, preset, error)))
    return FALSE;
  if (self->preset != NULL)
    steer_preset_assign (preset, self->preset);
  if (self->features != NULL)
    replace_features (self, preset);
  if (self->fields & STEER_SERVER_WISH_ENABLED)
    steer_preset_set_master_enabled (preset, self->enabled);
  if (self->fields & STEER_SERVER_WISH_MULTIPLIER)
    steer_preset_set_master_multiplier (preset, self->multiplier);
  return TRUE;
}

static gboolean
has_same_address (SteerServerWish *self, SteerServerWish *other)
{
  return self->feature != NULL && other->feature != NULL
         && steer_feature_get_layer (self->feature) == steer_feature_get_layer (other->feature)
         && steer_feature_get_index (self->feature) == steer_feature_get_index (other->feature)
         && self->occurrence == other->occurrence;
}

gboolean
steer_server_wish_covers (SteerServerWish *self, SteerServerWish *older)
{
  return self->kind == STEER_SERVER_WISH_CHANGE && older->kind == STEER_SERVER_WISH_CHANGE
         && (older->feature == NULL || has_same_address (self, older)) && (older->fields & ~self->fields) == 0;
}

gboolean
steer_server_wish_commutes (SteerServerWish *self, SteerServerWish *other)
{
  SteerServerWishFields shared = self->fields & other->fields;

  return self->kind == STEER_SERVER_WISH_CHANGE && other->kind == STEER_SERVER_WISH_CHANGE
         && (shared & ~OF_FEATURE) == 0 && ((shared & OF_FEATURE) == 0 || !has_same_address (self, other));
}
