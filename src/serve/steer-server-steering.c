/* What steers, to be read and changed by clients, and what could. */
#include "steer-server-private.h"

#include <string.h>

#define MAX_FEATURES 1000
#define DEFAULT_FOUND 20

/* Of a search: each word is looked for in every label. */
#define MAX_QUERY 200
#define MAX_WORDS 8

static void
add_string (JsonBuilder *builder, const char *name, const char *value)
{
  json_builder_set_member_name (builder, name);
  if (value != NULL)
    json_builder_add_string_value (builder, value);
  else
    json_builder_add_null_value (builder);
}

static void
add_boolean (JsonBuilder *builder, const char *name, gboolean value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_boolean_value (builder, value);
}

static void
add_double (JsonBuilder *builder, const char *name, double value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_double_value (builder, value);
}

/* 0 is what nobody knows. */
static void
add_known (JsonBuilder *builder, const char *name, double value, gboolean known)
{
  if (known)
    add_double (builder, name, value);
  else
    add_string (builder, name, NULL);
}

static void
add_address (JsonBuilder *builder, guint layer, guint64 index)
{
  json_builder_set_member_name (builder, "layer");
  json_builder_add_int_value (builder, layer);
  json_builder_set_member_name (builder, "index");
  json_builder_add_int_value (builder, (gint64) index);
}

static void
add_feature (JsonBuilder *builder, SteerFeature *feature)
{
  double minimum = steer_feature_get_minimum (feature);
  double maximum = steer_feature_get_maximum (feature);

  json_builder_begin_object (builder);
  add_address (builder, steer_feature_get_layer (feature), steer_feature_get_index (feature));
  add_string (builder, "source", steer_feature_get_source (feature));
  add_string (builder, "label", steer_feature_get_label (feature));
  add_double (builder, "strength", steer_feature_get_strength (feature));
  add_string (builder, "mode", steer_mode_get_name (steer_feature_get_mode (feature)));
  add_boolean (builder, "enabled", steer_feature_get_enabled (feature));
  add_known (builder, "recommended", steer_feature_get_recommended (feature),
             steer_feature_get_recommended (feature) != 0.0);
  add_known (builder, "minimum", minimum, minimum < maximum);
  add_known (builder, "maximum", maximum, minimum < maximum);
  add_known (builder, "layer_norm", steer_feature_get_layer_norm (feature),
             steer_feature_get_layer_norm (feature) > 0.0);
  json_builder_end_object (builder);
}

static void
answer_steering (SteerServer *self, SoupServerMessage *message)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) node = NULL;

  json_builder_begin_object (builder);
  add_string (builder, "name", steer_preset_get_name (self->preset));
  add_boolean (builder, "enabled", steer_preset_get_master_enabled (self->preset));
  add_double (builder, "multiplier", steer_preset_get_master_multiplier (self->preset));
  json_builder_set_member_name (builder, "features");
  json_builder_begin_array (builder);
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (self->preset)); i++)
    {
      g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (self->preset), i);

      add_feature (builder, feature);
    }
  json_builder_end_array (builder);
  add_string (builder, "error", self->plan_error != NULL ? self->plan_error->message : NULL);
  json_builder_end_object (builder);
  node = json_builder_get_root (builder);
  steer_server_answer (message, node);
}

static SteerFeature *
read_feature (JsonObject *object, GError **error)
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
  return g_steal_pointer (&feature);
}

static gboolean
read_features (SteerPreset *preset, JsonArray *features, GError **error)
{
  if (json_array_get_length (features) > MAX_FEATURES)
    return steer_server_fail (error, "\"features\" may have up to %u", MAX_FEATURES);
  while (g_list_model_get_n_items (G_LIST_MODEL (preset)) > 0)
    steer_preset_remove (preset, g_list_model_get_n_items (G_LIST_MODEL (preset)) - 1);
  for (guint i = 0; i < json_array_get_length (features); i++)
    {
      JsonNode *node = json_array_get_element (features, i);
      g_autoptr (SteerFeature) feature = NULL;

      if (!JSON_NODE_HOLDS_OBJECT (node))
        return steer_server_fail (error, "\"features\" must be objects");
      feature = read_feature (json_node_get_object (node), error);
      if (feature == NULL)
        return FALSE;
      steer_preset_append (preset, feature);
    }
  return TRUE;
}

static SteerPreset *
open_preset (SteerServer *self, const char *name, GError **error)
{
  g_autoptr (GError) local = NULL;
  SteerPreset *preset = self->open_preset != NULL ? self->open_preset (name, &local) : NULL;

  /* Why not may name files, which are nothing to a stranger. */
  if (preset == NULL)
    steer_server_fail (error, "there is no preset \"%s\" that can be opened: /v1/presets lists them", name);
  if (local != NULL)
    g_debug ("%s", local->message);
  return preset;
}

static void
describe (SteerServer *self, SteerPreset *preset)
{
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (preset)); i++)
    {
      g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (preset), i);

      steer_library_describe (self->library, feature);
    }
}

SteerPreset *
steer_server_make_preset (SteerServer *self, JsonObject *wishes, GError **error)
{
  g_autoptr (SteerPreset) preset = NULL;
  const char *name = NULL;
  gboolean enabled;
  double multiplier;
  JsonArray *features = NULL;

  if (!steer_server_read_string (wishes, "preset", &name, error))
    return NULL;
  preset = name != NULL ? open_preset (self, name, error) : steer_preset_copy (self->preset);
  if (preset == NULL)
    return NULL;
  enabled = steer_preset_get_master_enabled (preset);
  multiplier = steer_preset_get_master_multiplier (preset);
  if (!steer_server_read_boolean (wishes, "enabled", &enabled, error)
      || !steer_server_read_double (wishes, "multiplier", &multiplier, error)
      || !steer_server_read_array (wishes, "features", &features, error)
      || (features != NULL && !read_features (preset, features, error)))
    return NULL;
  if (multiplier < 0.0 || multiplier > STEER_PRESET_MAX_MULTIPLIER)
    {
      steer_server_fail (error, "\"multiplier\" must be from 0 to %g", STEER_PRESET_MAX_MULTIPLIER);
      return NULL;
    }
  steer_preset_set_master_enabled (preset, enabled);
  steer_preset_set_master_multiplier (preset, multiplier);
  describe (self, preset);
  return g_steal_pointer (&preset);
}

