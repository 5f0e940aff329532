#include "steering/steer-label-store.h"

#include <glib/gstdio.h>
#include <string.h>

#include "test-util.h"

typedef struct
{
  char *dir;
  SteerLabelStore *store;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;

  f->dir = test_make_dir ();
  path = g_build_filename (f->dir, "labels.sqlite", NULL);
  f->store = steer_label_store_open (path, &error);
  g_assert_no_error (error);
}

static gboolean
is_gone (GWeakRef *weak)
{
  g_autoptr (GObject) object = g_weak_ref_get (weak);

  return object == NULL;
}

/* A thread that has searched holds the store a moment longer than its answer takes to arrive. */
static void
tear_down (Fixture *f, gconstpointer data)
{
  GWeakRef weak;
  guint n_waits = 0;

  g_weak_ref_init (&weak, f->store);
  g_clear_object (&f->store);
  while (!is_gone (&weak) && n_waits++ < 20000)
    g_usleep (1000);
  g_assert_true (is_gone (&weak));
  g_weak_ref_clear (&weak);
  test_remove_dir (f->dir);
}

/* Writes @text to @name, packed when the name says so. Returns the path. */
static char *
write_file (Fixture *f, const char *name, const char *text)
{
  char *path = g_build_filename (f->dir, name, NULL);
  g_autofree char *folder = g_path_get_dirname (path);
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GOutputStream) stream = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  stream = G_OUTPUT_STREAM (g_file_replace (file, NULL, FALSE, 0, NULL, &error));
  g_assert_no_error (error);
  if (g_str_has_suffix (name, ".gz"))
    {
      g_autoptr (GConverter) zlib = G_CONVERTER (g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP, 6));
      g_autoptr (GOutputStream) raw = g_steal_pointer (&stream);

      stream = g_converter_output_stream_new (raw, zlib);
    }
  g_assert_true (g_output_stream_write_all (stream, text, strlen (text), NULL, NULL, NULL));
  g_assert_true (g_output_stream_close (stream, NULL, NULL));
  return path;
}

static char *
make_row (guint layer, guint index, const char *description)
{
  return g_strdup_printf ("{\"modelId\":\"llama3.1-8b-it\",\"layer\":\"%u-resid-post-aa\",\"index\":\"%u\","
                          "\"description\":\"%s\",\"typeName\":\"oai_token-act-pair\"}\n",
                          layer, index, description);
}

static void
import_ok (Fixture *f, const char *path, SteerLabelImport *counts)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (steer_label_store_import (f->store, path, NULL, NULL, counts, NULL, NULL, NULL, &error));
  g_assert_no_error (error);
}

/* Imports labels given as layer, index, text, ...; a text of NULL ends them. */
static void
add (Fixture *f, ...)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *path = NULL;
  va_list args;

  va_start (args, f);
  for (;;)
    {
      guint layer = va_arg (args, guint);
      guint index = va_arg (args, guint);
      const char *label = va_arg (args, const char *);
      g_autofree char *row = label != NULL ? make_row (layer, index, label) : NULL;

      if (row == NULL)
        break;
      g_string_append (text, row);
    }
  va_end (args);
  path = write_file (f, "added.jsonl", text->str);
  import_ok (f, path, NULL);
}

#define END 0, 0, NULL

/* "15:21576 15:3": what a search finds, in order. */
static char *
find (Fixture *f, const char *query, int layer)
{
  SteerLabelFilter filter = { .layer = layer };
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) list = steer_label_store_search (f->store, query, &filter, 10, NULL, &error);
  GString *out = g_string_new (NULL);

  g_assert_no_error (error);
  for (guint i = 0; i < list->len; i++)
    {
      const SteerLabel *label = g_ptr_array_index (list, i);

      g_string_append_printf (out, "%s%d:%" G_GUINT64_FORMAT, i > 0 ? " " : "", label->layer, label->index);
    }
  return g_string_free (out, FALSE);
}

#define assert_finds(query, layer, expected)                                                                           \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    g_autofree char *found = find (f, query, layer);                                                                   \
                                                                                                                       \
    g_assert_cmpstr (found, ==, expected);                                                                             \
  }                                                                                                                    \
  G_STMT_END

