#include "cuda-model.h"

#include "steer-cuda-backend.h"

SteerContext *
cuda_context_open (SteerModel *model, guint n_slots, SteerDtype kv_dtype, SteerDtype weight_type)
{
  g_autoptr (GError) error = NULL;
  SteerContextOptions options;
  SteerContext *context;

  steer_context_options_init (&options);
  options.n_slots = n_slots;
  options.kv_dtype = kv_dtype;
  options.weight_type = weight_type;
  context = steer_cuda_module_backend ()->open (model, "cuda:0", &options, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  return context;
}
