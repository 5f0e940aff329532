#include "steer-torch-writer.h"

#include <string.h>

#include "steer-zip.h"

/* The file is put together in memory; whoever has more than this has use for safetensors. */
#define MAX_BYTES (1u << 30)
/* PyTorch aligns its storages, so that they can be used in place. */
#define ALIGNMENT 64
/* 1 January 1980, the first day that a zip file knows. */
#define DOS_DATE 0x0021

typedef struct
{
  GByteArray *file;
  GByteArray *directory;
  guint n_members;
  const char *folder; /* that all members stand in */
} Writer;

static void
append16 (GByteArray *array, guint value)
{
  guint8 bytes[2] = { (guint8) value, (guint8) (value >> 8) };

  g_byte_array_append (array, bytes, sizeof bytes);
}

static void
append32 (GByteArray *array, guint32 value)
{
  append16 (array, value & 0xffff);
  append16 (array, value >> 16);
}

/* What local header and directory record have in common, from the version needed to the name's length. */
static void
append_common (GByteArray *array, guint32 crc, gsize size, gsize name_length)
{
  append16 (array, 20);
  append16 (array, 0x0800); /* names are UTF-8 */
  append16 (array, 0);      /* stored */
  append16 (array, 0);
  append16 (array, DOS_DATE);
  append32 (array, crc);
  append32 (array, (guint32) size);
  append32 (array, (guint32) size);
  append16 (array, (guint) name_length);
}

/* An extra field "FB" fills the room up to the next multiple of the alignment, as PyTorch's writer does. */
static void
append_padding (GByteArray *file, gsize name_length)
{
  gsize begin = file->len + 2 + name_length + 4;
  gsize padding = (ALIGNMENT - begin % ALIGNMENT) % ALIGNMENT;

  append16 (file, (guint) (4 + padding));
}

static void
append_member (Writer *self, const char *name, const void *data, gsize size)
{
  g_autofree char *full = g_strconcat (self->folder, "/", name, NULL);
  gsize length = strlen (full);
  guint32 offset = self->file->len;
  guint32 crc = steer_zip_compute_crc (data, size);
  gsize extra;

  append32 (self->file, 0x04034b50);
  append_common (self->file, crc, size, length);
  append_padding (self->file, length);
  extra = self->file->data[self->file->len - 2] | (gsize) self->file->data[self->file->len - 1] << 8;
  g_byte_array_append (self->file, (const guint8 *) full, (guint) length);
  append16 (self->file, 'F' | 'B' << 8);
  append16 (self->file, (guint) (extra - 4));
  for (gsize i = 4; i < extra; i++)
    g_byte_array_append (self->file, (const guint8 *) "Z", 1);
  g_byte_array_append (self->file, data, (guint) size);

  append32 (self->directory, 0x02014b50);
  append16 (self->directory, 20);
  append_common (self->directory, crc, size, length);
  append16 (self->directory, 0); /* extra field */
  append16 (self->directory, 0); /* comment */
  append16 (self->directory, 0); /* volume */
  append16 (self->directory, 0); /* attributes, 16 and 32 bits */
  append32 (self->directory, 0);
  append32 (self->directory, offset);
  g_byte_array_append (self->directory, (const guint8 *) full, (guint) length);
  self->n_members++;
}

static void
append_end (Writer *self)
{
  guint32 offset = self->file->len;

  g_byte_array_append (self->file, self->directory->data, self->directory->len);
  append32 (self->file, 0x06054b50);
  append32 (self->file, 0);
  append16 (self->file, self->n_members);
  append16 (self->file, self->n_members);
  append32 (self->file, self->directory->len);
  append32 (self->file, offset);
  append16 (self->file, 0);
}

static void
append_text (GByteArray *pickle, const char *text)
{
  g_byte_array_append (pickle, (const guint8 *) text, (guint) strlen (text));
}

/* BINUNICODE */
static void
append_unicode (GByteArray *pickle, const char *text)
{
  append_text (pickle, "X");
  append32 (pickle, (guint32) strlen (text));
  append_text (pickle, text);
}

