/* Measures how long a tokenizer.json takes to load, and how fast it encodes.
 *
 * Usage: bench-tokenizer TOKENIZER.JSON [TEXTS.JSONL.GZ | TEXT.TXT]
 *
 * Of a file of JSON lines with a "text" each, those that look like English are taken, shuffled, and repeated up to
 * 8 MB; any other file is repeated as it is. Every figure is the best of several runs on one thread: by the clock, and
 * by the processor time of the thread, which other programs on the machine disturb less.
 */

#include "text/steer-tokenizer.h"

#include <json-glib/json-glib.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CORPUS_SIZE (8u << 20)
#define N_RUNS 5

/* Mostly ASCII letters in words of a usual length. */
static gboolean
looks_english (const char *text)
{
  gsize letters = 0, spaces = 0, length = strlen (text);

  for (const char *p = text; *p != '\0'; p++)
    {
      if ((guint8) *p >= 0x80)
        return FALSE;
      letters += g_ascii_isalpha (*p);
      spaces += *p == ' ';
    }
  return length >= 20 && letters * 10 >= length * 7 && spaces * 10 >= length && spaces * 4 <= length;
}

static GString *
read_lines (GInputStream *stream, GError **error)
{
  g_autoptr (GDataInputStream) lines = g_data_input_stream_new (stream);
  g_autoptr (GPtrArray) texts = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GRand) random = g_rand_new_with_seed (1);
  GString *corpus;
  char *line;

  while ((line = g_data_input_stream_read_line (lines, NULL, NULL, error)) != NULL)
    {
      g_autofree char *owned = line;
      const char *text;

      if (!json_parser_load_from_data (parser, owned, -1, error))
        return NULL;
      text = json_object_get_string_member (json_node_get_object (json_parser_get_root (parser)), "text");
      if (looks_english (text))
        g_ptr_array_add (texts, g_strdup (text));
    }
  corpus = g_string_sized_new (CORPUS_SIZE + 4096);
  while (texts->len > 0 && corpus->len < CORPUS_SIZE)
    {
      g_string_append (corpus, g_ptr_array_index (texts, g_rand_int_range (random, 0, (gint32) texts->len)));
      g_string_append_c (corpus, g_rand_int_range (random, 0, 4) == 0 ? '\n' : ' ');
    }
  return corpus;
}

static GString *
read_corpus (const char *path, GError **error)
{
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GFileInputStream) raw = NULL;
  g_autofree char *contents = NULL;
  GString *corpus;
  gsize length;

  if (g_str_has_suffix (path, ".jsonl.gz"))
    {
      g_autoptr (GZlibDecompressor) gzip = g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP);
      g_autoptr (GInputStream) stream = NULL;

      raw = g_file_read (file, NULL, error);
      if (raw == NULL)
        return NULL;
      stream = g_converter_input_stream_new (G_INPUT_STREAM (raw), G_CONVERTER (gzip));
      return read_lines (stream, error);
    }
  if (!g_file_get_contents (path, &contents, &length, error))
    return NULL;
  corpus = g_string_sized_new (CORPUS_SIZE + length);
  while (length > 0 && corpus->len < CORPUS_SIZE)
    g_string_append_len (corpus, contents, (gssize) length);
  return corpus;
}

static double
get_resident_mib (void)
{
  g_autofree char *statm = NULL;
  guint64 pages = 0;

  if (g_file_get_contents ("/proc/self/statm", &statm, NULL, NULL))
    {
      g_auto (GStrv) fields = g_strsplit (statm, " ", 3);

      pages = fields[0] != NULL && fields[1] != NULL ? g_ascii_strtoull (fields[1], NULL, 10) : 0;
    }
  return (double) pages * (double) sysconf (_SC_PAGESIZE) / (1 << 20);
}

/* Seconds by the clock and of the processor, since begin() and the best of all rounds. */
typedef struct
{
  double clock, processor;
} Seconds;

#define WORST                                                                                                          \
  {                                                                                                                    \
    G_MAXDOUBLE, G_MAXDOUBLE                                                                                           \
  }

static double
read_clock (clockid_t id)
{
  struct timespec now;

  clock_gettime (id, &now);
  return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static Seconds
begin (void)
{
  return (Seconds){ read_clock (CLOCK_MONOTONIC), read_clock (CLOCK_THREAD_CPUTIME_ID) };
}

static void
end (Seconds start, Seconds *best)
{
  Seconds now = begin ();

  best->clock = MIN (best->clock, now.clock - start.clock);
  best->processor = MIN (best->processor, now.processor - start.processor);
}

static gboolean
measure_loading (const char *path, GError **error)
{
  Seconds best = WORST;
  double before = get_resident_mib ();

  for (guint i = 0; i < N_RUNS; i++)
    {
      Seconds start = begin ();
      g_autoptr (SteerTokenizer) tokenizer = steer_tokenizer_new_from_file (path, error);

      if (tokenizer == NULL)
        return FALSE;
      end (start, &best);
      if (i == 0)
        {
          printf ("tokens            %9u\n", steer_tokenizer_get_n_tokens (tokenizer));
          printf ("memory, MiB       %9.1f  (resident grew by %.1f)\n",
                  (double) steer_tokenizer_get_memory_size (tokenizer) / (1 << 20), get_resident_mib () - before);
        }
    }
  printf ("load, ms          %9.1f  (processor %.1f)\n", best.clock * 1000.0, best.processor * 1000.0);
  return TRUE;
}

static gboolean
measure_encoding (SteerTokenizer *tokenizer, const GString *corpus, GError **error)
{
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GString) text = g_string_sized_new (corpus->len + 1);
  Seconds encode = WORST, decode = WORST;
  double megabytes = (double) corpus->len / 1e6;

  for (guint i = 0; i < N_RUNS; i++)
    {
      Seconds start = begin ();

      g_array_set_size (ids, 0);
      if (!steer_tokenizer_encode (tokenizer, corpus->str, corpus->len, STEER_ENCODE_DEFAULT, ids, error))
        return FALSE;
      end (start, &encode);

      start = begin ();
      g_string_truncate (text, 0);
      if (!steer_tokenizer_decode_append (tokenizer, (const gint32 *) (gpointer) ids->data, ids->len, FALSE, text,
                                          error))
        return FALSE;
      end (start, &decode);
    }
  printf ("text, MB          %9.1f  (%u ids, %.2f bytes each)\n", megabytes, ids->len, (double) corpus->len / ids->len);
  printf ("encode, MB/s      %9.1f  (processor %.1f)\n", megabytes / encode.clock, megabytes / encode.processor);
  printf ("decode, MB/s      %9.1f  (processor %.1f)\n", megabytes / decode.clock, megabytes / decode.processor);
  return TRUE;
}

int
main (int argc, char **argv)
{
  g_autoptr (SteerTokenizer) tokenizer = NULL;
  g_autoptr (GString) corpus = NULL;
  g_autoptr (GError) error = NULL;

  if (argc != 2 && argc != 3)
    {
      fprintf (stderr, "usage: %s TOKENIZER.JSON [TEXTS.JSONL.GZ | TEXT.TXT]\n", argv[0]);
      return 2;
    }
  if (measure_loading (argv[1], &error))
    {
      tokenizer = steer_tokenizer_new_from_file (argv[1], &error);
      if (tokenizer != NULL && argc == 3)
        corpus = read_corpus (argv[2], &error);
      if (corpus != NULL && corpus->len > 0)
        measure_encoding (tokenizer, corpus, &error);
    }
  if (error != NULL)
    {
      fprintf (stderr, "%s: %s\n", argv[0], error->message);
      return 1;
    }
  return 0;
}
