/* A model of another computer, which is another process of this test: what it computes, and what may go wrong. */
#include "remote/steer-remote.h"

#include <gio/gunixinputstream.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "chat/steer-sampler.h"
#include "cpu/steer-cpu.h"
#include "model/steer-gguf-export.h"
#include "remote-test-util.h"
#include "remote/steer-lend.h"
#include "remote/steer-remote-listing.h"
#include "test-model.h"
#include "test-util.h"

#define D_MODEL 32
#define N_VOCAB 96
#define N_LAYERS 3
#define N_TOKENS 40

typedef struct
{
  char *dir;
  char *address;
  SteerModel *here;
  SteerModel *there;
  gint32 tokens[N_TOKENS];
} Fixture;

static SteerModel *
open_model (const char *path)
{
  g_autoptr (GError) error = NULL;
  SteerModel *model = steer_model_open (path, NULL, &error);

  g_assert_no_error (error);
  return model;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  remote_test_set_login (NULL);
  f->dir = test_make_dir ();
  test_write_model (f->dir, &(TestModelShape){ .seed = 3 });
  f->address = remote_test_dup_address (f->dir);
  f->here = open_model (f->dir);
  f->there = open_model (f->address);
  for (guint i = 0; i < N_TOKENS; i++)
    f->tokens[i] = (gint32) (7 * i % N_VOCAB);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_clear_object (&f->here);
  if (f->there != NULL)
    test_assert_finalizes (f->there);
  test_remove_dir (f->dir);
  g_free (f->address);
}

