#include "steer-pickle.h"

#include "steer-pickle-tensor.h"

#include <string.h>

#define MAX_PICKLE_BYTES (64 << 20)
#define MAX_VALUES (4 << 20)
#define MAX_TENSORS (256 << 10)
#define MAX_MARKS 1024

typedef struct
{
  const char *module;
  const char *name;
  SteerPickleGlobal global;
} KnownGlobal;

/* What a pickle may name, besides torch.*Storage. */
static const KnownGlobal known_globals[] = {
  { "collections", "OrderedDict", { STEER_PICKLE_ORDERED_DICT } },
  { "torch._utils", "_rebuild_tensor_v2", { STEER_PICKLE_REBUILD_TENSOR } },
  { "torch._utils", "_rebuild_parameter", { STEER_PICKLE_REBUILD_PARAMETER } },
  { "torch", "DoubleStorage", { STEER_PICKLE_STORAGE_TYPE, STEER_DTYPE_F64 } },
  { "torch", "FloatStorage", { STEER_PICKLE_STORAGE_TYPE, STEER_DTYPE_F32 } },
  { "torch", "HalfStorage", { STEER_PICKLE_STORAGE_TYPE, STEER_DTYPE_F16 } },
  { "torch", "BFloat16Storage", { STEER_PICKLE_STORAGE_TYPE, STEER_DTYPE_BF16 } },
  { "torch", "LongStorage", { STEER_PICKLE_STORAGE_TYPE, STEER_DTYPE_I64 } },
  { "torch", "IntStorage", { STEER_PICKLE_STORAGE_TYPE, STEER_DTYPE_I32 } },
  { "torch", "ShortStorage", { STEER_PICKLE_STORAGE_TYPE, STEER_DTYPE_I16 } },
  { "torch", "CharStorage", { STEER_PICKLE_STORAGE_TYPE, STEER_DTYPE_I8 } },
  { "torch", "ByteStorage", { STEER_PICKLE_STORAGE_TYPE, STEER_DTYPE_U8 } },
  { "torch", "BoolStorage", { STEER_PICKLE_STORAGE_TYPE, STEER_DTYPE_BOOL } },
};

typedef struct
{
  const char *name;   /* of the file */
  const guint8 *data; /* [size] */
  gsize size;
  gsize position;
  gsize opcode_at; /* where the opcode at work stands */
  SteerPickle *pickle;
  GPtrArray *stack; /* (element-type SteerPickleValue), not owned */
  GArray *marks;    /* guint: heights of the stack; nothing below the last one may be taken */
  GHashTable *memo; /* number -> SteerPickleValue, not owned */
  guint n_tensors;
} Machine;

static gboolean G_GNUC_PRINTF (4, 5)
  fail (Machine *self, SteerTensorError code, GError **error, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, STEER_TENSOR_ERROR, code, "%s: data.pkl, byte %" G_GSIZE_FORMAT ": %s", self->name,
               self->opcode_at, what);
  return FALSE;
}

static gboolean
fail_invalid (Machine *self, GError **error, const char *what)
{
  return fail (self, STEER_TENSOR_ERROR_INVALID, error, "%s", what);
}

/* The next @length bytes, or NULL. */
static const guint8 *
take_bytes (Machine *self, gsize length, GError **error)
{
  const guint8 *bytes = self->data + self->position;

  if (length > self->size - self->position)
    {
      fail (self, STEER_TENSOR_ERROR_TRUNCATED, error,
            "%" G_GSIZE_FORMAT " bytes are needed, but only %" G_GSIZE_FORMAT " are left: the file is incomplete",
            length, self->size - self->position);
      return NULL;
    }
  self->position += length;
  return bytes;
}

/* Little-endian. */
static gboolean
take_number (Machine *self, gsize length, guint64 *number, GError **error)
{
  const guint8 *bytes = take_bytes (self, length, error);

  if (bytes == NULL)
    return FALSE;
  *number = 0;
  for (gsize i = 0; i < length; i++)
    *number |= (guint64) bytes[i] << 8 * i;
  return TRUE;
}

static SteerPickleValue *
push_new (Machine *self, SteerPickleKind kind, GError **error)
{
  SteerPickleValue *value;

  if (self->pickle->values->len >= MAX_VALUES)
    {
      fail (self, STEER_TENSOR_ERROR_UNSUPPORTED, error, "there are more than %d values", MAX_VALUES);
      return NULL;
    }
  value = g_new0 (SteerPickleValue, 1);
  value->kind = kind;
  g_ptr_array_add (self->pickle->values, value);
  g_ptr_array_add (self->stack, value);
  return value;
}

