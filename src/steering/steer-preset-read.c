#include "steer-preset-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "steer-feature-private.h"

/* The schema's version that this program writes, and the newest it reads. */
#define NEWEST_VERSION 1

const char *const steer_preset_keys[] = { "version",
                                          "name",
                                          "description",
                                          "model",
                                          "system_prompt",
                                          "steer_prompt",
                                          "skip_special_tokens",
                                          "default_clamp",
                                          "master_enabled",
                                          "master_multiplier",
                                          "features",
                                          "sampling",
                                          NULL };

gboolean
steer_preset_read_sampling (const SteerYamlReader *reader,
                            const char *max_tokens_key,
                            SteerSampling *sampling,
                            SteerSamplingFields *fields,
                            GError **error)
{
  gboolean found[7];

  if (!steer_yaml_read_double (reader, "temperature", 0.0, STEER_SAMPLING_MAX_TEMPERATURE, &sampling->temperature,
                               &found[0], error)
      || !steer_yaml_read_uint (reader, "top_k", G_MAXINT, &sampling->top_k, &found[1], error)
      || !steer_yaml_read_double (reader, "top_p", STEER_SAMPLING_ABOVE_ZERO, 1.0, &sampling->top_p, &found[2], error)
      || !steer_yaml_read_double (reader, "min_p", 0.0, 1.0, &sampling->min_p, &found[3], error)
      || !steer_yaml_read_double (reader, "repetition_penalty", STEER_SAMPLING_ABOVE_ZERO, STEER_SAMPLING_MAX_PENALTY,
                                  &sampling->repetition_penalty, &found[4], error)
      || !steer_yaml_read_uint64 (reader, "seed", G_MAXUINT64, &sampling->seed, &found[5], error)
      || !steer_yaml_read_uint (reader, max_tokens_key, G_MAXINT, &sampling->max_tokens, &found[6], error))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (found); i++) /* in the order of SteerSamplingFields */
    *fields |= found[i] ? 1u << i : 0;
  return TRUE;
}

static gboolean
read_sampling_mapping (SteerPreset *self, SteerYaml *mapping, const char *name, GError **error)
{
  SteerYamlReader reader = { mapping, name };
  SteerSamplingFields fields = 0;
  SteerSampling sampling;
  g_autoptr (GPtrArray) extras = NULL;

  if (mapping->kind != STEER_YAML_MAPPING)
    {
      g_autofree char *found = steer_yaml_describe (mapping);

      return steer_yaml_fail (mapping, name, error, "expected a mapping for 'sampling', found %s", found);
    }
  steer_sampling_init (&sampling);
  if (!steer_preset_read_sampling (&reader, "max_tokens", &sampling, &fields, error))
    return FALSE;
  steer_preset_set_sampling_fields (self, &sampling, fields);
  extras = steer_yaml_collect_extras (mapping, steer_sampling_keys);
  steer_preset_set_sampling_extras (self, extras);
  return TRUE;
}

/* `mode: NAME`, or `clamp: true` of files from before there were more than two. */
static gboolean
read_mode (const SteerYamlReader *reader, SteerMode *mode, GError **error)
{
  SteerYaml *value = steer_yaml_lookup (reader->mapping, "mode");
  gboolean clamp = FALSE;
  g_autofree char *name = NULL;
  g_autofree char *found = NULL;

  if (!steer_yaml_read_boolean (reader, "clamp", &clamp, error)
      || !steer_yaml_read_string (reader, "mode", &name, error))
    return FALSE;
  *mode = clamp ? STEER_MODE_CLAMP : STEER_MODE_ADD;
  if (name == NULL)
    return TRUE;
  if (steer_mode_from_name (name, mode))
    return !clamp || *mode == STEER_MODE_CLAMP
           || steer_yaml_fail (value, reader->name, error, "'mode' is %s, but 'clamp' is true: leave 'clamp' out",
                               name);
  found = steer_yaml_describe (value);
  return steer_yaml_fail (value, reader->name, error, "expected %s for 'mode', found %s", steer_mode_list_names (),
                          found);
}

/* A condition that is not understood is not left out: the feature would act everywhere. */
static gboolean
read_condition (const SteerYamlReader *reader, SteerFeature *feature, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autofree char *text = NULL;
  SteerCondition condition;

  if (!steer_yaml_read_string (reader, "when", &text, error))
    return FALSE;
  if (text == NULL)
    return TRUE;
  if (!steer_condition_parse (text, &condition, &local))
    return steer_yaml_fail (steer_yaml_lookup (reader->mapping, "when"), reader->name, error, "%s", local->message);
  steer_feature_set_condition (feature, &condition);
  return TRUE;
}

