#include "steer-sweep-point.h"

#include <math.h>
#include <string.h>

/* Judged by eye on replies of the bundled model and of SmolLM2 135M Instruct. */
#define MORE_SURPRISAL 0.8
#define ANY_SURPRISAL 0.4
#define MORE_REPETITION 0.15
#define LEAST_TOKENS 0.25

/* 1: what the mode does with this strength raises the projection; -1: lowers it. */
static double
find_direction (const SteerSweepPoint *points, guint number, SteerMode mode)
{
  double strength = points[number].strength;
  double natural = points[0].projection;

  switch (mode)
    {
    case STEER_MODE_MINIMUM:
      return 1.0;
    case STEER_MODE_MAXIMUM:
      return -1.0;
    case STEER_MODE_CAP:
      return natural > 0.0 ? -1.0 : 1.0;
    case STEER_MODE_CLAMP:
    case STEER_MODE_ORTHOGONAL:
      return strength < natural ? -1.0 : 1.0;
    case STEER_MODE_SAE_CLAMP:
      return strength > 0.0 ? 1.0 : -1.0;
    case STEER_MODE_ADD:
    default:
      return strength < 0.0 ? -1.0 : 1.0;
    }
}

/* Grows with what the mode changes. */
static double
find_force (const SteerSweepPoint *points, guint number, SteerMode mode)
{
  double strength = points[number].strength;

  switch (mode)
    {
    case STEER_MODE_MINIMUM:
      return strength;
    case STEER_MODE_MAXIMUM:
      return -strength;
    case STEER_MODE_CAP:
      return -fabs (strength);
    case STEER_MODE_CLAMP:
    case STEER_MODE_ORTHOGONAL:
      return fabs (strength - points[0].projection);
    case STEER_MODE_ADD:
    case STEER_MODE_SAE_CLAMP:
    default:
      return fabs (strength);
    }
}

double
steer_sweep_point_get_gain (const SteerSweepPoint *points, guint number, SteerMode mode)
{
  if (number == 0 || points[number].n_tokens == 0 || points[0].n_tokens == 0)
    return 0.0;
  return find_direction (points, number, mode) * (points[number].projection - points[0].projection);
}

gboolean
steer_sweep_point_holds (const SteerSweepPoint *points, guint number, guint n_prompts)
{
  const SteerSweepPoint *without = &points[0];
  const SteerSweepPoint *with = &points[number];

  return without->n_replies == n_prompts && with->n_replies == n_prompts && without->n_tokens > 0
         && with->n_tokens >= LEAST_TOKENS * without->n_tokens && with->n_empty <= without->n_empty
         && with->surprisal <= without->surprisal + MAX (MORE_SURPRISAL * without->surprisal, ANY_SURPRISAL)
         && with->repetition <= without->repetition + MORE_REPETITION;
}

/* The least force, in the direction of that point, whose replies are all there and fall apart; beyond it such as hold
 * together do so by chance. */
static double
find_end (const SteerSweepPoint *points, guint n_points, guint n_prompts, SteerMode mode, guint number)
{
  double direction = find_direction (points, number, mode);
  double end = INFINITY;

  for (guint i = 1; i < n_points; i++)
    if (points[i].n_replies == n_prompts && !steer_sweep_point_holds (points, i, n_prompts)
        && find_direction (points, i, mode) * direction > 0.0)
      end = MIN (end, find_force (points, i, mode));
  return end;
}

gboolean
steer_sweep_points_suggest (const SteerSweepPoint *points,
                            guint n_points,
                            guint n_prompts,
                            SteerMode mode,
                            guint *number)
{
  double best = 0.0;

  for (guint i = 1; i < n_points; i++)
    {
      double gain = steer_sweep_point_get_gain (points, i, mode);

      if (!steer_sweep_point_holds (points, i, n_prompts) || gain <= best || gain <= points[i].error
          || find_force (points, i, mode) >= find_end (points, n_points, n_prompts, mode, i))
        continue;
      best = gain;
      *number = i;
    }
  return best > 0.0;
}

static guint
hash_triple (gconstpointer data)
{
  const gint32 *tokens = data;

  return ((guint) tokens[0] * 31 + (guint) tokens[1]) * 31 + (guint) tokens[2];
}

static gboolean
equal_triples (gconstpointer a, gconstpointer b)
{
  return memcmp (a, b, 3 * sizeof (gint32)) == 0;
}

double
steer_sweep_find_repetition (const gint32 *tokens, guint n_tokens)
{
  g_autoptr (GHashTable) distinct = NULL;

  if (n_tokens < 3)
    return 0.0;
  distinct = g_hash_table_new (hash_triple, equal_triples);
  for (guint i = 0; i + 2 < n_tokens; i++)
    g_hash_table_add (distinct, (gpointer) (tokens + i));
  return 1.0 - (double) g_hash_table_size (distinct) / (n_tokens - 2);
}
