#pragma once

#include "steer-vector-source.h"

G_BEGIN_DECLS

/**
 * SteerVectorLibrary:
 *
 * A safetensors file of steering vectors: one F32 tensor [d_model] a feature, named `LAYER.INDEX`. `__metadata__`
 * holds `format` = "steer-vectors", `version`, `model`, `d_model`, `layer_norm.L`, and for each feature
 * `label.LAYER.INDEX`, `strength.LAYER.INDEX` (recommended), `min.LAYER.INDEX`, `max.LAYER.INDEX`. All metadata is
 * optional; vectors need not be of unit length in the file. The id is the file's stem unless it is given another.
 *
 * A feature may have its encoder too, for sae-clamp: a tensor [d_model] named `LAYER.INDEX.encoder`, and in the
 * metadata `bias.LAYER.INDEX` (0), `threshold.LAYER.INDEX` (0), `gain.LAYER.INDEX` (1) and `input.LAYER.INDEX`
 * ("plain", "constant-norm" or "layer-norm"; plain): the members of #SteerEncoder.
 */
#define STEER_VECTOR_LIBRARY_ENCODER ".encoder"

#define STEER_TYPE_VECTOR_LIBRARY (steer_vector_library_get_type ())
G_DECLARE_FINAL_TYPE (SteerVectorLibrary, steer_vector_library, STEER, VECTOR_LIBRARY, GObject)

SteerVectorLibrary *steer_vector_library_open (const char *path, GCancellable *cancellable, GError **error);

/* Another name for presets to call it by, before anybody uses it. */
void steer_vector_library_set_id (SteerVectorLibrary *self, const char *id);

/* What the file says beside its vectors; NULL where it says nothing of @key. (transfer none) */
const char *steer_vector_library_get_metadata (SteerVectorLibrary *self, const char *key);

G_END_DECLS
