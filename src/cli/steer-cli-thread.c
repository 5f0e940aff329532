#include "steer-cli-thread.h"

#include <glib-unix.h>
#include <signal.h>

typedef struct
{
  SteerCliWork work;
  gpointer data;
} Call;

static void
call_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Call *call = data;
  GError *error = NULL;

  if (call->work (call->data, cancellable, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static gboolean
on_interrupt (gpointer data)
{
  g_cancellable_cancel (data);
  return G_SOURCE_CONTINUE;
}

gboolean
steer_cli_run_in_thread (SteerCliWork work, gpointer data, GError **error)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, NULL, NULL);
  guint source = g_unix_signal_add (SIGINT, on_interrupt, cancellable);
  Call call = { work, data };

  g_task_set_task_data (task, &call, NULL);
  g_task_run_in_thread (task, call_in_thread);
  while (!g_task_get_completed (task))
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (source);
  return g_task_propagate_boolean (task, error);
}
