/* A choice by its name. */
#include "steer-hub-choice.h"

#include <string.h>

#include "steer-hub-name.h"

/* Names of an error. */
#define MAX_TOLD 20

/* How well a name is what was asked for. */
typedef enum
{
  NOT_AT_ALL,
  IN_PART,
  BY_WORDS, /* whole words of it: "q6_k" of "M-Q6_K", not of "M-Q6_K_L" */
  WHOLLY,
} Fit;

static gboolean
is_in_word (char c)
{
  return g_ascii_isalnum (c) || c == '_';
}

/* @wanted: in lower case. */
static Fit
get_fit (const SteerHubChoice *choice, const char *wanted)
{
  g_autofree char *name = g_utf8_casefold (choice->name, -1), *target = g_utf8_casefold (choice->target, -1);
  const char *at = name;
  Fit fit = NOT_AT_ALL;

  if (strcmp (name, wanted) == 0 || strcmp (target, wanted) == 0)
    return WHOLLY;
  while (fit < BY_WORDS && (at = strstr (at, wanted)) != NULL)
    {
      const char *end = at + strlen (wanted);

      fit = (at == name || !is_in_word (at[-1])) && !is_in_word (*end) ? BY_WORDS : IN_PART;
      at++;
    }
  return fit;
}

/* @names: those that were meant, or all. */
static void
set_not_found (GPtrArray *choices, GPtrArray *fitting, const char *text, GError **error)
{
  GPtrArray *told = fitting->len > 0 ? fitting : choices;
  g_autoptr (GString) names = g_string_new (NULL);

  if (choices->len == 0)
    {
      g_set_error (
        error, STEER_HUB_ERROR, STEER_HUB_ERROR_NOT_FOUND,
        "nothing in this repository can be used: no safetensors of a model with its tokenizer, no GGUF file, "
        "no file of features");
      return;
    }
  for (guint i = 0; i < MIN (told->len, MAX_TOLD); i++)
    g_string_append_printf (names, "\n  %s", ((SteerHubChoice *) g_ptr_array_index (told, i))->name);
  if (told->len > MAX_TOLD)
    g_string_append_printf (names, "\n  and %u more", told->len - MAX_TOLD);
  if (text == NULL)
    g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_NOT_FOUND, "this repository has several things; say which:%s",
                 names->str);
  else
    g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_NOT_FOUND, "%s is called \"%s\" here; there is:%s",
                 fitting->len == 0 ? "nothing" : "more than one thing", text, names->str);
}

const SteerHubChoice *
steer_hub_find_choice (GPtrArray *choices, const char *text, GError **error)
{
  g_autofree char *wanted = text != NULL && *text != '\0' ? g_utf8_casefold (text, -1) : NULL;
  g_autoptr (GPtrArray) fitting = g_ptr_array_new ();
  Fit best = IN_PART;

  for (guint i = 0; wanted != NULL && i < choices->len; i++)
    {
      SteerHubChoice *choice = g_ptr_array_index (choices, i);
      Fit fit = get_fit (choice, wanted);

      if (strcmp (choice->name, text) == 0) /* to the letter */
        return choice;
      if (fit > best)
        g_ptr_array_set_size (fitting, 0);
      best = MAX (best, fit);
      if (fit == best)
        g_ptr_array_add (fitting, choice);
    }
  if (wanted == NULL && choices->len == 1)
    return g_ptr_array_index (choices, 0);
  if (fitting->len == 1)
    return g_ptr_array_index (fitting, 0);
  set_not_found (choices, fitting, wanted != NULL ? text : NULL, error);
  return NULL;
}
