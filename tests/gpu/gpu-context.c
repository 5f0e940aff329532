#include "../cuda/cuda-model.h"

#include "steer/steer.h"

/* The same tests as with the shim, on whatever the program finds: the module, and a GPU. */
SteerContext *
cuda_context_open (SteerModel *model, guint n_slots, SteerDtype kv_dtype, SteerDtype weight_type)
{
  g_autoptr (GError) error = NULL;
  SteerContextOptions options;
  SteerContext *context;

  steer_init ();
  steer_context_options_init (&options);
  options.n_slots = n_slots;
  options.kv_dtype = kv_dtype;
  options.weight_type = weight_type;
  context = steer_context_open (model, "cuda", &options, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  return context;
}
