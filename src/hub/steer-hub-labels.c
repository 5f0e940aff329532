/* Labels of features: many small files. */
#include "steer-hub-labels.h"

#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <string.h>

#include "steer-hub-file.h"
#include "steer-hub-listing.h"
#include "steer-hub-name.h"
#include "steer-hub-private.h"
#include "tensor/steer-json-scanner.h"

#define MAX_LIST (8 * 1024 * 1024)
#define MAX_PAGES 100
#define MAX_SOURCE (1024 * 1024)
/* Of one file of labels; those that are there have some 100 kB. */
#define MAX_FILE (64 * 1024 * 1024)
#define MAX_TRIES 5

typedef struct
{
  const SteerHubLabels *what;
  SteerHubClient *client;
  SoupSession *session;
  GCancellable *cancellable;
  GArray *objects; /* (element-type SteerHubObject) */
} Fetch;

static void
fetch_clear (Fetch *self)
{
  g_clear_pointer (&self->client, steer_hub_client_unref);
  g_clear_object (&self->session);
  g_clear_pointer (&self->objects, g_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Fetch, fetch_clear)

/* Read again when the connection breaks. */
static GBytes *
read_whole (Fetch *self, const char *path, gsize max, GError **error)
{
  for (guint i = 0;; i++)
    {
      g_autoptr (GError) local_error = NULL;
      GBytes *bytes
        = steer_hub_http_read (self->client, self->session, path, NULL, max, NULL, self->cancellable, &local_error);

      if (bytes != NULL)
        return bytes;
      if (i + 1 >= MAX_TRIES
          || (!g_error_matches (local_error, STEER_HUB_ERROR, STEER_HUB_ERROR_FAILED)
              && !g_error_matches (local_error, STEER_HUB_ERROR, STEER_HUB_ERROR_BUSY)))
        {
          g_propagate_error (error, g_steal_pointer (&local_error));
          return NULL;
        }
      if (!steer_hub_wait (1000u << i, self->cancellable, error))
        return NULL;
    }
}

/* --- which files --- */

static gboolean
list (Fetch *self, GError **error)
{
  g_autofree char *next = NULL;

  for (guint page = 0; page == 0 || (next != NULL && page < MAX_PAGES); page++)
    {
      g_autofree char *token = next != NULL ? g_uri_escape_string (next, NULL, FALSE) : NULL;
      g_autofree char *path
        = g_strdup_printf ("/?list-type=2&prefix=v1/%s/%s/explanations%s%s", self->what->model, self->what->source,
                           token != NULL ? "&continuation-token=" : "", token != NULL ? token : "");
      g_autoptr (GBytes) answer = read_whole (self, path, MAX_LIST, error);
      gconstpointer text;
      gsize length;

      if (answer == NULL)
        return FALSE;
      text = g_bytes_get_data (answer, &length);
      g_clear_pointer (&next, g_free);
      if (!steer_hub_listing_parse (text, length, self->objects, &next, error))
        return FALSE;
    }
  if (next == NULL)
    return TRUE;
  g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_INVALID, "the list of labels of %s/%s has no end",
               self->what->model, self->what->source);
  return FALSE;
}

/* "explanations" of "v1/MODEL/SOURCE/explanations/batch-3.jsonl.gz"; NULL for other files. */
static char *
dup_writer (const char *key)
{
  g_auto (GStrv) parts = g_strsplit (key, "/", -1);

  if (g_strv_length (parts) != 5 || !g_str_has_prefix (parts[3], "explanations")
      || (!g_str_has_suffix (parts[4], ".jsonl.gz") && !g_str_has_suffix (parts[4], ".jsonl")))
    return NULL;
  return g_strdup (parts[3]);
}

