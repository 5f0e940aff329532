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

/* The objects of a template that are open where the parser is. */
typedef struct
{
  char *type;
  gboolean has_text; /* or something else to show than an icon */
  gboolean has_name; /* for assistive technology */
} Object;

typedef struct
{
  GArray *objects; /* Object */
  gboolean in_accessibility;
  GString *nameless;
  const char *file;
} Template;

static gboolean
is_button (const Object *object)
{
  return g_str_equal (object->type, "GtkButton") || g_str_equal (object->type, "GtkToggleButton")
         || g_str_equal (object->type, "GtkMenuButton");
}

static const char *
get_attribute (const char **names, const char **values, const char *name)
{
  for (guint i = 0; names[i] != NULL; i++)
    if (g_str_equal (names[i], name))
      return values[i];
  return "";
}

static void
on_start (GMarkupParseContext *context,
          const char *element,
          const char **names,
          const char **values,
          gpointer data,
          GError **error)
{
  Template *self = data;
  Object *object = self->objects->len > 0 ? &g_array_index (self->objects, Object, self->objects->len - 1) : NULL;
  const char *name = get_attribute (names, values, "name");

  if (g_str_equal (element, "object") || g_str_equal (element, "template"))
    {
      Object inner = { .type = g_strdup (get_attribute (names, values, "class")) };

      g_array_append_val (self->objects, inner);
    }
  else if (g_str_equal (element, "accessibility"))
    self->in_accessibility = TRUE;
  else if (object == NULL)
    return;
  else if (self->in_accessibility)
    object->has_name |= g_str_equal (name, "label") || g_str_equal (name, "labelled-by");
  else if (g_str_equal (element, "child") || g_str_equal (name, "child") || g_str_equal (name, "label"))
    object->has_text = TRUE;
}

static void
on_end (GMarkupParseContext *context, const char *element, gpointer data, GError **error)
{
  Template *self = data;
  Object *object;
  int line;

  if (g_str_equal (element, "accessibility"))
    self->in_accessibility = FALSE;
  if (!g_str_equal (element, "object") && !g_str_equal (element, "template"))
    return;
  object = &g_array_index (self->objects, Object, self->objects->len - 1);
  g_markup_parse_context_get_position (context, &line, NULL);
  if (is_button (object) && !object->has_text && !object->has_name)
    g_string_append_printf (self->nameless, "\n%s: the %s that ends in line %d", self->file, object->type, line);
  g_free (object->type);
  g_array_set_size (self->objects, self->objects->len - 1);
}

/* GTK 4.8 would have assistive technology say "GtkImage". */
static void
test_icons_have_names (void)
{
  static const GMarkupParser parser = { .start_element = on_start, .end_element = on_end };
  g_auto (GStrv) names = g_resources_enumerate_children ("/com/example/SteerChat", 0, NULL);
  g_autoptr (GString) nameless = g_string_new (NULL);
  guint n_templates = 0;

  g_assert_nonnull (names);
  for (guint i = 0; names[i] != NULL; i++)
    {
      g_autofree char *path = g_strconcat ("/com/example/SteerChat/", names[i], NULL);
      g_autoptr (GArray) objects = g_array_new (FALSE, FALSE, sizeof (Object));
      g_autoptr (GMarkupParseContext) context = NULL;
      g_autoptr (GBytes) bytes = NULL;
      Template template = { .objects = objects, .nameless = nameless, .file = names[i] };
      gsize length;

      if (!g_str_has_suffix (names[i], ".ui"))
        continue;
      bytes = g_resources_lookup_data (path, 0, NULL);
      context = g_markup_parse_context_new (&parser, 0, &template, NULL);
      g_assert_true (g_markup_parse_context_parse (context, g_bytes_get_data (bytes, &length),
                                                   (gssize) g_bytes_get_size (bytes), NULL));
      n_templates++;
    }
  g_assert_cmpuint (n_templates, >, 10);
  g_assert_cmpstr (nameless->str, ==, "");
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
  g_test_add_func ("/closures/a button that shows but an icon has a name", test_icons_have_names);
  return g_test_run ();
}
