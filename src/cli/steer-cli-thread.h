#pragma once

#include "steer-cli.h"

G_BEGIN_DECLS

typedef gboolean (*SteerCliWork) (gpointer data, GCancellable *cancellable, GError **error);

/* Runs @work in a thread of its own and waits for it, so that Ctrl+C cancels it (G_IO_ERROR_CANCELLED). */
gboolean steer_cli_run_in_thread (SteerCliWork work, gpointer data, GError **error);

G_END_DECLS
