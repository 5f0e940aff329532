/* The names of the ways of steering. */

#include "steer-mode.h"

static const GEnumValue modes[] = {
  { STEER_MODE_ADD, "STEER_MODE_ADD", "add" },
  { STEER_MODE_CLAMP, "STEER_MODE_CLAMP", "clamp" },
  { STEER_MODE_MINIMUM, "STEER_MODE_MINIMUM", "minimum" },
  { STEER_MODE_MAXIMUM, "STEER_MODE_MAXIMUM", "maximum" },
  { STEER_MODE_ORTHOGONAL, "STEER_MODE_ORTHOGONAL", "orthogonal" },
  { STEER_MODE_CAP, "STEER_MODE_CAP", "cap" },
  { STEER_MODE_SAE_CLAMP, "STEER_MODE_SAE_CLAMP", "sae-clamp" },
  { 0 },
};

GType
steer_mode_get_type (void)
{
  static gsize type = 0;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("SteerMode", modes));
  return type;
}

const char *
steer_mode_get_name (SteerMode mode)
{
  g_return_val_if_fail ((guint) mode < STEER_N_MODES, "add");
  return modes[mode].value_nick;
}

gboolean
steer_mode_from_name (const char *name, SteerMode *mode)
{
  for (guint i = 0; i < STEER_N_MODES; i++)
    if (g_str_equal (name, modes[i].value_nick))
      {
        *mode = (SteerMode) i;
        return TRUE;
      }
  return FALSE;
}

const char *
steer_mode_list_names (void)
{
  return "add, clamp, minimum, maximum, orthogonal, cap or sae-clamp";
}
