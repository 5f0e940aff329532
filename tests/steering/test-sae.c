#include <glib/gstdio.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "steering/steer-sae-keep.h"
#include "steering/steer-sae-product.h"
#include "steering/steer-sae.h"
#include "tensor/steer-archive.h"
#include "tensor/steer-safetensors-writer.h"
#include "test-util.h"

#define WIDTH 12
#define N_FEATURES 70

/* A format as its library writes it; the fixture's script has the same names. */
typedef struct
{
  const char *name;
  const char *path; /* under the fixture's folder: the SAE's folder, or its file */
  const char *format;
  guint layer;
  SteerSaeActivation activation;
  guint k; /* hint */
} Case;

static const Case cases[] = {
  { "batch-top-k", "resid_post_layer_15/trainer_1", "dictionary_learning BatchTopKSAE", 15, STEER_SAE_THRESHOLD },
  { "top-k", "resid_post_layer_3/trainer_0/ae.pt", "dictionary_learning AutoEncoderTopK", 3, STEER_SAE_TOPK },
  { "relu", "resid_post_layer_4/trainer_2", "dictionary_learning AutoEncoder", 4, STEER_SAE_RELU },
  { "jump-relu", "resid_post_layer_5/trainer_0", "dictionary_learning JumpReluAutoEncoder", 5, STEER_SAE_JUMPRELU },
  { "gated", "resid_post_layer_6/trainer_0", "dictionary_learning GatedAutoEncoder", 6, STEER_SAE_GATED },
  { "saelens-standard", "saelens-standard", "SAELens standard", 7, STEER_SAE_RELU },
  { "saelens-constant-norm", "saelens-constant-norm", "SAELens standard", 8, STEER_SAE_RELU },
  { "saelens-layer-norm", "saelens-layer-norm", "SAELens standard", 8, STEER_SAE_RELU },
  { "saelens-jumprelu", "saelens-jumprelu", "SAELens jumprelu", 9, STEER_SAE_JUMPRELU },
  { "saelens-topk", "saelens-topk", "SAELens topk", 10, STEER_SAE_TOPK },
  { "saelens-gated", "saelens-gated", "SAELens gated", 11, STEER_SAE_GATED },
  { "gemma-scope", "layer_20/width_16k/average_l0_71", "Gemma Scope", 20, STEER_SAE_JUMPRELU },
  { "gemma-scope-2", "resid_post/layer_9_width_16k_l0_small", "Gemma Scope 2", 9, STEER_SAE_JUMPRELU },
  { "llama-scope", "Llama3_1-8B-Base-L13R-8x", "Llama Scope", 13, STEER_SAE_THRESHOLD },
  { "sparsify", "layers.10", "sparsify", 10, STEER_SAE_TOPK },
  { "goodfire", "Llama-3.1-8B-Instruct-SAE-l19.pth", "Goodfire", 19, STEER_SAE_RELU },
  { "qwen-scope", "layer5.sae.pt", "Qwen-Scope", 5, STEER_SAE_TOPK, 10 },
};

/* The first of these are of libraries that can be asked. */
#define N_LIBRARY_CASES 11

static SteerSae *
open_path (const char *path, guint k)
{
  SteerSourceHints hints;
  g_autoptr (GError) error = NULL;
  SteerSae *sae;

  steer_source_hints_init (&hints);
  hints.k = k;
  sae = steer_sae_open (path, &hints, NULL, &error);
  g_assert_no_error (error);
  return sae;
}

static SteerSae *
open_case (const Case *format)
{
  g_autofree char *relative = g_build_filename ("steering/sae", format->path, NULL);
  g_autofree char *path = test_fixture_path (relative);

  return open_path (path, format->k);
}

static SteerArchive *
open_expected (const char *file)
{
  g_autofree char *relative = g_build_filename ("steering/sae", file, NULL);
  g_autofree char *path = test_fixture_path (relative);
  g_autoptr (GError) error = NULL;
  SteerArchive *archive = steer_archive_open (path, NULL, &error);

  g_assert_no_error (error);
  return archive;
}

