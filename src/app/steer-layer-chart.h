#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define STEER_TYPE_LAYER_CHART (steer_layer_chart_get_type ())

/**
 * SteerLayerChart:
 *
 * A bar a layer, as high as its value, of which one is chosen: by a click, or by whatever else shares its adjustment,
 * which a keyboard needs.
 *
 * Properties: adjustment (GtkAdjustment, nullable: whose value is the chosen layer).
 */
G_DECLARE_FINAL_TYPE (SteerLayerChart, steer_layer_chart, STEER, LAYER_CHART, GtkWidget)

/* @values: [n_values], copied, one a layer; what is not above 0 has no bar. The largest is as high as the chart. */
void steer_layer_chart_set_values (SteerLayerChart *self, const double *values, guint n_values);

G_END_DECLS
