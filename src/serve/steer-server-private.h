#pragma once

#include <json-glib/json-glib.h>
#include <libsoup/soup.h>

#include "text/steer-thinking.h"
#include "steer-server-wish.h"
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

/* Changes of the steering that wait for vectors to be read. */
#define STEER_SERVER_MAX_CHANGES 64

/* Milliseconds without an event after which a stream sends a comment, and again; proxies wait for 30 s and more. */
#define STEER_SERVER_KEEP_ALIVE 10000

/* Where connections come in, steer-server-door.c: so many at a time, none of which is silent for long. */
typedef struct _SteerServerDoor SteerServerDoor;

/* @port: out: of a free one, where @port is 0. Hands connections to @soup. */
SteerServerDoor *steer_server_door_open (SoupServer *soup, GInetAddress *address, guint16 *port, GError **error);
void steer_server_door_close (SteerServerDoor *self);

/* Tells once when the client of a message that is not yet answered goes: libsoup does not look at the socket while an
 * answer is waited for. @func may free the watch. (nullable): no such client */
typedef struct _SteerServerWatch SteerServerWatch;
typedef void (*SteerServerGoneFunc) (gpointer data);

SteerServerWatch *
steer_server_door_watch (SteerServerDoor *self, SoupServerMessage *message, SteerServerGoneFunc func, gpointer data);
void steer_server_watch_free (SteerServerWatch *self);

struct _SteerServer
{
  GObject parent_instance;

  SteerEngine *engine;
  char *model_name; /* nullable */
  SteerLibrary *library;
  SteerPreset *preset;
  SteerLivePlan *live;
  GError *plan_error;  /* (nullable): why the preset's plan is not in force */
  gint64 revision;     /* of what is told of the steering; grows with every change, also over restarts */
  gboolean taking;     /* the preset is changed together with its plan */
  GPtrArray *changes;  /* (element-type SteerServerChange), from the oldest that waits for its vectors on */
  SteerPreset *before; /* (nullable): what steered before these */
  GPtrArray *readings; /* (element-type SteerServerReading): theirs, and those of replies */
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
  guint keep_alive;      /* STEER_SERVER_KEEP_ALIVE, but in tests */
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

void steer_server_add_string (JsonBuilder *builder, const char *name, const char *value);
void steer_server_add_double (JsonBuilder *builder, const char *name, double value);
/* null where it is not @known */
void steer_server_add_known (JsonBuilder *builder, const char *name, double value, gboolean known);
void steer_server_add_address (JsonBuilder *builder, guint layer, guint64 index);

/* steer-server-steering.c and steer-server-features.c */

/* What serves /v1/steering, /v1/presets and /v1/features. */
void steer_server_serve_steering (SteerServer *self, SoupServerMessage *message);
void steer_server_serve_presets (SteerServer *self, SoupServerMessage *message);
void steer_server_serve_features (SteerServer *self, SoupServerMessage *message, GHashTable *query);

void steer_server_answer_steering (SteerServer *self, SoupServerMessage *message);

/* What sources know of its features. */
void steer_server_describe (SteerServer *self, SteerPreset *preset);
/* @preset, whose plan is @plan, steers from now on. */
void steer_server_take (SteerServer *self, SteerPreset *preset, SteerPlan *plan);
/* The same for what is already the server's preset: its plan is made now, reading files where it must; none where it
 * cannot be made. */
void steer_server_update_plan (SteerServer *self);

/* steer-server-change.c */

typedef struct _SteerServerChange SteerServerChange;

GPtrArray *steer_server_new_changes (void);
/* What serves PUT and PATCH of /v1/steering. */
void steer_server_change_steering (SteerServer *self, SoupServerMessage *message);
/* Somebody else has changed the preset: what waits changes it as it is now. */
void steer_server_rebase_changes (SteerServer *self);
void steer_server_end_changes (SteerServer *self);

/* steer-server-reading.c */

/* Errors: STEER_STEERING_ERROR, and what the vectors' source reports. */
SteerPlan *steer_server_make_plan (SteerServer *self, SteerPreset *preset, GError **error);

typedef struct _SteerServerReading SteerServerReading;

/* @plan: (nullable): then @error is set; both borrowed */
typedef void (*SteerServerReadFunc) (gpointer data, SteerPlan *plan, const GError *error);

/* The same in a thread, whatever has to be read: calls @func once, later, on this thread. What it returns is good until
 * then, or until it is forgotten, and is not owned. Some are read at a time, the others in order. @preset may be
 * changed at once. */
SteerServerReading *
steer_server_read_vectors (SteerServer *self, SteerPreset *preset, SteerServerReadFunc func, gpointer data);
/* @func will not be called; what is being read is read to its end. */
void steer_server_reading_forget (SteerServerReading *self);
/* Once all of them are forgotten. */
void steer_server_end_readings (SteerServer *self);

/* steer-server-reply.c */

/* What serves /v1/chat/completions and /v1/completions. */
void steer_server_serve_completion (SteerServer *self, SoupServerMessage *message, gboolean chat);
void steer_server_end_replies (SteerServer *self);

/* steer-server-stream.c */

typedef struct
{
  SoupServerMessage *message; /* borrowed; unpaused by whoever sends */
  GSource *interval;          /* nullable: ended */
  gboolean begun;             /* the answer's head is sent */
  gboolean quiet;             /* nothing was sent since the last interval began */
} SteerServerStream;

/* @interval: milliseconds. Where it sends nothing for so long, or for up to twice as long, it sends a comment. */
void steer_server_stream_init (SteerServerStream *self, SoupServerMessage *message, guint interval);
/* Zero will do. */
void steer_server_stream_clear (SteerServerStream *self);
/* The head, where it is not sent. */
void steer_server_stream_begin (SteerServerStream *self);
void steer_server_stream_send (SteerServerStream *self, const char *data);
/* @object: (transfer full) */
void steer_server_stream_send_object (SteerServerStream *self, JsonObject *object);
void steer_server_stream_end (SteerServerStream *self);

/* steer-server-parts.c */

/* Zero at first. */
typedef struct
{
  SteerThinking thinking;
  gsize thought_told; /* offsets in the reply */
  gsize answer_told;
} SteerServerParts;

/* Appends what has become certain since the last call; @complete: all the rest. @reply has only grown since then. All
 * that is ever appended is the thought and the answer of the whole reply, without blank lines around them. */
void steer_server_parts_read (SteerServerParts *self,
                              const GString *reply,
                              gboolean complete,
                              GString *thought,
                              GString *answer);

/* steer-server-request.c */

/* What a client asks for. */
typedef struct
{
  SteerRequest *request;
  SteerPreset *preset; /* that of the request, else the server's */
  gboolean is_steered; /* by the request's preset, whose plan is to be made */
  gboolean stream;
  gboolean include_usage;
} SteerServerAsk;

void steer_server_ask_clear (SteerServerAsk *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SteerServerAsk, steer_server_ask_clear)

/* @self: zero. Errors: STEER_SERVER_ERROR, STEER_STEERING_ERROR. */
gboolean
steer_server_ask_read (SteerServerAsk *self, SteerServer *server, JsonObject *body, gboolean chat, GError **error);

G_END_DECLS
