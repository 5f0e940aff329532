#include "gguf-builder.h"

#include "tensor-test-util.h"

#include <string.h>

static void
append_le (TestGguf *self, guint64 value, guint size)
{
  for (guint i = 0; i < size; i++)
    test_gguf_u8 (self, (guint8) (value >> 8 * i));
}

TestGguf *
test_gguf_new (guint32 version, guint64 n_tensors, guint64 n_keys)
{
  TestGguf *self = g_byte_array_new ();

  g_byte_array_append (self, (const guint8 *) "GGUF", 4);
  test_gguf_u32 (self, version);
  test_gguf_u64 (self, n_tensors);
  test_gguf_u64 (self, n_keys);
  return self;
}

void
test_gguf_u8 (TestGguf *self, guint8 value)
{
  g_byte_array_append (self, &value, 1);
}

void
test_gguf_u32 (TestGguf *self, guint32 value)
{
  append_le (self, value, 4);
}

void
test_gguf_u64 (TestGguf *self, guint64 value)
{
  append_le (self, value, 8);
}

void
test_gguf_string (TestGguf *self, const char *text)
{
  test_gguf_u64 (self, strlen (text));
  g_byte_array_append (self, (const guint8 *) text, (guint) strlen (text));
}

void
test_gguf_key_u32 (TestGguf *self, const char *key, guint32 value)
{
  test_gguf_string (self, key);
  test_gguf_u32 (self, 4);
  test_gguf_u32 (self, value);
}

void
test_gguf_key_u16 (TestGguf *self, const char *key, guint16 value)
{
  test_gguf_string (self, key);
  test_gguf_u32 (self, 2);
  append_le (self, value, 2);
}

void
test_gguf_key_string (TestGguf *self, const char *key, const char *value)
{
  test_gguf_string (self, key);
  test_gguf_u32 (self, 8);
  test_gguf_string (self, value);
}

void
test_gguf_tensor (TestGguf *self, const char *name, guint32 n_dims, const guint64 *sizes, guint32 type, guint64 offset)
{
  test_gguf_string (self, name);
  test_gguf_u32 (self, n_dims);
  for (guint32 i = 0; i < n_dims; i++)
    test_gguf_u64 (self, sizes[i]);
  test_gguf_u32 (self, type);
  test_gguf_u64 (self, offset);
}

void
test_gguf_pad (TestGguf *self, guint alignment)
{
  while (self->len % alignment != 0)
    test_gguf_u8 (self, 0);
}

void
test_gguf_data (TestGguf *self, gsize n)
{
  for (gsize i = 0; i < n; i++)
    test_gguf_u8 (self, (guint8) i);
}

char *
test_gguf_write (TestGguf *self, const char *dir, const char *name)
{
  char *path = test_write_file (dir, name, self->data, self->len);

  g_byte_array_unref (self);
  return path;
}
