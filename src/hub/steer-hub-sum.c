#include "steer-hub-sum.h"

#include <string.h>

struct _SteerHubSum
{
  GChecksum *checksum;
  char *expected;
  guint64 size;
  guint64 length;
};

static gboolean
is_gits (const SteerHubSum *self)
{
  return strlen (self->expected) == 40;
}

void
steer_hub_sum_reset (SteerHubSum *self)
{
  g_checksum_reset (self->checksum);
  self->length = 0;
  if (is_gits (self))
    {
      g_autofree char *header = g_strdup_printf ("blob %" G_GUINT64_FORMAT, self->size);

      g_checksum_update (self->checksum, (const guchar *) header, (gssize) strlen (header) + 1);
    }
}

SteerHubSum *
steer_hub_sum_new (const char *expected, guint64 size)
{
  SteerHubSum *self = g_new0 (SteerHubSum, 1);

  self->expected = g_strdup (expected);
  self->size = size;
  self->checksum = g_checksum_new (is_gits (self) ? G_CHECKSUM_SHA1 : G_CHECKSUM_SHA256);
  steer_hub_sum_reset (self);
  return self;
}

void
steer_hub_sum_free (SteerHubSum *self)
{
  g_checksum_free (self->checksum);
  g_free (self->expected);
  g_free (self);
}

void
steer_hub_sum_add (SteerHubSum *self, const void *bytes, gsize length)
{
  g_checksum_update (self->checksum, bytes, (gssize) length);
  self->length += length;
}

guint64
steer_hub_sum_get_length (SteerHubSum *self)
{
  return self->length;
}

gboolean
steer_hub_sum_is_right (SteerHubSum *self)
{
  return self->length == self->size && strcmp (g_checksum_get_string (self->checksum), self->expected) == 0;
}
