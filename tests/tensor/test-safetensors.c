#include "tensor-test-util.h"
#include "test-util.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

/* Two tensors and metadata; 24 bytes of data. */
#define SMALL_HEADER                                                                                                   \
  "{\"__metadata__\":{\"format\":\"pt\",\"tied\":\"b\"},"                                                              \
  "\"b\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[8,24]},"                                                 \
  "\"a\":{\"dtype\":\"I16\",\"shape\":[4],\"data_offsets\":[0,8]}}"

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
  g_assert_nonnull (archive);
  return archive;
}

static void
test_lists_tensors (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = test_write_safetensors (fixture->dir, "x", SMALL_HEADER, 24);
  g_autoptr (SteerArchive) archive = open_ok (path);
  const SteerTensor *a = steer_archive_get_tensor (archive, 0);
  const SteerTensor *b = steer_archive_get_tensor (archive, 1);
  float values[4];

  g_assert_cmpstr (steer_archive_get_format (archive), ==, "safetensors");
  g_assert_cmpstr (steer_archive_get_path (archive), ==, path);
  g_assert_cmpuint (steer_archive_get_file_size (archive), ==, 8 + strlen (SMALL_HEADER) + 24);
  g_assert_cmpuint (steer_archive_get_n_tensors (archive), ==, 2);

  g_assert_cmpstr (a->name, ==, "a");
  g_assert_cmpint (a->dtype, ==, STEER_DTYPE_I16);
  g_assert_cmpuint (a->n_dims, ==, 1);
  g_assert_cmpint (a->shape[0], ==, 4);
  g_assert_cmpuint (a->n_bytes, ==, 8);
  steer_tensor_read_f32 (a, 0, 4, values);
  g_assert_cmpfloat (values[0], ==, 0x0100);
  g_assert_cmpfloat (values[3], ==, 0x0706);

  g_assert_cmpstr (b->name, ==, "b");
  g_assert_cmpint (b->dtype, ==, STEER_DTYPE_F32);
  g_assert_cmpuint (b->n_dims, ==, 2);
  g_assert_cmpint (b->stride[0], ==, 2);
  g_assert_cmpint (b->stride[1], ==, 1);
  g_assert_cmpuint (b->data[0], ==, 8);
  g_assert_true (steer_archive_find (archive, "b") == b);
  g_assert_null (steer_archive_find (archive, "c"));
}

static void
test_metadata (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = test_write_safetensors (fixture->dir, "x", SMALL_HEADER, 24);
  g_autoptr (SteerArchive) archive = open_ok (path);
  g_autofree const char **keys = steer_archive_list_metadata (archive);

  g_assert_cmpstr (steer_archive_get_metadata (archive, "format"), ==, "pt");
  g_assert_null (steer_archive_get_metadata (archive, "nothing"));
  g_assert_cmpstr (keys[0], ==, "format");
  g_assert_cmpstr (keys[1], ==, "tied");
  g_assert_null (keys[2]);

  g_assert_true (steer_archive_find (archive, "tied") == steer_archive_find (archive, "b"));
  g_assert_null (steer_archive_find (archive, "format"));
}

static void
test_every_dtype (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *name;
    guint size;
    SteerDtype dtype;
  } dtypes[] = {
    { "F64", 8, STEER_DTYPE_F64 },   { "F32", 4, STEER_DTYPE_F32 }, { "F16", 2, STEER_DTYPE_F16 },
    { "BF16", 2, STEER_DTYPE_BF16 }, { "I64", 8, STEER_DTYPE_I64 }, { "I32", 4, STEER_DTYPE_I32 },
    { "I16", 2, STEER_DTYPE_I16 },   { "I8", 1, STEER_DTYPE_I8 },   { "U8", 1, STEER_DTYPE_U8 },
    { "BOOL", 1, STEER_DTYPE_BOOL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (dtypes); i++)
    {
      g_autofree char *header = g_strdup_printf ("{\"t\":{\"dtype\":\"%s\",\"shape\":[3],\"data_offsets\":[0,%u]}}",
                                                 dtypes[i].name, 3 * dtypes[i].size);
      g_autofree char *path = test_write_safetensors (fixture->dir, "x", header, 3 * dtypes[i].size);
      g_autoptr (SteerArchive) archive = open_ok (path);

      g_assert_cmpint (steer_archive_get_tensor (archive, 0)->dtype, ==, dtypes[i].dtype);
    }
}

