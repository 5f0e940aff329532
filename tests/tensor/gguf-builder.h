#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Writes the parts of a GGUF file, also wrong ones: nothing is checked. */
typedef GByteArray TestGguf;

TestGguf *test_gguf_new (guint32 version, guint64 n_tensors, guint64 n_keys);

void test_gguf_u8 (TestGguf *self, guint8 value);
void test_gguf_u32 (TestGguf *self, guint32 value);
void test_gguf_u64 (TestGguf *self, guint64 value);
void test_gguf_string (TestGguf *self, const char *text);

/* A key, its type, and a u32, u16 or string as its value. */
void test_gguf_key_u32 (TestGguf *self, const char *key, guint32 value);
void test_gguf_key_u16 (TestGguf *self, const char *key, guint16 value);
void test_gguf_key_string (TestGguf *self, const char *key, const char *value);

/* @sizes: [n_dims], innermost first, as the file has them. */
void
test_gguf_tensor (TestGguf *self, const char *name, guint32 n_dims, const guint64 *sizes, guint32 type, guint64 offset);

/* Zeros up to a multiple of @alignment. */
void test_gguf_pad (TestGguf *self, guint alignment);

/* @n bytes that count 0, 1, ... 255, 0, ... */
void test_gguf_data (TestGguf *self, gsize n);

/* Writes the file, frees the builder and returns the path. */
char *test_gguf_write (TestGguf *self, const char *dir, const char *name);

G_END_DECLS
