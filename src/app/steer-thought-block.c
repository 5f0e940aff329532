#include "steer-thought-block.h"

#include <glib/gi18n.h>

#include "steer-markdown.h"
#include "steer-whole-box.h"

struct _SteerThoughtBlock
{
  GtkWidget parent_instance;

  GtkWidget *header;
  GtkLabel *title;
  GtkWidget *body;
  GtkWidget *blocks;

  /* What the blocks will be made of; a long thought is many of them, and few are looked at again. */
  char *thought; /* [length] nullable */
  gsize length;
  gsize base; /* of it in the message */
  SteerTextStyle *style;
};

enum
{
  TOGGLED,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (SteerThoughtBlock, steer_thought_block, GTK_TYPE_WIDGET)

static void
set_title (SteerThoughtBlock *self, const char *title)
{
  gtk_label_set_label (self->title, title);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->header), GTK_ACCESSIBLE_PROPERTY_LABEL, title, -1);
}

static void
make_blocks (SteerThoughtBlock *self)
{
  g_autofree char *thought = g_steal_pointer (&self->thought);

  if (thought == NULL)
    return;
  steer_markdown_append_blocks (GTK_BOX (self->blocks), thought, self->length, self->base, self->style);
  gtk_widget_show (self->blocks);
}

/* What one has opened is read from its beginning, where one is; at the end of the chat one would be taken to its end.
 */
static void
on_clicked (SteerThoughtBlock *self)
{
  gtk_widget_activate_action (GTK_WIDGET (self), "transcript.stay", NULL);
  steer_thought_block_set_open (self, !steer_thought_block_get_open (self));
  g_signal_emit (self, signals[TOGGLED], 0);
}

static void
make_header (SteerThoughtBlock *self)
{
  GtkWidget *line = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 4);
  GtkWidget *arrow = gtk_image_new_from_icon_name ("pan-down-symbolic");

  self->header = gtk_button_new ();
  self->title = GTK_LABEL (gtk_label_new (NULL));
  gtk_label_set_ellipsize (self->title, PANGO_ELLIPSIZE_END);
  gtk_widget_add_css_class (arrow, "thought-arrow");
  gtk_box_append (GTK_BOX (line), arrow);
  gtk_box_append (GTK_BOX (line), GTK_WIDGET (self->title));
  gtk_button_set_child (GTK_BUTTON (self->header), line);
  gtk_widget_set_halign (self->header, GTK_ALIGN_START);
  gtk_widget_add_css_class (self->header, "flat");
  gtk_widget_add_css_class (self->header, "thought-header");
  g_signal_connect_swapped (self->header, "clicked", G_CALLBACK (on_clicked), self);
  gtk_widget_set_parent (self->header, GTK_WIDGET (self));
}

static void
make_body (SteerThoughtBlock *self)
{
  self->body = gtk_box_new (GTK_ORIENTATION_VERTICAL, 10);
  self->blocks = g_object_new (STEER_TYPE_WHOLE_BOX, "orientation", GTK_ORIENTATION_VERTICAL, "spacing", 10, "visible",
                               FALSE, NULL);
  gtk_widget_hide (self->body);
  gtk_widget_add_css_class (self->body, "thought-body");
  gtk_widget_add_css_class (self->blocks, "message-content");
  gtk_box_append (GTK_BOX (self->body), self->blocks);
  gtk_widget_set_parent (self->body, GTK_WIDGET (self));
}

static void
steer_thought_block_dispose (GObject *object)
{
  SteerThoughtBlock *self = STEER_THOUGHT_BLOCK (object);

  g_clear_pointer (&self->header, gtk_widget_unparent);
  g_clear_pointer (&self->body, gtk_widget_unparent);
  g_clear_pointer (&self->thought, g_free);
  g_clear_object (&self->style);
  G_OBJECT_CLASS (steer_thought_block_parent_class)->dispose (object);
}

static void
steer_thought_block_class_init (SteerThoughtBlockClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = steer_thought_block_dispose;
  signals[TOGGLED]
    = g_signal_new ("toggled", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BOX_LAYOUT);
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_GROUP);
  gtk_widget_class_set_css_name (widget_class, "thought");
}

static void
steer_thought_block_init (SteerThoughtBlock *self)
{
  gtk_orientable_set_orientation (GTK_ORIENTABLE (gtk_widget_get_layout_manager (GTK_WIDGET (self))),
                                  GTK_ORIENTATION_VERTICAL);
  make_header (self);
  make_body (self);
  gtk_accessible_update_relation (GTK_ACCESSIBLE (self->header), GTK_ACCESSIBLE_RELATION_CONTROLS, self->body, NULL,
                                  -1);
}

SteerThoughtBlock *
steer_thought_block_new (void)
{
  SteerThoughtBlock *self = g_object_new (STEER_TYPE_THOUGHT_BLOCK, NULL);

  set_title (self, _ ("Thinking…"));
  steer_thought_block_set_open (self, TRUE);
  return self;
}

SteerThoughtBlock *
steer_thought_block_new_ended (const char *thought, gsize length, gsize base, SteerTextStyle *style)
{
  SteerThoughtBlock *self = g_object_new (STEER_TYPE_THOUGHT_BLOCK, NULL);

  self->thought = g_strndup (thought, length);
  self->length = length;
  self->base = base;
  self->style = g_object_ref (style);
  steer_thought_block_end (self);
  steer_thought_block_set_open (self, FALSE);
  return self;
}

void
steer_thought_block_end (SteerThoughtBlock *self)
{
  g_return_if_fail (STEER_IS_THOUGHT_BLOCK (self));
  set_title (self, _ ("Thought"));
}

void
steer_thought_block_set_open (SteerThoughtBlock *self, gboolean open)
{
  g_return_if_fail (STEER_IS_THOUGHT_BLOCK (self));

  if (open)
    {
      make_blocks (self);
      gtk_widget_add_css_class (GTK_WIDGET (self), "open");
    }
  else
    gtk_widget_remove_css_class (GTK_WIDGET (self), "open");
  gtk_widget_set_visible (self->body, open);
  gtk_accessible_update_state (GTK_ACCESSIBLE (self->header), GTK_ACCESSIBLE_STATE_EXPANDED, open, -1);
}

gboolean
steer_thought_block_get_open (SteerThoughtBlock *self)
{
  g_return_val_if_fail (STEER_IS_THOUGHT_BLOCK (self), FALSE);
  return gtk_widget_get_visible (self->body);
}

GtkBox *
steer_thought_block_get_blocks (SteerThoughtBlock *self)
{
  g_return_val_if_fail (STEER_IS_THOUGHT_BLOCK (self), NULL);
  return GTK_BOX (self->blocks);
}

GtkBox *
steer_thought_block_get_body (SteerThoughtBlock *self)
{
  g_return_val_if_fail (STEER_IS_THOUGHT_BLOCK (self), NULL);
  return GTK_BOX (self->body);
}
