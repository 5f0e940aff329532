/* The Hub's answers, good and bad. */
#include "hub/steer-hub-repo.h"

#include <string.h>

#include "hub/steer-hub-name.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define SHA256 "d54b4f4ec06dbae558d25b2d1542417cdf9547907342db85eecd05b6e96e88f8"

static SteerHubRepo *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  SteerHubRepo *repo = steer_hub_repo_parse (text, strlen (text), &error);

  g_assert_no_error (error);
  return repo;
}

/* Shortened from the real interface. */
static void
test_repository (void)
{
  g_autoptr (SteerHubRepo) repo = parse (
    "{\"_id\":\"643630447e07c5aee23ad30e\",\"id\":\"TheBloke/Mixtral-GGUF\",\"sha\":\"" COMMIT "\",\"gated\":false,"
    "\"private\":false,\"cardData\":{\"license\":\"apache-2.0\"},\"config\":{\"model_type\":\"mixtral\"},"
    "\"gguf\":{\"total\":46702792704,\"architecture\":\"llama\",\"context_length\":32768},"
    "\"siblings\":[{\"rfilename\":\".gitattributes\",\"blobId\":\"51285d1d0a5e763be7f9756c11fd524b841e3a4d\","
    "\"size\":2109},{\"rfilename\":\"m.Q2_K.gguf\",\"blobId\":\"8b30ad5ba1105ce133477e5ef483d9d4eb24ce41\","
    "\"size\":15644035008,\"lfs\":{\"sha256\":\"" SHA256 "\",\"size\":15644035008,\"pointerSize\":136}}]}");
  const SteerHubChoice *choice;

  g_assert_cmpstr (repo->id, ==, "TheBloke/Mixtral-GGUF");
  g_assert_cmpstr (repo->commit, ==, COMMIT);
  g_assert_cmpstr (repo->license, ==, "apache-2.0");
  g_assert_cmpstr (repo->architecture, ==, "mixtral");
  g_assert_false (repo->gated);
  g_assert_cmpuint (repo->n_files, ==, 2);
  g_assert_cmpstr (repo->files[0].sum, ==, "51285d1d0a5e763be7f9756c11fd524b841e3a4d");
  g_assert_cmpstr (repo->files[1].sum, ==, SHA256);
  g_assert_cmpuint (repo->files[1].size, ==, 15644035008);
  g_assert_cmpuint (repo->choices->len, ==, 1);
  choice = g_ptr_array_index (repo->choices, 0);
  g_assert_cmpuint (choice->bytes, ==, 15644035008);
}

static void
test_gates_and_architectures (void)
{
  static const struct
  {
    const char *members;
    gboolean gated;
    const char *architecture;
  } cases[] = {
    { "\"gated\":\"manual\"", TRUE, NULL },
    { "\"gated\":\"auto\"", TRUE, NULL },
    { "\"gated\":true", TRUE, NULL },
    { "\"gated\":null", FALSE, NULL },
    { "\"gguf\":{\"architecture\":\"gemma2\"}", FALSE, "gemma2" },
    { "\"config\":{\"architectures\":[\"LlamaForCausalLM\"],\"model_type\":\"llama\"}", FALSE, "LlamaForCausalLM" },
    { "\"config\":{\"architectures\":[7]},\"cardData\":[1],\"gguf\":\"x\"", FALSE, NULL },
    { "\"config\":null,\"cardData\":{\"license\":[\"mit\"]},\"siblings\":{}", FALSE, NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = g_strdup_printf ("{\"id\":\"a/b\",\"sha\":\"" COMMIT "\",%s}", cases[i].members);
      g_autoptr (SteerHubRepo) repo = parse (text);

      g_assert_cmpint (repo->gated, ==, cases[i].gated);
      g_assert_cmpstr (repo->architecture, ==, cases[i].architecture);
      g_assert_null (repo->license);
      g_assert_cmpuint (repo->n_files, ==, 0);
    }
}

/* Files whose names lead elsewhere, that have no sum, or come twice. */
static void
test_bad_files (void)
{
  static const char *const files[] = {
    "{\"rfilename\":\"../../.bashrc\",\"size\":1,\"blobId\":\"" COMMIT "\"}",
    "{\"rfilename\":\"/etc/passwd\",\"size\":1,\"blobId\":\"" COMMIT "\"}",
    "{\"rfilename\":\"a\",\"size\":-1,\"blobId\":\"" COMMIT "\"}",
    "{\"rfilename\":\"a\",\"size\":1.5,\"blobId\":\"" COMMIT "\"}",
    "{\"rfilename\":\"a\",\"blobId\":\"" COMMIT "\"}",
    "{\"rfilename\":\"a\",\"size\":1}",
    "{\"rfilename\":\"a\",\"size\":1,\"blobId\":\"../../../../../../../../../../../../../../x\"}",
    "{\"rfilename\":\"a\",\"size\":1,\"blobId\":\"" SHA256 "\"}",
    "{\"rfilename\":\"a\",\"size\":1,\"blobId\":\"" COMMIT "\",\"lfs\":{\"sha256\":\"" COMMIT "\",\"size\":1}}",
    "{\"rfilename\":\"a\",\"size\":1,\"blobId\":\"" COMMIT "\",\"lfs\":{\"size\":1}}",
    "{\"rfilename\":7,\"size\":1,\"blobId\":\"" COMMIT "\"}",
    "7",
    "null",
  };

  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *text
        = g_strdup_printf ("{\"id\":\"a/b\",\"sha\":\"" COMMIT "\",\"siblings\":[%s,{\"rfilename\":\"good\","
                           "\"size\":1,\"blobId\":\"" COMMIT "\"},{\"rfilename\":\"good\",\"size\":2,"
                           "\"blobId\":\"" COMMIT "\"}]}",
                           files[i]);
      g_autoptr (SteerHubRepo) repo = parse (text);

      g_assert_cmpuint (repo->n_files, ==, 1);
      g_assert_cmpstr (repo->files[0].path, ==, "good");
      g_assert_cmpuint (repo->files[0].size, ==, 1);
    }
}

