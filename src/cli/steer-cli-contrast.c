/* `steer contrast`: a feature of one's own, from examples of what it is and is not about. */
#include <glib-unix.h>
#include <string.h>
#include <unistd.h>

#include "chat/steer-contrasting.h"
#include "chat/steer-inspection.h"
#include "steer-cli-engine.h"
#include "steer-cli-output.h"

static char *with_path;
static char *without_path;
static char *form_name;
static char *layer_text;
static char *index_text;
static char *label;
static char *output;
static gboolean as_json;

static const GOptionEntry entries[] = {
  { "with", 0, 0, G_OPTION_ARG_FILENAME, &with_path, "Examples of what the feature is about, one a line", "FILE" },
  { "without", 0, 0, G_OPTION_ARG_FILENAME, &without_path,
    "Examples of what it is not about; default: plain English prose", "FILE" },
  { "as", 0, 0, G_OPTION_ARG_FILENAME, &form_name, "Examples are what the model replies, or text; default: reply",
    "reply|text" },
  { "layer", 'l', 0, G_OPTION_ARG_FILENAME, &layer_text, "The layer to write; default: the best before the middle",
    "L" },
  { "index", 0, 0, G_OPTION_ARG_FILENAME, &index_text, "The feature's number in the file; default: 0", "I" },
  { "label", 0, 0, G_OPTION_ARG_FILENAME, &label, "What the feature is called; default: the file's name", "TEXT" },
  { "output", 'o', 0, G_OPTION_ARG_FILENAME, &output, "The file to write", "FILE.safetensors" },
  { "json", 0, 0, G_OPTION_ARG_NONE, &as_json, "As JSON", NULL },
  { 0 },
};

static const SteerCliUsage usage = {
  .name = "contrast",
  .arguments = "[OPTION…] --with FILE [--without FILE] [-o FILE.safetensors]",
  .description
  = "Makes a feature of your own, for a model with or without an SAE: the direction in the residual stream that leads\n"
    "from the mean of some examples to the mean of others. Tells for each layer how far apart the two lie, what part\n"
    "of the examples it tells apart when each is left out in turn, and a strength to begin with. -o writes the\n"
    "direction of one layer to a file that --vectors reads.\n"
    "A dozen sentences each do; best are the same sentences said both ways.",
  .examples = "  steer contrast --with sad.txt --without cheerful.txt -o sad.safetensors\n"
              "  steer chat --vectors sad.safetensors --steer 15:0=6\n"
              "  steer contrast --model DIR --with sea.txt --json",
  .groups = STEER_CLI_GROUP_MODEL | STEER_CLI_GROUP_DEVICE,
};

typedef struct
{
  char **with;
  char **without; /* nullable */
  SteerExampleForm form;
  gint64 layer; /* -1: the best */
  guint64 index;
} Task;

static void
task_clear (Task *self)
{
  g_strfreev (self->with);
  g_strfreev (self->without);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Task, task_clear)

static char **
read_examples (const char *path, GError **error)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) examples = NULL;
  gsize length;

  if (!g_file_get_contents (path, &text, &length, error))
    return NULL;
  if (strlen (text) != length || !g_utf8_validate (text, (gssize) length, NULL))
    {
      g_set_error (error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE, "%s: it is not UTF-8 text, one example a line", path);
      return NULL;
    }
  examples = steer_split_examples (text);
  if (examples[0] != NULL)
    return g_steal_pointer (&examples);
  g_set_error (error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE, "%s: there is no example in it: write one a line", path);
  return NULL;
}

