/* What the files of a repository are, told from their names. How SAEs are published: steer-sae-formats.c. */
#include "steer-hub-choice.h"

#include <stdlib.h>
#include <string.h>

void
steer_hub_file_clear (SteerHubFile *self)
{
  g_clear_pointer (&self->path, g_free);
  g_clear_pointer (&self->sum, g_free);
}

void
steer_hub_choice_free (SteerHubChoice *self)
{
  g_free (self->name);
  g_free (self->target);
  g_free (self->problem);
  g_free (self->files);
  g_free (self);
}

/* --- the table of files --- */

typedef struct
{
  const SteerHubFile *files; /* [n] */
  guint n;
  GHashTable *by_path; /* (element-type utf8 guint), index + 1 */
  GHashTable *shards;  /* folder -> GArray of guint: the first shards of models in it */
  GPtrArray *choices;
} Table;

static const GRegex *
get_regex (const char *pattern)
{
  static GMutex mutex;
  static GHashTable *compiled;
  GRegex *regex;

  g_mutex_lock (&mutex);
  if (compiled == NULL)
    compiled = g_hash_table_new (g_str_hash, g_str_equal);
  regex = g_hash_table_lookup (compiled, pattern);
  if (regex == NULL)
    {
      regex = g_regex_new (pattern, G_REGEX_CASELESS | G_REGEX_OPTIMIZE, 0, NULL);
      g_hash_table_insert (compiled, (gpointer) pattern, regex);
    }
  g_mutex_unlock (&mutex);
  return regex;
}

static gboolean
matches (const char *text, const char *pattern)
{
  return g_regex_match (get_regex (pattern), text, 0, NULL);
}

/* "" for a file that lies in no folder. */
static char *
dup_folder (const char *path)
{
  const char *slash = strrchr (path, '/');

  return slash != NULL ? g_strndup (path, (gsize) (slash - path)) : g_strdup ("");
}

static char *
join (const char *folder, const char *name)
{
  return *folder != '\0' ? g_strconcat (folder, "/", name, NULL) : g_strdup (name);
}

static const char *
get_base (const char *path)
{
  const char *slash = strrchr (path, '/');

  return slash != NULL ? slash + 1 : path;
}

/* Index + 1 of a file; 0 where there is none. */
static guint
find (const Table *table, const char *folder, const char *name)
{
  g_autofree char *path = join (folder, name);

  return GPOINTER_TO_UINT (g_hash_table_lookup (table->by_path, path));
}

static int
compare_sizes (gconstpointer a, gconstpointer b, gpointer data)
{
  const SteerHubFile *files = data;
  guint x = *(const guint *) a, y = *(const guint *) b;

  if (files[x].size != files[y].size)
    return files[x].size < files[y].size ? -1 : 1;
  return strcmp (files[x].path, files[y].path);
}

/* @files: (transfer full) (element-type guint). */
static SteerHubChoice *
add_choice (Table *table, SteerHubKind kind, const char *name, const char *target, GArray *files)
{
  SteerHubChoice *choice = g_new0 (SteerHubChoice, 1);

  g_array_sort_with_data (files, compare_sizes, (gpointer) table->files);
  *choice = (SteerHubChoice){
    .kind = kind,
    .name = g_strdup (name),
    .target = g_strdup (target),
    .n_files = files->len,
  };
  for (guint i = 0; i < files->len; i++)
    {
      guint64 size = table->files[g_array_index (files, guint, i)].size;

      choice->bytes = size > G_MAXUINT64 - choice->bytes ? G_MAXUINT64 : choice->bytes + size;
    }
  choice->files = (guint *) (gpointer) g_array_free (files, FALSE);
  g_ptr_array_add (table->choices, choice);
  return choice;
}

static GArray *
new_files (guint first)
{
  GArray *files = g_array_new (FALSE, FALSE, sizeof (guint));

  return g_array_append_val (files, first);
}

/* --- models --- */

#define FIRST_PART "^(.*)-(0{4,5}1)-of-([0-9]{5,6})\\.(gguf|safetensors)$"
#define ANY_PART "-[0-9]{5,6}-of-[0-9]{5,6}\\.(gguf|safetensors)$"

/* All parts of what @path is the first of, PREFIX-00001-of-0000N.SUFFIX; how many are missing. */
static guint
add_parts (const Table *table, const char *path, GArray *files)
{
  g_autoptr (GMatchInfo) match = NULL;
  g_autofree char *prefix = NULL, *first = NULL, *count = NULL, *suffix = NULL;
  guint n, missing = 0;

  if (!g_regex_match (get_regex (FIRST_PART), path, 0, &match))
    return 0;
  prefix = g_match_info_fetch (match, 1);
  first = g_match_info_fetch (match, 2);
  count = g_match_info_fetch (match, 3);
  suffix = g_match_info_fetch (match, 4);
  n = (guint) g_ascii_strtoull (count, NULL, 10);
  for (guint i = 2; i <= n && missing == 0; i++)
    {
      g_autofree char *part = g_strdup_printf ("%s-%0*u-of-%s.%s", prefix, (int) strlen (first), i, count, suffix);
      guint found = find (table, "", part);

      if (found-- == 0)
        missing = n - i + 1;
      else
        g_array_append_val (files, found);
    }
  return missing;
}

