/* Frame times of the transcript while a reply streams into a chat, and the time to open one. Needs a display:
 *
 *   tests/app/with-display build/tests/bench/bench-transcript [--seconds=N] [--rate=TOKENS] [--thinking]
 */
#include <adwaita.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/steer-application.h"
#include "app/steer-transcript.h"
#include "chat/chat-test-util.h"

#define WIDTH 900
#define HEIGHT 800

static int seconds = 8;
static int rate = 300;
static gboolean thinking;

static const GOptionEntry entries[] = {
  { "seconds", 0, 0, G_OPTION_ARG_INT, &seconds, "how long each reply streams", "N" },
  { "rate", 0, 0, G_OPTION_ARG_INT, &rate, "tokens a second", "TOKENS" },
  { "thinking", 0, 0, G_OPTION_ARG_NONE, &thinking, "the first half of each reply is a thought", NULL },
  { NULL },
};

/* What a model writes: paragraphs, now and then a list, a heading, a block of code. */
static const char *const words[] = { "The",
                                     " iron",
                                     " lattice",
                                     " of",
                                     " the",
                                     " tower",
                                     " is",
                                     " **three",
                                     " hundred**",
                                     " metres",
                                     " high",
                                     ",",
                                     " and",
                                     " at",
                                     " dusk",
                                     " it",
                                     " sparkles",
                                     " on",
                                     " the",
                                     " hour",
                                     ".",
                                     " Climb",
                                     " to",
                                     " the",
                                     " second",
                                     " floor",
                                     " *first*",
                                     ",",
                                     " then",
                                     " look",
                                     " down.",
                                     "\n\n",
                                     "1. Shoes",
                                     " that",
                                     " hold\n",
                                     "2. Water\n",
                                     "\n",
                                     "## What",
                                     " to",
                                     " bring\n\n",
                                     "```c\nint",
                                     " steps = 704;\n",
                                     "climb (steps);\n",
                                     "```\n\n",
                                     "Nothing",
                                     " compares" };

typedef struct
{
  GArray *times; /* double, ms: from the beginning of a frame to the end of its painting */
  GArray *work;  /* double, ms: what the main thread computed meanwhile, whatever else the machine does */
  gint64 begun;
  double work_begun;
  SteerReply *reply;
  SteerPlan *plans[2];
  gint64 started;
  guint n_tokens;
  guint timer;
  GMainLoop *loop;
} Bench;

static double
get_work_ms (void)
{
  struct timespec now;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
  return (double) now.tv_sec * 1e3 + (double) now.tv_nsec / 1e6;
}

static void
on_before_paint (GdkFrameClock *clock, Bench *self)
{
  self->begun = g_get_monotonic_time ();
  self->work_begun = get_work_ms ();
}

static void
on_after_paint (GdkFrameClock *clock, Bench *self)
{
  double ms = (double) (g_get_monotonic_time () - self->begun) / 1000.0;

  double work = get_work_ms () - self->work_begun;

  g_array_append_val (self->times, ms);
  g_array_append_val (self->work, work);
}

static const char *
get_word (guint i)
{
  if (thinking && i == 0)
    return "<think>\n";
  if (thinking && i == (guint) (seconds * rate / 2))
    return "\n</think>\n\n";
  return words[i % G_N_ELEMENTS (words)];
}

/* The worker's part, from a timer: as many tokens as are due. */
static gboolean
write_tokens (gpointer data)
{
  Bench *self = data;
  double elapsed = (double) (g_get_monotonic_time () - self->started) / G_USEC_PER_SEC;
  guint due = (guint) (MIN (elapsed, seconds) * rate);

  for (; self->n_tokens < due; self->n_tokens++)
    {
      const char *word = get_word (self->n_tokens);

      steer_reply_post_token (self->reply, 1, word, strlen (word), self->plans[(self->n_tokens / 200) % 2]);
    }
  if (elapsed < seconds)
    return G_SOURCE_CONTINUE;
  self->timer = 0;
  steer_reply_post_done (self->reply, STEER_STOP_EOS, NULL, 0.1, seconds, NULL);
  g_main_loop_quit (self->loop);
  return G_SOURCE_REMOVE;
}

static void
run_for (guint ms)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);

  g_timeout_add_once (ms, (GSourceOnceFunc) g_main_loop_quit, loop);
  g_main_loop_run (loop);
}

