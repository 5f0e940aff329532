#pragma once

/* libsteer: everything a program needs, in one include. */

#include "chat/steer-engine.h"
#include "chat/steer-niceness.h"
#include "chat/steer-store.h"
#include "steering/steer-preset.h"
#include "steering/steer-sae-folder.h"
#include "steering/steer-vector-library.h"
#include "steering/steer-vector-source-open.h"

G_BEGIN_DECLS

/* Registers the backends and all types. Call once, before anything else, from the main thread. */
void steer_init (void);

/* The types alone, for a program that chooses its backends itself; from the main thread before there is another. */
void steer_init_types (void);

/* "0.1.0" */
const char *steer_get_version (void);

/* One line a library: "GLib 2.74.6\nSQLite 3.40.1\n..."; free with g_free(). */
char *steer_dup_library_versions (void);

/* What the bundled presets call the bundled model's features: those with a label, and the SAE they are from. */
#define STEER_DEMO_SOURCE_ID "demo"

/* The bundled model's folder, in the source tree or where it is installed; NULL when it is not there. STEER_DATA_DIR
 * overrides. Free with g_free(). */
char *steer_dup_demo_model_path (void);
char *steer_dup_demo_vectors_path (void);
char *steer_dup_demo_sae_path (void);
char *steer_dup_presets_path (void);

G_END_DECLS
