/* `steer extract` and `steer inspect`. */
#include <math.h>
#include <string.h>

#include "cli-test-util.h"
#include "steering/steer-sae-encode.h"
#include "steering/steer-vector-library.h"
#include "tensor/steer-archive.h"
#include "test-util.h"

#define WIDTH 32
#define N_TOKENS 4
#define IDS "--ids", "72,101,108,108"

static char *
get_sae (void)
{
  return test_fixture_path ("cli/sae/resid_post_layer_2/trainer_0");
}

static void
run_json (JsonParser *parser, const CliResult *result)
{
  if (result->status != 0)
    g_error ("%s", result->err);
  g_assert_true (json_parser_load_from_data (parser, result->out, -1, NULL));
}

static JsonObject *
get_feature (JsonObject *root, guint position)
{
  return json_array_get_object_element (json_object_get_array_member (root, "features"), position);
}

static void
test_library (void)
{
  g_autofree char *dir = test_make_dir ();
  g_autofree char *path = g_build_filename (dir, "out.safetensors", NULL);
  g_autofree char *sae_path = get_sae ();
  g_auto (CliResult) result = { 0 };
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (SteerVectorLibrary) library = NULL;
  g_autoptr (SteerSae) sae = NULL;
  g_autoptr (SteerFeatureInfo) info = NULL;
  JsonObject *root;
  JsonArray *pairs;
  static const guint64 indices[] = { 97, 98, 99 };

  CLI_RUN (&result, NULL, "extract", "--sae", sae_path, "--layer", "2", "--features", "97,98,99", "-o", path, "--json");
  run_json (parser, &result);
  root = json_node_get_object (json_parser_get_root (parser));
  g_assert_cmpfloat_with_epsilon (json_object_get_double_member (get_feature (root, 0), "share"), 2.0, 1e-9);
  g_assert_cmpstr (json_object_get_string_member (get_feature (root, 1), "label"), ==, "the letter b");
  g_assert_true (json_object_get_null_member (get_feature (root, 2), "strength"));
  pairs = json_object_get_array_member (root, "similarities");
  g_assert_cmpuint (json_array_get_length (pairs), ==, 3);
  /* Nearest first: 98 and 99 are near-duplicates. */
  g_assert_cmpfloat (json_object_get_double_member (json_array_get_object_element (pairs, 0), "cosine"), >, 0.9);

  library = steer_vector_library_open (path, NULL, NULL);
  g_assert_nonnull (library);
  sae = steer_sae_open (sae_path, NULL, NULL, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (indices); i++)
    {
      g_autoptr (GBytes) a = steer_vector_source_load_vector (STEER_VECTOR_SOURCE (library), 2, indices[i], NULL, NULL);
      g_autoptr (GBytes) b = steer_vector_source_load_vector (STEER_VECTOR_SOURCE (sae), 2, indices[i], NULL, NULL);

      g_autoptr (SteerEncoder) from = steer_sae_load_encoder (sae, indices[i], NULL, NULL);
      g_autoptr (SteerEncoder) to
        = steer_vector_source_load_encoder (STEER_VECTOR_SOURCE (library), 2, indices[i], NULL, NULL);

      g_assert_cmpfloat (test_max_relative_error (g_bytes_get_data (a, NULL), g_bytes_get_data (b, NULL), WIDTH), <,
                         2e-7);
      g_assert_nonnull (from);
      g_assert_true (steer_encoder_equal (from, to));
    }
  info = steer_vector_source_dup_info (STEER_VECTOR_SOURCE (library), 2, 97);
  g_assert_cmpstr (info->label, ==, "the letter a");
  g_assert_cmpfloat (info->recommended, ==, 60.0);
  g_assert_cmpfloat (steer_vector_source_get_layer_norm (STEER_VECTOR_SOURCE (library), 2), ==, 30.0);
  test_remove_dir (g_steal_pointer (&dir));
}

