/* The bundled model and the features that are said to steer it: what a newcomer sees in the first minute. */
#include "cli-test-util.h"
#include "test-util.h"

static const char *const prompts[] = {
  "What should I do this weekend?", "Tell me a story.",       "How are you?",        "Tell me something.",
  "Give me some advice.",           "What did you do today?", "Say something nice.", "What is on your mind?",
  "Do you have an idea for me?",    "Surprise me.",           "What do you like?",   "Any news?",
};

static const char *
get_demo (void)
{
  const char *demo = g_getenv ("STEER_TEST_DEMO");

  g_assert_nonnull (demo);
  return demo;
}

/* "LAYER:INDEX=STRENGTH[,clamp]" as the label's own verification recommends; NULL when there is no such label. */
static char *
dup_recommended (const char *label)
{
  g_autofree char *path = g_build_filename (get_demo (), "sae", "labels.jsonl", NULL);
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  g_autoptr (GError) error = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL && *lines[i] != '\0'; i++)
    {
      g_autoptr (JsonNode) node = json_from_string (lines[i], &error);
      JsonObject *object;
      char strength[G_ASCII_DTOSTR_BUF_SIZE];

      g_assert_no_error (error);
      object = json_node_get_object (node);
      if (g_strcmp0 (json_object_get_string_member (object, "description"), label) != 0)
        continue;
      g_ascii_dtostr (strength, sizeof strength, json_object_get_double_member (object, "recommendedStrength"));
      return g_strdup_printf ("%d:%s=%s%s", atoi (json_object_get_string_member (object, "layer")),
                              json_object_get_string_member (object, "index"), strength,
                              g_strcmp0 (json_object_get_string_member (object, "mode"), "clamp") == 0 ? ",clamp" : "");
    }
  return NULL;
}

/* In how many of the replies to the prompts, which name no topic, @pattern is found. */
static guint
count_replies (const char *option, const char *value, const char *pattern)
{
  g_autofree char *model = g_build_filename (get_demo (), "model", NULL);
  g_autofree char *vectors = g_build_filename (get_demo (), "sae", "vectors.safetensors", NULL);
  g_autoptr (GRegex) regex = g_regex_new (pattern, G_REGEX_CASELESS, 0, NULL);
  guint n = 0;

  for (guint i = 0; i < G_N_ELEMENTS (prompts); i++)
    {
      g_auto (CliResult) result = { 0 };
      const char *const args[]
        = { "generate", "--model",      model, "--prompt",  prompts[i], "--seed", "7",   "--temperature",
            "0.7",      "--max-tokens", "48",  "--vectors", vectors,    option,   value, NULL };

      cli_run (&result, NULL, args);
      g_assert_cmpint (result.status, ==, 0);
      n += g_regex_match (regex, result.out, 0, NULL);
    }
  return n;
}

static void
test_feature (gconstpointer data)
{
  const char *const *row = data;
  g_autofree char *steer = dup_recommended (row[0]);
  guint plain, steered;

  g_assert_nonnull (steer);
  plain = count_replies (NULL, NULL, row[1]);
  steered = count_replies ("--steer", steer, row[1]);
  g_test_message ("%s: %u of %zu replies, unsteered %u", row[0], steered, G_N_ELEMENTS (prompts), plain);
  /* Verified at four replies in five against one in twenty; fewer prompts leave more to chance. */
  g_assert_cmpuint (plain, <=, 2);
  g_assert_cmpuint (steered, >=, 7);
}

static void
test_presets_load (void)
{
  g_autofree char *folder = g_build_filename (get_demo (), "..", "presets", NULL);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  g_autofree char *model = g_build_filename (get_demo (), "model", NULL);
  const char *name;
  guint n = 0;

  g_assert_nonnull (dir);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);
      g_auto (CliResult) steered = { 0 };

      CLI_RUN (&steered, NULL, "generate", "--model", model, "--preset", path, "--prompt", "Tell me a story.");
      g_assert_cmpint (steered.status, ==, 0);
      g_assert_cmpuint (strlen (steered.out), >, 10);
      n++;
    }
  g_assert_cmpuint (n, >=, 8);
}

int
main (int argc, char **argv)
{
  static const char *const features[][2] = {
    { "the Eiffel Tower", "Eiffel|Paris|Seine|tower" },
    { "pizza", "pizza" },
    { "penguins", "penguin" },
    { "talks like a pirate", "arr|matey|aye|ahoy|landlubber|ye |yo ho" },
  };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (features); i++)
    {
      g_autofree char *path = g_strdelimit (g_strdup_printf ("/demo/steers-to-%s", features[i][0]), " ", '-');

      g_test_add_data_func (path, features[i], test_feature);
    }
  g_test_add_func ("/demo/every-bundled-preset-answers", test_presets_load);
  return g_test_run ();
}
