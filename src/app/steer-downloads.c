#include "steer-downloads.h"

#include "model/steer-model-config.h"

struct _SteerDownloads
{
  GObject parent_instance;

  SteerHubClient *client; /* nullable: nobody has asked for it yet, or the environment does not name a Hub */
  GListStore *list;
  GPtrArray *labels;         /* (element-type SteerDownload) */
  GPtrArray *held;           /* (element-type SteerHubHeld) */
  GCancellable *cancellable; /* nullable: of the look that is under way */
};

enum
{
  CHANGED,
  ENDED,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (SteerDownloads, steer_downloads, G_TYPE_OBJECT)

static void
on_state (SteerDownloads *self, GParamSpec *pspec, SteerDownload *download)
{
  SteerDownloadState state = steer_download_get_state (download);

  if (state == STEER_DOWNLOAD_DONE && steer_download_get_kind (download) != STEER_HUB_LABELS)
    steer_downloads_look (self);
  if (state == STEER_DOWNLOAD_DONE || state == STEER_DOWNLOAD_FAILED)
    g_signal_emit (self, signals[ENDED], 0, download);
}

static void
stop (SteerDownloads *self, SteerDownload *download)
{
  g_signal_handlers_disconnect_by_data (download, self);
  if (steer_download_get_state (download) == STEER_DOWNLOAD_RUNNING)
    steer_download_cancel (download);
}

void
steer_downloads_close (SteerDownloads *self)
{
  g_return_if_fail (STEER_IS_DOWNLOADS (self));

  g_cancellable_cancel (self->cancellable);
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (self->list)); i++)
    {
      g_autoptr (SteerDownload) download = g_list_model_get_item (G_LIST_MODEL (self->list), i);

      stop (self, download);
    }
  for (guint i = 0; i < self->labels->len; i++)
    stop (self, g_ptr_array_index (self->labels, i));
}

static void
steer_downloads_dispose (GObject *object)
{
  steer_downloads_close (STEER_DOWNLOADS (object));
  G_OBJECT_CLASS (steer_downloads_parent_class)->dispose (object);
}

static void
steer_downloads_finalize (GObject *object)
{
  SteerDownloads *self = STEER_DOWNLOADS (object);

  g_clear_pointer (&self->client, steer_hub_client_unref);
  g_clear_object (&self->list);
  g_ptr_array_unref (self->labels);
  g_clear_object (&self->cancellable);
  g_ptr_array_unref (self->held);
  G_OBJECT_CLASS (steer_downloads_parent_class)->finalize (object);
}

static void
steer_downloads_class_init (SteerDownloadsClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = steer_downloads_dispose;
  object_class->finalize = steer_downloads_finalize;
  signals[CHANGED]
    = g_signal_new ("changed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[ENDED] = g_signal_new ("ended", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                 G_TYPE_NONE, 1, STEER_TYPE_DOWNLOAD);
}

static void
steer_downloads_init (SteerDownloads *self)
{
  self->list = g_list_store_new (STEER_TYPE_DOWNLOAD);
  self->labels = g_ptr_array_new_with_free_func (g_object_unref);
  self->held = g_ptr_array_new_with_free_func ((GDestroyNotify) steer_hub_held_free);
}

SteerDownloads *
steer_downloads_new (void)
{
  return g_object_new (STEER_TYPE_DOWNLOADS, NULL);
}

SteerHubClient *
steer_downloads_get_client (SteerDownloads *self, GError **error)
{
  g_return_val_if_fail (STEER_IS_DOWNLOADS (self), NULL);

  if (self->client == NULL)
    self->client = steer_hub_client_new (&(SteerHubOptions){ .check_model = steer_model_config_check }, error);
  return self->client;
}

GListModel *
steer_downloads_get_list (SteerDownloads *self)
{
  g_return_val_if_fail (STEER_IS_DOWNLOADS (self), NULL);
  return G_LIST_MODEL (self->list);
}

SteerDownload *
steer_downloads_find (SteerDownloads *self, const char *repo_id, const char *name)
{
  g_return_val_if_fail (STEER_IS_DOWNLOADS (self), NULL);

  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (self->list)); i++)
    {
      g_autoptr (SteerDownload) download = g_list_model_get_item (G_LIST_MODEL (self->list), i);

      if (g_str_equal (steer_download_get_repo_id (download), repo_id)
          && g_str_equal (steer_download_get_name (download), name))
        return download; /* the list holds it */
    }
  return NULL;
}

/* Or there. */
static gboolean
is_under_way (SteerDownload *download)
{
  const char *path = steer_download_get_path (download);

  return steer_download_get_state (download) == STEER_DOWNLOAD_RUNNING
         || (path != NULL && g_file_test (path, G_FILE_TEST_EXISTS));
}

