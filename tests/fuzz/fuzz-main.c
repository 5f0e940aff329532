/* Runs a target without libFuzzer, the same way every time:
 *
 *   fuzz-TARGET PATH...               each file, and each file of each folder, once: to repeat what a fuzzer found
 *   fuzz-TARGET --mutate N PATH...    the same, then N damaged copies of each
 *
 * Fails when an undamaged file is not accepted. */
#include "fuzz.h"

#include <string.h>

/* One to five changes: a byte, a bit, a run of bytes, a piece copied over or put in elsewhere, the end cut off. */
static void
damage (GRand *rand, GByteArray *data)
{
  guint n_changes = (guint) g_rand_int_range (rand, 1, 6);

  for (guint i = 0; i < n_changes && data->len > 0; i++)
    {
      guint at = (guint) g_rand_int_range (rand, 0, (gint32) data->len);
      guint most = (guint) g_rand_int_range (rand, 1, 33);
      guint length = MIN (most, data->len - at);
      guint to = (guint) g_rand_int_range (rand, 0, (gint32) data->len);
      g_autofree guint8 *piece = g_memdup2 (data->data + at, length);

      switch (g_rand_int_range (rand, 0, 10))
        {
        case 0:
          g_byte_array_set_size (data, at);
          break;
        case 1:
          memset (data->data + at, g_rand_boolean (rand) ? 0xff : 0, MIN (length, 8));
          break;
        case 2:
          memcpy (data->data + to, piece, MIN (length, data->len - to));
          break;
        case 3:
          g_byte_array_append (data, piece, length);
          memmove (data->data + to + length, data->data + to, data->len - length - to);
          memcpy (data->data + to, piece, length);
          break;
        case 4:
          g_byte_array_remove_range (data, at, length);
          break;
        case 5:
        case 6:
          data->data[at] ^= (guint8) (1 << g_rand_int_range (rand, 0, 8));
          break;
        default:
          data->data[at] = (guint8) g_rand_int_range (rand, 0, 256);
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

  if (!g_file_get_contents (path, &data, &size, &error) || size > 1 << 24)
    {
      g_printerr ("%s\n", error != NULL ? error->message : "too large for a corpus");
      return 1;
    }
  fuzz_accepted = FALSE;
  LLVMFuzzerTestOneInput ((const uint8_t *) data, size);
  if (!fuzz_accepted)
    g_printerr ("%s is not accepted\n", path);
  else
    {
      for (guint i = 0; i < n_mutations; i++)
        {
          g_autoptr (GByteArray) copy = g_byte_array_new_take (g_memdup2 (data, size), size);
          g_autofree guint8 *exact = NULL;

          damage (rand, copy);
          /* A block of just that size, so that a read past its end is seen. */
          exact = g_memdup2 (copy->data, copy->len);
          LLVMFuzzerTestOneInput (exact != NULL ? exact : (const uint8_t *) "", copy->len);
        }
      return 0;
    }
  return 1;
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

static int
run_path (const char *path, guint n_mutations)
{
  g_autoptr (GDir) dir = NULL;
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  const char *name;
  int status = 0;

  if (!g_file_test (path, G_FILE_TEST_IS_DIR))
    return run_file (path, n_mutations);
  dir = g_dir_open (path, 0, NULL);
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    g_ptr_array_add (names, g_build_filename (path, name, NULL));
  g_ptr_array_sort (names, compare_names);
  for (guint i = 0; i < names->len; i++)
    status |= run_file (g_ptr_array_index (names, i), n_mutations);
  return status | (names->len == 0);
}

int
main (int argc, char **argv)
{
  gboolean mutate = argc > 2 && strcmp (argv[1], "--mutate") == 0;
  guint n_mutations = mutate ? (guint) g_ascii_strtoull (argv[2], NULL, 10) : 0;
  int status = argc > (mutate ? 3 : 1) ? 0 : 1;

  for (int i = mutate ? 3 : 1; i < argc; i++)
    status |= run_path (argv[i], n_mutations);
  return status;
}
