#include "steer-preset.h"

#include <string.h>

#include "steer-sae.h"
#include "test-source.h"
#include "test-util.h"

typedef struct
{
  SteerPreset *preset;
  SteerLibrary *library;
  TestSource *source;
} Fixture;

static void
add (Fixture *fixture, guint layer, guint64 index, double strength, gboolean clamp)
{
  g_autoptr (SteerFeature) feature = steer_feature_new (layer, index);

  steer_feature_set_strength (feature, strength);
  steer_feature_set_clamp (feature, clamp);
  steer_preset_append (fixture->preset, feature);
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->preset = steer_preset_new ();
  fixture->library = steer_library_new ();
  fixture->source = test_source_new ("one", 4, 9);
  steer_library_add (fixture->library, STEER_VECTOR_SOURCE (fixture->source));
  add (fixture, 5, 1, 2.0, FALSE);
  add (fixture, 3, 2, -1.5, TRUE);
  add (fixture, 5, 3, 4.0, TRUE);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_assert_finalize_object (fixture->preset);
  g_assert_finalize_object (fixture->library);
  g_assert_finalize_object (fixture->source);
}

static SteerPlan *
make (Fixture *fixture, guint d_model, guint n_layers)
{
  g_autoptr (GError) error = NULL;
  SteerPlan *plan = steer_preset_make_plan (fixture->preset, fixture->library, d_model, n_layers, &error);

  g_assert_no_error (error);
  return plan;
}

static void
test_holds_enabled_features_by_layer_in_order (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SteerPlan) plan = make (fixture, 4, 9);
  const SteerPlanOp *ops;
  guint n;

  g_assert_cmpuint (steer_plan_get_n_ops (plan), ==, 3);
  g_assert_cmpuint (steer_plan_get_d_model (plan), ==, 4);
  ops = steer_plan_get_layer_ops (plan, 5, &n);
  g_assert_cmpuint (n, ==, 2);
  g_assert_cmpuint (ops[0].index, ==, 1);
  g_assert_cmpint (ops[0].mode, ==, STEER_MODE_ADD);
  g_assert_cmpfloat (ops[0].strength, ==, 2.0f);
  g_assert_cmpfloat (ops[0].vector[1], ==, 1.0f);
  g_assert_cmpuint (ops[1].index, ==, 3);
  g_assert_cmpint (ops[1].mode, ==, STEER_MODE_CLAMP);
}

static void
test_says_which_source_cannot_clamp_in_units_of_an_sae (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (fixture->preset), 0);
  g_autoptr (GError) error = NULL;

  steer_feature_set_mode (feature, STEER_MODE_SAE_CLAMP);
  g_assert_null (steer_preset_make_plan (fixture->preset, fixture->library, 4, 9, &error));
  g_assert_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "one: it has directions and no encoders"));
}

static void
set_condition (Fixture *fixture, guint position, const char *text)
{
  g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (fixture->preset), position);
  SteerCondition condition;

  g_assert_true (steer_condition_parse (text, &condition, NULL));
  steer_feature_set_condition (feature, &condition);
}

static void
test_makes_gates_of_conditions (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SteerPlan) plan = NULL;
  const SteerPlanOp *ops;

  set_condition (fixture, 0, "projection(3) > 0.5");
  set_condition (fixture, 1, "projection <= -2");
  plan = make (fixture, 4, 9);
  ops = steer_plan_get_ops (plan); /* that of layer 3 is the first */
  g_assert_cmpint (ops[0].gate.when, ==, STEER_WHEN_BELOW);
  g_assert_cmpfloat (ops[0].gate.bound, ==, -2.0f);
  g_assert_cmpmem (ops[0].gate.vector, 4 * sizeof (float), ops[0].vector, 4 * sizeof (float));
  g_assert_cmpint (ops[1].gate.when, ==, STEER_WHEN_ABOVE);
  g_assert_cmpfloat (ops[1].gate.vector[3], ==, 1.0f); /* the source's feature 3 lies along number 3 */
  g_assert_cmpstr (ops[1].gate.text, ==, "projection(3) > 0.5");
  g_assert_cmpint (ops[2].gate.when, ==, STEER_WHEN_ALWAYS);
  g_assert_false (steer_preset_plan_would_read (fixture->preset, fixture->library));
  set_condition (fixture, 0, "projection(2) > 0.5");
  g_assert_true (steer_preset_plan_would_read (fixture->preset, fixture->library));
}

static void
test_says_which_source_cannot_measure_an_activation (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  set_condition (fixture, 0, "activation(3) > 0.5");
  g_assert_null (steer_preset_make_plan (fixture->preset, fixture->library, 4, 9, &error));
  g_assert_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "one: it has directions and no encoders"));
}

