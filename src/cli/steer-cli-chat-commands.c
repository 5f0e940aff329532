/* The chat's commands: lines that begin with "/". */
#include "steer-cli-chat.h"

#include <string.h>

#include "steer-cli-output.h"

/* Words of a line; the last one may be the rest of it. */
#define MAX_WORDS 3

typedef struct
{
  const char *name;
  const char *arguments; /* for /help */
  const char *help;
  guint min_words;
  guint max_words;
  gboolean (*run) (SteerCliChat *chat, char **words, GError **error); /* words: [max_words], "" where missing */
} Command;

G_GNUC_PRINTF (2, 3)
static gboolean
fail (GError **error, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_propagate_error (error, g_error_new_valist (STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE, format, args));
  va_end (args);
  return FALSE;
}

static guint
count_features (SteerCliChat *self)
{
  return g_list_model_get_n_items (G_LIST_MODEL (self->steering->preset));
}

/* A feature as the person names it: its number in /features, or LAYER:INDEX. (transfer full) */
static SteerFeature *
find_feature (SteerCliChat *self, const char *word, guint *position, GError **error)
{
  SteerFeature *feature;
  const char *end;
  guint layer;
  guint64 index, number;

  if (steer_cli_parse_address (word, &layer, &index, &end) && *end == '\0')
    {
      feature = steer_cli_steering_find (self->steering, layer, index, position);
      if (feature == NULL)
        fail (error, "no feature %s is in the list: /add %s STRENGTH adds it", word, word);
      return feature;
    }
  if (count_features (self) == 0)
    {
      fail (error, "there are no features yet: /add LAYER:INDEX STRENGTH adds one, /load FILE a preset");
      return NULL;
    }
  if (!g_ascii_string_to_unsigned (word, 10, 1, count_features (self), &number, NULL))
    {
      fail (error, "\"%s\" is neither LAYER:INDEX nor a number from 1 to %u; /features lists them", word,
            count_features (self));
      return NULL;
    }
  *position = (guint) number - 1;
  return g_list_model_get_item (G_LIST_MODEL (self->steering->preset), *position);
}

/* "2  15:21576  Eiffel Tower  8.5 clamp (off)"; free with g_free(). */
static char *
dup_feature_line (SteerFeature *feature, guint position)
{
  const char *label = steer_feature_get_label (feature);
  GString *line = g_string_new (NULL);

  g_string_append_printf (line, "%2u  %u:%" G_GUINT64_FORMAT, position + 1, steer_feature_get_layer (feature),
                          steer_feature_get_index (feature));
  if (label != NULL && *label != '\0')
    g_string_append_printf (line, "  %s", label);
  steer_cli_append_strength (line, feature);
  if (steer_feature_get_minimum (feature) != 0.0 || steer_feature_get_maximum (feature) != 0.0)
    g_string_append_printf (line, "  [%g … %g]", steer_feature_get_minimum (feature),
                            steer_feature_get_maximum (feature));
  return g_string_free (line, FALSE);
}

static void
tell_feature (SteerCliChat *self, SteerFeature *feature, guint position)
{
  g_autofree char *line = dup_feature_line (feature, position);

  steer_cli_terminal_note (self->terminal, "%s", line);
}

/* The change is in force from the next token on. */
static gboolean
update_feature (SteerCliChat *self, SteerFeature *feature, guint position, GError **error)
{
  if (!steer_cli_steering_update (self->steering, error))
    return FALSE;
  tell_feature (self, feature, position);
  return TRUE;
}

static gboolean
run_set (SteerCliChat *self, char **words, GError **error)
{
  g_autoptr (SteerFeature) feature = NULL;
  guint position;
  double strength;

  feature = find_feature (self, words[0], &position, error);
  if (feature == NULL || !steer_cli_parse_double (words[1], "a strength", -G_MAXFLOAT, G_MAXFLOAT, &strength, error))
    return FALSE;
  steer_feature_set_strength (feature, strength);
  return update_feature (self, feature, position, error);
}

static gboolean
run_clamp (SteerCliChat *self, char **words, GError **error)
{
  g_autoptr (SteerFeature) feature = NULL;
  SteerCliSwitch wanted;
  guint position;

  feature = find_feature (self, words[0], &position, error);
  if (feature == NULL)
    return FALSE;
  if (*words[1] == '\0')
    wanted = steer_feature_get_clamp (feature) ? STEER_CLI_NO : STEER_CLI_YES;
  else if (!steer_cli_parse_switch (words[1], "/clamp", &wanted, error))
    return FALSE;
  steer_feature_set_clamp (feature, wanted == STEER_CLI_YES);
  return update_feature (self, feature, position, error);
}

