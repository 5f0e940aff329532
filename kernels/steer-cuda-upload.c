#include "steer-cuda-upload.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "steer-cuda-device.h"
#include "steer-cuda-error.h"

#define MAX_THREADS 8
#define MAX_PIECE_BYTES ((gsize) 4 << 20)
#define MIN_PIECE_BYTES ((gsize) 64 << 10)

/* Buffers a thread fills in turn. */
#define N_BUFFERS 2

/* How often the calling thread looks at the cancellable and tells of progress. */
#define TICK_US (20 * 1000)

/* Whole rows of one transfer. */
typedef struct
{
  const SteerCudaTransfer *transfer;
  gsize first_row;
  gsize n_rows;
} Piece;

typedef struct
{
  SteerModel *model;
  int ordinal;
  GArray *pieces; /* Piece */
  gsize piece_bytes;
  guint8 *staging;

  gint next; /* atomic: index of the piece that is taken next */
  gint stop; /* atomic */

  GMutex mutex;
  GCond cond;
  guint n_running; /* threads */
  guint64 done;    /* bytes of the files */
  GError *error;   /* the first one */
} Upload;

/* What one thread works with. */
typedef struct
{
  Upload *upload;
  guint index;
  SteerCudaQueue queue;
  guint8 *buffers[N_BUFFERS];  /* pinned, [piece_bytes] */
  cudaEvent_t free[N_BUFFERS]; /* the copy out of the buffer has ended */
} Worker;

static gsize
get_file_row_bytes (const SteerCudaTransfer *transfer)
{
  SteerDtype dtype = transfer->tensor->dtype;

  return transfer->n_columns / steer_dtype_get_block_elements (dtype) * steer_dtype_get_block_bytes (dtype);
}

/* Where the device has row @row of a plane. */
static guint8 *
find_row (const SteerCudaTransfer *transfer, SteerCudaPlane plane, gsize row)
{
  const SteerCudaPlanes *planes = steer_cuda_planes_get (transfer->type);

  return transfer->planes[plane] + row * (transfer->n_columns / planes->n_columns) * planes->n_bytes[plane];
}

/* In the pinned buffer. */
static gsize
get_row_bytes (const SteerCudaTransfer *transfer)
{
  return transfer->form == STEER_CUDA_VECTOR ? transfer->n_columns * sizeof (float) : get_file_row_bytes (transfer);
}

static gboolean
is_staged (const SteerCudaTransfer *transfer)
{
  return transfer->form != STEER_CUDA_COPY && transfer->form != STEER_CUDA_VECTOR;
}

void
steer_cuda_upload_measure (GArray *transfers, SteerCudaUploadSize *size)
{
  gsize widest = MIN_PIECE_BYTES;
  gsize total = 0;
  gboolean any_staged = FALSE;

  for (guint i = 0; i < transfers->len; i++)
    {
      const SteerCudaTransfer *transfer = &g_array_index (transfers, SteerCudaTransfer, i);

      widest = MAX (widest, get_row_bytes (transfer));
      total += transfer->tensor->n_bytes;
      any_staged |= is_staged (transfer);
    }
  size->n_threads = CLAMP (g_get_num_processors (), 1, MAX_THREADS);
  /* A small model needs no large buffers. */
  size->piece_bytes = MAX (widest, MIN (MAX_PIECE_BYTES, total / 16));
  size->piece_bytes = (size->piece_bytes + STEER_CUDA_ALIGNMENT - 1) / STEER_CUDA_ALIGNMENT * STEER_CUDA_ALIGNMENT;
  size->staging_bytes = any_staged ? (gsize) size->n_threads * N_BUFFERS * size->piece_bytes : 0;
}

static GArray *
cut (GArray *transfers, gsize piece_bytes)
{
  GArray *pieces = g_array_new (FALSE, FALSE, sizeof (Piece));

  for (guint i = 0; i < transfers->len; i++)
    {
      const SteerCudaTransfer *transfer = &g_array_index (transfers, SteerCudaTransfer, i);
      gsize n_rows = piece_bytes / get_row_bytes (transfer);

      for (gsize row = 0; row < transfer->n_rows; row += n_rows)
        {
          Piece piece = { transfer, row, MIN (n_rows, transfer->n_rows - row) };

          g_array_append_val (pieces, piece);
        }
    }
  return pieces;
}

/* Faults the pages in; a file that was cut off meanwhile gives an error here and no SIGBUS at the copy. Where the
 * system has no such call, the copy faults them in itself. */
static gboolean
make_present (const guint8 *data, gsize n_bytes)
{
#ifdef MADV_POPULATE_READ
  gsize page = (gsize) sysconf (_SC_PAGESIZE);
  gsize skipped = (gsize) data % page;

  return madvise ((gpointer) (data - skipped), n_bytes + skipped, MADV_POPULATE_READ) == 0 || errno == EINVAL;
#else
  return TRUE;
#endif
}

