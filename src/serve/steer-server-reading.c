/* Plans whose vectors have to be read first. One may lie scattered over gigabytes on a slow disk, and the main loop has
 * streams to keep up. */
#include "steer-server-private.h"

/* At a time: GTask's threads are the whole program's, and one disk is not faster for more. */
#define MAX_RUNNING 4

/* The task's. While its thread runs, the copy of the preset and what follows it are left alone. */
struct _SteerServerReading
{
  SteerServer *server;      /* nullable: it has ended */
  SteerServerReadFunc func; /* nullable: nobody waits any more */
  gpointer data;
  GTask *waiting;      /* (nullable): with others before it */
  SteerPreset *preset; /* a copy: presets and features are one thread's */
  SteerLibrary *library;
  guint d_model;
  guint n_layers;
};

static void
reading_free (gpointer data)
{
  SteerServerReading *self = data;

  g_object_unref (self->preset);
  g_object_unref (self->library);
  g_free (self);
}

/* The library is thread-safe: a mutex guards what it holds, which it does not hold while a source reads, and sources
 * never change. Two threads may read the same vector; then both get the first one's. */
static void
read_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  SteerServerReading *self = data;
  GError *error = NULL;
  SteerPlan *plan = steer_preset_make_plan (self->preset, self->library, self->d_model, self->n_layers, &error);

  if (plan != NULL)
    g_task_return_pointer (task, plan, (GDestroyNotify) steer_plan_unref);
  else
    g_task_return_error (task, error);
}

/* The first of those that wait. */
static void
run_next (SteerServer *self)
{
  guint n_running = 0;

  for (guint i = 0; i < self->readings->len && n_running < MAX_RUNNING; i++)
    {
      SteerServerReading *each = g_ptr_array_index (self->readings, i);
      g_autoptr (GTask) task = g_steal_pointer (&each->waiting);

      if (task != NULL)
        g_task_run_in_thread (task, read_in_thread);
      n_running++;
    }
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer data)
{
  SteerServerReading *self = g_task_get_task_data (G_TASK (result));
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerPlan) plan = g_task_propagate_pointer (G_TASK (result), &error);

  if (self->server == NULL)
    return;
  g_ptr_array_remove (self->server->readings, self);
  run_next (self->server);
  if (self->func != NULL)
    self->func (self->data, plan, error);
}

static const SteerModelConfig *
get_config (SteerServer *self)
{
  SteerModel *model = steer_engine_get_model (self->engine);

  return model != NULL ? steer_model_get_config (model) : NULL;
}

SteerPlan *
steer_server_make_plan (SteerServer *self, SteerPreset *preset, GError **error)
{
  const SteerModelConfig *config = get_config (self);

  return steer_preset_make_plan (preset, self->library, config != NULL ? config->d_model : 0,
                                 config != NULL ? config->n_layers : 0, error);
}

SteerServerReading *
steer_server_read_vectors (SteerServer *self, SteerPreset *preset, SteerServerReadFunc func, gpointer data)
{
  const SteerModelConfig *config = get_config (self);
  SteerServerReading *reading = g_new0 (SteerServerReading, 1);

  reading->server = self;
  reading->func = func;
  reading->data = data;
  reading->waiting = g_task_new (NULL, NULL, on_read, NULL);
  reading->preset = steer_preset_copy (preset);
  reading->library = g_object_ref (self->library);
  reading->d_model = config != NULL ? config->d_model : 0;
  reading->n_layers = config != NULL ? config->n_layers : 0;
  g_task_set_task_data (reading->waiting, reading, reading_free);
  g_ptr_array_add (self->readings, reading);
  run_next (self);
  return reading;
}

void
steer_server_reading_forget (SteerServerReading *self)
{
  self->func = NULL;
  if (self->waiting == NULL)
    return;
  g_ptr_array_remove (self->server->readings, self);
  g_object_unref (g_steal_pointer (&self->waiting));
}

void
steer_server_end_readings (SteerServer *self)
{
  for (guint i = 0; i < self->readings->len; i++)
    ((SteerServerReading *) g_ptr_array_index (self->readings, i))->server = NULL;
  g_ptr_array_set_size (self->readings, 0);
}