/* A mode that the feature's source cannot serve is not kept. */
static gboolean
run_mode (SteerCliChat *self, char **words, GError **error)
{
  g_autoptr (SteerFeature) feature = NULL;
  SteerMode mode, before;
  guint position;

  feature = find_feature (self, words[0], &position, error);
  if (feature == NULL)
    return FALSE;
  if (!steer_mode_from_name (words[1], &mode))
    {
      fail (error, "/mode takes %s, not \"%s\"", steer_mode_list_names (), words[1]);
      return FALSE;
    }
  before = steer_feature_get_mode (feature);
  steer_feature_set_mode (feature, mode);
  if (update_feature (self, feature, position, error))
    return TRUE;
  steer_feature_set_mode (feature, before);
  return FALSE;
}

/* A condition that the feature's source cannot measure is not kept. */
static gboolean
run_when (SteerCliChat *self, char **words, GError **error)
{
  g_autofree SteerCondition *before = NULL;
  g_autoptr (SteerFeature) feature = NULL;
  SteerCondition condition;
  gboolean has_condition;
  guint position;

  feature = find_feature (self, words[0], &position, error);
  if (feature == NULL || !steer_cli_parse_condition (words[1], &has_condition, &condition, error))
    return FALSE;
  before = g_memdup2 (steer_feature_get_condition (feature), sizeof *before);
  steer_feature_set_condition (feature, has_condition ? &condition : NULL);
  if (update_feature (self, feature, position, error))
    return TRUE;
  steer_feature_set_condition (feature, before);
  return FALSE;
}

static gboolean
set_enabled (SteerCliChat *self, const char *word, gboolean enabled, GError **error)
{
  g_autoptr (SteerFeature) feature = NULL;
  guint position;

  feature = find_feature (self, word, &position, error);
  if (feature == NULL)
    return FALSE;
  steer_feature_set_enabled (feature, enabled);
  return update_feature (self, feature, position, error);
}

static gboolean
run_enable (SteerCliChat *self, char **words, GError **error)
{
  return set_enabled (self, words[0], TRUE, error);
}

static gboolean
run_disable (SteerCliChat *self, char **words, GError **error)
{
  return set_enabled (self, words[0], FALSE, error);
}

/* ",activation > 2" at the end of @text, which has blanks of its own; "" where there is none. */
static const char *
find_condition (const char *text)
{
  const char *comma = strrchr (text, ',');

  return comma != NULL && strpbrk (comma, "<>") != NULL ? comma : text + strlen (text);
}

/* As --steer takes it; a label may be of several words, of which the last one here is the strength. Free with g_free().
 */
static char *
dup_typed_feature (SteerCliChat *self, char **words, GError **error)
{
  const char *condition = find_condition (words[1]);
  g_autofree char *before = g_strndup (words[1], (gsize) (condition - words[1]));
  g_autofree char *label = g_strconcat (words[0], " ", g_strchomp (before), NULL);
  char *strength = strrchr (label, ' ') + 1;
  const char *end;
  guint64 index;
  guint layer;

  if (g_ascii_isdigit (*words[0]) && steer_cli_parse_address (words[0], &layer, &index, &end))
    return g_strdup_printf ("%s=%s", words[0], words[1]);
  strength[-1] = '\0';
  if (!steer_cli_steering_find_label (self->steering, g_strstrip (label), &layer, &index, error))
    return NULL;
  return g_strdup_printf ("%u:%" G_GUINT64_FORMAT "=%s%s", layer, index, strength, condition);
}

static gboolean
run_add (SteerCliChat *self, char **words, GError **error)
{
  g_autofree char *typed = dup_typed_feature (self, words, error);
  g_autoptr (SteerFeature) feature = NULL;
  SteerCliFeature wanted;
  guint position;

  if (typed == NULL || !steer_cli_parse_feature (typed, &wanted, error)
      || !steer_cli_steering_add (self->steering, &wanted, error))
    return FALSE;
  position = count_features (self) - 1;
  feature = g_list_model_get_item (G_LIST_MODEL (self->steering->preset), position);
  tell_feature (self, feature, position);
  return TRUE;
}

