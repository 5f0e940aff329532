#pragma once

#include "steering/steer-made-feature.h"

#include "steer-workspace.h"

G_BEGIN_DECLS

/* Features that the person made of examples: a file each, in the folder "made" of the program's data, which are sources
 * behind all others. */

/**
 * steer_workspace_keep_made_async:
 * @made: (transfer full): its index is chosen here, and is one that no other feature has or had
 * @layer_norm: typical norm of its layer; 0: that of the examples
 *
 * Writes the feature's file, and makes it a source. The result is a feature for a preset, with strength, label and
 * source. Errors: those of steer_made_feature_write(), G_FILE_ERROR.
 */
void steer_workspace_keep_made_async (SteerWorkspace *self,
                                      SteerMadeFeature *made,
                                      SteerContrast *contrast,
                                      double layer_norm,
                                      GCancellable *cancellable,
                                      GAsyncReadyCallback callback,
                                      gpointer user_data);
SteerFeature *steer_workspace_keep_made_finish (SteerWorkspace *self, GAsyncResult *result, GError **error);

/* Whether the file is one of those. */
gboolean steer_workspace_is_made (SteerWorkspace *self, const char *path);

/* Puts one of those into the trash, or deletes it where there is none; it is no source any more. Errors: those of
 * GFile. */
gboolean steer_workspace_discard_made (SteerWorkspace *self, const char *path, GError **error);

/* What was typed for a feature and has not become one, kept in the program's data. @draft: (nullable): nothing. */
void steer_workspace_set_draft (SteerWorkspace *self, const SteerMadeFeature *draft);
/* (transfer full) (nullable) */
SteerMadeFeature *steer_workspace_dup_draft (SteerWorkspace *self);

G_END_DECLS
