#include "ptx-arithmetic.h"

#include <glib.h>

#include "tensor/steer-dtype.h"

/* What instructions compute, against the CPU's own conversions and against cases of PTX's manual. */

static float
random_float ()
{
  return std::ldexp ((float) g_test_rand_double_range (-1, 1), g_test_rand_int_range (-30, 20));
}

static void
test_halves ()
{
  for (guint bits = 0; bits < 65536; bits++)
    {
      float f16 = ptx_widen_f16 ((guint16) bits), bf16 = ptx_widen_bf16 ((guint16) bits);

      if (std::isnan (f16))
        g_assert_true (std::isnan (steer_f16_to_f32 ((guint16) bits)));
      else
        {
          g_assert_cmpuint (ptx_as<guint32> (f16), ==, ptx_as<guint32> (steer_f16_to_f32 ((guint16) bits)));
          g_assert_cmpuint (ptx_round_f16 (f16), ==, bits);
        }
      if (!std::isnan (bf16))
        g_assert_cmpuint (ptx_round_bf16 (bf16), ==, bits);
    }
  for (int i = 0; i < 100000; i++)
    {
      float x = random_float ();

      g_assert_cmpuint (ptx_round_f16 (x), ==, steer_f32_to_f16 (x));
      g_assert_cmpuint (ptx_round_bf16 (x), ==, steer_f32_to_bf16 (x));
    }
}

static void
test_integers ()
{
  g_assert_cmpuint (ptx_shift_left<guint32> (1, 31), ==, 0x80000000u);
  g_assert_cmpuint (ptx_shift_left<guint32> (1, 32), ==, 0);
  g_assert_cmpint (ptx_shift_right<gint32> (-8, 1), ==, -4);
  g_assert_cmpint (ptx_shift_right<gint32> (-8, 40), ==, -1);
  g_assert_cmpuint (ptx_shift_right<guint32> (0x80000000u, 40), ==, 0);
  g_assert_cmpuint (ptx_insert<guint32> (0xff, 0, 4, 8), ==, 0xff0);
  g_assert_cmpuint (ptx_insert<guint32> (0, 0xffffffffu, 28, 8), ==, 0x0fffffffu);
  g_assert_cmpuint (ptx_insert<guint32> (5, 7, 0, 0), ==, 7);
  g_assert_cmpuint (ptx_insert<guint32> (5, 7, 0, 32), ==, 5);
  g_assert_cmpuint (ptx_prmt (0x33221100, 0x77665544, 0x7531), ==, 0x77553311);
  g_assert_cmpuint (ptx_prmt (0x00800000, 0, 0x00a0), ==, 0x0000ff00);
  for (int i = 0; i < 1000; i++)
    {
      guint32 a = (guint32) g_test_rand_int (), b = (guint32) g_test_rand_int (), c = (guint32) g_test_rand_int ();

      g_assert_cmpuint (ptx_lop3 (a, b, c, 0xea), ==, (a & b) | c);
      g_assert_cmpuint (ptx_lop3 (a, b, c, 0x6a), ==, (a & b) ^ c);
      g_assert_cmpuint (ptx_lop3 (a, b, c, 0xca), ==, (a & b) | (~a & c));
    }
}

