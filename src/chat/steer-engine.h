#pragma once

#include <gio/gio.h>

#include "model/steer-backend.h"
#include "text/steer-chat-template.h"
#include "steer-reply.h"

G_BEGIN_DECLS

typedef enum
{
  STEER_ENGINE_EMPTY,
  STEER_ENGINE_LOADING,
  STEER_ENGINE_READY,
  STEER_ENGINE_BUSY, /* a reply is being written or a request is queued */
} SteerEngineState;

/* How to load a model. Strings are borrowed during the call. */
typedef struct
{
  const char *path;     /* a Hugging Face directory, a GGUF file or an address */
  SteerModel *model;    /* (nullable): what @path leads to, where it is open already */
  const char *device;   /* (nullable): "auto" */
  const char *template; /* (nullable): a family's name that overrides the model's own template */
  SteerContextOptions context;
} SteerLoadOptions;

void steer_load_options_init (SteerLoadOptions *self, const char *path);

#define STEER_TYPE_ENGINE (steer_engine_get_type ())

/**
 * SteerEngine:
 *
 * Owns one worker thread and all model state. Its calls return at once; results arrive on the thread-default main
 * context of whoever made it. Requests are served in order.
 *
 * Properties (read-only, notifying): state (SteerEngineState as int), progress (double 0 .. 1 while loading, and
 * while examples are contrasted), and of the loaded model: model-name, model-path, device-id, device-name (strings,
 * NULL when empty), device-note (string: why a device that would come first is not used, else NULL), n-context (uint).
 *
 * niceness (int 0 .. 19, construct-only): what the worker and all threads it starts add to the process's, see nice(2).
 * On a CPU the model holds every core; a window beside it is painted in time only when its own thread comes first.
 *
 * A device that fails ends the reply with STEER_MODEL_ERROR_DEVICE. The model then goes on on the CPU, by itself. One
 * of another computer is reached again, on the same device, when it is needed next.
 */
G_DECLARE_FINAL_TYPE (SteerEngine, steer_engine, STEER, ENGINE, GObject)

SteerEngine *steer_engine_new (void);

/**
 * steer_engine_load_async:
 *
 * Stops and waits for running replies, then loads. The previous model is kept when opening the new one fails before
 * memory has to be given up. Where both do not fit it is released first, and opened again when the new one fails even
 * so. Cancel within 100 ms.
 * Errors of _finish: STEER_MODEL_ERROR, STEER_TENSOR_ERROR, STEER_TEXT_ERROR (never for a missing tokenizer: such a
 * model serves requests by ids), G_IO_ERROR_CANCELLED.
 */
void steer_engine_load_async (SteerEngine *self,
                              const SteerLoadOptions *options,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer user_data);
gboolean steer_engine_load_finish (SteerEngine *self, GAsyncResult *result, GError **error);

void steer_engine_unload_async (SteerEngine *self,
                                GCancellable *cancellable,
                                GAsyncReadyCallback callback,
                                gpointer user_data);
gboolean steer_engine_unload_finish (SteerEngine *self, GAsyncResult *result, GError **error);

SteerEngineState steer_engine_get_state (SteerEngine *self);

/* NULL when empty. (transfer none), main thread. */
SteerModel *steer_engine_get_model (SteerEngine *self);
SteerTokenizer *steer_engine_get_tokenizer (SteerEngine *self);
SteerChatTemplate *steer_engine_get_template (SteerEngine *self);
/* Why there is no tokenizer or template; NULL when there is. */
const GError *steer_engine_get_text_error (SteerEngine *self);
double steer_engine_get_load_seconds (SteerEngine *self);

/**
 * steer_engine_reply:
 *
 * Starts a reply. Never NULL: a request that cannot be served gives a reply that finishes with an error.
 */
SteerReply *steer_engine_reply (SteerEngine *self, SteerRequest *request);

/**
 * steer_engine_reply_together:
 * @requests: [n_requests], 1 .. the context's n_slots
 * @replies: [n_requests] (out) (transfer full)
 *
 * Replies that are decoded as one batch, each under its own plan: a comparison. Request i uses slot i.
 */
void
steer_engine_reply_together (SteerEngine *self, SteerRequest *const *requests, guint n_requests, SteerReply **replies);

/* The same in the last slots, so that a chat, which has the first, keeps its cache where there are more. */
void
steer_engine_reply_aside (SteerEngine *self, SteerRequest *const *requests, guint n_requests, SteerReply **replies);

/* How many replies the loaded model can write together; 0 when empty. */
guint steer_engine_get_n_slots (SteerEngine *self);

/* Number of tokens the messages of @request take as a prompt, by the worker's rules; for the context gauge. 0 without a
 * tokenizer. In a thread of its own: not behind a reply that is being written. Nobody changes @request until it has
 * ended. It holds no reference to the engine, so its callback gets no source. Once @cancellable is cancelled the result
 * is that error, even of a count that had ended. */
void steer_engine_count_tokens_async (SteerEngine *self,
                                      SteerRequest *request,
                                      GCancellable *cancellable,
                                      GAsyncReadyCallback callback,
                                      gpointer user_data);
/* -1 with an error */
gssize steer_engine_count_tokens_finish (GAsyncResult *result, GError **error);

/**
 * SteerTrace: one forward pass over a list of tokens with everything wanted back; for `steer trace` and for
 * measuring typical norms.
 */
typedef struct
{
  guint n_tokens;
  guint n_vocab;
  guint d_model;
  guint n_layers;  /* tapped */
  guint *layers;   /* [n_layers] */
  gint32 *tokens;  /* [n_tokens] */
  float *logits;   /* [n_tokens, n_vocab]; NULL when not wanted */
  float *residual; /* [n_layers, n_tokens, d_model]: decoder layer outputs after steering */
} SteerTrace;

void steer_trace_free (SteerTrace *trace);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerTrace, steer_trace_free)

void steer_engine_trace_async (SteerEngine *self,
                               const gint32 *tokens,
                               guint n_tokens,
                               const guint *layers,
                               guint n_layers,
                               gboolean want_logits,
                               SteerPlan *plan,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer user_data);
SteerTrace *steer_engine_trace_finish (SteerEngine *self, GAsyncResult *result, GError **error);

G_END_DECLS
