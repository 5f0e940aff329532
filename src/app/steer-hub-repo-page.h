#pragma once

#include <adwaita.h>

#include "steer-workspace.h"

G_BEGIN_DECLS

#define STEER_TYPE_HUB_REPO_PAGE (steer_hub_repo_page_get_type ())

/**
 * SteerHubRepoPage: a repository of the Hub: its licence, its page, and what of it can be downloaded and used. Begins
 * to read it at once. Uses the actions `hub.back` and `hub.open` (string: another repository).
 */
G_DECLARE_FINAL_TYPE (SteerHubRepoPage, steer_hub_repo_page, STEER, HUB_REPO_PAGE, GtkBox)

/* @text: OWNER/NAME, or an address, of which the revision and the file count, too. */
GtkWidget *steer_hub_repo_page_new (SteerWorkspace *workspace, const char *text);

G_END_DECLS