/* BININT, or LONG1 where 32 bits do not suffice. */
static void
append_integer (GByteArray *pickle, guint64 number)
{
  if (number <= G_MAXINT32)
    {
      append_text (pickle, "J");
      append32 (pickle, (guint32) number);
      return;
    }
  /* A ninth byte where the highest bit would be taken for a sign. */
  g_byte_array_append (pickle, (const guint8 *) (number <= G_MAXINT64 ? "\x8a\x08" : "\x8a\x09"), 2);
  append32 (pickle, (guint32) number);
  append32 (pickle, (guint32) (number >> 32));
  if (number > G_MAXINT64)
    g_byte_array_append (pickle, (const guint8 *) "", 1);
}

/* (layer, index): _rebuild_tensor_v2 (('storage', FloatStorage, 'N', 'cpu', d), 0, (d,), (1,), False, OrderedDict ())
 */
static void
append_vector (GByteArray *pickle, const SteerTorchVector *vector, guint number, guint d_model)
{
  g_autofree char *key = g_strdup_printf ("%u", number);

  append_integer (pickle, vector->layer);
  append_integer (pickle, vector->index);
  append_text (pickle, "\x86");
  append_text (pickle, "ctorch._utils\n_rebuild_tensor_v2\n((");
  append_unicode (pickle, "storage");
  append_text (pickle, "ctorch\nFloatStorage\n");
  append_unicode (pickle, key);
  append_unicode (pickle, "cpu");
  append_integer (pickle, d_model);
  append_text (pickle, "tQ");
  append_integer (pickle, 0);
  append_integer (pickle, d_model);
  append_text (pickle, "\x85");
  append_integer (pickle, 1);
  append_text (pickle, "\x85\x89"
                       "ccollections\nOrderedDict\n)RtR");
}

static GByteArray *
make_pickle (const SteerTorchVector *vectors, guint n_vectors, guint d_model)
{
  GByteArray *pickle = g_byte_array_new ();

  append_text (pickle, "\x80\x02}(");
  for (guint i = 0; i < n_vectors; i++)
    append_vector (pickle, &vectors[i], i, d_model);
  append_text (pickle, "u.");
  return pickle;
}

/* The file's stem, as PyTorch names the folder inside; what a zip name cannot be becomes plain. */
static char *
make_folder (const char *path)
{
  char *name = g_path_get_basename (path);
  char *dot = strrchr (name, '.');

  if (dot != NULL && dot > name)
    *dot = '\0';
  if (!g_utf8_validate (name, -1, NULL) || strlen (name) > 200)
    {
      g_free (name);
      name = g_strdup ("steering_vectors");
    }
  return name;
}

static gboolean
append_vectors (Writer *self,
                const SteerTorchVector *vectors,
                guint n_vectors,
                guint d_model,
                GCancellable *cancellable,
                GError **error)
{
  for (guint i = 0; i < n_vectors; i++)
    {
      g_autofree char *name = g_strdup_printf ("data/%u", i);

      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      append_member (self, name, vectors[i].values, d_model * sizeof (float));
    }
  return TRUE;
}

gboolean
steer_torch_write_vectors (const char *path,
                           const SteerTorchVector *vectors,
                           guint n_vectors,
                           guint d_model,
                           GCancellable *cancellable,
                           GError **error)
{
  g_autoptr (GByteArray) file = g_byte_array_new ();
  g_autoptr (GByteArray) directory = g_byte_array_new ();
  g_autoptr (GByteArray) pickle = NULL;
  g_autofree char *folder = make_folder (path);
  Writer self = { .file = file, .directory = directory, .folder = folder };
  guint64 total;

  g_return_val_if_fail (path != NULL && (vectors != NULL || n_vectors == 0), FALSE);

  /* Room for names and headers; a zip file without extensions has at most 65,535 members. */
  if (!g_uint64_checked_mul (&total, n_vectors, (guint64) d_model * sizeof (float) + 1024) || total > MAX_BYTES
      || n_vectors > 65000)
    {
      g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_UNSUPPORTED,
                   "%s: %u vectors of %u numbers are too many for a .pt file: write safetensors", path, n_vectors,
                   d_model);
      return FALSE;
    }
  pickle = make_pickle (vectors, n_vectors, d_model);
  append_member (&self, "data.pkl", pickle->data, pickle->len);
  append_member (&self, "byteorder", "little", strlen ("little"));
  if (!append_vectors (&self, vectors, n_vectors, d_model, cancellable, error))
    return FALSE;
  append_member (&self, "version", "3\n", 2);
  append_end (&self);
  return g_file_set_contents_full (path, (const char *) file->data, (gssize) file->len,
                                   G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0666, error);
}
