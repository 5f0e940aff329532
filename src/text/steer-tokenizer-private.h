#pragma once

#include "steer-added-tokens.h"
#include "steer-bpe.h"
#include "steer-decoder.h"
#include "steer-normalizer.h"
#include "steer-pretokenizer.h"
#include "steer-string-table.h"
#include "steer-tokenizer.h"

G_BEGIN_DECLS

/*
 * How text becomes ids:
 *
 *   text --(added tokens that are looked for in raw text)--> pieces
 *        --(normalizer)--> --(added tokens that are looked for in normalized text)--> pieces
 *        --(pre-tokenizer)--> words --(BPE)--> ids --(post-processing: BOS, EOS)--> ids
 *
 * and back: contents of the tokens --(decoder)--> text.
 */
struct _SteerTokenizer
{
  GObject parent_instance;

  SteerStringTable contents; /* of all tokens, added ones included */
  SteerStringTable bytes;    /* byte-level only: the model's tokens as raw bytes */
  guint8 *special;           /* [contents.n_ids] of gboolean */

  SteerAddedSet raw_added;
  SteerAddedSet normalized_added;
  SteerNormalizer *normalizer;
  SteerPretokenizer *pretokenizer;
  SteerBpe bpe;
  SteerDecoder *decoder;

  GArray *prefix; /* gint32: before and after the ids of a single sequence, with STEER_ENCODE_ADD_BOS */
  GArray *suffix;
};

/* One entry of "added_tokens". */
typedef struct
{
  gint32 id;
  char *content;
  gsize length;
  gboolean special;
  gboolean normalized;
  gboolean single_word;
  gboolean left_strip;
  gboolean right_strip;
  gboolean outside; /* no token of the model's own, though it is listed with them */
} SteerAddedEntry;

/* An empty tokenizer, for the constructors to fill. */
SteerTokenizer *steer_tokenizer_new_empty (void);

/* A token of the model's own vocabulary. Errors: STEER_TEXT_ERROR_INVALID. */
gboolean steer_tokenizer_add_token (SteerTokenizer *self,
                                    guint32 id,
                                    const char *content,
                                    gsize length,
                                    const char *name,
                                    GError **error);

/* After the vocabulary, merges, normalizer and so on are set: takes in the added tokens ([n_added], borrowed) and makes
 * the tokenizer ready. @byte_level: the model's tokens spell bytes. Errors: STEER_TEXT_ERROR_INVALID. */
gboolean steer_tokenizer_finish (SteerTokenizer *self,
                                 const SteerAddedEntry *added,
                                 guint n_added,
                                 gboolean byte_level,
                                 const char *name,
                                 GError **error);

G_END_DECLS
