#pragma once

#include "hub/steer-download.h"
#include "hub/steer-hub-cache.h"

G_BEGIN_DECLS

#define STEER_TYPE_DOWNLOADS (steer_downloads_get_type ())

/**
 * SteerDownloads:
 *
 * The downloads of this run of the program, whatever window shows them, and what the cache holds. Main thread.
 *
 * Signals:
 * - changed: a download was begun, or what the cache holds has become known.
 * - ended (SteerDownload): one is done or has failed, of labels too; one that was cancelled is not told.
 */
G_DECLARE_FINAL_TYPE (SteerDownloads, steer_downloads, STEER, DOWNLOADS, GObject)

SteerDownloads *steer_downloads_new (void);

/* All that are running go no further. What has arrived stays. */
void steer_downloads_close (SteerDownloads *self);

/* Made when it is first asked for, of the environment as it is then. (transfer none) (nullable). Errors:
 * STEER_HUB_ERROR. */
SteerHubClient *steer_downloads_get_client (SteerDownloads *self, GError **error);

/* (transfer none) (element-type SteerDownload): the newest first. */
GListModel *steer_downloads_get_list (SteerDownloads *self);

/* What was begun of a choice. (transfer none) (nullable) */
SteerDownload *steer_downloads_find (SteerDownloads *self, const char *repo_id, const char *name);

/* Begins with it, or again with one that has ended; nothing where it is running. @choice: one of @repo's, which is
 * kept. (transfer none) (nullable): NULL without a client. */
SteerDownload *steer_downloads_begin (SteerDownloads *self,
                                      const SteerHubRepo *repo,
                                      const char *revision,
                                      const SteerHubChoice *choice);

/* The same of labels, which are not in the list. @name: of features of @repo_id. NULL where it is not known where
 * labels of them would be, see steer_hub_guess_labels(). (transfer none) (nullable) */
SteerDownload *steer_downloads_find_labels (SteerDownloads *self, const char *repo_id, const char *name);
SteerDownload *steer_downloads_begin_labels (SteerDownloads *self, const char *repo_id, const char *name);

/* Looks anew at what the cache holds, in a thread. */
void steer_downloads_look (SteerDownloads *self);
/* What it held then. (transfer none) (element-type SteerHubHeld) */
GPtrArray *steer_downloads_get_held (SteerDownloads *self);
/* What to open of a choice that is there, whoever downloaded it. (nullable) */
const char *steer_downloads_find_path (SteerDownloads *self, const char *repo_id, const char *name);

G_END_DECLS
