/* Models by address, and the backend whose forward pass is another computer's. */
#include "steer-remote-model.h"

#include <signal.h>
#include <string.h>

#include "steer-remote-files.h"
#include "steer-remote-runs.h"
#include "steer-remote.h"

/* Bytes of a device's id and name. */
#define MAX_ID 64
#define MAX_NAME 256

/* What a model keeps of its connection. */
#define STEER_TYPE_REMOTE_LINK (steer_remote_link_get_type ())
G_DECLARE_FINAL_TYPE (SteerRemoteLink, steer_remote_link, STEER, REMOTE_LINK, GObject)

struct _SteerRemoteLink
{
  GObject parent_instance;

  SteerRemoteAddress *address;
  GVariant *files; /* STEER_WIRE_FILES: another connection must find the same */
  GMutex lock;
  SteerRemote *idle; /* nullable: a connection that has the model open, and that no context uses */
};

G_DEFINE_FINAL_TYPE (SteerRemoteLink, steer_remote_link, G_TYPE_OBJECT)

static void
steer_remote_link_finalize (GObject *object)
{
  SteerRemoteLink *self = STEER_REMOTE_LINK (object);

  steer_remote_address_free (self->address);
  g_variant_unref (self->files);
  steer_remote_free (self->idle);
  g_mutex_clear (&self->lock);

  G_OBJECT_CLASS (steer_remote_link_parent_class)->finalize (object);
}

static void
steer_remote_link_class_init (SteerRemoteLinkClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = steer_remote_link_finalize;
}

static void
steer_remote_link_init (SteerRemoteLink *self)
{
  g_mutex_init (&self->lock);
}

typedef struct
{
  SteerContext parent;
  SteerRemoteLink *link;
  SteerRemote *remote;
  SteerPlanSender *plans;
} RemoteContext;

/* Asks for a model's files over a new connection. */
static SteerRemote *
connect_to_model (const SteerRemoteAddress *address, GVariant **files, GCancellable *cancellable, GError **error)
{
  g_autoptr (SteerRemote) remote = steer_remote_connect (address, cancellable, error);

  if (remote == NULL)
    return NULL;
  *files = steer_remote_ask (remote, STEER_WIRE_MODEL, g_variant_new_string (address->path), STEER_WIRE_FILES,
                             STEER_WIRE_SMALL, NULL, NULL, cancellable, error);
  return *files != NULL ? g_steal_pointer (&remote) : NULL;
}

typedef struct
{
  SteerRemote *remote;
  GCancellable *cancellable;
} Fetching;

static GVariant *
fetch_head (guint index, gsize max_length, gpointer data, GError **error)
{
  Fetching *fetching = data;

  return steer_remote_ask (fetching->remote, STEER_WIRE_HEAD, g_variant_new_uint32 (index), STEER_WIRE_PIECES,
                           max_length, NULL, NULL, fetching->cancellable, error);
}

/* One for each address, so that what was fetched once is there the next time. */
static char *
dup_folder (const char *address)
{
  g_autofree char *sum = g_compute_checksum_for_string (G_CHECKSUM_SHA256, address, -1);

  return g_build_filename (g_get_user_cache_dir (), "steer-chat", "remote", sum, NULL);
}

static const SteerBackend backend;

static SteerModel *
open_model (const char *text, GCancellable *cancellable, GError **error)
{
  g_autoptr (SteerRemoteAddress) address = steer_remote_address_parse (text, error);
  g_autoptr (SteerRemote) remote = NULL;
  g_autoptr (SteerRemoteLink) link = NULL;
  g_autoptr (GVariant) files = NULL;
  g_autofree char *folder = dup_folder (text), *path = NULL, *name = NULL;
  Fetching fetching = { NULL, cancellable };

  if (address == NULL)
    return NULL;
  if (address->path == NULL)
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID,
                   "%s names no model: `steer info %s` lists those that are there", text, text);
      return NULL;
    }
  fetching.remote = remote = connect_to_model (address, &files, cancellable, error);
  if (remote == NULL)
    return NULL;
  path = steer_remote_files_store (files, folder, fetch_head, &fetching, error);
  if (path == NULL)
    return NULL;

  name = steer_remote_files_dup_name (files);
  link = g_object_new (STEER_TYPE_REMOTE_LINK, NULL);
  link->address = g_steal_pointer (&address);
  link->files = g_steal_pointer (&files);
  link->idle = g_steal_pointer (&remote);
  return steer_model_new_elsewhere (
    &(SteerModelElsewhere){
      .address = text, .name = name, .files = path, .backend = &backend, .link = G_OBJECT (link) },
    cancellable, error);
}

