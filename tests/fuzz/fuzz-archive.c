/* Any bytes at all, read as a file of tensors: .pt, .npz, .npy, GGUF or safetensors, whichever they look like.
 *
 *   fuzz-archive FILE...             reads each file once, to repeat what a fuzzer found
 *   fuzz-archive --mutate N FILE...  reads N damaged copies of each, the same ones every time
 *
 * Built with clang's -fsanitize=fuzzer and -DSTEER_LIBFUZZER it is a target for libFuzzer. Every tensor that a reader
 * hands out is read to its end, so that a view past its file is noticed under AddressSanitizer. */
#define _GNU_SOURCE /* memfd_create() */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tensor/steer-archive.h"

/* A view may describe at most what its file pays for; this bounds the time of one input. */
#define MAX_ELEMENTS (1 << 20)

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

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
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  int descriptor = memfd_create ("fuzz", MFD_CLOEXEC);
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", descriptor);
  g_autoptr (SteerArchive) archive = NULL;
  g_autoptr (GError) error = NULL;

  if (descriptor < 0 || write (descriptor, data, size) != (ssize_t) size)
    abort ();
  archive = steer_archive_open (path, NULL, &error);
  g_assert_true ((archive == NULL) == (error != NULL));
  if (archive != NULL)
    {
      read_tensors (archive);
      read_metadata (archive);
    }
  close (descriptor);
  return 0;
}

#ifndef STEER_LIBFUZZER
/* A few bytes changed, a piece copied over another, or the end cut off. */
static void
damage (GRand *rand, guint8 *data, gsize *size)
{
  guint n_changes = (guint) g_rand_int_range (rand, 1, 6);

  for (guint i = 0; i<n_changes && * size> 8; i++)
    {
      gsize at = (gsize) g_rand_int_range (rand, 0, (gint32) *size);
      gsize length = (gsize) g_rand_int_range (rand, 1, 9);
      gsize from = (gsize) g_rand_int_range (rand, 0, (gint32) *size);

      switch (g_rand_int_range (rand, 0, 8))
        {
        case 0:
          *size = at;
          break;
        case 1:
          memset (data + at, g_rand_boolean (rand) ? 0xff : 0, MIN (length, *size - at));
          break;
        case 2:
          memmove (data + at, data + from, MIN (length, *size - MAX (at, from)));
          break;
        case 3:
          data[at] ^= (guint8) (1 << g_rand_int_range (rand, 0, 8));
          break;
        default:
          data[at] = (guint8) g_rand_int_range (rand, 0, 256);
          break;
        }
    }
}

static int
run_file (const char *path, guint n_mutations)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  g_autoptr (GError) error = NULL;
  g_autofree char *data = NULL;
  gsize size = 0;

  if (!g_file_get_contents (path, &data, &size, &error) || size > G_MAXINT32)
    {
      g_printerr ("%s\n", error != NULL ? error->message : "too large");
      return 1;
    }
  LLVMFuzzerTestOneInput ((const uint8_t *) data, size);
  for (guint i = 0; i < n_mutations; i++)
    {
      g_autofree guint8 *copy = g_memdup2 (data, size);
      gsize damaged = size;

      damage (rand, copy, &damaged);
      LLVMFuzzerTestOneInput (copy, damaged);
    }
  return 0;
}

int
main (int argc, char **argv)
{
  gboolean mutate = argc > 2 && strcmp (argv[1], "--mutate") == 0;
  guint n_mutations = mutate ? (guint) g_ascii_strtoull (argv[2], NULL, 10) : 0;
  int status = 0;

  for (int i = mutate ? 3 : 1; i < argc; i++)
    status |= run_file (argv[i], n_mutations);
  return status;
}
#endif
