/* How a model's authors ask for it to be sampled: generation_config.json, or the keys "general.sampling.*" of a GGUF
 * file. It is advice: what is no number of its range is left out, and a model is not refused for it. Reference:
 * transformers, GenerationConfig; llama.cpp, gguf-py/gguf/constants.py. */

#include "steer-model-config-private.h"

static const struct
{
  SteerSamplingFields field;
  const char *json_key;
  const char *gguf_key;
  gboolean is_choice; /* says something of sampling only, and nothing where the likeliest token is always taken */
} hints[] = {
  { STEER_SAMPLING_TEMPERATURE, "temperature", "general.sampling.temp", TRUE },
  { STEER_SAMPLING_TOP_K, "top_k", "general.sampling.top_k", TRUE },
  { STEER_SAMPLING_TOP_P, "top_p", "general.sampling.top_p", TRUE },
  { STEER_SAMPLING_MIN_P, "min_p", "general.sampling.min_p", TRUE },
  { STEER_SAMPLING_REPETITION_PENALTY, "repetition_penalty", "general.sampling.penalty_repeat", FALSE },
};

static void
take (SteerModelConfig *self, SteerSamplingFields field, double value)
{
  if (steer_sampling_set (&self->sampling, field, value))
    self->sampling_fields |= field;
}

void
steer_model_config_read_sampling (SteerModelConfig *self, const SteerJsonConfig *json)
{
  gboolean samples = TRUE;

  steer_json_config_get_bool (json, "do_sample", &samples, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (hints); i++)
    {
      double value = 0.0;

      if ((samples || !hints[i].is_choice) && steer_json_config_has (json, hints[i].json_key)
          && steer_json_config_get_double (json, hints[i].json_key, -G_MAXDOUBLE, &value, NULL))
        take (self, hints[i].field, value);
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

  for (guint i = 0; i < G_N_ELEMENTS (hints); i++)
    if (steer_archive_get_double (archive, hints[i].gguf_key, &value))
      take (self, hints[i].field, widen (value));
}

void
steer_model_config_write_sampling_gguf (const SteerModelConfig *self, SteerGgufWriter *writer)
{
  for (guint i = 0; i < G_N_ELEMENTS (hints); i++)
    if ((self->sampling_fields & hints[i].field) && hints[i].field == STEER_SAMPLING_TOP_K)
      steer_gguf_writer_add_uint (writer, hints[i].gguf_key, self->sampling.top_k);
    else if (self->sampling_fields & hints[i].field)
      steer_gguf_writer_add_float (writer, hints[i].gguf_key,
                                   (float) steer_sampling_get (&self->sampling, hints[i].field));
}