/* The model's own connection; where it is lost or in use, another one to the same files. */
static SteerRemote *
take_connection (SteerRemoteLink *self, GCancellable *cancellable, GError **error)
{
  g_autoptr (SteerRemote) remote = NULL;
  g_autoptr (GVariant) files = NULL;

  g_mutex_lock (&self->lock);
  remote = g_steal_pointer (&self->idle);
  g_mutex_unlock (&self->lock);
  if (remote != NULL && steer_remote_is_alive (remote))
    return g_steal_pointer (&remote);

  g_clear_pointer (&remote, steer_remote_free);
  remote = connect_to_model (self->address, &files, cancellable, error);
  if (remote == NULL || g_variant_equal (files, self->files))
    return g_steal_pointer (&remote);
  g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE,
               "the model on %s is another one than it was: load it again", self->address->host);
  return NULL;
}

static void
give_connection_back (SteerRemoteLink *self, SteerRemote *remote)
{
  g_mutex_lock (&self->lock);
  if (self->idle == NULL && steer_remote_is_alive (remote))
    self->idle = g_steal_pointer (&remote);
  g_mutex_unlock (&self->lock);
  steer_remote_free (remote);
}

/* What a lender can have made of options. */
static gboolean
is_possible (const SteerContextOptions *options, const SteerModelConfig *config)
{
  return options->n_slots >= 1 && options->n_slots <= STEER_MAX_SLOTS && options->n_context >= 1
         && options->n_context <= config->n_context && (guint) options->kv_dtype < STEER_N_DTYPES
         && (guint) options->weight_type < STEER_N_DTYPES;
}

/* @opened: STEER_WIRE_OPENED. */
static SteerContext *
make_context (SteerModel *model, SteerRemote *remote, GVariant *opened, GError **error)
{
  RemoteContext *self = g_new0 (RemoteContext, 1);
  SteerContext *context = &self->parent;
  SteerContextOptions *options = &context->options;
  const char *id, *name, *passed_over;
  guint32 kv_dtype, weight_type;

  g_variant_get (opened, "(&s&sm&s(uuuuu)u)", &id, &name, &passed_over, &options->n_slots, &options->n_context,
                 &kv_dtype, &options->n_threads, &weight_type, &context->chunk);
  options->kv_dtype = (SteerDtype) kv_dtype;
  options->weight_type = (SteerDtype) weight_type;
  context->chunk = MIN (context->chunk, options->n_context);
  context->backend = &backend;
  context->model = g_object_ref (model);
  self->link = STEER_REMOTE_LINK (g_object_ref (steer_model_get_link (model)));
  self->remote = remote;
  self->plans = steer_plan_sender_new ();
  context->passed_over = steer_wire_dup_text (passed_over);
  context->device_id = g_strdup_printf ("%s%.*s", STEER_REMOTE_DEVICE_PREFIX, MAX_ID, id);
  /* Translated nowhere, as devices' names are not. */
  context->device_name = g_strdup_printf ("%.*s on %s", MAX_NAME, name, self->link->address->host);
  if (is_possible (options, steer_model_get_config (model)))
    return context;
  g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE, "%s opened the model in a way that is impossible",
               self->link->address->host);
  steer_context_close (context);
  return NULL;
}

