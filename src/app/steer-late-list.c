#include "steer-late-list.h"

/* The frame that draws what else has changed is over by then. */
#define DELAY_MS 30

struct _SteerLateList
{
  GObject parent_instance;

  GListModel *model;
  GPtrArray *items; /* of the model, as they have been told */
  guint timer;
};

static void steer_late_list_model_init (GListModelInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (SteerLateList,
                               steer_late_list,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL, steer_late_list_model_init))

static GType
get_item_type (GListModel *list)
{
  return g_list_model_get_item_type (STEER_LATE_LIST (list)->model);
}

static guint
get_n_items (GListModel *list)
{
  return STEER_LATE_LIST (list)->items->len;
}

static gpointer
get_item (GListModel *list, guint position)
{
  SteerLateList *self = STEER_LATE_LIST (list);

  return position < self->items->len ? g_object_ref (g_ptr_array_index (self->items, position)) : NULL;
}

static void
steer_late_list_model_init (GListModelInterface *iface)
{
  iface->get_item_type = get_item_type;
  iface->get_n_items = get_n_items;
  iface->get_item = get_item;
}

/* (transfer full) */
static GPtrArray *
copy_items (GListModel *model)
{
  guint n = g_list_model_get_n_items (model);
  GPtrArray *items = g_ptr_array_new_full (n, g_object_unref);

  for (guint i = 0; i < n; i++)
    g_ptr_array_add (items, g_list_model_get_item (model, i));
  return items;
}

static gboolean
follow (gpointer data)
{
  SteerLateList *self = data;
  g_autoptr (GPtrArray) before = self->items;
  GPtrArray *items = self->items = copy_items (self->model);
  guint shorter = MIN (before->len, items->len);
  guint first = 0, last = 0; /* items that are the same at both ends */

  self->timer = 0;
  while (first < shorter && before->pdata[first] == items->pdata[first])
    first++;
  while (last < shorter - first && before->pdata[before->len - 1 - last] == items->pdata[items->len - 1 - last])
    last++;
  if (before->len != items->len || first < items->len)
    g_list_model_items_changed (G_LIST_MODEL (self), first, before->len - first - last, items->len - first - last);
  return G_SOURCE_REMOVE;
}

static void
on_items_changed (SteerLateList *self)
{
  if (self->timer == 0)
    self->timer = g_timeout_add (DELAY_MS, follow, self);
}

static void
steer_late_list_finalize (GObject *object)
{
  SteerLateList *self = STEER_LATE_LIST (object);

  g_clear_handle_id (&self->timer, g_source_remove);
  g_signal_handlers_disconnect_by_data (self->model, self);
  g_object_unref (self->model);
  g_ptr_array_unref (self->items);
  G_OBJECT_CLASS (steer_late_list_parent_class)->finalize (object);
}

static void
steer_late_list_class_init (SteerLateListClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = steer_late_list_finalize;
}

static void
steer_late_list_init (SteerLateList *self)
{
}

SteerLateList *
steer_late_list_new (GListModel *model)
{
  SteerLateList *self = g_object_new (STEER_TYPE_LATE_LIST, NULL);

  self->model = g_object_ref (model);
  self->items = copy_items (model);
  g_signal_connect_swapped (model, "items-changed", G_CALLBACK (on_items_changed), self);
  return self;
}
