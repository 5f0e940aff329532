/* A session's cache is an optimisation: whatever it reuses, the logits are those of a fresh computation. */
#include "chat/steer-session.h"
#include "cpu/steer-cpu.h"
#include "test-model.h"
#include "test-util.h"

#define D_MODEL 32
#define N_VOCAB 96

typedef struct
{
  char *dir;
  SteerModel *model;
  SteerContext *context;
  gint32 tokens[64];
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  SteerContextOptions options;

  f->dir = test_make_dir ();
  test_write_model (f->dir, &(TestModelShape){ .seed = 7 });
  f->model = steer_model_open (f->dir, NULL, &error);
  g_assert_no_error (error);
  steer_context_options_init (&options);
  options.n_slots = 2;
  options.kv_dtype = STEER_DTYPE_F32;
  f->context = steer_context_open (f->model, "cpu", &options, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (f->tokens); i++)
    f->tokens[i] = (gint32) ((i * 37 + 11) % N_VOCAB);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_clear_pointer (&f->context, steer_context_close);
  g_clear_object (&f->model);
  test_remove_dir (f->dir);
}

static SteerPlan *
make_plan (guint layer, float strength, SteerMode mode, gboolean steer_prompt)
{
  g_autoptr (SteerPlanBuilder) builder = steer_plan_builder_new (D_MODEL);
  g_autoptr (GBytes) vector = test_make_unit_vector (D_MODEL, 100 + layer);

  g_assert_true (steer_plan_builder_add (builder, layer, 1, mode, strength, vector));
  steer_plan_builder_set_steer_prompt (builder, steer_prompt);
  return steer_plan_builder_end (builder);
}

static void
compute (const SteerTimeline *timeline)
{
  g_autoptr (GError) error = NULL;

  steer_session_set_tokens (timeline, 1, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
}

/* The logits of @timeline must be those of a new session, within float noise of another split into passes. */
static void
assert_like_fresh (Fixture *f, SteerTimeline timeline)
{
  g_autoptr (SteerSession) fresh = steer_session_new (f->context, 1);
  SteerSession *used = timeline.session;

  compute (&timeline);
  timeline.session = fresh;
  compute (&timeline);
  g_assert_cmpfloat (
    test_max_relative_error (steer_session_get_logits (used), steer_session_get_logits (fresh), N_VOCAB), <, 1e-5);
}

static void
test_extends (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerSession) session = steer_session_new (f->context, 0);

  for (guint n = 1; n <= 40; n += 3)
    {
      SteerTimeline timeline = { session, f->tokens, n, n, NULL, STEER_REUSE_SAME_PLAN };

      g_assert_cmpuint (steer_session_count_reusable (&timeline), ==, n == 1 ? 0 : n - 3);
      assert_like_fresh (f, timeline);
      g_assert_cmpuint (steer_session_get_length (session), ==, n);
    }
}

static void
test_edited (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerSession) session = steer_session_new (f->context, 0);
  SteerTimeline timeline = { session, f->tokens, 40, 40, NULL, STEER_REUSE_SAME_PLAN };

  compute (&timeline);
  f->tokens[17] = (f->tokens[17] + 1) % N_VOCAB;
  g_assert_cmpuint (steer_session_count_reusable (&timeline), ==, 17);
  assert_like_fresh (f, timeline);

  timeline.n_tokens = 9;
  timeline.n_prompt = 9;
  g_assert_cmpuint (steer_session_count_reusable (&timeline), ==, 9);
  assert_like_fresh (f, timeline);
  g_assert_cmpuint (steer_session_get_length (session), ==, 9);
}

static void
test_same_again (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerSession) session = steer_session_new (f->context, 0);
  SteerTimeline timeline = { session, f->tokens, 12, 12, NULL, STEER_REUSE_SAME_PLAN };
  float first[N_VOCAB];

  compute (&timeline);
  memcpy (first, steer_session_get_logits (session), sizeof first);
  memset (steer_session_get_logits (session), 0, sizeof first);
  assert_like_fresh (f, timeline);
  g_assert_cmpfloat (test_max_relative_error (steer_session_get_logits (session), first, N_VOCAB), <, 1e-5);
}

