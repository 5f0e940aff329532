#include "steer-tokenizer-parts.h"

#include "steer-regex.h"

#include <string.h>

/* --- reading JSON --- */

/* The object's member, or NULL when it is missing, null, or of another type. */
static const char *
get_string (JsonObject *object, const char *member)
{
  JsonNode *node = json_object_get_member (object, member);

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING
           ? json_node_get_string (node)
           : NULL;
}

static gboolean
get_boolean (JsonObject *object, const char *member, gboolean fallback)
{
  JsonNode *node = json_object_get_member (object, member);

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_BOOLEAN
           ? json_node_get_boolean (node)
           : fallback;
}

static gboolean
get_integer (JsonObject *object, const char *member, gint64 *value)
{
  JsonNode *node = json_object_get_member (object, member);

  if (node == NULL || !JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_INT64)
    return FALSE;
  *value = json_node_get_int (node);
  return TRUE;
}

static JsonObject *
get_object (JsonObject *object, const char *member)
{
  JsonNode *node = json_object_get_member (object, member);

  return node != NULL && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

static JsonArray *
get_array (JsonObject *object, const char *member)
{
  JsonNode *node = json_object_get_member (object, member);

  return node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
}

static gboolean
is_absent (JsonNode *node)
{
  return node == NULL || JSON_NODE_HOLDS_NULL (node);
}

static gboolean G_GNUC_PRINTF (2, 3) fail_invalid (GError **error, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  if (error != NULL)
    *error = g_error_new_valist (STEER_TEXT_ERROR, STEER_TEXT_ERROR_INVALID, format, args);
  va_end (args);
  return FALSE;
}

static gboolean
fail_unsupported (const char *name, const char *part, const char *type, const char *known, GError **error)
{
  g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_UNSUPPORTED,
               "%s: the %s \"%s\" is not supported; this program knows %s", name, part, type, known);
  return FALSE;
}

/* The object of a part and its "type". */
static JsonObject *
open_part (JsonNode *node, const char *name, const char *part, const char **type, GError **error)
{
  JsonObject *object = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;

  *type = object != NULL ? get_string (object, "type") : NULL;
  if (*type == NULL)
    {
      fail_invalid (error, "%s: the %s is not an object with a \"type\"", name, part);
      return NULL;
    }
  return object;
}

typedef gboolean (
  *PartFunc) (SteerTokenizer *tokenizer, JsonNode *node, const char *name, gpointer user_data, GError **error);

/* A "Sequence": each of the parts in @member. */
static gboolean
read_sequence (SteerTokenizer *tokenizer,
               JsonObject *object,
               const char *member,
               const char *name,
               PartFunc func,
               gpointer user_data,
               GError **error)
{
  JsonArray *parts = get_array (object, member);

  if (parts == NULL)
    return fail_invalid (error, "%s: a Sequence has no list \"%s\"", name, member);
  for (guint i = 0; i < json_array_get_length (parts); i++)
    if (!func (tokenizer, json_array_get_element (parts, i), name, user_data, error))
      return FALSE;
  return TRUE;
}

/* {"String": …} or {"Regex": …}: one of the two is set. */
static gboolean
read_pattern (JsonObject *object,
              const char *name,
              const char *part,
              const char **literal,
              const char **expression,
              GError **error)
{
  JsonObject *pattern = get_object (object, "pattern");

  *literal = pattern != NULL ? get_string (pattern, "String") : NULL;
  *expression = pattern != NULL && *literal == NULL ? get_string (pattern, "Regex") : NULL;
  if (*literal == NULL && *expression == NULL)
    return fail_invalid (error, "%s: the %s has no pattern, neither String nor Regex", name, part);
  if (*literal != NULL && **literal == '\0')
    return fail_invalid (error, "%s: the %s has an empty pattern", name, part);
  return TRUE;
}

/* --- normalizer --- */

