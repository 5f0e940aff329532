/* Labels from Neuronpedia's exports. */
#include "hub/steer-hub-labels.h"

#include <glib/gstdio.h>
#include <string.h>

#include "hub/steer-hub-listing.h"
#include "hub/steer-hub-name.h"
#include "hub-fake.h"
#include "test-util.h"

#define SOURCE "v1/llama3.1-8b-it/15-resid-post-aa/"

static void
check_guess (const char *repo_id, const char *name, const char *expected)
{
  g_autofree char *model = NULL, *source = NULL, *found = NULL;

  if (steer_hub_guess_labels (repo_id, name, &model, &source))
    {
      g_assert_true (steer_hub_is_label_name (model));
      g_assert_true (steer_hub_is_label_name (source));
      found = g_strconcat (model, "/", source, NULL);
    }
  g_assert_cmpstr (found, ==, expected);
}

/* Each of these is a page of Neuronpedia, but those that are none. */
static void
test_guess (void)
{
  check_guess ("andyrdt/saes-llama-3.1-8b-instruct", "resid_post_layer_15/trainer_1",
               "llama3.1-8b-it/15-resid-post-aa");
  check_guess ("andyrdt/saes-llama-3.1-8b-instruct", "resid_post_layer_15/trainer_0", NULL);
  check_guess ("Andyrdt/saes-qwen2.5-7b-instruct", "resid_post_layer_7/trainer_1", "qwen2.5-7b-it/7-resid-post-aa");
  check_guess ("Goodfire/Llama-3.1-8B-Instruct-SAE-l19", "Llama-3.1-8B-Instruct-SAE-l19.pth",
               "llama3.1-8b-it/19-resid-post-gf");
  check_guess ("Goodfire/Llama-3.1-8B-Instruct-SAE-l19", "nonsense", NULL);
  check_guess ("google/gemma-scope-2b-pt-res", "layer_20/width_16k/average_l0_71", "gemma-2-2b/20-gemmascope-res-16k");
  check_guess ("google/gemma-scope-9b-it-res", "layer_9/width_131k/average_l0_121",
               "gemma-2-9b-it/9-gemmascope-res-131k");
  check_guess ("google/gemma-scope-2-270m-it", "resid_post/layer_12_width_65k_l0_medium",
               "gemma-3-270m-it/12-gemmascope-2-res-65k");
  check_guess ("google/gemma-scope-2-1b-pt", "resid_post/layer_13_width_16k_l0_small",
               "gemma-3-1b/13-gemmascope-2-res-16k");
  check_guess ("google/gemma-scope-2-1b-pt", "mlp_out/layer_13_width_16k_l0_small", NULL);
  check_guess ("fnlp/Llama3_1-8B-Base-LXR-8x", "Llama3_1-8B-Base-L15R-8x", "llama3.1-8b/15-llamascope-res-32k");
  check_guess ("somebody/else", "layer_3", NULL);
}

typedef struct
{
  HubFake *hub;
  char *folder;
  SteerHubLabels what;
  guint64 done;
  guint64 total;
} Fixture;

static void
set_up (Fixture *self, gconstpointer data)
{
  self->hub = hub_fake_new ();
  self->folder = test_make_dir ();
  self->what = (SteerHubLabels){ hub_fake_get_endpoint (self->hub), "llama3.1-8b-it", "15-resid-post-aa",
                                 "andyrdt/saes-llama-3.1-8b-instruct", "resid_post_layer_15/trainer_1" };
  hub_fake_add_object (self->hub, SOURCE "explanations/batch-0.jsonl.gz", "first", 5);
  hub_fake_add_object (self->hub, SOURCE "explanations/batch-1.jsonl.gz", "second", 6);
  hub_fake_add_object (self->hub, SOURCE "explanations-other/batch-0.jsonl.gz", "others", 6);
  hub_fake_add_object (self->hub, SOURCE "features/batch-0.jsonl.gz", "large", 5);
  hub_fake_add_object (self->hub, SOURCE "explanations/README", "text", 4);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  hub_fake_free (self->hub);
  test_remove_dir (self->folder);
}

static void
on_progress (guint64 done, guint64 total, guint64 received, gpointer data)
{
  Fixture *self = data;

  self->done = done;
  self->total = total;
}

static void
check_file (const char *folder, const char *name, const char *expected)
{
  g_autofree char *path = g_build_filename (folder, name, NULL), *text = NULL;

  g_assert_cmpint (g_file_get_contents (path, &text, NULL, NULL), ==, expected != NULL);
  g_assert_cmpstr (text, ==, expected);
}

