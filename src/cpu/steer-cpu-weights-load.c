#include "steer-cpu-machine.h"
#include "steer-cpu-memory.h"
#include "steer-cpu-weights.h"
#include "tensor/steer-quantize.h"

/* A file is read in pieces of about this size, and asked for from the disk a window ahead; a cancel waits for one of
 * either at most. */
#define PIECE_BYTES (4 * 1024 * 1024)
#define WINDOW_BYTES (4 * PIECE_BYTES)

typedef struct
{
  SteerCpuContext *context;
  SteerModel *model;
  guint64 done; /* bytes of the files */
  guint64 total;
  SteerProgressFunc progress;
  gpointer progress_data;
  GCancellable *cancellable;
  guint8 *scratch; /* [n_threads, scratch_bytes], where plain weights are quantised */
  gsize scratch_bytes;
} Loading;

/* Panels of one piece of a matrix. */
typedef struct
{
  const Loading *loading;
  const SteerCpuWeight *weight;
  gsize first_panel;
} Piece;

static SteerTensor
get_window (const SteerTensor *tensor, gsize first, gsize n_bytes)
{
  SteerTensor window = *tensor;

  first = MIN (first, tensor->n_bytes);
  window.data += first;
  window.n_bytes = MIN (n_bytes, tensor->n_bytes - first);
  return window;
}

static void
prefetch (const Loading *self, const SteerTensor *tensor, gsize first)
{
  SteerTensor window = get_window (tensor, first, WINDOW_BYTES);

  steer_archive_prefetch (steer_model_get_archive (self->model), &window);
}

/* Makes bytes of the file present. */
static gboolean
touch (Loading *self, const SteerTensor *tensor, gsize first, gsize n_bytes, GError **error)
{
  if (g_cancellable_set_error_if_cancelled (self->cancellable, error))
    return FALSE;
  if (first / WINDOW_BYTES != (first + n_bytes) / WINDOW_BYTES)
    prefetch (self, tensor, first + n_bytes);
  if (steer_cpu_memory_touch (tensor->data + first, n_bytes))
    return TRUE;
  g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID,
               "%s: tensor “%s” can no longer be read; the file was cut off while it was open",
               steer_model_get_path (self->model), tensor->name);
  return FALSE;
}

static void
report (Loading *self, gsize n_bytes)
{
  self->done += n_bytes;
  if (self->progress != NULL)
    self->progress ((double) self->done / (double) MAX (self->total, 1), self->progress_data);
}

static gboolean
touch_tensor (Loading *self, const SteerTensor *tensor, GError **error)
{
  prefetch (self, tensor, 0);
  for (gsize i = 0; i < tensor->n_bytes; i += PIECE_BYTES)
    {
      gsize n = MIN (PIECE_BYTES, tensor->n_bytes - i);

      if (!touch (self, tensor, i, n, error))
        return FALSE;
      report (self, n);
    }
  return TRUE;
}

static gsize
get_row_bytes (const SteerTensor *tensor)
{
  return (gsize) tensor->shape[1] / steer_dtype_get_block_elements (tensor->dtype)
         * steer_dtype_get_block_bytes (tensor->dtype);
}

static gsize
get_q8_0_bytes (gsize n_columns)
{
  return n_columns / STEER_CPU_QUANT_BLOCK * steer_dtype_get_block_bytes (STEER_DTYPE_Q8_0);
}

/* Rows of plain weights as Q8_0. */
static const guint8 *
quantize_rows (const Loading *loading, const SteerTensor *tensor, gsize row, guint n_rows, guint thread)
{
  guint8 *scratch = loading->scratch + thread * loading->scratch_bytes;
  gint64 n_columns = tensor->shape[1];
  float *values = (gpointer) scratch;
  guint8 *rows = scratch + (gsize) n_columns * sizeof (float);

  for (guint i = 0; i < n_rows; i++)
    {
      steer_tensor_read_f32 (tensor, (gint64) (row + i) * n_columns, n_columns, values);
      steer_quantize (STEER_DTYPE_Q8_0, values, (gsize) n_columns / STEER_CPU_QUANT_BLOCK,
                      rows + i * get_q8_0_bytes ((gsize) n_columns));
    }
  return rows;
}

