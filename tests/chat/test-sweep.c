/* Sweeps over strengths, against replies and scores that are asked for one by one. */
#include "chat/steer-sweep.h"

#include <math.h>
#include <string.h>

#include "chat/steer-score.h"
#include "cpu/steer-cpu.h"
#include "steering/steer-vector-source-open.h"
#include "chat-test-util.h"
#include "engine-test-util.h"
#include "test-util.h"

#define N_STRENGTHS 5

static const double strengths[N_STRENGTHS] = { 2.0, 8.0, -8.0, 30.0, 200.0 };
static const char *const prompts[] = { "Hello!", "The tower is tall, is it not?", "?", NULL };

typedef struct
{
  SteerEngine *engine;
  SteerLibrary *library;
  SteerPreset *preset;
  SteerSampling sampling;
  gboolean finished;
  GArray *progressed;               /* guint */
  double alone[N_STRENGTHS + 1][3]; /* projections of the single replies of each point */
} Fixture;

static void
load (Fixture *f, guint n_slots)
{
  g_autofree char *model = test_fixture_path ("cli/model");
  SteerLoadOptions options;

  test_load_options_init (&options, model);
  options.context.n_context = 256;
  options.context.n_slots = n_slots;
  test_engine_load_or_fail (f->engine, &options);
}

static void
append (Fixture *f, guint layer, guint64 index, double strength)
{
  g_autoptr (SteerFeature) feature = steer_feature_new (layer, index);

  steer_feature_set_strength (feature, strength);
  steer_preset_append (f->preset, feature);
}

/* The second of two features of the fixture's library is swept. */
static void
set_up (Fixture *f, gconstpointer data)
{
  g_autofree char *vectors = test_fixture_path ("cli/vectors.safetensors");
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerVectorSource) source = steer_vector_source_open (vectors, NULL, NULL, &error);
  g_autoptr (GPtrArray) infos = NULL;

  g_assert_no_error (error);
  infos = steer_vector_source_list_infos (source);
  g_assert_cmpuint (infos->len, >=, 2);
  f->engine = steer_engine_new ();
  f->library = steer_library_new ();
  steer_library_add (f->library, source);
  f->preset = steer_preset_new ();
  for (guint i = 0; i < 2; i++)
    {
      SteerFeatureInfo *info = g_ptr_array_index (infos, i);

      append (f, info->layer, info->index, 5.0);
    }
  steer_sampling_init (&f->sampling);
  f->sampling.max_tokens = 24;
  f->sampling.seed = 7;
  f->progressed = g_array_new (FALSE, FALSE, sizeof (guint));
  if (data == NULL)
    load (f, 2);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_object_unref (f->preset);
  g_object_unref (f->library);
  test_assert_finalizes (f->engine);
  g_array_unref (f->progressed);
}

static void
on_finished (Fixture *f)
{
  g_assert_false (f->finished);
  f->finished = TRUE;
}

static gboolean
is_finished (gpointer data)
{
  return ((Fixture *) data)->finished;
}

static void
on_progressed (Fixture *f, guint point)
{
  g_array_append_val (f->progressed, point);
}

static SteerSweep *
make (Fixture *f, gboolean all_slots, GError **error)
{
  SteerSweep *sweep = steer_sweep_new (f->engine,
                                       &(SteerSweepOptions){ .preset = f->preset,
                                                             .feature = 1,
                                                             .library = f->library,
                                                             .strengths = strengths,
                                                             .n_strengths = N_STRENGTHS,
                                                             .prompts = prompts,
                                                             .sampling = &f->sampling,
                                                             .all_slots = all_slots },
                                       error);

  if (sweep == NULL)
    return NULL;
  g_signal_connect_swapped (sweep, "finished", G_CALLBACK (on_finished), f);
  g_signal_connect_swapped (sweep, "progressed", G_CALLBACK (on_progressed), f);
  return sweep;
}

static SteerSweep *
sweep (Fixture *f, gboolean all_slots)
{
  g_autoptr (GError) error = NULL;
  SteerSweep *made = make (f, all_slots, &error);

  g_assert_no_error (error);
  steer_sweep_start (made);
  test_wait_until (is_finished, f, 60);
  g_assert_no_error (steer_sweep_get_error (made));
  f->finished = FALSE;
  return made;
}

