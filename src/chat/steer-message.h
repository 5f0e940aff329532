#pragma once

#include <gio/gio.h>

#include "text/steer-chat-template.h"
#include "steer-reply.h"

G_BEGIN_DECLS

/**
 * SteerTextRun:
 *
 * A stretch of a reply that was written under one set of strengths. `steering` is compact JSON, an array of
 * {"layer","index","label","strength","mode"}; NULL or "[]" means unsteered. Runs cover the text in order.
 */
typedef struct
{
  gsize start;  /* byte offset in the message's text */
  gsize length; /* bytes */
  guint n_tokens;
  char *steering; /* (nullable), owned */
} SteerTextRun;

#define STEER_TYPE_MESSAGE (steer_message_get_type ())

/**
 * SteerMessage:
 *
 * One node of a conversation's tree: a role, its text, and for replies how it came about. Main thread.
 *
 * Properties (notifying): id (int64, 0 until stored), role (int), text (string), complete (boolean: FALSE while a
 * reply is being written), preset-name (string, nullable), n-tokens (uint), tokens-per-second (double),
 * stop-reason (int), n-alternatives, alternative (uint: siblings under the same parent, and which one this is).
 *
 * Signal `appended` (const char *text, SteerTextRun *run): text was added at the end; `text` notifies too.
 */
G_DECLARE_FINAL_TYPE (SteerMessage, steer_message, STEER, MESSAGE, GObject)

gint64 steer_message_get_id (SteerMessage *self);
SteerRole steer_message_get_role (SteerMessage *self);
const char *steer_message_get_text (SteerMessage *self);
gsize steer_message_get_length (SteerMessage *self); /* of the text, in bytes */
/* The text without what was thought before it; where there is nothing else, the thought. Free with g_free(). */
char *steer_message_dup_answer (SteerMessage *self);
gboolean steer_message_get_complete (SteerMessage *self);
const char *steer_message_get_preset_name (SteerMessage *self);
guint steer_message_get_n_tokens (SteerMessage *self);
double steer_message_get_tokens_per_second (SteerMessage *self);
SteerStopReason steer_message_get_stop_reason (SteerMessage *self);
guint64 steer_message_get_seed (SteerMessage *self);
guint steer_message_get_n_alternatives (SteerMessage *self);
guint steer_message_get_alternative (SteerMessage *self);

/* (transfer none) (element-type SteerTextRun): how the strengths changed over the text; empty for typed messages. */
const GArray *steer_message_get_runs (SteerMessage *self);

/* JSON of a plan for a run: [{"layer":15,"index":21576,"label":"...","strength":8.5,"mode":"clamp"}]. Free with
 * g_free(); NULL for an empty plan. */
char *steer_plan_describe (SteerPlan *plan);

G_END_DECLS
