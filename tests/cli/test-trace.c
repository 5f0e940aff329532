#include <math.h>
#include <string.h>

#include "cli-test-util.h"
#include "test-util.h"
#include "tensor/steer-archive.h"

#define WIDTH 32
#define N_VOCAB 259
#define N_TOKENS 4
#define IDS "--ids", "72,101,108,108"

static SteerArchive *
open_archive (const char *path)
{
  g_autoptr (GError) error = NULL;
  SteerArchive *archive = steer_archive_open (path, NULL, &error);

  g_assert_no_error (error);
  return archive;
}

/* A float32 matrix of the file, after checking its shape; free with g_free(). */
static float *
read_matrix (SteerArchive *archive, const char *name, guint rows, guint columns)
{
  const SteerTensor *tensor = steer_archive_find (archive, name);
  float *values = g_new (float, (gsize) rows *columns);

  g_assert_nonnull (tensor);
  g_assert_cmpint (tensor->dtype, ==, STEER_DTYPE_F32);
  g_assert_cmpuint (tensor->n_dims, ==, 2);
  g_assert_cmpint (tensor->shape[0], ==, rows);
  g_assert_cmpint (tensor->shape[1], ==, columns);
  steer_tensor_read_f32 (tensor, 0, (gint64) rows * columns, values);
  return values;
}

static gsize
get_argmax (const float *values, gsize n)
{
  gsize best = 0;

  for (gsize i = 1; i < n; i++)
    best = values[i] > values[best] ? i : best;
  return best;
}

static char *
trace (const char *dir, const char *name, const char *a, const char *b, const char *c, const char *d)
{
  char *path = g_build_filename (dir, name, NULL);
  g_auto (CliResult) result = { 0 };

  CLI_RUN (&result, NULL, "trace", "--model", cli_model (), "--vectors", cli_vectors (), IDS, "-o", path, a, b, c, d);
  if (result.status != 0)
    g_error ("%s", result.err);
  g_assert_cmpstr (result.out, ==, "");
  return path;
}

static void
test_contents (void)
{
  g_autofree char *dir = test_make_dir ();
  g_autofree char *path = trace (dir, "all.safetensors", NULL, NULL, NULL, NULL);
  g_autofree char *some = trace (dir, "some.safetensors", "--layers", "2,0", "--no-logits", NULL);
  g_autoptr (SteerArchive) archive = open_archive (path);
  g_autoptr (SteerArchive) part = open_archive (some);
  g_autofree float *logits = read_matrix (archive, "logits", N_TOKENS, N_VOCAB);
  g_auto (CliResult) result = { 0 };
  g_autoptr (JsonObject) object = NULL;
  g_autoptr (GArray) ids = NULL;

  g_assert_cmpuint (steer_archive_get_n_tensors (archive), ==, 4);
  g_assert_cmpuint (steer_archive_get_n_tensors (part), ==, 2);
  g_assert_cmpstr (steer_archive_get_metadata (archive, "ids"), ==, "72,101,108,108");
  g_assert_cmpstr (steer_archive_get_metadata (archive, "steering"), ==, "[]");
  for (guint layer = 0; layer < 3; layer++)
    {
      g_autofree char *name = g_strdup_printf ("resid.%u", layer);
      g_autofree float *all = read_matrix (archive, name, N_TOKENS, WIDTH);

      if (layer != 1)
        {
          g_autofree float *same = read_matrix (part, name, N_TOKENS, WIDTH);

          g_assert_cmpmem (all, N_TOKENS * WIDTH * sizeof (float), same, N_TOKENS * WIDTH * sizeof (float));
        }
    }

  /* The likeliest token of the last row is what a greedy reply begins with. */
  CLI_RUN (&result, NULL, "generate", "--model", cli_model (), IDS, "--temperature", "0", "-n", "1", "--json");
  object = cli_parse (&result);
  ids = cli_get_ids (object, "ids");
  g_assert_cmpint (g_array_index (ids, gint32, 0), ==, get_argmax (logits + (N_TOKENS - 1) * N_VOCAB, N_VOCAB));
  test_remove_dir (g_steal_pointer (&dir));
}

