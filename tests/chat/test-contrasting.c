/* Contrasting examples through the engine, against the residual stream that a trace gives of the same tokens. */
#include "chat/steer-contrasting.h"

#include <math.h>
#include <string.h>

#include "chat/steer-inspection.h"
#include "chat/steer-norm-cache.h"
#include "cpu/steer-cpu.h"
#include "engine-test-util.h"
#include "test-util.h"

/* More than a chunk of tokens. */
#define LONG                                                                                                           \
  "Paris is the capital of France, and the tower there is tall and made of iron, they say; it has three floors, a "    \
  "good view over the river and the town, and far too many stairs for one who has eaten well at noon on a hot day."

static const char *const with[] = { "The tower is tall.", LONG, "a", NULL };
static const char *const without[] = { "The kettle is on the stove.", "Beans!", NULL };

typedef struct
{
  SteerEngine *engine;
} Fixture;

static void
load (Fixture *f, guint n_context)
{
  g_autofree char *model = test_fixture_path ("cli/model");
  SteerLoadOptions options;

  test_load_options_init (&options, model);
  options.context.n_context = n_context;
  options.context.n_slots = 2;
  test_engine_load_or_fail (f->engine, &options);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->engine = steer_engine_new ();
  if (data == NULL)
    load (f, 1024);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  test_assert_finalizes (f->engine);
}

static SteerContrast *
contrast (Fixture *f, const char *const *more, const char *const *less, SteerExampleForm form, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  steer_engine_contrast_async (f->engine, more, less, form, NULL, test_keep_result, &result);
  test_wait_for_result (&result, 60);
  return steer_engine_contrast_finish (f->engine, result, error);
}

/* What stands before each example. */
static GArray *
encode_opening (Fixture *f, SteerExampleForm form)
{
  g_autoptr (SteerRequest) request = steer_request_new ();
  g_autoptr (GError) error = NULL;
  GArray *ids;

  if (form == STEER_EXAMPLES_AS_TEXT)
    steer_request_set_text (request, "");
  else
    steer_request_add_message (request, STEER_ROLE_USER, "Say something.");
  ids = steer_engine_encode (f->engine, request, &error);
  g_assert_no_error (error);
  return ids;
}

/* Mean of the stream behind @layer over the example's own tokens: [d_model]. */
static double *
find_mean (Fixture *f, const char *example, SteerExampleForm form, guint layer)
{
  g_autoptr (GArray) ids = encode_opening (f, form);
  guint n_before = ids->len;
  g_autoptr (SteerTrace) traced = NULL;
  g_autoptr (GError) error = NULL;
  double *mean;

  g_assert_true (steer_tokenizer_encode (steer_engine_get_tokenizer (f->engine), example, strlen (example),
                                         STEER_ENCODE_DEFAULT, ids, &error));
  /* Without anything before it a text's first token tells nothing of it. */
  if (n_before == 0 && ids->len > 1)
    n_before = 1;
  traced = test_engine_trace (f->engine, (const gint32 *) (gpointer) ids->data, ids->len, &layer, 1, FALSE, &error);
  g_assert_no_error (error);
  mean = g_new0 (double, traced->d_model);
  for (guint t = n_before; t < traced->n_tokens; t++)
    for (guint i = 0; i < traced->d_model; i++)
      mean[i] += (double) traced->residual[(gsize) t * traced->d_model + i] / (traced->n_tokens - n_before);
  return mean;
}

static void
add_means (Fixture *f, const char *const *examples, SteerExampleForm form, guint layer, double sign, double *sum)
{
  guint n = g_strv_length ((char **) examples);
  guint d_model = steer_model_get_config (steer_engine_get_model (f->engine))->d_model;

  for (guint e = 0; e < n; e++)
    {
      g_autofree double *mean = find_mean (f, examples[e], form, layer);

      for (guint i = 0; i < d_model; i++)
        sum[i] += sign * mean[i] / n;
    }
}

static void
test_directions_are_those_of_whole_traces (Fixture *f, gconstpointer data)
{
  static const SteerExampleForm forms[] = { STEER_EXAMPLES_AS_REPLIES, STEER_EXAMPLES_AS_TEXT };
  const SteerModelConfig *config = steer_model_get_config (steer_engine_get_model (f->engine));

  for (guint form = 0; form < G_N_ELEMENTS (forms); form++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (SteerContrast) told = contrast (f, with, without, forms[form], &error);

      g_assert_no_error (error);
      g_assert_cmpuint (steer_contrast_get_n_layers (told), ==, config->n_layers);
      for (guint layer = 0; layer < config->n_layers; layer++)
        {
          const float *direction = steer_contrast_get_direction (told, layer);
          g_autofree double *difference = g_new0 (double, config->d_model);
          double squares = 0.0;

          add_means (f, with, forms[form], layer, 1.0, difference);
          add_means (f, without, forms[form], layer, -1.0, difference);
          for (guint i = 0; i < config->d_model; i++)
            squares += difference[i] * difference[i];
          g_assert_cmpfloat (fabs (steer_contrast_get_layer (told, layer)->distance / sqrt (squares) - 1.0), <, 1e-5);
          for (guint i = 0; i < config->d_model; i++)
            g_assert_cmpfloat_with_epsilon ((double) direction[i], difference[i] / sqrt (squares), 2e-5);
          g_assert_cmpuint (steer_contrast_get_layer (told, layer)->n_judged, ==, 5);
        }
    }
}