static gboolean
run_remove (SteerCliChat *self, char **words, GError **error)
{
  g_autoptr (SteerFeature) feature = NULL;
  guint position;

  feature = find_feature (self, words[0], &position, error);
  if (feature == NULL)
    return FALSE;
  steer_preset_remove (self->steering->preset, position);
  steer_cli_terminal_note (self->terminal, "%u:%" G_GUINT64_FORMAT " is gone", steer_feature_get_layer (feature),
                           steer_feature_get_index (feature));
  return steer_cli_steering_update (self->steering, error);
}

static gboolean
run_features (SteerCliChat *self, char **words, GError **error)
{
  SteerPreset *preset = self->steering->preset;

  for (guint i = 0; i < count_features (self); i++)
    {
      g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (preset), i);

      tell_feature (self, feature, i);
    }
  if (count_features (self) == 0)
    steer_cli_terminal_note (self->terminal, "no features: /add LAYER:INDEX STRENGTH adds one, /load FILE a preset");
  if (!steer_preset_get_master_enabled (preset))
    steer_cli_terminal_note (self->terminal, "steering is off: /on");
  if (steer_preset_get_master_multiplier (preset) != 1.0)
    steer_cli_terminal_note (self->terminal, "all strengths times %g", steer_preset_get_master_multiplier (preset));
  return TRUE;
}

static gboolean
set_master (SteerCliChat *self, gboolean enabled, GError **error)
{
  steer_preset_set_master_enabled (self->steering->preset, enabled);
  steer_cli_terminal_note (self->terminal, enabled ? "steering is on" : "steering is off");
  return steer_cli_steering_update (self->steering, error);
}

static gboolean
run_on (SteerCliChat *self, char **words, GError **error)
{
  return set_master (self, TRUE, error);
}

static gboolean
run_off (SteerCliChat *self, char **words, GError **error)
{
  return set_master (self, FALSE, error);
}

static gboolean
run_multiplier (SteerCliChat *self, char **words, GError **error)
{
  double multiplier;

  if (!steer_cli_parse_double (words[0], "the multiplier", 0.0, STEER_PRESET_MAX_MULTIPLIER, &multiplier, error))
    return FALSE;
  steer_preset_set_master_multiplier (self->steering->preset, multiplier);
  steer_cli_terminal_note (self->terminal, "all strengths times %g", multiplier);
  return steer_cli_steering_update (self->steering, error);
}

/* "~/x" as the shell would have made of it. Free with g_free(). */
static char *
expand_home (const char *path)
{
  return g_str_has_prefix (path, "~/") ? g_build_filename (g_get_home_dir (), path + 2, NULL) : g_strdup (path);
}

static gboolean
run_load (SteerCliChat *self, char **words, GError **error)
{
  g_autofree char *path = expand_home (words[0]);
  g_autoptr (SteerPreset) preset = steer_cli_open_preset (path, error);

  if (preset == NULL || !steer_cli_steering_take_preset (self->steering, self->options, preset, error))
    return FALSE;
  return run_features (self, words, error);
}

static gboolean
run_save (SteerCliChat *self, char **words, GError **error)
{
  g_autofree char *path = expand_home (words[0]);

  /* The system prompt that is in use belongs to what is saved. */
  if (self->system_chosen)
    steer_preset_set_system_prompt (self->steering->preset, self->system);
  if (!steer_preset_save (self->steering->preset, path, error))
    return FALSE;
  steer_cli_terminal_note (self->terminal, "saved as %s", path);
  return TRUE;
}

static gboolean
run_presets (SteerCliChat *self, char **words, GError **error)
{
  g_auto (GStrv) names = steer_cli_list_presets ();

  for (guint i = 0; names[i] != NULL; i++)
    {
      g_autoptr (SteerPreset) preset = steer_cli_open_preset (names[i], NULL);
      const char *description = preset != NULL ? steer_preset_get_description (preset) : NULL;

      steer_cli_terminal_note (self->terminal, "%-28s %s", names[i], description != NULL ? description : "");
    }
  if (names[0] == NULL)
    steer_cli_terminal_note (self->terminal, "no presets are known by name; /load FILE takes a file");
  return TRUE;
}

static gboolean
run_undo (SteerCliChat *self, char **words, GError **error)
{
  steer_cli_chat_undo (self);
  return TRUE;
}