static void
read_floats (const SteerCudaTransfer *transfer, const Piece *piece, float *to)
{
  gsize n = piece->n_rows * transfer->n_columns;

  steer_tensor_read_f32 (transfer->tensor, (gint64) (piece->first_row * transfer->n_columns), (gint64) n, to);
  for (gsize i = 0; transfer->add_one && i < n; i++)
    to[i] += 1.0f;
}

static gboolean
fill (const Upload *upload, const Piece *piece, guint8 *buffer, GError **error)
{
  const SteerCudaTransfer *transfer = piece->transfer;
  gsize file_row = get_file_row_bytes (transfer);
  const guint8 *data = transfer->tensor->data + piece->first_row * file_row;

  /* Vectors may be strided; they are few. */
  if (!make_present (transfer->form == STEER_CUDA_VECTOR ? transfer->tensor->data : data,
                     transfer->form == STEER_CUDA_VECTOR ? transfer->tensor->n_bytes : piece->n_rows * file_row))
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID,
                   "%s: tensor \"%s\" can no longer be read; the file was cut off while it was open",
                   steer_archive_get_tensor_file (steer_model_get_archive (upload->model), transfer->tensor),
                   transfer->tensor->name);
      return FALSE;
    }
  switch (transfer->form)
    {
    case STEER_CUDA_VECTOR:
      read_floats (transfer, piece, (float *) (gpointer) buffer);
      break;
    default:
      memcpy (buffer, data, piece->n_rows * file_row);
      break;
    }
  return TRUE;
}

static SteerCudaType
get_staged_type (const SteerCudaTransfer *transfer)
{
  return transfer->tensor->dtype == STEER_DTYPE_F16    ? STEER_CUDA_F16
         : transfer->tensor->dtype == STEER_DTYPE_BF16 ? STEER_CUDA_BF16
                                                       : STEER_CUDA_F32;
}

/* Rows that the device quantises or takes apart, behind the copy of them. */
static cudaError_t
unpack (const Worker *self, const Piece *piece, const guint8 *staging)
{
  const SteerCudaTransfer *transfer = piece->transfer;
  const SteerCudaMatrix matrix = {
    .type = transfer->type,
    .data = transfer->planes[STEER_CUDA_DATA],
    .scales = transfer->planes[STEER_CUDA_SCALES],
    .high = transfer->planes[STEER_CUDA_HIGH],
    .supers = transfer->planes[STEER_CUDA_SUPERS],
    .n_rows = (int) transfer->n_rows,
    .n_columns = (int) transfer->n_columns,
  };

  if (transfer->form == STEER_CUDA_SPLIT)
    return steer_cuda_split (&self->queue, transfer->blocks, staging, &matrix, (int) piece->first_row,
                             (int) piece->n_rows);
  return steer_cuda_quantise (&self->queue, get_staged_type (transfer), staging, (int) piece->n_rows, matrix.n_columns,
                              (int8_t *) find_row (transfer, STEER_CUDA_DATA, piece->first_row),
                              find_row (transfer, STEER_CUDA_SCALES, piece->first_row));
}

static cudaError_t
send (const Worker *self, const Piece *piece, guint buffer)
{
  gboolean staged = is_staged (piece->transfer);
  guint8 *staging = self->upload->staging + (self->index * N_BUFFERS + buffer) * self->upload->piece_bytes;
  guint8 *to = staged ? staging : find_row (piece->transfer, STEER_CUDA_DATA, piece->first_row);
  cudaError_t status = cudaMemcpyAsync (to, self->buffers[buffer], piece->n_rows * get_row_bytes (piece->transfer),
                                        cudaMemcpyHostToDevice, self->queue.stream);

  return status == cudaSuccess && staged ? unpack (self, piece, staging) : status;
}

static gboolean
init_worker (Worker *self, GError **error)
{
  cudaStream_t stream = NULL;

  if (!steer_cuda_device_select (self->upload->ordinal, error)
      || !steer_cuda_check (cudaStreamCreateWithFlags (&stream, cudaStreamNonBlocking), "making a stream", error))
    return FALSE;
  self->queue.stream = stream;
  if (!steer_cuda_check (steer_cuda_queue_init (&self->queue, stream), "asking for the device's size", error))
    return FALSE;
  for (guint i = 0; i < N_BUFFERS; i++)
    if (!steer_cuda_check (cudaHostAlloc ((void **) &self->buffers[i], self->upload->piece_bytes, cudaHostAllocDefault),
                           "allocating memory to copy weights through", error)
        || !steer_cuda_check (cudaEventCreateWithFlags (&self->free[i], cudaEventDisableTiming), "making an event",
                              error))
      return FALSE;
  return TRUE;
}

