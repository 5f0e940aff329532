#include "steer-label-book-private.h"

#include <glib/gi18n.h>

#include "steering/steer-sae-folder.h"

/* Chosen for a source of labels: a source of vectors and its layer; a negative layer: none. */
#define CHOICES_KEY "label-ties"

enum
{
  CHANGED,
  FAILED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (SteerLabelBook, steer_label_book, G_TYPE_OBJECT)

static void
steer_label_book_dispose (GObject *object)
{
  SteerLabelBook *self = STEER_LABEL_BOOK (object);

  steer_label_book_close (self);
  g_clear_object (&self->settings);
  g_clear_object (&self->library);
  g_clear_object (&self->store);
  g_clear_pointer (&self->ties, steer_label_ties_unref);
  G_OBJECT_CLASS (steer_label_book_parent_class)->dispose (object);
}

static void
steer_label_book_finalize (GObject *object)
{
  SteerLabelBook *self = STEER_LABEL_BOOK (object);

  g_clear_object (&self->entries);
  g_ptr_array_unref (self->labels);
  g_ptr_array_unref (self->unwritten);
  g_free (self->model);
  G_OBJECT_CLASS (steer_label_book_parent_class)->finalize (object);
}

static void
steer_label_book_class_init (SteerLabelBookClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = steer_label_book_dispose;
  object_class->finalize = steer_label_book_finalize;
  signals[CHANGED]
    = g_signal_new ("changed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[FAILED] = g_signal_new ("failed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                  G_TYPE_NONE, 1, G_TYPE_ERROR | G_SIGNAL_TYPE_STATIC_SCOPE);
}

static void
steer_label_book_init (SteerLabelBook *self)
{
  self->labels = g_ptr_array_new_with_free_func ((GDestroyNotify) steer_label_source_free);
  self->ties = steer_label_ties_new (NULL, NULL);
  self->entries = g_list_store_new (STEER_TYPE_LABEL_ENTRY);
  self->unwritten = g_ptr_array_new_with_free_func ((GDestroyNotify) steer_user_label_free);
}

/* The autoencoders of @source of the labels' layer, or all of them where the labels tell none. */
static void
add_places (SteerLabelEntry *entry, const SteerLabelSource *labels, SteerVectorSource *source)
{
  const char *id = steer_vector_source_get_id (source);
  GPtrArray *saes = STEER_IS_SAE_FOLDER (source) ? steer_sae_folder_get_saes (STEER_SAE_FOLDER (source)) : NULL;

  if (labels->layer >= 0)
    {
      if (steer_sae_find (source, (guint) labels->layer) != NULL)
        steer_label_entry_add_place (entry, id, (guint) labels->layer, id);
      return;
    }
  for (guint i = 0; i < (saes != NULL ? saes->len : STEER_IS_SAE (source) ? 1 : 0); i++)
    {
      guint layer = steer_sae_get_layer (saes != NULL ? g_ptr_array_index (saes, i) : STEER_SAE (source));
      g_autofree char *title = g_strdup_printf (_ ("%s, layer %u"), id, layer);

      steer_label_entry_add_place (entry, id, layer, title);
    }
}

static int
find_place (SteerLabelEntry *entry, const char *source_id, int layer)
{
  for (guint i = 0; i < steer_label_entry_get_n_places (entry); i++)
    {
      guint its_layer;

      if (g_str_equal (steer_label_entry_get_place (entry, i, &its_layer, NULL), source_id)
          && its_layer == (guint) layer)
        return (int) i;
    }
  return -1;
}

/* What the person chose, else what names tell, else nothing. */
static void
choose (SteerLabelBook *self, SteerLabelEntry *entry, const SteerLabelSource *labels, GPtrArray *sources)
{
  g_autoptr (GVariant) choices = g_settings_get_value (self->settings, CHOICES_KEY);
  const char *source_id;
  int layer;

  if (g_variant_lookup (choices, steer_label_entry_get_key (entry), "(&si)", &source_id, &layer))
    {
      int place = layer >= 0 ? find_place (entry, source_id, layer) : -1;

      /* What was chosen may not be loaded now. */
      if (place >= 0 || layer < 0)
        {
          steer_label_entry_set_chosen (entry, place, TRUE);
          return;
        }
    }
  for (guint i = 0; i < sources->len; i++)
    if (steer_label_ties_guess (labels, g_ptr_array_index (sources, i)))
      {
        int place = find_place (entry, steer_vector_source_get_id (g_ptr_array_index (sources, i)), labels->layer);

        steer_label_entry_set_chosen (entry, place, place >= 0);
        return;
      }
}

/* Files that are being imported, or could not be, stay at the end of the list. */
static void
replace_entries (SteerLabelBook *self, GPtrArray *entries)
{
  GListModel *list = G_LIST_MODEL (self->entries);
  guint n_old = 0;

  for (guint i = 0; i < g_list_model_get_n_items (list); i++)
    {
      g_autoptr (SteerLabelEntry) entry = g_list_model_get_item (list, i);

      n_old += steer_label_entry_get_id (entry) != 0;
    }
  g_list_store_splice (self->entries, 0, n_old, entries->pdata, entries->len);
}

static void
tie (SteerLabelBook *self)
{
  g_autoptr (GPtrArray) sources = steer_library_list_sources (self->library);
  g_autoptr (GPtrArray) entries = g_ptr_array_new_with_free_func (g_object_unref);
  SteerLabelTies *ties = steer_label_ties_new (self->store, self->model);

  for (guint i = 0; i < self->labels->len; i++)
    {
      const SteerLabelSource *labels = g_ptr_array_index (self->labels, i);
      SteerLabelEntry *entry = steer_label_entry_new (labels);
      guint layer;

      for (guint j = 0; j < sources->len; j++)
        add_places (entry, labels, g_ptr_array_index (sources, j));
      choose (self, entry, labels, sources);
      if (steer_label_entry_get_chosen (entry) >= 0)
        {
          const char *id
            = steer_label_entry_get_place (entry, (guint) steer_label_entry_get_chosen (entry), &layer, NULL);

          steer_label_ties_add (ties, labels, id, layer);
        }
      g_ptr_array_add (entries, entry);
    }
  steer_label_ties_unref (self->ties);
  self->ties = ties;
  replace_entries (self, entries);
  g_signal_emit (self, signals[CHANGED], 0);
}

void
steer_label_book_take_labels (SteerLabelBook *self, GPtrArray *labels)
{
  g_ptr_array_unref (self->labels);
  self->labels = labels;
  tie (self);
}

void
steer_label_book_drop_entry (SteerLabelBook *self, SteerLabelEntry *entry)
{
  guint position;

  if (g_list_store_find (self->entries, entry, &position))
    g_list_store_remove (self->entries, position);
}

SteerLabelBook *
steer_label_book_new (GSettings *settings, SteerLibrary *library, const char *path)
{
  SteerLabelBook *self = g_object_new (STEER_TYPE_LABEL_BOOK, NULL);

  self->settings = g_object_ref (settings);
  self->library = g_object_ref (library);
  steer_label_book_start (self, path);
  return self;
}

void
steer_label_book_refresh (SteerLabelBook *self, const char *model)
{
  g_return_if_fail (STEER_IS_LABEL_BOOK (self));

  g_free (self->model);
  self->model = g_strdup (model);
  tie (self);
}

GListModel *
steer_label_book_get_entries (SteerLabelBook *self)
{
  g_return_val_if_fail (STEER_IS_LABEL_BOOK (self), NULL);
  return G_LIST_MODEL (self->entries);
}

/* "15-resid-post-aa" or "15-resid-post-aa.jsonl.gz", as exports are called, where the name begins with a layer. */
static char *
dup_name_of_path (const char *path)
{
  g_autofree char *name = g_path_get_basename (path);
  const char *suffix;
  int layer;

  name[strcspn (name, ".")] = '\0';
  return steer_label_source_parse (name, &layer, &suffix) ? g_steal_pointer (&name) : NULL;
}

void
steer_label_book_import (SteerLabelBook *self, const char *path, const char *name)
{
  g_autoptr (SteerLabelEntry) entry = NULL;
  g_autofree char *guess = NULL;

  g_return_if_fail (STEER_IS_LABEL_BOOK (self));
  g_return_if_fail (path != NULL);

  guess = name != NULL ? g_strdup (name) : dup_name_of_path (path);
  entry = steer_label_entry_new_for_file (path);
  g_list_store_append (self->entries, entry);
  steer_label_book_do_import (self, entry, path, guess);
}

void
steer_label_book_remove (SteerLabelBook *self, SteerLabelEntry *entry)
{
  g_return_if_fail (STEER_IS_LABEL_BOOK (self));
  g_return_if_fail (STEER_IS_LABEL_ENTRY (entry));

  if (steer_label_entry_get_id (entry) != 0)
    steer_label_book_do_remove (self, steer_label_entry_get_id (entry));
  else if (steer_label_entry_get_error (entry) != NULL)
    steer_label_book_drop_entry (self, entry);
  else
    steer_label_entry_cancel (entry);
}

void
steer_label_book_choose (SteerLabelBook *self, SteerLabelEntry *entry, int place)
{
  g_autoptr (GVariant) old = NULL;
  GVariantDict choices;
  const char *source_id = "";
  guint layer = 0;

  g_return_if_fail (STEER_IS_LABEL_BOOK (self));
  g_return_if_fail (steer_label_entry_get_key (entry) != NULL);

  if (place >= 0)
    source_id = steer_label_entry_get_place (entry, (guint) place, &layer, NULL);
  old = g_settings_get_value (self->settings, CHOICES_KEY);
  g_variant_dict_init (&choices, old);
  g_variant_dict_insert (&choices, steer_label_entry_get_key (entry), "(si)", source_id, place >= 0 ? (int) layer : -1);
  g_settings_set_value (self->settings, CHOICES_KEY, g_variant_dict_end (&choices));
  tie (self);
}

SteerLabelTies *
steer_label_book_dup_ties (SteerLabelBook *self)
{
  g_return_val_if_fail (STEER_IS_LABEL_BOOK (self), NULL);
  return steer_label_ties_ref (self->ties);
}

/* What the user has said last is not in the database yet. */
static const SteerUserLabel *
find_unwritten (SteerLabelBook *self, const char *model, guint layer, guint64 index)
{
  for (guint i = self->unwritten->len; i > 0; i--)
    {
      const SteerUserLabel *own = g_ptr_array_index (self->unwritten, i - 1);

      if (own->layer == layer && own->index == index && g_str_equal (own->model, model))
        return own;
    }
  return NULL;
}

char *
steer_label_book_dup_label (SteerLabelBook *self, const char *source_id, guint layer, guint64 index, gboolean *by_user)
{
  g_auto (GStrv) models = NULL;
  const SteerUserLabel *own;

  g_return_val_if_fail (STEER_IS_LABEL_BOOK (self), NULL);
  g_return_val_if_fail (source_id != NULL && by_user != NULL, NULL);

  models = steer_label_ties_dup_models (self->ties, source_id, layer);
  own = find_unwritten (self, models[0], layer, index);
  *by_user = own != NULL && own->label != NULL;
  if (own != NULL)
    return *by_user ? g_strdup (own->label) : steer_label_ties_dup_imported (self->ties, source_id, layer, index);
  return steer_label_ties_dup_label (self->ties, source_id, layer, index, by_user);
}

/* (transfer full): where the feature's vector comes from; NULL: from nowhere. */
static char *
dup_source_id (SteerLabelBook *self, SteerFeature *feature)
{
  g_autoptr (GPtrArray) sources = steer_library_list_sources (self->library);

  if (steer_feature_get_source (feature) != NULL)
    return g_strdup (steer_feature_get_source (feature));
  for (guint i = 0; i < sources->len; i++)
    if (steer_vector_source_has_vector (g_ptr_array_index (sources, i), steer_feature_get_layer (feature),
                                        steer_feature_get_index (feature)))
      return g_strdup (steer_vector_source_get_id (g_ptr_array_index (sources, i)));
  return NULL;
}

void
steer_label_book_describe (SteerLabelBook *self, SteerFeature *feature)
{
  g_autofree char *source_id = NULL, *label = NULL;
  gboolean by_user;

  g_return_if_fail (STEER_IS_LABEL_BOOK (self));
  g_return_if_fail (STEER_IS_FEATURE (feature));

  source_id = dup_source_id (self, feature);
  if (source_id == NULL)
    return;
  label = steer_label_book_dup_label (self, source_id, steer_feature_get_layer (feature),
                                      steer_feature_get_index (feature), &by_user);
  if (label != NULL && (by_user || steer_feature_get_label (feature) == NULL))
    steer_feature_set_label (feature, label);
}

void
steer_label_book_name (SteerLabelBook *self, SteerFeature *feature)
{
  g_autofree char *source_id = NULL;
  g_auto (GStrv) models = NULL;
  SteerUserLabel *own;

  g_return_if_fail (STEER_IS_LABEL_BOOK (self));
  g_return_if_fail (STEER_IS_FEATURE (feature));

  source_id = dup_source_id (self, feature);
  if (source_id == NULL || steer_feature_get_index (feature) > G_MAXUINT32)
    return;
  models = steer_label_ties_dup_models (self->ties, source_id, steer_feature_get_layer (feature));
  own = g_new0 (SteerUserLabel, 1);
  own->model = g_strdup (models[0]);
  own->layer = steer_feature_get_layer (feature);
  own->index = steer_feature_get_index (feature);
  own->label = g_strdup (steer_feature_get_label (feature));
  steer_label_book_do_name (self, own);
  g_signal_emit (self, signals[CHANGED], 0);
}