/* @strength: NAN: without the feature */
static SteerReply *
reply (Fixture *f, const char *prompt, double strength)
{
  const SteerModelConfig *config = steer_model_get_config (steer_engine_get_model (f->engine));
  g_autoptr (SteerRequest) request = steer_request_new ();
  g_autoptr (SteerPreset) preset = steer_preset_copy (f->preset);
  g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (preset), 1);
  g_autoptr (SteerPlan) plan = NULL;
  g_autoptr (GError) error = NULL;
  SteerReply *written;

  if (isnan (strength))
    steer_preset_remove (preset, 1);
  else
    steer_feature_set_strength (feature, strength);
  plan = steer_preset_make_plan (preset, f->library, config->d_model, config->n_layers, &error);
  g_assert_no_error (error);
  steer_request_add_message (request, STEER_ROLE_USER, prompt);
  steer_request_set_sampling (request, &f->sampling);
  steer_request_schedule_plan (request, 0, plan);
  written = steer_engine_reply (f->engine, request);
  test_reply_wait (written, 60);
  return written;
}

static SteerScore
score (Fixture *f, SteerReply *written)
{
  g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (f->preset), 1);
  g_autoptr (GBytes) vector = steer_library_load_vector (f->library, NULL, steer_feature_get_layer (feature),
                                                         steer_feature_get_index (feature), NULL);
  g_autoptr (GArray) all = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GAsyncResult) result = NULL;
  guint n_prompt, n;
  const gint32 *tokens = steer_reply_get_prompt_tokens (written, &n_prompt);
  SteerScore told;

  g_array_append_vals (all, tokens, n_prompt);
  tokens = steer_reply_get_tokens (written, &n);
  g_array_append_vals (all, tokens, n);
  steer_engine_score_async (f->engine, (const gint32 *) (gpointer) all->data, all->len, n_prompt,
                            steer_feature_get_layer (feature), vector, NULL, test_keep_result, &result);
  test_wait_for_result (&result, 60);
  g_assert_true (steer_engine_score_finish (f->engine, result, &told, NULL));
  return told;
}

static void
check_point (Fixture *f, SteerSweep *made, guint number, double strength)
{
  const SteerSweepPoint *point = steer_sweep_get_point (made, number);
  double projection = 0.0, surprisal = 0.0, repeated = 0.0, more[3] = { 0.0 };
  guint n_tokens = 0, n_triples = 0, n_empty = 0;

  for (guint i = 0; i < g_strv_length ((char **) prompts); i++)
    {
      g_autoptr (SteerReply) written = reply (f, prompts[i], strength);
      guint n;
      const gint32 *tokens = steer_reply_get_tokens (written, &n);
      SteerScore told;

      g_assert_cmpstr (steer_sweep_get_reply (made, number, i), ==, steer_reply_get_text (written));
      n_empty += n == 0;
      if (n == 0)
        continue;
      told = score (f, written);
      f->alone[number][i] = told.projection;
      more[i] = told.projection - f->alone[0][i];
      projection += told.projection * n;
      surprisal += told.surprisal * n;
      n_tokens += n;
      if (n > 2)
        {
          repeated += steer_sweep_find_repetition (tokens, n) * (n - 2);
          n_triples += n - 2;
        }
    }
  g_assert_cmpuint (point->n_replies, ==, g_strv_length ((char **) prompts));
  g_assert_cmpuint (point->n_tokens, ==, n_tokens);
  g_assert_cmpuint (n_tokens, >, 0);
  g_assert_cmpuint (point->n_empty, ==, n_empty);
  if (number > 0 && n_empty == 0)
    {
      double mean = (more[0] + more[1] + more[2]) / 3.0;
      double variance = (pow (more[0] - mean, 2) + pow (more[1] - mean, 2) + pow (more[2] - mean, 2)) / 2.0;

      g_assert_cmpfloat_with_epsilon (point->error, sqrt (variance / 3.0), 1e-5);
    }
  g_assert_cmpfloat_with_epsilon (point->projection, projection / n_tokens, 1e-5);
  g_assert_cmpfloat_with_epsilon (point->surprisal, surprisal / n_tokens, 1e-5);
  g_assert_cmpfloat_with_epsilon (point->repetition, repeated / MAX (n_triples, 1), 1e-12);
}

/* With one slot of two, with both as a batch, and in mode clamp, in which strength 0 is not to do without. */
static void
test_points_are_of_the_replies (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (f->preset), 1);

  for (guint round = 0; round < 3; round++)
    {
      g_autoptr (SteerSweep) made = NULL;

      steer_feature_set_mode (feature, round == 2 ? STEER_MODE_CLAMP : STEER_MODE_ADD);
      made = sweep (f, round == 1);
      g_assert_cmpuint (steer_sweep_get_n_points (made), ==, N_STRENGTHS + 1);
      check_point (f, made, 0, NAN);
      for (guint i = 0; i < N_STRENGTHS; i++)
        {
          g_assert_cmpfloat (steer_sweep_get_point (made, i + 1)->strength, ==, strengths[i]);
          check_point (f, made, i + 1, strengths[i]);
        }
    }
}