/* A name that comes three times. */
static void
test_equal_names (void)
{
  g_autoptr (SteerHubRepo) repo
    = parse ("{\"id\":\"a/b\",\"sha\":\"" COMMIT "\",\"siblings\":[{\"rfilename\":\"x\",\"size\":1,\"blobId\":\"" COMMIT
             "\"},{\"rfilename\":\"x\",\"size\":2,\"blobId\":\"" COMMIT
             "\"},{\"rfilename\":\"x\",\"size\":3,\"blobId\":\"" COMMIT "\"}]}");

  g_assert_cmpuint (repo->n_files, ==, 1);
  g_assert_cmpuint (repo->files[0].size, ==, 1);
}

static void
test_other_answers (void)
{
  static const char *const texts[]
    = { "",
        "<html>",
        "[]",
        "null",
        "{}",
        "{\"id\":\"a/b\"}",
        "{\"id\":\"../b\",\"sha\":\"" COMMIT "\"}",
        "{\"id\":\"a/b\",\"sha\":\"../x\"}",
        "{\"id\":\"a/b\",\"sha\":\"" COMMIT "\",\"siblings\":[{\"rfilename\":\"without-sums\"}]}",
        "{\"id\":7,\"sha\":\"" COMMIT "\"}",
        "{\"id\":\"a/b\\u0000\",\"sha\":\"" COMMIT "\"}" };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (steer_hub_repo_parse (texts[i], strlen (texts[i]), &error));
      g_assert_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_INVALID);
    }
}

static void
test_search (void)
{
  const char *text
    = "[{\"_id\":\"1\",\"id\":\"a/b\",\"downloads\":1234567,\"likes\":7,\"gated\":\"auto\",\"tags\":[\"gguf\",\"x\"]},"
      "{\"id\":\"../c\"},{\"id\":\"d/e\",\"downloads\":-5,\"tags\":[7,\"safetensors\"],\"gated\":false},7,{}]";
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) found = steer_hub_found_parse (text, strlen (text), &error);
  const SteerHubFound *one;

  g_assert_no_error (error);
  g_assert_cmpuint (found->len, ==, 2);
  one = g_ptr_array_index (found, 0);
  g_assert_cmpstr (one->id, ==, "a/b");
  g_assert_cmpint (one->downloads, ==, 1234567);
  g_assert_cmpint (one->likes, ==, 7);
  g_assert_true (one->gated);
  g_assert_true (one->has_gguf);
  g_assert_false (one->has_safetensors);
  one = g_ptr_array_index (found, 1);
  g_assert_cmpint (one->downloads, ==, 0);
  g_assert_false (one->gated);
  g_assert_true (one->has_safetensors);

  g_assert_null (steer_hub_found_parse ("{}", 2, &error));
  g_assert_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_INVALID);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/hub/repo/repository", test_repository);
  g_test_add_func ("/hub/repo/gates-and-architectures", test_gates_and_architectures);
  g_test_add_func ("/hub/repo/bad-files", test_bad_files);
  g_test_add_func ("/hub/repo/equal-names", test_equal_names);
  g_test_add_func ("/hub/repo/other-answers", test_other_answers);
  g_test_add_func ("/hub/repo/search", test_search);
  return g_test_run ();
}
