#pragma once

#include <atspi/atspi.h>

#include "test-util.h"

/* The real program, started and looked at from outside as assistive technology does: everything goes through AT-SPI.
 * Where no main loop runs, libatspi asks the program anew each time. Its memory must not be cleared: version 2.46 goes
 * down through all it has seen, which can be a circle when windows come and go. */

/* Only newer versions of the library know how to clean these up by themselves; under other names there is no clash. */
typedef AtspiAccessible Node;
typedef AtspiAction NodeAction;
typedef AtspiEditableText NodeEditable;
typedef AtspiText NodeText;
typedef AtspiValue NodeValue;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Node, g_object_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NodeAction, g_object_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NodeEditable, g_object_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NodeText, g_object_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NodeValue, g_object_unref)

typedef struct
{
  GPid pid;
  char *said_path;    /* what it writes to stderr */
  gboolean gtk_leaks; /* of what this program has leaked, some is GTK's */
  Node *window;       /* nullable: not there yet */
} App;

/* What a node must be; @name is a pattern of g_pattern_match_simple(). */
typedef struct
{
  AtspiRole role;
  const char *name;
} Wanted;

/* Sets up what all tests here need, before anything else. */
void ui_init (int *argc, char ***argv);

/* Polls @condition, which looks at the program from outside, and fails the test when it stays FALSE. */
void ui_wait_for (gboolean (*condition) (App *app, gpointer data), App *app, gpointer data, const char *what);

/* Depth first. (transfer full) (nullable) */
Node *ui_find (Node *root, AtspiRole role, const char *name);

/* The last node at or below @root that has that action. (transfer full) (nullable) */
Node *ui_find_acting (Node *root, const char *action);
Node *ui_find_last (Node *root, AtspiRole role, const char *name);
gboolean ui_is_there (App *app, gpointer wanted);
Node *ui_wait_for_node (App *app, AtspiRole role, const char *name);
/* Of a slider or a spin button. */
double ui_get_value (Node *node);
gboolean ui_has_state (Node *node, AtspiStateType state);

/* Does the action of that name, or the first one for NULL. */
void ui_act (App *app, Node *node, const char *name);
void ui_press (App *app, const char *name);

/* Starts the program that STEER_TEST_APP names and waits for its window and its model. @preset: (nullable): a file. */
void ui_start (App *app, const char *preset);
/* An action `app.*` of the running program, over its bus. @parameters: (nullable): floating, an array of variants */
void ui_activate (const char *action, GVariant *parameters);
/* As Ctrl+Q does, and with the same care. */
void ui_quit (App *app);
