#include "cpu-model.h"

#include <stdlib.h>

#include "cpu/steer-cpu.h"

static void
load_vectors (CpuModel *self)
{
  const SteerTensor *tensor = steer_archive_find (self->expected, "vectors");

  self->n_vectors = (guint) tensor->shape[0];
  self->vectors = g_new0 (GBytes *, self->n_vectors);
  for (guint i = 0; i < self->n_vectors; i++)
    {
      gint64 n = tensor->shape[1];
      float *values = g_new (float, n);

      steer_tensor_read_f32 (tensor, i * n, n, values);
      self->vectors[i] = g_bytes_new_take (values, (gsize) n * sizeof (float));
    }
}

CpuModel *
cpu_model_load (const char *name)
{
  g_autofree char *relative = g_build_filename ("cpu", name, NULL);
  g_autofree char *path = test_fixture_path (relative);
  g_autofree char *expected = g_build_filename (path, "expected.safetensors", NULL);
  g_autoptr (GError) error = NULL;
  CpuModel *self = g_new0 (CpuModel, 1);
  const SteerTensor *tokens;

  self->model = steer_model_open (path, NULL, &error);
  g_assert_no_error (error);
  self->config = steer_model_get_config (self->model);
  self->expected = steer_archive_open (expected, NULL, &error);
  g_assert_no_error (error);

  tokens = steer_archive_find (self->expected, "tokens");
  self->n_tokens = (guint) tokens->shape[0];
  self->tokens = g_new (gint32, self->n_tokens);
  for (guint i = 0; i < self->n_tokens; i++)
    {
      float id;

      steer_tensor_read_f32 (tokens, i, 1, &id);
      self->tokens[i] = (gint32) id;
    }
  self->n_rows = (guint) steer_archive_find (self->expected, "logits")->shape[0];
  load_vectors (self);
  return self;
}

void
cpu_model_free (CpuModel *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; i < self->n_vectors; i++)
    g_bytes_unref (self->vectors[i]);
  g_free (self->vectors);
  g_free (self->tokens);
  g_clear_object (&self->expected);
  g_clear_object (&self->model);
  g_free (self);
}

SteerPlan *
cpu_model_make_plan (CpuModel *self, const char *text)
{
  g_autoptr (SteerPlanBuilder) builder = steer_plan_builder_new (self->config->d_model);
  g_auto (GStrv) ops = g_strsplit (text, " ", -1);

  for (guint i = 0; ops[i] != NULL; i++)
    {
      g_auto (GStrv) parts = g_strsplit (ops[i], ":", -1);
      guint vector;

      g_assert_cmpuint (g_strv_length (parts), ==, 4);
      vector = (guint) atoi (parts[1]);
      g_assert_cmpuint (vector, <, self->n_vectors);
      g_assert_true (steer_plan_builder_add (builder, (guint) atoi (parts[0]), vector,
                                             g_str_equal (parts[2], "add") ? STEER_MODE_ADD : STEER_MODE_CLAMP,
                                             (float) g_ascii_strtod (parts[3], NULL), self->vectors[vector]));
    }
  return steer_plan_builder_end (builder);
}

SteerContext *
cpu_context_open (SteerModel *model, guint n_slots, SteerDtype kv_dtype, guint n_threads)
{
  g_autoptr (GError) error = NULL;
  SteerContextOptions options;
  SteerContext *context;

  steer_context_options_init (&options);
  options.n_slots = n_slots;
  options.kv_dtype = kv_dtype;
  options.n_threads = n_threads;
  context = steer_cpu_backend ()->open (model, "cpu", &options, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  return context;
}

static float *
run (SteerContext *context, CpuModel *model, guint slot, guint first, guint n, SteerPlan *plan, SteerWant want)
{
  g_autoptr (GError) error = NULL;
  gsize n_logits = (gsize) (want == STEER_WANT_ALL_LOGITS ? n : 1) * model->config->n_vocab;
  float *logits = g_new (float, n_logits);
  SteerRun one = {
    .slot = slot,
    .position = first,
    .tokens = model->tokens + first,
    .n_tokens = n,
    .plan = plan,
    .want = want,
    .logits = logits,
  };

  for (gsize i = 0; i < n_logits; i++)
    logits[i] = 1e30f;
  steer_context_forward (context, &one, 1, NULL, &error);
  g_assert_no_error (error);
  return logits;
}

float *
cpu_context_run (SteerContext *context, CpuModel *model, guint slot, guint first, guint n, SteerPlan *plan)
{
  return run (context, model, slot, first, n, plan, STEER_WANT_ALL_LOGITS);
}

float *
cpu_context_run_last (SteerContext *context, CpuModel *model, guint slot, guint first, guint n, SteerPlan *plan)
{
  return run (context, model, slot, first, n, plan, STEER_WANT_LAST_LOGITS);
}
