#include "model/steer-backend-module.h"

/* A module that a test opens in place of the CUDA backend: of this version, or off by FAKE_OFFSET. */

static const SteerBackend backend = { .name = "fake" };

G_MODULE_EXPORT const SteerBackend *FAKE_ENTRY (guint64 *version);

const SteerBackend *
FAKE_ENTRY (guint64 *version)
{
  *version = STEER_BACKEND_MODULE_VERSION + FAKE_OFFSET;
  return &backend;
}
