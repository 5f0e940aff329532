#include "steer-seen-box.h"

/* In pixels: what a child draws beyond its own edges, as shadows and the ring of a focus. */
#define MARGIN 32.0f

struct _SteerSeenBox
{
  GtkBox parent_instance;

  GtkWidget *viewport;       /* nullable: the viewport around it while it is mapped; not owned */
  GtkAdjustment *adjustment; /* nullable: the viewport's vertical one */
};

G_DEFINE_FINAL_TYPE (SteerSeenBox, steer_seen_box, GTK_TYPE_BOX)

/* From where to where the viewport shows the box, in the box's coordinates. */
static void
find_seen (SteerSeenBox *self, float *top, float *bottom)
{
  double y;

  *top = -G_MAXFLOAT;
  *bottom = G_MAXFLOAT;
  if (self->viewport == NULL
      || !gtk_widget_translate_coordinates (self->viewport, GTK_WIDGET (self), 0.0, 0.0, NULL, &y))
    return;
  *top = (float) y - MARGIN;
  *bottom = (float) y + (float) gtk_widget_get_height (self->viewport) + MARGIN;
}

static void
steer_seen_box_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  float top, bottom;

  find_seen (STEER_SEEN_BOX (widget), &top, &bottom);
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child != NULL;
       child = gtk_widget_get_next_sibling (child))
    {
      graphene_rect_t bounds;

      if (gtk_widget_compute_bounds (child, widget, &bounds) && bounds.origin.y < bottom
          && bounds.origin.y + bounds.size.height > top)
        gtk_widget_snapshot_child (widget, child, snapshot);
    }
}

/* What is seen changes when the viewport is scrolled or gets another height: GTK moves what was drawn then. */
static void
steer_seen_box_map (GtkWidget *widget)
{
  SteerSeenBox *self = STEER_SEEN_BOX (widget);

  GTK_WIDGET_CLASS (steer_seen_box_parent_class)->map (widget);
  self->viewport = gtk_widget_get_ancestor (widget, GTK_TYPE_VIEWPORT);
  if (self->viewport == NULL)
    return;
  g_set_object (&self->adjustment, gtk_scrollable_get_vadjustment (GTK_SCROLLABLE (self->viewport)));
  g_signal_connect_swapped (self->adjustment, "value-changed", G_CALLBACK (gtk_widget_queue_draw), self);
  g_signal_connect_swapped (self->adjustment, "changed", G_CALLBACK (gtk_widget_queue_draw), self);
}

static void
steer_seen_box_unmap (GtkWidget *widget)
{
  SteerSeenBox *self = STEER_SEEN_BOX (widget);

  if (self->adjustment != NULL)
    g_signal_handlers_disconnect_by_data (self->adjustment, self);
  g_clear_object (&self->adjustment);
  self->viewport = NULL;
  GTK_WIDGET_CLASS (steer_seen_box_parent_class)->unmap (widget);
}

static void
steer_seen_box_class_init (SteerSeenBoxClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  widget_class->snapshot = steer_seen_box_snapshot;
  widget_class->map = steer_seen_box_map;
  widget_class->unmap = steer_seen_box_unmap;
}

static void
steer_seen_box_init (SteerSeenBox *self)
{
}
