#include "steer-inspector.h"

#include <glib/gi18n.h>
#include <string.h>

#include "steer-steering-closures.h"
#include "steering/steer-sae-folder.h"

/* More lines than these are not read in passing. */
#define N_TOLD 5

struct _SteerInspector
{
  GObject parent_instance;

  SteerEngine *engine;
  SteerLibrary *library;
  SteerLabelBook *labels;

  SteerMessage *message; /* nullable: of the last answer, or of the question that is being answered for pointing */
  gsize length;          /* of its text then */
  SteerInspection *inspection; /* nullable: not answered yet */
  gboolean failed;             /* it will not be asked again */
  gsize begin;                 /* of the message's text in the inspection's */
  gsize skipped;               /* white space that the prompt leaves out before it */
  GCancellable *asking;        /* nullable */
};

enum
{
  READY,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (SteerInspector, steer_inspector, G_TYPE_OBJECT)

static void
forget (SteerInspector *self)
{
  steer_inspector_cancel (self);
  g_clear_object (&self->message);
  g_clear_pointer (&self->inspection, steer_inspection_unref);
  self->failed = FALSE;
}

static void
steer_inspector_dispose (GObject *object)
{
  SteerInspector *self = STEER_INSPECTOR (object);

  forget (self);
  g_clear_object (&self->engine);
  g_clear_object (&self->library);
  g_clear_object (&self->labels);
  G_OBJECT_CLASS (steer_inspector_parent_class)->dispose (object);
}

static void
steer_inspector_class_init (SteerInspectorClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = steer_inspector_dispose;
  signals[READY]
    = g_signal_new ("ready", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
steer_inspector_init (SteerInspector *self)
{
}

SteerInspector *
steer_inspector_new (SteerEngine *engine, SteerLibrary *library, SteerLabelBook *labels)
{
  SteerInspector *self = g_object_new (STEER_TYPE_INSPECTOR, NULL);

  self->engine = g_object_ref (engine);
  self->library = g_object_ref (library);
  self->labels = g_object_ref (labels);
  return self;
}

static void
add_sae (GPtrArray *saes, SteerSae *sae)
{
  if (steer_sae_get_encoder_problem (sae) == NULL)
    g_ptr_array_add (saes, g_object_ref (sae));
}

/* (element-type SteerSae) */
static GPtrArray *
list_saes (SteerInspector *self)
{
  g_autoptr (GPtrArray) sources = steer_library_list_sources (self->library);
  GPtrArray *saes = g_ptr_array_new_with_free_func (g_object_unref);

  for (guint i = 0; i < sources->len; i++)
    {
      gpointer source = g_ptr_array_index (sources, i);
      GPtrArray *of_folder = STEER_IS_SAE_FOLDER (source) ? steer_sae_folder_get_saes (source) : NULL;

      if (STEER_IS_SAE (source))
        add_sae (saes, source);
      for (guint j = 0; of_folder != NULL && j < of_folder->len; j++)
        add_sae (saes, g_ptr_array_index (of_folder, j));
    }
  return saes;
}

gboolean
steer_inspector_is_able (SteerInspector *self)
{
  g_autoptr (GPtrArray) saes = NULL;

  g_return_val_if_fail (STEER_IS_INSPECTOR (self), FALSE);
  saes = list_saes (self);
  return saes->len > 0;
}

static void
on_inspected (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;
  SteerInspection *inspection = steer_engine_inspect_finish (STEER_ENGINE (source), result, &error);

  if (inspection != NULL)
    g_task_return_pointer (task, inspection, (GDestroyNotify) steer_inspection_unref);
  else
    g_task_return_error (task, error);
}

void
steer_inspector_inspect_async (SteerInspector *self,
                               SteerConversation *conversation,
                               SteerMessage *message,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer user_data)
{
  g_autoptr (GTask) task = NULL;
  g_autoptr (SteerRequest) request = NULL;
  g_autoptr (GPtrArray) saes = NULL;
  g_autoptr (GArray) tokens = NULL;
  GError *error = NULL;

  g_return_if_fail (STEER_IS_INSPECTOR (self));

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, steer_inspector_inspect_async);
  saes = list_saes (self);
  if (saes->len == 0)
    {
      g_task_return_new_error (task, STEER_STEERING_ERROR, STEER_STEERING_ERROR_NOT_FOUND,
                               _ ("no autoencoder is among the sources: add one in Preferences"));
      return;
    }
  request = steer_request_new ();
  steer_conversation_fill_request (conversation, message, request);
  tokens = steer_engine_encode (self->engine, request, &error);
  if (tokens == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  steer_engine_inspect_async (self->engine, (const gint32 *) (gpointer) tokens->data, tokens->len, saes, NULL,
                              cancellable, on_inspected, g_object_ref (task));
}

SteerInspection *
steer_inspector_inspect_finish (SteerInspector *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
steer_inspector_cancel (SteerInspector *self)
{
  g_return_if_fail (STEER_IS_INSPECTOR (self));

  g_cancellable_cancel (self->asking);
  g_clear_object (&self->asking);
}

/* Templates strip what they are given. */
static gsize
count_space (const char *text)
{
  return strspn (text, " \t\r\n");
}

static void
on_answer (GObject *source, GAsyncResult *result, gpointer data)
{
  SteerInspector *self = STEER_INSPECTOR (source);
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerInspection) inspection = steer_inspector_inspect_finish (self, result, &error);
  g_autofree char *text = NULL;
  guint first, n_tokens;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED) || self->message == NULL)
    return;
  g_clear_object (&self->asking);
  text = g_strstrip (g_strdup (steer_message_get_text (self->message)));
  self->skipped = count_space (steer_message_get_text (self->message));
  self->failed = inspection == NULL || !steer_inspection_find_text (inspection, text, &first, &n_tokens, &self->begin);
  if (!self->failed)
    self->inspection = g_steal_pointer (&inspection);
  g_signal_emit (self, signals[READY], 0);
}

SteerFeature *
steer_inspector_make_feature (SteerInspector *self, SteerSae *sae, guint64 index)
{
  g_autoptr (GPtrArray) sources = steer_library_list_sources (self->library);
  SteerFeature *feature = steer_feature_new (steer_sae_get_layer (sae), index);

  for (guint i = 0; i < sources->len; i++)
    if (steer_sae_find (g_ptr_array_index (sources, i), steer_sae_get_layer (sae)) == sae)
      {
        steer_feature_set_source (feature, steer_vector_source_get_id (g_ptr_array_index (sources, i)));
        break;
      }
  steer_label_book_describe (self->labels, feature);
  steer_library_describe (self->library, feature);
  return feature;
}

/* Autoencoders of several layers number their features alike. */
static char *
dup_title (SteerInspector *self, SteerFeature *feature)
{
  g_autofree char *title
    = steer_steering_dup_title (NULL, steer_feature_get_label (feature), steer_feature_get_index (feature));

  if (steer_inspection_get_saes (self->inspection)->len < 2)
    return g_steal_pointer (&title);
  return g_strdup_printf (_ ("%s, layer %u"), title, steer_feature_get_layer (feature));
}

static char *
dup_lines (SteerInspector *self, guint token)
{
  g_autoptr (GArray) top = steer_inspection_list_token (self->inspection, token, NULL, N_TOLD);
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < top->len; i++)
    {
      const SteerActivation *activation = &g_array_index (top, SteerActivation, i);
      g_autoptr (SteerFeature) feature = steer_inspector_make_feature (self, activation->sae, activation->feature);
      g_autofree char *title = dup_title (self, feature);
      g_autofree char *value = steer_steering_dup_rounded (NULL, activation->value, 2);

      g_string_append_printf (text, "%s%s  %s", i > 0 ? "\n" : "", title, value);
    }
  if (top->len == 0)
    g_string_append (text, _ ("No feature fires here"));
  return g_string_free (text, FALSE);
}

char *
steer_inspector_dup_token_text (SteerInspector *self,
                                SteerConversation *conversation,
                                SteerMessage *message,
                                gsize offset)
{
  gsize length;
  guint first, n_tokens;

  g_return_val_if_fail (STEER_IS_INSPECTOR (self), NULL);
  g_return_val_if_fail (STEER_IS_MESSAGE (message), NULL);

  length = strlen (steer_message_get_text (message));
  if (message != self->message || length != self->length)
    {
      forget (self);
      self->message = g_object_ref (message);
      self->length = length;
      self->asking = g_cancellable_new ();
      steer_inspector_inspect_async (self, conversation, message, self->asking, on_answer, NULL);
      return NULL;
    }
  if (self->inspection == NULL || offset < self->skipped)
    return NULL;
  offset = self->begin + offset - self->skipped;
  if (!steer_inspection_find_tokens (self->inspection, offset, offset + 1, &first, &n_tokens))
    return NULL;
  return dup_lines (self, first);
}
