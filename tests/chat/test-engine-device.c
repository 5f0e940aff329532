/* The engine on a device that chooses tokens itself, that runs out of memory and that gets lost: a backend that hands
 * everything to the CPU and then behaves as a GPU does. */
#include <string.h>

#include "chat/steer-engine.h"
#include "chat/steer-sampler.h"
#include "cpu/steer-cpu.h"
#include "chat-test-util.h"
#include "engine-test-util.h"
#include "test-model.h"
#include "test-util.h"

#define D_MODEL 32
#define N_VOCAB 96

static guint n_chosen;     /* tokens that the device chose */
static guint n_until_lost; /* calls of forward that still succeed; 0: all do */
static guint n_until_full; /* opens that still succeed; 0: all do */
static guint n_open;       /* contexts */
static guint most_open;    /* at a time */
static gboolean single;    /* the device has memory for one context */
static const SteerBackend gpu;

static GPtrArray *
list_devices (void)
{
  GPtrArray *devices = steer_cpu_backend ()->list_devices ();
  SteerDevice *device = g_ptr_array_index (devices, 0);

  g_free (device->id);
  device->id = g_strdup ("gpu:0");
  return devices;
}

static gboolean
estimate (SteerModel *model,
          const char *device,
          const SteerContextOptions *options,
          SteerMemoryEstimate *result,
          GError **error)
{
  return steer_cpu_backend ()->estimate (model, "cpu", options, result, error);
}

static SteerContext *
open_context (SteerModel *model,
              const char *device,
              const SteerContextOptions *options,
              SteerProgressFunc progress,
              gpointer data,
              GCancellable *cancellable,
              GError **error)
{
  SteerContext *context;

  if ((n_until_full > 0 && --n_until_full == 0) || (single && n_open > 0))
    {
      g_set_error_literal (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_NO_MEMORY, "the device is full");
      return NULL;
    }
  context = steer_cpu_backend ()->open (model, "cpu", options, progress, data, cancellable, error);
  if (context == NULL)
    return NULL;
  context->backend = &gpu;
  g_free (context->device_id);
  context->device_id = g_strdup ("gpu:0");
  n_open++;
  most_open = MAX (most_open, n_open);
  return context;
}

static void
close_context (SteerContext *context)
{
  n_open--;
  steer_cpu_backend ()->close (context);
}

static void
choose (SteerRun *run, float *logits)
{
  g_autoptr (SteerSampler) sampler = steer_sampler_new (N_VOCAB);

  run->token = steer_sampler_choose (sampler, run->sampling, logits, run->seen, run->uniform);
  n_chosen++;
}

static gboolean
forward (SteerContext *context, SteerRun *runs, guint n_runs, GCancellable *cancellable, GError **error)
{
  float logits[STEER_MAX_SLOTS][N_VOCAB];
  gboolean chosen[STEER_MAX_SLOTS] = { FALSE };
  gboolean done;

  if (n_until_lost > 0 && --n_until_lost == 0)
    {
      n_until_lost = 1;
      g_set_error_literal (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE, "the device fell off the bus");
      return FALSE;
    }
  for (guint i = 0; i < n_runs; i++)
    if (runs[i].want == STEER_WANT_TOKEN)
      {
        chosen[i] = TRUE;
        runs[i].want = STEER_WANT_LAST_LOGITS;
        runs[i].logits = logits[i];
      }
  done = steer_cpu_backend ()->forward (context, runs, n_runs, cancellable, error);
  for (guint i = 0; i < n_runs; i++)
    if (chosen[i])
      {
        runs[i].want = STEER_WANT_TOKEN;
        if (done)
          choose (&runs[i], logits[i]);
      }
  return done;
}

static const SteerBackend gpu = {
  .name = "gpu",
  .can_choose = TRUE,
  .list_devices = list_devices,
  .estimate = estimate,
  .open = open_context,
  .close = close_context,
  .forward = forward,
};

typedef struct
{
  char *dir;
  char *other;
  SteerEngine *engine;
} Fixture;

static void
load (Fixture *f, const char *path, const char *device, GError **error)
{
  SteerLoadOptions options;

  test_load_options_init (&options, path);
  options.device = device;
  options.context.n_slots = 2;
  test_engine_load (f->engine, &options, error);
}

static void
load_on (Fixture *f, const char *device)
{
  g_autoptr (GError) error = NULL;

  load (f, f->dir, device, &error);
  g_assert_no_error (error);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  n_chosen = n_until_lost = n_until_full = n_open = most_open = 0;
  single = FALSE;
  f->dir = test_make_dir ();
  f->other = test_make_dir ();
  test_write_model (f->dir, &(TestModelShape){ .seed = 3 });
  test_write_model (f->other, &(TestModelShape){ .seed = 4 });
  f->engine = steer_engine_new ();
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  test_assert_finalizes (f->engine);
  g_assert_cmpuint (n_open, ==, 0);
  test_remove_dir (f->dir);
  test_remove_dir (f->other);
}

