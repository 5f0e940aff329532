#include "steer-preset-settings.h"

#include <glib/gi18n.h>
#include <math.h>

#include "steer-accessible.h"
#include "steer-dialogs.h"
#include "steer-steering-closures.h"
#include "steer-strength-scale.h"

#define N_SETTINGS 7

/* As the preferences call them, with their ranges. */
static const struct
{
  SteerSamplingFields field;
  const char *title;
  const char *text;
  double lower;
  double upper;
  double step;
  double page;
  int digits;
} settings[N_SETTINGS] = {
  { STEER_SAMPLING_TEMPERATURE, N_ ("Temperature"), N_ ("0 always takes the likeliest; higher is freer"), 0.0,
    STEER_SAMPLING_MAX_TEMPERATURE, 0.05, 0.25, 2 },
  { STEER_SAMPLING_TOP_P, N_ ("Top P"), N_ ("Choose from this share of the probability; 1 for all"), 0.01, 1.0, 0.01,
    0.05, 2 },
  { STEER_SAMPLING_TOP_K, N_ ("Top K"), N_ ("Choose from so many of the likeliest; 0 for all"), 0.0, 100000.0, 1.0,
    10.0, 0 },
  { STEER_SAMPLING_MIN_P, N_ ("Min P"), N_ ("Leave out what is this much less likely than the likeliest; 0 for none"),
    0.0, 1.0, 0.01, 0.05, 2 },
  { STEER_SAMPLING_REPETITION_PENALTY, N_ ("Repetition Penalty"),
    N_ ("Above 1, what was said already becomes less likely"), 0.5, 3.0, 0.01, 0.1, 2 },
  { STEER_SAMPLING_MAX_TOKENS, N_ ("Longest Reply"), N_ ("In tokens; 0 for as many as the context holds"), 0.0,
    131072.0, 16.0, 128.0, 0 },
  { STEER_SAMPLING_SEED, N_ ("Seed"), N_ ("The same seed gives the same reply; 0 for another one each time"), 0.0,
    G_MAXUINT32, 1.0, 100.0, 0 },
};

struct _SteerPresetSettings
{
  AdwWindow parent_instance;

  SteerWorkspace *workspace;
  GSignalGroup *preset;  /* what the preset in use tells */
  const char *no_prompt; /* what stands for none in the preset: NULL or "" */
  gboolean showing;      /* the widgets are being set from the preset, not the other way round */

  AdwWindowTitle *heading;
  GtkTextView *system_prompt;
  AdwPreferencesGroup *sampling;
  AdwActionRow *rows[N_SETTINGS];
  GtkCheckButton *own[N_SETTINGS]; /* ticked: the preset sets it */
  GtkSpinButton *numbers[N_SETTINGS];
};

G_DEFINE_FINAL_TYPE (SteerPresetSettings, steer_preset_settings, ADW_TYPE_WINDOW)

static double
get_number (const SteerSampling *sampling, SteerSamplingFields field)
{
  if (field == STEER_SAMPLING_SEED)
    return (double) sampling->seed;
  return field == STEER_SAMPLING_MAX_TOKENS ? sampling->max_tokens : steer_sampling_get (sampling, field);
}

static void
set_number (SteerSampling *sampling, SteerSamplingFields field, double number)
{
  if (field == STEER_SAMPLING_SEED)
    sampling->seed = (guint64) number;
  else if (field == STEER_SAMPLING_MAX_TOKENS)
    sampling->max_tokens = (guint) number;
  else
    steer_sampling_set (sampling, field, number);
}

static SteerPreset *
get_preset (SteerPresetSettings *self)
{
  return steer_workspace_get_preset (self->workspace);
}

static void
show_prompt (SteerPresetSettings *self)
{
  GtkTextBuffer *buffer = gtk_text_view_get_buffer (self->system_prompt);
  const char *prompt = steer_preset_get_system_prompt (get_preset (self));
  g_autofree char *shown = NULL;

  g_object_get (buffer, "text", &shown, NULL);
  if (!g_str_equal (shown, prompt != NULL ? prompt : ""))
    gtk_text_buffer_set_text (buffer, prompt != NULL ? prompt : "", -1);
}

