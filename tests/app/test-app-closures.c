/* The small functions that templates bind through, and names made of what people type. */
#include "app-test-util.h"
#include "test-util.h"

#include <glib/gstdio.h>
#include <unistd.h>

#include "app/steer-chat-list.h"
#include "app/steer-dialogs.h"
#include "app/steer-model-names.h"
#include "app/steer-renderer.h"
#include "app/steer-status-page.h"

static void
assert_text (char *actual, const char *expected)
{
  g_assert_cmpstr (actual, ==, expected);
  g_free (actual);
}

static void
test_preview (void)
{
  assert_text (steer_chat_list_dup_preview_markup (NULL, "to \001bake\002 bread"), "to <b>bake</b> bread");
  assert_text (steer_chat_list_dup_preview_markup (NULL, "\001a\002 & \001b\002"), "<b>a</b> &amp; <b>b</b>");
  assert_text (steer_chat_list_dup_preview_markup (NULL, "<i>&"), "&lt;i&gt;&amp;");
  assert_text (steer_chat_list_dup_preview_markup (NULL, NULL), "");
}

static void
test_unbalanced_preview (void)
{
  static const char *const previews[] = { "\001cut", "end\002", "\002x\001", "\001\001x\002\002", "\001" };

  for (guint i = 0; i < G_N_ELEMENTS (previews); i++)
    {
      g_autofree char *markup = steer_chat_list_dup_preview_markup (NULL, previews[i]);
      g_autoptr (GError) error = NULL;

      g_assert_true (pango_parse_markup (markup, -1, 0, NULL, NULL, NULL, &error));
      g_assert_no_error (error);
    }
}

static void
test_list_page (void)
{
  assert_text (steer_chat_list_dup_page (NULL, 3, FALSE), "list");
  assert_text (steer_chat_list_dup_page (NULL, 3, TRUE), "list");
  assert_text (steer_chat_list_dup_page (NULL, 0, FALSE), "empty");
  assert_text (steer_chat_list_dup_page (NULL, 0, TRUE), "nothing");
}

static void
test_status_page (void)
{
  assert_text (steer_status_page_dup_page (NULL, NULL, NULL, NULL), "no-model");
  assert_text (steer_status_page_dup_page (NULL, NULL, "broken", NULL), "error");
  assert_text (steer_status_page_dup_page (NULL, "/m", NULL, NULL), "loading");
  assert_text (steer_status_page_dup_page (NULL, "/m", NULL, "/old"), "loading");
  assert_text (steer_status_page_dup_page (NULL, NULL, "broken", "/old"), "suggestions");
  assert_text (steer_status_page_dup_page (NULL, NULL, NULL, "/m"), "suggestions");
}

static void
test_progress (void)
{
  assert_text (steer_status_page_dup_progress_text (NULL, 0.5, 0), "");
  assert_text (steer_status_page_dup_progress_text (NULL, 0, 2000000), "2.0\302\240MB");
  assert_text (steer_status_page_dup_progress_text (NULL, 0.25, 2000000), "500.0\302\240kB of 2.0\302\240MB");
  assert_text (steer_status_page_dup_progress_text (NULL, 7, 2000000), "2.0\302\240MB of 2.0\302\240MB");
}

static void
test_error_text (void)
{
  assert_text (steer_status_page_dup_error_text (NULL, "no space <left>"), "No space &lt;left&gt;.");
  assert_text (steer_status_page_dup_error_text (NULL, "/home/me: not a model"), "/home/me: not a model.");
  assert_text (steer_status_page_dup_error_text (NULL, "Done."), "Done.");
  assert_text (steer_status_page_dup_error_text (NULL, NULL), "");
}

static void
test_titles (void)
{
  assert_text (steer_model_dup_title ("/models/Llama-3.1-8B-Instruct"), "Llama-3.1-8B-Instruct");
  assert_text (
    steer_model_dup_title ("/home/me/.cache/huggingface/hub/models--meta-llama--Llama-3.1-8B/snapshots/0e9e"),
    "meta-llama/Llama-3.1-8B");
  assert_text (steer_model_dup_title ("/hub/models--gpt2/snapshots/11"), "gpt2");
  assert_text (steer_model_dup_title (NULL), "");
}

static void
test_bundled_title (void)
{
  g_autofree char *dir = test_make_dir (), *model = g_build_filename (dir, "demo", "model", NULL);
  g_autofree char *config = g_build_filename (model, "config.json", NULL);

  g_assert_cmpint (g_mkdir_with_parents (model, 0700), ==, 0);
  g_assert_true (g_file_set_contents (config, "{}", -1, NULL));
  g_setenv ("STEER_DATA_DIR", dir, TRUE);
  assert_text (steer_model_dup_title (model), "Steer Demo");
  g_unsetenv ("STEER_DATA_DIR");
  test_remove_dir (g_steal_pointer (&dir));
}

