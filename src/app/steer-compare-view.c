#include "steer-compare-view.h"

#include <glib/gi18n.h>

#include "steer-accessible.h"
#include "steer-message-view.h"

/* Narrower, two columns of text are too thin to read. */
#define SIDE_BY_SIDE_WIDTH 560
#define SPACING 16

struct _SteerCompareView
{
  GtkWidget parent_instance;

  SteerChat *chat;
  GtkWidget *columns[2];         /* plain, steered */
  SteerMessageView *messages[2]; /* in the columns */
};

G_DEFINE_FINAL_TYPE (SteerCompareView, steer_compare_view, GTK_TYPE_WIDGET)

static GtkSizeRequestMode
get_request_mode (GtkWidget *widget)
{
  return GTK_SIZE_REQUEST_HEIGHT_FOR_WIDTH;
}

static gboolean
is_side_by_side (int width)
{
  return width < 0 || width >= SIDE_BY_SIDE_WIDTH;
}

static int
get_column_width (int width)
{
  return is_side_by_side (width) && width >= 0 ? (width - SPACING) / 2 : width;
}

static void
measure (GtkWidget *widget,
         GtkOrientation orientation,
         int for_size,
         int *minimum,
         int *natural,
         int *minimum_baseline,
         int *natural_baseline)
{
  SteerCompareView *self = STEER_COMPARE_VIEW (widget);
  gboolean vertical = orientation == GTK_ORIENTATION_VERTICAL;
  int least[2], usual[2];

  for (guint i = 0; i < 2; i++)
    gtk_widget_measure (self->columns[i], orientation, vertical ? get_column_width (for_size) : -1, &least[i],
                        &usual[i], NULL, NULL);
  if (vertical && !is_side_by_side (for_size))
    {
      *minimum = least[0] + SPACING + least[1];
      *natural = usual[0] + SPACING + usual[1];
    }
  else if (vertical)
    {
      *minimum = MAX (least[0], least[1]);
      *natural = MAX (usual[0], usual[1]);
    }
  else
    {
      *minimum = MAX (least[0], least[1]);
      *natural = MAX (2 * MAX (usual[0], usual[1]) + SPACING, *minimum);
    }
}

static void
size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  SteerCompareView *self = STEER_COMPARE_VIEW (widget);
  gboolean mirrored = gtk_widget_get_direction (widget) == GTK_TEXT_DIR_RTL;
  int column_width = get_column_width (width);
  int first_height = 0;

  if (is_side_by_side (width))
    {
      for (int i = 0; i < 2; i++)
        {
          int place = mirrored ? 1 - i : i;

          gtk_widget_size_allocate (self->columns[i],
                                    &(GtkAllocation){ place * (column_width + SPACING), 0, column_width, height }, -1);
        }
      return;
    }
  gtk_widget_measure (self->columns[0], GTK_ORIENTATION_VERTICAL, width, NULL, &first_height, NULL, NULL);
  first_height = MIN (first_height, height);
  gtk_widget_size_allocate (self->columns[0], &(GtkAllocation){ 0, 0, width, first_height }, -1);
  gtk_widget_size_allocate (
    self->columns[1], &(GtkAllocation){ 0, first_height + SPACING, width, MAX (height - first_height - SPACING, 0) },
    -1);
}

static void
on_keep (SteerCompareView *self, GtkWidget *button)
{
  guint column = gtk_widget_is_ancestor (button, self->columns[1]) ? 1 : 0;

  /* The comparison ends with the choice. */
  g_object_ref (self);
  steer_chat_keep (self->chat, steer_message_view_get_message (self->messages[column]));
  g_object_unref (self);
}

static GtkWidget *
make_column (SteerCompareView *self, guint i, SteerMessage *message, gboolean show_steering)
{
  GtkWidget *column = gtk_box_new (GTK_ORIENTATION_VERTICAL, 8);
  GtkWidget *title = gtk_label_new (i == 0 ? _ ("Plain") : _ ("Steered"));
  GtkWidget *view = steer_message_view_new (self->chat, message, TRUE, show_steering);
  GtkWidget *keep = gtk_button_new_with_label (_ ("Keep This Reply"));

  gtk_widget_add_css_class (column, "compare-column");
  gtk_widget_add_css_class (title, "heading");
  gtk_widget_add_css_class (title, "dim-label");
  gtk_label_set_xalign (GTK_LABEL (title), 0.0f);
  gtk_widget_set_vexpand (view, TRUE);
  gtk_widget_set_valign (view, GTK_ALIGN_START);
  gtk_widget_add_css_class (keep, "compare-keep");
  gtk_widget_set_halign (keep, GTK_ALIGN_START);
  steer_accessible_set_name (GTK_WIDGET (keep), i == 0 ? _ ("Keep the plain reply") : _ ("Keep the steered reply"));
  g_signal_connect_swapped (keep, "clicked", G_CALLBACK (on_keep), self);
  gtk_box_append (GTK_BOX (column), title);
  gtk_box_append (GTK_BOX (column), view);
  gtk_box_append (GTK_BOX (column), keep);
  gtk_widget_set_parent (column, GTK_WIDGET (self));
  self->messages[i] = STEER_MESSAGE_VIEW (view);
  return column;
}

static void
steer_compare_view_dispose (GObject *object)
{
  SteerCompareView *self = STEER_COMPARE_VIEW (object);

  for (guint i = 0; i < 2; i++)
    g_clear_pointer (&self->columns[i], gtk_widget_unparent);
  g_clear_object (&self->chat);
  G_OBJECT_CLASS (steer_compare_view_parent_class)->dispose (object);
}

static void
steer_compare_view_class_init (SteerCompareViewClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = steer_compare_view_dispose;
  widget_class->get_request_mode = get_request_mode;
  widget_class->measure = measure;
  widget_class->size_allocate = size_allocate;
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_GROUP);
  gtk_widget_class_set_css_name (widget_class, "compareview");
}

static void
steer_compare_view_init (SteerCompareView *self)
{
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, _ ("Comparison"), -1);
}

GtkWidget *
steer_compare_view_new (SteerChat *chat, SteerMessage *plain, SteerMessage *steered, gboolean show_steering)
{
  SteerCompareView *self = g_object_new (STEER_TYPE_COMPARE_VIEW, NULL);
  SteerMessage *messages[2] = { plain, steered };

  self->chat = g_object_ref (chat);
  for (guint i = 0; i < 2; i++)
    self->columns[i] = make_column (self, i, messages[i], show_steering);
  return GTK_WIDGET (self);
}

SteerMessage *
steer_compare_view_get_plain (SteerCompareView *self)
{
  g_return_val_if_fail (STEER_IS_COMPARE_VIEW (self), NULL);
  return steer_message_view_get_message (self->messages[0]);
}

SteerMessage *
steer_compare_view_get_steered (SteerCompareView *self)
{
  g_return_val_if_fail (STEER_IS_COMPARE_VIEW (self), NULL);
  return steer_message_view_get_message (self->messages[1]);
}

void
steer_compare_view_set_show_steering (SteerCompareView *self, gboolean show)
{
  g_return_if_fail (STEER_IS_COMPARE_VIEW (self));

  for (guint i = 0; i < 2; i++)
    steer_message_view_set_show_steering (self->messages[i], show);
}
