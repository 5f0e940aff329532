#include "steer-vector-source.h"

G_DEFINE_QUARK (steer_steering_error_quark, steer_steering_error)

G_DEFINE_INTERFACE (SteerVectorSource, steer_vector_source, G_TYPE_OBJECT)

static void
steer_vector_source_default_init (SteerVectorSourceInterface *iface)
{
}

SteerFeatureInfo *
steer_feature_info_copy (const SteerFeatureInfo *info)
{
  SteerFeatureInfo *copy = g_memdup2 (info, sizeof *info);

  copy->label = g_strdup (info->label);
  return copy;
}

void
steer_feature_info_free (SteerFeatureInfo *info)
{
  if (info == NULL)
    return;
  g_free (info->label);
  g_free (info);
}

const char *
steer_vector_source_get_id (SteerVectorSource *self)
{
  g_return_val_if_fail (STEER_IS_VECTOR_SOURCE (self), NULL);
  return STEER_VECTOR_SOURCE_GET_IFACE (self)->get_id (self);
}

guint
steer_vector_source_get_d_model (SteerVectorSource *self)
{
  g_return_val_if_fail (STEER_IS_VECTOR_SOURCE (self), 0);
  return STEER_VECTOR_SOURCE_GET_IFACE (self)->get_d_model (self);
}

gboolean
steer_vector_source_has_vector (SteerVectorSource *self, guint layer, guint64 index)
{
  g_return_val_if_fail (STEER_IS_VECTOR_SOURCE (self), FALSE);
  return STEER_VECTOR_SOURCE_GET_IFACE (self)->has_vector (self, layer, index);
}

GBytes *
steer_vector_source_load_vector (SteerVectorSource *self,
                                 guint layer,
                                 guint64 index,
                                 GCancellable *cancellable,
                                 GError **error)
{
  g_return_val_if_fail (STEER_IS_VECTOR_SOURCE (self), NULL);
  return STEER_VECTOR_SOURCE_GET_IFACE (self)->load_vector (self, layer, index, cancellable, error);
}

SteerEncoder *
steer_vector_source_load_encoder (SteerVectorSource *self,
                                  guint layer,
                                  guint64 index,
                                  GCancellable *cancellable,
                                  GError **error)
{
  SteerVectorSourceInterface *iface;

  g_return_val_if_fail (STEER_IS_VECTOR_SOURCE (self), NULL);
  iface = STEER_VECTOR_SOURCE_GET_IFACE (self);
  if (iface->load_encoder != NULL)
    return iface->load_encoder (self, layer, index, cancellable, error);
  g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_NOT_FOUND,
               "%s: it has directions and no encoders, so neither sae-clamp nor a condition on an activation can be "
               "used: use clamp, or a projection, or the SAE",
               steer_vector_source_get_id (self));
  return NULL;
}

/* The three below are optional: a source may hold vectors and know nothing about them. */

SteerFeatureInfo *
steer_vector_source_dup_info (SteerVectorSource *self, guint layer, guint64 index)
{
  SteerVectorSourceInterface *iface;

  g_return_val_if_fail (STEER_IS_VECTOR_SOURCE (self), NULL);
  iface = STEER_VECTOR_SOURCE_GET_IFACE (self);
  return iface->dup_info != NULL ? iface->dup_info (self, layer, index) : NULL;
}

GPtrArray *
steer_vector_source_list_infos (SteerVectorSource *self)
{
  SteerVectorSourceInterface *iface;

  g_return_val_if_fail (STEER_IS_VECTOR_SOURCE (self), NULL);
  iface = STEER_VECTOR_SOURCE_GET_IFACE (self);
  if (iface->list_infos == NULL)
    return g_ptr_array_new_with_free_func ((GDestroyNotify) steer_feature_info_free);
  return iface->list_infos (self);
}

double
steer_vector_source_get_layer_norm (SteerVectorSource *self, guint layer)
{
  SteerVectorSourceInterface *iface;

  g_return_val_if_fail (STEER_IS_VECTOR_SOURCE (self), 0.0);
  iface = STEER_VECTOR_SOURCE_GET_IFACE (self);
  return iface->get_layer_norm != NULL ? iface->get_layer_norm (self, layer) : 0.0;
}
