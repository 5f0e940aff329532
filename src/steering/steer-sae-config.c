#include "steer-sae-private.h"

#include <string.h>

#include "steer-feature.h"
#include "tensor/steer-json-scanner.h"

#define MAX_CONFIG_BYTES (16 << 20)
/* Of a nested key; nothing that is looked for is as long. */
#define MAX_KEY_BYTES 128

/* The objects that keys may stand in, besides the top: dictionary_learning, SAELens 6, and dicts in a .pt. */
static const char *const scopes[] = { "", "trainer.", "metadata.", "cfg.", "config.", "hyperparams." };

static gboolean
flatten (SteerJsonScanner *json, SteerJsonToken token, GString *path, GHashTable *values, GError **error)
{
  gsize length = path->len;
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  if (length > MAX_KEY_BYTES && token != STEER_JSON_ERROR)
    return steer_json_scanner_skip (json, error);
  switch (token)
    {
    case STEER_JSON_OBJECT_BEGIN:
      while ((token = steer_json_scanner_next (json, error)) == STEER_JSON_KEY)
        {
          if (path->len > 0)
            g_string_append_c (path, '.');
          g_string_append (path, steer_json_scanner_get_string (json, NULL));
          if (!flatten (json, steer_json_scanner_next (json, error), path, values, error))
            return FALSE;
          g_string_truncate (path, length);
        }
      return token == STEER_JSON_OBJECT_END;
    case STEER_JSON_ARRAY_BEGIN:
      return steer_json_scanner_skip (json, error);
    case STEER_JSON_STRING:
      g_hash_table_insert (values, g_strdup (path->str), g_strdup (steer_json_scanner_get_string (json, NULL)));
      return TRUE;
    case STEER_JSON_NUMBER:
      g_ascii_formatd (buffer, sizeof buffer, "%.17g", steer_json_scanner_get_double (json));
      g_hash_table_insert (values, g_strdup (path->str), g_strdup (buffer));
      return TRUE;
    case STEER_JSON_TRUE:
    case STEER_JSON_FALSE:
      g_hash_table_insert (values, g_strdup (path->str), g_strdup (token == STEER_JSON_TRUE ? "true" : "false"));
      return TRUE;
    case STEER_JSON_NULL:
      return TRUE;
    case STEER_JSON_ERROR:
    case STEER_JSON_END:
    case STEER_JSON_OBJECT_END:
    case STEER_JSON_ARRAY_END:
    case STEER_JSON_KEY:
    default:
      return FALSE;
    }
}

static gboolean
read_json (SteerSaeConfig *self, const char *path, GError **error)
{
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GFileInfo) info = g_file_query_info (file, "standard::size", G_FILE_QUERY_INFO_NONE, NULL, error);
  g_autoptr (SteerJsonScanner) json = NULL;
  g_autoptr (GString) key = g_string_new (NULL);
  g_autoptr (GError) local = NULL;
  g_autofree char *text = NULL;
  gsize length;

  if (info == NULL)
    return FALSE;
  if (g_file_info_get_size (info) > MAX_CONFIG_BYTES)
    {
      g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID, "%s: over the limit of %d bytes", path,
                   MAX_CONFIG_BYTES);
      return FALSE;
    }
  if (!g_file_get_contents (path, &text, &length, error))
    return FALSE;
  json = steer_json_scanner_new (text, length, path);
  if (!flatten (json, steer_json_scanner_next (json, &local), key, self->values, &local)
      || steer_json_scanner_next (json, &local) != STEER_JSON_END)
    {
      g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID, "%s",
                   local != NULL ? local->message : "not a JSON object");
      return FALSE;
    }
  self->path = g_strdup (path);
  return TRUE;
}

/* The config's path, or NULL where there is none. */
static char *
find_json (const char *weights)
{
  static const char *const names[] = { "cfg.json", "hyperparams.json", "config.json" };
  g_autofree char *folder = g_path_get_dirname (weights);
  g_autofree char *base = g_path_get_basename (folder);
  g_autofree char *above = g_path_get_dirname (folder);

  for (guint up = 0; up < 2; up++)
    {
      /* Llama Scope keeps its weights in checkpoints/, one below the config. */
      if (up == 1 && strcmp (base, "checkpoints") != 0)
        break;
      for (guint i = 0; i < G_N_ELEMENTS (names); i++)
        {
          g_autofree char *path = g_build_filename (up == 0 ? folder : above, names[i], NULL);

          if (g_file_test (path, G_FILE_TEST_IS_REGULAR))
            return g_steal_pointer (&path);
        }
    }
  return NULL;
}

gboolean
steer_sae_config_read (SteerSaeConfig *self, const char *path, SteerArchive *archive, GError **error)
{
  g_autofree char *json = find_json (path);
  g_autofree const char **keys = steer_archive_list_metadata (archive);

  self->values = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  if (json != NULL && !read_json (self, json, error))
    return FALSE;
  for (guint i = 0; keys[i] != NULL; i++)
    if (!g_hash_table_contains (self->values, keys[i]))
      g_hash_table_insert (self->values, g_strdup (keys[i]), g_strdup (steer_archive_get_metadata (archive, keys[i])));
  return TRUE;
}

void
steer_sae_config_clear (SteerSaeConfig *self)
{
  g_clear_pointer (&self->values, g_hash_table_unref);
  g_clear_pointer (&self->path, g_free);
}

