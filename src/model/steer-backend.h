#pragma once

#include <gio/gio.h>

#include "steering/steer-plan.h"
#include "steering/steer-sampling.h"
#include "steer-model.h"

G_BEGIN_DECLS

/**
 * SECTION: the backend boundary
 *
 * A backend runs whole forward passes of a model on a kind of device. It is a table of functions at that level,
 * because that is where fusion and graph capture live. Backends share this interface and its tests, and no code.
 *
 * A context is a model opened on a device: weights, KV cache and work areas. It is used by one thread at a time (the
 * engine's worker). It holds `n_slots` independent sequences of up to `n_context` tokens. What is in a slot's cache is
 * the caller's knowledge: a run says at which position it starts, and everything from there on is replaced.
 */

typedef struct _SteerContext SteerContext;

#define STEER_MAX_SLOTS 4

typedef struct
{
  char *id;             /* "cpu", "cuda:0" */
  char *name;           /* "Intel Xeon, 2 cores, AVX-512", "NVIDIA H200" */
  char *driver;         /* nullable */
  guint64 memory_total; /* bytes */
  guint64 memory_free;  /* bytes */
  gboolean usable;
  char *why_not;   /* nullable: reason when not usable, with the remedy */
  gboolean absent; /* not usable because the machine has no such device: listed only for the reason */
} SteerDevice;

void steer_device_free (SteerDevice *device);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerDevice, steer_device_free)

typedef struct
{
  guint n_slots;       /* 1 .. STEER_MAX_SLOTS */
  guint n_context;     /* tokens a slot; 0: the model's own, at most 8192 */
  SteerDtype kv_dtype; /* CPU: F16, F32 or Q8_0. GPU: F16 or BF16, and F16 when F32 is asked for */
  guint n_threads;     /* 0: one a physical core. CPU only */

  /* Q8_0: matrices that are stored in more bits are quantised to 8 while they are loaded. F64, which no weight has, and
   * so zero: as they are stored. */
  SteerDtype weight_type;
} SteerContextOptions;

/* One slot, the model's context up to 8192 tokens, KV cache in F16, threads chosen. */
void steer_context_options_init (SteerContextOptions *self);

typedef struct
{
  guint64 weights; /* bytes taken on the device beyond what is mapped from the file */
  guint64 mapped;  /* bytes used in place from the mapped file */
  guint64 kv_cache;
  guint64 work;
  guint64 available; /* bytes free on the device now */
} SteerMemoryEstimate;

typedef enum
{
  STEER_WANT_NOTHING,     /* fill the cache only */
  STEER_WANT_LAST_LOGITS, /* logits: [n_vocab], of the run's last token */
  STEER_WANT_ALL_LOGITS,  /* logits: [n_tokens, n_vocab] */
  STEER_WANT_TOKEN,       /* token: chosen on the device. Only where backend->can_choose */
} SteerWant;

/**
 * SteerHookFunc:
 * @first: the first of the run's tokens that this call is about; a long run comes in pieces
 * @rows: [@n_tokens, d_model]: the output of @layer after steering. Row t begins at @rows + t * @stride
 *
 * Looks at the residual stream of a run, and changes it as it likes. Called in the thread that computes the pass, layer
 * after layer; between two layers the device waits for it. To end the pass it cancels the pass's cancellable.
 */
typedef void (*SteerHookFunc) (guint layer, guint first, guint n_tokens, float *rows, gsize stride, gpointer data);

/**
 * SteerRun:
 *
 * Some tokens of one sequence. The run attends to the slot's cached positions 0 .. position - 1 and to itself.
 */
typedef struct
{
  guint slot;
  guint position;           /* of the first token; at most what the slot's cache holds */
  const gint32 *tokens;     /* [n_tokens], each inside the vocabulary */
  guint n_tokens;           /* at least 1 */
  SteerPlan *plan;          /* (nullable) */
  const guint8 *steer_mask; /* [n_tokens] (nullable): 0 leaves that position unsteered. NULL: all are steered */

  SteerWant want;
  float *logits; /* out, as @want says */

  const guint *tap_layers; /* [n_taps]: decoder layers whose output after steering is wanted */
  guint n_taps;
  float *taps; /* out: [n_taps, n_tokens, d_model] */

  /* What a hook left is what taps and later layers see. Who reuses what is in the cache knows what hooks did to it.
   * Only where the model is: a backend whose device is elsewhere refuses. */
  const guint *hook_layers; /* [n_hooks]: decoder layers whose output @hook is called for, once for each piece */
  guint n_hooks;
  SteerHookFunc hook;
  gpointer hook_data;

  /* For STEER_WANT_TOKEN. */
  const SteerSampling *sampling;
  const guint32 *seen; /* bit set [(n_vocab + 31) / 32]: tokens already in prompt or reply */
  double uniform;      /* [0, 1), drawn by the caller, so a seed means the same on every backend */
  gint32 token;        /* out */
} SteerRun;

