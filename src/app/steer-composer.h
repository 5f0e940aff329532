#pragma once

#include <adwaita.h>

#include "steer-chat.h"

G_BEGIN_DECLS

/**
 * SteerComposer: the entry at the bottom: text of several lines (Enter sends, Shift+Enter breaks the line), context
 * gauge, send and stop. Keeps the conversation's draft. Property: chat.
 */
#define STEER_TYPE_COMPOSER (steer_composer_get_type ())
G_DECLARE_FINAL_TYPE (SteerComposer, steer_composer, STEER, COMPOSER, GtkWidget)

GtkWidget *steer_composer_new (SteerChat *chat);
void steer_composer_focus (SteerComposer *self);
/* Puts @text into the entry, replacing what is there. */
void steer_composer_set_text (SteerComposer *self, const char *text);

G_END_DECLS
