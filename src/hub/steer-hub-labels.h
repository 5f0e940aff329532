#pragma once

#include "steer-hub-client.h"

G_BEGIN_DECLS

/* Labels of features from Neuronpedia's public exports (docs.neuronpedia.org/api-and-data/exports), a bucket of S3:
 *
 *     v1/MODEL/SOURCE/explanations/batch-N.jsonl.gz   labels; explanations-NAME/ where there are several writers
 *     v1/MODEL/SOURCE/source.jsonl                    of which SAE they are
 */

#define STEER_HUB_LABELS_ENDPOINT "https://neuronpedia-datasets.s3.us-east-1.amazonaws.com"

/* "llama3.1-8b-it" and "15-resid-post-aa": letters, digits, '-', '_', '.'. */
gboolean steer_hub_is_label_name (const char *text);

/**
 * steer_hub_guess_labels:
 * @repo_id: of an SAE
 * @name: the choice's
 * @model, @source: (out): as Neuronpedia names them
 *
 * Where labels of an SAE would be, by the rules after which Neuronpedia names those that are published. FALSE where no
 * rule fits. Whether they are there, and of this SAE, steer_hub_fetch_labels() tells.
 */
gboolean steer_hub_guess_labels (const char *repo_id, const char *name, char **model, char **source);

/* Whether a repository has several SAEs of which one only has labels, so that it must be told which. */
gboolean steer_hub_labels_are_of_one (const char *repo_id);

/* Which labels. */
typedef struct
{
  const char *endpoint; /* (nullable): else $STEER_LABELS_ENDPOINT, else Neuronpedia's */
  const char *model;
  const char *source;
  const char *repo_id; /* (nullable): with @name: of which SAE they must be, as far as source.jsonl tells */
  const char *name;    /* (nullable) */
} SteerHubLabels;

/**
 * steer_hub_fetch_labels:
 * @folder: where to; made where it is missing
 *
 * Downloads all labels of a source. What is there already does not come again. Blocks; any thread.
 *
 * Returns: a folder for steer_label_store_import(); free with g_free(). Errors: STEER_HUB_ERROR (_NOT_FOUND: there are
 * none; _INVALID: they are of another SAE), G_FILE_ERROR, G_IO_ERROR_CANCELLED.
 */
char *steer_hub_fetch_labels (const SteerHubLabels *what,
                              const char *folder,
                              SteerHubProgress progress,
                              gpointer data,
                              GCancellable *cancellable,
                              GError **error);

G_END_DECLS
