/* GGUF's blocks, in which scales and quants of all widths alternate, taken apart for kernels that want aligned loads:
 * steer-cuda-kernels.h says how each type's planes are. A thread takes a block; how well it reads and writes matters
 * little, since the blocks come no faster than the host sends them. */

#include "steer-device.cuh"

#define N_THREADS 256

#define PIECE 32
#define PIECES_OF_256 8

/* Of the data plane, in words: what four lanes of a product load at a time. */
#define GROUP_WORDS 16

/* Where a block goes. */
struct Place
{
  unsigned *data; /* its group's */
  int in_group;   /* which piece of the group; of a block of 256 columns the first */
  int n_together; /* pieces of the group */
  uint8_t *scales;
  unsigned *high;
  uint16_t *supers;
};

/* Four bytes, the first in the lowest bits. Blocks are aligned to 2 bytes. */
static __device__ __forceinline__ unsigned
read_word (const uint8_t *bytes, int i)
{
  const uint16_t *halves = reinterpret_cast<const uint16_t *> (bytes) + 2 * i;

  return halves[0] | (unsigned) halves[1] << 16;
}

static __device__ __forceinline__ void
copy_half (const uint8_t *from, void *to)
{
  *static_cast<uint16_t *> (to) = *reinterpret_cast<const uint16_t *> (from);
}

/* --- Blocks of 32: a scale and a piece --- */

/* @get (i): the quant of element i, 8 bits. */
template <typename Get>
static __device__ __forceinline__ void
put_bytes (const Place &place, Get get)
{
  for (int t = 0; t < 4; t++)
    for (int other = 0; other < 2; other++)
      {
        unsigned word = 0;

        for (int b = 0; b < 4; b++)
          word |= (unsigned) (uint8_t) get (16 * other + 4 * t + b) << (8 * b);
        place.data[(t * place.n_together + place.in_group) * 2 + other] = word;
      }
}

/* Quant i of 32 that are stored in four bits: the first 16 in the lower halves of bytes. */
static __device__ __forceinline__ int
get_nibble (const uint8_t *quants, int i)
{
  return quants[i % 16] >> (i / 16 * 4) & 15;
}

template <SteerCudaBlocks blocks> struct Splitter;

template <> struct Splitter<STEER_CUDA_BLOCKS_Q8_0>
{
  static const SteerCudaType type = STEER_CUDA_Q8;
  static const int n_columns = PIECE;
  static const int n_bytes = 34;

  static __device__ __forceinline__ void
  split (const uint8_t *block, const Place &place)
  {
    copy_half (block, place.scales);
    put_bytes (place, [=] (int i) { return block[2 + i]; });
  }
};

template <> struct Splitter<STEER_CUDA_BLOCKS_Q5_0>
{
  static const SteerCudaType type = STEER_CUDA_Q8;
  static const int n_columns = PIECE;
  static const int n_bytes = 22;

  static __device__ __forceinline__ void
  split (const uint8_t *block, const Place &place)
  {
    unsigned fifth = read_word (block + 2, 0);

    copy_half (block, place.scales);
    put_bytes (place, [=] (int i) { return (get_nibble (block + 6, i) | (int) (fifth >> i & 1) << 4) - 16; });
  }
};

template <> struct Splitter<STEER_CUDA_BLOCKS_IQ4_NL>
{
  static const SteerCudaType type = STEER_CUDA_Q8;
  static const int n_columns = PIECE;
  static const int n_bytes = 18;

  /* -127, -104, -83, -65, -49, -35, -22, -10 and 1, 13, 25, 38, 53, 69, 89, 113, the first in the lowest byte. */
  static __device__ __forceinline__ int
  get_number (int quant)
  {
    const uint64_t numbers = quant < 8 ? 0xf6eaddcfbfad9881 : 0x7159453526190d01;

    return (int) (numbers >> (quant % 8 * 8) & 0xff);
  }

  static __device__ __forceinline__ void
  split (const uint8_t *block, const Place &place)
  {
    copy_half (block, place.scales);
    put_bytes (place, [=] (int i) { return get_number (get_nibble (block + 2, i)); });
  }
};

