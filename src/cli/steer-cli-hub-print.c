/* What `steer hub` prints, for people and for programs. */
#include "steer-cli-hub.h"

#include "model/steer-model-config.h"
#include "steer-cli-output.h"

char *
steer_cli_hub_dup_problem (const SteerHubRepo *repo, const SteerHubChoice *choice)
{
  if (choice->problem != NULL)
    return g_strdup (choice->problem);
  if (choice->kind == STEER_HUB_MODEL && repo->architecture != NULL
      && !steer_model_config_knows_family (repo->architecture))
    return g_strdup_printf ("models of the family %s are not run here", repo->architecture);
  if (choice->kind == STEER_HUB_MODEL && repo->quantization != NULL && !g_str_has_suffix (choice->target, ".gguf"))
    return g_strdup_printf ("weights quantised with %s are not read; GGUF files are", repo->quantization);
  return NULL;
}

static const char *
get_kind_name (SteerHubKind kind)
{
  return kind == STEER_HUB_MODEL ? "model" : "features";
}

static void
add_string (JsonBuilder *builder, const char *name, const char *text)
{
  json_builder_set_member_name (builder, name);
  if (text != NULL)
    json_builder_add_string_value (builder, text);
  else
    json_builder_add_null_value (builder);
}

static void
add_int (JsonBuilder *builder, const char *name, guint64 number)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, (gint64) MIN (number, (guint64) G_MAXINT64));
}

static void
add_bool (JsonBuilder *builder, const char *name, gboolean value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_boolean_value (builder, value);
}

static void
print_builder (JsonBuilder *builder)
{
  g_autoptr (JsonNode) node = json_builder_get_root (builder);

  steer_cli_print_json (node, TRUE);
}

/* --- a search --- */

/* "1.2 M" */
static char *
dup_count (gint64 n)
{
  return n >= 10000000  ? g_strdup_printf ("%.0f M", (double) n / 1e6)
         : n >= 1000000 ? g_strdup_printf ("%.1f M", (double) n / 1e6)
         : n >= 10000   ? g_strdup_printf ("%.0f k", (double) n / 1e3)
                        : g_strdup_printf ("%" G_GINT64_FORMAT, n);
}

void
steer_cli_hub_print_found (GPtrArray *found, gboolean as_json)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_array (builder);
  for (guint i = 0; i < found->len; i++)
    {
      const SteerHubFound *one = g_ptr_array_index (found, i);

      if (!as_json)
        {
          g_autofree char *downloads = dup_count (one->downloads);

          steer_cli_print ("%8s  %s%s%s%s\n", downloads, one->id, one->has_gguf ? "  [GGUF]" : "",
                           one->has_safetensors ? "  [safetensors]" : "", one->gated ? "  [terms to accept]" : "");
          continue;
        }
      json_builder_begin_object (builder);
      add_string (builder, "id", one->id);
      add_int (builder, "downloads", (guint64) one->downloads);
      add_int (builder, "likes", (guint64) one->likes);
      add_bool (builder, "gated", one->gated);
      add_bool (builder, "gguf", one->has_gguf);
      add_bool (builder, "safetensors", one->has_safetensors);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  if (as_json)
    print_builder (builder);
}

/* --- a repository --- */

static void
print_repo_json (const SteerHubRepo *repo)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  add_string (builder, "id", repo->id);
  add_string (builder, "commit", repo->commit);
  add_string (builder, "architecture", repo->architecture);
  add_string (builder, "license", repo->license);
  add_bool (builder, "gated", repo->gated);
  json_builder_set_member_name (builder, "choices");
  json_builder_begin_array (builder);
  for (guint i = 0; i < repo->choices->len; i++)
    {
      const SteerHubChoice *choice = g_ptr_array_index (repo->choices, i);
      g_autofree char *problem = steer_cli_hub_dup_problem (repo, choice);

      json_builder_begin_object (builder);
      add_string (builder, "name", choice->name);
      add_string (builder, "kind", get_kind_name (choice->kind));
      add_int (builder, "bytes", choice->bytes);
      add_string (builder, "problem", problem);
      json_builder_set_member_name (builder, "files");
      json_builder_begin_array (builder);
      for (guint j = 0; j < choice->n_files; j++)
        json_builder_add_string_value (builder, repo->files[choice->files[j]].path);
      json_builder_end_array (builder);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  print_builder (builder);
}

void
steer_cli_hub_print_repo (const SteerHubRepo *repo, const char *page, gboolean as_json)
{
  g_autofree char *license = repo->license != NULL ? steer_cli_dup_safe (repo->license) : NULL;

  if (as_json)
    {
      print_repo_json (repo);
      return;
    }
  steer_cli_print ("%s%s%s\n", page, license != NULL ? "\nlicence: " : "", license != NULL ? license : "");
  if (repo->gated)
    steer_cli_print ("its terms have to be accepted on its page\n");
  for (guint i = 0; i < repo->choices->len; i++)
    {
      const SteerHubChoice *choice = g_ptr_array_index (repo->choices, i);
      g_autofree char *problem = steer_cli_hub_dup_problem (repo, choice), *size = g_format_size (choice->bytes);
      g_autofree char *safe = problem != NULL ? steer_cli_dup_safe (problem) : NULL;

      steer_cli_print ("%-8s  %9s  %s%s%s%s\n", get_kind_name (choice->kind), size, choice->name,
                       safe != NULL ? "  (" : "", safe != NULL ? safe : "", safe != NULL ? ")" : "");
    }
  if (repo->choices->len == 0)
    steer_cli_note ("nothing in it can be used: no safetensors of a model with its tokenizer, no GGUF file, no file of "
                    "features\n");
}

/* --- what is there --- */

void
steer_cli_hub_print_held (GPtrArray *held, gboolean as_json)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_array (builder);
  for (guint i = 0; i < held->len; i++)
    {
      const SteerHubHeld *one = g_ptr_array_index (held, i);

      if (!as_json)
        {
          g_autofree char *size = g_format_size (one->bytes), *path = steer_cli_dup_safe (one->path);

          steer_cli_print ("%-8s  %9s  %s:%s\n%23s%s\n", get_kind_name (one->kind), size, one->repo_id, one->name, "",
                           path);
          continue;
        }
      json_builder_begin_object (builder);
      add_string (builder, "repository", one->repo_id);
      add_string (builder, "name", one->name);
      add_string (builder, "kind", get_kind_name (one->kind));
      add_int (builder, "bytes", one->bytes);
      add_string (builder, "path", one->path);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  if (as_json)
    print_builder (builder);
}