static void
test_progress_is_told_in_order (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerSweep) made = sweep (f, FALSE);
  double progress;

  g_object_get (made, "progress", &progress, NULL);
  g_assert_cmpfloat (progress, ==, 1.0);
  g_assert_cmpuint (f->progressed->len, ==, (N_STRENGTHS + 1) * 3);
  for (guint i = 0; i < f->progressed->len; i++)
    g_assert_cmpuint (g_array_index (f->progressed, guint, i), ==, i / 3);
}

/* The rules have tests of their own. */
static void
test_points_are_judged_by_the_rules (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (f->preset), 1);
  SteerSweepPoint points[N_STRENGTHS + 1];
  g_autoptr (SteerSweep) made = NULL;
  guint expected = 0, told = 0;

  steer_feature_set_mode (feature, STEER_MODE_MINIMUM);
  made = sweep (f, TRUE);
  for (guint i = 0; i <= N_STRENGTHS; i++)
    points[i] = *steer_sweep_get_point (made, i);
  for (guint i = 0; i <= N_STRENGTHS; i++)
    {
      g_assert_cmpfloat (steer_sweep_get_gain (made, i), ==,
                         steer_sweep_point_get_gain (points, i, STEER_MODE_MINIMUM));
      g_assert_true (steer_sweep_holds (made, i) == steer_sweep_point_holds (points, i, 3));
      g_assert_true ((i > 0) == (points[i].error > 0.0));
    }
  g_assert_true (steer_sweep_suggest (made, &told)
                 == steer_sweep_points_suggest (points, N_STRENGTHS + 1, 3, STEER_MODE_MINIMUM, &expected));
  g_assert_cmpuint (told, ==, expected);
}

static void
test_a_chat_keeps_its_cache (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerReply) before = reply (f, prompts[1], 2.0);
  g_autoptr (SteerSweep) made = sweep (f, FALSE);
  g_autoptr (SteerReply) after = reply (f, prompts[1], 2.0);
  SteerReplyStats stats;

  steer_reply_get_stats (after, &stats);
  g_assert_cmpuint (stats.n_reused_tokens, ==, stats.n_prompt_tokens);
  g_assert_cmpstr (steer_reply_get_text (before), ==, steer_reply_get_text (after));
}

static void
test_with_one_slot (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerSweep) two = sweep (f, FALSE), one = NULL;

  load (f, 1);
  one = sweep (f, FALSE);
  for (guint i = 0; i <= N_STRENGTHS; i++)
    g_assert_cmpstr (steer_sweep_get_reply (one, i, 1), ==, steer_sweep_get_reply (two, i, 1));
}

/* At any moment, and by letting go of it at once. */
static void
test_stopped (Fixture *f, gconstpointer data)
{
  for (guint round = 0; round < 10; round++)
    {
      g_autoptr (GError) error = NULL;
      SteerSweep *made = make (f, round % 2, &error);
      gint64 until = g_get_monotonic_time () + (gint64) round * 3000;

      g_assert_no_error (error);
      steer_sweep_start (made);
      while (!f->finished && g_get_monotonic_time () < until)
        g_main_context_iteration (NULL, FALSE);
      steer_sweep_stop (made);
      g_assert_true (f->finished);
      g_assert_no_error (steer_sweep_get_error (made));
      f->finished = FALSE;
      g_object_add_weak_pointer (G_OBJECT (made), (gpointer *) &made);
      g_object_unref (made);
      for (guint i = 0; i < 2000 && made != NULL; i++)
        {
          g_main_context_iteration (NULL, FALSE);
          g_usleep (1000);
        }
      g_assert_null (made);
    }
}

static void
on_progressed_stop (SteerSweep *made)
{
  steer_sweep_stop (made);
}

static void
test_stopped_by_its_own_signal (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerSweep) made = make (f, TRUE, &error);

  g_assert_no_error (error);
  g_signal_connect (made, "progressed", G_CALLBACK (on_progressed_stop), NULL);
  steer_sweep_start (made);
  test_wait_until (is_finished, f, 60);
  g_assert_cmpuint (f->progressed->len, ==, 1);
  g_assert_cmpuint (steer_sweep_get_point (made, 0)->n_replies, ==, 1);
  g_assert_false (steer_sweep_holds (made, 0));
}

