#pragma once

#include "steer-engine.h"
#include "steer-model-text.h"
#include "steer-reply-private.h"
#include "steer-sampler.h"
#include "steer-session.h"

G_BEGIN_DECLS

/* What is known of a loaded model outside the worker: immutable, shared by reference. */
typedef struct
{
  gatomicrefcount ref_count;
  SteerModel *model;
  SteerModelText text;
  char *device_id;
  char *device_name;
  char *device_note; /* nullable: why a device that comes first is not used */
  guint n_context;
  guint n_slots;
  double load_seconds;
} SteerLoaded;

SteerLoaded *steer_loaded_ref (SteerLoaded *self);
void steer_loaded_unref (SteerLoaded *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerLoaded, steer_loaded_unref)

/* The prompt of a request: (element-type gint32). Any thread. */
GArray *steer_loaded_encode (SteerLoaded *self, SteerRequest *request, GError **error);

typedef struct _SteerWorker SteerWorker;

typedef enum
{
  STEER_JOB_LOAD,
  STEER_JOB_UNLOAD,
  STEER_JOB_REPLIES,
  STEER_JOB_TRACE,
  STEER_JOB_INSPECT,
  STEER_JOB_NORMS,
  STEER_JOB_CONTRAST,
  STEER_JOB_SCORE,
  STEER_JOB_QUIT,
} SteerJobKind;

/* One thing for the worker to do; freed by whoever finishes it. */
typedef struct
{
  SteerJobKind kind;

  /* All but REPLIES: returned when the job is done. */
  GTask *task;

  /* LOAD */
  char *path;
  SteerModel *model; /* nullable: what the path leads to, opened already */
  char *device;      /* nullable */
  char *template;    /* nullable */
  SteerContextOptions options;

  /* REPLIES */
  SteerReply *replies[STEER_MAX_SLOTS]; /* [n_replies] */
  guint n_replies;
  gboolean aside; /* in the last slots */

  /* TRACE, INSPECT, SCORE */
  GArray *tokens; /* gint32 */
  GArray *layers; /* guint */
  gboolean want_logits;
  SteerPlan *plan; /* nullable */
  GPtrArray *saes; /* SteerSae; INSPECT */

  /* CONTRAST */
  char **with;
  char **without; /* nullable */
  gboolean as_text;

  /* SCORE */
  guint first_token;
  guint layer;
  GBytes *vector; /* nullable */
} SteerJob;

SteerJob *steer_job_new (SteerJobKind kind);
void steer_job_free (SteerJob *job);

/* Gives the worker a job, which it owns from now on. Main context. */
void steer_engine_push (SteerEngine *self, SteerJob *job);

/* Where the worker sends what the main context must know. */
typedef struct
{
  GMainContext *context;
  GWeakRef *engine;      /* SteerEngine */
  GCancellable *leaving; /* cancelled when the engine ends, which waits for the worker */
} SteerWorkerOwner;

/* Frees @job on the main context: it may hold the last reference of the engine or of a reply. */
void steer_job_drop (SteerWorkerOwner *owner, SteerJob *job);

/* Tell the main context how a load goes on. @loaded NULL: nothing is loaded any more. */
void steer_engine_post_progress (SteerWorkerOwner *owner, double fraction);
void steer_engine_post_loaded (SteerWorkerOwner *owner, SteerLoaded *loaded);
/* To be called before the load's task returns, so that its callback finds the engine in its new state. */
void steer_engine_post_load_ended (SteerWorkerOwner *owner);

/* The worker's state; only its own thread touches it. */
struct _SteerWorker
{
  SteerWorkerOwner owner;
  GAsyncQueue *queue; /* SteerJob */
  int niceness;

  SteerContext *context; /* nullable */
  SteerLoaded *loaded;   /* nullable */
  SteerSession *sessions[STEER_MAX_SLOTS];
  SteerSampler *sampler;
  guint32 *special; /* bit set [(n_vocab + 31) / 32] */
};

/* The thread's function; @data is a SteerWorker that it frees in the end. */
gpointer steer_worker_run (gpointer data);

void steer_worker_load (SteerWorker *self, SteerJob *job);
void steer_worker_unload (SteerWorker *self);

/* steer_context_open() with the worker's progress. Where the device has not got the memory for both models, the one
 * that is loaded gives way, and comes back when the other one does not open even so. */
SteerContext *steer_worker_open (SteerWorker *self,
                                 SteerModel *model,
                                 const char *device,
                                 const SteerContextOptions *options,
                                 GCancellable *cancellable,
                                 GError **error);

/* Makes @context (transfer full) and @loaded what the worker serves with. */
void steer_worker_install (SteerWorker *self, SteerContext *context, SteerLoaded *loaded);

/* After STEER_MODEL_ERROR_DEVICE: the model goes on on the CPU, and the engine's properties say so. A model elsewhere
 * stays as it is, for steer_worker_check_loaded(). */
void steer_worker_leave_device (SteerWorker *self);

/* A context of the same model in the place of one that is lost, which stays where that fails. */
gboolean steer_worker_reopen (SteerWorker *self, GCancellable *cancellable, GError **error);

/* At the beginning of what a model is needed for, and may be cancelled (nullable). FALSE with an error where none is
 * loaded, or where the loaded one is elsewhere, was lost, and cannot be reached again. */
gboolean steer_worker_check_loaded (SteerWorker *self, GCancellable *cancellable, GError **error);

/* @tokens in the slot that a chat uses last, unsteered where @plan is NULL. */
SteerTimeline steer_worker_make_timeline (SteerWorker *self, GArray *tokens, SteerPlan *plan);

/* Room for residual streams, [n_layers, n_tokens, d_model]; NULL with an error where there is none. */
float *steer_worker_allocate_residual (guint n_layers, guint n_tokens, guint d_model, GError **error);

/* Whether the loaded model has all tokens; asked before a timeline is made of them, which looks them up. */
gboolean steer_worker_check_tokens (SteerWorker *self, const GArray *tokens, GError **error);

void steer_worker_inspect (SteerWorker *self, SteerJob *job);
void steer_worker_measure_norms (SteerWorker *self, SteerJob *job);
void steer_worker_contrast (SteerWorker *self, SteerJob *job);
void steer_worker_score (SteerWorker *self, SteerJob *job);
void steer_worker_write_replies (SteerWorker *self, SteerJob *job);

G_END_DECLS
