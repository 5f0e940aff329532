#pragma once

#include "hub/steer-hub-client.h"
#include "steer-cli.h"
#include "steering/steer-label-store.h"

G_BEGIN_DECLS

/* Downloads labels and imports them into the user's database. @text: MODEL/SOURCE as Neuronpedia names them, or the
 * repository of an SAE; @what: (nullable): which of its SAEs. Blocks. Errors: STEER_CLI_ERROR_USAGE, STEER_HUB_ERROR,
 * STEER_LABEL_ERROR, G_FILE_ERROR, G_IO_ERROR_CANCELLED. */
gboolean steer_cli_hub_fetch_labels (SteerHubClient *client,
                                     const char *text,
                                     const char *what,
                                     SteerLabelImport *counts,
                                     SteerHubProgress progress,
                                     gpointer data,
                                     GCancellable *cancellable,
                                     GError **error);

G_END_DECLS
