#include "steer-remote.h"

#include <gio/gunixinputstream.h>
#include <string.h>
#include <unistd.h>

#define SSH_VARIABLE "STEER_SSH"
/* Of what ssh and the lender say on standard error. */
#define MAX_WORDS 512

/* Seconds; a silent network is told within three intervals. */
#define CONNECT_TIMEOUT "ConnectTimeout=10"
#define ALIVE_INTERVAL "ServerAliveInterval=5"
#define ALIVE_COUNT "ServerAliveCountMax=3"

/* What happens beside questions and answers: ssh's words, and the borrower's own that it is there. */
typedef struct
{
  GInputStream *stream; /* standard error of ssh, and of the lender behind it */
  SteerWire *wire;
  GCancellable *cancellable; /* another process may hold the stream open for longer than the connection lives */
  GMutex lock;
  GString *line; /* the last one of the stream */
} Listener;

struct _SteerRemote
{
  char *host;
  char *login; /* what ssh is given for it: "-p 2222 anna@box" */
  char *program;
  GSubprocess *process;
  SteerWire *wire;
  Listener listener;
  GThread *listening;
  GMutex asking;
  guint32 serial;   /* of the last question */
  gsize max_length; /* of an answer, that to a question which was cancelled included */
  gboolean lost;
};

static void
hear (Listener *self, const char *bytes, gsize n)
{
  g_mutex_lock (&self->lock);
  for (gsize i = 0; i < n; i++)
    {
      /* A line stays until another one begins. */
      if (self->line->len > 0 && self->line->str[self->line->len - 1] == '\n' && !g_ascii_isspace (bytes[i]))
        g_string_truncate (self->line, 0);
      if (self->line->len < MAX_WORDS && (self->line->len > 0 || !g_ascii_isspace (bytes[i])))
        g_string_append_c (self->line, bytes[i]);
    }
  g_mutex_unlock (&self->lock);
}

/* Words of a login that went well explain nothing that comes later. */
static void
forget_words (Listener *self)
{
  g_mutex_lock (&self->lock);
  g_string_truncate (self->line, 0);
  g_mutex_unlock (&self->lock);
}

/* TRUE when there is something to read; FALSE when there was nothing for a while, or when nobody listens any more. */
static gboolean
await_words (Listener *self)
{
  GPollFD fds[2] = { { g_unix_input_stream_get_fd (G_UNIX_INPUT_STREAM (self->stream)), G_IO_IN | G_IO_HUP, 0 } };
  gboolean cancellable = g_cancellable_make_pollfd (self->cancellable, &fds[1]);

  g_poll (fds, cancellable ? 2 : 1, STEER_WIRE_HERE_US / 1000);
  if (cancellable)
    g_cancellable_release_fd (self->cancellable);
  return fds[0].revents != 0;
}

static gpointer
listen (gpointer data)
{
  Listener *self = data;
  char bytes[512];
  gssize n = 1;

  while (n > 0 && !g_cancellable_is_cancelled (self->cancellable))
    {
      if (!await_words (self))
        {
          n = steer_wire_send (self->wire, STEER_WIRE_HERE, 0, g_variant_new ("()"), self->cancellable, NULL);
          continue;
        }
      n = g_input_stream_read (self->stream, bytes, sizeof bytes, self->cancellable, NULL);
      if (n > 0)
        hear (self, bytes, (gsize) n);
    }
  return NULL;
}

/* Why the connection is no more, as part of a sentence: where the stream only ended, ssh's last words say more. */
static char *
dup_reason (SteerRemote *self, const GError *reason)
{
  g_autofree char *words = NULL;

  if (reason->domain != G_IO_ERROR)
    return g_strdup (reason->message);
  g_usleep (50 * 1000); /* standard error is another stream than the one that ended */
  g_mutex_lock (&self->listener.lock);
  words = g_utf8_make_valid (self->listener.line->str, (gssize) self->listener.line->len);
  g_mutex_unlock (&self->listener.lock);
  g_strstrip (words);
  if (g_str_has_suffix (words, "."))
    words[strlen (words) - 1] = '\0';
  return *words != '\0' ? g_steal_pointer (&words) : g_strdup (reason->message);
}

