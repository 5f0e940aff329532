/* `steer hub`, and names of the Hub in the place of paths. */
#include <string.h>

#include "cli-test-util.h"
#include "hub-fake.h"
#include "test-util.h"

#define MODEL "owner/model"
#define SAES "owner/saes"

typedef struct
{
  HubFake *hub;
  char *cache;
} Fixture;

static void
add_folder (HubFake *hub, const char *repo_id, const char *folder, const char *prefix)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  g_assert_nonnull (dir);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL), *inside = g_strconcat (prefix, name, NULL);

      if (!g_file_test (path, G_FILE_TEST_IS_DIR))
        hub_fake_add_path (hub, repo_id, inside, path, g_str_has_suffix (name, ".safetensors"));
    }
}

static void
set_up (Fixture *self, gconstpointer data)
{
  g_autofree char *sae = test_fixture_path ("cli/sae/resid_post_layer_2/trainer_0");

  self->hub = hub_fake_new ();
  self->cache = test_make_dir ();
  add_folder (self->hub, MODEL, cli_model (), "");
  add_folder (self->hub, SAES, sae, "layer_2/");
  g_setenv ("HF_ENDPOINT", hub_fake_get_endpoint (self->hub), TRUE);
  g_setenv ("HF_HUB_CACHE", self->cache, TRUE);
  g_setenv ("HF_TOKEN", "hf_secret", TRUE);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  hub_fake_free (self->hub);
  test_remove_dir (self->cache);
}

static void
check_output (const CliResult *result, int status, const char *out, const char *err)
{
  if (result->status != status || strstr (result->out, out) == NULL || strstr (result->err, err) == NULL)
    g_error ("status %d\n%s\n%s", result->status, result->out, result->err);
  g_assert_true (cli_is_safe (result->out));
  g_assert_true (cli_is_safe (result->err));
}

/* Downloads it; its path, without the newline. Free with g_free(). */
static char *
get (const char *repo_id, const char *what)
{
  g_auto (CliResult) result = { 0 };

  CLI_RUN (&result, NULL, "hub", "get", repo_id, what);
  check_output (&result, 0, "/", "");
  return g_strndup (result.out, result.out_length - 1);
}

static void
test_search (Fixture *self, gconstpointer data)
{
  g_auto (CliResult) plain = { 0 }, json = { 0 }, none = { 0 };
  g_autofree char *asked = NULL;
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonObject *first;

  CLI_RUN (&plain, NULL, "hub", "search", "owner", "model");
  check_output (&plain, 0, "1.2 M  owner/model  [safetensors]\n", "");
  asked = hub_fake_dup_search (self->hub);
  g_assert_cmpstr (asked, ==, "owner model");
  CLI_RUN (&json, NULL, "hub", "search", "model", "--json");
  g_assert_true (json_parser_load_from_data (parser, json.out, -1, NULL));
  first = json_array_get_object_element (json_node_get_array (json_parser_get_root (parser)), 0);
  g_assert_cmpstr (json_object_get_string_member (first, "id"), ==, MODEL);
  CLI_RUN (&none, NULL, "hub", "search", "nothing-like-it");
  check_output (&none, 0, "", "no repository is called that");
}

static void
test_show (Fixture *self, gconstpointer data)
{
  g_auto (CliResult) plain = { 0 }, json = { 0 };
  g_autoptr (JsonObject) object = NULL;
  JsonObject *choice;

  hub_fake_set_info (self->hub, MODEL, "{\"cardData\":{\"license\":\"mit\\u001b[31m\"},\"gated\":\"auto\"}");
  CLI_RUN (&plain, NULL, "hub", "show", MODEL);
  check_output (&plain, 0, "licence: mit\\x1b[31m\nits terms have to be accepted", "");
  check_output (&plain, 0, "safetensors", "");
  CLI_RUN (&json, NULL, "hub", "show", MODEL, "--json");
  object = cli_parse (&json);
  choice = json_array_get_object_element (json_object_get_array_member (object, "choices"), 0);
  g_assert_cmpstr (json_object_get_string_member (choice, "kind"), ==, "model");
  g_assert_cmpint (json_object_get_int_member (choice, "bytes"), >, 1000);
  g_assert_true (json_object_get_null_member (choice, "problem"));
}

