/* Loading a model: the engine does the work; what it needs beside (its size, its vectors, what GPU there is) is found
 * by a thread in the meantime. */
#include "steer-workspace-private.h"

#include <glib/gi18n.h>
#include <glib/gstdio.h>

#include "steer-model-names.h"
#include "steering/steer-vector-source-open.h"

/* A comparison decodes two sequences as one batch. */
#define N_SLOTS 2
#define N_RECENT 8

struct _SteerModelProbe
{
  gatomicrefcount refs;
  SteerWorkspace *workspace; /* nullable: not owned; NULL once a newer load has begun */
  char *path;
  char *files;    /* where its files are on this computer */
  char *vectors;  /* nullable: the library that belongs to this model */
  char *sae;      /* nullable: the folder of its SAEs */
  char *user_dir; /* the person's own libraries */
  char **added;   /* what else was added */
  char *made_dir; /* and what was made here, of examples */

  guint64 bytes;
  GPtrArray *entries; /* (element-type SteerSourceEntry) */
  char *gpu_name;     /* nullable: none found */
  char *gpu_why_not;  /* nullable: it can be used */
};

static SteerModelProbe *
probe_ref (SteerModelProbe *self)
{
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

void
steer_model_probe_unref (SteerModelProbe *self)
{
  if (!g_atomic_ref_count_dec (&self->refs))
    return;
  g_free (self->path);
  g_free (self->files);
  g_free (self->vectors);
  g_free (self->sae);
  g_free (self->user_dir);
  g_strfreev (self->added);
  g_free (self->made_dir);
  g_clear_pointer (&self->entries, g_ptr_array_unref);
  g_free (self->gpu_name);
  g_free (self->gpu_why_not);
  g_free (self);
}

static guint64
measure_weights (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  guint64 bytes = 0;
  const char *name;
  GStatBuf status;

  if (dir == NULL)
    return g_stat (path, &status) == 0 ? (guint64) status.st_size : 0;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autoptr (GFile) file = g_file_new_build_filename (path, name, NULL);
      g_autoptr (GFileInfo) info = NULL;

      if (!g_str_has_suffix (name, ".safetensors"))
        continue;
      info = g_file_query_info (file, G_FILE_ATTRIBUTE_STANDARD_SIZE, G_FILE_QUERY_INFO_NONE, NULL, NULL);
      if (info != NULL)
        bytes += g_file_info_get_size (info);
    }
  return bytes;
}

/* @entry: taken. @id: (nullable): what presets call the source. */
static void
open_vectors (SteerModelProbe *self, SteerSourceEntry *entry, const char *id, GCancellable *cancellable)
{
  g_autoptr (GError) error = NULL;
  SteerModelConfig config;
  SteerSourceHints hints;
  g_autoptr (SteerVectorSource) source = NULL;

  g_ptr_array_add (self->entries, entry);
  steer_source_hints_init (&hints);
  hints.id = id;
  if (steer_model_config_read (&config, self->files, NULL))
    {
      hints.d_model = config.d_model;
      hints.n_layers = config.n_layers;
    }
  source = steer_vector_source_open (steer_source_entry_get_path (entry), &hints, cancellable, &error);
  if (source != NULL)
    steer_source_entry_set_source (entry, source);
  else
    steer_source_entry_set_error (entry, error->message);
}

static void
open_user_vectors (SteerModelProbe *self, GCancellable *cancellable)
{
  g_autoptr (GPtrArray) own = steer_vector_source_list_folder (self->user_dir);
  g_autoptr (GPtrArray) made = steer_vector_source_list_folder (self->made_dir);

  for (guint i = 0; i < own->len; i++)
    open_vectors (self, steer_source_entry_new (g_ptr_array_index (own, i), NULL, FALSE), NULL, cancellable);
  for (guint i = 0; self->added[i] != NULL; i++)
    open_vectors (self, steer_source_entry_new (self->added[i], NULL, TRUE), NULL, cancellable);
  /* Last, so that their addresses hide nobody else's. */
  for (guint i = 0; i < made->len; i++)
    open_vectors (self, steer_source_entry_new_made (g_ptr_array_index (made, i)), NULL, cancellable);
}