static gboolean
run_regenerate (SteerCliChat *self, char **words, GError **error)
{
  steer_cli_chat_regenerate (self);
  return TRUE;
}

static gboolean
run_clear (SteerCliChat *self, char **words, GError **error)
{
  steer_cli_chat_clear (self);
  return TRUE;
}

static gboolean
run_system (SteerCliChat *self, char **words, GError **error)
{
  g_free (self->system);
  self->system = g_strdup (words[0]);
  self->system_chosen = TRUE;
  if (*words[0] == '\0')
    steer_cli_terminal_note (self->terminal, "no system prompt from the next reply on");
  else
    steer_cli_terminal_note (self->terminal, "system prompt from the next reply on: %s", words[0]);
  return TRUE;
}

/* @field: what was changed, and is to be saved from now on. */
static void
set_sampling (SteerCliChat *self, const SteerSampling *sampling, SteerSamplingFields field)
{
  SteerPreset *preset = self->steering->preset;

  steer_preset_set_sampling_fields (preset, sampling, steer_preset_get_sampling_fields (preset) | field);
}

static gboolean
run_seed (SteerCliChat *self, char **words, GError **error)
{
  SteerSampling sampling = *steer_preset_get_sampling (self->steering->preset);

  if (!steer_cli_parse_seed (words[0], &sampling.seed, error))
    return FALSE;
  set_sampling (self, &sampling, STEER_SAMPLING_SEED);
  self->n_again = 0;
  steer_cli_terminal_note (self->terminal, "seed %" G_GUINT64_FORMAT " from the next reply on", sampling.seed);
  return TRUE;
}

static gboolean
run_temperature (SteerCliChat *self, char **words, GError **error)
{
  SteerSampling sampling = *steer_preset_get_sampling (self->steering->preset);

  if (!steer_cli_parse_double (words[0], "the temperature", 0.0, STEER_SAMPLING_MAX_TEMPERATURE, &sampling.temperature,
                               error))
    return FALSE;
  set_sampling (self, &sampling, STEER_SAMPLING_TEMPERATURE);
  steer_cli_terminal_note (self->terminal, "temperature %g from the next reply on", sampling.temperature);
  return TRUE;
}

static gboolean
run_stats (SteerCliChat *self, char **words, GError **error)
{
  const SteerReplyStats *stats = &self->stats;
  SteerSampling sampling;
  g_autofree char *name = steer_cli_engine_dup_property (self->engine, "model-name");
  g_autofree char *device = steer_cli_engine_dup_property (self->engine, "device-name");
  guint n_context;

  steer_cli_steering_get_sampling (self->steering, &sampling);
  g_object_get (self->engine, "n-context", &n_context, NULL);
  steer_cli_terminal_note (self->terminal, "%s on %s, loaded in %.2f s", name, device,
                           steer_engine_get_load_seconds (self->engine));
  steer_cli_terminal_note (
    self->terminal, "temperature %g, top-k %u, top-p %g, min-p %g, repetition penalty %g, seed %" G_GUINT64_FORMAT,
    sampling.temperature, sampling.top_k, sampling.top_p, sampling.min_p, sampling.repetition_penalty,
    sampling.seed + self->n_again);
  if (!self->has_stats)
    return TRUE;
  steer_cli_terminal_note (self->terminal, "last prompt: %u token%s, %u of them still known, %.2f s",
                           stats->n_prompt_tokens, steer_cli_plural (stats->n_prompt_tokens), stats->n_reused_tokens,
                           stats->prefill_seconds);
  steer_cli_terminal_note (
    self->terminal, "last reply: %u token%s, %.1f tokens/s; the context holds %u of %u", stats->n_tokens,
    steer_cli_plural (stats->n_tokens),
    stats->n_tokens > 1 && stats->decode_seconds > 0.0 ? (stats->n_tokens - 1) / stats->decode_seconds : 0.0,
    stats->n_prompt_tokens + stats->n_tokens, n_context);
  return TRUE;
}

static gboolean
run_quit (SteerCliChat *self, char **words, GError **error)
{
  steer_cli_chat_quit (self);
  return TRUE;
}

static gboolean run_help (SteerCliChat *self, char **words, GError **error);

