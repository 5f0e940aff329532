#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Size of the longest prefix of @bytes ([length], at least 1) that is a well-formed sequence or the beginning of one,
 * and whether it is complete. 0 when the first byte cannot begin a sequence. (Unicode 15, table 3-7.) */
static inline gsize
steer_utf8_scan (const guint8 *bytes, gsize length, gboolean *complete)
{
  guint8 lead = bytes[0];
  guint8 low = 0x80, high = 0xbf; /* of the second byte: excludes overlong forms, surrogates, and above U+10FFFF */
  gsize want, have = 1;

  *complete = FALSE;
  if (lead < 0x80)
    want = 1;
  else if (lead >= 0xc2 && lead <= 0xdf)
    want = 2;
  else if (lead >= 0xe0 && lead <= 0xef)
    want = 3;
  else if (lead >= 0xf0 && lead <= 0xf4)
    want = 4;
  else
    return 0;
  if (lead == 0xe0)
    low = 0xa0;
  else if (lead == 0xed)
    high = 0x9f;
  else if (lead == 0xf0)
    low = 0x90;
  else if (lead == 0xf4)
    high = 0x8f;

  while (have < want && have < length && bytes[have] >= low && bytes[have] <= high)
    {
      low = 0x80;
      high = 0xbf;
      have++;
    }
  *complete = have == want;
  return have;
}

G_END_DECLS
