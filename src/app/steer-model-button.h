#pragma once

#include <adwaita.h>

#include "steer-chat.h"

G_BEGIN_DECLS

/**
 * SteerModelButton: the title of the window: the model's name, below it the device and the speed, and a menu of
 * models: the bundled one, those that were loaded before, another folder. Where the CPU is used although there is a
 * GPU the menu says why. What is being downloaded is in the menu, too. Property: chat (SteerChat). Uses the actions
 * `win.load-model`, `win.open-model`, `win.open-model-file`, `win.find-computer` and `win.get-models`.
 */
#define STEER_TYPE_MODEL_BUTTON (steer_model_button_get_type ())
G_DECLARE_FINAL_TYPE (SteerModelButton, steer_model_button, STEER, MODEL_BUTTON, GtkWidget)

GtkWidget *steer_model_button_new (SteerChat *chat);

G_END_DECLS
