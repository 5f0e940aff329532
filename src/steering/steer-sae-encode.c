#include "steer-sae-encode.h"

#include <math.h>
#include <string.h>

#include "steer-sae-hits.h"
#include "steer-sae-private.h"
#include "steer-sae-product.h"

#define WIDTH STEER_SAE_TILE_FEATURES
#define MAX_THREADS 64
/* All that fire, together: 1 GiB of them is no sparse code any more. */
#define MAX_HITS (64 << 20)

/* Of SAELens. */
#define LAYER_NORM_EPSILON 1e-5f

/* What all workers share; they write the atomics only. */
typedef struct
{
  const SteerSaeWeights *weights;
  const float *input; /* [n_tokens, d_model], as the encoder's product takes it */
  SteerSaeProduct product;
  guint n_tokens;
  gint next_tile; /* atomic */
  gint n_done;    /* atomic: tiles */
  gint budget;    /* atomic: hits that there may still be */
  gint failed;    /* atomic: out of memory */
  guint n_tiles;
  SteerSaeProgressFunc progress;
  gpointer progress_data;
  GCancellable *cancellable;
} Job;

typedef struct
{
  Job *job;
  SteerSaeHits hits;
  SteerSaeHit *heaps; /* [n_tokens, k]: TOPK; the least of a token's comes first */
  guint *n_kept;      /* [n_tokens] */
  float *tile;        /* [STEER_SAE_TILE_DEPTH, WIDTH] */
  float *pre;         /* [n_tokens, WIDTH] */
} Worker;

void
steer_sae_codes_free (SteerSaeCodes *self)
{
  if (self == NULL)
    return;
  g_free (self->begin);
  g_free (self->active);
  g_free (self);
}

/* What one feature of a tile needs beside its pre-activation. */
typedef struct
{
  float b_enc[WIDTH];
  float threshold[WIDTH];
  float b_gate[WIDTH];
  float b_mag[WIDTH];
  float r_mag[WIDTH]; /* exponential of the file's */
  float norm[WIDTH];  /* of the decoder's direction */
} TileConstants;

static void
read_run (const SteerTensor *tensor, gint64 first, guint n, float *out)
{
  if (tensor->data != NULL)
    steer_tensor_read_f32 (tensor, first, n, out);
  else
    memset (out, 0, n * sizeof (float));
}

static void
read_norms (Worker *self, gint64 feature, guint n, float norms[WIDTH])
{
  const SteerSaeWeights *weights = self->job->weights;
  double sums[WIDTH] = { 0.0 };

  for (guint depth = 0; depth < weights->d_model; depth += STEER_SAE_TILE_DEPTH)
    {
      guint n_depth = MIN (STEER_SAE_TILE_DEPTH, weights->d_model - depth);

      steer_sae_load_tile (&weights->decoder, feature, n, depth, n_depth, self->tile);
      for (guint k = 0; k < n_depth; k++)
        for (guint f = 0; f < WIDTH; f++)
          sums[f] += (double) self->tile[k * WIDTH + f] * (double) self->tile[k * WIDTH + f];
    }
  for (guint f = 0; f < WIDTH; f++)
    norms[f] = (float) sqrt (sums[f]);
}

static void
read_constants (Worker *self, gint64 feature, guint n, TileConstants *constants)
{
  const SteerSaeWeights *weights = self->job->weights;

  read_run (&weights->b_enc, feature, n, constants->b_enc);
  read_run (&weights->threshold, feature, n, constants->threshold);
  read_run (&weights->b_gate, feature, n, constants->b_gate);
  read_run (&weights->b_mag, feature, n, constants->b_mag);
  read_run (&weights->r_mag, feature, n, constants->r_mag);
  for (guint f = 0; f < n; f++)
    constants->r_mag[f] = expf (constants->r_mag[f]);
  if (weights->norms != STEER_SAE_NORMS_UNUSED)
    read_norms (self, feature, n, constants->norm);
}

static void
compute_products (Worker *self, gint64 feature, guint n)
{
  const Job *job = self->job;
  guint d_model = job->weights->d_model;

  memset (self->pre, 0, (gsize) job->n_tokens * WIDTH * sizeof (float));
  for (guint depth = 0; depth < d_model; depth += STEER_SAE_TILE_DEPTH)
    {
      guint n_depth = MIN (STEER_SAE_TILE_DEPTH, d_model - depth);

      steer_sae_load_tile (&job->weights->encoder, feature, n, depth, n_depth, self->tile);
      job->product (job->input + depth, d_model, job->n_tokens, self->tile, n_depth, self->pre);
    }
}

