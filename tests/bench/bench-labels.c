/* How fast labels are imported, and found while one types: seven layers of 131,072 labels, the size of what Neuronpedia
 * has of Llama 3.1 8B. Sentences are made of a vocabulary whose words are as unequally common as those of a language.
 *
 *     build/tests/bench/bench-labels [FOLDER]
 *
 * FOLDER keeps the files and the database for another run. Times are of the thread that searches, on the processor:
 * what a search takes where nothing else runs. */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "steering/steer-label-store.h"

#define N_FEATURES 131072
#define N_WORDS 30000

static const guint layers[] = { 3, 7, 11, 15, 19, 23, 27 };

/* What is typed, and how often it is in a label. */
static const char *const queries[] = { "eiffel tower",      "references to the", "programming", "legal documents",
                                       "\"the sea\" ships", "15:21576",          "zyzzyva" };

static const char *const common[]
  = { "references",  "to",          "the",   "of",        "and",     "in",      "words",
      "mentions",    "terms",       "legal", "documents", "sea",     "ships",   "code",
      "programming", "expressions", "a",     "phrases",   "related", "numbers", "tower" };

static char **
make_words (GRand *rand)
{
  static const char *const parts[]
    = { "ba", "con", "de",  "el", "fi",  "gra", "hu", "in",  "jo", "ka", "lo", "men", "ne",
        "or", "pre", "qui", "ra", "sti", "tu",  "un", "ver", "wo", "xi", "yo", "zen" };
  char **words = g_new0 (char *, N_WORDS + 1);

  for (guint i = 0; i < N_WORDS; i++)
    {
      g_autoptr (GString) word = g_string_new (NULL);

      for (guint n = (guint) g_rand_int_range (rand, 2, 5); n > 0; n--)
        g_string_append (word, parts[g_rand_int_range (rand, 0, G_N_ELEMENTS (parts))]);
      words[i] = i < G_N_ELEMENTS (common) ? g_strdup (common[i]) : g_strdup (word->str);
    }
  return words;
}

/* The i-th most common word has a share of 1/i, as Zipf found. */
static const char *
draw_word (GRand *rand, char **words)
{
  return words[(guint) (exp (g_rand_double (rand) * log (N_WORDS)) - 1.0) % N_WORDS];
}

static void
write_layer (const char *folder, guint layer, GRand *rand, char **words)
{
  g_autofree char *name = g_strdup_printf ("%s/%u.jsonl", folder, layer);
  FILE *file = g_fopen (name, "w");

  if (file == NULL)
    g_error ("%s cannot be written", name);
  for (guint i = 0; i < N_FEATURES; i++)
    {
      fprintf (file,
               "{\"modelId\":\"llama3.1-8b-it\",\"layer\":\"%u-resid-post-aa\",\"index\":\"%u\",\"frac_nonzero\":%.6f,"
               "\"description\":\"",
               layer, i, exp (-12.0 * g_rand_double (rand)));
      for (guint n = (guint) g_rand_int_range (rand, 2, 14); n > 0; n--)
        fprintf (file, "%s%s", draw_word (rand, words), n > 1 ? " " : "");
      fprintf (file, "%s\"}\n", layer == 15 && i % 30000 == 21576 ? ", the Eiffel Tower in Paris" : "");
    }
  fclose (file);
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a;
  double y = *(const double *) b;

  return x < y ? -1 : x > y;
}

static double
get_milliseconds (void)
{
  struct timespec now;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
  return (double) now.tv_sec * 1e3 + (double) now.tv_nsec / 1e6;
}

/* Every beginning of the query, as it is typed. Returns the slowest in milliseconds. */
static double
type (SteerLabelStore *store, const char *query, const SteerLabelFilter *filter)
{
  g_autoptr (GArray) times = g_array_new (FALSE, FALSE, sizeof (double));
  gsize slowest = 0;
  double most = 0.0;

  for (gsize n = 1; n <= strlen (query); n++)
    {
      g_autofree char *typed = g_strndup (query, n);
      double start = get_milliseconds ();
      g_autoptr (GError) error = NULL;
      g_autoptr (GPtrArray) found = steer_label_store_search (store, typed, filter, 50, NULL, &error);
      double time = get_milliseconds () - start;

      if (found == NULL)
        g_error ("%s", error->message);
      g_array_append_val (times, time);
      if (time > most)
        {
          most = time;
          slowest = n;
        }
      if (n == strlen (query))
        g_print ("  %-22s %3u found", query, found->len);
    }
  g_array_sort (times, compare_doubles);
  g_print (", median %.1f ms a key, slowest %.1f ms at \"%.*s\"\n", g_array_index (times, double, times->len / 2), most,
           (int) slowest, query);
  return most;
}

int
main (int argc, char **argv)
{
  g_autofree char *folder = argc > 1 ? g_strdup (argv[1]) : g_dir_make_tmp ("bench-labels-XXXXXX", NULL);
  g_autofree char *files = g_build_filename (folder, "layers", NULL);
  g_autofree char *path = g_build_filename (folder, "labels.sqlite", NULL);
  g_autoptr (GRand) rand = g_rand_new_with_seed (15);
  g_auto (GStrv) words = make_words (rand);
  g_autoptr (SteerLabelStore) store = NULL;
  g_autoptr (GError) error = NULL;
  SteerLabelImport counts;
  gboolean fresh = !g_file_test (path, G_FILE_TEST_EXISTS);
  double most = 0.0;

  if (fresh)
    {
      g_mkdir_with_parents (files, 0700);
      for (guint i = 0; i < G_N_ELEMENTS (layers); i++)
        write_layer (files, layers[i], rand, words);
    }
  store = steer_label_store_open (path, &error);
  if (store == NULL)
    g_error ("%s", error->message);
  if (fresh)
    {
      double start = get_milliseconds ();

      if (!steer_label_store_import (store, files, NULL, NULL, &counts, NULL, NULL, NULL, &error))
        g_error ("%s", error->message);
      g_print ("import: %" G_GUINT64_FORMAT " labels of %u files in %.1f s\n", counts.n_labels, counts.n_files,
               (get_milliseconds () - start) / 1e3);
    }
  for (guint pass = 0; pass < 2; pass++)
    {
      SteerLabelFilter filter = { .layer = pass == 0 ? -1 : 15 };

      g_print (pass == 0 ? "search in seven layers\n" : "search in layer 15\n");
      for (guint i = 0; i < G_N_ELEMENTS (queries); i++)
        {
          double slowest = type (store, queries[i], &filter);

          most = MAX (most, slowest);
        }
    }
  g_print ("slowest of all: %.1f ms\n", most);
  if (argc < 2)
    g_print ("the files are in %s\n", folder);
  return 0;
}
