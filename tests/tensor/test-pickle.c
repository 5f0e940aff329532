#include "tensor-test-util.h"
#include "tensor/steer-pickle.h"
#include "test-util.h"
#include "zip-builder.h"

#include <string.h>

/* Opcodes that files of tensors need; MARK and STOP among them. */
static const char known_opcodes[] = "\x80}(cqhrjXJKM\x8aGN\x88\x89]ae)t\x85\x86\x87QRbsu.";

static SteerPickle *
read_bytes (const void *data, gsize size, GError **error)
{
  /* A copy of its own, so that reading past the end is noticed. */
  g_autofree guint8 *copy = g_memdup2 (data, size);
  SteerPickle *pickle = steer_pickle_read (copy, size, "x.pt", NULL, error);

  return pickle;
}

static void
assert_refused (const void *data, gsize size, int code, const char *word)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerPickle) pickle = read_bytes (data, size, &error);

  g_assert_null (pickle);
  g_assert_error (error, STEER_TENSOR_ERROR, code);
  if (strstr (error->message, word) == NULL)
    g_error ("\"%s\" does not mention \"%s\"", error->message, word);
}

#define REFUSED(text, code, word) assert_refused (text, sizeof text - 1, STEER_TENSOR_ERROR_##code, word)

static void
test_opcodes (void)
{
  for (guint opcode = 0; opcode < 256; opcode++)
    {
      guint8 data[3] = { 0x80, 2, (guint8) opcode };
      const char *name = steer_pickle_get_opcode_name ((guint8) opcode);
      g_autoptr (GError) error = NULL;
      g_autoptr (SteerPickle) pickle = NULL;

      if (opcode != 0 && strchr (known_opcodes, (int) opcode) != NULL)
        {
          /* Alone it lacks what it needs, which is told; none of them is enough for a value. */
          pickle = read_bytes (data, sizeof data, &error);
          g_assert_null (pickle);
          g_assert_nonnull (error);
          g_assert_null (strstr (error->message, "refused"));
        }
      else if (name != NULL)
        assert_refused (data, sizeof data, STEER_TENSOR_ERROR_UNSUPPORTED, name);
      else
        assert_refused (data, sizeof data, STEER_TENSOR_ERROR_INVALID, "no pickle opcode");
    }
}

static void
test_globals (void)
{
  static const char *const globals[] = {
    "os system",
    "posix system",
    "nt system",
    "subprocess Popen",
    "builtins eval",
    "builtins exec",
    "builtins getattr",
    "__builtin__ eval",
    "importlib import_module",
    "runpy _run_code",
    "torch load",
    "torch.hub load",
    "torch._utils _rebuild_sparse_tensor",
    "torch._utils _rebuild_qtensor",
    "torch._utils _rebuild_tensor",
    "torch._utils _rebuild_tensor_v3",
    "torch.nn.modules.linear Linear",
    "torch.jit._script RecursiveScriptModule",
    "torch FloatTensor",
    "torch ComplexFloatStorage",
    "torch QInt8Storage",
    "torch.storage _load_from_bytes",
    "torch.storage UntypedStorage",
    "torch float32",
    "torch Size",
    "numpy dtype",
    "numpy.core.multiarray _reconstruct",
    "numpy.core.multiarray scalar",
    "_codecs encode",
    "collections OrderedDict.__reduce__",
    "collections defaultdict",
    "collections OrderedDic",
    "collections OrderedDictX",
    "collection OrderedDict",
    "pickle loads",
    "sklearn.decomposition._pca PCA",
    "__main__ MeanScaler",
    " ",
  };

  for (guint i = 0; i < G_N_ELEMENTS (globals); i++)
    {
      g_autofree char *lines = g_strdelimit (g_strdup (globals[i]), " ", '\n');
      g_autofree char *name = g_strdelimit (g_strdup (globals[i]), " ", '.');
      g_autofree char *data = g_strconcat ("\x80\x02", "c", lines, "\n", ".", NULL);

      assert_refused (data, strlen (data), STEER_TENSOR_ERROR_UNSUPPORTED, name);
    }
}