static void
fetch (Fixture *self)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = steer_hub_fetch_labels (&self->what, self->folder, on_progress, self, NULL, &error);
  g_autofree char *expected = g_build_filename (self->folder, "llama3.1-8b-it", "15-resid-post-aa", NULL);

  g_assert_no_error (error);
  g_assert_cmpstr (path, ==, expected);
  check_file (path, "batch-0.jsonl.gz", "first");
  check_file (path, "batch-1.jsonl.gz", "second");
  check_file (path, "README", NULL);
  g_assert_cmpuint (self->done, ==, 11);
  g_assert_cmpuint (self->total, ==, 11);
}

static void
fetch_in_vain (Fixture *self, SteerHubError code, const char *words)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (steer_hub_fetch_labels (&self->what, self->folder, NULL, NULL, NULL, &error));
  g_assert_error (error, STEER_HUB_ERROR, (int) code);
  if (strstr (error->message, words) == NULL)
    g_error ("\"%s\" is not in: %s", words, error->message);
}

static void
test_fetch (Fixture *self, gconstpointer data)
{
  guint64 n_bytes;

  fetch (self);
  n_bytes = hub_fake_get_n_bytes (self->hub);
  fetch (self);
  g_assert_cmpuint (hub_fake_get_n_bytes (self->hub), ==, n_bytes);
}

static void
test_pages (Fixture *self, gconstpointer data)
{
  hub_fake_set_page_size (self->hub, 1);
  fetch (self);
}

static void
test_damage (Fixture *self, gconstpointer data)
{
  hub_fake_corrupt (self->hub, SOURCE "explanations/batch-1.jsonl.gz", 1);
  fetch_in_vain (self, STEER_HUB_ERROR_DAMAGED, "batch-1");
  fetch (self);
}

