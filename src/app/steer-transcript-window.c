/* Which messages have widgets: those near what is seen. A conversation of any length opens with its last few. */
#include "steer-transcript-private.h"

/* Messages are added one after another while a frame has time for them, and at least one. To style, to lay out and to
 * draw them takes three times as long as to make them. */
#define BUDGET_US 1500

/* In pixels: two columns use the room of a wide window. */
#define COMPARED_WIDTH 1160

/* Of another path so many are shown at once; where it is longer, its end is far. */
#define N_AT_ONCE 4

/* What is there without scrolling. */
#define N_ENOUGH 20

/* Empty slots that are added above at once; enough for all that is filled ahead of a first look. */
#define N_SLOTS 64

/* At the end, with more than N_MANY, all but the last N_ENOUGH go: the frame's cost grows with them. */
#define N_MANY 60

/* Longer than any tooltip takes to show. */
#define TOOLTIP_MS 1000

/* So many pages beyond the edge of what is seen are filled ahead. */
#define PAGES_AHEAD 1.5

static guint
count_messages (SteerTranscript *self)
{
  return self->conversation != NULL ? g_list_model_get_n_items (G_LIST_MODEL (self->conversation)) : 0;
}

gboolean
steer_transcript_is_complete_below (SteerTranscript *self)
{
  return self->first + self->views->len >= count_messages (self);
}

static gboolean
is_compared (SteerTranscript *self, SteerMessage *message)
{
  return self->compare != NULL
         && (message == steer_compare_view_get_plain (self->compare)
             || message == steer_compare_view_get_steered (self->compare));
}

/* What is added above others has GTK style all of them anew. So empty slots are added there, many at once, and filled
 * from below. */
static GtkWidget *
take_slot_above (SteerTranscript *self)
{
  GtkWidget *slot;

  if (self->n_slots == 0)
    for (; self->n_slots < N_SLOTS; self->n_slots++)
      gtk_box_prepend (GTK_BOX (self->messages), adw_bin_new ());
  slot = gtk_widget_get_first_child (self->messages);
  for (guint i = 1; i < self->n_slots; i++)
    slot = gtk_widget_get_next_sibling (slot);
  self->n_slots--;
  return slot;
}

static GtkWidget *
add_slot_below (SteerTranscript *self)
{
  GtkWidget *slot = adw_bin_new ();

  gtk_box_append (GTK_BOX (self->messages), slot);
  return slot;
}

/* The view of message @position becomes the first of the views, or else the last. */
static void
add_view (SteerTranscript *self, gboolean above, guint position)
{
  g_autoptr (SteerMessage) message = g_list_model_get_item (G_LIST_MODEL (self->conversation), position);
  GtkWidget *view = steer_transcript_make_view (self, message);

  gtk_widget_set_visible (view, !is_compared (self, message));
  adw_bin_set_child (ADW_BIN (above ? take_slot_above (self) : add_slot_below (self)), view);
  g_ptr_array_insert (self->views, above ? 0 : -1, view);
}

static gboolean
has_focus (GtkWidget *widget)
{
  GtkRoot *root = gtk_widget_get_root (widget);
  GtkWidget *focus = root != NULL ? gtk_root_get_focus (root) : NULL;

  return focus != NULL && (focus == widget || gtk_widget_is_ancestor (focus, widget));
}

/* With its slot. */
static gboolean
drop_view (gpointer view)
{
  GtkWidget *slot = gtk_widget_get_parent (view);
  GtkWidget *messages = slot != NULL ? gtk_widget_get_parent (slot) : NULL;

  if (messages != NULL)
    gtk_box_remove (GTK_BOX (messages), slot);
  return G_SOURCE_REMOVE;
}

static gboolean
is_spent (gint64 began)
{
  return g_get_monotonic_time () - began > BUDGET_US;
}

