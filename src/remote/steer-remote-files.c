#include "steer-remote-files.h"

#include "model/steer-model-config.h"
#include "steer-wire.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Limits of what a model is believed to be. */
#define MAX_FILES 4096
#define MAX_FILE_SIZE ((guint64) 1 << 44)
#define MAX_HEAD ((guint64) 512 << 20)

/* Seconds within which a file that was begun is whole. */
#define WRITTEN_WITHIN 3600

#define FILE_MODE 0644
#define FOLDER_MODE 0755

/* One file, as both sides number them. */
typedef struct
{
  char *name;
  guint64 size;
  guint64 time; /* of the last change, in us */
  guint64 head; /* bytes from the beginning that are sent */
} Entry;

static void
entry_clear (Entry *self)
{
  g_free (self->name);
}

/* --- the lender --- */

/* What of a folder is read beside its weights. */
static const char *const texts[] = {
  "chat_template.jinja",          "config.json",    "generation_config.json",
  "model.safetensors.index.json", "tokenizer.json", "special_tokens_map.json",
  "tokenizer_config.json",
};

/* FALSE where there is no such file, or none that can be lent. */
static gboolean
add_file (GArray *entries, const char *folder, const char *name, guint64 head)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  Entry entry = { NULL };
  struct stat info;

  if (stat (path, &info) != 0 || !S_ISREG (info.st_mode) || access (path, R_OK) != 0
      || !g_utf8_validate (name, -1, NULL))
    return FALSE;
  entry.name = g_strdup (name);
  entry.size = (guint64) info.st_size;
  entry.time = (guint64) MAX (info.st_mtim.tv_sec, 0) * G_USEC_PER_SEC + (guint64) info.st_mtim.tv_nsec / 1000;
  entry.head = MIN (head, entry.size);
  g_array_append_val (entries, entry);
  return TRUE;
}

/* Files of weights in the archive's order, then what else a folder has to read. */
static GArray *
list_entries (SteerModel *model, GError **error)
{
  SteerArchive *archive = steer_model_get_archive (model);
  const char *files = steer_model_get_files (model);
  gboolean is_folder = g_file_test (files, G_FILE_TEST_IS_DIR);
  g_autofree char *folder = is_folder ? g_strdup (files) : g_path_get_dirname (files);
  g_autoptr (GArray) entries = g_array_new (FALSE, FALSE, sizeof (Entry));

  g_array_set_clear_func (entries, (GDestroyNotify) entry_clear);
  for (guint i = 0; i < steer_archive_get_n_files (archive); i++)
    {
      SteerArchiveFile file;
      g_autofree char *base = NULL, *display = NULL;

      steer_archive_get_file (archive, i, &file);
      base = g_path_get_basename (file.path);
      if (add_file (entries, folder, base, file.head_size))
        continue;
      display = g_filename_display_name (file.path);
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_MISSING, "%s is no file that can be lent", display);
      return NULL;
    }
  for (guint i = 0; is_folder && i < G_N_ELEMENTS (texts); i++)
    add_file (entries, folder, texts[i], G_MAXUINT64);
  return g_steal_pointer (&entries);
}

GVariant *
steer_remote_files_describe (SteerModel *model, GError **error)
{
  const char *files = steer_model_get_files (model);
  g_autoptr (GArray) entries = list_entries (model, error);
  g_autofree char *main_file = NULL;
  GVariantBuilder list;

  if (entries == NULL)
    return NULL;
  main_file = g_file_test (files, G_FILE_TEST_IS_DIR) ? g_strdup ("") : g_path_get_basename (files);
  g_variant_builder_init (&list, G_VARIANT_TYPE ("a(sttt)"));
  for (guint i = 0; i < entries->len; i++)
    {
      const Entry *entry = &g_array_index (entries, Entry, i);

      g_variant_builder_add (&list, "(sttt)", entry->name, entry->size, entry->time, entry->head);
    }
  return g_variant_new ("(ss@a(sttt))", steer_model_get_name (model), main_file, g_variant_builder_end (&list));
}

static void
add_piece (GVariantBuilder *pieces, guint64 offset, const void *bytes, gsize n)
{
  g_variant_builder_add (pieces, "(t@ay)", offset, steer_wire_new_numbers (bytes, n, 1));
}

