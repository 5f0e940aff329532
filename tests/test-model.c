#include "test-model.h"

#include <math.h>

#include "tensor/steer-safetensors-writer.h"

#define MAX_TENSORS 64

typedef struct
{
  GRand *rand;
  SteerTensor tensors[MAX_TENSORS];
  guint n_tensors;
} Writer;

static double
draw_gaussian (GRand *rand)
{
  double u = 1.0 - g_rand_double (rand);

  return sqrt (-2.0 * log (u)) * cos (2.0 * G_PI * g_rand_double (rand));
}

/* Rows of 0 make a vector. Norm weights are near 1, the others of the size that keeps a residual stream lively. */
static void
add_tensor (Writer *writer, char *name, guint rows, guint columns)
{
  gsize n = (gsize) MAX (rows, 1) * columns;
  float *values = g_new (float, n);
  SteerTensor *tensor = &writer->tensors[writer->n_tensors++];

  g_assert_cmpuint (writer->n_tensors, <, MAX_TENSORS);
  for (gsize i = 0; i < n; i++)
    values[i] = (float) (rows == 0 ? 1.0 + 0.1 * draw_gaussian (writer->rand) : 0.3 * draw_gaussian (writer->rand));
  *tensor = (SteerTensor){ .name = name, .dtype = STEER_DTYPE_F32, .data = (guint8 *) values, .n_bytes = n * 4 };
  if (rows > 0)
    tensor->shape[tensor->n_dims++] = rows;
  tensor->shape[tensor->n_dims++] = columns;
  tensor->stride[tensor->n_dims - 1] = 1;
  if (tensor->n_dims == 2)
    tensor->stride[0] = columns;
}

static void
write_config (const char *dir, const TestModelShape *s)
{
  g_autofree char *path = g_build_filename (dir, "config.json", NULL);
  g_autofree char *text = g_strdup_printf (
    "{\"architectures\": [\"LlamaForCausalLM\"], \"model_type\": \"llama\", \"hidden_size\": %u, "
    "\"intermediate_size\": %u, \"num_hidden_layers\": %u, \"num_attention_heads\": %u, "
    "\"num_key_value_heads\": %u, \"vocab_size\": %u, \"max_position_embeddings\": %u, "
    "\"rms_norm_eps\": 1e-5, \"rope_theta\": 10000.0, \"hidden_act\": \"silu\", \"eos_token_id\": null, "
    "\"tie_word_embeddings\": false}\n",
    s->d_model, s->d_ff, s->n_layers, s->n_heads, s->n_kv_heads, s->n_vocab, s->n_context);
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
}

void
test_write_model (const char *dir, const TestModelShape *shape)
{
  TestModelShape s = *shape;
  g_autofree char *path = g_build_filename (dir, "model.safetensors", NULL);
  g_autoptr (GError) error = NULL;
  Writer writer = { 0 };
  guint kv;

  s.n_layers = s.n_layers != 0 ? s.n_layers : 3;
  s.d_model = s.d_model != 0 ? s.d_model : 32;
  s.n_heads = s.n_heads != 0 ? s.n_heads : 4;
  s.n_kv_heads = s.n_kv_heads != 0 ? s.n_kv_heads : 2;
  s.d_ff = s.d_ff != 0 ? s.d_ff : 48;
  s.n_vocab = s.n_vocab != 0 ? s.n_vocab : 96;
  s.n_context = s.n_context != 0 ? s.n_context : 512;
  kv = s.d_model / s.n_heads * s.n_kv_heads;

  writer.rand = g_rand_new_with_seed (s.seed);
  add_tensor (&writer, g_strdup ("model.embed_tokens.weight"), s.n_vocab, s.d_model);
  add_tensor (&writer, g_strdup ("model.norm.weight"), 0, s.d_model);
  add_tensor (&writer, g_strdup ("lm_head.weight"), s.n_vocab, s.d_model);
  for (guint l = 0; l < s.n_layers; l++)
    {
      const struct
      {
        const char *role;
        guint rows;
        guint columns;
      } roles[] = {
        { "input_layernorm", 0, s.d_model },          { "self_attn.q_proj", s.d_model, s.d_model },
        { "self_attn.k_proj", kv, s.d_model },        { "self_attn.v_proj", kv, s.d_model },
        { "self_attn.o_proj", s.d_model, s.d_model }, { "post_attention_layernorm", 0, s.d_model },
        { "mlp.gate_proj", s.d_ff, s.d_model },       { "mlp.up_proj", s.d_ff, s.d_model },
        { "mlp.down_proj", s.d_model, s.d_ff },
      };

      for (guint r = 0; r < G_N_ELEMENTS (roles); r++)
        add_tensor (&writer, g_strdup_printf ("model.layers.%u.%s.weight", l, roles[r].role), roles[r].rows,
                    roles[r].columns);
    }
  steer_safetensors_write (path, writer.tensors, writer.n_tensors, NULL, NULL, &error);
  g_assert_no_error (error);
  write_config (dir, &s);

  for (guint i = 0; i < writer.n_tensors; i++)
    {
      g_free ((char *) writer.tensors[i].name);
      g_free ((guint8 *) writer.tensors[i].data);
    }
  g_rand_free (writer.rand);
}

GBytes *
test_make_unit_vector (guint d, guint32 seed)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);
  float *values = g_new (float, d);
  double norm = 0.0;

  for (guint i = 0; i < d; i++)
    {
      values[i] = (float) draw_gaussian (rand);
      norm += (double) values[i] * values[i];
    }
  for (guint i = 0; i < d; i++)
    values[i] = (float) (values[i] / sqrt (norm));
  return g_bytes_new_take (values, d * sizeof (float));
}