/* The words a model says do not depend on where the direction came from. */
static void
test_steers (void)
{
  g_autofree char *dir = test_make_dir ();
  g_autofree char *path = g_build_filename (dir, "steering_vectors.pt", NULL);
  g_autofree char *sae = get_sae ();
  const char *const sources[] = { cli_vectors (), sae, path };
  g_auto (CliResult) extracted = { 0 };

  CLI_RUN (&extracted, NULL, "extract", "--sae", sae, "--features", "2:97", "-o", path);
  g_assert_cmpint (extracted.status, ==, 0);
  g_assert_nonnull (strstr (extracted.out, "\n1 direction: "));
  for (guint i = 0; i < G_N_ELEMENTS (sources); i++)
    {
      g_auto (CliResult) result = { 0 };

      CLI_RUN (&result, NULL, "generate", "--model", cli_model (), "--vectors", sources[i], "--steer", "2:97=60", "-p",
               "Hello", "-n", "5", "-t", "0");
      g_assert_cmpint (result.status, ==, 0);
      g_assert_true (g_str_has_prefix (result.out, "aaaaa"));
    }
  test_remove_dir (g_steal_pointer (&dir));
}

/* Whether the model says what feature 97 makes it say. */
static gboolean
is_steered (const char *source, const char *typed)
{
  g_auto (CliResult) result = { 0 };

  CLI_RUN (&result, NULL, "generate", "--model", cli_model (), "--vectors", source, "--steer", typed, "-p", "Hello",
           "-n", "5", "-t", "0");
  g_assert_cmpint (result.status, ==, 0);
  return g_str_has_prefix (result.out, "aaaaa");
}

/* By the SAE itself, and by what was extracted from it. No activation is below 0. */
static void
test_measures (void)
{
  g_autofree char *dir = test_make_dir ();
  g_autofree char *path = g_build_filename (dir, "out.safetensors", NULL);
  g_autofree char *sae = get_sae ();
  const char *const sources[] = { sae, path };
  g_auto (CliResult) extracted = { 0 };

  CLI_RUN (&extracted, NULL, "extract", "--sae", sae, "--features", "2:97,2:98", "-o", path);
  g_assert_cmpint (extracted.status, ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (sources); i++)
    {
      g_assert_false (is_steered (sources[i], "2:97=0"));
      g_assert_true (is_steered (sources[i], "2:97=60,activation <= 1e6"));
      g_assert_false (is_steered (sources[i], "2:97=60,activation > 1e6"));
      g_assert_true (is_steered (sources[i], "2:97=60,activation(98) > -1"));
      g_assert_false (is_steered (sources[i], "2:97=60,activation(98) <= -1"));
    }
  test_remove_dir (g_steal_pointer (&dir));
}

static void
test_preset (void)
{
  g_autofree char *dir = test_make_dir ();
  g_autofree char *yaml = g_build_filename (dir, "demo.yaml", NULL);
  g_autofree char *path = g_build_filename (dir, "out.safetensors", NULL);
  g_autofree char *sae = get_sae ();
  g_auto (CliResult) result = { 0 };
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonObject *root;

  g_assert_true (
    g_file_set_contents (yaml, "reduced_strengths: true\nfeatures: [[2, 5, 0.5], [2, 98, 1.25]]\n", -1, NULL));
  CLI_RUN (&result, NULL, "extract", "--sae", sae, "--config", yaml, "-o", path, "--json");
  run_json (parser, &result);
  root = json_node_get_object (json_parser_get_root (parser));
  g_assert_cmpfloat (json_object_get_double_member (get_feature (root, 0), "strength"), ==, 1.0);
  g_assert_cmpfloat (json_object_get_double_member (get_feature (root, 1), "strength"), ==, 2.5);
  test_remove_dir (g_steal_pointer (&dir));
}

