/* `steer extract`: the few directions that are needed, out of files of gigabytes. */
#include "steer-cli-extract.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "steer-cli-options.h"
#include "steer-cli-output.h"
#include "steer-cli-steering.h"
#include "steer-cli-thread.h"
#include "steering/steer-vector-library-writer.h"
#include "tensor/steer-torch-writer.h"

static char **sae_paths;
static char *layer_text;
static char *feature_list;
static char *preset_path;
static char *output;
static gboolean directions_only;
static gboolean as_json;

static const GOptionEntry entries[] = {
  { "sae", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &sae_paths,
    "An SAE, its folder, or another source of vectors; repeatable", "PATH[,layer=L…]" },
  { "layer", 'l', 0, G_OPTION_ARG_FILENAME, &layer_text, "The layer of the features that name none", "L" },
  { "features", 'f', 0, G_OPTION_ARG_FILENAME, &feature_list, "Which features", "I,…|L:I,…" },
  { "config", 0, 0, G_OPTION_ARG_FILENAME, &preset_path, "Features and strengths of a preset or a demo.yaml", "FILE" },
  { "preset", 0, 0, G_OPTION_ARG_FILENAME, &preset_path, "The same", "FILE" },
  { "output", 'o', 0, G_OPTION_ARG_FILENAME, &output, "The file to write", "FILE.safetensors|FILE.pt" },
  { "directions-only", 0, 0, G_OPTION_ARG_NONE, &directions_only,
    "Leave encoders out, which sae-clamp needs; reads half as much", NULL },
  { "json", 0, 0, G_OPTION_ARG_NONE, &as_json, "Say what was written as JSON", NULL },
  { 0 },
};

static const SteerCliUsage usage = {
  .name = "extract",
  .arguments = "[OPTION…] --sae PATH (--features LIST | --config FILE) -o FILE",
  .description
  = "Takes directions of features out of SAEs and writes them, of unit length, to a file that --vectors reads: a\n"
    "library in safetensors, with labels and strengths, or a .pt as the Eiffel Tower demonstration has it, a dict of\n"
    "(layer, index) to vectors. Only the pages of the SAE that hold these directions are read.\n"
    "Tells the norm of each in its SAE, its strength as a share of the layer's typical norm, and which of one layer\n"
    "nearly point the same way.",
  .examples = "  steer extract --sae resid_post_layer_15/trainer_1 --features 21576 -o eiffel.safetensors\n"
              "  steer extract --sae layer_11/ae.pt --sae layer_15/ae.pt --config demo.yaml -o steering_vectors.pt",
};

/* The work, done in a thread of its own so that Ctrl+C is heard. */
typedef struct
{
  SteerLibrary *library;
  GPtrArray *directions; /* (element-type SteerCliDirection) */
} Extraction;

static void
direction_free (gpointer data)
{
  SteerCliDirection *self = data;

  g_free (self->label);
  g_free (self->source);
  g_clear_pointer (&self->vector, g_bytes_unref);
  g_clear_pointer (&self->encoder, steer_encoder_unref);
  g_free (self);
}

static SteerCliDirection *
add_direction (GPtrArray *directions, guint layer, guint64 index)
{
  SteerCliDirection *direction = g_new0 (SteerCliDirection, 1);

  direction->layer = layer;
  direction->index = index;
  g_ptr_array_add (directions, direction);
  return direction;
}

/* "21576,5" with --layer, or "15:21576,11:5". */
static gboolean
read_features (GPtrArray *directions, GError **error)
{
  g_auto (GStrv) words = g_strsplit (feature_list, ",", -1);
  guint64 layer = 0;

  if (layer_text != NULL && !steer_cli_parse_uint (layer_text, "--layer", 0, STEER_FEATURE_MAX_LAYER, &layer, error))
    return FALSE;
  for (guint i = 0; words[i] != NULL; i++)
    {
      const char *end = NULL;
      guint own_layer = (guint) layer;
      guint64 index;

      g_strstrip (words[i]);
      if (steer_cli_parse_address (words[i], &own_layer, &index, &end) && *end == '\0')
        add_direction (directions, own_layer, index);
      else if (layer_text == NULL && strchr (words[i], ':') == NULL)
        {
          g_set_error (error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE,
                       "--features names \"%s\" without a layer: give --layer, or write LAYER:INDEX", words[i]);
          return FALSE;
        }
      else if (!steer_cli_parse_uint (words[i], "a feature of --features", 0, G_MAXINT64, &index, error))
        return FALSE;
      else
        add_direction (directions, (guint) layer, index);
    }
  return TRUE;
}

static gboolean
read_preset (GPtrArray *directions, GError **error)
{
  g_autoptr (SteerPreset) preset = steer_cli_open_preset (preset_path, error);

  if (preset == NULL)
    return FALSE;
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (preset)); i++)
    {
      g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (preset), i);
      SteerCliDirection *direction
        = add_direction (directions, steer_feature_get_layer (feature), steer_feature_get_index (feature));

      direction->strength = steer_feature_get_strength (feature);
      direction->label = g_strdup (steer_feature_get_label (feature));
    }
  return TRUE;
}

