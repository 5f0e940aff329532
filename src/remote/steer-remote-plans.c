#include "steer-remote-plans.h"

#include "model/steer-model-config.h"
#include "steer-wire.h"

/* Floats that cross the wire once, as long as operations of kept plans have them. */
typedef struct
{
  guint32 number;
  guint n_users;
} Block;

typedef struct
{
  SteerPlan *plan;
  guint32 number;
  GPtrArray *blocks; /* addresses, one for each use */
} KeptPlan;

struct _SteerPlanSender
{
  GQueue plans;       /* KeptPlan; named last at the head */
  GHashTable *blocks; /* address -> Block */
  guint32 last_plan;
  guint32 last_block;

  /* The news. */
  GArray *forgotten_plans;  /* guint32 */
  GArray *forgotten_blocks; /* guint32 */
  GPtrArray *new_blocks;    /* GVariant */
  GPtrArray *new_plans;     /* GVariant */
};

static void
kept_plan_free (KeptPlan *self)
{
  steer_plan_unref (self->plan);
  g_ptr_array_unref (self->blocks);
  g_free (self);
}

SteerPlanSender *
steer_plan_sender_new (void)
{
  SteerPlanSender *self = g_new0 (SteerPlanSender, 1);

  g_queue_init (&self->plans);
  self->blocks = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  self->forgotten_plans = g_array_new (FALSE, FALSE, sizeof (guint32));
  self->forgotten_blocks = g_array_new (FALSE, FALSE, sizeof (guint32));
  self->new_blocks = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
  self->new_plans = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
  return self;
}

void
steer_plan_sender_free (SteerPlanSender *self)
{
  if (self == NULL)
    return;
  g_queue_clear_full (&self->plans, (GDestroyNotify) kept_plan_free);
  g_hash_table_unref (self->blocks);
  g_array_unref (self->forgotten_plans);
  g_array_unref (self->forgotten_blocks);
  g_ptr_array_unref (self->new_blocks);
  g_ptr_array_unref (self->new_plans);
  g_free (self);
}

static void
forget_oldest (SteerPlanSender *self)
{
  KeptPlan *oldest = g_queue_pop_tail (&self->plans);

  g_array_append_val (self->forgotten_plans, oldest->number);
  for (guint i = 0; i < oldest->blocks->len; i++)
    {
      gpointer address = g_ptr_array_index (oldest->blocks, i);
      Block *block = g_hash_table_lookup (self->blocks, address);

      if (--block->n_users > 0)
        continue;
      g_array_append_val (self->forgotten_blocks, block->number);
      g_hash_table_remove (self->blocks, address);
    }
  kept_plan_free (oldest);
}

/* @values: [d_model] (nullable) */
static guint32
name_block (SteerPlanSender *self, KeptPlan *user, const float *values)
{
  Block *block;

  if (values == NULL)
    return 0;
  block = g_hash_table_lookup (self->blocks, values);
  if (block == NULL)
    {
      guint d_model = steer_plan_get_d_model (user->plan);
      GVariant *floats = steer_wire_new_numbers (values, d_model, sizeof (float));

      block = g_new0 (Block, 1);
      block->number = ++self->last_block;
      g_hash_table_insert (self->blocks, (gpointer) values, block);
      g_ptr_array_add (self->new_blocks, g_variant_ref_sink (g_variant_new ("(u@ay)", block->number, floats)));
    }
  block->n_users++;
  g_ptr_array_add (user->blocks, (gpointer) values);
  return block->number;
}

static GVariant *
encoder_to_variant (SteerPlanSender *self, KeptPlan *user, const SteerEncoder *encoder)
{
  if (encoder == NULL)
    return g_variant_new (STEER_WIRE_ENCODER_TYPE, 0, 0, 0.0, 0.0, 0.0);
  return g_variant_new (STEER_WIRE_ENCODER_TYPE, name_block (self, user, encoder->weights), (guint32) encoder->input,
                        (double) encoder->bias, (double) encoder->threshold, (double) encoder->gain);
}

static GVariant *
op_to_variant (SteerPlanSender *self, KeptPlan *user, const SteerPlanOp *op)
{
  const SteerPlanGate *gate = &op->gate;

  return g_variant_new ("(utudu@" STEER_WIRE_ENCODER_TYPE "udu@" STEER_WIRE_ENCODER_TYPE ")", op->layer, op->index,
                        (guint32) op->mode, (double) op->strength, name_block (self, user, op->vector),
                        encoder_to_variant (self, user, op->encoder), (guint32) gate->when, (double) gate->bound,
                        name_block (self, user, gate->vector), encoder_to_variant (self, user, gate->encoder));
}

