#pragma once

#include "steer-archive.h"

G_BEGIN_DECLS

/**
 * SteerGgufWriter:
 *
 * Writes a GGUF file (version 3, alignment 32) without holding more of it than its description: first all keys and the
 * descriptions of all tensors, then steer_gguf_writer_begin(), then the tensors' bytes, in the order they were
 * described, in pieces of any size, then steer_gguf_writer_end().
 *
 * The file is made beside @path and renamed into place at the end: until then @path is untouched, and a writer that is
 * freed earlier leaves nothing behind. It is strict: a key or tensor twice, a name that GGUF has no room for, bytes
 * that are too many or too few are errors of the caller's or of what it was given, STEER_TENSOR_ERROR_INVALID. Other
 * errors: G_FILE_ERROR (no space, no permission). One thread at a time; blocks.
 */
typedef struct _SteerGgufWriter SteerGgufWriter;

SteerGgufWriter *steer_gguf_writer_new (const char *path);
void steer_gguf_writer_free (SteerGgufWriter *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerGgufWriter, steer_gguf_writer_free)

/* Keys. A mistake among them is told by steer_gguf_writer_begin(). */
void steer_gguf_writer_add_string (SteerGgufWriter *self, const char *key, const char *value);
void steer_gguf_writer_add_uint (SteerGgufWriter *self, const char *key, guint32 value);
void steer_gguf_writer_add_float (SteerGgufWriter *self, const char *key, float value);
void steer_gguf_writer_add_bool (SteerGgufWriter *self, const char *key, gboolean value);
void
steer_gguf_writer_add_string_list (SteerGgufWriter *self, const char *key, const char *const *values, guint n_values);
void steer_gguf_writer_add_int_list (SteerGgufWriter *self, const char *key, const gint32 *values, guint n_values);
void steer_gguf_writer_add_float_list (SteerGgufWriter *self, const char *key, const float *values, guint n_values);

/* Copies a key of another GGUF file with its type. FALSE when @archive has no such key, or one without a type. */
gboolean steer_gguf_writer_copy_key (SteerGgufWriter *self, SteerArchive *archive, const char *key);

/* @shape: [n_dims], outermost first; the innermost a multiple of the type's block. */
void steer_gguf_writer_add_tensor (SteerGgufWriter *self,
                                   const char *name,
                                   SteerDtype dtype,
                                   guint n_dims,
                                   const gint64 *shape);

/* Makes the file and writes the description. */
gboolean steer_gguf_writer_begin (SteerGgufWriter *self, GError **error);

/* The next @n_bytes of the tensors' bytes; of one tensor at a time. */
gboolean steer_gguf_writer_write (SteerGgufWriter *self, const guint8 *bytes, gsize n_bytes, GError **error);

/* Makes sure that all is on the disk, and puts the file in its place. */
gboolean steer_gguf_writer_end (SteerGgufWriter *self, GError **error);

/* Of the whole file; after steer_gguf_writer_begin(). */
guint64 steer_gguf_writer_get_size (SteerGgufWriter *self);

G_END_DECLS
