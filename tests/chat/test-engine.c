/* The engine as its users see it: everything is asked for on the main thread and arrives there. */
#include "chat/steer-engine.h"

#include <stdlib.h>
#include <sys/resource.h>

#include "cpu/steer-cpu.h"
#include "chat-test-util.h"
#include "engine-test-util.h"
#include "test-model.h"
#include "test-util.h"

#define D_MODEL 32
#define N_VOCAB 96
#define NICENESS 7

typedef struct
{
  char *dir;
  SteerEngine *engine;
} Fixture;

static void
load (Fixture *f, const char *path, GCancellable *cancellable, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;
  SteerLoadOptions options;

  test_load_options_init (&options, path);
  options.context.n_slots = 2;
  steer_engine_load_async (f->engine, &options, cancellable, test_keep_result, &result);
  g_assert_cmpint (steer_engine_get_state (f->engine), ==, STEER_ENGINE_LOADING);
  test_wait_for_result (&result, 20);
  steer_engine_load_finish (f->engine, result, error);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  f->dir = test_make_dir ();
  test_write_model (f->dir, &(TestModelShape){ .seed = 3 });
  f->engine = steer_engine_new ();
  g_assert_cmpint (steer_engine_get_state (f->engine), ==, STEER_ENGINE_EMPTY);
  load (f, f->dir, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (steer_engine_get_state (f->engine), ==, STEER_ENGINE_READY);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  if (f->engine != NULL)
    test_assert_finalizes (f->engine);
  test_remove_dir (f->dir);
}

static SteerRequest *
make_request (guint max_tokens, double temperature)
{
  const gint32 ids[] = { 5, 17, 42, 8, 91 };
  SteerRequest *request = steer_request_new ();
  SteerSampling sampling;

  steer_sampling_init (&sampling);
  sampling.temperature = temperature;
  sampling.seed = 16;
  sampling.max_tokens = max_tokens;
  steer_request_set_sampling (request, &sampling);
  steer_request_set_ids (request, ids, G_N_ELEMENTS (ids));
  return request;
}

static SteerPlan *
make_plan (float strength)
{
  g_autoptr (SteerPlanBuilder) builder = steer_plan_builder_new (D_MODEL);
  g_autoptr (GBytes) vector = test_make_unit_vector (D_MODEL, 9);

  steer_plan_builder_add (builder, 1, 1, STEER_MODE_ADD, strength, vector);
  return steer_plan_builder_end (builder);
}

static GArray *
run (Fixture *f, SteerRequest *request)
{
  g_autoptr (SteerReply) reply = steer_engine_reply (f->engine, request);
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  const gint32 *tokens;
  guint n;

  test_reply_wait (reply, 30);
  g_assert_null (steer_reply_get_error (reply));
  tokens = steer_reply_get_tokens (reply, &n);
  g_array_append_vals (ids, tokens, n);
  return ids;
}

static void
assert_same (GArray *a, GArray *b)
{
  g_assert_cmpmem (a->data, a->len * sizeof (gint32), b->data, b->len * sizeof (gint32));
}

static void
test_reply (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerRequest) request = make_request (20, 0.8);
  g_autoptr (SteerReply) reply = steer_engine_reply (f->engine, request);
  SteerReplyStats stats;
  guint n;

  g_assert_cmpint (steer_engine_get_state (f->engine), ==, STEER_ENGINE_BUSY);
  test_reply_wait (reply, 30);
  g_assert_cmpint (steer_engine_get_state (f->engine), ==, STEER_ENGINE_READY);
  g_assert_cmpint (steer_reply_get_stop_reason (reply), ==, STEER_STOP_LENGTH);
  steer_reply_get_tokens (reply, &n);
  g_assert_cmpuint (n, ==, 20);
  steer_reply_get_prompt_tokens (reply, &n);
  g_assert_cmpuint (n, ==, 5);
  steer_reply_get_stats (reply, &stats);
  g_assert_cmpuint (stats.n_tokens, ==, 20);
  g_assert_cmpuint (stats.n_prompt_tokens, ==, 5);
  g_assert_cmpfloat (stats.decode_seconds, >, 0.0);
}

static void
test_seed (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerRequest) request = make_request (40, 1.0);
  g_autoptr (GArray) first = run (f, request);
  g_autoptr (GArray) again = run (f, request);
  SteerSampling sampling;
  g_autoptr (GArray) other = NULL;

  assert_same (first, again);
  steer_sampling_init (&sampling);
  sampling.temperature = 1.0;
  sampling.max_tokens = 40;
  sampling.seed = 17;
  steer_request_set_sampling (request, &sampling);
  other = run (f, request);
  g_assert_true (other->len != first->len || memcmp (other->data, first->data, first->len * 4) != 0);
}