/* The activation of one feature on one token, and the score that top-k compares; 0 where it does not fire. */
static float
activate (const SteerSaeWeights *weights, const TileConstants *constants, guint f, float product, float *score)
{
  float pre = product + constants->b_enc[f];
  float value;

  *score = 0.0f;
  if (weights->activation == STEER_SAE_GATED)
    {
      value = fmaxf (product * constants->r_mag[f] + constants->b_mag[f], 0.0f);
      return product + constants->b_gate[f] > 0.0f ? value : 0.0f;
    }
  if (weights->norms == STEER_SAE_NORMS_SCALE)
    pre *= constants->norm[f];
  *score = weights->norms == STEER_SAE_NORMS_GATE ? pre * constants->norm[f] : pre;
  value = fmaxf (pre, 0.0f);
  switch (weights->activation)
    {
    case STEER_SAE_THRESHOLD:
      return *score > (float) weights->scalar_threshold ? value : 0.0f;
    case STEER_SAE_JUMPRELU:
      return *score > constants->threshold[f] ? value : 0.0f;
    case STEER_SAE_RELU:
    case STEER_SAE_TOPK:
    case STEER_SAE_GATED:
    default:
      return value;
    }
}

/* FALSE when there are too many, or no memory for them. */
static gboolean
collect (Worker *self, gint64 feature, guint n, const TileConstants *constants)
{
  const SteerSaeWeights *weights = self->job->weights;

  for (guint t = 0; t < self->job->n_tokens; t++)
    for (guint f = 0; f < n; f++)
      {
        SteerSaeHit hit = { .token = t, .feature = (guint32) (feature + f) };

        hit.value = activate (weights, constants, f, self->pre[(gsize) t * WIDTH + f], &hit.score);
        if (!(hit.value > 0.0f))
          continue;
        if (weights->activation == STEER_SAE_TOPK)
          steer_sae_hits_keep_best (self->heaps + (gsize) t * weights->k, &self->n_kept[t], weights->k, &hit);
        else if (!steer_sae_hits_append (&self->hits, &hit, &self->job->budget))
          return FALSE;
      }
  return TRUE;
}

static gpointer
work (gpointer data)
{
  Worker *self = data;
  Job *job = self->job;

  for (;;)
    {
      guint tile = (guint) g_atomic_int_add (&job->next_tile, 1);
      gint64 feature = (gint64) tile * WIDTH;
      TileConstants constants;
      guint n;

      if (tile >= job->n_tiles || g_cancellable_is_cancelled (job->cancellable) || g_atomic_int_get (&job->failed))
        return NULL;
      n = (guint) MIN (WIDTH, (gint64) job->weights->n_features - feature);
      read_constants (self, feature, n, &constants);
      compute_products (self, feature, n);
      if (!collect (self, feature, n, &constants))
        g_atomic_int_set (&job->failed, 1);
      g_atomic_int_inc (&job->n_done);
      if (job->progress != NULL && tile % 64 == 0)
        job->progress ((double) g_atomic_int_get (&job->n_done) / job->n_tiles, job->progress_data);
    }
}

static void
normalise_layer (float *x, guint d_model)
{
  double sum = 0.0;
  double squares = 0.0;
  float mean, deviation;

  for (guint i = 0; i < d_model; i++)
    sum += (double) x[i];
  mean = (float) (sum / d_model);
  for (guint i = 0; i < d_model; i++)
    {
      x[i] -= mean;
      squares += (double) x[i] * (double) x[i];
    }
  /* PyTorch's std() divides by one less than the number of values. */
  deviation = (float) sqrt (squares / MAX (d_model - 1.0, 1.0));
  for (guint i = 0; i < d_model; i++)
    x[i] /= deviation + LAYER_NORM_EPSILON;
}

static void
scale (float *x, guint d_model, double factor)
{
  for (guint i = 0; i < d_model; i++)
    x[i] = (float) ((double) x[i] * factor);
}

static double
get_norm (const float *x, guint d_model)
{
  double sum = 0.0;

  for (guint i = 0; i < d_model; i++)
    sum += (double) x[i] * (double) x[i];
  return sqrt (sum);
}

/* The tokens as the encoder takes them: scaled, and without b_dec. [n_tokens, d_model] */
static float *
prepare_input (const SteerSaeWeights *weights, const float *residual, guint n_tokens)
{
  guint d_model = weights->d_model;
  gsize n = (gsize) n_tokens * d_model;
  g_autofree float *b_dec = g_try_new0 (float, d_model); /* [d_model] */
  g_autofree float *input = g_try_new (float, n);

  if (input == NULL || b_dec == NULL)
    return NULL;
  memcpy (input, residual, n * sizeof (float));
  if (weights->subtract_b_dec)
    steer_tensor_read_f32 (&weights->b_dec, 0, d_model, b_dec);
  for (guint t = 0; t < n_tokens; t++)
    {
      float *x = input + (gsize) t * d_model;

      if (weights->input == STEER_SAE_INPUT_SCALED)
        scale (x, d_model, weights->input_scale);
      else if (weights->input == STEER_SAE_INPUT_CONSTANT_NORM)
        scale (x, d_model, sqrt ((double) d_model) / get_norm (x, d_model));
      else if (weights->input == STEER_SAE_INPUT_LAYER_NORM)
        normalise_layer (x, d_model);
      for (guint i = 0; weights->subtract_b_dec && i < d_model; i++)
        x[i] -= b_dec[i];
    }
  return g_steal_pointer (&input);
}

