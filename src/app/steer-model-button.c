#include "steer-model-button.h"

#include <glib/gi18n.h>

#include "steer-model-names.h"

#ifdef STEER_HAS_HUB
#include "steer-hub-closures.h"
#endif

struct _SteerModelButton
{
  GtkWidget parent_instance;

  SteerChat *chat;
  GtkMenuButton *button;
  GtkPopover *popover;
  GtkBox *models;
  GtkBox *downloads;
  GtkWidget *get;
};

enum
{
  PROP_0,
  PROP_CHAT,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (SteerModelButton, steer_model_button, GTK_TYPE_WIDGET)

static char *
dup_title (gpointer self, const char *loading_path, const char *model_path)
{
  const char *path = loading_path != NULL ? loading_path : model_path;

  return path != NULL ? steer_model_dup_title (path) : g_strdup (_ ("No Model"));
}

static char *
dup_subtitle (gpointer self, const char *loading_path, const char *id, const char *name, double rate)
{
  if (loading_path != NULL)
    return g_strdup (_ ("Loading…"));
  return id != NULL ? steer_model_dup_subtitle (id, name, rate) : g_strdup (_ ("Choose one to begin"));
}

static gboolean
is_set (gpointer self, const char *text)
{
  return text != NULL && *text != '\0';
}

static void
on_chosen (SteerModelButton *self)
{
  gtk_popover_popdown (self->popover);
}

/* @path: "" for the bundled model. */
static void
add_model (SteerModelButton *self, const char *path, const char *title, const char *detail, gboolean in_use)
{
  GtkWidget *row = gtk_button_new (), *line = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);
  GtkWidget *texts = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);
  GtkWidget *check = gtk_image_new_from_icon_name ("object-select-symbolic");
  const char *const lines[] = { title, detail };

  for (guint i = 0; i < G_N_ELEMENTS (lines); i++)
    {
      GtkWidget *label = gtk_label_new (lines[i]);

      gtk_label_set_xalign (GTK_LABEL (label), 0);
      gtk_label_set_ellipsize (GTK_LABEL (label), i == 0 ? PANGO_ELLIPSIZE_END : PANGO_ELLIPSIZE_START);
      gtk_label_set_max_width_chars (GTK_LABEL (label), 34);
      if (i == 1)
        {
          gtk_widget_add_css_class (label, "caption");
          gtk_widget_add_css_class (label, "dim-label");
        }
      gtk_box_append (GTK_BOX (texts), label);
    }
  gtk_widget_set_hexpand (texts, TRUE);
  gtk_box_append (GTK_BOX (line), texts);
  gtk_widget_set_opacity (check, in_use ? 1 : 0);
  gtk_box_append (GTK_BOX (line), check);

  gtk_button_set_child (GTK_BUTTON (row), line);
  gtk_widget_add_css_class (row, "flat");
  gtk_widget_add_css_class (row, "model-row");
  gtk_actionable_set_action_name (GTK_ACTIONABLE (row), "win.load-model");
  gtk_actionable_set_action_target (GTK_ACTIONABLE (row), "s", path);
  gtk_accessible_update_property (GTK_ACCESSIBLE (row), GTK_ACCESSIBLE_PROPERTY_LABEL, title,
                                  GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, in_use ? _ ("In use") : detail, -1);
  g_signal_connect_object (row, "clicked", G_CALLBACK (on_chosen), self, G_CONNECT_SWAPPED);
  gtk_box_append (self->models, row);
}

static void
clear (GtkBox *box)
{
  GtkWidget *child;

  while ((child = gtk_widget_get_first_child (GTK_WIDGET (box))) != NULL)
    gtk_box_remove (box, child);
}

#ifdef STEER_HAS_HUB
static void
show_download (GtkWidget *row, GParamSpec *pspec, SteerDownload *download)
{
  g_autofree char *title
    = steer_hub_dup_title (steer_download_get_repo_id (download), steer_download_get_name (download));
  guint64 done = steer_download_get_done (download), total = steer_download_get_total (download);
  g_autofree char *text = steer_hub_dup_downloading (title, done, total);
  g_autofree char *progress = steer_hub_dup_percent (done, total);
  GtkWidget *first = gtk_widget_get_first_child (gtk_button_get_child (GTK_BUTTON (row)));

  gtk_label_set_text (GTK_LABEL (first), title);
  gtk_label_set_text (GTK_LABEL (gtk_widget_get_next_sibling (first)), progress);
  gtk_accessible_update_property (GTK_ACCESSIBLE (row), GTK_ACCESSIBLE_PROPERTY_LABEL, text, -1);
  gtk_widget_set_visible (row, steer_download_get_state (download) == STEER_DOWNLOAD_RUNNING);
}

