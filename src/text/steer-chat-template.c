#include "steer-chat-template.h"

#include "steer-template-private.h"

#include <json-glib/json-glib.h>
#include <string.h>

struct _SteerChatTemplate
{
  GObject parent_instance;

  SteerTemplate template;
};

G_DEFINE_FINAL_TYPE (SteerChatTemplate, steer_chat_template, G_TYPE_OBJECT)

/* --- names --- */

static const char *const role_names[] = {
  [STEER_ROLE_SYSTEM] = "system",
  [STEER_ROLE_USER] = "user",
  [STEER_ROLE_ASSISTANT] = "assistant",
};

const char *
steer_role_get_name (SteerRole role)
{
  g_return_val_if_fail ((guint) role < G_N_ELEMENTS (role_names), "user");
  return role_names[role];
}

gboolean
steer_role_from_name (const char *name, SteerRole *role)
{
  for (guint i = 0; i < G_N_ELEMENTS (role_names); i++)
    if (g_strcmp0 (name, role_names[i]) == 0)
      {
        *role = (SteerRole) i;
        return TRUE;
      }
  return FALSE;
}

static const char *const family_names[STEER_N_TEMPLATES] = {
  [STEER_TEMPLATE_LLAMA3] = "llama3",     [STEER_TEMPLATE_CHATML] = "chatml", [STEER_TEMPLATE_LLAMA2] = "llama2",
  [STEER_TEMPLATE_MISTRAL] = "mistral",   [STEER_TEMPLATE_GEMMA] = "gemma",   [STEER_TEMPLATE_ZEPHYR] = "zephyr",
  [STEER_TEMPLATE_DEEPSEEK] = "deepseek",
};

const char *
steer_template_family_get_name (SteerTemplateFamily family)
{
  g_return_val_if_fail ((guint) family < STEER_N_TEMPLATES, NULL);
  return family_names[family];
}

gboolean
steer_template_family_from_name (const char *name, SteerTemplateFamily *family)
{
  for (guint i = 0; i < STEER_N_TEMPLATES; i++)
    if (g_strcmp0 (name, family_names[i]) == 0)
      {
        *family = (SteerTemplateFamily) i;
        return TRUE;
      }
  return FALSE;
}

/* --- what is known of a template --- */

void
steer_template_init (SteerTemplate *template, SteerTemplateFamily family, const char *bos, const char *eos)
{
  *template = (SteerTemplate){
    .family = family,
    .bos = g_strdup (bos != NULL ? bos : ""),
    .eos = g_strdup (eos != NULL ? eos : ""),
  };
}

void
steer_template_clear (SteerTemplate *template)
{
  g_free (template->bos);
  g_free (template->eos);
  g_free (template->cutoff);
  g_free (template->date);
  g_free (template->default_system);
  g_free (template->user_open);
  g_free (template->user_close);
  g_free (template->reply_open);
  g_free (template->reply_close);
  *template = (SteerTemplate){ 0 };
}

void
steer_template_init_usual (SteerTemplate *template, SteerTemplateFamily family, const char *bos, const char *eos)
{
  static const struct
  {
    const char *bos;
    const char *eos;
  } tokens[STEER_N_TEMPLATES] = {
    [STEER_TEMPLATE_LLAMA3] = { "<|begin_of_text|>", "<|eot_id|>" },
    [STEER_TEMPLATE_CHATML] = { "", "<|im_end|>" },
    [STEER_TEMPLATE_LLAMA2] = { "<s>", "</s>" },
    [STEER_TEMPLATE_MISTRAL] = { "<s>", "</s>" },
    [STEER_TEMPLATE_GEMMA] = { "<bos>", "<eos>" },
    [STEER_TEMPLATE_ZEPHYR] = { "", "</s>" },
    [STEER_TEMPLATE_DEEPSEEK] = { "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>" },
  };

  steer_template_init (template, family, bos != NULL ? bos : tokens[family].bos,
                       eos != NULL ? eos : tokens[family].eos);
  template->generation = STEER_GENERATION_ASKED;
  switch (family)
    {
    case STEER_TEMPLATE_LLAMA3:
      template->trims = TRUE;
      template->opens_system = TRUE;
      template->cutoff = g_strdup ("December 2023");
      template->date = g_strdup ("26 Jul 2024");
      break;
    case STEER_TEMPLATE_LLAMA2:
      template->alternates = TRUE;
      break;
    case STEER_TEMPLATE_MISTRAL:
      template->trims = TRUE;
      template->alternates = TRUE;
      template->system = STEER_SYSTEM_IN_LAST_TURN;
      template->user_open = g_strdup ("[INST] ");
      template->user_close = g_strdup ("[/INST]");
      template->reply_open = g_strdup (" ");
      template->reply_close = g_strdup ("");
      break;
    case STEER_TEMPLATE_GEMMA:
      template->trims = TRUE;
      template->alternates = TRUE;
      template->system = STEER_SYSTEM_IN_FIRST_USER;
      break;
    case STEER_TEMPLATE_ZEPHYR:
      template->line_ends = TRUE;
      break;
    case STEER_TEMPLATE_DEEPSEEK:
      template->drops_thought = template->opens_thought = TRUE;
      break;
    case STEER_TEMPLATE_CHATML:
    case STEER_N_TEMPLATES:
    default:
      break;
    }
}

