/* Where the reader is, and staying there. */
#include "steer-transcript-private.h"

/* So near to the end counts as being there. */
#define SLACK 24.0

/* What was looked for stays marked so long. */
#define MARK_MS 2500

static double
get_end (GtkAdjustment *adjustment)
{
  return MAX (gtk_adjustment_get_upper (adjustment) - gtk_adjustment_get_page_size (adjustment), 0.0);
}

static void
set_value (SteerTranscript *self, double value)
{
  self->moved |= value != gtk_adjustment_get_value (self->adjustment);
  self->adjusting = TRUE;
  gtk_adjustment_set_value (self->adjustment, value);
  self->adjusting = FALSE;
}

static void
update_end_button (SteerTranscript *self)
{
  gtk_revealer_set_reveal_child (self->end_revealer, !self->stick);
}

static void
update_stick (SteerTranscript *self)
{
  self->stick = steer_transcript_is_complete_below (self)
                && gtk_adjustment_get_value (self->adjustment) >= get_end (self->adjustment) - SLACK;
  update_end_button (self);
}

static void
on_value_changed (SteerTranscript *self)
{
  if (self->adjusting)
    return;
  self->target = G_MAXUINT;
  self->anchored = FALSE;
  update_stick (self);
  steer_transcript_schedule_fill (self);
}

/* The viewport tells its height when it has allocated what is inside, and takes no notice of a value that changes then:
 * where it did, it allocates once more, before the frame is drawn. */
static void
on_layout (SteerTranscript *self)
{
  if (self->moved)
    gtk_widget_queue_allocate (gtk_widget_get_first_child (GTK_WIDGET (self->scrolled)));
  self->moved = FALSE;
  /* What was added above has its place. Where all of it fits on a page no new height was told. */
  if (self->anchored)
    {
      self->anchored = FALSE;
      steer_transcript_schedule_fill (self);
    }
  if (self->staying)
    {
      self->staying = FALSE;
      update_stick (self);
      steer_transcript_schedule_fill (self);
    }
  /* Who sees all of a chat sees its end. */
  if (!self->stick && self->first == 0 && steer_transcript_is_complete_below (self)
      && get_end (self->adjustment) == 0.0)
    {
      self->stick = TRUE;
      update_end_button (self);
    }
}

static void
on_realize (SteerTranscript *self)
{
  g_signal_connect_object (gtk_widget_get_frame_clock (GTK_WIDGET (self)), "layout", G_CALLBACK (on_layout), self,
                           G_CONNECT_SWAPPED | G_CONNECT_AFTER);
}

static void
on_unrealize (SteerTranscript *self)
{
  g_signal_handlers_disconnect_by_func (gtk_widget_get_frame_clock (GTK_WIDGET (self)), on_layout, self);
}

/* The layout has just told a new height: the value follows before the frame is drawn. */
static void
on_size_changed (SteerTranscript *self)
{
  double upper = gtk_adjustment_get_upper (self->adjustment);

  if (self->stick)
    set_value (self, get_end (self->adjustment));
  else if (self->anchored && upper != self->upper)
    {
      set_value (self, upper - self->from_end);
      self->anchored = FALSE;
    }
  self->upper = upper;
  steer_transcript_reach_target (self);
  steer_transcript_schedule_fill (self);
}

/* From the top of what is seen. */
#define TARGET_MARGIN 24.0

static gboolean
end_mark (gpointer view)
{
  gtk_widget_remove_css_class (view, "found");
  return G_SOURCE_REMOVE;
}

void
steer_transcript_reach_target (SteerTranscript *self)
{
  GtkWidget *view, *column = gtk_widget_get_parent (self->messages);
  double y;

  if (self->target == G_MAXUINT || self->target < self->first || self->target >= self->first + self->views->len)
    return;
  view = g_ptr_array_index (self->views, self->target - self->first);
  if (gtk_widget_get_height (view) == 0 || !gtk_widget_translate_coordinates (view, column, 0, 0, NULL, &y))
    return;
  set_value (self, MAX (MIN (y - TARGET_MARGIN, get_end (self->adjustment)), 0.0));
}

void
steer_transcript_show_message (SteerTranscript *self, guint position, const char *words)
{
  GtkWidget *view;

  g_return_if_fail (STEER_IS_TRANSCRIPT (self));

  steer_transcript_build_around (self, position);
  if (position < self->first || position >= self->first + self->views->len)
    return;
  view = g_ptr_array_index (self->views, position - self->first);
  self->target = position;
  self->anchored = FALSE;
  steer_transcript_leave_end (self);
  steer_message_view_reveal (STEER_MESSAGE_VIEW (view), words);
  steer_transcript_reach_target (self);
  gtk_widget_add_css_class (view, "found");
  g_timeout_add_full (G_PRIORITY_DEFAULT, MARK_MS, end_mark, g_object_ref (view), g_object_unref);
  steer_transcript_schedule_fill (self);
}

void
steer_transcript_keep_place (SteerTranscript *self)
{
  if (self->stick || self->anchored)
    return;
  self->anchored = TRUE;
  self->from_end = gtk_adjustment_get_upper (self->adjustment) - gtk_adjustment_get_value (self->adjustment);
}

void
steer_transcript_stay (SteerTranscript *self)
{
  self->stick = FALSE;
  self->staying = TRUE;
  self->anchored = FALSE;
  self->target = G_MAXUINT;
}

void
steer_transcript_leave_end (SteerTranscript *self)
{
  self->stick = FALSE;
  update_end_button (self);
}

void
steer_transcript_watch_scrolling (SteerTranscript *self)
{
  self->stick = TRUE;
  self->adjustment = gtk_scrolled_window_get_vadjustment (self->scrolled);
  g_signal_connect (self, "realize", G_CALLBACK (on_realize), NULL);
  g_signal_connect (self, "unrealize", G_CALLBACK (on_unrealize), NULL);
  g_signal_connect_object (self->adjustment, "value-changed", G_CALLBACK (on_value_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->adjustment, "notify::upper", G_CALLBACK (on_size_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->adjustment, "notify::page-size", G_CALLBACK (on_size_changed), self,
                           G_CONNECT_SWAPPED);
}

void
steer_transcript_scroll_to_end (SteerTranscript *self)
{
  g_return_if_fail (STEER_IS_TRANSCRIPT (self));

  if (!steer_transcript_is_complete_below (self))
    steer_transcript_show_end (self);
  self->stick = TRUE;
  self->anchored = FALSE;
  self->target = G_MAXUINT;
  set_value (self, get_end (self->adjustment));
  update_end_button (self);
}
