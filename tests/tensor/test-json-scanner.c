#include "tensor/steer-json-scanner.h"
#include "tensor/steer-tensor.h"
#include "test-util.h"

#include <math.h>
#include <string.h>

/* The tokens as letters, and strings and numbers in full: {k"a" ... } */
static char *
describe (const char *text, gsize length, GError **error)
{
  /* A copy of exactly this size on the heap, so that a sanitizer sees every byte read beyond it. */
  g_autofree char *copy = g_memdup2 (text, length);
  g_autoptr (SteerJsonScanner) scanner = steer_json_scanner_new (copy, length, "test.json");
  g_autoptr (GString) out = g_string_new (NULL);

  for (;;)
    switch (steer_json_scanner_next (scanner, error))
      {
      case STEER_JSON_ERROR:
        return NULL;
      case STEER_JSON_END:
        return g_string_free (g_steal_pointer (&out), FALSE);
      case STEER_JSON_OBJECT_BEGIN:
        g_string_append_c (out, '{');
        break;
      case STEER_JSON_OBJECT_END:
        g_string_append_c (out, '}');
        break;
      case STEER_JSON_ARRAY_BEGIN:
        g_string_append_c (out, '[');
        break;
      case STEER_JSON_ARRAY_END:
        g_string_append_c (out, ']');
        break;
      case STEER_JSON_KEY:
        g_string_append_printf (out, "<%s>", steer_json_scanner_get_string (scanner, NULL));
        break;
      case STEER_JSON_STRING:
        g_string_append_printf (out, "(%s)", steer_json_scanner_get_string (scanner, NULL));
        break;
      case STEER_JSON_NUMBER:
        g_string_append_printf (out, "#%.17g ", steer_json_scanner_get_double (scanner));
        break;
      case STEER_JSON_TRUE:
        g_string_append_c (out, 'T');
        break;
      case STEER_JSON_FALSE:
        g_string_append_c (out, 'F');
        break;
      case STEER_JSON_NULL:
        g_string_append_c (out, 'N');
        break;
      default:
        g_assert_not_reached ();
      }
}

static const struct
{
  const char *text;
  const char *expected;
} valid[] = {
  { "{}", "{}" },
  { " [ ] ", "[]" },
  { "\t\r\n null\n", "N" },
  { "{\"a\":1,\"b\":[true,false,null,\"x\"]}", "{<a>#1 <b>[TFN(x)]}" },
  { "{ \"a\" : { } , \"b\" : [ [ ] , { } ] }", "{<a>{}<b>[[]{}]}" },
  { "\"\"", "()" },
  { "{\"\":\"\"}", "{<>()}" },
  { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "(\"\\/\b\f\n\r\t)" },
  { "\"\\u0041\\u00e9\\u20ac\\uD83D\\uDE00\"", "(A\u00e9\u20ac\U0001F600)" },
  { "\"a\u00e9\u20ac\U0001F600z\"", "(a\u00e9\u20ac\U0001F600z)" },
  { "\"\x7f\"", "(\x7f)" },
  { "\"\xf4\x8f\xbf\xbf\xed\x9f\xbf\xee\x80\x80\xe0\xa0\x80\xf0\x90\x80\x80\xc2\x80\"",
    "(\xf4\x8f\xbf\xbf\xed\x9f\xbf\xee\x80\x80\xe0\xa0\x80\xf0\x90\x80\x80\xc2\x80)" },
  { "[0,-0,-1,12,0.5,-2.25e2,1E3,1e+2,1e-2]", "[#0 #-0 #-1 #12 #0.5 #-225 #1000 #100 #0.01 ]" },
  { "9007199254740993", "#9007199254740992 " },
  { "1e400", "#inf " },
  { "0.1", "#0.10000000000000001 " },
  { "0.10000000000000000555111512312578270211815834045410156250000000000000001", "#0.10000000000000001 " },
};

static void
test_valid (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (valid); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *actual = describe (valid[i].text, strlen (valid[i].text), &error);

      g_assert_no_error (error);
      g_assert_cmpstr (actual, ==, valid[i].expected);
    }
}