static float *
read_from (const char *file, const char *name, const char *what, guint *n_rows)
{
  g_autoptr (SteerArchive) archive = open_expected (file);
  g_autofree char *full = g_strconcat (name, ".", what, NULL);
  const SteerTensor *tensor = steer_archive_find (archive, full);
  gint64 n;
  float *values;

  g_assert_nonnull (tensor);
  n = steer_tensor_get_n_elements (tensor);
  values = g_new (float, n);
  steer_tensor_read_f32 (tensor, 0, n, values);
  *n_rows = (guint) tensor->shape[0];
  return values;
}

/* All of a tensor of what the fixture's script computed. */
static float *
read_expected (const char *name, const char *what, guint *n_rows)
{
  return read_from ("expected.safetensors", name, what, n_rows);
}

static void
test_recognised (gconstpointer data)
{
  const Case *format = data;
  g_autoptr (SteerSae) sae = open_case (format);

  g_assert_cmpstr (steer_sae_get_format (sae), ==, format->format);
  g_assert_cmpuint (steer_sae_get_layer (sae), ==, format->layer);
  g_assert_cmpuint (steer_sae_get_d_model (sae), ==, WIDTH);
  g_assert_cmpuint (steer_sae_get_n_features (sae), ==, N_FEATURES);
  g_assert_cmpint (steer_sae_get_activation (sae), ==, format->activation);
  g_assert_cmpstr (steer_sae_get_encoder_problem (sae), ==, NULL);
}

static void
test_directions (gconstpointer data)
{
  const Case *format = data;
  g_autoptr (SteerSae) sae = open_case (format);
  guint n_rows = 0;
  g_autofree float *expected = read_expected (format->name, "directions", &n_rows); /* [N_FEATURES, WIDTH] */

  g_assert_cmpuint (n_rows, ==, N_FEATURES);
  for (guint i = 0; i < N_FEATURES; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GBytes) vector
        = steer_vector_source_load_vector (STEER_VECTOR_SOURCE (sae), format->layer, i, NULL, &error);

      g_assert_no_error (error);
      g_assert_cmpuint (g_bytes_get_size (vector), ==, WIDTH * sizeof (float));
      g_assert_cmpfloat (test_max_relative_error (g_bytes_get_data (vector, NULL), expected + i * WIDTH, WIDTH), <,
                         2e-7);
    }
}

/* The same features fire, with the same values. */
static void
assert_codes (const SteerSaeCodes *codes, const float *expected, guint n_tokens, guint n_features, double tolerance)
{
  g_assert_cmpuint (codes->n_tokens, ==, n_tokens);
  for (guint t = 0; t < n_tokens; t++)
    {
      gsize at = codes->begin[t];

      for (guint f = 0; f < n_features; f++)
        {
          double value = (double) expected[(gsize) t * n_features + f];

          if (value == 0.0)
            continue;
          g_assert_cmpuint (at, <, codes->begin[t + 1]);
          g_assert_cmpuint (codes->active[at].feature, ==, f);
          g_assert_cmpfloat_with_epsilon ((double) codes->active[at].value, value, tolerance * (1.0 + value));
          at++;
        }
      g_assert_cmpuint (at, ==, codes->begin[t + 1]);
    }
}

static void
test_activations (gconstpointer data)
{
  const Case *format = data;
  g_autoptr (SteerSae) sae = open_case (format);
  guint n_tokens = 0;
  g_autofree float *residual = read_expected (format->name, "residual", &n_tokens); /* [n_tokens, WIDTH] */
  g_autofree float *expected = read_expected (format->name, "codes", &n_tokens);    /* [n_tokens, N_FEATURES] */

  for (guint n_threads = 1; n_threads <= 3; n_threads++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (SteerSaeCodes) codes = steer_sae_encode (sae, residual, n_tokens, n_threads, NULL, NULL, NULL, &error);

      g_assert_no_error (error);
      assert_codes (codes, expected, n_tokens, N_FEATURES, 1e-5);
    }
}