/* What a listener of a reply writes down: which tokens came under which plan. */
typedef struct
{
  SteerLivePlan *live;
  SteerRequest *replay;
  SteerPlan *plans[4];
  guint n_plans;
  guint n_seen;
  guint n_finished;
} Record;

static void
on_chunk (SteerReply *reply, const SteerChunk *chunk, Record *record)
{
  g_assert_cmpuint (chunk->first_token, ==, record->n_seen);
  g_assert_cmpuint (record->n_finished, ==, 0);
  record->n_seen += chunk->n_tokens;
  steer_request_schedule_plan (record->replay, chunk->first_token, chunk->plan);
  /* The slider moves while the reply is written. */
  if (record->n_plans < G_N_ELEMENTS (record->plans))
    steer_live_plan_set (record->live, record->plans[record->n_plans++]);
}

static void
on_finished (SteerReply *reply, Record *record)
{
  record->n_finished++;
}

static void
record_init (Record *self)
{
  *self = (Record){ .live = steer_live_plan_new (NULL), .replay = make_request (400, 0.0) };
  for (guint i = 0; i < G_N_ELEMENTS (self->plans); i++)
    self->plans[i] = make_plan (3.0f * (float) (i + 1));
}

static void
record_clear (Record *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (self->plans); i++)
    steer_plan_unref (self->plans[i]);
  steer_live_plan_unref (self->live);
  steer_request_unref (self->replay);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Record, record_clear)

/* A reply whose plan is changed on the way. FALSE when nothing of it came in time: where this thread is not given a
 * core, the worker has written the reply before the first change. */
static gboolean
check_live_change (Fixture *f)
{
  g_autoptr (SteerRequest) request = make_request (400, 0.0);
  g_autoptr (SteerReply) reply = NULL;
  g_autoptr (GArray) replayed = NULL;
  g_autoptr (GArray) unsteered = run (f, request);
  g_auto (Record) record = { 0 };
  const gint32 *tokens;
  guint n;

  record_init (&record);
  steer_request_set_live_plan (request, record.live);
  reply = steer_engine_reply (f->engine, request);
  g_signal_connect (reply, "chunk", G_CALLBACK (on_chunk), &record);
  g_signal_connect (reply, "finished", G_CALLBACK (on_finished), &record);
  test_reply_wait (reply, 30);
  g_assert_cmpuint (record.n_finished, ==, 1);
  g_assert_cmpuint (record.n_seen, ==, 400);
  tokens = steer_reply_get_tokens (reply, &n);

  /* The record of a reply that was changed on the way reproduces it exactly. */
  replayed = run (f, record.replay);
  g_assert_cmpmem (replayed->data, replayed->len * 4, tokens, n * 4);
  return memcmp (tokens, unsteered->data, n * 4) != 0;
}

static void
test_live_change (Fixture *f, gconstpointer data)
{
  guint n_tries = 1;

  while (!check_live_change (f))
    g_assert_cmpuint (n_tries++, <, 50);
}

static void
test_strength_zero (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerRequest) request = make_request (60, 0.9);
  g_autoptr (GArray) plain = run (f, request);
  g_autoptr (SteerPlan) zero = make_plan (0.0f);
  g_autoptr (GArray) steered = NULL;

  steer_request_schedule_plan (request, 0, zero);
  steered = run (f, request);
  assert_same (plain, steered);
}

static void
on_chunk_stop (SteerReply *reply, const SteerChunk *chunk, gpointer data)
{
  steer_reply_stop (reply);
}

/* A reply that is stopped with its first words, and one that waits behind it. FALSE where this thread got no core until
 * the model, which is tiny, had filled its context. */
static gboolean
check_stop (Fixture *f)
{
  g_autoptr (SteerRequest) request = make_request (0, 1.0);
  g_autoptr (SteerReply) reply = steer_engine_reply (f->engine, request);
  g_autoptr (SteerReply) queued = steer_engine_reply (f->engine, request);
  SteerReply *replies[] = { reply, queued };
  gboolean stopped = TRUE;

  g_signal_connect (reply, "chunk", G_CALLBACK (on_chunk_stop), NULL);
  steer_reply_stop (queued);
  for (guint i = 0; i < G_N_ELEMENTS (replies); i++)
    {
      test_reply_wait (replies[i], 30);
      g_assert_null (steer_reply_get_error (replies[i]));
      if (steer_reply_get_stop_reason (replies[i]) == STEER_STOP_CONTEXT)
        stopped = FALSE;
      else
        g_assert_cmpint (steer_reply_get_stop_reason (replies[i]), ==, STEER_STOP_CANCELLED);
    }
  return stopped;
}

