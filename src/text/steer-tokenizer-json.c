#include "steer-tokenizer-reader.h"

#include <gio/gio.h>
#include <string.h>

#include "steer-text-limits.h"

static void
reader_clear (SteerTokenizerReader *reader)
{
  steer_json_scanner_free (reader->scanner);
  g_clear_pointer (&reader->added, json_node_unref);
  g_clear_pointer (&reader->normalizer, json_node_unref);
  g_clear_pointer (&reader->pretokenizer, json_node_unref);
  g_clear_pointer (&reader->post_processor, json_node_unref);
  g_clear_pointer (&reader->decoder, json_node_unref);
  g_free (reader->unknown);
}

gboolean
steer_reader_fail (SteerTokenizerReader *reader, GError **error, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_INVALID, "%s: %s (at byte %" G_GSIZE_FORMAT ")", reader->name,
               message, steer_json_scanner_get_offset (reader->scanner));
  return FALSE;
}

/* The next token; the scanner's errors become this room's. */
SteerJsonToken
steer_reader_next (SteerTokenizerReader *reader, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  SteerJsonToken token = steer_json_scanner_next (reader->scanner, &local_error);

  if (token == STEER_JSON_ERROR)
    g_set_error_literal (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_INVALID, local_error->message);
  return token;
}

gboolean
steer_reader_skip (SteerTokenizerReader *reader, GError **error)
{
  g_autoptr (GError) local_error = NULL;

  if (steer_json_scanner_skip (reader->scanner, &local_error))
    return TRUE;
  g_set_error_literal (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_INVALID, local_error->message);
  return FALSE;
}

gboolean
steer_reader_expect (SteerTokenizerReader *reader,
                     SteerJsonToken token,
                     SteerJsonToken expected,
                     const char *what,
                     GError **error)
{
  if (token == expected)
    return TRUE;
  return token != STEER_JSON_ERROR && steer_reader_fail (reader, error, "%s", what);
}

/* --- small values, as a tree --- */

/* The value that begins with @token. Depth is bounded by the scanner's. */
static JsonNode *
read_node (SteerTokenizerReader *reader, SteerJsonToken token, GError **error)
{
  gint64 integer;

  switch (token)
    {
    case STEER_JSON_OBJECT_BEGIN:
      {
        g_autoptr (JsonObject) object = json_object_new ();

        while ((token = steer_reader_next (reader, error)) == STEER_JSON_KEY)
          {
            g_autofree char *member = g_strdup (steer_json_scanner_get_string (reader->scanner, NULL));
            JsonNode *value = read_node (reader, steer_reader_next (reader, error), error);

            if (value == NULL)
              return NULL;
            json_object_set_member (object, member, value);
          }
        if (token == STEER_JSON_ERROR)
          return NULL;
        return json_node_init_object (json_node_alloc (), object);
      }
    case STEER_JSON_ARRAY_BEGIN:
      {
        g_autoptr (JsonArray) array = json_array_new ();

        while ((token = steer_reader_next (reader, error)) != STEER_JSON_ARRAY_END)
          {
            JsonNode *value = read_node (reader, token, error);

            if (value == NULL)
              return NULL;
            json_array_add_element (array, value);
          }
        return json_node_init_array (json_node_alloc (), array);
      }
    case STEER_JSON_STRING:
      return json_node_init_string (json_node_alloc (), steer_json_scanner_get_string (reader->scanner, NULL));
    case STEER_JSON_NUMBER:
      if (steer_json_scanner_get_int64 (reader->scanner, &integer))
        return json_node_init_int (json_node_alloc (), integer);
      return json_node_init_double (json_node_alloc (), steer_json_scanner_get_double (reader->scanner));
    case STEER_JSON_TRUE:
    case STEER_JSON_FALSE:
      return json_node_init_boolean (json_node_alloc (), token == STEER_JSON_TRUE);
    case STEER_JSON_NULL:
      return json_node_init_null (json_node_alloc ());
    case STEER_JSON_ERROR:
      return NULL;
    case STEER_JSON_END:
    case STEER_JSON_OBJECT_END:
    case STEER_JSON_ARRAY_END:
    case STEER_JSON_KEY:
    default:
      steer_reader_fail (reader, error, "a value is missing");
      return NULL;
    }
}

static gboolean
keep_node (SteerTokenizerReader *reader, JsonNode **node, GError **error)
{
  g_clear_pointer (node, json_node_unref);
  *node = read_node (reader, steer_reader_next (reader, error), error);
  return *node != NULL;
}

/* --- the whole --- */

