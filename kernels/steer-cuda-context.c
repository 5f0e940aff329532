#include "steer-cuda-context.h"

#include <math.h>
#include <string.h>

#include "steer-cuda-backend.h"
#include "steer-cuda-device.h"
#include "steer-cuda-error.h"
#include "steer-cuda-upload.h"

/* A context before any memory is taken: everything laid out and counted. */
typedef struct
{
  SteerCudaContext *context;
  GArray *transfers; /* SteerCudaTransfer */
  SteerCudaUploadSize upload;
  SteerCudaArena weights;
  SteerCudaArena cache;
  SteerCudaArena work;
  SteerCudaArena host;
} Layout;

gboolean
steer_cuda_context_check (SteerCudaContext *self, cudaError_t status, const char *doing, GError **error)
{
  if (steer_cuda_check (status, doing, error))
    return TRUE;
  /* Running out of memory leaves everything as it was; any other failure of a device stays with the process. */
  self->lost |= status != cudaErrorMemoryAllocation;
  return FALSE;
}

static gboolean
init_shape (SteerCudaShape *shape, const SteerModelConfig *config, GError **error)
{
  const char *why;

  if (config->n_context > G_MAXINT)
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED, "a context of %u tokens is too long",
                   config->n_context);
      return FALSE;
    }
  *shape = (SteerCudaShape){
    .d_model = (int) config->d_model,
    .n_heads = (int) config->n_heads,
    .n_kv_heads = (int) config->n_kv_heads,
    .head_dim = (int) config->head_dim,
    .d_ff = (int) config->d_ff,
    .n_vocab = (int) config->n_vocab,
    .sliding_window = (int) config->sliding_window,
    .rope_interleaved = config->rope_interleaved,
    .rms_norm_eps = (float) config->rms_norm_eps,
    .gate = config->gate == STEER_GATE_GELU ? STEER_CUDA_GELU : STEER_CUDA_SILU,
    /* Rounded to float32, as the CPU does it. */
    .embed_scale = config->scales_embedding ? (float) sqrt ((double) config->d_model) : 0.0f,
    .query_scalar = (float) config->query_scalar,
    .attention_softcap = (float) config->attention_softcap,
  };
  why = steer_cuda_check_shape (shape);
  if (why == NULL)
    return TRUE;
  g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED,
               "the GPU does not compute models of this shape: %s", why);
  return FALSE;
}

static void
lay_out_cache (SteerCudaContext *self, SteerCudaArena *arena)
{
  gsize rows = (gsize) self->parent.options.n_slots * self->config->n_kv_heads;
  gsize columns = (gsize) self->parent.options.n_context * self->config->head_dim;
  SteerCudaType type = self->parent.options.kv_dtype == STEER_DTYPE_BF16 ? STEER_CUDA_BF16 : STEER_CUDA_F16;

  for (guint i = 0; i < self->config->n_layers; i++)
    {
      self->caches[i] = (SteerCudaCache){
        .type = type,
        .n_slots = (int) self->parent.options.n_slots,
        .n_context = (int) self->parent.options.n_context,
      };
      self->caches[i].keys = steer_cuda_arena_take_rows (arena, rows, columns, 2);
      self->caches[i].values = steer_cuda_arena_take_rows (arena, rows, columns, 2);
    }
}

static gsize
get_expanded_bytes (const SteerModelConfig *config)
{
  gsize widest = MAX (MAX (config->d_model, config->d_ff), (gsize) config->n_heads * config->head_dim);

  return MAX (STEER_CUDA_EXPAND_BYTES, widest * sizeof (guint16));
}

