#include "steer-template-private.h"

#include <string.h>

/* --- the text and whose it is --- */

static void
append (SteerRendering *out, const char *text, gsize length, gboolean trusted)
{
  SteerTextSpan *last = out->spans->len > 0 ? &g_array_index (out->spans, SteerTextSpan, out->spans->len - 1) : NULL;
  gsize start = last != NULL ? last->start + last->length : 0;

  if (length == 0)
    return;
  out->text = g_realloc (out->text, start + length + 1);
  memcpy (out->text + start, text, length);
  out->text[start + length] = '\0';
  if (last != NULL && last->trusted == trusted)
    last->length += length;
  else
    {
      SteerTextSpan span = { start, length, trusted };

      g_array_append_val (out->spans, span);
    }
}

/* The template's own words, up to NULL. */
static void G_GNUC_NULL_TERMINATED
words (SteerRendering *out, const char *first, ...)
{
  va_list args;

  va_start (args, first);
  for (const char *word = first; word != NULL; word = va_arg (args, const char *))
    append (out, word, strlen (word), TRUE);
  va_end (args);
}

/* Python's str.isspace(): Unicode's White_Space and four separators of ASCII. */
static gboolean
is_python_space (gunichar c)
{
  return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 || c == 0x1680
         || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

/* Python's str.strip(); invalid UTF-8 is not white space. */
static void
strip (const char **text, gsize *length)
{
  const char *start = *text;
  const char *end = start + *length;

  while (start < end && is_python_space (g_utf8_get_char_validated (start, end - start)))
    start = g_utf8_next_char (start);
  while (end > start)
    {
      const char *last = end - 1;

      while (last > start && ((guint8) *last & 0xc0) == 0x80)
        last--;
      if (!is_python_space (g_utf8_get_char_validated (last, end - last)) || g_utf8_next_char (last) != end)
        break;
      end = last;
    }
  *text = start;
  *length = (gsize) (end - start);
}

/* What a person or the model wrote. */
static void
content (SteerRendering *out, const char *text, gboolean trims)
{
  gsize length = strlen (text);

  if (trims)
    strip (&text, &length);
  append (out, text, length, FALSE);
}

/* --- what all families share --- */

static gboolean
fail (GError **error, const char *what)
{
  g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_UNSUPPORTED, "the model's chat template %s", what);
  return FALSE;
}

/* Counted without a leading system message: the user has the even turns, and only those. */
static gboolean
check_alternation (const SteerTurn *turns, guint n_turns, GError **error)
{
  for (guint i = 0; i < n_turns; i++)
    if ((turns[i].role == STEER_ROLE_USER) != (i % 2 == 0))
      return fail (error, "needs user and assistant to take turns, the user first");
  return TRUE;
}

static gboolean
check_no_system (const SteerTurn *turns, guint n_turns, const char *what, GError **error)
{
  for (guint i = 0; i < n_turns; i++)
    if (turns[i].role == STEER_ROLE_SYSTEM)
      return fail (error, what);
  return TRUE;
}

static gboolean
wants_opening (const SteerTemplate *template, SteerOpening opening)
{
  return template->generation == STEER_GENERATION_ALWAYS
         || (template->generation == STEER_GENERATION_ASKED && opening != STEER_OPENING_NONE);
}

/* --- the families --- */

char *
steer_chat_template_dup_today (void)
{
  static const char months[12][4]
    = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();

  /* English whatever the locale: it is what the model was trained on */
  return g_strdup_printf ("%02d %s %d", g_date_time_get_day_of_month (now), months[g_date_time_get_month (now) - 1],
                          g_date_time_get_year (now));
}

static void
llama3_turn (SteerRendering *out, const char *role, const char *text, gboolean trims)
{
  words (out, "<|start_header_id|>", role, "<|end_header_id|>\n\n", NULL);
  content (out, text, trims);
  words (out, "<|eot_id|>", NULL);
}

static gboolean
render_llama3 (const SteerTemplate *template,
               const SteerTurn *turns,
               guint n_turns,
               const char *date_string,
               SteerRendering *out,
               GError **error)
{
  words (out, template->bos, NULL);
  if (template->opens_system)
    {
      words (out, "<|start_header_id|>system<|end_header_id|>\n\n", NULL);
      if (template->cutoff != NULL)
        {
          g_autofree char *today
            = date_string == NULL && template->date == NULL ? steer_chat_template_dup_today () : NULL;

          words (out, "Cutting Knowledge Date: ", template->cutoff, "\nToday Date: ", NULL);
          if (date_string != NULL)
            content (out, date_string, FALSE);
          else
            words (out, today != NULL ? today : template->date, NULL);
          words (out, "\n\n", NULL);
        }
      if (turns[0].role == STEER_ROLE_SYSTEM)
        {
          content (out, turns[0].content, template->trims);
          turns++;
          n_turns--;
        }
      words (out, "<|eot_id|>", NULL);
    }
  for (guint i = 0; i < n_turns; i++)
    llama3_turn (out, steer_role_get_name (turns[i].role), turns[i].content, template->trims);
  return TRUE;
}

