/* `steer inspect`: which features fire where in a text. */
#include "steer-cli-inspect.h"

#include <glib-unix.h>
#include <string.h>
#include <unistd.h>

#include "chat/steer-conversation.h"
#include "steering/steer-sae-keep.h"
#include "steer-cli-engine.h"
#include "steer-cli-output.h"
#include "steer-cli-steering.h"

#define DEFAULT_TOP 10
#define MAX_TOP 1000

static char **sae_paths;
static char *conversation_path;
static char *keep_name;
static char *top_text;
static gboolean as_json;

static const GOptionEntry entries[] = {
  { "sae", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &sae_paths, "An SAE or its folder; repeatable", "PATH[,layer=L…]" },
  { "conversation", 0, 0, G_OPTION_ARG_FILENAME, &conversation_path, "A conversation that was exported as JSON",
    "FILE" },
  { "keep", 0, 0, G_OPTION_ARG_FILENAME, &keep_name, "Keep encoders in memory as bf16 or int8", "TYPE" },
  { "top", 0, 0, G_OPTION_ARG_FILENAME, &top_text, "Features a token, and for the whole text; default: 10", "N" },
  { "json", 0, 0, G_OPTION_ARG_NONE, &as_json, "As JSON", NULL },
  { 0 },
};

static const SteerCliUsage usage = {
  .name = "inspect",
  .arguments = "[OPTION…] --sae PATH (--prompt TEXT | --messages FILE | --conversation FILE | --ids 1,2,3)",
  .description
  = "Runs the text through the model, steered or not, and encodes the residual stream behind the SAE's layer with it.\n"
    "For each token the features that fire most strongly; for the whole text, but for its first token, on which\n"
    "everything fires, those with the largest sum of activations, and the most specific ones: those that fire "
    "strongly\n"
    "in few places (largest activation, squared, divided by the sum). Each with a strength to begin with: what the\n"
    "feature itself contributes where it fires most, between a quarter and four fifths of the layer's typical norm.",
  .examples = "  steer inspect --sae resid_post_layer_15/trainer_1 --prompt \"Paris in spring\" --raw\n"
              "  steer inspect --model DIR --sae ae.pt,layer=15 --messages chat.json --top 5 --json",
  .groups = STEER_CLI_GROUP_PROMPT | STEER_CLI_GROUP_SYSTEM | STEER_CLI_GROUP_STEERING | STEER_CLI_GROUP_MODEL
            | STEER_CLI_GROUP_THINKING | STEER_CLI_GROUP_DEVICE,
  .other_prompt = &conversation_path,
};

static SteerSae *
keep (SteerSae *sae, GError **error)
{
  SteerSaeKeep as;

  if (steer_sae_keep_from_name (keep_name, &as))
    return steer_sae_keep (sae, as, NULL, NULL, NULL, error);
  g_set_error (error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE, "--keep takes bf16 or int8, not \"%s\"", keep_name);
  return NULL;
}

static gboolean
add_sae (GPtrArray *saes, SteerSae *sae, GError **error)
{
  const char *problem = steer_sae_get_encoder_problem (sae);

  for (guint i = 0; i < saes->len; i++)
    if (steer_sae_get_layer (g_ptr_array_index (saes, i)) == steer_sae_get_layer (sae))
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
  if (keep_name == NULL)
    g_ptr_array_add (saes, g_object_ref (sae));
  else
    {
      SteerSae *kept = keep (sae, error);

      if (kept == NULL)
        return FALSE;
      g_ptr_array_add (saes, kept);
    }
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
  SteerInspection *inspection; /* nullable */
  GError **error;
} Waiting;

static void
on_inspected (GObject *object, GAsyncResult *result, gpointer data)
{
  Waiting *waiting = data;

  waiting->inspection = steer_engine_inspect_finish (STEER_ENGINE (object), result, waiting->error);
  g_main_loop_quit (waiting->loop);
}

static gboolean
on_interrupt (gpointer data)
{
  g_cancellable_cancel (data);
  return G_SOURCE_CONTINUE;
}

/* The inspection, and the norms that strengths are suggested with; those of a model without a tokenizer are not known.
 */
static SteerInspection *
run (SteerEngine *engine, const GArray *ids, GPtrArray *saes, SteerPlan *plan, GArray **norms, GError **error)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Waiting waiting = { .loop = loop, .error = error };
  guint source = g_unix_signal_add (SIGINT, on_interrupt, cancellable);

  if (isatty (STDERR_FILENO))
    steer_cli_note ("encoding %u token%s with %u SAE%s\n", ids->len, steer_cli_plural (ids->len), saes->len,
                    steer_cli_plural (saes->len));
  steer_engine_inspect_async (engine, (const gint32 *) (gpointer) ids->data, ids->len, saes, plan, cancellable,
                              on_inspected, &waiting);
  g_main_loop_run (loop);
  *norms = waiting.inspection != NULL ? steer_cli_engine_measure_norms (engine, cancellable) : NULL;
  g_source_remove (source);
  return waiting.inspection;
}

/* A conversation that was exported, as the prompt that its active path makes. */
static GArray *
encode_conversation (SteerEngine *engine, GError **error)
{
  g_autofree char *json = NULL;
  g_autoptr (SteerConversation) conversation = NULL;
  g_autoptr (SteerRequest) request = steer_request_new ();
  const char *system;
  gsize length;

  if (!g_file_get_contents (conversation_path, &json, &length, error)
      || (conversation = steer_conversation_new_from_json (json, length, error)) == NULL)
    {
      g_prefix_error (error, "%s: ", conversation_path);
      return NULL;
    }
  system = steer_conversation_get_system_prompt (conversation);
  if (system != NULL && *system != '\0')
    steer_request_add_message (request, STEER_ROLE_SYSTEM, system);
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (conversation)); i++)
    {
      g_autoptr (SteerMessage) message = g_list_model_get_item (G_LIST_MODEL (conversation), i);

      steer_request_add_message (request, steer_message_get_role (message), steer_message_get_text (message));
    }
  return steer_engine_encode (engine, request, error);
}

static gboolean
inspect (const SteerCliOptions *options, SteerEngine *engine, SteerCliSteering *steering, guint n_top, GError **error)
{
  SteerModel *model = steer_engine_get_model (engine);
  SteerTokenizer *tokenizer = steer_engine_get_tokenizer (engine);
  g_autoptr (GPtrArray) saes = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GArray) ids = NULL;
  g_autoptr (GArray) norms = NULL;
  g_autoptr (SteerPlan) plan = NULL;
  g_autoptr (SteerInspection) inspection = NULL;

  if (!open_saes (saes, steer_model_get_config (model), error) || !steer_cli_steering_bind (steering, model, error))
    return FALSE;
  if (conversation_path != NULL)
    ids = encode_conversation (engine, error);
  else
    ids = steer_cli_engine_encode (engine, options, steer_preset_get_system_prompt (steering->preset), error);
  if (ids == NULL)
    return FALSE;
  plan = steer_live_plan_dup (steering->live);
  inspection = run (engine, ids, saes, plan, &norms, error);
  if (inspection == NULL)
    return FALSE;
  if (as_json)
    steer_cli_inspect_print_json (inspection, tokenizer, norms, n_top);
  else
    steer_cli_inspect_print_text (inspection, tokenizer, norms, n_top);
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
