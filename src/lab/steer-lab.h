#pragma once

#include "steering/steer-preset.h"

G_BEGIN_DECLS

#define STEER_TYPE_LAB (steer_lab_get_type ())

/**
 * SteerLab:
 *
 * A model to experiment with: one sequence of tokens that is computed piece by piece, under a preset whose features may
 * move between two pieces, with the residual stream in sight and in reach. What a piece needs is done when the call
 * returns; there is no thread and no main loop. It is made for scripts (docs/scripting.md), and all of it can be called
 * through GObject introspection.
 *
 * One thread at a time. Arrays of numbers are GBytes of float32 in the machine's byte order, row after row.
 */
G_DECLARE_FINAL_TYPE (SteerLab, steer_lab, STEER, LAB, GObject)

/**
 * SteerLabHook:
 * @layer: the decoder layer whose output is seen, after steering
 * @position: of the first token, in the sequence
 * @n_tokens: tokens of this call; a long piece comes in several
 * @d_model: the residual stream's width
 * @rows: (type gpointer): address of the residual stream, [@n_tokens, @d_model] float32: what is written there is what
 *   later layers see
 * @data: (closure): what steer_lab_add_hook() was given
 *
 * Called while a piece is computed, layer after layer. It must not compute another, nor add or remove hooks, but may
 * steer_lab_stop() the one there is.
 */
typedef void (*SteerLabHook) (guint layer, guint position, guint n_tokens, guint d_model, gpointer rows, gpointer data);

/**
 * steer_lab_new:
 * @model: a model's directory or GGUF file; one of another computer computes, but cannot be hooked
 * @device: (nullable): "cpu", "cuda:1"; %NULL for the best that is there
 * @n_context: tokens that a sequence may have; 0 for the model's own, at most 8192
 *
 * Opens the model; steer_init() must have been called. Errors: STEER_MODEL_ERROR, STEER_TEXT_ERROR.
 *
 * Returns: (transfer full): the lab
 */
SteerLab *steer_lab_new (const char *model, const char *device, guint n_context, GError **error);

guint steer_lab_get_n_layers (SteerLab *self);
guint steer_lab_get_d_model (SteerLab *self);
guint steer_lab_get_n_vocab (SteerLab *self);
guint steer_lab_get_n_context (SteerLab *self);
/**
 * steer_lab_get_device:
 *
 * Returns: (transfer none): the device's name, for people
 */
const char *steer_lab_get_device (SteerLab *self);

/* --- Text --- */

/**
 * steer_lab_encode:
 * @text: what is no chat
 * @n_tokens: (out): how many there are
 *
 * Token ids, with what the tokenizer begins a document with. Errors: STEER_CHAT_ERROR_NO_TEXT, STEER_TEXT_ERROR.
 *
 * Returns: (transfer full) (array length=n_tokens): the ids
 */
gint32 *steer_lab_encode (SteerLab *self, const char *text, gsize *n_tokens, GError **error);

/**
 * steer_lab_encode_chat:
 * @system: (nullable): a system prompt
 * @turns: (array zero-terminated=1): what was said: the user, the model, the user ...
 * @n_tokens: (out): how many there are
 *
 * The same for a chat, by the model's template, up to where its answer begins.
 *
 * Returns: (transfer full) (array length=n_tokens): the ids
 */
gint32 *
steer_lab_encode_chat (SteerLab *self, const char *system, const char *const *turns, gsize *n_tokens, GError **error);

/**
 * steer_lab_decode:
 * @tokens: (array length=n_tokens): ids
 * @n_tokens: how many there are
 *
 * Their text, special tokens included. Errors: STEER_CHAT_ERROR_NO_TEXT, STEER_TEXT_ERROR_UNKNOWN_TOKEN.
 *
 * Returns: (transfer full): UTF-8
 */
char *steer_lab_decode (SteerLab *self, const gint32 *tokens, gsize n_tokens, GError **error);

/**
 * steer_lab_is_end:
 * @token: an id
 *
 * Returns: whether a reply ends with that token
 */
gboolean steer_lab_is_end (SteerLab *self, gint32 token);

/* --- Steering --- */

/**
 * steer_lab_add_vectors:
 * @path: a file or a folder of SAEs or of steering vectors, of any known form
 * @id: (nullable): what presets call it; else made from the path
 *
 * Where features of presets get their vectors from; those that were added first come first. Errors:
 * STEER_STEERING_ERROR, STEER_TENSOR_ERROR.
 */
gboolean steer_lab_add_vectors (SteerLab *self, const char *path, const char *id, GError **error);

/**
 * steer_lab_load_vector:
 * @layer: a feature's layer
 * @index: and its index
 *
 * The direction that a feature of a preset would steer along. Errors: STEER_STEERING_ERROR_NOT_FOUND.
 *
 * Returns: (transfer full): [d_model], of length 1
 */
