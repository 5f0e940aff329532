/* What the other side of a connection sends, whichever side it is, and ssh's configuration. What is accepted fits the
 * model, and leads nowhere but into the folder that is kept of it. */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

#include "remote/steer-remote-files.h"
#include "remote/steer-remote-hosts.h"
#include "remote/steer-remote-runs.h"
#include "remote/steer-wire.h"

#define MAX_LENGTH 65536
#define N_CONTEXT 64

static const SteerModelConfig config = { .n_layers = 3, .d_model = 2, .n_vocab = 40, .n_context = N_CONTEXT };

typedef struct
{
  SteerPlanReceiver *plans;
  GVariant *pieces; /* nullable: the last ones that came */
} Reading;

/* @error: of what gave @accepted; by its address, since arguments have no order. */
static gboolean
check_told (gboolean accepted, GError **error)
{
  g_assert_true (accepted == (*error == NULL));
  g_assert_true (*error == NULL || g_utf8_validate ((*error)->message, -1, NULL));
  return accepted;
}

static gboolean
read_runs (Reading *self, GVariant *body)
{
  g_autoptr (GVariant) news = g_variant_get_child_value (body, 0), list = g_variant_get_child_value (body, 1);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (SteerRemoteRuns) runs = { 0 };

  if (!check_told (steer_plan_receiver_take_news (self->plans, news, &error), &error)
      || !check_told (steer_remote_runs_read (&runs, list, self->plans, &config, N_CONTEXT, &error), &error))
    return FALSE;
  for (guint i = 0; i < runs.n_runs; i++)
    {
      const SteerRun *run = &runs.runs[i];

      g_assert_cmpuint (run->n_tokens, <=, N_CONTEXT);
      g_assert_cmpint (run->want, <=, STEER_WANT_TOKEN);
      for (guint op = 0; run->plan != NULL && op < steer_plan_get_n_ops (run->plan); op++)
        g_assert_cmpint (steer_plan_get_ops (run->plan)[op].mode, <, STEER_N_MODES);
    }
  results = g_variant_ref_sink (steer_remote_runs_results (&runs, &config));
  check_told (steer_remote_runs_take_results (runs.runs, runs.n_runs, &config, results, &error), &error);
  return error == NULL;
}

/* Two runs wait for these. */
static gboolean
read_results (GVariant *body)
{
  float logits[40], taps[4];
  const guint layer = 1;
  SteerRun runs[2] = {
    { .n_tokens = 2,
      .want = STEER_WANT_LAST_LOGITS,
      .logits = logits,
      .n_taps = 1,
      .tap_layers = &layer,
      .taps = taps },
    { .n_tokens = 1, .want = STEER_WANT_TOKEN, .token = 0 },
  };
  g_autoptr (GError) error = NULL;
  gboolean taken = steer_remote_runs_take_results (runs, 2, &config, body, &error);

  g_assert_true (!taken || (runs[1].token >= 0 && runs[1].token < 40));
  return check_told (taken, &error);
}

static GVariant *
fetch (guint index, gsize max_length, gpointer pieces, GError **error)
{
  return g_variant_ref (pieces);
}

static gboolean
read_files (Reading *self, GVariant *body)
{
  g_autofree char *parent = g_dir_make_tmp ("steer-fuzz-XXXXXX", NULL),
                  *folder = g_build_filename (parent, "model", NULL);
  g_autofree char *name = steer_remote_files_dup_name (body), *path = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) dir = NULL;
  const char *entry;

  g_assert_true (g_utf8_validate (name, -1, NULL));
  if (self->pieces != NULL)
    path = steer_remote_files_store (body, folder, fetch, self->pieces, &error);
  g_assert_true (path == NULL || g_str_has_prefix (path, folder));
  dir = g_dir_open (folder, 0, NULL);
  while (dir != NULL && (entry = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *file = g_build_filename (folder, entry, NULL);

      g_assert_true (path != NULL || self->pieces != NULL);
      g_unlink (file);
    }
  g_rmdir (folder);
  /* Nothing lies beside it. */
  g_assert_cmpint (g_rmdir (parent), ==, 0);
  return self->pieces == NULL || check_told (path != NULL, &error);
}

static gboolean
read_message (Reading *self, const SteerWireMessage *message)
{
  g_autoptr (GError) error = NULL;

  switch (message->kind)
    {
    case STEER_WIRE_FORWARD:
      return read_runs (self, message->body);
    case STEER_WIRE_RESULTS:
      return read_results (message->body);
    case STEER_WIRE_PIECES:
      g_clear_pointer (&self->pieces, g_variant_unref);
      self->pieces = g_variant_ref (message->body);
      return TRUE;
    case STEER_WIRE_FILES:
      return read_files (self, message->body);
    case STEER_WIRE_FAILED:
      error = steer_wire_error_from_variant (message->body);
      g_assert_true (error->domain != STEER_MODEL_ERROR || error->code <= STEER_MODEL_ERROR_DEVICE);
      return TRUE;
    default:
      return TRUE;
    }
}

int
fuzz_one_input (const uint8_t *data, size_t size)
{
  g_autoptr (GInputStream) input = g_memory_input_stream_new_from_data (data, (gssize) size, NULL);
  g_autoptr (GOutputStream) output = g_memory_output_stream_new_resizable ();
  g_autoptr (SteerWire) wire = steer_wire_new (input, output);
  g_auto (GStrv) hosts = steer_remote_parse_hosts ((const char *) data, size);
  Reading reading = { .plans = steer_plan_receiver_new () };
  SteerWireMessage message;
  GError *error = NULL;
  gboolean accepted = steer_wire_await_greeting (wire, NULL, NULL);

  while (accepted && steer_wire_receive (wire, &message, MAX_LENGTH, NULL, &error))
    {
      accepted = read_message (&reading, &message);
      steer_wire_message_clear (&message);
    }
  fuzz_accepted |= accepted && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  g_clear_error (&error);
  steer_plan_receiver_free (reading.plans);
  g_clear_pointer (&reading.pieces, g_variant_unref);
  return 0;
}
