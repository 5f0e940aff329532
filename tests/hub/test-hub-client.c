/* Asking the Hub what is there, and what its refusals mean. */
#include "hub/steer-hub-client.h"

#include <string.h>

#include "hub/steer-hub-name.h"
#include "hub-fake.h"
#include "test-util.h"

static SteerHubClient *
new_client (HubFake *hub, const char *token)
{
  SteerHubOptions options = { .endpoint = hub_fake_get_endpoint (hub), .token = token, .cache = "/nonexistent" };
  g_autoptr (GError) error = NULL;
  SteerHubClient *client = steer_hub_client_new (&options, &error);

  g_assert_no_error (error);
  return client;
}

static void
test_search (void)
{
  g_autoptr (HubFake) hub = hub_fake_new ();
  g_autoptr (SteerHubClient) client = new_client (hub, "");
  g_autoptr (GPtrArray) found = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *asked = NULL;

  hub_fake_add_file (hub, "owner/Llama-3-GGUF", "m.gguf", "x", 1, TRUE);
  hub_fake_add_file (hub, "owner/other", "m.gguf", "x", 1, TRUE);
  found = steer_hub_client_search (client, " llama 3&limit=1 ", NULL, &error);
  g_assert_no_error (error);
  asked = hub_fake_dup_search (hub);
  g_assert_cmpstr (asked, ==, "llama 3&limit=1"); /* as one value, whatever is in it */
  g_assert_cmpuint (found->len, ==, 0);
  g_ptr_array_unref (found);
  found = steer_hub_client_search (client, "llama gguf", NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (found->len, ==, 1);
  g_assert_cmpstr (((SteerHubFound *) g_ptr_array_index (found, 0))->id, ==, "owner/Llama-3-GGUF");
}

static void
test_repository (void)
{
  g_autoptr (HubFake) hub = hub_fake_new ();
  g_autoptr (SteerHubClient) client = new_client (hub, "");
  g_autoptr (SteerHubRepo) repo = NULL;
  g_autofree char *page = steer_hub_client_dup_page (client, "owner/name");
  g_autofree char *expected = g_strconcat (hub_fake_get_endpoint (hub), "/owner/name", NULL);
  g_autoptr (GError) error = NULL;

  hub_fake_add_file (hub, "owner/name", "m.gguf", "x", 1, TRUE);
  hub_fake_set_info (hub, "owner/name", "{\"gguf\":{\"architecture\":\"llama\"}}");
  repo = steer_hub_client_read_repo (client, "owner/name", NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (repo->commit, ==, hub_fake_get_commit (hub));
  g_assert_cmpstr (repo->architecture, ==, "llama");
  g_assert_cmpuint (repo->choices->len, ==, 1);
  g_assert_cmpstr (page, ==, expected);
}

static void
check_error (SteerHubClient *client, const char *repo_id, const char *revision, SteerHubError code, const char *words)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (steer_hub_client_read_repo (client, repo_id, revision, NULL, &error));
  g_assert_error (error, STEER_HUB_ERROR, (int) code);
  if (strstr (error->message, words) == NULL)
    g_error ("\"%s\" is not in: %s", words, error->message);
}

static void
test_refusals (void)
{
  g_autoptr (HubFake) hub = hub_fake_new ();
  g_autoptr (SteerHubClient) stranger = new_client (hub, ""), known = new_client (hub, "hf_secret");

  hub_fake_add_file (hub, "owner/name", "m.gguf", "x", 1, TRUE);
  check_error (stranger, "owner/none", NULL, STEER_HUB_ERROR_NOT_FOUND, "or it is private");
  check_error (known, "owner/none", NULL, STEER_HUB_ERROR_NOT_FOUND, "the token may not see it");
  check_error (known, "owner/name", "v7", STEER_HUB_ERROR_NOT_FOUND, "no such revision");
  check_error (known, "owner/../name", NULL, STEER_HUB_ERROR_INVALID, "not the name");
  check_error (known, "owner/name", "../x", STEER_HUB_ERROR_INVALID, "not the name");
  hub_fake_fail (hub, 429, "120", 1);
  check_error (known, "owner/name", NULL, STEER_HUB_ERROR_BUSY, "asks to wait 120 seconds");
  hub_fake_fail (hub, 503, NULL, 1);
  check_error (known, "owner/name", NULL, STEER_HUB_ERROR_FAILED, "503");
  hub_fake_fail (hub, 403, NULL, 1);
  check_error (known, "owner/name", NULL, STEER_HUB_ERROR_FORBIDDEN, "token");
  hub_fake_fail (hub, 418, NULL, 1);
  check_error (known, "owner/name", NULL, STEER_HUB_ERROR_INVALID, "418");
  hub_fake_answer (hub, "<html>Log in to the airport's network</html>");
  check_error (known, "owner/name", NULL, STEER_HUB_ERROR_INVALID, "not the Hub");
}

static void
test_endpoints (void)
{
  static const char *const bad[]
    = { "", "x", "ftp://a.b", "http://", "https://a.b/?x", "https://me:pw@a.b", "file:///etc" };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      SteerHubOptions options = { .endpoint = bad[i], .token = "", .cache = "/nonexistent" };
      g_autoptr (GError) error = NULL;

      g_assert_null (steer_hub_client_new (&options, &error));
      g_assert_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_INVALID);
    }
}

