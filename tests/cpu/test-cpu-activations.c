#include <math.h>
#include <string.h>

#include "cpu-model.h"

#include "cpu/steer-cpu-context.h"

/* What happens inside a layer, against activations that another project recorded of tinystories-656k with PyTorch. A
 * pass leaves the last layer's activations in the work area, so an earlier layer is seen by running a model that ends
 * with it. The data is not part of this project; see test_shared_path(). */

#define TINYSTORIES "models/tinystories-656k"
#define RECORDED TINYSTORIES "/torch-activations/"
#define TOLERANCE 1e-5
#define N_TOKENS 6

/* <s>Once upon a time, as expected-greedy.json has it. */
static const gint32 prompt[N_TOKENS] = { 1, 80, 147, 201, 282, 57 };

/* The @which-th tensor of that shape in a file of "shpae: [sizes], ..." headings (so it is spelled there), each
 * followed by bracketed rows. */
static float *
read_recorded (const char *file, const char *shape, guint which, guint n)
{
  g_autofree char *relative = g_strconcat (RECORDED, file, NULL);
  g_autofree char *path = test_shared_path (relative);
  g_autofree char *heading = g_strdup_printf ("shpae: %s", shape);
  g_autofree char *text = NULL;
  float *values = g_new (float, n);
  const char *at;
  char *end = NULL;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  at = text;
  for (guint i = 0; i <= which; i++)
    {
      at = strstr (at, heading);
      g_assert_nonnull (at);
      at = strchr (at, '\n');
    }
  for (guint i = 0; i < n; i++)
    {
      at += strcspn (at, "-0123456789");
      values[i] = (float) g_ascii_strtod (at, &end);
      g_assert_true (end != at);
      at = end;
    }
  return values;
}

/* A folder with the model's weights and its configuration cut after @n_layers layers. */
static char *
make_model_dir (const char *source, guint n_layers)
{
  g_autofree char *config = g_build_filename (source, "config.json", NULL);
  g_autofree char *weights = g_build_filename (source, "model.safetensors", NULL);
  g_autofree char *text = NULL;
  g_autofree char *wanted = g_strdup_printf ("\"num_hidden_layers\": %u", n_layers);
  g_autoptr (GString) cut = NULL;
  g_autoptr (GError) error = NULL;
  char *dir = test_make_dir ();
  g_autofree char *to_config = g_build_filename (dir, "config.json", NULL);
  g_autofree char *to_weights = g_build_filename (dir, "model.safetensors", NULL);
  g_autoptr (GFile) link = g_file_new_for_path (to_weights);

  g_file_get_contents (config, &text, NULL, &error);
  g_assert_no_error (error);
  cut = g_string_new (text);
  g_assert_cmpuint (g_string_replace (cut, "\"num_hidden_layers\": 2", wanted, 0), ==, 1);
  g_file_set_contents (to_config, cut->str, -1, &error);
  g_assert_no_error (error);
  g_file_make_symbolic_link (link, weights, NULL, &error);
  g_assert_no_error (error);
  return dir;
}

/* Runs the prompt through the first @n_layers layers; NULL where the data is absent. The tap makes the last of them
 * compute every token. */
static SteerContext *
run_layers (guint n_layers)
{
  g_autofree char *source = test_shared_path (TINYSTORIES);
  char *dir;
  g_autoptr (SteerModel) model = NULL;
  g_autoptr (GError) error = NULL;
  SteerContext *context;
  const guint last_layer = n_layers - 1;
  float tapped[N_TOKENS * 128];
  SteerRun run = { .tokens = prompt,
                   .n_tokens = N_TOKENS,
                   .want = STEER_WANT_NOTHING,
                   .tap_layers = &last_layer,
                   .n_taps = 1,
                   .taps = tapped };

  if (source == NULL)
    return NULL;
  dir = make_model_dir (source, n_layers);
  model = steer_model_open (dir, NULL, &error);
  g_assert_no_error (error);
  context = cpu_context_open (model, 1, STEER_DTYPE_F32, 0);
  steer_context_forward (context, &run, 1, NULL, &error);
  g_assert_no_error (error);
  test_remove_dir (dir);
  return context;
}

static void
check_rows (const float *actual, gsize stride, const float *expected, guint width)
{
  for (guint t = 0; t < N_TOKENS; t++)
    assert_near (actual + t * stride, expected + t * width, width, TOLERANCE);
}

/* layer: decoder layer whose inside is compared. */
static void
test_attention_output (gconstpointer layer)
{
  g_autoptr (SteerContext) context = run_layers (GPOINTER_TO_UINT (layer) + 1);
  const SteerCpuWork *work;
  g_autofree float *expected = NULL;

  if (context == NULL)
    return;
  work = &((SteerCpuContext *) context)->work;
  expected = read_recorded ("forward_data_correct", "[6, 128]", GPOINTER_TO_UINT (layer), N_TOKENS * 128);
  check_rows (work->attended, work->query_stride, expected, 128);
}