static gboolean
check_twice (GPtrArray *directions, GError **error)
{
  for (guint i = 0; i < directions->len; i++)
    for (guint j = 0; j < i; j++)
      {
        const SteerCliDirection *a = g_ptr_array_index (directions, i);
        const SteerCliDirection *b = g_ptr_array_index (directions, j);

        if (a->layer != b->layer || a->index != b->index)
          continue;
        g_set_error (error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE,
                     "feature %" G_GUINT64_FORMAT " of layer %u is named twice", a->index, a->layer);
        return FALSE;
      }
  return TRUE;
}

static gboolean
open_sources (SteerLibrary *library, GError **error)
{
  SteerSourceHints hints;
  guint64 layer;

  steer_source_hints_init (&hints);
  /* An SAE whose name does not tell its layer is for the layer that is asked for. */
  if (layer_text != NULL && g_strv_length (sae_paths) == 1
      && g_ascii_string_to_unsigned (layer_text, 10, 0, STEER_FEATURE_MAX_LAYER, &layer, NULL))
    hints.fallback_layer = (int) layer;
  for (guint i = 0; sae_paths[i] != NULL; i++)
    {
      g_autoptr (SteerVectorSource) source = steer_cli_open_source (sae_paths[i], &hints, error);

      if (source == NULL)
        return FALSE;
      steer_library_add (library, source);
    }
  return TRUE;
}

static SteerVectorSource *
find_source (SteerLibrary *library, const SteerCliDirection *direction, GError **error)
{
  g_autoptr (GPtrArray) sources = steer_library_list_sources (library);

  for (guint i = 0; i < sources->len; i++)
    {
      SteerVectorSource *source = g_ptr_array_index (sources, i);

      if (steer_vector_source_has_vector (source, direction->layer, direction->index))
        return g_object_ref (source);
    }
  g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_NOT_FOUND,
               "none of the sources has feature %" G_GUINT64_FORMAT
               " of layer %u: name the SAE of that layer with --sae",
               direction->index, direction->layer);
  return NULL;
}

static void
describe (SteerCliDirection *direction, SteerVectorSource *source)
{
  g_autoptr (SteerFeatureInfo) info = steer_vector_source_dup_info (source, direction->layer, direction->index);

  direction->source = g_strdup (steer_vector_source_get_id (source));
  direction->layer_norm = steer_vector_source_get_layer_norm (source, direction->layer);
  if (info == NULL)
    return;
  if (direction->label == NULL)
    direction->label = g_strdup (info->label);
  if (direction->strength == 0.0)
    direction->strength = info->recommended;
  direction->minimum = info->minimum;
  direction->maximum = info->maximum;
}

static gboolean
writes_torch (void)
{
  return g_str_has_suffix (output, ".pt");
}

/* A .pt has no place for them. */
static gboolean
writes_encoders (void)
{
  return !directions_only && !writes_torch ();
}