/* While a reply is written, or judged; another one of the same shape is another. */
static void
test_another_model_ends_it (Fixture *f, gconstpointer data)
{
  for (guint round = 0; round < 8; round++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (SteerSweep) made = make (f, FALSE, &error);

      g_assert_no_error (error);
      g_array_set_size (f->progressed, 0);
      steer_sweep_start (made);
      while (f->progressed->len < round)
        g_main_context_iteration (NULL, TRUE);
      load (f, 2);
      test_wait_until (is_finished, f, 60);
      g_assert_nonnull (steer_sweep_get_error (made));
      g_assert_true (steer_sweep_get_error (made)->domain == STEER_CHAT_ERROR);
      g_assert_cmpuint (f->progressed->len, <, (N_STRENGTHS + 1) * 3);
      f->finished = FALSE;
    }
}

static void
test_stop_strings_and_system_prompt (Fixture *f, gconstpointer data)
{
  static const char *const stops[] = { "e", "a", NULL };
  g_autoptr (SteerSweep) plain = sweep (f, TRUE), stopped = NULL, told = NULL;
  g_autoptr (GError) error = NULL;

  stopped = steer_sweep_new (f->engine,
                             &(SteerSweepOptions){ .preset = f->preset,
                                                   .feature = 1,
                                                   .library = f->library,
                                                   .strengths = strengths,
                                                   .n_strengths = 1,
                                                   .prompts = prompts,
                                                   .stop_strings = stops,
                                                   .sampling = &f->sampling },
                             &error);
  g_assert_no_error (error);
  g_signal_connect_swapped (stopped, "finished", G_CALLBACK (on_finished), f);
  steer_sweep_start (stopped);
  test_wait_until (is_finished, f, 60);
  f->finished = FALSE;
  for (guint i = 0; i < 3; i++)
    g_assert_null (strpbrk (steer_sweep_get_reply (stopped, 0, i), "ea"));

  steer_preset_set_system_prompt (f->preset, "Speak of towers.");
  told = sweep (f, TRUE);
  g_assert_cmpstr (steer_sweep_get_reply (told, 0, 1), !=, steer_sweep_get_reply (plain, 0, 1));
}

static void
test_what_cannot_be_swept_is_told (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerFeature) unknown = steer_feature_new (1, 987654321);

  g_assert_null (make (f, FALSE, &error));
  g_assert_error (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_NO_MODEL);
  g_clear_error (&error);
  load (f, 2);
  steer_preset_remove (f->preset, 1);
  steer_preset_append (f->preset, unknown);
  g_assert_null (make (f, FALSE, &error));
  g_assert_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_NOT_FOUND);
  g_clear_error (&error);
  steer_preset_set_master_multiplier (f->preset, 0.0);
  g_assert_null (make (f, FALSE, &error));
  g_assert_error (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_INVALID);
}

static void
test_a_prompt_that_is_too_long_is_an_error (Fixture *f, gconstpointer data)
{
  g_autofree char *prompt = g_strnfill (5000, 'x');
  const char *const long_prompts[] = { prompt, NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerSweep) made = steer_sweep_new (f->engine,
                                                 &(SteerSweepOptions){ .preset = f->preset,
                                                                       .feature = 1,
                                                                       .library = f->library,
                                                                       .strengths = strengths,
                                                                       .n_strengths = 1,
                                                                       .prompts = long_prompts,
                                                                       .sampling = &f->sampling },
                                                 &error);

  g_assert_no_error (error);
  g_signal_connect_swapped (made, "finished", G_CALLBACK (on_finished), f);
  steer_sweep_start (made);
  test_wait_until (is_finished, f, 60);
  g_assert_error (steer_sweep_get_error (made), STEER_CHAT_ERROR, STEER_CHAT_ERROR_CONTEXT_FULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  steer_backend_register (steer_cpu_backend ());
#define ADD(name, func, data) g_test_add ("/sweep/" name, Fixture, data, set_up, func, tear_down)
  ADD ("points are of the replies", test_points_are_of_the_replies, NULL);
  ADD ("progress is told in order", test_progress_is_told_in_order, NULL);
  ADD ("points are judged by the rules", test_points_are_judged_by_the_rules, NULL);
  ADD ("a chat keeps its cache", test_a_chat_keeps_its_cache, NULL);
  ADD ("with one slot the replies are the same", test_with_one_slot, NULL);
  ADD ("one that is stopped is gone", test_stopped, NULL);
  ADD ("one can be stopped by its own signal", test_stopped_by_its_own_signal, NULL);
  ADD ("another model ends it", test_another_model_ends_it, NULL);
  ADD ("stop strings and a system prompt count", test_stop_strings_and_system_prompt, NULL);
  ADD ("what cannot be swept is told", test_what_cannot_be_swept_is_told, "empty");
  ADD ("a prompt that is too long is an error", test_a_prompt_that_is_too_long_is_an_error, NULL);
  return g_test_run ();
}
