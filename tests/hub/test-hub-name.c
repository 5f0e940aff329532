/* Names of the Hub: what a person may type, and what a stranger may not send. */
#include "hub/steer-hub-name.h"

#include <string.h>

static void
test_repo_ids (void)
{
  static const char *const good[] = { "gpt2", "meta-llama/Llama-3.1-8B-Instruct", "a/b", "o_w.n/N_a.me-1", "0/0" };
  static const char *const bad[]
    = { "",     "/",     "a/",    "/b",  "a/b/c",   "a--b/c", "a/b..c", "../x",  "a/..",  "-a/b",  "a/b-", ".a/b",
        "a/b.", "a b/c", "a/b\n", "a/é", "a/b.git", "a%2Fb",  "a\\b",   "a:b/c", "a/b?c", "a/b#c", "./b" };
  g_autofree char *longest = g_strnfill (96, 'x'), *too_long = g_strnfill (97, 'x');
  g_autofree char *two = g_strconcat (longest, "/", longest, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_true (steer_hub_is_repo_id (good[i]));
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    if (steer_hub_is_repo_id (bad[i]))
      g_error ("\"%s\" passes", bad[i]);
  g_assert_true (steer_hub_is_repo_id (longest));
  g_assert_true (steer_hub_is_repo_id (two));
  g_assert_false (steer_hub_is_repo_id (too_long));
  g_assert_false (steer_hub_is_repo_id (NULL));
}

static void
test_paths (void)
{
  static const char *const good[]
    = { "config.json", "a/b/c.gguf", "with space", "..hidden", "...", "résumé.pt", "a..b" };
  static const char *const bad[]
    = { "",    "/etc/passwd", "../x", "a/../b",    "a/..", "a//b",  "a/",       "./a",
        "a/.", "a\\b",        "a\nb", "a\033[31m", "\x7f", "a\xff", "a\u202eb", "a\xc2\x85" };
  g_autofree char *part = g_strnfill (256, 'x');

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_true (steer_hub_is_path (good[i]));
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    if (steer_hub_is_path (bad[i]))
      g_error ("\"%s\" passes", bad[i]);
  g_assert_false (steer_hub_is_path (part));
  part[255] = '\0';
  g_assert_true (steer_hub_is_path (part));
}

static void
test_revisions (void)
{
  g_assert_true (steer_hub_is_revision ("main"));
  g_assert_true (steer_hub_is_revision ("refs/pr/7"));
  g_assert_true (steer_hub_is_revision ("v1.0-beta_2"));
  g_assert_false (steer_hub_is_revision ("../main"));
  g_assert_false (steer_hub_is_revision ("a..b"));
  g_assert_false (steer_hub_is_revision ("a b"));
  g_assert_false (steer_hub_is_revision ("a^"));
  g_assert_false (steer_hub_is_revision (""));
  g_assert_true (steer_hub_is_commit ("0123456789abcdef0123456789abcdef01234567"));
  g_assert_false (steer_hub_is_commit ("0123456789ABCDEF0123456789abcdef01234567"));
  g_assert_false (steer_hub_is_commit ("0123456789abcdef0123456789abcdef0123456"));
  g_assert_false (steer_hub_is_commit (NULL));
}

static void
check_name (const char *text, const char *repo_id, const char *revision, const char *path)
{
  g_autofree char *found_id = NULL, *found_revision = NULL, *found_path = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (steer_hub_parse_name (text, &found_id, &found_revision, &found_path, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (found_id, ==, repo_id);
  g_assert_cmpstr (found_revision, ==, revision);
  g_assert_cmpstr (found_path, ==, path);
}

static void
test_typed_names (void)
{
  check_name ("owner/name", "owner/name", NULL, NULL);
  check_name ("  owner/name\n", "owner/name", NULL, NULL);
  check_name ("gpt2", "gpt2", NULL, NULL);
  check_name ("https://huggingface.co/owner/name", "owner/name", NULL, NULL);
  check_name ("https://huggingface.co/owner/name/", "owner/name", NULL, NULL);
  check_name ("HTTPS://HuggingFace.co/owner/name?library=transformers#model", "owner/name", NULL, NULL);
  check_name ("huggingface.co/owner/name", "owner/name", NULL, NULL);
  check_name ("hf.co/owner/name", "owner/name", NULL, NULL);
  check_name ("hf://owner/name", "owner/name", NULL, NULL);
  check_name ("hf://models/owner/name", "owner/name", NULL, NULL);
  check_name ("https://huggingface.co/gpt2", "gpt2", NULL, NULL);
  check_name ("https://huggingface.co/owner/name/tree/main", "owner/name", "main", NULL);
  check_name ("https://huggingface.co/owner/name/tree/main/", "owner/name", "main", NULL);
  check_name ("https://huggingface.co/owner/name/tree/main/layer_12/width_16k/", "owner/name", "main",
              "layer_12/width_16k");
  check_name ("https://huggingface.co/owner/name/blob/v1/a%20b.gguf", "owner/name", "v1", "a b.gguf");
  check_name ("https://huggingface.co/owner/name/resolve/refs%2Fpr%2F7/x.pt?download=true", "owner/name", "refs/pr/7",
              "x.pt");
  check_name ("owner/name:q4_k_m", "owner/name", NULL, "q4_k_m");
  check_name ("hf.co/owner/name:Q4_K_M", "owner/name", NULL, "Q4_K_M");
  check_name ("https://huggingface.co/owner/name/commit/abc123", "owner/name", "abc123", NULL);
  check_name ("https://huggingface.co/owner/name/discussions/3", "owner/name", NULL, NULL);
}

static void
test_other_texts (void)
{
  static const char *const bad[] = { "",
                                     "   ",
                                     "what is this",
                                     "https://example.com/owner/name",
                                     "ftp://huggingface.co/owner/name",
                                     "https://huggingface.co/",
                                     "https://huggingface.co/owner/name/settings",
                                     "https://huggingface.co/spaces/owner",
                                     "https://huggingface.co/datasets/owner/name",
                                     "owner/name:",
                                     "https://huggingface.co/owner/name/blob/main/..%2F..%2Fetc",
                                     "https://huggingface.co/owner/name/tree/a%20b",
                                     "https://huggingface.co.evil.com/owner/name" };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *id = NULL, *revision = NULL, *path = NULL;
      g_autoptr (GError) error = NULL;

      if (steer_hub_parse_name (bad[i], &id, &revision, &path, &error))
        g_error ("\"%s\" is taken for %s", bad[i], id);
      g_assert_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_INVALID);
      g_assert_null (id);
      g_assert_null (revision);
      g_assert_null (path);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/hub/name/repositories", test_repo_ids);
  g_test_add_func ("/hub/name/paths", test_paths);
  g_test_add_func ("/hub/name/revisions", test_revisions);
  g_test_add_func ("/hub/name/typed", test_typed_names);
  g_test_add_func ("/hub/name/other-texts", test_other_texts);
  return g_test_run ();
}
