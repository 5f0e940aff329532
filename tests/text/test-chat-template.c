/* Chat templates against Jinja's rendering; fixtures/text/make-templates.py made the answers. */

#include "json-lines.h"
#include "test-util.h"

#include "text/steer-chat-template.h"

#include <string.h>

/* --- helpers --- */

/* Turns that borrow from @line. */
static GArray *
get_turns (JsonObject *line)
{
  JsonArray *messages = json_object_get_array_member (line, "messages");
  GArray *turns = g_array_new (FALSE, FALSE, sizeof (SteerTurn));

  for (guint i = 0; i < json_array_get_length (messages); i++)
    {
      JsonObject *message = json_array_get_object_element (messages, i);
      SteerTurn turn = { .content = json_object_get_string_member (message, "content") };

      g_assert_true (steer_role_from_name (json_object_get_string_member (message, "role"), &turn.role));
      g_array_append_val (turns, turn);
    }
  return turns;
}

static const char *
get_nullable (JsonObject *line, const char *member)
{
  return json_object_get_null_member (line, member) ? NULL : json_object_get_string_member (line, member);
}

static void
assert_same (const char *what, const char *text, const char *expected)
{
  g_autofree char *shown = NULL, *shown_expected = NULL;

  if (strcmp (text, expected) == 0)
    return;
  shown = g_strescape (text, NULL);
  shown_expected = g_strescape (expected, NULL);
  g_error ("%s:\n     got \"%s\"\nexpected \"%s\"", what, shown, shown_expected);
}

/* The spans cover the text, and what they call trusted holds nothing that came with a message. */
static void
assert_spans (const SteerRendering *rendering)
{
  gsize end = 0;

  for (guint i = 0; i < rendering->spans->len; i++)
    {
      const SteerTextSpan *span = &g_array_index (rendering->spans, SteerTextSpan, i);
      g_autofree char *piece = g_strndup (rendering->text + span->start, span->length);

      g_assert_cmpuint (span->start, ==, end);
      g_assert_cmpuint (span->length, >, 0);
      g_assert_false (i > 0 && span->trusted == span[-1].trusted);
      if (span->trusted)
        {
          g_assert_null (strstr (piece, "obey"));
          g_assert_null (strstr (piece, "{{"));
          g_assert_null (strstr (piece, "x [/INST]"));
        }
      end += span->length;
    }
  g_assert_cmpuint (end, ==, strlen (rendering->text));
}

/* --- published templates --- */

typedef struct
{
  SteerChatTemplate *template;
  char *name;
  guint n_templates;
  guint n_refused;
  guint n_rendered;
  guint n_errors;
} State;

static void
begin_template (State *state, JsonObject *line)
{
  const char *family = get_nullable (line, "family");
  g_autoptr (GError) error = NULL;

  g_clear_object (&state->template);
  g_free (state->name);
  state->name = g_strdup (json_object_get_string_member (line, "name"));
  state->template = steer_chat_template_new_from_source (
    json_object_get_string_member (line, "source"), get_nullable (line, "bos"), get_nullable (line, "eos"), &error);
  if (family == NULL)
    {
      g_assert_null (state->template);
      g_assert_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_UNSUPPORTED);
      g_assert_nonnull (strstr (error->message, "--template"));
      state->n_refused++;
      return;
    }
  if (error != NULL)
    g_error ("%s: %s", state->name, error->message);
  g_assert_cmpstr (steer_template_family_get_name (steer_chat_template_get_family (state->template)), ==, family);
  state->n_templates++;
}

/* "@TODAY@" in the answer, as the program writes it. */
static char *
fill_today (const char *text)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  g_autofree char *today = g_date_time_format (now, "%d %b %Y");
  g_auto (GStrv) parts = g_strsplit (text, "@TODAY@", -1);

  return g_strjoinv (today, parts);
}

static SteerOpening
get_opening (JsonObject *line)
{
  if (!json_object_get_boolean_member (line, "add_generation_prompt"))
    return STEER_OPENING_NONE;
  return json_object_get_boolean_member (line, "thinking") ? STEER_OPENING_REPLY : STEER_OPENING_ANSWER;
}

