#include "steer-preset.h"

#include <math.h>

typedef struct
{
  SteerPreset *preset;
  guint n_changed;
  GString *items_changed; /* "position-removed+added " for each emission */
} Fixture;

static void
on_changed (SteerPreset *preset, Fixture *fixture)
{
  fixture->n_changed++;
}

/* A view applies each emission to its copy; the copy must then be the list. */
static void
on_items_changed (GListModel *model, guint position, guint removed, guint added, Fixture *fixture)
{
  g_string_append_printf (fixture->items_changed, "%u-%u+%u ", position, removed, added);
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->preset = steer_preset_new ();
  fixture->items_changed = g_string_new (NULL);
  for (guint i = 0; i < 4; i++)
    {
      g_autoptr (SteerFeature) feature = steer_feature_new (i, 100 + i);

      steer_preset_append (fixture->preset, feature);
    }
  g_signal_connect (fixture->preset, "changed", G_CALLBACK (on_changed), fixture);
  g_signal_connect (fixture->preset, "items-changed", G_CALLBACK (on_items_changed), fixture);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_assert_finalize_object (fixture->preset);
  g_string_free (fixture->items_changed, TRUE);
}

static SteerFeature *
get (Fixture *fixture, guint position)
{
  SteerFeature *feature = g_list_model_get_item (G_LIST_MODEL (fixture->preset), position);

  g_object_unref (feature);
  return feature;
}

static void
assert_layers (Fixture *fixture, const char *expected)
{
  g_autoptr (GString) layers = g_string_new (NULL);

  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (fixture->preset)); i++)
    g_string_append_printf (layers, "%u", steer_feature_get_layer (get (fixture, i)));
  g_assert_cmpstr (layers->str, ==, expected);
}

static void
test_changes_once_a_change (Fixture *fixture, gconstpointer data)
{
  SteerPreset *preset = fixture->preset;
  SteerFeature *feature = get (fixture, 1);
  SteerSampling sampling;
  guint n = 0;

#define EXPECT_ONE(statement)                                                                                          \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    statement;                                                                                                         \
    g_assert_cmpuint (fixture->n_changed, ==, ++n);                                                                    \
    statement;                                                                                                         \
    g_assert_cmpuint (fixture->n_changed, ==, n);                                                                      \
  }                                                                                                                    \
  G_STMT_END

  EXPECT_ONE (steer_feature_set_strength (feature, 2.0));
  EXPECT_ONE (steer_feature_set_clamp (feature, TRUE));
  EXPECT_ONE (steer_feature_set_enabled (feature, FALSE));
  EXPECT_ONE (steer_feature_set_label (feature, "Sea"));
  EXPECT_ONE (steer_feature_set_source (feature, "demo"));
  EXPECT_ONE (steer_preset_set_name (preset, "A"));
  EXPECT_ONE (steer_preset_set_description (preset, "B"));
  EXPECT_ONE (steer_preset_set_model_hint (preset, "C"));
  EXPECT_ONE (steer_preset_set_system_prompt (preset, ""));
  EXPECT_ONE (steer_preset_set_master_enabled (preset, FALSE));
  EXPECT_ONE (steer_preset_set_master_multiplier (preset, 0.5));
  EXPECT_ONE (steer_preset_set_steer_prompt (preset, FALSE));
  EXPECT_ONE (steer_preset_set_skip_special (preset, TRUE));
  EXPECT_ONE (steer_preset_set_default_clamp (preset, TRUE));
  EXPECT_ONE (g_object_set (preset, "master-multiplier", 1.5, NULL));
  steer_sampling_init (&sampling);
  EXPECT_ONE (steer_preset_set_sampling (preset, &sampling));
  EXPECT_ONE (steer_preset_set_sampling (preset, NULL));
  g_assert_cmpstr (fixture->items_changed->str, ==, "");
}

static void
test_is_not_changed_by_what_a_source_knows (Fixture *fixture, gconstpointer data)
{
  steer_feature_set_range (get (fixture, 0), 8.5, -16.0, 16.0);
  steer_feature_set_layer_norm (get (fixture, 0), 10.8);
  g_assert_cmpuint (fixture->n_changed, ==, 0);
}

static void
test_listens_to_its_own_features_only (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SteerFeature) feature = g_object_ref (get (fixture, 2));

  steer_preset_remove (fixture->preset, 2);
  g_assert_cmpuint (fixture->n_changed, ==, 1);
  steer_feature_set_strength (feature, 4.0);
  g_assert_cmpuint (fixture->n_changed, ==, 1);
  steer_preset_insert (fixture->preset, 0, feature);
  steer_feature_set_strength (feature, 5.0);
  g_assert_cmpuint (fixture->n_changed, ==, 3);
}

static void
test_tells_a_view_what_moved (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SteerFeature) feature = steer_feature_new (9, 9);

  assert_layers (fixture, "0123");
  steer_preset_insert (fixture->preset, 1, feature);
  assert_layers (fixture, "09123");
  steer_preset_remove (fixture->preset, 1);
  steer_preset_insert (fixture->preset, 77, feature);
  assert_layers (fixture, "01239");
  g_assert_cmpstr (fixture->items_changed->str, ==, "1-0+1 1-1+0 4-0+1 ");
  g_assert_cmpuint (fixture->n_changed, ==, 3);
}

