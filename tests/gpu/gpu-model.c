/* Writes a model of a true shape with random weights, for measuring: gpu-model SHAPE FOLDER. A stretch of random
 * numbers is repeated, which makes no difference to speed and lets 16 GB be written in seconds. */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>

#include "tensor/steer-dtype.h"

#define STRETCH (1 << 22)

typedef struct
{
  const char *name;
  guint n_layers, d_model, d_ff, n_heads, n_kv_heads, head_dim, n_vocab, n_context;
  gboolean tied;
} Shape;

static const Shape shapes[] = {
  { "tiny", 2, 64, 128, 4, 2, 16, 512, 1024, FALSE },
  { "1b", 16, 2048, 8192, 32, 8, 64, 128256, 131072, TRUE },    /* Llama 3.2 1B */
  { "8b", 32, 4096, 14336, 32, 8, 128, 128256, 131072, FALSE }, /* Llama 3.1 8B */
};

typedef struct
{
  GString *header; /* the JSON of a safetensors file */
  guint64 offset;  /* of the next tensor's data */
  GArray *sizes;   /* gsize: elements; a norm's is marked by `norms` */
  GArray *norms;   /* gboolean */
} Plan;

static void
add (Plan *self, const char *name, guint n_rows, guint n_columns)
{
  gsize n = (gsize) n_rows * MAX (n_columns, 1);
  gboolean is_norm = n_columns == 0;
  g_autofree char *shape = is_norm ? g_strdup_printf ("[%u]", n_rows) : g_strdup_printf ("[%u,%u]", n_rows, n_columns);

  g_string_append_printf (self->header,
                          ",\"%s\":{\"dtype\":\"BF16\",\"shape\":%s,\"data_offsets\":[%" G_GUINT64_FORMAT
                          ",%" G_GUINT64_FORMAT "]}",
                          name, shape, self->offset, self->offset + n * 2);
  self->offset += n * 2;
  g_array_append_val (self->sizes, n);
  g_array_append_val (self->norms, is_norm);
}

static void
add_layer (Plan *self, const Shape *shape, guint layer)
{
  guint q = shape->n_heads * shape->head_dim;
  guint kv = shape->n_kv_heads * shape->head_dim;
  const struct
  {
    const char *name;
    guint n_rows, n_columns;
  } tensors[] = {
    { "input_layernorm", shape->d_model, 0 },         { "self_attn.q_proj", q, shape->d_model },
    { "self_attn.k_proj", kv, shape->d_model },       { "self_attn.v_proj", kv, shape->d_model },
    { "self_attn.o_proj", shape->d_model, q },        { "post_attention_layernorm", shape->d_model, 0 },
    { "mlp.gate_proj", shape->d_ff, shape->d_model }, { "mlp.up_proj", shape->d_ff, shape->d_model },
    { "mlp.down_proj", shape->d_model, shape->d_ff },
  };

  for (guint i = 0; i < G_N_ELEMENTS (tensors); i++)
    {
      g_autofree char *name = g_strdup_printf ("model.layers.%u.%s.weight", layer, tensors[i].name);

      add (self, name, tensors[i].n_rows, tensors[i].n_columns);
    }
}

static guint16 *
make_stretch (gboolean norms)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  guint16 *numbers = g_new (guint16, STRETCH);

  for (gsize i = 0; i < STRETCH; i++)
    numbers[i] = steer_f32_to_bf16 ((float) g_rand_double_range (rand, -0.03, 0.03) + (norms ? 1.0f : 0.0f));
  return numbers;
}

static gboolean
write_tensors (const Plan *plan, FILE *file)
{
  g_autofree guint16 *weights = make_stretch (FALSE);
  g_autofree guint16 *norms = make_stretch (TRUE);

  for (guint i = 0; i < plan->sizes->len; i++)
    for (gsize left = g_array_index (plan->sizes, gsize, i); left > 0;)
      {
        gsize n = MIN (left, STRETCH);

        if (fwrite (g_array_index (plan->norms, gboolean, i) ? norms : weights, 2, n, file) != n)
          return FALSE;
        left -= n;
      }
  return TRUE;
}

static gboolean
write_weights (const Shape *shape, const char *path)
{
  /* Some releases of transformers refuse a file that does not say whose it is. */
  g_autoptr (GString) header = g_string_new ("{\"__metadata__\":{\"format\":\"pt\"}");
  g_autoptr (GArray) sizes = g_array_new (FALSE, FALSE, sizeof (gsize));
  g_autoptr (GArray) norms = g_array_new (FALSE, FALSE, sizeof (gboolean));
  Plan plan = { header, 0, sizes, norms };
  FILE *file = g_fopen (path, "wb");
  guint64 length;
  gboolean done;

  if (file == NULL)
    return FALSE;
  add (&plan, "model.embed_tokens.weight", shape->n_vocab, shape->d_model);
  for (guint i = 0; i < shape->n_layers; i++)
    add_layer (&plan, shape, i);
  add (&plan, "model.norm.weight", shape->d_model, 0);
  if (!shape->tied)
    add (&plan, "lm_head.weight", shape->n_vocab, shape->d_model);
  g_string_append_c (header, '}');
  while (header->len % 8 != 0)
    g_string_append_c (header, ' ');
  length = GUINT64_TO_LE (header->len);
  done = fwrite (&length, 8, 1, file) == 1 && fwrite (header->str, header->len, 1, file) == 1
         && write_tensors (&plan, file);
  return fclose (file) == 0 && done;
}

static gboolean
write_config (const Shape *shape, const char *path, GError **error)
{
  g_autofree char *text = g_strdup_printf (
    "{\"architectures\": [\"LlamaForCausalLM\"], \"model_type\": \"llama\", \"hidden_size\": %u,\n"
    " \"intermediate_size\": %u, \"num_hidden_layers\": %u, \"num_attention_heads\": %u, \"num_key_value_heads\": %u,\n"
    " \"head_dim\": %u, \"vocab_size\": %u, \"max_position_embeddings\": %u, \"rms_norm_eps\": 1e-05,\n"
    " \"rope_theta\": 500000.0, \"tie_word_embeddings\": %s, \"hidden_act\": \"silu\", \"torch_dtype\": \"bfloat16\",\n"
    " \"bos_token_id\": 1, \"eos_token_id\": 2}\n",
    shape->d_model, shape->d_ff, shape->n_layers, shape->n_heads, shape->n_kv_heads, shape->head_dim, shape->n_vocab,
    shape->n_context, shape->tied ? "true" : "false");

  return g_file_set_contents (path, text, -1, error);
}

int
main (int argc, char *argv[])
{
  g_autoptr (GError) error = NULL;
  g_autofree char *config = argc == 3 ? g_build_filename (argv[2], "config.json", NULL) : NULL;
  g_autofree char *weights = argc == 3 ? g_build_filename (argv[2], "model.safetensors", NULL) : NULL;

  for (guint i = 0; argc == 3 && i < G_N_ELEMENTS (shapes); i++)
    {
      if (strcmp (shapes[i].name, argv[1]) != 0)
        continue;
      /* The configuration last: where it is, the weights are whole. */
      if (g_mkdir_with_parents (argv[2], 0777) == 0 && write_weights (&shapes[i], weights)
          && write_config (&shapes[i], config, &error))
        return 0;
      g_printerr ("%s: cannot be written: %s\n", argv[2], error != NULL ? error->message : g_strerror (errno));
      return 1;
    }
  g_printerr ("usage: gpu-model tiny|1b|8b FOLDER\n");
  return 2;
}
