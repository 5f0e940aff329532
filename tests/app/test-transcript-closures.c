#include "steer-transcript-closures.h"

#include <string.h>

#define assert_string(call, expected)                                                                                  \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    g_autofree char *string = call;                                                                                    \
    g_assert_cmpstr (string, ==, expected);                                                                            \
  }                                                                                                                    \
  G_STMT_END

static void
test_figures (void)
{
  assert_string (steer_transcript_dup_tokens (NULL, 0), "");
  assert_string (steer_transcript_dup_tokens (NULL, 1), "1 token");
  assert_string (steer_transcript_dup_tokens (NULL, 86), "86 tokens");
  assert_string (steer_transcript_dup_rate (NULL, 0.0), "");
  assert_string (steer_transcript_dup_rate (NULL, -1.0), "");
  assert_string (steer_transcript_dup_rate (NULL, 3.14159), "3.1 tokens/s");
  assert_string (steer_transcript_dup_rate (NULL, 9.97), "10 tokens/s");
  assert_string (steer_transcript_dup_rate (NULL, 267.4), "267 tokens/s");
  assert_string (steer_transcript_dup_alternative (NULL, 1, 3), "2/3");
  assert_string (steer_transcript_dup_context (NULL, 12, 512), "12 of 512 tokens of context used");
}

static void
test_stop_notes (void)
{
  assert_string (steer_transcript_dup_stop_note (NULL, STEER_STOP_EOS, TRUE), "");
  assert_string (steer_transcript_dup_stop_note (NULL, STEER_STOP_CANCELLED, TRUE), "Stopped");
  assert_string (steer_transcript_dup_stop_note (NULL, STEER_STOP_CANCELLED, FALSE), "");
  assert_string (steer_transcript_dup_stop_note (NULL, STEER_STOP_CONTEXT, TRUE), "Context full");
  assert_string (steer_transcript_dup_stop_note (NULL, 1234, TRUE), "");
}

/* The pill of runs with these strengths. */
static char *
dup_pill (const char *name, guint n_runs, const char *const *steering)
{
  g_autoptr (GArray) runs = g_array_new (FALSE, FALSE, sizeof (SteerTextRun));

  for (guint i = 0; i < n_runs; i++)
    {
      SteerTextRun run = { .start = i, .length = 1, .steering = (char *) steering[i] };

      g_array_append_val (runs, run);
    }
  return steer_transcript_dup_steering (name, runs);
}

static void
test_pill (void)
{
  const char *a = "[{\"strength\":1}]", *b = "[{\"strength\":2}]";

  assert_string (dup_pill ("Eiffel", 1, (const char *const[]){ a }), "Eiffel");
  assert_string (dup_pill ("Eiffel", 2, (const char *const[]){ a, b }), "Eiffel · changed in reply");
  assert_string (dup_pill ("Eiffel", 2, (const char *const[]){ NULL, b }), "Eiffel · changed in reply");
  assert_string (dup_pill ("Eiffel", 2, (const char *const[]){ a, "[]" }), "Eiffel · changed in reply");
  assert_string (dup_pill (NULL, 1, (const char *const[]){ a }), "Steered");
  assert_string (dup_pill ("Eiffel", 2, (const char *const[]){ NULL, "[]" }), NULL);
  assert_string (dup_pill ("Eiffel", 0, NULL), NULL);
  assert_string (steer_transcript_dup_steering ("Eiffel", NULL), NULL);
}

static void
test_strengths (void)
{
  assert_string (steer_transcript_dup_strengths ("[{\"layer\":15,\"index\":21576,\"label\":\"Eiffel Tower\","
                                                 "\"strength\":8.5,\"mode\":\"clamp\","
                                                 "\"when\":\"activation(41) > 2.0\"},{\"layer\":11,\"index\":3,"
                                                 "\"label\":\"\",\"strength\":-2.8125,\"mode\":\"add\"}]"),
                 "Eiffel Tower  +8.5, clamped\n    Only where the activation of feature 41 is above 2.00\nLayer 11, "
                 "feature 3  −2.812");
  assert_string (steer_transcript_dup_strengths (NULL), "No steering");
  assert_string (steer_transcript_dup_strengths ("[]"), "No steering");
}

