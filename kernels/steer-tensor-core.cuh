#pragma once

/* Small matrix products by a warp on tensor cores, with the fragments that PTX defines. In host C++ the lanes exchange
 * what the hardware would read from the others' registers, so the fragments' layout is tested too. */

#include "steer-numbers.cuh"

/* Four 8 x 8 matrices of 16-bit elements from shared memory: lanes 8 i .. 8 i + 7 give the addresses of the rows of
 * matrix i, 16 bytes each. Lane l gets of each matrix row l / 4, elements 2 (l % 4) and the next; transposed: column
 * l / 4, of rows 2 (l % 4) and the next. */
template <bool transposed>
static __device__ __forceinline__ void
steer_load_matrices (unsigned *fragments, const void *row)
{
#ifdef __CUDA_ARCH__
  unsigned address = static_cast<unsigned> (__cvta_generic_to_shared (row));

  if (transposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(fragments[0]), "=r"(fragments[1]), "=r"(fragments[2]), "=r"(fragments[3])
                 : "r"(address)
                 : "memory");
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(fragments[0]), "=r"(fragments[1]), "=r"(fragments[2]), "=r"(fragments[3])
                 : "r"(address)
                 : "memory");
#elif defined(STEER_SHIM)
  const unsigned char *rows = steer_shim_share (STEER_ALL_LANES, &row, sizeof row);
  unsigned lane = threadIdx.x % STEER_WARP;

  for (unsigned matrix = 0; matrix < 4; matrix++)
    {
      uint16_t pair[2];

      for (unsigned i = 0; i < 2; i++)
        {
          unsigned r = transposed ? 2 * (lane % 4) + i : lane / 4;
          unsigned c = transposed ? lane / 4 : 2 * (lane % 4) + i;
          const uint16_t *address;

          memcpy (&address, rows + (8 * matrix + r) * STEER_SHIM_SLOT, sizeof address);
          pair[i] = address[c];
        }
      memcpy (&fragments[matrix], pair, sizeof pair);
    }
#else
  (void) fragments;
  (void) row;
#endif
}

/* c[16, 8] += a[16, 16] b[16, 8], c in float32. With g = lane / 4 and t = lane % 4: a[0]: row g, columns 2 t and the
 * next; a[1]: row g + 8; a[2] and a[3]: the same rows, columns 8 further; b[0]: rows 2 t and the next of column g;
 * b[1]: rows 8 further; c[0], c[1]: row g, columns 2 t and the next; c[2], c[3]: row g + 8. */
template <SteerCudaType type>
static __device__ __forceinline__ void
steer_multiply_fragments (float *c, const unsigned *a, unsigned b0, unsigned b1)
{
#ifdef __CUDA_ARCH__
  if (type == STEER_CUDA_F16)
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
                 "{%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  else
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
                 "{%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#elif defined(STEER_SHIM)
  unsigned mine[6] = { a[0], a[1], a[2], a[3], b0, b1 };
  const unsigned char *all = steer_shim_share (STEER_ALL_LANES, mine, sizeof mine);
  unsigned lane = threadIdx.x % STEER_WARP;

  for (unsigned i = 0; i < 4; i++)
    {
      unsigned row = lane / 4 + 8 * (i / 2);
      unsigned column = 2 * (lane % 4) + i % 2;

      for (unsigned k = 0; k < 16; k += 2)
        {
          unsigned in_half = k % 8 / 2;
          unsigned pairs[2];
          float2 x, y;

          memcpy (&pairs[0], all + (row % 8 * 4 + in_half) * STEER_SHIM_SLOT + 4 * (row / 8 + 2 * (k / 8)), 4);
          memcpy (&pairs[1], all + (column * 4 + in_half) * STEER_SHIM_SLOT + 4 * (4 + k / 8), 4);
          x = SteerNumber<type>::widen (pairs[0]);
          y = SteerNumber<type>::widen (pairs[1]);
          c[i] += x.x * y.x + x.y * y.y;
        }
    }
#else
  (void) c;
  (void) a;
  (void) b0;
  (void) b1;
#endif
}

