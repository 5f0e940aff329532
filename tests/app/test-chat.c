/* The chat: sending, regenerating, editing, comparing, with the tiny model. No widgets. */
#include "app/steer-chat.h"
#include "app-test-util.h"
#include "chat/store-test-util.h"
#include "test-util.h"

typedef struct
{
  char *dir;
  GSettings *settings;
  SteerWorkspace *workspace;
  SteerChat *chat;
  guint n_replied;
  char *failed;
} Fixture;

static void
on_replied (SteerChat *chat, SteerConversation *conversation, SteerMessage *message, Fixture *f)
{
  f->n_replied++;
}

static void
on_failed (SteerChat *chat, SteerConversation *conversation, const char *message, Fixture *f)
{
  g_free (f->failed);
  f->failed = g_strdup (message);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->dir = test_make_dir ();
  f->settings = app_test_settings ();
  f->workspace = app_test_workspace (f->settings, f->dir, GPOINTER_TO_UINT (data));
  f->chat = steer_chat_new (f->workspace);
  g_signal_connect (f->chat, "replied", G_CALLBACK (on_replied), f);
  g_signal_connect (f->chat, "failed", G_CALLBACK (on_failed), f);
}

static gboolean
is_idle (gpointer chat)
{
  return !steer_chat_get_writing (chat);
}

static void
wait_idle (Fixture *f)
{
  test_wait_until (is_idle, f->chat, 30);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  steer_chat_stop_all (f->chat);
  wait_idle (f);
  test_assert_finalizes (f->chat);
  test_assert_finalizes (f->workspace);
  g_clear_object (&f->settings);
  g_free (f->failed);
  test_remove_dir (f->dir);
}

static guint
count (Fixture *f)
{
  return g_list_model_get_n_items (G_LIST_MODEL (steer_chat_get_conversation (f->chat)));
}

static SteerMessage *
get (Fixture *f, guint position)
{
  g_autoptr (SteerMessage) message
    = g_list_model_get_item (G_LIST_MODEL (steer_chat_get_conversation (f->chat)), position);

  g_assert_nonnull (message);
  return message;
}

static gboolean
has_text (gpointer data)
{
  Fixture *f = data;

  return count (f) > 1 && strlen (steer_message_get_text (get (f, 1))) > 8;
}

static gboolean
has_b (gpointer data)
{
  return strchr (steer_message_get_text (get (data, 1)), 'b') != NULL;
}

static void
use_letter (Fixture *f, guint64 letter)
{
  g_autoptr (SteerPreset) preset = app_test_preset ("Letter", letter, 80);

  steer_workspace_set_preset (f->workspace, preset);
}

static void
test_send (Fixture *f, gconstpointer data)
{
  use_letter (f, 'a');
  g_assert_true (steer_chat_get_can_send (f->chat));
  steer_chat_send (f->chat, "  Hello  ");
  g_assert_cmpuint (count (f), ==, 2);
  g_assert_cmpstr (steer_message_get_text (get (f, 0)), ==, "Hello");
  g_assert_true (steer_chat_get_busy (f->chat));
  g_assert_false (steer_chat_get_can_send (f->chat));
  g_assert_false (steer_message_get_complete (get (f, 1)));

  wait_idle (f);
  g_assert_cmpstr (steer_message_get_text (get (f, 1)), ==, "aaaaaaaaaaaaaaaa");
  g_assert_cmpstr (steer_message_get_preset_name (get (f, 1)), ==, "Letter");
  g_assert_true (steer_message_get_complete (get (f, 1)));
  g_assert_cmpuint (f->n_replied, ==, 1);
  g_assert_false (steer_chat_get_busy (f->chat));
  g_assert_cmpstr (steer_conversation_get_title (steer_chat_get_conversation (f->chat)), ==, "Hello");
}

static void
test_send_nothing (Fixture *f, gconstpointer data)
{
  steer_chat_send (f->chat, " \n ");
  g_assert_cmpuint (count (f), ==, 0);

  steer_chat_send (f->chat, "one");
  steer_chat_send (f->chat, "two while the answer to one is being written");
  g_assert_cmpuint (count (f), ==, 2);
  wait_idle (f);
}

