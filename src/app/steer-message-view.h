#pragma once

#include <adwaita.h>

#include "steer-chat.h"

G_BEGIN_DECLS

#define STEER_TYPE_MESSAGE_VIEW (steer_message_view_get_type ())

/**
 * SteerMessageView: one message: a bubble for what a person said, text over the whole width for a reply, and a row with
 * what is known of it and what can be done with it.
 *
 * While the reply is written, its last block is a text view, brought up to date once a frame; a block that is complete
 * becomes widgets that never change again. What was thought before a reply is a block above it, open while it is
 * written.
 *
 * Properties: message (construct only), chat (construct only), compact (boolean, construct only: in a comparison,
 * without alternatives, edit, branch and delete), show-steering (boolean). Actions `message.*`: copy, edit, regenerate,
 * branch, delete, previous-alternative, next-alternative. Signals: `branch-requested`, `delete-requested`.
 */
G_DECLARE_FINAL_TYPE (SteerMessageView, steer_message_view, STEER, MESSAGE_VIEW, GtkWidget)

GtkWidget *steer_message_view_new (SteerChat *chat, SteerMessage *message, gboolean compact, gboolean show_steering);

SteerMessage *steer_message_view_get_message (SteerMessageView *self);
void steer_message_view_set_show_steering (SteerMessageView *self, gboolean show);

/* Turns the text into an entry; what it says becomes an alternative. */
void steer_message_view_begin_edit (SteerMessageView *self);

/* Opens the thought when it takes that to see all of the @words that a search has found. (nullable) */
void steer_message_view_reveal (SteerMessageView *self, const char *words);

/* Puts the keyboard focus on what can be done with the message. */
void steer_message_view_focus (SteerMessageView *self);

/* Whether its menu has been opened. */
gboolean steer_message_view_has_menu (SteerMessageView *self);

/* Shows at once what has arrived; for tests and for whoever cannot wait for the next frame. */
void steer_message_view_flush (SteerMessageView *self);

G_END_DECLS
