/* The shared options: how they are written, checked, and explained by --help. */
#include "steer-cli-options.h"

#include <stdio.h>
#include <string.h>

#include "steer-cli-output.h"
#ifdef STEER_HAS_HUB
#include "steer-cli-hub.h"
#endif

/* Where an option's explanation begins in --help. */
#define HELP_COLUMN 30

/* As GOption fills it, before it is checked. */
typedef struct
{
  gboolean help;
  char *threads;
  char *context;
  char *kv;
  char *quantize;
  char *ids;
  char **features;
  char *steer_prompt;
  char *skip_special;
  char *thinking;
  char *temperature;
  char *top_k;
  char *top_p;
  char *min_p;
  char *repetition_penalty;
  char *seed;
  char *max_tokens;
} Typed;

static void
typed_clear (Typed *self)
{
  char **const strings[] = { &self->threads, &self->context,      &self->kv,           &self->quantize,
                             &self->ids,     &self->steer_prompt, &self->skip_special, &self->temperature,
                             &self->top_k,   &self->top_p,        &self->min_p,        &self->repetition_penalty,
                             &self->seed,    &self->max_tokens,   &self->thinking };

  for (guint i = 0; i < G_N_ELEMENTS (strings); i++)
    g_free (*strings[i]);
  g_strfreev (self->features);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Typed, typed_clear)

/* A group's title and options, with room for the empty entry that ends them. */
typedef struct
{
  SteerCliGroups group;
  const char *title;
  GOptionEntry entries[9];
} Section;

/* All of them take raw bytes (FILENAME): GOption would refuse text that the locale's encoding does not know. */
#define VALUE(long_name, letter, target, description, value)                                                           \
  {                                                                                                                    \
    long_name, letter, 0, G_OPTION_ARG_FILENAME, target, description, value                                            \
  }
#define LIST(long_name, letter, target, description, value)                                                            \
  {                                                                                                                    \
    long_name, letter, 0, G_OPTION_ARG_FILENAME_ARRAY, target, description, value                                      \
  }
#define FLAG(long_name, letter, target, description)                                                                   \
  {                                                                                                                    \
    long_name, letter, 0, G_OPTION_ARG_NONE, target, description, NULL                                                 \
  }

