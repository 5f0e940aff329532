/* One file, though long: each rule of the container format is a case of a few lines, and they read best in the order of
 * the format. */
#include "gguf-builder.h"
#include "tensor-test-util.h"
#include "test-util.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

typedef struct
{
  char *dir;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->dir = test_make_dir ();
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  test_remove_dir (fixture->dir);
}

static SteerArchive *
open_ok (const char *path)
{
  g_autoptr (GError) error = NULL;
  SteerArchive *archive = steer_archive_open (path, NULL, &error);

  g_assert_no_error (error);
  return archive;
}

static SteerArchive *
open_small (void)
{
  g_autofree char *path = test_fixture_path ("tensor/small.gguf");

  return open_ok (path);
}

static void
assert_shape (const SteerTensor *tensor, SteerDtype dtype, const char *shape)
{
  g_autofree char *actual = NULL;

  g_assert_nonnull (tensor);
  actual = steer_tensor_dup_shape_string (tensor);
  g_assert_cmpstr (actual, ==, shape);
  g_assert_cmpint (tensor->dtype, ==, dtype);
  g_assert_true (steer_tensor_is_contiguous (tensor));
}

/* Element i of a tensor of the fixture is i / 4, but for rounding of the quantised types. */
static void
assert_ramp (const SteerTensor *tensor, double scale, double tolerance)
{
  gint64 n = steer_tensor_get_n_elements (tensor);
  g_autofree float *values = g_new (float, n);

  steer_tensor_read_f32 (tensor, 0, n, values);
  for (gint64 i = 0; i < n; i++)
    g_assert_cmpfloat_with_epsilon (values[i], (double) i * scale, tolerance);
}

static void
test_tensors (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SteerArchive) archive = open_small ();

  g_assert_cmpstr (steer_archive_get_format (archive), ==, "GGUF v3");
  g_assert_cmpuint (steer_archive_get_n_tensors (archive), ==, 6);
  g_assert_cmpuint (steer_archive_get_n_opaque (archive), ==, 0);
  g_assert_cmpstr (steer_archive_get_tensor (archive, 0)->name, ==, "plain.f32");
  assert_shape (steer_archive_find (archive, "plain.f32"), STEER_DTYPE_F32, "[3, 5]");
  assert_shape (steer_archive_find (archive, "plain.f16"), STEER_DTYPE_F16, "[2, 3, 4]");
  assert_shape (steer_archive_find (archive, "plain.i32"), STEER_DTYPE_I32, "[2, 3]");
  assert_shape (steer_archive_find (archive, "vector"), STEER_DTYPE_F32, "[7]");
  assert_shape (steer_archive_find (archive, "q8"), STEER_DTYPE_Q8_0, "[4, 64]");
  assert_shape (steer_archive_find (archive, "q4"), STEER_DTYPE_Q4_0, "[4, 64]");
  assert_ramp (steer_archive_find (archive, "plain.f32"), 0.25, 1e-9);
  assert_ramp (steer_archive_find (archive, "plain.f16"), 0.25, 1e-9);
  assert_ramp (steer_archive_find (archive, "plain.i32"), 1.0, 1e-9);
  assert_ramp (steer_archive_find (archive, "vector"), 0.25, 1e-9);
  assert_ramp (steer_archive_find (archive, "q8"), 0.25, 64.0 / 127.0 / 2.0 + 0.02);
  assert_ramp (steer_archive_find (archive, "q4"), 0.25, 64.0 / 8.0 + 0.1);
}

static void
test_integers (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SteerArchive) archive = open_small ();
  static const struct
  {
    const char *key;
    gboolean is_uint, is_int;
    guint64 bits;
    const char *text;
  } cases[] = {
    { "t.u8", TRUE, TRUE, 200, "200" },
    { "t.i8", FALSE, TRUE, (guint64) -100, "-100" },
    { "t.u16", TRUE, TRUE, 60000, "60000" },
    { "t.i16", FALSE, TRUE, (guint64) -30000, "-30000" },
    { "t.u32", TRUE, TRUE, 4000000000, "4000000000" },
    { "t.i32", FALSE, TRUE, (guint64) -2000000000, "-2000000000" },
    { "t.u64", TRUE, FALSE, G_MAXUINT64, "18446744073709551615" },
    { "t.i64", FALSE, TRUE, (guint64) G_MININT64, "-9223372036854775808" },
    { "t.integral", TRUE, TRUE, 32, "32" },
    { "t.f32", FALSE, FALSE, 0, "0.100000001" },
    { "t.yes", FALSE, FALSE, 0, "true" },
    { "t.string", FALSE, FALSE, 0, "h\u00e9llo" },
    { "t.ints", FALSE, FALSE, 0, "[1, -2, 3]" },
    { "t.none", FALSE, FALSE, 0, NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      guint64 unsigned_value = 7;
      gint64 signed_value = 7;

      g_assert_cmpint (steer_archive_get_uint (archive, cases[i].key, &unsigned_value), ==, cases[i].is_uint);
      g_assert_cmpint (steer_archive_get_int (archive, cases[i].key, &signed_value), ==, cases[i].is_int);
      g_assert_cmpuint (unsigned_value, ==, cases[i].is_uint ? cases[i].bits : 7);
      g_assert_cmpint (signed_value, ==, cases[i].is_int ? (gint64) cases[i].bits : 7);
      g_assert_cmpstr (steer_archive_get_metadata (archive, cases[i].key), ==, cases[i].text);
    }
}

