#pragma once

#include "steer-archive-private.h"

G_BEGIN_DECLS

#define STEER_GGUF_MAX_DIMS 4

/* A tensor as a GGUF file describes it; everything is checked but whether its bytes are there. */
typedef struct
{
  char *name;
  const char *type_name; /* "Q4_K" */
  gboolean readable;     /* @dtype holds */
  SteerDtype dtype;
  guint n_dims;
  gint64 shape[STEER_GGUF_MAX_DIMS]; /* [n_dims], outermost first */
  guint64 offset;                    /* in the data section */
  guint64 n_bytes;
} SteerGgufTensor;

typedef struct
{
  char *key;
  SteerArchiveValue value; /* in the mapped file */
} SteerGgufKey;

/* The description that begins a GGUF file. */
typedef struct
{
  guint version;
  GArray *keys;       /* (element-type SteerGgufKey), in the file's order */
  GArray *tensors;    /* (element-type SteerGgufTensor), in the file's order, which is that of their data */
  guint64 data_start; /* byte of the file */
  guint64 data_size;  /* that the tensors need, padding included */
} SteerGgufHeader;

/* Errors: STEER_TENSOR_ERROR_INVALID, _TRUNCATED, _UNSUPPORTED, naming key or tensor and byte. */
SteerGgufHeader *steer_gguf_header_read (const SteerFileMap *file, GCancellable *cancellable, GError **error);
void steer_gguf_header_free (SteerGgufHeader *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerGgufHeader, steer_gguf_header_free)

/* The value of @key as a non-negative integer, or @fallback when there is none. */
guint64 steer_gguf_header_get_uint (const SteerGgufHeader *self, const char *key, guint64 fallback);

G_END_DECLS
