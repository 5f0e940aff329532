#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/**
 * SteerStrengthScale: a slider for a number that has a meaningful zero. It is filled from zero to the knob, has marks
 * at zero and at the recommended value, and its ends beyond the useful range are tinted.
 *
 * A double click goes to the recommended value, or to zero where none is known. The wheel scrolls what is around it
 * and never moves the knob: nobody should change a strength on the way past it. Keys are GtkScale's: arrows a step,
 * Page Up and Down ten, Home and End the ends.
 *
 * Property: recommended (double, 0: none).
 */
#define STEER_TYPE_STRENGTH_SCALE (steer_strength_scale_get_type ())
G_DECLARE_FINAL_TYPE (SteerStrengthScale, steer_strength_scale, STEER, STRENGTH_SCALE, GtkScale)

/* The ends of the useful part; equal to the adjustment's ends (or beyond) where there is no danger zone. */
void steer_strength_scale_set_useful (SteerStrengthScale *self, double lower, double upper);

double steer_strength_scale_get_recommended (SteerStrengthScale *self);
void steer_strength_scale_set_recommended (SteerStrengthScale *self, double recommended);

/* Labels, in markup, of the marks at zero and at the recommended value; "": a tick alone; NULL: no mark. */
void steer_strength_scale_set_marks (SteerStrengthScale *self, const char *zero, const char *recommended);

/* Keeps the wheel from changing the value of a range or a spin button. */
void steer_strength_scale_ignore_wheel (GtkWidget *widget);

G_END_DECLS
