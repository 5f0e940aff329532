/* Recognising a model's Jinja template. The published templates of a family differ in spelling (quotes, white space,
 * message.role or message['role']) and in a few points that matter; the spelling is brought into one form first, and
 * the points are then looked for. A template whose form would be rendered wrongly is refused. */

#include "steer-template-private.h"

#include <string.h>

#define FAMILIES "llama3, chatml, llama2, mistral, gemma, zephyr, deepseek"

/* --- one spelling --- */

/* The string literal at @p (at its quote), copied with its escapes resolved; *@end is behind it. NULL: not closed. */
static char *
read_literal (const char *p, const char **end)
{
  g_autoptr (GString) text = g_string_new (NULL);
  char quote = *p++;

  for (; *p != '\0' && *p != quote; p++)
    if (*p != '\\' || p[1] == '\0')
      g_string_append_c (text, *p);
    else
      {
        p++;
        switch (*p)
          {
          case 'n':
            g_string_append_c (text, '\n');
            break;
          case 't':
            g_string_append_c (text, '\t');
            break;
          case 'r':
            g_string_append_c (text, '\r');
            break;
          case '\\':
          case '\'':
          case '"':
            g_string_append_c (text, *p);
            break;
          default: /* as Python: both stay */
            g_string_append_c (text, '\\');
            g_string_append_c (text, *p);
          }
      }
  if (*p == '\0')
    return NULL;
  *end = p + 1;
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/* Code inside of {{ }} and {% %} without white space and whitespace control, members as .name, literals between U+0001
 * and U+0002 with their escapes resolved; comments are dropped and text outside of code is kept. A template that
 * cannot be read so is returned as far as it went. */
static char *
normalize (const char *source)
{
  g_autoptr (GString) out = g_string_new (NULL);
  gboolean in_code = FALSE;
  const char *p = source;

  while (*p != '\0')
    {
      if (!in_code && p[0] == '{' && p[1] == '#')
        {
          const char *end = strstr (p, "#}");

          if (end == NULL)
            break;
          p = end + 2;
        }
      else if (!in_code && p[0] == '{' && (p[1] == '{' || p[1] == '%'))
        {
          in_code = TRUE;
          g_string_append_len (out, p, 2);
          p += p[2] == '-' ? 3 : 2;
        }
      else if (!in_code)
        g_string_append_c (out, *p++);
      else if (p[0] == '-' && (p[1] == '}' || p[1] == '%') && p[2] == '}')
        p++;
      else if ((p[0] == '}' || p[0] == '%') && p[1] == '}')
        {
          in_code = FALSE;
          g_string_append_len (out, p, 2);
          p += 2;
        }
      else if (*p == '\'' || *p == '"')
        {
          g_autofree char *literal = read_literal (p, &p);
          gsize length = literal != NULL ? strlen (literal) : 0;

          if (literal == NULL)
            break;
          /* x['name'] is x.name */
          if (out->len > 0 && out->str[out->len - 1] == '[' && *p == ']' && length > 0 && g_ascii_isalpha (literal[0]))
            {
              out->str[out->len - 1] = '.';
              g_string_append (out, literal);
              p++;
            }
          else
            g_string_append_printf (out, "\001%s\002", literal);
        }
      else if (g_ascii_isspace (*p))
        {
          /* words that white space parts stay apart: "not x", "a is defined" */
          p++;
          while (g_ascii_isspace (*p))
            p++;
          if (out->len > 0 && (g_ascii_isalnum (out->str[out->len - 1]) || out->str[out->len - 1] == '_')
              && (g_ascii_isalnum (*p) || *p == '_'))
            g_string_append_c (out, ' ');
        }
      else
        g_string_append_c (out, *p++);
    }
  return g_string_free (g_steal_pointer (&out), FALSE);
}

static gboolean
has (const char *source, const char *part)
{
  return strstr (source, part) != NULL;
}

/* What stands between @before and @after, without the marks of a literal; NULL when that is nowhere. */
static char *
find_between (const char *source, const char *before, const char *after)
{
  for (const char *p = source; (p = strstr (p, before)) != NULL; p++)
    {
      const char *start = p + strlen (before);
      const char *end = g_strstr_len (start, (gssize) strcspn (start, "\001\002") + 1, after);

      if (end != NULL)
        return g_strndup (start, (gsize) (end - start));
    }
  return NULL;
}

/* The literal that holds @part, whole. */
static char *
find_literal (const char *source, const char *part)
{
  for (const char *p = source; (p = strchr (p, '\001')) != NULL;)
    {
      const char *end = strchr (p, '\002');
      g_autofree char *literal = end != NULL ? g_strndup (p + 1, (gsize) (end - p - 1)) : NULL;

      if (literal == NULL)
        return NULL;
      if (has (literal, part))
        return g_steal_pointer (&literal);
      p = end;
    }
  return NULL;
}

static gboolean G_GNUC_PRINTF (2, 3) fail (GError **error, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_UNSUPPORTED,
               "the model's chat template %s; name the family that comes nearest with --template (" FAMILIES ")", what);
  return FALSE;
}