static void
find_gpu (SteerModelProbe *self)
{
  g_autoptr (GPtrArray) devices = steer_backend_list_devices ();
  g_autoptr (GDir) driver = NULL;

  for (guint i = 0; i < devices->len; i++)
    {
      const SteerDevice *device = g_ptr_array_index (devices, i);

      if (g_str_has_prefix (device->id, "cpu") || device->absent)
        continue;
      self->gpu_name = g_strdup (device->name);
      self->gpu_why_not = device->usable ? NULL : g_strdup (device->why_not);
      return;
    }

  driver = g_dir_open ("/proc/driver/nvidia/gpus", 0, NULL);
  if (driver != NULL && g_dir_read_name (driver) != NULL)
    {
      self->gpu_name = g_strdup (_ ("NVIDIA GPU"));
      self->gpu_why_not = g_strdup (_ ("this copy of Steer Chat comes without its CUDA module"));
    }
}

static void
probe_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  SteerModelProbe *self = data;

  self->bytes = measure_weights (self->files);
  if (self->vectors != NULL)
    open_vectors (self, steer_source_entry_new (self->vectors, _ ("Bundled vectors"), FALSE), STEER_DEMO_SOURCE_ID,
                  cancellable);
  if (self->sae != NULL)
    open_vectors (self, steer_source_entry_new (self->sae, _ ("Bundled autoencoders"), FALSE), STEER_DEMO_SOURCE_ID,
                  cancellable);
  open_user_vectors (self, cancellable);
  find_gpu (self);
  g_task_return_boolean (task, TRUE);
}

static void
update_device_note (SteerWorkspace *self, SteerModelProbe *probe)
{
  g_autofree char *id = NULL, *wanted = g_settings_get_string (self->settings, "device"), *note = NULL;
  g_autofree char *passed_over = NULL;

  g_object_get (self->engine, "device-id", &id, "device-note", &passed_over, NULL);
  if (passed_over != NULL)
    note = g_strdup (passed_over); /* why the engine itself has not taken a device */
  else if (probe->gpu_name != NULL && id != NULL && g_str_has_prefix (id, "cpu"))
    {
      if (g_str_has_prefix (wanted, "cpu"))
        note = g_strdup_printf (_ ("%s is not used: the CPU was chosen in Preferences"), probe->gpu_name);
      else if (probe->gpu_why_not != NULL)
        note = g_strdup_printf (_ ("%s is not used: %s"), probe->gpu_name, probe->gpu_why_not);
      else
        note = g_strdup_printf (_ ("%s is not used: the model does not fit into its memory"), probe->gpu_name);
    }
  steer_workspace_set_string (self, &self->device_note, note, STEER_WORKSPACE_PROP_DEVICE_NOTE);
}

void
steer_workspace_on_device_note (SteerWorkspace *self)
{
  g_autofree char *note = NULL;

  g_object_get (self->engine, "device-note", &note, NULL);
  if (note != NULL)
    steer_workspace_set_string (self, &self->device_note, note, STEER_WORKSPACE_PROP_DEVICE_NOTE);
}

static void
forget_sources (SteerWorkspace *self)
{
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (self->sources)); i++)
    {
      g_autoptr (SteerSourceEntry) entry = g_list_model_get_item (G_LIST_MODEL (self->sources), i);
      SteerVectorSource *source = steer_source_entry_get_source (entry);

      if (source != NULL)
        steer_library_remove (self->library, source);
    }
}

static void
take_sources (SteerWorkspace *self, GPtrArray *entries, const SteerModelConfig *config)
{
  forget_sources (self);
  for (guint i = 0; i < entries->len; i++)
    {
      SteerSourceEntry *entry = g_ptr_array_index (entries, i);
      SteerVectorSource *source = steer_source_entry_get_source (entry);
      g_autoptr (GError) error = NULL;

      if (source == NULL)
        continue;
      if (steer_vector_source_check_model (source, config->d_model, config->n_layers, &error))
        steer_library_add (self->library, source);
      else
        steer_source_entry_set_error (entry, error->message);
    }
  g_list_store_splice (self->sources, 0, g_list_model_get_n_items (G_LIST_MODEL (self->sources)), entries->pdata,
                       entries->len);
}