/* The fixture's SAE has encoders for 259 features of layer 2, whose stream is 32 wide. */
static void
test_measures_by_the_encoder_of_an_sae (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = test_fixture_path ("cli/sae/resid_post_layer_2/trainer_0");
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerSae) sae = steer_sae_open (path, NULL, NULL, &error);
  g_autoptr (SteerEncoder) encoder = NULL;
  g_autoptr (SteerPlan) plan = NULL;
  const SteerPlanOp *ops;

  g_assert_no_error (error);
  encoder = steer_sae_load_encoder (sae, 98, NULL, NULL);
  steer_library_remove (fixture->library, STEER_VECTOR_SOURCE (fixture->source));
  steer_library_add (fixture->library, STEER_VECTOR_SOURCE (sae));
  while (g_list_model_get_n_items (G_LIST_MODEL (fixture->preset)) > 0)
    steer_preset_remove (fixture->preset, 0);
  add (fixture, 2, 97, 3.0, FALSE);
  plan = make (fixture, 32, 3);
  set_condition (fixture, 0, "activation(98) <= 1.5");
  g_assert_true (steer_preset_plan_would_read (fixture->preset, fixture->library));
  g_clear_pointer (&plan, steer_plan_unref);
  plan = make (fixture, 32, 3);
  g_assert_false (steer_preset_plan_would_read (fixture->preset, fixture->library));
  ops = steer_plan_get_ops (plan);
  g_assert_cmpint (ops[0].gate.when, ==, STEER_WHEN_BELOW);
  g_assert_cmpfloat (ops[0].gate.bound, ==, 1.5f);
  g_assert_true (steer_encoder_equal (ops[0].gate.encoder, encoder));
  g_assert_null (ops[0].gate.vector);
  g_assert_null (ops[0].encoder); /* that of the mode sae-clamp */
  g_assert_cmpstr (ops[0].gate.text, ==, "activation(98) <= 1.5");
}

static void
test_keeps_modes_of_strength_zero (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (fixture->preset), 0);
  g_autoptr (SteerPlan) without = NULL;

  steer_feature_set_strength (feature, 0.0);
  without = make (fixture, 4, 9);
  g_assert_cmpuint (steer_plan_get_n_ops (without), ==, 2); /* adding nothing does nothing */
  for (guint i = STEER_MODE_CLAMP; i < STEER_MODE_SAE_CLAMP; i++)
    {
      g_autoptr (SteerPlan) plan = NULL;

      steer_feature_set_mode (feature, (SteerMode) i);
      plan = make (fixture, 4, 9);
      g_assert_cmpuint (steer_plan_get_n_ops (plan), ==, 3);
      g_assert_cmpint (steer_plan_get_ops (plan)[1].mode, ==, (SteerMode) i);
      g_assert_null (steer_plan_get_ops (plan)[1].encoder);
    }
}

static void
test_multiplies_every_strength_clamps_too (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SteerPlan) plan = NULL;
  const SteerPlanOp *ops;

  steer_preset_set_master_multiplier (fixture->preset, 0.5);
  plan = make (fixture, 4, 9);
  ops = steer_plan_get_ops (plan);
  g_assert_cmpfloat (ops[0].strength, ==, -0.75f);
  g_assert_cmpfloat (ops[1].strength, ==, 1.0f);
  g_assert_cmpfloat (ops[2].strength, ==, 2.0f);
}

static void
test_is_empty_when_off (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SteerPlan) plan = NULL;

  add (fixture, 80, 1, 2.0, FALSE); /* which no source covers */
  steer_preset_set_master_enabled (fixture->preset, FALSE);
  plan = make (fixture, 4, 9);
  g_assert_true (steer_plan_equal (plan, NULL));
}

static void
test_leaves_out_what_changes_nothing (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SteerFeature) first = g_list_model_get_item (G_LIST_MODEL (fixture->preset), 0);
  g_autoptr (SteerFeature) second = g_list_model_get_item (G_LIST_MODEL (fixture->preset), 1);
  g_autoptr (SteerPlan) plan = NULL;

  steer_feature_set_strength (first, 0.0);
  steer_feature_set_enabled (second, FALSE);
  plan = make (fixture, 4, 9);
  g_assert_cmpuint (steer_plan_get_n_ops (plan), ==, 1);
  g_assert_cmpuint (steer_plan_get_ops (plan)[0].index, ==, 3);
}

