/* One small file of each format, cut off at every byte, and with three bits of each byte of its head turned over: the
 * reader loads it or says what is wrong and with which file, in one line that a person can read. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "chat/steer-conversation.h"
#include "model/steer-model-config.h"
#include "steering/steer-preset.h"
#include "steering/steer-sae-private.h"
#include "steering/steer-vector-source-open.h"
#include "tensor/steer-archive.h"
#include "test-util.h"
#include "text/steer-tokenizer.h"

/* What counts as the head: in these files it holds all that is not data. */
#define HEAD_BYTES 600

typedef gboolean (*Reader) (const char *path, GError **error);

static gboolean
read_archive (const char *path, GError **error)
{
  g_autoptr (SteerArchive) archive = steer_archive_open (path, NULL, error);

  for (guint i = 0; archive != NULL && i < steer_archive_get_n_tensors (archive); i++)
    {
      const SteerTensor *tensor = steer_archive_get_tensor (archive, i);
      gint64 n = MIN (steer_tensor_get_n_elements (tensor), 4096);
      g_autofree float *values = g_new (float, n + 1);

      steer_tensor_read_f32 (tensor, 0, n, values);
    }
  return archive != NULL;
}

static gboolean
read_vectors (const char *path, GError **error)
{
  g_autoptr (SteerVectorSource) source = steer_vector_source_open (path, NULL, NULL, error);

  return source != NULL;
}

static gboolean
read_tokenizer (const char *path, GError **error)
{
  g_autoptr (SteerTokenizer) tokenizer = steer_tokenizer_new_from_file (path, error);

  return tokenizer != NULL;
}

static gboolean
read_config (const char *path, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  SteerModelConfig config;

  return steer_model_config_read (&config, folder, error);
}

static gboolean
read_preset (const char *path, GError **error)
{
  g_autoptr (SteerPreset) preset = steer_preset_new_from_file (path, error);

  return preset != NULL;
}

static gboolean
read_labels (const char *path, GError **error)
{
  SteerLabels labels = { 0 };
  gboolean ok = steer_labels_read_beside (&labels, path, 2, 512, NULL, error);

  steer_labels_clear (&labels);
  return ok;
}

static gboolean
read_conversation (const char *path, GError **error)
{
  g_autofree char *json = NULL;
  gsize length;
  g_autoptr (SteerConversation) conversation = NULL;

  g_assert_true (g_file_get_contents (path, &json, &length, NULL));
  conversation = steer_conversation_new_from_json (json, (gssize) length, error);
  return conversation != NULL;
}

typedef struct
{
  const char *name;
  Reader reader;
  const char *fixture; /* or NULL, and then: */
  const char *text;
  const char *file; /* what the reader calls it; NULL: its message names no file */
} Format;

static const Format formats[] = {
  { "safetensors", read_archive, "steering/vectors.safetensors", NULL, "x.safetensors" },
  { "GGUF", read_archive, "tensor/small.gguf", NULL, "x.gguf" },
  { "torch", read_archive, "steering/dicts/bare.pt", NULL, "x.pt" },
  { "npz", read_archive, "tensor/packed.npz", NULL, "x.npz" },
  { "npy", read_archive, "steering/dicts/rows.npy", NULL, "x.npy" },
  { "vectors", read_vectors, "steering/dicts/steering_vectors.pt", NULL, "v.pt" },
  { "tokenizer", read_tokenizer, "cli/model/tokenizer.json", NULL, "tokenizer.json" },
  { "config", read_config, "cli/model/config.json", NULL, "config.json" },
  { "preset", read_preset, "steering/every-key.yaml", NULL, "every-key.yaml" },
  { "demo preset", read_preset, "steering/demo.yaml", NULL, "demo.yaml" },
  { "labels", read_labels, "cli/sae/labels.jsonl", NULL, "labels.jsonl" },
  { "conversation", read_conversation, NULL,
    "{\"format\": \"steer-chat-conversation\", \"version\": 1, \"title\": \"Tower\", \"messages\": [{\"id\": 1, "
    "\"role\": \"user\", \"text\": \"Hi\"}, {\"id\": 2, \"parent\": 1, \"role\": \"assistant\", \"text\": \"Yes\", "
    "\"runs\": [{\"start\": 0, \"length\": 3, \"n_tokens\": 1}]}]}",
    NULL },
};

