#pragma once

#include <sqlite3.h>

#include "steer-label-store.h"

G_BEGIN_DECLS

/* Labels longer than this are cut; explanations are sentences. */
#define STEER_LABEL_MAX_BYTES 2048

/*
 * A label's rowid says how long its text is, then whose it is: the full-text index hands rows out in this order, so the
 * first rows that a query meets are the shortest labels, and a search may stop after a few without ranking all.
 *
 *     bits 53..44  length in characters, at most 1023
 *     bits 43..32  source
 *     bits 31..0   feature
 */
#define STEER_LABEL_MAX_SOURCE 4095
#define STEER_LABEL_MAX_FEATURE G_MAXUINT32

/* A connection of its own for the calling task. Errors: STEER_LABEL_ERROR_STORE. */
sqlite3 *steer_label_store_connect (SteerLabelStore *self, gboolean for_writing, GError **error);
/* One for work that takes long; close it with sqlite3_close(). */
sqlite3 *steer_label_store_open_connection (SteerLabelStore *self, GError **error);
void steer_label_store_release (SteerLabelStore *self, sqlite3 *db, gboolean for_writing);

/* Sets STEER_LABEL_ERROR_STORE, or G_IO_ERROR_CANCELLED when that is why @db stopped. Returns FALSE. */
gboolean steer_label_fail (sqlite3 *db, GCancellable *cancellable, GError **error);
sqlite3_stmt *steer_label_prepare (sqlite3 *db, const char *sql, GError **error);
gboolean steer_label_execute (sqlite3 *db, const char *sql, GError **error);
/* Runs @statement, which gives no rows, and resets it. */
gboolean steer_label_run (sqlite3 *db, sqlite3_stmt *statement, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (sqlite3_stmt, sqlite3_finalize)

/* Lets a cancellable stop what @db does; NULL takes it away. */
void steer_label_watch (sqlite3 *db, GCancellable *cancellable);

/* A row of a file, as far as it matters. */
typedef struct
{
  char *model;  /* nullable */
  char *source; /* nullable */
  guint64 index;
  gboolean has_index;
  char *label;       /* nullable */
  char *example;     /* nullable: of a row with tokens and values */
  double value;      /* of the example's strongest token */
  double density;    /* negative: not told */
  double activation; /* 0: not told */
} SteerLabelRow;

void steer_label_row_clear (SteerLabelRow *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SteerLabelRow, steer_label_row_clear)

/* @self: zero. @name: for messages, "file:line". Errors: STEER_LABEL_ERROR_INVALID. */
gboolean steer_label_row_read (SteerLabelRow *self, const char *line, gsize length, const char *name, GError **error);

/* @name: for messages, "file:line". FALSE ends the reading. */
typedef gboolean (
  *SteerLabelLineFunc) (const char *line, gsize length, const char *name, gpointer data, GError **error);

/* Reads the lines of a file, or of all `.jsonl` and `.jsonl.gz` at and below a folder, that are not empty. @progress:
 * called for each piece. @n_files: (out). Errors: STEER_LABEL_ERROR_INVALID, G_IO_ERROR, whatever @take returns. */
gboolean steer_label_files_read (const char *path,
                                 SteerLabelLineFunc take,
                                 SteerLabelProgressFunc progress,
                                 gpointer data,
                                 guint *n_files,
                                 GCancellable *cancellable,
                                 GError **error);

/* What is typed into a search: words, and phrases in quotes. */
typedef struct
{
  GPtrArray *parts; /* (element-type utf8) */
  gboolean has_phrases;
  gboolean is_open; /* the last part may be the beginning of a word */
} SteerLabelQuery;

void steer_label_query_init (SteerLabelQuery *self, const char *text);
void steer_label_query_clear (SteerLabelQuery *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SteerLabelQuery, steer_label_query_clear)

/* For MATCH: the parts as one phrase, its end open or not; and the parts wherever they stand. */
char *steer_label_query_make_phrase (const SteerLabelQuery *self, gboolean open);
char *steer_label_query_make_words (const SteerLabelQuery *self);

/* The columns of a SteerLabel, from the user's labels (table own) and from the imported ones (tables source, feature
 * and label). */
#define STEER_LABEL_OWN_COLUMNS "0, own.model, '', own.layer, own.feature, own.text, -1, 0"
#define STEER_LABEL_COLUMNS                                                                                            \
  "source.id, source.model, source.name, source.layer, feature.feature, label.text, feature.density, "                 \
  "feature.activation"

/* The row that @statement stands on. */
SteerLabel *steer_label_read (sqlite3_stmt *statement);

G_END_DECLS
