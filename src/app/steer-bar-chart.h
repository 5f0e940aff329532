#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define STEER_TYPE_BAR_CHART (steer_bar_chart_get_type ())

/**
 * SteerBarChart:
 *
 * Bars beside each other, of which one is chosen: by a click, or by whatever else shares its adjustment, which a
 * keyboard needs. Lines across them tell more of the same things.
 *
 * Properties: adjustment (GtkAdjustment, nullable: whose value is the number of the chosen bar).
 */
G_DECLARE_FINAL_TYPE (SteerBarChart, steer_bar_chart, STEER, BAR_CHART, GtkWidget)

/* Lines that a chart has. */
#define STEER_BAR_CHART_N_LINES 2

/* @values: [n_values]; what is not above 0 has no bar. The largest is as high as the chart. @labels: (nullable):
 * [n_values], what is written below the bars where there is room; NULL: their numbers. Lines and marks are gone. */
void steer_bar_chart_set_bars (SteerBarChart *self, const double *values, const char *const *labels, guint n_values);

/* @values: (nullable): [n_values] of the bars, NAN where the line has no point. @top: what is as high as the chart.
 * @color: a colour of the theme, a static string */
void steer_bar_chart_set_line (SteerBarChart *self, guint line, const double *values, double top, const char *color);

/* @marked: [n_values]: bars of which the user is warned. */
void steer_bar_chart_set_marked (SteerBarChart *self, const gboolean *marked);

G_END_DECLS
