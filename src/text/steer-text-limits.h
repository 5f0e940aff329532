#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A tokenizer's file is a stranger's: steps that each make a text longer would, one behind the other, fill any memory.
 * These are beyond what tokenizers do: under NFKC U+FDFA becomes eleven times as long, a mark of three bytes may stand
 * before each letter. */

/* Steps of a normalizer, of a pre-tokenizer and of a decoder. */
#define STEER_MAX_TEXT_STEPS 64

/* How long a text of @length bytes may become. What is added to any text is little, since a file may also cut a text
 * into pieces of a character, each of which has this limit. */
static inline gsize
steer_text_get_limit (gsize length)
{
  return length < (G_MAXSIZE - 64) / 16 ? 16 * length + 64 : G_MAXSIZE;
}

/* How long the replacements of a decoder may make one token, in bytes; those that would make more are left out. */
#define STEER_MAX_TOKEN_TEXT 65536

G_END_DECLS
