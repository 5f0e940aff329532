#include "steer-reply-private.h"

/* The interface redraws at most this often; a batch in between would be work that nobody sees.
 *
 * The main context looks for what has come, and the worker wakes it for the first token and where it has ceased to
 * look: GLib does so with the context locked, so what was woken goes on, often on the worker's own core, only to wait
 * for that lock until the worker has a core again. */
#define BATCH_INTERVAL_US (16 * 1000)

/* Looks that find nothing before it ceases, lest a slow model keep a processor awake. */
#define N_LOOKS 6

/* Window over which the running rate is measured. */
#define RATE_WINDOW_US (1000 * 1000)

/* Tokens that were written under one plan, on their way to the main context. */
typedef struct
{
  GString *text;
  GArray *tokens;  /* gint32 */
  SteerPlan *plan; /* nullable */
} Piece;

struct _SteerReply
{
  GObject parent_instance;

  GSource *delivery; /* destroyed once the reply is done, or gone */
  SteerRequest *request;
  GCancellable *cancellable;

  /* Filled by the worker, emptied by the delivery on the main context. */
  GMutex mutex;
  struct
  {
    GPtrArray *pieces;    /* Piece */
    SteerPlan *last_plan; /* nullable: of the newest token */
    GArray *prompt;       /* gint32, nullable: not yet delivered */
    guint n_reused;
    guint n_prefilled;
    gboolean news;  /* there is something to deliver */
    gboolean begun; /* there was a token */
    guint n_looks;  /* that found nothing, one after the other; N_LOOKS: who posts must wake the delivery */
    gboolean done;
    SteerStopReason reason;
    double prefill_seconds;
    double decode_seconds;
    GError *error;
  } pending;

  /* Main context only. */
  SteerReplyState state;
  SteerStopReason reason;
  GError *error;
  GString *text;
  GArray *tokens; /* gint32 */
  GArray *prompt; /* gint32 */
  SteerReplyStats stats;
  guint n_prefilled;
  double rate;
  gint64 rate_time;  /* when the running window began */
  guint rate_tokens; /* tokens there were then */
};

enum
{
  PROP_0,
  PROP_STATE,
  PROP_N_PROMPT_TOKENS,
  PROP_N_PREFILLED,
  PROP_N_TOKENS,
  PROP_TOKENS_PER_SECOND,
  N_PROPS
};

enum
{
  CHUNK,
  FINISHED,
  N_SIGNALS
};

static GParamSpec *properties[N_PROPS];
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (SteerReply, steer_reply, G_TYPE_OBJECT)

static void
piece_free (gpointer data)
{
  Piece *piece = data;

  g_string_free (piece->text, TRUE);
  g_array_unref (piece->tokens);
  g_clear_pointer (&piece->plan, steer_plan_unref);
  g_free (piece);
}

const char *
steer_stop_reason_get_name (SteerStopReason reason)
{
  static const char *const names[] = { "", "eos", "stop", "length", "context", "cancelled", "error" };

  return reason < G_N_ELEMENTS (names) ? names[reason] : "";
}

static void
steer_reply_finalize (GObject *object)
{
  SteerReply *self = STEER_REPLY (object);

  g_source_destroy (self->delivery);
  g_source_unref (self->delivery);
  steer_request_unref (self->request);
  g_object_unref (self->cancellable);
  g_mutex_clear (&self->mutex);
  g_ptr_array_unref (self->pending.pieces);
  g_clear_pointer (&self->pending.last_plan, steer_plan_unref);
  g_clear_pointer (&self->pending.prompt, g_array_unref);
  g_clear_error (&self->pending.error);
  g_clear_error (&self->error);
  g_string_free (self->text, TRUE);
  g_array_unref (self->tokens);
  g_array_unref (self->prompt);
  G_OBJECT_CLASS (steer_reply_parent_class)->finalize (object);
}

