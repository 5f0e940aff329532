#pragma once

#include "steer-reply.h"

G_BEGIN_DECLS

/* From step on, this plan. */
typedef struct
{
  guint step;
  SteerPlan *plan; /* nullable */
} SteerScheduledPlan;

typedef struct
{
  SteerRole role;
  gsize content; /* where it begins in the request's contents; it ends with a NUL */
} SteerRequestMessage;

/* Written by the maker before it is handed over, then only read. */
struct _SteerRequest
{
  gatomicrefcount ref_count;
  GArray *messages;  /* SteerRequestMessage */
  GString *contents; /* of all messages: a long chat has ten thousand, too many to allocate one by one */
  char *text;        /* nullable */
  GArray *ids;       /* gint32, nullable */
  SteerSampling sampling;
  char **stop_strings; /* nullable */
  SteerLivePlan *live; /* nullable */
  GArray *schedule;    /* SteerScheduledPlan, steps ascending */
  SteerReusePolicy reuse;
  char *date; /* nullable */
  gboolean thinking;
};

/* A text that is @length bytes long. */
void steer_request_add_text (SteerRequest *self, SteerRole role, const char *content, gsize length);

/* What message @index says, until another is added. */
const char *steer_request_get_content (SteerRequest *self, guint index);

/* A copy that later changes to @self do not reach. */
SteerRequest *steer_request_copy (SteerRequest *self);

/* The plan for producing generated token @step; a new reference or NULL. */
SteerPlan *steer_request_dup_plan (SteerRequest *self, guint step);

/* On @context's thread, as is letting go of the last reference. */
SteerReply *steer_reply_new (GMainContext *context, SteerRequest *request);

/* The worker's side of a reply. All thread-safe; what they tell arrives on its context, in order. */
SteerRequest *steer_reply_get_request (SteerReply *self);
GCancellable *steer_reply_get_cancellable (SteerReply *self);

void steer_reply_post_prompt (SteerReply *self, const gint32 *tokens, guint n_tokens, guint n_reused);
void steer_reply_post_prefilled (SteerReply *self, guint n_prefilled);
void steer_reply_post_token (SteerReply *self, gint32 token, const char *text, gsize length, SteerPlan *plan);

/* Ends the reply. @text: what was held back. @error: taken. */
void steer_reply_post_done (SteerReply *self,
                            SteerStopReason reason,
                            const char *text,
                            double prefill_seconds,
                            double decode_seconds,
                            GError *error);

G_END_DECLS