static void
test_conversions ()
{
  const float none = std::numeric_limits<float>::quiet_NaN ();

  g_assert_cmpint (ptx_truncate_s32 (-2.9f), ==, -2);
  g_assert_cmpint (ptx_truncate_s32 (3e9f), ==, G_MAXINT32);
  g_assert_cmpint (ptx_truncate_s32 (-3e9f), ==, G_MININT32);
  g_assert_cmpint (ptx_truncate_s32 (none), ==, 0);
  g_assert_cmpint (ptx_round_s32 (2.5f), ==, 2);
  g_assert_cmpuint (ptx_truncate_u64 (-1), ==, 0);
  g_assert_cmpuint (ptx_truncate_u64 (1e30), ==, G_MAXUINT64);
  g_assert_cmpuint (ptx_truncate_u64 (std::numeric_limits<double>::quiet_NaN ()), ==, G_GUINT64_CONSTANT (1) << 63);
  g_assert_true (std::signbit (ptx_min (0.0f, -0.0f)) && std::signbit (ptx_min (-0.0f, 0.0f)));
  g_assert_false (std::signbit (ptx_max (0.0f, -0.0f)) || std::signbit (ptx_max (-0.0f, 0.0f)));
  g_assert_cmpfloat (ptx_min (none, 2.0f), ==, 2);
  g_assert_cmpfloat (ptx_max (3.0f, none), ==, 3);
  g_assert_cmpfloat (ptx_saturate (none), ==, 0);
  g_assert_cmpfloat (ptx_saturate (1.5f), ==, 1);
  g_assert_cmpfloat (ptx_fma_down (1, 1, std::ldexp (-1.0f, -40)), ==, std::nextafter (1.0f, 0.0f));
  g_assert_cmpfloat (ptx_fma_down (1, 1, std::ldexp (1.0f, -40)), ==, 1);
  g_assert_cmpfloat (ptx_exp2 (0), ==, 1);
  g_assert_cmpfloat (ptx_exp2 (-0.0f), ==, 1);
  g_assert_cmpfloat (ptx_exp2 (-INFINITY), ==, 0);
  g_assert_cmpfloat (ptx_exp2 (INFINITY), ==, INFINITY);
  for (int i = 0; i < 10000; i++)
    {
      float x = (float) g_test_rand_double_range (-100, 100);
      double relative = std::fabs (ptx_exp2 (x) / std::exp2 ((double) x) - 1);

      g_assert_cmpfloat (relative, <, std::ldexp (2.6, -23));
      g_assert_cmpfloat (relative, >, 0);
    }
}

/* 24 binary places below the largest exponent are kept, the rest is cut off, and so is what a sum has beyond 24 bits.
 */
static void
test_sums_of_products ()
{
  float a[PTX_ADDED_AT_ONCE], b[PTX_ADDED_AT_ONCE];
  float sign = g_test_rand_bit () ? 1.0f : -1.0f;

  for (int i = 0; i < PTX_ADDED_AT_ONCE; i++)
    {
      a[i] = sign * std::ldexp (1.0f, -12);
      b[i] = std::ldexp (1.0f, -12);
    }
  g_assert_cmpfloat (ptx_add_products (a, b, -126, sign), ==, sign * (1 + std::ldexp (1.0f, -21)));
  a[0] = 0;
  g_assert_cmpfloat (ptx_add_products (a, b, -126, sign), ==, sign * (1 + std::ldexp (3.0f, -23)));
  g_assert_cmpfloat (ptx_add_products (a, b, -126, 0), ==, sign * std::ldexp (7.0f, -24));
  for (int i = 0; i < PTX_ADDED_AT_ONCE; i++)
    b[i] = std::ldexp (1.0f, -13);
  g_assert_cmpfloat (ptx_add_products (a, b, -126, sign), ==, sign);
  for (int i = 0; i < 1000; i++)
    {
      double exact = g_test_rand_int_range (-1000, 1000), size = std::fabs (exact);
      float c = (float) exact;

      for (int k = 0; k < PTX_ADDED_AT_ONCE; k++)
        {
          a[k] = ptx_widen_bf16 (ptx_round_bf16 ((float) g_test_rand_double_range (-9, 9)));
          b[k] = (float) g_test_rand_int_range (-100, 100);
          exact += (double) a[k] * b[k];
          size = MAX (size, std::fabs ((double) a[k] * b[k]));
        }
      g_assert_cmpfloat (std::fabs (ptx_add_products (a, b, -126, c) - exact), <=,
                         (PTX_ADDED_AT_ONCE + 3) * size * std::ldexp (1.0, -22));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ptx/arithmetic/halves", test_halves);
  g_test_add_func ("/ptx/arithmetic/integers", test_integers);
  g_test_add_func ("/ptx/arithmetic/conversions", test_conversions);
  g_test_add_func ("/ptx/arithmetic/sums-of-products", test_sums_of_products);
  return g_test_run ();
}
