#include "steer-cuda-steering.h"

#include <math.h>
#include <string.h>

#include "steer-cuda-error.h"

/* What lies in one place of the vectors. */
typedef struct
{
  const float *vector; /* nullable: nothing */
  SteerPlan *owner;    /* whose vector it is */
} Entry;

static void
lay_out_block (SteerCudaSteering *self, SteerCudaBlock *block, SteerCudaArena *arena)
{
  gsize begin = arena->used;

  block->tokens = steer_cuda_arena_take (arena, STEER_CUDA_MAX_COLUMNS, sizeof *block->tokens);
  block->choices = steer_cuda_arena_take (arena, STEER_CUDA_MAX_COLUMNS, sizeof *block->choices);
  self->step_bytes = arena->used - begin;
  block->plans = steer_cuda_arena_take (arena, self->n_slots, sizeof *block->plans);
  block->first = steer_cuda_arena_take_rows (arena, self->n_slots, (gsize) self->n_layers + 1, sizeof *block->first);
  block->ops = steer_cuda_arena_take_rows (arena, self->n_slots, STEER_CUDA_MAX_OPS, sizeof *block->ops);
}

void
steer_cuda_steering_lay_out (SteerCudaSteering *self,
                             const SteerModelConfig *config,
                             guint n_slots,
                             SteerCudaArena *host,
                             SteerCudaArena *device)
{
  self->n_slots = n_slots;
  self->n_layers = config->n_layers;
  self->d_model = config->d_model;
  self->n_vectors = STEER_CUDA_N_VECTORS;
  lay_out_block (self, &self->host, host);
  lay_out_block (self, &self->device, device);
  self->vectors = steer_cuda_arena_take_rows (device, STEER_CUDA_N_VECTORS, self->d_model, sizeof (float));
}

static void
clear_entry (gpointer data)
{
  Entry *entry = data;

  g_clear_pointer (&entry->owner, steer_plan_unref);
  entry->vector = NULL;
}

void
steer_cuda_steering_init (SteerCudaSteering *self)
{
  self->entries = g_array_new (FALSE, TRUE, sizeof (Entry));
  g_array_set_clear_func (self->entries, clear_entry);
  g_array_set_size (self->entries, self->n_vectors);
  self->places = g_hash_table_new (NULL, NULL);
  self->used_bytes = self->step_bytes;
}

static void
forget_plans (SteerCudaSteering *self)
{
  for (guint i = 0; i < STEER_MAX_SLOTS; i++)
    g_clear_pointer (&self->plans[i], steer_plan_unref);
}

void
steer_cuda_steering_clear (SteerCudaSteering *self)
{
  forget_plans (self);
  g_clear_pointer (&self->entries, g_array_unref);
  g_clear_pointer (&self->places, g_hash_table_unref);
  if (self->own_vectors)
    cudaFree (self->vectors);
  self->vectors = NULL;
  self->own_vectors = FALSE;
}

/* Where the device has the vector, which put_vectors() has brought there. */
static const float *
find_vector (const SteerCudaSteering *self, const float *vector)
{
  guint place = GPOINTER_TO_UINT (g_hash_table_lookup (self->places, vector));

  g_assert (place > 0);
  return self->vectors + (place - 1) * self->d_model;
}

static gboolean
grow (SteerCudaSteering *self, cudaStream_t stream, guint n_needed, GError **error)
{
  guint n = self->n_vectors;
  float *vectors = NULL;

  while (n < n_needed)
    n *= 2;
  if (!steer_cuda_check (cudaMalloc ((void **) &vectors, n * self->d_model * sizeof (float)),
                         "allocating room for steering vectors", error))
    return FALSE;
  if (!steer_cuda_check (cudaMemcpyAsync (vectors, self->vectors, self->n_vectors * self->d_model * sizeof (float),
                                          cudaMemcpyDeviceToDevice, stream),
                         "moving steering vectors", error)
      || !steer_cuda_check (cudaStreamSynchronize (stream), "moving steering vectors", error))
    {
      cudaFree (vectors);
      return FALSE;
    }
  if (self->own_vectors)
    cudaFree (self->vectors);
  self->vectors = vectors;
  self->own_vectors = TRUE;
  self->n_vectors = n;
  g_array_set_size (self->entries, n);
  return TRUE;
}

