#include "tensor/steer-dtype.h"

#include <math.h>
#include <string.h>

static float
float_from_bits (guint32 bits)
{
  float value;

  memcpy (&value, &bits, sizeof value);
  return value;
}

/* The value of a binary float of @fraction_bits and a minimal exponent, by its definition. */
static double
define_value (guint bits, guint fraction_bits, guint exponent_bits)
{
  int bias = (1 << (exponent_bits - 1)) - 1;
  guint fraction = bits & ((1u << fraction_bits) - 1);
  int exponent = (int) (bits >> fraction_bits & ((1u << exponent_bits) - 1));
  double sign = (bits >> (fraction_bits + exponent_bits) & 1) != 0 ? -1.0 : 1.0;

  if (exponent == (1 << exponent_bits) - 1)
    return fraction != 0 ? NAN : sign * INFINITY;
  if (exponent == 0)
    return sign * ldexp (fraction, 1 - bias - (int) fraction_bits);
  return sign * ldexp (fraction + (1u << fraction_bits), exponent - bias - (int) fraction_bits);
}

/* The nearest representable value, ties to even, by scaling to integers; infinite when it overflows. */
static double
round_to (double value, guint fraction_bits, int min_exponent, double largest)
{
  int exponent;
  double quantum, rounded;

  if (value == 0.0 || !isfinite (value))
    return value;
  frexp (value, &exponent);
  quantum = ldexp (1.0, MAX (exponent - 1, min_exponent) - (int) fraction_bits);
  rounded = nearbyint (value / quantum) * quantum;
  return fabs (rounded) > largest ? copysign (INFINITY, value) : rounded;
}

static void
test_names (void)
{
  for (guint i = 0; i < STEER_N_DTYPES; i++)
    {
      SteerDtype found = STEER_N_DTYPES;

      g_assert_true (steer_dtype_from_name (steer_dtype_get_name ((SteerDtype) i), &found));
      g_assert_cmpint (found, ==, i);
    }
}

static void
test_unknown_names (void)
{
  const char *const names[] = { "", "f32", "F32 ", "F8_E4M3", "Q4", "float32", "U16" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      SteerDtype dtype = STEER_DTYPE_BOOL;

      g_assert_false (steer_dtype_from_name (names[i], &dtype));
      g_assert_cmpint (dtype, ==, STEER_DTYPE_BOOL);
    }
}

static void
test_blocks (void)
{
  g_assert_cmpuint (steer_dtype_get_block_bytes (STEER_DTYPE_F64), ==, 8);
  g_assert_cmpuint (steer_dtype_get_block_bytes (STEER_DTYPE_BF16), ==, 2);
  g_assert_cmpuint (steer_dtype_get_block_elements (STEER_DTYPE_I64), ==, 1);
  g_assert_cmpuint (steer_dtype_get_block_elements (STEER_DTYPE_Q8_0), ==, 32);
  g_assert_cmpuint (steer_dtype_get_block_bytes (STEER_DTYPE_Q8_0), ==, 34);
  g_assert_cmpuint (steer_dtype_get_block_elements (STEER_DTYPE_Q6_K), ==, 256);
  g_assert_cmpuint (steer_dtype_get_block_bytes (STEER_DTYPE_Q6_K), ==, 210);
  for (guint i = 0; i < STEER_N_DTYPES; i++)
    g_assert_cmpint (steer_dtype_is_quantized ((SteerDtype) i), ==, i >= STEER_DTYPE_Q4_0);
}

static void
test_every_half (void)
{
  for (guint bits = 0; bits < 65536; bits++)
    {
      double expected = define_value (bits, 10, 5);
      float actual = steer_f16_to_f32 ((guint16) bits);

      if (isnan (expected))
        {
          g_assert_true (isnan (actual));
          g_assert_true (isnan (steer_f16_to_f32 (steer_f32_to_f16 (actual))));
          continue;
        }
      g_assert_true ((double) actual == expected && !signbit (actual) == !signbit (expected));
      g_assert_cmpuint (steer_f32_to_f16 (actual), ==, bits);
    }
}

static void
test_every_brain (void)
{
  for (guint bits = 0; bits < 65536; bits++)
    {
      double expected = define_value (bits, 7, 8);
      float actual = steer_bf16_to_f32 ((guint16) bits);

      if (isnan (expected))
        {
          g_assert_true (isnan (actual));
          g_assert_true (isnan (steer_bf16_to_f32 (steer_f32_to_bf16 (actual))));
          continue;
        }
      g_assert_true ((double) actual == expected && !signbit (actual) == !signbit (expected));
      g_assert_cmpuint (steer_f32_to_bf16 (actual), ==, bits);
    }
}

static void
check_rounding (float value)
{
  double half = round_to ((double) value, 10, -14, 65504.0);
  double brain = round_to ((double) value, 7, -126, ldexp (255, 120));

  g_assert_true ((double) steer_f16_to_f32 (steer_f32_to_f16 (value)) == half);
  g_assert_true ((double) steer_bf16_to_f32 (steer_f32_to_bf16 (value)) == brain);
}

/* Random bit patterns, and every value that lies halfway between two halves, with its two neighbours. */
static void
test_rounding (void)
{
  for (guint i = 0; i < 200000; i++)
    {
      float value = float_from_bits ((guint32) g_test_rand_int ());

      if (!isnan (value))
        check_rounding (value);
    }
  for (guint bits = 0; bits < 0x7c00; bits++)
    {
      float below = steer_f16_to_f32 ((guint16) bits);
      float above = bits + 1 < 0x7c00 ? steer_f16_to_f32 ((guint16) (bits + 1)) : 65536.0f;
      float middle = (below + above) / 2.0f;

      check_rounding (middle);
      check_rounding (nextafterf (middle, 0.0f));
      check_rounding (-nextafterf (middle, INFINITY));
    }
  check_rounding (3.4e38f);
  check_rounding (1e-45f);
}

static void
test_nan_stays_nan (void)
{
  /* A payload that lies only in the bits that are cut off must not turn into an infinity. */
  g_assert_true (isnan (steer_bf16_to_f32 (steer_f32_to_bf16 (float_from_bits (0x7f800001)))));
  g_assert_true (isnan (steer_f16_to_f32 (steer_f32_to_f16 (float_from_bits (0xff800001)))));
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/dtype/a-name-leads-back-to-its-type", test_names);
  g_test_add_func ("/dtype/an-unknown-name-is-refused", test_unknown_names);
  g_test_add_func ("/dtype/blocks-have-the-formats'-sizes", test_blocks);
  g_test_add_func ("/dtype/every-half-has-the-value-of-its-definition", test_every_half);
  g_test_add_func ("/dtype/every-brain-float-has-the-value-of-its-definition", test_every_brain);
  g_test_add_func ("/dtype/floats-round-to-nearest-even", test_rounding);
  g_test_add_func ("/dtype/a-nan-stays-a-nan", test_nan_stays_nan);
  return g_test_run ();
}
