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

/* With a fifth bit, of element i bit i of a word. */
static __device__ __forceinline__ int
get_five_bits (const uint8_t *quants, unsigned fifth, int i)
{
  return get_nibble (quants, i) | (int) (fifth >> i & 1) << 4;
}

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
    put_bytes (place, [=] (int i) { return get_five_bits (block + 6, fifth, i) - 16; });
  }
};

template <> struct Splitter<STEER_CUDA_BLOCKS_Q5_1>
{
  static const SteerCudaType type = STEER_CUDA_Q8_1;
  static const int n_columns = PIECE;
  static const int n_bytes = 24;

  static __device__ __forceinline__ void
  split (const uint8_t *block, const Place &place)
  {
    unsigned fifth = read_word (block + 4, 0);

    copy_half (block, place.scales);
    copy_half (block + 2, place.scales + 2);
    put_bytes (place, [=] (int i) { return get_five_bits (block + 8, fifth, i); });
  }
};

template <> struct Splitter<STEER_CUDA_BLOCKS_Q4_1>
{
  static const SteerCudaType type = STEER_CUDA_Q8_1;
  static const int n_columns = PIECE;
  static const int n_bytes = 20;

  static __device__ __forceinline__ void
  split (const uint8_t *block, const Place &place)
  {
    copy_half (block, place.scales);
    copy_half (block + 2, place.scales + 2);
    put_bytes (place, [=] (int i) { return get_nibble (block + 4, i); });
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

/* What tells levels, four bits of each of eight elements: those in the lower halves of the word's bytes first. */
static __device__ __forceinline__ unsigned
order_codes (unsigned word)
{
  unsigned codes = 0;

  for (int b = 0; b < 4; b++)
    codes |= (word >> (8 * b) & 15) << (4 * b) | (word >> (8 * b + 4) & 15) << (16 + 4 * b);
  return codes;
}

template <> struct Splitter<STEER_CUDA_BLOCKS_IQ4_NL>
{
  static const SteerCudaType type = STEER_CUDA_IQ4_NL;
  static const int n_columns = PIECE;
  static const int n_bytes = 18;

  static __device__ __forceinline__ void
  split (const uint8_t *block, const Place &place)
  {
    copy_half (block, place.scales);
    for (int t = 0; t < 4; t++)
      place.data[t * place.n_together + place.in_group] = order_codes (read_word (block + 2, t));
  }
};

/* --- Blocks of 256: eight pieces --- */

#define LOW_NIBBLES 0x0f0f0f0fu

/* A bit of eight pieces in each of [32] bytes: they lie as they are wanted, but for the order of the words. @flip: bits
 * that are to be others. */
static __device__ __forceinline__ void
put_single_bits (const uint8_t *bits, unsigned flip, unsigned *to)
{
  for (int t = 0; t < 4; t++)
    for (int other = 0; other < 2; other++)
      to[2 * t + other] = read_word (bits, 4 * other + t) ^ flip;
}

/* Two bits of four pieces in each of [32] bytes, and of the other four in as many. */
static __device__ __forceinline__ void
put_bit_pairs (const uint8_t *bits, unsigned flip, unsigned *to)
{
  for (int t = 0; t < 4; t++)
    for (int other = 0; other < 2; other++)
      for (int fours = 0; fours < 2; fours++)
        to[4 * t + 2 * other + fours] = read_word (bits + fours * 32, 4 * other + t) ^ flip;
}

template <> struct Splitter<STEER_CUDA_BLOCKS_Q2_K>
{
  static const SteerCudaType type = STEER_CUDA_Q2_K;
  static const int n_columns = 256;
  static const int n_bytes = 84;

  static __device__ __forceinline__ void
  split (const uint8_t *block, const Place &place)
  {
    for (int i = 0; i < 16; i += 2)
      copy_half (block + i, place.scales + i);
    put_bit_pairs (block + 16, 0, place.data);
    copy_half (block + 80, &place.supers[0]);
    copy_half (block + 82, &place.supers[1]);
  }
};

template <> struct Splitter<STEER_CUDA_BLOCKS_Q3_K>
{
  static const SteerCudaType type = STEER_CUDA_Q3_K;
  static const int n_columns = 256;
  static const int n_bytes = 110;

  static __device__ __forceinline__ void
  split (const uint8_t *block, const Place &place)
  {
    const uint8_t *packed = block + 96; /* [12]: sixteen scales: four bits each, then two */

    /* A third bit says that 4 is not to be taken off. */
    put_single_bits (block, 0xffffffffu, place.high);
    put_bit_pairs (block + 32, 0, place.data);
    for (int i = 0; i < 16; i++)
      {
        int low = packed[i % 8] >> (i / 8 * 4) & 15;
        int high = packed[8 + i % 4] >> (i / 4 * 2) & 3;

        place.scales[i] = (uint8_t) ((low | high << 4) - 32);
      }
    copy_half (block + 108, place.supers);
  }
};

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
    copy_half (block, &place.supers[0]);
    copy_half (block + 2, &place.supers[1]);
    unpack_scales (block + 4, place.scales);
    for (int j = 0; j < PIECES_OF_256; j++)
      put_nibbles (place, j, block + 48 + j / 2 * 32, j % 2 * 4);
    put_single_bits (block + 16, 0, place.high);
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
    /* 32 less is another highest bit. */
    put_bit_pairs (block + 128, 0xaaaaaaaau, place.high);
  }
};

