#include "steering/steer-plan.h"

#include <math.h>

#define D_MODEL 4

static GBytes *
make_vector (float first)
{
  const float values[D_MODEL] = { first, 0.5f, -0.25f, 0.125f };

  return g_bytes_new (values, sizeof values);
}

static void
add (SteerPlanBuilder *builder, guint layer, guint64 index, SteerMode mode, float strength, float first)
{
  g_autoptr (GBytes) vector = make_vector (first);

  g_assert_true (steer_plan_builder_add (builder, layer, index, mode, strength, vector));
}

static SteerPlan *
make_plan (float strength, float first)
{
  g_autoptr (SteerPlanBuilder) builder = steer_plan_builder_new (D_MODEL);

  add (builder, 3, 7, STEER_MODE_ADD, strength, first);
  add (builder, 1, 8, STEER_MODE_CLAMP, 2.0f, 1.0f);
  return steer_plan_builder_end (builder);
}

static void
test_grouping (void)
{
  g_autoptr (SteerPlanBuilder) builder = steer_plan_builder_new (D_MODEL);
  g_autoptr (SteerPlan) plan = NULL;
  const SteerPlanOp *ops;
  guint n_ops;

  add (builder, 5, 1, STEER_MODE_ADD, 1.0f, 0.1f);
  add (builder, 2, 2, STEER_MODE_CLAMP, 0.0f, 0.2f);
  add (builder, 5, 3, STEER_MODE_CLAMP, -3.0f, 0.3f);
  add (builder, 2, 4, STEER_MODE_ADD, 4.0f, 0.4f);
  add (builder, 5, 5, STEER_MODE_ADD, 5.0f, 0.5f);
  plan = steer_plan_builder_end (builder);

  g_assert_cmpuint (steer_plan_get_n_ops (plan), ==, 5);
  g_assert_cmpuint (steer_plan_get_d_model (plan), ==, D_MODEL);
  g_assert_cmpuint (steer_plan_get_n_layers (plan), ==, 6);
  for (guint i = 0; i < 5; i++)
    {
      static const guint64 expected[] = { 2, 4, 1, 3, 5 };

      g_assert_cmpuint (steer_plan_get_ops (plan)[i].index, ==, expected[i]);
    }

  ops = steer_plan_get_layer_ops (plan, 5, &n_ops);
  g_assert_cmpuint (n_ops, ==, 3);
  g_assert_cmpuint (ops[0].index, ==, 1);
  g_assert_cmpint (ops[1].mode, ==, STEER_MODE_CLAMP);
  g_assert_cmpfloat (ops[1].strength, ==, -3.0f);
  g_assert_cmpfloat (ops[2].vector[0], ==, 0.5f);
  g_assert_cmpfloat (ops[2].vector[3], ==, 0.125f);

  ops = steer_plan_get_layer_ops (plan, 2, &n_ops);
  g_assert_cmpuint (n_ops, ==, 2);
  g_assert_cmpuint (ops[0].index, ==, 2);
  for (guint layer = 0; layer < 9; layer++)
    if (layer != 2 && layer != 5)
      {
        steer_plan_get_layer_ops (plan, layer, &n_ops);
        g_assert_cmpuint (n_ops, ==, 0);
      }
  steer_plan_get_layer_ops (NULL, 0, &n_ops);
  g_assert_cmpuint (n_ops, ==, 0);
}

static void
test_nothing_to_do (void)
{
  g_autoptr (SteerPlanBuilder) builder = steer_plan_builder_new (D_MODEL);
  g_autoptr (SteerPlan) plan = NULL;

  add (builder, 5, 1, STEER_MODE_ADD, 0.0f, 1.0f);
  add (builder, 5, 1, STEER_MODE_ADD, -0.0f, 1.0f);
  plan = steer_plan_builder_end (builder);
  g_assert_cmpuint (steer_plan_get_n_ops (plan), ==, 0);
  g_assert_cmpuint (steer_plan_get_n_layers (plan), ==, 0);
  g_assert_true (steer_plan_equal (plan, NULL));
  g_assert_true (steer_plan_equal (NULL, plan));
  g_assert_true (steer_plan_equal (NULL, NULL));
}

