#pragma once

#include <json-glib/json-glib.h>
#include <libsoup/soup.h>

#include "steer-server.h"

G_BEGIN_DECLS

/* Data of a message: GByteArray, what came of its body. */
#define STEER_SERVER_BODY_KEY "steer-body"

/* A conversation of thousands of pages. */
#define STEER_SERVER_MAX_BODY (8 * 1024 * 1024)

/* Values, names and brackets of a body: a chat of ten thousand messages. */
#define STEER_SERVER_MAX_VALUES 200000

/* Replies that are written or wait. */
#define STEER_SERVER_MAX_REPLIES 64

/* Where connections come in, steer-server-door.c: so many at a time, none of which is silent for long. */
typedef struct _SteerServerDoor SteerServerDoor;

/* @port: out: of a free one, where @port is 0. Hands connections to @soup. */
SteerServerDoor *steer_server_door_open (SoupServer *soup, GInetAddress *address, guint16 *port, GError **error);
void steer_server_door_close (SteerServerDoor *self);
/* The socket that a message came by; (transfer none) (nullable) */
GSocket *steer_server_door_find (SteerServerDoor *self, SoupServerMessage *message);

struct _SteerServer
{
  GObject parent_instance;

  SteerEngine *engine;
  char *model_name; /* nullable */
  SteerLibrary *library;
  SteerPreset *preset;
  SteerLivePlan *live;
  GError *plan_error; /* (nullable): why the preset's plan is not in force */
  char **(*list_presets) (void);
  SteerPreset *(*open_preset) (const char *name, GError **error);
  char *token;         /* nullable */
  char **origins;      /* nullable */
  char **stop_strings; /* nullable */
  char *host;          /* nullable: that it listens on */
  guint16 port;
  SoupServer *soup;
  SteerServerDoor *door; /* nullable */
  GPtrArray *exchanges;  /* replies that connections wait for */
  guint64 n_answers;     /* for their ids */
};

/* What the loaded model is called; NULL where there is none. Free with g_free(). */
char *steer_server_dup_model_name (SteerServer *self);

/* Answers of one JSON value, and of an error: {"error": {"message", "type", "param", "code"}}. */
void steer_server_answer (SoupServerMessage *message, JsonNode *node);
void steer_server_answer_error (SoupServerMessage *message, const GError *error);
/* {"message", ...} as a node (transfer full). */
JsonNode *steer_server_describe_error (const GError *error);
/* 400 where the client is at fault. */
guint steer_server_get_status (const GError *error);

/* The body as one JSON object (transfer full). Errors: STEER_SERVER_ERROR. */
JsonObject *steer_server_read_body (SoupServerMessage *message, GError **error);
/* @text: [length] */
JsonObject *steer_server_parse_body (const char *text, gsize length, GError **error);

/* Members of an object: FALSE with an error, which names it, where there is one of another type. What is not there, or
 * null, leaves the value alone. */
gboolean steer_server_read_boolean (JsonObject *object, const char *name, gboolean *value, GError **error);
gboolean steer_server_read_double (JsonObject *object, const char *name, double *value, GError **error);
gboolean steer_server_read_uint (JsonObject *object, const char *name, guint64 *value, GError **error);
gboolean steer_server_read_int (JsonObject *object, const char *name, gint64 *value, GError **error);
/* @value: (nullable): borrowed from the object */
gboolean steer_server_read_string (JsonObject *object, const char *name, const char **value, GError **error);
gboolean steer_server_read_array (JsonObject *object, const char *name, JsonArray **value, GError **error);
gboolean steer_server_read_object (JsonObject *object, const char *name, JsonObject **value, GError **error);
/* Whether it is there and not null. */
gboolean steer_server_has (JsonObject *object, const char *name);
gboolean steer_server_fail (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* steer-server-steering.c */

/* What serves /v1/steering, /v1/presets and /v1/features. */
void steer_server_serve_steering (SteerServer *self, SoupServerMessage *message);
void steer_server_serve_presets (SteerServer *self, SoupServerMessage *message);
void steer_server_serve_features (SteerServer *self, SoupServerMessage *message, GHashTable *query);

/* The server's preset as it is, changed as @wishes says (transfer full). Errors: STEER_SERVER_ERROR,
 * STEER_STEERING_ERROR. */
SteerPreset *steer_server_make_preset (SteerServer *self, JsonObject *wishes, GError **error);
SteerPlan *steer_server_make_plan (SteerServer *self, SteerPreset *preset, GError **error);
/* The preset's plan is in force from now on; NULL for none where it cannot be made. */
void steer_server_update_plan (SteerServer *self);

/* steer-server-reply.c */

/* What serves /v1/chat/completions and /v1/completions. */
void steer_server_serve_completion (SteerServer *self, SoupServerMessage *message, gboolean chat);
void steer_server_end_replies (SteerServer *self);

/* steer-server-request.c */

/* What a client asks for. */
typedef struct
{
  SteerRequest *request;
  SteerPreset *preset; /* that of the request, else the server's */
  gboolean stream;
  gboolean include_usage;
} SteerServerAsk;

void steer_server_ask_clear (SteerServerAsk *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SteerServerAsk, steer_server_ask_clear)

/* @self: zero. Errors: STEER_SERVER_ERROR, STEER_STEERING_ERROR. */
gboolean
steer_server_ask_read (SteerServerAsk *self, SteerServer *server, JsonObject *body, gboolean chat, GError **error);

G_END_DECLS
