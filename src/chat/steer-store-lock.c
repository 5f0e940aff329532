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

int
steer_store_lock (const char *path)
{
  g_autofree char *name = g_strconcat (path, "-lock", NULL);
  struct flock lock = shared;
  int fd;

  do
    fd = open (name, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
  while (fd < 0 && errno == EINTR);
  if (fd < 0 || fcntl (fd, F_OFD_SETLK, &lock) == 0)
    return fd;
  close (fd);
  return -1;
}

gboolean
steer_store_is_alone (int lock)
{
  struct flock other = alone;

  return lock >= 0 && fcntl (lock, F_OFD_GETLK, &other) == 0 && other.l_type == F_UNLCK;
}
