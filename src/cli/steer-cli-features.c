/* `steer features`: finding the right feature by what it is called. */
#include "steer-cli-features.h"

#include <string.h>
#include <unistd.h>

#include "steer-cli-options.h"
#include "steer-cli-output.h"
#include "steer-cli-thread.h"

#define DEFAULT_LIMIT 20
#define MAX_LIMIT 10000
#define N_NEIGHBOURS 10
#define N_EXAMPLES 3

static char *database;
static char *layer_text;
static char *limit_text;
static char *model_name;
static char *source_name;
static char **sae_paths;
static gboolean as_json;

static const GOptionEntry entries[] = {
  { "layer", 'l', 0, G_OPTION_ARG_FILENAME, &layer_text, "search: in this layer only", "L" },
  { "limit", 'n', 0, G_OPTION_ARG_FILENAME, &limit_text, "search: at most so many; default: 20", "N" },
  { "labels-of", 0, 0, G_OPTION_ARG_FILENAME, &model_name,
    "The model as Neuronpedia names it; of files that do not say it, for import", "NAME" },
  { "source", 0, 0, G_OPTION_ARG_FILENAME, &source_name, "import: of files that do not say it: \"15-resid-post-aa\"",
    "NAME" },
  { "sae", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &sae_paths, "show: the SAE, for norm and neighbours; repeatable",
    "PATH[,layer=L…]" },
  { "database", 0, 0, G_OPTION_ARG_FILENAME, &database, "Where labels are kept; default: the user's", "FILE" },
  { "json", 0, 0, G_OPTION_ARG_NONE, &as_json, "As JSON", NULL },
  { 0 },
};

static const SteerCliUsage usage = {
  .name = "features",
  .arguments = "search QUERY | show LAYER:INDEX | import PATH | list | label LAYER:INDEX [TEXT]",
  .description
  = "Labels of features: what people and machines have called them; those of the bundled model are there.\n"
    "search  by words, of which the last may be unfinished, by \"phrases in quotes\", or by number\n"
    "show    a feature's label, examples and, with its SAE, its norm and its nearest neighbours\n"
    "import  Neuronpedia's exports (.jsonl, .jsonl.gz, or a folder of them), or a labels.jsonl\n"
    "list    of which SAEs there are labels\n"
    "label   names a feature yourself, which wins over imported labels; without a text, no more",
  .examples = "  steer features import llama3.1-8b-it/15-resid-post-aa\n"
              "  steer features search \"eiffel tower\" --layer 15\n"
              "  steer features show 15:21576 --sae resid_post_layer_15/trainer_1 --json",
  .max_arguments = 3,
};

void
steer_cli_shown_clear (SteerCliShown *self)
{
  g_clear_pointer (&self->label, steer_label_free);
  g_clear_pointer (&self->source_label, g_free);
  g_clear_pointer (&self->examples, g_ptr_array_unref);
  g_clear_object (&self->sae);
  g_clear_pointer (&self->neighbours, g_array_unref);
  g_clear_object (&self->store);
  g_clear_object (&self->bundled);
}

char *
steer_cli_features_dup_label (SteerLabelStore *store, SteerSae *sae, guint layer, guint64 index)
{
  SteerLabelFilter filter = { .model = model_name, .layer = -1 };
  g_autoptr (SteerLabel) label = steer_label_store_find (store, (int) layer, index, &filter, NULL);
  g_autoptr (SteerFeatureInfo) info = NULL;

  if (label != NULL)
    return g_strdup (label->label);
  info = sae != NULL ? steer_vector_source_dup_info (STEER_VECTOR_SOURCE (sae), layer, index) : NULL;
  return info != NULL ? g_strdup (info->label) : NULL;
}

static gboolean
fail_usage (GError **error, const char *what)
{
  g_set_error_literal (error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE, what);
  return FALSE;
}

static void
tell_where_labels_come_from (void)
{
  steer_cli_note ("`steer features import PATH` takes labels of more models from Neuronpedia's exports\n");
}

static void
tell_nothing_found (SteerLabelStore *store)
{
  g_autoptr (GPtrArray) sources = steer_label_store_list_sources (store, NULL);

  steer_cli_note ("no feature is called that\n");
  if (sources != NULL && sources->len == 0)
    tell_where_labels_come_from ();
}

