#pragma once

#include "steer-pickle.h"

G_BEGIN_DECLS

/* What the names that a pickle may use stand for. */
typedef enum
{
  STEER_PICKLE_ORDERED_DICT,
  STEER_PICKLE_REBUILD_TENSOR,
  STEER_PICKLE_REBUILD_PARAMETER,
  STEER_PICKLE_STORAGE_TYPE,
} SteerPickleGlobalKind;

struct _SteerPickleGlobal
{
  SteerPickleGlobalKind kind;
  SteerDtype dtype; /* of a STORAGE_TYPE */
};

/* ('storage', torch.FloatStorage, '0', 'cpu', 12). FALSE when @id is anything else. */
gboolean steer_pickle_check_storage (const SteerPickleValue *id, SteerPickleStorage *storage);

/* (storage, offset, size, stride, requires_grad, hooks[, metadata]). Returns what is wrong, or NULL. */
const char *steer_pickle_check_tensor (const SteerPickleValue *arguments, SteerPickleTensor *tensor);

G_END_DECLS