/* --- the object --- */

static void
steer_chat_template_finalize (GObject *object)
{
  steer_template_clear (&STEER_CHAT_TEMPLATE (object)->template);

  G_OBJECT_CLASS (steer_chat_template_parent_class)->finalize (object);
}

static void
steer_chat_template_class_init (SteerChatTemplateClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = steer_chat_template_finalize;
}

static void
steer_chat_template_init (SteerChatTemplate *self)
{
}

SteerChatTemplate *
steer_chat_template_new_from_source (const char *source, const char *bos, const char *eos, GError **error)
{
  SteerTemplate template;
  SteerChatTemplate *self;

  g_return_val_if_fail (source != NULL, NULL);

  if (!steer_template_init_from_source (&template, source, bos, eos, error))
    return NULL;
  self = g_object_new (STEER_TYPE_CHAT_TEMPLATE, NULL);
  self->template = template;
  return self;
}

SteerChatTemplate *
steer_chat_template_new_for_family (SteerTemplateFamily family, const char *bos, const char *eos)
{
  SteerChatTemplate *self;

  g_return_val_if_fail ((guint) family < STEER_N_TEMPLATES, NULL);

  self = g_object_new (STEER_TYPE_CHAT_TEMPLATE, NULL);
  steer_template_init_usual (&self->template, family, bos, eos);
  return self;
}

SteerTemplateFamily
steer_chat_template_get_family (SteerChatTemplate *self)
{
  g_return_val_if_fail (STEER_IS_CHAT_TEMPLATE (self), STEER_TEMPLATE_CHATML);
  return self->template.family;
}

void
steer_rendering_free (SteerRendering *rendering)
{
  if (rendering == NULL)
    return;
  g_free (rendering->text);
  g_array_unref (rendering->spans);
  g_free (rendering);
}

const char *
steer_chat_template_get_written (SteerChatTemplate *self)
{
  g_return_val_if_fail (STEER_IS_CHAT_TEMPLATE (self), "");
  return self->template.opens_thought ? "<think>\n" : "";
}

gboolean
steer_chat_template_may_skip_thought (SteerChatTemplate *self)
{
  g_return_val_if_fail (STEER_IS_CHAT_TEMPLATE (self), FALSE);
  return self->template.skips_thought;
}

SteerRendering *
steer_chat_template_render (SteerChatTemplate *self,
                            const SteerTurn *turns,
                            guint n_turns,
                            SteerOpening opening,
                            const char *date_string,
                            GError **error)
{
  g_return_val_if_fail (STEER_IS_CHAT_TEMPLATE (self), NULL);
  g_return_val_if_fail (turns != NULL || n_turns == 0, NULL);

  return steer_template_render (&self->template, turns, n_turns, opening, date_string, error);
}

/* --- a model's folder --- */

/* The folder's file @name as an object; NULL without an error when there is none. */
static JsonNode *
load_json (const char *directory, const char *name, GError **error)
{
  g_autofree char *path = g_build_filename (directory, name, NULL);
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) local_error = NULL;

  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    return NULL;
  if (!json_parser_load_from_file (parser, path, &local_error))
    g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_INVALID, "%s: %s", path, local_error->message);
  else if (json_parser_get_root (parser) == NULL || !JSON_NODE_HOLDS_OBJECT (json_parser_get_root (parser)))
    g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_INVALID, "%s: not a JSON object", path);
  else
    return json_parser_steal_root (parser);
  return NULL;
}

static const char *
get_text (JsonObject *object, const char *member)
{
  JsonNode *node = object != NULL ? json_object_get_member (object, member) : NULL;

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING
           ? json_node_get_string (node)
           : NULL;
}

/* A token is written as its content or as an object with its content. */
static const char *
get_token (JsonNode *config, const char *member)
{
  JsonObject *object = config != NULL ? json_node_get_object (config) : NULL;
  JsonNode *node = object != NULL ? json_object_get_member (object, member) : NULL;

  if (node != NULL && JSON_NODE_HOLDS_OBJECT (node))
    return get_text (json_node_get_object (node), "content");
  return get_text (object, member);
}

/* Of a list of named templates the one called "default", or the only one. */
static const char *
choose_template (JsonArray *templates, const char *path, GError **error)
{
  const char *only = NULL;
  guint n = 0;

  for (guint i = 0; i < json_array_get_length (templates); i++)
    {
      JsonNode *node = json_array_get_element (templates, i);
      JsonObject *entry = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
      const char *source = get_text (entry, "template");

      if (source == NULL)
        continue;
      if (g_strcmp0 (get_text (entry, "name"), "default") == 0)
        return source;
      only = source;
      n++;
    }
  if (n == 1)
    return only;
  g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_UNSUPPORTED,
               "%s: none of its %u chat templates is called \"default\"; name a family with --template", path, n);
  return NULL;
}

void
steer_template_files_clear (SteerTemplateFiles *self)
{
  g_free (self->source);
  g_free (self->bos);
  g_free (self->eos);
  *self = (SteerTemplateFiles){ 0 };
}

