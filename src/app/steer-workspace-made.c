#include "steer-workspace-made.h"

#include <errno.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <string.h>

#include "steer-dialogs.h"
#include "steer-workspace-private.h"

#define SUFFIX ".safetensors"

/* Of a label, in a file's name: with what stands behind it, also while it is written, a name has at most 255. */
#define MAX_STEM_BYTES 160

/* The group of the draft's file. */
#define DRAFT "Feature"

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

static gboolean
is_number_taken (const char *folder, guint64 index, GCancellable *cancellable)
{
  g_autoptr (GPtrArray) paths = steer_vector_source_list_folder (folder);

  for (guint i = 0; i < paths->len; i++)
    {
      g_autoptr (SteerMadeFeature) made = steer_made_feature_read (g_ptr_array_index (paths, i), cancellable, NULL);

      if (made != NULL && made->index == index)
        return TRUE;
    }
  return FALSE;
}

/* By the second it was made in, so that no number comes twice, and a preset that had one that is deleted does not get
 * another in its place. What the labels' database can name ends at 32 bits. */
static guint64
choose_index (const char *folder, GCancellable *cancellable)
{
  guint64 index = STEER_MADE_FEATURE_FIRST + (guint64) (g_get_real_time () / G_USEC_PER_SEC) % 1000000000;

  while (is_number_taken (folder, index, cancellable))
    index++;
  return index;
}

static gboolean
is_taken (const Keeping *self, const char *path, const char *name)
{
  g_autofree char *id = g_strndup (name, strlen (name) - strlen (SUFFIX));

  return g_file_test (path, G_FILE_TEST_EXISTS) || g_ptr_array_find_with_equal_func (self->ids, id, g_str_equal, NULL);
}

static char *
dup_stem (const char *label)
{
  const char *end = label;

  while (*end != '\0' && g_utf8_next_char (end) - label <= MAX_STEM_BYTES)
    end = g_utf8_next_char (end);
  return g_strndup (label, (gsize) (end - label));
}

/* After what it is called, but never the name of another, nor what presets call another source. */
static char *
choose_path (const Keeping *self)
{
  g_autofree char *label = dup_stem (self->made->label);

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
  self->made->index = choose_index (self->folder, cancellable);
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

/* The position of the entry in the list; G_MAXUINT where there is none. */
static guint
find_entry (SteerWorkspace *self, const char *path)
{
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (self->sources)); i++)
    {
      g_autoptr (SteerSourceEntry) entry = g_list_model_get_item (G_LIST_MODEL (self->sources), i);

      if (g_str_equal (steer_source_entry_get_path (entry), path))
        return i;
    }
  return G_MAXUINT;
}

/* A source of the loaded model from now on, without opening the others anew; unless that was done meanwhile. */
static void
take_source (SteerWorkspace *self, const Keeping *keeping)
{
  g_autoptr (SteerSourceEntry) entry = steer_source_entry_new_made (keeping->path);
  SteerModel *model = steer_engine_get_model (self->engine);
  SteerVectorSource *source = STEER_VECTOR_SOURCE (keeping->source);
  g_autoptr (GError) error = NULL;

  steer_workspace_made_changed (self);
  if (find_entry (self, keeping->path) != G_MAXUINT)
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
  g_autoptr (SteerSourceEntry) entry = NULL;
  guint position;

  g_return_val_if_fail (steer_workspace_is_made (self, path), FALSE);

  if (!g_file_trash (file, NULL, NULL) && !g_file_delete (file, NULL, error))
    return FALSE;
  steer_workspace_made_changed (self);
  position = find_entry (self, path);
  entry = position != G_MAXUINT ? g_list_model_get_item (G_LIST_MODEL (self->sources), position) : NULL;
  if (entry == NULL)
    return TRUE;
  if (steer_source_entry_get_source (entry) != NULL)
    steer_library_remove (self->library, steer_source_entry_get_source (entry));
  g_list_store_remove (self->sources, position);
  steer_workspace_refresh_steering (self);
  return TRUE;
}

static char *
dup_draft_path (SteerWorkspace *self)
{
  return g_build_filename (self->data_dir, "feature-draft", NULL);
}

void
steer_workspace_set_draft (SteerWorkspace *self, const SteerMadeFeature *draft)
{
  g_autofree char *path = dup_draft_path (self);
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *with = NULL, *without = NULL;

  if (draft == NULL)
    {
      g_unlink (path);
      return;
    }
  with = g_strjoinv ("\n", draft->with);
  without = g_strjoinv ("\n", draft->without);
  g_key_file_set_string (file, DRAFT, "name", draft->label);
  g_key_file_set_string (file, DRAFT, "with", with);
  g_key_file_set_string (file, DRAFT, "without", without);
  g_key_file_set_boolean (file, DRAFT, "text", draft->form == STEER_EXAMPLES_AS_TEXT);
  if (!g_key_file_save_to_file (file, path, &error))
    g_message ("%s", error->message);
}

static char **
read_examples (GKeyFile *file, const char *key)
{
  g_autofree char *text = g_key_file_get_string (file, DRAFT, key, NULL);

  return g_strsplit (text != NULL ? text : "", "\n", -1);
}

SteerMadeFeature *
steer_workspace_dup_draft (SteerWorkspace *self)
{
  g_autofree char *path = dup_draft_path (self);
  g_autoptr (GKeyFile) file = g_key_file_new ();
  SteerMadeFeature *draft;

  if (!g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, NULL))
    return NULL;
  draft = g_new0 (SteerMadeFeature, 1);
  draft->label = g_key_file_get_string (file, DRAFT, "name", NULL);
  if (draft->label == NULL)
    draft->label = g_strdup ("");
  draft->with = read_examples (file, "with");
  draft->without = read_examples (file, "without");
  draft->form = g_key_file_get_boolean (file, DRAFT, "text", NULL) ? STEER_EXAMPLES_AS_TEXT : STEER_EXAMPLES_AS_REPLIES;
  return draft;
}
