#pragma once

#include <adwaita.h>

#include "steer-workspace.h"

G_BEGIN_DECLS

#define STEER_TYPE_HUB_START_PAGE (steer_hub_start_page_get_type ())

/**
 * SteerHubStartPage: what there is before anything is searched for: the downloads of this run, models to begin with,
 * and what is on this computer. Uses the action `hub.open` (string: a repository).
 */
G_DECLARE_FINAL_TYPE (SteerHubStartPage, steer_hub_start_page, STEER, HUB_START_PAGE, AdwPreferencesPage)

/* Looks anew at what is there. */
void steer_hub_start_page_set_workspace (SteerHubStartPage *self, SteerWorkspace *workspace);

G_END_DECLS
