/* How fast the host brings a model's weights from the page cache into pinned memory and hands them on, which is its
 * part of loading onto a GPU; no GPU is needed, since nothing is copied to it.
 *
 *     build/tests/bench/bench-upload MODEL [q8_0]
 *
 * Beside it, as the limit: the same bytes read from memory where they are already mapped, by as many threads, into
 * buffers that stay in their caches.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cuda_runtime_api.h"
#include "model/steer-model.h"
#include "steer-cuda-device.h"
#include "steer-cuda-upload.h"

#define N_ROUNDS 5
#define BUFFER_BYTES ((gsize) 1 << 20)

/* --- A device that takes everything at once and keeps nothing --- */

static int anything; /* what streams and events point to */

cudaError_t
cudaGetLastError (void)
{
  return cudaSuccess;
}

const char *
cudaGetErrorString (cudaError_t error)
{
  return error == cudaSuccess ? "no error" : "no memory";
}

cudaError_t
cudaStreamCreateWithFlags (cudaStream_t *stream, unsigned int flags)
{
  *stream = (cudaStream_t) (gpointer) &anything;
  return cudaSuccess;
}

cudaError_t
cudaStreamDestroy (cudaStream_t stream)
{
  return cudaSuccess;
}

cudaError_t
cudaStreamSynchronize (cudaStream_t stream)
{
  return cudaSuccess;
}

cudaError_t
cudaEventCreateWithFlags (cudaEvent_t *event, unsigned int flags)
{
  *event = (cudaEvent_t) (gpointer) &anything;
  return cudaSuccess;
}

cudaError_t
cudaEventDestroy (cudaEvent_t event)
{
  return cudaSuccess;
}

cudaError_t
cudaEventRecord (cudaEvent_t event, cudaStream_t stream)
{
  return cudaSuccess;
}

cudaError_t
cudaEventSynchronize (cudaEvent_t event)
{
  return cudaSuccess;
}

/* Pinned memory has its pages from the beginning. */
cudaError_t
cudaHostAlloc (void **pointer, size_t size, unsigned int flags)
{
  gsize *memory = aligned_alloc (4096, 4096 + (size + 4095) / 4096 * 4096);

  if (memory == NULL)
    return cudaErrorMemoryAllocation;
  memset (memory, 1, 4096 + size);
  *pointer = (guint8 *) memory + 4096;
  return cudaSuccess;
}

cudaError_t
cudaFreeHost (void *pointer)
{
  free ((guint8 *) pointer - 4096);
  return cudaSuccess;
}

cudaError_t
cudaMemcpyAsync (void *to, const void *from, size_t size, cudaMemcpyKind kind, cudaStream_t stream)
{
  return cudaSuccess;
}

gboolean
steer_cuda_device_select (int ordinal, GError **error)
{
  return TRUE;
}

cudaError_t
steer_cuda_queue_init (SteerCudaQueue *queue, cudaStream_t stream)
{
  *queue = (SteerCudaQueue){ .stream = stream };
  return cudaSuccess;
}

cudaError_t
steer_cuda_quantise (const SteerCudaQueue *queue,
                     SteerCudaType type,
                     const void *weights,
                     int n_rows,
                     int n_columns,
                     int8_t *quants,
                     void *scales)
{
  return cudaSuccess;
}

cudaError_t
steer_cuda_split (const SteerCudaQueue *queue,
                  SteerCudaBlocks kind,
                  const void *blocks,
                  const SteerCudaMatrix *matrix,
                  int first_row,
                  int n_rows)
{
  return cudaSuccess;
}

/* --- The limit --- */

typedef struct
{
  GArray *transfers; /* SteerCudaTransfer */
  guint first;       /* this thread's share: every n_threads-th tensor's bytes, a buffer at a time */
  guint n_threads;
} Reader;

static gpointer
read_share (gpointer data)
{
  const Reader *self = data;
  g_autofree guint8 *buffer = g_malloc (BUFFER_BYTES);
  gsize place = 0;

  for (guint i = 0; i < self->transfers->len; i++)
    {
      const SteerTensor *tensor = g_array_index (self->transfers, SteerCudaTransfer, i).tensor;

      for (gsize begin = 0; begin < tensor->n_bytes; begin += BUFFER_BYTES, place++)
        if (place % self->n_threads == self->first)
          {
            memcpy (buffer, tensor->data + begin, MIN (BUFFER_BYTES, tensor->n_bytes - begin));
            __asm__ volatile("" ::"r"(buffer) : "memory");
          }
    }
  return NULL;
}

