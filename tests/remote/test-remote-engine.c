/* Replies of a model of another computer. */
#include <string.h>

#include "chat-test-util.h"
#include "chat/steer-engine.h"
#include "engine-test-util.h"
#include "remote-test-util.h"
#include "test-model.h"
#include "test-util.h"

#define D_MODEL 32
#define N_VOCAB 96
#define N_WRITTEN 24

typedef struct
{
  char *dir;
  char *address;
  SteerEngine *here;
  SteerEngine *there;
} Fixture;

static void
load (SteerEngine *engine, const char *path, const char *device)
{
  SteerLoadOptions options;

  test_load_options_init (&options, path);
  options.device = device;
  options.context.n_slots = 2;
  options.context.n_threads = 1;
  test_engine_load_or_fail (engine, &options);
}

static void
set_up (Fixture *f, gconstpointer device)
{
  remote_test_set_login (NULL);
  f->dir = test_make_dir ();
  test_write_model (f->dir, &(TestModelShape){ .seed = 3 });
  f->address = remote_test_dup_address (f->dir);
  f->here = steer_engine_new ();
  f->there = steer_engine_new ();
  load (f->here, f->dir, "cpu");
  load (f->there, f->address, device);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  test_assert_finalizes (f->here);
  test_assert_finalizes (f->there);
  test_remove_dir (f->dir);
  g_free (f->address);
}

static SteerRequest *
make_request (guint n_prompt, guint64 seed, guint n_written)
{
  SteerRequest *request = steer_request_new ();
  g_autofree gint32 *ids = g_new (gint32, n_prompt);
  SteerSampling sampling;

  for (guint i = 0; i < n_prompt; i++)
    ids[i] = (gint32) ((7 * i + seed) % N_VOCAB);
  steer_sampling_init (&sampling);
  sampling.temperature = 1.2;
  sampling.repetition_penalty = 1.1;
  sampling.seed = seed;
  sampling.max_tokens = n_written;
  steer_request_set_sampling (request, &sampling);
  steer_request_set_ids (request, ids, n_prompt);
  return request;
}

static void
assert_same_tokens (SteerReply *a, SteerReply *b, guint n)
{
  guint n_a, n_b;
  const gint32 *x = steer_reply_get_tokens (a, &n_a), *y = steer_reply_get_tokens (b, &n_b);

  g_assert_cmpuint (n_b, ==, n);
  g_assert_cmpuint (n_a, >=, n);
  g_assert_cmpmem (x, n * sizeof (gint32), y, n * sizeof (gint32));
}

/* A reply that need not end well. */
static SteerReply *
run (SteerEngine *engine, SteerRequest *request)
{
  SteerReply *reply = steer_engine_reply (engine, request);

  test_reply_wait (reply, 20);
  return reply;
}

static char *
dup_string (SteerEngine *engine, const char *name)
{
  char *value;

  g_object_get (engine, name, &value, NULL);
  return value;
}

static void
test_loaded (Fixture *f, gconstpointer data)
{
  g_autofree char *path = dup_string (f->there, "model-path"), *id = dup_string (f->there, "device-id");
  g_autofree char *name = dup_string (f->there, "model-name"), *expected = dup_string (f->here, "model-name");

  g_assert_cmpstr (path, ==, f->address);
  g_assert_cmpstr (id, ==, "remote:cpu");
  g_assert_cmpstr (name, ==, expected);
}

/* A plan that changes in mid-reply, and a prompt of several pieces. */
static void
test_reply (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerPlanBuilder) builder = steer_plan_builder_new (D_MODEL);
  g_autoptr (GBytes) vector = test_make_unit_vector (D_MODEL, 9);
  g_autoptr (SteerPlan) plan = NULL;

  g_assert_true (steer_plan_builder_add (builder, 1, 1, STEER_MODE_ADD, 6, vector));
  plan = steer_plan_builder_end (builder);
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (SteerRequest) request = make_request (i == 2 ? 300 : 5, 16 + i, N_WRITTEN);
      g_autoptr (SteerReply) here = NULL, there = NULL;

      if (i > 0)
        steer_request_schedule_plan (request, 7, plan);
      here = run (f->here, request);
      there = run (f->there, request);
      g_assert_no_error (steer_reply_get_error (there));
      assert_same_tokens (here, there, N_WRITTEN);
    }
}

static void
test_together (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerRequest) first = make_request (5, 1, N_WRITTEN), second = make_request (9, 2, N_WRITTEN);
  SteerRequest *both[] = { first, second };
  SteerReply *replies[2];

  steer_engine_reply_together (f->there, both, 2, replies);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (SteerReply) here = run (f->here, both[i]);

      test_reply_wait (replies[i], 20);
      assert_same_tokens (here, replies[i], N_WRITTEN);
      g_object_unref (replies[i]);
    }
}

/* The residual stream is measured and shown as that of a model here. */
static void
test_trace (Fixture *f, gconstpointer data)
{
  const gint32 tokens[] = { 3, 1, 4, 1, 5, 9, 2, 6 };
  const guint layers[] = { 0, 2 };
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerTrace) here = test_engine_trace (f->here, tokens, 8, layers, 2, TRUE, NULL);
  g_autoptr (SteerTrace) there = test_engine_trace (f->there, tokens, 8, layers, 2, TRUE, &error);

  g_assert_no_error (error);
  g_assert_cmpmem (here->logits, 8 * N_VOCAB * sizeof (float), there->logits, 8 * N_VOCAB * sizeof (float));
  g_assert_cmpmem (here->residual, 2 * 8 * D_MODEL * sizeof (float), there->residual, 2 * 8 * D_MODEL * sizeof (float));
}

