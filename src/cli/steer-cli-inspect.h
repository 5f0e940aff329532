#pragma once

#include "steer-cli.h"

#include "chat/steer-inspection.h"

G_BEGIN_DECLS

/* On standard output. @tokenizer: (nullable): then tokens have no text. @n_top: features a token and an SAE, and in
 * each list of the whole text. */
void steer_cli_inspect_print_text (SteerInspection *inspection, SteerTokenizer *tokenizer, GArray *norms, guint n_top);
void steer_cli_inspect_print_json (SteerInspection *inspection, SteerTokenizer *tokenizer, GArray *norms, guint n_top);

G_END_DECLS
