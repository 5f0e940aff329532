/* Who else has the file open. SQLite's locks last for a transaction; this one lasts as long as a store, and ends with
 * the process, however that ends. */
#include "steer-store-private.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Every store shares the lock and asks, without taking it, whether anyone stands against having it alone: nobody ever
 * waits, on a network's file system neither. It lies on a file of its own, because a process that closes any descriptor
 * of the database gives up all locks that SQLite holds there. It belongs to the open file rather than to the process:
 * two stores of one process are two. */
static const struct flock shared = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
static const struct flock alone = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

/* There is no lock for anyone: the kernel or a network's file system has none of these, or a folder has the file's
 * name. Anything else (no permission, a full disk, too many open files) may be so for this program alone. */
static gboolean
is_without_locks (int code)
{
  switch (code)
    {
    case EINVAL:
    case EISDIR:
    case ENOLCK:
    case ENOSYS:
    case EOPNOTSUPP:
      return TRUE;
    default:
      return FALSE;
    }
}

int
steer_store_lock (const char *path)
{
  g_autofree char *name = g_strconcat (path, "-lock", NULL);
  struct flock lock = shared;
  int fd, code;

  do
    fd = open (name, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
  while (fd < 0 && errno == EINTR);
  if (fd >= 0 && fcntl (fd, F_OFD_SETLK, &lock) == 0)
    return fd;
  code = errno;
  if (fd >= 0)
    close (fd);
  if (is_without_locks (code))
    {
      g_message ("'%s' cannot be locked (%s): use its chats in one program at a time", name, g_strerror (code));
      return STEER_STORE_NO_LOCKS;
    }
  g_message ("'%s' cannot be locked (%s): what a crash left unfinished in its chats stays so until it can", name,
             g_strerror (code));
  return STEER_STORE_NOT_LOCKED;
}

gboolean
steer_store_is_alone (int lock)
{
  struct flock other = alone;

  if (lock == STEER_STORE_NO_LOCKS)
    return TRUE;
  return lock >= 0 && fcntl (lock, F_OFD_GETLK, &other) == 0 && other.l_type == F_UNLCK;
}
