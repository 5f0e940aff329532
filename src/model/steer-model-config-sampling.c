/* How a model's authors ask for it to be sampled: generation_config.json, or the keys "general.sampling.*" of a GGUF
 * file. It is advice: what is no number of its range is left out, and a model is not refused for it. Reference:
 * transformers, GenerationConfig; llama.cpp, gguf-py/gguf/constants.py. */

#include "steer-model-config-private.h"

/* [STEER_SAMPLING_N_MEASURES] */
static const char *const gguf_keys[] = { "general.sampling.temp", "general.sampling.top_k", "general.sampling.top_p",
                                         "general.sampling.min_p", "general.sampling.penalty_repeat" };

G_STATIC_ASSERT (G_N_ELEMENTS (gguf_keys) == STEER_SAMPLING_N_MEASURES);

static void
take (SteerModelConfig *self, SteerSamplingFields field, double value)
{
  if (steer_sampling_set (&self->sampling, field, value))
    self->sampling_fields |= field;
}

/* Where the likeliest token is always to be taken, only the penalty says something. */
void
steer_model_config_read_sampling (SteerModelConfig *self, const SteerJsonConfig *json)
{
  gboolean samples = TRUE;

  steer_json_config_get_bool (json, "do_sample", &samples, NULL);
  for (guint i = 0; i < STEER_SAMPLING_N_MEASURES; i++)
    {
      SteerSamplingFields field = 1u << i;
      const char *key = steer_sampling_keys[i];
      double value = 0.0;

      if ((samples || field == STEER_SAMPLING_REPETITION_PENALTY) && steer_json_config_has (json, key)
          && steer_json_config_get_double (json, key, -G_MAXDOUBLE, &value, NULL))
        take (self, field, value);
    }
}

/* 0.95 is kept as a float there; it is to be 0.95 again, as the same model's JSON has it. */
static double
widen (double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  return (double) (float) value == value ? g_ascii_strtod (g_ascii_formatd (text, sizeof text, "%.7g", value), NULL)
                                         : value;
}

void
steer_model_config_read_sampling_gguf (SteerModelConfig *self, SteerArchive *archive)
{
  double value;

  for (guint i = 0; i < STEER_SAMPLING_N_MEASURES; i++)
    if (steer_archive_get_double (archive, gguf_keys[i], &value))
      take (self, 1u << i, widen (value));
}

void
steer_model_config_write_sampling_gguf (const SteerModelConfig *self, SteerGgufWriter *writer)
{
  for (guint i = 0; i < STEER_SAMPLING_N_MEASURES; i++)
    {
      SteerSamplingFields field = 1u << i;

      if ((self->sampling_fields & field) == 0)
        continue;
      if (field == STEER_SAMPLING_TOP_K)
        steer_gguf_writer_add_uint (writer, gguf_keys[i], self->sampling.top_k);
      else
        steer_gguf_writer_add_float (writer, gguf_keys[i], (float) steer_sampling_get (&self->sampling, field));
    }
}