static gboolean
push_integer (Machine *self, SteerPickleKind kind, gint64 integer, GError **error)
{
  SteerPickleValue *value = push_new (self, kind, error);

  if (value == NULL)
    return FALSE;
  value->integer = integer;
  return TRUE;
}

/* How many values may be taken. */
static guint
get_height (Machine *self)
{
  guint floor = self->marks->len > 0 ? g_array_index (self->marks, guint, self->marks->len - 1) : 0;

  return self->stack->len - floor;
}

static SteerPickleValue *
pop (Machine *self, GError **error)
{
  if (get_height (self) == 0)
    {
      fail_invalid (self, error, "a value is needed, but there is none");
      return NULL;
    }
  return g_ptr_array_remove_index (self->stack, self->stack->len - 1);
}

/* The top @n values leave the stack for @into, the lowest first. */
static gboolean
move_values (Machine *self, guint n, SteerPickleValue *into, GError **error)
{
  if (get_height (self) < n)
    return fail_invalid (self, error, "more values are needed than there are");
  if (n == 0)
    return TRUE;
  if (into->items == NULL)
    into->items = g_ptr_array_sized_new (n);
  for (guint i = self->stack->len - n; i < self->stack->len; i++)
    g_ptr_array_add (into->items, g_ptr_array_index (self->stack, i));
  g_ptr_array_set_size (self->stack, (int) (self->stack->len - n));
  return TRUE;
}

/* Removes the last mark; *n is how many values stand above it. */
static gboolean
pop_mark (Machine *self, guint *n, GError **error)
{
  if (self->marks->len == 0)
    return fail_invalid (self, error, "there is no MARK");
  *n = get_height (self);
  g_array_set_size (self->marks, self->marks->len - 1);
  return TRUE;
}

static gboolean
make_tuple (Machine *self, guint n, GError **error)
{
  SteerPickleValue tuple = { .kind = STEER_PICKLE_TUPLE };
  SteerPickleValue *value;

  if (!move_values (self, n, &tuple, error))
    return FALSE;
  value = push_new (self, STEER_PICKLE_TUPLE, error);
  if (value == NULL)
    {
      g_clear_pointer (&tuple.items, g_ptr_array_unref);
      return FALSE;
    }
  value->items = tuple.items;
  return TRUE;
}

/* APPEND, APPENDS, SETITEM and SETITEMS: the top @n values go into the list or dict below them. */
static gboolean
add_items (Machine *self, SteerPickleKind kind, guint n, GError **error)
{
  SteerPickleValue *container;

  if (get_height (self) < n + 1)
    return fail_invalid (self, error, "values are needed, and something to put them into, but there are too few");
  container = g_ptr_array_index (self->stack, self->stack->len - n - 1);
  if (container->kind != kind)
    return fail_invalid (self, error,
                         kind == STEER_PICKLE_DICT ? "items are set in something that is no dict"
                                                   : "items are added to something that is no list");
  if (kind == STEER_PICKLE_DICT && n % 2 != 0)
    return fail_invalid (self, error, "a key has no value");
  return move_values (self, n, container, error);
}

/* Text up to a line's end, of a GLOBAL. */
static gboolean
take_line (Machine *self, const char **line, gsize *length, GError **error)
{
  const guint8 *start = self->data + self->position;
  const guint8 *end = memchr (start, '\n', self->size - self->position);

  if (end == NULL)
    return fail (self, STEER_TENSOR_ERROR_TRUNCATED, error, "a name does not end: the file is incomplete");
  *line = (const char *) start;
  *length = (gsize) (end - start);
  self->position += *length + 1;
  return TRUE;
}

static gboolean
is_line (const char *line, gsize length, const char *expected)
{
  return strlen (expected) == length && memcmp (line, expected, length) == 0;
}

static gboolean
push_global (Machine *self, GError **error)
{
  const char *module = NULL;
  const char *name = NULL;
  gsize module_length = 0;
  gsize name_length = 0;
  g_autofree char *module_text = NULL;
  g_autofree char *name_text = NULL;
  SteerPickleValue *value;

  if (!take_line (self, &module, &module_length, error) || !take_line (self, &name, &name_length, error))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (known_globals); i++)
    if (is_line (module, module_length, known_globals[i].module) && is_line (name, name_length, known_globals[i].name))
      {
        value = push_new (self, STEER_PICKLE_GLOBAL, error);
        if (value == NULL)
          return FALSE;
        value->global = &known_globals[i].global;
        return TRUE;
      }
  module_text = g_utf8_make_valid (module, (gssize) MIN (module_length, 80));
  name_text = g_utf8_make_valid (name, (gssize) MIN (name_length, 80));
  return fail (
    self, STEER_TENSOR_ERROR_UNSUPPORTED, error,
    "it names %s.%s, which is refused: only tensors, numbers, texts, lists and dicts are read from a pickle; "
    "save a plain dict of tensors, or safetensors",
    module_text, name_text);
}

