#include "steer-server-private.h"

#include <string.h>

#include "steer-page-resources.h"

#define TOO_LARGE_KEY "steer-too-large"
#define PAGE_PREFIX "/com/example/SteerChat/page/"

G_DEFINE_FINAL_TYPE (SteerServer, steer_server, G_TYPE_OBJECT)

G_DEFINE_QUARK (steer_server_error_quark, steer_server_error)

typedef void (*ServeFunc) (SteerServer *self, SoupServerMessage *message, GHashTable *query);

static void
serve_health (SteerServer *self, SoupServerMessage *message, GHashTable *query)
{
  g_autoptr (JsonNode) node = json_from_string ("{\"status\":\"ok\"}", NULL);

  steer_server_answer (message, node);
}

char *
steer_server_dup_model_name (SteerServer *self)
{
  g_autofree char *name = NULL;

  g_object_get (self->engine, "model-name", &name, NULL);
  return name != NULL && self->model_name != NULL ? g_strdup (self->model_name) : g_steal_pointer (&name);
}

static void
add_model (JsonBuilder *builder, const char *name)
{
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "id");
  json_builder_add_string_value (builder, name);
  json_builder_set_member_name (builder, "object");
  json_builder_add_string_value (builder, "model");
  json_builder_set_member_name (builder, "created");
  json_builder_add_int_value (builder, 0);
  json_builder_set_member_name (builder, "owned_by");
  json_builder_add_string_value (builder, "local");
  json_builder_end_object (builder);
}

static void
serve_models (SteerServer *self, SoupServerMessage *message, GHashTable *query)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) node = NULL;
  g_autofree char *name = steer_server_dup_model_name (self);

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "object");
  json_builder_add_string_value (builder, "list");
  json_builder_set_member_name (builder, "data");
  json_builder_begin_array (builder);
  if (name != NULL)
    add_model (builder, name);
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  node = json_builder_get_root (builder);
  steer_server_answer (message, node);
}

/* The one model, whatever it is called: requests are not told apart by that either. */
static void
serve_model (SteerServer *self, SoupServerMessage *message, GHashTable *query)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) node = NULL;
  g_autofree char *name = steer_server_dup_model_name (self);

  add_model (builder, name != NULL ? name : "");
  node = json_builder_get_root (builder);
  steer_server_answer (message, node);
}

static void
serve_steering (SteerServer *self, SoupServerMessage *message, GHashTable *query)
{
  steer_server_serve_steering (self, message);
}

static void
serve_presets (SteerServer *self, SoupServerMessage *message, GHashTable *query)
{
  steer_server_serve_presets (self, message);
}

static void
serve_chat (SteerServer *self, SoupServerMessage *message, GHashTable *query)
{
  steer_server_serve_completion (self, message, TRUE);
}

static void
serve_completion (SteerServer *self, SoupServerMessage *message, GHashTable *query)
{
  steer_server_serve_completion (self, message, FALSE);
}

/* What is served to whom: the page holds no secret, and is needed to ask for the token. */
static const struct
{
  const char *path;
  const char *methods;
  ServeFunc serve;
  gboolean open;
} places[] = {
  { "/health", "GET", serve_health, TRUE },
  { "/v1/models", "GET", serve_models, FALSE },
  { "/v1/models/", "GET", serve_model, FALSE }, /* and all below */
  { "/v1/steering", "GET, PUT, PATCH", serve_steering, FALSE },
  { "/v1/presets", "GET", serve_presets, FALSE },
  { "/v1/features", "GET", steer_server_serve_features, FALSE },
  { "/v1/chat/completions", "POST", serve_chat, FALSE },
  { "/v1/completions", "POST", serve_completion, FALSE },
};

static const struct
{
  const char *path;
  const char *file;
  const char *type;
} files[] = {
  { "/", "index.html", "text/html; charset=utf-8" },
  { "/page.css", "page.css", "text/css; charset=utf-8" },
  { "/page.js", "page.js", "text/javascript; charset=utf-8" },
  { "/changes.js", "changes.js", "text/javascript; charset=utf-8" },
  { "/icon.svg", "icon.svg", "image/svg+xml" },
};

