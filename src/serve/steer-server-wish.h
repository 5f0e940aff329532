#pragma once

#include <json-glib/json-glib.h>

#include "steering/steer-preset.h"

G_BEGIN_DECLS

/* What a request wants of the steering: read once, and applied to whatever steers when its turn has come. */

/* What of a wish is asked for; the rest stays as it is. */
typedef enum
{
  STEER_SERVER_WISH_ENABLED = 1 << 0,
  STEER_SERVER_WISH_MULTIPLIER = 1 << 1,
  STEER_SERVER_WISH_STRENGTH = 1 << 2, /* this and the next two: of one feature */
  STEER_SERVER_WISH_FEATURE_ENABLED = 1 << 3,
  STEER_SERVER_WISH_MODE = 1 << 4,
  STEER_SERVER_WISH_WHEN = 1 << 5,
} SteerServerWishFields;

typedef enum
{
  STEER_SERVER_WISH_WHOLE,  /* of PUT and of a chat request */
  STEER_SERVER_WISH_CHANGE, /* of PATCH, as are the next; also of none of the features */
  STEER_SERVER_WISH_ADD,
  STEER_SERVER_WISH_REMOVE,
} SteerServerWishKind;

typedef struct
{
  SteerServerWishKind kind;
  SteerServerWishFields fields;
  gboolean enabled;
  double multiplier;

  SteerPreset *preset; /* (nullable): that comes first */
  GPtrArray *features; /* (nullable) (element-type SteerFeature): the whole list */

  SteerFeature *feature; /* (nullable): to be changed to, added or, by its address, removed */
  guint occurrence;      /* which of those with its layer and index */
  guint position;        /* where it is added */
} SteerServerWish;

/* Opens a preset by its name (transfer full). Errors: any. */
typedef SteerPreset *(*SteerServerOpenFunc) (const char *name, GError **error);

/* @open: (nullable): no preset can be had. @patch: the body is that of PATCH. NULL with STEER_SERVER_ERROR. Main
 * thread, as all here. */
SteerServerWish *steer_server_wish_new (JsonObject *body, gboolean patch, SteerServerOpenFunc open, GError **error);
void steer_server_wish_free (SteerServerWish *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerServerWish, steer_server_wish_free)

/* Changes @preset, or leaves it with STEER_SERVER_ERROR_NOT_FOUND where it does not have the feature. */
gboolean steer_server_wish_apply (SteerServerWish *self, SteerPreset *preset, GError **error);

/* Whether it makes no difference whether @older was applied just before it. */
gboolean steer_server_wish_covers (SteerServerWish *self, SteerServerWish *older);

/* Whether the order of the two makes no difference, as far as that is easily told. */
gboolean steer_server_wish_commutes (SteerServerWish *self, SteerServerWish *other);

G_END_DECLS