static gboolean
push_string (Machine *self, GError **error)
{
  SteerPickleValue *value;
  const guint8 *bytes;
  guint64 length;

  if (!take_number (self, 4, &length, error) || (bytes = take_bytes (self, (gsize) length, error)) == NULL)
    return FALSE;
  if (!g_utf8_validate_len ((const char *) bytes, (gsize) length, NULL))
    return fail_invalid (self, error, "a text is not UTF-8, or holds a NUL");
  value = push_new (self, STEER_PICKLE_STRING, error);
  if (value == NULL)
    return FALSE;
  value->string.bytes = (const char *) bytes;
  value->string.length = (gsize) length;
  return TRUE;
}

/* LONG1: two's complement of any length. */
static gboolean
push_long (Machine *self, GError **error)
{
  guint64 length, bits;

  if (!take_number (self, 1, &length, error))
    return FALSE;
  if (length > 8)
    return fail (self, STEER_TENSOR_ERROR_UNSUPPORTED, error, "an integer of %u bytes does not fit in 64 bits",
                 (guint) length);
  if (!take_number (self, (gsize) length, &bits, error))
    return FALSE;
  if (length > 0 && length < 8 && (bits >> (8 * length - 1)) != 0)
    bits |= G_MAXUINT64 << 8 * length;
  return push_integer (self, STEER_PICKLE_INT, (gint64) bits, error);
}

/* Big-endian, unlike everything else. */
static gboolean
push_float (Machine *self, GError **error)
{
  const guint8 *bytes = take_bytes (self, 8, error);
  SteerPickleValue *value = bytes != NULL ? push_new (self, STEER_PICKLE_FLOAT, error) : NULL;
  guint64 bits;

  if (value == NULL)
    return FALSE;
  memcpy (&bits, bytes, sizeof bits);
  bits = GUINT64_FROM_BE (bits);
  memcpy (&value->number, &bits, sizeof bits);
  return TRUE;
}

static gboolean
put_memo (Machine *self, gsize length, GError **error)
{
  guint64 number;

  if (!take_number (self, length, &number, error))
    return FALSE;
  if (get_height (self) == 0)
    return fail_invalid (self, error, "a value is to be remembered, but there is none");
  g_hash_table_insert (self->memo, GUINT_TO_POINTER ((guint) number),
                       g_ptr_array_index (self->stack, self->stack->len - 1));
  return TRUE;
}

static gboolean
get_memo (Machine *self, gsize length, GError **error)
{
  SteerPickleValue *value;
  guint64 number;

  if (!take_number (self, length, &number, error))
    return FALSE;
  value = g_hash_table_lookup (self->memo, GUINT_TO_POINTER ((guint) number));
  if (value == NULL)
    return fail (self, STEER_TENSOR_ERROR_INVALID, error, "value %u was never remembered", (guint) number);
  g_ptr_array_add (self->stack, value);
  return TRUE;
}

static gboolean
call_global (Machine *self, const SteerPickleGlobal *global, const SteerPickleValue *arguments, GError **error)
{
  SteerPickleValue *value;
  SteerPickleTensor tensor = { 0 };
  const char *problem;

  switch (global->kind)
    {
    case STEER_PICKLE_ORDERED_DICT:
      if (arguments->items != NULL)
        return fail_invalid (self, error, "collections.OrderedDict is called with arguments");
      return push_new (self, STEER_PICKLE_DICT, error) != NULL;
    case STEER_PICKLE_REBUILD_TENSOR:
      problem = steer_pickle_check_tensor (arguments, &tensor);
      if (problem != NULL)
        return fail_invalid (self, error, problem);
      if (self->n_tensors++ >= MAX_TENSORS)
        return fail (self, STEER_TENSOR_ERROR_UNSUPPORTED, error, "there are more than %d tensors", MAX_TENSORS);
      value = push_new (self, STEER_PICKLE_TENSOR, error);
      if (value == NULL)
        return FALSE;
      value->tensor = g_memdup2 (&tensor, sizeof tensor);
      return TRUE;
    case STEER_PICKLE_REBUILD_PARAMETER:
      value = arguments->items != NULL ? g_ptr_array_index (arguments->items, 0) : NULL;
      if (value == NULL || value->kind != STEER_PICKLE_TENSOR || arguments->items->len != 3)
        return fail_invalid (self, error, "torch._utils._rebuild_parameter is not called with a tensor");
      g_ptr_array_add (self->stack, value);
      return TRUE;
    case STEER_PICKLE_STORAGE_TYPE:
    default:
      return fail_invalid (self, error, "a storage type is called");
    }
}

