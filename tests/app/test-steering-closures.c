#include "steer-steering-closures.h"

#include <math.h>

#include "steer-steering-edit.h"

static void
check_range (double minimum,
             double maximum,
             double recommended,
             double norm,
             double strength,
             double lower,
             double upper,
             double useful_lower,
             double useful_upper)
{
  SteerStrengthRange range;

  steer_strength_range_init (&range, minimum, maximum, recommended, norm, strength);
  g_assert_cmpfloat_with_epsilon (range.lower, lower, 1e-9);
  g_assert_cmpfloat_with_epsilon (range.upper, upper, 1e-9);
  g_assert_cmpfloat_with_epsilon (range.useful_lower, useful_lower, 1e-9);
  g_assert_cmpfloat_with_epsilon (range.useful_upper, useful_upper, 1e-9);
}

static void
test_range_follows_what_is_known (void)
{
  /* A source's range, with a fifth of it beyond on either side. */
  check_range (-16, 16, 8.5, 10.8, 8.5, -22.4, 22.4, -16, 16);
  /* One that is not symmetric stays as the source says. */
  check_range (-5, 15, 0, 10.8, 0, -9, 19, -5, 15);
  check_range (2, 10, 0, 0, 3, 0, 11.6, 0, 10);
  check_range (-10, -2, 0, 0, -3, -11.6, 0, -10, 0);
  /* One of a single sign holds for the other as well, once that is asked for. */
  check_range (2, 10, 0, 0, -3, -11.6, 11.6, -10, 10);
  check_range (-10, -2, 0, 0, 3, -11.6, 11.6, -10, 10);
  /* Else the norm: one and a half times, the last third beyond. */
  check_range (0, 0, 0, 10, 3, -15, 15, -10, 10);
  /* Else twenty, and no danger zone, since nothing is known. */
  check_range (0, 0, 0, 0, 3, -20, 20, -20, 20);
}

static void
test_range_holds_the_strength (void)
{
  check_range (-16, 16, 0, 0, 100, -110, 110, -16, 16);
  check_range (-5, 15, 0, 0, -100, -110, 19, -5, 15);
  check_range (0, 0, 0, 10, -40, -44, 44, -10, 10);
  check_range (0, 0, 0, 0, 200, -220, 220, -220, 220);
  check_range (0, 0, 30, 10, 0, -33, 33, -10, 10);
}

static void
test_steps_are_fine_and_round (void)
{
  static const struct
  {
    double norm;
    double step;
    int digits;
  } cases[] = { { 10.8, 0.1, 2 }, { 0.05, 0.0001, 5 }, { 3.2, 0.01, 3 }, { 2000, 10, 0 }, { 74.5, 1, 1 } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      SteerStrengthRange range;

      steer_strength_range_init (&range, 0, 0, 0, cases[i].norm, 0);
      g_assert_cmpfloat_with_epsilon (range.step, cases[i].step, cases[i].step * 1e-9);
      g_assert_cmpfloat_with_epsilon (range.page, 10 * cases[i].step, cases[i].step * 1e-8);
      g_assert_cmpint (range.digits, ==, cases[i].digits);
    }
}

static void
test_tells_danger (void)
{
  SteerStrengthRange range;

  steer_strength_range_init (&range, -5, 15, 0, 0, 0);
  g_assert_false (steer_strength_range_is_beyond (&range, 15));
  g_assert_true (steer_strength_range_is_beyond (&range, 15.1));
  g_assert_true (steer_strength_range_is_beyond (&range, -5.1));
  steer_strength_range_init (&range, 0, 0, 0, 0, 1000);
  g_assert_false (steer_strength_range_is_beyond (&range, 1000));
}

/* Takes @text. */
static void
assert_text (char *text, const char *expected)
{
  g_assert_cmpstr (text, ==, expected);
  g_free (text);
}

static void
test_writes_strengths (void)
{
  assert_text (steer_steering_dup_strength (NULL, 8.5), "8.50");
  assert_text (steer_steering_dup_strength (NULL, -2.81), "−2.81");
  assert_text (steer_steering_dup_strength (NULL, 0), "0.00");
  assert_text (steer_steering_dup_strength (NULL, -0.0), "0.00");
  assert_text (steer_steering_dup_strength (NULL, -1e-12), "0.00");
  assert_text (steer_steering_dup_strength (NULL, 1.545), "1.545");
  assert_text (steer_steering_dup_strength (NULL, 0.1 + 0.2), "0.30");
  assert_text (steer_steering_dup_strength (NULL, 1.0 / 3.0), "0.333333");
  assert_text (steer_steering_dup_strength (NULL, 1200), "1200.00");
  assert_text (steer_steering_dup_strength (NULL, -1e9), "−1000000000.00");
  assert_text (steer_steering_dup_multiplier (NULL, 1.25), "× 1.25");
}

