#include "steer-library.h"

#include <string.h>

#include "test-source.h"

static GBytes *
load (SteerLibrary *library, const char *source, guint layer, guint64 index)
{
  g_autoptr (GError) error = NULL;
  GBytes *vector = steer_library_load_vector (library, source, layer, index, &error);

  g_assert_no_error (error);
  return vector;
}

static void
test_takes_the_named_source_else_the_first_that_covers (void)
{
  g_autoptr (SteerLibrary) library = steer_library_new ();
  g_autoptr (TestSource) small = test_source_new ("small", 4, 2);
  g_autoptr (TestSource) large = test_source_new ("large", 8, 9);
  g_autoptr (GBytes) anyone = NULL;
  g_autoptr (GBytes) deep = NULL;
  g_autoptr (GBytes) named = NULL;

  steer_library_add (library, STEER_VECTOR_SOURCE (small));
  steer_library_add (library, STEER_VECTOR_SOURCE (large));
  anyone = load (library, NULL, 1, 3);
  deep = load (library, NULL, 5, 3);
  named = load (library, "large", 1, 3);
  g_assert_cmpuint (g_bytes_get_size (anyone), ==, 16);
  g_assert_cmpuint (g_bytes_get_size (deep), ==, 32);
  g_assert_cmpuint (g_bytes_get_size (named), ==, 32);
}

static void
test_asks_a_source_once_for_a_vector (void)
{
  g_autoptr (SteerLibrary) library = steer_library_new ();
  g_autoptr (TestSource) source = test_source_new ("one", 4, 2);
  g_autoptr (GBytes) first = NULL;

  steer_library_add (library, STEER_VECTOR_SOURCE (source));
  first = load (library, NULL, 1, 3);
  for (guint i = 0; i < 100; i++)
    {
      g_autoptr (GBytes) again = load (library, i % 2 ? "one" : NULL, 1, 3);

      g_assert_true (again == first);
    }
  g_assert_cmpuint (test_source_get_n_loads (source), ==, 1);
  g_bytes_unref (load (library, NULL, 0, 3));
  g_bytes_unref (load (library, NULL, 1, 2));
  g_assert_cmpuint (test_source_get_n_loads (source), ==, 3);
}

static void
test_knows_what_it_would_read (void)
{
  g_autoptr (SteerLibrary) library = steer_library_new ();
  g_autoptr (TestSource) source = test_source_new ("one", 4, 2);

  g_assert_false (steer_library_would_read (library, NULL, 1, 3, FALSE));
  steer_library_add (library, STEER_VECTOR_SOURCE (source));
  g_assert_true (steer_library_would_read (library, NULL, 1, 3, FALSE));
  g_assert_false (steer_library_would_read (library, "other", 1, 3, FALSE));
  g_assert_false (steer_library_would_read (library, NULL, 2, 3, FALSE));
  g_bytes_unref (load (library, NULL, 1, 3));
  g_assert_false (steer_library_would_read (library, NULL, 1, 3, FALSE));
  /* It has no encoders, and no file is read to say so. */
  g_assert_false (steer_library_would_read (library, NULL, 1, 3, TRUE));
  g_assert_cmpuint (test_source_get_n_loads (source), ==, 1);
}

static void
expect_not_found (SteerLibrary *library, const char *source, const char *message)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (steer_library_load_vector (library, source, 7, 99, &error));
  g_assert_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "layer 7, feature 99"));
  g_assert_nonnull (strstr (error->message, message));
}

static void
test_says_what_is_missing (void)
{
  g_autoptr (SteerLibrary) library = steer_library_new ();
  g_autoptr (TestSource) source = test_source_new ("one", 4, 2);

  expect_not_found (library, NULL, "no source of vectors is loaded");
  steer_library_add (library, STEER_VECTOR_SOURCE (source));
  expect_not_found (library, NULL, "in any of the 1 loaded sources");
  expect_not_found (library, "one", "in the source 'one'");
  expect_not_found (library, "other", "its source 'other' is not loaded");
}