static void reopen_sources (SteerWorkspace *self);

static void
remember_sources_path (SteerWorkspace *self, const char *path)
{
  g_free (self->sources_path);
  self->sources_path = g_strdup (path);
}

/* Both the model and its vectors are there: from now on the library is this model's. The model in use need not be the
 * one that was asked for last, which may have failed, or come although it was cancelled: then its sources come first.
 */
static void
settle (SteerWorkspace *self)
{
  g_autoptr (SteerModelProbe) probe = NULL;
  SteerModel *model = steer_engine_get_model (self->engine);
  const char *path = model != NULL ? steer_model_get_path (model) : NULL;
  g_autofree char *title = NULL;

  if (self->loading_path != NULL || (self->probe != NULL && self->probe->workspace != NULL))
    return;
  probe = g_steal_pointer (&self->probe);
  if (path != NULL && probe != NULL && g_str_equal (path, probe->path))
    {
      take_sources (self, probe->entries, steer_model_get_config (model));
      update_device_note (self, probe);
      remember_sources_path (self, path);
    }
  else if (path != NULL && g_strcmp0 (path, self->sources_path) != 0)
    {
      reopen_sources (self);
      return;
    }
  else if (probe == NULL)
    return;
  title = path != NULL ? steer_model_dup_name (path) : NULL;
  steer_label_book_refresh (self->labels, title); /* which describes and plans anew */
  if (self->sources_late)
    reopen_sources (self);
}

static void
on_probed (GObject *source, GAsyncResult *result, gpointer data)
{
  SteerModelProbe *probe = data;
  SteerWorkspace *self = probe->workspace;

  probe->workspace = NULL;
  if (self != NULL && self->probe == probe)
    {
      self->loading_bytes = probe->bytes;
      steer_workspace_notify (self, STEER_WORKSPACE_PROP_LOADING_BYTES);
      settle (self);
    }
  steer_model_probe_unref (probe);
}

/* Forgets what an earlier load is still finding out. */
static void
drop_probe (SteerWorkspace *self)
{
  if (self->probe != NULL)
    self->probe->workspace = NULL;
  g_clear_pointer (&self->probe, steer_model_probe_unref);
}

static void
start_probe (SteerWorkspace *self, const char *path, const char *files, gboolean bundled)
{
  g_autoptr (GTask) task = NULL;
  SteerModelProbe *probe = g_new0 (SteerModelProbe, 1);

  g_atomic_ref_count_init (&probe->refs);
  probe->workspace = self;
  probe->path = g_strdup (path);
  probe->files = g_strdup (files);
  probe->vectors = bundled ? steer_dup_demo_vectors_path () : NULL;
  probe->sae = bundled ? steer_dup_demo_sae_path () : NULL;
  probe->user_dir = g_build_filename (self->data_dir, "vectors", NULL);
  probe->added = g_settings_get_strv (self->settings, "sources");
  probe->made_dir = steer_workspace_dup_made_folder (self);
  probe->entries = g_ptr_array_new_with_free_func (g_object_unref);

  drop_probe (self);
  self->probe = probe;
  self->sources_late = FALSE;
  task = g_task_new (NULL, NULL, on_probed, probe_ref (probe));
  g_task_set_task_data (task, probe_ref (probe), (GDestroyNotify) steer_model_probe_unref);
  g_task_run_in_thread (task, probe_in_thread);
}

/* Opens all of them anew: their indices are read, not their vectors. */
static void
reopen_sources (SteerWorkspace *self)
{
  SteerModel *model = steer_engine_get_model (self->engine);
  g_autofree char *bundled = steer_dup_demo_model_path ();
  g_autofree char *path = model != NULL ? g_strdup (steer_model_get_path (model)) : NULL;

  remember_sources_path (self, NULL);
  /* A model that is being loaded looks at its sources itself; without one nobody knows what fits. */
  if (path != NULL && self->loading_path == NULL)
    start_probe (self, path, steer_model_get_files (model), g_strcmp0 (path, bundled) == 0);
}

