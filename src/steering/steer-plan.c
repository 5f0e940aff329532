#include "steer-plan.h"

#include <math.h>
#include <string.h>

/* layer_start[L] .. layer_start[L + 1] are the operations of layer L, so that a backend finds them by one look-up a
 * layer. A vector's GBytes is held beside the operation that points into it. */
struct _SteerPlan
{
  gatomicrefcount ref_count;
  guint d_model;
  guint n_ops;
  guint n_layers;     /* highest layer + 1; 0 when there is no operation */
  SteerPlanOp *ops;   /* [n_ops], by layer */
  GBytes **vectors;   /* [n_ops], owned, as are the encoders that ops point to */
  GBytes **gates;     /* [n_ops], owned: gates' vectors, NULL where there is none */
  guint *layer_start; /* [n_layers + 1] */
  gboolean steer_prompt;
  gboolean skip_special;
};

typedef struct
{
  SteerPlanOp op;
  GBytes *vector;
  SteerEncoder *encoder;      /* nullable */
  char *label;                /* nullable */
  GBytes *gate_vector;        /* nullable */
  SteerEncoder *gate_encoder; /* nullable */
  char *gate_text;            /* nullable */
} PendingOp;

struct _SteerPlanBuilder
{
  guint d_model;
  GArray *pending;    /* (element-type PendingOp), in the order they were added */
  char *label;        /* (nullable): of those added next */
  SteerPlanGate gate; /* the same, as are what it measures by */
  GBytes *gate_vector;
  SteerEncoder *gate_encoder;
  char *gate_text;
  gboolean steer_prompt;
  gboolean skip_special;
};

struct _SteerLivePlan
{
  gatomicrefcount ref_count;
  GMutex mutex; /* guards plan */
  SteerPlan *plan;
};

/* A layer number sizes layer_start, so it is bounded by more than any model has. */
#define MAX_LAYER 65535

G_DEFINE_BOXED_TYPE (SteerPlan, steer_plan, steer_plan_ref, steer_plan_unref)

SteerPlan *
steer_plan_ref (SteerPlan *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
steer_plan_unref (SteerPlan *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->ref_count))
    return;
  for (guint i = 0; i < self->n_ops; i++)
    {
      g_bytes_unref (self->vectors[i]);
      g_clear_pointer (&self->gates[i], g_bytes_unref);
      steer_encoder_unref ((SteerEncoder *) self->ops[i].encoder);
      steer_encoder_unref ((SteerEncoder *) self->ops[i].gate.encoder);
      g_free ((char *) self->ops[i].label);
      g_free ((char *) self->ops[i].gate.text);
    }
  g_free (self->vectors);
  g_free (self->gates);
  g_free (self->ops);
  g_free (self->layer_start);
  g_free (self);
}

static void
pending_op_clear (gpointer data)
{
  PendingOp *pending = data;

  g_clear_pointer (&pending->vector, g_bytes_unref);
  g_clear_pointer (&pending->encoder, steer_encoder_unref);
  g_clear_pointer (&pending->label, g_free);
  g_clear_pointer (&pending->gate_vector, g_bytes_unref);
  g_clear_pointer (&pending->gate_encoder, steer_encoder_unref);
  g_clear_pointer (&pending->gate_text, g_free);
}

static void
drop_gate (SteerPlanBuilder *self)
{
  self->gate = (SteerPlanGate){ STEER_WHEN_ALWAYS };
  g_clear_pointer (&self->gate_vector, g_bytes_unref);
  g_clear_pointer (&self->gate_encoder, steer_encoder_unref);
  g_clear_pointer (&self->gate_text, g_free);
}

static void
builder_reset (SteerPlanBuilder *self)
{
  g_array_set_size (self->pending, 0);
  g_clear_pointer (&self->label, g_free);
  drop_gate (self);
  self->steer_prompt = TRUE;
  self->skip_special = FALSE;
}

SteerPlanBuilder *
steer_plan_builder_new (guint d_model)
{
  SteerPlanBuilder *self = g_new0 (SteerPlanBuilder, 1);

  self->d_model = d_model;
  self->pending = g_array_new (FALSE, FALSE, sizeof (PendingOp));
  g_array_set_clear_func (self->pending, pending_op_clear);
  builder_reset (self);
  return self;
}

void
steer_plan_builder_free (SteerPlanBuilder *self)
{
  if (self == NULL)
    return;
  g_array_unref (self->pending);
  g_free (self->label);
  drop_gate (self);
  g_free (self);
}

/* Backends read the vector as floats, and a GBytes may begin anywhere inside a mapped file. */
static GBytes *
ref_aligned (GBytes *vector)
{
  gsize size;
  gconstpointer data = g_bytes_get_data (vector, &size);

  return (guintptr) data % sizeof (float) == 0 ? g_bytes_ref (vector) : g_bytes_new (data, size);
}

