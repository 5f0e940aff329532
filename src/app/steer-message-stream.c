/* How a message's text gets onto the screen: whole, or as it is written. */
#include <glib/gi18n.h>
#include <string.h>

#include "steer-long-words.h"
#include "steer-markdown.h"
#include "steer-message-view-private.h"
#include "steer-rich-label.h"
#include "steer-transcript-closures.h"
#include "steer-whole-box.h"

/* A window that is not on the screen gets no frames. */
#define UNMAPPED_INTERVAL_MS 250

/* Pieces of typed text that one label shows. */
#define PLAIN_BYTES 4000

/* A block of at most so many bytes is a label, which is laid out as a whole in every frame; a longer one is a text
 * view, which lays out only the line that changed, but knows its height a frame later. */
#define LABEL_BYTES 1200

/* At the end of what is being written. */
#define CARET "▍"

/* Text as it was typed: cut at line breaks, since one label for a pasted book is slow to lay out. */
static void
append_plain (SteerMessageView *self, const char *text)
{
  gsize length = strlen (text), start = 0;

  do
    {
      gsize end = length;
      gsize next = length;
      GtkWidget *label;

      if (length - start > PLAIN_BYTES)
        {
          const char *line_break = memchr (text + start + PLAIN_BYTES, '\n', length - start - PLAIN_BYTES);

          if (line_break != NULL)
            {
              end = (gsize) (line_break - text);
              next = end + 1;
            }
        }
      label = steer_rich_label_new_plain (text + start, end - start, start, self->style);
      /* A short one is as wide as its words, not as wide as a paragraph's least. */
      if (end - start < 200)
        gtk_label_set_width_chars (GTK_LABEL (label), -1);
      gtk_box_append (GTK_BOX (self->content), label);
      start = next;
    }
  while (start < length);
}

/* An empty box would still take the space between it and what is around it. */
static void
hide_empty_blocks (SteerMessageView *self)
{
  gtk_widget_set_visible (GTK_WIDGET (self->blocks), gtk_widget_get_first_child (GTK_WIDGET (self->blocks)) != NULL);
}

void
steer_message_view_show_whole (SteerMessageView *self)
{
  const char *text = steer_message_get_text (self->message);
  gsize length = strlen (text);

  if (steer_message_get_role (self->message) == STEER_ROLE_ASSISTANT)
    {
      gsize answer = steer_message_view_show_thought (self, text, length, TRUE);

      steer_markdown_append_blocks (self->blocks, text + answer, length - answer, answer, self->style);
      hide_empty_blocks (self);
    }
  else
    append_plain (self, text);
  self->shown = self->tail_start = length;
}

static void
update_tags (SteerMessageView *self)
{
  for (guint level = 1; level < STEER_N_LEVELS; level++)
    {
      GdkRGBA color, tint;

      gdk_rgba_parse (&color, steer_text_style_get_color (self->style, level));
      gdk_rgba_parse (&tint, STEER_TINT);
      tint.alpha = 0.01f * STEER_TINT_PERCENT * (float) level;
      g_object_set (self->tags[level], "underline", PANGO_UNDERLINE_SINGLE, "underline-rgba", &color, "background-rgba",
                    &tint, NULL);
    }
}

/* The byte of the message at @iter of the tail. */
static gsize
find_source (SteerMessageView *self, const GtkTextIter *iter)
{
  GtkTextIter start;
  g_autofree char *before = NULL;

  gtk_text_buffer_get_start_iter (gtk_text_iter_get_buffer (iter), &start);
  before = gtk_text_iter_get_slice (&start, iter);
  return self->tail_start + strlen (before);
}

static gboolean
on_tail_tooltip (SteerMessageView *self, int x, int y, gboolean keyboard, GtkTooltip *tooltip)
{
  GtkTextIter iter;
  g_autofree char *text = NULL;

  if (keyboard)
    return FALSE;
  gtk_text_view_window_to_buffer_coords (self->tail_view, GTK_TEXT_WINDOW_WIDGET, x, y, &x, &y);
  if (!gtk_text_view_get_iter_at_location (self->tail_view, &iter, x, y))
    return FALSE;
  text = steer_text_style_dup_tooltip (self->style, find_source (self, &iter));
  if (text != NULL)
    gtk_tooltip_set_text (tooltip, text);
  return text != NULL;
}

