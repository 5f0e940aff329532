#include "hub-fake.h"

#include <json-glib/json-glib.h>
#include <stdlib.h>
#include <string.h>

#include "test-util.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"

typedef struct
{
  char *repo_id;
  char *path;
  GBytes *bytes;
  char *sum;
  gboolean lfs;
  gsize break_after;
  guint n_breaks;
  guint n_corruptions;
  gboolean overflows;
  gboolean is_object; /* of the bucket */
} File;

struct _HubFake
{
  GMutex mutex;
  GPtrArray *files;  /* (element-type File) */
  GHashTable *infos; /* repository -> JsonNode */
  GHashTable *gates; /* repository -> token */
  gboolean ignores_ranges;
  gboolean shifts_ranges;
  gsize slow_bytes;
  guint slow_ms;
  guint fail_status;
  char *fail_wait;
  guint n_fails;
  char *redirect;
  char *answer;
  guint n_requests;
  guint64 n_bytes;
  gboolean leaked;
  char *search;
  guint page_size;

  GTlsCertificate *certificate; /* (nullable) */
  GCancellable *cancellable;
  GSocketService *services[2]; /* the Hub, and where its large files are */
  char *addresses[2];
  GMainContext *context;
  GThread *thread;
  GCond idle;
  guint n_serving;
};

static void
file_free (gpointer data)
{
  File *file = data;

  g_free (file->repo_id);
  g_free (file->path);
  g_bytes_unref (file->bytes);
  g_free (file->sum);
  g_free (file);
}

/* --- what it tells --- */

static JsonNode *
describe_file (const File *file)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "rfilename");
  json_builder_add_string_value (builder, file->path);
  json_builder_set_member_name (builder, "size");
  json_builder_add_int_value (builder, (gint64) g_bytes_get_size (file->bytes));
  json_builder_set_member_name (builder, "blobId");
  json_builder_add_string_value (builder, file->lfs ? COMMIT : file->sum);
  if (file->lfs)
    {
      json_builder_set_member_name (builder, "lfs");
      json_builder_begin_object (builder);
      json_builder_set_member_name (builder, "sha256");
      json_builder_add_string_value (builder, file->sum);
      json_builder_set_member_name (builder, "size");
      json_builder_add_int_value (builder, (gint64) g_bytes_get_size (file->bytes));
      json_builder_set_member_name (builder, "pointerSize");
      json_builder_add_int_value (builder, 134);
      json_builder_end_object (builder);
    }
  json_builder_end_object (builder);
  return json_builder_get_root (builder);
}

static void
add_infos (JsonObject *object, JsonNode *infos)
{
  g_autoptr (GList) members = json_object_get_members (json_node_get_object (infos));

  for (GList *l = members; l != NULL; l = l->next)
    json_object_set_member (object, l->data,
                            json_node_copy (json_object_get_member (json_node_get_object (infos), l->data)));
}

/* NULL where there is no such repository. */
static char *
describe_repo (HubFake *self, const char *repo_id)
{
  g_autoptr (JsonNode) root = json_node_new (JSON_NODE_OBJECT);
  JsonObject *object = json_object_new ();
  JsonArray *siblings = json_array_new ();
  JsonNode *infos = g_hash_table_lookup (self->infos, repo_id);
  gboolean is_there;

  json_node_take_object (root, object);
  json_object_set_string_member (object, "id", repo_id);
  json_object_set_string_member (object, "sha", COMMIT);
  json_object_set_boolean_member (object, "private", FALSE);
  if (g_hash_table_contains (self->gates, repo_id))
    json_object_set_string_member (object, "gated", "manual");
  else
    json_object_set_boolean_member (object, "gated", FALSE);
  for (guint i = 0; i < self->files->len; i++)
    {
      const File *file = g_ptr_array_index (self->files, i);

      if (strcmp (file->repo_id, repo_id) == 0)
        json_array_add_element (siblings, describe_file (file));
    }
  is_there = json_array_get_length (siblings) > 0;
  json_object_set_array_member (object, "siblings", siblings);
  if (infos != NULL)
    add_infos (object, infos);
  return is_there ? json_to_string (root, FALSE) : NULL;
}

