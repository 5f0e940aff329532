#include "steer-hub-suggestions.h"

#include <glib/gi18n.h>

/* Small enough at four bits, yet nearly as good as it gets. */
#define BEST "Q4_K_M"

static const SteerHubSuggestion suggestions[] = {
  { "bartowski/Meta-Llama-3.1-8B-Instruct-GGUF", "Llama 3.1 8B Instruct",
    N_ ("Knows a lot and writes well. Features of seven layers."), BEST, "andyrdt/saes-llama-3.1-8b-instruct" },
  { "bartowski/gemma-2-2b-it-GGUF", "Gemma 2 2B",
    N_ ("Small and good at conversation. Features of every layer, made for its base model."), BEST,
    "google/gemma-scope-2b-pt-res" },
  { "bartowski/Qwen2.5-7B-Instruct-GGUF", "Qwen2.5 7B Instruct", N_ ("At home in many languages. With features."), BEST,
    "andyrdt/saes-qwen2.5-7b-instruct" },
  { "bartowski/SmolLM2-1.7B-Instruct-GGUF", "SmolLM2 1.7B Instruct",
    N_ ("The smallest of these, for features of your own."), BEST, NULL },
};

const SteerHubSuggestion *
steer_hub_suggestion_get (guint position)
{
  return position < G_N_ELEMENTS (suggestions) ? &suggestions[position] : NULL;
}

const SteerHubSuggestion *
steer_hub_suggestion_find (const char *repo_id)
{
  for (guint i = 0; i < G_N_ELEMENTS (suggestions); i++)
    if (g_str_equal (suggestions[i].repo_id, repo_id))
      return &suggestions[i];
  return NULL;
}
