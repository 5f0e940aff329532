#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Calls of the system and of GLib's g_try_malloc() family that fail when a test says so. fault.c defines the functions
 * anew: linked into a test they take the place of libc's and GLib's for every library in the process; built as a module
 * they do so for any program under LD_PRELOAD, which reads STEER_FAULT="KIND:N:FOLDER".
 *
 * Only calls on files in one folder count, so that the wheels of GLib (eventfd, D-Bus) turn on; memory has no folder.
 */

typedef enum
{
  FAULT_EIO,      /* open, read, write, fsync, rename and ftruncate */
  FAULT_ENOSPC,   /* open for writing, write, rename and ftruncate */
  FAULT_EINTR,    /* open, read, write and fsync: nothing was done, ask again */
  FAULT_SHORT,    /* read and write do half of what they are asked for */
  FAULT_MEMORY,   /* g_try_malloc() and its kin, mmap */
  FAULT_NO_LOCKS, /* fcntl, where it would lock an open file, or ask who has */

  N_FAULTS
} FaultKind;

const char *fault_kind_get_name (FaultKind kind);

/* From now on the @nth such call (from 1) fails, once; with @for_good each one from there on. @folder: (nullable):
 * counted are calls on files below it. Not from several threads at once. */
void fault_arm (FaultKind kind, guint nth, gboolean for_good, const char *folder);

/* Everything works again. Returns whether a call has failed. */
gboolean fault_disarm (void);

G_END_DECLS
