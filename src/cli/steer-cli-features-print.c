/* What `steer features` found, for people and for programs. */
#include "steer-cli-features.h"

#include <math.h>

#include "steer-cli-output.h"

static void
print_found (GPtrArray *labels)
{
  for (guint i = 0; i < labels->len; i++)
    {
      const SteerLabel *label = g_ptr_array_index (labels, i);
      g_autofree char *safe = steer_cli_dup_safe (label->label);
      g_autofree char *place = g_strdup_printf ("%d:%" G_GUINT64_FORMAT, label->layer, label->index);

      steer_cli_print ("%-12s %s%s\n", place, label->by_user ? "* " : "", safe);
    }
}

static void
add_text (JsonBuilder *builder, const char *name, const char *text)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_string_value (builder, text);
}

static void
add_int (JsonBuilder *builder, const char *name, gint64 number)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, number);
}

/* Null where it is not known. */
static void
add_number (JsonBuilder *builder, const char *name, double number, gboolean known)
{
  json_builder_set_member_name (builder, name);
  if (known)
    json_builder_add_double_value (builder, number);
  else
    json_builder_add_null_value (builder);
}

static void
add_label (JsonBuilder *builder, const SteerLabel *label)
{
  add_text (builder, "label", label->label);
  json_builder_set_member_name (builder, "by_user");
  json_builder_add_boolean_value (builder, label->by_user);
  add_text (builder, "model", label->model);
  add_text (builder, "source", label->source_name);
  add_number (builder, "density", label->density, label->density >= 0.0);
  add_number (builder, "largest_activation", label->activation, label->activation > 0.0);
}

static void
print_built (JsonBuilder *builder)
{
  g_autoptr (JsonNode) root = json_builder_get_root (builder);

  steer_cli_print_json (root, TRUE);
}

void
steer_cli_features_print_found (GPtrArray *labels, gboolean as_json)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  if (!as_json)
    {
      print_found (labels);
      return;
    }
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "features");
  json_builder_begin_array (builder);
  for (guint i = 0; i < labels->len; i++)
    {
      const SteerLabel *label = g_ptr_array_index (labels, i);

      json_builder_begin_object (builder);
      add_int (builder, "layer", label->layer);
      add_int (builder, "index", (gint64) label->index);
      add_label (builder, label);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  print_built (builder);
}

void
steer_cli_features_print_sources (GPtrArray *sources, gboolean as_json)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "sources");
  json_builder_begin_array (builder);
  for (guint i = 0; i < sources->len; i++)
    {
      const SteerLabelSource *source = g_ptr_array_index (sources, i);
      g_autofree char *model = steer_cli_dup_safe (source->model);
      g_autofree char *name = steer_cli_dup_safe (source->name);

      if (!as_json)
        steer_cli_print ("%s/%s: %" G_GINT64_FORMAT " label%s%s%s\n", model, name, source->n_labels,
                         steer_cli_plural ((guint64) source->n_labels), source->sae != NULL ? ", of " : "",
                         source->sae != NULL ? source->sae : "");
      json_builder_begin_object (builder);
      add_text (builder, "model", source->model);
      add_text (builder, "name", source->name);
      add_int (builder, "layer", source->layer);
      add_text (builder, "sae", source->sae);
      add_int (builder, "n_labels", source->n_labels);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  if (as_json)
    print_built (builder);
}

void
steer_cli_features_print_import (const SteerLabelImport *counts, gboolean as_json)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  if (!as_json)
    {
      steer_cli_print ("%" G_GUINT64_FORMAT " label%s, %" G_GUINT64_FORMAT " row%s of numbers and %" G_GUINT64_FORMAT
                       " example%s from %u file%s; rows that name no feature, and were passed over: %" G_GUINT64_FORMAT
                       "\n",
                       counts->n_labels, steer_cli_plural (counts->n_labels), counts->n_features,
                       steer_cli_plural (counts->n_features), counts->n_examples, steer_cli_plural (counts->n_examples),
                       counts->n_files, steer_cli_plural (counts->n_files), counts->n_passed_over);
      return;
    }
  json_builder_begin_object (builder);
  add_int (builder, "files", counts->n_files);
  add_int (builder, "labels", (gint64) counts->n_labels);
  add_int (builder, "numbers", (gint64) counts->n_features);
  add_int (builder, "examples", (gint64) counts->n_examples);
  add_int (builder, "passed_over", (gint64) counts->n_passed_over);
  json_builder_end_object (builder);
  print_built (builder);
}

