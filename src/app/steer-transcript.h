#pragma once

#include <adwaita.h>

#include "steer-chat.h"

G_BEGIN_DECLS

/* In pixels, as those of AdwClamp: no line of text is longer; what stands below it has the same edges. */
#define STEER_TRANSCRIPT_WIDTH 780
#define STEER_TRANSCRIPT_THRESHOLD 640

/**
 * SteerTranscript: the messages of a chat, streaming; in comparison, the two columns at its end.
 *
 * Properties: chat (SteerChat), show-steering (boolean, TRUE: mark text by the strengths it was written under).
 * Actions `transcript.*`: copy, edit, regenerate, branch, delete, previous-alternative, next-alternative on the message
 * in focus, else on the last; scroll-to-end; stay; stop (Escape). Signals: `branched` (SteerConversation), `toast`
 * (AdwToast), `inspect` (SteerMessage, nullable string: a part of its text): the window shows them.
 */
#define STEER_TYPE_TRANSCRIPT (steer_transcript_get_type ())
G_DECLARE_FINAL_TYPE (SteerTranscript, steer_transcript, STEER, TRANSCRIPT, GtkWidget)

GtkWidget *steer_transcript_new (SteerChat *chat);
void steer_transcript_set_chat (SteerTranscript *self, SteerChat *chat);
void steer_transcript_scroll_to_end (SteerTranscript *self);

/* Scrolls to the message at @position of the conversation and marks it for a moment. @words: (nullable): what was found
 * in it; a thought that hides them is opened. */
void steer_transcript_show_message (SteerTranscript *self, guint position, const char *words);

G_END_DECLS
