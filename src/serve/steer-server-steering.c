/* What steers, as clients are told it. */
#include "steer-server-private.h"

void
steer_server_add_string (JsonBuilder *builder, const char *name, const char *value)
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

void
steer_server_add_double (JsonBuilder *builder, const char *name, double value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_double_value (builder, value);
}

/* 0 is what nobody knows. */
void
steer_server_add_known (JsonBuilder *builder, const char *name, double value, gboolean known)
{
  if (known)
    steer_server_add_double (builder, name, value);
  else
    steer_server_add_string (builder, name, NULL);
}

void
steer_server_add_address (JsonBuilder *builder, guint layer, guint64 index)
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
  steer_server_add_address (builder, steer_feature_get_layer (feature), steer_feature_get_index (feature));
  steer_server_add_string (builder, "source", steer_feature_get_source (feature));
  steer_server_add_string (builder, "label", steer_feature_get_label (feature));
  steer_server_add_double (builder, "strength", steer_feature_get_strength (feature));
  steer_server_add_string (builder, "mode", steer_mode_get_name (steer_feature_get_mode (feature)));
  steer_server_add_string (builder, "when", steer_feature_get_when (feature));
  add_boolean (builder, "enabled", steer_feature_get_enabled (feature));
  steer_server_add_known (builder, "recommended", steer_feature_get_recommended (feature),
                          steer_feature_get_recommended (feature) != 0.0);
  steer_server_add_known (builder, "minimum", minimum, minimum < maximum);
  steer_server_add_known (builder, "maximum", maximum, minimum < maximum);
  steer_server_add_known (builder, "layer_norm", steer_feature_get_layer_norm (feature),
                          steer_feature_get_layer_norm (feature) > 0.0);
  json_builder_end_object (builder);
}

void
steer_server_answer_steering (SteerServer *self, SoupServerMessage *message)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) node = NULL;

  json_builder_begin_object (builder);
  steer_server_add_string (builder, "name", steer_preset_get_name (self->preset));
  add_boolean (builder, "enabled", steer_preset_get_master_enabled (self->preset));
  steer_server_add_double (builder, "multiplier", steer_preset_get_master_multiplier (self->preset));
  json_builder_set_member_name (builder, "features");
  json_builder_begin_array (builder);
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (self->preset)); i++)
    {
      g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (self->preset), i);

      add_feature (builder, feature);
    }
  json_builder_end_array (builder);
  json_builder_set_member_name (builder, "revision");
  json_builder_add_int_value (builder, self->revision);
  steer_server_add_string (builder, "error", self->plan_error != NULL ? self->plan_error->message : NULL);
  json_builder_end_object (builder);
  node = json_builder_get_root (builder);
  steer_server_answer (message, node);
}

void
steer_server_describe (SteerServer *self, SteerPreset *preset)
{
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (preset)); i++)
    {
      g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (preset), i);

      steer_library_describe (self->library, feature);
    }
}

void
steer_server_take (SteerServer *self, SteerPreset *preset, SteerPlan *plan)
{
  self->taking = TRUE;
  steer_preset_assign (self->preset, preset);
  self->taking = FALSE;
  steer_server_describe (self, self->preset);
  if (self->plan_error != NULL)
    self->revision++;
  g_clear_error (&self->plan_error);
  steer_live_plan_set (self->live, plan);
}

void
steer_server_update_plan (SteerServer *self)
{
  g_autoptr (SteerPlan) plan = NULL;

  g_clear_error (&self->plan_error);
  plan = steer_server_make_plan (self, self->preset, &self->plan_error);
  steer_live_plan_set (self->live, plan);
}

void
steer_server_serve_steering (SteerServer *self, SoupServerMessage *message)
{
  if (soup_server_message_get_method (message) == SOUP_METHOD_GET
      || soup_server_message_get_method (message) == SOUP_METHOD_HEAD)
    steer_server_answer_steering (self, message);
  else
    steer_server_change_steering (self, message);
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
