#pragma once

#include "chat/steer-conversation.h"
#include "chat/steer-inspection.h"
#include "steer-label-book.h"
#include "steering/steer-library.h"

G_BEGIN_DECLS

#define STEER_TYPE_INSPECTOR (steer_inspector_get_type ())

/**
 * SteerInspector:
 *
 * Asks the engine which features fire on the words of a message, with the autoencoders among the sources, and keeps
 * the last answer: pointing at the next word costs nothing. Main thread.
 *
 * Signal `ready`: what a question of steer_inspector_dup_token_text() wanted is there.
 */
G_DECLARE_FINAL_TYPE (SteerInspector, steer_inspector, STEER, INSPECTOR, GObject)

SteerInspector *steer_inspector_new (SteerEngine *engine, SteerLibrary *library, SteerLabelBook *labels);

/* Whether a source can tell what fires. */
gboolean steer_inspector_is_able (SteerInspector *self);

/* The conversation up to and with @message, as the model read it, unsteered. Errors: as steer_engine_inspect_async(),
 * and STEER_STEERING_ERROR_NOT_FOUND without an autoencoder. */
void steer_inspector_inspect_async (SteerInspector *self,
                                    SteerConversation *conversation,
                                    SteerMessage *message,
                                    GCancellable *cancellable,
                                    GAsyncReadyCallback callback,
                                    gpointer user_data);
SteerInspection *steer_inspector_inspect_finish (SteerInspector *self, GAsyncResult *result, GError **error);

/* Gives way to whatever else the engine is wanted for. */
void steer_inspector_cancel (SteerInspector *self);

/* What fires at byte @offset of @message's text, for people: lines of label and activation, strongest first. NULL while
 * that is not known; asks for it then. */
char *steer_inspector_dup_token_text (SteerInspector *self,
                                      SteerConversation *conversation,
                                      SteerMessage *message,
                                      gsize offset);

/* The feature of an SAE as a row of a preset: described by the labels and the sources, without a strength. (transfer
 * full) */
SteerFeature *steer_inspector_make_feature (SteerInspector *self, SteerSae *sae, guint64 index);

G_END_DECLS