static gboolean
read_top (SteerTokenizerReader *reader, GError **error)
{
  const struct
  {
    const char *member;
    JsonNode **node;
  } parts[] = {
    { "added_tokens", &reader->added },
    { "normalizer", &reader->normalizer },
    { "pre_tokenizer", &reader->pretokenizer },
    { "post_processor", &reader->post_processor },
    { "decoder", &reader->decoder },
  };
  SteerJsonToken token = steer_reader_next (reader, error);

  if (!steer_reader_expect (reader, token, STEER_JSON_OBJECT_BEGIN, "this is not a tokenizer.json: no object", error))
    return FALSE;
  while ((token = steer_reader_next (reader, error)) == STEER_JSON_KEY)
    {
      const char *member = steer_json_scanner_get_string (reader->scanner, NULL);
      gboolean done = FALSE;
      guint i = 0;

      while (i < G_N_ELEMENTS (parts) && !g_str_equal (member, parts[i].member))
        i++;
      if (i < G_N_ELEMENTS (parts))
        done = keep_node (reader, parts[i].node, error);
      else if (g_str_equal (member, "model"))
        done = steer_reader_read_model (reader, error);
      else
        done = steer_reader_next (reader, error) != STEER_JSON_ERROR && steer_reader_skip (reader, error);
      if (!done)
        return FALSE;
    }
  if (token == STEER_JSON_ERROR || steer_reader_next (reader, error) == STEER_JSON_ERROR)
    return FALSE;
  if (!reader->have_model)
    return steer_reader_fail (reader, error, "this is not a tokenizer.json: it has no \"model\"");
  return TRUE;
}

/* Each step hands on to the next one, on the stack. */
static gboolean
check_steps (SteerTokenizerReader *reader, const char *part, guint n_steps, GError **error)
{
  if (n_steps <= STEER_MAX_TEXT_STEPS)
    return TRUE;
  g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_UNSUPPORTED,
               "%s: the %s has %u steps; this program takes at most %u", reader->name, part, n_steps,
               STEER_MAX_TEXT_STEPS);
  return FALSE;
}

static gboolean
read_parts (SteerTokenizerReader *reader, GError **error)
{
  SteerTokenizer *tokenizer = reader->tokenizer;
  g_autoptr (GArray) added = NULL;
  gboolean byte_level;

  if (!steer_tokenizer_read_normalizer (tokenizer, reader->normalizer, reader->name, error)
      || !steer_tokenizer_read_pretokenizer (tokenizer, reader->pretokenizer, reader->name, &byte_level, error)
      || !steer_tokenizer_read_post_processor (tokenizer, reader->post_processor, reader->name, error)
      || !steer_tokenizer_read_decoder (tokenizer, reader->decoder, reader->name, error)
      || !check_steps (reader, "normalizer", steer_normalizer_get_n_steps (tokenizer->normalizer), error)
      || !check_steps (reader, "pre-tokenizer", steer_pretokenizer_get_n_steps (tokenizer->pretokenizer), error)
      || !check_steps (reader, "decoder", steer_decoder_get_n_steps (tokenizer->decoder), error))
    return FALSE;
  added = steer_tokenizer_read_added (reader->added, reader->name, error);
  return added != NULL
         && steer_tokenizer_finish (tokenizer, (const SteerAddedEntry *) (gpointer) added->data, added->len, byte_level,
                                    reader->name, error);
}

SteerTokenizer *
steer_tokenizer_new_from_json (const char *json, gsize length, const char *name, GError **error)
{
  g_autoptr (SteerTokenizer) tokenizer = NULL;
  SteerTokenizerReader reader = { .json = json, .length = length, .name = name };
  gboolean done;

  g_return_val_if_fail (json != NULL || length == 0, NULL);
  g_return_val_if_fail (name != NULL, NULL);

  if (length >= 11 && memcmp (json, "version htt", 11) == 0)
    {
      g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_INVALID,
                   "%s: this is a Git LFS pointer, not the file itself; fetch it with \"git lfs pull\"", name);
      return NULL;
    }
  tokenizer = steer_tokenizer_new_empty ();
  reader.tokenizer = tokenizer;
  reader.scanner = steer_json_scanner_new (json, length, name);
  done = read_top (&reader, error) && read_parts (&reader, error);
  reader_clear (&reader);
  return done ? g_steal_pointer (&tokenizer) : NULL;
}

SteerTokenizer *
steer_tokenizer_new_from_file (const char *path, GError **error)
{
  g_autoptr (GMappedFile) file = NULL;
  g_autofree char *name = NULL;

  g_return_val_if_fail (path != NULL, NULL);

  file = g_mapped_file_new (path, FALSE, error);
  if (file == NULL)
    return NULL;
  name = g_filename_display_name (path);
  return steer_tokenizer_new_from_json (g_mapped_file_get_contents (file), g_mapped_file_get_length (file), name,
                                        error);
}
