#include "steer-feature.h"

#include <math.h>
#include <string.h>

static void
count (GObject *object, GParamSpec *pspec, gpointer counter)
{
  ++*(guint *) counter;
}

static void
test_starts_enabled_in_add_mode (void)
{
  g_autoptr (SteerFeature) feature = steer_feature_new (15, 21576);

  g_assert_cmpuint (steer_feature_get_layer (feature), ==, 15);
  g_assert_cmpuint (steer_feature_get_index (feature), ==, 21576);
  g_assert_null (steer_feature_get_source (feature));
  g_assert_null (steer_feature_get_label (feature));
  g_assert_cmpfloat (steer_feature_get_strength (feature), ==, 0.0);
  g_assert_false (steer_feature_get_clamp (feature));
  g_assert_true (steer_feature_get_enabled (feature));
}

static void
test_notifies_once_a_change (void)
{
  g_autoptr (SteerFeature) feature = steer_feature_new (1, 2);
  guint n = 0;

  g_signal_connect (feature, "notify", G_CALLBACK (count), &n);
  steer_feature_set_strength (feature, 3.5);
  g_assert_cmpuint (n, ==, 1);
  steer_feature_set_mode (feature, STEER_MODE_CAP);
  g_assert_cmpuint (n, ==, 2);
  steer_feature_set_clamp (feature, TRUE); /* mode and clamp */
  g_assert_cmpuint (n, ==, 4);
  steer_feature_set_enabled (feature, FALSE);
  g_assert_cmpuint (n, ==, 5);
  steer_feature_set_label (feature, "Sea");
  g_assert_cmpuint (n, ==, 6);
  steer_feature_set_source (feature, "demo");
  g_assert_cmpuint (n, ==, 7);
  steer_feature_set_range (feature, 8.5, -16.0, 16.0);
  g_assert_cmpuint (n, ==, 10);
  steer_feature_set_layer_norm (feature, 10.8);
  g_assert_cmpuint (n, ==, 11);
}

static void
test_clamp_is_one_of_its_modes (void)
{
  g_autoptr (SteerFeature) feature = steer_feature_new (1, 2);

  g_assert_cmpint (steer_feature_get_mode (feature), ==, STEER_MODE_ADD);
  steer_feature_set_clamp (feature, TRUE);
  g_assert_cmpint (steer_feature_get_mode (feature), ==, STEER_MODE_CLAMP);
  steer_feature_set_clamp (feature, FALSE);
  g_assert_cmpint (steer_feature_get_mode (feature), ==, STEER_MODE_ADD);
  steer_feature_set_mode (feature, STEER_MODE_MINIMUM);
  steer_feature_set_clamp (feature, FALSE);
  g_assert_cmpint (steer_feature_get_mode (feature), ==, STEER_MODE_MINIMUM);
  g_assert_false (steer_feature_get_clamp (feature));
}

static void
test_modes_have_names (void)
{
  for (guint i = 0; i < STEER_N_MODES; i++)
    {
      SteerMode mode;

      g_assert_true (steer_mode_from_name (steer_mode_get_name ((SteerMode) i), &mode));
      g_assert_cmpint (mode, ==, (SteerMode) i);
      g_assert_nonnull (strstr (steer_mode_list_names (), steer_mode_get_name (mode)));
    }
  g_assert_false (steer_mode_from_name ("Clamp", &(SteerMode){ 0 }));
  g_assert_false (steer_mode_from_name ("", &(SteerMode){ 0 }));
}

static void
test_says_nothing_when_nothing_changes (void)
{
  g_autoptr (SteerFeature) feature = steer_feature_new (1, 2);
  guint n = 0;

  g_object_set (feature, "strength", 3.5, "clamp", TRUE, "enabled", FALSE, "label", "Sea", "source", "demo", NULL);
  g_signal_connect (feature, "notify", G_CALLBACK (count), &n);
  g_object_set (feature, "strength", 3.5, "clamp", TRUE, "enabled", FALSE, "label", "Sea", "source", "demo", NULL);
  steer_feature_set_range (feature, 0.0, 0.0, 0.0);
  steer_feature_set_layer_norm (feature, 0.0);
  g_assert_cmpuint (n, ==, 0);
}