static void
make_view (SteerMessageView *self)
{
  GtkTextBuffer *buffer;

  self->tail_view = GTK_TEXT_VIEW (gtk_text_view_new ());
  buffer = gtk_text_view_get_buffer (self->tail_view);
  for (guint level = 1; level < STEER_N_LEVELS; level++)
    self->tags[level] = gtk_text_buffer_create_tag (buffer, NULL, NULL);
  update_tags (self);
  gtk_text_view_set_editable (self->tail_view, FALSE);
  gtk_text_view_set_cursor_visible (self->tail_view, FALSE);
  steer_long_words_follow (self->tail_view);
  gtk_widget_set_has_tooltip (GTK_WIDGET (self->tail_view), TRUE);
  gtk_widget_add_css_class (GTK_WIDGET (self->tail_view), "message-text");
  gtk_widget_add_css_class (GTK_WIDGET (self->tail_view), "message-tail");
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->tail_view), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  _ ("Reply being written"), -1);
  g_signal_connect_swapped (self->tail_view, "query-tooltip", G_CALLBACK (on_tail_tooltip), self);
  gtk_box_append (self->tail_box, GTK_WIDGET (self->tail_view));
}

static void
remove_view (SteerMessageView *self)
{
  if (self->tail_view == NULL)
    return;
  g_signal_handlers_disconnect_by_data (self->tail_view, self);
  gtk_box_remove (self->tail_box, GTK_WIDGET (g_steal_pointer (&self->tail_view)));
}

static void
remove_label (SteerMessageView *self)
{
  GtkWidget *label = g_steal_pointer (&self->tail_label);

  if (label != NULL)
    gtk_box_remove (self->tail_box, gtk_widget_get_parent (label));
}

static void
set_waiting (SteerMessageView *self, gboolean waiting)
{
  if (waiting == (self->spinner != NULL))
    return;
  if (!waiting)
    {
      gtk_box_remove (GTK_BOX (self->bubble), g_steal_pointer (&self->spinner));
      return;
    }
  self->spinner = gtk_spinner_new ();
  gtk_spinner_start (GTK_SPINNER (self->spinner));
  gtk_widget_set_halign (self->spinner, GTK_ALIGN_START);
  gtk_widget_add_css_class (self->spinner, "message-spinner");
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->spinner), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  _ ("Waiting for the first word"), -1);
  gtk_box_append (GTK_BOX (self->bubble), self->spinner);
}

/* The block as a short label; a paragraph already shows its emphasis and links. */
static void
show_label (SteerMessageView *self, const char *text, gsize length)
{
  GArray *segments
    = steer_markdown_parse_inlines (text + self->tail_start, length - self->tail_start, self->tail_start);

  steer_rich_text_append (segments, CARET, strlen (CARET), 0, NULL, G_MAXSIZE, FALSE);
  remove_view (self);
  if (self->tail_label != NULL)
    steer_rich_label_set_segments (GTK_LABEL (self->tail_label), segments);
  else
    {
      self->tail_label = steer_rich_label_new (segments, self->style);
      gtk_box_append (self->tail_box, steer_whole_box_new (self->tail_label));
    }
}

/* The block as a text view: what stands behind @viewed comes before the caret, tagged run by run. */
static void
show_view (SteerMessageView *self, const char *text, gsize length)
{
  GtkTextBuffer *buffer;
  GtkTextIter iter;

  remove_label (self);
  if (self->tail_view == NULL)
    {
      make_view (self);
      self->viewed = G_MAXSIZE;
    }
  buffer = gtk_text_view_get_buffer (self->tail_view);
  if (self->viewed == G_MAXSIZE)
    {
      gtk_text_buffer_set_text (buffer, CARET, -1);
      self->viewed = self->tail_start;
    }
  gtk_text_buffer_get_end_iter (buffer, &iter);
  gtk_text_iter_backward_char (&iter);
  while (self->viewed < length)
    {
      gsize end;
      guint level = steer_text_style_get_level (self->style, self->viewed, &end);
      gsize next = MIN (end, length);

      gtk_text_buffer_insert_with_tags (buffer, &iter, text + self->viewed, (int) (next - self->viewed),
                                        level > 0 ? self->tags[level] : NULL, NULL);
      self->viewed = next;
    }
}