static gboolean
read_feature (SteerPreset *self, SteerYaml *mapping, const char *name, GError **error)
{
  SteerYamlReader reader = { mapping, name };
  gboolean has_layer, has_index, has_strength;
  SteerMode mode = STEER_MODE_ADD;
  gboolean enabled = TRUE;
  guint layer = 0;
  guint64 index = 0;
  double strength = 0.0;
  g_autofree char *source = NULL;
  g_autofree char *label = NULL;
  g_autoptr (SteerFeature) feature = NULL;
  g_autoptr (GPtrArray) extras = NULL;

  if (mapping->kind != STEER_YAML_MAPPING)
    {
      g_autofree char *found = steer_yaml_describe (mapping);

      return steer_yaml_fail (mapping, name, error, "expected a feature with 'layer', 'index' and 'strength', found %s",
                              found);
    }
  if (!steer_yaml_read_uint (&reader, "layer", STEER_FEATURE_MAX_LAYER, &layer, &has_layer, error)
      || !steer_yaml_read_uint64 (&reader, "index", G_MAXUINT64, &index, &has_index, error)
      || !steer_yaml_read_string (&reader, "source", &source, error)
      || !steer_yaml_read_string (&reader, "label", &label, error)
      || !steer_yaml_read_double (&reader, "strength", -STEER_FEATURE_MAX_STRENGTH, STEER_FEATURE_MAX_STRENGTH,
                                  &strength, &has_strength, error)
      || !read_mode (&reader, &mode, error) || !steer_yaml_read_boolean (&reader, "enabled", &enabled, error))
    return FALSE;
  if (!has_layer || !has_index || !has_strength)
    return steer_yaml_fail (mapping, name, error,
                            "expected a feature with 'layer', 'index' and 'strength', found none called '%s'",
                            !has_layer   ? "layer"
                            : !has_index ? "index"
                                         : "strength");
  feature = steer_feature_new (layer, index);
  steer_feature_set_source (feature, source);
  steer_feature_set_label (feature, label);
  steer_feature_set_strength (feature, strength);
  steer_feature_set_mode (feature, mode);
  if (!read_condition (&reader, feature, error))
    return FALSE;
  steer_feature_set_enabled (feature, enabled);
  extras = steer_yaml_collect_extras (mapping, steer_feature_keys);
  steer_feature_set_extras (feature, extras);
  steer_preset_append (self, feature);
  return TRUE;
}

static gboolean
read_features (SteerPreset *self, SteerYaml *list, const char *name, GError **error)
{
  if (steer_yaml_is_null (list))
    return TRUE;
  if (list->kind != STEER_YAML_SEQUENCE)
    {
      g_autofree char *found = steer_yaml_describe (list);

      return steer_yaml_fail (list, name, error, "expected a list for 'features', found %s", found);
    }
  for (guint i = 0; i < list->children->len; i++)
    if (!read_feature (self, g_ptr_array_index (list->children, i), name, error))
      return FALSE;
  return TRUE;
}

static gboolean
check_version (const SteerYamlReader *reader, GError **error)
{
  SteerYaml *value = steer_yaml_lookup (reader->mapping, "version");
  guint version = NEWEST_VERSION;
  gboolean found;

  if (!steer_yaml_read_uint (reader, "version", G_MAXINT, &version, &found, error))
    return FALSE;
  if (!found && steer_yaml_lookup (reader->mapping, "features") == NULL)
    return steer_yaml_fail (reader->mapping, reader->name, error,
                            "expected a preset with 'version: 1' and 'features', found neither");
  if (version < 1 || version > NEWEST_VERSION)
    return steer_yaml_fail (value, reader->name, error,
                            "expected version %d, found version %u; a newer program wrote this preset", NEWEST_VERSION,
                            version);
  return TRUE;
}

static gboolean
read_texts (SteerPreset *self, const SteerYamlReader *reader, GError **error)
{
  g_autofree char *name = NULL;
  g_autofree char *description = NULL;
  g_autofree char *model = NULL;
  g_autofree char *system_prompt = NULL;

  if (!steer_yaml_read_string (reader, "name", &name, error)
      || !steer_yaml_read_string (reader, "description", &description, error)
      || !steer_yaml_read_string (reader, "model", &model, error)
      || !steer_yaml_read_string (reader, "system_prompt", &system_prompt, error))
    return FALSE;
  steer_preset_set_name (self, name);
  steer_preset_set_description (self, description);
  steer_preset_set_model_hint (self, model);
  steer_preset_set_system_prompt (self, system_prompt);
  return TRUE;
}

static gboolean
read_options (SteerPreset *self, const SteerYamlReader *reader, GError **error)
{
  gboolean steer_prompt = TRUE;
  gboolean skip_special = FALSE;
  gboolean default_clamp = FALSE;
  gboolean master_enabled = TRUE;
  double multiplier = 1.0;

  if (!steer_yaml_read_boolean (reader, "steer_prompt", &steer_prompt, error)
      || !steer_yaml_read_boolean (reader, "skip_special_tokens", &skip_special, error)
      || !steer_yaml_read_boolean (reader, "default_clamp", &default_clamp, error)
      || !steer_yaml_read_boolean (reader, "master_enabled", &master_enabled, error)
      || !steer_yaml_read_double (reader, "master_multiplier", 0.0, STEER_PRESET_MAX_MULTIPLIER, &multiplier, NULL,
                                  error))
    return FALSE;
  steer_preset_set_steer_prompt (self, steer_prompt);
  steer_preset_set_skip_special (self, skip_special);
  steer_preset_set_default_clamp (self, default_clamp);
  steer_preset_set_master_enabled (self, master_enabled);
  steer_preset_set_master_multiplier (self, multiplier);
  return TRUE;
}

