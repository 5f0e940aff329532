#include "steer-cli-steering.h"

#include <stdlib.h>
#include <string.h>

/* Features that are named where none is called as it was typed. */
#define MAX_NEAR 5

static gboolean
add_vectors (SteerCliSteering *self, const char *typed, const SteerSourceHints *model, GError **error)
{
  g_autoptr (SteerVectorSource) source = steer_cli_open_source (typed, model, error);

  if (source == NULL)
    return FALSE;
  steer_library_add (self->library, source);
  return TRUE;
}

/* What the model's config says of it, where it can be read; the model itself is not open yet. */
static void
read_model_hints (const char *files, SteerSourceHints *hints)
{
  SteerModelConfig config;

  steer_source_hints_init (hints);
  if (files == NULL || !steer_model_config_read (&config, files, NULL))
    return;
  hints->d_model = config.d_model;
  hints->n_layers = config.n_layers;
}

static gboolean
is_demo_model (const char *path)
{
  g_autofree char *demo = steer_dup_demo_model_path ();
  g_autofree char *real_demo = NULL;
  g_autofree char *real_path = NULL;

  if (demo == NULL)
    return FALSE;
  real_demo = realpath (demo, NULL);
  real_path = realpath (path, NULL);
  return g_strcmp0 (real_demo, real_path) == 0 && real_path != NULL;
}

/* All features of the bundled SAE, where an installation has it; it is not needed for those that have a label. */
static void
add_bundled_sae (SteerCliSteering *self, const SteerSourceHints *model)
{
  g_autofree char *folder = steer_dup_demo_sae_path ();
  g_autoptr (SteerVectorSource) source = folder != NULL ? steer_vector_source_open (folder, model, NULL, NULL) : NULL;

  if (source != NULL)
    steer_library_add (self->library, source);
}

/* What was made of examples in the window, which its presets may use. What is of another model, or broken, is left out
 * as it is there. */
static void
add_made (SteerCliSteering *self, const SteerSourceHints *model)
{
  g_autofree char *folder = g_build_filename (g_get_user_data_dir (), "steer-chat", "made", NULL);
  g_autoptr (GPtrArray) paths = steer_vector_source_list_folder (folder);

  for (guint i = 0; i < paths->len && model->d_model > 0; i++)
    {
      g_autoptr (SteerVectorSource) source = steer_vector_source_open (g_ptr_array_index (paths, i), model, NULL, NULL);

      if (source != NULL && steer_vector_source_check_model (source, model->d_model, model->n_layers, NULL))
        steer_library_add (self->library, source);
    }
}

/* The features that come with the bundled model. */
static gboolean
add_bundled (SteerCliSteering *self, const SteerSourceHints *model, GError **error)
{
  g_autofree char *vectors = steer_dup_demo_vectors_path ();
  SteerSourceHints hints = *model;

  hints.id = STEER_DEMO_SOURCE_ID;
  if (vectors != NULL && !add_vectors (self, vectors, &hints, error))
    return FALSE;
  add_bundled_sae (self, &hints);
  return TRUE;
}

/* The command line's own files come first, so that they win over what is bundled. */
static gboolean
open_vectors (SteerCliSteering *self, const SteerCliOptions *options, const char *model_path, GError **error)
{
  SteerSourceHints model;

  read_model_hints (steer_cli_options_get_files (options, model_path), &model);
  for (guint i = 0; options->vectors != NULL && options->vectors[i] != NULL; i++)
    if (!add_vectors (self, options->vectors[i], &model, error))
      return FALSE;
  if (model_path != NULL && is_demo_model (model_path) && !add_bundled (self, &model, error))
    return FALSE;
  add_made (self, &model);
  return TRUE;
}

SteerFeature *
steer_cli_steering_find (SteerCliSteering *self, guint layer, guint64 index, guint *position)
{
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (self->preset)); i++)
    {
      g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (self->preset), i);

      if (steer_feature_get_layer (feature) != layer || steer_feature_get_index (feature) != index)
        continue;
      if (position != NULL)
        *position = i;
      return g_steal_pointer (&feature);
    }
  return NULL;
}

static gboolean
is_same_feature (gconstpointer a, gconstpointer b)
{
  const SteerFeatureInfo *x = a;
  const SteerFeatureInfo *y = b;

  return x->layer == y->layer && x->index == y->index;
}

