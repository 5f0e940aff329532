/* What the dot products of VNNI add to an instruction set's kernels: those of quantised weights and of caches of bytes.
 * The including file has defined what steer-cpu-quant-vnni.h lists, KERNELS_BASE, the table that has all the others,
 * and KERNELS_SYMBOL, KERNELS_ISA and KERNELS_NAME. */

#include "steer-cpu-quant-vnni.h"

#include "steer-cpu-quant-kernels.h"

#include "steer-cpu-cache-bytes.h"

void
KERNELS_SYMBOL (SteerCpuKernels *self)
{
  static const SteerCpuQuantKernels quant[STEER_N_DTYPES] = QUANT_KERNELS;
  static const SteerCpuCacheBytesKernels cache_bytes = CACHE_BYTES_KERNELS;

  *self = KERNELS_BASE;
  self->isa = KERNELS_ISA;
  self->name = KERNELS_NAME;
  self->quantize = quantize;
  memcpy (self->quant, quant, sizeof quant);
  self->cache_bytes = cache_bytes;
}