const char *
steer_sae_config_get (const SteerSaeConfig *self, const char *key)
{
  for (guint i = 0; i < G_N_ELEMENTS (scopes); i++)
    {
      g_autofree char *full = g_strconcat (scopes[i], key, NULL);
      const char *value = g_hash_table_lookup (self->values, full);

      if (value != NULL)
        return value;
    }
  return NULL;
}

gboolean
steer_sae_config_get_uint (const SteerSaeConfig *self, const char *key, guint64 *value)
{
  const char *text = steer_sae_config_get (self, key);

  return text != NULL && g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT32, value, NULL);
}

gboolean
steer_sae_config_get_double (const SteerSaeConfig *self, const char *key, double *value)
{
  const char *text = steer_sae_config_get (self, key);
  char *end;
  double number = text != NULL ? g_ascii_strtod (text, &end) : 0.0;

  if (text == NULL || end == text || *end != '\0')
    return FALSE;
  *value = number;
  return TRUE;
}

gboolean
steer_sae_config_get_bool (const SteerSaeConfig *self, const char *key, gboolean fallback)
{
  const char *text = steer_sae_config_get (self, key);

  if (g_strcmp0 (text, "true") == 0)
    return TRUE;
  return g_strcmp0 (text, "false") == 0 ? FALSE : fallback;
}

/* The digits at @text as a layer; -1 when there are none or too many. */
static int
parse_digits (const char *text)
{
  int layer = 0;

  if (!g_ascii_isdigit (*text))
    return -1;
  for (; g_ascii_isdigit (*text); text++)
    {
      layer = layer * 10 + (*text - '0');
      if (layer > STEER_FEATURE_MAX_LAYER)
        return -1;
    }
  return layer;
}

/* "layer_15", "layers.15", "layer7", "blocks.15". */
static int
find_word (const char *text)
{
  static const char *const words[] = { "layers", "layer", "blocks", "block" };

  for (const char *at = text; *at != '\0'; at++)
    for (guint i = 0; i < G_N_ELEMENTS (words); i++)
      {
        gsize length = strlen (words[i]);
        const char *digits = at + length;
        int layer;

        if (g_ascii_strncasecmp (at, words[i], length) != 0)
          continue;
        if (*digits == '_' || *digits == '.' || *digits == '-')
          digits++;
        layer = parse_digits (digits);
        if (layer >= 0)
          return layer;
      }
  return -1;
}

/* "-L15R-", "-l19.pth"; but not "_l0_71", which counts active features. */
static int
find_letter (const char *text)
{
  for (const char *at = text; *at != '\0'; at++)
    {
      const char *end;

      if ((*at != 'l' && *at != 'L') || (at > text && at[-1] != '-' && at[-1] != '_' && at[-1] != '.')
          || !g_ascii_isdigit (at[1]))
        continue;
      for (end = at + 1; g_ascii_isdigit (*end); end++)
        ;
      if (*end == '_' || (g_ascii_isalpha (*end) && *end != 'R'))
        continue;
      return parse_digits (at + 1);
    }
  return -1;
}

int
steer_layer_from_path (const char *path)
{
  g_autofree char *absolute = g_canonicalize_filename (path, NULL);
  g_auto (GStrv) parts = g_strsplit (absolute, G_DIR_SEPARATOR_S, -1);
  int n = (int) g_strv_length (parts);
  /* Folders further up belong to something else. */
  int last = MAX (n - 4, 0);
  int layer;

  for (int i = n; i-- > last;)
    if ((layer = find_word (parts[i])) >= 0)
      return layer;
  for (int i = n; i-- > last;)
    if ((layer = find_letter (parts[i])) >= 0)
      return layer;
  return -1;
}

static gboolean
fail_place (const char *file, const char *hook, const char *what, GError **error)
{
  g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID,
               "%s: its config says that it reads \"%s\", which is %s; only SAEs of the residual stream can be used",
               file, hook, what);
  return FALSE;
}

/* TransformerLens' names (blocks.15.hook_resid_post) and those of modules (model.layers.15.output). */
static gboolean
parse_hook (const char *file, const char *hook, int *layer, GError **error)
{
  int number = find_word (hook);

  if (strstr (hook, "mlp") != NULL || strstr (hook, "attn") != NULL || strstr (hook, "hook_z") != NULL)
    return fail_place (file, hook, "not the residual stream", error);
  if (strstr (hook, "resid_mid") != NULL)
    return fail_place (file, hook, "in the middle of a layer", error);
  /* What goes into a layer is what comes out of the one before. */
  if (strstr (hook, "resid_pre") != NULL || g_str_has_suffix (hook, ".input"))
    {
      if (number == 0)
        return fail_place (file, hook, "in front of the first layer", error);
      number = number > 0 ? number - 1 : number;
    }
  *layer = number;
  return TRUE;
}

gboolean
steer_sae_find_layer (const SteerSaeConfig *config, const char *file, int *layer, GError **error)
{
  static const char *const hooks[] = { "hook_point_in", "hf_hook_point_in", "hook_point", "hook_name" };
  static const char *const numbers[] = { "layer", "hook_layer", "hook_point_layer" };
  guint64 number;

  *layer = -1;
  for (guint i = 0; i < G_N_ELEMENTS (hooks); i++)
    {
      const char *hook = steer_sae_config_get (config, hooks[i]);

      if (hook != NULL && !parse_hook (file, hook, layer, error))
        return FALSE;
      if (*layer >= 0)
        return TRUE;
    }
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    if (steer_sae_config_get_uint (config, numbers[i], &number) && number <= STEER_FEATURE_MAX_LAYER)
      {
        *layer = (int) number;
        return TRUE;
      }
  *layer = steer_layer_from_path (file);
  return TRUE;
}
