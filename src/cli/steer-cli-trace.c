/* `steer trace`: everything one forward pass computes, as a safetensors file. */
#include <glib-unix.h>
#include <string.h>

#include "steer-cli-engine.h"
#include "steer-cli-output.h"
#include "steer-cli-steering.h"
#include "tensor/steer-safetensors-writer.h"

static char *layer_list;
static char *output;
static gboolean no_logits;

static const GOptionEntry entries[] = {
  { "output", 'o', 0, G_OPTION_ARG_FILENAME, &output, "The file to write", "FILE.safetensors" },
  { "layers", 0, 0, G_OPTION_ARG_FILENAME, &layer_list, "Layers whose output is kept; default: all", "3,7|all|none" },
  { "no-logits", 0, 0, G_OPTION_ARG_NONE, &no_logits, "Leave the logits out", NULL },
  { 0 },
};

static const SteerCliUsage usage = {
  .name = "trace",
  .arguments = "[OPTION…] (--prompt TEXT | --messages FILE | --ids 1,2,3) -o FILE.safetensors",
  .description
  = "Runs the tokens through the model once and writes what it computed, in float32: `logits` [T, V], and for each\n"
    "layer L `resid.L` [T, d], the residual stream after that layer and after steering. T tokens, V words in the\n"
    "vocabulary, d the model's width. The file's metadata holds the token ids and the steering.",
  .examples
  = "  steer trace --model DIR --ids 1,2,3 --layers 3,7 -o trace.safetensors\n"
    "  steer trace --prompt \"The Eiffel Tower\" --raw --steer 1:5=2 --vectors v.safetensors -o t.safetensors",
  .groups = STEER_CLI_GROUP_PROMPT | STEER_CLI_GROUP_SYSTEM | STEER_CLI_GROUP_STEERING | STEER_CLI_GROUP_MODEL
            | STEER_CLI_GROUP_THINKING | STEER_CLI_GROUP_DEVICE,
};

/* (element-type guint) */
static GArray *
read_layers (guint n_layers, GError **error)
{
  g_autoptr (GArray) layers = g_array_new (FALSE, FALSE, sizeof (guint));
  g_auto (GStrv) words = NULL;

  if (g_strcmp0 (layer_list, "none") == 0)
    return g_steal_pointer (&layers);
  if (layer_list == NULL || strcmp (layer_list, "all") == 0)
    {
      for (guint i = 0; i < n_layers; i++)
        g_array_append_val (layers, i);
      return g_steal_pointer (&layers);
    }
  words = g_strsplit (layer_list, ",", -1);
  for (guint i = 0; words[i] != NULL; i++)
    {
      guint64 number;
      guint layer;

      if (!steer_cli_parse_uint (g_strstrip (words[i]), "a layer of --layers", 0, n_layers - 1, &number, error))
        return NULL;
      layer = (guint) number;
      for (guint j = 0; j < layers->len; j++)
        {
          if (g_array_index (layers, guint, j) != layer)
            continue;
          g_set_error (error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE, "--layers names layer %u twice", layer);
          return NULL;
        }
      g_array_append_val (layers, layer);
    }
  return g_steal_pointer (&layers);
}

typedef struct
{
  GMainLoop *loop;
  SteerTrace *trace; /* nullable */
  GError **error;
} Tracing;

static void
on_traced (GObject *object, GAsyncResult *result, gpointer data)
{
  Tracing *tracing = data;

  tracing->trace = steer_engine_trace_finish (STEER_ENGINE (object), result, tracing->error);
  g_main_loop_quit (tracing->loop);
}

static gboolean
on_interrupt (gpointer data)
{
  g_cancellable_cancel (data);
  return G_SOURCE_CONTINUE;
}

static SteerTrace *
run_trace (SteerEngine *engine, const GArray *ids, const GArray *layers, SteerPlan *plan, GError **error)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Tracing tracing = { loop, NULL, error };
  guint source = g_unix_signal_add (SIGINT, on_interrupt, cancellable);

  steer_engine_trace_async (engine, (const gint32 *) (gpointer) ids->data, ids->len,
                            (const guint *) (gpointer) layers->data, layers->len, !no_logits, plan, cancellable,
                            on_traced, &tracing);
  g_main_loop_run (loop);
  g_source_remove (source);
  return tracing.trace;
}

