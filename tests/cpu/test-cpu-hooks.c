#include "cpu-model.h"

#include <string.h>

/* Hooks between the layers of a pass. */

/* What the calls of a hook saw, and what it does there. */
typedef struct
{
  guint d_model;
  GArray *calls;       /* of Call */
  float *seen;         /* nullable: [n_tokens, d_model], of layer @layer */
  const float *vector; /* nullable: [d_model], added @strength times at layer @layer */
  float strength;
  guint layer;
  GCancellable *cancellable; /* nullable: cancelled at layer @layer */
} Watch;

typedef struct
{
  guint layer;
  guint first;
  guint n_tokens;
} Call;

static void
watch (guint layer, guint first, guint n_tokens, float *rows, gsize stride, gpointer data)
{
  Watch *self = data;
  const Call call = { layer, first, n_tokens };

  g_assert_cmpuint (stride, >=, self->d_model);
  g_array_append_val (self->calls, call);
  if (layer != self->layer)
    return;
  for (guint t = 0; t < n_tokens; t++)
    {
      float *row = rows + t * stride;

      if (self->seen != NULL)
        memcpy (self->seen + ((gsize) first + t) * self->d_model, row, self->d_model * sizeof (float));
      for (guint i = 0; self->vector != NULL && i < self->d_model; i++)
        row[i] += self->strength * self->vector[i];
    }
  if (self->cancellable != NULL)
    g_cancellable_cancel (self->cancellable);
}

static void
watch_init (Watch *self, CpuModel *model)
{
  *self = (Watch){ .d_model = model->config->d_model, .calls = g_array_new (FALSE, FALSE, sizeof (Call)) };
}

static const guint both[] = { 0, 1 };

static SteerRun
make_run (CpuModel *model, Watch *hook, float *logits)
{
  return (SteerRun){
    .tokens = model->tokens,
    .n_tokens = model->n_tokens,
    .want = STEER_WANT_ALL_LOGITS,
    .logits = logits,
    .hook_layers = both,
    .n_hooks = G_N_ELEMENTS (both),
    .hook = watch,
    .hook_data = hook,
  };
}

static void
forward (SteerContext *context, SteerRun *run)
{
  g_autoptr (GError) error = NULL;

  steer_context_forward (context, run, 1, NULL, &error);
  g_assert_no_error (error);
}

static void
test_looking (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-gqa");
  g_autoptr (SteerContext) context = cpu_context_open (model->model, 1, STEER_DTYPE_F32, 2);
  gsize n = (gsize) model->n_tokens * model->config->n_vocab;
  g_autofree float *plain = cpu_context_run (context, model, 0, 0, model->n_tokens, NULL);
  g_autofree float *logits = g_new0 (float, n);
  Watch hook;
  SteerRun run = make_run (model, &hook, logits);

  watch_init (&hook, model);
  forward (context, &run);
  g_assert_cmpmem (logits, n * sizeof (float), plain, n * sizeof (float));
  g_array_unref (hook.calls);
}

/* Every layer in turn has every token once, however long the run. */
static void
test_calls (gconstpointer name)
{
  g_autoptr (CpuModel) model = cpu_model_load (name);
  g_autoptr (SteerContext) context = cpu_context_open (model->model, 1, STEER_DTYPE_F32, 2);
  g_autofree float *logits = g_new0 (float, model->config->n_vocab);
  guint next[G_N_ELEMENTS (both)] = { 0 };
  Watch hook;
  SteerRun run = make_run (model, &hook, logits);

  watch_init (&hook, model);
  run.want = STEER_WANT_LAST_LOGITS;
  forward (context, &run);
  for (guint i = 0; i < hook.calls->len; i++)
    {
      const Call *call = &g_array_index (hook.calls, Call, i);

      g_assert_cmpuint (call->layer, ==, i % G_N_ELEMENTS (both));
      g_assert_cmpuint (call->first, ==, next[call->layer]);
      next[call->layer] += call->n_tokens;
    }
  for (guint i = 0; i < G_N_ELEMENTS (both); i++)
    g_assert_cmpuint (next[i], ==, model->n_tokens);
  g_array_unref (hook.calls);
}

/* A hook that adds what a plan would add, at each layer. */
static void
test_changing (gconstpointer data)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-gqa");
  g_autoptr (SteerContext) context = cpu_context_open (model->model, 1, STEER_DTYPE_F32, 2);
  g_autofree char *text = g_strdup_printf ("%d:0:add:3.0", GPOINTER_TO_INT (data));
  g_autoptr (SteerPlan) plan = cpu_model_make_plan (model, text);
  gsize n = (gsize) model->n_tokens * model->config->n_vocab;
  g_autofree float *plain = cpu_context_run (context, model, 0, 0, model->n_tokens, NULL);
  g_autofree float *steered = cpu_context_run (context, model, 0, 0, model->n_tokens, plan);
  g_autofree float *logits = g_new0 (float, n);
  Watch hook;
  SteerRun run = make_run (model, &hook, logits);

  watch_init (&hook, model);
  hook.layer = (guint) GPOINTER_TO_INT (data);
  hook.vector = g_bytes_get_data (model->vectors[0], NULL);
  hook.strength = 3.0f;
  forward (context, &run);
  assert_near (logits, steered, n, 1e-5);
  g_assert_cmpfloat (test_max_relative_error (logits, plain, n), >, 1e-3);
  g_array_unref (hook.calls);
}

