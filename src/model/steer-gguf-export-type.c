/* Which type each matrix gets. Reference: llama.cpp, src/llama-quant.cpp. */

#include "steer-gguf-export.h"

static const char *const type_names[STEER_N_EXPORTS] = {
  [STEER_EXPORT_F32] = "f32",   [STEER_EXPORT_F16] = "f16",   [STEER_EXPORT_BF16] = "bf16",
  [STEER_EXPORT_Q8_0] = "q8_0", [STEER_EXPORT_Q4_0] = "q4_0", [STEER_EXPORT_Q4_K_M] = "q4_k_m",
};

const char *
steer_export_type_get_name (SteerExportType type)
{
  g_return_val_if_fail ((guint) type < STEER_N_EXPORTS, NULL);

  return type_names[type];
}

gboolean
steer_export_type_from_name (const char *name, SteerExportType *type)
{
  for (guint i = 0; i < STEER_N_EXPORTS; i++)
    if (g_ascii_strcasecmp (name, type_names[i]) == 0)
      {
        *type = (SteerExportType) i;
        return TRUE;
      }
  return FALSE;
}

/* The first and last eighth of the layers, and every third between. */
static gboolean
deserves_more_bits (guint layer, guint n_layers)
{
  guint eighth = n_layers / 8;

  return layer < eighth || layer >= 7 * n_layers / 8 || (layer - eighth) % 3 == 2;
}

static SteerDtype
choose_wanted (SteerExportType type, SteerExportRole role, guint layer, guint n_layers)
{
  switch (type)
    {
    case STEER_EXPORT_F32:
      return STEER_DTYPE_F32;
    case STEER_EXPORT_F16:
      return STEER_DTYPE_F16;
    case STEER_EXPORT_BF16:
      return STEER_DTYPE_BF16;
    case STEER_EXPORT_Q8_0:
      return STEER_DTYPE_Q8_0;
    case STEER_EXPORT_Q4_0:
      return role == STEER_EXPORT_ROLE_OUTPUT ? STEER_DTYPE_Q6_K : STEER_DTYPE_Q4_0;
    case STEER_EXPORT_Q4_K_M:
    case STEER_N_EXPORTS:
    default:
      if (role == STEER_EXPORT_ROLE_OUTPUT || (role != STEER_EXPORT_ROLE_OTHER && deserves_more_bits (layer, n_layers)))
        return STEER_DTYPE_Q6_K;
      return STEER_DTYPE_Q4_K;
    }
}

SteerDtype
steer_export_type_choose (SteerExportType type, SteerExportRole role, guint layer, guint n_layers, gint64 n_columns)
{
  SteerDtype dtype = choose_wanted (type, role, layer, n_layers);

  if (n_columns % (gint64) steer_dtype_get_block_elements (dtype) != 0)
    dtype = dtype == STEER_DTYPE_Q4_K ? STEER_DTYPE_Q5_0 : STEER_DTYPE_Q8_0;
  return n_columns % (gint64) steer_dtype_get_block_elements (dtype) != 0 ? STEER_DTYPE_F16 : dtype;
}
