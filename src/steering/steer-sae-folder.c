#include "steer-sae-folder.h"

#include "steer-sae-private.h"

/* "resid_post/layer_9_width_16k/average_l0_71" is the deepest that is in use. */
#define MAX_DEPTH 3
#define MAX_SAES 256

struct _SteerSaeFolder
{
  GObject parent_instance;

  char *id;
  GPtrArray *saes; /* (element-type SteerSae), ordered by layer */
};

static void steer_sae_folder_source_init (SteerVectorSourceInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (SteerSaeFolder,
                               steer_sae_folder,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (STEER_TYPE_VECTOR_SOURCE, steer_sae_folder_source_init))

static void
steer_sae_folder_finalize (GObject *object)
{
  SteerSaeFolder *self = STEER_SAE_FOLDER (object);

  g_ptr_array_unref (self->saes);
  g_free (self->id);
  G_OBJECT_CLASS (steer_sae_folder_parent_class)->finalize (object);
}

static void
steer_sae_folder_class_init (SteerSaeFolderClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = steer_sae_folder_finalize;
}

static void
steer_sae_folder_init (SteerSaeFolder *self)
{
  self->saes = g_ptr_array_new_with_free_func (g_object_unref);
}

/* Appends the folders in and below @path that hold an SAE. */
static void
find_folders (const char *path, guint depth, GPtrArray *found)
{
  g_autofree char *weights = steer_sae_find_weights (path);
  g_autoptr (GDir) dir = NULL;
  const char *name;

  if (weights != NULL)
    {
      g_ptr_array_add (found, g_strdup (path));
      return;
    }
  dir = depth < MAX_DEPTH ? g_dir_open (path, 0, NULL) : NULL;
  while (dir != NULL && found->len <= MAX_SAES && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      if (g_file_test (child, G_FILE_TEST_IS_DIR))
        find_folders (child, depth + 1, found);
    }
}

static int
compare_layers (gconstpointer a, gconstpointer b)
{
  guint x = steer_sae_get_layer (*(SteerSae *const *) a);
  guint y = steer_sae_get_layer (*(SteerSae *const *) b);

  return x < y ? -1 : x > y;
}

static gboolean
check_saes (SteerSaeFolder *self, const char *path, GError **error)
{
  for (guint i = 1; i < self->saes->len; i++)
    {
      SteerSae *before = g_ptr_array_index (self->saes, i - 1);
      SteerSae *sae = g_ptr_array_index (self->saes, i);

      if (steer_sae_get_layer (before) == steer_sae_get_layer (sae))
        {
          g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID,
                       "%s: there are several SAEs of layer %u in this folder (%s and %s): name the one you want", path,
                       steer_sae_get_layer (sae), steer_sae_get_path (before), steer_sae_get_path (sae));
          return FALSE;
        }
      if (steer_sae_get_d_model (before) != steer_sae_get_d_model (sae))
        {
          g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_MISMATCH,
                       "%s: the SAEs in this folder are for models of different widths, %u and %u: name the one you "
                       "want",
                       path, steer_sae_get_d_model (before), steer_sae_get_d_model (sae));
          return FALSE;
        }
    }
  return TRUE;
}

SteerSaeFolder *
steer_sae_folder_open (const char *path, const SteerSourceHints *hints, GCancellable *cancellable, GError **error)
{
  g_autoptr (SteerSaeFolder) self = g_object_new (STEER_TYPE_SAE_FOLDER, NULL);
  g_autoptr (GPtrArray) folders = g_ptr_array_new_with_free_func (g_free);
  SteerSourceHints own;

  g_return_val_if_fail (path != NULL && hints != NULL, NULL);

  find_folders (path, 0, folders);
  if (folders->len == 0 || folders->len > MAX_SAES)
    {
      g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID,
                   folders->len == 0 ? "%s: there is no SAE in this folder, nor in those below it; name its file"
                                     : "%s: there are too many SAEs below this folder; name the one you want",
                   path);
      return NULL;
    }
  own = *hints;
  /* Each SAE has its own. */
  own.layer = own.fallback_layer = -1;
  own.id = NULL;
  for (guint i = 0; i < folders->len; i++)
    {
      SteerSae *sae = steer_sae_open (g_ptr_array_index (folders, i), &own, cancellable, error);

      if (sae == NULL)
        return NULL;
      g_ptr_array_add (self->saes, sae);
    }
  g_ptr_array_sort (self->saes, compare_layers);
  self->id = hints->id != NULL ? g_strdup (hints->id) : g_path_get_basename (path);
  return check_saes (self, path, error) ? g_steal_pointer (&self) : NULL;
}

