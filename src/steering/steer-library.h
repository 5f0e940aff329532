#pragma once

#include "steer-feature.h"
#include "steer-vector-source.h"

G_BEGIN_DECLS

/**
 * SteerLibrary:
 *
 * The vector sources that are loaded, in order of preference. A feature that names its source gets it from there;
 * one that names none, from the first source that covers it. Vectors are cached once loaded, so that a slider's
 * move never touches a file. Thread-safe.
 */
#define STEER_TYPE_LIBRARY (steer_library_get_type ())
G_DECLARE_FINAL_TYPE (SteerLibrary, steer_library, STEER, LIBRARY, GObject)

SteerLibrary *steer_library_new (void);

/* Behind the others. A source that is there already stays where it is. */
void steer_library_add (SteerLibrary *self, SteerVectorSource *source);
/* Forgets the source's cached vectors too; plans that hold them keep them. */
void steer_library_remove (SteerLibrary *self, SteerVectorSource *source);
/* (transfer full) (element-type SteerVectorSource) */
GPtrArray *steer_library_list_sources (SteerLibrary *self);

/* @source_id: (nullable). The same GBytes every time while its source stays. Errors: STEER_STEERING_ERROR_NOT_FOUND,
 * naming layer, index and source, and whatever the source itself reports. */
GBytes *
steer_library_load_vector (SteerLibrary *self, const char *source_id, guint layer, guint64 index, GError **error);

/* The same for how an SAE measures the feature; see steer_vector_source_load_encoder(). */
SteerEncoder *
steer_library_load_encoder (SteerLibrary *self, const char *source_id, guint layer, guint64 index, GError **error);

/* Whether loading them would read a file now: a source has them, and they are not cached. @encoder: that of the feature
 * too. */
gboolean
steer_library_would_read (SteerLibrary *self, const char *source_id, guint layer, guint64 index, gboolean encoder);

/* Fills label, recommended, minimum, maximum and layer-norm where the feature has none and a source knows them. Main
 * thread, as the feature is. */
void steer_library_describe (SteerLibrary *self, SteerFeature *feature);

G_END_DECLS
