/* One call after the other fails, in everything that reads or writes a person's files: nothing is lost, the error is
 * told, nothing is left lying about, and the next try works. */
#include <glib/gstdio.h>
#include <string.h>

#include "chat-test-util.h"
#include "engine-test-util.h"
#include "chat/steer-engine.h"
#include "chat/steer-store.h"
#include "cpu/steer-cpu.h"
#include "fault.h"
#include "steering/steer-preset.h"
#include "steering/steer-vector-source-open.h"
#include "tensor/steer-safetensors-writer.h"
#include "tensor/steer-torch-writer.h"
#include "test-model.h"
#include "test-util.h"

/* No operation makes as many calls that can fail. */
#define MAX_CALLS 2000

typedef struct
{
  char *dir;  /* holds "old": a file of a first, undisturbed run */
  char *path; /* what the operation reads or replaces */
} Place;

/**
 * Operation:
 * @prepare: puts in place what there was before
 * @run: FALSE with an error when it failed
 * @check: that what is in @place is the new when @is_new, and the old else
 * @n_steps: it makes so many calls that after the first few only each of so many fails, but for `-m thorough`
 */
typedef struct
{
  const char *name;
  guint faults; /* bits of FaultKind */
  void (*prepare) (Place *place);
  gboolean (*run) (Place *place, GError **error);
  void (*check) (Place *place, gboolean is_new);
  guint n_steps;
} Operation;

#define IO_FAULTS ((1u << FAULT_EIO) | (1u << FAULT_ENOSPC) | (1u << FAULT_EINTR) | (1u << FAULT_SHORT))
#define READ_FAULTS ((1u << FAULT_EIO) | (1u << FAULT_EINTR) | (1u << FAULT_SHORT) | (1u << FAULT_MEMORY))

/* Presets. */

static SteerPreset *
make_preset (const char *name)
{
  SteerPreset *preset = steer_preset_new ();

  steer_preset_set_name (preset, name);
  for (guint i = 0; i < 200; i++)
    {
      g_autoptr (SteerFeature) feature = steer_feature_new (15, i);

      steer_preset_append (preset, feature);
    }
  return preset;
}

static void
prepare_preset (Place *place)
{
  g_autoptr (SteerPreset) preset = make_preset ("old");

  place->path = g_build_filename (place->dir, "preset.yaml", NULL);
  g_assert_true (steer_preset_save (preset, place->path, NULL));
}

static gboolean
save_preset (Place *place, GError **error)
{
  g_autoptr (SteerPreset) preset = make_preset ("new");

  return steer_preset_save (preset, place->path, error);
}

static void
check_preset (Place *place, gboolean is_new)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerPreset) preset = steer_preset_new_from_file (place->path, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (steer_preset_get_name (preset), ==, is_new ? "new" : "old");
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (preset)), ==, 200);
}

static gboolean
load_preset (Place *place, GError **error)
{
  g_autoptr (SteerPreset) preset = steer_preset_new_from_file (place->path, error);

  if (preset != NULL)
    g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (preset)), ==, 200);
  return preset != NULL;
}

static void
check_nothing (Place *place, gboolean is_new)
{
}

/* Tensors. */

#define N_VALUES 5000

static void
fill (float *values, float first)
{
  for (guint i = 0; i < N_VALUES; i++)
    values[i] = first + (float) i;
}

static gboolean
write_safetensors (const char *path, float first, GError **error)
{
  float values[N_VALUES];
  SteerTensor tensor = { .name = "t", .dtype = STEER_DTYPE_F32, .n_dims = 1, .shape = { N_VALUES }, .stride = { 1 } };

  fill (values, first);
  tensor.data = (const guint8 *) values;
  tensor.n_bytes = sizeof values;
  return steer_safetensors_write (path, &tensor, 1, NULL, NULL, error);
}

static gboolean
write_torch (const char *path, float first, GError **error)
{
  float values[N_VALUES];
  SteerTorchVector vector = { 15, 21576, values };

  fill (values, first);
  return steer_torch_write_vectors (path, &vector, 1, N_VALUES, NULL, error);
}

static void
check_tensor (Place *place, const char *name, gboolean is_new)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerArchive) archive = steer_archive_open (place->path, NULL, &error);
  float values[2];

  g_assert_no_error (error);
  steer_tensor_read_f32 (steer_archive_find (archive, name), N_VALUES - 2, 2, values);
  g_assert_cmpfloat (values[1], ==, (is_new ? 2.0f : 1.0f) + N_VALUES - 1);
}

