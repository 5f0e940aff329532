#pragma once

#include "steer-preset-folder.h"

G_BEGIN_DECLS

/* steer-preset-entry.c */

/* Has no name until it is read. */
SteerPresetEntry *steer_preset_entry_new (const char *path, gboolean bundled);

/* What reading a file found: of any thread. */
typedef struct
{
  char *path;
  char *name;
  char *error; /* nullable: why it cannot be loaded; the name is the file's then */
} SteerPresetReading;

void steer_preset_reading_init (SteerPresetReading *self, const char *path);
void steer_preset_reading_read (SteerPresetReading *self);
void steer_preset_reading_clear (SteerPresetReading *self);

/* Looks at the file's date and size. TRUE: it is not the one that was read, and is to be read. A file that is gone
 * stays as it is. */
gboolean steer_preset_entry_check (SteerPresetEntry *self);
void steer_preset_entry_take (SteerPresetEntry *self, const SteerPresetReading *reading);

/* The name of a file without its ending, for showing. */
char *steer_preset_dup_stem (const char *path);

/* steer-preset-folder.c */

const char *steer_preset_folder_get_user_dir (SteerPresetFolder *self);

/* steer-preset-files.c */

/* Deleted presets wait in this folder of the user's for Undo. */
#define STEER_PRESET_ASIDE_DIR ".deleted"

/* Those that nobody will bring back any more. */
void steer_preset_files_clear_aside (const char *user_dir);

G_END_DECLS
