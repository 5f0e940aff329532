#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * steer_renderer_choose:
 * @dri: the folder of the GPUs' device files, "/dev/dri"
 *
 * Has GTK draw with cairo where no GPU can be used: OpenGL would then be set up in software, which takes two seconds at
 * the start and draws less than half as many frames. What GSK_RENDERER or GDK_DEBUG say is left as it is. Before GTK is
 * initialised and before there are threads, because it sets GSK_RENDERER.
 */
void steer_renderer_choose (const char *dri);

G_END_DECLS
