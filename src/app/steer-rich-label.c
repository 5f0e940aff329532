#include "steer-rich-label.h"

#include <glib/gi18n.h>
#include <string.h>

#include "steer-long-words.h"
#include "steer-transcript-closures.h"

typedef struct
{
  GArray *segments; /* SteerRichSegment */
  SteerTextStyle *style;
} RichLabel;

static void
segment_clear (gpointer data)
{
  SteerRichSegment *segment = data;

  g_free (segment->text);
  g_free (segment->uri);
}

GArray *
steer_rich_text_new (void)
{
  GArray *segments = g_array_new (FALSE, FALSE, sizeof (SteerRichSegment));

  g_array_set_clear_func (segments, segment_clear);
  return segments;
}

void
steer_rich_text_append (GArray *segments,
                        const char *text,
                        gsize length,
                        SteerRichFlags flags,
                        const char *uri,
                        gsize source,
                        gboolean literal)
{
  SteerRichSegment segment = {
    .text = g_strndup (text, length),
    .flags = flags,
    .uri = g_strdup (uri),
    .source = source,
    .source_length = literal ? length : 0,
  };

  g_array_append_val (segments, segment);
}

static void
append_span (GString *markup,
             const SteerRichSegment *segment,
             const char *text,
             gsize length,
             SteerTextStyle *style,
             guint level)
{
  g_autofree char *escaped = g_markup_escape_text (text, (gssize) length);
  gboolean span = level > 0 || (segment->flags & STEER_RICH_CODE) != 0;

  if (span)
    g_string_append (markup, "<span");
  if (level > 0)
    g_string_append_printf (markup, " underline=\"single\" underline_color=\"%s\"",
                            steer_text_style_get_color (style, level));
  if (level > 0 && !(segment->flags & STEER_RICH_CODE))
    g_string_append_printf (markup, " background=\"%s\" background_alpha=\"%u%%\"", STEER_TINT,
                            STEER_TINT_PERCENT * level);
  if (segment->flags & STEER_RICH_CODE)
    g_string_append_printf (markup, " font_family=\"monospace\" size=\"93%%\" background=\"%s\"",
                            steer_text_style_get_code_color (style));
  if (span)
    g_string_append_c (markup, '>');
  g_string_append (markup, escaped);
  if (span)
    g_string_append (markup, "</span>");
}

/* Of one level. Line breaks and the indentation behind them are not underlined. */
static void
append_piece (GString *markup,
              const SteerRichSegment *segment,
              const char *text,
              gsize length,
              SteerTextStyle *style,
              guint level)
{
  while (level > 0 && length > 0)
    {
      const char *line_break = memchr (text, '\n', length);
      gsize line = line_break != NULL ? (gsize) (line_break - text) : length;
      gsize next = line;

      while (next < length && strchr (" \t\n", text[next]) != NULL)
        next++;
      if (line > 0)
        append_span (markup, segment, text, line, style, level);
      if (next > line)
        append_span (markup, segment, text + line, next - line, style, 0);
      text += next;
      length -= next;
    }
  if (length > 0)
    append_span (markup, segment, text, length, style, level);
}

/* Cut where the strengths changed. */
static void
append_segment (GString *markup, const SteerRichSegment *segment, SteerTextStyle *style)
{
  gsize length = strlen (segment->text);
  gsize end, done = 0;

  while (done < length)
    {
      guint level = steer_text_style_get_level (style, segment->source + (segment->source_length > 0 ? done : 0), &end);
      gsize next = length;

      if (segment->source_length > 0 && end != G_MAXSIZE && end - segment->source < length)
        next = end - segment->source;
      append_piece (markup, segment, segment->text + done, next - done, style, level);
      done = next;
    }
}

char *
steer_rich_text_to_markup (const GArray *segments, SteerTextStyle *style)
{
  GString *markup = g_string_new (NULL);

  for (guint i = 0; i < segments->len; i++)
    {
      const SteerRichSegment *segment = &g_array_index (segments, SteerRichSegment, i);
      g_autofree char *uri = segment->uri != NULL ? g_markup_escape_text (segment->uri, -1) : NULL;

      if (uri != NULL)
        g_string_append_printf (markup, "<a href=\"%s\">", uri);
      if (segment->flags & STEER_RICH_BOLD)
        g_string_append (markup, "<b>");
      if (segment->flags & STEER_RICH_ITALIC)
        g_string_append (markup, "<i>");
      append_segment (markup, segment, style);
      if (segment->flags & STEER_RICH_ITALIC)
        g_string_append (markup, "</i>");
      if (segment->flags & STEER_RICH_BOLD)
        g_string_append (markup, "</b>");
      if (uri != NULL)
        g_string_append (markup, "</a>");
    }
  return g_string_free (markup, FALSE);
}

static void
rich_label_free (gpointer data)
{
  RichLabel *rich = data;

  g_array_unref (rich->segments);
  g_object_unref (rich->style);
  g_free (rich);
}

static RichLabel *
get_rich (GtkLabel *label)
{
  return g_object_get_data (G_OBJECT (label), "steer-rich-label");
}

static void
refresh (GtkLabel *label)
{
  RichLabel *rich = get_rich (label);
  g_autofree char *markup = steer_rich_text_to_markup (rich->segments, rich->style);

  gtk_label_set_markup (label, markup);
}

static void
choose_wrap (GtkLabel *label)
{
  const char *text = gtk_label_get_text (label);

  gtk_label_set_wrap_mode (label, steer_long_words_choose_wrap (text, strlen (text)));
}