static void
test_edge_shapes (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path
    = test_write_safetensors (fixture->dir, "x",
                              "{\"empty\":{\"dtype\":\"F32\",\"shape\":[2,0,3],\"data_offsets\":[4,4]},"
                              "\"scalar\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},"
                              "\"deep\":{\"dtype\":\"U8\",\"shape\":[1,2,1,2,1,1,1,2],\"data_offsets\":[4,12]}}",
                              12);
  g_autoptr (SteerArchive) archive = open_ok (path);
  const SteerTensor *scalar = steer_archive_find (archive, "scalar");
  const SteerTensor *empty = steer_archive_find (archive, "empty");
  const SteerTensor *deep = steer_archive_find (archive, "deep");

  g_assert_cmpuint (scalar->n_dims, ==, 0);
  g_assert_cmpint (steer_tensor_get_n_elements (scalar), ==, 1);
  g_assert_cmpint (steer_tensor_get_n_elements (empty), ==, 0);
  g_assert_cmpuint (empty->n_bytes, ==, 0);
  g_assert_cmpuint (deep->n_dims, ==, 8);
  g_assert_cmpint (deep->stride[1], ==, 4);
}

static void
test_white_space_around_header (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = test_write_safetensors (fixture->dir, "x", "\t\n { }\r  ", 0);
  g_autoptr (SteerArchive) archive = open_ok (path);

  g_assert_cmpuint (steer_archive_get_n_tensors (archive), ==, 0);
}

static void
test_skips_unknown_members (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = test_write_safetensors (
    fixture->dir, "x",
    "{\"__metadata__\":null,\"t\":{\"extra\":{\"deep\":[1,2,{\"dtype\":3}]},\"dtype\":\"U8\",\"shape\":[2],"
    "\"data_offsets\":[0,2]}}",
    2);
  g_autoptr (SteerArchive) archive = open_ok (path);

  g_assert_cmpuint (steer_archive_get_n_tensors (archive), ==, 1);
}

#define T(fields) "{\"t\":{" fields "}}"