static void
print_shown (const SteerCliShown *shown)
{
  const char *label = shown->label != NULL ? shown->label->label : shown->source_label;
  g_autofree char *safe = steer_cli_dup_safe (label != NULL ? label : "no label");

  steer_cli_print ("%u:%" G_GUINT64_FORMAT "  %s\n", shown->layer, shown->index, safe);
  if (shown->label != NULL && shown->label->density >= 0.0)
    steer_cli_print ("fires on %.4g %% of tokens\n", 100.0 * shown->label->density);
  if (shown->label != NULL && shown->label->activation > 0.0)
    steer_cli_print ("largest activation %.4g\n", shown->label->activation);
  for (guint i = 0; shown->examples != NULL && i < shown->examples->len; i++)
    {
      g_autofree char *example = steer_cli_dup_safe (g_ptr_array_index (shown->examples, i));

      steer_cli_print ("  %s\n", g_strdelimit (example, "\n\t", ' '));
    }
  if (shown->sae == NULL)
    return;
  steer_cli_print ("norm in its SAE %.4f\n", shown->norm);
  if (shown->recommended != 0.0)
    steer_cli_print ("recommended strength %g", shown->recommended);
  if (shown->recommended != 0.0 && shown->layer_norm > 0.0)
    steer_cli_print (", %ld %% of the layer's typical norm", lround (100.0 * shown->recommended / shown->layer_norm));
  if (shown->recommended != 0.0)
    steer_cli_print ("\n");
  steer_cli_print ("\nNearest by cosine:\n");
  for (guint i = 0; i < shown->neighbours->len; i++)
    {
      const SteerNeighbour *neighbour = &g_array_index (shown->neighbours, SteerNeighbour, i);
      g_autofree char *name = steer_cli_features_dup_neighbour_label (shown, neighbour->index);
      g_autofree char *safe_name = steer_cli_dup_safe (name != NULL ? name : "");

      steer_cli_print ("%8" G_GUINT64_FORMAT "  %.3f  %s%s\n", neighbour->index, neighbour->cosine, safe_name,
                       neighbour->cosine >= STEER_NEAR_DUPLICATE ? "  (near-duplicate)" : "");
    }
}

static void
add_neighbours (JsonBuilder *builder, const SteerCliShown *shown)
{
  json_builder_set_member_name (builder, "neighbours");
  json_builder_begin_array (builder);
  for (guint i = 0; shown->neighbours != NULL && i < shown->neighbours->len; i++)
    {
      const SteerNeighbour *neighbour = &g_array_index (shown->neighbours, SteerNeighbour, i);
      g_autofree char *name = steer_cli_features_dup_neighbour_label (shown, neighbour->index);

      json_builder_begin_object (builder);
      add_int (builder, "index", (gint64) neighbour->index);
      add_number (builder, "cosine", neighbour->cosine, TRUE);
      add_text (builder, "label", name);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

void
steer_cli_features_print_shown (const SteerCliShown *shown, gboolean as_json)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  if (!as_json)
    {
      print_shown (shown);
      return;
    }
  json_builder_begin_object (builder);
  add_int (builder, "layer", shown->layer);
  add_int (builder, "index", (gint64) shown->index);
  if (shown->label != NULL)
    add_label (builder, shown->label);
  else
    add_text (builder, "label", shown->source_label);
  json_builder_set_member_name (builder, "examples");
  json_builder_begin_array (builder);
  for (guint i = 0; shown->examples != NULL && i < shown->examples->len; i++)
    json_builder_add_string_value (builder, g_ptr_array_index (shown->examples, i));
  json_builder_end_array (builder);
  add_number (builder, "norm", shown->norm, shown->sae != NULL);
  add_number (builder, "layer_norm", shown->layer_norm, shown->layer_norm > 0.0);
  add_number (builder, "recommended", shown->recommended, shown->recommended != 0.0);
  add_neighbours (builder, shown);
  json_builder_end_object (builder);
  print_built (builder);
}
