/* The preset in use: it is compared with its file, and kept for the next start. */
#include "steer-workspace-private.h"

/* A slider's drag writes the preset in use to disk once, not sixty times a second. */
#define AUTOSAVE_MS 800

static char *
dup_autosave_path (SteerWorkspace *self)
{
  return g_build_filename (self->data_dir, "preset-in-use.yaml", NULL);
}

static void
on_autosaved (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;

  if (!g_file_replace_contents_finish (G_FILE (source), result, NULL, &error))
    g_message ("the preset in use could not be kept for the next start: %s", error->message);
}

static gboolean
autosave (gpointer data)
{
  SteerWorkspace *self = data;
  g_autofree char *path = dup_autosave_path (self);
  g_autofree char *yaml = steer_preset_to_yaml (self->preset);
  g_autoptr (GBytes) bytes = g_bytes_new (yaml, strlen (yaml));
  g_autoptr (GFile) file = g_file_new_for_path (path);

  self->autosave_id = 0;
  g_file_replace_contents_bytes_async (file, bytes, NULL, FALSE, G_FILE_CREATE_PRIVATE, NULL, on_autosaved, NULL);
  return G_SOURCE_REMOVE;
}

static void
schedule_autosave (SteerWorkspace *self)
{
  if (self->autosave_id == 0)
    self->autosave_id = g_timeout_add (AUTOSAVE_MS, autosave, self);
}

static void
update_modified (SteerWorkspace *self)
{
  gboolean modified = !steer_preset_equal (self->preset, self->baseline);

  if (modified == self->modified)
    return;
  self->modified = modified;
  steer_workspace_notify (self, STEER_WORKSPACE_PROP_PRESET_MODIFIED);
}

static void
on_preset_changed (SteerWorkspace *self)
{
  steer_workspace_update_plan (self);
  update_modified (self);
  schedule_autosave (self);
}

static void
describe_features (SteerWorkspace *self, SteerPreset *preset)
{
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (preset)); i++)
    {
      g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (preset), i);

      steer_label_book_describe (self->labels, feature);
      steer_library_describe (self->library, feature);
    }
}

void
steer_workspace_refresh_steering (SteerWorkspace *self)
{
  /* A label that a source gives is no change of the person's. */
  describe_features (self, self->baseline);
  g_signal_handlers_block_by_func (self->preset, on_preset_changed, self);
  describe_features (self, self->preset);
  g_signal_handlers_unblock_by_func (self->preset, on_preset_changed, self);
  steer_workspace_update_plan (self);
  update_modified (self);
}

static void take_preset (SteerWorkspace *self, SteerPreset *preset, SteerPreset *baseline, const char *path);

/* The file in use was changed by another program. What the person has changed since is not thrown away for it. A file
 * that cannot be read is one that is being written: there will be another event. */
static void
on_file_changed (SteerWorkspace *self)
{
  g_autoptr (SteerPreset) on_disk
    = self->preset_path != NULL ? steer_preset_new_from_file (self->preset_path, NULL) : NULL;
  g_autofree char *path = g_strdup (self->preset_path);

  if (on_disk == NULL)
    return;
  describe_features (self, on_disk);
  if (steer_preset_equal (on_disk, self->baseline))
    return;
  if (!self->modified)
    {
      take_preset (self, g_steal_pointer (&on_disk), NULL, path);
      return;
    }
  g_set_object (&self->baseline, on_disk);
  update_modified (self);
}

static void
watch_file (SteerWorkspace *self, const char *path)
{
  g_autoptr (GFile) file = path != NULL ? g_file_new_for_path (path) : NULL;

  if (self->monitor != NULL)
    g_signal_handlers_disconnect_by_data (self->monitor, self);
  g_clear_object (&self->monitor);
  if (file != NULL)
    self->monitor = g_file_monitor_file (file, G_FILE_MONITOR_NONE, NULL, NULL);
  if (self->monitor != NULL)
    g_signal_connect_swapped (self->monitor, "changed", G_CALLBACK (on_file_changed), self);
}

/* @preset: (transfer full). @baseline: (transfer full) (nullable): the preset is as its file. */
static void
take_preset (SteerWorkspace *self, SteerPreset *preset, SteerPreset *baseline, const char *path)
{
  if (self->preset != NULL)
    g_signal_handlers_disconnect_by_func (self->preset, on_preset_changed, self);
  g_clear_object (&self->preset);
  g_clear_object (&self->baseline);
  self->preset = preset;
  g_list_store_splice (self->in_use, 0, g_list_model_get_n_items (G_LIST_MODEL (self->in_use)), (gpointer *) &preset,
                       1);
  self->baseline = baseline != NULL ? baseline : steer_preset_copy (preset);
  g_signal_connect_swapped (preset, "changed", G_CALLBACK (on_preset_changed), self);

  steer_workspace_refresh_steering (self);
  steer_workspace_notify (self, STEER_WORKSPACE_PROP_PRESET);
  steer_workspace_set_string (self, &self->preset_path, path, STEER_WORKSPACE_PROP_PRESET_PATH);
  g_settings_set_string (self->settings, "preset-path", path != NULL ? path : "");
  watch_file (self, path);
  update_modified (self);
}

