#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define STEER_LABEL_ERROR (steer_label_error_quark ())

/**
 * SteerLabelError:
 * @STEER_LABEL_ERROR_STORE: the database could not be read or written
 * @STEER_LABEL_ERROR_INVALID: a file of labels breaks its rules; the message names file and line
 */
typedef enum
{
  STEER_LABEL_ERROR_STORE,
  STEER_LABEL_ERROR_INVALID,
} SteerLabelError;

GQuark steer_label_error_quark (void);

#define STEER_TYPE_LABEL_STORE (steer_label_store_get_type ())

/**
 * SteerLabelStore:
 *
 * What people and machines call features, in SQLite with full-text search: labels imported from Neuronpedia's exports
 * or from our own files, and the user's own, which win over the others of their feature.
 *
 * A *source* is one SAE of one model as Neuronpedia names it ("llama3.1-8b-it", "15-resid-post-aa"): its layer is the
 * number that its name begins with.
 *
 * Thread-safe; calls block for as long as they read or write, so a user interface takes the _async forms, which run on
 * a thread of their own. A search and an import may run at once. Errors: STEER_LABEL_ERROR, G_IO_ERROR_CANCELLED.
 */
G_DECLARE_FINAL_TYPE (SteerLabelStore, steer_label_store, STEER, LABEL_STORE, GObject)

/* @path: (nullable): the user's, "labels.sqlite" in the program's data folder, which is made where it is missing. */
SteerLabelStore *steer_label_store_open (const char *path, GError **error);
/* An empty one that is gone with the object. */
SteerLabelStore *steer_label_store_open_in_memory (GError **error);

typedef struct
{
  gint64 id;
  char *model;     /* "llama3.1-8b-it"; "" when the file named none */
  char *name;      /* "15-resid-post-aa" */
  int layer;       /* -1: the name tells none */
  char *sae;       /* what is known of where its SAE is published: "andyrdt/saes-llama-3.1-8b-instruct"; nullable */
  gint64 n_labels; /* features with an imported label */
} SteerLabelSource;

void steer_label_source_free (SteerLabelSource *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerLabelSource, steer_label_source_free)

/* Splits "15-resid-post-aa" into 15 and "aa" (*suffix, into @name). FALSE when it names no layer. */
gboolean steer_label_source_parse (const char *name, int *layer, const char **suffix);

/* (transfer full) (element-type SteerLabelSource), by model and layer. */
GPtrArray *steer_label_store_list_sources (SteerLabelStore *self, GError **error);

/* With its labels; the user's own stay. */
gboolean steer_label_store_remove_source (SteerLabelStore *self, gint64 source, GError **error);

/* A feature and what it is called. */
typedef struct
{
  gint64 source; /* 0: only the user has named it */
  char *model;
  char *source_name; /* "15-resid-post-aa"; "" where the source is 0 */
  int layer;
  guint64 index;
  char *label;
  gboolean by_user;
  double density;    /* share of tokens on which it fires; negative: unknown */
  double activation; /* largest that was seen; 0: unknown */
} SteerLabel;

void steer_label_free (SteerLabel *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerLabel, steer_label_free)

/* Where to look; zero and NULL: anywhere. */
typedef struct
{
  const char *model; /* (nullable): Neuronpedia's name */
  gint64 source;     /* 0: any */
  GArray *sources;   /* (nullable) (element-type gint64): one of these; of imported labels none where it is empty */
  int layer;         /* -1: any */
} SteerLabelFilter;

/**
 * steer_label_store_search:
 * @query: words as they are typed: all must occur, the last may be the beginning of one; words in quotes must follow
 * each other. "15:21576" and a plain number find by number
 * @filter: (nullable)
 * @n_most: at most so many
 *
 * Best first: the user's labels, then those that hold the whole query as a phrase, then those that hold its words;
 * within each the label that is the query itself, the one that begins with it, the shorter, the feature that fires more
 * rarely. (transfer full) (element-type SteerLabel)
 */
GPtrArray *steer_label_store_search (SteerLabelStore *self,
                                     const char *query,
                                     const SteerLabelFilter *filter,
                                     guint n_most,
                                     GCancellable *cancellable,
                                     GError **error);

/* What a feature is called: the user's label, else that of the first source that fits. NULL without an error when it
 * has none. @filter: (nullable): its model and its source are looked at. */
SteerLabel *steer_label_store_find (SteerLabelStore *self,
                                    int layer,
                                    guint64 index,
                                    const SteerLabelFilter *filter,
                                    GError **error);

/* What one source says of a feature, whatever the user calls it. NULL without an error when it has no label there. */
SteerLabel *steer_label_store_find_imported (SteerLabelStore *self, gint64 source, guint64 index, GError **error);

/* What the user calls a feature of the first of @models (NULL-terminated) of which there is a label; "" is whatever
 * model. NULL without an error when there is none. */
char *steer_label_store_find_user_label (SteerLabelStore *self,
                                         const char *const *models,
                                         int layer,
                                         guint64 index,
                                         GError **error);

/* Texts on which the feature fires strongly, strongest first, the token in ⟦brackets⟧. (transfer full) (element-type
 * utf8) */
GPtrArray *
steer_label_store_list_examples (SteerLabelStore *self, const SteerLabel *label, guint n_most, GError **error);

/* @model: (nullable): of the feature, for people who name features of several; a program that knows the very SAE may
 * name it behind a slash. @label: (nullable): no label any more. */
gboolean steer_label_store_set_user_label (SteerLabelStore *self,
                                           const char *model,
                                           int layer,
                                           guint64 index,
                                           const char *label,
                                           GError **error);

typedef struct
{
  guint n_files;
  guint64 n_labels;   /* features that got a label */
  guint64 n_features; /* rows that told density or activation */
  guint64 n_examples;
  guint64 n_passed_over; /* rows that name no feature */
} SteerLabelImport;

/* @fraction: of the files' bytes, 0 to 1. Called from the thread that imports, some ten times a second. */
typedef void (*SteerLabelProgressFunc) (double fraction, gpointer data);

/**
 * steer_label_store_import:
 * @path: a `.jsonl` or `.jsonl.gz`, or a folder, of which all such files are taken, also below it
 * @model, @source: (nullable): for rows that do not say it
 *
 * Neuronpedia's rows of explanations, features and activations, and our own, in any mixture. All of them or, after an
 * error or a cancel, nothing. What was imported of a feature before is replaced by what a file says anew; the user's
 * labels stay. Files may come from anyone: lines above 16 MiB, texts that unpack to more than 64 GiB, and rows that are
 * no JSON objects are refused with file and line; long labels are cut.
 */
gboolean steer_label_store_import (SteerLabelStore *self,
                                   const char *path,
                                   const char *model,
                                   const char *source,
                                   SteerLabelImport *result,
                                   SteerLabelProgressFunc progress,
                                   gpointer progress_data,
                                   GCancellable *cancellable,
                                   GError **error);

G_END_DECLS
