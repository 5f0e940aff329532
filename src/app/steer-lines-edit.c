#include "steer-lines-edit.h"

#include "chat/steer-contrasting.h"

struct _SteerLinesEdit
{
  GtkWidget parent_instance;

  char *label;
  GtkTextView *view;
};

enum
{
  PROP_0,
  PROP_LABEL,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

enum
{
  CHANGED,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (SteerLinesEdit, steer_lines_edit, GTK_TYPE_WIDGET)

void
steer_lines_edit_set_lines (SteerLinesEdit *self, const char *const *lines)
{
  g_autofree char *text = lines != NULL ? g_strjoinv ("\n", (char **) lines) : g_strdup ("");

  gtk_text_buffer_set_text (gtk_text_view_get_buffer (self->view), text, -1);
}

char **
steer_lines_edit_dup_lines (SteerLinesEdit *self)
{
  g_autofree char *text = NULL;

  g_object_get (gtk_text_view_get_buffer (self->view), "text", &text, NULL);
  return steer_split_examples (text);
}

void
steer_lines_edit_focus (SteerLinesEdit *self)
{
  gtk_widget_grab_focus (GTK_WIDGET (self->view));
}

static void
on_changed (SteerLinesEdit *self)
{
  g_signal_emit (self, signals[CHANGED], 0);
}

static void
steer_lines_edit_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  SteerLinesEdit *self = STEER_LINES_EDIT (object);

  if (id == PROP_LABEL)
    g_value_set_string (value, self->label);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
steer_lines_edit_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  SteerLinesEdit *self = STEER_LINES_EDIT (object);

  if (id != PROP_LABEL)
    {
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      return;
    }
  g_free (self->label);
  self->label = g_value_dup_string (value);
  if (self->label != NULL)
    gtk_accessible_update_property (GTK_ACCESSIBLE (self->view), GTK_ACCESSIBLE_PROPERTY_LABEL, self->label, -1);
}

static void
steer_lines_edit_dispose (GObject *object)
{
  GtkWidget *child = gtk_widget_get_first_child (GTK_WIDGET (object));

  if (child != NULL)
    gtk_widget_unparent (child);
  G_OBJECT_CLASS (steer_lines_edit_parent_class)->dispose (object);
}

static void
steer_lines_edit_finalize (GObject *object)
{
  g_free (STEER_LINES_EDIT (object)->label);
  G_OBJECT_CLASS (steer_lines_edit_parent_class)->finalize (object);
}

static void
steer_lines_edit_class_init (SteerLinesEditClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = steer_lines_edit_dispose;
  object_class->finalize = steer_lines_edit_finalize;
  object_class->get_property = steer_lines_edit_get_property;
  object_class->set_property = steer_lines_edit_set_property;

  properties[PROP_LABEL] = g_param_spec_string ("label", NULL, NULL, NULL, G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, properties);
  signals[CHANGED]
    = g_signal_new ("changed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);

  gtk_widget_class_set_template_from_resource (widget_class, "/com/example/SteerChat/steer-lines-edit.ui");
  gtk_widget_class_bind_template_child (widget_class, SteerLinesEdit, view);
}

static void
steer_lines_edit_init (SteerLinesEdit *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  g_signal_connect_object (gtk_text_view_get_buffer (self->view), "changed", G_CALLBACK (on_changed), self,
                           G_CONNECT_SWAPPED);
}
