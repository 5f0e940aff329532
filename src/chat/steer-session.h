#pragma once

#include "model/steer-backend.h"

G_BEGIN_DECLS

/**
 * SteerSession:
 *
 * One mutable timeline of tokens in one slot of a context. It knows what the slot's cache holds and under which plan
 * each position was computed, so that editing, regenerating, branching and a moved slider are only other arguments
 * to steer_session_set_tokens(). Used by the worker thread alone; the context must outlive it.
 */
typedef struct _SteerSession SteerSession;

SteerSession *steer_session_new (SteerContext *context, guint slot);
void steer_session_free (SteerSession *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerSession, steer_session_free)

/* Which token ids are special, for plans that leave them alone: bit set [(n_vocab + 31) / 32], copied. */
void steer_session_set_special (SteerSession *self, const guint32 *special);

/* What is called between the layers of passes from now on, as SteerRun has it; @layers: [@n_layers], not copied. Which
 * cached positions a hook has changed nobody remembers: who uses hooks computes with steer_session_trace_range(), which
 * reuses what it is told to. */
void steer_session_set_hooks (SteerSession *self,
                              const guint *layers,
                              guint n_layers,
                              SteerHookFunc hook,
                              gpointer hook_data);

/**
 * SteerReusePolicy:
 * @STEER_REUSE_SAME_PLAN: cached positions are reused only where they were computed under an equal plan
 * @STEER_REUSE_ANY_PLAN: any cached position of the same tokens is reused, whatever steering it was computed under
 */
typedef enum
{
  STEER_REUSE_SAME_PLAN,
  STEER_REUSE_ANY_PLAN,
} SteerReusePolicy;

/* How the token that follows a timeline is to be chosen; see steer_sampler_choose(). */
typedef struct
{
  const SteerSampling *sampling;
  const guint32 *seen; /* bit set [(n_vocab + 31) / 32] */
  double uniform;
} SteerChoice;

/* One step of one session in a batch. */
typedef struct
{
  SteerSession *session;
  const gint32 *tokens; /* [n_tokens]: the whole timeline */
  guint n_tokens;
  guint n_prompt;  /* tokens[0 .. n_prompt-1] are prompt: what a plan that steers only replies leaves alone */
  SteerPlan *plan; /* (nullable) */
  SteerReusePolicy reuse;
  const SteerChoice *choice; /* (nullable): let the device choose the next token, where it can */
} SteerTimeline;

/* @done, @total: tokens of the prompt that are computed. From the worker thread. */
typedef void (*SteerPrefillFunc) (guint done, guint total, gpointer data);

/**
 * steer_session_set_tokens:
 *
 * Makes each session's cache hold exactly its timeline and computes the logits of its last token, or lets the device
 * choose the token that follows: reuses the longest
 * prefix that the policy allows, computes the rest. Several sessions of one context are computed as one batch where
 * their remaining work is of the same shape (one token each), one after the other else. After an error or a cancel
 * each session holds a valid prefix of its timeline.
 */
gboolean steer_session_set_tokens (const SteerTimeline *timelines,
                                   guint n_timelines,
                                   SteerPrefillFunc progress,
                                   gpointer progress_data,
                                   GCancellable *cancellable,
                                   GError **error);

/* [n_vocab] of the last token; valid until the session's next call. The caller may change them. */
float *steer_session_get_logits (SteerSession *self);

/* The token that the device chose, as the timeline of the last call asked, once. FALSE when it did not choose: then
 * there are logits. */
gboolean steer_session_take_token (SteerSession *self, gint32 *token);

/* Tokens in the cache. */
guint steer_session_get_length (SteerSession *self);

/**
 * steer_session_trace:
 * @layers: [n_layers] decoder layers
 * @logits: (nullable): [n_tokens, n_vocab]
 * @residual: (nullable): [n_layers, n_tokens, d_model], layer outputs after steering
 *
 * Computes the whole timeline anew and keeps what is asked for. Afterwards the cache holds the timeline.
 */
gboolean steer_session_trace (const SteerTimeline *timeline,
                              const guint *layers,
                              guint n_layers,
                              float *logits,
                              float *residual,
                              GCancellable *cancellable,
                              GError **error);

/* The same for tokens @first to @first + @n_tokens - 1, so that a long text needs no more room than a part of it; those
 * before must be in the cache, as the last call left them. Afterwards the cache holds the timeline up to there.
 * @want: nothing, the last token's logits or all; @logits: (nullable): room for them. @residual: of these tokens. */
gboolean steer_session_trace_range (const SteerTimeline *timeline,
                                    guint first,
                                    guint n_tokens,
                                    const guint *layers,
                                    guint n_layers,
                                    SteerWant want,
                                    float *logits,
                                    float *residual,
                                    GCancellable *cancellable,
                                    GError **error);

/* How many leading tokens of the timeline would be reused: for a "recomputing" notice and for tests. */
guint steer_session_count_reusable (const SteerTimeline *timeline);

G_END_DECLS