void
steer_workspace_made_changed (SteerWorkspace *self)
{
  self->sources_late = self->probe != NULL;
}

/* @path moves to the end of the list of sources, or out of it. */
static void
set_added (SteerWorkspace *self, const char *path, gboolean added)
{
  g_auto (GStrv) old = g_settings_get_strv (self->settings, "sources");
  g_autoptr (GPtrArray) paths = g_ptr_array_new ();
  g_autofree char *whole = g_canonicalize_filename (path, NULL);

  for (guint i = 0; old[i] != NULL; i++)
    if (!g_str_equal (old[i], whole))
      g_ptr_array_add (paths, old[i]);
  if (added)
    g_ptr_array_add (paths, whole);
  g_ptr_array_add (paths, NULL);
  g_settings_set_strv (self->settings, "sources", (const char *const *) paths->pdata);
  reopen_sources (self);
}

void
steer_workspace_add_source (SteerWorkspace *self, const char *path)
{
  g_return_if_fail (STEER_IS_WORKSPACE (self));
  g_return_if_fail (path != NULL);
  set_added (self, path, TRUE);
}

void
steer_workspace_remove_source (SteerWorkspace *self, const char *path)
{
  g_return_if_fail (STEER_IS_WORKSPACE (self));
  g_return_if_fail (path != NULL);
  set_added (self, path, FALSE);
}

static void
remember (SteerWorkspace *self, const char *path)
{
  g_autofree char *bundled = steer_dup_demo_model_path ();
  g_auto (GStrv) old = g_settings_get_strv (self->settings, "recent-models");
  g_autoptr (GPtrArray) recent = g_ptr_array_new ();

  if (g_strcmp0 (path, bundled) == 0)
    {
      g_settings_set_string (self->settings, "model-path", "");
      return;
    }
  g_ptr_array_add (recent, (char *) path);
  for (guint i = 0; old[i] != NULL && recent->len < N_RECENT; i++)
    if (!g_str_equal (old[i], path))
      g_ptr_array_add (recent, old[i]);
  g_ptr_array_add (recent, NULL);
  g_settings_set_string (self->settings, "model-path", path);
  g_settings_set_strv (self->settings, "recent-models", (const char *const *) recent->pdata);
}

typedef struct
{
  GWeakRef workspace;
  GCancellable *cancellable;
  char *path;
} Load;

static void
load_free (Load *load)
{
  g_weak_ref_clear (&load->workspace);
  g_object_unref (load->cancellable);
  g_free (load->path);
  g_free (load);
}

