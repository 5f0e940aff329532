#pragma once

#include "app/steer-workspace.h"

G_BEGIN_DECLS

/* What searching features needs beside labels. */

/* The program whose data folder is @dir finds the database that bench-labels has made in @folder. */
void stall_labels_take (const char *folder, const char *dir);

/* Adds an autoencoder that has a feature for each label of layer 15, and ties it to them. */
void stall_labels_add_sae (SteerWorkspace *workspace, const char *dir);

G_END_DECLS
