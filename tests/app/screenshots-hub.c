/* Models and features from the Hub, which is one on the loopback. Sizes are a hundredth of what they would be. */
#include "app-test-util.h"
#include "hub-fake.h"
#include "screenshots.h"
#include "test-util.h"

#include "app/steer-hub-dialog.h"
#include "app/steer-hub-row.h"

#define MODELS "bartowski/Meta-Llama-3.1-8B-Instruct-GGUF"
#define FEATURES "andyrdt/saes-llama-3.1-8b-instruct"
#define GATED "meta-llama/Llama-3.1-8B-Instruct"
#define MB 10000

static const struct
{
  const char *repo_id;
  const char *path;
  guint size; /* MB, before that */
} files[] = {
  { MODELS, "Meta-Llama-3.1-8B-Instruct-IQ2_M.gguf", 2950 },
  { MODELS, "Meta-Llama-3.1-8B-Instruct-IQ4_XS.gguf", 4450 },
  { MODELS, "Meta-Llama-3.1-8B-Instruct-Q2_K.gguf", 3180 },
  { MODELS, "Meta-Llama-3.1-8B-Instruct-Q3_K_M.gguf", 4020 },
  { MODELS, "Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf", 4920 },
  { MODELS, "Meta-Llama-3.1-8B-Instruct-Q4_K_S.gguf", 4690 },
  { MODELS, "Meta-Llama-3.1-8B-Instruct-Q5_K_M.gguf", 5730 },
  { MODELS, "Meta-Llama-3.1-8B-Instruct-Q6_K.gguf", 6600 },
  { MODELS, "Meta-Llama-3.1-8B-Instruct-Q8_0.gguf", 8540 },
  { FEATURES, "resid_post_layer_3/trainer_1/ae.pt", 4290 },
  { FEATURES, "resid_post_layer_7/trainer_1/ae.pt", 4290 },
  { FEATURES, "resid_post_layer_11/trainer_1/ae.pt", 4290 },
  { FEATURES, "resid_post_layer_15/trainer_1/ae.pt", 4290 },
  { "bartowski/Llama-3.2-3B-Instruct-GGUF", "Llama-3.2-3B-Instruct-Q4_K_M.gguf", 2 },
  { "unsloth/Llama-3.2-1B-Instruct-GGUF", "Llama-3.2-1B-Instruct-Q4_K_M.gguf", 2 },
  { GATED, "config.json", 1 },
  { GATED, "tokenizer.json", 9 },
  { GATED, "model.safetensors", 16060 },
  { "bartowski/Qwen2.5-0.5B-Instruct-GGUF", "Qwen2.5-0.5B-Instruct-Q8_0.gguf", 53 },
};

static HubFake *
make_hub (const char *cache)
{
  HubFake *hub = hub_fake_new ();

  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      gsize length = (gsize) files[i].size * MB;
      g_autofree char *bytes = g_strnfill (length, (char) ('A' + i)); /* nothing twice: its sum is its name */

      hub_fake_add_file (hub, files[i].repo_id, files[i].path, bytes, length, TRUE);
    }
  hub_fake_set_info (hub, MODELS,
                     "{\"gguf\": {\"architecture\": \"llama\"}, \"cardData\": {\"license\": \"llama3.1\"}}");
  hub_fake_set_gated (hub, GATED, "token");
  g_setenv ("HF_ENDPOINT", hub_fake_get_endpoint (hub), TRUE);
  g_setenv ("HF_HUB_CACHE", cache, TRUE);
  g_setenv ("HF_TOKEN_PATH", "/none", TRUE);
  return hub;
}

static void
wait (void)
{
  for (guint i = 0; i < 10; i++)
    app_test_settle ();
}

static GtkWidget *
open_repo (Studio *studio, const char *repo_id)
{
  GtkWidget *dialog = steer_hub_dialog_new (GTK_WINDOW (studio->window), studio->workspace);

  gtk_window_present (GTK_WINDOW (dialog));
  gtk_widget_activate_action (dialog, "hub.open", "s", repo_id);
  wait ();
  return dialog;
}

static void
press (GtkWidget *dialog, const char *title)
{
  GtkWidget *row = app_test_find (dialog, STEER_TYPE_HUB_ROW, "title", title);

  g_signal_emit_by_name (app_test_find (row, GTK_TYPE_BUTTON, "label", "Download"), "clicked");
}

static gboolean
has_ended (gpointer download)
{
  return steer_download_get_state (download) != STEER_DOWNLOAD_RUNNING;
}

static gboolean
has_a_third (gpointer download)
{
  return steer_download_get_done (download) * 3 > steer_download_get_total (download);
}

/* The newest, until @condition holds. */
static SteerDownload *
wait_for_download (Studio *studio, gboolean (*condition) (gpointer download))
{
  GListModel *list = steer_downloads_get_list (steer_workspace_get_downloads (studio->workspace));
  g_autoptr (SteerDownload) download = g_list_model_get_item (list, 0);

  test_wait_until (condition, download, 60);
  return download;
}

