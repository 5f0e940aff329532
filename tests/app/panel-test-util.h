#pragma once

#include "app-test-util.h"
#include "app/steer-feature-row.h"

G_BEGIN_DECLS

/* The steering panel alone in a window, over vectors of the fixtures and a preset "Eiffel Tower" of three features:
 * 21576 of layer 15 at its recommended 8.5, 5 of layer 2, called "Formal register", at -2.81, 3 of layer 7, "Seaside",
 * at 3.2. */
typedef struct
{
  char *dir;
  GSettings *settings;
  SteerWorkspace *workspace;
  GtkWidget *panel;
  GtkWindow *window;
  AdwToast *toast; /* (nullable): the newest */
} PanelTest;

/* For g_test_add(); the latter fails when the panel or its workspace is not freed. */
void panel_test_set_up (PanelTest *fixture, gconstpointer data);
void panel_test_tear_down (PanelTest *fixture, gconstpointer data);

/* What the panel edits. (transfer none) */
SteerPreset *panel_test_get_preset (PanelTest *fixture);
SteerFeature *panel_test_get_feature (PanelTest *fixture, guint position);
SteerFeatureRow *panel_test_get_row (PanelTest *fixture, int position);

/* Appends a feature. @label: (nullable) */
void panel_test_add (SteerPreset *preset, guint layer, guint64 index, const char *label, double strength);

/* A preset of one feature in the user's folder; its path. */
char *panel_test_keep (PanelTest *fixture, const char *name, double strength);

/* An action of the panel that takes nothing. */
void panel_test_act (PanelTest *fixture, const char *name);
/* Presses the button of the newest toast. */
void panel_test_undo (PanelTest *fixture);

/* The first widget of @type, which must be there. */
GtkWidget *panel_test_find (GtkWidget *root, GType type);
/* The window of @type that is open, or NULL. (transfer none) */
GtkWidget *panel_test_get_dialog (GType type);

gboolean panel_test_is_shown (gpointer widget);
/* Waits until the window of @widget is drawn. */
void panel_test_wait_until_drawn (GtkWidget *widget);

/* What is drawn of a widget, on the average of its pixels. */
typedef struct
{
  double light; /* 0: black .. 1: white */
  double color; /* 0: grey .. 1 */
} PanelLook;

PanelLook panel_test_look (GtkWidget *widget);

G_END_DECLS
