#pragma once

#include "steer-label-entry.h"
#include "steer-label-ties.h"

G_BEGIN_DECLS

#define STEER_TYPE_LABEL_BOOK (steer_label_book_get_type ())

/**
 * SteerLabelBook:
 *
 * What features are called, for the whole program: the database of imported labels and of the user's own, and what of
 * it belongs to the sources of vectors that are loaded. The user's label wins; an imported one stands in where a
 * feature has none. Main thread. The database is opened, and all of it but one feature's label read and written, by
 * threads.
 *
 * Signals: `changed`: features may be called otherwise from now on. `failed` (const GError *): what the user calls a
 * feature could not be written; it is kept, and tried again with the next one and when the book closes. Told once,
 * until all is written.
 */
G_DECLARE_FINAL_TYPE (SteerLabelBook, steer_label_book, STEER, LABEL_BOOK, GObject)

/* @path: of the database. Where it cannot be opened the book stays empty, and says why in the list. */
SteerLabelBook *steer_label_book_new (GSettings *settings, SteerLibrary *library, const char *path);

/* Cancels imports and waits until what the user has named is written. What features are called can still be asked. */
void steer_label_book_close (SteerLabelBook *self);

/* The library's sources, or the model, are others. @model: (nullable): what the model is called. */
void steer_label_book_refresh (SteerLabelBook *self, const char *model);

/* (element-type SteerLabelEntry) (transfer none) */
GListModel *steer_label_book_get_entries (SteerLabelBook *self);

/* Imports a .jsonl, a .jsonl.gz or a folder of such; progress and errors are seen in the list. @name: (nullable): of
 * labels that do not say it themselves, what they are of, as in "15-resid-post-aa"; else a file's or folder's name
 * tells where it can. */
void steer_label_book_import (SteerLabelBook *self, const char *path, const char *name);

/* Takes an entry's labels out of the database; dismisses an error; cancels an import. */
void steer_label_book_remove (SteerLabelBook *self, SteerLabelEntry *entry);

/* The labels are of that place of the entry's; -1: of none. Remembered. */
void steer_label_book_choose (SteerLabelBook *self, SteerLabelEntry *entry, int place);

/* What it all comes to, for threads. (transfer full) */
SteerLabelTies *steer_label_book_dup_ties (SteerLabelBook *self);

/* What a feature is called, as steer_label_ties_dup_label(). */
char *
steer_label_book_dup_label (SteerLabelBook *self, const char *source_id, guint layer, guint64 index, gboolean *by_user);

/* Gives @feature its label: the user's in any case, an imported one where it has none. */
void steer_label_book_describe (SteerLabelBook *self, SteerFeature *feature);

/* The user calls @feature what its label says from now on, wherever it occurs; without one, what others call it. */
void steer_label_book_name (SteerLabelBook *self, SteerFeature *feature);

G_END_DECLS
