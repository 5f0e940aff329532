/* Models and features from the Hub: what the window tells of downloads, and where they are begun. */
#include "steer-window-private.h"

#include <glib/gi18n.h>

#include "steer-hub-closures.h"
#include "steer-hub-dialog.h"
#include "steer-hub-row.h"

/* What was waited for may have been forgotten meanwhile. */
#define DONE_SECONDS 20

static void
get_models (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  GtkWidget *dialog = steer_hub_dialog_new (data, steer_window_get_workspace (data));

  gtk_window_present (GTK_WINDOW (dialog));
}

static SteerDownload *
get_download (AdwToast *toast)
{
  return g_object_get_data (G_OBJECT (toast), "steer-download");
}

static void
on_use (SteerWindow *self, AdwToast *toast)
{
  SteerDownload *download = get_download (toast);
  g_autofree char *title = NULL, *text = NULL;

  steer_hub_use (steer_window_get_workspace (self), steer_download_get_kind (download),
                 steer_download_get_path (download));
  if (steer_download_get_kind (download) == STEER_HUB_MODEL)
    return; /* the window shows it being loaded */
  title = steer_hub_dup_title (steer_download_get_repo_id (download), steer_download_get_name (download));
  text = g_strdup_printf (_ ("“%s” is a source of features now"), title);
  steer_window_show_message (self, text);
}

static void
tell_done (SteerWindow *self, SteerDownload *download, const char *title)
{
  g_autofree char *text = g_markup_printf_escaped (_ ("“%s” is downloaded"), title);
  g_autoptr (AdwToast) toast = adw_toast_new (text);

  adw_toast_set_button_label (toast, _ ("_Use"));
  adw_toast_set_timeout (toast, DONE_SECONDS);
  g_object_set_data_full (G_OBJECT (toast), "steer-download", g_object_ref (download), g_object_unref);
  g_signal_connect_object (toast, "button-clicked", G_CALLBACK (on_use), self, G_CONNECT_SWAPPED);
  steer_window_add_toast (self, toast);
}

static void
on_ended (SteerWindow *self, SteerDownload *download)
{
  g_autofree char *title
    = steer_hub_dup_title (steer_download_get_repo_id (download), steer_download_get_name (download));
  gboolean is_done = steer_download_get_state (download) == STEER_DOWNLOAD_DONE;
  g_autofree char *text = NULL;

  if (steer_download_get_kind (download) == STEER_HUB_LABELS)
    {
      text = is_done ? g_strdup_printf (_ ("Labels of “%s” can be searched in a moment"), title)
                     : g_strdup_printf (_ ("No labels of “%s”: %s"), title, steer_download_get_error (download));
      steer_window_show_message (self, text);
      return;
    }
  if (is_done)
    {
      tell_done (self, download, title);
      return;
    }
  text = g_strdup_printf (_ ("“%s” was not downloaded: %s"), title, steer_download_get_error (download));
  steer_window_show_message (self, text);
}

void
steer_window_watch_downloads (SteerWindow *self)
{
  static const GActionEntry entries[] = { { "get-models", get_models } };
  SteerDownloads *downloads = steer_workspace_get_downloads (steer_window_get_workspace (self));

  g_action_map_add_action_entries (G_ACTION_MAP (self), entries, G_N_ELEMENTS (entries), self);
  g_signal_connect_object (downloads, "ended", G_CALLBACK (on_ended), self, G_CONNECT_SWAPPED);
}