static void
test_other_scalars (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SteerArchive) archive = open_small ();
  gboolean truth = 7;
  double number = 7.0;

  g_assert_true (steer_archive_get_double (archive, "t.f32", &number));
  g_assert_cmpfloat (number, ==, (double) 0.1f);
  g_assert_true (steer_archive_get_double (archive, "t.f64", &number));
  g_assert_cmpfloat (number, ==, 0.1);
  g_assert_true (steer_archive_get_double (archive, "t.i8", &number));
  g_assert_cmpfloat (number, ==, -100.0);
  g_assert_true (steer_archive_get_double (archive, "t.u64", &number));
  g_assert_cmpfloat (number, ==, 0x1p64);
  g_assert_false (steer_archive_get_double (archive, "t.yes", &number));
  g_assert_false (steer_archive_get_double (archive, "t.string", &number));
  g_assert_true (steer_archive_get_bool (archive, "t.yes", &truth));
  g_assert_cmpint (truth, ==, TRUE);
  g_assert_true (steer_archive_get_bool (archive, "t.no", &truth));
  g_assert_cmpint (truth, ==, FALSE);
  g_assert_false (steer_archive_get_bool (archive, "t.u8", &truth));
  g_assert_cmpstr (steer_archive_get_string (archive, "general.architecture"), ==, "llama");
  g_assert_cmpstr (steer_archive_get_string (archive, "t.string"), ==, "h\u00e9llo");
  g_assert_null (steer_archive_get_string (archive, "t.u8"));
  g_assert_null (steer_archive_get_string (archive, "t.none"));
}

static void
test_arrays (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SteerArchive) archive = open_small ();
  gsize n = 0;
  g_autofree SteerArchiveString *strings = steer_archive_get_string_array (archive, "t.strings", &n);
  g_autofree gint64 *ints = NULL;
  g_autofree gint64 *bytes = NULL;
  g_autofree gint64 *truths = NULL;
  g_autofree double *floats = NULL;

  g_assert_cmpuint (n, ==, 4);
  g_assert_cmpmem (strings[0].bytes, strings[0].length, "a", 1);
  g_assert_cmpuint (strings[1].length, ==, 0);
  g_assert_cmpmem (strings[2].bytes, strings[2].length, "\u20ac", 3);
  g_assert_cmpmem (strings[3].bytes, strings[3].length, "d\0e", 3);
  ints = steer_archive_get_int_array (archive, "t.ints", &n);
  g_assert_cmpuint (n, ==, 3);
  g_assert_cmpint (ints[1], ==, -2);
  bytes = steer_archive_get_int_array (archive, "t.bytes", &n);
  g_assert_cmpuint (n, ==, 3);
  g_assert_cmpint (bytes[2], ==, 255);
  truths = steer_archive_get_int_array (archive, "t.bools", &n);
  g_assert_cmpuint (n, ==, 2);
  g_assert_true (truths[0] != 0 && truths[1] == 0);
  floats = steer_archive_get_double_array (archive, "t.floats", &n);
  g_assert_cmpuint (n, ==, 2);
  g_assert_cmpfloat (floats[1], ==, -1.5);

  n = 77;
  g_assert_null (steer_archive_get_int_array (archive, "t.strings", &n));
  g_assert_null (steer_archive_get_int_array (archive, "t.floats", &n));
  g_assert_null (steer_archive_get_string_array (archive, "t.ints", &n));
  g_assert_null (steer_archive_get_double_array (archive, "t.u8", &n));
  g_assert_null (steer_archive_get_double_array (archive, "t.none", &n));
  g_assert_cmpuint (n, ==, 77);

  g_assert_cmpstr (steer_archive_get_metadata (archive, "t.long"), ==, "[0, 1, 2, 3, 4, 5, 6, 7, … 100 in all]");
  g_assert_cmpstr (steer_archive_get_metadata (archive, "t.bools"), ==, "[true, false]");
}

static void
test_keys (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SteerArchive) archive = open_small ();
  g_autofree const char **keys = steer_archive_list_metadata (archive);

  g_assert_cmpuint (g_strv_length ((char **) keys), ==, 21);
  g_assert_cmpstr (keys[0], ==, "general.architecture");
  for (guint i = 0; keys[i] != NULL; i++)
    {
      g_assert_nonnull (steer_archive_get_metadata (archive, keys[i]));
      g_assert_true (g_utf8_validate (steer_archive_get_metadata (archive, keys[i]), -1, NULL));
    }
}

static const guint64 sizes_4x2[] = { 4, 2 };
static const guint64 sizes_32[] = { 32 };
static const guint64 sizes_256[] = { 256 };

static TestGguf *
make_small (guint32 version)
{
  TestGguf *gguf = test_gguf_new (version, 2, 2);

  test_gguf_key_string (gguf, "general.architecture", "controlvector");
  test_gguf_key_u32 (gguf, "n", 5);
  test_gguf_tensor (gguf, "a", 2, sizes_4x2, 0, 0);
  test_gguf_tensor (gguf, "b", 1, sizes_32, 24, 32);
  test_gguf_pad (gguf, 32);
  test_gguf_data (gguf, 64);
  return gguf;
}

