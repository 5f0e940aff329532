#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The regular expressions by which nearly all byte-level models cut text into words, read by hand: a fraction of the
 * time of a regular expression engine, and the same on every machine. */
typedef enum
{
  STEER_SPLIT_GPT2,
  STEER_SPLIT_LLAMA3,
  STEER_SPLIT_QWEN2, /* Llama 3's with one digit a word */

  STEER_N_SPLITS
} SteerSplitKind;

/* The published pattern, as it stands in tokenizer.json. */
const char *steer_split_kind_get_pattern (SteerSplitKind kind);

/* TRUE when @pattern is exactly one of these. */
gboolean steer_split_kind_from_pattern (const char *pattern, SteerSplitKind *kind);

/* End of the match that begins at @position, which is less than @length. @text is valid UTF-8. The patterns match
 * everywhere and never look behind, so calling this with its own result walks over the whole text. */
gsize steer_split_next (SteerSplitKind kind, const char *text, gsize length, gsize position);

G_END_DECLS