static double
read_mapped (GArray *transfers, guint n_threads)
{
  g_autofree GThread **threads = g_new0 (GThread *, n_threads);
  g_autofree Reader *readers = g_new0 (Reader, n_threads);
  gint64 begin = g_get_monotonic_time ();

  for (guint i = 0; i < n_threads; i++)
    {
      readers[i] = (Reader){ transfers, i, n_threads };
      threads[i] = g_thread_new ("reader", read_share, &readers[i]);
    }
  for (guint i = 0; i < n_threads; i++)
    g_thread_join (threads[i]);
  return (double) (g_get_monotonic_time () - begin) / 1e6;
}

/* --- One round --- */

static int
compare (gconstpointer a, gconstpointer b)
{
  double difference = *(const double *) a - *(const double *) b;

  return difference < 0 ? -1 : difference > 0;
}

/* As a program would load it: the files are opened anew, so that none of their pages is mapped. */
static gboolean
run (const char *path, SteerDtype weight_type, gboolean warm, double *upload, double *limit, GError **error)
{
  g_autoptr (SteerModel) model = steer_model_open (path, NULL, error);
  g_autoptr (GArray) transfers = g_array_new (FALSE, FALSE, sizeof (SteerCudaTransfer));
  SteerCudaArena arena = { .memory = (guint8 *) 4096 }; /* addresses that nobody follows */
  SteerCudaUploadSize size;
  SteerCudaWeights weights;
  gsize n_bytes = 0;
  gint64 begin;
  gboolean done;

  if (model == NULL || !steer_cuda_weights_lay_out (&weights, model, weight_type, &arena, transfers, error))
    return FALSE;
  steer_cuda_upload_measure (transfers, &size);
  for (guint i = 0; i < transfers->len; i++)
    n_bytes += g_array_index (transfers, SteerCudaTransfer, i).tensor->n_bytes;
  if (warm)
    {
      read_mapped (transfers, size.n_threads);
      g_print ("%s: %.2f GB in %u tensors, %u threads, pieces of %.1f MB\n", path, (double) n_bytes / 1e9,
               transfers->len, size.n_threads, (double) size.piece_bytes / 1e6);
      steer_cuda_weights_clear (&weights);
      return TRUE;
    }
  begin = g_get_monotonic_time ();
  done = steer_cuda_upload_run (model, 0, transfers, &size, (guint8 *) 4096, NULL, NULL, NULL, error);
  *upload = (double) n_bytes / (double) (g_get_monotonic_time () - begin) / 1e3;
  read_mapped (transfers, size.n_threads);
  *limit = (double) n_bytes / read_mapped (transfers, size.n_threads) / 1e9;
  steer_cuda_weights_clear (&weights);
  return done;
}

int
main (int argc, char **argv)
{
  SteerDtype weight_type = argc > 2 && strcmp (argv[2], "q8_0") == 0 ? STEER_DTYPE_Q8_0 : STEER_DTYPE_F32;
  double uploads[N_ROUNDS], limits[N_ROUNDS];
  g_autoptr (GError) error = NULL;
  gboolean done;

  if (argc < 2)
    g_error ("usage: bench-upload MODEL [q8_0]");
  done = run (argv[1], weight_type, TRUE, NULL, NULL, &error);
  for (guint i = 0; i < N_ROUNDS && done; i++)
    done = run (argv[1], weight_type, FALSE, &uploads[i], &limits[i], &error);
  if (!done)
    g_error ("%s", error->message);
  qsort (uploads, N_ROUNDS, sizeof *uploads, compare);
  qsort (limits, N_ROUNDS, sizeof *limits, compare);
  g_print ("upload %5.2f GB/s (%.2f to %.2f), mapped memory %5.2f GB/s (%.2f to %.2f), ratio %.2f\n",
           uploads[N_ROUNDS / 2], uploads[0], uploads[N_ROUNDS - 1], limits[N_ROUNDS / 2], limits[0],
           limits[N_ROUNDS - 1], uploads[N_ROUNDS / 2] / limits[N_ROUNDS / 2]);
  return 0;
}
