#pragma once

#include "steering/steer-feature.h"

G_BEGIN_DECLS

/*
 * What the steering panel's templates say, as pure functions: the widgets hold no arithmetic and no sentences of their
 * own. The first argument of those that templates call is the widget; it is not looked at.
 */

/* A strength's slider: where it ends, where the useful part ends, and how far a key moves it. */
typedef struct
{
  double lower; /* ends of the slider; always hold 0 and the present strength */
  double upper;
  double useful_lower; /* the danger zones begin beyond; equal to the ends where no limit is known */
  double useful_upper;
  double step; /* an arrow key */
  double page;
  int digits; /* decimals that a drag rounds to */
} SteerStrengthRange;

/**
 * steer_strength_range_init:
 * @minimum, @maximum: the useful range, both 0 when unknown
 * @recommended, @layer_norm: 0 when unknown
 * @strength: what the slider shows now
 *
 * The range that a source knows, with room beyond; else one and a half times the layer's typical norm, of which the
 * last third is beyond reason; else 20, without a limit. Symmetric unless a source says otherwise; a range of one sign
 * becomes so for a strength of the other.
 */
void steer_strength_range_init (SteerStrengthRange *self,
                                double minimum,
                                double maximum,
                                double recommended,
                                double layer_norm,
                                double strength);

/* The range of a feature's slider by what is known of it. In mode SAE_CLAMP a strength is an activation, of which
 * nothing is known: recommended strength, useful range and norm are of the residual stream. @strength: what the range
 * has room for, not necessarily the feature's own; next to nothing (G_MINDOUBLE, or its negative) gives what is known
 * for strengths of that sign. */
void steer_strength_range_init_for_feature (SteerStrengthRange *self, SteerFeature *feature, double strength);

/* TRUE for strengths that the slider has room for. */
gboolean steer_strength_range_holds (const SteerStrengthRange *self, double strength);

/* The recommended strength, and the norm to measure it by; 0 where none is known for the feature's mode. */
double steer_steering_get_recommended (SteerFeature *feature);
double steer_steering_get_layer_norm (SteerFeature *feature);

/* TRUE for strengths in a danger zone. */
gboolean steer_strength_range_is_beyond (const SteerStrengthRange *self, double strength);

/* "8.50", "−2.81", "1.545", "1200.00": at least two decimals, more only where they are needed, at most six. */
char *steer_steering_dup_strength (gpointer self, double strength);

/* "6.06": rounded, for where there is little room. @decimals: of SteerStrengthRange; at least two are shown. */
char *steer_steering_dup_rounded (gpointer self, double strength, int decimals);

/* Reads what a person types: a decimal comma or point, a hyphen or a minus sign, spaces around. FALSE for anything
 * else, infinities included. */
gboolean steer_steering_parse_strength (const char *text, double *strength);

/* "layer 15 · feature 21576" */
char *steer_steering_dup_place (gpointer self, guint layer, guint64 index);

/* "Only where the activation of feature 21576 is above 2.50", of a condition as text; "" where there is none. */
char *steer_steering_dup_when (gpointer self, const char *when);

/* The label with a capital letter, or "Feature 21576" where there is none. */
char *steer_steering_dup_title (gpointer self, const char *label, guint64 index);

/* "Minimum": what a mode is called on a button. The button of a feature that adds offers to clamp. */
char *steer_steering_dup_mode_label (gpointer self, SteerMode mode);
/* What a mode does to the feature, as a sentence. */
char *steer_steering_dup_mode_text (gpointer self, SteerMode mode);

/* "0.79 × the layer's typical norm", with a warning where @beyond; "" where nothing is known. */
char *steer_steering_dup_share (gpointer self, double strength, double layer_norm, gboolean beyond);

/* The same; in mode SAE_CLAMP strengths are not of the stream, and the units are told instead. */
char *steer_steering_dup_measure (gpointer self, double strength, double layer_norm, gboolean beyond, SteerMode mode);

/* What a screen reader says for a slider's value: "8.50, 0.79 times the layer's typical norm". */
char *steer_steering_dup_value_text (gpointer self, double strength, double layer_norm, gboolean beyond);

/* "× 1.25" */
char *steer_steering_dup_multiplier (gpointer self, double multiplier);

/* The preset's name, or "Untitled" where there is none. */
char *steer_steering_dup_preset_name (gpointer self, const char *name);

/* Style classes of a row's card: "off" where the feature does nothing, "beyond" in a danger zone. */
char **steer_steering_dup_row_classes (gpointer self, gboolean enabled, gboolean beyond);

/* Style classes of the list: "off" while the master switch is. */
char **steer_steering_dup_list_classes (gpointer self, gboolean master_enabled);

/* "list" or "empty" */
char *steer_steering_dup_page (gpointer self, gboolean empty);

gboolean steer_steering_is_text (gpointer self, const char *text);

G_END_DECLS
