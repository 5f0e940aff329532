/* The file of a feature that was made of examples. What it is called and what it was made of is text that a window can
 * show, and its vector is one that a library has. */
#include "fuzz.h"

#include "steering/steer-made-feature.h"
#include "steering/steer-vector-library.h"

static void
check_strings (char **strings)
{
  g_assert_nonnull (strings);
  for (guint i = 0; strings[i] != NULL; i++)
    g_assert_true (g_utf8_validate (strings[i], -1, NULL));
}

int
fuzz_one_input (const uint8_t *data, size_t size)
{
  const char *path = fuzz_file (data, size);
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerMadeFeature) made = steer_made_feature_read (path, NULL, &error);
  g_autoptr (SteerVectorLibrary) library = NULL;

  g_assert_true ((made == NULL) == (error != NULL));
  fuzz_accepted = made != NULL;
  if (made == NULL)
    {
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
      return 0;
    }
  g_assert_true (g_utf8_validate (made->label, -1, NULL));
  check_strings (made->with);
  check_strings (made->without);
  library = steer_vector_library_open (path, NULL, NULL);
  g_assert_true (steer_vector_source_has_vector (STEER_VECTOR_SOURCE (library), made->layer, made->index));
  return 0;
}
