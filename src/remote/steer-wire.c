#include "steer-wire.h"

#include "model/steer-model-config.h"

#include <string.h>

#define GREETING "steer-lend "
/* What a login may print before the greeting. */
#define MAX_NOISE ((gsize) 64 << 10)
#define HEADER_SIZE 16
/* A small message is one read, as it is one write: each wakes the other side. */
#define BUFFER_SIZE ((gsize) 64 << 10)
#define MAX_SMALL 32768
#define MAX_TEXT 2048

/* Numbers cross the wire as they are in memory, as they do from the files. */
G_STATIC_ASSERT (G_BYTE_ORDER == G_LITTLE_ENDIAN);

struct _SteerWire
{
  GInputStream *input;
  GOutputStream *output;
  GMutex sending;

  /* The message that is arriving. */
  guint8 header[HEADER_SIZE];
  guint8 *body; /* [length], nullable until the header is whole */
  gsize length;
  gsize n_read; /* bytes of header and body together */
};

typedef struct
{
  SteerWireKind kind;
  const char *type;
} Kind;

static const Kind kinds[] = {
  { STEER_WIRE_LIST, "()" },
  { STEER_WIRE_MODEL, "s" },
  { STEER_WIRE_HEAD, "u" },
  { STEER_WIRE_OPEN, "(msuuuuu)" },
  { STEER_WIRE_FORWARD, STEER_WIRE_FORWARD_TYPE },
  { STEER_WIRE_CLOSE, "()" },
  { STEER_WIRE_CANCEL, "u" },
  { STEER_WIRE_HERE, "()" },
  { STEER_WIRE_LISTING, "(a(sst)a(ssmsttbmsb))" },
  { STEER_WIRE_FILES, "(ssa(sttt))" },
  { STEER_WIRE_PIECES, "a(tay)" },
  { STEER_WIRE_PROGRESS, "d" },
  { STEER_WIRE_OPENED, "(ssms(uuuuu)u)" },
  { STEER_WIRE_RESULTS, "a(ayayi)" },
  { STEER_WIRE_CLOSED, "()" },
  { STEER_WIRE_FAILED, "(uus)" },
};

static const GVariantType *
find_type (guint32 kind)
{
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (kinds[i].kind == kind)
      return G_VARIANT_TYPE (kinds[i].type);
  return NULL;
}

static gboolean
fail_protocol (GError **error, const char *what)
{
  g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE, "what the other computer sent is not understood: %s",
               what);
  return FALSE;
}

void
steer_wire_message_clear (SteerWireMessage *self)
{
  g_clear_pointer (&self->body, g_variant_unref);
}

SteerWire *
steer_wire_new (GInputStream *input, GOutputStream *output)
{
  SteerWire *self = g_new0 (SteerWire, 1);

  self->input = g_buffered_input_stream_new_sized (input, BUFFER_SIZE);
  self->output = g_object_ref (output);
  g_mutex_init (&self->sending);
  return self;
}

void
steer_wire_free (SteerWire *self)
{
  if (self == NULL)
    return;
  g_output_stream_close (self->output, NULL, NULL);
  g_input_stream_close (self->input, NULL, NULL);
  g_object_unref (self->output);
  g_object_unref (self->input);
  g_mutex_clear (&self->sending);
  g_free (self->body);
  g_free (self);
}

gboolean
steer_wire_greet (SteerWire *self, const char *program_version, GError **error)
{
  /* The line begins anew, whatever a login left on it. */
  g_autofree char *line = g_strdup_printf ("\n" GREETING "%d %s\n", STEER_WIRE_VERSION, program_version);

  return g_output_stream_write_all (self->output, line, strlen (line), NULL, NULL, error)
         && g_output_stream_flush (self->output, NULL, error);
}

/* "VERSION PROGRAM", as far as it was sent. */
static gboolean
check_version (const char *words, GError **error)
{
  char *end;
  guint64 version = g_ascii_strtoull (words, &end, 10);
  g_autofree char *program = NULL;

  if (end == words || *end != ' ')
    return fail_protocol (error, "its greeting names no version");
  if (version == STEER_WIRE_VERSION)
    return TRUE;
  program = g_utf8_make_valid (end + 1, -1);
  g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED,
               "Steer Chat %s there and %s here do not understand each other (version %" G_GUINT64_FORMAT
               " and %d of the protocol): install the same version on both computers",
               program, STEER_VERSION, version, STEER_WIRE_VERSION);
  return FALSE;
}

gboolean
steer_wire_await_greeting (SteerWire *self, GCancellable *cancellable, GError **error)
{
  g_autoptr (GString) line = g_string_new (NULL);

  /* Byte by byte: what comes behind the line is another's to read. */
  for (gsize n = 0; n < MAX_NOISE; n++)
    {
      char byte;
      gssize n_read = g_input_stream_read (self->input, &byte, 1, cancellable, error);

      if (n_read < 0)
        return FALSE;
      if (n_read == 0)
        {
          g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, "the connection ended at once");
          return FALSE;
        }
      if (byte != '\n')
        g_string_append_c (line, byte);
      else if (g_str_has_prefix (line->str, GREETING))
        return check_version (line->str + strlen (GREETING), error);
      else
        g_string_truncate (line, 0);
    }
  return fail_protocol (error, "there is no greeting among the first lines");
}

