#include "steer-lend.h"

#include <string.h>

#include "chat/steer-sampler.h"
#include "steer-remote-files.h"
#include "steer-remote-runs.h"
#include "steer-wire.h"

/* Progress is told at most so often. */
#define PROGRESS_INTERVAL_US (50 * 1000)

typedef struct
{
  SteerWire *wire;
  const SteerLendOptions *options;

  /* What the reading thread and this one share. */
  GCancellable *reading;
  GAsyncQueue *queue; /* SteerWireMessage; one of kind 0 is the end */
  GMutex lock;
  GCancellable *cancellable; /* of the question that is being answered */
  guint32 serial;            /* its serial */
  guint32 cancelled;         /* what has this serial, or one before it, was given up before its turn */
  gint64 heard;              /* monotonic time of the last message, whatever it was */
  GError *broken;            /* nullable: why nothing more is read */

  SteerModel *model;        /* nullable */
  GVariant *files;          /* nullable: what the borrower knows of the model's files */
  SteerContext *context;    /* nullable, as the two that go with it */
  SteerPlanReceiver *plans; /* of this context's borrower */
  SteerSampler *sampler;
  gint64 told_progress; /* monotonic time */
} Lender;

static void
message_free (SteerWireMessage *message)
{
  steer_wire_message_clear (message);
  g_free (message);
}

static void
take_cancel (Lender *self, guint32 serial)
{
  g_mutex_lock (&self->lock);
  if (serial == self->serial)
    g_cancellable_cancel (self->cancellable);
  else
    self->cancelled = MAX (self->cancelled, serial);
  g_mutex_unlock (&self->lock);
}

static void
take_message (Lender *self, SteerWireMessage *message)
{
  g_mutex_lock (&self->lock);
  self->heard = g_get_monotonic_time ();
  g_mutex_unlock (&self->lock);
  if (message->kind == STEER_WIRE_CANCEL)
    take_cancel (self, g_variant_get_uint32 (message->body));
  if (message->kind != STEER_WIRE_CANCEL && message->kind != STEER_WIRE_HERE)
    g_async_queue_push (self->queue, g_memdup2 (message, sizeof *message));
  else
    steer_wire_message_clear (message);
}

/* Reads ahead, so that a question can be given up while it is answered. */
static gpointer
read_messages (gpointer data)
{
  Lender *self = data;
  SteerWireMessage message;
  GError *error = NULL;

  while (steer_wire_receive (self->wire, &message, STEER_WIRE_LARGE, self->reading, &error))
    take_message (self, &message);
  g_mutex_lock (&self->lock);
  self->broken = error;
  g_cancellable_cancel (self->cancellable);
  g_mutex_unlock (&self->lock);
  g_async_queue_push (self->queue, g_new0 (SteerWireMessage, 1));
  return NULL;
}

static gboolean
answer (Lender *self, SteerWireKind kind, GVariant *body, GError **error)
{
  return steer_wire_send (self->wire, kind, self->serial, body, NULL, error);
}

/* @reason: (transfer full). */
static gboolean
answer_failed (Lender *self, GError *reason, GError **error)
{
  gboolean sent = answer (self, STEER_WIRE_FAILED, steer_wire_error_to_variant (reason), error);

  g_error_free (reason);
  return sent;
}

static void
close_context (Lender *self)
{
  g_clear_pointer (&self->context, steer_context_close);
  g_clear_pointer (&self->plans, steer_plan_receiver_free);
  g_clear_pointer (&self->sampler, steer_sampler_free);
}

static void
add_model (const char *path, const char *name, guint64 bytes, gpointer data)
{
  g_autofree char *shown = g_utf8_make_valid (name, -1);

  /* Paths cross the wire as text. */
  if (g_utf8_validate (path, -1, NULL))
    g_variant_builder_add (data, "(sst)", path, shown, bytes);
}

static gboolean
list (Lender *self, GError **error)
{
  g_autoptr (GPtrArray) all = steer_backend_list_devices ();
  GVariantBuilder models, devices;

  g_variant_builder_init (&models, G_VARIANT_TYPE ("a(sst)"));
  self->options->find_models (add_model, &models);
  g_variant_builder_init (&devices, G_VARIANT_TYPE ("a(ssmsttbmsb)"));
  for (guint i = 0; i < all->len; i++)
    {
      const SteerDevice *device = g_ptr_array_index (all, i);

      g_variant_builder_add (&devices, "(ssmsttbmsb)", device->id, device->name, device->driver, device->memory_total,
                             device->memory_free, device->usable, device->why_not, device->absent);
    }
  return answer (self, STEER_WIRE_LISTING,
                 g_variant_new ("(@*@*)", g_variant_builder_end (&models), g_variant_builder_end (&devices)), error);
}