/* @fraction: 0 .. 1. Called from the thread that loads. */
typedef void (*SteerProgressFunc) (double fraction, gpointer data);

struct _SteerBackend
{
  const char *name; /* "cpu", "cuda" */

  gboolean can_choose; /* STEER_WANT_TOKEN is supported */

  /* (element-type SteerDevice), usable or not; never NULL. This and the next are not asked of the backend of a model
   * elsewhere, and may be NULL: what its computer can do is decided there. */
  GPtrArray *(*list_devices) (void);

  /* What opening would take, without allocating. */
  gboolean (*estimate) (SteerModel *model,
                        const char *device_id,
                        const SteerContextOptions *options,
                        SteerMemoryEstimate *estimate,
                        GError **error);

  /* Errors: STEER_MODEL_ERROR_NO_MEMORY, _DEVICE, _UNSUPPORTED, G_IO_ERROR_CANCELLED; nothing is left behind. Of a
   * model elsewhere @device_id is what steer_context_open() was given, or NULL. */
  SteerContext *(*open) (SteerModel *model,
                         const char *device_id,
                         const SteerContextOptions *options,
                         SteerProgressFunc progress,
                         gpointer progress_data,
                         GCancellable *cancellable,
                         GError **error);
  void (*close) (SteerContext *context);

  /* [n_runs] runs of different slots in one pass. Long runs are processed in chunks inside; the cancellable is looked
   * at between layers or more often. After an error or a cancel the cache before each run's position is intact. */
  gboolean (*forward) (SteerContext *context, SteerRun *runs, guint n_runs, GCancellable *cancellable, GError **error);

  /* (nullable): whether it is known, without asking the device, that the context can do no more. */
  gboolean (*is_lost) (SteerContext *context);
};

/* Every context begins with this, so that callers need not know the backend. */
struct _SteerContext
{
  const SteerBackend *backend;
  SteerModel *model;           /* owned reference */
  SteerContextOptions options; /* with every 0 replaced by the value in use */
  char *device_id;
  char *device_name;
  guint chunk;          /* tokens of a prompt that suit one call; 0: as many as the caller likes */
  guint64 device_bytes; /* what closing gives back to a device with memory of its own; 0 on the CPU */
  char *passed_over;    /* nullable: devices that come before this one, and why each was not taken. Set when opening */
};

/* Whether the run's hook is called for the output of @layer; for backends. */
gboolean steer_run_has_hook (const SteerRun *run, guint layer);

/* Backends known to the process, in order of preference. Registering is for start-up only. */
void steer_backend_register (const SteerBackend *backend);
const SteerBackend *steer_backend_find (const char *name);

/* All devices of all backends: (transfer full) (element-type SteerDevice). */
GPtrArray *steer_backend_list_devices (void);

/**
 * steer_context_open:
 * @device: (nullable): a device, "cpu" or "cuda:1"; a backend, "cuda", for its first device that will do; NULL or
 *   "auto" for the first of all devices, in the order of the backends, that is usable and on which the model fits
 * @options: (nullable): NULL for the defaults. A context longer than the model's own is refused
 *
 * Checks the estimate first and refuses with the numbers when memory does not suffice; what is mapped from the file
 * does not count, since the system can drop it. Of a model elsewhere @device is one of its computer's. Errors:
 * STEER_MODEL_ERROR, G_IO_ERROR_CANCELLED. Blocks; any thread.
 */
SteerContext *steer_context_open (SteerModel *model,
                                  const char *device,
                                  const SteerContextOptions *options,
                                  SteerProgressFunc progress,
                                  gpointer progress_data,
                                  GCancellable *cancellable,
                                  GError **error);
void steer_context_close (SteerContext *context);

/* Whether every pass would end with STEER_MODEL_ERROR_DEVICE, and another context of the model need not. */
gboolean steer_context_is_lost (SteerContext *context);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerContext, steer_context_close)

/* Checks the runs (slots, positions, token ids, plan width and layers), then calls the backend. */
gboolean
steer_context_forward (SteerContext *context, SteerRun *runs, guint n_runs, GCancellable *cancellable, GError **error);

G_END_DECLS
