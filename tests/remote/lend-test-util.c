#include "lend-test-util.h"

#include <unistd.h>

#include "test-util.h"

void
test_lend (const char *home)
{
  g_autofree char *model = test_fixture_path ("cli/model");
  g_autofree char *ssh = g_test_build_filename (G_TEST_DIST, "remote", "ssh", NULL);
  g_autofree char *models = g_build_filename (home, "models", NULL), *tiny = g_build_filename (models, "tiny", NULL);
  g_autofree char *path = g_strconcat (STEER_PROGRAM_FOLDER ":", g_getenv ("PATH"), NULL);

  g_assert_cmpint (g_mkdir_with_parents (models, 0700), ==, 0);
  g_assert_cmpint (symlink (model, tiny), ==, 0);
  g_setenv ("STEER_SSH", ssh, TRUE);
  g_setenv ("HOME", home, TRUE);
  g_setenv ("HF_HOME", home, TRUE);
  g_setenv ("XDG_CACHE_HOME", home, TRUE);
  g_setenv ("PATH", path, TRUE);
}
