#include "steer-lab-private.h"
#include "steering/steer-sae-encode.h"
#include "steering/steer-sae-folder.h"
#include "steering/steer-vector-source-open.h"

/* --- Steering --- */

gboolean
steer_lab_add_vectors (SteerLab *self, const char *path, const char *id, GError **error)
{
  g_autoptr (SteerVectorSource) source = NULL;
  SteerSourceHints hints;

  g_return_val_if_fail (STEER_IS_LAB (self) && path != NULL, FALSE);
  steer_source_hints_init (&hints);
  hints.d_model = self->config->d_model;
  hints.n_layers = self->config->n_layers;
  hints.id = id;
  source = steer_vector_source_open (path, &hints, NULL, error);
  if (source == NULL)
    return FALSE;
  steer_library_add (self->library, source);
  return TRUE;
}

GBytes *
steer_lab_load_vector (SteerLab *self, guint layer, guint64 index, GError **error)
{
  g_return_val_if_fail (STEER_IS_LAB (self), NULL);
  return steer_library_load_vector (self->library, NULL, layer, index, error);
}

void
steer_lab_set_preset (SteerLab *self, SteerPreset *preset)
{
  g_return_if_fail (STEER_IS_LAB (self));
  g_set_object (&self->preset, preset);
}

SteerPreset *
steer_lab_get_preset (SteerLab *self)
{
  g_return_val_if_fail (STEER_IS_LAB (self), NULL);
  return self->preset;
}

char *
steer_lab_dup_label (SteerLab *self, guint layer, guint64 index)
{
  g_autoptr (GPtrArray) sources = NULL;

  g_return_val_if_fail (STEER_IS_LAB (self), NULL);
  sources = steer_library_list_sources (self->library);
  for (guint i = 0; i < sources->len; i++)
    {
      g_autoptr (SteerFeatureInfo) info = steer_vector_source_dup_info (g_ptr_array_index (sources, i), layer, index);

      if (info != NULL && info->label != NULL)
        return g_steal_pointer (&info->label);
    }
  return NULL;
}

/* (transfer none): the SAE of the layer that comes first; NULL where there is none. @sources: all there are. */
static SteerSae *
find_sae (GPtrArray *sources, guint layer)
{
  SteerSae *sae = NULL;

  for (guint i = 0; i < sources->len && sae == NULL; i++)
    sae = steer_sae_find (g_ptr_array_index (sources, i), layer);
  return sae;
}

typedef struct
{
  guint32 token;
  guint32 feature;
  float value;
} Firing;

G_STATIC_ASSERT (sizeof (Firing) == 12);

static GBytes *
list_firings (const SteerSaeCodes *codes, GError **error)
{
  gsize n = codes->begin[codes->n_tokens];
  Firing *firings = g_try_new (Firing, MAX (n, 1));

  if (firings == NULL)
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_NO_MEMORY, "no memory for %" G_GSIZE_FORMAT " features",
                   n);
      return NULL;
    }
  for (guint t = 0; t < codes->n_tokens; t++)
    for (gsize i = codes->begin[t]; i < codes->begin[t + 1]; i++)
      firings[i] = (Firing){ t, codes->active[i].feature, codes->active[i].value };
  return g_bytes_new_take (firings, n * sizeof (Firing));
}

GBytes *
steer_lab_encode_features (SteerLab *self, guint layer, GError **error)
{
  g_autoptr (GPtrArray) sources = NULL;
  g_autoptr (GBytes) residual = NULL;
  g_autoptr (SteerSaeCodes) codes = NULL;
  SteerSae *sae;

  g_return_val_if_fail (STEER_IS_LAB (self), NULL);
  sources = steer_library_list_sources (self->library);
  sae = find_sae (sources, layer);
  residual = steer_lab_get_residual (self, layer);
  if (sae == NULL || residual == NULL)
    {
      g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_NOT_FOUND,
                   sae == NULL ? "none of the vectors that were added is an SAE of layer %u"
                               : "the output of layer %u was not kept: tap it before computing a piece",
                   layer);
      return NULL;
    }
  codes = steer_sae_encode (sae, g_bytes_get_data (residual, NULL), self->n_piece, 0, NULL, NULL, NULL, error);
  return codes != NULL ? list_firings (codes, error) : NULL;
}