static gboolean
read_task (Task *self, GError **error)
{
  guint64 layer = 0;

  self->layer = -1;
  if (with_path == NULL)
    {
      g_set_error_literal (error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE, "name a file of examples with --with");
      return FALSE;
    }
  if (output != NULL && !g_str_has_suffix (output, ".safetensors"))
    {
      g_set_error_literal (error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE, "the file to write ends in .safetensors");
      return FALSE;
    }
  if (form_name != NULL && strcmp (form_name, "text") == 0)
    self->form = STEER_EXAMPLES_AS_TEXT;
  else if (form_name != NULL && strcmp (form_name, "reply") != 0)
    {
      g_set_error (error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE, "--as takes reply or text, not \"%s\"", form_name);
      return FALSE;
    }
  if (layer_text != NULL)
    {
      if (!steer_cli_parse_uint (layer_text, "--layer", 0, STEER_FEATURE_MAX_LAYER, &layer, error))
        return FALSE;
      self->layer = (gint64) layer;
    }
  if (index_text != NULL && !steer_cli_parse_uint (index_text, "--index", 0, G_MAXINT64, &self->index, error))
    return FALSE;
  self->with = read_examples (with_path, error);
  if (self->with != NULL && without_path != NULL)
    self->without = read_examples (without_path, error);
  return self->with != NULL && (without_path == NULL || self->without != NULL);
}

typedef struct
{
  GMainLoop *loop;
  SteerContrast *contrast; /* nullable */
  GError **error;
} Waiting;

static void
on_contrasted (GObject *object, GAsyncResult *result, gpointer data)
{
  Waiting *waiting = data;

  waiting->contrast = steer_engine_contrast_finish (STEER_ENGINE (object), result, waiting->error);
  g_main_loop_quit (waiting->loop);
}

static gboolean
on_interrupt (gpointer data)
{
  g_cancellable_cancel (data);
  return G_SOURCE_CONTINUE;
}

/* With the norms that strengths are suggested with; where they cannot be measured, those of the examples serve. */
static SteerContrast *
run (SteerEngine *engine, const Task *task, GArray **norms, GError **error)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Waiting waiting = { .loop = loop, .error = error };
  guint source = g_unix_signal_add (SIGINT, on_interrupt, cancellable);

  if (isatty (STDERR_FILENO))
    steer_cli_note ("reading the examples\n");
  steer_engine_contrast_async (engine, (const char *const *) task->with, (const char *const *) task->without,
                               task->form, cancellable, on_contrasted, &waiting);
  g_main_loop_run (loop);
  *norms = waiting.contrast != NULL ? steer_cli_engine_measure_norms (engine, cancellable) : NULL;
  g_source_remove (source);
  return waiting.contrast;
}

static double
get_norm (GArray *norms, guint layer)
{
  return norms != NULL && layer < norms->len ? g_array_index (norms, double, layer) : 0.0;
}

static void
print_text (SteerContrast *contrast, GArray *norms, guint best)
{
  steer_cli_print ("layer  distance  of the norm  told apart  strength\n");
  for (guint layer = 0; layer < steer_contrast_get_n_layers (contrast); layer++)
    {
      const SteerContrastLayer *told = steer_contrast_get_layer (contrast, layer);
      g_autofree char *apart
        = told->n_judged > 0 ? g_strdup_printf ("%u of %u", told->n_right, told->n_judged) : g_strdup ("-");

      steer_cli_print ("%5u  %8.3f  %10.0f %%  %10s  %8.3g%s\n", layer, told->distance,
                       told->norm > 0.0 ? 100.0 * told->distance / told->norm : 0.0, apart,
                       steer_contrast_suggest_strength (contrast, layer, get_norm (norms, layer)),
                       layer == best ? "  *" : "");
    }
}

static void
add_layer (JsonBuilder *builder, SteerContrast *contrast, GArray *norms, guint layer)
{
  const SteerContrastLayer *told = steer_contrast_get_layer (contrast, layer);

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "layer");
  json_builder_add_int_value (builder, layer);
  json_builder_set_member_name (builder, "distance");
  json_builder_add_double_value (builder, told->distance);
  json_builder_set_member_name (builder, "norm");
  json_builder_add_double_value (builder, told->norm);
  json_builder_set_member_name (builder, "told_apart");
  json_builder_add_int_value (builder, told->n_right);
  json_builder_set_member_name (builder, "judged");
  json_builder_add_int_value (builder, told->n_judged);
  json_builder_set_member_name (builder, "margin");
  json_builder_add_double_value (builder, told->margin);
  json_builder_set_member_name (builder, "strength");
  json_builder_add_double_value (builder, steer_contrast_suggest_strength (contrast, layer, get_norm (norms, layer)));
  json_builder_end_object (builder);
}

