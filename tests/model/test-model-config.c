#include "model/steer-model-config.h"
#include "tensor-test-util.h"
#include "model-test-util.h"
#include "test-util.h"

#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

static void
assert_frequencies (const SteerModelConfig *config,
                    void (*get) (const SteerModelConfig *config, float *inv_freq),
                    JsonArray *expected,
                    double tolerance)
{
  g_autofree float *actual = g_new (float, config->head_dim / 2);

  g_assert_cmpuint (json_array_get_length (expected), ==, config->head_dim / 2);
  get (config, actual);
  for (guint i = 0; i < config->head_dim / 2; i++)
    {
      double value = json_array_get_double_element (expected, i);

      g_assert_cmpfloat_with_epsilon (actual[i] / value, 1.0, tolerance);
    }
}

static void
assert_inv_freq (const SteerModelConfig *config, JsonArray *expected, double tolerance)
{
  assert_frequencies (config, steer_model_config_get_inv_freq, expected, tolerance);
}

/* One configuration of the fixture, with what transformers makes of it. */
static void
check_case (JsonObject *object)
{
  g_autofree char *dir = test_make_dir ();
  g_autofree char *text = json_to_string (json_object_get_member (object, "config"), FALSE);
  JsonArray *eos = json_object_get_array_member (object, "eos");
  JsonArray *full, *local;
  g_autoptr (GError) error = NULL;
  SteerModelConfig config;

  g_test_message ("%s", json_object_get_string_member (object, "name"));
  g_free (test_write_text (dir, "config.json", text));
  steer_model_config_read (&config, dir, &error);
  g_assert_no_error (error);

  g_assert_cmpint (config.n_layers, ==, 3);
  g_assert_cmpint (config.n_heads, ==, 8);
  g_assert_cmpint (config.d_ff, ==, 160);
  g_assert_cmpint (config.n_vocab, ==, 300);
  g_assert_cmpint (config.head_dim, ==, json_object_get_int_member (object, "head_dim"));
  g_assert_cmpint (config.n_kv_heads, ==, json_object_get_int_member (object, "n_kv_heads"));
  g_assert_cmpint (config.n_context, ==, json_object_get_int_member (object, "n_context"));
  g_assert_cmpint (config.sliding_window, ==, json_object_get_int_member (object, "sliding_window"));
  g_assert_cmpfloat (config.rms_norm_eps, ==, json_object_get_double_member (object, "rms_norm_eps"));
  g_assert_cmpint (config.tie_embeddings, ==, json_object_get_boolean_member (object, "tie"));
  g_assert_cmpint (config.qkv_bias, ==, json_object_get_boolean_member (object, "qkv_bias"));
  g_assert_cmpint (config.output_bias, ==, json_object_get_boolean_member (object, "output_bias"));
  g_assert_cmpint (config.mlp_bias, ==, json_object_get_boolean_member (object, "mlp_bias"));
  g_assert_cmpint (config.qk_norm, ==, json_object_get_boolean_member (object, "qk_norm"));
  g_assert_cmpint (config.gate == STEER_GATE_GELU, ==, json_object_get_boolean_member (object, "gemma"));
  g_assert_cmpint (config.scales_embedding, ==, json_object_get_boolean_member (object, "gemma"));
  g_assert_cmpint (config.norms_add_one, ==, json_object_get_boolean_member (object, "gemma"));
  local = json_object_get_array_member (object, "local_inv_freq");
  g_assert_cmpint (config.rope_local_theta > 0.0, ==, json_array_get_length (local) > 0);
  if (json_array_get_length (local) > 0)
    assert_frequencies (&config, steer_model_config_get_local_inv_freq, local, 1e-6);
  g_assert_cmpfloat (config.query_scalar, ==, json_object_get_double_member (object, "query_scalar"));
  g_assert_cmpfloat (config.attention_softcap, ==, json_object_get_double_member (object, "attention_softcap"));
  g_assert_cmpfloat (config.logit_softcap, ==, json_object_get_double_member (object, "logit_softcap"));
  full = json_object_get_array_member (object, "full");
  for (guint i = 0; i < config.n_layers; i++)
    g_assert_cmpint (!steer_model_config_is_local_layer (&config, i), ==,
                     json_array_get_length (full) > 0 && json_array_get_boolean_element (full, i));
  g_assert_cmpint (config.bos_id, ==, json_object_get_int_member (object, "bos"));
  g_assert_cmpint (config.n_eos_ids, ==, json_array_get_length (eos));
  for (guint i = 0; i < config.n_eos_ids; i++)
    g_assert_cmpint (config.eos_ids[i], ==, json_array_get_int_element (eos, i));

  /* transformers computes in float32, where the power alone costs a few units in the last place. */
  assert_inv_freq (&config, json_object_get_array_member (object, "inv_freq"), 1e-6);
  assert_inv_freq (&config, json_object_get_array_member (object, "inv_freq64"), 1e-7);
  test_remove_dir (g_steal_pointer (&dir));
}