static gboolean
drop_some (gpointer data)
{
  SteerTranscript *self = data;
  gint64 began = g_get_monotonic_time ();

  while (self->leaving->len > 0 && !is_spent (began))
    {
      drop_view (g_ptr_array_index (self->leaving, 0));
      g_ptr_array_remove_index_fast (self->leaving, 0);
    }
  if (self->leaving->len > 0)
    return G_SOURCE_CONTINUE;
  self->drop_id = 0;
  return G_SOURCE_REMOVE;
}

/* A view goes from sight at once. From memory it goes when there is time for it, and where it has shown its menu a
 * little later: GTK's timer for a tooltip over a menu does not survive the menu's surface. */
static void
remove_view (SteerTranscript *self, GtkWidget *view)
{
  gtk_widget_hide (gtk_widget_get_parent (view));
  if (steer_message_view_has_menu (STEER_MESSAGE_VIEW (view)))
    {
      g_timeout_add_full (G_PRIORITY_DEFAULT, TOOLTIP_MS, drop_view, g_object_ref (view), g_object_unref);
      return;
    }
  g_ptr_array_add (self->leaving, g_object_ref (view));
  if (self->drop_id == 0)
    self->drop_id = g_idle_add (drop_some, self);
}

void
steer_transcript_cancel_dropping (SteerTranscript *self)
{
  g_clear_handle_id (&self->drop_id, g_source_remove);
  g_ptr_array_set_size (self->leaving, 0);
}

/* TRUE when the focus went with them. */
static gboolean
remove_views (SteerTranscript *self, guint index, guint n)
{
  gboolean focused = FALSE;

  for (guint i = 0; i < n; i++)
    {
      GtkWidget *view = g_ptr_array_steal_index (self->views, index);

      focused |= has_focus (view);
      remove_view (self, view);
    }
  return focused;
}

/* Whoever works with the keyboard stays where they were. */
static void
focus_view (SteerTranscript *self, guint index)
{
  if (self->views->len > 0)
    steer_message_view_focus (g_ptr_array_index (self->views, MIN (index, self->views->len - 1)));
}

static void
add_above (SteerTranscript *self)
{
  gint64 began = g_get_monotonic_time ();

  steer_transcript_keep_place (self);
  while (self->first > 0)
    {
      self->first--;
      add_view (self, TRUE, self->first);
      if (is_spent (began))
        break;
    }
}

/* FALSE when there was none. */
static gboolean
add_one_below (SteerTranscript *self)
{
  if (self->first + self->views->len >= count_messages (self))
    return FALSE;
  add_view (self, FALSE, self->first + self->views->len);
  return TRUE;
}

static void
add_below (SteerTranscript *self)
{
  gint64 began = g_get_monotonic_time ();

  while (add_one_below (self) && !is_spent (began))
    ;
}

/* Far above what is seen, widgets only cost. */
static void
trim_above (SteerTranscript *self)
{
  guint n;

  if (!self->stick || self->views->len <= N_MANY)
    return;
  n = self->views->len - N_ENOUGH;
  remove_views (self, 0, n);
  self->first += n;
}

static gboolean
needs_above (SteerTranscript *self)
{
  return self->first > 0
         && (self->views->len < N_ENOUGH
             || gtk_adjustment_get_value (self->adjustment)
                  < PAGES_AHEAD * gtk_adjustment_get_page_size (self->adjustment));
}

static gboolean
needs_below (SteerTranscript *self)
{
  double below = gtk_adjustment_get_upper (self->adjustment) - gtk_adjustment_get_value (self->adjustment)
                 - gtk_adjustment_get_page_size (self->adjustment);

  return !steer_transcript_is_complete_below (self)
         && below < PAGES_AHEAD * gtk_adjustment_get_page_size (self->adjustment);
}

static gboolean
on_fill_tick (GtkWidget *widget, GdkFrameClock *clock, gpointer data)
{
  SteerTranscript *self = STEER_TRANSCRIPT (widget);

  if (self->frame_full)
    {
      self->frame_full = FALSE;
      return G_SOURCE_CONTINUE;
    }
  self->fill_tick = 0;
  /* What was added above, or opened, has not been laid out yet: its height is not known. */
  if (self->anchored || self->staying)
    return G_SOURCE_REMOVE;
  if (needs_above (self))
    add_above (self);
  else if (needs_below (self))
    add_below (self);
  if (needs_above (self) || needs_below (self))
    steer_transcript_schedule_fill (self);
  return G_SOURCE_REMOVE;
}