static void
print_json (SteerContrast *contrast, GArray *norms, guint chosen)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) node = NULL;

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "layer");
  json_builder_add_int_value (builder, chosen);
  json_builder_set_member_name (builder, "layers");
  json_builder_begin_array (builder);
  for (guint layer = 0; layer < steer_contrast_get_n_layers (contrast); layer++)
    add_layer (builder, contrast, norms, layer);
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  node = json_builder_get_root (builder);
  steer_cli_print_json (node, FALSE);
}

static char *
dup_label (void)
{
  g_autofree char *name = NULL;

  if (label != NULL)
    return g_utf8_make_valid (label, -1);
  name = g_filename_display_basename (output);
  return g_strndup (name, strlen (name) - strlen (".safetensors"));
}

static gboolean
write_feature (SteerEngine *engine,
               SteerContrast *contrast,
               const Task *task,
               GArray *norms,
               guint layer,
               GError **error)
{
  g_autoptr (SteerMadeFeature) feature = g_new0 (SteerMadeFeature, 1);
  double norm = get_norm (norms, layer);
  char strength[G_ASCII_DTOSTR_BUF_SIZE];
  g_autofree char *quoted = NULL;

  feature->layer = layer;
  feature->index = task->index;
  feature->label = dup_label ();
  feature->strength = steer_contrast_suggest_strength (contrast, layer, norm);
  feature->with = g_strdupv (task->with);
  feature->without = g_strdupv (task->without);
  feature->form = task->form;
  feature->model = steer_cli_engine_dup_property (engine, "model-name");
  if (!steer_made_feature_write (feature, contrast, norm, output, NULL, error))
    return FALSE;
  quoted = g_shell_quote (output);
  steer_cli_note ("steer with --vectors %s --steer %u:%" G_GUINT64_FORMAT "=%s\n", quoted, layer, task->index,
                  g_ascii_formatd (strength, sizeof strength, "%.3g", feature->strength));
  return TRUE;
}

static gboolean
contrast_examples (SteerEngine *engine, const Task *task, GError **error)
{
  g_autoptr (SteerContrast) contrast = NULL;
  g_autoptr (GArray) norms = NULL;
  guint n_layers = steer_model_get_config (steer_engine_get_model (engine))->n_layers;
  guint layer;

  if (task->layer >= n_layers)
    {
      g_set_error (error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE,
                   "--layer is %" G_GINT64_FORMAT "; the model has layers 0 to %u", task->layer, n_layers - 1);
      return FALSE;
    }
  contrast = run (engine, task, &norms, error);
  if (contrast == NULL)
    return FALSE;
  layer = task->layer >= 0 ? (guint) task->layer : steer_contrast_get_best_layer (contrast);
  if (as_json)
    print_json (contrast, norms, layer);
  else
    print_text (contrast, norms, layer);
  return output == NULL || write_feature (engine, contrast, task, norms, layer, error);
}

SteerCliStatus
steer_cli_contrast (int argc, char **argv)
{
  g_auto (SteerCliOptions) options = { 0 };
  g_auto (Task) task = { 0 };
  g_autoptr (GError) error = NULL;
  g_autofree char *model = NULL;
  g_autoptr (SteerEngine) engine = NULL;
  SteerCliStatus status;

  if (!steer_cli_options_parse (&options, &usage, entries, argc, argv, &status))
    return status;
  if (!read_task (&task, &error) || (model = steer_cli_options_dup_model (&options, &error)) == NULL
      || (engine = steer_cli_engine_load (&options, model, &error)) == NULL
      || !contrast_examples (engine, &task, &error))
    return steer_cli_fail (usage.name, error);
  return steer_cli_output_works () ? STEER_CLI_OK : STEER_CLI_FAILED;
}
