/* The machine that reads a .pt's data.pkl, without the zip file around it. */
#include "fuzz.h"

#include "tensor/steer-pickle.h"

int
fuzz_one_input (const uint8_t *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerPickle) pickle = steer_pickle_read (data, size, "data.pkl", NULL, &error);

  g_assert_true ((pickle == NULL) == (error != NULL));
  fuzz_accepted = pickle != NULL;
  if (pickle != NULL)
    g_assert_nonnull (pickle->result);
  return 0;
}
