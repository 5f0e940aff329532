#include "steer-remote-address.h"

#include "model/steer-model-config.h"

#include <string.h>

#define DEFAULT_PROGRAM "steer"
#define FORM "ssh://[USER@]HOST[:PORT]/PATH"

static SteerRemoteAddress *
fail (const char *text, const char *what, GError **error)
{
  g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID,
               "the address %s cannot be used: %s; a model of another computer is called " FORM, text, what);
  return NULL;
}

/* A host becomes an argument of ssh, which must not take it for an option, nor find blanks or signs of its own in it.
 */
static gboolean
is_name (const char *text)
{
  if (*text == '\0' || *text == '-')
    return FALSE;
  for (const char *c = text; *c != '\0'; c++)
    if (!g_ascii_isalnum (*c) && strchr ("._-:%", *c) == NULL)
      return FALSE;
  return TRUE;
}

/* @query: (nullable): "program=..." and nothing else. */
static char *
read_program (const char *query, GError **error)
{
  g_autoptr (GHashTable) parameters = NULL;
  const char *program;

  if (query == NULL)
    return g_strdup (DEFAULT_PROGRAM);
  parameters = g_uri_parse_params (query, -1, "&", G_URI_PARAMS_NONE, NULL);
  program
    = parameters != NULL && g_hash_table_size (parameters) == 1 ? g_hash_table_lookup (parameters, "program") : NULL;
  if (program == NULL || *program == '\0' || !g_utf8_validate (program, -1, NULL))
    {
      g_set_error_literal (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID, "behind ? stands program=PROGRAM");
      return NULL;
    }
  return g_strdup (program);
}

/* "/~/x" is "~/x"; "" and "/" are none. */
static char *
read_path (const char *path)
{
  if (strcmp (path, "") == 0 || strcmp (path, "/") == 0)
    return NULL;
  return g_strdup (g_str_has_prefix (path, "/~/") ? path + 1 : path);
}

SteerRemoteAddress *
steer_remote_address_parse (const char *text, GError **error)
{
  g_autoptr (SteerRemoteAddress) self = g_new0 (SteerRemoteAddress, 1);
  g_autoptr (GError) local = NULL;
  g_autoptr (GUri) uri = NULL;
  const char *user, *host;

  if (!g_str_has_prefix (text, STEER_REMOTE_SCHEME))
    return fail (text, "it does not begin with " STEER_REMOTE_SCHEME, error);
  uri = g_uri_parse (text, G_URI_FLAGS_ENCODED_QUERY, &local);
  if (uri == NULL)
    return fail (text, local->message, error);
  host = g_uri_get_host (uri);
  user = g_uri_get_userinfo (uri);
  if (host == NULL || !is_name (host))
    return fail (text, "it names no computer", error);
  if (user != NULL && (!is_name (user) || strchr (user, ':') != NULL))
    return fail (text, "the user's name has signs that are not taken, such as those of a password", error);
  if (g_uri_get_fragment (uri) != NULL)
    return fail (text, "a # in a path is written %23", error);

  self->host = user != NULL ? g_strconcat (user, "@", host, NULL) : g_strdup (host);
  self->port = g_uri_get_port (uri) > 0 ? (guint) g_uri_get_port (uri) : 0;
  self->path = read_path (g_uri_get_path (uri));
  self->program = read_program (g_uri_get_query (uri), &local);
  return self->program != NULL ? g_steal_pointer (&self) : fail (text, local->message, error);
}

SteerRemoteAddress *
steer_remote_address_parse_computer (const char *computer, GError **error)
{
  g_autofree char *trimmed = g_strstrip (g_strdup (computer));
  g_autofree char *text = g_str_has_prefix (trimmed, STEER_REMOTE_SCHEME)
                            ? g_strdup (trimmed)
                            : g_strconcat (STEER_REMOTE_SCHEME, trimmed, NULL);
  g_autoptr (SteerRemoteAddress) self = steer_remote_address_parse (text, error);

  if (self != NULL && self->path != NULL)
    return fail (text, "a path stands behind the computer's name", error);
  return g_steal_pointer (&self);
}

SteerRemoteAddress *
steer_remote_address_copy (const SteerRemoteAddress *self)
{
  SteerRemoteAddress *copy = g_new0 (SteerRemoteAddress, 1);

  copy->host = g_strdup (self->host);
  copy->port = self->port;
  copy->path = g_strdup (self->path);
  copy->program = g_strdup (self->program);
  return copy;
}

void
steer_remote_address_free (SteerRemoteAddress *self)
{
  if (self == NULL)
    return;
  g_free (self->host);
  g_free (self->path);
  g_free (self->program);
  g_free (self);
}

void
steer_remote_address_set_path (SteerRemoteAddress *self, const char *path)
{
  g_free (self->path);
  self->path = g_strdup (path);
}

char *
steer_remote_address_to_string (const SteerRemoteAddress *self)
{
  const char *at = strchr (self->host, '@');
  g_autofree char *user = at != NULL ? g_strndup (self->host, (gsize) (at - self->host)) : NULL;
  g_autofree char *path = self->path == NULL                ? g_strdup ("")
                          : g_path_is_absolute (self->path) ? g_strdup (self->path)
                                                            : g_strconcat ("/", self->path, NULL);
  g_autofree char *program = g_uri_escape_string (self->program, "/", TRUE);
  g_autofree char *query
    = strcmp (self->program, DEFAULT_PROGRAM) != 0 ? g_strconcat ("program=", program, NULL) : NULL;

  return g_uri_join_with_user (G_URI_FLAGS_ENCODED_QUERY, "ssh", user, NULL, NULL, at != NULL ? at + 1 : self->host,
                               self->port > 0 ? (int) self->port : -1, path, query, NULL);
}
