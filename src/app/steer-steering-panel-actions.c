/* What the panel's menus and keys do. Whatever throws work away can be undone from its toast. */
#include "steer-steering-panel-private.h"

#include <glib/gi18n.h>
#include <math.h>

#include "steer-add-feature-dialog.h"
#include "steer-contrast-dialog.h"
#include "steer-preset-settings.h"
#include "steer-steering-closures.h"
#include "steer-sweep-dialog.h"
#include "steering/steer-directions.h"

static void
toggle (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerPreset *preset = steer_steering_panel_get_preset (data);

  steer_preset_set_master_enabled (preset, !steer_preset_get_master_enabled (preset));
}

/* Back to the file where there is one, else to what the sources recommend. */
static void
reset (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerSteeringPanel *self = data;
  SteerPreset *preset = steer_steering_panel_get_preset (self);
  const char *path = steer_workspace_get_preset_path (self->workspace);
  gboolean modified = steer_workspace_get_preset_modified (self->workspace);
  SteerSteeringUndo *undo = steer_steering_undo_new (self);

  steer_steering_panel_set_solo (self, NULL);
  if (path != NULL && modified && steer_workspace_open_preset (self->workspace, path, NULL))
    {
      steer_steering_panel_show_undo (self, _ ("Back to the saved strengths"), undo);
      return;
    }
  steer_steering_reset (preset);
  steer_steering_panel_show_undo (self, _ ("Back to the recommended strengths"), undo);
}

/* Vectors are read from files: by a thread. */
typedef struct
{
  SteerLibrary *library;
  guint layer;
  GPtrArray *sources; /* (element-type utf8) (nullable elements): of each feature of the layer, the new one last */
  GArray *indices;    /* guint64 */
  GPtrArray *titles;  /* (element-type utf8) */
  guint nearest;
  double cosine;
} Likeness;

static void
likeness_free (gpointer data)
{
  Likeness *likeness = data;

  g_object_unref (likeness->library);
  g_ptr_array_unref (likeness->sources);
  g_array_unref (likeness->indices);
  g_ptr_array_unref (likeness->titles);
  g_free (likeness);
}

static void
likeness_add (Likeness *likeness, SteerFeature *feature)
{
  guint64 index = steer_feature_get_index (feature);

  g_ptr_array_add (likeness->sources, g_strdup (steer_feature_get_source (feature)));
  g_array_append_val (likeness->indices, index);
  g_ptr_array_add (likeness->titles, steer_steering_dup_title (NULL, steer_feature_get_label (feature), index));
}

static void
find_nearest (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Likeness *likeness = data;
  guint last = likeness->indices->len - 1;
  g_autoptr (GBytes) added
    = steer_library_load_vector (likeness->library, g_ptr_array_index (likeness->sources, last), likeness->layer,
                                 g_array_index (likeness->indices, guint64, last), NULL);

  for (guint i = 0; i < last && added != NULL; i++)
    {
      g_autoptr (GBytes) other
        = steer_library_load_vector (likeness->library, g_ptr_array_index (likeness->sources, i), likeness->layer,
                                     g_array_index (likeness->indices, guint64, i), NULL);
      double cosine;

      if (other == NULL || g_bytes_get_size (other) != g_bytes_get_size (added))
        continue;
      cosine = steer_cosine (g_bytes_get_data (added, NULL), g_bytes_get_data (other, NULL),
                             (guint) (g_bytes_get_size (added) / sizeof (float)));
      if (fabs (cosine) > fabs (likeness->cosine))
        {
          likeness->cosine = cosine;
          likeness->nearest = i;
        }
    }
  g_task_return_boolean (task, TRUE);
}