static const struct
{
  const char *name;
  const char *header;
  gsize data_size;
  int code;
  const char *words[3];
} refusals[] = {
  { "hole",
    "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
    "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[3,5]}}",
    5,
    STEER_TENSOR_ERROR_INVALID,
    { "\"b\"", "hole" } },
  { "hole-before-the-first",
    T ("\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]"),
    3,
    STEER_TENSOR_ERROR_INVALID,
    { "\"t\"", "hole" } },
  { "overlap",
    "{\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]},"
    "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]}}",
    4,
    STEER_TENSOR_ERROR_INVALID,
    { "\"b\"", "overlap" } },
  { "the-same-bytes-twice",
    "{\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]},"
    "\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]}}",
    3,
    STEER_TENSOR_ERROR_INVALID,
    { "\"b\"", "overlap" } },
  { "bytes-after-the-last-tensor",
    T ("\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]"),
    3,
    STEER_TENSOR_ERROR_INVALID,
    { "1 bytes follow" } },
  { "too-little-data",
    T ("\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]"),
    3,
    STEER_TENSOR_ERROR_TRUNCATED,
    { "4 bytes", "only 3", "download it again" } },
  { "end-before-begin",
    T ("\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,0]"),
    2,
    STEER_TENSOR_ERROR_INVALID,
    { "\"t\"", "before its begin" } },
  { "offsets-that-disagree-with-the-shape",
    T ("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]"),
    4,
    STEER_TENSOR_ERROR_INVALID,
    { "F32 of shape [2] takes 8 bytes", "spans 4" } },
  { "an-overflowing-product",
    T ("\"dtype\":\"U8\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]"),
    0,
    STEER_TENSOR_ERROR_INVALID,
    { "\"t\"", "overflows" } },
  { "an-overflowing-product-that-ends-in-zero",
    T ("\"dtype\":\"U8\",\"shape\":[4294967296,4294967296,0],\"data_offsets\":[0,0]"),
    0,
    STEER_TENSOR_ERROR_INVALID,
    { "\"t\"", "overflows" } },
  { "an-overflowing-byte-count",
    T ("\"dtype\":\"F64\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]"),
    0,
    STEER_TENSOR_ERROR_INVALID,
    { "\"t\"", "overflows" } },
  { "a-dimension-over-64-bits",
    T ("\"dtype\":\"U8\",\"shape\":[18446744073709551617],\"data_offsets\":[0,1]"),
    1,
    STEER_TENSOR_ERROR_INVALID,
    { "\"t\"", "shape", "integer" } },
  { "a-negative-dimension",
    T ("\"dtype\":\"U8\",\"shape\":[-1],\"data_offsets\":[0,1]"),
    1,
    STEER_TENSOR_ERROR_INVALID,
    { "\"t\"", "shape" } },
  { "a-fractional-offset",
    T ("\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1.0]"),
    1,
    STEER_TENSOR_ERROR_INVALID,
    { "\"t\"", "data_offsets" } },
  { "one-offset",
    T ("\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0]"),
    1,
    STEER_TENSOR_ERROR_INVALID,
    { "\"t\"", "begin and an end" } },
  { "three-offsets",
    T ("\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1,1]"),
    1,
    STEER_TENSOR_ERROR_INVALID,
    { "\"t\"", "data_offsets" } },
  { "nine-dimensions",
    T ("\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,1]"),
    1,
    STEER_TENSOR_ERROR_UNSUPPORTED,
    { "\"t\"", "shape", "more than 8" } },
  { "a-missing-dtype",
    T ("\"shape\":[1],\"data_offsets\":[0,1]"),
    1,
    STEER_TENSOR_ERROR_INVALID,
    { "\"t\"", "\"dtype\" is missing" } },
  { "a-missing-shape",
    T ("\"dtype\":\"U8\",\"data_offsets\":[0,1]"),
    1,
    STEER_TENSOR_ERROR_INVALID,
    { "\"t\"", "\"shape\" is missing" } },
  { "missing-offsets",
    T ("\"dtype\":\"U8\",\"shape\":[1]"),
    1,
    STEER_TENSOR_ERROR_INVALID,
    { "\"t\"", "\"data_offsets\" is missing" } },
  { "a-field-given-twice",
    T ("\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]"),
    1,
    STEER_TENSOR_ERROR_INVALID,
    { "\"t\"", "\"dtype\" is given twice" } },
  { "a-name-given-twice",
    "{\"t\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
    "\"\\u0074\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}",
    2,
    STEER_TENSOR_ERROR_INVALID,
    { "\"t\"", "twice" } },
  { "metadata-given-twice",
    "{\"__metadata__\":{},\"__metadata__\":{}}",
    0,
    STEER_TENSOR_ERROR_INVALID,
    { "__metadata__", "twice" } },
  { "a-metadata-key-given-twice",
    "{\"__metadata__\":{\"k\":\"1\",\"k\":\"1\"}}",
    0,
    STEER_TENSOR_ERROR_INVALID,
    { "__metadata__", "\"k\"", "twice" } },
  { "metadata-that-is-not-a-string",
    "{\"__metadata__\":{\"k\":1}}",
    0,
    STEER_TENSOR_ERROR_INVALID,
    { "__metadata__", "\"k\"", "not a string" } },
  { "a-name-with-a-nul",
    "{\"t\\u0000\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
    1,
    STEER_TENSOR_ERROR_INVALID,
    { "NUL" } },
  { "an-8-bit-float",
    T ("\"dtype\":\"F8_E4M3\",\"shape\":[1],\"data_offsets\":[0,1]"),
    1,
    STEER_TENSOR_ERROR_UNSUPPORTED,
    { "\"t\"", "F8_E4M3", "supported are F64, F32" } },
  { "a-quantised-type",
    T ("\"dtype\":\"Q4_0\",\"shape\":[32],\"data_offsets\":[0,18]"),
    18,
    STEER_TENSOR_ERROR_UNSUPPORTED,
    { "\"t\"", "Q4_0" } },
  { "a-tensor-that-is-not-an-object", "{\"t\":[]}", 0, STEER_TENSOR_ERROR_INVALID, { "\"t\"", "object" } },
  { "broken-json", "{\"t\":}", 0, STEER_TENSOR_ERROR_INVALID, { "line 1, byte 6", "'}'" } },
  { "two-objects", "{}{}", 0, STEER_TENSOR_ERROR_INVALID, { "the end of the text" } },
  { "bad-utf-8", "{\"\xff\":{}}", 0, STEER_TENSOR_ERROR_INVALID, { "0xff", "UTF-8" } },
};

static void
test_refusal (Fixture *fixture, gconstpointer data)
{
  guint i = GPOINTER_TO_UINT (data);
  g_autofree char *path
    = test_write_safetensors (fixture->dir, "x.safetensors", refusals[i].header, refusals[i].data_size);

  test_assert_refused (path, refusals[i].code, path, refusals[i].words[0], refusals[i].words[1], refusals[i].words[2],
                       NULL);
}

