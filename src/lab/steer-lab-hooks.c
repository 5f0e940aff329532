#include "steer-lab-private.h"

#include <string.h>

typedef struct
{
  guint id;
  guint layer;
  SteerLabHook func;
  gpointer data;
  GDestroyNotify destroy; /* nullable */
} Hook;

static void
hook_free (gpointer data)
{
  Hook *hook = data;

  if (hook->destroy != NULL)
    hook->destroy (hook->data);
  g_free (hook);
}

GPtrArray *
steer_lab_hooks_new (void)
{
  return g_ptr_array_new_with_free_func (hook_free);
}

/* --- Hooks --- */

static void
list_hook_layers (SteerLab *self)
{
  g_array_set_size (self->hook_layers, 0);
  for (guint i = 0; i < self->hooks->len; i++)
    {
      const Hook *hook = g_ptr_array_index (self->hooks, i);
      gboolean known = FALSE;

      for (guint j = 0; j < self->hook_layers->len; j++)
        known |= g_array_index (self->hook_layers, guint, j) == hook->layer;
      if (!known)
        g_array_append_val (self->hook_layers, hook->layer);
    }
}

guint
steer_lab_add_hook (SteerLab *self, guint layer, SteerLabHook func, gpointer data, GDestroyNotify destroy)
{
  Hook *hook;

  g_return_val_if_fail (STEER_IS_LAB (self) && func != NULL && self->cancellable == NULL, 0);
  if (layer >= self->config->n_layers)
    {
      if (destroy != NULL)
        destroy (data);
      return 0;
    }
  hook = g_new (Hook, 1);
  *hook = (Hook){ self->next_hook++, layer, func, data, destroy };
  g_ptr_array_add (self->hooks, hook);
  list_hook_layers (self);
  return hook->id;
}

void
steer_lab_remove_hook (SteerLab *self, guint id)
{
  g_return_if_fail (STEER_IS_LAB (self) && self->cancellable == NULL);
  for (guint i = 0; i < self->hooks->len; i++)
    if (((const Hook *) g_ptr_array_index (self->hooks, i))->id == id)
      {
        g_ptr_array_remove_index (self->hooks, i);
        list_hook_layers (self);
        return;
      }
}

static void
copy_rows (float *to, gsize to_stride, const float *from, gsize from_stride, guint n, gsize d_model)
{
  for (guint t = 0; t < n; t++)
    memcpy (to + t * to_stride, from + t * from_stride, d_model * sizeof (float));
}

static void
call_each (SteerLab *self, guint layer, guint first, guint n_tokens, float *rows)
{
  for (guint i = 0; i < self->hooks->len; i++)
    {
      const Hook *hook = g_ptr_array_index (self->hooks, i);

      if (hook->layer == layer)
        hook->func (layer, self->piece_first + first, n_tokens, self->config->d_model, rows, hook->data);
    }
}

void
steer_lab_call_hooks (guint layer, guint first, guint n_tokens, float *rows, gsize stride, gpointer data)
{
  SteerLab *self = data;
  gsize d_model = self->config->d_model;

  if (stride == d_model)
    {
      call_each (self, layer, first, n_tokens, rows);
      return;
    }
  copy_rows (self->rows, d_model, rows, stride, n_tokens, d_model);
  call_each (self, layer, first, n_tokens, self->rows);
  copy_rows (rows, stride, self->rows, d_model, n_tokens, d_model);
}

void
steer_lab_stop (SteerLab *self)
{
  g_return_if_fail (STEER_IS_LAB (self));
  if (self->cancellable != NULL)
    g_cancellable_cancel (self->cancellable);
}