static void
test_subtitles (void)
{
  assert_text (steer_model_dup_subtitle ("cpu", "Intel Xeon, 2 cores, AVX-512", 267.6), "CPU · AVX-512 · 268 tokens/s");
  assert_text (steer_model_dup_subtitle ("cpu", "Intel Xeon, 2 cores, AVX-512", 0), "CPU · AVX-512");
  assert_text (steer_model_dup_subtitle ("cuda:0", "NVIDIA H200", 3.21), "GPU · NVIDIA H200 · 3.2 tokens/s");
  assert_text (steer_model_dup_subtitle ("cuda:0", "A, B", 0), "GPU · A, B");
  assert_text (steer_model_dup_subtitle (NULL, NULL, 10), "");
}

static void
test_file_names (void)
{
  g_autofree char *long_title = g_strnfill (300, 'x'), *long_name = steer_dialog_make_file_name (long_title, ".md");

  assert_text (steer_dialog_make_file_name ("A weekend plan", ".md"), "A weekend plan.md");
  assert_text (steer_dialog_make_file_name ("../etc/passwd", ".json"), "-etc-passwd.json");
  assert_text (steer_dialog_make_file_name ("What is 1/2?\n", ".md"), "What is 1-2--.md");
  assert_text (steer_dialog_make_file_name ("…été", ".md"), "…été.md");
  assert_text (steer_dialog_make_file_name ("  ", ".md"), "Untitled.md");
  g_assert_cmpuint (strlen (long_name), ==, 83);
}

/* What the program would have GTK draw with; NULL: what GTK likes. (transfer full) */
static char *
choose_renderer (const char *dri, const char *renderer, const char *debug)
{
  g_autofree char *old_renderer = g_strdup (g_getenv ("GSK_RENDERER"));
  g_autofree char *old_debug = g_strdup (g_getenv ("GDK_DEBUG"));
  const struct
  {
    const char *name, *value, *old;
  } variables[] = { { "GSK_RENDERER", renderer, old_renderer }, { "GDK_DEBUG", debug, old_debug } };
  char *chosen;

  for (guint i = 0; i < G_N_ELEMENTS (variables); i++)
    if (variables[i].value != NULL)
      g_setenv (variables[i].name, variables[i].value, TRUE);
    else
      g_unsetenv (variables[i].name);
  steer_renderer_choose (dri);
  chosen = g_strdup (g_getenv ("GSK_RENDERER"));
  for (guint i = 0; i < G_N_ELEMENTS (variables); i++)
    if (variables[i].old != NULL)
      g_setenv (variables[i].name, variables[i].old, TRUE);
    else
      g_unsetenv (variables[i].name);
  return chosen;
}

static void
test_renderer (void)
{
  char *dri = test_make_dir ();
  g_autofree char *card = g_build_filename (dri, "card0", NULL);
  g_autofree char *render = g_build_filename (dri, "renderD128", NULL);
  g_autofree char *missing = g_build_filename (dri, "missing", NULL);

  assert_text (choose_renderer (missing, NULL, NULL), "cairo");
  g_assert_true (g_file_set_contents (card, "", 0, NULL));
  assert_text (choose_renderer (dri, NULL, NULL), "cairo");
  assert_text (choose_renderer (dri, "gl", NULL), "gl");
  assert_text (choose_renderer (dri, NULL, "gl-software"), NULL);
  g_assert_true (g_file_set_contents (render, "", 0, NULL));
  assert_text (choose_renderer (dri, NULL, NULL), NULL);
  /* Everything is open to the administrator. */
  if (g_chmod (render, 0) == 0 && access (render, R_OK) != 0)
    assert_text (choose_renderer (dri, NULL, NULL), "cairo");
  test_remove_dir (dri);
}

int
main (int argc, char **argv)
{
  app_test_init (&argc, &argv);

  g_test_add_func ("/closures/a hit is emphasised and everything else is escaped", test_preview);
  g_test_add_func ("/closures/a hit that was cut off is still valid markup", test_unbalanced_preview);
  g_test_add_func ("/closures/the list of chats says whether there are none or none were found", test_list_page);
  g_test_add_func ("/closures/the empty chat tells what the model is doing", test_status_page);
  g_test_add_func ("/closures/loading tells how much of how much", test_progress);
  g_test_add_func ("/closures/an error is shown as a sentence", test_error_text);
  g_test_add_func ("/closures/a model is called by its repository or its folder", test_titles);
  g_test_add_func ("/closures/the bundled model has a name", test_bundled_title);
  g_test_add_func ("/closures/the subtitle names device and speed", test_subtitles);
  g_test_add_func ("/closures/a title makes a safe file name", test_file_names);
  g_test_add_func ("/closures/cairo draws where no GPU can be used", test_renderer);
  return g_test_run ();
}