static void
test_header_length_limits (Fixture *fixture, gconstpointer data)
{
  const guint8 huge[16] = { 0x01, 0xe1, 0xf5, 0x05, 0, 0, 0, 0, '{', '}' }; /* 100,000,001 */
  const guint8 edge[16] = { 0x00, 0xe1, 0xf5, 0x05, 0, 0, 0, 0, '{', '}' }; /* 100,000,000 */
  const guint8 all_ones[10] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, '{', '}' };
  g_autofree char *huge_path = test_write_file (fixture->dir, "huge.safetensors", huge, sizeof huge);
  g_autofree char *edge_path = test_write_file (fixture->dir, "edge.safetensors", edge, sizeof edge);
  g_autofree char *ones_path = test_write_file (fixture->dir, "ones.safetensors", all_ones, sizeof all_ones);

  test_assert_refused (huge_path, STEER_TENSOR_ERROR_INVALID, "100000001", "limit", NULL);
  test_assert_refused (edge_path, STEER_TENSOR_ERROR_TRUNCATED, "100000000", "ends after 8", NULL);
  test_assert_refused (ones_path, STEER_TENSOR_ERROR_INVALID, "limit", NULL);
}

static void
test_every_truncation (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GBytes) bytes = test_safetensors_bytes (SMALL_HEADER, 24);
  gsize size = g_bytes_get_size (bytes);

  for (gsize length = 0; length < size; length++)
    {
      g_autofree char *path = test_write_file (fixture->dir, "x.safetensors", g_bytes_get_data (bytes, NULL), length);

      test_assert_refused (path, STEER_TENSOR_ERROR_TRUNCATED, path, NULL);
    }
}

/* One flipped byte anywhere gives an error or views that lie inside the file. */
static void
test_every_flipped_byte (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GBytes) bytes = test_safetensors_bytes (SMALL_HEADER, 24);
  gsize size = g_bytes_get_size (bytes);
  g_autofree guint8 *copy = g_memdup2 (g_bytes_get_data (bytes, NULL), size);
  guint n_refused = 0;

  for (gsize i = 0; i < 8 + strlen (SMALL_HEADER); i++)
    for (guint bit = 0; bit < 8; bit++)
      {
        g_autofree char *path = NULL;
        g_autoptr (SteerArchive) archive = NULL;
        g_autoptr (GError) error = NULL;

        copy[i] ^= (guint8) (1 << bit);
        path = test_write_file (fixture->dir, "x.safetensors", copy, size);
        archive = steer_archive_open (path, NULL, &error);
        copy[i] ^= (guint8) (1 << bit);

        g_assert_true ((archive == NULL) == (error != NULL));
        n_refused += archive == NULL;
        for (guint t = 0; archive != NULL && t < steer_archive_get_n_tensors (archive); t++)
          {
            const SteerTensor *tensor = steer_archive_get_tensor (archive, t);
            gint64 n = steer_tensor_get_n_elements (tensor);
            g_autofree float *values = g_new (float, n);

            g_assert_cmpint (n, <=, 24);
            steer_tensor_read_f32 (tensor, 0, n, values);
          }
      }
  g_assert_cmpuint (n_refused, >, 1000);
}

static void
test_lfs_pointer (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path
    = test_write_text (fixture->dir, "model.safetensors",
                       "version https://git-lfs.github.com/spec/v1\n"
                       "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n");

  test_assert_refused (path, STEER_TENSOR_ERROR_POINTER, path, "git lfs pull", NULL);
  test_assert_refused (fixture->dir, STEER_TENSOR_ERROR_POINTER, "model.safetensors", "git lfs pull", NULL);
}

static void
test_other_files (Fixture *fixture, gconstpointer data)
{
  g_autofree char *text = test_write_text (fixture->dir, "notes.txt", "These are not weights, but some words.");
  g_autofree char *empty = test_write_text (fixture->dir, "empty", "");
  g_autofree char *old_torch = test_write_text (fixture->dir, "x.pt", "\x80\x02\x8a\x0a and so on");
  g_autofree char *missing = g_build_filename (fixture->dir, "missing", NULL);
  g_autofree char *pipe = g_build_filename (fixture->dir, "pipe", NULL);

  test_assert_refused (text, STEER_TENSOR_ERROR_UNSUPPORTED, text, "known format", NULL);
  test_assert_refused (empty, STEER_TENSOR_ERROR_TRUNCATED, empty, "empty", NULL);
  test_assert_refused (old_torch, STEER_TENSOR_ERROR_UNSUPPORTED, old_torch, "1.6", "safetensors", NULL);
  test_assert_refused (missing, STEER_TENSOR_ERROR_NOT_FOUND, missing, NULL);
  g_assert_cmpint (mkfifo (pipe, 0600), ==, 0);
  test_assert_refused (pipe, STEER_TENSOR_ERROR_UNSUPPORTED, pipe, "regular file", NULL);
}

