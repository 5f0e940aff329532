#pragma once

#include "steer-hub-client.h"

G_BEGIN_DECLS

typedef enum
{
  STEER_DOWNLOAD_RUNNING,
  STEER_DOWNLOAD_DONE,
  STEER_DOWNLOAD_FAILED,
  STEER_DOWNLOAD_CANCELLED,
} SteerDownloadState;

#define STEER_TYPE_DOWNLOAD_STATE (steer_download_state_get_type ())
GType steer_download_state_get_type (void);

#define STEER_TYPE_DOWNLOAD (steer_download_get_type ())

/**
 * SteerDownload:
 *
 * A choice of a repository on its way to the cache, or labels of features, for an interface. A thread does the
 * work.
 *
 * Properties, all read-only, notified on the main context that was the thread's default when it began: repo-id and
 * name (strings, the repository and the choice), kind (int, SteerHubKind), state (SteerDownloadState), done and total
 * (uint64, bytes; of labels 0 until known), rate (double, bytes a second over the last seconds, 0 until known), path
 * (string, nullable until done: what to open, or of labels the folder to import), error (string, nullable: why it
 * failed). `done` and `rate` are notified at most ten times a second.
 *
 * It holds itself alive while it is running.
 */
G_DECLARE_FINAL_TYPE (SteerDownload, steer_download, STEER, DOWNLOAD, GObject)

/* Begins at once. @repo: (transfer full); @choice: one of @repo's. */
SteerDownload *
steer_download_new (SteerHubClient *client, SteerHubRepo *repo, const char *revision, const SteerHubChoice *choice);

/* The same for what Neuronpedia calls the features of an SAE: @name of @repo_id. @folder: where its files are
 * meanwhile. NULL where it is not known where labels of that SAE would be, see steer_hub_guess_labels(). */
SteerDownload *steer_download_new_labels (const char *repo_id, const char *name, const char *folder);

/* Begins again where it ended. Nothing while it is running, or when it is done. */
void steer_download_restart (SteerDownload *self);

/* What has arrived stays for a later one. Nothing when it is not running. */
void steer_download_cancel (SteerDownload *self);

SteerDownloadState steer_download_get_state (SteerDownload *self);
SteerHubKind steer_download_get_kind (SteerDownload *self);
const char *steer_download_get_repo_id (SteerDownload *self);
const char *steer_download_get_name (SteerDownload *self);
const char *steer_download_get_path (SteerDownload *self);
const char *steer_download_get_error (SteerDownload *self);
guint64 steer_download_get_done (SteerDownload *self);
guint64 steer_download_get_total (SteerDownload *self);
double steer_download_get_rate (SteerDownload *self);

G_END_DECLS