static void
on_nearest_found (GObject *source, GAsyncResult *result, gpointer data)
{
  Likeness *likeness = g_task_get_task_data (G_TASK (result));
  guint last = likeness->indices->len - 1;
  g_autofree char *text = NULL;

  if (fabs (likeness->cosine) < STEER_NEAR_DUPLICATE || STEER_STEERING_PANEL (source)->workspace == NULL)
    return;
  text = g_strdup_printf (_ ("“%s” is nearly the same direction as “%s” (cosine %.2f): clamping both sets it twice"),
                          (const char *) g_ptr_array_index (likeness->titles, last),
                          (const char *) g_ptr_array_index (likeness->titles, likeness->nearest), likeness->cosine);
  steer_steering_panel_show_text (STEER_STEERING_PANEL (source), text);
}

/* @feature is the last row. */
static void
warn_of_likeness (SteerSteeringPanel *self, SteerFeature *feature)
{
  GListModel *features = G_LIST_MODEL (steer_steering_panel_get_preset (self));
  g_autoptr (GTask) task = g_task_new (self, NULL, on_nearest_found, NULL);
  Likeness *likeness = g_new0 (Likeness, 1);

  likeness->library = g_object_ref (steer_workspace_get_library (self->workspace));
  likeness->layer = steer_feature_get_layer (feature);
  likeness->sources = g_ptr_array_new_with_free_func (g_free);
  likeness->indices = g_array_new (FALSE, FALSE, sizeof (guint64));
  likeness->titles = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < g_list_model_get_n_items (features); i++)
    {
      g_autoptr (SteerFeature) other = g_list_model_get_item (features, i);

      if (steer_feature_get_layer (other) == likeness->layer)
        likeness_add (likeness, other);
    }
  g_task_set_task_data (task, likeness, likeness_free);
  g_task_run_in_thread (task, find_nearest);
}

/* As it is. */
static void
append (SteerSteeringPanel *self, SteerFeature *feature)
{
  SteerPreset *preset = steer_steering_panel_get_preset (self);

  steer_preset_append (preset, feature);
  steer_steering_panel_focus_row (self, g_list_model_get_n_items (G_LIST_MODEL (preset)) - 1);
  warn_of_likeness (self, feature);
}

void
steer_steering_panel_add (SteerSteeringPanel *self, SteerFeature *feature)
{
  g_return_if_fail (STEER_IS_STEERING_PANEL (self));

  steer_feature_set_clamp (feature, steer_preset_get_default_clamp (steer_steering_panel_get_preset (self)));
  append (self, feature);
}

static void
on_file_chosen (SteerSteeringPanel *self, GFile *file)
{
  if (g_file_peek_path (file) != NULL)
    steer_workspace_add_source (self->workspace, g_file_peek_path (file));
}

static gboolean
present (gpointer dialog)
{
  /* Its parent may have gone meanwhile, and it with it. */
  if (gtk_window_get_transient_for (dialog) != NULL)
    gtk_window_present (dialog);
  return G_SOURCE_REMOVE;
}

/* To make a dialog takes most of a frame, and so does to show it. */
static void
present_soon (GtkWidget *dialog)
{
  g_idle_add_full (G_PRIORITY_DEFAULT, present, g_object_ref (dialog), g_object_unref);
}

static void
show_contrast_dialog (SteerSteeringPanel *self)
{
  GtkWidget *dialog = steer_contrast_dialog_new (steer_steering_panel_get_window (self), self->workspace, NULL);

  /* Its strength is of mode add. */
  g_signal_connect_object (dialog, "chosen", G_CALLBACK (append), self, G_CONNECT_SWAPPED);
  present_soon (dialog);
}

static void
make_feature (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  show_contrast_dialog (data);
}