static void
test_stop (Fixture *f, gconstpointer data)
{
  guint n_tries = 1;

  while (!check_stop (f))
    g_assert_cmpuint (n_tries++, <, 50);

  /* And the engine goes on. */
  g_autoptr (SteerRequest) next = make_request (3, 0.0);
  g_autoptr (GArray) ids = run (f, next);
  g_assert_cmpuint (ids->len, ==, 3);
}

static void
test_context_full (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerRequest) request = make_request (0, 1.0);
  g_autoptr (SteerReply) reply = steer_engine_reply (f->engine, request);
  g_autoptr (SteerReply) refused = NULL;
  gint32 ids[600] = { 0 };
  guint n;

  test_reply_wait (reply, 60);
  g_assert_cmpint (steer_reply_get_stop_reason (reply), ==, STEER_STOP_CONTEXT);
  steer_reply_get_tokens (reply, &n);
  g_assert_cmpuint (n, ==, 512 - 5);

  steer_request_set_ids (request, ids, G_N_ELEMENTS (ids));
  refused = steer_engine_reply (f->engine, request);
  test_reply_wait (refused, 30);
  g_assert_error (steer_reply_get_error (refused), STEER_CHAT_ERROR, STEER_CHAT_ERROR_CONTEXT_FULL);
}

static void
test_bad_requests (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerRequest) request = make_request (5, 1.0);
  g_autoptr (SteerReply) outside = NULL;
  g_autoptr (SteerReply) no_text = NULL;
  g_autoptr (SteerReply) empty = NULL;
  const gint32 bad[] = { 1, N_VOCAB };

  steer_request_set_ids (request, bad, 2);
  outside = steer_engine_reply (f->engine, request);
  steer_request_set_ids (request, bad, 0);
  empty = steer_engine_reply (f->engine, request);
  g_clear_pointer (&request, steer_request_unref);
  request = steer_request_new ();
  steer_request_add_message (request, STEER_ROLE_USER, "hello");
  no_text = steer_engine_reply (f->engine, request);
  test_reply_wait (no_text, 30);

  g_assert_error (steer_reply_get_error (outside), STEER_CHAT_ERROR, STEER_CHAT_ERROR_INVALID);
  g_assert_error (steer_reply_get_error (empty), STEER_CHAT_ERROR, STEER_CHAT_ERROR_INVALID);
  g_assert_error (steer_reply_get_error (no_text), STEER_CHAT_ERROR, STEER_CHAT_ERROR_NO_TEXT);
  g_assert_nonnull (strstr (steer_reply_get_error (no_text)->message, "tokenizer.json"));
}

static void
test_together (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerRequest) plain = make_request (50, 0.7);
  g_autoptr (SteerRequest) steered = make_request (30, 0.7);
  g_autoptr (SteerPlan) plan = make_plan (6.0f);
  g_autoptr (GArray) plain_alone = run (f, plain);
  g_autoptr (GArray) steered_alone = NULL;
  SteerRequest *requests[] = { plain, steered };
  SteerReply *replies[2];
  const gint32 *tokens;
  guint n;

  steer_request_schedule_plan (steered, 0, plan);
  steered_alone = run (f, steered);
  steer_engine_reply_together (f->engine, requests, 2, replies);
  test_reply_wait (replies[0], 30);
  test_reply_wait (replies[1], 30);
  tokens = steer_reply_get_tokens (replies[0], &n);
  g_assert_cmpmem (tokens, n * 4, plain_alone->data, plain_alone->len * 4);
  tokens = steer_reply_get_tokens (replies[1], &n);
  g_assert_cmpmem (tokens, n * 4, steered_alone->data, steered_alone->len * 4);
  g_object_unref (replies[0]);
  g_object_unref (replies[1]);
}

static void
test_failed_load (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerRequest) request = make_request (5, 0.0);
  g_autoptr (GArray) ids = NULL;

  load (f, "/nonexistent/model", NULL, &error);
  g_assert_nonnull (error);
  g_assert_cmpint (steer_engine_get_state (f->engine), ==, STEER_ENGINE_READY);
  ids = run (f, request);
  g_assert_cmpuint (ids->len, ==, 5);
}

static void
test_cancelled_load (Fixture *f, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  g_cancellable_cancel (cancellable);
  load (f, f->dir, cancellable, &error);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (steer_engine_get_state (f->engine), ==, STEER_ENGINE_READY);
}

static void
test_unload (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerRequest) request = make_request (5, 0.0);
  g_autoptr (SteerReply) reply = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  steer_engine_unload_async (f->engine, NULL, test_keep_result, &result);
  test_wait_for_result (&result, 20);
  g_assert_true (steer_engine_unload_finish (f->engine, result, &error));
  g_assert_cmpint (steer_engine_get_state (f->engine), ==, STEER_ENGINE_EMPTY);
  g_assert_null (steer_engine_get_model (f->engine));

  reply = steer_engine_reply (f->engine, request);
  test_reply_wait (reply, 20);
  g_assert_error (steer_reply_get_error (reply), STEER_CHAT_ERROR, STEER_CHAT_ERROR_NO_MODEL);
}