/* Ctrl+C in a terminal is for the program there; and no terminal is left for ssh to ask on. */
static void
leave_session (gpointer data)
{
  setsid ();
}

static GSubprocess *
spawn (const SteerRemoteAddress *address, GError **error)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (
    G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_autoptr (GPtrArray) arguments = g_ptr_array_new ();
  g_autofree char *port = g_strdup_printf ("%u", address->port);
  g_autofree char *program = g_shell_quote (address->program);
  g_autofree char *command = g_strconcat (program, " lend", NULL);
  const char *ssh = g_getenv (SSH_VARIABLE);
  /* Whatever else ssh is told of the computer holds. What ends with this connection is nobody else's master. */
  static const char *const options[]
    = { "-T",        "-o", "BatchMode=yes",           "-o", CONNECT_TIMEOUT,      "-o", ALIVE_INTERVAL,    "-o",
        ALIVE_COUNT, "-o", "ClearAllForwardings=yes", "-o", "RemoteCommand=none", "-o", "ControlMaster=no" };

  g_ptr_array_add (arguments, (gpointer) (ssh != NULL && *ssh != '\0' ? ssh : "ssh"));
  for (guint i = 0; i < G_N_ELEMENTS (options); i++)
    g_ptr_array_add (arguments, (gpointer) options[i]);
  if (address->port > 0)
    {
      g_ptr_array_add (arguments, (gpointer) "-p");
      g_ptr_array_add (arguments, port);
    }
  g_ptr_array_add (arguments, (gpointer) "--");
  g_ptr_array_add (arguments, address->host);
  g_ptr_array_add (arguments, command);
  g_ptr_array_add (arguments, NULL);

  g_subprocess_launcher_set_child_setup (launcher, leave_session, NULL, NULL);
  return g_subprocess_launcher_spawnv (launcher, (const char *const *) arguments->pdata, error);
}

/* What a user can do about a computer that does not answer. */
static void
explain (SteerRemote *self, GError **error, GError *reason)
{
  g_autofree char *why = dup_reason (self, reason);

  g_set_error (
    error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE,
    "cannot reach %s: %s. `ssh %s %s --version` in a terminal must answer without a question: log in once, let "
    "the computer know your key (`ssh-copy-id %s`), and install Steer Chat there",
    self->host, why, self->login, self->program, self->login);
  g_error_free (reason);
}

SteerRemote *
steer_remote_connect (const SteerRemoteAddress *address, GCancellable *cancellable, GError **error)
{
  g_autoptr (SteerRemote) self = NULL;
  GError *reason = NULL;
  GSubprocess *process = spawn (address, &reason);

  if (process == NULL)
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE, "ssh cannot be started: %s: install OpenSSH",
                   reason->message);
      g_error_free (reason);
      return NULL;
    }
  self = g_new0 (SteerRemote, 1);
  self->host = g_strdup (address->host);
  self->login
    = address->port > 0 ? g_strdup_printf ("-p %u %s", address->port, address->host) : g_strdup (address->host);
  self->program = g_strdup (address->program);
  self->process = process;
  self->wire = steer_wire_new (g_subprocess_get_stdout_pipe (process), g_subprocess_get_stdin_pipe (process));
  g_mutex_init (&self->asking);
  g_mutex_init (&self->listener.lock);
  self->listener.wire = self->wire;
  self->listener.stream = g_object_ref (g_subprocess_get_stderr_pipe (process));
  self->listener.cancellable = g_cancellable_new ();
  self->listener.line = g_string_new (NULL);
  self->listening = g_thread_new ("ssh's words", listen, &self->listener);

  if (steer_wire_await_greeting (self->wire, cancellable, &reason))
    {
      forget_words (&self->listener);
      return g_steal_pointer (&self);
    }
  if (g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_CANCELLED)
      || g_error_matches (reason, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED))
    g_propagate_error (error, reason);
  else
    explain (self, error, reason);
  return NULL;
}