static void
lay_out_work (SteerCudaContext *self, SteerCudaArena *arena, SteerCudaArena *host)
{
  const SteerModelConfig *config = self->config;
  SteerCudaWork *work = &self->work;
  gsize chunk = STEER_CUDA_CHUNK;
  gsize query = (gsize) config->n_heads * config->head_dim;
  gsize kv = (gsize) config->n_kv_heads * config->head_dim;
  gsize seen = ((gsize) config->n_vocab + 31) / 32;
  gsize operand = self->weights.any_f32 ? sizeof (float) : sizeof (guint16);

  steer_cuda_steering_lay_out (&self->steering, config, self->parent.options.n_slots, host, arena);
  work->tokens = steer_cuda_arena_take (arena, chunk, sizeof *work->tokens);
  work->turns
    = steer_cuda_arena_take_rows (arena, (gsize) self->weights.n_turns * chunk, config->head_dim, sizeof (float));
  work->residual[0] = steer_cuda_arena_take_rows (arena, chunk, config->d_model, sizeof (float));
  work->residual[1] = steer_cuda_arena_take_rows (arena, STEER_CUDA_MAX_COLUMNS, config->d_model, sizeof (float));
  work->q = steer_cuda_arena_take_rows (arena, chunk, query, sizeof (float));
  work->k = steer_cuda_arena_take_rows (arena, chunk, kv, sizeof (float));
  work->v = steer_cuda_arena_take_rows (arena, chunk, kv, sizeof (float));
  work->gate = steer_cuda_arena_take_rows (arena, chunk, config->d_ff, sizeof (float));
  work->up = steer_cuda_arena_take_rows (arena, chunk, config->d_ff, sizeof (float));
  work->logits = steer_cuda_arena_take_rows (arena, STEER_CUDA_MAX_COLUMNS, config->n_vocab, sizeof (float));
  work->normed = steer_cuda_arena_take_rows (arena, chunk, config->d_model, sizeof (float));
  if (config->branch_norms)
    work->branch = steer_cuda_arena_take_rows (arena, chunk, config->d_model, sizeof (float));
  work->query = steer_cuda_arena_take_rows (arena, chunk, query, sizeof (guint16));
  work->attended = steer_cuda_arena_take_rows (arena, chunk, query, operand);
  work->hidden = steer_cuda_arena_take_rows (arena, chunk, config->d_ff, operand);
  if (self->weights.any_quantised || steer_cuda_has_large_activations (config))
    work->expanded = steer_cuda_arena_take (arena, get_expanded_bytes (config), 1);
  work->blas = steer_cuda_arena_take (arena, STEER_CUDA_BLAS_BYTES, 1);
  work->attention_scratch
    = steer_cuda_arena_take (arena, steer_cuda_decode_attention_get_scratch (&self->shape, STEER_CUDA_MAX_COLUMNS), 1);
  work->choose_scratch
    = steer_cuda_arena_take (arena, steer_cuda_choose_get_scratch (self->shape.n_vocab, STEER_CUDA_MAX_COLUMNS), 1);
  work->seen = steer_cuda_arena_take_rows (arena, self->parent.options.n_slots, seen, sizeof (guint32));

  self->host.tokens = steer_cuda_arena_take (host, chunk, sizeof *self->host.tokens);
  self->host.logits = steer_cuda_arena_take_rows (host, STEER_CUDA_MAX_COLUMNS, config->n_vocab, sizeof (float));
  self->host.seen = steer_cuda_arena_take_rows (host, self->parent.options.n_slots, seen, sizeof (guint32));
  self->host.chosen = steer_cuda_arena_take (host, STEER_CUDA_MAX_COLUMNS, sizeof (guint64));
}

/* Places everything in the arenas, which have their memory or only count. */
static gboolean
lay_out (Layout *self, GError **error)
{
  SteerCudaContext *context = self->context;

  g_array_set_size (self->transfers, 0);
  steer_cuda_weights_clear (&context->weights);
  self->weights.used = self->cache.used = self->work.used = self->host.used = 0;
  if (!steer_cuda_weights_lay_out (&context->weights, context->parent.model, context->parent.options.weight_type,
                                   &self->weights, self->transfers, error))
    return FALSE;
  steer_cuda_upload_measure (self->transfers, &self->upload);
  lay_out_cache (context, &self->cache);
  lay_out_work (context, &self->work, &self->host);
  /* Nothing is computed while weights arrive, so what the device changes of them lies in the work areas. */
  self->work.used = MAX (self->work.used, self->upload.staging_bytes);
  if (!self->weights.overflow && !self->cache.overflow && !self->work.overflow && !self->host.overflow)
    return TRUE;
  g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_NO_MEMORY,
               "a context of %u tokens in %u slots is larger than any memory", context->parent.options.n_context,
               context->parent.options.n_slots);
  return FALSE;
}

static void
resolve_options (SteerContextOptions *options, const SteerModelConfig *config)
{
  if (options->n_context == 0)
    options->n_context = MIN (config->n_context, 8192);
  if (options->kv_dtype != STEER_DTYPE_BF16)
    options->kv_dtype = STEER_DTYPE_F16;
  options->n_threads = 1;
}

