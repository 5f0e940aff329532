#include "steering/steer-directions.h"

#include <math.h>
#include <string.h>

#include "test-util.h"

static SteerSae *
open_sae (const char *name)
{
  g_autofree char *path = g_build_filename ("steering/sae", name, NULL);
  g_autofree char *full = test_fixture_path (path);
  g_autoptr (GError) error = NULL;
  SteerSae *sae = steer_sae_open (full, NULL, NULL, &error);

  g_assert_no_error (error);
  return sae;
}

static void
test_cosine (void)
{
  static const float a[] = { 3.0f, 4.0f, 0.0f };
  static const float b[] = { 4.0f, -3.0f, 0.0f };
  static const float c[] = { -0.3f, -0.4f, 0.0f };
  static const float zero[3] = { 0.0f };

  g_assert_cmpfloat (steer_cosine (a, a, 3), ==, 1.0);
  g_assert_cmpfloat_with_epsilon (steer_cosine (a, b, 3), 0.0, 1e-12);
  g_assert_cmpfloat_with_epsilon (steer_cosine (a, c, 3), -1.0, 1e-7);
  g_assert_cmpfloat (steer_cosine (a, zero, 3), ==, 0.0);
}

static void
test_similarities (void)
{
  static const float values[4][2] = { { 1.0f, 0.0f }, { -0.8f, 0.6f }, { 0.6f, 0.8f }, { 1.0f, 0.0f } };
  static const guint layers[] = { 3, 3, 3, 4 };
  const float *vectors[] = { values[0], values[1], values[2], values[3] };
  g_autoptr (GArray) all = steer_list_similarities (layers, vectors, 4, 2, 0.0);
  g_autoptr (GArray) near = steer_list_similarities (layers, vectors, 4, 2, 0.7);

  /* Three pairs of layer 3, whatever is on layer 4; opposite directions are near too. */
  g_assert_cmpuint (all->len, ==, 3);
  g_assert_cmpuint (g_array_index (all, SteerSimilarity, 0).a, ==, 0);
  g_assert_cmpuint (g_array_index (all, SteerSimilarity, 0).b, ==, 1);
  g_assert_cmpfloat_with_epsilon (g_array_index (all, SteerSimilarity, 0).cosine, -0.8, 1e-6);
  g_assert_cmpuint (near->len, ==, 1);
}

/* Against all pairs of directions that the source hands out, for a decoder of rows and one of columns. */
static void
test_neighbours (gconstpointer data)
{
  g_autoptr (SteerSae) sae = open_sae (data);
  guint layer = steer_sae_get_layer (sae);
  guint d_model = steer_sae_get_d_model (sae);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) own = steer_vector_source_load_vector (STEER_VECTOR_SOURCE (sae), layer, 5, NULL, NULL);
  g_autoptr (GArray) list = steer_sae_list_neighbours (sae, 5, 10, NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (list->len, ==, 10);
  for (guint i = 0; i < steer_sae_get_n_features (sae); i++)
    {
      g_autoptr (GBytes) other = steer_vector_source_load_vector (STEER_VECTOR_SOURCE (sae), layer, i, NULL, NULL);
      double cosine = steer_cosine (g_bytes_get_data (own, NULL), g_bytes_get_data (other, NULL), d_model);
      gboolean listed = FALSE;

      for (guint j = 0; j < list->len; j++)
        {
          const SteerNeighbour *neighbour = &g_array_index (list, SteerNeighbour, j);

          if (neighbour->index != i)
            continue;
          listed = TRUE;
          g_assert_cmpfloat_with_epsilon (neighbour->cosine, cosine, 1e-6);
          g_assert_true (j == 0 || neighbour[-1].cosine >= neighbour->cosine);
        }
      g_assert_true (i != 5 || !listed);
      if (i != 5 && !listed)
        g_assert_cmpfloat (cosine, <=, g_array_index (list, SteerNeighbour, 9).cosine + 1e-6);
    }
}

static void
test_no_neighbours (void)
{
  g_autoptr (SteerSae) sae = open_sae ("saelens-standard");
  g_autoptr (GError) error = NULL;

  g_assert_null (steer_sae_list_neighbours (sae, 1000, 10, NULL, &error));
  g_assert_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_NOT_FOUND);
}

/* One unit of an activation is what sae-clamp puts into the stream for it. */
static void
test_unit (gconstpointer data)
{
  g_autoptr (SteerSae) sae = open_sae (data);
  g_autoptr (SteerEncoder) encoder = steer_sae_load_encoder (sae, 5, NULL, NULL);
  guint d_model = steer_sae_get_d_model (sae);
  g_autofree float *h = g_new0 (float, d_model);
  double scale;

  for (guint i = 0; i < d_model; i++)
    h[i] = i % 2 == 0 ? 2.0f : -2.0f; /* of mean 0 */
  steer_encoder_activate (encoder, h, &scale);
  g_assert_cmpfloat_with_epsilon (steer_sae_get_unit (sae, 5, 2.0 * sqrt ((double) d_model), NULL),
                                  (double) encoder->gain / scale, 0.06 * (double) encoder->gain / scale);
}

static void
test_strength (void)
{
  g_assert_cmpfloat (steer_suggest_strength (4.0, 1.5, 0.0), ==, 6.0);
  g_assert_cmpfloat (steer_suggest_strength (4.0, 1.5, 10.0), ==, 6.0);
  g_assert_cmpfloat (steer_suggest_strength (40.0, 1.5, 10.0), ==, 8.0);
  g_assert_cmpfloat (steer_suggest_strength (0.1, 1.5, 10.0), ==, 2.5);
  g_assert_cmpfloat (steer_suggest_strength (0.0, 1.5, 10.0), ==, 0.0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/directions/cosine of an angle", test_cosine);
  g_test_add_func ("/directions/pairs of one layer, nearest first", test_similarities);
  g_test_add_data_func ("/directions/neighbours in rows", "saelens-standard", test_neighbours);
  g_test_add_data_func ("/directions/neighbours in columns", "resid_post_layer_15/trainer_1", test_neighbours);
  g_test_add_func ("/directions/what is not there has no neighbours", test_no_neighbours);
  g_test_add_data_func ("/directions/a unit of a plain input", "saelens-standard", test_unit);
  g_test_add_data_func ("/directions/a unit of a scaled input", "Llama3_1-8B-Base-L13R-8x", test_unit);
  g_test_add_data_func ("/directions/a unit of an input of constant norm", "saelens-constant-norm", test_unit);
  g_test_add_data_func ("/directions/a unit of a normalised input", "saelens-layer-norm", test_unit);
  g_test_add_func ("/directions/a suggested strength is between a quarter and four fifths of the norm", test_strength);
  return g_test_run ();
}