static gboolean
read_normalizer (SteerTokenizer *tokenizer, JsonNode *node, const char *name, gpointer user_data, GError **error)
{
  static const struct
  {
    const char *type;
    GNormalizeMode mode;
  } forms[] = {
    { "NFC", G_NORMALIZE_NFC },
    { "NFD", G_NORMALIZE_NFD },
    { "NFKC", G_NORMALIZE_NFKC },
    { "NFKD", G_NORMALIZE_NFKD },
  };
  SteerNormalizer *normalizer = tokenizer->normalizer;
  const char *type;
  JsonObject *object = open_part (node, name, "normalizer", &type, error);

  if (object == NULL)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (forms); i++)
    if (g_str_equal (type, forms[i].type))
      {
        steer_normalizer_add_form (normalizer, forms[i].mode);
        return TRUE;
      }
  if (g_str_equal (type, "Sequence"))
    return read_sequence (tokenizer, object, "normalizers", name, read_normalizer, NULL, error);
  if (g_str_equal (type, "Prepend"))
    {
      const char *prefix = get_string (object, "prepend");

      if (prefix == NULL)
        return fail_invalid (error, "%s: the normalizer Prepend has no \"prepend\"", name);
      steer_normalizer_add_prepend (normalizer, prefix);
      return TRUE;
    }
  if (g_str_equal (type, "Strip"))
    {
      steer_normalizer_add_strip (normalizer, get_boolean (object, "strip_left", TRUE),
                                  get_boolean (object, "strip_right", TRUE));
      return TRUE;
    }
  if (g_str_equal (type, "Replace"))
    {
      const char *literal, *expression;
      const char *content = get_string (object, "content");
      GRegex *regex;

      if (!read_pattern (object, name, "normalizer Replace", &literal, &expression, error))
        return FALSE;
      if (content == NULL)
        return fail_invalid (error, "%s: the normalizer Replace has no \"content\"", name);
      if (literal != NULL)
        {
          steer_normalizer_add_replace (normalizer, literal, content);
          return TRUE;
        }
      regex = steer_regex_new (expression, name, error);
      if (regex == NULL)
        return FALSE;
      steer_normalizer_add_replace_regex (normalizer, regex, content);
      return TRUE;
    }
  return fail_unsupported (name, "normalizer", type, "Sequence, Prepend, Replace, Strip, NFC, NFD, NFKC and NFKD",
                           error);
}

gboolean
steer_tokenizer_read_normalizer (SteerTokenizer *tokenizer, JsonNode *node, const char *name, GError **error)
{
  return is_absent (node) || read_normalizer (tokenizer, node, name, NULL, error);
}

/* --- pre-tokenizer --- */

static gboolean
read_split (SteerTokenizer *tokenizer, JsonObject *object, const char *name, GError **error)
{
  static const char *const behaviors[] = {
    [STEER_SPLIT_REMOVED] = "Removed",
    [STEER_SPLIT_ISOLATED] = "Isolated",
    [STEER_SPLIT_MERGED_WITH_PREVIOUS] = "MergedWithPrevious",
    [STEER_SPLIT_MERGED_WITH_NEXT] = "MergedWithNext",
    [STEER_SPLIT_CONTIGUOUS] = "Contiguous",
  };
  const char *behavior_name = get_string (object, "behavior");
  gboolean invert = get_boolean (object, "invert", FALSE);
  const char *literal, *expression;
  SteerSplitBehavior behavior = STEER_SPLIT_REMOVED;
  SteerSplitKind kind;
  GRegex *regex;

  if (!read_pattern (object, name, "pre-tokenizer Split", &literal, &expression, error))
    return FALSE;
  if (behavior_name == NULL)
    return fail_invalid (error, "%s: the pre-tokenizer Split has no \"behavior\"", name);
  while (behavior < G_N_ELEMENTS (behaviors) && g_ascii_strcasecmp (behavior_name, behaviors[behavior]) != 0)
    behavior++;
  if (behavior == G_N_ELEMENTS (behaviors))
    return fail_unsupported (name, "behavior of the pre-tokenizer Split", behavior_name,
                             "Removed, Isolated, MergedWithPrevious, MergedWithNext and Contiguous", error);

  if (literal != NULL)
    {
      steer_pretokenizer_add_literal (tokenizer->pretokenizer, literal, behavior, invert);
      return TRUE;
    }
  /* The known patterns match everywhere: to isolate the matches and to remove what is between them is the same. */
  if ((behavior == STEER_SPLIT_ISOLATED || (behavior == STEER_SPLIT_REMOVED && invert))
      && steer_split_kind_from_pattern (expression, &kind))
    {
      steer_pretokenizer_add_scan (tokenizer->pretokenizer, kind);
      return TRUE;
    }
  regex = steer_regex_new (expression, name, error);
  if (regex == NULL)
    return FALSE;
  steer_pretokenizer_add_regex (tokenizer->pretokenizer, regex, behavior, invert);
  return TRUE;
}