/* (g_output_stream_writev() would do it without a copy, but warns where a pipe is broken.) */
static gboolean
write_message (SteerWire *self,
               const guint8 *header,
               gconstpointer body,
               gsize length,
               GCancellable *cancellable,
               GError **error)
{
  guint8 small[HEADER_SIZE + MAX_SMALL];
  gsize n = HEADER_SIZE;

  memcpy (small, header, HEADER_SIZE);
  if (length > 0 && length <= MAX_SMALL)
    {
      memcpy (small + HEADER_SIZE, body, length);
      n += length;
    }
  return g_output_stream_write_all (self->output, small, n, NULL, cancellable, error)
         && (length <= MAX_SMALL || g_output_stream_write_all (self->output, body, length, NULL, cancellable, error))
         && g_output_stream_flush (self->output, cancellable, error);
}

gboolean
steer_wire_send (SteerWire *self,
                 SteerWireKind kind,
                 guint32 serial,
                 GVariant *body,
                 GCancellable *cancellable,
                 GError **error)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (body);
  const guint32 words[2] = { (guint32) kind, serial };
  const guint64 length = g_variant_get_size (owned);
  guint8 header[HEADER_SIZE];
  gboolean sent;

  g_return_val_if_fail (g_variant_is_of_type (owned, find_type (kind)), FALSE);

  memcpy (header, words, sizeof words);
  memcpy (header + sizeof words, &length, sizeof length);
  g_mutex_lock (&self->sending);
  sent = write_message (self, header, g_variant_get_data (owned), length, cancellable, error);
  g_mutex_unlock (&self->sending);
  return sent;
}

/* Up to @end bytes of the message, of which those from @start on go to @to. */
static gboolean
read_to (SteerWire *self, guint8 *to, gsize start, gsize end, GCancellable *cancellable, GError **error)
{
  while (self->n_read < end)
    {
      gssize n = g_input_stream_read (self->input, to + (self->n_read - start), end - self->n_read, cancellable, error);

      if (n < 0)
        return FALSE;
      if (n == 0)
        {
          g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, "the connection ended");
          return FALSE;
        }
      self->n_read += (gsize) n;
    }
  return TRUE;
}

static gboolean
begin_body (SteerWire *self, gsize max_length, GError **error)
{
  guint64 length;

  memcpy (&length, self->header + 8, sizeof length);
  if (length > max_length)
    return fail_protocol (error, "a message is longer than what was asked for can be");
  self->length = (gsize) length;
  self->body = g_try_malloc (MAX (self->length, 1));
  if (self->body != NULL)
    return TRUE;
  g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_NO_MEMORY,
               "no memory for a message of %" G_GSIZE_FORMAT " bytes from the other computer", self->length);
  return FALSE;
}

/* The message is whole: hands it over, and the next one can come. */
static gboolean
take_message (SteerWire *self, SteerWireMessage *message, GError **error)
{
  guint32 words[2];
  const GVariantType *type;
  g_autoptr (GBytes) bytes = g_bytes_new_take (g_steal_pointer (&self->body), self->length);

  self->n_read = 0;
  memcpy (words, self->header, sizeof words);
  type = find_type (words[0]);
  if (type == NULL)
    return fail_protocol (error, "a message is of an unknown kind");
  *message
    = (SteerWireMessage){ words[0], words[1], g_variant_ref_sink (g_variant_new_from_bytes (type, bytes, FALSE)) };
  return TRUE;
}

gboolean
steer_wire_receive (SteerWire *self,
                    SteerWireMessage *message,
                    gsize max_length,
                    GCancellable *cancellable,
                    GError **error)
{
  return read_to (self, self->header, 0, HEADER_SIZE, cancellable, error)
         && (self->body != NULL || begin_body (self, max_length, error))
         && read_to (self, self->body, HEADER_SIZE, HEADER_SIZE + self->length, cancellable, error)
         && take_message (self, message, error);
}

char *
steer_wire_dup_text (const char *text)
{
  g_autofree char *start = NULL;

  if (text == NULL || strlen (text) <= MAX_TEXT)
    return g_strdup (text);
  start = g_strndup (text, MAX_TEXT);
  return g_utf8_make_valid (start, -1);
}

GVariant *
steer_wire_error_to_variant (const GError *error)
{
  SteerWireDomain domain = STEER_WIRE_DOMAIN_OTHER;
  g_autofree char *message = g_utf8_make_valid (error->message, -1);

  if (error->domain == STEER_MODEL_ERROR)
    domain = STEER_WIRE_DOMAIN_MODEL;
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    domain = STEER_WIRE_DOMAIN_CANCELLED;
  return g_variant_new ("(uus)", (guint32) domain, (guint32) error->code, message);
}

GError *
steer_wire_error_from_variant (GVariant *variant)
{
  guint32 domain, code;
  const char *text;
  g_autofree char *message = NULL;

  g_variant_get (variant, "(uu&s)", &domain, &code, &text);
  message = steer_wire_dup_text (text);
  if (domain == STEER_WIRE_DOMAIN_CANCELLED)
    return g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, message);
  if (domain != STEER_WIRE_DOMAIN_MODEL || code > STEER_MODEL_ERROR_DEVICE)
    code = STEER_MODEL_ERROR_INVALID;
  return g_error_new_literal (STEER_MODEL_ERROR, (int) code, message);
}

const void *
steer_wire_get_numbers (GVariant *bytes, gsize n, gsize width, GError **error)
{
  gsize n_bytes = 0, n_wanted;
  const void *data = g_variant_get_fixed_array (bytes, &n_bytes, 1);

  if (g_size_checked_mul (&n_wanted, n, width) && n_bytes == n_wanted)
    return data != NULL ? data : "";
  g_set_error_literal (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID,
                       "an array has another length than it must have");
  return NULL;
}

GVariant *
steer_wire_new_numbers (const void *numbers, gsize n, gsize width)
{
  return g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, numbers, n * width, 1);
}
