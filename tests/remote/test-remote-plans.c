#include "remote/steer-remote-plans.h"

#include "model/steer-model-config.h"
#include "remote/steer-wire.h"

#define D_MODEL 48
#define N_LAYERS 5
#define N_VECTORS 12

typedef struct
{
  GBytes *vectors[N_VECTORS];
  SteerEncoder *encoders[N_VECTORS];
  SteerPlanSender *sender;
  SteerPlanReceiver *receiver;
  gsize n_bytes; /* of the last news */
} Fixture;

static GBytes *
make_vector (GRand *rand)
{
  float values[D_MODEL];

  for (guint i = 0; i < D_MODEL; i++)
    values[i] = (float) g_rand_double_range (rand, -1, 1);
  return g_bytes_new (values, sizeof values);
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (11);

  for (guint i = 0; i < N_VECTORS; i++)
    {
      g_autoptr (GBytes) weights = make_vector (rand);

      fixture->vectors[i] = make_vector (rand);
      fixture->encoders[i]
        = steer_encoder_new ("test", weights, (SteerEncoderInput) (i % 3), (float) i, 0.25f, 1.5f, NULL);
    }
  fixture->sender = steer_plan_sender_new ();
  fixture->receiver = steer_plan_receiver_new ();
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  for (guint i = 0; i < N_VECTORS; i++)
    {
      g_bytes_unref (fixture->vectors[i]);
      steer_encoder_unref (fixture->encoders[i]);
    }
  steer_plan_sender_free (fixture->sender);
  steer_plan_receiver_free (fixture->receiver);
}

/* Of every mode and gate. */
static SteerPlan *
make_plan (Fixture *fixture, GRand *rand)
{
  g_autoptr (SteerPlanBuilder) builder = steer_plan_builder_new (D_MODEL);
  guint n = (guint) g_rand_int_range (rand, 1, 7);

  steer_plan_builder_set_steer_prompt (builder, g_rand_boolean (rand));
  steer_plan_builder_set_skip_special (builder, g_rand_boolean (rand));
  for (guint i = 0; i < n; i++)
    {
      SteerWhen when = (SteerWhen) g_rand_int_range (rand, 0, STEER_WHEN_BELOW + 1);
      SteerMode mode = (SteerMode) g_rand_int_range (rand, 0, STEER_N_MODES);
      GBytes *vector = fixture->vectors[g_rand_int_range (rand, 0, N_VECTORS)];
      SteerEncoder *encoder = fixture->encoders[g_rand_int_range (rand, 0, N_VECTORS)];
      gboolean by_vector = g_rand_boolean (rand);
      float strength = (float) g_rand_double_range (rand, -9, 9);
      guint layer = (guint) g_rand_int_range (rand, 0, N_LAYERS);

      g_assert_true (steer_plan_builder_set_gate (builder, when, strength / 3, by_vector ? vector : NULL,
                                                  by_vector ? NULL : encoder, "for people"));
      if (mode == STEER_MODE_SAE_CLAMP)
        g_assert_true (steer_plan_builder_add_sae_clamp (builder, layer, i, strength, vector, encoder));
      else
        g_assert_true (steer_plan_builder_add (builder, layer, i, mode, strength, vector));
    }
  return steer_plan_builder_end (builder);
}

/* One feature on layer 1, as a slider makes it. */
static SteerPlan *
make_step (Fixture *fixture, float strength)
{
  g_autoptr (SteerPlanBuilder) builder = steer_plan_builder_new (D_MODEL);

  g_assert_true (steer_plan_builder_add (builder, 1, 7, STEER_MODE_ADD, strength, fixture->vectors[0]));
  return steer_plan_builder_end (builder);
}

/* What the other side makes of @plan; (transfer none). */
static SteerPlan *
send (Fixture *fixture, SteerPlan *plan)
{
  guint32 number = steer_plan_sender_name (fixture->sender, plan);
  g_autoptr (GVariant) news = g_variant_ref_sink (steer_plan_sender_take_news (fixture->sender));
  g_autoptr (GError) error = NULL;
  SteerPlan *arrived;

  fixture->n_bytes = g_variant_get_size (news);
  g_assert_true (g_variant_is_of_type (news, G_VARIANT_TYPE (STEER_WIRE_NEWS_TYPE)));
  steer_plan_receiver_take_news (fixture->receiver, news, &error);
  g_assert_no_error (error);
  steer_plan_receiver_find (fixture->receiver, number, &arrived, &error);
  g_assert_no_error (error);
  return arrived;
}

static void
test_equal (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (23);

  for (guint i = 0; i < 300; i++)
    {
      g_autoptr (SteerPlan) plan = make_plan (fixture, rand);
      SteerPlan *arrived = send (fixture, plan);

      g_assert_true (steer_plan_equal (arrived, plan));
      g_assert_cmpuint (steer_plan_get_n_layers (arrived), ==, steer_plan_get_n_layers (plan));
    }
}

static void
test_nothing (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SteerPlan) idle = make_step (fixture, 0);

  g_assert_null (send (fixture, NULL));
  g_assert_null (send (fixture, idle));
}

static void
test_slider (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SteerPlan) first = make_step (fixture, 0.5f);

  send (fixture, first);
  g_assert_cmpuint (fixture->n_bytes, >, D_MODEL * sizeof (float));
  for (guint i = 1; i < 50; i++)
    {
      g_autoptr (SteerPlan) moved = make_step (fixture, 0.5f + (float) i);

      g_assert_true (steer_plan_equal (send (fixture, moved), moved));
      g_assert_cmpuint (fixture->n_bytes, <, D_MODEL * sizeof (float));
    }
}

