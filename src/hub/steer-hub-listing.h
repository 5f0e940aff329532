#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A file in a bucket of S3. */
typedef struct
{
  char *key;
  guint64 size;
  char *md5; /* (nullable): lower case hexadecimal; of files that were uploaded in parts it is not known */
} SteerHubObject;

void steer_hub_object_clear (SteerHubObject *self);

/**
 * steer_hub_listing_parse:
 * @text: [length], the answer to GET /?list-type=2&prefix=...
 * (docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2)
 * @objects: (element-type SteerHubObject): what it lists is added
 * @next: (out) (nullable): where the next page begins; free with g_free()
 *
 * Errors: STEER_HUB_ERROR_INVALID.
 */
gboolean steer_hub_listing_parse (const char *text, gsize length, GArray *objects, char **next, GError **error);

G_END_DECLS
