/* Names of the Hub in the place of paths. */
#include "steer-cli-hub.h"

#include <string.h>

#include "hub/steer-hub-name.h"

/* Of @held those that are @repo_id's and of @kind, as choices, which have the rules of naming one. */
static GPtrArray *
list_choices (GPtrArray *held, const char *repo_id, SteerHubKind kind)
{
  GPtrArray *choices = g_ptr_array_new_with_free_func ((GDestroyNotify) steer_hub_choice_free);

  for (guint i = 0; i < held->len; i++)
    {
      const SteerHubHeld *one = g_ptr_array_index (held, i);
      SteerHubChoice *choice;

      if (one->kind != kind || g_ascii_strcasecmp (one->repo_id, repo_id) != 0)
        continue;
      choice = g_new0 (SteerHubChoice, 1);
      choice->kind = kind;
      choice->name = g_strdup (one->name);
      choice->target = g_strdup (one->path);
      g_ptr_array_add (choices, choice);
    }
  return choices;
}

gboolean
steer_cli_hub_find (const char *text, SteerHubKind kind, char **path, GError **error)
{
  const char *colon = strchr (text, ':');
  g_autofree char *repo_id = g_strndup (text, colon != NULL ? (gsize) (colon - text) : strlen (text));
  const char *wanted = colon != NULL ? colon + 1 : NULL;
  g_autofree char *cache = NULL;
  g_autoptr (GPtrArray) held = NULL, choices = NULL;
  const SteerHubChoice *choice;

  *path = NULL;
  if (!steer_hub_is_repo_id (repo_id))
    return FALSE;
  cache = steer_hub_cache_dup_default_path ();
  held = steer_hub_cache_list (cache, NULL);
  choices = list_choices (held, repo_id, kind);
  if (choices->len == 0 && strchr (repo_id, '/') == NULL)
    return FALSE; /* any word could be one */
  if (choices->len == 0)
    {
      g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_NOT_FOUND,
                   "%s is neither a path nor something that was downloaded: `steer hub get %s` downloads it", repo_id,
                   repo_id);
      return TRUE;
    }
  choice = steer_hub_find_choice (choices, wanted, error);
  *path = choice != NULL ? g_strdup (choice->target) : NULL;
  return TRUE;
}
