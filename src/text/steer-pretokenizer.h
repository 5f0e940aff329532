#pragma once

#include "steer-split-scanner.h"

G_BEGIN_DECLS

/**
 * SteerPretokenizer:
 *
 * Cuts normalized text into the words that are encoded one by one: a list of steps, each of which cuts the pieces of
 * the one before. Immutable once built; any thread.
 */
typedef struct _SteerPretokenizer SteerPretokenizer;

/* What becomes of the places that a pattern matches, as the reference names it. */
typedef enum
{
  STEER_SPLIT_REMOVED,
  STEER_SPLIT_ISOLATED,
  STEER_SPLIT_MERGED_WITH_PREVIOUS,
  STEER_SPLIT_MERGED_WITH_NEXT,
  STEER_SPLIT_CONTIGUOUS,
} SteerSplitBehavior;

/* When a Metaspace step puts its mark before a text. */
typedef enum
{
  STEER_PREPEND_NEVER,
  STEER_PREPEND_FIRST, /* only at the very beginning, not after an added token */
  STEER_PREPEND_ALWAYS,
} SteerPrependScheme;

SteerPretokenizer *steer_pretokenizer_new (void);
void steer_pretokenizer_free (SteerPretokenizer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerPretokenizer, steer_pretokenizer_free)

/* One of the known patterns, its matches isolated. */
void steer_pretokenizer_add_scan (SteerPretokenizer *self, SteerSplitKind kind);

/* Takes @regex. @invert: what does not match counts as matching. */
void
steer_pretokenizer_add_regex (SteerPretokenizer *self, GRegex *regex, SteerSplitBehavior behavior, gboolean invert);

void steer_pretokenizer_add_literal (SteerPretokenizer *self,
                                     const char *literal,
                                     SteerSplitBehavior behavior,
                                     gboolean invert);

/* Cuts out numbers: digit by digit, or as runs. */
void steer_pretokenizer_add_digits (SteerPretokenizer *self, gboolean individual);

/* A space before a piece that has none. */
void steer_pretokenizer_add_prefix_space (SteerPretokenizer *self);

/* Spaces become @mark, one character; with @split the text is cut before each mark. */
void
steer_pretokenizer_add_metaspace (SteerPretokenizer *self, const char *mark, SteerPrependScheme scheme, gboolean split);

guint steer_pretokenizer_get_n_steps (const SteerPretokenizer *self);

/* Whether both have the same steps. */
gboolean steer_pretokenizer_equal (const SteerPretokenizer *self, const SteerPretokenizer *other);

/* Called for each piece, which is not empty. */
typedef gboolean (*SteerPieceFunc) (const char *piece, gsize length, gpointer user_data, GError **error);

/* @at_start: @text is the beginning of what is encoded. FALSE when @func was, a regular expression gave up, or, with
 * STEER_TEXT_ERROR_UNSUPPORTED, where the steps would add more than steer_text_get_limit(). */
gboolean steer_pretokenizer_run (const SteerPretokenizer *self,
                                 const char *text,
                                 gsize length,
                                 gboolean at_start,
                                 SteerPieceFunc func,
                                 gpointer user_data,
                                 GError **error);

G_END_DECLS
