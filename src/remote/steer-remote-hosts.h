#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* ~/.ssh/config. Free with g_free(). */
char *steer_remote_dup_hosts_path (void);

/* @text: [length], what a file of ssh's configuration has (ssh_config(5)). Names that its Host lines give to computers,
 * in the file's order, each once; patterns, and what no address could be made of, are left out. Include is not
 * followed. Never NULL; free with g_strfreev(). */
char **steer_remote_parse_hosts (const char *text, gsize length);

G_END_DECLS
