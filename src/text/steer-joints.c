#include "steer-joints.h"

SteerJoints *
steer_joints_new (void)
{
  return g_new0 (SteerJoints, 1);
}

void
steer_joints_free (SteerJoints *self)
{
  if (self == NULL)
    return;
  g_free (self->slots);
  g_free (self);
}

static gsize
find_slot (const guint64 *slots, gsize n_slots, guint64 pair)
{
  guint64 hash = pair * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
  gsize slot = (gsize) (hash ^ hash >> 32) & (n_slots - 1);

  while (slots[slot] != 0 && slots[slot] != pair)
    slot = (slot + 1) & (n_slots - 1);
  return slot;
}

static gboolean
grow (SteerJoints *self)
{
  gsize n_slots = MAX (self->n_slots * 2, 256);
  guint64 *slots = g_try_new0 (guint64, n_slots);

  if (slots == NULL)
    return FALSE;
  for (gsize i = 0; i < self->n_slots; i++)
    if (self->slots[i] != 0)
      slots[find_slot (slots, n_slots, self->slots[i])] = self->slots[i];
  g_free (self->slots);
  self->slots = slots;
  self->n_slots = n_slots;
  return TRUE;
}

gboolean
steer_joints_add (SteerJoints *self, gunichar left, gunichar right)
{
  guint64 pair = (guint64) left << 32 | right;
  gsize slot;

  if ((left | right) < 128)
    {
      self->ascii[left][right >> 6] |= G_GUINT64_CONSTANT (1) << (right & 63);
      return TRUE;
    }
  if ((self->n_used + 1) * 2 > self->n_slots && !grow (self))
    return FALSE;
  slot = find_slot (self->slots, self->n_slots, pair);
  self->n_used += self->slots[slot] == 0;
  self->slots[slot] = pair;
  return TRUE;
}

gboolean
steer_joints_has_other (const SteerJoints *self, gunichar left, gunichar right)
{
  guint64 pair = (guint64) left << 32 | right;

  return self->n_used > 0 && self->slots[find_slot (self->slots, self->n_slots, pair)] == pair;
}