static char *
describe_search (HubFake *self, const char *words)
{
  g_autoptr (JsonNode) root = json_node_new (JSON_NODE_ARRAY);
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  JsonArray *array = json_array_new ();

  json_node_take_array (root, array);
  for (guint i = 0; i < self->files->len; i++)
    {
      const File *file = g_ptr_array_index (self->files, i);
      JsonNode *infos = g_hash_table_lookup (self->infos, file->repo_id);
      JsonArray *tags;
      JsonObject *object;
      g_auto (GStrv) parts = g_strsplit (words, " ", -1);
      gboolean has_all = TRUE;

      for (guint j = 0; parts[j] != NULL; j++)
        has_all = has_all && strcasestr (file->repo_id, parts[j]) != NULL;
      if (file->is_object || !has_all || !g_hash_table_add (seen, file->repo_id))
        continue;
      object = json_object_new ();
      tags = json_array_new ();
      json_array_add_string_element (tags, g_str_has_suffix (file->path, ".gguf") ? "gguf" : "safetensors");
      json_object_set_string_member (object, "id", file->repo_id);
      json_object_set_int_member (object, "downloads", 1234567);
      json_object_set_int_member (object, "likes", 42);
      json_object_set_boolean_member (object, "gated", g_hash_table_contains (self->gates, file->repo_id));
      json_object_set_array_member (object, "tags", tags);
      if (infos != NULL)
        add_infos (object, infos);
      json_array_add_object_element (array, object);
    }
  return json_to_string (root, FALSE);
}

/* --- one request --- */

typedef struct
{
  HubFake *self;
  GOutputStream *out;
  gboolean is_other_host;
  gboolean is_head;
  char *token; /* (nullable) */
  gboolean has_range;
  guint64 start;
} Request;

static void
send_text (Request *request, guint status, const char *headers, const char *body)
{
  g_autofree char *text
    = g_strdup_printf ("HTTP/1.1 %u Because\r\nConnection: close\r\nContent-Length: %zu\r\n%s\r\n%s", status,
                       strlen (body), headers, request->is_head ? "" : body);

  g_output_stream_write_all (request->out, text, strlen (text), NULL, request->self->cancellable, NULL);
}

/* @bytes: [length] */
static void
send_slowly (Request *request, const guint8 *bytes, gsize length)
{
  HubFake *self = request->self;

  while (length > 0 && !g_cancellable_is_cancelled (self->cancellable))
    {
      gsize n, written = 0;
      guint pause;

      g_mutex_lock (&self->mutex);
      n = self->slow_bytes > 0 ? MIN (length, self->slow_bytes) : length;
      pause = self->slow_bytes > 0 ? self->slow_ms : 0;
      g_mutex_unlock (&self->mutex);
      g_usleep (pause * 1000);
      if (!g_output_stream_write_all (request->out, bytes, n, &written, self->cancellable, NULL))
        return;
      g_mutex_lock (&self->mutex);
      self->n_bytes += written;
      g_mutex_unlock (&self->mutex);
      bytes += n;
      length -= n;
    }
}

static void
send_file (Request *request, File *file)
{
  HubFake *self = request->self;
  gsize length, n;
  g_autofree guint8 *bytes = NULL;
  g_autofree char *headers = NULL;
  gboolean is_part, overflows;
  guint64 start;

  g_mutex_lock (&self->mutex);
  length = g_bytes_get_size (file->bytes);
  is_part = request->has_range && !self->ignores_ranges;
  start = is_part ? request->start : 0;
  bytes = g_memdup2 (g_bytes_get_data (file->bytes, NULL), length);
  overflows = file->overflows;
  n = length;
  if (file->n_breaks > 0)
    {
      file->n_breaks--;
      n = MIN (length, start + file->break_after);
    }
  if (file->n_corruptions > 0 && length > 0)
    {
      file->n_corruptions--;
      bytes[length - 1] ^= 1;
    }
  if (is_part && start >= length)
    {
      g_mutex_unlock (&self->mutex);
      send_text (request, 416, "", "");
      return;
    }
  if (overflows)
    headers = g_strdup ("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
  else if (is_part)
    headers = g_strdup_printf ("HTTP/1.1 206 Part\r\nConnection: close\r\nContent-Length: %" G_GUINT64_FORMAT
                               "\r\nContent-Range: bytes %" G_GUINT64_FORMAT "-%zu/%zu\r\n\r\n",
                               length - start, start + (self->shifts_ranges ? 1 : 0), length - 1, length);
  else
    headers = g_strdup_printf ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %zu\r\nETag: \"%s\"\r\n"
                               "X-Repo-Commit: " COMMIT "\r\n\r\n",
                               length, file->sum);
  g_mutex_unlock (&self->mutex);

  g_output_stream_write_all (request->out, headers, strlen (headers), NULL, self->cancellable, NULL);
  if (request->is_head)
    return;
  send_slowly (request, bytes + start, n - start);
  if (overflows)
    send_slowly (request, bytes, length);
}

