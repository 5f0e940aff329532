/* Lists that show much little by little, layouts that GTK's own would take long for, and what is painted at once. */
#include "app-test-util.h"
#include "test-util.h"

#include "app/steer-aside-layout.h"
#include "app/steer-column-layout.h"
#include "app/steer-growing-list.h"
#include "app/steer-late-list.h"
#include "app/steer-paced-list.h"
#include "app/steer-seen-box.h"
#include "app/steer-whole-box.h"

static GListStore *
make_strings (guint n)
{
  GListStore *list = g_list_store_new (GTK_TYPE_STRING_OBJECT);

  for (guint i = 0; i < n; i++)
    {
      g_autofree char *text = g_strdup_printf ("%u", i);
      g_autoptr (GtkStringObject) object = gtk_string_object_new (text);

      g_list_store_append (list, object);
    }
  return list;
}

static guint
count (gpointer list)
{
  return g_list_model_get_n_items (list);
}

/* What whoever listens to the list believes it to be: wrong reports of changes make it differ from the list. */
static void
on_items_changed (GListModel *list, guint position, guint removed, guint added, GPtrArray *copy)
{
  g_assert_cmpuint (position + removed, <=, copy->len);
  if (removed > 0)
    g_ptr_array_remove_range (copy, position, removed);
  for (guint i = 0; i < added; i++)
    g_ptr_array_insert (copy, (int) (position + i), g_list_model_get_item (list, position + i));
}

static void
assert_begins (GListModel *list, GListModel *whole, GPtrArray *copy)
{
  g_assert_cmpuint (copy->len, ==, count (list));
  for (guint i = 0; i < copy->len; i++)
    {
      g_autoptr (GObject) item = g_list_model_get_item (whole, i);

      g_assert_true (g_ptr_array_index (copy, i) == item);
    }
}

static void
count_change (guint *n_changes)
{
  ++*n_changes;
}

static gboolean
is_whole (gpointer data)
{
  GListModel **lists = data;

  return count (lists[0]) == count (lists[1]);
}

static void
test_paced (void)
{
  GtkWidget *label = gtk_label_new ("");
  GtkWindow *window = app_test_show (label, 200, 100);
  g_autoptr (GListStore) store = make_strings (7);
  g_autoptr (SteerPacedList) paced = steer_paced_list_new (G_LIST_MODEL (store), label, 2);
  g_autoptr (GPtrArray) copy = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GListStore) others = make_strings (5);
  GListModel *lists[] = { G_LIST_MODEL (paced), G_LIST_MODEL (store) };

  on_items_changed (lists[0], 0, 0, count (paced), copy);
  g_signal_connect (paced, "items-changed", G_CALLBACK (on_items_changed), copy);
  g_assert_cmpuint (count (paced), ==, 2);
  test_wait_until (is_whole, lists, 10);
  assert_begins (lists[0], lists[1], copy);

  /* One that is added or taken away is no long change. */
  g_list_store_remove (store, 3);
  g_assert_cmpuint (count (paced), ==, 6);
  g_list_store_insert (store, 1, g_ptr_array_index (copy, 0));
  g_assert_cmpuint (count (paced), ==, 7);
  assert_begins (lists[0], lists[1], copy);

  /* Another list is, also while it is not whole; what is needed is there. */
  for (guint round = 0; round < 2; round++)
    {
      g_list_store_remove_all (store);
      for (guint i = 0; i < 2; i++)
        {
          g_autoptr (GPtrArray) items = g_ptr_array_new_with_free_func (g_object_unref);

          for (guint j = 0; j < count (others); j++)
            g_ptr_array_add (items, g_list_model_get_item (G_LIST_MODEL (others), j));
          g_list_store_splice (store, i, 0, items->pdata, items->len);
          assert_begins (lists[0], lists[1], copy);
        }
      g_assert_cmpuint (count (paced), <, 10);
      steer_paced_list_reach (paced, 4);
      g_assert_cmpuint (count (paced), >=, 5);
      assert_begins (lists[0], lists[1], copy);
    }
  test_wait_until (is_whole, lists, 10);
  assert_begins (lists[0], lists[1], copy);
  g_assert_finalize_object (g_steal_pointer (&paced));
  gtk_window_destroy (window);
}

static GtkWidget *
make_row (gpointer item, gpointer data)
{
  GtkWidget *label = gtk_label_new (gtk_string_object_get_string (item));

  gtk_widget_set_size_request (label, -1, 40);
  return label;
}

