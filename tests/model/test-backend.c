#include "model/steer-backend.h"
#include "model-test-util.h"
#include "test-util.h"

#include <string.h>

/* Two backends without arithmetic, whose devices and numbers the tests set. */
typedef struct
{
  gboolean usable[2];
  gboolean absent;
  guint64 needed; /* by the weights */
  guint64 available;
  int open_error; /* of STEER_MODEL_ERROR; -1: opens */
  guint n_opened;
  guint n_forwarded;
  SteerContextOptions options; /* as the last open got them */
} Fake;

static Fake fake_gpu;
static Fake fake_cpu;
static const SteerBackend gpu_backend;
static const SteerBackend cpu_backend;

static SteerDevice *
make_device (const char *id, gboolean usable)
{
  SteerDevice *device = g_new0 (SteerDevice, 1);

  device->id = g_strdup (id);
  device->name = g_strdup_printf ("the device %s", id);
  device->usable = usable;
  device->why_not = usable ? NULL : g_strdup ("its driver is too old, update it");
  return device;
}

static GPtrArray *
list_gpus (void)
{
  GPtrArray *devices = g_ptr_array_new_with_free_func ((GDestroyNotify) steer_device_free);

  g_ptr_array_add (devices, make_device ("gpu:0", fake_gpu.usable[0]));
  g_ptr_array_add (devices, make_device ("gpu:1", fake_gpu.usable[1]));
  for (guint i = 0; i < devices->len; i++)
    ((SteerDevice *) g_ptr_array_index (devices, i))->absent = fake_gpu.absent;
  return devices;
}

static GPtrArray *
list_cpus (void)
{
  GPtrArray *devices = g_ptr_array_new_with_free_func ((GDestroyNotify) steer_device_free);

  g_ptr_array_add (devices, make_device ("cpu", fake_cpu.usable[0]));
  return devices;
}

static Fake *
get_fake (const char *device)
{
  return g_str_has_prefix (device, "gpu") ? &fake_gpu : &fake_cpu;
}

static gboolean
fake_estimate (SteerModel *model,
               const char *device,
               const SteerContextOptions *options,
               SteerMemoryEstimate *estimate,
               GError **error)
{
  Fake *fake = get_fake (device);

  estimate->weights = fake->needed;
  estimate->kv_cache = 1024 * 1024;
  estimate->work = 1024;
  estimate->mapped = G_MAXUINT64; /* lies in the file and needs no room */
  estimate->available = fake->available;
  return TRUE;
}

static SteerContext *
fake_open (SteerModel *model,
           const char *device,
           const SteerContextOptions *options,
           SteerProgressFunc progress,
           gpointer progress_data,
           GCancellable *cancellable,
           GError **error)
{
  Fake *fake = get_fake (device);
  SteerContext *context;

  if (fake->open_error >= 0)
    {
      g_set_error (error, STEER_MODEL_ERROR, fake->open_error, "%s did not open", device);
      return NULL;
    }
  if (progress != NULL)
    progress (1.0, progress_data);
  fake->n_opened++;
  fake->options = *options;
  context = g_new0 (SteerContext, 1);
  context->backend = fake == &fake_gpu ? &gpu_backend : &cpu_backend;
  context->model = g_object_ref (model);
  context->options = *options;
  context->device_id = g_strdup (device);
  return context;
}

static void
fake_close (SteerContext *context)
{
  get_fake (context->device_id)->n_opened--;
  g_object_unref (context->model);
  g_free (context->device_id);
  g_free (context);
}

static gboolean
fake_forward (SteerContext *context, SteerRun *runs, guint n_runs, GCancellable *cancellable, GError **error)
{
  get_fake (context->device_id)->n_forwarded++;
  return TRUE;
}

static const SteerBackend gpu_backend = { .name = "gpu",
                                          .can_choose = TRUE,
                                          .list_devices = list_gpus,
                                          .estimate = fake_estimate,
                                          .open = fake_open,
                                          .close = fake_close,
                                          .forward = fake_forward };
static const SteerBackend cpu_backend = { .name = "cpu",
                                          .list_devices = list_cpus,
                                          .estimate = fake_estimate,
                                          .open = fake_open,
                                          .close = fake_close,
                                          .forward = fake_forward };

