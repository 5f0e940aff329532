#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Path of a file of the outside test data, or NULL after marking the running test as skipped. Free with g_free(). */
char *test_shared_path (const char *relative);

/* Path of a fixture under tests/fixtures. Aborts the test when it is missing. Free with g_free(). */
char *test_fixture_path (const char *relative);

/* A new empty folder for the running test, and its removal with all that is in it. */
char *test_make_dir (void);
void test_remove_dir (char *path);

/* Runs the main context until @condition returns TRUE; fails the test after @seconds. */
void test_wait_until (gboolean (*condition) (gpointer data), gpointer data, double seconds);

/* The end of a call that takes a GAsyncReadyCallback: given test_keep_result() and the address of a result that is
 * NULL, the call leaves its result there. */
void test_keep_result (GObject *source, GAsyncResult *result, gpointer kept);
void test_wait_for_result (GAsyncResult **kept, double seconds);

/* Releases @object, the last reference to it but for those that threads and the main context hold for a while yet. */
void test_assert_finalizes (gpointer object);

/* A long program of tests may be asked in two parts: STEER_TEST_PART is "most", which leaves out what others of its
 * tests stand for (@stood_for), or "rest", which is just that. Not set: all. */
gboolean test_part_has (gboolean stood_for);

/* How often a test repeats what it does at random moments: @usually, or STEER_TEST_ROUNDS. */
guint test_get_n_rounds (guint usually);

/* Millions of random numbers, which follow from the test's seed: uniform in -@size .. @size, and of all bytes.
 * (g_test_rand_double_range() takes a lock for each.) */
void test_fill_random (float *values, gsize n, double size);
void test_fill_random_bytes (guint8 *bytes, gsize n);

/* Bytes of this process in memory. */
gsize test_get_resident (void);

/* Largest |a - b| / (largest |b|) over [n]: relative to the scale of the reference as a whole. */
double test_max_relative_error (const float *a, const float *b, gsize n);

G_END_DECLS