static SteerContext *
open_context (SteerModel *model, const char *device, guint n_slots)
{
  SteerContextOptions options;
  g_autoptr (GError) error = NULL;
  SteerContext *context;

  steer_context_options_init (&options);
  options.n_slots = n_slots;
  options.n_threads = 1;
  context = steer_context_open (model, device, &options, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  return context;
}

static void
forward (SteerContext *context, SteerRun *runs, guint n_runs)
{
  g_autoptr (GError) error = NULL;

  steer_context_forward (context, runs, n_runs, NULL, &error);
  g_assert_no_error (error);
}

/* Tokens @first .. @first + @n - 1 in slot 0, and the logits of the last of them. */
static gboolean
step (Fixture *f, SteerContext *context, guint first, guint n, float *logits, GCancellable *cancellable, GError **error)
{
  SteerRun run = {
    .position = first, .tokens = f->tokens + first, .n_tokens = n, .want = STEER_WANT_LAST_LOGITS, .logits = logits
  };

  return steer_context_forward (context, &run, 1, cancellable, error);
}

static void
assert_steps_equal (Fixture *f, SteerContext *context, SteerContext *expected, guint first, guint n)
{
  float a[N_VOCAB], b[N_VOCAB];
  g_autoptr (GError) error = NULL;

  step (f, context, first, n, a, NULL, &error);
  g_assert_no_error (error);
  step (f, expected, first, n, b, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (a, sizeof a, b, sizeof b);
}

static void
test_model (Fixture *f, gconstpointer data)
{
  g_autofree char *base = g_path_get_basename (f->dir);
  const SteerWeights *weights = steer_model_get_weights (f->there);

  g_assert_cmpstr (steer_model_get_path (f->there), ==, f->address);
  g_assert_cmpstr (steer_model_get_name (f->there), ==, base);
  g_assert_cmpstr (steer_model_get_files (f->there), !=, f->address);
  g_assert_cmpstr (steer_model_get_files (f->here), ==, f->dir);
  g_assert_cmpmem (steer_model_get_config (f->there), sizeof (SteerModelConfig), steer_model_get_config (f->here),
                   sizeof (SteerModelConfig));
  g_assert_cmpint (weights->layers[2].down->shape[0], ==, D_MODEL);
  g_assert_cmpuint (steer_model_get_decode_bytes (f->there), ==, steer_model_get_decode_bytes (f->here));
}

static SteerPlan *
make_plan (GRand *rand)
{
  g_autoptr (SteerPlanBuilder) builder = steer_plan_builder_new (D_MODEL);
  g_autoptr (GBytes) weights = test_make_unit_vector (D_MODEL, g_rand_int (rand));
  g_autoptr (SteerEncoder) encoder
    = steer_encoder_new ("test", weights, STEER_ENCODER_LAYER_NORM, 0.1f, 0.05f, 1.2f, NULL);

  for (guint mode = 0; mode < STEER_N_MODES; mode++)
    {
      g_autoptr (GBytes) vector = test_make_unit_vector (D_MODEL, g_rand_int (rand));
      guint layer = (guint) g_rand_int_range (rand, 0, N_LAYERS);
      float strength = (float) g_rand_double_range (rand, -3, 3);

      g_assert_true (steer_plan_builder_set_gate (builder, (SteerWhen) (mode % 3), 0.1f, mode % 2 == 0 ? vector : NULL,
                                                  mode % 2 == 1 ? encoder : NULL, NULL));
      if (mode == STEER_MODE_SAE_CLAMP)
        g_assert_true (steer_plan_builder_add_sae_clamp (builder, layer, mode, strength, vector, encoder));
      else
        g_assert_true (steer_plan_builder_add (builder, layer, mode, (SteerMode) mode, strength, vector));
    }
  return steer_plan_builder_end (builder);
}

/* Everything that a run can want, of all slots at once, under plans of every mode: bit for bit what the same backend
 * gives here. */
static void
test_forward (Fixture *f, gconstpointer data)
{
  enum
  {
    N_RUNS = 3
  };
  g_autoptr (GRand) rand = g_rand_new_with_seed (31);
  g_autoptr (SteerContext) here = open_context (f->here, "cpu", N_RUNS), there = open_context (f->there, "cpu", N_RUNS);
  const guint layers[] = { 2, 0 };

  g_assert_cmpstr (there->device_id, ==, "remote:cpu");
  g_assert_true (g_str_has_suffix (there->device_name, " on box"));
  g_assert_cmpuint (there->options.n_context, ==, here->options.n_context);
  for (guint round = 0; round < 20; round++)
    {
      SteerRun runs[2][N_RUNS] = { 0 };
      g_autofree float *logits = g_new0 (float, (gsize) 2 * N_RUNS * N_TOKENS * N_VOCAB);
      g_autofree float *taps = g_new0 (float, (gsize) 2 * N_RUNS * 2 * N_TOKENS * D_MODEL);
      g_autoptr (SteerPlan) plan = make_plan (rand);
      guint8 mask[N_TOKENS];

      for (guint i = 0; i < N_TOKENS; i++)
        mask[i] = (guint8) g_rand_int_range (rand, 0, 2);
      for (guint i = 0; i < N_RUNS; i++)
        {
          guint n = (guint) g_rand_int_range (rand, 1, N_TOKENS);
          SteerRun run = { .slot = i, .tokens = f->tokens, .n_tokens = n, .want = (SteerWant) (round % 3) };

          run.plan = i > 0 ? plan : NULL;
          run.steer_mask = i == 2 ? mask : NULL;
          run.tap_layers = layers;
          run.n_taps = round % 2 == 0 ? G_N_ELEMENTS (layers) : 0;
          for (guint where = 0; where < 2; where++)
            {
              runs[where][i] = run;
              runs[where][i].logits = logits + (gsize) (where * N_RUNS + i) * N_TOKENS * N_VOCAB;
              runs[where][i].taps = taps + (gsize) (where * N_RUNS + i) * 2 * N_TOKENS * D_MODEL;
            }
        }
      forward (here, runs[0], N_RUNS);
      forward (there, runs[1], N_RUNS);
      g_assert_cmpmem (logits, N_RUNS * N_TOKENS * N_VOCAB * sizeof (float), logits + N_RUNS * N_TOKENS * N_VOCAB,
                       N_RUNS * N_TOKENS * N_VOCAB * sizeof (float));
      g_assert_cmpmem (taps, N_RUNS * 2 * N_TOKENS * D_MODEL * sizeof (float), taps + N_RUNS * 2 * N_TOKENS * D_MODEL,
                       N_RUNS * 2 * N_TOKENS * D_MODEL * sizeof (float));
    }
}

/* The sampler there is the one here; where the device chooses, it does. */
static void
test_choice (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerContext) here = open_context (f->here, "cpu", 1), there = open_context (f->there, "cpu", 1);
  g_autoptr (SteerContext) chooser = NULL;
  g_autoptr (SteerSampler) sampler = steer_sampler_new (N_VOCAB);
  guint32 seen[N_VOCAB / 32] = { 0x5a5a5a5a, 0x12345678, 0x0f0f0f0f };
  SteerSampling sampling;
  SteerRun run;

  steer_sampling_init (&sampling);
  for (guint i = 0; i < N_TOKENS; i++)
    {
      float logits[N_VOCAB];

      sampling.temperature = i % 4 == 0 ? 0 : 1.3;
      sampling.repetition_penalty = i % 2 == 0 ? 1.0 : 1.4;
      run = (SteerRun){ .position = i,
                        .tokens = f->tokens + i,
                        .n_tokens = 1,
                        .want = STEER_WANT_TOKEN,
                        .sampling = &sampling,
                        .seen = seen,
                        .uniform = steer_sampler_uniform (5, i) };
      forward (there, &run, 1);
      step (f, here, i, 1, logits, NULL, NULL);
      g_assert_cmpint (run.token, ==, steer_sampler_choose (sampler, &sampling, logits, seen, run.uniform));
    }
  steer_context_close (g_steal_pointer (&there));
  there = open_context (f->there, TEST_DEVICE_CHOOSER, 1);
  g_assert_cmpstr (there->passed_over, ==, "a better one is broken");
  run.position = 0;
  forward (there, &run, 1);
  g_assert_cmpint (run.token, ==, N_VOCAB - 1);
}

/* Each has a connection of its own. */
static void
test_two_contexts (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerContext) here = open_context (f->here, "cpu", 1);
  g_autoptr (SteerContext) first = open_context (f->there, NULL, 1), second = open_context (f->there, "auto", 1);

  assert_steps_equal (f, first, here, 0, 9);
  assert_steps_equal (f, second, here, 0, 4);
  assert_steps_equal (f, first, here, 0, 12);
}

