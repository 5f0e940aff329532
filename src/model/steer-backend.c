#include "steer-backend.h"

#include <string.h>

#define MAX_BACKENDS 8
#define MAX_DEFAULT_CONTEXT 8192

static const SteerBackend *backends[MAX_BACKENDS]; /* [n_backends], in order of preference */
static guint n_backends;

void
steer_device_free (SteerDevice *device)
{
  if (device == NULL)
    return;
  g_free (device->id);
  g_free (device->name);
  g_free (device->driver);
  g_free (device->why_not);
  g_free (device);
}

void
steer_context_options_init (SteerContextOptions *self)
{
  *self = (SteerContextOptions){ .n_slots = 1, .kv_dtype = STEER_DTYPE_F16 };
}

void
steer_backend_register (const SteerBackend *backend)
{
  g_return_if_fail (backend != NULL && backend->name != NULL);
  g_return_if_fail (n_backends < MAX_BACKENDS);

  if (steer_backend_find (backend->name) == NULL)
    backends[n_backends++] = backend;
}

const SteerBackend *
steer_backend_find (const char *name)
{
  g_return_val_if_fail (name != NULL, NULL);

  for (guint i = 0; i < n_backends; i++)
    if (strcmp (backends[i]->name, name) == 0)
      return backends[i];
  return NULL;
}

GPtrArray *
steer_backend_list_devices (void)
{
  GPtrArray *all = g_ptr_array_new_with_free_func ((GDestroyNotify) steer_device_free);

  for (guint i = 0; i < n_backends; i++)
    {
      GPtrArray *devices = backends[i]->list_devices ();

      g_ptr_array_extend_and_steal (all, devices);
    }
  return all;
}

/* The backend whose devices are called NAME or NAME:N. */
static const SteerBackend *
find_backend_of_device (const char *id)
{
  const char *colon = strchr (id, ':');
  g_autofree char *name = colon != NULL ? g_strndup (id, (gsize) (colon - id)) : g_strdup (id);

  return steer_backend_find (name);
}

static gboolean
check_options (SteerModel *model, SteerContextOptions *options, GError **error)
{
  const SteerModelConfig *config = steer_model_get_config (model);

  if (options->n_slots < 1 || options->n_slots > STEER_MAX_SLOTS)
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID,
                   "%u sequences at once: from 1 to %d are possible", options->n_slots, STEER_MAX_SLOTS);
      return FALSE;
    }
  if (options->kv_dtype != STEER_DTYPE_F16 && options->kv_dtype != STEER_DTYPE_BF16
      && options->kv_dtype != STEER_DTYPE_F32 && options->kv_dtype != STEER_DTYPE_Q8_0)
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED,
                   "a KV cache of %s is not supported; supported are F16, BF16, F32 and Q8_0",
                   steer_dtype_get_name (options->kv_dtype));
      return FALSE;
    }
  if (options->weight_type != 0 && options->weight_type != STEER_DTYPE_Q8_0)
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED,
                   "weights are not quantised to %s while they are loaded; supported is Q8_0",
                   steer_dtype_get_name (options->weight_type));
      return FALSE;
    }
  if (options->n_context > config->n_context)
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID,
                   "a context of %u tokens is longer than the %u that the model was made for", options->n_context,
                   config->n_context);
      return FALSE;
    }
  if (options->n_context == 0)
    options->n_context = MIN (config->n_context, MAX_DEFAULT_CONTEXT);
  return TRUE;
}

/* Refuses, with the numbers, what the device has no room for. */
static gboolean
check_fits (const SteerBackend *backend,
            SteerModel *model,
            const char *device,
            const SteerContextOptions *options,
            GError **error)
{
  SteerMemoryEstimate estimate = { 0 };
  g_autofree char *needed_text = NULL;
  g_autofree char *weights_text = NULL;
  g_autofree char *cache_text = NULL;
  g_autofree char *work_text = NULL;
  g_autofree char *available_text = NULL;
  guint64 needed;

  if (!backend->estimate (model, device, options, &estimate, error))
    return FALSE;
  if (!g_uint64_checked_add (&needed, estimate.weights, estimate.kv_cache)
      || !g_uint64_checked_add (&needed, needed, estimate.work))
    needed = G_MAXUINT64;
  if (needed <= estimate.available)
    return TRUE;

  needed_text = g_format_size_full (needed, G_FORMAT_SIZE_IEC_UNITS);
  weights_text = g_format_size_full (estimate.weights, G_FORMAT_SIZE_IEC_UNITS);
  cache_text = g_format_size_full (estimate.kv_cache, G_FORMAT_SIZE_IEC_UNITS);
  work_text = g_format_size_full (estimate.work, G_FORMAT_SIZE_IEC_UNITS);
  available_text = g_format_size_full (estimate.available, G_FORMAT_SIZE_IEC_UNITS);
  g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_NO_MEMORY,
               "%s needs %s on %s (weights %s, cache of %u x %u tokens %s, work %s), but only %s are free: "
               "take a shorter context, %s or another device",
               steer_model_get_name (model), needed_text, device, weights_text, options->n_slots, options->n_context,
               cache_text, work_text, available_text,
               options->weight_type == 0 ? "weights quantised to fewer bits, a smaller model" : "a smaller model");
  return FALSE;
}

