/* The fake Hub as a program, for trying things by hand and for peers: serves FOLDER/OWNER/NAME/... until it is told to
 * stop, and prints its address. Files of a megabyte and more are git LFS's, as the Hub has it. */
#include <glib-unix.h>
#include <stdlib.h>
#include <string.h>

#include "hub-fake.h"

#define LFS_BYTES (1024 * 1024)

static void
add_folder (HubFake *hub, const char *repo_id, const char *folder, const char *prefix)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL), *inside = g_strconcat (prefix, name, NULL);
      g_autofree char *bytes = NULL, *below = g_strconcat (inside, "/", NULL);
      gsize length;

      if (g_file_test (path, G_FILE_TEST_IS_DIR))
        add_folder (hub, repo_id, path, below);
      else if (g_file_get_contents (path, &bytes, &length, NULL))
        hub_fake_add_file (hub, repo_id, inside, bytes, length, length >= LFS_BYTES);
    }
}

static void
add_owner (HubFake *hub, const char *owner, const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *repo_id = g_strconcat (owner, "/", name, NULL), *path = g_build_filename (folder, name, NULL);

      add_folder (hub, repo_id, path, "");
    }
}

static gboolean
on_signal (gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_CONTINUE;
}

int
main (int argc, char **argv)
{
  g_autoptr (HubFake) hub = NULL;
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GDir) dir = argc > 1 ? g_dir_open (argv[1], 0, NULL) : NULL;
  const char *name;

  if (dir == NULL)
    {
      g_printerr ("Usage: fake-hub FOLDER [BYTES MILLISECONDS]\n");
      return EXIT_FAILURE;
    }
  hub = hub_fake_new ();
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (argv[1], name, NULL);

      add_owner (hub, name, path);
    }
  if (argc > 3)
    hub_fake_slow_down (hub, (gsize) g_ascii_strtoull (argv[2], NULL, 10),
                        (guint) g_ascii_strtoull (argv[3], NULL, 10));
  g_print ("%s\n", hub_fake_get_endpoint (hub));
  g_unix_signal_add (SIGINT, on_signal, loop);
  g_unix_signal_add (SIGTERM, on_signal, loop);
  g_main_loop_run (loop);
  return EXIT_SUCCESS;
}