static void
test_refusals (void)
{
  g_autofree char *dir = test_make_dir ();
  g_autofree char *path = g_build_filename (dir, "out.safetensors", NULL);
  g_autofree char *sae = get_sae ();
  g_auto (CliResult) result = { 0 };

  CLI_RUN (&result, NULL, "extract", "--sae", sae, "--features", "2:128", "-o", path);
  g_assert_cmpint (result.status, ==, 1);
  g_assert_nonnull (strstr (result.err, "128"));
  cli_result_clear (&result);
  CLI_RUN (&result, NULL, "extract", "--sae", sae, "--features", "97", "-o", path);
  g_assert_cmpint (result.status, ==, 2);
  cli_result_clear (&result);
  CLI_RUN (&result, NULL, "extract", "--sae", sae, "--features", "2:97,2:97", "-o", path);
  g_assert_cmpint (result.status, ==, 2);
  cli_result_clear (&result);
  CLI_RUN (&result, NULL, "extract", "--sae", sae, "--features", "2:97", "-o", "out.txt");
  g_assert_cmpint (result.status, ==, 2);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  test_remove_dir (g_steal_pointer (&dir));
}

/* What the SAE makes of the residual stream that `steer trace` writes. */
static SteerSaeCodes *
encode_trace (const char *dir, const char *sae_path)
{
  g_autofree char *path = g_build_filename (dir, "trace.safetensors", NULL);
  g_auto (CliResult) result = { 0 };
  g_autoptr (SteerArchive) archive = NULL;
  g_autoptr (SteerSae) sae = steer_sae_open (sae_path, NULL, NULL, NULL);
  float residual[N_TOKENS * WIDTH];

  CLI_RUN (&result, NULL, "trace", "--model", cli_model (), IDS, "--layers", "2", "-o", path);
  g_assert_cmpint (result.status, ==, 0);
  archive = steer_archive_open (path, NULL, NULL);
  steer_tensor_read_f32 (steer_archive_find (archive, "resid.2"), 0, N_TOKENS * WIDTH, residual);
  return steer_sae_encode (sae, residual, N_TOKENS, 1, NULL, NULL, NULL, NULL);
}

static void
assert_token (const SteerSaeCodes *codes, guint token, JsonArray *features)
{
  gsize n = codes->begin[token + 1] - codes->begin[token];
  double last = HUGE_VAL;

  g_assert_cmpuint (json_array_get_length (features), ==, MIN (n, 3));
  for (guint i = 0; i < json_array_get_length (features); i++)
    {
      JsonObject *feature = json_array_get_object_element (features, i);
      double value = json_object_get_double_member (feature, "value");
      guint n_larger = 0;
      gboolean found = FALSE;

      g_assert_cmpint (json_object_get_int_member (feature, "layer"), ==, 2);
      for (gsize j = codes->begin[token]; j < codes->begin[token + 1]; j++)
        {
          n_larger += (double) codes->active[j].value > value ? 1 : 0;
          if (codes->active[j].feature == json_object_get_int_member (feature, "index"))
            found = (double) codes->active[j].value == value;
        }
      g_assert_true (found);
      g_assert_cmpuint (n_larger, ==, i);
      g_assert_cmpfloat (value, <=, last);
      last = value;
    }
}

static void
test_inspect (void)
{
  g_autofree char *dir = test_make_dir ();
  g_autofree char *sae = get_sae ();
  g_autoptr (SteerSaeCodes) codes = encode_trace (dir, sae);
  g_auto (CliResult) result = { 0 };
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonObject *root;
  JsonArray *tokens, *most;
  double sum = 0.0;
  guint32 feature;

  CLI_RUN (&result, NULL, "inspect", "--model", cli_model (), "--sae", sae, IDS, "--top", "3", "--json");
  run_json (parser, &result);
  root = json_node_get_object (json_parser_get_root (parser));
  tokens = json_object_get_array_member (root, "tokens");
  g_assert_cmpuint (json_array_get_length (tokens), ==, N_TOKENS);
  for (guint t = 0; t < N_TOKENS; t++)
    {
      JsonObject *token = json_array_get_object_element (tokens, t);

      assert_token (codes, t, json_object_get_array_member (token, "features"));
    }
  g_assert_cmpstr (json_object_get_string_member (json_array_get_object_element (tokens, 0), "text"), ==, "H");

  /* Each feature with the words on which it fires; here a token is a character. */
  most = json_object_get_array_member (root, "most_specific");
  for (guint i = 0; i < json_array_get_length (most); i++)
    {
      JsonObject *firing = json_array_get_object_element (most, i);
      JsonObject *token
        = json_array_get_object_element (tokens, (guint) json_object_get_int_member (firing, "position"));
      const char *word = json_array_get_string_element (json_object_get_array_member (firing, "words"), 0);

      g_assert_nonnull (strstr (word, json_object_get_string_member (token, "text")));
    }

  /* The first token counts for nothing in what is said of the whole text. */
  most = json_object_get_array_member (root, "most_active");
  g_assert_cmpuint (json_array_get_length (most), ==, 3);
  feature = (guint32) json_object_get_int_member (json_array_get_object_element (most, 0), "index");
  for (gsize i = codes->begin[1]; i < codes->begin[N_TOKENS]; i++)
    sum += codes->active[i].feature == feature ? (double) codes->active[i].value : 0.0;
  g_assert_cmpfloat_with_epsilon (json_object_get_double_member (json_array_get_object_element (most, 0), "sum"), sum,
                                  1e-9 * sum);
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (root, "most_specific")), ==, 3);
  test_remove_dir (g_steal_pointer (&dir));
}

