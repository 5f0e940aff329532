#include "steer-model-config-private.h"

#include <string.h>

/* [SteerArch] */
static const SteerArchInfo infos[] = {
  [STEER_ARCH_LLAMA] = { .name = "Llama", .gguf_name = "llama", .context = 2048, .bos = 1, .eos = 2 },
  [STEER_ARCH_MISTRAL]
  = { .name = "Mistral", .gguf_name = "llama", .kv_heads = 8, .context = 131072, .window = 4096, .bos = 1, .eos = 2 },
  [STEER_ARCH_QWEN2]
  = { .name = "Qwen2", .gguf_name = "qwen2", .kv_heads = 32, .context = 32768, .bos = -1, .eos = -1 },
  [STEER_ARCH_QWEN3]
  = { .name = "Qwen3", .gguf_name = "qwen3", .kv_heads = 32, .head_dim = 128, .context = 32768, .bos = -1, .eos = -1 },
  [STEER_ARCH_GEMMA] = { .name = "Gemma",
                         .gguf_name = "gemma",
                         .kv_heads = 16,
                         .head_dim = 256,
                         .context = 8192,
                         .bos = 2,
                         .eos = 1,
                         .ties = TRUE },
  [STEER_ARCH_GEMMA2] = { .name = "Gemma 2",
                          .gguf_name = "gemma2",
                          .kv_heads = 4,
                          .head_dim = 256,
                          .context = 8192,
                          .window = 4096,
                          .bos = 2,
                          .eos = 1,
                          .ties = TRUE,
                          .full_period = 2 },
  [STEER_ARCH_GEMMA3] = { .name = "Gemma 3",
                          .gguf_name = "gemma3",
                          .heads = 8,
                          .kv_heads = 4,
                          .head_dim = 256,
                          .vocab = 262208,
                          .context = 131072,
                          .window = 4096,
                          .bos = 2,
                          .eos = 1,
                          .ties = TRUE,
                          .full_period = 6 },
};

static const struct
{
  const char *architecture;
  const char *model_type;
  SteerArch arch;
} names[] = {
  { "LlamaForCausalLM", "llama", STEER_ARCH_LLAMA },
  { "MistralForCausalLM", "mistral", STEER_ARCH_MISTRAL },
  { "Qwen2ForCausalLM", "qwen2", STEER_ARCH_QWEN2 },
  { "Qwen3ForCausalLM", "qwen3", STEER_ARCH_QWEN3 },
  { "GemmaForCausalLM", "gemma", STEER_ARCH_GEMMA },
  { "Gemma2ForCausalLM", "gemma2", STEER_ARCH_GEMMA2 },
  { "Gemma3ForCausalLM", "gemma3_text", STEER_ARCH_GEMMA3 },
  { "Gemma3ForConditionalGeneration", "gemma3", STEER_ARCH_GEMMA3 },
};

const SteerArchInfo *
steer_arch_get_info (SteerArch arch)
{
  g_return_val_if_fail ((guint) arch < G_N_ELEMENTS (infos), &infos[STEER_ARCH_LLAMA]);

  return &infos[arch];
}

gboolean
steer_arch_find (const char *architecture, const char *model_type, SteerArch *arch)
{
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (architecture != NULL ? strcmp (architecture, names[i].architecture) == 0
                             : g_strcmp0 (model_type, names[i].model_type) == 0)
      {
        *arch = names[i].arch;
        return TRUE;
      }
  return FALSE;
}

gboolean
steer_model_config_knows_family (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (strcmp (name, names[i].architecture) == 0 || strcmp (name, names[i].model_type) == 0)
      return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (infos); i++)
    if (strcmp (name, infos[i].gguf_name) == 0)
      return TRUE;
  return FALSE;
}

void
steer_model_config_init_arch (SteerModelConfig *self, SteerArch arch)
{
  gboolean is_gemma = arch == STEER_ARCH_GEMMA || arch == STEER_ARCH_GEMMA2 || arch == STEER_ARCH_GEMMA3;

  self->arch = arch;
  self->tie_embeddings = infos[arch].ties;
  self->full_period = infos[arch].full_period;
  self->qk_norm = arch == STEER_ARCH_QWEN3 || arch == STEER_ARCH_GEMMA3;
  self->gate = is_gemma ? STEER_GATE_GELU : STEER_GATE_SILU;
  self->scales_embedding = is_gemma;
  self->norms_add_one = is_gemma;
  self->branch_norms = arch == STEER_ARCH_GEMMA2 || arch == STEER_ARCH_GEMMA3;
}

guint64
steer_model_config_get_n_parameters (const SteerModelConfig *self)
{
  guint64 d = self->d_model;
  guint64 q_width = (guint64) self->n_heads * self->head_dim;
  guint64 kv_width = (guint64) self->n_kv_heads * self->head_dim;
  guint64 layer = 2 * d + 2 * q_width * d + 2 * kv_width * d + 3 * (guint64) self->d_ff * d;
  guint64 embedding = (guint64) self->n_vocab * d;

  if (self->qkv_bias)
    layer += q_width + 2 * kv_width;
  if (self->output_bias)
    layer += d;
  if (self->mlp_bias)
    layer += 2 * (guint64) self->d_ff + d;
  if (self->qk_norm)
    layer += 2 * (guint64) self->head_dim;
  if (self->branch_norms)
    layer += 2 * d;
  return self->n_layers * layer + d + (self->tie_embeddings ? embedding : 2 * embedding);
}

char *
steer_model_config_dup_summary (const SteerModelConfig *self)
{
  double n = (double) steer_model_config_get_n_parameters (self);
  double scale = n >= 1e9 ? 1e9 : n >= 1e6 ? 1e6 : 1e3;
  const char *unit = n >= 1e9 ? "B" : n >= 1e6 ? "M" : "K";
  double scaled = n / scale;
  int decimals = scaled < 10.0 ? 2 : scaled < 100.0 ? 1 : 0;

  return g_strdup_printf ("%s, %u layer%s, d %u, %.*f %s parameters", infos[self->arch].name, self->n_layers,
                          self->n_layers == 1 ? "" : "s", self->d_model, decimals, scaled, unit);
}
