#include "steer-whole-box.h"

struct _SteerWholeBox
{
  GtkBox parent_instance;

  gboolean clipped; /* the last time it was drawn */
};

G_DEFINE_FINAL_TYPE (SteerWholeBox, steer_whole_box, GTK_TYPE_BOX)

/* Nodes of different types are not compared, but for containers, whose children are. So what is drawn is in turn within
 * a node that draws nothing of its own and within a clip at its edges. */
static void
steer_whole_box_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  SteerWholeBox *self = STEER_WHOLE_BOX (widget);
  GtkSnapshot *inner = gtk_snapshot_new ();
  g_autoptr (GskRenderNode) content = NULL, node = NULL;
  graphene_rect_t bounds;

  GTK_WIDGET_CLASS (steer_whole_box_parent_class)->snapshot (widget, inner);
  content = gtk_snapshot_free_to_node (inner);
  if (content == NULL)
    return;
  self->clipped = !self->clipped;
  gsk_render_node_get_bounds (content, &bounds);
  graphene_rect_round_extents (&bounds, &bounds);
  node = self->clipped ? gsk_clip_node_new (content, &bounds)
                       : gsk_debug_node_new (content, g_strdup ("painted as a whole"));
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
