#include "model/steer-model-config.h"

#include <math.h>
#include <string.h>

#include "tensor/steer-gguf-writer.h"
#include "test-util.h"

/* What the metadata of a GGUF file must and must not say of a model. Each case changes one thing of a good file. */

#define N_VOCAB 8
#define D_MODEL 16

typedef enum
{
  NUMBER,
  REAL,
  TEXT,
  LIST,   /* value, then value + 1 */
  LAYERS, /* bits of value, the lowest first: [4] */
  ABSENT,
} Kind;

typedef struct
{
  const char *key;
  Kind kind;
  double value;
  const char *text;
} Key;

static const Key good[] = {
  { "general.architecture", TEXT, 0.0, "llama" },      { "llama.block_count", NUMBER, 2.0, NULL },
  { "llama.embedding_length", NUMBER, D_MODEL, NULL }, { "llama.feed_forward_length", NUMBER, 24.0, NULL },
  { "llama.attention.head_count", NUMBER, 4.0, NULL }, { "llama.attention.head_count_kv", NUMBER, 2.0, NULL },
  { "llama.context_length", NUMBER, 128.0, NULL },     { "llama.attention.layer_norm_rms_epsilon", REAL, 1e-5, NULL },
};

static const Key gemma2[] = {
  { "general.architecture", TEXT, 0.0, "gemma2" },      { "gemma2.block_count", NUMBER, 4.0, NULL },
  { "gemma2.embedding_length", NUMBER, D_MODEL, NULL }, { "gemma2.feed_forward_length", NUMBER, 24.0, NULL },
  { "gemma2.attention.head_count", NUMBER, 4.0, NULL }, { "gemma2.attention.head_count_kv", NUMBER, 2.0, NULL },
  { "gemma2.attention.key_length", NUMBER, 8.0, NULL }, { "gemma2.attention.value_length", NUMBER, 8.0, NULL },
  { "gemma2.context_length", NUMBER, 8192.0, NULL },    { "gemma2.attention.layer_norm_rms_epsilon", REAL, 1e-6, NULL },
};

static const Key gemma3[] = {
  { "general.architecture", TEXT, 0.0, "gemma3" },
  { "gemma3.block_count", NUMBER, 4.0, NULL },
  { "gemma3.embedding_length", NUMBER, D_MODEL, NULL },
  { "gemma3.feed_forward_length", NUMBER, 24.0, NULL },
  { "gemma3.attention.head_count", NUMBER, 4.0, NULL },
  { "gemma3.attention.head_count_kv", NUMBER, 2.0, NULL },
  { "gemma3.attention.key_length", NUMBER, 8.0, NULL },
  { "gemma3.attention.value_length", NUMBER, 8.0, NULL },
  { "gemma3.context_length", NUMBER, 8192.0, NULL },
  { "gemma3.attention.layer_norm_rms_epsilon", REAL, 1e-6, NULL },
  { "gemma3.attention.sliding_window", NUMBER, 512.0, NULL },
};

typedef struct
{
  Key key; /* beside the good ones, or in place of one */
  int code;
  const char *says;
} Case;

