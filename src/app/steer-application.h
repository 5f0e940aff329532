#pragma once

#include <adwaita.h>

#include "steer-workspace.h"

G_BEGIN_DECLS

#define STEER_APPLICATION_ID "com.example.SteerChat"

/**
 * SteerApplication: the program: one window and the workspace behind it, command line, actions `app.*`.
 *
 * Options: --model MODEL (a folder or a GGUF file), --preset FILE, --version; hidden: --exit-after-startup, which
 * prints how long it took from the start of the process until the first frame was drawn. Opened files are presets or
 * model folders.
 */
#define STEER_TYPE_APPLICATION (steer_application_get_type ())
G_DECLARE_FINAL_TYPE (SteerApplication, steer_application, STEER, APPLICATION, AdwApplication)

SteerApplication *steer_application_new (void);

/* NULL before startup. */
SteerWorkspace *steer_application_get_workspace (SteerApplication *self);

/* Of the whole process, once, before anything else of GTK or GSettings: a program that still lies in its build folder
 * finds its settings' schema there, and memory is merged by whoever frees it. */
void steer_application_prepare (void);

/* Size of the text of messages and composer, relative to the desktop's. */
void steer_application_set_text_scale (double scale);

G_END_DECLS
