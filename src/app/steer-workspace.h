#pragma once

#include "steer/steer.h"
#include "steer-inspector.h"
#include "steer-label-book.h"
#include "steer-preset-folder.h"
#include "steer-source-entry.h"

#ifdef STEER_HAS_HUB
#include "steer-downloads.h"
#endif

G_BEGIN_DECLS

#define STEER_TYPE_WORKSPACE (steer_workspace_get_type ())

/**
 * SteerWorkspace:
 *
 * What all windows share: the engine, the store of conversations, the vector sources, the presets on disk, the preset
 * in use and the live plan made of it. Knows nothing of widgets.
 *
 * Properties: engine, store (NULL when it could not be opened), library, presets (SteerPresetFolder), settings
 * (GSettings), read-only; preset (SteerPreset, never NULL, writable); preset-path (string, nullable: the file that the
 * preset in use was read from or saved to); preset-modified (boolean: differs from that file); plan-error (string,
 * nullable: why a feature of the preset cannot be used with this model); load-error (string, nullable: why the last
 * model did not load); loading-path (string, nullable: the folder being loaded) and loading-bytes (uint64: its size, 0
 * until known); device-note (string, nullable: why the CPU is used although the machine has a GPU).
 *
 * The preset in use, its unsaved changes included, is kept in the data folder and is there again at the next start.
 *
 * The live plan follows every change of the preset at once: steer_live_plan_set() is called inside the change's own
 * signal, so that the next decode step of a running reply sees it. Where a change needs vectors that have not been read
 * yet (a feature was added, another preset chosen), a thread reads them, and the plan follows when they are there.
 */
G_DECLARE_FINAL_TYPE (SteerWorkspace, steer_workspace, STEER, WORKSPACE, GObject)

/**
 * SteerEarlyStore:
 *
 * The store of conversations, opened by a thread while the program does something else: at the start GTK sets itself
 * up meanwhile. steer_workspace_new_early() takes it.
 */
typedef struct _SteerEarlyStore SteerEarlyStore;
/* @data_dir: as below. Main thread. */
SteerEarlyStore *steer_early_store_begin (const char *data_dir);

/* @data_dir: (nullable): where conversations and presets are kept; NULL: the user's data folder. */
SteerWorkspace *steer_workspace_new (GSettings *settings, const char *data_dir);
/* @early: (transfer full): the folder is its own. */
SteerWorkspace *steer_workspace_new_early (GSettings *settings, SteerEarlyStore *early);

SteerEngine *steer_workspace_get_engine (SteerWorkspace *self);
SteerStore *steer_workspace_get_store (SteerWorkspace *self);
SteerLibrary *steer_workspace_get_library (SteerWorkspace *self);
SteerPresetFolder *steer_workspace_get_presets (SteerWorkspace *self);
GSettings *steer_workspace_get_settings (SteerWorkspace *self);
SteerPreset *steer_workspace_get_preset (SteerWorkspace *self);
void steer_workspace_set_preset (SteerWorkspace *self, SteerPreset *preset);
/* Of the preset as it is now: a reply that begins with it is steered from its first token on. May read files. */
SteerLivePlan *steer_workspace_get_live_plan (SteerWorkspace *self);
/* The features of whatever preset is in use, for looking up their labels. (transfer none) */
GListModel *steer_workspace_get_features (SteerWorkspace *self);

/* Says what will be loaded, and shows it as being loaded; steer_workspace_start_load() begins with it, unless it was
 * cancelled or another model chosen in the meantime. For the first frame: it is drawn sooner without a load beside it.
 */
void steer_workspace_prepare_load (SteerWorkspace *self, const char *path);
void steer_workspace_start_load (SteerWorkspace *self);

/* Loads a model directory or a GGUF file, its progress and state seen on the engine. The bundled model brings its
 * vector library. NULL: the bundled model. Remembers it among the recent ones when it loads. */
void steer_workspace_load_model (SteerWorkspace *self, const char *path);
void steer_workspace_cancel_load (SteerWorkspace *self);

/* Once more the one that was asked for last. */
void steer_workspace_retry_load (SteerWorkspace *self);

/* (transfer none) (element-type SteerSourceEntry): where features come from, and what was wrong with the others. */
GListModel *steer_workspace_get_sources (SteerWorkspace *self);
/* A file or folder is a source from now on, and is not any more. Remembered; what came of it is told in the list. */
void steer_workspace_add_source (SteerWorkspace *self, const char *path);
void steer_workspace_remove_source (SteerWorkspace *self, const char *path);

/* What features are called. */
SteerLabelBook *steer_workspace_get_labels (SteerWorkspace *self);

SteerInspector *steer_workspace_get_inspector (SteerWorkspace *self);

#ifdef STEER_HAS_HUB
/* What comes from the Hub. */
SteerDownloads *steer_workspace_get_downloads (SteerWorkspace *self);
#endif

/* Loads a preset from anywhere and makes it the one in use. */
gboolean steer_workspace_open_preset (SteerWorkspace *self, const char *path, GError **error);

/* The preset in use is now what stands in the file @path: call it after saving or renaming. NULL: it has no file any
 * more (deleted). */
void steer_workspace_preset_saved (SteerWorkspace *self, const char *path);
const char *steer_workspace_get_preset_path (SteerWorkspace *self);
gboolean steer_workspace_get_preset_modified (SteerWorkspace *self);

/* Sampling in force: the preset's, or the usual one where a preset sets none. */
void steer_workspace_get_sampling (SteerWorkspace *self, SteerSampling *sampling);
/* What a person chose in the preferences, else what the loaded model's authors advise, else the preferences' defaults.
 */
void steer_workspace_get_usual_sampling (SteerWorkspace *self, SteerSampling *sampling);

G_END_DECLS
