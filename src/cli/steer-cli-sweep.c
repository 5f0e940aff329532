/* `steer sweep`: what several strengths of a feature make of the same prompts. */
#include <glib-unix.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "chat/steer-contrasting.h"
#include "chat/steer-sweep.h"
#include "steer-cli-engine.h"
#include "steer-cli-output.h"
#include "steer-cli-steering.h"

/* Tokens of a prompt, beside its reply, where no context is asked for: several caches of the usual length would be a
 * waste. */
#define PROMPT_ROOM 2000

static char *feature_text;
static char *to_text;
static char *steps_text;
static char *strengths_text;
static char *mode_name;
static char **prompts;
static char *prompts_path;
static gboolean with_replies;
static gboolean as_json;

static const GOptionEntry entries[] = {
  { "feature", 'f', 0, G_OPTION_ARG_FILENAME, &feature_text, "The feature: its address, or what it is called",
    "L:I|LABEL" },
  { "mode", 0, 0, G_OPTION_ARG_FILENAME, &mode_name, "How it steers; default: as in the preset, else add", "MODE" },
  { "to", 0, 0, G_OPTION_ARG_FILENAME, &to_text, "The last strength; default: four fifths of the typical norm", "X" },
  { "steps", 0, 0, G_OPTION_ARG_FILENAME, &steps_text, "Strengths up to there; default: 8", "N" },
  { "strengths", 0, 0, G_OPTION_ARG_FILENAME, &strengths_text, "These strengths instead", "A,B,…" },
  { "prompt", 'p', 0, G_OPTION_ARG_FILENAME_ARRAY, &prompts, "What is asked; repeatable; default: six plain requests",
    "TEXT" },
  { "prompts", 0, 0, G_OPTION_ARG_FILENAME, &prompts_path, "The same from a file, one a line", "FILE" },
  { "replies", 0, 0, G_OPTION_ARG_NONE, &with_replies, "Show the replies, too", NULL },
  { "json", 0, 0, G_OPTION_ARG_NONE, &as_json, "As JSON, with the replies", NULL },
  { 0 },
};

static const SteerCliUsage usage = {
  .name = "sweep",
  .arguments = "[OPTION…] --feature L:I|LABEL",
  .description
  = "Lets the model reply to the same prompts without a feature and under several strengths of it, and tells what "
    "came\n"
    "of each, as the unsteered model sees it when it reads the replies:\n"
    "  heard       how much more of the feature is in the replies than without it: the mean of the residual stream\n"
    "              along its direction, as a share of the layer's typical norm\n"
    "  surprisal   how strange the replies are, in nats a token\n"
    "  repetition  how much of a reply says three tokens again that it has said\n"
    "The strength at which most is heard while the replies hold together has a star.",
  .examples
  = "  steer sweep --feature sea\n"
    "  steer sweep --vectors sad.safetensors -f 15:0 --to 12 --steps 6 --replies\n"
    "  steer sweep --model DIR --vectors ae.pt -f 15:21576 --strengths 2,4,6,8 --prompts questions.txt --json",
  .groups = STEER_CLI_GROUP_STEERING | STEER_CLI_GROUP_SAMPLING | STEER_CLI_GROUP_SYSTEM | STEER_CLI_GROUP_MODEL
            | STEER_CLI_GROUP_DEVICE,
};

/* What the command line asks for. */
typedef struct
{
  SteerMode mode;
  gboolean has_mode;
  double to; /* 0: by the norm */
  guint n_steps;
  GArray *strengths; /* double; of --strengths, else made when the norm is known */
  char **prompts;
} Task;

static void
task_clear (Task *self)
{
  g_clear_pointer (&self->strengths, g_array_unref);
  g_strfreev (self->prompts);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Task, task_clear)

static gboolean
fail_usage (GError **error, const char *text)
{
  g_set_error_literal (error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE, text);
  return FALSE;
}

