#include "steer-download.h"

#include "steer-hub-labels.h"

/* How often an interface is told. */
#define TELL_MS 100
/* Over how long the rate is measured: long enough to be calm, short enough to be true. */
#define RATE_SECONDS 3.0

struct _SteerDownload
{
  GObject parent_instance;

  SteerHubKind kind;
  char *repo_id;
  char *name;

  /* Of a choice. */
  SteerHubClient *client;
  SteerHubRepo *repo;
  const SteerHubChoice *choice; /* of @repo */
  char *revision;

  /* Of labels. */
  char *model;
  char *source;
  char *folder;

  GCancellable *cancellable;

  SteerDownloadState state;
  char *path;
  char *error;

  /* Written by the thread. */
  GMutex mutex;
  guint64 arrived;
  guint64 expected;
  guint64 received;

  guint64 done; /* what was told of these last */
  guint64 total;
  double rate;
  guint64 first; /* how much had been received when the rate began */
  gint64 since;  /* when that was */
  guint tick;
};

enum
{
  PROP_0,
  PROP_REPO_ID,
  PROP_NAME,
  PROP_KIND,
  PROP_STATE,
  PROP_DONE,
  PROP_TOTAL,
  PROP_RATE,
  PROP_PATH,
  PROP_ERROR,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (SteerDownload, steer_download, G_TYPE_OBJECT)

G_DEFINE_ENUM_TYPE (SteerDownloadState,
                    steer_download_state,
                    G_DEFINE_ENUM_VALUE (STEER_DOWNLOAD_RUNNING, "running"),
                    G_DEFINE_ENUM_VALUE (STEER_DOWNLOAD_DONE, "done"),
                    G_DEFINE_ENUM_VALUE (STEER_DOWNLOAD_FAILED, "failed"),
                    G_DEFINE_ENUM_VALUE (STEER_DOWNLOAD_CANCELLED, "cancelled"))

/* --- on the thread --- */

static void
on_progress (guint64 done, guint64 total, guint64 received, gpointer data)
{
  SteerDownload *self = data;

  g_mutex_lock (&self->mutex);
  self->arrived = done;
  self->expected = total;
  self->received = received;
  g_mutex_unlock (&self->mutex);
}

static void
work (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  SteerDownload *self = source;
  GError *error = NULL;
  char *path;

  if (self->kind == STEER_HUB_LABELS)
    {
      SteerHubLabels labels = { NULL, self->model, self->source, self->repo_id, self->name };

      path = steer_hub_fetch_labels (&labels, self->folder, on_progress, self, cancellable, &error);
    }
  else
    path = steer_hub_client_fetch (self->client, self->repo, self->revision, self->choice, on_progress, self,
                                   cancellable, &error);

  if (path != NULL)
    g_task_return_pointer (task, path, g_free);
  else
    g_task_return_error (task, error);
}

/* --- on the main context --- */

static void
measure (SteerDownload *self, guint64 received)
{
  gint64 now = g_get_monotonic_time ();
  double seconds = (double) (now - self->since) / G_USEC_PER_SEC;

  if (self->since == 0 || received < self->first)
    {
      self->since = now;
      self->first = received;
      return;
    }
  if (seconds < 1.0)
    return;
  self->rate = (double) (received - self->first) / seconds;
  if (seconds >= RATE_SECONDS)
    {
      self->since = now;
      self->first = received;
    }
}

static void
tell_progress (SteerDownload *self)
{
  double rate = self->rate;
  guint64 arrived, expected, received;

  g_mutex_lock (&self->mutex);
  arrived = self->arrived;
  expected = self->expected;
  received = self->received;
  g_mutex_unlock (&self->mutex);
  if (received > 0)
    measure (self, received);
  if (expected != self->total)
    {
      self->total = expected;
      g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_TOTAL]);
    }
  if (arrived != self->done)
    {
      self->done = arrived;
      g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_DONE]);
    }
  if (rate != self->rate)
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_RATE]);
}

static gboolean
on_tick (gpointer data)
{
  tell_progress (data);
  return G_SOURCE_CONTINUE;
}

static void
on_worked (GObject *object, GAsyncResult *result, gpointer data)
{
  SteerDownload *self = STEER_DOWNLOAD (object);
  g_autoptr (GError) error = NULL;

  self->path = g_task_propagate_pointer (G_TASK (result), &error);
  g_source_destroy (g_main_context_find_source_by_id (g_main_context_get_thread_default (), self->tick));
  self->tick = 0;
  g_object_freeze_notify (object);
  tell_progress (self);
  self->rate = 0.0;
  if (self->path != NULL)
    self->state = STEER_DOWNLOAD_DONE;
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    self->state = STEER_DOWNLOAD_CANCELLED;
  else
    {
      self->state = STEER_DOWNLOAD_FAILED;
      self->error = g_strdup (error->message);
    }
  g_object_notify_by_pspec (object, properties[PROP_RATE]);
  g_object_notify_by_pspec (object, properties[PROP_PATH]);
  g_object_notify_by_pspec (object, properties[PROP_ERROR]);
  g_object_notify_by_pspec (object, properties[PROP_STATE]);
  g_object_thaw_notify (object);
}

static void
steer_download_finalize (GObject *object)
{
  SteerDownload *self = STEER_DOWNLOAD (object);

  g_free (self->repo_id);
  g_free (self->name);
  g_free (self->model);
  g_free (self->source);
  g_free (self->folder);
  g_clear_pointer (&self->client, steer_hub_client_unref);
  g_clear_pointer (&self->repo, steer_hub_repo_unref);
  g_free (self->revision);
  g_clear_object (&self->cancellable);
  g_free (self->path);
  g_free (self->error);
  g_mutex_clear (&self->mutex);
  G_OBJECT_CLASS (steer_download_parent_class)->finalize (object);
}

