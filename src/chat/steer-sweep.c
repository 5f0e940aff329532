#include "steer-sweep.h"

#include <math.h>

#include "steer-score.h"

const char *const steer_sweep_prompts[] = {
  "Tell me about your day.",
  "What should I do this weekend?",
  "Explain how bread is made.",
  "Write a short story.",
  "Give me some advice.",
  "Describe something beautiful.",
  NULL,
};

/* One reply. */
typedef struct
{
  char *text; /* nullable: not there yet */
  guint n_tokens;
  double projection; /* sums over the tokens */
  double surprisal;
  guint n_triples;
  double repeated; /* repetition * n_triples */
} Cell;

struct _SteerSweep
{
  GObject parent_instance;

  SteerEngine *engine;
  SteerModel *model;
  SteerMode mode;
  char **prompts;
  char **stop_strings; /* nullable */
  char *system_prompt; /* nullable */
  guint n_prompts;
  guint n_points;
  SteerPlan **plans;       /* [n_points] */
  SteerSweepPoint *points; /* [n_points] */
  Cell *cells;             /* [n_points, n_prompts] */
  guint layer;
  GBytes *vector; /* d_model floats */
  SteerSampling sampling;
  gboolean all_slots;

  GCancellable *cancellable;
  gboolean running;
  GError *error; /* nullable */
  guint n_asked; /* cells, in their order */
  guint n_done;

  /* The batch that is being written, and then judged one after the other. */
  SteerReply *replies[STEER_MAX_SLOTS];
  guint n_replies;
  guint n_written;
  guint n_judged;
};

enum
{
  PROP_0,
  PROP_PROGRESS,
  PROP_RUNNING,
  N_PROPS,
};

enum
{
  PROGRESSED,
  FINISHED,
  N_SIGNALS,
};

static GParamSpec *properties[N_PROPS];
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (SteerSweep, steer_sweep, G_TYPE_OBJECT)

static void ask (SteerSweep *self);
static void judge (SteerSweep *self);

static guint
count_cells (SteerSweep *self)
{
  return self->n_points * self->n_prompts;
}

static void
clear_batch (SteerSweep *self)
{
  for (guint i = 0; i < self->n_replies; i++)
    {
      g_signal_handlers_disconnect_by_data (self->replies[i], self);
      g_clear_object (&self->replies[i]);
    }
  self->n_replies = self->n_written = self->n_judged = 0;
}

static void
halt (SteerSweep *self)
{
  g_cancellable_cancel (self->cancellable);
  for (guint i = 0; i < self->n_replies; i++)
    steer_reply_stop (self->replies[i]);
}

/* @error: (nullable): taken */
static void
finish (SteerSweep *self, GError *error)
{
  if (!self->running)
    {
      g_clear_error (&error);
      return;
    }
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_clear_error (&error);
  self->running = FALSE;
  self->error = error;
  halt (self);
  clear_batch (self);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_RUNNING]);
  g_signal_emit (self, signals[FINISHED], 0);
}

/* Of the mean, over the prompts, of what the projection of a reply has more than that of the one without the feature.
 */
static double
find_error (SteerSweep *self, guint point)
{
  double sum = 0.0, squares = 0.0;
  guint n = 0;

  for (guint i = 0; i < self->n_prompts; i++)
    {
      const Cell *with = &self->cells[point * self->n_prompts + i];
      const Cell *without = &self->cells[i];
      double more;

      if (with->n_tokens == 0 || without->n_tokens == 0)
        continue;
      more = with->projection / with->n_tokens - without->projection / without->n_tokens;
      sum += more;
      squares += more * more;
      n++;
    }
  return n > 1 ? sqrt (MAX (squares - sum * sum / n, 0.0) / (n - 1) / n) : 0.0;
}

static void
update_point (SteerSweep *self, guint point)
{
  SteerSweepPoint sum = { .strength = self->points[point].strength };
  double repeated = 0.0;
  guint n_triples = 0;

  for (guint i = 0; i < self->n_prompts; i++)
    {
      const Cell *cell = &self->cells[point * self->n_prompts + i];

      sum.n_replies += cell->text != NULL;
      sum.n_empty += cell->text != NULL && cell->n_tokens == 0;
      sum.n_tokens += cell->n_tokens;
      sum.projection += cell->projection;
      sum.surprisal += cell->surprisal;
      repeated += cell->repeated;
      n_triples += cell->n_triples;
    }
  if (sum.n_tokens > 0)
    {
      sum.projection /= sum.n_tokens;
      sum.surprisal /= sum.n_tokens;
    }
  if (n_triples > 0)
    sum.repetition = repeated / n_triples;
  sum.error = point > 0 ? find_error (self, point) : 0.0;
  self->points[point] = sum;
}

