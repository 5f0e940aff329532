/* How `steer info` tells what it found: as text and as JSON. */
#include "steer-cli-info.h"

#include <string.h>

#include "steer-cli-output.h"
#include "steer-cli-steering.h"
#include "steering/steer-sae.h"

/* Metadata longer than this is cut in the text. */
#define MAX_METADATA_CHARS 120

/* Features listed in the text. */
#define MAX_FEATURES 100

static void
append_safe (GString *out, const char *text)
{
  steer_cli_append_safe (out, text, strlen (text));
}

/* "model.layers.*.mlp.up_proj.weight": numbers between dots become a star. Free with g_free(). */
static char *
dup_pattern (const char *name)
{
  g_auto (GStrv) parts = g_strsplit (name, ".", -1);

  for (guint i = 0; parts[i] != NULL; i++)
    {
      if (*parts[i] != '\0' && strspn (parts[i], "0123456789") == strlen (parts[i]))
        {
          g_free (parts[i]);
          parts[i] = g_strdup ("*");
        }
    }
  return g_strjoinv (".", parts);
}

/* The line of a tensor; @folded: tensors that differ in a number only have the same. Free with g_free(). */
static char *
dup_tensor_line (const SteerTensor *tensor, gboolean folded)
{
  g_autofree char *shape = steer_tensor_dup_shape_string (tensor);
  g_autofree char *name = folded ? dup_pattern (tensor->name) : g_strdup (tensor->name);
  g_autofree char *safe = steer_cli_dup_safe (name);

  return g_strdup_printf ("%-5s %-16s %s", steer_dtype_get_name (tensor->dtype), shape, safe);
}

static void
append_tensors (GString *out, SteerArchive *archive, gboolean all)
{
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GHashTable) counts = g_hash_table_new (g_str_hash, g_str_equal);
  g_autofree char *size = g_format_size (steer_archive_get_file_size (archive));
  guint n_tensors = steer_archive_get_n_tensors (archive);

  g_string_append_printf (out, "%s, %s, %u tensor%s\n", steer_archive_get_format (archive), size, n_tensors,
                          n_tensors == 1 ? "" : "s");
  for (guint i = 0; i < n_tensors; i++)
    {
      char *line = dup_tensor_line (steer_archive_get_tensor (archive, i), !all);
      guint n = GPOINTER_TO_UINT (g_hash_table_lookup (counts, line));

      if (n == 0)
        {
          g_ptr_array_add (lines, line);
          g_hash_table_insert (counts, line, GUINT_TO_POINTER (1));
          continue;
        }
      g_hash_table_insert (counts, line, GUINT_TO_POINTER (n + 1));
      g_free (line);
    }
  for (guint i = 0; i < lines->len; i++)
    {
      const char *line = g_ptr_array_index (lines, i);
      guint n = GPOINTER_TO_UINT (g_hash_table_lookup (counts, line));

      g_string_append_printf (out, "  %s", line);
      if (n > 1)
        g_string_append_printf (out, "  (%u)", n);
      g_string_append_c (out, '\n');
    }
}

static void
append_metadata (GString *out, SteerArchive *archive)
{
  g_autofree const char **keys = steer_archive_list_metadata (archive);

  for (guint i = 0; keys[i] != NULL; i++)
    {
      const char *value = steer_archive_get_metadata (archive, keys[i]);
      gboolean cut = g_utf8_strlen (value, -1) > MAX_METADATA_CHARS;
      g_autofree char *start = cut ? g_utf8_substring (value, 0, MAX_METADATA_CHARS) : g_strdup (value);

      g_string_append (out, "  ");
      append_safe (out, keys[i]);
      g_string_append (out, " = ");
      append_safe (out, start);
      g_string_append (out, cut ? "…\n" : "\n");
    }
}

static void
append_feature (GString *out, guint layer, guint64 index, const char *label)
{
  g_string_append_printf (out, "  %u:%-8" G_GUINT64_FORMAT " ", layer, index);
  if (label != NULL)
    append_safe (out, label);
}

