#include "engine-test-util.h"

#include "test-util.h"

#define MAX_SECONDS 60

void
test_load_options_init (SteerLoadOptions *options, const char *path)
{
  steer_load_options_init (options, path);
  options->device = "cpu";
}

gboolean
test_engine_load (SteerEngine *engine, const SteerLoadOptions *options, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  steer_engine_load_async (engine, options, NULL, test_keep_result, &result);
  test_wait_for_result (&result, MAX_SECONDS);
  return steer_engine_load_finish (engine, result, error);
}

void
test_engine_load_or_fail (SteerEngine *engine, const SteerLoadOptions *options)
{
  g_autoptr (GError) error = NULL;

  test_engine_load (engine, options, &error);
  g_assert_no_error (error);
}

SteerTrace *
test_engine_trace (SteerEngine *engine,
                   const gint32 *tokens,
                   guint n_tokens,
                   const guint *layers,
                   guint n_layers,
                   gboolean want_logits,
                   GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  steer_engine_trace_async (engine, tokens, n_tokens, layers, n_layers, want_logits, NULL, NULL, test_keep_result,
                            &result);
  test_wait_for_result (&result, MAX_SECONDS);
  return steer_engine_trace_finish (engine, result, error);
}