static gboolean
parse_strengths (Task *self, GError **error)
{
  g_auto (GStrv) parts = NULL;

  if (strengths_text == NULL)
    return TRUE;
  if (to_text != NULL || steps_text != NULL)
    return fail_usage (error, "--strengths says all strengths: leave --to and --steps out");
  parts = g_strsplit (strengths_text, ",", -1);
  for (guint i = 0; parts[i] != NULL; i++)
    {
      double strength;

      if (!steer_cli_parse_double (parts[i], "--strengths", -STEER_FEATURE_MAX_STRENGTH, STEER_FEATURE_MAX_STRENGTH,
                                   &strength, error))
        return FALSE;
      g_array_append_val (self->strengths, strength);
    }
  if (self->strengths->len > STEER_SWEEP_MAX_STRENGTHS)
    return fail_usage (error, "--strengths takes up to 100");
  return TRUE;
}

static gboolean
read_prompts (Task *self, GError **error)
{
  g_autofree char *text = NULL;
  gsize length;

  if (prompts_path == NULL)
    {
      self->prompts = g_strdupv (prompts != NULL ? prompts : (char **) steer_sweep_prompts);
      for (guint i = 0; self->prompts[i] != NULL; i++)
        if (!g_utf8_validate (self->prompts[i], -1, NULL))
          return fail_usage (error, "--prompt is not UTF-8 text");
      return TRUE;
    }
  if (prompts != NULL)
    return fail_usage (error, "--prompt and --prompts exclude each other");
  if (!g_file_get_contents (prompts_path, &text, &length, error))
    return FALSE;
  if (strlen (text) == length && g_utf8_validate (text, (gssize) length, NULL))
    self->prompts = steer_split_examples (text);
  if (self->prompts != NULL && self->prompts[0] != NULL)
    return TRUE;
  g_set_error (error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE, "%s: it is to be UTF-8 text, one prompt a line",
               prompts_path);
  return FALSE;
}

static gboolean
read_task (Task *self, SteerCliOptions *options, GError **error)
{
  guint64 steps = STEER_SWEEP_N_STRENGTHS;

  self->strengths = g_array_new (FALSE, FALSE, sizeof (double));
  if (feature_text == NULL)
    return fail_usage (error, "name the feature with --feature, as LAYER:INDEX or by what it is called");
  if (mode_name != NULL && !steer_mode_from_name (mode_name, &self->mode))
    {
      g_set_error (error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE, "--mode takes %s, not \"%s\"",
                   steer_mode_list_names (), mode_name);
      return FALSE;
    }
  self->has_mode = mode_name != NULL;
  if (to_text != NULL
      && !steer_cli_parse_double (to_text, "--to", -STEER_FEATURE_MAX_STRENGTH, STEER_FEATURE_MAX_STRENGTH, &self->to,
                                  error))
    return FALSE;
  if (to_text != NULL && self->to == 0.0) /* not-a-float-trap: exactly what was typed */
    return fail_usage (error, "--to is the last strength, and not 0");
  if (steps_text != NULL && !steer_cli_parse_uint (steps_text, "--steps", 1, STEER_SWEEP_MAX_STRENGTHS, &steps, error))
    return FALSE;
  self->n_steps = (guint) steps;
  if ((options->sampling_fields & STEER_SAMPLING_MAX_TOKENS) == 0)
    {
      options->sampling.max_tokens = STEER_SWEEP_N_TOKENS;
      options->sampling_fields |= STEER_SAMPLING_MAX_TOKENS;
    }
  if (options->sampling.max_tokens == 0)
    return fail_usage (error, "--max-tokens is to say where a reply ends");
  return parse_strengths (self, error) && read_prompts (self, error);
}

/* Nobody else uses the engine, and what is asked is short. */
static void
choose_context (SteerCliOptions *options, const Task *task, const char *model)
{
  guint n_strengths = task->strengths->len > 0 ? task->strengths->len : task->n_steps;
  SteerModelConfig config;

  options->context.n_slots = MIN (STEER_MAX_SLOTS, (n_strengths + 1) * g_strv_length (task->prompts));
  if (options->context.n_context == 0
      && steer_model_config_read (&config, steer_cli_options_get_files (options, model), NULL))
    options->context.n_context = MIN (PROMPT_ROOM + options->sampling.max_tokens, config.n_context);
}

