#pragma once

#include "steer-message-view.h"
#include "steer-text-style.h"
#include "steer-thought-block.h"
#include "text/steer-thinking.h"

G_BEGIN_DECLS

struct _SteerMessageView
{
  GtkWidget parent_instance;

  SteerChat *chat;
  SteerMessage *message;
  SteerTextStyle *style;
  gboolean compact;
  char *steering; /* nullable: what steered it, for the pill */

  /* Of the template. */
  GtkWidget *column;
  GtkWidget *bubble;
  GtkWidget *content;
  GtkWidget *footer;
  GtkWidget *actions;
  GtkWidget *copy_button;
  GtkWidget *edit_button;
  GtkWidget *regenerate_button;
  GtkWidget *more_button;

  GtkWidget *spinner;           /* nullable: before the first token */
  GtkWidget *editor;            /* nullable: while it is edited */
  GtkTextBuffer *editor_buffer; /* of the editor */
  GtkWidget *menu;              /* nullable: made when it is first asked for */

  SteerThinking thinking;     /* where in the text the thought lies, as far as it was read */
  SteerThoughtBlock *thought; /* nullable: of the thought, above the content */

  /* What is being written. */
  GtkBox *blocks;         /* gets the blocks that are complete: the content, or the thought's */
  GtkBox *tail_box;       /* gets what is not: around that box */
  GtkWidget *tail_label;  /* nullable: the block that is not complete, while it is short */
  GtkTextView *tail_view; /* nullable: the same, when it is long */
  gsize viewed;           /* bytes of the text that are in the view; G_MAXSIZE: it is to be filled anew */
  gsize tail_start;       /* byte of the message's text where it begins */
  gsize tail_end;         /* and where it ends */
  gsize shown;            /* bytes of the text that are in widgets */
  guint tick;             /* a frame will bring it up to date */
  guint timer;            /* so will this, when no frame comes because it is not on the screen */
  GtkTextTag *tags[6];    /* [STEER_N_LEVELS]: of the tail; the first is not used */
};

/* steer-message-stream.c */

/* All of a complete message. */
void steer_message_view_show_whole (SteerMessageView *self);
/* Something arrived: the next frame shows it. */
void steer_message_view_schedule (SteerMessageView *self);
/* The reply is complete: the last block too. */
void steer_message_view_finish (SteerMessageView *self);
void steer_message_view_cancel_schedule (SteerMessageView *self);
void steer_message_view_remark_tail (SteerMessageView *self);

/* Text up to @end is there: blocks that are complete leave the tail, which is the rest of it. */
void steer_message_view_show_part (SteerMessageView *self, const char *text, gsize end);
/* Up to @end nothing more will come: the tail becomes blocks too. */
void steer_message_view_finish_part (SteerMessageView *self, const char *text, gsize end);

/* steer-message-thought.c */

/* The text up to @length is there: what was thought before the answer gets a block of its own. Returns where the answer
 * begins: at @length while there is none. */
gsize steer_message_view_show_thought (SteerMessageView *self, const char *text, gsize length, gboolean complete);

/* steer-message-edit.c */
void steer_message_view_end_edit (SteerMessageView *self);

/* steer-message-actions.c */
void steer_message_view_install_actions (GtkWidgetClass *widget_class);
/* What makes sense for the message as it is now. */
void steer_message_view_update_actions (SteerMessageView *self);
void steer_message_view_popup_at (SteerMessageView *self, double x, double y);

G_END_DECLS