static void
steer_download_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  SteerDownload *self = STEER_DOWNLOAD (object);

  switch (id)
    {
    case PROP_REPO_ID:
      g_value_set_string (value, self->repo_id);
      break;
    case PROP_NAME:
      g_value_set_string (value, self->name);
      break;
    case PROP_KIND:
      g_value_set_int (value, (int) self->kind);
      break;
    case PROP_STATE:
      g_value_set_enum (value, (int) self->state);
      break;
    case PROP_DONE:
      g_value_set_uint64 (value, self->done);
      break;
    case PROP_TOTAL:
      g_value_set_uint64 (value, self->total);
      break;
    case PROP_RATE:
      g_value_set_double (value, self->rate);
      break;
    case PROP_PATH:
      g_value_set_string (value, self->path);
      break;
    case PROP_ERROR:
      g_value_set_string (value, self->error);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
steer_download_class_init (SteerDownloadClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  object_class->finalize = steer_download_finalize;
  object_class->get_property = steer_download_get_property;

  properties[PROP_REPO_ID] = g_param_spec_string ("repo-id", NULL, NULL, NULL, flags);
  properties[PROP_NAME] = g_param_spec_string ("name", NULL, NULL, NULL, flags);
  properties[PROP_KIND] = g_param_spec_int ("kind", NULL, NULL, 0, STEER_HUB_LABELS, 0, flags);
  properties[PROP_STATE]
    = g_param_spec_enum ("state", NULL, NULL, STEER_TYPE_DOWNLOAD_STATE, STEER_DOWNLOAD_RUNNING, flags);
  properties[PROP_DONE] = g_param_spec_uint64 ("done", NULL, NULL, 0, G_MAXUINT64, 0, flags);
  properties[PROP_TOTAL] = g_param_spec_uint64 ("total", NULL, NULL, 0, G_MAXUINT64, 0, flags);
  properties[PROP_RATE] = g_param_spec_double ("rate", NULL, NULL, 0, G_MAXDOUBLE, 0, flags);
  properties[PROP_PATH] = g_param_spec_string ("path", NULL, NULL, NULL, flags);
  properties[PROP_ERROR] = g_param_spec_string ("error", NULL, NULL, NULL, flags);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
steer_download_init (SteerDownload *self)
{
  g_mutex_init (&self->mutex);
}

static void
begin (SteerDownload *self)
{
  g_autoptr (GSource) tick = g_timeout_source_new (TELL_MS);
  g_autoptr (GTask) task = NULL;

  g_clear_object (&self->cancellable);
  self->cancellable = g_cancellable_new ();
  self->since = 0;
  g_source_set_callback (tick, on_tick, self, NULL);
  self->tick = g_source_attach (tick, g_main_context_get_thread_default ());
  task = g_task_new (self, self->cancellable, on_worked, NULL);
  g_task_set_check_cancellable (task, FALSE); /* what came before it was cancelled is there */
  g_task_run_in_thread (task, work);
}

SteerDownload *
steer_download_new (SteerHubClient *client, SteerHubRepo *repo, const char *revision, const SteerHubChoice *choice)
{
  SteerDownload *self = g_object_new (STEER_TYPE_DOWNLOAD, NULL);

  self->kind = choice->kind;
  self->repo_id = g_strdup (repo->id);
  self->name = g_strdup (choice->name);
  self->expected = self->total = choice->bytes;
  self->client = steer_hub_client_ref (client);
  self->repo = repo;
  self->revision = g_strdup (revision);
  self->choice = choice;
  begin (self);
  return self;
}

SteerDownload *
steer_download_new_labels (const char *repo_id, const char *name, const char *folder)
{
  g_autofree char *model = NULL, *source = NULL;
  SteerDownload *self;

  if (!steer_hub_guess_labels (repo_id, name, &model, &source))
    return NULL;
  self = g_object_new (STEER_TYPE_DOWNLOAD, NULL);
  self->kind = STEER_HUB_LABELS;
  self->repo_id = g_strdup (repo_id);
  self->name = g_strdup (name);
  self->model = g_steal_pointer (&model);
  self->source = g_steal_pointer (&source);
  self->folder = g_strdup (folder);
  begin (self);
  return self;
}

void
steer_download_restart (SteerDownload *self)
{
  GObject *object = G_OBJECT (self);

  if (self->state == STEER_DOWNLOAD_RUNNING || self->state == STEER_DOWNLOAD_DONE)
    return;
  self->state = STEER_DOWNLOAD_RUNNING;
  g_clear_pointer (&self->error, g_free);
  begin (self);
  g_object_freeze_notify (object);
  g_object_notify_by_pspec (object, properties[PROP_ERROR]);
  g_object_notify_by_pspec (object, properties[PROP_STATE]);
  g_object_thaw_notify (object);
}

void
steer_download_cancel (SteerDownload *self)
{
  g_cancellable_cancel (self->cancellable);
}

SteerDownloadState
steer_download_get_state (SteerDownload *self)
{
  return self->state;
}

SteerHubKind
steer_download_get_kind (SteerDownload *self)
{
  return self->kind;
}

const char *
steer_download_get_repo_id (SteerDownload *self)
{
  return self->repo_id;
}

const char *
steer_download_get_name (SteerDownload *self)
{
  return self->name;
}

const char *
steer_download_get_path (SteerDownload *self)
{
  return self->path;
}

const char *
steer_download_get_error (SteerDownload *self)
{
  return self->error;
}

guint64
steer_download_get_done (SteerDownload *self)
{
  return self->done;
}

guint64
steer_download_get_total (SteerDownload *self)
{
  return self->total;
}

double
steer_download_get_rate (SteerDownload *self)
{
  return self->rate;
}
