/* What `steer inspect` found out, for people and for programs. */
#include "steer-cli-inspect.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "steer-cli-output.h"

/* That are told of a feature. */
#define N_WORDS 4

static char *
dup_label (SteerSae *sae, guint32 feature)
{
  g_autoptr (SteerFeatureInfo) info
    = steer_vector_source_dup_info (STEER_VECTOR_SOURCE (sae), steer_sae_get_layer (sae), feature);

  return info != NULL ? g_strdup (info->label) : NULL;
}

/* Everything about one text. */
typedef struct
{
  SteerInspection *inspection;
  SteerTokenizer *tokenizer; /* nullable */
  GArray *norms;             /* (nullable) (element-type double), [n_layers] */
  guint n_top;
} Printing;

/* The token's own text, which need not be whole characters; NULL without a tokenizer. */
static char *
dup_token_text (const Printing *self, guint position)
{
  const gint32 *tokens = steer_inspection_get_tokens (self->inspection);

  return self->tokenizer != NULL ? steer_tokenizer_decode (self->tokenizer, &tokens[position], 1, FALSE, NULL) : NULL;
}

static double
suggest (const Printing *self, const SteerFiring *firing)
{
  guint layer = steer_sae_get_layer (firing->sae);
  double norm = self->norms != NULL && layer < self->norms->len ? g_array_index (self->norms, double, layer) : 0.0;

  return steer_inspection_suggest_strength (self->inspection, firing, norm);
}

static GArray *
list_firings (const Printing *self, SteerSae *sae, SteerFiringOrder order)
{
  return steer_inspection_list_firings (self->inspection, 0, steer_inspection_get_n_tokens (self->inspection), sae,
                                        order, self->n_top);
}

/* Where a firing is strongest; nearly everything fires on the first token, and it is left out as in the lists. */
static char **
dup_words (const Printing *self, const SteerFiring *firing)
{
  guint n_tokens = steer_inspection_get_n_tokens (self->inspection);
  guint first = n_tokens > 1 ? 1 : 0;

  return steer_inspection_dup_words (self->inspection, firing, first, n_tokens - first, N_WORDS);
}

static void
print_firings (const Printing *self, SteerSae *sae, SteerFiringOrder order, const char *title)
{
  g_autoptr (GArray) firings = list_firings (self, sae, order);

  steer_cli_print ("\n%s, layer %u:\n", title, steer_sae_get_layer (sae));
  for (guint i = 0; i < firings->len; i++)
    {
      const SteerFiring *firing = &g_array_index (firings, SteerFiring, i);
      g_autofree char *label = dup_label (sae, firing->feature);
      g_autofree char *safe = steer_cli_dup_safe (label != NULL ? label : "");
      g_auto (GStrv) words = dup_words (self, firing);
      g_autofree char *joined = g_strjoinv (", ", words);
      g_autofree char *safe_words = steer_cli_dup_safe (joined);

      steer_cli_print ("%8u  on %u token%s, sum %.3f, largest %.3f, strength %.3g  %s\n", firing->feature,
                       firing->n_tokens, steer_cli_plural (firing->n_tokens), firing->sum, (double) firing->largest,
                       suggest (self, firing), safe);
      if (*safe_words != '\0')
        steer_cli_print ("          %s\n", safe_words);
    }
}

static void
print_token (const Printing *self, guint position)
{
  GPtrArray *saes = steer_inspection_get_saes (self->inspection);
  g_autofree char *text = dup_token_text (self, position);
  g_autofree char *escaped = text != NULL ? g_strescape (text, NULL) : g_strdup ("");
  g_autofree char *safe = steer_cli_dup_safe (g_utf8_validate (text != NULL ? text : "", -1, NULL) && text != NULL
                                                  && strpbrk (text, "\n\t\r\"\\") == NULL
                                                ? text
                                                : escaped);

  steer_cli_print ("%5u  %6d  \"%s\"\n", position, steer_inspection_get_tokens (self->inspection)[position], safe);
  for (guint i = 0; i < saes->len; i++)
    {
      SteerSae *sae = g_ptr_array_index (saes, i);
      g_autoptr (GArray) actives = steer_inspection_list_token (self->inspection, position, sae, self->n_top);

      for (guint j = 0; j < actives->len; j++)
        {
          const SteerActivation *active = &g_array_index (actives, SteerActivation, j);
          g_autofree char *label = dup_label (sae, active->feature);
          g_autofree char *safe_label = steer_cli_dup_safe (label != NULL ? label : "");

          steer_cli_print ("       %u:%-8u %8.3f  %s\n", steer_sae_get_layer (sae), active->feature,
                           (double) active->value, safe_label);
        }
    }
}

void
steer_cli_inspect_print_text (SteerInspection *inspection, SteerTokenizer *tokenizer, GArray *norms, guint n_top)
{
  Printing self = { inspection, tokenizer, norms, n_top };
  GPtrArray *saes = steer_inspection_get_saes (inspection);

  for (guint t = 0; t < steer_inspection_get_n_tokens (inspection); t++)
    print_token (&self, t);
  for (guint i = 0; i < saes->len; i++)
    {
      print_firings (&self, g_ptr_array_index (saes, i), STEER_FIRING_BY_SUM, "Most active");
      print_firings (&self, g_ptr_array_index (saes, i), STEER_FIRING_BY_SPECIFICITY, "Most specific");
    }
}

static void
add_feature (JsonBuilder *builder, SteerSae *sae, guint32 feature)
{
  g_autofree char *label = dup_label (sae, feature);

  json_builder_set_member_name (builder, "layer");
  json_builder_add_int_value (builder, steer_sae_get_layer (sae));
  json_builder_set_member_name (builder, "index");
  json_builder_add_int_value (builder, feature);
  json_builder_set_member_name (builder, "label");
  json_builder_add_string_value (builder, label);
}

