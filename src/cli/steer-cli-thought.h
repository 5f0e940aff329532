#pragma once

#include "text/steer-thinking.h"

G_BEGIN_DECLS

/* A reply for a terminal with colours: what was thought before the answer is dim, its tags with it. Every piece is dim
 * for itself, so that what else is written in between is not. Begin with { 0 }; end gives everything back. */
typedef struct
{
  SteerThinking thinking;
  GString *reply; /* nullable: as far as it matters */
  gsize shown;    /* bytes of it */
} SteerCliThought;

/* Appends what can be shown of the next piece of a reply, @text, [length], to @out. Half a tag waits for the rest. */
void steer_cli_thought_append (SteerCliThought *self, GString *out, const char *text, gsize length);
/* And what has waited in vain. */
void steer_cli_thought_end (SteerCliThought *self, GString *out);

G_END_DECLS
