#include "steer-engine-private.h"
#include "steer-inspection.h"

struct _SteerEngine
{
  GObject parent_instance;

  GMainContext *context;
  GThread *thread;
  int niceness;
  GAsyncQueue *queue;    /* SteerJob */
  GCancellable *leaving; /* for the worker */

  SteerLoaded *loaded; /* nullable */
  guint n_loading;     /* loads asked for and not finished */
  double progress;
  GPtrArray *running; /* SteerReply: not finished */
};

enum
{
  PROP_0,
  PROP_STATE,
  PROP_PROGRESS,
  PROP_MODEL_NAME,
  PROP_MODEL_PATH,
  PROP_DEVICE_ID,
  PROP_DEVICE_NAME,
  PROP_DEVICE_NOTE,
  PROP_N_CONTEXT,
  PROP_NICENESS,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (SteerEngine, steer_engine, G_TYPE_OBJECT)

void
steer_load_options_init (SteerLoadOptions *self, const char *path)
{
  *self = (SteerLoadOptions){ .path = path };
  steer_context_options_init (&self->context);
}

/* Never g_main_context_invoke(): between two iterations of the main loop that would run @function on the worker. */
static void
post (GMainContext *context, GSourceFunc function, gpointer data, GDestroyNotify notify)
{
  g_autoptr (GSource) source = g_idle_source_new ();

  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, function, data, notify);
  g_source_attach (source, context);
}

static gboolean
drop_job (gpointer data)
{
  return G_SOURCE_REMOVE;
}

void
steer_job_drop (SteerWorkerOwner *owner, SteerJob *job)
{
  post (owner->context, drop_job, job, (GDestroyNotify) steer_job_free);
}

void
steer_engine_push (SteerEngine *self, SteerJob *job)
{
  g_async_queue_push (self->queue, job);
}

static void
notify_state (SteerEngine *self)
{
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_STATE]);
}

typedef struct
{
  SteerEngine *engine; /* nullable: gone by the time */
  double fraction;
  SteerLoaded *loaded; /* nullable */
} News;

static void
news_free (gpointer data)
{
  News *news = data;

  g_clear_object (&news->engine);
  g_clear_pointer (&news->loaded, steer_loaded_unref);
  g_free (news);
}

static gboolean
take_progress (gpointer data)
{
  News *news = data;

  if (news->engine != NULL)
    {
      news->engine->progress = news->fraction;
      g_object_notify_by_pspec (G_OBJECT (news->engine), properties[PROP_PROGRESS]);
    }
  return G_SOURCE_REMOVE;
}

static gboolean
take_loaded (gpointer data)
{
  News *news = data;
  SteerEngine *self = news->engine;

  if (self == NULL)
    return G_SOURCE_REMOVE;
  g_clear_pointer (&self->loaded, steer_loaded_unref);
  self->loaded = g_steal_pointer (&news->loaded);
  for (guint i = PROP_MODEL_NAME; i <= PROP_N_CONTEXT; i++)
    g_object_notify_by_pspec (G_OBJECT (self), properties[i]);
  notify_state (self);
  return G_SOURCE_REMOVE;
}

/* The reference is taken on the worker and given back on the main context, so the engine never ends on the worker. */
void
steer_engine_post_progress (SteerWorkerOwner *owner, double fraction)
{
  News *news = g_new0 (News, 1);

  news->engine = g_weak_ref_get (owner->engine);
  news->fraction = fraction;
  post (owner->context, take_progress, news, news_free);
}

void
steer_engine_post_loaded (SteerWorkerOwner *owner, SteerLoaded *loaded)
{
  News *news = g_new0 (News, 1);

  news->engine = g_weak_ref_get (owner->engine);
  news->loaded = loaded != NULL ? steer_loaded_ref (loaded) : NULL;
  post (owner->context, take_loaded, news, news_free);
}

static gboolean
take_load_ended (gpointer data)
{
  News *news = data;

  if (news->engine != NULL)
    {
      news->engine->n_loading--;
      notify_state (news->engine);
    }
  return G_SOURCE_REMOVE;
}

void
steer_engine_post_load_ended (SteerWorkerOwner *owner)
{
  News *news = g_new0 (News, 1);

  news->engine = g_weak_ref_get (owner->engine);
  post (owner->context, take_load_ended, news, news_free);
}

static void
stop_replies (SteerEngine *self)
{
  for (guint i = 0; i < self->running->len; i++)
    steer_reply_stop (g_ptr_array_index (self->running, i));
}