template <> struct Splitter<STEER_CUDA_BLOCKS_Q4_0>
{
  static const SteerCudaType type = STEER_CUDA_Q4_0;
  static const int n_columns = PIECE;
  static const int n_bytes = 18;

  static __device__ __forceinline__ void
  split (const uint8_t *block, const Place &place)
  {
    copy_half (block, place.scales);
    /* 8 less, as two's complement: the highest bit is another. */
    for (int t = 0; t < 4; t++)
      place.data[t * place.n_together + place.in_group] = read_word (block + 2, t) ^ 0x88888888u;
  }
};

/* --- Blocks of 256: eight pieces, two groups --- */

#define LOW_NIBBLES 0x0f0f0f0fu

/* The low four bits of piece @j: in bytes @shift of @quants, [32]. */
static __device__ __forceinline__ void
put_nibbles (const Place &place, int j, const uint8_t *quants, int shift)
{
  unsigned *group = place.data + j / 4 * GROUP_WORDS;

  for (int t = 0; t < 4; t++)
    group[t * 4 + j % 4]
      = (read_word (quants, t) >> shift & LOW_NIBBLES) | (read_word (quants, t + 4) >> shift & LOW_NIBBLES) << 4;
}

/* The eight 6-bit scales and minima that Q4_K and Q5_K pack into 12 bytes, to {scale, minimum} of each. */
static __device__ __forceinline__ void
unpack_scales (const uint8_t *packed, uint8_t *scales)
{
  for (int j = 0; j < 4; j++)
    {
      scales[2 * j] = packed[j] & 63;
      scales[2 * j + 1] = packed[j + 4] & 63;
      scales[2 * (j + 4)] = (uint8_t) ((packed[j + 8] & 15) | packed[j] >> 6 << 4);
      scales[2 * (j + 4) + 1] = (uint8_t) (packed[j + 8] >> 4 | packed[j + 4] >> 6 << 4);
    }
}

template <> struct Splitter<STEER_CUDA_BLOCKS_Q4_K>
{
  static const SteerCudaType type = STEER_CUDA_Q4_K;
  static const int n_columns = 256;
  static const int n_bytes = 144;

  static __device__ __forceinline__ void
  split (const uint8_t *block, const Place &place)
  {
    copy_half (block, &place.supers[0]);
    copy_half (block + 2, &place.supers[1]);
    unpack_scales (block + 4, place.scales);
    for (int j = 0; j < PIECES_OF_256; j++)
      put_nibbles (place, j, block + 16 + j / 2 * 32, j % 2 * 4);
  }
};

template <> struct Splitter<STEER_CUDA_BLOCKS_Q5_K>
{
  static const SteerCudaType type = STEER_CUDA_Q5_K;
  static const int n_columns = 256;
  static const int n_bytes = 176;

  static __device__ __forceinline__ void
  split (const uint8_t *block, const Place &place)
  {
    const uint8_t *fifth = block + 16; /* [32]: bit j of byte i: of element i of piece j */

    copy_half (block, &place.supers[0]);
    copy_half (block + 2, &place.supers[1]);
    unpack_scales (block + 4, place.scales);
    for (int j = 0; j < PIECES_OF_256; j++)
      put_nibbles (place, j, block + 48 + j / 2 * 32, j % 2 * 4);
    /* They lie as they are wanted, but for the order of the words. */
    for (int t = 0; t < 4; t++)
      for (int other = 0; other < 2; other++)
        place.high[2 * t + other] = read_word (fifth, 4 * other + t);
  }
};

template <> struct Splitter<STEER_CUDA_BLOCKS_Q6_K>
{
  static const SteerCudaType type = STEER_CUDA_Q6_K;
  static const int n_columns = 256;
  static const int n_bytes = 210;

  static __device__ __forceinline__ void
  split (const uint8_t *block, const Place &place)
  {
    for (int i = 0; i < 16; i += 2)
      copy_half (block + 192 + i, place.scales + i);
    copy_half (block + 208, place.supers);
    for (int j = 0; j < PIECES_OF_256; j++)
      put_nibbles (place, j, block + j / 4 * 64 + j % 2 * 32, j % 4 / 2 * 4);
    /* Here, too: [32] bytes of four pieces, then of the other four. 32 less is another highest bit. */
    for (int t = 0; t < 4; t++)
      for (int other = 0; other < 2; other++)
        for (int fours = 0; fours < 2; fours++)
          place.high[4 * t + 2 * other + fours] = read_word (block + 128 + fours * 32, 4 * other + t) ^ 0xaaaaaaaau;
  }
};

/* --- All blocks of some rows --- */