static void
add_token (JsonBuilder *builder, const Printing *self, guint position)
{
  GPtrArray *saes = steer_inspection_get_saes (self->inspection);
  g_autofree char *text = dup_token_text (self, position);
  g_autofree char *valid = text != NULL ? g_utf8_make_valid (text, -1) : NULL;

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "position");
  json_builder_add_int_value (builder, position);
  json_builder_set_member_name (builder, "id");
  json_builder_add_int_value (builder, steer_inspection_get_tokens (self->inspection)[position]);
  json_builder_set_member_name (builder, "text");
  json_builder_add_string_value (builder, valid);
  json_builder_set_member_name (builder, "features");
  json_builder_begin_array (builder);
  for (guint i = 0; i < saes->len; i++)
    {
      SteerSae *sae = g_ptr_array_index (saes, i);
      g_autoptr (GArray) actives = steer_inspection_list_token (self->inspection, position, sae, self->n_top);

      for (guint j = 0; j < actives->len; j++)
        {
          const SteerActivation *active = &g_array_index (actives, SteerActivation, j);

          json_builder_begin_object (builder);
          add_feature (builder, sae, active->feature);
          json_builder_set_member_name (builder, "value");
          json_builder_add_double_value (builder, (double) active->value);
          json_builder_end_object (builder);
        }
    }
  json_builder_end_array (builder);
  json_builder_end_object (builder);
}

static void
add_words (JsonBuilder *builder, const Printing *self, const SteerFiring *firing)
{
  g_auto (GStrv) words = dup_words (self, firing);

  json_builder_set_member_name (builder, "words");
  json_builder_begin_array (builder);
  for (guint i = 0; words[i] != NULL; i++)
    json_builder_add_string_value (builder, words[i]);
  json_builder_end_array (builder);
}

static void
add_firings (JsonBuilder *builder, const Printing *self, const char *name, SteerFiringOrder order)
{
  GPtrArray *saes = steer_inspection_get_saes (self->inspection);

  json_builder_set_member_name (builder, name);
  json_builder_begin_array (builder);
  for (guint i = 0; i < saes->len; i++)
    {
      g_autoptr (GArray) firings = list_firings (self, g_ptr_array_index (saes, i), order);

      for (guint j = 0; j < firings->len; j++)
        {
          const SteerFiring *firing = &g_array_index (firings, SteerFiring, j);

          json_builder_begin_object (builder);
          add_feature (builder, firing->sae, firing->feature);
          json_builder_set_member_name (builder, "n_tokens");
          json_builder_add_int_value (builder, firing->n_tokens);
          json_builder_set_member_name (builder, "sum");
          json_builder_add_double_value (builder, firing->sum);
          json_builder_set_member_name (builder, "largest");
          json_builder_add_double_value (builder, (double) firing->largest);
          json_builder_set_member_name (builder, "position");
          json_builder_add_int_value (builder, firing->peak);
          add_words (builder, self, firing);
          json_builder_set_member_name (builder, "specificity");
          json_builder_add_double_value (builder, firing->specificity);
          json_builder_set_member_name (builder, "suggested_strength");
          json_builder_add_double_value (builder, suggest (self, firing));
          json_builder_end_object (builder);
        }
    }
  json_builder_end_array (builder);
}

static void
add_sae (JsonBuilder *builder, const Printing *self, SteerSae *sae)
{
  guint layer = steer_sae_get_layer (sae);
  g_autofree char *path = g_filename_display_name (steer_sae_get_path (sae));

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "id");
  json_builder_add_string_value (builder, steer_vector_source_get_id (STEER_VECTOR_SOURCE (sae)));
  json_builder_set_member_name (builder, "path");
  json_builder_add_string_value (builder, path);
  json_builder_set_member_name (builder, "format");
  json_builder_add_string_value (builder, steer_sae_get_format (sae));
  json_builder_set_member_name (builder, "layer");
  json_builder_add_int_value (builder, layer);
  json_builder_set_member_name (builder, "n_features");
  json_builder_add_int_value (builder, (gint64) steer_sae_get_n_features (sae));
  json_builder_set_member_name (builder, "norm");
  json_builder_add_double_value (builder, steer_inspection_get_norm (self->inspection, sae));
  json_builder_set_member_name (builder, "typical_norm");
  if (self->norms != NULL && layer < self->norms->len)
    json_builder_add_double_value (builder, g_array_index (self->norms, double, layer));
  else
    json_builder_add_null_value (builder);
  json_builder_end_object (builder);
}

void
steer_cli_inspect_print_json (SteerInspection *inspection, SteerTokenizer *tokenizer, GArray *norms, guint n_top)
{
  Printing self = { inspection, tokenizer, norms, n_top };
  GPtrArray *saes = steer_inspection_get_saes (inspection);
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "saes");
  json_builder_begin_array (builder);
  for (guint i = 0; i < saes->len; i++)
    add_sae (builder, &self, g_ptr_array_index (saes, i));
  json_builder_end_array (builder);
  json_builder_set_member_name (builder, "tokens");
  json_builder_begin_array (builder);
  for (guint t = 0; t < steer_inspection_get_n_tokens (inspection); t++)
    add_token (builder, &self, t);
  json_builder_end_array (builder);
  add_firings (builder, &self, "most_active", STEER_FIRING_BY_SUM);
  add_firings (builder, &self, "most_specific", STEER_FIRING_BY_SPECIFICITY);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  steer_cli_print_json (root, TRUE);
}
