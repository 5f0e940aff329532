/* Any file of tensors as a source of steering vectors: an SAE, a dict, a control vector. Vectors that are handed out
 * must have unit length. */
#include "fuzz.h"

#include <math.h>

#include "steering/steer-vector-source-open.h"

/* Of the vectors that a source lists. */
#define MAX_VECTORS 8

static void
check_vector (SteerVectorSource *source, guint layer, guint64 index)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) vector = steer_vector_source_load_vector (source, layer, index, NULL, &error);
  double sum = 0.0;
  const float *values;
  gsize size;

  g_assert_true ((vector == NULL) == (error != NULL));
  if (vector == NULL)
    return;
  values = g_bytes_get_data (vector, &size);
  g_assert_cmpuint (size, ==, steer_vector_source_get_d_model (source) * sizeof (float));
  for (gsize i = 0; i < size / sizeof (float); i++)
    sum += (double) values[i] * (double) values[i];
  g_assert_cmpfloat (fabs (sum - 1.0), <, 1e-3);
}

int
fuzz_one_input (const uint8_t *data, size_t size)
{
  SteerSourceHints hints;
  g_autoptr (SteerVectorSource) source = NULL;
  g_autoptr (GPtrArray) infos = NULL;
  g_autoptr (GError) error = NULL;

  steer_source_hints_init (&hints);
  hints.fallback_layer = 3;
  hints.k = 4;
  source = steer_vector_source_open (fuzz_file (data, size), &hints, NULL, &error);
  g_assert_true ((source == NULL) == (error != NULL));
  fuzz_accepted = source != NULL;
  if (source == NULL)
    return 0;
  infos = steer_vector_source_list_infos (source);
  for (guint i = 0; i < MIN (infos->len, MAX_VECTORS); i++)
    {
      const SteerFeatureInfo *info = g_ptr_array_index (infos, i);

      check_vector (source, info->layer, info->index);
    }
  check_vector (source, hints.fallback_layer >= 0 ? (guint) hints.fallback_layer : 0, 1);
  return 0;
}
