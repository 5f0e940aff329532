#include "lab/steer-lab.h"

#include <string.h>

#include "chat/steer-chat-error.h"
#include "cpu-model.h"
#include "steer/steer.h"
#include "steering/steer-vector-library-writer.h"

/* A model to experiment with. What its numbers must be, the backend says. */
typedef struct
{
  CpuModel *model;
  SteerContext *context;
  SteerLab *lab;
  char *dir;
} Fixture;

#define SOURCE "vectors"

/* The model's first vectors as features 0:0 and 1:1. */
static void
add_vectors (Fixture *f)
{
  g_autofree char *path = g_build_filename (f->dir, "vectors.safetensors", NULL);
  const SteerLibraryVector vectors[] = {
    { .layer = 0, .index = 0, .vector = g_bytes_get_data (f->model->vectors[0], NULL) },
    { .layer = 1, .index = 1, .vector = g_bytes_get_data (f->model->vectors[1], NULL) },
  };
  g_autoptr (GError) error = NULL;

  steer_vector_library_write (path, vectors, G_N_ELEMENTS (vectors), f->model->config->d_model, NULL, NULL, &error);
  g_assert_no_error (error);
  steer_lab_add_vectors (f->lab, path, SOURCE, &error);
  g_assert_no_error (error);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autofree char *path = test_fixture_path ("cpu/llama-gqa");
  g_autoptr (GError) error = NULL;

  f->model = cpu_model_load ("llama-gqa");
  f->context = cpu_context_open (f->model->model, 1, STEER_DTYPE_F16, 0);
  f->dir = test_make_dir ();
  f->lab = steer_lab_new (path, "cpu", 0, &error);
  g_assert_no_error (error);
  add_vectors (f);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_clear_object (&f->lab);
  steer_context_close (f->context);
  cpu_model_free (f->model);
  test_remove_dir (f->dir);
}

static void
extend (Fixture *f, guint first, guint n, gboolean all_logits)
{
  g_autoptr (GError) error = NULL;

  steer_lab_extend (f->lab, f->model->tokens + first, n, n, all_logits, &error);
  g_assert_no_error (error);
}

/* What is in @bytes is [@n] floats of @expected, bit by bit. */
static void
assert_holds (GBytes *bytes, const float *expected, gsize n)
{
  gsize size;
  gconstpointer data = g_bytes_get_data (bytes, &size);

  g_assert_cmpmem (data, size, expected, n * sizeof (float));
}

static void
test_pieces (Fixture *f, gconstpointer data)
{
  guint n = f->model->n_tokens, n_vocab = f->model->config->n_vocab;
  g_autofree float *expected = cpu_context_run (f->context, f->model, 0, 0, n, NULL);
  g_autoptr (GBytes) all = NULL, last = NULL;
  g_autoptr (GError) error = NULL;
  const gint32 *tokens;
  gsize n_tokens;

  g_assert_cmpint (steer_lab_choose (f->lab), ==, -1);
  g_assert_null (steer_lab_get_logits (f->lab));
  extend (f, 0, n, TRUE);
  all = steer_lab_get_logits (f->lab);
  assert_holds (all, expected, (gsize) n * n_vocab);

  /* Fewer than five tokens would be decoded, which rounds differently. */
  steer_lab_truncate (f->lab, 5);
  g_assert_null (steer_lab_get_logits (f->lab));
  extend (f, 5, 6, FALSE);
  extend (f, 11, n - 11, TRUE);
  last = steer_lab_get_logits (f->lab);
  assert_holds (last, expected + (gsize) 11 * n_vocab, (gsize) (n - 11) * n_vocab);
  tokens = steer_lab_get_tokens (f->lab, &n_tokens);
  g_assert_cmpmem (tokens, n_tokens * sizeof (gint32), f->model->tokens, n * sizeof (gint32));

  /* What is there once more, straight from there. */
  steer_lab_extend (f->lab, tokens, n_tokens, 0, FALSE, &error);
  g_assert_no_error (error);
  tokens = steer_lab_get_tokens (f->lab, &n_tokens);
  g_assert_cmpuint (n_tokens, ==, 2 * n);
  g_assert_cmpmem (tokens + n, n * sizeof (gint32), f->model->tokens, n * sizeof (gint32));
}