static gboolean
reserve_scratch (Loading *self, const SteerCpuWeight *list, guint n, GError **error)
{
  guint n_threads = steer_thread_pool_get_n_threads (self->context->pool);
  gsize most = 0;

  for (guint i = 0; i < n; i++)
    if (list[i].dtype != list[i].tensor->dtype)
      most = MAX (most, (gsize) list[i].tensor->shape[1]);
  if (most == 0)
    return TRUE;
  self->scratch_bytes = most * sizeof (float) + self->context->kernels->panel_rows * get_q8_0_bytes (most);
  self->scratch_bytes = (self->scratch_bytes + 63) / 64 * 64;
  self->scratch = g_try_malloc_n (n_threads, self->scratch_bytes);
  if (self->scratch != NULL)
    return TRUE;
  g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_NO_MEMORY, "no memory to quantise %s; close other programs",
               steer_model_get_path (self->model));
  return FALSE;
}

static void
pack_panel (gpointer data, guint item, guint thread)
{
  const Piece *piece = data;
  const SteerTensor *tensor = piece->weight->tensor;
  const SteerCpuMatrix *matrix = piece->weight->matrix;
  SteerCpuContext *context = piece->loading->context;
  guint panel_rows = context->kernels->panel_rows;
  gsize panel = piece->first_panel + item;
  gsize row = panel * panel_rows;
  guint n_rows = (guint) MIN (panel_rows, matrix->n_rows - row);
  gsize row_bytes = get_row_bytes (tensor);
  const guint8 *rows = tensor->data + row * row_bytes;

  if (matrix->dtype != tensor->dtype)
    {
      rows = quantize_rows (piece->loading, tensor, row, n_rows, thread);
      row_bytes = get_q8_0_bytes (matrix->n_columns);
    }
  steer_cpu_pack_panel (matrix->dtype, rows, row_bytes, n_rows, matrix->n_columns, panel_rows,
                        context->packed + (matrix->data - context->packed) + panel * matrix->panel_bytes);
}

static gboolean
pack_tensor (Loading *self, const SteerCpuWeight *weight, GError **error)
{
  const SteerTensor *tensor = weight->tensor;
  guint panel_rows = self->context->kernels->panel_rows;
  gsize n_panels = (weight->matrix->n_rows + panel_rows - 1) / panel_rows;
  gsize source_bytes = get_row_bytes (tensor) * panel_rows; /* of a panel */
  gsize n_together = MAX (PIECE_BYTES / source_bytes, 1);

  prefetch (self, tensor, 0);
  for (gsize panel = 0; panel < n_panels; panel += n_together)
    {
      Piece piece = { self, weight, panel };
      gsize first = panel * source_bytes;
      SteerTensor packed = get_window (tensor, first, n_together * source_bytes);

      if (!touch (self, tensor, first, packed.n_bytes, error))
        return FALSE;
      steer_thread_pool_run (self->context->pool, (guint) MIN (n_together, n_panels - panel), pack_panel, &piece);
      steer_archive_release (steer_model_get_archive (self->model), &packed);
      report (self, packed.n_bytes);
    }
  return TRUE;
}

static gboolean
load_all (Loading *self, const SteerCpuWeight *list, guint n, gboolean fits, GError **error)
{
  for (guint i = 0; i < n; i++)
    {
      gboolean is_used_in_place
        = list[i].role != STEER_CPU_ROLE_EMBEDDING || !steer_dtype_is_quantized (list[i].tensor->dtype);

      if (list[i].packed)
        {
          if (!pack_tensor (self, &list[i], error))
            return FALSE;
        }
      else if (fits && is_used_in_place && !touch_tensor (self, list[i].tensor, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
steer_cpu_weights_load (SteerCpuContext *context,
                        SteerModel *model,
                        SteerProgressFunc progress,
                        gpointer progress_data,
                        GCancellable *cancellable,
                        GError **error)
{
  Loading self = { context, model, 0, 0, progress, progress_data, cancellable, NULL, 0 };
  SteerDtype weight_type = context->parent.options.weight_type;
  g_autofree SteerCpuWeight *list = g_new (SteerCpuWeight, steer_cpu_weights_count (model));
  guint n = steer_cpu_weights_list (model, context, weight_type, list);
  g_auto (SteerCpuMachine) machine = { 0 };
  guint64 n_packed, n_mapped;
  gboolean done;

  steer_cpu_machine_init (&machine);
  steer_cpu_weights_measure (model, weight_type, context->kernels->panel_rows, &n_packed, &n_mapped);
  for (guint i = 0; i < n; i++)
    self.total += list[i].tensor->n_bytes;
  if (progress != NULL)
    progress (0.0, progress_data);
  done = reserve_scratch (&self, list, n, error)
         && load_all (&self, list, n, n_packed + n_mapped < machine.memory_free, error);
  g_free (self.scratch);
  if (done && progress != NULL)
    progress (1.0, progress_data);
  return done && !g_cancellable_set_error_if_cancelled (cancellable, error);
}
