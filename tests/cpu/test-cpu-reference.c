#include <json-glib/json-glib.h>

#include "cpu-model.h"

#include "cpu/steer-cpu-kernels.h"

/* Real trained models and what others computed with them. The data is not part of this project; see
 * test_shared_path(). */

#define TINYSTORIES "models/tinystories-656k"
#define STORIES "models/stories260k"
#define TOLERANCE 1e-5

static SteerModel *
open_model (const char *relative)
{
  g_autofree char *path = test_shared_path (relative);
  g_autoptr (GError) error = NULL;
  SteerModel *model;

  if (path == NULL)
    return NULL;
  model = steer_model_open (path, NULL, &error);
  g_assert_no_error (error);
  return model;
}

static JsonParser *
parse (const char *relative)
{
  g_autofree char *path = test_shared_path (relative);
  g_autoptr (GError) error = NULL;
  JsonParser *parser = json_parser_new ();

  json_parser_load_from_file (parser, path, &error);
  g_assert_no_error (error);
  return parser;
}

static gint32 *
copy_ids (JsonArray *array)
{
  gint32 *ids = g_new (gint32, json_array_get_length (array));

  for (guint i = 0; i < json_array_get_length (array); i++)
    ids[i] = (gint32) json_array_get_int_element (array, i);
  return ids;
}

static float *
copy_floats (JsonArray *array)
{
  float *values = g_new (float, json_array_get_length (array));

  for (guint i = 0; i < json_array_get_length (array); i++)
    values[i] = (float) json_array_get_double_element (array, i);
  return values;
}

static gint32
find_largest (const float *logits, guint n)
{
  return (gint32) steer_cpu_kernels_get (STEER_CPU_ISA_PLAIN)->argmax (logits, n);
}

static void
forward (SteerContext *context, SteerRun *run)
{
  g_autoptr (GError) error = NULL;

  steer_context_forward (context, run, 1, NULL, &error);
  g_assert_no_error (error);
}

/* Follows @ids from the prompt of @n_prompt on, always with the expected token; every choice must be the expected. */
static void
check_greedy (SteerModel *model, const gint32 *ids, guint n_ids, guint n_prompt)
{
  guint n_vocab = steer_model_get_config (model)->n_vocab;
  g_autoptr (SteerContext) context = cpu_context_open (model, 1, STEER_DTYPE_F32, 0);
  g_autofree float *logits = g_new0 (float, n_vocab);

  for (guint done = 0; done + 1 < n_ids;)
    {
      SteerRun run = {
        .position = done,
        .tokens = ids + done,
        .n_tokens = done == 0 ? n_prompt : 1,
        .want = STEER_WANT_LAST_LOGITS,
        .logits = logits,
      };

      forward (context, &run);
      done += run.n_tokens;
      if (done < n_ids)
        g_assert_cmpint (find_largest (logits, n_vocab), ==, ids[done]);
    }
}

static void
test_tinystories_greedy (void)
{
  g_autoptr (SteerModel) model = open_model (TINYSTORIES);
  g_autoptr (JsonParser) parser = NULL;
  JsonObject *root;
  JsonArray *prompt, *greedy;
  g_autofree gint32 *ids = NULL;

  if (model == NULL)
    return;
  parser = parse (TINYSTORIES "/expected-greedy.json");
  root = json_node_get_object (json_parser_get_root (parser));
  prompt = json_object_get_array_member (root, "prompt_ids");
  greedy = json_object_get_array_member (root, "greedy_ids");
  ids = copy_ids (greedy);
  check_greedy (model, ids, json_array_get_length (greedy), json_array_get_length (prompt));
}

static void
test_tinystories_values (void)
{
  g_autoptr (SteerModel) model = open_model (TINYSTORIES);
  g_autoptr (SteerContext) context = NULL;
  g_autoptr (JsonParser) parser = NULL;
  JsonObject *root;
  JsonArray *prompt, *positions;
  g_autofree gint32 *ids = NULL;
  g_autofree float *logits = NULL;
  g_autofree float *expected = NULL;
  g_autofree float *taps = NULL;
  const guint layers[] = { 0, 1 };
  gsize d_model;
  guint n;

  if (model == NULL)
    return;
  parser = parse (TINYSTORIES "/expected-greedy.json");
  root = json_node_get_object (json_parser_get_root (parser));
  prompt = json_object_get_array_member (root, "prompt_ids");
  positions = json_object_get_array_member (root, "hidden_states_per_pos_per_layer");
  expected = copy_floats (json_object_get_array_member (root, "last_prompt_logits"));
  ids = copy_ids (prompt);
  n = json_array_get_length (prompt);
  d_model = steer_model_get_config (model)->d_model;
  logits = g_new0 (float, steer_model_get_config (model)->n_vocab);
  taps = g_new0 (float, G_N_ELEMENTS (layers) * n * d_model);
  context = cpu_context_open (model, 1, STEER_DTYPE_F32, 0);
  {
    SteerRun run = {
      .tokens = ids,
      .n_tokens = n,
      .want = STEER_WANT_LAST_LOGITS,
      .logits = logits,
      .tap_layers = layers,
      .n_taps = G_N_ELEMENTS (layers),
      .taps = taps,
    };

    forward (context, &run);
  }
  assert_near (logits, expected, steer_model_get_config (model)->n_vocab, TOLERANCE);
  g_assert_cmpuint (json_array_get_length (positions), ==, n);
  for (guint t = 0; t < n; t++)
    for (guint layer = 0; layer < G_N_ELEMENTS (layers); layer++)
      {
        /* The first of the list is the embedding. */
        g_autofree float *hidden
          = copy_floats (json_array_get_array_element (json_array_get_array_element (positions, t), layer + 1));

        assert_near (taps + (layer * n + t) * d_model, hidden, d_model, TOLERANCE);
      }
}

static void
test_stories_greedy (void)
{
  g_autoptr (SteerModel) model = open_model (STORIES);
  g_autoptr (JsonParser) parser = NULL;
  g_autofree gint32 *ids = NULL;
  JsonArray *greedy;

  if (model == NULL)
    return;
  parser = parse (STORIES "/expected-greedy-ids.json");
  greedy = json_node_get_array (json_parser_get_root (parser));
  g_assert_cmpuint (json_array_get_length (greedy), ==, 201);
  ids = copy_ids (greedy);
  check_greedy (model, ids, json_array_get_length (greedy), 1);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cpu/reference/tinystories-656k writes the expected ids greedily", test_tinystories_greedy);
  g_test_add_func ("/cpu/reference/tinystories-656k has the expected hidden states and logits",
                   test_tinystories_values);
  g_test_add_func ("/cpu/reference/stories260k writes 200 of 200 expected ids greedily", test_stories_greedy);
  return g_test_run ();
}