/* An address would lead on to a third computer. */
static char *
find_path (const char *path, GError **error)
{
  if (g_str_has_prefix (path, "~/"))
    return g_build_filename (g_get_home_dir (), path + 2, NULL);
  if (g_path_is_absolute (path))
    return g_strdup (path);
  g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_MISSING,
               "%s: a path begins with / or, in the user's home, with ~/", path);
  return NULL;
}

static gboolean
open_model (Lender *self, const char *wanted, GError **error)
{
  GError *reason = NULL;
  g_autofree char *path = find_path (wanted, &reason);

  close_context (self);
  g_clear_pointer (&self->files, g_variant_unref);
  g_clear_object (&self->model);
  if (path != NULL)
    self->model = steer_model_open (path, self->cancellable, &reason);
  if (self->model != NULL)
    self->files = steer_remote_files_describe (self->model, &reason);
  if (self->files == NULL)
    {
      g_clear_object (&self->model);
      return answer_failed (self, reason, error);
    }
  g_variant_ref_sink (self->files);
  return answer (self, STEER_WIRE_FILES, self->files, error);
}

static gboolean
check_model (Lender *self, GError **reason)
{
  if (self->model != NULL)
    return TRUE;
  g_set_error_literal (reason, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID, "no model was asked for");
  return FALSE;
}

static gboolean
send_head (Lender *self, guint32 index, GError **error)
{
  GError *reason = NULL;
  GVariant *pieces
    = check_model (self, &reason) ? steer_remote_files_read_head (self->model, self->files, index, &reason) : NULL;

  return pieces != NULL ? answer (self, STEER_WIRE_PIECES, pieces, error) : answer_failed (self, reason, error);
}

/* Whoever reads no more is found out by the answer. */
static void
on_progress (double fraction, gpointer data)
{
  Lender *self = data;
  gint64 now = g_get_monotonic_time ();

  if (now - self->told_progress < PROGRESS_INTERVAL_US && fraction < 1.0)
    return;
  self->told_progress = now;
  answer (self, STEER_WIRE_PROGRESS, g_variant_new_double (fraction), NULL);
}

static GVariant *
context_to_variant (const SteerContext *context)
{
  const SteerContextOptions *options = &context->options;

  return g_variant_new ("(ssms(uuuuu)u)", context->device_id, context->device_name != NULL ? context->device_name : "",
                        context->passed_over, options->n_slots, options->n_context, (guint32) options->kv_dtype,
                        options->n_threads, (guint32) options->weight_type, context->chunk);
}

static gboolean
open_context (Lender *self, GVariant *wanted, GError **error)
{
  GError *reason = NULL;
  g_autofree char *device = NULL;
  SteerContextOptions options = { 0 };
  guint32 kv_dtype, weight_type;

  g_variant_get (wanted, "(msuuuuu)", &device, &options.n_slots, &options.n_context, &kv_dtype, &options.n_threads,
                 &weight_type);
  options.kv_dtype = (SteerDtype) MIN (kv_dtype, STEER_N_DTYPES - 1); /* some type that is refused by its name */
  options.weight_type = (SteerDtype) MIN (weight_type, STEER_N_DTYPES - 1);
  close_context (self);
  if (check_model (self, &reason))
    self->context = steer_context_open (self->model, device, &options, on_progress, self, self->cancellable, &reason);
  if (self->context == NULL)
    return answer_failed (self, reason, error);
  self->plans = steer_plan_receiver_new ();
  self->sampler = steer_sampler_new (steer_model_get_config (self->model)->n_vocab);
  return answer (self, STEER_WIRE_OPENED, context_to_variant (self->context), error);
}

/* Where the device does not choose tokens, they are chosen here, so that logits need not cross the wire. */
static gboolean
run (Lender *self, SteerRemoteRuns *runs, GError **reason)
{
  gboolean chosen_here[STEER_MAX_SLOTS] = { FALSE };

  for (guint i = 0; i < runs->n_runs; i++)
    if (runs->runs[i].want == STEER_WANT_TOKEN && !self->context->backend->can_choose)
      {
        chosen_here[i] = TRUE;
        runs->runs[i].want = STEER_WANT_LAST_LOGITS;
      }
  if (!steer_context_forward (self->context, runs->runs, runs->n_runs, self->cancellable, reason))
    return FALSE;
  for (guint i = 0; i < runs->n_runs; i++)
    if (chosen_here[i])
      {
        SteerRun *one = &runs->runs[i];

        one->want = STEER_WANT_TOKEN;
        one->token = steer_sampler_choose (self->sampler, one->sampling, one->logits, one->seen, one->uniform);
      }
  return TRUE;
}