/* c[16, 8] = start + a[16, k] b[k, 8] in whole numbers, k 32 or 16: a of signed bytes or not, b of signed ones. With g
 * and t as before: a[0]: row g, columns 4 t to 4 t + 3; a[1]: row g + 8; with k = 32 a[2] and a[3]: the same rows,
 * columns 16 further; b0: rows 4 t to 4 t + 3 of column g; b1: rows 16 further; c as before. */
template <bool is_signed, int k>
static __device__ __forceinline__ void
steer_multiply_bytes (int *c, const unsigned *a, unsigned b0, unsigned b1, int start)
{
#ifdef __CUDA_ARCH__
#define STEER_MULTIPLY_32(type)                                                                                        \
  asm volatile("mma.sync.aligned.m16n8k32.row.col.s32." type ".s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "  \
               "{%10, %10, %10, %10};"                                                                                 \
               : "=r"(c[0]), "=r"(c[1]), "=r"(c[2]), "=r"(c[3])                                                        \
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1), "r"(start))
#define STEER_MULTIPLY_16(type)                                                                                        \
  asm volatile("mma.sync.aligned.m16n8k16.row.col.s32." type ".s8.s32 {%0, %1, %2, %3}, {%4, %5}, {%6}, "              \
               "{%7, %7, %7, %7};"                                                                                     \
               : "=r"(c[0]), "=r"(c[1]), "=r"(c[2]), "=r"(c[3])                                                        \
               : "r"(a[0]), "r"(a[1]), "r"(b0), "r"(start))
  if (k == 32 && is_signed)
    STEER_MULTIPLY_32 ("s8");
  else if (k == 32)
    STEER_MULTIPLY_32 ("u8");
  else if (is_signed)
    STEER_MULTIPLY_16 ("s8");
  else
    STEER_MULTIPLY_16 ("u8");
#undef STEER_MULTIPLY_32
#undef STEER_MULTIPLY_16
#elif defined(STEER_SHIM)
  unsigned mine[6] = { a[0], a[1], k == 32 ? a[2] : 0, k == 32 ? a[3] : 0, b0, b1 };
  const unsigned char *all = steer_shim_share (STEER_ALL_LANES, mine, sizeof mine);
  unsigned lane = threadIdx.x % STEER_WARP;

  for (unsigned i = 0; i < 4; i++)
    {
      unsigned row = lane / 4 + 8 * (i / 2);
      unsigned column = 2 * (lane % 4) + i % 2;

      c[i] = start;
      for (unsigned at = 0; at < k; at++)
        {
          unsigned t = at % 16 / 4;
          unsigned char x = all[(row % 8 * 4 + t) * STEER_SHIM_SLOT + 4 * (row / 8 + 2 * (at / 16)) + at % 4];
          unsigned char y = all[(column * 4 + t) * STEER_SHIM_SLOT + 4 * (4 + at / 16) + at % 4];

          c[i] += (is_signed ? (int) (signed char) x : (int) x) * (int) (signed char) y;
        }
    }
#else
  (void) c;
  (void) a;
  (void) b0;
  (void) b1;
  (void) start;
#endif
}

/* c += a b, k 32, a not signed. */
static __device__ __forceinline__ void
steer_add_bytes (int *c, const unsigned *a, unsigned b0, unsigned b1)
{
#ifdef __CUDA_ARCH__
  asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
               "{%0, %1, %2, %3};"
               : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#else
  int products[4];

  steer_multiply_bytes<false, 32> (products, a, b0, b1, 0);
  for (int i = 0; i < 4; i++)
    c[i] += products[i];
#endif
}

/* 16 bytes from global to shared memory, on the way while the thread goes on; zeros when @inside is false. */
static __device__ __forceinline__ void
steer_copy_async (void *to, const void *from, bool inside)
{
#ifdef __CUDA_ARCH__
  asm volatile(
    "cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(static_cast<unsigned> (__cvta_generic_to_shared (to))),
    "l"(from), "r"(inside ? 16 : 0)
    : "memory");
#else
  if (inside)
    memcpy (to, from, 16);
  else
    memset (to, 0, 16);
#endif
}

/* Until everything that this thread copied has arrived. */
static __device__ __forceinline__ void
steer_wait_for_copies ()
{
#ifdef __CUDA_ARCH__
  asm volatile("cp.async.wait_all;" ::: "memory");
#endif
}