static void
test_words_phrases_and_beginnings (Fixture *f, gconstpointer data)
{
  add (f, 15, 1, "the Eiffel Tower", 15, 2, "a tower built by Eiffel", 11, 3, "references to the Eiffel Tower in Paris",
       15, 4, "Étienne's café", 15, 5, "towering heights", END);
  assert_finds ("eiffel tower", -1, "15:1 11:3 15:2"); /* as a phrase first, shorter first, then anywhere */
  assert_finds ("EIFF", -1, "15:1 15:2 11:3");
  assert_finds ("tower", -1, "15:1 15:2 11:3 15:5"); /* whole words before beginnings */
  assert_finds ("tower ", -1, "15:1 15:2 11:3 15:5");
  assert_finds ("eiffel tow", 11, "11:3");
  assert_finds ("\"tower built\"", -1, "15:2");
  assert_finds ("\"built tower\"", -1, "");
  assert_finds ("paris eiffel", -1, "11:3");
  assert_finds ("etienne cafe", -1, "15:4"); /* whatever the accents are */
  assert_finds ("nothing", -1, "");
}

/* Each is its own, as long as it lives. */
static void
test_databases_in_memory (Fixture *f, gconstpointer data)
{
  g_autofree char *path = write_file (f, "words.jsonl", "");
  g_autofree char *row = make_row (15, 1, "the Eiffel Tower");
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_set_contents (path, row, -1, NULL));
  for (guint i = 0; i < 2; i++)
    {
      g_clear_object (&f->store);
      f->store = steer_label_store_open_in_memory (&error);
      g_assert_no_error (error);
      assert_finds ("tower", -1, "");
      import_ok (f, path, NULL);
      assert_finds ("tower", -1, "15:1");
    }
}

static void
test_the_query_itself_comes_first (Fixture *f, gconstpointer data)
{
  add (f, 15, 1, "cats and dogs", 15, 2, "dogs", 15, 3, "dogs and cats", 15, 4, "hot dogs", END);
  assert_finds ("dogs", -1, "15:2 15:3 15:4 15:1");
}

static void
test_rarer_features_come_before_common_ones (Fixture *f, gconstpointer data)
{
  g_autofree char *path
    = write_file (f, "f.jsonl",
                  "{\"layer\":\"15-x\",\"index\":1,\"description\":\"water\",\"frac_nonzero\":0.2}\n"
                  "{\"layer\":\"15-x\",\"index\":2,\"description\":\"water\"}\n"
                  "{\"layer\":\"15-x\",\"index\":3,\"description\":\"water\",\"frac_nonzero\":0.0001}\n");

  import_ok (f, path, NULL);
  assert_finds ("water", -1, "15:3 15:1 15:2");
}

static void
test_numbers_find_features (Fixture *f, gconstpointer data)
{
  add (f, 15, 21576, "the Eiffel Tower", 11, 21576, "commas", 15, 5, "the year 21576", END);
  assert_finds ("15:21576", -1, "15:21576");
  assert_finds ("21576", -1, "11:21576 15:21576 15:5");
  assert_finds ("21576", 15, "15:21576 15:5");
  assert_finds ("15:99", -1, "");
}

static void
test_the_users_label_wins (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerLabel) own = NULL;
  g_autoptr (SteerLabel) imported = NULL;

  add (f, 15, 1, "tall iron structures", 15, 2, "iron", END);
  g_assert_true (steer_label_store_set_user_label (f->store, NULL, 15, 1, "Paris iron", &error));
  assert_finds ("iron", -1, "15:1 15:2"); /* although 15:2 is the query itself */
  assert_finds ("structures", -1, "");    /* what others call it is not its name any more */
  own = steer_label_store_find (f->store, 15, 1, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (own->label, ==, "Paris iron");
  g_assert_true (own->by_user);

  g_assert_true (steer_label_store_set_user_label (f->store, NULL, 15, 1, NULL, &error));
  imported = steer_label_store_find (f->store, 15, 1, NULL, &error);
  g_assert_cmpstr (imported->label, ==, "tall iron structures");
  g_assert_false (imported->by_user);
  g_assert_null (steer_label_store_find (f->store, 15, 77, NULL, &error));
  g_assert_no_error (error);
}

static void
test_importing_again_replaces (Fixture *f, gconstpointer data)
{
  add (f, 15, 1, "old words", 15, 2, "stays", END);
  g_assert_true (steer_label_store_set_user_label (f->store, NULL, 15, 2, "mine", NULL));
  add (f, 15, 1, "new name", 15, 3, "one more", END);
  assert_finds ("old", -1, "");
  assert_finds ("new", -1, "15:1");
  assert_finds ("more", -1, "15:3");
  assert_finds ("mine", -1, "15:2");
}

