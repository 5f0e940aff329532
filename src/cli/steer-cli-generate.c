/* `steer generate`: one reply, streamed as text or told as a JSON object. */
#include <string.h>
#include <unistd.h>

#include "steer-cli-engine.h"
#include "steer-cli-output.h"
#include "steer-cli-steering.h"

static gboolean as_json;
static char **switches; /* NULL-terminated; nullable */

static const GOptionEntry entries[] = {
  { "json", 0, 0, G_OPTION_ARG_NONE, &as_json, "One JSON object at the end instead of text", NULL },
  { "steer-at", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &switches,
    "From generated token STEP on, this preset's steering; repeatable", "STEP:PRESET|off" },
  { 0 },
};

static const SteerCliUsage usage = {
  .name = "generate",
  .arguments = "[OPTION…] (--prompt TEXT | --messages FILE | --ids 1,2,3)",
  .description
  = "Writes one reply to standard output as it comes. --prompt is one message of a user and goes through the\n"
    "model's chat template; with --raw it is continued as it stands. With --json, one object: text, ids (of the\n"
    "reply), prompt_ids, stop_reason (eos, stop, length, context, cancelled or error), device, steering (what the\n"
    "reply began with; with --steer-at, `schedule` too) and timings: load_s, prefill_s, prefill_tokens, decode_s,\n"
    "decode_tokens (the first token of a reply belongs to prefill).",
  .examples
  = "  steer generate --prompt \"Tell me about towers\" --steer 15:21576=8.5 --vectors vectors.safetensors\n"
    "  steer generate --model DIR --prompt \"Once upon a time\" --raw --temperature 0 --max-tokens 50 --json\n"
    "  steer generate --prompt \"Hello\" --preset eiffel-tower --steer-at 20:off",
  .groups = STEER_CLI_GROUP_PROMPT | STEER_CLI_GROUP_SYSTEM | STEER_CLI_GROUP_STEERING | STEER_CLI_GROUP_SAMPLING
            | STEER_CLI_GROUP_MODEL | STEER_CLI_GROUP_THINKING | STEER_CLI_GROUP_DEVICE,
};

/* One --steer-at. */
typedef struct
{
  guint step;
  SteerPreset *preset; /* nullable: off */
  SteerPlan *plan;     /* nullable: off */
} Switch;

static void
switch_clear (gpointer data)
{
  Switch *self = data;

  g_clear_object (&self->preset);
  g_clear_pointer (&self->plan, steer_plan_unref);
}

/* (element-type Switch) in rising order of steps. */
static GArray *
read_switches (GError **error)
{
  g_autoptr (GArray) schedule = g_array_new (FALSE, TRUE, sizeof (Switch));

  g_array_set_clear_func (schedule, switch_clear);
  for (guint i = 0; switches != NULL && switches[i] != NULL; i++)
    {
      const char *colon = strchr (switches[i], ':');
      g_autofree char *step = colon != NULL ? g_strndup (switches[i], (gsize) (colon - switches[i])) : NULL;
      Switch item = { 0 };
      guint64 number;

      if (colon == NULL || colon[1] == '\0')
        {
          g_set_error (error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE,
                       "--steer-at takes STEP:PRESET or STEP:off, not \"%s\"", switches[i]);
          return NULL;
        }
      if (!steer_cli_parse_uint (step, "--steer-at's step", 0, G_MAXINT32, &number, error))
        return NULL;
      item.step = (guint) number;
      if (schedule->len > 0 && g_array_index (schedule, Switch, schedule->len - 1).step >= item.step)
        {
          g_set_error_literal (error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE, "the steps of --steer-at must rise");
          return NULL;
        }
      if (strcmp (colon + 1, "off") != 0 && (item.preset = steer_cli_open_preset (colon + 1, error)) == NULL)
        return NULL;
      g_array_append_val (schedule, item);
    }
  return g_steal_pointer (&schedule);
}

