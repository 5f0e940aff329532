#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

/* g_test_init(), adw_init(), and the program's styles, which an AdwApplication would have loaded. */
void app_test_init (int *argc,
                    char ***argv);

/* Runs the main context until nothing is pending: layout and drawing of what was shown are done. */
void app_test_settle (void);

/* Shows @widget in a window of that size and waits until it is mapped. Destroy with gtk_window_destroy(). */
GtkWindow *app_test_show (GtkWidget *widget,
                          int width,
                          int height);

/* The first widget at or below @root of @type whose @property (a string property) is @value; both nullable. */
GtkWidget *app_test_find (GtkWidget *root,
                          GType type,
                          const char *property,
                          const char *value);

/* Renders @widget as it is shown now. Fails the test when the file cannot be written. */
void app_test_save_png (GtkWidget *widget,
                        const char *path);

/* Settings in memory, at their defaults. (transfer full) */
GSettings *app_test_settings (void);

G_END_DECLS
