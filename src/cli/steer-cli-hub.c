/* `steer hub`: models and features from the Hugging Face Hub. */
#include "steer-cli-hub.h"

#include <string.h>
#include <unistd.h>

#include "hub/steer-hub-name.h"
#include "model/steer-model-config.h"
#include "steer-cli-features.h"
#include "steer-cli-hub-labels.h"
#include "steer-cli-options.h"
#include "steer-cli-output.h"
#include "steer-cli-thread.h"

#define PROGRESS_INTERVAL_US (G_USEC_PER_SEC / 5)

static char *revision;
static gboolean as_json;

static const GOptionEntry entries[] = {
  { "revision", 0, 0, G_OPTION_ARG_FILENAME, &revision, "A branch, tag or commit; default: main", "NAME" },
  { "json", 0, 0, G_OPTION_ARG_NONE, &as_json, "As JSON", NULL },
  { 0 },
};

static const SteerCliUsage usage = {
  .name = "hub",
  .arguments = "search WORDS | show REPOSITORY | get REPOSITORY [WHAT] | labels REPOSITORY [WHAT] | list",
  .description
  = "Models and features from the Hugging Face Hub, kept where transformers and others keep theirs.\n"
    "search  repositories whose names have these words\n"
    "show    what of a repository can be used here, and how large it is\n"
    "get     downloads one of these, going on where an earlier try ended, checks its sums, and prints its path\n"
    "labels  what the features of an SAE are called, from Neuronpedia, for `steer features`; also by Neuronpedia's\n"
    "        name for them, MODEL/SOURCE\n"
    "list    what has been downloaded, by this program or others\n"
    "REPOSITORY is OWNER/NAME or the address of its page, WHAT a part of a name that `show` tells. Whatever `list` "
    "tells\n"
    "can be given to --model and --vectors as OWNER/NAME:WHAT.\n"
    "\n"
    "Environment: HF_TOKEN (who you are, for repositories with terms), HF_HOME and HF_HUB_CACHE (where files are "
    "kept),\n"
    "HF_ENDPOINT (another Hub).",
  .examples = "  steer hub search llama 3.1 8b instruct gguf\n"
              "  steer hub get bartowski/Meta-Llama-3.1-8B-Instruct-GGUF q4_k_m\n"
              "  steer hub get andyrdt/saes-llama-3.1-8b-instruct layer_15/trainer_1\n"
              "  steer hub labels andyrdt/saes-llama-3.1-8b-instruct layer_15/trainer_1\n"
              "  steer chat --model bartowski/Meta-Llama-3.1-8B-Instruct-GGUF:q4_k_m",
  .max_arguments = 64,
};

/* One call of the command, on its thread. */
typedef struct
{
  SteerHubClient *client;
  const char *word;
  char *text;   /* words to search, or the name of the repository */
  char *wanted; /* (nullable): the choice */

  gint64 told;
  gboolean shows_progress;
  GPtrArray *found;        /* (nullable) of search */
  SteerHubRepo *repo;      /* (nullable) */
  char *path;              /* (nullable): of get */
  SteerLabelImport counts; /* of labels */
} Task;

static void
task_clear (Task *self)
{
  g_clear_pointer (&self->client, steer_hub_client_unref);
  g_free (self->text);
  g_free (self->wanted);
  g_clear_pointer (&self->found, g_ptr_array_unref);
  g_clear_pointer (&self->repo, steer_hub_repo_unref);
  g_free (self->path);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Task, task_clear)

static gboolean
fail_usage (GError **error, const char *what)
{
  g_set_error_literal (error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE, what);
  return FALSE;
}

static void
on_progress (guint64 done, guint64 total, guint64 received, gpointer data)
{
  Task *self = data;
  gint64 now = g_get_monotonic_time ();
  g_autofree char *some = NULL, *all = NULL;

  if (!self->shows_progress || (now - self->told < PROGRESS_INTERVAL_US && done < total))
    return;
  self->told = now;
  some = g_format_size (done);
  all = g_format_size (total);
  steer_cli_note ("\r%s of %s (%d %%)    ", some, all,
                  total > 0 ? (int) (100.0 * (double) done / (double) total) : 100);
}

/* The repository, and what of it is meant: an address may say that too. */
static gboolean
read_repo (Task *self, GCancellable *cancellable, GError **error)
{
  g_autofree char *id = NULL, *in_name = NULL, *path = NULL;

  if (!steer_hub_parse_name (self->text, &id, &in_name, &path, error))
    return FALSE;
  if (revision == NULL)
    revision = g_steal_pointer (&in_name);
  if (self->wanted == NULL)
    self->wanted = g_steal_pointer (&path);
  self->repo = steer_hub_client_read_repo (self->client, id, revision, cancellable, error);
  if (self->repo != NULL && g_ascii_strcasecmp (self->repo->id, id) != 0)
    steer_cli_note ("%s is called %s now\n", id, self->repo->id);
  return self->repo != NULL;
}

