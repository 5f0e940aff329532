#pragma once

#include "model/steer-backend.h"

G_BEGIN_DECLS

/* A model of this computer, for those who choose one. Strings are borrowed during the call. */
typedef void (*SteerLendFoundFunc) (const char *path, const char *name, guint64 bytes, gpointer data);

typedef struct
{
  const char *program_version;
  /* Tells @found of all models that are here. Called in the thread of steer_lend_run(). */
  void (*find_models) (SteerLendFoundFunc found, gpointer data);
  gint64 silence_us; /* of the borrower's, after which it is taken to have gone; 0: STEER_WIRE_SILENCE_US */
} SteerLendOptions;

/**
 * steer_lend_run:
 *
 * Lends this computer's models and devices to whoever is at the other end of the streams, which see SteerWire, until it
 * goes: any model that this user may read, one at a time. The other end is this user, as ssh has found; what it sends
 * is checked all the same. Errors: what broke the connection; its end is none.
 */
gboolean steer_lend_run (GInputStream *input, GOutputStream *output, const SteerLendOptions *options, GError **error);

G_END_DECLS