/* Cancelled after the model was taken into use: it stays, and is told of as loaded. */
static void
test_late_cancel (Fixture *f, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  SteerLoadOptions options;

  test_load_options_init (&options, f->dir);
  steer_engine_load_async (f->engine, &options, cancellable, test_keep_result, &result);
  test_wait_for_result (&result, 20);
  g_cancellable_cancel (cancellable);
  g_assert_true (steer_engine_load_finish (f->engine, result, &error));
  g_assert_no_error (error);
  g_assert_cmpint (steer_engine_get_state (f->engine), ==, STEER_ENGINE_READY);
}

static void
test_ends_in_mid_reply (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerRequest) request = make_request (0, 1.0);
  g_autoptr (SteerReply) reply = steer_engine_reply (f->engine, request);

  test_assert_finalizes (g_steal_pointer (&f->engine));
  test_reply_wait (reply, 20);
  g_assert_cmpint (steer_reply_get_stop_reason (reply), ==, STEER_STOP_CANCELLED);
}

static void
test_trace (Fixture *f, gconstpointer data)
{
  const gint32 tokens[] = { 1, 2, 3, 4 };
  const guint layers[] = { 2, 0 };
  const guint beyond[] = { 3 };
  g_autoptr (SteerTrace) trace = NULL;
  g_autoptr (GError) error = NULL;

  trace = test_engine_trace (f->engine, tokens, 4, layers, 2, TRUE, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (trace->n_tokens, ==, 4);
  g_assert_cmpuint (trace->n_layers, ==, 2);
  g_assert_nonnull (trace->logits);
  g_assert_nonnull (trace->residual);

  g_assert_null (test_engine_trace (f->engine, tokens, 4, beyond, 1, TRUE, &error));
  g_assert_error (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_INVALID);
}

/* Threads of this process that are NICENESS nicer than the caller. */
static guint
count_nicer_threads (void)
{
  int wanted = MIN (getpriority (PRIO_PROCESS, 0) + NICENESS, 19);
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/task", 0, NULL);
  const char *name;
  guint n = 0;

  g_assert_nonnull (dir);
  while ((name = g_dir_read_name (dir)) != NULL)
    n += getpriority (PRIO_PROCESS, (id_t) strtoul (name, NULL, 10)) == wanted;
  return n;
}

static gboolean
has_ended (gpointer data)
{
  return count_nicer_threads () == 0;
}

/* The worker, and one more thread of the two that compute. */
static void
test_niceness (Fixture *f, gconstpointer data)
{
  SteerLoadOptions options;

  if (getpriority (PRIO_PROCESS, 0) > 18)
    {
      g_test_skip ("run with the lowest priority there is");
      return;
    }
  g_assert_cmpuint (count_nicer_threads (), ==, 0);
  test_assert_finalizes (g_steal_pointer (&f->engine));
  f->engine = g_object_new (STEER_TYPE_ENGINE, "niceness", NICENESS, NULL);
  test_load_options_init (&options, f->dir);
  options.context.n_threads = 2;
  test_engine_load_or_fail (f->engine, &options);
  g_assert_cmpuint (count_nicer_threads (), ==, 2);

  test_assert_finalizes (g_steal_pointer (&f->engine));
  test_wait_until (has_ended, NULL, 20);
}

#define ADD(path, function) g_test_add (path, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  steer_backend_register (steer_cpu_backend ());
  ADD ("/engine/writes-a-reply", test_reply);
  ADD ("/engine/a-seed-gives-the-same-reply", test_seed);
  ADD ("/engine/a-plan-changed-in-mid-reply-acts-and-its-record-replays-it", test_live_change);
  ADD ("/engine/strength-zero-changes-nothing", test_strength_zero);
  ADD ("/engine/stops-a-reply-and-a-queued-one", test_stop);
  ADD ("/engine/ends-at-a-full-context-and-refuses-a-longer-prompt", test_context_full);
  ADD ("/engine/a-bad-request-ends-with-its-error", test_bad_requests);
  ADD ("/engine/replies-together-equal-each-alone", test_together);
  ADD ("/engine/a-failed-load-keeps-the-model", test_failed_load);
  ADD ("/engine/a-cancelled-load-keeps-the-model", test_cancelled_load);
  ADD ("/engine/a-load-cancelled-when-it-is-done-is-told-as-done", test_late_cancel);
  ADD ("/engine/unloads", test_unload);
  ADD ("/engine/can-end-in-mid-reply", test_ends_in_mid_reply);
  ADD ("/engine/traces", test_trace);
  ADD ("/engine/its-threads-are-as-nice-as-asked-for", test_niceness);
  return g_test_run ();
}
