#include <glib/gi18n.h>

#include <locale.h>

#include "steer-application.h"

/* Without a GPU's render node GTK would set up OpenGL in software, which takes two seconds at the start and draws
 * slower than its own renderer for the CPU. */
static void
choose_renderer (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/dev/dri", 0, NULL);
  const char *name = NULL;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    if (g_str_has_prefix (name, "renderD"))
      return;
  g_setenv ("GSK_RENDERER", "cairo", FALSE);
}

int
main (int argc, char **argv)
{
  g_autoptr (SteerApplication) application = NULL;

  setlocale (LC_ALL, "");
  bindtextdomain (GETTEXT_PACKAGE, STEER_LOCALEDIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);
  g_set_application_name (_ ("Steer Chat"));

  choose_renderer ();
  steer_application_find_schema ();
  steer_init ();
  application = steer_application_new ();
  return g_application_run (G_APPLICATION (application), argc, argv);
}