static void
on_progress (SteerEngine *engine, GParamSpec *pspec, GArray *seen)
{
  double progress;

  g_object_get (engine, "progress", &progress, NULL);
  g_array_append_val (seen, progress);
}

static void
test_progress_is_told (Fixture *f, gconstpointer data)
{
  g_autoptr (GArray) seen = g_array_new (FALSE, FALSE, sizeof (double));
  g_autoptr (SteerContrast) told = NULL;

  g_signal_connect (f->engine, "notify::progress", G_CALLBACK (on_progress), seen);
  told = contrast (f, with, without, STEER_EXAMPLES_AS_TEXT, NULL);
  g_assert_cmpuint (seen->len, ==, 6);
  for (guint i = 0; i < seen->len; i++)
    g_assert_cmpfloat_with_epsilon (g_array_index (seen, double, i), i / 5.0, 1e-9);
}

static void
test_prose_stands_for_what_is_not_given (Fixture *f, gconstpointer data)
{
  static const char *const nothing[] = { NULL };
  g_auto (GStrv) prose = steer_split_examples (steer_norm_text);
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerContrast) said = contrast (f, with, (const char *const *) prose, STEER_EXAMPLES_AS_REPLIES, &error);
  g_autoptr (SteerContrast) unsaid = contrast (f, with, NULL, STEER_EXAMPLES_AS_REPLIES, &error);
  g_autoptr (SteerContrast) empty = contrast (f, with, nothing, STEER_EXAMPLES_AS_REPLIES, &error);
  gsize n_bytes = steer_contrast_get_d_model (said) * sizeof (float);

  g_assert_no_error (error);
  g_assert_cmpuint (g_strv_length (prose), >, 2);
  g_assert_cmpmem (steer_contrast_get_direction (said, 1), n_bytes, steer_contrast_get_direction (unsaid, 1), n_bytes);
  g_assert_cmpmem (steer_contrast_get_direction (said, 1), n_bytes, steer_contrast_get_direction (empty, 1), n_bytes);
}

static void
test_what_cannot_be_contrasted_is_told (Fixture *f, gconstpointer data)
{
  static const char *const nothing[] = { NULL };
  static const char *const blank[] = { "a", "", NULL };
  g_autoptr (GError) error = NULL;

  g_assert_null (contrast (f, nothing, without, STEER_EXAMPLES_AS_TEXT, &error));
  g_assert_error (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_null (contrast (f, blank, without, STEER_EXAMPLES_AS_TEXT, &error));
  g_assert_error (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_INVALID);
  g_clear_error (&error);
  load (f, 60);
  g_assert_null (contrast (f, with, without, STEER_EXAMPLES_AS_TEXT, &error));
  g_assert_error (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_CONTEXT_FULL);
  g_assert_nonnull (strstr (error->message, "Paris is the capital"));
}

static void
test_without_a_model (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (contrast (f, with, without, STEER_EXAMPLES_AS_REPLIES, &error));
  g_assert_error (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_NO_MODEL);
}

/* At any moment: what comes afterwards is computed as before. */
static void
test_cancelled (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerContrast) before = contrast (f, with, without, STEER_EXAMPLES_AS_REPLIES, NULL);
  gsize n_bytes = steer_contrast_get_d_model (before) * sizeof (float);
  guint n_cancelled = 0;

  for (guint round = 0; round < 12; round++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (GAsyncResult) result = NULL;
      g_autoptr (GError) error = NULL;
      g_autoptr (SteerContrast) cut = NULL, after = NULL;

      steer_engine_contrast_async (f->engine, with, NULL, STEER_EXAMPLES_AS_REPLIES, cancellable, test_keep_result,
                                   &result);
      g_usleep ((gulong) g_test_rand_int_range (0, 3000) * round / 4);
      g_cancellable_cancel (cancellable);
      test_wait_for_result (&result, 60);
      cut = steer_engine_contrast_finish (f->engine, result, &error);
      g_assert_true ((cut == NULL) == (error != NULL));
      if (error != NULL)
        g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      n_cancelled += error != NULL;
      after = contrast (f, with, without, STEER_EXAMPLES_AS_REPLIES, NULL);
      g_assert_cmpmem (steer_contrast_get_direction (before, 2), n_bytes, steer_contrast_get_direction (after, 2),
                       n_bytes);
    }
  g_assert_cmpuint (n_cancelled, >, 0); /* the first, at least, before it has begun */
}

static void
test_examples_are_lines (void)
{
  static const char *const expected[] = { "one", "two  words", "Für", NULL };
  g_auto (GStrv) examples = steer_split_examples ("one\r\n\n  two  words \t\n   \nFür");
  g_auto (GStrv) none = steer_split_examples (" \n\r\n");

  g_assert_cmpstrv (examples, expected);
  g_assert_null (none[0]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  steer_backend_register (steer_cpu_backend ());
#define ADD(name, func, data) g_test_add ("/contrasting/" name, Fixture, data, set_up, func, tear_down)
  ADD ("directions are those of whole traces", test_directions_are_those_of_whole_traces, NULL);
  ADD ("progress is told", test_progress_is_told, NULL);
  ADD ("prose stands for what is not given", test_prose_stands_for_what_is_not_given, NULL);
  ADD ("what cannot be contrasted is told", test_what_cannot_be_contrasted_is_told, NULL);
  ADD ("without a model there is an error", test_without_a_model, "empty");
  ADD ("one that was cancelled leaves nothing behind", test_cancelled, NULL);
  g_test_add_func ("/contrasting/examples are lines", test_examples_are_lines);
  return g_test_run ();
}
