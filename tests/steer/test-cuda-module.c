#include <string.h>

#include "model/steer-backend-module.h"
#include "steer/steer-cuda.h"
#include "steer/steer.h"
#include "test-util.h"

/* Stands in for the driver's library: one that every system has. */
#define DRIVER "libm.so.6"

static char *
find_fake (const char *name)
{
  g_autofree char *file = g_strdup_printf ("libfake-%s.so", name);

  return g_test_build_filename (G_TEST_BUILT, "steer", file, NULL);
}

static void
assert_refused (const char *driver, const char *path, int code, const char *word)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (steer_cuda_module_open (driver, path, &error));
  g_assert_error (error, STEER_MODEL_ERROR, code);
  if (strstr (error->message, word) == NULL)
    g_error ("\"%s\" does not say \"%s\"", error->message, word);
}

static void
test_opens (void)
{
  g_autofree char *path = find_fake ("right");
  g_autoptr (GError) error = NULL;
  const SteerBackend *backend = steer_cuda_module_open (DRIVER, path, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (backend->name, ==, "fake");
}

static void
test_refuses (void)
{
  g_autofree char *old = find_fake ("old");
  g_autofree char *foreign = find_fake ("foreign");
  g_autofree char *missing = find_fake ("missing");

  assert_refused (DRIVER, NULL, STEER_MODEL_ERROR_DEVICE, "-Dcuda=enabled");
  assert_refused (DRIVER, old, STEER_MODEL_ERROR_DEVICE, "another version");
  assert_refused (DRIVER, foreign, STEER_MODEL_ERROR_DEVICE, STEER_BACKEND_MODULE_ENTRY);
  assert_refused (DRIVER, missing, STEER_MODEL_ERROR_DEVICE, "libfake-missing.so");
}

/* Whether the machine has the hardware decides what the remedy is. */
static void
test_no_driver (void)
{
  g_autofree char *path = find_fake ("right");
  g_autoptr (GError) error = NULL;

  g_assert_null (steer_cuda_module_open ("libno-such-driver.so.1", path, &error));
  if (g_error_matches (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_MISSING))
    g_assert_cmpstr (error->message, ==, "this machine has no NVIDIA GPU");
  else
    {
      g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE);
      g_assert_nonnull (strstr (error->message, "libno-such-driver.so.1"));
    }
}

/* Every function that the module takes from the program is in this one, and so in each that links libsteer. */
static void
test_real (void)
{
#ifdef TEST_CUDA_MODULE
  g_autoptr (GError) error = NULL;
  const SteerBackend *backend = steer_cuda_module_open (DRIVER, TEST_CUDA_MODULE, &error);
  g_autoptr (GPtrArray) devices = NULL;

  g_assert_no_error (error);
  g_assert_cmpstr (backend->name, ==, "cuda");
  g_assert_true (backend->can_choose);
  devices = backend->list_devices ();
  g_assert_cmpuint (devices->len, >=, 1);
  for (guint i = 0; i < devices->len; i++)
    {
      const SteerDevice *device = g_ptr_array_index (devices, i);

      g_assert_true (g_str_has_prefix (device->id, "cuda:"));
      g_assert_true (device->usable == (device->why_not == NULL));
    }
#else
  g_test_skip ("built without the CUDA module");
#endif
}

/* As a program meets it: listed before the CPU, with a reason where it cannot be used, and never in the way. */
static void
test_stand_in (void)
{
  g_autoptr (GPtrArray) devices = NULL;
  const SteerDevice *first;
  g_autoptr (GPtrArray) same = NULL;

  steer_init ();
  g_assert_true (steer_backend_find ("cuda") == steer_cuda_backend ());
  devices = steer_backend_list_devices ();
  first = g_ptr_array_index (devices, 0);
  g_assert_cmpstr (first->id, ==, "cuda:0");
  if (!first->usable)
    g_assert_nonnull (first->why_not);
  g_assert_cmpstr (((SteerDevice *) g_ptr_array_index (devices, devices->len - 1))->id, ==, "cpu");
  same = steer_backend_list_devices ();
  g_assert_cmpuint (same->len, ==, devices->len);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/steer/cuda-module/a module of this version gives its backend", test_opens);
  g_test_add_func ("/steer/cuda-module/what is no module of this version is refused with the remedy", test_refuses);
  g_test_add_func ("/steer/cuda-module/without a driver the reason is told", test_no_driver);
  g_test_add_func ("/steer/cuda-module/the real module finds all its functions in the program", test_real);
  g_test_add_func ("/steer/cuda-module/the stand-in lists a device that tells why it cannot be used", test_stand_in);
  return g_test_run ();
}