static void
test_known_globals (void)
{
  static const char *const globals[] = { "collections\nOrderedDict",
                                         "torch._utils\n_rebuild_tensor_v2",
                                         "torch._utils\n_rebuild_parameter",
                                         "torch\nFloatStorage",
                                         "torch\nHalfStorage",
                                         "torch\nBFloat16Storage",
                                         "torch\nDoubleStorage",
                                         "torch\nLongStorage",
                                         "torch\nIntStorage",
                                         "torch\nShortStorage",
                                         "torch\nCharStorage",
                                         "torch\nByteStorage",
                                         "torch\nBoolStorage" };

  for (guint i = 0; i < G_N_ELEMENTS (globals); i++)
    {
      g_autofree char *data = g_strconcat ("c", globals[i], "\n.", NULL);
      g_autoptr (GError) error = NULL;
      g_autoptr (SteerPickle) pickle = read_bytes (data, strlen (data), &error);

      g_assert_no_error (error);
      g_assert_cmpint (pickle->result->kind, ==, STEER_PICKLE_GLOBAL);
    }
}

static void
test_counts (void)
{
  REFUSED ("X\xff\xff\xff\xff"
           "abc.",
           TRUNCATED, "4294967295");
  REFUSED ("\x8a\xff"
           "abc.",
           UNSUPPORTED, "255 bytes");
  REFUSED ("j\xff\xff\xff\xff.", INVALID, "4294967295");
  REFUSED ("\x80\x09.", UNSUPPORTED, "protocol 9");
  REFUSED ("X\2\0\0\0\xff\xfe.", INVALID, "UTF-8");
  REFUSED ("X\3\0\0\0a\0b.", INVALID, "NUL");
  REFUSED ("cos\nsystem", TRUNCATED, "does not end");
  REFUSED ("NN.", INVALID, "one value");
  REFUSED ("(N.", INVALID, "one value");
  REFUSED (".", INVALID, "one value");
}

static void
test_stack (void)
{
  REFUSED ("t.", INVALID, "MARK");
  REFUSED ("\x85.", INVALID, "more values");
  REFUSED ("N(\x85.", INVALID, "more values"); /* nothing below a mark may be taken */
  REFUSED ("](a.", INVALID, "too few");
  REFUSED ("}(Nu.", INVALID, "no value");
  REFUSED ("N(NNu.", INVALID, "no dict");
  REFUSED ("}Na.", INVALID, "no list");
  REFUSED ("]NNs.", INVALID, "no dict");
  REFUSED ("NNb.", INVALID, "something other than a dict");
  REFUSED ("Nb.", INVALID, "of nothing");
  REFUSED ("NQ.", INVALID, "storage");
  REFUSED ("N)R.", INVALID, "called");
  REFUSED ("ccollections\nOrderedDict\nN\x85R.", INVALID, "arguments");
  REFUSED ("ctorch\nFloatStorage\n)R.", INVALID, "storage type is called");
  REFUSED ("ctorch._utils\n_rebuild_parameter\n)R.", INVALID, "tensor");
  REFUSED ("ctorch._utils\n_rebuild_tensor_v2\n)R.", INVALID, "arguments");
  REFUSED ("q\0.", INVALID, "remembered");
}