static const Case refused[] = {
  { { "general.architecture", ABSENT, 0.0, NULL }, STEER_MODEL_ERROR_INVALID, "this is no model" },
  { { "general.architecture", TEXT, 0.0, "mamba" }, STEER_MODEL_ERROR_UNSUPPORTED, "\"mamba\" is not supported" },
  { { "llama.expert_count", NUMBER, 8.0, NULL }, STEER_MODEL_ERROR_UNSUPPORTED, "a mixture of 8 experts" },
  { { "llama.block_count", ABSENT, 0.0, NULL }, STEER_MODEL_ERROR_INVALID, "\"llama.block_count\" is missing" },
  { { "llama.block_count", NUMBER, 0.0, NULL }, STEER_MODEL_ERROR_INVALID, "must be from 1" },
  { { "llama.block_count", NUMBER, 1e9, NULL }, STEER_MODEL_ERROR_INVALID, "must be from 1" },
  { { "llama.block_count", TEXT, 0.0, "two" }, STEER_MODEL_ERROR_INVALID, "is not a number" },
  { { "llama.feed_forward_length", LIST, 24.0, NULL }, STEER_MODEL_ERROR_UNSUPPORTED, "differs from layer to layer" },
  { { "llama.feed_forward_length", NUMBER, 4294967295.0, NULL }, STEER_MODEL_ERROR_INVALID, "must be from 1" },
  { { "llama.attention.head_count", NUMBER, 0.0, NULL }, STEER_MODEL_ERROR_INVALID, "must be from 1" },
  { { "llama.attention.head_count_kv", NUMBER, 3.0, NULL },
    STEER_MODEL_ERROR_INVALID,
    "not a multiple of the 3 heads" },
  { { "llama.embedding_length", NUMBER, 18.0, NULL }, STEER_MODEL_ERROR_INVALID, "attention.key_length" },
  { { "llama.attention.key_length", NUMBER, 3.0, NULL }, STEER_MODEL_ERROR_INVALID, "their number must be even" },
  { { "llama.attention.value_length", NUMBER, 8.0, NULL }, STEER_MODEL_ERROR_UNSUPPORTED, "only all equal" },
  { { "llama.rope.dimension_count", NUMBER, 2.0, NULL }, STEER_MODEL_ERROR_UNSUPPORTED, "only all equal" },
  { { "llama.context_length", ABSENT, 0.0, NULL }, STEER_MODEL_ERROR_INVALID, "is missing" },
  { { "llama.attention.layer_norm_rms_epsilon", ABSENT, 0.0, NULL }, STEER_MODEL_ERROR_INVALID, "is missing" },
  { { "llama.attention.layer_norm_rms_epsilon", REAL, 0.0, NULL }, STEER_MODEL_ERROR_INVALID, "must be above 0" },
  { { "llama.attention.layer_norm_rms_epsilon", REAL, G_MAXDOUBLE, NULL }, STEER_MODEL_ERROR_INVALID, "must be above" },
  { { "llama.rope.freq_base", REAL, -10.0, NULL }, STEER_MODEL_ERROR_INVALID, "must be above 0" },
  { { "llama.rope.freq_base", TEXT, 0.0, "high" }, STEER_MODEL_ERROR_INVALID, "is not a number" },
  { { "llama.rope.scaling.type", TEXT, 0.0, "yarn" },
    STEER_MODEL_ERROR_UNSUPPORTED,
    "\"yarn\", which is not supported" },
  { { "llama.rope.scaling.factor", REAL, -0.5, NULL }, STEER_MODEL_ERROR_INVALID, "scaling factor is -0.5" },
  { { "gemma2.attn_logit_softcapping", REAL, -0.5, NULL }, STEER_MODEL_ERROR_INVALID, "softcapping\" is -0.5" },
  { { "gemma2.final_logit_softcapping", REAL, 1e12, NULL }, STEER_MODEL_ERROR_INVALID, "softcapping\" is 1e+12" },
  { { "gemma2.final_logit_softcapping", TEXT, 0.0, "high" }, STEER_MODEL_ERROR_INVALID, "is not a number" },
  { { "gemma2.attention.sliding_window", TEXT, 0.0, "wide" }, STEER_MODEL_ERROR_INVALID, "is not a number" },
  { { "gemma2.attention.sliding_window_pattern", TEXT, 0.0, "often" },
    STEER_MODEL_ERROR_INVALID,
    "neither a number nor a list of all layers" },
  { { "gemma2.attention.sliding_window_pattern", LIST, 0.0, NULL },
    STEER_MODEL_ERROR_INVALID,
    "neither a number nor a list of all layers" },
  { { "gemma3.rope.freq_base_swa", REAL, -1.0, NULL }, STEER_MODEL_ERROR_INVALID, "must be above 0" },
  { { "gemma2.attention.sliding_window_pattern", LAYERS, 6.0, NULL }, STEER_MODEL_ERROR_UNSUPPORTED, "not every n-th" },
};

