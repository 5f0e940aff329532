#include "steer-source-entry.h"

#include <glib/gi18n.h>

#include "steering/steer-sae-folder.h"

struct _SteerSourceEntry
{
  GObject parent_instance;

  char *path;
  char *title;
  char *detail;
  char *error; /* nullable */
  gboolean removable;
  gboolean made;
  SteerVectorSource *source; /* nullable */
};

enum
{
  PROP_0,
  PROP_PATH,
  PROP_TITLE,
  PROP_DETAIL,
  PROP_ERROR,
  PROP_REMOVABLE,
  PROP_MADE,
  N_PROPS,
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (SteerSourceEntry, steer_source_entry, G_TYPE_OBJECT)

/* "1, 2 and 5 more" would hide which; layers are few, and a row of them is shown as "7–27". */
static char *
dup_layers (GArray *layers)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < layers->len; i++)
    {
      guint first = g_array_index (layers, guint, i), last = first;

      while (i + 1 < layers->len && g_array_index (layers, guint, i + 1) == last + 1)
        last = g_array_index (layers, guint, ++i);
      if (text->len > 0)
        g_string_append (text, ", ");
      g_string_append_printf (text, last > first ? "%u–%u" : "%u", first, last);
    }
  return g_string_free (text, FALSE);
}

static char *
describe_saes (GPtrArray *saes)
{
  g_autoptr (GArray) layers = g_array_new (FALSE, FALSE, sizeof (guint));
  g_autofree char *list = NULL;
  SteerSae *first = g_ptr_array_index (saes, 0);
  const char *problem = steer_sae_get_encoder_problem (first);
  GString *text;

  for (guint i = 0; i < saes->len; i++)
    {
      guint layer = steer_sae_get_layer (g_ptr_array_index (saes, i));

      g_array_append_val (layers, layer);
    }
  list = dup_layers (layers);
  text = g_string_new (NULL);
  /* Translators: what an autoencoder covers, "layer 15 · 131,072 features · dictionary_learning BatchTopKSAE" */
  g_string_append_printf (
    text,
    g_dngettext (GETTEXT_PACKAGE, "layer %s · %'llu features · %s", "layers %s · %'llu features each · %s", saes->len),
    list, (unsigned long long) steer_sae_get_n_features (first), steer_sae_get_format (first));
  if (problem != NULL)
    g_string_append_printf (text, _ (" · cannot tell what fires: %s"), problem);
  return g_string_free (text, FALSE);
}

static char *
describe_vectors (SteerVectorSource *source)
{
  g_autoptr (GPtrArray) infos = steer_vector_source_list_infos (source);
  g_autoptr (GArray) layers = g_array_new (FALSE, FALSE, sizeof (guint));
  g_autofree char *list = NULL;
  guint n_labels = 0;

  for (guint i = 0; i < infos->len; i++)
    {
      const SteerFeatureInfo *info = g_ptr_array_index (infos, i);

      if (layers->len == 0 || g_array_index (layers, guint, layers->len - 1) != info->layer)
        g_array_append_val (layers, info->layer);
      if (info->label != NULL && *info->label != '\0')
        n_labels++;
    }
  list = dup_layers (layers);
  /* Translators: what a file of vectors covers, "layers 1–3 · 57 vectors, 53 with a label" */
  return g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "layer %s · %'u vectors, %'u with a label",
                                       "layers %s · %'u vectors, %'u with a label", layers->len),
                          list, infos->len, n_labels);
}

static void
steer_source_entry_finalize (GObject *object)
{
  SteerSourceEntry *self = STEER_SOURCE_ENTRY (object);

  g_free (self->path);
  g_free (self->title);
  g_free (self->detail);
  g_free (self->error);
  g_clear_object (&self->source);
  G_OBJECT_CLASS (steer_source_entry_parent_class)->finalize (object);
}

