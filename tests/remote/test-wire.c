#include "remote/steer-wire.h"

#include <gio/gunixinputstream.h>
#include <gio/gunixoutputstream.h>
#include <glib-unix.h>
#include <string.h>
#include <unistd.h>

#include "model/steer-model-config.h"

/* What a wire reads is written to @raw, by another wire or byte by byte. */
typedef struct
{
  SteerWire *wire;
  GOutputStream *raw;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  int fds[2];
  g_autoptr (GInputStream) input = NULL;
  g_autoptr (GOutputStream) nowhere = g_memory_output_stream_new_resizable ();

  g_assert_true (g_unix_open_pipe (fds, FD_CLOEXEC, NULL));
  input = g_unix_input_stream_new (fds[0], TRUE);
  fixture->raw = g_unix_output_stream_new (fds[1], TRUE);
  fixture->wire = steer_wire_new (input, nowhere);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_clear_object (&fixture->raw);
  steer_wire_free (fixture->wire);
}

static void
write_raw (Fixture *fixture, gconstpointer bytes, gsize n)
{
  g_assert_true (g_output_stream_write_all (fixture->raw, bytes, n, NULL, NULL, NULL));
}

static void
write_header (Fixture *fixture, guint32 kind, guint32 serial, guint64 length)
{
  write_raw (fixture, &kind, sizeof kind);
  write_raw (fixture, &serial, sizeof serial);
  write_raw (fixture, &length, sizeof length);
}

static void
test_message (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GInputStream) nothing = g_memory_input_stream_new ();
  g_autoptr (SteerWire) sender = steer_wire_new (nothing, fixture->raw);
  g_auto (SteerWireMessage) first = { 0 }, second = { 0 };
  g_autoptr (GVariant) expected = g_variant_ref_sink (g_variant_new ("(uus)", 1, 2, "too many words"));
  g_autoptr (GError) error = NULL;

  g_assert_true (steer_wire_send (sender, STEER_WIRE_FAILED, 7, expected, NULL, NULL));
  g_assert_true (steer_wire_send (sender, STEER_WIRE_CLOSE, 8, g_variant_new ("()"), NULL, NULL));
  g_assert_true (steer_wire_receive (fixture->wire, &first, STEER_WIRE_SMALL, NULL, &error));
  g_assert_true (steer_wire_receive (fixture->wire, &second, STEER_WIRE_SMALL, NULL, &error));
  g_assert_cmpint (first.kind, ==, STEER_WIRE_FAILED);
  g_assert_cmpuint (first.serial, ==, 7);
  g_assert_cmpvariant (first.body, expected);
  g_assert_cmpint (second.kind, ==, STEER_WIRE_CLOSE);
  g_assert_cmpuint (second.serial, ==, 8);
}