/* A feature that is moved counts from the next piece on, and what was computed stays. */
static void
test_preset (Fixture *f, gconstpointer data)
{
  guint n = f->model->n_tokens, n_vocab = f->model->config->n_vocab;
  g_autoptr (SteerPreset) preset = steer_preset_new ();
  g_autoptr (SteerFeature) feature = steer_feature_new (0, 0);
  g_autoptr (SteerPlan) weak = cpu_model_make_plan (f->model, "0:0:add:2.0");
  g_autoptr (SteerPlan) strong = cpu_model_make_plan (f->model, "0:0:clamp:-5.0");
  g_autofree float *first = cpu_context_run_last (f->context, f->model, 0, 0, n - 1, weak);
  g_autofree float *second = cpu_context_run_last (f->context, f->model, 0, n - 1, 1, strong);
  g_autoptr (GBytes) logits = NULL, more = NULL;

  steer_feature_set_strength (feature, 2.0);
  steer_preset_append (preset, feature);
  steer_lab_set_preset (f->lab, preset);
  g_assert_true (steer_lab_get_preset (f->lab) == preset);
  extend (f, 0, n - 1, FALSE);
  logits = steer_lab_get_logits (f->lab);
  assert_near ((const float *) g_bytes_get_data (logits, NULL), first, n_vocab, 1e-5);

  steer_feature_set_strength (feature, -5.0);
  steer_feature_set_clamp (feature, TRUE);
  extend (f, n - 1, 1, FALSE);
  more = steer_lab_get_logits (f->lab);
  assert_near ((const float *) g_bytes_get_data (more, NULL), second, n_vocab, 1e-5);
  g_assert_cmpfloat (test_max_relative_error (first, second, n_vocab), >, 1e-2);
}

/* Of a preset that leaves the prompt alone, a piece tells what is prompt. */
static void
test_prompt (Fixture *f, gconstpointer data)
{
  guint n = f->model->n_tokens, n_vocab = f->model->config->n_vocab;
  g_autofree float *plain = cpu_context_run (f->context, f->model, 0, 0, n, NULL);
  g_autoptr (SteerPreset) preset = steer_preset_new ();
  g_autoptr (SteerFeature) feature = steer_feature_new (1, 1);
  g_autoptr (GBytes) logits = NULL, unsteered = NULL;
  g_autoptr (GError) error = NULL;
  const float *values;

  steer_feature_set_strength (feature, 4.0);
  steer_preset_append (preset, feature);
  steer_preset_set_steer_prompt (preset, FALSE);
  steer_lab_set_preset (f->lab, preset);
  steer_lab_extend (f->lab, f->model->tokens, n, n - 1, TRUE, &error);
  g_assert_no_error (error);
  logits = steer_lab_get_logits (f->lab);
  values = g_bytes_get_data (logits, NULL);
  unsteered = g_bytes_new_from_bytes (logits, 0, (gsize) (n - 1) * n_vocab * sizeof (float));
  assert_holds (unsteered, plain, (gsize) (n - 1) * n_vocab);
  g_assert_cmpfloat (
    test_max_relative_error (values + (gsize) (n - 1) * n_vocab, plain + (gsize) (n - 1) * n_vocab, n_vocab), >, 1e-3);
}

/* [n_vocab] after six tokens, of which the last two are computed by themselves. */
static float *
run_in_two (Fixture *f)
{
  g_free (cpu_context_run_last (f->context, f->model, 0, 0, 4, NULL));
  return cpu_context_run_last (f->context, f->model, 0, 4, 2, NULL);
}

/* What a hook saw, and what it does. */
typedef struct
{
  SteerLab *lab;
  GString *calls; /* its mark and "layer@position+tokens " each */
  char mark;
  float factor;   /* of all rows */
  gboolean stops; /* the piece */
  guint n_freed;
} Hook;

static void
look (guint layer, guint position, guint n_tokens, guint d_model, gpointer rows, gpointer data)
{
  Hook *self = data;
  float *values = rows;

  g_string_append_printf (self->calls, "%c%u@%u+%u ", self->mark, layer, position, n_tokens);
  for (gsize i = 0; i < (gsize) n_tokens * d_model; i++)
    values[i] *= self->factor;
  if (self->stops)
    steer_lab_stop (self->lab);
}

