#include "chat-test-util.h"

#include <string.h>

#include "steering/steer-feature.h"
#include "test-util.h"

#define assert_path(conversation, expected)                                                                            \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    g_autofree char *path = test_conversation_dup_path (conversation);                                                 \
    g_assert_cmpstr (path, ==, expected);                                                                              \
  }                                                                                                                    \
  G_STMT_END

/* user a, assistant b, user c, assistant d */
static SteerConversation *
make_conversation (SteerMessage *messages[4])
{
  SteerConversation *conversation = steer_conversation_new ();
  const char *const texts[] = { "a", "b", "c", "d" };

  for (guint i = 0; i < 4; i++)
    messages[i]
      = steer_conversation_append (conversation, i % 2 == 0 ? STEER_ROLE_USER : STEER_ROLE_ASSISTANT, texts[i]);
  return conversation;
}

typedef struct
{
  guint position, removed, added, n;
} Change;

static void
on_items_changed (Change *change, guint position, guint removed, guint added)
{
  *change = (Change){ position, removed, added, change->n + 1 };
}

static void
test_append (void)
{
  g_autoptr (SteerConversation) conversation = steer_conversation_new ();
  Change change = { 0 };
  SteerMessage *message;

  g_signal_connect_swapped (conversation, "items-changed", G_CALLBACK (on_items_changed), &change);
  steer_conversation_append (conversation, STEER_ROLE_USER, "a");
  message = steer_conversation_append (conversation, STEER_ROLE_ASSISTANT, "b");
  assert_path (conversation, "u:a|a:b");
  g_assert_cmpuint (change.n, ==, 2);
  g_assert_cmpuint (change.position, ==, 1);
  g_assert_cmpuint (change.removed, ==, 0);
  g_assert_cmpuint (change.added, ==, 1);
  g_assert_true (steer_message_get_complete (message));
  g_assert_cmpuint (steer_message_get_runs (message)->len, ==, 0);
  g_assert_cmpstr (steer_message_get_text (steer_conversation_get_parent (conversation, message)), ==, "a");
}

static void
test_edit (void)
{
  SteerMessage *m[4];
  g_autoptr (SteerConversation) conversation = make_conversation (m);
  SteerMessage *edited = steer_conversation_edit (conversation, m[2], "C");

  assert_path (conversation, "u:a|a:b|u:C");
  g_assert_cmpuint (steer_message_get_n_alternatives (m[2]), ==, 2);
  g_assert_cmpuint (steer_message_get_alternative (m[2]), ==, 0);
  g_assert_cmpuint (steer_message_get_alternative (edited), ==, 1);
  steer_conversation_select_alternative (conversation, edited, 0);
  assert_path (conversation, "u:a|a:b|u:c|a:d");
  steer_conversation_edit (conversation, m[0], "A");
  assert_path (conversation, "u:A");
  steer_conversation_select_alternative (conversation, m[0], 0);
  assert_path (conversation, "u:a|a:b|u:c|a:d");
  steer_conversation_select_alternative (conversation, m[0], 99);
  assert_path (conversation, "u:a|a:b|u:c|a:d");
}

static void
test_remove (void)
{
  SteerMessage *m[4];
  g_autoptr (SteerConversation) conversation = make_conversation (m);
  g_autoptr (SteerRemoval) removal = steer_conversation_remove (conversation, m[1]);
  Change change = { 0 };

  assert_path (conversation, "u:a");
  g_signal_connect_swapped (conversation, "items-changed", G_CALLBACK (on_items_changed), &change);
  steer_conversation_restore (conversation, removal);
  assert_path (conversation, "u:a|a:b|u:c|a:d");
  g_assert_cmpuint (change.position, ==, 1);
  g_assert_cmpuint (change.added, ==, 3);
  /* A token works once. */
  steer_conversation_restore (conversation, removal);
  assert_path (conversation, "u:a|a:b|u:c|a:d");
}

