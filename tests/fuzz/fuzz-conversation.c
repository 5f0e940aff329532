/* A conversation to import. Exported and imported again it must be the same conversation. */
#include "fuzz.h"

#include "chat/steer-conversation.h"

int
fuzz_one_input (const uint8_t *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerConversation) conversation
    = steer_conversation_new_from_json ((const char *) data, (gssize) size, &error);
  g_autoptr (SteerConversation) again = NULL;
  g_autofree char *json = NULL;
  g_autofree char *json_again = NULL;
  g_autofree char *markdown = NULL;

  g_assert_true ((conversation == NULL) == (error != NULL));
  fuzz_accepted = conversation != NULL;
  if (conversation == NULL)
    return 0;
  json = steer_conversation_to_json (conversation);
  markdown = steer_conversation_to_markdown (conversation);
  g_assert_true (g_utf8_validate (markdown, -1, NULL));
  again = steer_conversation_new_from_json (json, -1, &error);
  g_assert_no_error (error);
  json_again = steer_conversation_to_json (again);
  g_assert_cmpstr (json, ==, json_again);
  return 0;
}
