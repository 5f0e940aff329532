#pragma once

#include "hub/steer-hub-cache.h"
#include "hub/steer-hub-client.h"
#include "steer-cli.h"

G_BEGIN_DECLS

/* Whether @text is OWNER/NAME, or OWNER/NAME:WHAT where the repository has several things. @path: (out) (nullable):
 * what is in the cache of it; NULL with STEER_HUB_ERROR_NOT_FOUND when nothing whole is there. */
gboolean steer_cli_hub_find (const char *text, SteerHubKind kind, char **path, GError **error);

/* What `steer hub` prints. */
void steer_cli_hub_print_found (GPtrArray *found, gboolean as_json);
void steer_cli_hub_print_repo (const SteerHubRepo *repo, const char *page, gboolean as_json);
/* @held: (element-type SteerHubHeld) */
void steer_cli_hub_print_held (GPtrArray *held, gboolean as_json);

/* NULL when the program can use the choice, else why not: "its family, Mamba, is not run here". Free with g_free(). */
char *steer_cli_hub_dup_problem (const SteerHubRepo *repo, const SteerHubChoice *choice);

G_END_DECLS
