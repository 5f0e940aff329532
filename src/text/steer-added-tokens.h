#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A token that is found in text before anything else is done to it. */
typedef struct
{
  gint32 id;
  char *text; /* [length] as it is looked for, that is: normalized where @normalized */
  gsize length;
  gsize lead;       /* bytes at the start that only the normalizer put there: they may be anybody's */
  gboolean control; /* found only where the text is trusted */
  gboolean single_word;
  gboolean left_strip;  /* takes white space before it along */
  gboolean right_strip; /* and after it */
} SteerAddedToken;

/**
 * SteerAddedSet:
 *
 * Finds added tokens in text: the leftmost first, the longest of those that begin together.
 */
typedef struct
{
  GArray *tokens;          /* of SteerAddedToken; sorted by text once ready */
  gboolean can_begin[256]; /* by a token's first byte */
} SteerAddedSet;

void steer_added_set_init (SteerAddedSet *self);
void steer_added_set_clear (SteerAddedSet *self);

/* Takes @token's text. Empty tokens are dropped. */
void steer_added_set_add (SteerAddedSet *self, SteerAddedToken token);

/* After the last one was added: sorts them. */
void steer_added_set_finish (SteerAddedSet *self);

/* Which bytes of a text are the program's own. */
typedef struct
{
  const char *bytes; /* [text's length] of 0 and 1, or NULL: every byte is as @all says */
  gboolean all;
} SteerTrust;

/* The first token of @text ([length]) at or after @from, where it begins and ends with the white space that it takes
 * (never before @from); NULL when there is none. */
const SteerAddedToken *steer_added_set_find (const SteerAddedSet *self,
                                             const char *text,
                                             gsize length,
                                             const SteerTrust *trust,
                                             gsize from,
                                             gsize *start,
                                             gsize *end);

G_END_DECLS
