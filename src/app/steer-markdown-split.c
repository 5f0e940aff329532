/* Where a text that is still being written can be cut so that what stands before the cut is final. */
#include <string.h>

#include "steer-markdown.h"

typedef struct
{
  char fence; /* '`' or '~' inside a block of code, else 0 */
  gsize fence_length;
  gboolean in_list; /* the block before began with a list's marker */
  gboolean blank;   /* the line before was blank */
  gboolean any;     /* there is text before */
} State;

static gsize
count_indent (const char *line, gsize length)
{
  gsize indent = 0;

  for (gsize i = 0; i < length && (line[i] == ' ' || line[i] == '\t'); i++)
    indent += line[i] == '\t' ? 4 - indent % 4 : 1;
  return indent;
}

static gboolean
is_blank (const char *line, gsize length)
{
  for (gsize i = 0; i < length; i++)
    {
      if (!g_ascii_isspace (line[i]))
        return FALSE;
    }
  return TRUE;
}

/* How many of the same fence character @line begins with; 0 when fewer than three. */
static gsize
count_fence (const char *line, gsize length, char *fence)
{
  gsize start = 0, n = 0;

  while (start < length && (line[start] == ' ' || line[start] == '\t'))
    start++;
  if (start == length || (line[start] != '`' && line[start] != '~'))
    return 0;
  *fence = line[start];
  while (start + n < length && line[start + n] == *fence)
    n++;
  if (n < 3)
    return 0;
  /* A line of code such as ```x``` is no fence. */
  if (*fence == '`' && memchr (line + start + n, '`', length - start - n) != NULL)
    return 0;
  return n;
}

/* "- ", "* ", "+ ", "1. ", "12) " */
static gboolean
is_list_item (const char *line, gsize length)
{
  gsize i = 0, digits = 0;

  while (i < length && line[i] == ' ')
    i++;
  while (i + digits < length && digits < 10 && g_ascii_isdigit (line[i + digits]))
    digits++;
  if (digits > 0)
    return i + digits < length && (line[i + digits] == '.' || line[i + digits] == ')');
  return i < length && strchr ("-*+", line[i]) != NULL
         && (i + 1 >= length || line[i + 1] == ' ' || line[i + 1] == '\t');
}

/* Whether what @line begins is for certain a block of its own after a blank line. @whole: it ends with its break. */
static gboolean
begins_block (const State *state, const char *line, gsize length, gboolean whole)
{
  if (!state->blank || !state->any || count_indent (line, length) > 0)
    return FALSE;
  if (!state->in_list)
    return TRUE;
  /* "1" may yet become the next item, "1." is one. */
  if (!whole && length < 12)
    return FALSE;
  return !is_list_item (line, length);
}

/* The closing line has nothing beside the fence. */
static gboolean
is_bare_fence (const char *line, gsize length, char fence)
{
  for (gsize i = 0; i < length; i++)
    {
      if (line[i] != fence && !g_ascii_isspace (line[i]))
        return FALSE;
    }
  return TRUE;
}

static void
take_line (State *state, const char *line, gsize length)
{
  char fence = 0;
  gsize n = count_fence (line, length, &fence);

  state->blank = is_blank (line, length);
  if (state->fence != 0)
    {
      state->blank = FALSE;
      if (n >= state->fence_length && fence == state->fence && is_bare_fence (line, length, fence))
        state->fence = 0;
      return;
    }
  if (n > 0)
    {
      state->fence = fence;
      state->fence_length = n;
    }
  if (!state->blank && !state->any)
    state->in_list = is_list_item (line, length);
  state->any |= !state->blank;
}

gsize
steer_markdown_find_boundary (const char *text, gsize length)
{
  State state = { 0 };
  gsize boundary = 0;

  for (gsize start = 0; start < length;)
    {
      const char *end = memchr (text + start, '\n', length - start);
      gsize line_length = end != NULL ? (gsize) (end - text) - start : length - start;

      if (state.fence == 0 && !is_blank (text + start, line_length)
          && begins_block (&state, text + start, line_length, end != NULL))
        {
          boundary = start;
          state = (State){ 0 };
        }
      if (end == NULL)
        break;
      take_line (&state, text + start, line_length);
      start += line_length + 1;
    }
  return boundary;
}