/* Explanations, features and activations are files of their own in an export, in folders of batches, packed. */
static void
test_folders_of_batches (Fixture *f, gconstpointer data)
{
  g_autofree char *explanations = make_row (15, 21576, "the Eiffel Tower");
  g_autofree char *second = make_row (15, 21576, "another explanation of the same");
  g_autofree char *both = g_strconcat (explanations, second, NULL);
  g_autofree char *folder = g_build_filename (f->dir, "15-resid-post-aa", NULL);
  g_autoptr (GPtrArray) sources = NULL;
  g_autoptr (GPtrArray) examples = NULL;
  g_autoptr (SteerLabel) label = NULL;
  const SteerLabelSource *source;
  SteerLabelImport counts;

  g_free (write_file (f, "15-resid-post-aa/explanations/batch-0.jsonl.gz", both));
  g_free (
    write_file (f, "15-resid-post-aa/features/batch-0.jsonl.gz",
                "{\"modelId\":\"llama3.1-8b-it\",\"layer\":\"15-resid-post-aa\",\"index\":\"21576\",\"maxActApprox\":"
                "9.5,\"frac_nonzero\":0.0003,\"pos_str\":[\"a\",\"b\"],\"pos_values\":[1,2]}\n"));
  g_free (write_file (
    f, "15-resid-post-aa/activations/batch-0.jsonl",
    "{\"modelId\":\"llama3.1-8b-it\",\"layer\":\"15-resid-post-aa\",\"index\":\"21576\",\"tokens\":[\"the\","
    "\"\\u2581Eiffel\",\"\\u2581Tower\"],\"values\":[0,2.5,1]}\n"
    "{\"modelId\":\"llama3.1-8b-it\",\"layer\":\"15-resid-post-aa\",\"index\":\"21576\",\"tokens\":[\"In\","
    "\" Paris\"],\"values\":[0,7.5]}\n"));
  g_free (write_file (f, "15-resid-post-aa/README.txt", "not a row"));
  import_ok (f, folder, &counts);
  g_assert_cmpuint (counts.n_files, ==, 3);
  g_assert_cmpuint (counts.n_labels, ==, 1);
  g_assert_cmpuint (counts.n_features, ==, 1);
  g_assert_cmpuint (counts.n_examples, ==, 2);

  label = steer_label_store_find (f->store, 15, 21576, NULL, NULL);
  g_assert_cmpstr (label->label, ==, "the Eiffel Tower"); /* the first explanation */
  g_assert_cmpfloat (label->density, ==, 0.0003);
  g_assert_cmpfloat (label->activation, ==, 9.5);
  examples = steer_label_store_list_examples (f->store, label, 5, NULL);
  g_assert_cmpuint (examples->len, ==, 2);
  g_assert_cmpstr (g_ptr_array_index (examples, 0), ==, "In⟦ Paris⟧");
  g_assert_cmpstr (g_ptr_array_index (examples, 1), ==, "the⟦ Eiffel⟧ Tower");

  sources = steer_label_store_list_sources (f->store, NULL);
  g_assert_cmpuint (sources->len, ==, 1);
  source = g_ptr_array_index (sources, 0);
  g_assert_cmpstr (source->model, ==, "llama3.1-8b-it");
  g_assert_cmpstr (source->name, ==, "15-resid-post-aa");
  g_assert_cmpint (source->layer, ==, 15);
  g_assert_cmpstr (source->sae, ==, "andyrdt/saes-llama-3.1-8b-instruct");
  g_assert_cmpint (source->n_labels, ==, 1);
  g_assert_true (steer_label_store_remove_source (f->store, source->id, NULL));
  assert_finds ("eiffel", -1, "");
}

/* @part behind what @path holds. */
static void
append (const char *path, const char *part, gsize length)
{
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GFileOutputStream) stream = g_file_append_to (file, G_FILE_CREATE_NONE, NULL, NULL);

  g_assert_true (g_output_stream_write_all (G_OUTPUT_STREAM (stream), part, length, NULL, NULL, NULL));
}