/* Calls @visit with each section that the command has. */
static void
each_section (SteerCliOptions *self,
              Typed *typed,
              SteerCliGroups groups,
              void (*visit) (const Section *section, gpointer data),
              gpointer data)
{
  const Section sections[] = {
    { STEER_CLI_GROUP_PROMPT,
      "Prompt",
      { VALUE ("prompt", 'p', &self->prompt, "What the user says", "TEXT"),
        VALUE ("messages", 0, &self->messages, "A conversation as JSON: [{\"role\", \"content\"}, …]", "FILE|-"),
        VALUE ("ids", 0, &typed->ids, "Token ids as they are; needs no tokenizer", "1,2,3"),
        FLAG ("raw", 0, &self->raw, "Continue --prompt as plain text, without the chat template"),
        VALUE ("date", 0, &self->date, "Today's date, for templates that tell it", "\"26 Jul 2024\"") } },
    { STEER_CLI_GROUP_SYSTEM,
      "System prompt",
      { VALUE ("system", 0, &self->system, "What the model is told first", "TEXT") } },
    { STEER_CLI_GROUP_STEERING,
      "Steering",
      { VALUE ("preset", 0, &self->preset, "Features, strengths and sampling from a YAML file or a bundled preset",
               "FILE"),
        LIST ("vectors", 0, &self->vectors,
              "Where the directions are: a library, an SAE or its folder, a dict, a control vector; repeatable",
              "PATH[,layer=L…]"),
        LIST ("steer", 's', &typed->features, "Steer a feature; changes the preset's, or adds one; repeatable",
              "L:I=STRENGTH[,MODE][,CONDITION]"),
        VALUE ("steer-prompt", 0, &typed->steer_prompt, "Steer the prompt too, or only what is generated", "yes|no"),
        VALUE ("skip-special", 0, &typed->skip_special, "Leave special tokens unsteered", "yes|no") } },
    { STEER_CLI_GROUP_SAMPLING,
      "Sampling",
      { VALUE ("temperature", 't', &typed->temperature, "0 always takes the likeliest token (0 … 5)", "X"),
        VALUE ("top-k", 0, &typed->top_k, "Choose among the K likeliest; 0: off", "K"),
        VALUE ("top-p", 0, &typed->top_p, "Choose among the likeliest that make up P; 1: off", "P"),
        VALUE ("min-p", 0, &typed->min_p, "Drop what is below P times the likeliest; 0: off", "P"),
        VALUE ("repetition-penalty", 0, &typed->repetition_penalty, "Above 1 avoids tokens already there; 1: off", "X"),
        VALUE ("seed", 0, &typed->seed, "The same seed gives the same reply", "N|random"),
        VALUE ("max-tokens", 'n', &typed->max_tokens, "End the reply after N tokens; 0: when the context is full", "N"),
        LIST ("stop", 0, &self->stop, "End the reply before this text; repeatable", "TEXT") } },
    { STEER_CLI_GROUP_MODEL,
      "Model",
      { VALUE (
          "model", 'm', &self->model,
          "A Hugging Face folder, a GGUF file, or ssh://HOST/PATH of another computer; without it, the bundled model",
          "PATH"),
        VALUE ("template", 0, &self->template,
               "llama3, chatml, llama2, mistral, gemma, zephyr or deepseek, whatever the model says", "FAMILY") } },
    { STEER_CLI_GROUP_THINKING,
      "Thinking",
      { VALUE ("thinking", 0, &typed->thinking, "Whether a model that may leave it thinks before it answers",
               "yes|no") } },
    { STEER_CLI_GROUP_DEVICE,
      "Device",
      { VALUE ("device", 'd', &self->device, "auto, cpu, cuda or cuda:N; `steer devices` lists them", "NAME"),
        VALUE ("threads", 0, &typed->threads, "Threads of the CPU; 0: one a core", "N"),
        VALUE ("context", 0, &typed->context, "Tokens that a conversation may have; 0: the model's own, up to 8192",
               "N"),
        VALUE ("kv", 0, &typed->kv,
               "How keys and values are kept: f32 is exact, f16 takes half the memory, q8_0 a quarter",
               "f32|f16|bf16|q8_0"),
        VALUE ("quantize", 0, &typed->quantize, "Weights to 8 bits while they are loaded, to half the memory",
               "q8_0|none") } },
    { 0, "Help", { FLAG ("help", 'h', &typed->help, "Show this") } },
  };

  for (guint i = 0; i < G_N_ELEMENTS (sections); i++)
    {
      if (sections[i].group == 0 || (groups & sections[i].group) != 0)
        visit (&sections[i], data);
    }
}

static void
add_section (const Section *section, gpointer data)
{
  g_option_context_add_main_entries (data, section->entries, NULL);
}

static void
append_entries (GString *help, const char *title, const GOptionEntry *entries)
{
  g_string_append_printf (help, "\n%s:\n", title);
  for (; entries->long_name != NULL; entries++)
    {
      g_autoptr (GString) left = g_string_new ("  ");

      if (entries->short_name != 0)
        g_string_append_printf (left, "-%c, ", entries->short_name);
      else
        g_string_append (left, "    ");
      g_string_append_printf (left, "--%s", entries->long_name);
      if (entries->arg_description != NULL)
        g_string_append_printf (left, " %s", entries->arg_description);
      /* A long option stands on a line of its own. */
      if (left->len > HELP_COLUMN - 2)
        g_string_append_printf (help, "%s\n%*s%s\n", left->str, HELP_COLUMN, "", entries->description);
      else
        g_string_append_printf (help, "%-*s%s\n", HELP_COLUMN, left->str, entries->description);
    }
}

static void
append_section (const Section *section, gpointer data)
{
  append_entries (data, section->title, section->entries);
}

static void
print_help (SteerCliOptions *self, Typed *typed, const SteerCliUsage *usage, const GOptionEntry *own)
{
  g_autoptr (GString) help = g_string_new (NULL);

  g_string_append_printf (help, "Usage: steer %s %s\n\n%s\n", usage->name, usage->arguments, usage->description);
  if (own != NULL)
    append_entries (help, "Options", own);
  each_section (self, typed, usage->groups, append_section, help);
  g_string_append_printf (help, "\nExamples:\n%s\n", usage->examples);
  steer_cli_write (help->str, help->len);
}

