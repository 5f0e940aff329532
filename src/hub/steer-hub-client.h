#pragma once

#include "steer-hub-repo.h"

G_BEGIN_DECLS

/* Everything nullable: NULL means as the environment says, as other programs of that world read it. */
typedef struct
{
  const char *endpoint; /* else $HF_ENDPOINT, else "https://huggingface.co" */
  const char
    *token; /* else $HF_TOKEN or $HUGGING_FACE_HUB_TOKEN, else the file $HF_TOKEN_PATH, else $HF_HOME/token; "": none */
  const char *cache; /* else steer_hub_cache_dup_default_path () */

  /* Of a model's folder, when its configuration has come and before its weights do: whether the program can use it. On
   * the thread that fetches. */
  gboolean (*check_model) (const char *folder, GError **error);
} SteerHubOptions;

/**
 * SteerHubClient:
 *
 * The Hugging Face Hub: what is there, and a way from there to the cache on this machine. The token goes to the
 * endpoint and to no other host, whatever it redirects to; from https nothing leads to http. Answers, names and
 * sizes are a stranger's: all are checked, and files against their sums before they get their names.
 *
 * All calls block and may be made from any thread, several at once.
 */
typedef struct _SteerHubClient SteerHubClient;

/* @options: (nullable). Errors: STEER_HUB_ERROR_INVALID (an endpoint that is no address, a token that is none). */
SteerHubClient *steer_hub_client_new (const SteerHubOptions *options, GError **error);
SteerHubClient *steer_hub_client_ref (SteerHubClient *self);
void steer_hub_client_unref (SteerHubClient *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerHubClient, steer_hub_client_unref)

const char *steer_hub_client_get_cache (SteerHubClient *self);
/* Its page, for people: "https://huggingface.co/OWNER/NAME". Free with g_free(). */
char *steer_hub_client_dup_page (SteerHubClient *self, const char *repo_id);

/* Repositories whose names have all words of @words, the most downloaded first, at most 50. (transfer full)
 * (element-type SteerHubFound). Errors: STEER_HUB_ERROR, G_IO_ERROR_CANCELLED. */
GPtrArray *steer_hub_client_search (SteerHubClient *self, const char *words, GCancellable *cancellable, GError **error);

/* @revision: (nullable): NULL: "main". A repository that was renamed comes under its new name. Errors: STEER_HUB_ERROR,
 * G_IO_ERROR_CANCELLED. */
SteerHubRepo *steer_hub_client_read_repo (SteerHubClient *self,
                                          const char *repo_id,
                                          const char *revision,
                                          GCancellable *cancellable,
                                          GError **error);

/* @done, @total: bytes of all files of the choice. @received: those that came now, which are what speed is. On the
 * thread that calls steer_hub_client_fetch(). */
typedef void (*SteerHubProgress) (guint64 done, guint64 total, guint64 received, gpointer data);

/**
 * steer_hub_client_fetch:
 * @repo: what steer_hub_client_read_repo() gave
 * @revision: (nullable): what it was asked for
 * @choice: one of @repo's
 * @progress: (nullable)
 *
 * Downloads what the cache lacks of @choice. What has arrived stays when it is cancelled or fails, and the next call,
 * of this program or another, goes on from there. A connection that breaks is made again.
 *
 * Returns: the absolute path to open; free with g_free(). Errors: STEER_HUB_ERROR, G_FILE_ERROR, G_IO_ERROR_CANCELLED.
 */
char *steer_hub_client_fetch (SteerHubClient *self,
                              const SteerHubRepo *repo,
                              const char *revision,
                              const SteerHubChoice *choice,
                              SteerHubProgress progress,
                              gpointer data,
                              GCancellable *cancellable,
                              GError **error);

G_END_DECLS