static gboolean
reduce (Machine *self, GError **error)
{
  SteerPickleValue *arguments = pop (self, error);
  SteerPickleValue *callable = arguments != NULL ? pop (self, error) : NULL;

  if (callable == NULL)
    return FALSE;
  if (callable->kind != STEER_PICKLE_GLOBAL || arguments->kind != STEER_PICKLE_TUPLE)
    return fail_invalid (self, error, "something is called that cannot be");
  return call_global (self, callable->global, arguments, error);
}

/* The state of an OrderedDict, `_metadata` of a state_dict(), says nothing about tensors and is dropped. */
static gboolean
build (Machine *self, GError **error)
{
  SteerPickleValue *state = pop (self, error);
  SteerPickleValue *object;

  if (state == NULL)
    return FALSE;
  if (get_height (self) == 0)
    return fail_invalid (self, error, "a state is set, but of nothing");
  object = g_ptr_array_index (self->stack, self->stack->len - 1);
  if (object->kind != STEER_PICKLE_DICT || state->kind != STEER_PICKLE_DICT)
    return fail_invalid (self, error, "a state is set of something other than a dict");
  return TRUE;
}

static gboolean
push_storage (Machine *self, GError **error)
{
  const SteerPickleValue *id = pop (self, error);
  SteerPickleStorage storage;
  SteerPickleValue *value;

  if (id == NULL)
    return FALSE;
  if (!steer_pickle_check_storage (id, &storage))
    return fail_invalid (self, error,
                         "a storage is named by something other than ('storage', torch type, key, device, number)");
  value = push_new (self, STEER_PICKLE_STORAGE, error);
  if (value == NULL)
    return FALSE;
  value->storage = g_memdup2 (&storage, sizeof storage);
  return TRUE;
}

static gboolean
push_mark (Machine *self, GError **error)
{
  if (self->marks->len >= MAX_MARKS)
    return fail (self, STEER_TENSOR_ERROR_UNSUPPORTED, error, "values are nested more than %d deep", MAX_MARKS);
  g_array_append_val (self->marks, self->stack->len);
  return TRUE;
}

static gboolean
check_protocol (Machine *self, GError **error)
{
  guint64 protocol;

  if (!take_number (self, 1, &protocol, error))
    return FALSE;
  if (protocol < 2 || protocol > 5)
    return fail (self, STEER_TENSOR_ERROR_UNSUPPORTED, error, "pickle protocol %u is not known", (guint) protocol);
  return TRUE;
}

