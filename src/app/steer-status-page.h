#pragma once

#include <adwaita.h>

#include "steer-workspace.h"

G_BEGIN_DECLS

/**
 * SteerStatusPage: what stands in the place of the transcript while there is nothing to show: no model, a model that
 * is being loaded or did not load, or an empty chat with suggestions that show steering.
 *
 * Property: workspace (SteerWorkspace). Uses the actions `win.load-model`, `win.open-model`, `win.cancel-load`,
 * `win.retry-load` and `win.suggest` (ss: name of a preset or "", what to say).
 */
#define STEER_TYPE_STATUS_PAGE (steer_status_page_get_type ())
G_DECLARE_FINAL_TYPE (SteerStatusPage, steer_status_page, STEER, STATUS_PAGE, GtkWidget)

GtkWidget *steer_status_page_new (SteerWorkspace *workspace);

/* Closures of the template. All strings are (nullable); free results with g_free(). */

/* "loading", "error", "no-model" or "suggestions". An error leaves the model that was there usable. */
char *
steer_status_page_dup_page (gpointer self, const char *loading_path, const char *load_error, const char *model_path);
/* "312 MB of 1.2 GB"; the size alone or nothing where that is not known. */
char *steer_status_page_dup_progress_text (gpointer self, double progress, guint64 bytes);
/* An error's message as a sentence, in markup. */
char *steer_status_page_dup_error_text (gpointer self, const char *message);

G_END_DECLS
