#include "steer-about.h"

#include <glib/gi18n.h>

#include "steer-accessible.h"
#include "steer-application.h"
#include "steer/steer.h"

/* What someone who reports a fault is asked for. */
static char *
dup_debug_info (void)
{
  g_autofree char *versions = steer_dup_library_versions ();

  return g_strdup_printf ("Steer Chat %s\n%sGTK %u.%u.%u\nlibadwaita %u.%u.%u\n", STEER_VERSION, versions,
                          gtk_get_major_version (), gtk_get_minor_version (), gtk_get_micro_version (),
                          adw_get_major_version (), adw_get_minor_version (), adw_get_micro_version ());
}

void
steer_about_show (GtkWindow *parent)
{
  static const char *const developers[] = { "The Steer Chat developers", NULL };
  g_autofree char *info = dup_debug_info ();
  GtkWidget *window;

  window = g_object_new (ADW_TYPE_ABOUT_WINDOW, "transient-for", parent, "application-name", _ ("Steer Chat"),
                         "application-icon", STEER_APPLICATION_ID, "version", STEER_VERSION, "comments",
                         _ ("A chat with a local language model whose behaviour you steer while it speaks."),
                         "developer-name", _ ("The Steer Chat developers"), "developers", developers, "license-type",
                         GTK_LICENSE_APACHE_2_0, "debug-info", info, "debug-info-filename", "steer-chat.txt",
                         /* Translators: your names, one a line */
                         "translator-credits", _ ("translator-credits"), NULL);
  steer_accessible_name_inner (window);
  gtk_window_present (GTK_WINDOW (window));
}
