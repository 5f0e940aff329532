#include "steer-paced-list.h"

struct _SteerPacedList
{
  GObject parent_instance;

  GListModel *model;
  GtkWidget *widget; /* not owned */
  guint n_a_frame;
  guint n_items; /* of the model */
  guint n_shown; /* the first ones of them */
  guint tick;
};

static void steer_paced_list_model_init (GListModelInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (SteerPacedList,
                               steer_paced_list,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL, steer_paced_list_model_init))

static GType
get_item_type (GListModel *list)
{
  return g_list_model_get_item_type (STEER_PACED_LIST (list)->model);
}

static guint
get_n_items (GListModel *list)
{
  return STEER_PACED_LIST (list)->n_shown;
}

static gpointer
get_item (GListModel *list, guint position)
{
  SteerPacedList *self = STEER_PACED_LIST (list);

  return position < self->n_shown ? g_list_model_get_item (self->model, position) : NULL;
}

static void
steer_paced_list_model_init (GListModelInterface *iface)
{
  iface->get_item_type = get_item_type;
  iface->get_n_items = get_n_items;
  iface->get_item = get_item;
}

static void
show_more (SteerPacedList *self, guint n_shown)
{
  guint before = self->n_shown;

  if (n_shown <= before)
    return;
  self->n_shown = n_shown;
  g_list_model_items_changed (G_LIST_MODEL (self), before, 0, n_shown - before);
}

static gboolean
on_tick (GtkWidget *widget, GdkFrameClock *clock, gpointer data)
{
  SteerPacedList *self = data;

  show_more (self, MIN (self->n_items, self->n_shown + self->n_a_frame));
  if (self->n_shown < self->n_items)
    return G_SOURCE_CONTINUE;
  self->tick = 0;
  return G_SOURCE_REMOVE;
}

static void
schedule (SteerPacedList *self)
{
  if (self->tick == 0 && self->n_shown < self->n_items)
    self->tick = gtk_widget_add_tick_callback (self->widget, on_tick, self, NULL);
}

static void
on_items_changed (SteerPacedList *self, guint position, guint removed, guint added)
{
  gboolean whole = self->n_shown == self->n_items;
  guint before = self->n_shown;

  self->n_items = g_list_model_get_n_items (self->model);
  if (whole && added <= self->n_a_frame)
    {
      self->n_shown = self->n_items;
      g_list_model_items_changed (G_LIST_MODEL (self), position, removed, added);
      return;
    }
  /* What comes behind the change is shown again in its turn. */
  if (position < before)
    {
      self->n_shown = MIN (self->n_items, position + self->n_a_frame);
      g_list_model_items_changed (G_LIST_MODEL (self), position, before - position, self->n_shown - position);
    }
  else if (whole)
    show_more (self, MIN (self->n_items, position + self->n_a_frame));
  schedule (self);
}

static void
steer_paced_list_dispose (GObject *object)
{
  SteerPacedList *self = STEER_PACED_LIST (object);

  if (self->tick != 0)
    gtk_widget_remove_tick_callback (self->widget, self->tick);
  self->tick = 0;
  if (self->model != NULL)
    g_signal_handlers_disconnect_by_data (self->model, self);
  G_OBJECT_CLASS (steer_paced_list_parent_class)->dispose (object);
}

static void
steer_paced_list_finalize (GObject *object)
{
  g_clear_object (&STEER_PACED_LIST (object)->model);
  G_OBJECT_CLASS (steer_paced_list_parent_class)->finalize (object);
}

static void
steer_paced_list_class_init (SteerPacedListClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = steer_paced_list_dispose;
  G_OBJECT_CLASS (klass)->finalize = steer_paced_list_finalize;
}

static void
steer_paced_list_init (SteerPacedList *self)
{
}

SteerPacedList *
steer_paced_list_new (GListModel *model, GtkWidget *widget, guint n_a_frame)
{
  SteerPacedList *self = g_object_new (STEER_TYPE_PACED_LIST, NULL);

  self->model = g_object_ref (model);
  self->widget = widget;
  self->n_a_frame = MAX (n_a_frame, 1);
  self->n_items = g_list_model_get_n_items (model);
  self->n_shown = MIN (self->n_items, self->n_a_frame);
  g_signal_connect_swapped (model, "items-changed", G_CALLBACK (on_items_changed), self);
  schedule (self);
  return self;
}

void
steer_paced_list_reach (SteerPacedList *self, guint position)
{
  g_return_if_fail (STEER_IS_PACED_LIST (self));
  show_more (self, MIN (self->n_items, position + 1));
}
