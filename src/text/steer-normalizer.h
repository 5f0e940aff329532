#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * SteerNormalizer:
 *
 * What a tokenizer does to text before it looks for words: a list of steps. Immutable once built; any thread.
 */
typedef struct _SteerNormalizer SteerNormalizer;

SteerNormalizer *steer_normalizer_new (void);
void steer_normalizer_free (SteerNormalizer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerNormalizer, steer_normalizer_free)

/* Puts @prefix before every text that is not empty. */
void steer_normalizer_add_prepend (SteerNormalizer *self, const char *prefix);

/* Replaces every occurrence of a literal, which is not empty. */
void steer_normalizer_add_replace (SteerNormalizer *self, const char *literal, const char *content);

/* Takes @regex. */
void steer_normalizer_add_replace_regex (SteerNormalizer *self, GRegex *regex, const char *content);

/* A Unicode normalization form, of Unicode 9.0 as in the reference. */
void steer_normalizer_add_form (SteerNormalizer *self, GNormalizeMode mode);

void steer_normalizer_add_strip (SteerNormalizer *self, gboolean left, gboolean right);

guint steer_normalizer_get_n_steps (const SteerNormalizer *self);
gboolean steer_normalizer_is_empty (const SteerNormalizer *self);

/* Whether both have the same steps. */
gboolean steer_normalizer_equal (const SteerNormalizer *self, const SteerNormalizer *other);

/* Changes @text, which is valid UTF-8, in place. @trust: (nullable): one byte for each byte of @text, changed along
 * with it; a byte of the result is trusted (1) where all that it was made of was. FALSE when a regular expression gave
 * up, or with STEER_TEXT_ERROR_UNSUPPORTED where the text would become longer than steer_text_get_limit(). */
gboolean steer_normalizer_apply (const SteerNormalizer *self, GString *text, GString *trust, GError **error);

G_END_DECLS
