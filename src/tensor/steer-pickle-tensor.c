/* The arguments that PyTorch's names are given, checked with arithmetic that cannot overflow. */

#include "steer-pickle-tensor.h"

#include <string.h>

static const SteerPickleValue *
get_item (const SteerPickleValue *tuple, guint index)
{
  return g_ptr_array_index (tuple->items, index);
}

static gboolean
is_tuple (const SteerPickleValue *value, guint least, guint most)
{
  guint n = value->kind == STEER_PICKLE_TUPLE && value->items != NULL ? value->items->len : 0;

  return value->kind == STEER_PICKLE_TUPLE && n >= least && n <= most;
}

gboolean
steer_pickle_check_storage (const SteerPickleValue *id, SteerPickleStorage *storage)
{
  const SteerPickleValue *word, *type, *key, *device, *count;

  if (!is_tuple (id, 5, 5))
    return FALSE;
  word = get_item (id, 0);
  type = get_item (id, 1);
  key = get_item (id, 2);
  device = get_item (id, 3);
  count = get_item (id, 4);
  if (word->kind != STEER_PICKLE_STRING || word->string.length != strlen ("storage")
      || memcmp (word->string.bytes, "storage", word->string.length) != 0)
    return FALSE;
  if (type->kind != STEER_PICKLE_GLOBAL || type->global->kind != STEER_PICKLE_STORAGE_TYPE
      || key->kind != STEER_PICKLE_STRING || device->kind != STEER_PICKLE_STRING || count->kind != STEER_PICKLE_INT
      || count->integer < 0)
    return FALSE;
  storage->dtype = type->global->dtype;
  storage->key = key->string.bytes;
  storage->key_length = key->string.length;
  storage->n_elements = (guint64) count->integer;
  return TRUE;
}

/* Integers that are not negative; *n tells how many. */
static gboolean
read_sizes (const SteerPickleValue *tuple, gint64 *sizes, guint *n)
{
  if (!is_tuple (tuple, 0, STEER_TENSOR_MAX_DIMS))
    return FALSE;
  *n = tuple->items != NULL ? tuple->items->len : 0;
  for (guint i = 0; i < *n; i++)
    {
      const SteerPickleValue *size = get_item (tuple, i);

      if (size->kind != STEER_PICKLE_INT || size->integer < 0)
        return FALSE;
      sizes[i] = size->integer;
    }
  return TRUE;
}

/* The number of elements, and the distance from the first to behind the last one. FALSE when either overflows. */
static gboolean
measure (const SteerPickleTensor *tensor, guint64 *n_elements, guint64 *extent)
{
  guint64 last = 0;
  guint64 step;

  *n_elements = 1;
  for (guint i = 0; i < tensor->n_dims; i++)
    if (!g_uint64_checked_mul (n_elements, *n_elements, (guint64) tensor->shape[i]))
      return FALSE;
  *extent = 0;
  if (*n_elements == 0)
    return TRUE;
  for (guint i = 0; i < tensor->n_dims; i++)
    if (!g_uint64_checked_mul (&step, (guint64) tensor->shape[i] - 1, (guint64) tensor->stride[i])
        || !g_uint64_checked_add (&last, last, step))
      return FALSE;
  return g_uint64_checked_add (extent, last, 1);
}

const char *
steer_pickle_check_tensor (const SteerPickleValue *arguments, SteerPickleTensor *tensor)
{
  const SteerPickleValue *storage, *offset;
  guint64 n_elements, end;
  guint n_strides;

  if (!is_tuple (arguments, 6, 7))
    return "torch._utils._rebuild_tensor_v2 is not called with six or seven arguments";
  storage = get_item (arguments, 0);
  offset = get_item (arguments, 1);
  if (storage->kind != STEER_PICKLE_STORAGE)
    return "a tensor is not made from a storage";
  if (offset->kind != STEER_PICKLE_INT || offset->integer < 0)
    return "a tensor's offset is not a number from 0 on";
  if (!read_sizes (get_item (arguments, 2), tensor->shape, &tensor->n_dims)
      || !read_sizes (get_item (arguments, 3), tensor->stride, &n_strides) || n_strides != tensor->n_dims)
    return "a tensor's size and stride are not two tuples of up to " G_STRINGIFY (
      STEER_TENSOR_MAX_DIMS) " numbers from 0 on";
  tensor->storage = *storage->storage;
  tensor->offset = (guint64) offset->integer;
  if (!measure (tensor, &n_elements, &tensor->extent) || !g_uint64_checked_add (&end, tensor->offset, tensor->extent)
      || end > tensor->storage.n_elements)
    return "a tensor reaches past its storage";
  /* Strides of 0 repeat elements; a view must not have more of them than the file pays for. */
  if (n_elements > tensor->storage.n_elements)
    return "a tensor has more elements than its storage";
  return NULL;
}
