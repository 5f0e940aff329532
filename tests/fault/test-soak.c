/* Many replies one after the other, with another model, another preset and another plan each: memory does not grow. The
 * suite writes some thousand tokens; STEER_TEST_ROUNDS=1000 writes 100,000 with 500 changes of each kind. */
#include "chat/steer-engine.h"
#include "cpu/steer-cpu.h"
#include "model/steer-gguf-export.h"
#include "steering/steer-preset.h"
#include "steering/steer-vector-source-open.h"
#include "chat-test-util.h"
#include "engine-test-util.h"
#include "test-util.h"

#ifdef __SANITIZE_ADDRESS__
#define N_ROUNDS 4
#else
#define N_ROUNDS 20
#endif
#define MAX_SECONDS 60
#define N_TOKENS 100 /* a round; two rounds a change of model and preset */
#define MAX_GROWTH ((gsize) 16 << 20)

typedef struct
{
  SteerEngine *engine;
  SteerLibrary *library;
  char *paths[2];     /* of a model in BF16, and of the same in 8 bits, without a tokenizer */
  GPtrArray *presets; /* char *: paths */
  SteerPreset *preset;
  SteerLivePlan *live;
  guint n_models, n_presets, n_plans;
  guint64 n_tokens;
} Soak;

static char *
dup_demo_path (const char *first, const char *second)
{
  return g_build_filename (g_getenv ("STEER_TEST_DEMO"), first, second, NULL);
}

static gboolean
is_done (gpointer data)
{
  return steer_reply_get_state (data) == STEER_REPLY_DONE;
}

static void
change_model (Soak *self)
{
  SteerLoadOptions options;

  test_load_options_init (&options, self->paths[self->n_models++ % 2]);
  options.context.n_threads = 2;
  test_engine_load_or_fail (self->engine, &options);
}

static void
change_preset (Soak *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerPreset) preset
    = steer_preset_new_from_file (self->presets->pdata[self->n_presets++ % self->presets->len], &error);

  g_assert_no_error (error);
  g_set_object (&self->preset, preset);
}

/* As a slider does it. */
static void
change_plan (Soak *self)
{
  g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (self->preset), 0);
  g_autoptr (SteerPlan) plan = NULL;
  g_autoptr (GError) error = NULL;

  steer_feature_set_strength (feature, steer_feature_get_strength (feature) * g_test_rand_double_range (0.5, 1.2));
  plan = steer_preset_make_plan (self->preset, self->library, 0, 0, &error);
  g_assert_no_error (error);
  steer_live_plan_set (self->live, plan);
  self->n_plans++;
}

typedef struct
{
  SteerReply *reply;
  guint n_tokens;
} Halfway;

static gboolean
is_halfway (gpointer data)
{
  Halfway *self = data;
  guint n;

  steer_reply_get_tokens (self->reply, &n);
  return n >= self->n_tokens / 2 || is_done (self->reply);
}

static void
write_reply (Soak *self)
{
  g_autoptr (SteerRequest) request = steer_request_new ();
  g_autoptr (SteerReply) reply = NULL;
  SteerSampling sampling;
  gint32 ids[12];
  guint n;

  steer_sampling_init (&sampling);
  sampling.temperature = 1.0;
  sampling.seed = g_test_rand_int ();
  sampling.max_tokens = N_TOKENS;
  steer_request_set_sampling (request, &sampling);
  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    ids[i] = g_test_rand_int_range (0, 4000);
  steer_request_set_ids (request, ids, G_N_ELEMENTS (ids));
  steer_request_set_live_plan (request, self->live);
  reply = steer_engine_reply (self->engine, request);
  test_wait_until (is_halfway, &(Halfway){ reply, N_TOKENS }, MAX_SECONDS);
  change_plan (self);
  test_reply_wait (reply, MAX_SECONDS);
  g_assert_no_error (steer_reply_get_error (reply));
  steer_reply_get_tokens (reply, &n);
  self->n_tokens += n;
}

static void
set_up (Soak *self, const char *folder)
{
  g_autofree char *vectors = dup_demo_path ("sae", "vectors.safetensors");
  g_autofree char *presets = dup_demo_path ("..", "presets");
  g_autoptr (GDir) dir = g_dir_open (presets, 0, NULL);
  g_autoptr (SteerModel) model = NULL;
  g_autoptr (SteerVectorSource) source = NULL;
  g_autoptr (SteerGgufWriter) writer = NULL;
  g_autoptr (GError) error = NULL;
  SteerSourceHints hints;
  const char *name;

  self->paths[0] = dup_demo_path ("model", NULL);
  self->paths[1] = g_build_filename (folder, "quantised.gguf", NULL);
  model = steer_model_open (self->paths[0], NULL, &error);
  g_assert_no_error (error);
  writer = steer_gguf_writer_new (self->paths[1]);
  steer_model_export_gguf (model, STEER_EXPORT_Q8_0, writer, 2, NULL, NULL, NULL, &error);
  g_assert_no_error (error);

  self->library = steer_library_new ();
  steer_source_hints_init (&hints);
  hints.id = "demo"; /* as the presets call it */
  source = steer_vector_source_open (vectors, &hints, NULL, &error);
  g_assert_no_error (error);
  steer_library_add (self->library, source);
  self->presets = g_ptr_array_new_with_free_func (g_free);
  while ((name = g_dir_read_name (dir)) != NULL)
    if (g_str_has_suffix (name, ".yaml"))
      g_ptr_array_add (self->presets, g_build_filename (presets, name, NULL));
  self->live = steer_live_plan_new (NULL);
  self->engine = steer_engine_new ();
}

static void
tear_down (Soak *self)
{
  test_assert_finalizes (self->engine);
  g_clear_object (&self->library);
  g_clear_object (&self->preset);
  g_ptr_array_unref (self->presets);
  steer_live_plan_unref (self->live);
  g_free (self->paths[0]);
  g_free (self->paths[1]);
}

static void
test_memory (void)
{
  g_autofree char *folder = test_make_dir ();
  guint64 wanted = (guint64) test_get_n_rounds (N_ROUNDS) * N_TOKENS;
  guint n_changes = (guint) (wanted / (2 * N_TOKENS));
  Soak soak = { 0 };
  gsize before = 0;

  set_up (&soak, folder);
  while (soak.n_tokens < wanted || soak.n_models < n_changes)
    {
      change_model (&soak);
      change_preset (&soak);
      write_reply (&soak);
      write_reply (&soak);
      if (before == 0 && soak.n_tokens >= wanted / 4)
        before = test_get_resident ();
    }
  g_test_message ("%" G_GUINT64_FORMAT
                  " tokens, %u models, %u presets, %u plans: memory %.1f MB, %+.1f MB since a quarter",
                  soak.n_tokens, soak.n_models, soak.n_presets, soak.n_plans, (double) test_get_resident () / 1e6,
                  ((double) test_get_resident () - (double) before) / 1e6);
#ifndef __SANITIZE_ADDRESS__ /* which keeps what was freed */
  g_assert_cmpuint (test_get_resident (), <, before + MAX_GROWTH);
#endif
  tear_down (&soak);
  test_remove_dir (g_steal_pointer (&folder));
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  steer_backend_register (steer_cpu_backend ());
  g_test_add_func ("/soak/memory does not grow with what is written, loaded and changed", test_memory);
  return g_test_run ();
}