static gboolean
read_prepend_scheme (JsonObject *object, const char *name, const char *part, SteerPrependScheme *scheme, GError **error)
{
  const char *scheme_name = get_string (object, "prepend_scheme");

  if (scheme_name == NULL) /* as files were written before there were schemes */
    *scheme = get_boolean (object, "add_prefix_space", TRUE) ? STEER_PREPEND_ALWAYS : STEER_PREPEND_NEVER;
  else if (g_str_equal (scheme_name, "always"))
    *scheme = STEER_PREPEND_ALWAYS;
  else if (g_str_equal (scheme_name, "first"))
    *scheme = STEER_PREPEND_FIRST;
  else if (g_str_equal (scheme_name, "never"))
    *scheme = STEER_PREPEND_NEVER;
  else
    return fail_unsupported (name, part, scheme_name, "always, first and never", error);
  return TRUE;
}

static gboolean
read_metaspace (SteerTokenizer *tokenizer, JsonObject *object, const char *name, GError **error)
{
  const char *mark = get_string (object, "replacement");
  SteerPrependScheme scheme;

  if (mark == NULL || *mark == '\0')
    return fail_invalid (error, "%s: the pre-tokenizer Metaspace has no \"replacement\"", name);
  if (!read_prepend_scheme (object, name, "prepend_scheme of the pre-tokenizer Metaspace", &scheme, error))
    return FALSE;
  steer_pretokenizer_add_metaspace (tokenizer->pretokenizer, mark, scheme, get_boolean (object, "split", TRUE));
  return TRUE;
}

static gboolean
read_pretokenizer (SteerTokenizer *tokenizer, JsonNode *node, const char *name, gpointer user_data, GError **error)
{
  gboolean *byte_level = user_data;
  const char *type;
  JsonObject *object = open_part (node, name, "pre-tokenizer", &type, error);

  if (object == NULL)
    return FALSE;
  if (g_str_equal (type, "Sequence"))
    return read_sequence (tokenizer, object, "pretokenizers", name, read_pretokenizer, user_data, error);
  if (*byte_level)
    return fail_unsupported (name, "pre-tokenizer behind ByteLevel", type, "ByteLevel only as the last", error);
  if (g_str_equal (type, "ByteLevel"))
    {
      if (get_boolean (object, "add_prefix_space", TRUE))
        steer_pretokenizer_add_prefix_space (tokenizer->pretokenizer);
      if (get_boolean (object, "use_regex", TRUE))
        steer_pretokenizer_add_scan (tokenizer->pretokenizer, STEER_SPLIT_GPT2);
      *byte_level = TRUE;
      return TRUE;
    }
  if (g_str_equal (type, "Split"))
    return read_split (tokenizer, object, name, error);
  if (g_str_equal (type, "Digits"))
    {
      steer_pretokenizer_add_digits (tokenizer->pretokenizer, get_boolean (object, "individual_digits", FALSE));
      return TRUE;
    }
  if (g_str_equal (type, "Metaspace"))
    return read_metaspace (tokenizer, object, name, error);
  return fail_unsupported (name, "pre-tokenizer", type, "Sequence, ByteLevel, Split, Digits and Metaspace", error);
}

gboolean
steer_tokenizer_read_pretokenizer (SteerTokenizer *tokenizer,
                                   JsonNode *node,
                                   const char *name,
                                   gboolean *byte_level,
                                   GError **error)
{
  *byte_level = FALSE;
  return is_absent (node) || read_pretokenizer (tokenizer, node, name, byte_level, error);
}

/* --- post-processor --- */