static void
test_inspect_labels (void)
{
  g_autofree char *sae = get_sae ();
  g_auto (CliResult) result = { 0 };

  /* Steered hard along it, the stream fires the feature that it was steered with. */
  CLI_RUN (&result, NULL, "inspect", "--model", cli_model (), "--sae", sae, "--vectors", sae, "--steer", "2:97=60", IDS,
           "--top", "1");
  g_assert_cmpint (result.status, ==, 0);
  g_assert_nonnull (strstr (result.out, "2:97"));
  g_assert_nonnull (strstr (result.out, "the letter a"));
}

static void
test_inspect_refusals (void)
{
  g_autofree char *sae = get_sae ();
  g_auto (CliResult) result = { 0 };

  CLI_RUN (&result, NULL, "inspect", "--model", cli_model (), IDS);
  g_assert_cmpint (result.status, ==, 2);
  cli_result_clear (&result);
  CLI_RUN (&result, NULL, "inspect", "--model", cli_model (), "--sae", cli_vectors (), IDS);
  g_assert_cmpint (result.status, ==, 1);
  g_assert_nonnull (strstr (result.err, "no SAE"));
  cli_result_clear (&result);
  /* Where special tokens are looked up, too. */
  CLI_RUN (&result, NULL, "inspect", "--model", cli_model (), "--sae", sae, "--vectors", sae, "--steer", "2:97=60",
           "--skip-special", "yes", "--ids", "72,2000000000");
  g_assert_cmpint (result.status, ==, 1);
  g_assert_nonnull (strstr (result.err, "2000000000"));
}

/* A label is imported, found, shown with its SAE's numbers, and gives way to the user's. */
static void
test_labels (void)
{
  g_autofree char *dir = test_make_dir ();
  g_autofree char *database = g_build_filename (dir, "labels.sqlite", NULL);
  g_autofree char *labels = test_fixture_path ("cli/sae/labels.jsonl");
  g_autofree char *sae = get_sae ();
  g_auto (CliResult) result = { 0 };
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonObject *shown;
  JsonArray *neighbours;

  CLI_RUN (&result, NULL, "features", "import", labels, "--database", database);
  g_assert_cmpint (result.status, ==, 0);
  cli_result_clear (&result);
  CLI_RUN (&result, NULL, "features", "list", "--database", database);
  g_assert_true (g_str_has_prefix (result.out, "tiny/2-resid-post-tiny: 2 labels\n"));
  cli_result_clear (&result);
  CLI_RUN (&result, NULL, "features", "search", "the lett", "--layer", "2", "--database", database, "--json");
  run_json (parser, &result);
  g_assert_cmpint (
    json_object_get_int_member (get_feature (json_node_get_object (json_parser_get_root (parser)), 0), "index"), ==,
    97);
  cli_result_clear (&result);

  CLI_RUN (&result, NULL, "features", "label", "2:97", "my letter", "--database", database);
  g_assert_cmpint (result.status, ==, 0);
  cli_result_clear (&result);
  CLI_RUN (&result, NULL, "features", "show", "2:98", "--sae", sae, "--database", database, "--json");
  run_json (parser, &result);
  shown = json_node_get_object (json_parser_get_root (parser));
  g_assert_cmpstr (json_object_get_string_member (shown, "label"), ==, "the letter b");
  g_assert_cmpfloat (json_object_get_double_member (shown, "norm"), >, 0.0);
  g_assert_cmpfloat (json_object_get_double_member (shown, "layer_norm"), ==, 30.0);
  neighbours = json_object_get_array_member (shown, "neighbours");
  g_assert_cmpint (json_object_get_int_member (json_array_get_object_element (neighbours, 0), "index"), ==, 99);
  g_assert_cmpfloat (json_object_get_double_member (json_array_get_object_element (neighbours, 0), "cosine"), >, 0.9);
  cli_result_clear (&result);
  CLI_RUN (&result, NULL, "features", "search", "letter", "--database", database);
  g_assert_true (g_str_has_prefix (result.out, "2:97         * my letter\n"));
  test_remove_dir (g_steal_pointer (&dir));
}