static void
count_freed (gpointer data)
{
  ((Hook *) data)->n_freed++;
}

static void
test_hooks (Fixture *f, gconstpointer data)
{
  guint n_vocab = f->model->config->n_vocab;
  gsize n = (gsize) 2 * f->model->config->d_model;
  g_autofree float *expected = run_in_two (f);
  g_autoptr (GString) calls = g_string_new (NULL);
  Hook one = { .calls = calls, .mark = 'a', .factor = 2.0f };
  Hook two = { .calls = calls, .mark = 'b', .factor = 0.5f };
  guint id, other;
  g_autoptr (GBytes) logits = NULL, same = NULL, taps = NULL, doubled = NULL;
  const float *plain, *twice;

  id = steer_lab_add_hook (f->lab, 1, look, &one, count_freed);
  other = steer_lab_add_hook (f->lab, 1, look, &two, count_freed);
  g_assert_cmpuint (id, !=, 0);
  g_assert_cmpuint (other, !=, id);
  extend (f, 0, 4, FALSE);
  extend (f, 4, 2, FALSE);
  g_assert_cmpstr (calls->str, ==, "a1@0+4 b1@0+4 a1@4+2 b1@4+2 ");

  /* One doubles what the other halves. */
  logits = steer_lab_get_logits (f->lab);
  assert_holds (logits, expected, n_vocab);
  steer_lab_remove_hook (f->lab, other);
  steer_lab_remove_hook (f->lab, other);
  g_assert_cmpuint (two.n_freed, ==, 1);

  /* Taps come after hooks. */
  g_assert_true (steer_lab_set_taps (f->lab, (const guint[]){ 1, 0 }, 2));
  steer_lab_truncate (f->lab, 4);
  extend (f, 4, 2, FALSE);
  doubled = steer_lab_get_residual (f->lab, 1);
  steer_lab_remove_hook (f->lab, id);
  steer_lab_truncate (f->lab, 4);
  extend (f, 4, 2, FALSE);
  taps = steer_lab_get_residual (f->lab, 1);
  plain = g_bytes_get_data (taps, NULL);
  twice = g_bytes_get_data (doubled, NULL);
  g_assert_cmpuint (g_bytes_get_size (taps), ==, n * sizeof (float));
  for (gsize i = 0; i < n; i++)
    g_assert_cmpfloat (twice[i], ==, 2.0f * plain[i]);
  same = steer_lab_get_residual (f->lab, 0);
  g_assert_false (g_bytes_equal (same, taps));
  g_assert_cmpuint (one.n_freed, ==, 1);
}

