#pragma once

#include "model/steer-backend.h"
#include "steer-cpu-kernels.h"

/* Tokens that go through the layers together when a prompt is read, at most. A chunk's activations should stay in the
 * second level cache or near it, and its length should make the unpacking of the weights, done once a chunk, cheap:
 * packed weights are fewer bytes to read again and multiply faster, so theirs are shorter. Measured in
 * docs/benchmarks.md. */
#define STEER_CPU_CHUNK 512
#define STEER_CPU_PACKED_CHUNK 256

/* A run of at most this many tokens is computed as decoding: weights are read as they are stored and each row is
 * multiplied with all tokens. The choice depends on nothing but the run itself, so what a sequence gets does not
 * depend on its neighbours in a batch. */
#define STEER_CPU_SHORT_RUN STEER_CPU_GEMV_COLUMNS
#define STEER_CPU_SHORT_TOKENS (STEER_MAX_SLOTS * STEER_CPU_SHORT_RUN)

/* Rows of one work item of a chunk's product. */
#define STEER_CPU_ITEM_ROWS 64

/* A head's query is the left operand of a tile. */
#define STEER_CPU_MAX_HEAD_DIM STEER_CPU_TILE_DEPTH

/* Query rows (tokens times heads of a group) that attention takes through the cache together: enough to make the
 * unpacking of a block cheap, few enough for the second level cache. */
#define STEER_CPU_QUERY_ROWS 112

/* Positions after which attention closes a partial result. Partial results are combined in the order of positions
 * whoever computed them, so a long context can be shared by threads, and a head's blocks of a span lie together in the
 * cache. A multiple of STEER_CPU_BLOCK. */
#define STEER_CPU_SPAN 512