static SteerEncoder *
make_encoder (guint d_model, float bias)
{
  g_autofree float *weights = g_new0 (float, d_model);
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;
  SteerEncoder *encoder;

  weights[0] = 2.0f;
  bytes = g_bytes_new (weights, d_model * sizeof (float));
  encoder = steer_encoder_new ("test", bytes, STEER_ENCODER_PLAIN, bias, 0.5f, 3.0f, &error);
  g_assert_no_error (error);
  return encoder;
}

static void
test_encoders (void)
{
  g_autoptr (SteerPlanBuilder) builder = steer_plan_builder_new (D_MODEL);
  g_autoptr (GBytes) vector = make_vector (1.0f);
  g_autoptr (SteerEncoder) wide = make_encoder (D_MODEL + 1, 0.25f);
  SteerPlan *plans[3];

  g_assert_false (steer_plan_builder_add (builder, 2, 7, STEER_MODE_SAE_CLAMP, 4.0f, vector));
  g_assert_false (steer_plan_builder_add_sae_clamp (builder, 2, 7, 4.0f, vector, wide));
  for (guint i = 0; i < G_N_ELEMENTS (plans); i++)
    {
      g_autoptr (SteerEncoder) encoder = make_encoder (D_MODEL, i < 2 ? 0.25f : 0.5f);

      /* Nothing but the plan holds the encoder in the end; 0 is an operation. */
      g_assert_true (steer_plan_builder_add_sae_clamp (builder, 2, 7, 0.0f, vector, encoder));
      plans[i] = steer_plan_builder_end (builder);
    }
  g_assert_cmpuint (steer_plan_get_n_ops (plans[0]), ==, 1);
  g_assert_cmpint (steer_plan_get_ops (plans[0])->mode, ==, STEER_MODE_SAE_CLAMP);
  g_assert_cmpfloat (steer_plan_get_ops (plans[0])->encoder->bias, ==, 0.25f);
  g_assert_cmpfloat (steer_plan_get_ops (plans[0])->encoder->weights[0], ==, 2.0f);
  g_assert_true (steer_plan_equal (plans[0], plans[1]));
  g_assert_false (steer_plan_equal (plans[0], plans[2]));
  for (guint i = 0; i < G_N_ELEMENTS (plans); i++)
    steer_plan_unref (plans[i]);
}

static void
test_clamp_to_zero (void)
{
  g_autoptr (SteerPlanBuilder) builder = steer_plan_builder_new (D_MODEL);
  g_autoptr (SteerPlan) plan = NULL;

  add (builder, 0, 1, STEER_MODE_CLAMP, 0.0f, 1.0f);
  plan = steer_plan_builder_end (builder);
  g_assert_cmpuint (steer_plan_get_n_ops (plan), ==, 1);
  g_assert_false (steer_plan_equal (plan, NULL));
  g_assert_false (steer_plan_equal (NULL, plan));
}

static void
test_refusals (void)
{
  g_autoptr (SteerPlanBuilder) builder = steer_plan_builder_new (D_MODEL);
  g_autoptr (SteerPlan) plan = NULL;
  g_autoptr (GBytes) vector = make_vector (1.0f);
  g_autoptr (GBytes) short_vector = g_bytes_new_from_bytes (vector, 0, sizeof (float) * 3);
  g_autoptr (GBytes) empty = g_bytes_new (NULL, 0);

  g_assert_false (steer_plan_builder_add (builder, 0, 0, STEER_MODE_ADD, 1.0f, short_vector));
  g_assert_false (steer_plan_builder_add (builder, 0, 0, STEER_MODE_ADD, 1.0f, empty));
  g_assert_false (steer_plan_builder_add (builder, 0, 0, STEER_MODE_ADD, NAN, vector));
  g_assert_false (steer_plan_builder_add (builder, 0, 0, STEER_MODE_CLAMP, INFINITY, vector));
  g_assert_false (steer_plan_builder_add (builder, G_MAXUINT, 0, STEER_MODE_ADD, 1.0f, vector));
  plan = steer_plan_builder_end (builder);
  g_assert_cmpuint (steer_plan_get_n_ops (plan), ==, 0);
}