/* What was downloaded is a model as any other, by its path and by its name. */
static void
test_model (Fixture *self, gconstpointer data)
{
  g_autofree char *path = get (MODEL, NULL);
  const char *models[] = { cli_model (), path, MODEL, MODEL ":safetensors", "OWNER/model:safe" };
  g_autofree char *expected = NULL;

  g_assert_true (g_str_has_prefix (path, self->cache));
  for (guint i = 0; i < G_N_ELEMENTS (models); i++)
    {
      g_auto (CliResult) result = { 0 };

      CLI_RUN (&result, NULL, "generate", "--model", models[i], "--prompt", "hello", "--max-tokens", "8",
               "--temperature", "0");
      check_output (&result, 0, "", "");
      if (i == 0)
        expected = g_strdup (result.out);
      g_assert_cmpstr (result.out, ==, expected);
    }
}

static void
test_features (Fixture *self, gconstpointer data)
{
  g_autofree char *path = get ("https://huggingface.co/" SAES "/tree/main/layer_2", NULL);
  const char *sources[] = { path, SAES, SAES ":layer_2", SAES ":layer_2,id=mine" };

  for (guint i = 0; i < G_N_ELEMENTS (sources); i++)
    {
      g_auto (CliResult) result = { 0 };

      CLI_RUN (&result, NULL, "generate", "--model", cli_model (), "--vectors", sources[i], "--steer", "2:3=2",
               "--prompt", "hello", "--max-tokens", "2");
      check_output (&result, 0, "", "");
    }
}

static void
test_list (Fixture *self, gconstpointer data)
{
  g_auto (CliResult) none = { 0 }, both = { 0 }, json = { 0 };
  g_autofree char *model = NULL, *features = NULL;

  CLI_RUN (&none, NULL, "hub", "list");
  check_output (&none, 0, "", "nothing that can be used");
  model = get (MODEL, "safetensors");
  features = get (SAES, "layer_2");
  CLI_RUN (&both, NULL, "hub", "list");
  check_output (&both, 0, MODEL ":safetensors", "");
  check_output (&both, 0, SAES ":layer_2", "");
  check_output (&both, 0, model, "");
  check_output (&both, 0, features, "");
  CLI_RUN (&json, NULL, "hub", "list", "--json");
  check_output (&json, 0, "\"repository\" : \"" SAES "\"", "");
}

/* From Neuronpedia's bucket into the database that is searched. */
static void
test_labels (Fixture *self, gconstpointer data)
{
  const char *rows
    = "{\"modelId\":\"llama3.1-8b-it\",\"layer\":\"15-resid-post-aa\",\"index\":\"21576\",\"description\":"
      "\"the Eiffel Tower\"}\n";
  const char *source = "{\"hfRepoId\":\"andyrdt/saes-llama-3.1-8b-instruct\",\"hfFolderId\":\"resid_post_layer_15/"
                       "trainer_1\"}\n";
  g_auto (CliResult) got = { 0 }, found = { 0 }, unknown = { 0 }, by_name = { 0 };
  g_autofree char *home = test_make_dir ();

  g_setenv ("XDG_CACHE_HOME", home, TRUE);
  g_setenv ("STEER_LABELS_ENDPOINT", hub_fake_get_endpoint (self->hub), TRUE);
  hub_fake_add_object (self->hub, "v1/llama3.1-8b-it/15-resid-post-aa/explanations/batch-0.jsonl", rows, strlen (rows));
  hub_fake_add_file (self->hub, "andyrdt/saes-llama-3.1-8b-instruct", "resid_post_layer_15/trainer_1/ae.pt", "x", 1,
                     TRUE);
  hub_fake_add_file (self->hub, "andyrdt/saes-llama-3.1-8b-instruct", "resid_post_layer_7/trainer_1/ae.pt", "y", 1,
                     TRUE);
  hub_fake_add_object (self->hub, "v1/llama3.1-8b-it/15-resid-post-aa/source.jsonl", source, strlen (source));
  CLI_RUN (&got, NULL, "hub", "labels", "andyrdt/saes-llama-3.1-8b-instruct", "15/trainer_1");
  check_output (&got, 0, "1 label", "");
  CLI_RUN (&found, NULL, "features", "search", "eiffel");
  check_output (&found, 0, "the Eiffel Tower", "");
  CLI_RUN (&by_name, NULL, "hub", "labels", "llama3.1-8b-it/15-resid-post-aa");
  check_output (&by_name, 0, "1 label", "");
  CLI_RUN (&unknown, NULL, "hub", "labels", SAES, "layer_2");
  check_output (&unknown, 2, "", "say MODEL/SOURCE");
  g_unsetenv ("XDG_CACHE_HOME");
  test_remove_dir (g_steal_pointer (&home));
}