static const float *
get_gate_weights (const SteerPlanGate *gate)
{
  return gate->encoder != NULL ? gate->encoder->weights : gate->vector;
}

/* Distinct vectors of the slots' plans, encoders' weights among them: host address -> the plan. */
static GHashTable *
list_needed (const SteerCudaSteering *self)
{
  GHashTable *needed = g_hash_table_new (NULL, NULL);

  for (guint slot = 0; slot < self->n_slots; slot++)
    {
      guint n_ops = self->plans[slot] != NULL ? steer_plan_get_n_ops (self->plans[slot]) : 0;

      for (guint i = 0; i < n_ops; i++)
        {
          const SteerPlanOp *op = &steer_plan_get_ops (self->plans[slot])[i];

          g_hash_table_insert (needed, (gpointer) op->vector, self->plans[slot]);
          if (op->encoder != NULL)
            g_hash_table_insert (needed, (gpointer) op->encoder->weights, self->plans[slot]);
          if (op->gate.when != STEER_WHEN_ALWAYS)
            g_hash_table_insert (needed, (gpointer) get_gate_weights (&op->gate), self->plans[slot]);
        }
    }
  return needed;
}

static void
drop_unneeded (SteerCudaSteering *self, GHashTable *needed)
{
  for (guint i = 0; i < self->entries->len; i++)
    {
      Entry *entry = &g_array_index (self->entries, Entry, i);

      if (entry->vector == NULL || g_hash_table_contains (needed, entry->vector))
        continue;
      g_hash_table_remove (self->places, entry->vector);
      clear_entry (entry);
    }
}

static gboolean
put_vector (SteerCudaSteering *self,
            cudaStream_t stream,
            const float *vector,
            SteerPlan *owner,
            guint *place,
            GError **error)
{
  while (g_array_index (self->entries, Entry, *place).vector != NULL)
    ++*place;
  if (!steer_cuda_check (cudaMemcpyAsync (self->vectors + *place * self->d_model, vector,
                                          self->d_model * sizeof (float), cudaMemcpyHostToDevice, stream),
                         "copying a steering vector", error))
    return FALSE;
  g_array_index (self->entries, Entry, *place) = (Entry){ vector, steer_plan_ref (owner) };
  g_hash_table_insert (self->places, (gpointer) vector, GUINT_TO_POINTER (*place + 1));
  return TRUE;
}

/* Brings every vector that the plans need to the device. */
static gboolean
put_vectors (SteerCudaSteering *self, cudaStream_t stream, GError **error)
{
  g_autoptr (GHashTable) needed = list_needed (self);
  guint n_missing = 0, place = 0;
  GHashTableIter iter;
  gpointer vector, owner;

  g_hash_table_iter_init (&iter, needed);
  while (g_hash_table_iter_next (&iter, &vector, NULL))
    n_missing += !g_hash_table_contains (self->places, vector);
  if (g_hash_table_size (self->places) + n_missing > self->n_vectors)
    drop_unneeded (self, needed);
  if (g_hash_table_size (self->places) + n_missing > self->n_vectors
      && !grow (self, stream, g_hash_table_size (self->places) + n_missing, error))
    return FALSE;

  g_hash_table_iter_init (&iter, needed);
  while (g_hash_table_iter_next (&iter, &vector, &owner))
    if (!g_hash_table_contains (self->places, vector) && !put_vector (self, stream, vector, owner, &place, error))
      return FALSE;
  return TRUE;
}

static SteerCudaEncoder
make_encoder (const SteerCudaSteering *self, const SteerEncoder *encoder)
{
  return (SteerCudaEncoder){
    .weights = find_vector (self, encoder->weights),
    .input = (int32_t) encoder->input,
    .bias = encoder->bias,
    .threshold = encoder->threshold,
    .gain = encoder->gain,
  };
}

