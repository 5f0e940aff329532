#pragma once

#include "app/steer-window.h"

G_BEGIN_DECLS

typedef struct
{
  const char *folder;
  GtkApplication *application;
  GSettings *settings;
  SteerWorkspace *workspace;
  SteerWindow *window;
  SteerChat *chat;
} Studio;

/* A picture of @window, when it has settled, as NAME.png in the folder. */
void shoot (GtkWidget *window, Studio *studio, const char *name);

/* screenshots-hub.c */
void shoot_hub (Studio *studio);

G_END_DECLS
