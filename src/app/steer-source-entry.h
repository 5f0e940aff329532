#pragma once

#include "steering/steer-vector-source.h"

G_BEGIN_DECLS

#define STEER_TYPE_SOURCE_ENTRY (steer_source_entry_get_type ())

/**
 * SteerSourceEntry:
 *
 * A line of the list of sources: a file or folder of steering vectors or autoencoders, and what came of opening it.
 *
 * Properties: path, title, detail (strings: what it covers, for people), error (string, nullable: why it is not used),
 * removable (boolean: the person added it), made (boolean: the person made it of examples, and it is a feature).
 */
G_DECLARE_FINAL_TYPE (SteerSourceEntry, steer_source_entry, STEER, SOURCE_ENTRY, GObject)

/* @title: (nullable): else the file's name. */
SteerSourceEntry *steer_source_entry_new (const char *path, const char *title, gboolean removable);

/* A feature that was made of examples, which is called as its label. */
SteerSourceEntry *steer_source_entry_new_made (const char *path);

/* It was opened; looks at what it covers. Any thread, while no other has the entry. */
void steer_source_entry_set_source (SteerSourceEntry *self, SteerVectorSource *source);
void steer_source_entry_set_error (SteerSourceEntry *self, const char *message);

/* (transfer none) (nullable) */
SteerVectorSource *steer_source_entry_get_source (SteerSourceEntry *self);
const char *steer_source_entry_get_path (SteerSourceEntry *self);
const char *steer_source_entry_get_title (SteerSourceEntry *self);
const char *steer_source_entry_get_detail (SteerSourceEntry *self);
const char *steer_source_entry_get_error (SteerSourceEntry *self);
gboolean steer_source_entry_get_removable (SteerSourceEntry *self);
gboolean steer_source_entry_get_made (SteerSourceEntry *self);

G_END_DECLS
