#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define STEER_HUB_ERROR (steer_hub_error_quark ())

/**
 * SteerHubError:
 * @STEER_HUB_ERROR_INVALID: not the name of a repository, or an answer that breaks the Hub's rules
 * @STEER_HUB_ERROR_NOT_FOUND: no such repository, revision or file; a private one looks the same without a token
 * @STEER_HUB_ERROR_FORBIDDEN: the repository wants its terms accepted, or the token does not do
 * @STEER_HUB_ERROR_BUSY: the Hub asks to wait
 * @STEER_HUB_ERROR_FAILED: the Hub could not be reached, or answered with something else
 * @STEER_HUB_ERROR_DAMAGED: what arrived has not the sum that the Hub tells of it
 * @STEER_HUB_ERROR_NO_SPACE: the disk has not the room
 */
typedef enum
{
  STEER_HUB_ERROR_INVALID,
  STEER_HUB_ERROR_NOT_FOUND,
  STEER_HUB_ERROR_FORBIDDEN,
  STEER_HUB_ERROR_BUSY,
  STEER_HUB_ERROR_FAILED,
  STEER_HUB_ERROR_DAMAGED,
  STEER_HUB_ERROR_NO_SPACE,
} SteerHubError;

GQuark steer_hub_error_quark (void);

/* "meta-llama/Llama-3.1-8B-Instruct", or without an owner "gpt2": letters, digits, '-', '_', '.', at most 96 in each
 * part, neither "--" nor ".." in it, so that it can be a part of an address and, written with "--" for '/', a folder's
 * name. The rules are those of huggingface_hub (utils/_validators.py). */
gboolean steer_hub_is_repo_id (const char *text);

/* "main", a tag or a commit: git's rules, and no part of it leads out of a folder. */
gboolean steer_hub_is_revision (const char *text);

/* 40 hexadecimal digits. */
gboolean steer_hub_is_commit (const char *text);

/* The path of a file inside a repository: relative, UTF-8, no empty part, no "." and no "..", nothing that moves the
 * cursor of a terminal. */
gboolean steer_hub_is_path (const char *text);

/**
 * steer_hub_parse_name:
 * @text: what a person typed or pasted: "owner/name", "owner/name:what", "hf.co/owner/name", or the address of a page
 * of a repository or of a file in it ("https://huggingface.co/owner/name/blob/main/model.gguf")
 * @repo_id: (out)
 * @revision: (out) (nullable): NULL where the text names none
 * @path: (out) (nullable): the file or folder that the address is of, or what stands behind the colon
 *
 * Errors: STEER_HUB_ERROR_INVALID.
 */
gboolean steer_hub_parse_name (const char *text, char **repo_id, char **revision, char **path, GError **error);

G_END_DECLS
