#pragma once

#include "chat/steer-model-text.h"
#include "chat/steer-sampler.h"
#include "chat/steer-session.h"
#include "steer-lab.h"

G_BEGIN_DECLS

struct _SteerLab
{
  GObject parent_instance;

  SteerContext *context;
  const SteerModelConfig *config; /* the context's model's */
  SteerModelText text;
  SteerSession *session;
  SteerSampler *sampler;
  SteerLibrary *library;
  SteerPreset *preset; /* nullable */

  GPtrArray *hooks;    /* of Hook, in the order in which they are called */
  GArray *hook_layers; /* guint, each once */
  guint next_hook;
  guint piece_first;         /* position of the piece that is computed */
  GCancellable *cancellable; /* of that piece; nullable */
  float *rows;               /* nullable: rows for hooks, where the device has them apart */
  gsize n_rows;              /* there is room for */

  GArray *tokens;    /* gint32: what the cache holds */
  guint n_prompt;    /* of them, up to where the reply begins that is being written */
  GArray *taps;      /* guint: layers */
  guint n_piece;     /* tokens of the last piece; 0: nothing is kept of one */
  GBytes *logits;    /* nullable: [n_logits, n_vocab] */
  GArray *kept_taps; /* guint: layers of @residual */
  GBytes *residual;  /* nullable: [kept_taps, n_piece, d_model] */
};

/* A list of hooks that frees them. */
GPtrArray *steer_lab_hooks_new (void);

/* A SteerHookFunc: calls the hooks of the layer; @data is the lab. */
void steer_lab_call_hooks (guint layer, guint first, guint n_tokens, float *rows, gsize stride, gpointer data);

G_END_DECLS
