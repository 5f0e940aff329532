#pragma once

#include "steer-compare-view.h"
#include "steer-message-view.h"
#include "steer-transcript.h"

G_BEGIN_DECLS

struct _SteerTranscript
{
  GtkWidget parent_instance;

  SteerChat *chat;                 /* nullable */
  SteerConversation *conversation; /* nullable: the one that is shown */
  gboolean show_steering;
  GtkCssProvider *text_size;

  /* Views exist for the messages first .. first + views->len - 1 of the conversation. */
  guint first;
  GPtrArray *views;   /* SteerMessageView, each in a slot of its own, which is a child of messages */
  guint n_slots;      /* empty ones, above all others */
  GPtrArray *leaving; /* SteerMessageView, no longer needed: their slots are hidden */
  guint drop_id;
  guint fill_tick;     /* adds what is missing around what is seen, a few a frame */
  gboolean frame_full; /* the next frame has enough to lay out with what was made before it */

  /* Where the reader is. */
  gboolean stick;     /* at the end: stays there */
  gboolean staying;   /* what is seen opens or closes: where that leaves the end is not known yet */
  gboolean adjusting; /* the value is being set by us */
  gboolean moved;     /* the value was set in the middle of a layout, which has put the messages elsewhere */
  gboolean anchored;  /* something was added above: the end stays where it is */
  double from_end;    /* upper - value, while anchored */
  double upper;       /* as last seen */
  guint target;       /* message to scroll to when it is laid out; G_MAXUINT: none */

  SteerCompareView *compare; /* nullable */

  GtkWidget *overlay;
  GtkScrolledWindow *scrolled;
  GtkAdjustment *adjustment;
  AdwClamp *clamp;
  GtkWidget *messages;
  AdwBin *compare_bin;
  GtkRevealer *end_revealer;
  GtkLabel *announcement;
};

/* steer-transcript-scroll.c: where the reader is, and staying there. */
void steer_transcript_watch_scrolling (SteerTranscript *self);
/* Something is about to be added or removed above what is seen. */
void steer_transcript_keep_place (SteerTranscript *self);
/* Something that is seen is about to open or close: what stands above it stays, also at the end. */
void steer_transcript_stay (SteerTranscript *self);
/* The message at the target is scrolled to once its place is known. */
void steer_transcript_reach_target (SteerTranscript *self);
/* What is shown is not the end any more. */
void steer_transcript_leave_end (SteerTranscript *self);

/* steer-transcript-window.c: which messages have widgets. */

/* All of the conversation is another one now: its end is shown. */
void steer_transcript_show_end (SteerTranscript *self);
void steer_transcript_change_items (SteerTranscript *self, guint position, guint removed, guint added);
/* There are views of the message at @position and of some that follow it. */
void steer_transcript_build_around (SteerTranscript *self, guint position);
/* Continues to add messages near what is seen. */
void steer_transcript_schedule_fill (SteerTranscript *self);
void steer_transcript_cancel_fill (SteerTranscript *self);
/* What has left is freed with the rest. */
void steer_transcript_cancel_dropping (SteerTranscript *self);
gboolean steer_transcript_is_complete_below (SteerTranscript *self);
/* Which views a comparison stands in for. */
void steer_transcript_update_compare (SteerTranscript *self);

/* A view for @message, its requests answered. */
GtkWidget *steer_transcript_make_view (SteerTranscript *self, SteerMessage *message);

G_END_DECLS
