#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * SECTION: a model of another computer
 *
 * The files and the device are there, everything else is here: `ssh` logs in there, as it does for its user, and starts
 * `steer lend`, which speaks SteerWire on its standard streams. ssh authenticates and encrypts; nothing listens on a
 * port, and no secret is kept here. ssh is never let ask: what it needs is an agent or a key that it can use.
 */

/* Before the device's id there, in the id of a context: "remote:cuda:0". */
#define STEER_REMOTE_DEVICE_PREFIX "remote:"

/* From then on steer_model_open() opens addresses, see SteerRemoteAddress. Start-up only; SIGPIPE is ignored, since it
 * is write() that notices a connection which ended. */
void steer_remote_register (void);

G_END_DECLS
