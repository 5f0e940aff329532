/* What happens to text before the model sees it: normalizer, pre-tokenizer, added tokens. */

#include "steer-tokenizer-part-json.h"
#include "steer-tokenizer-parts.h"

#include "steer-regex.h"

#include <string.h>

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
  JsonObject *object = steer_part_open (node, name, "normalizer", &type, error);

  if (object == NULL)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (forms); i++)
    if (g_str_equal (type, forms[i].type))
      {
        steer_normalizer_add_form (normalizer, forms[i].mode);
        return TRUE;
      }
  if (g_str_equal (type, "Sequence"))
    return steer_part_read_sequence (tokenizer, object, "normalizers", name, read_normalizer, NULL, error);
  if (g_str_equal (type, "Prepend"))
    {
      const char *prefix = steer_part_get_string (object, "prepend");

      if (prefix == NULL)
        return steer_part_fail_invalid (error, "%s: the normalizer Prepend has no \"prepend\"", name);
      steer_normalizer_add_prepend (normalizer, prefix);
      return TRUE;
    }
  if (g_str_equal (type, "Strip"))
    {
      steer_normalizer_add_strip (normalizer, steer_part_get_boolean (object, "strip_left", TRUE),
                                  steer_part_get_boolean (object, "strip_right", TRUE));
      return TRUE;
    }
  if (g_str_equal (type, "Replace"))
    {
      const char *literal, *expression;
      const char *content = steer_part_get_string (object, "content");
      GRegex *regex;

      if (!steer_part_read_pattern (object, name, "normalizer Replace", &literal, &expression, error))
        return FALSE;
      if (content == NULL)
        return steer_part_fail_invalid (error, "%s: the normalizer Replace has no \"content\"", name);
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
  return steer_part_fail_unsupported (name, "normalizer", type,
                                      "Sequence, Prepend, Replace, Strip, NFC, NFD, NFKC and NFKD", error);
}

gboolean
steer_tokenizer_read_normalizer (SteerTokenizer *tokenizer, JsonNode *node, const char *name, GError **error)
{
  return steer_part_is_absent (node) || read_normalizer (tokenizer, node, name, NULL, error);
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
  const char *behavior_name = steer_part_get_string (object, "behavior");
  gboolean invert = steer_part_get_boolean (object, "invert", FALSE);
  const char *literal, *expression;
  SteerSplitBehavior behavior = STEER_SPLIT_REMOVED;
  SteerSplitKind kind;
  GRegex *regex;

  if (!steer_part_read_pattern (object, name, "pre-tokenizer Split", &literal, &expression, error))
    return FALSE;
  if (behavior_name == NULL)
    return steer_part_fail_invalid (error, "%s: the pre-tokenizer Split has no \"behavior\"", name);
  while (behavior < G_N_ELEMENTS (behaviors) && g_ascii_strcasecmp (behavior_name, behaviors[behavior]) != 0)
    behavior++;
  if (behavior == G_N_ELEMENTS (behaviors))
    return steer_part_fail_unsupported (name, "behavior of the pre-tokenizer Split", behavior_name,
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
read_metaspace (SteerTokenizer *tokenizer, JsonObject *object, const char *name, GError **error)
{
  const char *mark = steer_part_get_string (object, "replacement");
  SteerPrependScheme scheme;

  if (steer_part_get_character (object, "replacement") == 0)
    return steer_part_fail_invalid (
      error, "%s: the \"replacement\" of the pre-tokenizer Metaspace is not one character", name);
  if (!steer_part_read_prepend_scheme (object, name, "prepend_scheme of the pre-tokenizer Metaspace", &scheme, error))
    return FALSE;
  steer_pretokenizer_add_metaspace (tokenizer->pretokenizer, mark, scheme,
                                    steer_part_get_boolean (object, "split", TRUE));
  return TRUE;
}

static gboolean
read_pretokenizer (SteerTokenizer *tokenizer, JsonNode *node, const char *name, gpointer user_data, GError **error)
{
  gboolean *byte_level = user_data;
  const char *type;
  JsonObject *object = steer_part_open (node, name, "pre-tokenizer", &type, error);

  if (object == NULL)
    return FALSE;
  if (g_str_equal (type, "Sequence"))
    return steer_part_read_sequence (tokenizer, object, "pretokenizers", name, read_pretokenizer, user_data, error);
  if (*byte_level)
    return steer_part_fail_unsupported (name, "pre-tokenizer behind ByteLevel", type, "ByteLevel only as the last",
                                        error);
  if (g_str_equal (type, "ByteLevel"))
    {
      if (steer_part_get_boolean (object, "add_prefix_space", TRUE))
        steer_pretokenizer_add_prefix_space (tokenizer->pretokenizer);
      if (steer_part_get_boolean (object, "use_regex", TRUE))
        steer_pretokenizer_add_scan (tokenizer->pretokenizer, STEER_SPLIT_GPT2);
      *byte_level = TRUE;
      return TRUE;
    }
  if (g_str_equal (type, "Split"))
    return read_split (tokenizer, object, name, error);
  if (g_str_equal (type, "Digits"))
    {
      steer_pretokenizer_add_digits (tokenizer->pretokenizer,
                                     steer_part_get_boolean (object, "individual_digits", FALSE));
      return TRUE;
    }
  if (g_str_equal (type, "Metaspace"))
    return read_metaspace (tokenizer, object, name, error);
  return steer_part_fail_unsupported (name, "pre-tokenizer", type, "Sequence, ByteLevel, Split, Digits and Metaspace",
                                      error);
}

gboolean
steer_tokenizer_read_pretokenizer (SteerTokenizer *tokenizer,
                                   JsonNode *node,
                                   const char *name,
                                   gboolean *byte_level,
                                   GError **error)
{
  *byte_level = FALSE;
  return steer_part_is_absent (node) || read_pretokenizer (tokenizer, node, name, byte_level, error);
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
  if (steer_part_is_absent (node))
    return g_steal_pointer (&added);
  if (!JSON_NODE_HOLDS_ARRAY (node))
    {
      steer_part_fail_invalid (error, "%s: \"added_tokens\" is not a list", name);
      return NULL;
    }
  entries = json_node_get_array (node);
  for (guint i = 0; i < json_array_get_length (entries); i++)
    {
      JsonNode *element = json_array_get_element (entries, i);
      JsonObject *object = JSON_NODE_HOLDS_OBJECT (element) ? json_node_get_object (element) : NULL;
      const char *content = object != NULL ? steer_part_get_string (object, "content") : NULL;
      SteerAddedEntry entry = { 0 };
      gint64 id;

      if (content == NULL || !steer_part_get_integer (object, "id", &id) || id < 0 || id >= STEER_MAX_TOKENS)
        {
          steer_part_fail_invalid (error, "%s: added token %u needs a \"content\" and an \"id\" below %u", name, i,
                                   STEER_MAX_TOKENS);
          return NULL;
        }
      entry.id = (gint32) id;
      entry.content = g_strdup (content);
      entry.length = strlen (content);
      entry.special = steer_part_get_boolean (object, "special", FALSE);
      entry.normalized = steer_part_get_boolean (object, "normalized", !entry.special);
      entry.single_word = steer_part_get_boolean (object, "single_word", FALSE);
      entry.left_strip = steer_part_get_boolean (object, "lstrip", FALSE);
      entry.right_strip = steer_part_get_boolean (object, "rstrip", FALSE);
      g_array_append_val (added, entry);
    }
  return g_steal_pointer (&added);
}