static void
test_growing (void)
{
  GtkWidget *scrolled = gtk_scrolled_window_new ();
  GtkWidget *box = gtk_list_box_new ();
  g_autoptr (GListStore) store = make_strings (200);
  g_autoptr (GListStore) few = make_strings (3);
  g_autoptr (GtkSliceListModel) shown = NULL;
  GtkWindow *window;
  guint n;

  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scrolled), box);
  shown = steer_growing_list_new (G_LIST_MODEL (store), GTK_SCROLLED_WINDOW (scrolled));
  gtk_list_box_bind_model (GTK_LIST_BOX (box), G_LIST_MODEL (shown), make_row, NULL, NULL);
  window = app_test_show (scrolled, 200, 400);

  /* More than what is seen, and far from all; scrolling to the end brings more. */
  n = count (shown);
  g_assert_cmpuint (n, >=, 11);
  g_assert_cmpuint (n, <, 60);
  gtk_adjustment_set_value (gtk_scrolled_window_get_vadjustment (GTK_SCROLLED_WINDOW (scrolled)), 1e6);
  app_test_settle ();
  g_assert_cmpuint (count (shown), >, n);

  /* What comes behind a list that was whole is shown too. */
  steer_growing_list_set_model (shown, G_LIST_MODEL (few));
  app_test_settle ();
  g_assert_cmpuint (count (shown), ==, 3);
  for (guint i = 0; i < 7; i++)
    {
      g_autoptr (GtkStringObject) object = gtk_string_object_new ("late");

      g_list_store_append (few, object);
    }
  app_test_settle ();
  g_assert_cmpuint (count (shown), ==, 10);
  gtk_window_destroy (window);
}

static void
get_bounds (GtkWidget *widget, GtkWidget *ancestor, graphene_rect_t *bounds)
{
  g_assert_true (gtk_widget_compute_bounds (widget, ancestor, bounds));
}

static void
test_aside (void)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 0);
  GtkWidget *aside = gtk_label_new ("aside"), *text = gtk_label_new ("short");
  GtkWindow *window;
  graphene_rect_t left, right;
  int line, height;

  gtk_widget_set_layout_manager (box, g_object_new (STEER_TYPE_ASIDE_LAYOUT, NULL));
  gtk_label_set_wrap (GTK_LABEL (text), TRUE);
  gtk_label_set_width_chars (GTK_LABEL (text), 4);
  gtk_widget_set_valign (box, GTK_ALIGN_START);
  gtk_box_append (GTK_BOX (box), aside);
  gtk_box_append (GTK_BOX (box), text);
  window = app_test_show (box, 300, 200);

  /* At the end, as wide as it likes. */
  get_bounds (aside, box, &left);
  get_bounds (text, box, &right);
  g_assert_cmpfloat (left.origin.x + left.size.width, <=, right.origin.x + 1);
  g_assert_cmpfloat_with_epsilon (right.origin.x + right.size.width, gtk_widget_get_width (box), 1.0);
  g_assert_cmpfloat (right.size.width, <, gtk_widget_get_width (box) / 2.0);
  line = gtk_widget_get_height (box);

  /* A long text has all but what the other needs, and wraps. */
  gtk_label_set_text (GTK_LABEL (text),
                      "A text that is so long that it takes more than a line of three hundred pixels.");
  app_test_settle ();
  gtk_widget_measure (aside, GTK_ORIENTATION_HORIZONTAL, -1, NULL, &height, NULL, NULL);
  g_assert_cmpint (gtk_widget_get_width (aside), ==, height);
  g_assert_cmpint (gtk_widget_get_width (text), ==, gtk_widget_get_width (box) - height);
  g_assert_cmpint (gtk_widget_get_height (box), >=, 2 * line - 2);
  gtk_widget_measure (text, GTK_ORIENTATION_VERTICAL, gtk_widget_get_width (text), NULL, &height, NULL, NULL);
  g_assert_cmpint (gtk_widget_get_height (box), ==, height);

  /* The other way round where text is read from the right; all of it where it is to expand, or where it is alone. */
  gtk_widget_set_direction (box, GTK_TEXT_DIR_RTL);
  gtk_label_set_text (GTK_LABEL (text), "short");
  app_test_settle ();
  get_bounds (text, box, &right);
  g_assert_cmpfloat_with_epsilon (right.origin.x, 0, 1.0);
  gtk_widget_set_hexpand (text, TRUE);
  app_test_settle ();
  g_assert_cmpint (gtk_widget_get_width (text) + gtk_widget_get_width (aside), ==, gtk_widget_get_width (box));
  gtk_widget_hide (aside);
  app_test_settle ();
  g_assert_cmpint (gtk_widget_get_width (text), ==, gtk_widget_get_width (box));
  gtk_window_destroy (window);
}