static gboolean
run_search (SteerLabelStore *store, const char *query, GError **error)
{
  SteerLabelFilter filter = { .model = model_name, .layer = -1 };
  g_autoptr (GPtrArray) found = NULL;
  guint64 limit = DEFAULT_LIMIT;
  guint64 layer;

  if (limit_text != NULL && !steer_cli_parse_uint (limit_text, "--limit", 1, MAX_LIMIT, &limit, error))
    return FALSE;
  if (layer_text != NULL)
    {
      if (!steer_cli_parse_uint (layer_text, "--layer", 0, STEER_FEATURE_MAX_LAYER, &layer, error))
        return FALSE;
      filter.layer = (int) layer;
    }
  found = steer_label_store_search (store, query, &filter, (guint) limit, NULL, error);
  if (found == NULL || !steer_cli_features_add_bundled (found, store, query, &filter, (guint) limit, error))
    return FALSE;
  if (found->len == 0 && !as_json)
    tell_nothing_found (store);
  steer_cli_features_print_found (found, as_json);
  return TRUE;
}

typedef struct
{
  SteerLabelStore *store;
  const char *path;
  SteerLabelImport counts;
} Importing;

static void
on_progress (double fraction, gpointer data)
{
  if (isatty (STDERR_FILENO))
    steer_cli_note ("\rimporting: %d %%", (int) (100.0 * fraction));
}

static gboolean
import (gpointer data, GCancellable *cancellable, GError **error)
{
  Importing *self = data;

  return steer_label_store_import (self->store, self->path, model_name, source_name, &self->counts, on_progress, NULL,
                                   cancellable, error);
}

static gboolean
run_import (SteerLabelStore *store, const char *path, GError **error)
{
  Importing importing = { .store = store, .path = path };
  gboolean done = steer_cli_run_in_thread (import, &importing, error);

  if (isatty (STDERR_FILENO))
    steer_cli_note ("\n");
  if (done)
    steer_cli_features_print_import (&importing.counts, as_json);
  return done;
}

static gboolean
parse_place (const char *text, guint *layer, guint64 *index, GError **error)
{
  const char *end;

  if (steer_cli_parse_address (text, layer, index, &end) && *end == '\0')
    return TRUE;
  g_set_error (error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE,
               "a feature is written LAYER:INDEX, as in 15:21576, not \"%s\"", text);
  return FALSE;
}

static gboolean
run_label (SteerLabelStore *store, const char *place, const char *text, GError **error)
{
  guint64 index;
  guint layer;

  if (!parse_place (place, &layer, &index, error))
    return FALSE;
  if (index > G_MAXUINT32)
    return fail_usage (error, "there are no features beyond 4294967295");
  return steer_label_store_set_user_label (store, model_name, (int) layer, index, text, error);
}

static gboolean
find_sae (SteerCliShown *shown, GError **error)
{
  SteerSourceHints hints;

  steer_source_hints_init (&hints);
  hints.fallback_layer = (int) MIN (shown->layer, STEER_FEATURE_MAX_LAYER);
  for (guint i = 0; sae_paths != NULL && sae_paths[i] != NULL && shown->sae == NULL; i++)
    {
      g_autoptr (SteerVectorSource) source = steer_cli_open_source (sae_paths[i], &hints, error);
      SteerSae *sae = source != NULL ? steer_sae_find (source, shown->layer) : NULL;

      if (source == NULL)
        return FALSE;
      if (sae != NULL)
        shown->sae = g_object_ref (sae);
    }
  if (shown->sae != NULL || sae_paths == NULL)
    return TRUE;
  g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_NOT_FOUND, "none of the SAEs is of layer %u",
               shown->layer);
  return FALSE;
}