static SteerContext *
open_context (SteerModel *model,
              const char *device_id,
              const SteerContextOptions *options,
              SteerProgressFunc progress,
              gpointer progress_data,
              GCancellable *cancellable,
              GError **error)
{
  SteerRemoteLink *link = STEER_REMOTE_LINK (steer_model_get_link (model));
  g_autoptr (SteerRemote) remote = take_connection (link, cancellable, error);
  g_autoptr (GVariant) opened = NULL;
  g_autoptr (GError) local = NULL;

  if (remote == NULL)
    return NULL;
  if (device_id != NULL && g_str_has_prefix (device_id, STEER_REMOTE_DEVICE_PREFIX))
    device_id += strlen (STEER_REMOTE_DEVICE_PREFIX);
  opened
    = steer_remote_ask (remote, STEER_WIRE_OPEN,
                        g_variant_new ("(msuuuuu)", device_id, options->n_slots, options->n_context,
                                       (guint32) options->kv_dtype, options->n_threads, (guint32) options->weight_type),
                        STEER_WIRE_OPENED, STEER_WIRE_SMALL, progress, progress_data, cancellable, &local);
  if (opened != NULL)
    return make_context (model, g_steal_pointer (&remote), opened, error);
  /* One that was cancelled may be open by now: it ends with its connection. */
  if (!g_error_matches (local, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    give_connection_back (link, g_steal_pointer (&remote));
  g_propagate_error (error, g_steal_pointer (&local));
  return NULL;
}

static void
close_context (SteerContext *context)
{
  RemoteContext *self = (RemoteContext *) context;

  g_autoptr (GVariant) closed = NULL;

  /* Waits, as closing any context does: whoever opens another one finds the memory. */
  if (steer_remote_is_alive (self->remote))
    closed = steer_remote_ask (self->remote, STEER_WIRE_CLOSE, g_variant_new ("()"), STEER_WIRE_CLOSED,
                               STEER_WIRE_SMALL, NULL, NULL, NULL, NULL);
  give_connection_back (self->link, self->remote);
  steer_plan_sender_free (self->plans);
  g_object_unref (self->link);
  g_object_unref (context->model);
  g_free (context->device_id);
  g_free (context->device_name);
  g_free (self);
}

static gboolean
forward (SteerContext *context, SteerRun *runs, guint n_runs, GCancellable *cancellable, GError **error)
{
  RemoteContext *self = (RemoteContext *) context;
  const SteerModelConfig *config = steer_model_get_config (context->model);
  g_autoptr (GVariant) results = NULL;

  for (guint i = 0; i < n_runs; i++)
    if (runs[i].n_hooks > 0)
      {
        g_set_error_literal (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED,
                             "this model computes on another computer, which cannot call hooks here: run the program "
                             "that has them where the model is");
        return FALSE;
      }
  results = steer_remote_ask (
    self->remote, STEER_WIRE_FORWARD, steer_remote_runs_to_variant (self->plans, runs, n_runs, config->n_vocab),
    STEER_WIRE_RESULTS, steer_remote_runs_count_bytes (runs, n_runs, config), NULL, NULL, cancellable, error);
  if (results == NULL)
    return FALSE;
  if (steer_remote_runs_take_results (runs, n_runs, config, results, error))
    return TRUE;
  steer_remote_give_up (self->remote);
  return FALSE;
}

static gboolean
is_lost (SteerContext *context)
{
  return !steer_remote_is_alive (((RemoteContext *) context)->remote);
}

/* Not among the devices of this computer: a model brings it. */
static const SteerBackend backend = {
  .name = "remote",
  .can_choose = TRUE,
  .open = open_context,
  .close = close_context,
  .forward = forward,
  .is_lost = is_lost,
};

void
steer_remote_register (void)
{
  g_type_ensure (STEER_TYPE_REMOTE_LINK);
  /* A connection that ended is noticed by write(). */
  signal (SIGPIPE, SIG_IGN);
  steer_model_register_opener (STEER_REMOTE_SCHEME, open_model);
}