/* `cat a.jsonl.gz b.jsonl.gz` is a gzip file too, and a tape's zeros behind it say nothing. */
static void
test_packed_files_may_be_joined (Fixture *f, gconstpointer data)
{
  g_autofree char *one = make_row (15, 1, "first member"), *two = make_row (15, 2, "second member");
  g_autofree char *path = write_file (f, "joined.jsonl.gz", one), *second = write_file (f, "second.jsonl.gz", two);
  g_autofree char *bytes = NULL;
  g_autoptr (GError) error = NULL;
  SteerLabelImport counts;
  gsize length;

  g_assert_true (g_file_get_contents (second, &bytes, &length, NULL));
  append (path, bytes, length);
  import_ok (f, path, &counts);
  g_assert_cmpuint (counts.n_labels, ==, 2);
  assert_finds ("member", -1, "15:1 15:2");

  append (path, "\0\0\0\0\0\0\0\0", 8);
  import_ok (f, path, &counts);
  g_assert_cmpuint (counts.n_labels, ==, 2);

  append (path, "and no third", 12);
  g_assert_false (steer_label_store_import (f->store, path, NULL, NULL, NULL, NULL, NULL, NULL, &error));
  g_assert_nonnull (strstr (error->message, "joined.jsonl.gz"));
}

static void
test_a_search_may_be_of_some_sources (Fixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) sources = NULL;
  g_autoptr (GArray) some = g_array_new (FALSE, FALSE, sizeof (gint64));
  SteerLabelFilter filter = { .layer = -1, .sources = some };
  const char *queries[] = { "tower", "7" };

  add (f, 11, 7, "tower of eleven", 15, 7, "tower of fifteen", END);
  g_assert_true (steer_label_store_set_user_label (f->store, NULL, 3, 7, "my tower", NULL));
  sources = steer_label_store_list_sources (f->store, NULL);
  g_assert_cmpuint (sources->len, ==, 2);
  for (guint n = 0; n < 2; n++)
    {
      for (guint i = 0; i < G_N_ELEMENTS (queries); i++)
        {
          g_autoptr (GPtrArray) list = steer_label_store_search (f->store, queries[i], &filter, 10, NULL, NULL);

          /* The user's own are of no source. */
          g_assert_cmpuint (list->len, ==, n + 1);
          g_assert_true (((SteerLabel *) g_ptr_array_index (list, 0))->by_user);
          if (n > 0)
            g_assert_cmpint (((SteerLabel *) g_ptr_array_index (list, 1))->layer, ==, 15);
        }
      g_array_append_val (some, ((SteerLabelSource *) g_ptr_array_index (sources, 1))->id);
    }
}

static void
test_the_user_names_features_of_several_models (Fixture *f, gconstpointer data)
{
  const char *both[] = { "llama/sae", "llama", "", NULL }, *other[] = { "gemma", "", NULL },
             *none[] = { "gemma", NULL };
  g_autofree char *nearest = NULL, *general = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (steer_label_store_set_user_label (f->store, NULL, 15, 1, "of any", &error));
  g_assert_true (steer_label_store_set_user_label (f->store, "llama", 15, 1, "of the llama", &error));
  nearest = steer_label_store_find_user_label (f->store, both, 15, 1, &error);
  general = steer_label_store_find_user_label (f->store, other, 15, 1, &error);
  g_assert_cmpstr (nearest, ==, "of the llama");
  g_assert_cmpstr (general, ==, "of any");
  g_assert_null (steer_label_store_find_user_label (f->store, none, 15, 1, &error));
  g_assert_null (steer_label_store_find_user_label (f->store, both, 15, 2, &error));
  g_assert_no_error (error);
}

static void
test_rows_may_leave_their_source_to_the_caller (Fixture *f, gconstpointer data)
{
  g_autofree char *path = write_file (f, "bare.jsonl", "{\"index\": 4, \"description\": \"bare\"}\n{\"index\": 5}\n\n");
  g_autoptr (SteerLabel) label = NULL;
  SteerLabelImport counts;

  g_assert_true (steer_label_store_import (f->store, path, "mine", "7-own", &counts, NULL, NULL, NULL, NULL));
  g_assert_cmpuint (counts.n_labels, ==, 1);
  g_assert_cmpuint (counts.n_passed_over, ==, 1);
  label = steer_label_store_find (f->store, 7, 4, &(SteerLabelFilter){ .model = "mine", .layer = -1 }, NULL);
  g_assert_cmpstr (label->source_name, ==, "7-own");
  g_assert_null (steer_label_store_find (f->store, 7, 4, &(SteerLabelFilter){ .model = "other", .layer = -1 }, NULL));
}

/* The bundled model's own labels are one of the forms. */
static void
test_our_own_labels (Fixture *f, gconstpointer data)
{
  g_autofree char *path = test_fixture_path ("cli/sae/labels.jsonl");
  SteerLabelImport counts;

  import_ok (f, path, &counts);
  g_assert_cmpuint (counts.n_labels, >, 0);
  assert_finds ("the letter a", 2, "2:97");
}

