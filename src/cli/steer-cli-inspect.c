/* `steer inspect`: which features fire where in a text. */
#include "steer-cli-inspect.h"

#include <glib-unix.h>
#include <string.h>
#include <unistd.h>

#include "steer-cli-engine.h"
#include "steer-cli-output.h"
#include "steer-cli-steering.h"
#include "steer-cli-thread.h"

#define DEFAULT_TOP 10
#define MAX_TOP 1000

static char **sae_paths;
static char *top_text;
static gboolean as_json;

static const GOptionEntry entries[] = {
  { "sae", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &sae_paths, "An SAE or its folder; repeatable", "PATH[,layer=L…]" },
  { "top", 0, 0, G_OPTION_ARG_FILENAME, &top_text, "Features a token, and for the whole text; default: 10", "N" },
  { "json", 0, 0, G_OPTION_ARG_NONE, &as_json, "As JSON", NULL },
  { 0 },
};

static const SteerCliUsage usage = {
  .name = "inspect",
  .arguments = "[OPTION…] --sae PATH (--prompt TEXT | --messages FILE | --ids 1,2,3)",
  .description
  = "Runs the text through the model, steered or not, and encodes the residual stream behind the SAE's layer with it.\n"
    "For each token the features that fire most strongly; for the whole text, but for its first token, on which\n"
    "everything fires, those with the largest sum of activations, and the most specific ones: those that fire "
    "strongly\n"
    "in few places (largest activation, squared, divided by the sum).",
  .examples = "  steer inspect --sae resid_post_layer_15/trainer_1 --prompt \"Paris in spring\" --raw\n"
              "  steer inspect --model DIR --sae ae.pt,layer=15 --messages chat.json --top 5 --json",
  .groups = STEER_CLI_GROUP_PROMPT | STEER_CLI_GROUP_SYSTEM | STEER_CLI_GROUP_STEERING | STEER_CLI_GROUP_MODEL
            | STEER_CLI_GROUP_DEVICE,
};

static void
inspected_free (gpointer data)
{
  SteerCliInspected *self = data;

  g_clear_object (&self->sae);
  g_clear_pointer (&self->codes, steer_sae_codes_free);
  g_clear_pointer (&self->firings, g_array_unref);
  g_free (self);
}

static gboolean
add_sae (GPtrArray *saes, SteerSae *sae, GError **error)
{
  const char *problem = steer_sae_get_encoder_problem (sae);
  SteerCliInspected *inspected;

  for (guint i = 0; i < saes->len; i++)
    if (steer_sae_get_layer (((SteerCliInspected *) g_ptr_array_index (saes, i))->sae) == steer_sae_get_layer (sae))
      {
        g_set_error (error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE,
                     "there are two SAEs of layer %u: inspect one after the other", steer_sae_get_layer (sae));
        return FALSE;
      }
  if (problem != NULL)
    {
      g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID,
                   "%s: its activations cannot be computed: %s", steer_sae_get_path (sae), problem);
      return FALSE;
    }
  inspected = g_new0 (SteerCliInspected, 1);
  inspected->sae = g_object_ref (sae);
  g_ptr_array_add (saes, inspected);
  return TRUE;
}

/* Each source is an SAE, or a folder of SAEs of several layers. */
static gboolean
open_saes (GPtrArray *saes, const SteerModelConfig *config, GError **error)
{
  SteerSourceHints hints;

  steer_source_hints_init (&hints);
  hints.d_model = config->d_model;
  hints.n_layers = config->n_layers;
  for (guint i = 0; sae_paths[i] != NULL; i++)
    {
      g_autoptr (SteerVectorSource) source = steer_cli_open_source (sae_paths[i], &hints, error);
      guint n_before = saes->len;

      if (source == NULL)
        return FALSE;
      for (guint layer = 0; layer < config->n_layers; layer++)
        {
          SteerSae *sae = steer_sae_find (source, layer);

          if (sae != NULL && !add_sae (saes, sae, error))
            return FALSE;
        }
      if (saes->len == n_before)
        {
          g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID,
                       "%s: it is no SAE, so there are no activations", sae_paths[i]);
          return FALSE;
        }
    }
  return TRUE;
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

/* The residual stream behind each SAE's layer. */
static SteerTrace *
run_trace (SteerEngine *engine, const GArray *ids, GPtrArray *saes, SteerPlan *plan, GError **error)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GArray) layers = g_array_new (FALSE, FALSE, sizeof (guint));
  Tracing tracing = { loop, NULL, error };
  guint source = g_unix_signal_add (SIGINT, on_interrupt, cancellable);

  for (guint i = 0; i < saes->len; i++)
    {
      guint layer = steer_sae_get_layer (((SteerCliInspected *) g_ptr_array_index (saes, i))->sae);

      g_array_append_val (layers, layer);
    }
  steer_engine_trace_async (engine, (const gint32 *) (gpointer) ids->data, ids->len,
                            (const guint *) (gpointer) layers->data, layers->len, FALSE, plan, cancellable, on_traced,
                            &tracing);
  g_main_loop_run (loop);
  g_source_remove (source);
  return tracing.trace;
}

