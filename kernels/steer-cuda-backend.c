#include "steer-cuda-backend.h"

#include "model/steer-backend-module.h"
#include "steer-cuda-context.h"
#include "steer-cuda-device.h"

static const SteerBackend backend = {
  .name = "cuda",
  .can_choose = TRUE,
  .list_devices = steer_cuda_device_list,
  .estimate = steer_cuda_context_estimate,
  .open = steer_cuda_context_open,
  .close = steer_cuda_context_close,
  .forward = steer_cuda_context_forward,
};

const SteerBackend *
steer_cuda_module_backend (void)
{
  return &backend;
}

/* The one function that the module exports. */
G_MODULE_EXPORT const SteerBackend *steer_backend_module_enter (guint64 *version);

const SteerBackend *
steer_backend_module_enter (guint64 *version)
{
  *version = STEER_BACKEND_MODULE_VERSION;
  return &backend;
}
