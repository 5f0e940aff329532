/* tokenizer.json. A tokenizer that is accepted must encode text and decode what it made of it. */
#include "fuzz.h"

#include <string.h>

#include "text/steer-tokenizer.h"

static const char *const texts[] = {
  "",
  "Hello, world! 12345",
  "  two  spaces\n\n\tand a tab ",
  "na\xc3\xafve \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\xa6\x99 \xff\xc3",
  "<s><|eot|> it's they'LL",
};

static void
use (SteerTokenizer *tokenizer, const char *text, SteerEncodeFlags flags)
{
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GError) error = NULL;
  g_autofree char *back = NULL;
  guint n_tokens = steer_tokenizer_get_n_tokens (tokenizer);

  if (!steer_tokenizer_encode (tokenizer, text, strlen (text), flags, ids, &error))
    {
      g_assert_nonnull (error);
      return;
    }
  for (guint i = 0; i < ids->len; i++)
    g_assert_true (g_array_index (ids, gint32, i) >= 0 && (guint) g_array_index (ids, gint32, i) < n_tokens);
  back = steer_tokenizer_decode (tokenizer, (const gint32 *) (gpointer) ids->data, ids->len, FALSE, &error);
  g_assert_no_error (error);
  g_assert_true (g_utf8_validate (back, -1, NULL));
}

int
fuzz_one_input (const uint8_t *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerTokenizer) tokenizer
    = steer_tokenizer_new_from_json ((const char *) data, size, "tokenizer.json", &error);

  g_assert_true ((tokenizer == NULL) == (error != NULL));
  fuzz_accepted = tokenizer != NULL;
  for (guint i = 0; tokenizer != NULL && i < G_N_ELEMENTS (texts); i++)
    {
      use (tokenizer, texts[i], STEER_ENCODE_DEFAULT);
      use (tokenizer, texts[i], STEER_ENCODE_ADD_BOS | STEER_ENCODE_PARSE_SPECIAL);
    }
  return 0;
}
