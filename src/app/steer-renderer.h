#pragma once

#include <gtk/gtk.h>

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

/**
 * steer_renderer_spare_animations:
 * @window: realized
 *
 * Switches animations off where cairo draws @window: each of their frames would paint whole panes by the CPU, 20 ms each,
 * which is time that tokens and keys then wait.
 */
void steer_renderer_spare_animations (GtkNative *window);

G_END_DECLS