static void
test_unaligned (void)
{
  g_autoptr (SteerPlanBuilder) builder = steer_plan_builder_new (D_MODEL);
  g_autoptr (SteerPlan) plan = NULL;
  g_autoptr (GBytes) vector = make_vector (0.75f);
  g_autoptr (GBytes) slice = NULL;
  g_autoptr (GBytes) whole = NULL;
  guint8 bytes[1 + D_MODEL * sizeof (float)] = { 0 };

  memcpy (bytes + 1, g_bytes_get_data (vector, NULL), D_MODEL * sizeof (float));
  whole = g_bytes_new (bytes, sizeof bytes);
  slice = g_bytes_new_from_bytes (whole, 1, D_MODEL * sizeof (float));
  g_assert_true (steer_plan_builder_add (builder, 0, 0, STEER_MODE_ADD, 1.0f, slice));
  plan = steer_plan_builder_end (builder);
  g_assert_cmpuint ((guintptr) steer_plan_get_ops (plan)->vector % sizeof (float), ==, 0);
  g_assert_cmpfloat (steer_plan_get_ops (plan)->vector[0], ==, 0.75f);
}

static void
test_by_reference (void)
{
  g_autoptr (SteerPlanBuilder) builder = steer_plan_builder_new (D_MODEL);
  g_autoptr (GBytes) vector = make_vector (1.0f);
  g_autoptr (SteerPlan) plan = NULL;
  gconstpointer data = g_bytes_get_data (vector, NULL);

  g_assert_true (steer_plan_builder_add (builder, 0, 0, STEER_MODE_ADD, 1.0f, vector));
  plan = steer_plan_builder_end (builder);
  g_clear_pointer (&vector, g_bytes_unref);
  g_assert_true (steer_plan_get_ops (plan)->vector == data);
  g_assert_cmpfloat (steer_plan_get_ops (plan)->vector[1], ==, 0.5f);
}

static void
test_equality (void)
{
  g_autoptr (SteerPlan) a = make_plan (1.5f, 0.5f);
  g_autoptr (SteerPlan) same = make_plan (1.5f, 0.5f);
  g_autoptr (SteerPlan) stronger = make_plan (1.75f, 0.5f);
  g_autoptr (SteerPlan) elsewhere = make_plan (1.5f, 0.75f);
  g_autoptr (SteerPlan) fewer = make_plan (0.0f, 0.5f);

  g_assert_true (steer_plan_equal (a, a));
  g_assert_true (steer_plan_equal (a, same));
  g_assert_false (steer_plan_equal (a, stronger));
  g_assert_false (steer_plan_equal (a, elsewhere));
  g_assert_false (steer_plan_equal (a, fewer));
  g_assert_false (steer_plan_equal (a, NULL));
}

static void
test_options (void)
{
  g_autoptr (SteerPlanBuilder) builder = steer_plan_builder_new (D_MODEL);
  g_autoptr (SteerPlan) plain = NULL;
  g_autoptr (SteerPlan) generated_only = NULL;
  g_autoptr (SteerPlan) no_special = NULL;

  add (builder, 0, 0, STEER_MODE_ADD, 1.0f, 1.0f);
  plain = steer_plan_builder_end (builder);
  add (builder, 0, 0, STEER_MODE_ADD, 1.0f, 1.0f);
  steer_plan_builder_set_steer_prompt (builder, FALSE);
  generated_only = steer_plan_builder_end (builder);
  add (builder, 0, 0, STEER_MODE_ADD, 1.0f, 1.0f);
  steer_plan_builder_set_skip_special (builder, TRUE);
  no_special = steer_plan_builder_end (builder);

  g_assert_true (steer_plan_get_steer_prompt (plain));
  g_assert_false (steer_plan_get_skip_special (plain));
  g_assert_false (steer_plan_get_steer_prompt (generated_only));
  g_assert_true (steer_plan_get_steer_prompt (no_special));
  g_assert_true (steer_plan_get_skip_special (no_special));
  g_assert_false (steer_plan_equal (plain, generated_only));
  g_assert_false (steer_plan_equal (plain, no_special));
}

#define N_SETS 20000

static gpointer
keep_setting (gpointer data)
{
  SteerLivePlan *live = data;
  g_autoptr (SteerPlan) one = make_plan (1.0f, 0.5f);
  g_autoptr (SteerPlan) two = make_plan (2.0f, 0.5f);

  for (guint i = 0; i < N_SETS; i++)
    steer_live_plan_set (live, i % 3 == 0 ? one : i % 3 == 1 ? two : NULL);
  steer_live_plan_set (live, two);
  return NULL;
}

