#pragma once

#include "steer-cli-options.h"

G_BEGIN_DECLS

/* Loads the model that @options describe and waits for it, iterating the main context. Progress is shown on a terminal;
 * Ctrl+C cancels (G_IO_ERROR_CANCELLED). */
SteerEngine *steer_cli_engine_load (const SteerCliOptions *options, const char *path, GError **error);

/* A string property of the engine; free with g_free(). */
char *steer_cli_engine_dup_property (SteerEngine *engine, const char *name);

/* Iterates the main context until @reply is done. Ctrl+C stops the reply. */
void steer_cli_engine_wait (SteerReply *reply);

/* Typical norms of the layers' residual streams, which are waited for; NULL where they cannot be measured: without a
 * tokenizer, or once @cancellable is cancelled. (transfer full) (element-type double), [n_layers] */
GArray *steer_cli_engine_measure_norms (SteerEngine *engine, GCancellable *cancellable);

/* Whether the model can be spoken to in text. Errors: STEER_CHAT_ERROR_NO_TEXT with the reason and the remedy. */
gboolean steer_cli_engine_check_text (SteerEngine *engine, gboolean needs_template, GError **error);

/* The tokens of the prompt that @options give, as the engine would make them. Errors: STEER_TEXT_ERROR,
 * STEER_CHAT_ERROR_NO_TEXT with the remedy. @system: (nullable): used where the options name none. (element-type
 * gint32) */
GArray *
steer_cli_engine_encode (SteerEngine *engine, const SteerCliOptions *options, const char *system, GError **error);

/* Puts the prompt of @options into @request. @system: (nullable): used where the options name none. */
gboolean steer_cli_engine_fill_request (SteerRequest *request,
                                        const SteerCliOptions *options,
                                        const char *system,
                                        GError **error);

G_END_DECLS
