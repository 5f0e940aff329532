/* Answers of the Hub and of the bucket of labels, and names that people paste. What is accepted leads nowhere but into
 * the cache. */
#include <string.h>

#include "fuzz.h"

#include "hub/steer-hub-labels.h"
#include "hub/steer-hub-listing.h"
#include "hub/steer-hub-name.h"
#include "hub/steer-hub-repo.h"

static void
check_told (gboolean accepted, GError *error)
{
  g_assert_true (accepted == (error == NULL));
  g_assert_true (error == NULL || g_utf8_validate (error->message, -1, NULL));
  fuzz_accepted |= accepted;
}

static void
check_choice (const SteerHubRepo *repo, const SteerHubChoice *choice)
{
  g_assert_cmpuint (choice->n_files, >, 0);
  g_assert_true (*choice->target == '\0' || steer_hub_is_path (choice->target));
  g_assert_true (*choice->name != '\0');
  for (guint i = 0; i < choice->n_files; i++)
    {
      g_assert_cmpuint (choice->files[i], <, repo->n_files);
      g_assert_true (i == 0 || repo->files[choice->files[i - 1]].size <= repo->files[choice->files[i]].size);
    }
  g_assert_true (steer_hub_find_choice (repo->choices, choice->name, NULL) == choice);
}

static void
read_repo (const char *text, gsize length)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerHubRepo) repo = steer_hub_repo_parse (text, length, &error);

  check_told (repo != NULL, error);
  if (repo == NULL)
    return;
  g_assert_true (steer_hub_is_repo_id (repo->id));
  g_assert_true (steer_hub_is_commit (repo->commit));
  for (guint i = 0; i < repo->n_files; i++)
    g_assert_true (steer_hub_is_path (repo->files[i].path));
  for (guint i = 0; i < repo->choices->len; i++)
    check_choice (repo, g_ptr_array_index (repo->choices, i));
}

static void
read_found (const char *text, gsize length)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) found = steer_hub_found_parse (text, length, &error);

  check_told (found != NULL, error);
  for (guint i = 0; found != NULL && i < found->len; i++)
    g_assert_true (steer_hub_is_repo_id (((SteerHubFound *) g_ptr_array_index (found, i))->id));
}

static void
read_listing (const char *text, gsize length)
{
  g_autoptr (GArray) objects = g_array_new (FALSE, FALSE, sizeof (SteerHubObject));
  g_autofree char *next = NULL;
  g_autoptr (GError) error = NULL;
  gboolean accepted;

  g_array_set_clear_func (objects, (GDestroyNotify) steer_hub_object_clear);
  accepted = steer_hub_listing_parse (text, length, objects, &next, &error);
  check_told (accepted, error);
  for (guint i = 0; i < objects->len; i++)
    g_assert_true (steer_hub_is_path (g_array_index (objects, SteerHubObject, i).key));
}

static void
guess_labels (const char *repo_id, const char *name)
{
  g_autofree char *model = NULL, *source = NULL;

  if (steer_hub_guess_labels (repo_id, name, &model, &source))
    g_assert_true (steer_hub_is_label_name (model) && steer_hub_is_label_name (source));
}

static void
read_name (const char *text)
{
  g_autofree char *repo_id = NULL, *revision = NULL, *path = NULL;
  g_autoptr (GError) error = NULL;
  gboolean accepted;

  if (!g_utf8_validate (text, -1, NULL)) /* a person's text is */
    return;
  accepted = steer_hub_parse_name (text, &repo_id, &revision, &path, &error);
  check_told (accepted, error);
  g_assert_true (!accepted || steer_hub_is_repo_id (repo_id));
  g_assert_true (revision == NULL || steer_hub_is_revision (revision));
  g_assert_true (path == NULL || steer_hub_is_path (path));
  if (accepted)
    guess_labels (repo_id, path != NULL ? path : "");
}

int
fuzz_one_input (const uint8_t *data, size_t size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);

  read_repo ((const char *) data, size);
  read_found ((const char *) data, size);
  read_listing ((const char *) data, size);
  read_name (text);
  return 0;
}