/* Appends the ids of the template's special token @token. */
static gboolean
append_template_token (JsonObject *tokens, const char *token, const char *name, GArray *ids, GError **error)
{
  JsonObject *entry = tokens != NULL && token != NULL ? get_object (tokens, token) : NULL;
  JsonArray *values = entry != NULL ? get_array (entry, "ids") : NULL;

  if (values == NULL)
    return fail_invalid (error, "%s: the post-processor TemplateProcessing has no ids for its token \"%s\"", name,
                         token != NULL ? token : "");
  for (guint i = 0; i < json_array_get_length (values); i++)
    {
      JsonNode *node = json_array_get_element (values, i);
      gint64 value = JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_INT64
                       ? json_node_get_int (node)
                       : -1;
      gint32 id = (gint32) value;

      if (value < 0 || value >= STEER_MAX_TOKENS)
        return fail_invalid (error, "%s: the post-processor's token \"%s\" has an impossible id", name, token);
      g_array_append_val (ids, id);
    }
  return TRUE;
}

static gboolean
read_template (SteerTokenizer *tokenizer, JsonObject *object, const char *name, GError **error)
{
  JsonArray *single = get_array (object, "single");
  JsonObject *tokens = get_object (object, "special_tokens");
  g_autoptr (GArray) before = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GArray) after = g_array_new (FALSE, FALSE, sizeof (gint32));
  guint n_sequences = 0;

  if (single == NULL)
    return fail_invalid (error, "%s: the post-processor TemplateProcessing has no list \"single\"", name);
  for (guint i = 0; i < json_array_get_length (single); i++)
    {
      JsonNode *node = json_array_get_element (single, i);
      JsonObject *piece = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
      JsonObject *special = piece != NULL ? get_object (piece, "SpecialToken") : NULL;

      if (special != NULL)
        {
          if (!append_template_token (tokens, get_string (special, "id"), name, n_sequences == 0 ? before : after,
                                      error))
            return FALSE;
        }
      else if (piece != NULL && get_object (piece, "Sequence") != NULL)
        n_sequences++;
      else
        return fail_invalid (
          error, "%s: piece %u of the post-processor's template is neither a SpecialToken nor a Sequence", name, i);
    }
  if (n_sequences != 1)
    return fail_unsupported (name, "post-processor", "TemplateProcessing without exactly one sequence",
                             "templates such as \"<s> $A </s>\"", error);
  g_array_prepend_vals (tokenizer->prefix, before->data, before->len);
  g_array_append_vals (tokenizer->suffix, after->data, after->len);
  return TRUE;
}

static gboolean
read_post_processor (SteerTokenizer *tokenizer, JsonNode *node, const char *name, gpointer user_data, GError **error)
{
  const char *type;
  JsonObject *object = open_part (node, name, "post-processor", &type, error);

  if (object == NULL)
    return FALSE;
  if (g_str_equal (type, "Sequence"))
    return read_sequence (tokenizer, object, "processors", name, read_post_processor, NULL, error);
  if (g_str_equal (type, "TemplateProcessing"))
    return read_template (tokenizer, object, name, error);
  if (g_str_equal (type, "ByteLevel")) /* it corrects offsets, which we do not compute */
    return TRUE;
  return fail_unsupported (name, "post-processor", type, "Sequence, TemplateProcessing and ByteLevel", error);
}

gboolean
steer_tokenizer_read_post_processor (SteerTokenizer *tokenizer, JsonNode *node, const char *name, GError **error)
{
  return is_absent (node) || read_post_processor (tokenizer, node, name, NULL, error);
}

/* --- decoder --- */

static gunichar
single_character (const char *text)
{
  return text != NULL && *text != '\0' && *g_utf8_next_char (text) == '\0' ? g_utf8_get_char (text) : 0;
}

