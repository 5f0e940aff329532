#pragma once

#include <adwaita.h>

#include "steer-workspace.h"

G_BEGIN_DECLS

#define STEER_TYPE_HUB_ROW (steer_hub_row_get_type ())

/**
 * SteerHubRow:
 *
 * A choice of a repository, whatever has become of it: it can be downloaded, is being downloaded, was not, is there and
 * can be used, is in use, or cannot be used at all. A model that is used closes the row's window; features do not.
 *
 * Signals:
 * - begin: the choice is to be downloaded, for the first time or again.
 */
G_DECLARE_FINAL_TYPE (SteerHubRow, steer_hub_row, STEER, HUB_ROW, AdwPreferencesRow)

/* What it is of. All of it is copied. */
typedef struct
{
  SteerHubKind kind;
  const char *repo_id;
  const char *name;    /* of the choice */
  const char *title;   /* (nullable): else the name */
  const char *detail;  /* what stands below it */
  const char *problem; /* (nullable): why it cannot be used */
  const char *page;    /* (nullable): the repository's, for who has to accept its terms */
  gboolean suggested;
} SteerHubRowInfo;

GtkWidget *steer_hub_row_new (SteerWorkspace *workspace, const SteerHubRowInfo *info);

/* Uses what is there; nothing otherwise. For the signal `row-activated` of its list. */
void steer_hub_row_activate (SteerHubRow *self);

/* Loads a model, or makes features a source. */
void steer_hub_use (SteerWorkspace *workspace, SteerHubKind kind, const char *path);
/* Whether it is the model in use, or a source. */
gboolean steer_hub_is_in_use (SteerWorkspace *workspace, SteerHubKind kind, const char *path);

G_END_DECLS