static void
test_known (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SteerPlan) plan = make_step (fixture, 2);
  SteerPlan *others[STEER_REMOTE_N_PLANS - 1];
  SteerPlan *arrived = send (fixture, plan);
  gsize n_first = fixture->n_bytes;

  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    {
      others[i] = make_step (fixture, 3 + (float) i);
      send (fixture, others[i]);
    }
  g_assert_true (send (fixture, plan) == arrived);
  g_assert_cmpuint (fixture->n_bytes, <, n_first / 2);
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    steer_plan_unref (others[i]);
}

/* The other side keeps no more than this one. */
static void
test_forgotten (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SteerPlan) plan = make_step (fixture, 2);
  guint32 number = steer_plan_sender_name (fixture->sender, plan);
  SteerPlan *arrived = send (fixture, plan);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < STEER_REMOTE_N_PLANS; i++)
    {
      g_autoptr (SteerPlan) other = make_step (fixture, 3 + (float) i);

      send (fixture, other);
    }
  g_assert_false (steer_plan_receiver_find (fixture->receiver, number, &arrived, &error));
  g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID);
}

/* Vectors of another plan may come to lie where one that is gone had its own. */
static void
test_addresses_come_again (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (5);

  for (guint i = 0; i < 200; i++)
    {
      g_autoptr (SteerPlanBuilder) builder = steer_plan_builder_new (D_MODEL);
      g_autoptr (GBytes) vector = make_vector (rand);
      g_autoptr (SteerPlan) plan = NULL;

      g_assert_true (steer_plan_builder_add (builder, 0, 1, STEER_MODE_ADD, 1, vector));
      plan = steer_plan_builder_end (builder);
      g_assert_true (steer_plan_equal (send (fixture, plan), plan));
    }
}

/* A plan without what it names, in the words of the wire. */
static void
assert_refused (Fixture *fixture, const char *news)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) variant = g_variant_parse (G_VARIANT_TYPE (STEER_WIRE_NEWS_TYPE), news, NULL, NULL, &error);

  g_assert_no_error (error);
  g_assert_false (steer_plan_receiver_take_news (fixture->receiver, variant, &error));
  g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID);
}

#define BLOCK "[(1, [byte 0, 0, 0, 0, 0, 0, 0, 0])]"
#define NO_ENCODER "(0, 0, 0.0, 0.0, 0.0)"
#define PLAN(number, width, op) "([], [], " BLOCK ", [(" number ", " width ", true, true, [" op "])])"

static void
test_refused (Fixture *fixture, gconstpointer data)
{
  /* no number; no width; a vector that was not sent; of another length; an unknown mode, gate, encoder; no vector; a
   * gate without a measure; an activation without an encoder; a strength that is none */
  assert_refused (fixture, PLAN ("0", "2", ""));
  assert_refused (fixture, PLAN ("1", "0", ""));
  assert_refused (fixture, PLAN ("1", "4294967295", ""));
  assert_refused (fixture, PLAN ("1", "2", "(0, 0, 0, 1.0, 9, " NO_ENCODER ", 0, 0.0, 0, " NO_ENCODER ")"));
  assert_refused (fixture, PLAN ("1", "3", "(0, 0, 0, 1.0, 1, " NO_ENCODER ", 0, 0.0, 0, " NO_ENCODER ")"));
  assert_refused (fixture, PLAN ("1", "2", "(0, 0, 99, 1.0, 1, " NO_ENCODER ", 0, 0.0, 0, " NO_ENCODER ")"));
  assert_refused (fixture, PLAN ("1", "2", "(0, 0, 0, 1.0, 1, " NO_ENCODER ", 99, 0.0, 1, " NO_ENCODER ")"));
  assert_refused (fixture, PLAN ("1", "2", "(0, 0, 6, 1.0, 1, (1, 99, 0.0, 0.0, 1.0), 0, 0.0, 0, " NO_ENCODER ")"));
  assert_refused (fixture, PLAN ("1", "2", "(0, 0, 0, 1.0, 0, " NO_ENCODER ", 0, 0.0, 0, " NO_ENCODER ")"));
  assert_refused (fixture, PLAN ("1", "2", "(0, 0, 0, 1.0, 1, " NO_ENCODER ", 1, 0.0, 0, " NO_ENCODER ")"));
  assert_refused (fixture, PLAN ("1", "2", "(0, 0, 6, 1.0, 1, " NO_ENCODER ", 0, 0.0, 0, " NO_ENCODER ")"));
  assert_refused (fixture, PLAN ("1", "2", "(0, 0, 0, 1e300, 1, " NO_ENCODER ", 0, 0.0, 0, " NO_ENCODER ")"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD(name, function) g_test_add ("/remote-plans/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("plans of every mode and gate arrive", test_equal);
  ADD ("one that does nothing is none", test_nothing);
  ADD ("a slider that moves sends no vector again", test_slider);
  ADD ("one that is kept is not sent again", test_known);
  ADD ("what one side forgets the other forgets", test_forgotten);
  ADD ("a vector in the place of one that is gone is sent", test_addresses_come_again);
  ADD ("what is damaged is refused", test_refused);
#undef ADD

  return g_test_run ();
}
