#pragma once

#include <gtk/gtk.h>

#include "steer-workspace.h"

G_BEGIN_DECLS

/* What a thread finds out about a model's folder and the machine while the engine loads the model. */
typedef struct _SteerModelProbe SteerModelProbe;

struct _SteerWorkspace
{
  GObject parent_instance;

  GSettings *settings;
  char *data_dir;
  SteerEngine *engine;
  SteerStore *store; /* nullable */
  SteerLibrary *library;
  SteerPresetFolder *presets;
  SteerLivePlan *live_plan;

  SteerPreset *preset;
  GListStore *in_use;            /* holds `preset` alone */
  GtkFlattenListModel *features; /* of `in_use` */
  SteerPreset *baseline;         /* what `preset` would be without unsaved changes */
  char *preset_path;             /* nullable */
  GFileMonitor *monitor;         /* nullable: of that file */
  gboolean modified;
  guint autosave_id;

  gboolean reading;   /* a thread reads vectors */
  gboolean plan_late; /* the live plan is of an earlier moment, until it has */
  char *plan_error;
  char *load_error;
  char *device_note;

  GCancellable *loading; /* nullable: of the load in progress */
  char *loading_path;    /* nullable */
  char *wanted_path;     /* nullable: the model that was asked for last, NULL being the bundled one */
  gboolean prepared;     /* it is not being loaded yet */
  guint64 loading_bytes;
  SteerModelProbe *probe; /* nullable: of the newest load */
  GListStore *sources;    /* SteerSourceEntry */
  char *sources_path;     /* nullable: of the model that they were looked for with */
  gboolean sources_late;  /* the folder of made features has changed since the probe looked */
  SteerLabelBook *labels;
  SteerInspector *inspector;
#ifdef STEER_HAS_HUB
  SteerDownloads *downloads;
#endif
};

enum
{
  STEER_WORKSPACE_PROP_0,
  STEER_WORKSPACE_PROP_ENGINE,
  STEER_WORKSPACE_PROP_STORE,
  STEER_WORKSPACE_PROP_LIBRARY,
  STEER_WORKSPACE_PROP_PRESETS,
  STEER_WORKSPACE_PROP_SETTINGS,
  STEER_WORKSPACE_PROP_PRESET,
  STEER_WORKSPACE_PROP_PRESET_PATH,
  STEER_WORKSPACE_PROP_PRESET_MODIFIED,
  STEER_WORKSPACE_PROP_PLAN_ERROR,
  STEER_WORKSPACE_PROP_LOAD_ERROR,
  STEER_WORKSPACE_PROP_LOADING_PATH,
  STEER_WORKSPACE_PROP_LOADING_BYTES,
  STEER_WORKSPACE_PROP_DEVICE_NOTE,

  STEER_WORKSPACE_N_PROPS
};

void steer_workspace_notify (SteerWorkspace *self, guint property);

/* Sets one of the strings above and notifies when it changed. */
void steer_workspace_set_string (SteerWorkspace *self, char **place, const char *value, guint property);

/* steer-workspace-preset.c: what was in use when the program ended; and the end of that, with everything written. */
void steer_workspace_restore_preset (SteerWorkspace *self);
void steer_workspace_leave_preset (SteerWorkspace *self);

/* The library or the model changed: ranges and labels are looked up again, and the plan is made anew. */
void steer_workspace_refresh_steering (SteerWorkspace *self);

/* steer-workspace-plan.c: the preset, the library or the model changed. */
void steer_workspace_update_plan (SteerWorkspace *self);

/* Makes the live plan that of the preset as it is now, even if files have to be read for it. */
void steer_workspace_finish_plan (SteerWorkspace *self);

/* The engine says itself why it has not taken, or has left, a device. */
void steer_workspace_on_device_note (SteerWorkspace *self);

/* The folder of made features has changed: who is looking at it now has to look again. */
void steer_workspace_made_changed (SteerWorkspace *self);

/* steer-workspace-made.c: where the features are that the person made. */
char *steer_workspace_dup_made_folder (SteerWorkspace *self);

void steer_model_probe_unref (SteerModelProbe *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerModelProbe, steer_model_probe_unref)

G_END_DECLS
