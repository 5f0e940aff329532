#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* What the files of this room share. */

/* "WHAT PATH: why", of errno; FALSE. G_FILE_ERROR. */
gboolean steer_hub_fail_errno (const char *what, const char *path, GError **error);

/* The folder that @path lies in is there. Errors: G_FILE_ERROR. */
gboolean steer_hub_make_parent (const char *path, GError **error);

/* Of the environment; NULL where it is not set or empty. */
const char *steer_hub_get_variable (const char *name);

/* The same as a path, with "~" and "$NAME" in it put in, as Python's os.path has it. Free with g_free(). */
char *steer_hub_dup_path_variable (const char *name);

/* $HF_HUB_OFFLINE asks for no connection. */
gboolean steer_hub_is_offline (void);

G_END_DECLS
