/* Answers of the Hub's interface (huggingface.co/docs/hub/api). */
#include "steer-hub-repo.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "steer-hub-name.h"
#include "tensor/steer-json-scanner.h"

/* A repository of ten thousand files has some 200,000. */
#define MAX_TOKENS 1000000
/* A search asks for no more. */
#define MAX_FOUND 50

static void
clear (gpointer data)
{
  SteerHubRepo *self = data;

  g_free (self->id);
  g_free (self->commit);
  g_free (self->architecture);
  g_free (self->quantization);
  g_free (self->license);
  for (guint i = 0; i < self->n_files; i++)
    steer_hub_file_clear (&self->files[i]);
  g_free (self->files);
  g_clear_pointer (&self->choices, g_ptr_array_unref);
}

SteerHubRepo *
steer_hub_repo_ref (const SteerHubRepo *self)
{
  return g_atomic_rc_box_acquire ((SteerHubRepo *) self);
}

void
steer_hub_repo_unref (SteerHubRepo *self)
{
  g_atomic_rc_box_release_full (self, clear);
}

void
steer_hub_found_free (SteerHubFound *self)
{
  g_free (self->id);
  g_free (self);
}

/* --- members that may be missing or of another type --- */

static JsonObject *
get_object (JsonObject *object, const char *name)
{
  JsonNode *node = object != NULL ? json_object_get_member (object, name) : NULL;

  return node != NULL && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

static JsonArray *
get_array (JsonObject *object, const char *name)
{
  JsonNode *node = object != NULL ? json_object_get_member (object, name) : NULL;

  return node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
}

static const char *
get_string (JsonObject *object, const char *name)
{
  JsonNode *node = object != NULL ? json_object_get_member (object, name) : NULL;

  return node != NULL && json_node_get_value_type (node) == G_TYPE_STRING ? json_node_get_string (node) : NULL;
}

/* -1 where it is missing. */
static gint64
get_count (JsonObject *object, const char *name)
{
  JsonNode *node = object != NULL ? json_object_get_member (object, name) : NULL;

  return node != NULL && json_node_get_value_type (node) == G_TYPE_INT64 ? MAX (json_node_get_int (node), -1) : -1;
}

/* `gated` is false, "auto" or "manual". */
static gboolean
is_gated (JsonObject *object)
{
  JsonNode *node = json_object_get_member (object, "gated");

  return node != NULL && JSON_NODE_HOLDS_VALUE (node)
         && (json_node_get_value_type (node) == G_TYPE_STRING
             || (json_node_get_value_type (node) == G_TYPE_BOOLEAN && json_node_get_boolean (node)));
}

/* The first element of an array of strings. */
static const char *
get_first (JsonArray *array)
{
  JsonNode *node = array != NULL && json_array_get_length (array) > 0 ? json_array_get_element (array, 0) : NULL;

  return node != NULL && json_node_get_value_type (node) == G_TYPE_STRING ? json_node_get_string (node) : NULL;
}

/* NULL with an error that is about the answer as a whole. */
static JsonNode *
parse (const char *text, gsize length, JsonNodeType type, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  g_autoptr (GError) local_error = NULL;
  g_autoptr (JsonNode) root = NULL;

  if (steer_json_check (text, length, MAX_TOKENS, "answer", &local_error)
      && json_parser_load_from_data (parser, text, (gssize) length, &local_error))
    root = json_parser_steal_root (parser);
  if (root != NULL && JSON_NODE_TYPE (root) == type)
    return g_steal_pointer (&root);
  g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_INVALID,
               "what answers is not the Hub: it sent %s where a list of files or repositories was asked for%s%s",
               local_error != NULL ? "no JSON" : "other JSON", local_error != NULL ? ": " : "",
               local_error != NULL ? local_error->message : "");
  return NULL;
}

/* --- a repository --- */

/* FALSE for a file that cannot be fetched: such a name would lead elsewhere, or nothing could be checked. */
static gboolean
read_file (JsonObject *sibling, SteerHubFile *file)
{
  const char *path = get_string (sibling, "rfilename");
  JsonObject *lfs = get_object (sibling, "lfs");
  const char *sum = lfs != NULL ? get_string (lfs, "sha256") : get_string (sibling, "blobId");
  gint64 size = lfs != NULL && get_count (lfs, "size") >= 0 ? get_count (lfs, "size") : get_count (sibling, "size");
  gsize length = lfs != NULL ? 64 : 40;

  if (sum == NULL && lfs != NULL)
    sum = get_string (lfs, "oid");
  if (!steer_hub_is_path (path) || size < 0 || sum == NULL || strlen (sum) != length
      || strspn (sum, "0123456789abcdef") != length)
    return FALSE;
  *file = (SteerHubFile){ g_strdup (path), (guint64) size, g_strdup (sum) };
  return TRUE;
}

