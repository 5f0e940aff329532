/* A preset's YAML, of either schema. What is read and written again must be the same preset. */
#include "fuzz.h"

#include <string.h>

#include "steering/steer-preset.h"

int
fuzz_one_input (const uint8_t *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerPreset) preset = steer_preset_new_from_yaml ((const char *) data, size, "x.yaml", &error);
  g_autoptr (SteerPreset) again = NULL;
  g_autofree char *yaml = NULL;
  g_autofree char *yaml_again = NULL;

  g_assert_true ((preset == NULL) == (error != NULL));
  fuzz_accepted = preset != NULL;
  if (preset == NULL)
    return 0;
  yaml = steer_preset_to_yaml (preset);
  again = steer_preset_new_from_yaml (yaml, strlen (yaml), "x.yaml", &error);
  g_assert_no_error (error);
  g_assert_true (steer_preset_equal (preset, again));
  yaml_again = steer_preset_to_yaml (again);
  g_assert_cmpstr (yaml, ==, yaml_again);
  return 0;
}