static void
add_key (SteerGgufWriter *writer, const Key *key)
{
  const gint32 list[] = { (gint32) key->value, (gint32) key->value + 1 };
  const gint32 bits = (gint32) key->value;
  const gint32 layers[] = { bits & 1, bits >> 1 & 1, bits >> 2 & 1, bits >> 3 & 1 };

  switch (key->kind)
    {
    case NUMBER:
      steer_gguf_writer_add_uint (writer, key->key, (guint32) key->value);
      break;
    case REAL:
      steer_gguf_writer_add_float (writer, key->key, (float) key->value);
      break;
    case TEXT:
      steer_gguf_writer_add_string (writer, key->key, key->text);
      break;
    case LIST:
      steer_gguf_writer_add_int_list (writer, key->key, list, G_N_ELEMENTS (list));
      break;
    case LAYERS:
      steer_gguf_writer_add_int_list (writer, key->key, layers, G_N_ELEMENTS (layers));
      break;
    default:
      break;
    }
}

static const Key *
find_good (const Key *change, guint *n)
{
  if (change != NULL && g_str_has_prefix (change->key, "gemma2."))
    {
      *n = G_N_ELEMENTS (gemma2);
      return gemma2;
    }
  if (change != NULL && g_str_has_prefix (change->key, "gemma3."))
    {
      *n = G_N_ELEMENTS (gemma3);
      return gemma3;
    }
  *n = G_N_ELEMENTS (good);
  return good;
}

/* The good file, of the architecture that the key is of, with one key changed, and with other tensors where @factors or
 * @tensor says so. */
static gboolean
read_changed (const Key *change,
              const char *tensor,
              const float *factors,
              guint n_factors,
              SteerModelConfig *config,
              GError **error)
{
  g_autofree char *dir = test_make_dir ();
  g_autofree char *path = g_build_filename (dir, "model.gguf", NULL);
  g_autoptr (SteerGgufWriter) writer = steer_gguf_writer_new (path);
  const gint64 shape[] = { N_VOCAB, D_MODEL };
  const gint64 length = n_factors;
  const guint8 zeros[N_VOCAB * D_MODEL * sizeof (float)] = { 0 };
  g_autoptr (SteerArchive) archive = NULL;
  g_autoptr (GError) local = NULL;
  gboolean changed = change == NULL;
  gboolean read;
  guint n_keys;
  const Key *keys = find_good (change, &n_keys);

  for (guint i = 0; i < n_keys; i++)
    {
      gboolean same = change != NULL && strcmp (change->key, keys[i].key) == 0;

      add_key (writer, same ? change : &keys[i]);
      changed |= same;
    }
  if (!changed)
    add_key (writer, change);
  steer_gguf_writer_add_tensor (writer, tensor, STEER_DTYPE_F32, 2, shape);
  if (n_factors > 0)
    steer_gguf_writer_add_tensor (writer, "rope_freqs.weight", STEER_DTYPE_F32, 1, &length);
  g_assert_true (steer_gguf_writer_begin (writer, &local));
  g_assert_true (steer_gguf_writer_write (writer, zeros, sizeof zeros, &local));
  if (n_factors > 0)
    g_assert_true (steer_gguf_writer_write (writer, (const guint8 *) factors, n_factors * sizeof *factors, &local));
  g_assert_true (steer_gguf_writer_end (writer, &local));
  archive = steer_archive_open (path, NULL, &local);
  g_assert_no_error (local);
  read = steer_model_config_read_gguf (config, archive, error);
  g_clear_object (&archive);
  test_remove_dir (g_steal_pointer (&dir));
  return read;
}

