#pragma once

#include "steer-archive-private.h"

G_BEGIN_DECLS

typedef enum
{
  STEER_PICKLE_NONE,
  STEER_PICKLE_BOOL,
  STEER_PICKLE_INT,
  STEER_PICKLE_FLOAT,
  STEER_PICKLE_STRING,
  STEER_PICKLE_TUPLE,
  STEER_PICKLE_LIST,
  STEER_PICKLE_DICT,
  STEER_PICKLE_TENSOR,

  /* These two never are, or lie in, the result that is of use. */
  STEER_PICKLE_GLOBAL,
  STEER_PICKLE_STORAGE,
} SteerPickleKind;

typedef struct _SteerPickleValue SteerPickleValue;
typedef struct _SteerPickleGlobal SteerPickleGlobal;

/* A storage of elements of one type, by its name in the zip file: data/KEY. */
typedef struct
{
  SteerDtype dtype;
  const char *key; /* [key_length] */
  gsize key_length;
  guint64 n_elements;
} SteerPickleStorage;

/* What _rebuild_tensor_v2 was given, checked against the storage's length. */
typedef struct
{
  SteerPickleStorage storage;
  guint64 offset; /* in elements */
  guint64 extent; /* elements from the first to the last one; 0 when the tensor is empty */
  guint n_dims;
  gint64 shape[STEER_TENSOR_MAX_DIMS];
  gint64 stride[STEER_TENSOR_MAX_DIMS];
} SteerPickleTensor;

/**
 * SteerPickleValue:
 *
 * A value that a pickle describes. Values may be shared, and a list or dict may even hold itself: whoever walks them
 * must bound depth and steps.
 */
struct _SteerPickleValue
{
  SteerPickleKind kind;
  union
  {
    gint64 integer; /* BOOL, INT */
    double number;
    struct
    {
      const char *bytes; /* [length], valid UTF-8, in the pickle itself */
      gsize length;
    } string;
    GPtrArray *items; /* of a TUPLE, LIST; DICT: key, value, key, value ...; NULL when it is empty */
    const SteerPickleTensor *tensor;
    const SteerPickleStorage *storage;
    const SteerPickleGlobal *global;
  };
};

/**
 * SteerPickle:
 *
 * The value of a pickle, made by a machine that knows the opcodes and names that torch.save() of dicts of tensors
 * writes, and nothing else. Nothing is imported or called: each of the names stands for a few lines of C. Every
 * other opcode and name is refused with its name. Each byte of the pickle makes at most one value of fixed size.
 */
typedef struct
{
  GPtrArray *values; /* owns all of them */
  const SteerPickleValue *result;
} SteerPickle;

/* @data: [size]; must live longer. @name: of the file, for messages. Errors: STEER_TENSOR_ERROR, naming the byte. */
SteerPickle *
steer_pickle_read (const guint8 *data, gsize size, const char *name, GCancellable *cancellable, GError **error);
void steer_pickle_free (SteerPickle *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerPickle, steer_pickle_free)

/* "FRAME"; NULL where no protocol has such an opcode. */
const char *steer_pickle_get_opcode_name (guint8 opcode);

G_END_DECLS
