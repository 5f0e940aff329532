#include "steer-chat-row.h"

#include <glib/gi18n.h>

#include "steer-chat-list.h"
#include "steer-whole-box.h"

struct _SteerChatRow
{
  GtkBox parent_instance;

  SteerChatEntry *entry;
  GtkLabel *title;
  GtkMenuButton *button;
  GMenuModel *menu;
};

enum
{
  PROP_0,
  PROP_ENTRY,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (SteerChatRow, steer_chat_row, GTK_TYPE_BOX)

static char *
dup_title (gpointer self, const char *title)
{
  return g_strdup (title != NULL && *title != '\0' ? title : _ ("New Chat"));
}

/* In a list all menus would be called the same; and the list's own widget around the row, which has the focus, takes no
 * name from what it shows. */
static void
update_names (SteerChatRow *self)
{
  const char *title = gtk_label_get_text (self->title);
  g_autofree char *menu = g_strdup_printf (_ ("Menu of %s"), title);
  GtkWidget *around = gtk_widget_get_parent (GTK_WIDGET (self));

  gtk_accessible_update_property (GTK_ACCESSIBLE (self->button), GTK_ACCESSIBLE_PROPERTY_LABEL, menu, -1);
  if (around != NULL)
    gtk_accessible_update_property (GTK_ACCESSIBLE (around), GTK_ACCESSIBLE_PROPERTY_LABEL, title, -1);
}

/* What was found is shown with its surroundings, and so over more than a line. */
static gboolean
is_hit (gpointer self, const char *preview)
{
  return preview != NULL && strchr (preview, '\001') != NULL;
}

static int
count_lines (gpointer self, const char *preview)
{
  return is_hit (self, preview) ? 3 : 1;
}

/* "row.rename" of this row's menu is "chats.rename" of its list with this row's id. */
static void
activate (GtkWidget *widget, const char *name, GVariant *parameter)
{
  SteerChatRow *self = STEER_CHAT_ROW (widget);
  g_autofree char *action = g_strconcat ("chats.", name + strlen ("row."), NULL);

  if (self->entry != NULL)
    gtk_widget_activate_action (widget, action, "x", steer_chat_entry_get_id (self->entry));
}

static void
on_secondary_press (SteerChatRow *self)
{
  steer_chat_row_popup (self);
}

static void
on_long_press (SteerChatRow *self)
{
  steer_chat_row_popup (self);
}

static void
steer_chat_row_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  SteerChatRow *self = STEER_CHAT_ROW (object);

  if (id == PROP_ENTRY)
    g_value_set_object (value, self->entry);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
steer_chat_row_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  if (id == PROP_ENTRY)
    steer_chat_row_set_entry (STEER_CHAT_ROW (object), g_value_get_object (value));
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
steer_chat_row_dispose (GObject *object)
{
  g_clear_object (&STEER_CHAT_ROW (object)->entry);
  G_OBJECT_CLASS (steer_chat_row_parent_class)->dispose (object);
}

static void
steer_chat_row_class_init (SteerChatRowClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  static const char *const actions[] = { "row.rename", "row.export-markdown", "row.export-json", "row.delete" };

  object_class->dispose = steer_chat_row_dispose;
  object_class->get_property = steer_chat_row_get_property;
  object_class->set_property = steer_chat_row_set_property;
  properties[PROP_ENTRY] = g_param_spec_object ("entry", NULL, NULL, STEER_TYPE_CHAT_ENTRY,
                                                G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);
  g_object_class_install_properties (object_class, N_PROPS, properties);

  g_type_ensure (STEER_TYPE_WHOLE_BOX);
  gtk_widget_class_set_template_from_resource (widget_class, "/com/example/SteerChat/steer-chat-row.ui");
  gtk_widget_class_bind_template_child (widget_class, SteerChatRow, title);
  gtk_widget_class_bind_template_child (widget_class, SteerChatRow, button);
  gtk_widget_class_bind_template_child (widget_class, SteerChatRow, menu);
  gtk_widget_class_bind_template_callback (widget_class, dup_title);
  gtk_widget_class_bind_template_callback (widget_class, update_names);
  gtk_widget_class_bind_template_callback (widget_class, is_hit);
  gtk_widget_class_bind_template_callback (widget_class, count_lines);
  gtk_widget_class_bind_template_callback (widget_class, steer_chat_list_dup_preview_markup);
  gtk_widget_class_bind_template_callback (widget_class, on_secondary_press);
  gtk_widget_class_bind_template_callback (widget_class, on_long_press);
  for (guint i = 0; i < G_N_ELEMENTS (actions); i++)
    gtk_widget_class_install_action (widget_class, actions[i], NULL, activate);
}

/* A menu's widgets cost more than the rest of the row, and few are ever opened. */
static void
make_menu (GtkMenuButton *button, gpointer data)
{
  SteerChatRow *self = data;

  if (gtk_menu_button_get_menu_model (button) == NULL)
    gtk_menu_button_set_menu_model (button, self->menu);
}

static void
steer_chat_row_init (SteerChatRow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  gtk_menu_button_set_create_popup_func (self->button, make_menu, self, NULL);
  gtk_widget_show (GTK_WIDGET (self->button));
}

GtkWidget *
steer_chat_row_new (void)
{
  return g_object_new (STEER_TYPE_CHAT_ROW, NULL);
}

SteerChatEntry *
steer_chat_row_get_entry (SteerChatRow *self)
{
  g_return_val_if_fail (STEER_IS_CHAT_ROW (self), NULL);
  return self->entry;
}

void
steer_chat_row_set_entry (SteerChatRow *self, SteerChatEntry *entry)
{
  g_return_if_fail (STEER_IS_CHAT_ROW (self));

  if (!g_set_object (&self->entry, entry))
    return;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_ENTRY]);
  update_names (self);
}

void
steer_chat_row_popup (SteerChatRow *self)
{
  g_return_if_fail (STEER_IS_CHAT_ROW (self));
  gtk_menu_button_popup (self->button);
}
