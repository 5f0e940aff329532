#include "remote-test-util.h"

#include <gio/gunixinputstream.h>
#include <gio/gunixoutputstream.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cpu/steer-cpu.h"
#include "remote/steer-lend.h"
#include "remote/steer-remote-address.h"
#include "remote/steer-remote-model.h"
#include "steer/steer.h"
#include "test-util.h"

#define SLOW_US (20 * G_USEC_PER_SEC)
#define STEP_US 2000

/* Where the lender that began last says which process it is. */
#define PID_VARIABLE "STEER_TEST_LENDER"

static char *program;
static char *cache;
static guint n_passes;
static const SteerBackend devices[4];

static const char *const ids[] = { TEST_DEVICE_SLOW, TEST_DEVICE_LOST, TEST_DEVICE_GONE, TEST_DEVICE_CHOOSER };

static GPtrArray *
list (guint i)
{
  GPtrArray *all = steer_cpu_backend ()->list_devices ();
  SteerDevice *device = g_ptr_array_index (all, 0);

  g_free (device->id);
  device->id = g_strdup (ids[i]);
  return all;
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
              const char *id,
              const SteerContextOptions *options,
              SteerProgressFunc progress,
              gpointer data,
              GCancellable *cancellable,
              GError **error)
{
  SteerContext *context = steer_cpu_backend ()->open (model, "cpu", options, progress, data, cancellable, error);

  if (context == NULL)
    return NULL;
  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    if (strcmp (id, ids[i]) == 0)
      context->backend = &devices[i];
  g_free (context->device_id);
  context->device_id = g_strdup (id);
  context->passed_over = g_strdup ("a better one is broken");
  return context;
}

static void
close_context (SteerContext *context)
{
  steer_cpu_backend ()->close (context);
}

static gboolean
pass (SteerContext *context, SteerRun *runs, guint n_runs, GCancellable *cancellable, GError **error)
{
  return steer_cpu_backend ()->forward (context, runs, n_runs, cancellable, error);
}

static gboolean
pass_slowly (SteerContext *context, SteerRun *runs, guint n_runs, GCancellable *cancellable, GError **error)
{
  /* The first one is quick, so that there is something to come back to. */
  for (guint i = 0; n_passes > 0 && i < SLOW_US / STEP_US; i++)
    {
      g_usleep (STEP_US);
      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        {
          n_passes = 0;
          return FALSE;
        }
    }
  n_passes++;
  return pass (context, runs, n_runs, cancellable, error);
}

static gboolean
pass_until_lost (SteerContext *context, SteerRun *runs, guint n_runs, GCancellable *cancellable, GError **error)
{
  if (++n_passes < 3)
    return pass (context, runs, n_runs, cancellable, error);
  g_set_error_literal (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE, "the device fell off the bus");
  return FALSE;
}

static gboolean
pass_until_gone (SteerContext *context, SteerRun *runs, guint n_runs, GCancellable *cancellable, GError **error)
{
  if (++n_passes < 3)
    return pass (context, runs, n_runs, cancellable, error);
  g_printerr ("client_loop: send disconnect: Broken pipe\r\n");
  _exit (255);
}

static gboolean
pass_and_choose (SteerContext *context, SteerRun *runs, guint n_runs, GCancellable *cancellable, GError **error)
{
  for (guint i = 0; i < n_runs; i++)
    if (runs[i].want == STEER_WANT_TOKEN)
      runs[i].token = (gint32) steer_model_get_config (context->model)->n_vocab - 1;
  return TRUE;
}

#define LIST(i)                                                                                                        \
  static GPtrArray *list_##i (void)                                                                                    \
  {                                                                                                                    \
    return list (i);                                                                                                   \
  }
LIST (0)
LIST (1)
LIST (2)
LIST (3)