static gboolean
fail (GError **error, const char *message)
{
  g_set_error_literal (error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE, message);
  return FALSE;
}

static gboolean
check_ids (SteerCliOptions *self, const char *typed, GError **error)
{
  g_auto (GStrv) words = g_strsplit (typed, ",", -1);

  self->ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  for (guint i = 0; words[i] != NULL; i++)
    {
      guint64 id;
      gint32 narrow;

      if (!steer_cli_parse_uint (g_strstrip (words[i]), "--ids", 0, G_MAXINT32, &id, error))
        return FALSE;
      narrow = (gint32) id;
      g_array_append_val (self->ids, narrow);
    }
  return self->ids->len > 0 || fail (error, "--ids needs at least one token id");
}

static gboolean
check_model (SteerCliOptions *self, const Typed *typed, GError **error)
{
  SteerTemplateFamily family;
  guint64 n;

  if (self->template != NULL && !steer_template_family_from_name (self->template, &family))
    {
      g_set_error (error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE,
                   "--template takes llama3, chatml, llama2, mistral, gemma, zephyr or deepseek, not \"%s\"",
                   self->template);
      return FALSE;
    }
  if (typed->threads != NULL)
    {
      if (!steer_cli_parse_uint (typed->threads, "--threads", 0, 256, &n, error))
        return FALSE;
      self->context.n_threads = (guint) n;
    }
  if (typed->context != NULL)
    {
      if (!steer_cli_parse_uint (typed->context, "--context", 0, G_MAXINT32, &n, error))
        return FALSE;
      self->context.n_context = (guint) n;
    }
  /* The command is what results are checked with, so its default is the exact one. */
  if (typed->kv == NULL || strcmp (typed->kv, "f32") == 0)
    self->context.kv_dtype = STEER_DTYPE_F32;
  else if (strcmp (typed->kv, "f16") == 0)
    self->context.kv_dtype = STEER_DTYPE_F16;
  else if (strcmp (typed->kv, "bf16") == 0)
    self->context.kv_dtype = STEER_DTYPE_BF16;
  else if (strcmp (typed->kv, "q8_0") == 0)
    self->context.kv_dtype = STEER_DTYPE_Q8_0;
  else
    return fail (error, "--kv takes f32, f16, bf16 or q8_0");
  if (g_strcmp0 (typed->quantize, "q8_0") == 0)
    self->context.weight_type = STEER_DTYPE_Q8_0;
  else if (typed->quantize != NULL && strcmp (typed->quantize, "none") != 0)
    return fail (error, "--quantize takes q8_0 or none");
  return TRUE;
}

static gboolean
check_steering (SteerCliOptions *self, const Typed *typed, GError **error)
{
  self->features = g_array_new (FALSE, FALSE, sizeof (SteerCliFeature));
  for (guint i = 0; typed->features != NULL && typed->features[i] != NULL; i++)
    {
      SteerCliFeature feature;

      if (!steer_cli_parse_feature (typed->features[i], &feature, error))
        return FALSE;
      g_array_append_val (self->features, feature);
    }
  return (typed->steer_prompt == NULL
          || steer_cli_parse_switch (typed->steer_prompt, "--steer-prompt", &self->steer_prompt, error))
         && (typed->skip_special == NULL
             || steer_cli_parse_switch (typed->skip_special, "--skip-special", &self->skip_special, error))
         && (typed->thinking == NULL || steer_cli_parse_switch (typed->thinking, "--thinking", &self->thinking, error));
}

/* One number of the sampling settings, where it is given. */
static gboolean
check_double (SteerCliOptions *self,
              const char *typed,
              const char *name,
              double minimum,
              double maximum,
              double *value,
              SteerSamplingFields bit,
              GError **error)
{
  if (typed == NULL)
    return TRUE;
  self->sampling_fields |= bit;
  return steer_cli_parse_double (typed, name, minimum, maximum, value, error);
}