static gpointer
cancel_soon (gpointer cancellable)
{
  g_usleep (50 * 1000);
  g_cancellable_cancel (cancellable);
  return NULL;
}

/* The pass takes twenty seconds there; giving it up takes none of them, here or there, and what was cached is. */
static void
test_cancel (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerContext) here = open_context (f->here, "cpu", 1), there = open_context (f->there, "slow", 1);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  float logits[N_VOCAB];
  g_autoptr (GError) error = NULL;
  GThread *thread;
  gint64 start;

  assert_steps_equal (f, there, here, 0, 9);
  thread = g_thread_new ("cancels", cancel_soon, cancellable);
  start = g_get_monotonic_time ();
  g_assert_false (step (f, there, 9, 5, logits, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  assert_steps_equal (f, there, here, 9, 3);
  g_assert_cmpint (g_get_monotonic_time () - start, <, 10 * G_USEC_PER_SEC);
  g_thread_join (thread);
}

/* A pass that is given up brings its plan all the same: later ones name what it brought. */
static void
test_cancelled_plan (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerContext) here = open_context (f->here, "cpu", 1), there = open_context (f->there, "slow", 1);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);
  g_autoptr (SteerPlan) plan = make_plan (rand);
  float logits[2][N_VOCAB];
  SteerRun run
    = { .tokens = f->tokens, .n_tokens = 9, .plan = plan, .want = STEER_WANT_LAST_LOGITS, .logits = logits[0] };
  GThread *thread;

  assert_steps_equal (f, there, here, 0, 9);
  thread = g_thread_new ("cancels", cancel_soon, cancellable);
  g_assert_false (steer_context_forward (there, &run, 1, cancellable, NULL));
  g_thread_join (thread);
  forward (there, &run, 1);
  run.logits = logits[1];
  forward (here, &run, 1);
  g_assert_cmpmem (logits[0], sizeof logits[0], logits[1], sizeof logits[1]);
}