/* @score: (nullable): of a reply with tokens */
static void
keep_reply (SteerSweep *self, const SteerScore *score)
{
  SteerReply *reply = self->replies[self->n_judged];
  guint number = self->n_asked - self->n_replies + self->n_judged;
  guint point = number / self->n_prompts;
  Cell *cell = &self->cells[number];
  const gint32 *tokens = steer_reply_get_tokens (reply, &cell->n_tokens);

  cell->text = g_strdup (steer_reply_get_text (reply));
  if (score != NULL)
    {
      cell->surprisal = score->surprisal * cell->n_tokens;
      cell->projection = score->projection * cell->n_tokens;
    }
  cell->n_triples = cell->n_tokens > 2 ? cell->n_tokens - 2 : 0;
  cell->repeated = steer_sweep_find_repetition (tokens, cell->n_tokens) * cell->n_triples;
  update_point (self, point);
  self->n_judged++;
  self->n_done++;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_PROGRESS]);
  if (self->running)
    g_signal_emit (self, signals[PROGRESSED], 0, point);
}

/* Replies of two models tell nothing of each other. */
static gboolean
check_model (SteerSweep *self, GError **error)
{
  if (steer_engine_get_model (self->engine) == self->model)
    return TRUE;
  g_set_error_literal (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_NO_MODEL,
                       "another model was opened meanwhile: begin again with it");
  return FALSE;
}

static void
on_scored (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (SteerSweep) self = data;
  g_autoptr (GError) error = NULL;
  SteerScore score;

  if (!steer_engine_score_finish (STEER_ENGINE (source), result, &score, &error) || !check_model (self, &error))
    finish (self, g_steal_pointer (&error));
  else if (self->running)
    {
      keep_reply (self, &score);
      judge (self);
    }
}

static void
score_reply (SteerSweep *self, SteerReply *reply)
{
  g_autoptr (GArray) all = g_array_new (FALSE, FALSE, sizeof (gint32));
  guint n_prompt, n;
  const gint32 *prompt = steer_reply_get_prompt_tokens (reply, &n_prompt);
  const gint32 *tokens = steer_reply_get_tokens (reply, &n);

  g_array_append_vals (all, prompt, n_prompt);
  g_array_append_vals (all, tokens, n);
  steer_engine_score_async (self->engine, (const gint32 *) (gpointer) all->data, all->len, n_prompt, self->layer,
                            self->vector, self->cancellable, on_scored, g_object_ref (self));
}

/* The replies of the batch that are not judged yet; the next batch when all are. A handler may stop it at any time. */
static void
judge (SteerSweep *self)
{
  while (self->running && self->n_judged < self->n_replies)
    {
      guint n;

      steer_reply_get_tokens (self->replies[self->n_judged], &n);
      if (n > 0)
        {
          score_reply (self, self->replies[self->n_judged]);
          return;
        }
      keep_reply (self, NULL);
    }
  if (self->running)
    ask (self);
}

static void
on_written (SteerReply *reply, SteerSweep *self)
{
  const GError *error = steer_reply_get_error (reply);
  g_autoptr (GError) other = NULL;

  if (!self->running)
    return;
  g_object_ref (self); /* whoever hears of it may let go */
  if (error != NULL)
    finish (self, g_error_copy (error));
  else if (!check_model (self, &other))
    finish (self, g_steal_pointer (&other));
  else if (steer_reply_get_stop_reason (reply) == STEER_STOP_CANCELLED)
    finish (self, g_error_new_literal (STEER_CHAT_ERROR, STEER_CHAT_ERROR_INVALID,
                                       "the replies were stopped before all were there"));
  else if (++self->n_written == self->n_replies)
    judge (self);
  g_object_unref (self);
}

static SteerRequest *
make_request (SteerSweep *self, guint cell)
{
  SteerRequest *request = steer_request_new ();

  if (self->system_prompt != NULL)
    steer_request_add_message (request, STEER_ROLE_SYSTEM, self->system_prompt);
  steer_request_add_message (request, STEER_ROLE_USER, self->prompts[cell % self->n_prompts]);
  /* What a model thinks is not what it says, and would take up the tokens. */
  steer_request_set_thinking (request, FALSE);
  steer_request_set_sampling (request, &self->sampling);
  steer_request_set_stop_strings (request, (const char *const *) self->stop_strings);
  steer_request_schedule_plan (request, 0, self->plans[cell / self->n_prompts]);
  return request;
}