static void
prepare_safetensors (Place *place)
{
  place->path = g_build_filename (place->dir, "x.safetensors", NULL);
  g_assert_true (write_safetensors (place->path, 1.0f, NULL));
}

static gboolean
save_safetensors (Place *place, GError **error)
{
  return write_safetensors (place->path, 2.0f, error);
}

static void
check_safetensors (Place *place, gboolean is_new)
{
  check_tensor (place, "t", is_new);
}

static void
prepare_torch (Place *place)
{
  place->path = g_build_filename (place->dir, "x.pt", NULL);
  g_assert_true (write_torch (place->path, 1.0f, NULL));
}

static gboolean
save_torch (Place *place, GError **error)
{
  return write_torch (place->path, 2.0f, error);
}

static void
check_torch (Place *place, gboolean is_new)
{
  check_tensor (place, "15.21576", is_new);
}

static gboolean
load_vectors (Place *place, GError **error)
{
  g_autoptr (SteerVectorSource) source = steer_vector_source_open (place->path, NULL, NULL, error);
  g_autoptr (GBytes) vector = NULL;

  if (source != NULL)
    vector = steer_vector_source_load_vector (source, 15, 21576, NULL, error);
  return vector != NULL;
}

/* A model, a reply and a text. */

static void
prepare_model (Place *place)
{
  g_autofree char *from = test_fixture_path ("cli/model");
  g_autoptr (GDir) dir = g_dir_open (from, 0, NULL);
  const char *name;

  place->path = g_build_filename (place->dir, "model", NULL);
  g_assert_cmpint (g_mkdir (place->path, 0700), ==, 0);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *source = g_build_filename (from, name, NULL);
      g_autofree char *target = g_build_filename (place->path, name, NULL);
      g_autofree char *data = NULL;
      gsize size;

      g_assert_true (g_file_get_contents (source, &data, &size, NULL));
      g_assert_true (g_file_set_contents (target, data, (gssize) size, NULL));
    }
}

static gboolean
load (SteerEngine *engine, const char *path, GError **error)
{
  SteerLoadOptions options;

  test_load_options_init (&options, path);
  options.context.n_threads = 1;
  return test_engine_load (engine, &options, error);
}

static gboolean
answer (SteerEngine *engine, GError **error)
{
  g_autoptr (SteerRequest) request = steer_request_new ();
  g_autoptr (SteerReply) reply = NULL;
  SteerSampling sampling;

  steer_sampling_init (&sampling);
  sampling.max_tokens = 3;
  sampling.temperature = 0.0;
  steer_request_set_sampling (request, &sampling);
  steer_request_add_message (request, STEER_ROLE_USER, "Hello, what is it?");
  reply = steer_engine_reply (engine, request);
  test_reply_wait (reply, 20);
  if (steer_reply_get_error (reply) != NULL)
    g_propagate_error (error, g_error_copy (steer_reply_get_error (reply)));
  return steer_reply_get_error (reply) == NULL;
}

/* Loading, tokenizing and one turn; a model whose tokenizer did not load says so in its reply. */
static gboolean
talk (Place *place, GError **error)
{
  SteerEngine *engine = steer_engine_new ();
  gboolean ok = load (engine, place->path, error) && answer (engine, error);

  test_assert_finalizes (engine);
  return ok;
}

/* Conversations. */

static void
prepare_store (Place *place)
{
  g_autoptr (SteerStore) store = NULL;
  g_autoptr (SteerConversation) conversation = NULL;

  place->path = g_build_filename (place->dir, "chats.db", NULL);
  store = steer_store_open (place->path, NULL);
  conversation = steer_store_create (store);
  steer_conversation_append (conversation, STEER_ROLE_USER, "old");
  g_assert_true (steer_store_flush (store, NULL));
}

static gboolean
add_to_store (Place *place, GError **error)
{
  g_autoptr (SteerStore) store = steer_store_open (place->path, error);
  g_autoptr (SteerConversation) conversation = NULL;
  gboolean flushed;

  if (store == NULL)
    return FALSE;
  conversation = steer_store_create (store);
  steer_conversation_append (conversation, STEER_ROLE_USER, "new");
  flushed = steer_store_flush (store, error);
  if (!flushed)
    {
      /* It is kept in memory, and the next try writes it. */
      fault_disarm ();
      g_assert_true (steer_store_flush (store, NULL));
    }
  return flushed;
}