static void
test_keeps_strengths_finite (void)
{
  g_autoptr (SteerFeature) feature = steer_feature_new (1, 2);

  steer_feature_set_strength (feature, 2.0);
  steer_feature_set_strength (feature, NAN);
  g_assert_cmpfloat (steer_feature_get_strength (feature), ==, 2.0);
  steer_feature_set_strength (feature, INFINITY);
  g_assert_cmpfloat (steer_feature_get_strength (feature), ==, STEER_FEATURE_MAX_STRENGTH);
  steer_feature_set_strength (feature, -INFINITY);
  g_assert_cmpfloat (steer_feature_get_strength (feature), ==, -STEER_FEATURE_MAX_STRENGTH);
}

static void
test_keeps_text_utf8_and_takes_empty_for_none (void)
{
  g_autoptr (SteerFeature) feature = steer_feature_new (1, 2);

  steer_feature_set_label (feature, "a\xff"
                                    "b");
  g_assert_true (g_utf8_validate (steer_feature_get_label (feature), -1, NULL));
  steer_feature_set_label (feature, "");
  g_assert_null (steer_feature_get_label (feature));
}

static void
test_copies_everything (void)
{
  g_autoptr (SteerFeature) feature = steer_feature_new (1, 2);
  g_autoptr (SteerFeature) copy = NULL;

  g_object_set (feature, "strength", 3.5, "mode", STEER_MODE_CLAMP, "enabled", FALSE, "label", "Sea", "source", "demo",
                "recommended", 1.0, "minimum", -2.0, "maximum", 3.0, "layer-norm", 4.0, NULL);
  steer_feature_set_condition (feature, &(SteerCondition){ .above = TRUE, .bound = 1.5 });
  copy = steer_feature_copy (feature);
  for (guint i = 0; i < 13; i++)
    {
      static const char *const names[]
        = { "layer",       "index",   "source",  "label",      "strength", "clamp", "enabled",
            "recommended", "minimum", "maximum", "layer-norm", "mode",     "when" };
      g_auto (GValue) left = G_VALUE_INIT;
      g_auto (GValue) right = G_VALUE_INIT;
      GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (feature), names[i]);

      g_object_get_property (G_OBJECT (feature), names[i], &left);
      g_object_get_property (G_OBJECT (copy), names[i], &right);
      g_assert_cmpint (g_param_values_cmp (pspec, &left, &right), ==, 0);
      g_assert_false (g_param_value_defaults (pspec, &left) && i > 1);
    }
}

static void
count_notify (guint *n)
{
  ++*n;
}

static void
test_tells_a_changed_condition (void)
{
  g_autoptr (SteerFeature) feature = steer_feature_new (1, 2);
  SteerCondition condition = { .other = TRUE, .index = 7, .above = TRUE, .bound = 1.5 };
  guint n = 0;

  g_signal_connect_swapped (feature, "notify::when", G_CALLBACK (count_notify), &n);
  g_assert_null (steer_feature_get_when (feature));
  steer_feature_set_condition (feature, NULL);
  g_assert_cmpuint (n, ==, 0);
  steer_feature_set_condition (feature, &condition);
  steer_feature_set_condition (feature, &condition);
  steer_feature_set_condition (feature, steer_feature_get_condition (feature));
  g_assert_cmpuint (n, ==, 1);
  g_assert_cmpstr (steer_feature_get_when (feature), ==, "activation(7) > 1.5");
  condition.bound = 2.0;
  g_assert_cmpfloat (steer_feature_get_condition (feature)->bound, ==, 1.5);
  steer_feature_set_condition (feature, &condition);
  steer_feature_set_condition (feature, NULL);
  g_assert_cmpuint (n, ==, 3);
  g_assert_null (steer_feature_get_condition (feature));
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/feature/starts enabled, in add mode, at zero", test_starts_enabled_in_add_mode);
  g_test_add_func ("/feature/notifies once a change", test_notifies_once_a_change);
  g_test_add_func ("/feature/says nothing when nothing changes", test_says_nothing_when_nothing_changes);
  g_test_add_func ("/feature/clamp is one of its modes", test_clamp_is_one_of_its_modes);
  g_test_add_func ("/feature/modes have names", test_modes_have_names);
  g_test_add_func ("/feature/keeps strengths finite and bounded", test_keeps_strengths_finite);
  g_test_add_func ("/feature/keeps its text UTF-8 and takes an empty one for none",
                   test_keeps_text_utf8_and_takes_empty_for_none);
  g_test_add_func ("/feature/tells a condition that has changed", test_tells_a_changed_condition);
  g_test_add_func ("/feature/copies everything", test_copies_everything);
  return g_test_run ();
}