static gboolean
add (SteerPlanBuilder *self, SteerPlanOp *op, GBytes *vector, SteerEncoder *encoder)
{
  PendingOp pending = { .op = *op };

  if (g_bytes_get_size (vector) != (gsize) self->d_model * sizeof (float) || !isfinite (op->strength)
      || op->layer > MAX_LAYER)
    return FALSE;
  if (op->mode == STEER_MODE_ADD && op->strength == 0.0f)
    return TRUE;
  pending.vector = ref_aligned (vector);
  pending.encoder = encoder != NULL ? steer_encoder_ref (encoder) : NULL;
  pending.op.vector = g_bytes_get_data (pending.vector, NULL);
  pending.op.encoder = encoder;
  pending.label = g_strdup (self->label);
  pending.op.label = pending.label;
  pending.op.gate = self->gate;
  pending.gate_vector = self->gate_vector != NULL ? g_bytes_ref (self->gate_vector) : NULL;
  pending.gate_text = g_strdup (self->gate_text);
  pending.op.gate.text = pending.gate_text;
  pending.gate_encoder = self->gate_encoder != NULL ? steer_encoder_ref (self->gate_encoder) : NULL;
  g_array_append_val (self->pending, pending);
  return TRUE;
}

void
steer_plan_builder_set_label (SteerPlanBuilder *self, const char *label)
{
  g_free (self->label);
  self->label = g_strdup (label);
}

gboolean
steer_plan_builder_set_gate (SteerPlanBuilder *self,
                             SteerWhen when,
                             float bound,
                             GBytes *vector,
                             SteerEncoder *encoder,
                             const char *text)
{
  drop_gate (self);
  if (when == STEER_WHEN_ALWAYS)
    return TRUE;
  g_return_val_if_fail ((vector != NULL) != (encoder != NULL), FALSE);
  if (!isfinite (bound) || (encoder != NULL && encoder->d_model != self->d_model)
      || (vector != NULL && g_bytes_get_size (vector) != (gsize) self->d_model * sizeof (float)))
    return FALSE;
  self->gate_vector = vector != NULL ? ref_aligned (vector) : NULL;
  self->gate_encoder = encoder != NULL ? steer_encoder_ref (encoder) : NULL;
  self->gate_text = g_strdup (text);
  self->gate = (SteerPlanGate){
    .when = when,
    .bound = bound,
    .vector = vector != NULL ? g_bytes_get_data (self->gate_vector, NULL) : NULL,
    .encoder = encoder,
  };
  return TRUE;
}

gboolean
steer_plan_builder_add (SteerPlanBuilder *self,
                        guint layer,
                        guint64 index,
                        SteerMode mode,
                        float strength,
                        GBytes *vector)
{
  SteerPlanOp op = { .layer = layer, .mode = mode, .strength = strength, .index = index };

  return mode != STEER_MODE_SAE_CLAMP && add (self, &op, vector, NULL);
}

gboolean
steer_plan_builder_add_sae_clamp (SteerPlanBuilder *self,
                                  guint layer,
                                  guint64 index,
                                  float activation,
                                  GBytes *vector,
                                  SteerEncoder *encoder)
{
  SteerPlanOp op = { .layer = layer, .mode = STEER_MODE_SAE_CLAMP, .strength = activation, .index = index };

  return encoder->d_model == self->d_model && add (self, &op, vector, encoder);
}

void
steer_plan_builder_set_steer_prompt (SteerPlanBuilder *self, gboolean steer_prompt)
{
  self->steer_prompt = steer_prompt;
}

void
steer_plan_builder_set_skip_special (SteerPlanBuilder *self, gboolean skip_special)
{
  self->skip_special = skip_special;
}

/* A counting sort, because the preset's order inside a layer must survive it. */
static void
group_by_layer (SteerPlan *plan, GArray *pending)
{
  g_autofree guint *next = NULL;

  for (guint i = 0; i < pending->len; i++)
    plan->n_layers = MAX (plan->n_layers, g_array_index (pending, PendingOp, i).op.layer + 1);
  plan->layer_start = g_new0 (guint, plan->n_layers + 1);
  for (guint i = 0; i < pending->len; i++)
    plan->layer_start[g_array_index (pending, PendingOp, i).op.layer + 1]++;
  for (guint layer = 0; layer < plan->n_layers; layer++)
    plan->layer_start[layer + 1] += plan->layer_start[layer];

  next = g_memdup2 (plan->layer_start, (plan->n_layers + 1) * sizeof (guint));
  for (guint i = 0; i < pending->len; i++)
    {
      PendingOp *from = &g_array_index (pending, PendingOp, i);
      guint to = next[from->op.layer]++;

      plan->ops[to] = from->op;
      plan->vectors[to] = g_steal_pointer (&from->vector);
      plan->gates[to] = g_steal_pointer (&from->gate_vector);
      /* The plan's operation holds them now. */
      from->encoder = NULL;
      from->gate_encoder = NULL;
      from->gate_text = NULL;
      from->label = NULL;
    }
}

