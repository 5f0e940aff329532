#include "steer-whole-box.h"

struct _SteerWholeBox
{
  GtkBox parent_instance;

  gboolean wrapped; /* the last time it was drawn */
};

G_DEFINE_FINAL_TYPE (SteerWholeBox, steer_whole_box, GTK_TYPE_BOX)

/* Nodes of different types are not compared: every other time there is a node around it that draws nothing. */
static void
steer_whole_box_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  SteerWholeBox *self = STEER_WHOLE_BOX (widget);
  GtkSnapshot *inner = gtk_snapshot_new ();
  g_autoptr (GskRenderNode) node = NULL;

  GTK_WIDGET_CLASS (steer_whole_box_parent_class)->snapshot (widget, inner);
  node = gtk_snapshot_free_to_node (inner);
  if (node == NULL)
    return;
  self->wrapped = !self->wrapped;
  if (self->wrapped)
    {
      GskRenderNode *content = g_steal_pointer (&node);

      node = gsk_debug_node_new (content, g_strdup ("painted as a whole"));
      gsk_render_node_unref (content);
    }
  gtk_snapshot_append_node (snapshot, node);
}

static void
steer_whole_box_class_init (SteerWholeBoxClass *klass)
{
  GTK_WIDGET_CLASS (klass)->snapshot = steer_whole_box_snapshot;
}

static void
steer_whole_box_init (SteerWholeBox *self)
{
}

GtkWidget *
steer_whole_box_new (GtkWidget *child)
{
  GtkWidget *self = g_object_new (STEER_TYPE_WHOLE_BOX, "orientation", GTK_ORIENTATION_VERTICAL, NULL);

  gtk_box_append (GTK_BOX (self), child);
  return self;
}
