#pragma once

#include <adwaita.h>

#include "app/steer-workspace.h"

G_BEGIN_DECLS

/* g_test_init(), adw_init(), and the program's styles, which an AdwApplication would have loaded. */
void app_test_init (int *argc, char ***argv);

/* Runs the main context until nothing is pending: layout and drawing of what was shown are done. */
void app_test_settle (void);

/* Shows @widget in a window of that size and waits until it is mapped. Destroy with gtk_window_destroy(). */
GtkWindow *app_test_show (GtkWidget *widget, int width, int height);

/* The first widget at or below @root of @type whose @property (a string property) is @value; both nullable. */
GtkWidget *app_test_find (GtkWidget *root, GType type, const char *property, const char *value);

/* @widget as it is shown now. (transfer full) */
GdkTexture *app_test_draw (GtkWidget *widget);

/* Settings in memory, at their defaults. (transfer full) */
GSettings *app_test_settings (void);

/* A workspace over @data_dir with those settings, the tiny model and its vectors: feature 97 of layer 2 ("the letter
 * a") at 80 makes it say nothing but "a", 98 "b". Replies are greedy and @max_tokens long. (transfer full) */
SteerWorkspace *app_test_workspace (GSettings *settings, const char *data_dir, guint max_tokens);

/* A preset with one feature of layer 2. (transfer full) */
SteerPreset *app_test_preset (const char *name, guint64 index, double strength);

/* Writes @preset to where the folder keeps one of its name, and has it listed. Returns the path. */
char *app_test_keep_preset (SteerPresetFolder *folder, SteerPreset *preset);

/* Drops the last reference and waits until the object is gone: its threads may hold it for a moment. */

G_END_DECLS
