#pragma once

#include <gio/gio.h>

#include "steering/steer-plan.h"
#include "steering/steer-sampling.h"
#include "text/steer-chat-template.h"
#include "steer-chat-error.h"
#include "steer-session.h"

G_BEGIN_DECLS

/**
 * SteerRequest:
 *
 * What a reply is made from. Fill it on the main thread, hand it to the engine, which takes its own references; a
 * request may be reused for another reply (a regenerate with another seed, say).
 */
typedef struct _SteerRequest SteerRequest;

SteerRequest *steer_request_new (void);
SteerRequest *steer_request_ref (SteerRequest *self);
void steer_request_unref (SteerRequest *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerRequest, steer_request_unref)

/* Exactly one source of tokens. Messages go through the chat template with a generation prompt; text is encoded as
 * it stands, with BOS where the tokenizer adds it; ids are taken as they are and need no tokenizer. */
void steer_request_add_message (SteerRequest *self, SteerRole role, const char *content);
void steer_request_set_text (SteerRequest *self, const char *text);
void steer_request_set_ids (SteerRequest *self, const gint32 *ids, guint n_ids);

/* Default: steer_sampling_init()'s. */
void steer_request_set_sampling (SteerRequest *self, const SteerSampling *sampling);

/* The reply ends before the first of these; text that could be the beginning of one is held back. NULL-terminated. */
void steer_request_set_stop_strings (SteerRequest *self, const char *const *stop_strings);

/* (nullable): where the newest plan is found at every decode step. NULL: no steering. */
void steer_request_set_live_plan (SteerRequest *self, SteerLivePlan *live);

/* From generated token @step on (0: the prompt too) the reply is steered by @plan, whatever the live plan says:
 * replays a reply that was changed while it was written. Steps ascend. */
void steer_request_schedule_plan (SteerRequest *self, guint step, SteerPlan *plan);

/* Default STEER_REUSE_SAME_PLAN. */
void steer_request_set_reuse (SteerRequest *self, SteerReusePolicy reuse);

/* (nullable): "26 Jul 2024", for templates with a date. */
void steer_request_set_date (SteerRequest *self, const char *date_string);

/* Default TRUE. FALSE: a model that may leave it does not think before it answers. */
void steer_request_set_thinking (SteerRequest *self, gboolean thinking);

typedef enum
{
  STEER_REPLY_QUEUED,
  STEER_REPLY_PREFILL,
  STEER_REPLY_DECODE,
  STEER_REPLY_DONE, /* whatever the stop reason, an error included */
} SteerReplyState;

typedef enum
{
  STEER_STOP_NONE,    /* still running */
  STEER_STOP_EOS,     /* the model ended its turn */
  STEER_STOP_STRING,  /* a stop string */
  STEER_STOP_LENGTH,  /* max_tokens */
  STEER_STOP_CONTEXT, /* the context is full */
  STEER_STOP_CANCELLED,
  STEER_STOP_ERROR, /* see steer_reply_get_error() */
} SteerStopReason;

/* "eos", "stop", "length", "context", "cancelled", "error"; "" while running. */
const char *steer_stop_reason_get_name (SteerStopReason reason);

/**
 * SteerChunk:
 *
 * Some tokens that were all written under one plan, and the text that became certain with them. Text may lag behind
 * tokens by an incomplete character or a possible stop string. Borrowed: valid during the signal.
 */
typedef struct
{
  const char *text;     /* NUL-terminated UTF-8, possibly empty */
  gsize length;         /* bytes of text */
  guint first_token;    /* index in the reply */
  const gint32 *tokens; /* [n_tokens] */
  guint n_tokens;
  SteerPlan *plan; /* (nullable): in force for these tokens */
} SteerChunk;

#define STEER_TYPE_REPLY (steer_reply_get_type ())

/**
 * SteerReply:
 *
 * A reply while it is written and afterwards. Lives on the main context of its engine's maker; all signals arrive
 * there.
 *
 * Properties (read-only, notifying): state (SteerReplyState as int), n-prompt-tokens, n-prefilled, n-tokens (uint),
 * tokens-per-second (double: decode, over the last second while running, over the whole reply when done).
 *
 * Signals:
 * - chunk (const SteerChunk *): the first token at once, then at most one batch a frame (16 ms); split where the plan
 *   changed.
 * - finished: state is DONE, all text has been emitted. Exactly once.
 */
G_DECLARE_FINAL_TYPE (SteerReply, steer_reply, STEER, REPLY, GObject)

SteerReplyState steer_reply_get_state (SteerReply *self);
SteerStopReason steer_reply_get_stop_reason (SteerReply *self);
/* (nullable) (transfer none), after `finished`. */
const GError *steer_reply_get_error (SteerReply *self);

/* Everything emitted so far. */
const char *steer_reply_get_text (SteerReply *self);
/* (transfer none) [n]: generated tokens emitted so far, the EOS not included. */
const gint32 *steer_reply_get_tokens (SteerReply *self, guint *n_tokens);
const gint32 *steer_reply_get_prompt_tokens (SteerReply *self, guint *n_tokens);

typedef struct
{
  guint n_prompt_tokens;
  guint n_reused_tokens; /* of the prompt, found in the cache */
  guint n_tokens;
  double prefill_seconds;
  double decode_seconds;
} SteerReplyStats;

void steer_reply_get_stats (SteerReply *self, SteerReplyStats *stats);

/* Stops within a token; what was written stays. Safe in any state. */
void steer_reply_stop (SteerReply *self);

G_END_DECLS