static void
test_remove_alternative (void)
{
  SteerMessage *m[4];
  g_autoptr (SteerConversation) conversation = make_conversation (m);
  SteerMessage *second = steer_conversation_edit (conversation, m[3], "e");
  g_autoptr (SteerRemoval) first_removal = NULL;
  g_autoptr (SteerRemoval) removal = steer_conversation_remove (conversation, second);

  assert_path (conversation, "u:a|a:b|u:c|a:d");
  g_assert_cmpuint (steer_message_get_n_alternatives (m[3]), ==, 1);
  steer_conversation_restore (conversation, removal);
  assert_path (conversation, "u:a|a:b|u:c|a:e");
  /* One that is not shown goes without a trace on the path. */
  first_removal = steer_conversation_remove (conversation, m[3]);
  assert_path (conversation, "u:a|a:b|u:c|a:e");
  g_assert_cmpuint (steer_message_get_alternative (second), ==, 0);
  steer_conversation_restore (conversation, first_removal);
  assert_path (conversation, "u:a|a:b|u:c|a:e");
  g_assert_cmpuint (steer_message_get_alternative (second), ==, 1);
}

static void
test_restore_below_removed (void)
{
  SteerMessage *m[4];
  g_autoptr (SteerConversation) conversation = make_conversation (m);
  g_autoptr (SteerRemoval) inner = steer_conversation_remove (conversation, m[3]);
  g_autoptr (SteerRemoval) outer = steer_conversation_remove (conversation, m[1]);

  steer_conversation_restore (conversation, inner);
  assert_path (conversation, "u:a");
  steer_conversation_restore (conversation, outer);
  assert_path (conversation, "u:a|a:b|u:c");
  steer_conversation_restore (conversation, inner);
  assert_path (conversation, "u:a|a:b|u:c|a:d");
}

static void
test_removed_is_left_alone (void)
{
  SteerMessage *m[4];
  g_autoptr (SteerConversation) conversation = make_conversation (m);
  g_autoptr (SteerRemoval) removal = steer_conversation_remove (conversation, m[1]);
  g_autoptr (SteerRemoval) again = steer_conversation_remove (conversation, m[1]);
  g_autoptr (SteerRemoval) below = steer_conversation_remove (conversation, m[3]);

  g_assert_null (steer_conversation_edit (conversation, m[2], "x"));
  g_assert_null (steer_conversation_branch (conversation, m[2]));
  steer_conversation_select_alternative (conversation, m[2], 0);
  steer_conversation_restore (conversation, again);
  steer_conversation_restore (conversation, below);
  assert_path (conversation, "u:a");
  steer_conversation_restore (conversation, removal);
  assert_path (conversation, "u:a|a:b|u:c|a:d");
}

static void
test_branch (void)
{
  SteerMessage *m[4];
  g_autoptr (SteerConversation) conversation = make_conversation (m);
  g_autoptr (SteerConversation) branch = NULL;

  steer_conversation_edit (conversation, m[1], "B");
  branch = steer_conversation_branch (conversation, m[2]);
  assert_path (branch, "u:a|a:b|u:c");
  steer_conversation_append (branch, STEER_ROLE_ASSISTANT, "x");
  assert_path (conversation, "u:a|a:B");
  g_assert_cmpstr (steer_conversation_get_title (branch), ==, "a");
}

static void
test_title (void)
{
  g_autoptr (SteerConversation) conversation = steer_conversation_new ();

  steer_conversation_append (conversation, STEER_ROLE_USER,
                             "  What should\n\nI do this weekend, if it rains all of the time?");
  g_assert_cmpstr (steer_conversation_get_title (conversation), ==, "What should I do this weekend, if it…");
  steer_conversation_set_title (conversation, "Rain");
  steer_conversation_append (conversation, STEER_ROLE_USER, "More");
  g_assert_cmpstr (steer_conversation_get_title (conversation), ==, "Rain");
  steer_conversation_set_title (conversation, "");
  g_assert_cmpstr (steer_conversation_get_title (conversation), ==, "What should I do this weekend, if it…");
}

