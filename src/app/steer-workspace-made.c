#include "steer-workspace-made.h"

#include <errno.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <string.h>

#include "steer-dialogs.h"
#include "steer-workspace-private.h"
#include "steering/steer-vector-library.h"

#define SUFFIX ".safetensors"

/* Of a label, in a file's name: what is behind it stays. */
#define MAX_STEM_CHARS 60

char *
steer_workspace_dup_made_folder (SteerWorkspace *self)
{
  return g_build_filename (self->data_dir, "made", NULL);
}

/* What the thread writes and reads again. */
typedef struct
{
  char *folder;
  GPtrArray *ids; /* (element-type utf8): of the sources that there are */
  SteerMadeFeature *made;
  SteerContrast *contrast;
  double layer_norm;

  char *path;                 /* of the file that was written */
  SteerVectorLibrary *source; /* nullable */
} Keeping;

static void
keeping_free (gpointer data)
{
  Keeping *self = data;

  g_free (self->folder);
  g_ptr_array_unref (self->ids);
  steer_made_feature_free (self->made);
  steer_contrast_unref (self->contrast);
  g_free (self->path);
  g_clear_object (&self->source);
  g_free (self);
}

/* The first number that no feature in the folder has: addresses name one feature in whatever layer it is. */
static guint64
find_free_index (const char *folder, GCancellable *cancellable)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  guint64 free_index = 0;
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);
      g_autoptr (SteerMadeFeature) made
        = g_str_has_suffix (name, SUFFIX) ? steer_made_feature_read (path, cancellable, NULL) : NULL;

      if (made != NULL && made->index < G_MAXINT64)
        free_index = MAX (free_index, made->index + 1);
    }
  return free_index;
}

static gboolean
is_taken (const Keeping *self, const char *path, const char *name)
{
  g_autofree char *id = g_strndup (name, strlen (name) - strlen (SUFFIX));

  return g_file_test (path, G_FILE_TEST_EXISTS) || g_ptr_array_find_with_equal_func (self->ids, id, g_str_equal, NULL);
}

/* After what it is called, but never the name of another, nor what presets call another source. */
static char *
choose_path (const Keeping *self)
{
  g_autofree char *label
    = g_utf8_substring (self->made->label, 0, MIN (g_utf8_strlen (self->made->label, -1), MAX_STEM_CHARS));

  for (guint n = 1;; n++)
    {
      g_autofree char *numbered = n == 1 ? g_strdup (label) : g_strdup_printf ("%s %u", label, n);
      g_autofree char *name = steer_dialog_make_file_name (numbered, SUFFIX);
      char *path = g_build_filename (self->folder, name, NULL);

      if (!is_taken (self, path, name))
        return path;
      g_free (path);
    }
}

static void
keep_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Keeping *self = data;
  GError *error = NULL;

  if (g_mkdir_with_parents (self->folder, 0700) != 0)
    {
      int code = errno;

      g_task_return_new_error (task, G_FILE_ERROR, (int) g_file_error_from_errno (code), "%s: %s", self->folder,
                               g_strerror (code));
      return;
    }
  self->made->index = find_free_index (self->folder, cancellable);
  self->path = choose_path (self);
  if (steer_made_feature_write (self->made, self->contrast, self->layer_norm, self->path, cancellable, &error))
    self->source = steer_vector_library_open (self->path, cancellable, &error);
  if (self->source != NULL)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

void
steer_workspace_keep_made_async (SteerWorkspace *self,
                                 SteerMadeFeature *made,
                                 SteerContrast *contrast,
                                 double layer_norm,
                                 GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  g_autoptr (GPtrArray) sources = steer_library_list_sources (self->library);
  Keeping *keeping = g_new0 (Keeping, 1);

  keeping->ids = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < sources->len; i++)
    g_ptr_array_add (keeping->ids, g_strdup (steer_vector_source_get_id (g_ptr_array_index (sources, i))));
  keeping->folder = steer_workspace_dup_made_folder (self);
  keeping->made = made;
  keeping->contrast = steer_contrast_ref (contrast);
  keeping->layer_norm = layer_norm;
  g_task_set_source_tag (task, steer_workspace_keep_made_async);
  g_task_set_task_data (task, keeping, keeping_free);
  /* What is written is there, whoever asked for it. */
  g_task_set_check_cancellable (task, FALSE);
  g_task_run_in_thread (task, keep_in_thread);
}

static gboolean
is_listed (SteerWorkspace *self, const char *path)
{
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (self->sources)); i++)
    {
      g_autoptr (SteerSourceEntry) entry = g_list_model_get_item (G_LIST_MODEL (self->sources), i);

      if (g_str_equal (steer_source_entry_get_path (entry), path))
        return TRUE;
    }
  return FALSE;
}

/* A source of the loaded model from now on, without opening the others anew; unless that was done meanwhile. */
static void
take_source (SteerWorkspace *self, const Keeping *keeping)
{
  g_autoptr (SteerSourceEntry) entry = steer_source_entry_new_made (keeping->path);
  SteerModel *model = steer_engine_get_model (self->engine);
  SteerVectorSource *source = STEER_VECTOR_SOURCE (keeping->source);
  g_autoptr (GError) error = NULL;

  if (is_listed (self, keeping->path))
    return;
  steer_source_entry_set_source (entry, source);
  if (model != NULL
      && steer_vector_source_check_model (source, steer_model_get_config (model)->d_model,
                                          steer_model_get_config (model)->n_layers, &error))
    steer_library_add (self->library, source);
  else
    steer_source_entry_set_error (entry, error != NULL ? error->message : _ ("no model is loaded"));
  g_list_store_append (self->sources, entry);
}

SteerFeature *
steer_workspace_keep_made_finish (SteerWorkspace *self, GAsyncResult *result, GError **error)
{
  Keeping *keeping;
  SteerFeature *feature;

  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  if (!g_task_propagate_boolean (G_TASK (result), error))
    return NULL;
  keeping = g_task_get_task_data (G_TASK (result));
  take_source (self, keeping);
  feature = steer_feature_new (keeping->made->layer, keeping->made->index);
  steer_feature_set_source (feature, steer_vector_source_get_id (STEER_VECTOR_SOURCE (keeping->source)));
  steer_library_describe (self->library, feature);
  steer_feature_set_strength (feature, keeping->made->strength);
  return feature;
}

gboolean
steer_workspace_is_made (SteerWorkspace *self, const char *path)
{
  g_autofree char *folder = steer_workspace_dup_made_folder (self);
  g_autofree char *parent = g_path_get_dirname (path);

  return g_str_equal (folder, parent);
}

gboolean
steer_workspace_discard_made (SteerWorkspace *self, const char *path, GError **error)
{
  g_autoptr (GFile) file = g_file_new_for_path (path);

  g_return_val_if_fail (steer_workspace_is_made (self, path), FALSE);

  if (!g_file_trash (file, NULL, NULL) && !g_file_delete (file, NULL, error))
    return FALSE;
  steer_workspace_reopen_sources (self);
  return TRUE;
}