static void
check_line (JsonObject *line, gpointer data)
{
  State *state = data;
  g_autoptr (GArray) turns = NULL;
  g_autoptr (SteerRendering) rendering = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *expected = NULL;

  if (json_object_has_member (line, "source"))
    {
      begin_template (state, line);
      return;
    }
  turns = get_turns (line);
  rendering = steer_chat_template_render (state->template, (const SteerTurn *) (gpointer) turns->data, turns->len,
                                          get_opening (line), get_nullable (line, "date_string"), &error);
  if (get_nullable (line, "text") == NULL)
    {
      if (rendering != NULL)
        g_error ("%s renders what the reference refuses: %s", state->name, rendering->text);
      g_assert_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_UNSUPPORTED);
      state->n_errors++;
      return;
    }
  if (rendering == NULL)
    g_error ("%s: %s", state->name, error->message);
  expected = fill_today (get_nullable (line, "text"));
  assert_same (state->name, rendering->text, expected);
  assert_spans (rendering);
  state->n_rendered++;
}

static void
test_published (void)
{
  g_autofree char *path = test_fixture_path ("text/templates.jsonl.gz");
  State state = { 0 };

  json_lines_foreach (path, check_line, &state);
  g_assert_cmpuint (state.n_templates, ==, 25);
  g_assert_cmpuint (state.n_refused, ==, 8);
  g_assert_cmpuint (state.n_rendered, >, 600);
  g_assert_cmpuint (state.n_errors, >, 50);
  g_clear_object (&state.template);
  g_free (state.name);
}

/* --- the official template of Llama 3.1 --- */

typedef struct
{
  SteerChatTemplate *template;
  SteerTokenizer *tokenizer;
  guint n_whole;
  guint n_broken;
} Llama;

static void
check_llama (JsonObject *line, gpointer data)
{
  Llama *llama = data;
  g_autoptr (GArray) turns = get_turns (line);
  g_autoptr (GArray) expected = json_lines_get_ids (line, "ids");
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (SteerRendering) rendering = NULL;
  g_autoptr (GError) error = NULL;
  const char *date = json_object_get_string_member (line, "date_string");

  /* "26 Jul 2024 (template default)" stands for no date at all */
  if (g_str_has_suffix (date, "(template default)"))
    date = NULL;
  rendering = steer_chat_template_render (
    llama->template, (const SteerTurn *) (gpointer) turns->data, turns->len,
    json_object_get_boolean_member (line, "add_generation_prompt") ? STEER_OPENING_REPLY : STEER_OPENING_NONE, date,
    &error);
  g_assert_no_error (error);
  assert_same ("Llama 3.1", rendering->text, json_lines_get_text (line, "text"));
  assert_spans (rendering);

  steer_tokenizer_encode_spans (llama->tokenizer, rendering->text,
                                (const SteerTextSpan *) (gpointer) rendering->spans->data, rendering->spans->len,
                                STEER_ENCODE_DEFAULT, ids, &error);
  g_assert_no_error (error);
  json_lines_assert_ids (rendering->text, ids, expected);
  llama->n_whole++;
}

/* Three lines of the file lost a part of themselves where white space such as U+0085 was taken for the end of a line.
 * What is left of two of them still says the ids, and with them the text. */
static void
check_llama_rest (const char *line, gpointer data)
{
  Llama *llama = data;
  const char *list = strstr (line, "\"ids\":[");
  g_autofree char *object = NULL;
  g_autofree char *text = NULL;
  g_autoptr (JsonNode) node = NULL;
  g_autoptr (GArray) expected = NULL;
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GError) error = NULL;

  llama->n_broken++;
  if (list == NULL)
    return;
  object = g_strconcat ("{", list, NULL);
  node = json_from_string (object, &error);
  g_assert_no_error (error);
  expected = json_lines_get_ids (json_node_get_object (node), "ids");
  text = steer_tokenizer_decode (llama->tokenizer, (const gint32 *) (gpointer) expected->data, expected->len, FALSE,
                                 &error);
  g_assert_no_error (error);
  steer_tokenizer_encode (llama->tokenizer, text, strlen (text), STEER_ENCODE_PARSE_SPECIAL, ids, &error);
  g_assert_no_error (error);
  json_lines_assert_ids (text, ids, expected);
}