static void
check_store (Place *place, gboolean is_new)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerStore) store = steer_store_open (place->path, &error);
  gboolean has_old = FALSE;
  gboolean has_new = FALSE;

  g_assert_no_error (error);
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (store)); i++)
    {
      g_autoptr (SteerChatEntry) entry = g_list_model_get_item (G_LIST_MODEL (store), i);

      has_old |= strcmp (steer_chat_entry_get_title (entry), "old") == 0;
      has_new |= strcmp (steer_chat_entry_get_title (entry), "new") == 0;
    }
  g_assert_true (has_old);
  g_assert_true (has_new || !is_new);
}

/* What was typed into a new chat is left to other programs that may have it open; whoever is alone takes it up. */
static void
leave_draft (Place *place)
{
  g_autoptr (SteerStore) store = NULL;
  g_autoptr (SteerConversation) conversation = NULL;

  place->path = g_build_filename (place->dir, "chats.db", NULL);
  store = steer_store_open (place->path, NULL);
  conversation = steer_store_create (store);
  steer_conversation_set_draft (conversation, "left");
  g_assert_true (steer_store_flush (store, NULL));
}

/* What was logged last of the locks. */
static char *lock_message;
static guint n_lock_messages;

static GLogWriterOutput
keep_lock_message (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  for (gsize i = 0; i < n_fields; i++)
    {
      if (fields[i].length >= 0 || strcmp (fields[i].key, "MESSAGE") != 0
          || strstr (fields[i].value, "cannot be locked") == NULL)
        continue;
      g_free (lock_message);
      lock_message = g_strdup (fields[i].value);
      n_lock_messages++;
    }
  return g_log_writer_default (level, fields, n_fields, NULL);
}

/* @kind: what befalls the file that is locked. The message that tells so ends with @told. */
static void
assert_draft_without_lock (FaultKind kind, const char *told, const char *draft)
{
  Place place = { test_make_dir (), NULL };
  g_autofree char *lock = NULL;
  g_autoptr (GError) error = NULL;
  SteerStore *store;
  SteerConversation *conversation;

  leave_draft (&place);
  lock = g_strconcat (place.path, "-lock", NULL);
  n_lock_messages = 0;
  fault_arm (kind, 1, TRUE, lock);
  store = steer_store_open (place.path, &error);
  g_assert_true (fault_disarm ());
  g_assert_no_error (error);
  g_assert_cmpuint (n_lock_messages, ==, 1);
  g_assert_nonnull (strstr (lock_message, lock));
  g_assert_true (g_str_has_suffix (lock_message, told));
  g_clear_pointer (&lock_message, g_free);
  conversation = steer_store_create (store);
  g_assert_cmpstr (steer_conversation_get_draft (conversation), ==, draft);
  g_object_unref (conversation);
  g_object_unref (store);
  g_free (place.path);
  test_remove_dir (place.dir);
}

static void
test_without_locks (void)
{
  assert_draft_without_lock (FAULT_NO_LOCKS, "one program at a time", "left");
}

static void
test_lock_that_others_may_have (void)
{
  assert_draft_without_lock (FAULT_EIO, "stays so until it can", "");
}

static void
prepare_export (Place *place)
{
  g_autoptr (SteerConversation) conversation = steer_conversation_new ();
  g_autofree char *long_text = g_strnfill (300000, 'x');
  g_autofree char *json = NULL;

  steer_conversation_append (conversation, STEER_ROLE_USER, long_text);
  json = steer_conversation_to_json (conversation);
  place->path = g_build_filename (place->dir, "chat.json", NULL);
  g_assert_true (g_file_set_contents (place->path, json, -1, NULL));
}

static gboolean
import_chat (Place *place, GError **error)
{
  g_autoptr (GFile) file = g_file_new_for_path (place->path);
  g_autoptr (GFileInputStream) stream = g_file_read (file, NULL, error);
  g_autoptr (SteerConversation) conversation = NULL;

  if (stream != NULL)
    conversation = steer_conversation_new_from_stream (G_INPUT_STREAM (stream), NULL, error);
  return conversation != NULL;
}

