#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Byte-level vocabularies spell every byte as one printable character: GPT-2's alphabet. */

/* Replaces the @length bytes of @text (UTF-8) by what they spell, in @bytes, which has room for @length bytes. Returns
 * how many bytes, or -1 when @text has a character outside the alphabet. */
gssize steer_byte_alphabet_read (const char *text, gsize length, char *bytes);

G_END_DECLS
