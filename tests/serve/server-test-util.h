#pragma once

#include <json-glib/json-glib.h>
#include <libsoup/soup.h>

#include "serve/steer-server.h"
#include "slow-source.h"

G_BEGIN_DECLS

#define TOKEN "open-sesame"
#define HELLO "\"messages\":[{\"role\":\"user\",\"content\":\"Hello!\"}]"

/* A server on a free port, with the tiny model and the features of its letters, once as they are and once by the source
 * "slow", one preset "Letters" and one friendly origin. */
typedef struct
{
  SteerEngine *engine;
  SteerLibrary *library;
  SlowSource *slow; /* the library's last */
  SteerPreset *preset;
  SteerServer *server;
  SoupSession *session;
  char *base; /* without the slash in the end */
  GAsyncResult *result;
} ServerTest;

/* For g_test_add(), whose data may be "with a token", "with thoughts" (every reply begins with one) or "without a
 * model". The latter fails when the server is not freed. */
void server_test_set_up (ServerTest *f, gconstpointer data);
void server_test_tear_down (ServerTest *f, gconstpointer data);

/* Keeps the result of an asynchronous call (data: the ServerTest), and waits for it. (transfer full) */
void server_test_on_result (GObject *object, GAsyncResult *result, gpointer data);
GAsyncResult *server_test_wait (ServerTest *f);

/* @body: (nullable): JSON */
SoupMessage *server_test_make_message (ServerTest *f, const char *method, const char *path, const char *body);
/* The whole answer, NUL-terminated. Free with g_free(). */
char *server_test_send (ServerTest *f, SoupMessage *message);
JsonObject *server_test_parse (const char *text);
/* @status: expected. (transfer full) */
JsonObject *server_test_ask (ServerTest *f, const char *method, const char *path, const char *body, guint status);

/* Whether no reply is written; @data: the ServerTest. */
gboolean server_test_is_idle (gpointer data);

const char *server_test_get_error (JsonObject *object);
const char *server_test_get_content (JsonObject *reply);

/* The events of a stream, without comments. (element-type JsonObject) */
GPtrArray *server_test_split_events (const char *text);
/* What they have as "content", "text" or the like. Free with g_free(). */
char *server_test_join (GPtrArray *events, const char *name);

/* A stream that is read while other things are asked. */
typedef struct
{
  ServerTest *f;
  GInputStream *input;
  GString *text;
  char buffer[256];
  gboolean ended;
} ServerTestStream;

/* Of a chat; waits for the answer's head. */
void server_test_stream_begin (ServerTestStream *self, ServerTest *f, const char *body);
gboolean server_test_stream_has_text (gpointer stream);
gboolean server_test_stream_has_ended (gpointer stream);
/* Waits for its end; the text stays. */
void server_test_stream_end (ServerTestStream *self);

/* A request whose answer is waited for later. */
typedef struct
{
  SoupMessage *message;
  GBytes *bytes; /* nullable */
  gboolean answered;
} ServerTestCall;

ServerTestCall *server_test_call (ServerTest *f, const char *method, const char *path, const char *body);
gboolean server_test_call_is_answered (gpointer call);
/* Waits. @status: expected; 0: it was cut off. Frees @self. (transfer full) (nullable) */
JsonObject *server_test_call_end (ServerTestCall *self, guint status);

G_END_DECLS