/* After a hook has ended a piece, the sequence is what it was. */
static void
test_stop (Fixture *f, gconstpointer data)
{
  g_autofree float *expected = run_in_two (f);
  g_autoptr (GString) calls = g_string_new (NULL);
  Hook hook = { .lab = f->lab, .calls = calls, .mark = 'x', .factor = 3.0f, .stops = TRUE };
  guint id = steer_lab_add_hook (f->lab, 0, look, &hook, NULL);
  g_autoptr (GBytes) logits = NULL;
  g_autoptr (GError) error = NULL;
  gsize n;

  hook.stops = FALSE;
  hook.factor = 1.0f;
  extend (f, 0, 4, FALSE);
  hook.stops = TRUE;
  g_assert_false (steer_lab_extend (f->lab, f->model->tokens + 4, 2, 2, FALSE, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  steer_lab_get_tokens (f->lab, &n);
  g_assert_cmpuint (n, ==, 4);
  steer_lab_remove_hook (f->lab, id);
  extend (f, 4, 2, FALSE);
  logits = steer_lab_get_logits (f->lab);
  assert_holds (logits, expected, f->model->config->n_vocab);
}

static void
test_refusals (Fixture *f, gconstpointer data)
{
  const gint32 beyond = (gint32) f->model->config->n_vocab;
  const guint layer = f->model->config->n_layers;
  g_autofree gint32 *many = g_new0 (gint32, steer_lab_get_n_context (f->lab) + 1);
  g_autoptr (SteerPreset) preset = steer_preset_new ();
  g_autoptr (SteerFeature) unknown = steer_feature_new (0, 77);
  g_autoptr (GString) calls = g_string_new (NULL);
  Hook hook = { .calls = calls };
  g_autoptr (GError) error = NULL;
  gsize n;

  g_assert_false (steer_lab_extend (f->lab, &beyond, 1, 1, FALSE, &error));
  g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_false (steer_lab_extend (f->lab, many, steer_lab_get_n_context (f->lab) + 1, 0, FALSE, &error));
  g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID);
  g_clear_error (&error);

  steer_preset_append (preset, unknown);
  steer_feature_set_strength (unknown, 1.0);
  steer_lab_set_preset (f->lab, preset);
  g_assert_false (steer_lab_extend (f->lab, many, 1, 0, FALSE, &error));
  g_assert_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_null (steer_lab_load_vector (f->lab, 0, 77, &error));
  g_assert_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_NOT_FOUND);
  g_clear_error (&error);

  g_assert_null (steer_lab_dup_label (f->lab, 0, 77));
  g_assert_null (steer_lab_encode_features (f->lab, 0, &error)); /* these are vectors, and no SAE */
  g_assert_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_NOT_FOUND);
  g_clear_error (&error);

  g_assert_false (steer_lab_set_taps (f->lab, &layer, 1));
  g_assert_cmpuint (steer_lab_add_hook (f->lab, layer, look, &hook, count_freed), ==, 0);
  g_assert_cmpuint (hook.n_freed, ==, 1);
  g_assert_null (steer_lab_encode (f->lab, "words", &n, &error));
  g_assert_error (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_NO_TEXT);
  g_clear_error (&error);
  steer_lab_get_tokens (f->lab, &n);
  g_assert_cmpuint (n, ==, 0);
  g_assert_null (steer_lab_new ("/no/such/model", NULL, 0, &error));
  g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_MISSING);
}

/* The bundled model's, which has words. */
static void
test_text (void)
{
  g_autofree char *path = g_build_filename (g_getenv ("STEER_TEST_DEMO"), "model", NULL);
  const char *const turns[] = { "Hi!", "Hello.", "How are you?", NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerLab) lab = steer_lab_new (path, "cpu", 64, &error);
  gsize n_text, n_chat;
  g_autofree gint32 *text = NULL, *chat = NULL;
  g_autofree char *back = NULL, *prompt = NULL;

  g_assert_no_error (error);
  g_assert_cmpuint (steer_lab_get_n_context (lab), ==, 64);
  text = steer_lab_encode (lab, "The sea", &n_text, &error);
  g_assert_no_error (error);
  back = steer_lab_decode (lab, text, n_text, &error);
  g_assert_no_error (error);
  g_assert_true (g_str_has_suffix (back, "The sea"));

  chat = steer_lab_encode_chat (lab, "Be kind.", turns, &n_chat, &error);
  g_assert_no_error (error);
  prompt = steer_lab_decode (lab, chat, n_chat, &error);
  g_assert_no_error (error);
  for (guint i = 0; turns[i] != NULL; i++)
    g_assert_nonnull (strstr (prompt, turns[i]));
  g_assert_nonnull (strstr (prompt, "Be kind."));

  g_assert_false (steer_lab_is_end (lab, text[n_text - 1]));
  steer_lab_extend (lab, chat, n_chat, n_chat, FALSE, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < 64; i++)
    {
      gint32 token = steer_lab_choose (lab);

      if (steer_lab_is_end (lab, token))
        return;
      if (!steer_lab_extend (lab, &token, 1, 0, FALSE, &error))
        break;
    }
  g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  steer_init ();
#define ADD(sentence, test) g_test_add ("/lab/" sentence, Fixture, NULL, set_up, test, tear_down)
  ADD ("pieces give the bits of the whole", test_pieces);
  ADD ("a feature that is moved counts from the next piece on", test_preset);
  ADD ("a preset that leaves the prompt alone is told what it is", test_prompt);
  ADD ("hooks are called in order, see what others left, and come before taps", test_hooks);
  ADD ("a hook ends a piece and leaves the sequence as it was", test_stop);
  ADD ("what cannot be done is refused", test_refusals);
#undef ADD
  g_test_add_func ("/lab/text becomes tokens and tokens text", test_text);
  return g_test_run ();
}
