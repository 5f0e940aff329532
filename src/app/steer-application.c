#include "steer-application.h"

#include <glib/gi18n.h>

#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "steer-about.h"
#include "steer-accessible.h"
#include "steer-preferences.h"
#include "steer-window.h"

/* A reply that was told to stop has this long to do so. The engine's thread is joined all the same when the workspace
 * goes, however long its device takes; by then all is on disk, so that ending the process loses nothing. */
#define QUIT_SECONDS 2

struct _SteerApplication
{
  AdwApplication parent_instance;

  SteerWorkspace *workspace;
  GSettings *settings;
  SteerPreferences *preferences; /* (nullable): not owned; goes with its parent */
  gboolean model_chosen;         /* on the command line, or the one of last time is being loaded */
  gboolean frame_awaited;        /* the first one, before which nothing is loaded */
  gboolean exit_after_startup;
};

G_DEFINE_FINAL_TYPE (SteerApplication, steer_application, ADW_TYPE_APPLICATION)

/* glibc puts small pieces of memory that are freed aside, and whoever next wants a large one has to merge them all: 6
 * ms and more of the window's thread, after another has freed a chat of 10,000 messages. */
static void
merge_memory_when_freed (void)
{
#ifdef M_MXFAST
  mallopt (M_MXFAST, 0);
#endif
}

void
steer_application_prepare (void)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);

  if (program != NULL && g_str_has_prefix (program, STEER_BUILD_ROOT "/"))
    g_setenv ("GSETTINGS_SCHEMA_DIR", STEER_BUILD_ROOT "/data", FALSE);
  merge_memory_when_freed ();
}

void
steer_application_set_text_scale (double scale)
{
  static GtkCssProvider *provider;
  g_autofree char *css = g_strdup_printf (".steer-text { font-size: %d%%; }", (int) (scale * 100 + 0.5));

  if (provider == NULL)
    {
      provider = gtk_css_provider_new ();
      gtk_style_context_add_provider_for_display (gdk_display_get_default (), GTK_STYLE_PROVIDER (provider),
                                                  GTK_STYLE_PROVIDER_PRIORITY_APPLICATION + 1);
    }
  gtk_css_provider_load_from_data (provider, css, -1);
}

static void
on_text_scale_changed (SteerApplication *self)
{
  steer_application_set_text_scale (g_settings_get_double (self->settings, "text-scale"));
}

/* Since the process began, as the kernel counts: what happened before main() is part of the wait. */
static double
get_seconds_since_start (void)
{
  g_autofree char *stat = NULL;
  g_auto (GStrv) fields = NULL;
  const char *after_name;
  struct timespec now;

  if (!g_file_get_contents ("/proc/self/stat", &stat, NULL, NULL) || clock_gettime (CLOCK_BOOTTIME, &now) != 0)
    return 0;
  after_name = strrchr (stat, ')');
  fields = g_strsplit (after_name != NULL ? after_name + 2 : "", " ", -1);
  /* The 22nd field of proc(5), in clock ticks since the machine started. */
  if (g_strv_length (fields) < 20)
    return 0;
  return (double) now.tv_sec + now.tv_nsec * 1e-9 - g_ascii_strtod (fields[19], NULL) / (double) sysconf (_SC_CLK_TCK);
}

static SteerWindow *
get_window (SteerApplication *self)
{
  for (GList *item = gtk_application_get_windows (GTK_APPLICATION (self)); item != NULL; item = item->next)
    if (STEER_IS_WINDOW (item->data))
      return STEER_WINDOW (item->data);
  return NULL;
}

/* Only now: threads that load a model would take the processor away from what makes the window. */
static void
on_first_frame (SteerApplication *self, GdkFrameClock *clock)
{
  g_signal_handlers_disconnect_by_func (clock, on_first_frame, self);
  if (self->exit_after_startup)
    {
      g_print ("first frame %.0f ms after the process began\n", 1000 * get_seconds_since_start ());
      g_application_quit (G_APPLICATION (self));
      return;
    }
  steer_workspace_start_load (self->workspace);
}

/* GTK's own window of shortcuts has icons without a name. */
static void
name_shortcuts (GtkApplicationWindow *window)
{
  GtkShortcutsWindow *shortcuts = gtk_application_window_get_help_overlay (window);

  if (shortcuts != NULL)
    g_signal_connect (shortcuts, "map", G_CALLBACK (steer_accessible_name_inner), NULL);
}

