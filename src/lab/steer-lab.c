#include "steer-lab-private.h"

#include <string.h>

G_DEFINE_FINAL_TYPE (SteerLab, steer_lab, G_TYPE_OBJECT)

static void
forget_piece (SteerLab *self)
{
  self->n_piece = 0;
  g_clear_pointer (&self->logits, g_bytes_unref);
  g_clear_pointer (&self->residual, g_bytes_unref);
}

static void
steer_lab_finalize (GObject *object)
{
  SteerLab *self = STEER_LAB (object);

  forget_piece (self);
  g_clear_pointer (&self->session, steer_session_free);
  g_clear_pointer (&self->sampler, steer_sampler_free);
  g_clear_pointer (&self->context, steer_context_close);
  steer_model_text_clear (&self->text);
  g_clear_object (&self->library);
  g_clear_object (&self->preset);
  g_clear_object (&self->cancellable);
  g_ptr_array_unref (self->hooks);
  g_array_unref (self->hook_layers);
  g_free (self->rows);
  g_array_unref (self->tokens);
  g_array_unref (self->taps);
  g_array_unref (self->kept_taps);
  G_OBJECT_CLASS (steer_lab_parent_class)->finalize (object);
}

static void
steer_lab_class_init (SteerLabClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = steer_lab_finalize;
}

static void
steer_lab_init (SteerLab *self)
{
  self->library = steer_library_new ();
  self->hooks = steer_lab_hooks_new ();
  self->hook_layers = g_array_new (FALSE, FALSE, sizeof (guint));
  self->next_hook = 1;
  self->tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  self->taps = g_array_new (FALSE, FALSE, sizeof (guint));
  self->kept_taps = g_array_new (FALSE, FALSE, sizeof (guint));
}

SteerLab *
steer_lab_new (const char *model_path, const char *device, guint n_context, GError **error)
{
  g_autoptr (SteerLab) self = g_object_new (STEER_TYPE_LAB, NULL);
  g_autoptr (SteerModel) model = NULL;
  g_autofree guint32 *special = NULL;
  SteerContextOptions options;

  g_return_val_if_fail (model_path != NULL, NULL);

  steer_context_options_init (&options);
  options.n_context = n_context;
  model = steer_model_open (model_path, NULL, error);
  if (model == NULL || !steer_model_text_load (&self->text, steer_model_get_files (model), NULL, error))
    return NULL;
  self->context = steer_context_open (model, device, &options, NULL, NULL, NULL, error);
  if (self->context == NULL)
    return NULL;
  self->config = steer_model_get_config (self->context->model);
  self->session = steer_session_new (self->context, 0);
  self->sampler = steer_sampler_new (self->config->n_vocab);
  special = steer_model_text_find_special (&self->text, self->config->n_vocab);
  steer_session_set_special (self->session, special);
  return g_steal_pointer (&self);
}

guint
steer_lab_get_n_layers (SteerLab *self)
{
  g_return_val_if_fail (STEER_IS_LAB (self), 0);
  return self->config->n_layers;
}

guint
steer_lab_get_d_model (SteerLab *self)
{
  g_return_val_if_fail (STEER_IS_LAB (self), 0);
  return self->config->d_model;
}

guint
steer_lab_get_n_vocab (SteerLab *self)
{
  g_return_val_if_fail (STEER_IS_LAB (self), 0);
  return self->config->n_vocab;
}

guint
steer_lab_get_n_context (SteerLab *self)
{
  g_return_val_if_fail (STEER_IS_LAB (self), 0);
  return self->context->options.n_context;
}

const char *
steer_lab_get_device (SteerLab *self)
{
  g_return_val_if_fail (STEER_IS_LAB (self), NULL);
  return self->context->device_name;
}

gboolean
steer_lab_set_taps (SteerLab *self, const guint *layers, gsize n_layers)
{
  g_return_val_if_fail (STEER_IS_LAB (self), FALSE);
  for (gsize i = 0; i < n_layers; i++)
    if (layers[i] >= self->config->n_layers)
      return FALSE;
  g_array_set_size (self->taps, 0);
  g_array_append_vals (self->taps, layers, (guint) n_layers);
  return TRUE;
}