static void
test_another_plan (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerSession) session = steer_session_new (f->context, 0);
  g_autoptr (SteerPlan) a = make_plan (1, 4.0f, STEER_MODE_ADD, TRUE);
  g_autoptr (SteerPlan) same_as_a = make_plan (1, 4.0f, STEER_MODE_ADD, TRUE);
  g_autoptr (SteerPlan) b = make_plan (1, 4.5f, STEER_MODE_ADD, TRUE);
  SteerTimeline timeline = { session, f->tokens, 20, 20, a, STEER_REUSE_SAME_PLAN };

  assert_like_fresh (f, timeline);
  timeline.plan = same_as_a;
  g_assert_cmpuint (steer_session_count_reusable (&timeline), ==, 20);
  timeline.plan = b;
  g_assert_cmpuint (steer_session_count_reusable (&timeline), ==, 0);
  timeline.plan = NULL;
  g_assert_cmpuint (steer_session_count_reusable (&timeline), ==, 0);
  timeline.plan = b;
  assert_like_fresh (f, timeline);

  timeline.plan = a;
  timeline.reuse = STEER_REUSE_ANY_PLAN;
  g_assert_cmpuint (steer_session_count_reusable (&timeline), ==, 20);
}

static void
test_empty_plan (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerSession) session = steer_session_new (f->context, 0);
  g_autoptr (SteerPlan) empty = make_plan (1, 0.0f, STEER_MODE_ADD, TRUE);
  SteerTimeline timeline = { session, f->tokens, 20, 20, empty, STEER_REUSE_SAME_PLAN };
  float with_empty[N_VOCAB];

  compute (&timeline);
  memcpy (with_empty, steer_session_get_logits (session), sizeof with_empty);
  timeline.plan = NULL;
  g_assert_cmpuint (steer_session_count_reusable (&timeline), ==, 20);
  timeline.session = steer_session_new (f->context, 1);
  compute (&timeline);
  g_assert_cmpmem (steer_session_get_logits (timeline.session), sizeof with_empty, with_empty, sizeof with_empty);
  steer_session_free (timeline.session);
}

static void
test_reply_only (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerSession) session = steer_session_new (f->context, 0);
  g_autoptr (SteerPlan) plan = make_plan (0, 5.0f, STEER_MODE_CLAMP, FALSE);
  SteerTimeline timeline = { session, f->tokens, 20, 15, plan, STEER_REUSE_SAME_PLAN };

  assert_like_fresh (f, timeline);
  /* The prompt was left alone, so an unsteered timeline shares it and no more. */
  timeline.plan = NULL;
  g_assert_cmpuint (steer_session_count_reusable (&timeline), ==, 15);
  assert_like_fresh (f, timeline);
}

static void
test_special_tokens (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerSession) session = steer_session_new (f->context, 0);
  g_autoptr (SteerPlanBuilder) builder = steer_plan_builder_new (D_MODEL);
  g_autoptr (GBytes) vector = test_make_unit_vector (D_MODEL, 5);
  g_autoptr (SteerPlan) plan = NULL;
  guint32 special[(N_VOCAB + 31) / 32] = { 0 };
  SteerTimeline timeline = { session, f->tokens, 10, 10, NULL, STEER_REUSE_SAME_PLAN };

  steer_plan_builder_add (builder, 1, 1, STEER_MODE_ADD, 6.0f, vector);
  steer_plan_builder_set_skip_special (builder, TRUE);
  plan = steer_plan_builder_end (builder);
  for (guint i = 0; i < 4; i++)
    special[f->tokens[i] / 32] |= 1u << (f->tokens[i] % 32);
  steer_session_set_special (session, special);

  compute (&timeline);
  timeline.plan = plan;
  g_assert_cmpuint (steer_session_count_reusable (&timeline), ==, 4);
}

static void
test_switch_in_mid_reply (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerSession) live = steer_session_new (f->context, 0);
  g_autoptr (SteerSession) replay = steer_session_new (f->context, 1);
  g_autoptr (SteerPlan) a = make_plan (1, 4.0f, STEER_MODE_ADD, TRUE);
  g_autoptr (SteerPlan) b = make_plan (2, 6.0f, STEER_MODE_CLAMP, TRUE);
  float steered[N_VOCAB];

  /* Decoding goes on over what is cached, whatever it was computed under. */
  for (guint n = 10; n <= 30; n++)
    {
      SteerTimeline timeline = { live, f->tokens, n, 10, n < 20 ? a : b, STEER_REUSE_ANY_PLAN };

      g_assert_cmpuint (steer_session_count_reusable (&timeline), ==, n == 10 ? 0 : n - 1);
      compute (&timeline);
    }
  for (guint n = 10; n <= 30; n++)
    {
      SteerTimeline timeline = { replay, f->tokens, n, 10, n < 20 ? a : b, STEER_REUSE_ANY_PLAN };

      compute (&timeline);
    }
  memcpy (steered, steer_session_get_logits (live), sizeof steered);
  g_assert_cmpmem (steer_session_get_logits (replay), sizeof steered, steered, sizeof steered);

  /* The next prompt under b keeps nothing of what a has touched. */
  SteerTimeline next = { live, f->tokens, 34, 34, b, STEER_REUSE_SAME_PLAN };
  g_assert_cmpuint (steer_session_count_reusable (&next), ==, 0);
  next.plan = a;
  g_assert_cmpuint (steer_session_count_reusable (&next), ==, 19);
  assert_like_fresh (f, (SteerTimeline){ live, f->tokens, 34, 34, b, STEER_REUSE_SAME_PLAN });
}