/* The device or the whole connection is lost in the third pass: that is told, and the next context has another lender.
 */
static void
test_lost (Fixture *f, gconstpointer device)
{
  g_autoptr (SteerContext) here = open_context (f->here, "cpu", 1), there = open_context (f->there, device, 1);
  float logits[N_VOCAB];
  g_autoptr (GError) error = NULL;

  assert_steps_equal (f, there, here, 0, 5);
  assert_steps_equal (f, there, here, 5, 1);
  g_assert_false (step (f, there, 6, 1, logits, NULL, &error));
  g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE);
  g_assert_nonnull (strstr (error->message, "box"));
  g_assert_nonnull (strstr (error->message, g_str_equal (device, TEST_DEVICE_LOST) ? "off the bus" : "Broken pipe"));
  g_assert_null (strchr (error->message, '\r'));
  g_clear_error (&error);
  g_assert_false (step (f, there, 6, 1, logits, NULL, &error));
  g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE);

  steer_context_close (g_steal_pointer (&there));
  there = open_context (f->there, device, 1);
  assert_steps_equal (f, there, here, 0, 7);
}

/* A model that was exchanged meanwhile is not the one that the heads here tell of. */
static void
test_exchanged (Fixture *f, gconstpointer data)
{
  SteerContext *there = open_context (f->there, TEST_DEVICE_LOST, 1);
  g_autoptr (GError) error = NULL;
  float logits[N_VOCAB];

  for (guint i = 0; i < 3; i++)
    step (f, there, 0, 1, logits, NULL, NULL);
  steer_context_close (there);
  test_write_model (f->dir, &(TestModelShape){ .seed = 3, .n_layers = 2 });
  there = steer_context_open (f->there, NULL, NULL, NULL, NULL, NULL, &error);
  g_assert_null (there);
  g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE);
  g_assert_nonnull (strstr (error->message, "load it again"));
  test_assert_finalizes (g_steal_pointer (&f->there));
  f->there = open_model (f->address);
  g_assert_cmpuint (steer_model_get_config (f->there)->n_layers, ==, 2);
}

static void
on_progress (double fraction, gpointer last)
{
  g_assert_cmpfloat (fraction, >=, *(double *) last);
  *(double *) last = fraction;
}

static void
test_progress (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  double last = 0;
  g_autoptr (SteerContext) context = steer_context_open (f->there, "cpu", NULL, on_progress, &last, NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpfloat (last, ==, 1);
}

static void
never_called (guint layer, guint first, guint n_tokens, float *rows, gsize stride, gpointer data)
{
  g_assert_not_reached ();
}

/* What the lender refuses is refused in its words, with its code, and the connection goes on. */
static void
test_refusals (Fixture *f, gconstpointer data)
{
  const gint32 token = 1;
  const guint layer = 0;
  SteerRun hooked = { .tokens = &token, .n_tokens = 1, .hook_layers = &layer, .n_hooks = 1, .hook = never_called };
  SteerContextOptions options;
  g_autoptr (GError) error = NULL;
  g_autofree char *missing = remote_test_dup_address ("/no/such/model"), *nothing = remote_test_dup_address (NULL);
  g_autoptr (SteerContext) context = NULL;

  steer_context_options_init (&options);
  g_assert_null (steer_context_open (f->there, "cuda:7", &options, NULL, NULL, NULL, &error));
  g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE);
  g_assert_nonnull (strstr (error->message, "cuda:7"));
  g_clear_error (&error);
  context = open_context (f->there, "cpu", 1);

  /* A hook's function is on this side. */
  g_assert_false (steer_context_forward (context, &hooked, 1, NULL, &error));
  g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED);
  g_clear_error (&error);
  hooked.n_hooks = 0;
  steer_context_forward (context, &hooked, 1, NULL, &error);
  g_assert_no_error (error);

  g_assert_null (steer_model_open (missing, NULL, &error));
  g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_MISSING);
  g_assert_true (g_str_has_prefix (error->message, "on box: /no/such/model"));
  g_clear_error (&error);
  g_assert_null (steer_model_open (nothing, NULL, &error));
  g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID);
}

