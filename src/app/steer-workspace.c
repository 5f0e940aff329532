#include "steer-workspace-private.h"

#include <glib/gi18n.h>

/* A slider's drag writes the preset in use to disk once, not sixty times a second. */
#define AUTOSAVE_MS 800

static GParamSpec *properties[STEER_WORKSPACE_N_PROPS];

G_DEFINE_FINAL_TYPE (SteerWorkspace, steer_workspace, G_TYPE_OBJECT)

void
steer_workspace_notify (SteerWorkspace *self, guint property)
{
  g_object_notify_by_pspec (G_OBJECT (self), properties[property]);
}

void
steer_workspace_set_string (SteerWorkspace *self, char **place, const char *value, guint property)
{
  if (g_strcmp0 (*place, value) == 0)
    return;
  g_free (*place);
  *place = g_strdup (value);
  steer_workspace_notify (self, property);
}

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

/* Only where the model and its vectors are there can a feature be said not to fit. */
static void
update_plan (SteerWorkspace *self)
{
  SteerModel *model = steer_engine_get_model (self->engine);
  const SteerModelConfig *config = model != NULL ? steer_model_get_config (model) : NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerPlan) plan = NULL;
  gboolean settled = config != NULL && self->loading_path == NULL && self->probe == NULL;

  plan = steer_preset_make_plan (self->preset, self->library, config != NULL ? config->d_model : 0,
                                 config != NULL ? config->n_layers : 0, &error);
  steer_live_plan_set (self->live_plan, plan);
  steer_workspace_set_string (self, &self->plan_error, error != NULL && settled ? error->message : NULL,
                              STEER_WORKSPACE_PROP_PLAN_ERROR);
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
  update_plan (self);
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
  describe_features (self, self->preset);
  update_plan (self);
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
static void
restore_preset (SteerWorkspace *self)
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

static void
steer_workspace_dispose (GObject *object)
{
  SteerWorkspace *self = STEER_WORKSPACE (object);

  steer_workspace_cancel_load (self);
  watch_file (self, NULL);
  if (self->autosave_id != 0)
    {
      g_autofree char *path = dup_autosave_path (self);

      g_clear_handle_id (&self->autosave_id, g_source_remove);
      steer_preset_save (self->preset, path, NULL);
    }
  if (self->labels != NULL)
    steer_label_book_close (self->labels);
  if (self->preset != NULL)
    g_signal_handlers_disconnect_by_func (self->preset, on_preset_changed, self);
  if (self->engine != NULL)
    g_signal_handlers_disconnect_by_data (self->engine, self);
  G_OBJECT_CLASS (steer_workspace_parent_class)->dispose (object);
}

static void
steer_workspace_finalize (GObject *object)
{
  SteerWorkspace *self = STEER_WORKSPACE (object);

  g_clear_pointer (&self->probe, steer_model_probe_unref);
  g_clear_object (&self->sources);
  g_clear_object (&self->inspector);
  g_clear_object (&self->labels);
  g_clear_object (&self->settings);
  g_clear_object (&self->engine);
  g_clear_object (&self->store);
  g_clear_object (&self->library);
  g_clear_object (&self->presets);
  g_clear_object (&self->preset);
  g_clear_object (&self->baseline);
  g_clear_object (&self->features);
  g_clear_object (&self->in_use);
  g_clear_pointer (&self->live_plan, steer_live_plan_unref);
  g_free (self->data_dir);
  g_free (self->preset_path);
  g_free (self->plan_error);
  g_free (self->load_error);
  g_free (self->loading_path);
  g_free (self->device_note);
  G_OBJECT_CLASS (steer_workspace_parent_class)->finalize (object);
}