void
steer_transcript_schedule_fill (SteerTranscript *self)
{
  if (self->fill_tick == 0 && self->conversation != NULL && (needs_above (self) || needs_below (self)))
    self->fill_tick = gtk_widget_add_tick_callback (GTK_WIDGET (self), on_fill_tick, NULL, NULL);
}

void
steer_transcript_cancel_fill (SteerTranscript *self)
{
  if (self->fill_tick != 0)
    gtk_widget_remove_tick_callback (GTK_WIDGET (self), self->fill_tick);
  self->fill_tick = 0;
}

void
steer_transcript_show_end (SteerTranscript *self)
{
  remove_views (self, 0, self->views->len);
  self->first = count_messages (self);
  add_above (self);
  self->anchored = FALSE;
  self->frame_full = TRUE;
  steer_transcript_schedule_fill (self);
}

void
steer_transcript_build_around (SteerTranscript *self, guint position)
{
  if (position >= self->first && position < self->first + self->views->len)
    return;
  remove_views (self, 0, self->views->len);
  self->first = MIN (position, count_messages (self));
  for (guint i = 0; i < N_AT_ONCE; i++)
    add_one_below (self);
}

/* @removed messages at @position are others now; around it the widgets stay. */
void
steer_transcript_change_items (SteerTranscript *self, guint position, guint removed, guint added)
{
  gboolean focused = FALSE;
  guint index;

  if (position < self->first)
    {
      /* All that is seen has changed. */
      focused = remove_views (self, 0, self->views->len);
      self->first = position;
    }
  index = position - self->first;
  if (index > self->views->len)
    return;
  focused |= remove_views (self, index, MIN (removed, self->views->len - index));
  /* Those behind a change in the middle are made again; a path changes at its end, so this is rare. */
  if (index < self->views->len)
    focused |= remove_views (self, index, self->views->len - index);
  for (guint i = 0; i < MIN (added, N_AT_ONCE); i++)
    add_one_below (self);
  if (focused)
    focus_view (self, index);
  /* Another path that is long: its beginning is what changed, and the end is far. */
  if (!steer_transcript_is_complete_below (self))
    steer_transcript_leave_end (self);
  trim_above (self);
  steer_transcript_schedule_fill (self);
}

void
steer_transcript_update_compare (SteerTranscript *self)
{
  SteerMessage *plain = self->chat != NULL ? steer_chat_get_plain_message (self->chat) : NULL;
  SteerMessage *steered = self->chat != NULL ? steer_chat_get_steered_message (self->chat) : NULL;
  gboolean wanted = plain != NULL && steered != NULL;
  gboolean focused = FALSE;

  if (self->compare != NULL
      && (!wanted || steer_compare_view_get_plain (self->compare) != plain
          || steer_compare_view_get_steered (self->compare) != steered))
    {
      focused = has_focus (GTK_WIDGET (self->compare));
      self->compare = NULL;
      adw_bin_set_child (self->compare_bin, NULL);
    }
  if (wanted && self->compare == NULL)
    {
      self->compare = STEER_COMPARE_VIEW (steer_compare_view_new (self->chat, plain, steered, self->show_steering));
      adw_bin_set_child (self->compare_bin, GTK_WIDGET (self->compare));
    }
  gtk_widget_set_visible (GTK_WIDGET (self->compare_bin), self->compare != NULL);
  adw_clamp_set_maximum_size (self->clamp, self->compare != NULL ? COMPARED_WIDTH : STEER_TRANSCRIPT_WIDTH);
  for (guint i = 0; i < self->views->len; i++)
    {
      SteerMessageView *view = g_ptr_array_index (self->views, i);

      gtk_widget_set_visible (GTK_WIDGET (view), !is_compared (self, steer_message_view_get_message (view)));
    }
  if (focused && self->compare == NULL)
    focus_view (self, G_MAXUINT);
}