/* Weights that are holes must not become a file. */
static void
test_export (Fixture *f, gconstpointer data)
{
  g_autofree char *path = g_build_filename (f->dir, "out.gguf", NULL);
  g_autoptr (SteerGgufWriter) writer = steer_gguf_writer_new (path);
  g_autoptr (GError) error = NULL;

  g_assert_false (steer_model_export_gguf (f->there, STEER_EXPORT_F32, writer, 1, NULL, NULL, NULL, &error));
  g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED);
}

static void
test_listing (void)
{
  g_autoptr (SteerRemoteAddress) address = NULL;
  g_autofree char *text = remote_test_dup_address (NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerRemoteListing) listing = NULL;
  const SteerRemoteModel *model;
  const SteerDevice *device;

  remote_test_set_login (NULL);
  address = steer_remote_address_parse (text, NULL);
  listing = steer_remote_list (address, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (listing->models->len, ==, 2);
  model = g_ptr_array_index (listing->models, 0);
  g_assert_cmpstr (model->path, ==, "/models/llama");
  g_assert_cmpstr (model->name, ==, "Llama");
  g_assert_cmpuint (model->bytes, ==, 16000000000);
  g_assert_cmpuint (listing->devices->len, ==, 5);
  device = g_ptr_array_index (listing->devices, 0);
  g_assert_cmpstr (device->id, ==, "cpu");
  g_assert_true (device->usable);
}

typedef struct
{
  const char *how;  /* as tests/remote/ssh takes it */
  int code;         /* of STEER_MODEL_ERROR */
  const char *part; /* of the message */
} Login;

static const Login logins[] = {
  { "refused", STEER_MODEL_ERROR_DEVICE, "cannot reach box: anna@box: Permission denied (publickey). `ssh box " },
  { "silent", STEER_MODEL_ERROR_DEVICE, "the connection ended at once" },
  { "older", STEER_MODEL_ERROR_UNSUPPORTED, "0.0.9" },
  { "endless", STEER_MODEL_ERROR_DEVICE, "no greeting" },
};

static void
test_logins (void)
{
  g_autofree char *text = remote_test_dup_address (NULL);
  g_autoptr (SteerRemoteAddress) address = steer_remote_address_parse (text, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (logins); i++)
    {
      g_autoptr (GError) error = NULL;

      remote_test_set_login (logins[i].how);
      g_assert_null (steer_remote_connect (address, NULL, &error));
      g_assert_error (error, STEER_MODEL_ERROR, logins[i].code);
      g_assert_nonnull (strstr (error->message, logins[i].part));
    }
}

static void
test_chatty_login (void)
{
  g_autofree char *text = remote_test_dup_address (NULL);
  g_autoptr (SteerRemoteAddress) address = steer_remote_address_parse (text, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerRemote) remote = NULL;

  remote_test_set_login ("chatty");
  remote = steer_remote_connect (address, NULL, &error);
  g_assert_no_error (error);
}

/* What ssh said at a login that went well explains nothing that goes wrong later. */
static void
test_old_words (void)
{
  g_autofree char *text = remote_test_dup_address (NULL);
  g_autoptr (SteerRemoteAddress) address = steer_remote_address_parse (text, NULL);
  g_autoptr (GError) error = NULL;

  remote_test_set_login ("damaged");
  g_assert_null (steer_remote_list (address, NULL, &error));
  g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE);
  g_assert_null (strstr (error->message, "Upgrade"));
  g_assert_nonnull (strstr (error->message, "not understood"));
}

