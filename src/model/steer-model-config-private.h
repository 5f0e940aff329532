#pragma once

#include "tensor/steer-gguf-writer.h"
#include "steer-json-config.h"

G_BEGIN_DECLS

/* Far above every real model, and small enough that each product that sizes an array fits in a gint64: the largest,
 * a KV cache in F32, is 2 * layers * context * width * 4 < 2^62 bytes. */
#define STEER_MODEL_MAX_LAYERS (1u << 12)
#define STEER_MODEL_MAX_WIDTH (1u << 20) /* of the residual stream and of all heads together */
#define STEER_MODEL_MAX_FF (1u << 22)
#define STEER_MODEL_MAX_VOCAB (1u << 24)
#define STEER_MODEL_MAX_CONTEXT (1u << 27)

/* Reads the rotary embedding's part of config.json: rope_theta with rope_scaling, or rope_parameters. */
gboolean steer_model_config_read_rope (SteerModelConfig *self, const SteerJsonConfig *json, GError **error);

/* What generation_config.json, or a GGUF file's metadata, says of sampling; and into such metadata. */
void steer_model_config_read_sampling (SteerModelConfig *self, const SteerJsonConfig *json);
void steer_model_config_read_sampling_gguf (SteerModelConfig *self, SteerArchive *archive);
void steer_model_config_write_sampling_gguf (const SteerModelConfig *self, SteerGgufWriter *writer);

G_END_DECLS
