#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * SteerSampling:
 *
 * How the next token is chosen from the logits, and when a reply ends. Part of a preset. Definitions and their order
 * are those of Hugging Face transformers: repetition penalty, temperature, top-k, top-p, min-p.
 */
typedef struct
{
  double temperature;        /* 0 is greedy; else divides the logits. 0 .. 5 */
  guint top_k;               /* 0: off */
  double top_p;              /* 1: off. (0, 1] */
  double min_p;              /* 0: off. [0, 1] */
  double repetition_penalty; /* 1: off. HF's rule: seen tokens' logits are divided if positive, else multiplied */
  guint64 seed;              /* the same seed and prompt give the same reply */
  guint max_tokens;          /* 0: as many as the context holds */
} SteerSampling;

/* Ranges. */
#define STEER_SAMPLING_MAX_TEMPERATURE 5.0
#define STEER_SAMPLING_MAX_PENALTY 10.0
/* Smallest double above 0 that a person would mean; keeps top_p and the penalty off 0, which would divide by it. */
#define STEER_SAMPLING_ABOVE_ZERO 1e-6

/* Names the members of a SteerSampling, for a preset that states only some of them. */
typedef enum
{
  STEER_SAMPLING_TEMPERATURE = 1 << 0,
  STEER_SAMPLING_TOP_K = 1 << 1,
  STEER_SAMPLING_TOP_P = 1 << 2,
  STEER_SAMPLING_MIN_P = 1 << 3,
  STEER_SAMPLING_REPETITION_PENALTY = 1 << 4,
  STEER_SAMPLING_SEED = 1 << 5,
  STEER_SAMPLING_MAX_TOKENS = 1 << 6,
  STEER_SAMPLING_ALL = (1 << 7) - 1,
} SteerSamplingFields;

/* Of the members, in the order of their fields, as presets and generation_config.json call them; ends with NULL. */
extern const char *const steer_sampling_keys[];

/* The first so many are measures: all but the seed and the longest reply. */
#define STEER_SAMPLING_N_MEASURES 5

/* temperature 0.7, top_p 0.95, everything else off, seed 0, max_tokens 512. */
void steer_sampling_init (SteerSampling *self);

/* Copies the members that @fields names from @from. */
void steer_sampling_merge (SteerSampling *self, const SteerSampling *from, SteerSamplingFields fields);

/* A measure. FALSE, and nothing changes, where @value is not one that the member can have. */
gboolean steer_sampling_set (SteerSampling *self, SteerSamplingFields field, double value);
double steer_sampling_get (const SteerSampling *self, SteerSamplingFields field);

gboolean steer_sampling_equal (const SteerSampling *a, const SteerSampling *b);

G_END_DECLS