/* All opcodes but STOP. */
static gboolean
run_opcode (Machine *self, guint8 opcode, GError **error)
{
  const char *name;
  guint64 number = 0;
  guint n = 0;

  switch (opcode)
    {
    case 0x80: /* PROTO */
      return check_protocol (self, error);
    case '(': /* MARK */
      return push_mark (self, error);
    case 'N': /* NONE */
      return push_new (self, STEER_PICKLE_NONE, error) != NULL;
    case 0x88: /* NEWTRUE */
      return push_integer (self, STEER_PICKLE_BOOL, TRUE, error);
    case 0x89: /* NEWFALSE */
      return push_integer (self, STEER_PICKLE_BOOL, FALSE, error);
    case 'J': /* BININT */
      return take_number (self, 4, &number, error)
             && push_integer (self, STEER_PICKLE_INT, (gint32) (guint32) number, error);
    case 'K': /* BININT1 */
      return take_number (self, 1, &number, error) && push_integer (self, STEER_PICKLE_INT, (gint64) number, error);
    case 'M': /* BININT2 */
      return take_number (self, 2, &number, error) && push_integer (self, STEER_PICKLE_INT, (gint64) number, error);
    case 0x8a: /* LONG1 */
      return push_long (self, error);
    case 'G': /* BINFLOAT */
      return push_float (self, error);
    case 'X': /* BINUNICODE */
      return push_string (self, error);
    case 'c': /* GLOBAL */
      return push_global (self, error);
    case 'Q': /* BINPERSID */
      return push_storage (self, error);
    case 'R': /* REDUCE */
      return reduce (self, error);
    case 'b': /* BUILD */
      return build (self, error);
    case '}': /* EMPTY_DICT */
      return push_new (self, STEER_PICKLE_DICT, error) != NULL;
    case ']': /* EMPTY_LIST */
      return push_new (self, STEER_PICKLE_LIST, error) != NULL;
    case ')': /* EMPTY_TUPLE */
      return push_new (self, STEER_PICKLE_TUPLE, error) != NULL;
    case 0x85: /* TUPLE1 */
    case 0x86: /* TUPLE2 */
    case 0x87: /* TUPLE3 */
      return make_tuple (self, opcode - 0x84u, error);
    case 't': /* TUPLE */
      return pop_mark (self, &n, error) && make_tuple (self, n, error);
    case 'a': /* APPEND */
      return add_items (self, STEER_PICKLE_LIST, 1, error);
    case 'e': /* APPENDS */
      return pop_mark (self, &n, error) && add_items (self, STEER_PICKLE_LIST, n, error);
    case 's': /* SETITEM */
      return add_items (self, STEER_PICKLE_DICT, 2, error);
    case 'u': /* SETITEMS */
      return pop_mark (self, &n, error) && add_items (self, STEER_PICKLE_DICT, n, error);
    case 'q': /* BINPUT */
      return put_memo (self, 1, error);
    case 'r': /* LONG_BINPUT */
      return put_memo (self, 4, error);
    case 'h': /* BINGET */
      return get_memo (self, 1, error);
    case 'j': /* LONG_BINGET */
      return get_memo (self, 4, error);
    default:
      name = steer_pickle_get_opcode_name (opcode);
      if (name == NULL)
        return fail (self, STEER_TENSOR_ERROR_INVALID, error, "0x%02x is no pickle opcode", opcode);
      return fail (self, STEER_TENSOR_ERROR_UNSUPPORTED, error,
                   "the pickle opcode %s is refused: dicts of tensors do not need it; save a plain dict of tensors, "
                   "or safetensors",
                   name);
    }
}

static gboolean
run (Machine *self, GCancellable *cancellable, GError **error)
{
  for (guint step = 0;; step++)
    {
      const guint8 *opcode;

      if (step % 4096 == 0 && g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      self->opcode_at = self->position;
      opcode = take_bytes (self, 1, error);
      if (opcode == NULL)
        return FALSE;
      if (*opcode == '.') /* STOP */
        break;
      if (!run_opcode (self, *opcode, error))
        return FALSE;
    }
  if (self->stack->len != 1 || self->marks->len != 0)
    return fail_invalid (self, error, "it does not end with one value");
  self->pickle->result = g_ptr_array_index (self->stack, 0);
  return TRUE;
}

static void
value_free (gpointer data)
{
  SteerPickleValue *self = data;

  switch (self->kind)
    {
    case STEER_PICKLE_TUPLE:
    case STEER_PICKLE_LIST:
    case STEER_PICKLE_DICT:
      g_clear_pointer (&self->items, g_ptr_array_unref);
      break;
    case STEER_PICKLE_TENSOR:
      g_free ((gpointer) self->tensor);
      break;
    case STEER_PICKLE_STORAGE:
      g_free ((gpointer) self->storage);
      break;
    case STEER_PICKLE_NONE:
    case STEER_PICKLE_BOOL:
    case STEER_PICKLE_INT:
    case STEER_PICKLE_FLOAT:
    case STEER_PICKLE_STRING:
    case STEER_PICKLE_GLOBAL:
    default:
      break;
    }
  g_free (self);
}

SteerPickle *
steer_pickle_read (const guint8 *data, gsize size, const char *name, GCancellable *cancellable, GError **error)
{
  g_autoptr (SteerPickle) pickle = g_new0 (SteerPickle, 1);
  g_autoptr (GPtrArray) stack = g_ptr_array_new ();
  g_autoptr (GArray) marks = g_array_new (FALSE, FALSE, sizeof (guint));
  g_autoptr (GHashTable) memo = g_hash_table_new (NULL, NULL);
  Machine machine
    = { .name = name, .data = data, .size = size, .pickle = pickle, .stack = stack, .marks = marks, .memo = memo };

  pickle->values = g_ptr_array_new_with_free_func (value_free);
  if (size > MAX_PICKLE_BYTES)
    {
      fail (&machine, STEER_TENSOR_ERROR_UNSUPPORTED, error, "%" G_GSIZE_FORMAT " bytes are over the limit of %d", size,
            MAX_PICKLE_BYTES);
      return NULL;
    }
  return run (&machine, cancellable, error) ? g_steal_pointer (&pickle) : NULL;
}

void
steer_pickle_free (SteerPickle *self)
{
  if (self == NULL)
    return;
  g_ptr_array_unref (self->values);
  g_free (self);
}
