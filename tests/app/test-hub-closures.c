/* How the Hub and its downloads are told to people. */
#include <glib.h>
#include <locale.h>

#include "app/steer-hub-closures.h"
#include "app/steer-hub-suggestions.h"
#include "hub/steer-hub-name.h"

/* Sizes have a space in them that does not break. */
#define S "\302\240"

#define assert_text(call, expected)                                                                                    \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    g_autofree char *text_ = call;                                                                                     \
    g_assert_cmpstr (text_, ==, expected);                                                                             \
  }                                                                                                                    \
  G_STMT_END

static void
test_downloads (void)
{
  assert_text (steer_hub_dup_downloads (0), "0 downloads");
  assert_text (steer_hub_dup_downloads (1), "1 download");
  assert_text (steer_hub_dup_downloads (9949), "9949 downloads");
  assert_text (steer_hub_dup_downloads (12345), "12 k downloads");
  assert_text (steer_hub_dup_downloads (999499), "999 k downloads");
  assert_text (steer_hub_dup_downloads (999500), "1.0 M downloads");
  assert_text (steer_hub_dup_downloads (1234567), "1.2 M downloads");
  assert_text (steer_hub_dup_downloads (23456789), "23 M downloads");
  assert_text (steer_hub_dup_downloads (G_MAXINT64), "9223372036855 M downloads");
  assert_text (steer_hub_dup_downloads (-1), "0 downloads");
}

static void
test_found (void)
{
  SteerHubFound found = { .downloads = 1234567, .has_gguf = TRUE };

  assert_text (steer_hub_dup_found_detail (&found), "GGUF · 1.2 M downloads");
  found = (SteerHubFound){ .downloads = 5, .has_safetensors = TRUE, .gated = TRUE };
  assert_text (steer_hub_dup_found_detail (&found), "safetensors · 5 downloads · asks to accept its terms");
  found = (SteerHubFound){ .downloads = -1 };
  assert_text (steer_hub_dup_found_detail (&found), "");
}

static void
test_time_left (void)
{
  assert_text (steer_hub_dup_time_left (0, 1000, 0.0), "");
  assert_text (steer_hub_dup_time_left (1000, 1000, 10.0), "");
  assert_text (steer_hub_dup_time_left (2000, 1000, 10.0), "");
  assert_text (steer_hub_dup_time_left (999, 1000, 1000.0), "1 s left");
  assert_text (steer_hub_dup_time_left (0, 59, 1.0), "59 s left");
  assert_text (steer_hub_dup_time_left (0, 60, 1.0), "1 min left");
  assert_text (steer_hub_dup_time_left (0, 150, 1.0), "3 min left");
  assert_text (steer_hub_dup_time_left (0, 3569, 1.0), "59 min left");
  assert_text (steer_hub_dup_time_left (0, 3600, 1.0), "1 h left");
  assert_text (steer_hub_dup_time_left (0, 8 * 3600, 1.0), "8 h left");
  assert_text (steer_hub_dup_time_left (0, G_MAXUINT64, 1.0), "");
}

static void
test_progress (void)
{
  assert_text (steer_hub_dup_progress (312000000, 1200000000, 0.0), "312.0" S "MB of 1.2" S "GB");
  assert_text (steer_hub_dup_progress (312000000, 1200000000, 24e6),
               "312.0" S "MB of 1.2" S "GB · 24.0" S "MB/s · 37 s left");
  assert_text (steer_hub_dup_progress (0, 0, 0.0), "0 bytes of 0 bytes");
  g_assert_cmpfloat (steer_hub_get_fraction (0, 0), ==, 0.0);
  g_assert_cmpfloat (steer_hub_get_fraction (1, 4), ==, 0.25);
  g_assert_cmpfloat (steer_hub_get_fraction (5, 4), ==, 1.0);
  assert_text (steer_hub_dup_downloading ("Llama", 43, 100), "Downloading Llama… 43 %");
  assert_text (steer_hub_dup_downloading ("Llama", 9999, 10000), "Downloading Llama… 99 %");
}

static void
test_titles (void)
{
  assert_text (steer_hub_dup_title ("owner/name", "model-Q4_K_M"), "model-Q4_K_M");
  assert_text (steer_hub_dup_title ("owner/name", "safetensors"), "name");
  assert_text (steer_hub_dup_title ("gpt2", "safetensors"), "gpt2");
}

