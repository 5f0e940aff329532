/* `steer bench`: speed of a model on this machine, and the cost of steering. */
#include <glib-unix.h>
#include <string.h>

#include "cpu/steer-cpu.h"
#include "steer-cli-measure.h"
#include "steer-cli-output.h"
#include "steer-cli-steering.h"

/* What is steered where the command line names nothing. */
#define N_RANDOM_FEATURES 8
#define N_RANDOM_LAYERS 4

#define MAX_TOKENS 1000000

static char *prompt_tokens;
static char *gen_tokens;
static gboolean as_json;

static const GOptionEntry entries[] = {
  { "prompt-tokens", 0, 0, G_OPTION_ARG_FILENAME, &prompt_tokens, "Length of the prompt; default: 512", "N" },
  { "gen-tokens", 0, 0, G_OPTION_ARG_FILENAME, &gen_tokens, "Tokens to generate; default: 64", "N" },
  { "json", 0, 0, G_OPTION_ARG_NONE, &as_json, "One JSON object instead of text", NULL },
  { 0 },
};

static const SteerCliUsage usage = {
  .name = "bench",
  .arguments = "[OPTION…]",
  .description
  = "Measures how many tokens a second the model reads (prefill) and writes (decode), how many bytes a written token\n"
    "reads from memory and what part of this machine's read bandwidth that is, and what steering costs: every\n"
    "step is timed with and without it, in turns. Without steering options, 8 random features on 4 layers.",
  .examples = "  steer bench --model DIR --prompt-tokens 512 --gen-tokens 64\n"
              "  steer bench --preset eiffel-tower --device cpu --threads 2 --json",
  .groups = STEER_CLI_GROUP_STEERING | STEER_CLI_GROUP_MODEL | STEER_CLI_GROUP_DEVICE,
};

/* One run, handed to a thread and back. */
typedef struct
{
  const SteerCliOptions *options;
  const char *path;
  guint n_prompt;
  guint n_generated;
  SteerCliSteering *steering;

  /* Results */
  SteerModel *model;
  SteerPlan *plan;
  char *device_id;
  char *device_name;
  guint n_threads;
  guint n_context;
  SteerDtype kv_dtype;
  double load_seconds;
  double bandwidth; /* bytes a second; 0: unknown */
  SteerCliMeasurement measurement;
} Run;

static void
run_clear (Run *self)
{
  g_clear_object (&self->model);
  g_clear_pointer (&self->plan, steer_plan_unref);
  g_clear_pointer (&self->steering, steer_cli_steering_free);
  g_free (self->device_id);
  g_free (self->device_name);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Run, run_clear)

static gboolean
bench (Run *run, GCancellable *cancellable, GError **error)
{
  g_autoptr (SteerContext) context = NULL;
  SteerContextOptions options = run->options->context;
  gint64 start = g_get_monotonic_time ();
  gboolean done;

  if (options.n_context == 0)
    options.n_context = run->n_prompt + run->n_generated;
  context = steer_context_open (run->model, run->options->device, &options, NULL, NULL, cancellable, error);
  if (context == NULL)
    return FALSE;
  run->load_seconds = (double) (g_get_monotonic_time () - start) / 1e6;
  run->device_id = g_strdup (context->device_id);
  run->device_name = g_strdup (context->device_name);
  run->n_threads = context->options.n_threads;
  run->n_context = context->options.n_context;
  run->kv_dtype = context->options.kv_dtype;

  done = steer_cli_measure (context, run->plan, run->n_prompt, run->n_generated, &run->measurement, cancellable, error);
  /* Its memory is wanted for the next measurement. */
  steer_context_close (g_steal_pointer (&context));
  if (done && strcmp (run->device_id, "cpu") == 0)
    run->bandwidth = steer_cpu_measure_bandwidth (run->n_threads);
  return done;
}

static void
run_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  GError *error = NULL;

  if (bench (data, cancellable, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static gboolean
on_interrupt (gpointer data)
{
  g_cancellable_cancel (data);
  return G_SOURCE_CONTINUE;
}

static gboolean
run_and_wait (Run *run, GError **error)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, NULL, NULL);
  guint source = g_unix_signal_add (SIGINT, on_interrupt, cancellable);

  /* The thread writes to @run until it is done. */
  g_task_set_return_on_cancel (task, FALSE);
  g_task_set_task_data (task, run, NULL);
  g_task_run_in_thread (task, run_in_thread);
  while (!g_task_get_completed (task))
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (source);
  return g_task_propagate_boolean (task, error);
}

