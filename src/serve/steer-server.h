#pragma once

#include "chat/steer-engine.h"
#include "steering/steer-preset.h"

G_BEGIN_DECLS

#define STEER_SERVER_ERROR (steer_server_error_quark ())

/* What is wrong with a request. The codes are those of HTTP. */
typedef enum
{
  STEER_SERVER_ERROR_BAD_REQUEST = 400,
  STEER_SERVER_ERROR_UNAUTHORIZED = 401,
  STEER_SERVER_ERROR_FORBIDDEN = 403,
  STEER_SERVER_ERROR_NOT_FOUND = 404,
  STEER_SERVER_ERROR_METHOD = 405,
  STEER_SERVER_ERROR_TOO_LARGE = 413,
  STEER_SERVER_ERROR_BUSY = 429,
  STEER_SERVER_ERROR_FAILED = 500,
  STEER_SERVER_ERROR_NO_MODEL = 503,
} SteerServerError;

GQuark steer_server_error_quark (void);

/* Whom the server asks, and who may ask it. Everything is borrowed during the call. */
typedef struct
{
  SteerEngine *engine;
  const char *model_name; /* (nullable): what the model is called; NULL: as its file or folder */
  SteerLibrary *library;  /* where directions come from */
  SteerPreset *preset;    /* what steers; clients change it, and so may others */

  /* Presets that can be had by name: NULL-terminated, and one of them, whatever name a stranger gives. Both nullable:
   * none. */
  char **(*list_presets) (void);
  SteerPreset *(*open_preset) (const char *name, GError **error);

  const char *token;               /* (nullable): what clients must present as "Authorization: Bearer TOKEN" */
  const char *const *stop_strings; /* (nullable), NULL-terminated: end replies where a request has none of its own */
  const char *const *origins; /* (nullable), NULL-terminated: web pages of other servers that may ask: "https://a.b" */
} SteerServerOptions;

#define STEER_TYPE_SERVER (steer_server_get_type ())

/**
 * SteerServer:
 *
 * An engine's replies over HTTP: OpenAI's chat completions, with steering in the request, the strengths that are in
 * force to be read and changed while a reply is written, and a small web page. docs/serve.md is its reference.
 *
 * Vectors that clients' changes and requests need are read by threads, which use the library only. What others change
 * of the preset is read at once, in their call.
 *
 * Any page that a browser shows can send requests to a server on the same machine. So a request that a page makes must
 * come from the server's own or from one of @origins, and, where there is no token, must be for a name of this machine,
 * which a page that has its own name point here does not use. Bodies, their nesting and the number of replies that wait
 * are limited. Main context of the engine.
 */
G_DECLARE_FINAL_TYPE (SteerServer, steer_server, STEER, SERVER, GObject)

SteerServer *steer_server_new (const SteerServerOptions *options);

/* Once. @host: an IP address of this machine, or "localhost" for 127.0.0.1. @port: 0 for one that is free. Errors:
 * G_IO_ERROR. */
gboolean steer_server_listen (SteerServer *self, const char *host, guint port, GError **error);

/* "http://127.0.0.1:8017/"; NULL until it listens. Free with g_free(). */
char *steer_server_dup_uri (SteerServer *self);

/* Ends all connections, and the replies that are written for them. */
void steer_server_stop (SteerServer *self);

G_END_DECLS