static SteerCudaEncoder
make_gate (const SteerCudaSteering *self, const SteerPlanGate *gate)
{
  if (gate->encoder != NULL)
    return make_encoder (self, gate->encoder);
  return (SteerCudaEncoder){
    .weights = find_vector (self, gate->vector),
    .input = STEER_ENCODER_PLAIN,
    .threshold = -INFINITY,
    .gain = 1.0f,
  };
}

static SteerCudaOp
make_op (const SteerCudaSteering *self, const SteerPlanOp *op)
{
  SteerCudaOp made = {
    .mode = (int32_t) op->mode,
    .strength = op->strength,
    .vector = find_vector (self, op->vector),
    .when = (int32_t) op->gate.when,
    .bound = op->gate.bound,
  };

  if (op->encoder != NULL)
    made.encoder = make_encoder (self, op->encoder);
  if (op->gate.when != STEER_WHEN_ALWAYS)
    made.gate = make_gate (self, &op->gate);
  return made;
}

static void
fill_table (SteerCudaSteering *self)
{
  gint32 n = 0;

  for (guint slot = 0; slot < self->n_slots; slot++)
    {
      gint32 *first = self->host.first + (gsize) slot * (self->n_layers + 1);

      for (guint layer = 0; layer < self->n_layers; layer++)
        {
          guint n_ops = 0;
          const SteerPlanOp *ops = steer_plan_get_layer_ops (self->plans[slot], layer, &n_ops);

          first[layer] = n;
          for (guint i = 0; i < n_ops; i++)
            self->host.ops[n++] = make_op (self, &ops[i]);
        }
      first[self->n_layers] = n;
      /* Indices count from the first slot's operations. */
      self->host.plans[slot]
        = (SteerCudaPlan){ self->device.first + (gsize) slot * (self->n_layers + 1), self->device.ops };
    }
  self->used_bytes = (gsize) ((guint8 *) (self->host.ops + n) - (guint8 *) self->host.tokens);
  self->changed = TRUE;
}

static gboolean
take_plan (SteerCudaSteering *self, const SteerRun *run, gboolean *any, GError **error)
{
  guint n_ops = run->plan != NULL ? steer_plan_get_n_ops (run->plan) : 0;

  /* An unsteered run leaves the table alone: its tokens do not refer to it. */
  if (n_ops == 0 || self->plans[run->slot] == run->plan)
    return TRUE;
  if (n_ops > STEER_CUDA_MAX_OPS)
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID,
                   "%u features are steered at once; the GPU takes up to %d", n_ops, STEER_CUDA_MAX_OPS);
      return FALSE;
    }
  g_clear_pointer (&self->plans[run->slot], steer_plan_unref);
  self->plans[run->slot] = steer_plan_ref (run->plan);
  *any = TRUE;
  return TRUE;
}

gboolean
steer_cuda_steering_prepare (SteerCudaSteering *self,
                             cudaStream_t stream,
                             const SteerRun *runs,
                             guint n_runs,
                             GError **error)
{
  gboolean any = FALSE;

  for (guint i = 0; i < n_runs; i++)
    if (!take_plan (self, &runs[i], &any, error))
      {
        forget_plans (self);
        return FALSE;
      }
  if (!any)
    return TRUE;
  if (!put_vectors (self, stream, error))
    {
      forget_plans (self);
      return FALSE;
    }
  fill_table (self);
  return TRUE;
}

cudaError_t
steer_cuda_steering_send (SteerCudaSteering *self, cudaStream_t stream)
{
  gsize n_bytes = self->changed ? self->used_bytes : self->step_bytes;

  self->changed = FALSE;
  return cudaMemcpyAsync (self->device.tokens, self->host.tokens, n_bytes, cudaMemcpyHostToDevice, stream);
}

const SteerCudaPlan *
steer_cuda_steering_get_plan (const SteerCudaSteering *self, const SteerRun *run, guint index)
{
  if (run->plan == NULL || steer_plan_get_n_ops (run->plan) == 0)
    return NULL;
  if (run->steer_mask != NULL && run->steer_mask[index] == 0)
    return NULL;
  return self->device.plans + run->slot;
}