static void
test_change_in_reply (Fixture *f, gconstpointer data)
{
  const char *text;
  const GArray *runs;
  g_autoptr (SteerPreset) preset = app_test_preset ("Letter", 'a', 80);

  steer_workspace_set_preset (f->workspace, preset);
  steer_chat_send (f->chat, "Hello");
  test_wait_until (has_text, f, 20);
  use_letter (f, 'b');
  test_wait_until (has_b, f, 20);
  steer_chat_stop (f->chat);
  wait_idle (f);

  text = steer_message_get_text (get (f, 1));
  runs = steer_message_get_runs (get (f, 1));
  g_assert_cmpint (text[0], ==, 'a');
  g_assert_cmpint (text[strlen (text) - 1], ==, 'b');
  g_assert_cmpuint (runs->len, ==, 2);
  g_assert_nonnull (strstr (g_array_index (runs, SteerTextRun, 0).steering, "the letter a"));
  g_assert_nonnull (strstr (g_array_index (runs, SteerTextRun, 1).steering, "the letter b"));
  /* Where the label changes is where the letter changes. */
  g_assert_cmpuint (g_array_index (runs, SteerTextRun, 1).start, ==, strspn (text, "a"));
}

static void
test_stop (Fixture *f, gconstpointer data)
{
  use_letter (f, 'a');
  steer_chat_send (f->chat, "Hello");
  test_wait_until (has_text, f, 20);
  steer_chat_stop (f->chat);
  wait_idle (f);
  g_assert_cmpint (steer_message_get_stop_reason (get (f, 1)), ==, STEER_STOP_CANCELLED);
  g_assert_cmpuint (strlen (steer_message_get_text (get (f, 1))), >, 8);
  g_assert_cmpstr (f->failed, ==, NULL);
}

static void
test_regenerate (Fixture *f, gconstpointer data)
{
  use_letter (f, 'a');
  steer_chat_send (f->chat, "Hello");
  wait_idle (f);
  use_letter (f, 'b');
  steer_chat_regenerate (f->chat, get (f, 1));
  g_assert_cmpuint (count (f), ==, 2);
  wait_idle (f);
  g_assert_cmpint (steer_message_get_text (get (f, 1))[0], ==, 'b');
  g_assert_cmpuint (steer_message_get_n_alternatives (get (f, 1)), ==, 2);
  g_assert_cmpuint (steer_message_get_alternative (get (f, 1)), ==, 1);

  steer_conversation_select_alternative (steer_chat_get_conversation (f->chat), get (f, 1), 0);
  g_assert_cmpint (steer_message_get_text (get (f, 1))[0], ==, 'a');
}

/* As chats from elsewhere may. */
static void
begin_with_assistant (Fixture *f)
{
  const char *json = "{\"messages\": [{\"role\": \"assistant\", \"content\": \"Welcome\"},"
                     "{\"role\": \"user\", \"content\": \"Hello\"}]}";
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerConversation) conversation = steer_conversation_new_from_json (json, -1, &error);

  g_assert_no_error (error);
  steer_chat_set_conversation (f->chat, conversation);
}

static void
test_regenerate_first (Fixture *f, gconstpointer data)
{
  begin_with_assistant (f);
  steer_chat_continue (f->chat);
  wait_idle (f);
  g_assert_cmpuint (count (f), ==, 3);
  g_assert_false (steer_chat_can_regenerate (f->chat, get (f, 0)));
  g_assert_false (steer_chat_can_regenerate (f->chat, get (f, 1)));
  g_assert_true (steer_chat_can_regenerate (f->chat, get (f, 2)));

  steer_chat_regenerate (f->chat, get (f, 0));
  g_assert_false (steer_chat_get_busy (f->chat));
  g_assert_cmpuint (count (f), ==, 3);
  g_assert_cmpuint (steer_message_get_n_alternatives (get (f, 0)), ==, 1);

  steer_chat_regenerate (f->chat, get (f, 2));
  g_assert_false (steer_chat_can_regenerate (f->chat, get (f, 2))); /* while something is written */
  wait_idle (f);
  g_assert_cmpuint (count (f), ==, 3);
  g_assert_cmpuint (steer_message_get_n_alternatives (get (f, 2)), ==, 2);
}

