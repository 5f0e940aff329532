#pragma once

#include <adwaita.h>

#include "steer-workspace.h"

G_BEGIN_DECLS

/**
 * SteerSourcesPage: a page of the preferences: where features come from and what they are called. What each source
 * covers or why it is not used is told; files and folders can be added and, where the person added them, removed.
 */
#define STEER_TYPE_SOURCES_PAGE (steer_sources_page_get_type ())
G_DECLARE_FINAL_TYPE (SteerSourcesPage, steer_sources_page, STEER, SOURCES_PAGE, AdwPreferencesPage)

void steer_sources_page_set_workspace (SteerSourcesPage *self, SteerWorkspace *workspace);

/* What the file choosers come back with: a file or folder of vectors, and one of labels. */
void steer_sources_page_add (SteerSourcesPage *self, GFile *file);
void steer_sources_page_import (SteerSourcesPage *self, GFile *file);

G_END_DECLS