static void
test_transformers (void)
{
  g_autofree char *path = test_fixture_path ("model/configs.json");
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;
  JsonArray *cases;

  json_parser_load_from_file (parser, path, &error);
  g_assert_no_error (error);
  cases = json_node_get_array (json_parser_get_root (parser));
  g_assert_cmpuint (json_array_get_length (cases), >, 30);
  for (guint i = 0; i < json_array_get_length (cases); i++)
    check_case (json_array_get_object_element (cases, i));
}

/* Reads config.json and, when not NULL, generation_config.json of these texts. */
static gboolean
read_texts (const char *config_text, const char *generation_text, SteerModelConfig *config, GError **error)
{
  char *dir = test_make_dir ();
  gboolean read;

  g_free (test_write_text (dir, "config.json", config_text));
  if (generation_text != NULL)
    g_free (test_write_text (dir, "generation_config.json", generation_text));
  read = steer_model_config_read (config, dir, error);
  test_remove_dir (dir);
  return read;
}

#define LLAMA(more) TEST_SMALL_CONFIG ("," more)

/* What the authors advise, and nothing that no sampler could do. */
static void
test_sampling (void)
{
  g_autoptr (GError) error = NULL;
  SteerModelConfig config;

  read_texts (LLAMA ("\"eos_token_id\":2"),
              "{\"do_sample\":true,\"temperature\":0.6,\"top_p\":0.9,\"top_k\":40,\"repetition_penalty\":1.1}", &config,
              &error);
  g_assert_no_error (error);
  g_assert_cmpint (config.sampling_fields, ==,
                   STEER_SAMPLING_ALL & ~STEER_SAMPLING_MIN_P & ~STEER_SAMPLING_SEED & ~STEER_SAMPLING_MAX_TOKENS);
  g_assert_cmpfloat (config.sampling.temperature, ==, 0.6);
  g_assert_cmpfloat (config.sampling.top_p, ==, 0.9);
  g_assert_cmpuint (config.sampling.top_k, ==, 40);
  g_assert_cmpfloat (config.sampling.repetition_penalty, ==, 1.1);

  /* A model that is to take the likeliest token says nothing of how to choose among several. */
  read_texts (LLAMA ("\"eos_token_id\":2"),
              "{\"do_sample\":false,\"temperature\":0.6,\"top_k\":40,\"repetition_penalty\":1.05}", &config, &error);
  g_assert_no_error (error);
  g_assert_cmpint (config.sampling_fields, ==, STEER_SAMPLING_REPETITION_PENALTY);

  read_texts (LLAMA ("\"eos_token_id\":2"),
              "{\"temperature\":-1,\"top_p\":0,\"min_p\":null,\"top_k\":1.5,\"repetition_penalty\":\"high\"}", &config,
              &error);
  g_assert_no_error (error);
  g_assert_cmpint (config.sampling_fields, ==, 0);
  g_assert_cmpfloat (config.sampling.temperature, ==, 0.7);

  read_texts (LLAMA ("\"eos_token_id\":2"), NULL, &config, &error);
  g_assert_no_error (error);
  g_assert_cmpint (config.sampling_fields, ==, 0);
}