static void
test_cancelled (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_auto (SteerWireMessage) message = { 0 };
  g_autoptr (GError) error = NULL;
  const double half = 0.5;

  write_header (fixture, STEER_WIRE_PROGRESS, 3, sizeof half);
  write_raw (fixture, &half, 5);
  g_cancellable_cancel (cancellable);
  g_assert_false (steer_wire_receive (fixture->wire, &message, STEER_WIRE_SMALL, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  write_raw (fixture, (const char *) &half + 5, 3);
  g_assert_true (steer_wire_receive (fixture->wire, &message, STEER_WIRE_SMALL, NULL, &error));
  g_assert_cmpfloat (g_variant_get_double (message.body), ==, half);
}

static void
assert_refused (Fixture *fixture, GQuark domain, int code)
{
  g_auto (SteerWireMessage) message = { 0 };
  g_autoptr (GError) error = NULL;

  g_assert_false (steer_wire_receive (fixture->wire, &message, 100, NULL, &error));
  g_assert_error (error, domain, code);
}

static void
test_too_long (Fixture *fixture, gconstpointer data)
{
  write_header (fixture, STEER_WIRE_PIECES, 1, 101);
  assert_refused (fixture, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE);
}

static void
test_longest_of_all (Fixture *fixture, gconstpointer data)
{
  write_header (fixture, STEER_WIRE_PIECES, 1, G_MAXUINT64);
  assert_refused (fixture, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE);
}

static void
test_unknown (Fixture *fixture, gconstpointer data)
{
  write_header (fixture, 99, 1, 0);
  assert_refused (fixture, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE);
}

static void
test_end (Fixture *fixture, gconstpointer data)
{
  write_header (fixture, STEER_WIRE_PIECES, 1, 50);
  write_raw (fixture, "half", 4);
  g_clear_object (&fixture->raw);
  assert_refused (fixture, G_IO_ERROR, G_IO_ERROR_CLOSED);
}

/* Bytes that make no variant read as one that says nothing. */
static void
test_damaged (Fixture *fixture, gconstpointer data)
{
  g_auto (SteerWireMessage) message = { 0 };
  const guint8 noise[] = { 255, 254, 1, 0, 0, 17, 200 };
  g_autoptr (GVariantIter) models = NULL, devices = NULL;

  write_header (fixture, STEER_WIRE_LISTING, 1, sizeof noise);
  write_raw (fixture, noise, sizeof noise);
  g_assert_true (steer_wire_receive (fixture->wire, &message, 100, NULL, NULL));
  g_variant_get (message.body, "(a(sst)a(ssmsttbmsb))", &models, &devices);
  g_assert_cmpuint (g_variant_iter_n_children (models), ==, 0);
  g_assert_cmpuint (g_variant_iter_n_children (devices), ==, 0);
}

/* A login has its own words before. */
static void
test_greeting (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GInputStream) nothing = g_memory_input_stream_new ();
  g_autoptr (SteerWire) sender = steer_wire_new (nothing, fixture->raw);
  g_auto (SteerWireMessage) message = { 0 };
  static const char words[] = "Last login: Monday\nsteer-lend\n\r\nYou have mail, and no newline";

  write_raw (fixture, words, strlen (words));
  g_assert_true (steer_wire_greet (sender, "1.2.3", NULL));
  g_assert_true (steer_wire_send (sender, STEER_WIRE_PROGRESS, 1, g_variant_new_double (1), NULL, NULL));
  g_assert_true (steer_wire_await_greeting (fixture->wire, NULL, NULL));
  g_assert_true (steer_wire_receive (fixture->wire, &message, STEER_WIRE_SMALL, NULL, NULL));
  g_assert_cmpint (message.kind, ==, STEER_WIRE_PROGRESS);
}

static void
assert_no_greeting (Fixture *fixture, const char *words, GQuark domain, int code, const char *part)
{
  g_autoptr (GError) error = NULL;

  write_raw (fixture, words, strlen (words));
  g_clear_object (&fixture->raw);
  g_assert_false (steer_wire_await_greeting (fixture->wire, NULL, &error));
  g_assert_error (error, domain, code);
  g_assert_nonnull (strstr (error->message, part));
}

static void
test_other_version (Fixture *fixture, gconstpointer data)
{
  assert_no_greeting (fixture, "\nsteer-lend 12 3.4.5\n", STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED, "3.4.5");
}

static void
test_no_version (Fixture *fixture, gconstpointer data)
{
  assert_no_greeting (fixture, "\nsteer-lend one\n", STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE, "version");
}

static void
test_early_end (Fixture *fixture, gconstpointer data)
{
  assert_no_greeting (fixture, "sh: steer: command not found\n", G_IO_ERROR, G_IO_ERROR_CLOSED, "ended");
}

static void
test_errors (void)
{
  const struct
  {
    GQuark domain;
    int code;
    GQuark domain_here;
    int code_here;
  } cases[] = {
    { STEER_MODEL_ERROR, STEER_MODEL_ERROR_NO_MEMORY, STEER_MODEL_ERROR, STEER_MODEL_ERROR_NO_MEMORY },
    { STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE },
    { G_IO_ERROR, G_IO_ERROR_CANCELLED, G_IO_ERROR, G_IO_ERROR_CANCELLED },
    { G_FILE_ERROR, G_FILE_ERROR_ACCES, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID },
    { STEER_MODEL_ERROR, 77, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) sent = g_error_new_literal (cases[i].domain, cases[i].code, "what went wrong");
      g_autoptr (GVariant) variant = g_variant_ref_sink (steer_wire_error_to_variant (sent));
      g_autoptr (GError) arrived = steer_wire_error_from_variant (variant);

      g_assert_error (arrived, cases[i].domain_here, cases[i].code_here);
      g_assert_cmpstr (arrived->message, ==, "what went wrong");
    }
}

static void
test_numbers (void)
{
  const float values[] = { 1.5f, -0.0f, 3e-40f };
  g_autoptr (GVariant) some = g_variant_ref_sink (steer_wire_new_numbers (values, 3, sizeof (float)));
  g_autoptr (GVariant) none = g_variant_ref_sink (steer_wire_new_numbers (NULL, 0, sizeof (float)));
  g_autoptr (GError) error = NULL;

  g_assert_cmpmem (steer_wire_get_numbers (some, 3, sizeof (float), NULL), sizeof values, values, sizeof values);
  g_assert_nonnull (steer_wire_get_numbers (none, 0, sizeof (float), NULL));
  g_assert_null (steer_wire_get_numbers (some, 2, sizeof (float), &error));
  g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID);
  g_assert_null (steer_wire_get_numbers (some, G_MAXSIZE / 2, sizeof (float), NULL));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD(name, function) g_test_add ("/wire/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("messages arrive as they were sent", test_message);
  ADD ("a message that was cancelled in its middle is read on", test_cancelled);
  ADD ("one longer than it can be is refused", test_too_long);
  ADD ("so is the longest of all", test_longest_of_all);
  ADD ("so is one of an unknown kind", test_unknown);
  ADD ("an end in the middle of one is told", test_end);
  ADD ("a damaged one says nothing", test_damaged);
  ADD ("the greeting is found behind the words of a login", test_greeting);
  ADD ("another version is named", test_other_version);
  ADD ("a greeting without one is none", test_no_version);
  ADD ("an end without a greeting is told", test_early_end);
#undef ADD
  g_test_add_func ("/wire/errors keep the codes that count", test_errors);
  g_test_add_func ("/wire/arrays have the length that is asked for", test_numbers);

  return g_test_run ();
}
