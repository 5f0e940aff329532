#include "steer-hub-closures.h"

#include <glib/gi18n.h>
#include <string.h>

#include "hub/steer-hub-name.h"
#include "model/steer-model-config.h"

/* A download that takes longer than this tells nothing that anybody can use. */
#define LONGEST_SECONDS (99.0 * 3600.0)

/* A model that is all of its repository is called by what it is stored in. */
char *
steer_hub_dup_title (const char *repo_id, const char *name)
{
  const char *slash = strrchr (repo_id, '/');

  if (!g_str_equal (name, "safetensors"))
    return g_strdup (name);
  return g_strdup (slash != NULL ? slash + 1 : repo_id);
}

char *
steer_hub_dup_downloads (gint64 n)
{
  gulong plural = (gulong) CLAMP (n, 0, G_MAXINT32);
  g_autofree char *text = NULL;

  if (n >= 999500)
    text = g_strdup_printf (n >= 9950000 ? "%.0f M" : "%.1f M", (double) n / 1e6);
  else if (n >= 9950)
    text = g_strdup_printf ("%.0f k", (double) n / 1e3);
  else
    text = g_strdup_printf ("%" G_GINT64_FORMAT, MAX (n, 0));
  /* Translators: "1.2 M downloads", "312 downloads" */
  return g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%s download", "%s downloads", plural), text);
}

static void
append (GString *text, const char *more)
{
  if (more == NULL || *more == '\0')
    return;
  if (text->len > 0)
    g_string_append (text, " · ");
  g_string_append (text, more);
}

char *
steer_hub_dup_found_detail (const SteerHubFound *found)
{
  GString *text = g_string_new (NULL);
  g_autofree char *downloads = found->downloads > 0 ? steer_hub_dup_downloads (found->downloads) : NULL;

  append (text, found->has_gguf ? "GGUF" : NULL);
  append (text, found->has_safetensors ? "safetensors" : NULL);
  append (text, downloads);
  append (text, found->gated ? _ ("asks to accept its terms") : NULL);
  return g_string_free (text, FALSE);
}

char *
steer_hub_dup_time_left (guint64 done, guint64 total, double rate)
{
  double seconds = rate > 0.0 && total > done ? (double) (total - done) / rate : 0.0;
  guint n;

  if (seconds <= 0.0 || seconds > LONGEST_SECONDS)
    return g_strdup ("");
  if (seconds < 59.5)
    {
      n = (guint) MAX (seconds + 0.5, 1.0);
      return g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%u s left", "%u s left", n), n);
    }
  if (seconds < 3570.0)
    {
      n = (guint) (seconds / 60.0 + 0.5);
      return g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%u min left", "%u min left", n), n);
    }
  n = (guint) (seconds / 3600.0 + 0.5);
  return g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%u h left", "%u h left", n), n);
}

char *
steer_hub_dup_progress (guint64 done, guint64 total, double rate)
{
  g_autofree char *some = g_format_size (done), *all = g_format_size (total);
  g_autofree char *left = steer_hub_dup_time_left (done, total, rate);
  g_autofree char *bytes = g_strdup_printf (_ ("%s of %s"), some, all);
  GString *text = g_string_new (NULL);

  append (text, bytes);
  if (rate >= 1.0)
    {
      g_autofree char *each = g_format_size ((guint64) MIN (rate, 1e15));
      /* Translators: a speed, "24 MB/s" */
      g_autofree char *speed = g_strdup_printf (_ ("%s/s"), each);

      append (text, speed);
    }
  append (text, left);
  return g_string_free (text, FALSE);
}

double
steer_hub_get_fraction (guint64 done, guint64 total)
{
  return total > 0 ? CLAMP ((double) done / (double) total, 0.0, 1.0) : 0.0;
}

char *
steer_hub_dup_downloading (const char *name, guint64 done, guint64 total)
{
  /* Rounded down: what is not there is not a hundred. */
  int percent = (int) (100.0 * steer_hub_get_fraction (done, total));

  /* Translators: "Downloading Llama-3.1-8B… 43 %" */
  return g_strdup_printf (_ ("Downloading %s… %d %%"), name, percent);
}

char *
steer_hub_dup_percent (guint64 done, guint64 total)
{
  return g_strdup_printf (_ ("Downloading… %d %%"), (int) (100.0 * steer_hub_get_fraction (done, total)));
}

char *
steer_hub_dup_sentence (const char *text)
{
  g_autofree char *first = NULL;
  const char *stop;

  if (text == NULL || *text == '\0')
    return g_strdup ("");
  first = g_utf8_substring (text, 0, 1);
  /* A name that begins it keeps its spelling. */
  if (strchr (text, ' ') != NULL && memchr (text, '/', strcspn (text, " ")) == NULL
      && memchr (text, '.', strcspn (text, " ")) == NULL)
    {
      char *upper = g_utf8_strup (first, -1);

      g_free (first);
      first = upper;
    }
  stop = g_str_has_suffix (text, ".") || g_str_has_suffix (text, "?") || g_str_has_suffix (text, ")") ? "" : ".";
  return g_strconcat (first, g_utf8_next_char (text), stop, NULL);
}

char *
steer_hub_dup_problem (const SteerHubRepo *repo, const SteerHubChoice *choice)
{
  if (choice->problem != NULL)
    return steer_hub_dup_sentence (choice->problem);
  if (choice->kind == STEER_HUB_MODEL && repo->architecture != NULL
      && !steer_model_config_knows_family (repo->architecture))
    /* Translators: %s is a kind of language models, "MambaForCausalLM" */
    return g_strdup_printf (_ ("Models of the family %s do not run here."), repo->architecture);
  if (choice->kind == STEER_HUB_MODEL && repo->quantization != NULL && !g_str_has_suffix (choice->target, ".gguf"))
    /* Translators: %s is a way to quantise, "awq" */
    return g_strdup_printf (_ ("Weights quantised with %s are not read here; GGUF files are."), repo->quantization);
  return NULL;
}

char *
steer_hub_dup_choice_detail (const SteerHubChoice *choice, guint64 memory)
{
  g_autofree char *size = g_format_size (choice->bytes), *all = NULL;

  if (choice->kind != STEER_HUB_MODEL || memory == 0 || choice->bytes <= memory)
    return g_steal_pointer (&size);
  all = g_format_size (memory);
  /* Translators: a model's size, and that of the machine's memory */
  return g_strdup_printf (_ ("%s · more than this computer’s memory of %s"), size, all);
}

const char *
steer_hub_get_problem_title (const GError *error)
{
  if (g_error_matches (error, STEER_HUB_ERROR, STEER_HUB_ERROR_FAILED))
    return _ ("Hugging Face Cannot Be Reached");
  if (g_error_matches (error, STEER_HUB_ERROR, STEER_HUB_ERROR_NOT_FOUND))
    return _ ("Nothing Found");
  return _ ("Not Possible Now");
}

gboolean
steer_hub_matches (const char *name, const char *filter)
{
  g_autofree char *folded = g_utf8_casefold (name, -1), *wanted = g_utf8_casefold (filter, -1);
  g_auto (GStrv) words = g_strsplit_set (wanted, " \t", -1);

  for (guint i = 0; words[i] != NULL; i++)
    if (strstr (folded, words[i]) == NULL)
      return FALSE;
  return TRUE;
}