static void
test_versions (Fixture *fixture, gconstpointer data)
{
  static const guint32 refused[] = { 0, 1, 4, 0x03000000 };

  for (guint version = 2; version <= 3; version++)
    {
      g_autofree char *path = test_gguf_write (make_small (version), fixture->dir, "x");
      g_autofree char *format = g_strdup_printf ("GGUF v%u", version);
      g_autoptr (SteerArchive) archive = open_ok (path);

      g_assert_cmpstr (steer_archive_get_format (archive), ==, format);
      assert_shape (steer_archive_find (archive, "a"), STEER_DTYPE_F32, "[2, 4]");
      g_assert_cmpuint (steer_archive_find (archive, "b")->data[0], ==, 32);
    }
  for (guint i = 0; i < G_N_ELEMENTS (refused); i++)
    {
      g_autofree char *path = test_gguf_write (make_small (refused[i]), fixture->dir, "x");

      test_assert_refused (path, STEER_TENSOR_ERROR_UNSUPPORTED, path, i == 3 ? "big-endian" : "version", NULL);
    }
}

static void
test_alignment (Fixture *fixture, gconstpointer data)
{
  for (guint alignment = 1; alignment <= 128; alignment *= 2)
    {
      TestGguf *gguf = test_gguf_new (3, 2, 1);
      guint second = 5 + alignment - 1 - (5 - 1) % alignment;
      const guint64 five = 5;
      g_autofree char *path = NULL;
      g_autoptr (SteerArchive) archive = NULL;

      test_gguf_key_u32 (gguf, "general.alignment", alignment);
      test_gguf_tensor (gguf, "a", 1, &five, 24, 0);
      test_gguf_tensor (gguf, "b", 1, &five, 24, second);
      test_gguf_pad (gguf, alignment);
      test_gguf_data (gguf, 2 * second);
      path = test_gguf_write (gguf, fixture->dir, "x");
      archive = open_ok (path);
      g_assert_cmpuint (steer_archive_find (archive, "b")->data[1], ==, (second + 1) % 256);
      g_assert_cmpuint (steer_archive_find (archive, "b")->n_bytes, ==, 5);
    }
}

static void
test_scalar_and_empty (Fixture *fixture, gconstpointer data)
{
  TestGguf *gguf = test_gguf_new (3, 4, 0);
  const guint64 none[] = { 32, 0, 5 };
  const guint64 vast[] = { 0, G_GUINT64_CONSTANT (1) << 50, G_GUINT64_CONSTANT (1) << 50 };
  g_autofree char *path = NULL;
  g_autoptr (SteerArchive) archive = NULL;

  test_gguf_tensor (gguf, "empty", 3, none, 8, 0);
  test_gguf_tensor (gguf, "vast", 3, vast, 0, 0);
  test_gguf_tensor (gguf, "scalar", 0, NULL, 0, 0);
  test_gguf_tensor (gguf, "one", 1, sizes_32, 24, 32);
  test_gguf_pad (gguf, 32);
  test_gguf_data (gguf, 64);
  path = test_gguf_write (gguf, fixture->dir, "x");
  archive = open_ok (path);
  assert_shape (steer_archive_find (archive, "empty"), STEER_DTYPE_Q8_0, "[5, 0, 32]");
  assert_shape (steer_archive_find (archive, "scalar"), STEER_DTYPE_F32, "[]");
  g_assert_cmpuint (steer_archive_find (archive, "empty")->n_bytes, ==, 0);
  g_assert_cmpint (steer_tensor_get_n_elements (steer_archive_find (archive, "vast")), ==, 0);
}

static void
test_opaque (Fixture *fixture, gconstpointer data)
{
  TestGguf *gguf = test_gguf_new (3, 2, 0);
  g_autofree char *path = NULL;
  g_autoptr (SteerArchive) archive = NULL;
  const SteerOpaqueTensor *opaque;

  test_gguf_tensor (gguf, "iq", 1, sizes_256, 16, 0); /* 66 bytes */
  test_gguf_tensor (gguf, "a", 1, sizes_32, 24, 96);
  test_gguf_pad (gguf, 32);
  test_gguf_data (gguf, 128);
  path = test_gguf_write (gguf, fixture->dir, "x");
  archive = open_ok (path);
  g_assert_cmpuint (steer_archive_get_n_tensors (archive), ==, 1);
  g_assert_cmpuint (steer_archive_find (archive, "a")->data[0], ==, 96);
  g_assert_null (steer_archive_find (archive, "iq"));
  g_assert_cmpuint (steer_archive_get_n_opaque (archive), ==, 1);
  opaque = steer_archive_find_opaque (archive, "iq");
  g_assert_true (opaque == steer_archive_get_opaque (archive, 0));
  g_assert_cmpstr (opaque->type, ==, "IQ2_XXS");
  g_assert_nonnull (strstr (opaque->why, "IQ2_XXS is not supported"));
  g_assert_cmpint (opaque->shape[0], ==, 256);
  g_assert_null (steer_archive_find_opaque (archive, "a"));
}

static void
test_description_only (Fixture *fixture, gconstpointer data)
{
  TestGguf *gguf = make_small (3);
  g_autofree char *path = NULL;
  g_autoptr (SteerArchive) archive = NULL;

  g_byte_array_set_size (gguf, gguf->len - 64);
  path = test_gguf_write (gguf, fixture->dir, "x");
  archive = open_ok (path);
  g_assert_cmpuint (steer_archive_get_n_tensors (archive), ==, 0);
  g_assert_cmpuint (steer_archive_get_n_opaque (archive), ==, 2);
  g_assert_nonnull (strstr (steer_archive_get_opaque (archive, 0)->why, "no data"));
  g_assert_cmpstr (steer_archive_get_metadata (archive, "n"), ==, "5");
}

