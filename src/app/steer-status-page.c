#include "steer-status-page.h"

#include <glib/gi18n.h>

#include "steer-accessible.h"
#include "steer-model-names.h"

/* Questions that have nothing to do with what the preset steers towards, so that the steering shows. */
static const struct
{
  const char *preset; /* a bundled preset's name; NULL: none */
  const char *icon;
  const char *prompt;
} suggestions[] = {
  { "Eiffel Tower", "find-location-symbolic", N_ ("What should I do this weekend?") },
  { "Pirate at Sea", "weather-windy-symbolic", N_ ("Can you tell me a story?") },
  { "Cowboy with a Guitar", "emblem-music-symbolic", N_ ("How was your day?") },
  { "Only Cats", "emoji-nature-symbolic", N_ ("What should I cook tonight?") },
};

#define MAX_SUGGESTIONS 4

struct _SteerStatusPage
{
  GtkWidget parent_instance;

  SteerWorkspace *workspace;
  GtkFlowBox *suggestions;
};

enum
{
  PROP_0,
  PROP_WORKSPACE,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (SteerStatusPage, steer_status_page, GTK_TYPE_WIDGET)

char *
steer_status_page_dup_page (gpointer self, const char *loading_path, const char *load_error, const char *model_path)
{
  if (loading_path != NULL)
    return g_strdup ("loading");
  if (model_path != NULL)
    return g_strdup ("suggestions");
  return g_strdup (load_error != NULL ? "error" : "no-model");
}

char *
steer_status_page_dup_progress_text (gpointer self, double progress, guint64 bytes)
{
  g_autofree char *all = g_format_size (bytes), *done = NULL;

  if (bytes == 0)
    return g_strdup ("");
  if (progress <= 0)
    return g_steal_pointer (&all);
  done = g_format_size ((guint64) (CLAMP (progress, 0, 1) * (double) bytes));
  /* Translators: how much of a model is loaded, "312 MB of 1.2 GB" */
  return g_strdup_printf (_ ("%s of %s"), done, all);
}

char *
steer_status_page_dup_error_text (gpointer self, const char *message)
{
  g_autofree char *first = NULL, *rest = NULL;
  const char *stop;

  if (message == NULL || *message == '\0')
    return g_strdup ("");
  first = g_utf8_substring (message, 0, 1);
  /* A file's name that begins the message keeps its spelling. */
  if (*message != '/' && g_utf8_get_char (message) < 128)
    {
      char *upper = g_utf8_strup (first, -1);

      g_free (first);
      first = upper;
    }
  rest = g_markup_escape_text (g_utf8_next_char (message), -1);
  stop = g_str_has_suffix (message, ".") ? "" : ".";
  return g_strconcat (first, rest, stop, NULL);
}

static char *
dup_loading_title (gpointer self, const char *path)
{
  g_autofree char *title = steer_model_dup_title (path);

  /* Translators: %s is the name of a model */
  return g_markup_printf_escaped (_ ("Loading %s"), title);
}

static GtkWidget *
make_suggestion (const char *preset, const char *icon, const char *prompt)
{
  GtkWidget *button = gtk_button_new (), *lines = gtk_box_new (GTK_ORIENTATION_VERTICAL, 3);
  GtkWidget *label = gtk_label_new (prompt);
  g_autofree char *name = NULL;

  if (preset != NULL)
    {
      GtkWidget *line = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);
      GtkWidget *title = gtk_label_new (preset);

      gtk_box_append (GTK_BOX (line), gtk_image_new_from_icon_name (icon));
      gtk_label_set_ellipsize (GTK_LABEL (title), PANGO_ELLIPSIZE_END);
      gtk_widget_add_css_class (title, "caption-heading");
      gtk_box_append (GTK_BOX (line), title);
      gtk_widget_add_css_class (line, "suggestion-preset");
      gtk_box_append (GTK_BOX (lines), line);
    }
  gtk_label_set_xalign (GTK_LABEL (label), 0);
  gtk_label_set_wrap (GTK_LABEL (label), TRUE);
  gtk_box_append (GTK_BOX (lines), label);

