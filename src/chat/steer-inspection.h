#pragma once

#include "steering/steer-sae.h"
#include "text/steer-tokenizer.h"

#include "steer-engine.h"

G_BEGIN_DECLS

/* A feature that fires on a token. */
typedef struct
{
  SteerSae *sae; /* (transfer none): the inspection's */
  guint32 feature;
  float value; /* above 0: its activation, in units of its SAE */
} SteerActivation;

/* What a feature does over a range of tokens. The text's first token, on which nearly everything fires whatever the
 * text is, counts only where the range holds no other. */
typedef struct
{
  SteerSae *sae; /* (transfer none): the inspection's */
  guint32 feature;
  guint n_tokens;     /* of the range, on which it fires */
  guint peak;         /* the token on which it fires most */
  float largest;      /* activation there */
  double sum;         /* of its activations in the range */
  double specificity; /* largest^2 / sum over the whole text: high for what fires strongly, here, and in few places */
} SteerFiring;

typedef enum
{
  STEER_FIRING_BY_SUM,
  STEER_FIRING_BY_SPECIFICITY,
} SteerFiringOrder;

/**
 * SteerInspection:
 *
 * Which features of some SAEs fire on each token of a text, and what follows from it. Immutable, reference-counted; any
 * thread. Made by steer_engine_inspect_async().
 */
#define STEER_TYPE_INSPECTION (steer_inspection_get_type ())
typedef struct _SteerInspection SteerInspection;

GType steer_inspection_get_type (void);

SteerInspection *steer_inspection_ref (SteerInspection *self);
void steer_inspection_unref (SteerInspection *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerInspection, steer_inspection_unref)

guint steer_inspection_get_n_tokens (SteerInspection *self);
/* [n_tokens] (transfer none) */
const gint32 *steer_inspection_get_tokens (SteerInspection *self);
/* (element-type SteerSae) (transfer none), as they were given. */
GPtrArray *steer_inspection_get_saes (SteerInspection *self);

/* The text of the tokens, special tokens included; "" for a model without a tokenizer. (transfer none) */
const char *steer_inspection_get_text (SteerInspection *self);
/* Which bytes of it token @token brought: *begin up to *end. A token that completes no character has begin = end. */
void steer_inspection_get_place (SteerInspection *self, guint token, gsize *begin, gsize *end);
/* The tokens that touch bytes @begin up to @end of the text. FALSE when there is none. */
gboolean steer_inspection_find_tokens (SteerInspection *self, gsize begin, gsize end, guint *first, guint *n_tokens);
/* The tokens that touch the last occurrence of @needle, such as a message or a selection inside it, in the text. FALSE
 * when it does not occur. *begin: (out) (nullable): the byte it begins at. */
gboolean
steer_inspection_find_text (SteerInspection *self, const char *needle, guint *first, guint *n_tokens, gsize *begin);

/* Mean norm of the residual stream behind the SAE's layer over the text, its first token left out where there is
 * another. 0 for an SAE that is not among them. */
double steer_inspection_get_norm (SteerInspection *self, SteerSae *sae);

/* The @n_top features that fire most strongly on a token, strongest first. @sae: (nullable): of that one only.
 * (transfer full) (element-type SteerActivation) */
GArray *steer_inspection_list_token (SteerInspection *self, guint token, SteerSae *sae, guint n_top);

/* The activation of one feature on a token; 0 where it does not fire. */
float steer_inspection_get_value (SteerInspection *self, guint token, SteerSae *sae, guint32 feature);

/* The first @n_top of @order over tokens @first to @first + @n_tokens - 1; n_top 0: all. @sae: (nullable): of that one
 * only. (transfer full) (element-type SteerFiring) */
GArray *steer_inspection_list_firings (SteerInspection *self,
                                       guint first,
                                       guint n_tokens,
                                       SteerSae *sae,
                                       SteerFiringOrder order,
                                       guint n_top);

/* Words around the tokens, from @first to @first + @n_tokens - 1, on which the firing's feature fires, each once, where
 * it fires most first, at most @n_top: (transfer full). Tokens without a word stand for themselves. */
char **
steer_inspection_dup_words (SteerInspection *self, const SteerFiring *firing, guint first, guint n_tokens, guint n_top);

/* A strength in mode add to begin with for a feature that was found by what it does: see steer_suggest_strength().
 * @layer_norm: typical of the layer; 0: that of the text. 0 when the feature has no direction. */
double steer_inspection_suggest_strength (SteerInspection *self, const SteerFiring *firing, double layer_norm);

/**
 * steer_engine_inspect_async:
 * @tokens: [n_tokens], copied
 * @saes: (element-type SteerSae): of layers and of the width of the loaded model, encoders usable
 * @plan: (nullable): under which the tokens are computed
 *
 * Runs the tokens through the model and encodes the residual stream with each SAE, in chunks, on the engine's worker: a
 * reply that is asked for meanwhile waits, and cancelling gives way to it within a chunk. Computes in the last slot, so
 * that with more than one a chat keeps its cache.
 *
 * Errors: STEER_CHAT_ERROR_NO_MODEL, _INVALID (no tokens, a layer the model does not have), STEER_STEERING_ERROR (an
 * SAE that does not fit or cannot encode), STEER_MODEL_ERROR, STEER_TENSOR_ERROR_NO_MEMORY, G_IO_ERROR_CANCELLED.
 */
void steer_engine_inspect_async (SteerEngine *self,
                                 const gint32 *tokens,
                                 guint n_tokens,
                                 GPtrArray *saes,
                                 SteerPlan *plan,
                                 GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer user_data);
SteerInspection *steer_engine_inspect_finish (SteerEngine *self, GAsyncResult *result, GError **error);

/* The prompt of a request as the worker would make it, for steer_engine_inspect_async(): (element-type gint32). Main
 * thread, no waiting. Errors: STEER_CHAT_ERROR_NO_MODEL, _NO_TEXT, STEER_TEXT_ERROR. */
GArray *steer_engine_encode (SteerEngine *self, SteerRequest *request, GError **error);

/**
 * steer_engine_measure_norms_async:
 *
 * Typical norms of the residual stream behind each layer of the loaded model, unsteered: the median over the tokens of
 * English prose that the program brings along, its first token left out. What was measured once is kept in the user's
 * cache folder, and measured again when the model's files change. Errors: STEER_CHAT_ERROR_NO_MODEL, _NO_TEXT,
 * STEER_MODEL_ERROR, G_IO_ERROR_CANCELLED.
 */
void steer_engine_measure_norms_async (SteerEngine *self,
                                       GCancellable *cancellable,
                                       GAsyncReadyCallback callback,
                                       gpointer user_data);
/* (transfer full) (element-type double), [n_layers] */
GArray *steer_engine_measure_norms_finish (SteerEngine *self, GAsyncResult *result, GError **error);

G_END_DECLS
