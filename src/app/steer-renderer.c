#include "steer-renderer.h"

#include <unistd.h>

/* What renders without a screen is open to everyone in some systems, in others to a group. */
static gboolean
has_gpu (const char *dri)
{
  g_autoptr (GDir) dir = g_dir_open (dri, 0, NULL);
  const char *name = NULL;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (dri, name, NULL);

      if (g_str_has_prefix (name, "renderD") && access (path, R_OK | W_OK) == 0)
        return TRUE;
    }
  return FALSE;
}

void
steer_renderer_choose (const char *dri)
{
  if (g_getenv ("GDK_DEBUG") == NULL && !has_gpu (dri))
    g_setenv ("GSK_RENDERER", "cairo", FALSE);
}

void
steer_renderer_spare_animations (GtkNative *window)
{
  g_return_if_fail (GTK_IS_NATIVE (window));

  if (GSK_IS_CAIRO_RENDERER (gtk_native_get_renderer (window)))
    g_object_set (gtk_widget_get_settings (GTK_WIDGET (window)), "gtk-enable-animations", FALSE, NULL);
}