static SteerWindow *
present_window (SteerApplication *self)
{
  SteerWindow *window = get_window (self);

  /* Shown as being loaded from the first frame on. */
  if (!self->model_chosen)
    {
      g_autofree char *path = g_settings_get_string (self->settings, "model-path");

      steer_workspace_prepare_load (self->workspace, *path != '\0' ? path : NULL);
      self->model_chosen = TRUE;
    }
  if (window == NULL)
    {
      gint64 last = g_settings_get_int64 (self->settings, "last-chat");

      window = steer_window_new (GTK_APPLICATION (self), self->workspace);
      steer_window_open_chat (window, last);
      name_shortcuts (GTK_APPLICATION_WINDOW (window));
    }
  gtk_window_present (GTK_WINDOW (window));
  if (!self->frame_awaited)
    g_signal_connect_object (gtk_widget_get_frame_clock (GTK_WIDGET (window)), "after-paint",
                             G_CALLBACK (on_first_frame), self, G_CONNECT_SWAPPED);
  self->frame_awaited = TRUE;
  return window;
}

static void
steer_application_activate (GApplication *application)
{
  present_window (STEER_APPLICATION (application));
}

static void
steer_application_open (GApplication *application, GFile **files, int n_files, const char *hint)
{
  SteerWindow *window = present_window (STEER_APPLICATION (application));

  for (int i = 0; i < n_files; i++)
    steer_window_open_file (window, files[i]);
}

static void
show_preferences (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerApplication *self = data;

  if (self->preferences != NULL)
    steer_preferences_list_devices (self->preferences);
  else
    {
      g_set_weak_pointer (&self->preferences, steer_preferences_new (GTK_WINDOW (get_window (self)), self->workspace));
      gtk_window_set_destroy_with_parent (GTK_WINDOW (self->preferences), TRUE);
      /* Shown again, not made again: libadwaita 1.2 never frees the groups of such a window. */
      gtk_window_set_hide_on_close (GTK_WINDOW (self->preferences), TRUE);
    }
  gtk_window_present (GTK_WINDOW (self->preferences));
}

static void
show_preferences_page (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerApplication *self = data;

  show_preferences (NULL, NULL, self);
  adw_preferences_window_set_visible_page_name (ADW_PREFERENCES_WINDOW (self->preferences),
                                                g_variant_get_string (parameter, NULL));
}

static void
show_about (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  steer_about_show (GTK_WINDOW (get_window (data)));
}

static void
show_chat (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  steer_window_open_chat (present_window (data), g_variant_get_int64 (parameter));
}

static void
open_file (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerApplication *self = data;
  g_autoptr (GFile) file = g_file_new_for_path (g_variant_get_string (parameter, NULL));

  steer_window_open_file (present_window (self), file);
}

static void
load_model (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerApplication *self = data;

  self->model_chosen = TRUE;
  if (get_window (self) != NULL)
    steer_workspace_load_model (self->workspace, g_variant_get_string (parameter, NULL));
  else
    steer_workspace_prepare_load (self->workspace, g_variant_get_string (parameter, NULL));
}

static void
quit (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerWindow *window = get_window (data);

  /* Closing it keeps its size. */
  if (window != NULL)
    gtk_window_close (GTK_WINDOW (window));
  else
    g_application_quit (data);
}

static void
steer_application_startup (GApplication *application)
{
  static const GActionEntry actions[] = {
    { "preferences", show_preferences },
    { "preferences-page", show_preferences_page, "s" },
    { "about", show_about },
    { "show-chat", show_chat, "x" },
    { "open-file", open_file, "s" },
    { "load-model", load_model, "s" },
    { "quit", quit },
  };
  SteerApplication *self = STEER_APPLICATION (application);
  /* While GTK sets itself up. */
  SteerEarlyStore *store = steer_early_store_begin (NULL);

  G_APPLICATION_CLASS (steer_application_parent_class)->startup (application);

  g_action_map_add_action_entries (G_ACTION_MAP (self), actions, G_N_ELEMENTS (actions), self);
  steer_window_install_accels (GTK_APPLICATION (self));
  gtk_window_set_default_icon_name (STEER_APPLICATION_ID);

  self->settings = g_settings_new (STEER_APPLICATION_ID);
  self->workspace = steer_workspace_new_early (self->settings, store);
  g_signal_connect_object (self->settings, "changed::text-scale", G_CALLBACK (on_text_scale_changed), self,
                           G_CONNECT_SWAPPED);
  on_text_scale_changed (self);
}

