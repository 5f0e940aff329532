#include "steer-cpu.h"

#include "steer-cpu-context.h"
#include "steer-cpu-machine.h"

static GPtrArray *
list_devices (void)
{
  GPtrArray *devices = g_ptr_array_new_with_free_func ((GDestroyNotify) steer_device_free);
  g_autoptr (GError) error = NULL;
  const SteerCpuKernels *kernels = steer_cpu_kernels_choose (&error);
  g_auto (SteerCpuMachine) machine = { 0 };
  SteerDevice *device = g_new0 (SteerDevice, 1);

  steer_cpu_machine_init (&machine);
  device->id = g_strdup ("cpu");
  device->name = kernels != NULL ? steer_cpu_context_dup_device_name (kernels) : steer_cpu_machine_dup_name ();
  device->memory_total = machine.memory_total;
  device->memory_free = machine.memory_free;
  device->usable = kernels != NULL;
  device->why_not = kernels != NULL ? NULL : g_strdup (error->message);
  g_ptr_array_add (devices, device);
  return devices;
}

static const SteerBackend backend = {
  .name = "cpu",
  .can_choose = FALSE,
  .list_devices = list_devices,
  .estimate = steer_cpu_context_estimate,
  .open = steer_cpu_context_open,
  .close = steer_cpu_context_close,
  .forward = steer_cpu_context_forward,
};

const SteerBackend *
steer_cpu_backend (void)
{
  return &backend;
}