static const struct
{
  const char *text;
  const char *word; /* of the message */
} invalid[] = {
  { "", "too early" },
  { "   ", "too early" },
  { "{", "too early" },
  { "[", "too early" },
  { "[1", "too early" },
  { "[1,", "too early" },
  { "{\"a\"", "too early" },
  { "{\"a\":", "too early" },
  { "{\"a\":1,", "too early" },
  { "\"abc", "too early" },
  { "\"abc\\", "too early" },
  { "[1,]", "']' where a value" },
  { "{\"a\":1,}", "'}' where a key" },
  { "[,1]", "',' where a value" },
  { "[1 2]", "'2' where a comma" },
  { "{\"a\" 1}", "'1' where a colon" },
  { "{a:1}", "'a' where a key" },
  { "{1:1}", "'1' where a key" },
  { "[1}", "'}' where a comma or ]" },
  { "{\"a\":1]", "']' where a comma or }" },
  { "]", "']' where a value" },
  { "1 1", "the end of the text" },
  { "{} x", "the end of the text" },
  { "nul", "where a value" },
  { "True", "'T' where a value" },
  { "nullx", "the end of the text" },
  { "NaN", "'N' where a value" },
  { "Infinity", "'I' where a value" },
  { "'a'", "where a value" },
  { "// comment\n1", "'/' where a value" },
  { "\xef\xbb\xbf{}", "byte 0xef where a value" },
  { "01", "not a JSON number" },
  { "-", "not a JSON number" },
  { "-a", "not a JSON number" },
  { "1.", "not a JSON number" },
  { ".5", "'.' where a value" },
  { "+1", "'+' where a value" },
  { "1e", "not a JSON number" },
  { "1e+", "not a JSON number" },
  { "0x10", "the end of the text" },
  { "\"\n\"", "control byte 0x0a" },
  { "\"\\x\"", "no JSON escape" },
  { "\"\\u12\"", "four hexadecimal" },
  { "\"\\u12g4\"", "four hexadecimal" },
  { "\"\\ud800\"", "surrogate" },
  { "\"\\udc00\"", "surrogate" },
  { "\"\\ud800\\u0041\"", "surrogate" },
  { "\"\\ud800x\"", "surrogate" },
  { "\"\x80\"", "UTF-8" },
  { "\"\xc0\x80\"", "UTF-8" },
  { "\"\xc3\"", "UTF-8" },
  { "\"\xe0\x9f\xbf\"", "UTF-8" },
  { "\"\xed\xa0\x80\"", "UTF-8" },
  { "\"\xf0\x8f\xbf\xbf\"", "UTF-8" },
  { "\"\xf4\x90\x80\x80\"", "UTF-8" },
  { "\"\xf5\x80\x80\x80\"", "UTF-8" },
  { "\"\xe2\x82", "UTF-8" },
};

static void
test_invalid (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (invalid); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *actual = describe (invalid[i].text, strlen (invalid[i].text), &error);

      g_assert_null (actual);
      g_assert_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_INVALID);
      g_assert_true (g_str_has_prefix (error->message, "test.json: line "));
      if (strstr (error->message, invalid[i].word) == NULL)
        g_error ("for %s: \"%s\" does not say \"%s\"", invalid[i].text, error->message, invalid[i].word);
    }
}

static void
test_position (void)
{
  static const char text[] = "{\n  \"a\": 1,\n  \"b\": x\n}";
  g_autoptr (GError) error = NULL;
  g_autofree char *actual = describe (text, strlen (text), &error);

  g_assert_null (actual);
  g_assert_cmpstr (error->message, ==, "test.json: line 3, byte 8: found 'x' where a value belongs");
}

static void
test_nul (void)
{
  static const char text[] = "[\"a\\u0000b\"]";
  static const char raw[] = { '"', 'a', '\0', '"' };
  g_autoptr (SteerJsonScanner) scanner = steer_json_scanner_new (text, strlen (text), "test.json");
  g_autoptr (GError) error = NULL;
  const char *string;
  gsize length;

  g_assert_cmpint (steer_json_scanner_next (scanner, NULL), ==, STEER_JSON_ARRAY_BEGIN);
  g_assert_cmpint (steer_json_scanner_next (scanner, NULL), ==, STEER_JSON_STRING);
  string = steer_json_scanner_get_string (scanner, &length);
  g_assert_cmpmem (string, length, "a\0b", 3);
  g_assert_cmpint (string[3], ==, '\0');

  g_assert_null (describe (raw, sizeof raw, &error));
  g_assert_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_INVALID);
}

