/* A folder of safetensors files, as Hugging Face transformers lays it out. */

#include "steer-archive-private.h"

#include "steer-json-scanner.h"

#include <string.h>

#define SINGLE_NAME "model.safetensors"
#define INDEX_NAME "model.safetensors.index.json"

typedef struct
{
  SteerArchiveTable *table;
  const char *folder;
  char *index_name;         /* of the index file, for messages */
  GHashTable *shard_of;     /* tensor's name -> shard's file name */
  GHashTable *shards;       /* set of shards' file names */
  const char *current_name; /* of the shard being read */
} Shards;

static gboolean
fail_index (Shards *self, GError **error, const char *what, const char *value)
{
  g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_INVALID, "%s: %s \"%s\"", self->index_name, what, value);
  return FALSE;
}

/* An index must not lead out of its folder. */
static gboolean
is_plain_file_name (const char *name)
{
  return *name != '\0' && strpbrk (name, "/\\") == NULL && strcmp (name, ".") != 0 && strcmp (name, "..") != 0;
}

/* One member of weight_map: the key was just read. */
static gboolean
read_mapping (Shards *self, SteerJsonScanner *json, GError **error)
{
  gsize length;
  const char *key = steer_json_scanner_get_string (json, &length);
  const char *tensor = steer_archive_table_dup_string (self->table, key);
  const char *value, *shard;
  SteerJsonToken token;

  if (strlen (tensor) != length)
    return fail_index (self, error, "a NUL character in the name of tensor", tensor);
  if (g_hash_table_contains (self->shard_of, tensor))
    return fail_index (self, error, "weight_map names twice the tensor", tensor);
  token = steer_json_scanner_next (json, error);
  if (token == STEER_JSON_ERROR)
    return FALSE;
  if (token != STEER_JSON_STRING)
    return fail_index (self, error, "no file name is given for the tensor", tensor);
  value = steer_json_scanner_get_string (json, &length);
  if (strlen (value) != length || !is_plain_file_name (value))
    return fail_index (self, error, "a shard must be a file of the same folder, which this is not:", value);

  shard = g_hash_table_lookup (self->shards, value);
  if (shard == NULL)
    {
      shard = steer_archive_table_dup_string (self->table, value);
      g_hash_table_add (self->shards, (gpointer) shard);
    }
  g_hash_table_insert (self->shard_of, (gpointer) tensor, (gpointer) shard);
  return TRUE;
}

static gboolean
read_weight_map (Shards *self, SteerJsonScanner *json, GError **error)
{
  SteerJsonToken token = steer_json_scanner_next (json, error);

  if (token == STEER_JSON_ERROR)
    return FALSE;
  if (token != STEER_JSON_OBJECT_BEGIN)
    return fail_index (self, error, "not an object:", "weight_map");
  while ((token = steer_json_scanner_next (json, error)) == STEER_JSON_KEY)
    if (!read_mapping (self, json, error))
      return FALSE;
  return token != STEER_JSON_ERROR;
}

static gboolean
read_index (Shards *self, const SteerFileMap *file, GError **error)
{
  g_autoptr (SteerJsonScanner) json = steer_json_scanner_new ((const char *) file->data, file->size, file->name);
  SteerJsonToken token = steer_json_scanner_next (json, error);
  gboolean found = FALSE;

  if (token == STEER_JSON_ERROR)
    return FALSE;
  if (token != STEER_JSON_OBJECT_BEGIN)
    return fail_index (self, error, "an object is expected with the member", "weight_map");
  while ((token = steer_json_scanner_next (json, error)) == STEER_JSON_KEY)
    {
      if (strcmp (steer_json_scanner_get_string (json, NULL), "weight_map") != 0)
        {
          if (!steer_json_scanner_skip (json, error))
            return FALSE;
          continue;
        }
      if (found)
        return fail_index (self, error, "given twice:", "weight_map");
      found = TRUE;
      if (!read_weight_map (self, json, error))
        return FALSE;
    }
  if (token == STEER_JSON_ERROR || steer_json_scanner_next (json, error) == STEER_JSON_ERROR)
    return FALSE;
  if (!found)
    return fail_index (self, error, "missing:", "weight_map");
  return TRUE;
}

/* A tensor belongs to the table from the shard that the index gives for it; one that the index does not know, from
 * wherever it is. */
static gboolean
belongs_to_current_shard (const char *name, gpointer data)
{
  Shards *self = data;
  const char *shard = g_hash_table_lookup (self->shard_of, name);

  return shard == NULL || strcmp (shard, self->current_name) == 0;
}