static void
steer_source_entry_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  SteerSourceEntry *self = STEER_SOURCE_ENTRY (object);

  switch (id)
    {
    case PROP_PATH:
      g_value_set_string (value, self->path);
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
    case PROP_REMOVABLE:
      g_value_set_boolean (value, self->removable);
      break;
    case PROP_MADE:
      g_value_set_boolean (value, self->made);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
steer_source_entry_class_init (SteerSourceEntryClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  object_class->finalize = steer_source_entry_finalize;
  object_class->get_property = steer_source_entry_get_property;
  properties[PROP_PATH] = g_param_spec_string ("path", NULL, NULL, NULL, flags);
  properties[PROP_TITLE] = g_param_spec_string ("title", NULL, NULL, NULL, flags);
  properties[PROP_DETAIL] = g_param_spec_string ("detail", NULL, NULL, NULL, flags);
  properties[PROP_ERROR] = g_param_spec_string ("error", NULL, NULL, NULL, flags);
  properties[PROP_REMOVABLE] = g_param_spec_boolean ("removable", NULL, NULL, FALSE, flags);
  properties[PROP_MADE] = g_param_spec_boolean ("made", NULL, NULL, FALSE, flags);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
steer_source_entry_init (SteerSourceEntry *self)
{
}

SteerSourceEntry *
steer_source_entry_new (const char *path, const char *title, gboolean removable)
{
  SteerSourceEntry *self = g_object_new (STEER_TYPE_SOURCE_ENTRY, NULL);

  self->path = g_strdup (path);
  self->title = title != NULL ? g_strdup (title) : g_filename_display_basename (path);
  self->detail = g_strdup ("");
  self->removable = removable;
  return self;
}

SteerSourceEntry *
steer_source_entry_new_made (const char *path)
{
  SteerSourceEntry *self = steer_source_entry_new (path, NULL, TRUE);

  self->made = TRUE;
  return self;
}

/* Of one feature. */
static void
describe_made (SteerSourceEntry *self, SteerVectorSource *source)
{
  g_autoptr (GPtrArray) infos = steer_vector_source_list_infos (source);
  const SteerFeatureInfo *info = infos->len > 0 ? g_ptr_array_index (infos, 0) : NULL;

  if (info == NULL)
    {
      self->detail = g_strdup ("");
      return;
    }
  if (info->label != NULL && *info->label != '\0')
    {
      g_free (self->title);
      self->title = g_strdup (info->label);
    }
  self->detail = g_strdup_printf (_ ("layer %u · made from examples"), info->layer);
}

void
steer_source_entry_set_source (SteerSourceEntry *self, SteerVectorSource *source)
{
  g_return_if_fail (STEER_IS_SOURCE_ENTRY (self));
  g_return_if_fail (STEER_IS_VECTOR_SOURCE (source));

  g_set_object (&self->source, source);
  g_free (self->detail);
  if (self->made)
    describe_made (self, source);
  else if (STEER_IS_SAE (source))
    {
      g_autoptr (GPtrArray) saes = g_ptr_array_new ();

      g_ptr_array_add (saes, source);
      self->detail = describe_saes (saes);
    }
  else if (STEER_IS_SAE_FOLDER (source))
    self->detail = describe_saes (steer_sae_folder_get_saes (STEER_SAE_FOLDER (source)));
  else
    self->detail = describe_vectors (source);
}

void
steer_source_entry_set_error (SteerSourceEntry *self, const char *message)
{
  g_return_if_fail (STEER_IS_SOURCE_ENTRY (self));

  g_free (self->error);
  self->error = g_strdup (message);
}

SteerVectorSource *
steer_source_entry_get_source (SteerSourceEntry *self)
{
  g_return_val_if_fail (STEER_IS_SOURCE_ENTRY (self), NULL);
  return self->source;
}

const char *
steer_source_entry_get_path (SteerSourceEntry *self)
{
  g_return_val_if_fail (STEER_IS_SOURCE_ENTRY (self), NULL);
  return self->path;
}

const char *
steer_source_entry_get_title (SteerSourceEntry *self)
{
  g_return_val_if_fail (STEER_IS_SOURCE_ENTRY (self), NULL);
  return self->title;
}

const char *
steer_source_entry_get_detail (SteerSourceEntry *self)
{
  g_return_val_if_fail (STEER_IS_SOURCE_ENTRY (self), NULL);
  return self->detail;
}

const char *
steer_source_entry_get_error (SteerSourceEntry *self)
{
  g_return_val_if_fail (STEER_IS_SOURCE_ENTRY (self), NULL);
  return self->error;
}

gboolean
steer_source_entry_get_removable (SteerSourceEntry *self)
{
  g_return_val_if_fail (STEER_IS_SOURCE_ENTRY (self), FALSE);
  return self->removable;
}

gboolean
steer_source_entry_get_made (SteerSourceEntry *self)
{
  g_return_val_if_fail (STEER_IS_SOURCE_ENTRY (self), FALSE);
  return self->made;
}
