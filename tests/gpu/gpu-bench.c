/* Measures a model on a GPU: load, prefill and decode at several lengths of context, with 0, 1 and 8 live features, one
 * and two sequences; against the card's bandwidth and, where its results are given, against a reference.
 *
 *     gpu-bench MODEL [--device cuda] [--quantize] [--contexts 512,4096,16384] [--steps 32] [--bandwidth BYTES]
 *               [--reference FILE.json] [--output FILE.json]
 *
 * FILE.json is written anew after each case, so that what was measured outlives a run that is killed.
 */
#include <json-glib/json-glib.h>
#include <stdlib.h>
#include <string.h>

#include "steer/steer.h"

#define N_WARM 4
#define MAX_STEPS 4096

static char *device;
static char *contexts_text;
static char *reference_path;
static char *output_path;
static gboolean quantize;
static int n_steps = 32;
static double bandwidth; /* bytes a second; 0: unknown */

static const GOptionEntry entries[] = {
  { "device", 0, 0, G_OPTION_ARG_STRING, &device, NULL, NULL },
  { "contexts", 0, 0, G_OPTION_ARG_STRING, &contexts_text, NULL, NULL },
  { "reference", 0, 0, G_OPTION_ARG_FILENAME, &reference_path, NULL, NULL },
  { "output", 0, 0, G_OPTION_ARG_FILENAME, &output_path, NULL, NULL },
  { "quantize", 0, 0, G_OPTION_ARG_NONE, &quantize, NULL, NULL },
  { "steps", 0, 0, G_OPTION_ARG_INT, &n_steps, NULL, NULL },
  { "bandwidth", 0, 0, G_OPTION_ARG_DOUBLE, &bandwidth, NULL, NULL },
  { 0 },
};

typedef struct
{
  SteerModel *model;
  SteerContext *context;
  const SteerModelConfig *config;
  gint32 *tokens;      /* [n_context]: random */
  guint32 *seen;       /* bit set [(n_vocab + 31) / 32], empty */
  JsonObject *json;    /* what is written */
  JsonArray *results;  /* of @json: an object a case */
  JsonArray *messages; /* of @json: what the backend said; under @lock, since any of its threads may */
  GMutex lock;
  JsonParser *reference; /* nullable */
} Bench;

/* A prompt that is computed slowly, or steps that are launched kernel by kernel, are told in messages: they belong to
 * the figures. */
static GLogWriterOutput
keep_message (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  Bench *self = data;

  for (gsize i = 0; (level & G_LOG_LEVEL_MESSAGE) != 0 && i < n_fields; i++)
    if (strcmp (fields[i].key, "MESSAGE") == 0 && fields[i].length < 0)
      {
        g_mutex_lock (&self->lock);
        json_array_add_string_element (self->messages, fields[i].value);
        g_mutex_unlock (&self->lock);
      }
  return g_log_writer_default (level, fields, n_fields, NULL);
}

static gboolean
save (Bench *self, GError **error)
{
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autoptr (JsonNode) root = json_node_init_object (json_node_alloc (), self->json);
  gboolean done;

  if (output_path == NULL)
    return TRUE;
  g_mutex_lock (&self->lock);
  json_generator_set_root (generator, root);
  done = json_generator_to_file (generator, output_path, error);
  g_mutex_unlock (&self->lock);
  return done;
}

/* @n random unit vectors on up to four layers. NULL for none. */
static SteerPlan *
make_plan (const SteerModelConfig *config, guint n)
{
  g_autoptr (SteerPlanBuilder) builder = steer_plan_builder_new (config->d_model);

  for (guint i = 0; i < n; i++)
    {
      g_autofree float *vector = g_new0 (float, config->d_model);
      g_autoptr (GBytes) bytes = NULL;

      vector[(i * 97u) % config->d_model] = 0.6f;
      vector[(i * 97u + 31u) % config->d_model] = 0.8f;
      bytes = g_bytes_new (vector, config->d_model * sizeof (float));
      steer_plan_builder_add (builder, (i % 4) * config->n_layers / 4, i,
                              i % 2 == 0 ? STEER_MODE_ADD : STEER_MODE_CLAMP, 0.5f, bytes);
    }
  return n > 0 ? steer_plan_builder_end (builder) : NULL;
}

/* Seconds that the prompt of @n tokens takes in @slot; below 0 with an error. */
static double
prefill (Bench *self, guint slot, guint n, GError **error)
{
  guint chunk = self->context->chunk > 0 ? self->context->chunk : 512;
  gint64 begin = g_get_monotonic_time ();

  for (guint first = 0; first < n; first += chunk)
    {
      SteerRun run = {
        .slot = slot,
        .position = first,
        .tokens = self->tokens + first,
        .n_tokens = MIN (chunk, n - first),
        .want = STEER_WANT_NOTHING,
      };

      if (!steer_context_forward (self->context, &run, 1, NULL, error))
        return -1.0;
    }
  return (double) (g_get_monotonic_time () - begin) / 1e6;
}