/* A file with this pickle and a storage of 12 floats. */
static char *
write_torch (const char *dir, const void *pickle, gsize size)
{
  ZipBuilder *zip = zip_builder_new ();
  g_autoptr (GBytes) bytes = NULL;
  float storage[12] = { 0.0f };

  zip_builder_add (zip, "x/data.pkl", pickle, size);
  zip_builder_add (zip, "x/data/0", storage, sizeof storage);
  bytes = zip_builder_end (zip);
  return test_write_file (dir, "x.pt", g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
}

static void
append_integer (GByteArray *out, gint64 value)
{
  g_byte_array_append (out, (const guint8 *) "\x8a\x08", 2);
  value = GINT64_TO_LE (value);
  g_byte_array_append (out, (const guint8 *) &value, sizeof value);
}

/* A tensor of two dimensions over 12 floats, of which the pickle says that they are @n_elements. */
static GByteArray *
make_tensor (gint64 n_elements, gint64 offset, gint64 rows, gint64 columns, gint64 row_stride, gint64 column_stride)
{
  static const char start[] = "ctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"
                              "0X\3\0\0\0cpu";
  static const char end[] = "\x86\x89"
                            "ccollections\nOrderedDict\n)RtR.";
  GByteArray *out = g_byte_array_new ();

  g_byte_array_append (out, (const guint8 *) start, sizeof start - 1);
  append_integer (out, n_elements);
  g_byte_array_append (out, (const guint8 *) "tQ", 2);
  append_integer (out, offset);
  append_integer (out, rows);
  append_integer (out, columns);
  g_byte_array_append (out, (const guint8 *) "\x86", 1);
  append_integer (out, row_stride);
  append_integer (out, column_stride);
  g_byte_array_append (out, (const guint8 *) end, sizeof end - 1);
  return out;
}

static void
test_bounds (void)
{
  static const struct
  {
    gint64 n_elements, offset, rows, columns, row_stride, column_stride;
    gboolean good;
  } tensors[] = {
    { 12, 0, 3, 4, 4, 1, TRUE },
    { 12, 0, 3, 4, 1, 3, TRUE },
    { 12, 11, 1, 1, 100, 100, TRUE }, /* strides of single elements are never used */
    { 12, 12, 0, 4, 4, 1, TRUE },
    { 12, 1, 3, 4, 4, 1, FALSE },
    { 12, 0, 3, 5, 4, 1, FALSE },
    { 12, 0, 3, 4, 5, 1, FALSE },
    { 12, 12, 1, 1, 1, 1, FALSE },
    { 12, 13, 0, 4, 4, 1, FALSE },
    { 12, -1, 1, 1, 1, 1, FALSE },
    { 12, 0, -1, 1, 1, 1, FALSE },
    { 12, 0, 1, 1, -1, 1, FALSE },
    { 12, G_MAXINT64, 1, 1, 1, 1, FALSE },
    { 12, 0, G_MAXINT64, G_MAXINT64, 0, 0, FALSE },
    { 12, 0, 1000, 1000, 0, 0, FALSE }, /* more elements than the file pays for */
    { 12, 0, G_MAXINT64, 1, 1, 1, FALSE },
    { 12, 0, 2, 2, G_MAXINT64, G_MAXINT64, FALSE },
    { 12, 0, (gint64) 1 << 32, (gint64) 1 << 32, 0, 0, FALSE },
    { 11, 0, 1, 1, 1, 1, FALSE }, /* the member has 12 */
    { G_MAXINT64, 0, 1, 1, 1, 1, FALSE },
    { (gint64) 1 << 62, 0, 1, 1, 1, 1, FALSE },
    { -12, 0, 1, 1, 1, 1, FALSE },
  };
  g_autofree char *dir = test_make_dir ();

  for (guint i = 0; i < G_N_ELEMENTS (tensors); i++)
    {
      g_autoptr (GByteArray) pickle = make_tensor (tensors[i].n_elements, tensors[i].offset, tensors[i].rows,
                                                   tensors[i].columns, tensors[i].row_stride, tensors[i].column_stride);
      g_autofree char *path = write_torch (dir, pickle->data, pickle->len);
      g_autoptr (GError) error = NULL;
      g_autoptr (SteerArchive) archive = steer_archive_open (path, NULL, &error);

      if ((archive != NULL) != tensors[i].good)
        g_error ("tensor %u: %s", i, error != NULL ? error->message : "is accepted");
      if (archive == NULL)
        g_assert_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_INVALID);
    }
  test_remove_dir (g_steal_pointer (&dir));
}

static void
test_recursion (void)
{
  g_autofree char *dir = test_make_dir ();
  g_autofree char *itself = write_torch (dir, "]q\0h\0a.", 7);
  g_autoptr (GByteArray) deep = g_byte_array_new ();
  g_autoptr (GByteArray) marks = g_byte_array_new ();
  const guint n = 100000;

  test_assert_refused (itself, STEER_TENSOR_ERROR_UNSUPPORTED, "nested", NULL);

  for (guint i = 0; i < n; i++)
    g_byte_array_append (deep, (const guint8 *) "]", 1);
  for (guint i = 1; i < n; i++)
    g_byte_array_append (deep, (const guint8 *) "a", 1);
  g_byte_array_append (deep, (const guint8 *) ".", 1);
  g_free (write_torch (dir, deep->data, deep->len));
  test_assert_refused (itself, STEER_TENSOR_ERROR_UNSUPPORTED, "nested", NULL);

  for (guint i = 0; i < n; i++)
    g_byte_array_append (marks, (const guint8 *) "(", 1);
  g_free (write_torch (dir, marks->data, marks->len));
  test_assert_refused (itself, STEER_TENSOR_ERROR_UNSUPPORTED, "nested", NULL);
  test_remove_dir (g_steal_pointer (&dir));
}