/* Steering comes before the hook, and the tap after it. */
static void
test_order (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-gqa");
  g_autoptr (SteerContext) context = cpu_context_open (model->model, 1, STEER_DTYPE_F32, 2);
  g_autoptr (SteerPlan) plan = cpu_model_make_plan (model, "1:0:add:3.0");
  const float *vector = g_bytes_get_data (model->vectors[1], NULL);
  const guint last = 1;
  gsize n = (gsize) model->n_tokens * model->config->d_model;
  g_autofree float *steered = g_new0 (float, n);
  g_autofree float *seen = g_new0 (float, n);
  g_autofree float *tapped = g_new0 (float, n);
  Watch hook;
  SteerRun run = make_run (model, &hook, NULL);

  watch_init (&hook, model);
  run.want = STEER_WANT_NOTHING;
  run.plan = plan;
  run.tap_layers = &last;
  run.n_taps = 1;
  run.taps = steered;
  run.n_hooks = 0;
  forward (context, &run);

  run.n_hooks = G_N_ELEMENTS (both);
  run.taps = tapped;
  hook.layer = last;
  hook.seen = seen;
  hook.vector = vector;
  hook.strength = -2.0f;
  forward (context, &run);
  g_assert_cmpmem (seen, n * sizeof (float), steered, n * sizeof (float));
  for (gsize i = 0; i < n; i++)
    g_assert_cmpfloat (tapped[i], ==, seen[i] + -2.0f * vector[i % model->config->d_model]);
  g_array_unref (hook.calls);
}

/* Others in the same pass are not touched. */
static void
test_neighbours (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-gqa");
  g_autoptr (SteerContext) context = cpu_context_open (model->model, 2, STEER_DTYPE_F32, 2);
  gsize n = (gsize) model->n_tokens * model->config->n_vocab;
  g_autofree float *plain = cpu_context_run (context, model, 0, 0, model->n_tokens, NULL);
  g_autofree float *hooked = g_new0 (float, n);
  g_autofree float *logits = g_new0 (float, n);
  g_autoptr (GError) error = NULL;
  Watch hook;
  SteerRun runs[] = { make_run (model, &hook, hooked), make_run (model, &hook, logits) };

  watch_init (&hook, model);
  hook.vector = g_bytes_get_data (model->vectors[0], NULL);
  hook.strength = 5.0f;
  runs[1].slot = 1;
  runs[1].n_hooks = 0;
  steer_context_forward (context, runs, G_N_ELEMENTS (runs), NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (logits, n * sizeof (float), plain, n * sizeof (float));
  g_assert_cmpfloat (test_max_relative_error (hooked, plain, n), >, 1e-3);
  g_array_unref (hook.calls);
}

static void
test_ending (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-gqa");
  g_autoptr (SteerContext) context = cpu_context_open (model->model, 1, STEER_DTYPE_F32, 2);
  g_autofree float *logits = g_new0 (float, (gsize) model->n_tokens * model->config->n_vocab);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  Watch hook;
  SteerRun run = make_run (model, &hook, logits);

  watch_init (&hook, model);
  hook.cancellable = cancellable;
  g_assert_false (steer_context_forward (context, &run, 1, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (hook.calls->len, ==, 1);
  g_array_unref (hook.calls);
}

static void
test_refusals (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-gqa");
  g_autoptr (SteerContext) context = cpu_context_open (model->model, 1, STEER_DTYPE_F32, 1);
  const guint beyond[] = { model->config->n_layers };
  g_autofree float *logits = g_new0 (float, (gsize) model->n_tokens * model->config->n_vocab);
  g_autoptr (GError) error = NULL;
  Watch hook = { 0 };
  SteerRun run = make_run (model, &hook, logits);

  run.hook_layers = beyond;
  run.n_hooks = 1;
  g_assert_false (steer_context_forward (context, &run, 1, NULL, &error));
  g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID);
  g_clear_error (&error);
  run.hook_layers = both;
  run.hook = NULL;
  g_assert_false (steer_context_forward (context, &run, 1, NULL, &error));
  g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cpu/hooks/one that only looks leaves every bit", test_looking);
  g_test_add_data_func ("/cpu/hooks/it sees every token of every layer once", "llama-gqa", test_calls);
  g_test_add_data_func ("/cpu/hooks/of a long prompt, too", "llama-long", test_calls);
  g_test_add_data_func ("/cpu/hooks/what it adds steers the first layer", GINT_TO_POINTER (0), test_changing);
  g_test_add_data_func ("/cpu/hooks/what it adds steers the last layer", GINT_TO_POINTER (1), test_changing);
  g_test_add_func ("/cpu/hooks/it comes after steering and before taps", test_order);
  g_test_add_func ("/cpu/hooks/it does not touch other runs of the pass", test_neighbours);
  g_test_add_func ("/cpu/hooks/it ends the pass by cancelling", test_ending);
  g_test_add_func ("/cpu/hooks/layers that are not there are refused", test_refusals);
  return g_test_run ();
}