/* A context without memory; @layout counts what it needs. */
static SteerCudaContext *
make_context (SteerModel *model,
              const char *device_id,
              const SteerContextOptions *options,
              Layout *layout,
              GError **error)
{
  SteerCudaContext *self = g_new0 (SteerCudaContext, 1);

  self->parent.backend = steer_cuda_module_backend ();
  self->parent.model = g_object_ref (model);
  self->parent.options = *options;
  self->parent.device_id = g_strdup (device_id);
  self->config = steer_model_get_config (model);
  resolve_options (&self->parent.options, self->config);
  self->caches = g_new0 (SteerCudaCache, self->config->n_layers);
  *layout = (Layout){ .context = self, .transfers = g_array_new (FALSE, FALSE, sizeof (SteerCudaTransfer)) };
  if (steer_cuda_device_parse (device_id, &self->ordinal, error) && init_shape (&self->shape, self->config, error)
      && lay_out (layout, error))
    return self;
  steer_cuda_context_close (&self->parent);
  g_clear_pointer (&layout->transfers, g_array_unref);
  return NULL;
}

gboolean
steer_cuda_context_estimate (SteerModel *model,
                             const char *device_id,
                             const SteerContextOptions *options,
                             SteerMemoryEstimate *estimate,
                             GError **error)
{
  Layout layout = { 0 };
  SteerCudaContext *self = make_context (model, device_id, options, &layout, error);
  gboolean done;

  memset (estimate, 0, sizeof *estimate);
  if (self == NULL)
    return FALSE;
  estimate->weights = layout.weights.used;
  estimate->kv_cache = layout.cache.used;
  estimate->work = layout.work.used;
  done = steer_cuda_device_get_free (self->ordinal, &estimate->available, error);
  g_array_unref (layout.transfers);
  steer_cuda_context_close (&self->parent);
  return done;
}

static gboolean
allocate_device (gpointer *memory, gsize n_bytes, const char *doing, GError **error)
{
  return steer_cuda_check (cudaMalloc (memory, n_bytes), doing, error);
}

static gboolean
allocate (SteerCudaContext *self, Layout *layout, GError **error)
{
  if (!allocate_device (&self->weights_memory, layout->weights.used, "allocating the weights", error)
      || !allocate_device (&self->cache_memory, layout->cache.used, "allocating the KV cache", error)
      || !allocate_device (&self->work_memory, layout->work.used, "allocating the work areas", error)
      || !steer_cuda_check (cudaHostAlloc (&self->host_memory, layout->host.used, cudaHostAllocMapped),
                            "allocating host memory that the GPU sees", error))
    return FALSE;
  memset (self->host_memory, 0, layout->host.used);
  layout->weights.memory = self->weights_memory;
  layout->cache.memory = self->cache_memory;
  layout->work.memory = self->work_memory;
  layout->host.memory = self->host_memory;
  self->parent.device_bytes = layout->weights.used + layout->cache.used + layout->work.used;
  return lay_out (layout, error)
         && steer_cuda_check (cudaHostGetDevicePointer ((void **) &self->host.chosen_device, self->host.chosen, 0),
                              "mapping host memory", error);
}

static gboolean
make_queue (SteerCudaContext *self, GError **error)
{
  cudaStream_t stream = NULL;

  if (!steer_cuda_check (cudaStreamCreateWithFlags (&stream, cudaStreamNonBlocking), "making a stream", error))
    return FALSE;
  self->queue.stream = stream;
  return steer_cuda_check (steer_cuda_queue_init (&self->queue, stream), "asking for the device's size", error)
         && steer_cuda_check (cudaEventCreateWithFlags (&self->layer_done[0], cudaEventDisableTiming),
                              "making an event", error)
         && steer_cuda_check (cudaEventCreateWithFlags (&self->layer_done[1], cudaEventDisableTiming),
                              "making an event", error)
         && steer_cuda_check (cudaEventCreateWithFlags (&self->table_copied, cudaEventDisableTiming), "making an event",
                              error);
}