static void
test_carries_the_options (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SteerPlan) before = make (fixture, 4, 9);
  g_autoptr (SteerPlan) after = NULL;

  steer_preset_set_steer_prompt (fixture->preset, FALSE);
  steer_preset_set_skip_special (fixture->preset, TRUE);
  after = make (fixture, 4, 9);
  g_assert_true (steer_plan_get_steer_prompt (before));
  g_assert_false (steer_plan_get_skip_special (before));
  g_assert_false (steer_plan_get_steer_prompt (after));
  g_assert_true (steer_plan_get_skip_special (after));
}

static void
test_reads_no_file_when_a_slider_moves (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (fixture->preset), 0);

  for (guint i = 0; i < 50; i++)
    {
      g_autoptr (SteerPlan) plan = NULL;

      steer_feature_set_strength (feature, i);
      plan = make (fixture, 4, 9);
    }
  g_assert_cmpuint (test_source_get_n_loads (fixture->source), ==, 3);
}

static gboolean
would_read (Fixture *fixture)
{
  return steer_preset_plan_would_read (fixture->preset, fixture->library);
}

static void
test_knows_whether_it_would_read (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (fixture->preset), 0);
  g_autoptr (SteerPlan) plan = NULL;

  g_assert_true (would_read (fixture));
  steer_preset_set_master_enabled (fixture->preset, FALSE);
  g_assert_false (would_read (fixture));
  steer_preset_set_master_enabled (fixture->preset, TRUE);
  plan = make (fixture, 4, 9);
  g_assert_false (would_read (fixture));
  steer_feature_set_strength (feature, 7.0);
  g_assert_false (would_read (fixture));
  add (fixture, 5, 2, 1.0, FALSE);
  g_assert_true (would_read (fixture));
}

static void
expect_error (Fixture *fixture, guint d_model, guint n_layers, SteerSteeringError code, const char *message)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (steer_preset_make_plan (fixture->preset, fixture->library, d_model, n_layers, &error));
  g_assert_error (error, STEER_STEERING_ERROR, (int) code);
  if (strstr (error->message, message) == NULL)
    g_error ("expected '%s' in '%s'", message, error->message);
}

static void
test_names_the_feature_that_does_not_fit (Fixture *fixture, gconstpointer data)
{
  expect_error (fixture, 4, 5, STEER_STEERING_ERROR_MISMATCH,
                "feature 1 of layer 5 does not fit this model: the model's layers are 0 to 4");
  expect_error (fixture, 8, 9, STEER_STEERING_ERROR_MISMATCH, "its vector has 4 numbers where 8 are needed");
  add (fixture, 80, 77, 0.0, FALSE);
  expect_error (fixture, 4, 0, STEER_STEERING_ERROR_NOT_FOUND, "layer 80, feature 77");
}

static void
test_takes_any_width_but_one_only (Fixture *fixture, gconstpointer data)
{
  g_autoptr (TestSource) wide = test_source_new ("wide", 8, 90);
  g_autoptr (SteerPlan) plan = make (fixture, 0, 0);

  g_assert_cmpuint (steer_plan_get_d_model (plan), ==, 4);
  steer_library_add (fixture->library, STEER_VECTOR_SOURCE (wide));
  add (fixture, 20, 1, 1.0, FALSE);
  expect_error (fixture, 0, 0, STEER_STEERING_ERROR_MISMATCH, "feature 1 of layer 20");
  steer_library_remove (fixture->library, STEER_VECTOR_SOURCE (wide));
}

#define ADD(name, function) g_test_add ("/preset plan/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  ADD ("holds the enabled features by layer, in the preset's order", test_holds_enabled_features_by_layer_in_order);
  ADD ("says which source cannot clamp in units of an SAE", test_says_which_source_cannot_clamp_in_units_of_an_sae);
  ADD ("makes gates of conditions", test_makes_gates_of_conditions);
  ADD ("says which source cannot measure an activation", test_says_which_source_cannot_measure_an_activation);
  ADD ("measures by the encoder of an SAE", test_measures_by_the_encoder_of_an_sae);
  ADD ("keeps modes of strength zero, but adding", test_keeps_modes_of_strength_zero);
  ADD ("multiplies every strength, in clamp mode too", test_multiplies_every_strength_clamps_too);
  ADD ("is empty when the master switch is off", test_is_empty_when_off);
  ADD ("leaves out what cannot change anything", test_leaves_out_what_changes_nothing);
  ADD ("carries the options", test_carries_the_options);
  ADD ("reads no file when a slider moves", test_reads_no_file_when_a_slider_moves);
  ADD ("knows whether it would read a file", test_knows_whether_it_would_read);
  ADD ("names the feature that does not fit", test_names_the_feature_that_does_not_fit);
  ADD ("takes any width, but one only", test_takes_any_width_but_one_only);
  return g_test_run ();
}
