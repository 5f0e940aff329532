#pragma once

#include "steer-archive.h"

G_BEGIN_DECLS

/**
 * SteerFileMap:
 *
 * A regular file mapped read-only as it was when it was opened. The size is checked once: a file that somebody
 * shortens while it is mapped is beyond what a reader can guard against.
 */
typedef struct
{
  char *path;
  char *name;         /* the path as valid UTF-8, for messages */
  const guint8 *data; /* [size], page-aligned; NULL when the file is empty */
  gsize size;
} SteerFileMap;

/* Errors: STEER_TENSOR_ERROR_NOT_FOUND, _UNSUPPORTED (not a regular file), _NO_MEMORY; G_FILE_ERROR. */
SteerFileMap *steer_file_map_open (const char *path, GError **error);
void steer_file_map_free (SteerFileMap *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerFileMap, steer_file_map_free)

/* FALSE and STEER_TENSOR_ERROR_POINTER when the file is the text that Git LFS leaves in place of a large file. */
gboolean steer_file_map_check_not_pointer (const SteerFileMap *self, GError **error);

/* The kinds of a typed value; the numbers are GGUF's. */
typedef enum
{
  STEER_VALUE_U8 = 0,
  STEER_VALUE_I8 = 1,
  STEER_VALUE_U16 = 2,
  STEER_VALUE_I16 = 3,
  STEER_VALUE_U32 = 4,
  STEER_VALUE_I32 = 5,
  STEER_VALUE_F32 = 6,
  STEER_VALUE_BOOL = 7,
  STEER_VALUE_STRING = 8,
  STEER_VALUE_ARRAY = 9,
  STEER_VALUE_U64 = 10,
  STEER_VALUE_I64 = 11,
  STEER_VALUE_F64 = 12,

  STEER_N_VALUE_TYPES
} SteerValueType;

/* A typed value in a mapped file, little-endian, whose extent the reader has checked. */
typedef struct
{
  SteerValueType type;
  SteerValueType element_type; /* of an array */
  gsize n;                     /* elements of an array; bytes of a string */
  const guint8 *data;          /* the bytes of a string, else the number or the first element */
} SteerArchiveValue;

/* Bytes of a number; 0 for strings and arrays. */
gsize steer_value_type_get_size (SteerValueType type);

/* For people, and valid UTF-8. Free with g_free(). */
char *steer_archive_value_dup_text (const SteerArchiveValue *self);

/**
 * SteerArchiveTable:
 *
 * The contents of an archive, filled by a format's reader while the archive opens and never changed afterwards.
 */
typedef struct
{
  char *format;          /* for people */
  GPtrArray *files;      /* (element-type SteerFileMap), in the order they were added */
  GPtrArray *blocks;     /* (element-type GBytes): what had to be unpacked; in no file */
  GStringChunk *strings; /* owns names, keys and values */
  GArray *tensors;       /* (element-type SteerTensor), in the file's order */
  GHashTable *by_name;   /* tensor's name -> its index + 1 */
  GHashTable *metadata;  /* key -> text */
  GHashTable *values;    /* key -> SteerArchiveValue: those of the keys that have a type */
  GPtrArray *opaque;     /* (element-type SteerOpaqueTensor) */
} SteerArchiveTable;

/* Takes the file; its mapping lives as long as the archive. */
const SteerFileMap *steer_archive_table_take_file (SteerArchiveTable *self, SteerFileMap *file);

/* Takes memory that tensors lie in; it lives as long as the archive. */
void steer_archive_table_take_bytes (SteerArchiveTable *self, GBytes *bytes);

/* A copy that lives as long as the archive. */
const char *steer_archive_table_dup_string (SteerArchiveTable *self, const char *string);

/* Adds a view whose bytes the caller has checked and whose name the table owns. FALSE when the name is taken. */
gboolean steer_archive_table_add_tensor (SteerArchiveTable *self, const SteerTensor *tensor);

/* Copies both. A key that is already there keeps its value: of several shards, the first one speaks. */
void steer_archive_table_add_metadata (SteerArchiveTable *self, const char *key, const char *value);

/* Copies the key and the value; the bytes that the value points to must live as long as the archive. */
void steer_archive_table_add_value (SteerArchiveTable *self, const char *key, const SteerArchiveValue *value);

/* Copies the tensor; its strings must live as long as the archive. */
void steer_archive_table_add_opaque (SteerArchiveTable *self, const SteerOpaqueTensor *tensor);

/* For the accessors of metadata. */
const SteerArchiveTable *steer_archive_get_table (SteerArchive *self);

/**
 * SteerArchiveFormat:
 * @matches: whether the file's bytes look like this format; a look at its beginning
 * @read: fills the table from @file, which the table already owns, and sets its format. On failure the whole table is
 *   discarded, so nothing needs to be undone
 *
 * A kind of file. A new one is a new file beside the others and a row in steer-archive.c.
 */
typedef struct
{
  gboolean (*matches) (const SteerFileMap *file);
  gboolean (*read) (SteerArchiveTable *table, const SteerFileMap *file, GCancellable *cancellable, GError **error);
} SteerArchiveFormat;

extern const SteerArchiveFormat steer_safetensors_format;
extern const SteerArchiveFormat steer_gguf_format;
extern const SteerArchiveFormat steer_npz_format;
extern const SteerArchiveFormat steer_npy_format;
extern const SteerArchiveFormat steer_torch_zip_format;

/* Whether a tensor of a shard belongs to the table. */
typedef gboolean (*SteerTensorFilter) (const char *name, gpointer data);

/* Checks the whole file, then adds the tensors that @filter (nullable) lets through. */
gboolean steer_safetensors_read_file (SteerArchiveTable *table,
                                      const SteerFileMap *file,
                                      SteerTensorFilter filter,
                                      gpointer filter_data,
                                      GCancellable *cancellable,
                                      GError **error);

/* A folder with model.safetensors, or with model.safetensors.index.json and its shards, or with one lone
 * safetensors file of another name. */
gboolean
steer_safetensors_read_folder (SteerArchiveTable *table, const char *path, GCancellable *cancellable, GError **error);

G_END_DECLS