typedef struct
{
  TestModel *files;
  SteerModel *model;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  const Fake ready = { .usable = { TRUE, TRUE }, .needed = 1000, .available = 1024 * 1024 * 1024, .open_error = -1 };

  fake_gpu = fake_cpu = ready;
  fixture->files = test_model_new (&test_small_sizes, "model.", TEST_SMALL_CONFIG (""));
  test_model_write (fixture->files);
  fixture->model = steer_model_open (fixture->files->dir, NULL, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_assert_cmpuint (fake_gpu.n_opened, ==, 0);
  g_assert_cmpuint (fake_cpu.n_opened, ==, 0);
  g_assert_finalize_object (fixture->model);
  test_model_free (fixture->files);
}

static void
assert_opens_on (Fixture *fixture, const char *device, const char *expected)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerContext) context = steer_context_open (fixture->model, device, NULL, NULL, NULL, NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (context->device_id, ==, expected);
}

static void G_GNUC_NULL_TERMINATED
assert_refused (Fixture *fixture, const char *device, const SteerContextOptions *options, int code, ...)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerContext) context = steer_context_open (fixture->model, device, options, NULL, NULL, NULL, &error);
  const char *word;
  va_list words;

  g_assert_null (context);
  g_assert_error (error, STEER_MODEL_ERROR, code);
  va_start (words, code);
  while ((word = va_arg (words, const char *)) != NULL)
    if (strstr (error->message, word) == NULL)
      g_error ("\"%s\" does not say \"%s\"", error->message, word);
  va_end (words);
}

static void
test_registry (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GPtrArray) devices = steer_backend_list_devices ();

  g_assert_true (steer_backend_find ("cpu") == &cpu_backend);
  g_assert_null (steer_backend_find ("abacus"));
  g_assert_cmpuint (devices->len, ==, 3);
  g_assert_cmpstr (((SteerDevice *) g_ptr_array_index (devices, 0))->id, ==, "gpu:0");
  g_assert_cmpstr (((SteerDevice *) g_ptr_array_index (devices, 2))->id, ==, "cpu");
}

static void
test_names (Fixture *fixture, gconstpointer data)
{
  assert_opens_on (fixture, NULL, "gpu:0");
  assert_opens_on (fixture, "auto", "gpu:0");
  assert_opens_on (fixture, "gpu", "gpu:0");
  assert_opens_on (fixture, "gpu:1", "gpu:1");
  assert_opens_on (fixture, "cpu", "cpu");
  assert_refused (fixture, "gpu:2", NULL, STEER_MODEL_ERROR_DEVICE, "gpu:2", "gpu:0, gpu:1", NULL);
  assert_refused (fixture, "tpu", NULL, STEER_MODEL_ERROR_DEVICE, "tpu", "auto", NULL);
}

static void
test_unusable (Fixture *fixture, gconstpointer data)
{
  fake_gpu.usable[0] = FALSE;
  assert_opens_on (fixture, "auto", "gpu:1");
  assert_opens_on (fixture, "gpu", "gpu:1");
  assert_refused (fixture, "gpu:0", NULL, STEER_MODEL_ERROR_DEVICE, "gpu:0", "update it", NULL);
  fake_gpu.usable[1] = FALSE;
  assert_opens_on (fixture, "auto", "cpu");
  assert_refused (fixture, "gpu", NULL, STEER_MODEL_ERROR_DEVICE, "gpu:0", "gpu:1", "update it", NULL);
}

/* Whoever asks for no device in particular is told what was passed over and why, but not of what was never there. */
static void
test_passed_over (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SteerContext) first = steer_context_open (fixture->model, "auto", NULL, NULL, NULL, NULL, NULL);
  g_autoptr (SteerContext) second = NULL;
  g_autoptr (SteerContext) third = NULL;

  g_assert_null (first->passed_over);

  fake_gpu.usable[0] = fake_gpu.usable[1] = FALSE;
  second = steer_context_open (fixture->model, "auto", NULL, NULL, NULL, NULL, NULL);
  g_assert_cmpstr (second->device_id, ==, "cpu");
  g_assert_nonnull (strstr (second->passed_over, "gpu:0"));
  g_assert_nonnull (strstr (second->passed_over, "update it"));

  fake_gpu.absent = TRUE;
  third = steer_context_open (fixture->model, "auto", NULL, NULL, NULL, NULL, NULL);
  g_assert_null (third->passed_over);
  assert_refused (fixture, "gpu", NULL, STEER_MODEL_ERROR_DEVICE, "gpu:0", "update it", NULL);
}