SteerPlan *
steer_plan_builder_end (SteerPlanBuilder *self)
{
  SteerPlan *plan = g_new0 (SteerPlan, 1);

  g_atomic_ref_count_init (&plan->ref_count);
  plan->d_model = self->d_model;
  plan->n_ops = self->pending->len;
  plan->ops = g_new0 (SteerPlanOp, plan->n_ops);
  plan->vectors = g_new0 (GBytes *, plan->n_ops);
  plan->gates = g_new0 (GBytes *, plan->n_ops);
  plan->steer_prompt = self->steer_prompt;
  plan->skip_special = self->skip_special;
  group_by_layer (plan, self->pending);
  builder_reset (self);
  return plan;
}

guint
steer_plan_get_d_model (SteerPlan *self)
{
  return self->d_model;
}

guint
steer_plan_get_n_ops (SteerPlan *self)
{
  return self->n_ops;
}

const SteerPlanOp *
steer_plan_get_ops (SteerPlan *self)
{
  return self->ops;
}

const SteerPlanOp *
steer_plan_get_layer_ops (SteerPlan *self, guint layer, guint *n_ops)
{
  *n_ops = 0;
  if (self == NULL || layer >= self->n_layers)
    return NULL;
  *n_ops = self->layer_start[layer + 1] - self->layer_start[layer];
  return *n_ops > 0 ? self->ops + self->layer_start[layer] : NULL;
}

gboolean
steer_plan_get_steer_prompt (SteerPlan *self)
{
  return self->steer_prompt;
}

gboolean
steer_plan_get_skip_special (SteerPlan *self)
{
  return self->skip_special;
}

static gboolean
is_empty (SteerPlan *self)
{
  return self == NULL || self->n_ops == 0;
}

static gboolean
has_same_gate (SteerPlan *a, SteerPlan *b, guint i)
{
  const SteerPlanGate *left = &a->ops[i].gate;
  const SteerPlanGate *right = &b->ops[i].gate;

  if (left->when != right->when || left->bound != right->bound || !a->gates[i] != !b->gates[i])
    return FALSE;
  return steer_encoder_equal (left->encoder, right->encoder)
         && (left->vector == right->vector || g_bytes_equal (a->gates[i], b->gates[i]));
}

gboolean
steer_plan_equal (SteerPlan *a, SteerPlan *b)
{
  if (a == b || (is_empty (a) && is_empty (b)))
    return TRUE;
  if (is_empty (a) || is_empty (b))
    return FALSE;
  if (a->d_model != b->d_model || a->n_ops != b->n_ops || !a->steer_prompt != !b->steer_prompt
      || !a->skip_special != !b->skip_special)
    return FALSE;
  for (guint i = 0; i < a->n_ops; i++)
    {
      const SteerPlanOp *left = &a->ops[i];
      const SteerPlanOp *right = &b->ops[i];

      if (left->layer != right->layer || left->mode != right->mode || left->strength != right->strength)
        return FALSE;
      if (left->vector != right->vector && !g_bytes_equal (a->vectors[i], b->vectors[i]))
        return FALSE;
      if (!steer_encoder_equal (left->encoder, right->encoder) || !has_same_gate (a, b, i))
        return FALSE;
    }
  return TRUE;
}

guint
steer_plan_get_n_layers (SteerPlan *self)
{
  return self->n_layers;
}

SteerLivePlan *
steer_live_plan_new (SteerPlan *plan)
{
  SteerLivePlan *self = g_new0 (SteerLivePlan, 1);

  g_atomic_ref_count_init (&self->ref_count);
  g_mutex_init (&self->mutex);
  self->plan = plan != NULL ? steer_plan_ref (plan) : NULL;
  return self;
}

SteerLivePlan *
steer_live_plan_ref (SteerLivePlan *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
steer_live_plan_unref (SteerLivePlan *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_clear_pointer (&self->plan, steer_plan_unref);
  g_mutex_clear (&self->mutex);
  g_free (self);
}

/* Also of the same features by the same labels, for people. */
static gboolean
is_same (SteerPlan *a, SteerPlan *b)
{
  if (a == b)
    return TRUE;
  if (a == NULL || b == NULL || !steer_plan_equal (a, b))
    return FALSE;
  for (guint i = 0; i < MIN (a->n_ops, b->n_ops); i++)
    if (a->ops[i].index != b->ops[i].index || g_strcmp0 (a->ops[i].label, b->ops[i].label) != 0
        || g_strcmp0 (a->ops[i].gate.text, b->ops[i].gate.text) != 0)
      return FALSE;
  return TRUE;
}

void
steer_live_plan_set (SteerLivePlan *self, SteerPlan *plan)
{
  g_autoptr (SteerPlan) old = steer_live_plan_dup (self);

  if (is_same (old, plan))
    return;
  g_clear_pointer (&old, steer_plan_unref);
  if (plan != NULL)
    steer_plan_ref (plan);
  g_mutex_lock (&self->mutex);
  old = self->plan;
  self->plan = plan;
  g_mutex_unlock (&self->mutex);
}

SteerPlan *
steer_live_plan_dup (SteerLivePlan *self)
{
  SteerPlan *plan;

  g_mutex_lock (&self->mutex);
  plan = self->plan != NULL ? steer_plan_ref (self->plan) : NULL;
  g_mutex_unlock (&self->mutex);
  return plan;
}