/* "193 Q4_K, 33 Q6_K, 66 F32": how many tensors are stored as what, the most bytes first. */
static char *
dup_mix (SteerArchive *archive)
{
  guint counts[STEER_N_DTYPES] = { 0 };
  guint64 bytes[STEER_N_DTYPES] = { 0 };
  g_autoptr (GString) mix = g_string_new (NULL);

  for (guint i = 0; i < steer_archive_get_n_tensors (archive); i++)
    {
      const SteerTensor *tensor = steer_archive_get_tensor (archive, i);

      counts[tensor->dtype]++;
      bytes[tensor->dtype] += tensor->n_bytes;
    }
  for (;;)
    {
      guint most = 0;

      for (guint i = 0; i < STEER_N_DTYPES; i++)
        if (counts[i] > 0 && (counts[most] == 0 || bytes[i] > bytes[most]))
          most = i;
      if (counts[most] == 0)
        return g_string_free (g_steal_pointer (&mix), FALSE);
      g_string_append_printf (mix, "%s%u %s", mix->len > 0 ? ", " : "", counts[most],
                              steer_dtype_get_name ((SteerDtype) most));
      counts[most] = 0;
    }
}

static void
append_sampling (GString *out, const SteerModelConfig *config)
{
  const char *separator = "its authors advise ";

  for (guint i = 0; i < STEER_SAMPLING_N_MEASURES; i++)
    if (config->sampling_fields & 1u << i)
      {
        g_string_append_printf (out, "%s%s %g", separator, steer_sampling_keys[i],
                                steer_sampling_get (&config->sampling, 1u << i));
        separator = ", ";
      }
  if (config->sampling_fields != 0)
    g_string_append_c (out, '\n');
}

static void
append_model (GString *out, const SteerCliInfo *self, gboolean all_tensors)
{
  if (self->has_config)
    {
      g_autofree char *summary = steer_model_config_dup_summary (&self->config);

      g_string_append_printf (out, "%s\n", summary);
      g_string_append_printf (out, "context %u tokens, vocabulary %u\n", self->config.n_context, self->config.n_vocab);
      append_sampling (out, &self->config);
    }
  if (self->archive != NULL && steer_archive_get_n_tensors (self->archive) > 0)
    {
      g_autofree char *mix = dup_mix (self->archive);

      g_string_append_printf (out, "tensors stored as %s\n", mix);
    }
  if (self->tokenizer != NULL)
    g_string_append_printf (out, "tokenizer with %u tokens\n", steer_tokenizer_get_n_tokens (self->tokenizer));
  if (self->template != NULL)
    g_string_append_printf (out, "chat template of the family %s\n",
                            steer_template_family_get_name (steer_chat_template_get_family (self->template)));
  if (self->archive != NULL)
    append_tensors (out, self->archive, all_tensors);
  if (self->lacks->len > 0)
    g_string_append (out, "lacks:\n");
  for (guint i = 0; i < self->lacks->len; i++)
    {
      g_string_append (out, "  ");
      append_safe (out, g_ptr_array_index (self->lacks, i));
      g_string_append_c (out, '\n');
    }
}

static void
append_info (GString *out, const SteerFeatureInfo *info)
{
  append_feature (out, info->layer, info->index, info->label);
  if (info->recommended != 0.0)
    g_string_append_printf (out, "  (strength %g", info->recommended);
  if (info->minimum != 0.0 || info->maximum != 0.0)
    g_string_append_printf (out, "%srange %g … %g", info->recommended != 0.0 ? ", " : "  (", info->minimum,
                            info->maximum);
  if (info->recommended != 0.0 || info->minimum != 0.0 || info->maximum != 0.0)
    g_string_append_c (out, ')');
  g_string_append_c (out, '\n');
}

