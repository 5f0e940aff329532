#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A tokenizer's file is a stranger's: steps that each make a text longer would, one behind the other, fill any memory.
 * These are far beyond what any tokenizer does; the longest known growth is that of U+FDFA under NFKC, elevenfold. */

/* Steps of a normalizer, of a pre-tokenizer and of a decoder. */
#define STEER_MAX_TEXT_STEPS 64

/* How long a text of @length bytes may become. */
static inline gsize
steer_text_get_limit (gsize length)
{
  return length < (G_MAXSIZE - 4096) / 32 ? 32 * length + 4096 : G_MAXSIZE;
}

/* How long the replacements of a decoder may make one token, in bytes; those that would make more are left out. */
#define STEER_MAX_TOKEN_TEXT 65536

G_END_DECLS