static void
show_preset (SteerPresetSettings *self)
{
  SteerSamplingFields fields = steer_preset_get_sampling_fields (get_preset (self));
  g_autofree char *name = steer_steering_dup_preset_name (NULL, steer_preset_get_name (get_preset (self)));
  SteerSampling sampling;

  if (self->showing)
    return;
  self->showing = TRUE;
  adw_window_title_set_subtitle (self->heading, name);
  show_prompt (self);
  steer_workspace_get_sampling (self->workspace, &sampling);
  for (guint i = 0; i < N_SETTINGS; i++)
    {
      gboolean own = (fields & settings[i].field) != 0;

      adw_action_row_set_subtitle (self->rows[i], own ? _ (settings[i].text) : _ ("As in Preferences"));
      gtk_check_button_set_active (self->own[i], own);
      gtk_widget_set_sensitive (GTK_WIDGET (self->numbers[i]), own);
      gtk_spin_button_set_value (self->numbers[i], get_number (&sampling, settings[i].field));
    }
  self->showing = FALSE;
}

static void
on_preset_notify (SteerPresetSettings *self)
{
  self->no_prompt = steer_preset_get_system_prompt (get_preset (self)) != NULL ? "" : NULL;
  g_signal_group_set_target (self->preset, get_preset (self));
  show_preset (self);
}

static guint
find_widget (gpointer widgets, gpointer widget)
{
  guint i = 0;

  while (i < N_SETTINGS - 1 && ((gpointer *) widgets)[i] != widget)
    i++;
  return i;
}

/* What was shown of the preferences is where a setting of its own begins. */
static void
on_own_toggled (GtkCheckButton *button, SteerPresetSettings *self)
{
  guint i = find_widget (self->own, button);
  SteerSamplingFields fields;
  SteerSampling sampling;

  if (self->showing)
    return;
  fields = steer_preset_get_sampling_fields (get_preset (self));
  steer_workspace_get_sampling (self->workspace, &sampling);
  fields = gtk_check_button_get_active (button) ? fields | settings[i].field : fields & ~settings[i].field;
  steer_preset_set_sampling_fields (get_preset (self), &sampling, fields);
}

/* A number that only shows fewer decimals than the preset has is no change. */
static void
on_number_changed (GtkSpinButton *number, SteerPresetSettings *self)
{
  guint i = find_widget (self->numbers, number);
  double value = gtk_spin_button_get_value (number);
  SteerSampling sampling;

  if (self->showing)
    return;
  sampling = *steer_preset_get_sampling (get_preset (self));
  if (fabs (value - get_number (&sampling, settings[i].field)) < 0.5 * pow (10.0, -settings[i].digits))
    return;
  set_number (&sampling, settings[i].field, value);
  steer_preset_set_sampling_fields (get_preset (self), &sampling, steer_preset_get_sampling_fields (get_preset (self)));
}

static void
on_prompt_changed (SteerPresetSettings *self)
{
  g_autofree char *text = NULL;

  if (self->showing)
    return;
  g_object_get (gtk_text_view_get_buffer (self->system_prompt), "text", &text, NULL);
  self->showing = TRUE;
  steer_preset_set_system_prompt (get_preset (self), *text != '\0' ? text : self->no_prompt);
  self->showing = FALSE;
}

static void
add_row (SteerPresetSettings *self, guint i)
{
  const char *title = _ (settings[i].title);
  g_autofree char *own = g_strdup_printf (_ ("%s of this preset"), title);
  GtkWidget *row = adw_action_row_new (), *check = gtk_check_button_new ();
  GtkWidget *number = gtk_spin_button_new_with_range (settings[i].lower, settings[i].upper, settings[i].step);

  gtk_adjustment_set_page_increment (gtk_spin_button_get_adjustment (GTK_SPIN_BUTTON (number)), settings[i].page);
  gtk_spin_button_set_digits (GTK_SPIN_BUTTON (number), (guint) settings[i].digits);
  gtk_spin_button_set_numeric (GTK_SPIN_BUTTON (number), TRUE);
  gtk_editable_set_width_chars (GTK_EDITABLE (number), 7);
  gtk_widget_set_valign (number, GTK_ALIGN_CENTER);
  gtk_widget_set_valign (check, GTK_ALIGN_CENTER);
  steer_strength_scale_ignore_wheel (number);
  steer_accessible_set_name (check, own);
  gtk_accessible_update_property (GTK_ACCESSIBLE (number), GTK_ACCESSIBLE_PROPERTY_LABEL, title, -1);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), title);
  adw_action_row_add_prefix (ADW_ACTION_ROW (row), check);
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), number);
  adw_action_row_set_activatable_widget (ADW_ACTION_ROW (row), check);
  adw_preferences_group_add (self->sampling, row);
  self->rows[i] = ADW_ACTION_ROW (row);
  self->own[i] = GTK_CHECK_BUTTON (check);
  self->numbers[i] = GTK_SPIN_BUTTON (number);
  g_signal_connect (check, "toggled", G_CALLBACK (on_own_toggled), self);
  g_signal_connect (number, "value-changed", G_CALLBACK (on_number_changed), self);
}