static void
add_feature (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerSteeringPanel *self = data;
  GtkWidget *dialog = steer_add_feature_dialog_new (steer_steering_panel_get_window (self),
                                                    steer_workspace_get_library (self->workspace),
                                                    steer_workspace_get_labels (self->workspace));

  g_signal_connect_object (dialog, "chosen", G_CALLBACK (steer_steering_panel_add), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (dialog, "file-chosen", G_CALLBACK (on_file_chosen), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (dialog, "examples-chosen", G_CALLBACK (show_contrast_dialog), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (steer_workspace_get_sources (self->workspace), "items-changed",
                           G_CALLBACK (steer_add_feature_dialog_refresh), dialog, G_CONNECT_SWAPPED);
  present_soon (dialog);
}

static void
duplicate_row (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerSteeringPanel *self = data;
  guint position = g_variant_get_uint32 (parameter);

  if (position >= g_list_model_get_n_items (G_LIST_MODEL (steer_steering_panel_get_preset (self))))
    return;
  steer_steering_duplicate (steer_steering_panel_get_preset (self), position);
  steer_steering_panel_focus_row (self, position + 1);
}

/* What a dialog found for a feature, which may have left the preset meanwhile. */
typedef struct
{
  SteerSteeringPanel *panel;
  SteerFeature *feature;
} Finding;

static void
finding_free (gpointer data, GClosure *closure)
{
  Finding *finding = data;

  g_object_unref (finding->panel);
  g_object_unref (finding->feature);
  g_free (finding);
}

static gboolean
has_feature (GListModel *features, SteerFeature *feature)
{
  for (guint i = 0; i < g_list_model_get_n_items (features); i++)
    {
      g_autoptr (SteerFeature) other = g_list_model_get_item (features, i);

      if (other == feature)
        return TRUE;
    }
  return FALSE;
}

static void
on_strength_found (GtkWidget *dialog, double strength, Finding *finding)
{
  GListModel *features = G_LIST_MODEL (steer_steering_panel_get_preset (finding->panel));
  SteerSteeringUndo *undo;
  g_autofree char *title = steer_steering_dup_title (NULL, steer_feature_get_label (finding->feature),
                                                     steer_feature_get_index (finding->feature));
  g_autofree char *number = steer_steering_dup_strength (NULL, strength);
  /* Translators: the feature's name and a number */
  g_autofree char *text = g_strdup_printf (_ ("Strength of “%s” set to %s"), title, number);

  if (!has_feature (features, finding->feature))
    return;
  undo = steer_steering_undo_new (finding->panel);
  steer_feature_set_strength (finding->feature, strength);
  steer_feature_set_enabled (finding->feature, TRUE);
  steer_steering_panel_show_undo (finding->panel, text, undo);
}

static void
sweep_row (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerSteeringPanel *self = data;
  g_autoptr (SteerFeature) feature
    = g_list_model_get_item (G_LIST_MODEL (steer_steering_panel_get_preset (self)), g_variant_get_uint32 (parameter));
  GtkWidget *dialog;
  Finding *finding;

  if (feature == NULL)
    return;
  dialog = steer_sweep_dialog_new (steer_steering_panel_get_window (self), self->workspace, feature);
  finding = g_new0 (Finding, 1);
  finding->panel = g_object_ref (self);
  finding->feature = g_object_ref (feature);
  g_signal_connect_data (dialog, "chosen", G_CALLBACK (on_strength_found), finding, finding_free, 0);
  present_soon (dialog);
}

/* A row was renamed: that is what the user calls the feature wherever it occurs. */
static void
name_row (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerSteeringPanel *self = data;
  g_autoptr (SteerFeature) feature
    = g_list_model_get_item (G_LIST_MODEL (steer_steering_panel_get_preset (self)), g_variant_get_uint32 (parameter));

  if (feature != NULL)
    steer_label_book_name (steer_workspace_get_labels (self->workspace), feature);
}

typedef struct
{
  SteerPreset *preset;
  SteerFeature *feature;
  guint position;
} Removal;

static void
on_undo_removal (AdwToast *toast, Removal *removal)
{
  steer_preset_insert (removal->preset, removal->position, removal->feature);
}

static void
removal_free (gpointer data, GClosure *closure)
{
  Removal *removal = data;

  g_object_unref (removal->preset);
  g_object_unref (removal->feature);
  g_free (removal);
}

static void
remove_row (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerSteeringPanel *self = data;
  SteerPreset *preset = steer_steering_panel_get_preset (self);
  guint position = g_variant_get_uint32 (parameter);
  guint n = g_list_model_get_n_items (G_LIST_MODEL (preset));
  g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (preset), position);
  g_autofree char *title = NULL, *text = NULL;
  Removal *removal;
  AdwToast *toast;

  if (feature == NULL)
    return;
  /* Others that the solo silenced must not stay silent for a row that is gone. */
  if (self->solo != NULL && steer_solo_get_feature (self->solo) == feature)
    steer_steering_panel_set_solo (self, NULL);
  title = steer_steering_dup_title (NULL, steer_feature_get_label (feature), steer_feature_get_index (feature));
  text = g_strdup_printf (_ ("Removed “%s”"), title);
  removal = g_new0 (Removal, 1);
  removal->preset = g_object_ref (preset);
  removal->feature = g_object_ref (feature);
  removal->position = position;
  steer_preset_remove (preset, position);
  if (n > 1)
    steer_steering_panel_focus_row (self, MIN (position, n - 2));

  toast = steer_steering_make_toast (text);
  adw_toast_set_button_label (toast, _ ("_Undo"));
  g_signal_connect_data (toast, "button-clicked", G_CALLBACK (on_undo_removal), removal, removal_free, 0);
  steer_steering_panel_take_toast (self, toast);
}

static void
move_row (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerSteeringPanel *self = data;
  SteerPreset *preset = steer_steering_panel_get_preset (self);
  guint n = g_list_model_get_n_items (G_LIST_MODEL (preset));
  guint from, to;

  g_variant_get (parameter, "(uu)", &from, &to);
  if (from >= n || to >= n)
    return;
  steer_preset_move (preset, from, to);
  steer_steering_panel_focus_row (self, to);
}

static void
show_settings (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerSteeringPanel *self = data;

  gtk_menu_button_popdown (self->options_button);
  gtk_window_present (GTK_WINDOW (steer_preset_settings_new (steer_steering_panel_get_window (self), self->workspace)));
}

static void
enable (SteerSteeringPanel *self, const char *name, gboolean enabled)
{
  GAction *action = g_action_map_lookup_action (G_ACTION_MAP (self->actions), name);

  g_simple_action_set_enabled (G_SIMPLE_ACTION (action), enabled);
}

void
steer_steering_panel_update_actions (SteerSteeringPanel *self)
{
  gboolean has_file = steer_workspace_get_preset_path (self->workspace) != NULL;

  enable (self, "save", !has_file || steer_workspace_get_preset_modified (self->workspace));
  enable (self, "delete", steer_steering_panel_get_own_entry (self) != NULL);
  enable (self, "rename", !steer_steering_panel_is_bundled (self));
}

void
steer_steering_panel_add_actions (SteerSteeringPanel *self)
{
  static const GActionEntry entries[] = {
    { "toggle", toggle },
    { "reset", reset },
    { "add-feature", add_feature },
    { "make-feature", make_feature },
    { "settings", show_settings },
    { "duplicate-row", duplicate_row, "u" },
    { "sweep-row", sweep_row, "u" },
    { "name-row", name_row, "u" },
    { "remove-row", remove_row, "u" },
    { "move-row", move_row, "(uu)" },
  };

  self->actions = g_simple_action_group_new ();
  g_action_map_add_action_entries (G_ACTION_MAP (self->actions), entries, G_N_ELEMENTS (entries), self);
  steer_steering_panel_add_preset_actions (self);
  steer_steering_panel_add_save_actions (self);
  gtk_widget_insert_action_group (GTK_WIDGET (self), "steering", G_ACTION_GROUP (self->actions));
}