static gboolean
check_sampling (SteerCliOptions *self, const Typed *typed, GError **error)
{
  SteerSampling *sampling = &self->sampling;
  guint64 n;

  if (!check_double (self, typed->temperature, "--temperature", 0.0, STEER_SAMPLING_MAX_TEMPERATURE,
                     &sampling->temperature, STEER_SAMPLING_TEMPERATURE, error)
      || !check_double (self, typed->top_p, "--top-p", STEER_SAMPLING_ABOVE_ZERO, 1.0, &sampling->top_p,
                        STEER_SAMPLING_TOP_P, error)
      || !check_double (self, typed->min_p, "--min-p", 0.0, 1.0, &sampling->min_p, STEER_SAMPLING_MIN_P, error)
      || !check_double (self, typed->repetition_penalty, "--repetition-penalty", STEER_SAMPLING_ABOVE_ZERO,
                        STEER_SAMPLING_MAX_PENALTY, &sampling->repetition_penalty, STEER_SAMPLING_REPETITION_PENALTY,
                        error))
    return FALSE;
  if (typed->top_k != NULL)
    {
      if (!steer_cli_parse_uint (typed->top_k, "--top-k", 0, G_MAXINT32, &n, error))
        return FALSE;
      sampling->top_k = (guint) n;
      self->sampling_fields |= STEER_SAMPLING_TOP_K;
    }
  if (typed->max_tokens != NULL)
    {
      if (!steer_cli_parse_uint (typed->max_tokens, "--max-tokens", 0, G_MAXINT32, &n, error))
        return FALSE;
      sampling->max_tokens = (guint) n;
      self->sampling_fields |= STEER_SAMPLING_MAX_TOKENS;
    }
  if (typed->seed != NULL)
    {
      if (!steer_cli_parse_seed (typed->seed, &sampling->seed, error))
        return FALSE;
      self->sampling_fields |= STEER_SAMPLING_SEED;
    }
  for (guint i = 0; self->stop != NULL && self->stop[i] != NULL; i++)
    {
      if (*self->stop[i] == '\0')
        return fail (error, "--stop needs some text");
    }
  return TRUE;
}

static gboolean
check_prompt (SteerCliOptions *self, const SteerCliUsage *usage, const Typed *typed, GError **error)
{
  gboolean other = usage->other_prompt != NULL && *usage->other_prompt != NULL;
  guint n_sources = (self->prompt != NULL) + (self->messages != NULL) + (typed->ids != NULL) + other;

  if ((usage->groups & STEER_CLI_GROUP_PROMPT) == 0)
    return TRUE;
  if (n_sources != 1)
    return fail (error, usage->other_prompt == NULL
                          ? "give exactly one of --prompt, --messages and --ids"
                          : "give exactly one of --prompt, --messages, --conversation and --ids");
  if (self->raw && self->prompt == NULL)
    return fail (error, "--raw goes with --prompt only");
  if (self->system != NULL && (self->raw || other || typed->ids != NULL))
    return fail (error, "--system goes with --prompt or --messages, and not with --raw");
  return typed->ids == NULL || check_ids (self, typed->ids, error);
}

static gboolean
parse (SteerCliOptions *self,
       Typed *typed,
       const SteerCliUsage *usage,
       const GOptionEntry *own,
       int *argc,
       char ***argv,
       GError **error)
{
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) local = NULL;

  g_option_context_set_help_enabled (context, FALSE);
  if (own != NULL)
    g_option_context_add_main_entries (context, own, NULL);
  each_section (self, typed, usage->groups, add_section, context);
  if (!g_option_context_parse (context, argc, argv, &local))
    {
      /* GOption's sentences begin with a capital; ours do not. */
      g_autofree char *rest = g_strdup (local->message + 1);

      g_set_error (error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE, "%c%s", g_ascii_tolower (local->message[0]), rest);
      return FALSE;
    }
  if (typed->help)
    return TRUE;
  if (*argc > 1 && strcmp ((*argv)[1], "--") == 0)
    {
      (*argv)++;
      (*argc)--;
    }
  self->arguments = *argv + 1;
  self->n_arguments = (guint) MAX (*argc - 1, 0);
  if (self->n_arguments > usage->max_arguments)
    {
      g_set_error (error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE, "\"%s\" is not expected here",
                   self->arguments[usage->max_arguments]);
      return FALSE;
    }
  return check_model (self, typed, error) && check_steering (self, typed, error) && check_sampling (self, typed, error)
         && check_prompt (self, usage, typed, error);
}

