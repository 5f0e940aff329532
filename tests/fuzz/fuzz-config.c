/* config.json and, behind a NUL, generation_config.json. What is accepted must be fit to size arrays with. */
#include "fuzz.h"

#include <math.h>
#include <string.h>

#include "model/steer-model-config.h"

static void
check (const SteerModelConfig *config)
{
  g_autofree char *summary = steer_model_config_dup_summary (config);
  g_autofree float *inv_freq = g_new (float, config->head_dim / 2);

  g_assert_cmpuint (config->n_heads % config->n_kv_heads, ==, 0);
  g_assert_cmpuint (config->head_dim % 2, ==, 0);
  g_assert_cmpuint (config->n_eos_ids, <=, STEER_MAX_EOS_IDS);
  g_assert_cmpuint (steer_model_config_get_n_parameters (config), >, 0);
  g_assert_true (g_utf8_validate (summary, -1, NULL));
  g_assert_true (config->sampling.temperature >= 0.0 && config->sampling.temperature <= STEER_SAMPLING_MAX_TEMPERATURE);
  g_assert_true (config->sampling.top_p > 0.0 && config->sampling.top_p <= 1.0);
  g_assert_true (config->sampling.repetition_penalty > 0.0);
  steer_model_config_get_inv_freq (config, inv_freq);
  for (guint i = 0; i < config->head_dim / 2; i++)
    g_assert_true (isfinite (inv_freq[i]));
  if (config->rope_local_theta > 0.0)
    steer_model_config_get_local_inv_freq (config, inv_freq);
}

int
fuzz_one_input (const uint8_t *data, size_t size)
{
  const uint8_t *end = size > 0 ? memchr (data, 0, size) : NULL;
  size_t length = end != NULL ? (size_t) (end - data) : size;
  g_autoptr (GError) error = NULL;
  SteerModelConfig config;

  fuzz_folder_write ("config.json", data, length);
  fuzz_folder_write ("generation_config.json", end != NULL ? end + 1 : NULL, end != NULL ? size - length - 1 : 0);
  fuzz_accepted = steer_model_config_read (&config, fuzz_folder (), &error);
  g_assert_true (fuzz_accepted == (error == NULL));
  if (fuzz_accepted)
    check (&config);
  return 0;
}