static gboolean
serve_file (SoupServerMessage *message, const char *path)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);

  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *name = NULL;
      g_autoptr (GBytes) bytes = NULL;
      gsize length;
      const char *data;

      if (!g_str_equal (path, files[i].path))
        continue;
      name = g_strconcat (PAGE_PREFIX, files[i].file, NULL);
      bytes = g_resource_lookup_data (steer_page_get_resource (), name, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
      data = g_bytes_get_data (bytes, &length);
      soup_message_headers_replace (headers, "Content-Security-Policy",
                                    "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'");
      soup_message_headers_replace (headers, "Referrer-Policy", "no-referrer");
      soup_message_headers_replace (headers, "Cache-Control", "no-cache");
      soup_server_message_set_status (message, SOUP_STATUS_OK, NULL);
      soup_server_message_set_response (message, files[i].type, SOUP_MEMORY_COPY, data, length);
      return TRUE;
    }
  return FALSE;
}

static const char *
get_header (SoupServerMessage *message, const char *name)
{
  return soup_message_headers_get_one (soup_server_message_get_request_headers (message), name);
}

/* A header's host without its port and brackets. Free with g_free(). */
static char *
dup_host_name (const char *host)
{
  const char *end;

  if (*host == '[' && (end = strchr (host, ']')) != NULL)
    return g_strndup (host + 1, (gsize) (end - host - 1));
  end = strrchr (host, ':');
  return end != NULL ? g_strndup (host, (gsize) (end - host)) : g_strdup (host);
}

static gboolean
is_own_name (SteerServer *self, const char *host)
{
  g_autofree char *name = dup_host_name (host);

  return g_ascii_strcasecmp (name, "localhost") == 0 || g_str_equal (name, "127.0.0.1") || g_str_equal (name, "::1")
         || g_strcmp0 (name, self->host) == 0;
}

static gboolean
is_known_origin (SteerServer *self, const char *origin)
{
  return self->origins != NULL && g_strv_contains ((const char *const *) self->origins, origin);
}

/* As long for any token of that length. */
static gboolean
has_token (SteerServer *self, SoupServerMessage *message)
{
  const char *header = get_header (message, "Authorization");
  const char *given;
  gsize length = strlen (self->token);
  guint8 difference = 0;

  if (header == NULL || g_ascii_strncasecmp (header, "Bearer ", 7) != 0)
    return FALSE;
  given = header + 7;
  if (strlen (given) != length)
    return FALSE;
  for (gsize i = 0; i < length; i++)
    difference |= (guint8) (given[i] ^ self->token[i]);
  return difference == 0;
}

static gboolean
refuse (GError **error, SteerServerError code, const char *text)
{
  g_set_error_literal (error, STEER_SERVER_ERROR, code, text);
  return FALSE;
}

/* Whether a page is this server's own: a proxy in front of it may have a certificate. */
static gboolean
is_own_origin (const char *origin, const char *host)
{
  const char *name = g_str_has_prefix (origin, "https://") ? origin + 8 : origin + 7;

  return (g_str_has_prefix (origin, "http://") || g_str_has_prefix (origin, "https://"))
         && g_ascii_strcasecmp (name, host) == 0;
}

static gboolean
check_origin (SteerServer *self, SoupServerMessage *message, GError **error)
{
  SoupMessageHeaders *answer = soup_server_message_get_response_headers (message);
  const char *origin = get_header (message, "Origin");
  const char *host = get_header (message, "Host");
  const char *site = get_header (message, "Sec-Fetch-Site");

  if (host == NULL)
    return refuse (error, STEER_SERVER_ERROR_BAD_REQUEST, "the request has no Host");
  if (self->token == NULL && !is_own_name (self, host))
    return refuse (error, STEER_SERVER_ERROR_FORBIDDEN,
                   "the request is for another host; a server that is reached by a name needs a token");
  if (origin != NULL && is_known_origin (self, origin))
    {
      soup_message_headers_replace (answer, "Access-Control-Allow-Origin", origin);
      soup_message_headers_replace (answer, "Vary", "Origin");
      return TRUE;
    }
  if (origin != NULL && !is_own_origin (origin, host))
    return refuse (error, STEER_SERVER_ERROR_FORBIDDEN, "pages of this origin may not ask: see --allow-origin");
  /* A picture of another site is asked for without an Origin. A link there may lead to the page. */
  if (g_strcmp0 (site, "cross-site") == 0 && g_strcmp0 (get_header (message, "Sec-Fetch-Mode"), "navigate") != 0)
    return refuse (error, STEER_SERVER_ERROR_FORBIDDEN, "other sites may not ask");
  return TRUE;
}

/* A browser asks whether a page may. */
static void
answer_options (SoupServerMessage *message)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);
  const char *asked = get_header (message, "Access-Control-Request-Headers");

  soup_message_headers_replace (headers, "Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, OPTIONS");
  soup_message_headers_replace (headers, "Access-Control-Allow-Headers",
                                asked != NULL ? asked : "Authorization, Content-Type");
  soup_message_headers_replace (headers, "Access-Control-Max-Age", "600");
  soup_server_message_set_status (message, SOUP_STATUS_NO_CONTENT, NULL);
}