static void
steer_engine_dispose (GObject *object)
{
  SteerEngine *self = STEER_ENGINE (object);

  if (self->thread != NULL)
    {
      stop_replies (self);
      g_cancellable_cancel (self->leaving);
      g_async_queue_push (self->queue, steer_job_new (STEER_JOB_QUIT));
      g_thread_join (g_steal_pointer (&self->thread));
    }
  G_OBJECT_CLASS (steer_engine_parent_class)->dispose (object);
}

static void
steer_engine_finalize (GObject *object)
{
  SteerEngine *self = STEER_ENGINE (object);

  g_clear_pointer (&self->loaded, steer_loaded_unref);
  g_ptr_array_unref (self->running);
  g_async_queue_unref (self->queue);
  g_object_unref (self->leaving);
  g_main_context_unref (self->context);
  G_OBJECT_CLASS (steer_engine_parent_class)->finalize (object);
}

static void
steer_engine_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  SteerEngine *self = STEER_ENGINE (object);

  switch (id)
    {
    case PROP_STATE:
      g_value_set_int (value, (int) steer_engine_get_state (self));
      break;
    case PROP_PROGRESS:
      g_value_set_double (value, self->progress);
      break;
    case PROP_MODEL_NAME:
      g_value_set_string (value, self->loaded != NULL ? steer_model_get_name (self->loaded->model) : NULL);
      break;
    case PROP_MODEL_PATH:
      g_value_set_string (value, self->loaded != NULL ? steer_model_get_path (self->loaded->model) : NULL);
      break;
    case PROP_DEVICE_ID:
      g_value_set_string (value, self->loaded != NULL ? self->loaded->device_id : NULL);
      break;
    case PROP_DEVICE_NAME:
      g_value_set_string (value, self->loaded != NULL ? self->loaded->device_name : NULL);
      break;
    case PROP_DEVICE_NOTE:
      g_value_set_string (value, self->loaded != NULL ? self->loaded->device_note : NULL);
      break;
    case PROP_N_CONTEXT:
      g_value_set_uint (value, self->loaded != NULL ? self->loaded->n_context : 0);
      break;
    case PROP_NICENESS:
      g_value_set_int (value, self->niceness);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
steer_engine_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  SteerEngine *self = STEER_ENGINE (object);

  switch (id)
    {
    case PROP_NICENESS:
      self->niceness = g_value_get_int (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
start_worker (SteerEngine *self)
{
  SteerWorker *worker = g_new0 (SteerWorker, 1);

  worker->queue = g_async_queue_ref (self->queue);
  worker->niceness = self->niceness;
  worker->owner.context = g_main_context_ref (self->context);
  worker->owner.leaving = g_object_ref (self->leaving);
  worker->owner.engine = g_new0 (GWeakRef, 1);
  g_weak_ref_init (worker->owner.engine, self);
  self->thread = g_thread_new ("steer-engine", steer_worker_run, worker);
}

static void
steer_engine_constructed (GObject *object)
{
  G_OBJECT_CLASS (steer_engine_parent_class)->constructed (object);
  start_worker (STEER_ENGINE (object));
}

static void
steer_engine_class_init (SteerEngineClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->constructed = steer_engine_constructed;
  object_class->dispose = steer_engine_dispose;
  object_class->finalize = steer_engine_finalize;
  object_class->get_property = steer_engine_get_property;
  object_class->set_property = steer_engine_set_property;

  properties[PROP_STATE] = g_param_spec_int ("state", NULL, NULL, 0, STEER_ENGINE_BUSY, 0, flags);
  properties[PROP_PROGRESS] = g_param_spec_double ("progress", NULL, NULL, 0, 1, 0, flags);
  properties[PROP_MODEL_NAME] = g_param_spec_string ("model-name", NULL, NULL, NULL, flags);
  properties[PROP_MODEL_PATH] = g_param_spec_string ("model-path", NULL, NULL, NULL, flags);
  properties[PROP_DEVICE_ID] = g_param_spec_string ("device-id", NULL, NULL, NULL, flags);
  properties[PROP_DEVICE_NAME] = g_param_spec_string ("device-name", NULL, NULL, NULL, flags);
  properties[PROP_DEVICE_NOTE] = g_param_spec_string ("device-note", NULL, NULL, NULL, flags);
  properties[PROP_N_CONTEXT] = g_param_spec_uint ("n-context", NULL, NULL, 0, G_MAXUINT, 0, flags);
  properties[PROP_NICENESS] = g_param_spec_int ("niceness", NULL, NULL, 0, 19, 0,
                                                G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
steer_engine_init (SteerEngine *self)
{
  self->context = g_main_context_ref_thread_default ();
  self->queue = g_async_queue_new ();
  self->leaving = g_cancellable_new ();
  self->running = g_ptr_array_new_with_free_func (g_object_unref);
}

SteerEngine *
steer_engine_new (void)
{
  return g_object_new (STEER_TYPE_ENGINE, NULL);
}

void
steer_engine_load_async (SteerEngine *self,
                         const SteerLoadOptions *options,
                         GCancellable *cancellable,
                         GAsyncReadyCallback callback,
                         gpointer user_data)
{
  SteerJob *job;

  g_return_if_fail (STEER_IS_ENGINE (self));

  job = steer_job_new (STEER_JOB_LOAD);
  job->task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (job->task, steer_engine_load_async);
  /* A model that is in use is not told as cancelled, however late the wish to cancel came. */
  g_task_set_check_cancellable (job->task, FALSE);
  job->path = g_strdup (options->path);
  g_set_object (&job->model, options->model);
  job->device = g_strdup (options->device);
  job->template = g_strdup (options->template);
  job->options = options->context;

  self->n_loading++;
  self->progress = 0.0;
  stop_replies (self);
  notify_state (self);
  g_async_queue_push (self->queue, job);
}

gboolean
steer_engine_load_finish (SteerEngine *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  return g_task_propagate_boolean (G_TASK (result), error);
}

void
steer_engine_unload_async (SteerEngine *self,
                           GCancellable *cancellable,
                           GAsyncReadyCallback callback,
                           gpointer user_data)
{
  SteerJob *job;

  g_return_if_fail (STEER_IS_ENGINE (self));

  job = steer_job_new (STEER_JOB_UNLOAD);
  job->task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (job->task, steer_engine_unload_async);
  g_task_set_check_cancellable (job->task, FALSE);
  stop_replies (self);
  g_async_queue_push (self->queue, job);
}

gboolean
steer_engine_unload_finish (SteerEngine *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  return g_task_propagate_boolean (G_TASK (result), error);
}

SteerEngineState
steer_engine_get_state (SteerEngine *self)
{
  g_return_val_if_fail (STEER_IS_ENGINE (self), STEER_ENGINE_EMPTY);

  if (self->n_loading > 0)
    return STEER_ENGINE_LOADING;
  if (self->running->len > 0)
    return STEER_ENGINE_BUSY;
  return self->loaded != NULL ? STEER_ENGINE_READY : STEER_ENGINE_EMPTY;
}

SteerModel *
steer_engine_get_model (SteerEngine *self)
{
  g_return_val_if_fail (STEER_IS_ENGINE (self), NULL);
  return self->loaded != NULL ? self->loaded->model : NULL;
}

SteerTokenizer *
steer_engine_get_tokenizer (SteerEngine *self)
{
  g_return_val_if_fail (STEER_IS_ENGINE (self), NULL);
  return self->loaded != NULL ? self->loaded->text.tokenizer : NULL;
}

SteerChatTemplate *
steer_engine_get_template (SteerEngine *self)
{
  g_return_val_if_fail (STEER_IS_ENGINE (self), NULL);
  return self->loaded != NULL ? self->loaded->text.template : NULL;
}

const GError *
steer_engine_get_text_error (SteerEngine *self)
{
  g_return_val_if_fail (STEER_IS_ENGINE (self), NULL);
  return self->loaded != NULL ? self->loaded->text.problem : NULL;
}

double
steer_engine_get_load_seconds (SteerEngine *self)
{
  g_return_val_if_fail (STEER_IS_ENGINE (self), 0.0);
  return self->loaded != NULL ? self->loaded->load_seconds : 0.0;
}

static void
on_reply_finished (SteerEngine *self, SteerReply *reply)
{
  g_signal_handlers_disconnect_by_func (reply, on_reply_finished, self);
  g_ptr_array_remove (self->running, reply);
  if (self->running->len == 0)
    notify_state (self);
}

SteerReply *
steer_engine_reply (SteerEngine *self, SteerRequest *request)
{
  SteerReply *reply;

  steer_engine_reply_together (self, &request, 1, &reply);
  return reply;
}

static void
push_replies (SteerEngine *self, SteerRequest *const *requests, guint n_requests, gboolean aside, SteerReply **replies)
{
  SteerJob *job = steer_job_new (STEER_JOB_REPLIES);

  job->aside = aside;
  for (guint i = 0; i < n_requests; i++)
    {
      replies[i] = steer_reply_new (self->context, requests[i]);
      job->replies[job->n_replies++] = g_object_ref (replies[i]);
      g_ptr_array_add (self->running, g_object_ref (replies[i]));
      g_signal_connect_object (replies[i], "finished", G_CALLBACK (on_reply_finished), self, G_CONNECT_SWAPPED);
    }
  notify_state (self);
  g_async_queue_push (self->queue, job);
}

void
steer_engine_reply_together (SteerEngine *self, SteerRequest *const *requests, guint n_requests, SteerReply **replies)
{
  g_return_if_fail (STEER_IS_ENGINE (self));
  g_return_if_fail (n_requests >= 1 && n_requests <= STEER_MAX_SLOTS);

  push_replies (self, requests, n_requests, FALSE, replies);
}

void
steer_engine_reply_aside (SteerEngine *self, SteerRequest *const *requests, guint n_requests, SteerReply **replies)
{
  g_return_if_fail (STEER_IS_ENGINE (self));
  g_return_if_fail (n_requests >= 1 && n_requests <= STEER_MAX_SLOTS);

  push_replies (self, requests, n_requests, TRUE, replies);
}

guint
steer_engine_get_n_slots (SteerEngine *self)
{
  g_return_val_if_fail (STEER_IS_ENGINE (self), 0);
  return self->loaded != NULL ? self->loaded->n_slots : 0;
}

GArray *
steer_engine_encode (SteerEngine *self, SteerRequest *request, GError **error)
{
  g_return_val_if_fail (STEER_IS_ENGINE (self), NULL);

  if (self->loaded != NULL)
    return steer_loaded_encode (self->loaded, request, error);
  g_set_error_literal (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_NO_MODEL, "no model is loaded: open one first");
  return NULL;
}

static guint
count_tokens (SteerLoaded *loaded, SteerRequest *request)
{
  g_autoptr (GArray) ids = loaded != NULL ? steer_loaded_encode (loaded, request, NULL) : NULL;

  return ids != NULL ? ids->len : 0;
}

typedef struct
{
  SteerLoaded *loaded; /* nullable */
  SteerRequest *request;
} Count;

static void
count_free (Count *count)
{
  g_clear_pointer (&count->loaded, steer_loaded_unref);
  steer_request_unref (count->request);
  g_free (count);
}

static void
count_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Count *count = data;

  g_task_return_int (task, count_tokens (count->loaded, count->request));
}

void
steer_engine_count_tokens_async (SteerEngine *self,
                                 SteerRequest *request,
                                 GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer user_data)
{
  g_autoptr (GTask) task = NULL;
  Count *count;

  g_return_if_fail (STEER_IS_ENGINE (self));

  task = g_task_new (NULL, cancellable, callback, user_data);
  count = g_new0 (Count, 1);
  count->loaded = self->loaded != NULL ? steer_loaded_ref (self->loaded) : NULL;
  count->request = steer_request_ref (request);
  g_task_set_source_tag (task, steer_engine_count_tokens_async);
  g_task_set_task_data (task, count, (GDestroyNotify) count_free);
  g_task_run_in_thread (task, count_in_thread);
}

gssize
steer_engine_count_tokens_finish (GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, NULL), -1);
  return g_task_propagate_int (G_TASK (result), error);
}

void
steer_engine_trace_async (SteerEngine *self,
                          const gint32 *tokens,
                          guint n_tokens,
                          const guint *layers,
                          guint n_layers,
                          gboolean want_logits,
                          SteerPlan *plan,
                          GCancellable *cancellable,
                          GAsyncReadyCallback callback,
                          gpointer user_data)
{
  SteerJob *job;

  g_return_if_fail (STEER_IS_ENGINE (self));

  job = steer_job_new (STEER_JOB_TRACE);
  job->task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (job->task, steer_engine_trace_async);
  job->tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_array_append_vals (job->tokens, tokens, n_tokens);
  job->layers = g_array_new (FALSE, FALSE, sizeof (guint));
  g_array_append_vals (job->layers, layers, n_layers);
  job->want_logits = want_logits;
  job->plan = plan != NULL ? steer_plan_ref (plan) : NULL;
  g_async_queue_push (self->queue, job);
}

SteerTrace *
steer_engine_trace_finish (SteerEngine *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}