/* A contiguous [rows, columns] view. */
static SteerTensor
make_view (const char *name, const float *data, guint rows, guint columns)
{
  return (SteerTensor){
    .name = name,
    .dtype = STEER_DTYPE_F32,
    .n_dims = 2,
    .shape = { rows, columns },
    .stride = { columns, 1 },
    .data = (const guint8 *) data,
    .n_bytes = (gsize) rows * columns * sizeof (float),
  };
}

static GHashTable *
make_metadata (SteerEngine *engine, const SteerTrace *trace, SteerPlan *plan)
{
  GHashTable *metadata = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
  g_autoptr (GString) ids = g_string_new (NULL);
  g_autoptr (JsonNode) steering = steer_cli_describe_plan (plan);

  for (guint i = 0; i < trace->n_tokens; i++)
    g_string_append_printf (ids, i > 0 ? ",%d" : "%d", trace->tokens[i]);
  g_hash_table_insert (metadata, (gpointer) "format", g_strdup ("steer-trace"));
  g_hash_table_insert (metadata, (gpointer) "model", steer_cli_engine_dup_property (engine, "model-name"));
  g_hash_table_insert (metadata, (gpointer) "device", steer_cli_engine_dup_property (engine, "device-id"));
  g_hash_table_insert (metadata, (gpointer) "ids", g_strdup (ids->str));
  g_hash_table_insert (metadata, (gpointer) "steering", json_to_string (steering, FALSE));
  return metadata;
}

static gboolean
write_trace (const SteerTrace *trace, GHashTable *metadata, GError **error)
{
  g_autoptr (GArray) tensors = g_array_new (FALSE, FALSE, sizeof (SteerTensor));
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);

  if (trace->logits != NULL)
    {
      SteerTensor view = make_view ("logits", trace->logits, trace->n_tokens, trace->n_vocab);

      g_array_append_val (tensors, view);
    }
  for (guint i = 0; i < trace->n_layers; i++)
    {
      char *name = g_strdup_printf ("resid.%u", trace->layers[i]);
      SteerTensor view = make_view (name, trace->residual + (gsize) i * trace->n_tokens * trace->d_model,
                                    trace->n_tokens, trace->d_model);

      g_ptr_array_add (names, name);
      g_array_append_val (tensors, view);
    }
  return steer_safetensors_write (output, (const SteerTensor *) (gpointer) tensors->data, tensors->len, metadata, NULL,
                                  error);
}

static gboolean
trace_prompt (const SteerCliOptions *options, SteerEngine *engine, SteerCliSteering *steering, GError **error)
{
  g_autoptr (GArray) ids = NULL;
  g_autoptr (GArray) layers = NULL;
  g_autoptr (SteerPlan) plan = NULL;
  g_autoptr (SteerTrace) trace = NULL;
  g_autoptr (GHashTable) metadata = NULL;

  layers = read_layers (steer_model_get_config (steer_engine_get_model (engine))->n_layers, error);
  if (layers == NULL || !steer_cli_steering_bind (steering, steer_engine_get_model (engine), error)
      || (ids = steer_cli_engine_encode (engine, options, steer_preset_get_system_prompt (steering->preset), error))
           == NULL)
    return FALSE;
  plan = steer_live_plan_dup (steering->live);
  trace = run_trace (engine, ids, layers, plan, error);
  if (trace == NULL)
    return FALSE;
  metadata = make_metadata (engine, trace, plan);
  if (!write_trace (trace, metadata, error))
    return FALSE;
  steer_cli_note ("%u token%s, %u layer%s%s: %s\n", trace->n_tokens, steer_cli_plural (trace->n_tokens),
                  trace->n_layers, steer_cli_plural (trace->n_layers), trace->logits != NULL ? " and the logits" : "",
                  output);
  return TRUE;
}

SteerCliStatus
steer_cli_trace (int argc, char **argv)
{
  g_auto (SteerCliOptions) options = { 0 };
  g_autoptr (GError) error = NULL;
  g_autofree char *model = NULL;
  g_autoptr (SteerCliSteering) steering = NULL;
  g_autoptr (SteerEngine) engine = NULL;
  SteerCliStatus status;

  if (!steer_cli_options_parse (&options, &usage, entries, argc, argv, &status))
    return status;
  if (output == NULL)
    g_set_error_literal (&error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE, "name the file to write with -o");
  if (error != NULL || (model = steer_cli_options_dup_model (&options, &error)) == NULL
      || (steering = steer_cli_steering_new (&options, model, &error)) == NULL
      || (engine = steer_cli_engine_load (&options, model, &error)) == NULL
      || !trace_prompt (&options, engine, steering, &error))
    return steer_cli_fail (usage.name, error);
  return STEER_CLI_OK;
}
