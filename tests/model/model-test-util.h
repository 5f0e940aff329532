#pragma once

#include "model/steer-model.h"

G_BEGIN_DECLS

/* A model folder in the making: change what a test is about, then write it. */
typedef struct
{
  char *dir;
  GHashTable *tensors; /* name -> "DTYPE [shape]" such as "F32 [64,64]"; change, add or remove */
  GHashTable *metadata;
} TestModel;

/* config.json from @config, and a table of all tensors that a model of these sizes has. */
TestModel *test_model_new (const SteerModelConfig *sizes, const char *prefix, const char *config);
void test_model_free (TestModel *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TestModel, test_model_free)

void test_model_set (TestModel *self, const char *tensor, const char *dtype_and_shape);

/* Writes model.safetensors, sparse and full of zeros. */
void test_model_write (TestModel *self);

/* A Llama with 2 layers, 4 heads of 8, 2 KV heads, 48 and 100 wide, and its config.json. */
extern const SteerModelConfig test_small_sizes;
#define TEST_SMALL_CONFIG(more)                                                                                        \
  "{\"architectures\":[\"LlamaForCausalLM\"],\"hidden_size\":32,\"intermediate_size\":48,\"num_hidden_layers\":2,"     \
  "\"num_attention_heads\":4,\"num_key_value_heads\":2,\"vocab_size\":100,\"max_position_embeddings\":64" more "}"

G_END_DECLS