static GVariant *
plan_to_variant (SteerPlanSender *self, KeptPlan *kept)
{
  GVariantBuilder ops;
  const SteerPlanOp *all = steer_plan_get_ops (kept->plan);

  g_variant_builder_init (&ops, G_VARIANT_TYPE_ARRAY);
  for (guint i = 0; i < steer_plan_get_n_ops (kept->plan); i++)
    g_variant_builder_add_value (&ops, op_to_variant (self, kept, &all[i]));
  return g_variant_new ("(uubb@*)", kept->number, steer_plan_get_d_model (kept->plan),
                        steer_plan_get_steer_prompt (kept->plan), steer_plan_get_skip_special (kept->plan),
                        g_variant_builder_end (&ops));
}

guint32
steer_plan_sender_name (SteerPlanSender *self, SteerPlan *plan)
{
  KeptPlan *kept;

  if (plan == NULL || steer_plan_get_n_ops (plan) == 0)
    return 0;
  for (GList *link = self->plans.head; link != NULL; link = link->next)
    {
      kept = link->data;
      if (kept->plan != plan)
        continue;
      g_queue_unlink (&self->plans, link);
      g_queue_push_head_link (&self->plans, link);
      return kept->number;
    }

  kept = g_new0 (KeptPlan, 1);
  kept->plan = steer_plan_ref (plan);
  kept->number = ++self->last_plan;
  kept->blocks = g_ptr_array_new ();
  /* Before another is forgotten, which most often has the same vectors. */
  g_ptr_array_add (self->new_plans, g_variant_ref_sink (plan_to_variant (self, kept)));
  g_queue_push_head (&self->plans, kept);
  if (g_queue_get_length (&self->plans) > STEER_REMOTE_N_PLANS)
    forget_oldest (self);
  return kept->number;
}

/* An array of what @items hold, which is emptied. */
static GVariant *
take_items (GPtrArray *items, const char *type)
{
  GVariant *array = g_variant_new_array (G_VARIANT_TYPE (type), (GVariant *const *) items->pdata, items->len);

  g_variant_ref_sink (array);
  g_ptr_array_set_size (items, 0);
  return array;
}

static GVariant *
take_numbers (GArray *numbers)
{
  GVariant *array = g_variant_new_fixed_array (G_VARIANT_TYPE_UINT32, numbers->data, numbers->len, sizeof (guint32));

  g_array_set_size (numbers, 0);
  return array;
}

GVariant *
steer_plan_sender_take_news (SteerPlanSender *self)
{
  g_autoptr (GVariant) blocks = take_items (self->new_blocks, "(uay)");
  g_autoptr (GVariant) plans = take_items (self->new_plans, STEER_WIRE_PLAN_TYPE);

  return g_variant_new ("(@au@au@*@*)", take_numbers (self->forgotten_plans), take_numbers (self->forgotten_blocks),
                        blocks, plans);
}

struct _SteerPlanReceiver
{
  GHashTable *plans;  /* number -> SteerPlan */
  GHashTable *blocks; /* number -> GBytes of f32 */
};

SteerPlanReceiver *
steer_plan_receiver_new (void)
{
  SteerPlanReceiver *self = g_new0 (SteerPlanReceiver, 1);

  self->plans = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) steer_plan_unref);
  self->blocks = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) g_bytes_unref);
  return self;
}

void
steer_plan_receiver_free (SteerPlanReceiver *self)
{
  if (self == NULL)
    return;
  g_hash_table_unref (self->plans);
  g_hash_table_unref (self->blocks);
  g_free (self);
}

static gboolean
fail (GError **error, const char *what)
{
  g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID, "the steering that arrived is damaged: %s", what);
  return FALSE;
}

static void
forget (GHashTable *table, GVariant *numbers)
{
  gsize n;
  const guint32 *values = g_variant_get_fixed_array (numbers, &n, sizeof (guint32));

  for (gsize i = 0; i < n; i++)
    g_hash_table_remove (table, GUINT_TO_POINTER (values[i]));
}

static void
take_blocks (SteerPlanReceiver *self, GVariant *blocks)
{
  GVariantIter iter;
  guint32 number;
  GVariant *floats;

  g_variant_iter_init (&iter, blocks);
  while (g_variant_iter_next (&iter, "(u@ay)", &number, &floats))
    {
      gsize n;
      const void *data = g_variant_get_fixed_array (floats, &n, 1);

      /* A copy: the message has no alignment for floats. */
      g_hash_table_insert (self->blocks, GUINT_TO_POINTER (number), g_bytes_new (data, n));
      g_variant_unref (floats);
    }
}

/* (transfer none); NULL for 0. */
static gboolean
find_block (SteerPlanReceiver *self, guint32 number, guint d_model, GBytes **block, GError **error)
{
  *block = number != 0 ? g_hash_table_lookup (self->blocks, GUINT_TO_POINTER (number)) : NULL;
  if (number == 0)
    return TRUE;
  if (*block == NULL)
    return fail (error, "a vector was not sent");
  return g_bytes_get_size (*block) == d_model * sizeof (float) || fail (error, "a vector has another length");
}