static void
steer_reply_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  SteerReply *self = STEER_REPLY (object);

  switch (id)
    {
    case PROP_STATE:
      g_value_set_int (value, (int) self->state);
      break;
    case PROP_N_PROMPT_TOKENS:
      g_value_set_uint (value, self->prompt->len);
      break;
    case PROP_N_PREFILLED:
      g_value_set_uint (value, self->n_prefilled);
      break;
    case PROP_N_TOKENS:
      g_value_set_uint (value, self->tokens->len);
      break;
    case PROP_TOKENS_PER_SECOND:
      g_value_set_double (value, self->rate);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
steer_reply_class_init (SteerReplyClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->finalize = steer_reply_finalize;
  object_class->get_property = steer_reply_get_property;

  properties[PROP_STATE] = g_param_spec_int ("state", NULL, NULL, 0, STEER_REPLY_DONE, 0, flags);
  properties[PROP_N_PROMPT_TOKENS] = g_param_spec_uint ("n-prompt-tokens", NULL, NULL, 0, G_MAXUINT, 0, flags);
  properties[PROP_N_PREFILLED] = g_param_spec_uint ("n-prefilled", NULL, NULL, 0, G_MAXUINT, 0, flags);
  properties[PROP_N_TOKENS] = g_param_spec_uint ("n-tokens", NULL, NULL, 0, G_MAXUINT, 0, flags);
  properties[PROP_TOKENS_PER_SECOND] = g_param_spec_double ("tokens-per-second", NULL, NULL, 0, G_MAXDOUBLE, 0, flags);
  g_object_class_install_properties (object_class, N_PROPS, properties);

  signals[CHUNK] = g_signal_new ("chunk", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                 G_TYPE_NONE, 1, G_TYPE_POINTER);
  signals[FINISHED]
    = g_signal_new ("finished", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
steer_reply_init (SteerReply *self)
{
  g_mutex_init (&self->mutex);
  self->cancellable = g_cancellable_new ();
  self->pending.pieces = g_ptr_array_new_with_free_func (piece_free);
  self->text = g_string_new (NULL);
  self->tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  self->prompt = g_array_new (FALSE, FALSE, sizeof (gint32));
}

SteerRequest *
steer_reply_get_request (SteerReply *self)
{
  return self->request;
}

GCancellable *
steer_reply_get_cancellable (SteerReply *self)
{
  return self->cancellable;
}

static void
set_state (SteerReply *self, SteerReplyState state)
{
  if (self->state == state)
    return;
  self->state = state;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_STATE]);
}

static void
update_rate (SteerReply *self)
{
  gint64 now = g_get_monotonic_time ();

  if (self->rate_time == 0)
    {
      self->rate_time = now;
      self->rate_tokens = self->tokens->len;
    }
  else if (now - self->rate_time >= RATE_WINDOW_US / 4)
    {
      double fresh = (self->tokens->len - self->rate_tokens) * 1e6 / (double) (now - self->rate_time);

      /* Quarter windows, smoothed, show the last second without keeping its history. */
      self->rate = self->rate > 0.0 ? 0.75 * self->rate + 0.25 * fresh : fresh;
      self->rate_time = now;
      self->rate_tokens = self->tokens->len;
      g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_TOKENS_PER_SECOND]);
    }
}

static void
emit_piece (SteerReply *self, const Piece *piece)
{
  SteerChunk chunk = {
    .text = piece->text->str,
    .length = piece->text->len,
    .first_token = self->tokens->len,
    .tokens = (const gint32 *) (gpointer) piece->tokens->data,
    .n_tokens = piece->tokens->len,
    .plan = piece->plan,
  };

  g_string_append_len (self->text, piece->text->str, (gssize) piece->text->len);
  g_array_append_vals (self->tokens, piece->tokens->data, piece->tokens->len);
  g_signal_emit (self, signals[CHUNK], 0, &chunk);
}

static void
finish (SteerReply *self, SteerStopReason reason, double prefill_seconds, double decode_seconds, GError *error)
{
  self->reason = reason;
  self->error = error;
  self->stats.prefill_seconds = prefill_seconds;
  self->stats.decode_seconds = decode_seconds;
  /* The first token falls out of the prefill; the others are what decoding made. */
  self->rate = self->tokens->len > 1 && decode_seconds > 0.0 ? (self->tokens->len - 1) / decode_seconds : 0.0;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_TOKENS_PER_SECOND]);
  set_state (self, STEER_REPLY_DONE);
  g_signal_emit (self, signals[FINISHED], 0);
}

