#pragma once

#include "steering/steer-label-store.h"
#include "steering/steer-library.h"

G_BEGIN_DECLS

/**
 * SteerLabelTies:
 *
 * Which sources of labels belong to which loaded sources of vectors, and thereby what a feature is called. What the
 * user calls a feature is kept for the very model and source ("Llama-3.1-8B-Instruct/layer15"), because other
 * autoencoders have other features of the same number.
 *
 * Complete once it is built, and immutable from then on; any thread. Reading blocks for as long as the database does.
 */
typedef struct _SteerLabelTies SteerLabelTies;

/* @store: (nullable): nothing has a label then. @model: (nullable): what the loaded model is called. */
SteerLabelTies *steer_label_ties_new (SteerLabelStore *store, const char *model);
SteerLabelTies *steer_label_ties_ref (SteerLabelTies *self);
void steer_label_ties_unref (SteerLabelTies *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerLabelTies, steer_label_ties_unref)

/* The labels are of @layer of the source of vectors @source_id. While it is built. */
void steer_label_ties_add (SteerLabelTies *self, const SteerLabelSource *labels, const char *source_id, guint layer);

/* Whether the labels are of the autoencoder that @source has for their layer, as far as names tell: its file lies in a
 * folder that is called as the repository or as Neuronpedia calls it. */
gboolean steer_label_ties_guess (const SteerLabelSource *labels, SteerVectorSource *source);

/* (nullable) (transfer none) */
SteerLabelStore *steer_label_ties_get_store (SteerLabelTies *self);
/* (element-type gint64) (transfer full): the sources of labels that are tied. */
GArray *steer_label_ties_list_sources (SteerLabelTies *self);
/* How many labels those have. */
guint64 steer_label_ties_count (SteerLabelTies *self);
/* Of which source of vectors, and of which layer there, the labels are; NULL: of none. (transfer none) */
const char *steer_label_ties_get_source_id (SteerLabelTies *self, gint64 labels, guint *layer);

/* For what the user's labels may be kept, the nearest first: the source, its model as Neuronpedia calls it, any. */
char **steer_label_ties_dup_models (SteerLabelTies *self, const char *source_id, guint layer);

/* What a feature is called: by the user, else by the first tied source; NULL: it has no label. @by_user: (out)
 * (nullable) */
char *
steer_label_ties_dup_label (SteerLabelTies *self, const char *source_id, guint layer, guint64 index, gboolean *by_user);

/* What others call it. */
char *steer_label_ties_dup_imported (SteerLabelTies *self, const char *source_id, guint layer, guint64 index);

G_END_DECLS
