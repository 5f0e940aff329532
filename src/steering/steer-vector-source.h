#pragma once

#include "steer-encoder.h"

G_BEGIN_DECLS

#define STEER_STEERING_ERROR (steer_steering_error_quark ())

/**
 * SteerSteeringError:
 * @STEER_STEERING_ERROR_INVALID: a preset or vector file breaks its rules; the message names file, line and column
 * @STEER_STEERING_ERROR_NOT_FOUND: a feature that no source covers
 * @STEER_STEERING_ERROR_MISMATCH: vectors of another width, or layers the model does not have
 */
typedef enum
{
  STEER_STEERING_ERROR_INVALID,
  STEER_STEERING_ERROR_NOT_FOUND,
  STEER_STEERING_ERROR_MISMATCH,
} SteerSteeringError;

GQuark steer_steering_error_quark (void);

/* What a source knows of one feature; zero or NULL where it does not know. */
typedef struct
{
  guint layer;
  guint64 index;
  char *label;        /* owned */
  double recommended; /* strength at which the feature was verified; 0: unknown */
  double minimum;     /* useful range; both 0: unknown */
  double maximum;
} SteerFeatureInfo;

SteerFeatureInfo *steer_feature_info_copy (const SteerFeatureInfo *info);
void steer_feature_info_free (SteerFeatureInfo *info);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerFeatureInfo, steer_feature_info_free)

#define STEER_TYPE_VECTOR_SOURCE (steer_vector_source_get_type ())

/**
 * SteerVectorSource:
 *
 * Where unit vectors come from: a vector library, an SAE or several of them, a control vector file, a dict of tensors.
 * Implementations are immutable and may be used from any thread.
 */
G_DECLARE_INTERFACE (SteerVectorSource, steer_vector_source, STEER, VECTOR_SOURCE, GObject)

struct _SteerVectorSourceInterface
{
  GTypeInterface parent;

  const char *(*get_id) (SteerVectorSource *self);
  guint (*get_d_model) (SteerVectorSource *self);
  gboolean (*has_vector) (SteerVectorSource *self, guint layer, guint64 index);
  GBytes *(
    *load_vector) (SteerVectorSource *self, guint layer, guint64 index, GCancellable *cancellable, GError **error);
  SteerEncoder *(
    *load_encoder) (SteerVectorSource *self, guint layer, guint64 index, GCancellable *cancellable, GError **error);
  SteerFeatureInfo *(*dup_info) (SteerVectorSource *self, guint layer, guint64 index);
  GPtrArray *(*list_infos) (SteerVectorSource *self);
  double (*get_layer_norm) (SteerVectorSource *self, guint layer);
};

/* Short name that presets use to say where a feature comes from ("demo"). */
const char *steer_vector_source_get_id (SteerVectorSource *self);
guint steer_vector_source_get_d_model (SteerVectorSource *self);
gboolean steer_vector_source_has_vector (SteerVectorSource *self, guint layer, guint64 index);

/* d_model floats, L2-normalised in float32. May read from disk. Errors: STEER_STEERING_ERROR, STEER_TENSOR_ERROR. */
GBytes *steer_vector_source_load_vector (SteerVectorSource *self,
                                         guint layer,
                                         guint64 index,
                                         GCancellable *cancellable,
                                         GError **error);

/* How the feature's SAE measures its activation. Errors: as above, and STEER_STEERING_ERROR_NOT_FOUND, saying why, when
 * the source does not know or the activation of one feature depends on all others (top-k). */
SteerEncoder *steer_vector_source_load_encoder (SteerVectorSource *self,
                                                guint layer,
                                                guint64 index,
                                                GCancellable *cancellable,
                                                GError **error);

/* NULL when the source knows nothing of it. */
SteerFeatureInfo *steer_vector_source_dup_info (SteerVectorSource *self, guint layer, guint64 index);

/* Every feature that has a label or is listed: (element-type SteerFeatureInfo), ordered by layer and index. */
GPtrArray *steer_vector_source_list_infos (SteerVectorSource *self);

/* Typical norm of the residual stream after @layer as the source recorded it; 0 when unknown. */
double steer_vector_source_get_layer_norm (SteerVectorSource *self, guint layer);

G_END_DECLS