#define DEVICE(i, word, passes, chooses)                                                                               \
  {                                                                                                                    \
    .name = word, .can_choose = chooses, .list_devices = list_##i, .estimate = estimate, .open = open_context,         \
    .close = close_context, .forward = passes                                                                          \
  }

static const SteerBackend devices[4] = {
  DEVICE (0, "slow", pass_slowly, FALSE),
  DEVICE (1, "lost", pass_until_lost, FALSE),
  DEVICE (2, "gone", pass_until_gone, FALSE),
  DEVICE (3, "gpu", pass_and_choose, TRUE),
};

static void
find_models (SteerLendFoundFunc found, gpointer data)
{
  found ("/models/llama", "Llama", 16000000000, data);
  found ("/models/\xff", "a path that is no text", 1, data);
  found ("/models/name", "a name that is no \xff text", 2, data);
}

/* For remote_test_kill_lender(). */
static void
tell_pid (void)
{
  g_autofree char *text = g_strdup_printf ("%d", (int) getpid ());

  g_assert_true (g_file_set_contents (g_getenv (PID_VARIABLE), text, -1, NULL));
}

static int
lend (void)
{
  const SteerLendOptions options = { .program_version = "1.2.3", .find_models = find_models };
  g_autoptr (GInputStream) input = g_unix_input_stream_new (STDIN_FILENO, FALSE);
  g_autoptr (GOutputStream) output = g_unix_output_stream_new (STDOUT_FILENO, FALSE);
  g_autoptr (GError) error = NULL;

  tell_pid ();
  steer_backend_register (steer_cpu_backend ());
  for (guint i = 0; i < G_N_ELEMENTS (devices); i++)
    steer_backend_register (&devices[i]);
  if (steer_lend_run (input, output, &options, &error))
    return 0;
  g_printerr ("%s\n", error->message);
  return 1;
}

void
remote_test_init (int *argc, char ***argv)
{
  g_autofree char *ssh = NULL, *pid_path = NULL;

  steer_init_types ();
  if (*argc > 1 && strcmp ((*argv)[1], "lend") == 0)
    exit (lend ());
  program = g_canonicalize_filename ((*argv)[0], NULL);
  g_test_init (argc, argv, NULL);
  cache = test_make_dir ();
  g_setenv ("XDG_CACHE_HOME", cache, TRUE);
  pid_path = g_build_filename (cache, "lender.pid", NULL);
  g_setenv (PID_VARIABLE, pid_path, TRUE);
  ssh = g_test_build_filename (G_TEST_DIST, "remote", "ssh", NULL);
  g_setenv ("STEER_SSH", ssh, TRUE);
  steer_backend_register (steer_cpu_backend ());
  steer_remote_register ();
}

int
remote_test_run (void)
{
  int status = g_test_run ();

  test_remove_dir (g_steal_pointer (&cache));
  g_clear_pointer (&program, g_free);
  return status;
}

char *
remote_test_dup_address (const char *folder)
{
  SteerRemoteAddress address = { .host = (char *) "box", .path = (char *) folder, .program = program };

  return steer_remote_address_to_string (&address);
}

void
remote_test_kill_lender (void)
{
  g_autofree char *text = NULL;
  pid_t pid;

  g_assert_true (g_file_get_contents (g_getenv (PID_VARIABLE), &text, NULL, NULL));
  pid = (pid_t) g_ascii_strtoll (text, NULL, 10);
  g_assert_cmpint (kill (pid, SIGKILL), ==, 0);
  /* It is GLib's to collect, which then tells whoever asks for the process. */
  for (guint i = 0; kill (pid, 0) == 0; i++)
    {
      g_assert_cmpuint (i, <, 2000);
      g_usleep (10 * 1000);
    }
  g_usleep (300 * 1000);
}

void
remote_test_set_login (const char *how)
{
  if (how != NULL)
    g_setenv ("STEER_TEST_SSH", how, TRUE);
  else
    g_unsetenv ("STEER_TEST_SSH");
}