static void
test_seeds (Fixture *f, gconstpointer data)
{
  g_autofree char *first = NULL;
  guint64 seed;

  g_settings_set_double (f->settings, "temperature", 1.5);
  g_settings_set_uint64 (f->settings, "seed", 42);
  steer_chat_send (f->chat, "Hello");
  wait_idle (f);
  g_assert_cmpuint (steer_message_get_seed (get (f, 1)), ==, 42);
  first = g_strdup (steer_message_get_text (get (f, 1)));
  steer_chat_regenerate (f->chat, get (f, 1));
  wait_idle (f);
  g_assert_cmpuint (steer_message_get_seed (get (f, 1)), ==, 43);
  g_assert_cmpstr (steer_message_get_text (get (f, 1)), !=, first);

  steer_chat_start_new (f->chat);
  steer_chat_send (f->chat, "Hello");
  wait_idle (f);
  g_assert_cmpstr (steer_message_get_text (get (f, 1)), ==, first);

  g_settings_reset (f->settings, "seed");
  steer_chat_regenerate (f->chat, get (f, 1));
  wait_idle (f);
  seed = steer_message_get_seed (get (f, 1));
  steer_chat_regenerate (f->chat, get (f, 1));
  wait_idle (f);
  g_assert_cmpuint (steer_message_get_seed (get (f, 1)), !=, seed);
}

static void
test_edit (Fixture *f, gconstpointer data)
{
  use_letter (f, 'a');
  steer_chat_send (f->chat, "Hello");
  wait_idle (f);

  steer_chat_edit (f->chat, get (f, 0), "Goodbye");
  wait_idle (f);
  g_assert_cmpuint (count (f), ==, 2);
  g_assert_cmpstr (steer_message_get_text (get (f, 0)), ==, "Goodbye");
  g_assert_cmpuint (steer_message_get_n_alternatives (get (f, 0)), ==, 2);
  g_assert_cmpuint (strlen (steer_message_get_text (get (f, 1))), ==, 16);

  steer_chat_edit (f->chat, get (f, 1), "I said this");
  g_assert_false (steer_chat_get_busy (f->chat));
  g_assert_cmpstr (steer_message_get_text (get (f, 1)), ==, "I said this");
}

static void
test_compare (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerMessage) plain = NULL, steered = NULL;

  use_letter (f, 'a');
  steer_chat_set_comparing (f->chat, TRUE);
  steer_chat_send (f->chat, "Hello");
  g_set_object (&plain, steer_chat_get_plain_message (f->chat));
  g_set_object (&steered, steer_chat_get_steered_message (f->chat));
  g_assert_nonnull (plain);
  g_assert_nonnull (steered);
  wait_idle (f);

  g_assert_cmpstr (steer_message_get_text (steered), ==, "aaaaaaaaaaaaaaaa");
  g_assert_cmpstr (steer_message_get_text (plain), !=, steer_message_get_text (steered));
  g_assert_cmpuint (steer_message_get_n_tokens (plain), ==, 16);
  g_assert_cmpstr (steer_message_get_preset_name (plain), ==, NULL);
  g_assert_cmpuint (steer_message_get_seed (plain), ==, steer_message_get_seed (steered));
  g_assert_cmpuint (count (f), ==, 2);
  g_assert_true (steer_chat_get_plain_message (f->chat) == plain);

  steer_chat_keep (f->chat, plain);
  g_assert_null (steer_chat_get_plain_message (f->chat));
  g_assert_null (steer_chat_get_steered_message (f->chat));
  g_assert_true (get (f, 1) == plain);
  g_assert_cmpuint (steer_message_get_n_alternatives (plain), ==, 2);
}

static void
test_compare_goes_on (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerMessage) steered = NULL;

  use_letter (f, 'a');
  steer_chat_set_comparing (f->chat, TRUE);
  steer_chat_send (f->chat, "Hello");
  g_set_object (&steered, steer_chat_get_steered_message (f->chat));
  wait_idle (f);
  steer_chat_set_comparing (f->chat, FALSE);
  steer_chat_send (f->chat, "And then?");
  g_assert_null (steer_chat_get_plain_message (f->chat));
  g_assert_true (get (f, 1) == steered);
  g_assert_cmpuint (count (f), ==, 4);
  wait_idle (f);
}

typedef struct
{
  SteerMessage *message;
  guint n_tokens;
} Growth;

static gboolean
has_grown (gpointer data)
{
  Growth *growth = data;

  return steer_message_get_n_tokens (growth->message) > growth->n_tokens;
}