GBytes *steer_lab_load_vector (SteerLab *self, guint layer, guint64 index, GError **error);

/**
 * steer_lab_dup_label:
 * @layer: a feature's layer
 * @index: and its index
 *
 * Returns: (transfer full) (nullable): what the feature is called
 */
char *steer_lab_dup_label (SteerLab *self, guint layer, guint64 index);

/**
 * steer_lab_set_preset:
 * @preset: (nullable): features, and how tokens are chosen; %NULL for neither
 *
 * It is looked at anew with every piece: what is changed in it counts from the next one on.
 */
void steer_lab_set_preset (SteerLab *self, SteerPreset *preset);

/**
 * steer_lab_get_preset:
 *
 * Returns: (transfer none) (nullable): the preset in use
 */
SteerPreset *steer_lab_get_preset (SteerLab *self);

/**
 * steer_lab_add_hook:
 * @layer: a decoder layer
 * @hook: (scope notified) (closure data) (destroy destroy): called with the layer's output
 * @data: for @hook
 * @destroy: (nullable): frees @data
 *
 * Hooks of one layer are called in the order in which they were added; each sees what those before it left.
 *
 * Returns: a number for steer_lab_remove_hook(); 0 where there is no such layer
 */
guint steer_lab_add_hook (SteerLab *self, guint layer, SteerLabHook hook, gpointer data, GDestroyNotify destroy);

/**
 * steer_lab_remove_hook:
 * @id: what steer_lab_add_hook() returned
 */
void steer_lab_remove_hook (SteerLab *self, guint id);

/**
 * steer_lab_stop:
 *
 * From a hook: ends the piece that is being computed, whose call fails with G_IO_ERROR_CANCELLED.
 */
void steer_lab_stop (SteerLab *self);

/* --- The sequence --- */

/**
 * steer_lab_set_taps:
 * @layers: (array length=n_layers): decoder layers whose output is kept
 * @n_layers: how many
 *
 * Of each piece from now on, after steering and hooks.
 *
 * Returns: %FALSE where there is no such layer; then nothing changes
 */
gboolean steer_lab_set_taps (SteerLab *self, const guint *layers, gsize n_layers);

/**
 * steer_lab_extend:
 * @tokens: (array length=n_tokens): what comes behind the tokens that are there
 * @n_tokens: at least 1
 * @n_prompt: how many of them, from the first on, are prompt: what a preset that steers only replies leaves alone
 * @all_logits: whether the logits of all of them are wanted, or the last one's alone
 *
 * Computes a piece. Errors: STEER_STEERING_ERROR (a feature of the preset has no vector), STEER_MODEL_ERROR (no such
 * token, no room left), G_IO_ERROR_CANCELLED. After an error the sequence is as it was.
 */
gboolean steer_lab_extend (SteerLab *self,
                           const gint32 *tokens,
                           gsize n_tokens,
                           gsize n_prompt,
                           gboolean all_logits,
                           GError **error);

/**
 * steer_lab_truncate:
 * @n_tokens: how many are kept, from the beginning
 *
 * Forgets the others, and what was kept of the last piece.
 */
void steer_lab_truncate (SteerLab *self, guint n_tokens);

/**
 * steer_lab_get_tokens:
 * @n_tokens: (out): how many there are
 *
 * Returns: (transfer none) (array length=n_tokens): the sequence, until it changes
 */
const gint32 *steer_lab_get_tokens (SteerLab *self, gsize *n_tokens);

/**
 * steer_lab_get_logits:
 *
 * Returns: (transfer full) (nullable): of the last piece: [n, n_vocab], n being 1 or all its tokens
 */
GBytes *steer_lab_get_logits (SteerLab *self);

/**
 * steer_lab_get_residual:
 * @layer: a layer of steer_lab_set_taps()
 *
 * Returns: (transfer full) (nullable): of the last piece: [n_tokens, d_model]
 */
GBytes *steer_lab_get_residual (SteerLab *self, guint layer);

/**
 * steer_lab_encode_features:
 * @layer: a layer of steer_lab_set_taps(), of which a whole SAE was added
 *
 * Which of the SAE's features fire on the tokens of the last piece. Errors: STEER_STEERING_ERROR_NOT_FOUND (no SAE of
 * that layer, or the layer was not tapped), _INVALID (its encoder cannot be used).
 *
 * Returns: (transfer full): of each of them a token of the piece, guint32, a feature, guint32, and its activation,
 *   float32; in order of tokens and then of features
 */
GBytes *steer_lab_encode_features (SteerLab *self, guint layer, GError **error);

/**
 * steer_lab_choose:
 *
 * Chooses the token that follows, from the last piece's last logits, as the preset says, and where it says nothing the
 * model. The same seed and sequence give the same token: in a chat the one that `steer chat` gives.
 *
 * Returns: its id; -1 where nothing was computed
 */
gint32 steer_lab_choose (SteerLab *self);

G_END_DECLS