static void
test_fit (Fixture *fixture, gconstpointer data)
{
  guint64 mib = 1024 * 1024;

  /* Weights, cache and work must fit exactly; what is mapped from the file does not count. */
  fake_cpu.needed = 5 * mib;
  fake_cpu.available = 6 * mib + 1024;
  assert_opens_on (fixture, "cpu", "cpu");
  fake_cpu.available--;
  assert_refused (fixture, "cpu", NULL, STEER_MODEL_ERROR_NO_MEMORY, "cpu", "6.0\u00a0MiB", "5.0\u00a0MiB",
                  "1.0\u00a0MiB", "shorter context", NULL);

  fake_gpu.available = 0;
  fake_cpu.available = 100 * mib;
  assert_opens_on (fixture, "auto", "cpu");
  fake_cpu.available = 1;
  assert_refused (fixture, "auto", NULL, STEER_MODEL_ERROR_NO_MEMORY, "on gpu:0", "on gpu:1", "on cpu", NULL);

  /* A need that overflows is no small need. */
  fake_cpu.needed = G_MAXUINT64 - 100;
  fake_cpu.available = G_MAXUINT64 - 1;
  assert_refused (fixture, "cpu", NULL, STEER_MODEL_ERROR_NO_MEMORY, NULL);
}

static void
test_failed_open (Fixture *fixture, gconstpointer data)
{
  fake_gpu.open_error = STEER_MODEL_ERROR_NO_MEMORY;
  assert_opens_on (fixture, "auto", "cpu");
  fake_gpu.open_error = STEER_MODEL_ERROR_DEVICE;
  assert_opens_on (fixture, "auto", "cpu");
  fake_gpu.open_error = STEER_MODEL_ERROR_INVALID;
  assert_refused (fixture, "auto", NULL, STEER_MODEL_ERROR_INVALID, "gpu:0 did not open", NULL);
}

static void
test_options (Fixture *fixture, gconstpointer data)
{
  SteerContextOptions options;

  steer_context_options_init (&options);
  g_assert_cmpuint (options.n_slots, ==, 1);
  g_assert_cmpuint (options.n_context, ==, 0);
  g_assert_cmpint (options.kv_dtype, ==, STEER_DTYPE_F16);
  g_assert_cmpuint (options.n_threads, ==, 0);

  assert_opens_on (fixture, "cpu", "cpu");
  g_assert_cmpuint (fake_cpu.options.n_context, ==, 64);

  options.n_slots = 0;
  assert_refused (fixture, "cpu", &options, STEER_MODEL_ERROR_INVALID, "0 sequences", NULL);
  options.n_slots = STEER_MAX_SLOTS + 1;
  assert_refused (fixture, "cpu", &options, STEER_MODEL_ERROR_INVALID, "5 sequences", NULL);
  options.n_slots = 1;
  options.n_context = 65;
  assert_refused (fixture, "cpu", &options, STEER_MODEL_ERROR_INVALID, "65", "64", NULL);
  options.n_context = 64;
  options.kv_dtype = STEER_DTYPE_Q4_0;
  assert_refused (fixture, "cpu", &options, STEER_MODEL_ERROR_UNSUPPORTED, "Q8_0", NULL);
}