static void
assert_well_told (const GError *error, const char *file)
{
  g_assert_nonnull (error);
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  if (file != NULL && strstr (error->message, file) == NULL)
    g_error ("the file is not named: %s", error->message);
  if (strpbrk (error->message, "\r\n") != NULL)
    g_error ("more than one line: %s", error->message);
}

static void
read_copy (const Format *format, const char *path, const char *data, gsize size, guint *n_loaded, guint *n_refused)
{
  g_autoptr (GError) error = NULL;

  int file = g_open (path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

  /* Written over and then cut: a file system waits for the disk when a file is emptied first. */
  g_assert_cmpint (pwrite (file, data, size, 0), ==, (gssize) size);
  g_assert_cmpint (ftruncate (file, (off_t) size), ==, 0);
  g_close (file, NULL);
  if (format->reader (path, &error))
    {
      g_assert_no_error (error);
      (*n_loaded)++;
    }
  else
    {
      assert_well_told (error, format->file);
      (*n_refused)++;
    }
}

static char *
load (const Format *format, gsize *size)
{
  g_autofree char *path = NULL;
  char *data = NULL;

  if (format->fixture == NULL)
    {
      *size = strlen (format->text);
      return g_strdup (format->text);
    }
  path = test_fixture_path (format->fixture);
  g_assert_true (g_file_get_contents (path, &data, size, NULL));
  return data;
}

static void
test_cut_off (gconstpointer data)
{
  const Format *format = data;
  char *dir = test_make_dir ();
  g_autofree char *path = g_build_filename (dir, format->file != NULL ? format->file : "x.json", NULL);
  gsize size;
  g_autofree char *whole = load (format, &size);
  guint n_loaded = 0, n_refused = 0;

  read_copy (format, path, whole, size, &n_loaded, &n_refused);
  g_assert_cmpuint (n_loaded, ==, 1);
  for (gsize cut = 0; cut < size; cut++)
    read_copy (format, path, whole, cut, &n_loaded, &n_refused);
  g_test_message ("%u cut files load, %u are refused", n_loaded - 1, n_refused);
  g_assert_cmpuint (n_refused, >, 0);
  test_remove_dir (dir);
}

static void
test_flipped (gconstpointer data)
{
  static const guint8 bits[] = { 0x01, 0x20, 0x80 };
  const Format *format = data;
  char *dir = test_make_dir ();
  g_autofree char *path = g_build_filename (dir, format->file != NULL ? format->file : "x.json", NULL);
  gsize size;
  g_autofree char *bytes = load (format, &size);
  guint n_loaded = 0, n_refused = 0;

  for (gsize i = 0; i < MIN (size, HEAD_BYTES); i++)
    for (guint bit = 0; bit < G_N_ELEMENTS (bits); bit++)
      {
        bytes[i] = (char) ((guint8) bytes[i] ^ bits[bit]);
        read_copy (format, path, bytes, size, &n_loaded, &n_refused);
        bytes[i] = (char) ((guint8) bytes[i] ^ bits[bit]);
      }
  g_test_message ("%u flipped files load, %u are refused", n_loaded, n_refused);
  g_assert_cmpuint (n_refused, >, 0);
  test_remove_dir (dir);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (formats); i++)
    {
      g_autofree char *cut = g_strdup_printf ("/damaged/%s/cut off at every byte", formats[i].name);
      g_autofree char *flipped = g_strdup_printf ("/damaged/%s/with bits of its head flipped", formats[i].name);

      g_test_add_data_func (cut, &formats[i], test_cut_off);
      g_test_add_data_func (flipped, &formats[i], test_flipped);
    }
  return g_test_run ();
}