static int
compare (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

static double
get_percentile (GArray *times, double share)
{
  if (times->len == 0)
    return 0.0;
  return g_array_index (times, double, MIN ((guint) (share * times->len), times->len - 1));
}

/* A conversation of @n messages. */
static SteerConversation *
make_conversation (guint n)
{
  SteerConversation *conversation = steer_conversation_new ();

  for (guint i = 0; i < n; i++)
    steer_conversation_append (conversation, i % 2 == 0 ? STEER_ROLE_USER : STEER_ROLE_ASSISTANT,
                               i % 2 == 0 ? "What should I do this weekend, if it rains?"
                                          : "Go up **anyway**. The rain makes the iron shine, the queues are short.\n\n"
                                            "- an umbrella\n- good shoes\n\nThe brasserie on the first floor serves a "
                                            "hot chocolate that is worth the climb, and the view comes and goes with "
                                            "the clouds, which is a view of its own.");
  return conversation;
}

static void
stream_into (guint n_messages)
{
  g_autofree char *dir = g_dir_make_tmp ("steer-bench-XXXXXX", NULL);
  g_autoptr (GSettings) settings = g_settings_new ("com.example.SteerChat");
  g_autoptr (SteerWorkspace) workspace = steer_workspace_new (settings, dir);
  g_autoptr (SteerChat) chat = steer_chat_new (workspace);
  g_autoptr (SteerConversation) conversation = make_conversation (n_messages);
  g_autoptr (SteerReply) reply = test_reply_new ();
  g_autoptr (GArray) times = g_array_new (FALSE, FALSE, sizeof (double));
  g_autoptr (GArray) work = g_array_new (FALSE, FALSE, sizeof (double));
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  GtkWidget *transcript = steer_transcript_new (chat);
  GtkWindow *window = GTK_WINDOW (adw_window_new ());
  Bench bench = { .times = times, .work = work, .reply = reply, .loop = loop };
  GdkFrameClock *clock;
  double open_ms;

  gtk_window_set_default_size (window, WIDTH, HEIGHT);
  adw_window_set_content (ADW_WINDOW (window), transcript);
  gtk_window_present (window);
  run_for (500);

  open_ms = get_work_ms ();
  steer_chat_set_conversation (chat, conversation);
  open_ms = get_work_ms () - open_ms;
  run_for (1000);

  bench.plans[0] = test_plan_new (3.0f, STEER_MODE_CLAMP);
  bench.plans[1] = test_plan_new (8.5f, STEER_MODE_CLAMP);
  clock = gtk_widget_get_frame_clock (GTK_WIDGET (window));
  g_signal_connect (clock, "before-paint", G_CALLBACK (on_before_paint), &bench);
  g_signal_connect (clock, "after-paint", G_CALLBACK (on_after_paint), &bench);
  steer_conversation_begin_reply (conversation, NULL, reply, 0, "Preset");
  bench.started = g_get_monotonic_time ();
  bench.timer = g_timeout_add (3, write_tokens, &bench);
  g_main_loop_run (loop);
  g_signal_handlers_disconnect_by_data (clock, &bench);
  run_for (200);

  g_array_sort (times, compare);
  g_array_sort (work, compare);
  g_print ("| %8u | %6.1f | %6.1f | %6.2f | %6.2f | %6.2f | %6.2f | %6.2f | %6.2f |\n", n_messages, open_ms,
           times->len / (double) seconds, get_percentile (times, 0.5), get_percentile (times, 0.99),
           get_percentile (times, 1.0), get_percentile (work, 0.5), get_percentile (work, 0.99),
           get_percentile (work, 1.0));
  steer_plan_unref (bench.plans[0]);
  steer_plan_unref (bench.plans[1]);
  gtk_window_destroy (window);
  run_for (100);
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GtkCssProvider) styles = NULL;
  g_autoptr (GError) error = NULL;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    {
      g_printerr ("%s\n", error->message);
      return EXIT_FAILURE;
    }
  g_setenv ("GSETTINGS_BACKEND", "memory", TRUE);
  g_setenv ("GSK_RENDERER", "cairo", FALSE);
  steer_application_prepare ();
  adw_init ();
  styles = gtk_css_provider_new ();
  gtk_css_provider_load_from_resource (styles, "/com/example/SteerChat/style.css");
  gtk_style_context_add_provider_for_display (gdk_display_get_default (), GTK_STYLE_PROVIDER (styles),
                                              GTK_STYLE_PROVIDER_PRIORITY_APPLICATION);
  g_print ("%d tokens/s for %d s, window %d x %d, times in ms: of a frame, and computed by the main thread in it\n",
           rate, seconds, WIDTH, HEIGHT);
  g_print ("| messages |   open | per s  | frame  | 99%%    | worst  | work   | 99%%    | worst  |\n");
  g_print ("|---------:|-------:|-------:|-------:|-------:|-------:|-------:|-------:|-------:|\n");
  stream_into (50);
  stream_into (1000);
  stream_into (10000);
  return EXIT_SUCCESS;
}