static gboolean
is_later_part (const char *path)
{
  return matches (path, ANY_PART) && !matches (path, FIRST_PART);
}

static void
add_gguf (Table *table, guint i)
{
  const char *path = table->files[i].path;
  const char *base = get_base (path);
  g_autoptr (GArray) files = NULL;
  g_autofree char *name = NULL;
  SteerHubChoice *choice;
  guint missing;

  /* What sees and hears, and what quantisation was led by, lie beside models and are none. */
  if (is_later_part (path) || matches (base, "^mmproj|[-_.]mmproj|^mtp-|^ggml-vocab|[-_.]?imatrix\\.gguf$"))
    return;
  files = new_files (i);
  missing = add_parts (table, path, files);
  name = g_regex_replace_literal (get_regex ("(-[0-9]{5,6}-of-[0-9]{5,6})?\\.gguf$"), path, -1, 0, "", 0, NULL);
  choice = add_choice (table, STEER_HUB_MODEL, name, path, g_steal_pointer (&files));
  if (missing > 0)
    choice->problem = g_strdup ("parts of it are missing");
}

/* The shards of a folder; of several sets that uploads have left, the one that lacks the least. Returns how many there
 * are. */
static guint
add_shards (Table *table, const char *folder, GArray *files, guint *missing)
{
  GArray *firsts = g_hash_table_lookup (table->shards, folder);
  g_autoptr (GArray) best = NULL;

  for (guint i = 0; firsts != NULL && i < firsts->len; i++)
    {
      guint first = g_array_index (firsts, guint, i), lacks;
      g_autoptr (GArray) parts = new_files (first);

      lacks = add_parts (table, table->files[first].path, parts);
      if (best != NULL && lacks >= *missing)
        continue;
      *missing = lacks;
      g_clear_pointer (&best, g_array_unref);
      best = g_steal_pointer (&parts);
    }
  if (best != NULL)
    g_array_append_vals (files, best->data, best->len);
  return best != NULL ? best->len : 0;
}

/* A folder as save_pretrained of transformers writes it, told from its config.json. */
static void
add_folder (Table *table, guint config)
{
  static const char *const others[]
    = { "generation_config.json", "tokenizer.json",     "tokenizer_config.json",       "special_tokens_map.json",
        "chat_template.jinja",    "chat_template.json", "model.safetensors.index.json" };
  g_autofree char *folder = dup_folder (table->files[config].path);
  guint single = find (table, folder, "model.safetensors");
  g_autoptr (GArray) files = new_files (config);
  SteerHubChoice *choice;
  guint missing = 0, n_weights = 0;

  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    {
      guint found = find (table, folder, others[i]);

      if (found-- > 0 && (single == 0 || !g_str_has_suffix (others[i], ".index.json")))
        g_array_append_val (files, found);
    }
  if (single-- > 0)
    {
      g_array_append_val (files, single);
      n_weights = 1;
    }
  if (n_weights == 0)
    n_weights = add_shards (table, folder, files, &missing);
  if (n_weights == 0)
    return;

  choice
    = add_choice (table, STEER_HUB_MODEL, *folder != '\0' ? folder : "safetensors", folder, g_steal_pointer (&files));
  if (missing > 0)
    choice->problem = g_strdup ("parts of it are missing");
  else if (find (table, folder, "tokenizer.json") == 0)
    choice->problem = g_strdup ("it has no tokenizer.json");
}

/* --- features --- */

/* The file that tells what an SAE is, of the names that are in use; index + 1, 0 where there is none. */
static guint
find_sae_config (const Table *table, const char *folder)
{
  static const char *const names[] = { "cfg.json", "config.json", "hyperparams.json" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      guint found = find (table, folder, names[i]);

      if (found > 0)
        return found;
    }
  return 0;
}

/* What training leaves beside weights. */
static gboolean
is_by_product (const char *base)
{
  return matches (base, "^(optimizer|(lr_)?scheduler|scaler|training_args|rng_state|trainer_state|random_states|state|"
                        "state_dict|rank_[0-9]+_state)(_[0-9]+)?\\.|^(optimizer|rng_state|random_states)"
                        "|^(log_)?(feature_)?sparsity\\.");
}

static gboolean
is_of_a_model (const Table *table, guint i)
{
  const char *path = table->files[i].path, *base = get_base (path);
  g_autofree char *folder = dup_folder (path);

  if (matches (base, "^(model|pytorch_model|consolidated|tf_model|adapter_model|diffusion_pytorch_model)\\b")
      || matches (base, ANY_PART))
    return TRUE;
  /* Whatever lies beside a tokenizer is of that model. */
  return find (table, folder, "tokenizer.json") > 0 || find (table, folder, "tokenizer.model") > 0;
}

