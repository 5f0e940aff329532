#include "steer-text-style.h"

#include <adwaita.h>
#include <math.h>

#include "steer-transcript-closures.h"
#include "steering/steer-feature.h"

/* A strength of half the layer's typical norm is a strong one, as the recommended ones of sweeps show. */
#define STRONG_SHARE_OF_NORM 0.5

struct _SteerTextStyle
{
  GObject parent_instance;

  SteerMessage *message;
  GListModel *features; /* nullable */
  gboolean show;
  SteerTextDetails details; /* nullable */
  gpointer details_data;
  gboolean dark;
  GArray
    *shares; /* double a run: sum of |strength| / normal; negative where nothing normal is known: -sum |strength| */
  double strongest; /* the largest sum of |strength| among those that are not known */
};

enum
{
  CHANGED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

/* From the weakest to the strongest, for each background so that the strongest stands out most. */
static const char *const light_colors[STEER_N_LEVELS] = { NULL, "#ffd2a1", "#ffb566", "#ff9432", "#ed6a00", "#c64600" };
static const char *const dark_colors[STEER_N_LEVELS] = { NULL, "#5f4226", "#86551f", "#b8691a", "#e87f1b", "#ffb066" };

G_DEFINE_FINAL_TYPE (SteerTextStyle, steer_text_style, G_TYPE_OBJECT)

static void
on_dark_changed (SteerTextStyle *self)
{
  self->dark = adw_style_manager_get_dark (adw_style_manager_get_default ());
  g_signal_emit (self, signals[CHANGED], 0);
}

static void
steer_text_style_finalize (GObject *object)
{
  SteerTextStyle *self = STEER_TEXT_STYLE (object);

  g_clear_object (&self->message);
  g_clear_object (&self->features);
  g_array_unref (self->shares);
  G_OBJECT_CLASS (steer_text_style_parent_class)->finalize (object);
}

static void
steer_text_style_class_init (SteerTextStyleClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = steer_text_style_finalize;
  signals[CHANGED]
    = g_signal_new ("changed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
steer_text_style_init (SteerTextStyle *self)
{
  AdwStyleManager *manager = adw_style_manager_get_default ();

  self->show = TRUE;
  self->shares = g_array_new (FALSE, FALSE, sizeof (double));
  self->dark = adw_style_manager_get_dark (manager);
  g_signal_connect_object (manager, "notify::dark", G_CALLBACK (on_dark_changed), self, G_CONNECT_SWAPPED);
}

SteerTextStyle *
steer_text_style_new (SteerMessage *message, GListModel *features)
{
  SteerTextStyle *self = g_object_new (STEER_TYPE_TEXT_STYLE, NULL);

  self->message = g_object_ref (message);
  self->features = features != NULL ? g_object_ref (features) : NULL;
  return self;
}

/* What counts as one whole dose of this feature; 0 when nobody knows. */
static double
find_normal (SteerTextStyle *self, const SteerStrength *strength)
{
  guint n_features = self->features != NULL ? g_list_model_get_n_items (self->features) : 0;

  for (guint i = 0; i < n_features; i++)
    {
      g_autoptr (SteerFeature) feature = g_list_model_get_item (self->features, i);

      if (steer_feature_get_layer (feature) != strength->layer || steer_feature_get_index (feature) != strength->index)
        continue;
      if (steer_feature_get_recommended (feature) != 0.0)
        return fabs (steer_feature_get_recommended (feature));
      return fabs (steer_feature_get_layer_norm (feature)) * STRONG_SHARE_OF_NORM;
    }
  return 0.0;
}

static double
measure_run (SteerTextStyle *self, const SteerTextRun *run)
{
  g_autoptr (GArray) strengths = steer_transcript_parse_strengths (run->steering);
  double share = 0.0, sum = 0.0;
  gboolean known = TRUE;

  for (guint i = 0; i < strengths->len; i++)
    {
      const SteerStrength *strength = &g_array_index (strengths, SteerStrength, i);
      double normal = find_normal (self, strength);

      sum += fabs (strength->strength);
      if (normal > 0.0)
        share += fabs (strength->strength) / normal;
      else
        known = FALSE;
    }
  return known ? share : -sum;
}

/* Runs only ever grow at the end. */
static void
measure_new_runs (SteerTextStyle *self)
{
  const GArray *runs = steer_message_get_runs (self->message);

  for (guint i = self->shares->len; i < runs->len; i++)
    {
      double share = measure_run (self, &g_array_index (runs, SteerTextRun, i));

      g_array_append_val (self->shares, share);
      self->strongest = MAX (self->strongest, -share);
    }
}

void
steer_text_style_set_show (SteerTextStyle *self, gboolean show)
{
  g_return_if_fail (STEER_IS_TEXT_STYLE (self));

  if (self->show == show)
    return;
  self->show = show;
  g_signal_emit (self, signals[CHANGED], 0);
}

gboolean
steer_text_style_get_show (SteerTextStyle *self)
{
  g_return_val_if_fail (STEER_IS_TEXT_STYLE (self), FALSE);
  return self->show;
}

void
steer_text_style_set_details (SteerTextStyle *self, SteerTextDetails details, gpointer data)
{
  g_return_if_fail (STEER_IS_TEXT_STYLE (self));
  self->details = details;
  self->details_data = data;
}

char *
steer_text_style_dup_details (SteerTextStyle *self, gsize source)
{
  g_return_val_if_fail (STEER_IS_TEXT_STYLE (self), NULL);
  return self->details != NULL ? self->details (source, self->details_data) : NULL;
}

void
steer_text_style_update (SteerTextStyle *self)
{
  double before = self->strongest;

  g_return_if_fail (STEER_IS_TEXT_STYLE (self));

  measure_new_runs (self);
  /* What was the strongest is not any more. */
  if (self->strongest > before && before > 0.0)
    g_signal_emit (self, signals[CHANGED], 0);
}

/* The index of the run at @offset, or the number of runs. */
static guint
find_run (const GArray *runs, gsize offset)
{
  guint low = 0, high = runs->len;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      const SteerTextRun *run = &g_array_index (runs, SteerTextRun, middle);

      if (run->start + run->length <= offset)
        low = middle + 1;
      else
        high = middle;
    }
  return low;
}

const SteerTextRun *
steer_text_style_get_run (SteerTextStyle *self, gsize offset)
{
  const GArray *runs = steer_message_get_runs (self->message);
  guint i = find_run (runs, offset);

  return i < runs->len ? &g_array_index (runs, SteerTextRun, i) : NULL;
}

guint
steer_text_style_get_level (SteerTextStyle *self, gsize offset, gsize *end)
{
  const GArray *runs = steer_message_get_runs (self->message);
  guint i = find_run (runs, offset);
  const SteerTextRun *run;
  double share;

  *end = G_MAXSIZE;
  if (i >= runs->len || !self->show)
    return 0;
  measure_new_runs (self);
  run = &g_array_index (runs, SteerTextRun, i);
  *end = run->start + run->length;
  share = g_array_index (self->shares, double, i);
  if (share < 0.0)
    share = -share / self->strongest;
  return steer_transcript_get_level (share);
}

const char *
steer_text_style_get_color (SteerTextStyle *self, guint level)
{
  g_return_val_if_fail (level > 0 && level < STEER_N_LEVELS, NULL);
  return (self->dark ? dark_colors : light_colors)[level];
}

const char *
steer_text_style_get_code_color (SteerTextStyle *self)
{
  return self->dark ? "#3d3d3d" : "#ececec";
}