static void
test_nested_lists (Fixture *fixture, gconstpointer data)
{
  for (guint depth = 1; depth <= 9; depth++)
    {
      TestGguf *gguf = test_gguf_new (3, 0, 2);
      g_autofree char *path = NULL;

      test_gguf_string (gguf, "deep");
      test_gguf_u32 (gguf, 9);
      for (guint i = 1; i < depth; i++)
        {
          test_gguf_u32 (gguf, 9);
          test_gguf_u64 (gguf, 1);
        }
      test_gguf_u32 (gguf, 8);
      test_gguf_u64 (gguf, 2);
      test_gguf_string (gguf, "x");
      test_gguf_string (gguf, "y");
      test_gguf_key_u32 (gguf, "after", 6);
      path = test_gguf_write (gguf, fixture->dir, "x");
      if (depth <= 8)
        {
          g_autoptr (SteerArchive) archive = open_ok (path);
          g_assert_cmpstr (steer_archive_get_metadata (archive, "after"), ==, "6");
          g_assert_cmpstr (steer_archive_get_metadata (archive, "deep"), ==,
                           depth == 1 ? "[\"x\", \"y\"]" : "[… 1 in all]");
        }
      else
        {
          test_assert_refused (path, STEER_TENSOR_ERROR_UNSUPPORTED, "\"deep\"", "8 deep", NULL);
        }
    }
}

/* A value of half a terabyte in a sparse file is refused before anything is made of it. */
static void
test_huge_string (Fixture *fixture, gconstpointer data)
{
  TestGguf *gguf = test_gguf_new (3, 0, 1);
  guint64 length = (guint64) 1 << 39;
  g_autofree char *path = NULL;

  test_gguf_string (gguf, "k");
  test_gguf_u32 (gguf, 8);
  test_gguf_u64 (gguf, length);
  path = test_gguf_write (gguf, fixture->dir, "x");
  if (truncate (path, (off_t) (length + 4096)) != 0)
    {
      g_test_skip ("this file system has no sparse files of this size");
      return;
    }
  test_assert_refused (path, STEER_TENSOR_ERROR_INVALID, "\"k\"", "string of more than", NULL);
}

static void
test_strings_as_bytes (Fixture *fixture, gconstpointer data)
{
  TestGguf *gguf = test_gguf_new (3, 0, 1);
  g_autofree char *path = NULL;
  g_autoptr (SteerArchive) archive = NULL;

  test_gguf_key_string (gguf, "k",
                        "a\xff"
                        "b");
  path = test_gguf_write (gguf, fixture->dir, "x");
  archive = open_ok (path);
  g_assert_cmpstr (steer_archive_get_metadata (archive, "k"), ==,
                   "a\ufffd"
                   "b");
}

/* Refused files. Each is the small one with one thing wrong. */

typedef TestGguf *(*MakeFile) (void);

static TestGguf *
make_tensor (guint32 n_dims, const guint64 *sizes, guint32 type, guint64 offset)
{
  TestGguf *gguf = test_gguf_new (3, 1, 0);

  test_gguf_tensor (gguf, "t", n_dims, sizes, type, offset);
  test_gguf_pad (gguf, 32);
  test_gguf_data (gguf, 1024);
  return gguf;
}

static TestGguf *
too_many_dimensions (void)
{
  const guint64 sizes[] = { 1, 1, 1, 1, 1 };

  return make_tensor (5, sizes, 0, 0);
}

static TestGguf *
negative_dimension (void)
{
  const guint64 sizes[] = { 4, (guint64) -1 };

  return make_tensor (2, sizes, 0, 0);
}

static TestGguf *
overflowing_product (void)
{
  const guint64 sizes[] = { (guint64) 1 << 32, (guint64) 1 << 32 };

  return make_tensor (2, sizes, 0, 0);
}

static TestGguf *
overflowing_bytes (void)
{
  const guint64 sizes[] = { (guint64) 1 << 62 };

  return make_tensor (1, sizes, 28, 0);
}

static TestGguf *
overflowing_padding (void)
{
  const guint64 sizes[] = { G_MAXINT64 };
  TestGguf *gguf = test_gguf_new (3, 3, 0);

  test_gguf_tensor (gguf, "a", 1, sizes, 24, 0);
  test_gguf_tensor (gguf, "b", 1, sizes, 24, (guint64) 1 << 63);
  test_gguf_tensor (gguf, "c", 1, sizes, 24, 0);
  return gguf;
}

static TestGguf *
unknown_type (void)
{
  return make_tensor (1, sizes_32, 5, 0);
}

static TestGguf *
far_unknown_type (void)
{
  return make_tensor (1, sizes_32, G_MAXUINT32, 0);
}

static TestGguf *
row_of_half_a_block (void)
{
  const guint64 sizes[] = { 16, 2 };

  return make_tensor (2, sizes, 2, 0);
}

static TestGguf *
unaligned_offset (void)
{
  return make_tensor (1, sizes_32, 24, 16);
}

static TestGguf *
offset_with_a_hole (void)
{
  return make_tensor (1, sizes_32, 24, 32);
}

static TestGguf *
offset_past_the_end (void)
{
  return make_tensor (1, sizes_32, 24, (guint64) 1 << 63);
}

static TestGguf *
data_past_the_end (void)
{
  const guint64 sizes[] = { 1025 };

  return make_tensor (1, sizes, 24, 0);
}