/* The feature's position in the preset, to which it is added where it is not there. */
static gboolean
find_feature (SteerCliSteering *steering, const Task *task, guint *position, GError **error)
{
  g_autoptr (SteerFeature) feature = NULL;
  const char *end = NULL;
  guint layer;
  guint64 index;

  if ((!steer_cli_parse_address (feature_text, &layer, &index, &end) || *end != '\0')
      && !steer_cli_steering_find_label (steering, feature_text, &layer, &index, error))
    return FALSE;
  if (layer >= steering->n_layers)
    {
      g_set_error (error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE,
                   "--feature is of layer %u; the model has layers 0 to %u", layer, steering->n_layers - 1);
      return FALSE;
    }
  feature = steer_cli_steering_find (steering, layer, index, position);
  if (feature == NULL)
    {
      feature = steer_feature_new (layer, index);
      *position = g_list_model_get_n_items (G_LIST_MODEL (steering->preset));
      steer_preset_append (steering->preset, feature);
    }
  if (task->has_mode)
    steer_feature_set_mode (feature, task->mode);
  steer_library_describe (steering->library, feature);
  return TRUE;
}

/* Evenly up to --to, or to a share of the norm. @norm: 0: unknown, or nothing to measure strengths by */
static gboolean
fill_strengths (Task *self, double norm, GError **error)
{
  double to = self->to != 0.0 ? self->to : STEER_SWEEP_NORM_SHARE * norm;

  if (self->strengths->len > 0)
    return TRUE;
  if (to == 0.0)
    return fail_usage (error, "nothing tells how far to go: say the last strength with --to");
  for (guint i = 1; i <= self->n_steps; i++)
    {
      double strength = to * i / self->n_steps;

      g_array_append_val (self->strengths, strength);
    }
  return TRUE;
}

/* The lines of the table, while it is made. */
typedef struct
{
  GMainLoop *loop;
  SteerSweep *sweep;
  double norm;          /* of the layer's stream; 0: unknown */
  double strength_norm; /* what a strength of the feature is a share of; 0: of nothing that is known */
  gboolean interrupted;
} Telling;

/* "30 %", or "-" where the whole is unknown. */
static char *
dup_share (double part, double whole, int decimals)
{
  g_autofree char *number = whole > 0.0 ? g_strdup_printf ("%.*f", decimals, 100.0 * part / whole) : NULL;

  return number != NULL ? g_strconcat (number, " %", NULL) : g_strdup ("-");
}

static void
print_point (const Telling *self, guint number)
{
  const SteerSweepPoint *point = steer_sweep_get_point (self->sweep, number);
  g_autofree char *strength = number > 0 ? g_strdup_printf ("%.4g", point->strength) : g_strdup ("without");
  g_autofree char *share = number > 0 ? dup_share (fabs (point->strength), self->strength_norm, 0) : g_strdup ("");
  g_autofree char *heard = dup_share (steer_sweep_get_gain (self->sweep, number), self->norm, 1);

  steer_cli_print ("%8s  %11s  %8s  %9.2f  %8.0f %%%s\n", strength, share, heard, point->surprisal,
                   100.0 * point->repetition, steer_sweep_holds (self->sweep, number) ? "" : "  falls apart");
}

static void
print_replies (const Telling *self, guint number)
{
  for (guint i = 0; i < steer_sweep_get_n_prompts (self->sweep); i++)
    {
      g_autofree char *prompt = steer_cli_dup_safe (steer_sweep_get_prompt (self->sweep, i));
      g_autofree char *reply = steer_cli_dup_safe (steer_sweep_get_reply (self->sweep, number, i));

      steer_cli_print ("\n> %s\n%s\n", prompt, g_strstrip (reply));
    }
  steer_cli_print ("\n");
}

static void
on_progressed (SteerSweep *sweep, guint number, Telling *self)
{
  if (as_json || steer_sweep_get_point (sweep, number)->n_replies < steer_sweep_get_n_prompts (sweep))
    return;
  print_point (self, number);
  if (with_replies)
    print_replies (self, number);
}

static gboolean
on_interrupt (gpointer data)
{
  Telling *self = data;

  self->interrupted = TRUE;
  steer_sweep_stop (self->sweep);
  return G_SOURCE_CONTINUE;
}

