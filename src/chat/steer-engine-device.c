/* The worker's context on a device: opening it, beside another model or in its place, and what happens when the device
 * is lost. */
#include "steer-engine-private.h"

static void
on_progress (double fraction, gpointer data)
{
  SteerWorker *self = data;

  steer_engine_post_progress (&self->owner, fraction);
}

/* Before anybody else sees @self. */
static void
describe (SteerLoaded *self, const SteerContext *context)
{
  self->device_id = g_strdup (context->device_id);
  self->device_name = g_strdup (context->device_name);
  self->device_note = g_strdup (context->passed_over);
  self->n_context = context->options.n_context;
  self->n_slots = context->options.n_slots;
}

void
steer_worker_install (SteerWorker *self, SteerContext *context, SteerLoaded *loaded)
{
  guint n_vocab = steer_model_get_config (loaded->model)->n_vocab;

  if (loaded->device_id == NULL)
    describe (loaded, context);
  steer_worker_unload (self);
  self->context = context;
  self->loaded = steer_loaded_ref (loaded);
  self->sampler = steer_sampler_new (n_vocab);
  self->special = steer_model_text_find_special (&loaded->text, n_vocab);
  for (guint i = 0; i < context->options.n_slots; i++)
    {
      self->sessions[i] = steer_session_new (context, i);
      steer_session_set_special (self->sessions[i], self->special);
    }
}

void
steer_worker_unload (SteerWorker *self)
{
  for (guint i = 0; i < STEER_MAX_SLOTS; i++)
    g_clear_pointer (&self->sessions[i], steer_session_free);
  g_clear_pointer (&self->sampler, steer_sampler_free);
  g_clear_pointer (&self->special, g_free);
  g_clear_pointer (&self->context, steer_context_close);
  g_clear_pointer (&self->loaded, steer_loaded_unref);
}

/* Gives the device's memory up, opens, and takes the old model back when that fails all the same. */
static SteerContext *
open_instead (SteerWorker *self,
              SteerModel *model,
              const char *device,
              const SteerContextOptions *options,
              GCancellable *cancellable,
              GError **error)
{
  SteerLoaded *previous = steer_loaded_ref (self->loaded);
  SteerContextOptions previous_options = self->context->options;
  SteerContext *context, *again;

  steer_worker_unload (self);
  context = steer_context_open (model, device, options, on_progress, self, cancellable, error);
  if (context == NULL)
    {
      again = steer_context_open (previous->model, previous->device_id, &previous_options, NULL, NULL, NULL, NULL);
      if (again != NULL)
        steer_worker_install (self, again, previous);
      else
        steer_engine_post_loaded (&self->owner, NULL);
    }
  steer_loaded_unref (previous);
  return context;
}

SteerContext *
steer_worker_open (SteerWorker *self,
                   SteerModel *model,
                   const char *device,
                   const SteerContextOptions *options,
                   GCancellable *cancellable,
                   GError **error)
{
  g_autoptr (GError) local = NULL;
  SteerContext *context = steer_context_open (model, device, options, on_progress, self, cancellable, &local);

  if (context != NULL)
    return context;
  /* Both do not fit: the old model goes first. */
  if (self->context != NULL && g_error_matches (local, STEER_MODEL_ERROR, STEER_MODEL_ERROR_NO_MEMORY))
    return open_instead (self, model, device, options, cancellable, error);
  g_propagate_error (error, g_steal_pointer (&local));
  return NULL;
}

/* The same model elsewhere: everything but what the context says. */
static SteerLoaded *
copy_loaded (SteerLoaded *from)
{
  SteerLoaded *self = g_new0 (SteerLoaded, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->model = g_object_ref (from->model);
  steer_model_text_copy (&self->text, &from->text);
  return self;
}

/* @context (transfer full) serves from now on, and the engine's device-note is @note (transfer full). */
static void
take_over (SteerWorker *self, SteerContext *context, SteerLoaded *loaded, char *note)
{
  g_free (context->passed_over);
  context->passed_over = note;
  steer_worker_install (self, context, loaded);
  steer_engine_post_loaded (&self->owner, loaded);
}

/* A device that failed once fails this process for good, so the model goes on on the CPU. What was quantised for the
 * device's memory is taken as it is stored; the conversation is computed again from its tokens. */
void
steer_worker_leave_device (SteerWorker *self)
{
  g_autoptr (SteerLoaded) loaded = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *lost = NULL;
  SteerContextOptions options;
  SteerContext *context;

  if (self->context == NULL || g_str_has_prefix (self->context->device_id, "cpu")
      || steer_model_get_backend (self->context->model) != NULL)
    return;
  options = self->context->options;
  options.n_threads = 0;
  options.weight_type = 0;
  options.kv_dtype = STEER_DTYPE_F16;
  lost = g_strdup (self->context->device_name);
  loaded = copy_loaded (self->loaded);

  steer_worker_unload (self);
  context = steer_context_open (loaded->model, "cpu", &options, NULL, NULL, NULL, &error);
  if (context == NULL)
    {
      g_message ("%s failed, and the CPU cannot take the model over: %s", lost, error->message);
      steer_engine_post_loaded (&self->owner, NULL);
      return;
    }
  take_over (self, context, loaded,
             g_strdup_printf ("%s failed and was left; start the program again to use it once more", lost));
}

static void
give_up (GCancellable *cancellable, GCancellable *other)
{
  g_cancellable_cancel (other);
}

gboolean
steer_worker_reopen (SteerWorker *self, GCancellable *cancellable, GError **error)
{
  g_autoptr (SteerLoaded) loaded = copy_loaded (self->loaded);
  g_autoptr (GCancellable) either = g_cancellable_new ();
  SteerContext *lost = self->context, *context;
  gulong given_up = 0, leaving;

  if (cancellable != NULL)
    given_up = g_cancellable_connect (cancellable, G_CALLBACK (give_up), either, NULL);
  leaving = g_cancellable_connect (self->owner.leaving, G_CALLBACK (give_up), either, NULL);
  context = steer_context_open (lost->model, lost->device_id, &lost->options, on_progress, self, either, error);
  g_cancellable_disconnect (self->owner.leaving, leaving);
  g_cancellable_disconnect (cancellable, given_up);
  if (context == NULL)
    return FALSE;
  take_over (self, context, loaded, g_strdup_printf ("%s was lost, and reached again", lost->device_name));
  return TRUE;
}