static const Operation operations[] = {
  { "saving a preset", IO_FAULTS | 1u << FAULT_MEMORY, prepare_preset, save_preset, check_preset },
  { "loading a preset", READ_FAULTS, prepare_preset, load_preset, check_nothing },
  { "saving safetensors", IO_FAULTS | 1u << FAULT_MEMORY, prepare_safetensors, save_safetensors, check_safetensors },
  { "saving vectors for torch", IO_FAULTS | 1u << FAULT_MEMORY, prepare_torch, save_torch, check_torch },
  { "loading vectors", READ_FAULTS, prepare_torch, load_vectors, check_nothing },
  { "loading a model and one turn", READ_FAULTS, prepare_model, talk, check_nothing },
  { "saving a chat", IO_FAULTS | 1u << FAULT_MEMORY, prepare_store, add_to_store, check_store, 23 },
  { "importing a chat", READ_FAULTS, prepare_export, import_chat, check_nothing },
};

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

/* The names in the folder, sorted, but for SQLite's own files, which it takes away when it can. */
static char *
list_folder (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      if (!g_str_has_suffix (name, "-wal") && !g_str_has_suffix (name, "-shm"))
        g_ptr_array_add (names, g_strdup (name));
    }
  g_ptr_array_sort (names, compare_names);
  g_ptr_array_add (names, NULL);
  return g_strjoinv (" ", (char **) names->pdata);
}

static void
assert_is_told (const GError *error, const Operation *operation)
{
  g_assert_nonnull (error);
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  g_assert_cmpuint (strlen (error->message), >, 10);
}

/* Returns whether there was an @nth call. */
static gboolean
try_one (const Operation *operation, FaultKind kind, guint nth, gboolean for_good)
{
  Place place = { test_make_dir (), NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) error_again = NULL;
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;
  g_autofree char *in_the_end = NULL;
  gboolean ok, hit;

  operation->prepare (&place);
  before = list_folder (place.dir);
  fault_arm (kind, nth, for_good, place.dir);
  ok = operation->run (&place, &error);
  hit = fault_disarm ();
  g_test_message ("%s, %s at call %u: %s", operation->name, fault_kind_get_name (kind), nth,
                  ok ? "done" : error->message);
  if (!ok)
    assert_is_told (error, operation);
  else
    g_assert_no_error (error);
  after = list_folder (place.dir);
  g_assert_cmpstr (after, ==, before);
  operation->check (&place, ok);

  g_assert_true (operation->run (&place, &error_again));
  g_assert_no_error (error_again);
  operation->check (&place, TRUE);
  in_the_end = list_folder (place.dir);
  g_assert_cmpstr (in_the_end, ==, before);
  g_free (place.path);
  test_remove_dir (place.dir);
  return hit;
}

typedef struct
{
  const Operation *operation;
  FaultKind kind;
  gboolean for_good;
} Case;

static void
test_every_call (gconstpointer data)
{
  const Case *c = data;
  guint nth = 1;

  while (try_one (c->operation, c->kind, nth, c->for_good))
    {
      nth += c->operation->n_steps > 1 && !g_test_thorough () && nth > 8 ? c->operation->n_steps : 1;
      g_assert_cmpuint (nth, <, MAX_CALLS);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_writer_func (keep_lock_message, NULL, NULL);
  steer_backend_register (steer_cpu_backend ());
  for (guint i = 0; i < G_N_ELEMENTS (operations); i++)
    {
      for (FaultKind kind = 0; kind < N_FAULTS; kind++)
        {
          for (guint for_good = 0; for_good < 2; for_good++)
            {
              Case c = { &operations[i], kind, for_good };
              g_autofree char *path
                = g_strdup_printf ("/faults/%s/%s %s", operations[i].name, fault_kind_get_name (kind),
                                   for_good ? "from each call on" : "at each call");

              /* What is interrupted for ever is asked for ever. */
              if ((operations[i].faults & 1u << kind) != 0 && !(kind == FAULT_EINTR && for_good))
                g_test_add_data_func_full (path, g_memdup2 (&c, sizeof c), test_every_call, g_free);
            }
        }
    }
  g_test_add_func ("/faults/a store where nothing can be locked takes itself for alone", test_without_locks);
  g_test_add_func ("/faults/a store that alone has no lock does not", test_lock_that_others_may_have);
  return g_test_run ();
}