static TestGguf *
name_given_twice (void)
{
  TestGguf *gguf = test_gguf_new (3, 2, 0);

  test_gguf_tensor (gguf, "t", 1, sizes_32, 24, 0);
  test_gguf_tensor (gguf, "t", 1, sizes_32, 24, 32);
  test_gguf_pad (gguf, 32);
  test_gguf_data (gguf, 64);
  return gguf;
}

static TestGguf *
long_name (void)
{
  g_autofree char *name = g_strnfill (65, 'x');
  TestGguf *gguf = test_gguf_new (3, 1, 0);

  test_gguf_tensor (gguf, name, 1, sizes_32, 24, 0);
  test_gguf_pad (gguf, 32);
  test_gguf_data (gguf, 32);
  return gguf;
}

static TestGguf *
name_that_is_no_text (void)
{
  TestGguf *gguf = test_gguf_new (3, 1, 0);

  test_gguf_tensor (gguf, "\xff", 1, sizes_32, 24, 0);
  return gguf;
}

static TestGguf *
key_given_twice (void)
{
  TestGguf *gguf = test_gguf_new (3, 0, 2);

  test_gguf_key_u32 (gguf, "k", 1);
  test_gguf_key_u32 (gguf, "k", 1);
  return gguf;
}

static TestGguf *
empty_key (void)
{
  TestGguf *gguf = test_gguf_new (3, 0, 1);

  test_gguf_key_u32 (gguf, "", 1);
  return gguf;
}

static TestGguf *
key_past_the_end (void)
{
  TestGguf *gguf = test_gguf_new (3, 0, 1);

  test_gguf_u64 (gguf, G_MAXUINT64);
  test_gguf_data (gguf, 32);
  return gguf;
}

static TestGguf *
unknown_value_type (void)
{
  TestGguf *gguf = test_gguf_new (3, 0, 1);

  test_gguf_string (gguf, "k");
  test_gguf_u32 (gguf, 13);
  test_gguf_data (gguf, 32);
  return gguf;
}

static TestGguf *
unknown_element_type (void)
{
  TestGguf *gguf = test_gguf_new (3, 0, 1);

  test_gguf_string (gguf, "k");
  test_gguf_u32 (gguf, 9);
  test_gguf_u32 (gguf, 99);
  test_gguf_u64 (gguf, 1);
  return gguf;
}

static TestGguf *
string_past_the_end (void)
{
  TestGguf *gguf = test_gguf_new (3, 0, 1);

  test_gguf_string (gguf, "k");
  test_gguf_u32 (gguf, 8);
  test_gguf_u64 (gguf, (guint64) 1 << 40); /* a terabyte */
  test_gguf_data (gguf, 100);
  return gguf;
}

static TestGguf *
list_past_the_end (void)
{
  TestGguf *gguf = test_gguf_new (3, 0, 1);

  test_gguf_string (gguf, "k");
  test_gguf_u32 (gguf, 9);
  test_gguf_u32 (gguf, 10);
  test_gguf_u64 (gguf, 1 << 30); /* eight gigabytes */
  test_gguf_data (gguf, 100);
  return gguf;
}

static TestGguf *
endless_list (void)
{
  TestGguf *gguf = test_gguf_new (3, 0, 1);

  test_gguf_string (gguf, "k");
  test_gguf_u32 (gguf, 9);
  test_gguf_u32 (gguf, 10);
  test_gguf_u64 (gguf, (guint64) 1 << 61); /* 2^64 bytes, which is 0 where nobody looks */
  test_gguf_data (gguf, 100);
  return gguf;
}

static TestGguf *
list_of_too_many_strings (void)
{
  TestGguf *gguf = test_gguf_new (3, 0, 1);

  test_gguf_string (gguf, "k");
  test_gguf_u32 (gguf, 9);
  test_gguf_u32 (gguf, 8);
  test_gguf_u64 (gguf, 1 << 30);
  for (guint i = 0; i < 20; i++)
    test_gguf_string (gguf, "word");
  return gguf;
}

static TestGguf *
long_key (void)
{
  g_autofree char *key = g_strnfill (65536, 'k');
  TestGguf *gguf = test_gguf_new (3, 0, 1);

  test_gguf_key_u32 (gguf, key, 1);
  return gguf;
}

static TestGguf *
too_many_keys (void)
{
  TestGguf *gguf = test_gguf_new (3, 0, G_MAXUINT64);

  test_gguf_key_u32 (gguf, "k", 1);
  return gguf;
}

static TestGguf *
too_many_tensors (void)
{
  return test_gguf_new (3, (guint64) 1 << 40, 0);
}

static TestGguf *
odd_alignment (void)
{
  TestGguf *gguf = test_gguf_new (3, 0, 1);

  test_gguf_key_u32 (gguf, "general.alignment", 48);
  return gguf;
}

static TestGguf *
no_alignment (void)
{
  TestGguf *gguf = test_gguf_new (3, 0, 1);

  test_gguf_key_u32 (gguf, "general.alignment", 0);
  return gguf;
}

static TestGguf *
alignment_of_another_type (void)
{
  TestGguf *gguf = test_gguf_new (3, 0, 1);

  test_gguf_key_u16 (gguf, "general.alignment", 32);
  return gguf;
}

static TestGguf *
other_magic (void)
{
  TestGguf *gguf = test_gguf_new (3, 0, 0);

  gguf->data[3] = 'X';
  return gguf;
}