static void
test_forgets_a_source_that_is_removed (void)
{
  g_autoptr (SteerLibrary) library = steer_library_new ();
  TestSource *source = test_source_new ("one", 4, 9);
  g_autoptr (GBytes) kept = NULL;
  g_autoptr (GPtrArray) sources = NULL;

  g_object_add_weak_pointer (G_OBJECT (source), (gpointer *) &source);
  steer_library_add (library, STEER_VECTOR_SOURCE (source));
  steer_library_add (library, STEER_VECTOR_SOURCE (source));
  kept = load (library, NULL, 1, 3);
  steer_library_remove (library, STEER_VECTOR_SOURCE (source));
  g_object_unref (source);
  g_assert_null (source);
  expect_not_found (library, NULL, "no source of vectors is loaded");
  sources = steer_library_list_sources (library);
  g_assert_cmpuint (sources->len, ==, 0);
  g_assert_cmpfloat (((const float *) g_bytes_get_data (kept, NULL))[3], ==, 1.0);
}

static void
test_describes_only_what_a_feature_lacks (void)
{
  g_autoptr (SteerLibrary) library = steer_library_new ();
  g_autoptr (TestSource) source = test_source_new ("one", 4, 9);
  g_autoptr (SteerFeature) bare = steer_feature_new (2, 3);
  g_autoptr (SteerFeature) own = steer_feature_new (2, 3);
  g_autoptr (SteerFeature) foreign = steer_feature_new (70, 3);

  steer_library_add (library, STEER_VECTOR_SOURCE (source));
  steer_feature_set_label (own, "Mine");
  steer_feature_set_range (own, 1.0, -2.0, 3.0);
  steer_feature_set_layer_norm (own, 4.0);
  steer_library_describe (library, bare);
  steer_library_describe (library, own);
  steer_library_describe (library, foreign);

  g_assert_cmpstr (steer_feature_get_label (bare), ==, "one 3");
  g_assert_cmpfloat (steer_feature_get_recommended (bare), ==, 8.5);
  g_assert_cmpfloat (steer_feature_get_minimum (bare), ==, -16.0);
  g_assert_cmpfloat (steer_feature_get_maximum (bare), ==, 16.0);
  g_assert_cmpfloat (steer_feature_get_layer_norm (bare), ==, 12.0);
  g_assert_cmpfloat (steer_feature_get_strength (bare), ==, 0.0);
  g_assert_cmpstr (steer_feature_get_label (own), ==, "Mine");
  g_assert_cmpfloat (steer_feature_get_recommended (own), ==, 1.0);
  g_assert_cmpfloat (steer_feature_get_maximum (own), ==, 3.0);
  g_assert_cmpfloat (steer_feature_get_layer_norm (own), ==, 4.0);
  g_assert_null (steer_feature_get_label (foreign));
}

static gpointer
load_many (gpointer data)
{
  SteerLibrary *library = data;

  for (guint i = 0; i < 2000; i++)
    {
      g_autoptr (GBytes) vector = steer_library_load_vector (library, NULL, i % 9, i % 50, NULL);
      g_autoptr (GPtrArray) sources = steer_library_list_sources (library);

      g_assert_nonnull (vector);
      g_assert_cmpuint (sources->len, >=, 1);
    }
  return NULL;
}

static void
test_may_be_used_from_many_threads (void)
{
  g_autoptr (SteerLibrary) library = steer_library_new ();
  g_autoptr (TestSource) fixed = test_source_new ("fixed", 4, 9);
  g_autoptr (TestSource) passing = test_source_new ("passing", 4, 9);
  GThread *threads[4];

  steer_library_add (library, STEER_VECTOR_SOURCE (fixed));
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("load", load_many, library);
  for (guint i = 0; i < 500; i++)
    {
      steer_library_add (library, STEER_VECTOR_SOURCE (passing));
      steer_library_remove (library, STEER_VECTOR_SOURCE (passing));
    }
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/library/takes the named source, else the first that covers the feature",
                   test_takes_the_named_source_else_the_first_that_covers);
  g_test_add_func ("/library/asks a source only once for a vector", test_asks_a_source_once_for_a_vector);
  g_test_add_func ("/library/knows what it would read a file for", test_knows_what_it_would_read);
  g_test_add_func ("/library/says which feature is missing and why", test_says_what_is_missing);
  g_test_add_func ("/library/forgets a source that is removed, but not the vectors in use",
                   test_forgets_a_source_that_is_removed);
  g_test_add_func ("/library/describes only what a feature does not say itself",
                   test_describes_only_what_a_feature_lacks);
  g_test_add_func ("/library/may be used from many threads", test_may_be_used_from_many_threads);
  return g_test_run ();
}
