/* Small texts that the room writes: a plan as JSON, the summary of a message. */
#include "steer-message-private.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "steering/steer-plan.h"

/* What a line of the list of chats has room for. */
#define PREVIEW_CHARS 120
/* In which that many are found, unless most of it is white space. */
#define PREVIEW_BYTES (8 * PREVIEW_CHARS)

static char *
quote (const char *text)
{
  g_autoptr (JsonNode) node = json_node_init_string (json_node_alloc (), text);

  return json_to_string (node, FALSE);
}

char *
steer_plan_describe (SteerPlan *plan)
{
  const SteerPlanOp *ops;
  GString *json;

  if (plan == NULL || steer_plan_get_n_ops (plan) == 0)
    return NULL;
  ops = steer_plan_get_ops (plan);
  json = g_string_new ("[");
  for (guint i = 0; i < steer_plan_get_n_ops (plan); i++)
    {
      g_autofree char *quoted = quote (ops[i].label != NULL ? ops[i].label : "");
      char strength[G_ASCII_DTOSTR_BUF_SIZE];

      /* Seven digits: what a float holds, without the noise that its conversion to double would show. */
      g_ascii_formatd (strength, sizeof strength, "%.7g", (double) ops[i].strength);
      g_string_append_printf (
        json, "%s{\"layer\":%u,\"index\":%" G_GUINT64_FORMAT ",\"label\":%s,\"strength\":%s,\"mode\":\"%s\"",
        i > 0 ? "," : "", ops[i].layer, ops[i].index, quoted, strength, steer_mode_get_name (ops[i].mode));
      if (ops[i].gate.text != NULL)
        {
          g_autofree char *when = quote (ops[i].gate.text);

          g_string_append_printf (json, ",\"when\":%s", when);
        }
      g_string_append_c (json, '}');
    }
  g_string_append_c (json, ']');
  return g_string_free (json, FALSE);
}

char *
steer_text_summarize (const char *text, guint n_chars)
{
  g_autoptr (GString) summary = g_string_new (NULL);
  gsize word_end = 0;
  guint length = 0;
  gboolean space = FALSE;

  for (const char *p = text; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      if (g_unichar_isspace (c) || g_unichar_iscntrl (c))
        {
          space = summary->len > 0;
          continue;
        }
      if (length + (space ? 2 : 1) > n_chars)
        {
          /* Half a word at the end reads worse than a shorter line, unless the word is most of the line. */
          if (!space && word_end > summary->len / 2)
            g_string_truncate (summary, word_end);
          g_string_append (summary, "…");
          break;
        }
      if (space)
        {
          word_end = summary->len;
          g_string_append_c (summary, ' ');
          length++;
          space = FALSE;
        }
      g_string_append_unichar (summary, c);
      length++;
    }
  return g_string_free (g_steal_pointer (&summary), FALSE);
}

/* What begins a line of Markdown: of a heading, a quotation, an item. */
static gsize
count_line_mark (const char *line)
{
  gsize indent = strspn (line, " \t");
  const char *mark = line + indent;
  gsize n = *mark == '#' ? strspn (mark, "#") : *mark != '\0' && strchr (">-*+", *mark) != NULL ? 1 : 0;

  return n > 0 && n <= 6 && mark[n] == ' ' ? indent + n : 0;
}

/* The same mark further on in the line, with something between them; NULL: there is none. */
static const char *
find_closing (const char *p, const char *end, const char *mark)
{
  gsize n = strlen (mark);
  const char *closing;

  if ((gsize) (end - p) <= 2 * n || g_ascii_isspace (p[n]))
    return NULL;
  closing = g_strstr_len (p + n + 1, end - p - (gssize) n - 1, mark);
  return closing != NULL && !g_ascii_isspace (closing[-1]) ? closing : NULL;
}

static gboolean
begins_word (const char *text, const char *p)
{
  return p == text || g_ascii_isspace (p[-1]) || (g_ascii_ispunct (p[-1]) && p[-1] != '*');
}

/* A line of Markdown without the marks that a list of chats would show as they are. */
static void
append_plain_line (GString *plain, const char *line, gsize length)
{
  const char *p = line + count_line_mark (line);
  const char *end = line + length;
  const char *strong_end = NULL;

  if (g_str_has_prefix (p, "```"))
    return;
  while (p < end)
    {
      const char *closing;

      if (p == strong_end)
        p += 2;
      else if (*p == '`' && (closing = find_closing (p, end, "`")) != NULL)
        {
          g_string_append_len (plain, p + 1, closing - p - 1);
          p = closing + 1;
        }
      else if (strong_end == NULL && g_str_has_prefix (p, "**") && begins_word (line, p)
               && (closing = find_closing (p, end, "**")) != NULL)
        {
          strong_end = closing;
          p += 2;
        }
      else
        g_string_append_c (plain, *p++);
      if (strong_end != NULL && p > strong_end)
        strong_end = NULL;
    }
}

char *
steer_text_dup_preview (const char *text)
{
  return steer_text_summarize (text, PREVIEW_CHARS);
}

char *
steer_text_dup_reply_preview (const char *text)
{
  g_autoptr (GString) plain = g_string_new (NULL);

  while (*text != '\0' && plain->len < PREVIEW_BYTES)
    {
      gsize length = strcspn (text, "\n");

      append_plain_line (plain, text, MIN (length, PREVIEW_BYTES));
      g_string_append_c (plain, '\n');
      text += length + (text[length] != '\0');
    }
  /* A character of a long line may be cut off. */
  while (!g_utf8_validate (plain->str, (gssize) plain->len, NULL))
    g_string_truncate (plain, plain->len - 1);
  return steer_text_summarize (plain->str, PREVIEW_CHARS);
}