typedef struct
{
  SteerModel *model;
  SteerContextOptions options;
  SteerProgressFunc progress;
  gpointer progress_data;
  GCancellable *cancellable;
  GString *refusals; /* what each device said, for the error when none will do */
} Opening;

static SteerContext *
try_device (Opening *self, const SteerBackend *backend, const SteerDevice *device, GError **error)
{
  if (!device->usable)
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE, "the device %s cannot be used: %s", device->id,
                   device->why_not != NULL ? device->why_not : "no reason is known");
      return NULL;
    }
  if (!check_fits (backend, self->model, device->id, &self->options, error))
    return NULL;
  return backend->open (self->model, device->id, &self->options, self->progress, self->progress_data, self->cancellable,
                        error);
}

/* Whether another device could still do what this one could not. */
static gboolean
is_refusal_of_device (const GError *error)
{
  return g_error_matches (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_NO_MEMORY)
         || g_error_matches (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE)
         || g_error_matches (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED);
}

/* The first device of @backend that will do. NULL without an error: none, and the reasons are in refusals. A device
 * that the machine does not have is no news unless it was @asked for. */
static SteerContext *
try_backend (Opening *self, const SteerBackend *backend, gboolean asked, GError **last_refusal, GError **error)
{
  g_autoptr (GPtrArray) devices = backend->list_devices ();

  for (guint i = 0; i < devices->len; i++)
    {
      g_autoptr (GError) local_error = NULL;
      const SteerDevice *device = g_ptr_array_index (devices, i);
      SteerContext *context;

      if (device->absent && !asked)
        continue;
      context = try_device (self, backend, device, &local_error);
      if (context != NULL)
        return context;
      if (!is_refusal_of_device (local_error))
        {
          g_propagate_error (error, g_steal_pointer (&local_error));
          return NULL;
        }
      g_string_append_printf (self->refusals, "%s%s", self->refusals->len > 0 ? "; " : "", local_error->message);
      g_clear_error (last_refusal);
      *last_refusal = g_steal_pointer (&local_error);
    }
  return NULL;
}

/* @only: (nullable): the one backend to try. */
static SteerContext *
open_first_possible (Opening *self, const SteerBackend *only, GError **error)
{
  g_autoptr (GError) last_refusal = NULL;

  for (guint i = 0; i < n_backends; i++)
    {
      g_autoptr (GError) local_error = NULL;
      SteerContext *context;

      if (only != NULL && backends[i] != only)
        continue;
      context = try_backend (self, backends[i], only != NULL, &last_refusal, &local_error);
      if (context != NULL)
        {
          if (self->refusals->len > 0)
            context->passed_over = g_strdup (self->refusals->str);
          return context;
        }
      if (local_error != NULL)
        {
          g_propagate_error (error, g_steal_pointer (&local_error));
          return NULL;
        }
    }
  if (last_refusal == NULL)
    g_set_error_literal (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE, "there is no device to run a model on");
  else
    g_set_error_literal (error, STEER_MODEL_ERROR, last_refusal->code, self->refusals->str);
  return NULL;
}

static SteerContext *
open_named (Opening *self, const SteerBackend *backend, const char *id, GError **error)
{
  g_autoptr (GPtrArray) devices = backend->list_devices ();
  g_autoptr (GString) known = g_string_new (NULL);

  for (guint i = 0; i < devices->len; i++)
    {
      const SteerDevice *device = g_ptr_array_index (devices, i);

      if (strcmp (device->id, id) == 0)
        return try_device (self, backend, device, error);
      g_string_append_printf (known, "%s%s", i > 0 ? ", " : "", device->id);
    }
  g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE, "there is no device %s; there is: %s", id,
               known->len > 0 ? known->str : "none of this kind");
  return NULL;
}

SteerContext *
steer_context_open (SteerModel *model,
                    const char *device,
                    const SteerContextOptions *options,
                    SteerProgressFunc progress,
                    gpointer progress_data,
                    GCancellable *cancellable,
                    GError **error)
{
  g_autoptr (GString) refusals = g_string_new (NULL);
  Opening opening = { .model = model,
                      .progress = progress,
                      .progress_data = progress_data,
                      .cancellable = cancellable,
                      .refusals = refusals };
  const SteerBackend *backend;

  g_return_val_if_fail (STEER_IS_MODEL (model), NULL);

  if (options != NULL)
    opening.options = *options;
  else
    steer_context_options_init (&opening.options);
  if (g_cancellable_set_error_if_cancelled (cancellable, error) || !check_options (model, &opening.options, error))
    return NULL;

  backend = steer_model_get_backend (model);
  if (backend != NULL)
    return backend->open (model, device, &opening.options, progress, progress_data, cancellable, error);
  if (device == NULL || strcmp (device, "auto") == 0)
    return open_first_possible (&opening, NULL, error);
  backend = find_backend_of_device (device);
  if (backend == NULL)
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE,
                   "there is no device %s; \"auto\" takes the best there is", device);
      return NULL;
    }
  if (strcmp (device, backend->name) == 0)
    return open_first_possible (&opening, backend, error);
  return open_named (&opening, backend, device, error);
}

