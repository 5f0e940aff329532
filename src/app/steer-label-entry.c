#include "steer-label-entry.h"

#include <glib/gi18n.h>

typedef struct
{
  char *source_id;
  char *title;
  guint layer;
} Place;

struct _SteerLabelEntry
{
  GObject parent_instance;

  gint64 id;
  char *key;  /* nullable */
  char *path; /* nullable */
  gboolean nameless;
  char *title;
  char *detail;
  char *error;    /* nullable */
  GArray *places; /* Place */
  int chosen;
  gboolean is_known;
  GCancellable *cancellable; /* nullable */
};

enum
{
  PROP_0,
  PROP_ID,
  PROP_TITLE,
  PROP_DETAIL,
  PROP_ERROR,
  N_PROPS,
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (SteerLabelEntry, steer_label_entry, G_TYPE_OBJECT)

static void
place_clear (gpointer data)
{
  Place *place = data;

  g_free (place->source_id);
  g_free (place->title);
}

static void
steer_label_entry_finalize (GObject *object)
{
  SteerLabelEntry *self = STEER_LABEL_ENTRY (object);

  g_free (self->key);
  g_free (self->path);
  g_free (self->title);
  g_free (self->detail);
  g_free (self->error);
  g_array_unref (self->places);
  g_clear_object (&self->cancellable);
  G_OBJECT_CLASS (steer_label_entry_parent_class)->finalize (object);
}

static void
steer_label_entry_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  SteerLabelEntry *self = STEER_LABEL_ENTRY (object);

  switch (id)
    {
    case PROP_ID:
      g_value_set_int64 (value, self->id);
      break;
    case PROP_TITLE:
      g_value_set_string (value, self->title);
      break;
    case PROP_DETAIL:
      g_value_set_string (value, self->detail);
      break;
    case PROP_ERROR:
      g_value_set_string (value, self->error);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
steer_label_entry_class_init (SteerLabelEntryClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  object_class->finalize = steer_label_entry_finalize;
  object_class->get_property = steer_label_entry_get_property;
  properties[PROP_ID] = g_param_spec_int64 ("id", NULL, NULL, 0, G_MAXINT64, 0, flags);
  properties[PROP_TITLE] = g_param_spec_string ("title", NULL, NULL, NULL, flags);
  properties[PROP_DETAIL] = g_param_spec_string ("detail", NULL, NULL, NULL, flags | G_PARAM_EXPLICIT_NOTIFY);
  properties[PROP_ERROR] = g_param_spec_string ("error", NULL, NULL, NULL, flags | G_PARAM_EXPLICIT_NOTIFY);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
steer_label_entry_init (SteerLabelEntry *self)
{
  self->places = g_array_new (FALSE, FALSE, sizeof (Place));
  g_array_set_clear_func (self->places, place_clear);
  self->chosen = -1;
  self->detail = g_strdup ("");
}

SteerLabelEntry *
steer_label_entry_new (const SteerLabelSource *labels)
{
  SteerLabelEntry *self = g_object_new (STEER_TYPE_LABEL_ENTRY, NULL);
  g_autofree char *count
    = g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%'llu label", "%'llu labels", (gulong) labels->n_labels),
                       (unsigned long long) labels->n_labels);

  self->id = labels->id;
  self->key = g_strconcat (labels->model, "/", labels->name, NULL);
  self->title
    = *labels->model != '\0' ? g_strdup_printf ("%s · %s", labels->model, labels->name) : g_strdup (labels->name);
  g_free (self->detail);
  if (labels->layer >= 0)
    /* Translators: what a file of labels covers, "layer 15 · 131,072 labels" */
    self->detail = g_strdup_printf (_ ("layer %d · %s"), labels->layer, count);
  else
    self->detail = g_steal_pointer (&count);
  return self;
}

SteerLabelEntry *
steer_label_entry_new_for_file (const char *path)
{
  SteerLabelEntry *self = g_object_new (STEER_TYPE_LABEL_ENTRY, NULL);

  self->path = g_strdup (path);
  self->title = g_filename_display_basename (path);
  return self;
}

gint64
steer_label_entry_get_id (SteerLabelEntry *self)
{
  g_return_val_if_fail (STEER_IS_LABEL_ENTRY (self), 0);
  return self->id;
}

const char *
steer_label_entry_get_title (SteerLabelEntry *self)
{
  g_return_val_if_fail (STEER_IS_LABEL_ENTRY (self), NULL);
  return self->title;
}

const char *
steer_label_entry_get_detail (SteerLabelEntry *self)
{
  g_return_val_if_fail (STEER_IS_LABEL_ENTRY (self), NULL);
  return self->detail;
}

void
steer_label_entry_set_detail (SteerLabelEntry *self, const char *detail)
{
  g_return_if_fail (STEER_IS_LABEL_ENTRY (self));

  if (g_strcmp0 (self->detail, detail) == 0)
    return;
  g_free (self->detail);
  self->detail = g_strdup (detail);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_DETAIL]);
}

