/* The `steer` command on a disk that is full or broken, by LD_PRELOAD of fault.c. */
#include <string.h>

#include "cli-test-util.h"
#include "fault.h"
#include "test-util.h"

#define MAX_CALLS 200

/* Runs `steer extract` onto @path with the @nth call and all later ones failing. */
static void
extract (CliResult *result, const char *dir, const char *path, const char *kind, guint nth)
{
  g_autofree char *sae = test_fixture_path ("cli/sae");
  g_autofree char *fault = g_strdup_printf ("%s:%u:%s", kind, nth, dir);
  g_autoptr (GSubprocessLauncher) launcher
    = cli_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
  const char *args[] = { "extract", "--sae", sae, "--layer", "2", "--features", "97,98", "-o", path, NULL };
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GError) error = NULL;

  g_subprocess_launcher_setenv (launcher, "LD_PRELOAD", g_getenv ("STEER_TEST_FAULT_MODULE"), TRUE);
  g_subprocess_launcher_setenv (launcher, "STEER_FAULT", fault, TRUE);
  process = cli_spawn (launcher, args);
  g_subprocess_communicate_utf8 (process, NULL, NULL, &result->out, &result->err, &error);
  g_assert_no_error (error);
  result->status = g_subprocess_get_if_exited (process) ? g_subprocess_get_exit_status (process) : -1;
}

static guint
count_files (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

static void
test_extract (gconstpointer data)
{
  const char *kind = data;
  const char *extensions[] = { "safetensors", "pt" };

  for (guint i = 0; i < G_N_ELEMENTS (extensions); i++)
    {
      char *dir = test_make_dir ();
      g_autofree char *path = g_strdup_printf ("%s/out.%s", dir, extensions[i]);
      guint nth = 1;

      g_assert_true (g_file_set_contents (path, "old", -1, NULL));
      for (; nth < MAX_CALLS; nth++)
        {
          g_auto (CliResult) result = { 0 };
          g_autofree char *contents = NULL;

          extract (&result, dir, path, kind, nth);
          g_test_message ("%s at call %u: %d %s", kind, nth, result.status, result.err);
          g_assert_cmpuint (count_files (dir), ==, 1);
          if (result.status == 0)
            break;
          g_assert_cmpint (result.status, ==, 1);
          g_assert_nonnull (strstr (result.err, path));
          g_file_get_contents (path, &contents, NULL, NULL);
          g_assert_cmpstr (contents, ==, "old");
        }
      g_assert_cmpuint (nth, >, 3);
      g_assert_cmpuint (nth, <, MAX_CALLS);
      test_remove_dir (dir);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/command-faults/extract on a full disk keeps the old file and says so", "ENOSPC",
                        test_extract);
  g_test_add_data_func ("/command-faults/extract on a broken disk keeps the old file and says so", "EIO", test_extract);
  return g_test_run ();
}