/* When the delivery is to look again. With the mutex held, so that no news come between ceasing and telling so. */
static void
set_next_look (SteerReply *self)
{
  self->pending.n_looks = self->pending.news ? 0 : self->pending.n_looks + 1;
  g_source_set_ready_time (
    self->delivery, self->pending.n_looks >= N_LOOKS ? -1 : g_source_get_time (self->delivery) + BATCH_INTERVAL_US);
}

static gboolean
deliver (gpointer data)
{
  g_autoptr (SteerReply) self = g_object_ref (data); /* whoever hears of it may let go of it */
  g_autoptr (GPtrArray) pieces = NULL;
  g_autoptr (GArray) prompt = NULL;
  gboolean done;
  guint n_prefilled, n_reused;
  double prefill_seconds, decode_seconds;
  SteerStopReason reason;
  GError *error;

  g_mutex_lock (&self->mutex);
  set_next_look (self);
  if (!self->pending.news)
    {
      g_mutex_unlock (&self->mutex);
      return G_SOURCE_CONTINUE;
    }
  self->pending.news = FALSE;
  pieces = g_steal_pointer (&self->pending.pieces);
  self->pending.pieces = g_ptr_array_new_with_free_func (piece_free);
  prompt = g_steal_pointer (&self->pending.prompt);
  n_reused = self->pending.n_reused;
  n_prefilled = self->pending.n_prefilled;
  done = self->pending.done;
  reason = self->pending.reason;
  prefill_seconds = self->pending.prefill_seconds;
  decode_seconds = self->pending.decode_seconds;
  error = g_steal_pointer (&self->pending.error);
  g_mutex_unlock (&self->mutex);

  if (prompt != NULL)
    {
      g_array_append_vals (self->prompt, prompt->data, prompt->len);
      self->stats.n_prompt_tokens = prompt->len;
      self->stats.n_reused_tokens = n_reused;
      g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_N_PROMPT_TOKENS]);
      set_state (self, STEER_REPLY_PREFILL);
    }
  if (n_prefilled != self->n_prefilled)
    {
      self->n_prefilled = n_prefilled;
      g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_N_PREFILLED]);
    }
  if (pieces->len > 0)
    {
      set_state (self, STEER_REPLY_DECODE);
      for (guint i = 0; i < pieces->len; i++)
        emit_piece (self, g_ptr_array_index (pieces, i));
      self->stats.n_tokens = self->tokens->len;
      g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_N_TOKENS]);
      update_rate (self);
    }
  if (!done)
    return G_SOURCE_CONTINUE;
  finish (self, reason, prefill_seconds, decode_seconds, error);
  return G_SOURCE_REMOVE;
}

static gboolean
dispatch_delivery (GSource *source, GSourceFunc callback, gpointer data)
{
  return callback (data);
}

SteerReply *
steer_reply_new (GMainContext *context, SteerRequest *request)
{
  static GSourceFuncs functions = { .dispatch = dispatch_delivery };
  SteerReply *self = g_object_new (STEER_TYPE_REPLY, NULL);

  self->delivery = g_source_new (&functions, sizeof (GSource));
  g_source_set_static_name (self->delivery, "SteerReply delivery");
  g_source_set_callback (self->delivery, deliver, self, NULL);
  g_source_set_ready_time (self->delivery, g_get_monotonic_time () + BATCH_INTERVAL_US);
  g_source_attach (self->delivery, context);
  self->request = steer_request_copy (request);
  return self;
}

/* There is something to deliver. Takes the mutex from the caller and gives it back. */
static void
post (SteerReply *self, gboolean at_once)
{
  gboolean wake = at_once || self->pending.n_looks >= N_LOOKS;

  self->pending.news = TRUE;
  self->pending.n_looks = 0;
  g_mutex_unlock (&self->mutex);
  if (wake)
    g_source_set_ready_time (self->delivery, 0);
}