static void
test_llama_official (void)
{
  g_autofree char *directory = test_shared_path ("llama-3.1-8b-instruct");
  g_autofree char *path = directory != NULL ? test_shared_path ("chat/llama-3.1-cases.jsonl") : NULL;
  g_autofree char *tokenizer_path = NULL;
  g_autoptr (SteerChatTemplate) template = NULL;
  g_autoptr (SteerTokenizer) tokenizer = NULL;
  g_autoptr (GError) error = NULL;
  Llama llama;

  if (path == NULL)
    return;
  template = steer_chat_template_new_for_directory (directory, &error);
  g_assert_no_error (error);
  g_assert_cmpint (steer_chat_template_get_family (template), ==, STEER_TEMPLATE_LLAMA3);
  tokenizer_path = g_build_filename (directory, "tokenizer.json", NULL);
  tokenizer = steer_tokenizer_new_from_file (tokenizer_path, &error);
  g_assert_no_error (error);
  llama = (Llama){ template, tokenizer, 0, 0 };
  g_assert_cmpuint (json_lines_foreach_lenient (path, check_llama, check_llama_rest, &llama), ==, 199);
  g_assert_cmpuint (llama.n_whole, ==, 196);
  g_assert_cmpuint (llama.n_broken, ==, 3);
}

/* --- where templates come from --- */

static char *
write_file (const char *directory, const char *name, const char *contents)
{
  char *path = g_build_filename (directory, name, NULL);
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, contents, -1, &error);
  g_assert_no_error (error);
  return path;
}

#define CHATML                                                                                                         \
  "{{ bos_token }}{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\\\n' + message['content'] + "   \
  "'<|im_end|>\\\\n'}}{% endfor %}"

static void
assert_directory (const char *directory, SteerTemplateFamily family, const char *expected)
{
  const SteerTurn turn = { STEER_ROLE_USER, "Hi" };
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerChatTemplate) template = steer_chat_template_new_for_directory (directory, &error);
  g_autoptr (SteerRendering) rendering = NULL;

  g_assert_no_error (error);
  g_assert_cmpint (steer_chat_template_get_family (template), ==, family);
  rendering = steer_chat_template_render (template, &turn, 1, STEER_OPENING_NONE, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (rendering->text, ==, expected);
}

static void
assert_directory_fails (const char *directory, int code, const char *part)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (steer_chat_template_new_for_directory (directory, &error));
  g_assert_error (error, STEER_TEXT_ERROR, code);
  if (strstr (error->message, part) == NULL)
    g_error ("\"%s\" does not say \"%s\"", error->message, part);
}

static void
test_directory (void)
{
  g_autofree char *directory = test_make_dir ();
  g_autofree char *config = NULL;

  assert_directory_fails (directory, STEER_TEXT_ERROR_NOT_FOUND, "--template");

  config
    = write_file (directory, "tokenizer_config.json", "{\"bos_token\": \"<s>\", \"chat_template\": \"" CHATML "\"}");
  assert_directory (directory, STEER_TEMPLATE_CHATML, "<s><|im_start|>user\nHi<|im_end|>\n");

  g_free (write_file (directory, "tokenizer_config.json",
                      "{\"bos_token\": {\"content\": \"<S>\", \"lstrip\": false}, \"chat_template\": "
                      "[{\"name\": \"tool_use\", \"template\": \"x\"}, {\"name\": \"default\", \"template\": \"" CHATML
                      "\"}]}"));
  assert_directory (directory, STEER_TEMPLATE_CHATML, "<S><|im_start|>user\nHi<|im_end|>\n");

  g_free (write_file (
    directory, "tokenizer_config.json",
    "{\"chat_template\": [{\"name\": \"a\", \"template\": \"x\"}, {\"name\": \"b\", \"template\": \"y\"}]}"));
  assert_directory_fails (directory, STEER_TEXT_ERROR_UNSUPPORTED, "default");

  g_free (write_file (directory, "tokenizer_config.json", "{\"chat_template\": null, \"eos_token\": null}"));
  assert_directory_fails (directory, STEER_TEXT_ERROR_NOT_FOUND, "--template");

  g_free (write_file (directory, "tokenizer_config.json", "{\"chat_template\": \"{{ messages }}\"}"));
  assert_directory_fails (directory, STEER_TEXT_ERROR_UNSUPPORTED, "tokenizer_config.json");

  /* the file of its own goes before, and the map of special tokens helps out */
  g_free (write_file (directory, "special_tokens_map.json", "{\"eos_token\": \"</e>\"}"));
  g_free (write_file (directory, "chat_template.jinja",
                      "{% for message in messages %}\n{{ '<|user|>\\n' + message['content'] + eos_token }}\n"
                      "{{ '<|system|>\\n' + message['content'] + eos_token }}\n"
                      "{{ '<|assistant|>\\n' + message['content'] + eos_token }}\n{% endfor %}"));
  assert_directory (directory, STEER_TEMPLATE_ZEPHYR, "<|user|>\nHi</e>\n");

  g_free (write_file (directory, "tokenizer_config.json", "{\"chat_template\": "));
  assert_directory_fails (directory, STEER_TEXT_ERROR_INVALID, "tokenizer_config.json");
  test_remove_dir (g_steal_pointer (&directory));
}

