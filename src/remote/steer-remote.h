#pragma once

#include "model/steer-backend.h"
#include "steer-remote-address.h"
#include "steer-wire.h"

G_BEGIN_DECLS

/**
 * SteerRemote:
 *
 * A connection to a lender: the process of ssh, which STEER_SSH names another program for. Any thread, one at a time.
 */
typedef struct _SteerRemote SteerRemote;

/* Logs in and waits for the greeting. Errors: STEER_MODEL_ERROR_DEVICE with what ssh said and what to do,
 * STEER_MODEL_ERROR_UNSUPPORTED for another version, G_IO_ERROR_CANCELLED. */
SteerRemote *steer_remote_connect (const SteerRemoteAddress *address, GCancellable *cancellable, GError **error);
void steer_remote_free (SteerRemote *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerRemote, steer_remote_free)

/* FALSE once something went wrong that no further question can mend. */
gboolean steer_remote_is_alive (SteerRemote *self);

/**
 * steer_remote_ask:
 * @body: of the kind @kind; floating is taken
 * @answer: the kind of the answer
 * @max_length: of the answer in bytes
 * @progress: (nullable)
 *
 * Returns at once when it is cancelled; the lender is told, and what it answers all the same is passed over. Errors:
 * those of the lender, STEER_MODEL_ERROR_DEVICE when the connection is lost. (transfer full)
 */
GVariant *steer_remote_ask (SteerRemote *self,
                            SteerWireKind kind,
                            GVariant *body,
                            SteerWireKind answer,
                            gsize max_length,
                            SteerProgressFunc progress,
                            gpointer progress_data,
                            GCancellable *cancellable,
                            GError **error);

/* Ends the connection: what came over it was no answer. */
void steer_remote_give_up (SteerRemote *self);

G_END_DECLS