static gboolean
fetch (Task *self, GCancellable *cancellable, GError **error)
{
  const SteerHubChoice *choice = steer_hub_find_choice (self->repo->choices, self->wanted, error);
  g_autofree char *problem = choice != NULL ? steer_cli_hub_dup_problem (self->repo, choice) : NULL;

  if (choice == NULL)
    return FALSE;
  if (problem != NULL)
    {
      g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_INVALID, "%s of %s would be of no use: %s", choice->name,
                   self->repo->id, problem);
      return FALSE;
    }
  self->path
    = steer_hub_client_fetch (self->client, self->repo, revision, choice, on_progress, self, cancellable, error);
  return self->path != NULL;
}

static gboolean
work (gpointer data, GCancellable *cancellable, GError **error)
{
  Task *self = data;

  if (strcmp (self->word, "search") == 0)
    {
      self->found = steer_hub_client_search (self->client, self->text, cancellable, error);
      return self->found != NULL;
    }
  if (strcmp (self->word, "labels") == 0)
    return steer_cli_hub_fetch_labels (self->client, self->text, self->wanted, &self->counts, on_progress, self,
                                       cancellable, error);
  return read_repo (self, cancellable, error) && (strcmp (self->word, "show") == 0 || fetch (self, cancellable, error));
}

static void
print_path (const char *path)
{
  g_autoptr (JsonNode) node = NULL;
  g_autoptr (JsonObject) object = NULL;

  if (!as_json)
    {
      steer_cli_write (path, strlen (path));
      steer_cli_write ("\n", 1);
      return;
    }
  object = json_object_new ();
  json_object_set_string_member (object, "path", path);
  node = json_node_alloc ();
  json_node_init_object (node, object);
  steer_cli_print_json (node, TRUE);
}

static void
print (Task *self)
{
  if (self->found != NULL)
    {
      if (self->found->len == 0 && !as_json)
        steer_cli_note ("no repository is called that\n");
      steer_cli_hub_print_found (self->found, as_json);
    }
  else if (strcmp (self->word, "labels") == 0)
    {
      steer_cli_features_print_import (&self->counts, as_json);
    }
  else if (self->path != NULL)
    {
      print_path (self->path);
    }
  else
    {
      g_autofree char *page = steer_hub_client_dup_page (self->client, self->repo->id);

      steer_cli_hub_print_repo (self->repo, page, as_json);
    }
}

static gboolean
run_list (SteerHubClient *client)
{
  g_autoptr (GPtrArray) held = steer_hub_cache_list (steer_hub_client_get_cache (client), NULL);

  if (held->len == 0 && !as_json)
    steer_cli_note ("nothing that can be used is in %s\n", steer_hub_client_get_cache (client));
  steer_cli_hub_print_held (held, as_json);
  return TRUE;
}

static gboolean
run (const SteerCliOptions *options, GError **error)
{
  g_auto (Task) task = { .word = options->n_arguments > 0 ? options->arguments[0] : "" };
  gboolean is_list = strcmp (task.word, "list") == 0, is_search = strcmp (task.word, "search") == 0;
  guint n_most = is_list                                                               ? 1
                 : strcmp (task.word, "get") == 0 || strcmp (task.word, "labels") == 0 ? 3
                 : is_search                                                           ? G_MAXUINT
                                                                                       : 2;
  gboolean done;

  if (!g_strv_contains ((const char *const[]){ "search", "show", "get", "labels", "list", NULL }, task.word))
    return fail_usage (error, "say what to do: search, show, get, labels or list");
  if (options->n_arguments > n_most)
    return fail_usage (error, is_list ? "list takes no argument" : "there are more words than it takes");
  task.client = steer_hub_client_new (&(SteerHubOptions){ .check_model = steer_model_config_check }, error);
  if (task.client == NULL)
    return FALSE;
  if (is_list)
    return run_list (task.client);
  if (options->n_arguments < 2)
    return fail_usage (error, is_search ? "say which words to search for" : "say which repository, as OWNER/NAME");
  task.text = is_search ? g_strjoinv (" ", options->arguments + 1) : g_strdup (options->arguments[1]);
  task.wanted = !is_search && options->n_arguments > 2 ? g_strdup (options->arguments[2]) : NULL;
  task.shows_progress = isatty (STDERR_FILENO);
  done = steer_cli_run_in_thread (work, &task, error);
  if (task.told > 0)
    steer_cli_note ("\n");
  if (done)
    print (&task);
  return done;
}

SteerCliStatus
steer_cli_hub (int argc, char **argv)
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