/* Of several writers the one without a name, else the first: two labels of one feature would be one too many. */
static gboolean
keep_one_writer (Fetch *self, GError **error)
{
  g_autofree char *chosen = NULL;
  guint n = 0;

  for (guint i = 0; i < self->objects->len; i++)
    {
      g_autofree char *writer = dup_writer (g_array_index (self->objects, SteerHubObject, i).key);

      if (writer != NULL && (chosen == NULL || strcmp (writer, chosen) < 0))
        {
          g_free (chosen);
          chosen = g_steal_pointer (&writer);
        }
    }
  if (chosen == NULL)
    {
      g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_NOT_FOUND, "Neuronpedia has no labels of %s/%s",
                   self->what->model, self->what->source);
      return FALSE;
    }
  for (guint i = 0; i < self->objects->len; i++)
    {
      SteerHubObject *object = &g_array_index (self->objects, SteerHubObject, i);
      g_autofree char *writer = dup_writer (object->key);

      if (g_strcmp0 (writer, chosen) == 0)
        {
          SteerHubObject kept = *object;

          *object = g_array_index (self->objects, SteerHubObject, n);
          g_array_index (self->objects, SteerHubObject, n) = kept;
          n++;
        }
    }
  g_array_set_size (self->objects, n);
  return TRUE;
}

/* --- of which SAE --- */

/* A string member of the first line of source.jsonl; NULL where there is none. */
static char *
dup_member (GBytes *source, const char *name)
{
  gsize length;
  const char *text = g_bytes_get_data (source, &length);
  const char *newline = length > 0 ? memchr (text, '\n', length) : NULL;
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonNode *root, *node;

  if (newline != NULL)
    length = (gsize) (newline - text);
  if (!steer_json_check (text, length, 10000, "source.jsonl", NULL)
      || !json_parser_load_from_data (parser, text, (gssize) length, NULL))
    return NULL;
  root = json_parser_get_root (parser);
  node = JSON_NODE_HOLDS_OBJECT (root) ? json_object_get_member (json_node_get_object (root), name) : NULL;
  return node != NULL && json_node_get_value_type (node) == G_TYPE_STRING && *json_node_get_string (node) != '\0'
           ? json_node_dup_string (node)
           : NULL;
}

/* Labels of another SAE would be of other features with the same numbers: worse than none. */
static gboolean
check_sae (Fetch *self, GError **error)
{
  g_autofree char *path = g_strdup_printf ("/v1/%s/%s/source.jsonl", self->what->model, self->what->source);
  g_autofree char *repo_id = NULL, *folder = NULL;
  g_autoptr (GError) local_error = NULL;
  g_autoptr (GBytes) source = NULL;

  if (self->what->repo_id == NULL)
    return TRUE;
  source = read_whole (self, path, MAX_SOURCE, &local_error);
  if (source == NULL && !g_error_matches (local_error, STEER_HUB_ERROR, STEER_HUB_ERROR_NOT_FOUND)
      && !g_error_matches (local_error, STEER_HUB_ERROR, STEER_HUB_ERROR_FORBIDDEN)) /* what S3 may say of no file */
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  if (source != NULL)
    {
      repo_id = dup_member (source, "hfRepoId");
      folder = dup_member (source, "hfFolderId");
    }
  if (folder == NULL && steer_hub_labels_are_of_one (self->what->repo_id))
    {
      g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_NOT_FOUND,
                   "Neuronpedia does not tell of which SAE of its layer and width its labels of %s/%s are",
                   self->what->model, self->what->source);
      return FALSE;
    }
  if ((repo_id == NULL || g_ascii_strcasecmp (repo_id, self->what->repo_id) == 0)
      && (folder == NULL || strcmp (folder, self->what->name) == 0))
    return TRUE;
  g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_INVALID,
               "Neuronpedia's labels of %s/%s are of %s in %s, and not of %s: their numbers are of other features",
               self->what->model, self->what->source, folder != NULL ? folder : "an SAE",
               repo_id != NULL ? repo_id : "another repository", self->what->name);
  return FALSE;
}

/* --- the files --- */

static gboolean
is_right (const SteerHubObject *object, gconstpointer bytes, gsize length)
{
  g_autofree char *md5 = object->md5 != NULL ? g_compute_checksum_for_data (G_CHECKSUM_MD5, bytes, length) : NULL;

  return length == object->size && g_strcmp0 (md5, object->md5) == 0;
}

