/* The rules by which a sweep is judged, on made-up points. */
#include "chat/steer-sweep-point.h"

#include <math.h>

#define N_PROMPTS 4

/* All replies are there; two hundred tokens. */
static SteerSweepPoint
make (double strength, double projection, double surprisal, double repetition)
{
  return (SteerSweepPoint){ .strength = strength,
                            .n_replies = N_PROMPTS,
                            .n_tokens = 200,
                            .projection = projection,
                            .surprisal = surprisal,
                            .repetition = repetition };
}

static gboolean
holds (SteerSweepPoint without, SteerSweepPoint with)
{
  const SteerSweepPoint points[] = { without, with };

  return steer_sweep_point_holds (points, 1, N_PROMPTS);
}

static void
test_surprisal_may_rise_by_a_share (void)
{
  g_assert_true (holds (make (0, 0, 1.0, 0), make (1, 0, 1.79, 0)));
  g_assert_false (holds (make (0, 0, 1.0, 0), make (1, 0, 1.81, 0)));
  /* And by 0.4 in any case. */
  g_assert_true (holds (make (0, 0, 0.1, 0), make (1, 0, 0.49, 0)));
  g_assert_false (holds (make (0, 0, 0.1, 0), make (1, 0, 0.51, 0)));
}

static void
test_repetition_may_rise_a_little (void)
{
  g_assert_true (holds (make (0, 0, 1.0, 0.2), make (1, 0, 1.0, 0.34)));
  g_assert_false (holds (make (0, 0, 1.0, 0.2), make (1, 0, 1.0, 0.36)));
}

static void
test_replies_that_end_at_once_fall_apart (void)
{
  SteerSweepPoint without = make (0, 0, 1.0, 0), brief = make (1, 0, 1.0, 0), empty = make (1, 0, 1.0, 0);

  brief.n_tokens = 50;
  g_assert_true (holds (without, brief));
  brief.n_tokens = 49;
  g_assert_false (holds (without, brief));
  empty.n_empty = 1;
  g_assert_false (holds (without, empty));
  without.n_empty = 1;
  g_assert_true (holds (without, empty));
}

static void
test_what_is_not_there_is_not_judged (void)
{
  SteerSweepPoint whole = make (0, 0, 1.0, 0), part = make (1, 0, 1.0, 0), nothing = { 0 };

  part.n_replies = N_PROMPTS - 1;
  nothing.n_replies = N_PROMPTS;
  g_assert_false (holds (whole, part));
  g_assert_false (holds (part, whole));
  g_assert_false (holds (nothing, whole));
  g_assert_false (holds (whole, nothing));
}

