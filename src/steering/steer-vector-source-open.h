#pragma once

#include "steer-vector-source.h"

G_BEGIN_DECLS

/* Which way round a matrix of directions lies, where its shape does not tell. */
typedef enum
{
  STEER_ROWS_UNKNOWN,
  STEER_ROWS_ARE_FEATURES,    /* [n_features, d_model] */
  STEER_ROWS_ARE_LAYERS,      /* [n_layers, d_model]: one vector a layer */
  STEER_COLUMNS_ARE_FEATURES, /* [d_model, n_features] */
} SteerRowMeaning;

/**
 * SteerSourceHints:
 *
 * What a file of vectors may leave open. All zero but both layers = -1 means that nothing is known
 * (steer_source_hints_init()).
 */
typedef struct
{
  guint d_model;        /* of the model; 0: unknown */
  guint n_layers;       /* of the model; 0: unknown */
  int layer;            /* after which the directions apply, whatever the file says; -1: the file, its folder or its
                         * config says so */
  int fallback_layer;   /* where none of them says so; -1: refuse */
  guint k;              /* of a top-k SAE that does not say it; 0: unknown */
  SteerRowMeaning rows; /* of a bare matrix, or of an SAE's decoder that is square */
  const char *id;       /* (nullable): what presets call the source; else made from the path */
} SteerSourceHints;

void steer_source_hints_init (SteerSourceHints *self);

/**
 * steer_vector_source_open:
 * @path: a file, or the folder of an SAE
 * @hints: (nullable): what the file may leave open
 *
 * Opens whatever @path is: a library of steering vectors, an SAE of any of the known formats (steer-sae.h) or the
 * folder it came in, a folder of SAEs of several layers (steer-sae-folder.h), a dict of tensors or a single tensor in
 * safetensors, .pt, .npz or .npy or a control vector in GGUF (steer-vector-dict.h). The file's contents decide, never
 * its name.
 *
 * Errors: STEER_STEERING_ERROR_INVALID (says which hint is missing, where one would help), _MISMATCH (the vectors do
 * not fit the model of the hints), STEER_TENSOR_ERROR, G_IO_ERROR_CANCELLED. Any thread; reads the file's index, and of
 * a dict the vectors.
 */
SteerVectorSource *
steer_vector_source_open (const char *path, const SteerSourceHints *hints, GCancellable *cancellable, GError **error);

/* Paths of what lies in a folder of sources and is not hidden, in order of their names; none where there is no folder.
 * (transfer full) (element-type filename) */
GPtrArray *steer_vector_source_list_folder (const char *folder);

/* Whether the vectors fit a model, so that this can be told before anything is steered. Errors:
 * STEER_STEERING_ERROR_MISMATCH, naming source and numbers. */
gboolean steer_vector_source_check_model (SteerVectorSource *self, guint d_model, guint n_layers, GError **error);

G_END_DECLS