static void
test_good (void)
{
  g_autoptr (GError) error = NULL;
  SteerModelConfig config;

  g_assert_true (read_changed (NULL, "token_embd.weight", NULL, 0, &config, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (config.n_layers, ==, 2);
  g_assert_cmpuint (config.n_vocab, ==, N_VOCAB);
  g_assert_cmpuint (config.head_dim, ==, 4);
  g_assert_cmpuint (config.n_kv_heads, ==, 2);
  g_assert_true (config.tie_embeddings);
  g_assert_cmpint (config.rope_type, ==, STEER_ROPE_DEFAULT);
}

/* Where a file of Gemma 2 is silent, it means what the published ones say. */
static void
test_gemma (void)
{
  static const Key keys[] = {
    { "gemma2.vocab_size", NUMBER, N_VOCAB, NULL }, /* nothing that is read */
    { "gemma2.attn_logit_softcapping", REAL, 0.0, NULL },
    { "gemma2.attention.sliding_window_pattern", NUMBER, 3.0, NULL },
    { "gemma2.attention.sliding_window_pattern", LAYERS, 7.0, NULL },
    { "gemma2.block_count", NUMBER, 46.0, NULL },
  };
  static const struct
  {
    double softcap;
    guint full_period;
    double query_scalar;
  } expected[] = { { 50.0, 2, 8.0 }, { 0.0, 2, 8.0 }, { 50.0, 3, 8.0 }, { 50.0, 4, 8.0 }, { 50.0, 2, 4.0 } };

  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      g_autoptr (GError) error = NULL;
      SteerModelConfig config;

      g_assert_true (read_changed (&keys[i], "token_embd.weight", NULL, 0, &config, &error));
      g_assert_no_error (error);
      g_assert_cmpint (config.arch, ==, STEER_ARCH_GEMMA2);
      g_assert_cmpint (config.gate, ==, STEER_GATE_GELU);
      g_assert_true (config.scales_embedding && config.branch_norms && !config.norms_add_one);
      g_assert_cmpuint (config.sliding_window, ==, 4096);
      g_assert_cmpfloat (config.attention_softcap, ==, expected[i].softcap);
      g_assert_cmpfloat (config.logit_softcap, ==, 30.0);
      g_assert_cmpuint (config.full_period, ==, expected[i].full_period);
      g_assert_cmpfloat (config.query_scalar, ==, expected[i].query_scalar);
    }
}

/* Gemma 3 tells its layers apart where a window is, and by nothing else. */
static void
test_gemma3 (void)
{
  static const Key keys[] = {
    { "gemma3.rope.freq_base_swa", REAL, 500.0, NULL },
    { "gemma3.attention.sliding_window", NUMBER, 100000.0, NULL },
    { "gemma3.attention.sliding_window", ABSENT, 0.0, NULL },
  };
  static const struct
  {
    guint window;
    guint full_period;
    double local_theta;
  } expected[] = { { 512, 6, 500.0 }, { 0, 6, 10000.0 }, { 0, 0, 0.0 } };

  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      g_autoptr (GError) error = NULL;
      SteerModelConfig config;

      g_assert_true (read_changed (&keys[i], "token_embd.weight", NULL, 0, &config, &error));
      g_assert_no_error (error);
      g_assert_cmpint (config.arch, ==, STEER_ARCH_GEMMA3);
      g_assert_true (config.qk_norm && config.branch_norms && config.scales_embedding);
      g_assert_cmpuint (config.sliding_window, ==, expected[i].window);
      g_assert_cmpuint (config.full_period, ==, expected[i].full_period);
      g_assert_cmpfloat (config.rope_local_theta, ==, expected[i].local_theta);
      g_assert_cmpfloat (config.attention_softcap, ==, 0.0);
      g_assert_cmpfloat (config.logit_softcap, ==, 0.0);
      g_assert_cmpfloat (config.query_scalar, ==, 8.0);
    }
}