static SteerPlan *
make_plan (float strength)
{
  g_autoptr (SteerPlanBuilder) builder = steer_plan_builder_new (D_MODEL);
  g_autoptr (GBytes) vector = test_make_unit_vector (D_MODEL, 9);

  steer_plan_builder_add (builder, 1, 1, STEER_MODE_ADD, strength, vector);
  return steer_plan_builder_end (builder);
}

static SteerRequest *
make_request (guint n_prompt, double temperature, double penalty)
{
  SteerRequest *request = steer_request_new ();
  g_autofree gint32 *ids = g_new (gint32, n_prompt);
  SteerSampling sampling;

  for (guint i = 0; i < n_prompt; i++)
    ids[i] = (gint32) (7 * i % N_VOCAB);
  steer_sampling_init (&sampling);
  sampling.temperature = temperature;
  sampling.repetition_penalty = penalty;
  sampling.seed = 16;
  sampling.max_tokens = 24;
  steer_request_set_sampling (request, &sampling);
  steer_request_set_ids (request, ids, n_prompt);
  return request;
}

static GArray *
get_tokens (SteerReply *reply)
{
  guint n;
  const gint32 *tokens = steer_reply_get_tokens (reply, &n);
  GArray *copy = g_array_new (FALSE, FALSE, sizeof (gint32));

  g_array_append_vals (copy, tokens, n);
  return copy;
}

static GArray *
run (Fixture *f, SteerRequest *request)
{
  g_autoptr (SteerReply) reply = steer_engine_reply (f->engine, request);

  test_reply_wait (reply, 20);
  g_assert_no_error (steer_reply_get_error (reply));
  return get_tokens (reply);
}

static void
assert_same_tokens (GArray *a, GArray *b)
{
  g_assert_cmpmem (a->data, a->len * sizeof (gint32), b->data, b->len * sizeof (gint32));
}

static char *
dup_string (Fixture *f, const char *name)
{
  char *value;

  g_object_get (f->engine, name, &value, NULL);
  return value;
}

static void
assert_device (Fixture *f, const char *expected)
{
  g_autofree char *id = dup_string (f, "device-id");

  g_assert_cmpstr (id, ==, expected);
}

/* Greedy, sampled and penalised; a short prompt and one of several pieces. */
static void
test_choice (Fixture *f, gconstpointer data)
{
  static const struct
  {
    guint n_prompt;
    double temperature;
    double penalty;
  } cases[] = { { 5, 0.0, 1.0 }, { 5, 1.5, 1.0 }, { 1, 1.5, 1.3 }, { 300, 1.2, 1.1 } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (SteerRequest) request = make_request (cases[i].n_prompt, cases[i].temperature, cases[i].penalty);
      g_autoptr (GArray) here = NULL;
      g_autoptr (GArray) there = NULL;

      load_on (f, "cpu");
      here = run (f, request);
      n_chosen = 0;
      load_on (f, "gpu");
      there = run (f, request);
      assert_same_tokens (here, there);
      /* Every token, the first one after the prompt too. */
      g_assert_cmpuint (n_chosen, ==, there->len);
    }
}

/* (element-type SteerPlan), one a token, with NULLs. */
static void
on_chunk (SteerReply *reply, const SteerChunk *chunk, GPtrArray *plans)
{
  for (guint i = 0; i < chunk->n_tokens; i++)
    g_ptr_array_add (plans, chunk->plan);
}

static GArray *
run_with_marks (Fixture *f, SteerRequest *request, GPtrArray *plans)
{
  g_autoptr (SteerReply) reply = steer_engine_reply (f->engine, request);

  g_signal_connect (reply, "chunk", G_CALLBACK (on_chunk), plans);
  test_reply_wait (reply, 20);
  g_assert_no_error (steer_reply_get_error (reply));
  return get_tokens (reply);
}

/* A plan that changes in the middle acts on the same token, and that token is marked with it. */
static void
test_schedule (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerPlan) plan = make_plan (6.0f);
  g_autoptr (SteerRequest) request = make_request (5, 1.0, 1.0);
  g_autoptr (GPtrArray) marks_here = g_ptr_array_new ();
  g_autoptr (GPtrArray) marks_there = g_ptr_array_new ();
  g_autoptr (GArray) here = NULL;
  g_autoptr (GArray) there = NULL;

  steer_request_schedule_plan (request, 7, plan);
  load_on (f, "cpu");
  here = run_with_marks (f, request, marks_here);
  load_on (f, "gpu");
  there = run_with_marks (f, request, marks_there);
  assert_same_tokens (here, there);
  g_assert_cmpuint (marks_there->len, ==, there->len);
  for (guint i = 0; i < there->len; i++)
    {
      g_assert_true (g_ptr_array_index (marks_there, i) == (i < 7 ? NULL : plan));
      g_assert_true (g_ptr_array_index (marks_here, i) == g_ptr_array_index (marks_there, i));
    }
}