static gboolean
read_decoder_replace (SteerTokenizer *tokenizer, JsonObject *object, const char *name, GError **error)
{
  const char *literal, *expression;
  const char *content = get_string (object, "content");
  GRegex *regex = NULL;

  if (!read_pattern (object, name, "decoder Replace", &literal, &expression, error))
    return FALSE;
  if (content == NULL)
    return fail_invalid (error, "%s: the decoder Replace has no \"content\"", name);
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
  JsonObject *object = open_part (node, name, "decoder", &type, error);

  if (object == NULL)
    return FALSE;
  if (g_str_equal (type, "Sequence"))
    return read_sequence (tokenizer, object, "decoders", name, read_decoder, NULL, error);
  if (g_str_equal (type, "Strip"))
    {
      gunichar character = single_character (get_string (object, "content"));
      gint64 start, stop;

      if (character == 0 || !get_integer (object, "start", &start) || !get_integer (object, "stop", &stop) || start < 0
          || stop < 0 || start > G_MAXUINT16 || stop > G_MAXUINT16)
        return fail_invalid (error, "%s: the decoder Strip needs a character, \"start\" and \"stop\"", name);
      steer_decoder_add_strip (decoder, character, (guint) start, (guint) stop);
      return TRUE;
    }
  if (g_str_equal (type, "Fuse"))
    {
      steer_decoder_add_fuse (decoder);
      return TRUE;
    }
  if (steer_decoder_is_fused (decoder))
    return fail_unsupported (name, "decoder behind Fuse or ByteLevel", type, "only Strip there", error);
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
      gunichar mark = single_character (get_string (object, "replacement"));
      SteerPrependScheme scheme;

      if (mark == 0)
        return fail_invalid (error, "%s: the decoder Metaspace has no \"replacement\"", name);
      if (!read_prepend_scheme (object, name, "prepend_scheme of the decoder Metaspace", &scheme, error))
        return FALSE;
      steer_decoder_add_metaspace (decoder, mark, scheme != STEER_PREPEND_NEVER);
      return TRUE;
    }
  return fail_unsupported (name, "decoder", type,
                           "Sequence, ByteLevel, Replace, ByteFallback, Fuse, Strip and Metaspace", error);
}

gboolean
steer_tokenizer_read_decoder (SteerTokenizer *tokenizer, JsonNode *node, const char *name, GError **error)
{
  if (is_absent (node))
    {
      steer_decoder_add_join (tokenizer->decoder);
      return TRUE;
    }
  return read_decoder (tokenizer, node, name, NULL, error);
}

/* --- added tokens --- */

static void
added_entry_clear (gpointer data)
{
  g_free (((SteerAddedEntry *) data)->content);
}

GArray *
steer_tokenizer_read_added (JsonNode *node, const char *name, GError **error)
{
  g_autoptr (GArray) added = g_array_new (FALSE, FALSE, sizeof (SteerAddedEntry));
  JsonArray *entries;

  g_array_set_clear_func (added, added_entry_clear);
  if (is_absent (node))
    return g_steal_pointer (&added);
  if (!JSON_NODE_HOLDS_ARRAY (node))
    {
      fail_invalid (error, "%s: \"added_tokens\" is not a list", name);
      return NULL;
    }
  entries = json_node_get_array (node);
  for (guint i = 0; i < json_array_get_length (entries); i++)
    {
      JsonNode *element = json_array_get_element (entries, i);
      JsonObject *object = JSON_NODE_HOLDS_OBJECT (element) ? json_node_get_object (element) : NULL;
      const char *content = object != NULL ? get_string (object, "content") : NULL;
      SteerAddedEntry entry = { 0 };
      gint64 id;

      if (content == NULL || !get_integer (object, "id", &id) || id < 0 || id >= STEER_MAX_TOKENS)
        {
          fail_invalid (error, "%s: added token %u needs a \"content\" and an \"id\" below %u", name, i,
                        STEER_MAX_TOKENS);
          return NULL;
        }
      entry.id = (gint32) id;
      entry.content = g_strdup (content);
      entry.length = strlen (content);
      entry.special = get_boolean (object, "special", FALSE);
      entry.normalized = get_boolean (object, "normalized", !entry.special);
      entry.single_word = get_boolean (object, "single_word", FALSE);
      entry.left_strip = get_boolean (object, "lstrip", FALSE);
      entry.right_strip = get_boolean (object, "rstrip", FALSE);
      g_array_append_val (added, entry);
    }
  return g_steal_pointer (&added);
}