/* The one that is left goes on being written to when it is only left, and stops when it is deleted. */
static void
test_leave (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerConversation) first = g_object_ref (steer_chat_get_conversation (f->chat));
  g_autoptr (SteerConversation) second = NULL;

  use_letter (f, 'a');
  steer_chat_send (f->chat, "Hello");
  test_wait_until (has_text, f, 20);
  steer_chat_start_new (f->chat);
  g_set_object (&second, steer_chat_get_conversation (f->chat));
  g_assert_false (steer_chat_leave (f->chat, steer_conversation_get_id (first)));
  wait_idle (f);
  g_assert_true (steer_chat_get_conversation (f->chat) == second);

  steer_chat_send (f->chat, "Hello again");
  test_wait_until (has_text, f, 20);
  g_assert_true (steer_chat_leave (f->chat, steer_conversation_get_id (second)));
  wait_idle (f);
  g_assert_cmpuint (count (f), ==, 0);
}

static gboolean
is_gone (gpointer data)
{
  return *(gpointer *) data == NULL;
}

static void
test_leave_comparison (Fixture *f, gconstpointer data)
{
  gpointer conversation = steer_chat_get_conversation (f->chat);

  g_object_add_weak_pointer (conversation, &conversation);
  use_letter (f, 'a');
  steer_chat_set_comparing (f->chat, TRUE);
  steer_chat_send (f->chat, "Hello");
  wait_idle (f);
  g_assert_true (steer_chat_leave (f->chat, steer_conversation_get_id (conversation)));
  test_wait_until (is_gone, &conversation, 20);
}

static void
test_switch (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerConversation) first = NULL;
  g_autoptr (SteerMessage) reply = NULL;

  use_letter (f, 'a');
  steer_chat_send (f->chat, "Hello");
  g_set_object (&first, steer_chat_get_conversation (f->chat));
  test_wait_until (has_text, f, 20);
  steer_chat_start_new (f->chat);
  g_assert_false (steer_chat_get_busy (f->chat));
  g_assert_true (steer_chat_get_writing (f->chat));
  g_assert_true (steer_chat_get_can_send (f->chat));

  steer_chat_set_conversation (f->chat, first);
  g_assert_true (steer_chat_get_busy (f->chat));
  steer_chat_start_new (f->chat);
  reply = g_list_model_get_item (G_LIST_MODEL (first), 1);
  steer_chat_stop (f->chat); /* of the new chat, in which nothing is written */
  test_wait_until (has_grown, &(Growth){ reply, steer_message_get_n_tokens (reply) }, 20);
  g_assert_true (steer_chat_get_writing (f->chat));
  steer_chat_stop_all (f->chat);
  wait_idle (f);
  g_assert_true (steer_message_get_complete (reply));
  g_assert_cmpuint (f->n_replied, ==, 1);
}

/* What the next prompt begins with; nothing in an empty chat. */
static guint
count_tokens (Fixture *f)
{
  g_autoptr (SteerRequest) request = steer_request_new ();
  g_autoptr (GArray) tokens = NULL;

  steer_conversation_fill_request (steer_chat_get_conversation (f->chat), NULL, request);
  tokens = steer_engine_encode (steer_workspace_get_engine (f->workspace), request, NULL);
  return tokens != NULL ? tokens->len : 0;
}

static gboolean
is_counted (gpointer data)
{
  Fixture *f = data;
  guint used;

  g_object_get (f->chat, "context-used", &used, NULL);
  return used == count_tokens (f);
}

static void
test_context (Fixture *f, gconstpointer data)
{
  guint used, size, n_tokens;

  steer_chat_send (f->chat, "Hello");
  wait_idle (f);
  test_wait_until (is_counted, f, 20);
  n_tokens = count_tokens (f);
  g_object_get (f->chat, "context-used", &used, "context-size", &size, NULL);
  g_assert_cmpuint (n_tokens, >, 16);
  g_assert_cmpuint (used, ==, n_tokens);
  g_assert_cmpuint (size, ==, 8192);

  /* What another chat is counted as does not come to this one. */
  steer_conversation_append (steer_chat_get_conversation (f->chat), STEER_ROLE_USER, "And another thing");
  while (g_main_context_iteration (NULL, FALSE)) /* the count has begun, or has even ended */
    ;
  steer_chat_start_new (f->chat);
  test_wait_until (is_counted, f, 20);
  app_test_settle ();
  g_object_get (f->chat, "context-used", &used, NULL);
  g_assert_cmpuint (used, ==, 0);
}