/* What the whole command line says of steering the prompt and special tokens holds for every preset of it. */
static gboolean
schedule_plans (SteerRequest *request,
                const SteerCliOptions *options,
                SteerCliSteering *steering,
                GArray *schedule,
                GError **error)
{
  for (guint i = 0; i < schedule->len; i++)
    {
      Switch *item = &g_array_index (schedule, Switch, i);

      if (item->preset != NULL)
        {
          if (options->steer_prompt != STEER_CLI_UNSET)
            g_object_set (item->preset, "steer-prompt", options->steer_prompt == STEER_CLI_YES, NULL);
          if (options->skip_special != STEER_CLI_UNSET)
            g_object_set (item->preset, "skip-special", options->skip_special == STEER_CLI_YES, NULL);
          item->plan = steer_cli_steering_make_plan (steering, item->preset, error);
          if (item->plan == NULL)
            return FALSE;
        }
      steer_request_schedule_plan (request, item->step, item->plan);
    }
  return TRUE;
}

static void
on_chunk (SteerReply *reply, const SteerChunk *chunk, gpointer data)
{
  gboolean is_terminal = isatty (STDOUT_FILENO);
  g_autoptr (GString) safe = g_string_new (NULL);

  if (is_terminal)
    steer_cli_append_safe (safe, chunk->text, chunk->length);
  if (!steer_cli_write (is_terminal ? safe->str : chunk->text, is_terminal ? safe->len : chunk->length))
    steer_reply_stop (reply);
}

static void
add_ids (JsonBuilder *json, const char *name, const gint32 *ids, guint n_ids)
{
  json_builder_set_member_name (json, name);
  json_builder_begin_array (json);
  for (guint i = 0; i < n_ids; i++)
    json_builder_add_int_value (json, ids[i]);
  json_builder_end_array (json);
}

static void
add_schedule (JsonBuilder *json, GArray *schedule)
{
  json_builder_set_member_name (json, "schedule");
  json_builder_begin_array (json);
  for (guint i = 0; i < schedule->len; i++)
    {
      Switch *item = &g_array_index (schedule, Switch, i);

      json_builder_begin_object (json);
      json_builder_set_member_name (json, "step");
      json_builder_add_int_value (json, item->step);
      json_builder_set_member_name (json, "steering");
      json_builder_add_value (json, steer_cli_describe_plan (item->plan));
      json_builder_end_object (json);
    }
  json_builder_end_array (json);
}

static void
add_timings (JsonBuilder *json, SteerEngine *engine, SteerReply *reply)
{
  SteerReplyStats stats;
  guint n_decoded;

  steer_reply_get_stats (reply, &stats);
  /* The first token falls out of the prefill, and the EOS that ends a reply took a step too. */
  n_decoded = stats.n_tokens > 0 ? stats.n_tokens - 1 : 0;
  if (stats.n_tokens > 0 && steer_reply_get_stop_reason (reply) == STEER_STOP_EOS)
    n_decoded++;

  json_builder_set_member_name (json, "timings");
  json_builder_begin_object (json);
  json_builder_set_member_name (json, "load_s");
  json_builder_add_double_value (json, steer_engine_get_load_seconds (engine));
  json_builder_set_member_name (json, "prefill_s");
  json_builder_add_double_value (json, stats.prefill_seconds);
  json_builder_set_member_name (json, "prefill_tokens");
  json_builder_add_int_value (json, stats.n_prompt_tokens - stats.n_reused_tokens);
  json_builder_set_member_name (json, "decode_s");
  json_builder_add_double_value (json, stats.decode_seconds);
  json_builder_set_member_name (json, "decode_tokens");
  json_builder_add_int_value (json, n_decoded);
  json_builder_end_object (json);
}

