#include "cli-test-util.h"

#include <fcntl.h>
#include <glib-unix.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "test-util.h"

void
cli_result_clear (CliResult *self)
{
  g_clear_pointer (&self->out, g_free);
  g_clear_pointer (&self->err, g_free);
}

static const char *
get_state_dir (void)
{
  static char *path = NULL;

  if (path == NULL)
    path = test_make_dir ();
  return path;
}

GSubprocessLauncher *
cli_launcher_new (GSubprocessFlags flags)
{
  GSubprocessLauncher *launcher = g_subprocess_launcher_new (flags);

  g_subprocess_launcher_setenv (launcher, "XDG_STATE_HOME", get_state_dir (), TRUE);
  g_subprocess_launcher_setenv (launcher, "XDG_DATA_HOME", get_state_dir (), TRUE);
  g_subprocess_launcher_unsetenv (launcher, "NO_COLOR");
  g_subprocess_launcher_unsetenv (launcher, "STEER_DATA_DIR");
  return launcher;
}

char *
cli_copy_program (const char *dir)
{
  g_autoptr (GFile) from = g_file_new_for_path (STEER_PROGRAM);
  g_autoptr (GFile) to = g_file_new_build_filename (dir, "steer", NULL);
  g_autoptr (GError) error = NULL;

  if (g_file_test (STEER_PKGDATADIR, G_FILE_TEST_EXISTS))
    {
      g_test_skip ("the program is installed here");
      return NULL;
    }
  g_file_copy (from, to, G_FILE_COPY_NONE, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  return g_file_get_path (to);
}

GSubprocess *
cli_spawn (GSubprocessLauncher *launcher, const char *const *args)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_autoptr (GError) error = NULL;
  GSubprocess *process;

  g_ptr_array_add (argv, (gpointer) STEER_PROGRAM);
  for (; *args != NULL; args++)
    g_ptr_array_add (argv, (gpointer) *args);
  g_ptr_array_add (argv, NULL);
  process = g_subprocess_launcher_spawnv (launcher, (const char *const *) argv->pdata, &error);
  g_assert_no_error (error);
  return process;
}

/* NUL-terminated; @bytes: nullable. */
static char *
dup_bytes (GBytes *bytes, gsize *length)
{
  gconstpointer data = bytes != NULL ? g_bytes_get_data (bytes, length) : NULL;
  char *copy;

  if (data == NULL)
    *length = 0;
  copy = g_malloc0 (*length + 1);
  if (*length > 0)
    memcpy (copy, data, *length);
  return copy;
}

/* All of @input, written before the program begins: one that does not look at it may end before it is written, and then
 * nobody would be there to read. A pipe, where it fits into one. */
static int
open_input (const char *input)
{
  gsize n = strlen (input);
  int ends[2];
  FILE *file;
  int read_end;

  if (n <= PIPE_BUF)
    {
      g_assert_true (g_unix_open_pipe (ends, FD_CLOEXEC, NULL));
      g_assert_cmpint (write (ends[1], input, n), ==, (gssize) n);
      close (ends[1]);
      return ends[0];
    }
  file = tmpfile ();
  g_assert_nonnull (file);
  g_assert_cmpuint (fwrite (input, 1, n, file), ==, n);
  g_assert_cmpint (fflush (file), ==, 0);
  read_end = fcntl (fileno (file), F_DUPFD_CLOEXEC, 3);
  g_assert_cmpint (lseek (read_end, 0, SEEK_SET), ==, 0);
  fclose (file);
  return read_end;
}

void
cli_run (CliResult *self, const char *input, const char *const *args)
{
  g_autoptr (GSubprocessLauncher) launcher
    = cli_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GBytes) out = NULL;
  g_autoptr (GBytes) err = NULL;
  g_autoptr (GError) error = NULL;
  gsize length;

  g_subprocess_launcher_take_stdin_fd (launcher, open_input (input != NULL ? input : ""));
  process = cli_spawn (launcher, args);
  g_subprocess_communicate (process, NULL, NULL, &out, &err, &error);
  g_assert_no_error (error);
  g_subprocess_wait (process, NULL, NULL);

  cli_result_clear (self);
  self->status = g_subprocess_get_if_exited (process) ? g_subprocess_get_exit_status (process) : -1;
  self->out = dup_bytes (out, &self->out_length);
  self->err = dup_bytes (err, &length);
}

static const char *
get_fixture (const char *name)
{
  g_autofree char *relative = g_build_filename ("cli", name, NULL);
  g_autofree char *path = test_fixture_path (relative);

  return g_intern_string (path);
}

const char *
cli_model (void)
{
  return get_fixture ("model");
}

const char *
cli_vectors (void)
{
  return get_fixture ("vectors.safetensors");
}

const char *
cli_calm (void)
{
  return get_fixture ("calm.yaml");
}

const char *
cli_loud (void)
{
  return get_fixture ("loud.yaml");
}

static JsonObject *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) node = json_from_string (text, &error);

  g_assert_no_error (error);
  g_assert_true (JSON_NODE_HOLDS_OBJECT (node));
  return json_node_dup_object (node);
}

JsonObject *
cli_parse (const CliResult *self)
{
  g_assert_cmpstr (self->err, ==, "");
  g_assert_cmpint (self->status, ==, 0);
  return parse (self->out);
}

GArray *
cli_get_ids (JsonObject *object, const char *name)
{
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  JsonArray *array = json_object_get_array_member (object, name);

  g_assert_nonnull (array);
  for (guint i = 0; i < json_array_get_length (array); i++)
    {
      gint32 id = (gint32) json_array_get_int_element (array, i);

      g_array_append_val (ids, id);
    }
  return ids;
}

void
cli_assert_ids_equal (const GArray *a, const GArray *b)
{
  g_assert_cmpmem (a->data, a->len * sizeof (gint32), b->data, b->len * sizeof (gint32));
}

JsonObject *
cli_load_expected (void)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  g_file_get_contents (get_fixture ("expected.json"), &text, NULL, &error);
  g_assert_no_error (error);
  return parse (text);
}

char *
cli_copy_model (const char *const *without)
{
  char *copy = test_make_dir ();
  g_autoptr (GDir) dir = g_dir_open (cli_model (), 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autoptr (GFile) from = g_file_new_build_filename (cli_model (), name, NULL);
      g_autoptr (GFile) to = g_file_new_build_filename (copy, name, NULL);
      g_autoptr (GError) error = NULL;

      if (g_strv_contains (without, name))
        continue;
      g_file_copy (from, to, G_FILE_COPY_NONE, NULL, NULL, NULL, &error);
      g_assert_no_error (error);
    }
  return copy;
}

gboolean
cli_is_safe (const char *text)
{
  if (!g_utf8_validate (text, -1, NULL))
    return FALSE;
  for (; *text != '\0'; text = g_utf8_next_char (text))
    {
      gunichar c = g_utf8_get_char (text);

      if ((c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7f && c < 0xa0))
        return FALSE;
    }
  return TRUE;
}
