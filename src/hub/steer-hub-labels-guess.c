/* How Neuronpedia names what is published: its own pages have each of these. */
#include "steer-hub-labels.h"

#include <string.h>

/* @pattern: of the choice's name; its groups are \1, \2 in @source. */
static const struct
{
  const char *repo_id;
  const char *pattern;
  const char *model;
  const char *source;
} rules[] = {
  /* trainer_1 is the one of k = 64. */
  { "andyrdt/saes-llama-3.1-8b-instruct", "^resid_post_layer_(\\d+)/trainer_1$", "llama3.1-8b-it",
    "\\1-resid-post-aa" },
  { "andyrdt/saes-qwen2.5-7b-instruct", "^resid_post_layer_(\\d+)/trainer_1$", "qwen2.5-7b-it", "\\1-resid-post-aa" },
  { "andyrdt/saes-gpt-oss-20b", "^resid_post_layer_(\\d+)/trainer_\\d+$", "gpt-oss-20b", "\\1-resid-post-aa" },
  { "Goodfire/Llama-3.1-8B-Instruct-SAE-l19", "^Llama-3\\.1-8B-Instruct-SAE-l19(\\.pth)?$", "llama3.1-8b-it",
    "19-resid-post-gf" },
  /* Of each layer and width one sparsity has labels; source.jsonl tells which. */
  { "google/gemma-scope-2b-pt-res", "^layer_(\\d+)/width_(\\d+k)/", "gemma-2-2b", "\\1-gemmascope-res-\\2" },
  { "google/gemma-scope-9b-pt-res", "^layer_(\\d+)/width_(\\d+k)/", "gemma-2-9b", "\\1-gemmascope-res-\\2" },
  { "google/gemma-scope-9b-it-res", "^layer_(\\d+)/width_(\\d+k)/", "gemma-2-9b-it", "\\1-gemmascope-res-\\2" },
  { "fnlp/Llama3_1-8B-Base-LXR-8x", "^Llama3_1-8B-Base-L(\\d+)R-8x", "llama3.1-8b", "\\1-llamascope-res-32k" },
  { "fnlp/Llama3_1-8B-Base-LXR-32x", "^Llama3_1-8B-Base-L(\\d+)R-32x", "llama3.1-8b", "\\1-llamascope-res-131k" },
};

/* "google/gemma-scope-2-270m-it", "resid_post/layer_12_width_65k_l0_medium": the size and the tuning are in the
 * repository's name. */
static gboolean
guess_gemma_scope_2 (const char *repo_id, const char *name, char **model, char **source)
{
  g_autoptr (GRegex) of_repo = g_regex_new ("^google/gemma-scope-2-(\\d+[mb])-(pt|it)$", G_REGEX_CASELESS, 0, NULL);
  g_autoptr (GRegex) of_name = g_regex_new ("^resid_post/layer_(\\d+)_width_(\\d+[km])_", 0, 0, NULL);
  g_autoptr (GMatchInfo) repo = NULL, choice = NULL;
  g_autofree char *size = NULL, *tuning = NULL, *layer = NULL, *width = NULL;

  if (!g_regex_match (of_repo, repo_id, 0, &repo) || !g_regex_match (of_name, name, 0, &choice))
    return FALSE;
  size = g_match_info_fetch (repo, 1);
  tuning = g_match_info_fetch (repo, 2);
  layer = g_match_info_fetch (choice, 1);
  width = g_match_info_fetch (choice, 2);
  *model = g_strdup_printf ("gemma-3-%s%s", size, strcmp (tuning, "it") == 0 ? "-it" : "");
  *source = g_strdup_printf ("%s-gemmascope-2-res-%s", layer, width);
  return TRUE;
}

gboolean
steer_hub_guess_labels (const char *repo_id, const char *name, char **model, char **source)
{
  *model = *source = NULL;
  for (guint i = 0; i < G_N_ELEMENTS (rules); i++)
    {
      g_autoptr (GRegex) regex = NULL;
      g_autoptr (GMatchInfo) match = NULL;

      if (g_ascii_strcasecmp (repo_id, rules[i].repo_id) != 0)
        continue;
      regex = g_regex_new (rules[i].pattern, 0, 0, NULL);
      if (!g_regex_match (regex, name, 0, &match))
        return FALSE;
      *model = g_strdup (rules[i].model);
      *source = g_match_info_expand_references (match, rules[i].source, NULL);
      return TRUE;
    }
  return guess_gemma_scope_2 (repo_id, name, model, source);
}

gboolean
steer_hub_labels_are_of_one (const char *repo_id)
{
  return g_ascii_strncasecmp (repo_id, "google/gemma-scope-", strlen ("google/gemma-scope-")) == 0;
}

gboolean
steer_hub_is_label_name (const char *text)
{
  gsize length = text != NULL ? strlen (text) : 0;

  if (length == 0 || length > 100 || *text == '.' || *text == '-')
    return FALSE;
  for (const char *p = text; *p != '\0'; p++)
    if (!g_ascii_isalnum (*p) && strchr ("-_.", *p) == NULL)
      return FALSE;
  return TRUE;
}