/* A reply where thoughts are dropped: the last one, and what it is made of, keeps its own. */
static void
thought_and_answer (SteerRendering *out, const char *reply, gboolean answers_last, gboolean is_last)
{
  SteerThought thought = steer_thought_split (reply);

  if (answers_last && (is_last || thought.thought_length > 0))
    {
      words (out, "<think>\n", NULL);
      append (out, thought.thought, thought.thought_length, FALSE);
      words (out, "\n</think>\n\n", NULL);
      thought.answer += strspn (thought.answer, "\n");
    }
  content (out, thought.answer, FALSE);
}

static gboolean
render_chatml (const SteerTemplate *template,
               const SteerTurn *turns,
               guint n_turns,
               const char *date_string,
               SteerRendering *out,
               GError **error)
{
  guint question = steer_thought_find_last_question (turns, n_turns);

  words (out, template->bos, NULL);
  if (template->default_system != NULL && turns[0].role != STEER_ROLE_SYSTEM)
    words (out, "<|im_start|>system\n", template->default_system, "<|im_end|>\n", NULL);
  for (guint i = 0; i < n_turns; i++)
    {
      words (out, "<|im_start|>", steer_role_get_name (turns[i].role), "\n", NULL);
      if (template->drops_thought && turns[i].role == STEER_ROLE_ASSISTANT)
        thought_and_answer (out, turns[i].content, i > question, i + 1 == n_turns);
      else
        content (out, turns[i].content, template->trims);
      words (out, "<|im_end|>\n", NULL);
    }
  return TRUE;
}

static gboolean
render_llama2 (const SteerTemplate *template,
               const SteerTurn *turns,
               guint n_turns,
               const char *date_string,
               SteerRendering *out,
               GError **error)
{
  const char *system = NULL;

  if (turns[0].role == STEER_ROLE_SYSTEM)
    {
      system = turns[0].content;
      turns++;
      n_turns--;
    }
  if (template->alternates && !check_alternation (turns, n_turns, error))
    return FALSE;
  for (guint i = 0; i < n_turns; i++)
    if (turns[i].role == STEER_ROLE_USER)
      {
        words (out, template->bos, "[INST] ", NULL);
        if (system != NULL && i == 0)
          {
            const char *text = turns[i].content;
            gsize length = strlen (text);

            /* system and user text are stripped as one: only the user's end counts, and where nothing is left of it,
             * the line breaks before it go too */
            strip (&text, &length);
            words (out, "<<SYS>>\n", NULL);
            content (out, system, FALSE);
            words (out, length > 0 ? "\n<</SYS>>\n\n" : "\n<</SYS>>", NULL);
            if (length > 0)
              append (out, turns[i].content, (gsize) (text + length - turns[i].content), FALSE);
          }
        else
          content (out, turns[i].content, TRUE);
        words (out, " [/INST]", NULL);
      }
    else if (turns[i].role == STEER_ROLE_ASSISTANT)
      {
        words (out, " ", NULL);
        content (out, turns[i].content, TRUE);
        words (out, " ", template->eos, NULL);
      }
  return TRUE;
}

static gboolean
render_mistral (const SteerTemplate *template,
                const SteerTurn *turns,
                guint n_turns,
                const char *date_string,
                SteerRendering *out,
                GError **error)
{
  const char *system = NULL;
  guint last_user = 0, system_at;

  if (turns[0].role == STEER_ROLE_SYSTEM && template->system != STEER_SYSTEM_REFUSED)
    {
      system = turns[0].content;
      turns++;
      n_turns--;
    }
  if (!check_alternation (turns, n_turns, error)
      || !check_no_system (turns, n_turns,
                           template->system == STEER_SYSTEM_REFUSED ? "knows no system messages"
                                                                    : "allows a system message only at the beginning",
                           error))
    return FALSE;
  for (guint i = 0; i < n_turns; i++)
    if (turns[i].role == STEER_ROLE_USER)
      last_user = i;
  system_at = template->system == STEER_SYSTEM_IN_FIRST_USER  ? 0
              : template->system == STEER_SYSTEM_IN_LAST_USER ? last_user
                                                              : n_turns - 1;

  words (out, template->bos, NULL);
  for (guint i = 0; i < n_turns; i++)
    if (turns[i].role == STEER_ROLE_USER)
      {
        words (out, template->user_open, NULL);
        if (system != NULL && i == system_at)
          {
            content (out, system, FALSE);
            words (out, "\n\n", NULL);
          }
        content (out, turns[i].content, FALSE);
        words (out, template->user_close, NULL);
      }
    else
      {
        words (out, template->reply_open, NULL);
        content (out, turns[i].content, template->trims);
        words (out, template->eos, template->reply_close, NULL);
      }
  return TRUE;
}

