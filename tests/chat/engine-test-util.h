#pragma once

#include "chat/steer-engine.h"

G_BEGIN_DECLS

/* How tests load a model where they do not say otherwise: on the CPU. */
void test_load_options_init (SteerLoadOptions *options, const char *path);

/* steer_engine_load_async(), and its end. */
gboolean test_engine_load (SteerEngine *engine, const SteerLoadOptions *options, GError **error);

/* The same, of a model that must load. */
void test_engine_load_or_fail (SteerEngine *engine, const SteerLoadOptions *options);

/* What a trace tells of @tokens, with the logits for @want_logits. (transfer full) (nullable) */
SteerTrace *test_engine_trace (SteerEngine *engine,
                               const gint32 *tokens, /* [n_tokens] */
                               guint n_tokens,
                               const guint *layers, /* [n_layers] */
                               guint n_layers,
                               gboolean want_logits,
                               GError **error);

G_END_DECLS