/* By hand: what each mode does to a stream whose projection is 2 without it. */
static void
test_gains_follow_the_mode (void)
{
  static const struct
  {
    SteerMode mode;
    double strength;
    double projection;
    double gain;
  } cases[] = {
    { STEER_MODE_ADD, 3, 5, 3 },          { STEER_MODE_ADD, -3, -1, 3 },        { STEER_MODE_ADD, 3, 1, -1 },
    { STEER_MODE_CLAMP, 6, 5, 3 },        { STEER_MODE_CLAMP, 1, 0.5, 1.5 },    { STEER_MODE_CLAMP, 0, 3, -1 },
    { STEER_MODE_ORTHOGONAL, -4, -1, 3 }, { STEER_MODE_MINIMUM, -1, 2.5, 0.5 }, { STEER_MODE_MINIMUM, 6, 5, 3 },
    { STEER_MODE_MAXIMUM, 1, 0.5, 1.5 },  { STEER_MODE_CAP, 1, 0.5, 1.5 },      { STEER_MODE_CAP, -1, 0.5, 1.5 },
    { STEER_MODE_SAE_CLAMP, 9, 4, 2 },    { STEER_MODE_SAE_CLAMP, 0, 1, 1 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const SteerSweepPoint points[]
        = { make (0, 2, 1, 0), make (cases[i].strength, cases[i].projection, 1, 0), { .strength = 1 } };

      g_assert_cmpfloat_with_epsilon (steer_sweep_point_get_gain (points, 1, cases[i].mode), cases[i].gain, 1e-12);
      g_assert_cmpfloat (steer_sweep_point_get_gain (points, 0, cases[i].mode), ==, 0.0);
      g_assert_cmpfloat (steer_sweep_point_get_gain (points, 2, cases[i].mode), ==, 0.0);
    }
}

/* 0: none */
static guint
suggest (const SteerSweepPoint *points, guint n_points, SteerMode mode)
{
  guint number = 0;
  gboolean found = steer_sweep_points_suggest (points, n_points, N_PROMPTS, mode, &number);

  g_assert_true (found == (number > 0));
  return number;
}

static void
test_most_is_heard_short_of_the_end (void)
{
  /* In any order; 8 holds together again, by chance. */
  const SteerSweepPoint points[]
    = { make (0, 0, 1, 0), make (6, 9, 3, 0), make (2, 3, 1.1, 0), make (8, 12, 1.2, 0), make (4, 5, 1.5, 0) };

  g_assert_cmpuint (suggest (points, 5, STEER_MODE_ADD), ==, 4);
}

static void
test_each_side_has_its_own_end (void)
{
  const SteerSweepPoint points[]
    = { make (0, 0, 1, 0), make (-1, -4, 3, 0), make (5, 2, 1.2, 0), make (-5, -9, 1.2, 0) };

  g_assert_cmpuint (suggest (points, 4, STEER_MODE_ADD), ==, 2);
}

static void
test_what_may_be_chance_is_not_suggested (void)
{
  SteerSweepPoint points[] = { make (0, 0, 1, 0), make (2, 0.5, 1, 0), make (4, -1, 1, 0) };

  g_assert_cmpuint (suggest (points, 3, STEER_MODE_ADD), ==, 1);
  points[1].error = 0.6;
  g_assert_cmpuint (suggest (points, 3, STEER_MODE_ADD), ==, 0);
  g_assert_cmpuint (suggest (points, 1, STEER_MODE_ADD), ==, 0);
}

/* The smaller a cap or a maximum, the more it does. */
static void
test_the_gentlest_is_not_always_the_least (void)
{
  const SteerSweepPoint caps[] = { make (0, 5, 1, 0), make (1, 1, 3, 0), make (2, 2, 1.2, 0), make (4, 4, 1.1, 0) };
  const SteerSweepPoint clamps[]
    = { make (0, 5, 1, 0), make (-5, -5, 3, 0), make (2, 2, 1.2, 0), make (9, 9, 1.2, 0), make (30, 30, 3, 0) };

  g_assert_cmpuint (suggest (caps, 4, STEER_MODE_CAP), ==, 2);
  g_assert_cmpuint (suggest (caps, 4, STEER_MODE_MAXIMUM), ==, 2);
  g_assert_cmpuint (suggest (clamps, 5, STEER_MODE_CLAMP), ==, 3);
  g_assert_cmpuint (suggest (clamps, 3, STEER_MODE_CLAMP), ==, 2);
}

static void
test_repetition (void)
{
  static const gint32 same[] = { 5, 5, 5, 5, 5, 5 };
  static const gint32 other[] = { 1, 2, 3, 4, 1, 2, 3 };

  g_assert_cmpfloat (steer_sweep_find_repetition (same, 2), ==, 0.0);
  g_assert_cmpfloat (steer_sweep_find_repetition (same, 3), ==, 0.0);
  g_assert_cmpfloat (steer_sweep_find_repetition (same, 6), ==, 0.75);
  g_assert_cmpfloat_with_epsilon (steer_sweep_find_repetition (other, 7), 0.2, 1e-12);
  for (guint round = 0; round < 50; round++)
    {
      gint32 tokens[40];
      guint n = (guint) g_test_rand_int_range (3, 40);
      guint distinct = 0;

      for (guint i = 0; i < n; i++)
        tokens[i] = g_test_rand_int_range (0, 3);
      for (guint i = 0; i + 2 < n; i++)
        {
          gboolean seen = FALSE;

          for (guint k = 0; k < i; k++)
            seen |= tokens[k] == tokens[i] && tokens[k + 1] == tokens[i + 1] && tokens[k + 2] == tokens[i + 2];
          distinct += !seen;
        }
      g_assert_cmpfloat_with_epsilon (steer_sweep_find_repetition (tokens, n), 1.0 - (double) distinct / (n - 2),
                                      1e-12);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add_func ("/sweep point/" name, func)
  ADD ("surprisal may rise by a share", test_surprisal_may_rise_by_a_share);
  ADD ("repetition may rise a little", test_repetition_may_rise_a_little);
  ADD ("replies that end at once fall apart", test_replies_that_end_at_once_fall_apart);
  ADD ("what is not there is not judged", test_what_is_not_there_is_not_judged);
  ADD ("gains follow the mode", test_gains_follow_the_mode);
  ADD ("most is heard short of the end", test_most_is_heard_short_of_the_end);
  ADD ("each side has its own end", test_each_side_has_its_own_end);
  ADD ("what may be chance is not suggested", test_what_may_be_chance_is_not_suggested);
  ADD ("the gentlest is not always the least", test_the_gentlest_is_not_always_the_least);
  ADD ("repetition", test_repetition);
  return g_test_run ();
}