static void
test_reads_strengths (void)
{
  static const struct
  {
    const char *text;
    double strength;
  } good[] = { { "8.5", 8.5 }, { " 8,5 ", 8.5 }, { "-3", -3 },   { "−2.81", -2.81 },
               { "–1", -1 },   { "+4", 4 },      { "1e2", 100 }, { ".5", 0.5 } };
  static const char *const bad[] = { "", " ", "strong", "8.5x", "1.2.3", "nan", "inf", "1e999", "0x10", "--1", "8 5" };
  double strength;

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_assert_true (steer_steering_parse_strength (good[i].text, &strength));
      g_assert_cmpfloat (strength, ==, good[i].strength);
    }
  strength = 7;
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_false (steer_steering_parse_strength (bad[i], &strength));
  g_assert_cmpfloat (strength, ==, 7);
}

static void
test_reads_what_it_writes (void)
{
  for (double value = -3000; value < 3000; value += 1.37)
    {
      g_autofree char *text = steer_steering_dup_strength (NULL, value);
      double back;

      g_assert_true (steer_steering_parse_strength (text, &back));
      g_assert_cmpfloat_with_epsilon (back, value, 1e-6);
    }
}

static void
test_says_what_stands_beside_a_slider (void)
{
  assert_text (steer_steering_dup_place (NULL, 15, 21576), "layer 15 · feature 21576");
  assert_text (steer_steering_dup_title (NULL, "Sea", 3), "Sea");
  assert_text (steer_steering_dup_title (NULL, NULL, 3), "Feature 3");
  assert_text (steer_steering_dup_title (NULL, "", 3), "Feature 3");
  assert_text (steer_steering_dup_share (NULL, 8.5, 10.8, FALSE), "0.79 × the layer’s typical norm");
  assert_text (steer_steering_dup_share (NULL, -2.81, 7.6, FALSE), "−0.37 × the layer’s typical norm");
  assert_text (steer_steering_dup_share (NULL, -0.001, 7.6, FALSE), "0.00 × the layer’s typical norm");
  assert_text (steer_steering_dup_share (NULL, 18, 10.8, TRUE), "1.67 × the typical norm: beyond the useful range");
  assert_text (steer_steering_dup_share (NULL, 18, 0, FALSE), "");
  assert_text (steer_steering_dup_share (NULL, 18, 0, TRUE), "Beyond the useful range");
  assert_text (steer_steering_dup_value_text (NULL, 8.5, 0, FALSE), "8.50");
  assert_text (steer_steering_dup_value_text (NULL, 8.5, 10.8, TRUE),
               "8.50, 0.79 times the layer’s typical norm, beyond the useful range");
  assert_text (steer_steering_dup_preset_name (NULL, NULL), "Untitled");
  assert_text (steer_steering_dup_preset_name (NULL, "Sea"), "Sea");
  assert_text (steer_steering_dup_page (NULL, TRUE), "empty");
  assert_text (steer_steering_dup_page (NULL, FALSE), "list");
}

static void
test_dims_what_does_nothing (void)
{
  g_auto (GStrv) on = steer_steering_dup_row_classes (NULL, TRUE, TRUE);
  g_auto (GStrv) off = steer_steering_dup_row_classes (NULL, FALSE, FALSE);
  g_auto (GStrv) list = steer_steering_dup_list_classes (NULL, FALSE);

  g_assert_true (g_strv_contains ((const char *const *) on, "on"));
  g_assert_true (g_strv_contains ((const char *const *) on, "beyond"));
  g_assert_true (g_strv_contains ((const char *const *) off, "off"));
  g_assert_false (g_strv_contains ((const char *const *) off, "beyond"));
  g_assert_true (g_strv_contains ((const char *const *) list, "off"));
}

static gboolean
matches (const char *text, const char *label, guint layer, guint64 index)
{
  g_autoptr (SteerFeatureQuery) query = steer_feature_query_new (text);
  g_autofree char *folded = steer_steering_fold (label);

  return steer_feature_query_matches (query, folded, layer, index);
}