static void
append_vectors (GString *out, SteerVectorSource *source)
{
  g_autoptr (GPtrArray) infos = steer_vector_source_list_infos (source);
  guint n = MIN (infos->len, MAX_FEATURES);

  if (STEER_IS_SAE (source))
    {
      SteerSae *sae = STEER_SAE (source);

      g_string_append_printf (out, "%s behind layer %u, %" G_GUINT64_FORMAT " features of width %u\n",
                              steer_sae_get_format (sae), steer_sae_get_layer (sae), steer_sae_get_n_features (sae),
                              steer_sae_get_d_model (sae));
      g_string_append_printf (out, "%u of them have labels\n", infos->len);
    }
  else
    g_string_append_printf (out, "%u feature%s, vectors of width %u\n", infos->len, infos->len == 1 ? "" : "s",
                            steer_vector_source_get_d_model (source));
  for (guint i = 0; i < n; i++)
    append_info (out, g_ptr_array_index (infos, i));
  if (infos->len > n)
    g_string_append_printf (out, "  … and %u more; --json lists them all\n", infos->len - n);
}

static void
append_examples (GString *out, const char *title, char **examples)
{
  if (examples[0] != NULL)
    g_string_append_printf (out, "%s\n", title);
  for (guint i = 0; examples[i] != NULL; i++)
    {
      g_string_append (out, "  ");
      append_safe (out, examples[i]);
      g_string_append_c (out, '\n');
    }
}

static void
append_made (GString *out, const SteerMadeFeature *made)
{
  if (made->model != NULL)
    {
      g_string_append (out, "made for ");
      append_safe (out, made->model);
      g_string_append_c (out, '\n');
    }
  append_examples (out, made->form == STEER_EXAMPLES_AS_TEXT ? "of texts like" : "of replies like", made->with);
  append_examples (out, "and unlike", made->without);
}

static void
append_preset (GString *out, SteerPreset *preset)
{
  const char *description = steer_preset_get_description (preset);
  const char *hint = steer_preset_get_model_hint (preset);
  guint n = g_list_model_get_n_items (G_LIST_MODEL (preset));

  if (description != NULL && *description != '\0')
    {
      append_safe (out, description);
      g_string_append_c (out, '\n');
    }
  if (hint != NULL && *hint != '\0')
    {
      g_string_append (out, "made for ");
      append_safe (out, hint);
      g_string_append_c (out, '\n');
    }
  g_string_append_printf (out, "%u feature%s\n", n, n == 1 ? "" : "s");
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (preset), i);

      append_feature (out, steer_feature_get_layer (feature), steer_feature_get_index (feature),
                      steer_feature_get_label (feature));
      steer_cli_append_strength (out, feature);
      g_string_append_c (out, '\n');
    }
}

void
steer_cli_info_print_text (const SteerCliInfo *self, gboolean all_tensors)
{
  static const char *const titles[] = {
    [STEER_CLI_INFO_MODEL] = "a model",
    [STEER_CLI_INFO_ARCHIVE] = "tensors",
    [STEER_CLI_INFO_VECTORS] = "steering vectors",
    [STEER_CLI_INFO_PRESET] = "a preset",
    [STEER_CLI_INFO_TOKENIZER] = "a tokenizer",
  };
  g_autoptr (GString) out = g_string_new (NULL);

  append_safe (out, self->path);
  g_string_append_printf (out, ": %s\n", titles[self->kind]);
  switch (self->kind)
    {
    case STEER_CLI_INFO_MODEL:
      append_model (out, self, all_tensors);
      break;
    case STEER_CLI_INFO_ARCHIVE:
      append_tensors (out, self->archive, all_tensors);
      append_metadata (out, self->archive);
      break;
    case STEER_CLI_INFO_VECTORS:
      if (self->archive != NULL)
        append_tensors (out, self->archive, all_tensors);
      append_vectors (out, self->vectors);
      if (self->made != NULL)
        append_made (out, self->made);
      break;
    case STEER_CLI_INFO_PRESET:
      append_preset (out, self->preset);
      break;
    case STEER_CLI_INFO_TOKENIZER:
    default:
      g_string_append_printf (out, "%u tokens\n", steer_tokenizer_get_n_tokens (self->tokenizer));
      break;
    }
  steer_cli_write (out->str, out->len);
}