static File *
find_file (HubFake *self, const char *repo_id, const char *path, const char *sum)
{
  for (guint i = 0; i < self->files->len; i++)
    {
      File *file = g_ptr_array_index (self->files, i);

      if (sum != NULL ? strcmp (file->sum, sum) == 0
                      : (repo_id == NULL || strcmp (file->repo_id, repo_id) == 0) && strcmp (file->path, path) == 0)
        return file;
    }
  return NULL;
}

/* Whether the repository may be seen; else it has been answered. */
static gboolean
check_gate (Request *request, const char *repo_id)
{
  const char *token = g_hash_table_lookup (request->self->gates, repo_id);

  if (token == NULL || g_strcmp0 (token, request->token) == 0)
    return TRUE;
  send_text (request, request->token != NULL ? 403 : 401, "X-Error-Code: GatedRepo\r\n", "");
  return FALSE;
}

static void
serve_repo (Request *request, const char *repo_id, const char *revision)
{
  g_autofree char *text = describe_repo (request->self, repo_id);

  if (request->self->answer != NULL)
    send_text (request, 200, "", request->self->answer);
  else if (text == NULL)
    send_text (request, request->token != NULL ? 404 : 401, "X-Error-Code: RepoNotFound\r\n", "");
  else if (strcmp (revision, "main") != 0 && strcmp (revision, COMMIT) != 0)
    send_text (request, 404, "X-Error-Code: RevisionNotFound\r\n", "");
  else
    send_text (request, 200, "", text);
}

/* OWNER/NAME/resolve/COMMIT/PATH */
static void
serve_resolve (Request *request, char **parts)
{
  HubFake *self = request->self;
  g_autofree char *repo_id = g_strconcat (parts[0], "/", parts[1], NULL), *joined = g_strjoinv ("/", parts + 4);
  g_autofree char *path = g_uri_unescape_string (joined, NULL), *location = NULL;
  File *file = find_file (self, repo_id, path, NULL);

  if (!check_gate (request, repo_id))
    return;
  if (file == NULL || (strcmp (parts[3], COMMIT) != 0 && strcmp (parts[3], "main") != 0))
    {
      send_text (request, 404, "X-Error-Code: EntryNotFound\r\n", "");
      return;
    }
  if (self->redirect != NULL)
    location = g_strdup_printf ("Location: %s\r\n", self->redirect);
  else if (file->lfs)
    location = g_strdup_printf ("Location: %s/lfs/%s?signature=abc\r\nX-Repo-Commit: " COMMIT
                                "\r\nX-Linked-Etag: \"%s\"\r\nX-Linked-Size: %zu\r\n",
                                self->addresses[1], file->sum, file->sum, g_bytes_get_size (file->bytes));
  else
    location = g_strdup_printf ("Location: /api/resolve-cache/%s\r\n", file->sum);
  send_text (request, file->lfs ? 302 : 307, location, "");
}