/* --- the families --- */

static SteerGeneration
find_generation (const char *source, const char *opening)
{
  if (has (source, "add_generation_prompt"))
    return STEER_GENERATION_ASKED;
  return has (source, opening) ? STEER_GENERATION_ALWAYS : STEER_GENERATION_NEVER;
}

static void
drop_unused_bos (SteerTemplate *template, const char *source)
{
  if (!has (source, "bos_token"))
    {
      g_free (template->bos);
      template->bos = g_strdup ("");
    }
}

static gboolean
read_llama3 (SteerTemplate *template, const char *source, GError **error)
{
  const char *date = strstr (source, "set date_string=\001");

  if (has (source, "<think>") || has (source, "enable_thinking"))
    return fail (error, "is Llama 3's with thinking, which is not supported");
  if (has (source, "\001<|begin_of_text|>"))
    {
      g_free (template->bos);
      template->bos = g_strdup ("<|begin_of_text|>");
    }
  else
    drop_unused_bos (template, source);
  template->trims = has (source, "content|trim");
  template->generation = find_generation (source, "<|start_header_id|>assistant<|end_header_id|>");
  template->opens_system = has (source, "\001<|start_header_id|>system<|end_header_id|>\n\n\002");
  if (!has (source, "Cutting Knowledge Date"))
    return TRUE;

  template->cutoff = find_between (source, "Cutting Knowledge Date: ", "\n");
  if (template->cutoff == NULL || !has (source, "\001Today Date: \002+date_string+\001\n\n\002"))
    return fail (error, "writes Llama 3's date lines in an unknown way");
  if (!has (source, "strftime_now"))
    {
      template->date = date != NULL ? find_between (date, "\001", "\002") : NULL;
      if (template->date == NULL)
        return fail (error, "has no default for Llama 3's date line");
    }
  return TRUE;
}

/* Qwen3's way: earlier replies lose their thoughts, the one under way keeps its own. */
static gboolean
read_thinking (SteerTemplate *template, const char *source, GError **error)
{
  static const char *const answers[] = {
    "content=content.split(\001</think>\002)[-1].lstrip(\001\n\002)",
    "content=message.content.split(\001</think>\002)[-1].lstrip(\001\n\002)",
    "content=(message.content.split(\001</think>\002)|last).lstrip(\001\n\002)",
  };

  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    template->drops_thought |= has (source, answers[i]);
  if (!template->drops_thought || !has (source, "loop.index0>ns.last_query_index")
      || !has (source, "loop.last or(not loop.last and reasoning_content)")
      || !has (source, "\n<think>\n\002+reasoning_content.strip(\001\n\002)+\001\n</think>\n\n\002"
                       "+content.lstrip(\001\n\002)"))
    return fail (error, "is ChatML with thinking of an unknown form");
  template->opens_thought = has (source, "\001<|im_start|>assistant\n<think>\n\002");
  template->skips_thought = !template->opens_thought && has (source, "enable_thinking is false")
                            && has (source, "\001<think>\n\n</think>\n\n\002");
  return TRUE;
}

static gboolean
read_chatml (SteerTemplate *template, const char *source, GError **error)
{
  if ((has (source, "<think>") || has (source, "enable_thinking")) && !read_thinking (template, source, error))
    return FALSE;
  if (has (source, "<|im_sep|>") || (!has (source, "<|im_end|>\n") && !has (source, "<|im_end|>\002+\001\n")))
    return fail (error, "is ChatML of an unknown form");
  drop_unused_bos (template, source);
  template->trims = has (source, "content|trim");
  template->generation = find_generation (source, "<|im_start|>assistant");
  template->default_system = find_between (source, "<|im_start|>system\n", "<|im_end|>");
  return TRUE;
}

static gboolean
read_gemma (SteerTemplate *template, const char *source, GError **error)
{
  drop_unused_bos (template, source);
  template->trims = has (source, "content|trim");
  template->generation = find_generation (source, "<start_of_turn>model");
  template->alternates = has (source, "roles must alternate");
  if (has (source, "first_user_prefix=messages[0].content+\001\n\n\002"))
    template->system = STEER_SYSTEM_IN_FIRST_USER;
  else if (has (source, "System role not supported"))
    template->system = STEER_SYSTEM_REFUSED;
  else
    return fail (error, "is Gemma's with an unknown treatment of system messages");
  return TRUE;
}

static gboolean
read_llama2 (SteerTemplate *template, const char *source, GError **error)
{
  if (!has (source, "bos_token+\001[INST] \002+content.strip()+\001 [/INST]\002")
      || !has (source, "\001 \002+content.strip()+\001 \002+eos_token")
      || !has (source, "\001<<SYS>>\n\002+system_message+\001\n<</SYS>>\n\n\002+message.content"))
    return fail (error, "is Llama 2's in an unknown form");
  template->alternates = has (source, "roles must alternate");
  template->generation = STEER_GENERATION_NEVER;
  return TRUE;
}

