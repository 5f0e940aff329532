#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What some models write before they answer, between <think> and </think>: where it lies in a reply, for those who show
 * it. (How a template tells it to the model is in steer-template-thought.c.) */

typedef enum
{
  STEER_THINKING_POSSIBLE, /* so little was written that it may yet begin with a thought */
  STEER_THINKING_NONE,     /* all of it is the answer */
  STEER_THINKING_OPEN,     /* the thought goes on */
  STEER_THINKING_ENDED,
} SteerThinkingState;

/* All are byte offsets in the reply. Begin with { 0 }. */
typedef struct
{
  SteerThinkingState state;
  gsize open;   /* behind <think> */
  gsize start;  /* the thought, without blank lines before it */
  gsize end;    /* of the thought, without white space once it has ended; at start: nothing was thought */
  gsize close;  /* behind </think>; the reply's length where it did not come */
  gsize answer; /* without blank lines before it; the reply's length while there is none */
  gsize searched;
} SteerThinking;

/**
 * steer_thinking_read:
 * @reply: [length] valid UTF-8, at least as long as at the call before, and beginning with the same text
 * @complete: no more of it will come: the state is NONE or ENDED afterwards
 *
 * A thought counts where the reply begins with it, after white space, and ends with the first </think>, whatever stands
 * around that. What was read in an earlier call is not read again.
 */
void steer_thinking_read (SteerThinking *self, const char *reply, gsize length, gboolean complete);

/* Whether there is a thought of more than white space. */
gboolean steer_thinking_has_thought (const SteerThinking *self);

G_END_DECLS