static void
copy_file (const char *from, const char *folder, const char *name)
{
  g_autoptr (GFile) source = g_file_new_for_path (from);
  g_autoptr (GFile) copy = g_file_new_build_filename (folder, name, NULL);
  g_autoptr (GError) error = NULL;

  g_file_copy (source, copy, G_FILE_COPY_NONE, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
}

static gboolean
is_thinking_model (gpointer chat)
{
  SteerEngine *engine = steer_workspace_get_engine (steer_chat_get_workspace (chat));
  SteerChatTemplate *template = steer_engine_get_template (engine);

  return template != NULL && steer_chat_template_may_skip_thought (template) && steer_chat_get_can_send (chat);
}

static guint
count_prompt (Fixture *f)
{
  g_autoptr (SteerReply) reply = NULL;
  guint n_prompt;

  steer_chat_start_new (f->chat);
  steer_chat_send (f->chat, "Hello");
  g_set_object (&reply, steer_chat_get_reply (f->chat));
  wait_idle (f);
  g_object_get (reply, "n-prompt-tokens", &n_prompt, NULL);
  return n_prompt;
}

/* The model has tokens of one byte. */
static void
test_think_first (Fixture *f, gconstpointer data)
{
  static const char *const names[] = { "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json" };
  g_autofree char *folder = g_build_filename (f->dir, "thinker", NULL);
  g_autofree char *template = test_fixture_path ("text/qwen-3.jinja");
  guint thinking;

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *relative = g_build_filename ("cli", "model", names[i], NULL);
      g_autofree char *path = test_fixture_path (relative);

      copy_file (path, folder, names[i]);
    }
  copy_file (template, folder, "chat_template.jinja");
  steer_workspace_load_model (f->workspace, folder);
  test_wait_until (is_thinking_model, f->chat, 20);
  thinking = count_prompt (f);
  g_settings_set_boolean (f->settings, "think-first", FALSE);
  g_assert_cmpuint (count_prompt (f), ==, thinking + strlen ("<think>\n\n</think>\n\n"));
}

static void
test_system_prompt (Fixture *f, gconstpointer data)
{
  g_settings_set_string (f->settings, "system-prompt", "You are a letter.");
  steer_chat_send (f->chat, "Hello");
  wait_idle (f);
  g_assert_cmpstr (steer_conversation_get_system_prompt (steer_chat_get_conversation (f->chat)), ==,
                   "You are a letter.");

  /* A conversation keeps the one it began with. */
  g_settings_set_string (f->settings, "system-prompt", "You are a number.");
  steer_chat_send (f->chat, "And then?");
  wait_idle (f);
  g_assert_cmpstr (steer_conversation_get_system_prompt (steer_chat_get_conversation (f->chat)), ==,
                   "You are a letter.");
}

static void
test_too_long (Fixture *f, gconstpointer data)
{
  g_autofree char *text = g_strnfill (20000, 'x');

  steer_chat_send (f->chat, text);
  wait_idle (f);
  g_assert_nonnull (f->failed);
  g_assert_cmpuint (f->n_replied, ==, 0);
  /* The question stays, to be shortened and asked again; no empty answer stands below it. */
  g_assert_cmpuint (count (f), ==, 1);
  g_assert_true (steer_chat_get_can_send (f->chat));
  g_assert_true (steer_chat_get_unanswered (f->chat));
  g_assert_cmpstr (steer_chat_get_failure (f->chat), ==, f->failed);
  g_assert_true (steer_chat_get_context_full (f->chat));

  steer_chat_edit (f->chat, get (f, 0), "x");
  g_assert_false (steer_chat_get_unanswered (f->chat));
  g_assert_null (steer_chat_get_failure (f->chat));
  wait_idle (f);
  g_assert_cmpuint (count (f), ==, 2);
}

/* Why is told where it was asked, however often one looks elsewhere. */
static void
test_failure_is_of_its_conversation (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerConversation) first = g_object_ref (steer_chat_get_conversation (f->chat));
  g_autofree char *text = g_strnfill (20000, 'x');

  steer_chat_send (f->chat, text);
  steer_chat_start_new (f->chat);
  wait_idle (f);
  g_assert_nonnull (f->failed);
  g_assert_null (steer_chat_get_failure (f->chat));
  g_assert_false (steer_chat_get_unanswered (f->chat));
  steer_chat_set_conversation (f->chat, first);
  g_assert_nonnull (steer_chat_get_failure (f->chat));
  steer_conversation_append (first, STEER_ROLE_ASSISTANT, "What a long word.");
  g_assert_null (steer_chat_get_failure (f->chat));
  g_assert_false (steer_chat_get_unanswered (f->chat));
}