/* One of several writers. */
static void
test_writers (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;

  self->what.source = "7-resid-post-aa";
  self->what.repo_id = self->what.name = NULL;
  hub_fake_add_object (self->hub, "v1/llama3.1-8b-it/7-resid-post-aa/explanations-b/batch-0.jsonl.gz", "b", 1);
  hub_fake_add_object (self->hub, "v1/llama3.1-8b-it/7-resid-post-aa/explanations-a/batch-0.jsonl.gz", "a", 1);
  path = steer_hub_fetch_labels (&self->what, self->folder, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  check_file (path, "batch-0.jsonl.gz", "a");
}

static void
test_of_another_sae (Fixture *self, gconstpointer data)
{
  const char *right = "{\"id\":\"x\",\"hfRepoId\":\"andyrdt/saes-llama-3.1-8b-instruct\",\"hfFolderId\":"
                      "\"resid_post_layer_15/trainer_1\"}\n{\"x\":1}\n";

  hub_fake_add_object (self->hub, SOURCE "source.jsonl", right, strlen (right));
  fetch (self);
  self->what.name = "resid_post_layer_15/trainer_0";
  fetch_in_vain (self, STEER_HUB_ERROR_INVALID, "are of resid_post_layer_15/trainer_1");
  self->what.name = "resid_post_layer_15/trainer_1";
  self->what.repo_id = "andyrdt/other";
  fetch_in_vain (self, STEER_HUB_ERROR_INVALID, "andyrdt/saes-llama-3.1-8b-instruct");
  self->what.repo_id = NULL; /* whoever names them knows */
  fetch (self);
}

/* Of several sparsities one has labels: where nobody tells which, none are taken. */
static void
test_which_of_several (Fixture *self, gconstpointer data)
{
  const char *text = "{\"hfFolderId\":\"layer_20/width_16k/average_l0_71\"}";

  self->what.model = "gemma-2-2b";
  self->what.source = "20-gemmascope-res-16k";
  self->what.repo_id = "google/gemma-scope-2b-pt-res";
  self->what.name = "layer_20/width_16k/average_l0_71";
  hub_fake_add_object (self->hub, "v1/gemma-2-2b/20-gemmascope-res-16k/explanations/batch-0.jsonl.gz", "x", 1);
  fetch_in_vain (self, STEER_HUB_ERROR_NOT_FOUND, "does not tell of which SAE");
  hub_fake_add_object (self->hub, "v1/gemma-2-2b/20-gemmascope-res-16k/source.jsonl", text, strlen (text));
  self->what.name = "layer_20/width_16k/average_l0_139";
  fetch_in_vain (self, STEER_HUB_ERROR_INVALID, "average_l0_71");
}

/* What an earlier download has left is not imported with the rest. */
static void
test_left_over (Fixture *self, gconstpointer data)
{
  g_autofree char *folder = g_build_filename (self->folder, "llama3.1-8b-it", "15-resid-post-aa", NULL);
  g_autofree char *path = g_build_filename (folder, "batch-7.jsonl.gz", NULL);

  g_assert_cmpint (g_mkdir_with_parents (folder, 0777), ==, 0);
  g_assert_true (g_file_set_contents (path, "old", -1, NULL));
  fetch (self);
  check_file (folder, "batch-7.jsonl.gz", NULL);
}

/* A source.jsonl that says nothing stands in nobody's way. */
static void
test_odd_source (Fixture *self, gconstpointer data)
{
  const char *text = data;

  hub_fake_add_object (self->hub, SOURCE "source.jsonl", text, strlen (text));
  fetch (self);
}

static void
test_none (Fixture *self, gconstpointer data)
{
  self->what.source = "16-resid-post-aa";
  fetch_in_vain (self, STEER_HUB_ERROR_NOT_FOUND, "has no labels of llama3.1-8b-it/16-resid-post-aa");
  self->what.source = "../x";
  fetch_in_vain (self, STEER_HUB_ERROR_INVALID, "MODEL/SOURCE");
}

static void
test_listing (void)
{
  static const char *const bad[]
    = { "",
        "<html></html>",
        "<ListBucketResult>",
        "<ListBucketResult><a><a><a><a><a><a><a><a></a></a></a></a></a></a></a></a></ListBucketResult>",
        "{}",
        "<ListBucketResult>&amp&</ListBucketResult>" };
  const char *text
    = "<ListBucketResult><Contents><Key>../../x</Key><Size>1</Size></Contents>"
      "<Contents><Key>a</Key><Size>-1</Size></Contents><Contents><Size>1</Size></Contents>"
      "<Contents><Key>a&amp;b</Key><Size>7</Size><ETag>\"0123456789abcdef0123456789abcdef\"</ETag></Contents>"
      "<Contents><Key>c</Key><Size>8</Size><ETag>\"0123456789abcdef0123456789abcdef-2\"</ETag></Contents>"
      "<NextContinuationToken>x+/=</NextContinuationToken></ListBucketResult>";
  g_autoptr (GArray) objects = g_array_new (FALSE, FALSE, sizeof (SteerHubObject));
  g_autoptr (GError) error = NULL;
  g_autofree char *next = NULL;

  g_array_set_clear_func (objects, (GDestroyNotify) steer_hub_object_clear);
  g_assert_true (steer_hub_listing_parse (text, strlen (text), objects, &next, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (next, ==, "x+/=");
  g_assert_cmpuint (objects->len, ==, 2);
  g_assert_cmpstr (g_array_index (objects, SteerHubObject, 0).key, ==, "a&b");
  g_assert_cmpuint (g_array_index (objects, SteerHubObject, 0).size, ==, 7);
  g_assert_cmpstr (g_array_index (objects, SteerHubObject, 0).md5, ==, "0123456789abcdef0123456789abcdef");
  g_assert_null (g_array_index (objects, SteerHubObject, 1).md5);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *none = NULL;

      g_assert_false (steer_hub_listing_parse (bad[i], strlen (bad[i]), objects, &none, &error));
      g_assert_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_INVALID);
      g_assert_null (none);
      g_clear_error (&error);
    }
}

#define ADD(name, data, test) g_test_add ("/hub/labels/" name, Fixture, data, set_up, test, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/hub/labels/guess", test_guess);
  g_test_add_func ("/hub/labels/listing", test_listing);
  ADD ("fetch", NULL, test_fetch);
  ADD ("pages", NULL, test_pages);
  ADD ("damage", NULL, test_damage);
  ADD ("writers", NULL, test_writers);
  ADD ("of-another-sae", NULL, test_of_another_sae);
  ADD ("odd-source/empty", "", test_odd_source);
  ADD ("odd-source/no-json", "<html>", test_odd_source);
  ADD ("odd-source/no-members", "[1]\n", test_odd_source);
  ADD ("odd-source/empty-members", "{\"hfRepoId\":\"\",\"hfFolderId\":null}", test_odd_source);
  ADD ("which-of-several", NULL, test_which_of_several);
  ADD ("left-over", NULL, test_left_over);
  ADD ("none", NULL, test_none);
  return g_test_run ();
}