/* Room for [@a, @b, @c] floats; *@values is NULL where they are none. */
static gboolean
make_room (float **values, gsize a, gsize b, gsize c, gsize *n_bytes, GError **error)
{
  *values = NULL;
  if (!g_size_checked_mul (n_bytes, a, b) || !g_size_checked_mul (n_bytes, *n_bytes, c)
      || !g_size_checked_mul (n_bytes, *n_bytes, sizeof (float)))
    *n_bytes = G_MAXSIZE;
  else if (*n_bytes == 0 || (*values = g_try_malloc (*n_bytes)) != NULL)
    return TRUE;
  g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_NO_MEMORY,
               "no memory for %" G_GSIZE_FORMAT " bytes of results: compute a shorter piece, or tap fewer layers",
               *n_bytes);
  return FALSE;
}

/* Tokens @first and those behind it, which become the last piece. */
static gboolean
compute (SteerLab *self, const SteerTimeline *timeline, guint first, gboolean all_logits, GError **error)
{
  guint n = timeline->n_tokens - first;
  gsize n_logits, n_residual;
  g_autofree float *logits = NULL;
  g_autofree float *residual = NULL;
  gboolean done;

  if (!make_room (&logits, all_logits ? n : 1, self->config->n_vocab, 1, &n_logits, error)
      || !make_room (&residual, self->taps->len, n, self->config->d_model, &n_residual, error))
    return FALSE;
  if (self->hooks->len > 0 && n > self->n_rows)
    {
      gsize n_bytes;

      g_clear_pointer (&self->rows, g_free);
      self->n_rows = 0;
      if (!make_room (&self->rows, n, self->config->d_model, 1, &n_bytes, error))
        return FALSE;
      self->n_rows = n;
    }
  self->cancellable = g_cancellable_new ();
  self->piece_first = first;
  steer_session_set_hooks (self->session, (const guint *) (gpointer) self->hook_layers->data, self->hook_layers->len,
                           steer_lab_call_hooks, self);
  done = steer_session_trace_range (timeline, first, n, (const guint *) (gpointer) self->taps->data, self->taps->len,
                                    all_logits ? STEER_WANT_ALL_LOGITS : STEER_WANT_LAST_LOGITS, logits, residual,
                                    self->cancellable, error);
  g_clear_object (&self->cancellable);
  if (!done)
    return FALSE;

  forget_piece (self);
  self->n_piece = n;
  self->logits = g_bytes_new_take (g_steal_pointer (&logits), n_logits);
  self->residual = n_residual > 0 ? g_bytes_new_take (g_steal_pointer (&residual), n_residual) : NULL;
  g_array_set_size (self->kept_taps, 0);
  g_array_append_vals (self->kept_taps, self->taps->data, self->taps->len);
  return TRUE;
}