/* The head of a file of weights, and of the weights what a configuration is made of. */
static void
add_archive_pieces (GVariantBuilder *pieces, SteerArchive *archive, guint index)
{
  const SteerTensor *factors = steer_archive_find (archive, STEER_MODEL_ROPE_FACTORS);
  SteerArchiveFile file;

  steer_archive_get_file (archive, index, &file);
  add_piece (pieces, 0, file.data, file.head_size);
  if (factors != NULL && factors->data >= file.data && factors->data < file.data + file.size)
    add_piece (pieces, (guint64) (factors->data - file.data), factors->data, factors->n_bytes);
}

GVariant *
steer_remote_files_read_head (SteerModel *model, GVariant *files, guint index, GError **error)
{
  SteerArchive *archive = steer_model_get_archive (model);
  g_autoptr (GVariant) list = g_variant_get_child_value (files, 2);
  g_autofree char *path = NULL, *text = NULL;
  GVariantBuilder pieces;
  const char *name;
  gsize length;

  if (index >= g_variant_n_children (list))
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_MISSING, "the model has no file %u", index);
      return NULL;
    }
  if (index >= steer_archive_get_n_files (archive))
    {
      g_variant_get_child (list, index, "(&sttt)", &name, NULL, NULL, NULL);
      path = g_build_filename (steer_model_get_files (model), name, NULL);
      if (!g_file_get_contents (path, &text, &length, error))
        return NULL;
    }
  g_variant_builder_init (&pieces, G_VARIANT_TYPE ("a(tay)"));
  if (text != NULL)
    add_piece (&pieces, 0, text, length);
  else
    add_archive_pieces (&pieces, archive, index);
  return g_variant_builder_end (&pieces);
}

/* --- the borrower --- */

static gboolean
fail (GError **error, const char *what)
{
  g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID,
               "the model's files as the other computer tells of "
               "them: %s",
               what);
  return FALSE;
}

/* The lender's word must not lead out of the folder, nor to what is hidden. */
static gboolean
is_plain_name (const char *name)
{
  return *name != '\0' && *name != '.' && strpbrk (name, "/\\") == NULL && strlen (name) < 256;
}

static GArray *
read_entries (GVariant *list, GError **error)
{
  g_autoptr (GArray) entries = g_array_new (FALSE, FALSE, sizeof (Entry));
  g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);
  gsize n = g_variant_n_children (list);

  g_array_set_clear_func (entries, (GDestroyNotify) entry_clear);
  if (n == 0 || n > MAX_FILES)
    {
      fail (error, "there are none, or far too many");
      return NULL;
    }
  for (gsize i = 0; i < n; i++)
    {
      Entry entry;
      gboolean right;

      g_variant_get_child (list, i, "(sttt)", &entry.name, &entry.size, &entry.time, &entry.head);
      right = is_plain_name (entry.name) && entry.size <= MAX_FILE_SIZE && entry.head <= MIN (entry.size, MAX_HEAD);
      g_array_append_val (entries, entry);
      if (right && g_hash_table_add (names, g_array_index (entries, Entry, i).name))
        continue;
      fail (error, "a name or a length is impossible");
      return NULL;
    }
  return g_steal_pointer (&entries);
}

static gboolean
fail_errno (const char *path, const char *what, GError **error)
{
  int saved = errno;
  g_autofree char *display = g_filename_display_name (path);

  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (saved), "%s cannot be %s: %s", display, what,
               g_strerror (saved));
  return FALSE;
}

/* Whether @path is the file of that time and length: it got its name when it was whole. */
static gboolean
is_stored (const char *path, const Entry *entry)
{
  struct stat info;

  return lstat (path, &info) == 0 && S_ISREG (info.st_mode) && (guint64) info.st_size == entry->size
         && (guint64) info.st_mtim.tv_sec * G_USEC_PER_SEC + (guint64) info.st_mtim.tv_nsec / 1000 == entry->time;
}

static gboolean
write_at (int fd, const guint8 *bytes, gsize n, guint64 offset)
{
  while (n > 0)
    {
      gssize written = pwrite (fd, bytes, n, (off_t) offset);

      if (written < 0 && errno == EINTR)
        continue;
      if (written <= 0)
        return FALSE;
      bytes += written;
      n -= (gsize) written;
      offset += (guint64) written;
    }
  return TRUE;
}

