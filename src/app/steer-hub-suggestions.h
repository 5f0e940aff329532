#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A model that a person may begin with. */
typedef struct
{
  const char *repo_id;
  const char *title;
  const char *description; /* to be translated */
  const char *best;        /* (nullable): in the name of the choice to take */
  const char *features;    /* (nullable): a repository of features of this model */
} SteerHubSuggestion;

/* NULL after the last. */
const SteerHubSuggestion *steer_hub_suggestion_get (guint position);
/* (nullable) */
const SteerHubSuggestion *steer_hub_suggestion_find (const char *repo_id);

G_END_DECLS