static void
test_no_ssh (void)
{
  g_autofree char *text = remote_test_dup_address (NULL), *ssh = g_strdup (g_getenv ("STEER_SSH"));
  g_autoptr (SteerRemoteAddress) address = steer_remote_address_parse (text, NULL);
  g_autoptr (GError) error = NULL;

  g_setenv ("STEER_SSH", "/no/such/program", TRUE);
  g_assert_null (steer_remote_connect (address, NULL, &error));
  g_setenv ("STEER_SSH", ssh, TRUE);
  g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE);
  g_assert_nonnull (strstr (error->message, "install OpenSSH"));
}

static void
test_cancelled_login (void)
{
  g_autofree char *text = remote_test_dup_address (NULL);
  g_autoptr (SteerRemoteAddress) address = steer_remote_address_parse (text, NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  gint64 start = g_get_monotonic_time ();
  GThread *thread;

  remote_test_set_login ("waiting");
  thread = g_thread_new ("cancels", cancel_soon, cancellable);
  g_assert_null (steer_remote_connect (address, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (g_get_monotonic_time () - start, <, 30 * G_USEC_PER_SEC);
  g_thread_join (thread);
}

/* A borrower whose network has swallowed its end. */
static void
test_silence (void)
{
  const SteerLendOptions options = { .program_version = "1.2.3", .silence_us = 100 * 1000 };
  g_autoptr (GOutputStream) output = g_memory_output_stream_new_resizable ();
  g_autoptr (GInputStream) input = NULL;
  g_autoptr (GError) error = NULL;
  gint64 start = g_get_monotonic_time ();
  int fds[2];

  g_assert_true (g_unix_open_pipe (fds, FD_CLOEXEC, NULL));
  input = g_unix_input_stream_new (fds[0], TRUE);
  g_assert_true (steer_lend_run (input, output, &options, &error));
  g_assert_no_error (error);
  g_assert_cmpint (g_get_monotonic_time () - start, >, options.silence_us);
  close (fds[1]);
}

int
main (int argc, char **argv)
{
  remote_test_init (&argc, &argv);

#define ADD(name, data, function) g_test_add ("/remote/" name, Fixture, data, set_up, function, tear_down)
  ADD ("a model is told as it is there", NULL, test_model);
  ADD ("a pass gives the bits that it gives here", NULL, test_forward);
  ADD ("tokens are chosen there as they are here", NULL, test_choice);
  ADD ("two contexts of a model do not meet", NULL, test_two_contexts);
  ADD ("a pass is given up at once", NULL, test_cancel);
  ADD ("a pass that is given up brings its plan", NULL, test_cancelled_plan);
  ADD ("a device that is lost is told and reached again", TEST_DEVICE_LOST, test_lost);
  ADD ("a connection that is lost is told and made again", TEST_DEVICE_GONE, test_lost);
  ADD ("a model that was exchanged is not gone on with", NULL, test_exchanged);
  ADD ("loading tells how far it is", NULL, test_progress);
  ADD ("what is refused there is refused in the same words", NULL, test_refusals);
  ADD ("weights that are not here are not written to a file", NULL, test_export);
#undef ADD
  g_test_add_func ("/remote/a computer lists what it has", test_listing);
  g_test_add_func ("/remote/a login that fails says why", test_logins);
  g_test_add_func ("/remote/words of a login are passed over", test_chatty_login);
  g_test_add_func ("/remote/they do not explain what comes later", test_old_words);
  g_test_add_func ("/remote/without ssh that is told", test_no_ssh);
  g_test_add_func ("/remote/a lender that hears nothing ends", test_silence);
  g_test_add_func ("/remote/a login can be given up", test_cancelled_login);

  return remote_test_run ();
}