/* A key that is there in two places, or says what is usual, changes nothing. */
static void
test_harmless (void)
{
  static const Key keys[] = {
    { "llama.expert_count", NUMBER, 0.0, NULL },
    { "llama.rope.scaling.factor", REAL, 0.0, NULL },
    { "llama.rope.scaling.type", TEXT, 0.0, "none" },
    { "llama.attention.sliding_window", NUMBER, 100000.0, NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      g_autoptr (GError) error = NULL;
      SteerModelConfig config;

      g_assert_true (read_changed (&keys[i], "token_embd.weight", NULL, 0, &config, &error));
      g_assert_no_error (error);
      g_assert_cmpint (config.rope_type, ==, STEER_ROPE_DEFAULT);
      g_assert_cmpuint (config.sliding_window, ==, 0);
    }
}

/* The numbers are those of the model's JSON, though they are kept as floats; what is no advice is passed over. */
static void
test_sampling (void)
{
  static const struct
  {
    Key key;
    SteerSamplingFields field;
    double value;
  } cases[] = {
    { { "general.sampling.temp", REAL, 0.6, NULL }, STEER_SAMPLING_TEMPERATURE, 0.6 },
    { { "general.sampling.top_k", NUMBER, 40.0, NULL }, STEER_SAMPLING_TOP_K, 40.0 },
    { { "general.sampling.top_p", REAL, 0.95, NULL }, STEER_SAMPLING_TOP_P, 0.95 },
    { { "general.sampling.min_p", REAL, 0.05, NULL }, STEER_SAMPLING_MIN_P, 0.05 },
    { { "general.sampling.penalty_repeat", REAL, 1.1, NULL }, STEER_SAMPLING_REPETITION_PENALTY, 1.1 },
    { { "general.sampling.temp", TEXT, 0.0, "warm" }, 0, 0.0 },
    { { "general.sampling.temp", REAL, -1.0, NULL }, 0, 0.0 },
    { { "general.sampling.top_p", REAL, (double) NAN, NULL }, 0, 0.0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      SteerModelConfig config;

      g_assert_true (read_changed (&cases[i].key, "token_embd.weight", NULL, 0, &config, &error));
      g_assert_no_error (error);
      g_assert_cmpint (config.sampling_fields, ==, cases[i].field);
      if (cases[i].field != 0)
        g_assert_cmpfloat (steer_sampling_get (&config.sampling, cases[i].field), ==, cases[i].value);
    }
}

static void
assert_refused (gboolean read, GError *error, int code, const char *says)
{
  g_assert_false (read);
  g_assert_error (error, STEER_MODEL_ERROR, code);
  g_assert_nonnull (strstr (error->message, "model.gguf: "));
  if (strstr (error->message, says) == NULL)
    g_error ("\"%s\" does not say \"%s\"", error->message, says);
}

static void
test_refused (gconstpointer data)
{
  const Case *one = data;
  g_autoptr (GError) error = NULL;
  SteerModelConfig config;
  gboolean read = read_changed (&one->key, "token_embd.weight", NULL, 0, &config, &error);

  assert_refused (read, error, one->code, one->says);
}

static void
test_tensors (void)
{
  static const float factors[] = { 1.0f, 0.0f, 1.0f };
  g_autoptr (GError) missing = NULL;
  g_autoptr (GError) wrong_number = NULL;
  g_autoptr (GError) zero = NULL;
  SteerModelConfig config;
  gboolean read;

  read = read_changed (NULL, "another.weight", NULL, 0, &config, &missing);
  assert_refused (read, missing, STEER_MODEL_ERROR_MISSING, "\"token_embd.weight\" is missing");
  read = read_changed (NULL, "token_embd.weight", factors, 3, &config, &wrong_number);
  assert_refused (read, wrong_number, STEER_MODEL_ERROR_INVALID, "must have one of the 2 frequencies a place");
  read = read_changed (NULL, "token_embd.weight", factors, 2, &config, &zero);
  assert_refused (read, zero, STEER_MODEL_ERROR_INVALID, "element 1 of \"rope_freqs.weight\" is 0");
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/model/config/gguf/a good file is read", test_good);
  g_test_add_func ("/model/config/gguf/keys that say what is usual change nothing", test_harmless);
  g_test_add_func ("/model/config/gguf/what a file of Gemma 2 need not say is that of the published ones", test_gemma);
  g_test_add_func ("/model/config/gguf/layers of Gemma 3 differ where there is a window", test_gemma3);
  g_test_add_func ("/model/config/gguf/its authors advise on sampling", test_sampling);
  for (guint i = 0; i < G_N_ELEMENTS (refused); i++)
    {
      g_autofree char *path = g_strdup_printf ("/model/config/gguf/refuses %s, %u", refused[i].key.key, i);

      g_test_add_data_func (path, &refused[i], test_refused);
    }
  g_test_add_func ("/model/config/gguf/refuses tensors that are missing or wrong", test_tensors);
  return g_test_run ();
}
