#include <glib/gi18n.h>

#include <locale.h>

#include "steer-application.h"
#include "steer-renderer.h"

int
main (int argc, char **argv)
{
  g_autoptr (SteerApplication) application = NULL;

  setlocale (LC_ALL, "");
  bindtextdomain (GETTEXT_PACKAGE, STEER_LOCALEDIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);
  g_set_application_name (_ ("Steer Chat"));

  steer_renderer_choose ("/dev/dri");
  steer_application_prepare ();
  steer_init ();
  application = steer_application_new ();
  return g_application_run (G_APPLICATION (application), argc, argv);
}