template <typename T>
static __device__ __forceinline__ T *
get_plane (const void *plane)
{
  return static_cast<T *> (const_cast<void *> (plane));
}

template <SteerCudaBlocks kind>
static __global__ void
steer_split (const uint8_t *blocks, const SteerCudaMatrix matrix, int first_row, size_t n_blocks)
{
  typedef Splitter<kind> S;
  const int n_pieces = S::n_columns / PIECE;
  const int piece_words = S::type == STEER_CUDA_Q8 ? 8 : 4;
  const int n_group_blocks = n_pieces == 1 ? GROUP_WORDS / piece_words : 1;
  const int high_words = S::type == STEER_CUDA_Q5_K ? 8 : 16;
  const int n_supers = S::type == STEER_CUDA_Q6_K ? 1 : 2;
  size_t i = (size_t) blockIdx.x * N_THREADS + threadIdx.x;
  int n_row_blocks = matrix.n_columns / S::n_columns;
  size_t to = (size_t) first_row * n_row_blocks + i;
  int in_group = (int) (i % n_row_blocks) % n_group_blocks;
  int first = (int) (i % n_row_blocks) - in_group;
  Place place = {};

  steer_let_next_begin ();
  steer_wait_for_previous ();
  if (i >= n_blocks)
    return;
  place.in_group = in_group;
  place.n_together = min (n_group_blocks, n_row_blocks - first);
  place.data = get_plane<unsigned> (matrix.data) + (to - in_group) * n_pieces * piece_words;
  place.scales = get_plane<uint8_t> (matrix.scales) + to * n_pieces * 2;
  if (S::type == STEER_CUDA_Q5_K || S::type == STEER_CUDA_Q6_K)
    place.high = get_plane<unsigned> (matrix.high) + to * high_words;
  if (n_pieces > 1)
    place.supers = get_plane<uint16_t> (matrix.supers) + to * n_supers;
  S::split (blocks + i * S::n_bytes, place);
}

template <SteerCudaBlocks kind>
static cudaError_t
launch_split (const SteerCudaQueue *queue, const void *blocks, const SteerCudaMatrix *matrix, int first_row, int n_rows)
{
  typedef Splitter<kind> S;
  size_t n_blocks = (size_t) n_rows * (matrix->n_columns / S::n_columns);

  if (matrix->type != S::type || matrix->n_columns % S::n_columns != 0)
    return cudaErrorInvalidValue;
  return steer_launch (queue, steer_split<kind>, dim3 ((unsigned) ((n_blocks + N_THREADS - 1) / N_THREADS)), N_THREADS,
                       0, static_cast<const uint8_t *> (blocks), *matrix, first_row, n_blocks);
}

cudaError_t
steer_cuda_split (const SteerCudaQueue *queue,
                  SteerCudaBlocks kind,
                  const void *blocks,
                  const SteerCudaMatrix *matrix,
                  int first_row,
                  int n_rows)
{
  switch (kind)
    {
    case STEER_CUDA_BLOCKS_Q8_0:
      return launch_split<STEER_CUDA_BLOCKS_Q8_0> (queue, blocks, matrix, first_row, n_rows);
    case STEER_CUDA_BLOCKS_Q5_0:
      return launch_split<STEER_CUDA_BLOCKS_Q5_0> (queue, blocks, matrix, first_row, n_rows);
    case STEER_CUDA_BLOCKS_IQ4_NL:
      return launch_split<STEER_CUDA_BLOCKS_IQ4_NL> (queue, blocks, matrix, first_row, n_rows);
    case STEER_CUDA_BLOCKS_Q4_0:
      return launch_split<STEER_CUDA_BLOCKS_Q4_0> (queue, blocks, matrix, first_row, n_rows);
    case STEER_CUDA_BLOCKS_Q4_K:
      return launch_split<STEER_CUDA_BLOCKS_Q4_K> (queue, blocks, matrix, first_row, n_rows);
    case STEER_CUDA_BLOCKS_Q5_K:
      return launch_split<STEER_CUDA_BLOCKS_Q5_K> (queue, blocks, matrix, first_row, n_rows);
    case STEER_CUDA_BLOCKS_Q6_K:
      return launch_split<STEER_CUDA_BLOCKS_Q6_K> (queue, blocks, matrix, first_row, n_rows);
    }
  return cudaErrorInvalidValue;
}
