/* What `steer inspect` found out, for people and for programs. */
#include "steer-cli-inspect.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "steer-cli-output.h"

static char *
dup_label (SteerSae *sae, guint32 feature)
{
  g_autoptr (SteerFeatureInfo) info
    = steer_vector_source_dup_info (STEER_VECTOR_SOURCE (sae), steer_sae_get_layer (sae), feature);

  return info != NULL ? g_strdup (info->label) : NULL;
}

/* The token's own text, which need not be whole characters; NULL without a tokenizer. */
static char *
dup_token_text (const SteerCliInspection *self, guint position)
{
  return self->tokenizer != NULL ? steer_tokenizer_decode (self->tokenizer, &self->tokens[position], 1, FALSE, NULL)
                                 : NULL;
}

static int
compare_actives (gconstpointer a, gconstpointer b)
{
  const SteerSaeActive *x = a;
  const SteerSaeActive *y = b;

  if (x->value != y->value)
    return x->value > y->value ? -1 : 1;
  return x->feature < y->feature ? -1 : x->feature > y->feature;
}

/* A token's features, strongest first, at most n_top. (element-type SteerSaeActive) */
static GArray *
list_strongest (const SteerCliInspection *self, const SteerSaeCodes *codes, guint token)
{
  GArray *actives = g_array_new (FALSE, FALSE, sizeof (SteerSaeActive));

  g_array_append_vals (actives, codes->active + codes->begin[token],
                       (guint) (codes->begin[token + 1] - codes->begin[token]));
  g_array_sort (actives, compare_actives);
  g_array_set_size (actives, MIN (actives->len, self->n_top));
  return actives;
}

static int
compare_sums (gconstpointer a, gconstpointer b)
{
  const SteerCliFiring *x = a;
  const SteerCliFiring *y = b;

  if (x->sum != y->sum)
    return x->sum > y->sum ? -1 : 1;
  return x->feature < y->feature ? -1 : x->feature > y->feature;
}

static int
compare_specificities (gconstpointer a, gconstpointer b)
{
  const SteerCliFiring *x = a;
  const SteerCliFiring *y = b;

  if (x->specificity != y->specificity)
    return x->specificity > y->specificity ? -1 : 1;
  return compare_sums (a, b);
}

static void
print_firings (const SteerCliInspection *self, const SteerCliInspected *inspected, const char *title)
{
  steer_cli_print ("\n%s, layer %u:\n", title, steer_sae_get_layer (inspected->sae));
  for (guint i = 0; i < MIN (inspected->firings->len, self->n_top); i++)
    {
      const SteerCliFiring *firing = &g_array_index (inspected->firings, SteerCliFiring, i);
      g_autofree char *label = dup_label (inspected->sae, firing->feature);
      g_autofree char *safe = steer_cli_dup_safe (label != NULL ? label : "");

      steer_cli_print ("%8u  on %u tokens, sum %.3f, largest %.3f  %s\n", firing->feature, firing->n_tokens,
                       firing->sum, (double) firing->largest, safe);
    }
}

static void
print_token (const SteerCliInspection *self, guint position)
{
  g_autofree char *text = dup_token_text (self, position);
  g_autofree char *escaped = text != NULL ? g_strescape (text, NULL) : g_strdup ("");
  g_autofree char *safe = steer_cli_dup_safe (g_utf8_validate (text != NULL ? text : "", -1, NULL) && text != NULL
                                                  && strpbrk (text, "\n\t\r\"\\") == NULL
                                                ? text
                                                : escaped);

  steer_cli_print ("%5u  %6d  \"%s\"\n", position, self->tokens[position], safe);
  for (guint i = 0; i < self->saes->len; i++)
    {
      const SteerCliInspected *inspected = g_ptr_array_index (self->saes, i);
      g_autoptr (GArray) actives = list_strongest (self, inspected->codes, position);

      for (guint j = 0; j < actives->len; j++)
        {
          const SteerSaeActive *active = &g_array_index (actives, SteerSaeActive, j);
          g_autofree char *label = dup_label (inspected->sae, active->feature);
          g_autofree char *safe_label = steer_cli_dup_safe (label != NULL ? label : "");

          steer_cli_print ("         %u:%-8u %10.4f  %s\n", steer_sae_get_layer (inspected->sae), active->feature,
                           (double) active->value, safe_label);
        }
    }
}