/* The byte of the message that is shown at byte @index of the label. */
static gsize
find_source (const RichLabel *rich, gsize index)
{
  gsize start = 0;

  for (guint i = 0; i < rich->segments->len; i++)
    {
      const SteerRichSegment *segment = &g_array_index (rich->segments, SteerRichSegment, i);
      gsize length = strlen (segment->text);

      if (index < start + length)
        return segment->source + (segment->source_length > 0 ? index - start : 0);
      start += length;
    }
  return G_MAXSIZE;
}

static char *
dup_run_tooltip (SteerTextStyle *style, gsize source)
{
  const SteerTextRun *run = steer_text_style_get_run (style, source);
  const SteerTextRun *first = steer_text_style_get_run (style, 0);

  if (run == NULL || !steer_text_style_get_show (style))
    return NULL;
  /* Where nothing was ever steered there is nothing to tell. */
  if (run == first && !steer_transcript_has_steering (run->steering)
      && steer_text_style_get_run (style, run->start + run->length) == NULL)
    return NULL;
  return steer_transcript_dup_strengths (run->steering);
}

char *
steer_text_style_dup_tooltip (SteerTextStyle *style, gsize source)
{
  g_autofree char *strengths = dup_run_tooltip (style, source);
  g_autofree char *details = source != G_MAXSIZE ? steer_text_style_dup_details (style, source) : NULL;

  if (details == NULL)
    return g_steal_pointer (&strengths);
  return strengths != NULL ? g_strdup_printf ("%s\n\n%s", strengths, details) : g_strdup (details);
}

static gboolean
on_query_tooltip (GtkLabel *label, int x, int y, gboolean keyboard, GtkTooltip *tooltip, gpointer data)
{
  RichLabel *rich = get_rich (label);
  const char *uri = gtk_label_get_current_uri (label);
  g_autofree char *strengths = NULL;
  g_autofree char *text = NULL;
  int left, top, index, trailing;

  if (keyboard)
    return FALSE;
  gtk_label_get_layout_offsets (label, &left, &top);
  if (pango_layout_xy_to_index (gtk_label_get_layout (label), (x - left) * PANGO_SCALE, (y - top) * PANGO_SCALE, &index,
                                &trailing))
    strengths = steer_text_style_dup_tooltip (rich->style, find_source (rich, (gsize) index));
  if (strengths == NULL && uri == NULL)
    return FALSE;
  /* Where a link leads is told before it is followed. */
  text = uri != NULL && strengths != NULL ? g_strdup_printf ("%s\n%s", uri, strengths)
                                          : g_strdup (uri != NULL ? uri : strengths);
  gtk_tooltip_set_text (tooltip, text);
  return TRUE;
}

/* The label's own handler opens the rest. */
static gboolean
on_activate_link (GtkLabel *label, const char *uri, gpointer data)
{
  return !steer_transcript_is_safe_uri (uri);
}

/* Pango would put hyphens where it breaks a word that is longer than the line, as if they were in the text. */
static void
forbid_hyphens (GtkLabel *label)
{
  g_autoptr (PangoAttrList) attributes = pango_attr_list_new ();

  pango_attr_list_insert (attributes, pango_attr_insert_hyphens_new (FALSE));
  gtk_label_set_attributes (label, attributes);
}

/* One for all labels. */
static GMenuModel *
get_menu (void)
{
  static GMenu *menu;

  if (menu == NULL)
    {
      menu = g_menu_new ();
      g_menu_append (menu, _ ("_Features in This Text…"), "message.inspect");
    }
  return G_MENU_MODEL (menu);
}

GtkWidget *
steer_rich_label_new (GArray *segments, SteerTextStyle *style)
{
  GtkWidget *label = gtk_label_new (NULL);
  RichLabel *rich = g_new0 (RichLabel, 1);

  rich->segments = segments;
  rich->style = g_object_ref (style);
  g_object_set_data_full (G_OBJECT (label), "steer-rich-label", rich, rich_label_free);

  forbid_hyphens (GTK_LABEL (label));
  gtk_label_set_wrap (GTK_LABEL (label), TRUE);
  gtk_label_set_xalign (GTK_LABEL (label), 0.0f);
  /* A wrapping label without a width of its own measures every word of its text to find its narrowest form. */
  gtk_label_set_width_chars (GTK_LABEL (label), 8);
  gtk_label_set_selectable (GTK_LABEL (label), TRUE);
  gtk_widget_set_has_tooltip (label, TRUE);
  gtk_label_set_extra_menu (GTK_LABEL (label), get_menu ());
  gtk_widget_add_css_class (label, "message-text");
  g_signal_connect (label, "query-tooltip", G_CALLBACK (on_query_tooltip), NULL);
  g_signal_connect (label, "activate-link", G_CALLBACK (on_activate_link), NULL);
  g_signal_connect_object (style, "changed", G_CALLBACK (refresh), label, G_CONNECT_SWAPPED);
  refresh (GTK_LABEL (label));
  choose_wrap (GTK_LABEL (label));
  return label;
}

void
steer_rich_label_set_segments (GtkLabel *label, GArray *segments)
{
  RichLabel *rich = get_rich (label);

  g_array_unref (rich->segments);
  rich->segments = segments;
  refresh (label);
  choose_wrap (label);
}

GtkWidget *
steer_rich_label_new_plain (const char *text, gsize length, gsize source, SteerTextStyle *style)
{
  GArray *segments = steer_rich_text_new ();

  steer_rich_text_append (segments, text, length, 0, NULL, source, TRUE);
  return steer_rich_label_new (segments, style);
}
