/* What a thread writes into a reply arrives on the main context, however fast it writes and however long it pauses. */
#include "chat-test-util.h"
#include "test-util.h"

#include <string.h>

/* Longer than the main context looks for news that do not come. */
#define PAUSE_US (300 * 1000)

#define N_TOKENS 400

typedef struct
{
  SteerReply *reply;
  guint32 seed;
} Writer;

static gpointer
write_with_pauses (gpointer data)
{
  Writer *writer = data;
  g_autoptr (GRand) rand = g_rand_new_with_seed (writer->seed);

  for (gint32 i = 0; i < N_TOKENS; i++)
    {
      char text[16];

      g_snprintf (text, sizeof text, "%d ", i);
      steer_reply_post_token (writer->reply, i, text, strlen (text), NULL);
      if (g_rand_int_range (rand, 0, N_TOKENS / 4) == 0)
        g_usleep (PAUSE_US);
      else if (g_rand_boolean (rand))
        g_usleep ((gulong) g_rand_int_range (rand, 0, 1000));
    }
  steer_reply_post_done (writer->reply, STEER_STOP_EOS, "end", 0.1, 0.5, NULL);
  return NULL;
}

static void
append_tokens (GArray *tokens, const SteerChunk *chunk)
{
  g_assert_cmpuint (chunk->first_token, ==, tokens->len);
  g_array_append_vals (tokens, chunk->tokens, (guint) chunk->n_tokens);
}

static void
count (guint *n)
{
  ++*n;
}

static gboolean
is_positive (gpointer data)
{
  return *(guint *) data > 0;
}

static void
test_arrives (void)
{
  g_autoptr (SteerReply) reply = test_reply_new ();
  g_autoptr (GArray) tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GString) expected = g_string_new (NULL);
  Writer writer = { reply, (guint32) g_test_rand_int () };
  guint n_finished = 0;
  GThread *thread;

  g_signal_connect_swapped (reply, "chunk", G_CALLBACK (append_tokens), tokens);
  g_signal_connect_swapped (reply, "finished", G_CALLBACK (count), &n_finished);
  thread = g_thread_new ("writer", write_with_pauses, &writer);
  test_wait_until (is_positive, &n_finished, 60);
  g_thread_join (thread);
  g_assert_cmpuint (tokens->len, ==, N_TOKENS);
  for (gint32 i = 0; i < N_TOKENS; i++)
    {
      g_assert_cmpint (g_array_index (tokens, gint32, i), ==, i);
      g_string_append_printf (expected, "%d ", i);
    }
  g_string_append (expected, "end");
  g_assert_cmpstr (steer_reply_get_text (reply), ==, expected->str);
  for (guint i = 0; i < 100; i++)
    g_main_context_iteration (NULL, FALSE);
  g_assert_cmpuint (n_finished, ==, 1);
}

/* How often the main loop had something to do. */
static guint
run_for (gint64 us)
{
  gint64 end = g_get_monotonic_time () + us;
  guint n = 0;

  while (g_get_monotonic_time () < end)
    if (g_main_context_iteration (NULL, FALSE))
      n++;
    else
      g_usleep (1000);
  return n;
}

static gpointer
write_one (gpointer reply)
{
  steer_reply_post_token (reply, 8, "and", 3, NULL);
  return NULL;
}

static void
test_sleeps (void)
{
  g_autoptr (SteerReply) reply = test_reply_new ();
  guint n_chunks = 0;

  test_reply_write (reply, "once", NULL);
  run_for (PAUSE_US);
  g_assert_cmpuint (run_for (PAUSE_US), ==, 0);

  g_signal_connect_swapped (reply, "chunk", G_CALLBACK (count), &n_chunks);
  g_thread_join (g_thread_new ("writer", write_one, reply));
  test_wait_until (is_positive, &n_chunks, 5);
  test_reply_finish (reply, STEER_STOP_EOS);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/reply/all-that-is-written-arrives-in-its-order", test_arrives);
  g_test_add_func ("/reply/the-main-loop-sleeps-while-nothing-is-written", test_sleeps);
  return g_test_run ();
}
