#pragma once

#include <stdint.h>

#include <cuda_runtime_api.h>

#ifdef __cplusplus
extern "C"
{
#endif

  /**
   * SECTION: the kernels of the CUDA backend
   *
   * Each function launches the kernels of one stage of a forward pass on a stream and returns at once, with the error
   * of the launch. None allocates, none copies, none waits: all of them can be captured into a graph. Shapes are launch
   * parameters; whatever changes between two steps of decoding (token, position, slot, steering, sampling) is read from
   * device memory, so that one captured graph per number of columns serves every step at every length of context.
   *
   * Pointers are device memory, or host memory mapped into the device where a comment says so. Every pointer must be
   * aligned to 16 bytes and so must every row, which check_shape() sees to. Buffers of one call must not overlap unless
   * the comment says so. Any thread, one at a time a stream.
   *
   * Activations are float32, row by row: the residual stream is [n_tokens, d_model]. The prefill functions also write
   * 16-bit activations, the left operands of the matrix products that cuBLAS computes between them.
   */

#define STEER_CUDA_MAX_COLUMNS 4
#define STEER_CUDA_MAX_D_MODEL 12288
#define STEER_CUDA_MAX_HEAD_DIM 256
#define STEER_CUDA_MAX_VOCAB (1 << 24)

  /* How numbers are stored. */
  typedef enum
  {
    STEER_CUDA_F32,
    STEER_CUDA_F16,
    STEER_CUDA_BF16,

    /* Quantised types lie in planes, each [n_rows, ...], so that every load is aligned and all of a warp's are
     * neighbours. They hold the numbers of GGUF's blocks, to the bit; steer_cuda_split() takes those
     * apart.
     *
     * 32 columns are a piece, of which quarter t, from 0 to 3, is elements 4 t + b and 16 + 4 t + b, b from 0 to 3. The
     * data plane of a row is [groups, 4 quarters, pieces of the group, bytes of a quarter], 64 bytes a group; the last
     * group of a row has as many pieces as are left. */

    /* value = quant * scale. data: int8, groups of two pieces, quarters of 8 bytes: the first four elements and the
     * other four. scales: f16 [pieces]. */
    STEER_CUDA_Q8,

    /* value = quant * scale + offset. data: as Q8, but without a sign. scales: f16 {scale, offset} [pieces]. */
    STEER_CUDA_Q8_1,

    /* value = quant * scale, quant within -8 .. 7. data: groups of four pieces, quarters of 4 bytes: byte b is the
     * first four elements' b-th in its lower half, the other four's in its upper half, as two's complement. scales: f16
     * [pieces]. */
    STEER_CUDA_Q4_0,

    /* value = level * scale, a level being one of 16 numbers of GGUF's definition. data: groups of four pieces,
     * quarters of 4 bytes: which levels, four bits each, the first four elements' in the lower half. scales: f16
     * [pieces]. */
    STEER_CUDA_IQ4_NL,

    /* value = super.x * scale * quant - super.y * minimum, quant within 0 .. 3. data: uint32 [n_columns / 256, 4
     * quarters, 2, 2]: of the first four elements and of the other four, of four pieces each: byte b is of the b-th
     * elements, two bits a piece. scales: uint8 [pieces, 2], of the first 16 elements and the others: the scale in the
     * lower four bits, the minimum in the upper ones. supers: f16 [n_columns / 256, 2]. */
    STEER_CUDA_Q2_K,

    /* value = super * scale * quant, quant within -4 .. 3. data: the low two bits, as Q2_K. high: the third one, its
     * two's complement's, as Q5_K. scales: int8 [pieces, 2]. supers: f16 [n_columns / 256]. */
    STEER_CUDA_Q3_K,

    /* value = super.x * scale * quant - super.y * minimum. data: as Q4_0, but of quants within 0 .. 15. scales: {uint8
     * scale, minimum} [pieces]. supers: f16 [n_columns / 256, 2]. */
    STEER_CUDA_Q4_K,

    /* The same with a fifth bit. high: uint32 [n_columns / 256, 4 quarters, 2]: of the first four elements and of the
     * other four, byte b of the b-th's, bit j of piece j's. */
    STEER_CUDA_Q5_K,

    /* value = super * scale * quant, quant within -32 .. 31. data: the low four bits, as Q4_K. scales: int8 [pieces,
     * 2]: of the first 16 elements and the others. high: uint32 [n_columns / 256, 4 quarters, 2, 2]: as Q5_K, of four
     * pieces each and two bits an element: its two's complement's. supers: f16 [n_columns / 256]. */
    STEER_CUDA_Q6_K,

    /* value = super * scale * level. data: as IQ4_NL. scales: int8 [pieces]. supers: f16 [n_columns / 256]. */
    STEER_CUDA_IQ4_XS,
  } SteerCudaType;

  /* A weight matrix of a linear layer: y = W x + bias. Rows lie one after the other. */
  typedef struct
  {
    SteerCudaType type;
    const void *data;   /* [n_rows, n_columns] */
    const void *scales; /* of a quantised type, else NULL; so are the others, where the type has them */
    const void *high;
    const void *supers;
    const float *bias; /* (nullable): [n_rows] */
    int n_rows;
    int n_columns; /* a multiple of 8; of the columns that share a scale or a super for a quantised type */
  } SteerCudaMatrix;

  /* What the MLP makes of its gate: STEER_CUDA_GELU is gate * (1 + tanh (sqrt (2 / pi) (gate + 0.044715 gate^3))) / 2.
   */
  typedef enum
  {
    STEER_CUDA_SILU,
    STEER_CUDA_GELU,
  } SteerCudaGate;

  typedef struct
  {
    int d_model; /* a multiple of 8, at most STEER_CUDA_MAX_D_MODEL */
    int n_heads; /* a multiple of n_kv_heads */
    int n_kv_heads;
    int head_dim;         /* a multiple of 8, at most STEER_CUDA_MAX_HEAD_DIM */
    int d_ff;             /* a multiple of 8 */
    int n_vocab;          /* at most STEER_CUDA_MAX_VOCAB */
    int sliding_window;   /* 0: none; else a position sees this many, itself included */
    int rope_interleaved; /* 0: element i turns with i + head_dim / 2; 1: 2i turns with 2i + 1 */
    float rms_norm_eps;
    SteerCudaGate gate;
    float embed_scale;       /* 0: none; else rows of the embedding are multiplied with it */
    float query_scalar;      /* 0: head_dim; scores are divided by its square root */
    float attention_softcap; /* 0: none; else a score s becomes softcap * tanh (s / softcap) */
  } SteerCudaShape;

  /* NULL when the kernels can run a model of this shape, else the reason, for people. */
  const char *steer_cuda_check_shape (const SteerCudaShape *shape);

  /* Where kernels are launched. */
  typedef struct
  {
    cudaStream_t stream;
    int n_processors; /* multiprocessors of the device */
    int n_shared;     /* bytes of shared memory that a block may ask for */
    int overlap;      /* 1: a kernel may begin while the one before it ends (compute capability 9.0 or later, and code
                       * for it) */
  } SteerCudaQueue;

  /* Asks the current device. */
  cudaError_t steer_cuda_queue_init (SteerCudaQueue *queue, cudaStream_t stream);

  /* The keys and values of one layer, of all slots. */
  typedef struct
  {
    SteerCudaType type; /* F16 or BF16 */
    void *keys;         /* [n_slots, n_kv_heads, n_context, head_dim], keys after rotation */
    void *values;       /* [n_slots, n_kv_heads, n_context, head_dim] */
    int n_slots;
    int n_context;
  } SteerCudaCache;

  /* --- Steering ------------------------------------------------------------------------------------------------- */

  /* The device's view of a SteerEncoder. Of no bias and a threshold of -INFINITY it measures a projection. */
  typedef struct
  {
    const float *weights; /* [d_model] */
    int32_t input;        /* SteerEncoderInput */
    float bias;
    float threshold;
    float gain;
  } SteerCudaEncoder;

  /* One operation; the device's view of a SteerPlanOp. */
  typedef struct
  {
    int32_t mode; /* SteerMode */
    float strength;
    const float *vector;      /* [d_model] */
    SteerCudaEncoder encoder; /* SAE_CLAMP */
    int32_t when;             /* SteerWhen */
    float bound;
    SteerCudaEncoder gate; /* but for STEER_WHEN_ALWAYS */
  } SteerCudaOp;

  /* What is done to a sequence; lies in device memory, made by the host as one block and copied with one copy. */
  typedef struct
  {
    const int32_t *first;   /* [n_layers + 1]: the operations of layer l are ops[first[l]] .. ops[first[l + 1] - 1] */
    const SteerCudaOp *ops; /* [first[n_layers]], in the plan's order inside a layer */
  } SteerCudaPlan;

  /* One token of a step: a column of a decode step, a row of a prefill chunk. */
  typedef struct
  {
    int32_t token;
    int32_t position; /* of the token in its slot; it sees the positions up to its own */
    int32_t slot;
    int32_t unused;
    const SteerCudaPlan *plan; /* (nullable): NULL leaves the token unsteered (no plan, or masked) */
  } SteerCudaToken;

  /* --- Both decode and prefill ----------------------------------------------------------------------------------- */

  /**
   * steer_cuda_embed:
   * @embed: [n_vocab, d_model]
   * @inv_freq: [n_turns, head_dim / 2]
   * @n_turns: more than one where layers turn in ways of their own
   * @tokens: [n_tokens]
   * @residual: out: [n_tokens, d_model]
   * @turns: out: [n_turns, n_tokens, head_dim / 2, 2]: cosine and sine of each pair's angle, position * inv_freq in
   *   float32
   */
  cudaError_t steer_cuda_embed (const SteerCudaQueue *queue,
                                const SteerCudaShape *shape,
                                const SteerCudaMatrix *embed,
                                const float *inv_freq,
                                int n_turns,
                                const SteerCudaToken *tokens,
                                int n_tokens,
                                float *residual,
                                float *turns);

  /* --- Decode: 1 .. STEER_CUDA_MAX_COLUMNS tokens, usually of as many sequences ----------------------------------- */

  /* The columns may also be successive tokens of one slot: each sees what those before it wrote.
   *
   * Products are as exact as those of float32, where the largest activation counts: with quantised weights they are of
   * whole numbers, and an activation is rounded to the 29th bit of the largest of 128 neighbours.
   */

  /**
   * steer_cuda_decode_qkv:
   * @layer: its steering is that of the layer before it, applied here on the way in: what ends layer - 1 begins this
   * one; 0 where there is none before, or it has been steered already
   * @norm: [d_model]
   * @residual_in: [n_columns, d_model]: the output of layer - 1 before steering (of the embedding when layer is 0)
   * @residual_out: out: [n_columns, d_model]: the same after steering, to which the rest of the layer adds. Another
   * buffer
   * @query: out: [n_columns, n_heads * head_dim], rotated
   * @heads: (nullable): out: [n_columns, n_heads + 2 n_kv_heads, head_dim]: queries, keys and values; where it is,
   *   nothing is rotated, nothing goes to @query or the cache, and steer_cuda_rotate_rows() follows
   *
   * Steering, RMS norm, the three products with their biases, rotation; keys and values go to the cache. One launch
   * when the three matrices are of one type, or values of Q6_K beside Q4_K or Q5_K, as in many files.
   */
  cudaError_t steer_cuda_decode_qkv (const SteerCudaQueue *queue,
                                     const SteerCudaShape *shape,
                                     int layer,
                                     const SteerCudaMatrix *q,
                                     const SteerCudaMatrix *k,
                                     const SteerCudaMatrix *v,
                                     const float *norm,
                                     const SteerCudaToken *tokens,
                                     int n_columns,
                                     const float *turns,
                                     const float *residual_in,
                                     float *residual_out,
                                     float *query,
                                     float *heads,
                                     const SteerCudaCache *cache);

  /* Bytes of @scratch; zero it once after allocating it. */
  size_t steer_cuda_decode_attention_get_scratch (const SteerCudaShape *shape, int n_columns);

  /**
   * steer_cuda_decode_attention:
   * @query: [n_columns, n_heads * head_dim]
   * @scratch: steer_cuda_decode_attention_get_scratch() bytes, zeroed once; calls on one stream may share it
   * @attended: out: [n_columns, n_heads * head_dim]
   *
   * Softmax attention over the cache, the positions cut into spans that are computed at once ("flash decoding"). How
   * they are cut depends on the position alone, so a sequence gets the same bits whatever runs beside it.
   */
  cudaError_t steer_cuda_decode_attention (const SteerCudaQueue *queue,
                                           const SteerCudaShape *shape,
                                           const SteerCudaCache *cache,
                                           const SteerCudaToken *tokens,
                                           int n_columns,
                                           const float *query,
                                           void *scratch,
                                           float *attended);

  /* residual += matrix x + bias. The attention's output projection and the MLP's down projection.
   * x: [n_columns, matrix->n_columns]; residual: [n_columns, matrix->n_rows]. */
  cudaError_t steer_cuda_decode_add (const SteerCudaQueue *queue,
                                     const SteerCudaMatrix *matrix,
                                     const float *x,
                                     int n_columns,
                                     float *residual);

  /* out = matrix x + bias, x normalised first where there is a norm. norm: (nullable): [matrix->n_columns]; x:
   * [n_columns, matrix->n_columns]; out: [n_columns, matrix->n_rows]. */
  cudaError_t steer_cuda_decode_multiply (const SteerCudaQueue *queue,
                                          const SteerCudaShape *shape,
                                          const SteerCudaMatrix *matrix,
                                          const float *norm,
                                          const float *x,
                                          int n_columns,
                                          float *out);

  /* RMS norm, gate and up, which are of one type, f (gate) * up, f being the shape's. residual: [n_columns, d_model];
   * hidden: out: [n_columns, d_ff]. */
  cudaError_t steer_cuda_decode_gate_up (const SteerCudaQueue *queue,
                                         const SteerCudaShape *shape,
                                         const SteerCudaMatrix *gate,
                                         const SteerCudaMatrix *up,
                                         const float *norm,
                                         const float *residual,
                                         int n_columns,
                                         float *hidden);

  /* Steering of the last layer, final norm, output matrix.
   * n_layers: of the model, 0 where the last has been steered already; residual_in: [n_columns, d_model], before the
   * last layer's steering; residual_out: out: after it; logits: out: [n_columns, n_vocab], may be mapped host memory.
   */
  cudaError_t steer_cuda_decode_logits (const SteerCudaQueue *queue,
                                        const SteerCudaShape *shape,
                                        int n_layers,
                                        const SteerCudaMatrix *output,
                                        const float *norm,
                                        const SteerCudaToken *tokens,
                                        int n_columns,
                                        const float *residual_in,
                                        float *residual_out,
                                        float *logits);

  /* --- Choosing tokens -------------------------------------------------------------------------------------------- */

  /* How the token of a column is chosen: the fields of SteerSampling and of SteerRun. In device memory. */
  typedef struct
  {
    double temperature; /* 0: greedy */
    double top_p;
    double min_p;
    double repetition_penalty;
    double uniform;
    const uint32_t *seen; /* (nullable): bit set [(n_vocab + 31) / 32] */
    uint32_t top_k;
    uint32_t stamp; /* comes back with the token, so that a waiting host knows this step's from the last one's */
  } SteerCudaChoice;

  /* Bytes of @scratch; zero it once after allocating it. */
  size_t steer_cuda_choose_get_scratch (int n_vocab, int n_columns);

  /**
   * steer_cuda_choose:
   * @logits: [n_columns, n_vocab], changed by the call
   * @choices: [n_columns]
   * @scratch: steer_cuda_choose_get_scratch() bytes, zeroed once
   * @chosen: out: [n_columns]: (uint64_t) stamp << 32 | token, written at once; usually mapped host memory
   *
   * The token that steer_sampler_choose() chooses from the same logits.
   */
  cudaError_t steer_cuda_choose (const SteerCudaQueue *queue,
                                 float *logits,
                                 int n_vocab,
                                 const SteerCudaChoice *choices,
                                 int n_columns,
                                 void *scratch,
                                 uint64_t *chosen);

  /* --- Prefill: any number of tokens ------------------------------------------------------------------------------ */

  /* out = rms_norm (residual) * weight, rounded to @out_type (F32, F16 or BF16). residual, out: [n_tokens, d_model]. */
  cudaError_t steer_cuda_norm_rows (const SteerCudaQueue *queue,
                                    const SteerCudaShape *shape,
                                    const float *residual,
                                    const float *weight,
                                    int n_tokens,
                                    SteerCudaType out_type,
                                    void *out);

  /* Queries, keys or values of some tokens, as the product gives them, and what is to be done to them. */
  typedef struct
  {
    const float *rows; /* [n_tokens, stride], of which the first are [heads of them, head_dim] */
    int stride;
    const float *bias; /* (nullable): [heads of them * head_dim] */
    const float *norm; /* (nullable): [head_dim]: each head is normalised */
  } SteerCudaHeads;

  /**
   * steer_cuda_rotate_rows:
   * @query_type: the cache's, or F32
   * @query: out: [n_tokens, n_heads * head_dim] of @query_type: rotated; F32 as steer_cuda_decode_attention() wants it,
   *   else scaled as steer_cuda_attend_rows() wants it: by log2 (e) / sqrt (query_scalar)
   *
   * Biases, RMS norm of heads, rotation; keys and values go to the cache. Of values there is no norm.
   */
  cudaError_t steer_cuda_rotate_rows (const SteerCudaQueue *queue,
                                      const SteerCudaShape *shape,
                                      const SteerCudaHeads *q,
                                      const SteerCudaHeads *k,
                                      const SteerCudaHeads *v,
                                      const SteerCudaToken *tokens,
                                      int n_tokens,
                                      const float *turns,
                                      SteerCudaType query_type,
                                      void *query,
                                      const SteerCudaCache *cache);

  /**
   * steer_cuda_attend_rows:
   * @slot, @position: of the first of @n_tokens successive tokens of one sequence, whose keys and values are in the
   * cache
   * @query: [n_tokens, n_heads * head_dim] of the cache's type, as steer_cuda_rotate_rows() writes it
   * @out: out: [n_tokens, n_heads * head_dim] of @out_type (F32, F16 or BF16)
   */
  cudaError_t steer_cuda_attend_rows (const SteerCudaQueue *queue,
                                      const SteerCudaShape *shape,
                                      const SteerCudaCache *cache,
                                      int slot,
                                      int position,
                                      const void *query,
                                      int n_tokens,
                                      SteerCudaType out_type,
                                      void *out);

  /* out = f (gate + gate_bias) * (up + up_bias), f being the shape's, rounded to @out_type. gate, up, out: [n_tokens,
   * d_ff]; biases: (nullable): [d_ff]. */
  cudaError_t steer_cuda_gate_rows (const SteerCudaQueue *queue,
                                    const SteerCudaShape *shape,
                                    const float *gate,
                                    const float *up,
                                    const float *gate_bias,
                                    const float *up_bias,
                                    int n_tokens,
                                    SteerCudaType out_type,
                                    void *out);

  /* rows[t] += bias. rows: [n_tokens, n]; for the biases of products that add to the residual. */
  cudaError_t
  steer_cuda_add_bias_rows (const SteerCudaQueue *queue, const float *bias, int n, int n_tokens, float *rows);

  /* residual += rms_norm (rows) * weight. residual, rows: [n_tokens, d_model]. Of decode, too. */
  cudaError_t steer_cuda_add_normed_rows (const SteerCudaQueue *queue,
                                          const SteerCudaShape *shape,
                                          const float *rows,
                                          const float *weight,
                                          int n_tokens,
                                          float *residual);

  /* x = cap * tanh (x / cap) of [n] logits. Of decode, too. */
  cudaError_t steer_cuda_cap (const SteerCudaQueue *queue, float cap, size_t n, float *logits);

  /* Steers the output of @layer in place. residual: [n_tokens, d_model]; tokens: [n_tokens]. */
  cudaError_t steer_cuda_steer_rows (const SteerCudaQueue *queue,
                                     const SteerCudaShape *shape,
                                     int layer,
                                     const SteerCudaToken *tokens,
                                     int n_tokens,
                                     float *residual);

  /* --- Weights -----------------------------------------------------------------------------------------------------
   */

  /* Rows first_row .. first_row + n_rows - 1 of @matrix in @out_type (F32, F16 or BF16); out: [n_rows, n_columns]. */
  cudaError_t steer_cuda_expand (const SteerCudaQueue *queue,
                                 const SteerCudaMatrix *matrix,
                                 int first_row,
                                 int n_rows,
                                 SteerCudaType out_type,
                                 void *out);

  /* Quantises [n_rows, n_columns] weights of type F32, F16 or BF16 to the planes of STEER_CUDA_Q8: the scale is the
   * largest magnitude of 32 columns / 127, rounded to f16. n_columns: a multiple of 32; quants: in the order of the
   * plane. */
  cudaError_t steer_cuda_quantise (const SteerCudaQueue *queue,
                                   SteerCudaType type,
                                   const void *weights,
                                   int n_rows,
                                   int n_columns,
                                   int8_t *quants,
                                   void *scales);

  /* GGUF's blocks. A type holds their numbers to the bit: that of the same name, STEER_CUDA_Q8 those of Q8_0 and Q5_0,
   * STEER_CUDA_Q8_1 those of Q5_1 and Q4_1. */
  typedef enum
  {
    STEER_CUDA_BLOCKS_Q8_0,
    STEER_CUDA_BLOCKS_Q5_0,
    STEER_CUDA_BLOCKS_Q5_1,
    STEER_CUDA_BLOCKS_Q4_1,
    STEER_CUDA_BLOCKS_Q4_0,
    STEER_CUDA_BLOCKS_IQ4_NL,
    STEER_CUDA_BLOCKS_Q2_K,
    STEER_CUDA_BLOCKS_Q3_K,
    STEER_CUDA_BLOCKS_Q4_K,
    STEER_CUDA_BLOCKS_Q5_K,
    STEER_CUDA_BLOCKS_Q6_K,
    STEER_CUDA_BLOCKS_IQ4_XS,
  } SteerCudaBlocks;

  /* @blocks: whole rows as they lie in a file, to rows first_row .. first_row + n_rows - 1 of the planes of @matrix,
   * which is of the kind's type. */
  cudaError_t steer_cuda_split (const SteerCudaQueue *queue,
                                SteerCudaBlocks kind,
                                const void *blocks,
                                const SteerCudaMatrix *matrix,
                                int first_row,
                                int n_rows);

#ifdef __cplusplus
}
#endif
