#include "steer-made-feature.h"

#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

#include "steer-feature.h"
#include "steer-vector-library-writer.h"
#include "tensor/steer-json-scanner.h"

#define PREFIX "examples."

/* Far more than anybody types. */
#define MAX_EXAMPLES_BYTES (4 * 1024 * 1024)

void
steer_made_feature_free (SteerMadeFeature *self)
{
  if (self == NULL)
    return;
  g_free (self->label);
  g_strfreev (self->with);
  g_strfreev (self->without);
  g_free (self->model);
  g_free (self);
}

static void
add_strings (JsonBuilder *builder, const char *name, char **strings)
{
  json_builder_set_member_name (builder, name);
  json_builder_begin_array (builder);
  for (guint i = 0; strings != NULL && strings[i] != NULL; i++)
    json_builder_add_string_value (builder, strings[i]);
  json_builder_end_array (builder);
}

static char *
dup_examples (const SteerMadeFeature *self)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) node = NULL;

  json_builder_begin_object (builder);
  add_strings (builder, "with", self->with);
  add_strings (builder, "without", self->without);
  json_builder_set_member_name (builder, "form");
  json_builder_add_string_value (builder, self->form == STEER_EXAMPLES_AS_TEXT ? "text" : "reply");
  json_builder_end_object (builder);
  node = json_builder_get_root (builder);
  return json_to_string (node, FALSE);
}

gboolean
steer_made_feature_write (const SteerMadeFeature *self,
                          SteerContrast *contrast,
                          double layer_norm,
                          const char *path,
                          GCancellable *cancellable,
                          GError **error)
{
  g_autoptr (GHashTable) more = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  const float *direction = steer_contrast_get_direction (contrast, self->layer);
  SteerLibraryVector vector = { .layer = self->layer,
                                .index = self->index,
                                .label = self->label,
                                .strength = self->strength,
                                .layer_norm = layer_norm,
                                .vector = direction };

  if (direction == NULL)
    {
      g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID,
                   "in layer %u nothing tells the examples apart: give others", self->layer);
      return FALSE;
    }
  if (layer_norm <= 0.0)
    vector.layer_norm = steer_contrast_get_layer (contrast, self->layer)->norm;
  g_hash_table_insert (more, g_strdup_printf (PREFIX "%u.%" G_GUINT64_FORMAT, self->layer, self->index),
                       dup_examples (self));
  if (self->model != NULL)
    g_hash_table_insert (more, g_strdup ("model"), g_strdup (self->model));
  return steer_vector_library_write (path, &vector, 1, steer_contrast_get_d_model (contrast), more, cancellable, error);
}

static gboolean
read_strings (JsonObject *object, const char *name, char ***strings)
{
  JsonNode *node = json_object_get_member (object, name);
  JsonArray *array = node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  GStrvBuilder *builder;

  if (array == NULL)
    return FALSE;
  for (guint i = 0; i < json_array_get_length (array); i++)
    if (!JSON_NODE_HOLDS_VALUE (json_array_get_element (array, i))
        || json_node_get_value_type (json_array_get_element (array, i)) != G_TYPE_STRING)
      return FALSE;
  builder = g_strv_builder_new ();
  for (guint i = 0; i < json_array_get_length (array); i++)
    g_strv_builder_add (builder, json_array_get_string_element (array, i));
  *strings = g_strv_builder_end (builder);
  g_strv_builder_unref (builder);
  return TRUE;
}

static gboolean
parse_examples (SteerMadeFeature *self, const char *text)
{
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  JsonNode *root, *form;

  if (strlen (text) > MAX_EXAMPLES_BYTES
      || !steer_json_check (text, strlen (text), MAX_EXAMPLES_BYTES, "examples", NULL)
      || !json_parser_load_from_data (parser, text, -1, NULL))
    return FALSE;
  root = json_parser_get_root (parser);
  if (root == NULL || !JSON_NODE_HOLDS_OBJECT (root) || !read_strings (json_node_get_object (root), "with", &self->with)
      || !read_strings (json_node_get_object (root), "without", &self->without))
    return FALSE;
  form = json_object_get_member (json_node_get_object (root), "form");
  self->form = form != NULL && JSON_NODE_HOLDS_VALUE (form) && g_strcmp0 (json_node_get_string (form), "text") == 0
                 ? STEER_EXAMPLES_AS_TEXT
                 : STEER_EXAMPLES_AS_REPLIES;
  return TRUE;
}

/* The one feature of the library that examples are told of. */
static const SteerFeatureInfo *
find_feature (GPtrArray *infos, SteerVectorLibrary *library, const char **examples)
{
  for (guint i = 0; i < infos->len; i++)
    {
      const SteerFeatureInfo *info = g_ptr_array_index (infos, i);
      g_autofree char *key = g_strdup_printf (PREFIX "%u.%" G_GUINT64_FORMAT, info->layer, info->index);

      *examples = steer_vector_library_get_metadata (library, key);
      if (*examples != NULL)
        return info;
    }
  return NULL;
}

SteerMadeFeature *
steer_made_feature_new_from_library (SteerVectorLibrary *library, GError **error)
{
  g_autoptr (GPtrArray) infos = steer_vector_source_list_infos (STEER_VECTOR_SOURCE (library));
  g_autoptr (SteerMadeFeature) self = g_new0 (SteerMadeFeature, 1);
  const char *examples = NULL;
  const SteerFeatureInfo *info = find_feature (infos, library, &examples);

  if (info == NULL || !parse_examples (self, examples))
    {
      g_set_error_literal (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID,
                           info == NULL ? "it does not tell of what examples it was made"
                                        : "the examples in its metadata are not the JSON object that they should be");
      return NULL;
    }
  self->layer = info->layer;
  self->index = info->index;
  self->label = g_strdup (info->label != NULL ? info->label : "");
  self->strength = info->recommended;
  self->model = g_strdup (steer_vector_library_get_metadata (library, "model"));
  return g_steal_pointer (&self);
}

SteerMadeFeature *
steer_made_feature_read (const char *path, GCancellable *cancellable, GError **error)
{
  g_autoptr (SteerVectorLibrary) library = steer_vector_library_open (path, cancellable, error);
  SteerMadeFeature *self;

  if (library == NULL)
    return NULL;
  self = steer_made_feature_new_from_library (library, error);
  if (self == NULL)
    g_prefix_error (error, "%s: ", path);
  return self;
}
