#include <string.h>

#include "cuda-model.h"
#include "steer-cuda-backend.h"
#include "steer-shim.h"

/* What the backend tells of devices, and what it says a model will take before it takes it. */

static GPtrArray *
list (void)
{
  return steer_cuda_module_backend ()->list_devices ();
}

static void
assert_says (const char *text, const char *word)
{
  g_assert_nonnull (text);
  if (strstr (text, word) == NULL)
    g_error ("\"%s\" does not say \"%s\"", text, word);
}

static void
test_list (void)
{
  g_autoptr (GPtrArray) devices = NULL;

  steer_shim_set_n_devices (2);
  devices = list ();
  g_assert_cmpuint (devices->len, ==, 2);
  for (guint i = 0; i < 2; i++)
    {
      const SteerDevice *device = g_ptr_array_index (devices, i);

      g_assert_cmpstr (device->id, ==, i == 0 ? "cuda:0" : "cuda:1");
      g_assert_true (device->usable);
      g_assert_cmpuint (device->memory_total, >, 0);
      g_assert_cmpuint (device->memory_free, <=, device->memory_total);
      assert_says (device->driver, "CUDA");
    }
  steer_shim_set_n_devices (1);
}

static void
check_unusable (cudaError_t status, const char *word)
{
  g_autoptr (GPtrArray) devices = NULL;
  const SteerDevice *device;

  steer_shim_set_driver_error (status);
  devices = list ();
  steer_shim_set_driver_error (cudaSuccess);
  g_assert_cmpuint (devices->len, ==, 1);
  device = g_ptr_array_index (devices, 0);
  g_assert_cmpstr (device->id, ==, "cuda:0");
  g_assert_false (device->usable);
  assert_says (device->why_not, word);
}

static void
test_drivers (void)
{
  check_unusable (cudaErrorInsufficientDriver, "update the NVIDIA driver");
  check_unusable (cudaErrorNoDevice, "CUDA_VISIBLE_DEVICES");
  check_unusable (cudaErrorUnknown, "restart");
}

static SteerMemoryEstimate
measure (CpuModel *model, guint n_slots, guint n_context, SteerDtype weight_type)
{
  g_autoptr (GError) error = NULL;
  SteerContextOptions options;
  SteerMemoryEstimate estimate;

  steer_context_options_init (&options);
  options.n_slots = n_slots;
  options.n_context = n_context;
  options.weight_type = weight_type;
  steer_cuda_module_backend ()->estimate (model->model, "cuda:0", &options, &estimate, &error);
  g_assert_no_error (error);
  return estimate;
}

/* To the byte: what is promised is what is allocated. */
static void
test_estimate (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-gqa");
  SteerMemoryEstimate one = measure (model, 1, 64, 0);
  SteerMemoryEstimate two = measure (model, 2, 128, 0);
  SteerMemoryEstimate small = measure (model, 1, 64, STEER_DTYPE_Q8_0);
  gsize before = steer_shim_get_memory_used ();
  g_autoptr (SteerContext) context = NULL;
  SteerContextOptions options;
  g_autoptr (GError) error = NULL;

  g_assert_cmpuint (one.mapped, ==, 0);
  g_assert_cmpuint (two.kv_cache, ==, 4 * one.kv_cache);
  g_assert_cmpuint (one.kv_cache, ==,
                    2ull * model->config->n_layers * model->config->n_kv_heads * model->config->head_dim * 64 * 2);
  g_assert_cmpuint (two.weights, ==, one.weights);
  g_assert_cmpuint (small.weights, <, one.weights);
  g_assert_cmpuint (one.available, >, 0);

  steer_context_options_init (&options);
  options.n_context = 64;
  context = steer_cuda_module_backend ()->open (model->model, "cuda:0", &options, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (context->device_bytes, ==, one.weights + one.kv_cache + one.work);
  g_assert_cmpuint (steer_shim_get_memory_used () - before, >=, context->device_bytes);
}

/* Refused with the numbers and the ways out, before anything was allocated. */
static void
test_does_not_fit (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-gqa");
  g_autoptr (GError) error = NULL;
  gsize before = steer_shim_get_memory_used ();

  steer_shim_set_memory ((gsize) 100 << 20);
  g_assert_null (steer_context_open (model->model, "cuda", NULL, NULL, NULL, NULL, &error));
  steer_shim_set_memory ((gsize) 1 << 30);
  g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_NO_MEMORY);
  assert_says (error->message, "MiB");
  assert_says (error->message, "shorter context");
  assert_says (error->message, "fewer bits");
  g_assert_cmpuint (steer_shim_get_memory_used (), ==, before);
}

/* A model whose shape the kernels do not have is left to the CPU. */
static void
test_shape (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-odd-sizes");
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerContext) context = NULL;

  g_assert_null (steer_context_open (model->model, "cuda", NULL, NULL, NULL, NULL, &error));
  g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED);
  assert_says (error->message, "multiple of 8");
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  steer_backend_register (steer_cuda_module_backend ());
  g_test_add_func ("/cuda/devices/all devices are listed with memory and driver", test_list);
  g_test_add_func ("/cuda/devices/a driver that will not do is told with the remedy", test_drivers);
  g_test_add_func ("/cuda/devices/what is estimated is what is allocated", test_estimate);
  g_test_add_func ("/cuda/devices/what does not fit is refused with the numbers", test_does_not_fit);
  g_test_add_func ("/cuda/devices/a shape without kernels is refused", test_shape);
  return g_test_run ();
}