static int
compare_doubles (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

/* Seconds a step: the median. */
static double
decode (Bench *self, guint n_sequences, SteerPlan *plan, guint position, GError **error)
{
  double times[MAX_STEPS];
  SteerSampling greedy;

  steer_sampling_init (&greedy);
  greedy.temperature = 0.0;
  for (int step = -N_WARM; step < n_steps; step++)
    {
      SteerRun runs[2];
      gint64 begin;

      for (guint i = 0; i < n_sequences; i++)
        runs[i] = (SteerRun){
          .slot = i,
          .position = position + (guint) (step + N_WARM),
          .tokens = self->tokens + step + N_WARM,
          .n_tokens = 1,
          .plan = plan,
          .want = self->context->backend->can_choose ? STEER_WANT_TOKEN : STEER_WANT_NOTHING,
          .sampling = &greedy,
          .seen = self->seen,
        };
      begin = g_get_monotonic_time ();
      if (!steer_context_forward (self->context, runs, n_sequences, NULL, error))
        return -1.0;
      if (step >= 0)
        times[step] = (double) (g_get_monotonic_time () - begin) / 1e6;
    }
  qsort (times, (size_t) n_steps, sizeof times[0], compare_doubles);
  return times[n_steps / 2];
}

/* What a step reads: weights, and the keys and values of all sequences. */
static double
get_step_bytes (const Bench *self, guint n_sequences, guint position)
{
  double weights = (double) steer_model_get_decode_bytes (self->model) * (quantize ? 34.0 / 64.0 : 1.0);
  double kv = 2.0 * 2.0 * self->config->n_layers * self->config->n_kv_heads * self->config->head_dim;

  return weights + kv * n_sequences * position;
}

/* The reference's number for the same case; 0: none. */
static double
find_reference (const Bench *self, guint n_context, guint n_features, guint n_sequences, const char *what)
{
  JsonArray *results;

  if (self->reference == NULL)
    return 0.0;
  results = json_object_get_array_member (json_node_get_object (json_parser_get_root (self->reference)), "results");
  for (guint i = 0; i < json_array_get_length (results); i++)
    {
      JsonObject *one = json_array_get_object_element (results, i);

      if (json_object_get_int_member (one, "context") == n_context
          && json_object_get_int_member (one, "features") == n_features
          && json_object_get_int_member (one, "sequences") == n_sequences && json_object_has_member (one, what))
        return json_object_get_double_member (one, what);
    }
  return 0.0;
}

/* Prints @rate against @other, and keeps it in @json as @name; nothing to keep where there is no @other. */
static void
add_ratio (JsonObject *json, const char *name, double rate, double other, const char *unit)
{
  if (other <= 0.0)
    {
      g_print (" %10s", "-");
      return;
    }
  g_print (" %9.2f%s", rate / other * (*unit == '%' ? 100.0 : 1.0), unit);
  json_object_set_double_member (json, name, rate / other);
}

static gboolean
report (Bench *self,
        guint n_context,
        guint n_features,
        guint n_sequences,
        double prefill_rate,
        double seconds,
        GError **error)
{
  double rate = n_sequences / seconds;
  double bytes = get_step_bytes (self, n_sequences, n_context);
  JsonObject *json = json_object_new ();

  json_object_set_int_member (json, "context", n_context);
  json_object_set_int_member (json, "features", n_features);
  json_object_set_int_member (json, "sequences", n_sequences);
  json_object_set_double_member (json, "prefill_tokens_per_s", prefill_rate);
  json_object_set_double_member (json, "decode_tokens_per_s", rate);
  json_object_set_double_member (json, "bytes_per_s", bytes / seconds);
  g_print ("%8u %9u %9u %12.1f %12.1f", n_context, n_features, n_sequences, prefill_rate, rate);
  add_ratio (json, "bandwidth_fraction", bytes / seconds, bandwidth, "%");
  add_ratio (json, "decode_ratio", rate,
             find_reference (self, n_context, n_features, n_sequences, "decode_tokens_per_s"), "x");
  add_ratio (json, "prefill_ratio", prefill_rate,
             find_reference (self, n_context, n_features, n_sequences, "prefill_tokens_per_s"), "x");
  g_print ("\n");
  json_array_add_object_element (self->results, json);
  return save (self, error);
}

static gboolean
measure_context (Bench *self, guint n_context, GError **error)
{
  static const guint features[] = { 0, 1, 8 };
  double prefill_rate = 0.0;

  /* The second prompt counts: the first one warms up. */
  for (guint slot = 0; slot < 2; slot++)
    {
      double seconds = prefill (self, slot, n_context, error);

      if (seconds < 0.0)
        return FALSE;
      prefill_rate = n_context / seconds;
    }
  for (guint n_sequences = 1; n_sequences <= 2; n_sequences++)
    for (guint i = 0; i < G_N_ELEMENTS (features); i++)
      {
        g_autoptr (SteerPlan) plan = make_plan (self->config, features[i]);
        double seconds = decode (self, n_sequences, plan, n_context, error);

        if (seconds < 0.0 || !report (self, n_context, features[i], n_sequences, prefill_rate, seconds, error))
          return FALSE;
      }
  return TRUE;
}

/* Longest first in need, so the context is opened for the longest that is asked for. */
static GArray *
parse_contexts (const SteerModelConfig *config)
{
  g_auto (GStrv) words = g_strsplit (contexts_text != NULL ? contexts_text : "512,4096,16384", ",", -1);
  GArray *contexts = g_array_new (FALSE, FALSE, sizeof (guint));

  for (guint i = 0; words[i] != NULL; i++)
    {
      guint n = (guint) strtoul (words[i], NULL, 10);

      if (n > 0 && n + (guint) n_steps + N_WARM <= config->n_context)
        g_array_append_val (contexts, n);
    }
  return contexts;
}

static gboolean
open_context (Bench *self, guint longest, GError **error)
{
  SteerContextOptions options;
  gint64 begin = g_get_monotonic_time ();
  guint64 bytes;
  double seconds;

  steer_context_options_init (&options);
  options.n_slots = 2;
  options.n_context = longest + (guint) n_steps + N_WARM;
  options.weight_type = quantize ? STEER_DTYPE_Q8_0 : 0;
  self->context = steer_context_open (self->model, device != NULL ? device : "cuda", &options, NULL, NULL, NULL, error);
  if (self->context == NULL)
    return FALSE;
  seconds = (double) (g_get_monotonic_time () - begin) / 1e6;
  bytes = steer_archive_get_file_size (steer_model_get_archive (self->model));
  g_print ("%s on %s%s: loaded in %.2f s, %.2f GB/s\n", steer_model_get_name (self->model), self->context->device_name,
           quantize ? ", 8 bits" : "", seconds, (double) bytes / seconds / 1e9);
  json_object_set_string_member (self->json, "device", self->context->device_name);
  json_object_set_string_member (self->json, "weights", quantize ? "q8_0" : "as stored");
  json_object_set_double_member (self->json, "load_s", seconds);
  json_object_set_double_member (self->json, "load_bytes_per_s", (double) bytes / seconds);
  json_object_set_double_member (self->json, "bandwidth", bandwidth);
  return save (self, error);
}

static gboolean
bench (Bench *self, GError **error)
{
  g_autoptr (GArray) contexts = parse_contexts (self->config);
  guint longest = 1;

  for (guint i = 0; i < contexts->len; i++)
    longest = MAX (longest, g_array_index (contexts, guint, i));
  self->tokens = g_new (gint32, longest + (guint) n_steps + N_WARM);
  for (guint i = 0; i < longest + (guint) n_steps + N_WARM; i++)
    self->tokens[i] = (gint32) (i * 2654435761u % self->config->n_vocab);
  self->seen = g_new0 (guint32, (self->config->n_vocab + 31) / 32);

  json_object_set_string_member (self->json, "model", steer_model_get_name (self->model));
  if (!open_context (self, longest, error))
    return FALSE;
  g_print ("%8s %9s %9s %12s %12s %10s %10s %10s\n", "context", "features", "sequences", "prefill t/s", "decode t/s",
           "bandwidth", "decode", "prefill");
  for (guint i = 0; i < contexts->len; i++)
    if (!measure_context (self, g_array_index (contexts, guint, i), error))
      return FALSE;
  return TRUE;
}

int
main (int argc, char *argv[])
{
  g_autoptr (GOptionContext) options = g_option_context_new ("MODEL");
  g_autoptr (JsonObject) json = json_object_new ();
  g_autoptr (JsonParser) reference = json_parser_new ();
  g_autoptr (GError) error = NULL;
  Bench self = { .json = json, .results = json_array_new (), .messages = json_array_new () };
  gboolean done;

  g_option_context_add_main_entries (options, entries, NULL);
  if (!g_option_context_parse (options, &argc, &argv, &error) || argc != 2 || n_steps < 1 || n_steps > MAX_STEPS)
    {
      g_printerr ("gpu-bench: %s\n", error != NULL ? error->message : "give one model, and 1 to 4096 steps");
      return 2;
    }
  json_object_set_array_member (json, "results", self.results);
  json_object_set_array_member (json, "messages", self.messages);
  g_log_set_writer_func (keep_message, &self, NULL);
  steer_init ();
  if (reference_path != NULL && json_parser_load_from_file (reference, reference_path, &error))
    self.reference = reference;
  if (error != NULL) /* figures without ratios are better than none */
    g_printerr ("gpu-bench: no reference: %s\n", error->message);
  g_clear_error (&error);
  self.model = steer_model_open (argv[1], NULL, &error);
  done = self.model != NULL && (self.config = steer_model_get_config (self.model)) != NULL && bench (&self, &error);
  if (!done)
    g_printerr ("gpu-bench: %s\n", error->message);
  steer_context_close (self.context);
  g_clear_object (&self.model);
  g_free (self.tokens);
  g_free (self.seen);
  return done ? 0 : 1;
}