/* All or nothing, and the message names the line. */
static void
test_damaged_files_change_nothing (Fixture *f, gconstpointer data)
{
  static const struct
  {
    const char *line;
    const char *message;
  } cases[] = {
    { "[1]", ":2: expected a JSON object" },    { "{\"index\": 1,", ":2" },         { "{\"index\": 1} x", ":2" },
    { "{\"description\": \"\\ud800\"}", ":2" }, { "{\"tokens\": [[[[\"a\"", ":2" },
  };

  add (f, 15, 1, "before", END);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *row = make_row (15, 2, "after");
      g_autofree char *text = g_strconcat (row, cases[i].line, "\n", NULL);
      g_autofree char *path = write_file (f, "damaged.jsonl", text);
      g_autoptr (GError) error = NULL;

      g_assert_false (steer_label_store_import (f->store, path, NULL, NULL, NULL, NULL, NULL, NULL, &error));
      g_assert_nonnull (error);
      g_assert_nonnull (strstr (error->message, cases[i].message));
      assert_finds ("after", -1, "");
      assert_finds ("before", -1, "15:1");
    }
}

static void
test_packed_rubbish_is_refused (Fixture *f, gconstpointer data)
{
  g_autofree char *path = g_build_filename (f->dir, "rubbish.jsonl.gz", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_set_contents (path, "\x1f\x8bnot gzip", -1, NULL));
  g_assert_false (steer_label_store_import (f->store, path, NULL, NULL, NULL, NULL, NULL, NULL, &error));
  g_assert_nonnull (strstr (error->message, "rubbish.jsonl.gz"));
}

/* Rows that would break a store that trusted them. */
static void
test_hostile_rows_are_bounded (Fixture *f, gconstpointer data)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *path = NULL;
  g_autoptr (SteerLabel) label = NULL;
  SteerLabelImport counts;

  g_string_append (text, "{\"layer\":\"99999999999999999999-x\",\"index\":\"1\",\"description\":\"far away\"}\n");
  g_string_append (text, "{\"layer\":\"15-x\",\"index\":\"4294967296\",\"description\":\"beyond\"}\n");
  g_string_append (text, "{\"layer\":\"15-x\",\"index\":-1,\"description\":\"below\"}\n");
  g_string_append (text, "{\"layer\":\"15-x\",\"index\":1e300,\"description\":\"huge\"}\n");
  g_string_append (text, "{\"layer\":\"15-x'; DROP TABLE label; --\",\"index\":1,\"description\":\"quoted ' OR 1\"}\n");
  g_string_append (text, "{\"layer\":\"15-x\",\"index\":2,\"frac_nonzero\":1e999,\"description\":\"long ");
  for (guint i = 0; i < 5000; i++)
    g_string_append (text, "ü");
  g_string_append (text, "\"}\n");
  path = write_file (f, "hostile.jsonl", text->str);
  import_ok (f, path, &counts);
  g_assert_cmpuint (counts.n_passed_over, ==, 3);
  assert_finds ("far away", -1, "-1:1");
  assert_finds ("quoted", -1, "15:1");
  label = steer_label_store_find (f->store, 15, 2, NULL, NULL);
  g_assert_cmpuint (strlen (label->label), <=, 2048);
  g_assert_true (g_utf8_validate (label->label, -1, NULL));
  g_assert_cmpfloat (label->density, <, 0.0);
}

/* Whatever is typed is a question, never an error. */
static void
test_any_query_will_do (Fixture *f, gconstpointer data)
{
  static const char *const queries[] = { "",          " ",
                                         "\"",        "\"\"",
                                         "*",         "a*",
                                         "-",         "NOT",
                                         "AND OR",    "a AND",
                                         "NEAR(a b)", "text:a",
                                         "^a",        "(",
                                         ")",         "a\"b",
                                         "'",         ";",
                                         "\xff\xfe",  "a \xc3",
                                         "{a b}:c",   "+",
                                         "🗼",         ":",
                                         "1:2:3",     "99999999999999999999",
                                         "-5",        "a b c d e f g h i j k l m n o p q r s t" };
  g_autofree char *long_query = g_strnfill (100000, 'q');

  add (f, 15, 1, "not and or near a b", END);
  for (guint i = 0; i < G_N_ELEMENTS (queries); i++)
    g_free (find (f, queries[i], -1));
  g_free (find (f, long_query, -1));
  assert_finds ("NOT", -1, "15:1");
}