/* Names what is called a little like it. */
static void
fail_label (const char *label, GPtrArray *near, GError **error)
{
  g_autoptr (GString) list = g_string_new (NULL);

  for (guint i = 0; i < MIN (near->len, MAX_NEAR); i++)
    {
      const SteerFeatureInfo *info = g_ptr_array_index (near, i);

      g_string_append_printf (list, "%s%u:%" G_GUINT64_FORMAT " %s", i > 0 ? ", " : ": ", info->layer, info->index,
                              info->label);
    }
  g_set_error (error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE,
               near->len > 0 ? "no feature is called just \"%s\"%s"
                             : "\"%s\" is neither LAYER:INDEX nor what a feature is called%s; `steer features search` "
                               "finds features",
               label, list->str);
}

gboolean
steer_cli_steering_find_label (SteerCliSteering *self, const char *label, guint *layer, guint64 *index, GError **error)
{
  g_autoptr (GPtrArray) sources = steer_library_list_sources (self->library);
  g_autoptr (GPtrArray) near = g_ptr_array_new_with_free_func ((GDestroyNotify) steer_feature_info_free);
  g_autofree char *wanted = g_utf8_casefold (label, -1);

  for (guint i = 0; i < sources->len; i++)
    {
      g_autoptr (GPtrArray) infos = steer_vector_source_list_infos (g_ptr_array_index (sources, i));

      for (guint k = 0; k < infos->len; k++)
        {
          SteerFeatureInfo *info = g_ptr_array_index (infos, k);
          g_autofree char *name = g_utf8_casefold (info->label != NULL ? info->label : "", -1);

          if (strcmp (name, wanted) == 0)
            {
              *layer = info->layer;
              *index = info->index;
              return TRUE;
            }
          if (strstr (name, wanted) != NULL && !g_ptr_array_find_with_equal_func (near, info, is_same_feature, NULL))
            g_ptr_array_add (near, g_steal_pointer (&g_ptr_array_index (infos, k)));
        }
    }
  fail_label (label, near, error);
  return FALSE;
}

static void
describe_features (SteerCliSteering *self, SteerPreset *preset)
{
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (preset)); i++)
    {
      g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (preset), i);

      steer_library_describe (self->library, feature);
    }
}

static void
apply_typed (const SteerCliFeature *typed, SteerFeature *feature)
{
  steer_feature_set_strength (feature, typed->strength);
  steer_feature_set_mode (feature, typed->mode);
  steer_feature_set_condition (feature, typed->has_condition ? &typed->condition : NULL);
}

static void
apply_feature (SteerCliSteering *self, const SteerCliFeature *typed)
{
  g_autoptr (SteerFeature) feature = steer_cli_steering_find (self, typed->layer, typed->index, NULL);
  gboolean is_new = feature == NULL;

  if (is_new)
    feature = steer_feature_new (typed->layer, typed->index);
  apply_typed (typed, feature);
  steer_feature_set_enabled (feature, TRUE);
  if (is_new)
    steer_preset_append (self->preset, feature);
}

void
steer_cli_steering_apply_options (const SteerCliOptions *options, SteerPreset *preset)
{
  SteerSampling sampling = *steer_preset_get_sampling (preset);

  if (options->steer_prompt != STEER_CLI_UNSET)
    g_object_set (preset, "steer-prompt", options->steer_prompt == STEER_CLI_YES, NULL);
  if (options->skip_special != STEER_CLI_UNSET)
    g_object_set (preset, "skip-special", options->skip_special == STEER_CLI_YES, NULL);
  steer_sampling_merge (&sampling, &options->sampling, options->sampling_fields);
  steer_preset_set_sampling_fields (preset, &sampling,
                                    steer_preset_get_sampling_fields (preset) | options->sampling_fields);
}

SteerCliSteering *
steer_cli_steering_new (const SteerCliOptions *options, const char *model_path, GError **error)
{
  g_autoptr (SteerCliSteering) self = g_new0 (SteerCliSteering, 1);

  self->library = steer_library_new ();
  self->live = steer_live_plan_new (NULL);
  if (!open_vectors (self, options, model_path, error))
    return NULL;
  self->preset = options->preset != NULL ? steer_cli_open_preset (options->preset, error) : steer_preset_new ();
  if (self->preset == NULL)
    return NULL;

  for (guint i = 0; options->features != NULL && i < options->features->len; i++)
    apply_feature (self, &g_array_index (options->features, SteerCliFeature, i));
  steer_cli_steering_apply_options (options, self->preset);
  return g_steal_pointer (&self);
}