static void
test_title_without_words (void)
{
  g_autoptr (SteerConversation) conversation = steer_conversation_new ();
  g_autofree char *long_word = g_strnfill (100, 'x');
  g_autofree char *expected = g_strdup_printf ("%.40s…", long_word);

  steer_conversation_append (conversation, STEER_ROLE_USER, long_word);
  g_assert_cmpstr (steer_conversation_get_title (conversation), ==, expected);
}

static void
test_invalid_text (void)
{
  g_autoptr (SteerConversation) conversation = steer_conversation_new ();

  steer_conversation_append (conversation, STEER_ROLE_USER, "a\xff");
  assert_path (conversation, "u:a\357\277\275");
}

static void
assert_answer (SteerRole role, const char *text, const char *expected)
{
  g_autoptr (SteerConversation) conversation = steer_conversation_new ();
  g_autofree char *answer = steer_message_dup_answer (steer_conversation_append (conversation, role, text));

  g_assert_cmpstr (answer, ==, expected);
}

static void
test_answer (void)
{
  assert_answer (STEER_ROLE_ASSISTANT, "Pi.", "Pi.");
  assert_answer (STEER_ROLE_ASSISTANT, "<think>\nHm.\n</think>\n\nPi.", "Pi.");
  assert_answer (STEER_ROLE_ASSISTANT, "<think>\n\n</think>\n\nPi.", "Pi.");
  assert_answer (STEER_ROLE_ASSISTANT, "<think>\nHm.", "Hm.");
  assert_answer (STEER_ROLE_ASSISTANT, "<think>\n\n</think>", "");
  assert_answer (STEER_ROLE_USER, "<think>Hm.</think>Pi?", "<think>Hm.</think>Pi?");
}

static void
test_fill_request (void)
{
  SteerMessage *m[4];
  g_autoptr (SteerConversation) conversation = make_conversation (m);
  g_autoptr (SteerRequest) whole = steer_request_new ();
  g_autoptr (SteerRequest) part = steer_request_new ();

  steer_conversation_set_system_prompt (conversation, "s");
  steer_conversation_fill_request (conversation, NULL, whole);
  g_assert_cmpuint (whole->messages->len, ==, 5);
  g_assert_cmpint (g_array_index (whole->messages, SteerRequestMessage, 0).role, ==, STEER_ROLE_SYSTEM);
  g_assert_cmpstr (steer_request_get_content (whole, 4), ==, "d");
  /* Also of a message that an alternative hides. */
  steer_conversation_edit (conversation, m[0], "A");
  steer_conversation_fill_request (conversation, m[2], part);
  g_assert_cmpuint (part->messages->len, ==, 4);
  g_assert_cmpstr (steer_request_get_content (part, 3), ==, "c");
}

static void
on_appended (SteerMessage *message, const char *text, SteerTextRun *run, GString *log)
{
  g_string_append_printf (log, "[%s@%zu+%zu]", text, run->start, run->length);
}