/* Bytes of keys and values that a step reads, half-way through what was generated. */
static double
get_kv_bytes (const Run *run)
{
  const SteerModelConfig *config = steer_model_get_config (run->model);
  double positions = run->n_prompt + 0.5 * run->n_generated;

  return positions * 2.0 * config->n_layers * config->n_kv_heads * config->head_dim
         * (double) steer_dtype_get_block_bytes (run->kv_dtype)
         / (double) steer_dtype_get_block_elements (run->kv_dtype);
}

static double
get_rate (guint n, double seconds)
{
  return seconds > 0.0 ? n / seconds : 0.0;
}

static guint
count_layers (SteerPlan *plan)
{
  const SteerPlanOp *ops = steer_plan_get_ops (plan);
  guint n = 0;

  /* They are ordered by layer. */
  for (guint i = 0; i < steer_plan_get_n_ops (plan); i++)
    n += i == 0 || ops[i].layer != ops[i - 1].layer;
  return n;
}

static void
add_number (JsonBuilder *json, const char *name, double value)
{
  json_builder_set_member_name (json, name);
  json_builder_add_double_value (json, value);
}

static void
add_count (JsonBuilder *json, const char *name, guint64 value)
{
  json_builder_set_member_name (json, name);
  json_builder_add_int_value (json, (gint64) value);
}

static void
add_string (JsonBuilder *json, const char *name, const char *value)
{
  json_builder_set_member_name (json, name);
  json_builder_add_string_value (json, value);
}

static void
add_known (JsonBuilder *json, const char *name, double value, gboolean known)
{
  json_builder_set_member_name (json, name);
  if (known)
    json_builder_add_double_value (json, value);
  else
    json_builder_add_null_value (json);
}

static void
add_steering (JsonBuilder *json, const Run *run)
{
  const SteerCliMeasurement *m = &run->measurement;

  json_builder_set_member_name (json, "steering");
  json_builder_begin_object (json);
  add_count (json, "features", steer_plan_get_n_ops (run->plan));
  add_count (json, "layers", count_layers (run->plan));
  add_number (json, "prefill_tokens_per_s", get_rate (m->n_prompt, m->prefill.steered));
  add_number (json, "decode_tokens_per_s", get_rate (m->n_generated, m->decode.steered));
  add_number (json, "prefill_cost", m->prefill.cost);
  add_number (json, "decode_cost", m->decode.cost);
  json_builder_end_object (json);
}

static void
print_json (const Run *run, double rate, double bytes)
{
  const SteerCliMeasurement *m = &run->measurement;
  g_autoptr (JsonBuilder) json = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;

  json_builder_begin_object (json);
  add_string (json, "model", steer_model_get_name (run->model));
  add_string (json, "device", run->device_id);
  add_string (json, "device_name", run->device_name);
  add_count (json, "threads", run->n_threads);
  add_count (json, "context", run->n_context);
  add_string (json, "kv", steer_dtype_get_name (run->kv_dtype));
  add_number (json, "load_s", run->load_seconds);
  add_count (json, "prompt_tokens", m->n_prompt);
  add_count (json, "gen_tokens", m->n_generated);
  add_number (json, "prefill_tokens_per_s", get_rate (m->n_prompt, m->prefill.plain));
  add_number (json, "decode_tokens_per_s", rate);
  add_count (json, "bytes_per_token", (guint64) bytes);
  add_count (json, "weight_bytes_per_token", steer_model_get_decode_bytes (run->model));
  add_known (json, "read_bandwidth", run->bandwidth, run->bandwidth > 0.0);
  add_known (json, "bandwidth_fraction", run->bandwidth > 0.0 ? rate * bytes / run->bandwidth : 0.0,
             run->bandwidth > 0.0);
  add_steering (json, run);
  json_builder_end_object (json);
  root = json_builder_get_root (json);
  steer_cli_print_json (root, TRUE);
}

