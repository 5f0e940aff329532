/* The live plan is made of the preset in use, by a thread as far as files have to be read for it. */
#include "steer-workspace-private.h"

static const SteerModelConfig *
get_config (SteerWorkspace *self)
{
  SteerModel *model = steer_engine_get_model (self->engine);

  return model != NULL ? steer_model_get_config (model) : NULL;
}

/* Only where the model and its vectors are there can a feature be said not to fit. */
static void
make_plan (SteerWorkspace *self)
{
  const SteerModelConfig *config = get_config (self);
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerPlan) plan = NULL;
  gboolean settled = config != NULL && self->loading_path == NULL && self->probe == NULL;

  self->plan_late = FALSE;
  plan = steer_preset_make_plan (self->preset, self->library, config != NULL ? config->d_model : 0,
                                 config != NULL ? config->n_layers : 0, &error);
  steer_live_plan_set (self->live_plan, plan);
  steer_workspace_set_string (self, &self->plan_error, error != NULL && settled ? error->message : NULL,
                              STEER_WORKSPACE_PROP_PLAN_ERROR);
}

void
steer_workspace_finish_plan (SteerWorkspace *self)
{
  if (self->plan_late)
    make_plan (self);
}

/* A vector may lie scattered over a file's pages, each of which the disk may have to bring: what no plan has needed yet
 * is read by a thread, from a copy of the preset. */
typedef struct
{
  GWeakRef workspace;
  SteerPreset *preset;
  SteerLibrary *library;
  guint d_model;
  guint n_layers;
} Reading;

static void
reading_free (gpointer data)
{
  Reading *reading = data;

  g_weak_ref_clear (&reading->workspace);
  g_object_unref (reading->preset);
  g_object_unref (reading->library);
  g_free (reading);
}

/* The plan is made anew, of the preset as it is by then; the library keeps what was read for this one. */
static void
read_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Reading *reading = data;
  g_autoptr (SteerPlan) plan
    = steer_preset_make_plan (reading->preset, reading->library, reading->d_model, reading->n_layers, NULL);

  g_task_return_boolean (task, plan != NULL);
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer data)
{
  Reading *reading = g_task_get_task_data (G_TASK (result));
  g_autoptr (SteerWorkspace) self = g_weak_ref_get (&reading->workspace);
  gboolean read = g_task_propagate_boolean (G_TASK (result), NULL);

  if (self == NULL)
    return;
  self->reading = FALSE;
  if (!self->plan_late)
    return;
  if (!read && steer_preset_equal (reading->preset, self->preset))
    make_plan (self); /* which tells why not; another thread would not get further */
  else
    steer_workspace_update_plan (self);
}

static void
read_vectors (SteerWorkspace *self)
{
  const SteerModelConfig *config = get_config (self);
  g_autoptr (GTask) task = g_task_new (NULL, NULL, on_read, NULL);
  Reading *reading = g_new0 (Reading, 1);

  g_weak_ref_init (&reading->workspace, self);
  reading->preset = steer_preset_copy (self->preset);
  reading->library = g_object_ref (self->library);
  reading->d_model = config != NULL ? config->d_model : 0;
  reading->n_layers = config != NULL ? config->n_layers : 0;
  g_task_set_task_data (task, reading, reading_free);
  self->reading = TRUE;
  g_task_run_in_thread (task, read_in_thread);
}

/* A change that comes while vectors are being read waits with them. */
void
steer_workspace_update_plan (SteerWorkspace *self)
{
  self->plan_late = steer_preset_plan_would_read (self->preset, self->library);
  if (!self->plan_late)
    make_plan (self);
  else if (!self->reading)
    read_vectors (self);
}