static void
add_point (JsonBuilder *builder, const Telling *self, guint number)
{
  const SteerSweepPoint *point = steer_sweep_get_point (self->sweep, number);
  struct
  {
    const char *name;
    double value;
  } numbers[] = {
    { "strength", point->strength },
    { "projection", point->projection },
    { "gain", steer_sweep_get_gain (self->sweep, number) },
    { "gain_error", point->error },
    { "surprisal", point->surprisal },
    { "repetition", point->repetition },
  };

  json_builder_begin_object (builder);
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      json_builder_set_member_name (builder, numbers[i].name);
      json_builder_add_double_value (builder, numbers[i].value);
    }
  json_builder_set_member_name (builder, "n_tokens");
  json_builder_add_int_value (builder, point->n_tokens);
  json_builder_set_member_name (builder, "holds");
  json_builder_add_boolean_value (builder, steer_sweep_holds (self->sweep, number));
  json_builder_set_member_name (builder, "replies");
  json_builder_begin_array (builder);
  for (guint i = 0; i < point->n_replies; i++)
    json_builder_add_string_value (builder, steer_sweep_get_reply (self->sweep, number, i));
  json_builder_end_array (builder);
  json_builder_end_object (builder);
}

/* @best: 0: none */
static void
print_json (const Telling *self, SteerFeature *feature, guint best)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) node = NULL;

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "layer");
  json_builder_add_int_value (builder, steer_feature_get_layer (feature));
  json_builder_set_member_name (builder, "index");
  json_builder_add_int_value (builder, (gint64) steer_feature_get_index (feature));
  json_builder_set_member_name (builder, "mode");
  json_builder_add_string_value (builder, steer_mode_get_name (steer_feature_get_mode (feature)));
  json_builder_set_member_name (builder, "typical_norm");
  json_builder_add_double_value (builder, self->norm);
  json_builder_set_member_name (builder, "prompts");
  json_builder_begin_array (builder);
  for (guint i = 0; i < steer_sweep_get_n_prompts (self->sweep); i++)
    json_builder_add_string_value (builder, steer_sweep_get_prompt (self->sweep, i));
  json_builder_end_array (builder);
  json_builder_set_member_name (builder, "points");
  json_builder_begin_array (builder);
  for (guint i = 0; i < steer_sweep_get_n_points (self->sweep); i++)
    add_point (builder, self, i);
  json_builder_end_array (builder);
  json_builder_set_member_name (builder, "finished");
  json_builder_add_boolean_value (builder, !self->interrupted);
  json_builder_set_member_name (builder, "suggested_strength");
  if (best > 0)
    json_builder_add_double_value (builder, steer_sweep_get_point (self->sweep, best)->strength);
  else
    json_builder_add_null_value (builder);
  json_builder_end_object (builder);
  node = json_builder_get_root (builder);
  steer_cli_print_json (node, FALSE);
}

static void
print_end (const Telling *self, SteerFeature *feature, guint best)
{
  SteerMode mode = steer_feature_get_mode (feature);
  char strength[G_ASCII_DTOSTR_BUF_SIZE];

  if (best == 0)
    {
      steer_cli_note ("at none of these strengths more of it is heard while the replies hold together\n");
      return;
    }
  g_ascii_formatd (strength, sizeof strength, "%.4g", steer_sweep_get_point (self->sweep, best)->strength);
  steer_cli_note ("most is heard, and the replies hold together, with --steer %u:%" G_GUINT64_FORMAT "=%s%s%s\n",
                  steer_feature_get_layer (feature), steer_feature_get_index (feature), strength,
                  mode != STEER_MODE_ADD ? "," : "", mode != STEER_MODE_ADD ? steer_mode_get_name (mode) : "");
}

