#include "steer-growing-list.h"

/* So few a frame that it does not miss its time. */
#define N_FIRST 8
#define N_MORE 4

typedef struct
{
  GtkSliceListModel *list; /* not owned: it owns this */
  GtkAdjustment *adjustment;
  GSignalGroup *model; /* of which it is a slice */
  guint idle;
} Growth;

static void
growth_free (gpointer data)
{
  Growth *growth = data;

  g_clear_handle_id (&growth->idle, g_source_remove);
  g_signal_handlers_disconnect_by_data (growth->adjustment, growth);
  g_object_unref (growth->adjustment);
  g_object_unref (growth->model);
  g_free (growth);
}

static gboolean
grow (gpointer data)
{
  Growth *growth = data;

  growth->idle = 0;
  gtk_slice_list_model_set_size (growth->list, gtk_slice_list_model_get_size (growth->list) + N_MORE);
  return G_SOURCE_REMOVE;
}

/* After the frame, whose layout has told the new height. */
static void
check (Growth *growth)
{
  GListModel *model = gtk_slice_list_model_get_model (growth->list);
  guint n = g_list_model_get_n_items (G_LIST_MODEL (growth->list));
  double page = gtk_adjustment_get_page_size (growth->adjustment);
  double below = gtk_adjustment_get_upper (growth->adjustment) - gtk_adjustment_get_value (growth->adjustment) - page;

  if (growth->idle == 0 && model != NULL && n < g_list_model_get_n_items (model) && page > 0 && below < page)
    growth->idle = g_idle_add (grow, growth);
}

static gboolean
check_later (gpointer data)
{
  ((Growth *) data)->idle = 0;
  check (data);
  return G_SOURCE_REMOVE;
}

/* What comes behind the slice changes no height. */
static void
on_items_changed (GListModel *model, guint position, guint removed, guint added, Growth *growth)
{
  if (growth->idle == 0)
    growth->idle = g_idle_add (check_later, growth);
}

GtkSliceListModel *
steer_growing_list_new (GListModel *model, GtkScrolledWindow *scrolled)
{
  GtkSliceListModel *self = gtk_slice_list_model_new (model != NULL ? g_object_ref (model) : NULL, 0, N_FIRST);
  Growth *growth = g_new0 (Growth, 1);

  growth->list = self;
  growth->model = g_signal_group_new (G_TYPE_LIST_MODEL);
  g_signal_group_connect (growth->model, "items-changed", G_CALLBACK (on_items_changed), growth);
  g_signal_group_set_target (growth->model, model);
  growth->adjustment = g_object_ref (gtk_scrolled_window_get_vadjustment (scrolled));
  g_signal_connect_swapped (growth->adjustment, "value-changed", G_CALLBACK (check), growth);
  g_signal_connect_swapped (growth->adjustment, "changed", G_CALLBACK (check), growth);
  g_object_set_data_full (G_OBJECT (self), "steer-growth", growth, growth_free);
  return self;
}

void
steer_growing_list_reach (GtkSliceListModel *self, guint position)
{
  g_return_if_fail (GTK_IS_SLICE_LIST_MODEL (self));

  if (gtk_slice_list_model_get_size (self) < position + N_MORE)
    gtk_slice_list_model_set_size (self, position + N_MORE);
}

void
steer_growing_list_set_model (GtkSliceListModel *self, GListModel *model)
{
  Growth *growth = g_object_get_data (G_OBJECT (self), "steer-growth");

  if (gtk_slice_list_model_get_model (self) == model)
    return;
  g_signal_group_set_target (growth->model, model);
  gtk_slice_list_model_set_size (self, N_FIRST);
  gtk_slice_list_model_set_model (self, model);
}