static gboolean
fetch_one (Fetch *self, const SteerHubObject *object, const char *folder, guint64 *received, GError **error)
{
  g_autofree char *base = g_path_get_basename (object->key), *path = g_build_filename (folder, base, NULL);
  g_autofree char *escaped = g_uri_escape_string (object->key, "/", FALSE);
  g_autofree char *address = g_strconcat ("/", escaped, NULL), *there = NULL;
  g_autoptr (GBytes) bytes = NULL;
  gconstpointer content;
  gsize length;

  if (g_file_get_contents (path, &there, &length, NULL) && is_right (object, there, length))
    return TRUE;
  bytes = read_whole (self, address, MAX_FILE, error);
  if (bytes == NULL)
    return FALSE;
  content = g_bytes_get_data (bytes, &length);
  *received += length;
  if (is_right (object, content, length))
    return g_file_set_contents (path, content, (gssize) length, error);
  g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_DAMAGED, "%s arrived damaged: try again", object->key);
  return FALSE;
}

/* What an earlier download has left, of another writer or an older export, would be imported with the rest. */
static void
remove_others (Fetch *self, const char *folder)
{
  g_autoptr (GHashTable) known = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  for (guint i = 0; i < self->objects->len; i++)
    g_hash_table_add (known, g_path_get_basename (g_array_index (self->objects, SteerHubObject, i).key));
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    if (!g_hash_table_contains (known, name))
      {
        g_autofree char *path = g_build_filename (folder, name, NULL);

        g_unlink (path);
      }
}

static gboolean
fetch_all (Fetch *self, const char *folder, SteerHubProgress progress, gpointer data, GError **error)
{
  guint64 done = 0, total = 0, received = 0;

  for (guint i = 0; i < self->objects->len; i++)
    total += g_array_index (self->objects, SteerHubObject, i).size;
  for (guint i = 0; i < self->objects->len; i++)
    {
      const SteerHubObject *object = &g_array_index (self->objects, SteerHubObject, i);

      if (progress != NULL)
        progress (done, total, received, data);
      if (!fetch_one (self, object, folder, &received, error))
        return FALSE;
      done += object->size;
    }
  if (progress != NULL)
    progress (done, total, received, data);
  return TRUE;
}

char *
steer_hub_fetch_labels (const SteerHubLabels *what,
                        const char *folder,
                        SteerHubProgress progress,
                        gpointer data,
                        GCancellable *cancellable,
                        GError **error)
{
  g_auto (Fetch) fetch = { .what = what, .cancellable = cancellable };
  const char *variable = steer_hub_get_variable ("STEER_LABELS_ENDPOINT");
  SteerHubOptions options = { .token = "", .cache = folder };
  g_autofree char *path = NULL;

  if (!steer_hub_is_label_name (what->model) || !steer_hub_is_label_name (what->source))
    {
      g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_INVALID,
                   "\"%s/%s\" is not how Neuronpedia names labels: it is MODEL/SOURCE, as in "
                   "llama3.1-8b-it/15-resid-post-aa",
                   what->model, what->source);
      return NULL;
    }
  options.endpoint = what->endpoint != NULL ? what->endpoint : variable != NULL ? variable : STEER_HUB_LABELS_ENDPOINT;
  fetch.client = steer_hub_client_new (&options, error);
  if (fetch.client == NULL)
    return NULL;
  fetch.session = steer_hub_http_new_session ();
  fetch.objects = g_array_new (FALSE, FALSE, sizeof (SteerHubObject));
  g_array_set_clear_func (fetch.objects, (GDestroyNotify) steer_hub_object_clear);
  path = g_build_filename (folder, what->model, what->source, NULL);
  if (!list (&fetch, error) || !keep_one_writer (&fetch, error) || !check_sae (&fetch, error))
    return NULL;
  if (g_mkdir_with_parents (path, 0777) != 0)
    {
      steer_hub_fail_errno ("could not make", path, error);
      return NULL;
    }
  remove_others (&fetch, path);
  return fetch_all (&fetch, path, progress, data, error) ? g_steal_pointer (&path) : NULL;
}
