#include "test-util.h"

#include <glib/gstdio.h>
#include <math.h>
#include <unistd.h>

char *
test_shared_path (const char *relative)
{
  const char *root = g_getenv ("STEER_TEST_SHARED");
  g_autofree char *path = root != NULL ? g_build_filename (root, relative, NULL) : NULL;

  if (path == NULL || !g_file_test (path, G_FILE_TEST_EXISTS))
    {
      g_test_skip ("the outside test data is not here");
      return NULL;
    }
  return g_steal_pointer (&path);
}

char *
test_fixture_path (const char *relative)
{
  char *path = g_test_build_filename (G_TEST_DIST, "fixtures", relative, NULL);

  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    g_error ("fixture %s is missing", path);
  return path;
}

char *
test_make_dir (void)
{
  g_autoptr (GError) error = NULL;
  char *path = g_dir_make_tmp ("steer-test-XXXXXX", &error);

  g_assert_no_error (error);
  return path;
}

static void
remove_recursively (const char *path)
{
  g_autoptr (GDir) dir = NULL;

  if (g_file_test (path, G_FILE_TEST_IS_DIR) && !g_file_test (path, G_FILE_TEST_IS_SYMLINK))
    {
      const char *name;

      dir = g_dir_open (path, 0, NULL);
      while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
        {
          g_autofree char *child = g_build_filename (path, name, NULL);
          remove_recursively (child);
        }
    }
  g_remove (path);
}

void
test_remove_dir (char *path)
{
  if (path == NULL)
    return;
  remove_recursively (path);
  g_free (path);
}

static gboolean
on_timeout (gpointer data)
{
  *(gboolean *) data = TRUE;
  return G_SOURCE_CONTINUE;
}

void
test_wait_until (gboolean (*condition) (gpointer data), gpointer data, double seconds)
{
  gboolean expired = FALSE;
  guint timeout = g_timeout_add ((guint) (seconds * 1000), on_timeout, &expired);

  while (!condition (data) && !expired)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (timeout);
  g_assert_true (condition (data));
}

void
test_keep_result (GObject *source, GAsyncResult *result, gpointer kept)
{
  *(GAsyncResult **) kept = g_object_ref (result);
}

static gboolean
is_set (gpointer data)
{
  return *(gpointer *) data != NULL;
}

void
test_wait_for_result (GAsyncResult **kept, double seconds)
{
  test_wait_until (is_set, kept, seconds);
}

static gboolean
is_gone (gpointer data)
{
  return *(gpointer *) data == NULL;
}

/* So that the main context turns when a thread of which it knows nothing had the last reference. */
static gboolean
on_tick (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

void
test_assert_finalizes (gpointer object)
{
  gpointer watched = object;
  guint tick = g_timeout_add (1, on_tick, NULL);

  g_object_add_weak_pointer (object, &watched);
  g_object_unref (object);
  test_wait_until (is_gone, &watched, 20);
  g_source_remove (tick);
}

gboolean
test_part_has (gboolean stood_for)
{
  const char *part = g_getenv ("STEER_TEST_PART");

  return part == NULL || g_str_equal (part, stood_for ? "rest" : "most");
}

guint
test_get_n_rounds (guint usually)
{
  const char *wanted = g_getenv ("STEER_TEST_ROUNDS");

  return wanted != NULL ? (guint) g_ascii_strtoull (wanted, NULL, 10) : usually;
}

/* Vigna's SplitMix64, which is public domain. */
static guint64
get_next_random (guint64 *state)
{
  guint64 z = *state += G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);

  z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT (0x94d049bb133111eb);
  return z ^ (z >> 31);
}

static guint64
begin_random (void)
{
  return (guint64) (guint32) g_test_rand_int () << 32 | (guint32) g_test_rand_int ();
}

void
test_fill_random (float *values, gsize n, double size)
{
  guint64 state = begin_random ();

  for (gsize i = 0; i < n; i++)
    values[i] = (float) (size * ((double) (get_next_random (&state) >> 11) * 0x1p-52 - 1.0));
}

void
test_fill_random_bytes (guint8 *bytes, gsize n)
{
  guint64 state = begin_random ();

  for (gsize i = 0; i < n; i++)
    bytes[i] = (guint8) (get_next_random (&state) >> 56);
}

gsize
test_get_resident (void)
{
  g_autofree char *text = NULL;
  char *end;

  g_assert_true (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL));
  g_ascii_strtoull (text, &end, 10);
  return (gsize) g_ascii_strtoull (end, NULL, 10) * (gsize) sysconf (_SC_PAGESIZE);
}

double
test_max_relative_error (const float *a, const float *b, gsize n)
{
  double scale = 0.0;
  double worst = 0.0;

  for (gsize i = 0; i < n; i++)
    scale = MAX (scale, fabs ((double) b[i]));
  for (gsize i = 0; i < n; i++)
    {
      double difference = fabs ((double) a[i] - (double) b[i]);

      if (!isfinite (difference))
        return INFINITY;
      worst = MAX (worst, difference);
    }
  return scale > 0.0 ? worst / scale : worst;
}