/* What SAELens and dictionary_learning themselves make of these files; see run-sae-libraries.py. */
static void
test_libraries (gconstpointer data)
{
  const Case *format = data;
  g_autoptr (SteerSae) sae = open_case (format);
  guint n_tokens = 0;
  g_autofree float *residual = read_expected (format->name, "residual", &n_tokens); /* [n_tokens, WIDTH] */
  g_autofree float *expected = read_from ("libraries.safetensors", format->name, "codes", &n_tokens);
  g_autoptr (SteerSaeCodes) codes = steer_sae_encode (sae, residual, n_tokens, 1, NULL, NULL, NULL, NULL);

  assert_codes (codes, expected, n_tokens, N_FEATURES, 1e-5);
}

/* Repeatable numbers from -1 to 1. */
static void
fill (float *values, gsize n, guint32 seed)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);

  for (gsize i = 0; i < n; i++)
    values[i] = (float) g_rand_double_range (rand, -1.0, 1.0);
}

static SteerTensor
make_tensor (const char *name, const float *data, gint64 rows, gint64 columns)
{
  return (SteerTensor){ .name = name,
                        .dtype = STEER_DTYPE_F32,
                        .n_dims = columns > 0 ? 2 : 1,
                        .shape = { rows, columns },
                        .stride = { columns > 0 ? columns : 1, 1 },
                        .data = (const guint8 *) data,
                        .n_bytes = (gsize) (rows * MAX (columns, 1)) * sizeof (float) };
}

/* One feature's folded rule says of each token what encoding with all features says. */
static void
test_encoders (gconstpointer data)
{
  const Case *format = data;
  g_autoptr (SteerSae) sae = open_case (format);
  guint n_tokens = 0;
  g_autofree float *residual = read_expected (format->name, "residual", &n_tokens); /* [n_tokens, WIDTH] */
  g_autoptr (SteerSaeCodes) codes = NULL;
  guint n_fire = 0;

  if (format->activation == STEER_SAE_TOPK)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (steer_sae_load_encoder (sae, 3, NULL, &error));
      g_assert_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_NOT_FOUND);
      g_assert_nonnull (strstr (error->message, "depends on all others"));
      return;
    }
  codes = steer_sae_encode (sae, residual, n_tokens, 1, NULL, NULL, NULL, NULL);
  for (guint i = 0; i < N_FEATURES; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (SteerEncoder) encoder
        = steer_vector_source_load_encoder (STEER_VECTOR_SOURCE (sae), format->layer, i, NULL, &error);

      g_assert_no_error (error);
      for (guint t = 0; t < n_tokens; t++)
        {
          double expected = 0.0;

          for (gsize j = codes->begin[t]; j < codes->begin[t + 1]; j++)
            if (codes->active[j].feature == i)
              expected = (double) codes->active[j].value;
          n_fire += expected > 0.0;
          g_assert_cmpfloat_with_epsilon (steer_encoder_activate (encoder, residual + t * WIDTH, NULL), expected,
                                          2e-5 * MAX (expected, 1.0));
        }
    }
  g_assert_cmpuint (n_fire, >, 0);
}

