/* The stages of a step of decoding that are products. */

#include "steer-gemv-job.cuh"
#include "steer-weights.cuh"

static cudaError_t
launch (const SteerCudaQueue *queue, const SteerGemv *job, SteerCudaType type)
{
  if (job->n_columns < 1 || job->n_columns > STEER_CUDA_MAX_COLUMNS)
    return cudaErrorInvalidValue;
  return steer_for_type (type,
                         [&] (auto constant) { return steer_gemv_launch<decltype (constant)::value> (queue, job); });
}

static int
count_pairs (const SteerCudaMatrix *matrix)
{
  return steer_divide_up (matrix->n_rows, 2);
}

static SteerGemv
begin_job (SteerGemvEnd end, const SteerCudaMatrix *matrix, const float *x, int n_columns, float *out)
{
  SteerGemv job = {};

  job.end = end;
  job.matrices[0] = *matrix;
  job.n_pairs[0] = count_pairs (matrix);
  job.n_columns = n_columns;
  job.depth = matrix->n_columns;
  job.x = x;
  job.steer_layer = -1;
  job.out = out;
  return job;
}

static void
add_norm (SteerGemv *job, const SteerCudaShape *shape, const float *norm)
{
  job->norm = norm;
  job->eps = shape->rms_norm_eps;
}

static void
add_steering (SteerGemv *job, int layer, const SteerCudaToken *tokens, float *steered)
{
  job->tokens = tokens;
  job->steer_layer = layer;
  job->steered = steered;
}

/* Matrices of one type share a launch: with some of them left out, the kernel finds no pairs there. */
static cudaError_t
launch_by_type (const SteerCudaQueue *queue, const SteerGemv *all)
{
  bool done[3] = { false, false, false };

  for (int first = 0; first < 3; first++)
    {
      SteerCudaType type = all->matrices[first].type;
      SteerGemv job = *all;
      cudaError_t error;

      if (done[first])
        continue;
      for (int i = 0; i < 3; i++)
        {
          bool together = all->matrices[i].type == type;

          job.n_pairs[i] = together ? all->n_pairs[i] : 0;
          done[i] = done[i] || together;
        }
      if (first > 0)
        job.steered = nullptr;
      error = launch (queue, &job, type);
      if (error != cudaSuccess)
        return error;
    }
  return cudaSuccess;
}

cudaError_t
steer_cuda_decode_qkv (const SteerCudaQueue *queue,
                       const SteerCudaShape *shape,
                       int layer,
                       const SteerCudaMatrix *q,
                       const SteerCudaMatrix *k,
                       const SteerCudaMatrix *v,
                       const float *norm,
                       const SteerCudaToken *tokens,
                       int n_columns,
                       const float *turns,
                       const float *residual_in,
                       float *residual_out,
                       float *query,
                       float *heads,
                       const SteerCudaCache *cache)
{
  SteerGemv job = begin_job (STEER_GEMV_QKV, q, residual_in, n_columns, heads != nullptr ? heads : query);

  job.matrices[1] = *k;
  job.matrices[2] = *v;
  job.n_pairs[1] = count_pairs (k);
  job.n_pairs[2] = count_pairs (v);
  add_norm (&job, shape, norm);
  add_steering (&job, layer - 1, tokens, residual_out);
  if (heads != nullptr)
    {
      job.first_raw[1] = q->n_rows;
      job.first_raw[2] = q->n_rows + k->n_rows;
      job.n_raw = job.first_raw[2] + v->n_rows;
    }
  job.turns = turns;
  job.cache = *cache;
  job.n_kv_heads = shape->n_kv_heads;
  job.head_dim = shape->head_dim;
  job.interleaved = shape->rope_interleaved;
  if (n_columns >= 1 && n_columns <= STEER_CUDA_MAX_COLUMNS && steer_gemv_can_mix (&job))
    return steer_gemv_launch_mixed (queue, &job);
  return launch_by_type (queue, &job);
}

cudaError_t
steer_cuda_decode_add (const SteerCudaQueue *queue,
                       const SteerCudaMatrix *matrix,
                       const float *x,
                       int n_columns,
                       float *residual)
{
  SteerGemv job = begin_job (STEER_GEMV_ADD, matrix, x, n_columns, residual);

  return launch (queue, &job, matrix->type);
}

cudaError_t
steer_cuda_decode_multiply (const SteerCudaQueue *queue,
                            const SteerCudaShape *shape,
                            const SteerCudaMatrix *matrix,
                            const float *norm,
                            const float *x,
                            int n_columns,
                            float *out)
{
  SteerGemv job = begin_job (STEER_GEMV_STORE, matrix, x, n_columns, out);

  add_norm (&job, shape, norm);
  return launch (queue, &job, matrix->type);
}

cudaError_t
steer_cuda_decode_gate_up (const SteerCudaQueue *queue,
                           const SteerCudaShape *shape,
                           const SteerCudaMatrix *gate,
                           const SteerCudaMatrix *up,
                           const float *norm,
                           const float *residual,
                           int n_columns,
                           float *hidden)
{
  SteerGemv job = begin_job (STEER_GEMV_GATE_UP, gate, residual, n_columns, hidden);

  if (gate->type != up->type)
    return cudaErrorInvalidValue;
  job.matrices[1] = *up;
  job.n_pairs[0] = gate->n_rows;
  job.gate = shape->gate;
  add_norm (&job, shape, norm);
  return launch (queue, &job, gate->type);
}

cudaError_t
steer_cuda_decode_logits (const SteerCudaQueue *queue,
                          const SteerCudaShape *shape,
                          int n_layers,
                          const SteerCudaMatrix *output,
                          const float *norm,
                          const SteerCudaToken *tokens,
                          int n_columns,
                          const float *residual_in,
                          float *residual_out,
                          float *logits)
{
  SteerGemv job = begin_job (STEER_GEMV_STORE, output, residual_in, n_columns, logits);

  add_norm (&job, shape, norm);
  add_steering (&job, n_layers - 1, tokens, residual_out);
  return launch (queue, &job, output->type);
}
