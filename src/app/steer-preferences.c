#include "steer-preferences.h"

#include <glib/gi18n.h>

#include "steer-accessible.h"
#include "steer-dialogs.h"
#include "steer-preset-settings.h"
#include "steer-steering-closures.h"
#include "steer-sources-page.h"

struct _SteerPreferences
{
  AdwPreferencesWindow parent_instance;

  SteerWorkspace *workspace;
  GPtrArray *device_ids; /* (element-type utf8): in the order of the combo */

  char *prompt_text; /* of the groups, while the preset in use says nothing */
  char *sampling_text;
  GSignalGroup *preset; /* what it tells */

  AdwPreferencesGroup *prompt_group;
  AdwPreferencesGroup *sampling_group;
  GtkTextView *system_prompt;
  GtkSpinButton *temperature;
  GtkSpinButton *top_p;
  GtkSpinButton *top_k;
  GtkSpinButton *min_p;
  GtkSpinButton *repetition_penalty;
  GtkSpinButton *max_tokens;
  GtkSpinButton *seed;
  SteerSourcesPage *sources;
  GtkSwitch *think_first;
  GtkSwitch *recompute_after_steering;
  GtkSwitch *clamp_new_features;
  GtkSwitch *mark_steered_text;
  GtkSpinButton *text_scale;
  AdwComboRow *device;
  GtkSpinButton *threads;
  GtkSpinButton *context_size;
  GtkSwitch *quantise_weights;
  GtkSwitch *small_cache;
};

G_DEFINE_FINAL_TYPE (SteerPreferences, steer_preferences, ADW_TYPE_PREFERENCES_WINDOW)

static GSettings *
get_settings (SteerPreferences *self)
{
  return steer_workspace_get_settings (self->workspace);
}

static void
on_reset (SteerPreferences *self)
{
  static const char *const keys[]
    = { "temperature", "top-p", "top-k", "min-p", "repetition-penalty", "max-tokens", "seed" };

  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    g_settings_reset (get_settings (self), keys[i]);
}

static void
on_reload (SteerPreferences *self)
{
  g_autofree char *path = g_settings_get_string (get_settings (self), "model-path");

  steer_workspace_load_model (self->workspace, *path != '\0' ? path : NULL);
}

static void
on_device_selected (SteerPreferences *self)
{
  guint selected = adw_combo_row_get_selected (self->device);

  if (self->device_ids != NULL && selected < self->device_ids->len)
    g_settings_set_string (get_settings (self), "device", g_ptr_array_index (self->device_ids, selected));
}

static void
add_device (GtkStringList *names, GPtrArray *ids, const char *id, const char *name)
{
  gtk_string_list_append (names, name);
  g_ptr_array_add (ids, g_strdup (id));
}

/* @devices: (nullable): while they are being listed only what is chosen is known. */
static void
show_devices (SteerPreferences *self, GPtrArray *devices)
{
  g_autofree char *chosen = g_settings_get_string (get_settings (self), "device");
  g_autoptr (GtkStringList) names = gtk_string_list_new (NULL);
  g_autoptr (GPtrArray) ids = g_ptr_array_new_with_free_func (g_free);
  guint selected = 0;

  add_device (names, ids, "auto", _ ("Automatic"));
  for (guint i = 0; devices != NULL && i < devices->len; i++)
    {
      const SteerDevice *device = g_ptr_array_index (devices, i);
      g_autofree char *unusable = NULL;

      if (device->absent)
        continue;
      unusable = device->usable ? NULL : g_strdup_printf (_ ("%s (unusable)"), device->name);

      add_device (names, ids, device->id, unusable != NULL ? unusable : device->name);
    }
  for (guint i = 0; i < ids->len; i++)
    if (g_str_equal (g_ptr_array_index (ids, i), chosen))
      selected = i;
  if (selected == 0 && !g_str_equal (chosen, "auto"))
    {
      selected = ids->len;
      add_device (names, ids, chosen, chosen);
    }

  g_clear_pointer (&self->device_ids, g_ptr_array_unref);
  adw_combo_row_set_model (self->device, G_LIST_MODEL (names));
  adw_combo_row_set_selected (self->device, selected);
  self->device_ids = g_steal_pointer (&ids);
}

static void
list_devices (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  g_task_return_pointer (task, steer_backend_list_devices (), (GDestroyNotify) g_ptr_array_unref);
}

static void
on_devices_listed (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (SteerPreferences) self = data;
  g_autoptr (GPtrArray) devices = g_task_propagate_pointer (G_TASK (result), NULL);

  if (self->workspace != NULL)
    show_devices (self, devices);
}

/* Asking a driver for its devices may take a while. */
void
steer_preferences_list_devices (SteerPreferences *self)
{
  g_autoptr (GTask) task = NULL;

  g_return_if_fail (STEER_IS_PREFERENCES (self));
  task = g_task_new (NULL, NULL, on_devices_listed, g_object_ref (self));
  g_task_run_in_thread (task, list_devices);
}