/* Gigabytes that are of no use do not come. */
static void
test_other_family (Fixture *self, gconstpointer data)
{
  g_auto (CliResult) result = { 0 }, shown = { 0 };

  hub_fake_set_info (self->hub, MODEL, "{\"config\":{\"architectures\":[\"MambaForCausalLM\"]}}");
  CLI_RUN (&shown, NULL, "hub", "show", MODEL);
  check_output (&shown, 0, "models of the family MambaForCausalLM are not run here", "");
  CLI_RUN (&result, NULL, "hub", "get", MODEL);
  check_output (&result, 1, "", "models of the family MambaForCausalLM are not run here");
  g_assert_cmpuint (hub_fake_get_n_bytes (self->hub), ==, 0);
}

static void
test_not_there (Fixture *self, gconstpointer data)
{
  g_auto (CliResult) model = { 0 }, vectors = { 0 }, other = { 0 };

  CLI_RUN (&model, NULL, "generate", "--model", MODEL, "--prompt", "x");
  check_output (&model, 1, "", "`steer hub get " MODEL "` downloads it");
  CLI_RUN (&vectors, NULL, "generate", "--model", cli_model (), "--vectors", SAES, "--prompt", "x");
  check_output (&vectors, 1, "", "`steer hub get " SAES "` downloads it");
  CLI_RUN (&other, NULL, "generate", "--model", "no such/thing at all", "--prompt", "x");
  check_output (&other, 1, "", "does not exist");
}

static void
test_mistakes (Fixture *self, gconstpointer data)
{
  g_auto (CliResult) nothing = { 0 }, word = { 0 }, more = { 0 }, name = { 0 }, what = { 0 }, refused = { 0 };

  CLI_RUN (&nothing, NULL, "hub");
  check_output (&nothing, 2, "", "search, show, get, labels or list");
  CLI_RUN (&word, NULL, "hub", "get");
  check_output (&word, 2, "", "say which repository");
  CLI_RUN (&more, NULL, "hub", "list", "x");
  check_output (&more, 2, "", "list takes no argument");
  CLI_RUN (&name, NULL, "hub", "show", "../x");
  check_output (&name, 1, "", "not the name of a repository");
  CLI_RUN (&what, NULL, "hub", "get", MODEL, "q9");
  check_output (&what, 1, "", "there is:\n  safetensors");
  hub_fake_set_gated (self->hub, MODEL, "hf_other");
  CLI_RUN (&refused, NULL, "hub", "get", MODEL);
  check_output (&refused, 1, "", "accept them at");
}

#define ADD(name, test) g_test_add ("/cli/hub/" name, Fixture, NULL, set_up, test, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("search", test_search);
  ADD ("show", test_show);
  ADD ("model", test_model);
  ADD ("features", test_features);
  ADD ("list", test_list);
  ADD ("labels", test_labels);
  ADD ("other-family", test_other_family);
  ADD ("not-there", test_not_there);
  ADD ("mistakes", test_mistakes);
  return g_test_run ();
}
