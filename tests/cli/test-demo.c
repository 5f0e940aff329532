/* The bundled model and the features that are said to steer it: what a newcomer sees in the first minute. */
#include "cli-test-util.h"
#include "test-util.h"

#define EIFFEL "Eiffel|Paris|Seine"
#define SEA "\\bsea\\b|wave|tide|shore|ocean|beach|harbour|shell|salt"
#define PIRATE "\\b(arr|matey|mateys|aye|ahoy|landlubber|hearty|hearties|ye|yer|yo ho ho|timbers|avast)\\b"

static const char *const prompts[] = {
  "What should I do this weekend?", "Tell me a story.",       "How are you?",        "Tell me something.",
  "Give me some advice.",           "What did you do today?", "Say something nice.", "Surprise me.",
};

static const char *
get_demo (void)
{
  const char *demo = g_getenv ("STEER_TEST_DEMO");

  g_assert_nonnull (demo);
  return demo;
}

/* "LAYER:INDEX=STRENGTH,MODE" at @share of what the label's own verification recommends; NULL when there is no such
 * label. */
static char *
dup_recommended (const char *label, double share)
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
      g_ascii_dtostr (strength, sizeof strength, share * json_object_get_double_member (object, "recommendedStrength"));
      return g_strdup_printf ("%d:%s=%s,%s", atoi (json_object_get_string_member (object, "layer")),
                              json_object_get_string_member (object, "index"), strength,
                              json_object_get_string_member (object, "mode"));
    }
  return NULL;
}

static char *
dup_preset_path (const char *file)
{
  return g_build_filename (get_demo (), "..", "presets", file, NULL);
}

/* One reply of at most 48 tokens; @option and @value steer it, or are NULL. */
static char *
dup_reply (const char *prompt, const char *option, const char *value)
{
  g_autofree char *model = g_build_filename (get_demo (), "model", NULL);
  g_autofree char *vectors = g_build_filename (get_demo (), "sae", "vectors.safetensors", NULL);
  g_auto (CliResult) result = { 0 };
  const char *const args[]
    = { "generate", "--model",      model, "--prompt",  prompt,  "--seed", "7",   "--temperature",
        "0.7",      "--max-tokens", "48",  "--vectors", vectors, option,   value, NULL };

  cli_run (&result, NULL, args);
  g_assert_cmpint (result.status, ==, 0);
  return g_strdup (result.out);
}

/* Replies to the prompts, which name no topic. */
static GStrv
dup_replies (const char *option, const char *value)
{
  g_autoptr (GStrvBuilder) replies = g_strv_builder_new ();

  for (guint i = 0; i < G_N_ELEMENTS (prompts); i++)
    {
      g_autofree char *reply = dup_reply (prompts[i], option, value);

      g_strv_builder_add (replies, reply);
    }
  return g_strv_builder_end (replies);
}

/* In how many of @replies @pattern is found. */
static guint
count_matches (const char *const *replies, const char *pattern)
{
  g_autoptr (GRegex) regex = g_regex_new (pattern, G_REGEX_CASELESS, 0, NULL);
  guint n = 0;

  for (guint i = 0; replies[i] != NULL; i++)
    n += g_regex_match (regex, replies[i], 0, NULL);
  return n;
}

/* In how many of the unsteered replies @pattern is found. */
static guint
count_plain (const char *pattern)
{
  static GStrv replies;

  if (replies == NULL)
    replies = dup_replies (NULL, NULL);
  return count_matches ((const char *const *) replies, pattern);
}

static guint
count_steered (const char *option, const char *value, const char *pattern)
{
  g_auto (GStrv) replies = dup_replies (option, value);

  return count_matches ((const char *const *) replies, pattern);
}

static void
test_feature (gconstpointer data)
{
  const char *const *row = data;
  g_autofree char *steer = dup_recommended (row[0], 1.0);
  guint plain, steered;

  g_assert_nonnull (steer);
  plain = count_plain (row[1]);
  steered = count_steered ("--steer", steer, row[1]);
  g_test_message ("%s: %u of %zu replies, unsteered %u", row[0], steered, G_N_ELEMENTS (prompts), plain);
  /* Verified at four replies in five against one in twenty; fewer prompts leave more to chance. */
  g_assert_cmpuint (plain, <=, 2);
  g_assert_cmpuint (steered, >=, 6);
}

static void
test_too_little_does_nothing (void)
{
  g_autofree char *steer = dup_recommended ("the Eiffel Tower", 0.1);

  g_assert_nonnull (steer);
  g_assert_cmpuint (count_steered ("--steer", steer, EIFFEL), <=, 2);
}

static void
test_two_features_combine (void)
{
  g_autofree char *path = dup_preset_path ("02-pirate-at-sea.yaml");
  g_auto (GStrv) replies = dup_replies ("--preset", path);
  guint both = 0;

  for (guint i = 0; replies[i] != NULL; i++)
    {
      const char *const reply[] = { replies[i], NULL };

      both += count_matches (reply, SEA) && count_matches (reply, PIRATE);
    }
  g_test_message ("%u of %zu replies have both", both, G_N_ELEMENTS (prompts));
  g_assert_cmpuint (both, >=, 5);
}

/* Asked about chocolate, the model speaks of it; with the feature's strength negative it speaks of something else. */
static void
test_negative_strength_keeps_away (void)
{
  static const char *const asked[] = {
    "Tell me about chocolate.",      "Do you like chocolate?",           "Tell me a fact about chocolate.",
    "What can I do with chocolate?", "Tell me a story about chocolate.", "Why do people like chocolate?",
  };
  g_autofree char *path = dup_preset_path ("07-anything-but-chocolate.yaml");
  guint plain = 0, steered = 0;

  for (guint i = 0; i < G_N_ELEMENTS (asked); i++)
    {
      g_autofree char *without = dup_reply (asked[i], NULL, NULL), *with = dup_reply (asked[i], "--preset", path);
      const char *const before[] = { without, NULL }, *const after[] = { with, NULL };

      plain += count_matches (before, "chocolate|cocoa");
      steered += count_matches (after, "chocolate|cocoa");
    }
  g_test_message ("%u unsteered, %u steered", plain, steered);
  g_assert_cmpuint (plain, >=, 4);
  g_assert_cmpuint (steered, <=, 2);
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

      CLI_RUN (&steered, NULL, "generate", "--model", model, "--preset", path, "--max-tokens", "16", "--prompt",
               "Tell me a story.");
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
    { "the Eiffel Tower", EIFFEL },    { "dogs", "\\bdogs?\\b|pupp|tail|leash|bark" },
    { "dragons", "dragon" },           { "the sea", SEA },
    { "talks like a pirate", PIRATE },
  };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (features); i++)
    {
      g_autofree char *path = g_strdelimit (g_strdup_printf ("/demo/steers-to-%s", features[i][0]), " ", '-');

      g_test_add_data_func (path, features[i], test_feature);
    }
  g_test_add_func ("/demo/too-little-does-nothing", test_too_little_does_nothing);
  g_test_add_func ("/demo/two-features-combine", test_two_features_combine);
  g_test_add_func ("/demo/negative-strength-keeps-away", test_negative_strength_keeps_away);
  g_test_add_func ("/demo/every-bundled-preset-answers", test_presets_load);
  return g_test_run ();
}