/* A number of the sampling settings, which shows what counts: where nothing was chosen, that is the model's advice. */
typedef struct
{
  SteerPreferences *self;
  SteerSamplingFields field;
} Measure;

static gboolean
show_measure (GValue *value, GVariant *chosen, gpointer data)
{
  Measure *measure = data;
  SteerSampling sampling;

  steer_workspace_get_usual_sampling (measure->self->workspace, &sampling);
  g_value_set_double (value, steer_sampling_get (&sampling, measure->field));
  return TRUE;
}

static GVariant *
choose_measure (const GValue *value, const GVariantType *type, gpointer data)
{
  double number = g_value_get_double (value);

  return g_variant_type_equal (type, G_VARIANT_TYPE_UINT32) ? g_variant_new_uint32 ((guint32) number)
                                                            : g_variant_new_double (number);
}

static void
unbind_sampling (SteerPreferences *self)
{
  GtkSpinButton *const spins[] = { self->temperature, self->top_p, self->top_k, self->min_p, self->repetition_penalty };

  for (guint i = 0; i < G_N_ELEMENTS (spins); i++)
    g_settings_unbind (spins[i], "value");
}

/* Done again when the model is another, so that its advice is shown. An old binding would take what a new one shows for
 * a choice. */
static void
bind_sampling (SteerPreferences *self)
{
  const struct
  {
    const char *key;
    GtkSpinButton *spin;
    SteerSamplingFields field;
  } bindings[] = {
    { "temperature", self->temperature, STEER_SAMPLING_TEMPERATURE },
    { "top-p", self->top_p, STEER_SAMPLING_TOP_P },
    { "top-k", self->top_k, STEER_SAMPLING_TOP_K },
    { "min-p", self->min_p, STEER_SAMPLING_MIN_P },
    { "repetition-penalty", self->repetition_penalty, STEER_SAMPLING_REPETITION_PENALTY },
  };

  unbind_sampling (self);
  for (guint i = 0; i < G_N_ELEMENTS (bindings); i++)
    {
      Measure *measure = g_new (Measure, 1);

      *measure = (Measure){ self, bindings[i].field };
      g_settings_bind_with_mapping (get_settings (self), bindings[i].key, bindings[i].spin, "value",
                                    G_SETTINGS_BIND_DEFAULT, show_measure, choose_measure, measure, g_free);
    }
}

/* @more: (nullable) (transfer full) */
static void
describe (AdwPreferencesGroup *group, const char *usual, char *more)
{
  g_autofree char *text = more != NULL ? g_strdup_printf ("%s %s", usual, more) : g_strdup (usual);
  g_autofree char *escaped = g_markup_escape_text (text, -1);

  adw_preferences_group_set_description (group, escaped);
  g_free (more);
}

/* Whoever changes a number here and sees no effect is told why. */
static void
show_preset (SteerPreferences *self)
{
  SteerPreset *preset = steer_workspace_get_preset (self->workspace);
  g_autofree char *name = steer_steering_dup_preset_name (NULL, steer_preset_get_name (preset));
  g_autofree char *own = steer_preset_settings_dup_sampling (preset);

  describe (self->prompt_group, self->prompt_text,
            steer_preset_settings_has_prompt (preset)
              ? g_strdup_printf (_ ("The preset in use, “%s”, has its own."), name)
              : NULL);
  describe (self->sampling_group, self->sampling_text,
            *own != '\0' ? g_strdup_printf (_ ("The preset in use, “%s”, sets: %s."), name, own) : NULL);
}

static void
on_preset_notify (SteerPreferences *self)
{
  g_signal_group_set_target (self->preset, steer_workspace_get_preset (self->workspace));
  show_preset (self);
}

static void
watch_preset (SteerPreferences *self)
{
  self->prompt_text = g_strdup (adw_preferences_group_get_description (self->prompt_group));
  self->sampling_text = g_strdup (adw_preferences_group_get_description (self->sampling_group));
  self->preset = g_signal_group_new (STEER_TYPE_PRESET);
  g_signal_group_connect_swapped (self->preset, "changed", G_CALLBACK (show_preset), self);
  g_signal_connect_object (self->workspace, "notify::preset", G_CALLBACK (on_preset_notify), self, G_CONNECT_SWAPPED);
  on_preset_notify (self);
}