static void
test_nesting (void)
{
  for (guint depth = 256; depth <= 257; depth++)
    {
      g_autoptr (GString) text = g_string_new (NULL);
      g_autoptr (GError) error = NULL;
      g_autofree char *actual = NULL;

      for (guint i = 0; i < depth; i++)
        g_string_append_c (text, '[');
      for (guint i = 0; i < depth; i++)
        g_string_append_c (text, ']');
      actual = describe (text->str, text->len, &error);
      if (depth == 256)
        g_assert_cmpstr (actual, ==, text->str);
      else
        g_assert_true (actual == NULL && strstr (error->message, "256 levels") != NULL);
    }
}

static void
test_integers (void)
{
  static const struct
  {
    const char *text;
    gboolean fits;
    gint64 value;
  } cases[] = {
    { "0", TRUE, 0 },
    { "-0", TRUE, 0 },
    { "9223372036854775807", TRUE, G_MAXINT64 },
    { "-9223372036854775808", TRUE, G_MININT64 },
    { "9223372036854775808", FALSE, 0 },
    { "-9223372036854775809", FALSE, 0 },
    { "18446744073709551616", FALSE, 0 },
    { "100000000000000000000000000", FALSE, 0 },
    { "1.0", FALSE, 0 },
    { "1e2", FALSE, 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (SteerJsonScanner) scanner
        = steer_json_scanner_new (cases[i].text, strlen (cases[i].text), "test.json");
      gint64 value = 42;

      g_assert_cmpint (steer_json_scanner_next (scanner, NULL), ==, STEER_JSON_NUMBER);
      g_assert_cmpint (steer_json_scanner_get_int64 (scanner, &value), ==, cases[i].fits);
      g_assert_cmpint (value, ==, cases[i].fits ? cases[i].value : 42);
    }
}

static void
test_doubles (void)
{
  for (guint i = 0; i < 20000; i++)
    {
      guint64 bits = (guint64) (guint32) g_test_rand_int () << 32 | (guint32) g_test_rand_int ();
      char text[G_ASCII_DTOSTR_BUF_SIZE];
      double value;

      memcpy (&value, &bits, sizeof value);
      if (!isfinite (value))
        continue;
      if (i % 2 == 0)
        value = floor (ldexp (value, -ilogb (value) + (int) (i % 60))); /* integers of all sizes */
      g_ascii_dtostr (text, sizeof text, value);
      {
        g_autoptr (SteerJsonScanner) scanner = steer_json_scanner_new (text, strlen (text), "test.json");

        g_assert_cmpint (steer_json_scanner_next (scanner, NULL), ==, STEER_JSON_NUMBER);
        g_assert_true (steer_json_scanner_get_double (scanner) == value);
      }
    }
}

static void
test_skip (void)
{
  static const char text[] = "{\"a\":{\"x\":[1,{\"y\":2}]},\"b\":[[],[3]],\"c\":4,\"d\":5}";
  g_autoptr (SteerJsonScanner) scanner = steer_json_scanner_new (text, strlen (text), "test.json");
  gint64 value;

  g_assert_cmpint (steer_json_scanner_next (scanner, NULL), ==, STEER_JSON_OBJECT_BEGIN);
  g_assert_cmpint (steer_json_scanner_next (scanner, NULL), ==, STEER_JSON_KEY);
  g_assert_cmpint (steer_json_scanner_next (scanner, NULL), ==, STEER_JSON_OBJECT_BEGIN);
  g_assert_true (steer_json_scanner_skip (scanner, NULL)); /* from the object's begin */
  g_assert_cmpint (steer_json_scanner_next (scanner, NULL), ==, STEER_JSON_KEY);
  g_assert_cmpstr (steer_json_scanner_get_string (scanner, NULL), ==, "b");
  g_assert_true (steer_json_scanner_skip (scanner, NULL)); /* from the key */
  g_assert_cmpint (steer_json_scanner_next (scanner, NULL), ==, STEER_JSON_KEY);
  g_assert_cmpuint (steer_json_scanner_get_offset (scanner), ==, strstr (text, "\"c\"") - text);
  g_assert_cmpint (steer_json_scanner_next (scanner, NULL), ==, STEER_JSON_NUMBER);
  g_assert_true (steer_json_scanner_skip (scanner, NULL)); /* a scalar: nothing to skip */
  g_assert_cmpint (steer_json_scanner_next (scanner, NULL), ==, STEER_JSON_KEY);
  g_assert_cmpint (steer_json_scanner_next (scanner, NULL), ==, STEER_JSON_NUMBER);
  g_assert_true (steer_json_scanner_get_int64 (scanner, &value));
  g_assert_cmpint (value, ==, 5);
  g_assert_cmpint (steer_json_scanner_next (scanner, NULL), ==, STEER_JSON_OBJECT_END);
  g_assert_cmpint (steer_json_scanner_next (scanner, NULL), ==, STEER_JSON_END);
  g_assert_cmpint (steer_json_scanner_next (scanner, NULL), ==, STEER_JSON_END);
}

static void
test_first_error_stands (void)
{
  static const char text[] = "[1, x, y]";
  g_autoptr (SteerJsonScanner) scanner = steer_json_scanner_new (text, strlen (text), "test.json");
  g_autoptr (GError) first = NULL;
  g_autoptr (GError) second = NULL;
  g_autoptr (GError) third = NULL;

  steer_json_scanner_next (scanner, NULL);
  steer_json_scanner_next (scanner, NULL);
  g_assert_cmpint (steer_json_scanner_next (scanner, &first), ==, STEER_JSON_ERROR);
  g_assert_cmpint (steer_json_scanner_next (scanner, &second), ==, STEER_JSON_ERROR);
  g_assert_false (steer_json_scanner_skip (scanner, &third));
  g_assert_cmpstr (first->message, ==, second->message);
  g_assert_cmpstr (first->message, ==, third->message);
}

static void
test_every_truncation (void)
{
  static const char text[] = "{\"k\\u00e9\u20ac\":[1.5e3,{\"t\":true,\"n\":null},\"\\ud83d\\ude00\"],\"e\":{}}";

  for (gsize length = 0; length < strlen (text); length++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (describe (text, length, &error));
      g_assert_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_INVALID);
    }
}

