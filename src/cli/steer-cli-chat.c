/* `steer chat`: the conversation itself. Commands are in steer-cli-chat-commands.c, the screen in steer-cli-terminal.c.
 */
#include "steer-cli-chat.h"

#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "steer-cli-output.h"

/* A prompt that is read in less time shows no progress. */
#define PROGRESS_DELAY_US (500 * 1000)

/* A second Ctrl+C within this time ends a chat that nobody sits at. */
#define INTERRUPT_TWICE_US (1000 * 1000)

static gboolean interactive;

static const GOptionEntry entries[] = {
  { "interactive", 'i', 0, G_OPTION_ARG_NONE, &interactive,
    "Obey commands at once, also from a pipe, where lines else take their turn", NULL },
  { 0 },
};

static const SteerCliUsage usage = {
  .name = "chat",
  .arguments = "[OPTION…]",
  .description
  = "A chat in the terminal. Lines that begin with / are commands (/help lists them); they work while a reply is\n"
    "being written, so that a feature's strength can be changed in mid-sentence. Ctrl+C stops the reply, Ctrl+D\n"
    "ends the chat. Where standard input is no terminal, each of its lines is a question or a command, in turn:\n"
    "the answers go to standard output, and the chat ends with the input.",
  .examples = "  steer chat\n  steer chat --preset eiffel-tower --temperature 0\n"
              "  steer chat --model DIR --vectors vectors.safetensors --steer 15:21576=8.5,clamp\n"
              "  printf 'Hello\\n/set 1 9\\nAnd now?\\n' | steer chat --preset eiffel-tower",
  .groups = STEER_CLI_GROUP_SYSTEM | STEER_CLI_GROUP_STEERING | STEER_CLI_GROUP_SAMPLING | STEER_CLI_GROUP_MODEL
            | STEER_CLI_GROUP_THINKING | STEER_CLI_GROUP_DEVICE,
};

static void go_on (SteerCliChat *self);

static const char *
get_system (SteerCliChat *self)
{
  return self->system_chosen ? self->system : steer_preset_get_system_prompt (self->steering->preset);
}

static guint
count_turns (SteerCliChat *self)
{
  return self->messages.turns != NULL ? self->messages.turns->len : 0;
}

static void
drop_turns (SteerCliChat *self, guint n)
{
  guint n_turns = count_turns (self);

  n = MIN (n, n_turns);
  if (n > 0)
    g_array_remove_range (self->messages.turns, n_turns - n, n);
}

static const SteerTurn *
get_last_turn (SteerCliChat *self)
{
  return &g_array_index (self->messages.turns, SteerTurn, count_turns (self) - 1);
}

static void
on_chunk (SteerReply *reply, const SteerChunk *chunk, SteerCliChat *self)
{
  if (!steer_cli_terminal_write (self->terminal, chunk->text, chunk->length))
    {
      /* Nobody reads the answers any more. */
      self->status = STEER_CLI_FAILED;
      steer_cli_chat_quit (self);
    }
}

static void
on_prefilled (SteerReply *reply, GParamSpec *pspec, SteerCliChat *self)
{
  g_autofree char *text = NULL;
  guint done, total;

  g_object_get (reply, "n-prefilled", &done, "n-prompt-tokens", &total, NULL);
  if (done >= total || g_get_monotonic_time () - self->asked_at < PROGRESS_DELAY_US)
    return;
  text = g_strdup_printf ("reading: %u of %u tokens", done, total);
  steer_cli_terminal_set_status (self->terminal, text);
}

static void
finish_then (SteerCliChat *self)
{
  SteerCliThen then = self->then;

  self->then = STEER_CLI_THEN_NOTHING;
  switch (then)
    {
    case STEER_CLI_THEN_REGENERATE:
      steer_cli_chat_regenerate (self);
      break;
    case STEER_CLI_THEN_UNDO:
      steer_cli_chat_undo (self);
      break;
    case STEER_CLI_THEN_CLEAR:
      steer_cli_chat_clear (self);
      break;
    case STEER_CLI_THEN_QUIT:
      g_main_loop_quit (self->loop);
      break;
    case STEER_CLI_THEN_NOTHING:
    default:
      break;
    }
}