static void
serve_api (Request *request, const char *path, const char *query)
{
  HubFake *self = request->self;
  g_auto (GStrv) parts = g_strsplit (path, "/", -1);
  guint n = g_strv_length (parts);

  if (n == 1 && strcmp (parts[0], "models") == 0 && query != NULL)
    {
      g_autoptr (GHashTable) values = g_uri_parse_params (query, -1, "&", G_URI_PARAMS_NONE, NULL);
      g_autofree char *text = NULL;

      g_free (self->search);
      self->search = g_strdup (values != NULL ? g_hash_table_lookup (values, "search") : NULL);
      text = self->answer != NULL ? g_strdup (self->answer)
                                  : describe_search (self, self->search != NULL ? self->search : "");
      send_text (request, 200, "", text);
    }
  else if (n == 5 && strcmp (parts[3], "revision") == 0)
    {
      g_autofree char *repo_id = g_strconcat (parts[1], "/", parts[2], NULL);
      g_autofree char *revision = g_uri_unescape_string (parts[4], NULL);

      serve_repo (request, repo_id, revision);
    }
  else
    send_text (request, 404, "", "");
}

/* GET /?list-type=2&prefix=...&continuation-token=N */
static void
serve_bucket (Request *request, const char *query)
{
  HubFake *self = request->self;
  g_autoptr (GHashTable) values = g_uri_parse_params (query, -1, "&", G_URI_PARAMS_NONE, NULL);
  const char *prefix = g_hash_table_lookup (values, "prefix");
  const char *token = g_hash_table_lookup (values, "continuation-token");
  guint first = token != NULL ? (guint) g_ascii_strtoull (token, NULL, 10) : 0, n = 0;
  g_autoptr (GString) text = g_string_new ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult "
                                           "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>bucket</Name>");

  for (guint i = first; i < self->files->len; i++)
    {
      const File *file = g_ptr_array_index (self->files, i);

      if (!file->is_object || !g_str_has_prefix (file->path, prefix))
        continue;
      if (self->page_size > 0 && n == self->page_size)
        {
          g_string_append_printf (text, "<NextContinuationToken>%u</NextContinuationToken>", i);
          break;
        }
      n++;
      g_string_append_printf (
        text,
        "<Contents><Key>%s</Key><LastModified>2025-01-01T00:00:00.000Z</LastModified><ETag>&quot;%s"
        "&quot;</ETag><Size>%zu</Size><StorageClass>STANDARD</StorageClass></Contents>",
        file->path, file->sum, g_bytes_get_size (file->bytes));
    }
  g_string_append (text, "</ListBucketResult>");
  send_text (request, 200, "", self->answer != NULL ? self->answer : text->str);
}

/* The file whose bytes are to be sent, without the lock; NULL when it has been answered. */
static File *
serve (Request *request, const char *target)
{
  HubFake *self = request->self;
  g_auto (GStrv) halves = g_strsplit (target, "?", 2);
  g_auto (GStrv) parts = g_strsplit (halves[0] + 1, "/", -1);
  File *file = NULL;

  self->n_requests++;
  if (request->is_other_host && request->token != NULL)
    self->leaked = TRUE;
  if (self->n_fails > 0)
    {
      g_autofree char *headers
        = self->fail_wait != NULL ? g_strdup_printf ("Retry-After: %s\r\n", self->fail_wait) : g_strdup ("");

      self->n_fails--;
      send_text (request, self->fail_status, headers, "");
    }
  else if (g_str_has_prefix (halves[0], "/lfs/") || g_str_has_prefix (halves[0], "/api/resolve-cache/"))
    {
      file = find_file (self, NULL, NULL, strrchr (halves[0], '/') + 1);
      if (file == NULL || file->lfs != request->is_other_host)
        send_text (request, 404, "", "");
      file = file != NULL && file->lfs == request->is_other_host ? file : NULL;
    }
  else if (strcmp (halves[0], "/") == 0 && halves[1] != NULL)
    serve_bucket (request, halves[1]);
  else if (g_str_has_prefix (halves[0], "/v1/"))
    {
      file = find_file (self, "", halves[0] + 1, NULL);
      if (file == NULL)
        send_text (request, 404, "", "");
    }
  else if (g_str_has_prefix (halves[0], "/api/"))
    serve_api (request, halves[0] + strlen ("/api/"), halves[1]);
  else if (g_strv_length (parts) >= 5 && strcmp (parts[2], "resolve") == 0)
    serve_resolve (request, parts);
  else
    send_text (request, 404, "", "");
  return file;
}