const char *
steer_label_entry_get_error (SteerLabelEntry *self)
{
  g_return_val_if_fail (STEER_IS_LABEL_ENTRY (self), NULL);
  return self->error;
}

void
steer_label_entry_set_error (SteerLabelEntry *self, const char *error)
{
  g_return_if_fail (STEER_IS_LABEL_ENTRY (self));

  g_free (self->error);
  self->error = g_strdup (error);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_ERROR]);
}

const char *
steer_label_entry_get_key (SteerLabelEntry *self)
{
  g_return_val_if_fail (STEER_IS_LABEL_ENTRY (self), NULL);
  return self->key;
}

void
steer_label_entry_add_place (SteerLabelEntry *self, const char *source_id, guint layer, const char *title)
{
  Place place = { .source_id = g_strdup (source_id), .title = g_strdup (title), .layer = layer };

  g_return_if_fail (STEER_IS_LABEL_ENTRY (self));
  g_array_append_val (self->places, place);
}

guint
steer_label_entry_get_n_places (SteerLabelEntry *self)
{
  g_return_val_if_fail (STEER_IS_LABEL_ENTRY (self), 0);
  return self->places->len;
}

const char *
steer_label_entry_get_place (SteerLabelEntry *self, guint position, guint *layer, const char **title)
{
  const Place *place;

  g_return_val_if_fail (STEER_IS_LABEL_ENTRY (self), NULL);
  g_return_val_if_fail (position < self->places->len, NULL);

  place = &g_array_index (self->places, Place, position);
  if (layer != NULL)
    *layer = place->layer;
  if (title != NULL)
    *title = place->title;
  return place->source_id;
}

void
steer_label_entry_set_chosen (SteerLabelEntry *self, int place, gboolean is_known)
{
  g_return_if_fail (STEER_IS_LABEL_ENTRY (self));
  self->chosen = place;
  self->is_known = is_known;
}

int
steer_label_entry_get_chosen (SteerLabelEntry *self)
{
  g_return_val_if_fail (STEER_IS_LABEL_ENTRY (self), -1);
  return self->chosen;
}

gboolean
steer_label_entry_is_known (SteerLabelEntry *self)
{
  g_return_val_if_fail (STEER_IS_LABEL_ENTRY (self), FALSE);
  return self->is_known;
}

void
steer_label_entry_set_cancellable (SteerLabelEntry *self, GCancellable *cancellable)
{
  g_return_if_fail (STEER_IS_LABEL_ENTRY (self));
  g_set_object (&self->cancellable, cancellable);
}

void
steer_label_entry_cancel (SteerLabelEntry *self)
{
  g_return_if_fail (STEER_IS_LABEL_ENTRY (self));
  g_cancellable_cancel (self->cancellable);
}

const char *
steer_label_entry_get_path (SteerLabelEntry *self)
{
  g_return_val_if_fail (STEER_IS_LABEL_ENTRY (self), NULL);
  return self->path;
}

void
steer_label_entry_set_nameless (SteerLabelEntry *self, gboolean nameless)
{
  g_return_if_fail (STEER_IS_LABEL_ENTRY (self));
  self->nameless = nameless;
}

gboolean
steer_label_entry_is_nameless (SteerLabelEntry *self)
{
  g_return_val_if_fail (STEER_IS_LABEL_ENTRY (self), FALSE);
  return self->nameless;
}