void
steer_cli_steering_free (SteerCliSteering *self)
{
  if (self == NULL)
    return;
  g_clear_object (&self->library);
  g_clear_object (&self->preset);
  g_clear_pointer (&self->live, steer_live_plan_unref);
  g_free (self);
}

SteerPlan *
steer_cli_steering_make_plan (SteerCliSteering *self, SteerPreset *preset, GError **error)
{
  g_autoptr (GPtrArray) sources = steer_library_list_sources (self->library);
  g_autoptr (GError) local = NULL;
  SteerPlan *plan;

  describe_features (self, preset);
  plan = steer_preset_make_plan (preset, self->library, self->d_model, self->n_layers, &local);
  if (plan == NULL && sources->len == 0)
    g_set_error (error, local->domain, local->code, "%s: --vectors FILE opens one", local->message);
  else if (plan == NULL)
    g_propagate_error (error, g_steal_pointer (&local));
  return plan;
}

gboolean
steer_cli_steering_take_preset (SteerCliSteering *self,
                                const SteerCliOptions *options,
                                SteerPreset *preset,
                                GError **error)
{
  g_autoptr (SteerPlan) plan = NULL;

  steer_cli_steering_apply_options (options, preset);
  plan = steer_cli_steering_make_plan (self, preset, error);
  if (plan == NULL)
    return FALSE;
  g_set_object (&self->preset, preset);
  steer_live_plan_set (self->live, plan);
  return TRUE;
}

gboolean
steer_cli_steering_update (SteerCliSteering *self, GError **error)
{
  g_autoptr (SteerPlan) plan = steer_cli_steering_make_plan (self, self->preset, error);

  if (plan == NULL)
    return FALSE;
  steer_live_plan_set (self->live, plan);
  return TRUE;
}

gboolean
steer_cli_steering_bind (SteerCliSteering *self, SteerModel *model, GError **error)
{
  g_autoptr (GPtrArray) sources = steer_library_list_sources (self->library);
  const SteerModelConfig *config = steer_model_get_config (model);

  self->d_model = config->d_model;
  self->n_layers = config->n_layers;
  self->model_sampling = config->sampling;
  self->model_sampling_fields = config->sampling_fields;
  for (guint i = 0; i < sources->len; i++)
    if (!steer_vector_source_check_model (g_ptr_array_index (sources, i), self->d_model, self->n_layers, error))
      return FALSE;
  return steer_cli_steering_update (self, error);
}

/* The command line's is in the preset. */
void
steer_cli_steering_get_sampling (SteerCliSteering *self, SteerSampling *sampling)
{
  steer_sampling_init (sampling);
  steer_sampling_merge (sampling, &self->model_sampling, self->model_sampling_fields);
  steer_sampling_merge (sampling, steer_preset_get_sampling (self->preset),
                        steer_preset_get_sampling_fields (self->preset));
}

gboolean
steer_cli_steering_add (SteerCliSteering *self, const SteerCliFeature *typed, GError **error)
{
  g_autoptr (SteerFeature) feature = steer_feature_new (typed->layer, typed->index);
  guint position = g_list_model_get_n_items (G_LIST_MODEL (self->preset));

  apply_typed (typed, feature);
  steer_preset_append (self->preset, feature);
  if (steer_cli_steering_update (self, error))
    return TRUE;
  steer_preset_remove (self->preset, position);
  return FALSE;
}

void
steer_cli_append_strength (GString *text, SteerFeature *feature)
{
  g_string_append_printf (text, "  %g", steer_feature_get_strength (feature));
  if (steer_feature_get_mode (feature) != STEER_MODE_ADD)
    g_string_append_printf (text, " %s", steer_mode_get_name (steer_feature_get_mode (feature)));
  if (steer_feature_get_when (feature) != NULL)
    g_string_append_printf (text, " where %s", steer_feature_get_when (feature));
  if (!steer_feature_get_enabled (feature))
    g_string_append (text, " (off)");
}

JsonNode *
steer_cli_describe_plan (SteerPlan *plan)
{
  g_autofree char *json = plan != NULL ? steer_plan_describe (plan) : NULL;
  JsonNode *node = json != NULL ? json_from_string (json, NULL) : NULL;

  if (node == NULL)
    {
      node = json_node_new (JSON_NODE_ARRAY);
      json_node_take_array (node, json_array_new ());
    }
  return node;
}
