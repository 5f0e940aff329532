#pragma once

#include "steering/steer-preset.h"

G_BEGIN_DECLS

#define STEER_TYPE_PRESET_ENTRY (steer_preset_entry_get_type ())

/* A preset on disk. Properties: name, path (strings), bundled (boolean: read-only, shipped with the program),
 * error (string, nullable: why it cannot be loaded). */
G_DECLARE_FINAL_TYPE (SteerPresetEntry, steer_preset_entry, STEER, PRESET_ENTRY, GObject)

const char *steer_preset_entry_get_name (SteerPresetEntry *self);
const char *steer_preset_entry_get_path (SteerPresetEntry *self);
gboolean steer_preset_entry_get_bundled (SteerPresetEntry *self);
const char *steer_preset_entry_get_error (SteerPresetEntry *self);

#define STEER_TYPE_PRESET_FOLDER (steer_preset_folder_get_type ())

/**
 * SteerPresetFolder:
 *
 * A GListModel of SteerPresetEntry: the user's presets, then the bundled ones, by name. Watches the user's folder, so a
 * file changed by hand is seen at once. Main thread.
 */
G_DECLARE_FINAL_TYPE (SteerPresetFolder, steer_preset_folder, STEER, PRESET_FOLDER, GObject)

/* @bundled_dir: (nullable). @user_dir is made when it does not exist. */
SteerPresetFolder *steer_preset_folder_new (const char *bundled_dir, const char *user_dir);

/* The entry of that file, or NULL. (transfer none) */
SteerPresetEntry *steer_preset_folder_find (SteerPresetFolder *self, const char *path);

/* The file name, without its ending, that a preset of this name gets. */
char *steer_preset_folder_make_stem (const char *name);

/* Where a preset of this name is kept. */
char *steer_preset_folder_dup_path (SteerPresetFolder *self, const char *name);

/* Looks at the folder now, rather than when the system tells of a change. */
void steer_preset_folder_refresh (SteerPresetFolder *self);

/* Copies a preset from anywhere into the user's folder, under a name that is free there. Returns the path. */
char *steer_preset_folder_import (SteerPresetFolder *self, const char *path, GError **error);

gboolean
steer_preset_folder_rename (SteerPresetFolder *self, SteerPresetEntry *entry, const char *name, GError **error);

/* Moves the file aside so that Undo can bring it back; steer_preset_folder_undelete() takes the returned token. */
char *steer_preset_folder_delete (SteerPresetFolder *self, SteerPresetEntry *entry, GError **error);
gboolean steer_preset_folder_undelete (SteerPresetFolder *self, const char *token, GError **error);

G_END_DECLS
