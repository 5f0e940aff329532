#include "steer-hub-private.h"

#include <string.h>

#include "steer-hub-cache.h"
#include "steer-hub-file.h"
#include "steer-hub-name.h"

#define DEFAULT_ENDPOINT "https://huggingface.co"
#define MAX_FOUND 50
#define MAX_WORDS 200 /* bytes of a search */
#define MAX_TOKEN 8192
#define MAX_ANSWER (32 * 1024 * 1024)

/* --- what the environment says --- */

static char *
dup_token_path (void)
{
  char *path = steer_hub_dup_path_variable ("HF_TOKEN_PATH");
  g_autofree char *home = path == NULL ? steer_hub_cache_dup_home () : NULL;

  return path != NULL ? path : g_build_filename (home, "token", NULL);
}

/* Whether @text can be a line of a header. */
static gboolean
check_token (const char *text, const char *whence, GError **error)
{
  gsize length = strlen (text);

  for (const char *p = text; *p != '\0'; p++)
    if (!g_ascii_isgraph (*p))
      length = G_MAXSIZE;
  if (length <= MAX_TOKEN)
    return TRUE;
  g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_INVALID,
               "what %s has is not a token: make a new one with `hf auth login`, or take it away", whence);
  return FALSE;
}

/* @token: (out) (nullable): NULL: none */
static gboolean
read_token (const char *given, char **token, GError **error)
{
  static const char *const variables[] = { "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN" };
  g_autofree char *whence = g_strdup ("the program"), *text = g_strdup (given);

  for (guint i = 0; i < G_N_ELEMENTS (variables) && text == NULL; i++)
    if (steer_hub_get_variable (variables[i]) != NULL)
      {
        text = g_strdup (g_getenv (variables[i]));
        g_free (whence);
        whence = g_strconcat ("the variable ", variables[i], NULL);
      }
  if (text == NULL)
    {
      g_free (whence);
      whence = dup_token_path ();
      g_file_get_contents (whence, &text, NULL, NULL);
    }
  *token = NULL;
  if (text == NULL || *g_strstrip (text) == '\0')
    return TRUE;
  if (!check_token (text, whence, error))
    return FALSE;
  *token = g_steal_pointer (&text);
  return TRUE;
}

/* --- the client --- */

SteerHubClient *
steer_hub_client_new (const SteerHubOptions *options, GError **error)
{
  static const SteerHubOptions none;
  const SteerHubOptions *given = options != NULL ? options : &none;
  const char *endpoint = given->endpoint != NULL ? given->endpoint : steer_hub_get_variable ("HF_ENDPOINT");
  g_autofree char *text = g_strdup (endpoint != NULL ? endpoint : DEFAULT_ENDPOINT);
  g_autofree char *token = NULL;
  g_autoptr (GUri) uri = NULL;
  SteerHubClient *self;

  while (g_str_has_suffix (text, "/"))
    text[strlen (text) - 1] = '\0';
  uri = g_uri_parse (text, SOUP_HTTP_URI_FLAGS, NULL);
  if (uri == NULL || g_uri_get_host (uri) == NULL || *g_uri_get_host (uri) == '\0' || g_uri_get_query (uri) != NULL
      || g_uri_get_fragment (uri) != NULL || g_uri_get_userinfo (uri) != NULL
      || (strcmp (g_uri_get_scheme (uri), "https") != 0 && strcmp (g_uri_get_scheme (uri), "http") != 0))
    {
      g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_INVALID,
                   "\"%s\" is not the address of a Hub, such as " DEFAULT_ENDPOINT " (see the variable HF_ENDPOINT)",
                   text);
      return NULL;
    }
  if (!read_token (given->token, &token, error))
    return NULL;
  self = g_new0 (SteerHubClient, 1);
  g_atomic_ref_count_init (&self->n_refs);
  self->endpoint = g_steal_pointer (&text);
  self->uri = g_steal_pointer (&uri);
  self->token = g_steal_pointer (&token);
  self->check_model = given->check_model;
  self->cache
    = given->cache != NULL ? g_canonicalize_filename (given->cache, NULL) : steer_hub_cache_dup_default_path ();
  return self;
}

SteerHubClient *
steer_hub_client_ref (SteerHubClient *self)
{
  g_atomic_ref_count_inc (&self->n_refs);
  return self;
}

void
steer_hub_client_unref (SteerHubClient *self)
{
  if (!g_atomic_ref_count_dec (&self->n_refs))
    return;
  g_free (self->endpoint);
  g_uri_unref (self->uri);
  g_free (self->token);
  g_free (self->cache);
  g_free (self);
}

const char *
steer_hub_client_get_cache (SteerHubClient *self)
{
  return self->cache;
}

char *
steer_hub_client_dup_page (SteerHubClient *self, const char *repo_id)
{
  return g_strconcat (self->endpoint, "/", repo_id, NULL);
}

/* --- what is there --- */

GPtrArray *
steer_hub_client_search (SteerHubClient *self, const char *words, GCancellable *cancellable, GError **error)
{
  g_autoptr (SoupSession) session = steer_hub_http_new_session ();
  g_autofree char *stripped = g_utf8_make_valid (words, (gssize) MIN (strlen (words), MAX_WORDS));
  g_autofree char *escaped = g_uri_escape_string (g_strstrip (stripped), NULL, FALSE);
  g_autofree char *path = g_strdup_printf ("/api/models?search=%s&sort=downloads&limit=%d&expand=downloads&expand=likes"
                                           "&expand=tags&expand=gated",
                                           escaped, MAX_FOUND);
  g_autoptr (GBytes) answer = steer_hub_http_read (self, session, path, NULL, MAX_ANSWER, NULL, cancellable, error);
  gconstpointer text;
  gsize length;

  if (answer == NULL)
    return NULL;
  text = g_bytes_get_data (answer, &length);
  return steer_hub_found_parse (text, length, error);
}

SteerHubRepo *
steer_hub_client_read_repo (SteerHubClient *self,
                            const char *repo_id,
                            const char *revision,
                            GCancellable *cancellable,
                            GError **error)
{
  g_autoptr (SoupSession) session = NULL;
  g_autoptr (GBytes) answer = NULL;
  g_autoptr (SteerHubRepo) repo = NULL;
  g_autofree char *escaped = NULL, *path = NULL;
  gboolean is_renamed = FALSE;
  gconstpointer text;
  gsize length;

  if (revision == NULL)
    revision = "main";
  if (!steer_hub_is_repo_id (repo_id) || !steer_hub_is_revision (revision))
    {
      g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_INVALID, "\"%s\" at \"%s\" is not the name of a repository",
                   repo_id, revision);
      return NULL;
    }
  session = steer_hub_http_new_session ();
  escaped = g_uri_escape_string (revision, NULL, FALSE);
  path = g_strdup_printf ("/api/models/%s/revision/%s?blobs=true", repo_id, escaped);
  answer = steer_hub_http_read (self, session, path, repo_id, MAX_ANSWER, &is_renamed, cancellable, error);
  if (answer == NULL)
    return NULL;
  text = g_bytes_get_data (answer, &length);
  repo = steer_hub_repo_parse (text, length, error);
  if (repo == NULL || is_renamed || g_ascii_strcasecmp (repo->id, repo_id) == 0)
    return g_steal_pointer (&repo);
  g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_INVALID, "asked for %s, the Hub told of %s", repo_id, repo->id);
  return NULL;
}