  gtk_button_set_child (GTK_BUTTON (button), lines);
  gtk_widget_add_css_class (button, "card");
  gtk_widget_add_css_class (button, "suggestion");
  gtk_actionable_set_action_name (GTK_ACTIONABLE (button), "win.suggest");
  gtk_actionable_set_action_target (GTK_ACTIONABLE (button), "(ss)", preset != NULL ? preset : "", prompt);
  /* Translators: a suggestion on the empty page: what is asked, under which preset */
  name = preset != NULL ? g_strdup_printf (_ ("Ask “%s” steered by %s"), prompt, preset)
                        : g_strdup_printf (_ ("Ask “%s”"), prompt);
  gtk_accessible_update_property (GTK_ACCESSIBLE (button), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
  return button;
}

static gboolean
has_preset (GListModel *presets, const char *name)
{
  for (guint i = 0; i < g_list_model_get_n_items (presets); i++)
    {
      g_autoptr (SteerPresetEntry) entry = g_list_model_get_item (presets, i);

      if (g_strcmp0 (steer_preset_entry_get_name (entry), name) == 0)
        return TRUE;
    }
  return FALSE;
}

/* Only presets that are there are suggested; where there is none, the questions alone. */
static void
update_suggestions (SteerStatusPage *self)
{
  GListModel *presets = G_LIST_MODEL (steer_workspace_get_presets (self->workspace));
  GtkWidget *child;
  guint n = 0;

  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self->suggestions))) != NULL)
    gtk_flow_box_remove (self->suggestions, child);
  for (guint steered = 1; n == 0 && steered <= 1; steered--)
    for (guint i = 0; i < G_N_ELEMENTS (suggestions) && n < MAX_SUGGESTIONS; i++)
      {
        if (steered && !has_preset (presets, suggestions[i].preset))
          continue;
        gtk_flow_box_append (self->suggestions, make_suggestion (steered ? suggestions[i].preset : NULL,
                                                                 suggestions[i].icon, _ (suggestions[i].prompt)));
        n++;
      }
  /* The buttons in them are what the keyboard goes to. */
  for (child = gtk_widget_get_first_child (GTK_WIDGET (self->suggestions)); child != NULL;
       child = gtk_widget_get_next_sibling (child))
    gtk_widget_set_focusable (child, FALSE);
}

static void
steer_status_page_constructed (GObject *object)
{
  SteerStatusPage *self = STEER_STATUS_PAGE (object);

  G_OBJECT_CLASS (steer_status_page_parent_class)->constructed (object);
  g_signal_connect_object (steer_workspace_get_presets (self->workspace), "items-changed",
                           G_CALLBACK (update_suggestions), self, G_CONNECT_SWAPPED);
  update_suggestions (self);
}

static void
steer_status_page_dispose (GObject *object)
{
  SteerStatusPage *self = STEER_STATUS_PAGE (object);
  GtkWidget *child = gtk_widget_get_first_child (GTK_WIDGET (self));

  if (child != NULL)
    gtk_widget_unparent (child);
  g_clear_object (&self->workspace);
  G_OBJECT_CLASS (steer_status_page_parent_class)->dispose (object);
}

static void
steer_status_page_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  SteerStatusPage *self = STEER_STATUS_PAGE (object);

  if (id == PROP_WORKSPACE)
    g_value_set_object (value, self->workspace);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
steer_status_page_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  SteerStatusPage *self = STEER_STATUS_PAGE (object);

  if (id == PROP_WORKSPACE)
    self->workspace = g_value_dup_object (value);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
steer_status_page_class_init (SteerStatusPageClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->constructed = steer_status_page_constructed;
  object_class->dispose = steer_status_page_dispose;
  object_class->get_property = steer_status_page_get_property;
  object_class->set_property = steer_status_page_set_property;

  properties[PROP_WORKSPACE] = g_param_spec_object (
    "workspace", NULL, NULL, STEER_TYPE_WORKSPACE, G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, properties);

  gtk_widget_class_set_template_from_resource (widget_class, "/com/example/SteerChat/steer-status-page.ui");
  gtk_widget_class_bind_template_child (widget_class, SteerStatusPage, suggestions);
  gtk_widget_class_bind_template_callback (widget_class, steer_status_page_dup_page);
  gtk_widget_class_bind_template_callback (widget_class, steer_status_page_dup_progress_text);
  gtk_widget_class_bind_template_callback (widget_class, steer_status_page_dup_error_text);
  gtk_widget_class_bind_template_callback (widget_class, dup_loading_title);
}

static void
steer_status_page_init (SteerStatusPage *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  steer_accessible_name_mnemonics (GTK_WIDGET (self));
}

GtkWidget *
steer_status_page_new (SteerWorkspace *workspace)
{
  return g_object_new (STEER_TYPE_STATUS_PAGE, "workspace", workspace, NULL);
}