static void
test_generation_config (void)
{
  g_autoptr (GError) error = NULL;
  SteerModelConfig config;

  read_texts (LLAMA ("\"eos_token_id\":2,\"bos_token_id\":1"), "{\"eos_token_id\":[5,6,7],\"bos_token_id\":4}", &config,
              &error);
  g_assert_no_error (error);
  g_assert_cmpuint (config.n_eos_ids, ==, 3);
  g_assert_cmpint (config.eos_ids[2], ==, 7);
  g_assert_cmpint (config.bos_id, ==, 4);

  read_texts (LLAMA ("\"eos_token_id\":[2,3]"), "{\"eos_token_id\":null,\"temperature\":0.6}", &config, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (config.n_eos_ids, ==, 2);

  read_texts (LLAMA ("\"eos_token_id\":[2,3]"), "{\"eos_token_id\":9}", &config, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (config.n_eos_ids, ==, 1);
  g_assert_cmpint (config.eos_ids[0], ==, 9);

  /* Ids that the model cannot produce. */
  read_texts (LLAMA ("\"eos_token_id\":[-1,2,100,99]"), NULL, &config, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (config.n_eos_ids, ==, 2);
  g_assert_cmpint (config.eos_ids[1], ==, 99);

  g_assert_false (read_texts (LLAMA ("\"eos_token_id\":2"), "{\"eos_token_id\":", &config, &error));
  g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID);
  g_assert_nonnull (strstr (error->message, "generation_config.json"));
}

static void
test_model_type_alone (void)
{
  g_autoptr (GError) error = NULL;
  SteerModelConfig config;
  g_autofree char *text = g_strdup (LLAMA ("\"model_type\":\"qwen2\""));
  char *list = strstr (text, "[\"LlamaForCausalLM\"]");

  memcpy (list, "null                ", strlen ("[\"LlamaForCausalLM\"]"));
  read_texts (text, NULL, &config, &error);
  g_assert_no_error (error);
  g_assert_cmpint (config.arch, ==, STEER_ARCH_QWEN2);
}

static void
test_integral_double (void)
{
  g_autoptr (GError) error = NULL;
  SteerModelConfig config;

  read_texts (LLAMA ("\"head_dim\":16.0,\"rope_theta\":500000"), NULL, &config, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (config.head_dim, ==, 16);
  g_assert_cmpfloat (config.rope_theta, ==, 500000.0);
}

#define GEMMA3 "\"architectures\":[\"Gemma3ForCausalLM\"],\"head_dim\":8"
#define GEMMA2 "\"architectures\":[\"Gemma2ForCausalLM\"],\"head_dim\":8"

static const struct
{
  const char *name;
  const char *more; /* after TEST_SMALL_CONFIG's members; a repeated key counts with its last value */
  int code;
  const char *words[3];
} refusals[] = {
  { "another-architecture",
    "\"architectures\":[\"GPT2LMHeadModel\"]",
    STEER_MODEL_ERROR_UNSUPPORTED,
    { "GPT2LMHeadModel", "LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM" } },
  { "another-model-type",
    "\"architectures\":[],\"model_type\":\"gemma3n\"",
    STEER_MODEL_ERROR_UNSUPPORTED,
    { "gemma3n", "LlamaForCausalLM" } },
  { "no-architecture", "\"architectures\":null", STEER_MODEL_ERROR_INVALID, { "architectures", "model_type" } },
  { "architectures-that-are-no-list",
    "\"architectures\":\"LlamaForCausalLM\"",
    STEER_MODEL_ERROR_INVALID,
    { "architectures", "not a list" } },
  { "a-missing-size", "\"hidden_size\":null", STEER_MODEL_ERROR_INVALID, { "\"hidden_size\" is missing" } },
  { "a-size-in-words", "\"hidden_size\":\"32\"", STEER_MODEL_ERROR_INVALID, { "\"hidden_size\"", "integer" } },
  { "a-fractional-size", "\"hidden_size\":32.5", STEER_MODEL_ERROR_INVALID, { "\"hidden_size\"", "integer" } },
  { "a-size-of-zero", "\"num_hidden_layers\":0", STEER_MODEL_ERROR_INVALID, { "\"num_hidden_layers\" is 0" } },
  { "a-negative-size", "\"intermediate_size\":-1", STEER_MODEL_ERROR_INVALID, { "\"intermediate_size\" is -1" } },
  { "a-huge-size", "\"vocab_size\":4294967296", STEER_MODEL_ERROR_INVALID, { "\"vocab_size\" is 4294967296" } },
  { "a-huge-product",
    "\"num_attention_heads\":1048576,\"num_key_value_heads\":1,\"head_dim\":1048576",
    STEER_MODEL_ERROR_INVALID,
    { "\"num_attention_heads\"", "\"head_dim\"", "1048576 x 1048576" } },
  { "kv-heads-that-do-not-divide",
    "\"num_key_value_heads\":3",
    STEER_MODEL_ERROR_INVALID,
    { "\"num_attention_heads\" is 4", "\"num_key_value_heads\", 3" } },
  { "a-width-that-heads-do-not-divide",
    "\"hidden_size\":34",
    STEER_MODEL_ERROR_INVALID,
    { "\"hidden_size\" is 34", "\"head_dim\" must be given" } },
  { "an-odd-head", "\"head_dim\":7", STEER_MODEL_ERROR_INVALID, { "7 dimensions", "even" } },
  { "another-activation",
    "\"hidden_act\":\"gelu\"",
    STEER_MODEL_ERROR_UNSUPPORTED,
    { "\"hidden_act\" is \"gelu\"", "silu" } },
  { "a-switch-that-is-no-boolean",
    "\"tie_word_embeddings\":1",
    STEER_MODEL_ERROR_INVALID,
    { "\"tie_word_embeddings\"", "true nor false" } },
  { "an-epsilon-of-zero", "\"rms_norm_eps\":0", STEER_MODEL_ERROR_INVALID, { "\"rms_norm_eps\" is 0" } },
  { "an-infinite-theta", "\"rope_theta\":1e999", STEER_MODEL_ERROR_INVALID, { "\"rope_theta\"", "finite" } },
  { "another-rope-type",
    "\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":2}",
    STEER_MODEL_ERROR_UNSUPPORTED,
    { "rope_scaling", "\"yarn\"", "default, linear and llama3" } },
  { "a-rope-factor-without-type",
    "\"rope_scaling\":{\"factor\":2}",
    STEER_MODEL_ERROR_INVALID,
    { "rope_scaling", "\"rope_type\" is missing" } },
  { "a-missing-rope-factor",
    "\"rope_scaling\":{\"type\":\"linear\"}",
    STEER_MODEL_ERROR_INVALID,
    { "rope_scaling", "\"factor\" is missing" } },
  { "a-negative-rope-factor",
    "\"rope_scaling\":{\"type\":\"linear\",\"factor\":-2}",
    STEER_MODEL_ERROR_INVALID,
    { "rope_scaling", "\"factor\" is -2" } },
  { "a-missing-llama3-key",
    "\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":1}",
    STEER_MODEL_ERROR_INVALID,
    { "rope_scaling", "\"high_freq_factor\" is missing" } },
  { "equal-llama3-factors",
    "\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":4,\"high_freq_factor\":4,"
    "\"original_max_position_embeddings\":8192}",
    STEER_MODEL_ERROR_INVALID,
    { "\"high_freq_factor\" is 4", "\"low_freq_factor\"" } },
  { "rope-scaling-that-is-no-object",
    "\"rope_scaling\":\"linear\"",
    STEER_MODEL_ERROR_INVALID,
    { "\"rope_scaling\" is not an object" } },
  { "partial-rotation",
    "\"partial_rotary_factor\":0.5",
    STEER_MODEL_ERROR_UNSUPPORTED,
    { "\"partial_rotary_factor\" is 0.5" } },
  { "rotation-by-layer-type",
    "\"rope_parameters\":{\"full_attention\":{\"rope_type\":\"default\"}}",
    STEER_MODEL_ERROR_UNSUPPORTED,
    { "rope_parameters", "different layers" } },
  { "windows-of-some-layers",
    "\"architectures\":[\"Qwen2ForCausalLM\"],\"use_sliding_window\":true,\"sliding_window\":8,"
    "\"max_window_layers\":1",
    STEER_MODEL_ERROR_UNSUPPORTED,
    { "\"use_sliding_window\"", "1 of 2 layers" } },
  { "another-activation-of-gemma",
    GEMMA2 ",\"hidden_activation\":\"silu\"",
    STEER_MODEL_ERROR_UNSUPPORTED,
    { "\"hidden_activation\" is \"silu\"", "gelu_pytorch_tanh" } },
  { "attention-both-ways",
    GEMMA2 ",\"use_bidirectional_attention\":true",
    STEER_MODEL_ERROR_UNSUPPORTED,
    { "\"use_bidirectional_attention\"" } },
  { "a-limit-of-zero",
    GEMMA2 ",\"attn_logit_softcapping\":0",
    STEER_MODEL_ERROR_INVALID,
    { "\"attn_logit_softcapping\" is 0" } },
  { "a-limit-in-words",
    GEMMA2 ",\"final_logit_softcapping\":\"30\"",
    STEER_MODEL_ERROR_INVALID,
    { "\"final_logit_softcapping\" is not a number" } },
  { "a-limit-beyond-float32",
    GEMMA2 ",\"final_logit_softcapping\":1e300",
    STEER_MODEL_ERROR_INVALID,
    { "\"final_logit_softcapping\" is 1e+300", "1e+09" } },
  { "a-limit-that-is-none-in-float32",
    GEMMA2 ",\"attn_logit_softcapping\":1e-60",
    STEER_MODEL_ERROR_INVALID,
    { "\"attn_logit_softcapping\" is 1e-60", "1e-06" } },
  { "a-scalar-that-is-none-in-float32",
    GEMMA2 ",\"query_pre_attn_scalar\":1e-300",
    STEER_MODEL_ERROR_INVALID,
    { "\"query_pre_attn_scalar\" is 1e-300" } },
  { "a-negative-scalar",
    GEMMA2 ",\"query_pre_attn_scalar\":-4",
    STEER_MODEL_ERROR_INVALID,
    { "\"query_pre_attn_scalar\" is -4" } },
  { "a-window-of-zero", GEMMA2 ",\"sliding_window\":0", STEER_MODEL_ERROR_INVALID, { "\"sliding_window\" is 0" } },
  { "too-few-layer-types",
    GEMMA2 ",\"layer_types\":[\"full_attention\"]",
    STEER_MODEL_ERROR_INVALID,
    { "\"layer_types\" names 1 layers", "\"num_hidden_layers\" is 2" } },
  { "another-layer-type",
    GEMMA2 ",\"layer_types\":[\"sliding_attention\",\"linear_attention\"]",
    STEER_MODEL_ERROR_UNSUPPORTED,
    { "layer 1 \"linear_attention\"", "full_attention and sliding_attention" } },
  { "a-layer-type-that-is-no-name",
    GEMMA2 ",\"layer_types\":[{},7]",
    STEER_MODEL_ERROR_UNSUPPORTED,
    { "\"layer_types\"", "layer 0", "no name" } },
  { "irregular-layer-types",
    GEMMA2 ",\"layer_types\":[\"full_attention\",\"sliding_attention\"]",
    STEER_MODEL_ERROR_UNSUPPORTED,
    { "\"layer_types\"", "every second" } },
  { "a-pattern-of-zero",
    GEMMA3 ",\"sliding_window_pattern\":0",
    STEER_MODEL_ERROR_INVALID,
    { "\"sliding_window_pattern\" is 0" } },
  { "a-negative-local-theta",
    GEMMA3 ",\"rope_local_base_freq\":-1",
    STEER_MODEL_ERROR_INVALID,
    { "\"rope_local_base_freq\" is -1" } },
  { "scaling-of-local-layers",
    GEMMA3 ",\"rope_parameters\":{\"sliding_attention\":{\"rope_type\":\"linear\",\"factor\":2}}",
    STEER_MODEL_ERROR_UNSUPPORTED,
    { "rope_parameters: sliding_attention", "\"linear\"", "supported is default" } },
  { "rotation-that-is-no-object",
    GEMMA3 ",\"rope_parameters\":{\"full_attention\":7}",
    STEER_MODEL_ERROR_INVALID,
    { "rope_parameters", "\"full_attention\" is not an object" } },
  { "a-text-config-that-is-no-object",
    GEMMA3 ",\"text_config\":[]",
    STEER_MODEL_ERROR_INVALID,
    { "\"text_config\" is not an object" } },
  { "an-empty-text-config",
    GEMMA3 ",\"text_config\":{}",
    STEER_MODEL_ERROR_INVALID,
    { "text_config: \"hidden_size\" is missing" } },
  { "quantised-weights",
    "\"quantization_config\":{\"quant_method\":\"gptq\",\"bits\":4}",
    STEER_MODEL_ERROR_UNSUPPORTED,
    { "gptq", "BF16" } },
  { "an-end-token-in-words", "\"eos_token_id\":\"</s>\"", STEER_MODEL_ERROR_INVALID, { "\"eos_token_id\"" } },
  { "end-tokens-in-words", "\"eos_token_id\":[1,\"</s>\"]", STEER_MODEL_ERROR_INVALID, { "\"eos_token_id\"" } },
  { "too-many-end-tokens",
    "\"eos_token_id\":[1,2,3,4,5,6,7,8,9]",
    STEER_MODEL_ERROR_UNSUPPORTED,
    { "\"eos_token_id\"", "more than 8" } },
};

static void
test_refusal (gconstpointer data)
{
  guint i = GPOINTER_TO_UINT (data);
  g_autofree char *text = g_strdup_printf (TEST_SMALL_CONFIG (",%s"), refusals[i].more);
  g_autoptr (GError) error = NULL;
  SteerModelConfig config;

  g_assert_false (read_texts (text, NULL, &config, &error));
  g_assert_error (error, STEER_MODEL_ERROR, refusals[i].code);
  g_assert_nonnull (strstr (error->message, "config.json"));
  for (guint w = 0; w < G_N_ELEMENTS (refusals[i].words) && refusals[i].words[w] != NULL; w++)
    if (strstr (error->message, refusals[i].words[w]) == NULL)
      g_error ("\"%s\" does not say \"%s\"", error->message, refusals[i].words[w]);
}

static void
test_broken_files (void)
{
  g_autofree char *deep = g_strnfill (100000, '[');
  const char *const texts[] = { "", "[]", "{", "{\"hidden_size\":}", "\"text\"", "\xff", deep };
  g_autofree char *dir = test_make_dir ();

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GError) error = NULL;
      SteerModelConfig config;

      g_assert_false (read_texts (texts[i], NULL, &config, &error));
      g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID);
      g_assert_nonnull (strstr (error->message, "config.json"));
    }
  {
    g_autoptr (GError) error = NULL;
    SteerModelConfig config;

    g_assert_false (steer_model_config_read (&config, dir, &error));
    g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_MISSING);
    g_assert_nonnull (strstr (error->message, "config.json"));
  }
  test_remove_dir (g_steal_pointer (&dir));
}