/* It is told in what is loaded anew, and does not keep alive what was left; a deletion that is taken back loses
 * nothing.
 */
static void
test_failure_outlives_its_conversation (Fixture *f, gconstpointer data)
{
  SteerStore *store = steer_workspace_get_store (f->workspace);
  SteerConversation *first = g_object_ref (steer_chat_get_conversation (f->chat));
  gint64 id = steer_conversation_get_id (first);
  g_autofree char *text = g_strnfill (20000, 'x');

  steer_chat_send (f->chat, text);
  wait_idle (f);
  for (guint i = 0; i < 2; i++)
    {
      g_assert_nonnull (steer_chat_get_failure (f->chat));
      if (i == 0)
        steer_chat_start_new (f->chat);
      else
        {
          g_assert_true (steer_store_delete (store, id));
          g_assert_true (steer_chat_leave (f->chat, id));
        }
      g_assert_null (steer_chat_get_failure (f->chat));
      test_assert_finalizes (first);
      if (i == 1)
        steer_store_undelete (store, id);
      first = store_load (store, id);
      steer_chat_set_conversation (f->chat, first);
      g_assert_cmpstr (steer_chat_get_failure (f->chat), ==, f->failed);
    }
  g_object_unref (first);
}

/* Where nothing can be kept, all chats have the same id. */
static void
test_failure_without_a_store (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerConversation) first = steer_conversation_new ();
  g_autoptr (SteerConversation) second = steer_conversation_new ();
  g_autofree char *text = g_strnfill (20000, 'x');

  steer_chat_set_conversation (f->chat, first);
  steer_chat_send (f->chat, text);
  wait_idle (f);
  g_assert_nonnull (steer_chat_get_failure (f->chat));
  steer_chat_set_conversation (f->chat, second);
  g_assert_null (steer_chat_get_failure (f->chat));

  steer_chat_set_conversation (f->chat, first);
  steer_chat_continue (f->chat);
  steer_chat_set_conversation (f->chat, second);
  wait_idle (f);
  g_assert_null (steer_chat_get_failure (f->chat));
}

#define ADD(path, tokens, function) g_test_add (path, Fixture, GUINT_TO_POINTER (tokens), set_up, function, tear_down)

int
main (int argc, char **argv)
{
  app_test_init (&argc, &argv);

  ADD ("/chat/what is sent is answered under the preset in use", 16, test_send);
  ADD ("/chat/nothing is sent while there is nothing to say or an answer is being written", 16, test_send_nothing);
  ADD ("/chat/another preset acts on the reply that is being written and the text remembers where", 8000,
       test_change_in_reply);
  ADD ("/chat/stopping keeps what was written", 8000, test_stop);
  ADD ("/chat/regenerating adds an alternative", 16, test_regenerate);
  ADD ("/chat/what answers nothing is not regenerated", 16, test_regenerate_first);
  ADD ("/chat/a fixed seed repeats a reply and gives each alternative its own", 16, test_seeds);
  ADD ("/chat/an edited question is answered and an edited answer is not", 16, test_edit);
  ADD ("/chat/a comparison answers twice and keeps the one that is chosen", 16, test_compare);
  ADD ("/chat/going on without a choice keeps the steered reply", 16, test_compare_goes_on);
  ADD ("/chat/a reply goes on in its conversation when another is shown", 8000, test_switch);
  ADD ("/chat/nothing more is written into a deleted conversation", 8000, test_leave);
  ADD ("/chat/a comparison in a deleted conversation waits for no choice", 16, test_leave_comparison);
  ADD ("/chat/the gauge counts the tokens that the next prompt begins with", 16, test_context);
  ADD ("/chat/a model that need not think answers at once where that is preferred", 16, test_think_first);
  ADD ("/chat/a conversation keeps the system prompt it began with", 16, test_system_prompt);
  ADD ("/chat/a prompt that does not fit says so and leaves the question", 16, test_too_long);
  ADD ("/chat/why an answer failed is told in its conversation until that changes", 16,
       test_failure_is_of_its_conversation);
  ADD ("/chat/why an answer failed is told when its chat is opened again, which may be gone meanwhile", 16,
       test_failure_outlives_its_conversation);
  ADD ("/chat/why an answer failed is told in no other chat where none is kept", 16, test_failure_without_a_store);
  return g_test_run ();
}
