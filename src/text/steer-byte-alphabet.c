#include "steer-byte-alphabet.h"

#include "steer-unicode.h"

/* Bytes that are printable characters of Latin-1 stand for themselves, the other 68 follow from U+0100 in order. */
static gboolean
is_itself (guint byte)
{
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

#define N_SHIFTED 68

static guint8 shifted[N_SHIFTED]; /* the byte of U+0100 + i; written once */

static void
ensure_table (void)
{
  static gsize done = 0;

  if (g_once_init_enter (&done))
    {
      guint n = 0;

      for (guint byte = 0; byte < 256; byte++)
        if (!is_itself (byte))
          shifted[n++] = (guint8) byte;
      g_assert (n == N_SHIFTED);
      g_once_init_leave (&done, 1);
    }
}

gssize
steer_byte_alphabet_read (const char *text, gsize length, char *bytes)
{
  gssize n = 0;
  guint size;

  ensure_table ();
  for (gsize at = 0; at < length; at += size)
    {
      gunichar character = steer_utf8_get (text + at, &size);

      if (character < 0x100 ? !is_itself (character) : character >= 0x100 + N_SHIFTED)
        return -1;
      bytes[n++] = (char) (character < 0x100 ? character : shifted[character - 0x100]);
    }
  return n;
}