/* *@encoder: NULL where there is none. */
static gboolean
read_encoder (SteerPlanReceiver *self, GVariant *variant, guint d_model, SteerEncoder **encoder, GError **error)
{
  guint32 block, input;
  double bias, threshold, gain;
  GBytes *weights;

  g_variant_get (variant, STEER_WIRE_ENCODER_TYPE, &block, &input, &bias, &threshold, &gain);
  *encoder = NULL;
  if (!find_block (self, block, d_model, &weights, error))
    return FALSE;
  if (weights == NULL)
    return TRUE;
  if (input > STEER_ENCODER_LAYER_NORM)
    return fail (error, "an encoder is of an unknown kind");
  *encoder = steer_encoder_new ("an encoder that arrived", weights, (SteerEncoderInput) input, (float) bias,
                                (float) threshold, (float) gain, error);
  return *encoder != NULL;
}

static gboolean
add_op (SteerPlanReceiver *self, SteerPlanBuilder *builder, guint d_model, GVariant *op, GError **error)
{
  guint32 layer, mode, block, when, gate_block;
  guint64 index;
  double strength, bound;
  g_autoptr (GVariant) encoder_variant = NULL, gate_variant = NULL;
  g_autoptr (SteerEncoder) encoder = NULL, gate_encoder = NULL;
  GBytes *vector, *gate_vector;
  gboolean added;

  g_variant_get (op, "(utudu@" STEER_WIRE_ENCODER_TYPE "udu@" STEER_WIRE_ENCODER_TYPE ")", &layer, &index, &mode,
                 &strength, &block, &encoder_variant, &when, &bound, &gate_block, &gate_variant);
  if (mode >= STEER_N_MODES || when > STEER_WHEN_BELOW)
    return fail (error, "a mode is unknown");
  if (!find_block (self, block, d_model, &vector, error)
      || !read_encoder (self, encoder_variant, d_model, &encoder, error)
      || !find_block (self, gate_block, d_model, &gate_vector, error)
      || !read_encoder (self, gate_variant, d_model, &gate_encoder, error))
    return FALSE;
  if (vector == NULL || (mode == STEER_MODE_SAE_CLAMP) != (encoder != NULL)
      || (when != STEER_WHEN_ALWAYS) != ((gate_vector != NULL) != (gate_encoder != NULL))
      || !steer_plan_builder_set_gate (builder, (SteerWhen) when, (float) bound, gate_vector, gate_encoder, NULL))
    return fail (error, "an operation lacks its vector");
  added = encoder != NULL ? steer_plan_builder_add_sae_clamp (builder, layer, index, (float) strength, vector, encoder)
                          : steer_plan_builder_add (builder, layer, index, (SteerMode) mode, (float) strength, vector);
  return added || fail (error, "an operation is not possible");
}

static SteerPlan *
read_plan (SteerPlanReceiver *self, GVariant *variant, guint32 *number, GError **error)
{
  guint32 d_model;
  gboolean steer_prompt, skip_special;
  g_autoptr (GVariant) ops = NULL;
  g_autoptr (SteerPlanBuilder) builder = NULL;

  g_variant_get (variant, "(uubb@*)", number, &d_model, &steer_prompt, &skip_special, &ops);
  if (*number == 0 || d_model == 0 || d_model > G_MAXUINT32 / sizeof (float))
    {
      fail (error, "a plan has no number or no width");
      return NULL;
    }
  builder = steer_plan_builder_new (d_model);
  steer_plan_builder_set_steer_prompt (builder, steer_prompt);
  steer_plan_builder_set_skip_special (builder, skip_special);
  for (gsize i = 0; i < g_variant_n_children (ops); i++)
    {
      g_autoptr (GVariant) op = g_variant_get_child_value (ops, i);

      if (!add_op (self, builder, d_model, op, error))
        return NULL;
    }
  return steer_plan_builder_end (builder);
}

gboolean
steer_plan_receiver_take_news (SteerPlanReceiver *self, GVariant *news, GError **error)
{
  g_autoptr (GVariant) forgotten_plans = NULL, forgotten_blocks = NULL, blocks = NULL, plans = NULL;

  g_variant_get (news, "(@au@au@*@*)", &forgotten_plans, &forgotten_blocks, &blocks, &plans);
  forget (self->plans, forgotten_plans);
  forget (self->blocks, forgotten_blocks);
  take_blocks (self, blocks);
  for (gsize i = 0; i < g_variant_n_children (plans); i++)
    {
      g_autoptr (GVariant) variant = g_variant_get_child_value (plans, i);
      guint32 number;
      SteerPlan *plan = read_plan (self, variant, &number, error);

      if (plan == NULL)
        return FALSE;
      g_hash_table_insert (self->plans, GUINT_TO_POINTER (number), plan);
    }
  return TRUE;
}

gboolean
steer_plan_receiver_find (SteerPlanReceiver *self, guint32 number, SteerPlan **plan, GError **error)
{
  *plan = number != 0 ? g_hash_table_lookup (self->plans, GUINT_TO_POINTER (number)) : NULL;
  return number == 0 || *plan != NULL || fail (error, "a plan was not sent");
}