/* Every row of resid.LAYER must have moved by @strength along the feature's unit vector. */
static void
test_steering (void)
{
  g_autofree char *dir = test_make_dir ();
  g_autofree char *plain_path = trace (dir, "plain.safetensors", NULL, NULL, NULL, NULL);
  g_autofree char *steered_path = trace (dir, "steered.safetensors", "--steer", "2:98=-3.5", NULL, NULL);
  g_autofree char *clamped_path = trace (dir, "clamped.safetensors", "--steer", "2:98=1.5,clamp", NULL, NULL);
  g_autoptr (SteerArchive) plain_archive = open_archive (plain_path);
  g_autoptr (SteerArchive) steered_archive = open_archive (steered_path);
  g_autoptr (SteerArchive) clamped_archive = open_archive (clamped_path);
  g_autoptr (SteerArchive) vectors = open_archive (cli_vectors ());
  g_autofree float *plain = read_matrix (plain_archive, "resid.2", N_TOKENS, WIDTH);
  g_autofree float *steered = read_matrix (steered_archive, "resid.2", N_TOKENS, WIDTH);
  g_autofree float *clamped = read_matrix (clamped_archive, "resid.2", N_TOKENS, WIDTH);
  g_autofree float *before = read_matrix (plain_archive, "resid.1", N_TOKENS, WIDTH);
  g_autofree float *same = read_matrix (steered_archive, "resid.1", N_TOKENS, WIDTH);
  float vector[WIDTH];
  double norm = 0.0;

  steer_tensor_read_f32 (steer_archive_find (vectors, "2.98"), 0, WIDTH, vector);
  for (guint i = 0; i < WIDTH; i++)
    norm += (double) vector[i] * vector[i];
  for (guint i = 0; i < WIDTH; i++)
    vector[i] = (float) (vector[i] / sqrt (norm));

  /* Layers below it are as they were, to the bit. */
  g_assert_cmpmem (before, N_TOKENS * WIDTH * sizeof (float), same, N_TOKENS * WIDTH * sizeof (float));
  for (guint t = 0; t < N_TOKENS; t++)
    {
      double projection = 0.0;

      for (guint i = 0; i < WIDTH; i++)
        {
          g_assert_cmpfloat_with_epsilon (steered[t * WIDTH + i], plain[t * WIDTH + i] - 3.5f * vector[i], 1e-5);
          projection += (double) clamped[t * WIDTH + i] * vector[i];
        }
      g_assert_cmpfloat_with_epsilon (projection, 1.5, 1e-5);
    }
  g_assert_nonnull (strstr (steer_archive_get_metadata (clamped_archive, "steering"), "clamp"));
  test_remove_dir (g_steal_pointer (&dir));
}

static void
test_nothing (void)
{
  static const char *const options[][2] = { { "--steer", "1:97=0" }, { "--steer-prompt", "no" } };
  g_autofree char *dir = test_make_dir ();
  g_autofree char *plain = trace (dir, "plain.safetensors", NULL, NULL, NULL, NULL);
  g_autoptr (SteerArchive) reference = open_archive (plain);
  g_autofree float *expected = read_matrix (reference, "logits", N_TOKENS, N_VOCAB);

  for (guint i = 0; i < G_N_ELEMENTS (options); i++)
    {
      g_autofree char *path
        = trace (dir, "other.safetensors", options[i][0], options[i][1], i == 1 ? "--steer" : NULL, "1:97=5");
      g_autoptr (SteerArchive) archive = open_archive (path);
      g_autofree float *logits = read_matrix (archive, "logits", N_TOKENS, N_VOCAB);

      g_assert_cmpmem (expected, N_TOKENS * N_VOCAB * sizeof (float), logits, N_TOKENS * N_VOCAB * sizeof (float));
    }
  test_remove_dir (g_steal_pointer (&dir));
}

static void
test_errors (void)
{
  g_autofree char *dir = test_make_dir ();
  g_autofree char *inside = g_build_filename (dir, "no", "such", "folder.safetensors", NULL);
  g_autofree char *path = g_build_filename (dir, "trace.safetensors", NULL);
  g_auto (CliResult) result = { 0 };

  CLI_RUN (&result, NULL, "trace", "--model", cli_model (), IDS, "-o", inside);
  g_assert_cmpint (result.status, ==, 1);
  g_assert_nonnull (strstr (result.err, "folder.safetensors"));
  CLI_RUN (&result, NULL, "trace", "--model", cli_model (), IDS, "-o", path, "--layers", "3");
  g_assert_cmpint (result.status, ==, 2);
  CLI_RUN (&result, NULL, "trace", "--model", cli_model (), IDS, "-o", path, "--layers", "1,1");
  g_assert_cmpint (result.status, ==, 2);
  CLI_RUN (&result, NULL, "trace", "--model", cli_model (), "--ids", "259", "-o", path);
  g_assert_cmpint (result.status, ==, 1);
  g_assert_nonnull (strstr (result.err, "259"));
  /* Where special tokens are looked up, too. */
  CLI_RUN (&result, NULL, "trace", "--model", cli_model (), "--vectors", cli_vectors (), "--steer", "2:98=1",
           "--skip-special", "yes", "--ids", "72,2000000000", "-o", path);
  g_assert_cmpint (result.status, ==, 1);
  g_assert_nonnull (strstr (result.err, "2000000000"));
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  test_remove_dir (g_steal_pointer (&dir));
}

static void
test_prompt (void)
{
  g_autofree char *dir = test_make_dir ();
  g_autofree char *path = g_build_filename (dir, "trace.safetensors", NULL);
  g_auto (CliResult) result = { 0 };
  g_autoptr (SteerArchive) archive = NULL;

  CLI_RUN (&result, NULL, "trace", "--model", cli_model (), "--prompt", "a", "--layers", "none", "-o", path);
  g_assert_cmpint (result.status, ==, 0);
  archive = open_archive (path);
  g_assert_cmpstr (steer_archive_get_metadata (archive, "ids"), ==,
                   "257,117,115,101,114,10,97,258,10,257,97,115,115,105,115,116,97,110,116,10");
  test_remove_dir (g_steal_pointer (&dir));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cli/trace/the file holds logits and the layers asked for", test_contents);
  g_test_add_func ("/cli/trace/steering moves the residual stream as it says", test_steering);
  g_test_add_func ("/cli/trace/strength 0 and an unsteered prompt leave every bit", test_nothing);
  g_test_add_func ("/cli/trace/a prompt goes through the chat template", test_prompt);
  g_test_add_func ("/cli/trace/what cannot be traced leaves no file", test_errors);
  return g_test_run ();
}