/* A command that takes one word takes the whole rest of the line, so names of files and prompts may hold blanks. */
static const Command commands[] = {
  { "features", "", "list the features, with their numbers", 0, 0, run_features },
  { "set", "N VALUE", "give feature N a strength, also in mid-reply", 2, 2, run_set },
  { "strength", "LAYER:INDEX VALUE", "the same by address", 2, 2, run_set },
  { "clamp", "N [on|off]", "hold the feature at its strength, or add it", 1, 2, run_clamp },
  { "enable", "N", "take the feature in", 1, 1, run_enable },
  { "disable", "N", "leave the feature out", 1, 1, run_disable },
  { "mode", "N MODE", "how the feature acts: add, clamp, minimum, maximum, orthogonal, cap, sae-clamp", 2, 2,
    run_mode },
  { "when", "N CONDITION", "where it acts: activation(INDEX) > X, projection <= X and the like; always", 2, 2,
    run_when },
  { "add", "LAYER:INDEX VALUE", "one more feature, by address or label; VALUE may end in ,MODE and ,CONDITION", 2, 2,
    run_add },
  { "remove", "N", "take the feature from the list", 1, 1, run_remove },
  { "off", "", "no steering at all", 0, 0, run_off },
  { "on", "", "steering again", 0, 0, run_on },
  { "multiplier", "X", "all strengths times X (0 to 2)", 1, 1, run_multiplier },
  { "presets", "", "list the presets that are known by name", 0, 0, run_presets },
  { "load", "FILE|NAME", "load a preset", 1, 1, run_load },
  { "save", "FILE", "save the features and settings as a preset", 1, 1, run_save },
  { "regenerate", "", "answer again, with another seed", 0, 0, run_regenerate },
  { "undo", "", "forget the last question and its answer", 0, 0, run_undo },
  { "clear", "", "begin a new conversation", 0, 0, run_clear },
  { "system", "TEXT", "the system prompt; nothing: none", 0, 1, run_system },
  { "temperature", "X", "0 always takes the likeliest token", 1, 1, run_temperature },
  { "seed", "N|random", "the same seed gives the same reply", 1, 1, run_seed },
  { "stats", "", "speed, context and sampling", 0, 0, run_stats },
  { "help", "", "this list", 0, 0, run_help },
  { "quit", "", "end the chat", 0, 0, run_quit },
};

static gboolean
run_help (SteerCliChat *self, char **words, GError **error)
{
  g_autoptr (GString) help = g_string_new (NULL);

  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    {
      g_autofree char *usage = g_strdup_printf ("/%s %s", commands[i].name, commands[i].arguments);

      g_string_append_printf (help, "%-28s %s\n", usage, commands[i].help);
    }
  g_string_append (help,
                   "N is a feature's number in /features, or LAYER:INDEX. A line that begins with // is sent with "
                   "one /.");
  steer_cli_terminal_note (self->terminal, "%s", help->str);
  return TRUE;
}

/* The words of @rest into @words [MAX_WORDS]; the last of @max_words is all that is left. Returns how many there are.
 */
static guint
split_words (char *rest, guint max_words, char **words)
{
  guint n = 0;

  for (guint i = 0; i < MAX_WORDS; i++)
    words[i] = (char *) "";
  g_strstrip (rest);
  while (*rest != '\0')
    {
      gsize length = n + 1 < max_words ? strcspn (rest, " \t") : strlen (rest);
      gboolean more = rest[length] != '\0';

      if (n == max_words)
        return n + 1;
      words[n++] = rest;
      rest += length;
      if (!more)
        break;
      *rest++ = '\0';
      rest += strspn (rest, " \t");
    }
  return n;
}

gboolean
steer_cli_chat_obey (SteerCliChat *self, const char *line, GError **error)
{
  gsize length = strcspn (line + 1, " \t");
  g_autofree char *name = g_strndup (line + 1, length);
  g_autofree char *rest = g_strdup (line + 1 + length);
  char *words[MAX_WORDS];

  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    {
      const Command *command = &commands[i];
      guint n;

      if (strcmp (command->name, name) != 0)
        continue;
      n = split_words (rest, command->max_words, words);
      if (n < command->min_words || n > command->max_words)
        return fail (error, "/%s is written /%s%s%s", name, name, *command->arguments != '\0' ? " " : "",
                     command->arguments);
      return command->run (self, words, error);
    }
  return fail (error, "there is no /%s; /help lists the commands", name);
}