void
steer_reply_post_prompt (SteerReply *self, const gint32 *tokens, guint n_tokens, guint n_reused)
{
  g_mutex_lock (&self->mutex);
  self->pending.prompt = g_array_sized_new (FALSE, FALSE, sizeof (gint32), n_tokens);
  g_array_append_vals (self->pending.prompt, tokens, n_tokens);
  self->pending.n_reused = n_reused;
  self->pending.n_prefilled = n_reused;
  post (self, FALSE);
}

void
steer_reply_post_prefilled (SteerReply *self, guint n_prefilled)
{
  g_mutex_lock (&self->mutex);
  self->pending.n_prefilled = n_prefilled;
  post (self, FALSE);
}

/* The piece that tokens under @plan go to. With the mutex held. */
static Piece *
get_piece (SteerReply *self, SteerPlan *plan)
{
  Piece *piece;

  if (self->pending.pieces->len > 0)
    {
      piece = g_ptr_array_index (self->pending.pieces, self->pending.pieces->len - 1);
      if (piece->plan == plan)
        return piece;
    }
  piece = g_new0 (Piece, 1);
  piece->text = g_string_new (NULL);
  piece->tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  piece->plan = plan != NULL ? steer_plan_ref (plan) : NULL;
  g_ptr_array_add (self->pending.pieces, piece);
  return piece;
}

void
steer_reply_post_token (SteerReply *self, gint32 token, const char *text, gsize length, SteerPlan *plan)
{
  Piece *piece;
  gboolean first;

  g_mutex_lock (&self->mutex);
  first = !self->pending.begun;
  self->pending.begun = TRUE;
  piece = get_piece (self, plan);
  if (self->pending.last_plan != plan)
    {
      g_clear_pointer (&self->pending.last_plan, steer_plan_unref);
      self->pending.last_plan = plan != NULL ? steer_plan_ref (plan) : NULL;
    }
  g_array_append_val (piece->tokens, token);
  g_string_append_len (piece->text, text, (gssize) length);
  post (self, first);
}

void
steer_reply_post_done (SteerReply *self,
                       SteerStopReason reason,
                       const char *text,
                       double prefill_seconds,
                       double decode_seconds,
                       GError *error)
{
  g_mutex_lock (&self->mutex);
  if (text != NULL && *text != '\0')
    g_string_append (get_piece (self, self->pending.last_plan)->text, text);
  self->pending.done = TRUE;
  self->pending.reason = reason;
  self->pending.prefill_seconds = prefill_seconds;
  self->pending.decode_seconds = decode_seconds;
  self->pending.error = error;
  post (self, FALSE);
}

SteerReplyState
steer_reply_get_state (SteerReply *self)
{
  g_return_val_if_fail (STEER_IS_REPLY (self), STEER_REPLY_DONE);
  return self->state;
}

SteerStopReason
steer_reply_get_stop_reason (SteerReply *self)
{
  g_return_val_if_fail (STEER_IS_REPLY (self), STEER_STOP_NONE);
  return self->reason;
}

const GError *
steer_reply_get_error (SteerReply *self)
{
  g_return_val_if_fail (STEER_IS_REPLY (self), NULL);
  return self->error;
}

const char *
steer_reply_get_text (SteerReply *self)
{
  g_return_val_if_fail (STEER_IS_REPLY (self), "");
  return self->text->str;
}

const gint32 *
steer_reply_get_tokens (SteerReply *self, guint *n_tokens)
{
  g_return_val_if_fail (STEER_IS_REPLY (self), NULL);
  *n_tokens = self->tokens->len;
  return (const gint32 *) (gpointer) self->tokens->data;
}

const gint32 *
steer_reply_get_prompt_tokens (SteerReply *self, guint *n_tokens)
{
  g_return_val_if_fail (STEER_IS_REPLY (self), NULL);
  *n_tokens = self->prompt->len;
  return (const gint32 *) (gpointer) self->prompt->data;
}

void
steer_reply_get_stats (SteerReply *self, SteerReplyStats *stats)
{
  g_return_if_fail (STEER_IS_REPLY (self));
  *stats = self->stats;
}

void
steer_reply_stop (SteerReply *self)
{
  g_return_if_fail (STEER_IS_REPLY (self));
  g_cancellable_cancel (self->cancellable);
}