/* Several tiles of features and of depth, and a number of tokens that no kernel divides. */
static void
test_large (void)
{
  const guint d_model = 1100, n_features = 200, n_tokens = 29;
  g_autofree float *encoder = g_new (float, n_features *d_model);   /* [n_features, d_model] */
  g_autofree float *decoder = g_new (float, n_features *d_model);   /* [d_model, n_features] */
  g_autofree float *bias = g_new (float, n_features);               /* [n_features] */
  g_autofree float *residual = g_new (float, n_tokens *d_model);    /* [n_tokens, d_model] */
  g_autofree float *expected = g_new (float, n_tokens *n_features); /* [n_tokens, n_features] */
  g_autofree char *dir = test_make_dir ();
  g_autofree char *path = g_build_filename (dir, "layer_2.safetensors", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerSae) sae = NULL;
  g_autoptr (SteerSaeCodes) codes = NULL;
  SteerTensor tensors[3];

  fill (encoder, n_features * d_model, 1);
  fill (decoder, n_features * d_model, 2);
  fill (bias, n_features, 3);
  fill (residual, n_tokens * d_model, 4);
  tensors[0] = make_tensor ("encoder_linear.weight", encoder, n_features, d_model);
  tensors[1] = make_tensor ("decoder_linear.weight", decoder, d_model, n_features);
  tensors[2] = make_tensor ("encoder_linear.bias", bias, n_features, 0);
  steer_safetensors_write (path, tensors, 3, NULL, NULL, &error);
  g_assert_no_error (error);
  for (guint t = 0; t < n_tokens; t++)
    for (guint f = 0; f < n_features; f++)
      {
        double sum = (double) bias[f];

        for (guint k = 0; k < d_model; k++)
          sum += (double) encoder[f * d_model + k] * (double) residual[t * d_model + k];
        expected[t * n_features + f] = sum > 0.0 ? (float) sum : 0.0f;
      }

  sae = open_path (path, 0);
  codes = steer_sae_encode (sae, residual, n_tokens, 2, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  assert_codes (codes, expected, n_tokens, n_features, 1e-4);
  test_remove_dir (g_steal_pointer (&dir));
}

/* Each of the products that this machine can run, on numbers of tokens that none of them divides. */
static void
test_products (void)
{
  const guint n_depth = 37, stride = 41;
  float input[29 * 41], tile[37 * STEER_SAE_TILE_FEATURES];

  fill (input, G_N_ELEMENTS (input), 7);
  fill (tile, G_N_ELEMENTS (tile), 8);
  for (const SteerSaeProduct *product = steer_sae_list_products (); *product != NULL; product++)
    for (guint n_tokens = 1; n_tokens <= 29; n_tokens++)
      {
        float out[30 * STEER_SAE_TILE_FEATURES];

        for (guint i = 0; i < G_N_ELEMENTS (out); i++)
          out[i] = 1.0f;
        (*product) (input, stride, n_tokens, tile, n_depth, out);
        for (guint t = 0; t < n_tokens; t++)
          for (guint f = 0; f < STEER_SAE_TILE_FEATURES; f++)
            {
              double sum = 1.0;

              for (guint k = 0; k < n_depth; k++)
                sum += (double) input[t * stride + k] * (double) tile[k * STEER_SAE_TILE_FEATURES + f];
              g_assert_cmpfloat_with_epsilon ((double) out[t * STEER_SAE_TILE_FEATURES + f], sum, 1e-5);
            }
        for (guint f = 0; f < STEER_SAE_TILE_FEATURES; f++)
          g_assert_cmpfloat (out[n_tokens * STEER_SAE_TILE_FEATURES + f], ==, 1.0f);
      }
}

static void
test_cancelled (void)
{
  g_autoptr (SteerSae) sae = open_case (&cases[0]);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  float residual[WIDTH] = { 0.0f };

  g_cancellable_cancel (cancellable);
  g_assert_null (steer_sae_encode (sae, residual, 1, 1, NULL, NULL, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* A decoder alone, of any shape. */
static char *
write_decoder (const char *dir, const char *name, gint64 rows, gint64 columns, const char *bias, gint64 n_bias)
{
  g_autofree float *data = g_new (float, rows *columns);
  g_autoptr (GError) error = NULL;
  char *path = g_build_filename (dir, name, NULL);
  SteerTensor tensors[2];

  fill (data, (gsize) (rows * columns), 5);
  tensors[0] = make_tensor ("W_dec", data, rows, columns);
  tensors[1] = make_tensor (bias != NULL ? bias : "", data, n_bias, 0);
  steer_safetensors_write (path, tensors, bias != NULL ? 2 : 1, NULL, NULL, &error);
  g_assert_no_error (error);
  return path;
}

static void
assert_refused (const char *path, const SteerSourceHints *hints, int code, const char *word)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerSae) sae = steer_sae_open (path, hints, NULL, &error);

  g_assert_null (sae);
  g_assert_error (error, STEER_STEERING_ERROR, code);
  if (strstr (error->message, word) == NULL)
    g_error ("\"%s\" does not mention \"%s\"", error->message, word);
}

static void
test_orientation (void)
{
  g_autofree char *dir = test_make_dir ();
  g_autofree char *square = write_decoder (dir, "layer_1_square.safetensors", 8, 8, "b_dec", 8);
  g_autofree char *alone = write_decoder (dir, "layer_1_alone.safetensors", 8, 20, NULL, 0);
  g_autofree char *contradicting = write_decoder (dir, "layer_1_odd.safetensors", 8, 20, "b_dec", 9);
  g_autoptr (SteerSae) sae = NULL;
  g_autoptr (GError) error = NULL;
  SteerSourceHints hints;

  steer_source_hints_init (&hints);
  assert_refused (square, &hints, STEER_STEERING_ERROR_INVALID, "rows=");
  assert_refused (alone, &hints, STEER_STEERING_ERROR_INVALID, "rows=");
  assert_refused (contradicting, &hints, STEER_STEERING_ERROR_MISMATCH, "b");

  hints.rows = STEER_COLUMNS_ARE_FEATURES;
  sae = steer_sae_open (square, &hints, NULL, &error);
  g_assert_no_error (error);
  g_clear_object (&sae);
  hints.rows = STEER_ROWS_UNKNOWN;
  hints.d_model = 8;
  sae = steer_sae_open (alone, &hints, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (steer_sae_get_n_features (sae), ==, 20);
  g_assert_nonnull (steer_sae_get_encoder_problem (sae));
  g_clear_object (&sae);
  hints.d_model = 20;
  sae = steer_sae_open (alone, &hints, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (steer_sae_get_n_features (sae), ==, 8);
  test_remove_dir (g_steal_pointer (&dir));
}

static void
test_layer_asked (void)
{
  g_autofree char *dir = test_make_dir ();
  g_autofree char *path = write_decoder (dir, "mine.safetensors", 20, 8, "b_dec", 8);
  g_autoptr (SteerSae) sae = NULL;
  g_autoptr (GError) error = NULL;
  SteerSourceHints hints;

  steer_source_hints_init (&hints);
  assert_refused (path, &hints, STEER_STEERING_ERROR_INVALID, "layer=15");
  hints.layer = 15;
  sae = steer_sae_open (path, &hints, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (steer_sae_get_layer (sae), ==, 15);
  test_remove_dir (g_steal_pointer (&dir));
}

static void
test_other_places (void)
{
  g_autofree char *dir = test_make_dir ();
  g_autofree char *path = write_decoder (dir, "layer_3.safetensors", 20, 8, "b_dec", 8);
  g_autofree char *config = g_build_filename (dir, "cfg.json", NULL);
  static const char *const refused[]
    = { "blocks.3.hook_mlp_out", "blocks.3.attn.hook_z", "blocks.3.hook_resid_mid", "blocks.0.hook_resid_pre" };
  g_autoptr (SteerSae) sae = NULL;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (refused); i++)
    {
      g_autofree char *json = g_strdup_printf ("{\"hook_name\": \"%s\"}", refused[i]);

      g_assert_true (g_file_set_contents (config, json, -1, NULL));
      assert_refused (path, NULL, STEER_STEERING_ERROR_INVALID, refused[i]);
    }
  g_assert_true (g_file_set_contents (config, "{\"hook_name\": \"blocks.3.hook_resid_pre\"}", -1, NULL));
  sae = steer_sae_open (path, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (steer_sae_get_layer (sae), ==, 2);
  g_assert_true (g_file_set_contents (config, "{\"hook_name\": ", -1, NULL));
  assert_refused (path, NULL, STEER_STEERING_ERROR_INVALID, "cfg.json");
  test_remove_dir (g_steal_pointer (&dir));
}

static void
test_other_model (void)
{
  g_autofree char *path = test_fixture_path ("steering/sae/resid_post_layer_15/trainer_1");
  SteerSourceHints hints;

  steer_source_hints_init (&hints);
  hints.d_model = 4096;
  assert_refused (path, &hints, STEER_STEERING_ERROR_MISMATCH, "4096");
  hints.d_model = WIDTH;
  hints.n_layers = 15;
  assert_refused (path, &hints, STEER_STEERING_ERROR_MISMATCH, "layer 15");
}

/* Replaces the file by a packed one, as labels are published. */
static void
pack_file (const char *path)
{
  g_autofree char *packed = g_strconcat (path, ".gz", NULL);
  g_autoptr (GFile) in = g_file_new_for_path (path);
  g_autoptr (GFile) out = g_file_new_for_path (packed);
  g_autoptr (GZlibCompressor) zlib = g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP, -1);
  g_autoptr (GFileInputStream) source = g_file_read (in, NULL, NULL);
  g_autoptr (GFileOutputStream) file = g_file_create (out, G_FILE_CREATE_NONE, NULL, NULL);
  g_autoptr (GOutputStream) stream = g_converter_output_stream_new (G_OUTPUT_STREAM (file), G_CONVERTER (zlib));

  g_assert_cmpint (g_output_stream_splice (stream, G_INPUT_STREAM (source),
                                           G_OUTPUT_STREAM_SPLICE_CLOSE_SOURCE | G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET,
                                           NULL, NULL),
                   >, 0);
  g_assert_true (g_file_delete (in, NULL, NULL));
}

static void
test_labels (gconstpointer data)
{
  g_autofree char *dir = test_make_dir ();
  g_autofree char *folder = g_build_filename (dir, "resid_post_layer_1", "trainer_0", NULL);
  g_autofree char *labels = g_build_filename (dir, "labels.jsonl", NULL);
  g_autofree char *path = NULL;
  g_autoptr (SteerSae) sae = NULL;
  g_autoptr (SteerFeatureInfo) info = NULL;
  g_autoptr (GPtrArray) infos = NULL;
  static const char text[]
    = "{\"modelId\": \"m\", \"layer\": \"1-resid-post-demo\", \"index\": \"7\", \"description\": \"seven \\u00e9\","
      " \"recommendedStrength\": 8.5, \"layerNorm\": 10.5, \"usefulMin\": -2, \"usefulMax\": 20, \"pos_str\": "
      "[\"a\"]}\n"
      "\n"
      "{\"layer\": \"1-resid-post-demo\", \"index\": \"3\", \"description\": \"three\"}\n"
      "{\"layer\": \"1-resid-post-demo\", \"index\": \"3\", \"description\": \"three again\"}\n"
      "{\"layer\": \"2-resid-post-demo\", \"index\": \"4\", \"description\": \"of another layer\"}\n"
      "{\"layer\": \"1-resid-post-demo\", \"index\": \"20\", \"description\": \"past the end\"}\n";

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  path = write_decoder (folder, "ae.pt", 20, 8, "b_dec", 8);
  g_assert_true (g_file_set_contents (labels, text, -1, NULL));
  if (GPOINTER_TO_INT (data))
    pack_file (labels);
  sae = open_path (folder, 0);
  infos = steer_vector_source_list_infos (STEER_VECTOR_SOURCE (sae));
  g_assert_cmpuint (infos->len, ==, 2);
  g_assert_cmpstr (((SteerFeatureInfo *) g_ptr_array_index (infos, 0))->label, ==, "three");
  info = steer_vector_source_dup_info (STEER_VECTOR_SOURCE (sae), 1, 7);
  g_assert_cmpstr (info->label, ==, "seven é");
  g_assert_cmpfloat (info->recommended, ==, 8.5);
  g_assert_cmpfloat (info->minimum, ==, -2.0);
  g_assert_cmpfloat (info->maximum, ==, 20.0);
  g_assert_cmpfloat (steer_vector_source_get_layer_norm (STEER_VECTOR_SOURCE (sae), 1), ==, 10.5);
  g_assert_null (steer_vector_source_dup_info (STEER_VECTOR_SOURCE (sae), 1, 4));
  test_remove_dir (g_steal_pointer (&dir));
}

static void
test_damaged_labels (void)
{
  g_autofree char *dir = test_make_dir ();
  g_autofree char *path = write_decoder (dir, "layer_1.safetensors", 20, 8, "b_dec", 8);
  g_autofree char *labels = g_build_filename (dir, "labels.jsonl", NULL);
  g_autofree char *packed = g_build_filename (dir, "labels.jsonl.gz", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_set_contents (labels, "{\"layer\": \"1\", \"index\": 1}\n{\"layer\": \"1", -1, NULL));
  g_assert_null (steer_sae_open (path, NULL, NULL, &error));
  g_assert_nonnull (error);
  g_assert_nonnull (strstr (error->message, "labels.jsonl:2"));
  g_clear_error (&error);
  g_assert_cmpint (g_unlink (labels), ==, 0);
  g_assert_true (g_file_set_contents (packed, "no gzip at all", -1, NULL));
  g_assert_null (steer_sae_open (path, NULL, NULL, &error));
  g_assert_nonnull (error);
  g_assert_nonnull (strstr (error->message, "labels.jsonl.gz"));
  test_remove_dir (g_steal_pointer (&dir));
}

static int
compare_actives (gconstpointer a, gconstpointer b)
{
  const SteerSaeActive *x = a;
  const SteerSaeActive *y = b;

  return x->value > y->value ? -1 : x->value < y->value;
}

/* Kept smaller, an SAE says nearly the same of each token, and the strongest features are the same. */
static void
test_kept (gconstpointer data)
{
  SteerSaeKeep keep = (SteerSaeKeep) GPOINTER_TO_INT (data);
  g_autofree char *path = test_fixture_path ("cli/sae/resid_post_layer_2/trainer_0");
  g_autoptr (SteerSae) sae = open_path (path, 0);
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerSae) kept = steer_sae_keep (sae, keep, NULL, NULL, NULL, &error);
  double tolerance = keep == STEER_SAE_KEEP_BF16 ? 0.005 : 0.03;
  guint d_model = steer_sae_get_d_model (sae);
  g_autofree float *residual = g_new (float, 40 * d_model);
  g_autoptr (SteerSaeCodes) exact = NULL;
  g_autoptr (SteerSaeCodes) near = NULL;

  g_assert_no_error (error);
  fill (residual, 40 * d_model, 77);
  for (guint i = 0; i < 40 * d_model; i++)
    residual[i] *= 20.0f;
  exact = steer_sae_encode (sae, residual, 40, 1, NULL, NULL, NULL, NULL);
  g_clear_object (&sae); /* nothing of it is needed any more */
  near = steer_sae_encode (kept, residual, 40, 1, NULL, NULL, NULL, NULL);
  for (guint t = 0; t < 40; t++)
    {
      gsize n = exact->begin[t + 1] - exact->begin[t];
      SteerSaeActive *a = exact->active + exact->begin[t];
      SteerSaeActive *b = near->active + near->begin[t];
      float largest;

      g_assert_cmpuint (n, >, 0);
      qsort (a, n, sizeof *a, compare_actives);
      qsort (b, near->begin[t + 1] - near->begin[t], sizeof *b, compare_actives);
      largest = a[0].value;
      /* The order of two is certain where they lie further apart than rounding reaches. */
      if (n < 2 || a[0].value - a[1].value > 2.0f * (float) tolerance * largest)
        g_assert_cmpuint (a[0].feature, ==, b[0].feature);
      g_assert_cmpfloat_with_epsilon ((double) a[0].value, (double) b[0].value, tolerance * (double) largest);
    }
}

static void
test_kept_refuses (void)
{
  g_autoptr (SteerSae) sae = open_case (&cases[0]);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  g_assert_null (steer_sae_keep (sae, STEER_SAE_KEEP_INT8, NULL, NULL, NULL, &error)); /* 12 numbers wide */
  g_assert_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID);
  g_clear_error (&error);
  g_cancellable_cancel (cancellable);
  g_assert_null (steer_sae_keep (sae, STEER_SAE_KEEP_BF16, NULL, NULL, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
test_no_such_feature (void)
{
  g_autoptr (SteerSae) sae = open_case (&cases[0]);
  g_autoptr (GError) error = NULL;

  g_assert_false (steer_vector_source_has_vector (STEER_VECTOR_SOURCE (sae), 15, N_FEATURES));
  g_assert_false (steer_vector_source_has_vector (STEER_VECTOR_SOURCE (sae), 14, 0));
  g_assert_null (steer_vector_source_load_vector (STEER_VECTOR_SOURCE (sae), 15, N_FEATURES, NULL, &error));
  g_assert_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_null (steer_vector_source_load_vector (STEER_VECTOR_SOURCE (sae), 14, 0, NULL, &error));
  g_assert_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_NOT_FOUND);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *recognised = g_strdup_printf ("/sae/%s/is-recognised-from-its-files", cases[i].name);
      g_autofree char *directions = g_strdup_printf ("/sae/%s/directions-are-those-of-pytorch", cases[i].name);
      g_autofree char *activations = g_strdup_printf ("/sae/%s/activations-are-those-of-its-library", cases[i].name);
      g_autofree char *encoders = g_strdup_printf ("/sae/%s/encoders-are-those-of-its-library", cases[i].name);

      g_test_add_data_func (recognised, &cases[i], test_recognised);
      g_test_add_data_func (directions, &cases[i], test_directions);
      g_test_add_data_func (activations, &cases[i], test_activations);
      g_test_add_data_func (encoders, &cases[i], test_encoders);
      if (i < N_LIBRARY_CASES)
        {
          g_autofree char *libraries = g_strdup_printf ("/sae/%s/its-library-itself-says-the-same", cases[i].name);

          g_test_add_data_func (libraries, &cases[i], test_libraries);
        }
    }
  g_test_add_func ("/sae/activations-of-many-tiles-are-those-of-a-sum-in-double", test_large);
  g_test_add_func ("/sae/every-machine's-product-is-a-sum-in-double", test_products);
  g_test_add_func ("/sae/encoding-stops-when-cancelled", test_cancelled);
  g_test_add_func ("/sae/a-decoder-that-could-lie-either-way-is-asked-about", test_orientation);
  g_test_add_func ("/sae/a-layer-that-nothing-tells-is-asked-for", test_layer_asked);
  g_test_add_func ("/sae/only-the-residual-stream-behind-a-layer-will-do", test_other_places);
  g_test_add_func ("/sae/another-model's-sae-is-told-before-anything-is-steered", test_other_model);
  g_test_add_data_func ("/sae/labels-beside-it-are-its-labels", NULL, test_labels);
  g_test_add_data_func ("/sae/packed-labels-beside-it-are-its-labels", GINT_TO_POINTER (TRUE), test_labels);
  g_test_add_func ("/sae/damaged-labels-are-told-with-their-line", test_damaged_labels);
  g_test_add_data_func ("/sae/kept-as-bf16-it-says-nearly-the-same", GINT_TO_POINTER (STEER_SAE_KEEP_BF16), test_kept);
  g_test_add_data_func ("/sae/kept-as-int8-it-says-nearly-the-same", GINT_TO_POINTER (STEER_SAE_KEEP_INT8), test_kept);
  g_test_add_func ("/sae/what-cannot-be-kept-is-told", test_kept_refuses);
  g_test_add_func ("/sae/a-feature-it-does-not-have-is-not-found", test_no_such_feature);
  return g_test_run ();
}