/* Nothing listens there. */
static void
test_no_connection (void)
{
  g_autoptr (HubFake) hub = hub_fake_new ();
  g_autoptr (SteerHubClient) client = new_client (hub, "");

  g_clear_pointer (&hub, hub_fake_free);
  check_error (client, "owner/name", NULL, STEER_HUB_ERROR_FAILED, "could not reach 127.0.0.1");
}

static void
test_cancelled (void)
{
  g_autoptr (HubFake) hub = hub_fake_new ();
  g_autoptr (SteerHubClient) client = new_client (hub, "");
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  g_cancellable_cancel (cancellable);
  g_assert_null (steer_hub_client_search (client, "x", cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* A token that holds more than one would add headers to every request. */
static void
test_token_file (void)
{
  static const char *const texts[] = { "hf_good\n", "" };
  g_autofree char *dir = test_make_dir (), *path = g_build_filename (dir, "token", NULL);
  g_autoptr (HubFake) hub = hub_fake_new ();
  SteerHubOptions options = { .endpoint = hub_fake_get_endpoint (hub), .cache = "/nonexistent" };
  g_autoptr (GError) error = NULL;

  hub_fake_add_file (hub, "owner/name", "m.gguf", "x", 1, TRUE);
  g_unsetenv ("HF_TOKEN");
  g_setenv ("HF_TOKEN_PATH", path, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (SteerHubClient) client = NULL;

      g_assert_true (g_file_set_contents (path, texts[i], -1, NULL));
      client = steer_hub_client_new (&options, &error);
      g_assert_no_error (error);
      /* The fake tells a stranger from someone with a token by what it says of what is not there. */
      g_assert_null (steer_hub_client_read_repo (client, "owner/none", NULL, NULL, &error));
      g_assert_cmpint (strstr (error->message, "the token may not see it") != NULL, ==, i == 0);
      g_clear_error (&error);
    }
  g_assert_true (g_file_set_contents (path, "hf_bad\r\nX-Evil: 1\n", -1, NULL));
  g_assert_null (steer_hub_client_new (&options, &error));
  g_assert_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_INVALID);
  g_assert_nonnull (strstr (error->message, path));
  g_unsetenv ("HF_TOKEN_PATH");
  test_remove_dir (g_steal_pointer (&dir));
}

static void
test_offline (void)
{
  g_autoptr (HubFake) hub = hub_fake_new ();
  g_autoptr (SteerHubClient) client = new_client (hub, "");

  g_setenv ("HF_HUB_OFFLINE", "1", TRUE);
  check_error (client, "owner/name", NULL, STEER_HUB_ERROR_INVALID, "HF_HUB_OFFLINE");
  g_assert_cmpuint (hub_fake_get_n_requests (hub), ==, 0);
  g_unsetenv ("HF_HUB_OFFLINE");
}

/* A mirror that answers for another repository would fill its folder of the cache. */
static void
test_another_repository (void)
{
  g_autoptr (HubFake) hub = hub_fake_new ();
  g_autoptr (SteerHubClient) client = new_client (hub, "");

  hub_fake_answer (hub, "{\"id\":\"meta-llama/Llama\",\"sha\":\"0123456789abcdef0123456789abcdef01234567\"}");
  check_error (client, "owner/name", NULL, STEER_HUB_ERROR_INVALID, "the Hub told of meta-llama/Llama");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/hub/client/search", test_search);
  g_test_add_func ("/hub/client/repository", test_repository);
  g_test_add_func ("/hub/client/refusals", test_refusals);
  g_test_add_func ("/hub/client/endpoints", test_endpoints);
  g_test_add_func ("/hub/client/no-connection", test_no_connection);
  g_test_add_func ("/hub/client/cancelled", test_cancelled);
  g_test_add_func ("/hub/client/token-file", test_token_file);
  g_test_add_func ("/hub/client/offline", test_offline);
  g_test_add_func ("/hub/client/another-repository", test_another_repository);
  return g_test_run ();
}
