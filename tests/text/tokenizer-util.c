#include "tokenizer-util.h"

#include "test-util.h"

#include <string.h>

SteerTokenizer *
tokenizer_load_fixture (const char *name)
{
  g_autofree char *relative = g_strdup_printf ("text/%s.json", name);
  g_autofree char *path = test_fixture_path (relative);
  g_autoptr (GError) error = NULL;
  SteerTokenizer *tokenizer = steer_tokenizer_new_from_file (path, &error);

  g_assert_no_error (error);
  return tokenizer;
}

SteerTokenizer *
tokenizer_parse (const char *json, GError **error)
{
  return steer_tokenizer_new_from_json (json, strlen (json), "tokenizer.json", error);
}

GArray *
tokenizer_encode (SteerTokenizer *tokenizer, const char *text, gsize length, SteerEncodeFlags flags)
{
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GError) error = NULL;

  steer_tokenizer_encode (tokenizer, text, length, flags, ids, &error);
  g_assert_no_error (error);
  return ids;
}

const gint32 *
tokenizer_ids (const GArray *ids)
{
  return (const gint32 *) (gconstpointer) ids->data;
}

void
tokenizer_add_for_fixtures (const char *sentence, GTestDataFunc func)
{
  static const char *const names[]
    = { "byte-gpt2", "byte-llama3", "byte-qwen2", "byte-other", "sp-prepend", "sp-across", "sp-metaspace", "sp-words" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_strdup_printf ("/text/tokenizer/%s/%s", names[i], sentence);

      g_test_add_data_func (path, names[i], func);
    }
}
