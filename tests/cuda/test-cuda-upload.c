#include <string.h>

#include "cuda-model.h"
#include "steer-cuda-upload.h"
#include "steer-shim.h"

/* Tensors of every kind on their way to the device, in pieces by several threads, against what the tensor's own format
 * says that they hold. */

#define N_ROWS 2100
#define N_COLUMNS 512

typedef struct
{
  SteerTensor tensor;
  guint8 *bytes;
  float *values; /* [N_ROWS, N_COLUMNS] */
} Source;

static void
source_clear (Source *self)
{
  g_free (self->bytes);
  g_free (self->values);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Source, source_clear)

/* Where a block keeps the halves that scale it; -1: no more. */
static const struct
{
  SteerDtype dtype;
  int scales[2];
} kinds[] = {
  { STEER_DTYPE_Q8_0, { 0, -1 } },  { STEER_DTYPE_Q5_0, { 0, -1 } },   { STEER_DTYPE_Q5_1, { 0, 2 } },
  { STEER_DTYPE_Q4_1, { 0, 2 } },   { STEER_DTYPE_Q4_0, { 0, -1 } },   { STEER_DTYPE_IQ4_NL, { 0, -1 } },
  { STEER_DTYPE_Q2_K, { 80, 82 } }, { STEER_DTYPE_Q3_K, { 108, -1 } }, { STEER_DTYPE_Q4_K, { 0, 2 } },
  { STEER_DTYPE_Q5_K, { 0, 2 } },   { STEER_DTYPE_Q6_K, { 208, -1 } }, { STEER_DTYPE_IQ4_XS, { 0, -1 } },
};

static void
fill_plain (Source *self, SteerDtype dtype)
{
  for (gsize i = 0; i < (gsize) N_ROWS * N_COLUMNS; i++)
    {
      float value = (float) g_test_rand_double_range (-1.0, 1.0);
      guint16 half = dtype == STEER_DTYPE_F16 ? steer_f32_to_f16 (value) : steer_f32_to_bf16 (value);

      if (dtype == STEER_DTYPE_F32)
        memcpy (self->bytes + i * 4, &value, 4);
      else
        memcpy (self->bytes + i * 2, &half, 2);
    }
}

static void
fill_blocks (Source *self, SteerDtype dtype)
{
  gsize block = steer_dtype_get_block_bytes (dtype);

  for (gsize i = 0; i < self->tensor.n_bytes; i++)
    self->bytes[i] = (guint8) g_test_rand_int_range (0, 256);
  for (guint kind = 0; kind < G_N_ELEMENTS (kinds); kind++)
    for (gsize i = 0; kinds[kind].dtype == dtype && i < self->tensor.n_bytes; i += block)
      for (guint j = 0; j < 2 && kinds[kind].scales[j] >= 0; j++)
        {
          guint16 half = steer_f32_to_f16 ((float) g_test_rand_double_range (0.001, 0.01));

          memcpy (self->bytes + i + kinds[kind].scales[j], &half, 2);
        }
}

static void
source_init (Source *self, SteerDtype dtype)
{
  gsize row = N_COLUMNS / steer_dtype_get_block_elements (dtype) * steer_dtype_get_block_bytes (dtype);

  self->bytes = g_malloc (N_ROWS * row);
  self->values = g_new (float, (gsize) N_ROWS *N_COLUMNS);
  self->tensor = (SteerTensor){
    .name = "weights",
    .dtype = dtype,
    .n_dims = 2,
    .shape = { N_ROWS, N_COLUMNS },
    .stride = { N_COLUMNS, 1 },
    .data = self->bytes,
    .n_bytes = N_ROWS * row,
  };
  if (steer_dtype_is_quantized (dtype))
    fill_blocks (self, dtype);
  else
    fill_plain (self, dtype);
  steer_tensor_read_f32 (&self->tensor, 0, (gint64) N_ROWS * N_COLUMNS, self->values);
}