static void
test_label_refusals (void)
{
  g_autofree char *dir = test_make_dir ();
  g_autofree char *database = g_build_filename (dir, "labels.sqlite", NULL);
  static const char *const wrong[][2] = { { "search", NULL }, { "find", "x" }, { "show", "97" }, { "list", "x" } };

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_auto (CliResult) result = { 0 };

      CLI_RUN (&result, NULL, "features", "--database", database, wrong[i][0], wrong[i][1]);
      g_assert_cmpint (result.status, ==, 2);
    }
  {
    g_auto (CliResult) result = { 0 };

    CLI_RUN (&result, NULL, "features", "--database", database, "show", "20:97");
    g_assert_cmpint (result.status, ==, 1);
    g_assert_nonnull (strstr (result.err, "import labels"));
  }
  test_remove_dir (g_steal_pointer (&dir));
}

/* What is bundled is known without an import; what the user calls it wins. */
static void
test_bundled_labels (void)
{
  g_autofree char *dir = test_make_dir ();
  g_autofree char *database = g_build_filename (dir, "labels.sqlite", NULL);
  g_auto (CliResult) result = { 0 };

  CLI_RUN (&result, NULL, "features", "search", "cats", "--database", database);
  g_assert_cmpint (result.status, ==, 0);
  g_assert_cmpstr (result.out, ==, "2:9          cats\n");
  cli_result_clear (&result);
  CLI_RUN (&result, NULL, "features", "show", "2:9", "--database", database);
  g_assert_cmpint (result.status, ==, 0);
  g_assert_true (g_str_has_prefix (result.out, "2:9  cats\n"));
  g_assert_nonnull (strstr (result.out, "recommended strength 9.506"));
  g_assert_nonnull (strstr (result.out, "chess"));
  cli_result_clear (&result);
  CLI_RUN (&result, NULL, "features", "list", "--database", database);
  g_assert_nonnull (strstr (result.out, "steer-demo/2-resid-post-demo: 44 labels\n"));
  cli_result_clear (&result);

  CLI_RUN (&result, NULL, "features", "label", "2:9", "furry things", "--database", database);
  g_assert_cmpint (result.status, ==, 0);
  cli_result_clear (&result);
  CLI_RUN (&result, NULL, "features", "search", "furry", "--database", database);
  g_assert_cmpstr (result.out, ==, "2:9          * furry things\n");
  cli_result_clear (&result);
  CLI_RUN (&result, NULL, "features", "search", "cats", "--database", database);
  g_assert_cmpint (result.status, ==, 0);
  g_assert_cmpstr (result.out, ==, "");
  g_assert_nonnull (strstr (result.err, "no feature is called that"));
  g_assert_nonnull (strstr (result.err, "steer features import PATH"));
  cli_result_clear (&result);
  CLI_RUN (&result, NULL, "features", "search", "dogs", "--labels-of", "tiny", "--database", database);
  g_assert_cmpstr (result.out, ==, "");
  test_remove_dir (g_steal_pointer (&dir));
}

/* The user's name takes the place of the bundled one alone: what else is known stays, and neighbours are called by it.
 */