static void
test_column (void)
{
  GtkWidget *bin = adw_bin_new (), *text = gtk_label_new ("one two three four five six seven eight nine ten");
  g_autoptr (GtkWidget) owned = g_object_ref_sink (bin);
  int height, expected, width;

  gtk_label_set_wrap (GTK_LABEL (text), TRUE);
  adw_bin_set_child (ADW_BIN (bin), text);
  gtk_widget_set_layout_manager (bin, g_object_new (STEER_TYPE_COLUMN_LAYOUT, NULL));
  gtk_widget_measure (bin, GTK_ORIENTATION_HORIZONTAL, -1, &width, NULL, NULL, NULL);
  gtk_widget_measure (text, GTK_ORIENTATION_HORIZONTAL, -1, &expected, NULL, NULL, NULL);
  g_assert_cmpint (width, ==, expected);
  gtk_widget_measure (bin, GTK_ORIENTATION_VERTICAL, 120, NULL, &height, NULL, NULL);
  gtk_widget_measure (text, GTK_ORIENTATION_VERTICAL, 120, NULL, &expected, NULL, NULL);
  g_assert_cmpint (height, ==, expected);
  gtk_widget_measure (bin, GTK_ORIENTATION_VERTICAL, -1, NULL, &height, NULL, NULL);
  g_assert_cmpint (height, ==, 0);
}

/* The type of the node that holds what @widget draws. */
static GskRenderNodeType
get_node_type (GtkWidget *widget)
{
  g_autoptr (GdkPaintable) paintable = gtk_widget_paintable_new (widget);
  g_autoptr (GskRenderNode) node = NULL;
  GskRenderNode *inner;

  while (node == NULL)
    {
      g_autoptr (GtkSnapshot) snapshot = gtk_snapshot_new ();

      app_test_settle ();
      gdk_paintable_snapshot (paintable, snapshot, gtk_widget_get_width (widget), gtk_widget_get_height (widget));
      node = gtk_snapshot_to_node (snapshot);
    }
  for (inner = node; gsk_render_node_get_node_type (inner) == GSK_TRANSFORM_NODE;)
    inner = gsk_transform_node_get_child (inner);
  return gsk_render_node_get_node_type (inner);
}

/* What GSK compares with the frame before is of one type, or a container. */
static void
test_whole_box (void)
{
  GtkWidget *label = gtk_label_new ("one");
  GtkWidget *box = steer_whole_box_new (label);
  GtkWindow *window = app_test_show (box, 200, 100);
  GskRenderNodeType first = get_node_type (box), second;

  gtk_label_set_text (GTK_LABEL (label), "two");
  second = get_node_type (box);
  g_assert_cmpint (second, !=, first);
  g_assert_true (first != GSK_CONTAINER_NODE && second != GSK_CONTAINER_NODE);
  /* Where nothing changed nothing is painted. */
  g_assert_cmpint (get_node_type (box), ==, second);
  gtk_label_set_text (GTK_LABEL (label), "three");
  g_assert_cmpint (get_node_type (box), ==, first);
  gtk_window_destroy (window);
}

static gboolean
is_same (gpointer data)
{
  GListModel **lists = data;

  for (guint i = 0; i < MAX (count (lists[0]), count (lists[1])); i++)
    {
      g_autoptr (GObject) one = g_list_model_get_item (lists[0], i);
      g_autoptr (GObject) other = g_list_model_get_item (lists[1], i);

      if (one != other)
        return FALSE;
    }
  return TRUE;
}

/* Whatever has happened meanwhile is told as one change. */
static void
test_late (void)
{
  for (guint round = 0; round < 20; round++)
    {
      g_autoptr (GListStore) model = make_strings ((guint) g_test_rand_int_range (0, 12));
      g_autoptr (SteerLateList) late = steer_late_list_new (G_LIST_MODEL (model));
      g_autoptr (GPtrArray) copy = g_ptr_array_new_with_free_func (g_object_unref);
      GListModel *lists[] = { G_LIST_MODEL (late), G_LIST_MODEL (model) };
      guint before = count (late), n_changes = 0;

      for (guint i = 0; i < before; i++)
        g_ptr_array_add (copy, g_list_model_get_item (G_LIST_MODEL (late), i));
      assert_begins (G_LIST_MODEL (late), G_LIST_MODEL (model), copy);
      g_signal_connect (late, "items-changed", G_CALLBACK (on_items_changed), copy);
      g_signal_connect_swapped (late, "items-changed", G_CALLBACK (count_change), &n_changes);
      for (int i = g_test_rand_int_range (1, 5); i > 0; i--)
        {
          guint position = (guint) g_test_rand_int_range (0, (gint32) count (model) + 1);

          if (position < count (model) && g_test_rand_bit ())
            g_list_store_remove (model, position);
          else
            {
              g_autoptr (GtkStringObject) object = gtk_string_object_new ("new");

              g_list_store_insert (model, position, object);
            }
        }
      g_assert_cmpuint (count (late), ==, before);
      g_assert_cmpuint (n_changes, ==, 0);
      test_wait_until (is_same, lists, 10);
      assert_begins (G_LIST_MODEL (late), G_LIST_MODEL (model), copy);
      g_assert_cmpuint (n_changes, <=, 1);
    }
}

