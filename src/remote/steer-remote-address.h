#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define STEER_REMOTE_SCHEME "ssh://"

/**
 * SteerRemoteAddress:
 *
 *     ssh://[USER@]HOST[:PORT]/PATH[?program=PROGRAM]
 *
 * A model on another computer that is reached as `ssh` reaches it: HOST may be a name of ssh's own configuration. PATH
 * is that of a model there; what begins with /~/ is in the user's home. PROGRAM is what `steer` is called there. Parts
 * with other signs than those of names are percent-encoded.
 */
typedef struct
{
  char *host;    /* "user@host" or "host"; never begins with a dash */
  guint port;    /* 0: ssh's own choice */
  char *path;    /* nullable: the address names a computer alone. Absolute or beginning with ~/ */
  char *program; /* "steer" */
} SteerRemoteAddress;

/* Errors: STEER_MODEL_ERROR_INVALID. */
SteerRemoteAddress *steer_remote_address_parse (const char *text, GError **error);

/* @computer: what a person types for a computer, "user@host", "host:2222", "ssh://host". Errors: as above, also where
 * a path is named. */
SteerRemoteAddress *steer_remote_address_parse_computer (const char *computer, GError **error);
SteerRemoteAddress *steer_remote_address_copy (const SteerRemoteAddress *self);
void steer_remote_address_free (SteerRemoteAddress *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerRemoteAddress, steer_remote_address_free)

/* Another path of the same computer; NULL: the computer alone. */
void steer_remote_address_set_path (SteerRemoteAddress *self, const char *path);

/* What steer_remote_address_parse() makes the same of. Free with g_free(). */
char *steer_remote_address_to_string (const SteerRemoteAddress *self);

G_END_DECLS
