/* Conditions as people write them. */
#include "steering/steer-condition.h"

#include <math.h>
#include <string.h>

#include "steering/steer-feature.h"
#include "steering/steer-vector-source.h"

static SteerCondition
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  SteerCondition condition;

  steer_condition_parse (text, &condition, &error);
  g_assert_no_error (error);
  return condition;
}

static void
test_is_written_in_one_way (void)
{
  static const char *const pairs[][2] = {
    { "activation > 2.5", "activation > 2.5" },
    { "activation(4711)>2", "activation(4711) > 2.0" },
    { "  projection ( 0 )\t<= -1e3 ", "projection(0) <= -1000.0" },
    { "projection<=+0.125", "projection <= 0.125" },
    { "activation(18446744073709551615) > 1e9", "activation(18446744073709551615) > 1000000000.0" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (pairs); i++)
    {
      SteerCondition condition = parse (pairs[i][0]);
      g_autofree char *text = steer_condition_to_string (&condition);

      g_assert_cmpstr (text, ==, pairs[i][1]);
    }
}

static void
test_says_what_it_is_made_of (void)
{
  SteerCondition own = parse ("activation > 2.5");
  SteerCondition other = parse ("projection(17) <= -1");

  g_assert_false (own.projection || own.other);
  g_assert_true (own.above);
  g_assert_cmpfloat (own.bound, ==, 2.5);
  g_assert_true (other.projection && other.other && !other.above);
  g_assert_cmpuint (other.index, ==, 17);
  g_assert_cmpfloat (other.bound, ==, -1.0);
}

/* Of any size that a bound may have, the smallest too. */
static double
random_bound (void)
{
  double size = pow (10.0, g_test_rand_double_range (-310.0, log10 (STEER_FEATURE_MAX_STRENGTH)));

  return g_test_rand_bit () ? size : -size;
}

static void
test_comes_back_as_it_was (void)
{
  for (guint i = 0; i < 2000; i++)
    {
      SteerCondition condition = {
        .projection = g_test_rand_bit (),
        .other = g_test_rand_bit (),
        .above = g_test_rand_bit (),
        .bound = i % 3 == 0 ? random_bound () : g_test_rand_double_range (-100.0, 100.0),
      };
      g_autofree char *text = NULL;
      SteerCondition read;

      if (condition.other)
        condition.index = (guint64) (guint32) g_test_rand_int () << 32 | (guint32) g_test_rand_int ();
      text = steer_condition_to_string (&condition);
      read = parse (text);
      g_assert_true (steer_condition_equal (&condition, &read));
    }
}

static void
test_refuses_what_it_does_not_understand (void)
{
  static const char *const wrong[] = {
    "",
    " ",
    "activation",
    "activation >",
    "> 2",
    "activation 2",
    "activation = 2",
    "activation < 2",
    "activation >= 2",
    "activation() > 2",
    "activation(7 > 2",
    "activation(-7) > 2",
    "activation(7.5) > 2",
    "activation(x) > 2",
    "activation(18446744073709551616) > 2",
    "Activation > 2",
    "strength > 2",
    "activation > nan",
    "activation > inf",
    "activation > -inf",
    "activation > 0x10",
    "activation > 2e9",
    "activation > 1e999",
    "activation > 2,5",
    "activation > 2 or so",
    "activation > 2 > 1",
    "activationprojection > 2",
  };

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (GError) error = NULL;
      SteerCondition condition = { .bound = 7.0 };

      if (steer_condition_parse (wrong[i], &condition, &error))
        g_error ("'%s' was taken for a condition", wrong[i]);
      g_assert_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID);
      g_assert_nonnull (strstr (error->message, "activation > 2"));
      g_assert_cmpfloat (condition.bound, ==, 7.0);
    }
}

static void
test_is_equal_to_what_means_the_same (void)
{
  static const char *const different[] = { "activation > 2",    "projection > 2",  "activation(0) > 2",
                                           "activation(1) > 2", "activation <= 2", "activation > 3" };

  for (guint i = 0; i < G_N_ELEMENTS (different); i++)
    for (guint j = 0; j < G_N_ELEMENTS (different); j++)
      {
        SteerCondition a = parse (different[i]), b = parse (different[j]);

        g_assert_cmpint (steer_condition_equal (&a, &b), ==, i == j);
        g_assert_false (steer_condition_equal (&a, NULL));
        g_assert_false (steer_condition_equal (NULL, &b));
      }
  g_assert_true (steer_condition_equal (NULL, NULL));
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/condition/is written in one way, however it was typed", test_is_written_in_one_way);
  g_test_add_func ("/condition/says what is measured and compared", test_says_what_it_is_made_of);
  g_test_add_func ("/condition/comes back as it was written", test_comes_back_as_it_was);
  g_test_add_func ("/condition/refuses what it does not understand", test_refuses_what_it_does_not_understand);
  g_test_add_func ("/condition/is equal to what means the same", test_is_equal_to_what_means_the_same);
  return g_test_run ();
}