static void
test_strange_strengths (void)
{
  static const char *const strange[] = { "{",
                                         "7",
                                         "{}",
                                         "[7, \"x\", null, {}, []]",
                                         "[{\"strength\": \"x\"}]",
                                         "[{\"strength\": null}]",
                                         "[{\"strength\": 0, \"when\": 7}]",
                                         "\xff" };

  for (guint i = 0; i < G_N_ELEMENTS (strange); i++)
    {
      g_autoptr (GArray) strengths = steer_transcript_parse_strengths (strange[i]);

      for (guint j = 0; j < strengths->len; j++)
        g_assert_cmpfloat (g_array_index (strengths, SteerStrength, j).strength, ==, 0.0);
    }
  {
    g_autoptr (GArray) strengths = steer_transcript_parse_strengths (
      "[{\"layer\": -3, \"index\": 1e300, \"label\": 5, \"strength\": 1e308, \"mode\": []}]");
    const SteerStrength *strength = &g_array_index (strengths, SteerStrength, 0);

    g_assert_cmpuint (strengths->len, ==, 1);
    g_assert_cmpuint (strength->layer, ==, 0);
    g_assert_cmpstr (strength->label, ==, "");
    g_assert_cmpint (strength->mode, ==, STEER_MODE_ADD);
  }
}

static void
test_levels (void)
{
  g_assert_cmpuint (steer_transcript_get_level (0.0), ==, 0);
  g_assert_cmpuint (steer_transcript_get_level (-1.0), ==, 0);
  g_assert_cmpuint (steer_transcript_get_level (0.0 / 0.0), ==, 0);
  g_assert_cmpuint (steer_transcript_get_level (0.01), ==, 1);
  g_assert_cmpuint (steer_transcript_get_level (0.4), ==, 2);
  g_assert_cmpuint (steer_transcript_get_level (1.0), ==, 4);
  g_assert_cmpuint (steer_transcript_get_level (1e9), ==, STEER_N_LEVELS - 1);
}

static void
test_links (void)
{
  static const char *const safe[] = { "https://example.org", "http://example.org/a?b=c#d", "HTTPS://example.org",
                                      "mailto:someone@example.org", "https://example.org:8080/%20" };
  static const char *const unsafe[] = { NULL,
                                        "",
                                        "javascript:alert(1)",
                                        "file:///etc/passwd",
                                        "data:text/html,x",
                                        "steer:x",
                                        "//example.org",
                                        "/etc/passwd",
                                        "example.org",
                                        "https://",
                                        "https:",
                                        "mailto:",
                                        "https://bank.example@evil.example/",
                                        "https://example.org/\xe2\x80\xae"
                                        "gpj.exe",
                                        "https://exa mple.org",
                                        "https://example.org/\n",
                                        "java\tscript:alert(1)",
                                        " https://example.org",
                                        "https://example.org/\xff" };
  g_autofree char *long_path = g_strnfill (5000, 'a');
  g_autofree char *long_uri = g_strconcat ("https://example.org/", long_path, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (safe); i++)
    g_assert_true (steer_transcript_is_safe_uri (safe[i]));
  for (guint i = 0; i < G_N_ELEMENTS (unsafe); i++)
    g_assert_false (steer_transcript_is_safe_uri (unsafe[i]));
  g_assert_false (steer_transcript_is_safe_uri (long_uri));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/transcript-closures/figures-read-as-people-write-them", test_figures);
  g_test_add_func ("/transcript-closures/an-end-is-told-where-it-needs-telling", test_stop_notes);
  g_test_add_func ("/transcript-closures/the-pill-tells-what-steered-and-whether-it-changed", test_pill);
  g_test_add_func ("/transcript-closures/strengths-are-told-a-line-each", test_strengths);
  g_test_add_func ("/transcript-closures/strange-json-is-no-strength", test_strange_strengths);
  g_test_add_func ("/transcript-closures/levels-follow-the-share-of-what-is-normal", test_levels);
  g_test_add_func ("/transcript-closures/only-plain-web-and-mail-links-open", test_links);
  return g_test_run ();
}
