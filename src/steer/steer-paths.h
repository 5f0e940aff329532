#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Where this program's own files are: in the sources and the build folder while it lies in its build folder, else where
 * it is installed. Each returns a path that exists, or NULL; free with g_free(). */

/* @relative: to data/. STEER_DATA_DIR overrides. */
char *steer_paths_find_data (const char *relative);

/* A shared library. @variable: an environment variable that names the file and overrides. Also lib/ beside the
 * program, for a folder that is carried to another machine. */
char *steer_paths_find_module (const char *name, const char *variable);

G_END_DECLS
