/* What could steer: features that are searched for. */
#include "steer-server-private.h"

#include <string.h>

#define MAX_FOUND 1000
#define DEFAULT_FOUND 20

/* Each word is looked for in every label. */
#define MAX_QUERY 200
#define MAX_WORDS 8

/* What is searched for, folded; by its label or as "LAYER:INDEX". */
static gboolean
fits (const SteerFeatureInfo *info, char **words)
{
  g_autofree char *address = g_strdup_printf ("%u:%" G_GUINT64_FORMAT, info->layer, info->index);
  g_autofree char *label = g_utf8_casefold (info->label != NULL ? info->label : "", -1);

  for (guint i = 0; words[i] != NULL; i++)
    if (strstr (label, words[i]) == NULL && !g_str_has_prefix (address, words[i]))
      return FALSE;
  return TRUE;
}

static void
add_found (JsonBuilder *builder, const SteerFeatureInfo *info, SteerVectorSource *source)
{
  double norm = steer_vector_source_get_layer_norm (source, info->layer);

  json_builder_begin_object (builder);
  steer_server_add_address (builder, info->layer, info->index);
  steer_server_add_string (builder, "label", info->label);
  steer_server_add_string (builder, "source", steer_vector_source_get_id (source));
  steer_server_add_known (builder, "recommended", info->recommended, info->recommended != 0.0);
  steer_server_add_known (builder, "layer_norm", norm, norm > 0.0);
  json_builder_end_object (builder);
}

/* The first of the sources that has a feature is the one that steers. */
static void
find_features (SteerServer *self, JsonBuilder *builder, char **words, guint limit)
{
  g_autoptr (GPtrArray) sources = steer_library_list_sources (self->library);
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < sources->len; i++)
    {
      g_autoptr (GPtrArray) infos = steer_vector_source_list_infos (g_ptr_array_index (sources, i));

      for (guint k = 0; k < infos->len && g_hash_table_size (seen) < limit; k++)
        {
          const SteerFeatureInfo *info = g_ptr_array_index (infos, k);

          if (fits (info, words)
              && g_hash_table_add (seen, g_strdup_printf ("%u:%" G_GUINT64_FORMAT, info->layer, info->index)))
            add_found (builder, info, g_ptr_array_index (sources, i));
        }
    }
}

void
steer_server_serve_features (SteerServer *self, SoupServerMessage *message, GHashTable *query)
{
  const char *text = query != NULL ? g_hash_table_lookup (query, "q") : NULL;
  const char *limit_text = query != NULL ? g_hash_table_lookup (query, "limit") : NULL;
  g_autofree char *folded = g_utf8_casefold (text != NULL && g_utf8_validate (text, -1, NULL) ? text : "", -1);
  g_auto (GStrv) words = g_strsplit_set (folded, " \t", MAX_WORDS);
  guint64 limit = DEFAULT_FOUND;
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) node = NULL;

  if (strlen (folded) > MAX_QUERY)
    {
      g_autoptr (GError) error = NULL;

      steer_server_fail (&error, "\"q\" is longer than %u bytes", MAX_QUERY);
      steer_server_answer_error (message, error);
      return;
    }
  if (limit_text != NULL)
    g_ascii_string_to_unsigned (limit_text, 10, 1, MAX_FOUND, &limit, NULL);
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "features");
  json_builder_begin_array (builder);
  find_features (self, builder, words, (guint) limit);
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  node = json_builder_get_root (builder);
  steer_server_answer (message, node);
}