static void
test_reply (void)
{
  g_autoptr (SteerConversation) conversation = steer_conversation_new ();
  g_autoptr (SteerReply) reply = test_reply_new ();
  g_autoptr (SteerPlan) weak = test_plan_new_labelled (8.5f, STEER_MODE_CLAMP, "Eiffel \"Tower\"");
  g_autoptr (SteerPlan) strong = test_plan_new (-2.0f, STEER_MODE_ADD);
  g_autoptr (GString) log = g_string_new (NULL);
  const SteerTextRun *runs;
  SteerMessage *message;

  steer_conversation_append (conversation, STEER_ROLE_USER, "Hi");
  message = steer_conversation_begin_reply (conversation, NULL, reply, 42, "Preset");
  g_signal_connect (message, "appended", G_CALLBACK (on_appended), log);
  g_assert_false (steer_message_get_complete (message));
  assert_path (conversation, "u:Hi|a:");

  test_reply_write (reply, "Öl", weak);
  test_reply_write (reply, " and", weak);
  test_reply_write (reply, " water", NULL);
  test_reply_write (reply, "!", strong);
  test_reply_finish (reply, STEER_STOP_EOS);

  g_assert_cmpstr (log->str, ==, "[Öl@0+3][ and@0+7][ water@7+6][!@13+1]");
  g_assert_cmpstr (steer_message_get_text (message), ==, "Öl and water!");
  g_assert_true (steer_message_get_complete (message));
  g_assert_cmpint (steer_message_get_stop_reason (message), ==, STEER_STOP_EOS);
  g_assert_cmpuint (steer_message_get_n_tokens (message), ==, 4);
  g_assert_cmpuint (steer_message_get_seed (message), ==, 42);
  g_assert_cmpstr (steer_message_get_preset_name (message), ==, "Preset");
  g_assert_cmpfloat_with_epsilon (steer_message_get_tokens_per_second (message), 3 / 0.5, 1e-9);
  g_assert_cmpuint (steer_message_get_runs (message)->len, ==, 3);
  runs = &g_array_index (steer_message_get_runs (message), SteerTextRun, 0);
  g_assert_cmpstr (runs[0].steering, ==,
                   "[{\"layer\":15,\"index\":21576,\"label\":\"Eiffel \\\"Tower\\\"\",\"strength\":8.5,"
                   "\"mode\":\"clamp\"}]");
  g_assert_cmpuint (runs[0].n_tokens, ==, 2);
  g_assert_null (runs[1].steering);
  g_assert_nonnull (strstr (runs[2].steering, "\"strength\":-2,\"mode\":\"add\""));
}

static void
test_a_reply_tells_conditions (void)
{
  const float values[2] = { 1.0f, 0.0f };
  g_autoptr (GBytes) vector = g_bytes_new (values, sizeof values);
  g_autoptr (SteerPlanBuilder) builder = steer_plan_builder_new (2);
  g_autoptr (SteerPlan) plan = NULL;
  g_autofree char *told = NULL;

  g_assert_true (steer_plan_builder_set_gate (builder, STEER_WHEN_ABOVE, 1.5f, vector, NULL, "projection(7) > 1.5"));
  g_assert_true (steer_plan_builder_add (builder, 15, 1, STEER_MODE_ADD, 2.0f, vector));
  g_assert_true (steer_plan_builder_set_gate (builder, STEER_WHEN_ALWAYS, 0.0f, NULL, NULL, NULL));
  g_assert_true (steer_plan_builder_add (builder, 15, 2, STEER_MODE_ADD, 2.0f, vector));
  plan = steer_plan_builder_end (builder);
  told = steer_plan_describe (plan);
  g_assert_cmpstr (told, ==,
                   "[{\"layer\":15,\"index\":1,\"label\":\"\",\"strength\":2,\"mode\":\"add\","
                   "\"when\":\"projection(7) > 1.5\"},"
                   "{\"layer\":15,\"index\":2,\"label\":\"\",\"strength\":2,\"mode\":\"add\"}]");
}

static void
test_regenerate (void)
{
  SteerMessage *m[4];
  g_autoptr (SteerConversation) conversation = make_conversation (m);
  g_autoptr (SteerReply) reply = test_reply_new ();
  SteerMessage *message = steer_conversation_begin_reply (conversation, m[0], reply, 1, NULL);

  test_reply_write (reply, "B", NULL);
  assert_path (conversation, "u:a|a:B");
  g_assert_cmpuint (steer_message_get_n_alternatives (message), ==, 2);
  /* The other is shown while this one is still written, and gets nothing of it. */
  steer_conversation_select_alternative (conversation, message, 0);
  test_reply_write (reply, "!", NULL);
  test_reply_finish (reply, STEER_STOP_LENGTH);
  assert_path (conversation, "u:a|a:b|u:c|a:d");
  g_assert_cmpstr (steer_message_get_text (message), ==, "B!");
}

