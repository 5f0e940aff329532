#pragma once

#include "steer-contrast.h"
#include "steer-vector-library.h"

G_BEGIN_DECLS

/* How an example is shown to the model. */
typedef enum
{
  /* As what it answers to the same short request each; to a model without a template: as text. */
  STEER_EXAMPLES_AS_REPLIES,
  /* By itself, after the BOS that the tokenizer adds. */
  STEER_EXAMPLES_AS_TEXT,
} SteerExampleForm;

/* Features that the program numbers itself, when they are made, begin here: no SAE has so many, so that their addresses
 * are nobody else's. */
#define STEER_MADE_FEATURE_FIRST G_GUINT64_CONSTANT (3000000000)

/**
 * SteerMadeFeature:
 *
 * A feature that a person made of examples, as its file keeps it: a library of steering vectors
 * (steer-vector-library.h) with this one vector, and in its metadata `examples.LAYER.INDEX`, a JSON object with the
 * arrays of strings `with` and `without` and `form`, "reply" or "text". So it can be made again, for another model, or
 * of better examples. `model` says which one it was made for.
 */
typedef struct
{
  guint layer;
  guint64 index;
  char *label;     /* owned */
  double strength; /* recommended, in mode add */
  char **with;     /* owned */
  char **without;  /* (nullable) owned */
  SteerExampleForm form;
  char *model; /* (nullable) owned: its name */
} SteerMadeFeature;

void steer_made_feature_free (SteerMadeFeature *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerMadeFeature, steer_made_feature_free)

/**
 * steer_made_feature_write:
 * @contrast: of a model in which layer @self->layer has a direction
 * @layer_norm: typical norm of the layer's residual stream; 0: that of the examples
 * @path: the file to make or replace
 *
 * Errors: STEER_STEERING_ERROR_INVALID (no direction), STEER_TENSOR_ERROR, G_FILE_ERROR, G_IO_ERROR_CANCELLED. Any
 * thread; blocks until the data is on the disk.
 */
gboolean steer_made_feature_write (const SteerMadeFeature *self,
                                   SteerContrast *contrast,
                                   double layer_norm,
                                   const char *path,
                                   GCancellable *cancellable,
                                   GError **error);

/* What a library was made of. Errors: STEER_STEERING_ERROR_INVALID, where it holds no examples or they break the rules.
 */
SteerMadeFeature *steer_made_feature_new_from_library (SteerVectorLibrary *library, GError **error);

/* The same of a file, which errors name; STEER_TENSOR_ERROR, too. Any thread; blocks. */
SteerMadeFeature *steer_made_feature_read (const char *path, GCancellable *cancellable, GError **error);

G_END_DECLS
