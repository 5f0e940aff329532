#pragma once

#include <gio/gio.h>

#include "steer-tensor.h"

G_BEGIN_DECLS

#define STEER_TYPE_ARCHIVE (steer_archive_get_type ())

/**
 * SteerArchive:
 *
 * A file or a folder of named tensors, opened by looking at its bytes: safetensors, a folder of safetensors shards,
 * GGUF, also split into several files, PyTorch's .pt, and NumPy's .npz and .npy. Files are mapped read-only; no tensor
 * is copied, but for members of an .npz that are packed. Everything above this class speaks of tensors and never of
 * formats.
 *
 * Tensors of a .pt are named by the way to them through dicts and lists, joined by dots: "state_dict.encoder.weight",
 * "layers.0"; a key that is a tuple gives several parts, so that (15, 21576) becomes "15.21576". A file that is one
 * tensor and nothing else names it "tensor". Numbers, truth values and texts among them become typed metadata.
 *
 * An archive is immutable once opened, so any thread may read it. The files are untrusted: every count, offset and
 * shape is checked before a view is handed out.
 */
G_DECLARE_FINAL_TYPE (SteerArchive, steer_archive, STEER, ARCHIVE, GObject)

/* Opens @path, a file or a folder. Errors: STEER_TENSOR_ERROR, G_FILE_ERROR (unreadable), G_IO_ERROR_CANCELLED. Any
 * thread; blocks on I/O. */
SteerArchive *steer_archive_open (const char *path, GCancellable *cancellable, GError **error);

/* "safetensors", "safetensors shards", "GGUF v3", ... for people. */
const char *steer_archive_get_format (SteerArchive *self);
const char *steer_archive_get_path (SteerArchive *self);

/* Bytes of all files behind the archive. */
guint64 steer_archive_get_file_size (SteerArchive *self);

/* One of the files behind an archive. Strings and bytes belong to the archive. */
typedef struct
{
  const char *path;
  const guint8 *data; /* [size], mapped; NULL when the file is empty */
  gsize size;
  gsize head_size; /* bytes before those of the first tensor: they tell what is in the file */
} SteerArchiveFile;

guint steer_archive_get_n_files (SteerArchive *self);
void steer_archive_get_file (SteerArchive *self, guint index, SteerArchiveFile *file);

guint steer_archive_get_n_tensors (SteerArchive *self);

/* In the file's order. (transfer none), valid while the archive lives. */
const SteerTensor *steer_archive_get_tensor (SteerArchive *self, guint index);

/* Also finds names that `__metadata__` declares as aliases of a stored tensor. NULL when there is none. */
const SteerTensor *steer_archive_find (SteerArchive *self, const char *name);

/* The file that holds the tensor's bytes, as text for messages; the archive's path when they are in none. */
const char *steer_archive_get_tensor_file (SteerArchive *self, const SteerTensor *tensor);

/* Metadata as text (safetensors `__metadata__`, GGUF keys): a string as it is, made valid UTF-8 where it is not; a
 * number or truth value in decimal; of a list its first elements, for people. NULL when there is no such key. */
const char *steer_archive_get_metadata (SteerArchive *self, const char *key);

/* Sorted keys, NULL-terminated; free with g_free() (the strings belong to the archive). */
const char **steer_archive_list_metadata (SteerArchive *self);

/* Typed metadata, as GGUF files have it. FALSE or NULL when there is no such key or its value is of another kind; an
 * integer of any width counts as an integer, a floating-point number too when it is integral, and an integer counts
 * as a number. *value is then left alone. Any thread. */
gboolean steer_archive_get_uint (SteerArchive *self, const char *key, guint64 *value);
gboolean steer_archive_get_int (SteerArchive *self, const char *key, gint64 *value);
gboolean steer_archive_get_double (SteerArchive *self, const char *key, double *value);
gboolean steer_archive_get_bool (SteerArchive *self, const char *key, gboolean *value);

/* Also safetensors metadata. Made valid UTF-8 where it is not; NULL when the value is no string. */
const char *steer_archive_get_string (SteerArchive *self, const char *key);

/* A string inside a mapped file: no NUL ends it, it may hold NUL, and it need not be UTF-8. */
typedef struct
{
  const char *bytes; /* [length] */
  gsize length;
} SteerArchiveString;

/* [*n] elements; free the list with g_free(), the strings belong to the archive. An empty list is not NULL. Of
 * truths as integers, 0 is the untrue one. */
SteerArchiveString *steer_archive_get_string_array (SteerArchive *self, const char *key, gsize *n);
gint64 *steer_archive_get_int_array (SteerArchive *self, const char *key, gsize *n);
double *steer_archive_get_double_array (SteerArchive *self, const char *key, gsize *n);

/**
 * SteerOpaqueTensor:
 *
 * A tensor that a valid file describes but that cannot be read: its type is none of SteerDtype, or the file is a
 * header without data. It is not among the archive's tensors, so that nobody reads it by mistake.
 */
typedef struct
{
  const char *name;
  const char *type; /* the format's name of it, such as "IQ2_XXS" */
  const char *why;  /* "the type IQ2_XXS is not supported", for an error message */
  guint n_dims;
  gint64 shape[STEER_TENSOR_MAX_DIMS]; /* [n_dims] */
} SteerOpaqueTensor;

guint steer_archive_get_n_opaque (SteerArchive *self);
const SteerOpaqueTensor *steer_archive_get_opaque (SteerArchive *self, guint index);
const SteerOpaqueTensor *steer_archive_find_opaque (SteerArchive *self, const char *name);

/* Tells the system that the bytes of @tensor will be needed soon, or will not be needed again. Hints only. */
void steer_archive_prefetch (SteerArchive *self, const SteerTensor *tensor);
void steer_archive_release (SteerArchive *self, const SteerTensor *tensor);

G_END_DECLS