GPtrArray *
steer_sae_folder_get_saes (SteerSaeFolder *self)
{
  g_return_val_if_fail (STEER_IS_SAE_FOLDER (self), NULL);
  return self->saes;
}

SteerSae *
steer_sae_find (SteerVectorSource *source, guint layer)
{
  GPtrArray *saes = STEER_IS_SAE_FOLDER (source) ? STEER_SAE_FOLDER (source)->saes : NULL;

  if (STEER_IS_SAE (source))
    return steer_sae_get_layer (STEER_SAE (source)) == layer ? STEER_SAE (source) : NULL;
  for (guint i = 0; saes != NULL && i < saes->len; i++)
    {
      SteerSae *sae = g_ptr_array_index (saes, i);

      if (steer_sae_get_layer (sae) == layer)
        return sae;
    }
  return NULL;
}

static SteerVectorSource *
find_layer (SteerVectorSource *source, guint layer)
{
  return (SteerVectorSource *) steer_sae_find (source, layer);
}

static const char *
get_id (SteerVectorSource *source)
{
  return STEER_SAE_FOLDER (source)->id;
}

static guint
get_d_model (SteerVectorSource *source)
{
  return steer_sae_get_d_model (g_ptr_array_index (STEER_SAE_FOLDER (source)->saes, 0));
}

static gboolean
has_vector (SteerVectorSource *source, guint layer, guint64 index)
{
  SteerVectorSource *sae = find_layer (source, layer);

  return sae != NULL && steer_vector_source_has_vector (sae, layer, index);
}

static GBytes *
load_vector (SteerVectorSource *source, guint layer, guint64 index, GCancellable *cancellable, GError **error)
{
  SteerVectorSource *sae = find_layer (source, layer);

  if (sae != NULL)
    return steer_vector_source_load_vector (sae, layer, index, cancellable, error);
  g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_NOT_FOUND, "%s: there is no SAE of layer %u",
               get_id (source), layer);
  return NULL;
}

static SteerEncoder *
load_encoder (SteerVectorSource *source, guint layer, guint64 index, GCancellable *cancellable, GError **error)
{
  SteerVectorSource *sae = find_layer (source, layer);

  if (sae != NULL)
    return steer_vector_source_load_encoder (sae, layer, index, cancellable, error);
  g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_NOT_FOUND, "%s: there is no SAE of layer %u",
               get_id (source), layer);
  return NULL;
}

static SteerFeatureInfo *
dup_info (SteerVectorSource *source, guint layer, guint64 index)
{
  SteerVectorSource *sae = find_layer (source, layer);

  return sae != NULL ? steer_vector_source_dup_info (sae, layer, index) : NULL;
}

static GPtrArray *
list_infos (SteerVectorSource *source)
{
  SteerSaeFolder *self = STEER_SAE_FOLDER (source);
  GPtrArray *list = g_ptr_array_new_with_free_func ((GDestroyNotify) steer_feature_info_free);

  for (guint i = 0; i < self->saes->len; i++)
    {
      GPtrArray *infos = steer_vector_source_list_infos (g_ptr_array_index (self->saes, i));

      g_ptr_array_extend_and_steal (list, infos);
    }
  return list;
}

static double
get_layer_norm (SteerVectorSource *source, guint layer)
{
  SteerVectorSource *sae = find_layer (source, layer);

  return sae != NULL ? steer_vector_source_get_layer_norm (sae, layer) : 0.0;
}

static void
steer_sae_folder_source_init (SteerVectorSourceInterface *iface)
{
  iface->get_id = get_id;
  iface->get_d_model = get_d_model;
  iface->has_vector = has_vector;
  iface->load_vector = load_vector;
  iface->load_encoder = load_encoder;
  iface->dup_info = dup_info;
  iface->list_infos = list_infos;
  iface->get_layer_norm = get_layer_norm;
}