/* What the device has of it, as float32. @blocks: of STEER_CUDA_SPLIT. */
static float *
upload (const Source *source, SteerCudaForm form, SteerCudaType type, SteerCudaBlocks blocks)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-gqa");
  g_autoptr (GArray) transfers = g_array_new (FALSE, FALSE, sizeof (SteerCudaTransfer));
  g_autoptr (GError) error = NULL;
  const SteerCudaPlanes *planes = steer_cuda_planes_get (type);
  gsize n = (gsize) N_ROWS * N_COLUMNS;
  SteerCudaTransfer transfer = {
    .tensor = &source->tensor, .form = form, .type = type, .blocks = blocks, .n_rows = N_ROWS, .n_columns = N_COLUMNS
  };
  SteerCudaUploadSize size;
  SteerCudaQueue queue;
  SteerCudaMatrix matrix;
  void *staging = NULL;
  void *expanded = NULL;
  float *values = g_new (float, n);

  for (guint i = 0; i < STEER_CUDA_N_PLANES; i++)
    if (planes->n_bytes[i] > 0)
      g_assert_cmpint (cudaMalloc ((void **) &transfer.planes[i], n / planes->n_columns * planes->n_bytes[i]), ==,
                       cudaSuccess);
  g_array_append_val (transfers, transfer);
  steer_cuda_upload_measure (transfers, &size);
  /* Small pieces, so that there are many. */
  g_assert_cmpuint (size.piece_bytes * 4, <, source->tensor.n_bytes);
  g_assert_cmpint (cudaMalloc (&staging, MAX (size.staging_bytes, 1)), ==, cudaSuccess);
  steer_cuda_upload_run (model->model, 0, transfers, &size, staging, NULL, NULL, NULL, &error);
  g_assert_no_error (error);

  matrix = (SteerCudaMatrix){
    .type = type,
    .data = transfer.planes[STEER_CUDA_DATA],
    .scales = transfer.planes[STEER_CUDA_SCALES],
    .high = transfer.planes[STEER_CUDA_HIGH],
    .supers = transfer.planes[STEER_CUDA_SUPERS],
    .n_rows = N_ROWS,
    .n_columns = N_COLUMNS,
  };
  g_assert_cmpint (cudaMalloc (&expanded, n * sizeof (float)), ==, cudaSuccess);
  g_assert_cmpint (steer_cuda_queue_init (&queue, NULL), ==, cudaSuccess);
  g_assert_cmpint (steer_cuda_expand (&queue, &matrix, 0, N_ROWS, STEER_CUDA_F32, expanded), ==, cudaSuccess);
  g_assert_cmpint (cudaMemcpy (values, expanded, n * sizeof (float), cudaMemcpyDeviceToHost), ==, cudaSuccess);
  cudaFree (expanded);
  cudaFree (staging);
  for (guint i = 0; i < STEER_CUDA_N_PLANES; i++)
    cudaFree (transfer.planes[i]);
  return values;
}

/* What is copied, and GGUF's blocks that have planes of their own, keep every bit. */
static void
check_kept (SteerDtype dtype, SteerCudaForm form, SteerCudaType type, SteerCudaBlocks blocks)
{
  g_auto (Source) source = { 0 };
  g_autofree float *values = NULL;

  source_init (&source, dtype);
  values = upload (&source, form, type, blocks);
  g_assert_cmpmem (values, N_ROWS * N_COLUMNS * 4, source.values, N_ROWS * N_COLUMNS * 4);
}

static void
test_copy (gconstpointer data)
{
  SteerDtype dtype = GPOINTER_TO_INT (data);

  check_kept (dtype, STEER_CUDA_COPY,
              dtype == STEER_DTYPE_F32   ? STEER_CUDA_F32
              : dtype == STEER_DTYPE_F16 ? STEER_CUDA_F16
                                         : STEER_CUDA_BF16,
              0);
}

static void
test_split (gconstpointer data)
{
  SteerDtype dtype = GPOINTER_TO_INT (data);
  SteerCudaBlocks blocks;
  SteerCudaType type;

  g_assert_true (steer_cuda_planes_find (dtype, &blocks, &type));
  check_kept (dtype, STEER_CUDA_SPLIT, type, blocks);
}

/* No file needs its numbers rounded once more. */
static void
test_all_types (void)
{
  for (SteerDtype dtype = 0; dtype < STEER_N_DTYPES; dtype++)
    {
      SteerCudaBlocks blocks;
      SteerCudaType type;
      guint n_known = 0;

      for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
        n_known += kinds[i].dtype == dtype;
      g_assert_cmpuint (n_known, ==, steer_dtype_is_quantized (dtype));
      g_assert_true (steer_cuda_planes_find (dtype, &blocks, &type) == steer_dtype_is_quantized (dtype));
    }
}

/* No further from the value than half a step of its 32 columns' scale, and the rounding of the scale. */
static void
test_quantise (gconstpointer data)
{
  g_auto (Source) source = { 0 };
  SteerDtype dtype = GPOINTER_TO_INT (data);
  g_autofree float *values = NULL;

  source_init (&source, dtype);
  values = upload (&source, STEER_CUDA_QUANTISE, STEER_CUDA_Q8, 0);
  for (gsize first = 0; first < (gsize) N_ROWS * N_COLUMNS; first += 32)
    {
      float largest = 0.0f;

      for (gsize i = first; i < first + 32; i++)
        largest = MAX (largest, ABS (source.values[i]));
      for (gsize i = first; i < first + 32; i++)
        g_assert_cmpfloat (ABS (values[i] - source.values[i]), <=, largest * (0.5f / 127.0f + 1e-3f));
    }
}

int
main (int argc, char *argv[])
{
  static const SteerDtype plain[] = { STEER_DTYPE_F32, STEER_DTYPE_F16, STEER_DTYPE_BF16 };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (plain); i++)
    {
      const char *name = steer_dtype_get_name (plain[i]);
      g_autofree char *copied = g_strdup_printf ("/cuda/upload/%s is copied", name);
      g_autofree char *quantised = g_strdup_printf ("/cuda/upload/%s is quantised to 8 bits", name);

      g_test_add_data_func (copied, GINT_TO_POINTER (plain[i]), test_copy);
      g_test_add_data_func (quantised, GINT_TO_POINTER (plain[i]), test_quantise);
    }
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      const char *name = steer_dtype_get_name (kinds[i].dtype);
      g_autofree char *kept = g_strdup_printf ("/cuda/upload/%s keeps every bit", name);

      g_test_add_data_func (kept, GINT_TO_POINTER (kinds[i].dtype), test_split);
    }
  g_test_add_func ("/cuda/upload/every quantised type of GGUF files has a place on the device", test_all_types);
  return g_test_run ();
}
