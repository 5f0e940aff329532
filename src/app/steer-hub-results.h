#pragma once

#include <adwaita.h>

#include "steer-workspace.h"

G_BEGIN_DECLS

#define STEER_TYPE_HUB_RESULTS (steer_hub_results_get_type ())

/**
 * SteerHubResults: what a search of the Hub has found, and what became of it otherwise. Uses the action `hub.open`
 * (string: a repository, or the address of one).
 */
G_DECLARE_FINAL_TYPE (SteerHubResults, steer_hub_results, STEER, HUB_RESULTS, AdwBin)

void steer_hub_results_set_workspace (SteerHubResults *self, SteerWorkspace *workspace);

/* Searches for @text in a thread; an earlier search ends. An address, or the name of a repository with its owner's, is
 * offered as it is, too. "": nothing is searched for any more. */
void steer_hub_results_search (SteerHubResults *self, const char *text);

G_END_DECLS