#define N_AREAS 20
#define AREA_HEIGHT 100

static void
count_drawing (GtkDrawingArea *area, cairo_t *cr, int width, int height, gpointer n_drawn)
{
  ++*(guint *) n_drawn;
}

/* Areas first .. last have been drawn since this was asked before, and no others but perhaps their neighbours. */
static void
assert_drawn (guint *n_drawn, guint first, guint last)
{
  app_test_settle ();
  for (guint i = 0; i < N_AREAS; i++)
    {
      if (i >= first && i <= last)
        g_assert_cmpuint (n_drawn[i], >, 0);
      else if (i + 1 < first || i > last + 1)
        g_assert_cmpuint (n_drawn[i], ==, 0);
      n_drawn[i] = 0;
    }
}

/* What is beyond a viewport's edges is not drawn before it is seen, and then as it is by then. */
static void
test_seen_box (void)
{
  GtkWidget *scrolled = gtk_scrolled_window_new ();
  GtkWidget *box = g_object_new (STEER_TYPE_SEEN_BOX, "orientation", GTK_ORIENTATION_VERTICAL, NULL);
  GtkAdjustment *adjustment = gtk_scrolled_window_get_vadjustment (GTK_SCROLLED_WINDOW (scrolled));
  GtkWidget *areas[N_AREAS];
  guint n_drawn[N_AREAS] = { 0 };
  GtkWindow *window;

  for (guint i = 0; i < N_AREAS; i++)
    {
      areas[i] = gtk_drawing_area_new ();
      gtk_drawing_area_set_content_height (GTK_DRAWING_AREA (areas[i]), AREA_HEIGHT);
      gtk_drawing_area_set_draw_func (GTK_DRAWING_AREA (areas[i]), count_drawing, &n_drawn[i], NULL);
      gtk_box_append (GTK_BOX (box), areas[i]);
    }
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scrolled), box);
  window = app_test_show (scrolled, 200, 3 * AREA_HEIGHT);
  assert_drawn (n_drawn, 0, 2);

  gtk_adjustment_set_value (adjustment, 10 * AREA_HEIGHT);
  assert_drawn (n_drawn, 10, 12);

  /* What has been drawn is kept, and what changes meanwhile is drawn when it is seen again. */
  gtk_widget_queue_draw (areas[1]);
  gtk_widget_queue_draw (areas[19]);
  assert_drawn (n_drawn, N_AREAS, 0);
  gtk_adjustment_set_value (adjustment, 0);
  app_test_settle ();
  g_assert_cmpuint (n_drawn[0], ==, 0);
  g_assert_cmpuint (n_drawn[1], ==, 1);
  g_assert_cmpuint (n_drawn[2], ==, 0);
  n_drawn[1] = 0;

  /* What comes into view because others have gone. */
  gtk_widget_queue_draw (areas[4]);
  gtk_widget_set_visible (areas[0], FALSE);
  gtk_widget_set_visible (areas[1], FALSE);
  app_test_settle ();
  g_assert_cmpuint (n_drawn[4], ==, 1);
  n_drawn[3] = n_drawn[4] = n_drawn[5] = 0;

  /* A viewport that grows shows more. */
  gtk_widget_set_size_request (scrolled, -1, 6 * AREA_HEIGHT);
  assert_drawn (n_drawn, 6, 7);
  gtk_window_destroy (window);
}

int
main (int argc, char **argv)
{
  app_test_init (&argc, &argv);
  g_test_add_func ("/lists/what comes in numbers is there after some frames, what comes singly at once", test_paced);
  g_test_add_func ("/lists/a list grows as it is scrolled", test_growing);
  g_test_add_func ("/lists/a late list tells what has changed as one change", test_late);
  g_test_add_func ("/lists/beside a text that wraps there is room for what is beside it", test_aside);
  g_test_add_func ("/lists/a column tells its height for a width alone", test_column);
  g_test_add_func ("/lists/a whole box is drawn so that GSK takes all of it for changed", test_whole_box);
  g_test_add_func ("/lists/a box draws what is seen of it", test_seen_box);
  return g_test_run ();
}
