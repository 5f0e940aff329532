/* Sources of vectors as they are typed: a path, and what the file leaves open. */
#include "steer-cli-options.h"

#include <string.h>

#ifdef STEER_HAS_HUB
#include "steer-cli-hub.h"
#endif

static gboolean
parse_rows (const char *text, SteerRowMeaning *rows, GError **error)
{
  if (strcmp (text, "features") == 0)
    *rows = STEER_ROWS_ARE_FEATURES;
  else if (strcmp (text, "width") == 0)
    *rows = STEER_COLUMNS_ARE_FEATURES;
  else if (strcmp (text, "layers") == 0)
    *rows = STEER_ROWS_ARE_LAYERS;
  else
    {
      g_set_error (error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE, "rows is features, width or layers, not \"%s\"",
                   text);
      return FALSE;
    }
  return TRUE;
}

static gboolean
parse_hint (const char *word, SteerSourceHints *hints, GError **error)
{
  const char *value = strchr (word, '=');
  guint64 number = 0;

  if (value == NULL)
    {
      g_set_error (error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE,
                   "\"%s\" is not NAME=VALUE, as in \"ae.pt,layer=15\", and there is no file of the whole name", word);
      return FALSE;
    }
  value++;
  if (g_str_has_prefix (word, "layer="))
    {
      if (!steer_cli_parse_uint (value, "layer", 0, STEER_FEATURE_MAX_LAYER, &number, error))
        return FALSE;
      hints->layer = (int) number;
    }
  else if (g_str_has_prefix (word, "k="))
    {
      if (!steer_cli_parse_uint (value, "k", 1, G_MAXINT, &number, error))
        return FALSE;
      hints->k = (guint) number;
    }
  else if (g_str_has_prefix (word, "d-model="))
    {
      if (!steer_cli_parse_uint (value, "d-model", 1, G_MAXINT, &number, error))
        return FALSE;
      hints->d_model = (guint) number;
    }
  else if (g_str_has_prefix (word, "rows="))
    {
      return parse_rows (value, &hints->rows, error);
    }
  else if (g_str_has_prefix (word, "id="))
    {
      hints->id = value;
    }
  else
    {
      g_set_error (error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE,
                   "a source of vectors has layer=, k=, d-model=, rows= and id=, but no \"%s\"", word);
      return FALSE;
    }
  return TRUE;
}

SteerVectorSource *
steer_cli_open_source (const char *typed, const SteerSourceHints *model, GError **error)
{
  g_auto (GStrv) words = NULL;
  SteerSourceHints hints = *model;

  if (g_file_test (typed, G_FILE_TEST_EXISTS))
    return steer_vector_source_open (typed, &hints, NULL, error);
  words = g_strsplit (typed, ",", -1);
  for (guint i = 1; words[0] != NULL && words[i] != NULL; i++)
    if (!parse_hint (words[i], &hints, error))
      return NULL;
#ifdef STEER_HAS_HUB
  if (words[0] != NULL && !g_file_test (words[0], G_FILE_TEST_EXISTS))
    {
      g_autofree char *path = NULL;

      if (steer_cli_hub_find (words[0], STEER_HUB_FEATURES, &path, error))
        return path != NULL ? steer_vector_source_open (path, &hints, NULL, error) : NULL;
    }
#endif
  return steer_vector_source_open (words[0] != NULL ? words[0] : typed, &hints, NULL, error);
}
