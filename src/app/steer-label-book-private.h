#pragma once

#include <gio/gio.h>

#include "steer-label-book.h"

G_BEGIN_DECLS

struct _SteerLabelBook
{
  GObject parent_instance;

  GSettings *settings;
  SteerLibrary *library;
  char *model; /* nullable */

  GThreadPool *worker;    /* one thread, so that things happen in order; nullable: closed */
  SteerLabelStore *store; /* nullable: not open yet, or it cannot be */
  GPtrArray *labels;      /* (element-type SteerLabelSource): what the store holds */
  SteerLabelTies *ties;
  GListStore *entries;
  GPtrArray *unwritten; /* (element-type SteerUserLabel): what is not in the database yet, oldest first */
  gboolean told;        /* that some of it could not be written */
};

/* What the user has called a feature a moment ago. */
typedef struct
{
  char *model; /* the first of steer_label_ties_dup_models() */
  guint layer;
  guint64 index;
  char *label;      /* nullable */
  gboolean writing; /* the worker has been told; else it could not be written, and is tried again with the next */
} SteerUserLabel;

/* steer-label-book-work.c: what the worker does. Each ends with steer_label_book_take_labels() or _changed(). */
void steer_label_book_start (SteerLabelBook *self, const char *path);
void steer_label_book_do_import (SteerLabelBook *self, SteerLabelEntry *entry, const char *path, const char *name);
void steer_label_book_do_remove (SteerLabelBook *self, gint64 labels);
/* @own: (transfer full) */
void steer_label_book_do_name (SteerLabelBook *self, SteerUserLabel *own);

void steer_user_label_free (SteerUserLabel *self);

/* The store is open, or holds other labels. @labels: (transfer full) */
void steer_label_book_take_labels (SteerLabelBook *self, GPtrArray *labels);
/* An import has ended: it leaves the list, unless with an error. */
void steer_label_book_drop_entry (SteerLabelBook *self, SteerLabelEntry *entry);

G_END_DECLS
