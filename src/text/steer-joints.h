#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * SteerJoints:
 *
 * Which two characters can become neighbours inside of a token by a merge. Between two that cannot, a text may be cut
 * without changing its encoding: models whose files cut nothing (a text is one word to them) are then encoded in small
 * pieces, in linear time. A set of pairs; any thread may ask it once it is filled.
 */
typedef struct
{
  guint64 ascii[128][2]; /* bit [left][right] where both are ASCII */
  guint64 *slots;        /* [n_slots, a power of two] other pairs, left << 32 | right; 0 is free */
  gsize n_slots;
  gsize n_used;
} SteerJoints;

SteerJoints *steer_joints_new (void);
void steer_joints_free (SteerJoints *self);

/* FALSE when memory does not suffice. */
gboolean steer_joints_add (SteerJoints *self, gunichar left, gunichar right);

gboolean steer_joints_has_other (const SteerJoints *self, gunichar left, gunichar right);

static inline gboolean
steer_joints_has (const SteerJoints *self, gunichar left, gunichar right)
{
  if ((left | right) < 128)
    return self->ascii[left][right >> 6] >> (right & 63) & 1;
  return steer_joints_has_other (self, left, right);
}

G_END_DECLS
