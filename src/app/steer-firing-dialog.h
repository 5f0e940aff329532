#pragma once

#include <adwaita.h>

#include "steer-inspector.h"

G_BEGIN_DECLS

/**
 * SteerFiringDialog: which features fire on words of a message, the most telling first; each can be added at a strength
 * that is suggested by how strongly it fires there.
 *
 * Signal `chosen` (SteerFeature): to be added. The dialog stays open.
 */
#define STEER_TYPE_FIRING_DIALOG (steer_firing_dialog_get_type ())
G_DECLARE_FINAL_TYPE (SteerFiringDialog, steer_firing_dialog, STEER, FIRING_DIALOG, AdwWindow)

/* @words: (nullable): a part of @message's text; NULL: all of it. */
GtkWidget *steer_firing_dialog_new (GtkWindow *parent,
                                    SteerInspector *inspector,
                                    SteerConversation *conversation,
                                    SteerMessage *message,
                                    const char *words);

G_END_DECLS