void
steer_cli_inspect_print_text (const SteerCliInspection *self)
{
  for (guint t = 0; t < self->n_tokens; t++)
    print_token (self, t);
  for (guint i = 0; i < self->saes->len; i++)
    {
      const SteerCliInspected *inspected = g_ptr_array_index (self->saes, i);

      g_array_sort (inspected->firings, compare_sums);
      print_firings (self, inspected, "Most active");
      g_array_sort (inspected->firings, compare_specificities);
      print_firings (self, inspected, "Most specific");
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
add_token (JsonBuilder *builder, const SteerCliInspection *self, guint position)
{
  g_autofree char *text = dup_token_text (self, position);
  g_autofree char *valid = text != NULL ? g_utf8_make_valid (text, -1) : NULL;

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "position");
  json_builder_add_int_value (builder, position);
  json_builder_set_member_name (builder, "id");
  json_builder_add_int_value (builder, self->tokens[position]);
  json_builder_set_member_name (builder, "text");
  json_builder_add_string_value (builder, valid);
  json_builder_set_member_name (builder, "features");
  json_builder_begin_array (builder);
  for (guint i = 0; i < self->saes->len; i++)
    {
      const SteerCliInspected *inspected = g_ptr_array_index (self->saes, i);
      g_autoptr (GArray) actives = list_strongest (self, inspected->codes, position);

      for (guint j = 0; j < actives->len; j++)
        {
          const SteerSaeActive *active = &g_array_index (actives, SteerSaeActive, j);

          json_builder_begin_object (builder);
          add_feature (builder, inspected->sae, active->feature);
          json_builder_set_member_name (builder, "value");
          json_builder_add_double_value (builder, (double) active->value);
          json_builder_end_object (builder);
        }
    }
  json_builder_end_array (builder);
  json_builder_end_object (builder);
}

static void
add_firings (JsonBuilder *builder,
             const SteerCliInspection *self,
             const char *name,
             int (*compare) (gconstpointer a, gconstpointer b))
{
  json_builder_set_member_name (builder, name);
  json_builder_begin_array (builder);
  for (guint i = 0; i < self->saes->len; i++)
    {
      const SteerCliInspected *inspected = g_ptr_array_index (self->saes, i);

      g_array_sort (inspected->firings, compare);
      for (guint j = 0; j < MIN (inspected->firings->len, self->n_top); j++)
        {
          const SteerCliFiring *firing = &g_array_index (inspected->firings, SteerCliFiring, j);

          json_builder_begin_object (builder);
          add_feature (builder, inspected->sae, firing->feature);
          json_builder_set_member_name (builder, "n_tokens");
          json_builder_add_int_value (builder, firing->n_tokens);
          json_builder_set_member_name (builder, "sum");
          json_builder_add_double_value (builder, firing->sum);
          json_builder_set_member_name (builder, "largest");
          json_builder_add_double_value (builder, (double) firing->largest);
          json_builder_set_member_name (builder, "specificity");
          json_builder_add_double_value (builder, firing->specificity);
          json_builder_end_object (builder);
        }
    }
  json_builder_end_array (builder);
}

static void
add_sae (JsonBuilder *builder, const SteerCliInspected *inspected)
{
  SteerSae *sae = inspected->sae;
  g_autofree char *path = g_filename_display_name (steer_sae_get_path (sae));

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "id");
  json_builder_add_string_value (builder, steer_vector_source_get_id (STEER_VECTOR_SOURCE (sae)));
  json_builder_set_member_name (builder, "path");
  json_builder_add_string_value (builder, path);
  json_builder_set_member_name (builder, "format");
  json_builder_add_string_value (builder, steer_sae_get_format (sae));
  json_builder_set_member_name (builder, "layer");
  json_builder_add_int_value (builder, steer_sae_get_layer (sae));
  json_builder_set_member_name (builder, "n_features");
  json_builder_add_int_value (builder, (gint64) steer_sae_get_n_features (sae));
  json_builder_end_object (builder);
}

void
steer_cli_inspect_print_json (const SteerCliInspection *self)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "saes");
  json_builder_begin_array (builder);
  for (guint i = 0; i < self->saes->len; i++)
    add_sae (builder, g_ptr_array_index (self->saes, i));
  json_builder_end_array (builder);
  json_builder_set_member_name (builder, "tokens");
  json_builder_begin_array (builder);
  for (guint t = 0; t < self->n_tokens; t++)
    add_token (builder, self, t);
  json_builder_end_array (builder);
  add_firings (builder, self, "most_active", compare_sums);
  add_firings (builder, self, "most_specific", compare_specificities);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  steer_cli_print_json (root, TRUE);
}