static void
tell_end (SteerCliChat *self, SteerReply *reply)
{
  switch (steer_reply_get_stop_reason (reply))
    {
    case STEER_STOP_LENGTH:
      steer_cli_terminal_note (self->terminal, "[%u token%s: that is --max-tokens]", self->stats.n_tokens,
                               steer_cli_plural (self->stats.n_tokens));
      break;
    case STEER_STOP_CONTEXT:
      steer_cli_terminal_note (self->terminal, "[the context is full: /clear begins a new conversation]");
      break;
    case STEER_STOP_CANCELLED:
      if (self->then == STEER_CLI_THEN_NOTHING)
        steer_cli_terminal_note (self->terminal, "[stopped]");
      break;
    case STEER_STOP_ERROR:
      steer_cli_terminal_complain (self->terminal, "%s", steer_reply_get_error (reply)->message);
      break;
    default:
      break;
    }
}

static void
on_finished (SteerReply *reply, SteerCliChat *self)
{
  gboolean failed = steer_reply_get_stop_reason (reply) == STEER_STOP_ERROR;
  const char *text = steer_reply_get_text (reply);

  steer_reply_get_stats (reply, &self->stats);
  self->has_stats = !failed;
  if (!failed || *text != '\0')
    steer_cli_terminal_end_reply (self->terminal);
  tell_end (self, reply);
  if (failed)
    {
      if (self->replaced != NULL)
        steer_cli_messages_append (&self->messages, STEER_ROLE_ASSISTANT, self->replaced);
      else
        /* The question goes too, so that the conversation stays one of questions and answers. */
        drop_turns (self, 1);
      self->status = STEER_CLI_FAILED;
      if (self->then == STEER_CLI_THEN_REGENERATE || self->then == STEER_CLI_THEN_UNDO)
        self->then = STEER_CLI_THEN_NOTHING;
    }
  else
    steer_cli_messages_append (&self->messages, STEER_ROLE_ASSISTANT, text);
  g_clear_pointer (&self->replaced, g_free);
  g_clear_object (&self->reply);
  finish_then (self);
  go_on (self);
}

/* Answers the last question. */
static void
answer (SteerCliChat *self)
{
  g_autoptr (SteerRequest) request = steer_request_new ();
  const char *system = get_system (self);
  SteerSampling sampling;

  steer_cli_steering_get_sampling (self->steering, &sampling);
  sampling.seed += self->n_again;
  if (system != NULL && *system != '\0')
    steer_request_add_message (request, STEER_ROLE_SYSTEM, system);
  for (guint i = 0; i < count_turns (self); i++)
    {
      const SteerTurn *turn = &g_array_index (self->messages.turns, SteerTurn, i);

      steer_request_add_message (request, turn->role, turn->content);
    }
  steer_request_set_sampling (request, &sampling);
  steer_request_set_stop_strings (request, (const char *const *) self->options->stop);
  steer_request_set_live_plan (request, self->steering->live);
  steer_request_set_thinking (request, self->options->thinking != STEER_CLI_NO);

  self->asked_at = g_get_monotonic_time ();
  self->reply = steer_engine_reply (self->engine, request);
  g_signal_connect (self->reply, "notify::n-prefilled", G_CALLBACK (on_prefilled), self);
  g_signal_connect (self->reply, "chunk", G_CALLBACK (on_chunk), self);
  g_signal_connect (self->reply, "finished", G_CALLBACK (on_finished), self);
}

static void
ask (SteerCliChat *self, const char *question)
{
  self->n_again = 0;
  steer_cli_messages_append (&self->messages, STEER_ROLE_USER, question);
  answer (self);
}