static void
test_remove_while_written (void)
{
  g_autoptr (SteerConversation) conversation = steer_conversation_new ();
  g_autoptr (SteerReply) reply = test_reply_new ();
  g_autoptr (SteerRemoval) removal = NULL;
  SteerMessage *message;

  steer_conversation_append (conversation, STEER_ROLE_USER, "Hi");
  message = steer_conversation_begin_reply (conversation, NULL, reply, 0, NULL);
  test_reply_write (reply, "x", NULL);
  removal = steer_conversation_remove (conversation, message);
  g_assert_true (g_cancellable_is_cancelled (steer_reply_get_cancellable (reply)));
  test_reply_finish (reply, STEER_STOP_CANCELLED);
  steer_conversation_restore (conversation, removal);
  assert_path (conversation, "u:Hi|a:x");
  g_assert_true (steer_message_get_complete (message));
}

/* What is written goes on being written when nobody looks at the conversation. */
static void
test_reply_keeps_conversation (void)
{
  SteerConversation *conversation = steer_conversation_new ();
  g_autoptr (SteerReply) reply = test_reply_new ();
  g_autoptr (SteerMessage) message = NULL;
  GWeakRef weak;

  g_weak_ref_init (&weak, conversation);
  message = g_object_ref (steer_conversation_begin_reply (conversation, NULL, reply, 0, NULL));
  g_object_unref (conversation);
  test_reply_write (reply, "x", NULL);
  g_assert_cmpstr (steer_message_get_text (message), ==, "x");
  test_reply_finish (reply, STEER_STOP_EOS);
  g_assert_null (g_weak_ref_get (&weak));
  g_assert_true (steer_message_get_complete (message));
  g_weak_ref_clear (&weak);
}

/* A tree as deep as this would overflow the stack of anything recursive. */
static void
test_depth (void)
{
  g_autoptr (SteerConversation) conversation = steer_conversation_new ();
  SteerMessage *first = steer_conversation_append (conversation, STEER_ROLE_USER, "0");
  g_autoptr (SteerRemoval) removal = NULL;

  for (guint i = 1; i < 200000; i++)
    steer_conversation_append (conversation, i % 2 == 0 ? STEER_ROLE_USER : STEER_ROLE_ASSISTANT, "x");
  removal = steer_conversation_remove (conversation, first);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (conversation)), ==, 0);
  steer_conversation_restore (conversation, removal);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (conversation)), ==, 200000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/conversation/appending-adds-one-item-at-the-end", test_append);
  g_test_add_func ("/conversation/an-edit-is-an-alternative-and-the-old-path-comes-back", test_edit);
  g_test_add_func ("/conversation/a-removed-message-comes-back-with-all-below-it", test_remove);
  g_test_add_func ("/conversation/removing-an-alternative-shows-its-neighbour", test_remove_alternative);
  g_test_add_func ("/conversation/nothing-is-restored-below-what-is-removed", test_restore_below_removed);
  g_test_add_func ("/conversation/what-was-removed-is-left-alone", test_removed_is_left_alone);
  g_test_add_func ("/conversation/a-branch-is-a-copy-of-the-path", test_branch);
  g_test_add_func ("/conversation/the-first-message-names-it-until-a-person-does", test_title);
  g_test_add_func ("/conversation/a-title-without-words-is-cut", test_title_without_words);
  g_test_add_func ("/conversation/text-that-is-not-utf-8-is-made-so", test_invalid_text);
  g_test_add_func ("/conversation/an-answer-is-a-reply-without-its-thought", test_answer);
  g_test_add_func ("/conversation/a-request-gets-the-system-prompt-and-the-path", test_fill_request);
  g_test_add_func ("/conversation/a-reply-arrives-with-the-strengths-of-each-stretch", test_reply);
  g_test_add_func ("/conversation/a reply tells the conditions of its features", test_a_reply_tells_conditions);
  g_test_add_func ("/conversation/a-regenerated-reply-is-an-alternative", test_regenerate);
  g_test_add_func ("/conversation/removing-a-message-stops-its-reply", test_remove_while_written);
  g_test_add_func ("/conversation/a-running-reply-keeps-its-conversation", test_reply_keeps_conversation);
  g_test_add_func ("/conversation/depth-costs-no-stack", test_depth);
  return g_test_run ();
}