static gboolean
read_mistral (SteerTemplate *template, const char *source, GError **error)
{
  static const char *const replies[][4] = {
    /* what the source says; before the content, trimmed, after the end token */
    { "{{\001 \002+message.content|trim+eos_token}}", " ", "trims", "" },
    { "{{\001 \002+message.content+eos_token}}", " ", "", "" },
    { "{{message.content|trim+eos_token}}", "", "trims", "" },
    { "{{message.content+eos_token+\001 \002}}", "", "", " " },
    { "{{message.content+eos_token}}", "", "", "" },
  };

  template->user_open = find_literal (source, "[INST]");
  template->user_close = find_literal (source, "[/INST]");
  for (guint i = 0; i < G_N_ELEMENTS (replies) && template->reply_open == NULL; i++)
    if (has (source, replies[i][0]))
      {
        template->reply_open = g_strdup (replies[i][1]);
        template->trims = *replies[i][2] != '\0';
        template->reply_close = g_strdup (replies[i][3]);
      }
  if (template->user_open == NULL || template->user_close == NULL || template->reply_open == NULL
      || strspn (template->user_open, " ") != strcspn (template->user_open, "[")
      || !has (source, "roles must alternate"))
    return fail (error, "is Mistral's in an unknown form");

  template->alternates = TRUE;
  template->generation = STEER_GENERATION_NEVER;
  drop_unused_bos (template, source);
  if (!has (source, "system_message"))
    template->system = STEER_SYSTEM_REFUSED;
  else if (!has (source, "system_message+\001\n\n\002+message.content"))
    return fail (error, "is Mistral's with an unknown treatment of system messages");
  else if (has (source, "loop.first and system_message is defined"))
    template->system = STEER_SYSTEM_IN_FIRST_USER;
  else if (has (source, "loop.last and system_message is defined"))
    template->system = STEER_SYSTEM_IN_LAST_TURN;
  else if (has (source, "(message==user_messages[-1])and system_message is defined"))
    template->system = STEER_SYSTEM_IN_LAST_USER;
  else
    return fail (error, "is Mistral's with an unknown treatment of system messages");
  return TRUE;
}

static gboolean
read_zephyr (SteerTemplate *template, const char *source, GError **error)
{
  static const char *const roles[] = { "user", "system", "assistant" };

  for (guint i = 0; i < G_N_ELEMENTS (roles); i++)
    {
      g_autofree char *turn = g_strdup_printf ("\001<|%s|>\n\002+message.content+eos_token", roles[i]);

      if (!has (source, turn))
        return fail (error, "is Zephyr's in an unknown form");
    }
  template->line_ends = has (source, "eos_token}}\n");
  template->generation = find_generation (source, "\001<|assistant|>\002");
  return TRUE;
}

/* Of several system messages the last one counts, and stands first. */
static gboolean
read_deepseek (SteerTemplate *template, const char *source, GError **error)
{
  if (!has (source, "\001<｜User｜>\002+message.content}}")
      || !has (source, "+content+\001" STEER_DEEPSEEK_END "\002}}")
      || !has (source, "set ns.system_prompt=message.content%}"))
    return fail (error, "is DeepSeek's in an unknown form");
  drop_unused_bos (template, source);
  template->drops_thought = has (source, "set content=content.split(\001</think>\002)[-1]");
  template->opens_thought = has (source, "\001<｜Assistant｜><think>\n\002");
  template->generation = find_generation (source, "<｜Assistant｜>");
  return TRUE;
}

gboolean
steer_template_init_from_source (SteerTemplate *template,
                                 const char *source,
                                 const char *bos,
                                 const char *eos,
                                 GError **error)
{
  static const struct
  {
    SteerTemplateFamily family;
    const char *marks[2]; /* both must be there */
    gboolean (*read) (SteerTemplate *template, const char *source, GError **error);
  } families[] = {
    { STEER_TEMPLATE_LLAMA3, { "<|start_header_id|>", "<|eot_id|>" }, read_llama3 },
    { STEER_TEMPLATE_CHATML, { "<|im_start|>", "<|im_end|>" }, read_chatml },
    { STEER_TEMPLATE_GEMMA, { "<start_of_turn>", "<end_of_turn>" }, read_gemma },
    { STEER_TEMPLATE_LLAMA2, { "[INST]", "<<SYS>>" }, read_llama2 },
    { STEER_TEMPLATE_MISTRAL, { "[INST]", "[/INST]" }, read_mistral },
    { STEER_TEMPLATE_ZEPHYR, { "<|user|>", "<|assistant|>" }, read_zephyr },
    { STEER_TEMPLATE_DEEPSEEK, { "<｜User｜>", "<｜Assistant｜>" }, read_deepseek },
  };
  g_autofree char *normal = normalize (source);

  for (guint i = 0; i < G_N_ELEMENTS (families); i++)
    {
      if (!has (normal, families[i].marks[0]) || !has (normal, families[i].marks[1]))
        continue;
      steer_template_init (template, families[i].family, bos, eos);
      if (families[i].read (template, normal, error))
        return TRUE;
      steer_template_clear (template);
      return FALSE;
    }
  return fail (error, "belongs to no family that this program knows");
}