static gboolean
run (Telling *self, GError **error)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  guint source = g_unix_signal_add (SIGINT, on_interrupt, self);

  if (!as_json)
    steer_cli_print ("strength  of the norm     heard  surprisal  repetition\n");
  g_signal_connect (self->sweep, "progressed", G_CALLBACK (on_progressed), self);
  g_signal_connect_swapped (self->sweep, "finished", G_CALLBACK (g_main_loop_quit), loop);
  steer_sweep_start (self->sweep);
  g_main_loop_run (loop);
  g_source_remove (source);
  if (steer_sweep_get_error (self->sweep) != NULL)
    g_propagate_error (error, g_error_copy (steer_sweep_get_error (self->sweep)));
  return steer_sweep_get_error (self->sweep) == NULL;
}

/* What an activation is clamped to is not of the stream. */
static void
find_norms (Telling *self, SteerEngine *engine, SteerCliSteering *steering, SteerFeature *feature)
{
  g_autoptr (GArray) norms = steer_cli_engine_measure_norms (engine, NULL);
  double multiplier = steer_preset_get_master_multiplier (steering->preset);
  guint layer = steer_feature_get_layer (feature);

  if (norms == NULL || layer >= norms->len)
    return;
  self->norm = g_array_index (norms, double, layer);
  if (steer_feature_get_mode (feature) != STEER_MODE_SAE_CLAMP && multiplier > 0.0)
    self->strength_norm = self->norm / multiplier;
}

static gboolean
sweep (SteerEngine *engine, SteerCliSteering *steering, const SteerCliOptions *options, Task *task, GError **error)
{
  g_autoptr (SteerFeature) feature = NULL;
  g_autoptr (SteerSweep) made = NULL;
  SteerSampling sampling;
  guint position = 0;
  guint best = 0;
  Telling telling = { 0 };

  if (!find_feature (steering, task, &position, error))
    return FALSE;
  feature = g_list_model_get_item (G_LIST_MODEL (steering->preset), position);
  find_norms (&telling, engine, steering, feature);
  if (!fill_strengths (task, telling.strength_norm, error))
    return FALSE;
  if (options->system != NULL)
    steer_preset_set_system_prompt (steering->preset, options->system);
  steer_cli_steering_get_sampling (steering, &sampling);
  made = steer_sweep_new (engine,
                          &(SteerSweepOptions){ .preset = steering->preset,
                                                .feature = position,
                                                .library = steering->library,
                                                .strengths = (const double *) (gpointer) task->strengths->data,
                                                .n_strengths = task->strengths->len,
                                                .prompts = (const char *const *) task->prompts,
                                                .stop_strings = (const char *const *) options->stop,
                                                .sampling = &sampling,
                                                .all_slots = TRUE },
                          error);
  if (made == NULL)
    return FALSE;
  telling.sweep = made;
  if (!run (&telling, error))
    return FALSE;
  if (telling.interrupted || !steer_sweep_suggest (made, &best))
    best = 0;
  if (as_json)
    print_json (&telling, feature, best);
  else if (!telling.interrupted)
    print_end (&telling, feature, best);
  if (telling.interrupted)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "stopped before all replies were there");
  return !telling.interrupted;
}

SteerCliStatus
steer_cli_sweep (int argc, char **argv)
{
  g_auto (SteerCliOptions) options = { 0 };
  g_auto (Task) task = { 0 };
  g_autoptr (GError) error = NULL;
  g_autofree char *model = NULL;
  g_autoptr (SteerCliSteering) steering = NULL;
  g_autoptr (SteerEngine) engine = NULL;
  SteerCliStatus status;

  if (!steer_cli_options_parse (&options, &usage, entries, argc, argv, &status))
    return status;
  if (!read_task (&task, &options, &error) || (model = steer_cli_options_dup_model (&options, &error)) == NULL)
    return steer_cli_fail (usage.name, error);
  choose_context (&options, &task, model);
  if ((steering = steer_cli_steering_new (&options, model, &error)) == NULL
      || (engine = steer_cli_engine_load (&options, model, &error)) == NULL
      || !steer_cli_engine_check_text (engine, TRUE, &error)
      || !steer_cli_steering_bind (steering, steer_engine_get_model (engine), &error)
      || !sweep (engine, steering, &options, &task, &error))
    return steer_cli_fail (usage.name, error);
  return steer_cli_output_works () ? STEER_CLI_OK : STEER_CLI_FAILED;
}
