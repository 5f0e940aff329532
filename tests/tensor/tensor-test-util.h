#pragma once

#include "tensor/steer-archive.h"

G_BEGIN_DECLS

/* Writes @size bytes to @dir/@name and returns the path; free with g_free(). */
char *test_write_file (const char *dir, const char *name, const void *data, gsize size);
char *test_write_text (const char *dir, const char *name, const char *text);

/* A safetensors file: the header as given, then @data_size bytes that count 0, 1, ... 255, 0, ... */
GBytes *test_safetensors_bytes (const char *header, gsize data_size);
char *test_write_safetensors (const char *dir, const char *name, const char *header, gsize data_size);

/* The same with a sparse, zero-filled data section that takes no room on the disk. */
char *test_write_sparse_safetensors (const char *dir, const char *name, const char *header, guint64 data_size);

/* Opening must fail with @code of STEER_TENSOR_ERROR and a message that holds each of the words, up to NULL. */
void test_assert_refused (const char *path, int code, ...) G_GNUC_NULL_TERMINATED;

G_END_DECLS
