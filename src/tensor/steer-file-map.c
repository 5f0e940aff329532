#include "steer-archive-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LFS_POINTER_START "version https://git-lfs.github.com/spec/"
/* Pointers are about 130 bytes; the specification allows less than 1024. */
#define LFS_POINTER_MAX_SIZE 1024

static void
set_errno_error (GError **error, const char *name, const char *verb)
{
  int saved = errno;

  if (saved == ENOENT || saved == ENOTDIR)
    g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_NOT_FOUND, "%s: there is no such file", name);
  else
    g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (saved), "%s: cannot %s: %s", name, verb,
                 g_strerror (saved));
}

static gboolean
map_descriptor (SteerFileMap *self, int descriptor, GError **error)
{
  struct stat status;
  void *data;

  if (fstat (descriptor, &status) != 0)
    {
      set_errno_error (error, self->name, "read its size");
      return FALSE;
    }
  if (!S_ISREG (status.st_mode))
    {
      g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_UNSUPPORTED, "%s: not a regular file", self->name);
      return FALSE;
    }
  if (status.st_size == 0)
    return TRUE;
  if ((guint64) status.st_size > G_MAXSSIZE)
    {
      g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_NO_MEMORY,
                   "%s: %" G_GINT64_FORMAT " bytes do not fit in this machine's addresses", self->name,
                   (gint64) status.st_size);
      return FALSE;
    }
  data = mmap (NULL, (gsize) status.st_size, PROT_READ, MAP_PRIVATE | MAP_NORESERVE, descriptor, 0);
  if (data == MAP_FAILED)
    {
      set_errno_error (error, self->name, "map it into memory");
      return FALSE;
    }
  self->data = data;
  self->size = (gsize) status.st_size;
  return TRUE;
}

SteerFileMap *
steer_file_map_open (const char *path, GError **error)
{
  g_autoptr (SteerFileMap) self = g_new0 (SteerFileMap, 1);
  gboolean mapped;
  int descriptor;

  self->path = g_strdup (path);
  self->name = g_filename_display_name (path);
  /* Without O_NONBLOCK, opening a pipe would wait for its writer. */
  do
    descriptor = g_open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
  while (descriptor < 0 && errno == EINTR);
  if (descriptor < 0)
    {
      set_errno_error (error, self->name, "open it");
      return NULL;
    }
  mapped = map_descriptor (self, descriptor, error);
  g_close (descriptor, NULL);
  return mapped ? g_steal_pointer (&self) : NULL;
}

void
steer_file_map_free (SteerFileMap *self)
{
  if (self == NULL)
    return;
  if (self->data != NULL)
    munmap ((void *) self->data, self->size);
  g_free (self->name);
  g_free (self->path);
  g_free (self);
}

gboolean
steer_file_map_check_not_pointer (const SteerFileMap *self, GError **error)
{
  gsize length = strlen (LFS_POINTER_START);

  if (self->size >= LFS_POINTER_MAX_SIZE || self->size < length || memcmp (self->data, LFS_POINTER_START, length) != 0)
    return TRUE;
  g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_POINTER,
               "%s: this is a Git LFS pointer, not the file itself: run \"git lfs pull\" in its folder, "
               "or download the file",
               self->name);
  return FALSE;
}