static void
read_header (Request *request, const char *line)
{
  if (g_ascii_strncasecmp (line, "authorization: bearer ", 22) == 0)
    {
      g_free (request->token);
      request->token = g_strstrip (g_strdup (line + 22));
    }
  if (g_ascii_strncasecmp (line, "range: bytes=", 13) == 0)
    {
      request->has_range = TRUE;
      request->start = g_ascii_strtoull (line + 13, NULL, 10);
    }
}

static GIOStream *
open_stream (HubFake *self, GSocketConnection *connection)
{
  if (self->certificate == NULL)
    return G_IO_STREAM (g_object_ref (connection));
  return g_tls_server_connection_new (G_IO_STREAM (connection), self->certificate, NULL);
}

static gboolean
on_run (GThreadedSocketService *service, GSocketConnection *connection, GObject *source, gpointer data)
{
  HubFake *self = data;
  g_autoptr (GIOStream) stream = open_stream (self, connection);
  g_autoptr (GDataInputStream) in = g_data_input_stream_new (g_io_stream_get_input_stream (stream));
  Request request = {
    .self = self,
    .out = g_io_stream_get_output_stream (stream),
    .is_other_host = G_SOCKET_SERVICE (service) == self->services[1],
  };
  g_auto (GStrv) words = NULL;
  File *file = NULL;
  char *line;

  g_mutex_lock (&self->mutex);
  self->n_serving++;
  g_mutex_unlock (&self->mutex);
  g_data_input_stream_set_newline_type (in, G_DATA_STREAM_NEWLINE_TYPE_CR_LF);
  while ((line = g_data_input_stream_read_line (in, NULL, self->cancellable, NULL)) != NULL && *line != '\0')
    {
      if (words == NULL)
        words = g_strsplit (line, " ", 3);
      else
        read_header (&request, line);
      g_free (line);
    }
  g_free (line);
  if (words != NULL && g_strv_length (words) == 3)
    {
      request.is_head = strcmp (words[0], "HEAD") == 0;
      g_mutex_lock (&self->mutex);
      file = serve (&request, words[1]);
      g_mutex_unlock (&self->mutex);
    }
  if (file != NULL)
    send_file (&request, file);
  g_io_stream_close (stream, NULL, NULL);
  g_free (request.token);
  g_mutex_lock (&self->mutex);
  self->n_serving--;
  g_cond_broadcast (&self->idle);
  g_mutex_unlock (&self->mutex);
  return TRUE;
}

/* --- the fake itself --- */

static gpointer
run_loop (gpointer data)
{
  HubFake *self = data;

  g_main_context_push_thread_default (self->context);
  while (!g_cancellable_is_cancelled (self->cancellable))
    g_main_context_iteration (self->context, TRUE);
  g_main_context_pop_thread_default (self->context);
  return NULL;
}

/* @certificate: (transfer full) (nullable) */
static HubFake *
make (GTlsCertificate *certificate)
{
  HubFake *self = g_new0 (HubFake, 1);

  /* A thread that ends while the sanitizer looks for leaks at the end of a test makes it fail: these wait for ever. */
  g_thread_pool_set_max_unused_threads (-1);
  g_thread_pool_set_max_idle_time (0);
  g_mutex_init (&self->mutex);
  g_cond_init (&self->idle);
  self->files = g_ptr_array_new_with_free_func (file_free);
  self->infos = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) json_node_unref);
  self->gates = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->certificate = certificate;
  self->cancellable = g_cancellable_new ();
  self->context = g_main_context_new ();
  g_main_context_push_thread_default (self->context);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GInetAddress) loopback = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);
      g_autoptr (GSocketAddress) address = g_inet_socket_address_new (loopback, 0);
      g_autoptr (GSocketAddress) bound = NULL;
      g_autoptr (GError) error = NULL;

      self->services[i] = g_threaded_socket_service_new (-1);
      g_socket_listener_add_address (G_SOCKET_LISTENER (self->services[i]), address, G_SOCKET_TYPE_STREAM,
                                     G_SOCKET_PROTOCOL_TCP, NULL, &bound, &error);
      g_assert_no_error (error);
      self->addresses[i] = g_strdup_printf ("%s://127.0.0.1:%u", certificate != NULL ? "https" : "http",
                                            g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (bound)));
      g_signal_connect (self->services[i], "run", G_CALLBACK (on_run), self);
      g_socket_service_start (self->services[i]);
    }
  g_main_context_pop_thread_default (self->context);
  self->thread = g_thread_new ("hub", run_loop, self);
  return self;
}