static void
test_long_model (void)
{
  SteerModelConfig sizes = test_small_sizes;
  g_autoptr (TestModel) files
    = test_model_new (&sizes, "model.", TEST_SMALL_CONFIG (",\"max_position_embeddings\":131072"));
  g_autoptr (SteerModel) model = NULL;
  g_autoptr (SteerContext) context = NULL;
  g_autoptr (GError) error = NULL;

  test_model_write (files);
  model = steer_model_open (files->dir, NULL, &error);
  g_assert_no_error (error);
  fake_cpu = (Fake){ .usable = { TRUE }, .available = 1 << 30, .open_error = -1 };
  context = steer_context_open (model, "cpu", NULL, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (context->options.n_context, ==, 8192);
}

static void
test_cancelled (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  g_cancellable_cancel (cancellable);
  g_assert_null (steer_context_open (fixture->model, "auto", NULL, NULL, NULL, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  steer_context_close (NULL);
}

static SteerPlan *
make_plan (guint d_model, guint layer)
{
  g_autoptr (SteerPlanBuilder) builder = steer_plan_builder_new (d_model);
  g_autofree float *vector = g_new0 (float, d_model);
  g_autoptr (GBytes) bytes = NULL;

  vector[0] = 1.0f;
  bytes = g_bytes_new (vector, d_model * sizeof (float));
  g_assert_true (steer_plan_builder_add (builder, layer, 0, STEER_MODE_ADD, 2.0f, bytes));
  return steer_plan_builder_end (builder);
}

typedef struct
{
  const char *name;
  const char *word; /* of the refusal; NULL: accepted */
  void (*change) (SteerRun *run);
} RunCase;

static gint32 tokens[65];
static guint layers[3];
static float room[65 * 100];
static SteerSampling sampling;
static guint32 seen[4];
static SteerPlan *plans[3]; /* fits, too wide, too deep */

static void
as_it_is (SteerRun *run)
{
}

static void
to_the_end (SteerRun *run)
{
  run->position = 61;
}

static void
past_the_end (SteerRun *run)
{
  run->position = 62;
}

static void
far_past_the_end (SteerRun *run)
{
  run->position = G_MAXUINT;
}

static void
too_long (SteerRun *run)
{
  run->n_tokens = 65;
}

static void
no_tokens (SteerRun *run)
{
  run->n_tokens = 0;
}

static void
wrong_slot (SteerRun *run)
{
  run->slot = 2;
}

static void
last_token_id (SteerRun *run)
{
  tokens[2] = 99;
}

static void
beyond_vocabulary (SteerRun *run)
{
  tokens[2] = 100;
}

static void
negative_token (SteerRun *run)
{
  tokens[1] = -1;
}

static void
fitting_plan (SteerRun *run)
{
  run->plan = plans[0];
}

static void
wide_plan (SteerRun *run)
{
  run->plan = plans[1];
}

static void
deep_plan (SteerRun *run)
{
  run->plan = plans[2];
}

static void
logits_without_room (SteerRun *run)
{
  run->logits = NULL;
}

static void
all_logits_without_room (SteerRun *run)
{
  run->want = STEER_WANT_ALL_LOGITS;
  run->logits = NULL;
}

static void
nothing_wanted (SteerRun *run)
{
  run->want = STEER_WANT_NOTHING;
  run->logits = NULL;
}

static void
unknown_want (SteerRun *run)
{
  run->want = (SteerWant) 17;
}

static void
choose_token (SteerRun *run)
{
  run->want = STEER_WANT_TOKEN;
  run->sampling = &sampling;
  run->seen = seen;
}

static void
choose_without_sampling (SteerRun *run)
{
  run->want = STEER_WANT_TOKEN;
  run->seen = seen;
}

static void
good_taps (SteerRun *run)
{
  run->tap_layers = layers;
  run->n_taps = 2;
  run->taps = room;
}

static void
tap_of_missing_layer (SteerRun *run)
{
  good_taps (run);
  run->n_taps = 3;
}

static void
taps_without_room (SteerRun *run)
{
  good_taps (run);
  run->taps = NULL;
}

/* On the backend that chooses tokens. */
static const RunCase run_cases[] = {
  { "a plain run", NULL, as_it_is },
  { "a run to the context's end", NULL, to_the_end },
  { "a run past the context's end", "3 tokens from position 62", past_the_end },
  { "a position that overflows", "context of 64", far_past_the_end },
  { "more tokens than the context", "65 tokens", too_long },
  { "no tokens", "without tokens", no_tokens },
  { "a slot that is not there", "slot 2", wrong_slot },
  { "the last token id", NULL, last_token_id },
  { "a token beyond the vocabulary", "token id 100", beyond_vocabulary },
  { "a negative token", "token id -1", negative_token },
  { "a plan that fits", NULL, fitting_plan },
  { "a plan of another width", "33 dimensions, but the model has 32", wide_plan },
  { "a plan with more layers", "layer 2, but the model's last layer is 1", deep_plan },
  { "logits without room", "logits", logits_without_room },
  { "all logits without room", "logits", all_logits_without_room },
  { "nothing wanted", NULL, nothing_wanted },
  { "an unknown want", "17", unknown_want },
  { "a token to be chosen", NULL, choose_token },
  { "a token to be chosen without sampling", "how to choose", choose_without_sampling },
  { "taps", NULL, good_taps },
  { "a tap of a missing layer", "layer 2", tap_of_missing_layer },
  { "taps without room", "residuals", taps_without_room },
};

static SteerRun
make_run (guint slot)
{
  return (SteerRun){ .slot = slot, .tokens = tokens, .n_tokens = 3, .want = STEER_WANT_LAST_LOGITS, .logits = room };
}

static SteerContext *
open_two_slots (Fixture *fixture, const char *device)
{
  SteerContextOptions options;
  g_autoptr (GError) error = NULL;
  SteerContext *context;

  steer_context_options_init (&options);
  options.n_slots = 2;
  context = steer_context_open (fixture->model, device, &options, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  return context;
}

static void
test_runs (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SteerContext) context = open_two_slots (fixture, "gpu");

  for (guint i = 0; i < 3; i++)
    layers[i] = i;
  plans[0] = make_plan (32, 1);
  plans[1] = make_plan (33, 1);
  plans[2] = make_plan (32, 2);
  for (guint i = 0; i < G_N_ELEMENTS (run_cases); i++)
    {
      g_autoptr (GError) error = NULL;
      SteerRun run = make_run (1);
      guint before = fake_gpu.n_forwarded;
      gboolean done;

      memset (tokens, 0, sizeof tokens);
      run_cases[i].change (&run);
      done = steer_context_forward (context, &run, 1, NULL, &error);
      g_test_message ("%s: %s", run_cases[i].name, error != NULL ? error->message : "accepted");
      g_assert_cmpint (done, ==, run_cases[i].word == NULL);
      g_assert_cmpuint (fake_gpu.n_forwarded, ==, before + (done ? 1 : 0));
      if (done)
        continue;
      g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID);
      g_assert_nonnull (strstr (error->message, run_cases[i].word));
    }
  for (guint i = 0; i < 3; i++)
    g_clear_pointer (&plans[i], steer_plan_unref);
}

static void
test_batches (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SteerContext) context = open_two_slots (fixture, "cpu");
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  SteerRun runs[2] = { make_run (0), make_run (1) };

  memset (tokens, 0, sizeof tokens);
  g_assert_true (steer_context_forward (context, runs, 2, cancellable, &error));
  runs[1].slot = 0;
  g_assert_false (steer_context_forward (context, runs, 2, cancellable, &error));
  g_assert_nonnull (strstr (error->message, "slot 0"));
  g_clear_error (&error);

  runs[1] = make_run (1);
  choose_token (&runs[1]);
  g_assert_false (steer_context_forward (context, runs, 2, cancellable, &error));
  g_assert_nonnull (strstr (error->message, "cpu does not choose tokens"));
  g_clear_error (&error);

  runs[1] = make_run (1);
  g_cancellable_cancel (cancellable);
  g_assert_false (steer_context_forward (context, runs, 2, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (fake_cpu.n_forwarded, ==, 1);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  steer_backend_register (&gpu_backend);
  steer_backend_register (&cpu_backend);
  steer_backend_register (&cpu_backend);

#define ADD(name, function) g_test_add ("/backend/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("devices-of-all-backends-are-listed-in-order", test_registry);
  ADD ("a-device-is-found-by-name", test_names);
  ADD ("a-device-that-cannot-be-used-is-passed-over-or-explained", test_unusable);
  ADD ("what-was-passed-over-is-told", test_passed_over);
  ADD ("a-model-that-does-not-fit-is-refused-with-the-numbers", test_fit);
  ADD ("auto-goes-on-when-a-device-fails-to-open", test_failed_open);
  ADD ("options-are-checked-and-completed", test_options);
  ADD ("a-cancelled-open-says-so", test_cancelled);
  ADD ("a-run-is-checked-before-the-backend-sees-it", test_runs);
  ADD ("runs-of-one-pass-use-different-slots", test_batches);
#undef ADD
  g_test_add_func ("/backend/the-context-is-at-most-8192-tokens-unless-asked", test_long_model);
  return g_test_run ();
}
