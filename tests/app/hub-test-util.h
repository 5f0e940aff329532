#pragma once

#include <adwaita.h>

#include "app/steer-hub-row.h"
#include "hub-fake.h"

G_BEGIN_DECLS

#define HUB_TEST_MODEL "owner/tiny-model"       /* the tiny model, as one folder of safetensors */
#define HUB_TEST_FEATURES "owner/tiny-features" /* vectors of it, "vectors.safetensors" */
#define HUB_TEST_GGUF "owner/models-GGUF"       /* files that are none: small-Q2_K, -Q4_K_M and -Q8_0 */

/* A Hub on the loopback, which the environment names, a cache of its own, a workspace, and the dialog over a window. */
typedef struct
{
  HubFake *hub;
  char *dir;
  char *cache;
  GSettings *settings;
  SteerWorkspace *workspace;
  GtkWindow *window; /* nullable */
  GtkWidget *dialog; /* nullable: not there (any more) */
} HubTest;

/* @data: "with a model": the workspace has the tiny model loaded. */
void hub_test_set_up (HubTest *f, gconstpointer data);
void hub_test_tear_down (HubTest *f, gconstpointer data);

void hub_test_open_dialog (HubTest *f);
/* Waits until it is gone. */
void hub_test_close_dialog (HubTest *f);
/* Goes to the page of a repository, and waits until its choices are told, or what is wrong. */
void hub_test_open_repo (HubTest *f, const char *text);
/* Of the search. */
void hub_test_type (HubTest *f, const char *text);

/* The page that is shown of the stack in what is shown of the dialog: "start", "searching", "list", "nothing",
 * "problem", "reading", "content". */
const char *hub_test_get_page (HubTest *f);
void hub_test_wait_for_page (HubTest *f, const char *page);

/* What is shown of the dialog: its first page, or that of a repository. */
GtkWidget *hub_test_get_shown (HubTest *f);
/* In there; fails the test when it is not there. */
GtkWidget *hub_test_find (HubTest *f, GType type, const char *property, const char *value);

/* The row of a choice that is shown; its second line; what its button says. */
GtkWidget *hub_test_find_row (HubTest *f, const char *title);
const char *hub_test_get_detail (HubTest *f, const char *title);
const char *hub_test_get_label (HubTest *f, const char *title);
/* Presses the row's button, which says @label, and waits until it says @then (nullable: for nothing). */
void hub_test_press (HubTest *f, const char *title, const char *label, const char *then);
void hub_test_wait_for_label (HubTest *f, const char *title, const char *label);

/* (transfer none) (nullable): the newest. */
SteerDownload *hub_test_get_download (HubTest *f);

/* A file of @length bytes, like no other of that name. */
void hub_test_add_file (HubTest *f, const char *repo_id, const char *path, gsize length);

G_END_DECLS
