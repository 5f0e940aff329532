#pragma once

#include "steer-hub-choice.h"

G_BEGIN_DECLS

/**
 * SteerHubRepo:
 *
 * What the Hub tells of a repository at one commit. Immutable, reference-counted; any thread.
 */
typedef struct
{
  char *id;
  char *commit;        /* steer_hub_is_commit() holds */
  char *architecture;  /* (nullable): "LlamaForCausalLM" from a config.json, or "llama" from a GGUF file */
  char *quantization;  /* (nullable): how the safetensors are quantised: "awq", "bitsandbytes" */
  char *license;       /* (nullable): "llama3.1" */
  gboolean gated;      /* its terms have to be accepted on its page */
  SteerHubFile *files; /* [n_files]; those whose names or sums are not in order are left out */
  guint n_files;
  GPtrArray *choices; /* (element-type SteerHubChoice) */
} SteerHubRepo;

SteerHubRepo *steer_hub_repo_ref (const SteerHubRepo *self);
void steer_hub_repo_unref (SteerHubRepo *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerHubRepo, steer_hub_repo_unref)

/* @text: [length], the answer to GET /api/models/ID/revision/REVISION?blobs=true. Errors: STEER_HUB_ERROR_INVALID. */
SteerHubRepo *steer_hub_repo_parse (const char *text, gsize length, GError **error);

/* One line of a search. */
typedef struct
{
  char *id;
  gint64 downloads; /* in the last month */
  gint64 likes;
  gboolean gated;
  gboolean has_gguf;
  gboolean has_safetensors;
} SteerHubFound;

void steer_hub_found_free (SteerHubFound *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerHubFound, steer_hub_found_free)

/* @text: [length], the answer to GET /api/models?search=... (transfer full) (element-type SteerHubFound), in its order.
 * Errors: STEER_HUB_ERROR_INVALID. */
GPtrArray *steer_hub_found_parse (const char *text, gsize length, GError **error);

G_END_DECLS