/* Problems with a remembered preset are no reason to bother anyone at the start. */
void
steer_workspace_restore_preset (SteerWorkspace *self)
{
  g_autofree char *autosaved = dup_autosave_path (self);
  g_autofree char *path = g_settings_get_string (self->settings, "preset-path");
  g_autoptr (SteerPreset) in_use = steer_preset_new_from_file (autosaved, NULL);
  g_autoptr (SteerPreset) on_disk = *path != '\0' ? steer_preset_new_from_file (path, NULL) : NULL;

  if (in_use == NULL)
    {
      in_use = on_disk != NULL ? steer_preset_copy (on_disk) : steer_preset_new ();
      if (on_disk == NULL)
        steer_preset_set_default_clamp (in_use, g_settings_get_boolean (self->settings, "clamp-new-features"));
    }
  if (on_disk == NULL)
    take_preset (self, g_steal_pointer (&in_use), NULL, NULL);
  else
    take_preset (self, g_steal_pointer (&in_use), g_steal_pointer (&on_disk), path);
}

void
steer_workspace_leave_preset (SteerWorkspace *self)
{
  watch_file (self, NULL);
  if (self->autosave_id != 0)
    {
      g_autofree char *path = dup_autosave_path (self);

      g_clear_handle_id (&self->autosave_id, g_source_remove);
      steer_preset_save (self->preset, path, NULL);
    }
  if (self->preset != NULL)
    g_signal_handlers_disconnect_by_func (self->preset, on_preset_changed, self);
}

void
steer_workspace_set_preset (SteerWorkspace *self, SteerPreset *preset)
{
  g_return_if_fail (STEER_IS_WORKSPACE (self));
  g_return_if_fail (STEER_IS_PRESET (preset));

  if (preset == self->preset)
    return;
  take_preset (self, g_object_ref (preset), NULL, NULL);
  schedule_autosave (self);
}

gboolean
steer_workspace_open_preset (SteerWorkspace *self, const char *path, GError **error)
{
  SteerPreset *preset;

  g_return_val_if_fail (STEER_IS_WORKSPACE (self), FALSE);
  g_return_val_if_fail (path != NULL, FALSE);

  preset = steer_preset_new_from_file (path, error);
  if (preset == NULL)
    return FALSE;
  take_preset (self, preset, NULL, path);
  schedule_autosave (self);
  return TRUE;
}

void
steer_workspace_preset_saved (SteerWorkspace *self, const char *path)
{
  g_return_if_fail (STEER_IS_WORKSPACE (self));

  if (path != NULL)
    {
      g_object_unref (self->baseline);
      self->baseline = steer_preset_copy (self->preset);
    }
  steer_workspace_set_string (self, &self->preset_path, path, STEER_WORKSPACE_PROP_PRESET_PATH);
  g_settings_set_string (self->settings, "preset-path", path != NULL ? path : "");
  watch_file (self, path);
  update_modified (self);
  schedule_autosave (self);
}

void
steer_workspace_get_usual_sampling (SteerWorkspace *self, SteerSampling *sampling)
{
  static const struct
  {
    const char *key;
    SteerSamplingFields field;
  } chosen[] = {
    { "temperature", STEER_SAMPLING_TEMPERATURE },
    { "top-k", STEER_SAMPLING_TOP_K },
    { "top-p", STEER_SAMPLING_TOP_P },
    { "min-p", STEER_SAMPLING_MIN_P },
    { "repetition-penalty", STEER_SAMPLING_REPETITION_PENALTY },
  };
  SteerModel *model;
  SteerSamplingFields advised;

  g_return_if_fail (STEER_IS_WORKSPACE (self));
  g_return_if_fail (sampling != NULL);

  *sampling = (SteerSampling){
    .temperature = g_settings_get_double (self->settings, "temperature"),
    .top_k = g_settings_get_uint (self->settings, "top-k"),
    .top_p = g_settings_get_double (self->settings, "top-p"),
    .min_p = g_settings_get_double (self->settings, "min-p"),
    .repetition_penalty = g_settings_get_double (self->settings, "repetition-penalty"),
    .seed = g_settings_get_uint64 (self->settings, "seed"),
    .max_tokens = g_settings_get_uint (self->settings, "max-tokens"),
  };
  model = steer_engine_get_model (self->engine);
  if (model == NULL)
    return;
  advised = steer_model_get_config (model)->sampling_fields;
  for (guint i = 0; i < G_N_ELEMENTS (chosen); i++)
    {
      g_autoptr (GVariant) value = g_settings_get_user_value (self->settings, chosen[i].key);

      if (value != NULL)
        advised &= ~chosen[i].field;
    }
  steer_sampling_merge (sampling, &steer_model_get_config (model)->sampling, advised);
}

void
steer_workspace_get_sampling (SteerWorkspace *self, SteerSampling *sampling)
{
  g_return_if_fail (STEER_IS_WORKSPACE (self));
  g_return_if_fail (sampling != NULL);

  steer_workspace_get_usual_sampling (self, sampling);
  steer_sampling_merge (sampling, steer_preset_get_sampling (self->preset),
                        steer_preset_get_sampling_fields (self->preset));
}