/* @error: (nullable) */
static void
end_load (SteerWorkspace *self, const GError *error)
{
  g_clear_object (&self->loading);
  steer_workspace_set_string (self, &self->loading_path, NULL, STEER_WORKSPACE_PROP_LOADING_PATH);
  if (error != NULL && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    steer_workspace_set_string (self, &self->load_error, error->message, STEER_WORKSPACE_PROP_LOAD_ERROR);
}

static void
on_loaded (GObject *source, GAsyncResult *result, gpointer data)
{
  Load *load = data;
  g_autoptr (SteerWorkspace) self = g_weak_ref_get (&load->workspace);
  g_autoptr (GError) error = NULL;
  gboolean loaded = steer_engine_load_finish (STEER_ENGINE (source), result, &error);

  if (self == NULL)
    {
      load_free (load);
      return;
    }
  if (self->loading == load->cancellable)
    end_load (self, error);
  else if (loaded)
    remember_sources_path (self, NULL); /* cancelled too late: nobody has looked for this model's */
  if (loaded)
    remember (self, load->path);
  settle (self);
  load_free (load);
}

/* What is being loaded goes on being shown, for what is loaded next. */
static void
cancel (SteerWorkspace *self)
{
  drop_probe (self);
  self->prepared = FALSE;
  g_cancellable_cancel (self->loading);
  g_clear_object (&self->loading);
}

static void
want (SteerWorkspace *self, const char *path)
{
  char *wanted = g_strdup (path);

  g_free (self->wanted_path);
  self->wanted_path = wanted;
}

static char *
dup_whole (const char *path)
{
  return steer_model_is_address (path) ? g_strdup (path) : g_canonicalize_filename (path, NULL);
}

void
steer_workspace_prepare_load (SteerWorkspace *self, const char *path)
{
  g_autofree char *chosen = NULL;

  g_return_if_fail (STEER_IS_WORKSPACE (self));

  cancel (self);
  want (self, path);
  chosen = path != NULL ? dup_whole (path) : steer_dup_demo_model_path ();
  self->prepared = TRUE;
  self->loading_bytes = 0;
  steer_workspace_set_string (self, &self->loading_path, chosen, STEER_WORKSPACE_PROP_LOADING_PATH);
}

void
steer_workspace_start_load (SteerWorkspace *self)
{
  g_autofree char *path = NULL;

  g_return_if_fail (STEER_IS_WORKSPACE (self));

  if (!self->prepared)
    return;
  path = g_strdup (self->loading_path);
  steer_workspace_load_model (self, path);
}

void
steer_workspace_load_model (SteerWorkspace *self, const char *path)
{
  g_autofree char *bundled = steer_dup_demo_model_path ();
  g_autofree char *chosen = NULL, *device = NULL;
  SteerLoadOptions options;
  Load *load;

  g_return_if_fail (STEER_IS_WORKSPACE (self));

  cancel (self);
  want (self, path);
  steer_workspace_set_string (self, &self->load_error, NULL, STEER_WORKSPACE_PROP_LOAD_ERROR);
  chosen = path != NULL ? dup_whole (path) : g_strdup (bundled);
  if (chosen == NULL)
    {
      steer_workspace_set_string (self, &self->loading_path, NULL, STEER_WORKSPACE_PROP_LOADING_PATH);
      steer_workspace_set_string (self, &self->load_error, _ ("the bundled model is not installed; open another one"),
                                  STEER_WORKSPACE_PROP_LOAD_ERROR);
      return;
    }

  device = g_settings_get_string (self->settings, "device");
  steer_load_options_init (&options, chosen);
  options.device = "auto";
  options.context.n_slots = N_SLOTS;
  /* The settings speak of this computer. */
  if (!steer_model_is_address (chosen))
    {
      options.device = *device != '\0' ? device : "auto";
      options.context.n_threads = g_settings_get_uint (self->settings, "threads");
    }
  options.context.n_context = g_settings_get_uint (self->settings, "context-size");
  if (g_settings_get_boolean (self->settings, "quantise-weights"))
    options.context.weight_type = STEER_DTYPE_Q8_0;
  if (g_settings_get_boolean (self->settings, "small-cache"))
    options.context.kv_dtype = STEER_DTYPE_Q8_0;

  self->loading_bytes = 0;
  self->loading = g_cancellable_new ();
  steer_workspace_set_string (self, &self->loading_path, chosen, STEER_WORKSPACE_PROP_LOADING_PATH);
  /* What files of another computer tell is known when the model is there. */
  if (steer_model_is_address (chosen))
    remember_sources_path (self, NULL);
  else
    start_probe (self, chosen, chosen, g_strcmp0 (chosen, bundled) == 0);

  load = g_new0 (Load, 1);
  g_weak_ref_init (&load->workspace, self);
  load->cancellable = g_object_ref (self->loading);
  load->path = g_steal_pointer (&chosen);
  steer_engine_load_async (self->engine, &options, self->loading, on_loaded, load);
}

void
steer_workspace_retry_load (SteerWorkspace *self)
{
  g_autofree char *path = NULL;

  g_return_if_fail (STEER_IS_WORKSPACE (self));

  path = g_strdup (self->wanted_path);
  steer_workspace_load_model (self, path);
}

void
steer_workspace_cancel_load (SteerWorkspace *self)
{
  g_return_if_fail (STEER_IS_WORKSPACE (self));

  cancel (self);
  steer_workspace_set_string (self, &self->loading_path, NULL, STEER_WORKSPACE_PROP_LOADING_PATH);
}