static void
add_string (JsonBuilder *json, const char *name, const char *value)
{
  g_autofree char *valid = value != NULL ? g_utf8_make_valid (value, -1) : NULL;

  json_builder_set_member_name (json, name);
  if (valid != NULL)
    json_builder_add_string_value (json, valid);
  else
    json_builder_add_null_value (json);
}

static void
add_int (JsonBuilder *json, const char *name, guint64 value)
{
  json_builder_set_member_name (json, name);
  json_builder_add_int_value (json, (gint64) value);
}

static void
add_double (JsonBuilder *json, const char *name, double value)
{
  json_builder_set_member_name (json, name);
  json_builder_add_double_value (json, value);
}

static void
add_archive (JsonBuilder *json, SteerArchive *archive)
{
  g_autofree const char **keys = steer_archive_list_metadata (archive);

  add_string (json, "format", steer_archive_get_format (archive));
  add_int (json, "bytes", steer_archive_get_file_size (archive));
  json_builder_set_member_name (json, "tensors");
  json_builder_begin_array (json);
  for (guint i = 0; i < steer_archive_get_n_tensors (archive); i++)
    {
      const SteerTensor *tensor = steer_archive_get_tensor (archive, i);

      json_builder_begin_object (json);
      add_string (json, "name", tensor->name);
      add_string (json, "dtype", steer_dtype_get_name (tensor->dtype));
      json_builder_set_member_name (json, "shape");
      json_builder_begin_array (json);
      for (guint d = 0; d < tensor->n_dims; d++)
        json_builder_add_int_value (json, tensor->shape[d]);
      json_builder_end_array (json);
      json_builder_end_object (json);
    }
  json_builder_end_array (json);
  json_builder_set_member_name (json, "metadata");
  json_builder_begin_object (json);
  for (guint i = 0; keys[i] != NULL; i++)
    add_string (json, keys[i], steer_archive_get_metadata (archive, keys[i]));
  json_builder_end_object (json);
}

static void
add_config (JsonBuilder *json, const SteerModelConfig *config)
{
  g_autofree char *summary = steer_model_config_dup_summary (config);

  json_builder_set_member_name (json, "config");
  json_builder_begin_object (json);
  add_string (json, "summary", summary);
  add_int (json, "n_parameters", steer_model_config_get_n_parameters (config));
  add_int (json, "n_layers", config->n_layers);
  add_int (json, "d_model", config->d_model);
  add_int (json, "n_heads", config->n_heads);
  add_int (json, "n_kv_heads", config->n_kv_heads);
  add_int (json, "head_dim", config->head_dim);
  add_int (json, "d_ff", config->d_ff);
  add_int (json, "n_vocab", config->n_vocab);
  add_int (json, "n_context", config->n_context);
  json_builder_set_member_name (json, "sampling");
  json_builder_begin_object (json);
  for (guint i = 0; i < STEER_SAMPLING_N_MEASURES; i++)
    if (config->sampling_fields & 1u << i)
      add_double (json, steer_sampling_keys[i], steer_sampling_get (&config->sampling, 1u << i));
  json_builder_end_object (json);
  json_builder_end_object (json);
}

static void
add_model (JsonBuilder *json, const SteerCliInfo *self)
{
  if (self->has_config)
    add_config (json, &self->config);
  if (self->tokenizer != NULL)
    add_int (json, "tokenizer_tokens", steer_tokenizer_get_n_tokens (self->tokenizer));
  add_string (json, "template",
              self->template != NULL ? steer_template_family_get_name (steer_chat_template_get_family (self->template))
                                     : NULL);
  json_builder_set_member_name (json, "lacks");
  json_builder_begin_array (json);
  for (guint i = 0; i < self->lacks->len; i++)
    {
      g_autofree char *valid = g_utf8_make_valid (g_ptr_array_index (self->lacks, i), -1);

      json_builder_add_string_value (json, valid);
    }
  json_builder_end_array (json);
}

