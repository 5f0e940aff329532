#include "steer-chat-entry.h"

struct _SteerChatEntry
{
  GObject parent_instance;

  gint64 id;
  char *title;
  char *preview;
  gint64 modified;
  gint64 hit;
};

enum
{
  PROP_0,
  PROP_ID,
  PROP_TITLE,
  PROP_PREVIEW,
  PROP_MODIFIED,
  PROP_HIT,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (SteerChatEntry, steer_chat_entry, G_TYPE_OBJECT)

static void
steer_chat_entry_finalize (GObject *object)
{
  SteerChatEntry *self = STEER_CHAT_ENTRY (object);

  g_free (self->title);
  g_free (self->preview);
  G_OBJECT_CLASS (steer_chat_entry_parent_class)->finalize (object);
}

static void
steer_chat_entry_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  SteerChatEntry *self = STEER_CHAT_ENTRY (object);

  switch (id)
    {
    case PROP_ID:
      g_value_set_int64 (value, self->id);
      break;
    case PROP_TITLE:
      g_value_set_string (value, self->title);
      break;
    case PROP_PREVIEW:
      g_value_set_string (value, self->preview);
      break;
    case PROP_MODIFIED:
      g_value_set_int64 (value, self->modified);
      break;
    case PROP_HIT:
      g_value_set_int64 (value, self->hit);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
steer_chat_entry_class_init (SteerChatEntryClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->finalize = steer_chat_entry_finalize;
  object_class->get_property = steer_chat_entry_get_property;

  properties[PROP_ID] = g_param_spec_int64 ("id", NULL, NULL, 0, G_MAXINT64, 0, flags);
  properties[PROP_TITLE] = g_param_spec_string ("title", NULL, NULL, "", flags);
  properties[PROP_PREVIEW] = g_param_spec_string ("preview", NULL, NULL, "", flags);
  properties[PROP_MODIFIED] = g_param_spec_int64 ("modified", NULL, NULL, 0, G_MAXINT64, 0, flags);
  properties[PROP_HIT] = g_param_spec_int64 ("hit", NULL, NULL, 0, G_MAXINT64, 0, flags);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
steer_chat_entry_init (SteerChatEntry *self)
{
}

SteerChatEntry *
steer_chat_entry_new (gint64 id, const char *title, const char *preview, gint64 modified)
{
  SteerChatEntry *self = g_object_new (STEER_TYPE_CHAT_ENTRY, NULL);

  self->id = id;
  self->title = g_strdup (title);
  self->preview = g_strdup (preview);
  self->modified = modified;
  return self;
}

static void
update_string (SteerChatEntry *self, char **place, const char *value, GParamSpec *pspec)
{
  if (g_strcmp0 (*place, value) == 0)
    return;
  g_free (*place);
  *place = g_strdup (value);
  g_object_notify_by_pspec (G_OBJECT (self), pspec);
}

void
steer_chat_entry_update (SteerChatEntry *self, const char *title, const char *preview, gint64 modified)
{
  update_string (self, &self->title, title, properties[PROP_TITLE]);
  update_string (self, &self->preview, preview, properties[PROP_PREVIEW]);
  if (self->modified != modified)
    {
      self->modified = modified;
      g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_MODIFIED]);
    }
}

gint64
steer_chat_entry_get_id (SteerChatEntry *self)
{
  g_return_val_if_fail (STEER_IS_CHAT_ENTRY (self), 0);
  return self->id;
}

const char *
steer_chat_entry_get_title (SteerChatEntry *self)
{
  g_return_val_if_fail (STEER_IS_CHAT_ENTRY (self), "");
  return self->title;
}

const char *
steer_chat_entry_get_preview (SteerChatEntry *self)
{
  g_return_val_if_fail (STEER_IS_CHAT_ENTRY (self), "");
  return self->preview;
}

gint64
steer_chat_entry_get_modified (SteerChatEntry *self)
{
  g_return_val_if_fail (STEER_IS_CHAT_ENTRY (self), 0);
  return self->modified;
}

gint64
steer_chat_entry_get_hit (SteerChatEntry *self)
{
  g_return_val_if_fail (STEER_IS_CHAT_ENTRY (self), 0);
  return self->hit;
}

void
steer_chat_entry_set_hit (SteerChatEntry *self, gint64 message)
{
  self->hit = message;
}
