#pragma once

#include <json-glib/json-glib.h>
#include <libsoup/soup.h>

#include "serve/steer-server.h"

G_BEGIN_DECLS

#define TOKEN "open-sesame"
#define HELLO "\"messages\":[{\"role\":\"user\",\"content\":\"Hello!\"}]"

/* A server on a free port, with the tiny model and the features of its letters, one preset "Letters" and one friendly
 * origin. */
typedef struct
{
  SteerEngine *engine;
  SteerLibrary *library;
  SteerPreset *preset;
  SteerServer *server;
  SoupSession *session;
  char *base; /* without the slash in the end */
  GAsyncResult *result;
} ServerTest;

/* For g_test_add(), whose data may be "with a token" or "without a model". The latter fails when the server is not
 * freed. */
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

G_END_DECLS
