#include "steer-string-table.h"

#include <string.h>

#define HOLE G_MAXUINT32

void
steer_string_table_init (SteerStringTable *self)
{
  *self = (SteerStringTable){ 0 };
  /* A file cannot be written so that all its strings fall into one slot. */
  self->seed = (guint64) g_random_int () << 32 | g_random_int ();
}

void
steer_string_table_clear (SteerStringTable *self)
{
  g_free (self->pool);
  g_free (self->offsets);
  g_free (self->lengths);
  g_free (self->slots);
  *self = (SteerStringTable){ 0 };
}

/* Multiply and fold, the mixing step of wyhash. */
static inline guint64
mix (guint64 a, guint64 b)
{
  unsigned __int128 product = (unsigned __int128) a * b;

  return (guint64) product ^ (guint64) (product >> 64);
}

static inline guint32
hash_bytes (const char *text, gsize length, guint64 seed)
{
  guint64 state = seed ^ length * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
  guint64 word = 0;

  while (length >= 8)
    {
      memcpy (&word, text, 8);
      state = mix (state ^ word, G_GUINT64_CONSTANT (0xa0761d6478bd642f));
      text += 8;
      length -= 8;
    }
  word = 0;
  if (length >= 4)
    {
      guint32 low, high;

      memcpy (&low, text, 4);
      memcpy (&high, text + length - 4, 4);
      word = (guint64) high << 32 | low;
    }
  else if (length > 0)
    word = (guint64) (guint8) text[0] | (guint64) (guint8) text[length / 2] << 8
           | (guint64) (guint8) text[length - 1] << 16;
  state = mix (state ^ word, G_GUINT64_CONSTANT (0xe7037ed1a0b428db));
  return (guint32) (state ^ state >> 32);
}

static gboolean
grow_slots (SteerStringTable *self)
{
  gsize n_slots = self->n_slots == 0 ? 256 : self->n_slots * 2;
  guint64 *slots = g_try_new0 (guint64, n_slots);

  if (slots == NULL)
    return FALSE;
  for (gsize i = 0; i < self->n_slots; i++)
    if (self->slots[i] != 0)
      {
        gsize slot = (gsize) (self->slots[i] >> 32) & (n_slots - 1);

        while (slots[slot] != 0)
          slot = (slot + 1) & (n_slots - 1);
        slots[slot] = self->slots[i];
      }
  g_free (self->slots);
  self->slots = slots;
  self->n_slots = n_slots;
  return TRUE;
}

static gboolean
grow_ids (SteerStringTable *self, guint32 id)
{
  guint size = MAX (MAX (self->ids_size * 2, 256), id + 1);
  guint32 *offsets = g_try_renew (guint32, self->offsets, size);
  guint32 *lengths;

  if (offsets == NULL)
    return FALSE;
  self->offsets = offsets;
  lengths = g_try_renew (guint32, self->lengths, size);
  if (lengths == NULL)
    return FALSE;
  self->lengths = lengths;
  self->ids_size = size;
  return TRUE;
}

static gboolean
grow_pool (SteerStringTable *self, gsize need)
{
  gsize size = MAX (MAX (self->pool_size * 2, 4096), need);
  char *pool = g_try_realloc (self->pool, size);

  if (pool == NULL)
    return FALSE;
  self->pool = pool;
  self->pool_size = size;
  return TRUE;
}

/* Keeps the text, without making it findable. */
static SteerStringAdded
store (SteerStringTable *self, guint32 id, const char *text, gsize length)
{
  gsize need;

  if (id >= STEER_MAX_TOKENS || length >= G_MAXINT32 || !g_size_checked_add (&need, self->pool_used, length + 1)
      || need >= HOLE)
    return STEER_STRING_TOO_MANY;
  if (id < self->n_ids && self->offsets[id] != HOLE)
    return STEER_STRING_ID_TAKEN;
  if (id >= self->ids_size && !grow_ids (self, id))
    return STEER_STRING_NO_MEMORY;
  if (need > self->pool_size && !grow_pool (self, need))
    return STEER_STRING_NO_MEMORY;

  for (; self->n_ids <= id; self->n_ids++)
    self->offsets[self->n_ids] = HOLE;
  self->offsets[id] = (guint32) self->pool_used;
  self->lengths[id] = (guint32) length;
  if (length > 0)
    memcpy (self->pool + self->pool_used, text, length);
  self->pool[need - 1] = '\0';
  self->pool_used = need;
  self->max_length = MAX (self->max_length, (guint) length);
  return STEER_STRING_ADDED;
}

SteerStringAdded
steer_string_table_add (SteerStringTable *self, guint32 id, const char *text, gsize length)
{
  SteerStringAdded added;
  guint32 hash;
  gsize slot;

  if (id < self->n_ids && self->offsets[id] != HOLE)
    return STEER_STRING_ID_TAKEN;
  if (steer_string_table_find (self, text, length) >= 0)
    return STEER_STRING_TEXT_TAKEN;
  /* at most 5/8 full: probes stay short */
  if ((self->n_used + 1) * 8 > self->n_slots * 5 && !grow_slots (self))
    return STEER_STRING_NO_MEMORY;
  added = store (self, id, text, length);
  if (added != STEER_STRING_ADDED)
    return added;

  hash = hash_bytes (text, length, self->seed);
  slot = (gsize) hash & (self->n_slots - 1);
  while (self->slots[slot] != 0)
    slot = (slot + 1) & (self->n_slots - 1);
  self->slots[slot] = (guint64) hash << 32 | (id + 1);
  self->n_used++;
  return STEER_STRING_ADDED;
}

gboolean
steer_string_table_add_hidden (SteerStringTable *self, guint32 id, const char *text, gsize length)
{
  return store (self, id, text, length) == STEER_STRING_ADDED;
}

gint32
steer_string_table_find (const SteerStringTable *self, const char *text, gsize length)
{
  guint32 hash;
  gsize slot;

  if (length > self->max_length || self->n_used == 0)
    return -1;
  hash = hash_bytes (text, length, self->seed);
  slot = (gsize) hash & (self->n_slots - 1);
  while (self->slots[slot] != 0)
    {
      guint32 id = (guint32) self->slots[slot] - 1;

      if (self->slots[slot] >> 32 == hash && self->lengths[id] == length
          && memcmp (self->pool + self->offsets[id], text, length) == 0)
        return (gint32) id;
      slot = (slot + 1) & (self->n_slots - 1);
    }
  return -1;
}

const char *
steer_string_table_get (const SteerStringTable *self, guint32 id, gsize *length)
{
  if (id >= self->n_ids || self->offsets[id] == HOLE)
    return NULL;
  if (length != NULL)
    *length = self->lengths[id];
  return self->pool + self->offsets[id];
}

void
steer_string_table_trim (SteerStringTable *self)
{
  if (self->n_ids == 0)
    return;
  self->pool = g_realloc (self->pool, self->pool_used);
  self->pool_size = self->pool_used;
  self->offsets = g_renew (guint32, self->offsets, self->n_ids);
  self->lengths = g_renew (guint32, self->lengths, self->n_ids);
  self->ids_size = self->n_ids;
}

gsize
steer_string_table_get_size (const SteerStringTable *self)
{
  return self->pool_size + self->ids_size * 2 * sizeof (guint32) + self->n_slots * sizeof (guint64);
}