/* What was written stays; the next reply comes over another connection, from the beginning. */
static void
test_lost (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerRequest) request = make_request (5, 16, N_WRITTEN);
  g_autoptr (SteerReply) whole = run (f->here, request), broken = run (f->there, request), again = NULL;
  g_autofree char *note = NULL, *id = NULL;

  g_assert_error (steer_reply_get_error (broken), STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE);
  assert_same_tokens (whole, broken, 2);
  again = run (f->there, request);
  /* Its lender ends in the third pass, too. */
  assert_same_tokens (whole, again, 2);
  note = dup_string (f->there, "device-note");
  id = dup_string (f->there, "device-id");
  g_assert_nonnull (strstr (note, "reached again"));
  g_assert_cmpstr (id, ==, "remote:" TEST_DEVICE_GONE);
}

/* A connection that ended while nobody spoke is made again before the next reply, which is whole. */
static void
test_idle (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerRequest) request = make_request (5, 16, N_WRITTEN);
  g_autoptr (SteerReply) expected = run (f->here, request);

  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (SteerReply) reply = run (f->there, request);
      g_autofree char *note = dup_string (f->there, "device-note");

      g_assert_no_error (steer_reply_get_error (reply));
      assert_same_tokens (expected, reply, N_WRITTEN);
      g_assert_true ((i > 0) == (note != NULL && strstr (note, "reached again") != NULL));
      remote_test_kill_lender ();
    }
}

/* The computer stays away: each reply says so, the model stays chosen, and comes back with it. */
static void
test_away (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerRequest) request = make_request (5, 16, N_WRITTEN);
  g_autoptr (SteerReply) broken = run (f->there, request), refused = NULL, back = NULL;
  g_autofree char *path = NULL;

  remote_test_set_login ("refused");
  refused = run (f->there, request);
  g_assert_error (steer_reply_get_error (refused), STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE);
  g_assert_nonnull (strstr (steer_reply_get_error (refused)->message, "Permission denied"));
  path = dup_string (f->there, "model-path");
  g_assert_cmpstr (path, ==, f->address);

  remote_test_set_login (NULL);
  back = run (f->there, request);
  assert_same_tokens (broken, back, 2);
}

static gboolean
stop (gpointer reply)
{
  steer_reply_stop (reply);
  return G_SOURCE_REMOVE;
}

/* Whoever stops a reply, or ends the program, while its computer is being looked for waits for nobody. */
static void
test_stop_reaching (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerRequest) request = make_request (5, 16, N_WRITTEN);
  g_autoptr (SteerReply) broken = run (f->there, request), stopped = NULL, left = NULL;
  gint64 start = g_get_monotonic_time ();

  remote_test_set_login ("waiting");
  stopped = steer_engine_reply (f->there, request);
  g_timeout_add (200, stop, stopped);
  test_reply_wait (stopped, 30);
  g_assert_no_error (steer_reply_get_error (stopped));
  left = steer_engine_reply (f->there, request);
  g_usleep (200 * 1000);
  test_assert_finalizes (g_steal_pointer (&f->there));
  g_assert_cmpint (g_get_monotonic_time () - start, <, 30 * G_USEC_PER_SEC);
  f->there = steer_engine_new ();
}

/* Stopping takes none of the seconds that the pass would. */
static void
test_stop (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerRequest) request = make_request (5, 16, N_WRITTEN);
  g_autoptr (SteerReply) reply = steer_engine_reply (f->there, request);
  gint64 start = g_get_monotonic_time ();
  guint n = 0;

  while (n == 0)
    {
      g_main_context_iteration (NULL, TRUE);
      steer_reply_get_tokens (reply, &n);
    }
  steer_reply_stop (reply);
  test_reply_wait (reply, 20);
  g_assert_no_error (steer_reply_get_error (reply));
  g_assert_cmpint (g_get_monotonic_time () - start, <, 10 * G_USEC_PER_SEC);
}

int
main (int argc, char **argv)
{
  remote_test_init (&argc, &argv);

#define ADD(name, device, function) g_test_add ("/remote-engine/" name, Fixture, device, set_up, function, tear_down)
  ADD ("a model of another computer is loaded by its address", "cpu", test_loaded);
  ADD ("its replies are those that it gives here", "cpu", test_reply);
  ADD ("so are those of a comparison", "cpu", test_together);
  ADD ("so is a trace", "cpu", test_trace);
  ADD ("a connection that is lost ends the reply and is made again", TEST_DEVICE_GONE, test_lost);
  ADD ("one that was lost meanwhile is made before the next reply", "cpu", test_idle);
  ADD ("a computer that stays away is named until it is back", TEST_DEVICE_LOST, test_away);
  ADD ("looking for it again is stopped at once", TEST_DEVICE_LOST, test_stop_reaching);
  ADD ("a reply is stopped at once", TEST_DEVICE_SLOW, test_stop);
#undef ADD

  return remote_test_run ();
}
