#pragma once

#include <gtk/gtk.h>

#include "steer-text-style.h"

G_BEGIN_DECLS

#define STEER_TYPE_THOUGHT_BLOCK (steer_thought_block_get_type ())

/**
 * SteerThoughtBlock: what was thought before an answer, below a line that opens and closes it. Where the person opens
 * or closes it, `transcript.stay` is activated first.
 *
 * Signal `toggled`: the person has opened or closed it.
 */
G_DECLARE_FINAL_TYPE (SteerThoughtBlock, steer_thought_block, STEER, THOUGHT_BLOCK, GtkWidget)

/* Open, of a thought that is being written: whoever writes it adds to the boxes, and tells the end. */
SteerThoughtBlock *steer_thought_block_new (void);
/* Closed: the blocks are made of @thought, [length] Markdown at @base of the message, when it is first opened. */
SteerThoughtBlock *steer_thought_block_new_ended (const char *thought, gsize length, gsize base, SteerTextStyle *style);

void steer_thought_block_end (SteerThoughtBlock *self);
void steer_thought_block_set_open (SteerThoughtBlock *self, gboolean open);
gboolean steer_thought_block_get_open (SteerThoughtBlock *self);

/* For the blocks that are finished; hidden while there are none. */
GtkBox *steer_thought_block_get_blocks (SteerThoughtBlock *self);
/* That box is in; the block that is being written comes after it. */
GtkBox *steer_thought_block_get_body (SteerThoughtBlock *self);

G_END_DECLS
