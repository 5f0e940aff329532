#pragma once

#include "steer-cli.h"

#include "steering/steer-directions.h"
#include "steering/steer-label-store.h"

G_BEGIN_DECLS

/* A feature and all that is known of it. */
typedef struct
{
  guint layer;
  guint64 index;
  SteerLabel *label;        /* nullable */
  char *source_label;       /* nullable: what the SAE's own file calls it */
  GPtrArray *examples;      /* (nullable) (element-type utf8) */
  SteerSae *sae;            /* nullable: none is known; then what follows is not known */
  double norm;              /* of the decoder's direction */
  double layer_norm;        /* 0: not known */
  double recommended;       /* 0: not known */
  GArray *neighbours;       /* (nullable) (element-type SteerNeighbour) */
  SteerLabelStore *store;   /* for the neighbours' labels */
  SteerLabelStore *bundled; /* nullable: the feature is not bundled. Asked where the other says nothing */
} SteerCliShown;

void steer_cli_shown_clear (SteerCliShown *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SteerCliShown, steer_cli_shown_clear)

/* On standard output. */
void steer_cli_features_print_found (GPtrArray *labels, gboolean as_json);
void steer_cli_features_print_sources (GPtrArray *sources, gboolean as_json);
void steer_cli_features_print_import (const SteerLabelImport *counts, gboolean as_json);
void steer_cli_features_print_shown (const SteerCliShown *shown, gboolean as_json);

/* Labels of the SAEs that are bundled; NULL: there are none. */
SteerLabelStore *steer_cli_features_open_bundled (void);
/* Appends what they say to @found (element-type SteerLabel), but for features of which @store says something. */
gboolean steer_cli_features_add_bundled (GPtrArray *found,
                                         SteerLabelStore *store,
                                         const char *query,
                                         const SteerLabelFilter *filter,
                                         guint n_most,
                                         GError **error);
/* The SAE of a feature that is bundled, the label where there is none yet, and numbers that the label lacks.
 * @model: (nullable): the one that is meant. */
gboolean steer_cli_features_find_bundled (SteerCliShown *shown, const char *model, GError **error);
/* What one of @shown's neighbours is called. Free with g_free(); NULL: nothing. */
char *steer_cli_features_dup_neighbour_label (const SteerCliShown *shown, guint64 index);

/* What a feature is called: by the store, else by the SAE's own file. Free with g_free(); NULL: nothing. */
char *steer_cli_features_dup_label (SteerLabelStore *store, SteerSae *sae, guint layer, guint64 index);

G_END_DECLS