/* -1: none */
static int
find_place (const char *path)
{
  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    if (g_str_equal (path, places[i].path)
        || (g_str_has_suffix (places[i].path, "/") && g_str_has_prefix (path, places[i].path)))
      return (int) i;
  return -1;
}

static const char *
get_method (SoupServerMessage *message)
{
  const char *method = soup_server_message_get_method (message);

  /* The same without its body, which libsoup leaves out. */
  return method == SOUP_METHOD_HEAD ? SOUP_METHOD_GET : method;
}

static gboolean
check_place (SteerServer *self, SoupServerMessage *message, const char *path, GError **error)
{
  int place = find_place (path);
  g_auto (GStrv) methods = NULL;

  if (place < 0)
    return TRUE;
  if (self->token != NULL && !places[place].open && !has_token (self, message))
    return refuse (error, STEER_SERVER_ERROR_UNAUTHORIZED, "a token is needed: Authorization: Bearer TOKEN");
  methods = g_strsplit (places[place].methods, ", ", -1);
  if (g_strv_contains ((const char *const *) methods, get_method (message)))
    return TRUE;
  soup_message_headers_replace (soup_server_message_get_response_headers (message), "Allow", places[place].methods);
  return refuse (error, STEER_SERVER_ERROR_METHOD, "not by this method");
}

static gboolean
check_size (SoupServerMessage *message, GError **error)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);

  if (g_object_get_data (G_OBJECT (message), TOO_LARGE_KEY) == NULL
      && soup_message_headers_get_content_length (headers) <= STEER_SERVER_MAX_BODY)
    return TRUE;
  return refuse (error, STEER_SERVER_ERROR_TOO_LARGE, "the body is larger than 8 MiB");
}

/* Before the body is sent: a stranger's is not even read. */
static void
on_head (SoupServer *soup, SoupServerMessage *message, const char *path, GHashTable *query, gpointer data)
{
  g_autoptr (GError) error = NULL;

  if (!check_origin (data, message, &error)
      || (soup_server_message_get_method (message) != SOUP_METHOD_OPTIONS && !check_place (data, message, path, &error))
      || !check_size (message, &error))
    steer_server_answer_error (message, error);
}

static void
on_request (SoupServer *soup, SoupServerMessage *message, const char *path, GHashTable *query, gpointer data)
{
  int place = find_place (path);
  g_autoptr (GError) error = NULL;

  /* Thousands of parts of one file would be put together in memory. */
  soup_message_headers_remove (soup_server_message_get_request_headers (message), "Range");
  if (soup_server_message_get_method (message) == SOUP_METHOD_OPTIONS)
    answer_options (message);
  else if (!check_size (message, &error))
    steer_server_answer_error (message, error);
  else if (place >= 0)
    places[place].serve (data, message, query);
  else if (get_method (message) != SOUP_METHOD_GET || !serve_file (message, path))
    {
      refuse (&error, STEER_SERVER_ERROR_NOT_FOUND, "there is nothing at this address");
      steer_server_answer_error (message, error);
    }
}

static void
on_got_chunk (SoupServerMessage *message, GBytes *chunk, GByteArray *body)
{
  gsize length;
  const guint8 *bytes = g_bytes_get_data (chunk, &length);

  if (length > STEER_SERVER_MAX_BODY - body->len)
    g_object_set_data (G_OBJECT (message), TOO_LARGE_KEY, GINT_TO_POINTER (TRUE));
  else
    g_byte_array_append (body, bytes, (guint) length);
}

/* For every message, also such as libsoup itself answers: what is too large is not kept. */
static void
on_started (SoupServer *soup, SoupServerMessage *message, SteerServer *self)
{
  SoupMessageHeaders *answer = soup_server_message_get_response_headers (message);
  GByteArray *body = g_byte_array_new ();

  soup_message_body_set_accumulate (soup_server_message_get_request_body (message), FALSE);
  g_object_set_data_full (G_OBJECT (message), STEER_SERVER_BODY_KEY, body, (GDestroyNotify) g_byte_array_unref);
  g_signal_connect (message, "got-chunk", G_CALLBACK (on_got_chunk), body);
  soup_message_headers_replace (answer, "X-Content-Type-Options", "nosniff");
  soup_message_headers_replace (answer, "Cross-Origin-Resource-Policy", "same-origin");
  /* libsoup before 3.4 keeps a connection for ever that its client closes after an answer. */
  soup_message_headers_replace (answer, "Connection", "close");
}

