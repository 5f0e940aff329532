#pragma once

#include "steer-sae.h"
#include "tensor/steer-archive.h"

G_BEGIN_DECLS

/**
 * SteerSaeConfig:
 *
 * What is said about an SAE beside its weights: in config.json, cfg.json or hyperparams.json, and as scalars among the
 * tensors of a .pt. Nested keys are joined by dots.
 */
typedef struct
{
  GHashTable *values; /* "trainer.k" -> "64" */
  char *path;         /* (nullable): of the JSON file */
} SteerSaeConfig;

/* Reads the config beside the weights at @path, and the archive's metadata behind it. Errors:
 * STEER_STEERING_ERROR_INVALID for a config that is no JSON. */
gboolean steer_sae_config_read (SteerSaeConfig *self, const char *path, SteerArchive *archive, GError **error);
void steer_sae_config_clear (SteerSaeConfig *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SteerSaeConfig, steer_sae_config_clear)

/* The value of @key at the top, or in one of the objects that the known formats put it in; NULL when there is none. */
const char *steer_sae_config_get (const SteerSaeConfig *self, const char *key);
gboolean steer_sae_config_get_uint (const SteerSaeConfig *self, const char *key, guint64 *value);
gboolean steer_sae_config_get_double (const SteerSaeConfig *self, const char *key, double *value);
/* @fallback where the config does not say. */
gboolean steer_sae_config_get_bool (const SteerSaeConfig *self, const char *key, gboolean fallback);

/* The layer that the config names, or else file and folders; -1 when none does. FALSE when what is named is not the
 * residual stream behind a layer. @file: for messages. */
gboolean steer_sae_find_layer (const SteerSaeConfig *config, const char *file, int *layer, GError **error);

/* Of "layer_20/width_16k/params.npz" 20; -1 when no part of the path names a layer. */
int steer_layer_from_path (const char *path);

/* How the input is scaled before it is encoded. */
typedef enum
{
  STEER_SAE_INPUT_PLAIN,
  STEER_SAE_INPUT_SCALED,        /* times input_scale */
  STEER_SAE_INPUT_CONSTANT_NORM, /* to length sqrt (d_model) */
  STEER_SAE_INPUT_LAYER_NORM,    /* to mean 0 and standard deviation 1 */
} SteerSaeInput;

/* What the decoder's norms do to the pre-activations. */
typedef enum
{
  STEER_SAE_NORMS_UNUSED,
  STEER_SAE_NORMS_GATE,  /* pre * norm is compared with the threshold, pre is the activation */
  STEER_SAE_NORMS_SCALE, /* pre * norm takes the place of pre */
} SteerSaeNorms;

/**
 * SteerSaeWeights:
 *
 * Views of an SAE's tensors, turned so that features are rows whatever the file's order is. Tensors that a format does
 * not have are of dtype F32 with data NULL.
 */
typedef struct
{
  char *format; /* for people */
  guint64 n_features;
  guint d_model;

  SteerTensor decoder;   /* [n_features, d_model] */
  SteerTensor encoder;   /* [n_features, d_model] */
  SteerTensor b_enc;     /* [n_features] */
  SteerTensor b_dec;     /* [d_model] */
  SteerTensor threshold; /* [n_features]: JUMPRELU */
  SteerTensor b_gate;    /* [n_features]: GATED, as are the next two */
  SteerTensor b_mag;     /* [n_features] */
  SteerTensor r_mag;     /* [n_features] */

  SteerSaeActivation activation;
  guint k;                 /* TOPK; else for people */
  double scalar_threshold; /* THRESHOLD */
  gboolean subtract_b_dec; /* from the input */
  SteerSaeInput input;
  double input_scale;
  SteerSaeNorms norms;
  char *encoder_problem; /* (nullable) */
} SteerSaeWeights;

/* Whether the archive holds a decoder under one of the known names. */
gboolean steer_sae_is_sae (SteerArchive *archive);

/* Errors: STEER_STEERING_ERROR_INVALID, _MISMATCH, naming file and tensor. */
gboolean steer_sae_weights_read (SteerSaeWeights *self,
                                 SteerArchive *archive,
                                 const SteerSaeConfig *config,
                                 const SteerSourceHints *hints,
                                 GError **error);
void steer_sae_weights_clear (SteerSaeWeights *self);

/* Sets format, activation and how the input is treated. */
void steer_sae_weights_set_encoder (SteerSaeWeights *self,
                                    const SteerSaeConfig *config,
                                    const SteerSourceHints *hints,
                                    SteerArchive *archive,
                                    const char *decoder_name,
                                    const char *encoder_name,
                                    gboolean encoder_is_transposed);

/* The tensor of that name, or NULL. @prefix is put before it. */
const SteerTensor *steer_sae_find_tensor (SteerArchive *archive, const char *prefix, const char *const *names);

/* The file of an SAE in its folder; NULL when there is none. */
char *steer_sae_find_weights (const char *folder);

/* The same SAE with another encoder, whose data is in @owner (transfer full). */
SteerSae *steer_sae_copy_with_encoder (SteerSae *self, const SteerTensor *encoder, GBytes *owner);

/* For the encoder. */
const SteerSaeWeights *steer_sae_get_weights (SteerSae *self);

/**
 * SteerLabels:
 *
 * The labels of one layer's features.
 */
typedef struct
{
  GPtrArray *infos;  /* (element-type SteerFeatureInfo), ordered by index, one an index */
  double layer_norm; /* 0: unknown */
} SteerLabels;

/* Reads the `labels.jsonl` or `labels.jsonl.gz` in the folder of @path or one of the two above it, where there is one:
 * rows of @layer whose index is below @n_features. */
gboolean steer_labels_read_beside (SteerLabels *self,
                                   const char *path,
                                   guint layer,
                                   guint64 n_features,
                                   GCancellable *cancellable,
                                   GError **error);
void steer_labels_clear (SteerLabels *self);
const SteerFeatureInfo *steer_labels_find (const SteerLabels *self, guint64 index);

/* Divides by the L2 norm, which is returned; 0 when there is no direction: all zero, or not finite. */
double steer_normalise (float *vector, guint d_model);

G_END_DECLS
