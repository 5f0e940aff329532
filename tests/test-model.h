#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The shape of a model that a test makes; zeros take small defaults. */
typedef struct
{
  guint n_layers;   /* 3 */
  guint d_model;    /* 32 */
  guint n_heads;    /* 4 */
  guint n_kv_heads; /* 2 */
  guint d_ff;       /* 48 */
  guint n_vocab;    /* 96 */
  guint n_context;  /* 512 */
  guint32 seed;
} TestModelShape;

/* Writes a Hugging Face directory with random F32 weights and no tokenizer into @dir. No id is EOS, so that replies run
 * to their limit. */
void test_write_model (const char *dir, const TestModelShape *shape);

/* A unit vector of @d floats, owned by the caller. */
GBytes *test_make_unit_vector (guint d, guint32 seed);

G_END_DECLS
