#include "steer-steering-edit.h"

#include <string.h>

struct _SteerSolo
{
  SteerPreset *preset;
  SteerFeature *feature;
  gboolean was_enabled;
  GPtrArray *silenced; /* (element-type SteerFeature): enabled before, disabled by the solo */
};

void
steer_steering_duplicate (SteerPreset *preset, guint position)
{
  g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (preset), position);
  g_autoptr (SteerFeature) copy = NULL;

  g_return_if_fail (feature != NULL);
  copy = steer_feature_copy (feature);
  steer_preset_insert (preset, position + 1, copy);
}

void
steer_steering_reset (SteerPreset *preset)
{
  g_autoptr (SteerPreset) copy = steer_preset_copy (preset);

  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (copy)); i++)
    {
      g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (copy), i);

      steer_feature_set_strength (feature, steer_feature_get_recommended (feature));
      steer_feature_set_enabled (feature, TRUE);
    }
  steer_preset_set_master_enabled (copy, TRUE);
  steer_preset_set_master_multiplier (copy, 1.0);
  steer_preset_assign (preset, copy);
}

SteerSolo *
steer_solo_begin (SteerPreset *preset, SteerFeature *feature)
{
  SteerSolo *self = g_new0 (SteerSolo, 1);

  self->preset = g_object_ref (preset);
  self->feature = g_object_ref (feature);
  self->was_enabled = steer_feature_get_enabled (feature);
  self->silenced = g_ptr_array_new_with_free_func (g_object_unref);
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (preset)); i++)
    {
      g_autoptr (SteerFeature) other = g_list_model_get_item (G_LIST_MODEL (preset), i);

      if (other == feature || !steer_feature_get_enabled (other))
        continue;
      steer_feature_set_enabled (other, FALSE);
      g_ptr_array_add (self->silenced, g_steal_pointer (&other));
    }
  steer_feature_set_enabled (feature, TRUE);
  return self;
}

void
steer_solo_end (SteerSolo *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; i < self->silenced->len; i++)
    steer_feature_set_enabled (g_ptr_array_index (self->silenced, i), TRUE);
  if (!self->was_enabled)
    steer_feature_set_enabled (self->feature, FALSE);
  g_ptr_array_unref (self->silenced);
  g_object_unref (self->feature);
  g_object_unref (self->preset);
  g_free (self);
}

SteerFeature *
steer_solo_get_feature (SteerSolo *self)
{
  return self->feature;
}

struct _SteerFeatureQuery
{
  char **words; /* folded */
};

char *
steer_steering_fold (const char *text)
{
  g_autofree char *lower = g_utf8_casefold (text, -1);
  g_autofree char *apart = g_utf8_normalize (lower, -1, G_NORMALIZE_ALL);
  GString *folded = g_string_new (NULL);

  for (const char *p = apart != NULL ? apart : lower; *p != '\0'; p = g_utf8_next_char (p))
    if (!g_unichar_ismark (g_utf8_get_char (p)))
      g_string_append_unichar (folded, g_utf8_get_char (p));
  return g_string_free (folded, FALSE);
}

SteerFeatureQuery *
steer_feature_query_new (const char *text)
{
  SteerFeatureQuery *self = g_new0 (SteerFeatureQuery, 1);
  g_autofree char *folded = steer_steering_fold (text);
  g_auto (GStrv) pieces = g_strsplit (folded, "\"", -1);
  g_autoptr (GStrvBuilder) words = g_strv_builder_new ();

  /* What stands in quotes is one word. */
  for (guint i = 0; pieces[i] != NULL; i++)
    {
      g_auto (GStrv) apart = i % 2 == 0 ? g_strsplit_set (pieces[i], " \t\n", -1) : NULL;

      if (apart != NULL)
        g_strv_builder_addv (words, (const char **) apart);
      else
        g_strv_builder_add (words, pieces[i]);
    }
  self->words = g_strv_builder_end (words);
  return self;
}

void
steer_feature_query_free (SteerFeatureQuery *self)
{
  if (self == NULL)
    return;
  g_strfreev (self->words);
  g_free (self);
}

static gboolean
matches_number (const char *word, guint layer, guint64 index)
{
  char layer_text[16];
  char index_text[32];
  const char *colon;

  if (strspn (word, "0123456789:.") != strlen (word))
    return FALSE;
  g_snprintf (layer_text, sizeof layer_text, "%u", layer);
  g_snprintf (index_text, sizeof index_text, "%" G_GUINT64_FORMAT, index);
  colon = strpbrk (word, ":.");
  if (colon == NULL)
    return g_str_has_prefix (layer_text, word) || g_str_has_prefix (index_text, word);
  return strlen (layer_text) == (gsize) (colon - word) && g_str_has_prefix (word, layer_text)
         && g_str_has_prefix (index_text, colon + 1);
}

gboolean
steer_feature_query_matches (SteerFeatureQuery *self, const char *folded_label, guint layer, guint64 index)
{
  for (guint i = 0; self->words[i] != NULL; i++)
    if (*self->words[i] != '\0' && strstr (folded_label, self->words[i]) == NULL
        && !matches_number (self->words[i], layer, index))
      return FALSE;
  return TRUE;
}