static void
steer_workspace_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  SteerWorkspace *self = STEER_WORKSPACE (object);

  switch (id)
    {
    case STEER_WORKSPACE_PROP_ENGINE:
      g_value_set_object (value, self->engine);
      break;
    case STEER_WORKSPACE_PROP_STORE:
      g_value_set_object (value, self->store);
      break;
    case STEER_WORKSPACE_PROP_LIBRARY:
      g_value_set_object (value, self->library);
      break;
    case STEER_WORKSPACE_PROP_PRESETS:
      g_value_set_object (value, self->presets);
      break;
    case STEER_WORKSPACE_PROP_SETTINGS:
      g_value_set_object (value, self->settings);
      break;
    case STEER_WORKSPACE_PROP_PRESET:
      g_value_set_object (value, self->preset);
      break;
    case STEER_WORKSPACE_PROP_PRESET_PATH:
      g_value_set_string (value, self->preset_path);
      break;
    case STEER_WORKSPACE_PROP_PRESET_MODIFIED:
      g_value_set_boolean (value, self->modified);
      break;
    case STEER_WORKSPACE_PROP_PLAN_ERROR:
      g_value_set_string (value, self->plan_error);
      break;
    case STEER_WORKSPACE_PROP_LOAD_ERROR:
      g_value_set_string (value, self->load_error);
      break;
    case STEER_WORKSPACE_PROP_LOADING_PATH:
      g_value_set_string (value, self->loading_path);
      break;
    case STEER_WORKSPACE_PROP_LOADING_BYTES:
      g_value_set_uint64 (value, self->loading_bytes);
      break;
    case STEER_WORKSPACE_PROP_DEVICE_NOTE:
      g_value_set_string (value, self->device_note);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
steer_workspace_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  if (id == STEER_WORKSPACE_PROP_PRESET)
    steer_workspace_set_preset (STEER_WORKSPACE (object), g_value_get_object (value));
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
steer_workspace_class_init (SteerWorkspaceClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags readable = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;
  GParamFlags writable = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->dispose = steer_workspace_dispose;
  object_class->finalize = steer_workspace_finalize;
  object_class->get_property = steer_workspace_get_property;
  object_class->set_property = steer_workspace_set_property;

  properties[STEER_WORKSPACE_PROP_ENGINE] = g_param_spec_object ("engine", NULL, NULL, STEER_TYPE_ENGINE, readable);
  properties[STEER_WORKSPACE_PROP_STORE] = g_param_spec_object ("store", NULL, NULL, STEER_TYPE_STORE, readable);
  properties[STEER_WORKSPACE_PROP_LIBRARY] = g_param_spec_object ("library", NULL, NULL, STEER_TYPE_LIBRARY, readable);
  properties[STEER_WORKSPACE_PROP_PRESETS]
    = g_param_spec_object ("presets", NULL, NULL, STEER_TYPE_PRESET_FOLDER, readable);
  properties[STEER_WORKSPACE_PROP_SETTINGS] = g_param_spec_object ("settings", NULL, NULL, G_TYPE_SETTINGS, readable);
  properties[STEER_WORKSPACE_PROP_PRESET] = g_param_spec_object ("preset", NULL, NULL, STEER_TYPE_PRESET, writable);
  properties[STEER_WORKSPACE_PROP_PRESET_PATH] = g_param_spec_string ("preset-path", NULL, NULL, NULL, readable);
  properties[STEER_WORKSPACE_PROP_PRESET_MODIFIED]
    = g_param_spec_boolean ("preset-modified", NULL, NULL, FALSE, readable);
  properties[STEER_WORKSPACE_PROP_PLAN_ERROR] = g_param_spec_string ("plan-error", NULL, NULL, NULL, readable);
  properties[STEER_WORKSPACE_PROP_LOAD_ERROR] = g_param_spec_string ("load-error", NULL, NULL, NULL, readable);
  properties[STEER_WORKSPACE_PROP_LOADING_PATH] = g_param_spec_string ("loading-path", NULL, NULL, NULL, readable);
  properties[STEER_WORKSPACE_PROP_LOADING_BYTES]
    = g_param_spec_uint64 ("loading-bytes", NULL, NULL, 0, G_MAXUINT64, 0, readable);
  properties[STEER_WORKSPACE_PROP_DEVICE_NOTE] = g_param_spec_string ("device-note", NULL, NULL, NULL, readable);
  g_object_class_install_properties (object_class, STEER_WORKSPACE_N_PROPS, properties);
}

static void
steer_workspace_init (SteerWorkspace *self)
{
  self->engine = steer_engine_new ();
  g_signal_connect_object (self->engine, "notify::device-note", G_CALLBACK (steer_workspace_on_device_note), self,
                           G_CONNECT_SWAPPED);
  self->library = steer_library_new ();
  self->live_plan = steer_live_plan_new (NULL);
  self->in_use = g_list_store_new (STEER_TYPE_PRESET);
  self->features = gtk_flatten_list_model_new (G_LIST_MODEL (g_object_ref (self->in_use)));
  self->sources = g_list_store_new (STEER_TYPE_SOURCE_ENTRY);
}

struct _SteerEarlyStore
{
  GThread *thread;
  char *data_dir;
};

static gpointer
open_store (gpointer data)
{
  SteerEarlyStore *early = data;
  g_autofree char *path = g_build_filename (early->data_dir, "conversations.db", NULL);
  g_autoptr (GError) error = NULL;
  SteerStore *store;

  g_mkdir_with_parents (early->data_dir, 0700);
  store = steer_store_open (path, &error);
  if (store == NULL)
    g_message ("chats will not be kept: %s", error->message);
  return store;
}

SteerEarlyStore *
steer_early_store_begin (const char *data_dir)
{
  SteerEarlyStore *self = g_new0 (SteerEarlyStore, 1);

  self->data_dir
    = data_dir != NULL ? g_strdup (data_dir) : g_build_filename (g_get_user_data_dir (), "steer-chat", NULL);
  self->thread = g_thread_new ("steer-open", open_store, self);
  return self;
}

SteerWorkspace *
steer_workspace_new_early (GSettings *settings, SteerEarlyStore *early)
{
  SteerWorkspace *self = g_object_new (STEER_TYPE_WORKSPACE, NULL);
  g_autofree char *bundled = steer_dup_presets_path ();
  g_autofree char *presets = g_build_filename (early->data_dir, "presets", NULL);
  g_autofree char *labels = g_build_filename (early->data_dir, "labels.sqlite", NULL);

  self->settings = g_object_ref (settings);
  self->data_dir = early->data_dir;
  self->presets = steer_preset_folder_new (bundled, presets);
  self->labels = steer_label_book_new (settings, self->library, labels);
  self->inspector = steer_inspector_new (self->engine, self->library, self->labels);
  g_signal_connect_object (self->labels, "changed", G_CALLBACK (steer_workspace_refresh_steering), self,
                           G_CONNECT_SWAPPED);
  restore_preset (self);
  self->store = g_thread_join (early->thread);
  g_free (early);
  return self;
}

SteerWorkspace *
steer_workspace_new (GSettings *settings, const char *data_dir)
{
  return steer_workspace_new_early (settings, steer_early_store_begin (data_dir));
}

SteerEngine *
steer_workspace_get_engine (SteerWorkspace *self)
{
  g_return_val_if_fail (STEER_IS_WORKSPACE (self), NULL);
  return self->engine;
}

SteerStore *
steer_workspace_get_store (SteerWorkspace *self)
{
  g_return_val_if_fail (STEER_IS_WORKSPACE (self), NULL);
  return self->store;
}

SteerLibrary *
steer_workspace_get_library (SteerWorkspace *self)
{
  g_return_val_if_fail (STEER_IS_WORKSPACE (self), NULL);
  return self->library;
}

SteerPresetFolder *
steer_workspace_get_presets (SteerWorkspace *self)
{
  g_return_val_if_fail (STEER_IS_WORKSPACE (self), NULL);
  return self->presets;
}

GSettings *
steer_workspace_get_settings (SteerWorkspace *self)
{
  g_return_val_if_fail (STEER_IS_WORKSPACE (self), NULL);
  return self->settings;
}

SteerPreset *
steer_workspace_get_preset (SteerWorkspace *self)
{
  g_return_val_if_fail (STEER_IS_WORKSPACE (self), NULL);
  return self->preset;
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

SteerLivePlan *
steer_workspace_get_live_plan (SteerWorkspace *self)
{
  g_return_val_if_fail (STEER_IS_WORKSPACE (self), NULL);
  return self->live_plan;
}

GListModel *
steer_workspace_get_features (SteerWorkspace *self)
{
  g_return_val_if_fail (STEER_IS_WORKSPACE (self), NULL);
  return G_LIST_MODEL (self->features);
}

GListModel *
steer_workspace_get_sources (SteerWorkspace *self)
{
  g_return_val_if_fail (STEER_IS_WORKSPACE (self), NULL);
  return G_LIST_MODEL (self->sources);
}

SteerLabelBook *
steer_workspace_get_labels (SteerWorkspace *self)
{
  g_return_val_if_fail (STEER_IS_WORKSPACE (self), NULL);
  return self->labels;
}

SteerInspector *
steer_workspace_get_inspector (SteerWorkspace *self)
{
  g_return_val_if_fail (STEER_IS_WORKSPACE (self), NULL);
  return self->inspector;
}

const char *
steer_workspace_get_preset_path (SteerWorkspace *self)
{
  g_return_val_if_fail (STEER_IS_WORKSPACE (self), NULL);
  return self->preset_path;
}

gboolean
steer_workspace_get_preset_modified (SteerWorkspace *self)
{
  g_return_val_if_fail (STEER_IS_WORKSPACE (self), FALSE);
  return self->modified;
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
steer_workspace_get_sampling (SteerWorkspace *self, SteerSampling *sampling)
{
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
  steer_sampling_merge (sampling, steer_preset_get_sampling (self->preset),
                        steer_preset_get_sampling_fields (self->preset));
}