static void
print_result (SteerEngine *engine, SteerReply *reply, SteerCliSteering *steering, GArray *schedule)
{
  g_autoptr (JsonBuilder) json = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;
  g_autofree char *device = steer_cli_engine_dup_property (engine, "device-id");
  g_autoptr (SteerPlan) plan = steer_live_plan_dup (steering->live);
  const gint32 *ids;
  guint n_ids;

  json_builder_begin_object (json);
  json_builder_set_member_name (json, "text");
  json_builder_add_string_value (json, steer_reply_get_text (reply));
  ids = steer_reply_get_tokens (reply, &n_ids);
  add_ids (json, "ids", ids, n_ids);
  ids = steer_reply_get_prompt_tokens (reply, &n_ids);
  add_ids (json, "prompt_ids", ids, n_ids);
  json_builder_set_member_name (json, "stop_reason");
  json_builder_add_string_value (json, steer_stop_reason_get_name (steer_reply_get_stop_reason (reply)));
  json_builder_set_member_name (json, "device");
  json_builder_add_string_value (json, device);
  json_builder_set_member_name (json, "steering");
  json_builder_add_value (json, steer_cli_describe_plan (plan));
  if (schedule->len > 0)
    add_schedule (json, schedule);
  add_timings (json, engine, reply);
  json_builder_end_object (json);
  root = json_builder_get_root (json);
  steer_cli_print_json (root, FALSE);
}

/* A reply that failed has said so already where it can be read as JSON; on standard error it is said in any case. */
static SteerCliStatus
get_status (SteerReply *reply)
{
  switch (steer_reply_get_stop_reason (reply))
    {
    case STEER_STOP_ERROR:
      return steer_cli_fail (usage.name, steer_reply_get_error (reply));
    case STEER_STOP_CANCELLED:
      return STEER_CLI_FAILED;
    default:
      return steer_cli_output_works () ? STEER_CLI_OK : STEER_CLI_FAILED;
    }
}

static SteerCliStatus
generate (const SteerCliOptions *options,
          SteerEngine *engine,
          SteerCliSteering *steering,
          GArray *schedule,
          GError **error)
{
  g_autoptr (SteerRequest) request = steer_request_new ();
  g_autoptr (SteerReply) reply = NULL;
  SteerSampling sampling;

  if (!steer_cli_steering_bind (steering, steer_engine_get_model (engine), error)
      || !schedule_plans (request, options, steering, schedule, error)
      || !steer_cli_engine_fill_request (request, options, steer_preset_get_system_prompt (steering->preset), error))
    return STEER_CLI_FAILED;
  steer_cli_steering_get_sampling (steering, &sampling);
  steer_request_set_sampling (request, &sampling);
  steer_request_set_stop_strings (request, (const char *const *) options->stop);
  steer_request_set_live_plan (request, steering->live);

  reply = steer_engine_reply (engine, request);
  if (!as_json)
    g_signal_connect (reply, "chunk", G_CALLBACK (on_chunk), NULL);
  steer_cli_engine_wait (reply);
  if (as_json)
    print_result (engine, reply, steering, schedule);
  else if (steer_reply_get_stop_reason (reply) != STEER_STOP_ERROR)
    steer_cli_write ("\n", 1);
  return get_status (reply);
}

SteerCliStatus
steer_cli_generate (int argc, char **argv)
{
  g_auto (SteerCliOptions) options = { 0 };
  g_autoptr (GError) error = NULL;
  g_autofree char *model = NULL;
  g_autoptr (SteerCliSteering) steering = NULL;
  g_autoptr (SteerEngine) engine = NULL;
  g_autoptr (GArray) schedule = NULL;
  SteerCliStatus status;

  if (!steer_cli_options_parse (&options, &usage, entries, argc, argv, &status))
    return status;
  if ((model = steer_cli_options_dup_model (&options, &error)) == NULL || (schedule = read_switches (&error)) == NULL
      || (steering = steer_cli_steering_new (&options, model, &error)) == NULL
      || (engine = steer_cli_engine_load (&options, model, &error)) == NULL)
    return steer_cli_fail (usage.name, error);
  status = generate (&options, engine, steering, schedule, &error);
  return error != NULL ? steer_cli_fail (usage.name, error) : status;
}