static void
test_finds_by_words_and_numbers (void)
{
  g_assert_true (matches ("", "", 1, 2));
  g_assert_true (matches ("tower EIFFEL", "Eiffel Tower", 15, 21576));
  g_assert_true (matches ("cafe", "Un Café", 1, 2));
  g_assert_true (matches ("215", "Eiffel Tower", 15, 21576));
  g_assert_true (matches ("15:215", "", 15, 21576));
  g_assert_true (matches ("15.21576", "", 15, 21576));
  g_assert_true (matches ("15:", "", 15, 21576));
  g_assert_true (matches ("eiffel 15", "Eiffel Tower", 15, 21576));
  g_assert_false (matches ("eiffel bridge", "Eiffel Tower", 15, 21576));
  g_assert_false (matches ("5:215", "", 15, 21576));
  g_assert_false (matches ("1:215", "", 15, 21576));
  g_assert_false (matches ("576", "Eiffel Tower", 15, 21576));
}

static void
test_modes (void)
{
  assert_text (steer_steering_dup_mode_label (NULL, STEER_MODE_ADD), "Clamp");
  assert_text (steer_steering_dup_mode_label (NULL, STEER_MODE_CLAMP), "Clamp");
  assert_text (steer_steering_dup_mode_label (NULL, STEER_MODE_MINIMUM), "Minimum");
  assert_text (steer_steering_dup_mode_label (NULL, STEER_MODE_SAE_CLAMP), "SAE clamp");
  assert_text (steer_steering_dup_measure (NULL, 4, 8, FALSE, STEER_MODE_CAP), "0.50 × the layer’s typical norm");
  assert_text (steer_steering_dup_measure (NULL, 4, 8, FALSE, STEER_MODE_SAE_CLAMP), "in units of its activation");
}

static void
test_rounding (void)
{
  assert_text (steer_steering_dup_rounded (NULL, 6.0642, 1), "6.06");
  assert_text (steer_steering_dup_rounded (NULL, -0.001, 2), "0.00");
  assert_text (steer_steering_dup_rounded (NULL, -0.0123, 3), "−0.012");
  assert_text (steer_steering_dup_title (NULL, "references to the sea", 3), "References to the sea");
  assert_text (steer_steering_dup_title (NULL, "éclairs", 3), "Éclairs");
}

/* A value of an SAE clamp is an activation: what is known of the residual stream does not measure it. */
static void
test_range_of_a_mode (void)
{
  g_autoptr (SteerFeature) feature = steer_feature_new (15, 3);
  SteerStrengthRange range;

  steer_feature_set_range (feature, 8.5, 0, 12);
  steer_feature_set_layer_norm (feature, 10.8);
  steer_feature_set_strength (feature, 2);
  steer_strength_range_init_for_feature (&range, feature, steer_feature_get_strength (feature));
  g_assert_cmpfloat (range.useful_upper, ==, 12);
  g_assert_cmpfloat (steer_steering_get_recommended (feature), ==, 8.5);
  g_assert_cmpfloat (steer_steering_get_layer_norm (feature), ==, 10.8);

  steer_feature_set_mode (feature, STEER_MODE_SAE_CLAMP);
  steer_strength_range_init_for_feature (&range, feature, steer_feature_get_strength (feature));
  g_assert_cmpfloat (range.useful_upper, ==, range.upper);
  g_assert_cmpfloat (range.lower, ==, -range.upper);
  g_assert_cmpfloat (steer_steering_get_recommended (feature), ==, 0);
  g_assert_cmpfloat (steer_steering_get_layer_norm (feature), ==, 0);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/steering closures/a slider's range follows what is known", test_range_follows_what_is_known);
  g_test_add_func ("/steering closures/a slider's range holds its strength", test_range_holds_the_strength);
  g_test_add_func ("/steering closures/steps are fine and round", test_steps_are_fine_and_round);
  g_test_add_func ("/steering closures/danger begins where the useful range ends", test_tells_danger);
  g_test_add_func ("/steering closures/strengths are written with few decimals", test_writes_strengths);
  g_test_add_func ("/steering closures/strengths are read as people type them", test_reads_strengths);
  g_test_add_func ("/steering closures/what is written is read", test_reads_what_it_writes);
  g_test_add_func ("/steering closures/say what stands beside a slider", test_says_what_stands_beside_a_slider);
  g_test_add_func ("/steering closures/dim what does nothing", test_dims_what_does_nothing);
  g_test_add_func ("/steering closures/find features by words and numbers", test_finds_by_words_and_numbers);
  g_test_add_func ("/steering-closures/a mode has a name and its own units", test_modes);
  g_test_add_func ("/steering-closures/where there is little room strengths are rounded and labels capitalised",
                   test_rounding);
  g_test_add_func ("/steering closures/an activation has no range of the stream", test_range_of_a_mode);
  return g_test_run ();
}
