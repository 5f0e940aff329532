/* open() and open64() are two functions here. */
#undef _FILE_OFFSET_BITS

#include "fault.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wredundant-decls"

#define MAX_PATH 4096

static struct
{
  gint armed; /* atomic */
  FaultKind kind;
  guint nth;
  gboolean for_good;
  char folder[MAX_PATH];
  gint n_calls; /* atomic */
  gint hit;     /* atomic */
} fault;

static const char *const kind_names[N_FAULTS] = { "EIO", "ENOSPC", "EINTR", "short", "memory", "no locks" };
static const int kind_errnos[N_FAULTS] = { EIO, ENOSPC, EINTR, 0, ENOMEM, ENOLCK };

const char *
fault_kind_get_name (FaultKind kind)
{
  return kind_names[kind];
}

void
fault_arm (FaultKind kind, guint nth, gboolean for_good, const char *folder)
{
  fault.kind = kind;
  fault.nth = nth;
  fault.for_good = for_good;
  g_strlcpy (fault.folder, folder != NULL ? folder : "", sizeof fault.folder);
  g_atomic_int_set (&fault.n_calls, 0);
  g_atomic_int_set (&fault.hit, FALSE);
  g_atomic_int_set (&fault.armed, TRUE);
}

gboolean
fault_disarm (void)
{
  g_atomic_int_set (&fault.armed, FALSE);
  return g_atomic_int_get (&fault.hit);
}

/* For a program under LD_PRELOAD. */
__attribute__ ((constructor)) static void
arm_from_environment (void)
{
  const char *text = getenv ("STEER_FAULT");

  for (FaultKind kind = 0; text != NULL && kind < N_FAULTS; kind++)
    {
      gsize length = strlen (kind_names[kind]);
      char *end;
      gulong nth;

      if (strncmp (text, kind_names[kind], length) != 0 || text[length] != ':')
        continue;
      nth = strtoul (text + length + 1, &end, 10);
      fault_arm (kind, (guint) nth, TRUE, *end == ':' ? end + 1 : NULL);
    }
}

/* Whether this call, one of a kind that could fail so, is the one. */
static gboolean
strikes (void)
{
  guint n = (guint) g_atomic_int_add (&fault.n_calls, 1) + 1;

  if (n != fault.nth && !(fault.for_good && n > fault.nth))
    return FALSE;
  g_atomic_int_set (&fault.hit, TRUE);
  errno = kind_errnos[fault.kind];
  return TRUE;
}

static gboolean
is_armed (guint kinds)
{
  return g_atomic_int_get (&fault.armed) && (kinds & (1u << fault.kind)) != 0;
}

static gboolean
is_below (const char *path)
{
  return g_str_has_prefix (path, fault.folder);
}

static gboolean
strikes_path (guint kinds, const char *path)
{
  return is_armed (kinds) && is_below (path) && strikes ();
}

static gboolean
strikes_descriptor (guint kinds, int descriptor)
{
  char link[64];
  char path[MAX_PATH];
  int saved = errno;
  gssize length;

  if (!is_armed (kinds))
    return FALSE;
  g_snprintf (link, sizeof link, "/proc/self/fd/%d", descriptor);
  length = readlink (link, path, sizeof path - 1);
  errno = saved;
  if (length < 0)
    return FALSE;
  path[length] = '\0';
  return is_below (path) && strikes ();
}

#define READ_FAULTS ((1u << FAULT_EIO) | (1u << FAULT_EINTR) | (1u << FAULT_SHORT))
#define WRITE_FAULTS (READ_FAULTS | (1u << FAULT_ENOSPC))
#define OPEN_FAULTS ((1u << FAULT_EIO) | (1u << FAULT_EINTR))
#define SYNC_FAULTS ((1u << FAULT_EIO) | (1u << FAULT_EINTR))
#define CHANGE_FAULTS ((1u << FAULT_EIO) | (1u << FAULT_ENOSPC))

/* The function that this file's definition of the same name stands before. */
#define NEXT(name) ((__typeof__ (&name)) find_next (&next_##name, #name))
#define DECLARE_NEXT(name) static gpointer next_##name

static gpointer
find_next (gpointer *cache, const char *name)
{
  gpointer found = g_atomic_pointer_get (cache);

  if (found == NULL)
    {
      found = dlsym (RTLD_NEXT, name);
      g_atomic_pointer_set (cache, found);
    }
  return found;
}

/* Half of @size, but something. */
static gsize
shorten (gsize size)
{
  return size > 1 ? size / 2 : size;
}

#define DEFINE_TRANSFER(name, faults, parameters, arguments)                                                           \
  DECLARE_NEXT (name);                                                                                                 \
  ssize_t name parameters                                                                                              \
  {                                                                                                                    \
    if (strikes_descriptor (faults, descriptor))                                                                       \
      {                                                                                                                \
        if (fault.kind != FAULT_SHORT)                                                                                 \
          return -1;                                                                                                   \
        size = shorten (size);                                                                                         \
      }                                                                                                                \
    return NEXT (name) arguments;                                                                                      \
  }