static void
test_batch (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerSession) plain = steer_session_new (f->context, 0);
  g_autoptr (SteerSession) steered = steer_session_new (f->context, 1);
  g_autoptr (SteerPlan) plan = make_plan (1, 5.0f, STEER_MODE_ADD, TRUE);
  float alone[2][N_VOCAB];
  g_autoptr (GError) error = NULL;
  SteerTimeline timelines[2] = {
    { plain, f->tokens, 20, 10, NULL, STEER_REUSE_ANY_PLAN },
    { steered, f->tokens + 3, 25, 10, plan, STEER_REUSE_ANY_PLAN },
  };

  for (guint i = 0; i < 2; i++)
    {
      compute (&timelines[i]);
      timelines[i].n_tokens++;
      compute (&timelines[i]);
      memcpy (alone[i], steer_session_get_logits (timelines[i].session), sizeof alone[i]);
      /* Back one token, to take the same step again. */
      timelines[i].n_tokens--;
      compute (&timelines[i]);
      timelines[i].n_tokens++;
    }
  steer_session_set_tokens (timelines, 2, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < 2; i++)
    g_assert_cmpfloat (test_max_relative_error (steer_session_get_logits (timelines[i].session), alone[i], N_VOCAB), <,
                       1e-5);
}

static void
test_cancel (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerSession) session = steer_session_new (f->context, 0);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  SteerTimeline timeline = { session, f->tokens, 8, 8, NULL, STEER_REUSE_SAME_PLAN };

  compute (&timeline);
  timeline.n_tokens = 50;
  timeline.n_prompt = 50;
  g_cancellable_cancel (cancellable);
  g_assert_false (steer_session_set_tokens (&timeline, 1, NULL, NULL, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (steer_session_count_reusable (&timeline), >=, 8);
  assert_like_fresh (f, timeline);
}

static void
test_trace (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerSession) session = steer_session_new (f->context, 0);
  g_autoptr (SteerPlan) plan = make_plan (1, 5.0f, STEER_MODE_CLAMP, TRUE);
  g_autoptr (GError) error = NULL;
  SteerTimeline timeline = { session, f->tokens, 6, 6, plan, STEER_REUSE_SAME_PLAN };
  const guint layers[] = { 0, 1, 2 };
  float logits[6][N_VOCAB];
  float residual[3][6][D_MODEL];
  const float *vector = steer_plan_get_ops (plan)[0].vector;

  steer_session_trace (&timeline, layers, 3, &logits[0][0], &residual[0][0][0], NULL, &error);
  g_assert_no_error (error);
  /* Clamping sets the component along the vector to the strength, at every position of that layer's output. */
  for (guint t = 0; t < 6; t++)
    {
      double along = 0.0;

      for (guint i = 0; i < D_MODEL; i++)
        along += (double) residual[1][t][i] * vector[i];
      g_assert_cmpfloat_with_epsilon (along, 5.0, 1e-4);
    }
  compute (&timeline);
  g_assert_cmpfloat (test_max_relative_error (steer_session_get_logits (session), logits[5], N_VOCAB), <, 1e-5);
}

#define ADD(path, function) g_test_add (path, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  steer_backend_register (steer_cpu_backend ());
  ADD ("/session/extends-what-is-cached", test_extends);
  ADD ("/session/an-edit-keeps-the-common-prefix", test_edited);
  ADD ("/session/the-same-tokens-again-give-the-same-logits", test_same_again);
  ADD ("/session/another-plan-recomputes-unless-told-otherwise", test_another_plan);
  ADD ("/session/an-empty-plan-is-none-to-the-bit", test_empty_plan);
  ADD ("/session/a-plan-for-replies-leaves-the-prompt-alone", test_reply_only);
  ADD ("/session/special-tokens-can-be-left-alone", test_special_tokens);
  ADD ("/session/a-switch-in-mid-reply-equals-its-replay", test_switch_in_mid_reply);
  ADD ("/session/a-batch-equals-each-alone", test_batch);
  ADD ("/session/a-cancel-leaves-a-valid-prefix", test_cancel);
  ADD ("/session/a-trace-sees-the-residual-stream-after-steering", test_trace);
  return g_test_run ();
}
