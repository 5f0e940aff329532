#include "steer-reply-private.h"

#include <string.h>

static void
message_clear (gpointer data)
{
  SteerRequestMessage *message = data;

  g_ref_string_release (message->content);
}

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
  g_array_set_clear_func (self->messages, message_clear);
  self->schedule = g_array_new (FALSE, FALSE, sizeof (SteerScheduledPlan));
  g_array_set_clear_func (self->schedule, scheduled_plan_clear);
  steer_sampling_init (&self->sampling);
  self->reuse = STEER_REUSE_SAME_PLAN;
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

  for (guint i = 0; i < self->messages->len; i++)
    {
      SteerRequestMessage message = g_array_index (self->messages, SteerRequestMessage, i);

      g_ref_string_acquire (message.content);
      g_array_append_val (copy->messages, message);
    }
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
  return copy;
}

void
steer_request_add_text (SteerRequest *self, SteerRole role, const char *content, gsize length)
{
  SteerRequestMessage message = { role, g_ref_string_new_len (content, (gssize) length) };

  g_array_append_val (self->messages, message);
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