/* A number that is being typed counts when it is left: now, as long as there is a preset for it. */
static gboolean
steer_preset_settings_close_request (GtkWindow *window)
{
  gtk_window_set_focus (window, NULL);
  return GTK_WINDOW_CLASS (steer_preset_settings_parent_class)->close_request (window);
}

static void
steer_preset_settings_dispose (GObject *object)
{
  SteerPresetSettings *self = STEER_PRESET_SETTINGS (object);

  self->showing = TRUE; /* widgets that go are not listened to */
  g_clear_object (&self->preset);
  g_clear_object (&self->workspace);
  G_OBJECT_CLASS (steer_preset_settings_parent_class)->dispose (object);
}

static void
steer_preset_settings_class_init (SteerPresetSettingsClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = steer_preset_settings_dispose;
  GTK_WINDOW_CLASS (klass)->close_request = steer_preset_settings_close_request;
  gtk_widget_class_set_template_from_resource (widget_class, "/com/example/SteerChat/steer-preset-settings.ui");
  gtk_widget_class_bind_template_child (widget_class, SteerPresetSettings, heading);
  gtk_widget_class_bind_template_child (widget_class, SteerPresetSettings, system_prompt);
  gtk_widget_class_bind_template_child (widget_class, SteerPresetSettings, sampling);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
}

static void
steer_preset_settings_init (SteerPresetSettings *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  for (guint i = 0; i < N_SETTINGS; i++)
    add_row (self, i);
}

GtkWidget *
steer_preset_settings_new (GtkWindow *parent, SteerWorkspace *workspace)
{
  SteerPresetSettings *self = g_object_new (STEER_TYPE_PRESET_SETTINGS, "transient-for", parent, NULL);

  steer_dialog_forget_parent (GTK_WINDOW (self));
  self->workspace = g_object_ref (workspace);
  self->preset = g_signal_group_new (STEER_TYPE_PRESET);
  g_signal_group_connect_swapped (self->preset, "changed", G_CALLBACK (show_preset), self);
  g_signal_connect_object (workspace, "notify::preset", G_CALLBACK (on_preset_notify), self, G_CONNECT_SWAPPED);
  on_preset_notify (self);
  g_signal_connect_object (gtk_text_view_get_buffer (self->system_prompt), "changed", G_CALLBACK (on_prompt_changed),
                           self, G_CONNECT_SWAPPED);
  return GTK_WIDGET (self);
}

static void
append (GString *list, const char *what)
{
  g_string_append_printf (list, "%s%s", list->len > 0 ? ", " : "", what);
}

gboolean
steer_preset_settings_has_prompt (SteerPreset *preset)
{
  const char *prompt = steer_preset_get_system_prompt (preset);

  return prompt != NULL && *prompt != '\0';
}

static void
append_sampling (GString *list, SteerPreset *preset)
{
  for (guint i = 0; i < N_SETTINGS; i++)
    if ((steer_preset_get_sampling_fields (preset) & settings[i].field) != 0)
      append (list, _ (settings[i].title));
}

char *
steer_preset_settings_dup_sampling (SteerPreset *preset)
{
  GString *list = g_string_new (NULL);

  append_sampling (list, preset);
  return g_string_free (list, FALSE);
}

char *
steer_preset_settings_dup_summary (SteerPreset *preset)
{
  g_autoptr (GString) list = g_string_new (NULL);

  if (steer_preset_settings_has_prompt (preset))
    append (list, _ ("System Prompt"));
  append_sampling (list, preset);
  return list->len > 0 ? g_strdup_printf (_ ("Its own: %s"), list->str) : g_strdup (_ ("As in Preferences"));
}