static void
test_cancelled (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = test_write_safetensors (fixture->dir, "x", SMALL_HEADER, 24);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  g_cancellable_cancel (cancellable);
  g_assert_null (steer_archive_open (path, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
test_hints (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = test_write_safetensors (
    fixture->dir, "x", "{\"t\":{\"dtype\":\"U8\",\"shape\":[20000],\"data_offsets\":[0,20000]}}", 20000);
  g_autoptr (SteerArchive) archive = open_ok (path);
  const SteerTensor *tensor = steer_archive_get_tensor (archive, 0);
  guint8 elsewhere[3 * 4096] = { 1 };
  SteerTensor foreign = *tensor;
  float last;

  steer_archive_prefetch (archive, tensor);
  steer_archive_release (archive, tensor);
  steer_tensor_read_f32 (tensor, 19999, 1, &last);
  g_assert_cmpfloat (last, ==, 19999 % 256);

  /* Memory that is not the archive's keeps its contents. */
  memset (elsewhere, 7, sizeof elsewhere);
  foreign.data = elsewhere;
  foreign.n_bytes = sizeof elsewhere;
  steer_archive_release (archive, &foreign);
  for (guint i = 0; i < sizeof elsewhere; i++)
    g_assert_cmpuint (elsewhere[i], ==, 7);
}

/* The folder's files are named by the verdict of the reference library. */
static void
test_reference_verdicts (void)
{
  g_autofree char *folder = test_shared_path ("malformed/safetensors");
  g_autoptr (GDir) dir = NULL;
  const char *name;
  guint n = 0;

  if (folder == NULL)
    return;
  dir = g_dir_open (folder, 0, NULL);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);
      g_autoptr (SteerArchive) archive = NULL;
      g_autoptr (GError) error = NULL;

      if (!g_str_has_suffix (name, ".safetensors"))
        continue;
      n++;
      archive = steer_archive_open (path, NULL, &error);
      g_test_message ("%s: %s", name, error != NULL ? error->message : "loads");
      if (g_str_has_prefix (name, "ok_"))
        g_assert_no_error (error);
      else
        g_assert_true (archive == NULL && error != NULL && error->domain == STEER_TENSOR_ERROR);
    }
  g_assert_cmpuint (n, ==, 15);
}

static void
test_tied_model (void)
{
  g_autofree char *path = test_shared_path ("models/tinystories-656k/model.safetensors");
  g_autoptr (SteerArchive) archive = NULL;
  const SteerTensor *head;

  if (path == NULL)
    return;
  archive = open_ok (path);
  head = steer_archive_find (archive, "lm_head.weight");
  g_assert_nonnull (head);
  g_assert_cmpint (head->shape[0], ==, 2048);
  g_assert_true (steer_archive_find (archive, "model.embed_tokens.weight") == head);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define ADD(name, function) g_test_add ("/safetensors/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("tensors-are-listed-in-the-order-of-their-data", test_lists_tensors);
  ADD ("metadata-is-read-and-aliases-tensors", test_metadata);
  ADD ("every-supported-dtype-loads", test_every_dtype);
  ADD ("scalars-empty-and-eight-dimensional-tensors-load", test_edge_shapes);
  ADD ("white-space-around-the-header-is-allowed", test_white_space_around_header);
  ADD ("unknown-members-and-null-metadata-are-skipped", test_skips_unknown_members);
  ADD ("a-header-length-over-the-limit-or-the-file-is-refused", test_header_length_limits);
  ADD ("every-truncation-is-refused-as-one", test_every_truncation);
  ADD ("a-flipped-bit-never-leads-out-of-the-file", test_every_flipped_byte);
  ADD ("an-lfs-pointer-is-named-with-its-remedy", test_lfs_pointer);
  ADD ("files-of-other-kinds-are-refused", test_other_files);
  ADD ("a-cancelled-open-says-so", test_cancelled);
  ADD ("prefetch-and-release-are-only-hints", test_hints);
#undef ADD
  for (guint i = 0; i < G_N_ELEMENTS (refusals); i++)
    {
      g_autofree char *name = g_strconcat ("/safetensors/refused/", refusals[i].name, NULL);
      g_test_add (name, Fixture, GUINT_TO_POINTER (i), set_up, test_refusal, tear_down);
    }
  g_test_add_func ("/safetensors/the-reference-library's-cases-get-its-verdicts", test_reference_verdicts);
  g_test_add_func ("/safetensors/a-real-model's-tied-embedding-is-found", test_tied_model);
  return g_test_run ();
}