static gboolean
write_pieces (int fd, const char *path, const Entry *entry, GVariant *pieces, GError **error)
{
  GVariantIter iter;
  guint64 offset;
  GVariant *bytes;
  gboolean done = TRUE;

  g_variant_iter_init (&iter, pieces);
  while (done && g_variant_iter_next (&iter, "(t@ay)", &offset, &bytes))
    {
      gsize n;
      const guint8 *data = g_variant_get_fixed_array (bytes, &n, 1);

      if (offset > entry->size || n > entry->size - offset)
        done = fail (error, "a piece lies outside its file");
      else
        done = write_at (fd, data, n, offset) || fail_errno (path, "written", error);
      g_variant_unref (bytes);
    }
  return done;
}

static gboolean
write_file (int fd, const char *path, const Entry *entry, GVariant *pieces, GError **error)
{
  const struct timespec times[2] = {
    { .tv_nsec = UTIME_OMIT },
    { (time_t) (entry->time / G_USEC_PER_SEC), (long) (entry->time % G_USEC_PER_SEC) * 1000 },
  };

  return (ftruncate (fd, (off_t) entry->size) == 0 || fail_errno (path, "made so long", error))
         && write_pieces (fd, path, entry, pieces, error)
         && (futimens (fd, times) == 0 || fail_errno (path, "given its time", error))
         && (fsync (fd) == 0 || fail_errno (path, "written", error));
}

/* Whole under another name first, which none of a lender's files has: who opens it meanwhile has the old one. */
static gboolean
store_file (const char *folder, const Entry *entry, GVariant *pieces, GError **error)
{
  g_autofree char *path = g_build_filename (folder, entry->name, NULL);
  g_autofree char *hidden = g_strconcat (".", entry->name, ".XXXXXX", NULL);
  g_autofree char *temporary = g_build_filename (folder, hidden, NULL);
  int fd = g_mkstemp_full (temporary, O_RDWR | O_CLOEXEC, FILE_MODE);
  gboolean written;

  if (fd < 0)
    return fail_errno (temporary, "made", error);
  written = write_file (fd, temporary, entry, pieces, error);
  close (fd);
  if (written && g_rename (temporary, path) == 0)
    return TRUE;
  if (written)
    fail_errno (path, "given its name", error);
  g_unlink (temporary);
  return FALSE;
}

static gboolean
has_name (GArray *entries, const char *name)
{
  for (guint i = 0; i < entries->len; i++)
    if (strcmp (g_array_index (entries, Entry, i).name, name) == 0)
      return TRUE;
  return FALSE;
}

/* What the model had before, or was being written when a program ended. Another program may be writing right now. */
static void
remove_others (const char *folder, GArray *entries)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);
      struct stat info;
      gboolean is_young = *name == '.' && lstat (path, &info) == 0 && info.st_ctim.tv_sec > now - WRITTEN_WITHIN;

      if (!is_young && !has_name (entries, name))
        g_unlink (path);
    }
}

char *
steer_remote_files_store (GVariant *files,
                          const char *folder,
                          SteerRemoteFetchFunc fetch,
                          gpointer data,
                          GError **error)
{
  const char *main_file;
  g_autoptr (GVariant) list = NULL;
  g_autoptr (GArray) entries = NULL;

  g_variant_get (files, "(&s&s@a(sttt))", NULL, &main_file, &list);
  entries = read_entries (list, error);
  if (entries == NULL)
    return NULL;
  if (*main_file != '\0' && !has_name (entries, main_file))
    {
      fail (error, "the model's own is not among them");
      return NULL;
    }
  if (g_mkdir_with_parents (folder, FOLDER_MODE) != 0)
    {
      fail_errno (folder, "made", error);
      return NULL;
    }
  for (guint i = 0; i < entries->len; i++)
    {
      const Entry *entry = &g_array_index (entries, Entry, i);
      g_autofree char *path = g_build_filename (folder, entry->name, NULL);
      g_autoptr (GVariant) pieces = NULL;

      if (is_stored (path, entry))
        continue;
      pieces = fetch (i, (gsize) entry->head + STEER_WIRE_SMALL, data, error);
      if (pieces == NULL || !store_file (folder, entry, pieces, error))
        return NULL;
    }
  remove_others (folder, entries);
  return *main_file != '\0' ? g_build_filename (folder, main_file, NULL) : g_strdup (folder);
}

char *
steer_remote_files_dup_name (GVariant *files)
{
  char *name;

  g_variant_get (files, "(s&s@a(sttt))", &name, NULL, NULL);
  return name;
}