static void
test_families (void)
{
  static const char *const expected[STEER_N_TEMPLATES] = {
    [STEER_TEMPLATE_LLAMA3]
    = "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\nToday "
      "Date: 26 Jul 2024\n\nBe kind.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
      "<|start_header_id|>assistant<|end_header_id|>\n\n",
    [STEER_TEMPLATE_CHATML]
    = "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
    [STEER_TEMPLATE_LLAMA2] = "<s>[INST] <<SYS>>\nBe kind.\n<</SYS>>\n\nHi [/INST]",
    [STEER_TEMPLATE_MISTRAL] = "<s>[INST] Be kind.\n\nHi[/INST]",
    [STEER_TEMPLATE_GEMMA] = "<bos><start_of_turn>user\nBe kind.\n\nHi<end_of_turn>\n<start_of_turn>model\n",
    [STEER_TEMPLATE_ZEPHYR] = "<|system|>\nBe kind.</s>\n<|user|>\nHi</s>\n<|assistant|>\n",
    [STEER_TEMPLATE_DEEPSEEK] = "<｜begin▁of▁sentence｜>Be kind.<｜User｜>Hi<｜Assistant｜><think>\n",
  };
  const SteerTurn turns[] = { { STEER_ROLE_SYSTEM, "Be kind." }, { STEER_ROLE_USER, "Hi" } };

  for (guint i = 0; i < STEER_N_TEMPLATES; i++)
    {
      SteerTemplateFamily family;
      g_autoptr (SteerChatTemplate) template = NULL;
      g_autoptr (SteerRendering) rendering = NULL;
      g_autoptr (SteerRendering) nothing = NULL;
      g_autoptr (GError) error = NULL;

      g_assert_true (
        steer_template_family_from_name (steer_template_family_get_name ((SteerTemplateFamily) i), &family));
      g_assert_cmpint (family, ==, i);
      template = steer_chat_template_new_for_family (family, NULL, NULL);
      rendering = steer_chat_template_render (template, turns, 2, STEER_OPENING_REPLY, NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (rendering->text, ==, expected[i]);

      nothing = steer_chat_template_render (template, turns, 0, STEER_OPENING_REPLY, NULL, &error);
      g_assert_null (nothing);
      g_assert_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_UNSUPPORTED);
    }
  g_assert_false (steer_template_family_from_name ("alpaca", &(SteerTemplateFamily){ 0 }));
  g_assert_false (steer_role_from_name ("tool", &(SteerRole){ 0 }));
}

/* Every beginning of a template's source is recognised or refused; what matters is that it is read safely. */
static void
cut_source (JsonObject *line, gpointer data)
{
  guint *n = data;
  const char *source;

  if (!json_object_has_member (line, "source"))
    return;
  source = json_object_get_string_member (line, "source");
  for (gsize length = 0; length < strlen (source); length++)
    {
      g_autofree char *cut = g_strndup (source, length);
      g_autoptr (GError) error = NULL;
      g_autoptr (SteerChatTemplate) template = steer_chat_template_new_from_source (cut, "<s>", NULL, &error);

      g_assert_true ((template == NULL) == (error != NULL));
      (*n)++;
    }
}

static void
test_cut_sources (void)
{
  g_autofree char *path = test_fixture_path ("text/templates.jsonl.gz");
  guint n = 0;

  json_lines_foreach (path, cut_source, &n);
  g_assert_cmpuint (n, >, 10000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/text/template/published-templates-render-as-jinja-does", test_published);
  g_test_add_func ("/text/template/llama-3.1-gives-the-official-text-and-ids", test_llama_official);
  g_test_add_func ("/text/template/a-model-folder-names-its-template", test_directory);
  g_test_add_func ("/text/template/a-family-can-be-named", test_families);
  g_test_add_func ("/text/template/every-beginning-of-a-source-is-read-safely", test_cut_sources);
  return g_test_run ();
}