static void
test_live (void)
{
  g_autoptr (SteerLivePlan) live = steer_live_plan_new (NULL);
  g_autoptr (SteerPlan) last = NULL;
  g_autoptr (GThread) writer = NULL;

  g_assert_null (steer_live_plan_dup (live));
  writer = g_thread_new ("writer", keep_setting, live);
  for (guint i = 0; i < N_SETS; i++)
    {
      g_autoptr (SteerPlan) plan = steer_live_plan_dup (live);

      if (plan != NULL)
        {
          float strength = steer_plan_get_ops (plan)[1].strength;

          g_assert_true (strength == 1.0f || strength == 2.0f);
        }
    }
  g_thread_join (g_steal_pointer (&writer));
  last = steer_live_plan_dup (live);
  g_assert_nonnull (last);
  g_assert_cmpfloat (steer_plan_get_ops (last)[1].strength, ==, 2.0f);
}

static SteerPlan *
make_single (guint64 index, const char *label)
{
  g_autoptr (SteerPlanBuilder) builder = steer_plan_builder_new (D_MODEL);

  steer_plan_builder_set_label (builder, label);
  add (builder, 3, index, STEER_MODE_ADD, 1.0f, 0.5f);
  return steer_plan_builder_end (builder);
}

/* The plan tells what its features were called when it was made, whatever becomes of them. */
static void
test_labels (void)
{
  g_autoptr (SteerPlanBuilder) builder = steer_plan_builder_new (D_MODEL);
  g_autoptr (SteerPlan) plan = NULL;
  char label[] = "Tower";

  add (builder, 5, 1, STEER_MODE_ADD, 1.0f, 0.5f);
  steer_plan_builder_set_label (builder, label);
  label[0] = 'P';
  add (builder, 4, 2, STEER_MODE_ADD, 0.0f, 0.5f);
  add (builder, 3, 3, STEER_MODE_CLAMP, 1.0f, 0.5f);
  steer_plan_builder_set_label (builder, "Sea");
  add (builder, 9, 4, STEER_MODE_ADD, 1.0f, 0.5f);
  plan = steer_plan_builder_end (builder);
  g_assert_cmpuint (steer_plan_get_n_ops (plan), ==, 3);
  g_assert_cmpstr (steer_plan_get_ops (plan)[0].label, ==, "Tower");
  g_assert_null (steer_plan_get_ops (plan)[1].label);
  g_assert_cmpstr (steer_plan_get_ops (plan)[2].label, ==, "Sea");
}

