#pragma once

#include "steering/steer-sae-encode.h"

#include "steer-inspection.h"

G_BEGIN_DECLS

/* Without codes yet. @tokens: [n_tokens], copied; @saes: (element-type SteerSae); @tokenizer: (nullable). */
SteerInspection *
steer_inspection_new (const gint32 *tokens, guint n_tokens, GPtrArray *saes, SteerTokenizer *tokenizer);

/* What SAE @place makes of the next @codes->n_tokens tokens, whose residual stream is @residual [n_tokens, d_model].
 * Until the inspection is handed out. */
void steer_inspection_append (SteerInspection *self, guint place, const SteerSaeCodes *codes, const float *residual);

G_END_DECLS