static gboolean
render_gemma (const SteerTemplate *template,
              const SteerTurn *turns,
              guint n_turns,
              const char *date_string,
              SteerRendering *out,
              GError **error)
{
  const char *system = NULL;

  if (turns[0].role == STEER_ROLE_SYSTEM)
    {
      if (template->system == STEER_SYSTEM_REFUSED)
        return fail (error, "knows no system messages");
      system = turns[0].content;
      turns++;
      n_turns--;
    }
  if (template->alternates && !check_alternation (turns, n_turns, error))
    return FALSE;
  words (out, template->bos, NULL);
  for (guint i = 0; i < n_turns; i++)
    {
      const char *role = turns[i].role == STEER_ROLE_ASSISTANT ? "model" : steer_role_get_name (turns[i].role);

      words (out, "<start_of_turn>", role, "\n", NULL);
      if (i == 0 && system != NULL)
        {
          content (out, system, FALSE);
          words (out, "\n\n", NULL);
        }
      content (out, turns[i].content, template->trims);
      words (out, "<end_of_turn>\n", NULL);
    }
  return TRUE;
}

static gboolean
render_zephyr (const SteerTemplate *template,
               const SteerTurn *turns,
               guint n_turns,
               const char *date_string,
               SteerRendering *out,
               GError **error)
{
  for (guint i = 0; i < n_turns; i++)
    {
      words (out, "<|", steer_role_get_name (turns[i].role), "|>\n", NULL);
      content (out, turns[i].content, FALSE);
      words (out, template->eos, template->line_ends ? "\n" : "", NULL);
    }
  return TRUE;
}

static gboolean
render_deepseek (const SteerTemplate *template,
                 const SteerTurn *turns,
                 guint n_turns,
                 const char *date_string,
                 SteerRendering *out,
                 GError **error)
{
  const char *system = "";

  for (guint i = 0; i < n_turns; i++)
    if (turns[i].role == STEER_ROLE_SYSTEM)
      system = turns[i].content;
  words (out, template->bos, NULL);
  content (out, system, FALSE);
  for (guint i = 0; i < n_turns; i++)
    if (turns[i].role == STEER_ROLE_USER)
      {
        words (out, "<｜User｜>", NULL);
        content (out, turns[i].content, FALSE);
      }
    else if (turns[i].role == STEER_ROLE_ASSISTANT)
      {
        words (out, "<｜Assistant｜>", NULL);
        content (out, template->drops_thought ? steer_thought_find_answer (turns[i].content) : turns[i].content, FALSE);
        words (out, STEER_DEEPSEEK_END, NULL);
      }
  return TRUE;
}

SteerRendering *
steer_template_render (const SteerTemplate *template,
                       const SteerTurn *turns,
                       guint n_turns,
                       SteerOpening opening,
                       const char *date_string,
                       GError **error)
{
  static const struct
  {
    gboolean (*render) (const SteerTemplate *template,
                        const SteerTurn *turns,
                        guint n_turns,
                        const char *date_string,
                        SteerRendering *out,
                        GError **error);
    const char *opening; /* of an assistant's turn */
  } families[STEER_N_TEMPLATES] = {
    [STEER_TEMPLATE_LLAMA3] = { render_llama3, "<|start_header_id|>assistant<|end_header_id|>\n\n" },
    [STEER_TEMPLATE_CHATML] = { render_chatml, "<|im_start|>assistant\n" },
    [STEER_TEMPLATE_LLAMA2] = { render_llama2, "" },
    [STEER_TEMPLATE_MISTRAL] = { render_mistral, "" },
    [STEER_TEMPLATE_GEMMA] = { render_gemma, "<start_of_turn>model\n" },
    [STEER_TEMPLATE_ZEPHYR] = { render_zephyr, "<|assistant|>" },
    [STEER_TEMPLATE_DEEPSEEK] = { render_deepseek, "<｜Assistant｜>" },
  };
  g_autoptr (SteerRendering) out = g_new0 (SteerRendering, 1);

  out->text = g_strdup ("");
  out->spans = g_array_new (FALSE, FALSE, sizeof (SteerTextSpan));
  if (n_turns == 0)
    {
      fail (error, "needs at least one message");
      return NULL;
    }
  if (!families[template->family].render (template, turns, n_turns, date_string, out, error))
    return NULL;
  if (wants_opening (template, opening))
    words (out, families[template->family].opening, template->line_ends ? "\n" : "",
           template->opens_thought                                      ? "<think>\n"
           : template->skips_thought && opening == STEER_OPENING_ANSWER ? "<think>\n\n</think>\n\n"
                                                                        : "",
           NULL);
  return g_steal_pointer (&out);
}