static gboolean
cancel_first (GCancellable *cancellable)
{
  g_cancellable_cancel (cancellable);
  return TRUE;
}

static void
on_progress (double fraction, gpointer data)
{
  g_assert_cmpfloat (fraction, >=, 0.0);
  g_assert_cmpfloat (fraction, <=, 1.0);
  g_cancellable_cancel (data);
}

static void
test_cancelled_imports_leave_nothing (Fixture *f, gconstpointer data)
{
  g_autoptr (GCancellable) at_once = g_cancellable_new ();
  g_autoptr (GCancellable) later = g_cancellable_new ();
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 20000; i++)
    {
      g_autofree char *row = make_row (15, i, "water");

      g_string_append (text, row);
    }
  path = write_file (f, "many.jsonl", text->str);
  cancel_first (at_once);
  g_assert_false (steer_label_store_import (f->store, path, NULL, NULL, NULL, NULL, NULL, at_once, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  g_assert_false (steer_label_store_import (f->store, path, NULL, NULL, NULL, on_progress, later, later, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  assert_finds ("water", -1, "");
}

static void
test_other_databases_are_left_alone (void)
{
  g_autofree char *dir = test_make_dir ();
  g_autofree char *path = g_build_filename (dir, "other.sqlite", NULL);
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_set_contents (path,
                                      "this is no database, and longer than a header of one would have to be, so "
                                      "that nobody takes it for an empty file that may be filled",
                                      -1, NULL));
  g_assert_true (g_file_get_contents (path, &before, NULL, NULL));
  g_assert_null (steer_label_store_open (path, &error));
  g_assert_error (error, STEER_LABEL_ERROR, STEER_LABEL_ERROR_STORE);
  g_assert_true (g_file_get_contents (path, &after, NULL, NULL));
  g_assert_cmpstr (before, ==, after);
  test_remove_dir (g_steal_pointer (&dir));
}

static void
test_names_of_sources_tell_layers (void)
{
  static const struct
  {
    const char *name;
    int layer;
    const char *suffix;
  } cases[] = { { "15-resid-post-aa", 15, "aa" }, { "0-x", 0, "x" }, { "7", 7, "" }, { "x-7", -1, "" }, { "", -1, "" },
                { "99999999999-aa", -1, "" },     { "15x", -1, "" } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const char *suffix;
      int layer;

      g_assert_cmpint (steer_label_source_parse (cases[i].name, &layer, &suffix), ==, cases[i].layer >= 0);
      g_assert_cmpint (layer, ==, cases[i].layer);
      g_assert_cmpstr (suffix, ==, cases[i].suffix);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/labels/" name, Fixture, NULL, set_up, func, tear_down)
  ADD ("may be kept in memory alone", test_databases_in_memory);
  ADD ("are found by words, phrases and beginnings", test_words_phrases_and_beginnings);
  ADD ("that are the query itself come first", test_the_query_itself_comes_first);
  ADD ("of rarer features come before those of common ones", test_rarer_features_come_before_common_ones);
  ADD ("are found by number", test_numbers_find_features);
  ADD ("of the user win", test_the_users_label_wins);
  ADD ("are replaced by what is imported anew", test_importing_again_replaces);
  ADD ("come in folders of batches", test_folders_of_batches);
  ADD ("may leave their source to the caller", test_rows_may_leave_their_source_to_the_caller);
  ADD ("of our own form are taken", test_our_own_labels);
  ADD ("in a damaged file change nothing", test_damaged_files_change_nothing);
  ADD ("in packed rubbish are refused", test_packed_rubbish_is_refused);
  ADD ("in packed files that were joined are all taken", test_packed_files_may_be_joined);
  ADD ("may be searched in some sources alone", test_a_search_may_be_of_some_sources);
  ADD ("of the user are of one model or of any", test_the_user_names_features_of_several_models);
  ADD ("of hostile rows are bounded", test_hostile_rows_are_bounded);
  ADD ("are asked for by any query", test_any_query_will_do);
  ADD ("of a cancelled import are not there", test_cancelled_imports_leave_nothing);
  g_test_add_func ("/labels/leave other databases alone", test_other_databases_are_left_alone);
  g_test_add_func ("/labels/names of sources tell layers", test_names_of_sources_tell_layers);
  return g_test_run ();
}
