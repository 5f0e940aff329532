/* Which kind of source a path is, and what all kinds share. */

#include "steer-vector-source-open.h"

#include <math.h>
#include <string.h>

#include "steer-sae-folder.h"
#include "steer-sae-private.h"
#include "steer-vector-dict.h"
#include "steer-vector-library.h"

void
steer_source_hints_init (SteerSourceHints *self)
{
  *self = (SteerSourceHints){ .layer = -1, .fallback_layer = -1 };
}

double
steer_normalise (float *vector, guint d_model)
{
  double sum = 0.0;
  double norm;

  for (guint i = 0; i < d_model; i++)
    sum += (double) vector[i] * (double) vector[i];
  norm = sqrt (sum);
  if (!isfinite (norm) || norm == 0.0)
    return 0.0;
  for (guint i = 0; i < d_model; i++)
    vector[i] = (float) ((double) vector[i] / norm);
  return norm;
}

/* Names that are LAYER.INDEX and nothing else. */
static gboolean
is_library (SteerArchive *archive)
{
  guint n = steer_archive_get_n_tensors (archive);

  if (g_strcmp0 (steer_archive_get_metadata (archive, "format"), "steer-vectors") == 0)
    return TRUE;
  for (guint i = 0; i < n; i++)
    {
      const char *name = steer_archive_get_tensor (archive, i)->name;
      const char *dot = strchr (name, '.');

      if (dot == NULL || dot == name || dot[1] == '\0' || strspn (name, "0123456789") != (gsize) (dot - name)
          || strspn (dot + 1, "0123456789") != strlen (dot + 1))
        return FALSE;
    }
  return n > 0;
}

/* A language model has none of the things above, and too many tensors to be a dict of vectors. */
static gboolean
check_not_model (SteerArchive *archive, GError **error)
{
  const char *architecture = steer_archive_get_metadata (archive, "general.architecture");

  if ((architecture == NULL || strcmp (architecture, "controlvector") == 0)
      && steer_archive_find (archive, "model.embed_tokens.weight") == NULL)
    return TRUE;
  g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID,
               "%s: these are the weights of a language model, not vectors that steer one",
               steer_archive_get_path (archive));
  return FALSE;
}

static SteerVectorSource *
open_folder (const char *path, const SteerSourceHints *hints, GCancellable *cancellable, GError **error)
{
  g_autofree char *weights = steer_sae_find_weights (path);

  if (weights != NULL)
    return (SteerVectorSource *) steer_sae_open (path, hints, cancellable, error);
  return (SteerVectorSource *) steer_sae_folder_open (path, hints, cancellable, error);
}

SteerVectorSource *
steer_vector_source_open (const char *path, const SteerSourceHints *hints, GCancellable *cancellable, GError **error)
{
  g_autoptr (SteerArchive) archive = NULL;
  g_autoptr (SteerVectorLibrary) library = NULL;
  SteerSourceHints none;

  g_return_val_if_fail (path != NULL, NULL);
  if (hints == NULL)
    {
      steer_source_hints_init (&none);
      hints = &none;
    }
  if (g_file_test (path, G_FILE_TEST_IS_DIR))
    return open_folder (path, hints, cancellable, error);
  archive = steer_archive_open (path, cancellable, error);
  if (archive == NULL)
    return NULL;
  if (steer_sae_is_sae (archive))
    return (SteerVectorSource *) steer_sae_open (path, hints, cancellable, error);
  if (!check_not_model (archive, error))
    return NULL;
  if (!is_library (archive))
    return (SteerVectorSource *) steer_vector_dict_open (path, hints, cancellable, error);
  library = steer_vector_library_open (path, cancellable, error);
  if (library == NULL
      || !steer_vector_source_check_model (STEER_VECTOR_SOURCE (library), hints->d_model, hints->n_layers, error))
    return NULL;
  if (hints->id != NULL)
    steer_vector_library_set_id (library, hints->id);
  return STEER_VECTOR_SOURCE (g_steal_pointer (&library));
}

static gboolean
check_layer (SteerVectorSource *source, SteerSae *sae, guint n_layers, GError **error)
{
  guint layer = steer_sae_get_layer (sae);

  if (n_layers == 0 || layer < n_layers)
    return TRUE;
  g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_MISMATCH,
               "%s: it was made for layer %u, but the model's layers are 0 to %u: it is for another model",
               steer_vector_source_get_id (source), layer, n_layers - 1);
  return FALSE;
}

static int
compare_paths (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

GPtrArray *
steer_vector_source_list_folder (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  GPtrArray *paths = g_ptr_array_new_with_free_func (g_free);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    if (*name != '.')
      g_ptr_array_add (paths, g_build_filename (folder, name, NULL));
  g_ptr_array_sort (paths, compare_paths);
  return paths;
}

gboolean
steer_vector_source_check_model (SteerVectorSource *self, guint d_model, guint n_layers, GError **error)
{
  guint width;

  g_return_val_if_fail (STEER_IS_VECTOR_SOURCE (self), FALSE);
  width = steer_vector_source_get_d_model (self);
  if (d_model > 0 && width != d_model)
    {
      g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_MISMATCH,
                   "%s: its vectors have %u numbers, but the model's residual stream has %u: they were made for "
                   "another model",
                   steer_vector_source_get_id (self), width, d_model);
      return FALSE;
    }
  if (STEER_IS_SAE (self))
    return check_layer (self, STEER_SAE (self), n_layers, error);
  for (guint i = 0; STEER_IS_SAE_FOLDER (self) && i < steer_sae_folder_get_saes (STEER_SAE_FOLDER (self))->len; i++)
    if (!check_layer (self, g_ptr_array_index (steer_sae_folder_get_saes (STEER_SAE_FOLDER (self)), i), n_layers,
                      error))
      return FALSE;
  return TRUE;
}