/* The next batch of replies. */
static void
ask (SteerSweep *self)
{
  guint n_slots = steer_engine_get_n_slots (self->engine);
  guint at_once = self->all_slots || n_slots < 2 ? MAX (n_slots, 1) : n_slots - 1;
  guint n = MIN (at_once, count_cells (self) - self->n_asked);
  SteerRequest *requests[STEER_MAX_SLOTS];
  g_autoptr (GError) error = NULL;

  clear_batch (self);
  if (n == 0 || !check_model (self, &error))
    {
      finish (self, g_steal_pointer (&error));
      return;
    }
  for (guint i = 0; i < n; i++)
    requests[i] = make_request (self, self->n_asked + i);
  steer_engine_reply_aside (self->engine, requests, n, self->replies);
  self->n_replies = n;
  self->n_asked += n;
  for (guint i = 0; i < n; i++)
    {
      steer_request_unref (requests[i]);
      g_signal_connect (self->replies[i], "finished", G_CALLBACK (on_written), self);
    }
}

void
steer_sweep_start (SteerSweep *self)
{
  g_return_if_fail (STEER_IS_SWEEP (self));
  g_return_if_fail (self->n_asked == 0);

  self->running = TRUE;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_RUNNING]);
  if (self->running)
    ask (self);
}

void
steer_sweep_stop (SteerSweep *self)
{
  g_return_if_fail (STEER_IS_SWEEP (self));

  finish (self, NULL);
}

const GError *
steer_sweep_get_error (SteerSweep *self)
{
  return self->error;
}

guint
steer_sweep_get_n_points (SteerSweep *self)
{
  return self->n_points;
}

guint
steer_sweep_get_n_prompts (SteerSweep *self)
{
  return self->n_prompts;
}

const char *
steer_sweep_get_prompt (SteerSweep *self, guint prompt)
{
  g_return_val_if_fail (prompt < self->n_prompts, NULL);
  return self->prompts[prompt];
}

const SteerSweepPoint *
steer_sweep_get_point (SteerSweep *self, guint point)
{
  g_return_val_if_fail (point < self->n_points, NULL);
  return &self->points[point];
}

const char *
steer_sweep_get_reply (SteerSweep *self, guint point, guint prompt)
{
  g_return_val_if_fail (point < self->n_points && prompt < self->n_prompts, NULL);
  return self->cells[point * self->n_prompts + prompt].text;
}

double
steer_sweep_get_gain (SteerSweep *self, guint point)
{
  g_return_val_if_fail (point < self->n_points, 0.0);
  return steer_sweep_point_get_gain (self->points, point, self->mode);
}

gboolean
steer_sweep_holds (SteerSweep *self, guint point)
{
  g_return_val_if_fail (point < self->n_points, FALSE);
  return steer_sweep_point_holds (self->points, point, self->n_prompts);
}

gboolean
steer_sweep_suggest (SteerSweep *self, guint *point)
{
  g_return_val_if_fail (STEER_IS_SWEEP (self), FALSE);
  return steer_sweep_points_suggest (self->points, self->n_points, self->n_prompts, self->mode, point);
}