static void
test_every_truncation (void)
{
  const char *text = LLAMA ("\"rope_scaling\":{\"type\":\"linear\",\"factor\":2}");

  for (gsize length = 0; length < strlen (text); length++)
    {
      g_autofree char *part = g_strndup (text, length);
      g_autoptr (GError) error = NULL;
      SteerModelConfig config;

      g_assert_false (read_texts (part, NULL, &config, &error));
      g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID);
    }
}

static void
test_summary (void)
{
  SteerModelConfig config = { .arch = STEER_ARCH_LLAMA,
                              .n_layers = 32,
                              .d_model = 4096,
                              .n_heads = 32,
                              .n_kv_heads = 8,
                              .head_dim = 128,
                              .d_ff = 14336,
                              .n_vocab = 128256 };
  g_autofree char *large = steer_model_config_dup_summary (&config);
  g_autofree char *qwen = NULL;

  g_assert_cmpstr (large, ==, "Llama, 32 layers, d 4096, 8.03 B parameters");
  g_assert_cmpuint (steer_model_config_get_n_parameters (&config), ==, 8030261248);

  /* Qwen2.5 0.5B, whose count is published. */
  config = (SteerModelConfig){ .arch = STEER_ARCH_QWEN2,
                               .n_layers = 24,
                               .d_model = 896,
                               .n_heads = 14,
                               .n_kv_heads = 2,
                               .head_dim = 64,
                               .d_ff = 4864,
                               .n_vocab = 151936,
                               .tie_embeddings = TRUE,
                               .qkv_bias = TRUE };
  g_assert_cmpuint (steer_model_config_get_n_parameters (&config), ==, 494032768);
  qwen = steer_model_config_dup_summary (&config);
  g_assert_cmpstr (qwen, ==, "Qwen2, 24 layers, d 896, 494 M parameters");

  /* Qwen3 0.6B: 751632384 with both matrices, of which one is stored. */
  config = (SteerModelConfig){ .arch = STEER_ARCH_QWEN3,
                               .n_layers = 28,
                               .d_model = 1024,
                               .n_heads = 16,
                               .n_kv_heads = 8,
                               .head_dim = 128,
                               .d_ff = 3072,
                               .n_vocab = 151936,
                               .tie_embeddings = TRUE,
                               .qk_norm = TRUE };
  g_assert_cmpuint (steer_model_config_get_n_parameters (&config), ==, 596049920);

  /* Gemma 2 2B, whose count is published. */
  config = (SteerModelConfig){ .arch = STEER_ARCH_GEMMA2,
                               .n_layers = 26,
                               .d_model = 2304,
                               .n_heads = 8,
                               .n_kv_heads = 4,
                               .head_dim = 256,
                               .d_ff = 9216,
                               .n_vocab = 256000,
                               .tie_embeddings = TRUE,
                               .branch_norms = TRUE };
  g_assert_cmpuint (steer_model_config_get_n_parameters (&config), ==, 2614341888);
}