static char *
dup_token (JsonNode *config, JsonNode *map, const char *name)
{
  const char *token = get_token (config, name);

  return g_strdup (token != NULL ? token : get_token (map, name));
}

/* @path: of the file that the template is in, where there is one. */
static gboolean
read_files (SteerTemplateFiles *self, const char *directory, char **path, GError **error)
{
  g_autofree char *jinja_path = g_build_filename (directory, "chat_template.jinja", NULL);
  g_autofree char *config_path = g_build_filename (directory, "tokenizer_config.json", NULL);
  g_autoptr (JsonNode) config = NULL;
  g_autoptr (JsonNode) map = NULL;
  g_autoptr (GError) local_error = NULL;
  JsonNode *node;
  const char *source = NULL;

  config = load_json (directory, "tokenizer_config.json", &local_error);
  if (local_error == NULL)
    map = load_json (directory, "special_tokens_map.json", &local_error);
  if (local_error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  self->bos = dup_token (config, map, "bos_token");
  self->eos = dup_token (config, map, "eos_token");
  if (g_file_test (jinja_path, G_FILE_TEST_EXISTS))
    {
      *path = g_steal_pointer (&jinja_path);
      return g_file_get_contents (*path, &self->source, NULL, error);
    }
  node = config != NULL ? json_object_get_member (json_node_get_object (config), "chat_template") : NULL;
  if (node != NULL && JSON_NODE_HOLDS_ARRAY (node))
    {
      source = choose_template (json_node_get_array (node), config_path, error);
      if (source == NULL)
        return FALSE;
    }
  else if (config != NULL)
    source = get_text (json_node_get_object (config), "chat_template");
  self->source = g_strdup (source);
  *path = g_steal_pointer (&config_path);
  return TRUE;
}

gboolean
steer_template_files_read (SteerTemplateFiles *self, const char *directory, GError **error)
{
  g_autofree char *path = NULL;

  g_return_val_if_fail (self != NULL && directory != NULL, FALSE);

  *self = (SteerTemplateFiles){ 0 };
  if (read_files (self, directory, &path, error))
    return TRUE;
  steer_template_files_clear (self);
  return FALSE;
}

SteerChatTemplate *
steer_chat_template_new_for_directory (const char *directory, GError **error)
{
  g_auto (SteerTemplateFiles) files = { 0 };
  g_autofree char *path = NULL;
  SteerChatTemplate *self;

  g_return_val_if_fail (directory != NULL, NULL);

  if (!read_files (&files, directory, &path, error))
    return NULL;
  if (files.source == NULL)
    {
      g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_NOT_FOUND,
                   "%s: the model has no chat template, neither in chat_template.jinja nor in tokenizer_config.json; "
                   "name a family with --template (llama3, chatml, llama2, mistral, gemma, zephyr, deepseek)",
                   directory);
      return NULL;
    }
  self = steer_chat_template_new_from_source (files.source, files.bos, files.eos, error);
  if (self == NULL)
    g_prefix_error (error, "%s: ", path);
  return self;
}

/* The text of the token whose id @key names, or NULL. */
static char *
dup_archive_token (SteerArchive *archive, const char *key)
{
  gsize n;
  g_autofree SteerArchiveString *tokens = steer_archive_get_string_array (archive, "tokenizer.ggml.tokens", &n);
  guint64 id;

  if (tokens == NULL || !steer_archive_get_uint (archive, key, &id) || id >= n)
    return NULL;
  return g_utf8_make_valid (tokens[id].bytes, (gssize) tokens[id].length);
}

SteerChatTemplate *
steer_chat_template_new_from_archive (SteerArchive *archive, GError **error)
{
  g_autofree char *bos = NULL;
  g_autofree char *eos = NULL;
  const char *source;
  SteerChatTemplate *self;

  g_return_val_if_fail (STEER_IS_ARCHIVE (archive), NULL);

  source = steer_archive_get_string (archive, "tokenizer.chat_template");
  if (source == NULL)
    {
      g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_NOT_FOUND,
                   "%s: the file has no chat template; "
                   "name a family with --template (llama3, chatml, llama2, mistral, gemma, zephyr, deepseek)",
                   steer_archive_get_path (archive));
      return NULL;
    }
  bos = dup_archive_token (archive, "tokenizer.ggml.bos_token_id");
  eos = dup_archive_token (archive, "tokenizer.ggml.eos_token_id");
  self = steer_chat_template_new_from_source (source, bos, eos, error);
  if (self == NULL)
    g_prefix_error (error, "%s: ", steer_archive_get_path (archive));
  return self;
}

SteerChatTemplate *
steer_chat_template_new_for_model (const char *path, GError **error)
{
  g_autoptr (SteerArchive) archive = NULL;

  g_return_val_if_fail (path != NULL, NULL);

  if (g_file_test (path, G_FILE_TEST_IS_DIR))
    return steer_chat_template_new_for_directory (path, error);
  archive = steer_archive_open (path, NULL, error);
  return archive != NULL ? steer_chat_template_new_from_archive (archive, error) : NULL;
}