static void
add_features (Table *table, guint i)
{
  const char *path = table->files[i].path, *base = get_base (path);
  /* Files whose name is the same in every folder: the folder is what tells them apart. */
  gboolean is_named_by_folder = matches (base, "^(ae\\.pt|sae_weights\\.safetensors|sae\\.safetensors|params\\.npz|"
                                               "params\\.safetensors|final\\.safetensors)$");
  g_autofree char *folder = dup_folder (path), *parent = NULL, *name = NULL;
  g_autoptr (GArray) files = NULL;
  guint config;

  if (is_by_product (base) || (!is_named_by_folder && is_of_a_model (table, i)))
    return;
  parent = strcmp (get_base (folder), "checkpoints") == 0 ? dup_folder (folder) : g_strdup (folder);
  files = new_files (i);
  config = find_sae_config (table, parent);
  if (config-- > 0)
    g_array_append_val (files, config);
  if (is_named_by_folder && *parent != '\0')
    name = g_strdup (parent);
  else
    name = g_strdup (path);
  add_choice (table, STEER_HUB_FEATURES, name, path, g_steal_pointer (&files));
}

/* --- all of them --- */

/* A choice and what it is sorted by: "layer_7" before "layer_15". */
typedef struct
{
  SteerHubChoice *choice;
  char *key;
} Sorted;

static int
compare_sorted (gconstpointer a, gconstpointer b)
{
  const Sorted *x = a, *y = b;
  int order = strcmp (x->key, y->key);

  if (x->choice->kind != y->choice->kind)
    return x->choice->kind < y->choice->kind ? -1 : 1;
  return order != 0 ? order : strcmp (x->choice->name, y->choice->name);
}

static void
sort (GPtrArray *choices)
{
  g_autofree Sorted *sorted = g_new (Sorted, choices->len);

  for (guint i = 0; i < choices->len; i++)
    {
      sorted[i].choice = g_ptr_array_index (choices, i);
      sorted[i].key = g_utf8_collate_key_for_filename (sorted[i].choice->name, -1);
    }
  if (choices->len > 0)
    qsort (sorted, choices->len, sizeof *sorted, compare_sorted);
  for (guint i = 0; i < choices->len; i++)
    {
      choices->pdata[i] = sorted[i].choice;
      g_free (sorted[i].key);
    }
}

/* Of two that would be called the same the second is called by its file, and where that is taken by a number, too. */
static void
make_names_unique (GPtrArray *choices)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < choices->len; i++)
    {
      SteerHubChoice *choice = g_ptr_array_index (choices, i);
      const char *plain = *choice->target != '\0' ? choice->target : "safetensors";

      for (guint n = 1; g_hash_table_contains (seen, choice->name); n++)
        {
          g_free (choice->name);
          choice->name = n == 1 ? g_strdup (plain) : g_strdup_printf ("%s (%u)", plain, n);
        }
      g_hash_table_add (seen, choice->name);
    }
}

static void
add_shard (GHashTable *shards, guint i, const char *path)
{
  char *folder = dup_folder (path);
  GArray *firsts = g_hash_table_lookup (shards, folder);

  if (firsts == NULL)
    {
      firsts = g_array_new (FALSE, FALSE, sizeof (guint));
      g_hash_table_insert (shards, folder, firsts);
    }
  else
    g_free (folder);
  g_array_append_val (firsts, i);
}

GPtrArray *
steer_hub_list_choices (const SteerHubFile *files, guint n_files)
{
  g_autoptr (GHashTable) by_path = g_hash_table_new (g_str_hash, g_str_equal);
  GPtrArray *choices = g_ptr_array_new_with_free_func ((GDestroyNotify) steer_hub_choice_free);
  g_autoptr (GHashTable) shards
    = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_array_unref);
  Table table = { files, n_files, by_path, shards, choices };

  for (guint i = 0; i < n_files; i++)
    {
      const char *base = get_base (files[i].path);

      g_hash_table_insert (by_path, files[i].path, GUINT_TO_POINTER (i + 1));
      if (g_str_has_prefix (base, "model-") && matches (base, FIRST_PART) && g_str_has_suffix (base, ".safetensors"))
        add_shard (shards, i, files[i].path);
    }
  for (guint i = 0; i < n_files; i++)
    {
      const char *path = files[i].path, *base = get_base (path);

      if (matches (base, "\\.gguf$"))
        add_gguf (&table, i);
      else if (strcmp (base, "config.json") == 0)
        add_folder (&table, i);
      else if (matches (base, "\\.(safetensors|npz|npy|pt|pth)$"))
        add_features (&table, i);
    }
  make_names_unique (choices);
  sort (choices);
  return choices;
}