static void
shoot_repo (Studio *studio, HubFake *hub)
{
  GtkWidget *dialog = open_repo (studio, "bartowski/Qwen2.5-0.5B-Instruct-GGUF");

  press (dialog, "Qwen2.5-0.5B-Instruct-Q8_0");
  wait_for_download (studio, has_ended);
  gtk_window_destroy (GTK_WINDOW (dialog));
  dialog = open_repo (studio, MODELS);
  shoot (dialog, studio, "hub-repository");
  hub_fake_slow_down (hub, 250000, 20);
  press (dialog, "Meta-Llama-3.1-8B-Instruct-Q4_K_M");
  wait_for_download (studio, has_a_third);
  shoot (dialog, studio, "hub-downloading");
  gtk_window_destroy (GTK_WINDOW (dialog));
}

static void
shoot_menu (Studio *studio)
{
  GtkWidget *button
    = app_test_find (GTK_WIDGET (studio->window), GTK_TYPE_MENU_BUTTON, "tooltip-text", "Choose a Model");

  gtk_menu_button_popup (GTK_MENU_BUTTON (button));
  wait ();
  shoot (GTK_WIDGET (gtk_menu_button_get_popover (GTK_MENU_BUTTON (button))), studio, "hub-menu");
  gtk_menu_button_popdown (GTK_MENU_BUTTON (button));
}

static void
shoot_search (Studio *studio, HubFake *hub)
{
  GtkWidget *dialog = steer_hub_dialog_new (GTK_WINDOW (studio->window), studio->workspace), *search;

  gtk_window_present (GTK_WINDOW (dialog));
  wait ();
  shoot (dialog, studio, "hub-start");
  search = app_test_find (dialog, GTK_TYPE_SEARCH_ENTRY, NULL, NULL);
  gtk_editable_set_text (GTK_EDITABLE (search), "llama instruct");
  wait ();
  shoot (dialog, studio, "hub-results");
  gtk_editable_set_text (GTK_EDITABLE (search), "xylophone");
  wait ();
  shoot (dialog, studio, "hub-nothing");
  hub_fake_fail (hub, 503, NULL, 20);
  gtk_editable_set_text (GTK_EDITABLE (search), "llama");
  wait ();
  shoot (dialog, studio, "hub-unreachable");
  hub_fake_fail (hub, 503, NULL, 0);
  gtk_window_destroy (GTK_WINDOW (dialog));
}

static void
shoot_narrow (Studio *studio)
{
  GtkWidget *dialog = steer_hub_dialog_new (GTK_WINDOW (studio->window), studio->workspace);

  gtk_window_set_default_size (GTK_WINDOW (dialog), 340, 620);
  gtk_window_present (GTK_WINDOW (dialog));
  wait ();
  shoot (dialog, studio, "hub-start-narrow");
  gtk_widget_activate_action (dialog, "hub.open", "s", MODELS);
  wait ();
  shoot (dialog, studio, "hub-repository-narrow");
  gtk_window_destroy (GTK_WINDOW (dialog));
}

/* One that is there, and has labels elsewhere. */
static void
shoot_features (Studio *studio, HubFake *hub)
{
  GtkWidget *dialog = open_repo (studio, FEATURES);

  hub_fake_slow_down (hub, 0, 0);
  press (dialog, "resid_post_layer_15/trainer_1");
  wait_for_download (studio, has_ended);
  wait ();
  shoot (dialog, studio, "hub-features");
  gtk_window_set_default_size (GTK_WINDOW (dialog), 340, 620);
  wait ();
  shoot (dialog, studio, "hub-features-narrow");
  gtk_window_destroy (GTK_WINDOW (dialog));
}

/* What does not work. */
static void
shoot_failures (Studio *studio, HubFake *hub)
{
  GtkWidget *dialog;

  hub_fake_slow_down (hub, 0, 0);
  dialog = open_repo (studio, GATED);
  press (dialog, "Llama-3.1-8B-Instruct");
  wait_for_download (studio, has_ended);
  shoot (dialog, studio, "hub-gated");
  gtk_window_destroy (GTK_WINDOW (dialog));
  dialog = open_repo (studio, FEATURES);
  hub_fake_corrupt (hub, "resid_post_layer_7/trainer_1/ae.pt", 9);
  press (dialog, "resid_post_layer_7/trainer_1");
  wait_for_download (studio, has_ended);
  shoot (dialog, studio, "hub-failed");
  gtk_window_destroy (GTK_WINDOW (dialog));
}

static void
shoot_all (Studio *studio, HubFake *hub)
{
  shoot_repo (studio, hub);
  shoot_menu (studio);
  shoot_search (studio, hub);
  shoot_narrow (studio);
  shoot_features (studio, hub);
  shoot_failures (studio, hub);
  adw_style_manager_set_color_scheme (adw_style_manager_get_default (), ADW_COLOR_SCHEME_FORCE_DARK);
  {
    GtkWidget *dialog = open_repo (studio, MODELS);

    shoot (dialog, studio, "hub-dark");
    gtk_window_destroy (GTK_WINDOW (dialog));
  }
  adw_style_manager_set_color_scheme (adw_style_manager_get_default (), ADW_COLOR_SCHEME_FORCE_LIGHT);
}

void
shoot_hub (Studio *studio)
{
  g_autofree char *cache = test_make_dir ();
  HubFake *hub = make_hub (cache);

  shoot_all (studio, hub);
  steer_downloads_close (steer_workspace_get_downloads (studio->workspace));
  wait ();
  hub_fake_free (hub);
  test_remove_dir (g_steal_pointer (&cache));
}