template <> struct Splitter<STEER_CUDA_BLOCKS_IQ4_XS>
{
  static const SteerCudaType type = STEER_CUDA_IQ4_XS;
  static const int n_columns = 256;
  static const int n_bytes = 136;

  static __device__ __forceinline__ void
  split (const uint8_t *block, const Place &place)
  {
    unsigned high = block[2] | (unsigned) block[3] << 8;

    copy_half (block, place.supers);
    for (int j = 0; j < PIECES_OF_256; j++)
      {
        int scale = (int) ((block[4 + j / 2] >> (j % 2 * 4) & 15) | (high >> (2 * j) & 3) << 4) - 32;

        place.scales[j] = (uint8_t) scale;
        for (int t = 0; t < 4; t++)
          place.data[j / 4 * GROUP_WORDS + t * 4 + j % 4] = order_codes (read_word (block + 8 + 16 * j, t));
      }
  }
};

/* --- All blocks of some rows --- */

template <typename T>
static __device__ __forceinline__ T *
get_plane (const void *plane)
{
  return static_cast<T *> (const_cast<void *> (plane));
}

/* What a piece takes of the planes, in their units: of steer_cuda_planes_get(). */
template <SteerCudaType type> struct Planes
{
  static const bool bytes = type == STEER_CUDA_Q8 || type == STEER_CUDA_Q8_1;
  static const bool two_bits = type == STEER_CUDA_Q2_K || type == STEER_CUDA_Q3_K;
  static const int data_words = bytes ? 8 : two_bits ? 2 : 4;
  static const int scale_bytes = type == STEER_CUDA_Q8_1 ? 4 : type == STEER_CUDA_IQ4_XS ? 1 : 2;
  static const int high_words = type == STEER_CUDA_Q6_K                              ? 2
                                : type == STEER_CUDA_Q5_K || type == STEER_CUDA_Q3_K ? 1
                                                                                     : 0;
  static const int n_supers = type == STEER_CUDA_Q2_K || type == STEER_CUDA_Q4_K || type == STEER_CUDA_Q5_K ? 2 : 1;
};

template <SteerCudaBlocks kind>
static __global__ void
steer_split (const uint8_t *blocks, const SteerCudaMatrix matrix, int first_row, size_t n_blocks)
{
  typedef Splitter<kind> S;
  typedef Planes<S::type> P;
  const int n_pieces = S::n_columns / PIECE;
  const int n_group_blocks = n_pieces == 1 ? GROUP_WORDS / P::data_words : 1;
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
  place.data = get_plane<unsigned> (matrix.data) + (to - in_group) * n_pieces * P::data_words;
  place.scales = get_plane<uint8_t> (matrix.scales) + to * n_pieces * P::scale_bytes;
  if (P::high_words > 0)
    place.high = get_plane<unsigned> (matrix.high) + to * n_pieces * P::high_words;
  if (n_pieces > 1)
    place.supers = get_plane<uint16_t> (matrix.supers) + to * P::n_supers;
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
    case STEER_CUDA_BLOCKS_Q5_1:
      return launch_split<STEER_CUDA_BLOCKS_Q5_1> (queue, blocks, matrix, first_row, n_rows);
    case STEER_CUDA_BLOCKS_Q4_1:
      return launch_split<STEER_CUDA_BLOCKS_Q4_1> (queue, blocks, matrix, first_row, n_rows);
    case STEER_CUDA_BLOCKS_Q4_0:
      return launch_split<STEER_CUDA_BLOCKS_Q4_0> (queue, blocks, matrix, first_row, n_rows);
    case STEER_CUDA_BLOCKS_IQ4_NL:
      return launch_split<STEER_CUDA_BLOCKS_IQ4_NL> (queue, blocks, matrix, first_row, n_rows);
    case STEER_CUDA_BLOCKS_Q2_K:
      return launch_split<STEER_CUDA_BLOCKS_Q2_K> (queue, blocks, matrix, first_row, n_rows);
    case STEER_CUDA_BLOCKS_Q3_K:
      return launch_split<STEER_CUDA_BLOCKS_Q3_K> (queue, blocks, matrix, first_row, n_rows);
    case STEER_CUDA_BLOCKS_Q4_K:
      return launch_split<STEER_CUDA_BLOCKS_Q4_K> (queue, blocks, matrix, first_row, n_rows);
    case STEER_CUDA_BLOCKS_Q5_K:
      return launch_split<STEER_CUDA_BLOCKS_Q5_K> (queue, blocks, matrix, first_row, n_rows);
    case STEER_CUDA_BLOCKS_Q6_K:
      return launch_split<STEER_CUDA_BLOCKS_Q6_K> (queue, blocks, matrix, first_row, n_rows);
    case STEER_CUDA_BLOCKS_IQ4_XS:
      return launch_split<STEER_CUDA_BLOCKS_IQ4_XS> (queue, blocks, matrix, first_row, n_rows);
    }
  return cudaErrorInvalidValue;
}
