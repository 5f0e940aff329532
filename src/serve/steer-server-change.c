/* Changes of what steers, in the order in which they were received.
 *
 * One that needs vectors from a file waits for a thread to read them, and newer ones do not wait for it. So that it
 * does not undo them when its turn comes, all changes from the oldest that waits are kept, and it takes the place in
 * their order that it has always had: what steers is at any time what steered before them, changed by those of them
 * that wait no longer. */
#include "steer-server-private.h"

struct _SteerServerChange
{
  SteerServer *server; /* borrowed */
  SteerServerWish *wish;
  SoupServerMessage *message;  /* (nullable): whose answer is waited for */
  SteerServerReading *reading; /* nullable */
  gboolean waits;              /* for vectors, or for what an older one that waits adds */
};

static void
forget_message (SteerServerChange *self)
{
  if (self->message == NULL)
    return;
  g_signal_handlers_disconnect_by_data (self->message, self);
  g_clear_object (&self->message);
}

static void
change_free (gpointer data)
{
  SteerServerChange *self = data;

  forget_message (self);
  if (self->reading != NULL)
    steer_server_reading_forget (self->reading);
  steer_server_wish_free (self->wish);
  g_free (self);
}

/* @error: (nullable): why it changed nothing */
static void
answer (SteerServerChange *self, const GError *error)
{
  SoupServerMessage *message = self->message;

  if (message == NULL)
    return;
  if (error != NULL)
    steer_server_answer_error (message, error);
  else
    steer_server_answer_steering (self->server, message);
  soup_server_message_unpause (message);
  forget_message (self);
}

static gboolean
apply (SteerServerChange *self, SteerPreset *preset, GError **error)
{
  return steer_server_wish_apply (self->wish, preset, error);
}

/* What would steer if @self did not wait, and, @with_older, neither did those before it. NULL with an error where there
 * is nothing of what it changes. */
static SteerPreset *
make_preset (SteerServerChange *self, gboolean with_older, GError **error)
{
  SteerServer *server = self->server;
  g_autoptr (SteerPreset) preset = steer_preset_copy (server->before);

  for (guint i = 0; i < server->changes->len; i++)
    {
      SteerServerChange *each = g_ptr_array_index (server->changes, i);

      if (each == self)
        {
          if (!apply (self, preset, error))
            return NULL;
          with_older = FALSE;
        }
      /* A newer one may now find nothing to change. */
      else if (!each->waits || with_older)
        apply (each, preset, NULL);
    }
  steer_server_describe (server, preset);
  return g_steal_pointer (&preset);
}

/* The newest one has been applied: what it makes unnecessary need not be kept. A slider that is moved while somebody
 * else's vectors are read is one change, not thousands. */
static void
drop_covered (SteerServer *self)
{
  SteerServerChange *newest = g_ptr_array_index (self->changes, self->changes->len - 1);

  for (guint i = self->changes->len - 1; i-- > 0;)
    {
      SteerServerChange *each = g_ptr_array_index (self->changes, i);

      if (!each->waits && steer_server_wish_covers (newest->wish, each->wish))
        g_ptr_array_remove_index (self->changes, i);
      else if (each->waits || !steer_server_wish_commutes (newest->wish, each->wish))
        return;
    }
}

/* Those that nothing older waits before are part of what steered before the others. */
static void
settle (SteerServer *self)
{
  while (self->changes->len > 0 && !((SteerServerChange *) g_ptr_array_index (self->changes, 0))->waits)
    {
      apply (g_ptr_array_index (self->changes, 0), self->before, NULL);
      g_ptr_array_remove_index (self->changes, 0);
    }
  if (self->changes->len == 0)
    g_clear_object (&self->before);
}

static void on_vectors_read (gpointer data, SteerPlan *plan, const GError *error);

static guint
count_waiting (SteerServer *self)
{
  guint n = 0;

  for (guint i = 0; i < self->changes->len; i++)
    n += ((SteerServerChange *) g_ptr_array_index (self->changes, i))->waits ? 1 : 0;
  return n;
}

static gboolean
may_wait (SteerServerChange *self, GError **error)
{
  if (count_waiting (self->server) <= STEER_SERVER_MAX_CHANGES)
    return TRUE;
  g_set_error (error, STEER_SERVER_ERROR, STEER_SERVER_ERROR_BUSY,
               "vectors are being read for %u changes: ask again later", STEER_SERVER_MAX_CHANGES);
  return FALSE;
}