static void
test_moves_a_row_and_leaves_the_others (Fixture *fixture, gconstpointer data)
{
  SteerFeature *feature = get (fixture, 0);

  steer_preset_move (fixture->preset, 0, 2);
  assert_layers (fixture, "1203");
  g_assert_true (get (fixture, 2) == feature);
  steer_preset_move (fixture->preset, 3, 0);
  assert_layers (fixture, "3120");
  steer_preset_move (fixture->preset, 1, 1);
  g_assert_cmpstr (fixture->items_changed->str, ==, "0-1+0 2-0+1 3-1+0 0-0+1 ");
  g_assert_cmpuint (fixture->n_changed, ==, 2);
  steer_feature_set_strength (feature, 1.0);
  g_assert_cmpuint (fixture->n_changed, ==, 3);
}

static void
check_during_emission (GListModel *model, guint position, guint removed, guint added, guint *n)
{
  *n = *n - removed + added;
  g_assert_cmpuint (g_list_model_get_n_items (model), ==, *n);
  if (added > 0)
    {
      g_autoptr (GObject) item = g_list_model_get_item (model, position);

      g_assert_nonnull (item);
    }
  g_assert_null (g_list_model_get_item (model, *n));
}

static void
test_is_consistent_while_it_tells (Fixture *fixture, gconstpointer data)
{
  guint n = 4;

  g_signal_connect (fixture->preset, "items-changed", G_CALLBACK (check_during_emission), &n);
  steer_preset_move (fixture->preset, 0, 3);
  steer_preset_move (fixture->preset, 2, 1);
  steer_preset_remove (fixture->preset, 0);
  g_assert_cmpuint (n, ==, 3);
}

static void
test_bounds_the_multiplier (Fixture *fixture, gconstpointer data)
{
  steer_preset_set_master_multiplier (fixture->preset, 7.0);
  g_assert_cmpfloat (steer_preset_get_master_multiplier (fixture->preset), ==, 2.0);
  steer_preset_set_master_multiplier (fixture->preset, -1.0);
  g_assert_cmpfloat (steer_preset_get_master_multiplier (fixture->preset), ==, 0.0);
  steer_preset_set_master_multiplier (fixture->preset, NAN);
  g_assert_cmpfloat (steer_preset_get_master_multiplier (fixture->preset), ==, 0.0);
}

static void
test_states_only_the_sampling_that_is_set (Fixture *fixture, gconstpointer data)
{
  SteerSampling sampling = { .temperature = 0.25, .seed = 7, .top_p = 0.5 };
  const SteerSampling *got;

  g_assert_cmpuint (steer_preset_get_sampling_fields (fixture->preset), ==, 0);
  steer_preset_set_sampling_fields (fixture->preset, &sampling, STEER_SAMPLING_TEMPERATURE | STEER_SAMPLING_SEED);
  got = steer_preset_get_sampling (fixture->preset);
  g_assert_cmpfloat (got->temperature, ==, 0.25);
  g_assert_cmpuint (got->seed, ==, 7);
  g_assert_cmpfloat (got->top_p, ==, 0.95);
  g_assert_cmpuint (got->max_tokens, ==, 512);
}

static void
test_copy_is_equal_and_independent (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SteerPreset) copy = NULL;

  steer_preset_set_name (fixture->preset, "Sea");
  steer_preset_set_system_prompt (fixture->preset, "Arr.");
  steer_feature_set_label (get (fixture, 1), "Pirate");
  copy = steer_preset_copy (fixture->preset);
  g_assert_true (steer_preset_equal (fixture->preset, copy));
  fixture->n_changed = 0;
  steer_preset_remove (copy, 0);
  g_assert_cmpuint (fixture->n_changed, ==, 0);
  g_assert_false (steer_preset_equal (fixture->preset, copy));
  assert_layers (fixture, "0123");
}

static void
test_becomes_another_in_one_change (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SteerPreset) other = steer_preset_new ();
  g_autoptr (SteerFeature) feature = steer_feature_new (7, 7);

  steer_preset_append (other, feature);
  steer_preset_set_name (other, "Sea");
  steer_preset_set_master_enabled (other, FALSE);
  steer_preset_assign (fixture->preset, other);
  g_assert_true (steer_preset_equal (fixture->preset, other));
  g_assert_cmpuint (fixture->n_changed, ==, 1);
  g_assert_cmpstr (fixture->items_changed->str, ==, "0-4+1 ");
  steer_preset_assign (fixture->preset, other);
  g_assert_cmpuint (fixture->n_changed, ==, 1);
  steer_feature_set_strength (feature, 3.0);
  g_assert_cmpuint (fixture->n_changed, ==, 1);
  steer_feature_set_strength (get (fixture, 0), 3.0);
  g_assert_cmpuint (fixture->n_changed, ==, 2);
}

#define ADD(name, function) g_test_add ("/preset/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  ADD ("emits changed exactly once a change", test_changes_once_a_change);
  ADD ("is not changed by what a source knows", test_is_not_changed_by_what_a_source_knows);
  ADD ("listens to its own features only", test_listens_to_its_own_features_only);
  ADD ("tells a view what came and went", test_tells_a_view_what_moved);
  ADD ("moves a row and leaves the others alone", test_moves_a_row_and_leaves_the_others);
  ADD ("is consistent while it tells", test_is_consistent_while_it_tells);
  ADD ("bounds the multiplier", test_bounds_the_multiplier);
  ADD ("states only the sampling that is set", test_states_only_the_sampling_that_is_set);
  ADD ("has copies that are equal and independent", test_copy_is_equal_and_independent);
  ADD ("becomes another in one change", test_becomes_another_in_one_change);
  return g_test_run ();
}
