#pragma once

#include "steer-joints.h"
#include "steer-string-table.h"

G_BEGIN_DECLS

/* What is known of a token as the encoding of exactly its own text. */
typedef enum
{
  STEER_WHOLE_UNKNOWN, /* not asked yet */
  STEER_WHOLE_YES,     /* its text encodes to it alone */
  STEER_WHOLE_NO,      /* its text encodes to something else */
  STEER_WHOLE_SPECIAL, /* in the model's vocabulary, but special: plain text must not become it */
  STEER_WHOLE_OUTSIDE, /* an added token that the model's vocabulary lacks */
} SteerWhole;

typedef struct
{
  guint32 left;
  guint32 right;
  guint32 rank;   /* G_MAXUINT32: switched off */
  guint32 merged; /* G_MAXUINT32: a free slot */
} SteerMerge;

/**
 * SteerBpe:
 *
 * Byte-pair encoding of one word: begin with its characters (or bytes) and, as long as there is one, merge the
 * adjacent pair of lowest rank, the leftmost first. Two kinds of ranks exist: a list of merges by token ids, and
 * SentencePiece scores, where any two neighbours may merge whose joined text is a token, the best score first.
 *
 * A word that no file cuts may be a whole book: it is cut first where no merge can reach across (see SteerJoints).
 *
 * Filled by the tokenizer's constructors, then read by any number of threads. @whole is the exception: a cache that
 * threads fill with atomic stores of results that do not depend on who computes them.
 */
typedef struct
{
  const SteerStringTable *pieces; /* text to token; raw bytes where byte_level */
  SteerMerge *merges;             /* [n_merge_slots, a power of two] */
  gsize n_merge_slots;
  gsize n_merges;
  guint64 seed;         /* of the hash, so that no file can be written to fall into one slot */
  guint32 *score_ranks; /* [n_tokens] or NULL: rank of a token made by merging, G_MAXUINT32 for never */
  guint8 *whole;        /* [n_tokens] of SteerWhole */
  guint n_tokens;
  SteerJoints *joints; /* where words can be cut; NULL: nowhere */

  gboolean byte_level;
  gboolean byte_fallback;
  gboolean ignore_merges; /* a word that is a token is that token, merges or no */
  gboolean fuse_unknown;
  gint32 unknown;       /* -1: none */
  gint32 byte_ids[256]; /* byte_level: the bytes' tokens; byte_fallback: "<0x00>"...; -1 where missing */
} SteerBpe;

void steer_bpe_init (SteerBpe *self);
void steer_bpe_clear (SteerBpe *self);

/* Sets aside room for @n_merges. FALSE when memory does not suffice. */
gboolean steer_bpe_reserve_merges (SteerBpe *self, gsize n_merges);

/* A later merge of the same pair replaces the earlier. FALSE when memory does not suffice. */
gboolean steer_bpe_add_merge (SteerBpe *self, guint32 left, guint32 right, guint32 rank, guint32 merged);

/* After the vocabulary, the special tokens and the merges are known: @pieces is not copied. Switches off merges that
 * would make a special token out of plain text. FALSE when memory does not suffice. */
gboolean steer_bpe_finish (SteerBpe *self, const SteerStringTable *pieces, guint n_tokens);

/* Working memory of one thread, kept from word to word. */
typedef struct
{
  gpointer symbols;
  gsize symbols_size;
  gpointer heap;
  gsize heap_used;
  gsize heap_size;
} SteerBpeScratch;

void steer_bpe_scratch_clear (SteerBpeScratch *scratch);

/* Appends the tokens of @word ([length] bytes of UTF-8, or for byte_level any bytes) to @ids (gint32).
 * Errors: STEER_TEXT_ERROR_UNKNOWN_TOKEN. */
gboolean steer_bpe_encode (const SteerBpe *self,
                           SteerBpeScratch *scratch,
                           const char *word,
                           gsize length,
                           GArray *ids,
                           GError **error);

gsize steer_bpe_get_size (const SteerBpe *self);

G_END_DECLS