/* After the weights are there: the work areas were in use until then. */
static gboolean
prepare_work (SteerCudaContext *self, GError **error)
{
  SteerCudaWork *work = &self->work;
  gsize half = self->config->head_dim / 2;
  gsize n_frequencies = (gsize) self->weights.n_turns * half;
  g_autofree float *inv_freq = g_new (float, n_frequencies);
  gsize attention = steer_cuda_decode_attention_get_scratch (&self->shape, STEER_CUDA_MAX_COLUMNS);
  gsize choosing = steer_cuda_choose_get_scratch (self->shape.n_vocab, STEER_CUDA_MAX_COLUMNS);
  g_autofree char *why = NULL;

  steer_model_config_get_inv_freq (self->config, inv_freq);
  if (self->weights.n_turns > 1)
    steer_model_config_get_local_inv_freq (self->config, inv_freq + half);
  if (!steer_cuda_check (cudaMemcpyAsync (self->weights.inv_freq, inv_freq, n_frequencies * sizeof (float),
                                          cudaMemcpyHostToDevice, self->queue.stream),
                         "copying frequencies", error)
      || !steer_cuda_check (cudaMemsetAsync (work->attention_scratch, 0, attention, self->queue.stream),
                            "clearing work areas", error)
      || !steer_cuda_check (cudaMemsetAsync (work->choose_scratch, 0, choosing, self->queue.stream),
                            "clearing work areas", error)
      || !steer_cuda_check (cudaStreamSynchronize (self->queue.stream), "clearing work areas", error))
    return FALSE;
  steer_cuda_steering_init (&self->steering);
  self->blas = steer_cuda_blas_new (self->queue.stream, work->blas, STEER_CUDA_BLAS_BYTES, &why);
  if (self->blas == NULL)
    g_message ("prompts will be computed slowly: %s; install NVIDIA's cuBLAS %d", why, CUDART_VERSION / 1000);
  return TRUE;
}

SteerContext *
steer_cuda_context_open (SteerModel *model,
                         const char *device_id,
                         const SteerContextOptions *options,
                         SteerProgressFunc progress,
                         gpointer progress_data,
                         GCancellable *cancellable,
                         GError **error)
{
  Layout layout = { 0 };
  SteerCudaContext *self;
  gboolean opened;

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return NULL;
  self = make_context (model, device_id, options, &layout, error);
  if (self == NULL)
    return NULL;
  opened = steer_cuda_device_select (self->ordinal, error) && make_queue (self, error)
           && allocate (self, &layout, error)
           && steer_cuda_upload_run (model, self->ordinal, layout.transfers, &layout.upload, self->work_memory,
                                     progress, progress_data, cancellable, error)
           && prepare_work (self, error);
  g_array_unref (layout.transfers);
  if (!opened)
    {
      steer_cuda_context_close (&self->parent);
      return NULL;
    }
  self->parent.chunk = STEER_CUDA_CHUNK;
  self->parent.device_name = steer_cuda_device_dup_name (self->ordinal);
  if (progress != NULL)
    progress (1.0, progress_data);
  return &self->parent;
}

static void
destroy_graphs (SteerCudaContext *self)
{
  for (guint i = 0; i < STEER_CUDA_MAX_COLUMNS; i++)
    {
      if (self->graphs[i].step.exec != NULL)
        cudaGraphExecDestroy (self->graphs[i].step.exec);
      if (self->graphs[i].choosing.exec != NULL)
        cudaGraphExecDestroy (self->graphs[i].choosing.exec);
    }
}

/* Also of a context that opened halfway. Errors are not looked at: of a lost device every call returns one. */
void
steer_cuda_context_close (SteerContext *context)
{
  SteerCudaContext *self = (SteerCudaContext *) context;

  if (self == NULL)
    return;
  if (self->queue.stream != NULL)
    {
      cudaSetDevice (self->ordinal);
      cudaStreamSynchronize (self->queue.stream);
      destroy_graphs (self);
      g_clear_pointer (&self->blas, steer_cuda_blas_free);
      steer_cuda_steering_clear (&self->steering);
      for (guint i = 0; i < G_N_ELEMENTS (self->layer_done); i++)
        if (self->layer_done[i] != NULL)
          cudaEventDestroy (self->layer_done[i]);
      if (self->table_copied != NULL)
        cudaEventDestroy (self->table_copied);
      cudaStreamDestroy (self->queue.stream);
      cudaFree (self->weights_memory);
      cudaFree (self->cache_memory);
      cudaFree (self->work_memory);
      cudaFreeHost (self->host_memory);
      cudaGetLastError ();
    }
  steer_cuda_weights_clear (&self->weights);
  g_free (self->caches);
  g_clear_object (&self->parent.model);
  g_free (self->parent.device_id);
  g_free (self->parent.device_name);
  g_free (self);
}