static void
clear_worker (Worker *self)
{
  for (guint i = 0; i < N_BUFFERS; i++)
    {
      if (self->free[i] != NULL)
        cudaEventDestroy (self->free[i]);
      if (self->buffers[i] != NULL)
        cudaFreeHost (self->buffers[i]);
    }
  if (self->queue.stream != NULL)
    cudaStreamDestroy (self->queue.stream);
}

static gboolean
run_pieces (Worker *self, GError **error)
{
  Upload *upload = self->upload;

  for (guint buffer = 0; g_atomic_int_get (&upload->stop) == 0; buffer = (buffer + 1) % N_BUFFERS)
    {
      guint i = (guint) g_atomic_int_add (&upload->next, 1);
      const Piece *piece;

      if (i >= upload->pieces->len)
        break;
      piece = &g_array_index (upload->pieces, Piece, i);
      if (!steer_cuda_check (cudaEventSynchronize (self->free[buffer]), "copying weights", error)
          || !fill (upload, piece, self->buffers[buffer], error)
          || !steer_cuda_check (send (self, piece, buffer), "copying weights", error)
          || !steer_cuda_check (cudaEventRecord (self->free[buffer], self->queue.stream), "copying weights", error))
        return FALSE;
      g_mutex_lock (&upload->mutex);
      upload->done += piece->n_rows * get_file_row_bytes (piece->transfer);
      g_mutex_unlock (&upload->mutex);
    }
  return TRUE;
}

static gpointer
run_worker (gpointer data)
{
  Worker *self = data;
  Upload *upload = self->upload;
  GError *error = NULL;

  if (init_worker (self, &error) && run_pieces (self, &error))
    steer_cuda_check (cudaStreamSynchronize (self->queue.stream), "copying weights", &error);
  else if (self->queue.stream != NULL)
    cudaStreamSynchronize (self->queue.stream);
  clear_worker (self);

  g_mutex_lock (&upload->mutex);
  if (error != NULL)
    {
      g_atomic_int_set (&upload->stop, 1);
      if (upload->error == NULL)
        upload->error = g_steal_pointer (&error);
    }
  upload->n_running--;
  g_cond_signal (&upload->cond);
  g_mutex_unlock (&upload->mutex);
  g_clear_error (&error);
  return NULL;
}

/* Until all threads have ended. */
static void
wait (Upload *upload, guint64 total, SteerProgressFunc progress, gpointer progress_data, GCancellable *cancellable)
{
  g_mutex_lock (&upload->mutex);
  while (upload->n_running > 0)
    {
      guint64 done;

      g_cond_wait_until (&upload->cond, &upload->mutex, g_get_monotonic_time () + TICK_US);
      done = upload->done;
      if (g_cancellable_is_cancelled (cancellable))
        g_atomic_int_set (&upload->stop, 1);
      if (progress == NULL)
        continue;
      g_mutex_unlock (&upload->mutex);
      progress (total > 0 ? (double) done / (double) total : 1.0, progress_data);
      g_mutex_lock (&upload->mutex);
    }
  g_mutex_unlock (&upload->mutex);
}

gboolean
steer_cuda_upload_run (SteerModel *model,
                       int ordinal,
                       GArray *transfers,
                       const SteerCudaUploadSize *size,
                       guint8 *staging,
                       SteerProgressFunc progress,
                       gpointer progress_data,
                       GCancellable *cancellable,
                       GError **error)
{
  g_autoptr (GArray) pieces = cut (transfers, size->piece_bytes);
  Upload upload = {
    .model = model,
    .ordinal = ordinal,
    .pieces = pieces,
    .piece_bytes = size->piece_bytes,
    .staging = staging,
  };
  Worker workers[MAX_THREADS] = { 0 };
  GThread *threads[MAX_THREADS] = { 0 };
  guint n_threads = MIN (size->n_threads, MAX (pieces->len, 1));
  guint64 total = 0;

  for (guint i = 0; i < transfers->len; i++)
    {
      const SteerCudaTransfer *transfer = &g_array_index (transfers, SteerCudaTransfer, i);

      total += transfer->n_rows * get_file_row_bytes (transfer);
    }
  g_mutex_init (&upload.mutex);
  g_cond_init (&upload.cond);
  upload.n_running = n_threads;
  for (guint i = 0; i < n_threads; i++)
    {
      workers[i] = (Worker){ .upload = &upload, .index = i };
      threads[i] = g_thread_new ("steer-upload", run_worker, &workers[i]);
    }
  wait (&upload, total, progress, progress_data, cancellable);
  for (guint i = 0; i < n_threads; i++)
    g_thread_join (threads[i]);
  g_mutex_clear (&upload.mutex);
  g_cond_clear (&upload.cond);

  if (upload.error != NULL)
    {
      g_propagate_error (error, upload.error);
      return FALSE;
    }
  return !g_cancellable_set_error_if_cancelled (cancellable, error);
}