static void
add_strings (JsonBuilder *json, const char *name, char **strings)
{
  json_builder_set_member_name (json, name);
  json_builder_begin_array (json);
  for (guint i = 0; strings[i] != NULL; i++)
    json_builder_add_string_value (json, strings[i]);
  json_builder_end_array (json);
}

static void
add_made (JsonBuilder *json, const SteerMadeFeature *made)
{
  json_builder_set_member_name (json, "made");
  json_builder_begin_object (json);
  add_string (json, "model", made->model);
  add_string (json, "form", made->form == STEER_EXAMPLES_AS_TEXT ? "text" : "reply");
  add_strings (json, "with", made->with);
  add_strings (json, "without", made->without);
  json_builder_end_object (json);
}

static void
add_vectors (JsonBuilder *json, SteerVectorSource *source)
{
  g_autoptr (GPtrArray) infos = steer_vector_source_list_infos (source);

  add_int (json, "d_model", steer_vector_source_get_d_model (source));
  if (STEER_IS_SAE (source))
    {
      add_string (json, "sae", steer_sae_get_format (STEER_SAE (source)));
      add_int (json, "layer", steer_sae_get_layer (STEER_SAE (source)));
      add_int (json, "n_features", steer_sae_get_n_features (STEER_SAE (source)));
    }
  json_builder_set_member_name (json, "features");
  json_builder_begin_array (json);
  for (guint i = 0; i < infos->len; i++)
    {
      const SteerFeatureInfo *info = g_ptr_array_index (infos, i);

      json_builder_begin_object (json);
      add_int (json, "layer", info->layer);
      add_int (json, "index", info->index);
      add_string (json, "label", info->label);
      add_double (json, "strength", info->recommended);
      add_double (json, "minimum", info->minimum);
      add_double (json, "maximum", info->maximum);
      json_builder_end_object (json);
    }
  json_builder_end_array (json);
}

static void
add_preset (JsonBuilder *json, SteerPreset *preset)
{
  add_string (json, "name", steer_preset_get_name (preset));
  add_string (json, "description", steer_preset_get_description (preset));
  add_string (json, "model_hint", steer_preset_get_model_hint (preset));
  add_string (json, "system_prompt", steer_preset_get_system_prompt (preset));
  json_builder_set_member_name (json, "features");
  json_builder_begin_array (json);
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (preset)); i++)
    {
      g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (preset), i);

      json_builder_begin_object (json);
      add_int (json, "layer", steer_feature_get_layer (feature));
      add_int (json, "index", steer_feature_get_index (feature));
      add_string (json, "label", steer_feature_get_label (feature));
      add_double (json, "strength", steer_feature_get_strength (feature));
      add_string (json, "mode", steer_mode_get_name (steer_feature_get_mode (feature)));
      if (steer_feature_get_when (feature) != NULL)
        add_string (json, "when", steer_feature_get_when (feature));
      json_builder_set_member_name (json, "enabled");
      json_builder_add_boolean_value (json, steer_feature_get_enabled (feature));
      json_builder_end_object (json);
    }
  json_builder_end_array (json);
}

void
steer_cli_info_print_json (const SteerCliInfo *self)
{
  g_autoptr (JsonBuilder) json = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;

  json_builder_begin_object (json);
  add_string (json, "path", self->path);
  add_string (json, "kind", steer_cli_info_get_kind_name (self));
  if (self->kind == STEER_CLI_INFO_MODEL)
    add_model (json, self);
  if (self->archive != NULL)
    add_archive (json, self->archive);
  if (self->vectors != NULL)
    add_vectors (json, self->vectors);
  if (self->made != NULL)
    add_made (json, self->made);
  if (self->preset != NULL)
    add_preset (json, self->preset);
  if (self->kind == STEER_CLI_INFO_TOKENIZER)
    add_int (json, "tokenizer_tokens", steer_tokenizer_get_n_tokens (self->tokenizer));
  json_builder_end_object (json);
  root = json_builder_get_root (json);
  steer_cli_print_json (root, TRUE);
}