/* A source without encoders still has directions. */
static gboolean
read_encoder (SteerCliDirection *direction, SteerVectorSource *source, GCancellable *cancellable, GError **error)
{
  g_autoptr (GError) local = NULL;

  if (!writes_encoders ())
    return TRUE;
  direction->encoder
    = steer_vector_source_load_encoder (source, direction->layer, direction->index, cancellable, &local);
  if (direction->encoder != NULL || g_error_matches (local, STEER_STEERING_ERROR, STEER_STEERING_ERROR_NOT_FOUND)
      || g_error_matches (local, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

static gboolean
read_direction (SteerCliDirection *direction, SteerVectorSource *source, GCancellable *cancellable, GError **error)
{
  guint d_model = steer_vector_source_get_d_model (source);
  SteerSae *sae = steer_sae_find (source, direction->layer);
  g_autofree float *vector = NULL; /* [d_model] */

  describe (direction, source);
  if (!read_encoder (direction, source, cancellable, error))
    return FALSE;
  if (sae == NULL)
    {
      direction->vector
        = steer_vector_source_load_vector (source, direction->layer, direction->index, cancellable, error);
      return direction->vector != NULL;
    }
  vector = g_new (float, d_model);
  if (!steer_sae_read_direction (sae, direction->index, vector, &direction->norm, cancellable, error))
    return FALSE;
  direction->vector = g_bytes_new_take (g_steal_pointer (&vector), d_model * sizeof (float));
  return TRUE;
}

static gboolean
check_widths (GPtrArray *directions, GError **error)
{
  const SteerCliDirection *first = g_ptr_array_index (directions, 0);

  for (guint i = 1; i < directions->len; i++)
    {
      const SteerCliDirection *direction = g_ptr_array_index (directions, i);

      if (g_bytes_get_size (direction->vector) == g_bytes_get_size (first->vector))
        continue;
      g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_MISMATCH,
                   "the directions of %s have %" G_GSIZE_FORMAT " numbers, those of %s %" G_GSIZE_FORMAT
                   ": they are for different models",
                   first->source, g_bytes_get_size (first->vector) / sizeof (float), direction->source,
                   g_bytes_get_size (direction->vector) / sizeof (float));
      return FALSE;
    }
  return TRUE;
}

static gboolean
write_library (GPtrArray *directions, gsize d_model, GCancellable *cancellable, GError **error)
{
  g_autofree SteerLibraryVector *vectors = g_new0 (SteerLibraryVector, directions->len); /* [n] */

  for (guint i = 0; i < directions->len; i++)
    {
      const SteerCliDirection *direction = g_ptr_array_index (directions, i);

      vectors[i] = (SteerLibraryVector){ .layer = direction->layer,
                                         .index = direction->index,
                                         .label = direction->label,
                                         .strength = direction->strength,
                                         .minimum = direction->minimum,
                                         .maximum = direction->maximum,
                                         .layer_norm = direction->layer_norm,
                                         .vector = g_bytes_get_data (direction->vector, NULL),
                                         .encoder = direction->encoder };
    }
  return steer_vector_library_write (output, vectors, directions->len, (guint) d_model, NULL, cancellable, error);
}

static gboolean
write_torch (GPtrArray *directions, gsize d_model, GCancellable *cancellable, GError **error)
{
  g_autofree SteerTorchVector *vectors = g_new0 (SteerTorchVector, directions->len); /* [n] */

  for (guint i = 0; i < directions->len; i++)
    {
      const SteerCliDirection *direction = g_ptr_array_index (directions, i);

      vectors[i].layer = direction->layer;
      vectors[i].index = direction->index;
      vectors[i].values = g_bytes_get_data (direction->vector, NULL);
    }
  return steer_torch_write_vectors (output, vectors, directions->len, (guint) d_model, cancellable, error);
}

static void
prefetch (SteerLibrary *library, GPtrArray *directions)
{
  for (guint i = 0; i < directions->len; i++)
    {
      const SteerCliDirection *direction = g_ptr_array_index (directions, i);
      g_autoptr (SteerVectorSource) source = find_source (library, direction, NULL);
      SteerSae *sae = source != NULL ? steer_sae_find (source, direction->layer) : NULL;

      if (sae != NULL)
        {
          steer_sae_prefetch_direction (sae, direction->index);
          if (writes_encoders ())
            steer_sae_prefetch_encoder (sae, direction->index);
        }
    }
}

static gboolean
extract (gpointer data, GCancellable *cancellable, GError **error)
{
  Extraction *self = data;
  gboolean show = isatty (STDERR_FILENO);
  const SteerCliDirection *first;
  gsize d_model;

  prefetch (self->library, self->directions);
  for (guint i = 0; i < self->directions->len; i++)
    {
      SteerCliDirection *direction = g_ptr_array_index (self->directions, i);
      g_autoptr (SteerVectorSource) source = find_source (self->library, direction, error);

      if (show)
        steer_cli_note ("%u of %u: layer %u, feature %" G_GUINT64_FORMAT "\n", i + 1, self->directions->len,
                        direction->layer, direction->index);
      if (source == NULL || !read_direction (direction, source, cancellable, error))
        return FALSE;
    }
  if (!check_widths (self->directions, error))
    return FALSE;
  first = g_ptr_array_index (self->directions, 0);
  d_model = g_bytes_get_size (first->vector) / sizeof (float);
  return writes_torch () ? write_torch (self->directions, d_model, cancellable, error)
                         : write_library (self->directions, d_model, cancellable, error);
}

static gboolean
check_options (GError **error)
{
  const char *lacks = NULL;

  if (sae_paths == NULL)
    lacks = "name an SAE with --sae";
  else if (feature_list == NULL && preset_path == NULL)
    lacks = "say which features, with --features or --config";
  else if (output == NULL)
    lacks = "name the file to write with -o";
  else if (!g_str_has_suffix (output, ".safetensors") && !g_str_has_suffix (output, ".pt"))
    lacks = "the file to write ends in .safetensors or .pt";
  if (lacks != NULL)
    g_set_error_literal (error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE, lacks);
  return lacks == NULL;
}

SteerCliStatus
steer_cli_extract (int argc, char **argv)
{
  g_auto (SteerCliOptions) options = { 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerLibrary) library = steer_library_new ();
  g_autoptr (GPtrArray) directions = g_ptr_array_new_with_free_func (direction_free);
  Extraction extraction = { library, directions };
  SteerCliStatus status;

  if (!steer_cli_options_parse (&options, &usage, entries, argc, argv, &status))
    return status;
  if (!check_options (&error) || (feature_list != NULL && !read_features (directions, &error))
      || (preset_path != NULL && !read_preset (directions, &error)) || !check_twice (directions, &error))
    return steer_cli_fail (usage.name, error);
  if (directions->len == 0)
    {
      g_set_error_literal (&error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE, "there is no feature to extract");
      return steer_cli_fail (usage.name, error);
    }
  if (!open_sources (library, &error) || !steer_cli_run_in_thread (extract, &extraction, &error))
    return steer_cli_fail (usage.name, error);
  if (as_json)
    steer_cli_extract_print_json (directions, output);
  else
    steer_cli_extract_print_text (directions, output);
  return steer_cli_output_works () ? STEER_CLI_OK : STEER_CLI_FAILED;
}