static gboolean
worker_init (Worker *self, Job *job)
{
  gsize n_heaps = job->weights->activation == STEER_SAE_TOPK ? job->weights->k : 0;

  self->job = job;
  self->tile = g_try_new (float, (gsize) STEER_SAE_TILE_DEPTH *WIDTH);
  self->pre = g_try_new (float, (gsize) job->n_tokens *WIDTH);
  self->n_kept = g_try_new0 (guint, job->n_tokens);
  self->heaps = n_heaps > 0 && n_heaps <= G_MAXSIZE / sizeof (SteerSaeHit) / job->n_tokens
                  ? g_try_new (SteerSaeHit, n_heaps * job->n_tokens)
                  : NULL;
  return self->tile != NULL && self->pre != NULL && self->n_kept != NULL && (n_heaps == 0 || self->heaps != NULL);
}

static void
worker_clear (Worker *self)
{
  steer_sae_hits_clear (&self->hits);
  g_free (self->heaps);
  g_free (self->n_kept);
  g_free (self->tile);
  g_free (self->pre);
}

static gboolean
fail_memory (guint n_tokens, GError **error)
{
  g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_NO_MEMORY,
               "not enough memory for the activations of %u tokens: encode fewer at a time", n_tokens);
  return FALSE;
}

/* The best k of each token over all workers, as the first one's hits. */
static gboolean
merge_heaps (Worker *workers, guint n_workers, Job *job)
{
  guint k = job->weights->k;

  for (guint t = 0; t < job->n_tokens; t++)
    {
      SteerSaeHit *heap = workers[0].heaps + (gsize) t * k;

      for (guint w = 1; w < n_workers; w++)
        for (guint i = 0; i < workers[w].n_kept[t]; i++)
          steer_sae_hits_keep_best (heap, &workers[0].n_kept[t], k, &workers[w].heaps[(gsize) t * k + i]);
      for (guint i = 0; i < workers[0].n_kept[t]; i++)
        if (!steer_sae_hits_append (&workers[0].hits, &heap[i], &job->budget))
          return FALSE;
    }
  return TRUE;
}

static SteerSaeCodes *
make_codes (Worker *workers, guint n_workers, Job *job, GError **error)
{
  SteerSaeHits lists[MAX_THREADS];
  SteerSaeCodes *codes = NULL;

  if (job->weights->activation != STEER_SAE_TOPK || merge_heaps (workers, n_workers, job))
    {
      for (guint w = 0; w < n_workers; w++)
        lists[w] = workers[w].hits;
      codes = steer_sae_hits_make_codes (lists, n_workers, job->n_tokens);
    }
  if (codes == NULL)
    fail_memory (job->n_tokens, error);
  return codes;
}

static gboolean
run_workers (Job *job, Worker *workers, guint n_workers, GError **error)
{
  GThread *threads[MAX_THREADS] = { NULL };

  for (guint w = 0; w < n_workers; w++)
    if (!worker_init (&workers[w], job))
      return fail_memory (job->n_tokens, error);
  /* Threads that the system refuses are done without. */
  for (guint w = 1; w < n_workers; w++)
    threads[w] = g_thread_try_new ("sae-encode", work, &workers[w], NULL);
  work (&workers[0]);
  for (guint w = 1; w < n_workers; w++)
    g_clear_pointer (&threads[w], g_thread_join);
  if (g_cancellable_set_error_if_cancelled (job->cancellable, error))
    return FALSE;
  return !g_atomic_int_get (&job->failed) || fail_memory (job->n_tokens, error);
}

SteerSaeCodes *
steer_sae_encode (SteerSae *self,
                  const float *residual,
                  guint n_tokens,
                  guint n_threads,
                  SteerSaeProgressFunc progress,
                  gpointer progress_data,
                  GCancellable *cancellable,
                  GError **error)
{
  const SteerSaeWeights *weights;
  g_autofree float *input = NULL;
  Worker workers[MAX_THREADS] = { 0 };
  SteerSaeCodes *codes = NULL;
  guint n_workers;
  Job job;

  g_return_val_if_fail (STEER_IS_SAE (self) && residual != NULL && n_tokens > 0, NULL);

  weights = steer_sae_get_weights (self);
  if (weights->encoder_problem != NULL)
    {
      g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID,
                   "%s: its activations cannot be computed: %s", steer_sae_get_path (self), weights->encoder_problem);
      return NULL;
    }
  input = prepare_input (weights, residual, n_tokens);
  if (input == NULL)
    {
      fail_memory (n_tokens, error);
      return NULL;
    }
  job = (Job){ .weights = weights,
               .input = input,
               .product = steer_sae_list_products ()[0],
               .n_tokens = n_tokens,
               .budget = MAX_HITS,
               .n_tiles = (guint) ((weights->n_features + WIDTH - 1) / WIDTH),
               .progress = progress,
               .progress_data = progress_data,
               .cancellable = cancellable };
  n_workers = CLAMP (n_threads > 0 ? n_threads : g_get_num_processors (), 1, MIN (job.n_tiles, MAX_THREADS));
  if (run_workers (&job, workers, n_workers, error))
    codes = make_codes (workers, n_workers, &job, error);
  for (guint w = 0; w < n_workers; w++)
    worker_clear (&workers[w]);
  return codes;
}
