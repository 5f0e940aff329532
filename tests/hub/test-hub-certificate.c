/* Somebody between the Hub and this machine. By itself: the sanitizer's look for leaks ends in a fault of its own where
 * threads have used the library for encrypted connections, which is opened while they run. */
#include "hub/steer-hub-client.h"

#include <string.h>

#include "hub/steer-hub-name.h"
#include "hub-fake.h"

static void
test_unknown_certificate (void)
{
  g_autoptr (HubFake) hub = NULL;
  g_autoptr (SteerHubClient) client = NULL;
  g_autoptr (GError) error = NULL;
  SteerHubOptions options = { .token = "hf_secret", .cache = "/nonexistent" };

  if (!g_tls_backend_supports_tls (g_tls_backend_get_default ()))
    {
      g_test_skip ("there is no glib-networking");
      return;
    }
  hub = hub_fake_new_unknown ();
  options.endpoint = hub_fake_get_endpoint (hub);
  client = steer_hub_client_new (&options, &error);
  g_assert_no_error (error);
  hub_fake_add_file (hub, "owner/name", "m.gguf", "x", 1, TRUE);
  g_assert_null (steer_hub_client_read_repo (client, "owner/name", NULL, NULL, &error));
  g_assert_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_FAILED);
  g_assert_nonnull (strstr (error->message, "certificate"));
  g_assert_cmpuint (hub_fake_get_n_requests (hub), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/hub/certificate/unknown", test_unknown_certificate);
  return g_test_run ();
}
