#include "steer-hub-listing.h"

#include <string.h>

#include "steer-hub-name.h"

/* No list is deeper, and no text in one longer. */
#define MAX_DEPTH 8
#define MAX_TEXT 4096

typedef struct
{
  GArray *objects;
  SteerHubObject object; /* the one that is read */
  char *next;
  gboolean is_list;
  gboolean is_in_object;
  guint depth;
  GString *text;
} Reading;

void
steer_hub_object_clear (SteerHubObject *self)
{
  g_clear_pointer (&self->key, g_free);
  g_clear_pointer (&self->md5, g_free);
  self->size = 0;
}

static void
on_start (GMarkupParseContext *context,
          const char *name,
          const char **names,
          const char **values,
          gpointer data,
          GError **error)
{
  Reading *self = data;

  if (++self->depth > MAX_DEPTH)
    {
      g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_INVALID, "a list has no such depth");
      return;
    }
  if (self->depth == 1)
    self->is_list = strcmp (name, "ListBucketResult") == 0;
  if (self->depth == 2 && strcmp (name, "Contents") == 0)
    {
      steer_hub_object_clear (&self->object);
      self->is_in_object = TRUE;
    }
  g_string_truncate (self->text, 0);
}

/* The MD5 of its content, in quotes; "…-3" is that of parts. */
static char *
dup_md5 (const char *etag)
{
  gsize length = strlen (etag);
  g_autofree char *plain = length > 2 && *etag == '"' ? g_strndup (etag + 1, length - 2) : g_strdup (etag);

  return strlen (plain) == 32 && strspn (plain, "0123456789abcdef") == 32 ? g_steal_pointer (&plain) : NULL;
}

static void
read_member (Reading *self, const char *name)
{
  if (strcmp (name, "Key") == 0)
    {
      g_free (self->object.key);
      self->object.key = g_strdup (self->text->str);
    }
  else if (strcmp (name, "Size") == 0)
    {
      if (!g_ascii_string_to_unsigned (self->text->str, 10, 0, G_MAXINT64, &self->object.size, NULL))
        self->object.size = G_MAXUINT64;
    }
  else if (strcmp (name, "ETag") == 0)
    {
      g_free (self->object.md5);
      self->object.md5 = dup_md5 (self->text->str);
    }
}

static void
on_end (GMarkupParseContext *context, const char *name, gpointer data, GError **error)
{
  Reading *self = data;

  if (self->depth == 3 && self->is_in_object)
    read_member (self, name);
  if (self->depth == 2 && self->is_in_object)
    {
      self->is_in_object = FALSE;
      if (steer_hub_is_path (self->object.key) && self->object.size <= G_MAXINT64)
        {
          g_array_append_val (self->objects, self->object);
          self->object = (SteerHubObject){ 0 };
        }
    }
  if (self->depth == 2 && strcmp (name, "NextContinuationToken") == 0)
    {
      g_free (self->next);
      self->next = g_strdup (self->text->str);
    }
  self->depth--;
}

static void
on_text (GMarkupParseContext *context, const char *text, gsize length, gpointer data, GError **error)
{
  Reading *self = data;

  if (self->text->len + length <= MAX_TEXT)
    g_string_append_len (self->text, text, (gssize) length);
}

gboolean
steer_hub_listing_parse (const char *text, gsize length, GArray *objects, char **next, GError **error)
{
  static const GMarkupParser parser = { on_start, on_end, on_text, NULL, NULL };
  g_autoptr (GString) buffer = g_string_new (NULL);
  Reading reading = { .objects = objects, .text = buffer };
  g_autoptr (GMarkupParseContext) context = g_markup_parse_context_new (&parser, 0, &reading, NULL);
  g_autoptr (GError) local_error = NULL;
  gboolean is_good = g_markup_parse_context_parse (context, text, (gssize) length, &local_error)
                     && g_markup_parse_context_end_parse (context, &local_error) && reading.is_list;

  steer_hub_object_clear (&reading.object);
  *next = is_good ? g_steal_pointer (&reading.next) : NULL;
  g_free (reading.next);
  if (!is_good)
    {
      /* GMarkup quotes what it finds, and half of a character too. */
      g_autofree char *why = local_error != NULL ? g_utf8_make_valid (local_error->message, -1) : NULL;

      g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_INVALID, "what answers has no list of files%s%s",
                   why != NULL ? ": " : "", why != NULL ? why : "");
    }
  return is_good;
}
