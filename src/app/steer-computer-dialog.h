#pragma once

#include "steer-workspace.h"

#include <adwaita.h>

G_BEGIN_DECLS

#define STEER_TYPE_COMPUTER_DIALOG (steer_computer_dialog_get_type ())

/**
 * SteerComputerDialog:
 *
 * Asks for another computer, shows what models it has, and loads the one that is chosen
 * (remote/steer-remote-listing.h).
 */
G_DECLARE_FINAL_TYPE (SteerComputerDialog, steer_computer_dialog, STEER, COMPUTER_DIALOG, AdwWindow)

GtkWidget *steer_computer_dialog_new (GtkWindow *parent, SteerWorkspace *workspace);

G_END_DECLS