SteerDownload *
steer_downloads_begin (SteerDownloads *self,
                       const SteerHubRepo *repo,
                       const char *revision,
                       const SteerHubChoice *choice)
{
  SteerDownload *known = steer_downloads_find (self, repo->id, choice->name);
  g_autoptr (SteerDownload) download = NULL;
  guint listed;

  g_return_val_if_fail (g_ptr_array_find (repo->choices, choice, NULL), NULL);

  if (known != NULL && is_under_way (known))
    return known;
  if (steer_downloads_get_client (self, NULL) == NULL)
    return NULL;
  /* What has ended is begun anew as the repository is now, which may have changed since. */
  if (known != NULL && g_list_store_find (self->list, known, &listed))
    g_list_store_remove (self->list, listed);
  download = steer_download_new (self->client, steer_hub_repo_ref (repo), revision, choice);
  g_signal_connect_object (download, "notify::state", G_CALLBACK (on_state), self, G_CONNECT_SWAPPED);
  g_list_store_insert (self->list, 0, download);
  g_signal_emit (self, signals[CHANGED], 0);
  return download; /* the list holds it */
}

/* --- what features are called --- */

SteerDownload *
steer_downloads_find_labels (SteerDownloads *self, const char *repo_id, const char *name)
{
  g_return_val_if_fail (STEER_IS_DOWNLOADS (self), NULL);

  for (guint i = 0; i < self->labels->len; i++)
    {
      SteerDownload *download = g_ptr_array_index (self->labels, i);

      if (g_str_equal (steer_download_get_repo_id (download), repo_id)
          && g_str_equal (steer_download_get_name (download), name))
        return download;
    }
  return NULL;
}

SteerDownload *
steer_downloads_begin_labels (SteerDownloads *self, const char *repo_id, const char *name)
{
  SteerDownload *known = steer_downloads_find_labels (self, repo_id, name), *download;
  g_autofree char *folder = g_build_filename (g_get_user_cache_dir (), "steer-chat", "labels", NULL);

  if (known != NULL && steer_download_get_state (known) == STEER_DOWNLOAD_RUNNING)
    return known;
  download = steer_download_new_labels (repo_id, name, folder);
  if (download == NULL)
    return NULL;
  if (known != NULL)
    g_ptr_array_remove (self->labels, known);
  g_signal_connect_object (download, "notify::state", G_CALLBACK (on_state), self, G_CONNECT_SWAPPED);
  g_ptr_array_add (self->labels, download);
  g_signal_emit (self, signals[CHANGED], 0);
  return download;
}

/* --- what the cache holds --- */

static void
look_in_thread (GTask *task, gpointer source, gpointer cache, GCancellable *cancellable)
{
  g_task_return_pointer (task, steer_hub_cache_list (cache, cancellable), (GDestroyNotify) g_ptr_array_unref);
}

static void
on_looked (GObject *source, GAsyncResult *result, gpointer data)
{
  SteerDownloads *self = STEER_DOWNLOADS (source);
  g_autoptr (GPtrArray) held = g_task_propagate_pointer (G_TASK (result), NULL);

  if (held == NULL)
    return; /* a newer look has cancelled it */
  g_ptr_array_unref (self->held);
  self->held = g_steal_pointer (&held);
  g_signal_emit (self, signals[CHANGED], 0);
}

void
steer_downloads_look (SteerDownloads *self)
{
  SteerHubClient *client = steer_downloads_get_client (self, NULL);
  g_autoptr (GTask) task = NULL;
  char *cache = client != NULL ? g_strdup (steer_hub_client_get_cache (client)) : steer_hub_cache_dup_default_path ();

  g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->cancellable);
  self->cancellable = g_cancellable_new ();
  task = g_task_new (self, self->cancellable, on_looked, NULL);
  g_task_set_task_data (task, cache, g_free);
  g_task_run_in_thread (task, look_in_thread);
}

GPtrArray *
steer_downloads_get_held (SteerDownloads *self)
{
  g_return_val_if_fail (STEER_IS_DOWNLOADS (self), NULL);
  return self->held;
}

const char *
steer_downloads_find_path (SteerDownloads *self, const char *repo_id, const char *name)
{
  SteerDownload *download = steer_downloads_find (self, repo_id, name);

  if (download != NULL && steer_download_get_path (download) != NULL)
    return steer_download_get_path (download);
  for (guint i = 0; i < self->held->len; i++)
    {
      const SteerHubHeld *held = g_ptr_array_index (self->held, i);

      if (g_str_equal (held->repo_id, repo_id) && g_str_equal (held->name, name))
        return held->path;
    }
  return NULL;
}