/* Two replies as one batch, each with its own seed's numbers. */
static void
test_together (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerRequest) first = make_request (5, 1.0, 1.0);
  g_autoptr (SteerRequest) second = make_request (9, 1.4, 1.2);
  SteerRequest *both[] = { first, second };
  SteerReply *replies[2];
  g_autoptr (GArray) a = NULL;
  g_autoptr (GArray) b = NULL;

  load_on (f, "cpu");
  a = run (f, first);
  b = run (f, second);
  load_on (f, "gpu");
  steer_engine_reply_together (f->engine, both, 2, replies);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GArray) tokens = NULL;

      test_reply_wait (replies[i], 20);
      tokens = get_tokens (replies[i]);
      assert_same_tokens (tokens, i == 0 ? a : b);
      g_object_unref (replies[i]);
    }
}

static gboolean
is_on_cpu (gpointer data)
{
  g_autofree char *id = dup_string (data, "device-id");

  return g_strcmp0 (id, "cpu") == 0;
}

/* What was written stays, the error says why, and the next request is served by the CPU as if nothing had been. */
static void
test_lost (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerRequest) request = make_request (5, 1.0, 1.0);
  g_autoptr (GArray) whole = NULL;
  g_autoptr (GArray) before = NULL;
  g_autoptr (GArray) after = NULL;
  g_autoptr (SteerReply) reply = NULL;
  g_autofree char *note = NULL;

  load_on (f, "cpu");
  whole = run (f, request);
  load_on (f, "gpu");
  assert_device (f, "gpu:0");
  n_until_lost = 11;
  reply = steer_engine_reply (f->engine, request);
  test_reply_wait (reply, 20);
  g_assert_error (steer_reply_get_error (reply), STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE);
  g_assert_nonnull (strstr (steer_reply_get_error (reply)->message, "fell off the bus"));
  before = get_tokens (reply);
  g_assert_cmpuint (before->len, ==, 10);
  g_assert_cmpmem (before->data, 10 * sizeof (gint32), whole->data, 10 * sizeof (gint32));

  test_wait_until (is_on_cpu, f, 20);
  note = dup_string (f, "device-note");
  g_assert_nonnull (strstr (note, "failed"));
  g_assert_cmpuint (n_open, ==, 0);
  after = run (f, request);
  assert_same_tokens (after, whole);
}

static void
test_lost_in_prompt (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerRequest) request = make_request (5, 1.0, 1.0);
  g_autoptr (SteerReply) reply = NULL;
  g_autoptr (GArray) after = NULL;

  load_on (f, "gpu");
  n_until_lost = 1;
  reply = steer_engine_reply (f->engine, request);
  test_reply_wait (reply, 20);
  g_assert_error (steer_reply_get_error (reply), STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE);
  after = run (f, request);
  g_assert_cmpuint (after->len, ==, 24);
  assert_device (f, "cpu");
}

/* Room for one: the old model gives way to the new one, and only then. */
static void
test_replaces (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;

  load_on (f, "gpu");
  load (f, f->other, "gpu", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (most_open, ==, 2);

  single = TRUE;
  most_open = n_open;
  load (f, f->dir, "gpu", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (most_open, ==, 1);
  path = dup_string (f, "model-path");
  g_assert_cmpstr (path, ==, f->dir);
}

/* The new one does not fit even alone: the old one answers as before. */
static void
test_keeps_old (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerRequest) request = make_request (5, 1.0, 1.0);
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) before = NULL;
  g_autoptr (GArray) after = NULL;
  g_autofree char *path = NULL;

  load_on (f, "gpu");
  before = run (f, request);
  /* The first attempt fails for want of room, the second one by itself; the old model opens again. */
  single = TRUE;
  n_until_full = 2;
  load (f, f->other, "gpu", &error);
  g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_NO_MEMORY);
  path = dup_string (f, "model-path");
  g_assert_cmpstr (path, ==, f->dir);
  assert_device (f, "gpu:0");
  after = run (f, request);
  assert_same_tokens (after, before);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  steer_backend_register (&gpu);
  steer_backend_register (steer_cpu_backend ());

#define ADD(sentence, func) g_test_add ("/chat/engine-device/" sentence, Fixture, NULL, set_up, func, tear_down)
  ADD ("tokens that the device chooses are those that the sampler chooses", test_choice);
  ADD ("a plan that changes acts on the same token and marks it", test_schedule);
  ADD ("each reply of a batch is chosen with its own numbers", test_together);
  ADD ("after a device is lost the model goes on on the CPU", test_lost);
  ADD ("a device that is lost in a prompt ends the reply with an error", test_lost_in_prompt);
  ADD ("where both models do not fit the old one gives way", test_replaces);
  ADD ("a model that does not fit even alone leaves the old one usable", test_keeps_old);
#undef ADD
  return g_test_run ();
}
