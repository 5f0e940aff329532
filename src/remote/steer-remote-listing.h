#pragma once

#include "model/steer-backend.h"
#include "steer-remote-address.h"

G_BEGIN_DECLS

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

G_END_DECLS
