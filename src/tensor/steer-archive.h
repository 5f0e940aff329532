#pragma once

#include <gio/gio.h>

#include "steer-tensor.h"

G_BEGIN_DECLS

#define STEER_TYPE_ARCHIVE (steer_archive_get_type ())

/**
 * SteerArchive:
 *
 * A file or a folder of named tensors, opened by looking at its bytes: safetensors, a folder of safetensors shards,
 * and later GGUF, PyTorch zip and npz. Files are mapped read-only; no tensor is copied. Everything above this class
 * speaks of tensors and never of formats.
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

guint steer_archive_get_n_tensors (SteerArchive *self);

/* In the file's order. (transfer none), valid while the archive lives. */
const SteerTensor *steer_archive_get_tensor (SteerArchive *self, guint index);

/* Also finds names that `__metadata__` declares as aliases of a stored tensor. NULL when there is none. */
const SteerTensor *steer_archive_find (SteerArchive *self, const char *name);

/* The file that holds the tensor's bytes, as text for messages; the archive's path when they are in none. */
const char *steer_archive_get_tensor_file (SteerArchive *self, const SteerTensor *tensor);

/* String metadata (safetensors `__metadata__`). NULL when there is no such key. */
const char *steer_archive_get_metadata (SteerArchive *self, const char *key);

/* Sorted keys, NULL-terminated; free with g_free() (the strings belong to the archive). */
const char **steer_archive_list_metadata (SteerArchive *self);

/* Tells the system that the bytes of @tensor will be needed soon, or will not be needed again. Hints only. */
void steer_archive_prefetch (SteerArchive *self, const SteerTensor *tensor);
void steer_archive_release (SteerArchive *self, const SteerTensor *tensor);

G_END_DECLS