static void
test_values (gconstpointer layer)
{
  g_autoptr (SteerContext) context = run_layers (GPOINTER_TO_UINT (layer) + 1);
  const SteerCpuWork *work;
  g_autofree float *expected = NULL;

  if (context == NULL)
    return;
  work = &((SteerCpuContext *) context)->work;
  expected = read_recorded ("hidden_state_data_correct", "[6, 64]", GPOINTER_TO_UINT (layer), N_TOKENS * 64);
  check_rows (work->value, work->kv_stride, expected, 64);
}

/* Recorded before the causal mask: [n_kv_heads, heads a group, query, key] of q.k / sqrt(head_dim), both rotated. */
static void
test_attention_scores (gconstpointer layer)
{
  g_autoptr (SteerContext) context = run_layers (GPOINTER_TO_UINT (layer) + 1);
  const SteerModelConfig *config;
  const SteerCpuWork *work;
  g_autofree float *expected = NULL;
  float scores[8 * N_TOKENS * N_TOKENS];
  guint group;

  if (context == NULL)
    return;
  config = ((SteerCpuContext *) context)->config;
  work = &((SteerCpuContext *) context)->work;
  group = config->n_heads / config->n_kv_heads;
  expected = read_recorded ("attn_data_correct", "[4, 2, 6, 6]", GPOINTER_TO_UINT (layer), G_N_ELEMENTS (scores));
  for (guint head = 0; head < config->n_heads; head++)
    for (guint t = 0; t < N_TOKENS; t++)
      for (guint s = 0; s < N_TOKENS; s++)
        {
          const float *q = work->query + t * work->query_stride + head * config->head_dim;
          const float *k = work->key + s * work->kv_stride + head / group * config->head_dim;
          double sum = 0.0;

          for (guint i = 0; i < config->head_dim; i++)
            sum += (double) q[i] * (double) k[i];
          scores[(head * N_TOKENS + t) * N_TOKENS + s] = (float) (sum / sqrt (config->head_dim));
        }
  assert_near (scores, expected, G_N_ELEMENTS (scores), TOLERANCE);
}

/* What the layer's MLP is given to add to: the residual after attention. The recorded sum of the residual and the
 * output of o_proj is compared with what is left of the layer's output when the MLP's part is taken off again. */
static void
test_residual_after_attention (gconstpointer layer)
{
  g_autoptr (SteerContext) context = run_layers (GPOINTER_TO_UINT (layer) + 1);
  const SteerCpuContext *self = (SteerCpuContext *) context;
  const SteerCpuWork *work;
  g_autofree float *expected = NULL;
  g_autofree float *middle = NULL;

  if (context == NULL)
    return;
  work = &self->work;
  expected
    = read_recorded ("down_proj_data_correct", "[6, 128]", GPOINTER_TO_UINT (layer) == 0 ? 2 : 6, N_TOKENS * 128);
  middle = g_new (float, N_TOKENS * 128);
  for (guint t = 0; t < N_TOKENS; t++)
    for (guint row = 0; row < 128; row++)
      {
        const SteerCpuMatrix *down = &self->layers[GPOINTER_TO_UINT (layer)].down;
        const float *weights
          = (const float *) (gconstpointer) (down->data + steer_cpu_matrix_get_offset (down, row, 0));
        double sum = 0.0;

        for (guint i = 0; i < self->config->d_ff; i++)
          sum += (double) weights[i] * (double) work->hidden[t * work->ff_stride + i];
        middle[t * 128 + row] = (float) ((double) work->residual[t * work->model_stride + row] - sum);
      }
  assert_near (middle, expected, N_TOKENS * 128, TOLERANCE);
}

int
main (int argc, char *argv[])
{
  static const struct
  {
    const char *sentence;
    GTestDataFunc func;
  } tests[] = {
    { "the values are those that were recorded", test_values },
    { "the scores before the mask are those that were recorded", test_attention_scores },
    { "attention gives what was recorded", test_attention_output },
    { "the residual stream after attention is the recorded one", test_residual_after_attention },
  };

  g_test_init (&argc, &argv, NULL);
  for (guint layer = 0; layer < 2; layer++)
    for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
      {
        g_autofree char *path = g_strdup_printf ("/cpu/activations/layer %u/%s", layer, tests[i].sentence);

        g_test_add_data_func (path, GUINT_TO_POINTER (layer), tests[i].func);
      }
  return g_test_run ();
}
