/* What happens to ids behind the model: post-processor and decoder. */

#include "steer-tokenizer-part-json.h"
#include "steer-tokenizer-parts.h"

#include "steer-regex.h"

/* --- post-processor --- */

/* Appends the ids of the template's special token @token. */
static gboolean
append_template_token (JsonObject *tokens, const char *token, const char *name, GArray *ids, GError **error)
{
  JsonObject *entry = tokens != NULL && token != NULL ? steer_part_get_object (tokens, token) : NULL;
  JsonArray *values = entry != NULL ? steer_part_get_array (entry, "ids") : NULL;

  if (values == NULL)
    return steer_part_fail_invalid (error, "%s: the post-processor TemplateProcessing has no ids for its token \"%s\"",
                                    name, token != NULL ? token : "");
  for (guint i = 0; i < json_array_get_length (values); i++)
    {
      JsonNode *node = json_array_get_element (values, i);
      gint64 value = JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_INT64
                       ? json_node_get_int (node)
                       : -1;
      gint32 id = (gint32) value;

      if (value < 0 || value >= STEER_MAX_TOKENS)
        return steer_part_fail_invalid (error, "%s: the post-processor's token \"%s\" has an impossible id", name,
                                        token);
      g_array_append_val (ids, id);
    }
  return TRUE;
}

static gboolean
read_template (SteerTokenizer *tokenizer, JsonObject *object, const char *name, GError **error)
{
  JsonArray *single = steer_part_get_array (object, "single");
  JsonObject *tokens = steer_part_get_object (object, "special_tokens");
  g_autoptr (GArray) before = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GArray) after = g_array_new (FALSE, FALSE, sizeof (gint32));
  guint n_sequences = 0;

  if (single == NULL)
    return steer_part_fail_invalid (error, "%s: the post-processor TemplateProcessing has no list \"single\"", name);
  for (guint i = 0; i < json_array_get_length (single); i++)
    {
      JsonNode *node = json_array_get_element (single, i);
      JsonObject *piece = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
      JsonObject *special = piece != NULL ? steer_part_get_object (piece, "SpecialToken") : NULL;

      if (special != NULL)
        {
          if (!append_template_token (tokens, steer_part_get_string (special, "id"), name,
                                      n_sequences == 0 ? before : after, error))
            return FALSE;
        }
      else if (piece != NULL && steer_part_get_object (piece, "Sequence") != NULL)
        n_sequences++;
      else
        return steer_part_fail_invalid (
          error, "%s: piece %u of the post-processor's template is neither a SpecialToken nor a Sequence", name, i);
    }
  if (n_sequences != 1)
    return steer_part_fail_unsupported (name, "post-processor", "TemplateProcessing without exactly one sequence",
                                        "templates such as \"<s> $A </s>\"", error);
  g_array_prepend_vals (tokenizer->prefix, before->data, before->len);
  g_array_append_vals (tokenizer->suffix, after->data, after->len);
  return TRUE;
}

static gboolean
read_post_processor (SteerTokenizer *tokenizer, JsonNode *node, const char *name, gpointer user_data, GError **error)
{
  const char *type;
  JsonObject *object = steer_part_open (node, name, "post-processor", &type, error);

  if (object == NULL)
    return FALSE;
  if (g_str_equal (type, "Sequence"))
    return steer_part_read_sequence (tokenizer, object, "processors", name, read_post_processor, NULL, error);
  if (g_str_equal (type, "TemplateProcessing"))
    return read_template (tokenizer, object, name, error);
  if (g_str_equal (type, "ByteLevel")) /* it corrects offsets, which we do not compute */
    return TRUE;
  return steer_part_fail_unsupported (name, "post-processor", type, "Sequence, TemplateProcessing and ByteLevel",
                                      error);
}

gboolean
steer_tokenizer_read_post_processor (SteerTokenizer *tokenizer, JsonNode *node, const char *name, GError **error)
{
  return steer_part_is_absent (node) || read_post_processor (tokenizer, node, name, NULL, error);
}

/* --- decoder --- */

static gboolean
read_decoder_replace (SteerTokenizer *tokenizer, JsonObject *object, const char *name, GError **error)
{
  const char *literal, *expression;
  const char *content = steer_part_get_string (object, "content");
  GRegex *regex = NULL;

  if (!steer_part_read_pattern (object, name, "decoder Replace", &literal, &expression, error))
    return FALSE;
  if (content == NULL)
    return steer_part_fail_invalid (error, "%s: the decoder Replace has no \"content\"", name);
  if (expression != NULL)
    {
      regex = steer_regex_new (expression, name, error);
      if (regex == NULL)
        return FALSE;
    }
  steer_decoder_add_replace (tokenizer->decoder, literal, regex, content);
  return TRUE;
}

static gboolean
read_decoder (SteerTokenizer *tokenizer, JsonNode *node, const char *name, gpointer user_data, GError **error)
{
  SteerDecoder *decoder = tokenizer->decoder;
  const char *type;
  JsonObject *object = steer_part_open (node, name, "decoder", &type, error);

  if (object == NULL)
    return FALSE;
  if (g_str_equal (type, "Sequence"))
    return steer_part_read_sequence (tokenizer, object, "decoders", name, read_decoder, NULL, error);
  if (g_str_equal (type, "Strip"))
    {
      gunichar character = steer_part_get_character (object, "content");
      gint64 start, stop;

      if (character == 0 || !steer_part_get_integer (object, "start", &start)
          || !steer_part_get_integer (object, "stop", &stop) || start < 0 || stop < 0 || start > G_MAXUINT16
          || stop > G_MAXUINT16)
        return steer_part_fail_invalid (error, "%s: the decoder Strip needs a character, \"start\" and \"stop\"", name);
      steer_decoder_add_strip (decoder, character, (guint) start, (guint) stop);
      return TRUE;
    }
  if (g_str_equal (type, "Fuse"))
    {
      steer_decoder_add_fuse (decoder);
      return TRUE;
    }
  if (steer_decoder_is_fused (decoder))
    return steer_part_fail_unsupported (name, "decoder behind Fuse or ByteLevel", type, "only Strip there", error);
  if (g_str_equal (type, "ByteLevel"))
    {
      steer_decoder_add_byte_level (decoder);
      return TRUE;
    }
  if (g_str_equal (type, "ByteFallback"))
    {
      steer_decoder_add_byte_fallback (decoder);
      return TRUE;
    }
  if (g_str_equal (type, "Replace"))
    return read_decoder_replace (tokenizer, object, name, error);
  if (g_str_equal (type, "Metaspace"))
    {
      gunichar mark = steer_part_get_character (object, "replacement");
      SteerPrependScheme scheme;

      if (mark == 0)
        return steer_part_fail_invalid (error, "%s: the \"replacement\" of the decoder Metaspace is not one character",
                                        name);
      if (!steer_part_read_prepend_scheme (object, name, "prepend_scheme of the decoder Metaspace", &scheme, error))
        return FALSE;
      steer_decoder_add_metaspace (decoder, mark, scheme != STEER_PREPEND_NEVER);
      return TRUE;
    }
  return steer_part_fail_unsupported (name, "decoder", type,
                                      "Sequence, ByteLevel, Replace, ByteFallback, Fuse, Strip and Metaspace", error);
}

gboolean
steer_tokenizer_read_decoder (SteerTokenizer *tokenizer, JsonNode *node, const char *name, GError **error)
{
  if (steer_part_is_absent (node))
    {
      steer_decoder_add_join (tokenizer->decoder);
      return TRUE;
    }
  return read_decoder (tokenizer, node, name, NULL, error);
}