static void
read_files (SteerHubRepo *self, JsonArray *siblings)
{
  guint n = MIN (siblings != NULL ? json_array_get_length (siblings) : 0, STEER_HUB_MAX_FILES);
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);

  self->files = g_new0 (SteerHubFile, n);
  for (guint i = 0; i < n; i++)
    {
      JsonNode *node = json_array_get_element (siblings, i);
      SteerHubFile *file = &self->files[self->n_files];

      if (!JSON_NODE_HOLDS_OBJECT (node) || !read_file (json_node_get_object (node), file))
        continue;
      /* g_hash_table_add() would keep the second of two equal names, which goes. */
      if (g_hash_table_contains (seen, file->path))
        {
          steer_hub_file_clear (file);
          continue;
        }
      g_hash_table_add (seen, file->path);
      self->n_files++;
    }
}

SteerHubRepo *
steer_hub_repo_parse (const char *text, gsize length, GError **error)
{
  g_autoptr (JsonNode) root = parse (text, length, JSON_NODE_OBJECT, error);
  g_autoptr (SteerHubRepo) self = NULL;
  JsonObject *object;
  const char *id, *commit, *architecture;
  JsonArray *siblings;

  if (root == NULL)
    return NULL;
  object = json_node_get_object (root);
  id = get_string (object, "id");
  commit = get_string (object, "sha");
  if (!steer_hub_is_repo_id (id) || !steer_hub_is_commit (commit))
    {
      g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_INVALID,
                   "what answers is not the Hub: it tells neither name nor commit of the repository");
      return NULL;
    }
  architecture = get_first (get_array (get_object (object, "config"), "architectures"));
  if (architecture == NULL)
    architecture = get_string (get_object (object, "config"), "model_type");
  if (architecture == NULL)
    architecture = get_string (get_object (object, "gguf"), "architecture");

  self = g_atomic_rc_box_new0 (SteerHubRepo);
  self->id = g_strdup (id);
  self->commit = g_strdup (commit);
  self->architecture = g_strdup (architecture);
  self->license = g_strdup (get_string (get_object (object, "cardData"), "license"));
  self->quantization
    = g_strdup (get_string (get_object (get_object (object, "config"), "quantization_config"), "quant_method"));
  self->gated = is_gated (object);
  siblings = get_array (object, "siblings");
  read_files (self, siblings);
  if (self->n_files == 0 && siblings != NULL && json_array_get_length (siblings) > 0)
    {
      g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_INVALID,
                   "what answers is not the Hub: it tells no sizes and sums of the files of %s", id);
      return NULL;
    }
  self->choices = steer_hub_list_choices (self->files, self->n_files);
  return g_steal_pointer (&self);
}

/* --- a search --- */

static gboolean
has_tag (JsonArray *tags, const char *tag)
{
  for (guint i = 0; tags != NULL && i < json_array_get_length (tags); i++)
    {
      JsonNode *node = json_array_get_element (tags, i);

      if (json_node_get_value_type (node) == G_TYPE_STRING && strcmp (json_node_get_string (node), tag) == 0)
        return TRUE;
    }
  return FALSE;
}

GPtrArray *
steer_hub_found_parse (const char *text, gsize length, GError **error)
{
  g_autoptr (JsonNode) root = parse (text, length, JSON_NODE_ARRAY, error);
  GPtrArray *found;
  JsonArray *array;

  if (root == NULL)
    return NULL;
  array = json_node_get_array (root);
  found = g_ptr_array_new_with_free_func ((GDestroyNotify) steer_hub_found_free);
  for (guint i = 0; i < json_array_get_length (array) && found->len < MAX_FOUND; i++)
    {
      JsonNode *node = json_array_get_element (array, i);
      JsonObject *object = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
      const char *id = get_string (object, "id");
      SteerHubFound *one;

      if (!steer_hub_is_repo_id (id))
        continue;
      one = g_new0 (SteerHubFound, 1);
      one->id = g_strdup (id);
      one->downloads = MAX (get_count (object, "downloads"), 0);
      one->likes = MAX (get_count (object, "likes"), 0);
      one->gated = is_gated (object);
      one->has_gguf = has_tag (get_array (object, "tags"), "gguf");
      one->has_safetensors = has_tag (get_array (object, "tags"), "safetensors");
      g_ptr_array_add (found, one);
    }
  return found;
}
