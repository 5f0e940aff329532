/* labels.jsonl, plain or packed. */
#include "fuzz.h"

#include "steering/steer-sae-private.h"

#define N_FEATURES 131072

int
fuzz_one_input (const uint8_t *data, size_t size)
{
  gboolean packed = size > 2 && data[0] == 0x1f && data[1] == 0x8b;
  g_autofree char *weights = g_build_filename (fuzz_folder (), "ae.pt", NULL);
  g_autoptr (GError) error = NULL;
  SteerLabels labels = { 0 };

  fuzz_folder_write ("labels.jsonl", packed ? NULL : data, size);
  fuzz_folder_write ("labels.jsonl.gz", packed ? data : NULL, size);
  fuzz_accepted = steer_labels_read_beside (&labels, weights, 15, N_FEATURES, NULL, &error);
  g_assert_true (fuzz_accepted == (error == NULL));
  for (guint i = 0; fuzz_accepted && i < labels.infos->len; i++)
    {
      const SteerFeatureInfo *info = g_ptr_array_index (labels.infos, i);

      g_assert_cmpuint (info->index, <, N_FEATURES);
      g_assert_true (steer_labels_find (&labels, info->index) == info);
    }
  steer_labels_clear (&labels);
  return 0;
}
