#include "loop-watch.h"

#include <gtk/gtk.h>

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

/* Processor time of the main thread, in ms. */
typedef struct
{
  double layout;
  double paint;
  double rest;
} Work;

/* The watcher: it takes the place of the main context's poll(). */
static struct
{
  gboolean verbose;
  const char *phase;
  int schedstat; /* of the main thread; see get_queued_ms() */
  gint64 begun;  /* µs; 0 while the loop waits */
  double queued; /* ms, when the turn began */
  double since;  /* ms of processor time, when what @part points to began */
  Work turn;
  double *part; /* of @turn */

  guint n_turns;
  guint n_long;
  double worst_clock; /* ms */
  double worst;
  double worst_rest;
  double worst_frame;
} watch;

static double
get_work_ms (void)
{
  struct timespec now;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
  return (double) now.tv_sec * 1e3 + (double) now.tv_nsec / 1e6;
}

/* How long the main thread has been ready to run and had no core, in ms: the second number of
 * /proc/thread-self/schedstat. 0 where the kernel does not count it. */
static double
get_queued_ms (void)
{
  char text[128];
  gssize n = watch.schedstat >= 0 ? pread (watch.schedstat, text, sizeof text - 1, 0) : -1;
  char *second;

  if (n <= 0)
    return 0.0;
  text[n] = '\0';
  second = strchr (text, ' ');
  return second != NULL ? (double) g_ascii_strtoull (second, NULL, 10) / 1e6 : 0.0;
}

/* What is computed from now on is counted in @part. */
static void
enter (double *part)
{
  double now = get_work_ms ();

  if (watch.part != NULL)
    *watch.part += now - watch.since;
  watch.since = now;
  watch.part = part;
}

static gboolean
on_frame (GSignalInvocationHint *hint, guint n_values, const GValue *values, gpointer part)
{
  enter (part);
  return TRUE;
}

static void
on_sized (void)
{
  enter (&watch.turn.rest);
}

/* What a window measures to find its size is layout too, outside of the frame on X11. */
static gboolean
on_compute_size (GSignalInvocationHint *hint, guint n_values, const GValue *values, gpointer part)
{
  GObject *surface = g_value_get_object (values);

  /* From the next time on: a handler is not called in the emission that connects it. */
  if (g_object_get_data (surface, "watched") == NULL)
    {
      g_signal_connect_after (surface, "compute-size", G_CALLBACK (on_sized), NULL);
      g_object_set_data (surface, "watched", surface);
    }
  else
    enter (part);
  return TRUE;
}

static void
begin_turn (void)
{
  watch.queued = get_queued_ms ();
  watch.begun = g_get_monotonic_time ();
  watch.turn = (Work){ 0 };
  enter (&watch.turn.rest);
}

static void
end_turn (void)
{
  double clock = (double) (g_get_monotonic_time () - watch.begun) / 1000.0;
  double frame, all;

  if (watch.begun == 0)
    return;
  enter (NULL);
  watch.begun = 0;
  frame = watch.turn.layout + watch.turn.paint;
  all = frame + watch.turn.rest;
  watch.n_turns++;
  watch.worst_clock = MAX (watch.worst_clock, clock);
  watch.worst = MAX (watch.worst, all);
  watch.worst_rest = MAX (watch.worst_rest, watch.turn.rest);
  watch.worst_frame = MAX (watch.worst_frame, frame);
  watch.n_long += all > LOOP_WATCH_LIMIT_MS;
  if (watch.verbose && clock > LOOP_WATCH_LIMIT_MS)
    g_printerr (
      "%s: turn %u took %.1f ms, %.1f of it without a core, computed %.1f ms: layout %.1f, paint %.1f, the rest "
      "%.1f; ended at %.6f\n",
      watch.phase, watch.n_turns, clock, get_queued_ms () - watch.queued, all, watch.turn.layout, watch.turn.paint,
      watch.turn.rest, (double) g_get_monotonic_time () / G_USEC_PER_SEC);
}

static int
poll_watched (GPollFD *fds, guint n_fds, int timeout)
{
  int n;

  end_turn ();
  n = g_poll (fds, n_fds, timeout);
  begin_turn ();
  return n;
}

void
loop_watch_start (gboolean verbose)
{
  static const struct
  {
    const char *signal;
    double *part;
  } marks[] = {
    { "layout", &watch.turn.layout },
    { "paint", &watch.turn.paint },
    { "after-paint", &watch.turn.rest },
  };

  watch.verbose = verbose;
  watch.schedstat = open ("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
  g_type_class_unref (g_type_class_ref (GDK_TYPE_FRAME_CLOCK));
  /* Before any handler of the signal, of every frame clock. */
  for (guint i = 0; i < G_N_ELEMENTS (marks); i++)
    g_signal_add_emission_hook (g_signal_lookup (marks[i].signal, GDK_TYPE_FRAME_CLOCK), 0, on_frame, marks[i].part,
                                NULL);
  g_type_default_interface_ref (GDK_TYPE_TOPLEVEL);
  g_signal_add_emission_hook (g_signal_lookup ("compute-size", GDK_TYPE_TOPLEVEL), 0, on_compute_size,
                              &watch.turn.layout, NULL);
  g_main_context_set_poll_func (NULL, poll_watched);
}

void
loop_watch_begin_phase (const char *name)
{
  watch.phase = name;
  watch.n_turns = watch.n_long = 0;
  watch.worst_clock = watch.worst = watch.worst_rest = watch.worst_frame = 0;
  begin_turn ();
}

void
loop_watch_end_phase (void)
{
  end_turn ();
  g_print ("| %-40s | %5u | %6.1f | %8.1f | %6.1f | %8.1f | %4u |\n", watch.phase, watch.n_turns, watch.worst_clock,
           watch.worst, watch.worst_frame, watch.worst_rest, watch.n_long);
}

void
loop_watch_print_head (void)
{
  g_print ("| phase                                    | turns |  clock | computed | frames | the rest | > %g |\n",
           LOOP_WATCH_LIMIT_MS);
  g_print ("|------------------------------------------|------:|-------:|---------:|-------:|---------:|-----:|\n");
}

const char *
loop_watch_get_phase (void)
{
  return watch.phase;
}