static void
test_bundled_feature_of_another_name (void)
{
  g_autofree char *dir = test_make_dir ();
  g_autofree char *database = g_build_filename (dir, "labels.sqlite", NULL);
  g_autofree char *path = g_build_filename (dir, "other.jsonl", NULL);
  g_auto (CliResult) result = { 0 };

  g_assert_true (g_file_set_contents (
    path, "{\"modelId\": \"other\", \"layer\": \"2-other\", \"index\": \"8\", \"description\": \"of another\"}\n", -1,
    NULL));
  CLI_RUN (&result, NULL, "features", "import", path, "--database", database);
  g_assert_cmpint (result.status, ==, 0);
  cli_result_clear (&result);
  CLI_RUN (&result, NULL, "features", "label", "2:9", "furry things", "--database", database);
  g_assert_cmpint (result.status, ==, 0);
  cli_result_clear (&result);

  CLI_RUN (&result, NULL, "features", "show", "2:9", "--database", database);
  g_assert_cmpint (result.status, ==, 0);
  g_assert_true (g_str_has_prefix (result.out, "2:9  furry things\nfires on 10.31 % of tokens\nlargest activation "));
  cli_result_clear (&result);
  CLI_RUN (&result, NULL, "features", "show", "2:11", "--database", database);
  g_assert_cmpint (result.status, ==, 0);
  g_assert_nonnull (strstr (result.out, "0.216  furry things\n"));
  g_assert_null (strstr (result.out, "cats"));
  /* What is of another model's features at the same places names none of these. */
  g_assert_nonnull (strstr (result.out, "0.279  castles\n"));
  g_assert_null (strstr (result.out, "of another"));
  test_remove_dir (g_steal_pointer (&dir));
}

/* A conversation that was exported is its prompt: system prompt and messages through the template. */
static void
test_inspect_conversation (void)
{
  g_autofree char *dir = test_make_dir ();
  g_autofree char *path = g_build_filename (dir, "chat.json", NULL);
  g_autofree char *sae = get_sae ();
  g_auto (CliResult) from_messages = { 0 };
  g_auto (CliResult) from_conversation = { 0 };

  g_assert_true (
    g_file_set_contents (path, "{\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}", -1, NULL));
  CLI_RUN (&from_messages, NULL, "inspect", "--model", cli_model (), "--sae", sae, "--messages", path, "--json");
  CLI_RUN (&from_conversation, NULL, "inspect", "--model", cli_model (), "--sae", sae, "--conversation", path,
           "--json");
  g_assert_cmpint (from_messages.status, ==, 0);
  g_assert_cmpstr (from_conversation.out, ==, from_messages.out);
  test_remove_dir (g_steal_pointer (&dir));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/features/extracted-directions-are-the-sae's-with-labels-and-strengths", test_library);
  g_test_add_func ("/features/an-sae-and-what-was-extracted-from-it-steer-alike", test_steers);
  g_test_add_func ("/features/a-condition-is-measured-by-the-sae-and-by-what-was-extracted-from-it", test_measures);
  g_test_add_func ("/features/a-demo's-config-names-features-and-strengths", test_preset);
  g_test_add_func ("/features/what-cannot-be-extracted-leaves-no-file", test_refusals);
  g_test_add_func ("/features/inspect-tells-what-the-sae-makes-of-the-stream", test_inspect);
  g_test_add_func ("/features/inspect-tells-labels-and-sees-the-steering", test_inspect_labels);
  g_test_add_func ("/features/inspect-reads-an-exported-conversation", test_inspect_conversation);
  g_test_add_func ("/features/labels-are-imported-found-shown-and-named-anew", test_labels);
  g_test_add_func ("/features/bundled-labels-are-known-without-an-import", test_bundled_labels);
  g_test_add_func ("/features/a-name-of-one's-own-hides-nothing-of-what-is-bundled",
                   test_bundled_feature_of_another_name);
  g_test_add_func ("/features/what-is-not-asked-rightly-is-told", test_label_refusals);
  g_test_add_func ("/features/inspect-needs-an-sae", test_inspect_refusals);
  return g_test_run ();
}