static void
show_tail (SteerMessageView *self, const char *text, gsize length)
{
  if (length - self->tail_start <= LABEL_BYTES)
    show_label (self, text, length);
  else
    show_view (self, text, length);
}

/* @n bytes of the tail become finished blocks. The box is shown first: one that is hidden keeps the height that was
 * measured before it got its children. */
static void
append_blocks (SteerMessageView *self, const char *text, gsize n)
{
  gtk_widget_set_visible (GTK_WIDGET (self->blocks), TRUE);
  steer_markdown_append_blocks (self->blocks, text + self->tail_start, n, self->tail_start, self->style);
  self->tail_start += n;
}

/* Blocks that are complete leave the tail. */
static void
settle_blocks (SteerMessageView *self, const char *text, gsize length)
{
  gsize n = steer_markdown_find_boundary (text + self->tail_start, length - self->tail_start);

  if (n == 0)
    return;
  append_blocks (self, text, n);
  self->viewed = G_MAXSIZE;
}

void
steer_message_view_show_part (SteerMessageView *self, const char *text, gsize end)
{
  settle_blocks (self, text, end);
  show_tail (self, text, end);
  self->tail_end = end;
  hide_empty_blocks (self);
}

void
steer_message_view_finish_part (SteerMessageView *self, const char *text, gsize end)
{
  if (end > self->tail_start)
    append_blocks (self, text, end - self->tail_start);
  remove_view (self);
  remove_label (self);
  hide_empty_blocks (self);
}

void
steer_message_view_flush (SteerMessageView *self)
{
  const char *text;
  gsize length, answer;

  g_return_if_fail (STEER_IS_MESSAGE_VIEW (self));

  if (steer_message_get_complete (self->message))
    return;
  text = steer_message_get_text (self->message);
  length = strlen (text);
  if (length > 0 && length == self->shown)
    return;
  steer_text_style_update (self->style);
  answer = steer_message_view_show_thought (self, text, length, FALSE);
  set_waiting (self, self->thought == NULL && answer == length);
  self->shown = length;
  if (answer == length)
    return;
  self->tail_start = MAX (self->tail_start, answer);
  steer_message_view_show_part (self, text, length);
}

static gboolean
on_tick (GtkWidget *widget, GdkFrameClock *clock, gpointer data)
{
  SteerMessageView *self = STEER_MESSAGE_VIEW (widget);

  self->tick = 0;
  g_clear_handle_id (&self->timer, g_source_remove);
  steer_message_view_flush (self);
  return G_SOURCE_REMOVE;
}

static gboolean
on_timer (gpointer data)
{
  SteerMessageView *self = data;

  self->timer = 0;
  if (self->tick != 0)
    gtk_widget_remove_tick_callback (GTK_WIDGET (self), self->tick);
  self->tick = 0;
  steer_message_view_flush (self);
  return G_SOURCE_REMOVE;
}

void
steer_message_view_schedule (SteerMessageView *self)
{
  if (self->tick == 0)
    self->tick = gtk_widget_add_tick_callback (GTK_WIDGET (self), on_tick, NULL, NULL);
  if (self->timer == 0)
    self->timer = g_timeout_add (UNMAPPED_INTERVAL_MS, on_timer, self);
}

void
steer_message_view_cancel_schedule (SteerMessageView *self)
{
  if (self->tick != 0)
    gtk_widget_remove_tick_callback (GTK_WIDGET (self), self->tick);
  self->tick = 0;
  g_clear_handle_id (&self->timer, g_source_remove);
}

void
steer_message_view_finish (SteerMessageView *self)
{
  const char *text = steer_message_get_text (self->message);
  gsize length = strlen (text);

  steer_message_view_cancel_schedule (self);
  set_waiting (self, FALSE);
  steer_text_style_update (self->style);
  self->tail_start = MAX (self->tail_start, steer_message_view_show_thought (self, text, length, TRUE));
  steer_message_view_finish_part (self, text, length);
  self->shown = self->tail_start = length;
}

/* The marks are others now; labels follow by themselves. */
void
steer_message_view_remark_tail (SteerMessageView *self)
{
  if (self->tail_view == NULL)
    return;
  update_tags (self);
  self->viewed = G_MAXSIZE;
  show_view (self, steer_message_get_text (self->message), self->tail_end);
}
