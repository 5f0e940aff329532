/* What `steer extract` says of the directions it wrote. */
#include "steer-cli-extract.h"

#include <json-glib/json-glib.h>
#include <math.h>

#include "steer-cli-output.h"
#include "steering/steer-directions.h"

/* Text shows the pairs that are nearest to each other; JSON has all of them. */
#define MAX_SHOWN_PAIRS 10
/* Below this, two directions have as good as nothing in common. */
#define LEAST_SHOWN_COSINE 0.1

typedef struct
{
  const SteerCliDirection *a;
  const SteerCliDirection *b;
  double cosine;
} Pair;

/* The pairs of one layer, nearest first; directions of different layers never meet. (element-type Pair) */
static GArray *
list_pairs (GPtrArray *directions)
{
  GArray *pairs = g_array_new (FALSE, FALSE, sizeof (Pair));
  g_autofree guint *layers = g_new (guint, directions->len);
  g_autofree const float **vectors = g_new (const float *, directions->len); /* [n] of [d_model] */
  g_autoptr (GArray) similarities = NULL;
  gsize size = 0;

  for (guint i = 0; i < directions->len; i++)
    {
      const SteerCliDirection *direction = g_ptr_array_index (directions, i);

      layers[i] = direction->layer;
      vectors[i] = g_bytes_get_data (direction->vector, &size);
    }
  similarities = steer_list_similarities (layers, vectors, directions->len, (guint) (size / sizeof (float)), 0.0);
  for (guint i = 0; i < similarities->len; i++)
    {
      const SteerSimilarity *similarity = &g_array_index (similarities, SteerSimilarity, i);
      Pair pair = { g_ptr_array_index (directions, similarity->a), g_ptr_array_index (directions, similarity->b),
                    similarity->cosine };

      g_array_append_val (pairs, pair);
    }
  return pairs;
}

static char *
dup_number (double number, const char *format)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  return number != 0.0 ? g_strdup (g_ascii_formatd (buffer, sizeof buffer, format, number)) : g_strdup ("-");
}

static void
print_direction (const SteerCliDirection *direction)
{
  g_autofree char *norm = dup_number (direction->norm, "%.4f");
  g_autofree char *strength = dup_number (direction->strength, "%g");
  g_autofree char *share
    = direction->layer_norm > 0.0 && direction->strength != 0.0 ? g_strdup_printf (
        "%d %%", (int) CLAMP (lround (100.0 * direction->strength / direction->layer_norm), -9999, 9999))
                                                                : g_strdup ("-");
  g_autofree char *label = steer_cli_dup_safe (direction->label != NULL ? direction->label : "");

  steer_cli_print ("%5u  %8" G_GUINT64_FORMAT "  %8s  %8s  %8s  %s\n", direction->layer, direction->index, norm,
                   strength, share, label);
}

static void
print_pairs (GArray *pairs)
{
  guint n = 0;

  for (; n < pairs->len && n < MAX_SHOWN_PAIRS; n++)
    {
      const Pair *pair = &g_array_index (pairs, Pair, n);

      if (fabs (pair->cosine) < LEAST_SHOWN_COSINE)
        break;
      if (n == 0)
        steer_cli_print ("\nCosine similarity on one layer:\n");
      steer_cli_print ("%u:%" G_GUINT64_FORMAT " and %u:%" G_GUINT64_FORMAT ": %.3f%s\n", pair->a->layer,
                       pair->a->index, pair->b->layer, pair->b->index, pair->cosine,
                       fabs (pair->cosine) >= STEER_NEAR_DUPLICATE ? "  near-duplicates: do not clamp both" : "");
    }
}

void
steer_cli_extract_print_text (GPtrArray *directions, const char *path)
{
  g_autoptr (GArray) pairs = list_pairs (directions);
  g_autofree char *safe = steer_cli_dup_safe (path);

  steer_cli_print ("layer   feature      norm  strength     share  label\n");
  for (guint i = 0; i < directions->len; i++)
    print_direction (g_ptr_array_index (directions, i));
  print_pairs (pairs);
  steer_cli_print ("\n%u direction%s: %s\n", directions->len, steer_cli_plural (directions->len), safe);
}

static void
add_number (JsonBuilder *builder, const char *name, double number)
{
  json_builder_set_member_name (builder, name);
  if (number != 0.0)
    json_builder_add_double_value (builder, number);
  else
    json_builder_add_null_value (builder);
}

static void
add_place (JsonBuilder *builder, const SteerCliDirection *direction)
{
  json_builder_set_member_name (builder, "layer");
  json_builder_add_int_value (builder, direction->layer);
  json_builder_set_member_name (builder, "index");
  json_builder_add_int_value (builder, (gint64) direction->index);
}

static void
add_direction (JsonBuilder *builder, const SteerCliDirection *direction)
{
  json_builder_begin_object (builder);
  add_place (builder, direction);
  json_builder_set_member_name (builder, "label");
  json_builder_add_string_value (builder, direction->label);
  json_builder_set_member_name (builder, "source");
  json_builder_add_string_value (builder, direction->source);
  add_number (builder, "norm", direction->norm);
  add_number (builder, "strength", direction->strength);
  add_number (builder, "layer_norm", direction->layer_norm);
  add_number (builder, "share", direction->layer_norm > 0.0 ? direction->strength / direction->layer_norm : 0.0);
  json_builder_end_object (builder);
}

static void
add_pair (JsonBuilder *builder, const Pair *pair)
{
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "layer");
  json_builder_add_int_value (builder, pair->a->layer);
  json_builder_set_member_name (builder, "indices");
  json_builder_begin_array (builder);
  json_builder_add_int_value (builder, (gint64) pair->a->index);
  json_builder_add_int_value (builder, (gint64) pair->b->index);
  json_builder_end_array (builder);
  json_builder_set_member_name (builder, "cosine");
  json_builder_add_double_value (builder, pair->cosine);
  json_builder_end_object (builder);
}

void
steer_cli_extract_print_json (GPtrArray *directions, const char *path)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (GArray) pairs = list_pairs (directions);
  g_autofree char *name = g_filename_display_name (path);
  g_autoptr (JsonNode) root = NULL;

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "output");
  json_builder_add_string_value (builder, name);
  json_builder_set_member_name (builder, "features");
  json_builder_begin_array (builder);
  for (guint i = 0; i < directions->len; i++)
    add_direction (builder, g_ptr_array_index (directions, i));
  json_builder_end_array (builder);
  json_builder_set_member_name (builder, "similarities");
  json_builder_begin_array (builder);
  for (guint i = 0; i < pairs->len; i++)
    add_pair (builder, &g_array_index (pairs, Pair, i));
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  steer_cli_print_json (root, TRUE);
}