static void
on_preset_changed (SteerServer *self)
{
  self->revision++;
  if (self->taking)
    return;
  steer_server_update_plan (self);
  steer_server_rebase_changes (self);
}

static void
steer_server_dispose (GObject *object)
{
  SteerServer *self = STEER_SERVER (object);

  if (self->preset != NULL)
    g_signal_handlers_disconnect_by_data (self->preset, self);
  if (self->soup != NULL)
    {
      steer_server_stop (self);
      g_signal_handlers_disconnect_by_data (self->soup, self);
    }
  g_clear_object (&self->soup);
  g_clear_object (&self->preset);
  g_clear_object (&self->library);
  g_clear_object (&self->engine);
  g_clear_pointer (&self->live, steer_live_plan_unref);
  G_OBJECT_CLASS (steer_server_parent_class)->dispose (object);
}

static void
steer_server_finalize (GObject *object)
{
  SteerServer *self = STEER_SERVER (object);

  g_clear_error (&self->plan_error);
  g_ptr_array_unref (self->exchanges);
  g_ptr_array_unref (self->changes);
  g_ptr_array_unref (self->readings);
  g_free (self->token);
  g_free (self->host);
  g_free (self->model_name);
  g_strfreev (self->origins);
  g_strfreev (self->stop_strings);
  G_OBJECT_CLASS (steer_server_parent_class)->finalize (object);
}

static void
steer_server_class_init (SteerServerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = steer_server_dispose;
  object_class->finalize = steer_server_finalize;
}

static void
steer_server_init (SteerServer *self)
{
  self->live = steer_live_plan_new (NULL);
  self->exchanges = g_ptr_array_new ();
  self->changes = steer_server_new_changes ();
  self->readings = g_ptr_array_new ();
  self->keep_alive = STEER_SERVER_KEEP_ALIVE;
  self->revision = g_get_real_time () / 1000;
  self->soup = soup_server_new ("server-header", "steer", NULL);
  g_signal_connect (self->soup, "request-started", G_CALLBACK (on_started), self);
  soup_server_add_early_handler (self->soup, NULL, on_head, self, NULL);
  soup_server_add_handler (self->soup, NULL, on_request, self, NULL);
}

SteerServer *
steer_server_new (const SteerServerOptions *options)
{
  SteerServer *self = g_object_new (STEER_TYPE_SERVER, NULL);

  self->engine = g_object_ref (options->engine);
  self->model_name = g_strdup (options->model_name);
  self->library = g_object_ref (options->library);
  self->preset = g_object_ref (options->preset);
  self->list_presets = options->list_presets;
  self->open_preset = options->open_preset;
  self->token = g_strdup (options->token);
  self->origins = g_strdupv ((char **) options->origins);
  self->stop_strings = g_strdupv ((char **) options->stop_strings);
  g_signal_connect_swapped (self->preset, "changed", G_CALLBACK (on_preset_changed), self);
  steer_server_update_plan (self);
  return self;
}

gboolean
steer_server_listen (SteerServer *self, const char *host, guint port, GError **error)
{
  g_autoptr (GInetAddress) address = NULL;

  g_return_val_if_fail (STEER_IS_SERVER (self), FALSE);
  g_return_val_if_fail (port <= G_MAXUINT16 && self->door == NULL, FALSE);

  address = g_inet_address_new_from_string (g_str_equal (host, "localhost") ? "127.0.0.1" : host);
  if (address == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "\"%s\" is no IP address: use 127.0.0.1 or another",
                   host);
      return FALSE;
    }
  self->port = (guint16) port;
  self->door = steer_server_door_open (self->soup, address, &self->port, error);
  if (self->door == NULL)
    return FALSE;
  self->host = g_inet_address_to_string (address);
  return TRUE;
}

char *
steer_server_dup_uri (SteerServer *self)
{
  g_return_val_if_fail (STEER_IS_SERVER (self), NULL);

  if (self->door == NULL)
    return NULL;
  return g_strdup_printf (strchr (self->host, ':') != NULL ? "http://[%s]:%u/" : "http://%s:%u/", self->host,
                          self->port);
}

void
steer_server_stop (SteerServer *self)
{
  g_return_if_fail (STEER_IS_SERVER (self));

  g_clear_pointer (&self->door, steer_server_door_close);
  soup_server_disconnect (self->soup);
  steer_server_end_replies (self);
  steer_server_end_changes (self);
  steer_server_end_readings (self);
}