DEFINE_TRANSFER (read, READ_FAULTS, (int descriptor, void *data, size_t size), (descriptor, data, size))
DEFINE_TRANSFER (write, WRITE_FAULTS, (int descriptor, const void *data, size_t size), (descriptor, data, size))
DEFINE_TRANSFER (pread,
                 READ_FAULTS,
                 (int descriptor, void *data, size_t size, off_t offset),
                 (descriptor, data, size, offset))
DEFINE_TRANSFER (pread64,
                 READ_FAULTS,
                 (int descriptor, void *data, size_t size, off64_t offset),
                 (descriptor, data, size, offset))
DEFINE_TRANSFER (pwrite,
                 WRITE_FAULTS,
                 (int descriptor, const void *data, size_t size, off_t offset),
                 (descriptor, data, size, offset))
DEFINE_TRANSFER (pwrite64,
                 WRITE_FAULTS,
                 (int descriptor, const void *data, size_t size, off64_t offset),
                 (descriptor, data, size, offset))

#define DEFINE_CHANGE(name, faults, parameters, arguments)                                                             \
  DECLARE_NEXT (name);                                                                                                 \
  int name parameters                                                                                                  \
  {                                                                                                                    \
    return strikes_descriptor (faults, descriptor) ? -1 : NEXT (name) arguments;                                       \
  }

DEFINE_CHANGE (fsync, SYNC_FAULTS, (int descriptor), (descriptor))
DEFINE_CHANGE (fdatasync, SYNC_FAULTS, (int descriptor), (descriptor))
DEFINE_CHANGE (ftruncate, CHANGE_FAULTS, (int descriptor, off_t length), (descriptor, length))
DEFINE_CHANGE (ftruncate64, CHANGE_FAULTS, (int descriptor, off64_t length), (descriptor, length))

DECLARE_NEXT (rename);
int
rename (const char *from, const char *to)
{
  return strikes_path (CHANGE_FAULTS, to) ? -1 : NEXT (rename) (from, to);
}

#define DEFINE_OPEN(name)                                                                                              \
  DECLARE_NEXT (name);                                                                                                 \
  int name (const char *path, int flags, ...)                                                                          \
  {                                                                                                                    \
    guint faults = OPEN_FAULTS | ((flags & O_CREAT) != 0 ? 1u << FAULT_ENOSPC : 0);                                    \
    va_list arguments;                                                                                                 \
    mode_t mode;                                                                                                       \
                                                                                                                       \
    va_start (arguments, flags);                                                                                       \
    mode = (flags & O_CREAT) != 0 ? va_arg (arguments, mode_t) : 0;                                                    \
    va_end (arguments);                                                                                                \
    return strikes_path (faults, path) ? -1 : NEXT (name) (path, flags, mode);                                         \
  }

DEFINE_OPEN (open)
DEFINE_OPEN (open64)

#define DEFINE_CONTROL(name)                                                                                           \
  DECLARE_NEXT (name);                                                                                                 \
  int name (int descriptor, int command, ...)                                                                          \
  {                                                                                                                    \
    gboolean locks = command == F_OFD_SETLK || command == F_OFD_GETLK;                                                 \
    va_list arguments;                                                                                                 \
    void *argument;                                                                                                    \
                                                                                                                       \
    va_start (arguments, command);                                                                                     \
    argument = va_arg (arguments, void *);                                                                             \
    va_end (arguments);                                                                                                \
    if (locks && strikes_descriptor (1u << FAULT_NO_LOCKS, descriptor))                                                \
      return -1;                                                                                                       \
    return NEXT (name) (descriptor, command, argument);                                                                \
  }

DEFINE_CONTROL (fcntl)
DEFINE_CONTROL (fcntl64)

#define DEFINE_MAP(name, offset_type)                                                                                  \
  DECLARE_NEXT (name);                                                                                                 \
  void *name (void *address, size_t size, int protection, int flags, int descriptor, offset_type offset)               \
  {                                                                                                                    \
    if (is_armed (1u << FAULT_MEMORY) && strikes ())                                                                   \
      return MAP_FAILED;                                                                                               \
    return NEXT (name) (address, size, protection, flags, descriptor, offset);                                         \
  }

DEFINE_MAP (mmap, off_t)
DEFINE_MAP (mmap64, off64_t)

#define DEFINE_ALLOCATION(name, parameters, arguments)                                                                 \
  DECLARE_NEXT (name);                                                                                                 \
  gpointer name parameters                                                                                             \
  {                                                                                                                    \
    return is_armed (1u << FAULT_MEMORY) && strikes () ? NULL : NEXT (name) arguments;                                 \
  }

#undef g_try_malloc
#undef g_try_malloc0
#undef g_try_malloc_n
#undef g_try_malloc0_n
#undef g_try_realloc
#undef g_try_realloc_n

DEFINE_ALLOCATION (g_try_malloc, (gsize size), (size))
DEFINE_ALLOCATION (g_try_malloc0, (gsize size), (size))
DEFINE_ALLOCATION (g_try_malloc_n, (gsize n, gsize size), (n, size))
DEFINE_ALLOCATION (g_try_malloc0_n, (gsize n, gsize size), (n, size))
DEFINE_ALLOCATION (g_try_realloc, (gpointer old, gsize size), (old, size))
DEFINE_ALLOCATION (g_try_realloc_n, (gpointer old, gsize n, gsize size), (old, n, size))
