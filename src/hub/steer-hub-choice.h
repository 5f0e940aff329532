#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Of a repository or a snapshot no more files are looked at. */
#define STEER_HUB_MAX_FILES 50000

/* A file of a repository at one commit. */
typedef struct
{
  char *path;   /* inside the repository; steer_hub_is_path() holds */
  guint64 size; /* bytes */
  char *sum;    /* (nullable): lower case hexadecimal; of 64 digits the SHA-256 of the content, of 40 the SHA-1 that git
                 * has of it, with its header; the name of the blob in the cache */
} SteerHubFile;

void steer_hub_file_clear (SteerHubFile *self);

typedef enum
{
  STEER_HUB_MODEL,    /* weights of a language model */
  STEER_HUB_FEATURES, /* an SAE, or vectors */
  STEER_HUB_LABELS,   /* what features are called; of a download alone, see steer_download_new_labels() */
} SteerHubKind;

/**
 * SteerHubChoice:
 *
 * What can be taken from a repository and used: one of a GGUF repository's quantisations, a folder of safetensors with
 * its tokenizer, the SAE of a layer. Told from the names of the files alone. Immutable.
 */
typedef struct
{
  SteerHubKind kind;
  char *name;    /* unique in its repository: "Llama-3.1-8B-Instruct-Q4_K_M", "resid_post_layer_15/trainer_1" */
  char *target;  /* what to open, inside the snapshot: a file, or a folder, which may be "" for the snapshot itself */
  char *problem; /* (nullable): why this program cannot use it: "it has no tokenizer.json" */
  guint64 bytes; /* of all files */
  guint *files;  /* [n_files] into the repository's, the small ones first, so that they can be looked at */
  guint n_files;
} SteerHubChoice;

void steer_hub_choice_free (SteerHubChoice *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerHubChoice, steer_hub_choice_free)

/* Models first, each kind in order of its names, numbers in them as numbers. @files: [n_files], any order.
 * (transfer full) (element-type SteerHubChoice), perhaps empty. */
GPtrArray *steer_hub_list_choices (const SteerHubFile *files, guint n_files);

/**
 * steer_hub_find_choice:
 * @choices: (element-type SteerHubChoice)
 * @text: (nullable): a choice's name, its target, whole words of its name, or else a part of it, which no other has,
 *   letters of either case; NULL or "": the only one there is
 *
 * Returns: (transfer none). Errors: STEER_HUB_ERROR_NOT_FOUND, with the names to choose from.
 */
const SteerHubChoice *steer_hub_find_choice (GPtrArray *choices, const char *text, GError **error);

G_END_DECLS
