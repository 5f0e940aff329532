#pragma once

#include "steer-sae.h"

G_BEGIN_DECLS

#define STEER_TYPE_SAE_FOLDER (steer_sae_folder_get_type ())

/**
 * SteerSaeFolder:
 *
 * A folder with SAEs of several layers, as they are published ("resid_post_layer_7/trainer_1", ...), as one source.
 * Each layer has one SAE; where a folder has several of a layer, the one that is meant must be named itself. Immutable;
 * any thread.
 */
G_DECLARE_FINAL_TYPE (SteerSaeFolder, steer_sae_folder, STEER, SAE_FOLDER, GObject)

/* Errors as steer_vector_source_open(); STEER_STEERING_ERROR_INVALID when there is no SAE, or several of a layer. */
SteerSaeFolder *
steer_sae_folder_open (const char *path, const SteerSourceHints *hints, GCancellable *cancellable, GError **error);

/* (element-type SteerSae) (transfer none), ordered by layer. */
GPtrArray *steer_sae_folder_get_saes (SteerSaeFolder *self);

/* The SAE of a layer that @source is or has; NULL when there is none. (transfer none) */
SteerSae *steer_sae_find (SteerVectorSource *source, guint layer);

G_END_DECLS
