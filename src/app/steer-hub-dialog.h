#pragma once

#include <adwaita.h>

#include "steer-workspace.h"

G_BEGIN_DECLS

#define STEER_TYPE_HUB_DIALOG (steer_hub_dialog_get_type ())

/**
 * SteerHubDialog:
 *
 * Models and features from the Hugging Face Hub: searches it, shows what of a repository can be used, downloads it, and
 * has the workspace use it. Downloads are the workspace's, and go on when the dialog is closed.
 *
 * Actions: hub.open (string: a repository as OWNER/NAME, or its address), hub.back.
 */
G_DECLARE_FINAL_TYPE (SteerHubDialog, steer_hub_dialog, STEER, HUB_DIALOG, AdwWindow)

GtkWidget *steer_hub_dialog_new (GtkWindow *parent, SteerWorkspace *workspace);

G_END_DECLS
