#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * SteerStringTable:
 *
 * Strings by id and ids by string, for vocabularies of hundreds of thousands: one pool of text, two arrays and one
 * open-addressing hash table. Strings may hold any bytes; in the pool each is followed by a NUL. Ids may have holes.
 * Reading is safe from several threads.
 */
typedef struct
{
  char *pool; /* [pool_used] */
  gsize pool_used;
  gsize pool_size;
  guint32 *offsets; /* [n_ids] into pool; G_MAXUINT32 for a hole */
  guint32 *lengths; /* [n_ids] bytes */
  guint n_ids;
  guint ids_size;
  guint64 *slots; /* [n_slots, a power of two]: hash << 32 | id + 1; 0 is free */
  gsize n_slots;
  gsize n_used;
  guint max_length; /* bytes of the longest string */
  guint64 seed;
} SteerStringTable;

/* Ids are less than this: more than ten times the largest vocabulary there is, so that a wild id in a broken file is
 * refused and not allocated for. */
#define STEER_MAX_TOKENS (1u << 22)

void steer_string_table_init (SteerStringTable *self);
void steer_string_table_clear (SteerStringTable *self);

typedef enum
{
  STEER_STRING_ADDED,
  STEER_STRING_ID_TAKEN,   /* the id has another string */
  STEER_STRING_TEXT_TAKEN, /* the string has another id */
  STEER_STRING_TOO_MANY,   /* the id is not below STEER_MAX_TOKENS, or the pool would pass 4 GiB */
  STEER_STRING_NO_MEMORY,
} SteerStringAdded;

SteerStringAdded steer_string_table_add (SteerStringTable *self, guint32 id, const char *text, gsize length);

/* Gives @id a string that another id has, and that goes on to be found for that other. FALSE where the id is taken or
 * too high, or memory ran out. */
gboolean steer_string_table_add_hidden (SteerStringTable *self, guint32 id, const char *text, gsize length);

/* -1 when there is none. */
gint32 steer_string_table_find (const SteerStringTable *self, const char *text, gsize length);

/* The string of @id, NUL-terminated; NULL for a hole or an id past the end. @length is nullable. */
const char *steer_string_table_get (const SteerStringTable *self, guint32 id, gsize *length);

/* Gives back memory that was reserved for growth. */
void steer_string_table_trim (SteerStringTable *self);

/* Bytes held. */
gsize steer_string_table_get_size (const SteerStringTable *self);

G_END_DECLS