static void
add_download (SteerModelButton *self, SteerDownload *download)
{
  GtkWidget *row = gtk_button_new (), *texts = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);

  for (guint i = 0; i < 2; i++)
    {
      GtkWidget *label = gtk_label_new (NULL);

      gtk_label_set_xalign (GTK_LABEL (label), 0);
      /* The end of a name tells one quantisation from another. */
      gtk_label_set_ellipsize (GTK_LABEL (label), PANGO_ELLIPSIZE_MIDDLE);
      gtk_label_set_max_width_chars (GTK_LABEL (label), 34);
      gtk_box_append (GTK_BOX (texts), label);
      if (i == 0)
        continue;
      gtk_widget_add_css_class (label, "caption");
      gtk_widget_add_css_class (label, "dim-label");
      gtk_widget_add_css_class (label, "numeric");
    }
  gtk_button_set_child (GTK_BUTTON (row), texts);
  gtk_widget_add_css_class (row, "flat");
  gtk_widget_add_css_class (row, "model-row");
  gtk_actionable_set_action_name (GTK_ACTIONABLE (row), "win.get-models");
  g_signal_connect_object (row, "clicked", G_CALLBACK (on_chosen), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (download, "notify::done", G_CALLBACK (show_download), row, G_CONNECT_SWAPPED);
  g_signal_connect_object (download, "notify::state", G_CALLBACK (show_download), row, G_CONNECT_SWAPPED);
  show_download (row, NULL, download);
  gtk_box_append (self->downloads, row);
}

static void
show_downloads (SteerModelButton *self)
{
  GListModel *list = steer_downloads_get_list (steer_workspace_get_downloads (steer_chat_get_workspace (self->chat)));

  clear (self->downloads);
  for (guint i = 0; i < g_list_model_get_n_items (list); i++)
    {
      g_autoptr (SteerDownload) download = g_list_model_get_item (list, i);

      if (steer_download_get_state (download) == STEER_DOWNLOAD_RUNNING)
        add_download (self, download);
    }
}
#endif

/* Made when it is opened: folders come and go. */
static void
on_popover_show (SteerModelButton *self)
{
  SteerWorkspace *workspace = steer_chat_get_workspace (self->chat);
  g_auto (GStrv) recent = g_settings_get_strv (steer_workspace_get_settings (workspace), "recent-models");
  g_autofree char *bundled = steer_dup_demo_model_path (), *in_use = NULL;

  g_object_get (steer_workspace_get_engine (workspace), "model-path", &in_use, NULL);
  clear (self->models);
#ifdef STEER_HAS_HUB
  show_downloads (self);
#endif
  if (bundled != NULL)
    {
      g_autofree char *title = steer_model_dup_title (bundled);

      add_model (self, "", title, _ ("Comes with Steer Chat"), g_strcmp0 (bundled, in_use) == 0);
    }
  for (guint i = 0; recent[i] != NULL; i++)
    {
      g_autofree char *title = steer_model_dup_title (recent[i]), *place = steer_model_dup_place (recent[i]);

      if (steer_model_is_address (recent[i]) || g_file_test (recent[i], G_FILE_TEST_EXISTS))
        add_model (self, recent[i], title, place, g_strcmp0 (recent[i], in_use) == 0);
    }
}

static void
steer_model_button_dispose (GObject *object)
{
  SteerModelButton *self = STEER_MODEL_BUTTON (object);
  GtkWidget *child = gtk_widget_get_first_child (GTK_WIDGET (self));

  if (child != NULL)
    gtk_widget_unparent (child);
  g_clear_object (&self->chat);
  G_OBJECT_CLASS (steer_model_button_parent_class)->dispose (object);
}

static void
steer_model_button_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  SteerModelButton *self = STEER_MODEL_BUTTON (object);

  if (id == PROP_CHAT)
    g_value_set_object (value, self->chat);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
steer_model_button_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  SteerModelButton *self = STEER_MODEL_BUTTON (object);

  if (id == PROP_CHAT)
    self->chat = g_value_dup_object (value);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
steer_model_button_class_init (SteerModelButtonClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = steer_model_button_dispose;
  object_class->get_property = steer_model_button_get_property;
  object_class->set_property = steer_model_button_set_property;

  properties[PROP_CHAT] = g_param_spec_object ("chat", NULL, NULL, STEER_TYPE_CHAT,
                                               G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, properties);

  gtk_widget_class_set_template_from_resource (widget_class, "/com/example/SteerChat/steer-model-button.ui");
  gtk_widget_class_bind_template_child (widget_class, SteerModelButton, button);
  gtk_widget_class_bind_template_child (widget_class, SteerModelButton, popover);
  gtk_widget_class_bind_template_child (widget_class, SteerModelButton, models);
  gtk_widget_class_bind_template_child (widget_class, SteerModelButton, downloads);
  gtk_widget_class_bind_template_child (widget_class, SteerModelButton, get);
  gtk_widget_class_bind_template_callback (widget_class, dup_title);
  gtk_widget_class_bind_template_callback (widget_class, dup_subtitle);
  gtk_widget_class_bind_template_callback (widget_class, is_set);
  gtk_widget_class_bind_template_callback (widget_class, on_chosen);
  gtk_widget_class_bind_template_callback (widget_class, on_popover_show);
}

static void
steer_model_button_init (SteerModelButton *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
#ifdef STEER_HAS_HUB
  gtk_widget_set_visible (self->get, TRUE);
#endif
}

GtkWidget *
steer_model_button_new (SteerChat *chat)
{
  return g_object_new (STEER_TYPE_MODEL_BUTTON, "chat", chat, NULL);
}