SteerPlan *
steer_server_make_plan (SteerServer *self, SteerPreset *preset, GError **error)
{
  SteerModel *model = steer_engine_get_model (self->engine);
  const SteerModelConfig *config = model != NULL ? steer_model_get_config (model) : NULL;

  return steer_preset_make_plan (preset, self->library, config != NULL ? config->d_model : 0,
                                 config != NULL ? config->n_layers : 0, error);
}

void
steer_server_update_plan (SteerServer *self)
{
  g_autoptr (SteerPlan) plan = NULL;

  g_clear_error (&self->plan_error);
  plan = steer_server_make_plan (self, self->preset, &self->plan_error);
  steer_live_plan_set (self->live, plan);
}

/* All of it, or nothing. */
static void
change_steering (SteerServer *self, SoupServerMessage *message)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonObject) wishes = steer_server_read_body (message, &error);
  g_autoptr (SteerPreset) preset = wishes != NULL ? steer_server_make_preset (self, wishes, &error) : NULL;
  g_autoptr (SteerPlan) plan = preset != NULL ? steer_server_make_plan (self, preset, &error) : NULL;

  if (plan == NULL)
    {
      steer_server_answer_error (message, error);
      return;
    }
  steer_preset_assign (self->preset, preset);
  describe (self, self->preset);
  answer_steering (self, message);
}

void
steer_server_serve_steering (SteerServer *self, SoupServerMessage *message)
{
  if (soup_server_message_get_method (message) == SOUP_METHOD_PUT)
    change_steering (self, message);
  else
    answer_steering (self, message);
}

void
steer_server_serve_presets (SteerServer *self, SoupServerMessage *message)
{
  g_auto (GStrv) names = self->list_presets != NULL ? self->list_presets () : NULL;
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) node = NULL;

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "presets");
  json_builder_begin_array (builder);
  for (guint i = 0; names != NULL && names[i] != NULL; i++)
    json_builder_add_string_value (builder, names[i]);
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  node = json_builder_get_root (builder);
  steer_server_answer (message, node);
}

/* What is searched for, folded; by its label or as "LAYER:INDEX". */
static gboolean
fits (const SteerFeatureInfo *info, char **words)
{
  g_autofree char *address = g_strdup_printf ("%u:%" G_GUINT64_FORMAT, info->layer, info->index);
  g_autofree char *label = g_utf8_casefold (info->label != NULL ? info->label : "", -1);

  for (guint i = 0; words[i] != NULL; i++)
    if (strstr (label, words[i]) == NULL && !g_str_has_prefix (address, words[i]))
      return FALSE;
  return TRUE;
}

static void
add_found (JsonBuilder *builder, const SteerFeatureInfo *info, SteerVectorSource *source)
{
  double norm = steer_vector_source_get_layer_norm (source, info->layer);

  json_builder_begin_object (builder);
  add_address (builder, info->layer, info->index);
  add_string (builder, "label", info->label);
  add_string (builder, "source", steer_vector_source_get_id (source));
  add_known (builder, "recommended", info->recommended, info->recommended != 0.0);
  add_known (builder, "layer_norm", norm, norm > 0.0);
  json_builder_end_object (builder);
}

/* The first of the sources that has a feature is the one that steers. */
static void
find_features (SteerServer *self, JsonBuilder *builder, char **words, guint limit)
{
  g_autoptr (GPtrArray) sources = steer_library_list_sources (self->library);
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < sources->len; i++)
    {
      g_autoptr (GPtrArray) infos = steer_vector_source_list_infos (g_ptr_array_index (sources, i));

      for (guint k = 0; k < infos->len && g_hash_table_size (seen) < limit; k++)
        {
          const SteerFeatureInfo *info = g_ptr_array_index (infos, k);

          if (fits (info, words)
              && g_hash_table_add (seen, g_strdup_printf ("%u:%" G_GUINT64_FORMAT, info->layer, info->index)))
            add_found (builder, info, g_ptr_array_index (sources, i));
        }
    }
}

void
steer_server_serve_features (SteerServer *self, SoupServerMessage *message, GHashTable *query)
{
  const char *text = query != NULL ? g_hash_table_lookup (query, "q") : NULL;
  const char *limit_text = query != NULL ? g_hash_table_lookup (query, "limit") : NULL;
  g_autofree char *folded = g_utf8_casefold (text != NULL && g_utf8_validate (text, -1, NULL) ? text : "", -1);
  g_auto (GStrv) words = g_strsplit_set (folded, " \t", MAX_WORDS);
  guint64 limit = DEFAULT_FOUND;
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) node = NULL;

  if (strlen (folded) > MAX_QUERY)
    {
      g_autoptr (GError) error = NULL;

      steer_server_fail (&error, "\"q\" is longer than %u bytes", MAX_QUERY);
      steer_server_answer_error (message, error);
      return;
    }
  if (limit_text != NULL)
    g_ascii_string_to_unsigned (limit_text, 10, 1, MAX_FEATURES, &limit, NULL);
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "features");
  json_builder_begin_array (builder);
  find_features (self, builder, words, (guint) limit);
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  node = json_builder_get_root (builder);
  steer_server_answer (message, node);
}