static gboolean
forward (Lender *self, GVariant *body, GError **error)
{
  GError *reason = NULL;
  g_autoptr (GVariant) news = g_variant_get_child_value (body, 0), list = g_variant_get_child_value (body, 1);
  g_auto (SteerRemoteRuns) runs = { 0 };
  const SteerModelConfig *config;

  if (self->context == NULL)
    return answer_failed (
      self, g_error_new_literal (STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID, "the model was not opened"), error);
  config = steer_model_get_config (self->model);
  /* Without the news, nothing that comes later would be understood. */
  if (!steer_plan_receiver_take_news (self->plans, news, error))
    return FALSE;
  if (!steer_remote_runs_read (&runs, list, self->plans, config, self->context->options.n_context, &reason)
      || !run (self, &runs, &reason))
    return answer_failed (self, reason, error);
  return answer (self, STEER_WIRE_RESULTS, steer_remote_runs_results (&runs, config), error);
}

static gboolean
handle (Lender *self, const SteerWireMessage *message, GError **error)
{
  switch (message->kind)
    {
    case STEER_WIRE_LIST:
      return list (self, error);
    case STEER_WIRE_MODEL:
      return open_model (self, g_variant_get_string (message->body, NULL), error);
    case STEER_WIRE_HEAD:
      return send_head (self, g_variant_get_uint32 (message->body), error);
    case STEER_WIRE_OPEN:
      return open_context (self, message->body, error);
    case STEER_WIRE_FORWARD:
      return forward (self, message->body, error);
    case STEER_WIRE_CLOSE:
      close_context (self);
      return answer (self, STEER_WIRE_CLOSED, g_variant_new ("()"), error);
    default:
      g_set_error_literal (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE, "an answer came, and nothing was asked");
      return FALSE;
    }
}

static void
begin_answer (Lender *self, guint32 serial)
{
  g_mutex_lock (&self->lock);
  g_object_unref (self->cancellable);
  self->cancellable = g_cancellable_new ();
  self->serial = serial;
  if (self->cancelled >= serial || self->broken != NULL)
    g_cancellable_cancel (self->cancellable);
  g_mutex_unlock (&self->lock);
}

static gint64
get_silence (const Lender *self)
{
  return self->options->silence_us > 0 ? self->options->silence_us : STEER_WIRE_SILENCE_US;
}

static gboolean
is_silent (Lender *self)
{
  gint64 heard;

  g_mutex_lock (&self->lock);
  heard = self->heard;
  g_mutex_unlock (&self->lock);
  return g_get_monotonic_time () - heard > get_silence (self);
}

/* A borrower that is there says so every now and then; the network may not tell that one has gone. */
static gboolean
answer_all (Lender *self, GError **error)
{
  gboolean works = TRUE, ended = FALSE;

  while (works && !ended)
    {
      guint64 pause = (guint64) MIN (STEER_WIRE_HERE_US, get_silence (self));
      SteerWireMessage *message = g_async_queue_timeout_pop (self->queue, pause);

      if (message == NULL)
        {
          ended = is_silent (self);
          continue;
        }
      begin_answer (self, message->serial);
      ended = message->kind == 0;
      works = ended || handle (self, message, error);
      message_free (message);
    }
  return works;
}

/* What is still being read is given up. */
static void
lender_clear (Lender *self, GThread *reader)
{
  close_context (self);
  g_clear_pointer (&self->files, g_variant_unref);
  g_clear_object (&self->model);
  g_cancellable_cancel (self->reading);
  g_thread_join (reader);
  g_object_unref (self->reading);
  g_object_unref (self->cancellable);
  g_async_queue_unref (self->queue);
  g_clear_error (&self->broken);
  g_mutex_clear (&self->lock);
}

gboolean
steer_lend_run (GInputStream *input, GOutputStream *output, const SteerLendOptions *options, GError **error)
{
  g_autoptr (SteerWire) wire = steer_wire_new (input, output);
  Lender self = { .wire = wire, .options = options };
  GThread *reader;
  gboolean works;

  if (!steer_wire_greet (wire, options->program_version, error))
    return FALSE;
  self.queue = g_async_queue_new_full ((GDestroyNotify) message_free);
  self.reading = g_cancellable_new ();
  self.cancellable = g_cancellable_new ();
  self.heard = g_get_monotonic_time ();
  g_mutex_init (&self.lock);
  reader = g_thread_new ("borrower's messages", read_messages, &self);
  works = answer_all (&self, error);
  g_mutex_lock (&self.lock); /* of one that was silent, something may come at this moment */
  if (works && self.broken != NULL && !g_error_matches (self.broken, G_IO_ERROR, G_IO_ERROR_CLOSED))
    {
      g_propagate_error (error, g_steal_pointer (&self.broken));
      works = FALSE;
    }
  g_mutex_unlock (&self.lock);
  lender_clear (&self, reader);
  return works;
}