static void
test_sentences (void)
{
  assert_text (steer_hub_dup_sentence ("it has no tokenizer.json"), "It has no tokenizer.json.");
  assert_text (steer_hub_dup_sentence ("owner/name has no such revision"), "owner/name has no such revision.");
  assert_text (steer_hub_dup_sentence ("huggingface.co asks to wait"), "huggingface.co asks to wait.");
  assert_text (steer_hub_dup_sentence ("is the token still good?"), "Is the token still good?");
  assert_text (steer_hub_dup_sentence (""), "");
  assert_text (steer_hub_dup_sentence (NULL), "");
}

static void
test_problems (void)
{
  SteerHubRepo repo = { .architecture = (char *) "llama" };
  SteerHubChoice choice = { .kind = STEER_HUB_MODEL, .bytes = 5000000000 };

  assert_text (steer_hub_dup_problem (&repo, &choice), NULL);
  repo.architecture = (char *) "MambaForCausalLM";
  assert_text (steer_hub_dup_problem (&repo, &choice), "Models of the family MambaForCausalLM do not run here.");
  choice.kind = STEER_HUB_FEATURES;
  assert_text (steer_hub_dup_problem (&repo, &choice), NULL);
  choice.problem = (char *) "parts of it are missing";
  assert_text (steer_hub_dup_problem (&repo, &choice), "Parts of it are missing.");
}

static void
test_problem_titles (void)
{
  static const struct
  {
    int code;
    const char *title;
  } titles[] = {
    { STEER_HUB_ERROR_FAILED, "Hugging Face Cannot Be Reached" },
    { STEER_HUB_ERROR_NOT_FOUND, "Nothing Found" },
    { STEER_HUB_ERROR_BUSY, "Not Possible Now" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (titles); i++)
    {
      g_autoptr (GError) error = g_error_new_literal (STEER_HUB_ERROR, titles[i].code, "");

      g_assert_cmpstr (steer_hub_get_problem_title (error), ==, titles[i].title);
    }
}

static void
test_memory (void)
{
  SteerHubChoice choice = { .kind = STEER_HUB_MODEL, .bytes = 5000000000 };

  assert_text (steer_hub_dup_choice_detail (&choice, 5000000000), "5.0" S "GB");
  assert_text (steer_hub_dup_choice_detail (&choice, 4000000000),
               "5.0" S "GB · more than this computer’s memory of 4.0" S "GB");
  assert_text (steer_hub_dup_choice_detail (&choice, 0), "5.0" S "GB"); /* nobody knows */
  choice.kind = STEER_HUB_FEATURES;                                     /* of which few bytes are ever read */
  assert_text (steer_hub_dup_choice_detail (&choice, 4000000000), "5.0" S "GB");
}

static void
test_filter (void)
{
  g_assert_true (steer_hub_matches ("layer_15/trainer_1", ""));
  g_assert_true (steer_hub_matches ("layer_15/trainer_1", "LAYER_15"));
  g_assert_true (steer_hub_matches ("layer_15/trainer_1", "trainer  15 "));
  g_assert_false (steer_hub_matches ("layer_15/trainer_1", "layer_16"));
}

/* What a person is led to has to be names that the Hub could have. */
static void
test_suggestions (void)
{
  const SteerHubSuggestion *suggestion;
  guint n;

  for (n = 0; (suggestion = steer_hub_suggestion_get (n)) != NULL; n++)
    {
      g_assert_true (steer_hub_is_repo_id (suggestion->repo_id));
      g_assert_true (suggestion->features == NULL || steer_hub_is_repo_id (suggestion->features));
      g_assert_true (steer_hub_suggestion_find (suggestion->repo_id) == suggestion);
    }
  g_assert_cmpuint (n, >, 0);
  g_assert_null (steer_hub_suggestion_find ("owner/name"));
}

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "");
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/hub closures/downloads are counted", test_downloads);
  g_test_add_func ("/hub closures/what was found", test_found);
  g_test_add_func ("/hub closures/time that is left", test_time_left);
  g_test_add_func ("/hub closures/progress", test_progress);
  g_test_add_func ("/hub closures/titles", test_titles);
  g_test_add_func ("/hub closures/sentences", test_sentences);
  g_test_add_func ("/hub closures/problems", test_problems);
  g_test_add_func ("/hub closures/what is above a problem", test_problem_titles);
  g_test_add_func ("/hub closures/more than there is memory", test_memory);
  g_test_add_func ("/hub closures/a filter", test_filter);
  g_test_add_func ("/hub closures/suggestions", test_suggestions);
  return g_test_run ();
}
