#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * HubFake:
 *
 * A Hub on the loopback, with faults on demand. It answers as the real one does: large files of git LFS are redirected
 * to another host (here another port), the others to another address of the same; unknown repositories are 401 without
 * a token and 404 with one; errors have an X-Error-Code.
 *
 * Any thread. Each connection has a thread of its own and serves one request.
 */
typedef struct _HubFake HubFake;

HubFake *hub_fake_new (void);
/* One that speaks https, with a certificate that nobody knows. */
HubFake *hub_fake_new_unknown (void);
void hub_fake_free (HubFake *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HubFake, hub_fake_free)

/* "http://127.0.0.1:PORT", or "https:...", for SteerHubOptions.endpoint or HF_ENDPOINT. */
const char *hub_fake_get_endpoint (HubFake *self);
/* The commit that all repositories are at. */
const char *hub_fake_get_commit (HubFake *self);

/* @bytes: [length]. @lfs: it is named by its SHA-256, and lies on the other host. */
void
hub_fake_add_file (HubFake *self, const char *repo_id, const char *path, const void *bytes, gsize length, gboolean lfs);
/* The same from a file on disk, which has to be there. */
void hub_fake_add_path (HubFake *self, const char *repo_id, const char *path, const char *file, gboolean lfs);
/* A file of a bucket of S3, which the same address is too: labels are in one. @key: "v1/MODEL/SOURCE/..." */
void hub_fake_add_object (HubFake *self, const char *key, const void *bytes, gsize length);
/* The bucket lists so many at a time; 0, as at first: all. */
void hub_fake_set_page_size (HubFake *self, guint n_objects);

/* Members of what the Hub tells of a repository: "gguf": {"architecture": ...}; @json: an object's text. */
void hub_fake_set_info (HubFake *self, const char *repo_id, const char *json);
/* Only with @token, else GatedRepo. */
void hub_fake_set_gated (HubFake *self, const char *repo_id, const char *token);

/* Faults. Of files: @path names one of any repository, and all are for the next @n_times answers with its bytes. */
void hub_fake_break_after (HubFake *self, const char *path, gsize n_bytes, guint n_times);
void hub_fake_corrupt (HubFake *self, const char *path, guint n_times);
/* More bytes than it has, without a length. */
void hub_fake_overflow (HubFake *self, const char *path);
/* Ranges are answered with the whole. */
void hub_fake_ignore_ranges (HubFake *self);
/* Ranges are answered with another part than the one that was asked for. */
void hub_fake_shift_ranges (HubFake *self);
/* Bytes of files come in parts of @n_bytes with a pause before each. */
void hub_fake_slow_down (HubFake *self, gsize n_bytes, guint milliseconds);
/* The next @n_times answers of whatever kind are this status. @retry_after: (nullable) */
void hub_fake_fail (HubFake *self, guint status, const char *retry_after, guint n_times);
/* Every file leads to @location. */
void hub_fake_redirect (HubFake *self, const char *location);
/* Answers of the interface are this text. */
void hub_fake_answer (HubFake *self, const char *text);

/* What it has seen. */
guint hub_fake_get_n_requests (HubFake *self);
/* Bytes of files that were sent. */
guint64 hub_fake_get_n_bytes (HubFake *self);
/* Whether the other host was ever given a token. */
gboolean hub_fake_leaked_token (HubFake *self);
/* Of the last search; free with g_free(). */
char *hub_fake_dup_search (HubFake *self);

G_END_DECLS