HubFake *
hub_fake_new (void)
{
  return make (NULL);
}

HubFake *
hub_fake_new_unknown (void)
{
  g_autofree char *path = test_fixture_path ("hub/self-signed.pem");
  g_autoptr (GError) error = NULL;
  GTlsCertificate *certificate = g_tls_certificate_new_from_file (path, &error);

  g_assert_no_error (error);
  return make (certificate);
}

void
hub_fake_free (HubFake *self)
{
  g_cancellable_cancel (self->cancellable);
  for (guint i = 0; i < 2; i++)
    {
      g_socket_service_stop (self->services[i]);
      g_socket_listener_close (G_SOCKET_LISTENER (self->services[i]));
    }
  g_main_context_wakeup (self->context);
  g_thread_join (self->thread);
  g_mutex_lock (&self->mutex);
  while (self->n_serving > 0)
    g_cond_wait (&self->idle, &self->mutex);
  g_mutex_unlock (&self->mutex);
  for (guint i = 0; i < 2; i++)
    {
      g_object_unref (self->services[i]);
      g_free (self->addresses[i]);
    }
  g_main_context_unref (self->context);
  g_object_unref (self->cancellable);
  g_clear_object (&self->certificate);
  g_ptr_array_unref (self->files);
  g_hash_table_unref (self->infos);
  g_hash_table_unref (self->gates);
  g_free (self->fail_wait);
  g_free (self->redirect);
  g_free (self->answer);
  g_free (self->search);
  g_cond_clear (&self->idle);
  g_mutex_clear (&self->mutex);
  g_free (self);
}

const char *
hub_fake_get_endpoint (HubFake *self)
{
  return self->addresses[0];
}

const char *
hub_fake_get_commit (HubFake *self)
{
  return COMMIT;
}

static char *
make_sum (const void *bytes, gsize length, gboolean lfs)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (lfs ? G_CHECKSUM_SHA256 : G_CHECKSUM_SHA1);
  g_autofree char *header = g_strdup_printf ("blob %zu", length);

  if (!lfs)
    g_checksum_update (checksum, (const guchar *) header, (gssize) strlen (header) + 1);
  g_checksum_update (checksum, bytes, (gssize) length);
  return g_strdup (g_checksum_get_string (checksum));
}

void
hub_fake_add_file (HubFake *self, const char *repo_id, const char *path, const void *bytes, gsize length, gboolean lfs)
{
  File *file = g_new0 (File, 1);

  file->repo_id = g_strdup (repo_id);
  file->path = g_strdup (path);
  file->bytes = g_bytes_new (bytes, length);
  file->sum = make_sum (bytes, length, lfs);
  file->lfs = lfs;
  g_mutex_lock (&self->mutex);
  g_ptr_array_add (self->files, file);
  g_mutex_unlock (&self->mutex);
}

void
hub_fake_add_object (HubFake *self, const char *key, const void *bytes, gsize length)
{
  File *file = g_new0 (File, 1);

  file->repo_id = g_strdup ("");
  file->path = g_strdup (key);
  file->bytes = g_bytes_new (bytes, length);
  file->sum = g_compute_checksum_for_data (G_CHECKSUM_MD5, bytes, length);
  file->is_object = TRUE;
  g_mutex_lock (&self->mutex);
  g_ptr_array_add (self->files, file);
  g_mutex_unlock (&self->mutex);
}

void
hub_fake_set_page_size (HubFake *self, guint n_objects)
{
  g_mutex_lock (&self->mutex);
  self->page_size = n_objects;
  g_mutex_unlock (&self->mutex);
}