/* Lists of ten times the list below, twenty levels of them, in 500 bytes. */
static void
test_sharing (void)
{
  g_autofree char *dir = test_make_dir ();
  g_autofree char *path = NULL;
  g_autoptr (GByteArray) pickle = g_byte_array_new ();

  g_byte_array_append (pickle, (const guint8 *) "K\1q\0", 4);
  for (guint8 level = 1; level <= 20; level++)
    {
      const guint8 get[2] = { 'h', (guint8) (level - 1) };
      const guint8 put[3] = { 'e', 'q', level };

      g_byte_array_append (pickle, (const guint8 *) "](", 2);
      for (guint i = 0; i < 10; i++)
        g_byte_array_append (pickle, get, sizeof get);
      g_byte_array_append (pickle, put, sizeof put);
    }
  g_byte_array_append (pickle, (const guint8 *) "\x86", 1); /* so that one value is left */
  for (guint level = 0; level < 19; level++)
    g_byte_array_append (pickle, (const guint8 *) "\x86", 1);
  g_byte_array_append (pickle, (const guint8 *) ".", 1);
  path = write_torch (dir, pickle->data, pickle->len);
  test_assert_refused (path, STEER_TENSOR_ERROR_UNSUPPORTED, "names", NULL);
  test_remove_dir (g_steal_pointer (&dir));
}

static void
test_too_many (void)
{
  const gsize n = (gsize) 5 << 20;
  g_autofree char *nones = g_malloc (n);

  memset (nones, 'N', n);
  assert_refused (nones, n, STEER_TENSOR_ERROR_UNSUPPORTED, "more than");
}

static void
test_keys (void)
{
  g_autofree char *dir = test_make_dir ();
  g_autofree char *float_key = write_torch (dir, "}G\0\0\0\0\0\0\0\0K\1s.", 14);

  test_assert_refused (float_key, STEER_TENSOR_ERROR_UNSUPPORTED, "key", NULL);
  g_free (write_torch (dir, "}}K\1s.", 6));
  test_assert_refused (float_key, STEER_TENSOR_ERROR_UNSUPPORTED, "key", NULL);
  test_remove_dir (g_steal_pointer (&dir));
}

/* Real pickles, cut short and changed at every byte: refused or read, never worse. */
static void
test_damaged (void)
{
  g_autoptr (GByteArray) pickle = make_tensor (12, 0, 3, 4, 4, 1);
  g_autoptr (GRand) rand = g_rand_new_with_seed (6);

  for (gsize length = 0; length < pickle->len; length++)
    {
      g_autoptr (SteerPickle) cut = read_bytes (pickle->data, length, NULL);

      g_assert_null (cut);
    }
  for (gsize at = 0; at < pickle->len; at++)
    for (guint value = 0; value < 256; value++)
      {
        guint8 old = pickle->data[at];
        g_autoptr (SteerPickle) changed = NULL;

        pickle->data[at] = (guint8) value;
        changed = read_bytes (pickle->data, pickle->len, NULL);
        pickle->data[at] = old;
      }
  for (guint round = 0; round < 20000; round++)
    {
      guint8 noise[64];
      g_autoptr (SteerPickle) random = NULL;

      for (guint i = 0; i < sizeof noise; i++)
        noise[i] = (guint8) (g_rand_boolean (rand) ? known_opcodes[g_rand_int_range (rand, 0, sizeof known_opcodes - 1)]
                                                   : g_rand_int_range (rand, 0, 4));
      random = read_bytes (noise, sizeof noise, NULL);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pickle/every-opcode-but-the-known-ones-is-refused-by-name", test_opcodes);
  g_test_add_func ("/pickle/every-global-but-the-known-ones-is-refused-by-name", test_globals);
  g_test_add_func ("/pickle/known-globals-are-known", test_known_globals);
  g_test_add_func ("/pickle/huge-counts-and-broken-values-are-refused", test_counts);
  g_test_add_func ("/pickle/opcodes-that-lack-their-values-are-refused", test_stack);
  g_test_add_func ("/pickle/a-tensor-lies-in-its-storage-or-is-refused", test_bounds);
  g_test_add_func ("/pickle/recursion-and-depth-are-refused", test_recursion);
  g_test_add_func ("/pickle/shared-values-cannot-multiply", test_sharing);
  g_test_add_func ("/pickle/more-values-than-anybody-needs-are-refused", test_too_many);
  g_test_add_func ("/pickle/odd-keys-are-refused", test_keys);
  g_test_add_func ("/pickle/damage-and-noise-do-no-harm", test_damaged);
  return g_test_run ();
}