static void
test_official_llama (void)
{
  g_autofree char *dir = test_shared_path ("llama-3.1-8b-instruct");
  g_autoptr (GError) error = NULL;
  SteerModelConfig config;
  float inv_freq[64];

  if (dir == NULL)
    return;
  steer_model_config_read (&config, dir, &error);
  g_assert_no_error (error);
  g_assert_cmpint (config.rope_type, ==, STEER_ROPE_LLAMA3);
  g_assert_cmpuint (config.n_context, ==, 131072);
  g_assert_cmpuint (config.n_eos_ids, ==, 3);
  g_assert_cmpint (config.eos_ids[0], ==, 128001);
  g_assert_cmpint (config.eos_ids[2], ==, 128009);
  g_assert_cmpint (config.bos_id, ==, 128000);

  /* The divisors that GGUF files of this model store: 1 up to 28, 1.207484 at 29, 8 from 35 on. */
  steer_model_config_get_inv_freq (&config, inv_freq);
  for (guint i = 0; i < 64; i++)
    {
      double divisor = pow (500000.0, -2.0 * i / 128.0) / (double) inv_freq[i];

      if (i <= 28 || i >= 35)
        g_assert_cmpfloat_with_epsilon (divisor, i <= 28 ? 1.0 : 8.0, 1e-6);
      if (i == 29)
        g_assert_cmpfloat_with_epsilon (divisor, 1.207484, 1e-6);
      if (i == 34)
        g_assert_cmpfloat_with_epsilon (divisor, 5.257327, 1e-6);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/model-config/every-switch-is-read-as-transformers-reads-it", test_transformers);
  g_test_add_func ("/model-config/generation-config-advises-on-sampling", test_sampling);
  g_test_add_func ("/model-config/generation-config-overrides-the-end-tokens", test_generation_config);
  g_test_add_func ("/model-config/a-model-type-alone-names-the-architecture", test_model_type_alone);
  g_test_add_func ("/model-config/integers-may-be-written-as-doubles", test_integral_double);
  g_test_add_func ("/model-config/broken-files-are-refused", test_broken_files);
  g_test_add_func ("/model-config/every-truncation-is-refused", test_every_truncation);
  g_test_add_func ("/model-config/the-summary-counts-parameters", test_summary);
  g_test_add_func ("/model-config/the-official-llama-3.1-is-read", test_official_llama);
  for (guint i = 0; i < G_N_ELEMENTS (refusals); i++)
    {
      g_autofree char *name = g_strconcat ("/model-config/refused/", refusals[i].name, NULL);
      g_test_add_data_func (name, GUINT_TO_POINTER (i), test_refusal);
    }
  return g_test_run ();
}