/* After a reply has ended, a line was obeyed, or the input has ended: what comes next. */
static void
go_on (SteerCliChat *self)
{
  if (self->reply == NULL && !g_queue_is_empty (&self->questions))
    {
      g_autofree char *question = g_queue_pop_head (&self->questions);

      ask (self, question);
    }
  if (self->reply == NULL && self->ended)
    g_main_loop_quit (self->loop);
  steer_cli_terminal_set_busy (self->terminal, self->reply != NULL);
  if (self->in_order)
    steer_cli_terminal_set_reading (self->terminal, self->reply == NULL);
}

static void
on_line (const char *text, gpointer data)
{
  SteerCliChat *self = data;
  g_autoptr (GError) error = NULL;

  if (*text == '/' && text[1] != '/')
    {
      if (!steer_cli_chat_obey (self, text, &error))
        {
          steer_cli_terminal_complain (self->terminal, "%s", error->message);
          if (self->in_order)
            self->status = STEER_CLI_FAILED;
        }
    }
  else if (strspn (text, " \t") < strlen (text))
    {
      g_queue_push_tail (&self->questions, g_strdup (*text == '/' ? text + 1 : text));
      if (self->reply != NULL)
        steer_cli_terminal_note (self->terminal, "[asked when this reply is done; Ctrl+C stops it]");
    }
  go_on (self);
}

static void
on_end (gpointer data)
{
  SteerCliChat *self = data;

  self->ended = TRUE;
  if (steer_cli_terminal_is_interactive (self->terminal))
    steer_cli_chat_quit (self);
  else
    go_on (self);
}

/* Stops the running reply; TRUE when there is one, and @then will be done when it has ended. */
static gboolean
stop_then (SteerCliChat *self, SteerCliThen then)
{
  if (self->reply == NULL)
    return FALSE;
  self->then = then;
  steer_reply_stop (self->reply);
  return TRUE;
}

void
steer_cli_chat_quit (SteerCliChat *self)
{
  g_queue_clear_full (&self->questions, g_free);
  self->ended = TRUE;
  if (!stop_then (self, STEER_CLI_THEN_QUIT))
    g_main_loop_quit (self->loop);
}

void
steer_cli_chat_regenerate (SteerCliChat *self)
{
  if (stop_then (self, STEER_CLI_THEN_REGENERATE))
    return;
  if (count_turns (self) == 0)
    {
      steer_cli_terminal_complain (self->terminal, "there is nothing to answer again");
      return;
    }
  if (get_last_turn (self)->role == STEER_ROLE_ASSISTANT)
    {
      self->replaced = g_strdup (get_last_turn (self)->content);
      drop_turns (self, 1);
    }
  self->n_again++;
  answer (self);
}

void
steer_cli_chat_undo (SteerCliChat *self)
{
  if (stop_then (self, STEER_CLI_THEN_UNDO))
    return;
  if (count_turns (self) == 0)
    {
      steer_cli_terminal_complain (self->terminal, "there is nothing to undo");
      return;
    }
  drop_turns (self, get_last_turn (self)->role == STEER_ROLE_ASSISTANT ? 2 : 1);
  self->n_again = 0;
  steer_cli_terminal_note (self->terminal, "[the last question and its answer are gone]");
}

void
steer_cli_chat_clear (SteerCliChat *self)
{
  g_queue_clear_full (&self->questions, g_free);
  if (stop_then (self, STEER_CLI_THEN_CLEAR))
    return;
  drop_turns (self, count_turns (self));
  self->n_again = 0;
  steer_cli_terminal_note (self->terminal, "[a new conversation]");
}

static gboolean
on_interrupt (gpointer data)
{
  SteerCliChat *self = data;
  gint64 now = g_get_monotonic_time ();
  gboolean twice = now - self->interrupted_at < INTERRUPT_TWICE_US;

  self->interrupted_at = now;
  if (!steer_cli_terminal_is_interactive (self->terminal) && (self->reply == NULL || twice))
    {
      self->status = STEER_CLI_FAILED;
      steer_cli_chat_quit (self);
    }
  else if (steer_cli_terminal_clear_line (self->terminal))
    return G_SOURCE_CONTINUE;
  else if (self->reply != NULL)
    steer_reply_stop (self->reply);
  else
    steer_cli_terminal_note (self->terminal, "[Ctrl+D or /quit ends the chat]");
  return G_SOURCE_CONTINUE;
}