void
steer_remote_free (SteerRemote *self)
{
  if (self == NULL)
    return;
  /* First, so that nobody waits in a write to it. */
  g_subprocess_force_exit (self->process);
  g_cancellable_cancel (self->listener.cancellable);
  g_thread_join (self->listening);
  steer_wire_free (self->wire);
  g_object_unref (self->process);
  g_object_unref (self->listener.stream);
  g_object_unref (self->listener.cancellable);
  g_string_free (self->listener.line, TRUE);
  g_mutex_clear (&self->listener.lock);
  g_mutex_clear (&self->asking);
  g_free (self->host);
  g_free (self->login);
  g_free (self->program);
  g_free (self);
}

void
steer_remote_give_up (SteerRemote *self)
{
  self->lost = TRUE;
  /* With it the lender ends, and gives back the memory that another one may need. */
  g_subprocess_force_exit (self->process);
}

gboolean
steer_remote_is_alive (SteerRemote *self)
{
  /* ssh ends by itself when the other side or the network has gone, a while after the fact. */
  return !self->lost && g_subprocess_get_identifier (self->process) != NULL;
}

/* @reason: (transfer full). */
static void
lose (SteerRemote *self, GError **error, GError *reason)
{
  g_autofree char *why = dup_reason (self, reason);

  steer_remote_give_up (self);
  g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE, "the connection to %s was lost: %s", self->host,
               why);
  g_error_free (reason);
}

/* The answer to the last question, and not to one that was given up. */
static gboolean
await_answer (SteerRemote *self,
              SteerWireMessage *message,
              SteerProgressFunc progress,
              gpointer progress_data,
              GCancellable *cancellable,
              GError **error)
{
  for (;;)
    {
      double fraction;

      steer_wire_message_clear (message);
      if (!steer_wire_receive (self->wire, message, self->max_length, cancellable, error))
        return FALSE;
      if (message->serial != self->serial)
        continue;
      if (message->kind != STEER_WIRE_PROGRESS)
        return TRUE;
      fraction = g_variant_get_double (message->body);
      if (progress != NULL && fraction >= 0.0 && fraction <= 1.0)
        progress (fraction, progress_data);
    }
}

static GVariant *
ask (SteerRemote *self,
     SteerWireKind kind,
     GVariant *body,
     SteerWireKind answer,
     SteerProgressFunc progress,
     gpointer progress_data,
     GCancellable *cancellable,
     GError **error)
{
  g_auto (SteerWireMessage) message = { 0 };
  GError *reason = NULL;

  /* What was begun is sent: half a message would be the end of the connection. */
  if (!steer_wire_send (self->wire, kind, ++self->serial, body, NULL, &reason))
    {
      lose (self, error, reason);
      return NULL;
    }
  if (!await_answer (self, &message, progress, progress_data, cancellable, &reason))
    {
      if (!g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        lose (self, error, reason);
      else
        {
          g_propagate_error (error, reason);
          steer_wire_send (self->wire, STEER_WIRE_CANCEL, self->serial, g_variant_new_uint32 (self->serial), NULL,
                           NULL);
        }
      return NULL;
    }
  if (message.kind == answer)
    return g_steal_pointer (&message.body);
  if (message.kind == STEER_WIRE_FAILED)
    {
      reason = steer_wire_error_from_variant (message.body);
      /* A device that failed there fails its process for good, as it does here. */
      if (kind == STEER_WIRE_FORWARD && g_error_matches (reason, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE))
        steer_remote_give_up (self);
      g_prefix_error (&reason, "on %s: ", self->host);
      g_propagate_error (error, reason);
      return NULL;
    }
  lose (self, error,
        g_error_new_literal (STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE, "an answer to another question"));
  return NULL;
}

GVariant *
steer_remote_ask (SteerRemote *self,
                  SteerWireKind kind,
                  GVariant *body,
                  SteerWireKind answer,
                  gsize max_length,
                  SteerProgressFunc progress,
                  gpointer progress_data,
                  GCancellable *cancellable,
                  GError **error)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (body);
  GVariant *answered = NULL;

  g_mutex_lock (&self->asking);
  self->max_length = MAX (self->max_length, MAX (max_length, STEER_WIRE_SMALL));
  if (!steer_remote_is_alive (self))
    g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE, "the connection to %s was lost", self->host);
  else
    answered = ask (self, kind, owned, answer, progress, progress_data, cancellable, error);
  g_mutex_unlock (&self->asking);
  return answered;
}