static void
bind_settings (SteerPreferences *self)
{
  const struct
  {
    const char *key;
    gpointer object;
    const char *property;
  } bindings[] = {
    { "max-tokens", gtk_spin_button_get_adjustment (self->max_tokens), "value" },
    { "seed", gtk_spin_button_get_adjustment (self->seed), "value" },
    { "think-first", self->think_first, "active" },
    { "recompute-after-steering", self->recompute_after_steering, "active" },
    { "clamp-new-features", self->clamp_new_features, "active" },
    { "mark-steered-text", self->mark_steered_text, "active" },
    { "text-scale", self->text_scale, "value" },
    { "threads", gtk_spin_button_get_adjustment (self->threads), "value" },
    { "context-size", gtk_spin_button_get_adjustment (self->context_size), "value" },
    { "quantise-weights", self->quantise_weights, "active" },
    { "small-cache", self->small_cache, "active" },
    { "system-prompt", gtk_text_view_get_buffer (self->system_prompt), "text" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (bindings); i++)
    g_settings_bind (get_settings (self), bindings[i].key, bindings[i].object, bindings[i].property,
                     G_SETTINGS_BIND_DEFAULT);
}

static void
steer_preferences_dispose (GObject *object)
{
  SteerPreferences *self = STEER_PREFERENCES (object);

  /* The buttons may outlive this: libadwaita 1.2 never frees the groups of such a window. */
  if (self->workspace != NULL)
    unbind_sampling (self);
  g_clear_object (&self->preset);
  g_clear_object (&self->workspace);
  g_clear_pointer (&self->prompt_text, g_free);
  g_clear_pointer (&self->sampling_text, g_free);
  g_clear_pointer (&self->device_ids, g_ptr_array_unref);
  G_OBJECT_CLASS (steer_preferences_parent_class)->dispose (object);
}

static void
steer_preferences_class_init (SteerPreferencesClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = steer_preferences_dispose;

  g_type_ensure (STEER_TYPE_SOURCES_PAGE);
  gtk_widget_class_set_template_from_resource (widget_class, "/com/example/SteerChat/steer-preferences.ui");
  gtk_widget_class_bind_template_child (widget_class, SteerPreferences, sources);
  gtk_widget_class_bind_template_child (widget_class, SteerPreferences, prompt_group);
  gtk_widget_class_bind_template_child (widget_class, SteerPreferences, sampling_group);
  gtk_widget_class_bind_template_child (widget_class, SteerPreferences, system_prompt);
  gtk_widget_class_bind_template_child (widget_class, SteerPreferences, temperature);
  gtk_widget_class_bind_template_child (widget_class, SteerPreferences, top_p);
  gtk_widget_class_bind_template_child (widget_class, SteerPreferences, top_k);
  gtk_widget_class_bind_template_child (widget_class, SteerPreferences, min_p);
  gtk_widget_class_bind_template_child (widget_class, SteerPreferences, repetition_penalty);
  gtk_widget_class_bind_template_child (widget_class, SteerPreferences, max_tokens);
  gtk_widget_class_bind_template_child (widget_class, SteerPreferences, seed);
  gtk_widget_class_bind_template_child (widget_class, SteerPreferences, think_first);
  gtk_widget_class_bind_template_child (widget_class, SteerPreferences, recompute_after_steering);
  gtk_widget_class_bind_template_child (widget_class, SteerPreferences, clamp_new_features);
  gtk_widget_class_bind_template_child (widget_class, SteerPreferences, mark_steered_text);
  gtk_widget_class_bind_template_child (widget_class, SteerPreferences, text_scale);
  gtk_widget_class_bind_template_child (widget_class, SteerPreferences, device);
  gtk_widget_class_bind_template_child (widget_class, SteerPreferences, threads);
  gtk_widget_class_bind_template_child (widget_class, SteerPreferences, context_size);
  gtk_widget_class_bind_template_child (widget_class, SteerPreferences, quantise_weights);
  gtk_widget_class_bind_template_child (widget_class, SteerPreferences, small_cache);
  gtk_widget_class_bind_template_callback (widget_class, on_reset);
  gtk_widget_class_bind_template_callback (widget_class, on_reload);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
}

static void
steer_preferences_init (SteerPreferences *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  steer_accessible_name_inner (GTK_WIDGET (self));
}

SteerPreferences *
steer_preferences_new (GtkWindow *parent, SteerWorkspace *workspace)
{
  SteerPreferences *self = g_object_new (STEER_TYPE_PREFERENCES, "transient-for", parent, NULL);

  steer_dialog_forget_parent (GTK_WINDOW (self));
  self->workspace = g_object_ref (workspace);
  bind_settings (self);
  bind_sampling (self);
  watch_preset (self);
  g_signal_connect_object (steer_workspace_get_engine (workspace), "notify::model-name", G_CALLBACK (bind_sampling),
                           self, G_CONNECT_SWAPPED);
  steer_sources_page_set_workspace (self->sources, workspace);
  show_devices (self, NULL);
  g_signal_connect_object (self->device, "notify::selected", G_CALLBACK (on_device_selected), self, G_CONNECT_SWAPPED);
  steer_preferences_list_devices (self);
  return self;
}