gboolean
steer_cli_options_parse (SteerCliOptions *self,
                         const SteerCliUsage *usage,
                         const GOptionEntry *own,
                         int argc,
                         char **argv,
                         SteerCliStatus *status)
{
  g_auto (Typed) typed = { 0 };
  g_autoptr (GError) error = NULL;

  *self = (SteerCliOptions){ 0 };
  steer_context_options_init (&self->context);
  if (!parse (self, &typed, usage, own, &argc, &argv, &error))
    {
      *status = steer_cli_fail (usage->name, error);
      return FALSE;
    }
  if (typed.help)
    {
      print_help (self, &typed, usage, own);
      *status = steer_cli_output_works () ? STEER_CLI_OK : STEER_CLI_FAILED;
      return FALSE;
    }
  return TRUE;
}

void
steer_cli_options_clear (SteerCliOptions *self)
{
  g_free (self->model);
  g_clear_object (&self->elsewhere);
  g_free (self->template);
  g_free (self->device);
  g_free (self->prompt);
  g_free (self->messages);
  g_clear_pointer (&self->ids, g_array_unref);
  g_free (self->date);
  g_free (self->system);
  g_free (self->preset);
  g_strfreev (self->vectors);
  g_clear_pointer (&self->features, g_array_unref);
  g_strfreev (self->stop);
  *self = (SteerCliOptions){ 0 };
}

#define MODEL_FOLDER                                                                                                   \
  "a folder with config.json, tokenizer.json and *.safetensors as Hugging Face publishes them, or a GGUF file"

static gboolean
is_gguf (const char *path)
{
  char magic[4] = { 0 };
  FILE *file = fopen (path, "rb");
  gboolean is = file != NULL && fread (magic, 1, sizeof magic, file) == sizeof magic && memcmp (magic, "GGUF", 4) == 0;

  if (file != NULL)
    fclose (file);
  /* a broken one of this name is better told what is wrong with it */
  return is || g_str_has_suffix (path, ".gguf");
}

char *
steer_cli_options_dup_model (SteerCliOptions *self, GError **error)
{
  char *path;

  if (self->model == NULL)
    {
      path = steer_dup_demo_model_path ();
      if (path == NULL)
        g_set_error_literal (error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE,
                             "there is no bundled model here: name one with --model PATH, " MODEL_FOLDER);
      return path;
    }
  if (steer_model_is_address (self->model))
    {
      self->elsewhere = steer_model_open (self->model, NULL, error);
      return self->elsewhere != NULL ? g_strdup (self->model) : NULL;
    }
#ifdef STEER_HAS_HUB
  if (!g_file_test (self->model, G_FILE_TEST_EXISTS))
    {
      path = NULL;
      if (steer_cli_hub_find (self->model, STEER_HUB_MODEL, &path, error))
        return path;
    }
#endif
  if (!g_file_test (self->model, G_FILE_TEST_EXISTS))
    g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "%s does not exist: --model takes " MODEL_FOLDER,
                 self->model);
  else if (!g_file_test (self->model, G_FILE_TEST_IS_DIR) && !is_gguf (self->model))
    g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOTDIR, "%s is no GGUF file: --model takes " MODEL_FOLDER,
                 self->model);
  else
    return g_strdup (self->model);
  return NULL;
}

const char *
steer_cli_options_get_files (const SteerCliOptions *self, const char *model)
{
  return self->elsewhere != NULL ? steer_model_get_files (self->elsewhere) : model;
}

gboolean
steer_cli_options_check_thinking (const SteerCliOptions *self, SteerChatTemplate *template, GError **error)
{
  gboolean no_template = self->raw || self->ids != NULL;

  if (self->thinking != STEER_CLI_NO || no_template || steer_chat_template_may_skip_thought (template))
    return TRUE;
  g_set_error_literal (error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE,
                       "the model's chat template has no way to leave thoughts out; leave --thinking out");
  return FALSE;
}

SteerOpening
steer_cli_options_get_opening (const SteerCliOptions *self)
{
  return self->thinking == STEER_CLI_NO ? STEER_OPENING_ANSWER : STEER_OPENING_REPLY;
}