void
hub_fake_add_path (HubFake *self, const char *repo_id, const char *path, const char *file, gboolean lfs)
{
  g_autofree char *bytes = NULL;
  g_autoptr (GError) error = NULL;
  gsize length;

  g_file_get_contents (file, &bytes, &length, &error);
  g_assert_no_error (error);
  hub_fake_add_file (self, repo_id, path, bytes, length, lfs);
}

void
hub_fake_set_info (HubFake *self, const char *repo_id, const char *json)
{
  g_mutex_lock (&self->mutex);
  g_hash_table_insert (self->infos, g_strdup (repo_id), json_from_string (json, NULL));
  g_mutex_unlock (&self->mutex);
}

void
hub_fake_set_gated (HubFake *self, const char *repo_id, const char *token)
{
  g_mutex_lock (&self->mutex);
  g_hash_table_insert (self->gates, g_strdup (repo_id), g_strdup (token));
  g_mutex_unlock (&self->mutex);
}

void
hub_fake_break_after (HubFake *self, const char *path, gsize n_bytes, guint n_times)
{
  File *file;

  g_mutex_lock (&self->mutex);
  file = find_file (self, NULL, path, NULL);
  file->break_after = n_bytes;
  file->n_breaks = n_times;
  g_mutex_unlock (&self->mutex);
}

void
hub_fake_corrupt (HubFake *self, const char *path, guint n_times)
{
  g_mutex_lock (&self->mutex);
  find_file (self, NULL, path, NULL)->n_corruptions = n_times;
  g_mutex_unlock (&self->mutex);
}

void
hub_fake_overflow (HubFake *self, const char *path)
{
  g_mutex_lock (&self->mutex);
  find_file (self, NULL, path, NULL)->overflows = TRUE;
  g_mutex_unlock (&self->mutex);
}

void
hub_fake_ignore_ranges (HubFake *self)
{
  g_mutex_lock (&self->mutex);
  self->ignores_ranges = TRUE;
  g_mutex_unlock (&self->mutex);
}

void
hub_fake_shift_ranges (HubFake *self)
{
  g_mutex_lock (&self->mutex);
  self->shifts_ranges = TRUE;
  g_mutex_unlock (&self->mutex);
}

void
hub_fake_slow_down (HubFake *self, gsize n_bytes, guint milliseconds)
{
  g_mutex_lock (&self->mutex);
  self->slow_bytes = n_bytes;
  self->slow_ms = milliseconds;
  g_mutex_unlock (&self->mutex);
}

void
hub_fake_fail (HubFake *self, guint status, const char *retry_after, guint n_times)
{
  g_mutex_lock (&self->mutex);
  g_free (self->fail_wait);
  self->fail_status = status;
  self->fail_wait = g_strdup (retry_after);
  self->n_fails = n_times;
  g_mutex_unlock (&self->mutex);
}

void
hub_fake_redirect (HubFake *self, const char *location)
{
  g_mutex_lock (&self->mutex);
  g_free (self->redirect);
  self->redirect = g_strdup (location);
  g_mutex_unlock (&self->mutex);
}

void
hub_fake_answer (HubFake *self, const char *text)
{
  g_mutex_lock (&self->mutex);
  g_free (self->answer);
  self->answer = g_strdup (text);
  g_mutex_unlock (&self->mutex);
}

guint
hub_fake_get_n_requests (HubFake *self)
{
  guint n;

  g_mutex_lock (&self->mutex);
  n = self->n_requests;
  g_mutex_unlock (&self->mutex);
  return n;
}

guint64
hub_fake_get_n_bytes (HubFake *self)
{
  guint64 n;

  g_mutex_lock (&self->mutex);
  n = self->n_bytes;
  g_mutex_unlock (&self->mutex);
  return n;
}

gboolean
hub_fake_leaked_token (HubFake *self)
{
  gboolean leaked;

  g_mutex_lock (&self->mutex);
  leaked = self->leaked;
  g_mutex_unlock (&self->mutex);
  return leaked;
}

char *
hub_fake_dup_search (HubFake *self)
{
  char *search;

  g_mutex_lock (&self->mutex);
  search = g_strdup (self->search);
  g_mutex_unlock (&self->mutex);
  return search;
}