/* The labels first: they tell of which model the feature is. */
static gboolean
find_labels (SteerCliShown *shown, GError **error)
{
  SteerLabelFilter filter = { .model = model_name, .layer = -1 };
  g_autoptr (GError) local = NULL;

  shown->label = steer_label_store_find (shown->store, (int) shown->layer, shown->index, &filter, &local);
  if (local == NULL && shown->label != NULL)
    shown->examples = steer_label_store_list_examples (shown->store, shown->label, N_EXAMPLES, &local);
  if (local == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

/* The neighbours' search reads the whole decoder. */
static gboolean
measure (gpointer data, GCancellable *cancellable, GError **error)
{
  SteerCliShown *shown = data;
  g_autofree float *direction = g_new (float, steer_sae_get_d_model (shown->sae));
  g_autoptr (SteerFeatureInfo) info
    = steer_vector_source_dup_info (STEER_VECTOR_SOURCE (shown->sae), shown->layer, shown->index);

  if (!steer_sae_read_direction (shown->sae, shown->index, direction, &shown->norm, cancellable, error))
    return FALSE;
  shown->layer_norm = steer_vector_source_get_layer_norm (STEER_VECTOR_SOURCE (shown->sae), shown->layer);
  if (info != NULL)
    {
      shown->source_label = g_strdup (info->label);
      shown->recommended = info->recommended;
    }
  shown->neighbours = steer_sae_list_neighbours (shown->sae, shown->index, N_NEIGHBOURS, cancellable, error);
  return shown->neighbours != NULL;
}

static gboolean
run_show (SteerLabelStore *store, const char *place, GError **error)
{
  g_auto (SteerCliShown) shown = { 0 };

  shown.store = g_object_ref (store);
  if (!parse_place (place, &shown.layer, &shown.index, error) || !find_labels (&shown, error)
      || !find_sae (&shown, error)
      || (sae_paths == NULL && !steer_cli_features_find_bundled (&shown, model_name, error))
      || (shown.sae != NULL && !steer_cli_run_in_thread (measure, &shown, error)))
    return FALSE;
  if (shown.label == NULL && shown.sae == NULL)
    {
      g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_NOT_FOUND,
                   "nothing is known of feature %" G_GUINT64_FORMAT " of layer %u: import labels, or name its SAE with "
                   "--sae",
                   shown.index, shown.layer);
      return FALSE;
    }
  steer_cli_features_print_shown (&shown, as_json);
  return TRUE;
}

static gboolean
run_list (SteerLabelStore *store, GError **error)
{
  g_autoptr (GPtrArray) sources = steer_label_store_list_sources (store, error);

  g_autoptr (SteerLabelStore) bundled = sources != NULL ? steer_cli_features_open_bundled () : NULL;
  g_autoptr (GPtrArray) more = bundled != NULL ? steer_label_store_list_sources (bundled, error) : NULL;

  if (sources == NULL || (bundled != NULL && more == NULL))
    return FALSE;
  if (more != NULL)
    g_ptr_array_extend_and_steal (sources, g_steal_pointer (&more));
  if (sources->len == 0 && !as_json)
    tell_where_labels_come_from ();
  steer_cli_features_print_sources (sources, as_json);
  return TRUE;
}

static gboolean
run (const SteerCliOptions *options, GError **error)
{
  const char *word = options->n_arguments > 0 ? options->arguments[0] : "";
  const char *first = options->n_arguments > 1 ? options->arguments[1] : NULL;
  const char *second = options->n_arguments > 2 ? options->arguments[2] : NULL;
  gboolean is_label = strcmp (word, "label") == 0;
  gboolean is_list = strcmp (word, "list") == 0;
  g_autoptr (SteerLabelStore) store = NULL;

  if (!g_strv_contains ((const char *const[]){ "search", "show", "import", "list", "label", NULL }, word))
    return fail_usage (error, "say what to do: search, show, import, list or label");
  if (is_list != (first == NULL) || (second != NULL && !is_label))
    return fail_usage (error, is_list         ? "list takes no argument"
                              : first == NULL ? "say which feature, file or words"
                                              : "put words that belong together in quotes");
  store = steer_label_store_open (database, error);
  if (store == NULL)
    return FALSE;
  if (is_list)
    return run_list (store, error);
  if (is_label)
    return run_label (store, first, second, error);
  if (strcmp (word, "search") == 0)
    return run_search (store, first, error);
  if (strcmp (word, "show") == 0)
    return run_show (store, first, error);
  return run_import (store, first, error);
}

SteerCliStatus
steer_cli_features (int argc, char **argv)
{
  g_auto (SteerCliOptions) options = { 0 };
  g_autoptr (GError) error = NULL;
  SteerCliStatus status;

  if (!steer_cli_options_parse (&options, &usage, entries, argc, argv, &status))
    return status;
  if (!run (&options, &error))
    return steer_cli_fail (usage.name, error);
  return steer_cli_output_works () ? STEER_CLI_OK : STEER_CLI_FAILED;
}
