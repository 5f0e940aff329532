/* A process that saves a preset over and over is killed at random moments: the file is the old preset or the new one.
 * STEER_TEST_ROUNDS=10000 makes it so many. Chats are killed in tests/chat/test-store-damage.c. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "steering/steer-preset.h"
#include "test-util.h"

#define N_ROUNDS 60
#define N_FEATURES 60

static SteerPreset *
make_preset (gboolean is_new)
{
  SteerPreset *preset = steer_preset_new ();

  steer_preset_set_name (preset, is_new ? "new" : "old");
  for (guint i = 0; i < (is_new ? 2 * N_FEATURES : N_FEATURES); i++)
    {
      g_autoptr (SteerFeature) feature = steer_feature_new (15, i);

      steer_feature_set_strength (feature, is_new ? 2.0 : 1.0);
      steer_preset_append (preset, feature);
    }
  return preset;
}

/* What a child does until it is killed. */
static void G_GNUC_NORETURN
save_for_ever (const char *path)
{
  g_autoptr (SteerPreset) old = make_preset (FALSE);
  g_autoptr (SteerPreset) new = make_preset (TRUE);

  for (guint i = 0;; i++)
    if (!steer_preset_save (i % 2 == 0 ? new : old, path, NULL))
      _exit (1);
}

static void
test_presets (void)
{
  guint n_rounds = test_get_n_rounds (N_ROUNDS);
  g_autoptr (SteerPreset) old = make_preset (FALSE);
  g_autoptr (SteerPreset) new = make_preset (TRUE);
  char *dir = test_make_dir ();
  g_autofree char *path = g_build_filename (dir, "x.yaml", NULL);
  guint n_new = 0;

  g_assert_true (steer_preset_save (old, path, NULL));
  for (guint round = 0; round < n_rounds; round++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (SteerPreset) found = NULL;
      int status;
      pid_t child = fork ();

      g_assert_cmpint (child, >=, 0);
      if (child == 0)
        save_for_ever (path);
      g_usleep ((gulong) g_test_rand_int_range (0, 8000));
      kill (child, SIGKILL);
      g_assert_cmpint (waitpid (child, &status, 0), ==, child);
      g_assert_true (WIFSIGNALED (status));
      found = steer_preset_new_from_file (path, &error);
      g_assert_no_error (error);
      g_assert_true (steer_preset_equal (found, old) || steer_preset_equal (found, new));
      n_new += steer_preset_equal (found, new);
    }
  g_test_message ("%u kills: the new one %u times", n_rounds, n_new);
  /* And the next save works. */
  g_assert_true (steer_preset_save (new, path, NULL));
  test_remove_dir (dir);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/kill/a preset is the old or the new one after kill -9", test_presets);
  return g_test_run ();
}