/* Sums over the text, without its first token where it has another. */
static GArray *
sum_firings (const SteerSaeCodes *codes)
{
  g_autoptr (GHashTable) places = g_hash_table_new (NULL, NULL); /* feature -> position + 1 */
  GArray *firings = g_array_new (FALSE, TRUE, sizeof (SteerCliFiring));

  for (gsize i = codes->begin[codes->n_tokens > 1 ? 1 : 0]; i < codes->begin[codes->n_tokens]; i++)
    {
      const SteerSaeActive *active = &codes->active[i];
      guint place = GPOINTER_TO_UINT (g_hash_table_lookup (places, GUINT_TO_POINTER (active->feature)));
      SteerCliFiring *firing;

      if (place == 0)
        {
          SteerCliFiring new = { .feature = active->feature };

          g_array_append_val (firings, new);
          place = firings->len;
          g_hash_table_insert (places, GUINT_TO_POINTER (active->feature), GUINT_TO_POINTER (place));
        }
      firing = &g_array_index (firings, SteerCliFiring, place - 1);
      firing->n_tokens++;
      firing->sum += (double) active->value;
      firing->largest = MAX (firing->largest, active->value);
    }
  for (guint i = 0; i < firings->len; i++)
    {
      SteerCliFiring *firing = &g_array_index (firings, SteerCliFiring, i);

      firing->specificity = (double) firing->largest * (double) firing->largest / firing->sum;
    }
  return firings;
}

typedef struct
{
  GPtrArray *saes;
  const SteerTrace *trace;
} Encoding;

static gboolean
encode (gpointer data, GCancellable *cancellable, GError **error)
{
  const Encoding *encoding = data;
  const SteerTrace *trace = encoding->trace;

  for (guint i = 0; i < encoding->saes->len; i++)
    {
      SteerCliInspected *inspected = g_ptr_array_index (encoding->saes, i);

      if (isatty (STDERR_FILENO))
        steer_cli_note ("encoding %u tokens with %s\n", trace->n_tokens,
                        steer_vector_source_get_id (STEER_VECTOR_SOURCE (inspected->sae)));
      inspected->codes
        = steer_sae_encode (inspected->sae, trace->residual + (gsize) i * trace->n_tokens * trace->d_model,
                            trace->n_tokens, 0, NULL, NULL, cancellable, error);
      if (inspected->codes == NULL)
        return FALSE;
      inspected->firings = sum_firings (inspected->codes);
    }
  return TRUE;
}

static gboolean
inspect (const SteerCliOptions *options, SteerEngine *engine, SteerCliSteering *steering, guint n_top, GError **error)
{
  SteerModel *model = steer_engine_get_model (engine);
  g_autoptr (GPtrArray) saes = g_ptr_array_new_with_free_func (inspected_free);
  g_autoptr (GArray) ids = NULL;
  g_autoptr (SteerPlan) plan = NULL;
  g_autoptr (SteerTrace) trace = NULL;
  SteerCliInspection inspection = { .tokenizer = steer_engine_get_tokenizer (engine), .saes = saes, .n_top = n_top };
  Encoding encoding = { .saes = saes };

  if (!open_saes (saes, steer_model_get_config (model), error) || !steer_cli_steering_bind (steering, model, error)
      || (ids = steer_cli_engine_encode (engine, options, steer_preset_get_system_prompt (steering->preset), error))
           == NULL)
    return FALSE;
  plan = steer_live_plan_dup (steering->live);
  trace = run_trace (engine, ids, saes, plan, error);
  encoding.trace = trace;
  if (trace == NULL || !steer_cli_run_in_thread (encode, &encoding, error))
    return FALSE;
  inspection.tokens = trace->tokens;
  inspection.n_tokens = trace->n_tokens;
  if (as_json)
    steer_cli_inspect_print_json (&inspection);
  else
    steer_cli_inspect_print_text (&inspection);
  return TRUE;
}

SteerCliStatus
steer_cli_inspect (int argc, char **argv)
{
  g_auto (SteerCliOptions) options = { 0 };
  g_autoptr (GError) error = NULL;
  g_autofree char *model = NULL;
  g_autoptr (SteerCliSteering) steering = NULL;
  g_autoptr (SteerEngine) engine = NULL;
  SteerCliStatus status;
  guint64 n_top = DEFAULT_TOP;

  if (!steer_cli_options_parse (&options, &usage, entries, argc, argv, &status))
    return status;
  if (sae_paths == NULL)
    g_set_error_literal (&error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE, "name an SAE with --sae");
  if (error != NULL || (top_text != NULL && !steer_cli_parse_uint (top_text, "--top", 1, MAX_TOP, &n_top, &error))
      || (model = steer_cli_options_dup_model (&options, &error)) == NULL
      || (steering = steer_cli_steering_new (&options, model, &error)) == NULL
      || (engine = steer_cli_engine_load (&options, model, &error)) == NULL
      || !inspect (&options, engine, steering, (guint) n_top, &error))
    return steer_cli_fail (usage.name, error);
  return steer_cli_output_works () ? STEER_CLI_OK : STEER_CLI_FAILED;
}