static const struct
{
  const char *name;
  MakeFile make;
  int code;
  const char *words[2];
} refusals[] = {
  { "too-many-dimensions", too_many_dimensions, STEER_TENSOR_ERROR_INVALID, { "\"t\"", "5 dimensions" } },
  { "a-negative-dimension", negative_dimension, STEER_TENSOR_ERROR_INVALID, { "\"t\"", "dimension 1" } },
  { "an-overflowing-product", overflowing_product, STEER_TENSOR_ERROR_INVALID, { "\"t\"", "overflows" } },
  { "an-overflowing-size", overflowing_bytes, STEER_TENSOR_ERROR_INVALID, { "\"t\"", "bytes overflows" } },
  { "an-overflowing-total", overflowing_padding, STEER_TENSOR_ERROR_INVALID, { "\"b\"", "all tensors overflows" } },
  { "a-withdrawn-type", unknown_type, STEER_TENSOR_ERROR_INVALID, { "\"t\"", "unknown type 5" } },
  { "an-unknown-type", far_unknown_type, STEER_TENSOR_ERROR_INVALID, { "\"t\"", "unknown type 4294967295" } },
  { "a-row-of-half-a-block", row_of_half_a_block, STEER_TENSOR_ERROR_INVALID, { "\"t\"", "rows of 16" } },
  { "an-unaligned-offset", unaligned_offset, STEER_TENSOR_ERROR_INVALID, { "\"t\"", "offset 16" } },
  { "an-offset-that-leaves-a-hole", offset_with_a_hole, STEER_TENSOR_ERROR_INVALID, { "\"t\"", "offset is 32" } },
  { "an-offset-past-the-end", offset_past_the_end, STEER_TENSOR_ERROR_INVALID, { "\"t\"", "offset" } },
  { "data-past-the-end", data_past_the_end, STEER_TENSOR_ERROR_TRUNCATED, { "1056 bytes", "only 1024" } },
  { "a-tensor-given-twice", name_given_twice, STEER_TENSOR_ERROR_INVALID, { "\"t\"", "twice" } },
  { "a-name-over-64-bytes", long_name, STEER_TENSOR_ERROR_INVALID, { "tensor 0", "64 bytes" } },
  { "a-name-that-is-no-text", name_that_is_no_text, STEER_TENSOR_ERROR_INVALID, { "tensor 0", "UTF-8" } },
  { "a-key-given-twice", key_given_twice, STEER_TENSOR_ERROR_INVALID, { "\"k\"", "twice" } },
  { "an-empty-key", empty_key, STEER_TENSOR_ERROR_INVALID, { "key 0", "empty" } },
  { "a-key-past-the-end", key_past_the_end, STEER_TENSOR_ERROR_TRUNCATED, { "key 0", "18446744073709551615" } },
  { "a-value-of-unknown-type", unknown_value_type, STEER_TENSOR_ERROR_INVALID, { "\"k\"", "unknown type 13" } },
  { "a-list-of-unknown-type", unknown_element_type, STEER_TENSOR_ERROR_INVALID, { "\"k\"", "unknown type 99" } },
  { "a-string-past-the-end", string_past_the_end, STEER_TENSOR_ERROR_TRUNCATED, { "\"k\"", "1099511627776" } },
  { "a-list-past-the-end", list_past_the_end, STEER_TENSOR_ERROR_TRUNCATED, { "\"k\"" } },
  { "an-endless-list", endless_list, STEER_TENSOR_ERROR_INVALID, { "\"k\"", "2305843009213693952 elements" } },
  { "a-list-of-too-many-strings", list_of_too_many_strings, STEER_TENSOR_ERROR_TRUNCATED, { "\"k\"" } },
  { "a-key-over-65535-bytes", long_key, STEER_TENSOR_ERROR_INVALID, { "key 0", "65535 bytes" } },
  { "too-many-keys", too_many_keys, STEER_TENSOR_ERROR_INVALID, { "18446744073709551615 keys" } },
  { "too-many-tensors", too_many_tensors, STEER_TENSOR_ERROR_INVALID, { "1099511627776 tensors" } },
  { "an-alignment-that-is-no-power-of-two",
    odd_alignment,
    STEER_TENSOR_ERROR_INVALID,
    { "general.alignment is 48", "power of two" } },
  { "an-alignment-of-zero", no_alignment, STEER_TENSOR_ERROR_INVALID, { "general.alignment is 0" } },
  { "an-alignment-of-another-type", alignment_of_another_type, STEER_TENSOR_ERROR_INVALID, { "general.alignment" } },
  { "another-magic", other_magic, STEER_TENSOR_ERROR_INVALID, { "GGUF" } },
};

static void
test_refusal (Fixture *fixture, gconstpointer data)
{
  guint i = GPOINTER_TO_UINT (data);
  g_autofree char *path = test_gguf_write (refusals[i].make (), fixture->dir, "x.gguf");

  test_assert_refused (path, refusals[i].code, path, refusals[i].words[0], refusals[i].words[1], NULL);
}

static void
test_longest_name (Fixture *fixture, gconstpointer data)
{
  g_autofree char *name = g_strnfill (64, 'x');
  TestGguf *gguf = test_gguf_new (3, 1, 0);
  g_autofree char *path = NULL;
  g_autoptr (SteerArchive) archive = NULL;

  test_gguf_tensor (gguf, name, 1, sizes_32, 24, 0);
  test_gguf_pad (gguf, 32);
  test_gguf_data (gguf, 32);
  path = test_gguf_write (gguf, fixture->dir, "x");
  archive = open_ok (path);
  g_assert_nonnull (steer_archive_find (archive, name));
}