static void
steer_sweep_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  SteerSweep *self = STEER_SWEEP (object);

  switch (id)
    {
    case PROP_PROGRESS:
      g_value_set_double (value, (double) self->n_done / MAX (count_cells (self), 1));
      break;
    case PROP_RUNNING:
      g_value_set_boolean (value, self->running);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
steer_sweep_dispose (GObject *object)
{
  SteerSweep *self = STEER_SWEEP (object);

  self->running = FALSE;
  halt (self);
  clear_batch (self);
  g_clear_object (&self->model);
  g_clear_object (&self->engine);
  G_OBJECT_CLASS (steer_sweep_parent_class)->dispose (object);
}

static void
steer_sweep_finalize (GObject *object)
{
  SteerSweep *self = STEER_SWEEP (object);

  for (guint i = 0; i < count_cells (self); i++)
    g_free (self->cells[i].text);
  for (guint i = 0; i < self->n_points; i++)
    g_clear_pointer (&self->plans[i], steer_plan_unref);
  g_free (self->cells);
  g_free (self->points);
  g_free (self->plans);
  g_strfreev (self->prompts);
  g_strfreev (self->stop_strings);
  g_free (self->system_prompt);
  g_clear_pointer (&self->vector, g_bytes_unref);
  g_clear_object (&self->cancellable);
  g_clear_error (&self->error);
  G_OBJECT_CLASS (steer_sweep_parent_class)->finalize (object);
}

static void
steer_sweep_class_init (SteerSweepClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->get_property = steer_sweep_get_property;
  object_class->dispose = steer_sweep_dispose;
  object_class->finalize = steer_sweep_finalize;
  properties[PROP_PROGRESS] = g_param_spec_double ("progress", NULL, NULL, 0.0, 1.0, 0.0, flags);
  properties[PROP_RUNNING] = g_param_spec_boolean ("running", NULL, NULL, FALSE, flags);
  g_object_class_install_properties (object_class, N_PROPS, properties);
  signals[PROGRESSED] = g_signal_new ("progressed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                      G_TYPE_NONE, 1, G_TYPE_UINT);
  signals[FINISHED]
    = g_signal_new ("finished", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
steer_sweep_init (SteerSweep *self)
{
  self->cancellable = g_cancellable_new ();
}

/* One a point: without the feature, and with each strength. */
static gboolean
make_plans (SteerSweep *self, const SteerSweepOptions *options, const SteerModelConfig *config, GError **error)
{
  g_autoptr (SteerPreset) preset = steer_preset_copy (options->preset);
  g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (preset), options->feature);

  steer_preset_set_master_enabled (preset, TRUE);
  self->layer = steer_feature_get_layer (feature);
  self->mode = steer_feature_get_mode (feature);
  for (guint i = 0; i < self->n_points; i++)
    {
      steer_feature_set_enabled (feature, i > 0);
      if (i > 0)
        steer_feature_set_strength (feature, options->strengths[i - 1]);
      self->points[i].strength = i > 0 ? options->strengths[i - 1] : 0.0;
      self->plans[i] = steer_preset_make_plan (preset, options->library, config->d_model, config->n_layers, error);
      if (self->plans[i] == NULL)
        return FALSE;
    }
  self->vector = steer_library_load_vector (options->library, steer_feature_get_source (feature), self->layer,
                                            steer_feature_get_index (feature), error);
  return self->vector != NULL;
}

static gboolean
check_options (const SteerSweepOptions *options, GError **error)
{
  guint n_prompts = g_strv_length ((char **) options->prompts);

  if (options->n_strengths > STEER_SWEEP_MAX_STRENGTHS || n_prompts > STEER_SWEEP_MAX_PROMPTS)
    g_set_error (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_INVALID,
                 "%u strengths and %u prompts are too many: up to %u and %u are tried", options->n_strengths, n_prompts,
                 STEER_SWEEP_MAX_STRENGTHS, STEER_SWEEP_MAX_PROMPTS);
  else if (steer_preset_get_master_multiplier (options->preset) <= 0.0)
    g_set_error_literal (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_INVALID,
                         "the multiplier of all strengths is 0, so every strength does nothing: raise it first");
  else
    return TRUE;
  return FALSE;
}

SteerSweep *
steer_sweep_new (SteerEngine *engine, const SteerSweepOptions *options, GError **error)
{
  g_autoptr (SteerSweep) self = NULL;
  SteerModel *model;

  g_return_val_if_fail (STEER_IS_ENGINE (engine), NULL);
  g_return_val_if_fail (options->n_strengths > 0 && options->prompts[0] != NULL, NULL);
  g_return_val_if_fail (options->feature < g_list_model_get_n_items (G_LIST_MODEL (options->preset)), NULL);

  model = steer_engine_get_model (engine);
  if (model == NULL)
    {
      g_set_error_literal (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_NO_MODEL, "no model is loaded: open one first");
      return NULL;
    }
  if (!check_options (options, error))
    return NULL;
  self = g_object_new (STEER_TYPE_SWEEP, NULL);
  self->engine = g_object_ref (engine);
  self->model = g_object_ref (model);
  self->prompts = g_strdupv ((char **) options->prompts);
  self->stop_strings = g_strdupv ((char **) options->stop_strings);
  self->system_prompt = g_strdup (steer_preset_get_system_prompt (options->preset));
  self->n_prompts = g_strv_length (self->prompts);
  self->n_points = options->n_strengths + 1;
  self->plans = g_new0 (SteerPlan *, self->n_points);
  self->points = g_new0 (SteerSweepPoint, self->n_points);
  self->cells = g_new0 (Cell, count_cells (self));
  self->sampling = *options->sampling;
  self->all_slots = options->all_slots;
  if (!make_plans (self, options, steer_model_get_config (model), error))
    return NULL;
  return g_steal_pointer (&self);
}