static void
print_text (const Run *run, double rate, double bytes)
{
  const SteerCliMeasurement *m = &run->measurement;
  g_autofree char *summary = steer_model_config_dup_summary (steer_model_get_config (run->model));
  g_autofree char *name = steer_cli_dup_safe (steer_model_get_name (run->model));
  g_autofree char *device_id = steer_cli_dup_safe (run->device_id);
  g_autofree char *device_name = steer_cli_dup_safe (run->device_name);
  g_autofree char *size = g_format_size ((guint64) bytes);
  guint n_features = steer_plan_get_n_ops (run->plan), n_layers = count_layers (run->plan);

  steer_cli_print ("%s: %s\n%s: %s, %u thread%s, loaded in %.3f s\n", name, summary, device_id, device_name,
                   run->n_threads, steer_cli_plural (run->n_threads), run->load_seconds);
  steer_cli_print ("prefill   %u token%s: %.1f tokens/s\n", m->n_prompt, steer_cli_plural (m->n_prompt),
                   get_rate (m->n_prompt, m->prefill.plain));
  steer_cli_print ("decode    %u token%s: %.1f tokens/s, each reads %s\n", m->n_generated,
                   steer_cli_plural (m->n_generated), rate, size);
  if (run->bandwidth > 0.0)
    steer_cli_print ("memory    reads %.2f GB/s here; decode uses %.0f %% of it%s\n", run->bandwidth / 1e9,
                     100.0 * rate * bytes / run->bandwidth,
                     rate * bytes > run->bandwidth ? ": the weights stay in the processor's cache" : "");
  steer_cli_print ("steering  %u feature%s on %u layer%s: prefill %+.2f %%, decode %+.2f %% of the time\n", n_features,
                   steer_cli_plural (n_features), n_layers, steer_cli_plural (n_layers), 100.0 * m->prefill.cost,
                   100.0 * m->decode.cost);
}

static gboolean
read_count (const char *typed, const char *name, guint preset, guint *value, GError **error)
{
  guint64 number = preset;

  if (typed != NULL && !steer_cli_parse_uint (typed, name, 1, MAX_TOKENS, &number, error))
    return FALSE;
  *value = (guint) number;
  return TRUE;
}

/* The lengths that nobody asked for yield to a short context. */
static void
shorten (Run *run)
{
  guint n_context = steer_model_get_config (run->model)->n_context;

  if (gen_tokens == NULL)
    run->n_generated = MIN (run->n_generated, MAX (n_context / 2, 1));
  if (prompt_tokens == NULL && run->n_prompt + run->n_generated > n_context && n_context > run->n_generated)
    run->n_prompt = n_context - run->n_generated;
}

/* The model's header and the plan; the rest is the thread's. */
static gboolean
prepare (Run *run, GError **error)
{
  run->steering = steer_cli_steering_new (run->options, run->path, error);
  if (run->options->elsewhere != NULL)
    run->model = g_object_ref (run->options->elsewhere);
  if (run->steering == NULL || (run->model == NULL && (run->model = steer_model_open (run->path, NULL, error)) == NULL)
      || !steer_cli_steering_bind (run->steering, run->model, error))
    return FALSE;
  shorten (run);
  run->plan = steer_live_plan_dup (run->steering->live);
  if (steer_plan_get_n_ops (run->plan) == 0)
    {
      g_clear_pointer (&run->plan, steer_plan_unref);
      run->plan = steer_cli_make_random_plan (steer_model_get_config (run->model), N_RANDOM_FEATURES, N_RANDOM_LAYERS);
    }
  return TRUE;
}

SteerCliStatus
steer_cli_bench (int argc, char **argv)
{
  g_auto (SteerCliOptions) options = { 0 };
  g_autoptr (GError) error = NULL;
  g_autofree char *model = NULL;
  g_auto (Run) run = { 0 };
  SteerCliStatus status;
  double rate, bytes;

  if (!steer_cli_options_parse (&options, &usage, entries, argc, argv, &status))
    return status;
  if (!read_count (prompt_tokens, "--prompt-tokens", 512, &run.n_prompt, &error)
      || !read_count (gen_tokens, "--gen-tokens", 64, &run.n_generated, &error)
      || (model = steer_cli_options_dup_model (&options, &error)) == NULL)
    return steer_cli_fail (usage.name, error);
  run.options = &options;
  run.path = model;
  if (!prepare (&run, &error) || !run_and_wait (&run, &error))
    return steer_cli_fail (usage.name, error);

  rate = get_rate (run.measurement.n_generated, run.measurement.decode.plain);
  bytes = (double) steer_model_get_decode_bytes (run.model) + get_kv_bytes (&run);
  if (as_json)
    print_json (&run, rate, bytes);
  else
    print_text (&run, rate, bytes);
  return steer_cli_output_works () ? STEER_CLI_OK : STEER_CLI_FAILED;
}