/* The one truncation that is a valid file ends where the data would begin. */
static void
test_every_truncation (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) whole = make_small (3);
  guint n_loaded = 0;

  for (guint length = 1; length < whole->len; length++)
    {
      g_autofree char *path = test_write_file (fixture->dir, "x.gguf", whole->data, length);
      g_autoptr (GError) error = NULL;
      g_autoptr (SteerArchive) archive = steer_archive_open (path, NULL, &error);

      if (archive != NULL)
        {
          g_assert_cmpuint (length, ==, whole->len - 64);
          g_assert_cmpuint (steer_archive_get_n_tensors (archive), ==, 0);
          n_loaded++;
          continue;
        }
      g_assert_true (error->domain == STEER_TENSOR_ERROR);
      g_assert_nonnull (strstr (error->message, path));
    }
  g_assert_cmpuint (n_loaded, ==, 1);
}

static void
read_everything (SteerArchive *archive)
{
  g_autofree const char **keys = steer_archive_list_metadata (archive);

  for (guint i = 0; i < steer_archive_get_n_tensors (archive); i++)
    {
      const SteerTensor *tensor = steer_archive_get_tensor (archive, i);
      gint64 n = steer_tensor_get_n_elements (tensor);
      g_autofree float *values = NULL;

      g_assert_cmpint (n, <=, 1 << 20);
      values = g_new (float, n);
      steer_tensor_read_f32 (tensor, 0, n, values);
    }
  for (guint i = 0; keys[i] != NULL; i++)
    {
      gsize n;

      g_free (steer_archive_get_string_array (archive, keys[i], &n));
      g_free (steer_archive_get_double_array (archive, keys[i], &n));

      g_assert_nonnull (steer_archive_get_metadata (archive, keys[i]));
    }
}

static void
test_every_flipped_bit (Fixture *fixture, gconstpointer data)
{
  g_autofree char *source = test_fixture_path ("tensor/small.gguf");
  g_autofree char *text = NULL;
  guint n_refused = 0;
  gsize size;

  g_assert_true (g_file_get_contents (source, &text, &size, NULL));
  for (gsize i = 0; i < size; i++)
    for (guint bit = 0; bit < 8; bit++)
      {
        g_autofree char *path = NULL;
        g_autoptr (GError) error = NULL;
        g_autoptr (SteerArchive) archive = NULL;

        text[i] = (char) (text[i] ^ 1 << bit);
        path = test_write_file (fixture->dir, "x.gguf", text, size);
        archive = steer_archive_open (path, NULL, &error);
        text[i] = (char) (text[i] ^ 1 << bit);
        g_assert_true ((archive == NULL) == (error != NULL));
        n_refused += archive == NULL;
        if (archive != NULL)
          read_everything (archive);
      }
  g_assert_cmpuint (n_refused, >, 1000);
}

/* Part @no of @count, with one tensor named after it. */
static void
write_part (Fixture *fixture, guint no, guint count, guint stated_no, guint stated_total)
{
  TestGguf *gguf = test_gguf_new (3, 1, 4);
  g_autofree char *tensor = g_strdup_printf ("t%u", no);
  g_autofree char *file = g_strdup_printf ("model-%05u-of-%05u.gguf", no + 1, count);

  test_gguf_key_u16 (gguf, "split.no", (guint16) stated_no);
  test_gguf_key_u16 (gguf, "split.count", (guint16) count);
  test_gguf_key_u32 (gguf, "split.tensors.count", stated_total);
  test_gguf_key_u32 (gguf, "part", no);
  test_gguf_tensor (gguf, tensor, 1, sizes_32, 24, 0);
  test_gguf_pad (gguf, 32);
  test_gguf_data (gguf, 32);
  g_free (test_gguf_write (gguf, fixture->dir, file));
}

static void
test_split (Fixture *fixture, gconstpointer data)
{
  for (guint no = 0; no < 3; no++)
    write_part (fixture, no, 3, no, 3);
  /* Whichever part is named, the whole is opened, and the first part's keys count. */
  for (guint no = 0; no < 3; no++)
    {
      g_autofree char *file = g_strdup_printf ("model-%05u-of-00003.gguf", no + 1);
      g_autofree char *path = g_build_filename (fixture->dir, file, NULL);
      g_autoptr (SteerArchive) archive = open_ok (path);
      guint64 part;

      g_assert_cmpstr (steer_archive_get_format (archive), ==, "GGUF v3 in 3 parts");
      g_assert_cmpuint (steer_archive_get_n_tensors (archive), ==, 3);
      g_assert_cmpstr (steer_archive_get_tensor (archive, 2)->name, ==, "t2");
      g_assert_true (steer_archive_get_uint (archive, "part", &part));
      g_assert_cmpuint (part, ==, 0);
      g_assert_true (g_str_has_suffix (steer_archive_get_tensor_file (archive, steer_archive_find (archive, "t1")),
                                       "model-00002-of-00003.gguf"));
    }
}

