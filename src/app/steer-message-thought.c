/* What was thought before the answer, as a block of its own above it. */
#include "steer-message-view-private.h"

#include <string.h>

/* Kept with the message, whose views come and go: the words "open" and "closed", as the person had it last. */
#define CHOICE "steer-thought-choice"

static void
on_toggled (SteerThoughtBlock *thought, SteerMessageView *self)
{
  g_object_set_data (G_OBJECT (self->message), CHOICE,
                     (gpointer) (steer_thought_block_get_open (thought) ? "open" : "closed"));
}

/* @open: where the person has not chosen. */
static void
add_block (SteerMessageView *self, SteerThoughtBlock *thought, gboolean open)
{
  const char *choice = g_object_get_data (G_OBJECT (self->message), CHOICE);

  self->thought = thought;
  steer_thought_block_set_open (thought, choice != NULL ? g_str_equal (choice, "open") : open);
  g_signal_connect_object (thought, "toggled", G_CALLBACK (on_toggled), self, 0);
  gtk_box_prepend (GTK_BOX (self->bubble), GTK_WIDGET (thought));
}

/* One sees it being written; the answer has nothing to show yet. */
static void
begin (SteerMessageView *self)
{
  add_block (self, steer_thought_block_new (), TRUE);
  gtk_widget_hide (self->content);
  self->blocks = steer_thought_block_get_blocks (self->thought);
  self->tail_box = steer_thought_block_get_body (self->thought);
  self->tail_start = self->thinking.start;
}

static gboolean
is_written (SteerMessageView *self)
{
  return self->thought != NULL && GTK_WIDGET (self->blocks) != self->content;
}

/* What is open in it ends here: the answer is parsed for itself. */
static void
end (SteerMessageView *self, const char *text)
{
  steer_message_view_finish_part (self, text, self->thinking.end);
  steer_thought_block_end (self->thought);
  self->blocks = GTK_BOX (self->content);
  self->tail_box = GTK_BOX (self->bubble);
}

/* Nobody looks for an answer below a closed thought when there is none. */
static void
add_ended (SteerMessageView *self, const char *text, gboolean alone)
{
  const SteerThinking *thinking = &self->thinking;

  add_block (self,
             steer_thought_block_new_ended (text + thinking->start, thinking->end - thinking->start, thinking->start,
                                            self->style),
             alone);
}

gsize
steer_message_view_show_thought (SteerMessageView *self, const char *text, gsize length, gboolean complete)
{
  SteerThinking *thinking = &self->thinking;

  steer_thinking_read (thinking, text, length, complete);
  if (!steer_thinking_has_thought (thinking))
    return thinking->answer;
  if (thinking->state == STEER_THINKING_OPEN)
    {
      if (self->thought == NULL)
        begin (self);
      steer_message_view_show_part (self, text, thinking->end);
    }
  else if (self->thought == NULL)
    add_ended (self, text, complete && thinking->answer == length);
  else if (is_written (self))
    end (self, text);
  return thinking->answer;
}

void
steer_message_view_reveal (SteerMessageView *self, const char *words)
{
  g_return_if_fail (STEER_IS_MESSAGE_VIEW (self));

  /* As the search takes them: beginnings of words, whatever their case. */
  if (self->thought != NULL && words != NULL && *words != '\0'
      && !g_str_match_string (words, steer_message_get_text (self->message) + self->thinking.answer, TRUE))
    steer_thought_block_set_open (self->thought, TRUE);
}
