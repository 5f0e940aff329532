#pragma once

#include "steer-cli-engine.h"
#include "steer-cli-messages.h"
#include "steer-cli-steering.h"
#include "steer-cli-terminal.h"

G_BEGIN_DECLS

/* What waits for the running reply to end. */
typedef enum
{
  STEER_CLI_THEN_NOTHING,
  STEER_CLI_THEN_REGENERATE,
  STEER_CLI_THEN_UNDO,
  STEER_CLI_THEN_CLEAR,
  STEER_CLI_THEN_QUIT,
} SteerCliThen;

/**
 * SteerCliChat:
 *
 * One conversation in the terminal. Everything happens on the main context: lines arrive from the terminal, text from
 * the engine. Commands act at once, also while a reply is written; questions wait for their turn. Where nobody sits at
 * the input (@in_order), a line is looked at only when the one before is answered.
 */
typedef struct
{
  const SteerCliOptions *options;
  SteerEngine *engine;
  SteerCliSteering *steering;
  SteerCliTerminal *terminal;
  GMainLoop *loop;

  gboolean in_order;
  char *system;              /* nullable */
  gboolean system_chosen;    /* by the person, so a preset does not change it */
  SteerCliMessages messages; /* what was said, without the system prompt */

  SteerReply *reply; /* nullable */
  char *replaced;    /* (nullable): the answer that the reply is to replace; it stays where the reply fails */
  gint64 asked_at;
  SteerCliThen then;
  GQueue questions; /* char *, waiting */
  guint n_again;    /* times the last question was answered again: each with another seed */
  gint64 interrupted_at;

  SteerReplyStats stats; /* of the last reply */
  gboolean has_stats;

  gboolean ended; /* the input */
  SteerCliStatus status;
} SteerCliChat;

/* Obeys a line that begins with "/". Errors: STEER_CLI_ERROR_USAGE and others, for the person to read. */
gboolean steer_cli_chat_obey (SteerCliChat *self, const char *line, GError **error);

/* What the commands ask of the chat; each may be called while a reply is being written. */
void steer_cli_chat_regenerate (SteerCliChat *self);
void steer_cli_chat_undo (SteerCliChat *self);
void steer_cli_chat_clear (SteerCliChat *self);
void steer_cli_chat_quit (SteerCliChat *self);

G_END_DECLS