static void
test_broken_splits (Fixture *fixture, gconstpointer data)
{
  g_autofree char *first = g_build_filename (fixture->dir, "model-00001-of-00003.gguf", NULL);
  g_autofree char *second = g_build_filename (fixture->dir, "model-00002-of-00003.gguf", NULL);
  g_autofree char *renamed = g_build_filename (fixture->dir, "renamed.gguf", NULL);

  for (guint no = 0; no < 3; no++)
    write_part (fixture, no, 3, no, 4);
  test_assert_refused (first, STEER_TENSOR_ERROR_INVALID, "3 tensors", "split.tensors.count is 4", NULL);
  write_part (fixture, 1, 3, 2, 3);
  test_assert_refused (first, STEER_TENSOR_ERROR_INVALID, "model-00002-of-00003.gguf", "part 2 of 3", NULL);
  g_free (test_write_text (fixture->dir, "model-00002-of-00003.gguf",
                           "version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 1\n"));
  test_assert_refused (first, STEER_TENSOR_ERROR_POINTER, "model-00002-of-00003.gguf", "git lfs pull", NULL);
  g_remove (second);
  test_assert_refused (first, STEER_TENSOR_ERROR_NOT_FOUND, "part 2 of 3", "model-00002-of-00003.gguf", NULL);
  g_rename (first, renamed);
  test_assert_refused (renamed, STEER_TENSOR_ERROR_INVALID, "part 1 of 3", "-00001-of-00003.gguf", NULL);
}

static void
test_control_vectors (void)
{
  g_autofree char *folder = test_shared_path ("control-vectors");
  static const struct
  {
    const char *name;
    guint n_tensors;
    const char *shape;
    const char *hint;
  } files[]
    = { { "llama-3-8b-creative.gguf", 32, "[4096]", "unknown" }, { "happy-diffmean.gguf", 28, "[1536]", "qwen2.5" } };

  if (folder == NULL)
    return;
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *path = g_build_filename (folder, files[i].name, NULL);
      g_autoptr (SteerArchive) archive = open_ok (path);
      guint64 layer_count;

      g_assert_cmpuint (steer_archive_get_n_tensors (archive), ==, files[i].n_tensors);
      assert_shape (steer_archive_find (archive, "direction.0"), STEER_DTYPE_F32, files[i].shape);
      g_assert_cmpstr (steer_archive_get_string (archive, "general.architecture"), ==, "controlvector");
      g_assert_cmpstr (steer_archive_get_string (archive, "controlvector.model_hint"), ==, files[i].hint);
      g_assert_true (steer_archive_get_uint (archive, "controlvector.layer_count", &layer_count));
      g_assert_cmpuint (layer_count, ==, files[i].n_tensors);
    }
}

/* Files named bad_* must be refused and ok_* must load. */
static void
test_reference_verdicts (Fixture *fixture, gconstpointer data)
{
  g_autofree char *source = test_shared_path ("malformed/gguf.tar.xz");
  g_autoptr (GDir) dir = NULL;
  const char *name;
  const char *argv[] = { "tar", "xf", source, "-C", fixture->dir, NULL };
  int status = 1;
  guint n = 0;

  if (source == NULL)
    return;
  if (!g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status, NULL)
      || status != 0)
    {
      g_test_skip ("tar cannot unpack .tar.xz here");
      return;
    }
  dir = g_dir_open (fixture->dir, 0, NULL);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (fixture->dir, name, NULL);
      g_autoptr (SteerArchive) archive = NULL;
      g_autoptr (GError) error = NULL;

      if (!g_str_has_suffix (name, ".gguf"))
        continue;
      n++;
      archive = steer_archive_open (path, NULL, &error);
      if ((archive != NULL) != g_str_has_prefix (name, "ok_"))
        g_error ("%s: %s", name, error != NULL ? error->message : "was not refused");
      g_assert_true (archive != NULL || error->domain == STEER_TENSOR_ERROR);
      if (archive != NULL)
        read_everything (archive);
    }
  g_assert_cmpuint (n, ==, 196);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define ADD(name, function) g_test_add ("/gguf/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("tensors-have-their-shapes-turned-round", test_tensors);
  ADD ("integers-of-every-width-are-read", test_integers);
  ADD ("numbers-truths-and-strings-are-read", test_other_scalars);
  ADD ("lists-are-read", test_arrays);
  ADD ("every-key-is-listed-with-a-text", test_keys);
  ADD ("versions-two-and-three-load-and-no-other", test_versions);
  ADD ("data-is-aligned-as-the-file-says", test_alignment);
  ADD ("scalars-and-empty-tensors-load", test_scalar_and_empty);
  ADD ("a-tensor-of-an-unsupported-type-is-set-apart", test_opaque);
  ADD ("a-description-without-data-loads-without-tensors", test_description_only);
  ADD ("lists-in-lists-are-passed-over-eight-deep", test_nested_lists);
  ADD ("a-string-that-is-no-text-loads", test_strings_as_bytes);
  ADD ("a-huge-string-is-refused-unread", test_huge_string);
  ADD ("a-name-of-64-bytes-loads", test_longest_name);
  ADD ("every-truncation-is-refused-or-a-description", test_every_truncation);
  ADD ("a-flipped-bit-never-leads-out-of-the-file", test_every_flipped_bit);
  ADD ("a-split-file-opens-whole-from-any-part", test_split);
  ADD ("a-split-with-a-wrong-or-missing-part-is-refused", test_broken_splits);
  ADD ("the-reference-generator's-cases-get-its-verdicts", test_reference_verdicts);
#undef ADD
  for (guint i = 0; i < G_N_ELEMENTS (refusals); i++)
    {
      g_autofree char *name = g_strconcat ("/gguf/refused/", refusals[i].name, NULL);
      g_test_add (name, Fixture, GUINT_TO_POINTER (i), set_up, test_refusal, tear_down);
    }
  g_test_add_func ("/gguf/control-vectors-as-users-have-them-load", test_control_vectors);
  return g_test_run ();
}