gboolean
steer_lab_extend (SteerLab *self,
                  const gint32 *tokens,
                  gsize n_tokens,
                  gsize n_prompt,
                  gboolean all_logits,
                  GError **error)
{
  guint first;
  g_autofree gint32 *copy = NULL;
  g_autoptr (SteerPlan) plan = NULL;
  SteerTimeline timeline;

  g_return_val_if_fail (STEER_IS_LAB (self) && n_tokens > 0 && n_prompt <= n_tokens, FALSE);
  g_return_val_if_fail (self->cancellable == NULL, FALSE);

  first = self->tokens->len;
  if (n_tokens > self->context->options.n_context - first)
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID,
                   "%" G_GSIZE_FORMAT " tokens do not fit behind %u in a context of %u", n_tokens, first,
                   self->context->options.n_context);
      return FALSE;
    }
  if (self->preset != NULL)
    {
      plan = steer_preset_make_plan (self->preset, self->library, self->config->d_model, self->config->n_layers, error);
      if (plan == NULL)
        return FALSE;
    }
  for (gsize i = 0; i < n_tokens; i++)
    if (tokens[i] < 0 || (guint) tokens[i] >= self->config->n_vocab)
      {
        g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID, "token id %d is outside the vocabulary of %u",
                     tokens[i], self->config->n_vocab);
        return FALSE;
      }
  /* They may be from steer_lab_get_tokens(), and move with the array that they are appended to. */
  copy = g_memdup2 (tokens, n_tokens * sizeof *tokens);
  g_array_append_vals (self->tokens, copy, (guint) n_tokens);
  timeline = (SteerTimeline){
    .session = self->session,
    .tokens = (const gint32 *) (gpointer) self->tokens->data,
    .n_tokens = self->tokens->len,
    .n_prompt = first + (guint) n_prompt,
    .plan = plan,
  };
  if (!compute (self, &timeline, first, all_logits, error))
    {
      g_array_set_size (self->tokens, first);
      return FALSE;
    }
  if (n_prompt > 0)
    self->n_prompt = timeline.n_prompt;
  return TRUE;
}

void
steer_lab_truncate (SteerLab *self, guint n_tokens)
{
  g_return_if_fail (STEER_IS_LAB (self) && self->cancellable == NULL);
  if (n_tokens < self->tokens->len)
    g_array_set_size (self->tokens, n_tokens);
  self->n_prompt = MIN (self->n_prompt, self->tokens->len);
  forget_piece (self);
}

const gint32 *
steer_lab_get_tokens (SteerLab *self, gsize *n_tokens)
{
  g_return_val_if_fail (STEER_IS_LAB (self), NULL);
  *n_tokens = self->tokens->len;
  return (const gint32 *) (gpointer) self->tokens->data;
}

GBytes *
steer_lab_get_logits (SteerLab *self)
{
  g_return_val_if_fail (STEER_IS_LAB (self), NULL);
  return self->logits != NULL ? g_bytes_ref (self->logits) : NULL;
}

GBytes *
steer_lab_get_residual (SteerLab *self, guint layer)
{
  gsize n_bytes;

  g_return_val_if_fail (STEER_IS_LAB (self), NULL);
  n_bytes = (gsize) self->n_piece * self->config->d_model * sizeof (float);
  for (guint i = 0; self->residual != NULL && i < self->kept_taps->len; i++)
    if (g_array_index (self->kept_taps, guint, i) == layer)
      return g_bytes_new_from_bytes (self->residual, i * n_bytes, n_bytes);
  return NULL;
}

gint32
steer_lab_choose (SteerLab *self)
{
  SteerSampling sampling;
  guint n_vocab;
  g_autofree guint32 *seen = NULL;
  g_autofree float *logits = NULL;
  const float *all;
  gsize n_bytes;

  g_return_val_if_fail (STEER_IS_LAB (self), -1);
  if (self->logits == NULL)
    return -1;
  n_vocab = self->config->n_vocab;
  steer_sampling_init (&sampling);
  steer_sampling_merge (&sampling, &self->config->sampling, self->config->sampling_fields);
  if (self->preset != NULL)
    steer_sampling_merge (&sampling, steer_preset_get_sampling (self->preset),
                          steer_preset_get_sampling_fields (self->preset));
  seen = g_new0 (guint32, (n_vocab + 31) / 32);
  for (guint i = 0; i < self->tokens->len; i++)
    {
      guint32 token = (guint32) g_array_index (self->tokens, gint32, i);

      seen[token / 32] |= 1u << (token % 32);
    }
  all = g_bytes_get_data (self->logits, &n_bytes);
  logits = g_memdup2 (all + n_bytes / sizeof (float) - n_vocab, n_vocab * sizeof (float));
  return steer_sampler_choose (self->sampler, &sampling, logits, seen,
                               steer_sampler_uniform (sampling.seed, self->tokens->len - self->n_prompt));
}
