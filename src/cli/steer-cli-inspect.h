#pragma once

#include "steer-cli.h"

#include "steering/steer-sae-encode.h"

G_BEGIN_DECLS

/* What one feature did over the whole text; the first token, on which everything fires, is left out. */
typedef struct
{
  guint32 feature;
  guint n_tokens; /* on which it fires */
  float largest;
  double sum;         /* of its activations */
  double specificity; /* largest * largest / sum: high for a feature that fires strongly in few places */
} SteerCliFiring;

/* One SAE and what it says of the text. */
typedef struct
{
  SteerSae *sae;
  SteerSaeCodes *codes;
  GArray *firings; /* (element-type SteerCliFiring) */
} SteerCliInspected;

typedef struct
{
  const gint32 *tokens; /* [n_tokens] */
  guint n_tokens;
  SteerTokenizer *tokenizer; /* nullable: then tokens have no text */
  GPtrArray *saes;           /* (element-type SteerCliInspected) */
  guint n_top;               /* features a token, and in each list of the whole text */
} SteerCliInspection;

/* On standard output. */
void steer_cli_inspect_print_text (const SteerCliInspection *self);
void steer_cli_inspect_print_json (const SteerCliInspection *self);

G_END_DECLS
