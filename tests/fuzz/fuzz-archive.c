/* A file of tensors. FUZZ_FORMAT tells the one format that this target is about; files that are plainly of another are
 * passed over, or the fuzzer would spend its time on the format that is the easiest to reach. Every tensor that a
 * reader hands out is read to its end, so that a view past its file is noticed. */
#include "fuzz.h"

#include <string.h>

#include "tensor/steer-archive.h"

/* A view may describe at most what its file pays for; this bounds the time of one input. */
#define MAX_ELEMENTS (1 << 20)

static gboolean
contains (const uint8_t *data, size_t size, const char *text)
{
  return size > 0 && memmem (data, size, text, strlen (text)) != NULL;
}

static gboolean
is_of_format (const uint8_t *data, size_t size)
{
  gboolean is_zip = size > 4 && memcmp (data, "PK", 2) == 0;
  gboolean is_gguf = size > 4 && memcmp (data, "GGUF", 4) == 0;

  if (strcmp (FUZZ_FORMAT, "gguf") == 0)
    return is_gguf;
  if (strcmp (FUZZ_FORMAT, "torch") == 0)
    return is_zip && contains (data, size, "data.pkl");
  if (strcmp (FUZZ_FORMAT, "npz") == 0)
    return (is_zip && !contains (data, size, "data.pkl")) || (size > 6 && memcmp (data, "\x93NUMPY", 6) == 0);
  return !is_zip && !is_gguf;
}

static void
read_tensors (SteerArchive *archive)
{
  for (guint i = 0; i < steer_archive_get_n_tensors (archive); i++)
    {
      const SteerTensor *tensor = steer_archive_get_tensor (archive, i);
      gint64 n = steer_tensor_get_n_elements (tensor);
      gint64 n_read = MIN (n, MAX_ELEMENTS);
      g_autofree float *values = g_malloc ((gsize) (n_read + 1) * sizeof (float));

      steer_tensor_read_f32 (tensor, 0, n_read, values);
      steer_tensor_read_f32 (tensor, n - n_read, n_read, values);
    }
}

static void
read_metadata (SteerArchive *archive)
{
  g_autofree const char **keys = steer_archive_list_metadata (archive);

  for (guint i = 0; keys[i] != NULL; i++)
    {
      guint64 number;
      gsize n;

      g_assert_nonnull (steer_archive_get_metadata (archive, keys[i]));
      steer_archive_get_uint (archive, keys[i], &number);
      g_free (steer_archive_get_string_array (archive, keys[i], &n));
      g_free (steer_archive_get_double_array (archive, keys[i], &n));
    }
}

int
fuzz_one_input (const uint8_t *data, size_t size)
{
  g_autoptr (SteerArchive) archive = NULL;
  g_autoptr (GError) error = NULL;

  if (!is_of_format (data, size))
    return 0;
  archive = steer_archive_open (fuzz_file (data, size), NULL, &error);
  g_assert_true ((archive == NULL) == (error != NULL));
  fuzz_accepted = archive != NULL;
  if (archive != NULL)
    {
      read_tensors (archive);
      read_metadata (archive);
    }
  return 0;
}
