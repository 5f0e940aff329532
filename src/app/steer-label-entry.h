#pragma once

#include "steering/steer-label-store.h"
#include "steering/steer-vector-source.h"

G_BEGIN_DECLS

#define STEER_TYPE_LABEL_ENTRY (steer_label_entry_get_type ())

/**
 * SteerLabelEntry:
 *
 * A line of the list of labels: what was imported of one autoencoder and what it belongs to, or a file that is being
 * imported or could not be.
 *
 * Properties: title, detail (strings, for people), error (string, nullable), id (int64: of the source of labels; 0:
 * a file).
 */
G_DECLARE_FINAL_TYPE (SteerLabelEntry, steer_label_entry, STEER, LABEL_ENTRY, GObject)

SteerLabelEntry *steer_label_entry_new (const SteerLabelSource *labels);
SteerLabelEntry *steer_label_entry_new_for_file (const char *path);

gint64 steer_label_entry_get_id (SteerLabelEntry *self);
const char *steer_label_entry_get_title (SteerLabelEntry *self);
const char *steer_label_entry_get_detail (SteerLabelEntry *self);
void steer_label_entry_set_detail (SteerLabelEntry *self, const char *detail);
const char *steer_label_entry_get_error (SteerLabelEntry *self);
void steer_label_entry_set_error (SteerLabelEntry *self, const char *error);
/* Of a source of labels: "llama3.1-8b-it/15-resid-post-aa", what a choice of the person's is kept under. */
const char *steer_label_entry_get_key (SteerLabelEntry *self);

/* What the labels may be of: a layer of a source of vectors. @title: for people. While it is made. */
void steer_label_entry_add_place (SteerLabelEntry *self, const char *source_id, guint layer, const char *title);
guint steer_label_entry_get_n_places (SteerLabelEntry *self);
const char *steer_label_entry_get_place (SteerLabelEntry *self, guint position, guint *layer, const char **title);

/* Which of the places they are taken to be of; -1: none. @is_known: names or the person told; else it must be asked. */
void steer_label_entry_set_chosen (SteerLabelEntry *self, int place, gboolean is_known);
int steer_label_entry_get_chosen (SteerLabelEntry *self);
gboolean steer_label_entry_is_known (SteerLabelEntry *self);

/* Of a file: where it is, and whether it leaves open which autoencoder its labels are of. */
const char *steer_label_entry_get_path (SteerLabelEntry *self);
void steer_label_entry_set_nameless (SteerLabelEntry *self, gboolean nameless);
gboolean steer_label_entry_is_nameless (SteerLabelEntry *self);

/* Of a file that is being imported. */
void steer_label_entry_set_cancellable (SteerLabelEntry *self, GCancellable *cancellable);
void steer_label_entry_cancel (SteerLabelEntry *self);

G_END_DECLS
