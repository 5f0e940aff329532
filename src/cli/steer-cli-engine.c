#include "steer-cli-engine.h"

#include <glib-unix.h>
#include <string.h>
#include <unistd.h>

#include "chat/steer-inspection.h"
#include "steer-cli-messages.h"
#include "steer-cli-output.h"

/* A model that loads faster than this shows no progress. */
#define PROGRESS_DELAY_US (400 * 1000)

typedef struct
{
  GMainLoop *loop;
  GCancellable *cancellable;
  GError **error;
  gboolean loaded;
  gint64 started;
  gboolean shows_progress; /* a progress line stands on the terminal */
} Loading;

static void
on_progress (SteerEngine *engine, GParamSpec *pspec, Loading *loading)
{
  double progress;

  if (!isatty (STDERR_FILENO) || g_get_monotonic_time () - loading->started < PROGRESS_DELAY_US)
    return;
  g_object_get (engine, "progress", &progress, NULL);
  loading->shows_progress = TRUE;
  /* The carriage return is ours; nothing of a file is in this line. */
  if (g_getenv ("TERM") != NULL && strcmp (g_getenv ("TERM"), "dumb") != 0)
    g_printerr ("\rLoading the model: %3.0f %%", progress * 100.0);
}

static void
on_loaded (GObject *object, GAsyncResult *result, gpointer data)
{
  Loading *loading = data;

  loading->loaded = steer_engine_load_finish (STEER_ENGINE (object), result, loading->error);
  g_main_loop_quit (loading->loop);
}

static gboolean
on_interrupt_load (gpointer data)
{
  g_cancellable_cancel (data);
  return G_SOURCE_CONTINUE;
}

SteerEngine *
steer_cli_engine_load (const SteerCliOptions *options, const char *path, GError **error)
{
  g_autoptr (SteerEngine) engine = steer_engine_new ();
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Loading loading = { loop, cancellable, error, FALSE, g_get_monotonic_time (), FALSE };
  SteerChatTemplate *template;
  SteerLoadOptions load;
  guint source;

  steer_load_options_init (&load, path);
  load.model = options->elsewhere;
  load.device = options->device;
  load.template = options->template;
  load.context = options->context;

  source = g_unix_signal_add (SIGINT, on_interrupt_load, cancellable);
  g_signal_connect (engine, "notify::progress", G_CALLBACK (on_progress), &loading);
  steer_engine_load_async (engine, &load, cancellable, on_loaded, &loading);
  g_main_loop_run (loop);
  g_source_remove (source);
  g_signal_handlers_disconnect_by_func (engine, on_progress, &loading);
  if (loading.shows_progress)
    g_printerr ("\r%28s\r", "");
  if (!loading.loaded)
    return NULL;
  template = steer_engine_get_template (engine);
  if (template != NULL && !steer_cli_options_check_thinking (options, template, error))
    return NULL;
  return g_steal_pointer (&engine);
}

char *
steer_cli_engine_dup_property (SteerEngine *engine, const char *name)
{
  char *value;

  g_object_get (engine, name, &value, NULL);
  return value;
}

static gboolean
on_interrupt_reply (gpointer data)
{
  steer_reply_stop (data);
  return G_SOURCE_CONTINUE;
}

void
steer_cli_engine_wait (SteerReply *reply)
{
  guint source = g_unix_signal_add (SIGINT, on_interrupt_reply, reply);

  while (steer_reply_get_state (reply) != STEER_REPLY_DONE)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (source);
}

/* The conversation that --prompt or --messages means. */
static gboolean
read_messages (SteerCliMessages *messages, const SteerCliOptions *options, const char *system, GError **error)
{
  if (options->messages != NULL)
    {
      if (!steer_cli_messages_read (messages, options->messages, error))
        return FALSE;
      if (options->system != NULL)
        steer_cli_messages_set_system (messages, options->system);
      return TRUE;
    }
  if (options->system != NULL)
    system = options->system;
  if (system != NULL && *system != '\0')
    steer_cli_messages_append (messages, STEER_ROLE_SYSTEM, system);
  steer_cli_messages_append (messages, STEER_ROLE_USER, options->prompt);
  return TRUE;
}

static const char *
get_date (const SteerCliOptions *options, const SteerCliMessages *messages)
{
  return options->date != NULL ? options->date : messages->date_string;
}

gboolean
steer_cli_engine_fill_request (SteerRequest *request,
                               const SteerCliOptions *options,
                               const char *system,
                               GError **error)
{
  g_auto (SteerCliMessages) messages = { 0 };

  if (options->ids != NULL)
    {
      steer_request_set_ids (request, (const gint32 *) (gpointer) options->ids->data, options->ids->len);
      return TRUE;
    }
  if (options->raw)
    {
      steer_request_set_text (request, options->prompt);
      return TRUE;
    }
  if (!read_messages (&messages, options, system, error))
    return FALSE;
  for (guint i = 0; i < messages.turns->len; i++)
    {
      const SteerTurn *turn = &g_array_index (messages.turns, SteerTurn, i);

      steer_request_add_message (request, turn->role, turn->content);
    }
  steer_request_set_date (request, get_date (options, &messages));
  steer_request_set_thinking (request, options->thinking != STEER_CLI_NO);
  return TRUE;
}

typedef struct
{
  GMainLoop *loop;
  GArray *norms; /* nullable */
} Measuring;

static void
on_measured (GObject *object, GAsyncResult *result, gpointer data)
{
  Measuring *measuring = data;

  measuring->norms = steer_engine_measure_norms_finish (STEER_ENGINE (object), result, NULL);
  g_main_loop_quit (measuring->loop);
}

GArray *
steer_cli_engine_measure_norms (SteerEngine *engine, GCancellable *cancellable)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  Measuring measuring = { loop, NULL };

  steer_engine_measure_norms_async (engine, cancellable, on_measured, &measuring);
  g_main_loop_run (loop);
  return measuring.norms;
}

gboolean
steer_cli_engine_check_text (SteerEngine *engine, gboolean needs_template, GError **error)
{
  const GError *reason = steer_engine_get_text_error (engine);

  if (steer_engine_get_tokenizer (engine) != NULL && (!needs_template || steer_engine_get_template (engine) != NULL))
    return TRUE;
  g_set_error_literal (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_NO_TEXT, reason->message);
  return FALSE;
}

GArray *
steer_cli_engine_encode (SteerEngine *engine, const SteerCliOptions *options, const char *system, GError **error)
{
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_auto (SteerCliMessages) messages = { 0 };
  g_autoptr (SteerRendering) rendering = NULL;

  if (options->ids != NULL)
    return g_array_copy (options->ids);
  if (!steer_cli_engine_check_text (engine, !options->raw, error))
    return NULL;
  if (options->raw)
    return steer_tokenizer_encode (steer_engine_get_tokenizer (engine), options->prompt, strlen (options->prompt),
                                   STEER_ENCODE_ADD_BOS, ids, error)
             ? g_steal_pointer (&ids)
             : NULL;

  if (!read_messages (&messages, options, system, error))
    return NULL;
  rendering = steer_chat_template_render (
    steer_engine_get_template (engine), (const SteerTurn *) (gpointer) messages.turns->data, messages.turns->len,
    steer_cli_options_get_opening (options), get_date (options, &messages), error);
  if (rendering == NULL
      || !steer_tokenizer_encode_spans (steer_engine_get_tokenizer (engine), rendering->text,
                                        (const SteerTextSpan *) (gpointer) rendering->spans->data,
                                        rendering->spans->len, STEER_ENCODE_DEFAULT, ids, error))
    return NULL;
  return g_steal_pointer (&ids);
}