/* Whether an older one, which waits, adds what it changes. */
static gboolean
needs_older (SteerServerChange *self)
{
  g_autoptr (SteerPreset) preset
    = g_ptr_array_index (self->server->changes, 0) != self ? make_preset (self, TRUE, NULL) : NULL;

  return preset != NULL;
}

/* FALSE with an error where it cannot be done; else it is done, or waits. */
static gboolean
try_change (SteerServerChange *self, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (SteerPreset) preset = make_preset (self, FALSE, &local);
  g_autoptr (SteerPlan) plan = NULL;

  if (preset == NULL && needs_older (self))
    return may_wait (self, error);
  if (preset == NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  if (steer_preset_plan_would_read (preset, self->server->library))
    {
      if (!may_wait (self, error))
        return FALSE;
      self->reading = steer_server_read_vectors (self->server, preset, on_vectors_read, self);
      return TRUE;
    }
  plan = steer_server_make_plan (self->server, preset, error);
  if (plan == NULL)
    return FALSE;
  self->waits = FALSE;
  steer_server_take (self->server, preset, plan);
  return TRUE;
}

/* Those that wait for nothing but older ones, of which one waits no longer. TRUE: something of them is done. */
static gboolean
try_next (SteerServer *self)
{
  for (guint i = 0; i < self->changes->len; i++)
    {
      SteerServerChange *each = g_ptr_array_index (self->changes, i);
      g_autoptr (GError) error = NULL;

      if (!each->waits || each->reading != NULL)
        continue;
      if (!try_change (each, &error))
        {
          answer (each, error);
          g_ptr_array_remove_index (self->changes, i);
          return TRUE;
        }
      if (!each->waits)
        {
          answer (each, NULL);
          return TRUE;
        }
    }
  return FALSE;
}

static void
go_on (SteerServer *self)
{
  do
    settle (self);
  while (self->changes->len > 0 && try_next (self));
}

/* What was read was for what steered then; the library has it for what does now. */
static void
on_vectors_read (gpointer data, SteerPlan *plan, const GError *error)
{
  SteerServerChange *self = data;
  SteerServer *server = self->server;

  self->reading = NULL;
  if (plan == NULL)
    {
      answer (self, error);
      g_ptr_array_remove (server->changes, self);
    }
  go_on (server);
}

static SteerServerChange *
change_new (SteerServer *server, SteerServerWish *wish)
{
  SteerServerChange *self = g_new0 (SteerServerChange, 1);

  self->server = server;
  self->wish = wish;
  self->waits = TRUE;
  return self;
}

/* Its client may leave meanwhile; what it has asked for is done. */
static void
wait_with (SteerServerChange *self, SoupServerMessage *message)
{
  self->message = g_object_ref (message);
  g_signal_connect_swapped (message, "finished", G_CALLBACK (forget_message), self);
  g_signal_connect_swapped (message, "disconnected", G_CALLBACK (forget_message), self);
  soup_server_message_pause (message);
}

/* All of it, or nothing. */
void
steer_server_change_steering (SteerServer *self, SoupServerMessage *message)
{
  gboolean patch = g_str_equal (soup_server_message_get_method (message), "PATCH");
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonObject) body = steer_server_read_body (message, &error);
  SteerServerWish *wish = body != NULL ? steer_server_wish_new (body, patch, self->open_preset, &error) : NULL;
  SteerServerChange *change;

  if (wish == NULL)
    {
      steer_server_answer_error (message, error);
      return;
    }
  change = change_new (self, wish);
  if (self->before == NULL)
    self->before = steer_preset_copy (self->preset);
  g_ptr_array_add (self->changes, change);
  if (!try_change (change, &error))
    {
      steer_server_answer_error (message, error);
      g_ptr_array_remove (self->changes, change);
    }
  else if (!change->waits)
    {
      steer_server_answer_steering (self, message);
      drop_covered (self);
    }
  else
    wait_with (change, message);
  settle (self);
}

void
steer_server_rebase_changes (SteerServer *self)
{
  if (self->before == NULL)
    return;
  g_object_unref (self->before);
  self->before = steer_preset_copy (self->preset);
  for (guint i = self->changes->len; i-- > 0;)
    if (!((SteerServerChange *) g_ptr_array_index (self->changes, i))->waits)
      g_ptr_array_remove_index (self->changes, i);
}

void
steer_server_end_changes (SteerServer *self)
{
  g_ptr_array_set_size (self->changes, 0);
  g_clear_object (&self->before);
}

GPtrArray *
steer_server_new_changes (void)
{
  return g_ptr_array_new_with_free_func (change_free);
}
