#include "steer-condition-dialog.h"

#include <glib/gi18n.h>
#include <math.h>

#include "steer-steering-closures.h"

/* In the order of the lists in the template. */
enum
{
  MEASURE_ACTIVATION,
  MEASURE_PROJECTION,
};

enum
{
  COMPARISON_ABOVE,
  COMPARISON_AT_MOST,
};

struct _SteerConditionDialog
{
  AdwMessageDialog parent_instance;

  SteerFeature *feature;

  AdwComboRow *measure;
  GtkEditable *index;
  AdwComboRow *comparison;
  GtkEditable *bound;
};

G_DEFINE_FINAL_TYPE (SteerConditionDialog, steer_condition_dialog, ADW_TYPE_MESSAGE_DIALOG)

/* Nothing typed means the feature itself. */
static gboolean
read_index (SteerConditionDialog *self, SteerCondition *condition)
{
  g_autofree char *text = g_strstrip (g_strdup (gtk_editable_get_text (self->index)));

  condition->other = *text != '\0';
  return !condition->other || g_ascii_string_to_unsigned (text, 10, 0, G_MAXINT64, &condition->index, NULL);
}

static gboolean
read_bound (SteerConditionDialog *self, SteerCondition *condition)
{
  return steer_steering_parse_strength (gtk_editable_get_text (self->bound), &condition->bound)
         && fabs (condition->bound) <= STEER_FEATURE_MAX_STRENGTH;
}

static void
set_complaint (GtkEditable *entry, gboolean good)
{
  if (good)
    gtk_widget_remove_css_class (GTK_WIDGET (entry), "error");
  else
    gtk_widget_add_css_class (GTK_WIDGET (entry), "error");
  gtk_accessible_update_state (GTK_ACCESSIBLE (entry), GTK_ACCESSIBLE_STATE_INVALID,
                               good ? GTK_ACCESSIBLE_INVALID_FALSE : GTK_ACCESSIBLE_INVALID_TRUE, -1);
}

static gboolean
read_condition (SteerConditionDialog *self, SteerCondition *condition)
{
  condition->projection = adw_combo_row_get_selected (self->measure) == MEASURE_PROJECTION;
  condition->above = adw_combo_row_get_selected (self->comparison) == COMPARISON_ABOVE;
  return read_index (self, condition) && read_bound (self, condition);
}

static void
on_changed (SteerConditionDialog *self)
{
  SteerCondition condition = { 0 };

  set_complaint (self->index, read_index (self, &condition));
  set_complaint (self->bound, read_bound (self, &condition));
  adw_message_dialog_set_response_enabled (ADW_MESSAGE_DIALOG (self), "accept", read_condition (self, &condition));
}

static void
steer_condition_dialog_response (AdwMessageDialog *dialog, const char *response)
{
  SteerConditionDialog *self = STEER_CONDITION_DIALOG (dialog);
  SteerCondition condition = { 0 };

  if (g_str_equal (response, "everywhere"))
    steer_feature_set_condition (self->feature, NULL);
  else if (g_str_equal (response, "accept") && read_condition (self, &condition))
    steer_feature_set_condition (self->feature, &condition);
}

static void
show_condition (SteerConditionDialog *self)
{
  const SteerCondition *condition = steer_feature_get_condition (self->feature);
  g_autofree char *bound = steer_steering_dup_strength (NULL, condition != NULL ? condition->bound : 0.0);

  gtk_editable_set_text (self->bound, bound);
  adw_message_dialog_set_response_enabled (ADW_MESSAGE_DIALOG (self), "everywhere", condition != NULL);
  if (condition == NULL)
    return;
  adw_combo_row_set_selected (self->measure, condition->projection ? MEASURE_PROJECTION : MEASURE_ACTIVATION);
  adw_combo_row_set_selected (self->comparison, condition->above ? COMPARISON_ABOVE : COMPARISON_AT_MOST);
  if (condition->other)
    {
      g_autofree char *index = g_strdup_printf ("%" G_GUINT64_FORMAT, condition->index);

      gtk_editable_set_text (self->index, index);
    }
}

static void
steer_condition_dialog_dispose (GObject *object)
{
  g_clear_object (&STEER_CONDITION_DIALOG (object)->feature);
  G_OBJECT_CLASS (steer_condition_dialog_parent_class)->dispose (object);
}

static void
steer_condition_dialog_class_init (SteerConditionDialogClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = steer_condition_dialog_dispose;
  ADW_MESSAGE_DIALOG_CLASS (klass)->response = steer_condition_dialog_response;
  gtk_widget_class_set_template_from_resource (widget_class, "/com/example/SteerChat/steer-condition-dialog.ui");
  gtk_widget_class_bind_template_child (widget_class, SteerConditionDialog, measure);
  gtk_widget_class_bind_template_child (widget_class, SteerConditionDialog, index);
  gtk_widget_class_bind_template_child (widget_class, SteerConditionDialog, comparison);
  gtk_widget_class_bind_template_child (widget_class, SteerConditionDialog, bound);
  gtk_widget_class_bind_template_callback (widget_class, on_changed);
}

static void
steer_condition_dialog_init (SteerConditionDialog *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

GtkWidget *
steer_condition_dialog_new (GtkWindow *parent, SteerFeature *feature)
{
  SteerConditionDialog *self = g_object_new (STEER_TYPE_CONDITION_DIALOG, "transient-for", parent, NULL);
  g_autofree char *title
    = steer_steering_dup_title (NULL, steer_feature_get_label (feature), steer_feature_get_index (feature));

  self->feature = g_object_ref (feature);
  adw_message_dialog_format_heading (ADW_MESSAGE_DIALOG (self), _ ("Steer “%s” Only Where…"), title);
  show_condition (self);
  on_changed (self);
  return GTK_WIDGET (self);
}