/* A whole tokenizer of 9 MB. It takes about 20 ms; the limit is far off, for busy machines and sanitizers. */
static void
test_large_file (void)
{
  g_autofree char *path = test_shared_path ("llama-3.1-8b-instruct/tokenizer.json");
  g_autofree char *text = NULL;
  g_autoptr (SteerJsonScanner) scanner = NULL;
  SteerJsonToken token;
  gint64 start;
  guint n_strings = 0, n_keys = 0;
  gsize length;

  if (path == NULL)
    return;
  g_assert_true (g_file_get_contents (path, &text, &length, NULL));
  start = g_get_monotonic_time ();
  scanner = steer_json_scanner_new (text, length, path);
  while ((token = steer_json_scanner_next (scanner, NULL)) > STEER_JSON_END)
    {
      n_keys += token == STEER_JSON_KEY;
      n_strings += token == STEER_JSON_STRING;
    }
  g_test_message ("%.1f ms", (double) (g_get_monotonic_time () - start) / 1000.0);
  g_assert_cmpint (token, ==, STEER_JSON_END);
  g_assert_cmpuint (n_keys, >, 128000);
  g_assert_cmpuint (n_strings, >, 280000);
  g_assert_cmpint (g_get_monotonic_time () - start, <, 5 * G_USEC_PER_SEC);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/json-scanner/valid-texts-give-their-tokens", test_valid);
  g_test_add_func ("/json-scanner/invalid-texts-are-refused-with-a-reason", test_invalid);
  g_test_add_func ("/json-scanner/an-error-names-line-and-byte", test_position);
  g_test_add_func ("/json-scanner/an-escaped-nul-is-kept-and-a-raw-one-refused", test_nul);
  g_test_add_func ("/json-scanner/nesting-stops-at-256-levels", test_nesting);
  g_test_add_func ("/json-scanner/integers-fit-64-bits-or-are-none", test_integers);
  g_test_add_func ("/json-scanner/doubles-are-the-nearest-to-the-text", test_doubles);
  g_test_add_func ("/json-scanner/skip-takes-one-whole-value", test_skip);
  g_test_add_func ("/json-scanner/the-first-error-stands", test_first_error_stands);
  g_test_add_func ("/json-scanner/every-truncation-is-an-error", test_every_truncation);
  g_test_add_func ("/json-scanner/a-tokenizer-of-nine-megabytes-is-read-to-its-end", test_large_file);
  return g_test_run ();
}