/* A gate is of what is added after it, until the next one, and makes a plan another one. */
static void
test_gates (void)
{
  g_autoptr (SteerPlanBuilder) builder = steer_plan_builder_new (D_MODEL);
  g_autoptr (GBytes) vector = make_vector (1.0f), same_vector = make_vector (1.0f), other_vector = make_vector (2.0f);
  g_autoptr (GBytes) narrow = g_bytes_new_static ("1234", 4);
  g_autoptr (SteerEncoder) encoder = make_encoder (D_MODEL, 0.25f);
  g_autoptr (GPtrArray) plans = g_ptr_array_new_with_free_func ((GDestroyNotify) steer_plan_unref);
  const SteerPlanOp *ops;
  const struct
  {
    SteerWhen when;
    float bound;
    GBytes *vector;
    SteerEncoder *encoder;
    gboolean equals_first;
  } gates[] = {
    { STEER_WHEN_ABOVE, 1.5f, vector, NULL, TRUE },        { STEER_WHEN_ABOVE, 1.5f, same_vector, NULL, TRUE },
    { STEER_WHEN_BELOW, 1.5f, vector, NULL, FALSE },       { STEER_WHEN_ABOVE, 1.0f, vector, NULL, FALSE },
    { STEER_WHEN_ABOVE, 1.5f, other_vector, NULL, FALSE }, { STEER_WHEN_ABOVE, 1.5f, NULL, encoder, FALSE },
    { STEER_WHEN_ALWAYS, 0.0f, NULL, NULL, FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (gates); i++)
    {
      g_assert_true (
        steer_plan_builder_set_gate (builder, gates[i].when, gates[i].bound, gates[i].vector, gates[i].encoder, NULL));
      add (builder, 3, 7, STEER_MODE_ADD, 1.0f, 0.5f);
      g_ptr_array_add (plans, steer_plan_builder_end (builder));
      g_assert_cmpint (steer_plan_equal (plans->pdata[0], plans->pdata[i]), ==, gates[i].equals_first);
    }

  g_assert_true (steer_plan_builder_set_gate (builder, STEER_WHEN_BELOW, 2.0f, NULL, encoder, NULL));
  add (builder, 2, 1, STEER_MODE_ADD, 1.0f, 0.5f);
  add (builder, 1, 2, STEER_MODE_ADD, 1.0f, 0.5f);
  g_assert_true (steer_plan_builder_set_gate (builder, STEER_WHEN_ALWAYS, 0.0f, NULL, NULL, NULL));
  add (builder, 0, 3, STEER_MODE_ADD, 1.0f, 0.5f);
  g_ptr_array_add (plans, steer_plan_builder_end (builder));
  ops = steer_plan_get_ops (g_ptr_array_index (plans, plans->len - 1));
  g_assert_cmpint (ops[0].gate.when, ==, STEER_WHEN_ALWAYS);
  g_assert_cmpint (ops[1].gate.when, ==, STEER_WHEN_BELOW);
  g_assert_true (ops[2].gate.encoder == encoder);

  g_assert_false (steer_plan_builder_set_gate (builder, STEER_WHEN_ABOVE, INFINITY, vector, NULL, NULL));
  g_assert_false (steer_plan_builder_set_gate (builder, STEER_WHEN_ABOVE, 1.0f, narrow, NULL, NULL));
  add (builder, 0, 3, STEER_MODE_ADD, 1.0f, 0.5f);
  g_ptr_array_add (plans, steer_plan_builder_end (builder));
  ops = steer_plan_get_ops (g_ptr_array_index (plans, plans->len - 1));
  g_assert_cmpint (ops[0].gate.when, ==, STEER_WHEN_ALWAYS);
}

/* What does the same under the name of another feature is told of by another name. */
static void
test_live_keeps_an_equal_plan (void)
{
  g_autoptr (SteerPlan) first = make_single (7, "Tower"), equal = make_single (7, "Tower");
  g_autoptr (SteerPlan) other = make_single (8, "Tower"), renamed = make_single (8, "Sea");
  g_autoptr (SteerLivePlan) live = steer_live_plan_new (first);
  g_autoptr (SteerPlan) kept = NULL, replaced = NULL, last = NULL;

  steer_live_plan_set (live, equal);
  kept = steer_live_plan_dup (live);
  g_assert_true (kept == first);
  steer_live_plan_set (live, other);
  replaced = steer_live_plan_dup (live);
  g_assert_true (replaced == other);
  steer_live_plan_set (live, renamed);
  last = steer_live_plan_dup (live);
  g_assert_true (last == renamed);
  steer_live_plan_set (live, NULL);
  g_assert_null (steer_live_plan_dup (live));
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/plan/operations are grouped by layer and keep the preset's order inside a layer", test_grouping);
  g_test_add_func ("/plan/adding with strength zero is left out, which makes the plan equal to none",
                   test_nothing_to_do);
  g_test_add_func ("/plan/tells what its features were called when it was made", test_labels);
  g_test_add_func ("/plan/holds the encoders of its operations and compares them", test_encoders);
  g_test_add_func ("/plan/a gate is of the operations that are added after it", test_gates);
  g_test_add_func ("/plan/clamping to zero is an operation", test_clamp_to_zero);
  g_test_add_func ("/plan/a vector of the wrong size or a strength that is not finite is refused", test_refusals);
  g_test_add_func ("/plan/a vector at an odd address can be read as floats", test_unaligned);
  g_test_add_func ("/plan/a vector is held by reference and not copied", test_by_reference);
  g_test_add_func ("/plan/plans are equal when they have the same effect", test_equality);
  g_test_add_func ("/plan/the options of a preset are part of the plan", test_options);
  g_test_add_func ("/plan/a live plan keeps a plan that an equal one would replace", test_live_keeps_an_equal_plan);
  g_test_add_func ("/plan/a live plan may be set and read by several threads", test_live);
  return g_test_run ();
}