gboolean
steer_preset_read_own (SteerPreset *self, SteerYaml *root, const char *name, GError **error)
{
  SteerYamlReader reader = { root, name };
  SteerYaml *features = steer_yaml_lookup (root, "features");
  SteerYaml *sampling = steer_yaml_lookup (root, "sampling");
  g_autoptr (GPtrArray) extras = steer_yaml_collect_extras (root, steer_preset_keys);

  steer_preset_set_extras (self, extras);
  return check_version (&reader, error) && read_texts (self, &reader, error) && read_options (self, &reader, error)
         && (features == NULL || read_features (self, features, name, error))
         && (sampling == NULL || steer_yaml_is_null (sampling) || read_sampling_mapping (self, sampling, name, error));
}

/* "Eiffel Tower" for "/somewhere/Eiffel Tower.yaml" */
static char *
make_name (const char *path)
{
  char *name = g_path_get_basename (path);
  char *dot = strrchr (name, '.');

  if (dot != NULL && dot != name && (g_str_equal (dot, ".yaml") || g_str_equal (dot, ".yml")))
    *dot = '\0';
  return name;
}

SteerPreset *
steer_preset_new_from_yaml (const char *yaml, gsize length, const char *name, GError **error)
{
  g_autoptr (SteerPreset) self = steer_preset_new ();
  g_autofree char *shown = g_utf8_make_valid (name != NULL ? name : "preset", -1);
  g_autoptr (SteerYaml) root = NULL;
  gboolean ok;

  g_return_val_if_fail (yaml != NULL || length == 0, NULL);
  root = steer_yaml_parse (yaml, length, shown, error);
  if (root == NULL)
    return NULL;
  if (root->kind != STEER_YAML_MAPPING)
    {
      g_autofree char *found = steer_yaml_describe (root);

      steer_yaml_fail (root, shown, error, "expected a preset (lines of 'key: value'), found %s", found);
      return NULL;
    }
  ok = steer_preset_is_demo (root) ? steer_preset_read_demo (self, root, shown, error)
                                   : steer_preset_read_own (self, root, shown, error);
  if (!ok)
    return NULL;
  if (steer_preset_get_name (self) == NULL)
    {
      g_autofree char *stem = make_name (shown);

      steer_preset_set_name (self, stem);
    }
  return g_steal_pointer (&self);
}

static gboolean
set_file_error (const char *path, int code, GError **error)
{
  g_autofree char *shown = g_filename_display_name (path);

  g_set_error (error, G_FILE_ERROR, (int) g_file_error_from_errno (code), "%s: cannot be read: %s", shown,
               g_strerror (code));
  return FALSE;
}

/* Reads at most one byte more than a preset may have, so that a huge file costs nothing. */
static gboolean
read_bounded (int fd, const char *path, GByteArray *bytes, GError **error)
{
  guint8 buffer[65536];

  while (bytes->len <= STEER_YAML_MAX_BYTES)
    {
      ssize_t n = read (fd, buffer, MIN (sizeof buffer, STEER_YAML_MAX_BYTES + 1 - (gsize) bytes->len));

      if (n == 0)
        return TRUE;
      if (n < 0 && errno != EINTR)
        return set_file_error (path, errno, error);
      if (n > 0)
        g_byte_array_append (bytes, buffer, (guint) n);
    }
  return TRUE;
}

SteerPreset *
steer_preset_new_from_file (const char *path, GError **error)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autofree char *shown = NULL;
  struct stat status;
  SteerPreset *preset = NULL;
  int fd;

  g_return_val_if_fail (path != NULL, NULL);
  shown = g_filename_display_name (path);
  fd = g_open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
  if (fd < 0)
    {
      set_file_error (path, errno, error);
      return NULL;
    }
  if (fstat (fd, &status) != 0)
    set_file_error (path, errno, error);
  else if (!S_ISREG (status.st_mode))
    steer_yaml_fail (NULL, shown, error, "expected a file, found a folder or a device");
  else if (status.st_size > STEER_YAML_MAX_BYTES)
    steer_yaml_fail (NULL, shown, error,
                     "expected a preset of at most 4 MiB, found %" G_GINT64_FORMAT
                     " bytes; is this another kind of file?",
                     (gint64) status.st_size);
  else if (read_bounded (fd, path, bytes, error))
    preset = steer_preset_new_from_yaml ((const char *) bytes->data, bytes->len, shown, error);
  close (fd);
  return preset;
}
