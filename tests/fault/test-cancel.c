/* Loading, reading a prompt, writing a reply and tracing, each cancelled at random moments: the engine is ready again
 * and computes what it computed before, and its memory is what it was. STEER_TEST_ROUNDS=1000 makes it so many. How
 * quickly it is back is told, not judged: build-aux/test-hard asks for the numbers. */
#include <string.h>

#include "chat/steer-engine.h"
#include "cpu/steer-cpu.h"
#include "chat-test-util.h"
#include "engine-test-util.h"
#include "test-model.h"
#include "test-util.h"

#define N_ROUNDS 60
/* A cancelled call that has not come back by then never will. */
#define MAX_SECONDS 20
#define N_PROMPT 400
/* Pages that an allocator may keep. */
#define MAX_GROWTH ((gsize) 32 << 20)

typedef struct
{
  char *dir;
  SteerEngine *engine;
  GAsyncResult *result;
  GCancellable *cancellable;
  SteerReply *reply;
  GArray *expected; /* gint32 */
  double slowest;   /* seconds from the cancel until it was back */
} Fixture;

typedef enum
{
  LOAD,
  PREFILL,
  DECODE,
  TRACE,

  N_OPERATIONS
} Operation;

static const char *const operation_names[N_OPERATIONS]
  = { "loading", "reading a prompt", "writing a reply", "tracing" };

static void
begin_load (Fixture *f)
{
  SteerLoadOptions options;

  test_load_options_init (&options, f->dir);
  options.context.n_threads = 1;
  steer_engine_load_async (f->engine, &options, f->cancellable, test_keep_result, &f->result);
}

static gboolean
finish_load (Fixture *f, GError **error)
{
  gboolean ok;

  test_wait_for_result (&f->result, MAX_SECONDS);
  ok = steer_engine_load_finish (f->engine, f->result, error);
  g_clear_object (&f->result);
  return ok;
}

static SteerReply *
begin_reply (Fixture *f, guint n_prompt, guint n_tokens)
{
  g_autoptr (SteerRequest) request = steer_request_new ();
  g_autofree gint32 *ids = g_new (gint32, n_prompt);
  SteerSampling sampling;

  /* Another prompt each time, so that no cache makes it short. */
  for (guint i = 0; i < n_prompt; i++)
    ids[i] = n_prompt == N_PROMPT ? g_test_rand_int_range (0, 96) : (gint32) (i * 7 % 96);
  steer_sampling_init (&sampling);
  sampling.temperature = 0.0;
  sampling.max_tokens = n_tokens;
  steer_request_set_sampling (request, &sampling);
  steer_request_set_ids (request, ids, n_prompt);
  return steer_engine_reply (f->engine, request);
}

static void
assert_usable (Fixture *f)
{
  g_autoptr (SteerReply) reply = begin_reply (f, 5, 8);
  const gint32 *tokens;
  guint n;

  test_reply_wait (reply, MAX_SECONDS);
  g_assert_no_error (steer_reply_get_error (reply));
  tokens = steer_reply_get_tokens (reply, &n);
  if (f->expected->len == 0)
    g_array_append_vals (f->expected, tokens, n);
  g_assert_cmpmem (f->expected->data, f->expected->len * sizeof (gint32), tokens, n * sizeof (gint32));
}

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  f->dir = test_make_dir ();
  test_write_model (f->dir, &(TestModelShape){ .seed = 3, .n_layers = 6, .d_model = 64, .d_ff = 160 });
  f->expected = g_array_new (FALSE, FALSE, sizeof (gint32));
  f->engine = steer_engine_new ();
  begin_load (f);
  g_assert_true (finish_load (f, &error));
  assert_usable (f);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  test_assert_finalizes (f->engine);
  g_array_unref (f->expected);
  test_remove_dir (f->dir);
}

static gboolean
on_cancel (gpointer data)
{
  Fixture *f = data;

  if (f->reply != NULL)
    steer_reply_stop (f->reply);
  else
    g_cancellable_cancel (f->cancellable);
  return G_SOURCE_REMOVE;
}

static void
cancel_once (Fixture *f, Operation operation)
{
  static const guint layers[] = { 0, 3, 5 };
  gint64 cancelled_at;
  guint delay_us = (guint) g_test_rand_int_range (0, 20000);
  g_autofree gint32 *ids = g_new0 (gint32, N_PROMPT);
  g_autoptr (GError) error = NULL;

  f->cancellable = g_cancellable_new ();
  if (operation == LOAD)
    begin_load (f);
  else if (operation == TRACE)
    steer_engine_trace_async (f->engine, ids, N_PROMPT, layers, G_N_ELEMENTS (layers), TRUE, NULL, f->cancellable,
                              test_keep_result, &f->result);
  else
    f->reply = begin_reply (f, operation == PREFILL ? N_PROMPT : 6, operation == PREFILL ? 1 : 400);
  /* The main context turns meanwhile, as a program's would. */
  for (gint64 until = g_get_monotonic_time () + delay_us; g_get_monotonic_time () < until;)
    g_main_context_iteration (NULL, FALSE);
  cancelled_at = g_get_monotonic_time ();
  on_cancel (f);
  if (f->reply != NULL)
    test_reply_wait (f->reply, MAX_SECONDS);
  else
    test_wait_for_result (&f->result, MAX_SECONDS);
  f->slowest = MAX (f->slowest, (double) (g_get_monotonic_time () - cancelled_at) / G_USEC_PER_SEC);

  if (operation == LOAD)
    finish_load (f, &error);
  else if (operation == TRACE)
    {
      g_autoptr (SteerTrace) trace = steer_engine_trace_finish (f->engine, f->result, &error);

      g_assert_true ((trace == NULL) == (error != NULL));
    }
  /* It was done before the cancel came, or it was cancelled: nothing else. */
  if (error != NULL)
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_object (&f->result);
  g_clear_object (&f->reply);
  g_clear_object (&f->cancellable);
}

static void
test_cancel (Fixture *f, gconstpointer data)
{
  Operation operation = (Operation) GPOINTER_TO_UINT (data);
  guint n_rounds = test_get_n_rounds (N_ROUNDS);
  gsize before = 0;

  for (guint round = 0; round < n_rounds; round++)
    {
      cancel_once (f, operation);
      assert_usable (f);
      if (round == n_rounds / 4)
        before = test_get_resident ();
    }
  g_test_message ("%s: %u times cancelled, back after %.1f ms at most, %+.1f MB", operation_names[operation], n_rounds,
                  f->slowest * 1e3, ((double) test_get_resident () - (double) before) / 1e6);
#ifndef __SANITIZE_ADDRESS__ /* which keeps what was freed */
  g_assert_cmpuint (test_get_resident (), <, before + MAX_GROWTH);
#endif
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  steer_backend_register (steer_cpu_backend ());
  for (guint i = 0; i < N_OPERATIONS; i++)
    {
      g_autofree char *path = g_strdup_printf ("/cancel/%s at random moments", operation_names[i]);

      g_test_add (path, Fixture, GUINT_TO_POINTER (i), set_up, test_cancel, tear_down);
    }
  return g_test_run ();
}