static gboolean
on_terminate (gpointer data)
{
  SteerCliChat *self = data;

  self->status = STEER_CLI_FAILED;
  steer_cli_chat_quit (self);
  return G_SOURCE_CONTINUE;
}

static void
greet (SteerCliChat *self)
{
  g_autofree char *name = self->options->model != NULL ? steer_cli_engine_dup_property (self->engine, "model-name")
                                                       : g_strdup ("The bundled model");
  g_autofree char *device = steer_cli_engine_dup_property (self->engine, "device-name");
  guint n = g_list_model_get_n_items (G_LIST_MODEL (self->steering->preset));

  if (!steer_cli_terminal_is_interactive (self->terminal))
    return;
  steer_cli_terminal_note (self->terminal, "%s on %s. /help lists the commands, Ctrl+C stops a reply, Ctrl+D quits.",
                           name, device);
  if (n > 0)
    steer_cli_terminal_note (self->terminal, "%u feature%s it; /features lists %s.", n, n == 1 ? " steers" : "s steer",
                             n == 1 ? "it" : "them");
}

static SteerCliStatus
run (SteerCliChat *self)
{
  const SteerCliTerminalEvents events = { on_line, on_end };
  guint sources[3];

  self->terminal = steer_cli_terminal_new (&events, self);
  self->in_order = !interactive && !steer_cli_terminal_is_interactive (self->terminal);
  self->loop = g_main_loop_new (NULL, FALSE);
  sources[0] = g_unix_signal_add (SIGINT, on_interrupt, self);
  sources[1] = g_unix_signal_add (SIGTERM, on_terminate, self);
  sources[2] = g_unix_signal_add (SIGHUP, on_terminate, self);

  greet (self);
  steer_cli_terminal_set_reading (self->terminal, TRUE);
  go_on (self);
  g_main_loop_run (self->loop);

  for (guint i = 0; i < G_N_ELEMENTS (sources); i++)
    g_source_remove (sources[i]);
  if (self->reply != NULL)
    g_signal_handlers_disconnect_by_data (self->reply, self);
  g_clear_object (&self->reply);
  g_clear_pointer (&self->replaced, g_free);
  g_clear_pointer (&self->terminal, steer_cli_terminal_free);
  g_clear_pointer (&self->loop, g_main_loop_unref);
  g_queue_clear_full (&self->questions, g_free);
  steer_cli_messages_clear (&self->messages);
  g_clear_pointer (&self->system, g_free);
  return self->status;
}

SteerCliStatus
steer_cli_chat (int argc, char **argv)
{
  g_auto (SteerCliOptions) options = { 0 };
  g_autoptr (GError) error = NULL;
  g_autofree char *model = NULL;
  g_autoptr (SteerCliSteering) steering = NULL;
  g_autoptr (SteerEngine) engine = NULL;
  SteerCliStatus status;
  SteerCliChat chat = { 0 };

  if (!steer_cli_options_parse (&options, &usage, entries, argc, argv, &status))
    return status;
  if ((model = steer_cli_options_dup_model (&options, &error)) == NULL
      || (steering = steer_cli_steering_new (&options, model, &error)) == NULL
      || (engine = steer_cli_engine_load (&options, model, &error)) == NULL
      || !steer_cli_steering_bind (steering, steer_engine_get_model (engine), &error)
      || !steer_cli_engine_check_text (engine, TRUE, &error))
    return steer_cli_fail (usage.name, error);

  chat.options = &options;
  chat.engine = engine;
  chat.steering = steering;
  chat.system = g_strdup (options.system);
  chat.system_chosen = options.system != NULL;
  return run (&chat);
}