static gboolean
read_shard (Shards *self, GCancellable *cancellable, GError **error)
{
  g_autofree char *path = g_build_filename (self->folder, self->current_name, NULL);
  g_autoptr (GError) local_error = NULL;
  SteerFileMap *opened = steer_file_map_open (path, &local_error);
  const SteerFileMap *file;

  if (opened == NULL)
    {
      if (g_error_matches (local_error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_NOT_FOUND))
        g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_NOT_FOUND,
                     "%s: the shard %s is missing: the model is incomplete, download that file", self->index_name,
                     self->current_name);
      else
        g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  file = steer_archive_table_take_file (self->table, opened);
  return steer_file_map_check_not_pointer (file, error)
         && steer_safetensors_read_file (self->table, file, belongs_to_current_shard, self, cancellable, error);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

static gboolean
read_shards (Shards *self, GCancellable *cancellable, GError **error)
{
  g_autofree const char **names = NULL; /* [n_names] */
  GHashTableIter iter;
  gpointer tensor, shard;
  guint n_names;

  names = (const char **) g_hash_table_get_keys_as_array (self->shards, &n_names);
  if (n_names > 1)
    qsort (names, n_names, sizeof (char *), compare_names);
  for (guint i = 0; i < n_names; i++)
    {
      self->current_name = names[i];
      if (g_cancellable_set_error_if_cancelled (cancellable, error) || !read_shard (self, cancellable, error))
        return FALSE;
    }

  g_hash_table_iter_init (&iter, self->shard_of);
  while (g_hash_table_iter_next (&iter, &tensor, &shard))
    if (!g_hash_table_contains (self->table->by_name, tensor))
      {
        g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_NOT_FOUND,
                     "%s: tensor \"%s\" should be in %s, but is not there", self->index_name, (const char *) tensor,
                     (const char *) shard);
        return FALSE;
      }
  return TRUE;
}

static gboolean
read_indexed (SteerArchiveTable *table,
              const char *folder,
              const char *index_path,
              GCancellable *cancellable,
              GError **error)
{
  g_autoptr (SteerFileMap) index = steer_file_map_open (index_path, error);
  g_autoptr (GHashTable) shard_of = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GHashTable) shards = g_hash_table_new (g_str_hash, g_str_equal);
  Shards self = { .table = table, .folder = folder, .shard_of = shard_of, .shards = shards };

  if (index == NULL || !steer_file_map_check_not_pointer (index, error))
    return FALSE;
  self.index_name = index->name;
  table->format = g_strdup ("safetensors shards");
  return read_index (&self, index, error) && read_shards (&self, cancellable, error);
}

static gboolean
read_single (SteerArchiveTable *table, const char *path, GCancellable *cancellable, GError **error)
{
  SteerFileMap *opened = steer_file_map_open (path, error);
  const SteerFileMap *file;

  if (opened == NULL)
    return FALSE;
  file = steer_archive_table_take_file (table, opened);
  return steer_file_map_check_not_pointer (file, error)
         && steer_safetensors_format.read (table, file, cancellable, error);
}

/* The path of the only safetensors file of a folder; NULL when there is none or more than one. */
static char *
find_lone_file (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  g_autofree char *found = NULL;
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      if (!g_str_has_suffix (name, ".safetensors"))
        continue;
      if (found != NULL)
        return NULL;
      found = g_build_filename (folder, name, NULL);
    }
  return g_steal_pointer (&found);
}

gboolean
steer_safetensors_read_folder (SteerArchiveTable *table, const char *path, GCancellable *cancellable, GError **error)
{
  g_autofree char *single = g_build_filename (path, SINGLE_NAME, NULL);
  g_autofree char *index = g_build_filename (path, INDEX_NAME, NULL);
  g_autofree char *lone = NULL;
  g_autofree char *display = NULL;

  /* Where both are, transformers takes the single file. */
  if (g_file_test (single, G_FILE_TEST_EXISTS))
    return read_single (table, single, cancellable, error);
  if (g_file_test (index, G_FILE_TEST_EXISTS))
    return read_indexed (table, path, index, cancellable, error);
  lone = find_lone_file (path);
  if (lone != NULL)
    return read_single (table, lone, cancellable, error);

  display = g_filename_display_name (path);
  g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_NOT_FOUND,
               "%s: the folder holds neither " SINGLE_NAME " nor " INDEX_NAME, display);
  return FALSE;
}
