#include "steer-workspace-private.h"

#include <glib/gi18n.h>

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

static void
steer_workspace_dispose (GObject *object)
{
  SteerWorkspace *self = STEER_WORKSPACE (object);

  steer_workspace_cancel_load (self);
  steer_workspace_leave_preset (self);
  if (self->labels != NULL)
    steer_label_book_close (self->labels);
#ifdef STEER_HAS_HUB
  steer_downloads_close (self->downloads);
#endif
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
#ifdef STEER_HAS_HUB
  g_clear_object (&self->downloads);
#endif
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
  g_free (self->wanted_path);
  g_free (self->sources_path);
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

#ifdef STEER_HAS_HUB
/* What was downloaded is used when a person says so, but for what features are called. */
static void
on_downloaded (SteerWorkspace *self, SteerDownload *download)
{
  if (steer_download_get_kind (download) == STEER_HUB_LABELS && steer_download_get_path (download) != NULL)
    steer_label_book_import (self->labels, steer_download_get_path (download), NULL);
}
#endif

static void
steer_workspace_init (SteerWorkspace *self)
{
  self->engine = g_object_new (STEER_TYPE_ENGINE, "niceness", STEER_NICENESS_BEHIND, NULL);
  g_signal_connect_object (self->engine, "notify::device-note", G_CALLBACK (steer_workspace_on_device_note), self,
                           G_CONNECT_SWAPPED);
  self->library = steer_library_new ();
  self->live_plan = steer_live_plan_new (NULL);
  self->in_use = g_list_store_new (STEER_TYPE_PRESET);
  self->features = gtk_flatten_list_model_new (G_LIST_MODEL (g_object_ref (self->in_use)));
  self->sources = g_list_store_new (STEER_TYPE_SOURCE_ENTRY);
#ifdef STEER_HAS_HUB
  self->downloads = steer_downloads_new ();
  g_signal_connect_object (self->downloads, "ended", G_CALLBACK (on_downloaded), self, G_CONNECT_SWAPPED);
#endif
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
  steer_workspace_restore_preset (self);
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

SteerLivePlan *
steer_workspace_get_live_plan (SteerWorkspace *self)
{
  g_return_val_if_fail (STEER_IS_WORKSPACE (self), NULL);
  steer_workspace_finish_plan (self);
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

#ifdef STEER_HAS_HUB
SteerDownloads *
steer_workspace_get_downloads (SteerWorkspace *self)
{
  g_return_val_if_fail (STEER_IS_WORKSPACE (self), NULL);
  return self->downloads;
}
#endif

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
