#include "model-test-util.h"

#include "tensor-test-util.h"
#include "test-util.h"

#include <stdlib.h>
#include <string.h>

const SteerModelConfig test_small_sizes
  = { .n_layers = 2, .d_model = 32, .n_heads = 4, .n_kv_heads = 2, .head_dim = 8, .d_ff = 48, .n_vocab = 100 };

void
test_model_set (TestModel *self, const char *tensor, const char *dtype_and_shape)
{
  g_hash_table_insert (self->tensors, g_strdup (tensor), g_strdup (dtype_and_shape));
}

static void
set_matrix (TestModel *self, const char *name, guint rows, guint columns)
{
  g_hash_table_insert (self->tensors, g_strdup (name), g_strdup_printf ("BF16 [%u,%u]", rows, columns));
}

static void
set_vector (TestModel *self, const char *name, guint length)
{
  g_hash_table_insert (self->tensors, g_strdup (name), g_strdup_printf ("BF16 [%u]", length));
}

static void
set_norms (TestModel *self, const SteerModelConfig *sizes, const char *prefix, guint index)
{
  const struct
  {
    const char *name;
    guint length;
    gboolean wanted;
  } norms[] = {
    { "input_layernorm", sizes->d_model, TRUE },
    { "post_attention_layernorm", sizes->d_model, TRUE },
    { "pre_feedforward_layernorm", sizes->d_model, sizes->branch_norms },
    { "post_feedforward_layernorm", sizes->d_model, sizes->branch_norms },
    { "self_attn.q_norm", sizes->head_dim, sizes->qk_norm },
    { "self_attn.k_norm", sizes->head_dim, sizes->qk_norm },
  };

  for (guint i = 0; i < G_N_ELEMENTS (norms); i++)
    {
      g_autofree char *name = g_strdup_printf ("%slayers.%u.%s.weight", prefix, index, norms[i].name);

      if (norms[i].wanted)
        set_vector (self, name, norms[i].length);
    }
}

static void
set_layer (TestModel *self, const SteerModelConfig *sizes, const char *prefix, guint index)
{
  guint q_width = sizes->n_heads * sizes->head_dim;
  guint kv_width = sizes->n_kv_heads * sizes->head_dim;
  const struct
  {
    const char *name;
    guint rows, columns;
  } weights[] = {
    { "self_attn.q_proj", q_width, sizes->d_model },  { "self_attn.k_proj", kv_width, sizes->d_model },
    { "self_attn.v_proj", kv_width, sizes->d_model }, { "self_attn.o_proj", sizes->d_model, q_width },
    { "mlp.gate_proj", sizes->d_ff, sizes->d_model }, { "mlp.up_proj", sizes->d_ff, sizes->d_model },
    { "mlp.down_proj", sizes->d_model, sizes->d_ff },
  };
  const gboolean biases[] = { sizes->qkv_bias, sizes->qkv_bias, sizes->qkv_bias, sizes->output_bias,
                              sizes->mlp_bias, sizes->mlp_bias, sizes->mlp_bias };

  for (guint i = 0; i < G_N_ELEMENTS (weights); i++)
    {
      g_autofree char *weight = g_strdup_printf ("%slayers.%u.%s.weight", prefix, index, weights[i].name);
      g_autofree char *bias = g_strdup_printf ("%slayers.%u.%s.bias", prefix, index, weights[i].name);

      set_matrix (self, weight, weights[i].rows, weights[i].columns);
      if (biases[i])
        set_vector (self, bias, weights[i].rows);
    }
  set_norms (self, sizes, prefix, index);
}

TestModel *
test_model_new (const SteerModelConfig *sizes, const char *prefix, const char *config)
{
  TestModel *self = g_new0 (TestModel, 1);
  g_autofree char *embed = g_strconcat (prefix, "embed_tokens.weight", NULL);
  g_autofree char *norm = g_strconcat (prefix, "norm.weight", NULL);

  self->dir = test_make_dir ();
  self->tensors = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->metadata = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  set_matrix (self, embed, sizes->n_vocab, sizes->d_model);
  set_vector (self, norm, sizes->d_model);
  if (!sizes->tie_embeddings)
    set_matrix (self, "lm_head.weight", sizes->n_vocab, sizes->d_model);
  for (guint i = 0; i < sizes->n_layers; i++)
    set_layer (self, sizes, prefix, i);
  g_free (test_write_text (self->dir, "config.json", config));
  return self;
}

void
test_model_free (TestModel *self)
{
  test_remove_dir (self->dir);
  g_hash_table_unref (self->tensors);
  g_hash_table_unref (self->metadata);
  g_free (self);
}

/* Bytes of "DTYPE [a,b]". */
static guint64
measure (const char *text)
{
  g_auto (GStrv) parts = g_strsplit (text, " ", 2);
  const char *p = parts[1] + 1;
  SteerDtype dtype;
  guint64 n;

  g_assert_true (steer_dtype_from_name (parts[0], &dtype));
  n = steer_dtype_get_block_bytes (dtype);
  while (*p != ']' && *p != '\0')
    {
      char *end;

      n *= strtoull (p, &end, 10);
      p = *end == ',' ? end + 1 : end;
    }
  return n;
}

void
test_model_write (TestModel *self)
{
  g_autoptr (GString) header = g_string_new ("{\"__metadata__\":{\"format\":\"pt\"");
  g_autoptr (GList) names = g_hash_table_get_keys (self->tensors);
  GHashTableIter iter;
  gpointer key, value;
  guint64 position = 0;

  g_hash_table_iter_init (&iter, self->metadata);
  while (g_hash_table_iter_next (&iter, &key, &value))
    g_string_append_printf (header, ",\"%s\":\"%s\"", (char *) key, (char *) value);
  g_string_append_c (header, '}');
  for (GList *name = names; name != NULL; name = name->next)
    {
      const char *text = g_hash_table_lookup (self->tensors, name->data);
      g_auto (GStrv) parts = g_strsplit (text, " ", 2);
      guint64 end = position + measure (text);

      g_string_append_printf (header,
                              ",\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%" G_GUINT64_FORMAT
                              ",%" G_GUINT64_FORMAT "]}",
                              (char *) name->data, parts[0], parts[1], position, end);
      position = end;
    }
  g_string_append_c (header, '}');
  g_free (test_write_sparse_safetensors (self->dir, "model.safetensors", header->str, position));
}
