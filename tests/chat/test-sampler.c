/* The sampler against transformers' own logits processors (tests/fixtures/chat/make-sampler-cases.py). */
#include <json-glib/json-glib.h>
#include <math.h>

#include "chat/steer-sampler.h"
#include "test-util.h"

#define N_DRAWS 4000

static JsonArray *
load_cases (JsonParser *parser)
{
  g_autofree char *path = test_fixture_path ("chat/sampler-cases.json");
  g_autoptr (GError) error = NULL;

  json_parser_load_from_file (parser, path, &error);
  g_assert_no_error (error);
  return json_node_get_array (json_parser_get_root (parser));
}

static guint
read_floats (JsonObject *object, const char *name, float *out)
{
  JsonArray *array = json_object_get_array_member (object, name);

  for (guint i = 0; i < json_array_get_length (array); i++)
    out[i] = (float) json_array_get_double_element (array, i);
  return json_array_get_length (array);
}

static void
test_like_transformers (void)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonArray *cases = load_cases (parser);

  g_assert_cmpuint (json_array_get_length (cases), >=, 100);
  for (guint c = 0; c < json_array_get_length (cases); c++)
    {
      JsonObject *object = json_array_get_object_element (cases, c);
      float logits[64], expected[64];
      guint drawn[64] = { 0 };
      guint32 seen[2] = { 0 };
      guint n = read_floats (object, "logits", logits);
      JsonArray *seen_ids = json_object_get_array_member (object, "seen");
      g_autoptr (SteerSampler) sampler = steer_sampler_new (n);
      SteerSampling sampling;

      steer_sampling_init (&sampling);
      sampling.temperature = json_object_get_double_member (object, "temperature");
      sampling.top_k = (guint) json_object_get_int_member (object, "top_k");
      sampling.top_p = json_object_get_double_member (object, "top_p");
      sampling.min_p = json_object_get_double_member (object, "min_p");
      sampling.repetition_penalty = json_object_get_double_member (object, "repetition_penalty");
      for (guint i = 0; i < json_array_get_length (seen_ids); i++)
        {
          guint id = (guint) json_array_get_int_element (seen_ids, i);
          seen[id / 32] |= 1u << (id % 32);
        }
      read_floats (object, "probabilities", expected);

      /* An even grid of uniform numbers draws each token in proportion to its probability, to one grid step. */
      for (guint i = 0; i < N_DRAWS; i++)
        {
          float copy[64];
          gint32 id;

          memcpy (copy, logits, sizeof copy);
          id = steer_sampler_choose (sampler, &sampling, copy, seen, (i + 0.5) / N_DRAWS);
          g_assert_cmpint (id, >=, 0);
          g_assert_cmpint (id, <, (int) n);
          drawn[id]++;
        }
      for (guint id = 0; id < n; id++)
        {
          if (fabs (drawn[id] - expected[id] * N_DRAWS) > 1.51)
            g_error ("case %u: token %u was drawn %u times, expected %.2f", c, id, drawn[id], expected[id] * N_DRAWS);
        }
    }
}

static void
test_greedy_takes_the_largest (void)
{
  g_autoptr (SteerSampler) sampler = steer_sampler_new (5);
  SteerSampling sampling;
  float logits[5] = { 1.0f, NAN, 3.0f, 3.0f, -INFINITY };

  steer_sampling_init (&sampling);
  sampling.temperature = 0.0;
  g_assert_cmpint (steer_sampler_choose (sampler, &sampling, logits, NULL, 0.99), ==, 2);
}

static void
test_never_chooses_nan (void)
{
  g_autoptr (SteerSampler) sampler = steer_sampler_new (3);
  SteerSampling sampling;

  steer_sampling_init (&sampling);
  sampling.temperature = 1.0;
  for (guint i = 0; i < 100; i++)
    {
      float logits[3] = { NAN, 0.0f, -1.0f };

      g_assert_cmpint (steer_sampler_choose (sampler, &sampling, logits, NULL, i / 100.0), !=, 0);
    }
}

static void
test_all_nan_still_gives_a_token (void)
{
  g_autoptr (SteerSampler) sampler = steer_sampler_new (2);
  SteerSampling sampling;
  float logits[2] = { NAN, NAN };

  steer_sampling_init (&sampling);
  g_assert_cmpint (steer_sampler_choose (sampler, &sampling, logits, NULL, 0.5), ==, 0);
}

static void
test_an_infinite_logit_is_certain (void)
{
  g_autoptr (SteerSampler) sampler = steer_sampler_new (3);
  SteerSampling sampling;
  float logits[3] = { 0.0f, INFINITY, 5.0f };

  steer_sampling_init (&sampling);
  g_assert_cmpint (steer_sampler_choose (sampler, &sampling, logits, NULL, 0.999), ==, 1);
}

static void
test_seeds_give_uniform_streams (void)
{
  double sum = 0.0;
  double products = 0.0;
  double last = 0.5;

  for (guint64 n = 0; n < 100000; n++)
    {
      double u = steer_sampler_uniform (16, n);

      g_assert_cmpfloat (u, >=, 0.0);
      g_assert_cmpfloat (u, <, 1.0);
      sum += u;
      products += (u - 0.5) * (last - 0.5);
      last = u;
    }
  g_assert_cmpfloat (fabs (sum / 100000 - 0.5), <, 0.005);
  g_assert_cmpfloat (fabs (products / 100000), <, 0.002);
  g_assert_true (steer_sampler_uniform (1, 0) != steer_sampler_uniform (2, 0));
  g_assert_true (steer_sampler_uniform (1, 7) == steer_sampler_uniform (1, 7));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sampler/draws-what-transformers-would", test_like_transformers);
  g_test_add_func ("/sampler/greedy-takes-the-largest-and-the-first-of-equals", test_greedy_takes_the_largest);
  g_test_add_func ("/sampler/never-chooses-nan", test_never_chooses_nan);
  g_test_add_func ("/sampler/gives-a-token-when-all-logits-are-nan", test_all_nan_still_gives_a_token);
  g_test_add_func ("/sampler/an-infinite-logit-is-certain", test_an_infinite_logit_is_certain);
  g_test_add_func ("/sampler/a-seed-is-a-uniform-stream", test_seeds_give_uniform_streams);
  return g_test_run ();
}
