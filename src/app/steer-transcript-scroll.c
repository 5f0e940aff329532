/* Where the reader is, and staying there. */
#include "steer-transcript-private.h"

/* So near to the end counts as being there. */
#define SLACK 24.0

static double
get_end (GtkAdjustment *adjustment)
{
  return MAX (gtk_adjustment_get_upper (adjustment) - gtk_adjustment_get_page_size (adjustment), 0.0);
}

static void
set_value (SteerTranscript *self, double value)
{
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
on_value_changed (SteerTranscript *self)
{
  if (self->adjusting)
    return;
  self->stick = steer_transcript_is_complete_below (self)
                && gtk_adjustment_get_value (self->adjustment) >= get_end (self->adjustment) - SLACK;
  self->anchored = FALSE;
  update_end_button (self);
  steer_transcript_schedule_fill (self);
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
  set_value (self, get_end (self->adjustment));
  update_end_button (self);
}