static gboolean
wake (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

static void
wait_for_replies (SteerEngine *engine)
{
  gint64 end = g_get_monotonic_time () + QUIT_SECONDS * G_TIME_SPAN_SECOND;
  /* The loop sleeps while the worker posts nothing. */
  guint deadline = g_timeout_add (QUIT_SECONDS * 1000, wake, NULL);

  while (steer_engine_get_state (engine) == STEER_ENGINE_BUSY && g_get_monotonic_time () < end)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (deadline);
}

/* Replies end where they are and what they said is on disk before the process goes; what they have said until now at
 * once, since the rest may take its time. */
static void
finish_replies (SteerApplication *self)
{
  SteerStore *store = steer_workspace_get_store (self->workspace);

  steer_workspace_cancel_load (self->workspace);
  if (store != NULL)
    steer_store_flush (store, NULL);
  wait_for_replies (steer_workspace_get_engine (self->workspace));
  if (store != NULL)
    steer_store_flush (store, NULL);
}

static void
steer_application_window_removed (GtkApplication *application, GtkWindow *window)
{
  if (STEER_IS_WINDOW (window) && steer_window_get_chat (STEER_WINDOW (window)) != NULL)
    steer_chat_stop_all (steer_window_get_chat (STEER_WINDOW (window)));
  GTK_APPLICATION_CLASS (steer_application_parent_class)->window_removed (application, window);
}

static void
steer_application_shutdown (GApplication *application)
{
  SteerApplication *self = STEER_APPLICATION (application);
  SteerWindow *window = get_window (self);

  if (window != NULL)
    gtk_window_destroy (GTK_WINDOW (window));
  if (self->workspace != NULL)
    finish_replies (self);
  G_APPLICATION_CLASS (steer_application_parent_class)->shutdown (application);
  if (self->workspace != NULL)
    g_object_run_dispose (G_OBJECT (self->workspace));
  g_clear_weak_pointer (&self->preferences);
  g_clear_object (&self->workspace);
  g_clear_object (&self->settings);
  g_settings_sync ();
}

static char *
dup_absolute (const char *path)
{
  g_autoptr (GFile) file = g_file_new_for_commandline_arg (path);

  return g_file_get_path (file);
}

/* What a second start asks for is done by the first. */
static int
steer_application_handle_local_options (GApplication *application, GVariantDict *options)
{
  SteerApplication *self = STEER_APPLICATION (application);
  g_autoptr (GError) error = NULL;
  const char *model = NULL, *preset = NULL;

  if (g_variant_dict_contains (options, "version"))
    {
      g_autofree char *versions = steer_dup_library_versions ();

      g_print ("steer-chat %s\n%sGTK %u.%u.%u\nlibadwaita %u.%u.%u\n", STEER_VERSION, versions,
               gtk_get_major_version (), gtk_get_minor_version (), gtk_get_micro_version (), adw_get_major_version (),
               adw_get_minor_version (), adw_get_micro_version ());
      return EXIT_SUCCESS;
    }
  self->exit_after_startup = g_variant_dict_contains (options, "exit-after-startup");
  g_variant_dict_lookup (options, "model", "^&ay", &model);
  g_variant_dict_lookup (options, "preset", "^&ay", &preset);
  if (model == NULL && preset == NULL)
    return -1;

  if (!g_application_register (application, NULL, &error))
    {
      g_printerr ("steer-chat: %s\n", error->message);
      return EXIT_FAILURE;
    }
  if (model != NULL)
    {
      g_autofree char *path = steer_model_is_address (model) ? g_strdup (model) : dup_absolute (model);

      g_action_group_activate_action (G_ACTION_GROUP (self), "load-model", g_variant_new_string (path));
    }
  if (preset != NULL)
    {
      g_autofree char *path = dup_absolute (preset);

      g_action_group_activate_action (G_ACTION_GROUP (self), "open-file", g_variant_new_string (path));
    }
  return -1;
}

static void
steer_application_class_init (SteerApplicationClass *klass)
{
  GApplicationClass *application_class = G_APPLICATION_CLASS (klass);

  application_class->startup = steer_application_startup;
  application_class->shutdown = steer_application_shutdown;
  application_class->activate = steer_application_activate;
  application_class->open = steer_application_open;
  application_class->handle_local_options = steer_application_handle_local_options;
  GTK_APPLICATION_CLASS (klass)->window_removed = steer_application_window_removed;
}

static void
steer_application_init (SteerApplication *self)
{
  static const GOptionEntry options[] = {
    { "model", 0, 0, G_OPTION_ARG_FILENAME, NULL,
      N_ ("Load the model in this folder or GGUF file, or of another computer at ssh://HOST/PATH"), N_ ("MODEL") },
    { "preset", 0, 0, G_OPTION_ARG_FILENAME, NULL, N_ ("Steer with the preset in FILE"), N_ ("FILE") },
    { "version", 0, 0, G_OPTION_ARG_NONE, NULL, N_ ("Print the version and those of the libraries"), NULL },
    { "exit-after-startup", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_NONE, NULL, NULL, NULL },
    { NULL },
  };

  g_application_add_main_option_entries (G_APPLICATION (self), options);
  g_application_set_option_context_parameter_string (G_APPLICATION (self), _ ("[PRESET…]"));
}

SteerApplication *
steer_application_new (void)
{
  /* The window is painted while a chat is exported or a model's threads hold every core. */
  steer_niceness_put_tasks_behind ();
  return g_object_new (STEER_TYPE_APPLICATION, "application-id", STEER_APPLICATION_ID, "flags",
                       G_APPLICATION_HANDLES_OPEN, "resource-base-path", "/com/example/SteerChat", NULL);
}

SteerWorkspace *
steer_application_get_workspace (SteerApplication *self)
{
  g_return_val_if_fail (STEER_IS_APPLICATION (self), NULL);
  return self->workspace;
}