void
steer_context_close (SteerContext *context)
{
  if (context == NULL)
    return;
  g_clear_pointer (&context->passed_over, g_free);
  context->backend->close (context);
}

gboolean
steer_context_is_lost (SteerContext *context)
{
  return context->backend->is_lost != NULL && context->backend->is_lost (context);
}

static gboolean G_GNUC_PRINTF (2, 3) fail_run (GError **error, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error_literal (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID, what);
  return FALSE;
}

static gboolean
check_place (const SteerContext *context, const SteerRun *run, GError **error)
{
  guint n_context = context->options.n_context;

  if (run->slot >= context->options.n_slots)
    return fail_run (error, "there is no slot %u: the context has %u", run->slot, context->options.n_slots);
  if (run->tokens == NULL || run->n_tokens == 0)
    return fail_run (error, "a run without tokens");
  if (run->n_tokens > n_context || run->position > n_context - run->n_tokens)
    return fail_run (error, "%u tokens from position %u on do not fit into the context of %u tokens", run->n_tokens,
                     run->position, n_context);
  return TRUE;
}

static gboolean
check_tokens (const SteerRun *run, guint n_vocab, GError **error)
{
  for (guint i = 0; i < run->n_tokens; i++)
    if (run->tokens[i] < 0 || (guint) run->tokens[i] >= n_vocab)
      return fail_run (error, "token id %d is outside the vocabulary of %u", run->tokens[i], n_vocab);
  return TRUE;
}

static gboolean
check_plan (SteerPlan *plan, const SteerModelConfig *config, GError **error)
{
  if (plan == NULL || steer_plan_get_n_ops (plan) == 0)
    return TRUE;
  if (steer_plan_get_d_model (plan) != config->d_model)
    return fail_run (error, "the steering vectors have %u dimensions, but the model has %u",
                     steer_plan_get_d_model (plan), config->d_model);
  if (steer_plan_get_n_layers (plan) > config->n_layers)
    return fail_run (error, "a feature steers layer %u, but the model's last layer is %u",
                     steer_plan_get_n_layers (plan) - 1, config->n_layers - 1);
  return TRUE;
}

static gboolean
check_wanted (const SteerContext *context, const SteerRun *run, guint n_layers, GError **error)
{
  if (run->want > STEER_WANT_TOKEN)
    return fail_run (error, "an unknown kind of result, %d, is wanted", (int) run->want);
  if ((run->want == STEER_WANT_LAST_LOGITS || run->want == STEER_WANT_ALL_LOGITS) && run->logits == NULL)
    return fail_run (error, "logits are wanted, but there is no room for them");
  if (run->want == STEER_WANT_TOKEN && !context->backend->can_choose)
    return fail_run (error, "%s does not choose tokens", context->backend->name);
  if (run->want == STEER_WANT_TOKEN && (run->sampling == NULL || run->seen == NULL))
    return fail_run (error, "a token is wanted, but not how to choose it");
  if (run->n_taps > 0 && (run->tap_layers == NULL || run->taps == NULL))
    return fail_run (error, "residuals are wanted, but there is no room for them");
  for (guint i = 0; i < run->n_taps; i++)
    if (run->tap_layers[i] >= n_layers)
      return fail_run (error, "the residual of layer %u is wanted, but the model's last layer is %u",
                       run->tap_layers[i], n_layers - 1);
  if (run->n_hooks > 0 && (run->hook_layers == NULL || run->hook == NULL))
    return fail_run (error, "layers are hooked, but there is no hook");
  for (guint i = 0; i < run->n_hooks; i++)
    if (run->hook_layers[i] >= n_layers)
      return fail_run (error, "layer %u is hooked, but the model's last layer is %u", run->hook_layers[i],
                       n_layers - 1);
  return TRUE;
}

gboolean
steer_run_has_hook (const SteerRun *run, guint layer)
{
  for (guint i = 0; i < run->n_hooks; i++)
    if (run->hook_layers[i] == layer)
      return TRUE;
  return FALSE;
}

gboolean
steer_context_forward (SteerContext *context, SteerRun *runs, guint n_runs, GCancellable *cancellable, GError **error)
{
  const SteerModelConfig *config;
  guint used_slots = 0; /* bit set */

  g_return_val_if_fail (context != NULL && runs != NULL && n_runs > 0, FALSE);

  config = steer_model_get_config (context->model);
  for (guint i = 0; i < n_runs; i++)
    {
      const SteerRun *run = &runs[i];

      if (!check_place (context, run, error) || !check_tokens (run, config->n_vocab, error)
          || !check_plan (run->plan, config, error) || !check_wanted (context, run, config->n_layers, error))
        return FALSE;
      if ((used_slots & 1u << run->slot) != 0)
        return fail_run (error, "two runs of one pass use slot %u", run->slot);
      used_slots |= 1u << run->slot;
    }
  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;
  return context->backend->forward (context, runs, n_runs, cancellable, error);
}
