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

/* temperature 0.7, top_p 0.95, everything else off, seed 0, max_tokens 512. */
void steer_sampling_init (SteerSampling *self);

G_END_DECLS
