#include "steer-reply-private.h"

#include <string.h>

static void
scheduled_plan_clear (gpointer data)
{
  SteerScheduledPlan *scheduled = data;

  g_clear_pointer (&scheduled->plan, steer_plan_unref);
}

SteerRequest *
steer_request_new (void)
{
  SteerRequest *self = g_new0 (SteerRequest, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->messages = g_array_new (FALSE, FALSE, sizeof (SteerRequestMessage));
  self->contents = g_string_new (NULL);
  self->schedule = g_array_new (FALSE, FALSE, sizeof (SteerScheduledPlan));
  g_array_set_clear_func (self->schedule, scheduled_plan_clear);
  steer_sampling_init (&self->sampling);
  self->reuse = STEER_REUSE_SAME_PLAN;
  self->thinking = TRUE;
  return self;
}

SteerRequest *
steer_request_ref (SteerRequest *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
steer_request_unref (SteerRequest *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_array_unref (self->messages);
  g_string_free (self->contents, TRUE);
  g_array_unref (self->schedule);
  g_free (self->text);
  g_clear_pointer (&self->ids, g_array_unref);
  g_strfreev (self->stop_strings);
  g_clear_pointer (&self->live, steer_live_plan_unref);
  g_free (self->date);
  g_free (self);
}

SteerRequest *
steer_request_copy (SteerRequest *self)
{
  SteerRequest *copy = steer_request_new ();

  if (self->messages->len > 0)
    g_array_append_vals (copy->messages, self->messages->data, self->messages->len);
  g_string_append_len (copy->contents, self->contents->str, (gssize) self->contents->len);
  for (guint i = 0; i < self->schedule->len; i++)
    {
      SteerScheduledPlan *scheduled = &g_array_index (self->schedule, SteerScheduledPlan, i);

      steer_request_schedule_plan (copy, scheduled->step, scheduled->plan);
    }
  copy->text = g_strdup (self->text);
  if (self->ids != NULL)
    copy->ids = g_array_copy (self->ids);
  copy->sampling = self->sampling;
  copy->stop_strings = g_strdupv (self->stop_strings);
  copy->live = self->live != NULL ? steer_live_plan_ref (self->live) : NULL;
  copy->reuse = self->reuse;
  copy->date = g_strdup (self->date);
  copy->thinking = self->thinking;
  return copy;
}

void
steer_request_add_text (SteerRequest *self, SteerRole role, const char *content, gsize length)
{
  SteerRequestMessage message = { role, self->contents->len };

  g_array_append_val (self->messages, message);
  g_string_append_len (self->contents, content, (gssize) length);
  g_string_append_c (self->contents, '\0');
}

const char *
steer_request_get_content (SteerRequest *self, guint index)
{
  return self->contents->str + g_array_index (self->messages, SteerRequestMessage, index).content;
}

void
steer_request_add_message (SteerRequest *self, SteerRole role, const char *content)
{
  steer_request_add_text (self, role, content, strlen (content));
}

void
steer_request_set_text (SteerRequest *self, const char *text)
{
  g_free (self->text);
  self->text = g_strdup (text);
}

void
steer_request_set_ids (SteerRequest *self, const gint32 *ids, guint n_ids)
{
  g_clear_pointer (&self->ids, g_array_unref);
  self->ids = g_array_sized_new (FALSE, FALSE, sizeof (gint32), n_ids);
  g_array_append_vals (self->ids, ids, n_ids);
}

void
steer_request_set_sampling (SteerRequest *self, const SteerSampling *sampling)
{
  self->sampling = *sampling;
}

void
steer_request_set_stop_strings (SteerRequest *self, const char *const *stop_strings)
{
  g_strfreev (self->stop_strings);
  self->stop_strings = g_strdupv ((char **) stop_strings);
}

void
steer_request_set_live_plan (SteerRequest *self, SteerLivePlan *live)
{
  if (live != NULL)
    steer_live_plan_ref (live);
  g_clear_pointer (&self->live, steer_live_plan_unref);
  self->live = live;
}

void
steer_request_schedule_plan (SteerRequest *self, guint step, SteerPlan *plan)
{
  SteerScheduledPlan scheduled = { step, plan != NULL ? steer_plan_ref (plan) : NULL };

  g_array_append_val (self->schedule, scheduled);
}

void
steer_request_set_reuse (SteerRequest *self, SteerReusePolicy reuse)
{
  self->reuse = reuse;
}

void
steer_request_set_date (SteerRequest *self, const char *date_string)
{
  g_free (self->date);
  self->date = g_strdup (date_string);
}

void
steer_request_set_thinking (SteerRequest *self, gboolean thinking)
{
  self->thinking = thinking;
}

SteerPlan *
steer_request_dup_plan (SteerRequest *self, guint step)
{
  for (guint i = self->schedule->len; i-- > 0;)
    {
      SteerScheduledPlan *scheduled = &g_array_index (self->schedule, SteerScheduledPlan, i);

      if (scheduled->step <= step)
        return scheduled->plan != NULL ? steer_plan_ref (scheduled->plan) : NULL;
    }
  return self->live != NULL ? steer_live_plan_dup (self->live) : NULL;
}
