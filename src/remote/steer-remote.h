#pragma once

#include "model/steer-backend.h"
#include "steer-remote-address.h"
#include "steer-wire.h"

G_BEGIN_DECLS

/**
 * SECTION: a model of another computer
 *
 * The files and the device are there, everything else is here: `ssh` logs in there, as it does for its user, and starts
 * `steer lend`, which speaks SteerWire on its standard streams. ssh authenticates and encrypts; nothing listens on a
 * port, and no secret is kept here. ssh is never let ask: what it needs is an agent or a key that it can use.
 *
 * STEER_SSH names another program in ssh's place.
 */

/* Before the device's id there, in the id of a context: "remote:cuda:0". */
#define STEER_REMOTE_DEVICE_PREFIX "remote:"

/* From then on steer_model_open() opens addresses, see SteerRemoteAddress. Start-up only. */
void steer_remote_register (void);

/* A model that a computer has. */
typedef struct
{
  char *path; /* there */
  char *name;
  guint64 bytes;
} SteerRemoteModel;

typedef struct
{
  GPtrArray *models;  /* SteerRemoteModel */
  GPtrArray *devices; /* SteerDevice */
} SteerRemoteListing;

void steer_remote_listing_free (SteerRemoteListing *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerRemoteListing, steer_remote_listing_free)

/* What @address, whatever its path, has to lend. Blocks; any thread. Errors: as steer_remote_connect(). */
SteerRemoteListing *steer_remote_list (const SteerRemoteAddress *address, GCancellable *cancellable, GError **error);

/**
 * SteerRemote:
 *
 * A connection to a lender. Any thread, one at a time.
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
